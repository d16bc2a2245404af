/* What the kernels of first layers share: the tile, the patch of the picture that is under it, and the way from its sums
 * to memory, through a maximum if there is one. The knobs stand before this text; stem.cu lists them. */
#include "device.cuh"

/* Sums of a tile, by rows and columns; neighbouring tiles compute those that their windows share twice. */
constexpr int SUM_H = (TH - 1) * QSH + QKH, SUM_W = (TW - 1) * QSW + QKW, SUMS = SUM_H * SUM_W;
/* Pixels of the picture under a tile; the kernel says how many TAPS of a row it looks at. */
constexpr int PATCH_H = (SUM_H - 1) * SH + (KH - 1) * DH + 1, PATCH_W = (SUM_W - 1) * SW + (TAPS - 1) * DW + 1;
constexpr int PATCH = PATCH_H * PATCH_W;
constexpr int TILES_X = (YW + TW - 1) / TW, TILES_Y = (YH + TH - 1) / TH, TILES = BATCH * TILES_Y * TILES_X;

/* Four channels of a pixel as products read them; there may be fewer in the picture. */
union quad {
    T e[4];
    u32 words[sizeof(T)];
    struct alignas(4 * sizeof(T)) {
        u32 words[sizeof(T)];
    } all;
    __device__ quad() : all()
    {
    }
};

/* Where a tile begins: in y, among the sums, in the picture. */
struct tile {
    int image, y, x;

    __device__ explicit tile(int number)
        : image(number / (TILES_X * TILES_Y)), y(number / TILES_X % TILES_Y * TH), x(number % TILES_X * TW)
    {
    }
    __device__ int sum_y() const
    {
        return y * QSH - QPH;
    }
    __device__ int sum_x() const
    {
        return x * QSW - QPW;
    }
};

/* ---- from the picture to the patch ---- */

struct spot {
    int row, column; /* of the picture */
    bool is_inside;

    __device__ spot(const tile &at, int number)
        : row(at.sum_y() * SH - PH + number / PATCH_W), column(at.sum_x() * SW - PW + number % PATCH_W),
          is_inside(number < PATCH && (u32)row < (u32)H && (u32)column < (u32)W)
    {
    }
};

/* Pixel `number` of the patch as it lies in memory; zeros outside of the picture. */
__device__ inline void fetch(TX (&v)[C], const TX *x, const tile &at, int number)
{
    const spot s(at, number);
    const TX *p = x + (i64)at.image * X_N + s.row * X_Y + s.column * X_X;

#pragma unroll
    for (int c = 0; c < C; c++)
        v[c] = s.is_inside ? p[c * X_C] : TX();
}

__device__ inline void convert(float x, float &y)
{
#if __CUDA_ARCH__ >= 800
    u32 bits = __float_as_uint(x);
    if (IS_ROUNDED)
        asm("cvt.rna.tf32.f32 %0, %1;" : "=r"(bits) : "f"(x));
    y = __uint_as_float(bits);
#else
    y = x;
#endif
}
__device__ inline void convert(f16 x, f16 &y)
{
    y = x;
}
__device__ inline void convert(bf16 x, bf16 &y)
{
    y = x;
}
template <typename A, typename B> __device__ inline void convert(A x, B &y)
{
    from_float(to_float(x), y);
}

/* The padding is of zeros whatever the prologue makes of them. */
__device__ inline quad quad_of(const TX (&v)[C], const tile &at, int number)
{
    quad q;

#pragma unroll
    for (int c = 0; c < C; c++)
        if constexpr (!HAS_PROLOGUE)
            convert(v[c], q.e[c]);
        else if (spot(at, number).is_inside)
            convert(prologue(to_float(v[c]), c), q.e[c]);
    return q;
}

/* A thread's share of a patch. Where it fits registers, it is requested while the tile before is computed. */
constexpr int LOADS = (PATCH + THREADS - 1) / THREADS;
constexpr bool IS_HELD = LOADS * C <= 24;
constexpr int BATCH_OF_LOADS = IS_HELD ? LOADS : 8;

struct share {
    TX v[BATCH_OF_LOADS][C];

    __device__ void request(const TX *x, const tile &at, int first)
    {
#pragma unroll
        for (int i = 0; i < BATCH_OF_LOADS; i++)
            fetch(v[i], x, at, (first + i) * THREADS + threadIdx.x);
    }
    __device__ void store(quad *patch, const tile &at, int first) const
    {
#pragma unroll
        for (int i = 0; i < BATCH_OF_LOADS; i++) {
            const int number = (first + i) * THREADS + threadIdx.x;
            if (number < PATCH)
                patch[number].all = quad_of(v[i], at, number).all;
        }
    }
    /* What has been requested, or all of it. */
    __device__ void put(quad *patch, const TX *x, const tile &at)
    {
        if (IS_HELD)
            store(patch, at, 0);
        else
            for (int i = 0; i < LOADS; i += BATCH_OF_LOADS) {
                request(x, at, i);
                store(patch, at, i);
            }
    }
};

/* ---- from sums to y ---- */

/* Sums wait here for their windows, a sum's channels beside each other. What the lanes of a warp store at once, four pairs
 * of rows and eight pairs of channels, falls into different banks. */
constexpr int STAGE_PITCH = BN + (sizeof(TY) == 4 ? 4 : BN % 16 ? 0 : 8);

/* The further operands of one channel: they repeat over the pixels. */
struct operands {
    const void *e[4];
};
struct channel_operands {
    float e[4];

    __device__ channel_operands(const operands &o, int n)
        : e{load<E0>(o.e[0], n), load<E1>(o.e[1], n), load<E2>(o.e[2], n), load<E3>(o.e[3], n)}
    {
    }
    template <typename X> __device__ static float load(const void *from, int n)
    {
        using E = typename X::type;
        if constexpr (X::is_there)
            return to_float(((const E *)from)[n * X::n]);
        else
            return 0;
    }
    __device__ float finished(float sum) const
    {
        return epilogue(sum, e[0], e[1], e[2], e[3]);
    }
};

/* Two neighbours to memory. */
__device__ inline void store_pair(float *to, float x, float y)
{
    *(float2 *)to = make_float2(x, y);
}
#if __CUDA_ARCH__ >= 800
__device__ inline void store_pair(f16 *to, float x, float y)
{
    asm("cvt.rn.f16x2.f32 %0, %1, %2;" : "=r"(*(u32 *)to) : "f"(y), "f"(x));
}
__device__ inline void store_pair(bf16 *to, float x, float y)
{
    asm("cvt.rn.bf16x2.f32 %0, %1, %2;" : "=r"(*(u32 *)to) : "f"(y), "f"(x));
}
#else
template <typename E> __device__ inline void store_pair(E *to, float x, float y)
{
    from_float(x, to[0]);
    from_float(y, to[1]);
}
#endif

/* The greater of two neighbours each; NaN stays NaN. */
#if __CUDA_ARCH__ >= 800
__device__ inline void keep_greater(u32 &a, u32 b, f16)
{
    asm("max.NaN.f16x2 %0, %0, %1;" : "+r"(a) : "r"(b));
}
__device__ inline void keep_greater(u32 &a, u32 b, bf16)
{
    asm("max.NaN.bf16x2 %0, %0, %1;" : "+r"(a) : "r"(b));
}
#else
template <typename E> __device__ inline void keep_greater(u32 &a, u32 b, E)
{
    for (int i = 0; i < 32; i += 16) {
        const E x = {(u16)(a >> i)}, y = {(u16)(b >> i)};
        if (to_float(y) > to_float(x) || to_float(y) != to_float(y))
            a = (a & 0xffff0000u >> i) | (u32)y.bits << i;
    }
}
#endif
__device__ inline void keep_greater(u32 &a, u32 b, float)
{
    const float x = __uint_as_float(a), y = __uint_as_float(b);
    if (y > x || y != y)
        a = b;
}

union eight {
    uint4 words[sizeof(TY) / 2];
    u32 parts[2 * sizeof(TY)];
    __device__ explicit eight(const TY *p)
    {
#pragma unroll
        for (int i = 0; i < (int)sizeof(TY) / 2; i++)
            words[i] = ((const uint4 *)p)[i];
    }
    __device__ void store(TY *p) const
    {
#pragma unroll
        for (int i = 0; i < (int)sizeof(TY) / 2; i++)
            ((uint4 *)p)[i] = words[i];
    }
    __device__ void keep_greater_of(const eight &b)
    {
#pragma unroll
        for (int i = 0; i < 2 * (int)sizeof(TY); i++)
            keep_greater(parts[i], b.parts[i], TY());
    }
};

/* Which of a tile's rows (or columns) of sums there are; the others are in the maximum's padding. A window that looks at
 * one of those looks again at one that is there, which is in the window too. */
struct range {
    int low, high;

    __device__ range(int first, int extent, int sums) : low(max(-first, 0)), high(min(extent - 1 - first, sums - 1))
    {
    }
    __device__ int at(int i) const
    {
        return HAS_POOL ? min(max(i, low), high) : i;
    }
};

/* Eight channels of the greatest sums under pixel (py, px) of the tile. */
__device__ inline eight greatest(const TY *stage, const range &rows, const range &columns, int py, int px)
{
    eight best(stage + (rows.at(py * QSH) * SUM_W + columns.at(px * QSW)) * STAGE_PITCH);

#pragma unroll
    for (int k = 1; k < QKH * QKW; k++)
        best.keep_greater_of(eight(stage + (rows.at(py * QSH + k / QKW) * SUM_W + columns.at(px * QSW + k % QKW)) *
                                               STAGE_PITCH));
    return best;
}

/* The tile's results to memory. */
__device__ inline void drain(TY *y, const TY *stage, const tile &at)
{
    constexpr int CHUNKS = BN / 8;
    const range rows(at.sum_y(), OH, SUM_H), columns(at.sum_x(), OW, SUM_W);

    for (int i = threadIdx.x; i < TH * TW * CHUNKS; i += THREADS) {
        const int n = i % CHUNKS * 8, pixel = i / CHUNKS, py = pixel / TW, px = pixel % TW;
        if (at.y + py < YH && at.x + px < YW)
            greatest(stage + n, rows, columns, py, px)
                .store(y + (((i64)at.image * YH + at.y + py) * YW + at.x + px) * N + blockIdx.y * BN + n);
    }
}
