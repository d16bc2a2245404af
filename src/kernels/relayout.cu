/* A transpose into another float type, with zeros behind the last dimension: pictures of few channels, from planes to
 * pixels that are whole pieces of memory.
 *
 * A thread writes V neighbours along the last dimension. Threads of a warp are neighbours along the dimension before it,
 * so that reads of each plane are whole lines.
 *
 * Knobs: TX, TY; RANK; DIM of the output by dimension; STEP elements of the input by dimension of the output; LAST
 * elements of the last dimension that the input has; V, which divides DIM(RANK - 1); COUNT packs; THREADS.
 * Limits: compute capability 7.0. */
#include "device.cuh"

extern "C" __global__ void __launch_bounds__(THREADS) relayout(TY *y, const TX *x)
{
    constexpr index_t PACKS = DIM(RANK - 1) / V;
    const index_t number = (index_t)blockIdx.x * THREADS + threadIdx.x;
    const index_t first = number % PACKS * V;
    index_t rest = number / PACKS, from = 0;
    float v[V];

    let_successor_begin();
    wait_for_predecessor();
    if (number >= COUNT)
        return;
#pragma unroll
    for (int d = RANK - 2; d >= 0; d--) {
        const index_t n = DIM(d), i = d ? rest % n : rest;
        rest /= n;
        from += i * (index_t)STEP(d);
    }
#pragma unroll
    for (int k = 0; k < V; k++)
        v[k] = first + k < LAST ? to_float(x[from + (first + k) * (index_t)STEP(RANK - 1)]) : 0.0f;
    store_pack<V>(y + number * V, v);
}
