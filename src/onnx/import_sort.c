/* Order: nodes after those whose outputs they use. The idea: a depth-first walk that visits nodes
 * in the file's order, so that a file that is in order already stays as it is. What a node uses
 * includes what its subgraphs take from around them. The walk keeps its own stack: a chain of a
 * million nodes in reverse order is no deep recursion. */
#include "onnx/import.h"

typedef enum colour {
    WHITE,
    GREY, /* on the stack: meeting it again is a cycle */
    BLACK,
} colour;

typedef struct dependencies {
    int n, room;
    int *v;
} dependencies;

typedef struct sorter {
    hone_arena *arena;
    const hone_onnx_node *nodes;
    int n;
    hone_lookup producers; /* name -> the node that has it as an output */
    dependencies *needs;   /* of each node */
} sorter;

static void need(sorter *s, int node, const char *name)
{
    const hone_lookup_slot *slot = *name ? hone_lookup_find(&s->producers, name) : NULL;
    dependencies *d = &s->needs[node];

    if (!slot)
        return;
    hone_vec_grow(s->arena, (void **)&d->v, d->n, &d->room, sizeof *d->v);
    d->v[d->n++] = (int)((const hone_onnx_node *)slot->value - s->nodes);
}

static void need_captures(sorter *s, int node, const hone_onnx_graph *graph);

/* Recursive, as deep as the file's subgraphs are nested; the decoder has bounded that. */
static void need_subgraphs(sorter *s, int node, const hone_onnx_node *proto)
{
    for (int a = 0; a < proto->attribute.n; a++) {
        const hone_onnx_attribute *attribute = &proto->attribute.v[a];
        if (attribute->g)
            need_captures(s, node, attribute->g);
        for (int g = 0; g < attribute->graphs.n; g++)
            need_captures(s, node, &attribute->graphs.v[g]);
    }
}

/* Names that the subgraph defines itself are not those of the graph around it. */
static hone_lookup own_names(hone_arena *arena, const hone_onnx_graph *graph)
{
    hone_lookup own = hone_lookup_in(arena);

    for (int i = 0; i < graph->input.n; i++)
        hone_lookup_add(&own, graph->input.v[i].name, graph);
    for (int i = 0; i < graph->initializer.n; i++)
        hone_lookup_add(&own, graph->initializer.v[i].name, graph);
    for (int i = 0; i < graph->node.n; i++)
        for (int k = 0; k < graph->node.v[i].output.n; k++)
            hone_lookup_add(&own, graph->node.v[i].output.v[k], graph);
    return own;
}

static void need_captures(sorter *s, int node, const hone_onnx_graph *graph)
{
    const hone_lookup own = own_names(s->arena, graph);

    for (int i = 0; i < graph->node.n; i++) {
        const hone_onnx_node *inner = &graph->node.v[i];
        for (int k = 0; k < inner->input.n; k++)
            if (!hone_lookup_find(&own, inner->input.v[k]))
                need(s, node, inner->input.v[k]);
        need_subgraphs(s, node, inner);
    }
    for (int i = 0; i < graph->output.n; i++)
        if (!hone_lookup_find(&own, graph->output.v[i].name))
            need(s, node, graph->output.v[i].name);
}

static const char *name_of(const hone_onnx_node *node)
{
    return *node->name ? node->name : node->op_type;
}

static hone_status find_producers(sorter *s, const char *graph)
{
    for (int i = 0; i < s->n; i++)
        for (int k = 0; k < s->nodes[i].output.n; k++) {
            const char *name = s->nodes[i].output.v[k];
            if (!*name || hone_lookup_add(&s->producers, name, &s->nodes[i]))
                continue;
            const hone_onnx_node *first = hone_lookup_find(&s->producers, name)->value;
            return hone_error(HONE_ERR_FORMAT,
                              "importing graph \"%.200s\": value \"%.200s\" is an output of node "
                              "\"%.200s\" and of "
                              "node \"%.200s\"; it may be of one only",
                              graph, name, name_of(first), name_of(&s->nodes[i]));
        }
    return HONE_OK;
}

static hone_status cycle(const sorter *s, const int *stack, int depth, int again, const char *graph)
{
    enum {
        SHOWN = 8
    };
    int start = depth - 1;

    while (start > 0 && stack[start] != again)
        start--;
    hone_error(HONE_ERR_FORMAT,
               "importing graph \"%.200s\": its nodes form a cycle of %d; a graph must have none",
               graph, depth - start);
    for (int i = start; i < depth && i < start + SHOWN; i++)
        hone_message_append("  node \"%.200s\" (%.80s) uses an output of node \"%.200s\"",
                            name_of(&s->nodes[stack[i]]), s->nodes[stack[i]].op_type,
                            name_of(&s->nodes[i + 1 < depth ? stack[i + 1] : again]));
    return HONE_ERR_FORMAT;
}

static hone_status walk(const sorter *s, const char *graph, int *order)
{
    uint8_t *colours = hone_arena_array(s->arena, (size_t)s->n, sizeof *colours);
    int *stack = hone_arena_array(s->arena, (size_t)s->n + 1, sizeof *stack);
    int *next =
        hone_arena_array(s->arena, (size_t)s->n + 1, sizeof *next); /* dependency to look at */
    int n_order = 0;

    for (int root = 0; root < s->n; root++) {
        int depth = 0;
        if (colours[root] == WHITE) {
            colours[root] = GREY;
            stack[depth++] = root;
        }
        while (depth > 0) {
            const int node = stack[depth - 1];
            if (next[node] == s->needs[node].n) {
                colours[node] = BLACK;
                order[n_order++] = node;
                depth--;
                continue;
            }
            const int other = s->needs[node].v[next[node]++];
            if (colours[other] == GREY)
                return cycle(s, stack, depth, other, graph);
            if (colours[other] == WHITE) {
                colours[other] = GREY;
                stack[depth++] = other;
            }
        }
    }
    return HONE_OK;
}

hone_status hone_import_sort(hone_import *im, const hone_onnx_node *nodes, int n, const char *graph,
                             int **order)
{
    sorter s = {.arena = im->arena, .nodes = nodes, .n = n, .producers = hone_lookup_in(im->arena)};

    HONE_TRY(find_producers(&s, graph));
    s.needs = hone_arena_array(im->arena, (size_t)n, sizeof *s.needs);
    *order = hone_arena_array(im->arena, (size_t)n, sizeof **order);
    for (int i = 0; i < n; i++) {
        for (int k = 0; k < nodes[i].input.n; k++)
            need(&s, i, nodes[i].input.v[k]);
        need_subgraphs(&s, i, &nodes[i]);
    }
    return walk(&s, graph, *order);
}
