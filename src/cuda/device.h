/* A GPU: what it is, and its primary context, which every program of the process shares.
 *
 * Threads enter a device before they call anything that is declared here or in a header of this
 * folder with a device, and leave it afterwards: the caller's own current context comes back.
 *
 *     HONE_TRY(hone_cuda_enter(device));
 *     ... allocate, load, launch ...
 *     hone_cuda_leave(device);
 *
 * hone_cuda_device_open and _close enter by themselves. */
#ifndef HONE_CUDA_DEVICE_H
#define HONE_CUDA_DEVICE_H

#include "base/memory.h"
#include "cuda/driver.h"

typedef struct hone_cuda_info {
    int ordinal;
    char name[128]; /* "NVIDIA H200" */
    char arch[16];  /* "sm_90" */
    char uuid[48];  /* "GPU-01234567-89ab-..." */
    char pci[20];   /* "0000:17:00.0" */
    size_t memory;  /* bytes */
    int driver;     /* 13000: CUDA 13.0 */
#define FACT(field, attribute) int field;
#include "cuda/attributes.def"
#undef FACT
} hone_cuda_info;

typedef struct hone_cuda_device {
    const hone_cuda *cu;
    hone_allocator allocator;
    CUdevice handle;
    CUcontext context;
    CUmemoryPool pool; /* NULL where the driver or the device has none */
    int failed;        /* the result that stuck; atomic; 0 while all is well */
    char label[160];   /* "cuda:0 (NVIDIA H200)" */
    hone_cuda_info info;
} hone_cuda_device;

hone_status hone_cuda_count(const hone_cuda *cu, int *out);

/* Facts alone: makes no context. */
hone_status hone_cuda_describe(const hone_cuda *cu, int ordinal, hone_cuda_info *out);

/* Retains the device's primary context and makes a memory pool of our own.
 *
 * Errors  HONE_ERR_ARGUMENT  there is no such device: the message says how many there are
 *         HONE_ERR_DEVICE    the driver refuses */
hone_status hone_cuda_device_open(const hone_cuda *cu, int ordinal, const hone_allocator *allocator,
                                  hone_cuda_device **out);
void hone_cuda_device_close(hone_cuda_device *device); /* takes NULL */

/* "cuda" and "cuda:3" to an ordinal. HONE_ERR_ARGUMENT where it is neither. */
hone_status hone_cuda_ordinal_parse(const char *text, int *out);

hone_status hone_cuda_enter(hone_cuda_device *device);
void hone_cuda_leave(hone_cuda_device *device);

/* Lets kernels and copies of `device` reach the memory of `peer`. HONE_ERR_DEVICE where the two
 * have no way to each other. */
hone_status hone_cuda_device_reach(hone_cuda_device *device, hone_cuda_device *peer);

/* HONE_ERR_STATE, with the result that stuck, once an error has made the device unusable. */
hone_status hone_cuda_device_status(const hone_cuda_device *device);

/* Bytes of the device that nobody holds. */
hone_status hone_cuda_free_memory(hone_cuda_device *device, size_t *out);

/* Compute capability 9.0 on: a kernel may begin while its predecessor ends. */
bool hone_cuda_is_programmatic(const hone_cuda_device *device);

/* Calls a driver function and turns its result into a status:
 * HONE_TRY(HONE_CU(device, cuMemAlloc, &memory, size)). Remembers a result that sticks. */
#define HONE_CU(device, function, ...)                                                             \
    hone_cuda_check((device), #function, (device)->cu->function(__VA_ARGS__))
hone_status hone_cuda_check(hone_cuda_device *device, const char *call, CUresult result);

#endif
