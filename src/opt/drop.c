/* The set "simplify": operators that leave their input as it is are taken out. All rules have the
 * same gain: one step and one read and write of a tensor fewer. What remains to be proved in each
 * is that not one element changes. */
#include "opt/edit.h"
#include "opt/rules.h"

static bool drop(hone_node *node)
{
    return hone_put_value(node->out[0], node->in[0]);
}

static bool same_type(const hone_node *node)
{
    return node->out[0]->type.dtype == node->in[0]->type.dtype &&
           hone_shapes_same(node->in[0], node->out[0]);
}

/* drop_identity:   identity(x)   ->   x
 *
 * Always legal. */
static bool drop_identity(hone_graph *g, hone_node *node)
{
    (void)g;
    return drop(node);
}
const hone_rule hone_rule_drop_identity = {"drop_identity", HONE_OP_identity, drop_identity};

/* drop_dropout:   dropout(x, ratio, training=false)   ->   x
 *
 * Legal when training mode is absent or a constant false, and nobody reads the mask. */
static bool drop_dropout(hone_graph *g, hone_node *node)
{
    (void)g;
    const hone_value *training = hone_input(node, 2);
    if (training != NULL && !hone_is_scalar_of(training, 0))
        return false;
    if (node->n_out > 1 && node->out[1] != NULL && node->out[1]->first_use != NULL)
        return false;
    return drop(node);
}
const hone_rule hone_rule_drop_dropout = {"drop_dropout", HONE_OP_dropout, drop_dropout};

/* drop_cast:   cast(x, to=T)   ->   x
 *
 * Legal when x is of type T. */
static bool drop_cast(hone_graph *g, hone_node *node)
{
    (void)g;
    return node->in[0]->type.dtype == node->attrs.cast.to && drop(node);
}
const hone_rule hone_rule_drop_cast = {"drop_cast", HONE_OP_cast, drop_cast};

/* drop_view:   reshape(x), flatten(x), squeeze(x), unsqueeze(x)   ->   x
 *
 * Legal when the shape stays what it was; a view never moves elements. */
static bool drop_view(hone_graph *g, hone_node *node)
{
    (void)g;
    return hone_shapes_same(node->in[0], node->out[0]) && drop(node);
}
const hone_rule hone_rule_drop_reshape = {"drop_reshape", HONE_OP_reshape, drop_view};
const hone_rule hone_rule_drop_flatten = {"drop_flatten", HONE_OP_flatten, drop_view};
const hone_rule hone_rule_drop_squeeze = {"drop_squeeze", HONE_OP_squeeze, drop_view};
const hone_rule hone_rule_drop_unsqueeze = {"drop_unsqueeze", HONE_OP_unsqueeze, drop_view};

/* drop_transpose:   transpose(x, perm=0,1,2,...)   ->   x
 *
 * Legal when perm is the identity; the default reverses the axes. */
static bool drop_transpose(hone_graph *g, hone_node *node)
{
    (void)g;
    const hone_ints perm = node->attrs.transpose.perm;
    if (perm.n == 0)
        return (hone_rank_of(node->in[0]) == 0 || hone_rank_of(node->in[0]) == 1) && drop(node);
    for (int i = 0; i < perm.n; i++)
        if (perm.v[i] != i)
            return false;
    return drop(node);
}
const hone_rule hone_rule_drop_transpose = {"drop_transpose", HONE_OP_transpose, drop_transpose};

/* drop_expand:   expand(x, shape), tile(x, repeats)   ->   x
 *
 * Legal when the shape stays what it was: neither can move an element otherwise. */
const hone_rule hone_rule_drop_expand = {"drop_expand", HONE_OP_expand, drop_view};
const hone_rule hone_rule_drop_tile = {"drop_tile", HONE_OP_tile, drop_view};

/* drop_slice:   slice(x, starts=0, ends>=n, steps=1)   ->   x
 *
 * Legal when the shape stays and no step is negative: a slice that takes as many elements as there
 * are, in order, takes all of them. */
static bool drop_slice(hone_graph *g, hone_node *node)
{
    int64_t steps[HONE_MAX_RANK];
    int n = 0;

    (void)g;
    if (hone_input(node, 4) != NULL && !hone_value_ints(node->in[4], steps, HONE_MAX_RANK, &n))
        return false;
    for (int i = 0; i < n; i++)
        if (steps[i] < 0)
            return false;
    return hone_shapes_same(node->in[0], node->out[0]) && drop(node);
}
const hone_rule hone_rule_drop_slice = {"drop_slice", HONE_OP_slice, drop_slice};

/* drop_pad:   pad(x, pads=0)   ->   x
 *
 * Legal when every pad is 0; equal shapes are not enough, as a negative pad can undo a positive
 * one. */
static bool drop_pad(hone_graph *g, hone_node *node)
{
    int64_t pads[2 * HONE_MAX_RANK];
    int n = 0;

    (void)g;
    if (!hone_value_ints(node->in[1], pads, 2 * HONE_MAX_RANK, &n))
        return false;
    for (int i = 0; i < n; i++)
        if (pads[i] != 0)
            return false;
    return drop(node);
}
const hone_rule hone_rule_drop_pad = {"drop_pad", HONE_OP_pad, drop_pad};

/* drop_concat:   concat(x)   ->   x;   concat(x, empty)   ->   concat(x)
 *
 * Legal for one input; an input with no extent along the axis adds nothing. */
static bool drop_concat(hone_graph *g, hone_node *node)
{
    (void)g;
    if (node->n_in == 1)
        return drop(node);
    const int rank = hone_rank_of(node->in[0]);
    const int64_t axis =
        node->attrs.concat.axis < 0 ? node->attrs.concat.axis + rank : node->attrs.concat.axis;
    int kept = 0;
    hone_value *in[HONE_ANY];
    if (node->n_in > HONE_ANY)
        return false;
    for (int i = 0; i < node->n_in; i++) {
        if (hone_rank_of(node->in[i]) != rank || axis < 0 || axis >= rank)
            return false;
        if (hone_dim_of(node->in[i], (int)axis) != 0)
            in[kept++] = node->in[i];
    }
    if (kept == node->n_in || kept == 0)
        return false;
    for (int i = 0; i < kept; i++)
        hone_node_set_input(node, i, in[i]);
    hone_node_resize_inputs(node, kept);
    return true;
}
const hone_rule hone_rule_drop_concat = {"drop_concat", HONE_OP_concat, drop_concat};

/* drop_split:   split(x) into one part   ->   x */
static bool drop_split(hone_graph *g, hone_node *node)
{
    (void)g;
    return node->n_out == 1 && node->out[0] != NULL && same_type(node) && drop(node);
}
const hone_rule hone_rule_drop_split = {"drop_split", HONE_OP_split, drop_split};

/* drop_resize:   resize(x, scales=1)   ->   x
 *
 * Legal when the shape stays and the region of interest is not cropped: the centre of every output
 * pixel is then that of its input pixel, in every mode. Scales, where given, must be 1: 1.1 of 5
 * pixels is 5 pixels too, but other ones. */
static bool drop_resize(hone_graph *g, hone_node *node)
{
    (void)g;
    const hone_value *scales = hone_input(node, 2);
    if (node->attrs.resize.coordinate_transformation_mode == HONE_COORD_TF_CROP_AND_RESIZE ||
        !hone_shapes_same(node->in[0], node->out[0]))
        return false;
    if (scales != NULL) {
        if (!hone_is_constant(scales) || !hone_is_f32(scales))
            return false;
        const float *v = hone_constant_floats(node->graph->module, scales);
        for (int64_t i = 0; i < hone_constant_count(scales); i++)
            if (v[i] != 1.0f)
                return false;
    }
    return drop(node);
}
const hone_rule hone_rule_drop_resize = {"drop_resize", HONE_OP_resize, drop_resize};

/* Whether the node's input `other` of 0 or 1 leaves in[0]'s shape and type what they were. */
static bool is_neutral(const hone_node *node, int kept, double neutral)
{
    const hone_value *x = node->in[kept], *c = node->in[1 - kept];
    return hone_is_scalar_of(c, neutral) && x->type.dtype == node->out[0]->type.dtype &&
           hone_shapes_same(x, node->out[0]);
}

static bool drop_neutral(hone_node *node, double neutral, bool either)
{
    if (is_neutral(node, 0, neutral))
        return hone_put_value(node->out[0], node->in[0]);
    if (either && is_neutral(node, 1, neutral))
        return hone_put_value(node->out[0], node->in[1]);
    return false;
}

/* drop_zero:   add(x, 0), sub(x, 0)   ->   x
 *
 * Legal when the constant is zero everywhere and does not enlarge x. -0 + 0 is 0 where -0 is kept
 * here: no operator tells them apart but division and atan-like ones, and ONNX leaves it open. */
static bool drop_zero_add(hone_graph *g, hone_node *node)
{
    (void)g;
    return drop_neutral(node, 0, true);
}
static bool drop_zero_sub(hone_graph *g, hone_node *node)
{
    (void)g;
    return drop_neutral(node, 0, false);
}
const hone_rule hone_rule_drop_zero_add = {"drop_zero_add", HONE_OP_add, drop_zero_add};
const hone_rule hone_rule_drop_zero_sub = {"drop_zero_sub", HONE_OP_sub, drop_zero_sub};

/* drop_one:   mul(x, 1), div(x, 1), pow(x, 1)   ->   x
 *
 * Legal when the constant is one everywhere and does not enlarge x. */
static bool drop_one_mul(hone_graph *g, hone_node *node)
{
    (void)g;
    return drop_neutral(node, 1, true);
}
static bool drop_one(hone_graph *g, hone_node *node)
{
    (void)g;
    return drop_neutral(node, 1, false);
}
const hone_rule hone_rule_drop_one_mul = {"drop_one_mul", HONE_OP_mul, drop_one_mul};
const hone_rule hone_rule_drop_one_div = {"drop_one_div", HONE_OP_div, drop_one};
const hone_rule hone_rule_drop_one_pow = {"drop_one_pow", HONE_OP_pow, drop_one};

/* merge_views:   reshape(reshape(x, a), b)   ->   reshape(x, b), for all views
 *
 * Legal when the last shape is one of numbers (its operand may count on the shape in between: 0
 * keeps an extent of it). Saves nothing at run time, where views are free, but lets transposes and
 * dead views be seen. */
static bool merge_views(hone_graph *g, hone_node *node)
{
    (void)g;
    hone_node *inner = node->in[0]->def;
    if (inner == NULL || !hone_op_has(inner->op, HONE_TRAIT_VIEW) ||
        inner->op == HONE_OP_bit_cast || inner->op == HONE_OP_identity ||
        inner->graph != node->graph || !hone_shape_is_static(&node->out[0]->type.shape))
        return false;
    hone_value *v = hone_make_reshape(node, inner->in[0], &node->out[0]->type.shape);
    return v != NULL && hone_put_value(node->out[0], v);
}
const hone_rule hone_rule_merge_reshape = {"merge_reshape", HONE_OP_reshape, merge_views};
const hone_rule hone_rule_merge_flatten = {"merge_flatten", HONE_OP_flatten, merge_views};
const hone_rule hone_rule_merge_squeeze = {"merge_squeeze", HONE_OP_squeeze, merge_views};
const hone_rule hone_rule_merge_unsqueeze = {"merge_unsqueeze", HONE_OP_unsqueeze, merge_views};
