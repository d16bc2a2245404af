/* Offers contraction_wgmma for a described contraction: tiles of warpgroups, rings as long as
 * shared memory allows, blocks that stay. For products of many rows with constant weights, on
 * compute capability 9.0 alone. */
#include <stdlib.h>

#include "gpu/contraction.h"

#define OFFERED 8 /* tiles; beside those of the other kernels */

#define SM_SHARED    233472 /* bytes that the blocks of an SM share */
#define BLOCK_SHARED 1024   /* that the system takes of each block's */
#define LONGEST      12     /* slots of a ring */

/* Where warpgroups take turns one finishes a tile while another multiplies. */
typedef struct shape {
    int bm, bn, groups;
    bool alternates;
    int blocks; /* that an SM has at once */
} shape;

static const shape shapes[] = {
    {128, 256, 2, false, 1}, {256, 128, 2, false, 1}, {128, 192, 2, false, 1},
    {192, 192, 3, false, 1}, {128, 128, 2, true, 1},  {128, 128, 2, false, 1},
    {128, 128, 1, false, 2}, {64, 256, 2, true, 1},   {64, 192, 2, true, 1},
    {64, 192, 1, false, 2},  {256, 64, 2, false, 1},  {128, 64, 2, true, 1},
    {128, 64, 1, false, 2},  {64, 128, 1, false, 2},  {64, 128, 2, true, 1},
    {64, 64, 1, false, 3},   {64, 64, 2, true, 2},
};

typedef struct choice {
    const shape *s;
    int stages;
    int64_t tiles;
    double us;
} choice;

static int64_t pieces(int64_t n, int64_t by)
{
    return (n + by - 1) / by;
}

static int stage_bytes(const shape *s)
{
    return (s->bm + s->bn) * 128;
}

/* The ring begins at a multiple of 1024; each warp that multiplies has a piece of 16 x 64 sums. */
static int shared_bytes(const shape *s, int stages)
{
    return 1024 + stages * stage_bytes(s) + s->groups * 4 * 16 * 64 * 4;
}

static int stages_of(const shape *s, const hone_gpu_facts *device)
{
    const int each = HONE_MIN(SM_SHARED / s->blocks - BLOCK_SHARED, device->shared_bytes);
    const int barriers = LONGEST * 16 + 64;

    return HONE_MIN((each - barriers - shared_bytes(s, 0)) / stage_bytes(s), LONGEST);
}

/* Microseconds of a turn of so many tiles at once: an SM multiplies at a fixed rate, all SMs read
 * tiles from the L2 at another, and a step of K has a latency. */
static double turn_us(const hone_gpu_contraction *p, const hone_gpu_facts *device, const shape *s,
                      double tiles)
{
    const double k_bytes = (double)hone_gpu_contraction_k(p) * hone_dtype_bits(p->dtype) / 8;
    const double steps = (double)pieces((int64_t)k_bytes, 128);
    const double rate = 6.8e6; /* FLOP of an SM */
    const double here = HONE_MAX(tiles / device->n_sms, 1);
    const double flop = 2.0 * s->bm * s->bn * 1024 / hone_dtype_bits(p->dtype);
    const double products = here * flop / rate, l2 = stage_bytes(s) * tiles / 6.5e6;

    return steps * HONE_MAX(HONE_MAX(products, l2), 0.22);
}

/* A turn ends with an epilogue, by all threads that multiply; where another warpgroup or block of
 * the SM multiplies meanwhile, the last alone is seen, and half of the others. */
static double estimate(const hone_gpu_contraction *p, const hone_gpu_facts *device, const choice *x)
{
    const shape *s = x->s;
    const int64_t slots = (int64_t)device->n_sms * s->blocks;
    const double full = (double)(x->tiles / slots), rest = (double)(x->tiles % slots);
    const double each =
        p->program && p->program->n_instr > 4 ? 0.03 : 0.019; /* a thread's result */
    const double end = 0.5 + each * s->bm * s->bn / (128.0 * (s->alternates ? 1 : s->groups));
    const bool hides = s->alternates || s->blocks > 1;
    double us = 2.0 + full * turn_us(p, device, s, (double)slots);

    if (rest > 0)
        us += turn_us(p, device, s, rest);
    return us + end * (hides ? 0.5 + 0.5 * (full + (rest > 0)) : full + (rest > 0));
}

static bool is_sensible(const hone_gpu_contraction *p, const choice *x)
{
    const shape *s = x->s;
    const int64_t rows = hone_gpu_contraction_rows(p);

    return x->stages >= 2 && s->bm / 2 < rows && (s->bn == 64 || s->bn / 2 < p->n);
}

static int by_time(const void *a, const void *b)
{
    const choice *x = a, *y = b;

    return (x->us > y->us) - (x->us < y->us);
}

static int choices_of(const hone_gpu_contraction *p, const hone_gpu_facts *device, choice *out)
{
    int n = 0;

    for (int i = 0; i < HONE_COUNT(shapes); i++) {
        choice x = {.s = &shapes[i], .stages = stages_of(&shapes[i], device)};
        x.tiles = pieces(hone_gpu_contraction_rows(p), x.s->bm) * pieces(p->n, x.s->bn) * p->inner *
                  p->outer;
        x.us = estimate(p, device, &x);
        if (is_sensible(p, &x))
            out[n++] = x;
    }
    qsort(out, (size_t)n, sizeof out[0], by_time);
    return HONE_MIN(n, OFFERED);
}

/* Columns of a panel: those of a tile, so that it is one piece, where they divide. */
static int64_t panel_of(const hone_gpu_contraction *p, const shape *s)
{
    return p->n % s->bn == 0 ? s->bn : p->n;
}

/* [problem][panel][K / 16 bytes][columns][16 bytes], from a convolution's [problem, N][channels]
 * [taps] or a product's [problem][K, N] or [problem][N, K]. */
static hone_gpu_packing packing_of(const hone_gpu_contraction *p, int64_t columns)
{
    const hone_gpu_packing *w = &p->weights;
    const int64_t lanes = 128 / hone_dtype_bits(p->dtype), chunks = p->c / lanes;
    const int64_t taps = p->kernel[0] * p->kernel[1], panels = p->n / columns;
    int64_t problems = 1;

    for (int i = 0; i < w->rank; i++)
        problems *= w->dim[i];
    problems /= p->n * p->c * taps;
    const hone_gpu_packing conv = {.rank = 6,
                                   .dim = {problems, panels, columns, chunks, lanes, taps},
                                   .perm = {0, 1, 5, 3, 2, 4}},
                           kn = {.rank = 5,
                                 .dim = {problems, chunks, lanes, panels, columns},
                                 .perm = {0, 3, 1, 4, 2}},
                           nk = {.rank = 5,
                                 .dim = {problems, panels, columns, chunks, lanes},
                                 .perm = {0, 1, 3, 2, 4}};
    const bool is_kn = w->perm[w->rank - 1] != w->rank - 1;
    hone_gpu_packing k = !p->is_product ? conv : is_kn ? kn : nk;
    k.dtype = p->dtype;
    for (int i = 0; i < k.rank; i++)
        k.padded[i] = k.dim[k.perm[i]];
    return k;
}

static bool offer(hone_lower *lower, const hone_gpu_contraction *p, const choice *x)
{
    const shape *s = x->s;
    const int64_t panel = panel_of(p, s);
    const hone_gpu_tile t = {.bm = s->bm,
                             .bn = s->bn,
                             .bk = 1024 / (int)hone_dtype_bits(p->dtype),
                             .wm = 4 * s->groups,
                             .wn = 1,
                             .wk = 1,
                             .stages = x->stages,
                             .split = 1,
                             .us = x->us};
    hone_candidate *c = hone_gpu_contraction_candidate(lower, p, "contraction_wgmma", &t);

    if (!c)
        return false;
    hone_text_add(&c->knobs,
                  "constexpr int GROUPS = %d, BLOCKS = %d, PROBLEMS = %lld, PANEL = %lld;\n"
                  "constexpr bool ALTERNATE = %s;\n",
                  s->groups, s->blocks, (long long)(p->inner * p->outer), (long long)panel,
                  s->alternates ? "true" : "false");
    hone_text_add(&c->name, "%s,%db", s->alternates ? ",turns" : "", s->blocks);
    c->grid[0] = (uint32_t)HONE_MIN(x->tiles, (int64_t)lower->device.n_sms * s->blocks);
    c->grid[2] = 1;
    c->block[0] = (uint32_t)(128 * (1 + s->groups));
    c->shared_bytes = (uint32_t)shared_bytes(s, x->stages);
    c->packing[1] = packing_of(p, panel);
    return true;
}

/* float32 is left to conv_implicit_gemm: these products cut operands off to tf32 where they lie,
 * which makes every sum smaller by 7 parts in 10,000, layer after layer. */
static bool takes(const hone_gpu_contraction *p, const hone_gpu_facts *device)
{
    const int64_t lanes = 128 / hone_dtype_bits(p->dtype);
    const int64_t steps[] = {p->c, p->lda, p->a_z.inner, p->a_z.outer};

    for (int i = 0; i < HONE_COUNT(steps); i++)
        if (steps[i] % lanes)
            return false;
    return device->arch == 90 && p->dtype != HONE_F32 && p->dilation[0] > 0 && p->w_is_constant &&
           !p->gate && !p->a_is_km && !p->w_is_kn && p->weights.dtype != HONE_NONE &&
           hone_gpu_contraction_rows(p) >= 256 && p->n >= 32;
}

int hone_gpu_wgmma_offer(hone_lower *lower, const hone_gpu_contraction *p)
{
    choice choices[HONE_COUNT(shapes)];
    const int n = takes(p, &lower->device) ? choices_of(p, &lower->device, choices) : 0;
    int offered = 0;

    for (int i = 0; i < n; i++)
        offered += offer(lower, p, &choices[i]);
    return offered;
}
