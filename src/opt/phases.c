/* The set "phases": transposed convolutions for backends that have none. The one idea: an output
 * pixel at a * stride + b sees input pixels at fixed offsets from a, which depend on b alone; so
 * every phase b is a convolution, and all of them are one with as many times the channels, whose
 * pixels are then put in order. */
#include "opt/edit.h"
#include "opt/layout.h"
#include "opt/rules.h"

#define AXES 2

/* One spatial axis. */
typedef struct axis {
    int64_t in, out, kernel, stride, begin; /* begin: padding taken away in front */
    int64_t dilation;                       /* 1 unless the stride is */
    int64_t taps, pad, pad_end, groups; /* of the convolution; groups of stride outputs it makes */
} axis;

typedef struct phases {
    int n; /* spatial axes; those that are missing have one pixel */
    axis axis[AXES];
    int64_t batch, group, in, out; /* channels of a group */
    int64_t phases;
} phases;

static int64_t attr_at(hone_ints v, int i, int64_t absent)
{
    return i < v.n ? v.v[i] : absent;
}

/* Output a * stride + b is the sum over j of x[a + shift - j] * w[r + stride * j]. */
static int64_t shift_of(const axis *x, int64_t b)
{
    return (b + x->begin) / x->stride;
}

/* The convolution's window: from the furthest input before a to the furthest behind. */
static bool set_window(axis *x)
{
    const int64_t each = (x->kernel + x->stride - 1) / x->stride; /* taps of a phase, at most */
    const int64_t first = shift_of(x, 0), last = shift_of(x, x->stride - 1);

    x->taps = last - first + each;
    x->pad = x->dilation * (each - 1) - first;
    x->groups = (x->out + x->stride - 1) / x->stride;
    x->pad_end = HONE_MAX(x->groups - x->in - x->pad + x->dilation * (x->taps - 1), 0);
    return x->pad >= 0 && x->out > 0 && x->in > 0;
}

static bool is_constant_f32(const hone_value *v)
{
    return hone_is_constant(v) && hone_is_f32(v);
}

static bool phases_of(const hone_node *n, phases *p)
{
    const hone_attrs_conv_transpose *a = &n->attrs.conv_transpose;
    hone_dims x, w, y;

    if (a->layout != HONE_LAYOUT_LAST || a->program != NULL || n->n_in > 3 ||
        a->auto_pad != HONE_AUTO_PAD_NOTSET || a->output_shape.n != 0 ||
        !is_constant_f32(n->in[1]) || (hone_input(n, 2) != NULL && !is_constant_f32(n->in[2])) ||
        !hone_shape_dims(&n->in[0]->type.shape, &x) ||
        !hone_shape_dims(&n->in[1]->type.shape, &w) ||
        !hone_shape_dims(&n->out[0]->type.shape, &y) || x.rank < 3 || x.rank > 2 + AXES)
        return false;
    *p = (phases){.n = x.rank - 2, .batch = x.dim[0], .group = a->group, .phases = 1};
    p->in = w.dim[0] / a->group;
    p->out = w.dim[1];
    for (int i = 0; i < AXES; i++) {
        const int at = i - (AXES - p->n);
        p->axis[i] = (axis){.in = 1, .out = 1, .kernel = 1, .stride = 1, .dilation = 1};
        if (at >= 0)
            p->axis[i] = (axis){.in = x.dim[1 + at],
                                .out = y.dim[1 + at],
                                .kernel = w.dim[2 + at],
                                .stride = attr_at(a->strides, at, 1),
                                .dilation = attr_at(a->dilations, at, 1),
                                .begin = attr_at(a->pads, at, 0)};
        const axis *here = &p->axis[i];
        if ((here->dilation != 1 && here->stride != 1) || !set_window(&p->axis[i]))
            return false;
        p->phases *= p->axis[i].stride;
    }
    return true;
}

/* The tap of the old kernel that phase b reads at tap t of the new one; -1: none. */
static int64_t tap_of(const axis *x, int64_t b, int64_t t)
{
    if (x->stride == 1)
        return x->taps - 1 - t;
    const int64_t j = shift_of(x, b) - (t - x->pad),
                  tap = (b + x->begin) % x->stride + x->stride * j;
    return j >= 0 && tap < x->kernel ? tap : -1;
}

/* [group * phases * out, in, taps...] of [group * in, out, kernel...]. */
static hone_value *phase_weights(hone_graph *g, const hone_value *weights, const phases *p)
{
    const axis *h = &p->axis[0], *w = &p->axis[1];
    const int64_t columns = p->group * p->phases * p->out, taps = h->taps * w->taps;
    const float *from = hone_constant_floats(g->module, weights);
    float *to =
        hone_arena_array(g->module->arena, (size_t)(columns * p->in * taps) + 1, sizeof *to);
    hone_dims dims = {2, {columns, p->in}};

    for (int i = AXES - p->n; i < AXES; i++)
        dims.dim[dims.rank++] = p->axis[i].taps;
    for (int64_t k = 0; k < columns * p->in * taps; k++) {
        const int64_t t = k % taps, i = k / taps % p->in, column = k / taps / p->in;
        const int64_t o = column % p->out, phase = column / p->out % p->phases,
                      group = column / p->out / p->phases;
        const int64_t y = tap_of(h, phase / w->stride, t / w->taps),
                      x = tap_of(w, phase % w->stride, t % w->taps);
        if (y >= 0 && x >= 0)
            to[k] = from[(((group * p->in + i) * p->out + o) * h->kernel + y) * w->kernel + x];
    }
    return hone_make_floats(g, &dims, to);
}

/* Every phase has the channel's. */
static hone_value *phase_bias(hone_graph *g, const hone_value *bias, const phases *p)
{
    const int64_t n = p->group * p->phases * p->out;
    float *to = hone_arena_array(g->module->arena, (size_t)n + 1, sizeof *to);
    float *from = hone_arena_array(g->module->arena, (size_t)(p->group * p->out) + 1, sizeof *from);

    if (bias == NULL || !hone_constant_channels(g->module, bias, 1, 0, p->group * p->out, from))
        return NULL;
    for (int64_t i = 0; i < n; i++)
        to[i] = from[i / (p->out * p->phases) * p->out + i % p->out];
    return hone_make_vector(g, n, to);
}

static hone_node *make_conv(hone_node *n, const phases *p)
{
    hone_graph *g = n->graph;
    hone_value *bias = phase_bias(g, hone_input(n, 2), p);
    hone_value *in[3] = {n->in[0], phase_weights(g, n->in[1], p), bias};
    hone_node *conv = hone_make_node(n, HONE_OP_conv, bias != NULL ? 3 : 2, in);
    int64_t pads[2 * AXES], dilations[AXES];

    for (int i = 0; i < p->n; i++) {
        dilations[i] = p->axis[AXES - p->n + i].dilation;
        pads[i] = p->axis[AXES - p->n + i].pad;
        pads[p->n + i] = p->axis[AXES - p->n + i].pad_end;
    }
    conv->attrs.conv.layout = HONE_LAYOUT_LAST;
    conv->attrs.conv.group = p->group;
    conv->attrs.conv.pads = hone_make_ints(g->module, pads, 2 * p->n);
    conv->attrs.conv.dilations = hone_make_ints(g->module, dilations, p->n);
    return conv;
}

/* [N, A, B, group, phase rows, phase columns, out] as [N, A, rows, B, columns, group, out]. */
static hone_value *in_order(hone_node *before, hone_value *v, const phases *p)
{
    static const int perm[7] = {0, 1, 4, 2, 5, 3, 6};
    const axis *h = &p->axis[0], *w = &p->axis[1];
    const int64_t a = p->n == 2 ? hone_dim_of(v, 1) : 1, b = hone_dim_of(v, p->n);
    const hone_shape split = {7, {p->batch, a, b, p->group, h->stride, w->stride, p->out}};
    hone_shape whole = {.rank = 2 + p->n, .dim = {p->batch}};

    if (p->n == 2)
        whole.dim[1] = a * h->stride;
    whole.dim[p->n] = b * w->stride;
    whole.dim[p->n + 1] = p->group * p->out;
    v = hone_make_reshape(before, v, &split);
    v = v != NULL ? hone_make_transpose(before, v, perm) : NULL;
    return v != NULL ? hone_make_reshape(before, v, &whole) : NULL;
}

/* The first pixels of each axis, as many as there are to be. */
static hone_value *cut(hone_node *before, hone_value *v, const hone_shape *shape)
{
    hone_graph *g = before->graph;
    int64_t zero[HONE_MAX_RANK] = {0}, end[HONE_MAX_RANK], axes[HONE_MAX_RANK];
    int n = 0;

    for (int i = 0; i < shape->rank; i++)
        if (hone_dim_of(v, i) != shape->dim[i]) {
            end[n] = shape->dim[i];
            axes[n++] = i;
        }
    if (n == 0)
        return v;
    hone_value *in[4] = {v, hone_graph_ints(g, NULL, zero, n), hone_graph_ints(g, NULL, end, n),
                         hone_graph_ints(g, NULL, axes, n)};
    hone_node *slice = hone_make_node(before, HONE_OP_slice, 4, in);
    return hone_node_infer(slice) == HONE_OK ? slice->out[0] : NULL;
}

/* Multiplications that a kernel saves which would walk all taps of the old window for every output
 * pixel: most of them meet the zeros between input pixels. */
static double saved(const phases *p)
{
    const axis *h = &p->axis[0], *w = &p->axis[1];
    const double pixels = (double)(p->batch * h->out * w->out),
                 each = (double)(p->group * p->in * p->out);

    return pixels * each * ((double)(h->kernel * w->kernel) - (double)(h->taps * w->taps));
}

#define WORTH 3e8 /* a copy of its own takes some 2 us, in which an H100 does as much */

/* transposed_as_phases: a transposed convolution is a convolution and a copy.
 *
 *     conv_transpose(x, w: [C, O, 4, 4], stride 2, pads 1)
 *         ->   reshape(transpose(reshape(conv(x, w': [4*O, C, 3, 3], pads 1))))
 *
 * Legal for channels last, constant weights and bias, one or two spatial axes, no dilation where
 * the stride is more than 1, and where the padding takes no more away in front than a phase has.
 * Taps that a phase does not have are zeros. With a stride of 1 nothing is copied; an output that
 * the stride does not divide is cut. Done with a stride of 1, and where enough products with zeros
 * are saved: a kernel that spreads the input needs no copy. */
static bool transposed_as_phases(hone_graph *g, hone_node *n)
{
    phases p;

    (void)g;
    if (!phases_of(n, &p) || (p.phases > 1 && saved(&p) < WORTH))
        return false;
    hone_node *conv = make_conv(n, &p);
    if (hone_node_infer(conv) != HONE_OK) {
        hone_node_remove(conv);
        return false;
    }
    hone_value *v = conv->out[0];
    if (p.phases > 1)
        v = in_order(n, v, &p);
    v = v != NULL ? cut(n, v, &n->out[0]->type.shape) : NULL;
    return v != NULL && hone_shapes_same(v, n->out[0]) && hone_put_value(n->out[0], v);
}
const hone_rule hone_rule_transposed_as_phases = {"transposed_as_phases", HONE_OP_conv_transpose,
                                                  transposed_as_phases};
