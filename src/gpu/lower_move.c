/* Movement: transpose, slice, expand, pad as one strided map each, and gather. The
 * elements are words of any type of a byte or more; where all strides allow, several elements are
 * one word. */
#include <string.h>

#include "gpu/lower.h"
#include "gpu/map.h"

typedef struct move {
    hone_gpu_map map; /* operand 0 the output, 1 the input */
    int64_t at, out_at;
    int in, out; /* numbers of the input and the output */
    bool has_fill;
    uint64_t fill;
} move;

static int element_bytes(hone_dtype dtype)
{
    const int bits = dtype == HONE_STRING ? 0 : hone_dtype_bits(dtype);

    return bits >= 8 && bits <= 64 ? bits / 8 : 0;
}

static bool divides(const move *m, int n)
{
    const hone_gpu_map *map = &m->map;
    const int last = map->rank - 1;

    if (map->stride[0][last] != 1 || map->stride[1][last] != 1 || map->dim[last] % n || m->at % n ||
        m->out_at % n || map->low[last] != 0 || map->high[last] != map->dim[last])
        return false;
    for (int d = 0; d < last; d++)
        if (map->stride[0][d] % n || map->stride[1][d] % n)
            return false;
    return true;
}

static void in_words(move *m, int n)
{
    hone_gpu_map *map = &m->map;
    const int last = map->rank - 1;

    map->dim[last] /= n;
    map->high[last] /= n;
    m->at /= n;
    m->out_at /= n;
    for (int d = 0; d < last; d++)
        for (int k = 0; k < 2; k++)
            map->stride[k][d] /= n;
}

static void offer_copy(hone_lower *lower, move m, int bytes, int threads)
{
    hone_candidate *c = hone_lower_candidate(lower, "copy");
    const int64_t most =
        HONE_MAX(hone_tensor_count(lower->in[m.in]), hone_tensor_count(lower->out[m.out]));
    int n = 16 / bytes;

    if (!c)
        return;
    while (n > 1 && !divides(&m, n))
        n /= 2;
    in_words(&m, n);
    const int64_t count = hone_gpu_map_count(&m.map);
    hone_knob_word(c, "word", bytes * n);
    hone_knob_word(c, "element", bytes);
    hone_knob_int(c, "RANK", m.map.rank);
    hone_knob_ints(c, "DIM", m.map.dim, m.map.rank);
    hone_knob_ints(c, "STEP", m.map.stride[1], m.map.rank);
    hone_knob_ints(c, "OUT_STEP", m.map.stride[0], m.map.rank);
    hone_knob_ints(c, "LOW", m.map.low, m.map.rank);
    hone_knob_ints(c, "HIGH", m.map.high, m.map.rank);
    hone_knob_int(c, "AT", m.at);
    hone_knob_int(c, "OUT_AT", m.out_at);
    hone_knob_bool(c, "HAS_FILL", m.has_fill);
    hone_text_add(&c->knobs, "constexpr u64 FILL = %lluu;\n", (unsigned long long)m.fill);
    hone_knob_int(c, "COUNT", count);
    hone_knob_int(c, "THREADS", threads);
    /* The padding's AT is negative: unsigned sums wrap back to what is meant. */
    hone_knob_index(c, most);
    hone_candidate_out(c, m.out);
    hone_candidate_in(c, m.in);
    hone_launch(c, count, threads);
}

/* A transposition proper: some dimension but the last is contiguous in the input. -1: none. */
static int along_of(const hone_gpu_map *map)
{
    const int last = map->rank - 1;

    if (map->stride[1][last] == 1 || map->stride[0][last] != 1 || map->dim[last] < 8)
        return -1;
    for (int d = 0; d < last; d++)
        if (map->stride[1][d] == 1 && map->dim[d] >= 8)
            return d;
    return -1;
}

static void offer_tile(hone_lower *lower, const move *m, int bytes, int along)
{
    hone_candidate *c = hone_lower_candidate(lower, "copy_tile");
    const hone_gpu_map *map = &m->map;
    int64_t tiles = 1;

    if (!c)
        return;
    for (int d = 0; d < map->rank; d++)
        tiles *= d == along || d == map->rank - 1 ? (map->dim[d] + 31) / 32 : map->dim[d];
    hone_knob_word(c, "word", bytes);
    hone_knob_int(c, "RANK", map->rank);
    hone_knob_ints(c, "DIM", map->dim, map->rank);
    hone_knob_ints(c, "STEP", map->stride[1], map->rank);
    hone_knob_int(c, "ALONG", along);
    hone_knob_int(c, "ALONG_PITCH", map->stride[0][along]);
    hone_candidate_out(c, m->out);
    hone_candidate_in(c, m->in);
    hone_launch(c, tiles, 1);
    c->block[0] = 32;
    c->block[1] = 8;
}

static void offer(hone_lower *lower, move *m)
{
    const int bytes = element_bytes(lower->in[m->in]->dtype);

    if (!bytes || lower->in[m->in]->dtype != lower->out[m->out]->dtype ||
        hone_gpu_map_count(&m->map) == 0)
        return;
    hone_lower_part(lower);
    hone_gpu_map_collapse(&m->map);
    const int along = m->has_fill || m->at || m->out_at ? -1 : along_of(&m->map);
    if (along >= 0)
        offer_tile(lower, m, bytes, along);
    offer_copy(lower, *m, bytes, 128);
    offer_copy(lower, *m, bytes, 256);
}

/* ---- maps ---- */

/* A map over `dims` with both operands' strides still to be set. */
static void begin(move *m, const hone_dims *dims)
{
    *m = (move){0};
    hone_gpu_map_init(&m->map, dims);
    m->map.n = 2;
}

void hone_gpu_copy(hone_lower *lower, const hone_gpu_copy_map *copy)
{
    move m;

    begin(&m, &copy->dims);
    for (int d = 0; d < copy->dims.rank; d++) {
        m.map.stride[0][d] = copy->to[d];
        m.map.stride[1][d] = copy->from[d];
    }
    m.in = copy->in;
    m.out = copy->out;
    m.at = copy->from_at;
    m.out_at = copy->to_at;
    offer(lower, &m);
}

hone_status hone_gpu_transpose(hone_lower *lower)
{
    const hone_dims *x = &lower->in[0]->shape;
    const hone_ints perm = lower->attrs->transpose.perm;
    int64_t strides[HONE_MAX_RANK];
    move m;

    begin(&m, &lower->out[0]->shape);
    hone_dims_strides(x, strides);
    for (int d = 0; d < x->rank; d++)
        m.map.stride[1][d] = strides[perm.n == x->rank ? perm.v[d] : x->rank - 1 - d];
    offer(lower, &m);
    return HONE_OK;
}

hone_status hone_gpu_expand(hone_lower *lower)
{
    move m = {0};

    hone_gpu_map_init(&m.map, &lower->out[0]->shape);
    if (hone_gpu_map_broadcast(&m.map, &lower->in[0]->shape))
        offer(lower, &m);
    return HONE_OK;
}

static bool int_at(const hone_lower *lower, int i, int64_t k, int64_t *out)
{
    const hone_tensor *t = hone_lower_in(lower, i);

    if (!t || !t->data || k >= hone_tensor_count(t))
        return false;
    *out = hone_element_int(t->dtype, t->data, k);
    return true;
}

hone_status hone_gpu_slice(hone_lower *lower)
{
    const hone_dims *x = &lower->in[0]->shape;
    int64_t strides[HONE_MAX_RANK];
    move m;

    begin(&m, &lower->out[0]->shape);
    hone_dims_strides(x, strides);
    for (int d = 0; d < x->rank; d++)
        m.map.stride[1][d] = strides[d];
    if (!lower->in[1]->data)
        return HONE_OK;
    for (int64_t k = 0; k < hone_tensor_count(lower->in[1]); k++) {
        int64_t start, axis = k, step = 1;
        int d;
        if (!int_at(lower, 1, k, &start) ||
            (hone_lower_in(lower, 3) && !int_at(lower, 3, k, &axis)) ||
            (hone_lower_in(lower, 4) && !int_at(lower, 4, k, &step)) || step < 1)
            return HONE_OK; /* backwards, or not known */
        HONE_TRY(hone_axis_normalize(axis, x->rank, &d));
        start = start < 0 ? start + x->dim[d] : start;
        start = HONE_MIN(HONE_MAX(start, 0), x->dim[d]);
        m.at += start * strides[d];
        m.map.stride[1][d] = strides[d] * step;
    }
    offer(lower, &m);
    return HONE_OK;
}

/* The bits of the padding; false where they are not known. */
static bool fill_of(const hone_lower *lower, uint64_t *out)
{
    const hone_tensor *value = hone_lower_in(lower, 2);

    *out = 0;
    if (!value)
        return true;
    if (!value->data || hone_tensor_count(value) != 1 || !element_bytes(value->dtype))
        return false;
    memcpy(out, value->data, (size_t)element_bytes(value->dtype));
    return true;
}

hone_status hone_gpu_pad(hone_lower *lower)
{
    const hone_dims *x = &lower->in[0]->shape;
    const hone_tensor *axes = hone_lower_in(lower, 3);
    const int n = axes ? (int)hone_tensor_count(axes) : x->rank;
    move m;

    begin(&m, &lower->out[0]->shape);
    hone_dims_strides(x, m.map.stride[1]);
    if (lower->attrs->pad.mode != HONE_PAD_CONSTANT || !fill_of(lower, &m.fill))
        return HONE_OK;
    m.has_fill = true;
    for (int k = 0; k < n; k++) {
        int64_t before, axis = k;
        int d;
        if (!int_at(lower, 1, k, &before) || (axes && !int_at(lower, 3, k, &axis)))
            return HONE_OK;
        HONE_TRY(hone_axis_normalize(axis, x->rank, &d));
        /* Negative pads cut off: the map begins inside the input then. */
        m.map.low[d] = HONE_MAX(before, 0);
        m.map.high[d] = HONE_MIN(before + x->dim[d], m.map.dim[d]);
        m.at -= before * m.map.stride[1][d];
    }
    offer(lower, &m);
    return HONE_OK;
}

/* ---- gather ---- */

hone_status hone_gpu_gather(hone_lower *lower)
{
    const hone_tensor *x = lower->in[0], *indices = lower->in[1];
    const int bytes = element_bytes(x->dtype);
    int64_t inner = 1;
    int axis, n = bytes ? 16 / bytes : 0;

    if (!bytes || x->shape.rank == 0 || (indices->dtype != HONE_I32 && indices->dtype != HONE_I64))
        return HONE_OK;
    HONE_TRY(hone_axis_normalize(lower->attrs->gather.axis, x->shape.rank, &axis));
    for (int d = axis + 1; d < x->shape.rank; d++)
        inner *= x->shape.dim[d];
    while (n > 1 && inner % n)
        n /= 2;
    for (int threads = 128; threads <= 256; threads *= 2) {
        hone_candidate *c = hone_lower_candidate(lower, "gather");
        if (!c)
            break;
        const int64_t count = hone_tensor_count(lower->out[0]) / n;
        hone_knob_word(c, "word", bytes * n);
        hone_knob_type(c, "index", indices->dtype);
        hone_knob_int(c, "WORDS", inner / n);
        hone_knob_int(c, "AXIS", x->shape.dim[axis]);
        hone_knob_int(c, "INDICES", hone_tensor_count(indices));
        hone_knob_int(c, "COUNT", count);
        hone_knob_int(c, "THREADS", threads);
        hone_knob_index(c, count);
        hone_candidate_out(c, 0);
        hone_candidate_in(c, 0);
        hone_candidate_in(c, 1);
        hone_launch(c, count, threads);
    }
    return HONE_OK;
}
