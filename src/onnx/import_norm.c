/* Normalisation, softmax and dropout: their old forms, and what training leaves in a model that is
 * run. */
#include "onnx/import.h"

static void set_int(hone_op_id op, hone_attrs *attrs, const char *name, int64_t value)
{
    const hone_attr_row *row = hone_attrs_find(op, name);
    *(int64_t *)(void *)((char *)attrs + row->offset) = value;
}

/* All extents after the axis are one. */
static bool ends_with_ones(const hone_shape *shape, int64_t axis)
{
    for (int64_t i = axis + 1; i < shape->rank; i++)
        if (shape->dim[i] != 1)
            return false;
    return true;
}

/* Softmax, LogSoftmax and Hardmax before opset 13 work on a matrix: the dimensions before the axis
 * are its rows, the axis and all after it its columns. */
hone_status hone_import_softmax_1(hone_call *call)
{
    int64_t axis = hone_call_int(call, "axis", 1);
    hone_attrs attrs, flatten;

    if (call->n_in != 1)
        return hone_call_malformed(call, "it has %d inputs; it must have one", call->n_in);
    hone_value *x = call->in[0];
    const int rank = hone_rank(x);
    if (rank >= 0) {
        axis = axis < 0 ? axis + rank : axis;
        if (axis < 0 || axis > rank)
            return hone_call_malformed(call, "its axis is outside the %d dimensions of its input",
                                       rank);
    }
    hone_attrs_init(call->op, &attrs);
    if (rank >= 0 && axis < rank && ends_with_ones(&x->type.shape, axis)) {
        set_int(call->op, &attrs, "axis", axis);
        return hone_emit_whole(call, call->op, &attrs, call->in, 1);
    }
    hone_attrs_init(HONE_OP_flatten, &flatten);
    flatten.flatten.axis = axis;
    set_int(call->op, &attrs, "axis", -1);
    hone_value *rows = hone_emit(call, HONE_OP_flatten, &flatten, HONE_IN(x));
    rows = hone_emit(call, call->op, &attrs, HONE_IN(rows));
    call->out[0] = hone_emit(call, HONE_OP_reshape, NULL,
                             HONE_IN(rows, hone_emit(call, HONE_OP_shape, NULL, HONE_IN(x))));
    return call->status;
}

/* ---- BatchNormalization ---- */

static hone_status check_batch_inputs(hone_call *call)
{
    if (call->n_in != 5 || !call->in[0] || !call->in[1] || !call->in[2] || !call->in[3] ||
        !call->in[4])
        return hone_call_malformed(call, "it has %d inputs; it must have five", call->n_in);
    if (call->n_out < 1 || call->n_out > 5)
        return hone_call_malformed(call, "it has %d outputs; it may have one to five", call->n_out);
    return HONE_OK;
}

/* What training would have made of mean and variance is what it was given. */
static void hand_through_statistics(hone_call *call)
{
    for (int i = 1; i < call->n_out; i++)
        call->out[i] = call->in[i % 2 ? 3 : 4];
}

/* spatial = 0: statistics of their own for every position; y = (x - mean) / sqrt(var + epsilon) *
 * scale + bias. */
static hone_value *normalize_each(hone_call *call, float epsilon)
{
    hone_value *x = call->in[0];
    hone_value *deviation =
        hone_emit(call, HONE_OP_add, NULL,
                  HONE_IN(call->in[4], hone_emit_scalar(call, call->in[4], (double)epsilon)));

    deviation = hone_emit(call, HONE_OP_sqrt, NULL, HONE_IN(deviation));
    x = hone_emit(call, HONE_OP_sub, NULL, HONE_IN(x, call->in[3]));
    x = hone_emit(call, HONE_OP_div, NULL, HONE_IN(x, deviation));
    x = hone_emit(call, HONE_OP_mul, NULL, HONE_IN(x, call->in[1]));
    return hone_emit(call, HONE_OP_add, NULL, HONE_IN(x, call->in[2]));
}

static hone_status batch_inference(hone_call *call, const hone_attrs *attrs)
{
    call->out[0] = hone_emit(call, HONE_OP_batch_normalization, attrs, call->in, 5);
    hand_through_statistics(call);
    return call->status;
}

/* Before opset 14. */
hone_status hone_import_batch_normalization_1(hone_call *call)
{
    hone_attrs attrs;

    HONE_TRY(check_batch_inputs(call));
    hone_attrs_init(HONE_OP_batch_normalization, &attrs);
    hone_call_ignore(call, "is_test");
    const bool spatial = hone_call_int(call, "spatial", 1) != 0;
    HONE_TRY(hone_call_map(call, HONE_OP_batch_normalization, &attrs));
    if (spatial || hone_rank(call->in[1]) == 1)
        return batch_inference(call, &attrs);
    call->out[0] = normalize_each(call, attrs.batch_normalization.epsilon);
    hand_through_statistics(call);
    return call->status;
}

hone_status hone_import_batch_normalization_14(hone_call *call)
{
    hone_attrs attrs;

    HONE_TRY(check_batch_inputs(call));
    hone_attrs_init(HONE_OP_batch_normalization, &attrs);
    HONE_TRY(hone_call_map(call, HONE_OP_batch_normalization, &attrs));
    if (attrs.batch_normalization.training_mode)
        return hone_emit_whole(call, HONE_OP_batch_normalization, &attrs, call->in, call->n_in);
    return batch_inference(call, &attrs);
}

/* ---- other normalisations ---- */

/* Scale and bias of a group become those of each of its channels. */
static hone_value *spread_group(hone_call *call, hone_value *x, int64_t groups, int64_t each)
{
    const int64_t one = 1, all = -1, shape[2] = {groups, each};

    x = hone_emit(call, HONE_OP_unsqueeze, NULL, HONE_IN(x, hone_emit_ints(call, &one, 1)));
    x = hone_emit(call, HONE_OP_expand, NULL, HONE_IN(x, hone_emit_ints(call, shape, 2)));
    return hone_emit(call, HONE_OP_reshape, NULL, HONE_IN(x, hone_emit_ints(call, &all, 1)));
}

/* Before opset 21 scale and bias are given for each group, not for each channel. */
hone_status hone_import_group_normalization_18(hone_call *call)
{
    if (call->n_in != 3 || !call->in[0] || !call->in[1] || !call->in[2])
        return hone_call_malformed(call, "it has %d inputs; it must have three", call->n_in);
    const int64_t groups = hone_call_int(call, "num_groups", 0);
    const hone_shape *shape = &call->in[0]->type.shape;
    HONE_TRY(call->status);
    if (hone_rank(call->in[0]) < 2 || !hone_extent_is_number(shape->dim[1]))
        return hone_call_unsupported(call,
                                     "the form before opset 21 needs a known number of channels");
    if (groups < 1 || shape->dim[1] % groups)
        return hone_call_malformed(call,
                                   "num_groups is %lld, which does not divide the %lld channels",
                                   (long long)groups, (long long)shape->dim[1]);
    const int64_t each = shape->dim[1] / groups;
    hone_attrs attrs;
    hone_attrs_init(HONE_OP_group_normalization, &attrs);
    attrs.group_normalization.num_groups = groups;
    return hone_emit_whole(call, HONE_OP_group_normalization, &attrs,
                           HONE_IN(call->in[0], spread_group(call, call->in[1], groups, each),
                                   spread_group(call, call->in[2], groups, each)));
}

static const int64_t image_axes[3] = {0, 2, 3};

/* The IR has no default of a list: ONNX's is written out. */
hone_status hone_import_mean_variance_normalization_9(hone_call *call)
{
    hone_attrs attrs;

    hone_attrs_init(HONE_OP_mean_variance_normalization, &attrs);
    attrs.mean_variance_normalization.axes = (hone_ints){3, image_axes};
    return hone_emit_whole(call, HONE_OP_mean_variance_normalization, &attrs, call->in, call->n_in);
}

/* The experimental form: each image by itself, its channels together or apart; the variance may be
 * left alone. */
hone_status hone_import_mean_variance_normalization_1(hone_call *call)
{
    static const int64_t together[3] = {1, 2, 3};
    const bool across = hone_call_int(call, "across_channels", 0) != 0;
    const hone_ints axes = across ? (hone_ints){3, together} : (hone_ints){2, together + 1};
    hone_attrs attrs;

    if (call->n_in != 1)
        return hone_call_malformed(call, "it has %d inputs; it must have one", call->n_in);
    hone_attrs_init(HONE_OP_mean_variance_normalization, &attrs);
    attrs.mean_variance_normalization.axes = axes;
    if (hone_call_int(call, "normalize_variance", 1))
        return hone_emit_whole(call, HONE_OP_mean_variance_normalization, &attrs, call->in, 1);
    hone_value *mean = hone_emit(call, HONE_OP_reduce_mean, NULL,
                                 HONE_IN(call->in[0], hone_emit_ints(call, axes.v, axes.n)));
    call->out[0] = hone_emit(call, HONE_OP_sub, NULL, HONE_IN(call->in[0], mean));
    return call->status;
}

/* ---- Dropout ---- */

/* Nothing is dropped: the output is the input, and the mask, where it is wanted, all ones. */
static hone_status keep_all(hone_call *call, hone_dtype mask)
{
    const hone_dims one = {1, {1}};
    hone_value *x = call->in[0];

    if (call->n_out > 2)
        return hone_call_malformed(call, "it has %d outputs; it may have two", call->n_out);
    call->out[0] = x;
    if (call->n_out < 2)
        return call->status;
    const hone_value like = {.type.dtype = mask};
    const hone_value *element = hone_emit_scalar(call, &like, 1.0);
    const hone_onnx_array array = {element->type.dtype, one, element->constant->data,
                                   element->constant->size};
    hone_value *shape = hone_emit(call, HONE_OP_shape, NULL, HONE_IN(x));
    call->out[1] = hone_emit(call, HONE_OP_constant_of_shape, NULL,
                             HONE_IN(shape, hone_emit_array(call, &array)));
    return call->status;
}

/* Before opset 12 Dropout does nothing outside training; before 10 its mask has the type of its
 * input. */
hone_status hone_import_dropout_1(hone_call *call)
{
    if (call->n_in != 1)
        return hone_call_malformed(call, "it has %d inputs; it must have one", call->n_in);
    hone_call_ignore(call, "ratio");
    hone_call_ignore(call, "is_test");
    return keep_all(call, call->opset < 10 ? call->in[0]->type.dtype : HONE_BOOL);
}

hone_status hone_import_dropout_12(hone_call *call)
{
    const hone_value *training = hone_call_in(call, 2);
    double on = 0.0;

    if (call->n_in < 1 || call->n_in > 3 || !call->in[0])
        return hone_call_malformed(call, "it has %d inputs; it must have one to three", call->n_in);
    if (training && (!hone_value_scalar(training, &on) || on != 0.0))
        return hone_emit_whole(call, HONE_OP_dropout, NULL, call->in, call->n_in);
    hone_call_ignore(call, "seed");
    return keep_all(call, HONE_BOOL);
}
