/* Placing: when each value is alive, and where in one arena it lies. Values whose lives do not meet
 * may share bytes; a pointwise step writes over an input that dies with it. Several greedy orders
 * are tried and the smallest arena is kept; the search is bounded and the same from run to run. */
#include "build/build.h"

#include <stdlib.h>

#define HEAP_LIMIT                                                                                 \
    ((size_t)256 << 20) /* a bound from data that is larger than this is no bound worth keeping */
#define SEARCH_ROUNDS 200
#define GOOD_ENOUGH   1.01 /* of the largest live set */

/* ---- rooms ----------------------------------------------------------------------------------- */

static bool has_data_extent(const hone_lowered *low, int v)
{
    return !hone_low_is_static(low, v);
}

/* Bytes at the largest extents; false where there is no bound. */
static bool upper_bytes(const hone_lowered *low, int v, size_t *out)
{
    hone_dims dims;

    return hone_shape_upper(low->module->extents, &low->values.v[v].type.shape, &dims) &&
           hone_dims_size(low->values.v[v].type.dtype, &dims, out) && *out <= SIZE_MAX / 4;
}

static hone_status give_rooms(hone_lowered *low)
{
    low->is_bounded = true;
    for (int i = 0; i < low->values.n; i++) {
        hone_low_value *v = &low->values.v[i];
        size_t bytes = 0;
        if (v->storage == HONE_STORAGE_CONST)
            continue;
        const bool known = upper_bytes(low, i, &bytes);
        if (known && bytes > ((size_t)1 << 46))
            return hone_error(HONE_ERR_LIMIT,
                              "placing \"%s\": it needs %zu bytes; the limit is 64 TiB", v->name,
                              bytes);
        const bool grows = !known || (has_data_extent(low, i) && bytes > HEAP_LIMIT);
        v->room = grows ? 0 : hone_align_up(bytes, HONE_ALIGNMENT);
        if (!grows)
            continue;
        low->is_bounded = false;
        if (v->storage == HONE_STORAGE_ARENA)
            v->storage = HONE_STORAGE_HEAP;
    }
    return HONE_OK;
}

/* ---- lives ----------------------------------------------------------------------------------- */

static void touch(hone_lowered *low, int value, int step)
{
    if (value < 0)
        return;
    hone_low_value *v = &low->values.v[low->values.v[value].root];
    if (v->first < 0)
        v->first = step;
    v->last = HONE_MAX(v->last, step);
}

/* A value from before a loop that the loop uses must last for all of its rounds. */
static void extend_over_loop(hone_lowered *low, int head, int jump)
{
    for (int i = 0; i < low->values.n; i++) {
        hone_low_value *v = &low->values.v[i];
        if (v->first >= 0 && v->first < head && v->last >= head)
            v->last = HONE_MAX(v->last, jump);
    }
}

static void find_lives(hone_lowered *low)
{
    for (int s = 0; s < low->steps.n; s++) {
        const hone_low_step *step = &low->steps.v[s];
        for (int i = 0; i < step->n_in; i++)
            touch(low, step->in[i], s);
        for (int i = 0; i < step->n_out; i++)
            touch(low, step->out[i], s);
        touch(low, step->device_scratch, s);
    }
    for (int s = 0; s < low->steps.n; s++)
        if (low->steps.v[s].kind == HONE_STEP_JUMP && low->steps.v[s].target <= s)
            extend_over_loop(low, low->steps.v[s].target, s);
}

/* ---- writing over an input ------------------------------------------------------------------- */

static bool may_overwrite(const hone_lowered *low, const int *writers, int step, int in, int out)
{
    if (in < 0 || out < 0)
        return false;
    const hone_low_value *i = &low->values.v[in], *o = &low->values.v[out];
    const hone_low_value *root = &low->values.v[i->root];
    return o->root == out && o->storage == HONE_STORAGE_ARENA &&
           root->storage == HONE_STORAGE_ARENA && i->root != out && root->last == step &&
           o->first == step && writers[out] == 1 && root->room >= o->room &&
           hone_dtype_bits(i->type.dtype) == hone_dtype_bits(o->type.dtype) &&
           hone_shape_equal(&i->type.shape, &o->type.shape) && o->type.shape.rank >= 0;
}

static void share_bytes(hone_lowered *low, int *roots, int from, int to)
{
    hone_low_value *o = &low->values.v[from], *r = &low->values.v[to];

    o->storage = HONE_STORAGE_ALIAS;
    r->last = HONE_MAX(r->last, o->last);
    roots[from] = to;
}

/* The root at the end of a chain of merged ones. */
static int find_root(const int *roots, int v)
{
    while (roots[v] != v)
        v = roots[v];
    return v;
}

static void overwrite_inputs(hone_lowered *low)
{
    int *writers = hone_arena_array(low->arena, (size_t)low->values.n + 1, sizeof *writers);
    int *roots = hone_arena_array(low->arena, (size_t)low->values.n + 1, sizeof *roots);

    for (int i = 0; i < low->values.n; i++)
        roots[i] = i;
    for (int s = 0; s < low->steps.n; s++)
        for (int k = 0; k < low->steps.v[s].n_out; k++)
            if (low->steps.v[s].out[k] >= 0)
                writers[low->steps.v[s].out[k]]++;
    for (int s = 0; s < low->steps.n; s++) {
        const hone_low_step *step = &low->steps.v[s];
        if (step->kind != HONE_STEP_KERNEL || !hone_op_has(step->op, HONE_TRAIT_POINTWISE) ||
            step->n_out != 1)
            continue;
        for (int k = 0; k < step->n_in; k++) {
            if (step->in[k] >= 0)
                low->values.v[step->in[k]].root = find_root(roots, low->values.v[step->in[k]].root);
            if (may_overwrite(low, writers, s, step->in[k], step->out[0])) {
                share_bytes(low, roots, step->out[0], low->values.v[step->in[k]].root);
                break;
            }
        }
    }
    for (int i = 0; i < low->values.n; i++)
        low->values.v[i].root = find_root(roots, low->values.v[i].root);
}

/* ---- offsets --------------------------------------------------------------------------------- */

typedef struct block {
    size_t room;
    int first, last, value;
    uint64_t offset;
} block;

typedef struct packing {
    block *blocks; /* in the order of placing */
    block **near;  /* placed ones that meet the present one, by offset */
    int n;
} packing;

static int by_offset(const void *a, const void *b)
{
    const block *x = *(block *const *)a, *y = *(block *const *)b;
    return (x->offset > y->offset) - (x->offset < y->offset);
}

static int by_size(const void *a, const void *b)
{
    const block *x = a, *y = b;
    if (x->room != y->room)
        return x->room < y->room ? 1 : -1;
    return x->value - y->value;
}

static int by_area(const void *a, const void *b)
{
    const block *x = a, *y = b;
    const double p = (double)x->room * (x->last - x->first + 1),
                 q = (double)y->room * (y->last - y->first + 1);
    return p != q ? (p < q ? 1 : -1) : x->value - y->value;
}

static int by_time(const void *a, const void *b)
{
    const block *x = a, *y = b;
    return x->first != y->first ? x->first - y->first : by_size(a, b);
}

/* The tightest gap between the neighbours of block i; else behind them. */
static uint64_t find_gap(packing *p, int i)
{
    int n = 0;
    uint64_t end = 0, best = UINT64_MAX;
    size_t best_gap = SIZE_MAX;
    const block *b = &p->blocks[i];

    for (int k = 0; k < i; k++)
        if (p->blocks[k].first <= b->last && p->blocks[k].last >= b->first)
            p->near[n++] = &p->blocks[k];
    qsort(p->near, (size_t)n, sizeof(block *), by_offset);
    for (int k = 0; k < n; k++) {
        const uint64_t begin = p->near[k]->offset;
        if (begin >= end + b->room && begin - end < best_gap) {
            best = end;
            best_gap = begin - end;
        }
        end = HONE_MAX(end, begin + p->near[k]->room);
    }
    return best != UINT64_MAX ? best : end;
}

static size_t pack_in_order(packing *p)
{
    size_t total = 0;

    for (int i = 0; i < p->n; i++) {
        p->blocks[i].offset = find_gap(p, i);
        total = HONE_MAX(total, (size_t)p->blocks[i].offset + p->blocks[i].room);
    }
    return total;
}

/* The arena that is being packed: its bytes so far, and what would be the least. */
typedef struct side_size {
    size_t total, live;
} side_size;

static void keep(hone_lowered *low, const packing *p, size_t total, side_size *side)
{
    if (total >= side->total)
        return;
    side->total = total;
    for (int i = 0; i < p->n; i++)
        low->values.v[p->blocks[i].value].offset = p->blocks[i].offset;
}

/* The block that ends highest moves towards the front: it gets a lower place next time. */
static void promote_highest(packing *p, uint32_t *random)
{
    int top = 0;

    for (int i = 1; i < p->n; i++)
        if (p->blocks[i].offset + p->blocks[i].room >= p->blocks[top].offset + p->blocks[top].room)
            top = i;
    *random = *random * 1664525u + 1013904223u;
    const int to = top ? (int)((*random >> 8) % (uint32_t)top) : 0;
    const block b = p->blocks[top];
    memmove(p->blocks + to + 1, p->blocks + to, sizeof b * (size_t)(top - to));
    p->blocks[to] = b;
}

static void pack(hone_lowered *low, packing *p, side_size *side)
{
    static int (*const orders[])(const void *, const void *) = {by_size, by_area, by_time};
    const double good = GOOD_ENOUGH * (double)side->live;
    uint32_t random = 1;

    side->total = p->n ? SIZE_MAX : 0;
    for (int o = 0; o < HONE_COUNT(orders) && (double)side->total > good; o++) {
        qsort(p->blocks, (size_t)p->n, sizeof(block), orders[o]);
        const int rounds = p->n > 1000 ? 10 : SEARCH_ROUNDS;
        for (int r = 0; r < rounds && (double)side->total > good; r++) {
            keep(low, p, pack_in_order(p), side);
            promote_highest(p, &random);
        }
    }
}

static size_t largest_live_set(const hone_lowered *low, const packing *p)
{
    int64_t *change = hone_arena_array(low->arena, (size_t)low->steps.n + 2, sizeof *change);
    int64_t live = 0, most = 0;

    for (int i = 0; i < p->n; i++) {
        change[p->blocks[i].first] += (int64_t)p->blocks[i].room;
        change[p->blocks[i].last + 1] -= (int64_t)p->blocks[i].room;
    }
    for (int s = 0; s < low->steps.n; s++) {
        live += change[s];
        most = HONE_MAX(most, live);
    }
    return (size_t)most;
}

/* Places the values of one side in its arena. */
static side_size place_side(hone_lowered *low, packing *p, bool on_device)
{
    side_size side = {0};

    p->n = 0;
    for (int i = 0; i < low->values.n; i++) {
        const hone_low_value *v = &low->values.v[i];
        const bool is_text = v->type.dtype == HONE_STRING;
        if (v->storage == HONE_STORAGE_ARENA && v->first >= 0 && v->room > 0 &&
            v->on_device == on_device)
            p->blocks[p->n++] = (block){.room = v->room,
                                        .first = is_text ? 0 : v->first,
                                        .last = is_text ? low->steps.n - 1 : v->last,
                                        .value = i};
    }
    side.live = largest_live_set(low, p);
    pack(low, p, &side);
    return side;
}

hone_status hone_place(hone_lowered *low)
{
    packing p = {0};

    HONE_TRY(give_rooms(low));
    find_lives(low);
    overwrite_inputs(low);
    p.blocks = hone_arena_array(low->arena, (size_t)low->values.n + 1, sizeof *p.blocks);
    p.near = hone_arena_array(low->arena, (size_t)low->values.n + 1, sizeof *p.near);
    const side_size host = place_side(low, &p, false), device = place_side(low, &p, true);
    low->arena_bytes = host.total;
    low->device_arena_bytes = device.total;
    low->live_bytes = host.live + device.live;
    return HONE_OK;
}
