/* Lowering: the graph as a list of steps on values. Views of static shape vanish into aliases;
 * graph outputs are written where the caller wants them; everything else is one step a node.
 * Control flow is in lower_control.c. */
#include "build/gpu.h"

int hone_low_add_value(hone_lowered *low, const char *name, const hone_type *type,
                       hone_storage storage)
{
    hone_low_value *v = hone_vec_push(low->arena, &low->values);
    const int index = low->values.n - 1;

    *v = (hone_low_value){.name = name,
                          .type = *type,
                          .storage = storage,
                          .root = index,
                          .binding = -1,
                          .pack_step = -1,
                          .first = -1,
                          .last = -1};
    return index;
}

hone_low_step *hone_low_add_step(hone_lowered *low, hone_step_kind kind, hone_op_id op,
                                 const char *name, int n_in, int n_out)
{
    hone_low_step *s = hone_vec_push(low->arena, &low->steps);

    *s = (hone_low_step){.kind = kind,
                         .op = op,
                         .name = name,
                         .n_in = n_in,
                         .n_out = n_out,
                         .target = -1,
                         .device_scratch = -1};
    s->in = hone_arena_array(low->arena, (size_t)n_in, sizeof(int));
    s->out = hone_arena_array(low->arena, (size_t)n_out, sizeof(int));
    return s;
}

int hone_low_value_of(hone_lowered *low, int *map, const hone_value *value)
{
    if (!value)
        return -1;
    if (map[value->id] < 0) {
        const int index =
            hone_low_add_value(low, value->name, &value->type,
                               value->constant ? HONE_STORAGE_CONST : HONE_STORAGE_ARENA);
        low->values.v[index].value = value;
        low->values.v[index].constant = value->constant;
        map[value->id] = index;
    }
    return map[value->id];
}

static bool extent_is_early(const hone_lowered *low, hone_extent e)
{
    if (hone_extent_is_number(e))
        return true;
    if (e == HONE_EXTENT_UNKNOWN)
        return false;
    const hone_extent_node *node = hone_extents_node(low->module->extents, hone_extent_index(e));
    return !node->depends_on_data;
}

bool hone_low_is_static(const hone_lowered *low, int value)
{
    const hone_shape *s = &low->values.v[value].type.shape;

    if (s->rank < 0)
        return false;
    for (int i = 0; i < s->rank; i++)
        if (!extent_is_early(low, s->dim[i]))
            return false;
    return true;
}

static bool outputs_are_static(const hone_lowered *low, const hone_low_step *s)
{
    for (int i = 0; i < s->n_out; i++)
        if (s->out[i] >= 0 && !hone_low_is_static(low, s->out[i]))
            return false;
    return true;
}

static void lower_node(hone_lowered *low, int *map, const hone_node *node)
{
    const bool is_view = hone_op_has(node->op, HONE_TRAIT_VIEW);
    const int from = is_view ? hone_low_value_of(low, map, node->in[0]) : -1;

    if (is_view) {
        const int to = hone_low_value_of(low, map, node->out[0]);
        hone_low_value *v = &low->values.v[to];
        v->storage = HONE_STORAGE_ALIAS;
        v->root = low->values.v[from].root;
        if (hone_low_is_static(low, to))
            return;
    }
    hone_low_step *s = hone_low_add_step(low, is_view ? HONE_STEP_VIEW : HONE_STEP_KERNEL, node->op,
                                         node->name, node->n_in, node->n_out);
    const int step = low->steps.n - 1;
    s->attrs = &node->attrs;
    int *in = s->in, *out = s->out;
    for (int i = 0; i < node->n_in; i++)
        in[i] = hone_low_value_of(low, map, node->in[i]);
    for (int i = 0; i < node->n_out; i++)
        out[i] = hone_low_value_of(low, map, node->out[i]);
    low->steps.v[step].is_dynamic = !outputs_are_static(low, &low->steps.v[step]);
}

hone_status hone_lower_graph(hone_lowered *low, int *map, const hone_graph *graph)
{
    HONE_EACH_NODE(node, graph)
    {
        if (hone_op_has(node->op, HONE_TRAIT_CONTROL))
            HONE_TRY(hone_lower_control(low, map, node));
        else
            lower_node(low, map, node);
    }
    return HONE_OK;
}

/* ---- what this device has no code for -------------------------------------------------------- */

typedef struct unsupported {
    hone_low_gpu *gpu;
    hone_text lines;
    int n;
} unsupported;

static void note_unsupported(unsupported *u, const hone_node *node, const char *why)
{
    const char *onnx = hone_ops[node->op].onnx;
    const char *colon = strrchr(onnx, ':');

    u->n++;
    hone_text_add(&u->lines, "\n  node \"%s\": operator %s, domain %.*s: %s", node->name,
                  colon ? colon + 1 : onnx, colon ? (int)(colon - onnx) : 7,
                  colon ? onnx : "ai.onnx", why);
}

static void check_node(unsupported *u, const hone_node *node)
{
    hone_tensor tensors[HONE_MAX_RANK * 8];
    hone_tensor *pointers[HONE_COUNT(tensors)];
    const int n = node->n_in + node->n_out;

    if (hone_op_has(node->op, HONE_TRAIT_VIEW) || (u->gpu && hone_gpu_takes(u->gpu, node)))
        return;
    if (!hone_cpu_kernel_of(node->op)) {
        note_unsupported(u, node, "the CPU backend has no kernel for it yet");
        return;
    }
    if (n > HONE_COUNT(tensors))
        return;
    for (int i = 0; i < n; i++) {
        const hone_value *v = i < node->n_in ? node->in[i] : node->out[i - node->n_in];
        pointers[i] = v ? &tensors[i] : NULL;
        tensors[i] = (hone_tensor){.dtype = v ? v->type.dtype : HONE_NONE};
        if (v && v->type.kind != HONE_KIND_TENSOR) {
            note_unsupported(u, node, "it works on values that are no tensors");
            return;
        }
    }
    const hone_cpu_call call = {.op = node->op,
                                .attrs = &node->attrs,
                                .n_in = node->n_in,
                                .n_out = node->n_out,
                                .in = pointers,
                                .out = pointers + node->n_in};
    if (!hone_cpu_supports(&call))
        note_unsupported(u, node, "the CPU backend's kernel does not take these element types");
}

/* All nodes of a graph and of its subgraphs, without recursion. */
static void check_graph(hone_arena *arena, unsupported *u, const hone_graph *graph)
{
    HONE_VEC(const hone_graph *) todo = {0};

    *hone_vec_push(arena, &todo) = graph;
    while (todo.n) {
        const hone_graph *g = todo.v[--todo.n];
        HONE_EACH_NODE(node, g)
        {
            for (int i = 0; i < node->n_sub; i++)
                *hone_vec_push(arena, &todo) = node->sub[i];
            if (!hone_op_has(node->op, HONE_TRAIT_CONTROL))
                check_node(u, node);
            else if (node->op == HONE_OP_sequence_map)
                note_unsupported(u, node, "it works on values that are no tensors");
        }
    }
}

/* Inputs and outputs that are no tensors have no place in a plan. */
static void check_bindings(unsupported *u, const hone_graph *graph)
{
    for (int i = 0; i < graph->n_in + graph->n_out; i++) {
        const hone_value *v = i < graph->n_in ? graph->in[i] : graph->out[i - graph->n_in];
        if (v->type.kind == HONE_KIND_TENSOR)
            continue;
        u->n++;
        hone_text_add(&u->lines,
                      "\n  %s \"%s\": it is no tensor, and plans take and give tensors only",
                      i < graph->n_in ? "input" : "output", v->name);
    }
}

static hone_status check_supported(hone_arena *arena, const hone_graph *graph, hone_low_gpu *gpu)
{
    unsupported u = {.gpu = gpu};
    hone_status st = HONE_OK;

    hone_text_init(&u.lines, NULL);
    check_bindings(&u, graph);
    check_graph(arena, &u, graph);
    if (u.n) {
        st = hone_error(HONE_ERR_UNSUPPORTED, "building for the %s: %d of its parts cannot be run",
                        gpu ? "GPU" : "CPU", u.n);
        hone_message_append("%s", u.lines.data ? u.lines.data + 1 : "");
    }
    hone_text_fini(&u.lines);
    return st;
}

/* ---- inputs and outputs ---------------------------------------------------------------------- */

static void lower_inputs(hone_lowered *low, int *map, const hone_graph *graph)
{
    for (int i = 0; i < graph->n_in; i++) {
        const int v = hone_low_value_of(low, map, graph->in[i]);
        low->values.v[v].storage = HONE_STORAGE_INPUT;
        low->values.v[v].binding = i;
        *hone_vec_push(low->arena, &low->bindings) = v;
    }
    low->n_inputs = graph->n_in;
}

/* An output is written in place where its bytes are its own; an input, a constant or a second name
 * of the same bytes is copied. */
static void lower_output(hone_lowered *low, int *map, const hone_graph *graph, int index)
{
    int v = hone_low_value_of(low, map, graph->out[index]);
    hone_low_value *root = &low->values.v[low->values.v[v].root];

    if (root->storage != HONE_STORAGE_ARENA) {
        const hone_type *type = &graph->out[index]->type;
        const int copy = hone_low_add_value(low, low->values.v[v].name, type, HONE_STORAGE_ARENA);
        hone_low_step *s = hone_low_add_step(low, HONE_STEP_KERNEL, HONE_OP_assign, "output", 1, 1);
        s->attrs = hone_arena_alloc(low->arena, sizeof(hone_attrs));
        s->in[0] = v;
        s->out[0] = copy;
        s->is_dynamic = !hone_low_is_static(low, copy);
        v = copy;
        root = &low->values.v[copy];
    }
    root->storage = HONE_STORAGE_OUTPUT;
    root->binding = low->n_inputs + index;
    *hone_vec_push(low->arena, &low->bindings) = v;
}

hone_status hone_low_make(hone_arena *arena, hone_module *module, hone_low_gpu *gpu,
                          hone_lowered *out)
{
    const hone_graph *graph = module->main;
    int *map = hone_arena_array(arena, (size_t)module->n_values + 1, sizeof *map);

    *out = (hone_lowered){.arena = arena, .module = module, .gpu = gpu};
    for (int i = 0; i < module->n_values; i++)
        map[i] = -1;
    HONE_TRY(check_supported(arena, graph, gpu));
    lower_inputs(out, map, graph);
    HONE_TRY(hone_lower_graph(out, map, graph));
    for (int i = 0; i < graph->n_out; i++)
        lower_output(out, map, graph, i);
    return HONE_OK;
}
