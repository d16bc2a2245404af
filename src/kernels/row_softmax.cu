/* Softmax and its logarithm over lines: exp(x - max) / sum(exp(x - max)), in float32.
 *
 * Where the axis is contiguous, THREADS threads have a line, read once where it fits into registers. Else every thread
 * has a line of its own and neighbouring threads neighbouring lines.
 *
 * Knobs: T in, TY out; N elements of a line; INNER elements between neighbours of a line; LINES; V, THREADS; IS_LOG.
 * A line of -inf gives NaN, as in ONNX. Limits: compute capability 7.0. */
#include "device.cuh"
#include "line.cuh"

__device__ inline float finish(float x, float most, float sum)
{
    return IS_LOG ? x - most - sum : __expf(x - most) * sum; /* of sums: the logarithm, or the reciprocal */
}

__device__ inline float of_sum(float sum)
{
    return IS_LOG ? logf(sum) : 1.0f / sum;
}

__device__ inline void along(TY *y, const T *x)
{
    const i64 number = (i64)blockIdx.x * blockDim.y + threadIdx.y;
    if (number >= LINES)
        return;
    line l(x + number * N);
    float most = -__int_as_float(0x7f800000), sum = 0;

    l.each([&](int, float(&v)[V]) {
        for (int i = 0; i < V; i++)
            most = larger(most, v[i]);
    });
    most = fold_threads(most, larger);
    l.each([&](int, float(&v)[V]) {
        for (int i = 0; i < V; i++)
            sum += __expf(v[i] - most);
    });
    sum = of_sum(fold_threads(sum, add));
    l.each([&](int at, float(&v)[V]) {
        float out[V];
        for (int i = 0; i < V; i++)
            out[i] = finish(v[i], most, sum);
        store_pack<V>(y + number * N + at, out);
    });
}

__device__ inline void across(TY *y, const T *x)
{
    const i64 number = (i64)blockIdx.x * THREADS + threadIdx.x;
    if (number >= LINES)
        return;
    const i64 at = number / INNER * (i64)INNER * N + number % INNER;
    float most = -__int_as_float(0x7f800000), sum = 0;

    for (int k = 0; k < N; k++)
        most = larger(most, to_float(x[at + (i64)k * INNER]));
    for (int k = 0; k < N; k++)
        sum += __expf(to_float(x[at + (i64)k * INNER]) - most);
    sum = of_sum(sum);
    for (int k = 0; k < N; k++)
        from_float(finish(to_float(x[at + (i64)k * INNER]), most, sum), y[at + (i64)k * INNER]);
}

extern "C" __global__ void __launch_bounds__(THREADS > 32 ? THREADS : 128) row_softmax(TY *y, const T *x)
{
    let_successor_begin();
    wait_for_predecessor();
    if constexpr (INNER == 1)
        along(y, x);
    else
        across(y, x);
}
