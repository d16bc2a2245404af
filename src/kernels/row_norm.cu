/* Normalisation of lines: by mean and variance (layer, instance, group), or by the root mean square alone; then a scale
 * and a shift. In float32; the variance is taken about the mean, in a second pass over registers. Constant scales of a
 * line that is kept in registers are there before the predecessor has ended.
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
    float mean = 0, square = 0;
    if (!IS_RMS) {
        l.each([&](int, float(&v)[V]) {
            for (int i = 0; i < V; i++)
                mean += v[i];
        });
        mean = fold_threads(mean, add) / N;
    }
    l.each([&](int, float(&v)[V]) {
        for (int i = 0; i < V; i++)
            square += (v[i] - mean) * (v[i] - mean);
    });
    const float by = rsqrtf(fold_threads(square, add) / N + EPSILON);
    l.each_round([&](int j, int at, float(&v)[V]) {
        float out[V], s[V], b[V];
        by_element.load(s, b, j, at);
        for (int i = 0; i < V; i++)
            out[i] = (v[i] - mean) * by * s[i] + (HAS_BIAS ? b[i] : 0.0f);
        store_pack<V>(y + number * N + at, out);
    });
}
