/* Kernels: images loaded into a device, functions found in them, and their launch on a stream. */
#ifndef HONE_CUDA_MODULE_H
#define HONE_CUDA_MODULE_H

#include "base/bytes.h"
#include "cuda/device.h"

/* Loads a cubin, a fat binary, or PTX text that ends with a zero byte. name: for messages.
 *
 * Errors  HONE_ERR_MISMATCH  the image is for another architecture, or damaged: for PTX the message
 *                            has the driver's own words */
hone_status hone_cuda_module_load(hone_cuda_device *device, hone_bytes image, const char *name,
                                  CUmodule *out);
void hone_cuda_module_unload(hone_cuda_device *device, CUmodule module); /* takes NULL */

typedef struct hone_cuda_kernel_options {
    uint32_t shared_bytes; /* the most dynamic shared memory a launch will ask for */
    int carveout;          /* per cent of L1 that shall be shared memory; 0: the driver's choice */
    bool wide_clusters;    /* clusters of up to 16 blocks, which not every device can run */
} hone_cuda_kernel_options;

typedef struct hone_cuda_kernel {
    CUfunction function;
    int registers;    /* per thread */
    int local_bytes;  /* per thread: spills and arrays */
    int shared_bytes; /* static, per block */
    int max_threads;  /* per block */
} hone_cuda_kernel;

/* options may be NULL. HONE_ERR_MISMATCH where the module has no such function. */
hone_status hone_cuda_kernel_find(hone_cuda_device *device, CUmodule module, const char *name,
                                  const hone_cuda_kernel_options *options, hone_cuda_kernel *out);

/* A variable of the module. */
hone_status hone_cuda_global_find(hone_cuda_device *device, CUmodule module, const char *name,
                                  CUdeviceptr *at, size_t *size);

/* One launch, for a stream or for a node of a graph. */
typedef struct hone_cuda_launch {
    CUfunction function;
    uint32_t grid[3];
    uint32_t block[3];
    uint32_t cluster[3]; /* blocks; all 0: no clusters */
    uint32_t shared_bytes;
    bool is_programmatic; /* on a stream: may begin before its predecessor ends, and waits by
                             griddepcontrol itself; ignored below compute capability 9.0 */
    void **args;          /* the address of each argument */
} hone_cuda_launch;

hone_status hone_cuda_launch_on(hone_cuda_device *device, CUstream stream,
                                const hone_cuda_launch *launch);

/* Blocks of the launch that an SM holds at once; clusters that the device holds at once (0 where
 * it cannot run them at all). */
hone_status hone_cuda_blocks_per_sm(hone_cuda_device *device, const hone_cuda_launch *launch,
                                    int *out);
hone_status hone_cuda_clusters_at_once(hone_cuda_device *device, const hone_cuda_launch *launch,
                                       int *out);

#endif
