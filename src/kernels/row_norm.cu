/* Normalisation of lines: by mean and variance (layer, instance, group), or by the root mean square alone; then a scale
 * and a shift. In float32; the variance is taken about the mean, in a second pass over registers.
 *
 * Knobs: T in, TS of scale and shift, TY out; N elements of a line; LINES; V, THREADS; EPSILON; IS_RMS; HAS_BIAS;
 * SPAN: elements of a line that share one scale, 1 for layer norms; GROUPS: lines whose scales follow one another.
 * Limits: compute capability 7.0. */
#include "device.cuh"
#include "line.cuh"

extern "C" __global__ void __launch_bounds__(THREADS > 32 ? THREADS : 128)
    row_norm(TY *y, const T *x, const TS *scale, const TS *bias)
{
    const i64 number = (i64)blockIdx.x * blockDim.y + threadIdx.y;

    let_successor_begin();
    wait_for_predecessor();
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
    const int first = number % GROUPS * (N / SPAN);
    l.each([&](int at, float(&v)[V]) {
        float out[V], s[V], b[V];
        if constexpr (SPAN == 1) {
            load_pack<V, 1>(s, scale + first + at);
            if constexpr (HAS_BIAS)
                load_pack<V, 1>(b, bias + first + at);
        } else {
            for (int i = 0; i < V; i++) {
                s[i] = to_float(scale[first + (at + i) / SPAN]);
                b[i] = HAS_BIAS ? to_float(bias[first + (at + i) / SPAN]) : 0;
            }
        }
        for (int i = 0; i < V; i++)
            out[i] = (v[i] - mean) * by * s[i] + (HAS_BIAS ? b[i] : 0.0f);
        store_pack<V>(y + number * N + at, out);
    });
}
