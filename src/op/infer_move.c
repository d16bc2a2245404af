/* Operators that move whole axes: transposed, joined, cut, repeated. Partial values move along
 * where the tensor is small: exporters write the argument of Pad with Transpose and Slice. Slices
 * are in infer_slice.c. */
#include "op/infer_tools.h"

/* Partial values: element i of the output, counted row by row, comes from element map(i) of the
 * input. */

void hone_infer_map_elems(hone_infer *x, const hone_shape *out_shape, int start,
                          const int64_t stride[HONE_MAX_RANK])
{
    hone_extent in[HONE_FACT_ELEMS];
    hone_fact *out = &x->out[0];
    int n;

    if (!hone_infer_tracks(x, 0) || !hone_fact_ints(&x->in[0], in, HONE_FACT_ELEMS, &n))
        return;
    const int count = hone_shape_elems(out_shape);
    for (int i = 0; i < count; i++) {
        int64_t from = start;
        int rest = i;
        for (int k = out_shape->rank - 1; k >= 0; k--) {
            from += rest % (int)out_shape->dim[k] * stride[k];
            rest /= (int)out_shape->dim[k];
        }
        if (from < 0 || from >= n)
            return;
        out->elem[i] = in[from];
    }
    out->n_elem = count;
}

bool hone_shape_strides(const hone_shape *shape, int64_t stride[HONE_MAX_RANK])
{
    int64_t step = 1;

    if (hone_shape_elems(shape) <= 0) /* beside an extent of 0 the others may be anything */
        return false;
    for (int i = shape->rank - 1; i >= 0; i--) {
        stride[i] = step;
        step *= shape->dim[i];
    }
    return true;
}

/* The extents in their new order. */
static hone_status permuted(const hone_infer *x, hone_ints perm, hone_shape *out)
{
    const hone_shape *in = hone_in_shape(x, 0);
    unsigned seen = 0;

    *out = *in;

    if (in->rank >= 0 && perm.n != 0 && perm.n != in->rank)
        return hone_error(HONE_ERR_BUILD,
                          "perm has %d entries but the input has rank %d; they must be as many",
                          perm.n, in->rank);
    for (int i = 0; i < in->rank; i++) {
        const int64_t from = perm.n ? perm.v[i] : in->rank - 1 - i;
        HONE_TRY(hone_check_range("perm", from, 0, in->rank - 1));
        if (seen & (1u << from))
            return hone_error(HONE_ERR_BUILD, "perm has %lld twice; it must be a permutation",
                              (long long)from);
        seen |= 1u << from;
        out->dim[i] = in->dim[from];
    }
    return HONE_OK;
}

hone_status hone_infer_transpose(hone_infer *x)
{
    const hone_ints perm = x->attrs->transpose.perm;
    const hone_shape *in = hone_in_shape(x, 0);
    int64_t own[HONE_MAX_RANK], stride[HONE_MAX_RANK];
    hone_shape shape;

    HONE_TRY(permuted(x, perm, &shape));
    hone_out_set(x, 0, hone_in_dtype(x, 0), &shape);
    if (!hone_shape_strides(in, own))
        return HONE_OK;
    for (int i = 0; i < in->rank; i++)
        stride[i] = own[perm.n ? perm.v[i] : in->rank - 1 - i];
    hone_infer_map_elems(x, &shape, 0, stride);
    return HONE_OK;
}

/* A transpose into another float type, whose last axis has zeros behind it: what stands between the
 * caller's pictures and a GPU's. */
hone_status hone_infer_relayout(hone_infer *x)
{
    const hone_attrs_relayout *a = &x->attrs->relayout;
    hone_shape shape;

    HONE_TRY(hone_infer_check_types(x, 0, HONE_TYPES_FLOAT));
    HONE_TRY(permuted(x, a->perm, &shape));
    if (a->last != 0 && shape.rank >= 0) {
        HONE_TRY(hone_infer_check_rank(x, 0, 1, HONE_MAX_RANK));
        const hone_extent last = shape.dim[shape.rank - 1];
        HONE_TRY(hone_check_range("last", a->last, hone_extent_is_number(last) ? last : 0,
                                  HONE_EXTENT_MOST));
        shape.dim[shape.rank - 1] = a->last;
    }
    hone_out_set(x, 0, a->to != HONE_NONE ? a->to : hone_in_dtype(x, 0), &shape);
    return HONE_OK;
}

/* Concat. */

/* Elements follow one another where the axis is the first. */
static void concat_elems(hone_infer *x)
{
    hone_extent part[HONE_FACT_ELEMS];
    hone_fact *out = &x->out[0];
    int n = 0;

    if (!hone_infer_tracks(x, 0))
        return;
    for (int i = 0; i < x->n_in; i++) {
        const int count = hone_shape_elems(hone_in_shape(x, i));
        int found;
        if (count < 0)
            return;
        const bool known =
            hone_fact_ints(&x->in[i], part, HONE_FACT_ELEMS, &found) && found == count;
        for (int k = 0; k < count; k++)
            out->elem[n++] = known ? part[k] : HONE_EXTENT_UNKNOWN;
    }
    out->n_elem = n;
}

/* Takes input i's extents into the shape so far. */
static hone_status concat_one(const hone_infer *x, int i, int axis, hone_shape *shape)
{
    const hone_shape *in = hone_in_shape(x, i);

    if (!hone_infer_has(x, i))
        return hone_error(HONE_ERR_BUILD, "input %d is absent; all are required", i);
    HONE_TRY(hone_infer_check_same_type(x, 0, i));
    if (in->rank < 0) {
        shape->dim[axis] = HONE_EXTENT_UNKNOWN;
        return HONE_OK;
    }
    HONE_TRY(hone_infer_check_rank(x, i, shape->rank, shape->rank));
    for (int k = 0; k < shape->rank; k++) {
        if (k == axis)
            shape->dim[k] = hone_extent_add(x->extents, shape->dim[k], in->dim[k]);
        else
            HONE_TRY(hone_infer_same_extent(x, shape->dim[k], in->dim[k], "one input", "another",
                                            &shape->dim[k]));
    }
    return HONE_OK;
}

hone_status hone_infer_concat(hone_infer *x)
{
    hone_shape shape = HONE_SHAPE_UNKNOWN;
    int first = 0, axis;

    while (first < x->n_in && hone_in_rank(x, first) < 0)
        first++;
    if (first < x->n_in) {
        HONE_TRY(hone_infer_check_rank(x, first, 1, HONE_MAX_RANK));
        HONE_TRY(hone_axis_normalize(x->attrs->concat.axis, hone_in_rank(x, first), &axis));
        shape = *hone_in_shape(x, first);
        shape.dim[axis] = 0;
        for (int i = 0; i < x->n_in; i++)
            HONE_TRY(concat_one(x, i, axis, &shape));
    }
    hone_out_set(x, 0, hone_in_dtype(x, 0), &shape);
    if (shape.rank > 0 && axis == 0)
        concat_elems(x);
    return HONE_OK;
}

/* Split. */

/* The part's extent of output k where parts are equal but for the last. */
static hone_extent equal_part(const hone_infer *x, hone_extent whole, int n, int k)
{
    const hone_extent part = hone_extent_ceil_div(x->extents, whole, n);
    return k < n - 1 ? part
                     : hone_extent_sub(x->extents, whole, hone_extent_mul(x->extents, part, n - 1));
}

static hone_status split_parts(const hone_infer *x, hone_extent whole, hone_extent *part, int room)
{
    const int64_t n = hone_attr_int(x, "num_outputs", 0);
    hone_extent sum = 0;
    int found;

    if (!hone_infer_has(x, 1)) {
        if (n != 0 && n != x->n_out)
            return hone_error(HONE_ERR_BUILD,
                              "num_outputs is %lld but there are %d outputs; they must be as many",
                              (long long)n, x->n_out);
        for (int k = 0; k < x->n_out; k++)
            part[k] = equal_part(x, whole, x->n_out, k);
        return HONE_OK;
    }
    HONE_TRY(hone_infer_check_types(x, 1, HONE_TYPES_I64));
    HONE_TRY(hone_infer_check_row(x, 1, x->n_out));
    if (!hone_fact_ints(&x->in[1], part, room, &found)) {
        for (int k = 0; k < x->n_out; k++)
            part[k] = hone_extent_at_most(x, whole);
        return HONE_OK;
    }
    for (int k = 0; k < found; k++) {
        if (hone_extent_is_number(part[k]))
            HONE_TRY(hone_check_range("an entry of split", part[k], 0, HONE_EXTENT_MOST));
        sum = hone_extent_add(x->extents, sum, part[k]);
    }
    return hone_infer_same_extent(x, sum, whole, "the sum of split", "the axis", NULL);
}

static void split_elems(hone_infer *x, int k, int start)
{
    hone_extent in[HONE_FACT_ELEMS];
    hone_fact *out = &x->out[k];
    int n;

    if (!hone_infer_tracks(x, k) || !hone_fact_ints(&x->in[0], in, HONE_FACT_ELEMS, &n))
        return;
    const int count = hone_shape_elems(&out->type.shape);
    if (start + count > n)
        return;
    memcpy(out->elem, in + start, (size_t)count * sizeof *in);
    out->n_elem = count;
}

hone_status hone_infer_split(hone_infer *x)
{
    hone_extent part[HONE_ANY + 1];
    hone_shape shape = *hone_in_shape(x, 0);
    int axis = 0, start = 0;

    HONE_TRY(hone_check_range("the number of outputs", x->n_out, 1, HONE_ANY));
    HONE_TRY(hone_infer_check_rank(x, 0, 1, HONE_MAX_RANK));
    if (shape.rank > 0) {
        HONE_TRY(hone_axis_normalize(x->attrs->split.axis, shape.rank, &axis));
        HONE_TRY(split_parts(x, shape.dim[axis], part, HONE_ANY + 1));
    }
    for (int k = 0; k < x->n_out; k++) {
        if (shape.rank > 0)
            shape.dim[axis] = part[k];
        hone_out_set(x, k, hone_in_dtype(x, 0), &shape);
        if (shape.rank != 1 || !hone_extent_is_number(part[k]) || start > HONE_FACT_ELEMS)
            continue;
        split_elems(x, k, start);
        start += (int)HONE_MIN(part[k], HONE_FACT_ELEMS + 1);
    }
    return HONE_OK;
}

/* Expand, Tile. */

hone_status hone_infer_expand(hone_infer *x)
{
    int64_t own[HONE_MAX_RANK], stride[HONE_MAX_RANK];
    hone_shape wanted, shape;

    HONE_TRY(hone_infer_shape_from(x, 1, &wanted));
    HONE_TRY(hone_shape_broadcast(x->extents, hone_in_shape(x, 0), &wanted, &shape));
    hone_out_set(x, 0, hone_in_dtype(x, 0), &shape);
    if (!hone_shape_strides(hone_in_shape(x, 0), own))
        return HONE_OK;
    for (int i = 0; i < shape.rank; i++) {
        const int from = i - (shape.rank - hone_in_rank(x, 0));
        stride[i] = from < 0 || hone_in_dim(x, 0, from) == 1 ? 0 : own[from];
    }
    hone_infer_map_elems(x, &shape, 0, stride);
    return HONE_OK;
}

static void tile_elems(hone_infer *x)
{
    hone_extent in[HONE_FACT_ELEMS];
    hone_fact *out = &x->out[0];
    int n;

    if (!hone_infer_tracks(x, 0) || !hone_fact_ints(&x->in[0], in, HONE_FACT_ELEMS, &n) || n == 0)
        return;
    out->n_elem = hone_shape_elems(&out->type.shape);
    for (int i = 0; i < out->n_elem; i++)
        out->elem[i] = in[i % n];
}

hone_status hone_infer_tile(hone_infer *x)
{
    hone_extent repeats[HONE_MAX_RANK];
    hone_shape shape = *hone_in_shape(x, 0);
    int n;

    HONE_TRY(hone_infer_check_types(x, 1, HONE_TYPES_I64));
    if (shape.rank >= 0)
        HONE_TRY(hone_infer_check_row(x, 1, shape.rank));
    const bool known = hone_fact_ints(&x->in[1], repeats, HONE_MAX_RANK, &n);
    for (int i = 0; i < shape.rank; i++) {
        if (known && hone_extent_is_number(repeats[i]))
            HONE_TRY(hone_check_range("a repeat", repeats[i], 0, HONE_EXTENT_MOST));
        HONE_TRY(hone_infer_mul(x, shape.dim[i], known ? repeats[i] : HONE_EXTENT_UNKNOWN,
                                "an extent of the output", &shape.dim[i]));
    }
    hone_out_set(x, 0, hone_in_dtype(x, 0), &shape);
    if (shape.rank == 1)
        tile_elems(x);
    return HONE_OK;
}
