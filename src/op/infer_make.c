/* Operators that make tensors from shapes and numbers, and those that tell shapes. */
#include "op/infer_tools.h"

#include <math.h>

/* Shape: the extents are the output's partial value. start and end count from the end where
 * negative and stop at it. */
hone_status hone_infer_shape(hone_infer *x)
{
    const hone_shape *in = hone_in_shape(x, 0);
    hone_shape shape = hone_shape_make(1, HONE_EXTENT_UNKNOWN);
    int64_t start = x->attrs->shape.start, end = x->attrs->shape.end;

    if (in->rank < 0) {
        shape.dim[0] = hone_extent_from_data(x->extents, 0, HONE_MAX_RANK);
        hone_out_set(x, 0, HONE_I64, &shape);
        return HONE_OK;
    }
    start = HONE_MIN(HONE_MAX(start < 0 ? start + in->rank : start, 0), in->rank);
    end = HONE_MIN(HONE_MAX(end < 0 ? end + in->rank : end, start), in->rank);
    shape.dim[0] = end - start;
    hone_out_set(x, 0, HONE_I64, &shape);
    x->out[0].n_elem = (int)(end - start);
    for (int i = 0; i < x->out[0].n_elem; i++)
        x->out[0].elem[i] = in->dim[start + i];
    return HONE_OK;
}

hone_status hone_infer_size(hone_infer *x)
{
    const hone_shape scalar = {.rank = 0};

    hone_out_set(x, 0, HONE_I64, &scalar);
    x->out[0].n_elem = 1;
    x->out[0].elem[0] = hone_shape_count(x->extents, hone_in_shape(x, 0));
    return HONE_OK;
}

/* Inputs shape, value (one element; float32 0 where absent). */
hone_status hone_infer_constant_of_shape(hone_infer *x)
{
    hone_shape shape;
    hone_extent value = 0;
    int n;

    HONE_TRY(hone_infer_check_types(x, 0, HONE_TYPES_I64));
    HONE_TRY(hone_infer_check_scalar(x, 1));
    HONE_TRY(hone_infer_shape_from(x, 0, &shape));
    hone_out_set(x, 0, hone_infer_has(x, 1) ? hone_in_dtype(x, 1) : HONE_F32, &shape);
    if (!hone_infer_tracks(x, 0) || !hone_fact_ints(&x->in[1], &value, 1, &n) || n != 1)
        return HONE_OK;
    x->out[0].n_elem = hone_shape_elems(&shape);
    for (int i = 0; i < x->out[0].n_elem; i++)
        x->out[0].elem[i] = value;
    return HONE_OK;
}

hone_status hone_infer_eye_like(hone_infer *x)
{
    const hone_dtype dtype = x->attrs->eye_like.dtype;

    HONE_TRY(hone_infer_check_rank(x, 0, 2, 2));
    hone_out_set(x, 0, dtype == HONE_NONE ? hone_in_dtype(x, 0) : dtype, hone_in_shape(x, 0));
    return HONE_OK;
}

/* Inputs indices, depth (one number of any type), values [off, on]. The new axis may stand behind
 * the last. */
hone_status hone_infer_one_hot(hone_infer *x)
{
    const hone_shape *in = hone_in_shape(x, 0);
    hone_shape shape = HONE_SHAPE_UNKNOWN;
    hone_extent depth = HONE_EXTENT_UNKNOWN;
    double real;
    int n, axis;

    HONE_TRY(hone_infer_check_types(x, 0, HONE_TYPES_NUMBER));
    HONE_TRY(hone_infer_check_types(x, 1, HONE_TYPES_NUMBER));
    HONE_TRY(hone_infer_check_scalar(x, 1));
    HONE_TRY(hone_infer_check_row(x, 2, 2));
    HONE_TRY(hone_infer_check_rank(x, 0, 0, HONE_MAX_RANK - 1));
    if (!hone_fact_ints(&x->in[1], &depth, 1, &n) && hone_fact_float(&x->in[1], &real)) {
        if (!(real >= 0 && real <= (double)HONE_EXTENT_MOST))
            return hone_error(HONE_ERR_BUILD, "depth is %g; 0 to %lld are allowed", real,
                              (long long)HONE_EXTENT_MOST);
        depth = (hone_extent)real;
    }
    if (in->rank >= 0) {
        HONE_TRY(hone_axis_normalize(x->attrs->one_hot.axis, in->rank + 1, &axis));
        shape.rank = in->rank + 1;
        for (int i = 0, from = 0; i < shape.rank; i++)
            shape.dim[i] = i == axis ? depth : in->dim[from++];
    }
    hone_out_set(x, 0, hone_in_dtype(x, 2), &shape);
    return HONE_OK;
}

/* Range. */

static void range_elems(hone_infer *x, hone_extent start, hone_extent step)
{
    hone_fact *out = &x->out[0];

    if (!hone_infer_tracks(x, 0))
        return;
    out->n_elem = hone_shape_elems(&out->type.shape);
    for (int i = 0; i < out->n_elem; i++)
        out->elem[i] = hone_extent_add(x->extents, start, hone_extent_mul(x->extents, step, i));
}

/* max(ceil((limit - start) / step), 0) for integers, in symbols where they are. */
static hone_status integer_range(const hone_infer *x, const hone_extent v[3], hone_extent *out)
{
    hone_extents *t = x->extents;

    if (v[2] == 0)
        return hone_error(HONE_ERR_BUILD, "the step is 0; any other number is allowed");
    const hone_extent length = hone_extent_sub(t, v[1], v[0]);
    if (length == HONE_EXTENT_UNKNOWN && hone_extent_is_number(v[0]) && hone_extent_is_number(v[1]))
        return hone_error(HONE_ERR_BUILD,
                          "the range from %lld to %lld is over the limit of %lld numbers",
                          (long long)v[0], (long long)v[1], (long long)HONE_EXTENT_MOST);
    if (v[2] != HONE_EXTENT_UNKNOWN &&
        (hone_extent_is_number(v[2]) || hone_extent_lower(t, v[2]) > 0))
        *out = hone_extent_max(t, hone_extent_ceil_div(t, length, v[2]), 0);
    return HONE_OK;
}

static hone_status real_range(const double v[3], hone_extent *out)
{
    const double n = ceil((v[1] - v[0]) / v[2]);

    if (!(n <= (double)HONE_EXTENT_MOST)) /* NaN too */
        return hone_error(HONE_ERR_BUILD,
                          "the range from %g to %g by %g is over the limit of %lld numbers", v[0],
                          v[1], v[2], (long long)HONE_EXTENT_MOST);
    *out = n > 0 ? (hone_extent)n : 0;
    return HONE_OK;
}

/* Inputs start, limit, step: scalars of one type. */
hone_status hone_infer_range(hone_infer *x)
{
    hone_extent v[3];
    double real[3];
    hone_shape shape = hone_shape_make(1, HONE_EXTENT_UNKNOWN);
    bool integers = true, reals = true;
    int n;

    for (int i = 0; i < 3; i++) {
        HONE_TRY(hone_infer_check_types(x, i, HONE_TYPES_NUMBER));
        HONE_TRY(hone_infer_check_same_type(x, 0, i));
        HONE_TRY(hone_infer_check_scalar(x, i));
        integers = integers && hone_fact_ints(&x->in[i], &v[i], 1, &n) && n == 1;
        reals = reals && hone_fact_float(&x->in[i], &real[i]);
    }
    if (integers)
        HONE_TRY(integer_range(x, v, &shape.dim[0]));
    else if (reals && hone_dtype_is_float(hone_in_dtype(x, 0)))
        HONE_TRY(real_range(real, &shape.dim[0]));
    hone_out_set(x, 0, hone_in_dtype(x, 0), &shape);
    if (integers)
        range_elems(x, v[0], v[2]);
    return HONE_OK;
}

/* Random tensors. */

hone_status hone_infer_random(hone_infer *x)
{
    const hone_ints extents = hone_attr_ints(x, "shape");
    hone_shape shape = {.rank = extents.n};

    HONE_TRY(hone_check_range("the number of extents of shape", extents.n, 0, HONE_MAX_RANK));
    for (int i = 0; i < extents.n; i++) {
        HONE_TRY(hone_check_range("an extent of shape", extents.v[i], 0, HONE_EXTENT_MOST));
        shape.dim[i] = extents.v[i];
    }
    hone_out_set(x, 0, hone_attr_type(x, "dtype"), &shape);
    return HONE_OK;
}

hone_status hone_infer_random_like(hone_infer *x)
{
    const hone_dtype dtype = hone_attr_type(x, "dtype");

    hone_out_set(x, 0, dtype == HONE_NONE ? hone_in_dtype(x, 0) : dtype, hone_in_shape(x, 0));
    return HONE_OK;
}

/* From [batch, classes] to [batch, samples]. */
hone_status hone_infer_multinomial(hone_infer *x)
{
    const int64_t samples = x->attrs->multinomial.sample_size;

    HONE_TRY(hone_infer_check_types(x, 0, HONE_TYPES_FLOAT));
    HONE_TRY(hone_infer_check_rank(x, 0, 2, 2));
    HONE_TRY(hone_check_range("sample_size", samples, 1, HONE_EXTENT_MOST));
    const hone_shape shape = hone_shape_make(2, hone_in_dim(x, 0, 0), (hone_extent)samples);
    hone_out_set(x, 0, x->attrs->multinomial.dtype, &shape);
    return HONE_OK;
}

/* Inputs data, ratio, training mode; the second output is the mask. */
hone_status hone_infer_dropout(hone_infer *x)
{
    HONE_TRY(hone_infer_check_types(x, 0, HONE_TYPES_FLOAT));
    HONE_TRY(hone_infer_check_types(x, 1, HONE_TYPES_FLOAT));
    HONE_TRY(hone_infer_check_types(x, 2, HONE_TYPES_BOOL));
    HONE_TRY(hone_infer_check_scalar(x, 1));
    HONE_TRY(hone_infer_check_scalar(x, 2));
    hone_out_set(x, 0, hone_in_dtype(x, 0), hone_in_shape(x, 0));
    hone_out_set(x, 1, HONE_BOOL, hone_in_shape(x, 0));
    return HONE_OK;
}
