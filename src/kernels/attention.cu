/* Attention on the tensor cores: softmax(q * k' * scale + mask) * v for BM queries of one head a block; scores and
 * weights never leave the registers.
 *
 * The block's warps are WM along the queries and WN along the keys. Tiles of BN keys and their values come through a
 * ring of STAGES slots; where that holds all of them, everything is requested at once and nothing is ever rescaled.
 * Each warp keeps the largest score, the sum of weights and the weighted values of its own keys (online softmax), and
 * the WN parts meet at the end in one order; until then only the WM warps that share keys wait for one another. With one sequence a layer is
 * all latency, and many blocks of 16 queries whose keys are spread over the warps are what fills the device.
 *
 * float32 operands are rounded to tf32. A weight's place in the fragment of the second product is its place in that of
 * the first: the keys of a step are taken in the order that makes it so. Rows have an odd number of 16-byte chunks in
 * shared memory, so that eight rows of a chunk fall into eight groups of banks. Source: FlashAttention (2205.14135,
 * 2307.08691) for the recurrence; fragments follow the PTX manual.
 *
 * Knobs: attention.cuh, and BM, BN, WM, WN, STAGES, BLOCKS: that an SM shall hold. Grid: blocks of queries, heads, batches.
 * Limits: compute capability 8.0; rows begin at multiples of 16 bytes and D, DV are whole multiples of them. */
#include "device.cuh"
#include "attention.cuh"

constexpr int LANES = 16 / sizeof(T), THREADS = 32 * WM * WN;
constexpr int MT = BM / WM / 16; /* fragments of a warp's queries */
constexpr int KN = BN / WN, NT = KN / 8;
constexpr int STEPS = (D + 2 * LANES - 1) / (2 * LANES), V_STEPS = (DV + 2 * LANES - 1) / (2 * LANES);
constexpr int OT = V_STEPS * LANES / 4; /* fragments of an answer */
constexpr int PITCH = (2 * STEPS + 1) * 16, V_PITCH = (2 * V_STEPS + 1) * 16; /* bytes of a row */
constexpr int TILES = (KEYS + BN - 1) / BN;
/* The block's queries, then of each of the WN groups of warps its keys and values. */
constexpr int SLOTS_AT = BM * PITCH, V_AT = STAGES * KN * PITCH, GROUP_BYTES = V_AT + STAGES * KN * V_PITCH;
constexpr int PART_PITCH = OT * 8 + 8, PART_BYTES = BM * (PART_PITCH + 2) * 4; /* with the rows' stats */
constexpr bool IS_OVER = PART_BYTES <= GROUP_BYTES; /* a part lies over keys and values, when all have read them */
constexpr int PART_AT = SLOTS_AT + (IS_OVER ? 0 : WN * GROUP_BYTES), PART_STEP = IS_OVER ? GROUP_BYTES : PART_BYTES;
constexpr bool IS_KEPT = MT * STEPS <= 8; /* the queries stay in registers */
/* Nothing but a positive scale is between a product and its weight: the scale is then part of the exponent's. */
constexpr bool IS_PLAIN = (!HAS_MASK || sizeof(TM) == 1) && SOFTCAP == 0 && SCALE > 0;
constexpr float LOG2E = 1.4426950408889634f, UNIT = IS_PLAIN ? SCALE * LOG2E : LOG2E;
constexpr bool HAS_EDGES = LEFT >= 0 || RIGHT >= 0 || HAS_LENGTHS || KEYS % BN != 0;
constexpr int BIAS_ROWS = HAS_MASK ? (mask_at(2) == 0 ? 1 : MT * 2) : 0;

static_assert(BM % (16 * WM) == 0 && BN % (16 * WN) == 0, "a warp's tile is at least 16 x 16");
static_assert(D % LANES == 0 && DV % LANES == 0, "rows are multiples of 16 bytes");

extern __shared__ uint4 shared[];

struct warp {
    int m, n, lane;
    __device__ warp() : m(threadIdx.x / 32 % WM), n(threadIdx.x / 32 / WM), lane(threadIdx.x % 32)
    {
    }
    /* A barrier of the group's warps. */
    __device__ void meet() const
    {
        if constexpr (WM == 1)
            __syncwarp();
        else if constexpr (WN == 1)
            __syncthreads();
        else
            asm volatile("bar.sync %0, %1;" ::"r"(n + 1), "n"(32 * WM) : "memory");
    }
};

/* ---- copies ---- */

/* Copies ROWS rows of ENTRIES to shared memory by N threads. Rows are STEP elements apart: all addresses are constants
 * away from a thread's first, which is known before the predecessor has ended; finding them is what would take the
 * time. With STEP 0 each row's address is asked for. */
template <int ROWS, int ENTRIES, int N, int STEP> struct copier {
    static constexpr int CHUNKS = ENTRIES / LANES, PADDED = (CHUNKS + 1) / 2 * 2;
    static constexpr bool IS_REGULAR = STEP > 0 && N % PADDED == 0;
    static constexpr int ROWS_APART = IS_REGULAR ? N / PADDED : 1; /* of a thread's copies */
    const T *start;
    u32 to;
    int thread;

    /* from: of row 0. */
    __device__ copier(u32 to, const T *from, int thread) : start(from), to(to), thread(thread)
    {
        if constexpr (IS_REGULAR) {
            start += thread / PADDED * STEP + thread % PADDED * LANES;
            this->to += (u32)(thread / PADDED * (PADDED + 1) + thread % PADDED) * 16;
        }
    }

    /* Rows from `first` on, `offset` bytes behind the place; from `end` on they become zeros, as do chunks behind the
     * head. row_at: a row's address. */
    template <bool ARE_THERE, typename F> __device__ void copy(u32 offset, int first, int end, F row_at) const
    {
#pragma unroll
        for (int i = 0; i < (ROWS * PADDED + N - 1) / N; i++) {
            const int item = thread + i * N, c = IS_REGULAR ? thread % PADDED : item % PADDED;
            const int row = IS_REGULAR ? thread / PADDED + i * ROWS_APART : item / PADDED;
            const bool is_there = (ARE_THERE || first + row < end) && (CHUNKS == PADDED || c < CHUNKS);
            if (ROWS * PADDED % N != 0 && row >= ROWS)
                continue;
            if constexpr (IS_REGULAR)
                copy16(to + offset + i * ROWS_APART * (PADDED + 1) * 16,
                       start + (i64)first * STEP + i * ROWS_APART * STEP, is_there);
            else
                copy16(to + offset + (u32)(row * (PADDED + 1) + c) * 16,
                       row_at(is_there ? first + row : 0) + (is_there ? c * LANES : 0), is_there);
        }
    }
};

/* A group's keys of the tiles. Tile numbers count from the block's first; those from `count` on are empty. */
struct ring {
    static constexpr bool ARE_THERE = KEYS % BN == 0 && !HAS_LENGTHS && RIGHT < 0;
    const place &p;
    const warp &me;
    u32 at; /* the group's slots in shared memory */
    copier<KN, D, 32 * WM, PAST ? 0 : (int)k_at(3)> keys;
    copier<KN, DV, 32 * WM, PAST ? 0 : (int)v_at(3)> values;
    int first, count;

    __device__ ring(const place &p, const warp &me)
        : p(p), me(me), at(shared_address(shared) + SLOTS_AT + me.n * GROUP_BYTES),
          keys(at, p.k, me.m * 32 + me.lane),
          values(at + V_AT, p.v, me.m * 32 + me.lane)
    {
    }
    /* When the number of keys is known. */
    __device__ void begin()
    {
        first = p.begin() / BN * BN + me.n * KN;
        const int left = p.end(BM) - first;
        count = TILES == 1 ? left > 0 : max((left + BN - 1) / BN, 0);
    }
    __device__ int key_of(int tile) const
    {
        return first + tile * BN;
    }
    __device__ void load_k(int tile) const
    {
        if (tile < count)
            keys.copy<ARE_THERE>(tile % STAGES * (KN * PITCH), key_of(tile), p.limit,
                                 [&](int token) { return p.key(token); });
        copy_commit();
    }
    __device__ void load_v(int tile) const
    {
        if (tile < count)
            values.copy<ARE_THERE>(tile % STAGES * (KN * V_PITCH), key_of(tile), p.limit,
                                   [&](int token) { return p.value(token); });
        copy_commit();
    }
};

/* ---- scores ---- */

struct queries {
    u32 f[IS_KEPT ? STEPS : 1][MT][4];
    u32 at;

    __device__ explicit queries(const warp &me)
        : at(shared_address(shared) + (u32)(me.m * MT * 16 + me.lane % 16) * PITCH + me.lane / 16 * 16)
    {
    }
    __device__ void load(u32 (&to)[MT][4], int step) const
    {
#pragma unroll
        for (int i = 0; i < MT; i++) {
            load_matrices(to[i], at + i * 16 * PITCH + step * 32);
            round_fragment<T>(to[i]);
        }
    }
    __device__ void keep()
    {
        if constexpr (IS_KEPT)
#pragma unroll
            for (int s = 0; s < STEPS; s++)
                load(f[s], s);
    }
};

/* keys: of the warp's first key in shared memory. */
__device__ inline void multiply_keys(float (&s)[MT][NT][4], queries &q, u32 keys, const warp &me)
{
    const u32 at = keys + (u32)(me.lane % 8 + me.lane / 16 * 8) * PITCH + me.lane / 8 % 2 * 16;

#pragma unroll
    for (int step = 0; step < STEPS; step++) {
        u32(&a)[MT][4] = q.f[IS_KEPT ? step : 0];
        if constexpr (!IS_KEPT)
            q.load(a, step);
#pragma unroll
        for (int j = 0; j < NT / 2; j++) {
            u32 b[4];
            load_matrices(b, at + j * 16 * PITCH + step * 32);
            round_fragment<T>(b);
#pragma unroll
            for (int i = 0; i < MT; i++) {
                multiply(s[i][j * 2], a[i], b[0], b[1], T());
                multiply(s[i][j * 2 + 1], a[i], b[2], b[3], T());
            }
        }
    }
}

/* What is added to the warp's scores, requested before they are there. */
struct biases {
    float x[BIAS_ROWS ? BIAS_ROWS : 1][NT][2];

    __device__ void load(const place &p, int query, int key)
    {
        constexpr bool IS_PAIR = KEYS % 2 == 0 && mask_at(0) % 2 == 0 && mask_at(1) % 2 == 0 && mask_at(2) % 2 == 0;
#pragma unroll
        for (int r = 0; r < BIAS_ROWS; r++) {
            const TM *row = p.mask + (i64)min(query + r * 8, SQ - 1) * mask_at(2);
#pragma unroll
            for (int j = 0; j < NT; j++) {
                const int at = key + j * 8;
                decltype(pack<2, TM>::in) pair = {};
                if (IS_PAIR && at < KEYS)
                    pair = *(const decltype(pack<2, TM>::in) *)(row + at);
                if (!IS_PAIR && at < KEYS)
                    pair.e[0] = row[at];
                if (!IS_PAIR && at + 1 < KEYS)
                    pair.e[1] = row[at + 1];
                x[r][j][0] = bias_of(pair.e[0]);
                x[r][j][1] = bias_of(pair.e[1]);
            }
        }
    }
};

__device__ inline void finish_scores(float (&s)[MT][NT][4], const biases &b)
{
#pragma unroll
    for (int i = 0; i < MT; i++)
#pragma unroll
        for (int j = 0; j < NT; j++)
#pragma unroll
            for (int e = 0; e < 4; e++) {
                if (!IS_PLAIN)
                    s[i][j][e] = score_of(s[i][j][e]);
                if (HAS_MASK)
                    s[i][j][e] += b.x[BIAS_ROWS > 1 ? i * 2 + e / 2 : 0][j][e % 2];
            }
}

/* Whether some query of the warp may not see some key of its tile: most tiles lie within every window. query, key: of
 * the lane's first element. */
__device__ inline bool is_cut(const place &p, int query, int key, const warp &me)
{
    const int first = query - me.lane / 4, last = first + MT * 16 - 1, first_key = key - me.lane % 4 * 2;

    return HAS_EDGES && !(p.sees(first, first_key + KN - 1) && p.sees(last, first_key));
}

/* Scores of keys that are not seen become -inf. */
__device__ inline void hide_scores(float (&s)[MT][NT][4], const place &p, int query, int key)
{
#pragma unroll
    for (int i = 0; i < MT; i++)
#pragma unroll
        for (int half = 0; half < 2; half++) {
            const int own = query + i * 16 + half * 8 + p.offset - key;
            const int from = LEFT < 0 ? 0 : own - LEFT, to = RIGHT < 0 ? p.limit - key - 1 : min(p.limit - key - 1, own + RIGHT);
#pragma unroll
            for (int j = 0; j < NT; j++)
#pragma unroll
                for (int e = 0; e < 2; e++)
                    if (j * 8 + e < from || j * 8 + e > to)
                        s[i][j][half * 2 + e] = -infinity();
        }
}

/* ---- weights and answers ---- */

__device__ inline float exp2_of(float x)
{
    float y;
    asm("ex2.approx.ftz.f32 %0, %1;" : "=f"(y) : "f"(x));
    return y;
}

__device__ inline float reciprocal_of(float x)
{
    float y;
    asm("rcp.approx.ftz.f32 %0, %1;" : "=f"(y) : "f"(x));
    return y;
}

/* Where it IS_PLAIN one multiply-add; else the difference comes first: the lowest float is a usual mask. */
__device__ inline float weight_of(float x, float base)
{
    return exp2_of(IS_PLAIN ? x * UNIT - base * UNIT : (x - base) * UNIT);
}

/* Of a warp: what its own keys came to so far. Each lane has its columns' share of a sum. */
struct answers {
    float o[MT][OT][4] = {}, most[MT][2], sum[MT][2] = {};

    __device__ answers()
    {
        for (int i = 0; i < MT; i++)
            most[i][0] = most[i][1] = -infinity();
    }

    /* Scores become weights. */
    __device__ void soften(float (&s)[MT][NT][4])
    {
#pragma unroll
        for (int i = 0; i < MT; i++)
#pragma unroll
            for (int half = 0; half < 2; half++) {
                float top = most[i][half];
#pragma unroll
                for (int j = 0; j < NT; j++)
                    top = fmaxf(top, fmaxf(s[i][j][half * 2], s[i][j][half * 2 + 1]));
                top = fmaxf(top, __shfl_xor_sync(0xffffffffu, top, 1));
                top = fmaxf(top, __shfl_xor_sync(0xffffffffu, top, 2));
                const float base = base_of(top);
                if constexpr (TILES > 1) {
                    const float shrink = weight_of(most[i][half], base);
                    sum[i][half] *= shrink;
#pragma unroll
                    for (int n = 0; n < OT; n++) {
                        o[i][n][half * 2] *= shrink;
                        o[i][n][half * 2 + 1] *= shrink;
                    }
                }
                most[i][half] = top;
#pragma unroll
                for (int j = 0; j < NT; j++)
#pragma unroll
                    for (int e = half * 2; e < half * 2 + 2; e++) {
                        s[i][j][e] = weight_of(s[i][j][e], base);
                        sum[i][half] += s[i][j][e];
                    }
            }
    }
};

__device__ inline u32 pair_of(float lo, float hi, f16)
{
    u32 y;
    asm("cvt.rn.f16x2.f32 %0, %1, %2;" : "=r"(y) : "f"(hi), "f"(lo));
    return y;
}

__device__ inline u32 pair_of(float lo, float hi, bf16)
{
    u32 y;
    asm("cvt.rn.bf16x2.f32 %0, %1, %2;" : "=r"(y) : "f"(hi), "f"(lo));
    return y;
}

/* values: of the warp's first key in shared memory. */
template <typename U>
__device__ inline void multiply_values(answers &to, const float (&s)[MT][NT][4], u32 values, const warp &me, U)
{
    const u32 at = values + (u32)(me.lane % 16) * V_PITCH + me.lane / 16 * 16;

#pragma unroll
    for (int k = 0; k < NT / 2; k++) {
        u32 a[MT][4];
#pragma unroll
        for (int i = 0; i < MT; i++)
#pragma unroll
            for (int e = 0; e < 4; e++)
                a[i][e] = pair_of(s[i][k * 2 + e / 2][e % 2 * 2], s[i][k * 2 + e / 2][e % 2 * 2 + 1], U());
#pragma unroll
        for (int n = 0; n < V_STEPS; n++) {
            u32 b[4];
            load_matrices_transposed(b, at + k * 16 * V_PITCH + n * 32);
#pragma unroll
            for (int i = 0; i < MT; i++) {
                multiply(to.o[i][n * 2], a[i], b[0], b[1], U());
                multiply(to.o[i][n * 2 + 1], a[i], b[2], b[3], U());
            }
        }
    }
}

/* tf32: eight keys a step. Element t of a step's first half is key 2t and of its second 2t + 1, as the weights lie. */
__device__ inline void multiply_values(answers &to, const float (&s)[MT][NT][4], u32 values, const warp &me, float)
{
    const u32 at = values + (u32)(me.lane % 4 * 2) * V_PITCH + me.lane / 4 * 4;

#pragma unroll
    for (int k = 0; k < NT; k++) {
        u32 a[MT][4];
#pragma unroll
        for (int i = 0; i < MT; i++) {
#pragma unroll
            for (int e = 0; e < 4; e++)
                a[i][e] = __float_as_uint(s[i][k][e % 2 * 2 + e / 2]);
            round_fragment<float>(a[i]);
        }
#pragma unroll
        for (int n = 0; n < OT; n++) {
            u32 b[4] = {};
            for (int e = 0; e < 2; e++)
                asm volatile("ld.shared.u32 %0, [%1];"
                             : "=r"(b[e])
                             : "r"(at + (k * 8 + e) * V_PITCH + n * 32)
                             : "memory");
            round_fragment<float>(b);
#pragma unroll
            for (int i = 0; i < MT; i++)
                multiply(to.o[i][n], a[i], b[0], b[1], 0.0f);
        }
    }
}

/* ---- the end: WN parts become one ---- */

template <typename U> __device__ inline u32 word_of(const float *v, float by, U)
{
    return pair_of(v[0] * by, v[1] * by, U());
}
__device__ inline u32 word_of(const float *v, float by, float)
{
    return __float_as_uint(v[0] * by);
}

__device__ inline float *part_of(int group)
{
    return (float *)((char *)shared + PART_AT + group * PART_STEP);
}

/* Largest score and sum of a row. */
__device__ inline float2 *stats_of(int group)
{
    return (float2 *)(part_of(group) + BM * PART_PITCH);
}

__device__ inline void hand_over(answers &from, const warp &me)
{
    float *const part = part_of(me.n);

#pragma unroll
    for (int i = 0; i < MT; i++)
#pragma unroll
        for (int half = 0; half < 2; half++) {
            const int row = (me.m * MT + i) * 16 + half * 8 + me.lane / 4;
            float sum = from.sum[i][half];
            sum += __shfl_xor_sync(0xffffffffu, sum, 1);
            sum += __shfl_xor_sync(0xffffffffu, sum, 2);
            if (me.lane % 4 == 0)
                stats_of(me.n)[row] = {from.most[i][half], sum};
#pragma unroll
            for (int n = 0; n < OT; n++)
                *(float2 *)(part + row * PART_PITCH + n * 8 + me.lane % 4 * 2) = {from.o[i][n][half * 2],
                                                                                 from.o[i][n][half * 2 + 1]};
        }
}

__device__ inline void combine(const place &p)
{
    constexpr int PIECES = DV / LANES;

#pragma unroll
    for (int i = 0; i < (BM * PIECES + THREADS - 1) / THREADS; i++) {
        const int item = threadIdx.x + i * THREADS, row = item / PIECES, c = item % PIECES * LANES;
        if (row >= BM || p.first + row >= SQ)
            continue;
        float most = -infinity(), sum = 0, v[LANES] = {};
#pragma unroll
        for (int n = 0; n < WN; n++)
            most = fmaxf(most, stats_of(n)[row].x);
#pragma unroll
        for (int n = 0; n < WN; n++) {
            const float2 s = stats_of(n)[row];
            const float by = weight_of(s.x, base_of(most));
            float o[LANES];
            load_pack<LANES, 1>(o, part_of(n) + row * PART_PITCH + c);
            sum += s.y * by;
#pragma unroll
            for (int k = 0; k < LANES; k++)
                v[k] += o[k] * by;
        }
        const float by = sum == 0 ? 0 : reciprocal_of(sum);
        u32 words[4];
#pragma unroll
        for (int k = 0; k < 4; k++)
            words[k] = word_of(v + k * LANES / 4, by, T());
        store16(p.y + (p.first + row) * (int)y_at(3) + c, words);
    }
}

/* ---- all of it ---- */

__device__ inline void attend(answers &to, const ring &from, queries &q, biases &b, const place &p, const warp &me)
{
    const int query = p.first + me.m * MT * 16 + me.lane / 4;

    for (int tile = 0; tile < from.count; tile++) {
        const int slot = tile % STAGES, key = from.key_of(tile) + me.lane % 4 * 2;
        float s[MT][NT][4] = {};
        if (tile > 0) {
            b.load(p, query, key);
            copy_wait<2 * STAGES - 2>();
            me.meet(); /* all have used the last tile's values */
            from.load_v(tile + STAGES - 1);
        }
        multiply_keys(s, q, from.at + slot * (KN * PITCH), me);
        finish_scores(s, b);
        if (is_cut(p, query, key, me))
            hide_scores(s, p, query, key);
        to.soften(s);
        copy_wait<2 * STAGES - 2>();
        me.meet(); /* all have used this tile's keys */
        from.load_k(tile + STAGES);
        multiply_values(to, s, from.at + V_AT + slot * (KN * V_PITCH), me, T());
    }
    copy_wait<0>();
    me.meet(); /* the part goes where keys and values were */
}

extern "C" __global__ void __launch_bounds__(THREADS, BLOCKS)
    attention(const T *q, const T *k, const T *v, T *y, const TM *mask, const i64 *lengths, const T *past_k,
              const T *past_v)
{
    const arguments x = {q, k, v, y, mask, lengths, past_k, past_v};
    constexpr int Q_STEP = (int)q_at(3);

    let_successor_begin();
    place p(x, BM);
    const warp me;
    ring from(p, me);
    const copier<BM, D, THREADS, Q_STEP> rows(shared_address(shared), p.q, threadIdx.x);
    queries own(me);
    biases b;
    answers all;
    const TM *const bias_rows = p.mask + (HAS_MASK ? (i64)min(p.first + me.m * MT * 16 + me.lane / 4, SQ - 1) * mask_at(2) : 0);
    wait_for_predecessor((u64)rows.start | (u64)from.keys.start | (u64)from.values.start | (u64)bias_rows | rows.to | from.keys.to | from.values.to);
    p.read_length(x);
    from.begin();
    /* Before the copies, whose answers it would wait for. */
    b.load(p, p.first + me.m * MT * 16 + me.lane / 4, from.key_of(0) + me.lane % 4 * 2);
    rows.copy<SQ % BM == 0>(0, p.first, SQ, [&](int row) { return p.q + row * Q_STEP; });
#pragma unroll
    for (int i = 0; i < STAGES; i++) {
        from.load_k(i);
        from.load_v(i);
    }
    copy_wait<2 * STAGES - 1>();
    __syncthreads();
    own.keep();
    attend(all, from, own, b, p, me);
    hand_over(all, me);
    __syncthreads();
    combine(p);
}
