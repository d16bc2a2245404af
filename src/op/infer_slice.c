/* Slice, and CenterCropPad. Starts and ends may be symbols: a start counts from the end of the axis
 * where it is negative, which the range of a symbol tells or leaves open; then the extent is left
 * open too. ONNX Slice-13. */
#include "op/infer_tools.h"

typedef struct cut {
    hone_extent start, end, step;
} cut;

/* Numbers this far out mean "as far as it goes", whatever the extent. */
static bool is_far(hone_extent e)
{
    return hone_extent_is_number(e) && (e >= HONE_EXTENT_MOST || e <= -HONE_EXTENT_MOST);
}

/* A position as a place in [least, most], where negative ones count from the end; UNKNOWN where its
 * sign is. */
static hone_extent place(const hone_infer *x, hone_extent at, hone_extent extent, hone_extent least,
                         hone_extent most)
{
    hone_extents *t = x->extents;

    if (is_far(at))
        return at > 0 ? most : least;
    if (at == HONE_EXTENT_UNKNOWN)
        return at;
    if (hone_extent_upper(t, at) < 0)
        return hone_extent_max(t, hone_extent_add(t, at, extent), least);
    if (hone_extent_lower(t, at) < 0)
        return HONE_EXTENT_UNKNOWN;
    return hone_extent_min(t, at, most);
}

/* The places of a cut: forwards in [0, extent], backwards in [-1, extent - 1]. */
static void place_cut(const hone_infer *x, hone_extent extent, cut *c)
{
    const bool back = c->step < 0;
    const hone_extent most = back ? hone_extent_sub(x->extents, extent, 1) : extent,
                      least = back ? -1 : 0;

    c->start = place(x, c->start, extent, least, most);
    c->end = place(x, c->end, extent, least, most);
}

static hone_status cut_extent(const hone_infer *x, hone_extent extent, cut *c, hone_extent *out)
{
    hone_extents *t = x->extents;

    if (!hone_extent_is_number(c->step)) {
        *out = hone_extent_at_most(x, extent);
        return HONE_OK;
    }
    if (c->step == 0)
        return hone_error(HONE_ERR_BUILD, "a step is 0; any other number is allowed");
    c->step = HONE_MAX(-HONE_EXTENT_MOST, HONE_MIN(c->step, HONE_EXTENT_MOST));
    place_cut(x, extent, c);
    const hone_extent length =
        c->step > 0 ? hone_extent_sub(t, c->end, c->start) : hone_extent_sub(t, c->start, c->end);
    const hone_extent steps = hone_extent_ceil_div(t, length, c->step > 0 ? c->step : -c->step);
    *out = hone_extent_max(t, steps, 0);
    if (*out == HONE_EXTENT_UNKNOWN)
        *out = hone_extent_at_most(x, extent);
    return HONE_OK;
}

/* The values of input i, n of them; all UNKNOWN where they are not known. */
static hone_status read_values(const hone_infer *x, int i, int n, hone_extent *out)
{
    int found;

    HONE_TRY(hone_infer_check_types(x, i, HONE_TYPES_INDEX));
    HONE_TRY(hone_infer_check_row(x, i, n));
    if (hone_fact_ints(&x->in[i], out, HONE_MAX_RANK, &found) && found == n)
        return HONE_OK;
    for (int k = 0; k < n; k++)
        out[k] = HONE_EXTENT_UNKNOWN;
    return HONE_OK;
}

/* How many axes are cut: the extent of whichever argument tells; -1: none does. */
static int cut_count(const hone_infer *x)
{
    for (int i = 1; i < x->n_in; i++) {
        const hone_extent n = hone_in_rank(x, i) == 1 ? hone_in_dim(x, i, 0) : HONE_EXTENT_UNKNOWN;
        if (hone_extent_is_number(n) && n <= HONE_MAX_RANK)
            return (int)n;
    }
    return -1;
}

static hone_status read_cuts(const hone_infer *x, int n, cut cuts[HONE_MAX_RANK])
{
    hone_extent starts[HONE_MAX_RANK], ends[HONE_MAX_RANK], steps[HONE_MAX_RANK];

    HONE_TRY(read_values(x, 1, n, starts));
    HONE_TRY(read_values(x, 2, n, ends));
    for (int i = 0; i < n; i++)
        steps[i] = 1;
    if (hone_infer_has(x, 4))
        HONE_TRY(read_values(x, 4, n, steps));
    for (int i = 0; i < n; i++)
        cuts[i] = (cut){starts[i], ends[i], steps[i]};
    return HONE_OK;
}

/* Follows the elements where every start and step is a number. */
static void slice_elems(hone_infer *x, const cut by_axis[HONE_MAX_RANK])
{
    const hone_shape *in = hone_in_shape(x, 0), *out = &x->out[0].type.shape;
    int64_t own[HONE_MAX_RANK], stride[HONE_MAX_RANK];
    int64_t start = 0;

    if (!hone_shape_strides(in, own) || hone_shape_elems(out) <= 0)
        return;
    for (int i = 0; i < in->rank; i++) {
        if (!hone_extent_is_number(by_axis[i].start) || !hone_extent_is_number(by_axis[i].step))
            return;
        start += by_axis[i].start * own[i];
        stride[i] = by_axis[i].step * own[i];
    }
    hone_infer_map_elems(x, out, (int)start, stride);
}

/* Inputs data, starts, ends, axes, steps. */
hone_status hone_infer_slice(hone_infer *x)
{
    hone_extent axes[HONE_MAX_RANK];
    cut cuts[HONE_MAX_RANK], by_axis[HONE_MAX_RANK];
    hone_shape shape = *hone_in_shape(x, 0);
    const int n = cut_count(x);
    unsigned seen = 0;
    int axis;

    HONE_TRY(hone_infer_check_rank(x, 0, 1, HONE_MAX_RANK));
    for (int i = 0; i < HONE_MAX_RANK; i++) {
        axes[i] = i;
        by_axis[i] = (cut){0, 0, 1};
    }
    if (n > 0 && hone_infer_has(x, 3))
        HONE_TRY(read_values(x, 3, n, axes));
    if (n >= 0)
        HONE_TRY(read_cuts(x, n, cuts));
    for (int i = 0; i < shape.rank && n < 0; i++)
        shape.dim[i] = hone_extent_at_most(x, shape.dim[i]);
    for (int i = 0; i < n && shape.rank > 0; i++) {
        if (!hone_extent_is_number(axes[i])) { /* any axis may be the one */
            for (int k = 0; k < shape.rank; k++)
                shape.dim[k] = hone_extent_at_most(x, shape.dim[k]);
            break;
        }
        HONE_TRY(hone_axis_normalize(axes[i], shape.rank, &axis));
        if (seen & (1u << axis))
            return hone_error(HONE_ERR_BUILD, "axis %d is cut twice; once is allowed", axis);
        seen |= 1u << axis;
        HONE_TRY(cut_extent(x, shape.dim[axis], &cuts[i], &shape.dim[axis]));
        by_axis[axis] = cuts[i];
    }
    hone_out_set(x, 0, hone_in_dtype(x, 0), &shape);
    slice_elems(x, by_axis);
    return HONE_OK;
}

/* Input 1 has the extents of the axes named, or of all. */
hone_status hone_infer_center_crop_pad(hone_infer *x)
{
    const hone_ints axes = x->attrs->center_crop_pad.axes;
    hone_shape shape = *hone_in_shape(x, 0), wanted;
    unsigned seen = 0;
    int axis;

    HONE_TRY(hone_infer_shape_from(x, 1, &wanted));
    if (shape.rank < 0) {
        hone_out_set(x, 0, hone_in_dtype(x, 0), &shape);
        return HONE_OK;
    }
    const int n = axes.n ? axes.n : shape.rank;
    if (wanted.rank >= 0 && wanted.rank != n)
        return hone_error(HONE_ERR_BUILD, "the shape has %d entries; %d are needed", wanted.rank,
                          n);
    for (int i = 0; i < n; i++) {
        HONE_TRY(hone_axis_normalize(axes.n ? axes.v[i] : i, shape.rank, &axis));
        if (seen & (1u << axis))
            return hone_error(HONE_ERR_BUILD, "axes has %d twice; each is allowed once", axis);
        seen |= 1u << axis;
        shape.dim[axis] = wanted.rank < 0 ? HONE_EXTENT_UNKNOWN : wanted.dim[i];
    }
    hone_out_set(x, 0, hone_in_dtype(x, 0), &shape);
    return HONE_OK;
}
