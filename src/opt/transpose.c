/* The set "transposes": what layout leaves, and what the model came with. Two that meet become one
 * or none, one that moves nothing becomes a reshape, and the last swap goes into a matmul's flag
 * (canonical.c). */
#include "opt/layout.h"
#include "opt/rules.h"

static void perm_of(const hone_node *t, int *perm)
{
    const hone_ints given = t->attrs.transpose.perm;
    const int rank = hone_rank_of(t->in[0]);
    for (int i = 0; i < rank; i++)
        perm[i] = given.n > 0 ? (int)given.v[i] : rank - 1 - i;
}

/* merge_transposes:   transpose(transpose(x, p), q)   ->   transpose(x, p[q])
 *
 * Always legal; of an inverse pair nothing is left. The inner one stays for its other users. */
static bool merge_transposes(hone_graph *g, hone_node *t)
{
    int p[HONE_MAX_RANK], q[HONE_MAX_RANK], both[HONE_MAX_RANK];
    hone_node *inner = hone_def_of(t->in[0], HONE_OP_transpose);
    bool same = true;

    (void)g;
    if (inner == NULL || hone_rank_of(inner->in[0]) < 0)
        return false;
    const int rank = hone_rank_of(inner->in[0]);
    perm_of(inner, p);
    perm_of(t, q);
    for (int i = 0; i < rank; i++) {
        both[i] = p[q[i]];
        same = same && both[i] == i;
    }
    hone_value *v = same ? inner->in[0] : hone_make_transpose(t, inner->in[0], both);
    return v != NULL && hone_put_value(t->out[0], v);
}
const hone_rule hone_rule_merge_transposes = {"merge_transposes", HONE_OP_transpose,
                                              merge_transposes};

/* transpose_to_reshape:   transpose(x, p)   ->   reshape(x)
 *
 * Legal when p moves only extents of 1 among the others: the bytes stay in order. A view costs
 * nothing. */
static bool transpose_to_reshape(hone_graph *g, hone_node *t)
{
    int perm[HONE_MAX_RANK];
    const hone_value *x = t->in[0];

    (void)g;
    if (hone_rank_of(x) < 0)
        return false;
    perm_of(t, perm);
    if (!hone_moves_only_ones(&x->type.shape, perm))
        return false;
    const hone_shape shape = hone_shape_permuted(&x->type.shape, perm);
    hone_value *v = hone_make_reshape(t, t->in[0], &shape);
    return v != NULL && hone_put_value(t->out[0], v);
}
const hone_rule hone_rule_transpose_to_reshape = {"transpose_to_reshape", HONE_OP_transpose,
                                                  transpose_to_reshape};

/* sink_transpose:   f(transpose(x, p))   ->   transpose(f(x), p)
 *
 * Legal for pointwise f with one tensor input (others scalar constants), when x is transposed for f
 * alone, and useful only when f's users transpose again: the pair then meets. */
static bool sink_transpose(hone_graph *g, hone_node *n)
{
    int perm[HONE_MAX_RANK];
    hone_node *t = NULL;
    int at = -1;

    (void)g;
    if (!hone_op_has(n->op, HONE_TRAIT_POINTWISE) || n->op == HONE_OP_pointwise || n->n_out != 1)
        return false;
    const hone_node *user = hone_value_has_one_use(n->out[0]) ? n->out[0]->first_use->node : NULL;
    if (user == NULL || user->op != HONE_OP_transpose)
        return false;
    for (int i = 0; i < n->n_in; i++) {
        hone_node *def = n->in[i] != NULL ? hone_single_def_of(n->in[i], HONE_OP_transpose) : NULL;
        if (def != NULL && at < 0) {
            t = def;
            at = i;
        } else if (n->in[i] != NULL &&
                   !(hone_is_constant(n->in[i]) && hone_constant_count(n->in[i]) == 1)) {
            return false;
        }
    }
    if (t == NULL || !hone_shapes_same(n->in[at], n->out[0]))
        return false;
    hone_value *in[3];
    if (n->n_in > 3)
        return false;
    for (int i = 0; i < n->n_in; i++)
        in[i] = i == at ? t->in[0] : n->in[i];
    perm_of(t, perm);
    hone_node *made = hone_make_node(n, n->op, n->n_in, in);
    made->attrs = n->attrs;
    if (hone_node_infer(made) != HONE_OK || hone_rank_of(made->out[0]) != hone_rank_of(n->out[0])) {
        hone_node_remove(made);
        return false;
    }
    hone_value *v = hone_make_transpose(n, made->out[0], perm);
    return v != NULL && hone_put_value(n->out[0], v);
}
const hone_rule hone_rule_sink_transpose = {"sink_transpose", HONE_OP_none, sink_transpose};

/* transpose_of_concat:   transpose(concat(x, y, axis), p)   ->   concat(reshape(x), reshape(y),
 * axis')
 *
 * Legal when p moves nothing but extents of 1 in every part: stacked tensors that are then
 * interleaved. The parts become views, and one pass over the whole is saved. */
static bool transpose_of_concat(hone_graph *g, hone_node *t)
{
    int perm[HONE_MAX_RANK];
    hone_value *in[16];
    hone_node *concat = hone_single_def_of(t->in[0], HONE_OP_concat);

    (void)g;
    if (concat == NULL || concat->n_in > HONE_COUNT(in) || hone_rank_of(t->in[0]) < 0)
        return false;
    const int rank = hone_rank_of(t->in[0]);
    const int64_t axis = concat->attrs.concat.axis + (concat->attrs.concat.axis < 0 ? rank : 0);
    perm_of(t, perm);
    for (int i = 0; i < concat->n_in; i++)
        if (hone_rank_of(concat->in[i]) != rank ||
            !hone_moves_only_ones(&concat->in[i]->type.shape, perm))
            return false;
    for (int i = 0; i < concat->n_in; i++) {
        const hone_shape shape = hone_shape_permuted(&concat->in[i]->type.shape, perm);
        in[i] = hone_make_reshape(t, concat->in[i], &shape);
        if (in[i] == NULL)
            return false;
    }
    hone_node *made = hone_make_node(t, HONE_OP_concat, concat->n_in, in);
    for (int i = 0; i < rank; i++)
        if (perm[i] == axis)
            made->attrs.concat.axis = i;
    return hone_put_in_place(t->out[0], made);
}
const hone_rule hone_rule_transpose_of_concat = {"transpose_of_concat", HONE_OP_transpose,
                                                 transpose_of_concat};
