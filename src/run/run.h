/* The runtime's insides: what an engine resolves once from a plan, and what a context keeps for one
 * inference at a time. */
#ifndef HONE_RUN_RUN_H
#define HONE_RUN_RUN_H

#include "base/log.h"
#include "cpu/cpu.h"
#include "plan/plan.h"

/* A step made ready: operator looked up, attributes decoded, kernel found. */
typedef struct hone_engine_step {
    hone_plan_step plan;
    const hone_cpu_kernel *kernel; /* NULL for views and control flow */
    hone_attrs attrs;
} hone_engine_step;

typedef struct hone_gpu_engine hone_gpu_engine;
typedef struct hone_gpu_context hone_gpu_context;

struct hone_engine {
    hone_allocator allocator;
    const hone_plan *plan;
    hone_engine_step *steps; /* n_steps of the plan */
    void *attr_room;         /* arrays of all attributes */
    size_t attr_room_size;
    hone_string *strings; /* of all constants of strings, one behind another */
    size_t n_strings;
    int max_in, max_out; /* largest arity, for the facts of inference */
    hone_decode_image decode_image;
    void *decode_user;
    bool has_host_steps;  /* some step is a CPU kernel */
    hone_gpu_engine *gpu; /* NULL: nothing of the plan runs on a GPU */
};

/* The strings of a constant of strings. */
hone_string *hone_engine_strings(const hone_engine *engine, uint32_t value);

typedef struct hone_slot {
    void *lent; /* the context's own memory for a binding; NULL where it has none */
    size_t lent_size;
    void *bound; /* the caller's */
    size_t bound_size;
} hone_slot;

/* Where the parts of a context's memory lie; offsets from its start. */
typedef struct hone_context_layout {
    size_t context, tensors, calls, pointers, extents, shapes, slots, facts, step_ms, late, arena,
        scratch, io, gpu, gpu_bindings, tables, total;
    size_t scratch_size;
} hone_context_layout;

struct hone_context {
    const hone_engine *engine;
    void *memory;
    size_t memory_size;
    bool owns_memory;
    hone_pool *pool;
    hone_tensor *tensors;   /* by value */
    hone_cpu_call *calls;   /* by step */
    hone_tensor **pointers; /* the calls' in[] and out[] */
    int64_t *extents;       /* by expression of the shape program */
    hone_dims *shapes;      /* by binding: of inputs as set, of outputs as found */
    hone_slot *slots;       /* by binding */
    hone_fact *facts;       /* max_in + max_out, for inference */
    double *step_ms;
    bool *late; /* by step: its extents could not be checked before it runs */
    uint8_t *arena, *scratch;
    size_t scratch_size;
    void *grown_scratch; /* where a plan without bounds needs more than was foreseen */
    hone_cpu_env env;
    bool is_ready; /* shapes and pointers are up to date */
    bool profiles;
    bool is_timed, has_times;
    double run_ms;         /* of the last run on the CPU */
    hone_gpu_context *gpu; /* NULL: of a plan for the CPU */
};

/* shapes.c: extents of every value from the inputs' shapes, checked by inference; scratch;
 * pointers. */
hone_status hone_context_resolve(hone_context *context);
/* Points every value at its bytes and checks each step's shapes by inference; what only running
 * tells is marked late. */
hone_status hone_context_check_shapes(hone_context *context);
hone_status hone_context_check_packed(const hone_context *context, uint32_t step);
/* The scratch that steps need with all tensors as they are; steps with unknown extents do not
 * count. */
size_t hone_context_scratch_need(const hone_context *context);
hone_status hone_context_step_scratch(hone_context *context,
                                      uint32_t step); /* of a step whose shapes are new */
/* Sets every value's extents for the given symbols' values: the profile's opt or max. */
void hone_context_extents_of_profile(hone_context *context, bool max);

/* bind.c: data pointers of all values from the slots, the arena and the weights. */
hone_status hone_context_point(hone_context *context);
/* The same for the values that show a binding, once its memory has changed. */
void hone_context_point_binding(hone_context *context, uint32_t binding);
/* Gives value `index` room for its present shape. */
hone_status hone_context_make_room(hone_context *context, uint32_t index);
hone_status hone_context_grow(void *context, hone_tensor *tensor,
                              size_t size); /* hone_cpu_env.grow */

/* infer.c: runs a step's inference on the tensors. *is_complete: every extent of its outputs could
 * be told. */
typedef enum hone_infer_mode {
    HONE_INFER_BEFORE, /* before a run: compare with the plan's extents; only constants have
                          contents */
    HONE_INFER_CHECK,  /* while running: compare, with the contents of all inputs */
    HONE_INFER_SET,    /* while running: set the outputs' extents */
} hone_infer_mode;
hone_status hone_context_infer_step(hone_context *context, uint32_t step, hone_infer_mode mode,
                                    bool *is_complete);

/* What the caller sees of a binding: his memory, or the context's that is lent to him. */
hone_tensor hone_context_shown(const hone_context *context, uint32_t binding);

/* context.c: bytes of a binding at the profile's largest shape; 0 where that is not known. */
size_t hone_context_binding_bytes(const hone_plan *plan, uint32_t binding);

/* exec.c, for runs that are more than steps of the CPU. */
hone_status hone_context_lend_missing(hone_context *context);
hone_status hone_context_check_bindings(const hone_context *context);
hone_status hone_context_run_step(hone_context *context, uint32_t *at); /* and moves on */
double hone_clock_ms(void);

static inline const hone_plan *hone_context_plan(const hone_context *context)
{
    return context->engine->plan;
}

#endif
