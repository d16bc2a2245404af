/* What a tile costs, in microseconds: a launch, steps along K in waves of blocks, the hand-over of
 * sums and their store, and what a split of K adds. A step is bound by the products, by shared
 * memory, by the way from the L2, or, with few warps, by latency: the larger counts, and a part of
 * the other.
 *
 * The constants are fitted to 1,600 candidates of 26 layers on an H100 (docs/kernels/
 * conv_implicit_gemm.md): of the best eight by this model one is within 2 % of the fastest, the
 * very first within 8 %. Other devices differ by their SMs and shared memory alone. */
#include <math.h>

#include "gpu/contraction.h"

#define SM_SHARED                                                                                  \
    233472.0 /* bytes that the blocks of an SM share, where a block may have 227 KiB */
#define SM_REGISTERS 65536.0
#define SM_THREADS   2048.0
#define BLOCK_SHARED 1024.0 /* that the system takes of each block's */

/* Rates are of one SM, per microsecond; times in microseconds. */
typedef struct constants {
    double launch;
    double flops, flops_tf32;
    double shared;            /* bytes of fragments */
    double l2, l2_all;        /* bytes of tiles, to one SM and to all */
    double copy;              /* to issue 32 copies of 16 bytes */
    double step, step_factor; /* latency: of a step, of 16 x 16 results and 32 bytes of K in it */
    double first_byte;        /* latency of a tile, which the ring hides */
    double sums;              /* bytes of sums through shared memory */
    double piece;             /* latency of eight results of a thread */
    double long_ring;         /* a slot more than four where there is more than one wave */
    double waves_whole;       /* how far the last wave counts as a whole one */
    double cluster, cluster_part, grid, grid_part,
        part_bytes; /* of a split, of each of its parts */
} constants;

static const constants tensor_cores = {
    .launch = 1.16,
    .flops = 3.15e6,
    .flops_tf32 = 1.04e6,
    .shared = 0.158e6,
    .l2 = 42.8e6,
    .l2_all = 7.17e6,
    .copy = 0.00223,
    .step = 0.0776,
    .step_factor = 0.0128,
    .first_byte = 0.724,
    .sums = 0.136e6,
    .piece = 0.123,
    .long_ring = 0.239,
    .waves_whole = 0.249,
    .cluster = 0,
    .cluster_part = 0.451,
    .grid = 2.21,
    .grid_part = 0.412,
    .part_bytes = 32.8e3,
};

/* conv_warpgroup: operands are read where they lie, so fragments cost nothing; a step waits for its
 * products. Guessed from contraction_wgmma and the ring of the others. */
static const constants warpgroups = {
    .launch = 1.12,
    .flops = 5.5e6,
    .flops_tf32 = 2.7e6,
    .shared = 1e9,
    .l2 = 1.64e6,
    .l2_all = 6.24e6,
    .copy = 0.00156,
    .step = 0.09,
    .step_factor = 0.002,
    .first_byte = 0.786,
    .sums = 0.109e6,
    .piece = 0.0903,
    .long_ring = 0.212,
    .waves_whole = 0.102,
    .cluster = 0.122,
    .cluster_part = 0.306,
    .grid = 2.82,
    .grid_part = 0.265,
    .part_bytes = 31.4e3,
};

/* conv_exact: the same ring, and float32 products on the ordinary cores. */
static const constants ordinary_cores = {
    .launch = 1.1,
    .flops_tf32 = 0.188e6,
    .shared = 0.32e6,
    .l2 = 1.6e6,
    .l2_all = 6.2e6,
    .copy = 0.00496,
    .step = 0,
    .step_factor = 0.0613,
    .first_byte = 1.15,
    .sums = 0.109e6,
    .piece = 0,
    .long_ring = 0.212,
    .waves_whole = 0.1,
    .cluster = 1.26,
    .cluster_part = 0.5,
    .grid = 2.8,
    .grid_part = 0.265,
    .part_bytes = 67.6e3,
};

/* gemm_simt: K of a step waits for loads through registers. */
static const struct {
    double launch, flops, step, piece, grid;
} exact = {.launch = 3.97, .flops = 0.264e6, .step = 1.5 / 16, .piece = 1.81, .grid = 7.55};

/* To load an element, to multiply 16 x 8 results of a step, to store a piece. */
static const struct {
    double launch, load, product, piece;
} stem = {.launch = 1.5, .load = 0.01, .product = 0.01, .piece = 0.1};

/* A row's latency; bytes of w, and conversions and products of a warp, of one SM a microsecond. */
static const struct {
    double launch, row, bytes, work;
} vector = {.launch = 1.1, .row = 0.1, .bytes = 40e3, .work = 4000};

typedef struct measure {
    const hone_gpu_contraction *p;
    const hone_gpu_facts *device;
    const hone_gpu_tile *t;
    double bytes; /* of an element */
    double threads, blocks, steps;
    double together; /* blocks that an SM has at once */
    double waves;
} measure;

static double registers(const hone_gpu_tile *t, double tile_bytes, double threads)
{
    const double m = (double)t->bm / t->wm, n = (double)t->bn / t->wn;
    const double count = t->kind == HONE_GPU_SIMT ? 50 + m * n + m + n
                                                  : 40 + m * n / 32 + 2 * (m / 4 + n / 4) +
                                                        tile_bytes / 16 / threads * 2;

    return HONE_MIN((double)(((int)count + 7) / 8 * 8), 255);
}

/* Blocks that fit an SM: shared memory, threads, registers. */
static double most_together(const measure *x)
{
    const hone_gpu_tile *t = x->t;
    const double tile_bytes = (double)(t->bm + t->bn) * t->bk * x->bytes;
    const double shared = (double)hone_gpu_tile_shared(x->p, t) + BLOCK_SHARED + t->bn * 4;
    const double room = HONE_MIN(SM_SHARED, x->device->shared_bytes + BLOCK_SHARED);
    const double fit[] = {room / shared, SM_THREADS / x->threads,
                          SM_REGISTERS / (registers(t, tile_bytes, x->threads) * x->threads)};
    double least = 32;

    for (int i = 0; i < HONE_COUNT(fit); i++)
        least = HONE_MIN(least, (double)(int)fit[i]);
    return HONE_MAX(least, 1);
}

static measure measure_of(const hone_gpu_contraction *p, const hone_gpu_facts *device,
                          const hone_gpu_tile *t, double waves_whole)
{
    const int64_t steps = (hone_gpu_contraction_k(p) + t->bk - 1) / t->bk;
    measure x = {.p = p,
                 .device = device,
                 .t = t,
                 .bytes = hone_dtype_bits(p->dtype) / 8.0,
                 .threads = hone_gpu_tile_threads(t),
                 .blocks = (double)hone_gpu_tile_blocks(p, t),
                 .steps = (double)((steps + t->split - 1) / t->split)};
    const double most = most_together(&x), sms = device->n_sms, full = x.blocks / (sms * most);

    x.together = HONE_MIN(most, HONE_MAX(x.blocks / sms, 1));
    x.waves = full > 1 ? full + waves_whole * ((double)(int64_t)(full + 0.999999) - full) : 1;
    return x;
}

static double tensor_step(const measure *x, const constants *k)
{
    const hone_gpu_tile *t = x->t;
    const double m = (double)t->bm / t->wm, n = (double)t->bn / t->wn;
    const double tile = (double)(t->bm + t->bn) * t->bk * x->bytes, together = x->together;
    const double flops = x->p->dtype == HONE_F32 ? k->flops_tf32 : k->flops;
    const double fragments = ((double)t->bm * t->wn + (double)t->bn * t->wm) * t->bk * x->bytes;
    const double products = together * 2 * t->bm * t->bn * t->bk / flops;
    const double memory = together * HONE_MAX(fragments / k->shared, tile / k->l2);
    const double busy = HONE_MAX(products, memory) + together * tile / 16 / 32 * k->copy;
    const double chain =
        k->step + k->step_factor * (t->bk * x->bytes / 32 / t->wk) * (m / 16) * sqrt(n / 16);
    const double wait = HONE_MAX(chain, k->first_byte / (t->stages - 1));
    const double all = HONE_MIN(x->blocks, x->device->n_sms * together) * tile / k->l2_all;

    return HONE_MAX(HONE_MAX(busy, wait) + 0.3 * HONE_MIN(busy, wait), all);
}

static double tensor_us(const measure *x, const constants *k)
{
    const hone_gpu_tile *t = x->t;
    const double results = (double)t->bm * t->bn;
    const double pieces = (double)(int)((results / 8 + x->threads - 1) / x->threads);
    const double end = k->piece * pieces / (t->is_cluster ? t->split : 1) +
                       x->together * results * (t->wk * 2 + 2) * 4 / k->sums;
    double us = k->launch + x->waves * (x->steps * tensor_step(x, k) + end);

    if (t->is_cluster)
        us += k->cluster + k->cluster_part * t->split + results * t->wk * 4 / k->part_bytes;
    else if (t->split > 1)
        us += k->grid + k->grid_part * t->split + results * 4 / k->part_bytes;
    if (t->stages > 4 && x->waves > 1)
        us += k->long_ring * (t->stages - 4);
    return us;
}

static double exact_us(const measure *x)
{
    const hone_gpu_tile *t = x->t;
    const double results = (double)t->bm * t->bn;
    const double step =
        HONE_MAX(x->together * 2 * results * t->bk / exact.flops, exact.step * t->bk);

    return exact.launch + (t->split > 1 ? exact.grid : 0) +
           x->waves * (x->steps * step + exact.piece * results / 8 / x->threads);
}

/* A patch of the input through registers, then products out of shared memory. */
static double stem_us(const measure *x)
{
    const hone_gpu_contraction *p = x->p;
    const hone_gpu_tile *t = x->t;
    const hone_gpu_stem s = hone_gpu_stem_of(p);
    const double h = (double)((t->th - 1) * p->stride[0] + p->kernel[0]),
                 w = (double)((t->tw - 1) * p->stride[1] + p->kernel[1]);
    const double loads = h * w * (double)p->c / x->threads;
    const double products = (double)(s.row / t->bk) * t->bm * t->bn / 128 / (t->wm * t->wn);

    return stem.launch + x->waves * (stem.load * loads * sqrt(x->together) +
                                     stem.product * products * x->together +
                                     stem.piece * t->bm * t->bn / 8 / x->threads);
}

/* w is read once; each warp reads and converts all of a for its columns. */
static double vector_us(const measure *x)
{
    const hone_gpu_tile *t = x->t;
    const double steps = (double)((x->p->c + t->bk - 1) / t->bk), columns = (double)t->bn / t->wn;
    const double elements = (double)t->bk / (32 * t->wk); /* of a lane's piece */
    const double warps = HONE_MAX(x->blocks * t->wn * t->wk / x->device->n_sms, 1);
    const double work = warps * steps * t->bm * elements * (2 + columns);
    const double bytes = x->blocks * steps * t->bk * t->bn * x->bytes / x->device->n_sms;

    return vector.launch + vector.row * t->bm + bytes / vector.bytes + work / vector.work;
}

double hone_gpu_tile_us(const hone_gpu_contraction *p, const hone_gpu_facts *device,
                        const hone_gpu_tile *t)
{
    const bool has_ring = t->kind == HONE_GPU_IMPLICIT_GEMM || t->kind == HONE_GPU_EXACT ||
                          t->kind == HONE_GPU_WARPGROUP;
    const measure x = measure_of(p, device, t, has_ring ? tensor_cores.waves_whole : 0);

    switch (t->kind) {
    case HONE_GPU_SIMT: return exact_us(&x);
    case HONE_GPU_STEM: return stem_us(&x);
    case HONE_GPU_VECTOR: return vector_us(&x);
    case HONE_GPU_EXACT: return tensor_us(&x, &ordinary_cores);
    case HONE_GPU_WARPGROUP: return tensor_us(&x, &warpgroups);
    case HONE_GPU_IMPLICIT_GEMM:
    case HONE_GPU_TILE_KINDS: break;
    }
    return tensor_us(&x, &tensor_cores);
}
