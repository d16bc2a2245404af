/* The set "borders": where a GPU's layout meets another, between the caller's planes and pixels,
 * and between channels that tensor cores load by 16 bytes and those that a model has. The one idea:
 * what has to be copied is copied once, with all that is to be done to it, and what a constant can
 * take over is not copied at all. It runs once types are chosen. */
#include <math.h>

#include "opt/edit.h"
#include "opt/layout.h"
#include "opt/rules.h"

#define PIECE 16 /* bytes of a load: channels are whole pieces */

/* ---- copies at the borders ---- */

static bool is_kernel_float(const hone_value *v)
{
    const hone_dtype t = v->type.dtype;

    return v->type.kind == HONE_KIND_TENSOR && (t == HONE_F32 || t == HONE_F16 || t == HONE_BF16);
}

static bool is_cast(const hone_node *n)
{
    return n != NULL && n->op == HONE_OP_cast && is_kernel_float(n->in[0]) &&
           is_kernel_float(n->out[0]);
}

static hone_node *make_relayout(hone_node *before, hone_value *x, hone_ints perm, hone_dtype to)
{
    hone_node *n = hone_make_node(before, HONE_OP_relayout, 1, &x);

    n->attrs.relayout.perm = perm;
    n->attrs.relayout.to = to == x->type.dtype ? HONE_NONE : to;
    return n;
}

/* The only user of v, whatever views stand between; NULL: there is none. */
static hone_node *user_behind_views(const hone_value *v)
{
    hone_node *n = hone_value_has_one_use(v) ? v->first_use->node : NULL;

    while (n != NULL && hone_op_has(n->op, HONE_TRAIT_VIEW) && n->in[0] == v) {
        v = n->out[0];
        n = hone_value_has_one_use(v) ? v->first_use->node : NULL;
    }
    return n;
}

/* The copy in the place of a cast that reads it, perhaps behind a view. */
static bool put_relayout(hone_node *cast, hone_node *made)
{
    hone_value *y = cast->out[0];

    if (hone_node_infer(made) != HONE_OK)
        return false;
    if (hone_shapes_same(made->out[0], y))
        return hone_put_value(y, made->out[0]);
    hone_value *v = hone_make_reshape(cast, made->out[0], &y->type.shape);
    return v != NULL && hone_put_value(y, v);
}

/* relayout_cast: a transpose and a cast are one copy.
 *
 *     cast(transpose(x, p), f16)   ->   relayout(x) {perm=p, to=f16}       and so in the other
 * order
 *
 * Legal for float types, when the inner one serves the outer alone; views may stand behind the
 * transpose. */
static bool relayout_cast(hone_graph *g, hone_node *t)
{
    const hone_node *inner = t->in[0]->def;
    hone_node *outer = user_behind_views(t->out[0]);

    (void)g;
    if (is_cast(inner) && hone_value_has_one_use(t->in[0]))
        return hone_put_in_place(t->out[0], make_relayout(t, inner->in[0], t->attrs.transpose.perm,
                                                          t->out[0]->type.dtype));
    return is_cast(outer) && outer->graph == t->graph &&
           put_relayout(outer, make_relayout(outer, t->in[0], t->attrs.transpose.perm,
                                             outer->out[0]->type.dtype));
}
const hone_rule hone_rule_relayout_cast = {"relayout_cast", HONE_OP_transpose, relayout_cast};

/* ---- channels in whole pieces ---- */

/* What `channels` become: whole pieces of the type. */
static int64_t in_pieces(int64_t channels, hone_dtype dtype)
{
    const int64_t unit = PIECE * 8 / hone_dtype_bits(dtype);

    return (channels + unit - 1) / unit * unit;
}

/* A constant [O, C, ...] with zeros: o and c are its new extents. */
static hone_value *with_zeros(hone_graph *g, const hone_value *w, int64_t o, int64_t c)
{
    const char *from = hone_value_dense(g->module, w);
    const size_t size = (size_t)hone_dtype_bits(w->type.dtype) / 8;
    hone_dims dims;
    int64_t taps = 1;

    if (!hone_shape_dims(&w->type.shape, &dims))
        return NULL;
    const int64_t old_o = dims.dim[0], old_c = dims.rank > 1 ? dims.dim[1] : 1;
    for (int i = 2; i < dims.rank; i++)
        taps *= dims.dim[i];
    dims.dim[0] = o;
    if (dims.rank > 1)
        dims.dim[1] = c;
    const size_t line = (size_t)(old_c * taps) * size, wide = (size_t)(c * taps) * size;
    char *to = hone_arena_alloc(g->module->arena, (size_t)o * wide + 1);
    for (int64_t i = 0; i < old_o; i++)
        memcpy(to + (size_t)i * wide, from + (size_t)i * line, line);
    return hone_graph_constant(g, w->name, w->type.dtype, &dims, to, (size_t)o * wide);
}

/* A convolution in pixels, in one group, of constant weights: its channels can be more. */
static bool takes_more_channels(const hone_node *n)
{
    return n != NULL && n->op == HONE_OP_conv && n->attrs.conv.layout == HONE_LAYOUT_LAST &&
           n->attrs.conv.group == 1 && hone_is_constant(n->in[1]) && is_kernel_float(n->in[1]) &&
           hone_value_is_static(n->in[0]) && hone_rank_of(n->in[0]) == hone_rank_of(n->in[1]);
}

/* Whether all that read x read it as such a convolution's picture. */
static bool all_take_more_channels(const hone_value *x)
{
    for (const hone_use *u = x->first_use; u != NULL; u = u->next)
        if (u->index != 0 || !takes_more_channels(u->node))
            return false;
    return true;
}

static void widen_users(hone_graph *g, const hone_value *x, int64_t channels)
{
    for (const hone_use *u = x->first_use; u != NULL; u = u->next) {
        hone_node *n = u->node;
        if (n->op == HONE_OP_conv) /* the border reads it too */
            hone_node_set_input(n, 1, with_zeros(g, n->in[1], hone_dim_of(n->in[1], 0), channels));
    }
}

/* The copy at the border that makes x, as perm and type; x itself is copied where none does. */
static hone_node *border_of(hone_node *conv)
{
    hone_value *x = conv->in[0];
    hone_node *def = x->def;
    int64_t same[HONE_MAX_RANK];

    if (def != NULL && def->op == HONE_OP_transpose)
        return make_relayout(def, def->in[0], def->attrs.transpose.perm, x->type.dtype);
    for (int i = 0; i < hone_rank_of(x); i++)
        same[i] = i;
    const hone_ints perm = hone_make_ints(conv->graph->module, same, hone_rank_of(x));
    if (is_cast(def))
        return make_relayout(def, def->in[0], perm, x->type.dtype);
    return def == NULL ? make_relayout(conv->graph->first, x, perm, x->type.dtype) : NULL;
}

/* pad_border: pictures of few channels get more of them as they are copied.
 *
 *     conv(transpose(x: [N, 3, H, W]), w: [O, 3, ...])
 *         ->   conv(relayout(x) {last=8}, w': [O, 8, ...])
 *
 * Legal for channels last, one group, constant weights (w' has zeros), where nothing else reads the
 * picture. Tensor cores load channels by 16 bytes: 8 of float16, 4 of float32. */
static bool pad_border(hone_graph *g, hone_node *conv)
{
    hone_value *x = conv->in[0];

    if (!takes_more_channels(conv) || !is_kernel_float(x))
        return false;
    const int64_t channels = hone_dim_of(x, hone_rank_of(x) - 1),
                  more = in_pieces(channels, x->type.dtype);
    if (channels == more || !all_take_more_channels(x))
        return false;
    if (x->def != NULL && x->def->op == HONE_OP_relayout) {
        x->def->attrs.relayout.last = more;
        widen_users(g, x, more);
        return hone_node_infer(x->def) == HONE_OK;
    }
    hone_node *border = border_of(conv);
    if (border == NULL)
        return false;
    border->attrs.relayout.last = more;
    if (hone_node_infer(border) != HONE_OK) {
        hone_node_remove(border);
        return false;
    }
    widen_users(g, x, more);
    hone_value_replace(x, border->out[0]);
    return true;
}
const hone_rule hone_rule_pad_border = {"pad_border", HONE_OP_conv, pad_border};

/* What the program makes of a sum of zero; its other inputs have to be single numbers. */
static bool is_finite_of_zero(const hone_node *conv)
{
    const hone_program *p = conv->attrs.conv.program;
    float r[HONE_PROGRAM_INPUTS + HONE_PROGRAM_INSTRS] = {0};

    if (p == NULL)
        return true;
    for (int i = 1; i < p->n_in; i++) {
        double x;
        if (!hone_is_constant(conv->in[2 + i]) || !hone_value_scalar(conv->in[2 + i], &x))
            return false;
        r[i] = (float)x;
    }
    for (int i = 0; i < p->n_instr; i++) {
        const hone_instr *in = &p->instr[i];
        r[p->n_in + i] = hone_scalar_eval((hone_scalar)in->op, r[in->arg[0]], r[in->arg[1]],
                                          r[in->arg[2]], in->value);
    }
    return isfinite(r[p->n_in + p->n_instr - 1]);
}

/* pad_between: a convolution computes channels that the next ones load, but do not count.
 *
 *     conv(conv(x, w: [6, C, ...]), v: [O, 6, ...])   ->   conv(conv(x, w': [8, C, ...]), v': [O,
 * 8,
 * ...])
 *
 * Legal for channels last, one group, constant weights and bias, where convolutions alone read what
 * is between, and the epilogue makes a finite number of zero. */
static bool pad_between(hone_graph *g, hone_node *conv)
{
    hone_value *x = conv->in[0];
    hone_node *made = x->def;

    if (!takes_more_channels(conv) || !takes_more_channels(made) || made->graph != g ||
        !is_kernel_float(x))
        return false;
    const hone_value *bias = hone_input(made, 2);
    const int64_t channels = hone_dim_of(x, hone_rank_of(x) - 1),
                  more = in_pieces(channels, x->type.dtype);
    if (channels == more || !all_take_more_channels(x) || !is_finite_of_zero(made) ||
        (bias != NULL && !hone_is_constant(bias)))
        return false;
    hone_node_set_input(made, 1, with_zeros(g, made->in[1], more, hone_dim_of(made->in[1], 1)));
    if (bias != NULL)
        hone_node_set_input(made, 2, with_zeros(g, bias, more, 1));
    widen_users(g, x, more);
    return hone_node_infer(made) == HONE_OK;
}
const hone_rule hone_rule_pad_between = {"pad_between", HONE_OP_conv, pad_between};
