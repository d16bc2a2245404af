/* Windows over channels-last pictures: depthwise convolution, average and maximum, vectorised over channels, four output
 * pixels at a time. Padding is the caller's business: it hands out pointers, to a row of zeros where a tap lies outside. */
#include "cpu/simd/level_table.h"

#define ROWS HONE_WINDOW_ROWS

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

/* VECTORS vectors of channels from c on; n channels of the last one where it is not whole. */
#define DEPTHWISE(name, VECTORS)                                                                                       \
    static HONE_ALWAYS_INLINE void name(const hone_window_tile *t, int64_t c, int64_t n, bool whole, bool clamp)       \
    {                                                                                                                  \
        vf acc[ROWS][VECTORS];                                                                                         \
        const float *w = t->w + c;                                                                                     \
        const float *const *x = t->x;                                                                                  \
        UNROLL for (int v = 0; v < (VECTORS); v++)                                                                     \
        {                                                                                                              \
            const vf b = t->bias ? load_some(t->bias + c + v * HONE_W, n, whole) : vf_splat(0.0f);                     \
            UNROLL for (int r = 0; r < ROWS; r++)                                                                      \
                acc[r][v] = b;                                                                                         \
        }                                                                                                              \
        for (int tap = 0; tap < t->taps; tap++, w += t->channels, x += ROWS) {                                         \
            vf wv[VECTORS];                                                                                            \
            UNROLL for (int v = 0; v < (VECTORS); v++)                                                                 \
                wv[v] = load_some(w + v * HONE_W, n, whole);                                                           \
            UNROLL for (int r = 0; r < ROWS; r++)                                                                      \
                UNROLL for (int v = 0; v < (VECTORS); v++)                                                             \
                    acc[r][v] += load_some(x[r] + c + v * HONE_W, n, whole) * wv[v];                                   \
        }                                                                                                              \
        UNROLL for (int r = 0; r < ROWS; r++)                                                                          \
            UNROLL for (int v = 0; v < (VECTORS); v++)                                                                 \
            {                                                                                                          \
                vf y = acc[r][v];                                                                                      \
                if (clamp)                                                                                             \
                    y = vf_min(vf_splat(t->hi), vf_max(vf_splat(t->lo), y));                                           \
                if (r < t->rows)                                                                                       \
                    store_some(t->c[r] + c + v * HONE_W, y, n, whole);                                                 \
            }                                                                                                          \
    }
DEPTHWISE(depthwise_2, 2)
DEPTHWISE(depthwise_1, 1)

void LEVEL(hone_vector_depthwise)(const hone_window_tile *t)
{
    int64_t c = 0;

    for (; c + 2 * HONE_W <= t->channels; c += 2 * HONE_W)
        depthwise_2(t, c, HONE_W, true, t->clamp);
    for (; c + HONE_W <= t->channels; c += HONE_W)
        depthwise_1(t, c, HONE_W, true, t->clamp);
    if (c < t->channels)
        depthwise_1(t, c, t->channels - c, false, t->clamp);
}

static HONE_ALWAYS_INLINE void average(const hone_window_tile *t, int64_t c, int64_t n, bool whole)
{
    vf acc[ROWS];
    const float *const *x = t->x;

    UNROLL for (int r = 0; r < ROWS; r++)
        acc[r] = vf_splat(0.0f);
    for (int tap = 0; tap < t->taps; tap++, x += ROWS)
        UNROLL for (int r = 0; r < ROWS; r++)
            acc[r] += load_some(x[r] + c, n, whole);
    for (int r = 0; r < t->rows; r++)
        store_some(t->c[r] + c, acc[r] * t->scale[r], n, whole);
}

void LEVEL(hone_vector_average)(const hone_window_tile *t)
{
    int64_t c = 0;

    for (; c + HONE_W <= t->channels; c += HONE_W)
        average(t, c, HONE_W, true);
    if (c < t->channels)
        average(t, c, t->channels - c, false);
}

static HONE_ALWAYS_INLINE void maximum(const hone_window_tile *t, int64_t c, int64_t n, bool whole)
{
    vf acc[ROWS];
    const float *const *x = t->x;

    UNROLL for (int r = 0; r < ROWS; r++)
        acc[r] = load_some(x[r] + c, n, whole);
    for (int tap = 1; tap < t->taps; tap++) {
        x += ROWS;
        UNROLL for (int r = 0; r < ROWS; r++)
            acc[r] = vf_max(load_some(x[r] + c, n, whole), acc[r]);
    }
    for (int r = 0; r < t->rows; r++)
        store_some(t->c[r] + c, acc[r], n, whole);
}

void LEVEL(hone_vector_maximum)(const hone_window_tile *t)
{
    int64_t c = 0;

    for (; c + HONE_W <= t->channels; c += HONE_W)
        maximum(t, c, HONE_W, true);
    if (c < t->channels)
        maximum(t, c, t->channels - c, false);
}
