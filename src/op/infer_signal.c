/* Windows, mel weights and Fourier transforms. ONNX BlackmanWindow-17 and kin, MelWeightMatrix-17,
 * DFT-20, STFT-17. */
#include "op/infer_tools.h"

/* The number in a one-element integer input; UNKNOWN where it is not known. */
static hone_status read_number(const hone_infer *x, int i, hone_extent *out)
{
    int n;

    *out = HONE_EXTENT_UNKNOWN;
    HONE_TRY(hone_infer_check_types(x, i, HONE_TYPES_INDEX));
    HONE_TRY(hone_infer_check_scalar(x, i));
    if (hone_infer_has(x, i) && (!hone_fact_ints(&x->in[i], out, 1, &n) || n != 1))
        *out = HONE_EXTENT_UNKNOWN;
    if (hone_extent_is_number(*out))
        HONE_TRY(hone_check_range("a size", *out, -HONE_EXTENT_MOST, HONE_EXTENT_MOST));
    return HONE_OK;
}

hone_status hone_infer_window(hone_infer *x)
{
    hone_shape shape = {.rank = 1};

    HONE_TRY(read_number(x, 0, &shape.dim[0]));
    hone_out_set(x, 0, hone_attr_type(x, "output_datatype"), &shape);
    return HONE_OK;
}

/* Inputs bins, transform's length, sample rate, lower and upper edge: [length/2 + 1, bins]. */
hone_status hone_infer_mel_weight_matrix(hone_infer *x)
{
    hone_extent bins, length, rate;

    HONE_TRY(read_number(x, 0, &bins));
    HONE_TRY(read_number(x, 1, &length));
    HONE_TRY(read_number(x, 2, &rate));
    for (int i = 3; i < 5; i++) {
        HONE_TRY(hone_infer_check_types(x, i, HONE_TYPES_FLOAT));
        HONE_TRY(hone_infer_check_scalar(x, i));
    }
    if (hone_extent_is_number(length))
        HONE_TRY(hone_check_range("the transform's length", length, 1, HONE_EXTENT_MOST));
    const hone_extent spectrum =
        hone_extent_add(x->extents, hone_extent_floor_div(x->extents, length, 2), 1);
    const hone_shape shape = hone_shape_make(2, spectrum, bins);
    hone_out_set(x, 0, x->attrs->mel_weight_matrix.output_datatype, &shape);
    return HONE_OK;
}

/* Inputs signal [batch, ..., 1 or 2], length, axis. */
hone_status hone_infer_dft(hone_infer *x)
{
    const bool onesided = x->attrs->dft.onesided != 0, inverse = x->attrs->dft.inverse != 0;
    hone_shape shape = *hone_in_shape(x, 0);
    hone_extent length, at;
    int axis;

    HONE_TRY(hone_infer_check_types(x, 0, HONE_TYPES_FLOAT));
    HONE_TRY(hone_infer_check_rank(x, 0, 2, HONE_MAX_RANK));
    HONE_TRY(read_number(x, 1, &length));
    HONE_TRY(read_number(x, 2, &at));
    if (!hone_infer_has(x, 2))
        at = -2;
    if (hone_extent_is_number(length))
        HONE_TRY(hone_check_range("dft_length", length, 1, HONE_EXTENT_MOST));
    if (shape.rank < 0) {
        hone_out_set(x, 0, hone_in_dtype(x, 0), &shape);
        return HONE_OK;
    }
    const hone_extent parts = shape.dim[shape.rank - 1];
    if (hone_extent_is_number(parts))
        HONE_TRY(hone_check_range("the last extent", parts, 1, 2));
    shape.dim[shape.rank - 1] = onesided && inverse ? 1 : 2;
    if (!hone_extent_is_number(at)) {
        for (int i = 0; i < shape.rank - 1; i++)
            shape.dim[i] = HONE_EXTENT_UNKNOWN;
        hone_out_set(x, 0, hone_in_dtype(x, 0), &shape);
        return HONE_OK;
    }
    HONE_TRY(hone_axis_normalize(at, shape.rank, &axis));
    if (axis == shape.rank - 1)
        return hone_error(
            HONE_ERR_BUILD,
            "axis is the last, %d, which holds the parts of a number; another is allowed", axis);
    hone_extent n = hone_infer_has(x, 1) ? length : shape.dim[axis];
    if (!hone_infer_has(x, 1) && onesided &&
        inverse) /* a half spectrum of n bins comes from 2*(n - 1) samples */
        n = hone_extent_mul(x->extents, hone_extent_sub(x->extents, n, 1), 2);
    shape.dim[axis] = onesided && !inverse
                          ? hone_extent_add(x->extents, hone_extent_floor_div(x->extents, n, 2), 1)
                          : n;
    hone_out_set(x, 0, hone_in_dtype(x, 0), &shape);
    return HONE_OK;
}

/* Inputs signal [batch, length(, 1 or 2)], step, window, frame length: [batch, frames, bins, 2]. */
hone_status hone_infer_stft(hone_infer *x)
{
    hone_extents *t = x->extents;
    hone_extent step, frame;

    HONE_TRY(hone_infer_check_types(x, 0, HONE_TYPES_FLOAT));
    HONE_TRY(hone_infer_check_rank(x, 0, 2, 3));
    HONE_TRY(read_number(x, 1, &step));
    HONE_TRY(read_number(x, 3, &frame));
    HONE_TRY(hone_infer_check_types(x, 2, HONE_TYPES_FLOAT));
    HONE_TRY(hone_infer_check_rank(x, 2, 1, 1));
    if (hone_extent_is_number(step))
        HONE_TRY(hone_check_range("frame_step", step, 1, HONE_EXTENT_MOST));
    if (!hone_infer_has(x, 3) && hone_infer_has(x, 2))
        frame = hone_in_dim(x, 2, 0);
    else if (hone_infer_has(x, 2))
        HONE_TRY(hone_infer_same_extent(x, frame, hone_in_dim(x, 2, 0), "frame_length",
                                        "the window", NULL));
    if (hone_extent_is_number(frame))
        HONE_TRY(hone_check_range("the frame's length", frame, 1, HONE_EXTENT_MOST));
    const hone_extent length = hone_in_dim(x, 0, 1);
    if (hone_extent_is_number(length) && hone_extent_is_number(frame) && frame > length)
        return hone_error(HONE_ERR_BUILD,
                          "a frame has %lld samples but the signal %lld; it must fit",
                          (long long)frame, (long long)length);
    const hone_extent frames =
        hone_extent_add(t, hone_extent_floor_div(t, hone_extent_sub(t, length, frame), step), 1);
    const hone_extent bins =
        x->attrs->stft.onesided ? hone_extent_add(t, hone_extent_floor_div(t, frame, 2), 1) : frame;
    const hone_shape shape = hone_shape_make(4, hone_in_dim(x, 0, 0), frames, bins, (hone_extent)2);
    hone_out_set(x, 0, hone_in_dtype(x, 0), &shape);
    return HONE_OK;
}
