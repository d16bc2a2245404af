/* What contractions with a ring of tiles share: copies of tiles into swizzled slots, the loop along K, and the way of sums
 * from the warps to the epilogue. Which products are made of a tile is the kernels' own. */

constexpr int ES = sizeof(T), LANES = 16 / ES; /* elements of 16 bytes, the unit of copies */
constexpr int WARPS = WM * WN * WK, THREADS = 32 * WARPS;
constexpr int TM = BM / WM, TN = BN / WN; /* a warp's tile */
constexpr int CHUNKS = BK / LANES; /* 16-byte chunks of K in a tile */
constexpr int C_CHUNKS = C / LANES, K_CHUNKS = K / LANES;
constexpr int TILES = (K_CHUNKS + CHUNKS - 1) / CHUNKS;
constexpr int N_CHUNKS = BN / LANES; /* of a row of weights where they are [K, N] */
constexpr int A_BYTES = BM * CHUNKS * 16, W_BYTES = BN * CHUNKS * 16, STAGE_BYTES = A_BYTES + W_BYTES;
constexpr int A_ROWS = (BM * CHUNKS + THREADS - 1) / THREADS; /* rows of A that a thread copies */
constexpr int W_COPIES = (BN * CHUNKS + THREADS - 1) / THREADS;
constexpr int PART_ROWS = CLUSTER ? BM / SPLIT : BM; /* of the tile, that this block finishes */

static_assert(C % LANES == 0 && LDA % LANES == 0 && LDW % LANES == 0, "rows are multiples of 16 bytes");
static_assert(!A_IS_KM, "a's rows lie along K");
static_assert(!W_IS_KN || N % LANES == 0, "rows of w are multiples of 16 bytes");
static_assert(!CLUSTER || BM % SPLIT == 0, "the blocks of a cluster share the rows evenly");
static_assert(STAGES >= 2, "one tile is computed while others arrive");

/* Where chunk c of row r lies in a tile of PER_ROW chunks a row: eight rows of a chunk fall into eight bank groups. */
template <int PER_ROW> __device__ inline u32 swizzled(int r, int c)
{
    constexpr int ROWS_PER_LINE = PER_ROW >= 8 ? 1 : 8 / PER_ROW, MASK = (PER_ROW >= 8 ? 8 : PER_ROW) - 1;
    return (u32)(r * PER_ROW + (c ^ (r / ROWS_PER_LINE & MASK))) * 16;
}

/* The gate of every channel, which lies still while tiles come and go. */
__shared__ uint4 gate_row[HAS_GATE ? TILES * CHUNKS : 1];

__device__ inline void load_gate(const arguments &x, const place &p)
{
    const char *from = (const char *)((const T *)x.extra[3] + p.offset(E3::zi, E3::zo));

    for (int i = threadIdx.x; i < TILES * CHUNKS; i += THREADS)
        copy16(shared_address(gate_row + i), from + (i < K_CHUNKS ? i * 16 : 0), i < K_CHUNKS);
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

struct warp {
    int m, n, k; /* the warp's place among WM x WN x WK */
    __device__ warp()
    {
        const int i = threadIdx.x / 32;
        m = i % WM, n = i / WM % WN, k = i / (WM * WN);
    }
};

/* Requests the tile number `next` for the slot that has become free. */
struct refiller {
    const loader &from;
    int first, now, next, count, slot;

    /* The first chunk of K of the tile that is computed now. */
    __device__ int chunk() const
    {
        return (first + now) * CHUNKS;
    }

    __device__ void operator()() const
    {
        if (next < count) {
            from.load_w(first + next, slot);
            from.load_a(first + next, slot);
        }
        copy_commit();
    }
};

/* The ring: STAGES - BEHIND tiles are on their way while one is computed by multiply(its address, refill), which calls
 * refill() once, when it has requested what it needs first. extras: requested when the first tiles are. BEHIND: tiles
 * that may be read when it returns; 2 where products are still under way then. */
template <int BEHIND = 1, typename X, typename F>
__device__ inline void run_ring(const arguments &x, const loader &from, const place &p, X &extras, F multiply)
{
    constexpr int AHEAD = STAGES - BEHIND;
    const int first = p.rank * TILES / SPLIT, count = (p.rank + 1) * TILES / SPLIT - first;

    if (W_IS_CONSTANT)
        for (int i = 0; i < AHEAD && i < count; i++)
            from.load_w(first + i, i);
    wait_for_predecessor();
    if (HAS_GATE)
        load_gate(x, p);
    for (int i = 0; i < AHEAD; i++) {
        if (i < count) {
            if (!W_IS_CONSTANT)
                from.load_w(first + i, i);
            from.load_a(first + i, i);
        }
        copy_commit();
    }
    extras.request(x, p, from.e.rows(), CLUSTER ? p.rank * PART_ROWS : 0);
    int slot = 0, free_slot = AHEAD;
    for (int i = 0; i < count; i++) {
        copy_wait<AHEAD - 1>();
        __syncthreads();
        multiply(from.ring + slot * STAGE_BYTES, refiller{from, first, i, i + AHEAD, count, free_slot});
        slot = slot + 1 == STAGES ? 0 : slot + 1;
        free_slot = free_slot + 1 == STAGES ? 0 : free_slot + 1;
    }
    copy_wait<0>();
}

/* Two neighbouring sums at row `row` of the tile, column `column`: to where drain() finds them, [slots][rows][PART_PITCH],
 * in a cluster in the block that owns the row. */
__device__ inline void put_pair(u32 part, int slot, int row, int column, float x, float y)
{
    u32 at = part + (u32)((slot * PART_ROWS + row % PART_ROWS) * PART_PITCH + column) * 4;
#if __CUDA_ARCH__ >= 900
    if (CLUSTER)
        store_in_cluster(address_in(at, row / PART_ROWS), x, y);
    else
#endif
        asm volatile("st.shared.v2.f32 [%0], {%1, %2};" ::"r"(at), "f"(x), "f"(y) : "memory");
}

/* Everything around the products: multiply_all(loader, place, extras) keeps sums in registers, put_all(part, place)
 * stores them by put_pair. */
using extras_of_block = held_extras<PART_ROWS, THREADS>;

template <typename M, typename H> __device__ inline void run_block(const arguments &x, M multiply_all, H put_all)
{
    alignas(1024) extern __shared__ uint4 shared[]; /* where a tile of whole lines of banks begins */
    char *room = (char *)shared;
    /* Other blocks of a cluster write partial sums while this one may still compute: they have room of their own. */
    char *part = room + (CLUSTER ? STAGES * STAGE_BYTES : 0);

    let_successor_begin();
#if __CUDA_ARCH__ >= 900
    if (CLUSTER)
        cluster_arrive();
#endif
    const extents e(x);
    const place p(e.rows());
    load_bias<THREADS>(x, p);
    extras_of_block extras;
    multiply_all(loader(x, p, shared_address(room)), p, extras);
#if __CUDA_ARCH__ >= 900
    if (CLUSTER) {
        cluster_wait(); /* all blocks have begun, so their memory is there */
        put_all(shared_address(part), p);
        cluster_arrive();
        cluster_wait();
    } else
#endif
    {
        __syncthreads();
        put_all(shared_address(part), p);
        __syncthreads();
    }
    drain<PART_ROWS, THREADS>(x, p, e, (const float *)part, CLUSTER ? SPLIT * WK : WK,
                              CLUSTER ? p.rank * PART_ROWS : 0, extras);
}
