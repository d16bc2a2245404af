/* Plans on a real GPU, from the model to the answer: engine [DEVICE [quick] [MODEL.onnx...]]
 *
 * Each model, its own ones where none is named, is built for the CPU and for the GPU; then each row
 * of the table runs on it. `quick`, for runs under a checking tool, does little of everything. Exit
 * status 77 where there is no GPU or no NVRTC. */
#include <math.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/bytes.h"
#include "base/tensor.h"
#include "cuda/memory.h"
#include "cuda/stream.h"
#include "gpu/engine_models.h"
#include "hone/build.h"
#include "run/gpu.h"
#include "support/faulty.h"

enum {
    SEEDS = 4,
    MAX_BINDINGS = 8,
    THREADS = 4,
    ENQUEUES = 10000,
    SKIPPED = 77
};

typedef struct subject {
    const char *name;
    bool is_fp16;
    double tolerance; /* of the error's L2 norm against the CPU's */
    hone_plan *plan;
    hone_engine *engine;
    faulty counts; /* of the engine's allocator */
    hone_plan_info info;
    int n;
    size_t size[MAX_BINDINGS];
    hone_dtype dtype[MAX_BINDINGS];
    void *in[SEEDS][MAX_BINDINGS]; /* inputs, and the CPU's outputs */
    int enqueues;                  /* that a few seconds are enough for, ENQUEUES at most */
    char detail[512];
} subject;

static hone_cuda_device *device; /* the test's own handle, entered by every thread */
static const char *device_text = "cuda";

static double now_us(void)
{
    struct timespec t;

    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec * 1e6 + (double)t.tv_nsec * 1e-3;
}

#define SAW(s, ...) snprintf((s)->detail, sizeof(s)->detail, __VA_ARGS__)

static hone_status wrong(const char *format, const char *name, double found)
{
    char text[256];

    snprintf(text, sizeof text, format, name, found);
    return hone_error(HONE_ERR_DEVICE, "%s", text);
}

/* ---- subjects -------------------------------------------------------------------------------- */

static void fill(const subject *s, int binding, uint32_t seed, void *data)
{
    uint32_t state = seed * 7919 + (uint32_t)binding * 104729 + 1;
    const size_t n = s->size[binding] / (s->dtype[binding] == HONE_F32 ? 4 : 1);

    memset(data, 0, s->size[binding]);
    for (size_t i = 0; i < n; i++) {
        state = state * 1664525u + 1013904223u;
        if (s->dtype[binding] == HONE_F32)
            ((float *)data)[i] = (float)(state >> 8) / (float)(1 << 23) - 1;
        else if (s->dtype[binding] == HONE_BOOL)
            ((uint8_t *)data)[i] = seed & 1;
    }
}

static hone_status describe(subject *s)
{
    s->info.size = sizeof s->info;
    HONE_TRY(hone_plan_describe(s->plan, &s->info));
    s->n = s->info.n_inputs + s->info.n_outputs;
    if (s->n > MAX_BINDINGS)
        return hone_error(HONE_ERR_LIMIT, "%s has more than %d bindings", s->name, MAX_BINDINGS);
    for (int i = 0; i < s->n; i++) {
        hone_binding_info b = {.size = sizeof b};
        HONE_TRY(hone_plan_binding(s->plan, i, &b));
        if (!hone_dims_size(b.dtype, &b.max, &s->size[i]))
            return hone_error(HONE_ERR_LIMIT, "%s: an output's size is not known", s->name);
        s->dtype[i] = b.dtype;
    }
    return HONE_OK;
}

/* Inputs, and what the CPU makes of them. */
static hone_status reference(subject *s, hone_plan *plan)
{
    hone_engine *engine = NULL;
    hone_context *context = NULL;
    hone_status st;

    HONE_TRY_OUT(hone_engine_create(plan, NULL, &engine));
    HONE_TRY_OUT(hone_context_create(engine, HONE_CONTEXT_OPTIONS(.caller_io = true), &context));
    for (int seed = 0; seed < SEEDS; seed++) {
        for (int i = 0; i < s->n; i++) {
            HONE_TRY_OUT(hone_alloc_aligned(NULL, s->size[i], 64, &s->in[seed][i]));
            fill(s, i, (uint32_t)seed, s->in[seed][i]);
            HONE_TRY_OUT(hone_context_bind(context, i, s->in[seed][i], s->size[i]));
        }
        HONE_TRY_OUT(hone_context_run(context));
    }
out:
    hone_context_destroy(context);
    hone_engine_destroy(engine);
    return st;
}

static hone_status open_subject(subject *s, hone_model *model)
{
    static hone_allocator allocator;
    hone_plan *cpu = NULL;
    hone_status st;

    allocator = faulty_allocator(&s->counts);
    HONE_TRY_OUT(hone_build(model, NULL, &cpu));
    HONE_TRY_OUT(
        hone_build(model,
                   HONE_BUILD_OPTIONS(.device = device_text, .tune = HONE_TUNE_NONE,
                                      .no_tf32 = true, .allow = s->is_fp16 ? HONE_FP16 : HONE_FP32),
                   &s->plan));
    HONE_TRY_OUT(describe(s));
    HONE_TRY_OUT(reference(s, cpu));
    HONE_TRY_OUT(hone_engine_create(
        s->plan, HONE_ENGINE_OPTIONS(.device = device_text, .allocator = &allocator), &s->engine));
out:
    hone_plan_destroy(cpu);
    return st;
}

static void close_subject(subject *s)
{
    hone_engine_destroy(s->engine);
    hone_plan_destroy(s->plan);
    for (int seed = 0; seed < SEEDS; seed++)
        for (int i = 0; i < s->n; i++)
            hone_free(NULL, s->in[seed][i], s->size[i]);
}

static double error_of(const float *found, const float *wanted, size_t n)
{
    double difference = 0, norm = 0;

    for (size_t i = 0; i < n; i++) {
        const double d = (double)found[i] - (double)wanted[i];
        difference += d * d;
        norm += (double)wanted[i] * (double)wanted[i];
        if (isnan(found[i]) != isnan(wanted[i]))
            return INFINITY;
    }
    return norm > 0 ? sqrt(difference / norm) : sqrt(difference);
}

/* The worst error of the outputs in `found`, by binding. */
static hone_status compare(const subject *s, int seed, void *const *found, double *worst)
{
    for (int i = s->info.n_inputs; i < s->n; i++) {
        const void *wanted = s->in[seed][i];
        double e = 0;
        if (s->dtype[i] == HONE_F32)
            e = error_of(found[i], wanted, s->size[i] / 4);
        else if (!s->is_fp16 && memcmp(found[i], wanted, s->size[i]) != 0)
            e = INFINITY;
        if (!(e <= s->tolerance))
            return wrong("%s: the error against the CPU is %g", s->name, e);
        *worst = HONE_MAX(*worst, e);
    }
    return HONE_OK;
}

/* ---- memory of every kind -------------------------------------------------------------------- */

typedef struct buffers {
    int place; /* hone_cuda_place */
    const subject *s;
    hone_cuda_memory device[MAX_BINDINGS];
    void *host[MAX_BINDINGS]; /* pinned or pageable; beside device memory too */
} buffers;

static hone_status take(const subject *s, int place, buffers *b)
{
    *b = (buffers){.place = place, .s = s};
    for (int i = 0; i < s->n; i++) {
        if (place == HONE_CUDA_PINNED)
            HONE_TRY(hone_cuda_pinned_alloc(device, s->size[i], &b->host[i]));
        else
            HONE_TRY(hone_alloc_aligned(NULL, s->size[i], 64, &b->host[i]));
        if (place == HONE_CUDA_DEVICE)
            HONE_TRY(hone_cuda_memory_init(device, s->size[i], NULL, &b->device[i]));
    }
    return hone_cuda_stream_wait(device, NULL);
}

static void drop(buffers *b)
{
    for (int i = 0; b->s && i < b->s->n; i++) {
        hone_cuda_memory_fini(device, NULL, &b->device[i]);
        if (b->place == HONE_CUDA_PINNED)
            hone_cuda_pinned_free(device, b->host[i]);
        else
            hone_free(NULL, b->host[i], b->s->size[i]);
    }
}

static hone_status bind(hone_context *c, const buffers *b)
{
    for (int i = 0; i < b->s->n; i++)
        HONE_TRY(hone_context_bind(
            c, i, b->place == HONE_CUDA_DEVICE ? (void *)(uintptr_t)b->device[i].at : b->host[i],
            b->s->size[i]));
    return HONE_OK;
}

/* Inputs in, outputs poisoned. */
static hone_status load(buffers *b, int seed)
{
    const subject *s = b->s;

    for (int i = 0; i < s->n; i++) {
        if (i < s->info.n_inputs)
            memcpy(b->host[i], s->in[seed][i], s->size[i]);
        else
            memset(b->host[i], 0xA5, s->size[i]);
        if (b->place == HONE_CUDA_DEVICE)
            HONE_TRY(
                HONE_CU(device, cuMemcpyHtoDAsync, b->device[i].at, b->host[i], s->size[i], NULL));
    }
    return hone_cuda_stream_wait(device, NULL);
}

static hone_status check(buffers *b, int seed, double *worst)
{
    const subject *s = b->s;

    for (int i = s->info.n_inputs; b->place == HONE_CUDA_DEVICE && i < s->n; i++)
        HONE_TRY(HONE_CU(device, cuMemcpyDtoHAsync, b->host[i], b->device[i].at, s->size[i], NULL));
    HONE_TRY(hone_cuda_stream_wait(device, NULL));
    return compare(s, seed, b->host, worst);
}

/* ---- rows ------------------------------------------------------------------------------------ */

static hone_status row_answers(subject *s, hone_context *c)
{
    void *found[MAX_BINDINGS] = {NULL};
    double worst = 0, us = 0;

    for (int seed = 0; seed < SEEDS; seed++) {
        for (int i = 0; i < s->info.n_inputs; i++)
            HONE_TRY(hone_context_write(c, i, s->in[seed][i], s->size[i]));
        const double begin = now_us();
        HONE_TRY(hone_context_run(c));
        us = now_us() - begin;
        for (int i = 0; i < s->n; i++) {
            hone_tensor t;
            HONE_TRY(hone_context_data(c, i, &t));
            found[i] = t.data; /* lent: pinned, so the host may look */
        }
        HONE_TRY(compare(s, seed, found, &worst));
    }
    if (s->enqueues > 100)
        s->enqueues = (int)HONE_MIN(ENQUEUES, HONE_MAX(1e6 / us, 100));
    SAW(s, "error %.1e of at most %.0e; %d steps, %d launches", worst, s->tolerance,
        s->info.n_steps, s->info.n_launches);
    return HONE_OK;
}

static hone_status try_place(subject *s, hone_context *c, int place, double *worst)
{
    buffers b = {0};
    hone_status st;

    HONE_TRY_OUT(take(s, place, &b));
    HONE_TRY_OUT(bind(c, &b));
    for (int seed = 0; seed < SEEDS; seed++) {
        HONE_TRY_OUT(load(&b, seed));
        HONE_TRY_OUT(hone_context_run(c));
        HONE_TRY_OUT(check(&b, seed, worst));
    }
out:
    for (int i = 0; i < s->n; i++)
        hone_context_bind(c, i, NULL, 0);
    drop(&b);
    return st;
}

static hone_status row_bindings(subject *s, hone_context *c)
{
    double worst = 0;

    for (int place = HONE_CUDA_PAGEABLE; place <= HONE_CUDA_DEVICE; place++)
        HONE_TRY(try_place(s, c, place, &worst));
    SAW(s, "pageable, pinned and device memory");
    return HONE_OK;
}

/* Bindings that move between runs, on a stream of the caller's, with no wait in between. */
static hone_status row_moving(subject *s, hone_context *c)
{
    buffers b[SEEDS] = {0};
    CUstream stream = NULL;
    double worst = 0;
    hone_status st;

    HONE_TRY_OUT(hone_cuda_stream_create(device, 0, &stream));
    for (int i = 0; i < SEEDS; i++) {
        HONE_TRY_OUT(take(s, HONE_CUDA_DEVICE, &b[i]));
        HONE_TRY_OUT(load(&b[i], i));
    }
    for (int n = 0; n < 5 * SEEDS; n++) {
        HONE_TRY_OUT(bind(c, &b[n % SEEDS]));
        HONE_TRY_OUT(hone_context_enqueue(c, stream));
    }
    HONE_TRY_OUT(hone_cuda_stream_wait(device, stream));
    for (int i = 0; i < SEEDS; i++)
        HONE_TRY_OUT(check(&b[i], i, &worst));
    SAW(s, "%d runs on %d sets of buffers", 5 * SEEDS, SEEDS);
out:
    for (int i = 0; i < s->n; i++)
        hone_context_bind(c, i, NULL, 0);
    for (int i = 0; i < SEEDS; i++)
        drop(&b[i]);
    hone_cuda_stream_destroy(device, stream);
    return st;
}

/* Hash of all outputs after a run. */
static hone_status bits_of(subject *s, hone_context *c, int seed, uint64_t *out)
{
    uint64_t hash = 0;

    for (int i = 0; i < s->info.n_inputs; i++)
        HONE_TRY(hone_context_write(c, i, s->in[seed][i], s->size[i]));
    HONE_TRY(hone_context_run(c));
    for (int i = s->info.n_inputs; i < s->n; i++) {
        hone_tensor t;
        HONE_TRY(hone_context_data(c, i, &t));
        hash = hone_hash(t.data, s->size[i], hash);
    }
    *out = hash;
    return HONE_OK;
}

static hone_status row_bits(subject *s, hone_context *c)
{
    hone_context *other = NULL;
    hone_status st;
    uint64_t first = 0, again = 0;

    HONE_TRY_OUT(hone_context_create(s->engine, NULL, &other));
    HONE_TRY_OUT(bits_of(s, c, 1, &first));
    for (int n = 0; n < 50; n++) {
        HONE_TRY_OUT(bits_of(s, n % 2 ? c : other, 1, &again));
        if (again != first) {
            st = wrong("%s: run %g gives other bits than the first", s->name, n);
            goto out;
        }
        if (n % 8 == 0)
            HONE_TRY_OUT(bits_of(s, other, 2, &again));
    }
    SAW(s, "50 runs of two contexts: %016llx", (unsigned long long)first);
out:
    hone_context_destroy(other);
    return st;
}

/* ---- the steady state ------------------------------------------------------------------------ */

static int by_size(const void *a, const void *b)
{
    const double x = *(const double *)a, y = *(const double *)b;

    return (x > y) - (x < y);
}

static hone_status time_runs(subject *s, hone_context *c, double *us)
{
    hone_run_times t = {.size = sizeof t};

    HONE_TRY(hone_context_timing(c, true));
    for (int n = 0; n < s->enqueues; n++) {
        HONE_TRY(hone_context_enqueue(c, NULL));
        HONE_TRY(hone_context_times(c, &t));
        us[n] = t.device_ms * 1e3;
    }
    return hone_context_timing(c, false);
}

/* What the engine and its contexts hold of the device. Of the board as a whole other processes have
 * their share. */
static hone_status held_by(const subject *s, uint64_t *out)
{
    hone_cuda_device *d = s->engine->gpu->device;

    *out = 0;
    return d->pool
               ? HONE_CU(d, cuMemPoolGetAttribute, d->pool, CU_MEMPOOL_ATTR_USED_MEM_CURRENT, out)
               : HONE_OK;
}

static hone_status check_flat(const subject *s, long calls, uint64_t held)
{
    uint64_t now = 0;

    HONE_TRY(held_by(s, &now));
    if (s->counts.calls != calls)
        return wrong("%s: %g allocations of the host in the steady state", s->name,
                     (double)(s->counts.calls - calls));
    if (now != held)
        return wrong("%s: %g more bytes of the device are held than before", s->name,
                     (double)now - (double)held);
    return HONE_OK;
}

static hone_status row_steady(subject *s, hone_context *unused)
{
    hone_context *c = NULL;
    double *us = calloc((size_t)s->enqueues, sizeof *us);
    uint64_t held = 0;
    hone_status st;

    (void)unused;
    HONE_TRY_OUT(hone_context_create(s->engine, HONE_CONTEXT_OPTIONS(.device_io = true), &c));
    for (int i = 0; i < s->info.n_inputs; i++)
        HONE_TRY_OUT(hone_context_write(c, i, s->in[0][i], s->size[i]));
    HONE_TRY_OUT(time_runs(s, c, us));
    HONE_TRY_OUT(held_by(s, &held));
    const long calls = s->counts.calls;
    HONE_TRY_OUT(time_runs(s, c, us));
    const double begin = now_us();
    for (int n = 0; n < s->enqueues; n++)
        HONE_TRY_OUT(hone_context_enqueue(c, NULL));
    const double given = now_us();
    HONE_TRY_OUT(hone_context_wait(c));
    const double done = now_us();
    HONE_TRY_OUT(check_flat(s, calls, held));
    qsort(us, (size_t)s->enqueues, sizeof *us, by_size);
    const double median = us[s->enqueues / 2], late = us[s->enqueues * 999 / 1000];
    SAW(s,
        "%d enqueues: median %.1f us, p99.9 %.1f us (%.2f of it); back to back %.1f us, the host "
        "%.2f us each",
        s->enqueues, median, late, late / median, (done - begin) / s->enqueues,
        (given - begin) / s->enqueues);
out:
    hone_context_destroy(c);
    free(us);
    return st;
}

/* Medians of so many runs, back to back and waited for, in us each. */
static hone_status time_edges(subject *s, const hone_cuda *cu, double *us)
{
    hone_engine *engine = NULL;
    hone_context *c = NULL;
    hone_status st;

    HONE_TRY_OUT(hone_engine_create_on(cu, s->plan, NULL, &engine));
    HONE_TRY_OUT(hone_context_create(engine, HONE_CONTEXT_OPTIONS(.device_io = true), &c));
    for (int i = 0; i < s->info.n_inputs; i++)
        HONE_TRY_OUT(hone_context_write(c, i, s->in[0][i], s->size[i]));
    for (int round = 0; round < 2; round++) { /* the first warms up */
        const double begin = now_us();
        for (int n = 0; n < s->enqueues / 4; n++)
            HONE_TRY_OUT(hone_context_enqueue(c, NULL));
        HONE_TRY_OUT(hone_context_wait(c));
        *us = (now_us() - begin) / (s->enqueues / 4);
    }
out:
    hone_context_destroy(c);
    hone_engine_destroy(engine);
    return st;
}

/* What programmatic edges bring: the same plan by a driver that has none. */
static hone_status row_edges(subject *s, hone_context *unused)
{
    hone_cuda without = *device->cu;
    double early = 0, full = 0;

    (void)unused;
    without.cuGraphAddDependenciesEx = NULL;
    HONE_TRY(time_edges(s, device->cu, &early));
    HONE_TRY(time_edges(s, &without, &full));
    SAW(s, "back to back: programmatic edges %.1f us, full ones %.1f us", early, full);
    return HONE_OK;
}

/* ---- threads --------------------------------------------------------------------------------- */

typedef struct worker {
    subject *s;
    int seed, runs;
    hone_status status;
    char message[512];
    double worst, us;
} worker;

static hone_status work(worker *w)
{
    hone_context *c = NULL;
    CUstream stream = NULL;
    buffers b = {0};
    hone_status st;

    HONE_TRY_OUT(hone_cuda_enter(device));
    HONE_TRY_OUT(hone_cuda_stream_create(device, 0, &stream));
    HONE_TRY_OUT(hone_context_create(w->s->engine,
                                     HONE_CONTEXT_OPTIONS(.threads = 1, .caller_io = true), &c));
    HONE_TRY_OUT(take(w->s, HONE_CUDA_DEVICE, &b));
    HONE_TRY_OUT(bind(c, &b));
    HONE_TRY_OUT(load(&b, w->seed));
    HONE_TRY_OUT(hone_context_prepare(c));
    const double begin = now_us();
    for (int n = 0; n < w->runs; n++)
        HONE_TRY_OUT(hone_context_enqueue(c, stream));
    HONE_TRY_OUT(hone_cuda_stream_wait(device, stream));
    w->us = now_us() - begin;
    HONE_TRY_OUT(check(&b, w->seed, &w->worst));
out:
    hone_context_destroy(c);
    drop(&b);
    hone_cuda_stream_destroy(device, stream);
    hone_cuda_leave(device);
    return st;
}

static void *run_worker(void *arg)
{
    worker *w = arg;

    w->status = work(w);
    snprintf(w->message, sizeof w->message, "%s", hone_message());
    return NULL;
}

static hone_status work_with(subject *s, int n_threads, double *us)
{
    worker w[THREADS];
    pthread_t threads[THREADS];

    const double begin = now_us();
    for (int i = 0; i < n_threads; i++) {
        w[i] = (worker){.s = s, .seed = i % SEEDS, .runs = s->enqueues / 4};
        if (pthread_create(&threads[i], NULL, run_worker, &w[i]))
            return hone_error(HONE_ERR_STATE, "a thread cannot be made");
    }
    for (int i = 0; i < n_threads; i++)
        pthread_join(threads[i], NULL);
    *us = 0;
    for (int i = 0; i < n_threads; i++) {
        *us = HONE_MAX(*us, w[i].us);
        if (w[i].status != HONE_OK)
            return hone_error(w[i].status, "context %d: %s", i, w[i].message);
    }
    (void)begin;
    return HONE_OK;
}

static hone_status row_streams(subject *s, hone_context *unused)
{
    double one = 0, four = 0;

    (void)unused;
    HONE_TRY(work_with(s, 1, &one));
    HONE_TRY(work_with(s, THREADS, &four));
    SAW(s, "%d contexts on %d streams: %.2f times the throughput of one", THREADS, THREADS,
        THREADS * one / four);
    return HONE_OK;
}

static hone_status row_profile(subject *s, hone_context *c)
{
    hone_run_times t = {.size = sizeof t};
    double sum = 0;

    HONE_TRY(hone_context_profile(c, true));
    for (int n = 0; n < 3; n++)
        HONE_TRY(hone_context_run(c));
    for (int i = 0; i < s->info.n_steps; i++)
        sum += hone_context_step_ms(c)[i];
    HONE_TRY(hone_context_profile(c, false));
    HONE_TRY(hone_context_timing(c, true));
    for (int n = 0; n < 3; n++)
        HONE_TRY(hone_context_run(c));
    HONE_TRY(hone_context_times(c, &t));
    HONE_TRY(hone_context_timing(c, false));
    SAW(s, "steps one by one %.1f us; in %.1f us, steps %.1f us, out %.1f us", sum * 1e3,
        t.h2d_ms * 1e3, t.device_ms * 1e3, t.d2h_ms * 1e3);
    return sum > 0 ? HONE_OK : wrong("%s: the profile's steps took %g ms", s->name, sum);
}

/* From a plan's bytes to the first answer, where the device's context is there already. */
static hone_status row_load(subject *s, hone_context *unused)
{
    hone_plan *plan = NULL;
    hone_engine *engine = NULL;
    hone_context *c = NULL;
    double at[4];
    size_t size;
    hone_status st;

    (void)unused;
    const void *data = hone_plan_data(s->plan, &size);
    at[0] = now_us();
    HONE_TRY_OUT(hone_plan_load(data, size, NULL, &plan));
    HONE_TRY_OUT(hone_engine_create(plan, HONE_ENGINE_OPTIONS(.device = device_text), &engine));
    at[1] = now_us();
    HONE_TRY_OUT(hone_context_create(engine, NULL, &c));
    at[2] = now_us();
    HONE_TRY_OUT(hone_context_run(c));
    at[3] = now_us();
    SAW(s, "engine %.1f ms, context %.1f ms, first run %.1f ms; plan %.1f MB",
        (at[1] - at[0]) * 1e-3, (at[2] - at[1]) * 1e-3, (at[3] - at[2]) * 1e-3,
        (double)size * 1e-6);
out:
    hone_context_destroy(c);
    hone_engine_destroy(engine);
    hone_plan_destroy(plan);
    return st;
}

typedef struct row {
    const char *name;
    hone_status (*run)(subject *s, hone_context *context);
} row;

static const row rows[] = {
    {"answers", row_answers}, {"bindings", row_bindings}, {"moving", row_moving},
    {"bits", row_bits},       {"profile", row_profile},   {"edges", row_edges},
    {"steady", row_steady},   {"streams", row_streams},   {"load", row_load},
};

/* ---- main ------------------------------------------------------------------------------------ */

static int run_rows(subject *s)
{
    int failed = 0;

    for (int i = 0; i < HONE_COUNT(rows); i++) {
        hone_context *c = NULL;
        hone_status st = hone_context_create(s->engine, NULL, &c);
        if (st == HONE_OK)
            st = rows[i].run(s, c);
        hone_context_destroy(c);
        printf("%s %s %-9s %s\n", st == HONE_OK ? "ok  " : "FAIL", s->name, rows[i].name,
               st == HONE_OK ? s->detail : hone_message());
        fflush(stdout);
        failed += st != HONE_OK;
    }
    return failed;
}

static int run_model(const char *name, hone_model *model, bool is_quick)
{
    int failed = 0;

    for (int fp16 = 0; fp16 < 2; fp16++) {
        char text[128];
        snprintf(text, sizeof text, "%s/%s", name, fp16 ? "fp16" : "fp32");
        subject s = {.name = text,
                     .is_fp16 = fp16,
                     .tolerance = fp16 ? 2e-2 : 2e-5,
                     .enqueues = is_quick ? 20 : ENQUEUES};
        if (open_subject(&s, model) != HONE_OK) {
            printf("FAIL %s %s\n", text, hone_message());
            failed++;
        } else {
            failed += run_rows(&s);
        }
        close_subject(&s);
    }
    return failed;
}

typedef struct own_model {
    const char *name;
    bytes (*make)(void);
} own_model;

static const own_model own_models[] = {
    {"dense", dense_model}, {"picture", picture_model}, {"branch", branch_model}};

static int run_own(bool is_quick)
{
    int failed = 0;

    for (int i = 0; i < HONE_COUNT(own_models); i++) {
        bytes b = own_models[i].make();
        hone_model *model = NULL;
        if (hone_model_load(b.v, b.n, NULL, &model) == HONE_OK)
            failed += run_model(own_models[i].name, model, is_quick);
        else
            failed += printf("FAIL %s %s\n", own_models[i].name, hone_message()) > 0;
        hone_model_destroy(model);
        free(b.v);
    }
    return failed;
}

static int run_file(const char *path, bool is_quick)
{
    hone_model *model = NULL;
    int failed;

    if (hone_model_open(path, NULL, &model) == HONE_OK)
        failed = run_model(path, model, is_quick);
    else
        failed = printf("FAIL %s %s\n", path, hone_message()) > 0;
    hone_model_destroy(model);
    return failed;
}

static hone_status open_device(void)
{
    const hone_cuda *cu = NULL;
    hone_compiler_info compiler = {.size = sizeof compiler};
    int ordinal = 0;

    HONE_TRY(hone_cuda_ordinal_parse(device_text, &ordinal));
    HONE_TRY(hone_cuda_open(&cu));
    HONE_TRY(hone_compiler_describe(&compiler));
    HONE_TRY(hone_cuda_device_open(cu, ordinal, NULL, &device));
    return hone_cuda_enter(device);
}

int main(int argc, char **argv)
{
    const bool is_quick = argc > 2 && strcmp(argv[2], "quick") == 0;
    const int first = 2 + is_quick;
    int failed = 0;

    if (argc > 1)
        device_text = argv[1];
    if (open_device() != HONE_OK) {
        printf("skipped: %s\n", hone_message());
        return SKIPPED;
    }
    if (argc <= first)
        failed += run_own(is_quick);
    for (int i = first; i < argc; i++)
        failed += run_file(argv[i], is_quick);
    hone_cuda_leave(device);
    hone_cuda_device_close(device);
    printf("%d failed\n", failed);
    return failed != 0;
}
