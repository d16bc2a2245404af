/* Operators whose output has the type and shape of their first input. What differs is what they ask
 * of the others: a table of checks, so that kernels need not make them again. */
#include "op/infer_tools.h"

#define FLOATS  HONE_TYPES_FLOAT
#define NUMBERS HONE_TYPES_NUMBER

typedef hone_status (*check_fn)(const hone_infer *x);

/* Clip takes bounds of its type, with one element each. */
static hone_status check_clip(const hone_infer *x)
{
    for (int i = 1; i < x->n_in; i++) {
        HONE_TRY(hone_infer_check_same_type(x, 0, i));
        HONE_TRY(hone_infer_check_scalar(x, i));
    }
    return HONE_OK;
}

/* Scale and bias are a row of one element a channel. */
static hone_status check_channels(const hone_infer *x)
{
    HONE_TRY(hone_infer_check_rank(x, 0, 2, HONE_MAX_RANK));
    for (int i = 1; i < x->n_in; i++) {
        HONE_TRY(hone_infer_check_types(x, i, FLOATS));
        HONE_TRY(hone_infer_check_row(x, i, hone_in_dim(x, 0, 1)));
    }
    return HONE_OK;
}

static hone_status check_group_normalization(const hone_infer *x)
{
    const int64_t groups = x->attrs->group_normalization.num_groups;
    const hone_extent channels = hone_in_dim(x, 0, 1);

    HONE_TRY(check_channels(x));
    HONE_TRY(hone_check_range("num_groups", groups, 1, HONE_ATTR_MOST));
    if (hone_extent_is_number(channels) && channels % groups)
        return hone_error(HONE_ERR_BUILD,
                          "num_groups is %lld but there are %lld channels; they must divide by it",
                          (long long)groups, (long long)channels);
    return HONE_OK;
}

/* The scale broadcasts to the input. */
static hone_status check_rms(const hone_infer *x)
{
    const hone_shape *in = hone_in_shape(x, 0), *scale = hone_in_shape(x, 1);
    hone_shape both;

    HONE_TRY(hone_infer_check_types(x, 1, FLOATS));
    HONE_TRY(hone_shape_broadcast(x->extents, in, scale, &both));
    if (in->rank >= 0 && scale->rank > in->rank)
        return hone_error(HONE_ERR_BUILD,
                          "the scale has rank %d but the input %d; it must not have more",
                          scale->rank, in->rank);
    for (int i = 0; i < both.rank; i++)
        if (hone_extent_is_number(both.dim[i]) && hone_extent_is_number(in->dim[i]) &&
            both.dim[i] != in->dim[i])
            return hone_error(
                HONE_ERR_BUILD,
                "the scale has extent %lld where the input has %lld; it must broadcast",
                (long long)both.dim[i], (long long)in->dim[i]);
    return HONE_OK;
}

static hone_status check_mean_variance(const hone_infer *x)
{
    const hone_ints axes = x->attrs->mean_variance_normalization.axes;
    const int rank = hone_in_rank(x, 0);
    int axis;

    for (int i = 0; rank >= 0 && i < axes.n; i++)
        HONE_TRY(hone_axis_normalize(axes.v[i], rank, &axis));
    return HONE_OK;
}

/* The axis of CumSum and CumProd is an input. */
static hone_status check_cumulative(const hone_infer *x)
{
    int64_t value;
    int n, axis;

    HONE_TRY(hone_infer_check_types(x, 1, HONE_TYPES_INDEX));
    HONE_TRY(hone_infer_check_scalar(x, 1));
    if (hone_in_rank(x, 0) >= 0 && hone_fact_numbers(&x->in[1], &value, 1, &n) && n == 1)
        HONE_TRY(hone_axis_normalize(value, hone_in_rank(x, 0), &axis));
    return HONE_OK;
}

static hone_status check_lrn(const hone_infer *x)
{
    HONE_TRY(hone_infer_check_rank(x, 0, 2, HONE_MAX_RANK));
    return hone_check_range("size", x->attrs->lrn.size, 1, HONE_ATTR_MOST);
}

static hone_status check_rotary(const hone_infer *x)
{
    const int64_t heads = x->attrs->rotary_embedding.num_heads;

    HONE_TRY(hone_infer_check_rank(x, 0, 3, 4));
    HONE_TRY(hone_infer_check_same_type(x, 0, 1));
    HONE_TRY(hone_infer_check_same_type(x, 0, 2));
    HONE_TRY(hone_infer_check_types(x, 3, HONE_TYPES_I64));
    if (hone_in_rank(x, 0) != 3)
        return HONE_OK;
    HONE_TRY(hone_check_range("num_heads of an input of rank 3", heads, 1, HONE_ATTR_MOST));
    const hone_extent width = hone_in_dim(x, 0, 2);
    if (hone_extent_is_number(width) && width % heads)
        return hone_error(HONE_ERR_BUILD,
                          "num_heads is %lld but the last extent is %lld; it must divide by it",
                          (long long)heads, (long long)width);
    return HONE_OK;
}

/* Indices and updates of ScatterElements have one shape, of the data's rank, and reach nowhere
 * outside of the data. */
static hone_status check_scatter_elements(const hone_infer *x)
{
    const int rank = hone_in_rank(x, 0);
    int axis = 0;

    HONE_TRY(hone_infer_check_types(x, 1, HONE_TYPES_INDEX));
    HONE_TRY(hone_infer_check_same_type(x, 0, 2));
    if (rank < 0)
        return HONE_OK;
    HONE_TRY(hone_infer_check_rank(x, 0, 1, HONE_MAX_RANK));
    HONE_TRY(hone_infer_check_rank(x, 1, rank, rank));
    HONE_TRY(hone_infer_check_rank(x, 2, rank, rank));
    HONE_TRY(hone_axis_normalize(x->attrs->scatter_elements.axis, rank, &axis));
    for (int i = 0; i < rank; i++) {
        const hone_extent data = hone_in_dim(x, 0, i), at = hone_in_dim(x, 1, i);
        HONE_TRY(hone_infer_same_extent(x, at, hone_in_dim(x, 2, i), "the indices", "the updates",
                                        NULL));
        if (i != axis && hone_extent_is_number(data) && hone_extent_is_number(at) && at > data)
            return hone_error(
                HONE_ERR_BUILD,
                "the indices have extent %lld at axis %d; the data's %lld is the most",
                (long long)at, i, (long long)data);
    }
    return HONE_OK;
}

/* Updates of ScatterND: the indices' shape without its last axis, then the data's axes that the
 * indices leave. */
static hone_status check_scatter_nd(const hone_infer *x)
{
    const int rank = hone_in_rank(x, 0), outer = hone_in_rank(x, 1) - 1;

    HONE_TRY(hone_infer_check_types(x, 1, HONE_TYPES_I64));
    HONE_TRY(hone_infer_check_same_type(x, 0, 2));
    HONE_TRY(hone_infer_check_rank(x, 0, 1, HONE_MAX_RANK));
    HONE_TRY(hone_infer_check_rank(x, 1, 1, HONE_MAX_RANK));
    if (rank < 0 || outer < 0 || !hone_extent_is_number(hone_in_dim(x, 1, outer)))
        return HONE_OK;
    const int64_t depth = hone_in_dim(x, 1, outer);
    HONE_TRY(hone_check_range("the last extent of the indices", depth, 0, rank));
    const int inner = rank - (int)depth;
    HONE_TRY(hone_infer_check_rank(x, 2, outer + inner, outer + inner));
    if (hone_in_rank(x, 2) < 0)
        return HONE_OK;
    for (int i = 0; i < outer; i++)
        HONE_TRY(hone_infer_same_extent(x, hone_in_dim(x, 2, i), hone_in_dim(x, 1, i),
                                        "the updates", "the indices", NULL));
    for (int i = 0; i < inner; i++)
        HONE_TRY(hone_infer_same_extent(x, hone_in_dim(x, 2, outer + i),
                                        hone_in_dim(x, 0, (int)depth + i), "the updates",
                                        "the data", NULL));
    return HONE_OK;
}

/* The update of TensorScatter is as the cache but for the axis; the write positions are one a batch
 * entry. */
static hone_status check_tensor_scatter(const hone_infer *x)
{
    const int rank = hone_in_rank(x, 0);
    int axis;

    HONE_TRY(hone_infer_check_same_type(x, 0, 1));
    HONE_TRY(hone_infer_check_types(x, 2, HONE_TYPES_INDEX));
    HONE_TRY(hone_infer_check_row(x, 2, hone_in_dim(x, 0, 0)));
    if (rank < 0 || hone_in_rank(x, 1) < 0)
        return HONE_OK;
    HONE_TRY(hone_infer_check_rank(x, 1, rank, rank));
    HONE_TRY(hone_axis_normalize(x->attrs->tensor_scatter.axis, rank, &axis));
    if (axis == 0)
        return hone_error(HONE_ERR_BUILD, "axis is 0; the batch axis cannot be scattered along");
    for (int i = 0; i < rank; i++) {
        const hone_extent cache = hone_in_dim(x, 0, i), update = hone_in_dim(x, 1, i);
        if (i != axis)
            HONE_TRY(hone_infer_same_extent(x, update, cache, "the update", "the cache", NULL));
        else if (hone_extent_is_number(cache) && hone_extent_is_number(update) && update > cache)
            return hone_error(HONE_ERR_BUILD,
                              "the update has extent %lld at axis %d; the cache's %lld is the most",
                              (long long)update, i, (long long)cache);
    }
    return HONE_OK;
}

static hone_status check_reverse_sequence(const hone_infer *x)
{
    const int64_t batch = x->attrs->reverse_sequence.batch_axis,
                  time = x->attrs->reverse_sequence.time_axis;

    HONE_TRY(hone_infer_check_rank(x, 0, 2, HONE_MAX_RANK));
    HONE_TRY(hone_check_range("batch_axis", batch, 0, 1));
    HONE_TRY(hone_check_range("time_axis", time, 0, 1));
    if (batch == time)
        return hone_error(HONE_ERR_BUILD,
                          "batch_axis and time_axis are both %lld; they must differ",
                          (long long)batch);
    HONE_TRY(hone_infer_check_types(x, 1, HONE_TYPES_I64));
    return hone_infer_check_row(x, 1, hone_in_dim(x, 0, (int)batch));
}

static hone_status check_trilu(const hone_infer *x)
{
    HONE_TRY(hone_infer_check_rank(x, 0, 2, HONE_MAX_RANK));
    HONE_TRY(hone_infer_check_types(x, 1, HONE_TYPES_I64));
    return hone_infer_check_scalar(x, 1);
}

/* Types of input 0 (0: any), and what else is to check. Operators without a row take numbers. */
static const struct {
    bool has;
    unsigned types;
    check_fn check;
} rules[HONE_OP_COUNT] = {
    [HONE_OP_assign] = {true, 0, NULL},
    [HONE_OP_bitwise_not] = {true, HONE_TYPES_INTEGER, NULL},
    [HONE_OP_clip] = {true, NUMBERS, check_clip},
    [HONE_OP_cumsum] = {true, NUMBERS, check_cumulative},
    [HONE_OP_cumprod] = {true, NUMBERS, check_cumulative},
    [HONE_OP_group_normalization] = {true, FLOATS, check_group_normalization},
    [HONE_OP_hardmax] = {true, FLOATS, NULL},
    [HONE_OP_instance_normalization] = {true, FLOATS, check_channels},
    [HONE_OP_log_softmax] = {true, FLOATS, NULL},
    [HONE_OP_lp_normalization] = {true, FLOATS, NULL},
    [HONE_OP_lrn] = {true, FLOATS, check_lrn},
    [HONE_OP_mean_variance_normalization] = {true, FLOATS, check_mean_variance},
    [HONE_OP_reverse_sequence] = {true, 0, check_reverse_sequence},
    [HONE_OP_rms_normalization] = {true, FLOATS, check_rms},
    [HONE_OP_rotary_embedding] = {true, FLOATS, check_rotary},
    [HONE_OP_scatter_elements] = {true, 0, check_scatter_elements},
    [HONE_OP_scatter_nd] = {true, 0, check_scatter_nd},
    [HONE_OP_softmax] = {true, FLOATS, NULL},
    [HONE_OP_tensor_scatter] = {true, 0, check_tensor_scatter},
    [HONE_OP_trilu] = {true, 0, check_trilu},
};

hone_status hone_infer_same(hone_infer *x)
{
    const unsigned types = rules[x->op].has ? rules[x->op].types : NUMBERS;
    const int rank = hone_in_rank(x, 0);
    int axis;

    if (types)
        HONE_TRY(hone_infer_check_types(x, 0, types));
    if (rank >= 0 && hone_attrs_find(x->op, "axis") &&
        !(rank == 0 && hone_op_has((hone_op_id)x->op, HONE_TRAIT_ROWWISE)))
        HONE_TRY(hone_axis_normalize(hone_attr_int(x, "axis", 0), rank, &axis));
    if (rules[x->op].check)
        HONE_TRY(rules[x->op].check(x));
    x->out[0].type = x->in[0].type;
    if (x->op == HONE_OP_assign)
        hone_infer_copy_elems(x, 0, 0);
    else
        hone_infer_values(x);
    return HONE_OK;
}
