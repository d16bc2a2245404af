/* Partial values of pointwise integer operators: what Shape, Gather, Mul and their kin compute
 * about extents, followed element by element in symbols. Floats are not followed, nor integers
 * narrower than 32 bits, whose arithmetic wraps. */
#include "op/infer_tools.h"

typedef hone_extent (*value_fn)(const hone_infer *x, hone_extent a, hone_extent b);

static hone_extent value_add(const hone_infer *x, hone_extent a, hone_extent b)
{
    return hone_extent_add(x->extents, a, b);
}

static hone_extent value_sub(const hone_infer *x, hone_extent a, hone_extent b)
{
    return hone_extent_sub(x->extents, a, b);
}

static hone_extent value_mul(const hone_infer *x, hone_extent a, hone_extent b)
{
    return hone_extent_mul(x->extents, a, b);
}

static hone_extent value_min(const hone_infer *x, hone_extent a, hone_extent b)
{
    return hone_extent_min(x->extents, a, b);
}

static hone_extent value_max(const hone_infer *x, hone_extent a, hone_extent b)
{
    return hone_extent_max(x->extents, a, b);
}

/* Where truncating and flooring agree. */
static bool is_not_negative(const hone_infer *x, hone_extent a, hone_extent b)
{
    return a != HONE_EXTENT_UNKNOWN && b != HONE_EXTENT_UNKNOWN &&
           hone_extent_lower(x->extents, a) >= 0 && hone_extent_lower(x->extents, b) >= 0;
}

static bool are_numbers(hone_extent a, hone_extent b)
{
    return hone_extent_is_number(a) && hone_extent_is_number(b);
}

/* Integer division in ONNX truncates. */
static hone_extent value_div(const hone_infer *x, hone_extent a, hone_extent b)
{
    if (are_numbers(a, b))
        return b == 0 ? HONE_EXTENT_UNKNOWN : a / b;
    return is_not_negative(x, a, b) ? hone_extent_floor_div(x->extents, a, b) : HONE_EXTENT_UNKNOWN;
}

static hone_extent value_mod(const hone_infer *x, hone_extent a, hone_extent b)
{
    if (!x->attrs->mod.fmod || is_not_negative(x, a, b))
        return hone_extent_mod(x->extents, a, b);
    return are_numbers(a, b) && b != 0 && b != -1 ? a % b : HONE_EXTENT_UNKNOWN;
}

static hone_extent value_neg(const hone_infer *x, hone_extent a, hone_extent b)
{
    (void)b;
    return hone_extent_mul(x->extents, a, -1);
}

static hone_extent value_abs(const hone_infer *x, hone_extent a, hone_extent b)
{
    (void)b;
    return hone_extent_max(x->extents, a, hone_extent_mul(x->extents, a, -1));
}

/* 1, 0 or UNKNOWN: whether a - b is in [least, most] always, never or perhaps. */
static hone_extent compare(const hone_infer *x, hone_extent a, hone_extent b, int64_t least,
                           int64_t most)
{
    const hone_extent d = hone_extent_sub(x->extents, a, b);

    if (d == HONE_EXTENT_UNKNOWN)
        return d;
    const int64_t low = hone_extent_lower(x->extents, d), high = hone_extent_upper(x->extents, d);
    if (low >= least && high <= most)
        return 1;
    return high < least || low > most ? 0 : HONE_EXTENT_UNKNOWN;
}

static hone_extent value_equal(const hone_infer *x, hone_extent a, hone_extent b)
{
    return compare(x, a, b, 0, 0);
}

static hone_extent value_less(const hone_infer *x, hone_extent a, hone_extent b)
{
    return compare(x, a, b, INT64_MIN, -1);
}

static hone_extent value_less_or_equal(const hone_infer *x, hone_extent a, hone_extent b)
{
    return compare(x, a, b, INT64_MIN, 0);
}

static hone_extent value_greater(const hone_infer *x, hone_extent a, hone_extent b)
{
    return compare(x, a, b, 1, INT64_MAX);
}

static hone_extent value_greater_or_equal(const hone_infer *x, hone_extent a, hone_extent b)
{
    return compare(x, a, b, 0, INT64_MAX);
}

static hone_extent value_and(const hone_infer *x, hone_extent a, hone_extent b)
{
    (void)x;
    if (a == 0 || b == 0)
        return 0;
    return are_numbers(a, b) ? 1 : HONE_EXTENT_UNKNOWN;
}

static hone_extent value_or(const hone_infer *x, hone_extent a, hone_extent b)
{
    (void)x;
    if ((hone_extent_is_number(a) && a) || (hone_extent_is_number(b) && b))
        return 1;
    return are_numbers(a, b) ? 0 : HONE_EXTENT_UNKNOWN;
}

static hone_extent value_xor(const hone_infer *x, hone_extent a, hone_extent b)
{
    (void)x;
    return are_numbers(a, b) ? (a != 0) != (b != 0) : HONE_EXTENT_UNKNOWN;
}

static hone_extent value_not(const hone_infer *x, hone_extent a, hone_extent b)
{
    (void)x;
    (void)b;
    return hone_extent_is_number(a) ? a == 0 : HONE_EXTENT_UNKNOWN;
}

#define ROW(op) [HONE_OP_##op] = value_##op

static const value_fn values[HONE_OP_COUNT] = {
    ROW(add),  ROW(sub),   ROW(mul),  ROW(min),           ROW(max),     ROW(div),
    ROW(mod),  ROW(neg),   ROW(abs),  ROW(and),           ROW(or),      ROW(xor),
    ROW(not ), ROW(equal), ROW(less), ROW(less_or_equal), ROW(greater), ROW(greater_or_equal),
};

static bool is_followed(hone_dtype dtype)
{
    return dtype == HONE_I64 || dtype == HONE_I32 || dtype == HONE_BOOL;
}

/* A number that does not fit the type would have wrapped. */
static hone_extent fit(hone_dtype dtype, hone_extent value)
{
    if (dtype == HONE_I32 && hone_extent_is_number(value) &&
        (value < INT32_MIN || value > INT32_MAX))
        return HONE_EXTENT_UNKNOWN;
    return value;
}

/* The index in an input of element i of the output, under broadcasting. Both shapes are static. */
static int broadcast_index(const hone_shape *in, const hone_shape *out, int i)
{
    int index = 0, stride = 1;

    for (int k = 1; k <= out->rank; k++) {
        const int extent = (int)out->dim[out->rank - k], at = i % extent;
        i /= extent;
        if (k > in->rank)
            break;
        if (in->dim[in->rank - k] != 1)
            index += at * stride;
        stride *= (int)in->dim[in->rank - k];
    }
    return index;
}

/* The elements of input i, one for each element of output 0. */
static bool spread(const hone_infer *x, int i, hone_extent out[HONE_FACT_ELEMS])
{
    hone_extent own[HONE_FACT_ELEMS];
    const hone_shape *in = hone_in_shape(x, i), *shape = &x->out[0].type.shape;
    int n;

    if (!is_followed(hone_in_dtype(x, i)) || !hone_fact_ints(&x->in[i], own, HONE_FACT_ELEMS, &n) ||
        n != hone_shape_elems(in))
        return false;
    const int count = hone_shape_elems(shape);
    for (int k = 0; k < count; k++)
        out[k] = own[broadcast_index(in, shape, k)];
    return true;
}

void hone_infer_values(hone_infer *x)
{
    hone_extent a[HONE_FACT_ELEMS], b[HONE_FACT_ELEMS];
    const value_fn value = values[x->op];
    hone_fact *out = &x->out[0];

    if (!value || !hone_infer_tracks(x, 0) || !is_followed(out->type.dtype) || !spread(x, 0, a) ||
        (x->n_in > 1 && !spread(x, 1, b)))
        return;
    out->n_elem = hone_shape_elems(&out->type.shape);
    for (int i = 0; i < out->n_elem; i++)
        out->elem[i] = fit(out->type.dtype, value(x, a[i], x->n_in > 1 ? b[i] : 0));
}

void hone_infer_where_values(hone_infer *x)
{
    hone_extent condition[HONE_FACT_ELEMS], a[HONE_FACT_ELEMS], b[HONE_FACT_ELEMS];
    hone_fact *out = &x->out[0];

    if (!hone_infer_tracks(x, 0) || !spread(x, 0, condition) || !spread(x, 1, a) ||
        !spread(x, 2, b))
        return;
    out->n_elem = hone_shape_elems(&out->type.shape);
    for (int i = 0; i < out->n_elem; i++) {
        if (hone_extent_is_number(condition[i]))
            out->elem[i] = condition[i] ? a[i] : b[i];
        else
            out->elem[i] = a[i] == b[i] ? a[i] : HONE_EXTENT_UNKNOWN;
    }
}

void hone_infer_cast_values(hone_infer *x)
{
    hone_extent a[HONE_FACT_ELEMS];
    hone_fact *out = &x->out[0];

    if (!hone_infer_tracks(x, 0) || !is_followed(out->type.dtype) || !spread(x, 0, a))
        return;
    out->n_elem = hone_shape_elems(&out->type.shape);
    for (int i = 0; i < out->n_elem; i++)
        out->elem[i] = out->type.dtype == HONE_BOOL ? compare(x, a[i], 0, 1, INT64_MAX)
                                                    : fit(out->type.dtype, a[i]);
}
