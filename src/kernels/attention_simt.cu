/* The same attention in exact float32 on the ordinary cores, for any type, alignment and device: BM queries of one head
 * a block, tiles of BN keys and values in shared memory, online softmax.
 *
 * Sixteen threads have ROWS queries together. Of the scores a thread has ROWS x BN / 16, of the answers ROWS quads of
 * columns; weights go from the one to the other through shared memory, within the warp.
 *
 * Knobs: attention.cuh, and BM, BN, WIDE: elements that a load takes. Grid: blocks of queries, heads, batches.
 * Limits: compute capability 7.0. */
#include "device.cuh"
#include "attention.cuh"

constexpr int TX = 16, ROWS = 4, THREADS = TX * BM / ROWS, KT = BN / TX;
constexpr int PITCH = ((D + 3) / 4 | 1) * 4; /* floats: quads of neighbouring rows fall into different banks */
constexpr int QUADS = (DV + 63) / 64, V_PITCH = QUADS * 64, P_PITCH = BN + 4;
constexpr int K_AT = BM * PITCH, V_AT = K_AT + BN * PITCH, P_AT = V_AT + BN * V_PITCH;

static_assert(BM % 8 == 0 && BN % TX == 0, "a warp has eight queries");

/* ENTRIES of each of N rows as floats; rows from `end` on and what fills up a row become zeros. */
template <int N, int ENTRIES, int TO_PITCH, typename F>
__device__ inline void load_rows(float *to, int first, int end, F row_at)
{
    constexpr int PIECES = (TO_PITCH + WIDE - 1) / WIDE;
    for (int item = threadIdx.x; item < N * PIECES; item += THREADS) {
        const int row = item / PIECES, at = item % PIECES * WIDE;
        float x[WIDE] = {};
        if (first + row < end && at < ENTRIES)
            load_pack<WIDE, 1>(x, row_at(first + row) + at);
#pragma unroll
        for (int i = 0; i < WIDE; i++)
            if (TO_PITCH % WIDE == 0 || at + i < TO_PITCH)
                to[row * TO_PITCH + at + i] = x[i];
    }
}

struct thread {
    int x, row; /* first key and first query, within the block's */
    __device__ thread() : x(threadIdx.x % TX), row(threadIdx.x / TX * ROWS)
    {
    }
};

__device__ inline void multiply_keys(float (&s)[ROWS][KT], const float *q, const float *k, const thread &me)
{
#pragma unroll 4
    for (int d = 0; d < (D + 3) / 4 * 4; d += 4) {
        float4 a[ROWS];
#pragma unroll
        for (int i = 0; i < ROWS; i++)
            a[i] = *(const float4 *)(q + (me.row + i) * PITCH + d);
#pragma unroll
        for (int j = 0; j < KT; j++) {
            const float4 b = *(const float4 *)(k + (me.x + j * TX) * PITCH + d);
#pragma unroll
            for (int i = 0; i < ROWS; i++)
                s[i][j] += a[i].x * b.x + a[i].y * b.y + a[i].z * b.z + a[i].w * b.w;
        }
    }
}

__device__ inline void finish_scores(float (&s)[ROWS][KT], const place &p, int key, const thread &me)
{
#pragma unroll
    for (int i = 0; i < ROWS; i++) {
        const int query = p.first + me.row + i;
#pragma unroll
        for (int j = 0; j < KT; j++) {
            const int token = key + me.x + j * TX;
            float x = score_of(s[i][j]);
            if (query >= SQ || !p.sees(query, token))
                x = -infinity();
            else if (HAS_MASK)
                x += bias_of(p.mask[(i64)query * mask_at(2) + token]);
            s[i][j] = x;
        }
    }
}

template <typename F> __device__ inline float fold(float x, F f)
{
#pragma unroll
    for (int lane = TX / 2; lane > 0; lane /= 2)
        x = f(x, __shfl_xor_sync(0xffffffffu, x, lane));
    return x;
}

struct answers {
    float o[ROWS][QUADS][4] = {}, most[ROWS], sum[ROWS] = {};

    __device__ answers()
    {
        for (int i = 0; i < ROWS; i++)
            most[i] = -infinity();
    }

    /* Scores become weights, in p. */
    __device__ void soften(const float (&s)[ROWS][KT], float *p, const thread &me)
    {
#pragma unroll
        for (int i = 0; i < ROWS; i++) {
            float top = most[i], part = 0;
#pragma unroll
            for (int j = 0; j < KT; j++)
                top = fmaxf(top, s[i][j]);
            top = fold(top, [](float a, float b) { return fmaxf(a, b); });
            const float base = base_of(top), shrink = expf(most[i] - base);
#pragma unroll
            for (int j = 0; j < KT; j++) {
                const float weight = expf(s[i][j] - base);
                p[(me.row + i) * P_PITCH + me.x + j * TX] = weight;
                part += weight;
            }
            sum[i] = sum[i] * shrink + part;
            most[i] = top;
#pragma unroll
            for (int n = 0; n < QUADS; n++)
#pragma unroll
                for (int e = 0; e < 4; e++)
                    o[i][n][e] *= shrink;
        }
    }

    __device__ void add_values(const float *p, const float *v, const thread &me)
    {
        for (int k = 0; k < BN; k += 4) {
            float4 w[ROWS];
#pragma unroll
            for (int i = 0; i < ROWS; i++)
                w[i] = *(const float4 *)(p + (me.row + i) * P_PITCH + k);
#pragma unroll
            for (int e = 0; e < 4; e++)
#pragma unroll
                for (int n = 0; n < QUADS; n++) {
                    const float4 x = *(const float4 *)(v + (k + e) * V_PITCH + (me.x + n * TX) * 4);
#pragma unroll
                    for (int i = 0; i < ROWS; i++) {
                        const float by = e == 0 ? w[i].x : e == 1 ? w[i].y : e == 2 ? w[i].z : w[i].w;
                        o[i][n][0] += by * x.x;
                        o[i][n][1] += by * x.y;
                        o[i][n][2] += by * x.z;
                        o[i][n][3] += by * x.w;
                    }
                }
        }
    }

    __device__ void store(const place &p, const thread &me)
    {
#pragma unroll
        for (int i = 0; i < ROWS; i++) {
            const float all = fold(sum[i], [](float a, float b) { return a + b; });
            const float by = all == 0 ? 0 : 1 / all;
            const int query = p.first + me.row + i;
#pragma unroll
            for (int n = 0; n < QUADS; n++)
#pragma unroll
                for (int e = 0; e < 4; e++) {
                    const int column = (me.x + n * TX) * 4 + e;
                    if (query < SQ && column < DV)
                        from_float(o[i][n][e] * by, p.y[(i64)query * y_at(3) + column]);
                }
        }
    }
};

extern "C" __global__ void __launch_bounds__(THREADS)
    attention_simt(const T *q, const T *k, const T *v, T *y, const TM *mask, const i64 *lengths, const T *past_k,
                   const T *past_v)
{
    const arguments x = {q, k, v, y, mask, lengths, past_k, past_v};
    extern __shared__ float4 shared[];
    float *room = (float *)shared;
    const thread me;

    let_successor_begin();
    place p(x, BM);
    wait_for_predecessor();
    p.read_length(x);
    load_rows<BM, D, PITCH>(room, p.first, SQ, [&](int row) { return p.q + row * (int)q_at(3); });
    answers all;
    for (int key = p.begin() / BN * BN; key < p.end(BM); key += BN) {
        float s[ROWS][KT] = {};
        __syncthreads(); /* all have used the last tile */
        load_rows<BN, D, PITCH>(room + K_AT, key, p.limit, [&](int token) { return p.key(token); });
        load_rows<BN, DV, V_PITCH>(room + V_AT, key, p.limit, [&](int token) { return p.value(token); });
        __syncthreads();
        multiply_keys(s, room, room + K_AT, me);
        finish_scores(s, p, key, me);
        __syncwarp(); /* its weights have been used */
        all.soften(s, room + P_AT, me);
        __syncwarp();
        all.add_values(room + P_AT, room + V_AT, me);
    }
    all.store(p, me);
}
