/* Quantisation. A scale has one element, one for each entry of the axis, or, with block_size, the
 * input's shape with the axis divided by the block. ONNX QuantizeLinear-25, DequantizeLinear-25. */
#include "op/infer_tools.h"

/* Scale (input 1) and zero point (input 2) fit the input. */
static hone_status check_scale(const hone_infer *x, int64_t along, int64_t block)
{
    const int rank = hone_in_rank(x, 0), own = hone_in_rank(x, 1);
    int axis;

    if (rank < 0 || own < 0 || hone_shape_count(x->extents, hone_in_shape(x, 1)) == 1)
        return HONE_OK;
    HONE_TRY(hone_check_range("block_size", block, 0, HONE_ATTR_MOST));
    HONE_TRY(hone_axis_normalize(along, rank, &axis));
    if (own == 1 && block == 0)
        return hone_infer_check_row(x, 1, hone_in_dim(x, 0, axis));
    HONE_TRY(hone_infer_check_rank(x, 1, rank, rank));
    for (int i = 0; i < rank; i++) {
        const hone_extent all = hone_in_dim(x, 0, i);
        const hone_extent wanted =
            i == axis && block ? hone_extent_ceil_div(x->extents, all, block) : all;
        HONE_TRY(hone_infer_same_extent(x, hone_in_dim(x, 1, i), wanted, "the scale",
                                        "the input in blocks", NULL));
    }
    return HONE_OK;
}

/* The zero point is shaped as the scale. */
static hone_status check_zero_point(const hone_infer *x)
{
    const int rank = hone_in_rank(x, 1);

    if (!hone_infer_has(x, 2) || rank < 0 || hone_in_rank(x, 2) < 0)
        return HONE_OK;
    if (hone_shape_count(x->extents, hone_in_shape(x, 1)) == 1)
        return hone_infer_check_scalar(x, 2);
    HONE_TRY(hone_infer_check_rank(x, 2, rank, rank));
    for (int i = 0; i < rank; i++)
        HONE_TRY(hone_infer_same_extent(x, hone_in_dim(x, 1, i), hone_in_dim(x, 2, i), "the scale",
                                        "the zero point", NULL));
    return HONE_OK;
}

/* The type is output_dtype's, else the zero point's, else uint8. */
hone_status hone_infer_quantize_linear(hone_infer *x)
{
    const hone_attrs_quantize_linear *a = &x->attrs->quantize_linear;
    hone_dtype dtype = a->output_dtype;

    HONE_TRY(hone_infer_check_types(x, 0, HONE_TYPES_FLOAT | HONE_TYPES_INTEGER));
    HONE_TRY(hone_infer_check_types(x, 1, HONE_TYPES_FLOAT | HONE_TYPES_INTEGER));
    HONE_TRY(check_scale(x, a->axis, a->block_size));
    HONE_TRY(check_zero_point(x));
    if (dtype == HONE_NONE)
        dtype = hone_infer_has(x, 2) ? hone_in_dtype(x, 2) : HONE_U8;
    else if (hone_in_dtype(x, 2) != HONE_NONE && hone_in_dtype(x, 2) != dtype)
        return hone_error(HONE_ERR_BUILD,
                          "output_dtype is %s but the zero point is %s; they must be of one type",
                          hone_dtype_text(dtype), hone_dtype_text(hone_in_dtype(x, 2)));
    hone_out_set(x, 0, dtype, hone_in_shape(x, 0));
    return HONE_OK;
}

hone_status hone_infer_dequantize_linear(hone_infer *x)
{
    const hone_attrs_dequantize_linear *a = &x->attrs->dequantize_linear;

    HONE_TRY(hone_infer_check_types(x, 0, HONE_TYPES_FLOAT | HONE_TYPES_INTEGER));
    HONE_TRY(hone_infer_check_types(x, 1, HONE_TYPES_FLOAT));
    HONE_TRY(hone_infer_check_same_type(x, 0, 2));
    HONE_TRY(check_scale(x, a->axis, a->block_size));
    HONE_TRY(check_zero_point(x));
    hone_out_set(x, 0, a->output_dtype == HONE_NONE ? hone_in_dtype(x, 1) : a->output_dtype,
                 hone_in_shape(x, 0));
    return HONE_OK;
}

/* Outputs y, scale, zero point. */
hone_status hone_infer_dynamic_quantize_linear(hone_infer *x)
{
    const hone_shape scalar = {.rank = 0};

    HONE_TRY(hone_infer_check_types(x, 0, HONE_TYPES_FLOAT));
    hone_out_set(x, 0, HONE_U8, hone_in_shape(x, 0));
    hone_out_set(x, 1, HONE_F32, &scalar);
    hone_out_set(x, 2, HONE_U8, &scalar);
    return HONE_OK;
}
