/* A depthwise convolution, channels last: every channel with its own small window; bias and an epilogue program behind.
 *
 * A thread has V channels of ALONG neighbouring pixels of a row, so that what their windows share is loaded once.
 * Weights are [KH, KW, C].
 *
 * Knobs: T of x and w, TB of the bias, TY; C; H, W, OH, OW; KH, KW; SH, SW; DH, DW; PH, PW; V; ALONG; HAS_BIAS; COUNT threads
 * with work; THREADS; the program and its further inputs by gpu/region.c. Limits: compute capability 7.0. */
#include "device.cuh"

constexpr int SPAN = (ALONG - 1) * SW + (KW - 1) * DW + 1; /* input pixels of a row under a thread's windows */
constexpr int PIECES = (OW + ALONG - 1) / ALONG;

/* One row of the window into all sums. */
__device__ inline void add_row(float (&a)[ALONG][V], const T *x, const T *w, int x0)
{
    float taps[KW][V];

#pragma unroll
    for (int k = 0; k < KW; k++)
        load_pack<V, 1>(taps[k], w + k * C);
#pragma unroll
    for (int i = 0; i < SPAN; i++) {
        float v[V];
        if ((u32)(x0 + i) >= (u32)W)
            continue;
        load_pack<V, 1>(v, x + (i64)i * C);
#pragma unroll
        for (int p = 0; p < ALONG; p++) {
            const int k = (i - p * SW) / DW;
            if (i >= p * SW && (i - p * SW) % DW == 0 && k < KW)
#pragma unroll
                for (int c = 0; c < V; c++)
                    a[p][c] += v[c] * taps[k][c];
        }
    }
}

extern "C" __global__ void __launch_bounds__(THREADS)
    depthwise(TY *y, const T *x, const T *w, const TB *bias, const region_inputs in)
{
    const index_t number = (index_t)blockIdx.x * THREADS + threadIdx.x;
    constexpr int PACKS = C / V;

    let_successor_begin();
    wait_for_predecessor();
    if (number >= COUNT)
        return;
    const int c = number % PACKS * V;
    index_t rest = number / PACKS;
    const int ow = rest % PIECES * ALONG;
    rest /= PIECES;
    const int oh = rest % OH, x0 = ow * SW - PW;
    const i64 picture = rest / OH;
    float a[ALONG][V];

    for (int p = 0; p < ALONG; p++)
        if constexpr (HAS_BIAS)
            load_pack<V, 1>(a[p], bias + c);
        else
            for (int i = 0; i < V; i++)
                a[p][i] = 0;
#pragma unroll
    for (int k = 0; k < KH; k++) {
        const int row = oh * SH - PH + k * DH;
        if ((u32)row < (u32)H)
            add_row(a, x + ((picture * H + row) * W + x0) * C + c, w + k * KW * C + c, x0);
    }
    for (int p = 0; p < ALONG; p++)
        if (ow + p < OW) {
            const i64 at = ((picture * OH + oh) * OW + ow + p) * PACKS + c / V;
            region_at(in, (index_t)at, a[p]);
            store_pack<V>(y + at * V, a[p]);
        }
}
