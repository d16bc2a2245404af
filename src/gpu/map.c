/* Index maps, see map.h. Numbers alone: no text is made here. */
#include "gpu/map.h"

void hone_gpu_map_init(hone_gpu_map *map, const hone_dims *dims)
{
    *map = (hone_gpu_map){.rank = dims->rank, .n = 1};
    hone_dims_strides(dims, map->stride[0]);
    for (int d = 0; d < dims->rank; d++)
        map->dim[d] = map->high[d] = dims->dim[d];
}

bool hone_gpu_map_broadcast(hone_gpu_map *map, const hone_dims *dims)
{
    int64_t strides[HONE_MAX_RANK] = {0};
    const int shift = map->rank - dims->rank;

    if (shift < 0 || map->n == HONE_GPU_OPERANDS)
        return false;
    hone_dims_strides(dims, strides);
    for (int d = 0; d < dims->rank; d++) {
        if (dims->dim[d] != 1 && dims->dim[d] != map->dim[d + shift])
            return false;
        map->stride[map->n][d + shift] = dims->dim[d] == 1 ? 0 : strides[d];
    }
    map->n++;
    return true;
}

static bool is_padded(const hone_gpu_map *map, int d)
{
    return map->low[d] != 0 || map->high[d] != map->dim[d];
}

/* Whether dimension d continues dimension e, the one outside it, for every operand. */
static bool can_join(const hone_gpu_map *map, int e, int d)
{
    if (is_padded(map, e) || is_padded(map, d))
        return false;
    for (int k = 0; k < map->n; k++)
        if (map->stride[k][e] != map->stride[k][d] * map->dim[d])
            return false;
    return true;
}

static void move_dim(hone_gpu_map *map, int to, int from)
{
    map->dim[to] = map->dim[from];
    map->low[to] = map->low[from];
    map->high[to] = map->high[from];
    for (int k = 0; k < map->n; k++)
        map->stride[k][to] = map->stride[k][from];
}

void hone_gpu_map_collapse(hone_gpu_map *map)
{
    int rank = 0;

    for (int d = 0; d < map->rank; d++) {
        if (map->dim[d] == 1 && !is_padded(map, d))
            continue;
        if (rank > 0 && can_join(map, rank - 1, d)) {
            const int64_t n = map->dim[rank - 1] * map->dim[d];
            move_dim(map, rank - 1, d);
            map->dim[rank - 1] = map->high[rank - 1] = n;
        } else {
            move_dim(map, rank++, d);
        }
    }
    if (rank == 0) {
        map->dim[0] = map->high[0] = 1;
        map->low[0] = 0;
        for (int k = 0; k < map->n; k++)
            map->stride[k][0] = 1;
        rank = 1;
    }
    map->rank = rank;
}

int64_t hone_gpu_map_count(const hone_gpu_map *map)
{
    int64_t n = 1;

    for (int d = 0; d < map->rank; d++)
        n *= map->dim[d];
    return n;
}
