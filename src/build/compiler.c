/* Which compiler for GPU kernels there is, told to programs. */
#include <pthread.h>
#include <stdio.h>
#include <string.h>

#include "cuda/nvrtc.h"
#include "hone/build.h"

enum {
    ARCHS_SIZE = HONE_NVRTC_MAX_ARCHS * 8
};

static char archs[ARCHS_SIZE];

static void list_archs(void)
{
    const hone_nvrtc *nvrtc;
    int at = 0;

    if (hone_nvrtc_open(&nvrtc) != HONE_OK)
        return;
    const hone_nvrtc_info *info = hone_nvrtc_describe(nvrtc);
    for (int i = 0; i < info->n_archs; i++)
        at += snprintf(archs + at, sizeof archs - (size_t)at, "%ssm_%d", i ? " " : "",
                       info->archs[i]);
}

hone_status hone_compiler_describe(hone_compiler_info *info)
{
    static pthread_once_t once = PTHREAD_ONCE_INIT;
    const hone_nvrtc *nvrtc;

    HONE_TRY(hone_nvrtc_open(&nvrtc));
    pthread_once(&once, list_archs);
    const hone_nvrtc_info *found = hone_nvrtc_describe(nvrtc);
    const hone_compiler_info full = {
        .size = info->size,
        .file = found->file,
        .include = found->include,
        .archs = archs,
        .major = found->major,
        .minor = found->minor,
    };
    memcpy(info, &full, HONE_MIN(info->size, sizeof full));
    return HONE_OK;
}
