/* Encodes tensor maps by the driver: the format is not documented. */
#include "cuda/tensor_map.h"

/* CUtensorMapDataType and CUtensorMapL2promotion. */
enum {
    TYPE_NONE = -1,
    L2_128B = 2
};

static int type_of(hone_dtype dtype)
{
    switch (dtype) {
    case HONE_U8:
    case HONE_I8:
    case HONE_BOOL:
    case HONE_F8E4M3FN:
    case HONE_F8E5M2: return 0;
    case HONE_U16:
    case HONE_I16: return 1;
    case HONE_U32: return 2;
    case HONE_I32: return 3;
    case HONE_U64: return 4;
    case HONE_I64: return 5;
    case HONE_F16: return 6;
    case HONE_F32: return 7;
    case HONE_F64: return 8;
    case HONE_BF16: return 9;
    default: return TYPE_NONE;
    }
}

hone_status hone_cuda_tensor_map(hone_cuda_device *device, const hone_cuda_tiled *tiled,
                                 CUtensorMap *out)
{
    const int type = type_of(tiled->dtype);
    uint32_t step[CU_TENSOR_MAP_MAX_RANK];

    if (!device->info.has_tensor_maps)
        return hone_error(HONE_ERR_UNSUPPORTED,
                          "describing a tensor to %s: it has no bulk copy engine; compute "
                          "capability 9.0 has",
                          device->label);
    if (type == TYPE_NONE)
        return hone_error(HONE_ERR_UNSUPPORTED,
                          "describing a tensor to %s: the bulk copy engine has no type %s",
                          device->label, hone_dtype_text(tiled->dtype));
    for (int i = 0; i < CU_TENSOR_MAP_MAX_RANK; i++)
        step[i] = tiled->step[i] ? tiled->step[i] : 1;
    return HONE_CU(device, cuTensorMapEncodeTiled, out, type, (uint32_t)tiled->rank,
                   (void *)(uintptr_t)tiled->at, tiled->extent, tiled->stride + 1, tiled->box, step,
                   0, (int)tiled->swizzle, L2_128B, 0);
}
