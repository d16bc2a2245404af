/* Copies between ordinary host memory and a device through a ring of pinned buffers: while one is
 * on its way the next is filled or emptied.
 *
 * Threads: one at a time. Nothing is allocated after creation. */
#ifndef HONE_CUDA_STAGING_H
#define HONE_CUDA_STAGING_H

#include "cuda/memory.h"

#define HONE_STAGING_SLOTS 2

typedef struct hone_cuda_staging hone_cuda_staging;

/* slot_size: bytes of each of the ring's buffers; 1 to 8 MiB hide the copies' start. */
hone_status hone_cuda_staging_create(hone_cuda_device *device, size_t slot_size,
                                     hone_cuda_staging **out);
void hone_cuda_staging_destroy(hone_cuda_staging *staging); /* takes NULL; waits for its copies */

/* Copies to the device in the order of `stream`. When it returns, src may be reused; dst is there
 * once the stream has got so far. */
hone_status hone_cuda_upload(hone_cuda_staging *staging, CUstream stream, CUdeviceptr dst,
                             const void *src, size_t size);

/* Copies from the device in the order of `stream`. When it returns, dst is there. */
hone_status hone_cuda_download(hone_cuda_staging *staging, CUstream stream, void *dst,
                               CUdeviceptr src, size_t size);

#endif
