/* Operators that keep the elements where they are and give them another shape. */
#include "op/infer_tools.h"

hone_status hone_infer_identity(hone_infer *x)
{
    x->out[0].type = x->in[0].type;
    hone_infer_copy_elems(x, 0, 0);
    return HONE_OK;
}

static hone_extent count_axes(const hone_infer *x, int from, int to)
{
    hone_extent count = 1;

    for (int i = from; i < to; i++)
        count = hone_extent_mul(x->extents, count, hone_in_dim(x, 0, i));
    return count;
}

hone_status hone_infer_flatten(hone_infer *x)
{
    const int rank = hone_in_rank(x, 0);
    const int64_t axis = x->attrs->flatten.axis;
    hone_shape shape = hone_shape_make(2, HONE_EXTENT_UNKNOWN, HONE_EXTENT_UNKNOWN);

    if (rank >= 0) {
        HONE_TRY(hone_check_range("axis", axis, -rank, rank));
        const int at = (int)(axis < 0 ? axis + rank : axis);
        shape = hone_shape_make(2, count_axes(x, 0, at), count_axes(x, at, rank));
    }
    hone_out_set(x, 0, hone_in_dtype(x, 0), &shape);
    hone_infer_copy_elems(x, 0, 0);
    return HONE_OK;
}

/* Reshape. */

typedef struct reshape {
    int n;                            /* the output's rank */
    hone_extent value[HONE_MAX_RANK]; /* as the shape input says: 0 copies, -1 is to be found */
    int hole;                         /* the place of what is to be found; -1: none */
    unsigned copied;                  /* a bit for each axis that 0 copies */
} reshape;

static hone_status read_reshape(const hone_infer *x, reshape *out)
{
    reshape r = {.hole = -1};
    hone_shape wanted;
    int unknown = 0;

    HONE_TRY(hone_infer_shape_from(x, 1, &wanted));
    r.n = wanted.rank;
    for (int i = 0; i < r.n; i++) {
        r.value[i] = wanted.dim[i];
        if (r.value[i] == -1) {
            if (r.hole >= 0)
                return hone_error(HONE_ERR_BUILD,
                                  "the shape has -1 at axes %d and %d; one is allowed", r.hole, i);
            r.hole = i;
        } else if (r.value[i] == 0 && !x->attrs->reshape.allowzero) {
            r.copied |= 1u << i;
        }
        unknown += r.value[i] == HONE_EXTENT_UNKNOWN;
    }
    for (int i = 0; i < r.n && unknown == 1 && r.hole < 0; i++)
        if (r.value[i] == HONE_EXTENT_UNKNOWN)
            r.hole = i; /* whatever it says, the number of elements decides */
    *out = r;
    return HONE_OK;
}

/* Elements of the input, and of the output without the hole, both without the axes that are copied
 * (which may be 0). */
static void count_sides(const hone_infer *x, const reshape *r, hone_extent *in, hone_extent *out)
{
    *in = hone_in_rank(x, 0) < 0 ? HONE_EXTENT_UNKNOWN : 1;
    *out = r->n < 0 ? HONE_EXTENT_UNKNOWN : 1;
    for (int i = 0; i < hone_in_rank(x, 0); i++)
        if (!(r->copied & (1u << i)))
            *in = hone_extent_mul(x->extents, *in, hone_in_dim(x, 0, i));
    for (int i = 0; i < r->n; i++)
        if (!(r->copied & (1u << i)) && i != r->hole)
            *out = hone_extent_mul(x->extents, *out, r->value[i]);
}

static hone_status fill_hole(const hone_infer *x, const reshape *r, hone_extent in, hone_extent out,
                             hone_shape *shape)
{
    const bool numbers = hone_extent_is_number(in) && hone_extent_is_number(out);

    if (r->hole < 0) {
        if (numbers && in != out)
            return hone_error(
                HONE_ERR_BUILD,
                "the input has %lld elements but the shape asks for %lld; they must be as many",
                (long long)in, (long long)out);
        return HONE_OK;
    }
    if (numbers && (out == 0 || in % out))
        return hone_error(
            HONE_ERR_BUILD,
            "the input's %lld elements do not divide by the %lld of the shape without its -1",
            (long long)in, (long long)out);
    shape->dim[r->hole] = hone_extent_floor_div(x->extents, in, out);
    return HONE_OK;
}

hone_status hone_infer_reshape(hone_infer *x)
{
    hone_extent in, out;
    reshape r = {.n = -1};

    HONE_TRY(read_reshape(x, &r));
    hone_shape shape = {.rank = r.n};
    for (int i = 0; i < r.n; i++) {
        shape.dim[i] = r.value[i];
        if (!(r.copied & (1u << i)))
            continue;
        if (hone_in_rank(x, 0) >= 0 && i >= hone_in_rank(x, 0))
            return hone_error(
                HONE_ERR_BUILD,
                "the shape has 0, to copy an extent, at axis %d; the input has rank %d", i,
                hone_in_rank(x, 0));
        shape.dim[i] = hone_in_rank(x, 0) < 0 ? HONE_EXTENT_UNKNOWN : hone_in_dim(x, 0, i);
    }
    count_sides(x, &r, &in, &out);
    HONE_TRY(fill_hole(x, &r, in, out, &shape));
    hone_out_set(x, 0, hone_in_dtype(x, 0), &shape);
    hone_infer_copy_elems(x, 0, 0);
    return HONE_OK;
}

/* Which axes to squeeze where no axes are given: those that are known to be 1. */
static unsigned axes_of_one(const hone_shape *shape)
{
    unsigned bits = 0;

    for (int i = 0; i < shape->rank && i < HONE_MAX_RANK; i++)
        bits |= (shape->dim[i] == 1 ? 1u : 0u) << i;
    return bits;
}

/* A shape of `rank` extents that are not known. */
static hone_shape unknown_extents(int rank)
{
    hone_shape shape = {.rank = rank};

    for (int i = 0; i < rank; i++)
        shape.dim[i] = HONE_EXTENT_UNKNOWN;
    return shape;
}

/* The number of axes in input 1, or UNKNOWN. */
static hone_extent axes_count(const hone_infer *x)
{
    return hone_shape_count(NULL, hone_in_shape(x, 1));
}

hone_status hone_infer_squeeze(hone_infer *x)
{
    const hone_shape *in = hone_in_shape(x, 0);
    hone_shape shape = {.rank = 0};
    unsigned bits;
    bool known;

    HONE_TRY(hone_infer_axes(x, 1, in->rank < 0 ? HONE_MAX_RANK : in->rank, &bits, &known));
    if (in->rank < 0 || !known) {
        const bool counted =
            in->rank >= 0 && hone_infer_has(x, 1) && hone_extent_is_number(axes_count(x));
        shape = unknown_extents(counted ? HONE_MAX(in->rank - (int)axes_count(x), 0) : -1);
        hone_out_set(x, 0, hone_in_dtype(x, 0), &shape);
        return HONE_OK;
    }
    if (!hone_infer_has(x, 1))
        bits = axes_of_one(in);
    for (int i = 0; i < in->rank; i++) {
        if (!(bits & (1u << i)))
            shape.dim[shape.rank++] = in->dim[i];
        else if (hone_extent_lower(x->extents, in->dim[i]) > 1 || in->dim[i] == 0)
            return hone_error(
                HONE_ERR_BUILD,
                "axis %d has extent %lld or more; only an extent of 1 can be squeezed", i,
                (long long)hone_extent_lower(x->extents, in->dim[i]));
    }
    hone_out_set(x, 0, hone_in_dtype(x, 0), &shape);
    hone_infer_copy_elems(x, 0, 0);
    return HONE_OK;
}

hone_status hone_infer_unsqueeze(hone_infer *x)
{
    const hone_shape *in = hone_in_shape(x, 0);
    const hone_extent count = axes_count(x);
    hone_shape shape;
    unsigned bits;
    bool known;

    shape = HONE_SHAPE_UNKNOWN;
    if (in->rank < 0 || !hone_extent_is_number(count)) {
        hone_out_set(x, 0, hone_in_dtype(x, 0), &shape);
        return HONE_OK;
    }
    HONE_TRY(hone_check_range("the number of axes", count, 0, HONE_MAX_RANK - in->rank));
    shape = unknown_extents(in->rank + (int)count);
    HONE_TRY(hone_infer_axes(x, 1, shape.rank, &bits, &known));
    for (int i = 0, from = 0; known && i < shape.rank; i++)
        shape.dim[i] = bits & (1u << i) ? 1 : in->dim[from++];
    hone_out_set(x, 0, hone_in_dtype(x, 0), &shape);
    if (known)
        hone_infer_copy_elems(x, 0, 0);
    return HONE_OK;
}
