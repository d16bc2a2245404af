/* Squeeze-and-excite: a cluster of blocks to a picture where there are clusters, else a block. */
#include <stdlib.h>

#include "gpu/lower.h"
#include "gpu/region.h"

#define SLACK 64 /* bytes of shared memory that are not ours */

/* One way to share the work. */
typedef struct shape {
    int blocks, threads; /* of a picture */
    int v;               /* channels that a thread reads at once */
    int64_t slice;       /* channels of a block */
    bool is_held;        /* weights are kept in shared memory */
    double us;           /* by the model */
} shape;

typedef struct excite {
    const hone_tensor *x, *w1, *b1, *w2, *b2;
    int64_t pictures, rows, channels, squeezed;
    int64_t padded; /* squeezed, to whole 16 bytes */
    double count;   /* elements of a mean */
    hone_dtype bias;
} excite;

static int64_t round_up(int64_t n, int64_t by)
{
    return (n + by - 1) / by * by;
}

static bool is_weight(const hone_tensor *w)
{
    return w->data && hone_gpu_is_float(w->dtype);
}

static bool is_bias(const hone_tensor *b, hone_dtype dtype)
{
    return !b || b->dtype == dtype;
}

static bool excite_of(const hone_lower *lower, excite *e)
{
    const hone_attrs_squeeze_excite *a = &lower->attrs->squeeze_excite;
    const hone_dims *x = &lower->in[0]->shape;
    int64_t rows = 1;

    for (int d = 1; d < x->rank - 1; d++)
        rows *= x->dim[d];
    *e = (excite){.x = lower->in[0],
                  .w1 = lower->in[1],
                  .b1 = hone_lower_in(lower, 2),
                  .w2 = lower->in[3],
                  .b2 = hone_lower_in(lower, 4),
                  .pictures = x->dim[0],
                  .rows = rows,
                  .channels = x->dim[x->rank - 1],
                  .squeezed = lower->in[1]->shape.dim[0],
                  .count = (double)(a->count ? a->count : rows)};
    e->padded = round_up(e->squeezed, 128 / hone_dtype_bits(e->w1->dtype));
    e->bias = e->b1 ? e->b1->dtype : e->b2 ? e->b2->dtype : HONE_F32;
    return hone_gpu_is_float(e->x->dtype) && hone_gpu_is_float(lower->out[0]->dtype) &&
           is_weight(e->w1) && is_weight(e->w2) && e->w1->dtype == e->w2->dtype &&
           hone_gpu_is_float(e->bias) && is_bias(e->b1, e->bias) && is_bias(e->b2, e->bias) &&
           rows < INT32_MAX && e->channels < INT32_MAX / 64 && e->squeezed < INT32_MAX / 64 &&
           e->pictures <= UINT16_MAX;
}

/* As `room` of squeeze_excite.cu. */
static int64_t shared_bytes(const excite *e, const shape *s)
{
    const int64_t bytes = hone_dtype_bits(e->w1->dtype) / 8;
    const int64_t groups = s->threads / (s->slice / s->v);
    const int64_t held =
        s->is_held ? e->squeezed * s->slice + s->slice * (e->padded + 16 / bytes) : 0;
    const int64_t floats = groups * (s->slice + 4) + 2 * s->slice + (s->blocks + 2) * e->padded;

    return held * bytes + 32 + round_up(floats * 4, 16);
}

static void emit_program(hone_candidate *c, const hone_program *program, const char *name)
{
    static const hone_instr copy = {.op = HONE_SCALAR_copy};
    static const hone_program plain = {1, 1, &copy};

    /* Both programs bring the scalar functions that they use. */
    hone_text_add(&c->knobs, "namespace in_%s {\n", name);
    hone_gpu_program_emit(c, program ? program : &plain, name, 1);
    hone_text_add(&c->knobs, "}\nusing in_%s::%s;\n", name, name);
}

static void knobs(hone_candidate *c, const hone_lower *lower, const excite *e, const shape *s)
{
    const struct {
        const char *name;
        int64_t value;
    } rows[] = {
        {"C", e->channels},    {"P", e->rows},      {"S", e->squeezed}, {"SP", e->padded},
        {"BLOCKS", s->blocks}, {"SLICE", s->slice}, {"V", s->v},        {"THREADS", s->threads},
    };

    hone_knob_type(c, "T", e->x->dtype);
    hone_knob_type(c, "TW", e->w1->dtype);
    hone_knob_type(c, "TB", e->bias);
    hone_knob_type(c, "TY", lower->out[0]->dtype);
    for (int i = 0; i < HONE_COUNT(rows); i++)
        hone_knob_int(c, rows[i].name, rows[i].value);
    hone_knob_bool(c, "HELD", s->is_held);
    hone_knob_bool(c, "HAS_B1", e->b1 != NULL);
    hone_knob_bool(c, "HAS_B2", e->b2 != NULL);
    hone_text_add(&c->knobs, "constexpr float SCALE = (float)%.9g;\n", 1 / e->count);
    c->is_coarse = hone_gpu_is_coarse(lower->out[0]->dtype);
    emit_program(c, lower->attrs->squeeze_excite.squeeze, "squeeze");
    emit_program(c, lower->attrs->squeeze_excite.excite, "excite");
}

static void pack(hone_candidate *c, int input, const hone_tensor *w, int64_t rows, int64_t columns)
{
    hone_gpu_packing *p = hone_candidate_pack(c, input, w, w->dtype);

    p->padded[0] = rows;
    p->padded[1] = columns;
}

static void offer(hone_lower *lower, const excite *e, const shape *s)
{
    hone_candidate *c = hone_lower_candidate(lower, "squeeze_excite");

    if (!c)
        return;
    knobs(c, lower, e, s);
    hone_candidate_out(c, 0);
    hone_candidate_in(c, 0);
    hone_candidate_in(c, 1);
    e->b1 ? hone_candidate_in(c, 2) : hone_candidate_nothing(c);
    hone_candidate_in(c, 3);
    e->b2 ? hone_candidate_in(c, 4) : hone_candidate_nothing(c);
    pack(c, 1, e->w1, e->squeezed, s->blocks * s->slice);
    pack(c, 3, e->w2, s->blocks * s->slice, e->padded);
    c->grid[0] = (uint32_t)s->blocks;
    c->grid[1] = (uint32_t)e->pictures;
    c->grid[2] = 1;
    c->block[0] = (uint32_t)s->threads;
    c->block[1] = c->block[2] = 1;
    if (s->blocks > 1) {
        c->cluster[0] = (uint32_t)s->blocks;
        c->cluster[1] = c->cluster[2] = 1;
    }
    c->shared_bytes = (uint32_t)shared_bytes(e, s);
    c->us = s->us;
}

/* A cluster's barrier, then what a block reads and multiplies. */
static double estimate(const excite *e, const shape *s)
{
    const double read = (double)(e->rows * s->slice) * hone_dtype_bits(e->x->dtype) / 8;
    const double products = 2.0 * (double)(e->squeezed * s->slice);

    return 1.3 + (s->blocks > 1 ? 0.4 : 0) + read / 60e3 + products / 40e3 +
           (s->threads == 256 ? 0 : 0.05) + (s->is_held ? 0 : 1);
}

/* Fills in what follows from blocks and threads; false where they do not suit. */
static bool complete(const hone_lower *lower, const excite *e, shape *s)
{
    const int64_t room = lower->device.shared_bytes - SLACK;

    s->slice = round_up((e->channels + s->blocks - 1) / s->blocks, 8);
    s->v = hone_gpu_pack(e->x->dtype, e->channels);
    s->is_held = true;
    if (s->slice / s->v > s->threads || (s->blocks - 1) * s->slice >= e->channels ||
        (s->blocks > 1 && lower->device.arch < 90))
        return false;
    if (shared_bytes(e, s) > room)
        s->is_held = false;
    s->us = estimate(e, s);
    return shared_bytes(e, s) <= room;
}

static int by_time(const void *a, const void *b)
{
    const shape *x = a, *y = b;

    return (x->us > y->us) - (x->us < y->us);
}

hone_status hone_gpu_squeeze_excite(hone_lower *lower)
{
    static const int shapes[][2] = {{8, 256}, {8, 512}, {8, 128}, {4, 256}, {4, 512}, {4, 128},
                                    {2, 256}, {2, 512}, {1, 256}, {1, 512}, {1, 1024}};
    shape found[HONE_COUNT(shapes)];
    excite e;
    int n = 0;

    if (!excite_of(lower, &e))
        return HONE_OK;
    for (int i = 0; i < HONE_COUNT(shapes); i++) {
        found[n] = (shape){.blocks = shapes[i][0], .threads = shapes[i][1]};
        n += complete(lower, &e, &found[n]);
    }
    qsort(found, (size_t)n, sizeof found[0], by_time);
    for (int i = 0; i < n; i++)
        offer(lower, &e, &found[i]);
    return HONE_OK;
}
