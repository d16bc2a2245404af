/* The set "canonical", first part: one spelling for each thing, so that later rules and kernels
 * meet one. The rules of the second part, which fold scales and shifts into weights, are in
 * scale.c. */
#include "opt/edit.h"
#include "opt/rules.h"

#include <math.h>
#include <stdlib.h>

/* ---- matmul ---- */

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

/* ---- windows ---- */

/* The attributes that convolutions and pools share, whichever struct they stand in. */
typedef struct window_attrs {
    hone_ints *strides, *dilations, *pads;
    int64_t *auto_pad;
    int64_t layout;
} window_attrs;

static bool window_attrs_of(hone_node *n, window_attrs *w)
{
    switch (n->op) {
#define WINDOW(op_)                                                                                \
    case HONE_OP_##op_:                                                                            \
        *w = (window_attrs){&n->attrs.op_.strides, &n->attrs.op_.dilations, &n->attrs.op_.pads,    \
                            &n->attrs.op_.auto_pad, n->attrs.op_.layout};                          \
        return true;
        WINDOW(conv)
        WINDOW(conv_integer)
        WINDOW(qlinear_conv)
        WINDOW(max_pool)
        WINDOW(average_pool)
        WINDOW(lp_pool)
#undef WINDOW
    default: return false;
    }
}

/* explicit_pads: automatic padding is written out.
 *
 *     conv(x, w, auto_pad=SAME_UPPER)   ->   conv(x, w, pads=[...])          and so for pools
 *
 * Legal when the spatial extents are numbers. Nothing is saved at run time, but padding can then be
 * folded. */
static bool explicit_pads(hone_graph *g, hone_node *n)
{
    window_attrs a;
    hone_dims x, w = {0};
    hone_window window;
    int64_t pads[2 * HONE_MAX_RANK];
    const bool has_weights = hone_op_has(n->op, HONE_TRAIT_CONTRACTION);
    const int weights = n->op == HONE_OP_qlinear_conv ? 3 : 1;

    if (!window_attrs_of(n, &a) || *a.auto_pad == HONE_AUTO_PAD_NOTSET ||
        !hone_shape_dims(&n->in[0]->type.shape, &x) ||
        (has_weights && !hone_shape_dims(&n->in[weights]->type.shape, &w)) ||
        hone_window_of(n->op, &n->attrs, &x, has_weights ? &w : NULL, &window) != HONE_OK)
        return false;
    for (int i = 0; i < window.n; i++) {
        pads[i] = window.pad_begin[i];
        pads[window.n + i] = window.pad_end[i];
    }
    *a.auto_pad = HONE_AUTO_PAD_NOTSET;
    *a.pads = hone_make_ints(g->module, pads, 2 * window.n);
    return true;
}
const hone_rule hone_rule_explicit_pads_conv = {"explicit_pads_conv", HONE_OP_conv, explicit_pads};
const hone_rule hone_rule_explicit_pads_max_pool = {"explicit_pads_max_pool", HONE_OP_max_pool,
                                                    explicit_pads};
const hone_rule hone_rule_explicit_pads_average_pool = {"explicit_pads_average_pool",
                                                        HONE_OP_average_pool, explicit_pads};

/* The pads of a Pad node for every axis, begins then ends; false where they are not known numbers.
 */
static bool pads_of(const hone_node *pad, int rank, int64_t *out)
{
    int64_t v[2 * HONE_MAX_RANK], axes[HONE_MAX_RANK];
    int n = 0, n_axes = rank;

    if (!hone_value_ints(pad->in[1], v, 2 * HONE_MAX_RANK, &n))
        return false;
    for (int i = 0; i < rank; i++)
        axes[i] = i;
    if (hone_input(pad, 3) != NULL && !hone_value_ints(pad->in[3], axes, HONE_MAX_RANK, &n_axes))
        return false;
    if (n != 2 * n_axes)
        return false;
    memset(out, 0, 2 * (size_t)rank * sizeof *out);
    for (int i = 0; i < n_axes; i++) {
        const int64_t axis = axes[i] < 0 ? axes[i] + rank : axes[i];
        if (axis < 0 || axis >= rank)
            return false;
        out[axis] = v[i];
        out[axis + rank] = v[i + n_axes];
    }
    return true;
}

/* Whether the padding of value `fill` in front of n is what n's own padding would do. */
static bool pads_like(const hone_node *n, const hone_node *pad)
{
    const hone_value *fill = hone_input(pad, 2);

    if (pad->attrs.pad.mode != HONE_PAD_CONSTANT)
        return false;
    if (n->op == HONE_OP_max_pool)
        return hone_is_constant(fill) && hone_is_f32(fill) && hone_is_scalar_of(fill, -INFINITY);
    if (fill != NULL && !hone_is_scalar_of(fill, 0))
        return false;
    /* Every cell of the padded picture counts; with pads of the pool's own that do not count, the
     * two differ. */
    if (n->op == HONE_OP_average_pool)
        return n->attrs.average_pool.ceil_mode == 0;
    return true;
}

static bool has_pads(const hone_ints *pads)
{
    for (int i = 0; i < pads->n; i++)
        if (pads->v[i] != 0)
            return true;
    return false;
}

/* fold_pad: a Pad in front of a window becomes the window's own padding.
 *
 *     conv(pad(x, p), w, pads=q)   ->   conv(x, w, pads=p+q)
 *
 * Legal when the Pad writes what the window pads with (zeros; for max_pool -inf), touches only
 * spatial axes, and takes nothing away. average_pool: all its cells then count, so it may have no
 * uncounted pads of its own. Saves one write and one read of the whole activation. */
static bool fold_pad(hone_graph *g, hone_node *n)
{
    window_attrs a;
    int64_t p[2 * HONE_MAX_RANK], sum[2 * HONE_MAX_RANK];
    const int rank = hone_rank_of(n->in[0]);
    hone_node *pad = hone_def_of(n->in[0], HONE_OP_pad);

    if (pad == NULL || rank < 3 || !window_attrs_of(n, &a) || a.layout != HONE_LAYOUT_FIRST ||
        (*a.auto_pad != HONE_AUTO_PAD_NOTSET && *a.auto_pad != HONE_AUTO_PAD_VALID) ||
        !pads_like(n, pad) || !pads_of(pad, rank, p) || p[0] != 0 || p[1] != 0 || p[rank] != 0 ||
        p[rank + 1] != 0)
        return false;
    if (n->op == HONE_OP_average_pool && !n->attrs.average_pool.count_include_pad &&
        has_pads(a.pads))
        return false;
    const int k = rank - 2;
    for (int i = 0; i < 2 * k; i++) {
        const int64_t more = p[i < k ? 2 + i : rank + 2 + i - k];
        if (more < 0)
            return false;
        sum[i] = (a.pads->n > 0 ? a.pads->v[i] : 0) + more;
    }
    if (n->op == HONE_OP_average_pool)
        n->attrs.average_pool.count_include_pad = 1;
    *a.auto_pad = HONE_AUTO_PAD_NOTSET;
    *a.pads = hone_make_ints(g->module, sum, 2 * k);
    hone_node_set_input(n, 0, pad->in[0]);
    return true;
}
const hone_rule hone_rule_fold_pad_conv = {"fold_pad_conv", HONE_OP_conv, fold_pad};
const hone_rule hone_rule_fold_pad_max_pool = {"fold_pad_max_pool", HONE_OP_max_pool, fold_pad};
const hone_rule hone_rule_fold_pad_average_pool = {"fold_pad_average_pool", HONE_OP_average_pool,
                                                   fold_pad};

/* pool_to_global: a window over everything is a global pool.
 *
 *     average_pool(x, kernel_shape=[h, w])   ->   global_average_pool(x)         and so for
 * max_pool
 *
 * Legal when the kernel is the whole of static spatial extents, there is no padding, no dilation
 * and no index output. The global kernel reads the picture once, in order. */
static bool pool_to_global(hone_graph *g, hone_node *n)
{
    window_attrs a;
    const bool average = n->op == HONE_OP_average_pool;
    const hone_ints kernel =
        average ? n->attrs.average_pool.kernel_shape : n->attrs.max_pool.kernel_shape;
    const hone_value *x = n->in[0];

    (void)g;
    if (!window_attrs_of(n, &a) || *a.auto_pad != HONE_AUTO_PAD_NOTSET || has_pads(a.pads) ||
        a.layout != HONE_LAYOUT_FIRST || hone_rank_of(x) != kernel.n + 2 ||
        (n->n_out > 1 && n->out[1] != NULL))
        return false;
    for (int i = 0; i < kernel.n; i++)
        if (hone_dim_of(x, i + 2) != kernel.v[i] || (a.dilations->n > 0 && a.dilations->v[i] != 1))
            return false;
    return hone_put_in_place(
        n->out[0],
        hone_make_node(n, average ? HONE_OP_global_average_pool : HONE_OP_global_max_pool, 1,
                       &n->in[0]));
}
const hone_rule hone_rule_pool_to_global_average = {"pool_to_global_average", HONE_OP_average_pool,
                                                    pool_to_global};
const hone_rule hone_rule_pool_to_global_max = {"pool_to_global_max", HONE_OP_max_pool,
                                                pool_to_global};

/* mean_to_global: a mean over all spatial axes is a global pool.
 *
 *     reduce_mean(x, axes=[2, 3])   ->   global_average_pool(x)      and a reshape without keepdims
 *
 * Legal for rank 4 with these axes, float32. The pool has a fast kernel in either layout. */
static bool mean_to_global(hone_graph *g, hone_node *n)
{
    int axes[HONE_MAX_RANK], n_axes = 0;

    (void)g;
    if (!hone_is_f32(n->out[0]) || hone_rank_of(n->in[0]) != 4 ||
        !hone_reduce_axes(n, axes, &n_axes) || n_axes != 2 || axes[0] != 2 || axes[1] != 3)
        return false;
    hone_node *pool = hone_make_node(n, HONE_OP_global_average_pool, 1, &n->in[0]);
    if (n->attrs.reduce_mean.keepdims != 0)
        return hone_put_in_place(n->out[0], pool);
    if (hone_node_infer(pool) != HONE_OK)
        return false;
    hone_value *flat = hone_make_reshape(n, pool->out[0], &n->out[0]->type.shape);
    return flat != NULL && hone_put_value(n->out[0], flat);
}
const hone_rule hone_rule_mean_to_global = {"mean_to_global", HONE_OP_reduce_mean, mean_to_global};

/* ---- arithmetic ---- */

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
