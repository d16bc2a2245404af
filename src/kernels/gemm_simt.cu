/* The same contraction in exact float32 on the ordinary cores: every operand is widened to float32 when it is loaded,
 * and products are added by fused multiply-adds.
 *
 * Each thread keeps TM x TN sums; tiles of both operands lie in shared memory with K outermost, two of each, so that
 * one is filled while the other is used. Any channel count and alignment: elements are loaded four at once where rows
 * are multiples of four, else one by one.
 *
 * Knobs, arguments, grid and shared memory: docs/kernels/contraction.md. WM x WN are the threads along the tile's sides
 * here; WK and STAGES have no meaning, and CLUSTER is false. Limits: compute capability 7.0. */
#include "contraction.cuh"
#include "device.cuh"

constexpr int THREADS = WM * WN;
constexpr int TM = BM / WM, TN = BN / WN;         /* a thread's results, as quads WM * 4 and WN * 4 apart */
constexpr int A_PITCH = BM + 4, W_PITCH = BN + 4; /* floats of a row of a tile */
constexpr int A_FLOATS = BK * A_PITCH, W_FLOATS = BK * W_PITCH, STAGE_FLOATS = A_FLOATS + W_FLOATS;
constexpr int A_WIDE = !A_IS_KM && C % 4 == 0 && LDA % 4 == 0 && A_ZI % 4 == 0 && A_ZO % 4 == 0 ? 4 : 1;
constexpr int W_WIDE = (W_IS_KN ? N : K) % 4 == 0 && LDW % 4 == 0 && W_ZI % 4 == 0 && W_ZO % 4 == 0 ? 4 : 1;
constexpr int A_LINE = BK / A_WIDE; /* pieces of A_WIDE elements in a row of a tile */
constexpr int W_LINE = (W_IS_KN ? BN : BK) / W_WIDE;
constexpr int A_COPIES = BM * A_LINE / THREADS, W_COPIES = BN * BK / W_WIDE / THREADS;
constexpr int TILES = (K + BK - 1) / BK;

static_assert(BM * A_LINE % THREADS == 0 && BN * BK / W_WIDE % THREADS == 0, "every thread loads as much");
static_assert(THREADS % A_LINE == 0, "a thread stays in its columns of a tile");
static_assert(TM % 4 == 0 && TN % 4 == 0, "a thread's results are quads");
static_assert(!CLUSTER, "clusters are for the tensor cores");

template <int WIDE> __device__ inline void load_piece(float *to, const T *from, bool is_there)
{
    struct alignas(sizeof(T) * WIDE) piece {
        T e[WIDE];
    };
    piece in = {};

    if (is_there)
        in = *(const piece *)from;
#pragma unroll
    for (int i = 0; i < WIDE; i++)
        to[i] = is_there ? to_float(in.e[i]) : 0;
}

struct loader {
    const T *a, *w, *gate;
    extents e;
    int m, n;
    pixel rows[A_COPIES];
    float next_a[A_COPIES][A_WIDE], next_w[W_COPIES][W_WIDE];

    __device__ loader(const arguments &x, const place &p)
        : a(x.a + p.offset(A_ZI, A_ZO)), w(x.w + p.offset(W_ZI, W_ZO)),
          gate((const T *)x.extra[3] + p.offset(E3::zi, E3::zo)), e(x), m(p.m), n(p.n)
    {
#pragma unroll
        for (int i = 0; i < A_COPIES; i++)
            rows[i] = pixel_of<1>(p.m + (threadIdx.x + i * THREADS) / A_LINE, e);
    }

    /* Columns of a are rows in memory: neighbouring threads take neighbouring rows of the product. */
    __device__ void load_a_columns(int tile, int first, int n_rows)
    {
#pragma unroll
        for (int i = 0; i < A_COPIES; i++) {
            const int item = threadIdx.x + i * THREADS, k = tile * BK + item / BM, m = first + item % BM;
            const bool is_there = k < K && m < n_rows;
            load_piece<1>(next_a[i], a + (i64)k * LDA + m, is_there);
        }
    }

    __device__ void load_a(int tile)
    {
        if (A_IS_KM) {
            load_a_columns(tile, m, e.rows());
            return;
        }
        const int k = tile * BK + threadIdx.x % A_LINE * A_WIDE;
        const int tap = k / C, r = tap / KW, s = tap - r * KW;
#pragma unroll
        for (int i = 0; i < A_COPIES; i++) {
            const bool is_there = k < K && is_inside(rows[i], r, s, e);
            const u32 at = is_there ? rows[i].at + tap_offset<1>(rows[i], r, s, e) : 0;
            load_piece<A_WIDE>(next_a[i], a + (i64)at * LDA + (k - tap * C), is_there);
        }
        if constexpr (HAS_GATE) {
            float by[A_WIDE];
            load_piece<A_WIDE>(by, gate + k, k < K);
#pragma unroll
            for (int i = 0; i < A_COPIES; i++)
#pragma unroll
                for (int j = 0; j < A_WIDE; j++)
                    next_a[i][j] *= by[j];
        }
    }

    __device__ void load_w(int tile)
    {
#pragma unroll
        for (int i = 0; i < W_COPIES; i++) {
            const int item = threadIdx.x + i * THREADS, line = item / W_LINE, piece = item % W_LINE * W_WIDE;
            const int k = tile * BK + (W_IS_KN ? line : piece), column = n + (W_IS_KN ? piece : line);
            const bool is_there = k < K && column < N;
            load_piece<W_WIDE>(next_w[i], w + (W_IS_KN ? (i64)k * LDW + column : (i64)column * LDW + k), is_there);
        }
    }

    __device__ void store(float *stage) const
    {
#pragma unroll
        for (int i = 0; i < A_COPIES; i++)
#pragma unroll
            for (int j = 0; j < A_WIDE; j++) {
                const int item = threadIdx.x + i * THREADS;
                const int k = A_IS_KM ? item / BM : item % A_LINE * A_WIDE + j;
                stage[k * A_PITCH + (A_IS_KM ? item % BM : item / A_LINE)] = next_a[i][j];
            }
#pragma unroll
        for (int i = 0; i < W_COPIES; i++)
#pragma unroll
            for (int j = 0; j < W_WIDE; j++) {
                const int item = threadIdx.x + i * THREADS, line = item / W_LINE, piece = item % W_LINE * W_WIDE + j;
                stage[A_FLOATS + (W_IS_KN ? line : piece) * W_PITCH + (W_IS_KN ? piece : line)] = next_w[i][j];
            }
    }
};

__device__ inline void load_quads(float *to, const float *from, int n, int step)
{
#pragma unroll
    for (int i = 0; i < n; i += 4) {
        const float4 q = *(const float4 *)(from + i / 4 * step);
        to[i] = q.x, to[i + 1] = q.y, to[i + 2] = q.z, to[i + 3] = q.w;
    }
}

__device__ inline void multiply_tile(float (&acc)[TM][TN], const float *stage)
{
    const int row = threadIdx.x / WN * 4, column = threadIdx.x % WN * 4;

#pragma unroll 8
    for (int k = 0; k < BK; k++) {
        float a[TM], w[TN];
        load_quads(a, stage + k * A_PITCH + row, TM, WM * 4);
        load_quads(w, stage + A_FLOATS + k * W_PITCH + column, TN, WN * 4);
#pragma unroll
        for (int i = 0; i < TM; i++)
#pragma unroll
            for (int j = 0; j < TN; j++)
                acc[i][j] = fmaf(a[i], w[j], acc[i][j]);
    }
}

extern "C" __global__ void __launch_bounds__(THREADS)
    gemm_simt(const T *a, const T *w, const float *bias, TY *y, const void *e0, const void *e1, const void *e2,
              const void *e3, float *partial, u32 *tickets, int batch, int height, int width, int out_height,
              int out_width)
{
    const arguments x = {a,       w,     bias,   y,     {e0, e1, e2, e3}, partial,
                         tickets, batch, height, width, out_height,       out_width};
    extern __shared__ uint4 shared[];
    float *room = (float *)shared;
    float acc[TM][TN] = {};

    let_successor_begin();
    const extents e(x);
    const place p(e.rows());
    load_bias<THREADS>(x, p);
    loader from(x, p);
    const int first = p.rank * TILES / SPLIT, count = (p.rank + 1) * TILES / SPLIT - first;

    if (W_IS_CONSTANT && count > 0)
        from.load_w(first);
    wait_for_predecessor();
    if (!W_IS_CONSTANT && count > 0)
        from.load_w(first);
    if (count > 0) {
        from.load_a(first);
        from.store(room);
    }
    for (int i = 0; i < count; i++) {
        __syncthreads();
        if (i + 1 < count) {
            from.load_w(first + i + 1);
            from.load_a(first + i + 1);
        }
        multiply_tile(acc, room + i % 2 * STAGE_FLOATS);
        if (i + 1 < count)
            from.store(room + (i + 1) % 2 * STAGE_FLOATS);
    }
    __syncthreads();
    const int row = threadIdx.x / WN * 4, column = threadIdx.x % WN * 4;
#pragma unroll
    for (int i = 0; i < TM; i++)
#pragma unroll
        for (int j = 0; j < TN; j++)
            room[(row + i / 4 * WM * 4 + i % 4) * PART_PITCH + column + j / 4 * WN * 4 + j % 4] = acc[i][j];
    __syncthreads();
    drain<BM, THREADS>(x, p, e, room, 1, 0, held_extras<BM, THREADS, false>());
}
