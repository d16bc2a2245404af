/* A pointwise program over any number of inputs, each broadcast by its own constant strides.
 *
 * A thread computes V neighbours along the innermost dimension. The program, the inputs' types and the index map are
 * written before this text by gpu/region.c: region_inputs, region_at, index_t.
 *
 * Knobs: TY the output's type; V; COUNT packs of V; THREADS. Limits: compute capability 7.0. */
#include "device.cuh"

extern "C" __global__ void __launch_bounds__(THREADS) pointwise(TY *y, const region_inputs in)
{
    const index_t at = (index_t)blockIdx.x * THREADS + threadIdx.x;

    let_successor_begin();
    wait_for_predecessor();
    if (at >= COUNT)
        return;
    float v[V];
    region_at(in, at, v);
    store_pack<V>(y + at * V, v);
}
