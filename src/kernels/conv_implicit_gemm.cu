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

constexpr int ES = sizeof(T), LANES = 16 / ES; /* elements of 16 bytes, the unit of copies */
constexpr int WARPS = WM * WN * WK, THREADS = 32 * WARPS;
constexpr int TM = BM / WM, TN = BN / WN; /* a warp's tile */
constexpr int MT = TM / 16, NT = TN / 8;  /* ... in fragments */
constexpr int CHUNKS = BK / LANES;        /* 16-byte chunks of K in a tile */
constexpr int STEPS = CHUNKS / 2;         /* products along K in a tile: 32 bytes each */
constexpr int C_CHUNKS = C / LANES, K_CHUNKS = K / LANES;
constexpr int TILES = (K_CHUNKS + CHUNKS - 1) / CHUNKS;
constexpr int N_CHUNKS = BN / LANES; /* of a row of weights where they are [K, N] */
constexpr int A_BYTES = BM * CHUNKS * 16, W_BYTES = BN * CHUNKS * 16, STAGE_BYTES = A_BYTES + W_BYTES;
constexpr int A_ROWS = (BM * CHUNKS + THREADS - 1) / THREADS; /* rows of A that a thread copies */
constexpr int W_COPIES = (BN * CHUNKS + THREADS - 1) / THREADS;

static_assert(C % LANES == 0 && LDA % LANES == 0 && LDW % LANES == 0, "rows are multiples of 16 bytes");
static_assert(!A_IS_KM, "a's rows lie along K");
static_assert(!W_IS_KN || N % LANES == 0, "rows of w are multiples of 16 bytes");
static_assert(BM % (16 * WM) == 0 && BN % (16 * WN) == 0, "a warp's tile is at least 16 x 16");
static_assert(STEPS % WK == 0 && STEPS > 0, "K of a tile is split evenly over the warps");
static_assert(!CLUSTER || BM % SPLIT == 0, "the blocks of a cluster share the rows evenly");
static_assert(STAGES >= 2, "one tile is computed while others arrive");

/* Where chunk c of row r lies in a tile of PER_ROW chunks a row: eight rows of a chunk fall into eight bank groups. */
template <int PER_ROW> __device__ inline u32 swizzled(int r, int c)
{
    constexpr int ROWS_PER_LINE = PER_ROW >= 8 ? 1 : 8 / PER_ROW, MASK = (PER_ROW >= 8 ? 8 : PER_ROW) - 1;
    return (u32)(r * PER_ROW + (c ^ (r / ROWS_PER_LINE & MASK))) * 16;
}

/* Copies tiles into slots of the ring. What does not change from tile to tile is kept in registers: with small tiles
 * the arithmetic of addresses is what takes the time. */
struct loader {
    static constexpr int W_PER_ROW = W_IS_KN ? N_CHUNKS : CHUNKS;
    static constexpr u32 W_STEP = W_IS_KN ? BK * (LDW / LANES) : CHUNKS; /* from one tile to the next, in chunks */

    const char *a, *w;
    extents e;
    u32 ring;
    pixel rows[A_ROWS];
    u32 w_at[W_COPIES];
    bool w_is_there[W_COPIES]; /* its row of N, or its chunk of N */

    __device__ loader(const arguments &x, const place &p, u32 ring)
        : a((const char *)(x.a + p.offset(A_ZI, A_ZO))), w((const char *)(x.w + p.offset(W_ZI, W_ZO))), e(x), ring(ring)
    {
#pragma unroll
        for (int i = 0; i < A_ROWS; i++)
            rows[i] = pixel_of<LDA / LANES>(p.m + (threadIdx.x + i * THREADS) / CHUNKS, e);
#pragma unroll
        for (int i = 0; i < W_COPIES; i++) {
            const int item = threadIdx.x + i * THREADS, row = item / W_PER_ROW, c = item % W_PER_ROW;
            if (W_IS_KN) {
                w_at[i] = (u32)row * (LDW / LANES) + p.n / LANES + c;
                w_is_there[i] = p.n / LANES + c < N / LANES;
            } else {
                w_at[i] = (u32)(p.n + row) * (LDW / LANES) + c;
                w_is_there[i] = p.n + row < N;
            }
        }
    }

    __device__ void load_a(int tile, int slot) const
    {
        const int c = threadIdx.x % CHUNKS, chunk = tile * CHUNKS + c;
        const int tap = chunk / C_CHUNKS, r = tap / KW, s = tap - r * KW;
        const u32 in_pixel = (u32)(chunk - tap * C_CHUNKS);
        const u32 to = ring + slot * STAGE_BYTES;
        const bool is_in_k = K_CHUNKS % CHUNKS == 0 || chunk < K_CHUNKS;
#pragma unroll
        for (int i = 0; i < A_ROWS; i++) {
            const int row = (threadIdx.x + i * THREADS) / CHUNKS;
            const bool is_there = is_in_k && is_inside(rows[i], r, s, e);
            const u32 at = is_there ? rows[i].at + tap_offset<LDA / LANES>(rows[i], r, s, e) + in_pixel : 0;
            if (BM * CHUNKS % THREADS == 0 || row < BM)
                copy16(to + swizzled<CHUNKS>(row, c), a + (u64)at * 16, is_there);
        }
    }

    __device__ void load_w(int tile, int slot) const
    {
        const u32 to = ring + slot * STAGE_BYTES + A_BYTES;
#pragma unroll
        for (int i = 0; i < W_COPIES; i++) {
            const int item = threadIdx.x + i * THREADS, row = item / W_PER_ROW, c = item % W_PER_ROW;
            const bool is_in_k =
                K_CHUNKS % CHUNKS == 0 || (W_IS_KN ? tile * BK + row < K : tile * CHUNKS + c < K_CHUNKS);
            const bool is_there = is_in_k && (N % BN == 0 || w_is_there[i]);
            const u32 at = is_there ? w_at[i] + (u32)tile * W_STEP : 0;
            if (BN * CHUNKS % THREADS == 0 || item < BN * CHUNKS)
                copy16(to + swizzled<W_PER_ROW>(row, c), w + (u64)at * 16, is_there);
        }
    }
};

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

struct warp {
    int m, n, k; /* the warp's place among WM x WN x WK */
    __device__ warp()
    {
        const int i = threadIdx.x / 32;
        m = i % WM, n = i / WM % WN, k = i / (WM * WN);
    }
};

/* The operands of one product step of a warp. */
struct fragments {
    u32 a[MT][4], w[NT / 2][4];

    __device__ void load(u32 at, const warp &me, int step)
    {
        const int lane = threadIdx.x % 32;
#pragma unroll
        for (int j = 0; j < MT; j++) {
            load_matrices(a[j], at + swizzled<CHUNKS>(me.m * TM + j * 16 + lane % 16, step * 2 + lane / 16));
            round_fragment<T>(a[j]);
        }
#pragma unroll
        for (int j = 0; j < NT / 2; j++)
            load_w_fragments(w[j], at + A_BYTES, me.n * TN + j * 16, step);
    }
};

/* This warp's share of one tile. `refill` is called while the first fragments are on their way, and the fragments of a
 * step are requested before the products of the one before. */
template <typename F> __device__ inline void multiply_tile(float (&acc)[MT][NT][4], u32 at, const warp &me, F refill)
{
    fragments f[2];

    f[0].load(at, me, me.k);
    refill();
#pragma unroll
    for (int i = 0; i < STEPS / WK; i++) {
        const fragments &now = f[i % 2];
        if (i + 1 < STEPS / WK)
            f[(i + 1) % 2].load(at, me, me.k + (i + 1) * WK);
#pragma unroll
        for (int j = 0; j < MT; j++)
#pragma unroll
            for (int l = 0; l < NT; l++)
                multiply(acc[j][l], now.a[j], now.w[l / 2][l % 2 * 2], now.w[l / 2][l % 2 * 2 + 1], T());
    }
}

/* The ring: STAGES - 1 tiles are on their way while one is computed. */
__device__ inline void multiply_all(float (&acc)[MT][NT][4], const loader &from, const place &p, const warp &me)
{
    const int first = p.rank * TILES / SPLIT, count = (p.rank + 1) * TILES / SPLIT - first;

    if (W_IS_CONSTANT)
        for (int i = 0; i < STAGES - 1 && i < count; i++)
            from.load_w(first + i, i);
    wait_for_predecessor();
    for (int i = 0; i < STAGES - 1; i++) {
        if (i < count) {
            if (!W_IS_CONSTANT)
                from.load_w(first + i, i);
            from.load_a(first + i, i);
        }
        copy_commit();
    }
    int slot = 0, free_slot = STAGES - 1;
    for (int i = 0; i < count; i++) {
        copy_wait<STAGES - 2>();
        __syncthreads();
        multiply_tile(acc, from.ring + slot * STAGE_BYTES, me, [&] {
            const int next = i + STAGES - 1;
            if (next < count) {
                from.load_w(first + next, free_slot);
                from.load_a(first + next, free_slot);
            }
            copy_commit();
        });
        slot = slot + 1 == STAGES ? 0 : slot + 1;
        free_slot = free_slot + 1 == STAGES ? 0 : free_slot + 1;
    }
    copy_wait<0>();
}

/* Puts the warp's sums where drain() finds them: [slots][rows][PART_PITCH], in a cluster with the block that owns the
 * row. */
__device__ inline void hand_over(const float (&acc)[MT][NT][4], u32 part, const place &p, const warp &me)
{
    constexpr int ROWS = CLUSTER ? BM / SPLIT : BM;
    const int lane = threadIdx.x % 32, slot = (CLUSTER ? p.rank * WK : 0) + me.k;

#pragma unroll
    for (int i = 0; i < MT; i++)
#pragma unroll
        for (int half = 0; half < 2; half++) {
            const int row = me.m * TM + i * 16 + half * 8 + lane / 4;
            u32 at = part + (u32)((slot * ROWS + row % ROWS) * PART_PITCH + me.n * TN + lane % 4 * 2) * 4;
#if __CUDA_ARCH__ >= 900
            if (CLUSTER)
                at = address_in(at, row / ROWS);
#endif
#pragma unroll
            for (int j = 0; j < NT; j++) {
                const float x = acc[i][j][half * 2], y = acc[i][j][half * 2 + 1];
#if __CUDA_ARCH__ >= 900
                if (CLUSTER)
                    store_in_cluster(at + j * 32, x, y);
                else
#endif
                    asm volatile("st.shared.v2.f32 [%0], {%1, %2};" ::"r"(at + j * 32), "f"(x), "f"(y) : "memory");
            }
        }
}

extern "C" __global__ void __launch_bounds__(THREADS)
    conv_implicit_gemm(const T *a, const T *w, const float *bias, TY *y, const void *e0, const void *e1, const void *e2,
                       const void *e3, float *partial, u32 *tickets, int batch, int height, int width, int out_height,
                       int out_width)
{
    const arguments x = {a,       w,     bias,   y,     {e0, e1, e2, e3}, partial,
                         tickets, batch, height, width, out_height,       out_width};
    extern __shared__ uint4 shared[];
    char *room = (char *)shared;
    constexpr int ROWS = CLUSTER ? BM / SPLIT : BM;
    /* Other blocks of a cluster write partial sums while this one may still compute: they have room of their own. */
    char *part = room + (CLUSTER ? STAGES * STAGE_BYTES : 0);
    float acc[MT][NT][4] = {};

    let_successor_begin();
#if __CUDA_ARCH__ >= 900
    if (CLUSTER)
        cluster_arrive();
#endif
    const extents e(x);
    const place p(e.rows());
    load_bias<THREADS>(x, p);
    const warp me;
    const loader from(x, p, shared_address(room));
    multiply_all(acc, from, p, me);
#if __CUDA_ARCH__ >= 900
    if (CLUSTER) {
        cluster_wait(); /* all blocks have begun, so their memory is there */
        hand_over(acc, shared_address(part), p, me);
        cluster_arrive();
        cluster_wait();
    } else
#endif
    {
        __syncthreads();
        hand_over(acc, shared_address(part), p, me);
        __syncthreads();
    }
    drain<ROWS, THREADS>(x, p, e, (const float *)part, CLUSTER ? SPLIT * WK : WK, CLUSTER ? p.rank * ROWS : 0);
}
