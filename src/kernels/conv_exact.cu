/* The contraction in exact float32 on the ordinary cores, with the ring, the splits and the early weights of
 * conv_implicit_gemm: rows of whole 16 bytes, float32 alone. gemm_simt takes what this one does not.
 *
 * A lane has eight rows and four pairs of columns of every 64 x 32 results of a warp, in steps of eight: the rows of a
 * quarter of a warp lie in eight bank groups. Four neighbours along K of a row are one load.
 *
 * Knobs, arguments, grid and shared memory: docs/kernels/contraction.md. Limits: compute capability 8.0. */
#include "contraction.cuh"
#include "device.cuh"
#include "ring.cuh"

constexpr int MR = TM / 8, NP = TN / 8; /* a lane's rows and pairs of columns */

static_assert(ES == 4, "float32");
static_assert(BM % (8 * WM) == 0 && BN % (8 * WN) == 0, "a warp's tile is whole pieces of 8 x 8");
static_assert(CHUNKS % WK == 0, "K of a tile is split evenly over the warps");

__device__ inline float4 load_four(u32 at)
{
    float4 v;
    asm volatile("ld.shared.v4.f32 {%0, %1, %2, %3}, [%4];" : "=f"(v.x), "=f"(v.y), "=f"(v.z), "=f"(v.w) : "r"(at));
    return v;
}

/* Four neighbours along K of a pair of columns, [k][column]. */
__device__ inline void load_pair(float (&w)[4][2], u32 at, int column, int chunk)
{
    if constexpr (!W_IS_KN) {
#pragma unroll
        for (int b = 0; b < 2; b++) {
            const float4 v = load_four(at + swizzled<CHUNKS>(column + b, chunk));
            w[0][b] = v.x, w[1][b] = v.y, w[2][b] = v.z, w[3][b] = v.w;
        }
    } else {
#pragma unroll
        for (int k = 0; k < 4; k++) {
            const u32 pair = at + swizzled<N_CHUNKS>(chunk * 4 + k, column / 4) + column % 4 * 4;
            asm volatile("ld.shared.v2.f32 {%0, %1}, [%2];" : "=f"(w[k][0]), "=f"(w[k][1]) : "r"(pair));
        }
    }
}

/* This warp's share of one tile. */
__device__ inline void multiply_tile(float (&acc)[MR][NP][2], u32 at, const warp &me, const refiller &refill)
{
    const int row = me.m * TM + (int)threadIdx.x % 8, column = me.n * TN + (int)threadIdx.x / 8 % 4 * 2;

#pragma unroll 2
    for (int chunk = me.k; chunk < CHUNKS; chunk += WK) {
        float4 a[MR];
#pragma unroll
        for (int i = 0; i < MR; i++)
            a[i] = load_four(at + swizzled<CHUNKS>(row + i * 8, chunk));
        if constexpr (HAS_GATE) {
            const float4 by = load_four(shared_address(gate_row + refill.chunk() + chunk));
#pragma unroll
            for (int i = 0; i < MR; i++)
                a[i].x *= by.x, a[i].y *= by.y, a[i].z *= by.z, a[i].w *= by.w;
        }
        if (chunk == me.k)
            refill();
#pragma unroll
        for (int j = 0; j < NP; j++) {
            float w[4][2];
            load_pair(w, at + A_BYTES, column + j * 8, chunk);
#pragma unroll
            for (int i = 0; i < MR; i++)
#pragma unroll
                for (int b = 0; b < 2; b++) {
                    float &sum = acc[i][j][b];
                    sum = fmaf(a[i].x, w[0][b], sum);
                    sum = fmaf(a[i].y, w[1][b], sum);
                    sum = fmaf(a[i].z, w[2][b], sum);
                    sum = fmaf(a[i].w, w[3][b], sum);
                }
        }
    }
}

/* Puts the warp's sums where drain() finds them. */
__device__ inline void hand_over(const float (&acc)[MR][NP][2], u32 part, const place &p, const warp &me)
{
    const int slot = (CLUSTER ? p.rank * WK : 0) + me.k;
    const int row = me.m * TM + (int)threadIdx.x % 8, column = me.n * TN + (int)threadIdx.x / 8 % 4 * 2;

#pragma unroll
    for (int i = 0; i < MR; i++)
#pragma unroll
        for (int j = 0; j < NP; j++)
            put_pair(part, slot, row + i * 8, column + j * 8, acc[i][j][0], acc[i][j][1]);
}

extern "C" __global__ void __launch_bounds__(THREADS)
    conv_exact(const T *a, const T *w, const float *bias, TY *y, const void *e0, const void *e1, const void *e2,
               const void *e3, float *partial, u32 *tickets, int batch, int height, int width, int out_height,
               int out_width)
{
    const arguments x = {a,       w,     bias,   y,     {e0, e1, e2, e3}, partial,
                         tickets, batch, height, width, out_height,       out_width};
    float acc[MR][NP][2] = {};
    const warp me;

    run_block(
        x,
        [&](const loader &from, const place &p, extras_of_block &extras) {
            run_ring(x, from, p, extras, [&](u32 at, const refiller &refill) { multiply_tile(acc, at, me, refill); });
        },
        [&](u32 part, const place &p) { hand_over(acc, part, p, me); });
}
