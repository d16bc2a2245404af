/* From an operator to candidates: one function for each family, found by the operator. */
#ifndef HONE_GPU_LOWER_H
#define HONE_GPU_LOWER_H

#include "gpu/candidate.h"

/* Offers what the GPU has for the step: lower->first, best guess first; none where it has nothing
 * for these types, shapes or attributes: the CPU runs the step then. Shapes are numbers. Inputs and
 * outputs begin at multiples of 16 bytes. */
hone_status hone_gpu_lower(hone_lower *lower);

#define GPU(op, token) hone_status hone_gpu_##token(hone_lower *lower);
#include "gpu/gpu.def"
#undef GPU
hone_status hone_gpu_pointwise(hone_lower *lower);
/* Convolutions of one channel a group; the others are contractions. */
hone_status hone_gpu_depthwise(hone_lower *lower);

/* row_reduce over [outer, n, inner], for the lowerings that are reductions under another name. */
hone_status hone_gpu_reduce_runs(hone_lower *lower, int op, int64_t outer, int64_t n,
                                 int64_t inner);

/* Another part: an array of extents `dims` from input `in` to output `out`, by strides in elements.
 */
typedef struct hone_gpu_copy_map {
    int in, out;
    hone_dims dims;
    int64_t from[HONE_MAX_RANK], to[HONE_MAX_RANK];
    int64_t from_at, to_at; /* the first element */
} hone_gpu_copy_map;
void hone_gpu_copy(hone_lower *lower, const hone_gpu_copy_map *copy);

/* Threads of a line of so many packs: no warp is idle; and lines of one warp share a block. */
int hone_gpu_line_threads(int64_t packs, int most);
bool hone_gpu_launch_lines(hone_candidate *c, int64_t lines, int threads);

#endif
