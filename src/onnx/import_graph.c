/* Graphs: initializers, then nodes in an order in which they can be made. Names of values are
 * looked up from the inner scope outwards; a name that a graph defines twice is an error, one that
 * hides an outer name is not. */
#include "onnx/import.h"

hone_value *hone_scope_find(const hone_scope *scope, const char *name, bool *found)
{
    for (; scope; scope = scope->outer) {
        const hone_lookup_slot *slot = hone_lookup_find(&scope->names, name);
        if (slot) {
            *found = true;
            return (hone_value *)slot->value;
        }
    }
    *found = false;
    return NULL;
}

hone_status hone_scope_add(hone_scope *scope, const char *name, hone_value *value, const char *what)
{
    if (!hone_lookup_add(&scope->names, name, value))
        return hone_error(HONE_ERR_FORMAT,
                          "importing %s \"%.200s\": another value of the graph has this name", what,
                          name);
    return HONE_OK;
}

/* The IR's name of something that stands in this frame. */
const char *hone_frame_name(hone_import *im, const hone_frame *frame, const char *name)
{
    if (!*frame->prefix)
        return name;
    return hone_arena_format(im->arena, "%s%.*s", frame->prefix, HONE_IMPORT_MAX_NAME, name);
}

static hone_status add_constant(hone_import *im, const hone_frame *frame, hone_scope *scope,
                                hone_graph *graph, const char *name, const hone_onnx_array *a)
{
    if (!*name)
        return hone_error(HONE_ERR_FORMAT, "importing graph \"%.200s\": an initializer has no name",
                          graph->name);
    HONE_TRY(hone_import_spend(im, 1));
    hone_value *value = hone_graph_constant(graph, hone_frame_name(im, frame, name), a->dtype,
                                            &a->dims, a->data, a->size);
    return hone_scope_add(scope, name, value, "initializer");
}

hone_status hone_import_initializers(hone_import *im, const hone_frame *frame, hone_scope *scope,
                                     hone_graph *graph, const hone_onnx_graph *proto)
{
    hone_onnx_array a;

    for (int i = 0; i < proto->initializer.n; i++) {
        HONE_TRY(hone_import_array(im, &proto->initializer.v[i], &a));
        HONE_TRY(add_constant(im, frame, scope, graph, proto->initializer.v[i].name, &a));
    }
    for (int i = 0; i < proto->sparse_initializer.n; i++) {
        HONE_TRY(hone_import_sparse(im, &proto->sparse_initializer.v[i], &a));
        HONE_TRY(
            add_constant(im, frame, scope, graph, proto->sparse_initializer.v[i].values->name, &a));
    }
    return HONE_OK;
}

hone_status hone_import_nodes(hone_import *im, const hone_frame *frame, hone_scope *scope,
                              hone_graph *graph, const hone_onnx_node *nodes, int n)
{
    int *order;

    HONE_TRY(hone_import_sort(im, nodes, n, graph->name, &order));
    for (int i = 0; i < n; i++)
        HONE_TRY(hone_import_node(im, frame, scope, graph, &nodes[order[i]], order[i]));
    return HONE_OK;
}
