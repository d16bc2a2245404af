/* Reductions over axes, normalisations with several outputs, and TopK. */
#include "op/infer_tools.h"

/* The shape of input 0 with the axes in `bits` reduced to 1 or dropped. */
static hone_shape reduced(const hone_infer *x, unsigned bits, bool keep)
{
    const hone_shape *in = hone_in_shape(x, 0);
    hone_shape shape = {.rank = 0};

    for (int i = 0; i < in->rank; i++) {
        if (!(bits & (1u << i)))
            shape.dim[shape.rank++] = in->dim[i];
        else if (keep)
            shape.dim[shape.rank++] = 1;
    }
    return shape;
}

/* ReduceProd, ReduceSum, ReduceMax and ReduceMin of extents: all elements into one. */
static void reduce_elems(hone_infer *x, unsigned bits)
{
    hone_extent in[HONE_FACT_ELEMS];
    hone_fact *out = &x->out[0];
    int n;

    if (!hone_infer_tracks(x, 0) || bits != (1u << hone_in_rank(x, 0)) - 1 ||
        !hone_fact_ints(&x->in[0], in, HONE_FACT_ELEMS, &n))
        return;
    hone_extent result = x->op == HONE_OP_reduce_prod ? 1 : 0;
    for (int i = 0; i < n; i++) {
        switch (x->op) {
        case HONE_OP_reduce_prod: result = hone_extent_mul(x->extents, result, in[i]); break;
        case HONE_OP_reduce_sum: result = hone_extent_add(x->extents, result, in[i]); break;
        case HONE_OP_reduce_max:
            result = i ? hone_extent_max(x->extents, result, in[i]) : in[i];
            break;
        case HONE_OP_reduce_min:
            result = i ? hone_extent_min(x->extents, result, in[i]) : in[i];
            break;
        default: return;
        }
    }
    if (n == 0 && (x->op == HONE_OP_reduce_max || x->op == HONE_OP_reduce_min))
        return;
    out->n_elem = 1;
    out->elem[0] = result;
}

/* Without axes all are reduced, or none, as noop_with_empty_axes says. */
hone_status hone_infer_reduce(hone_infer *x)
{
    const hone_shape *in = hone_in_shape(x, 0);
    const bool keep = hone_attr_int(x, "keepdims", 1) != 0,
               noop = hone_attr_int(x, "noop_with_empty_axes", 0) != 0;
    hone_shape shape = HONE_SHAPE_UNKNOWN;
    unsigned bits;
    bool known;

    HONE_TRY(hone_infer_check_types(x, 0, HONE_TYPES_NUMBER | HONE_TYPES_BOOL));
    if (in->rank < 0) {
        hone_out_set(x, 0, hone_in_dtype(x, 0), &shape);
        return HONE_OK;
    }
    HONE_TRY(hone_infer_axes(x, 1, in->rank, &bits, &known));
    if (known && bits == 0)
        bits = noop ? 0 : (1u << in->rank) - 1;
    const hone_extent count =
        hone_infer_has(x, 1) ? hone_shape_count(NULL, hone_in_shape(x, 1)) : 0;
    if (known) {
        shape = reduced(x, bits, keep);
    } else if (keep || (hone_extent_is_number(count) && count > 0 && count <= in->rank)) {
        shape.rank = keep ? in->rank : in->rank - (int)count;
        for (int i = 0; i < shape.rank; i++)
            shape.dim[i] = HONE_EXTENT_UNKNOWN;
    }
    hone_out_set(x, 0, hone_in_dtype(x, 0), &shape);
    if (known)
        reduce_elems(x, bits);
    return HONE_OK;
}

/* The axis that the greatest element is looked for along must not be empty. */
hone_status hone_infer_arg_reduce(hone_infer *x)
{
    const int rank = hone_in_rank(x, 0);
    hone_shape shape = HONE_SHAPE_UNKNOWN;
    int axis;

    HONE_TRY(hone_infer_check_types(x, 0, HONE_TYPES_NUMBER));
    if (rank == 0)
        shape.rank = 0;
    if (rank > 0) {
        HONE_TRY(hone_axis_normalize(hone_attr_int(x, "axis", 0), rank, &axis));
        HONE_TRY(hone_infer_check_filled(x, 0, axis, axis + 1));
        shape = reduced(x, 1u << axis, hone_attr_int(x, "keepdims", 1) != 0);
    }
    hone_out_set(x, 0, HONE_I64, &shape);
    return HONE_OK;
}

/* Inputs x, scale, bias, mean, variance; in training the running mean and variance come out too. */
hone_status hone_infer_batch_normalization(hone_infer *x)
{
    const int rank = hone_in_rank(x, 0);
    const hone_extent channels = rank == 1  ? 1
                                 : rank > 1 ? hone_in_dim(x, 0, 1)
                                            : HONE_EXTENT_UNKNOWN;
    const hone_shape row = hone_shape_make(1, channels);

    HONE_TRY(hone_infer_check_rank(x, 0, 1, HONE_MAX_RANK));
    for (int i = 0; i < 5; i++) {
        HONE_TRY(hone_infer_check_types(x, i, HONE_TYPES_FLOAT));
        if (i > 0)
            HONE_TRY(hone_infer_check_row(x, i, channels));
    }
    hone_out_set(x, 0, hone_in_dtype(x, 0), hone_in_shape(x, 0));
    hone_out_set(x, 1, hone_in_dtype(x, 3), &row);
    hone_out_set(x, 2, hone_in_dtype(x, 4), &row);
    return HONE_OK;
}

/* The scale and bias broadcast to the axes from `axis` on; mean and 1/deviation keep those axes
 * as 1. */
hone_status hone_infer_layer_normalization(hone_infer *x)
{
    const int rank = hone_in_rank(x, 0);
    hone_shape stats = *hone_in_shape(x, 0), both;
    int axis;

    for (int i = 0; i < x->n_in; i++)
        HONE_TRY(hone_infer_check_types(x, i, HONE_TYPES_FLOAT));
    if (rank >= 0) {
        HONE_TRY(hone_axis_normalize(x->attrs->layer_normalization.axis, rank, &axis));
        for (int i = axis; i < rank; i++)
            stats.dim[i] = 1;
    }
    for (int i = 1; rank >= 0 && i < x->n_in; i++) {
        if (!hone_infer_has(x, i))
            continue;
        HONE_TRY(hone_infer_check_rank(x, i, 0, rank));
        HONE_TRY(hone_shape_broadcast(x->extents, hone_in_shape(x, 0), hone_in_shape(x, i), &both));
        for (int k = 0; k < both.rank; k++)
            if (hone_extent_is_number(both.dim[k]) && hone_extent_is_number(hone_in_dim(x, 0, k)) &&
                both.dim[k] != hone_in_dim(x, 0, k))
                return hone_error(
                    HONE_ERR_BUILD,
                    "input %d has extent %lld where the first has %lld; it must broadcast", i,
                    (long long)both.dim[k], (long long)hone_in_dim(x, 0, k));
    }
    hone_out_set(x, 0, hone_in_dtype(x, 0), hone_in_shape(x, 0));
    hone_out_set(x, 1, x->attrs->layer_normalization.stash_type, &stats);
    hone_out_set(x, 2, x->attrs->layer_normalization.stash_type, &stats);
    return HONE_OK;
}

/* Inputs x, k (one int64). */
hone_status hone_infer_topk(hone_infer *x)
{
    hone_shape shape = *hone_in_shape(x, 0);
    hone_extent k;
    int n, axis;

    HONE_TRY(hone_infer_check_types(x, 0, HONE_TYPES_NUMBER));
    HONE_TRY(hone_infer_check_types(x, 1, HONE_TYPES_I64));
    HONE_TRY(hone_infer_check_scalar(x, 1));
    HONE_TRY(hone_infer_check_rank(x, 0, 1, HONE_MAX_RANK));
    if (shape.rank > 0) {
        HONE_TRY(hone_axis_normalize(x->attrs->topk.axis, shape.rank, &axis));
        const hone_extent all = shape.dim[axis];
        if (!hone_fact_ints(&x->in[1], &k, 1, &n) || n != 1 || k == HONE_EXTENT_UNKNOWN)
            k = hone_extent_at_most(x, all);
        if (hone_extent_is_number(k))
            HONE_TRY(
                hone_check_range("k", k, 0, hone_extent_is_number(all) ? all : HONE_EXTENT_MOST));
        shape.dim[axis] = k;
    }
    hone_out_set(x, 0, hone_in_dtype(x, 0), &shape);
    hone_out_set(x, 1, HONE_I64, &shape);
    return HONE_OK;
}
