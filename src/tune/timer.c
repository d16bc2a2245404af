/* Timing. One allocation holds the arguments of a candidate side by side; it grows and is kept. */
#include "tune/timer.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cuda/stream.h"

#define CHAIN_US  150 /* a chain is about so long, so that its start and its end hardly count */
#define MAX_CHAIN 32
#define RUNS      7
#define ROOM      ((size_t)64 << 20)

static hone_status open_timer(hone_timer *t, int ordinal)
{
    const hone_cuda *cu;

    HONE_TRY(hone_cuda_open(&cu));
    HONE_TRY(hone_cuda_device_open(cu, ordinal, NULL, &t->device));
    const hone_cuda_info *info = &t->device->info;
    snprintf(t->name, sizeof t->name, "%s, %s, %d SMs, CUDA %d.%d", info->name, info->arch,
             info->multiprocessors, info->driver / 1000, info->driver % 1000 / 10);
    HONE_TRY(hone_cuda_enter(t->device));
    hone_status st = hone_cuda_stream_create(t->device, 0, &t->stream);
    if (st == HONE_OK)
        st = hone_cuda_event_create(t->device, true, &t->begin);
    if (st == HONE_OK)
        st = hone_cuda_event_create(t->device, true, &t->end);
    hone_cuda_leave(t->device);
    return st;
}

hone_status hone_timer_create(int ordinal, hone_timer **out)
{
    hone_timer *t;

    HONE_TRY(hone_alloc_zero(NULL, sizeof *t, (void **)&t));
    const hone_status st = open_timer(t, ordinal);
    if (st != HONE_OK)
        hone_timer_destroy(t);
    else
        *out = t;
    return st;
}

void hone_timer_destroy(hone_timer *t)
{
    if (!t)
        return;
    if (t->device && hone_cuda_enter(t->device) == HONE_OK) {
        if (t->memory.size)
            hone_cuda_memory_fini(t->device, t->stream, &t->memory);
        if (t->begin)
            hone_cuda_event_destroy(t->device, t->begin);
        if (t->end)
            hone_cuda_event_destroy(t->device, t->end);
        hone_cuda_stream_destroy(t->device, t->stream);
        hone_cuda_leave(t->device);
    }
    hone_cuda_device_close(t->device);
    hone_free(NULL, t, sizeof *t);
}

const char *hone_timer_device(const hone_timer *t)
{
    return t->name;
}

/* ---- arguments ------------------------------------------------------------------------------- */

static size_t bytes_of_arg(const hone_candidate *c, const hone_timer_buffer *buffers, int i)
{
    switch (c->args[i].kind) {
    case HONE_GPU_IN:
    case HONE_GPU_OUT: return buffers[i].size;
    case HONE_GPU_SCRATCH: return c->scratch_bytes;
    case HONE_GPU_TICKETS: return 4 * c->n_tickets;
    default: return 0;
    }
}

static hone_status make_room(hone_timer *t, size_t size)
{
    if (size <= t->memory.size)
        return HONE_OK;
    if (t->memory.size)
        hone_cuda_memory_fini(t->device, t->stream, &t->memory);
    return hone_cuda_memory_init(t->device, hone_align_up(size, ROOM), t->stream, &t->memory);
}

static hone_status set_addresses(hone_timer *t, const hone_candidate *c,
                                 const hone_timer_buffer *buffers, hone_timer_args *a)
{
    size_t total = 0, at = 0;

    for (int i = 0; i < c->n_args; i++)
        total += hone_align_up(bytes_of_arg(c, buffers, i) + 256, 256);
    HONE_TRY(make_room(t, total));
    for (int i = 0; i < c->n_args; i++) {
        const size_t size = bytes_of_arg(c, buffers, i);
        const bool is_float = c->args[i].kind <= HONE_GPU_OUT && buffers[i].is_float;
        if (size == 0)
            continue;
        a->slots[i] = t->memory.at + at;
        HONE_TRY(HONE_CU(t->device, cuMemsetD8Async, t->memory.at + at,
                         is_float ? HONE_TIMER_FILL : 0, size, t->stream));
        at += hone_align_up(size + 256, 256);
    }
    return HONE_OK;
}

hone_status hone_timer_launch(hone_timer *t, const hone_candidate *c, CUmodule module,
                              hone_timer_args *a, hone_cuda_launch *launch, bool *fits)
{
    const hone_cuda_kernel_options options = {
        .shared_bytes = c->shared_bytes,
        .carveout = 100,
        .wide_clusters = c->cluster[0] * c->cluster[1] * c->cluster[2] > 8};
    hone_cuda_kernel kernel;
    int n = 0;

    HONE_TRY(hone_cuda_kernel_find(t->device, module, c->kernel->name, &options, &kernel));
    *fits = (uint32_t)kernel.max_threads >= c->block[0] * c->block[1] * c->block[2];
    for (int i = 0; i < c->n_args; i++) {
        a->slots[i] = (uint64_t)c->args[i].number;
        if (!c->args[i].is_joined)
            a->args[n++] = &a->slots[i];
    }
    *launch = (hone_cuda_launch){.function = kernel.function,
                                 .shared_bytes = c->shared_bytes,
                                 .is_programmatic = true,
                                 .args = a->args};
    memcpy(launch->grid, c->grid, sizeof launch->grid);
    memcpy(launch->block, c->block, sizeof launch->block);
    memcpy(launch->cluster, c->cluster, sizeof launch->cluster);
    return HONE_OK;
}

/* ---- runs ------------------------------------------------------------------------------------ */

static hone_status chain(hone_timer *t, const hone_cuda_launch *launch, int n, hone_cuda_exec **out)
{
    hone_cuda_graph *graph = NULL;
    hone_cuda_edge edge = {.is_programmatic = launch->is_programmatic};
    hone_status st = hone_cuda_graph_create(t->device, &graph);

    for (int i = 0; st == HONE_OK && i < n; i++) {
        CUgraphNode node;
        st = hone_cuda_graph_kernel(graph, launch, &edge, i > 0, &node);
        edge.from = node;
    }
    if (st == HONE_OK)
        st = hone_cuda_exec_create(graph, t->stream, out);
    hone_cuda_graph_destroy(graph);
    return st;
}

static hone_status run_once(hone_timer *t, hone_cuda_exec *exec, double *us)
{
    float ms = 0;

    HONE_TRY(HONE_CU(t->device, cuEventRecord, t->begin, t->stream));
    HONE_TRY(hone_cuda_exec_launch(exec, t->stream));
    HONE_TRY(HONE_CU(t->device, cuEventRecord, t->end, t->stream));
    HONE_TRY(hone_cuda_stream_wait(t->device, t->stream));
    HONE_TRY(HONE_CU(t->device, cuEventElapsedTime, &ms, t->begin, t->end));
    *us = (double)ms * 1e3;
    return HONE_OK;
}

static int by_value(const void *a, const void *b)
{
    const double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

hone_status hone_timer_median(hone_timer *t, hone_cuda_exec *exec, int runs, double *us)
{
    double times[HONE_TIMER_RUNS];

    runs = HONE_MIN(runs, HONE_TIMER_RUNS);
    HONE_TRY(run_once(t, exec, &times[0])); /* to warm up */
    for (int i = 0; i < runs; i++)
        HONE_TRY(run_once(t, exec, &times[i]));
    qsort(times, (size_t)runs, sizeof *times, by_value);
    *us = times[runs / 2];
    return HONE_OK;
}

static hone_status time_copies(hone_timer *t, const hone_cuda_launch *launch, int n, int runs,
                               double *us)
{
    hone_cuda_exec *exec = NULL;
    hone_status st = chain(t, launch, n, &exec);

    if (st == HONE_OK)
        st = hone_timer_median(t, exec, runs, us);
    hone_cuda_exec_destroy(exec);
    *us /= n;
    return st;
}

static hone_status measure(hone_timer *t, const hone_candidate *c, CUmodule module,
                           const hone_timer_buffer *buffers, double *us)
{
    hone_timer_args args;
    hone_cuda_launch launch;
    double first;
    bool fits;

    HONE_TRY(hone_timer_launch(t, c, module, &args, &launch, &fits));
    if (!fits)
        return HONE_OK;
    HONE_TRY(set_addresses(t, c, buffers, &args));
    HONE_TRY(time_copies(t, &launch, 4, 1, &first));
    launch.is_programmatic = !hone_gpu_waits(first);
    const int n = HONE_MAX(2, HONE_MIN(MAX_CHAIN, (int)(CHAIN_US / HONE_MAX(first, 0.5))));
    return time_copies(t, &launch, n, RUNS, us);
}

hone_status hone_timer_measure(hone_timer *t, const hone_candidate *c, hone_bytes image,
                               const hone_timer_buffer *buffers, double *us)
{
    CUmodule module = NULL;

    *us = -1;
    HONE_TRY(hone_cuda_enter(t->device));
    hone_status st = hone_cuda_module_load(t->device, image, c->kernel->name, &module);
    if (st == HONE_OK)
        st = measure(t, c, module, buffers, us);
    if (module)
        hone_cuda_module_unload(t->device, module);
    hone_cuda_leave(t->device);
    if (st != HONE_OK && hone_cuda_device_status(t->device) == HONE_OK && *us < 0)
        st = HONE_OK; /* this launch was refused; others may do */
    return st == HONE_OK ? st : hone_while(st, "timing %s", hone_candidate_name(c));
}
