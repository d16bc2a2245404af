/* NVRTC, NVIDIA's compiler as a library, opened at run time. The builder alone uses it: no plan
 * needs it to run. It needs no GPU. */
#ifndef HONE_CUDA_NVRTC_H
#define HONE_CUDA_NVRTC_H

#include "base/bytes.h"

typedef struct hone_nvrtc hone_nvrtc;

/* Opens NVRTC, once for the process: the one that the environment variable HONE_NVRTC names (a
 * file or a folder), or one on the library path, of a CUDA toolkit, or of the Python package
 * nvidia-cuda-nvrtc. Threads: any.
 *
 * Errors  HONE_ERR_UNSUPPORTED  none was found: the message says how to get it */
hone_status hone_nvrtc_open(const hone_nvrtc **out);

#define HONE_NVRTC_MAX_ARCHS 64
typedef struct hone_nvrtc_info {
    const char *file;    /* "/usr/local/cuda/lib64/libnvrtc.so.13" */
    const char *include; /* CUDA's headers near it (cuda_fp16.h, ...); NULL where there are none */
    int major, minor;    /* of its CUDA version */
    int archs[HONE_NVRTC_MAX_ARCHS]; /* 75, 80, ..., ascending */
    int n_archs;
} hone_nvrtc_info;
const hone_nvrtc_info *hone_nvrtc_describe(const hone_nvrtc *nvrtc);

/* A text with a name: a kernel, or a header that it includes by that name. */
typedef struct hone_nvrtc_text {
    const char *name;
    const char *text;
} hone_nvrtc_text;

typedef struct hone_nvrtc_job {
    hone_nvrtc_text source;
    const hone_nvrtc_text *headers;
    int n_headers;
    const char *arch;           /* "sm_90a" for machine code, "compute_90" for PTX */
    const char *const *options; /* further ones, "-lineinfo"; at most HONE_NVRTC_MAX_OPTIONS */
    int n_options;
} hone_nvrtc_job;

#define HONE_NVRTC_MAX_OPTIONS 16

/* What came out: hone_nvrtc_result_fini frees it. */
typedef struct hone_nvrtc_result {
    hone_bytes image; /* a cubin, or PTX with its final zero byte */
    char *log;        /* warnings; "" where there are none */
    size_t log_size;
} hone_nvrtc_result;

/* Compiles. Threads: any number at once.
 *
 * Errors  HONE_ERR_BUILD  the source is at fault, or this NVRTC is too old for the architecture:
 *                         the message has the first lines of its log */
hone_status hone_nvrtc_compile(const hone_nvrtc *nvrtc, const hone_allocator *allocator,
                               const hone_nvrtc_job *job, hone_nvrtc_result *out);
void hone_nvrtc_result_fini(const hone_allocator *allocator, hone_nvrtc_result *result);

/* Whether this NVRTC makes machine code for it: "sm_90a", "sm_86". */
bool hone_nvrtc_has_arch(const hone_nvrtc *nvrtc, const char *arch);

/* Opens a library that libnvrtc.so may be, without looking elsewhere: for tests. */
hone_status hone_nvrtc_load(const char *file, hone_nvrtc **out);
void hone_nvrtc_close(hone_nvrtc *nvrtc); /* of hone_nvrtc_load alone; takes NULL */

/* nvrtc_find.c: calls `try` with one candidate after the other until it returns true; false where
 * none did. */
bool hone_nvrtc_find(bool (*attempt)(void *user, const char *file), void *user);
/* Opens libnvrtc-builtins.so beside the file, as NVRTC would find it only on the library path; and
 * finds the folder of CUDA's headers, "" where there is none. */
void hone_nvrtc_open_builtins(const char *file);
void hone_nvrtc_find_headers(const char *file, char *folder, size_t room);

#endif
