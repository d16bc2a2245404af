/* The first layer of an image network on tensor cores: a convolution of a picture with up to four channels, read as the
 * user has it and converted, bias, program, and a maximum over windows behind, in one kernel.
 *
 * A block computes a tile of TH x TW pixels of y. The part of the picture under it goes into shared memory as quads, the
 * four channels of a pixel (those that are not there are zero). K runs over tap row, tap column (filled up to a multiple of
 * four with weights of zero), channel, so that what a lane reads for a step is at an address known but for one register.
 * Weights are the left factor, sums (eight a fragment) the right one: fragments are then what loads give, without a move
 * from register to register. All weights lie in shared memory, a row a channel; of sixteen rows the even channels stand
 * first, so that a lane's sums are neighbours in y. Sums meet in shared memory, where the maxima are taken. Blocks go on to
 * further tiles where there are fewer of them than tiles.
 *
 * Knobs: TX, T, TY: elements of x, of products (float: tf32), of y; BATCH; C; H, W; X_N, X_C, X_Y, X_X: elements from one
 * image, channel, row, pixel of x to the next; N; KH, KW, SH, SW, DH, DW, PH, PW, OH, OW: the convolution; QKH, QKW, QSH,
 * QSW, QPH, QPW: the windows of the maximum, HAS_POOL; YH, YW: of y; HAS_BIAS; E0 .. E3, epilogue: as contractions have
 * them, one element or one a channel; HAS_PROLOGUE, float prologue(float x, int channel); TH, TW, BN: the tile; WM, WN:
 * warps along sums and channels; IS_ROUNDED: true. Grid: blocks for tiles, N / BN. Because of the taps of zero an infinity
 * or a NaN in x may reach windows that end up to three taps before it.
 *
 * Limits: compute capability 8.0. */
constexpr int THREADS = 32 * WM * WN;
constexpr int TAPS = (KW + 3) / 4 * 4;
#include "stem.cuh"

constexpr int MT = (SUMS + 8 * WM - 1) / (8 * WM), NT = (BN + 16 * WN - 1) / (16 * WN); /* fragments of a warp */
constexpr int CHANNELS = 16 * WN * NT;
constexpr int QUADS = 8 / (int)sizeof(T);                   /* of a step: 32 bytes */
constexpr int PIECES = KH * TAPS * (int)sizeof(quad) / 16; /* of a channel's weights: 16 bytes; an even number */
constexpr int PITCH = PIECES + 1;                           /* rows of a fragment fall into different banks */

/* The block's weights, all of them. */
__device__ inline void request_weights(uint4 *to, const T *w)
{
    const uint4 *from = (const uint4 *)w + (i64)blockIdx.y * CHANNELS * PIECES;
    const u32 at = shared_address(to);

    for (int i = threadIdx.x; i < CHANNELS * PIECES; i += THREADS) {
        const int n = i / PIECES, row = n / 16 * 16 + n % 2 * 8 + n % 16 / 2;
        copy16(at + (row * PITCH + i % PIECES) * 16, from + i, true);
    }
    copy_commit();
}

/* A warp's place in the tile, and where its lanes read. */
struct warp {
    int m, n, group, lane;  /* first sum and channel; lane of a group of four */
    const u32 *sums[MT];    /* the lane's word of the pixel under its sum's first tap */
    u32 weights;            /* the lane's row of the first sixteen channels */

    __device__ warp(const quad *patch, const uint4 *rows)
        : m(threadIdx.x / 32 / WN * (8 * MT)), n(threadIdx.x / 32 % WN * (16 * NT)), group(threadIdx.x % 32 / 4),
          lane(threadIdx.x % 4)
    {
        constexpr int WORDS = sizeof(T); /* of a quad */
#pragma unroll
        for (int i = 0; i < MT; i++) {
            const int row = min(m + i * 8 + group, SUMS - 1);
            const quad *q = patch + row / SUM_W * SH * PATCH_W + row % SUM_W * SW + lane / WORDS * DW;
            sums[i] = q->words + lane % WORDS;
        }
        const int row = n + threadIdx.x % 16, half = threadIdx.x % 32 / 16;
        weights = shared_address(rows + row * PITCH + half);
    }
    /* Half `half` of fragment i under quad `at`. */
    __device__ u32 word(int i, int at, int half) const
    {
        return sums[i][(at + half * (QUADS / 2) * DW) * (int)sizeof(T)];
    }
};

constexpr int UNROLLED = KH * TAPS <= 64 ? KH : 1;

__device__ inline void multiply_all(float (&acc)[MT][NT][4], const warp &me)
{
#pragma unroll UNROLLED
    for (int r = 0; r < KH; r++)
#pragma unroll
        for (int s = 0; s < TAPS; s += QUADS) {
            u32 b[MT][2];
#pragma unroll
            for (int i = 0; i < MT; i++)
                for (int half = 0; half < 2; half++)
                    b[i][half] = me.word(i, r * DH * PATCH_W + s * DW, half);
#pragma unroll
            for (int j = 0; j < NT; j++) {
                u32 a[4];
                load_matrices(a, me.weights + j * (16 * PITCH * 16) + (r * TAPS + s) * (int)sizeof(quad));
                round_fragment<T>(a);
#pragma unroll
                for (int i = 0; i < MT; i++)
                    multiply(acc[i][j], a, b[i][0], b[i][1], T());
            }
        }
}

/* Of a fragment a lane has two channels of two sums. */
__device__ inline void hand_over(TY *stage, const float (&acc)[MT][NT][4], const warp &me, const operands &o)
{
#pragma unroll
    for (int j = 0; j < NT; j++) {
        const int n = me.n + j * 16 + me.group * 2, first = blockIdx.y * BN + n;
        if (BN % (16 * WN) && n >= BN)
            continue;
        const channel_operands even(o, first), odd(o, first + 1);
#pragma unroll
        for (int i = 0; i < MT; i++)
            for (int k = 0; k < 2; k++)
                store_pair(stage + (me.m + i * 8 + me.lane * 2 + k) * STAGE_PITCH + n, even.finished(acc[i][j][k]),
                           odd.finished(acc[i][j][2 + k]));
    }
}

/* The lane's channels' bias is where its sums begin. */
__device__ inline void begin(float (&acc)[MT][NT][4], const float (&bias)[NT][2])
{
#pragma unroll
    for (int i = 0; i < MT; i++)
        for (int j = 0; j < NT; j++)
            for (int k = 0; k < 4; k++)
                acc[i][j][k] = bias[j][k / 2];
}

extern "C" __global__ void __launch_bounds__(THREADS)
    stem(const TX *x, const T *w, const float *bias, TY *y, const void *e0, const void *e1, const void *e2,
         const void *e3)
{
    extern __shared__ uint4 shared[];
    quad *const patch = (quad *)(shared + CHANNELS * PITCH);
    TY *const stage = (TY *)(patch + (PATCH + 1) / 2 * 2);
    const operands o = {{e0, e1, e2, e3}};
    const warp me(patch, shared);
    float bias_here[NT][2] = {};
    share mine;

    let_successor_begin();
    request_weights(shared, w);
    if (HAS_BIAS)
        for (int j = 0; j < NT; j++)
            for (int k = 0; k < 2; k++)
                bias_here[j][k] = __ldg(bias + min((int)blockIdx.y * BN + me.n + j * 16 + me.group * 2 + k, N - 1));
    wait_for_predecessor();
    if (IS_HELD)
        mine.request(x, tile(blockIdx.x), 0);
    for (int number = blockIdx.x; number < TILES; number += gridDim.x) {
        const tile at(number);
        float acc[MT][NT][4];
        begin(acc, bias_here);
        mine.put(patch, x, at);
        copy_wait<0>();
        __syncthreads();
        if (IS_HELD && number + gridDim.x < TILES)
            mine.request(x, tile(number + gridDim.x), 0);
        multiply_all(acc, me);
        hand_over(stage, acc, me, o);
        __syncthreads();
        drain(y, stage, at);
    }
}
