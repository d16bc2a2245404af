/* Windows over channels-last pictures, vectorised over channels: depthwise convolution, four output
 * pixels at a time (where a tap lies outside, the caller points to zeros); sums and maxima over
 * rows, which poolings are made of. */
#include "cpu/simd/level_table.h"

static HONE_ALWAYS_INLINE vf load_some(const float *p, int64_t n, bool whole)
{
    return whole ? vf_load(p) : vf_load_n(p, n);
}

static HONE_ALWAYS_INLINE void store_some(float *p, vf x, int64_t n, bool whole)
{
    if (whole)
        vf_store(p, x);
    else
        vf_store_n(p, x, n);
}

/* ROWS pixels, VECTORS vectors of channels from c on; n channels of the last one where it is not
 * whole. */
#define DEPTHWISE(name, ROWS, VECTORS)                                                             \
    static HONE_ALWAYS_INLINE void name(const hone_window_tile *t, int64_t c, int64_t n,           \
                                        bool whole)                                                \
    {                                                                                              \
        vf acc[ROWS][VECTORS];                                                                     \
        const float *w = t->w + c, *base = t->base + c;                                            \
        const int64_t step = t->step, w_step = t->w_step;                                          \
        UNROLL for (int v = 0; v < (VECTORS); v++)                                                 \
        {                                                                                          \
            const vf b = t->bias ? load_some(t->bias + c + v * HONE_W, n, whole) : vf_splat(0.0f); \
            UNROLL for (int r = 0; r < (ROWS); r++) acc[r][v] = b;                                 \
        }                                                                                          \
        for (int tap = 0; tap < t->taps; tap++, w += w_step) {                                     \
            const float *from = (ROWS) == 1 ? t->x[tap] + c : base + t->offset[tap];               \
            vf wv[VECTORS];                                                                        \
            UNROLL for (int v = 0; v < (VECTORS); v++) wv[v] =                                     \
                load_some(w + v * HONE_W, n, whole);                                               \
            UNROLL for (int r = 0; r < (ROWS); r++) UNROLL for (int v = 0; v < (VECTORS); v++)     \
                acc[r][v] += load_some(from + r * step + v * HONE_W, n, whole) * wv[v];            \
        }                                                                                          \
        UNROLL for (int r = 0; r < (ROWS); r++) UNROLL for (int v = 0; v < (VECTORS); v++)         \
        {                                                                                          \
            vf y = acc[r][v];                                                                      \
            if (t->clamp)                                                                          \
                y = vf_min(vf_splat(t->hi), vf_max(vf_splat(t->lo), y));                           \
            store_some(t->c + r * t->c_step + c + v * HONE_W, y, n, whole);                        \
        }                                                                                          \
    }
DEPTHWISE(depthwise_4x2, 4, 2)
DEPTHWISE(depthwise_4x1, 4, 1)
DEPTHWISE(depthwise_1x4, 1, 4)
DEPTHWISE(depthwise_1x1, 1, 1)

void LEVEL(hone_vector_depthwise)(const hone_window_tile *t)
{
    int64_t c = 0;

    if (t->x) {
        for (; c + 4 * HONE_W <= t->channels; c += 4 * HONE_W)
            depthwise_1x4(t, c, HONE_W, true);
        for (; c + HONE_W <= t->channels; c += HONE_W)
            depthwise_1x1(t, c, HONE_W, true);
        if (c < t->channels)
            depthwise_1x1(t, c, t->channels - c, false);
        return;
    }
    for (; c + 2 * HONE_W <= t->channels; c += 2 * HONE_W)
        depthwise_4x2(t, c, HONE_W, true);
    for (; c + HONE_W <= t->channels; c += HONE_W)
        depthwise_4x1(t, c, HONE_W, true);
    if (c < t->channels)
        depthwise_4x1(t, c, t->channels - c, false);
}

/* y[i] = the sum (or the largest) of row[r][i] over n rows, times scale. */
#define ROWS_OVER(name, step, finish)                                                              \
    void LEVEL(name)(const float *const *row, int64_t n, float scale, float *y, int64_t length)    \
    {                                                                                              \
        int64_t i = 0;                                                                             \
        (void)scale;                                                                               \
        for (; i + 4 * HONE_W <= length; i += 4 * HONE_W) {                                        \
            vf acc[4];                                                                             \
            UNROLL for (int v = 0; v < 4; v++) acc[v] = vf_load(row[0] + i + v * HONE_W);          \
            for (int64_t r = 1; r < n; r++)                                                        \
                UNROLL for (int v = 0; v < 4; v++)                                                 \
                {                                                                                  \
                    const vf x = vf_load(row[r] + i + v * HONE_W);                                 \
                    acc[v] = step;                                                                 \
                }                                                                                  \
            UNROLL for (int v = 0; v < 4; v++) vf_store(y + i + v * HONE_W, finish);               \
        }                                                                                          \
        for (; i < length; i += HONE_W) {                                                          \
            const int64_t some = HONE_MIN(length - i, HONE_W);                                     \
            const int v = 0;                                                                       \
            vf acc[1] = {load_some(row[0] + i, some, some == HONE_W)};                             \
            for (int64_t r = 1; r < n; r++) {                                                      \
                const vf x = load_some(row[r] + i, some, some == HONE_W);                          \
                acc[v] = step;                                                                     \
            }                                                                                      \
            store_some(y + i, finish, some, some == HONE_W);                                       \
        }                                                                                          \
    }
ROWS_OVER(hone_vector_sum_rows, acc[v] + x, acc[v] * scale)
ROWS_OVER(hone_vector_max_rows, vm_select(vf_ne(acc[v], acc[v]), acc[v], vf_max(acc[v], x)), acc[v])
