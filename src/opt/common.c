/* Common subexpressions: of equal nodes (operator, attributes, inputs) the first stays, and of
 * constants with equal bytes one. The one idea: one walk in order with one hash table for each
 * graph; inputs are compared as values, which the walk has already made common. Random operators
 * are never equal to each other; nodes with bodies are not compared. */
#include "opt/edit.h"
#include "opt/rules.h"

typedef struct slot {
    uint64_t hash;
    hone_node *node; /* one of the two */
    hone_value *value;
} slot;

typedef struct table {
    slot *slots;
    size_t mask;
} table;

static table table_of(hone_arena *arena, size_t n)
{
    size_t size = 16;
    while (size < 2 * n)
        size *= 2;
    return (table){hone_arena_array(arena, size, sizeof(slot)), size - 1};
}

static uint64_t hash_node(const hone_node *n)
{
    uint64_t h = hone_attrs_hash(n->op, &n->attrs);
    const int head[3] = {(int)n->op, n->n_in, n->n_out};

    h = hone_hash(head, sizeof head, h);
    for (int i = 0; i < n->n_in; i++) {
        const int id = n->in[i] != NULL ? n->in[i]->id : -1;
        h = hone_hash(&id, sizeof id, h);
    }
    return h;
}

static bool nodes_equal(const hone_node *a, const hone_node *b)
{
    if (a->op != b->op || a->n_in != b->n_in || a->n_out != b->n_out)
        return false;
    for (int i = 0; i < a->n_in; i++)
        if (a->in[i] != b->in[i])
            return false;
    return hone_attrs_equal(a->op, &a->attrs, &b->attrs);
}

static uint64_t hash_constant(const hone_value *v)
{
    const int64_t head[3] = {v->type.dtype, v->type.shape.rank, v->constant->is_splat};
    uint64_t h = hone_hash(head, sizeof head, 0);

    h = hone_hash(v->type.shape.dim, (size_t)v->type.shape.rank * sizeof v->type.shape.dim[0], h);
    return hone_hash(v->constant->data, v->constant->size, h);
}

static bool constants_equal(const hone_value *a, const hone_value *b)
{
    const hone_constant *x = a->constant, *y = b->constant;
    return a->type.dtype == b->type.dtype && hone_shape_equal(&a->type.shape, &b->type.shape) &&
           x->is_splat == y->is_splat && x->size == y->size &&
           (x->data == y->data || memcmp(x->data, y->data, x->size) == 0);
}

/* The equal constant seen before, or v itself, now seen. Texts are pointers, and compare as such:
 * they stay apart. */
static hone_value *common_constant(table *t, hone_value *v)
{
    if (v->type.kind != HONE_KIND_TENSOR || v->type.dtype == HONE_STRING)
        return v;
    const uint64_t h = hash_constant(v);
    for (size_t i = h & t->mask;; i = (i + 1) & t->mask) {
        slot *s = &t->slots[i];
        if (s->value == NULL) {
            *s = (slot){.hash = h, .value = v};
            return v;
        }
        if (s->hash == h && constants_equal(s->value, v))
            return s->value;
    }
}

static hone_node *common_node(table *t, hone_node *n)
{
    const uint64_t h = hash_node(n);
    for (size_t i = h & t->mask;; i = (i + 1) & t->mask) {
        slot *s = &t->slots[i];
        if (s->node == NULL) {
            *s = (slot){.hash = h, .node = n};
            return n;
        }
        if (s->hash == h && nodes_equal(s->node, n))
            return s->node;
    }
}

static bool merge_node(hone_node *kept, hone_node *n)
{
    for (int k = 0; k < n->n_out;
         k++) /* an output that one has and the other has not: leave both */
        if ((kept->out[k] == NULL) != (n->out[k] == NULL))
            return false;
    for (int k = 0; k < n->n_out; k++)
        if (n->out[k] != NULL && hone_value_is_output(n->out[k]) &&
            hone_value_is_output(kept->out[k]))
            return false; /* two names of the model's interface */
    for (int k = 0; k < n->n_out; k++)
        if (n->out[k] != NULL)
            hone_value_replace(n->out[k], kept->out[k]);
    hone_node_remove(n);
    return true;
}

/* Every constant of the module is looked at once: `seen` by value id. */
static bool merge_inputs(table *constants, bool *seen, hone_node *n)
{
    bool changed = false;
    for (int i = 0; i < n->n_in; i++) {
        if (!hone_is_constant(n->in[i]) || seen[n->in[i]->id])
            continue;
        hone_value *v = n->in[i], *kept = common_constant(constants, v);
        seen[v->id] = true;
        if (kept != v && hone_graph_is_within(n->graph, kept->graph) &&
            hone_graph_is_within(v->graph, kept->graph) && !hone_value_is_output(v)) {
            hone_value_replace(v, kept);
            changed = true;
        }
    }
    return changed;
}

static size_t count_nodes(const hone_graph *g, size_t *edges)
{
    size_t n = 0;
    for (const hone_node *node = g->first; node != NULL; node = node->next, n++)
        *edges += (size_t)node->n_in;
    return n;
}

hone_status hone_pass_common(hone_pass_context *c)
{
    int n = 0;
    size_t edges = 0;
    hone_graph **graphs = hone_module_graphs(c->module, &n);
    hone_arena *arena = c->module->arena;

    for (int g = 0; g < n; g++)
        count_nodes(graphs[g], &edges);
    table constants = table_of(arena, edges);
    bool *seen = hone_arena_array(arena, (size_t)hone_module_value_count(c->module), sizeof *seen);
    for (int g = 0; g < n; g++) {
        edges = 0;
        table nodes = table_of(arena, count_nodes(graphs[g], &edges));
        for (hone_node *node = graphs[g]->first, *next; node != NULL; node = next) {
            next = node->next;
            c->changed |= merge_inputs(&constants, seen, node);
            if (node->n_sub > 0 || node->n_out == 0 || hone_op_has(node->op, HONE_TRAIT_RANDOM))
                continue;
            hone_node *kept = common_node(&nodes, node);
            if (kept != node)
                c->changed |= merge_node(kept, node);
        }
    }
    return HONE_OK;
}
