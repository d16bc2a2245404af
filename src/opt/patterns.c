/* The set "patterns": operators that exporters spell out in arithmetic become the one operator they
 * are. The one idea: each rule starts from the rarest node of its pattern (the erf, the division by
 * a square root) and checks outwards, so that nothing is searched for. Values inside a pattern may
 * have no other users, else the work would be done twice. Numbers such as sqrt(2) are compared to
 * 1e-4: exporters print them at many lengths. */
#include "opt/edit.h"
#include "opt/rules.h"

/* The only node that uses v, if its operator is op. */
static hone_node *single_user(const hone_value *v, hone_op_id op)
{
    hone_node *n = hone_value_has_one_use(v) ? v->first_use->node : NULL;
    return n != NULL && n->op == op && n->graph == (v->def != NULL ? v->def->graph : v->graph)
               ? n
               : NULL;
}

/* The other operand of a commutative node whose one operand is a constant near c; NULL if there is
 * none. */
static hone_value *beside(const hone_node *n, double c)
{
    if (n == NULL || n->n_in != 2)
        return NULL;
    if (hone_is_near(n->in[1], c))
        return n->in[0];
    return hone_is_near(n->in[0], c) ? n->in[1] : NULL;
}

/* x where v = x * c, or x / (1/c); NULL if it is neither. */
static hone_value *scaled_by(const hone_value *v, double c)
{
    hone_node *mul = hone_def_of(v, HONE_OP_mul), *div = hone_def_of(v, HONE_OP_div);

    if (mul != NULL)
        return beside(mul, c);
    return div != NULL && hone_is_near(div->in[1], 1.0 / c) ? div->in[0] : NULL;
}

static bool is_product_of(const hone_value *v, const hone_value *a, const hone_value *b)
{
    const hone_node *mul = hone_def_of(v, HONE_OP_mul);
    return mul != NULL &&
           ((mul->in[0] == a && mul->in[1] == b) || (mul->in[0] == b && mul->in[1] == a));
}

static bool is_square(const hone_value *v, const hone_value *x)
{
    const hone_node *pow = hone_def_of(v, HONE_OP_pow);
    return (pow != NULL && pow->in[0] == x && hone_is_scalar_of(pow->in[1], 2)) ||
           is_product_of(v, x, x);
}

/* Whether v is a product, in any association, of c and three times x; x * x * x may be a power. */
static bool is_scaled_cube(const hone_value *v, const hone_value *x, double c)
{
    const hone_value *stack[8] = {v};
    int n = 1, powers = 0, scales = 0;

    while (n > 0) {
        const hone_value *at = stack[--n];
        const hone_node *mul = hone_def_of(at, HONE_OP_mul), *pow = hone_def_of(at, HONE_OP_pow);
        double exponent;
        if (at == x)
            powers++;
        else if (hone_is_near(at, c))
            scales++;
        else if (pow != NULL && pow->in[0] == x && hone_is_constant(pow->in[1]) &&
                 hone_value_scalar(pow->in[1], &exponent) && (exponent == 2 || exponent == 3))
            powers += (int)exponent;
        else if (mul != NULL && n + 2 <= HONE_COUNT(stack)) {
            stack[n++] = mul->in[0];
            stack[n++] = mul->in[1];
        } else
            return false;
    }
    return powers == 3 && scales == 1;
}

static bool put_unary(hone_node *root, hone_op_id op, hone_value *x)
{
    return hone_is_f32(root->out[0]) && hone_shapes_same(x, root->out[0]) &&
           hone_put_in_place(root->out[0], hone_make_node(root, op, 1, &x));
}

/* ---- gelu ---- */

/* The node that completes 0.5 * x * (1 + e), whichever way it is associated; NULL if e is used
 * otherwise. */
static hone_node *half_product(const hone_value *e, const hone_value *x)
{
    hone_node *add = single_user(e, HONE_OP_add);
    if (beside(add, 1.0) != e)
        return NULL;
    hone_node *first = single_user(add->out[0], HONE_OP_mul);
    hone_value *other = first != NULL ? hone_other_input(first, add->out[0]) : NULL;
    if (other == NULL)
        return NULL;
    if (scaled_by(other, 0.5) == x) /* (x * 0.5) * (1 + e) */
        return first;
    hone_node *second = single_user(first->out[0], HONE_OP_mul);
    if (other == x && second != NULL) /* (x * (1 + e)) * 0.5 */
        return beside(second, 0.5) == first->out[0] ? second : NULL;
    if (other == x) { /* (x * (1 + e)) / 2 */
        second = single_user(first->out[0], HONE_OP_div);
        return second != NULL && scaled_by(second->out[0], 0.5) == first->out[0] ? second : NULL;
    }
    if (hone_is_near(other, 0.5) && second != NULL) /* x * (0.5 * (1 + e)) */
        return hone_other_input(second, first->out[0]) == x ? second : NULL;
    return NULL;
}

/* gelu_of_erf:   0.5 * x * (1 + erf(x / sqrt(2)))   ->   gelu(x)
 *
 * In every association. Saves four passes over the activation where no region is formed, and
 * instructions where one is. */
static bool gelu_of_erf(hone_graph *g, hone_node *erf)
{
    (void)g;
    hone_value *x = scaled_by(erf->in[0], 0.70710678118);
    hone_node *root = x != NULL ? half_product(erf->out[0], x) : NULL;
    return root != NULL && put_unary(root, HONE_OP_gelu, x);
}
const hone_rule hone_rule_gelu_of_erf = {"gelu_of_erf", HONE_OP_erf, gelu_of_erf};

/* gelu_of_tanh:   0.5 * x * (1 + tanh(sqrt(2/pi) * (x + 0.044715 * x^3)))   ->   gelu(x,
 * approximate=tanh) */
static bool gelu_of_tanh(hone_graph *g, hone_node *tanh)
{
    (void)g;
    const hone_value *inner = scaled_by(tanh->in[0], 0.7978845608);
    const hone_node *add = hone_def_of(inner, HONE_OP_add);

    for (int i = 0; add != NULL && i < 2; i++) {
        hone_value *x = add->in[i];
        if (!is_scaled_cube(add->in[1 - i], x, 0.044715))
            continue;
        hone_node *root = half_product(tanh->out[0], x);
        if (root == NULL || !hone_shapes_same(x, root->out[0]))
            return false;
        hone_node *made = hone_make_node(root, HONE_OP_gelu, 1, &x);
        made->attrs.gelu.approximate = 1;
        return hone_put_in_place(root->out[0], made);
    }
    return false;
}
const hone_rule hone_rule_gelu_of_tanh = {"gelu_of_tanh", HONE_OP_tanh, gelu_of_tanh};

/* ---- swish and its kin ---- */

/* swish:   mul(x, sigmoid(x))   ->   swish(x) */
static bool swish(hone_graph *g, hone_node *sigmoid)
{
    (void)g;
    hone_node *mul = single_user(sigmoid->out[0], HONE_OP_mul);
    return mul != NULL && hone_other_input(mul, sigmoid->out[0]) == sigmoid->in[0] &&
           put_unary(mul, HONE_OP_swish, sigmoid->in[0]);
}
const hone_rule hone_rule_swish = {"swish", HONE_OP_sigmoid, swish};

/* x where v = clip(x + 3, 0, 6); NULL if it is not. */
static hone_value *clipped_x(const hone_value *v)
{
    const hone_node *clip = hone_single_def_of(v, HONE_OP_clip);
    if (clip == NULL || !hone_is_scalar_of(hone_input(clip, 1), 0) ||
        !hone_is_scalar_of(hone_input(clip, 2), 6))
        return NULL;
    return beside(hone_single_def_of(clip->in[0], HONE_OP_add), 3);
}

/* hard_sigmoid:   clip(x + 3, 0, 6) / 6   ->   hard_sigmoid(x, alpha=1/6, beta=1/2)
 * hard_swish:     x * clip(x + 3, 0, 6) / 6   ->   hard_swish(x), in either association */
static bool hard_of_clip(hone_graph *g, hone_node *n)
{
    hone_value *sixth = scaled_by(n->out[0], 1.0 / 6), *x;
    const hone_node *mul = hone_single_def_of(sixth, HONE_OP_mul);

    (void)g;
    if (sixth == NULL)
        return false;
    for (int i = 0; mul != NULL && i < 2; i++)
        if ((x = clipped_x(mul->in[i])) != NULL && x == mul->in[1 - i])
            return put_unary(n, HONE_OP_hard_swish, x);
    x = clipped_x(sixth);
    if (x == NULL || !hone_is_f32(x) || !hone_shapes_same(x, n->out[0]))
        return false;
    hone_node *made = hone_make_node(n, HONE_OP_hard_sigmoid, 1, &x);
    made->attrs.hard_sigmoid.alpha = 1.0f / 6;
    made->attrs.hard_sigmoid.beta = 0.5f;
    return hone_put_in_place(n->out[0], made);
}
const hone_rule hone_rule_hard_of_clip_mul = {"hard_of_clip_mul", HONE_OP_mul, hard_of_clip};
const hone_rule hone_rule_hard_of_clip_div = {"hard_of_clip_div", HONE_OP_div, hard_of_clip};

/* hard_swish:   mul(x, hard_sigmoid(x, 1/6, 1/2))   ->   hard_swish(x) */
static bool hard_swish(hone_graph *g, hone_node *hard)
{
    (void)g;
    const hone_attrs_hard_sigmoid *a = &hard->attrs.hard_sigmoid;
    hone_node *mul = single_user(hard->out[0], HONE_OP_mul);
    const float off = a->alpha - 1.0f / 6;
    return mul != NULL && off < 1e-5f && off > -1e-5f && a->beta == 0.5f &&
           hone_other_input(mul, hard->out[0]) == hard->in[0] &&
           put_unary(mul, HONE_OP_hard_swish, hard->in[0]);
}
const hone_rule hone_rule_hard_swish = {"hard_swish", HONE_OP_hard_sigmoid, hard_swish};

/* ---- norms ---- */

/* v = reduce(x) with kept dimensions over the last axes: the first of them that is longer than 1,
 * or -1. */
static int reduced_tail(const hone_value *v, hone_op_id op, const hone_value *x)
{
    int axes[HONE_MAX_RANK], n = 0;
    const hone_node *r = hone_def_of(v, op);

    if (r == NULL || (x != NULL && r->in[0] != x) || r->attrs.reduce_mean.keepdims == 0 ||
        !hone_reduce_axes(r, axes, &n))
        return -1;
    const int rank = hone_rank_of(r->in[0]);
    for (int i = 0; i < n; i++)
        if (axes[i] != rank - n + i)
            return -1;
    int first = axes[0];
    while (first + 1 < rank && hone_dim_of(r->in[0], first) == 1)
        first++;
    return first;
}

/* sqrt(v + epsilon): v, and epsilon. */
static hone_value *under_root(const hone_value *root, double *epsilon)
{
    const hone_node *sqrt = hone_def_of(root, HONE_OP_sqrt);
    const hone_node *add = sqrt != NULL ? hone_def_of(sqrt->in[0], HONE_OP_add) : NULL;
    int k;
    const hone_value *c = add != NULL ? hone_constant_input(add, &k) : NULL;
    return c != NULL && hone_value_scalar(c, epsilon) && *epsilon > 0 ? add->in[1 - k] : NULL;
}

/* A constant of ones over the axes from `axis` on; NULL unless they are numbers. */
static hone_value *ones_from(hone_graph *g, const hone_value *x, int axis)
{
    hone_dims dims = {.rank = hone_rank_of(x) - axis};
    for (int i = 0; i < dims.rank; i++) {
        if (!hone_extent_is_number(hone_dim_of(x, axis + i)))
            return NULL;
        dims.dim[i] = hone_dim_of(x, axis + i);
    }
    return hone_make_splat(g, &dims, 1.0f);
}

/* layer_norm: the mean taken away, divided by the deviation.
 *
 *     d = sub(x, reduce_mean(x)); div(d, sqrt(reduce_mean(d * d) + epsilon))   ->
 * layer_normalization(x, 1, epsilon)
 *
 * Legal when both means are over the same last axes, kept, of known extents; d * d may be written
 * as a power. One pass over the rows instead of nine over the tensor. norm_scale and norm_bias then
 * take in what follows. */
static bool layer_norm(hone_graph *g, hone_node *div)
{
    double epsilon;
    const hone_node *sub = hone_def_of(div->in[0], HONE_OP_sub);
    const hone_value *var = under_root(div->in[1], &epsilon);
    const hone_node *mean = hone_def_of(var, HONE_OP_reduce_mean);

    if (sub == NULL || mean == NULL || !hone_is_f32(div->out[0]))
        return false;
    hone_value *x = sub->in[0];
    const int axis = reduced_tail(sub->in[1], HONE_OP_reduce_mean, x);
    if (axis < 0 || reduced_tail(var, HONE_OP_reduce_mean, NULL) != axis ||
        !is_square(mean->in[0], sub->out[0]))
        return false;
    hone_value *in[2] = {x, ones_from(g, x, axis)};
    if (in[1] == NULL)
        return false;
    hone_node *made = hone_make_node(div, HONE_OP_layer_normalization, 2, in);
    made->attrs.layer_normalization.axis = axis;
    made->attrs.layer_normalization.epsilon = (float)epsilon;
    return hone_put_in_place(div->out[0], made);
}
const hone_rule hone_rule_layer_norm = {"layer_norm", HONE_OP_div, layer_norm};

/* rms_norm:   div(x, sqrt(reduce_mean(x * x) + epsilon))   ->   rms_normalization(x, 1, epsilon)
 *
 * Legal when the mean is over the last axes, kept, of known extents. */
static bool rms_norm(hone_graph *g, hone_node *div)
{
    double epsilon;
    hone_value *x = div->in[0];
    const hone_value *var = under_root(div->in[1], &epsilon);
    const hone_node *mean = hone_def_of(var, HONE_OP_reduce_mean);
    const int axis = mean != NULL ? reduced_tail(var, HONE_OP_reduce_mean, NULL) : -1;

    if (axis < 0 || !is_square(mean->in[0], x) || !hone_is_f32(div->out[0]))
        return false;
    hone_value *in[2] = {x, ones_from(g, x, axis)};
    if (in[1] == NULL)
        return false;
    hone_node *made = hone_make_node(div, HONE_OP_rms_normalization, 2, in);
    made->attrs.rms_normalization.axis = axis;
    made->attrs.rms_normalization.epsilon = (float)epsilon;
    return hone_put_in_place(div->out[0], made);
}
const hone_rule hone_rule_rms_norm = {"rms_norm", HONE_OP_div, rms_norm};

/* centred_norm:   rms_normalization(sub(x, reduce_mean(x)), s)   ->   layer_normalization(x, s)
 *
 * Legal when the mean is over the axes that the norm is over, kept. What layer_norm finds where a
 * transpose stood between. */
static bool centred_norm(hone_graph *g, hone_node *norm)
{
    const hone_node *sub = hone_single_def_of(norm->in[0], HONE_OP_sub);
    const int64_t axis = norm->attrs.rms_normalization.axis;

    (void)g;
    if (sub == NULL || reduced_tail(sub->in[1], HONE_OP_reduce_mean, sub->in[0]) != axis)
        return false;
    hone_value *in[2] = {sub->in[0], norm->in[1]};
    hone_node *made = hone_make_node(norm, HONE_OP_layer_normalization, 2, in);
    made->attrs.layer_normalization.axis = axis;
    made->attrs.layer_normalization.epsilon = norm->attrs.rms_normalization.epsilon;
    return hone_put_in_place(norm->out[0], made);
}
const hone_rule hone_rule_centred_norm = {"centred_norm", HONE_OP_rms_normalization, centred_norm};

/* The norm in front of a mul or add with a constant of the norm's own extents: the constant under
 * that shape, or NULL. */
static hone_value *norm_operand(hone_node *n, hone_op_id op, hone_node **norm)
{
    int k;
    hone_value *c = hone_constant_input(n, &k);
    if (c == NULL || !hone_is_f32(c))
        return NULL;
    *norm = hone_single_def_of(n->in[1 - k], op);
    if (*norm == NULL || !hone_shapes_same(n->out[0], n->in[1 - k]) || (*norm)->graph != n->graph)
        return NULL;
    const hone_shape *scale = &(*norm)->in[1]->type.shape;
    const int skip = hone_rank_of(c) - scale->rank;
    if (skip < 0)
        return NULL;
    for (int i = 0; i < hone_rank_of(c); i++)
        if (hone_dim_of(c, i) != (i < skip ? 1 : scale->dim[i - skip]))
            return NULL;
    return hone_make_reshaped(n->graph, c, scale);
}

static bool put_norm(hone_node *n, const hone_node *norm, hone_value *scale, hone_value *bias)
{
    hone_value *in[3] = {norm->in[0], scale, bias};
    hone_node *made = hone_make_node(n, norm->op, bias != NULL ? 3 : 2, in);
    made->attrs = norm->attrs;
    return hone_put_in_place(n->out[0], made);
}

/* norm_scale:   mul(layer_normalization(x, 1), c)   ->   layer_normalization(x, c);
 * rms_normalization alike
 *
 * Legal when the scale is one everywhere, there is no bias, and c is a constant of the normalised
 * extents. */
static bool norm_scale(hone_graph *g, hone_node *mul)
{
    static const hone_op_id norms[] = {HONE_OP_layer_normalization, HONE_OP_rms_normalization};

    (void)g;
    for (int i = 0; i < HONE_COUNT(norms); i++) {
        hone_node *norm;
        hone_value *c = norm_operand(mul, norms[i], &norm);
        if (c != NULL && hone_is_scalar_of(norm->in[1], 1) && hone_input(norm, 2) == NULL)
            return put_norm(mul, norm, c, NULL);
    }
    return false;
}
const hone_rule hone_rule_norm_scale = {"norm_scale", HONE_OP_mul, norm_scale};

/* norm_bias:   add(layer_normalization(x, s), c)   ->   layer_normalization(x, s, c)
 *
 * Legal when there is no bias yet and c is a constant of the normalised extents. */
static bool norm_bias(hone_graph *g, hone_node *add)
{
    hone_node *norm;
    hone_value *c = norm_operand(add, HONE_OP_layer_normalization, &norm);

    (void)g;
    return c != NULL && hone_input(norm, 2) == NULL && put_norm(add, norm, norm->in[1], c);
}
const hone_rule hone_rule_norm_bias = {"norm_bias", HONE_OP_add, norm_bias};

/* softmax:   e = exp(sub(x, reduce_max(x))); div(e, reduce_sum(e))   ->   softmax(x)
 *
 * Legal when both reductions are over one and the same axis, kept. Without the subtraction the
 * quotient is the same number, only prone to overflow, so that form qualifies too. */
static bool softmax(hone_graph *g, hone_node *div)
{
    int axes[HONE_MAX_RANK], max_axes[HONE_MAX_RANK], n = 0, n_max = 0;
    const hone_node *exp = hone_def_of(div->in[0], HONE_OP_exp),
                    *sum = hone_def_of(div->in[1], HONE_OP_reduce_sum);

    (void)g;
    if (exp == NULL || sum == NULL || sum->in[0] != exp->out[0] ||
        sum->attrs.reduce_sum.keepdims == 0 || !hone_is_f32(div->out[0]) ||
        !hone_reduce_axes(sum, axes, &n) || n != 1)
        return false;
    hone_value *x = exp->in[0];
    const hone_node *sub = hone_def_of(x, HONE_OP_sub);
    const hone_node *max = sub != NULL ? hone_def_of(sub->in[1], HONE_OP_reduce_max) : NULL;
    if (max != NULL && max->in[0] == sub->in[0] && max->attrs.reduce_max.keepdims != 0 &&
        hone_reduce_axes(max, max_axes, &n_max) && n_max == 1 && max_axes[0] == axes[0])
        x = sub->in[0];
    hone_node *made = hone_make_node(div, HONE_OP_softmax, 1, &x);
    made->attrs.softmax.axis = axes[0];
    return hone_put_in_place(div->out[0], made);
}
const hone_rule hone_rule_softmax = {"softmax", HONE_OP_div, softmax};
