/* Replays: the graphs of all stretches for one combination of shapes, kept for the last few of
 * them. A run whose shapes and bindings are those of the one before needs nothing of this file. */
#include "run/gpu.h"

#include "cuda/stream.h"

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
    const size_t shown = used + sizeof(uintptr_t) * p->n_bindings;
    const size_t borders = shown + sizeof(uintptr_t) * p->n_bindings;
    const size_t graphs = borders + sizeof(CUgraphNode) * p->n_bindings;
    const size_t execs = graphs + sizeof(hone_cuda_graph *) * e->n_stretches;
    const size_t nodes = execs + sizeof(hone_cuda_exec *) * e->n_stretches;
    const size_t size = nodes + sizeof(CUgraphNode) * e->n_nodes;
    uint8_t *at = NULL;

    HONE_TRY(hone_alloc_zero(&c->engine->allocator, size, (void **)&at));
    hone_gpu_replay *r = (hone_gpu_replay *)(void *)at;
    r->size = size;
    r->key = (hone_dims *)(void *)(at + key);
    r->used = (uintptr_t *)(void *)(at + used);
    r->shown = (uintptr_t *)(void *)(at + shown);
    r->borders = (CUgraphNode *)(void *)(at + borders);
    r->graphs = (hone_cuda_graph **)(void *)(at + graphs);
    r->execs = (hone_cuda_exec **)(void *)(at + execs);
    r->nodes = (CUgraphNode *)(void *)(at + nodes);
    *out = r;
    return HONE_OK;
}

/* A plan without CPU steps is one graph, which may copy its inputs and outputs, too. While times
 * are wanted the copies stand outside, between the events. */
static bool is_one_stretch(const hone_context *c)
{
    const hone_gpu_engine *e = c->gpu->engine;

    return e->n_stretches == 1 && e->stretches[0].n == hone_context_plan(c)->n_steps;
}

static bool wants_borders(const hone_context *c)
{
    bool can = is_one_stretch(c) && !c->is_timed, has_copies = false;

    for (uint32_t i = 0; i < hone_context_plan(c)->n_bindings; i++) {
        const hone_gpu_binding *b = &c->gpu->bindings[i];
        has_copies = has_copies || b->is_copied;
        can = can && !(b->is_copied && b->shown_place == HONE_CUDA_PAGEABLE);
    }
    return can && has_copies;
}

static void note_places(const hone_context *c, hone_gpu_replay *r)
{
    for (uint32_t i = 0; i < hone_context_plan(c)->n_bindings; i++) {
        r->used[i] = c->gpu->bindings[i].used;
        r->shown[i] = hone_gpu_shown(c, r->has_borders, i);
    }
}

static hone_status make_replay(hone_context *c, bool with_events, hone_gpu_replay **out)
{
    hone_gpu_context *g = c->gpu;
    hone_gpu_replay *r = NULL;
    hone_status st;

    HONE_TRY_OUT(allocate(c, &r));
    memcpy(r->key, c->shapes, sizeof *r->key * hone_context_plan(c)->n_inputs);
    r->has_borders = !with_events && wants_borders(c);
    note_places(c, r);
    for (uint32_t i = 0; i < g->engine->n_stretches; i++)
        HONE_TRY_OUT(hone_gpu_make_graph(c, r, i, with_events));
    HONE_TRY_OUT(hone_cuda_stream_wait(g->engine->device, g->stream)); /* the graphs' upload */
    *out = r;
    r = NULL; /* now the context's */
out:
    hone_gpu_drop_replay(c, &r);
    return hone_while(st, "making the graph of a run");
}

/* ---- choosing -------------------------------------------------------------------------------- */

static bool is_for(const hone_context *c, const hone_gpu_replay *r, bool has_borders)
{
    if (r->has_borders != has_borders)
        return false;
    for (uint32_t i = 0; i < hone_context_plan(c)->n_inputs; i++)
        if (!hone_dims_equal(&r->key[i], &c->shapes[i]))
            return false;
    return true;
}

static bool is_at(const hone_context *c, const hone_gpu_replay *r)
{
    for (uint32_t i = 0; i < hone_context_plan(c)->n_bindings; i++)
        if (r->used[i] != c->gpu->bindings[i].used ||
            r->shown[i] != hone_gpu_shown(c, r->has_borders, i))
            return false;
    return true;
}

/* The replay of the present shapes, or the one whose place is to be taken. */
static hone_gpu_replay **find(const hone_context *c, bool has_borders)
{
    hone_gpu_context *g = c->gpu;
    hone_gpu_replay **oldest = &g->replays[0];

    for (int i = 0; i < HONE_GPU_REPLAYS; i++) {
        hone_gpu_replay **r = &g->replays[i];
        if (*r && is_for(c, *r, has_borders))
            return r;
        if (*oldest && (!*r || (*r)->age < (*oldest)->age))
            oldest = r;
    }
    return oldest;
}

/* A run is one graph: one stretch, and no copies around it. */
static bool is_one_launch(const hone_context *c)
{
    bool is_copied = false;

    for (uint32_t i = 0; i < hone_context_plan(c)->n_bindings; i++)
        is_copied = is_copied || c->gpu->bindings[i].is_copied;
    return is_one_stretch(c) && (c->gpu->replay->has_borders || !is_copied);
}

hone_status hone_gpu_choose_replay(hone_context *c)
{
    hone_gpu_context *g = c->gpu;
    const bool has_borders = wants_borders(c);
    hone_gpu_replay **r = find(c, has_borders);

    if (*r && !is_for(c, *r, has_borders))
        hone_gpu_drop_replay(c, r);
    if (*r && !is_at(c, *r) && hone_gpu_move_nodes(c, *r) != HONE_OK)
        hone_gpu_drop_replay(c, r); /* what cannot be changed is made anew */
    if (!*r)
        HONE_TRY(make_replay(c, false, r));
    note_places(c, *r);
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

    if (g->profile && is_for(c, g->profile, false) && is_at(c, g->profile))
        return HONE_OK;
    hone_gpu_drop_replay(c, &g->profile);
    HONE_TRY(make_events(c));
    return make_replay(c, true, &g->profile);
}
