/* Strided copies: the one engine beneath transpose, slice, expand, tile, concat, split, pad and
 * their kin. The nest is collapsed; runs that both sides hold side by side are copied whole, short
 * ones count as wider elements; where the source runs along another loop than the destination, the
 * two are walked in square tiles, so that both sides use the cache lines they touch. The
 * destination's order is kept, so tasks write apart. */
#include "cpu/kernel.h"
#include "cpu/vector.h"

#define TILE      16    /* elements on a side: 16 lines of 64 bytes each way at 4 bytes */
#define THIN_BAND 512   /* lines of few elements to an item */
#define RUN_BYTES 65536 /* of a contiguous copy to a task */

typedef struct move_job {
    hone_loop loop; /* strides in bytes */
    char *dst;
    const char *src;
    size_t size;    /* of an element */
    int cross;      /* the loop along which the source is dense, for tiles */
    int64_t pieces; /* of a run, for long runs */
} move_job;

static void copy_run_pieces(void *ctx, int64_t begin, int64_t end)
{
    const move_job *job = ctx;
    const int outer = job->loop.rank - 1;
    const size_t run = (size_t)job->loop.dim[outer] * job->size;
    hone_walk walk;

    for (int64_t i = begin; i < end; i++) {
        const size_t at = (size_t)(i % job->pieces) * RUN_BYTES;
        hone_walk_begin(&walk, &job->loop, outer, i / job->pieces);
        memcpy(job->dst + walk.offset[0] + at, job->src + walk.offset[1] + at,
               HONE_MIN(run - at, RUN_BYTES));
    }
}

static void copy_runs(void *ctx, int64_t begin, int64_t end)
{
    const move_job *job = ctx;
    const int outer = job->loop.rank - 1;
    const size_t run = (size_t)job->loop.dim[outer] * job->size;
    hone_walk walk;

    hone_walk_begin(&walk, &job->loop, outer, begin);
    for (int64_t i = begin; i < end; i++, hone_walk_next(&walk))
        memcpy(job->dst + walk.offset[0], job->src + walk.offset[1], run);
}

/* A plain row, any strides: the element's size is a constant, so that each copy is one load and one
 * store. */
#define ROW(bytes)                                                                                 \
    static void row_##bytes(char *dst, int64_t dst_step, const char *src, int64_t src_step,        \
                            int64_t n)                                                             \
    {                                                                                              \
        for (int64_t i = 0; i < n; i++)                                                            \
            memcpy(dst + i * dst_step, src + i * src_step, bytes);                                 \
    }
ROW(1)
ROW(2)
ROW(4)
ROW(8)
ROW(16)

typedef void (*row_fn)(char *dst, int64_t dst_step, const char *src, int64_t src_step, int64_t n);

static row_fn row_of(size_t size)
{
    switch (size) {
    case 1: return row_1;
    case 2: return row_2;
    case 4: return row_4;
    case 8: return row_8;
    default: return row_16;
    }
}

static void copy_rows(void *ctx, int64_t begin, int64_t end)
{
    const move_job *job = ctx;
    const int outer = job->loop.rank - 1;
    const row_fn row = row_of(job->size);
    hone_walk walk;

    hone_walk_begin(&walk, &job->loop, outer, begin);
    for (int64_t i = begin; i < end; i++, hone_walk_next(&walk)) {
        char *dst = job->dst + walk.offset[0];
        const char *src = job->src + walk.offset[1];
        if (job->loop.stride[1][outer] == 0 && job->loop.stride[0][outer] == (int64_t)job->size)
            hone_fill(dst, src, job->size, job->loop.dim[outer]);
        else
            row(dst, job->loop.stride[0][outer], src, job->loop.stride[1][outer],
                job->loop.dim[outer]);
    }
}

/* Full tiles have constant bounds, which the compiler unrolls. */
#define TILE_COPY(bytes)                                                                           \
    static void tile_##bytes(char *dst, int64_t dst_line, const char *src, int64_t src_line,       \
                             int lines, int n)                                                     \
    {                                                                                              \
        if (lines == TILE && n == TILE) {                                                          \
            for (int j = 0; j < TILE; j++)                                                         \
                for (int i = 0; i < TILE; i++)                                                     \
                    memcpy(dst + j * dst_line + i * bytes, src + j * bytes + i * src_line, bytes); \
            return;                                                                                \
        }                                                                                          \
        for (int j = 0; j < lines; j++)                                                            \
            for (int i = 0; i < n; i++)                                                            \
                memcpy(dst + j * dst_line + i * bytes, src + j * bytes + i * src_line, bytes);     \
    }
TILE_COPY(1)
TILE_COPY(2)
TILE_COPY(4)
TILE_COPY(8)
TILE_COPY(16)

typedef void (*tile_fn)(char *dst, int64_t dst_line, const char *src, int64_t src_line, int lines,
                        int n);

static tile_fn tile_of(size_t size)
{
    switch (size) {
    case 1: return tile_1;
    case 2: return tile_2;
    case 4: return tile_4;
    case 8: return tile_8;
    default: return tile_16;
    }
}

/* Destinations of 2 to 4 elements a line (pixels of few channels): long bands, each line written
 * whole. */
#define THIN(bytes, n)                                                                             \
    static void thin_##bytes##_##n(char *dst, int64_t dst_line, const char *src, int64_t src_line, \
                                   int lines)                                                      \
    {                                                                                              \
        for (int j = 0; j < lines; j++)                                                            \
            for (int i = 0; i < n; i++)                                                            \
                memcpy(dst + j * dst_line + i * bytes, src + j * bytes + i * src_line, bytes);     \
    }
#define THINS(bytes) THIN(bytes, 2) THIN(bytes, 3) THIN(bytes, 4)
THINS(1)
THINS(2)
THINS(4)
THINS(8)
THINS(16)

typedef void (*thin_fn)(char *dst, int64_t dst_line, const char *src, int64_t src_line, int lines);

static thin_fn thin_of(size_t size, int64_t n)
{
    static const thin_fn table[5][3] = {
        {thin_1_2, thin_1_3, thin_1_4},    {thin_2_2, thin_2_3, thin_2_4},
        {thin_4_2, thin_4_3, thin_4_4},    {thin_8_2, thin_8_3, thin_8_4},
        {thin_16_2, thin_16_3, thin_16_4},
    };
    const int row = size == 1 ? 0 : size == 2 ? 1 : size == 4 ? 2 : size == 8 ? 3 : 4;

    return table[row][n - 2];
}

static void copy_thin(void *ctx, int64_t begin, int64_t end)
{
    const move_job *job = ctx;
    const hone_loop *loop = &job->loop;
    const int inner = loop->rank - 1, cross = loop->rank - 2;
    const int64_t bands = (loop->dim[cross] + THIN_BAND - 1) / THIN_BAND;
    const thin_fn thin = thin_of(job->size, loop->dim[inner]);
    hone_walk walk;

    for (int64_t i = begin; i < end; i++) {
        const int64_t j = i % bands * THIN_BAND;
        hone_walk_begin(&walk, loop, cross, i / bands);
        thin(job->dst + walk.offset[0] + j * loop->stride[0][cross], loop->stride[0][cross],
             job->src + walk.offset[1] + j * (int64_t)job->size, loop->stride[1][inner],
             (int)HONE_MIN(loop->dim[cross] - j, THIN_BAND));
    }
}

/* Lines that are done together. */
static int64_t band_of(size_t size)
{
    return size == sizeof(float) ? 8 * TILE : TILE;
}

/* Items are bands of lines (along `cross`), one after the other for every step of the other loops,
 * which stand in front of `cross` and the innermost one here. */
static void copy_tiles(void *ctx, int64_t begin, int64_t end)
{
    const move_job *job = ctx;
    const hone_loop *loop = &job->loop;
    const int inner = loop->rank - 1, cross = loop->rank - 2;
    const int64_t band = band_of(job->size), bands = (loop->dim[cross] + band - 1) / band;
    const int64_t dst_line = loop->stride[0][cross], src_line = loop->stride[1][inner];
    const tile_fn tile = tile_of(job->size);
    hone_walk walk;

    for (int64_t i = begin; i < end; i++) {
        const int64_t j = i % bands * band;
        const int lines = (int)HONE_MIN(loop->dim[cross] - j, band);
        hone_walk_begin(&walk, loop, cross, i / bands);
        char *dst = job->dst + walk.offset[0] + j * dst_line;
        const char *src = job->src + walk.offset[1] + j * (int64_t)job->size;
        if (job->size == sizeof(float) && ((uintptr_t)src | (uintptr_t)dst) % sizeof(float) == 0) {
            /* Of any type: the vector code moves bits. */
            hone_cpu_vector->transpose((const float *)(const void *)src,
                                       src_line / (int64_t)sizeof(float), (float *)(void *)dst,
                                       dst_line / (int64_t)sizeof(float), loop->dim[inner], lines);
            continue;
        }
        for (int64_t x = 0; x < loop->dim[inner]; x += TILE)
            tile(dst + x * (int64_t)job->size, dst_line, src + x * src_line, src_line, lines,
                 (int)HONE_MIN(loop->dim[inner] - x, TILE));
    }
}

/* Brings loop `from` to place `to` (which is further in); those between move outwards. */
static void move_loop_inwards(hone_loop *loop, int from, int to)
{
    for (int i = from; i < to; i++) {
        const int64_t dim = loop->dim[i];
        loop->dim[i] = loop->dim[i + 1];
        loop->dim[i + 1] = dim;
        for (int k = 0; k < loop->n; k++) {
            const int64_t stride = loop->stride[k][i];
            loop->stride[k][i] = loop->stride[k][i + 1];
            loop->stride[k][i + 1] = stride;
        }
    }
}

static bool is_run(const move_job *job)
{
    const int last = job->loop.rank - 1;
    return last >= 0 && job->loop.stride[0][last] == (int64_t)job->size &&
           job->loop.stride[1][last] == (int64_t)job->size;
}

/* Runs of 2, 4, 8 or 16 bytes become elements. */
static void widen_elements(move_job *job)
{
    while (is_run(job)) {
        const size_t bytes = (size_t)job->loop.dim[job->loop.rank - 1] * job->size;
        if (bytes != 2 && bytes != 4 && bytes != 8 && bytes != 16)
            return;
        job->size = bytes;
        job->loop.rank--;
    }
}

static int find_cross(const move_job *job)
{
    const hone_loop *loop = &job->loop;
    const int last = loop->rank - 1;

    if (last < 1 || loop->stride[0][last] != (int64_t)job->size || loop->dim[last] < 2)
        return -1;
    for (int i = 0; i < last; i++)
        if (loop->stride[1][i] == (int64_t)job->size && loop->dim[i] >= 4)
            return i;
    return -1;
}

static void run_move(const hone_cpu_call *call, move_job *job)
{
    hone_loop *loop = &job->loop;

    widen_elements(job);
    if (loop->rank == 0)
        hone_loop_add(loop, 1, (int64_t)job->size, (int64_t)job->size);
    const int last = loop->rank - 1;
    const int64_t rows = hone_loop_steps(loop, last);
    const int64_t row_bytes = loop->dim[last] * (int64_t)job->size;
    if (is_run(job) && row_bytes > 2 * RUN_BYTES) {
        job->pieces = (row_bytes + RUN_BYTES - 1) / RUN_BYTES;
        hone_cpu_for(call, rows * job->pieces, 1, copy_run_pieces, job);
    } else if (is_run(job)) {
        hone_cpu_for(call, rows, HONE_MAX(RUN_BYTES / (row_bytes + 32), 1), copy_runs, job);
    } else if ((job->cross = find_cross(job)) >= 0) {
        move_loop_inwards(loop, job->cross, last - 1);
        if (loop->dim[last] <= 4) {
            const int64_t parts = (loop->dim[last - 1] + THIN_BAND - 1) / THIN_BAND;
            hone_cpu_for(call, hone_loop_steps(loop, last - 1) * parts, 16, copy_thin, job);
            return;
        }
        const int64_t band = band_of(job->size), bands = (loop->dim[last - 1] + band - 1) / band;
        hone_cpu_for(call, hone_loop_steps(loop, last - 1) * bands,
                     hone_grain(band * loop->dim[last]), copy_tiles, job);
    } else {
        hone_cpu_for(call, rows, hone_grain(loop->dim[last] + 8), copy_rows, job);
    }
}

/* Types under a byte: element by element, in one task, since neighbours share bytes. */
static void move_packed(hone_dtype dtype, const hone_loop *loop, void *dst, int64_t dst_at,
                        const void *src, int64_t src_at)
{
    const int64_t n = hone_loop_steps(loop, loop->rank);
    hone_walk walk;

    hone_walk_begin(&walk, loop, loop->rank, 0);
    for (int64_t i = 0; i < n; i++, hone_walk_next(&walk))
        hone_element_copy(dtype, dst, dst_at + walk.offset[0], src, src_at + walk.offset[1]);
}

void hone_move(const hone_cpu_call *call, hone_dtype dtype, const hone_loop *loop, void *dst,
               int64_t dst_at, const void *src, int64_t src_at)
{
    const int64_t size = (int64_t)hone_element_size(dtype);
    move_job job = {.loop = *loop, .size = (size_t)size};

    if (hone_loop_steps(loop, loop->rank) <= 0)
        return;
    job.loop.n = 2;
    hone_loop_collapse(&job.loop);
    if (size == 0) {
        move_packed(dtype, &job.loop, dst, dst_at, src, src_at);
        return;
    }
    for (int k = 0; k < 2; k++)
        for (int i = 0; i < job.loop.rank; i++)
            job.loop.stride[k][i] *= size;
    job.dst = (char *)dst + dst_at * size;
    job.src = (const char *)src + src_at * size;
    run_move(call, &job);
}

void hone_move_dense(const hone_cpu_call *call, const hone_tensor *dst, const hone_tensor *src)
{
    hone_loop loop = {.n = 2};
    size_t size = 0;

    if (dst->data == src->data || !hone_dims_size(src->dtype, &src->shape, &size))
        return;
    hone_loop_add(&loop, (int64_t)size, 1, 1);
    hone_move(call, HONE_U8, &loop, dst->data, 0, src->data, 0);
}

void hone_fill(void *dst, const void *value, size_t size, int64_t n)
{
    bool same = true; /* all bytes of the value are one */

    for (size_t i = 1; i < size; i++)
        same = same && ((const char *)value)[i] == ((const char *)value)[0];
    if (n > 0 && same)
        memset(dst, ((const uint8_t *)value)[0], size * (size_t)n);
    else if (n > 0) {
        char copy[16];
        memcpy(copy, value, size);
        row_of(size)(dst, (int64_t)size, copy, 0, n);
    }
}

void hone_element_copy(hone_dtype dtype, void *dst, int64_t i, const void *src, int64_t j)
{
    const size_t size = hone_element_size(dtype);
    const int bits = hone_dtype_bits(dtype);

    if (size) {
        memcpy((char *)dst + i * (int64_t)size, (const char *)src + j * (int64_t)size, size);
        return;
    }
    const int per = 8 / bits, mask = (1 << bits) - 1;
    const int x = ((const uint8_t *)src)[j / per] >> (j % per * bits) & mask;
    uint8_t *to = (uint8_t *)dst + i / per;
    *to = (uint8_t)((*to & ~(mask << (i % per * bits))) | x << (i % per * bits));
}
