/* Memory of a device, and host memory that it copies from at full speed. */
#ifndef HONE_CUDA_MEMORY_H
#define HONE_CUDA_MEMORY_H

#include "cuda/device.h"

typedef enum hone_cuda_owner {
    HONE_CUDA_NOBODY = 0,
    HONE_CUDA_POOL,   /* the device's pool: allocated and freed in the order of a stream */
    HONE_CUDA_PLAIN,  /* cuMemAlloc */
    HONE_CUDA_CALLER, /* lent; freed by its owner */
} hone_cuda_owner;

typedef struct hone_cuda_memory {
    CUdeviceptr at; /* aligned to 256 bytes unless it is the caller's */
    size_t size;
    hone_cuda_owner owner;
} hone_cuda_memory;

/* Takes `size` bytes from the device's pool, or plainly where it has none. No bytes: at is 0. The
 * memory may be used by `stream`, and by others that are ordered after it.
 *
 * Errors  HONE_ERR_MEMORY  the message says how much was asked for and how much is free */
hone_status hone_cuda_memory_init(hone_cuda_device *device, size_t size, CUstream stream,
                                  hone_cuda_memory *out);
hone_cuda_memory hone_cuda_memory_borrow(CUdeviceptr at, size_t size);
/* Frees what is ours, once the work that `stream` has now is done; clears *memory. */
void hone_cuda_memory_fini(hone_cuda_device *device, CUstream stream, hone_cuda_memory *memory);

/* Page-locked host memory: copies to and from it run beside the host. */
hone_status hone_cuda_pinned_alloc(hone_cuda_device *device, size_t size, void **out);
void hone_cuda_pinned_free(hone_cuda_device *device, void *memory); /* takes NULL */

typedef enum hone_cuda_place {
    HONE_CUDA_PAGEABLE, /* ordinary memory: a copy needs staging.h */
    HONE_CUDA_PINNED,
    HONE_CUDA_DEVICE, /* or managed */
} hone_cuda_place;

/* What kind of memory a caller's pointer is. */
hone_cuda_place hone_cuda_place_of(const hone_cuda_device *device, const void *memory);

#endif
