/* Depthwise convolutions, channels last: which share of the work a thread has, ranked by what it
 * costs; and, where the step wants them, sums of the output's rows. */
#include <stdlib.h>

#include "gpu/lower.h"
#include "gpu/region.h"

#define OFFERED   24  /* ways to share; more than a tuner has time for */
#define REGISTERS 200 /* of a thread, for windows, weights and sums */
#define MOST      256 /* ways that are ranked */

/* A way to share the work. */
typedef struct way {
    int v, along; /* channels and pixels of a thread */
    int threads;  /* of a block */
    int packs;    /* of a block's threads side by side; 0: blocks take threads as they come */
    int64_t blocks;
    double us; /* by the model */
} way;

typedef struct depthwise {
    const hone_tensor *x, *w, *bias; /* bias may be absent */
    hone_window window;
    hone_gpu_region region;
    hone_gpu_map map;
    int64_t pictures, channels;
    int n_sms;
    int bytes; /* of an element of x */
    int most;  /* channels that can be read and written at once */
    bool has_sums;
    way ways[MOST];
    int n;
} depthwise;

static int64_t pieces(int64_t n, int64_t by)
{
    return (n + by - 1) / by;
}

/* ---- ways and what they cost ---- */

static int64_t span(const depthwise *d, const way *s)
{
    return (s->along - 1) * d->window.stride[1] +
           (d->window.kernel[1] - 1) * d->window.dilation[1] + 1;
}

/* Threads with work. */
static int64_t count_of(const depthwise *d, const way *s)
{
    return d->pictures * d->window.out[0] * pieces(d->window.out[1], s->along) *
           (d->channels / s->v);
}

static int64_t registers(const depthwise *d, const way *s)
{
    const int64_t taps = d->window.kernel[0] * d->window.kernel[1];
    const int64_t words = pieces((int64_t)s->v * d->bytes, 4);

    return (d->window.kernel[0] * span(d, s) + taps) * words +
           s->v * (s->along + d->window.kernel[1] + 2);
}

/* Launch, first bytes, and then either instructions or bytes through the first cache: an SM issues
 * four a clock, a warp one, and 64 bytes come in. */
static double estimate(const depthwise *d, const way *s)
{
    const int64_t *kernel = d->window.kernel;
    const double clock = 1700, latency = 900; /* clocks of a us; of a load and what is around it */
    const double warps = (double)pieces(s->blocks, d->n_sms) * (s->threads / 32.0);
    const double loads = (double)(kernel[0] * span(d, s));
    const double instructions = s->v * s->along * ((double)(kernel[0] * kernel[1]) + 8) +
                                loads * (s->v + 3) + (double)(kernel[0] * kernel[1]) * s->v;
    const double issue = (double)pieces((int64_t)warps, 4) * instructions;
    const double bytes = warps * 32 * loads * s->v * d->bytes / 64 / 1.5;
    const double narrow = s->packs && s->packs * s->v * d->bytes < 32 ? 1.3 : 1;

    return 0.85 + (latency + HONE_MAX(issue, bytes * narrow)) / clock + (d->has_sums ? 0.15 : 0);
}

static void add(depthwise *d, way s)
{
    if (d->n == MOST || registers(d, &s) > REGISTERS)
        return;
    s.us = estimate(d, &s);
    d->ways[d->n++] = s;
}

/* Blocks of a row's pieces and of as many packs as `most` threads have; the fewest idle threads. */
static void add_rows(depthwise *d, way s, int64_t most)
{
    const int64_t row = pieces(d->window.out[1], s.along), packs = d->channels / s.v;
    double best = 0;
    int64_t n_best = 0;

    for (int64_t n = 1; n <= packs && n * row <= most; n++) {
        const int64_t threads = pieces(n * row, 32) * 32, of_channels = pieces(packs, n);
        const double used = (double)(packs * row) / (double)(threads * of_channels);
        if (threads * 2 > most && used > best && of_channels <= UINT16_MAX) {
            best = used;
            n_best = n;
        }
    }
    if (n_best == 0)
        return;
    s.packs = (int)n_best;
    s.threads = (int)pieces(n_best * row, 32) * 32;
    s.blocks = d->pictures * d->window.out[0] * pieces(packs, n_best);
    add(d, s);
}

static void add_ways(depthwise *d)
{
    static const int alongs[] = {1, 2, 4, 7, 8}, threads[] = {64, 128, 256, 512};

    for (int v = d->most; v >= 1; v /= 2)
        for (int i = 0; i < HONE_COUNT(alongs); i++) {
            way s = {.v = v, .along = alongs[i]};
            if (s.along > 1 && s.along / 2 >= d->window.out[1])
                continue;
            for (int t = 0; t < HONE_COUNT(threads); t++) {
                s.threads = threads[t];
                if (d->has_sums) {
                    add_rows(d, s, threads[t]);
                    continue;
                }
                s.blocks = pieces(count_of(d, &s), s.threads);
                add(d, s);
            }
        }
}

static int by_time(const void *a, const void *b)
{
    const way *x = a, *y = b;

    return x->us != y->us ? (x->us > y->us) - (x->us < y->us) : x->threads - y->threads;
}

/* ---- the step ---- */

static bool takes(const hone_lower *lower)
{
    const hone_attrs_conv *a = &lower->attrs->conv;
    const hone_tensor *x = lower->in[0], *w = lower->in[1], *bias = hone_lower_in(lower, 2);

    return a->layout == HONE_LAYOUT_LAST && x->shape.rank == 4 && !a->gate && w->data &&
           hone_gpu_is_float(x->dtype) && hone_gpu_is_float(lower->out[0]->dtype) &&
           w->shape.dim[1] == 1 && a->group == x->shape.dim[3] && w->shape.dim[0] == a->group &&
           w->shape.dim[2] <= 7 && w->shape.dim[3] <= 7 &&
           (!bias || hone_gpu_is_float(bias->dtype)) &&
           (!hone_lower_out(lower, 1) || hone_gpu_is_float(lower->out[1]->dtype));
}

static bool set_region(const hone_lower *lower, hone_gpu_region *region)
{
    static const hone_instr copy = {.op = HONE_SCALAR_copy};
    static const hone_program plain = {1, 1, &copy};
    const hone_program *program = lower->attrs->conv.program;

    *region = (hone_gpu_region){.program = program ? program : &plain,
                                .has_accumulator = true,
                                .dims = &lower->out[0]->shape,
                                .out = lower->out[0]->dtype};
    region->n_in = region->program->n_in - 1;
    for (int k = 0; k < region->n_in; k++) {
        region->in[k] = hone_lower_in(lower, 3 + k);
        region->arg[k] = 3 + k;
        if (!region->in[k])
            return false;
    }
    return true;
}

/* ---- candidates ---- */

static void knob_window(hone_candidate *c, const hone_window *w, int64_t channels)
{
    const struct {
        const char *name;
        int64_t value;
    } rows[] = {
        {"C", channels},         {"H", w->in[0]},        {"W", w->in[1]},
        {"OH", w->out[0]},       {"OW", w->out[1]},      {"KH", w->kernel[0]},
        {"KW", w->kernel[1]},    {"SH", w->stride[0]},   {"SW", w->stride[1]},
        {"DH", w->dilation[0]},  {"DW", w->dilation[1]}, {"PH", w->pad_begin[0]},
        {"PW", w->pad_begin[1]},
    };

    for (int i = 0; i < HONE_COUNT(rows); i++)
        hone_knob_int(c, rows[i].name, rows[i].value);
}

/* [C, 1, taps...] as [taps..., C], in the type of x. */
static void pack_taps_first(hone_candidate *c, const hone_tensor *w, hone_dtype dtype)
{
    hone_gpu_packing *p = hone_candidate_pack(c, 1, w, dtype);

    for (int i = 0; i < p->rank; i++) {
        p->perm[i] = (i + 1) % p->rank;
        p->padded[i] = p->dim[p->perm[i]];
    }
}

static void set_launch(hone_candidate *c, const depthwise *d, const way *s)
{
    const int64_t rows = d->pictures * d->window.out[0];

    c->grid[0] = (uint32_t)(s->packs ? rows : s->blocks);
    c->grid[1] = (uint32_t)(s->packs ? s->blocks / rows : 1);
    c->block[0] = (uint32_t)s->threads;
    c->grid[2] = c->block[1] = c->block[2] = 1;
    c->us = s->us;
}

static void offer(hone_lower *lower, const depthwise *d, const way *s)
{
    hone_candidate *c = hone_lower_candidate(lower, "depthwise");

    if (!c)
        return;
    hone_knob_type(c, "T", d->x->dtype);
    hone_knob_type(c, "TB", d->bias ? d->bias->dtype : HONE_F32);
    hone_knob_type(c, "TY", lower->out[0]->dtype);
    hone_knob_type(c, "TS", d->has_sums ? lower->out[1]->dtype : HONE_F32);
    knob_window(c, &d->window, d->channels);
    hone_knob_int(c, "V", s->v);
    hone_knob_int(c, "ALONG", s->along);
    hone_knob_bool(c, "HAS_BIAS", d->bias != NULL);
    hone_knob_bool(c, "BIAS_IS_CONSTANT", d->bias && d->bias->data);
    hone_knob_bool(c, "SUMS", d->has_sums);
    hone_knob_int(c, "BLOCK_PACKS", HONE_MAX(s->packs, 1));
    hone_knob_int(c, "COUNT", count_of(d, s));
    hone_knob_int(c, "THREADS", s->threads);
    hone_gpu_region_emit(c, &d->region, &d->map, s->v);
    hone_candidate_out(c, 0);
    hone_candidate_in(c, 0);
    hone_candidate_in(c, 1);
    d->bias ? hone_candidate_in(c, 2) : hone_candidate_nothing(c);
    d->has_sums ? hone_candidate_out(c, 1) : hone_candidate_nothing(c);
    hone_gpu_region_args(c, &d->region);
    pack_taps_first(c, d->w, d->x->dtype);
    set_launch(c, d, s);
}

hone_status hone_gpu_depthwise(hone_lower *lower)
{
    if (!takes(lower))
        return HONE_OK;
    depthwise *d = hone_arena_alloc(lower->arena, sizeof *d);
    *d = (depthwise){.x = lower->in[0],
                     .w = lower->in[1],
                     .bias = hone_lower_in(lower, 2),
                     .pictures = lower->in[0]->shape.dim[0],
                     .channels = lower->in[0]->shape.dim[3],
                     .n_sms = lower->device.n_sms,
                     .bytes = hone_dtype_bits(lower->in[0]->dtype) / 8,
                     .has_sums = hone_lower_out(lower, 1) != NULL};
    if (!set_region(lower, &d->region))
        return HONE_OK;
    HONE_TRY(hone_window_of(lower->op, lower->attrs, &d->x->shape, &d->w->shape, &d->window));
    d->most = HONE_MIN(hone_gpu_pack(d->x->dtype, d->channels),
                       hone_gpu_region_pack(&d->region, &d->map));
    add_ways(d);
    qsort(d->ways, (size_t)d->n, sizeof d->ways[0], by_time);
    for (int i = 0; i < HONE_MIN(d->n, OFFERED); i++)
        if (d->ways[i].blocks <= INT32_MAX)
            offer(lower, d, &d->ways[i]);
    return HONE_OK;
}
