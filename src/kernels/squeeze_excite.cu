/* Squeeze-and-excite: the gates of a picture's channels, in one kernel: the mean of each channel, a small product with a
 * program behind it, and another.
 *
 *     gate[n][c] = excite(b2[c] + sum over s of w2[c][s] * squeeze(b1[s] + sum over c of w1[s][c] * mean[n][c]))
 *
 * The blocks of a cluster share the channels: each takes the means of its slice, multiplies them with its columns of w1,
 * and gives the sums to all the others through their shared memory; then each has all of the squeezed row, and its own
 * rows of w2 give the gates of its slice. So there is one barrier over the cluster, and every weight is read once, before
 * the predecessor has ended. What is averaged is either the picture, or partial sums that a depthwise convolution left.
 * Sums are added in an order that depends on the knobs alone.
 *
 * w1 is [S, BLOCKS * SLICE], w2 is [BLOCKS * SLICE, SP], both padded with zeros.
 *
 * Knobs: T of x, TW of the weights, TB of the biases, TY; C; P rows to add; SCALE, one over the count of a mean; S, SP;
 * BLOCKS of a cluster, SLICE channels of a block; V; THREADS; HELD: weights are kept in shared memory; HAS_B1, HAS_B2;
 * the programs squeeze and excite. Shared memory: a `room`. SLICE and SP are multiples of 16 bytes of TW, SLICE and C of
 * V; SLICE / V is at most THREADS. Limits: compute capability 7.0; clusters want 9.0. */
#include "device.cuh"

constexpr int PACKS = SLICE / V;        /* of a row of the slice */
constexpr int GROUPS = THREADS / PACKS; /* rows that are read side by side */
constexpr int PITCH = SLICE + 4;        /* floats of a row of partial sums: rows fall into different banks */
constexpr int DEPTH = (P + GROUPS - 1) / GROUPS < 8 ? (P + GROUPS - 1) / GROUPS : 8; /* loads on their way */
constexpr int LANES = 16 / sizeof(TW);
constexpr int W2_PITCH = HELD ? SP + LANES : SP; /* rows of 16-byte pieces fall into different banks */
constexpr int W1_PITCH = HELD ? SLICE : BLOCKS * SLICE;
constexpr int W1_ELEMENTS = HELD ? S * SLICE : 0, W2_ELEMENTS = HELD ? SLICE * W2_PITCH : 0;

static_assert(SLICE % LANES == 0 && SP % LANES == 0 && SP >= S, "rows of weights are whole pieces");
static_assert(SLICE % V == 0 && C % V == 0 && GROUPS > 0, "a thread stays in its columns");

__device__ constexpr int most_lanes(int groups, int slice)
{
    int n = 1;
    while (n < 32 && 2 * n <= groups && 2 * n * slice <= THREADS)
        n *= 2;
    return n;
}
constexpr int JOIN = most_lanes(GROUPS, SLICE); /* threads that add the groups' sums of a channel */

/* What a block keeps. */
struct alignas(16) room {
    TW w1[W1_ELEMENTS + LANES]; /* its columns: [S][SLICE] */
    TW w2[W2_ELEMENTS + LANES]; /* its rows: [SLICE][W2_PITCH] */
    alignas(16) float rows[GROUPS * PITCH];
    alignas(16) float mean[SLICE];
    alignas(16) float parts[BLOCKS * SP]; /* of the squeezed sums, by the block that they come from */
    alignas(16) float squeezed[SP];
    alignas(16) float b1[SP], b2[SLICE];
};

/* Rows of 16-byte pieces into shared memory, without waiting for them where that can be. */
template <int ROWS, int PIECES> __device__ inline void keep(TW *to, int to_pitch, const TW *from, int from_pitch)
{
    for (int i = threadIdx.x; i < ROWS * PIECES; i += THREADS) {
        const int row = i / PIECES, at = i % PIECES * LANES;
#if __CUDA_ARCH__ >= 800
        copy16(shared_address(to + row * to_pitch + at), from + (i64)row * from_pitch + at, true);
#else
        *(uint4 *)(to + row * to_pitch + at) = *(const uint4 *)(from + (i64)row * from_pitch + at);
#endif
    }
}

template <int N> __device__ inline void keep_bias(float *to, const TB *from, int n)
{
    for (int i = threadIdx.x; i < N; i += THREADS)
        to[i] = i < n ? to_float(from[i]) : 0;
}

/* Each thread adds a pack of every GROUPS-th row. */
__device__ inline void add_rows(room &r, const T *x, int first)
{
    using piece = decltype(pack<V, T>::in);
    const int c = threadIdx.x % PACKS * V, group = threadIdx.x / PACKS;
    float sum[V] = {};

    if (group >= GROUPS)
        return;
    const bool is_there = first + c < C;
    for (int row = group; row < P; row += GROUPS * DEPTH) {
        piece in[DEPTH] = {};
#pragma unroll
        for (int d = 0; d < DEPTH; d++)
            if (is_there && row + d * GROUPS < P)
                in[d] = *(const piece *)(x + (i64)(row + d * GROUPS) * C + first + c);
#pragma unroll
        for (int d = 0; d < DEPTH; d++)
#pragma unroll
            for (int v = 0; v < V; v++)
                sum[v] += to_float(in[d].e[v]);
    }
#pragma unroll
    for (int v = 0; v < V; v++)
        r.rows[group * PITCH + c + v] = sum[v];
}

template <int N> __device__ inline float add_lanes(float x)
{
#pragma unroll
    for (int by = N / 2; by > 0; by /= 2)
        x += __shfl_xor_sync(0xffffffff, x, by);
    return x;
}

__device__ inline void join_rows(room &r)
{
#pragma unroll
    for (int i = 0; i < (SLICE * JOIN + THREADS - 1) / THREADS; i++) {
        const int item = threadIdx.x + i * THREADS, c = item / JOIN, lane = item % JOIN;
        float sum = 0;
        if (c < SLICE)
            for (int g = lane; g < GROUPS; g += JOIN)
                sum += r.rows[g * PITCH + c];
        sum = add_lanes<JOIN>(sum);
        if (c < SLICE && lane == 0)
            r.mean[c] = sum * SCALE;
    }
}

/* As many lanes as the slice has packs share a squeezed sum; they give it to every block. */
__device__ constexpr int lanes_of(int packs)
{
    int n = 1;
    while (n < 32 && n < packs)
        n *= 2;
    return n;
}

__device__ inline void give(room &r, u32 rank, int s, float sum, int lane, int lanes)
{
#if __CUDA_ARCH__ >= 900
    const u32 at = shared_address(&r.parts[rank * SP + s]);
    for (u32 to = lane; to < BLOCKS; to += lanes)
        asm volatile("st.shared::cluster.f32 [%0], %1;" ::"r"(address_in(at, to)), "f"(sum) : "memory");
#else
    if (lane == 0)
        r.parts[s] = sum;
#endif
}

__device__ inline void squeeze_slice(room &r, const TW *w1, u32 rank)
{
    using piece = decltype(pack<LANES, TW>::in);
    constexpr int N = SLICE / LANES, SHARED_BY = lanes_of(N), AT_ONCE = THREADS / SHARED_BY;
    const int lane = threadIdx.x % SHARED_BY;
    constexpr int ROUNDS = (S + AT_ONCE - 1) / AT_ONCE, DEEP = ROUNDS < 8 ? ROUNDS : 4;

    for (int first = 0; first < ROUNDS; first += DEEP) {
        float sum[DEEP] = {};
#pragma unroll
        for (int c = 0; c < N; c += SHARED_BY) {
            const bool is_there = N % SHARED_BY == 0 || c + lane < N;
            const float *mean = r.mean + (is_there ? c + lane : 0) * LANES;
            float m[LANES];
#pragma unroll
            for (int l = 0; l < LANES; l++)
                m[l] = is_there ? mean[l] : 0;
#pragma unroll
            for (int i = 0; i < DEEP; i++) {
                const int s = min((int)threadIdx.x / SHARED_BY + (first + i) * AT_ONCE, S - 1);
                const piece w = *(const piece *)(w1 + s * W1_PITCH + (is_there ? c + lane : 0) * LANES);
#pragma unroll
                for (int l = 0; l < LANES; l++)
                    sum[i] += m[l] * to_float(w.e[l]);
            }
        }
#pragma unroll
        for (int i = 0; i < DEEP; i++)
            sum[i] = add_lanes<SHARED_BY>(sum[i]);
#pragma unroll
        for (int i = 0; i < DEEP; i++) {
            const int s = (int)threadIdx.x / SHARED_BY + (first + i) * AT_ONCE;
            if (s < S)
                give(r, rank, s, sum[i], lane, SHARED_BY);
        }
    }
}

__device__ inline void join_parts(room &r)
{
    for (int s = threadIdx.x; s < SP; s += THREADS) {
        float part[BLOCKS], sum = r.b1[s];
#pragma unroll
        for (int b = 0; b < BLOCKS; b++)
            part[b] = r.parts[b * SP + s];
#pragma unroll
        for (int b = 0; b < BLOCKS; b++)
            sum += part[b];
        r.squeezed[s] = s < S ? squeeze(sum) : 0;
    }
}

__device__ inline void excite_slice(TY *y, room &r, const TW *w2, int first)
{
    using piece = decltype(pack<LANES, TW>::in);

    for (int c = threadIdx.x; c < SLICE && first + c < C; c += THREADS) {
        float sum[4] = {r.b2[c]};
#pragma unroll 8
        for (int s = 0; s < SP; s += LANES) {
            const piece w = *(const piece *)(w2 + c * W2_PITCH + s);
#pragma unroll
            for (int l = 0; l < LANES; l++)
                sum[l % 4] += r.squeezed[s + l] * to_float(w.e[l]);
        }
        from_float(excite((sum[0] + sum[1]) + (sum[2] + sum[3])), y[first + c]);
    }
}

extern "C" __global__ void __launch_bounds__(THREADS, 1)
    squeeze_excite(TY *y, const T *x, const TW *w1, const TB *b1, const TW *w2, const TB *b2)
{
    extern __shared__ uint4 shared[];
    room &r = *(room *)shared;
    const u32 rank = blockIdx.x;
    const int first = (int)rank * SLICE;

    let_successor_begin();
#if __CUDA_ARCH__ >= 900
    if (BLOCKS > 1)
        cluster_arrive();
#endif
    w1 += first;
    w2 += (i64)first * SP;
    if (HELD) {
        keep<S, SLICE / LANES>(r.w1, SLICE, w1, BLOCKS * SLICE);
        keep<SLICE, SP / LANES>(r.w2, W2_PITCH, w2, SP);
        w1 = r.w1;
        w2 = r.w2;
    }
    keep_bias<SP>(r.b1, b1, HAS_B1 ? S : 0);
    keep_bias<SLICE>(r.b2, b2 + first, HAS_B2 ? C - first : 0);
    wait_for_predecessor();
    add_rows(r, x + (i64)blockIdx.y * P * C, first);
    __syncthreads();
    join_rows(r);
#if __CUDA_ARCH__ >= 800
    copy_commit();
    copy_wait<0>();
#endif
    __syncthreads();
#if __CUDA_ARCH__ >= 900
    if (BLOCKS > 1)
        cluster_wait(); /* all blocks have begun, so their memory is there */
#endif
    squeeze_slice(r, w1, rank);
#if __CUDA_ARCH__ >= 900
    if (BLOCKS > 1) {
        cluster_arrive();
        cluster_wait();
    } else
#endif
        __syncthreads();
    join_parts(r);
    __syncthreads();
    excite_slice(y + (i64)blockIdx.y * C, r, w2, first);
}
