/* The set "canonical", focus: strided slices stacked in front of a convolution (the "focus" of
 * detection networks) are one convolution with a larger window and step on the picture itself. */
#include "opt/edit.h"
#include "opt/rules.h"

/* A value as x[:, :, offset[0]::step[0], offset[1]::step[1]]. */
typedef struct phase {
    hone_value *x;
    int64_t offset[2], step[2];
} phase;

/* Takes one Slice off the phase's x; false if it is no slice of spatial axes to their ends with
 * positive steps. */
static bool peel_slice(phase *p)
{
    const hone_node *n = hone_def_of(p->x, HONE_OP_slice);
    int64_t starts[HONE_MAX_RANK], ends[HONE_MAX_RANK], axes[HONE_MAX_RANK], steps[HONE_MAX_RANK];
    int count = 0, n_ends = 0, n_axes = 0, n_steps = 0;

    if (n == NULL || n->n_in < 5 || hone_rank_of(n->in[0]) != 4 ||
        !hone_value_ints(n->in[1], starts, HONE_MAX_RANK, &count) ||
        !hone_value_ints(n->in[2], ends, HONE_MAX_RANK, &n_ends) || n->in[3] == NULL ||
        n->in[4] == NULL || !hone_value_ints(n->in[3], axes, HONE_MAX_RANK, &n_axes) ||
        !hone_value_ints(n->in[4], steps, HONE_MAX_RANK, &n_steps) || n_ends != count ||
        n_axes != count || n_steps != count)
        return false;
    for (int i = 0; i < count; i++) {
        const int64_t axis = axes[i] < 0 ? axes[i] + 4 : axes[i];
        const hone_extent extent = axis >= 0 && axis < 4 ? hone_dim_of(n->in[0], (int)axis) : 0;
        if (axis < 2 || !hone_extent_is_number(extent) || starts[i] < 0 || ends[i] < extent ||
            steps[i] < 1 || steps[i] > 4 || starts[i] >= steps[i] || p->step[axis - 2] != 1)
            return false;
        p->offset[axis - 2] = starts[i];
        p->step[axis - 2] = steps[i];
    }
    p->x = n->in[0];
    return true;
}

static phase phase_of(hone_value *v)
{
    phase p = {.x = v, .step = {1, 1}};
    while (peel_slice(&p))
        continue;
    return p;
}

enum {
    PHASES = 16
};

/* The parts of a Concat as phases of one picture with one step, whose extents the step divides. */
static bool phases_of(const hone_node *concat, phase *p)
{
    if (concat->n_in > PHASES || concat->n_in < 2 || concat->attrs.concat.axis != 1 ||
        hone_rank_of(concat->out[0]) != 4)
        return false;
    for (int i = 0; i < concat->n_in; i++) {
        p[i] = phase_of(concat->in[i]);
        if (p[i].x != p[0].x || p[i].step[0] != p[0].step[0] || p[i].step[1] != p[0].step[1])
            return false;
    }
    for (int k = 0; k < 2; k++) {
        const hone_extent extent = hone_dim_of(p[0].x, k + 2);
        if (!hone_extent_is_number(extent) || extent % p[0].step[k] != 0)
            return false;
    }
    return (p[0].step[0] > 1 || p[0].step[1] > 1) && hone_extent_is_number(hone_dim_of(p[0].x, 1));
}

/* w'[o, c, step*ky + offset, ...] = w[o, i*C + c, ky, kx] for the part i with that offset; zero
 * where there is none. */
static hone_value *spread_weights(hone_graph *g, const hone_value *weights, const phase *p,
                                  int n_parts, int64_t c)
{
    hone_dims w;
    hone_shape_dims(&weights->type.shape, &w);
    const hone_dims to = {4, {w.dim[0], c, w.dim[2] * p->step[0], w.dim[3] * p->step[1]}};
    const float *from = hone_constant_floats(g->module, weights);
    float *data =
        hone_arena_array(g->module->arena, (size_t)hone_dims_count_or_zero(&to) + 1, sizeof *data);

    for (int64_t o = 0; o < w.dim[0]; o++)
        for (int64_t i = 0; i < n_parts * c; i++)
            for (int64_t y = 0; y < w.dim[2]; y++)
                for (int64_t x = 0; x < w.dim[3]; x++) {
                    const phase *part = &p[i / c];
                    const int64_t row = y * p->step[0] + part->offset[0],
                                  col = x * p->step[1] + part->offset[1];
                    data[((o * c + i % c) * to.dim[2] + row) * to.dim[3] + col] +=
                        from[((o * w.dim[1] + i) * w.dim[2] + y) * w.dim[3] + x];
                }
    return hone_make_floats(g, &to, data);
}

static int64_t attr_at(hone_ints v, int i, int64_t absent)
{
    return i < v.n ? v.v[i] : absent;
}

/* focus: strided slices in front of a convolution become its step.
 *
 *     conv(concat(x[:, :, 0::2, 0::2], x[:, :, 1::2, 0::2], ...), w, pads=p, strides=s)
 *         ->   conv(x, w', pads=2p, strides=2s)
 *
 * Legal when the slices run to the end in equal steps that divide the extents, the concat joins
 * channels, the convolution has one group, no dilation and explicit pads, and w is constant. As
 * many products as before where all phases are there; saves the slices, the concat and reading them
 * again. */
static bool focus(hone_graph *g, hone_node *conv)
{
    phase p[PHASES];
    hone_dims w;
    const hone_attrs_conv a = conv->attrs.conv;
    hone_node *concat = hone_single_def_of(conv->in[0], HONE_OP_concat);

    if (concat == NULL || conv->n_in > 3 || a.group != 1 || a.program != NULL ||
        a.layout != HONE_LAYOUT_FIRST || a.auto_pad != HONE_AUTO_PAD_NOTSET ||
        attr_at(a.dilations, 0, 1) != 1 || attr_at(a.dilations, 1, 1) != 1 ||
        !hone_is_constant(conv->in[1]) || !hone_is_f32(conv->in[1]) ||
        !hone_shape_dims(&conv->in[1]->type.shape, &w) || w.rank != 4 || !phases_of(concat, p))
        return false;
    const int64_t c = hone_dim_of(p[0].x, 1);
    if (w.dim[1] != c * concat->n_in || concat->n_in != p[0].step[0] * p[0].step[1])
        return false;
    hone_value *in[3] = {p[0].x, spread_weights(g, conv->in[1], p, concat->n_in, c),
                         hone_input(conv, 2)};
    int64_t pads[4], strides[2];
    for (int i = 0; i < 4; i++)
        pads[i] = attr_at(a.pads, i, 0) * p[0].step[i % 2];
    for (int i = 0; i < 2; i++)
        strides[i] = attr_at(a.strides, i, 1) * p[0].step[i];
    hone_node *made = hone_make_node(conv, HONE_OP_conv, in[2] != NULL ? 3 : 2, in);
    made->attrs.conv = a;
    made->attrs.conv.pads = hone_make_ints(g->module, pads, 4);
    made->attrs.conv.strides = hone_make_ints(g->module, strides, 2);
    return hone_put_in_place(conv->out[0], made);
}
const hone_rule hone_rule_focus = {"focus", HONE_OP_conv, focus};
