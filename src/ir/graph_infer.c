/* Inference over the graph: facts are gathered from the inputs of a node, the operator's function
 * (op/infer.h) is run on them, and what it found is written to the outputs. The idea: symbols that
 * a function makes for extents that depend on data are renamed after the value they belong to, so
 * that inferring again gives the same types. Nodes with subgraphs are in control.c. */
#include <inttypes.h>

#include "ir/control.h"

hone_extent hone_value_symbol(const hone_value *value, int dim, int64_t min, int64_t max)
{
    hone_module *module = value->graph->module;
    const char *name;

    if (min == 0 && max == HONE_EXTENT_INF)
        name = hone_arena_format(module->arena, "%s.%d", value->name, dim);
    else
        name = hone_arena_format(module->arena, "%s.%d.%" PRId64 "-%" PRId64, value->name, dim, min,
                                 max);
    return hone_extent_data_symbol(module->extents, name, min, max);
}

static bool is_known(const hone_type *type)
{
    return type->kind != HONE_KIND_TENSOR || type->dtype != HONE_NONE || type->shape.rank >= 0;
}

static bool has_elems(const hone_value *value, const hone_fact *fact)
{
    return value->n_elem == fact->n_elem &&
           !memcmp(value->elem, fact->elem, (size_t)fact->n_elem * sizeof fact->elem[0]);
}

void hone_value_learn(hone_value *value, const hone_fact *fact)
{
    if (is_known(&fact->type))
        value->type = fact->type;
    for (int d = 0; value->type.kind == HONE_KIND_TENSOR && d < value->type.shape.rank; d++)
        if (value->type.shape.dim[d] == HONE_EXTENT_UNKNOWN)
            value->type.shape.dim[d] = hone_value_symbol(value, d, 0, HONE_EXTENT_INF);
    if (fact->n_elem < 0)
        value->n_elem = -1;
    else if (!has_elems(value, fact)) {
        value->elem = hone_arena_copy(value->graph->module->arena, fact->elem,
                                      (size_t)fact->n_elem * sizeof fact->elem[0]);
        value->n_elem = fact->n_elem;
    }
}

/* ---- symbols of data-dependent extents ---- */

enum {
    MAX_FRESH = 16
}; /* symbols that one function makes; more keep their own names */

typedef struct renaming {
    int n;
    hone_extent from[MAX_FRESH], to[MAX_FRESH];
} renaming;

static hone_extent renamed(const renaming *r, hone_extent e)
{
    for (int i = 0; i < r->n; i++)
        if (r->from[i] == e)
            return r->to[i];
    return e;
}

static bool is_fresh(const hone_extents *table, hone_extent e, int n_before)
{
    return e != HONE_EXTENT_UNKNOWN && !hone_extent_is_number(e) &&
           hone_extent_index(e) >= n_before &&
           hone_extents_node(table, hone_extent_index(e))->from_data;
}

static void rename_dims(renaming *r, const hone_value *value, hone_shape *shape, int n_before)
{
    const hone_extents *table = value->graph->module->extents;

    for (int d = 0; d < shape->rank; d++) {
        const hone_extent e = shape->dim[d];
        if (!is_fresh(table, e, n_before))
            continue;
        if (renamed(r, e) == e && r->n < MAX_FRESH) {
            r->from[r->n] = e;
            r->to[r->n++] = hone_value_symbol(value, d, hone_extent_lower(table, e),
                                              hone_extent_upper(table, e));
        }
        shape->dim[d] = renamed(r, e);
    }
}

/* A fresh symbol is part of an expression: renaming it would tear the two apart. */
static bool are_woven(const hone_extents *table, int n_before)
{
    for (int i = n_before; i < hone_extents_count(table); i++) {
        const hone_extent_node *node = hone_extents_node(table, i);
        if (node->kind != HONE_EXTENT_SYMBOL &&
            (is_fresh(table, node->a, n_before) || is_fresh(table, node->b, n_before)))
            return true;
    }
    return false;
}

static void rename_symbols(hone_node *node, hone_fact *out, int n_before)
{
    const hone_extents *table = node->graph->module->extents;
    renaming r = {.n = 0};

    if (hone_extents_count(table) == n_before || are_woven(table, n_before))
        return;
    for (int i = 0; i < node->n_out; i++)
        if (node->out[i] && out[i].type.kind == HONE_KIND_TENSOR)
            rename_dims(&r, node->out[i], &out[i].type.shape, n_before);
    for (int i = 0; i < node->n_out; i++)
        for (int j = 0; j < out[i].n_elem; j++)
            out[i].elem[j] = renamed(&r, out[i].elem[j]);
}

/* ---- nodes ---- */

static hone_fact *scratch_facts(hone_module *module, int n)
{
    if (n > module->n_facts) {
        const int grown = HONE_MAX(n, 2 * module->n_facts);
        module->facts = hone_arena_array(module->arena, (size_t)grown, sizeof(hone_fact));
        module->n_facts = grown;
    }
    return module->facts;
}

static hone_status infer_plain(hone_node *node)
{
    hone_module *module = node->graph->module;
    hone_fact *in = scratch_facts(module, node->n_in + node->n_out), *out = in + node->n_in;

    for (int i = 0; i < node->n_in; i++)
        hone_fact_of(node->in[i], &in[i]);
    for (int i = 0; i < node->n_out; i++)
        out[i] = (hone_fact){.present = true, .n_elem = -1, .type.shape.rank = -1};

    hone_infer x = {.extents = module->extents,
                    .op = (int)node->op,
                    .attrs = &node->attrs,
                    .n_in = node->n_in,
                    .n_out = node->n_out,
                    .in = in,
                    .out = out};
    const int n_before = hone_extents_count(module->extents);
    HONE_TRY(hone_infer_run(&x));
    rename_symbols(node, out, n_before);
    for (int i = 0; i < node->n_out; i++)
        if (node->out[i])
            hone_value_learn(node->out[i], &out[i]);
    return HONE_OK;
}

hone_status hone_node_infer(hone_node *node)
{
    const bool is_control = hone_op_has(node->op, HONE_TRAIT_CONTROL);
    const hone_status st = is_control ? hone_control_infer(node) : infer_plain(node);

    return hone_while(st, "node \"%s\" (%s)", node->name, hone_ops[node->op].name);
}

hone_status hone_graph_infer(hone_graph *graph)
{
    HONE_EACH_NODE(node, graph)
    HONE_TRY(hone_node_infer(node));
    return HONE_OK;
}
