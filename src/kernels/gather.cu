/* Slices of a tensor by index along one axis. Every thread moves one word of a slice.
 *
 * Knobs: word; index, the indices' type; WORDS of a slice; AXIS extent; INDICES to an outer step; COUNT words in all;
 * THREADS. Negative indices count from the end. What lies outside is brought to the nearest end, so that nothing outside
 * the tensor is read. Limits: compute capability 7.0. */
#include "device.cuh"

extern "C" __global__ void __launch_bounds__(THREADS) gather(word *y, const word *x, const index *which)
{
    const index_t number = (index_t)blockIdx.x * THREADS + threadIdx.x;

    let_successor_begin();
    wait_for_predecessor();
    if (number >= COUNT)
        return;
    const index_t place = number / WORDS, outer = place / INDICES;
    i64 i = which[place % INDICES];
    i = min(max(i < 0 ? i + AXIS : i, (i64)0), (i64)AXIS - 1);
    y[number] = x[((i64)outer * AXIS + i) * WORDS + number % WORDS];
}
