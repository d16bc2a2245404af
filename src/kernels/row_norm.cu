/* Normalisation of lines: by mean and variance (layer, instance, group), or by the root mean square alone; then a scale
 * and a shift. In float32. Of short lines the mean and the variance come from one pass, about a pivot; of long ones the
 * variance is taken about the mean, in a second. Constant scales of a line that is kept in registers are there before
 * the predecessor has ended.
 *
 * Knobs: T in, TS of scale and shift, TY out; N elements of a line; LINES; V, THREADS; EPSILON; IS_RMS; HAS_BIAS;
 * SPAN: elements of a line that share one scale, 1 for layer norms; GROUPS: lines whose scales follow one another;
 * ARE_CONSTANT: scale and shift. Limits: compute capability 7.0. */
#include "device.cuh"
#include "line.cuh"

constexpr bool IS_EARLY = ARE_CONSTANT && IS_KEPT && SPAN == 1;

/* Scale and shift of the thread's packs, as they lie in memory. */
struct factors {
    const TS *scale, *bias;
    decltype(pack<V, TS>::in) s[IS_EARLY ? PER_THREAD : 1], b[IS_EARLY ? PER_THREAD : 1];

    __device__ factors(const TS *scale, const TS *bias) : scale(scale), bias(bias)
    {
#pragma unroll
        for (int j = 0; j < (IS_EARLY ? PER_THREAD : 0); j++) {
            const int at = j * THREADS + threadIdx.x;
            if (at >= PACKS)
                continue;
            s[j] = ((const decltype(pack<V, TS>::in) *)scale)[at];
            if (HAS_BIAS)
                b[j] = ((const decltype(pack<V, TS>::in) *)bias)[at];
        }
    }

    /* Of the V elements from `at` on, which are the thread's of round j. */
    __device__ void load(float (&to_s)[V], float (&to_b)[V], int j, int at) const
    {
#pragma unroll
        for (int i = 0; i < V; i++)
            if constexpr (IS_EARLY) {
                to_s[i] = to_float(s[j].e[i]);
                to_b[i] = HAS_BIAS ? to_float(b[j].e[i]) : 0.0f;
            } else if constexpr (SPAN > 1) {
                to_s[i] = to_float(scale[(at + i) / SPAN]);
                to_b[i] = HAS_BIAS ? to_float(bias[(at + i) / SPAN]) : 0.0f;
            }
        if constexpr (!IS_EARLY && SPAN == 1) {
            load_pack<V, 1>(to_s, scale + at);
            if constexpr (HAS_BIAS)
                load_pack<V, 1>(to_b, bias + at);
        }
    }
};

/* What the scales multiply: (x - mean) * by. */
struct moments {
    float mean, by;
};

/* The pivot is the mean of the line's first pack. It is at most sqrt(N / V) deviations away from the line's mean, so that
 * the difference of the sums keeps its digits; the root mean square has the pivot 0. Both sums are folded at once, which
 * halves the time that is spent on waiting for other threads. */
__device__ inline moments moments_in_one_pass(line &l)
{
    constexpr int CHAINS = V < 4 ? V : 4; /* sums that do not wait for one another */
    float first[V], pivot = 0, sum[CHAINS] = {}, square[CHAINS] = {};

    if (!IS_RMS) {
        load_pack<V, 1>(first, l.from);
        for (int i = 0; i < V; i++)
            pivot += first[i] * (1.0f / V);
    }
    l.each([&](int, float(&v)[V]) {
        for (int i = 0; i < V; i++) {
            const float d = v[i] - pivot;
            sum[i % CHAINS] += d;
            square[i % CHAINS] += d * d;
        }
    });
    for (int i = 1; i < CHAINS; i++) {
        sum[0] += sum[i];
        square[0] += square[i];
    }
    const float2 all = fold_sums({sum[0], square[0]});
    const float off = IS_RMS ? 0.0f : all.x * (1.0f / N);
    return {pivot + off, rsqrtf(fmaxf(all.y * (1.0f / N) - off * off, 0.0f) + EPSILON)};
}

__device__ inline moments moments_in_two_passes(line &l)
{
    float mean = 0, square = 0;

    if (!IS_RMS) {
        l.each([&](int, float(&v)[V]) {
            for (int i = 0; i < V; i++)
                mean += v[i];
        });
        mean = fold_threads(mean, add) * (1.0f / N);
    }
    l.each([&](int, float(&v)[V]) {
        for (int i = 0; i < V; i++)
            square += (v[i] - mean) * (v[i] - mean);
    });
    return {mean, rsqrtf(fold_threads(square, add) * (1.0f / N) + EPSILON)};
}

extern "C" __global__ void __launch_bounds__(THREADS > 32 ? THREADS : 128)
    row_norm(TY *y, const T *x, const TS *scale, const TS *bias)
{
    const i64 number = (i64)blockIdx.x * blockDim.y + threadIdx.y;
    const int first = number % GROUPS * (N / SPAN);

    let_successor_begin();
    const factors by_element(scale + first, bias + first);
    wait_for_predecessor((u64)(x + number * N));
    if (number >= LINES)
        return;
    line l(x + number * N);
    const moments m = IS_KEPT && PACKS <= 256 ? moments_in_one_pass(l) : moments_in_two_passes(l);
    l.each_round([&](int j, int at, float(&v)[V]) {
        float out[V], s[V], b[V];
        by_element.load(s, b, j, at);
        for (int i = 0; i < V; i++)
            out[i] = (v[i] - m.mean) * m.by * s[i] + (HAS_BIAS ? b[i] : 0.0f);
        store_pack<V>(y + number * N + at, out);
    });
}
