/* Pointwise programs as CUDA: the text that kernels with a program need before them. */
#ifndef HONE_GPU_REGION_H
#define HONE_GPU_REGION_H

#include "gpu/candidate.h"
#include "gpu/map.h"

typedef struct hone_gpu_region {
    const hone_program *program;
    bool has_accumulator;  /* program input 0 is what the kernel computed, not memory */
    const hone_dims *dims; /* of the output, dense */
    const hone_tensor *in[HONE_PROGRAM_INPUTS]; /* of the other program inputs, in their order */
    int arg[HONE_PROGRAM_INPUTS];               /* their numbers among the step's inputs */
    int n_in;
    hone_dtype out;
} hone_gpu_region;

/* The elements that one thread can compute side by side; 0 where the region has types that kernels
 * have not, or shapes that do not broadcast. `map` is filled in, collapsed. */
int hone_gpu_region_pack(const hone_gpu_region *region, hone_gpu_map *map);

/* Adds index_t, region_inputs, scalar functions, program, and
 *
 *     region_at(const region_inputs &in, index_t at, float (&y)[V])
 *
 * which computes the pack number `at` of V output elements; with an accumulator y holds it before.
 * The knob V has been added. Then come the arguments of region_inputs: hone_gpu_region_args. */
void hone_gpu_region_emit(hone_candidate *c, const hone_gpu_region *region, const hone_gpu_map *map,
                          int v);
void hone_gpu_region_args(hone_candidate *c, const hone_gpu_region *region);

/* Adds the program alone, `float name(float x0, ...)`, with the scalar functions that it uses; at
 * least as many parameters as it has inputs. */
void hone_gpu_program_emit(hone_candidate *c, const hone_program *p, const char *name,
                           int n_params);

#endif
