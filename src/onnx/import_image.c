/* Convolution, pooling and resizing: old defaults, old names of modes, and facts that are said
 * twice. */
#include "onnx/import.h"

/* kernel_shape says again what the weights' shape says; it must agree and is not kept. */
hone_status hone_import_conv(hone_call *call)
{
    const hone_value *w = hone_call_in(call, call->op == HONE_OP_qlinear_conv ? 3 : 1);
    hone_ints kernel;

    if (call->op != HONE_OP_none && hone_attrs_find(call->op, "kernel_shape"))
        return hone_emit_whole(call, call->op, NULL, call->in, call->n_in);
    if (hone_call_ints(call, "kernel_shape", &kernel) && w && hone_rank(w) >= 0) {
        if (kernel.n != hone_rank(w) - 2)
            return hone_call_malformed(
                call, "kernel_shape has %d entries, but the weights have %d dimensions", kernel.n,
                hone_rank(w));
        for (int i = 0; i < kernel.n; i++)
            if (hone_extent_is_number(w->type.shape.dim[2 + i]) &&
                w->type.shape.dim[2 + i] != kernel.v[i])
                return hone_call_malformed(
                    call, "kernel_shape says %lld where the weights have %lld",
                    (long long)kernel.v[i], (long long)w->type.shape.dim[2 + i]);
    }
    return hone_emit_whole(call, call->op, NULL, call->in, call->n_in);
}

/* In opset 1 the exponent p is a float. */
hone_status hone_import_lp_pool_1(hone_call *call)
{
    const float p = hone_call_float(call, "p", 2.0f);
    hone_attrs attrs;

    if (!(p >= 1.0f && p < 1000.0f) || p != (float)(int)p)
        return hone_call_unsupported(call, "p is %g; whole numbers of at least one are possible",
                                     (double)p);
    hone_attrs_init(call->op, &attrs);
    if (call->op == HONE_OP_lp_pool)
        attrs.lp_pool.p = (int64_t)p;
    else
        attrs.global_lp_pool.p = (int64_t)p;
    return hone_emit_whole(call, call->op, &attrs, call->in, call->n_in);
}

/* Before opset 16 regions begin at whole pixels. */
hone_status hone_import_roi_align_10(hone_call *call)
{
    enum {
        OUTPUT_HALF_PIXEL = 1
    };
    hone_attrs attrs;

    hone_attrs_init(HONE_OP_roi_align, &attrs);
    attrs.roi_align.coordinate_transformation_mode = OUTPUT_HALF_PIXEL;
    return hone_emit_whole(call, HONE_OP_roi_align, &attrs, call->in, call->n_in);
}

/* Before opset 20 the modes have the names of two dimensions. */
hone_status hone_import_grid_sample_16(hone_call *call)
{
    static const char *const modes[] = {"bilinear", "nearest",
                                        "bicubic"}; /* in the order of attrs.def */
    const char *mode = hone_call_text(call, "mode", "bilinear");
    hone_attrs attrs;

    hone_attrs_init(HONE_OP_grid_sample, &attrs);
    for (int i = 0; i < HONE_COUNT(modes); i++)
        if (strcmp(mode, modes[i]) == 0) {
            attrs.grid_sample.mode = i;
            return hone_emit_whole(call, HONE_OP_grid_sample, &attrs, call->in, call->n_in);
        }
    return hone_call_unsupported(
        call, "attribute \"mode\" is \"%.40s\"; known are bilinear, nearest and bicubic", mode);
}

/* ---- Resize and Upsample ---- */

static bool old_mode(const char *text, int64_t *out)
{
    if (strcmp(text, "nearest") == 0)
        *out = HONE_RESIZE_NEAREST;
    else if (strcmp(text, "linear") == 0 || strcmp(text, "bilinear") == 0)
        *out = HONE_RESIZE_LINEAR;
    else
        return false;
    return true;
}

static hone_value *resize(hone_call *call, hone_value *x, hone_value *scales, int64_t mode,
                          int64_t nearest)
{
    hone_attrs attrs;

    hone_attrs_init(HONE_OP_resize, &attrs);
    attrs.resize.mode = mode;
    attrs.resize.coordinate_transformation_mode = HONE_COORD_ASYMMETRIC;
    attrs.resize.nearest_mode = nearest;
    return hone_emit(call, HONE_OP_resize, &attrs, HONE_IN(x, NULL, scales));
}

/* Constant scales split in those of at least one and those below, the others being one. */
static bool split_scales(hone_call *call, const hone_value *scales, float up[HONE_MAX_RANK],
                         float down[HONE_MAX_RANK], int *n, bool *any_down)
{
    const hone_shape *shape = &scales->type.shape;

    if (!scales->constant || scales->type.dtype != HONE_F32 || shape->rank != 1 ||
        !hone_extent_is_number(shape->dim[0]) || shape->dim[0] > HONE_MAX_RANK)
        return false;
    *n = (int)shape->dim[0];
    *any_down = false;
    memcpy(up, hone_value_dense(call->import->module, scales), (size_t)*n * sizeof *up);
    for (int i = 0; i < *n; i++) {
        down[i] = up[i] < 1.0f ? up[i] : 1.0f;
        up[i] = up[i] < 1.0f ? 1.0f : up[i];
        *any_down = *any_down || down[i] < 1.0f;
    }
    return true;
}

static hone_value *scales_constant(hone_call *call, const float *v, int n)
{
    const hone_onnx_array array = {HONE_F32,
                                   {1, {n}},
                                   hone_arena_copy(call->import->arena, v, (size_t)n * sizeof *v),
                                   (size_t)n * sizeof *v};
    return hone_emit_array(call, &array);
}

/* Output pixel i comes from input i / scale. For `nearest` that is rounded down where the picture
 * grows and up where it shrinks, an axis at a time; so a picture that does both is first stretched,
 * then shrunk. */
static hone_status resize_old(hone_call *call, hone_value *scales)
{
    const char *text = hone_call_text(call, "mode", "nearest");
    float up[HONE_MAX_RANK], down[HONE_MAX_RANK];
    int64_t mode;
    int n;
    bool any_down, any_up = false;

    HONE_TRY(call->status);
    if (!call->in[0] || !scales)
        return hone_call_malformed(call, "it has no input or no scales");
    if (!old_mode(text, &mode))
        return hone_call_unsupported(
            call, "attribute \"mode\" is \"%.40s\"; known are nearest and linear", text);
    if (mode != HONE_RESIZE_NEAREST || !split_scales(call, scales, up, down, &n, &any_down) ||
        !any_down) {
        call->out[0] = resize(call, call->in[0], scales, mode, HONE_NEAREST_FLOOR);
        return call->status;
    }
    for (int i = 0; i < n; i++)
        any_up = any_up || up[i] > 1.0f;
    hone_value *x = call->in[0];
    if (any_up)
        x = resize(call, x, scales_constant(call, up, n), mode, HONE_NEAREST_FLOOR);
    call->out[0] =
        resize(call, x, any_up ? scales_constant(call, down, n) : scales, mode, HONE_NEAREST_CEIL);
    return call->status;
}

/* Upsample of opset 9 and Resize of opset 10: scales are an input. */
hone_status hone_import_resize_10(hone_call *call)
{
    if (call->n_in != 2)
        return hone_call_malformed(call, "it has %d inputs; it must have two", call->n_in);
    return resize_old(call, call->in[1]);
}

hone_status hone_import_upsample_7(hone_call *call)
{
    hone_floats scales;

    if (call->n_in != 1)
        return hone_call_malformed(call, "it has %d inputs; it must have one", call->n_in);
    if (!hone_call_floats(call, "scales", &scales))
        return hone_call_malformed(call, "it has no attribute \"scales\"");
    return resize_old(call, scales_constant(call, scales.v, scales.n));
}

hone_status hone_import_upsample_1(hone_call *call)
{
    const float scales[4] = {1.0f, 1.0f, hone_call_float(call, "height_scale", 0.0f),
                             hone_call_float(call, "width_scale", 0.0f)};

    if (call->n_in != 1)
        return hone_call_malformed(call, "it has %d inputs; it must have one", call->n_in);
    return resize_old(call, scales_constant(call, scales, 4));
}

/* An optional input that a file of opset 11 could not leave out is a constant without elements. */
static bool is_empty(const hone_value *value)
{
    return value && value->constant && hone_rank(value) == 1 && value->type.shape.dim[0] == 0;
}

hone_status hone_import_resize(hone_call *call)
{
    int n = call->n_in;

    for (int i = 1; i < n; i++)
        if (is_empty(call->in[i]))
            call->in[i] = NULL;
    while (n > 1 && !call->in[n - 1])
        n--;
    return hone_emit_whole(call, HONE_OP_resize, NULL, call->in, n);
}
