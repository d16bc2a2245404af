/* Convolution, product and batched product on the tensor cores: one tile of the result a block, K streamed through a
 * ring of swizzled tiles in shared memory.
 *
 * y[m, n] = epilogue(alpha * sum over k of a[m, k] * w[n, k] + bias[n], extras): row m is an output pixel, k runs over
 * (tap, channel), and a[m, k] is read where it lies in the NHWC input; a 1 x 1 convolution and a product are the case
 * of one tap. The weights do not depend on the kernel before, so they are requested before it has ended. K can be split
 * over the warps of a block (WK), the blocks of a cluster or the grid (SPLIT); sums are added in one order always.
 *
 * The idea of the small tiles, the splits and the early weights: with one image a layer is 2 to 5 us, most of it
 * latency, and only many small blocks that begin early fill a GPU. Fragments and the swizzle follow the PTX manual.
 *
 * Knobs, arguments, grid and shared memory: docs/kernels/contraction.md.
 * Limits: compute capability 8.0; rows (C, LDA, LDW, and N where W_IS_KN) of whole 16 bytes, aligned to 16 bytes. */
#include "contraction.cuh"
#include "device.cuh"
#include "ring.cuh"

constexpr int MT = TM / 16, NT = TN / 8; /* a warp's tile in fragments */
constexpr int STEPS = CHUNKS / 2;        /* products along K in a tile: 32 bytes each */

static_assert(BM % (16 * WM) == 0 && BN % (16 * WN) == 0, "a warp's tile is at least 16 x 16");
static_assert(STEPS % WK == 0 && STEPS > 0, "K of a tile is split evenly over the warps");

/* Fragments of 16 columns of w: {b0, b1} of the first eight, then of the others. */
__device__ inline void load_w_fragments(u32 (&f)[4], u32 at, int column, int step)
{
    const int lane = threadIdx.x % 32;

    if constexpr (!W_IS_KN) {
        const int row = column + lane % 8 + lane / 16 * 8, c = step * 2 + lane / 8 % 2;
        load_matrices(f, at + swizzled<CHUNKS>(row, c));
    } else if constexpr (ES == 2) {
        const int row = step * 16 + lane % 16, c = column / LANES + lane / 16;
        load_matrices_transposed(f, at + swizzled<N_CHUNKS>(row, c));
    } else {
#pragma unroll
        for (int i = 0; i < 4; i++) {
            const int row = step * 8 + lane % 4 + i % 2 * 4, col = column + i / 2 * 8 + lane / 4;
            const u32 word = at + swizzled<N_CHUNKS>(row, col / LANES) + col % LANES * 4;
            asm volatile("ld.shared.b32 %0, [%1];" : "=r"(f[i]) : "r"(word) : "memory");
        }
    }
    round_fragment<T>(f);
}

/* The operands of one product step of a warp. */
struct fragments {
    u32 a[MT][4], w[NT / 2][4];

    /* first: the tile's first chunk of K. */
    __device__ void load(u32 at, const warp &me, int first, int step)
    {
        const int lane = threadIdx.x % 32;
        const u32 *gates = (const u32 *)(gate_row + first + step * 2) + lane % 4;
#pragma unroll
        for (int j = 0; j < MT; j++) {
            load_matrices(a[j], at + swizzled<CHUNKS>(me.m * TM + j * 16 + lane % 16, step * 2 + lane / 16));
            if constexpr (HAS_GATE)
                for (int i = 0; i < 4; i++)
                    a[j][i] = multiply_pair(a[j][i], gates[i / 2 * 4], T());
            round_fragment<T>(a[j]);
        }
#pragma unroll
        for (int j = 0; j < NT / 2; j++)
            load_w_fragments(w[j], at + A_BYTES, me.n * TN + j * 16, step);
    }
};

/* This warp's share of one tile. `refill` is called while the first fragments are on their way, and the fragments of a
 * step are requested before the products of the one before. */
__device__ inline void multiply_tile(float (&acc)[MT][NT][4], u32 at, const warp &me, const refiller &refill)
{
    fragments f[2];

    f[0].load(at, me, refill.chunk(), me.k);
    refill();
#pragma unroll
    for (int i = 0; i < STEPS / WK; i++) {
        const fragments &now = f[i % 2];
        if (i + 1 < STEPS / WK)
            f[(i + 1) % 2].load(at, me, refill.chunk(), me.k + (i + 1) * WK);
#pragma unroll
        for (int j = 0; j < MT; j++)
#pragma unroll
            for (int l = 0; l < NT; l++)
                multiply(acc[j][l], now.a[j], now.w[l / 2][l % 2 * 2], now.w[l / 2][l % 2 * 2 + 1], T());
    }
}

/* Puts the warp's sums where drain() finds them. */
__device__ inline void hand_over(const float (&acc)[MT][NT][4], u32 part, const place &p, const warp &me)
{
    const int lane = threadIdx.x % 32, slot = (CLUSTER ? p.rank * WK : 0) + me.k;

#pragma unroll
    for (int i = 0; i < MT; i++)
#pragma unroll
        for (int half = 0; half < 2; half++) {
            const int row = me.m * TM + i * 16 + half * 8 + lane / 4;
#pragma unroll
            for (int j = 0; j < NT; j++)
                put_pair(part, slot, row, me.n * TN + lane % 4 * 2 + j * 8, acc[i][j][half * 2], acc[i][j][half * 2 + 1]);
        }
}

extern "C" __global__ void __launch_bounds__(THREADS)
    conv_implicit_gemm(const T *a, const T *w, const float *bias, TY *y, const void *e0, const void *e1, const void *e2,
                       const void *e3, float *partial, u32 *tickets, int batch, int height, int width, int out_height,
                       int out_width)
{
    const arguments x = {a,       w,     bias,   y,     {e0, e1, e2, e3}, partial,
                         tickets, batch, height, width, out_height,       out_width};
    float acc[MT][NT][4] = {};
    const warp me;

    run_block(
        x,
        [&](const loader &from, const place &p, extras_of_block &extras) {
            run_ring(x, from, p, extras, [&](u32 at, const refiller &refill) { multiply_tile(acc, at, me, refill); });
        },
        [&](u32 part, const place &p) { hand_over(acc, part, p, me); });
}
