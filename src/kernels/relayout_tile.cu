/* A transposition in tiles (tile.cuh) into another float type, with zeros behind the last dimension.
 *
 * Knobs: TX, TY; RANK; DIM of the (dense) output and STEP elements of the input by its dimension; LAST elements of the
 * last dimension that the input has; ALONG; ALONG_PITCH elements of the output from one index of ALONG to the next.
 * Limits: compute capability 7.0. */
#include "device.cuh"
#include "tile.cuh"

extern "C" __global__ void __launch_bounds__(SIDE * LINES) relayout_tile(TY *y, const TX *x)
{
    transpose_tile<float>([&](i64 at, i64 last) { return last < LAST ? to_float(x[at]) : 0.0f; },
                          [&](i64 at, float v) { from_float(v, y[at]); });
}
