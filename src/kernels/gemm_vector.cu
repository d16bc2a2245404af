/* A contraction of at most eight rows: each warp walks along rows of w, and nothing is kept in shared memory but sums.
 *
 * With so few rows all the work is to read w once. The lanes of a warp take neighbouring pieces of a row of w, as wide
 * as its alignment allows; the first pieces are in registers before the kernel before has ended. Sums are float32, so
 * that this is an exact kernel too.
 *
 * Knobs, arguments and epilogue: docs/kernels/contraction.md. BM is the number of rows, at most; a block has WN x WK
 * warps, those along K adding up in their order; a warp has BN / WN columns; VEC elements are loaded at once, and BK is
 * 32 * WK * VEC. STAGES and SPLIT have no meaning. Limits: compute capability 7.0; one tap, w as [N, K]. */
#include "contraction.cuh"
#include "device.cuh"

constexpr int ES = sizeof(T), THREADS = 32 * WN * WK;
constexpr int COLUMNS = BN / WN;              /* of a warp */
constexpr int STEPS = (K + BK - 1) / BK;      /* pieces of a lane */
constexpr int WORDS = COLUMNS * VEC * ES / 4; /* registers of a step's w */
constexpr int ROOM = 64 / (WORDS > 0 ? WORDS : 1);
constexpr int HELD = STEPS < ROOM ? STEPS : ROOM > 0 ? ROOM : 1; /* steps whose w is in registers early */

static_assert(!HAS_GATE, "no gate is applied here");
static_assert(IS_POINT && !W_IS_KN && !A_IS_KM, "rows of a and of w lie along K");
static_assert(BK == 32 * WK * VEC && K % VEC == 0, "pieces are whole");
static_assert(BN % WN == 0 && BN % 8 == 0 && SPLIT == 1 && !CLUSTER, "as it is");

using piece = decltype(pack<VEC, T>::in);

__device__ inline piece load_piece(const T *from, bool is_there)
{
    piece p = {};
    if (is_there)
        p = *(const piece *)from;
    return p;
}

/* A warp's columns, and this lane's pieces of their rows. */
struct reader {
    const T *a, *w;
    int n, k, rows;

    __device__ reader(const arguments &x, const place &p, const extents &e)
        : a(x.a + p.offset(A_ZI, A_ZO)), w(x.w + p.offset(W_ZI, W_ZO)), n(p.n + (int)threadIdx.x / 32 % WN * COLUMNS),
          k(((int)threadIdx.x / 32 / WN * 32 + (int)threadIdx.x % 32) * VEC), rows(e.rows())
    {
    }
    __device__ void load_w(piece (&to)[COLUMNS], int step) const
    {
        const int at = step * BK + k;
#pragma unroll
        for (int c = 0; c < COLUMNS; c++)
            to[c] = load_piece(w + (i64)(n + c) * LDW + at, at < K && n + c < N);
    }
    __device__ void add(float (&sums)[BM][COLUMNS], const piece (&from)[COLUMNS], int step) const
    {
        const int at = step * BK + k;
#pragma unroll
        for (int m = 0; m < BM; m++) {
            const piece row = load_piece(a + (i64)m * LDA + at, at < K && m < rows);
#pragma unroll
            for (int c = 0; c < COLUMNS; c++)
#pragma unroll
                for (int v = 0; v < VEC; v++)
                    sums[m][c] = fmaf(to_float(row.e[v]), to_float(from[c].e[v]), sums[m][c]);
        }
    }
};

extern "C" __global__ void __launch_bounds__(THREADS)
    gemm_vector(const T *a, const T *w, const float *bias, TY *y, const void *e0, const void *e1, const void *e2,
                const void *e3, float *partial, u32 *tickets, int batch, int height, int width, int out_height,
                int out_width)
{
    const arguments x = {a,       w,     bias,   y,     {e0, e1, e2, e3}, partial,
                         tickets, batch, height, width, out_height,       out_width};
    __shared__ alignas(16) float part[WK * BM * PART_PITCH];
    float sums[BM][COLUMNS] = {};
    piece held[HELD][COLUMNS];

    let_successor_begin();
    const extents e(x);
    const place p(e.rows());
    const reader from(x, p, e);
    load_bias<THREADS>(x, p);
    if (!W_IS_CONSTANT)
        wait_for_predecessor();
#pragma unroll
    for (int i = 0; i < HELD; i++)
        from.load_w(held[i], i);
    if (W_IS_CONSTANT)
        wait_for_predecessor();
#pragma unroll
    for (int i = 0; i < HELD; i++)
        from.add(sums, held[i], i);
#pragma unroll 4
    for (int i = HELD; i < STEPS; i++) {
        piece next[COLUMNS];
        from.load_w(next, i);
        from.add(sums, next, i);
    }
    const int warp = threadIdx.x / 32;
#pragma unroll
    for (int m = 0; m < BM; m++)
#pragma unroll
        for (int c = 0; c < COLUMNS; c++) {
            float sum = sums[m][c];
#pragma unroll
            for (int far = 16; far > 0; far /= 2)
                sum += __shfl_xor_sync(0xffffffff, sum, far);
            if (threadIdx.x % 32 == 0)
                part[(warp / WN * BM + m) * PART_PITCH + warp % WN * COLUMNS + c] = sum;
        }
    __syncthreads();
    drain<BM, THREADS>(x, p, e, part, WK, 0, held_extras<BM, THREADS, false>());
}
