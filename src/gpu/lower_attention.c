/* Attention: tiles of attention.cu (tensor cores) where types, alignment and device allow, and of
 * attention_simt.cu (exact float32) for everything else. Rows are reached by strides, so inputs of
 * rank 3 and 4 are the same thing here. The present is copied beside it, by parts of their own.
 * Scores as an output are left to the CPU. */
#include <math.h>
#include <string.h>

#include "gpu/lower.h"

/* Elements before the first, and to the next batch, head and row. */
enum {
    AT,
    BATCH,
    HEAD,
    ROW,
    BYS
};

typedef struct heads {
    int64_t batch, heads, rows, size;
    int64_t by[BYS];
} heads;

typedef struct job {
    hone_dtype type, mask_type;
    heads q, k, v, y;
    int64_t keys; /* that may be seen: the past's and the new ones, as far as the mask reaches */
    int64_t past;
    int64_t mask_by[3]; /* to the next batch, head and query */
    float scale, softcap;
    int64_t left, right; /* the window; -1: no limit */
    const hone_tensor *mask, *lengths;
} job;

/* size, at: where rows of rank 3 are wider than their heads; else size is 0. */
static heads heads_of(const hone_tensor *t, int64_t n, int64_t size, int64_t at)
{
    const int64_t *d = t->shape.dim;

    if (t->shape.rank == 4)
        return (heads){d[0], d[1], d[2], d[3], {0, d[1] * d[2] * d[3], d[2] * d[3], d[3]}};
    if (size <= 0)
        size = n > 0 ? d[2] / n : 0, at = 0;
    return (heads){d[0], n, d[1], size, {at, d[1] * d[2], size, d[2]}};
}

static bool set_mask(job *j)
{
    const int64_t want[3] = {j->q.batch, j->q.heads, j->q.rows};
    int64_t stride[HONE_MAX_RANK];

    j->mask_type = HONE_F32;
    if (!j->mask)
        return true;
    const hone_dims *m = &j->mask->shape;
    if (m->rank < 1 || m->rank > 4)
        return false;
    j->mask_type = j->mask->dtype;
    hone_dims_strides(m, stride);
    for (int i = 0; i < m->rank - 1; i++) {
        const int to = i + 4 - m->rank;
        if (m->dim[i] != 1 && m->dim[i] != want[to])
            return false;
        j->mask_by[to] = m->dim[i] == 1 ? 0 : stride[i];
    }
    j->keys = HONE_MIN(j->keys, m->dim[m->rank - 1]);
    return hone_gpu_is_float(j->mask_type) || j->mask_type == HONE_BOOL;
}

static bool has_ranks(const hone_lower *lower)
{
    const int rank = lower->in[0]->shape.rank;

    for (int i = 0; i < 3; i++)
        if (!lower->in[i] || lower->in[i]->shape.rank != rank ||
            lower->in[i]->dtype != lower->in[0]->dtype)
            return false;
    return (rank == 3 || rank == 4) && hone_gpu_is_float(lower->in[0]->dtype) &&
           lower->out[0]->dtype == lower->in[0]->dtype;
}

/* The past has the type of the present, and goes with its keys and values both. */
static bool set_past(const hone_lower *lower, job *j)
{
    const hone_tensor *k = hone_lower_in(lower, 4), *v = hone_lower_in(lower, 5);

    if (!k && !v)
        return true;
    if (!k || !v || k->dtype != j->type || v->dtype != j->type || k->shape.rank != 4 ||
        v->shape.rank != 4)
        return false;
    j->past = k->shape.dim[2];
    j->keys += j->past;
    return v->shape.dim[2] == j->past;
}

static bool set_job(const hone_lower *lower, job *j)
{
    const hone_attrs_attention *a = &lower->attrs->attention;

    *j = (job){.type = lower->in[0]->dtype, .softcap = a->softcap};
    if (!has_ranks(lower) || hone_lower_out(lower, 3))
        return false;
    j->q = heads_of(lower->in[0], a->q_num_heads, a->head_size, a->q_at);
    j->k = heads_of(lower->in[1], a->kv_num_heads, a->head_size, a->k_at);
    j->v = heads_of(lower->in[2], a->kv_num_heads, a->head_size, a->v_at);
    j->y = heads_of(lower->out[0], j->q.heads, 0, 0);
    j->mask = hone_lower_in(lower, 3);
    j->lengths = hone_lower_in(lower, 6);
    j->keys = j->k.rows;
    j->left = a->left_window_size >= 0 ? a->left_window_size : -1;
    j->right = a->is_causal ? 0 : a->right_window_size >= 0 ? a->right_window_size : -1;
    if (!set_past(lower, j) || !set_mask(j))
        return false;
    j->scale = a->scale != 0 ? a->scale : 1 / sqrtf((float)HONE_MAX(j->q.size, 1));
    return true;
}

static bool fits_int(const heads *h)
{
    return h->rows * h->by[ROW] < INT32_MAX / 2 && h->batch <= UINT16_MAX && h->heads <= UINT16_MAX;
}

static bool takes(const job *j)
{
    return j->k.heads > 0 && j->q.heads % j->k.heads == 0 && j->v.heads == j->k.heads &&
           j->q.size == j->k.size && j->q.size > 0 && j->v.size > 0 && j->k.rows == j->v.rows &&
           j->q.batch == j->k.batch && j->k.batch == j->v.batch && j->keys > 0 && fits_int(&j->q) &&
           fits_int(&j->k) && fits_int(&j->v) && fits_int(&j->y) &&
           j->past * HONE_MAX(j->q.size, j->v.size) < INT32_MAX / 2 && j->left < INT32_MAX / 2 &&
           j->right < INT32_MAX / 2 && (!j->lengths || j->lengths->dtype == HONE_I64);
}

/* ---- what both kernels are told ---- */

static void add_job(hone_candidate *c, const job *j)
{
    hone_knob_type(c, "T", j->type);
    hone_knob_type(c, "TM", j->mask_type);
    hone_knob_int(c, "D", j->q.size);
    hone_knob_int(c, "DV", j->v.size);
    hone_knob_int(c, "SQ", j->q.rows);
    hone_knob_int(c, "KEYS", j->keys);
    hone_knob_int(c, "PAST", j->past);
    hone_knob_int(c, "HEADS", j->q.heads);
    hone_knob_int(c, "GROUP", j->q.heads / j->k.heads);
    hone_knob_ints(c, "q_at", j->q.by, BYS);
    hone_knob_ints(c, "k_at", j->k.by, BYS);
    hone_knob_ints(c, "v_at", j->v.by, BYS);
    hone_knob_ints(c, "y_at", j->y.by, BYS);
    hone_knob_bool(c, "HAS_MASK", j->mask != NULL);
    hone_knob_ints(c, "mask_at", j->mask_by, 3);
    hone_knob_bool(c, "HAS_LENGTHS", j->lengths != NULL);
    hone_knob_float(c, "SCALE", j->scale);
    hone_knob_float(c, "SOFTCAP", HONE_MAX(j->softcap, 0));
    hone_knob_int(c, "LEFT", j->left);
    hone_knob_int(c, "RIGHT", j->right);
    hone_knob_int(c, "OFFSET", j->past);
}

static void add_optional(hone_candidate *c, const hone_lower *lower, int i)
{
    if (hone_lower_in(lower, i))
        hone_candidate_in(c, i);
    else
        hone_candidate_nothing(c);
}

static void add_launch(hone_candidate *c, const hone_lower *lower, const job *j, int64_t rows,
                       int threads)
{
    for (int i = 0; i < 3; i++)
        hone_candidate_in(c, i);
    hone_candidate_out(c, 0);
    add_optional(c, lower, 3);
    add_optional(c, lower, 6);
    add_optional(c, lower, 4);
    add_optional(c, lower, 5);
    c->grid[0] = (uint32_t)((j->q.rows + rows - 1) / rows);
    c->grid[1] = (uint32_t)j->q.heads;
    c->grid[2] = (uint32_t)j->q.batch;
    c->block[0] = (uint32_t)threads;
    c->block[1] = c->block[2] = 1;
}

/* ---- tensor cores ---- */

/* A tile as attention.cu has it. */
typedef struct tile {
    int bm, bn, wm, wn, stages;
    int blocks; /* that an SM shall hold at least */
} tile;

/* What tiles are made of: at most so many queries and keys a tile, in even parts; bn 0: all keys.
 * wn 0: 32 keys a warp. */
typedef struct form {
    int bm, bn, wn, blocks;
} form;

/* By measurement (docs/kernels/attention.md), best first, for: the blocks of all that there is fit
 * onto the device at once; some times over; many times. */
enum {
    FORMS = 8,
    SIZES = 3
};
static const form forms[SIZES][FORMS] = {
    {{32, 0, 2, 1},
     {64, 0, 1, 1},
     {16, 0, 4, 1},
     {32, 0, 0, 1},
     {16, 0, 0, 1},
     {64, 0, 2, 1},
     {16, 256, 8, 1},
     {16, 128, 4, 1}},
    {{128, 128, 1, 1},
     {64, 0, 2, 2},
     {64, 128, 1, 3},
     {208, 0, 1, 1},
     {64, 64, 1, 3},
     {32, 0, 2, 1},
     {32, 128, 4, 1},
     {16, 128, 4, 1}},
    {{64, 0, 1, 4},
     {64, 128, 1, 3},
     {128, 80, 1, 2},
     {128, 128, 1, 2},
     {64, 64, 1, 3},
     {128, 64, 1, 2},
     {208, 0, 1, 1},
     {32, 128, 4, 1}},
};
/* Where nothing else fits: large heads. */
static const form last_forms[] = {{64, 32, 1, 1}, {16, 64, 2, 1}, {16, 32, 1, 1}};

static int64_t shared_of(const job *j, const tile *t)
{
    const int64_t lanes = 128 / hone_dtype_bits(j->type);
    const int64_t steps = (j->q.size + 2 * lanes - 1) / (2 * lanes);
    const int64_t v_steps = (j->v.size + 2 * lanes - 1) / (2 * lanes);
    const int64_t keys = (int64_t)t->stages * t->bn / t->wn; /* of a group of warps */
    const int64_t group = keys * (2 * steps + 2 * v_steps + 2) * 16;
    const int64_t part = (int64_t)t->bm * (v_steps * lanes * 2 + 10) * 4;

    return t->bm * (2 * steps + 1) * 16 + t->wn * (group + (part <= group ? 0 : part));
}

/* float32 registers that a thread needs for scores, answers, queries and mask. */
static int64_t registers_of(const job *j, const tile *t)
{
    const int64_t m = t->bm / t->wm / 16, scores = m * t->bn / t->wn / 2;

    return scores + m * j->v.size / 2 + HONE_MIN(m * j->q.size, 128) / 4 +
           (j->mask ? j->mask_by[2] ? scores : scores / (m * 2) : 0);
}

/* In as few parts of at most `most`, as even as steps of `step` allow. */
static int64_t even_part(int64_t n, int64_t most, int64_t step)
{
    const int64_t parts = (n + most - 1) / most;

    return ((n + parts - 1) / parts + step - 1) / step * step;
}

/* The tile of this form for the job; false where it is too large. */
static bool fit_tile(const hone_lower *lower, const job *j, const form *f, tile *t)
{
    const int64_t wn = f->wn ? f->wn : (j->keys + 31) / 32;
    const int64_t bn = even_part(j->keys, f->bn ? f->bn : j->keys, 16 * wn);

    if (wn > 15 || bn > 4096)
        return false;
    *t = (tile){.bm = (int)even_part(j->q.rows, f->bm, 16),
                .bn = (int)bn,
                .wn = (int)wn,
                .stages = bn < j->keys ? 2 : 1,
                .blocks = f->blocks};
    t->wm = t->bm / 16;
    const int threads = 32 * t->wm * t->wn;
    if (threads > 512 || shared_of(j, t) > lower->device.shared_bytes)
        return false;
    const int64_t needs = registers_of(j, t), has = 65536 / (threads * t->blocks);
    if (2 * needs <= has) /* the compiler takes no more anyway */
        t->blocks = 1;
    return needs <= HONE_MIN(t->blocks == 1 ? has - 30 : has + 20, 180);
}

static void offer_tile(hone_lower *lower, const job *j, const tile *t)
{
    hone_candidate *c = hone_lower_candidate(lower, "attention");

    if (!c)
        return;
    add_job(c, j);
    hone_knob_int(c, "BM", t->bm);
    hone_knob_int(c, "BN", t->bn);
    hone_knob_int(c, "WM", t->wm);
    hone_knob_int(c, "WN", t->wn);
    hone_knob_int(c, "STAGES", t->stages);
    hone_knob_int(c, "BLOCKS", t->blocks);
    c->shared_bytes = (uint32_t)shared_of(j, t);
    add_launch(c, lower, j, t->bm, 32 * t->wm * t->wn);
}

static bool is_aligned(const heads *h, int lanes)
{
    for (int i = 0; i < BYS; i++)
        if (h->by[i] % lanes)
            return false;
    return h->size % lanes == 0;
}

static bool takes_tiles(const hone_lower *lower, const job *j)
{
    const int lanes = 128 / hone_dtype_bits(j->type);

    return (j->type != HONE_F32 || lower->device.allows_tf32) && is_aligned(&j->q, lanes) &&
           is_aligned(&j->k, lanes) && is_aligned(&j->v, lanes) && is_aligned(&j->y, lanes);
}

enum {
    MOST_TILES = SIZES * FORMS
};

/* Adds the form's tile unless it is there or does not fit. */
static int add_tile(const hone_lower *lower, const job *j, const form *f, tile *tiles, int n)
{
    tile *t = &tiles[n];

    if (n == MOST_TILES || !fit_tile(lower, j, f, t))
        return n;
    for (int i = 0; i < n; i++)
        if (memcmp(&tiles[i], t, sizeof *t) == 0)
            return n;
    return n + 1;
}

static void offer_tiles(hone_lower *lower, const job *j)
{
    const int64_t rows = j->q.rows * j->q.heads * j->q.batch / HONE_MAX(lower->device.n_sms, 1);
    const int size = rows < 40 ? 0 : rows < 128 ? 1 : 2; /* queries of all heads, to an SM */
    tile tiles[MOST_TILES];
    int n = 0;

    if (!takes_tiles(lower, j))
        return;
    for (int i = 0; i < SIZES; i++)
        for (int k = 0; k < FORMS; k++)
            n = add_tile(lower, j, &forms[(size + i) % SIZES][k], tiles, n);
    for (int k = 0; k < HONE_COUNT(last_forms) && n == 0; k++)
        n = add_tile(lower, j, &last_forms[k], tiles, n);
    for (int i = 0; i < n; i++)
        offer_tile(lower, j, &tiles[i]);
}

/* ---- exact float32 ---- */

typedef struct simt_tile {
    int bm, bn;
} simt_tile;

static const simt_tile simt_tiles[] = {{32, 64}, {64, 64}, {32, 32}, {16, 32}, {16, 16}};

static int64_t simt_shared_of(const job *j, const simt_tile *t)
{
    const int64_t pitch = ((j->q.size + 3) / 4 | 1) * 4, v_pitch = (j->v.size + 63) / 64 * 64;

    return 4 * ((t->bm + t->bn) * pitch + t->bn * v_pitch + t->bm * (t->bn + 4));
}

/* The elements that every row can be read by. */
static int width_of(const job *j)
{
    int wide = HONE_MIN(hone_gpu_pack(j->type, j->q.size), hone_gpu_pack(j->type, j->v.size));

    while (!is_aligned(&j->q, wide) || !is_aligned(&j->k, wide) || !is_aligned(&j->v, wide))
        wide /= 2;
    return wide;
}

static void offer_simt(hone_lower *lower, const job *j)
{
    for (int i = 0; i < HONE_COUNT(simt_tiles); i++) {
        const simt_tile *t = &simt_tiles[i];
        if (simt_shared_of(j, t) > lower->device.shared_bytes || j->v.size > 512)
            continue;
        hone_candidate *c = hone_lower_candidate(lower, "attention_simt");
        if (!c)
            return;
        add_job(c, j);
        hone_knob_int(c, "BM", t->bm);
        hone_knob_int(c, "BN", t->bn);
        hone_knob_int(c, "WIDE", width_of(j));
        c->shared_bytes = (uint32_t)simt_shared_of(j, t);
        add_launch(c, lower, j, t->bm, t->bm * 4);
    }
}

/* ---- the present: the past's tokens, then the new ones ---- */

static void offer_present(hone_lower *lower, const job *j, int k, const heads *now)
{
    const int64_t tokens = j->past + now->rows, size = now->size;
    hone_gpu_copy_map copy = {
        .in = k,
        .out = k,
        .dims = {.rank = 4, .dim = {now->batch, now->heads, now->rows, size}},
        .from = {now->by[BATCH], now->by[HEAD], now->by[ROW], 1},
        .to = {now->heads * tokens * size, tokens * size, size, 1},
        .from_at = now->by[AT],
        .to_at = j->past * size,
    };

    if (!hone_lower_out(lower, k))
        return;
    hone_gpu_copy(lower, &copy);
    copy.in = k + 3;
    copy.dims.dim[2] = j->past;
    copy.from[0] = now->heads * j->past * size;
    copy.from[1] = j->past * size;
    copy.from[2] = size;
    copy.from_at = copy.to_at = 0;
    if (j->past)
        hone_gpu_copy(lower, &copy);
}

hone_status hone_gpu_attention(hone_lower *lower)
{
    job j;

    if (!set_job(lower, &j) || !takes(&j))
        return HONE_OK;
    offer_tiles(lower, &j);
    if (!lower->first)
        offer_simt(lower, &j);
    if (!lower->first)
        return HONE_OK;
    offer_present(lower, &j, 1, &j.k);
    offer_present(lower, &j, 2, &j.v);
    return HONE_OK;
}
