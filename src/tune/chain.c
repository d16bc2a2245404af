/* The whole plan's launches, one after the other, with programmatic edges. Modules are kept by
 * their image, so that going back to an earlier candidate costs nothing. */
#include "tune/chain.h"

#include <string.h>

typedef struct link {
    hone_timer_args args;
    hone_cuda_launch launch;
    bool is_set;
} link;

typedef struct loaded_image {
    const void *image;
    CUmodule module;
} loaded_image;

struct hone_chain {
    hone_timer *timer;
    int n;
    link *links;
    loaded_image *loaded;
    int n_loaded, loaded_room;
    hone_cuda_memory *memory;
    int n_memory, memory_room;
};

/* Room for one more item of an array that grows. */
static hone_status grow(void **items, int n, int *room, size_t size)
{
    const int wanted = *room ? 2 * *room : 64;
    void *larger;

    if (n < *room)
        return HONE_OK;
    HONE_TRY(hone_alloc_zero(NULL, (size_t)wanted * size, &larger));
    if (n)
        memcpy(larger, *items, (size_t)n * size);
    hone_free(NULL, *items, (size_t)*room * size);
    *items = larger;
    *room = wanted;
    return HONE_OK;
}

hone_status hone_chain_create(hone_timer *timer, int n, hone_chain **out)
{
    hone_chain *c;

    HONE_TRY(hone_alloc_zero(NULL, sizeof *c, (void **)&c));
    c->timer = timer;
    c->n = n;
    const hone_status st =
        hone_alloc_zero(NULL, (size_t)n * sizeof *c->links + 1, (void **)&c->links);
    if (st != HONE_OK)
        hone_free(NULL, c, sizeof *c);
    else
        *out = c;
    return st;
}

void hone_chain_destroy(hone_chain *c)
{
    if (!c)
        return;
    hone_cuda_device *const device = c->timer->device;
    if (hone_cuda_enter(device) == HONE_OK) {
        for (int i = 0; i < c->n_memory; i++)
            hone_cuda_memory_fini(device, c->timer->stream, &c->memory[i]);
        for (int i = 0; i < c->n_loaded; i++)
            hone_cuda_module_unload(device, c->loaded[i].module);
        hone_cuda_leave(device);
    }
    hone_free(NULL, c->memory, (size_t)c->memory_room * sizeof *c->memory);
    hone_free(NULL, c->loaded, (size_t)c->loaded_room * sizeof *c->loaded);
    hone_free(NULL, c->links, (size_t)c->n * sizeof *c->links + 1);
    hone_free(NULL, c, sizeof *c);
}

hone_status hone_chain_memory(hone_chain *c, size_t size, bool is_float, uint64_t *address)
{
    hone_timer *const t = c->timer;
    hone_cuda_memory memory = {0};

    HONE_TRY(grow((void **)&c->memory, c->n_memory, &c->memory_room, sizeof *c->memory));
    HONE_TRY(hone_cuda_enter(t->device));
    hone_status st = hone_cuda_memory_init(t->device, size, t->stream, &memory);
    if (st == HONE_OK) {
        c->memory[c->n_memory++] = memory;
        *address = memory.at;
        if (size)
            st = HONE_CU(t->device, cuMemsetD8Async, memory.at, is_float ? HONE_TIMER_FILL : 0,
                         size, t->stream);
    }
    hone_cuda_leave(t->device);
    return st;
}

static hone_status module_of(hone_chain *c, hone_bytes image, const char *name, CUmodule *out)
{
    for (int i = 0; i < c->n_loaded; i++)
        if (c->loaded[i].image == image.data) {
            *out = c->loaded[i].module;
            return HONE_OK;
        }
    HONE_TRY(grow((void **)&c->loaded, c->n_loaded, &c->loaded_room, sizeof *c->loaded));
    HONE_TRY(hone_cuda_module_load(c->timer->device, image, name, out));
    c->loaded[c->n_loaded++] = (loaded_image){image.data, *out};
    return HONE_OK;
}

static hone_status set(hone_chain *c, link *to, const hone_candidate *candidate, hone_bytes image,
                       const uint64_t *addresses, bool *fits)
{
    CUmodule module;
    link next = {.is_set = true};

    HONE_TRY(module_of(c, image, candidate->kernel->name, &module));
    HONE_TRY(hone_timer_launch(c->timer, candidate, module, &next.args, &next.launch, fits));
    if (!*fits)
        return HONE_OK;
    next.launch.is_programmatic = !hone_gpu_waits(candidate->us);
    for (int i = 0; i < candidate->n_args; i++)
        if (candidate->args[i].kind != HONE_GPU_NUMBER &&
            candidate->args[i].kind != HONE_GPU_NOTHING)
            next.args.slots[i] = addresses[i];
    *to = next;
    for (int i = 0; i < HONE_GPU_ARGS; i++) /* these point into the struct that was copied */
        if (next.args.args[i])
            to->args.args[i] = &to->args.slots[(uint64_t *)next.args.args[i] - next.args.slots];
    to->launch.args = to->args.args;
    return HONE_OK;
}

hone_status hone_chain_set(hone_chain *c, int index, const hone_candidate *candidate,
                           hone_bytes image, const uint64_t *addresses, bool *fits)
{
    *fits = false;
    HONE_TRY(hone_cuda_enter(c->timer->device));
    const hone_status st = set(c, &c->links[index], candidate, image, addresses, fits);
    hone_cuda_leave(c->timer->device);
    return st;
}

static hone_status build(hone_chain *c, hone_cuda_exec **out)
{
    hone_cuda_graph *graph = NULL;
    hone_cuda_edge edge = {.is_programmatic = true};
    int n_edges = 0;
    hone_status st = hone_cuda_graph_create(c->timer->device, &graph);

    for (int i = 0; st == HONE_OK && i < c->n; i++) {
        CUgraphNode node;
        if (!c->links[i].is_set)
            continue;
        edge.is_programmatic = c->links[i].launch.is_programmatic;
        st = hone_cuda_graph_kernel(graph, &c->links[i].launch, &edge, n_edges, &node);
        edge.from = node;
        n_edges = 1;
    }
    if (st == HONE_OK)
        st = hone_cuda_exec_create(graph, c->timer->stream, out);
    hone_cuda_graph_destroy(graph);
    return st;
}

hone_status hone_chain_time(hone_chain *c, int runs, double *us)
{
    hone_cuda_exec *exec = NULL;

    HONE_TRY(hone_cuda_enter(c->timer->device));
    hone_status st = build(c, &exec);
    if (st == HONE_OK)
        st = hone_timer_median(c->timer, exec, runs, us);
    hone_cuda_exec_destroy(exec);
    hone_cuda_leave(c->timer->device);
    return st;
}
