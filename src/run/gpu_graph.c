/* A stretch of steps as a CUDA graph: a chain of nodes, with programmatic edges between kernels;
 * where bindings have moved, the nodes that use them are changed. */
#include "run/gpu.h"

#include "cuda/module.h"

/* ---- arguments ------------------------------------------------------------------------------- */

#define MAX_ARGS 256 /* the plan's check allows no more */

/* A launch's parameters as the driver takes them: the address of each. */
typedef struct params {
    uint64_t bytes[MAX_ARGS];
    void *at[MAX_ARGS];
} params;

static int64_t value_of(const hone_context *c, const hone_plan_arg *a)
{
    switch (a->kind) {
    case HONE_ARG_VALUE: return (int64_t)hone_gpu_address(c, a->value) + a->number;
    case HONE_ARG_TICKETS: return (int64_t)c->gpu->tickets + a->number;
    default: return a->number;
    }
}

/* Lays fields of a struct out as a compiler does; each parameter begins at a multiple of 8. */
static hone_cuda_launch fill_launch(const hone_context *c, uint32_t index, params *out)
{
    const hone_plan *p = hone_context_plan(c);
    const hone_plan_launch *l = &p->launches[index];
    size_t at = 0;
    int n = 0;

    memset(out->bytes, 0, sizeof out->bytes); /* what pads a struct, too, is the same every time */
    for (uint32_t i = 0; i < l->n_args; i++) {
        const hone_plan_arg *a = &p->args[l->first_arg + i];
        const int64_t value = value_of(c, a);
        const int32_t narrow = (int32_t)value;
        at = hone_align_up(at, a->is_joined ? a->bytes : sizeof *out->bytes);
        if (!a->is_joined)
            out->at[n++] = (uint8_t *)out->bytes + at;
        memcpy((uint8_t *)out->bytes + at, a->bytes == 4 ? (const void *)&narrow : &value,
               a->bytes);
        at += a->bytes;
    }
    hone_cuda_launch launch = {.function = c->gpu->engine->functions[l->kernel],
                               .shared_bytes = l->shared_bytes,
                               .is_programmatic = !(l->flags & HONE_LAUNCH_WAITS),
                               .args = out->at};
    memcpy(launch.grid, l->grid, sizeof launch.grid);
    memcpy(launch.block, l->block, sizeof launch.block);
    memcpy(launch.cluster, l->cluster, sizeof launch.cluster);
    return launch;
}

/* A copy step within a graph; size 0 where there is nothing to copy. */
static hone_cuda_copy fill_copy(const hone_context *c, uint32_t step)
{
    const hone_plan_step *s = &c->engine->steps[step].plan;
    const bool to_host = s->record->kind == HONE_STEP_TO_HOST;
    const hone_tensor *host = &c->tensors[to_host ? s->out[0] : s->in[0]];
    const uintptr_t device = hone_gpu_address(c, to_host ? s->in[0] : s->out[0]);
    hone_cuda_copy copy = {.dst_is_host = to_host, .src_is_host = !to_host};

    copy.dst = to_host ? (uintptr_t)host->data : device;
    copy.src = to_host ? device : (uintptr_t)host->data;
    if (!hone_dims_size(host->dtype, &host->shape, &copy.size))
        copy.size = 0;
    return copy;
}

/* ---- building -------------------------------------------------------------------------------- */

#define MAX_ROOTS 8 /* copies that run beside one another before the first step */

typedef struct chain {
    hone_cuda_graph *graph;
    hone_cuda_edge last[MAX_ROOTS]; /* what the next node waits for: one, or the inputs' copies */
    int n_last;
} chain;

static void link_node(chain *ch, CUgraphNode node, bool is_kernel)
{
    ch->last[0] = (hone_cuda_edge){node, is_kernel}; /* programmatic, if the next is a kernel too */
    ch->n_last = 1;
}

static hone_status add_kernel(const hone_context *c, chain *ch, uint32_t launch, CUgraphNode *node)
{
    params args;
    const hone_cuda_launch l = fill_launch(c, launch, &args);

    ch->last[0].is_programmatic &= l.is_programmatic;
    HONE_TRY(hone_cuda_graph_kernel(ch->graph, &l, ch->last, ch->n_last, node));
    link_node(ch, *node, true);
    return HONE_OK;
}

static hone_status add_copy(const hone_context *c, chain *ch, uint32_t step, CUgraphNode *node)
{
    const hone_cuda_copy copy = fill_copy(c, step);

    if (!copy.size)
        return HONE_OK;
    ch->last[0].is_programmatic = false;
    HONE_TRY(hone_cuda_graph_copy(ch->graph, &copy, ch->last, ch->n_last, node));
    link_node(ch, *node, false);
    return HONE_OK;
}

static hone_status add_event(const hone_context *c, chain *ch, uint32_t event)
{
    CUgraphNode node;

    ch->last[0].is_programmatic = false;
    HONE_TRY(
        hone_cuda_graph_event(ch->graph, c->gpu->step_events[event], ch->last, ch->n_last, &node));
    link_node(ch, node, false);
    return HONE_OK;
}

static hone_status add_step(const hone_context *c, chain *ch, uint32_t step, CUgraphNode **node)
{
    const uint32_t *first = c->gpu->engine->first_launch;

    if (hone_context_plan(c)->steps[step].kind != HONE_STEP_LAUNCH)
        return add_copy(c, ch, step, (*node)++);
    for (uint32_t i = first[step]; i < first[step + 1]; i++)
        HONE_TRY(add_kernel(c, ch, i, (*node)++));
    return HONE_OK;
}

/* Inputs' copies begin together; those of more than there is room for follow the last. */
static hone_status add_input(chain *ch, const hone_cuda_copy *copy, CUgraphNode *node)
{
    const bool is_root = ch->n_last < MAX_ROOTS;
    hone_cuda_edge *last = &ch->last[is_root ? ch->n_last : MAX_ROOTS - 1];

    HONE_TRY(hone_cuda_graph_copy(ch->graph, copy, last, is_root ? 0 : 1, node));
    *last = (hone_cuda_edge){*node, false};
    ch->n_last += is_root;
    return HONE_OK;
}

static hone_status add_borders(const hone_context *c, chain *ch, hone_gpu_replay *r, bool is_input)
{
    const hone_plan *p = hone_context_plan(c);
    const uint32_t begin = is_input ? 0 : p->n_inputs, end = is_input ? p->n_inputs : p->n_bindings;

    if (!is_input)
        ch->last[0].is_programmatic = false;
    for (uint32_t i = begin; i < end; i++) {
        if (!r->shown[i])
            continue;
        const hone_cuda_copy copy = hone_gpu_border(c, i);
        HONE_TRY(is_input ? add_input(ch, &copy, &r->borders[i])
                          : hone_cuda_graph_copy(ch->graph, &copy, ch->last, ch->n_last,
                                                 &r->borders[i]));
    }
    return HONE_OK;
}

hone_status hone_gpu_make_graph(hone_context *c, hone_gpu_replay *r, uint32_t index,
                                bool with_events)
{
    hone_gpu_engine *e = c->gpu->engine;
    const hone_gpu_stretch *s = &e->stretches[index];
    CUgraphNode *node = r->nodes + s->first_node;
    chain ch = {0};

    HONE_TRY(hone_cuda_graph_create(e->device, &r->graphs[index]));
    ch.graph = r->graphs[index];
    HONE_TRY(add_borders(c, &ch, r, true));
    for (uint32_t i = s->first; i < s->first + s->n; i++) {
        if (with_events)
            HONE_TRY(add_event(c, &ch, i));
        HONE_TRY(add_step(c, &ch, i, &node));
    }
    if (with_events)
        HONE_TRY(add_event(c, &ch, s->first + s->n));
    HONE_TRY(add_borders(c, &ch, r, false));
    return hone_cuda_exec_create(ch.graph, c->gpu->stream, &r->execs[index]);
}

/* ---- bindings that moved --------------------------------------------------------------------- */

static bool has_moved(const hone_context *c, const hone_gpu_replay *r, uint32_t value)
{
    const hone_plan *p = hone_context_plan(c);
    const hone_plan_value *v = &p->values[hone_plan_root(p, value)];

    return (v->storage == HONE_STORAGE_INPUT || v->storage == HONE_STORAGE_OUTPUT) &&
           r->used[v->offset] != c->gpu->bindings[v->offset].used;
}

static bool launch_has_moved(const hone_context *c, const hone_gpu_replay *r, uint32_t launch)
{
    const hone_plan *p = hone_context_plan(c);
    const hone_plan_launch *l = &p->launches[launch];

    for (uint32_t i = 0; i < l->n_args; i++) {
        const hone_plan_arg *a = &p->args[l->first_arg + i];
        if (a->kind == HONE_ARG_VALUE && has_moved(c, r, a->value))
            return true;
    }
    return false;
}

static hone_status move_launch(const hone_context *c, const hone_gpu_replay *r,
                               hone_cuda_exec *exec, CUgraphNode node, uint32_t launch)
{
    params args;

    if (!launch_has_moved(c, r, launch))
        return HONE_OK;
    const hone_cuda_launch l = fill_launch(c, launch, &args);
    return hone_cuda_exec_set_kernel(exec, node, &l);
}

static hone_status move_step(const hone_context *c, const hone_gpu_replay *r, hone_cuda_exec *exec,
                             uint32_t step, CUgraphNode **node)
{
    const uint32_t *first = c->gpu->engine->first_launch;
    const hone_plan_step *s = &c->engine->steps[step].plan;

    if (s->record->kind == HONE_STEP_LAUNCH) {
        for (uint32_t i = first[step]; i < first[step + 1]; i++)
            HONE_TRY(move_launch(c, r, exec, *(*node)++, i));
        return HONE_OK;
    }
    const CUgraphNode copy_node = *(*node)++;
    if (!copy_node || !(has_moved(c, r, s->in[0]) || has_moved(c, r, s->out[0])))
        return HONE_OK;
    const hone_cuda_copy copy = fill_copy(c, step);
    return hone_cuda_exec_set_copy(exec, copy_node, &copy);
}

static hone_status move_borders(const hone_context *c, const hone_gpu_replay *r)
{
    for (uint32_t i = 0; i < hone_context_plan(c)->n_bindings; i++) {
        const uintptr_t shown = hone_gpu_shown(c, r->has_borders, i);
        if (!shown != !r->shown[i])
            return hone_error(HONE_ERR_STATE, "changing a graph: a binding has changed sides");
        if (!shown || (shown == r->shown[i] && r->used[i] == c->gpu->bindings[i].used))
            continue;
        const hone_cuda_copy copy = hone_gpu_border(c, i);
        HONE_TRY(hone_cuda_exec_set_copy(r->execs[0], r->borders[i], &copy));
    }
    return HONE_OK;
}

hone_status hone_gpu_move_nodes(const hone_context *c, const hone_gpu_replay *r)
{
    const hone_gpu_engine *e = c->gpu->engine;

    HONE_TRY(move_borders(c, r));

    for (uint32_t i = 0; i < e->n_stretches; i++) {
        const hone_gpu_stretch *s = &e->stretches[i];
        CUgraphNode *node = r->nodes + s->first_node;
        for (uint32_t k = s->first; k < s->first + s->n; k++)
            HONE_TRY(move_step(c, r, r->execs[i], k, &node));
    }
    return HONE_OK;
}
