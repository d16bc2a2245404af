/* The set "lanes": convolutions with few output channels are given more. The product kernels work
 * on panels of 16 columns, so a convolution with one output channel leaves 15 of 16 lanes idle. The
 * one idea: neighbouring output pixels are made channels of one wider pixel. In channels last the
 * two are the same bytes. */
#include "opt/edit.h"
#include "opt/rules.h"

#define PANEL 16 /* columns of a packed panel: cpu/vector.h */
#define WORTH                                                                                      \
    0.6 /* of the old cost, at most: padding of weights with zeros must not eat the gain */
#define MOST_PIXELS 16

static int64_t attr_at(hone_ints v, int i, int64_t absent)
{
    return i < v.n ? v.v[i] : absent;
}

/* A convolution along its last spatial axis. */
typedef struct line {
    int n;                             /* spatial axes */
    int64_t channels, inner_out;       /* output channels; the output's extent along the axis */
    int64_t kernel, stride, begin, in; /* along the axis; begin: padding in front */
    hone_dims w;
} line;

static bool line_of(const hone_node *conv, line *l)
{
    const hone_attrs_conv *a = &conv->attrs.conv;
    hone_dims x, y;

    if (a->layout != HONE_LAYOUT_LAST || a->group != 1 || a->program != NULL || conv->n_in > 3 ||
        a->auto_pad != HONE_AUTO_PAD_NOTSET || !hone_is_constant(conv->in[1]) ||
        !hone_is_f32(conv->in[1]) ||
        (hone_input(conv, 2) != NULL && !hone_is_constant(conv->in[2])) ||
        !hone_shape_dims(&conv->in[0]->type.shape, &x) ||
        !hone_shape_dims(&conv->out[0]->type.shape, &y) ||
        !hone_shape_dims(&conv->in[1]->type.shape, &l->w))
        return false;
    l->n = x.rank - 2;
    if (l->n < 1 || l->n > 2)
        return false;
    l->channels = l->w.dim[0];
    l->inner_out = y.dim[l->n];
    l->in = x.dim[l->n];
    l->kernel = l->w.dim[l->n + 1];
    l->stride = attr_at(a->strides, l->n - 1, 1);
    l->begin = attr_at(a->pads, l->n - 1, 0);
    return attr_at(a->dilations, l->n - 1, 1) == 1 && l->inner_out > 0;
}

/* Columns that a pixel of `pixels` outputs costs, for each of them: whole panels, times the longer
 * window. */
static double cost_of(const line *l, int64_t pixels)
{
    const int64_t panels = (l->channels * pixels + PANEL - 1) / PANEL;
    const double window = (double)(l->kernel + l->stride * (pixels - 1)) / (double)l->kernel;
    return (double)(panels * PANEL) / (double)pixels * window;
}

static int64_t best_pixels(const line *l)
{
    int64_t best = 1;
    for (int64_t s = 2; s <= MOST_PIXELS && s <= l->inner_out; s *= 2)
        if (cost_of(l, s) < cost_of(l, best))
            best = s;
    return cost_of(l, best) <= WORTH * cost_of(l, 1) ? best : 1;
}

/* Channel j * O + o is the old channel o, moved by j steps: w'[j*O + o, c, ky, kx + stride*j] =
 * w[o, c, ky, kx]. */
static hone_value *moved_weights(hone_graph *g, const hone_value *weights, const line *l,
                                 int64_t pixels)
{
    hone_dims to = l->w;
    const int axis = l->n + 1;
    const int64_t longer = l->kernel + l->stride * (pixels - 1);
    int64_t lines = 1;

    for (int i = 1; i < axis; i++)
        lines *= l->w.dim[i];
    to.dim[0] = l->channels * pixels;
    to.dim[axis] = longer;
    const float *from = hone_constant_floats(g->module, weights);
    float *data =
        hone_arena_array(g->module->arena, (size_t)(to.dim[0] * lines * longer) + 1, sizeof *data);
    for (int64_t j = 0; j < pixels; j++)
        for (int64_t i = 0; i < l->channels * lines; i++)
            memcpy(data + (j * l->channels * lines + i) * longer + l->stride * j,
                   from + i * l->kernel, (size_t)l->kernel * sizeof *data);
    return hone_make_floats(g, &to, data);
}

static hone_value *repeated_bias(hone_graph *g, const hone_value *bias, const line *l,
                                 int64_t pixels)
{
    float *data =
        hone_arena_array(g->module->arena, (size_t)(l->channels * pixels) + 1, sizeof *data);

    if (bias == NULL || !hone_constant_channels(g->module, bias, 1, 0, l->channels, data))
        return NULL;
    for (int64_t i = l->channels; i < l->channels * pixels; i++)
        data[i] = data[i - l->channels];
    return hone_make_vector(g, l->channels * pixels, data);
}

/* The wide convolution's attributes: its step and its padding at the end. */
static void set_attrs(hone_node *made, const line *l, int64_t pixels, int64_t wide_out)
{
    hone_module *module = made->graph->module;
    hone_attrs_conv *a = &made->attrs.conv;
    int64_t strides[2], pads[4];
    const int64_t reach =
        l->stride * pixels * (wide_out - 1) + l->kernel + l->stride * (pixels - 1);

    for (int i = 0; i < l->n; i++) {
        strides[i] = attr_at(a->strides, i, 1);
        pads[i] = attr_at(a->pads, i, 0);
        pads[l->n + i] = attr_at(a->pads, l->n + i, 0);
    }
    strides[l->n - 1] *= pixels;
    pads[2 * l->n - 1] = HONE_MAX(reach - l->in - l->begin, 0);
    a->strides = hone_make_ints(module, strides, l->n);
    a->pads = hone_make_ints(module, pads, 2 * l->n);
}

static hone_value *first_of_axis(hone_node *before, hone_value *v, int axis, int64_t count)
{
    hone_graph *g = before->graph;
    const int64_t zero = 0, last = count, which = axis;
    hone_value *in[4] = {v, hone_graph_ints(g, NULL, &zero, 1), hone_graph_ints(g, NULL, &last, 1),
                         hone_graph_ints(g, NULL, &which, 1)};
    hone_node *slice = hone_make_node(before, HONE_OP_slice, 4, in);
    return hone_node_infer(slice) == HONE_OK ? slice->out[0] : NULL;
}

/* widen_narrow_conv: few channels of many pixels become many channels of few.
 *
 *     conv(x, w: [1, C, kh, kw]) : [N, H, W, 1]   ->   reshape(conv(x, w': [16, C, kh, kw+15],
 * stride 16)) : [N, H, W, 1]
 *
 * Legal for channels last, one group, constant weights and bias, no dilation along the axis, and
 * finite activations (a longer window meets its neighbours with weights of zero). W that the factor
 * does not divide is computed to the next multiple, and sliced. A factor is chosen by panels of 16
 * columns and the longer window, where the cost falls to 60 %. */
static bool widen_narrow_conv(hone_graph *g, hone_node *conv)
{
    line l;

    if (!line_of(conv, &l))
        return false;
    const int64_t pixels = best_pixels(&l), wide_out = (l.inner_out + pixels - 1) / pixels;
    if (pixels == 1)
        return false;
    hone_value *bias = repeated_bias(g, hone_input(conv, 2), &l, pixels);
    if (bias == NULL && hone_input(conv, 2) != NULL)
        return false;
    hone_value *in[3] = {conv->in[0], moved_weights(g, conv->in[1], &l, pixels), bias};
    hone_node *made = hone_make_node(conv, HONE_OP_conv, bias != NULL ? 3 : 2, in);
    made->attrs.conv = conv->attrs.conv;
    set_attrs(made, &l, pixels, wide_out);
    if (hone_node_infer(made) != HONE_OK || hone_dim_of(made->out[0], l.n) != wide_out) {
        hone_node_remove(made);
        return false;
    }
    hone_shape shape = conv->out[0]->type.shape;
    shape.dim[l.n] = wide_out * pixels;
    hone_value *v = hone_make_reshape(conv, made->out[0], &shape);
    if (v != NULL && wide_out * pixels != l.inner_out)
        v = first_of_axis(conv, v, l.n, l.inner_out);
    return v != NULL && hone_put_value(conv->out[0], v);
}
const hone_rule hone_rule_widen_narrow_conv = {"widen_narrow_conv", HONE_OP_conv,
                                               widen_narrow_conv};
