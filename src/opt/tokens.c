/* The set "flatten": pixels as rows of products, while all is float32. The one idea: a product does
 * not care in which order it adds, so weights are put in the order of the pixels, where a model
 * would have pixels put in the order of the weights; behind the last pool of a classifier, and
 * before the first block of a vision transformer. */
#include "opt/edit.h"
#include "opt/layout.h"
#include "opt/rules.h"

/* ---- behind the last picture ---- */

/* The transpose to channels first behind which v is flat: [N, C * H * W]. */
static hone_node *flattened(const hone_value *v)
{
    int perm[HONE_MAX_RANK];
    const hone_node *view = v->def;

    if (view == NULL || !hone_op_has(view->op, HONE_TRAIT_VIEW) || !hone_value_has_one_use(v) ||
        hone_rank_of(v) != 2)
        return NULL;
    hone_node *t = hone_single_def_of(view->in[0], HONE_OP_transpose);
    if (t == NULL || !hone_value_is_static(t->in[0]) || !hone_value_is_static(v) ||
        hone_rank_of(t->in[0]) < 3)
        return NULL;
    hone_perm_to_first(hone_rank_of(t->in[0]), perm);
    for (int i = 0; i < hone_rank_of(t->in[0]); i++)
        if (t->attrs.transpose.perm.n != hone_rank_of(t->in[0]) ||
            t->attrs.transpose.perm.v[i] != perm[i])
            return NULL;
    return hone_dim_of(v, 0) == hone_dim_of(t->in[0], 0) ? t : NULL;
}

/* The weights' rows (columns, where `lined`) in the order of channels last. */
static hone_value *reordered(hone_graph *g, const hone_value *w, const hone_shape *pixels,
                             bool lined)
{
    const int n = pixels->rank - 1, at = lined ? 1 : 0; /* extents of a row: channels first */
    hone_shape split = {.rank = n + 1};
    int perm[HONE_MAX_RANK];

    split.dim[lined ? 0 : n] = hone_dim_of(w, lined ? 0 : 1);
    perm[lined ? 0 : n] = lined ? 0 : n;
    split.dim[at] = pixels->dim[n];
    for (int i = 1; i < n; i++)
        split.dim[at + i] = pixels->dim[i];
    for (int i = 0; i < n; i++)
        perm[at + i] = at + (i + 1) % n;
    hone_value *v = hone_make_reshaped(g, w, &split);
    v = v != NULL ? hone_make_transposed(g, v, perm) : NULL;
    return v != NULL ? hone_make_reshaped(g, v, &w->type.shape) : NULL;
}

/* flatten_pixels: weights are put in the pixels' order instead of pixels in the weights'.
 *
 *     matmul(reshape(transpose(x, [0, 3, 1, 2]), [N, -1]), w)   ->   matmul(reshape(x, [N, -1]),
 * w')
 *
 * Legal for constant w of rank 2 and a transpose from channels last to first that serves the
 * product alone. Saves a copy of the activation. */
static bool flatten_pixels(hone_graph *g, hone_node *m)
{
    const hone_node *t = flattened(m->in[0]);
    const hone_value *w = m->in[1];

    if (t == NULL || m->attrs.matmul.trans_a != 0 || !hone_is_constant(w) || hone_rank_of(w) != 2)
        return false;
    hone_value *turned = reordered(g, w, &t->in[0]->type.shape, m->attrs.matmul.trans_b != 0);
    hone_value *flat =
        turned != NULL ? hone_make_reshape(m, t->in[0], &m->in[0]->type.shape) : NULL;
    if (flat == NULL)
        return false;
    hone_node_set_input(m, 0, flat);
    hone_node_set_input(m, 1, turned);
    return true;
}
const hone_rule hone_rule_flatten_pixels = {"flatten_pixels", HONE_OP_matmul, flatten_pixels};

/* ---- before the first token ---- */

static bool all_are(hone_ints v, int64_t x)
{
    for (int i = 0; i < v.n; i++)
        if (v.v[i] != x)
            return false;
    return true;
}

/* The picture [N, C, H, W] behind the transpose, and perhaps a cast, that conv alone reads; NULL:
 * no such. */
static hone_value *picture_of(const hone_node *conv, hone_node **cast)
{
    int perm[HONE_MAX_RANK];

    *cast = hone_single_def_of(conv->in[0], HONE_OP_cast);
    const hone_node *t =
        hone_single_def_of(*cast != NULL ? (*cast)->in[0] : conv->in[0], HONE_OP_transpose);
    if (t == NULL || hone_rank_of(t->in[0]) != 4 || t->attrs.transpose.perm.n != 4)
        return NULL;
    hone_perm_to_last(4, perm);
    for (int i = 0; i < 4; i++)
        if (t->attrs.transpose.perm.v[i] != perm[i])
            return NULL;
    return t->in[0];
}

/* The cast again, of v. */
static hone_value *cast_as(hone_node *before, hone_value *v, const hone_node *cast)
{
    hone_node *n = hone_make_node(before, HONE_OP_cast, 1, &v);

    n->attrs.cast = cast->attrs.cast;
    return hone_node_infer(n) == HONE_OK ? n->out[0] : NULL;
}

/* Whether the window moves by its extent, from the first pixel to the last. */
static bool is_of_patches(const hone_node *conv, const hone_dims *x, const hone_dims *w)
{
    const hone_attrs_conv *a = &conv->attrs.conv;

    if (a->layout != HONE_LAYOUT_LAST || a->group != 1 || !all_are(a->pads, 0) ||
        a->auto_pad != HONE_AUTO_PAD_NOTSET || a->strides.n != 2 || w->rank != 4 ||
        w->dim[2] * w->dim[3] == 1)
        return false;
    for (int i = 0; i < 2; i++)
        if ((i < a->dilations.n && a->dilations.v[i] != 1) || a->strides.v[i] != w->dim[2 + i] ||
            x->dim[2 + i] % w->dim[2 + i] != 0)
            return false;
    return true;
}

/* patches: a convolution without overlap is a product of patches.
 *
 *     conv(transpose(x: [N, C, H, W]), w: [O, C, k, k], stride k)
 *         ->   conv(reshape(transpose(reshape(x))), reshape(w, [O, C*k*k, 1, 1]))
 *
 * Legal for constant weights, one group, no padding, extents that k divides, where the picture's
 * transpose (and cast) serves nothing else. A patch is one row, whose entries stand as the
 * weights'. Channels then need no zeros for tensor cores to load them. */
static bool patches(hone_graph *g, hone_node *conv)
{
    static const int perm[6] = {0, 2, 4, 1, 3, 5};
    hone_node *cast;
    hone_value *x = picture_of(conv, &cast);
    hone_dims d, w;

    if (x == NULL || !hone_is_constant(conv->in[1]) || !hone_shape_dims(&x->type.shape, &d) ||
        !hone_shape_dims(&conv->in[1]->type.shape, &w) || !is_of_patches(conv, &d, &w))
        return false;
    const int64_t rows = d.dim[2] / w.dim[2], columns = d.dim[3] / w.dim[3],
                  depth = w.dim[1] * w.dim[2] * w.dim[3];
    const hone_shape split = {6, {d.dim[0], d.dim[1], rows, w.dim[2], columns, w.dim[3]}};
    const hone_shape pixels = {4, {d.dim[0], rows, columns, depth}};
    const hone_shape point = {4, {w.dim[0], depth, 1, 1}};
    hone_value *v = hone_make_reshape(conv, x, &split);
    v = v != NULL ? hone_make_transpose(conv, v, perm) : NULL;
    v = v != NULL ? hone_make_reshape(conv, v, &pixels) : NULL;
    if (v != NULL && cast != NULL)
        v = cast_as(conv, v, cast);
    hone_value *weights = hone_make_reshaped(g, conv->in[1], &point);
    if (v == NULL || weights == NULL)
        return false;
    hone_node_set_input(conv, 0, v);
    hone_node_set_input(conv, 1, weights);
    conv->attrs.conv.strides = (hone_ints){0};
    return true;
}
const hone_rule hone_rule_patches = {"patches", HONE_OP_conv, patches};

/* The part of a constant that is added to elements [at, at + n) of the axis. */
static hone_value *part_of(hone_node *before, hone_value *c, int rank, int axis, int64_t at,
                           int64_t n)
{
    hone_graph *g = before->graph;
    const int own = axis - (rank - hone_rank_of(c)); /* the axis among the constant's */
    const int64_t end = at + n, which = own;

    if (own < 0 || hone_dim_of(c, own) == 1)
        return c;
    hone_value *in[4] = {c, hone_graph_ints(g, NULL, &at, 1), hone_graph_ints(g, NULL, &end, 1),
                         hone_graph_ints(g, NULL, &which, 1)};
    hone_node *slice = hone_make_node(before, HONE_OP_slice, 4, in);
    return hone_node_infer(slice) == HONE_OK ? slice->out[0] : NULL;
}

/* Whether all but one of the inputs are constants, and all extents along the axis are numbers. */
static bool joins_constants(const hone_node *concat, int axis)
{
    int open = 0;

    for (int i = 0; i < concat->n_in; i++) {
        open += !hone_is_constant(concat->in[i]);
        if (!hone_extent_is_number(hone_dim_of(concat->in[i], axis)))
            return false;
    }
    return open == 1 && concat->n_in <= 16;
}

/* add_of_concat: what is added behind a concatenation is added to its parts.
 *
 *     add(concat(c, x), p)   ->   concat(add(c, p[..]), add(x, p[..]))
 *
 * Legal for constant p that broadcasts to the whole, when all parts but one are constants and
 * nothing else reads the whole. A class token and positions are so: one sum is folded, the other
 * goes into the product before it. */
static bool add_of_concat(hone_graph *g, hone_node *add)
{
    hone_value *in[16];
    int k, axis;
    int64_t at = 0;
    hone_value *p = hone_constant_input(add, &k);
    hone_node *concat = p != NULL ? hone_single_def_of(add->in[1 - k], HONE_OP_concat) : NULL;

    (void)g;
    if (concat == NULL || concat->graph != add->graph || !hone_is_f32(p) ||
        !hone_shapes_same(concat->out[0], add->out[0]) ||
        hone_axis_normalize(concat->attrs.concat.axis, hone_rank_of(add->out[0]), &axis) !=
            HONE_OK ||
        !joins_constants(concat, axis))
        return false;
    for (int i = 0; i < concat->n_in; i++) {
        const int64_t n = hone_dim_of(concat->in[i], axis);
        hone_value *pair[2] = {concat->in[i],
                               part_of(add, p, hone_rank_of(add->out[0]), axis, at, n)};
        hone_node *sum = pair[1] != NULL ? hone_make_node(add, HONE_OP_add, 2, pair) : NULL;
        if (sum == NULL || hone_node_infer(sum) != HONE_OK)
            return false;
        in[i] = sum->out[0];
        at += n;
    }
    hone_node *made = hone_make_node(add, HONE_OP_concat, concat->n_in, in);
    made->attrs = concat->attrs;
    return hone_put_in_place(add->out[0], made);
}
const hone_rule hone_rule_add_of_concat = {"add_of_concat", HONE_OP_add, add_of_concat};
