/* A depthwise convolution, channels last: every channel with its own small window; bias and an epilogue program behind.
 *
 * A thread has V channels of ALONG neighbouring pixels of a row, so that what their windows share is loaded once. With
 * one picture the time is latency: weights and bias, which do not depend on the kernel before, are requested before it
 * has ended, and then all pixels of a thread's windows at once, those outside as zeros without a branch.
 *
 * With SUMS a block has BLOCK_PACKS packs of channels of one row of the output, and leaves their sums over the row as
 * well: [pictures, OH, C], for the means that squeeze-and-excite takes. They are added in an order that depends on the
 * knobs alone. Weights are [KH, KW, C].
 *
 * Knobs: T of x and w, TB of the bias, TY, TS of the sums; C; H, W, OH, OW; KH, KW; SH, SW; DH, DW; PH, PW; V; ALONG; HAS_BIAS, and
 * whether it is constant; SUMS, BLOCK_PACKS; COUNT threads with work (without SUMS); THREADS; the program and its further
 * inputs by gpu/region.c. Limits: compute capability 7.0. */
#include "device.cuh"

/* V elements as words; shorter ones fill a word's lower half. */
constexpr int BYTES = V * sizeof(T), WORDS = BYTES < 4 ? 1 : BYTES / 4;
struct piece {
    u32 word[WORDS];
};

static_assert(BYTES <= 16, "a piece is one load");

/* Zeros where it is not there: one load without a branch, which the program does not wait for. */
__device__ inline piece load_piece(const T *from, bool is_there)
{
    piece p;
    if constexpr (BYTES == 16)
        asm volatile("{\n.reg .pred p;\nsetp.ne.u32 p, %5, 0;\n"
                     "mov.u32 %0, 0;\nmov.u32 %1, 0;\nmov.u32 %2, 0;\nmov.u32 %3, 0;\n"
                     "@p ld.global.v4.u32 {%0, %1, %2, %3}, [%4];\n}"
                     : "=&r"(p.word[0]), "=&r"(p.word[1]), "=&r"(p.word[2]), "=&r"(p.word[3])
                     : "l"(from), "r"((u32)is_there));
    else if constexpr (BYTES == 8)
        asm volatile("{\n.reg .pred p;\nsetp.ne.u32 p, %3, 0;\nmov.u32 %0, 0;\nmov.u32 %1, 0;\n"
                     "@p ld.global.v2.u32 {%0, %1}, [%2];\n}"
                     : "=&r"(p.word[0]), "=&r"(p.word[1])
                     : "l"(from), "r"((u32)is_there));
    else if constexpr (BYTES == 4)
        asm volatile("{\n.reg .pred p;\nsetp.ne.u32 p, %2, 0;\nmov.u32 %0, 0;\n"
                     "@p ld.global.u32 %0, [%1];\n}"
                     : "=&r"(p.word[0])
                     : "l"(from), "r"((u32)is_there));
    else
        asm volatile("{\n.reg .pred p;\nsetp.ne.u32 p, %2, 0;\nmov.u32 %0, 0;\n"
                     "@p ld.global.u16 %0, [%1];\n}"
                     : "=&r"(p.word[0])
                     : "l"(from), "r"((u32)is_there));
    return p;
}

/* A word's elements as float32. */
__device__ inline void unpack(float *to, u32 word, f16)
{
    asm("{\n.reg .b16 lo, hi;\nmov.b32 {lo, hi}, %1;\ncvt.f32.f16 %0, lo;\n}" : "=f"(to[0]) : "r"(word));
    if (V > 1)
        asm("{\n.reg .b16 lo, hi;\nmov.b32 {lo, hi}, %1;\ncvt.f32.f16 %0, hi;\n}" : "=f"(to[1]) : "r"(word));
}
__device__ inline void unpack(float *to, u32 word, bf16)
{
    to[0] = __uint_as_float(word << 16);
    if (V > 1)
        to[1] = __uint_as_float(word & 0xffff0000);
}
__device__ inline void unpack(float *to, u32 word, float)
{
    to[0] = __uint_as_float(word);
}

__device__ inline void unpack(float (&to)[V], const piece &p)
{
#pragma unroll
    for (int i = 0; i < WORDS; i++)
        unpack(to + i * (V / WORDS), p.word[i], T());
}

constexpr int SPAN = (ALONG - 1) * SW + (KW - 1) * DW + 1; /* input pixels of a row under a thread's windows */
constexpr int PIECES = (OW + ALONG - 1) / ALONG;
constexpr int PACKS = C / V;

/* The thread's channels and pixels. */
struct place {
    int c, ow, oh;
    i64 picture;
    bool is_there;

    __device__ place()
    {
        if (SUMS) {
            const int n = blockIdx.y * BLOCK_PACKS + threadIdx.x % BLOCK_PACKS, at = threadIdx.x / BLOCK_PACKS;
            is_there = n < PACKS && at < PIECES;
            c = min(n, PACKS - 1) * V;
            ow = min(at, PIECES - 1) * ALONG;
            oh = blockIdx.x % OH;
            picture = blockIdx.x / OH;
        } else {
            const index_t number = (index_t)blockIdx.x * THREADS + threadIdx.x;
            index_t rest = number / PACKS;
            is_there = number < COUNT;
            c = number % PACKS * V;
            ow = rest % PIECES * ALONG;
            rest /= PIECES;
            oh = rest % OH;
            picture = rest / OH;
        }
    }
};

template <typename B> __device__ inline void load_bias(float (&b)[V], const B *bias, int c)
{
    if constexpr (HAS_BIAS)
        load_pack<V, 1>(b, bias + c);
    else
        for (int i = 0; i < V; i++)
            b[i] = 0;
}

/* One row of the windows into all sums. */
__device__ inline void add_row(float (&a)[ALONG][V], const piece (&x)[SPAN], const piece (&w)[KW])
{
    float taps[KW][V];

#pragma unroll
    for (int k = 0; k < KW; k++)
        unpack(taps[k], w[k]);
#pragma unroll
    for (int i = 0; i < SPAN; i++) {
        float at[V];
        unpack(at, x[i]);
#pragma unroll
        for (int p = 0; p < ALONG; p++) {
            const int k = (i - p * SW) / DW;
            if (i >= p * SW && (i - p * SW) % DW == 0 && k < KW)
#pragma unroll
                for (int v = 0; v < V; v++)
                    a[p][v] += at[v] * taps[k][v];
        }
    }
}

/* The sums of a block's pieces, each thread having added its own pixels: a channel's pieces are shared by JOIN threads. */
__device__ constexpr int most_lanes(int groups, int columns)
{
    int n = 1;
    while (n < 32 && 2 * n <= groups && 2 * n * columns <= THREADS)
        n *= 2;
    return n;
}

__device__ inline void leave_sums(TS *sums, const float (&sum)[V])
{
    constexpr int COLUMNS = BLOCK_PACKS * V, PITCH = COLUMNS + 4, JOIN = most_lanes(PIECES, COLUMNS);
    __shared__ float part[PIECES * PITCH];
    const int at = threadIdx.x / BLOCK_PACKS, c = threadIdx.x % BLOCK_PACKS * V;

    if (at < PIECES)
#pragma unroll
        for (int v = 0; v < V; v++)
            part[at * PITCH + c + v] = sum[v];
    __syncthreads();
#pragma unroll
    for (int i = 0; i < (COLUMNS * JOIN + THREADS - 1) / THREADS; i++) {
        const int item = threadIdx.x + i * THREADS, column = item / JOIN, lane = item % JOIN;
        float all = 0;
        if (column < COLUMNS)
            for (int p = lane; p < PIECES; p += JOIN)
                all += part[p * PITCH + column];
#pragma unroll
        for (int by = JOIN / 2; by > 0; by /= 2)
            all += __shfl_xor_sync(0xffffffff, all, by);
        const int channel = blockIdx.y * COLUMNS + column;
        if (lane == 0 && column < COLUMNS && channel < C)
            from_float(all, sums[(i64)blockIdx.x * C + channel]);
    }
}

/* One block an SM is enough: without that word the assembler saves registers, and requests a row of pixels only when the
 * one before has been computed. */
extern "C" __global__ void __launch_bounds__(THREADS, 1)
    depthwise(TY *y, const T *x, const T *w, const TB *bias, TS *sums, const region_inputs in)
{
    let_successor_begin();
    const place at;
    piece taps[KH][KW], window[KH][SPAN];
    float b[V];

    if (!SUMS && !at.is_there) {
        wait_for_predecessor();
        return;
    }
#pragma unroll
    for (int k = 0; k < KH * KW; k++)
        taps[k / KW][k % KW] = load_piece(w + k * C + at.c, true);
    if (BIAS_IS_CONSTANT)
        load_bias(b, bias, at.c);
    wait_for_predecessor();
    if (!BIAS_IS_CONSTANT)
        load_bias(b, bias, at.c);
    const int y0 = at.oh * SH - PH, x0 = at.ow * SW - PW;
    const T *from = x + ((at.picture * H + y0) * W + x0) * C + at.c;
#pragma unroll
    for (int k = 0; k < KH; k++)
#pragma unroll
        for (int i = 0; i < SPAN; i++)
            window[k][i] =
                load_piece(from + (k * DH * W + i) * C, (u32)(y0 + k * DH) < (u32)H && (u32)(x0 + i) < (u32)W);
    float a[ALONG][V], sum[V] = {};
#pragma unroll
    for (int p = 0; p < ALONG; p++)
#pragma unroll
        for (int v = 0; v < V; v++)
            a[p][v] = b[v];
#pragma unroll
    for (int k = 0; k < KH; k++)
        add_row(a, window[k], taps[k]);
#pragma unroll
    for (int p = 0; p < ALONG; p++)
        if (at.is_there && at.ow + p < OW) {
            const i64 to = ((at.picture * OH + at.oh) * OW + at.ow + p) * PACKS + at.c / V;
            region_at(in, (index_t)to, a[p]);
            store_pack<V>(y + to * V, a[p]);
#pragma unroll
            for (int v = 0; v < V; v++)
                sum[v] += a[p][v];
        }
    if constexpr (SUMS)
        leave_sums(sums, sum);
}
