/* Index maps: a nest of loops over a tensor's elements, in which every operand moves by its own
 * constant stride. Neighbouring dimensions that all operands walk as one are joined, so that
 * kernels divide as little as they can. */
#ifndef HONE_GPU_MAP_H
#define HONE_GPU_MAP_H

#include "base/tensor.h"
#include "op/program.h"

#define HONE_GPU_OPERANDS (HONE_PROGRAM_INPUTS + 1)

typedef struct hone_gpu_map {
    int rank;
    int n; /* operands */
    int64_t dim[HONE_MAX_RANK];
    int64_t stride[HONE_GPU_OPERANDS][HONE_MAX_RANK]; /* elements */
    int64_t low[HONE_MAX_RANK], high[HONE_MAX_RANK];  /* inside for pads; else 0 and dim */
} hone_gpu_map;

/* Operand 0 is dense of this shape; the map has no others yet. */
void hone_gpu_map_init(hone_gpu_map *map, const hone_dims *dims);
/* One more operand, of dense memory of this shape broadcast to the map's; false where it does not
 * fit. Before collapsing. */
bool hone_gpu_map_broadcast(hone_gpu_map *map, const hone_dims *dims);
/* Drops dimensions of extent 1 and joins neighbours; the rank stays 1 at least. */
void hone_gpu_map_collapse(hone_gpu_map *map);
int64_t hone_gpu_map_count(const hone_gpu_map *map);

#endif
