/* The set "canonical", windows: padding is explicit and inside the window, and windows over
 * everything are global pools. */
#include "opt/edit.h"
#include "opt/rules.h"

#include <math.h>

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
