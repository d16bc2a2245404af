/* Tensor maps: what the bulk copy engine of compute capability 9.0 and later needs to know of a
 * tensor in device memory. A map is an argument of a kernel, by value. */
#ifndef HONE_CUDA_TENSOR_MAP_H
#define HONE_CUDA_TENSOR_MAP_H

#include "cuda/device.h"

/* How the 16-byte pieces of a box lie in shared memory, so that a column meets all banks: the rows
 * of a box then take exactly that many bytes. */
typedef enum hone_cuda_swizzle {
    HONE_CUDA_SWIZZLE_NONE = 0,
    HONE_CUDA_SWIZZLE_32 = 1,
    HONE_CUDA_SWIZZLE_64 = 2,
    HONE_CUDA_SWIZZLE_128 = 3,
} hone_cuda_swizzle;

/* Dimensions are innermost first, the other way round than Hone's shapes. Elements outside the
 * tensor are read as zero and not written. */
typedef struct hone_cuda_tiled {
    hone_dtype dtype;
    int rank; /* 1 to 5 */
    CUdeviceptr at;
    uint64_t extent[CU_TENSOR_MAP_MAX_RANK];
    uint64_t stride[CU_TENSOR_MAP_MAX_RANK]; /* bytes between neighbours; [0] is the element's */
    uint32_t box[CU_TENSOR_MAP_MAX_RANK];    /* elements that one copy moves, at most 256 */
    uint32_t step[CU_TENSOR_MAP_MAX_RANK];   /* every so many elements; 0 is 1 */
    hone_cuda_swizzle swizzle;
} hone_cuda_tiled;

/* Errors  HONE_ERR_UNSUPPORTED  the device has no such engine, or not for the element type
 *         HONE_ERR_INTERNAL     addresses or strides that are no multiples of 16, a box too large
 */
hone_status hone_cuda_tensor_map(hone_cuda_device *device, const hone_cuda_tiled *tiled,
                                 CUtensorMap *out);

#endif
