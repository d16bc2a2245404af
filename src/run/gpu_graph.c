/* Stretches of steps as CUDA graphs: a chain of nodes, with programmatic edges between kernels.
 * Graphs are made for one combination of shapes and kept; where only bindings have moved, the
 * nodes that use them are changed. None of this happens in a run whose shapes and bindings are
 * those of the one before. */
#include "run/gpu.h"

#include "cuda/module.h"
#include "cuda/stream.h"

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

typedef struct chain {
    hone_cuda_graph *graph;
    hone_cuda_edge last; /* programmatic where the last node is a kernel */
    int n_last;          /* 0 or 1 */
} chain;

static void link_node(chain *ch, CUgraphNode node, bool is_kernel)
{
    ch->last = (hone_cuda_edge){node, is_kernel};
    ch->n_last = 1;
}

static hone_status add_kernel(const hone_context *c, chain *ch, uint32_t launch, CUgraphNode *node)
{
    params args;
    const hone_cuda_launch l = fill_launch(c, launch, &args);

    ch->last.is_programmatic &= l.is_programmatic;
    HONE_TRY(hone_cuda_graph_kernel(ch->graph, &l, &ch->last, ch->n_last, node));
    link_node(ch, *node, true);
    return HONE_OK;
}

static hone_status add_copy(const hone_context *c, chain *ch, uint32_t step, CUgraphNode *node)
{
    const hone_cuda_copy copy = fill_copy(c, step);

    if (!copy.size)
        return HONE_OK;
    ch->last.is_programmatic = false;
    HONE_TRY(hone_cuda_graph_copy(ch->graph, &copy, &ch->last, ch->n_last, node));
    link_node(ch, *node, false);
    return HONE_OK;
}

static hone_status add_event(const hone_context *c, chain *ch, uint32_t event)
{
    CUgraphNode node;

    ch->last.is_programmatic = false;
    HONE_TRY(
        hone_cuda_graph_event(ch->graph, c->gpu->step_events[event], &ch->last, ch->n_last, &node));
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

static hone_status make_graph(hone_context *c, hone_gpu_replay *r, uint32_t index, bool with_events)
{
    hone_gpu_engine *e = c->gpu->engine;
    const hone_gpu_stretch *s = &e->stretches[index];
    CUgraphNode *node = r->nodes + s->first_node;
    chain ch = {0};

    HONE_TRY(hone_cuda_graph_create(e->device, &r->graphs[index]));
    ch.graph = r->graphs[index];
    for (uint32_t i = s->first; i < s->first + s->n; i++) {
        if (with_events)
            HONE_TRY(add_event(c, &ch, i));
        HONE_TRY(add_step(c, &ch, i, &node));
    }
    if (with_events)
        HONE_TRY(add_event(c, &ch, s->first + s->n));
    return hone_cuda_exec_create(ch.graph, c->gpu->stream, &r->execs[index]);
}

/* ---- replays --------------------------------------------------------------------------------- */

void hone_gpu_drop_replay(hone_context *c, hone_gpu_replay **replay)
{
    hone_gpu_replay *r = *replay;

    if (!r)
        return;
    for (uint32_t i = 0; i < c->gpu->engine->n_stretches; i++) {
        hone_cuda_exec_destroy(r->execs[i]);
        hone_cuda_graph_destroy(r->graphs[i]);
    }
    hone_free(&c->engine->allocator, r, r->size);
    *replay = NULL;
}

/* One block: the struct, then its arrays. */
static hone_status allocate(const hone_context *c, hone_gpu_replay **out)
{
    const hone_plan *p = hone_context_plan(c);
    const hone_gpu_engine *e = c->gpu->engine;
    const size_t key = hone_align_up(sizeof(hone_gpu_replay), 16);
    const size_t used = key + sizeof(hone_dims) * p->n_inputs;
    const size_t graphs = used + sizeof(uintptr_t) * p->n_bindings;
    const size_t execs = graphs + sizeof(hone_cuda_graph *) * e->n_stretches;
    const size_t nodes = execs + sizeof(hone_cuda_exec *) * e->n_stretches;
    const size_t size = nodes + sizeof(CUgraphNode) * e->n_nodes;
    uint8_t *at = NULL;

    HONE_TRY(hone_alloc_zero(&c->engine->allocator, size, (void **)&at));
    hone_gpu_replay *r = (hone_gpu_replay *)(void *)at;
    r->size = size;
    r->key = (hone_dims *)(void *)(at + key);
    r->used = (uintptr_t *)(void *)(at + used);
    r->graphs = (hone_cuda_graph **)(void *)(at + graphs);
    r->execs = (hone_cuda_exec **)(void *)(at + execs);
    r->nodes = (CUgraphNode *)(void *)(at + nodes);
    *out = r;
    return HONE_OK;
}

static void note_used(const hone_context *c, hone_gpu_replay *r)
{
    for (uint32_t i = 0; i < hone_context_plan(c)->n_bindings; i++)
        r->used[i] = c->gpu->bindings[i].used;
}

static hone_status make_replay(hone_context *c, bool with_events, hone_gpu_replay **out)
{
    hone_gpu_context *g = c->gpu;
    hone_gpu_replay *r = NULL;
    hone_status st;

    HONE_TRY_OUT(allocate(c, &r));
    memcpy(r->key, c->shapes, sizeof *r->key * hone_context_plan(c)->n_inputs);
    note_used(c, r);
    for (uint32_t i = 0; i < g->engine->n_stretches; i++)
        HONE_TRY_OUT(make_graph(c, r, i, with_events));
    HONE_TRY_OUT(hone_cuda_stream_wait(g->engine->device, g->stream)); /* the graphs' upload */
    *out = r;
    r = NULL; /* now the context's */
out:
    hone_gpu_drop_replay(c, &r);
    return hone_while(st, "making the graph of a run");
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

static hone_status move_nodes(const hone_context *c, hone_gpu_replay *r)
{
    const hone_gpu_engine *e = c->gpu->engine;

    for (uint32_t i = 0; i < e->n_stretches; i++) {
        const hone_gpu_stretch *s = &e->stretches[i];
        CUgraphNode *node = r->nodes + s->first_node;
        for (uint32_t k = s->first; k < s->first + s->n; k++)
            HONE_TRY(move_step(c, r, r->execs[i], k, &node));
    }
    note_used(c, r);
    return HONE_OK;
}

/* ---- choosing -------------------------------------------------------------------------------- */

static bool is_for(const hone_context *c, const hone_gpu_replay *r)
{
    for (uint32_t i = 0; i < hone_context_plan(c)->n_inputs; i++)
        if (!hone_dims_equal(&r->key[i], &c->shapes[i]))
            return false;
    return true;
}

static bool is_at(const hone_context *c, const hone_gpu_replay *r)
{
    for (uint32_t i = 0; i < hone_context_plan(c)->n_bindings; i++)
        if (r->used[i] != c->gpu->bindings[i].used)
            return false;
    return true;
}

/* The replay of the present shapes, or the one whose place is to be taken. */
static hone_gpu_replay **find(const hone_context *c)
{
    hone_gpu_context *g = c->gpu;
    hone_gpu_replay **oldest = &g->replays[0];

    for (int i = 0; i < HONE_GPU_REPLAYS; i++) {
        hone_gpu_replay **r = &g->replays[i];
        if (*r && is_for(c, *r))
            return r;
        if (*oldest && (!*r || (*r)->age < (*oldest)->age))
            oldest = r;
    }
    return oldest;
}

/* A run is one graph: one stretch, and no copies around it. */
static bool is_one_launch(const hone_context *c)
{
    const hone_plan *p = hone_context_plan(c);
    const hone_gpu_engine *e = c->gpu->engine;

    for (uint32_t i = 0; i < p->n_bindings; i++)
        if (c->gpu->bindings[i].is_copied)
            return false;
    return e->n_stretches == 1 && e->stretches[0].n == p->n_steps;
}

hone_status hone_gpu_choose_replay(hone_context *c)
{
    hone_gpu_context *g = c->gpu;
    hone_gpu_replay **r = find(c);

    if (*r && !is_for(c, *r))
        hone_gpu_drop_replay(c, r);
    if (*r && !is_at(c, *r) && move_nodes(c, *r) != HONE_OK)
        hone_gpu_drop_replay(c, r); /* a driver that cannot change it gets a new one */
    if (!*r)
        HONE_TRY(make_replay(c, false, r));
    (*r)->age = ++g->clock;
    g->replay = *r;
    g->is_one_launch = is_one_launch(c);
    return HONE_OK;
}

/* ---- profiles -------------------------------------------------------------------------------- */

static hone_status make_events(hone_context *c)
{
    hone_gpu_context *g = c->gpu;
    const uint32_t n = hone_context_plan(c)->n_steps + 1;

    if (!g->step_events)
        HONE_TRY(hone_alloc_zero(&c->engine->allocator, n * sizeof *g->step_events,
                                 (void **)&g->step_events));
    for (uint32_t i = 0; i < n; i++)
        if (!g->step_events[i])
            HONE_TRY(hone_cuda_event_create(g->engine->device, true, &g->step_events[i]));
    return HONE_OK;
}

hone_status hone_gpu_make_profile(hone_context *c)
{
    hone_gpu_context *g = c->gpu;

    if (g->profile && is_for(c, g->profile) && is_at(c, g->profile))
        return HONE_OK;
    hone_gpu_drop_replay(c, &g->profile);
    HONE_TRY(make_events(c));
    return make_replay(c, true, &g->profile);
}
