/* A context's memory on the device and its page-locked memory on the host. Everything whose size
 * the plan tells is taken when the context is made; graphs come with hone_gpu_prepare. */
#include "run/gpu.h"

#include "cuda/stream.h"

#define ARENA_ALIGN  256
#define STAGING_SLOT ((size_t)1 << 20) /* bytes: pictures and logits go in one piece */

/* Arena and tickets in one piece; tickets are zero before every run. */
static hone_status take_memory(hone_context *c)
{
    hone_gpu_context *g = c->gpu;
    hone_cuda_device *d = g->engine->device;
    const hone_plan_info_record *info = hone_context_plan(c)->info;
    const size_t arena = hone_align_up(info->device_arena_bytes, ARENA_ALIGN);

    HONE_TRY(hone_cuda_memory_init(d, arena + info->ticket_bytes, g->stream, &g->memory));
    g->tickets = g->memory.at + arena;
    if (info->ticket_bytes)
        HONE_TRY(HONE_CU(d, cuMemsetD8Async, g->tickets, 0, info->ticket_bytes, g->stream));
    if (g->engine->pins_arena) {
        HONE_TRY(hone_cuda_pinned_alloc(d, info->arena_bytes, &g->arena));
        c->arena = g->arena;
    }
    return HONE_OK;
}

static hone_status take_all(hone_context *c, bool caller_io)
{
    hone_gpu_context *g = c->gpu;
    const uint32_t n = hone_context_plan(c)->n_bindings;

    HONE_TRY(hone_cuda_stream_create(g->engine->device, 0, &g->stream));
    HONE_TRY(take_memory(c));
    for (uint32_t i = 0; i < n; i++) {
        g->bindings[i].need = hone_gpu_need_of(c->engine, i);
        if (!caller_io)
            HONE_TRY(hone_gpu_lend(c, i));
        HONE_TRY(hone_gpu_place_binding(c, i));
    }
    return hone_cuda_stream_wait(g->engine->device, g->stream);
}

hone_status hone_gpu_context_create(hone_context *c, const hone_context_options *o)
{
    hone_gpu_context *g = c->gpu;

    g->engine = c->engine->gpu;
    g->device_io = o->device_io;
    HONE_TRY(hone_cuda_device_status(g->engine->device));
    HONE_TRY(hone_cuda_enter(g->engine->device));
    const hone_status st = take_all(c, o->caller_io);
    hone_cuda_leave(g->engine->device);
    return st;
}

static void free_graphs(hone_context *c)
{
    hone_gpu_context *g = c->gpu;
    const uint32_t n = g->step_events ? hone_context_plan(c)->n_steps + 1 : 0;

    for (int i = 0; i < HONE_GPU_REPLAYS; i++)
        hone_gpu_drop_replay(c, &g->replays[i]);
    hone_gpu_drop_replay(c, &g->profile);
    for (uint32_t i = 0; i < n; i++)
        hone_cuda_event_destroy(g->engine->device, g->step_events[i]);
    hone_free(&c->engine->allocator, g->step_events, n * sizeof *g->step_events);
    for (int i = 0; i < HONE_GPU_EVENTS; i++)
        hone_cuda_event_destroy(g->engine->device, g->events[i]);
}

static void free_memory(hone_context *c)
{
    hone_gpu_context *g = c->gpu;
    hone_cuda_device *d = g->engine->device;

    for (uint32_t i = 0; i < hone_context_plan(c)->n_bindings; i++) {
        hone_cuda_memory_fini(d, g->stream, &g->bindings[i].device);
        hone_cuda_pinned_free(d, g->bindings[i].pinned);
    }
    hone_cuda_staging_destroy(g->staging);
    hone_cuda_pinned_free(d, g->arena);
    hone_cuda_memory_fini(d, g->stream, &g->memory);
    hone_cuda_stream_destroy(d, g->stream);
}

void hone_gpu_context_destroy(hone_context *c)
{
    hone_gpu_context *g = c->gpu;

    if (!g || !g->engine)
        return;
    hone_cuda_device *d = g->engine->device;
    const bool is_in = d->cu->cuCtxPushCurrent(d->context) == CUDA_SUCCESS;
    /* A stream of the caller's may be gone by now; the device as a whole is not. */
    if (g->uses_foreign_stream)
        d->cu->cuCtxSynchronize();
    else if (g->stream)
        d->cu->cuStreamSynchronize(g->stream);
    free_graphs(c);
    free_memory(c);
    if (is_in)
        hone_cuda_leave(d);
}

hone_status hone_gpu_staging(hone_context *c)
{
    hone_gpu_context *g = c->gpu;

    return g->staging ? HONE_OK
                      : hone_cuda_staging_create(g->engine->device, STAGING_SLOT, &g->staging);
}

hone_status hone_gpu_settle(hone_context *c, CUstream now)
{
    hone_gpu_context *g = c->gpu;

    if (!g->is_busy)
        return HONE_OK;
    /* A stream of the caller's may be gone since: then all streams are waited for. */
    if (g->busy == now || g->busy == g->stream)
        HONE_TRY(hone_cuda_stream_wait(g->engine->device, g->busy));
    else
        HONE_TRY(HONE_CU(g->engine->device, cuCtxSynchronize));
    g->is_busy = false;
    return HONE_OK;
}
