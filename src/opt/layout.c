/* Layout: which tensors stand channels-last. The one idea: every node that can work either way is a
 * two-sided choice; a value whose producer and users choose differently must be transposed once, at
 * the cost of its bytes; convolutions are held to channels last. The cheapest choice for the whole
 * graph is a minimum cut, so transposes appear only where they pay, those that the model came with
 * are met and dissolved, and a graph without convolutions stays as it is.
 *
 *     before:  conv(first) -> relu -> max_pool(first) -> flatten
 *     after:   transpose -> conv(last) -> relu -> max_pool(last) -> transpose -> flatten
 *
 * Legal for tensors of rank 3 to 5; extents may be symbols. Gain: contractions whose inner loop
 * runs along channels that are next to each other. Bodies of loops and branches are laid out by
 * themselves: what crosses their border is as ONNX has it. */
#include "opt/layout.h"
#include "opt/cut.h"
#include "opt/rules.h"

/* A node's part in the choice: -1 is a side that is always as ONNX has it. */
typedef struct node_plan {
    hone_node *node;
    hone_layout_choice choice;
    int in, out; /* variables; true: channels last */
} node_plan;

/* A value of the original graph in its two forms; made when first asked for. */
typedef struct forms {
    hone_value *first, *last;
} forms;

typedef struct layout {
    hone_graph *graph;
    hone_arena *arena;
    hone_cut *cut;
    int yes; /* a variable that is always true */
    int n_nodes, n_values;
    node_plan *plans;
    forms *forms; /* by value id */
} layout;

/* ---- the choice ---- */

static bool carries(const node_plan *p, int input)
{
    const hone_value *v = p->node->in[input];

    if (p->choice.form == HONE_FORM_FIXED || p->choice.form == HONE_FORM_MAKES || v == NULL)
        return false;
    switch (p->choice.inputs) {
    case HONE_INPUTS_FIRST_ONE: return input == 0;
    case HONE_INPUTS_ALL: return true;
    case HONE_INPUTS_BROADCAST: return hone_rank_of(v) == hone_rank_of(p->node->out[0]);
    }
    return false;
}

/* What it costs to turn an operand of lower rank for a channels-last pointwise node. */
static double fitting_cost(const layout *l, const node_plan *p)
{
    int perm[HONE_MAX_RANK];
    double cost = 0;
    const int rank = hone_rank_of(p->node->out[0]);

    for (int i = 0; p->choice.inputs == HONE_INPUTS_BROADCAST && i < p->node->n_in; i++) {
        const hone_value *v = p->node->in[i];
        if (v == NULL || hone_is_constant(v) || hone_rank_of(v) == rank)
            continue;
        hone_shape shape = {.rank = rank};
        for (int k = 0; k < rank; k++)
            shape.dim[k] =
                k < rank - hone_rank_of(v) ? 1 : hone_dim_of(v, k - rank + hone_rank_of(v));
        hone_perm_to_last(rank, perm);
        if (!hone_moves_only_ones(&shape, perm))
            cost += 2 * hone_value_bytes(l->graph->module, v);
    }
    return cost;
}

static void add_node(layout *l, node_plan *p)
{
    p->choice = hone_layout_choice_of(p->node);
    p->in = p->out = -1;
    if (p->choice.joins) {
        p->in = p->out = l->plans[p->node->in[0]->def->mark].out;
        return;
    }
    switch (p->choice.form) {
    case HONE_FORM_FIXED: break;
    case HONE_FORM_FREE:
    case HONE_FORM_WANTS: p->in = p->out = hone_cut_variable(l->cut); break;
    case HONE_FORM_ENDS: p->in = hone_cut_variable(l->cut); break;
    case HONE_FORM_MAKES: p->out = hone_cut_variable(l->cut); break;
    case HONE_FORM_TO_LAST: p->in = l->yes; break;
    case HONE_FORM_TO_FIRST: p->out = l->yes; break;
    }
    if (p->choice.form == HONE_FORM_WANTS)
        hone_cut_if_false(l->cut, p->in, HONE_CUT_NEVER);
    if (p->in >= 0 && p->in != l->yes)
        hone_cut_if_true(l->cut, p->in, fitting_cost(l, p));
}

/* The users of a value as variables, each once; -1 among them where a user takes it as ONNX has it.
 */
static int users_of(const layout *l, const hone_value *v, int *users, int room)
{
    int n = 0;
    for (const hone_use *u = v->first_use; u != NULL && n < room; u = u->next) {
        int user = -1;
        if (u->node != NULL && u->node->graph == l->graph) {
            const node_plan *p = &l->plans[u->node->mark];
            user = carries(p, u->index) ? p->in : -1;
        }
        bool seen = false;
        for (int i = 0; i < n; i++)
            seen |= users[i] == user;
        if (!seen)
            users[n++] = user;
    }
    return n;
}

/* One transpose at most, whatever the number of users: two hubs stand for "some user differs from
 * the producer". */
static void add_value(layout *l, const hone_value *v, int producer)
{
    enum {
        ROOM = 64
    };
    int users[ROOM], perm[HONE_MAX_RANK];
    const int rank = hone_rank_of(v);

    if (!hone_rank_has_layout(rank))
        return;
    hone_perm_to_last(rank, perm);
    /* A view costs nothing at run time, but it stands between a contraction and its epilogue. */
    const bool is_view = hone_moves_only_ones(&v->type.shape, perm);
    const double cost = is_view ? 1 : 2 * hone_value_bytes(l->graph->module, v) + 1;
    const int n = users_of(l, v, users, ROOM), some_first = hone_cut_variable(l->cut),
              some_last = hone_cut_variable(l->cut);
    if (producer >= 0)
        hone_cut_if_apart(l->cut, producer, some_first, cost);
    if (producer >= 0)
        hone_cut_if_apart(l->cut, some_last, producer, cost);
    else
        hone_cut_if_true(l->cut, some_last, cost);
    for (int i = 0; i < n; i++) {
        if (users[i] < 0) {
            hone_cut_if_true(l->cut, some_first, HONE_CUT_NEVER);
            continue;
        }
        hone_cut_if_apart(l->cut, some_first, users[i], HONE_CUT_NEVER);
        hone_cut_if_apart(l->cut, users[i], some_last, HONE_CUT_NEVER);
    }
}

static void add_graph(layout *l)
{
    int i = 0;
    for (hone_node *n = l->graph->first; n != NULL; n = n->next, i++) {
        n->mark = (unsigned)i;
        l->plans[i].node = n;
        add_node(l, &l->plans[i]);
    }
    for (i = 0; i < l->graph->n_in; i++)
        add_value(l, l->graph->in[i], -1);
    for (i = 0; i < l->n_nodes; i++)
        for (int k = 0; k < l->plans[i].node->n_out; k++)
            if (l->plans[i].node->out[k] != NULL)
                add_value(l, l->plans[i].node->out[k], l->plans[i].out);
}

/* ---- the rewrite ---- */

static bool is_last(const layout *l, int variable)
{
    return variable >= 0 && hone_cut_is_true(l->cut, variable);
}

static hone_value *convert(hone_node *before, hone_value *v, bool to_last)
{
    int perm[HONE_MAX_RANK];
    const int rank = hone_rank_of(v);

    if (to_last)
        hone_perm_to_last(rank, perm);
    else
        hone_perm_to_first(rank, perm);
    if (hone_moves_only_ones(&v->type.shape, perm)) {
        const hone_shape shape = hone_shape_permuted(&v->type.shape, perm);
        hone_value *view = hone_make_reshape(before, v, &shape);
        if (view != NULL)
            return view;
    }
    return hone_make_transpose(before, v, perm);
}

/* The value in one of its forms, converted in front of `before` where it does not have it yet. */
static hone_value *form_of(layout *l, hone_node *before, hone_value *v, bool last)
{
    forms *f = v->id < l->n_values ? &l->forms[v->id] : NULL;

    if (f == NULL)
        return v;
    if (f->first == NULL && f->last == NULL)
        f->first = v; /* an input, a constant, or a captured value */
    hone_value **wanted = last ? &f->last : &f->first, *given = last ? f->first : f->last;
    if (*wanted == NULL) {
        *wanted = convert(before, given, last);
        if (*wanted != NULL && (*wanted)->def != NULL && given->def != NULL)
            (*wanted)->def->name = given->def->name; /* profiles show it beside what it copies */
    }
    return *wanted;
}

/* An operand of lower rank, or a constant, as a channels-last pointwise node takes it. */
static hone_value *fitted(layout *l, hone_node *n, hone_value *v, int rank)
{
    int perm[HONE_MAX_RANK];
    hone_shape shape = {.rank = rank};
    bool ones = true;

    v = form_of(l, n, v, false);
    for (int k = 0; k < rank; k++) {
        shape.dim[k] = k < rank - hone_rank_of(v) ? 1 : hone_dim_of(v, k - rank + hone_rank_of(v));
        ones = ones && shape.dim[k] == 1;
    }
    if (ones)
        return v;
    hone_perm_to_last(rank, perm);
    if (hone_moves_only_ones(&shape, perm)) {
        const hone_shape turned = hone_shape_permuted(&shape, perm);
        return hone_make_reshape(n, v, &turned);
    }
    hone_value *wide = hone_rank_of(v) == rank ? v : hone_make_reshape(n, v, &shape);
    return wide != NULL ? hone_make_transpose(n, wide, perm) : NULL;
}

static hone_status put_input(layout *l, const node_plan *p, int i)
{
    hone_node *n = p->node;
    hone_value *v = n->in[i];
    const bool last = is_last(l, p->in);

    if (v == NULL)
        return HONE_OK;
    if (carries(p, i))
        v = form_of(l, n, v, last);
    else if (last && p->choice.inputs == HONE_INPUTS_BROADCAST)
        v = fitted(l, n, v, hone_rank_of(n->out[0]));
    else
        v = form_of(l, n, v, false);
    if (v == NULL)
        return hone_error(HONE_ERR_INTERNAL, "laying out node \"%s\": operand %d cannot be turned",
                          n->name, i);
    hone_node_set_input(n, i, v);
    return HONE_OK;
}

/* Users outside the graph's own nodes take the value as ONNX has it, from `next` on. */
static void settle_outside(layout *l, hone_value *v, hone_node *next)
{
    hone_value *first = NULL;
    bool is_output = false;

    for (hone_use *u = v->first_use, *after; u != NULL; u = after) {
        after = u->next;
        if (u->node != NULL && u->node->graph == l->graph)
            continue;
        if (first == NULL)
            first = form_of(l, next, v, false);
        is_output |= u->node == NULL;
        if (u->node == NULL)
            hone_graph_set_output(u->graph, u->index, first);
        else
            hone_node_set_input(u->node, u->index, first);
    }
    if (is_output) {
        const char *name = v->name;
        hone_value_rename(v, hone_arena_format(l->arena, "%s_last", name));
        hone_value_rename(first, name);
    }
}

static hone_status rewrite_node(layout *l, const node_plan *p)
{
    hone_node *n = p->node, *next = n->next;
    const bool in_last = is_last(l, p->in), out_last = is_last(l, p->out);
    hone_layout_form form = p->choice.form;

    /* The set of carried inputs is that of the original node: put the inputs first, then turn. */
    for (int i = 0; i < n->n_in; i++)
        HONE_TRY(put_input(l, p, i));
    const bool turns = form == HONE_FORM_MAKES ? out_last : in_last || form == HONE_FORM_TO_FIRST;
    if (turns && p->choice.turn != NULL)
        p->choice.turn(n);
    HONE_TRY(hone_node_infer(n));
    for (int k = 0; k < n->n_out; k++) {
        hone_value *v = n->out[k];
        if (v == NULL)
            continue;
        const bool last = out_last && hone_rank_has_layout(hone_rank_of(v));
        l->forms[v->id] = last ? (forms){NULL, v} : (forms){v, NULL};
        if (last)
            settle_outside(l, v, next);
    }
    return HONE_OK;
}

static int count_nodes(const hone_graph *g, bool *has_conv)
{
    int n = 0;
    for (const hone_node *node = g->first; node != NULL; node = node->next, n++)
        *has_conv |= node->op == HONE_OP_conv || node->op == HONE_OP_conv_transpose;
    return n;
}

static hone_status lay_out(hone_graph *g, bool *changed)
{
    bool has_conv = false;
    const int n_nodes = count_nodes(g, &has_conv);
    hone_arena *arena = g->module->arena;

    if (!has_conv)
        return HONE_OK;
    layout l = {.graph = g,
                .arena = arena,
                .n_nodes = n_nodes,
                .n_values = hone_module_value_count(g->module)};
    l.cut = hone_cut_create(arena);
    l.plans = hone_arena_array(arena, (size_t)n_nodes, sizeof *l.plans);
    l.forms = hone_arena_array(arena, (size_t)l.n_values, sizeof *l.forms);
    l.yes = hone_cut_variable(l.cut);
    hone_cut_if_false(l.cut, l.yes, HONE_CUT_NEVER);
    add_graph(&l);
    hone_cut_solve(l.cut);
    hone_node *end = hone_node_create(g, NULL, HONE_OP_identity, g->name, NULL, 0,
                                      0); /* there is always a next */
    for (int i = 0; i < n_nodes; i++)
        HONE_TRY(rewrite_node(&l, &l.plans[i]));
    hone_node_remove(end);
    *changed = true;
    return HONE_OK;
}

hone_status hone_pass_layout(hone_pass_context *c)
{
    int n = 0;
    hone_graph **graphs = hone_module_graphs(c->module, &n);

    for (int i = 0; i < n; i++)
        HONE_TRY(lay_out(graphs[i], &c->changed));
    return HONE_OK;
}
