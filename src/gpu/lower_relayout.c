/* Relayout: the border between the caller's pictures and channels last. Few channels: a thread has
 * whole pixels; many: tiles through shared memory. */
#include "gpu/lower.h"
#include "gpu/map.h"

typedef struct relayout {
    hone_gpu_map map; /* operand 0 the output, 1 the input */
    int64_t last;     /* elements of the last dimension that the input has */
    hone_dtype from, to;
} relayout;

static void knobs(hone_candidate *c, const relayout *r)
{
    const hone_gpu_map *map = &r->map;

    hone_knob_type(c, "TX", r->from);
    hone_knob_type(c, "TY", r->to);
    hone_knob_int(c, "RANK", map->rank);
    hone_knob_ints(c, "DIM", map->dim, map->rank);
    hone_knob_ints(c, "STEP", map->stride[1], map->rank);
    hone_knob_int(c, "LAST", r->last);
    hone_candidate_out(c, 0);
    hone_candidate_in(c, 0);
}

static void offer_packs(hone_lower *lower, const relayout *r, int threads)
{
    hone_candidate *c = hone_lower_candidate(lower, "relayout");
    const int64_t count = hone_gpu_map_count(&r->map);
    const int v = hone_gpu_pack(r->to, r->map.dim[r->map.rank - 1]);

    if (!c)
        return;
    knobs(c, r);
    hone_knob_int(c, "V", v);
    hone_knob_int(c, "COUNT", count / v);
    hone_knob_int(c, "THREADS", threads);
    hone_knob_index(c, HONE_MAX(count, hone_tensor_count(lower->in[0])));
    hone_launch(c, count / v, threads);
}

static void offer_tile(hone_lower *lower, const relayout *r, int along)
{
    hone_candidate *c = hone_lower_candidate(lower, "relayout_tile");
    const hone_gpu_map *map = &r->map;
    int64_t tiles = 1;

    if (!c)
        return;
    for (int d = 0; d < map->rank; d++)
        tiles *= d == along || d == map->rank - 1 ? (map->dim[d] + 31) / 32 : map->dim[d];
    knobs(c, r);
    hone_knob_int(c, "ALONG", along);
    hone_knob_int(c, "ALONG_PITCH", map->stride[0][along]);
    hone_launch(c, tiles, 1);
    c->block[0] = 32;
    c->block[1] = 8;
}

/* The dimension along which the input is contiguous; -1: the last, or none of some length. */
static int along_of(const hone_gpu_map *map)
{
    for (int d = 0; d < map->rank - 1; d++)
        if (map->stride[1][d] == 1 && map->dim[d] >= 8)
            return d;
    return -1;
}

static bool relayout_of(const hone_lower *lower, relayout *r)
{
    const hone_dims *x = &lower->in[0]->shape, *y = &lower->out[0]->shape;
    const hone_ints perm = lower->attrs->relayout.perm;
    int64_t strides[HONE_MAX_RANK];

    if (!hone_gpu_is_float(lower->in[0]->dtype) || !hone_gpu_is_float(lower->out[0]->dtype) ||
        x->rank < 1)
        return false;
    *r = (relayout){.from = lower->in[0]->dtype, .to = lower->out[0]->dtype};
    hone_gpu_map_init(&r->map, y);
    r->map.n = 2;
    hone_dims_strides(x, strides);
    for (int d = 0; d < x->rank; d++) {
        const int64_t from = perm.n ? perm.v[d] : x->rank - 1 - d;
        r->map.stride[1][d] = strides[from];
        r->last = x->dim[from];
    }
    r->map.high[y->rank - 1] = r->last; /* padding keeps the dimension by itself */
    hone_gpu_map_collapse(&r->map);
    r->last = r->map.high[r->map.rank - 1];
    return true;
}

hone_status hone_gpu_relayout(hone_lower *lower)
{
    relayout r;

    if (!relayout_of(lower, &r))
        return HONE_OK;
    const int along = along_of(&r.map);
    const bool is_wide = r.map.dim[r.map.rank - 1] > 2 * hone_gpu_pack(r.to, 8);
    if (along >= 0 && is_wide)
        offer_tile(lower, &r, along);
    offer_packs(lower, &r, 128);
    offer_packs(lower, &r, 256);
    if (along >= 0 && !is_wide)
        offer_tile(lower, &r, along);
    return HONE_OK;
}
