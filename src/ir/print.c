/* The graph as text (docs/ir.md). The idea: everything that hone_module_parse needs to make the
 * same graph again, and nothing else: constants stand at the head of their graph in the order of
 * their first use, symbols at the head of the module where something uses them. Text that nobody
 * may read as code (names) is quoted. */
#include <inttypes.h>

#include "ir/base64.h"
#include "ir/graph.h"
#include "ir/literal.h"

typedef struct printer {
    const hone_module *module;
    hone_text *out;
    bool with_data;
    uint8_t *is_printed; /* constants, by value id */
    uint8_t *is_used;    /* expressions, by index */
} printer;

/* ---- names and types ---- */

static bool is_plain(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_' ||
           c == '.' || c == '/' || c == '$';
}

static void print_name(hone_text *out, const char *name)
{
    const char *at = name;

    while (is_plain(*at))
        at++;
    if (at > name && *at == 0)
        hone_text_add(out, "%s", name);
    else
        hone_text_add_quoted(out, name, strlen(name));
}

static void print_value_name(hone_text *out, const hone_value *value)
{
    if (!value) {
        hone_text_add(out, "_");
        return;
    }
    hone_text_add(out, "%%");
    print_name(out, value->name);
}

static const char *dtype_text(hone_dtype dtype)
{
    return dtype == HONE_NONE ? "?" : hone_dtype_text(dtype);
}

static void print_shape(const printer *p, const hone_shape *shape)
{
    hone_text_add(p->out, "[");
    if (shape->rank < 0)
        hone_text_add(p->out, "*");
    for (int d = 0; d < shape->rank; d++) {
        hone_text_add(p->out, d ? "," : "");
        hone_extent_print(p->module->extents, shape->dim[d], p->out);
    }
    hone_text_add(p->out, "]");
}

static void print_type(const printer *p, const hone_type *type)
{
    static const char *const kinds[] = {[HONE_KIND_SEQUENCE] = "sequence(",
                                        [HONE_KIND_OPTIONAL] = "optional(",
                                        [HONE_KIND_MAP] = "map(",
                                        [HONE_KIND_SPARSE] = "sparse("};

    if (type->kind != HONE_KIND_TENSOR)
        hone_text_add(p->out, "%s", kinds[type->kind]);
    if (type->kind == HONE_KIND_MAP)
        hone_text_add(p->out, "%s, ", dtype_text(type->key));
    if (type->kind == HONE_KIND_TENSOR || type->kind == HONE_KIND_SPARSE) {
        hone_text_add(p->out, "%s", dtype_text(type->dtype));
        print_shape(p, &type->shape);
    } else if (type->element) {
        print_type(p, type->element);
    } else {
        hone_text_add(p->out, "%s", dtype_text(type->dtype));
    }
    if (type->kind != HONE_KIND_TENSOR)
        hone_text_add(p->out, ")");
}

/* "%x: float32[2,3]", and the partial value where there is one: "%s: int64[2]{N, 3}". */
static void print_typed(const printer *p, const hone_value *value)
{
    print_value_name(p->out, value);
    if (!value)
        return;
    hone_text_add(p->out, ": ");
    print_type(p, &value->type);
    if (value->n_elem < 0)
        return;
    hone_text_add(p->out, "{");
    for (int i = 0; i < value->n_elem; i++) {
        hone_text_add(p->out, i ? ", " : "");
        hone_extent_print(p->module->extents, value->elem[i], p->out);
    }
    hone_text_add(p->out, "}");
}

static void indent(const printer *p, int depth)
{
    hone_text_add(p->out, "%*s", 2 * depth, "");
}

/* ---- constants ---- */

static void print_strings(const printer *p, const hone_constant *constant)
{
    hone_text_add(p->out, "{");
    for (size_t i = 0; i < constant->size / sizeof(hone_string); i++) {
        hone_string s;
        memcpy(&s, (const uint8_t *)constant->data + i * sizeof s, sizeof s);
        hone_text_add(p->out, i ? ", " : "");
        hone_text_add_quoted(p->out, s.data, s.size);
    }
    hone_text_add(p->out, "}");
}

static int64_t element_count(const hone_value *value)
{
    hone_dims dims;

    if (value->constant->is_splat)
        return 1;
    return hone_shape_dims(&value->type.shape, &dims) ? hone_dims_count_or_zero(&dims) : 0;
}

/* As numbers where these are few and exact, else as bytes, or their hash. */
static void print_contents(const printer *p, const hone_value *value)
{
    const hone_constant *constant = value->constant;

    if (constant->is_splat)
        hone_text_add(p->out, "splat ");
    if (value->type.dtype == HONE_STRING) {
        print_strings(p, constant);
        return;
    }
    const size_t start = p->out->size;
    hone_text_add(p->out, "{");
    if (hone_literal_print(value->type.dtype, constant->data, element_count(value), p->out)) {
        hone_text_add(p->out, "}");
        return;
    }
    p->out->size = start; /* takes the bracket back */
    if (!p->with_data) {
        hone_text_add(p->out, "hash %016" PRIx64, hone_hash(constant->data, constant->size, 0));
        return;
    }
    hone_text_add(p->out, "base64 \"");
    hone_base64_print(constant->data, constant->size, p->out);
    hone_text_add(p->out, "\"");
}

static void print_constant(const printer *p, const hone_value *value, int depth)
{
    if (!value->constant || p->is_printed[value->id])
        return;
    p->is_printed[value->id] = 1;
    indent(p, depth);
    print_typed(p, value);
    hone_text_add(p->out, " = ");
    print_contents(p, value);
    hone_text_add(p->out, "\n");
}

/* Prints the constants of `owner` that are used in `graph` and its subgraphs. */
static void print_constants(const printer *p, const hone_graph *owner, const hone_graph *graph,
                            int depth)
{
    HONE_EACH_NODE(node, graph)
    {
        for (int i = 0; i < node->n_in; i++)
            if (node->in[i] && node->in[i]->graph == owner)
                print_constant(p, node->in[i], depth);
        for (int i = 0; i < node->n_sub; i++)
            print_constants(p, owner, node->sub[i], depth);
    }
    for (int i = 0; i < graph->n_out; i++)
        if (graph->out[i]->graph == owner)
            print_constant(p, graph->out[i], depth);
}

/* ---- nodes and graphs ---- */

static void print_graph(const printer *p, const hone_graph *graph, int depth);

static void print_node(const printer *p, const hone_node *node, int depth)
{
    indent(p, depth);
    for (int i = 0; i < node->n_out; i++) {
        hone_text_add(p->out, i ? ", " : "");
        print_typed(p, node->out[i]);
    }
    hone_text_add(p->out, "%s= %s ", node->n_out ? " " : "", hone_ops[node->op].name);
    hone_text_add_quoted(p->out, node->name, strlen(node->name));
    hone_text_add(p->out, " (");
    for (int i = 0; i < node->n_in; i++) {
        hone_text_add(p->out, i ? ", " : "");
        print_value_name(p->out, node->in[i]);
    }
    hone_text_add(p->out, ")");

    const size_t before = p->out->size;
    hone_text_add(p->out, " {");
    const size_t open = p->out->size;
    hone_attrs_print((int)node->op, &node->attrs, p->out);
    if (p->out->size > open)
        hone_text_add(p->out, "}");
    else
        p->out->size = before;

    for (int i = 0; i < node->n_sub; i++) {
        hone_text_add(p->out, " ");
        print_graph(p, node->sub[i], depth);
    }
    hone_text_add(p->out, "\n");
}

static void print_graph(const printer *p, const hone_graph *graph, int depth)
{
    hone_text_add(p->out, "graph ");
    print_name(p->out, graph->name);
    hone_text_add(p->out, "(");
    for (int i = 0; i < graph->n_in; i++) {
        hone_text_add(p->out, i ? ", " : "");
        print_typed(p, graph->in[i]);
    }
    hone_text_add(p->out, ") -> (");
    for (int i = 0; i < graph->n_out; i++) {
        hone_text_add(p->out, i ? ", " : "");
        print_value_name(p->out, graph->out[i]);
    }
    hone_text_add(p->out, ") {\n");
    print_constants(p, graph, graph, depth + 1);
    HONE_EACH_NODE(node, graph)
    print_node(p, node, depth + 1);
    indent(p, depth);
    hone_text_add(p->out, "}");
}

/* ---- the module ---- */

static void use_extent(const printer *p, hone_extent e)
{
    if (e != HONE_EXTENT_UNKNOWN && !hone_extent_is_number(e))
        p->is_used[hone_extent_index(e)] = 1;
}

static void use_type(const printer *p, const hone_type *type)
{
    const bool has_shape = type->kind == HONE_KIND_TENSOR || type->kind == HONE_KIND_SPARSE;

    for (int d = 0; has_shape && d < type->shape.rank; d++)
        use_extent(p, type->shape.dim[d]);
    if (type->element)
        use_type(p, type->element);
}

static void use_value(const printer *p, const hone_value *value)
{
    if (!value)
        return;
    use_type(p, &value->type);
    for (int i = 0; i < value->n_elem; i++)
        use_extent(p, value->elem[i]);
}

static void use_graph(const printer *p, const hone_graph *graph)
{
    for (int i = 0; i < graph->n_in; i++)
        use_value(p, graph->in[i]);
    HONE_EACH_NODE(node, graph)
    {
        for (int i = 0; i < node->n_out; i++)
            use_value(p, node->out[i]);
        for (int i = 0; i < node->n_sub; i++)
            use_graph(p, node->sub[i]);
    }
}

static void print_bound(hone_text *out, int64_t bound)
{
    if (bound >= HONE_EXTENT_INF)
        hone_text_add(out, "inf");
    else
        hone_text_add(out, "%" PRId64, bound);
}

/* Operands come before what is made of them, so one sweep down marks everything that is used. */
static void print_symbols(const printer *p)
{
    const hone_extents *table = p->module->extents;
    const int n = hone_extents_count(table);

    for (int i = n - 1; i >= 0; i--) {
        const hone_extent_node *node = hone_extents_node(table, i);
        if (p->is_used[i] && node->kind != HONE_EXTENT_SYMBOL) {
            use_extent(p, node->a);
            use_extent(p, node->b);
        }
    }
    for (int i = 0; i < n; i++) {
        const hone_extent_node *node = hone_extents_node(table, i);
        if (!p->is_used[i] || node->kind != HONE_EXTENT_SYMBOL)
            continue;
        hone_text_add(p->out, node->from_data ? "data " : "symbol ");
        print_name(p->out, node->name);
        if (node->min != 0 || node->max < HONE_EXTENT_INF) {
            hone_text_add(p->out, " [");
            print_bound(p->out, node->min);
            hone_text_add(p->out, ", ");
            print_bound(p->out, node->max);
            hone_text_add(p->out, "]");
        }
        hone_text_add(p->out, "\n");
    }
}

static void print_module(const printer *p)
{
    hone_text_add(p->out, "hone-ir 1\n");
    for (int i = 0; i < p->module->properties.n; i++) {
        const hone_property *property = &p->module->properties.v[i];
        hone_text_add(p->out, "property ");
        hone_text_add_quoted(p->out, property->key, strlen(property->key));
        hone_text_add(p->out, " ");
        hone_text_add_quoted(p->out, property->value, strlen(property->value));
        hone_text_add(p->out, "\n");
    }
    use_graph(p, p->module->main);
    print_symbols(p);
    print_graph(p, p->module->main, 0);
    hone_text_add(p->out, "\n");
}

void hone_module_print(const hone_module *module, bool with_data, hone_text *out)
{
    const size_t n_values = (size_t)module->n_values,
                 n_extents = (size_t)hone_extents_count(module->extents);
    void *marks = NULL;

    if (out->status == HONE_OK)
        out->status = hone_alloc_zero(out->allocator, n_values + n_extents, &marks);
    if (out->status != HONE_OK)
        return;
    print_module(&(printer){module, out, with_data, marks, (uint8_t *)marks + n_values});
    hone_free(out->allocator, marks, n_values + n_extents);
}
