/* Which tiles a contraction can be cut into, by which kernel: tables of shapes, each with every
 * split of K and a short and a long ring, as far as the kernels' limits and good sense go, ranked
 * by the model. */
#include <stdlib.h>

#include "gpu/contraction.h"

#define RING 4 /* slots of a short ring */

/* {bm, bn, bytes of bk, wm, wn, wk} of conv_implicit_gemm. */
static const int shapes[][6] = {
    {16, 16, 128, 1, 1, 4},  {16, 16, 256, 1, 1, 4},   {16, 16, 256, 1, 1, 8},
    {16, 32, 128, 1, 1, 4},  {16, 32, 128, 1, 2, 2},   {16, 32, 256, 1, 1, 4},
    {16, 32, 256, 1, 1, 8},  {16, 32, 256, 1, 2, 4},   {16, 64, 128, 1, 1, 4},
    {16, 64, 128, 1, 2, 2},  {16, 64, 128, 1, 2, 4},   {16, 64, 256, 1, 2, 4},
    {16, 64, 256, 1, 1, 8},  {16, 128, 128, 1, 4, 2},  {16, 128, 256, 1, 4, 2},
    {16, 128, 128, 1, 2, 4}, {32, 16, 128, 1, 1, 4},   {32, 16, 128, 2, 1, 4},
    {32, 16, 256, 2, 1, 4},  {32, 32, 64, 2, 2, 1},    {32, 32, 128, 1, 1, 4},
    {32, 32, 128, 2, 1, 2},  {32, 32, 128, 2, 2, 2},   {32, 32, 128, 2, 1, 4},
    {32, 32, 256, 1, 1, 8},  {32, 32, 256, 2, 1, 4},   {32, 64, 64, 2, 2, 1},
    {32, 64, 128, 1, 1, 4},  {32, 64, 128, 1, 2, 4},   {32, 64, 128, 2, 2, 1},
    {32, 64, 128, 2, 2, 2},  {32, 64, 256, 1, 2, 4},   {32, 64, 256, 2, 2, 4},
    {32, 128, 64, 1, 4, 1},  {32, 128, 128, 1, 4, 2},  {32, 128, 128, 2, 4, 1},
    {32, 128, 128, 1, 2, 4}, {64, 32, 64, 4, 1, 1},    {64, 32, 64, 2, 2, 1},
    {64, 32, 128, 2, 1, 4},  {64, 32, 128, 2, 2, 2},   {64, 32, 128, 4, 1, 2},
    {64, 64, 64, 2, 2, 1},   {64, 64, 128, 2, 2, 1},   {64, 64, 128, 2, 2, 2},
    {64, 64, 128, 4, 2, 1},  {64, 128, 64, 2, 2, 1},   {64, 128, 128, 2, 2, 1},
    {64, 128, 128, 2, 4, 1}, {64, 256, 64, 1, 4, 1},   {64, 256, 64, 2, 4, 1},
    {128, 32, 64, 4, 1, 1},  {128, 64, 64, 4, 1, 1},   {128, 64, 64, 2, 2, 1},
    {128, 64, 128, 4, 2, 1}, {128, 128, 64, 2, 2, 1},  {128, 128, 128, 2, 2, 1},
    {128, 128, 64, 2, 4, 1}, {128, 128, 128, 2, 4, 1}, {128, 256, 64, 2, 4, 1},
    {256, 64, 64, 4, 1, 1},  {256, 128, 64, 4, 2, 1},  {256, 128, 128, 4, 2, 1},
};

/* ... of conv_warpgroup: four warps for 64 rows, all columns in one product. */
static const int warpgroup_shapes[][6] = {
    {64, 16, 128, 4, 1, 1},  {64, 16, 128, 4, 1, 2},  {64, 16, 128, 4, 1, 4},
    {64, 24, 128, 4, 1, 1},  {64, 24, 128, 4, 1, 2},  {64, 32, 128, 4, 1, 1},
    {64, 32, 128, 4, 1, 2},  {64, 32, 128, 4, 1, 4},  {64, 40, 128, 4, 1, 1},
    {64, 48, 128, 4, 1, 1},  {64, 48, 128, 4, 1, 2},  {64, 64, 128, 4, 1, 1},
    {64, 64, 128, 4, 1, 2},  {64, 72, 128, 4, 1, 1},  {64, 80, 128, 4, 1, 1},
    {64, 96, 128, 4, 1, 1},  {64, 96, 128, 4, 1, 2},  {64, 128, 128, 4, 1, 1},
    {64, 128, 128, 4, 1, 2}, {128, 32, 128, 8, 1, 1}, {128, 48, 128, 8, 1, 1},
    {128, 64, 128, 8, 1, 1}, {128, 96, 128, 8, 1, 1}, {128, 128, 128, 8, 1, 1},
};

/* ... of conv_exact. */
static const int exact_shapes[][6] = {
    {16, 32, 128, 1, 1, 4},  {16, 64, 128, 1, 2, 4},  {32, 32, 128, 1, 1, 4},
    {32, 32, 128, 1, 1, 8},  {32, 64, 128, 1, 2, 4},  {32, 64, 128, 1, 1, 8},
    {32, 64, 128, 1, 1, 4},  {32, 128, 128, 1, 2, 4}, {32, 128, 128, 1, 4, 2},
    {64, 32, 128, 1, 1, 4},  {64, 32, 128, 1, 1, 8},  {64, 64, 128, 1, 2, 4},
    {64, 64, 128, 2, 2, 2},  {64, 64, 64, 1, 2, 2},   {64, 64, 64, 1, 2, 4},
    {64, 64, 64, 1, 1, 4},   {64, 128, 64, 1, 4, 2},  {64, 128, 128, 1, 4, 2},
    {64, 128, 64, 2, 4, 1},  {64, 128, 64, 1, 2, 4},  {128, 64, 64, 2, 2, 2},
    {128, 64, 64, 2, 2, 1},  {128, 32, 64, 2, 1, 4},  {128, 128, 64, 2, 4, 1},
    {128, 128, 64, 2, 4, 2}, {128, 128, 64, 2, 2, 1}, {128, 128, 32, 2, 4, 1},
    {128, 128, 32, 2, 2, 1},
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

/* {th, tw, bn, wm, wn} of conv_stem. */
static const int stem_shapes[][5] = {
    {1, 32, 64, 2, 2},  {2, 16, 64, 2, 2},  {1, 64, 64, 4, 1}, {2, 32, 64, 4, 1}, {4, 16, 64, 4, 1},
    {1, 112, 64, 7, 1}, {1, 128, 64, 4, 1}, {2, 64, 64, 4, 1}, {4, 32, 64, 4, 1}, {8, 16, 64, 4, 1},
    {8, 32, 64, 8, 1},  {2, 112, 64, 7, 1}, {1, 32, 32, 2, 1}, {2, 32, 32, 4, 1}, {1, 64, 32, 4, 1},
    {1, 112, 32, 7, 1}, {2, 64, 32, 4, 1},  {4, 32, 32, 4, 1}, {8, 16, 32, 4, 1}, {8, 32, 32, 8, 1},
    {2, 112, 32, 7, 1}, {2, 16, 16, 2, 1},  {4, 16, 16, 4, 1}, {4, 32, 16, 4, 1}, {1, 16, 64, 1, 4},
    {1, 16, 32, 1, 2},  {1, 16, 16, 1, 1},  {8, 16, 16, 4, 1},
};

/* {bn, wn, wk} of gemm_vector. */
static const int vector_shapes[][3] = {
    {8, 8, 1}, {8, 8, 2},  {8, 8, 4},  {8, 4, 1},  {8, 4, 2},   {8, 4, 4},   {8, 2, 4},
    {8, 2, 8}, {16, 8, 1}, {16, 8, 2}, {32, 8, 1}, {16, 16, 1}, {32, 16, 1},
};

#define MOST                                                                                       \
    ((HONE_COUNT(shapes) + HONE_COUNT(warpgroup_shapes) + HONE_COUNT(exact_shapes)) *              \
         HONE_COUNT(splits) * 2 +                                                                  \
     HONE_COUNT(simt_shapes) * HONE_COUNT(splits) + HONE_COUNT(stem_shapes) +                      \
     HONE_COUNT(vector_shapes))

static int64_t pieces(int64_t n, int64_t by)
{
    return (n + by - 1) / by;
}

int64_t hone_gpu_tile_blocks(const hone_gpu_contraction *p, const hone_gpu_tile *t)
{
    const int64_t m = t->kind == HONE_GPU_STEM
                          ? p->batch * pieces(p->out[0], t->th) * pieces(p->out[1], t->tw)
                          : pieces(hone_gpu_contraction_rows(p), t->bm);

    return m * pieces(p->n, t->bn) * t->split * p->inner * p->outer;
}

hone_gpu_stem hone_gpu_stem_of(const hone_gpu_contraction *p)
{
    const int bytes = hone_dtype_bits(p->dtype) / 8;
    hone_gpu_stem s = {.channels = 4 / bytes};

    while (s.channels < p->c)
        s.channels *= 2;
    s.row = pieces(p->kernel[0] * p->kernel[1] * s.channels, 32 / bytes) * (32 / bytes);
    return s;
}

/* A tile's input pixels and all weights of its columns. */
static int64_t stem_shared(const hone_gpu_contraction *p, const hone_gpu_tile *t)
{
    const hone_gpu_stem s = hone_gpu_stem_of(p);
    const int bytes = hone_dtype_bits(p->dtype) / 8;
    const int64_t h = (t->th - 1) * p->stride[0] + (p->kernel[0] - 1) * p->dilation[0] + 1,
                  w = (t->tw - 1) * p->stride[1] + (p->kernel[1] - 1) * p->dilation[1] + 1;

    return pieces(h * w * s.channels * bytes, 16) * 16 + t->bn * (s.row * bytes + 16);
}

int64_t hone_gpu_tile_shared(const hone_gpu_contraction *p, const hone_gpu_tile *t)
{
    const int bytes = hone_dtype_bits(p->dtype) / 8;
    const int64_t part = (int64_t)t->wk * t->bm * (t->bn + 8) * 4;
    int64_t ring = 0;

    switch (t->kind) {
    case HONE_GPU_WARPGROUP:
        ring = 1024; /* the ring begins at a multiple */
        /* fall through */
    case HONE_GPU_IMPLICIT_GEMM:
    case HONE_GPU_EXACT: ring += (int64_t)t->stages * (t->bm + t->bn) * t->bk * bytes; break;
    case HONE_GPU_SIMT: ring = 2 * (int64_t)t->bk * (t->bm + t->bn + 8) * 4; break;
    case HONE_GPU_STEM: ring = stem_shared(p, t); break;
    case HONE_GPU_VECTOR: return 0; /* its own, of fixed size */
    case HONE_GPU_TILE_KINDS: break;
    }
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
    const int64_t own = t->kind == HONE_GPU_VECTOR ? (int64_t)t->wk * t->bm * (t->bn + 8) * 4 : 0;

    const int64_t gate =
        l->p->gate ? pieces(l->p->c, t->bk) * t->bk * hone_dtype_bits(l->p->dtype) / 8 : 0;

    return hone_gpu_tile_shared(l->p, t) + gate + own + t->bn * 4 + 64 <= l->device->shared_bytes;
}

/* No tile twice as large as what there is, no part of K without two steps, no more parts than fill
 * the device. */
static bool is_sensible(const list *l, const hone_gpu_tile *t)
{
    static const struct {
        int m, n; /* the smallest tile */
    } least[HONE_GPU_TILE_KINDS] = {{16, 16}, {32, 32}, {16, 16}, {8, 8}, {16, 32}, {64, 16}};
    const int64_t rows = hone_gpu_contraction_rows(l->p);
    const int64_t steps = pieces(hone_gpu_contraction_k(l->p), t->bk);

    if ((t->bm > least[t->kind].m && t->bm / 2 >= rows) ||
        (t->bn > least[t->kind].n && t->bn / 2 >= l->p->n))
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

/* One slot more than there are steps holds all of K: a longer ring is no use. Where products are
 * still under way when a tile has been left, two. */
static void add_rings(list *l, hone_gpu_tile t)
{
    const int behind = t.kind == HONE_GPU_WARPGROUP ? 2 : 1, ring = RING + behind - 1;
    const int64_t steps = pieces(pieces(hone_gpu_contraction_k(l->p), t.bk), t.split);
    const int longest = (int)HONE_MIN(HONE_MAX(steps + behind, behind + 1), 64);

    t.stages = HONE_MIN(longest, ring);
    add(l, t);
    t.stages = longest;
    while (t.stages > ring && !fits_shared(l, &t))
        t.stages--;
    if (t.stages > ring)
        add(l, t);
}

/* Rows of whole 16 bytes. */
static bool has_whole_rows(const hone_gpu_contraction *p, const hone_gpu_facts *device)
{
    const int64_t lanes = 128 / hone_dtype_bits(p->dtype);
    const int64_t steps[] = {p->c,         p->lda,       p->ldw,       p->a_z.inner,
                             p->a_z.outer, p->w_z.inner, p->w_z.outer, p->w_is_kn ? p->n : 0};

    for (int i = 0; i < HONE_COUNT(steps); i++)
        if (steps[i] % lanes)
            return false;
    return device->arch >= 80 && !p->a_is_km;
}

static void add_shapes(list *l, hone_gpu_tile_kind kind, const int (*shape)[6], int n)
{
    const int bytes = hone_dtype_bits(l->p->dtype) / 8;

    for (int i = 0; i < n; i++)
        for (int k = 0; k < HONE_COUNT(splits); k++) {
            const int *s = shape[i];
            const hone_gpu_tile t = {.kind = kind,
                                     .bm = s[0],
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
                add(l, (hone_gpu_tile){.kind = HONE_GPU_SIMT,
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

static void add_stems(list *l)
{
    for (int i = 0; i < HONE_COUNT(stem_shapes); i++) {
        const int *s = stem_shapes[i];
        add(l, (hone_gpu_tile){.kind = HONE_GPU_STEM,
                               .bm = s[0] * s[1],
                               .bn = s[2],
                               .bk = 32 * 8 / hone_dtype_bits(l->p->dtype),
                               .wm = s[3],
                               .wn = s[4],
                               .wk = 1,
                               .stages = 1,
                               .split = 1,
                               .th = s[0],
                               .tw = s[1]});
    }
}

/* The widest pieces in which all rows of a and w can be read. */
static int vector_width(const hone_gpu_contraction *p)
{
    const int64_t steps[] = {p->c,         p->lda,       p->ldw,      p->a_z.inner,
                             p->a_z.outer, p->w_z.inner, p->w_z.outer};
    int width = 128 / hone_dtype_bits(p->dtype);

    for (int i = 0; i < HONE_COUNT(steps); i++)
        while (steps[i] % width)
            width /= 2;
    return width;
}

static void add_vectors(list *l)
{
    const int rows = (int)hone_gpu_contraction_rows(l->p);

    for (int i = 0; i < HONE_COUNT(vector_shapes); i++) {
        const int *s = vector_shapes[i];
        add(l, (hone_gpu_tile){.kind = HONE_GPU_VECTOR,
                               .bm = rows > 4   ? 8
                                     : rows > 2 ? 4
                                                : rows,
                               .bn = s[0],
                               .bk = 32 * s[2] * vector_width(l->p),
                               .wm = 1,
                               .wn = s[1],
                               .wk = s[2],
                               .stages = 1,
                               .split = 1});
    }
}

/* Only their own architecture has these products, in 16 bits. */
static bool takes_warpgroup(const hone_gpu_contraction *p, const hone_gpu_facts *device)
{
    return !p->gate && device->arch == 90 && !p->w_is_kn && p->dtype != HONE_F32;
}

static bool takes_stem(const hone_gpu_contraction *p, const hone_gpu_facts *device)
{
    return p->has_windows && !p->gate && device->arch >= 80 && p->c <= 32;
}

/* One pixel a row, or rows one after the other. */
static bool takes_vector(const hone_gpu_contraction *p)
{
    const bool is_point = p->kernel[0] * p->kernel[1] * p->stride[0] * p->stride[1] == 1 &&
                          p->pad[0] == 0 && p->pad[1] == 0 && p->spread[0] * p->spread[1] == 1;

    return is_point && !p->gate && !p->a_is_km && !p->w_is_kn && hone_gpu_contraction_rows(p) <= 8;
}

static int by_time(const void *a, const void *b)
{
    const hone_gpu_tile *x = a, *y = b;

    return (x->us > y->us) - (x->us < y->us);
}

/* In their order, and not all of one kernel: what the model says of two is less sure than what it
 * says of two tiles of one. */
static int keep_best(const list *l, hone_gpu_tile *out, int room)
{
    int kept = 0, of_kind[HONE_GPU_TILE_KINDS] = {0};

    for (int i = 0; i < l->n && kept < room; i++) {
        const hone_gpu_tile *t = &l->tiles[i];
        const bool is_alone = l->tiles[0].kind == l->tiles[l->n - 1].kind && l->n <= room;
        if (!is_alone && of_kind[t->kind] >= room - room / 3)
            continue;
        of_kind[t->kind]++;
        out[kept++] = *t;
    }
    return kept;
}

int hone_gpu_tiles(const hone_gpu_contraction *p, const hone_gpu_facts *device, hone_gpu_tile *out,
                   int room)
{
    list l = {.p = p, .device = device};
    bool is_rounded = true; /* factors may be, or are */

    if (p->dtype == HONE_F32 && !device->allows_tf32)
        is_rounded = false;
    if (has_whole_rows(p, device) && is_rounded)
        add_shapes(&l, HONE_GPU_IMPLICIT_GEMM, shapes, HONE_COUNT(shapes));
    else if (has_whole_rows(p, device))
        add_shapes(&l, HONE_GPU_EXACT, exact_shapes, HONE_COUNT(exact_shapes));
    else if (takes_stem(p, device) && is_rounded)
        add_stems(&l);
    if (has_whole_rows(p, device) && takes_warpgroup(p, device))
        add_shapes(&l, HONE_GPU_WARPGROUP, warpgroup_shapes, HONE_COUNT(warpgroup_shapes));
    if (takes_vector(p))
        add_vectors(&l);
    if (l.n == 0 || p->dtype == HONE_F32)
        add_simt(&l);
    qsort(l.tiles, (size_t)l.n, sizeof l.tiles[0], by_time);
    return keep_best(&l, out, room);
}
