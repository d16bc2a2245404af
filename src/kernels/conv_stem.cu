/* Convolution of few channels on the tensor cores: an image's three, or what a group has.
 *
 * A block computes TH x TW neighbouring output pixels. The input under them is copied to shared memory once, each pixel
 * padded with zeros to a power of two of channels, and the fragments of every tap are read from there where they lie:
 * nothing is unrolled into a matrix. With two pixels of four float16 channels from one output pixel to the next, as in
 * the stems of most networks, the 32 words of a fragment are 32 neighbours. All weights of the block's columns are
 * requested before the kernel before has ended; K runs over (tap, padded channel).
 *
 * Knobs, arguments and epilogue: docs/kernels/contraction.md. TH * TW = BM; WM x WN are the warps; BK, WK, STAGES and
 * SPLIT have no meaning. Weights are [N][LDW]: taps, then padded channels, zeros up to whole products.
 * Limits: compute capability 8.0; TW a multiple of 16. */
#include "contraction.cuh"
#include "device.cuh"

__device__ constexpr int padded_channels()
{
    int n = 4 / (int)sizeof(T); /* a word */
    while (n < C)
        n *= 2;
    return n;
}

constexpr int ES = sizeof(T), UNIT = 4 / ES; /* elements of a word */
constexpr int CP = padded_channels();
constexpr int KSTEP = 32 / ES; /* elements of a product along K */
constexpr int TAPS = KH * KW, STEPS = (TAPS * CP + KSTEP - 1) / KSTEP;
constexpr int THREADS = 32 * WM * WN;
constexpr int TM = BM / WM, TN = BN / WN, MT = TM / 16, NT = TN / 8;
constexpr int PATCH_H = (TH - 1) * SH + (KH - 1) * DH + 1, PATCH_W = (TW - 1) * SW + (KW - 1) * DW + 1;
constexpr int PATCH_BYTES = (PATCH_H * PATCH_W * CP * ES + 15) / 16 * 16;
constexpr int W_CHUNKS = STEPS * 2, W_PITCH = (W_CHUNKS + 1) * 16; /* an odd number of chunks: no two in one bank */

static_assert(!HAS_GATE, "no gate is applied here");
static_assert(TH * TW == BM && TW % 16 == 0, "a fragment's rows lie in one line of pixels");
static_assert(BM % (16 * WM) == 0 && BN % (16 * WN) == 0, "a warp's tile is at least 16 x 16");
static_assert(LDW == STEPS * KSTEP, "weights are padded to whole products");
static_assert(SPLIT == 1 && !CLUSTER && !A_IS_KM && !W_IS_KN && !IS_SPREAD, "as it is");

/* The block's pixels. */
struct window {
    int image, y, x; /* the first output pixel */
    __device__ explicit window(const extents &e)
    {
        const int across = (e.ow + TW - 1) / TW, down = (e.oh + TH - 1) / TH;
        const int tile = blockIdx.x / ((N + BN - 1) / BN);
        image = tile / (across * down);
        y = tile / across % down * TH;
        x = tile % across * TW;
    }
    __device__ int row_of(int r, const extents &e) const /* of the product; -1 outside */
    {
        const int oy = y + r / TW, ox = x + r % TW;
        return oy < e.oh && ox < e.ow ? (image * e.oh + oy) * e.ow + ox : -1;
    }
};

__device__ inline void load_weights(const T *w, int n, u32 to)
{
    for (int i = threadIdx.x; i < BN * W_CHUNKS; i += THREADS) {
        const int row = i / W_CHUNKS, chunk = i % W_CHUNKS;
        const bool is_there = n + row < N;
        copy16(to + row * W_PITCH + chunk * 16, w + (is_there ? (i64)(n + row) * LDW + chunk * (16 / ES) : 0),
               is_there);
    }
    copy_commit();
}

using pixel_pack = decltype(pack<CP, T>::in);

__device__ inline pixel_pack load_pixel(const T *a, int y, int x, const window &at, const extents &e)
{
    pixel_pack p = {};
    if ((u32)y < (u32)e.h && (u32)x < (u32)e.w) {
        const T *from = a + ((i64)(at.image * e.h + y) * e.w + x) * LDA;
#pragma unroll
        for (int c = 0; c < C; c++)
            p.e[c] = from[c];
    }
    return p;
}

/* Several pixels of a thread are on their way before the first is stored. */
__device__ inline void load_patch(const T *a, T *to, const window &at, const extents &e)
{
    constexpr int COUNT = PATCH_H * PATCH_W, TOGETHER = CP * ES > 16 ? 2 : 8;
    const int y0 = at.y * SH - PH, x0 = at.x * SW - PW;

    for (int first = threadIdx.x; first < COUNT; first += THREADS * TOGETHER) {
        pixel_pack p[TOGETHER];
#pragma unroll
        for (int j = 0; j < TOGETHER; j++) {
            const int i = first + j * THREADS;
            if (i < COUNT)
                p[j] = load_pixel(a, y0 + i / PATCH_W, x0 + i % PATCH_W, at, e);
        }
#pragma unroll
        for (int j = 0; j < TOGETHER; j++)
            if (first + j * THREADS < COUNT)
                ((pixel_pack *)to)[first + j * THREADS] = p[j];
    }
}

/* Bytes from the pixel under the first tap to element k; elements behind the last tap are not there. */
__device__ inline u32 offset_of(int k, bool &is_there)
{
    const int tap = k / CP, r = tap / KW, s = tap - r * KW;

    is_there = TAPS * CP % KSTEP == 0 || tap < TAPS;
    return (u32)((r * DH * PATCH_W + s * DW) * CP + k % CP) * ES;
}

__device__ inline u32 load_word(u32 at, bool is_there)
{
    u32 word = 0;
    if (is_there)
        asm volatile("ld.shared.b32 %0, [%1];" : "=r"(word) : "r"(at) : "memory");
    return word;
}

/* A warp's operands of one product step. */
struct fragments {
    u32 a[MT][4], w[NT / 2][4];

    __device__ void load(const u32 (&rows)[MT][2], u32 weights, int step)
    {
        const int lane = threadIdx.x % 32, k = step * KSTEP + lane % 4 * UNIT;
        bool is_low, is_high;
        const u32 low = offset_of(k, is_low), high = offset_of(k + KSTEP / 2, is_high);
#pragma unroll
        for (int j = 0; j < NT / 2; j++) {
            load_matrices(w[j], weights + j * 16 * W_PITCH + step * 32);
            round_fragment<T>(w[j]);
        }
#pragma unroll
        for (int i = 0; i < MT; i++) {
            a[i][0] = load_word(rows[i][0] + low, is_low);
            a[i][1] = load_word(rows[i][1] + low, is_low);
            a[i][2] = load_word(rows[i][0] + high, is_high);
            a[i][3] = load_word(rows[i][1] + high, is_high);
            round_fragment<T>(a[i]);
        }
    }
};

/* The operands of a step are requested before the products of the one before. */
__device__ inline void multiply_all(float (&acc)[MT][NT][4], u32 patch, u32 weights, int warp_m, int warp_n)
{
    const int lane = threadIdx.x % 32;
    u32 rows[MT][2];
    fragments f[2];

#pragma unroll
    for (int i = 0; i < MT; i++)
#pragma unroll
        for (int half = 0; half < 2; half++) {
            const int m = warp_m * TM + i * 16 + half * 8 + lane / 4;
            rows[i][half] = patch + (u32)((m / TW * SH * PATCH_W + m % TW * SW) * CP * ES);
        }
    weights += (warp_n * TN + lane % 8 + lane / 16 * 8) * W_PITCH + lane / 8 % 2 * 16;
    f[0].load(rows, weights, 0);
#pragma unroll STEPS <= 16 ? STEPS : 4
    for (int step = 0; step < STEPS; step++) {
        const fragments &now = f[step % 2];
        if (step + 1 < STEPS)
            f[(step + 1) % 2].load(rows, weights, step + 1);
#pragma unroll
        for (int i = 0; i < MT; i++)
#pragma unroll
            for (int j = 0; j < NT; j++)
                multiply(acc[i][j], now.a[i], now.w[j / 2][j % 2 * 2], now.w[j / 2][j % 2 * 2 + 1], T());
    }
}

/* Sums to shared memory, rows of PART_PITCH floats. */
__device__ inline void put_sums(const float (&acc)[MT][NT][4], float *part, int warp_m, int warp_n)
{
    const int lane = threadIdx.x % 32;

#pragma unroll
    for (int i = 0; i < MT; i++)
#pragma unroll
        for (int half = 0; half < 2; half++) {
            const int row = warp_m * TM + i * 16 + half * 8 + lane / 4;
            float *at = part + row * PART_PITCH + warp_n * TN + lane % 4 * 2;
#pragma unroll
            for (int j = 0; j < NT; j++)
                *(float2 *)(at + j * 8) = make_float2(acc[i][j][half * 2], acc[i][j][half * 2 + 1]);
        }
}

extern "C" __global__ void __launch_bounds__(THREADS)
    conv_stem(const T *a, const T *w, const float *bias, TY *y, const void *e0, const void *e1, const void *e2,
              const void *e3, float *partial, u32 *tickets, int batch, int height, int width, int out_height,
              int out_width)
{
    const arguments x = {a,       w,     bias,   y,     {e0, e1, e2, e3}, partial,
                         tickets, batch, height, width, out_height,       out_width};
    extern __shared__ uint4 shared[];
    char *room = (char *)shared;
    float acc[MT][NT][4] = {};

    let_successor_begin();
    const extents e(x);
    const window at(e);
    const place p((int)blockIdx.x % ((N + BN - 1) / BN) * BN, (int)blockIdx.z);
    const int warp = threadIdx.x / 32, warp_m = warp % WM, warp_n = warp / WM;
    load_bias<THREADS>(x, p);
    if (W_IS_CONSTANT)
        load_weights(x.w + p.offset(W_ZI, W_ZO), p.n, shared_address(room + PATCH_BYTES));
    wait_for_predecessor();
    if (!W_IS_CONSTANT)
        load_weights(x.w + p.offset(W_ZI, W_ZO), p.n, shared_address(room + PATCH_BYTES));
    load_patch(x.a + p.offset(A_ZI, A_ZO), (T *)room, at, e);
    copy_wait<0>();
    __syncthreads();
    multiply_all(acc, shared_address(room), shared_address(room + PATCH_BYTES), warp_m, warp_n);
    __syncthreads();
    put_sums(acc, (float *)room, warp_m, warp_n);
    __syncthreads();
    for_each_piece<BM, THREADS>([&](int r, int c) {
        const int m = at.row_of(r, e), n = p.n + c;
        float v[8];
        add_slots<false>(v, (const float *)room + r * PART_PITCH + c, 1, 0);
        if (m >= 0 && n < N)
            finish(x, p, m, n, v);
    });
}
