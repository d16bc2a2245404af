/* The first layer of an image network in exact float32: what stem.cu does, without tensor cores.
 *
 * Tiles, patch and maxima are those of stem.cu. A thread has every WM-th sum of the tile and eight of its channels, four
 * and four so that the threads beside it read whole lines of weights. Weights lie in shared memory as [KH][KW][C][BN].
 *
 * Knobs: those of stem.cu with T = float; WM, WN: threads along sums and channels, BN = 8 WN; IS_ROUNDED: false.
 * Limits: compute capability 7.0. */
constexpr int THREADS = WM * WN;
constexpr int TAPS = KW;
#include "stem.cuh"

constexpr int MT = (SUMS + WM - 1) / WM; /* sums of a thread */
constexpr int WEIGHTS = KH * KW * C * BN;

__device__ inline void load_weights(float *to, const float *w)
{
    const float4 *from = (const float4 *)(w + (i64)blockIdx.y * WEIGHTS);

    for (int i = threadIdx.x; i < WEIGHTS / 4; i += THREADS)
        ((float4 *)to)[i] = __ldg(from + i);
}

struct place {
    int m, n; /* first sum, first channel of four; four more are BN / 2 further on */
    const quad *a[MT];
    const float *b;

    __device__ place(const quad *patch, const float *weights)
        : m(threadIdx.x / WN), n(threadIdx.x % WN * 4), b(weights + n)
    {
#pragma unroll
        for (int i = 0; i < MT; i++) {
            const int row = min(m + i * WM, SUMS - 1);
            a[i] = patch + row / SUM_W * SH * PATCH_W + row % SUM_W * SW;
        }
    }
    __device__ int channel(int k) const
    {
        return n + k % 4 + k / 4 * (BN / 2);
    }
};

__device__ inline void multiply_tap(float (&acc)[MT][8], const place &me, int from, const float *w)
{
    quad a[MT];

#pragma unroll
    for (int i = 0; i < MT; i++)
        a[i].all = me.a[i][from].all;
#pragma unroll
    for (int c = 0; c < C; c++) {
        const float4 lo = *(const float4 *)(w + c * BN), hi = *(const float4 *)(w + c * BN + BN / 2);
        const float b[8] = {lo.x, lo.y, lo.z, lo.w, hi.x, hi.y, hi.z, hi.w};
#pragma unroll
        for (int i = 0; i < MT; i++)
#pragma unroll
            for (int k = 0; k < 8; k++)
                acc[i][k] += a[i].e[c] * b[k];
    }
}

__device__ inline void multiply_all(float (&acc)[MT][8], const place &me)
{
#pragma unroll 1
    for (int r = 0; r < KH; r++)
#pragma unroll
        for (int s = 0; s < KW; s++)
            multiply_tap(acc, me, r * DH * PATCH_W + s * DW, me.b + (r * KW + s) * C * BN);
}

__device__ inline void hand_over(TY *stage, const float (&acc)[MT][8], const place &me, const operands &o)
{
#pragma unroll
    for (int k = 0; k < 8; k += 2) {
        const int n = me.channel(k), first = blockIdx.y * BN + n;
        const channel_operands even(o, first), odd(o, first + 1);
#pragma unroll
        for (int i = 0; i < MT; i++)
            if (me.m + i * WM < SUMS)
                store_pair(stage + (me.m + i * WM) * STAGE_PITCH + n, even.finished(acc[i][k]),
                           odd.finished(acc[i][k + 1]));
    }
}

extern "C" __global__ void __launch_bounds__(THREADS)
    stem_simt(const TX *x, const T *w, const float *bias, TY *y, const void *e0, const void *e1, const void *e2,
              const void *e3)
{
    extern __shared__ uint4 shared[];
    quad *const patch = (quad *)shared;
    float *const weights = (float *)(patch + PATCH);
    TY *const stage = (TY *)(weights + WEIGHTS);
    const operands o = {{e0, e1, e2, e3}};
    const place me(patch, weights);
    float bias_here[8] = {};
    share mine;

    let_successor_begin();
    load_weights(weights, w);
    if (HAS_BIAS)
        for (int k = 0; k < 8; k++)
            bias_here[k] = __ldg(bias + blockIdx.y * BN + me.channel(k));
    wait_for_predecessor();
    if (IS_HELD)
        mine.request(x, tile(blockIdx.x), 0);
    for (int number = blockIdx.x; number < TILES; number += gridDim.x) {
        const tile at(number);
        float acc[MT][8];
        for (int i = 0; i < MT; i++)
            for (int k = 0; k < 8; k++)
                acc[i][k] = bias_here[k];
        mine.put(patch, x, at);
        __syncthreads();
        if (IS_HELD && number + gridDim.x < TILES)
            mine.request(x, tile(number + gridDim.x), 0);
        multiply_all(acc, me);
        hand_over(stage, acc, me, o);
        __syncthreads();
        drain(y, stage, at);
    }
}
