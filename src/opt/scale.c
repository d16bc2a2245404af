/* The set "canonical", scales: constant scales and shifts of output channels go
 * into the weights and bias of the contraction before them. The one idea: whatever it was written
 * as (batch normalisation, Mul, Add, Sub, Div), it is y = scale[c] * x + shift[c]; one function
 * folds that into any anchor. It does not look through other operators. */
#include "opt/edit.h"
#include "opt/rules.h"

#include <math.h>

/* bn_to_scale: batch normalisation with fixed statistics is a scale and a shift.
 *
 *     batch_normalization(x, gamma, beta, mean, var)   ->   add(mul(x, s), t)
 *     with s = gamma / sqrt(var + epsilon), t = beta - mean * s, of shape [C, 1, ...]
 *
 * Legal in inference mode with constant float32 parameters. The two then go into a convolution's
 * weights, or stay in the pointwise region around them. */
static bool bn_to_scale(hone_graph *g, hone_node *bn)
{
    const hone_value *x = bn->in[0];
    const int rank = hone_rank_of(x);
    hone_arena *arena = g->module->arena;

    if (bn->attrs.batch_normalization.training_mode != 0 || rank < 1 || !hone_is_f32(x))
        return false;
    for (int i = 1; i < 5; i++)
        if (!hone_is_constant(bn->in[i]) || !hone_is_f32(bn->in[i]))
            return false;
    const int64_t n = hone_constant_count(bn->in[1]);
    float *scale = hone_arena_array(arena, (size_t)n + 1, sizeof *scale);
    float *shift = hone_arena_array(arena, (size_t)n + 1, sizeof *shift);
    const float *gamma = hone_constant_floats(g->module, bn->in[1]),
                *beta = hone_constant_floats(g->module, bn->in[2]);
    const float *mean = hone_constant_floats(g->module, bn->in[3]),
                *var = hone_constant_floats(g->module, bn->in[4]);
    for (int64_t i = 0; i < n; i++) {
        const double s = gamma[i] / sqrt((double)var[i] + bn->attrs.batch_normalization.epsilon);
        scale[i] = (float)s;
        shift[i] = (float)(beta[i] - mean[i] * s);
    }
    hone_dims dims = {rank > 1 ? rank - 1 : 1, {n, 1, 1, 1, 1, 1, 1, 1}};
    hone_value *in[2] = {bn->in[0], hone_make_floats(g, &dims, scale)};
    hone_node *mul = hone_make_node(bn, HONE_OP_mul, 2, in);
    if (hone_node_infer(mul) != HONE_OK)
        return false;
    hone_value *sum[2] = {mul->out[0], hone_make_floats(g, &dims, shift)};
    return hone_put_in_place(bn->out[0], hone_make_node(bn, HONE_OP_add, 2, sum));
}
const hone_rule hone_rule_bn_to_scale = {"bn_to_scale", HONE_OP_batch_normalization, bn_to_scale};

/* A contraction with constant weights: where its output channels are. */
typedef struct anchor {
    hone_node *node;
    int channel_axis; /* of the output */
    int64_t n;        /* channels */
    /* The weights as [outer, per, inner]: the middle index tells the channel within one of so many
     * groups, which split `outer` (conv_transpose; else 1). */
    int64_t outer, per, inner;
    int64_t groups;
    bool is_viewed; /* a view stands between it and the scale */
} anchor;

static int64_t extents_from(const hone_dims *d, int from, int to)
{
    int64_t n = 1;
    for (int i = from; i < to; i++)
        n *= d->dim[i];
    return n;
}

static bool anchor_of(hone_value *v, anchor *a)
{
    hone_node *n = v->def;
    hone_dims w;

    if (n == NULL || !hone_value_has_one_use(v) || !hone_is_f32(v) || n->n_in < 2 || n->n_in > 3 ||
        !hone_is_constant(n->in[1]) || !hone_shape_dims(&n->in[1]->type.shape, &w) ||
        (n->n_in > 2 && n->in[2] != NULL && !hone_is_constant(n->in[2])))
        return false;
    *a = (anchor){.node = n, .groups = 1};
    switch (n->op) {
    case HONE_OP_conv:
        *a = (anchor){
            .node = n, .channel_axis = 1, .n = w.dim[0], .outer = 1, .per = w.dim[0], .groups = 1};
        a->inner = extents_from(&w, 1, w.rank);
        if (n->attrs.conv.layout == HONE_LAYOUT_LAST)
            a->channel_axis = w.rank - 1;
        return n->attrs.conv.program == NULL && w.rank > 2;
    case HONE_OP_conv_transpose:
        *a = (anchor){.node = n, .channel_axis = 1, .outer = w.dim[0], .per = w.dim[1]};
        a->groups = n->attrs.conv_transpose.group;
        a->n = a->per * a->groups;
        a->inner = extents_from(&w, 2, w.rank);
        return n->attrs.conv_transpose.program == NULL &&
               n->attrs.conv_transpose.layout == HONE_LAYOUT_FIRST && w.rank > 2 && a->groups > 0 &&
               w.dim[0] % a->groups == 0;
    case HONE_OP_matmul:
        if (w.rank != 2 || n->attrs.matmul.program != NULL || hone_rank_of(v) < 1)
            return false;
        *a = (anchor){
            .node = n, .channel_axis = hone_rank_of(v) - 1, .groups = 1, .outer = 1, .inner = 1};
        a->n = a->per = w.dim[n->attrs.matmul.trans_b ? 0 : 1];
        *(n->attrs.matmul.trans_b ? &a->inner : &a->outer) = w.dim[n->attrs.matmul.trans_b ? 1 : 0];
        return true;
    default: return false;
    }
}

static bool is_uniform(const float *v, int64_t n)
{
    for (int64_t i = 1; i < n; i++)
        if (v[i] != v[0])
            return false;
    return true;
}

/* The anchor's weights, each channel's times its scale. */
static hone_value *scaled_weights(const anchor *a, const float *scale)
{
    hone_graph *g = a->node->graph;
    const hone_value *w = a->node->in[1];
    hone_dims dims;
    float first;

    hone_shape_dims(&w->type.shape, &dims);
    if (w->constant->is_splat && is_uniform(scale, a->n)) {
        memcpy(&first, w->constant->data, sizeof first);
        return hone_make_splat(g, &dims, first * scale[0]);
    }
    const float *from = hone_constant_floats(g->module, w);
    float *to = hone_arena_alloc_aligned(
        g->module->arena, (size_t)(a->outer * a->per * a->inner) * sizeof *to + 1, HONE_ALIGNMENT);
    const int64_t outer_per_group = a->outer / a->groups;
    for (int64_t o = 0, at = 0; o < a->outer; o++) {
        const float *s = scale + (a->groups > 1 ? o / outer_per_group * a->per : 0);
        for (int64_t c = 0; c < a->per; c++)
            for (int64_t i = 0; i < a->inner; i++, at++)
                to[at] = from[at] * s[c];
    }
    return hone_graph_constant(g, NULL, HONE_F32, &dims, to,
                               (size_t)(a->outer * a->per * a->inner) * sizeof *to);
}

/* bias * scale + shift; shift alone where there was no bias. */
static hone_value *scaled_bias(const anchor *a, const float *scale, const float *shift)
{
    hone_graph *g = a->node->graph;
    float *bias = hone_arena_array(g->module->arena, (size_t)a->n + 1, sizeof *bias);
    hone_value *old = hone_input(a->node, 2);

    if (old == NULL && shift == NULL)
        return NULL;
    if (old != NULL && !hone_constant_channels(g->module, old, 1, 0, a->n, bias))
        return NULL;
    for (int64_t i = 0; i < a->n; i++)
        bias[i] = bias[i] * (scale != NULL ? scale[i] : 1.0f) + (shift != NULL ? shift[i] : 0.0f);
    return hone_make_vector(g, a->n, bias);
}

/* y = scale * anchor + shift   ->   the anchor with other weights, in y's place. Either may be
 * NULL. */
static bool fold_affine(hone_node *at, const anchor *a, const float *scale, const float *shift)
{
    hone_node *old = a->node;
    if (old->graph != at->graph || (!a->is_viewed && !hone_shapes_same(old->out[0], at->out[0])))
        return false;
    hone_value *old_bias = hone_input(old, 2);
    hone_value *bias = scaled_bias(a, scale, shift);
    if (bias == NULL && (old_bias != NULL || shift != NULL))
        return false;
    hone_value *in[3] = {old->in[0], scale != NULL ? scaled_weights(a, scale) : old->in[1], bias};
    hone_node *made = hone_make_node(at, old->op, bias != NULL ? 3 : 2, in);
    made->name = old->name;
    made->attrs = old->attrs;
    if (!a->is_viewed)
        return hone_put_in_place(at->out[0], made);
    if (hone_node_infer(made) != HONE_OK)
        return false;
    hone_value *view = hone_make_reshape(at, made->out[0], &at->out[0]->type.shape);
    return view != NULL && hone_put_value(at->out[0], view);
}

/* An anchor behind a view that leaves its channels the last axis, as channels-last convolutions and
 * matmuls have them. */
static bool viewed_anchor_of(hone_value *v, anchor *a)
{
    const hone_node *view = v->def;

    if (view == NULL || !hone_op_has(view->op, HONE_TRAIT_VIEW) || view->op == HONE_OP_bit_cast ||
        !hone_value_has_one_use(v) || hone_rank_of(v) < 1 || !anchor_of(view->in[0], a) ||
        a->channel_axis != hone_rank_of(view->in[0]) - 1 ||
        hone_dim_of(v, hone_rank_of(v) - 1) != a->n)
        return false;
    a->channel_axis = hone_rank_of(v) - 1;
    a->is_viewed = true;
    return true;
}

/* The node as x and a constant of one number for each channel of x's anchor. */
static bool split_constant(hone_node *n, anchor *a, int *k, float **c)
{
    if (hone_constant_input(n, k) == NULL || !hone_is_f32(n->out[0]) ||
        !hone_shapes_same(n->in[1 - *k], n->out[0]) ||
        (!anchor_of(n->in[1 - *k], a) && !viewed_anchor_of(n->in[1 - *k], a)))
        return false;
    hone_module *module = n->graph->module;
    *c = hone_arena_array(module->arena, (size_t)a->n + 1, sizeof **c);
    return hone_constant_channels(module, n->in[*k], hone_rank_of(n->out[0]), a->channel_axis, a->n,
                                  *c);
}

static bool all_finite(const float *v, int64_t n)
{
    for (int64_t i = 0; i < n; i++)
        if (!isfinite(v[i]))
            return false;
    return true;
}

/* fold_scale: a constant scale of the channels goes into the weights.
 *
 *     mul(conv(x, w, b), s)   ->   conv(x, w*s, b*s)        and div(conv, s); conv_transpose,
 * matmul alike
 *
 * Legal when s is one number for each output channel, w and b are constants and the convolution has
 * no other use. Saves a read and a write of the activation. */
static bool fold_scale(hone_graph *g, hone_node *n)
{
    anchor a;
    int k;
    float *s;

    (void)g;
    if (!split_constant(n, &a, &k, &s))
        return false;
    if (n->op == HONE_OP_div) {
        if (k != 1)
            return false;
        for (int64_t i = 0; i < a.n; i++)
            s[i] = 1.0f / s[i];
    }
    return all_finite(s, a.n) && fold_affine(n, &a, s, NULL);
}
const hone_rule hone_rule_fold_scale_mul = {"fold_scale_mul", HONE_OP_mul, fold_scale};
const hone_rule hone_rule_fold_scale_div = {"fold_scale_div", HONE_OP_div, fold_scale};

/* fold_shift: a constant shift of the channels goes into the bias.
 *
 *     add(conv(x, w, b), t)   ->   conv(x, w, b+t)        and sub(conv, t); sub(t, conv) with w and
 * b negated
 *
 * Legal when t is one number for each output channel, b is a constant (w too for sub(t, conv)) and
 * the convolution has no other use. Saves a read and a write of the activation. */
static bool fold_shift(hone_graph *g, hone_node *n)
{
    anchor a;
    int k;
    float *t;

    if (!split_constant(n, &a, &k, &t))
        return false;
    if (n->op == HONE_OP_add)
        return fold_affine(n, &a, NULL, t);
    if (k == 1) {
        for (int64_t i = 0; i < a.n; i++)
            t[i] = -t[i];
        return fold_affine(n, &a, NULL, t);
    }
    float *minus = hone_arena_array(g->module->arena, (size_t)a.n + 1, sizeof *minus);
    for (int64_t i = 0; i < a.n; i++)
        minus[i] = -1.0f;
    return fold_affine(n, &a, minus, t);
}
const hone_rule hone_rule_fold_shift_add = {"fold_shift_add", HONE_OP_add, fold_shift};
const hone_rule hone_rule_fold_shift_sub = {"fold_shift_sub", HONE_OP_sub, fold_shift};
