/* Arithmetic: operators that are the IR's own, and the old and variadic forms of those that compute
 * element by element. */
#include "onnx/import.h"

hone_status hone_import_plain(hone_call *call)
{
    return hone_emit_whole(call, call->op, NULL, call->in, call->n_in);
}

/* Before opset 7: the second input is broadcast only where `broadcast` says so, and its axes are
 * those of the first from `axis` on (the last ones where there is no axis). */
hone_status hone_import_broadcast_1(hone_call *call)
{
    const int64_t broadcast = hone_call_int(call, "broadcast", 0);
    const bool has_axis = hone_call_has(call, "axis");
    int64_t axis = hone_call_int(call, "axis", 0);

    if (call->n_in != 2 || !call->in[0] || !call->in[1])
        return hone_call_malformed(call, "it has %d inputs; it must have two", call->n_in);
    hone_value *a = call->in[0], *b = call->in[1];
    if (broadcast && has_axis && hone_rank(b) != 0) {
        if (hone_rank(a) < 0 || hone_rank(b) < 0)
            return hone_call_unsupported(call,
                                         "broadcasting along an axis needs inputs of known rank");
        axis = axis < 0 ? axis + hone_rank(a) : axis;
        if (axis < 0 || axis > hone_rank(a) - hone_rank(b))
            return hone_call_malformed(call,
                                       "its axis is %lld, but its inputs have %d and %d dimensions",
                                       (long long)axis, hone_rank(a), hone_rank(b));
        b = hone_emit_ones_after(call, b, hone_rank(a) - (int)axis - hone_rank(b));
    }
    return hone_emit_whole(call, call->op, NULL, HONE_IN(a, b));
}

static hone_status chain(hone_call *call, hone_op_id op, hone_value **out)
{
    if (call->n_in == 0)
        return hone_call_malformed(call, "it has no inputs");
    for (int i = 0; i < call->n_in; i++)
        if (!call->in[i])
            return hone_call_malformed(call, "input %d is absent; it is not optional", i);
    *out = call->in[0];
    for (int i = 1; i < call->n_in && call->status == HONE_OK; i++)
        *out = hone_emit(call, op, NULL, HONE_IN(*out, call->in[i]));
    return call->status;
}

/* Sum, Max and Min of any number of inputs. */
hone_status hone_import_variadic(hone_call *call)
{
    return chain(call, call->op, &call->out[0]);
}

hone_status hone_import_mean(hone_call *call)
{
    hone_value *sum;

    HONE_TRY(chain(call, HONE_OP_add, &sum));
    call->out[0] =
        hone_emit(call, HONE_OP_div, NULL, HONE_IN(sum, hone_emit_scalar(call, sum, call->n_in)));
    return call->status;
}

/* Before opset 11 the bounds are attributes. */
hone_status hone_import_clip_1(hone_call *call)
{
    hone_value *x = hone_call_in(call, 0);
    hone_value *bounds[2] = {NULL, NULL};
    const char *const names[2] = {"min", "max"};

    if (call->n_in != 1)
        return hone_call_malformed(call, "it has %d inputs; it must have one", call->n_in);
    for (int i = 0; i < 2; i++)
        if (hone_call_has(call, names[i]))
            bounds[i] = hone_emit_scalar(call, x, (double)hone_call_float(call, names[i], 0.0f));
    return hone_emit_whole(call, call->op, NULL, HONE_IN(x, bounds[0], bounds[1]));
}

/* All forms: `broadcast` of the old ones means what newer ones do of themselves; the names of two
 * attributes differ. */
hone_status hone_import_gemm(hone_call *call)
{
    hone_attrs attrs;

    hone_attrs_init(HONE_OP_gemm, &attrs);
    attrs.gemm.trans_a = hone_call_int(call, "transA", 0) != 0;
    attrs.gemm.trans_b = hone_call_int(call, "transB", 0) != 0;
    hone_call_ignore(call, "broadcast");
    return hone_emit_whole(call, call->op, &attrs, call->in, call->n_in);
}

/* Before opset 7 a slope with one entry a channel has no dimensions after that. */
hone_status hone_import_prelu_1(hone_call *call)
{
    hone_value *x = hone_call_in(call, 0), *slope = hone_call_in(call, 1);

    if (!x || !slope || call->n_in != 2)
        return hone_call_malformed(call, "it has %d inputs; it must have two", call->n_in);
    if (hone_rank(slope) == 1 && slope->type.shape.dim[0] != 1) {
        if (hone_rank(x) < 2)
            return hone_call_unsupported(
                call, "a slope for each channel needs an input of known rank, 2 or more");
        slope = hone_emit_ones_after(call, slope, hone_rank(x) - 2);
    }
    return hone_emit_whole(call, call->op, NULL, HONE_IN(x, slope));
}

/* Before opset 6 the type is a word. */
hone_status hone_import_cast_1(hone_call *call)
{
    static const struct {
        const char *text;
        hone_dtype dtype;
    } types[] = {
        {"FLOAT", HONE_F32},   {"UINT8", HONE_U8},      {"INT8", HONE_I8},
        {"UINT16", HONE_U16},  {"INT16", HONE_I16},     {"INT32", HONE_I32},
        {"INT64", HONE_I64},   {"STRING", HONE_STRING}, {"BOOL", HONE_BOOL},
        {"FLOAT16", HONE_F16}, {"DOUBLE", HONE_F64},    {"UINT32", HONE_U32},
        {"UINT64", HONE_U64},  {"COMPLEX64", HONE_C64}, {"COMPLEX128", HONE_C128},
    };
    const char *text = hone_call_text(call, "to", "");
    hone_attrs attrs;

    hone_attrs_init(HONE_OP_cast, &attrs);
    HONE_TRY(call->status);
    for (int i = 0; i < HONE_COUNT(types); i++)
        if (strcmp(types[i].text, text) == 0)
            attrs.cast.to = types[i].dtype;
    if (attrs.cast.to == HONE_NONE)
        return hone_call_malformed(call, "attribute \"to\" is \"%.40s\", which is no element type",
                                   text);
    return hone_emit_whole(call, HONE_OP_cast, &attrs, call->in, call->n_in);
}

hone_status hone_import_cast_like(hone_call *call)
{
    const hone_value *like = hone_call_in(call, 1);
    hone_attrs attrs;

    if (call->n_in != 2 || !like)
        return hone_call_malformed(call, "it has %d inputs; it must have two", call->n_in);
    if (like->type.dtype == HONE_NONE)
        return hone_call_unsupported(call, "the element type of input 1 is not known");
    hone_attrs_init(HONE_OP_cast, &attrs);
    attrs.cast.to = like->type.dtype;
    return hone_emit_whole(call, HONE_OP_cast, &attrs, call->in, 1);
}

/* Before opset 6 the defaults have fewer digits. */
hone_status hone_import_selu_1(hone_call *call)
{
    hone_attrs attrs;

    hone_attrs_init(HONE_OP_selu, &attrs);
    attrs.selu.alpha = 1.6732f;
    attrs.selu.gamma = 1.0507f;
    return hone_emit_whole(call, HONE_OP_selu, &attrs, call->in, call->n_in);
}

/* y = swish(a) * b */
hone_status hone_import_swiglu(hone_call *call)
{
    hone_attrs attrs;

    if (call->n_in != 2 || !call->in[0] || !call->in[1])
        return hone_call_malformed(call, "it has %d inputs; it must have two", call->n_in);
    hone_attrs_init(HONE_OP_swish, &attrs);
    attrs.swish.alpha = hone_call_float(call, "alpha", 1.0f);
    hone_value *gate = hone_emit(call, HONE_OP_swish, &attrs, call->in, 1);
    call->out[0] = hone_emit(call, HONE_OP_mul, NULL, HONE_IN(gate, call->in[1]));
    return call->status;
}

/* ---- operators that were experimental in early opsets and are still met in files ---- */

static hone_status one_input(hone_call *call)
{
    if (call->n_in != 1 || call->n_out > 1)
        return hone_call_malformed(call,
                                   "it has %d inputs and %d outputs; it must have one of each",
                                   call->n_in, call->n_out);
    return HONE_OK;
}

static hone_value *scaled(hone_call *call, hone_value *x, float by)
{
    return hone_emit(call, HONE_OP_mul, NULL, HONE_IN(x, hone_emit_scalar(call, x, (double)by)));
}

/* y = alpha * x + beta */
hone_status hone_import_affine(hone_call *call)
{
    HONE_TRY(one_input(call));
    hone_value *x = scaled(call, call->in[0], hone_call_float(call, "alpha", 1.0f));
    hone_value *beta = hone_emit_scalar(call, x, (double)hone_call_float(call, "beta", 0.0f));
    call->out[0] = hone_emit(call, HONE_OP_add, NULL, HONE_IN(x, beta));
    return call->status;
}

/* y = alpha * tanh(beta * x) */
hone_status hone_import_scaled_tanh(hone_call *call)
{
    HONE_TRY(one_input(call));
    hone_value *x = scaled(call, call->in[0], hone_call_float(call, "beta", 1.0f));
    x = hone_emit(call, HONE_OP_tanh, NULL, HONE_IN(x));
    call->out[0] = scaled(call, x, hone_call_float(call, "alpha", 1.0f));
    return call->status;
}

/* y = alpha * softplus(beta * x) */
hone_status hone_import_parametric_softplus(hone_call *call)
{
    HONE_TRY(one_input(call));
    hone_value *x = scaled(call, call->in[0], hone_call_float(call, "beta", 1.0f));
    x = hone_emit(call, HONE_OP_softplus, NULL, HONE_IN(x));
    call->out[0] = scaled(call, x, hone_call_float(call, "alpha", 1.0f));
    return call->status;
}

/* y = scale * x + bias, with one bias a channel of NCHW */
hone_status hone_import_image_scaler(hone_call *call)
{
    hone_floats bias;

    HONE_TRY(one_input(call));
    hone_value *x = scaled(call, call->in[0], hone_call_float(call, "scale", 1.0f));
    call->out[0] = x;
    if (!hone_call_floats(call, "bias", &bias) || bias.n == 0)
        return call->status;
    const hone_onnx_array array = {
        HONE_F32, {3, {bias.n, 1, 1}}, bias.v, (size_t)bias.n * sizeof *bias.v};
    hone_value *b = hone_emit_array(call, &array);
    if (x->type.dtype != HONE_F32 && x->type.dtype != HONE_NONE) {
        hone_attrs attrs;
        hone_attrs_init(HONE_OP_cast, &attrs);
        attrs.cast.to = x->type.dtype;
        b = hone_emit(call, HONE_OP_cast, &attrs, HONE_IN(b));
    }
    call->out[0] = hone_emit(call, HONE_OP_add, NULL, HONE_IN(x, b));
    return call->status;
}

/* Takes `border` (left, top, right, bottom) off an image in NCHW, or keeps `scale` (height, width)
 * from left and top. */
hone_status hone_import_crop(hone_call *call)
{
    const int64_t axes[2] = {2, 3};
    hone_ints border, scale;

    HONE_TRY(one_input(call));
    if (!hone_call_ints(call, "border", &border) || border.n != 4)
        return hone_call_malformed(call, "attribute \"border\" must have four entries");
    const int64_t starts[2] = {border.v[1], border.v[0]};
    int64_t ends[2] = {border.v[3] ? -border.v[3] : INT64_MAX,
                       border.v[2] ? -border.v[2] : INT64_MAX};
    if (hone_call_ints(call, "scale", &scale))
        for (int i = 0; i < 2; i++)
            if (scale.n != 2 || !hone_int_add(starts[i], scale.v[i], &ends[i]))
                return hone_call_malformed(call,
                                           "attribute \"scale\" must be a height and a width");
    call->out[0] = hone_emit(call, HONE_OP_slice, NULL,
                             HONE_IN(call->in[0], hone_emit_ints(call, starts, 2),
                                     hone_emit_ints(call, ends, 2), hone_emit_ints(call, axes, 2)));
    return call->status;
}
