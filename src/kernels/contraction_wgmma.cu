/* Convolution and product with constant weights on the warpgroup products of compute capability 9.0: one warpgroup
 * copies, the others multiply, blocks stay and walk over tiles.
 *
 * y[m, n] = epilogue(alpha * sum over k of a[m, k] * w[n, k] + bias[n], extras), as conv_implicit_gemm has it. Weights
 * are packed as [problem][N / PANEL][K / 16 bytes][PANEL][16 bytes], so that a tile of them is one bulk copy, or eight;
 * rows of a are gathered 16 bytes at a time with the swizzle that products read, which does for every window and needs no
 * description of the tensor by the driver. The ring goes on from tile to tile: the next tile's operands arrive while a
 * tile is finished. With ALTERNATE the multiplying warpgroups take whole tiles in turn, and one multiplies while another
 * is in its epilogue; without it they share a tile's rows.
 *
 * Knobs, arguments, grid and shared memory: docs/kernels/contraction_wgmma.md.
 * Limits: compute capability 9.0 alone; rows (C, LDA) of whole 16 bytes, aligned to 16 bytes; weights constant. */
#include "contraction.cuh"
#include "device.cuh"
#include "wgmma.cuh"

constexpr int ES = sizeof(T), LANES = 16 / ES; /* elements of 16 bytes, the unit of copies */
constexpr int CHUNKS = 8;                      /* ... of K in a tile: one line of the swizzle */
constexpr int C_CHUNKS = C / LANES, K_CHUNKS = K / LANES;
constexpr int TILES = (K_CHUNKS + CHUNKS - 1) / CHUNKS;
constexpr int THREADS = 128 * (1 + GROUPS);
constexpr int A_BYTES = BM * CHUNKS * 16, W_BYTES = BN * CHUNKS * 16, STAGE_BYTES = A_BYTES + W_BYTES;
constexpr int A_ROWS = BM / 16;                         /* rows of a that a thread copies a chunk of */
constexpr int MI = BM / 64 / (ALTERNATE ? 1 : GROUPS);  /* products of 64 rows that a warpgroup has */
constexpr int TURNS = ALTERNATE ? GROUPS : 1;           /* tiles until a warpgroup's next */
constexpr int COLUMNS = 64, PART_FLOATS = 16 * COLUMNS; /* of a warp's piece on its way through shared memory */
constexpr int PIECES = 16 * COLUMNS / 8 / 32;           /* eight neighbours each; of a lane */
constexpr bool K_IS_WHOLE = K_CHUNKS % CHUNKS == 0;
constexpr bool W_IS_WHOLE = K_IS_WHOLE && PANEL == BN; /* a tile of weights is one piece */
constexpr int W_WARPS = W_IS_WHOLE ? 1 : 4;            /* that copy weights */
constexpr int TAPS = KH * KW;

static_assert(C % LANES == 0 && LDA % LANES == 0, "rows are multiples of 16 bytes");
static_assert(BK * ES == 128, "a tile's rows are lines of the swizzle");
static_assert(MI > 0 && BM % 64 == 0 && BN % COLUMNS == 0, "a warpgroup's tile is at least 64 x 64");
static_assert(STAGES >= 2, "one tile is computed while others arrive");
static_assert(PANEL == N || (PANEL == BN && N % BN == 0), "a tile's columns lie in one panel");
static_assert(W_IS_CONSTANT && !W_IS_KN && !A_IS_KM && !IS_SPREAD && SPLIT == 1, "what this kernel has");

/* Registers: what copying needs, and the rest for those that multiply. All begin with EVEN. */
constexpr int EVEN = 65536 / (BLOCKS * THREADS) / 8 * 8;
constexpr int FOR_COPIES = (44 + 3 * A_ROWS + 7) / 8 * 8;
constexpr int LEFT = (EVEN * (1 + GROUPS) - FOR_COPIES) / GROUPS / 8 * 8;
constexpr int FOR_PRODUCTS = LEFT > 240 ? 240 : LEFT;
constexpr bool MOVES_REGISTERS = EVEN < 240 && EVEN > FOR_COPIES;

/* ---- the ring ---- */

/* Counts tiles of K through the slots, over all tiles of the block. */
struct cursor {
    int slot = 0;
    u32 round = 0; /* parity of the times that the slot was used before */

    __device__ void next()
    {
        if (++slot == STAGES)
            slot = 0, round ^= 1;
    }
    __device__ void skip(int n)
    {
        slot += n;
        round ^= slot / STAGES & 1;
        slot %= STAGES;
    }
};

struct ring {
    u32 slots, full, empty, turn; /* addresses; barriers are eight bytes each */

    __device__ u32 at(int slot) const
    {
        return slots + slot * STAGE_BYTES;
    }
};

__shared__ u64 barriers[2 * STAGES + GROUPS];

__device__ inline ring make_ring(u32 slots)
{
    const ring r = {slots, shared_address(barriers), shared_address(barriers + STAGES),
                    shared_address(barriers + 2 * STAGES)};

    if (threadIdx.x == 0) {
        for (int i = 0; i < STAGES; i++) {
            barrier_init(r.full + i * 8, 128 + W_WARPS);               /* copying threads, and bytes of weights */
            barrier_init(r.empty + i * 8, ALTERNATE ? 4 : 4 * GROUPS); /* warps that multiply */
        }
        for (int i = 0; i < GROUPS; i++)
            barrier_init(r.turn + i * 8, 4); /* warps of the group before */
        barriers_are_ready();
    }
    __syncthreads();
    return r;
}

/* ---- tiles of the block ---- */

__device__ inline int tiles_of_problem(int rows)
{
    return (rows + BM - 1) / BM * ((N + BN - 1) / BN);
}

__device__ inline place place_of(int tile, int rows)
{
    const int each = tiles_of_problem(rows), z = tile / each;

    return place(rows, tile - z * each, z);
}

/* ---- copying ---- */

/* Where a row of the tile begins in the input, and under which taps it is not in the padding. */
struct tile_row {
    u32 at;
    u32 taps; /* a bit each; where there are more than 32 */
    int y, x; /* ... the pixel instead */
};

__device__ inline tile_row row_of(int m, const extents &e)
{
    const pixel p = pixel_of<LDA / LANES>(m, e);
    tile_row t = {p.at, 0, p.y, p.x};
    u32 across = 0;

    if (TAPS > 32)
        return t;
#pragma unroll
    for (int s = 0; s < KW; s++)
        across |= (u32)((u32)(p.x + s * DW) < (u32)e.w) << s;
#pragma unroll
    for (int r = 0; r < KH; r++)
        t.taps |= (u32)(p.y + r * DH) < (u32)e.h ? across << r * KW : 0;
    return t;
}

/* A thread's rows are row, row + 16, ... of a tile, its chunk the same in each. */
struct loader {
    const arguments &x;
    const extents &e;
    int row, chunk;
    u32 to; /* of the first row, within a tile */
    const char *a;
    bool is_full; /* a product's tile whose rows are all there: their distance is a constant */
    tile_row rows[A_ROWS];

    __device__ loader(const arguments &x, const extents &e) : x(x), e(e)
    {
        row = threadIdx.x / CHUNKS, chunk = threadIdx.x % CHUNKS;
        to = (u32)(row * CHUNKS + (chunk ^ row % 8)) * 16;
    }

    __device__ void begin(const place &p)
    {
        a = (const char *)(x.a + p.offset(A_ZI, A_ZO));
        is_full = IS_POINT && K_IS_WHOLE && p.m + BM <= e.rows();
        if (is_full) {
            a += (u64)(p.m + row) * (LDA * ES) + chunk * 16;
            return;
        }
#pragma unroll
        for (int i = 0; i < A_ROWS; i++)
            rows[i] = row_of(p.m + row + i * 16, e);
    }

    __device__ void load_full(u32 slot, int tile) const
    {
        const char *from = a + tile * (CHUNKS * 16);
#pragma unroll
        for (int i = 0; i < A_ROWS; i++)
            copy16(slot + to + i * (16 * CHUNKS * 16), from + i * (16 * (i64)LDA * ES), true);
    }

    /* What is in the padding is not read, so that its address is of no matter. */
    __device__ void load_a(u32 slot, int tile) const
    {
        const int k = tile * CHUNKS + chunk;
        const int tap = k / C_CHUNKS, r = tap / KW, s = tap - r * KW;
        const u32 shift = (u32)(r * DH * e.w + s * DW) * (LDA / LANES) + (u32)(k - tap * C_CHUNKS);
        const bool is_in_k = K_IS_WHOLE || k < K_CHUNKS;
#pragma unroll
        for (int i = 0; i < A_ROWS; i++) {
            const tile_row &t = rows[i];
            const bool is_there =
                is_in_k && (TAPS > 32 ? is_inside(pixel{t.at, t.y, t.x}, r, s, e) : (bool)(t.taps >> tap & 1));
            copy16(slot + to + i * (16 * CHUNKS * 16), a + (u64)(t.at + shift) * 16, is_there);
        }
    }

    __device__ void load(u32 slot, int tile) const
    {
        if (is_full)
            load_full(slot, tile);
        else
            load_a(slot, tile);
    }
};

/* Called by the first W_WARPS warps, of which each copies its part: all of the tile, or two chunks, a lane each. Behind
 * the end of K the last chunk comes again: a is zero there. Columns that are not there keep what was in their place: no
 * other column sees it. */
__device__ inline void load_w(const arguments &x, const place &p, u32 slot, int tile, u32 barrier)
{
    const int warp = threadIdx.x / 32, lane = threadIdx.x % 32;
    const char *w = (const char *)(x.w + p.offset(W_ZI, W_ZO));
    const int panel = p.n / PANEL;

    if constexpr (W_IS_WHOLE) {
        if (lane == 0) {
            barrier_expect(barrier, W_BYTES);
            copy_bulk(slot + A_BYTES, w + (u64)(panel * K_CHUNKS + tile * CHUNKS) * (BN * 16), W_BYTES, barrier);
        }
    } else {
        const u32 bytes = (u32)min(BN, N - p.n) * 16;
        if (lane == 0)
            barrier_expect(barrier, bytes * (CHUNKS / W_WARPS));
        __syncwarp();
        if (lane < CHUNKS / W_WARPS) {
            const int c = warp * (CHUNKS / W_WARPS) + lane, k = panel * K_CHUNKS + min(tile * CHUNKS + c, K_CHUNKS - 1);
            copy_bulk(slot + A_BYTES + c * (BN * 16), w + ((u64)k * PANEL + p.n % PANEL) * 16, bytes, barrier);
        }
    }
}

__device__ inline void copy_all(const arguments &x, const extents &e, const ring &r, int tiles)
{
    const int rows = e.rows();
    const bool has_weights = threadIdx.x < 32 * W_WARPS;
    constexpr int AHEAD = TILES < STAGES ? TILES : STAGES; /* tiles of weights that do not wait */
    loader from(x, e);
    cursor at;
    int n = 0;

    if (has_weights && (int)blockIdx.x < tiles)
        for (int k = 0; k < AHEAD; k++)
            load_w(x, place_of(blockIdx.x, rows), r.at(k), k, r.full + k * 8);
    wait_for_predecessor();
    for (int tile = blockIdx.x; tile < tiles; tile += gridDim.x) {
        const place p = place_of(tile, rows);
        from.begin(p);
        for (int k = 0; k < TILES; k++, n++, at.next()) {
            const u32 slot = r.at(at.slot), full = r.full + at.slot * 8;
            barrier_wait(r.empty + at.slot * 8, at.round ^ 1);
            if (has_weights && n >= AHEAD)
                load_w(x, p, slot, k, full);
            from.load(slot, k);
            barrier_arrive_after_copies(full);
        }
    }
    copy_commit();
    copy_wait<0>();
}

/* ---- multiplying ---- */

/* The warpgroup's rows of one tile, its n-th. Leaves the cursor behind the tile. Warpgroups that take turns begin when
 * the one before has seen all of its tile arrive: a barrier tells a phase only from the one before it. */
__device__ inline void multiply_tile(float (&acc)[MI][BN / 2], const ring &r, cursor &at, int group, int n)
{
    const bool releases = threadIdx.x % 32 == 0;
    const u32 first = ALTERNATE ? 0 : group * MI * 64 * CHUNKS * 16;
    u32 before = 0;

    if (ALTERNATE)
        barrier_wait(r.turn + group * 8, (n + (group == 0)) & 1);
    for (int k = 0; k < TILES; k++, at.next()) {
        barrier_wait(r.full + at.slot * 8, at.round);
        show_stores_to_products();
        const u64 a = swizzled_tile(r.at(at.slot) + first), w = plain_tile(r.at(at.slot) + A_BYTES, BN * 16);
        products_begin();
#pragma unroll
        for (int s = 0; s < CHUNKS / 2; s++)
#pragma unroll
            for (int i = 0; i < MI; i++)
                multiply_tiles<T>(acc[i], a + i * (64 * CHUNKS) + s * 2, w + s * (2 * BN), k + s);
        products_commit();
        products_wait<1>();
        if (releases && k > 0)
            barrier_arrive(before);
        before = r.empty + at.slot * 8;
    }
    if (ALTERNATE && releases)
        barrier_arrive(r.turn + (group + 1) % GROUPS * 8);
    products_wait<0>();
    if (releases)
        barrier_arrive(before);
#pragma unroll
    for (int i = 0; i < MI; i++)
        sums_are_there(acc[i]);
}

/* ---- epilogue ---- */

/* Where four neighbours of a warp's piece lie: stores of fragments and loads of eight neighbours meet all banks. */
__device__ inline int part_at(int row, int column)
{
    const int eight = column / 8 ^ row % 8;

    return row * COLUMNS + eight * 8 + ((column / 4 ^ eight / 4) & 1) * 4 + column % 4;
}

/* The lane's share of 16 rows and 64 columns: eight neighbours of every fourth row. */
struct share {
    int row, column;
    float e[PIECES][4][8], bias[8];

    __device__ share()
    {
        row = threadIdx.x % 32 / 8, column = threadIdx.x % 8 * 8;
    }

    /* Operands are requested together, before the sums are there. Rows and columns outside read others. */
    __device__ void load(const arguments &x, const place &p, int m, int n, int rows)
    {
        const int from = n + column < N ? n + column : 0;
#pragma unroll
        for (int i = 0; i < PIECES; i++)
            load_extras(x, p, min(m + row + i * 4, rows - 1), from, e[i]);
        if constexpr (HAS_BIAS && IS_WIDE<8, BIAS_ZI, BIAS_ZO>) {
            load_wide(bias, x.bias + p.offset(BIAS_ZI, BIAS_ZO) + from);
        } else {
            const float *b = x.bias + p.offset(BIAS_ZI, BIAS_ZO) + from;
#pragma unroll
            for (int i = 0; i < 8; i++)
                bias[i] = HAS_BIAS && from + i < N ? __ldg(b + i) : 0;
        }
    }

    __device__ void finish(const arguments &x, const place &p, int m, int n, int rows, const float *part)
    {
#pragma unroll
        for (int i = 0; i < PIECES; i++) {
            const int r = row + i * 4;
            const float4 lo = *(const float4 *)(part + part_at(r, column));
            const float4 hi = *(const float4 *)(part + part_at(r, column + 4));
            float v[8] = {lo.x, lo.y, lo.z, lo.w, hi.x, hi.y, hi.z, hi.w};
            if (m + r < rows && n + column < N)
                conclude(x, p, m + r, n + column, v, e[i], bias);
        }
    }
};

/* The warp's sums of 16 rows and COLUMNS columns, from c on, to its piece of shared memory. */
__device__ inline void put_part(float *part, const float (&acc)[BN / 2], int c)
{
    const int lane = threadIdx.x % 32;

#pragma unroll
    for (int j = 0; j < COLUMNS / 8; j++)
#pragma unroll
        for (int half = 0; half < 2; half++) {
            const float *d = acc + (c / 8 + j) * 4 + half * 2;
            *(float2 *)(part + part_at(lane / 4 + half * 8, j * 8 + lane % 4 * 2)) = make_float2(d[0], d[1]);
        }
}

__device__ inline void finish_tile(const arguments &x, const place &p, int rows, const float (&acc)[MI][BN / 2],
                                   float *part, int group)
{
    const int warp_row = threadIdx.x / 32 % 4 * 16;

#pragma unroll
    for (int i = 0; i < MI; i++) {
        const int m = p.m + (ALTERNATE ? 0 : group * MI * 64) + i * 64 + warp_row;
#pragma unroll
        for (int c = 0; c < BN; c += COLUMNS) {
            share mine;
            if (m >= rows || p.n + c >= N)
                continue;
            mine.load(x, p, m, p.n + c, rows);
            put_part(part, acc[i], c);
            __syncwarp();
            mine.finish(x, p, m, p.n + c, rows, part);
            __syncwarp();
        }
    }
}

__device__ inline void multiply_all(const arguments &x, const extents &e, const ring &r, float *parts, int tiles)
{
    const int group = threadIdx.x / 128 - 1, rows = e.rows(), turn = ALTERNATE ? group : 0;
    float *part = parts + (threadIdx.x / 32 - 4) * PART_FLOATS;
    cursor at;

    wait_for_predecessor();
    at.skip(turn * TILES);
    for (int n = 0, tile = blockIdx.x + turn * gridDim.x; tile < tiles; n++, tile += TURNS * gridDim.x) {
        float acc[MI][BN / 2];
        multiply_tile(acc, r, at, group, n);
        finish_tile(x, place_of(tile, rows), rows, acc, part, group);
        at.skip((TURNS - 1) * TILES);
    }
}

extern "C" __global__ void __launch_bounds__(THREADS, BLOCKS)
    contraction_wgmma(const T *a, const T *w, const float *bias, TY *y, const void *e0, const void *e1, const void *e2,
                      const void *e3, float *partial, u32 *tickets, int batch, int height, int width, int out_height,
                      int out_width)
{
    const arguments x = {a,       w,     bias,   y,     {e0, e1, e2, e3}, partial,
                         tickets, batch, height, width, out_height,       out_width};
    extern __shared__ uint4 shared[];
    const u32 slots = (shared_address(shared) + 1023) / 1024 * 1024; /* tiles of the swizzle begin there */
    float *parts = (float *)((char *)shared + (slots - shared_address(shared)) + STAGES * STAGE_BYTES);

    let_successor_begin();
    const extents e(x);
    const int tiles = tiles_of_problem(e.rows()) * PROBLEMS;
    const ring r = make_ring(slots);
    if (threadIdx.x < 128) {
        if constexpr (MOVES_REGISTERS)
            leave_registers<FOR_COPIES>();
        copy_all(x, e, r, tiles);
    } else {
        if constexpr (MOVES_REGISTERS)
            take_registers<FOR_PRODUCTS>();
        multiply_all(x, e, r, parts, tiles);
    }
}
