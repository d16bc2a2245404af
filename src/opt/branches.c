/* Branches of If nodes, once the condition or the shapes are known: the one that is taken comes out
 * of its node, the one that fits no shapes becomes an error at run time. The one idea: nodes of a
 * branch are made again in the graph around it, so that nothing there knows that they had been
 * elsewhere. Which branch is taken is decided in fold.c. */
#include "opt/branches.h"

#include "opt/edit.h"

/* A graph that has not been taken out of the module with one of its owners. */
bool hone_graph_is_alive(const hone_graph *g)
{
    for (; g->owner != NULL; g = g->owner->graph)
        if (g->owner->graph == NULL)
            return false;
    return true;
}

/* Constants of a body become constants of the graph that takes its nodes over. */
static void adopt_constant(hone_graph *g, const hone_graph *from, hone_value *v)
{
    if (hone_is_constant(v) && v->graph == from)
        v->graph = g;
}

/* The node again, in front of `before`, with its bodies; its values' uses go over to the new one's.
 */
static void adopt_node(hone_node *before, hone_node *old)
{
    hone_graph *g = before->graph;
    const char *names[HONE_ANY];

    for (int i = 0; i < old->n_in; i++)
        adopt_constant(g, old->graph, old->in[i]);
    hone_node *made =
        hone_node_create(g, before, old->op, old->name, old->in, old->n_in, old->n_out);
    made->attrs = old->attrs;
    made->n_sub = old->n_sub;
    made->sub = old->sub;
    for (int k = 0; k < made->n_sub; k++)
        made->sub[k]->owner = made;
    for (int k = 0; k < old->n_out; k++) {
        if (old->out[k] == NULL) {
            made->out[k] = NULL;
            continue;
        }
        names[0] = old->out[k]->name;
        made->out[k]->type = old->out[k]->type;
        made->out[k]->n_elem = old->out[k]->n_elem;
        made->out[k]->elem = old->out[k]->elem;
        hone_value_replace(old->out[k], made->out[k]);
        if (made->out[k]->name != names[0])
            hone_value_rename(made->out[k], names[0]);
    }
    old->n_sub = 0;
    hone_node_remove(old);
}

/* before: y = if(true) { then } { else }      after: the nodes of `then`, its outputs in the place
 * of y
 *
 * Legal when the condition is a constant: the other branch can never run. Saves a decision at run
 * time and opens the branch to all other passes. Returns the first node to walk on with. */
hone_node *hone_branch_inline(hone_node *n, bool taken)
{
    hone_graph *branch = n->sub[taken ? 0 : 1];
    hone_graph *graph = n->graph;
    hone_node *const previous = n->prev;

    while (branch->first != NULL)
        adopt_node(n, branch->first);
    for (int k = 0; k < n->n_out && k < branch->n_out; k++) {
        adopt_constant(graph, branch, branch->out[k]);
        if (n->out[k] != NULL)
            hone_value_replace(n->out[k], branch->out[k]);
    }
    return previous != NULL ? previous->next : graph->first;
}

/* The other branch's outputs tell what the type of each output is. */
static const hone_value *twin_of(const hone_graph *branch, int index)
{
    const hone_node *owner = branch->owner;
    const hone_graph *other = owner->sub[owner->sub[0] == branch ? 1 : 0];
    return index < other->n_out ? other->out[index] : NULL;
}

/* An index that is 1 or 2, which inference cannot know: 1 + the owner's condition, as a scalar. */
static hone_value *make_unknown_index(hone_graph *g, const char *name)
{
    static const int64_t one = 1;
    const hone_dims none = {1, {0}}, scalar = {0, {0}};
    hone_node *cast = hone_node_create(g, NULL, HONE_OP_cast, name, g->owner->in, 1, 1);
    cast->attrs.cast.to = HONE_I64;
    hone_value *flat[2] = {cast->out[0], hone_graph_constant(g, NULL, HONE_I64, &none, &one, 0)};
    hone_node *reshape = hone_node_create(g, NULL, HONE_OP_reshape, name, flat, 2, 1);
    hone_value *sum[2] = {reshape->out[0],
                          hone_graph_constant(g, NULL, HONE_I64, &scalar, &one, sizeof one)};
    hone_node *add = hone_node_create(g, NULL, HONE_OP_add, name, sum, 2, 1);
    const bool fine = hone_node_infer(cast) == HONE_OK && hone_node_infer(reshape) == HONE_OK &&
                      hone_node_infer(add) == HONE_OK;
    return fine ? add->out[0] : NULL;
}

/* A value of v's type whose computation fails: element `index` of a tensor that has one. */
static hone_value *make_failing(hone_graph *g, const hone_value *v, hone_value *index,
                                const char *name)
{
    static const char zero[16];
    hone_dims dims;

    if (v == NULL || index == NULL || !hone_value_is_static(v) || v->type.dtype == HONE_STRING ||
        !hone_shape_dims(&v->type.shape, &dims) || dims.rank == HONE_MAX_RANK)
        return NULL;
    memmove(&dims.dim[1], &dims.dim[0], (size_t)dims.rank * sizeof dims.dim[0]);
    dims.dim[0] = 1;
    dims.rank++;
    hone_value *in[2] = {hone_graph_splat(g, NULL, v->type.dtype, &dims, zero), index};
    hone_node *n = hone_node_create(g, NULL, HONE_OP_gather, name, in, 2, 1);
    return hone_node_infer(n) == HONE_OK ? n->out[0] : NULL;
}

/* before: if(c) { a } { b, whose shapes contradict each other }      after: if(c) { a } { fails }
 *
 * Legal because taking b was an error before. Models with a branch for each sampling rate are such:
 * only one of them fits the input's extents. false where the types of b's outputs cannot be told.
 */
bool hone_branch_give_up(hone_graph *g, const hone_logger *logger)
{
    if (g->owner == NULL || g->owner->op != HONE_OP_if)
        return false;
    static const char name[] = "a branch that does not fit the shapes";
    hone_node *const last = g->last;
    hone_value *index = make_unknown_index(g, name);
    for (int i = 0; i < g->n_out; i++) {
        hone_value *v = make_failing(g, twin_of(g, i), index, name);
        if (v == NULL)
            return false;
        hone_graph_set_output(g, i, v);
    }
    for (hone_node *n = last, *prev; n != NULL; n = prev) {
        prev = n->prev;
        hone_node_remove(n);
    }
    hone_log(logger, HONE_LOG_WARNING,
             "node \"%s\" (if): branch \"%s\" does not fit the shapes; taking it will be an error",
             g->owner->name, g->name);
    return true;
}
