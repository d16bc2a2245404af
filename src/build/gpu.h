/* The builder's GPU half: which steps run on the device, by which kernels, with which copies
 * between the sides, and the machine code. One plan may hold several targets; each step is on the
 * device for all of them or for none. */
#ifndef HONE_BUILD_GPU_H
#define HONE_BUILD_GPU_H

#include "build/build.h"
#include "gpu/candidate.h"
#include "tune/images.h"

/* A chosen candidate of a step's part. */
typedef struct hone_low_launch {
    int step, part;
    hone_candidate *offers; /* the step's candidates, of all parts */
    const hone_candidate *candidate;
    int values[HONE_GPU_ARGS]; /* by argument: the value whose address it is, or -1 */
    int kernel;                /* index in hone_low_gpu.kernels */
} hone_low_launch;

/* An architecture that the plan is for. */
typedef struct hone_low_target {
    const char *name;    /* of the plan: "sm_90" */
    const char *compile; /* for NVRTC: "sm_90a", "compute_86" */
    hone_gpu_facts facts;
    bool is_exact, is_ptx;
    HONE_VEC(hone_low_launch) launches; /* in the order of steps */
} hone_low_target;

typedef struct hone_low_kernel {
    const hone_candidate *candidate; /* the first that has this text */
    const hone_low_target *target;
    int image; /* index in hone_low_gpu.images */
} hone_low_kernel;

struct hone_low_gpu {
    hone_arena *arena;
    const hone_build_options *options;
    int ordinal; /* of the device to tune on; -1: none */
    int n_targets;
    hone_low_target *targets;
    hone_images *images;
    HONE_VEC(hone_low_kernel) kernels;
    size_t ticket_bytes;
};

/* gpu_targets.c: the targets that the options name, or the device's own. NULL for the CPU.
 * HONE_ERR_DEVICE: no device answers, and no target is named. */
hone_status hone_gpu_targets(hone_arena *arena, const hone_build_options *options,
                             hone_low_gpu **out);

/* gpu_choose.c: what the kernels' lowerings offer. */

/* Fills *out for the step and calls hone_gpu_lower; false where its shapes or types are none that
 * kernels can have. Then out->first is NULL where there is no candidate. */
bool hone_gpu_lower_step(const hone_lowered *low, const hone_low_step *step,
                         const hone_low_target *target, hone_lower *out);
/* Whether every target has kernels for a node: for the passes. */
bool hone_gpu_takes(void *gpu, const hone_node *node);

/* gpu_sides.c: puts each step on its side, chooses candidates, adds the copies between. */
hone_status hone_gpu_assign(hone_lowered *low);

/* gpu_tune.c: other candidates than the first, where a clock says so. */
hone_status hone_gpu_tune(hone_lowered *low);

/* gpu_pack.c: the values that launches use: packed constants, scratch. */
hone_status hone_gpu_bind(hone_lowered *low);

/* gpu_compile.c: machine code for every launch, in parallel. */
hone_status hone_gpu_compile(hone_lowered *low);

#endif
