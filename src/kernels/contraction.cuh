/* What all contractions share: where a row of the product lies in the input, how partial sums become one, and the
 * epilogue. The knobs stand before this text; docs/kernels/contraction.md lists them. */

constexpr int K = KH * KW * C;
constexpr bool IS_SPREAD = UH * UW > 1; /* the input's pixels lie apart, zeros between them */
constexpr bool IS_POINT = KH * KW == 1 && SH == 1 && SW == 1 && PH == 0 && PW == 0 && !IS_SPREAD;
constexpr int PART_PITCH = BN + 8; /* floats: rows of fragments fall into different banks */

constexpr bool HAS_GATE = E3::is_gate;

static_assert(!HAS_GATE || IS_POINT, "a gate is for products and convolutions of 1 x 1");

/* The kernels' parameters, in this order. */
struct arguments {
    const T *a;
    const T *w;
    const float *bias;
    TY *y;
    const void *extra[4];
    float *partial;
    u32 *tickets;
    int batch, height, width, out_height, out_width;
};

/* Extents that are knobs are constants of the compiler; the others are arguments. */
struct extents {
    int batch, h, w, oh, ow;
    __device__ explicit extents(const arguments &x)
        : batch(x.batch), h(H ? H : x.height), w(W ? W : x.width), oh(OH ? OH : x.out_height), ow(OW ? OW : x.out_width)
    {
    }
    __device__ int rows() const
    {
        return batch * oh * ow;
    }
};

/* The block's tile of the result, its part of K, and its problem. */
struct place {
    int m, n;         /* first row and column */
    int tile;         /* number of the tile, over all problems */
    int rank;         /* part of K: 0 .. SPLIT - 1 */
    int inner, outer; /* problem: batches, heads, groups */

    __device__ explicit place(int rows) : place(rows, blockIdx.x / SPLIT, blockIdx.z)
    {
    }
    /* The tile number `flat` of problem z. */
    __device__ place(int rows, int flat, int z)
    {
        const int tiles_m = (rows + BM - 1) / BM, tiles_n = (N + BN - 1) / BN;
        const int band = flat / (GROUP * tiles_n);
        const int in_band = flat - band * GROUP * tiles_n;
        const int band_rows = min(GROUP, tiles_m - band * GROUP);
        m = (band * GROUP + in_band % band_rows) * BM;
        n = in_band / band_rows * BN;
        rank = blockIdx.x % SPLIT;
        tile = z * tiles_m * tiles_n + flat;
        inner = z % Z_INNER;
        outer = z / Z_INNER;
    }
    /* The only part of a tile that begins at column n. */
    __device__ place(int n, int problem)
        : m(0), n(n), tile(0), rank(0), inner(problem % Z_INNER), outer(problem / Z_INNER)
    {
    }
    __device__ i64 offset(i64 by_inner, i64 by_outer) const
    {
        return inner * by_inner + outer * by_outer;
    }
};

/* The input pixel under the kernel's first tap for row m of the product. Rows that are not there lie far outside. */
struct pixel {
    u32 at; /* from the problem's start, a pixel being PITCH; wraps where the pixel is in the padding; spread: the image */
    int y, x;
};

template <u32 PITCH> __device__ inline pixel pixel_of(int m, const extents &e)
{
    if (m >= e.rows())
        return {0, -(1 << 28), 0};
    if (IS_POINT)
        return {(u32)m * PITCH, 0, 0};
    const int image = m / (e.oh * e.ow), in_image = m - image * (e.oh * e.ow);
    const int oy = in_image / e.ow, ox = in_image - oy * e.ow;
    const int y = oy * SH - PH, x = ox * SW - PW;
    return {(u32)(IS_SPREAD ? image * e.h * e.w : (image * e.h + y) * e.w + x) * PITCH, y, x};
}

__device__ inline bool is_inside(const pixel &p, int r, int s, const extents &e)
{
    if (IS_POINT)
        return p.y >= 0;
    if (IS_SPREAD) {
        const int y = p.y + r * DH, x = p.x + s * DW;
        return y >= 0 && x >= 0 && y % UH == 0 && x % UW == 0 && y / UH < e.h && x / UW < e.w;
    }
    return (u32)(p.y + r * DH) < (u32)e.h && (u32)(p.x + s * DW) < (u32)e.w;
}

/* From pixel.at to the pixel of a tap, a pixel being PITCH. */
template <u32 PITCH> __device__ inline u32 tap_offset(const pixel &p, int r, int s, const extents &e)
{
    if (IS_SPREAD)
        return (u32)((p.y + r * DH) / UH * e.w + (p.x + s * DW) / UW) * PITCH;
    return (u32)(r * DH * e.w + s * DW) * PITCH;
}

/* ---- epilogue ---- */

template <typename E> __device__ inline void load_wide(float (&v)[8], const E *p)
{
    union {
        uint4 words[sizeof(E) / 2];
        E e[8];
    } in;
    for (int i = 0; i < (int)sizeof(E) / 2; i++)
        in.words[i] = ((const uint4 *)p)[i];
    for (int i = 0; i < 8; i++)
        v[i] = to_float(in.e[i]);
}

template <typename E> __device__ inline void store_wide(E *p, const float (&v)[8])
{
    union {
        uint4 words[sizeof(E) / 2];
        E e[8];
    } out;
    for (int i = 0; i < 8; i++)
        from_float(v[i], out.e[i]);
    for (int i = 0; i < (int)sizeof(E) / 2; i++)
        ((uint4 *)p)[i] = out.words[i];
}

/* Whether eight neighbours are one aligned piece. */
template <i64 PITCH, i64 ZI, i64 ZO>
constexpr bool IS_WIDE = N % 8 == 0 && PITCH % 8 == 0 && ZI % 8 == 0 && ZO % 8 == 0;

template <typename X> __device__ inline void load_extra(float (&v)[8], const void *from, const place &p, int m, int n)
{
    using E = typename X::type;
    if constexpr (!X::is_there) {
        for (int i = 0; i < 8; i++)
            v[i] = 0;
    } else {
        const E *x = (const E *)from + p.offset(X::zi, X::zo) + (i64)m * X::m + n * X::n;
        if constexpr (X::n == 1 && sizeof(E) > 1 && IS_WIDE<X::m, X::zi, X::zo>) {
            load_wide(v, x);
        } else {
            for (int i = 0; i < 8; i++)
                v[i] = X::n && n + i >= N ? 0 : to_float(x[i * X::n]);
        }
    }
}

/* Eight neighbours of an extra, requested before the sums are there and kept as they lie in memory: only whole pieces
 * that differ from row to row are worth the registers. */
template <typename X, bool IS_EARLY> struct early_extra {
    static constexpr int WORDS = 0;
    __device__ void request(const void *, const place &, int, int)
    {
    }
    __device__ void get(float (&v)[8], const void *from, const place &p, int m, int n) const
    {
        load_extra<X>(v, from, p, m, n);
    }
};

template <typename X> struct early_extra<X, true> {
    using E = typename X::type;
    static constexpr int WORDS = sizeof(E) / 2; /* of 16 bytes */
    union {
        uint4 words[WORDS];
        E e[8];
    } in;
    __device__ void request(const void *from, const place &p, int m, int n)
    {
        const uint4 *x = (const uint4 *)((const E *)from + p.offset(X::zi, X::zo) + (i64)m * X::m + n);
        for (int i = 0; i < WORDS; i++)
            in.words[i] = x[i];
    }
    __device__ void get(float (&v)[8], const void *, const place &, int, int) const
    {
        for (int i = 0; i < 8; i++)
            v[i] = to_float(in.e[i]);
    }
};

template <typename X>
constexpr bool COMES_EARLY = X::is_there && X::n == 1 && X::m != 0 && (sizeof(typename X::type) == 2 ||
                                                                       sizeof(typename X::type) == 4) &&
                             IS_WIDE<X::m, X::zi, X::zo>;

template <bool IS_EARLY> struct early_extras {
    early_extra<E0, IS_EARLY && COMES_EARLY<E0>> e0;
    early_extra<E1, IS_EARLY && COMES_EARLY<E1>> e1;
    early_extra<E2, IS_EARLY && COMES_EARLY<E2>> e2;
    early_extra<E3, IS_EARLY && COMES_EARLY<E3>> e3;

    __device__ void request(const arguments &x, const place &p, int m, int n)
    {
        e0.request(x.extra[0], p, m, n);
        e1.request(x.extra[1], p, m, n);
        e2.request(x.extra[2], p, m, n);
        e3.request(x.extra[3], p, m, n);
    }
    __device__ void get(float (&e)[4][8], const arguments &x, const place &p, int m, int n) const
    {
        e0.get(e[0], x.extra[0], p, m, n);
        e1.get(e[1], x.extra[1], p, m, n);
        e2.get(e[2], x.extra[2], p, m, n);
        e3.get(e[3], x.extra[3], p, m, n);
    }
};

/* The tile's bias, which does not depend on the predecessor: loaded early, read after a barrier. */
__shared__ float bias_tile[BN];

template <int THREADS> __device__ inline void load_bias(const arguments &x, const place &p)
{
    if (!HAS_BIAS)
        return;
    const float *bias = x.bias + p.offset(BIAS_ZI, BIAS_ZO) + p.n;
    for (int i = threadIdx.x; i < BN; i += THREADS)
        bias_tile[i] = p.n + i < N ? __ldg(bias + i) : 0;
}

__device__ inline void load_extras(const arguments &x, const place &p, int m, int n, float (&e)[4][8])
{
    load_extra<E0>(e[0], x.extra[0], p, m, n);
    load_extra<E1>(e[1], x.extra[1], p, m, n);
    load_extra<E2>(e[2], x.extra[2], p, m, n);
    load_extra<E3>(e[3], x.extra[3], p, m, n);
}

/* Eight neighbouring sums of row m to eight results: alpha, bias, program, cast, store. */
__device__ inline void conclude(const arguments &x, const place &p, int m, int n, float (&v)[8],
                                const float (&e)[4][8], const float *bias)
{
#pragma unroll
    for (int i = 0; i < 8; i++) {
        const float sum = HAS_BIAS ? ALPHA * v[i] + bias[i] : ALPHA * v[i];
        v[i] = epilogue(sum, e[0][i], e[1][i], e[2][i], e[3][i]);
    }
    TY *y = x.y + p.offset(Y_ZI, Y_ZO) + (i64)m * LDY + n;
    if constexpr (IS_WIDE<LDY, Y_ZI, Y_ZO>) {
        store_wide(y, v);
    } else {
        for (int i = 0; i < 8; i++)
            if (n + i < N)
                from_float(v[i], y[i]);
    }
}

__device__ inline void finish(const arguments &x, const place &p, int m, int n, float (&v)[8])
{
    float e[4][8];

    load_extras(x, p, m, n, e);
    conclude(x, p, m, n, v, e, bias_tile + n - p.n);
}

/* Adds `slots` partial sums, always in their order. What other blocks stored in memory is read past the L1. */
template <bool IN_MEMORY> __device__ inline void add_slots(float (&v)[8], const float *part, int slots, int stride)
{
    for (int i = 0; i < 8; i++)
        v[i] = 0;
    for (int s = 0; s < slots; s++) {
        const float4 *at = (const float4 *)(part + s * stride);
        const float4 lo = IN_MEMORY ? __ldcg(at) : at[0], hi = IN_MEMORY ? __ldcg(at + 1) : at[1];
        v[0] += lo.x, v[1] += lo.y, v[2] += lo.z, v[3] += lo.w;
        v[4] += hi.x, v[5] += hi.y, v[6] += hi.z, v[7] += hi.w;
    }
}

/* Whether this block is the last of its tile's parts to come here: what the others stored before is then visible. */
__device__ inline bool is_last_part(const arguments &x, const place &p)
{
    __shared__ u32 ticket;

    __threadfence();
    __syncthreads();
    if (threadIdx.x == 0)
        ticket = atomicAdd(x.tickets + p.tile, 1);
    __syncthreads();
    if (ticket != SPLIT - 1)
        return false;
    __threadfence();
    if (threadIdx.x == 0)
        x.tickets[p.tile] = 0; /* for the next launch */
    return true;
}

/* Calls f(number, row, column) for this thread's share of a tile's pieces of eight neighbours. */
template <int ROWS, int THREADS, typename F> __device__ inline void for_each_numbered(F f)
{
#pragma unroll
    for (int i = 0; i < (ROWS * BN / 8 + THREADS - 1) / THREADS; i++) {
        const int item = threadIdx.x + i * THREADS;
        if (ROWS * BN / 8 % THREADS == 0 || item < ROWS * BN / 8)
            f(i, item / (BN / 8), item % (BN / 8) * 8);
    }
}

template <int ROWS, int THREADS, typename F> __device__ inline void for_each_piece(F f)
{
    for_each_numbered<ROWS, THREADS>([&](int, int r, int c) { f(r, c); });
}

/* The extras of a thread's pieces of a tile's rows from `first` on, as far as they are early ones. */
template <int ROWS, int THREADS, bool IS_ALLOWED = true> struct held_extras {
    static constexpr int PIECES = (ROWS * BN / 8 + THREADS - 1) / THREADS;
    static constexpr int WORDS = early_extra<E0, COMES_EARLY<E0>>::WORDS + early_extra<E1, COMES_EARLY<E1>>::WORDS +
                                 early_extra<E2, COMES_EARLY<E2>>::WORDS + early_extra<E3, COMES_EARLY<E3>>::WORDS;
    /* 16 registers; a part of K in memory does not know yet whether it will be the last. */
    static constexpr bool IS_EARLY = IS_ALLOWED && PIECES * WORDS <= 4 && (SPLIT == 1 || CLUSTER);
    early_extras<IS_EARLY> piece[PIECES];

    __device__ void request(const arguments &x, const place &p, int rows, int first)
    {
        if (IS_EARLY && WORDS > 0)
            for_each_numbered<ROWS, THREADS>([&](int i, int r, int c) {
                const int m = p.m + first + r, n = p.n + c;
                if (m < rows && n < N)
                    piece[i].request(x, p, m, n);
            });
    }
};

/* From partial sums in shared memory, [slots][rows][PART_PITCH], to the result. first: the first of the rows within the
 * tile. With a split over the grid the parts meet in memory, and the last block adds them in the order of K. */
template <int ROWS, int THREADS, bool IS_ALLOWED>
__device__ inline void drain(const arguments &x, const place &p, const extents &e, const float *part, int slots,
                             int first, const held_extras<ROWS, THREADS, IS_ALLOWED> &extras)
{
    const int rows = e.rows();

    if constexpr (SPLIT == 1 || CLUSTER) {
        for_each_numbered<ROWS, THREADS>([&](int i, int r, int c) {
            const int m = p.m + first + r, n = p.n + c;
            float v[8], e[4][8];
            add_slots<false>(v, part + r * PART_PITCH + c, slots, ROWS * PART_PITCH);
            if (m < rows && n < N) {
                extras.piece[i].get(e, x, p, m, n);
                conclude(x, p, m, n, v, e, bias_tile + c);
            }
        });
    } else {
        float *tile = x.partial + (i64)p.tile * SPLIT * (BM * BN);
        for_each_piece<ROWS, THREADS>([&](int r, int c) {
            float v[8];
            add_slots<false>(v, part + r * PART_PITCH + c, slots, ROWS * PART_PITCH);
            store_wide(tile + p.rank * (BM * BN) + r * BN + c, v);
        });
        if (!is_last_part(x, p))
            return;
        for_each_piece<ROWS, THREADS>([&](int r, int c) {
            const int m = p.m + r, n = p.n + c;
            float v[8];
            add_slots<true>(v, tile + r * BN + c, SPLIT, BM * BN);
            if (m < rows && n < N)
                finish(x, p, m, n, v);
        });
    }
}
