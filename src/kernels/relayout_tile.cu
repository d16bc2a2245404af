/* A transpose into another float type, with zeros behind the last dimension, through shared memory: reads run along the
 * dimension ALONG, which is contiguous in the input, writes along the last, so that both are whole lines of memory.
 *
 * A block of 32 x 8 threads moves a tile of 32 x 32 elements; a column of padding keeps its columns in different banks.
 *
 * Knobs: TX, TY; RANK; DIM of the (dense) output and STEP elements of the input by its dimension; LAST elements of the
 * last dimension that the input has; ALONG; ALONG_PITCH elements of the output from one index of ALONG to the next.
 * Limits: compute capability 7.0. */
#include "device.cuh"

constexpr int SIDE = 32, LINES = 8;

extern "C" __global__ void __launch_bounds__(SIDE * LINES) relayout_tile(TY *y, const TX *x)
{
    __shared__ float tile[SIDE][SIDE + 1];
    constexpr i64 WIDTH = DIM(RANK - 1), HEIGHT = DIM(ALONG);
    const int tiles_w = (WIDTH + SIDE - 1) / SIDE, tiles_h = (HEIGHT + SIDE - 1) / SIDE;
    u32 rest = blockIdx.x;
    const i64 w0 = (i64)(rest % tiles_w) * SIDE;
    rest /= tiles_w;
    const i64 h0 = (i64)(rest % tiles_h) * SIDE;
    rest /= tiles_h;
    i64 from = 0, to = 0, pitch = WIDTH;

    let_successor_begin();
    wait_for_predecessor();
#pragma unroll
    for (int d = RANK - 2; d >= 0; d--) {
        const u32 n = (u32)DIM(d);
        if (d != ALONG) {
            const u32 i = rest % n;
            rest /= n;
            from += i * STEP(d);
            to += i * pitch;
        }
        pitch *= n;
    }
    for (int k = threadIdx.y; k < SIDE; k += LINES)
        if (w0 + k < WIDTH && h0 + threadIdx.x < HEIGHT)
            tile[k][threadIdx.x] =
                w0 + k < LAST ? to_float(x[from + (w0 + k) * STEP(RANK - 1) + h0 + threadIdx.x]) : 0.0f;
    __syncthreads();
    for (int k = threadIdx.y; k < SIDE; k += LINES)
        if (h0 + k < HEIGHT && w0 + threadIdx.x < WIDTH)
            from_float(tile[threadIdx.x][k], y[to + (h0 + k) * ALONG_PITCH + w0 + threadIdx.x]);
}
