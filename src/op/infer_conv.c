/* Convolutions: batch and output channels from the operands, spatial extents from window.c.
 * Channels stand first or last in activations, as the layout attribute says; weights are always [O,
 * I/group, k...], for transposed convolutions [I, O/group, k...]. */
#include "op/infer_tools.h"
#include "op/window.h"

/* Where things stand in the operands. */
typedef struct conv {
    int x, w;    /* indices of the inputs */
    int rank;    /* of both; -1: unknown */
    int channel; /* axis of the activation's channels */
    int spatial; /* its first spatial axis */
    int64_t group;
    bool transposed;
} conv;

static hone_status conv_of(const hone_infer *x, int in, int w, conv *out)
{
    conv c = {.x = in, .w = w, .rank = hone_in_rank(x, in), .group = hone_attr_int(x, "group", 1)};

    c.transposed = x->op == HONE_OP_conv_transpose;
    HONE_TRY(hone_check_range("group", c.group, 1, HONE_ATTR_MOST));
    HONE_TRY(hone_infer_check_rank(x, in, 3, HONE_MAX_RANK));
    if (c.rank < 0)
        c.rank = hone_in_rank(x, w);
    else
        HONE_TRY(hone_infer_check_rank(x, w, c.rank, c.rank));
    HONE_TRY(hone_infer_check_rank(x, w, 3, HONE_MAX_RANK));
    c.channel = hone_attr_is_last(x) ? c.rank - 1 : 1;
    c.spatial = hone_attr_is_last(x) ? 1 : 2;
    *out = c;
    return HONE_OK;
}

/* Input channels are group times the weights' part of them; output channels divide by group. */
static hone_status check_channels(const hone_infer *x, const conv *c)
{
    const hone_extent in = hone_in_dim(x, c->x, c->channel), first = hone_in_dim(x, c->w, 0);
    hone_extent taken = first;

    if (!c->transposed)
        HONE_TRY(hone_infer_mul(x, hone_in_dim(x, c->w, 1), c->group,
                                "the channels that the weights take", &taken));
    if (hone_extent_is_number(in) && hone_extent_is_number(taken) && in != taken)
        return hone_error(
            HONE_ERR_BUILD,
            "the input has %lld channels but the weights take %lld, group %lld; they must be equal",
            (long long)in, (long long)taken, (long long)c->group);
    if (hone_extent_is_number(first) && first % c->group)
        return hone_error(
            HONE_ERR_BUILD,
            "group is %lld but the weights have first extent %lld; it must divide by group",
            (long long)c->group, (long long)first);
    return HONE_OK;
}

static hone_status spatial_extents(const hone_infer *x, const conv *c, hone_shape *out)
{
    hone_window window;

    HONE_TRY(hone_window_read(x, c->rank - 2, &window));
    for (int i = 0; i < window.n; i++) {
        const hone_extent in = hone_in_dim(x, c->x, c->spatial + i),
                          kernel = hone_in_dim(x, c->w, 2 + i);
        hone_extent *to = &out->dim[c->spatial + i];
        if (hone_extent_is_number(kernel))
            HONE_TRY(hone_check_range("an extent of the kernel", kernel, 1, HONE_ATTR_MOST));
        HONE_TRY(c->transposed ? hone_window_spread(x, &window, i, in, kernel, to)
                               : hone_window_slide(x, &window, i, in, kernel, to));
    }
    return HONE_OK;
}

static hone_status conv_shape(const hone_infer *x, int in, int w, hone_shape *out)
{
    conv c;

    *out = HONE_SHAPE_UNKNOWN;
    HONE_TRY(conv_of(x, in, w, &c));
    if (c.rank < 0)
        return HONE_OK;
    HONE_TRY(check_channels(x, &c));
    out->rank = c.rank;
    out->dim[0] = hone_in_dim(x, in, 0);
    if (c.transposed)
        HONE_TRY(hone_infer_mul(x, hone_in_dim(x, w, 1), c.group, "the output channels",
                                &out->dim[c.channel]));
    else
        out->dim[c.channel] = hone_in_dim(x, w, 0);
    return spatial_extents(x, &c, out);
}

/* The inputs of an epilogue program are those from 3 to `end`. */
static hone_status check_epilogue(const hone_infer *x, int end, const hone_program *program,
                                  const hone_shape *out)
{
    const int more = HONE_MAX(end - 3, 0), wanted = program ? program->n_in - 1 : 0;
    hone_shape both;

    if (more != wanted)
        return hone_error(
            HONE_ERR_BUILD,
            "there are %d inputs after the bias but the program takes %d; they must be as many",
            more, wanted);
    for (int i = 3; i < end; i++) {
        HONE_TRY(hone_shape_broadcast(x->extents, out, hone_in_shape(x, i), &both));
        for (int k = 0; k < both.rank; k++)
            if (both.rank != out->rank ||
                (hone_extent_is_number(both.dim[k]) && hone_extent_is_number(out->dim[k]) &&
                 both.dim[k] != out->dim[k]))
                return hone_error(
                    HONE_ERR_BUILD,
                    "input %d of the program is larger than the output; it must broadcast to it",
                    i);
    }
    return HONE_OK;
}

hone_status hone_infer_check_epilogue(const hone_infer *x, const hone_program *program,
                                      const hone_shape *out)
{
    return check_epilogue(x, x->n_in, program, out);
}

hone_status hone_infer_check_factors(const hone_infer *x, unsigned types)
{
    for (int i = 0; i < HONE_MIN(x->n_in, 3); i++) {
        const bool is_wide_bias =
            i == 2 && hone_in_dtype(x, 2) == HONE_F32 &&
            (hone_in_dtype(x, 0) == HONE_F16 || hone_in_dtype(x, 0) == HONE_BF16);
        HONE_TRY(hone_infer_check_types(x, i, types));
        if (!is_wide_bias)
            HONE_TRY(hone_infer_check_same_type(x, 0, i));
    }
    return HONE_OK;
}

/* The last input, a number for each channel of a picture that its pixels are multiplied by first:
 * [N, 1..., C], channels last. */
static hone_status check_gate(const hone_infer *x, int i)
{
    const int rank = hone_in_rank(x, 0);

    if (i < 3)
        return hone_error(HONE_ERR_BUILD, "there is no gate among %d inputs", x->n_in);
    if (!hone_attr_is_last(x))
        return hone_error(HONE_ERR_BUILD, "there is a gate but channels are not last");
    HONE_TRY(hone_infer_check_same_type(x, 0, i));
    if (rank < 0 || hone_in_rank(x, i) < 0)
        return HONE_OK;
    HONE_TRY(hone_infer_check_rank(x, i, rank, rank));
    for (int k = 0; k < rank; k++)
        HONE_TRY(hone_infer_same_extent(x, hone_in_dim(x, i, k),
                                        k == 0 || k == rank - 1 ? hone_in_dim(x, 0, k) : 1,
                                        "the gate", "the pictures", NULL));
    return HONE_OK;
}

/* Partial sums of the output, channels last, for whoever needs its means: [N, rows, 1..., C], to be
 * added over the rows; which pixels are in which is the kernel's business. */
static void set_sums(hone_infer *x, hone_shape shape)
{
    for (int i = 2; i < shape.rank - 1; i++)
        shape.dim[i] = 1;
    hone_out_set(x, 1, HONE_F32, &shape);
}

static hone_status infer_float_conv(hone_infer *x, const hone_program *program, hone_dtype to,
                                    bool has_gate)
{
    hone_shape shape;

    HONE_TRY(hone_infer_check_factors(x, HONE_TYPES_FLOAT));
    HONE_TRY(conv_shape(x, 0, 1, &shape));
    if (shape.rank > 0)
        HONE_TRY(hone_infer_check_row(x, 2, shape.dim[hone_attr_is_last(x) ? shape.rank - 1 : 1]));
    if (has_gate)
        HONE_TRY(check_gate(x, x->n_in - 1));
    HONE_TRY(check_epilogue(x, x->n_in - has_gate, program, &shape));
    if (x->n_out > 1 && !hone_attr_is_last(x))
        return hone_error(HONE_ERR_BUILD, "sums are wanted but channels are not last");
    set_sums(x, shape);
    hone_out_set(x, 0, to != HONE_NONE ? to : hone_in_dtype(x, 0), &shape);
    return HONE_OK;
}

hone_status hone_infer_conv(hone_infer *x)
{
    return infer_float_conv(x, x->attrs->conv.program, x->attrs->conv.to, x->attrs->conv.gate != 0);
}

hone_status hone_infer_conv_transpose(hone_infer *x)
{
    return infer_float_conv(x, x->attrs->conv_transpose.program, x->attrs->conv_transpose.to,
                            false);
}

/* Windows of the maximum behind a first layer, over the extents of its sums. */
static hone_status pool_extents(const hone_infer *x, hone_shape *shape)
{
    const hone_attrs_conv_stem *a = &x->attrs->conv_stem;
    hone_window w = {.n = 2};

    if (a->pool_shape.n == 0)
        return HONE_OK;
    if (a->pool_shape.n != 2 || a->pool_strides.n != 2 || a->pool_pads.n != 4)
        return hone_error(HONE_ERR_BUILD,
                          "pool_shape, pool_strides and pool_pads have %d, %d and %d entries; 2, 2 "
                          "and 4 are needed",
                          a->pool_shape.n, a->pool_strides.n, a->pool_pads.n);
    for (int i = 0; i < 2; i++) {
        hone_extent *extent = &shape->dim[1 + i];
        HONE_TRY(hone_check_range("pool_shape", a->pool_shape.v[i], 1, HONE_ATTR_MOST));
        HONE_TRY(hone_check_range("pool_strides", a->pool_strides.v[i], 1, HONE_ATTR_MOST));
        HONE_TRY(hone_check_range("pool_pads", a->pool_pads.v[i], 0, HONE_ATTR_MOST));
        HONE_TRY(hone_check_range("pool_pads", a->pool_pads.v[2 + i], 0, HONE_ATTR_MOST));
        w.stride[i] = a->pool_strides.v[i];
        w.dilation[i] = 1;
        w.pad_begin[i] = a->pool_pads.v[i];
        w.pad_end[i] = a->pool_pads.v[2 + i];
        HONE_TRY(hone_window_slide(x, &w, i, *extent, a->pool_shape.v[i], extent));
    }
    return HONE_OK;
}

/* As many operands as the two programs take. */
static hone_status check_stem_operands(const hone_infer *x)
{
    const hone_program *program = x->attrs->conv_stem.program,
                       *prologue = x->attrs->conv_stem.prologue;
    const int more = HONE_MAX(x->n_in - 3, 0);
    const int wanted = (program ? program->n_in - 1 : 0) + (prologue ? prologue->n_in - 1 : 0);

    if (more != wanted)
        return hone_error(
            HONE_ERR_BUILD,
            "there are %d inputs after the bias but the programs take %d; they must be as many",
            more, wanted);
    return HONE_OK;
}

/* A picture of numbers, its channels first or last; weights and bias as of conv. Channels of the
 * output stand last. */
hone_status hone_infer_conv_stem(hone_infer *x)
{
    const hone_attrs_conv_stem *a = &x->attrs->conv_stem;
    hone_shape sums, shape = HONE_SHAPE_UNKNOWN;

    HONE_TRY(hone_infer_check_types(x, 0, HONE_TYPES_NUMBER));
    HONE_TRY(hone_infer_check_types(x, 1, HONE_TYPES_FLOAT));
    HONE_TRY(hone_infer_check_types(x, 2, HONE_TYPES_FLOAT));
    HONE_TRY(hone_infer_check_rank(x, 0, 4, 4));
    HONE_TRY(conv_shape(x, 0, 1, &sums));
    if (sums.rank == 4) {
        const bool is_last = hone_attr_is_last(x);
        shape = hone_shape_make(4, sums.dim[0], sums.dim[is_last ? 1 : 2],
                                sums.dim[is_last ? 2 : 3], sums.dim[is_last ? 3 : 1]);
        HONE_TRY(hone_infer_check_row(x, 2, shape.dim[3]));
        HONE_TRY(pool_extents(x, &shape));
    }
    HONE_TRY(check_stem_operands(x));
    hone_out_set(x, 0, a->to != HONE_NONE ? a->to : hone_in_dtype(x, 1), &shape);
    return HONE_OK;
}

/* Inputs x, w, x's zero point, w's zero point (one, or one an output channel). */
hone_status hone_infer_conv_integer(hone_infer *x)
{
    hone_shape shape;

    for (int i = 0; i < x->n_in; i++)
        HONE_TRY(hone_infer_check_types(x, i, HONE_TYPES_INTEGER));
    HONE_TRY(hone_infer_check_same_type(x, 0, 2));
    HONE_TRY(hone_infer_check_same_type(x, 1, 3));
    HONE_TRY(hone_infer_check_scalar(x, 2));
    HONE_TRY(conv_shape(x, 0, 1, &shape));
    HONE_TRY(hone_infer_check_per_channel(x, 3, hone_in_dim(x, 1, 0)));
    hone_out_set(x, 0, HONE_I32, &shape);
    return HONE_OK;
}

/* Inputs x, x scale, x zero point, w, w scale, w zero point, y scale, y zero point, bias. */
hone_status hone_infer_qlinear_conv(hone_infer *x)
{
    hone_shape shape;

    HONE_TRY(hone_infer_check_quantized(x));
    HONE_TRY(conv_shape(x, 0, 3, &shape));
    HONE_TRY(hone_infer_check_per_channel(x, 4, hone_in_dim(x, 3, 0)));
    HONE_TRY(hone_infer_check_per_channel(x, 5, hone_in_dim(x, 3, 0)));
    HONE_TRY(hone_infer_check_row(x, 8, hone_in_dim(x, 3, 0)));
    hone_out_set(x, 0, hone_in_dtype(x, 7), &shape);
    return HONE_OK;
}

/* offset [N, offset_group * k... * 2, out...], mask [N, offset_group * k..., out...]; ONNX
 * DeformConv-22. */
static hone_status check_offsets(const hone_infer *x, int i, int64_t each, const hone_shape *out)
{
    hone_extent channels = each * x->attrs->deform_conv.offset_group;

    if (!hone_infer_has(x, i) || hone_in_rank(x, i) < 0)
        return HONE_OK;
    HONE_TRY(hone_infer_check_rank(x, i, out->rank, out->rank));
    for (int k = 0; k < out->rank - 2; k++)
        HONE_TRY(hone_infer_mul(x, channels, hone_in_dim(x, 1, 2 + k),
                                "the channels of the offsets", &channels));
    HONE_TRY(hone_infer_same_extent(x, hone_in_dim(x, i, 1), channels, "the offsets' channel axis",
                                    "the kernel", NULL));
    HONE_TRY(hone_infer_same_extent(x, hone_in_dim(x, i, 0), out->dim[0], "the offsets' batch",
                                    "the input's", NULL));
    for (int k = 2; k < out->rank; k++)
        HONE_TRY(hone_infer_same_extent(x, hone_in_dim(x, i, k), out->dim[k], "the offsets",
                                        "the output", NULL));
    return HONE_OK;
}

/* Inputs x, w, offset, bias, mask. */
hone_status hone_infer_deform_conv(hone_infer *x)
{
    hone_shape shape;

    for (int i = 0; i < x->n_in; i++) {
        HONE_TRY(hone_infer_check_types(x, i, HONE_TYPES_FLOAT));
        HONE_TRY(hone_infer_check_same_type(x, 0, i));
    }
    HONE_TRY(
        hone_check_range("offset_group", x->attrs->deform_conv.offset_group, 1, HONE_ATTR_MOST));
    HONE_TRY(conv_shape(x, 0, 1, &shape));
    if (shape.rank > 0) {
        const hone_extent channels = hone_in_dim(x, 0, 1);
        if (hone_extent_is_number(channels) && channels % x->attrs->deform_conv.offset_group)
            return hone_error(
                HONE_ERR_BUILD,
                "offset_group is %lld but there are %lld channels; they must divide by it",
                (long long)x->attrs->deform_conv.offset_group, (long long)channels);
        HONE_TRY(hone_infer_check_row(x, 3, shape.dim[1]));
        HONE_TRY(check_offsets(x, 2, 2, &shape));
        HONE_TRY(check_offsets(x, 4, 1, &shape));
    }
    hone_out_set(x, 0, hone_in_dtype(x, 0), &shape);
    return HONE_OK;
}
