/* The set "lanes", transposed convolutions: those whose windows do not overlap are plain
 * products. Every output pixel comes from one input pixel, so the product of input pixels with all
 * taps at once gives all outputs, in another order. */
#include "opt/edit.h"
#include "opt/rules.h"

/* Spatial extents, two of them: one-dimensional ones have a first of 1. */
typedef struct blocks {
    int n;               /* spatial axes */
    int64_t k[2], in[2]; /* the window, which is the stride; the input's extents */
    int64_t batch, channels_in, channels;
} blocks;

static bool all_are(hone_ints v, int64_t x)
{
    for (int i = 0; i < v.n; i++)
        if (v.v[i] != x)
            return false;
    return true;
}

static bool blocks_of(const hone_node *n, blocks *b)
{
    const hone_attrs_conv_transpose *a = &n->attrs.conv_transpose;
    hone_dims x, w;

    if (a->layout != HONE_LAYOUT_LAST || a->group != 1 || a->program != NULL || n->n_in > 3 ||
        a->auto_pad != HONE_AUTO_PAD_NOTSET || a->output_shape.n != 0 ||
        !all_are(a->output_padding, 0) || !all_are(a->pads, 0) || !all_are(a->dilations, 1) ||
        !hone_is_constant(n->in[1]) || !hone_is_f32(n->in[1]) ||
        (hone_input(n, 2) != NULL && !hone_is_constant(n->in[2])) ||
        !hone_shape_dims(&n->in[0]->type.shape, &x) ||
        !hone_shape_dims(&n->in[1]->type.shape, &w) || x.rank > 4)
        return false;
    *b = (blocks){.n = x.rank - 2, .k = {1, 1}, .in = {1, 1}, .batch = x.dim[0]};
    b->channels_in = w.dim[0];
    b->channels = w.dim[1];
    for (int i = 0; i < b->n; i++) {
        const int at = 2 - b->n + i;
        b->k[at] = w.dim[2 + i];
        b->in[at] = x.dim[1 + i];
        if ((i < a->strides.n ? a->strides.v[i] : 1) != b->k[at])
            return false;
    }
    return b->n >= 1 && hone_tensor_count(&(hone_tensor){.shape = x}) > 0;
}

/* Channel (ki * kw + kj) * O + o of the product has the taps of output o at (ki, kj). */
static hone_value *product_weights(hone_graph *g, const hone_value *weights, const blocks *b)
{
    const int64_t taps = b->k[0] * b->k[1];
    hone_dims to = {2 + b->n, {taps * b->channels, b->channels_in, 1, 1}};
    const float *from = hone_constant_floats(g->module, weights);
    float *data = hone_arena_array(g->module->arena,
                                   (size_t)(taps * b->channels * b->channels_in) + 1, sizeof *data);

    for (int64_t i = 0; i < b->channels_in; i++)
        for (int64_t o = 0; o < b->channels; o++)
            for (int64_t t = 0; t < taps; t++)
                data[(t * b->channels + o) * b->channels_in + i] =
                    from[(i * b->channels + o) * taps + t];
    return hone_make_floats(g, &to, data);
}

static hone_value *product_bias(hone_graph *g, const hone_value *bias, const blocks *b)
{
    const int64_t n = b->k[0] * b->k[1] * b->channels;
    float *data = hone_arena_array(g->module->arena, (size_t)n + 1, sizeof *data);

    if (bias == NULL || !hone_constant_channels(g->module, bias, 1, 0, b->channels, data))
        return NULL;
    for (int64_t i = b->channels; i < n; i++)
        data[i] = data[i - b->channels];
    return hone_make_vector(g, n, data);
}

/* The only user of v if it is pointwise on v alone: its other operands are single numbers. */
static hone_node *unary_user(const hone_value *v)
{
    hone_node *n = hone_value_has_one_use(v) ? v->first_use->node : NULL;

    if (n == NULL || n->graph != v->graph || !hone_op_has(n->op, HONE_TRAIT_POINTWISE) ||
        n->n_in > 3 || n->n_out != 1 || !hone_is_f32(n->out[0]) || !hone_shapes_same(n->out[0], v))
        return NULL;
    for (int i = 0; i < n->n_in; i++)
        if (n->in[i] != v && n->in[i] != NULL &&
            !(hone_is_constant(n->in[i]) && hone_constant_count(n->in[i]) == 1))
            return NULL;
    return n;
}

/* Pointwise users of *old are computed on v instead, so that they can be the product's epilogue;
 * *old becomes the last. */
static hone_value *take_users(hone_value **old, hone_value *v)
{
    for (hone_node *n; (n = unary_user(*old)) != NULL; *old = n->out[0]) {
        hone_value *in[3];
        for (int i = 0; i < n->n_in; i++)
            in[i] = n->in[i] == *old ? v : n->in[i];
        hone_node *made = hone_make_node(n, n->op, n->n_in, in);
        made->attrs = n->attrs;
        if (hone_node_infer(made) != HONE_OK || !hone_shapes_same(made->out[0], v)) {
            hone_node_remove(made);
            break;
        }
        v = made->out[0];
    }
    return v;
}

/* [N, H, W, kh * kw * O] as pixels: rows of kw * O elements go to their lines, [N, H*kh, W*kw, O].
 */
static hone_value *as_pixels(hone_node *before, hone_value *v, const blocks *b,
                             const hone_shape *out)
{
    static const int swap[4] = {0, 2, 1, 3};
    const hone_shape split = {4, {b->batch * b->in[0], b->in[1], b->k[0], b->k[1] * b->channels}};

    if (b->k[0] > 1) {
        v = hone_make_reshape(before, v, &split);
        v = v != NULL ? hone_make_transpose(before, v, swap) : NULL;
    }
    return v != NULL ? hone_make_reshape(before, v, out) : NULL;
}

/* product_of_blocks: a transposed convolution without overlap is a 1x1 convolution and a copy.
 *
 *     conv_transpose(x, w: [C, O, 2, 2], stride 2)   ->   reshape(transpose(reshape(conv(x, w':
 * [4*O, C, 1, 1]))))
 *
 * Legal for channels last when the window is the stride, without padding, in one group, with
 * constant weights and bias. Pointwise users move in front of the copy. The product has whole
 * panels of columns where each tap had O. */
static bool product_of_blocks(hone_graph *g, hone_node *n)
{
    blocks b;

    if (!blocks_of(n, &b))
        return false;
    hone_value *bias = product_bias(g, hone_input(n, 2), &b);
    if (bias == NULL && hone_input(n, 2) != NULL)
        return false;
    hone_value *in[3] = {n->in[0], product_weights(g, n->in[1], &b), bias};
    hone_node *conv = hone_make_node(n, HONE_OP_conv, bias != NULL ? 3 : 2, in);
    conv->attrs.conv.layout = HONE_LAYOUT_LAST;
    if (hone_node_infer(conv) != HONE_OK) {
        hone_node_remove(conv);
        return false;
    }
    hone_value *old = n->out[0];
    hone_value *v = take_users(&old, conv->out[0]);
    v = as_pixels(old->def, v, &b, &old->type.shape);
    return v != NULL && hone_put_value(old, v);
}
const hone_rule hone_rule_product_of_blocks = {"product_of_blocks", HONE_OP_conv_transpose,
                                               product_of_blocks};
