/* The words that stand in front of every kernel's knobs: element types with their conversions, and the description of
 * an epilogue's further operands. CUDA's own headers are not needed, so that NVRTC alone is enough and compiles fast.
 */
using u16 = unsigned short;
using u32 = unsigned int;
using u64 = unsigned long long;
using i64 = long long;

struct alignas(2) f16 {
    u16 bits;
};
struct alignas(2) bf16 {
    u16 bits;
};

__device__ inline float to_float(float x)
{
    return x;
}

__device__ inline float to_float(f16 x)
{
    float y;
    asm("cvt.f32.f16 %0, %1;" : "=f"(y) : "h"(x.bits));
    return y;
}

__device__ inline float to_float(bf16 x)
{
    return __uint_as_float((u32)x.bits << 16);
}

/* Rounds to nearest, ties to even; NaN stays NaN. */
__device__ inline void from_float(float x, float &y)
{
    y = x;
}

__device__ inline void from_float(float x, f16 &y)
{
    asm("cvt.rn.f16.f32 %0, %1;" : "=h"(y.bits) : "f"(x));
}

__device__ inline void from_float(float x, bf16 &y)
{
#if __CUDA_ARCH__ >= 800
    asm("cvt.rn.bf16.f32 %0, %1;" : "=h"(y.bits) : "f"(x));
#else
    const u32 b = __float_as_uint(x);
    y.bits = x != x ? 0x7fff : (u16)((b + 0x7fff + (b >> 16 & 1)) >> 16);
#endif
}

/* Rounding within a program (to_f16, to_bf16 of the scalar functions). */
template <typename R> __device__ inline float rounded(float x)
{
    R y;
    from_float(x, y);
    return to_float(y);
}

/* Functions for results of 16 bits, which keep the rounding of the result larger than their error: relative 5e-6, or
 * absolute 6e-7 where they are bounded. A half or less of the instructions. erf: Abramowitz and Stegun, 7.1.26. */
__device__ inline float coarse_exp2(float a)
{
    float y;
    asm("ex2.approx.ftz.f32 %0, %1;" : "=f"(y) : "f"(a));
    return y;
}

__device__ inline float coarse_reciprocal(float a)
{
    float y;
    asm("rcp.approx.ftz.f32 %0, %1;" : "=f"(y) : "f"(a));
    return y;
}

__device__ inline float coarse_exp(float a)
{
    return coarse_exp2(a * 1.44269504f);
}

__device__ inline float coarse_sigmoid(float a)
{
    return coarse_reciprocal(1.0f + coarse_exp(-a));
}

__device__ inline float coarse_tanh(float a)
{
    return 1.0f - 2.0f * coarse_reciprocal(1.0f + coarse_exp2(a * 2.88539008f));
}

__device__ inline float coarse_erf(float a)
{
    const float t = coarse_reciprocal(fmaf(fabsf(a), 0.3275911f, 1.0f));
    const float p = fmaf(fmaf(fmaf(fmaf(1.061405429f, t, -1.453152027f), t, 1.421413741f), t, -0.284496736f), t,
                         0.254829592f);
    return copysignf(1.0f - p * t * coarse_exp(-a * a), a);
}

/* A further operand of an epilogue: its type, and the elements from one row, column, inner and outer problem to the
 * next. N is 1 or 0: 0 repeats the operand over the columns. */
template <typename E, i64 M, int N = 1, i64 ZI = 0, i64 ZO = 0> struct extra {
    using type = E;
    static constexpr bool is_there = true, is_gate = false;
    static constexpr i64 m = M, zi = ZI, zo = ZO;
    static constexpr int n = N;
};
struct no_extra {
    using type = float;
    static constexpr bool is_there = false, is_gate = false;
    static constexpr i64 m = 0, zi = 0, zo = 0;
    static constexpr int n = 0;
};
/* In the place of an operand: a number for each column of a, which a's rows are multiplied by. */
template <i64 ZI, i64 ZO> struct gate {
    using type = float;
    static constexpr bool is_there = false, is_gate = true;
    static constexpr i64 m = 0, zi = ZI, zo = ZO;
    static constexpr int n = 0;
};

/* ---- types that are moved, compared and counted with ---- */

using u8 = unsigned char;
using i8 = signed char;

struct flag { /* a bool: 0 or 1 */
    u8 bits;
};

__device__ inline float to_float(flag x)
{
    return x.bits ? 1.0f : 0.0f;
}
__device__ inline float to_float(u8 x)
{
    return x;
}
__device__ inline float to_float(i8 x)
{
    return x;
}
__device__ inline float to_float(int x)
{
    return (float)x;
}
__device__ inline float to_float(i64 x)
{
    return (float)x;
}

/* Toward zero, saturated; NaN gives 0. */
__device__ inline void from_float(float x, flag &y)
{
    y.bits = x != 0;
}
__device__ inline void from_float(float x, u8 &y)
{
    y = (u8)min(max((int)x, 0), 255);
}
__device__ inline void from_float(float x, i8 &y)
{
    y = (i8)min(max((int)x, -128), 127);
}
__device__ inline void from_float(float x, int &y)
{
    y = (int)x;
}
__device__ inline void from_float(float x, i64 &y)
{
    y = (i64)x;
}

/* V elements as they lie in memory, moved in pieces of up to 16 bytes: neighbours have to begin at a multiple of their
 * size, or of 16. */
template <int V, typename T> struct pack {
    static constexpr int BYTES = V * sizeof(T);
    struct alignas(BYTES >= 16 ? 16 : BYTES) {
        T e[V];
    } in;
};

/* x[v] = p[v * STEP]: STEP 0 repeats one element. */
template <int V, i64 STEP, typename T> __device__ inline void load_pack(float (&x)[V], const T *p)
{
    if constexpr (STEP == 1 && V > 1) {
        const auto all = *(const decltype(pack<V, T>::in) *)p;
#pragma unroll
        for (int v = 0; v < V; v++)
            x[v] = to_float(all.e[v]);
    } else {
#pragma unroll
        for (int v = 0; v < V; v++)
            x[v] = to_float(p[v * STEP]);
    }
}

template <int V, typename T> __device__ inline void store_pack(T *p, const float (&x)[V])
{
    constexpr int BYTES = V * sizeof(T);
    union {
        decltype(pack<V, T>::in) all;
        uint4 words[BYTES % 16 == 0 ? BYTES / 16 : 1]; /* else they would be stored by fours */
    };
#pragma unroll
    for (int v = 0; v < V; v++)
        from_float(x[v], all.e[v]);
    if constexpr (BYTES % 16 == 0) {
#pragma unroll
        for (int i = 0; i < BYTES / 16; i++)
            ((uint4 *)p)[i] = words[i];
    } else {
        *(decltype(pack<V, T>::in) *)p = all;
    }
}
