/* conv_implicit_gemm on the warpgroup products of compute capability 9.0, for few rows: the operands stay in shared
 * memory, where the ring's swizzle is the one that these products read, and no warp loads fragments.
 *
 * Four warps have 64 rows and all columns of a tile. With WK = 2 other four take every other half of K in a tile. While
 * the products of a tile are under way those of the next are begun, so that a slot of the ring is free a tile later.
 *
 * Knobs, arguments, grid and shared memory: docs/kernels/contraction.md.
 * Limits: compute capability 9.0 alone; f16 and bf16; rows (C, LDA, LDW) of whole 16 bytes; weights [N, K]. */
#include "contraction.cuh"
#include "device.cuh"
#include "ring.cuh"
#include "wgmma.cuh"

constexpr int STEPS = 4 / WK; /* products of 32 bytes along K of a warp in a tile */

static_assert(!HAS_GATE, "no gate is applied here");
static_assert(ES == 2 && BK * ES == 128 && !W_IS_KN, "a tile's rows are lines of the swizzle");
static_assert(WM % 4 == 0 && BM == 16 * WM && WN == 1, "four warps have 64 rows and all columns");
static_assert(WK == 1 || WK == 2 || WK == 4, "K of a tile is split evenly over the warpgroups");
static_assert(STAGES >= 3, "two tiles are computed while others arrive");

/* Begins this warp's share of one tile; that of the tile before is done afterwards. */
__device__ inline void multiply_tile(float (&acc)[BN / 2], u32 at, const warp &me, const refiller &refill)
{
    const u64 a = swizzled_tile(at + me.m / 4 * (64 * 128)) + me.k * STEPS * 2;
    const u64 w = swizzled_tile(at + A_BYTES) + me.k * STEPS * 2;

    show_stores_to_products();
    products_begin();
#pragma unroll
    for (int i = 0; i < STEPS; i++)
        multiply_tiles<T>(acc, a + i * 2, w + i * 2, 1);
    products_commit();
    refill();
    products_wait<1>();
}

/* Puts the warp's sums where drain() finds them. */
__device__ inline void hand_over(const float (&acc)[BN / 2], u32 part, const place &p, const warp &me)
{
    const int lane = threadIdx.x % 32, slot = (CLUSTER ? p.rank * WK : 0) + me.k;

#pragma unroll
    for (int half = 0; half < 2; half++) {
        const int row = me.m * 16 + half * 8 + lane / 4;
#pragma unroll
        for (int j = 0; j < BN / 8; j++)
            put_pair(part, slot, row, lane % 4 * 2 + j * 8, acc[j * 4 + half * 2], acc[j * 4 + half * 2 + 1]);
    }
}

extern "C" __global__ void __launch_bounds__(THREADS)
    conv_warpgroup(const T *a, const T *w, const float *bias, TY *y, const void *e0, const void *e1, const void *e2,
                   const void *e3, float *partial, u32 *tickets, int batch, int height, int width, int out_height,
                   int out_width)
{
    const arguments x = {a,       w,     bias,   y,     {e0, e1, e2, e3}, partial,
                         tickets, batch, height, width, out_height,       out_width};
    float acc[BN / 2] = {};
    const warp me;

    run_block(
        x,
        [&](const loader &from, const place &p, extras_of_block &extras) {
            run_ring<2>(x, from, p, extras, [&](u32 at, const refiller &refill) { multiply_tile(acc, at, me, refill); });
            products_wait<0>();
            sums_are_there(acc);
        },
        [&](u32 part, const place &p) { hand_over(acc, part, p, me); });
}
