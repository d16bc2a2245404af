/* Pad: inputs data, pads (may be symbols, may be negative: then they crop), value, axes. ONNX
 * Pad-25. */
#include "op/infer_tools.h"

/* What the mode asks of an axis: something to repeat, and for reflect more of it than is padded. */
static hone_status check_pad(const hone_infer *x, hone_extent extent, hone_extent pad)
{
    if (!hone_extent_is_number(pad))
        return HONE_OK;
    HONE_TRY(hone_check_range("a pad", pad, -HONE_EXTENT_MOST, HONE_EXTENT_MOST));
    if (x->attrs->pad.mode == HONE_PAD_CONSTANT || !hone_extent_is_number(extent) || pad <= 0)
        return HONE_OK;
    if (x->attrs->pad.mode == HONE_PAD_REFLECT && pad >= extent)
        return hone_error(
            HONE_ERR_BUILD,
            "a pad of %lld is to reflect an axis of extent %lld; less than that is allowed",
            (long long)pad, (long long)extent);
    if (extent == 0)
        return hone_error(
            HONE_ERR_BUILD,
            "a pad of %lld is to repeat an axis of extent 0; there is nothing to repeat",
            (long long)pad);
    return HONE_OK;
}

static hone_status pad_axis(const hone_infer *x, hone_extent begin, hone_extent end,
                            hone_extent *extent)
{
    HONE_TRY(check_pad(x, *extent, begin));
    HONE_TRY(check_pad(x, *extent, end));
    *extent = hone_extent_add(x->extents, *extent, hone_extent_add(x->extents, begin, end));
    return HONE_OK;
}

/* Inputs data, pads, value, axes. */
hone_status hone_infer_pad(hone_infer *x)
{
    hone_extent pads[2 * HONE_MAX_RANK];
    int64_t axes[HONE_MAX_RANK];
    hone_shape shape = *hone_in_shape(x, 0);
    int n, n_axes = shape.rank, axis;
    unsigned seen = 0;

    HONE_TRY(hone_infer_check_types(x, 1, HONE_TYPES_I64));
    HONE_TRY(hone_infer_check_same_type(x, 0, 2));
    HONE_TRY(hone_infer_check_scalar(x, 2));
    HONE_TRY(hone_infer_check_types(x, 3, HONE_TYPES_INDEX));
    for (int i = 0; i < shape.rank; i++)
        axes[i] = i;
    const bool has_axes =
        !hone_infer_has(x, 3) || hone_fact_numbers(&x->in[3], axes, HONE_MAX_RANK, &n_axes);
    if (shape.rank < 0 || !has_axes || !hone_fact_ints(&x->in[1], pads, 2 * HONE_MAX_RANK, &n)) {
        for (int i = 0; i < shape.rank; i++)
            shape.dim[i] = HONE_EXTENT_UNKNOWN;
        hone_out_set(x, 0, hone_in_dtype(x, 0), &shape);
        return HONE_OK;
    }
    if (n != 2 * n_axes)
        return hone_error(HONE_ERR_BUILD, "pads has %d entries; %d are needed", n, 2 * n_axes);
    for (int i = 0; i < n_axes; i++) {
        HONE_TRY(hone_axis_normalize(axes[i], shape.rank, &axis));
        if (seen & (1u << axis))
            return hone_error(HONE_ERR_BUILD, "axis %d is padded twice; once is allowed", axis);
        seen |= 1u << axis;
        HONE_TRY(pad_axis(x, pads[i], pads[n_axes + i], &shape.dim[axis]));
    }
    hone_out_set(x, 0, hone_in_dtype(x, 0), &shape);
    return HONE_OK;
}
