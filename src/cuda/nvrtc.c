/* Compiles kernels by NVRTC. A program is made, compiled and destroyed in one call, so that any
 * number of threads can compile at once. */
#include "cuda/nvrtc.h"

#include <limits.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cuda/library.h"

typedef struct nvrtc_program *nvrtcProgram;

enum {
    MAX_HEADERS = 16,
    LOG_SHOWN = 1200, /* characters of the log that a message carries */
    RESULT_INVALID_OPTION = 5,
    RESULT_COMPILATION = 6
};

typedef struct functions {
#define NVRTC(name, params) int(*name) params;
#include "cuda/nvrtc.def"
#undef NVRTC
} functions;

struct hone_nvrtc {
    functions f;
    void *library;
    char file[PATH_MAX];
    char include[PATH_MAX];
    hone_nvrtc_info info;
};

static const hone_library_symbol symbols[] = {
#define NVRTC(name, params) {#name, offsetof(functions, name), false},
#include "cuda/nvrtc.def"
#undef NVRTC
};

static hone_status check(int result, const char *call)
{
    if (result == 0)
        return HONE_OK;
    return hone_error(HONE_ERR_BUILD, "calling %s: result %d", call, result);
}

static hone_status ask(hone_nvrtc *n)
{
    hone_nvrtc_info *info = &n->info;
    int archs[256];

    HONE_TRY(check(n->f.nvrtcVersion(&info->major, &info->minor), "nvrtcVersion"));
    HONE_TRY(check(n->f.nvrtcGetNumSupportedArchs(&info->n_archs), "nvrtcGetNumSupportedArchs"));
    if (info->n_archs > HONE_COUNT(archs))
        return hone_error(HONE_ERR_BUILD, "asking NVRTC: it knows %d architectures", info->n_archs);
    HONE_TRY(check(n->f.nvrtcGetSupportedArchs(archs), "nvrtcGetSupportedArchs"));
    info->n_archs = HONE_MIN(info->n_archs, HONE_NVRTC_MAX_ARCHS);
    memcpy(info->archs, archs, sizeof archs[0] * (size_t)info->n_archs);
    info->file = n->file;
    info->include = n->include[0] ? n->include : NULL;
    return HONE_OK;
}

hone_status hone_nvrtc_load(const char *file, hone_nvrtc **out)
{
    const char *reason = NULL;
    hone_nvrtc *n = NULL;
    hone_status st;

    HONE_TRY_OUT(hone_alloc_zero(NULL, sizeof *n, (void **)&n));
    n->library = hone_library_open(file, &reason);
    if (!n->library)
        HONE_TRY_OUT(hone_error(HONE_ERR_UNSUPPORTED, "opening NVRTC: %s", reason));
    const char *missing = hone_library_fill(n->library, symbols, HONE_COUNT(symbols), &n->f);
    if (missing)
        HONE_TRY_OUT(hone_error(HONE_ERR_UNSUPPORTED,
                                "opening NVRTC: %s has no function %s; 11.2 or newer is needed",
                                file, missing));
    snprintf(n->file, sizeof n->file, "%s", hone_library_file(n->library, symbols[0].name));
    hone_nvrtc_open_builtins(n->file);
    hone_nvrtc_find_headers(n->file, n->include, sizeof n->include);
    HONE_TRY_OUT(ask(n));
    *out = n;
    n = NULL; /* now the caller's */
out:
    hone_nvrtc_close(n);
    return st;
}

void hone_nvrtc_close(hone_nvrtc *n)
{
    if (!n)
        return;
    hone_library_close(n->library);
    hone_free(NULL, n, sizeof *n);
}

static bool attempt_load(void *user, const char *file)
{
    return hone_nvrtc_load(file, user) == HONE_OK;
}

static hone_status not_found(void)
{
    const char *named = getenv("HONE_NVRTC");

    if (named && *named)
        return hone_error(
            HONE_ERR_UNSUPPORTED,
            "opening NVRTC, which compiles GPU kernels: none could be opened at \"%s\", "
            "which HONE_NVRTC names; \"pip install nvidia-cuda-nvrtc\" or a CUDA "
            "toolkit brings one, which is found where HONE_NVRTC is not set",
            named);
    return hone_error(HONE_ERR_UNSUPPORTED,
                      "opening NVRTC, which compiles GPU kernels: no libnvrtc.so was found; \"pip "
                      "install nvidia-cuda-nvrtc\" or a CUDA toolkit brings it, and HONE_NVRTC can "
                      "name its file or folder");
}

hone_status hone_nvrtc_open(const hone_nvrtc **out)
{
    static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
    static hone_nvrtc *nvrtc;
    hone_status st = HONE_OK;

    pthread_mutex_lock(&lock);
    if (!nvrtc && !hone_nvrtc_find(attempt_load, &nvrtc))
        st = not_found();
    pthread_mutex_unlock(&lock);
    if (st == HONE_OK)
        *out = nvrtc;
    return st;
}

const hone_nvrtc_info *hone_nvrtc_describe(const hone_nvrtc *nvrtc)
{
    return &nvrtc->info;
}

bool hone_nvrtc_has_arch(const hone_nvrtc *nvrtc, const char *arch)
{
    const int number = strncmp(arch, "sm_", 3) == 0 ? atoi(arch + 3) : 0;

    for (int i = 0; i < nvrtc->info.n_archs; i++)
        if (nvrtc->info.archs[i] == number)
            return true;
    return false;
}

static hone_status create_program(const hone_nvrtc *n, const hone_nvrtc_job *job, nvrtcProgram *out)
{
    const char *texts[MAX_HEADERS], *names[MAX_HEADERS];

    if (job->n_headers > MAX_HEADERS)
        return hone_error(HONE_ERR_INTERNAL, "compiling %s: %d headers; at most %d are allowed",
                          job->source.name, job->n_headers, MAX_HEADERS);
    for (int i = 0; i < job->n_headers; i++) {
        texts[i] = job->headers[i].text;
        names[i] = job->headers[i].name;
    }
    return check(n->f.nvrtcCreateProgram(out, job->source.text, job->source.name, job->n_headers,
                                         texts, names),
                 "nvrtcCreateProgram");
}

/* The log; an empty one where NVRTC has none. */
static hone_status read_log(const hone_nvrtc *n, nvrtcProgram program,
                            const hone_allocator *allocator, hone_nvrtc_result *result)
{
    size_t size = 0;

    if (n->f.nvrtcGetProgramLogSize(program, &size) != 0)
        size = 0;
    HONE_TRY(hone_alloc_zero(allocator, size + 1, (void **)&result->log));
    result->log_size = size + 1;
    if (size)
        n->f.nvrtcGetProgramLog(program, result->log);
    return HONE_OK;
}

/* As many whole lines as fit into a message. */
static int shown_length(const char *log)
{
    size_t n = strnlen(log, LOG_SHOWN);

    if (n == LOG_SHOWN)
        while (n > 0 && log[n] != '\n')
            n--;
    while (n > 0 && log[n - 1] == '\n')
        n--;
    return (int)(n ? n : strnlen(log, LOG_SHOWN));
}

static hone_status explain(const hone_nvrtc *n, const hone_nvrtc_job *job, int result,
                           const char *log)
{
    if (result == RESULT_INVALID_OPTION && !hone_nvrtc_has_arch(n, job->arch))
        return hone_error(HONE_ERR_BUILD,
                          "compiling %s for %s: NVRTC %d.%d does not know this architecture; a "
                          "newer nvidia-cuda-nvrtc does\n%.*s",
                          job->source.name, job->arch, n->info.major, n->info.minor,
                          shown_length(log), log);
    return hone_error(HONE_ERR_BUILD, "compiling %s for %s by NVRTC %d.%d: %s\n%.*s",
                      job->source.name, job->arch, n->info.major, n->info.minor,
                      result == RESULT_COMPILATION ? "the source has errors" : "it failed",
                      shown_length(log), log);
}

static hone_status compile(const hone_nvrtc *n, const hone_nvrtc_job *job, nvrtcProgram program,
                           int *result)
{
    const char *options[HONE_NVRTC_MAX_OPTIONS + 4];
    char arch[64], include[PATH_MAX + 16];
    int count = 0;

    if (job->n_options > HONE_NVRTC_MAX_OPTIONS)
        return hone_error(HONE_ERR_INTERNAL, "compiling %s: %d options; at most %d are allowed",
                          job->source.name, job->n_options, HONE_NVRTC_MAX_OPTIONS);
    snprintf(arch, sizeof arch, "--gpu-architecture=%s", job->arch);
    options[count++] = arch;
    options[count++] = "--std=c++17";
    if (n->include[0]) {
        snprintf(include, sizeof include, "--include-path=%s", n->include);
        options[count++] = include;
    }
    for (int i = 0; i < job->n_options; i++)
        options[count++] = job->options[i];
    *result = n->f.nvrtcCompileProgram(program, count, options);
    return HONE_OK;
}

static hone_status read_image(const hone_nvrtc *n, nvrtcProgram program, bool is_ptx,
                              const hone_allocator *allocator, hone_nvrtc_result *result)
{
    size_t size = 0;
    void *image;

    HONE_TRY(check(is_ptx ? n->f.nvrtcGetPTXSize(program, &size)
                          : n->f.nvrtcGetCUBINSize(program, &size),
                   "nvrtcGetCUBINSize"));
    if (size == 0)
        return hone_error(HONE_ERR_BUILD, "reading what NVRTC compiled: there is nothing");
    HONE_TRY(hone_alloc(allocator, size, &image));
    result->image = (hone_bytes){image, size};
    return check(is_ptx ? n->f.nvrtcGetPTX(program, image) : n->f.nvrtcGetCUBIN(program, image),
                 "nvrtcGetCUBIN");
}

hone_status hone_nvrtc_compile(const hone_nvrtc *n, const hone_allocator *allocator,
                               const hone_nvrtc_job *job, hone_nvrtc_result *out)
{
    const bool is_ptx = strncmp(job->arch, "compute_", 8) == 0;
    hone_nvrtc_result r = {{NULL, 0}, NULL, 0};
    nvrtcProgram program = NULL;
    hone_status st;
    int result;

    HONE_TRY_OUT(create_program(n, job, &program));
    HONE_TRY_OUT(compile(n, job, program, &result));
    HONE_TRY_OUT(read_log(n, program, allocator, &r));
    if (result != 0)
        HONE_TRY_OUT(explain(n, job, result, r.log));
    HONE_TRY_OUT(read_image(n, program, is_ptx, allocator, &r));
    *out = r;
    r = (hone_nvrtc_result){{NULL, 0}, NULL, 0}; /* now the caller's */
out:
    hone_nvrtc_result_fini(allocator, &r);
    if (program)
        n->f.nvrtcDestroyProgram(&program);
    return st;
}

void hone_nvrtc_result_fini(const hone_allocator *allocator, hone_nvrtc_result *result)
{
    hone_free(allocator, (void *)(uintptr_t)result->image.data, result->image.size);
    hone_free(allocator, result->log, result->log_size);
    *result = (hone_nvrtc_result){{NULL, 0}, NULL, 0};
}
