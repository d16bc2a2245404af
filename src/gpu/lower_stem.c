/* First layers: a tile of the picture's output a block, found by enumerating shapes of tiles and of
 * warps and ranking them by a model of time. docs/kernels/stem.md. */
#include <math.h>

#include "base/dtype.h"
#include "gpu/lower.h"
#include "gpu/region.h"

#define OFFERED 16 /* tiles */
#define EXTRAS  4  /* further operands of the program */

typedef struct stem {
    hone_dtype from, dtype, to; /* of x, of products, of y */
    int64_t n, c;
    hone_window conv, pool; /* without a maximum a window of one sum */
    bool has_pool;
    int64_t out[2]; /* of y */
    bool is_simt;   /* exact float32, or a device without these tensor cores */
} stem;

typedef struct tile {
    int h, w, bn; /* pixels and channels of y */
    int wm, wn;   /* warps along sums and channels; of stem_simt threads */
    double us;
} tile;

/* ---- what is to be done ---- */

/* Every window looks at a sum. */
static bool has_sums(const stem *s, int d)
{
    const hone_window *w = &s->pool;

    return w->pad_begin[d] < w->kernel[d] &&
           (s->out[d] - 1) * w->stride[d] - w->pad_begin[d] < s->conv.out[d];
}

static bool set_pool(const hone_attrs_conv_stem *a, stem *s)
{
    s->has_pool = a->pool_shape.n == 2;
    for (int d = 0; d < 2; d++) {
        s->pool.kernel[d] = s->has_pool ? a->pool_shape.v[d] : 1;
        s->pool.stride[d] = s->has_pool ? a->pool_strides.v[d] : 1;
        s->pool.pad_begin[d] = s->has_pool ? a->pool_pads.v[d] : 0;
        if (s->pool.kernel[d] > 5 || s->pool.stride[d] > 4 || !has_sums(s, d))
            return false;
    }
    return true;
}

static bool is_small(const hone_window *w)
{
    for (int d = 0; d < 2; d++)
        if (w->kernel[d] > 11 || w->stride[d] > 4 || w->dilation[d] > 4)
            return false;
    return true;
}

static int operands_of(const hone_program *program)
{
    return program ? program->n_in - 1 : 0;
}

/* One element, or one for each of n channels. */
static bool takes_operand(const hone_tensor *t, int64_t n)
{
    return t && hone_gpu_type(t->dtype) && (hone_tensor_count(t) == 1 || hone_tensor_count(t) == n);
}

/* All elements are along the last dimension. */
static bool is_row(const hone_tensor *t)
{
    const hone_dims *d = &t->shape;

    return d->rank == 0 || d->dim[d->rank - 1] == hone_tensor_count(t);
}

static bool is_finite(const hone_tensor *t)
{
    for (int64_t i = 0; t->data && i < hone_tensor_count(t); i++)
        if (!isfinite(hone_element_double(t->dtype, t->data, i)))
            return false;
    return t->data != NULL;
}

static bool takes_operands(const hone_lower *lower, const stem *s)
{
    const hone_tensor *bias = hone_lower_in(lower, 2);
    const int n = operands_of(lower->attrs->conv_stem.program);

    if (n > EXTRAS || (bias && (!bias->data || !hone_gpu_is_float(bias->dtype))))
        return false;
    for (int i = 3; i < lower->n_in; i++) { /* of the program behind, then of the one in front */
        const hone_tensor *t = lower->in[i];
        if (i < 3 + n ? !takes_operand(t, s->n) || !is_row(t)
                      : !takes_operand(t, s->c) || !is_finite(t))
            return false;
    }
    return true;
}

static bool stem_of(const hone_lower *lower, stem *s)
{
    const hone_tensor *x = lower->in[0], *w = lower->in[1], *y = lower->out[0];

    if (x->shape.rank != 4 ||
        hone_window_of(lower->op, lower->attrs, &x->shape, &w->shape, &s->conv) != HONE_OK)
        return false;
    s->from = x->dtype;
    s->dtype = w->dtype;
    s->to = y->dtype;
    s->n = w->shape.dim[0];
    s->c = w->shape.dim[1];
    s->out[0] = y->shape.dim[1];
    s->out[1] = y->shape.dim[2];
    s->is_simt = lower->device.arch < 80 || (s->dtype == HONE_F32 && !lower->device.allows_tf32);
    if (s->is_simt)
        s->dtype = HONE_F32;
    return (s->from == HONE_U8 || hone_gpu_is_float(s->from)) && hone_gpu_is_float(w->dtype) &&
           hone_gpu_is_float(s->to) && w->data && s->c <= 4 && s->n % 8 == 0 &&
           hone_tensor_count(x) < INT32_MAX && hone_tensor_count(y) < INT32_MAX &&
           is_small(&s->conv) && set_pool(&lower->attrs->conv_stem, s) && takes_operands(lower, s);
}

/* ---- tiles ---- */

/* As in stem.cuh and its kernels. */
typedef struct extents {
    int64_t sums, patch;
    int64_t taps; /* of a row of the window */
    int64_t tiles;
    int64_t shared;
    int threads;
    int mt, nt; /* fragments of a warp along sums and channels; of stem_simt sums of a thread */
} extents;

static void set_fragments(const stem *s, const tile *t, extents *e)
{
    const int64_t rows = s->is_simt ? t->wm : 8 * t->wm;

    e->threads = (s->is_simt ? 1 : 32) * t->wm * t->wn;
    e->mt = (int)((e->sums + rows - 1) / rows);
    e->nt = s->is_simt ? 1 : (t->bn + 16 * t->wn - 1) / (16 * t->wn);
}

/* Channels of a block, whole fragments. */
static int64_t rows_of(const tile *t, const extents *e)
{
    return 16 * (int64_t)t->wn * e->nt;
}

static void set_shared(const stem *s, const tile *t, extents *e)
{
    const int64_t bytes = hone_dtype_bits(s->dtype) / 8, taps = s->conv.kernel[0] * e->taps;
    const bool is_wide = s->to == HONE_F32;
    const int64_t weights =
        s->is_simt ? taps * s->c * t->bn * bytes : rows_of(t, e) * (taps * 4 * bytes + 16);
    const int64_t rows = e->mt * (s->is_simt ? t->wm : 8 * t->wm);
    const int64_t pitch = t->bn + (is_wide ? 4 : t->bn % 16 ? 0 : 8);

    e->shared = weights + (e->patch + 1) / 2 * 8 * bytes + rows * pitch * (is_wide ? 4 : 2);
}

static extents extents_of(const hone_lower *lower, const stem *s, const tile *t)
{
    const int64_t size[2] = {t->h, t->w}, columns = s->conv.kernel[1];
    extents e = {.sums = 1,
                 .patch = 1,
                 .taps = s->is_simt ? columns : (columns + 3) / 4 * 4,
                 .tiles = lower->in[0]->shape.dim[0]};

    for (int d = 0; d < 2; d++) {
        const int64_t taps = d == 1 ? e.taps : s->conv.kernel[0];
        const int64_t sums = (size[d] - 1) * s->pool.stride[d] + s->pool.kernel[d];
        e.sums *= sums;
        e.patch *= (sums - 1) * s->conv.stride[d] + (taps - 1) * s->conv.dilation[d] + 1;
        e.tiles *= (s->out[d] + size[d] - 1) / size[d];
    }
    set_fragments(s, t, &e);
    set_shared(s, t, &e);
    return e;
}

static int64_t registers_of(const stem *s, const extents *e)
{
    return 56 + 4 * e->mt + (s->is_simt ? 8 * e->mt : 4 * e->mt * e->nt);
}

/* Blocks of an SM, by shared memory, threads and registers. */
static int64_t blocks_of(const hone_lower *lower, const stem *s, const extents *e)
{
    const int64_t by_memory = (lower->device.shared_bytes + 1024) / (e->shared + 1024),
                  by_threads = 1536 / e->threads,
                  by_registers = 65536 / (registers_of(s, e) * e->threads);

    return HONE_MAX(HONE_MIN(HONE_MIN(by_memory, by_threads), by_registers), 1);
}

/* What one warp issues for a tile: pixels, steps of products, sums to shared memory, results. */
static double instructions_of(const stem *s, const tile *t, const extents *e)
{
    const double threads = e->threads, bytes = hone_dtype_bits(s->dtype) / 8.0;
    const double taps = (double)(s->conv.kernel[0] * e->taps);
    const double window = (double)(s->pool.kernel[0] * s->pool.kernel[1]);
    const double pixels = 25 * ceil((double)e->patch / threads);
    const double drained = (25 + 6 * window) * ceil(t->h * t->w * (t->bn / 8) / threads);
    const double steps = taps * bytes / 8;

    if (s->is_simt)
        return pixels + taps * (e->mt + (double)s->c * (2 + 8 * e->mt)) + 40 * e->mt + drained;
    return pixels + steps * (e->mt * e->nt + 2 * e->mt + 2 * e->nt) + 20 * e->mt * e->nt + drained;
}

/* Cycles of a tile where an SM has `here` blocks: a warp alone waits for its own instructions, many
 * warps for the issue slots, the tensor cores or the units. Fitted to an H100, 2026-11-24. */
static double cycles_of(const stem *s, const tile *t, const extents *e, double here)
{
    const double quarter = ceil(here * e->threads / 128); /* warps of a quarter of an SM */
    const double issued = instructions_of(s, t, e), bytes = hone_dtype_bits(s->dtype) / 8.0;
    const double steps = (double)(s->conv.kernel[0] * e->taps) * bytes / 8;
    const double products = s->is_simt ? 0 : 6.5 * steps * e->mt * e->nt * bytes / 2;

    return HONE_MAX(3.7 * issued, quarter * HONE_MAX(1.1 * issued, products));
}

/* Microseconds: the first pixels are waited for; those of further tiles come while there are
 * products. */
static double us_of(const hone_lower *lower, const stem *s, const tile *t, const extents *e)
{
    const double clock = 1700; /* MHz, of an H100 under load */
    const double blocks = (double)(e->tiles * (s->n / t->bn)), sms = lower->device.n_sms;
    const double here = HONE_MIN((double)blocks_of(lower, s, e), ceil(blocks / sms));
    const double rounds = ceil(blocks / (sms * here));

    return 0.85 + (900 + 100 * here + rounds * (cycles_of(s, t, e, here) + 600)) / clock;
}

/* No warp without a sum, sums that fit registers, a block that fits the device; long lines rather
 * than many. */
static bool is_sensible(const hone_lower *lower, const stem *s, const tile *t, const extents *e)
{
    const int rows = s->is_simt ? 1 : 8;
    const bool fits = s->is_simt
                          ? t->bn == 8 * t->wn && e->mt <= 8
                          : 16 * (t->wn - 1) * e->nt < t->bn && e->mt * e->nt <= 16 && e->mt <= 12;

    return fits && e->threads <= 512 && e->threads % 32 == 0 &&
           registers_of(s, e) * e->threads <= 65536 &&
           (e->threads == 32 || rows * (t->wm - 1) * e->mt < e->sums) &&
           e->shared + 1024 <= lower->device.shared_bytes && e->tiles <= INT32_MAX &&
           (t->h <= t->w || t->w >= s->out[1]) && t->h < 2 * s->out[0] &&
           (t->w == 4 || t->w < 2 * s->out[1]);
}

typedef struct list {
    int n;
    tile best[OFFERED];
} list;

/* Keeps the best, in their order. */
static void keep(list *l, const tile *t)
{
    int at = l->n < OFFERED ? l->n++ : OFFERED;

    for (; at > 0 && l->best[at - 1].us > t->us; at--)
        if (at < OFFERED)
            l->best[at] = l->best[at - 1];
    if (at < OFFERED)
        l->best[at] = *t;
}

static void try_one(const hone_lower *lower, const stem *s, tile t, list *l)
{
    const extents e = extents_of(lower, s, &t);

    if (!is_sensible(lower, s, &t, &e))
        return;
    t.us = us_of(lower, s, &t, &e);
    keep(l, &t);
}

static void try_warps(const hone_lower *lower, const stem *s, tile t, list *l)
{
    static const int rows[] = {1, 2, 3, 4, 5, 6, 8}, columns[] = {1, 2, 4},
                     threads[] = {4, 8, 16, 32, 64, 128};

    if (s->is_simt)
        for (int i = 0; i < HONE_COUNT(threads); i++) {
            t.wm = threads[i];
            t.wn = t.bn / 8;
            try_one(lower, s, t, l);
        }
    else
        for (int i = 0; i < HONE_COUNT(rows) * HONE_COUNT(columns); i++) {
            t.wm = rows[i / HONE_COUNT(columns)];
            t.wn = columns[i % HONE_COUNT(columns)];
            try_one(lower, s, t, l);
        }
}

static list tiles_of(const hone_lower *lower, const stem *s)
{
    static const int heights[] = {1, 2, 3, 4, 5, 6, 7, 8, 16}, widths[] = {4, 7, 8, 14, 16, 28, 32},
                     parts[] = {1, 2, 3, 4, 6, 8};
    list l = {0};

    for (int k = 0; k < HONE_COUNT(parts); k++)
        for (int i = 0; i < HONE_COUNT(heights) * HONE_COUNT(widths); i++)
            if (s->n % (8 * parts[k]) == 0 && s->n / parts[k] <= 128)
                try_warps(lower, s,
                          (tile){.h = heights[i / HONE_COUNT(widths)],
                                 .w = widths[i % HONE_COUNT(widths)],
                                 .bn = (int)s->n / parts[k]},
                          &l);
    return l;
}

/* ---- candidates ---- */

/* The problem is the same for all candidates: its knobs are not in their names. */
static void knob(hone_candidate *c, const char *name, int64_t value)
{
    hone_text_add(&c->knobs, "constexpr int %s = %lld;\n", name, (long long)value);
}

static void knob_flag(hone_candidate *c, const char *name, bool value)
{
    hone_text_add(&c->knobs, "constexpr bool %s = %s;\n", name, value ? "true" : "false");
}

static void knob_picture(hone_candidate *c, const hone_lower *lower, const stem *s)
{
    const bool is_last = lower->attrs->conv_stem.layout == HONE_LAYOUT_LAST;
    const int64_t h = s->conv.in[0], w = s->conv.in[1];

    knob(c, "BATCH", lower->in[0]->shape.dim[0]);
    knob(c, "C", s->c);
    knob(c, "H", h);
    knob(c, "W", w);
    knob(c, "X_N", s->c * h * w);
    knob(c, "X_C", is_last ? 1 : h * w);
    knob(c, "X_Y", is_last ? w * s->c : w);
    knob(c, "X_X", is_last ? s->c : 1);
}

static void knob_windows(hone_candidate *c, const stem *s)
{
    static const char *const names[][2] = {{"KH", "KW"},   {"SH", "SW"},   {"DH", "DW"},
                                           {"PH", "PW"},   {"OH", "OW"},   {"QKH", "QKW"},
                                           {"QSH", "QSW"}, {"QPH", "QPW"}, {"YH", "YW"}};
    const int64_t *const values[] = {s->conv.kernel,    s->conv.stride,    s->conv.dilation,
                                     s->conv.pad_begin, s->conv.out,       s->pool.kernel,
                                     s->pool.stride,    s->pool.pad_begin, s->out};

    for (int i = 0; i < HONE_COUNT(values); i++)
        for (int d = 0; d < 2; d++)
            knob(c, names[i][d], values[i][d]);
}

static void knob_program(hone_candidate *c, const hone_lower *lower, const stem *s)
{
    static const hone_instr copy = {.op = HONE_SCALAR_copy};
    static const hone_program plain = {1, 1, &copy};
    const hone_program *program = lower->attrs->conv_stem.program;

    for (int k = 0; k < EXTRAS; k++)
        if (k < operands_of(program))
            hone_text_add(&c->knobs, "using E%d = extra<%s, 0, %d>;\n", k,
                          hone_gpu_type(lower->in[3 + k]->dtype),
                          hone_tensor_count(lower->in[3 + k]) > 1);
        else
            hone_text_add(&c->knobs, "using E%d = no_extra;\n", k);
    c->is_coarse = hone_gpu_is_coarse(s->to);
    hone_gpu_program_emit(c, program ? program : &plain, "epilogue", 1 + EXTRAS);
}

/* Operands of the prologue are few: they are a table in the text. */
static void knob_prologue(hone_candidate *c, const hone_lower *lower, const stem *s)
{
    const hone_program *p = lower->attrs->conv_stem.prologue;
    const int first = 3 + operands_of(lower->attrs->conv_stem.program), n = operands_of(p);

    knob_flag(c, "HAS_PROLOGUE", p != NULL);
    if (p) { /* both programs may have the same functions */
        c->is_coarse = hone_gpu_is_coarse(s->dtype);
        hone_text_add(&c->knobs, "namespace before {\n");
        hone_gpu_program_emit(c, p, "program", p->n_in);
        hone_text_add(&c->knobs, "}\n");
    }
    hone_text_add(&c->knobs, "__device__ inline float prologue(float x, int c)\n{\n");
    for (int k = 0; k < n; k++) {
        const hone_tensor *t = lower->in[first + k];
        hone_text_add(&c->knobs, "    const float p%d[] = {", k);
        for (int64_t i = 0; i < s->c; i++)
            hone_text_add(&c->knobs, "(float)%.9g, ",
                          hone_element_double(t->dtype, t->data, hone_tensor_count(t) > 1 ? i : 0));
        hone_text_add(&c->knobs, "};\n");
    }
    hone_text_add(&c->knobs, p ? "    return before::program(x" : "    return x");
    for (int k = 0; k < n; k++)
        hone_text_add(&c->knobs, ", p%d[c]", k);
    hone_text_add(&c->knobs, p ? ");\n}\n" : ";\n}\n");
}

static void knob_tile(hone_candidate *c, const stem *s, const tile *t)
{
    knob(c, "N", s->n);
    hone_knob_int(c, "TH", t->h);
    hone_knob_int(c, "TW", t->w);
    hone_knob_int(c, "BN", t->bn);
    hone_knob_int(c, "WM", t->wm);
    hone_knob_int(c, "WN", t->wn);
}

static void add_args(hone_candidate *c, const hone_lower *lower)
{
    const int n = operands_of(lower->attrs->conv_stem.program);

    hone_candidate_in(c, 0);
    hone_candidate_in(c, 1);
    hone_lower_in(lower, 2) ? hone_candidate_in(c, 2) : hone_candidate_nothing(c);
    hone_candidate_out(c, 0);
    for (int k = 0; k < EXTRAS; k++)
        k < n ? hone_candidate_in(c, 3 + k) : hone_candidate_nothing(c);
}

/* [N, C, KH, KW] as [N / BN, BN, KH, taps, 4], or as [N / BN, KH, KW, C, BN]. */
static hone_gpu_packing weights_of(const stem *s, const tile *t, const extents *e)
{
    const int64_t parts = s->n / t->bn, rows = s->conv.kernel[0], columns = s->conv.kernel[1];
    hone_gpu_packing p = {.dtype = s->dtype,
                          .rank = 5,
                          .dim = {parts, t->bn, s->c, rows, columns},
                          .perm = {0, 1, 3, 4, 2},
                          .padded = {parts, rows_of(t, e), rows, e->taps, 4}};

    if (s->is_simt)
        p = (hone_gpu_packing){.dtype = s->dtype,
                               .rank = 5,
                               .dim = {parts, t->bn, s->c, rows, columns},
                               .perm = {0, 3, 4, 2, 1},
                               .padded = {parts, rows, columns, s->c, t->bn}};
    return p;
}

/* As many blocks as the device holds at once, or fewer: they go on to further tiles. */
static void set_launch(hone_candidate *c, const hone_lower *lower, const stem *s, const tile *t,
                       const extents *e)
{
    const int64_t parts = s->n / t->bn;
    const int64_t room = lower->device.n_sms * blocks_of(lower, s, e) / parts;

    hone_launch(c, HONE_MIN(e->tiles, HONE_MAX(room, 1)), 1);
    c->grid[1] = (uint32_t)parts;
    c->block[0] = (uint32_t)e->threads;
    c->shared_bytes = (uint32_t)e->shared;
    c->us = t->us;
}

static void offer(hone_lower *lower, const stem *s, const tile *t)
{
    const extents e = extents_of(lower, s, t);
    const hone_tensor *bias = hone_lower_in(lower, 2);
    hone_candidate *c = hone_lower_candidate(lower, s->is_simt ? "stem_simt" : "stem");

    if (!c)
        return;
    hone_knob_type(c, "TX", s->from);
    hone_knob_type(c, "T", s->dtype);
    hone_knob_type(c, "TY", s->to);
    knob_picture(c, lower, s);
    knob_windows(c, s);
    knob_tile(c, s, t);
    knob_flag(c, "HAS_POOL", s->has_pool);
    knob_flag(c, "HAS_BIAS", bias != NULL);
    knob_flag(c, "IS_ROUNDED", !s->is_simt);
    knob_program(c, lower, s);
    knob_prologue(c, lower, s);
    add_args(c, lower);
    c->packing[1] = weights_of(s, t, &e);
    if (bias)
        hone_candidate_pack(c, 2, bias, HONE_F32);
    set_launch(c, lower, s, t, &e);
}

hone_status hone_gpu_conv_stem(hone_lower *lower)
{
    stem s = {0};

    if (!stem_of(lower, &s))
        return HONE_OK;
    const list l = tiles_of(lower, &s);
    for (int i = 0; i < l.n; i++)
        offer(lower, &s, &l.best[i]);
    return HONE_OK;
}
