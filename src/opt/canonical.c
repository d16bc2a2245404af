/* The set "canonical", arithmetic: one spelling for each thing, so that later rules and kernels
 * meet one. Other parts of the set stand in products.c, windows.c, scale.c, focus.c, embed.c and
 * pools.c. */
#include "opt/edit.h"
#include "opt/rules.h"

#include <math.h>
#include <stdlib.h>

/* square: pow(x, 2)   ->   mul(x, x);    pow(x, 0.5)   ->   sqrt(x);    pow(x, -1)   ->
 * reciprocal(x)
 *
 * Legal for float32 and an exponent that does not enlarge x. pow(-0, 0.5) is 0 and sqrt(-0) is -0:
 * equal as numbers. A multiplication instead of a call of powf. */
static bool square(hone_graph *g, hone_node *n)
{
    double e;
    hone_value *x = n->in[0];

    (void)g;
    if (!hone_is_f32(x) || !hone_is_constant(n->in[1]) || !hone_value_scalar(n->in[1], &e) ||
        !hone_shapes_same(x, n->out[0]))
        return false;
    hone_value *in[2] = {x, x};
    if (e == 2.0)
        return hone_put_in_place(n->out[0], hone_make_node(n, HONE_OP_mul, 2, in));
    if (e == 0.5)
        return hone_put_in_place(n->out[0], hone_make_node(n, HONE_OP_sqrt, 1, in));
    if (e == -1.0)
        return hone_put_in_place(n->out[0], hone_make_node(n, HONE_OP_reciprocal, 1, in));
    return false;
}
const hone_rule hone_rule_square = {"square", HONE_OP_pow, square};

/* div_to_mul:   div(x, c)   ->   mul(x, 1/c)
 *
 * Legal where 1/c is exact: c is plus or minus a power of two, in float32's normal range both ways.
 */
static bool div_to_mul(hone_graph *g, hone_node *n)
{
    double c;
    int exponent;

    if (!hone_is_f32(n->out[0]) || !hone_is_constant(n->in[1]) ||
        !hone_value_scalar(n->in[1], &c) || c == 0 || !isfinite(c) ||
        fabs(frexp(c, &exponent)) != 0.5 || abs(exponent) > 120)
        return false;
    hone_dims dims;
    if (!hone_shape_dims(&n->in[1]->type.shape, &dims))
        return false;
    hone_value *in[2] = {n->in[0], hone_make_splat(g, &dims, (float)(1.0 / c))};
    return hone_put_in_place(n->out[0], hone_make_node(n, HONE_OP_mul, 2, in));
}
const hone_rule hone_rule_div_to_mul = {"div_to_mul", HONE_OP_div, div_to_mul};

/* div_by_sqrt:   mul(x, reciprocal(y))   ->   div(x, y);      div(1, y)   ->   reciprocal(y)
 *
 * Legal when the reciprocal has no other use; rounds once where it was rounded twice. One spelling
 * for the norms. */
static bool mul_reciprocal(hone_graph *g, hone_node *n)
{
    (void)g;
    for (int i = 0; i < 2; i++) {
        hone_node *r = hone_single_def_of(n->in[i], HONE_OP_reciprocal);
        if (r == NULL || !hone_is_f32(n->out[0]))
            continue;
        hone_value *in[2] = {n->in[1 - i], r->in[0]};
        return hone_put_in_place(n->out[0], hone_make_node(n, HONE_OP_div, 2, in));
    }
    return false;
}
const hone_rule hone_rule_mul_reciprocal = {"mul_reciprocal", HONE_OP_mul, mul_reciprocal};

static bool one_over(hone_graph *g, hone_node *n)
{
    (void)g;
    if (!hone_is_f32(n->out[0]) || !hone_is_scalar_of(n->in[0], 1) ||
        !hone_shapes_same(n->in[1], n->out[0]))
        return false;
    return hone_put_in_place(n->out[0], hone_make_node(n, HONE_OP_reciprocal, 1, &n->in[1]));
}
const hone_rule hone_rule_one_over = {"one_over", HONE_OP_div, one_over};

/* relu_of_clip:   clip(x, 0, inf), clip(x, 0), max(x, 0)   ->   relu(x)
 *
 * Legal for float32; a NaN stays one in both spellings. */
static bool relu_of_clip(hone_graph *g, hone_node *n)
{
    double high;
    const hone_value *max = hone_input(n, 2);

    (void)g;
    if (!hone_is_f32(n->out[0]) || !hone_is_scalar_of(hone_input(n, 1), 0))
        return false;
    if (max != NULL && (!hone_is_constant(max) || !hone_value_scalar(max, &high) || high < 3.4e38))
        return false;
    return hone_put_in_place(n->out[0], hone_make_node(n, HONE_OP_relu, 1, &n->in[0]));
}
const hone_rule hone_rule_relu_of_clip = {"relu_of_clip", HONE_OP_clip, relu_of_clip};

static bool relu_of_max(hone_graph *g, hone_node *n)
{
    int k;
    const hone_value *c = hone_constant_input(n, &k);

    (void)g;
    if (c == NULL || !hone_is_f32(n->out[0]) || !hone_is_scalar_of(c, 0) ||
        !hone_shapes_same(n->in[1 - k], n->out[0]))
        return false;
    return hone_put_in_place(n->out[0], hone_make_node(n, HONE_OP_relu, 1, &n->in[1 - k]));
}
const hone_rule hone_rule_relu_of_max = {"relu_of_max", HONE_OP_max, relu_of_max};

/* sum_of_squares:   reduce_sum(mul(x, x))   ->   reduce_sum_square(x)
 *
 * Legal for float32 when the square has no other use. Saves a write and a read of the square. */
static bool sum_of_squares(hone_graph *g, hone_node *sum)
{
    const hone_node *mul = hone_single_def_of(sum->in[0], HONE_OP_mul);
    hone_value *in[2] = {NULL, hone_input(sum, 1)};

    (void)g;
    if (mul == NULL || mul->in[0] != mul->in[1] || !hone_is_f32(sum->out[0]))
        return false;
    in[0] = mul->in[0];
    hone_node *made = hone_make_node(sum, HONE_OP_reduce_sum_square, in[1] != NULL ? 2 : 1, in);
    made->attrs.reduce_sum_square.keepdims = sum->attrs.reduce_sum.keepdims;
    made->attrs.reduce_sum_square.noop_with_empty_axes = sum->attrs.reduce_sum.noop_with_empty_axes;
    return hone_put_in_place(sum->out[0], made);
}
const hone_rule hone_rule_sum_of_squares = {"sum_of_squares", HONE_OP_reduce_sum, sum_of_squares};
