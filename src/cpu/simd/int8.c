/* Integer products, exact in int32: four unsigned by four signed bytes at a time. Bytes are widened
 * to 16 bits before they are multiplied, because the 8-bit multiply-add of AVX2 saturates; with
 * VNNI there is an instruction that does not. */
#include "cpu/simd/level_table.h"

#define GROUP 4
#define STEP  (HONE_PANEL * GROUP) /* bytes of a panel for one group */

#if HONE_W >= 8
static HONE_ALWAYS_INLINE int32_t load_group(const uint8_t *a)
{
    int32_t x;
    memcpy(&x, a, sizeof x);
    return x;
}
#endif

#if HONE_W == 16

/* ROWS rows of up to two panels; rows and panels that are absent repeat the last ones. */
#define VNNI_TILE(name, ROWS)                                                                      \
    __attribute__((target("avx512f,avx512bw,avx512dq,avx512vl,avx512vnni"))) static void name(     \
        const hone_int8_tile *t, int r0)                                                           \
    {                                                                                              \
        const int8_t *b0 = t->b, *b1 = t->panels > 1 ? t->b + t->panel : t->b;                     \
        const uint8_t *a[ROWS];                                                                    \
        __m512i acc[ROWS][2];                                                                      \
        UNROLL for (int r = 0; r < (ROWS); r++)                                                    \
        {                                                                                          \
            a[r] = t->a[HONE_MIN(r0 + r, t->rows - 1)];                                            \
            acc[r][0] = acc[r][1] = _mm512_setzero_si512();                                        \
        }                                                                                          \
        for (int64_t g = 0; g < t->groups; g++, b0 += STEP, b1 += STEP) {                          \
            const __m512i x0 = _mm512_loadu_si512(b0), x1 = _mm512_loadu_si512(b1);                \
            UNROLL for (int r = 0; r < (ROWS); r++)                                                \
            {                                                                                      \
                const __m512i y = _mm512_set1_epi32(load_group(a[r] + g * GROUP));                 \
                acc[r][0] = _mm512_dpbusd_epi32(acc[r][0], y, x0);                                 \
                acc[r][1] = _mm512_dpbusd_epi32(acc[r][1], y, x1);                                 \
            }                                                                                      \
        }                                                                                          \
        UNROLL for (int r = 0; r < (ROWS); r++)                                                    \
        {                                                                                          \
            if (r0 + r >= t->rows)                                                                 \
                continue;                                                                          \
            _mm512_storeu_si512(t->c[r0 + r], acc[r][0]);                                          \
            if (t->panels > 1)                                                                     \
                _mm512_storeu_si512(t->c[r0 + r] + HONE_PANEL, acc[r][1]);                         \
        }                                                                                          \
    }
VNNI_TILE(vnni_8, 8)
VNNI_TILE(vnni_1, 1)

#endif

#if HONE_W >= 8

/* One row of one panel: four vectors of partial sums, two for each column, joined at the end. */
static void tile_row(const uint8_t *a, const int8_t *b, int64_t groups, int32_t *c)
{
    __m256i acc[4];

    UNROLL for (int i = 0; i < 4; i++) acc[i] = _mm256_setzero_si256();
    for (int64_t g = 0; g < groups; g++, b += STEP) {
        const __m256i x = _mm256_broadcastq_epi64(
            _mm_cvtepu8_epi16(_mm_cvtsi32_si128(load_group(a + g * GROUP))));
        UNROLL for (int i = 0; i < 4; i++)
        {
            const __m256i y = _mm256_cvtepi8_epi16(_mm_loadu_si128((const __m128i *)(b + 16 * i)));
            acc[i] = _mm256_add_epi32(acc[i], _mm256_madd_epi16(x, y));
        }
    }
    for (int i = 0; i < 4; i++) {
        int32_t pairs[8];
        _mm256_storeu_si256((__m256i *)pairs, acc[i]);
        for (int j = 0; j < 4; j++)
            c[4 * i + j] = (int32_t)((uint32_t)pairs[2 * j] + (uint32_t)pairs[2 * j + 1]);
    }
}

#else

static void tile_row(const uint8_t *a, const int8_t *b, int64_t groups, int32_t *c)
{
    uint32_t acc[HONE_PANEL] = {0}; /* unsigned: sums may wrap */

    for (int64_t g = 0; g < groups; g++, a += GROUP, b += STEP)
        for (int j = 0; j < HONE_PANEL; j++)
            acc[j] += (uint32_t)(a[0] * b[4 * j] + a[1] * b[4 * j + 1] + a[2] * b[4 * j + 2] +
                                 a[3] * b[4 * j + 3]);
    memcpy(c, acc, sizeof acc);
}

#endif

typedef uint8_t bytes __attribute__((vector_size(16)));
typedef uint8_t bytes_loose __attribute__((vector_size(16), aligned(1), may_alias));

static HONE_ALWAYS_INLINE bytes load_line(const uint8_t *b, int cols)
{
    uint8_t some[HONE_PANEL] = {0};
    if (cols == HONE_PANEL)
        return *(const bytes_loose *)b;
    memcpy(some, b, (size_t)cols);
    return *(const bytes_loose *)some;
}

static void pack_group(const uint8_t *b, int64_t row, int lines, int cols, uint8_t flip, int8_t *to)
{
    bytes x[GROUP];

    for (int i = 0; i < GROUP; i++) {
        uint8_t mask[HONE_PANEL];
        for (int j = 0; j < HONE_PANEL; j++)
            mask[j] = i < lines && j < cols ? flip : 0;
        x[i] = i < lines ? load_line(b + i * row, cols) ^ *(const bytes_loose *)mask : (bytes){0};
    }
    for (int j = 0; j < HONE_PANEL; j++)
        for (int i = 0; i < GROUP; i++)
            to[j * GROUP + i] = (int8_t)x[i][j];
}

static HONE_ALWAYS_INLINE void pack_whole_group(const uint8_t *b, int64_t row, bytes flip,
                                                int8_t *to)
{
    const bytes x0 = load_line(b, HONE_PANEL) ^ flip, x1 = load_line(b + row, HONE_PANEL) ^ flip;
    const bytes x2 = load_line(b + 2 * row, HONE_PANEL) ^ flip,
                x3 = load_line(b + 3 * row, HONE_PANEL) ^ flip;
#define LOW        0, 16, 1, 17, 2, 18, 3, 19, 4, 20, 5, 21, 6, 22, 7, 23
#define HIGH       8, 24, 9, 25, 10, 26, 11, 27, 12, 28, 13, 29, 14, 30, 15, 31
#define LOW_PAIRS  0, 1, 16, 17, 2, 3, 18, 19, 4, 5, 20, 21, 6, 7, 22, 23
#define HIGH_PAIRS 8, 9, 24, 25, 10, 11, 26, 27, 12, 13, 28, 29, 14, 15, 30, 31
    const bytes a = __builtin_shufflevector(x0, x1, LOW), b0 = __builtin_shufflevector(x2, x3, LOW);
    const bytes c = __builtin_shufflevector(x0, x1, HIGH),
                d = __builtin_shufflevector(x2, x3, HIGH);
    *(bytes_loose *)to = __builtin_shufflevector(a, b0, LOW_PAIRS);
    *(bytes_loose *)(to + 16) = __builtin_shufflevector(a, b0, HIGH_PAIRS);
    *(bytes_loose *)(to + 32) = __builtin_shufflevector(c, d, LOW_PAIRS);
    *(bytes_loose *)(to + 48) = __builtin_shufflevector(c, d, HIGH_PAIRS);
}

void LEVEL(hone_vector_int8_pack)(const uint8_t *b, int64_t row, int64_t depth, int cols,
                                  uint8_t flip, int8_t *to)
{
    uint8_t all[HONE_PANEL];

    memset(all, flip, sizeof all);
    for (int64_t k = 0; k < depth; k += GROUP, to += STEP) {
        if (depth - k >= GROUP && cols == HONE_PANEL)
            pack_whole_group(b + k * row, row, *(const bytes_loose *)all, to);
        else
            pack_group(b + k * row, row, (int)HONE_MIN(depth - k, GROUP), cols, flip, to);
    }
}

void LEVEL(hone_vector_int8)(const hone_int8_tile *t)
{
#if HONE_W == 16
    if (hone_cpu_has_vnni()) {
        if (t->rows == 1)
            vnni_1(t, 0);
        else
            vnni_8(t, 0);
        return;
    }
#endif
    for (int r = 0; r < t->rows; r++)
        for (int p = 0; p < t->panels; p++)
            tile_row(t->a[r], t->b + p * t->panel, t->groups, t->c[r] + p * HONE_PANEL);
}
