/* The checks and readers that inference functions share. */
#include <stdio.h>

#include "op/infer_tools.h"

static const void *attr_at(const hone_infer *x, const char *name)
{
    const hone_attr_row *row = hone_attrs_find(x->op, name);
    return row ? (const char *)x->attrs + row->offset : NULL;
}

int64_t hone_attr_int(const hone_infer *x, const char *name, int64_t otherwise)
{
    const int64_t *at = attr_at(x, name);
    return at ? *at : otherwise;
}

hone_dtype hone_attr_type(const hone_infer *x, const char *name)
{
    const hone_dtype *at = attr_at(x, name);
    return at ? *at : HONE_NONE;
}

hone_ints hone_attr_ints(const hone_infer *x, const char *name)
{
    const hone_ints *at = attr_at(x, name);
    return at ? *at : (hone_ints){0, NULL};
}

bool hone_attr_is_last(const hone_infer *x)
{
    return hone_attr_int(x, "layout", HONE_LAYOUT_FIRST) == HONE_LAYOUT_LAST;
}

static bool is_in(hone_dtype dtype, unsigned types)
{
    return ((types & HONE_TYPES_FLOAT) && hone_dtype_is_float(dtype)) ||
           ((types & HONE_TYPES_INTEGER) && hone_dtype_is_integer(dtype)) ||
           ((types & HONE_TYPES_BOOL) && dtype == HONE_BOOL) ||
           ((types & HONE_TYPES_STRING) && dtype == HONE_STRING) ||
           ((types & HONE_TYPES_COMPLEX) && hone_dtype_is_complex(dtype)) ||
           ((types & HONE_TYPES_INDEX) && (dtype == HONE_I32 || dtype == HONE_I64)) ||
           ((types & HONE_TYPES_I64) && dtype == HONE_I64);
}

/* "floats, integers"; sets are small, so this is only made for messages. */
static const char *types_text(unsigned types, char text[96])
{
    static const char *const names[] = {"floats",  "integers",     "bool", "string",
                                        "complex", "int32, int64", "int64"};

    text[0] = '\0';
    for (int i = 0; i < HONE_COUNT(names); i++)
        if (types & (1u << i)) {
            if (text[0])
                strcat(text, ", ");
            strcat(text, names[i]);
        }
    return text;
}

hone_status hone_infer_check_types(const hone_infer *x, int i, unsigned types)
{
    const hone_dtype dtype = hone_in_dtype(x, i);
    char text[96];

    if (dtype == HONE_NONE || is_in(dtype, types))
        return HONE_OK;
    return hone_error(HONE_ERR_BUILD, "input %d is %s; allowed are: %s", i, hone_dtype_text(dtype),
                      types_text(types, text));
}

hone_status hone_infer_check_same_type(const hone_infer *x, int i, int k)
{
    const hone_dtype a = hone_in_dtype(x, i), b = hone_in_dtype(x, k);

    if (a == HONE_NONE || b == HONE_NONE || a == b)
        return HONE_OK;
    return hone_error(HONE_ERR_BUILD, "input %d is %s but input %d is %s; they must be of one type",
                      i, hone_dtype_text(a), k, hone_dtype_text(b));
}

hone_status hone_infer_check_rank(const hone_infer *x, int i, int least, int most)
{
    const int rank = hone_in_rank(x, i);

    if (rank < 0 || (rank >= least && rank <= most))
        return HONE_OK;
    if (least == most)
        return hone_error(HONE_ERR_BUILD, "input %d has rank %d; it must be %d", i, rank, least);
    return hone_error(HONE_ERR_BUILD, "input %d has rank %d; %d to %d are allowed", i, rank, least,
                      most);
}

hone_status hone_infer_check_filled(const hone_infer *x, int i, int first, int end)
{
    for (int axis = first; axis < HONE_MIN(end, hone_in_rank(x, i)); axis++)
        if (hone_in_dim(x, i, axis) == 0)
            return hone_error(HONE_ERR_BUILD,
                              "axis %d of input %d has extent 0; it must have elements to read",
                              axis, i);
    return HONE_OK;
}

hone_status hone_infer_check_scalar(const hone_infer *x, int i)
{
    if (!hone_infer_has(x, i))
        return HONE_OK;
    const hone_extent count = hone_shape_count(x->extents, hone_in_shape(x, i));
    if (!hone_extent_is_number(count) || count == 1)
        return HONE_OK;
    return hone_error(HONE_ERR_BUILD, "input %d has %lld elements; it must have one", i,
                      (long long)count);
}

hone_status hone_infer_check_row(const hone_infer *x, int i, hone_extent extent)
{
    char what[32];

    if (!hone_infer_has(x, i) || hone_in_rank(x, i) < 0)
        return HONE_OK;
    HONE_TRY(hone_infer_check_rank(x, i, 1, 1));
    snprintf(what, sizeof what, "input %d", i);
    return hone_infer_same_extent(x, hone_in_dim(x, i, 0), extent, what, "the axis it belongs to",
                                  NULL);
}

hone_status hone_infer_check_per_channel(const hone_infer *x, int i, hone_extent extent)
{
    if (!hone_infer_has(x, i) || hone_shape_count(x->extents, hone_in_shape(x, i)) == 1)
        return HONE_OK;
    return hone_infer_check_row(x, i, extent);
}

hone_status hone_infer_same_extent(const hone_infer *x, hone_extent a, hone_extent b,
                                   const char *what_a, const char *what_b, hone_extent *out)
{
    const bool number_a = hone_extent_is_number(a), number_b = hone_extent_is_number(b);

    if (number_a && number_b && a != b)
        return hone_error(HONE_ERR_BUILD, "%s has extent %lld but %s has %lld; they must be equal",
                          what_a, (long long)a, what_b, (long long)b);
    if (a != HONE_EXTENT_UNKNOWN && b != HONE_EXTENT_UNKNOWN &&
        (hone_extent_lower(x->extents, a) > hone_extent_upper(x->extents, b) ||
         hone_extent_lower(x->extents, b) > hone_extent_upper(x->extents, a)))
        return hone_error(HONE_ERR_BUILD,
                          "the extents of %s and of %s can never be equal, as they must be", what_a,
                          what_b);
    if (out)
        *out = number_b || a == HONE_EXTENT_UNKNOWN ? b : a;
    return HONE_OK;
}

hone_status hone_check_range(const char *what, int64_t v, int64_t least, int64_t most)
{
    if (v >= least && v <= most)
        return HONE_OK;
    return hone_error(HONE_ERR_BUILD, "%s is %lld; %lld to %lld are allowed", what, (long long)v,
                      (long long)least, (long long)most);
}

hone_status hone_infer_mul(const hone_infer *x, hone_extent a, hone_extent b, const char *what,
                           hone_extent *out)
{
    const hone_extent r = hone_extent_mul(x->extents, a, b);

    if (r == HONE_EXTENT_UNKNOWN && hone_extent_is_number(a) && hone_extent_is_number(b))
        return hone_error(HONE_ERR_BUILD, "%s, %lld times %lld, is over the limit of %lld", what,
                          (long long)a, (long long)b, (long long)HONE_EXTENT_MOST);
    *out = r;
    return HONE_OK;
}

hone_status hone_infer_axes(const hone_infer *x, int i, int rank, unsigned *bits, bool *known)
{
    int64_t values[HONE_MAX_RANK];
    int n, axis;

    *bits = 0;
    *known = true;
    if (!hone_infer_has(x, i))
        return HONE_OK;
    HONE_TRY(hone_infer_check_types(x, i, HONE_TYPES_INDEX));
    HONE_TRY(hone_infer_check_rank(x, i, 0, 1));
    if (!hone_fact_numbers(&x->in[i], values, HONE_MAX_RANK, &n)) {
        const hone_extent count = hone_shape_count(NULL, hone_in_shape(x, i));
        *known = false;
        return hone_extent_is_number(count)
                   ? hone_check_range("the number of axes", count, 0, HONE_MAX_RANK)
                   : HONE_OK;
    }
    for (int k = 0; k < n; k++) {
        HONE_TRY(hone_axis_normalize(values[k], rank, &axis));
        if (*bits & (1u << axis))
            return hone_error(HONE_ERR_BUILD, "axis %d is named twice; each may be named once",
                              axis);
        *bits |= 1u << axis;
    }
    return HONE_OK;
}

hone_status hone_infer_shape_from(const hone_infer *x, int i, hone_shape *out)
{
    hone_extent values[HONE_MAX_RANK];
    hone_shape shape = {.rank = -1};
    int n = 0;

    HONE_TRY(hone_infer_check_types(x, i, HONE_TYPES_INDEX));
    HONE_TRY(hone_infer_check_rank(x, i, 0, 1));
    const hone_extent rank = hone_shape_count(NULL, hone_in_shape(x, i));
    if (hone_extent_is_number(rank))
        HONE_TRY(
            hone_check_range("the rank that the shape input asks for", rank, 0, HONE_MAX_RANK));
    if (hone_fact_ints(&x->in[i], values, HONE_MAX_RANK, &n))
        shape.rank = n;
    else if (hone_extent_is_number(rank))
        shape.rank = (int)rank;
    for (int k = 0; k < shape.rank; k++) {
        shape.dim[k] = n ? values[k] : HONE_EXTENT_UNKNOWN;
        if (x->in[i].data || hone_extent_is_number(shape.dim[k]))
            HONE_TRY(hone_check_range("an extent that the shape input asks for", shape.dim[k], -1,
                                      HONE_EXTENT_MOST));
    }
    *out = shape;
    return HONE_OK;
}

bool hone_infer_tracks(const hone_infer *x, int k)
{
    if (!x->extents || k >= x->n_out)
        return false;
    const hone_type *type = &x->out[k].type;
    return (type->dtype == HONE_BOOL || hone_dtype_is_integer(type->dtype)) &&
           hone_shape_elems(&type->shape) >= 0;
}

void hone_infer_copy_elems(hone_infer *x, int i, int k)
{
    hone_fact *out = &x->out[k];
    int n;

    if (hone_infer_tracks(x, k) && hone_fact_ints(&x->in[i], out->elem, HONE_FACT_ELEMS, &n) &&
        n == hone_shape_elems(&out->type.shape))
        out->n_elem = n;
}
