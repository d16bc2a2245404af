/* Functions on symbolic shapes and on the partial values of facts. */
#include <stdarg.h>

#include "op/infer_tools.h"

hone_shape hone_shape_make(int rank, ...)
{
    hone_shape shape = {.rank = rank};
    va_list arguments;

    va_start(arguments, rank);
    for (int i = 0; i < rank; i++)
        shape.dim[i] = va_arg(arguments, hone_extent);
    va_end(arguments);
    return shape;
}

hone_extent hone_shape_count(hone_extents *table, const hone_shape *shape)
{
    hone_extent count = 1;

    if (shape->rank < 0)
        return HONE_EXTENT_UNKNOWN;
    for (int i = 0; i < shape->rank; i++)
        count = hone_extent_mul(table, count, shape->dim[i]);
    return count;
}

bool hone_shape_is_static(const hone_shape *shape)
{
    for (int i = 0; i < shape->rank; i++)
        if (!hone_extent_is_number(shape->dim[i]))
            return false;
    return shape->rank >= 0;
}

bool hone_shape_equal(const hone_shape *a, const hone_shape *b)
{
    if (a->rank != b->rank || a->rank < 0)
        return false;
    for (int i = 0; i < a->rank; i++)
        if (a->dim[i] != b->dim[i] || a->dim[i] == HONE_EXTENT_UNKNOWN)
            return false;
    return true;
}

bool hone_shape_dims(const hone_shape *shape, hone_dims *out)
{
    if (!hone_shape_is_static(shape))
        return false;
    out->rank = shape->rank;
    for (int i = 0; i < shape->rank; i++)
        out->dim[i] = shape->dim[i];
    return true;
}

hone_shape hone_shape_of_dims(const hone_dims *dims)
{
    hone_shape shape = {.rank = dims->rank};

    for (int i = 0; i < dims->rank; i++)
        shape.dim[i] = dims->dim[i];
    return shape;
}

bool hone_shape_upper(const hone_extents *table, const hone_shape *shape, hone_dims *out)
{
    if (shape->rank < 0)
        return false;
    out->rank = shape->rank;
    for (int i = 0; i < shape->rank; i++) {
        out->dim[i] = hone_extent_upper(table, shape->dim[i]);
        if (out->dim[i] >= HONE_EXTENT_INF)
            return false;
    }
    return true;
}

/* One extent of a broadcast. Where both are expressions that may differ, one of them is 1 or they
 * are equal, so the greater is the answer (an extent of 0 met by an expression that turns out 1 is
 * the one case this gets wrong; models have no such thing, and kernels refuse it). */
static bool broadcast_extent(hone_extents *table, hone_extent a, hone_extent b, hone_extent *out)
{
    if (a == b || b == 1) {
        *out = a;
    } else if (a == 1) {
        *out = b;
    } else if (hone_extent_is_number(a) && hone_extent_is_number(b)) {
        return false;
    } else if (hone_extent_is_number(a) || hone_extent_lower(table, a) >= 2) {
        *out = a;
    } else if (hone_extent_is_number(b) || hone_extent_lower(table, b) >= 2) {
        *out = b;
    } else {
        *out = hone_extent_max(table, a, b);
    }
    return true;
}

hone_status hone_shape_broadcast(hone_extents *table, const hone_shape *a, const hone_shape *b,
                                 hone_shape *out)
{
    hone_shape r = {.rank = HONE_MAX(a->rank, b->rank)};

    if (a->rank < 0 || b->rank < 0) {
        *out = HONE_SHAPE_UNKNOWN;
        return HONE_OK;
    }
    for (int i = 1; i <= r.rank; i++) {
        const hone_extent x = i <= a->rank ? a->dim[a->rank - i] : 1,
                          y = i <= b->rank ? b->dim[b->rank - i] : 1;
        if (!broadcast_extent(table, x, y, &r.dim[r.rank - i]))
            return hone_error(HONE_ERR_BUILD,
                              "extents %lld and %lld meet at axis %d; to broadcast they must be "
                              "equal or one of them 1",
                              (long long)x, (long long)y, r.rank - i);
    }
    *out = r;
    return HONE_OK;
}

hone_status hone_axis_normalize(int64_t axis, int rank, int *out)
{
    if (axis < -rank || axis >= rank)
        return hone_error(HONE_ERR_BUILD, "axis is %lld but the rank is %d; %d to %d are allowed",
                          (long long)axis, rank, -rank, rank - 1);
    *out = (int)(axis < 0 ? axis + rank : axis);
    return HONE_OK;
}

/* Partial values. */

/* Data may hold INT64_MIN, for "as far as it goes"; the least that is no expression means the same.
 */
#define LEAST_NUMBER (HONE_EXTENT_FIRST + HONE_EXTENT_LIMIT + 1)

int hone_shape_elems(const hone_shape *shape)
{
    int64_t count = 1;

    if (!hone_shape_is_static(shape))
        return -1;
    for (int i = 0; i < shape->rank; i++)
        if (!hone_int_mul(count, shape->dim[i], &count) || shape->dim[i] < 0)
            return -1;
    return count <= HONE_FACT_ELEMS ? (int)count : -1;
}

static bool is_tracked(hone_dtype dtype)
{
    return dtype == HONE_BOOL || hone_dtype_is_integer(dtype);
}

bool hone_fact_ints(const hone_fact *fact, hone_extent *out, int room, int *n)
{
    if (!fact->present || !is_tracked(fact->type.dtype))
        return false;
    if (!fact->data) {
        if (fact->n_elem < 0 || fact->n_elem > room)
            return false;
        for (int i = 0; i < fact->n_elem; i++)
            out[i] = fact->elem[i];
        *n = fact->n_elem;
        return true;
    }
    const hone_extent count = hone_shape_count(NULL, &fact->type.shape);
    if (!hone_extent_is_number(count) || count < 0 || count > room)
        return false;
    for (int i = 0; i < (int)count; i++)
        out[i] = HONE_MAX(hone_element_int(fact->type.dtype, fact->data, i), LEAST_NUMBER);
    *n = (int)count;
    return true;
}

bool hone_fact_numbers(const hone_fact *fact, int64_t *out, int room, int *n)
{
    if (!hone_fact_ints(fact, out, room, n))
        return false;
    for (int i = 0; i < *n; i++)
        if (!hone_extent_is_number(out[i]))
            return false;
    return true;
}

bool hone_fact_float(const hone_fact *fact, double *out)
{
    int64_t number;
    int n;

    if (!fact->present)
        return false;
    if (!fact->data) {
        if (!hone_fact_numbers(fact, &number, 1, &n) || n != 1)
            return false;
        *out = (double)number;
        return true;
    }
    if (hone_shape_count(NULL, &fact->type.shape) != 1 || fact->type.dtype == HONE_STRING ||
        hone_dtype_is_complex(fact->type.dtype))
        return false;
    *out = hone_element_double(fact->type.dtype, fact->data, 0);
    return true;
}
