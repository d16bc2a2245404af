/* A transposition through shared memory, for kernels with the knobs RANK, DIM, STEP, ALONG and ALONG_PITCH: reads run along
 * the dimension ALONG, which is contiguous in the input, writes along the last, which is contiguous in the output, so
 * that both are whole lines of memory. A block of SIDE x LINES threads moves a tile of SIDE x SIDE elements; a column of
 * padding keeps its columns in different banks. */
constexpr int SIDE = 32, LINES = 8;

/* Brings elements as E: load(place in the input, index along the last dimension), store(place in the output, element). */
template <typename E, typename L, typename S> __device__ inline void transpose_tile(L load, S store)
{
    __shared__ E tile[SIDE][SIDE + 1];
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
            tile[k][threadIdx.x] = load(from + (w0 + k) * STEP(RANK - 1) + h0 + threadIdx.x, w0 + k);
    __syncthreads();
    for (int k = threadIdx.y; k < SIDE; k += LINES)
        if (h0 + k < HEIGHT && w0 + threadIdx.x < WIDTH)
            store(to + (h0 + k) * ALONG_PITCH + w0 + threadIdx.x, tile[threadIdx.x][k]);
}
