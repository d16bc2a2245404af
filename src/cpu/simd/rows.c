/* Work on rows: dot products of a matrix's rows with one vector, transposition, softmax, layer
 * normalisation. */
#include "cpu/simd/level_table.h"
#include "cpu/simd/vec_math.h"

/* Four rows at once: the vector is loaded once for them, and their chains overlap. */
static HONE_ALWAYS_INLINE void dot_rows(const float *w, int64_t ld, const float *x, int64_t n,
                                        float out[4])
{
    vf acc[4][2];
    int64_t k = 0;

    UNROLL for (int r = 0; r < 4; r++) acc[r][0] = acc[r][1] = vf_splat(0.0f);
    for (; k + 2 * HONE_W <= n; k += 2 * HONE_W) {
        const vf x0 = vf_load(x + k), x1 = vf_load(x + k + HONE_W);
        UNROLL for (int r = 0; r < 4; r++)
        {
            acc[r][0] += vf_load(w + r * ld + k) * x0;
            acc[r][1] += vf_load(w + r * ld + k + HONE_W) * x1;
        }
    }
    for (; k < n; k += HONE_W) {
        const int64_t some = HONE_MIN(n - k, HONE_W);
        const vf x0 = some == HONE_W ? vf_load(x + k) : vf_load_n(x + k, some);
        UNROLL for (int r = 0; r < 4; r++) acc[r][0] +=
            (some == HONE_W ? vf_load(w + r * ld + k) : vf_load_n(w + r * ld + k, some)) * x0;
    }
    UNROLL for (int r = 0; r < 4; r++) out[r] = vf_sum(acc[r][0] + acc[r][1]);
}

void LEVEL(hone_vector_rows_dot)(const float *w, int64_t ld, const float *x, int64_t k, int64_t n,
                                 float *y, bool accumulate)
{
    for (int64_t i = 0; i < n; i += 4) {
        const int64_t some = HONE_MIN(n - i, 4);
        float out[4];
        if (some == 4) {
            dot_rows(w + i * ld, ld, x, k, out);
        } else {
            for (int64_t r = 0; r < some; r++) {
                float one[4];
                dot_rows(w + (i + r) * ld, 0, x, k, one);
                out[r] = one[0];
            }
        }
        for (int64_t r = 0; r < some; r++)
            y[i + r] = accumulate ? y[i + r] + out[r] : out[r];
    }
}

#define BLOCK 16 /* lines of a transposed block: 16 cache lines read, 16 written */

/* Few planes to pixels and back: the inner loop has a constant count, so that it becomes shuffles.
 */
static HONE_ALWAYS_INLINE void planes_to_pixels(const float *restrict src, int64_t ld,
                                                float *restrict dst, int n, int64_t cols)
{
    for (int64_t j = 0; j < cols; j++)
        for (int i = 0; i < n; i++)
            dst[j * n + i] = src[i * ld + j];
}

static HONE_ALWAYS_INLINE void pixels_to_planes(const float *restrict src, float *restrict dst,
                                                int64_t ld, int n, int64_t rows)
{
    for (int64_t i = 0; i < rows; i++)
        for (int j = 0; j < n; j++)
            dst[j * ld + i] = src[i * n + j];
}

static bool transpose_narrow(const float *src, int64_t ld_src, float *dst, int64_t ld_dst,
                             int64_t rows, int64_t cols)
{
    if (rows == ld_dst && rows == 2)
        planes_to_pixels(src, ld_src, dst, 2, cols);
    else if (rows == ld_dst && rows == 3)
        planes_to_pixels(src, ld_src, dst, 3, cols);
    else if (rows == ld_dst && rows == 4)
        planes_to_pixels(src, ld_src, dst, 4, cols);
    else if (cols == ld_src && cols == 2)
        pixels_to_planes(src, dst, ld_dst, 2, rows);
    else if (cols == ld_src && cols == 3)
        pixels_to_planes(src, dst, ld_dst, 3, rows);
    else if (cols == ld_src && cols == 4)
        pixels_to_planes(src, dst, ld_dst, 4, rows);
    else
        return false;
    return true;
}

typedef float quad __attribute__((vector_size(16)));
typedef float quad_loose __attribute__((vector_size(16), aligned(4), may_alias));

static HONE_ALWAYS_INLINE void transpose_4x4(const float *src, int64_t ld_src, float *dst,
                                             int64_t ld_dst)
{
    const quad a = *(const quad_loose *)src, b = *(const quad_loose *)(src + ld_src);
    const quad c = *(const quad_loose *)(src + 2 * ld_src),
               d = *(const quad_loose *)(src + 3 * ld_src);
    const quad ab0 = __builtin_shufflevector(a, b, 0, 4, 1, 5),
               ab1 = __builtin_shufflevector(a, b, 2, 6, 3, 7);
    const quad cd0 = __builtin_shufflevector(c, d, 0, 4, 1, 5),
               cd1 = __builtin_shufflevector(c, d, 2, 6, 3, 7);

    *(quad_loose *)dst = __builtin_shufflevector(ab0, cd0, 0, 1, 4, 5);
    *(quad_loose *)(dst + ld_dst) = __builtin_shufflevector(ab0, cd0, 2, 3, 6, 7);
    *(quad_loose *)(dst + 2 * ld_dst) = __builtin_shufflevector(ab1, cd1, 0, 1, 4, 5);
    *(quad_loose *)(dst + 3 * ld_dst) = __builtin_shufflevector(ab1, cd1, 2, 3, 6, 7);
}

static void transpose_plain(const float *src, int64_t ld_src, float *dst, int64_t ld_dst,
                            int64_t rows, int64_t cols)
{
    for (int64_t j = 0; j < cols; j++)
        for (int64_t i = 0; i < rows; i++)
            dst[j * ld_dst + i] = src[i * ld_src + j];
}

static void transpose_block(const float *src, int64_t ld_src, float *dst, int64_t ld_dst,
                            int64_t rows, int64_t cols)
{
    const int64_t r4 = rows & ~(int64_t)3, c4 = cols & ~(int64_t)3;

    for (int64_t i = 0; i < r4; i += 4)
        for (int64_t j = 0; j < c4; j += 4)
            transpose_4x4(src + i * ld_src + j, ld_src, dst + j * ld_dst + i, ld_dst);
    if (r4 < rows)
        transpose_plain(src + r4 * ld_src, ld_src, dst + r4, ld_dst, rows - r4, c4);
    if (c4 < cols)
        transpose_plain(src + c4, ld_src, dst + c4 * ld_dst, ld_dst, rows, cols - c4);
}

void LEVEL(hone_vector_transpose)(const float *src, int64_t ld_src, float *dst, int64_t ld_dst,
                                  int64_t rows, int64_t cols)
{
    if (transpose_narrow(src, ld_src, dst, ld_dst, rows, cols))
        return;
    if (rows < 4 || cols < 4) {
        transpose_plain(src, ld_src, dst, ld_dst, rows, cols);
        return;
    }
    for (int64_t i = 0; i < rows; i += BLOCK)
        for (int64_t j = 0; j < cols; j += BLOCK)
            transpose_block(src + i * ld_src + j, ld_src, dst + j * ld_dst + i, ld_dst,
                            HONE_MIN(BLOCK, rows - i), HONE_MIN(BLOCK, cols - j));
}

static float row_largest(const float *x, int64_t n)
{
    vf m = vf_splat(-INFINITY);
    int64_t i = 0;
    float largest;

    for (; i + HONE_W <= n; i += HONE_W)
        m = vf_max(vf_load(x + i), m);
    largest = vf_largest(m);
    for (; i < n; i++)
        largest = x[i] > largest ? x[i] : largest;
    return largest;
}

void LEVEL(hone_vector_softmax)(const float *x, float *y, int64_t n)
{
    const float largest = row_largest(x, n);
    vf sum = vf_splat(0.0f);
    float total;
    int64_t i = 0;

    for (; i + HONE_W <= n; i += HONE_W) {
        const vf e = vf_exp(vf_load(x + i) - largest);
        vf_store(y + i, e);
        sum += e;
    }
    total = vf_sum(sum);
    if (i < n) {
        const vf e = vf_exp(vf_load_n(x + i, n - i) - largest);
        vf_store_n(y + i, e, n - i);
        for (int64_t k = i; k < n; k++)
            total += y[k];
    }
    const float factor = 1.0f / total;
    for (i = 0; i + HONE_W <= n; i += HONE_W)
        vf_store(y + i, vf_load(y + i) * factor);
    for (; i < n; i++)
        y[i] *= factor;
}

static float row_sum(const float *x, int64_t n)
{
    vf sum = vf_splat(0.0f);
    int64_t i = 0;

    for (; i + HONE_W <= n; i += HONE_W)
        sum += vf_load(x + i);
    if (i < n)
        sum += vf_load_n(x + i, n - i);
    return vf_sum(sum);
}

static float row_square_sum(const float *x, int64_t n, float mean)
{
    vf sum = vf_splat(0.0f);
    int64_t i = 0;
    float total;

    for (; i + HONE_W <= n; i += HONE_W) {
        const vf d = vf_load(x + i) - mean;
        sum += d * d;
    }
    total = vf_sum(sum);
    for (; i < n; i++)
        total += (x[i] - mean) * (x[i] - mean);
    return total;
}

void LEVEL(hone_vector_layer_norm)(const float *x, const float *scale, const float *bias,
                                   float epsilon, float *y, int64_t n, float *mean, float *inverse)
{
    const float m = row_sum(x, n) / (float)n;
    const float inv = 1.0f / sqrtf(row_square_sum(x, n, m) / (float)n + epsilon);
    int64_t i = 0;

    for (; i + HONE_W <= n; i += HONE_W) {
        const vf z = (vf_load(x + i) - m) * inv * vf_load(scale + i);
        vf_store(y + i, bias ? z + vf_load(bias + i) : z);
    }
    for (; i < n; i++)
        y[i] = (x[i] - m) * inv * scale[i] + (bias ? bias[i] : 0.0f);
    if (mean)
        *mean = m;
    if (inverse)
        *inverse = inv;
}
