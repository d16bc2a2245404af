/* The builder's insides: from a module to the bytes of a plan. */
#ifndef HONE_BUILD_BUILD_H
#define HONE_BUILD_BUILD_H

#include "base/log.h"
#include "cpu/cpu.h"
#include "hone/build.h"
#include "ir/graph.h"
#include "plan/format.h"
#include "plan/plan.h"

/* ---- profiles: what is said of the extents of inputs ----------------------------------------- */

typedef struct hone_named_shape {
    const char *name;
    hone_dims dims;
} hone_named_shape;

typedef struct hone_named_shapes {
    int n;
    hone_named_shape *v;
} hone_named_shapes;

/* Reads "input:1x3x224x224,other:1x8" (a name may hold colons; nothing after the last is a scalar).
 */
hone_status hone_shapes_parse(hone_arena *arena, const char *text, hone_named_shapes *out);

/* The range of one symbol. */
typedef struct hone_symbol_range {
    const char *name;
    int64_t min, opt, max;
} hone_symbol_range;

typedef struct hone_profile {
    HONE_VEC(hone_symbol_range) symbols;
    hone_named_shapes fixed; /* of inputs without a declared rank */
} hone_profile;

/* The profile that the options give for the module's open extents: fixed by `shapes`, ranged by
 * min/opt/max, 1 where nothing is said (a warning tells). HONE_ERR_ARGUMENT: an unknown input,
 * another rank, an extent that the model fixes. */
hone_status hone_profile_make(hone_arena *arena, const hone_module *module,
                              const hone_build_options *options, hone_profile *out);
int64_t hone_profile_opt(const hone_profile *profile, const char *symbol, int64_t otherwise);

/* ---- frames in, classes out ------------------------------------------------------------------ */

/* Puts the operators of `preprocess` before the first input and those of `postprocess` behind the
 * first output. */
hone_status hone_attach_preprocess(hone_module *module, const char *spec);
hone_status hone_attach_postprocess(hone_module *module, const char *spec);

/* ---- lowering: the graph as steps on values -------------------------------------------------- */

typedef struct hone_low_value {
    const char *name;
    hone_type type;
    hone_storage storage;
    int root;                      /* of an alias: the value whose bytes it shows; else itself */
    int binding;                   /* of an input or output */
    const hone_value *value;       /* that it comes from, or NULL */
    const hone_constant *constant; /* of a constant */
    int pack_step;                 /* the step for which a constant is packed, or -1 */
    const struct hone_gpu_packing *packing; /* of a constant for kernels of a GPU, or NULL */
    bool on_device;
    size_t room;
    uint64_t offset;
    int first, last; /* steps between which it is alive; first -1: never written */
} hone_low_value;

typedef struct hone_low_step {
    hone_step_kind kind;
    hone_op_id op;
    const char *name;
    const hone_attrs *attrs;
    int n_in, n_out;
    int *in, *out; /* values, -1: absent */
    int target;    /* a step */
    bool is_dynamic;
    size_t scratch;
    int device_scratch; /* the value that launches use meanwhile, or -1 */
    double flop, bytes;
} hone_low_step;

typedef struct hone_low_gpu hone_low_gpu; /* build/gpu.h */

typedef struct hone_lowered {
    hone_arena *arena;
    hone_module *module;
    HONE_VEC(hone_low_value) values;
    HONE_VEC(hone_low_step) steps;
    HONE_VEC(int) bindings; /* values: inputs, then outputs */
    int n_inputs;
    size_t arena_bytes, live_bytes, scratch_bytes, weight_bytes, device_arena_bytes;
    bool is_bounded;
    hone_low_gpu *gpu; /* NULL: for the CPU */
} hone_lowered;

/* Every node becomes a step, control flow becomes jumps, views become aliases. HONE_ERR_UNSUPPORTED
 * lists all nodes that neither the CPU nor the GPU (NULL: none) has a kernel for. */
hone_status hone_low_make(hone_arena *arena, hone_module *module, hone_low_gpu *gpu,
                          hone_lowered *out);

/* lower_control.c */
hone_status hone_lower_control(hone_lowered *low, int *map, const hone_node *node);
hone_status hone_lower_graph(hone_lowered *low, int *map, const hone_graph *graph);
int hone_low_add_value(hone_lowered *low, const char *name, const hone_type *type,
                       hone_storage storage);
hone_low_step *hone_low_add_step(hone_lowered *low, hone_step_kind kind, hone_op_id op,
                                 const char *name, int n_in, int n_out);
int hone_low_value_of(hone_lowered *low, int *map, const hone_value *value);
/* A step whose extents are inferred when it runs, because an output's are not known before. */
bool hone_low_is_static(const hone_lowered *low, int value);

/* estimate.c: floating-point operations, bytes moved and scratch of every step, at the profile's
 * largest extents. */
hone_status hone_low_estimate(hone_lowered *low);
/* Builds the call of a step with shapes at their upper bounds and constants' data; false where some
 * extent has no bound. */
bool hone_low_call(const hone_lowered *low, const hone_low_step *step, hone_cpu_call *call,
                   hone_tensor *tensors, hone_tensor **pointers, hone_pool *pool);

/* Leaves out the values that nothing reads or writes, and numbers the others anew. */
void hone_low_compact(hone_lowered *low);

/* ---- placing: lifetimes and offsets ---------------------------------------------------------- */

hone_status hone_place(hone_lowered *low);

/* ---- the plan's bytes ------------------------------------------------------------------------ */

/* Decides which constants are packed: new values with pack_step set. */
hone_status hone_pack_plan(hone_lowered *low);
hone_status hone_write_plan(const hone_lowered *low, const hone_profile *profile,
                            const hone_build_options *options, void **data, size_t *size);

/* The dense, aligned bytes of a constant: its own where they are so, else a copy that *copy owns
 * (hone_free with size). */
hone_status hone_constant_dense(const hone_low_value *value, const void **data, void **copy,
                                size_t *copy_size);

#endif
