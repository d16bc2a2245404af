/* The verifier: every invariant of graph.h, checked after the importer and after every row of
 * passes. The idea: one walk in order with a side table of what is defined so far; each fault is
 * one sentence that names the node and the value. It trusts nothing that a pass can write, but that
 * pointers point to what they claim to. */
#include "ir/graph.h"

enum {
    MAX_NESTING = 64
};

typedef struct verifier {
    const hone_module *module;
    uint8_t *defined; /* by value id, n_values of them */
    int n_values;
    int depth;
} verifier;

static hone_status broken(const char *what, const hone_value *value)
{
    return hone_error(HONE_ERR_INTERNAL, "value \"%s\" %s", value->name, what);
}

/* ---- values ---- */

static hone_status check_shape(const verifier *v, const hone_value *value, const hone_shape *shape)
{
    if (shape->rank < -1 || shape->rank > HONE_MAX_RANK)
        return broken("has a rank that is out of range", value);
    for (int d = 0; d < shape->rank; d++) {
        const hone_extent e = shape->dim[d];
        if (e == HONE_EXTENT_UNKNOWN)
            continue;
        if (hone_extent_is_number(e)
                ? e < 0
                : hone_extent_index(e) >= hone_extents_count(v->module->extents))
            return broken("has an extent that is negative or not in the table", value);
    }
    return HONE_OK;
}

static hone_status check_type(const verifier *v, const hone_value *value)
{
    const hone_type *type = &value->type;

    if (type->dtype != HONE_NONE && !hone_dtype_is_valid(type->dtype))
        return broken("has an element type that does not exist", value);
    if (type->kind == HONE_KIND_TENSOR)
        HONE_TRY(check_shape(v, value, &type->shape));
    if (value->n_elem < -1 || value->n_elem > HONE_FACT_ELEMS ||
        (value->n_elem > 0 && !value->elem))
        return broken("has a partial value of a wrong size", value);
    return HONE_OK;
}

static hone_status check_constant(const hone_value *value)
{
    const hone_constant *constant = value->constant;
    hone_dims dims;
    size_t size;

    if (value->def)
        return broken("is a constant and a node's output", value);
    if (!hone_value_is_static(value) || !hone_shape_dims(&value->type.shape, &dims) ||
        !hone_dims_size(value->type.dtype, &dims, &size))
        return broken("is a constant without a type of numbers", value);
    if (constant->is_splat)
        size = ((size_t)hone_dtype_bits(value->type.dtype) + 7) / 8;
    if (constant->size != size || (size > 0 && !constant->data))
        return broken("is a constant whose bytes do not fit its type", value);
    return HONE_OK;
}

static bool is_edge(const hone_value *value, const hone_use *use)
{
    if (!use->node) {
        const hone_graph *graph = use->graph;
        return graph && use->index >= 0 && use->index < graph->n_out &&
               &graph->out_use[use->index] == use && graph->out[use->index] == value;
    }
    return use->node->graph && use->graph == use->node->graph && use->index >= 0 &&
           use->index < use->node->n_in && &use->node->use[use->index] == use &&
           use->node->in[use->index] == value;
}

/* Every use in the list is an edge, and the links agree. That every edge is in the list is
 * check_edge. */
static hone_status check_uses(const hone_value *value)
{
    const hone_use *last = NULL;

    for (const hone_use *use = value->first_use; use; last = use, use = use->next)
        if (use->prev != last || !is_edge(value, use))
            return broken("has a use-list that does not fit the edges", value);
    if (value->last_use != last)
        return broken("has a use-list with a wrong end", value);
    return HONE_OK;
}

static bool is_linked(const hone_value *value, const hone_use *use)
{
    return (use->prev ? use->prev->next : value->first_use) == use &&
           (use->next ? use->next->prev : value->last_use) == use;
}

/* A value where it is defined: by a node, as an input, or as a constant at its first use. */
static hone_status define(verifier *v, const hone_value *value)
{
    if (value->id < 0 || value->id >= v->n_values)
        return broken("has an id of another module", value);
    if (v->defined[value->id])
        return broken("is defined twice", value);
    v->defined[value->id] = 1;
    if (!value->name || hone_module_find(v->module, value->name) != value)
        return broken("has a name that is not its own", value);
    HONE_TRY(check_type(v, value));
    if (value->constant)
        HONE_TRY(check_constant(value));
    return check_uses(value);
}

static hone_status check_edge(verifier *v, const hone_graph *graph, const hone_value *value,
                              const hone_use *use)
{
    if (value->id < 0 || value->id >= v->n_values)
        return broken("has an id of another module", value);
    if (!hone_graph_is_within(graph, value->graph))
        return broken("is used outside of the graph that it belongs to", value);
    if (value->constant && !v->defined[value->id])
        HONE_TRY(define(v, value));
    if (!v->defined[value->id])
        return broken("is used before it is defined", value);
    if (!is_linked(value, use) || !is_edge(value, use))
        return broken("has a use that is not in its list", value);
    return HONE_OK;
}

/* ---- nodes ---- */

static int subgraphs_of(hone_op_id op)
{
    if (!hone_op_has(op, HONE_TRAIT_CONTROL))
        return 0;
    return op == HONE_OP_if ? 2 : 1;
}

static hone_status check_arity(const hone_node *node)
{
    const hone_op *op = &hone_ops[node->op];
    const bool has_optional_first =
        node->op == HONE_OP_loop; /* its count and its condition may be absent */

    if (node->n_in < op->in_min || (op->in_max != HONE_ANY && node->n_in > op->in_max))
        return hone_error(HONE_ERR_INTERNAL, "it has %d inputs; %d to %d are allowed", node->n_in,
                          op->in_min, op->in_max);
    if (node->n_out < op->out_min || (op->out_max != HONE_ANY && node->n_out > op->out_max))
        return hone_error(HONE_ERR_INTERNAL, "it has %d outputs; %d to %d are allowed", node->n_out,
                          op->out_min, op->out_max);
    for (int i = 0; i < op->in_min && !has_optional_first; i++)
        if (!node->in[i])
            return hone_error(HONE_ERR_INTERNAL, "input %d is absent", i);
    if (node->n_sub != subgraphs_of(node->op))
        return hone_error(HONE_ERR_INTERNAL, "it has %d subgraphs; %d are needed", node->n_sub,
                          subgraphs_of(node->op));
    return HONE_OK;
}

static hone_status check_attr(const hone_node *node, const hone_attr_row *row)
{
    const void *at = (const uint8_t *)&node->attrs + row->offset;

    if (row->kind == HONE_ATTR_ENUM && hone_attr_enum_text(row, *(const int64_t *)at).size == 0)
        return hone_error(HONE_ERR_INTERNAL, "its attribute %s is none of %s", row->name,
                          row->names);
    if (row->kind == HONE_ATTR_PROGRAM) {
        const hone_program *program = *(const hone_program *const *)at;
        if (program ? !hone_program_is_valid(program) : node->op == HONE_OP_pointwise)
            return hone_error(HONE_ERR_INTERNAL, "its %s is absent or not valid", row->name);
        if (program && node->op == HONE_OP_pointwise && program->n_in != node->n_in)
            return hone_error(HONE_ERR_INTERNAL, "its program has %d inputs but the node %d",
                              program->n_in, node->n_in);
    }
    return HONE_OK;
}

static hone_status check_attrs(const hone_node *node)
{
    int n;
    const hone_attr_row *rows = hone_attrs_rows((int)node->op, &n);

    for (int i = 0; i < n; i++)
        HONE_TRY(check_attr(node, &rows[i]));
    return HONE_OK;
}

static hone_status check_graph(verifier *v, const hone_graph *graph);

static hone_status check_node(verifier *v, const hone_graph *graph, const hone_node *node)
{
    if (node->op <= HONE_OP_none || node->op >= HONE_OP_COUNT)
        return hone_error(HONE_ERR_INTERNAL, "it has no operator");
    if (node->graph != graph || (node->next ? node->next->prev : graph->last) != node)
        return hone_error(HONE_ERR_INTERNAL, "it is not linked into its graph");
    HONE_TRY(check_arity(node));
    HONE_TRY(check_attrs(node));
    for (int i = 0; i < node->n_in; i++)
        if (node->in[i])
            HONE_TRY(check_edge(v, graph, node->in[i], &node->use[i]));
    for (int i = 0; i < node->n_sub; i++) {
        if (node->sub[i]->owner != node)
            return hone_error(HONE_ERR_INTERNAL, "its subgraph %d belongs to another node", i);
        HONE_TRY(check_graph(v, node->sub[i]));
    }
    for (int i = 0; i < node->n_out; i++) {
        const hone_value *out = node->out[i];
        if (!out)
            continue;
        if (out->def != node || out->def_index != i || out->graph != graph)
            return broken("does not know the node that defines it", out);
        HONE_TRY(define(v, out));
    }
    return HONE_OK;
}

/* ---- graphs ---- */

static hone_status check_input(verifier *v, const hone_graph *graph, const hone_value *value)
{
    if (value->def || value->constant || value->graph != graph)
        return broken("is an input of a graph, but also something else", value);
    return define(v, value);
}

static hone_status check_graph(verifier *v, const hone_graph *graph)
{
    if (graph->module != v->module)
        return hone_error(HONE_ERR_INTERNAL, "the graph \"%s\" belongs to another module",
                          graph->name);
    if (++v->depth > MAX_NESTING)
        return hone_error(HONE_ERR_LIMIT, "subgraphs are nested more than %d deep", MAX_NESTING);
    for (int i = 0; i < graph->n_in; i++)
        HONE_TRY(check_input(v, graph, graph->in[i]));
    HONE_EACH_NODE(node, graph)
    HONE_TRY(hone_while(check_node(v, graph, node), "node \"%s\" (%s)", node->name,
                        node->op < HONE_OP_COUNT ? hone_ops[node->op].name : "?"));
    for (int i = 0; i < graph->n_out; i++)
        HONE_TRY(check_edge(v, graph, graph->out[i], &graph->out_use[i]));
    v->depth--;
    return HONE_OK;
}

/* A subgraph alone: what it may use of the graphs around it counts as defined. */
static void define_outer(verifier *v, const hone_graph *graph)
{
    for (const hone_node *owner = graph->owner; owner; owner = owner->graph->owner) {
        for (int i = 0; i < owner->graph->n_in; i++)
            v->defined[owner->graph->in[i]->id] = 1;
        for (const hone_node *node = owner->prev; node; node = node->prev)
            for (int i = 0; i < node->n_out; i++)
                if (node->out[i])
                    v->defined[node->out[i]->id] = 1;
    }
}

hone_status hone_graph_verify(const hone_graph *graph)
{
    const hone_module *module = graph->module;
    const size_t size = (size_t)module->n_values;
    verifier v = {.module = module, .n_values = module->n_values};

    HONE_TRY(hone_alloc_zero(NULL, size, (void **)&v.defined));
    define_outer(&v, graph);
    const hone_status st = check_graph(&v, graph);
    hone_free(NULL, v.defined, size);
    return hone_while(st, "verifying graph \"%s\"", graph->name);
}
