/* The set "canonical", matrix products: one contraction for all of them, with its bias, its scale
 * and its transposes as flags, so that kernels and later rules meet one spelling. Scales and shifts
 * of columns are in scale.c. */
#include "opt/edit.h"
#include "opt/rules.h"

#include <math.h>

/* Whether c is a bias as matmul's in[2] takes it: one number for each column. */
static bool is_column_bias(const hone_value *c, const hone_value *out)
{
    const int rank = hone_rank_of(c);
    if (rank < 0 || !hone_shape_absorbs(&out->type.shape, &c->type.shape))
        return false;
    for (int i = 0; i + 1 < rank; i++)
        if (hone_dim_of(c, i) != 1)
            return false;
    return rank > 0 && hone_dim_of(c, rank - 1) == hone_dim_of(out, hone_rank_of(out) - 1);
}

/* The bias as [N], times beta; NULL where it is not constant and would need more than a view. */
static hone_value *column_bias(hone_node *before, hone_value *c, float beta)
{
    hone_graph *g = before->graph;
    const int rank = hone_rank_of(c);
    const hone_shape flat = {1, {hone_dim_of(c, rank - 1)}};

    if (beta == 1.0f)
        return rank == 1 ? c : hone_make_reshape(before, c, &flat);
    if (!hone_is_constant(c) || !hone_is_f32(c))
        return NULL;
    const int64_t n = hone_constant_count(c);
    const float *from = hone_constant_floats(g->module, c);
    float *to = hone_arena_array(g->module->arena, (size_t)n + 1, sizeof *to);
    for (int64_t i = 0; i < n; i++)
        to[i] = beta * from[i];
    return hone_make_vector(g, n, to);
}

/* gemm_to_matmul: Gemm is a matmul with flags.
 *
 *     gemm(a, b, c, alpha, beta, trans_a, trans_b)   ->   matmul(a, b, beta*c, alpha, trans_a,
 * trans_b) or   add(matmul(a, b), mul(c, beta))
 *
 * The first where c is one number for each column and beta*c needs no step, else the second. Legal
 * for floats. One contraction for all rules and kernels to know; the add goes into the epilogue
 * again. */
static bool gemm_to_matmul(hone_graph *g, hone_node *gemm)
{
    const hone_attrs_gemm a = gemm->attrs.gemm;
    hone_value *y = gemm->out[0], *c = hone_input(gemm, 2);

    if (!hone_is_f32(y) || hone_rank_of(y) != 2)
        return false;
    if (c != NULL && a.beta == 0.0f)
        c = NULL;
    hone_value *bias = c != NULL && is_column_bias(c, y) ? column_bias(gemm, c, a.beta) : NULL;
    hone_value *in[3] = {gemm->in[0], gemm->in[1], bias};
    hone_node *m = hone_make_node(gemm, HONE_OP_matmul, bias != NULL ? 3 : 2, in);
    m->attrs.matmul.trans_a = a.trans_a;
    m->attrs.matmul.trans_b = a.trans_b;
    m->attrs.matmul.alpha = a.alpha;
    if (c == NULL || bias != NULL)
        return hone_put_in_place(y, m);
    if (hone_node_infer(m) != HONE_OK) {
        hone_node_remove(m);
        return false;
    }
    if (a.beta != 1.0f) {
        hone_value *scaled[2] = {c, hone_graph_scalar_f32(g, a.beta)};
        hone_node *mul = hone_make_node(gemm, HONE_OP_mul, 2, scaled);
        if (hone_node_infer(mul) != HONE_OK)
            return false;
        c = mul->out[0];
    }
    hone_value *sum[2] = {m->out[0], c};
    return hone_put_in_place(y, hone_make_node(gemm, HONE_OP_add, 2, sum));
}
const hone_rule hone_rule_gemm_to_matmul = {"gemm_to_matmul", HONE_OP_gemm, gemm_to_matmul};

/* bias_of_matmul: an added row becomes the matmul's bias.
 *
 *     add(matmul(a, b), c)   ->   matmul(a, b, c)
 *
 * Legal when the product has no bias, no epilogue and no other use, c is a constant [N] (or a view
 * of one), and the sum has the product's shape. Saves a read and a write of the product. */
static bool bias_of_matmul(hone_graph *g, hone_node *add)
{
    int k;
    hone_value *c = hone_constant_input(add, &k);

    (void)g;
    if (c == NULL || !hone_is_f32(c))
        return false;
    hone_node *m = hone_single_def_of(add->in[1 - k], HONE_OP_matmul);
    if (m == NULL || hone_input(m, 2) != NULL || m->attrs.matmul.program != NULL ||
        m->graph != add->graph || !hone_shapes_same(add->out[0], m->out[0]) ||
        !is_column_bias(c, m->out[0]))
        return false;
    hone_value *bias = column_bias(add, c, 1.0f);
    if (bias == NULL)
        return false;
    hone_value *in[3] = {m->in[0], m->in[1], bias};
    hone_node *made = hone_make_node(add, HONE_OP_matmul, 3, in);
    made->attrs.matmul = m->attrs.matmul;
    return hone_put_in_place(add->out[0], made);
}
const hone_rule hone_rule_bias_of_matmul = {"bias_of_matmul", HONE_OP_add, bias_of_matmul};

/* The perm of a transpose node as ints; its default is the reverse. */
static bool swaps_last_two(const hone_node *t)
{
    const hone_ints perm = t->attrs.transpose.perm;
    const int rank = hone_rank_of(t->in[0]);

    if (rank < 2)
        return false;
    if (perm.n == 0)
        return rank == 2;
    for (int i = 0; i < rank - 2; i++)
        if (perm.v[i] != i)
            return false;
    return perm.v[rank - 2] == rank - 1 && perm.v[rank - 1] == rank - 2;
}

/* transpose_into_matmul: a swap of the last two axes becomes a flag.
 *
 *     matmul(transpose(a), b)   ->   matmul(a, b, trans_a)        and so for b
 *
 * Legal when the transpose swaps the last two axes and no others. The kernel packs its operands
 * anyway and can read them either way: the transpose, if it has no other use, costs nothing more.
 */
static bool transpose_into_matmul(hone_graph *g, hone_node *m)
{
    bool changed = false;

    (void)g;
    for (int i = 0; i < 2; i++) {
        hone_node *t = hone_def_of(m->in[i], HONE_OP_transpose);
        int64_t *flag = i == 0 ? &m->attrs.matmul.trans_a : &m->attrs.matmul.trans_b;
        if (t == NULL || !swaps_last_two(t))
            continue;
        *flag = !*flag;
        hone_node_set_input(m, i, t->in[0]);
        changed = true;
    }
    return changed;
}
const hone_rule hone_rule_transpose_into_matmul = {"transpose_into_matmul", HONE_OP_matmul,
                                                   transpose_into_matmul};

/* transpose_of_heads: keys are transposed so that lines stay whole, and the swap becomes a flag.
 *
 *     matmul(q, transpose(k, [0, 2, 3, 1]))   ->   matmul(q, transpose(k, [0, 2, 1, 3]), trans_b)
 *
 * Legal for any permutation; done when the last axis moves and, with the last two swapped back,
 * does not. The transpose then copies whole lines instead of single elements, and equals that of
 * the values, so that it often is common. */
static bool transpose_of_heads(hone_graph *g, hone_node *m)
{
    bool changed = false;

    (void)g;
    for (int i = 0; i < 2; i++) {
        hone_node *t = hone_single_def_of(m->in[i], HONE_OP_transpose);
        int64_t *flag = i == 0 ? &m->attrs.matmul.trans_a : &m->attrs.matmul.trans_b;
        const int rank = t != NULL ? hone_rank_of(t->in[0]) : 0;
        int perm[HONE_MAX_RANK];
        if (rank < 3 || t->attrs.transpose.perm.n != rank ||
            t->attrs.transpose.perm.v[rank - 2] != rank - 1)
            continue;
        for (int k = 0; k < rank; k++)
            perm[k] = (int)t->attrs.transpose.perm.v[k];
        perm[rank - 2] = perm[rank - 1];
        perm[rank - 1] = rank - 1;
        hone_value *v = hone_make_transpose(t, t->in[0], perm);
        if (v == NULL)
            continue;
        *flag = !*flag;
        hone_node_set_input(m, i, v);
        changed = true;
    }
    return changed;
}
const hone_rule hone_rule_transpose_of_heads = {"transpose_of_heads", HONE_OP_matmul,
                                                transpose_of_heads};

/* The scalar constant by which a mul or div node multiplies; *x its other input. */
static bool scale_of(const hone_node *n, hone_value **x, double *scale)
{
    int k;
    const hone_value *c = hone_constant_input(n, &k);
    if (c == NULL || (n->op == HONE_OP_div && k != 1) || !hone_is_f32(c) ||
        !hone_value_scalar(c, scale))
        return false;
    *x = n->in[1 - k];
    if (n->op == HONE_OP_div)
        *scale = 1.0 / *scale;
    return isfinite(*scale) && hone_shapes_same(*x, n->out[0]);
}

/* alpha_of_matmul: a scale after the product becomes its alpha.
 *
 *     mul(matmul(a, b), s)   ->   matmul(a, b, alpha*s)          and div(matmul(a, b), s)
 *
 * Legal for a scalar constant s where the product has no bias, no epilogue and no other use. The
 * scale of attention scores is written so; saves a read and a write of them. */
static bool alpha_of_matmul(hone_graph *g, hone_node *mul)
{
    double s;
    hone_value *x;

    (void)g;
    if (!scale_of(mul, &x, &s))
        return false;
    hone_node *m = hone_single_def_of(x, HONE_OP_matmul);
    if (m == NULL || m->n_in > 2 || m->attrs.matmul.program != NULL)
        return false;
    m->attrs.matmul.alpha *= (float)s;
    return hone_put_value(mul->out[0], m->out[0]);
}
const hone_rule hone_rule_alpha_of_matmul = {"alpha_of_matmul", HONE_OP_mul, alpha_of_matmul};
const hone_rule hone_rule_alpha_of_matmul_div = {"alpha_of_matmul_div", HONE_OP_div,
                                                 alpha_of_matmul};

/* alpha_from_operand: a scale before the product becomes its alpha.
 *
 *     matmul(mul(a, s), b)   ->   matmul(a, b, alpha*s)          and so for b, and for div
 *
 * Legal for a scalar constant s. Attention scales its queries so. The scaled value may have other
 * uses: they keep it. */
static bool alpha_from_operand(hone_graph *g, hone_node *m)
{
    bool changed = false;

    (void)g;
    for (int i = 0; i < 2; i++) {
        double s;
        hone_value *x;
        hone_node *def = m->in[i]->def;
        if (def == NULL || (def->op != HONE_OP_mul && def->op != HONE_OP_div) ||
            !hone_value_has_one_use(m->in[i]) || !scale_of(def, &x, &s))
            continue;
        m->attrs.matmul.alpha *= (float)s;
        hone_node_set_input(m, i, x);
        changed = true;
    }
    return changed;
}
const hone_rule hone_rule_alpha_from_operand = {"alpha_from_operand", HONE_OP_matmul,
                                                alpha_from_operand};
