/* CUDA's words for a host compiler, in front of a kernel's text: the threads of a block are fibers
 * that take turns, the threads of a warp meet where an instruction needs them all. Copies to shared
 * memory are there at once, and blocks run one after the other: races are not found here, wrong
 * indices, fragments and barriers are. */
#include <ucontext.h>

#include <cmath>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <type_traits>

#define __device__
#define __global__
#define __shared__ static
#define __launch_bounds__(...)
#define __CUDA_ARCH__ 800

#define __expf expf

using std::fabs;
using std::isinf;
using std::isnan;

struct alignas(16) uint4 {
    unsigned x, y, z, w;
};
struct alignas(8) uint2 {
    unsigned x, y;
};
struct alignas(16) float4 {
    float x, y, z, w;
};
struct alignas(8) float2 {
    float x, y;
};
static inline float2 make_float2(float x, float y)
{
    return {x, y};
}
static inline float4 make_float4(float x, float y, float z, float w)
{
    return {x, y, z, w};
}

/* ---- threads ---- */

struct place_in_grid {
    unsigned x, y, z;
};
static place_in_grid blockIdx, blockDim, gridDim;

enum {
    MOST_THREADS = 1024,
    STACK = 128 << 10,
    SHARED = 256 << 10,
    ROUNDS = 1 << 20 /* of all threads without one that goes on: they wait for each other */
};

struct fiber {
    ucontext_t context;
    char *stack;
    bool is_alive;
    place_in_grid at;
};
static fiber fibers[MOST_THREADS];
static ucontext_t scheduler;
static int current, n_fibers;
static long n_stuck;
#define threadIdx (fibers[current].at)

alignas(1024) static unsigned char emulated_shared[SHARED];

static void yield()
{
    const int me = current;

    swapcontext(&fibers[me].context, &scheduler);
    current = me;
}

/* A meeting of `n` threads; those that have ended need not come. */
struct meeting {
    int n_here;
    unsigned turn;

    void wait(int n)
    {
        const unsigned mine = turn;
        if (++n_here >= n) {
            n_here = 0, turn++, n_stuck = 0;
            return;
        }
        while (turn == mine)
            yield();
    }
    void leave(int n)
    {
        if (n_here > 0 && n_here >= n)
            n_here = 0, turn++;
    }
};
static meeting of_block, of_warp[MOST_THREADS / 32], by_name[16];

static int alive(int first, int n)
{
    int count = 0;

    for (int i = first; i < first + n && i < n_fibers; i++)
        count += fibers[i].is_alive;
    return count;
}

static void __syncthreads()
{
    of_block.wait(alive(0, n_fibers));
}
static void __syncwarp()
{
    of_warp[current / 32].wait(alive(current / 32 * 32, 32));
}
static void __threadfence()
{
}

/* What the threads of a warp show each other. */
static unsigned shown[MOST_THREADS][8];

static inline float __uint_as_float(unsigned u)
{
    float f;
    memcpy(&f, &u, 4);
    return f;
}
static inline unsigned __float_as_uint(float f)
{
    unsigned u;
    memcpy(&u, &f, 4);
    return u;
}
static inline float __int_as_float(int i)
{
    return __uint_as_float((unsigned)i);
}
static inline int __float_as_int(float f)
{
    return (int)__float_as_uint(f);
}

static unsigned exchange(unsigned x, int from)
{
    const int me = current;

    shown[me][0] = x;
    __syncwarp();
    const unsigned y = shown[me / 32 * 32 + from][0];
    __syncwarp();
    return y;
}
template <typename T> static inline T __shfl_xor_sync(unsigned, T x, int lane)
{
    static_assert(sizeof(T) == 4);
    unsigned u;
    memcpy(&u, &x, 4);
    u = exchange(u, current % 32 ^ lane);
    memcpy(&x, &u, 4);
    return x;
}
template <typename T> static inline T __ldg(const T *p)
{
    return *p;
}
template <typename T> static inline T __ldcg(const T *p)
{
    return *p;
}
template <typename T> static inline T atomicAdd(T *p, T x)
{
    const T old = *p;
    *p += x;
    return old;
}
static inline unsigned atomicAdd(unsigned *p, int x)
{
    return atomicAdd(p, (unsigned)x);
}
static inline size_t __cvta_generic_to_shared(const void *p)
{
    return (uint32_t)((const unsigned char *)p - emulated_shared);
}
static inline float rsqrtf(float x)
{
    return 1 / sqrtf(x);
}
static inline int min(int a, int b)
{
    return a < b ? a : b;
}
static inline int max(int a, int b)
{
    return a > b ? a : b;
}

/* ---- instructions, by their names: results first ---- */

namespace ptx
{

static unsigned char *shared_at(unsigned at, int bytes)
{
    unsigned char *p = emulated_shared + (int32_t)at;

    if ((uintptr_t)p % (size_t)bytes) {
        fprintf(stderr, "an access of %d bytes to shared memory at %u\n", bytes, at);
        exit(1);
    }
    return p;
}

static float half(unsigned short bits)
{
    _Float16 h;
    memcpy(&h, &bits, 2);
    return (float)h;
}
static unsigned short to_half(float x)
{
    const _Float16 h = (_Float16)x;
    unsigned short bits;
    memcpy(&bits, &h, 2);
    return bits;
}
static float brain(unsigned short bits)
{
    return __uint_as_float((unsigned)bits << 16);
}
static unsigned short to_brain(float x)
{
    const unsigned b = __float_as_uint(x);
    return x != x ? 0x7fff : (unsigned short)((b + 0x7fff + (b >> 16 & 1)) >> 16);
}

static void cvt_f32_f16(float &y, unsigned short x)
{
    y = half(x);
}
static void cvt_f32_f16_lo(float &y, unsigned x)
{
    y = half((unsigned short)x);
}
static void cvt_f32_f16_hi(float &y, unsigned x)
{
    y = half((unsigned short)(x >> 16));
}
static void cvt_rn_f16_f32(unsigned short &y, float x)
{
    y = to_half(x);
}
static void cvt_rn_bf16_f32(unsigned short &y, float x)
{
    y = to_brain(x);
}
static void cvt_rn_f16x2_f32(unsigned &y, float hi, float lo)
{
    y = (unsigned)to_half(hi) << 16 | to_half(lo);
}
static void cvt_rn_bf16x2_f32(unsigned &y, float hi, float lo)
{
    y = (unsigned)to_brain(hi) << 16 | to_brain(lo);
}
static void cvt_rna_tf32_f32(unsigned &y, float x)
{
    y = (__float_as_uint(x) + 0x1000) & 0xffffe000u;
}
static void ex2_approx_ftz_f32(float &y, float x)
{
    y = exp2f(x);
}
static void rcp_approx_ftz_f32(float &y, float x)
{
    y = 1 / x;
}
static void mul_rn_f16x2(unsigned &z, unsigned x, unsigned y)
{
    cvt_rn_f16x2_f32(z, half((unsigned short)(x >> 16)) * half((unsigned short)(y >> 16)),
                     half((unsigned short)x) * half((unsigned short)y));
}
static void fma_rn_bf16x2(unsigned &z, unsigned x, unsigned y, unsigned)
{
    cvt_rn_bf16x2_f32(z, brain((unsigned short)(x >> 16)) * brain((unsigned short)(y >> 16)),
                      brain((unsigned short)x) * brain((unsigned short)y));
}
static float larger(float a, float b)
{
    return b > a || b != b ? b : a;
}
static void max_NaN_f16x2(unsigned &a, unsigned b)
{
    cvt_rn_f16x2_f32(a, larger(half((unsigned short)(a >> 16)), half((unsigned short)(b >> 16))),
                     larger(half((unsigned short)a), half((unsigned short)b)));
}
static void max_NaN_bf16x2(unsigned &a, unsigned b)
{
    cvt_rn_bf16x2_f32(a, larger(brain((unsigned short)(a >> 16)), brain((unsigned short)(b >> 16))),
                      larger(brain((unsigned short)a), brain((unsigned short)b)));
}

static void st_global_v4_b32(void *to, unsigned a, unsigned b, unsigned c, unsigned d)
{
    *(uint4 *)to = {a, b, c, d};
}
static void ld_global_v4_u32(unsigned &a, unsigned &b, unsigned &c, unsigned &d, const void *from,
                             unsigned is)
{
    const uint4 v = is ? *(const uint4 *)from : uint4{0, 0, 0, 0};
    a = v.x, b = v.y, c = v.z, d = v.w;
}
static void ld_global_v2_u32(unsigned &a, unsigned &b, const void *from, unsigned is)
{
    const uint2 v = is ? *(const uint2 *)from : uint2{0, 0};
    a = v.x, b = v.y;
}
static void ld_global_u32(unsigned &a, const void *from, unsigned is)
{
    a = is ? *(const unsigned *)from : 0;
}
static void ld_global_u16(unsigned &a, const void *from, unsigned is)
{
    a = is ? *(const unsigned short *)from : 0;
}
static void st_shared_v2_f32(unsigned at, float x, float y)
{
    *(float2 *)shared_at(at, 8) = {x, y};
}
template <typename T> static void ld_shared_b32(T &x, unsigned at)
{
    memcpy(&x, shared_at(at, 4), 4);
}
template <typename T> static void ld_shared_u32(T &x, unsigned at)
{
    ld_shared_b32(x, at);
}
static void ld_shared_v2_f32(float &a, float &b, unsigned at)
{
    const float2 v = *(const float2 *)shared_at(at, 8);
    a = v.x, b = v.y;
}
static void ld_shared_v4_f32(float &a, float &b, float &c, float &d, unsigned at)
{
    const float4 v = *(const float4 *)shared_at(at, 16);
    a = v.x, b = v.y, c = v.z, d = v.w;
}

static void cp_async_cg_shared_global(unsigned to, const void *from, int bytes)
{
    unsigned char *p = shared_at(to, 16);

    memset(p, 0, 16);
    if (bytes && (uintptr_t)from % 16) {
        fprintf(stderr, "a copy of 16 bytes from %p\n", from);
        exit(1);
    }
    memcpy(p, from, (size_t)bytes);
}
static void cp_async_commit_group()
{
}
static void cp_async_wait_group(int)
{
}
static void bar_sync(int name, int n)
{
    by_name[name].wait(n);
}

static void load_matrices(unsigned (&f)[4], unsigned at, bool transposed)
{
    const int me = current, lane = me % 32, first = me / 32 * 32;

    shown[me][0] = at;
    __syncwarp();
    for (int i = 0; i < 4; i++) {
        unsigned short pair[2];
        for (int k = 0; k < 2; k++) {
            const int row = transposed ? lane % 4 * 2 + k : lane / 4;
            const int column = transposed ? lane / 4 : lane % 4 * 2 + k;
            memcpy(&pair[k], shared_at(shown[first + i * 8 + row][0], 16) + column * 2, 2);
        }
        f[i] = (unsigned)pair[1] << 16 | pair[0];
    }
    __syncwarp();
}
static void ldmatrix_sync_aligned_m8n8_x4_shared_b16(unsigned &a, unsigned &b, unsigned &c,
                                                     unsigned &d, unsigned at)
{
    unsigned f[4];
    load_matrices(f, at, false);
    a = f[0], b = f[1], c = f[2], d = f[3];
}
static void ldmatrix_sync_aligned_m8n8_x4_trans_shared_b16(unsigned &a, unsigned &b, unsigned &c,
                                                           unsigned &d, unsigned at)
{
    unsigned f[4];
    load_matrices(f, at, true);
    a = f[0], b = f[1], c = f[2], d = f[3];
}

/* PER elements of K a register, `value` of one. The sums of a lane are of rows lane / 4 and that +
 * 8, columns lane % 4 * 2 and the next. */
template <int PER, typename F>
static void multiply(float *(&c)[4], const unsigned (&a)[4], unsigned b0, unsigned b1, F value)
{
    const int me = current, lane = me % 32, first = me / 32 * 32;

    memcpy(shown[me], a, 16);
    shown[me][4] = b0, shown[me][5] = b1;
    __syncwarp();
    for (int i = 0; i < 4; i++) {
        const int row = lane / 4 + i / 2 * 8, column = lane % 4 * 2 + i % 2;
        float sum = *c[i];
        for (int k = 0; k < 8 * PER; k++) {
            const int in_half = k % (4 * PER), half = k / (4 * PER);
            const unsigned x = shown[first + row % 8 * 4 + in_half / PER][row / 8 + 2 * half];
            const unsigned y = shown[first + column * 4 + in_half / PER][4 + half];
            sum += value(x, in_half % PER) * value(y, in_half % PER);
        }
        *c[i] = sum;
    }
    __syncwarp();
}
#define MULTIPLY(name, per, ...)                                                                   \
    static void name(float &c0, float &c1, float &c2, float &c3, unsigned a0, unsigned a1,         \
                     unsigned a2, unsigned a3, unsigned b0, unsigned b1)                           \
    {                                                                                              \
        float *c[4] = {&c0, &c1, &c2, &c3};                                                        \
        multiply<per>(c, {a0, a1, a2, a3}, b0, b1, [](unsigned w, int i) { return __VA_ARGS__; }); \
    }
MULTIPLY(mma_sync_aligned_m16n8k16_row_col_f32_f16_f16_f32, 2, half((unsigned short)(w >> 16 * i)))
MULTIPLY(mma_sync_aligned_m16n8k16_row_col_f32_bf16_bf16_f32, 2,
         brain((unsigned short)(w >> 16 * i)))
MULTIPLY(mma_sync_aligned_m16n8k8_row_col_f32_tf32_tf32_f32, 1,
         __uint_as_float(w + 0 * (unsigned)i))
#undef MULTIPLY

} // namespace ptx

/* ---- a launch ---- */

static void (*body)();

static void begin_fiber()
{
    body();
    fibers[current].is_alive = false;
    n_stuck = 0;
    of_block.leave(alive(0, n_fibers));
    of_warp[current / 32].leave(alive(current / 32 * 32, 32));
    yield();
}

static void run_block()
{
    memset(emulated_shared, 0xA5, sizeof emulated_shared); /* nobody may count on zeros */
    of_block = {};
    memset(of_warp, 0, sizeof of_warp);
    memset(by_name, 0, sizeof by_name);
    for (int i = 0; i < n_fibers; i++) {
        fiber *f = &fibers[i];
        if (!f->stack)
            f->stack = (char *)malloc(STACK);
        f->is_alive = true;
        f->at = {i % blockDim.x, i / blockDim.x % blockDim.y, i / (blockDim.x * blockDim.y)};
        getcontext(&f->context);
        f->context.uc_stack.ss_sp = f->stack;
        f->context.uc_stack.ss_size = STACK;
        f->context.uc_link = nullptr;
        makecontext(&f->context, begin_fiber, 0);
    }
    for (n_stuck = 0; alive(0, n_fibers); n_stuck++) {
        if (n_stuck > ROUNDS) {
            fprintf(stderr, "the threads of a block wait for each other\n");
            exit(1);
        }
        for (current = 0; current < n_fibers; current++)
            if (fibers[current].is_alive)
                swapcontext(&scheduler, &fibers[current].context);
    }
}

static void run_grid(const unsigned *grid, const unsigned *block)
{
    gridDim = {grid[0], grid[1], grid[2]};
    blockDim = {block[0], block[1], block[2]};
    n_fibers = (int)(block[0] * block[1] * block[2]);
    for (unsigned z = 0; z < grid[2]; z++)
        for (unsigned y = 0; y < grid[1]; y++)
            for (unsigned x = 0; x < grid[0]; x++) {
                blockIdx = {x, y, z};
                run_block();
            }
}
