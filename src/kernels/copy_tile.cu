/* A transposition in tiles (tile.cuh) that does not look at its elements.
 *
 * Knobs: word; RANK; DIM and STEP by dimension of the (dense) output; ALONG; ALONG_PITCH elements of the output from one
 * index of ALONG to the next. Limits: compute capability 7.0. */
#include "device.cuh"
#include "tile.cuh"

extern "C" __global__ void __launch_bounds__(SIDE * LINES) copy_tile(word *y, const word *x)
{
    transpose_tile<word>([&](i64 at, i64) { return x[at]; }, [&](i64 at, word v) { y[at] = v; });
}
