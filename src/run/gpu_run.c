/* One inference on a GPU: inputs to the device, stretches as graphs with the CPU's steps between
 * them, outputs to the host. Where shapes and bindings are those of the run before, nothing is
 * allocated and no lock is taken; a plan without CPU steps whose bindings are on the device is one
 * graph launch. */
#include "run/gpu.h"

#include "cuda/stream.h"

static hone_status prepare(hone_context *c)
{
    if (!c->is_ready)
        HONE_TRY(hone_context_resolve(c));
    HONE_TRY(hone_context_lend_missing(c));
    HONE_TRY(hone_gpu_place_bindings(c));
    HONE_TRY(hone_context_check_bindings(c));
    return hone_gpu_choose_replay(c);
}

hone_status hone_gpu_prepare(hone_context *c)
{
    HONE_TRY(hone_gpu_check(c));
    if (c->is_ready && c->gpu->replay)
        return HONE_OK;
    HONE_TRY(hone_cuda_enter(c->gpu->engine->device));
    const hone_status st = prepare(c);
    hone_cuda_leave(c->gpu->engine->device);
    return st;
}

/* ---- steps ----------------------------------------------------------------------------------- */

typedef struct run {
    hone_context *context;
    CUstream stream;
    const hone_gpu_replay *replay;
    bool is_profile;
} run;

static void mark_busy(const run *r)
{
    hone_gpu_context *g = r->context->gpu;

    g->busy = r->stream;
    g->is_busy = true;
    g->uses_foreign_stream |= r->stream != g->stream;
}

static hone_status run_on_host(const run *r, uint32_t *at)
{
    hone_context *c = r->context;
    const uint32_t step = *at;
    const int kind = hone_context_plan(c)->steps[step].kind;

    if (kind == HONE_STEP_TO_HOST || kind == HONE_STEP_TO_DEVICE) {
        (*at)++;
        return hone_gpu_copy_step(c, step, r->stream);
    }
    if (kind != HONE_STEP_JUMP)
        HONE_TRY(hone_gpu_settle(c, r->stream));
    return hone_context_run_step(c, at);
}

/* The events of a stretch that has just run. */
static hone_status read_profile(const run *r, const hone_gpu_stretch *s)
{
    hone_context *c = r->context;
    hone_gpu_context *g = c->gpu;

    HONE_TRY(hone_gpu_settle(c, r->stream));
    for (uint32_t i = s->first; i < s->first + s->n; i++) {
        float ms = 0;
        HONE_TRY(HONE_CU(g->engine->device, cuEventElapsedTime, &ms, g->step_events[i],
                         g->step_events[i + 1]));
        c->step_ms[i] += (double)ms;
    }
    return HONE_OK;
}

static hone_status run_stretch(const run *r, uint32_t stretch, uint32_t *at)
{
    const hone_gpu_stretch *s = &r->context->gpu->engine->stretches[stretch];

    HONE_TRY(hone_cuda_exec_launch(r->replay->execs[stretch], r->stream));
    mark_busy(r);
    *at = s->first + s->n;
    return r->is_profile ? read_profile(r, s) : HONE_OK;
}

static hone_status run_steps(const run *r)
{
    hone_context *c = r->context;
    const uint32_t *stretch_of = c->gpu->engine->stretch_of;

    for (uint32_t at = 0; at < hone_context_plan(c)->n_steps;) {
        const uint32_t step = at;
        if (stretch_of[at] != HONE_GPU_NONE) {
            HONE_TRY(run_stretch(r, stretch_of[at], &at));
            continue;
        }
        const double begin = r->is_profile ? hone_clock_ms() : 0;
        HONE_TRY(run_on_host(r, &at));
        if (r->is_profile)
            c->step_ms[step] += hone_clock_ms() - begin;
    }
    return HONE_OK;
}

static hone_status record(const run *r, int event)
{
    hone_gpu_context *g = r->context->gpu;

    return r->context->is_timed
               ? HONE_CU(g->engine->device, cuEventRecord, g->events[event], r->stream)
               : HONE_OK;
}

static hone_status run_parts(const run *r)
{
    hone_context *c = r->context;

    HONE_TRY(record(r, HONE_GPU_BEGIN));
    HONE_TRY(hone_gpu_copy_inputs(c, r->stream));
    HONE_TRY(record(r, HONE_GPU_STARTED));
    mark_busy(r);
    HONE_TRY(run_steps(r));
    HONE_TRY(record(r, HONE_GPU_DONE));
    HONE_TRY(hone_gpu_copy_outputs(c, r->stream));
    HONE_TRY(record(r, HONE_GPU_END));
    mark_busy(r);
    c->has_times = c->is_timed;
    return HONE_OK;
}

static hone_status run_entered(const run *r)
{
    HONE_TRY(hone_cuda_enter(r->context->gpu->engine->device));
    const hone_status st = run_parts(r);
    hone_cuda_leave(r->context->gpu->engine->device);
    return st;
}

static hone_status enqueue(hone_context *c, CUstream stream)
{
    hone_gpu_context *g = c->gpu;

    HONE_TRY(hone_gpu_prepare(c));
    const run r = {.context = c, .stream = stream, .replay = g->replay};
    if (!g->is_one_launch || c->is_timed)
        return run_entered(&r);
    HONE_TRY(hone_cuda_exec_launch(g->replay->execs[0], stream));
    mark_busy(&r);
    return HONE_OK;
}

/* ---- the public calls ------------------------------------------------------------------------ */

static hone_status wait(hone_context *c)
{
    hone_gpu_context *g = c->gpu;

    HONE_TRY(hone_gpu_check(c));
    HONE_TRY(hone_cuda_enter(g->engine->device));
    const hone_status st = hone_cuda_stream_wait(g->engine->device, g->stream);
    hone_cuda_leave(g->engine->device);
    if (st == HONE_OK && g->busy == g->stream)
        g->is_busy = false;
    return st;
}

static hone_status run_profiled(hone_context *c)
{
    hone_gpu_context *g = c->gpu;

    memset(c->step_ms, 0, hone_context_plan(c)->n_steps * sizeof *c->step_ms);
    HONE_TRY(hone_gpu_prepare(c));
    HONE_TRY(hone_cuda_enter(g->engine->device));
    const hone_status st = hone_gpu_make_profile(c);
    hone_cuda_leave(g->engine->device);
    HONE_TRY(st);
    HONE_TRY(run_entered(&(run){c, g->stream, g->profile, true}));
    return wait(c);
}

hone_status hone_gpu_run(hone_context *c)
{
    if (c->profiles)
        return run_profiled(c);
    HONE_TRY(enqueue(c, c->gpu->stream));
    return wait(c);
}

hone_status hone_context_prepare(hone_context *c)
{
    if (c->gpu)
        return hone_gpu_prepare(c);
    if (!c->is_ready)
        HONE_TRY(hone_context_resolve(c));
    HONE_TRY(hone_context_lend_missing(c));
    return hone_context_check_bindings(c);
}

hone_status hone_context_enqueue(hone_context *c, void *stream)
{
    if (!c->gpu)
        return hone_context_run(c);
    return enqueue(c, stream ? stream : c->gpu->stream);
}

hone_status hone_context_wait(hone_context *c)
{
    return c->gpu ? wait(c) : HONE_OK;
}

/* ---- times ----------------------------------------------------------------------------------- */

static hone_status make_events(hone_context *c)
{
    hone_gpu_context *g = c->gpu;

    for (int i = 0; i < HONE_GPU_EVENTS; i++)
        if (!g->events[i])
            HONE_TRY(hone_cuda_event_create(g->engine->device, true, &g->events[i]));
    return HONE_OK;
}

hone_status hone_context_timing(hone_context *c, bool on)
{
    hone_status st = HONE_OK;

    c->has_times = false;
    c->is_timed = false;
    if (c->gpu && on) {
        HONE_TRY(hone_gpu_check(c));
        HONE_TRY(hone_cuda_enter(c->gpu->engine->device));
        st = make_events(c);
        hone_cuda_leave(c->gpu->engine->device);
    }
    c->is_timed = on && st == HONE_OK;
    if (c->gpu)
        c->gpu->replay = NULL; /* where copies stand depends on it */
    return st;
}

static hone_status read_times(const hone_context *c, hone_run_times *out)
{
    hone_gpu_context *g = c->gpu;
    float ms[HONE_GPU_EVENTS - 1] = {0};

    HONE_TRY(HONE_CU(g->engine->device, cuEventSynchronize, g->events[HONE_GPU_END]));
    for (int i = 0; i < HONE_COUNT(ms); i++)
        HONE_TRY(
            HONE_CU(g->engine->device, cuEventElapsedTime, &ms[i], g->events[i], g->events[i + 1]));
    *out = (hone_run_times){
        .h2d_ms = (double)ms[0], .device_ms = (double)ms[1], .d2h_ms = (double)ms[2]};
    return HONE_OK;
}

hone_status hone_context_times(hone_context *c, hone_run_times *times)
{
    hone_run_times all = {.device_ms = c->run_ms};

    HONE_TRY(hone_gpu_check(c));
    if (!c->has_times)
        return hone_error(HONE_ERR_STATE, "asking for a run's times: %s",
                          c->is_timed ? "nothing has run since hone_context_timing"
                                      : "hone_context_timing has not turned them on");
    if (c->gpu) {
        HONE_TRY(hone_cuda_enter(c->gpu->engine->device));
        const hone_status st = read_times(c, &all);
        hone_cuda_leave(c->gpu->engine->device);
        HONE_TRY(st);
    }
    return hone_info_fill(times, &all, sizeof all);
}
