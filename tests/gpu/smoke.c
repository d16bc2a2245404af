/* The driver's side of Hone on a real GPU: smoke tests/gpu/smoke.cu [DEVICE [quick]]
 *
 * Each row of the table does one thing, compares every element with what the host computes, on
 * outputs that were poisoned before, and says what it saw. `quick`, for runs under a checking tool,
 * leaves out what is timed and what fails on purpose. Exit status 77 where there is no GPU. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/file.h"
#include "cuda/graph.h"
#include "cuda/nvml.h"
#include "cuda/nvrtc.h"
#include "cuda/staging.h"
#include "cuda/stream.h"
#include "cuda/tensor_map.h"

enum {
    LINKS = 50,             /* kernels of the chain */
    CHAIN = 10000,          /* elements that the chain works on */
    REPLAYS = 1000,         /* timed ones of a graph */
    BATCH = 20,             /* replays between two events */
    COPY = (20 << 20) + 13, /* bytes copied there and back */
    POISON = 0xA5,
    SKIPPED = 77
};

typedef struct bench {
    hone_cuda_device *device;
    const hone_nvrtc *nvrtc;
    hone_nvrtc_text source;
    CUstream stream;
    CUmodule module;
    hone_cuda_staging *staging;
    hone_cuda_memory x, y; /* COPY bytes each */
    uint32_t *host;        /* COPY bytes */
    char detail[512];      /* what the present row saw */
    bool is_skipped;
} bench;

static double now_ms(void)
{
    struct timespec t;

    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec * 1e3 + (double)t.tv_nsec * 1e-6;
}

#define SAW(b, ...) snprintf((b)->detail, sizeof(b)->detail, __VA_ARGS__)

static hone_status wrong(const char *what, size_t at, uint32_t found, uint32_t wanted)
{
    return hone_error(HONE_ERR_DEVICE, "%s: element %zu is 0x%x; it has to be 0x%x", what, at,
                      found, wanted);
}

static hone_status skip_row(bench *b, const char *why)
{
    b->is_skipped = true;
    SAW(b, "%s", why);
    return HONE_OK;
}

static hone_status poison(bench *b, hone_cuda_memory *memory)
{
    memset(b->host, POISON, COPY);
    return HONE_CU(b->device, cuMemsetD8Async, memory->at, POISON, memory->size, b->stream);
}

/* ---- rows ---- */

static hone_status row_copies(bench *b)
{
    unsigned char *host = (unsigned char *)b->host, *back = NULL;
    hone_status st;

    HONE_TRY_OUT(hone_alloc(NULL, COPY, (void **)&back));
    HONE_TRY_OUT(poison(b, &b->x));
    for (size_t i = 0; i < COPY; i++)
        host[i] = (unsigned char)(i * 2654435761u >> 13);
    memset(back, POISON, COPY);
    const double start = now_ms();
    HONE_TRY_OUT(hone_cuda_upload(b->staging, b->stream, b->x.at, host, COPY));
    HONE_TRY_OUT(hone_cuda_stream_wait(b->device, b->stream));
    const double up = now_ms();
    HONE_TRY_OUT(hone_cuda_download(b->staging, b->stream, back, b->x.at, COPY));
    const double down = now_ms();
    for (size_t i = 0; i < COPY; i++)
        if (host[i] != back[i])
            HONE_TRY_OUT(wrong("copying there and back", i, back[i], host[i]));
    SAW(b, "pageable memory up %.1f GB/s, down %.1f GB/s", COPY / (up - start) * 1e-6,
        COPY / (down - up) * 1e-6);
out:
    hone_free(NULL, back, COPY);
    return st;
}

static hone_status row_places(bench *b)
{
    void *pinned = NULL;
    hone_status st = HONE_OK;

    HONE_TRY_OUT(hone_cuda_pinned_alloc(b->device, 4096, &pinned));
    if (hone_cuda_place_of(b->device, pinned) != HONE_CUDA_PINNED ||
        hone_cuda_place_of(b->device, b) != HONE_CUDA_PAGEABLE ||
        hone_cuda_place_of(b->device, (void *)(uintptr_t)b->x.at) != HONE_CUDA_DEVICE)
        st = hone_error(
            HONE_ERR_DEVICE,
            "telling pinned, pageable and device memory apart: one is taken for another");
    SAW(b, "pinned, pageable and device memory told apart");
out:
    hone_cuda_pinned_free(b->device, pinned);
    return st;
}

static hone_status load(bench *b, const char *arch, CUmodule *out, double *compile_ms,
                        double *load_ms)
{
    const hone_nvrtc_job job = {.source = b->source, .arch = arch};
    hone_nvrtc_result result;
    const double start = now_ms();

    HONE_TRY(hone_nvrtc_compile(b->nvrtc, NULL, &job, &result));
    *compile_ms = now_ms() - start;
    const hone_status st = hone_cuda_module_load(b->device, result.image, b->source.name, out);
    *load_ms = now_ms() - start - *compile_ms;
    hone_nvrtc_result_fini(NULL, &result);
    return st;
}

static hone_status row_compile(bench *b)
{
    double compile_ms, load_ms;

    HONE_TRY(load(b, b->device->info.arch, &b->module, &compile_ms, &load_ms));
    SAW(b, "NVRTC %d.%d for %s: compiled in %.0f ms, loaded in %.1f ms",
        hone_nvrtc_describe(b->nvrtc)->major, hone_nvrtc_describe(b->nvrtc)->minor,
        b->device->info.arch, compile_ms, load_ms);
    return HONE_OK;
}

static hone_status row_ptx(bench *b)
{
    char arch[32];
    CUmodule module;
    double compile_ms, load_ms;

    snprintf(arch, sizeof arch, "compute_%s", b->device->info.arch + 3);
    HONE_TRY(load(b, arch, &module, &compile_ms, &load_ms));
    hone_cuda_module_unload(b->device, module);
    SAW(b, "PTX for %s: made in %.0f ms, compiled by the driver in %.1f ms", arch, compile_ms,
        load_ms);
    return HONE_OK;
}

static hone_status row_foreign(bench *b)
{
    const char *arch = b->device->info.major == 8 ? "sm_75" : "sm_80";
    CUmodule module;
    double compile_ms, load_ms;

    if (load(b, arch, &module, &compile_ms, &load_ms) != HONE_ERR_MISMATCH)
        return hone_error(HONE_ERR_DEVICE, "loading kernels for %s: they are not refused", arch);
    SAW(b, "kernels for %s are refused", arch);
    return HONE_OK;
}

/* The chain on the host: link k adds k + by. */
static void chain_on_host(uint32_t *x, uint32_t by)
{
    for (size_t i = 0; i < CHAIN; i++)
        for (uint32_t k = 0; k < LINKS; k++)
            x[i] = 3 * x[i] + k + by;
}

typedef struct chain {
    bench *b;
    hone_cuda_kernel kernel;
    uint32_t by[LINKS];
    int n;
    void *args[LINKS][3];
    hone_cuda_launch links[LINKS];
} chain;

static hone_status make_chain(bench *b, bool is_programmatic, chain *c)
{
    c->b = b;
    c->n = CHAIN;
    HONE_TRY(hone_cuda_kernel_find(b->device, b->module, "link", NULL, &c->kernel));
    for (int k = 0; k < LINKS; k++) {
        c->by[k] = (uint32_t)k;
        c->args[k][0] = &b->x.at;
        c->args[k][1] = &c->by[k];
        c->args[k][2] = &c->n;
        c->links[k] = (hone_cuda_launch){
            .function = c->kernel.function,
            .grid = {(CHAIN + 127) / 128, 1, 1},
            .block = {128, 1, 1},
            .is_programmatic = is_programmatic && k > 0,
            .args = c->args[k],
        };
    }
    return HONE_OK;
}

static hone_status record_chain(void *user, CUstream stream)
{
    chain *c = user;

    for (int k = 0; k < LINKS; k++)
        HONE_TRY(hone_cuda_launch_on(c->b->device, stream, &c->links[k]));
    return HONE_OK;
}

static hone_status set_chain_input(bench *b)
{
    HONE_TRY(poison(b, &b->x));
    for (uint32_t i = 0; i < CHAIN; i++)
        b->host[i] = i * 2654435761u;
    return hone_cuda_upload(b->staging, b->stream, b->x.at, b->host, CHAIN * sizeof *b->host);
}

/* One run of `launch` on known numbers, against the host. */
static hone_status check_chain(bench *b, hone_status (*launch)(void *user), void *user, uint32_t by)
{
    uint32_t *found = NULL;
    hone_status st;

    HONE_TRY_OUT(hone_alloc(NULL, CHAIN * sizeof *found, (void **)&found));
    HONE_TRY_OUT(set_chain_input(b));
    HONE_TRY_OUT(launch(user));
    HONE_TRY_OUT(hone_cuda_download(b->staging, b->stream, found, b->x.at, CHAIN * sizeof *found));
    chain_on_host(b->host, by);
    for (size_t i = 0; i < CHAIN; i++)
        if (found[i] != b->host[i])
            HONE_TRY_OUT(wrong("the chain of kernels", i, found[i], b->host[i]));
out:
    hone_free(NULL, found, CHAIN * sizeof *found);
    return st;
}

static int compare_floats(const void *a, const void *b)
{
    const float x = *(const float *)a, y = *(const float *)b;

    return (x > y) - (x < y);
}

/* The median time of one launch, of batches between two events. */
static hone_status time_chain(bench *b, hone_status (*launch)(void *user), void *user, float *us)
{
    float times[REPLAYS / BATCH];
    CUevent start = NULL, end = NULL;
    hone_status st;

    HONE_TRY_OUT(hone_cuda_event_create(b->device, true, &start));
    HONE_TRY_OUT(hone_cuda_event_create(b->device, true, &end));
    for (int i = -5; i < REPLAYS / BATCH; i++) { /* the first five warm up */
        float *ms = &times[i < 0 ? 0 : i];
        HONE_TRY_OUT(HONE_CU(b->device, cuEventRecord, start, b->stream));
        for (int k = 0; k < BATCH; k++)
            HONE_TRY_OUT(launch(user));
        HONE_TRY_OUT(HONE_CU(b->device, cuEventRecord, end, b->stream));
        HONE_TRY_OUT(HONE_CU(b->device, cuEventSynchronize, end));
        HONE_TRY_OUT(HONE_CU(b->device, cuEventElapsedTime, ms, start, end));
    }
    qsort(times, HONE_COUNT(times), sizeof times[0], compare_floats);
    *us = times[HONE_COUNT(times) / 2] * 1000 / BATCH;
out:
    hone_cuda_event_destroy(b->device, end);
    hone_cuda_event_destroy(b->device, start);
    return st;
}

static hone_status launch_stream(void *user)
{
    chain *c = user;

    return record_chain(c, c->b->stream);
}

static hone_status stream_row(bench *b, bool is_programmatic)
{
    chain c;
    float us;

    HONE_TRY(make_chain(b, is_programmatic, &c));
    HONE_TRY(check_chain(b, launch_stream, &c, 0));
    HONE_TRY(time_chain(b, launch_stream, &c, &us));
    SAW(b, "%d kernels in %.1f us: %.2f each", LINKS, us, us / LINKS);
    return HONE_OK;
}

static hone_status row_stream(bench *b)
{
    return stream_row(b, false);
}

static hone_status row_stream_programmatic(bench *b)
{
    return hone_cuda_is_programmatic(b->device) ? stream_row(b, true)
                                                : skip_row(b, "needs compute capability 9.0");
}

typedef struct replay {
    bench *b;
    hone_cuda_exec *exec;
} replay;

static hone_status launch_graph(void *user)
{
    replay *r = user;

    return hone_cuda_exec_launch(r->exec, r->b->stream);
}

static hone_status check_and_time(bench *b, hone_cuda_exec *exec)
{
    replay r = {b, exec};
    hone_nvml_board board = hone_nvml_board_of(b->device->info.pci);
    float us;

    for (int i = 0; i < 100; i++)
        HONE_TRY(check_chain(b, launch_graph, &r, 0));
    const hone_nvml_state before = hone_nvml_read(board);
    HONE_TRY(time_chain(b, launch_graph, &r, &us));
    SAW(b, "%d kernels in %.1f us: %.2f each; right in 100 of 100 replays; SM clock %u MHz", LINKS,
        us, us / LINKS, before.clock_mhz);
    return HONE_OK;
}

static hone_status build_chain(chain *c, bool is_programmatic, hone_cuda_graph **out,
                               CUgraphNode *nodes)
{
    hone_cuda_graph *graph;

    HONE_TRY(hone_cuda_graph_create(c->b->device, &graph));
    for (int k = 0; k < LINKS; k++) {
        const hone_cuda_edge edge = {k ? nodes[k - 1] : NULL, is_programmatic};
        const hone_status st = hone_cuda_graph_kernel(graph, &c->links[k], &edge, k > 0, &nodes[k]);
        if (st != HONE_OK) {
            hone_cuda_graph_destroy(graph);
            return st;
        }
    }
    *out = graph;
    return HONE_OK;
}

static hone_status graph_row(bench *b, bool is_programmatic, bool is_captured)
{
    hone_cuda_graph *graph = NULL;
    hone_cuda_exec *exec = NULL;
    CUgraphNode nodes[LINKS];
    chain c;
    hone_status st;

    HONE_TRY_OUT(make_chain(b, is_programmatic, &c));
    if (is_captured)
        HONE_TRY_OUT(hone_cuda_graph_capture(b->device, b->stream, record_chain, &c, &graph));
    else
        HONE_TRY_OUT(build_chain(&c, is_programmatic, &graph, nodes));
    HONE_TRY_OUT(hone_cuda_exec_create(graph, b->stream, &exec));
    HONE_TRY_OUT(check_and_time(b, exec));
out:
    hone_cuda_exec_destroy(exec);
    hone_cuda_graph_destroy(graph);
    return st;
}

static hone_status row_graph(bench *b)
{
    return graph_row(b, false, false);
}

static hone_status row_graph_programmatic(bench *b)
{
    return hone_cuda_is_programmatic(b->device) ? graph_row(b, true, false)
                                                : skip_row(b, "needs compute capability 9.0");
}

static hone_status row_capture(bench *b)
{
    return graph_row(b, true, true);
}

/* The graph takes other parameters: all at once from another graph, then one node's back. */
static hone_status row_update(bench *b)
{
    hone_cuda_graph *graph = NULL, *other = NULL;
    replay r = {b, NULL};
    CUgraphNode nodes[LINKS], other_nodes[LINKS];
    chain c, d;
    hone_status st;

    HONE_TRY_OUT(make_chain(b, false, &c));
    HONE_TRY_OUT(make_chain(b, false, &d));
    for (int k = 0; k < LINKS; k++)
        d.by[k] += 100;
    HONE_TRY_OUT(build_chain(&c, false, &graph, nodes));
    HONE_TRY_OUT(build_chain(&d, false, &other, other_nodes));
    HONE_TRY_OUT(hone_cuda_exec_create(graph, b->stream, &r.exec));
    HONE_TRY_OUT(check_chain(b, launch_graph, &r, 0));
    HONE_TRY_OUT(hone_cuda_exec_update(r.exec, other));
    HONE_TRY_OUT(check_chain(b, launch_graph, &r, 100));
    const double start = now_ms();
    for (int k = 0; k < LINKS; k++)
        HONE_TRY_OUT(hone_cuda_exec_set_kernel(r.exec, nodes[k], &c.links[k]));
    const double us = (now_ms() - start) * 1000 / LINKS;
    HONE_TRY_OUT(check_chain(b, launch_graph, &r, 0));
    SAW(b, "a graph of the same shape, and node by node: %.2f us each on the host", us);
out:
    hone_cuda_exec_destroy(r.exec);
    hone_cuda_graph_destroy(other);
    hone_cuda_graph_destroy(graph);
    return st;
}

/* Fill, copy, kernel, copy in one graph. */
static hone_status row_nodes(bench *b)
{
    enum {
        N = 1000
    };
    uint32_t *pinned = NULL;
    hone_cuda_graph *graph = NULL;
    replay r = {b, NULL};
    hone_cuda_kernel kernel;
    CUgraphNode node;
    uint32_t by = 5;
    int n = N;
    hone_status st;

    HONE_TRY_OUT(hone_cuda_pinned_alloc(b->device, N * sizeof *pinned, (void **)&pinned));
    HONE_TRY_OUT(hone_cuda_kernel_find(b->device, b->module, "link", NULL, &kernel));
    HONE_TRY_OUT(hone_cuda_graph_create(b->device, &graph));
    const hone_cuda_launch link = {.function = kernel.function,
                                   .grid = {8, 1, 1},
                                   .block = {128, 1, 1},
                                   .args = (void *[]){&b->y.at, &by, &n}};
    const hone_cuda_copy over = {.dst = b->y.at, .src = b->x.at, .size = N * 4};
    const hone_cuda_copy home = {
        .dst = (uintptr_t)pinned, .src = b->y.at, .size = N * 4, .dst_is_host = true};
    HONE_TRY_OUT(hone_cuda_graph_fill(graph, b->x.at, 1, N * 4, NULL, 0, &node));
    HONE_TRY_OUT(hone_cuda_graph_copy(graph, &over, &(hone_cuda_edge){node, false}, 1, &node));
    HONE_TRY_OUT(hone_cuda_graph_kernel(graph, &link, &(hone_cuda_edge){node, false}, 1, &node));
    HONE_TRY_OUT(hone_cuda_graph_copy(graph, &home, &(hone_cuda_edge){node, false}, 1, &node));
    HONE_TRY_OUT(hone_cuda_exec_create(graph, b->stream, &r.exec));
    HONE_TRY_OUT(poison(b, &b->x));
    HONE_TRY_OUT(poison(b, &b->y));
    memset(pinned, POISON, N * sizeof *pinned);
    HONE_TRY_OUT(launch_graph(&r));
    HONE_TRY_OUT(hone_cuda_stream_wait(b->device, b->stream));
    for (size_t i = 0; i < N; i++)
        if (pinned[i] != 3 * 0x01010101u + by)
            HONE_TRY_OUT(wrong("fill, copy, kernel, copy", i, pinned[i], 3 * 0x01010101u + by));
    SAW(b, "fill, copy, kernel and copy to the host in one graph");
out:
    hone_cuda_exec_destroy(r.exec);
    hone_cuda_graph_destroy(graph);
    hone_cuda_pinned_free(b->device, pinned);
    return st;
}

static hone_status row_cluster(bench *b)
{
    enum {
        SIZE = 8,
        BLOCKS = 64
    };
    hone_cuda_kernel kernel;
    int n;

    if (!b->device->info.has_clusters)
        return skip_row(b, "needs compute capability 9.0");
    HONE_TRY(hone_cuda_kernel_find(b->device, b->module, "cluster", NULL, &kernel));
    const hone_cuda_launch launch = {.function = kernel.function,
                                     .grid = {BLOCKS, 1, 1},
                                     .block = {64, 1, 1},
                                     .cluster = {SIZE, 1, 1},
                                     .args = (void *[]){&b->y.at}};
    HONE_TRY(hone_cuda_clusters_at_once(b->device, &launch, &n));
    HONE_TRY(poison(b, &b->y));
    HONE_TRY(hone_cuda_launch_on(b->device, b->stream, &launch));
    HONE_TRY(hone_cuda_download(b->staging, b->stream, b->host, b->y.at, BLOCKS * 8));
    for (uint32_t i = 0; i < BLOCKS; i++)
        if (b->host[2 * i] != i % SIZE || b->host[2 * i + 1] != SIZE)
            return wrong("a block's rank in its cluster", i, b->host[2 * i], i % SIZE);
    SAW(b, "clusters of %d blocks; %d run at once", SIZE, n);
    return HONE_OK;
}

static hone_status row_shared(bench *b)
{
    const uint32_t bytes = (uint32_t)b->device->info.shared_per_block;
    const hone_cuda_kernel_options o = {.shared_bytes = bytes, .carveout = 100};
    int n = (int)(bytes / 4);
    hone_cuda_kernel kernel;

    HONE_TRY(hone_cuda_kernel_find(b->device, b->module, "reverse", &o, &kernel));
    const hone_cuda_launch launch = {.function = kernel.function,
                                     .grid = {1, 1, 1},
                                     .block = {256, 1, 1},
                                     .shared_bytes = bytes,
                                     .args = (void *[]){&b->y.at, &b->x.at, &n}};
    HONE_TRY(poison(b, &b->y));
    for (int i = 0; i < n; i++)
        b->host[i] = (uint32_t)i;
    HONE_TRY(hone_cuda_upload(b->staging, b->stream, b->x.at, b->host, bytes));
    HONE_TRY(hone_cuda_launch_on(b->device, b->stream, &launch));
    HONE_TRY(hone_cuda_download(b->staging, b->stream, b->host, b->y.at, bytes));
    for (int i = 0; i < n; i++)
        if (b->host[i] != (uint32_t)(n - 1 - i))
            return wrong("reversing by shared memory", (size_t)i, b->host[i],
                         (uint32_t)(n - 1 - i));
    SAW(b, "all %u bytes that a block can have", bytes);
    return HONE_OK;
}

static hone_status row_tensor_map(bench *b)
{
    enum {
        WIDTH = 48,
        HEIGHT = 40,
        BOX = 32
    };
    const hone_cuda_tiled tiled = {.dtype = HONE_U32,
                                   .rank = 2,
                                   .at = b->x.at,
                                   .extent = {WIDTH, HEIGHT},
                                   .stride = {4, WIDTH * 4},
                                   .box = {BOX, BOX}};
    int column = 20, row = 16; /* a corner of the box lies outside */
    hone_cuda_kernel kernel;
    CUtensorMap map;

    if (!b->device->info.has_tensor_maps)
        return skip_row(b, "needs compute capability 9.0");
    HONE_TRY(hone_cuda_tensor_map(b->device, &tiled, &map));
    HONE_TRY(hone_cuda_kernel_find(b->device, b->module, "box", NULL, &kernel));
    HONE_TRY(poison(b, &b->x));
    HONE_TRY(poison(b, &b->y));
    for (uint32_t i = 0; i < WIDTH * HEIGHT; i++)
        b->host[i] = i + 1;
    HONE_TRY(hone_cuda_upload(b->staging, b->stream, b->x.at, b->host, WIDTH * HEIGHT * 4));
    const hone_cuda_launch launch = {.function = kernel.function,
                                     .grid = {1, 1, 1},
                                     .block = {128, 1, 1},
                                     .args = (void *[]){&b->y.at, &map, &column, &row}};
    HONE_TRY(hone_cuda_launch_on(b->device, b->stream, &launch));
    HONE_TRY(hone_cuda_download(b->staging, b->stream, b->host, b->y.at, BOX * BOX * 4));
    for (int i = 0; i < BOX * BOX; i++) {
        const int x = column + i % BOX, y = row + i / BOX;
        const uint32_t wanted = x < WIDTH && y < HEIGHT ? (uint32_t)(y * WIDTH + x + 1) : 0;
        if (b->host[i] != wanted)
            return wrong("a box by the bulk copy engine", (size_t)i, b->host[i], wanted);
    }
    SAW(b, "a box by the bulk copy engine, zeros outside the tensor");
    return HONE_OK;
}

/* A kernel of this device reads and writes memory of the next one; a copy brings it back. */
static hone_status reach(bench *b, hone_cuda_device *peer, hone_cuda_memory *theirs)
{
    enum {
        N = 1000
    };
    uint32_t by = 5;
    int n = N;
    hone_cuda_kernel kernel;

    HONE_TRY(hone_cuda_device_reach(b->device, peer));
    HONE_TRY(hone_cuda_enter(peer));
    hone_status st = hone_cuda_memory_init(peer, N * 4, NULL, theirs);
    if (st == HONE_OK)
        st = HONE_CU(peer, cuCtxSynchronize);
    hone_cuda_leave(peer);
    HONE_TRY(st);
    HONE_TRY(hone_cuda_kernel_find(b->device, b->module, "link", NULL, &kernel));
    const hone_cuda_launch link = {.function = kernel.function,
                                   .grid = {8, 1, 1},
                                   .block = {128, 1, 1},
                                   .args = (void *[]){&theirs->at, &by, &n}};
    HONE_TRY(HONE_CU(b->device, cuMemsetD8Async, theirs->at, 1, N * 4, b->stream));
    HONE_TRY(hone_cuda_launch_on(b->device, b->stream, &link));
    HONE_TRY(poison(b, &b->y));
    HONE_TRY(HONE_CU(b->device, cuMemcpyPeerAsync, b->y.at, b->device->context, theirs->at,
                     peer->context, N * 4, b->stream));
    HONE_TRY(hone_cuda_download(b->staging, b->stream, b->host, b->y.at, N * 4));
    for (size_t i = 0; i < N; i++)
        if (b->host[i] != 3 * 0x01010101u + by)
            return wrong("memory of another device", i, b->host[i], 3 * 0x01010101u + by);
    SAW(b, "%s works on memory of %s", b->device->label, peer->label);
    return HONE_OK;
}

static hone_status row_peer(bench *b)
{
    hone_cuda_device *peer = NULL;
    hone_cuda_memory theirs = {0};
    hone_status st;
    int n;

    HONE_TRY(hone_cuda_count(b->device->cu, &n));
    if (n < 2)
        return skip_row(b, "needs two devices");
    HONE_TRY(hone_cuda_device_open(b->device->cu, (b->device->info.ordinal + 1) % n, NULL, &peer));
    st = reach(b, peer, &theirs);
    if (hone_cuda_enter(peer) == HONE_OK) {
        hone_cuda_memory_fini(peer, NULL, &theirs);
        hone_cuda_leave(peer);
    }
    hone_cuda_device_close(peer);
    return st;
}

static hone_status row_too_much(bench *b)
{
    hone_cuda_memory memory;

    if (hone_cuda_memory_init(b->device, b->device->info.memory * 2, b->stream, &memory) !=
        HONE_ERR_MEMORY)
        return hone_error(HONE_ERR_DEVICE,
                          "allocating twice the device's memory: it is not refused");
    HONE_TRY(hone_cuda_memory_init(b->device, 1 << 20, b->stream, &memory));
    hone_cuda_memory_fini(b->device, b->stream, &memory);
    SAW(b, "refused with a message; a smaller piece is given afterwards");
    return hone_cuda_device_status(b->device);
}

static hone_status row_energy(bench *b)
{
    const hone_nvml_state s = hone_nvml_read(hone_nvml_board_of(b->device->info.pci));

    if (!s.energy_mj)
        return skip_row(b, "the board does not say");
    SAW(b, "%.0f W of %.0f W, SMs at %u of %u MHz, %u C%s; driver %s", s.power_mw * 1e-3,
        s.power_limit_mw * 1e-3, s.clock_mhz, s.max_clock_mhz, s.temperature_c,
        s.is_slowed ? ", slowed" : "", hone_nvml_driver());
    return HONE_OK;
}

/* The last row: it breaks the context for good. */
static hone_status row_sticky(bench *b)
{
    hone_cuda_kernel kernel;

    HONE_TRY(hone_cuda_kernel_find(b->device, b->module, "trespass", NULL, &kernel));
    const hone_cuda_launch launch = {.function = kernel.function,
                                     .grid = {1, 1, 1},
                                     .block = {1, 1, 1},
                                     .args = (void *[]){&b->y.at}};
    HONE_TRY(hone_cuda_launch_on(b->device, b->stream, &launch));
    if (hone_cuda_stream_wait(b->device, b->stream) != HONE_ERR_DEVICE ||
        hone_cuda_device_status(b->device) != HONE_ERR_STATE)
        return hone_error(HONE_ERR_DEVICE, "writing where nothing is: nobody notices");
    SAW(b, "%s is reported and stays", hone_cuda_result_of(b->device->failed)->name);
    return HONE_OK;
}

typedef struct row {
    const char *name;
    hone_status (*run)(bench *b);
    bool is_slow; /* timed, or fails on purpose */
} row;

static const row rows[] = {
    {"copies", row_copies, true},
    {"places", row_places, true},
    {"compile", row_compile, false},
    {"ptx", row_ptx, false},
    {"foreign image", row_foreign, true},
    {"shared memory", row_shared, false},
    {"clusters", row_cluster, false},
    {"tensor map", row_tensor_map, false},
    {"peer", row_peer, true},
    {"graph nodes", row_nodes, false},
    {"graph update", row_update, false},
    {"stream", row_stream, true},
    {"stream, programmatic", row_stream_programmatic, true},
    {"graph", row_graph, true},
    {"graph, programmatic", row_graph_programmatic, true},
    {"graph, captured", row_capture, true},
    {"too much memory", row_too_much, true},
    {"board", row_energy, false},
    {"sticky error", row_sticky, true},
};

static int run_rows(bench *b, bool is_quick)
{
    int failed = 0;

    for (int i = 0; i < HONE_COUNT(rows); i++) {
        if (is_quick && rows[i].is_slow)
            continue;
        b->detail[0] = '\0';
        b->is_skipped = false;
        const hone_status st = rows[i].run(b);
        failed += st != HONE_OK;
        printf("%-4s %-22s %s\n",
               st != HONE_OK   ? "FAIL"
               : b->is_skipped ? "skip"
                               : "ok",
               rows[i].name, st != HONE_OK ? hone_message() : b->detail);
        fflush(stdout);
    }
    printf("%d of %d rows failed on %s\n", failed, HONE_COUNT(rows), b->device->label);
    return failed != 0;
}

static hone_status open_bench(bench *b, const char *device)
{
    const hone_cuda *cu;
    const double start = now_ms();
    int ordinal;

    HONE_TRY(hone_cuda_ordinal_parse(device, &ordinal));
    HONE_TRY(hone_nvrtc_open(&b->nvrtc));
    HONE_TRY(hone_cuda_open(&cu));
    HONE_TRY(hone_cuda_device_open(cu, ordinal, NULL, &b->device));
    HONE_TRY(hone_cuda_enter(b->device));
    printf("%s, %s, context in %.0f ms\n", b->device->label, b->device->info.arch,
           now_ms() - start);
    HONE_TRY(hone_cuda_stream_create(b->device, 0, &b->stream));
    HONE_TRY(hone_cuda_staging_create(b->device, 4 << 20, &b->staging));
    HONE_TRY(hone_alloc(NULL, COPY, (void **)&b->host));
    HONE_TRY(hone_cuda_memory_init(b->device, COPY, b->stream, &b->x));
    return hone_cuda_memory_init(b->device, COPY, b->stream, &b->y);
}

static void close_bench(bench *b)
{
    hone_free(NULL, b->host, COPY);
    if (!b->device)
        return;
    hone_cuda_memory_fini(b->device, b->stream, &b->y);
    hone_cuda_memory_fini(b->device, b->stream, &b->x);
    hone_cuda_staging_destroy(b->staging);
    hone_cuda_module_unload(b->device, b->module);
    hone_cuda_stream_destroy(b->device, b->stream);
    hone_cuda_leave(b->device);
    hone_cuda_device_close(b->device);
}

/* The file with a zero byte behind it. */
static char *read_text(const char *path)
{
    hone_map map;
    char *text = NULL;

    if (hone_map_open(path, &map) != HONE_OK)
        return NULL;
    if (hone_alloc_zero(NULL, map.bytes.size + 1, (void **)&text) == HONE_OK)
        memcpy(text, map.bytes.data, map.bytes.size);
    hone_map_close(&map);
    return text;
}

int main(int argc, char **argv)
{
    bench b = {0};
    char *text = argc > 1 ? read_text(argv[1]) : NULL;

    if (!text) {
        fprintf(stderr, "usage: smoke tests/gpu/smoke.cu [cuda:N [quick]]\n");
        return 2;
    }
    b.source = (hone_nvrtc_text){"smoke.cu", text};
    int code = SKIPPED;
    if (open_bench(&b, argc > 2 ? argv[2] : "cuda") == HONE_OK)
        code = run_rows(&b, argc > 3 && strcmp(argv[3], "quick") == 0);
    else
        printf("SKIP smoke: %s\n", hone_message());
    close_bench(&b);
    hone_free(NULL, text, 0);
    return code;
}
