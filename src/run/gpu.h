/* The runtime's GPU half: what an engine loads into a device, and what a context keeps for one
 * inference at a time there. Only plans with kernels for a GPU have either; all other plans never
 * open the driver.
 *
 * Addresses of the device stand in tables of their own and never in a hone_tensor, so that no CPU
 * kernel can follow one. */
#ifndef HONE_RUN_GPU_H
#define HONE_RUN_GPU_H

#include "cuda/graph.h"
#include "cuda/memory.h"
#include "cuda/staging.h"
#include "run/run.h"

#define HONE_GPU_REPLAYS 16 /* combinations of shapes whose graphs a context keeps */

/* Steps that follow one another on the device without the host: one graph. */
typedef struct hone_gpu_stretch {
    uint32_t first, n; /* steps */
    uint32_t first_node, n_nodes;
} hone_gpu_stretch;

struct hone_gpu_engine {
    hone_cuda_device *device;
    CUstream stream; /* of uploads, and of what is freed at the end */
    const hone_plan_target *target;
    hone_cuda_memory weights;
    CUmodule *modules;      /* by kernel of the plan; NULL where another has the same image */
    CUfunction *functions;  /* by kernel of the plan; NULL where the target does not use it */
    uint32_t *first_launch; /* by step, and one more: launches of the plan */
    hone_gpu_stretch *stretches;
    uint32_t *stretch_of; /* by step: the stretch that begins there; HONE_GPU_NONE */
    uint32_t n_stretches, n_nodes;
    bool *is_pinned; /* by value: a copy of a graph touches its bytes on the host */
    bool pins_arena;
};

#define HONE_GPU_NONE UINT32_MAX

/* What the steps need a binding's memory to be. */
typedef enum hone_gpu_need {
    HONE_GPU_HOST,   /* any memory of the host */
    HONE_GPU_PINNED, /* a copy of a graph touches it */
    HONE_GPU_DEVICE,
} hone_gpu_need;

/* A binding shows one memory to the caller; the steps use that one where it fits, else a buffer of
 * the context's, and a run copies between the two. */
typedef struct hone_gpu_binding {
    hone_gpu_need need;
    void *shown; /* the caller's, or lent: on any side */
    size_t shown_size;
    hone_cuda_place shown_place;
    uintptr_t used; /* on the side that is needed; 0: nothing yet */
    bool is_copied;
    hone_cuda_memory device; /* the context's own, where the need is DEVICE */
    void *pinned;            /* the context's own on the host, unless the need is HOST */
    size_t pinned_size;
} hone_gpu_binding;

/* Graphs for one combination of shapes. */
typedef struct hone_gpu_replay {
    size_t size;          /* of this block */
    uint64_t age;         /* when it was last chosen */
    bool has_borders;     /* bindings are copied by nodes of the one graph */
    hone_dims *key;       /* shapes of the inputs */
    uintptr_t *used;      /* by binding: what its nodes point at */
    uintptr_t *shown;     /* by binding: the other end of its copy; 0: no node copies it */
    CUgraphNode *borders; /* by binding; NULL: none */
    hone_cuda_graph **graphs;
    hone_cuda_exec **execs; /* by stretch */
    CUgraphNode *nodes;     /* by node; NULL: a copy of nothing */
} hone_gpu_replay;

enum {
    HONE_GPU_BEGIN,   /* before the inputs are copied */
    HONE_GPU_STARTED, /* before the steps */
    HONE_GPU_DONE,    /* after the steps */
    HONE_GPU_END,     /* after the outputs are copied */
    HONE_GPU_EVENTS
};

struct hone_gpu_context {
    hone_gpu_engine *engine;
    CUstream stream; /* the context's own */
    CUstream busy;   /* the stream that was last used */
    bool is_busy;    /* and has not been waited for since */
    bool uses_foreign_stream;
    hone_cuda_memory memory; /* arena, then tickets */
    CUdeviceptr tickets;
    void *arena; /* of the host, pinned; NULL: in the context's memory */
    hone_cuda_staging *staging;
    hone_gpu_binding *bindings;
    bool device_io;
    hone_gpu_replay *replays[HONE_GPU_REPLAYS];
    uint64_t clock;
    hone_gpu_replay *replay; /* for the present shapes and bindings; NULL: to be prepared */
    bool is_one_launch;      /* a run is one graph and nothing else */
    CUevent events[HONE_GPU_EVENTS];
    hone_gpu_replay *profile; /* a graph with events between the steps */
    CUevent *step_events;     /* n_steps + 1 */
};

/* ---- gpu_engine.c: device, target, kernels, weights ------------------------------------------ */

/* hone_engine_create with a driver of the caller's; NULL: the system's, opened where the plan needs
 * it. */
hone_status hone_engine_create_on(const hone_cuda *cu, const hone_plan *plan,
                                  const hone_engine_options *options, hone_engine **out);
hone_status hone_gpu_engine_create(hone_engine *engine, const hone_cuda *cu, const char *device);
void hone_gpu_engine_destroy(hone_engine *engine);

/* gpu_steps.c: which launches a step has, and which steps make a stretch. */
hone_status hone_gpu_map_steps(hone_engine *engine);

/* ---- gpu_context.c: the context's memory on the device --------------------------------------- */

/* The context's tables are in place. Takes everything that the plan tells the size of. */
hone_status hone_gpu_context_create(hone_context *context, const hone_context_options *options);
void hone_gpu_context_destroy(hone_context *context);
hone_status hone_gpu_staging(hone_context *context); /* makes the ring where there is none yet */
/* Waits for the stream that the context was last given to. now: the stream of the present call. */
hone_status hone_gpu_settle(hone_context *context, CUstream now);

/* HONE_ERR_STATE once the device cannot be used any more; HONE_OK of a plan for the CPU. */
static inline hone_status hone_gpu_check(const hone_context *context)
{
    return context->gpu ? hone_cuda_device_status(context->gpu->engine->device) : HONE_OK;
}

/* ---- gpu_bind.c: where bindings are ---------------------------------------------------------- */

hone_gpu_need hone_gpu_need_of(const hone_engine *engine, uint32_t binding);
hone_status hone_gpu_lend(hone_context *context, uint32_t binding);
/* Finds out what the caller's memory is, and what the steps use. */
hone_status hone_gpu_place_binding(hone_context *context, uint32_t binding);
/* Gives every binding memory that the steps can use. */
hone_status hone_gpu_place_bindings(hone_context *context);
/* What CPU steps see of a binding. */
hone_tensor hone_gpu_host_side(const hone_context *context, uint32_t binding);
/* The address of a value of the device. */
CUdeviceptr hone_gpu_address(const hone_context *context, uint32_t value);

/* ---- gpu_copy.c: bytes from one memory to another -------------------------------------------- */

typedef struct hone_gpu_place {
    uintptr_t at;
    hone_cuda_place place;
} hone_gpu_place;

/* Copies in the order of the stream. Where pageable memory takes part it has waited for its bytes:
 * a source may be reused, a destination is there. */
hone_status hone_gpu_move(hone_context *context, CUstream stream, hone_gpu_place to,
                          hone_gpu_place from, size_t size);
hone_status hone_gpu_copy_inputs(hone_context *context, CUstream stream);
hone_status hone_gpu_copy_outputs(hone_context *context, CUstream stream);
/* The copy of a binding as a node of a graph; and the caller's end of it, where a node is to make
 * it: else 0. */
hone_cuda_copy hone_gpu_border(const hone_context *context, uint32_t binding);
uintptr_t hone_gpu_shown(const hone_context *context, bool has_borders, uint32_t binding);
/* A copy step that stands in no graph. */
hone_status hone_gpu_copy_step(hone_context *context, uint32_t step, CUstream stream);

/* ---- gpu_graph.c: a stretch as a graph ------------------------------------------------------- */

hone_status hone_gpu_make_graph(hone_context *context, hone_gpu_replay *replay, uint32_t stretch,
                                bool with_events);
/* Changes the nodes whose bindings are elsewhere than the replay has them. On an error the replay
 * is of no use any more. */
hone_status hone_gpu_move_nodes(const hone_context *context, const hone_gpu_replay *replay);

/* ---- gpu_replay.c ---------------------------------------------------------------------------- */

/* Finds or makes the graphs of the present shapes and bindings. */
hone_status hone_gpu_choose_replay(hone_context *context);
hone_status hone_gpu_make_profile(hone_context *context);
void hone_gpu_drop_replay(hone_context *context, hone_gpu_replay **replay);

/* ---- gpu_run.c ------------------------------------------------------------------------------- */

hone_status hone_gpu_run(hone_context *context);
hone_status hone_gpu_prepare(hone_context *context);

#endif
