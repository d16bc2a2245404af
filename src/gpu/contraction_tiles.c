/* Which tiles a contraction can be cut into: a table of shapes, each with every split of K and a
 * short and a long ring, as far as the kernels' limits and good sense go, ranked by the model. */
#include <stdlib.h>

#include "gpu/contraction.h"

#define RING 4 /* slots of a short ring */

/* {bm, bn, bytes of bk, wm, wn, wk} of conv_implicit_gemm. */
static const int shapes[][6] = {
    {16, 32, 128, 1, 1, 4},   {16, 64, 128, 1, 2, 4},   {16, 64, 256, 1, 2, 4},
    {16, 128, 128, 1, 4, 2},  {16, 128, 256, 1, 4, 2},  {32, 32, 128, 2, 1, 4},
    {32, 32, 256, 2, 1, 4},   {32, 64, 128, 1, 2, 4},   {32, 64, 128, 2, 2, 2},
    {32, 64, 256, 1, 2, 4},   {32, 128, 128, 1, 4, 2},  {64, 32, 128, 2, 1, 4},
    {64, 32, 64, 4, 1, 1},    {64, 64, 128, 2, 2, 2},   {64, 64, 128, 2, 2, 1},
    {64, 64, 64, 2, 2, 1},    {64, 128, 128, 2, 4, 1},  {64, 128, 64, 2, 2, 1},
    {64, 256, 64, 1, 4, 1},   {128, 32, 64, 4, 1, 1},   {128, 64, 128, 4, 2, 1},
    {128, 64, 64, 4, 1, 1},   {128, 128, 64, 2, 2, 1},  {128, 128, 128, 2, 4, 1},
    {128, 128, 128, 2, 2, 1}, {128, 256, 64, 2, 4, 1},  {256, 64, 64, 4, 1, 1},
    {256, 128, 64, 4, 2, 1},  {256, 128, 128, 4, 2, 1},
};

/* {bm, bn, bk, threads along rows, along columns} of gemm_simt. */
static const int simt_shapes[][5] = {
    {32, 32, 16, 8, 8},     {32, 32, 32, 8, 8},    {32, 64, 16, 8, 16},  {64, 64, 16, 8, 16},
    {64, 64, 16, 16, 16},   {64, 64, 32, 8, 16},   {128, 64, 16, 16, 8}, {128, 64, 16, 16, 16},
    {128, 128, 16, 16, 16}, {128, 128, 8, 16, 16},
};

static const struct {
    int parts;
    bool is_cluster;
} splits[] = {{1, false}, {2, true},  {4, true},  {8, true},
              {2, false}, {4, false}, {8, false}, {16, false}};

#define MOST                                                                                       \
    (HONE_COUNT(shapes) * HONE_COUNT(splits) * 2 + HONE_COUNT(simt_shapes) * HONE_COUNT(splits))

static int64_t pieces(int64_t n, int64_t by)
{
    return (n + by - 1) / by;
}

int64_t hone_gpu_tile_blocks(const hone_gpu_contraction *p, const hone_gpu_tile *t)
{
    return pieces(hone_gpu_contraction_rows(p), t->bm) * pieces(p->n, t->bn) * t->split * p->inner *
           p->outer;
}

int hone_gpu_tile_shared(const hone_gpu_contraction *p, const hone_gpu_tile *t)
{
    const int bytes = hone_dtype_bits(p->dtype) / 8;
    const int part = (t->is_simt ? 1 : t->wk) * t->bm * (t->bn + 8) * 4;
    const int ring = t->is_simt ? 2 * t->bk * (t->bm + t->bn + 8) * 4
                                : t->stages * (t->bm + t->bn) * t->bk * bytes;

    return t->is_cluster ? ring + part : HONE_MAX(ring, part);
}

typedef struct list {
    const hone_gpu_contraction *p;
    const hone_gpu_facts *device;
    hone_gpu_tile tiles[MOST];
    int n;
} list;

/* The kernels keep the bias and a ticket in shared memory of their own. */
static bool fits_shared(const list *l, const hone_gpu_tile *t)
{
    return hone_gpu_tile_shared(l->p, t) + t->bn * 4 + 64 <= l->device->shared_bytes;
}

/* No tile twice as large as what there is, no part of K without two steps, no more parts than fill
 * the device. */
static bool is_sensible(const list *l, const hone_gpu_tile *t)
{
    const int64_t rows = hone_gpu_contraction_rows(l->p),
                  steps = pieces(hone_gpu_contraction_k(l->p), t->bk);
    const int least_m = t->is_simt ? 32 : 16;

    if ((t->bm > least_m && t->bm / 2 >= rows) || (t->bn > 32 && t->bn / 2 >= l->p->n))
        return false;
    return t->split == 1 || (steps / t->split >= 2 &&
                             hone_gpu_tile_blocks(l->p, t) <= 3 * (int64_t)l->device->n_sms);
}

static void add(list *l, hone_gpu_tile t)
{
    if (!fits_shared(l, &t) || !is_sensible(l, &t))
        return;
    t.us = hone_gpu_tile_us(l->p, l->device, &t);
    l->tiles[l->n++] = t;
}

/* One slot more than there are steps holds all of K: a longer ring is no use. */
static void add_rings(list *l, hone_gpu_tile t)
{
    const int64_t steps = pieces(pieces(hone_gpu_contraction_k(l->p), t.bk), t.split);
    const int longest = (int)HONE_MIN(HONE_MAX(steps + 1, 2), 64);

    t.stages = HONE_MIN(longest, RING);
    add(l, t);
    t.stages = longest;
    while (t.stages > RING && !fits_shared(l, &t))
        t.stages--;
    if (t.stages > RING)
        add(l, t);
}

/* Rows of whole 16 bytes, and for float32 leave to round. */
static bool takes_tensor_cores(const hone_gpu_contraction *p, const hone_gpu_facts *device)
{
    const int64_t lanes = 128 / hone_dtype_bits(p->dtype);
    const int64_t steps[] = {p->c,         p->lda,       p->ldw,       p->a_z.inner,
                             p->a_z.outer, p->w_z.inner, p->w_z.outer, p->w_is_kn ? p->n : 0};

    for (int i = 0; i < HONE_COUNT(steps); i++)
        if (steps[i] % lanes)
            return false;
    return device->arch >= 80 && !p->a_is_km && (p->dtype != HONE_F32 || device->allows_tf32);
}

static void add_tensor_cores(list *l)
{
    const int bytes = hone_dtype_bits(l->p->dtype) / 8;

    for (int i = 0; i < HONE_COUNT(shapes); i++)
        for (int k = 0; k < HONE_COUNT(splits); k++) {
            const int *s = shapes[i];
            const hone_gpu_tile t = {.bm = s[0],
                                     .bn = s[1],
                                     .bk = s[2] / bytes,
                                     .wm = s[3],
                                     .wn = s[4],
                                     .wk = s[5],
                                     .split = splits[k].parts,
                                     .is_cluster = splits[k].is_cluster};
            if (!t.is_cluster || l->device->arch >= 90)
                add_rings(l, t);
        }
}

static void add_simt(list *l)
{
    for (int i = 0; i < HONE_COUNT(simt_shapes); i++)
        for (int k = 0; k < HONE_COUNT(splits); k++) {
            const int *s = simt_shapes[i];
            if (!splits[k].is_cluster)
                add(l, (hone_gpu_tile){.is_simt = true,
                                       .bm = s[0],
                                       .bn = s[1],
                                       .bk = s[2],
                                       .wm = s[3],
                                       .wn = s[4],
                                       .wk = 1,
                                       .stages = 1,
                                       .split = splits[k].parts});
        }
}

static int by_time(const void *a, const void *b)
{
    const hone_gpu_tile *x = a, *y = b;

    return (x->us > y->us) - (x->us < y->us);
}

int hone_gpu_tiles(const hone_gpu_contraction *p, const hone_gpu_facts *device, hone_gpu_tile *out,
                   int room)
{
    list l = {.p = p, .device = device};

    if (takes_tensor_cores(p, device))
        add_tensor_cores(&l);
    if (l.n == 0 || p->dtype == HONE_F32)
        add_simt(&l);
    qsort(l.tiles, (size_t)l.n, sizeof l.tiles[0], by_time);
    const int n = HONE_MIN(l.n, room);
    for (int i = 0; i < n; i++)
        out[i] = l.tiles[i];
    return n;
}
