/* Vectors of float32 under one set of names for every level: vf holds HONE_W of them, vi as many
 * int32, vm is a mask. The arithmetic operators are the compiler's; what they do not give is here,
 * in the instructions of each level. This header and its siblings in simd/ are the place of vector
 * extensions, as base/compiler.h is of the others. */
#ifndef HONE_CPU_SIMD_VEC_H
#define HONE_CPU_SIMD_VEC_H

#include <math.h>
#include <string.h>

#include "cpu/vector.h"

#if defined(__AVX512F__) || defined(__AVX2__)
#include <immintrin.h>
#elif defined(__SSE2__)
#include <emmintrin.h>
#elif defined(__aarch64__)
#include <arm_neon.h>
#endif

/* LEVEL(name) is name_avx512 in the objects of that level. */
#define HONE_PASTE_(a, b) a##_##b
#define HONE_PASTE(a, b)  HONE_PASTE_(a, b)
#define LEVEL(name)       HONE_PASTE(name, HONE_LEVEL)

#if defined(__AVX512F__)
#define HONE_W 16
#elif defined(__AVX2__)
#define HONE_W 8
#else
#define HONE_W 4
#endif
#define HONE_PANEL_VECTORS (HONE_PANEL / HONE_W)

#define UNROLL _Pragma("GCC unroll 16")

typedef float vf __attribute__((vector_size(HONE_W * 4)));
typedef int32_t vi __attribute__((vector_size(HONE_W * 4)));
typedef float vf_loose __attribute__((vector_size(HONE_W * 4), aligned(4), may_alias));
typedef int32_t vi_loose __attribute__((vector_size(HONE_W * 4), aligned(4), may_alias));

static HONE_ALWAYS_INLINE vf vf_load(const float *p)
{
    return *(const vf_loose *)p;
}

static HONE_ALWAYS_INLINE void vf_store(float *p, vf x)
{
    *(vf_loose *)p = x;
}

static HONE_ALWAYS_INLINE vf vf_of_bits(vi x)
{
    return (vf)x;
}

static HONE_ALWAYS_INLINE vi vf_bits(vf x)
{
    return (vi)x;
}

static HONE_ALWAYS_INLINE vf vf_of_int(vi x)
{
    return __builtin_convertvector(x, vf);
}

#if HONE_W == 16
typedef __mmask16 vm;
#define VM_COMPARE(name, code)                                                                     \
    static HONE_ALWAYS_INLINE vm name(vf a, vf b)                                                  \
    {                                                                                              \
        return _mm512_cmp_ps_mask((__m512)a, (__m512)b, code);                                     \
    }
VM_COMPARE(vf_lt, _CMP_LT_OQ)
VM_COMPARE(vf_le, _CMP_LE_OQ)
VM_COMPARE(vf_eq, _CMP_EQ_OQ)
VM_COMPARE(vf_ne, _CMP_NEQ_UQ)
static HONE_ALWAYS_INLINE vf vf_splat(float x)
{
    return (vf)_mm512_set1_ps(x);
}
static HONE_ALWAYS_INLINE vi vi_splat(int32_t x)
{
    return (vi)_mm512_set1_epi32(x);
}
static HONE_ALWAYS_INLINE vf vm_select(vm m, vf a, vf b) /* m ? a : b */
{
    return (vf)_mm512_mask_blend_ps(m, (__m512)b, (__m512)a);
}
static HONE_ALWAYS_INLINE bool vm_any(vm m)
{
    return m != 0;
}
static HONE_ALWAYS_INLINE vf vf_max(vf a, vf b) /* b where either is NaN */
{
    return (vf)_mm512_max_ps((__m512)a, (__m512)b);
}
static HONE_ALWAYS_INLINE vf vf_min(vf a, vf b)
{
    return (vf)_mm512_min_ps((__m512)a, (__m512)b);
}
static HONE_ALWAYS_INLINE vf vf_sqrt(vf a)
{
    return (vf)_mm512_sqrt_ps((__m512)a);
}
static HONE_ALWAYS_INLINE vi vf_to_int(vf a) /* to nearest */
{
    return (vi)_mm512_cvtps_epi32((__m512)a);
}
#define VF_ROUND(name, mode)                                                                       \
    static HONE_ALWAYS_INLINE vf name(vf a)                                                        \
    {                                                                                              \
        return (vf)_mm512_roundscale_ps((__m512)a, (mode) | _MM_FROUND_NO_EXC);                    \
    }
VF_ROUND(vf_round, _MM_FROUND_TO_NEAREST_INT)
VF_ROUND(vf_floor, _MM_FROUND_TO_NEG_INF)
VF_ROUND(vf_ceil, _MM_FROUND_TO_POS_INF)
VF_ROUND(vf_trunc, _MM_FROUND_TO_ZERO)
static HONE_ALWAYS_INLINE vf vf_load_n(const float *p,
                                       int64_t n) /* the first n < HONE_W, the rest zero */
{
    return (vf)_mm512_maskz_loadu_ps((__mmask16)((1u << n) - 1), p);
}
static HONE_ALWAYS_INLINE void vf_store_n(float *p, vf x, int64_t n)
{
    _mm512_mask_storeu_ps(p, (__mmask16)((1u << n) - 1), (__m512)x);
}
static HONE_ALWAYS_INLINE float vf_sum(vf a)
{
    return _mm512_reduce_add_ps((__m512)a);
}

#else

#define VM_COMPARE(name, op)                                                                       \
    static HONE_ALWAYS_INLINE vm name(vf a, vf b)                                                  \
    {                                                                                              \
        return (vm)(a op b);                                                                       \
    }
typedef vi vm;
VM_COMPARE(vf_lt, <)
VM_COMPARE(vf_le, <=)
VM_COMPARE(vf_eq, ==)
VM_COMPARE(vf_ne, !=)
static HONE_ALWAYS_INLINE vf vm_select(vm m, vf a, vf b)
{
    return (vf)((m & (vi)a) | (~m & (vi)b));
}
static HONE_ALWAYS_INLINE bool vm_any(vm m)
{
    int32_t any = 0;
    for (int i = 0; i < HONE_W; i++)
        any |= m[i];
    return any != 0;
}
static HONE_ALWAYS_INLINE vf vf_load_n(const float *p, int64_t n)
{
    float x[HONE_W] = {0};
    memcpy(x, p, (size_t)n * sizeof *p);
    return vf_load(x);
}
static HONE_ALWAYS_INLINE void vf_store_n(float *p, vf x, int64_t n)
{
    float y[HONE_W];
    vf_store(y, x);
    memcpy(p, y, (size_t)n * sizeof *p);
}

#if HONE_W == 8
static HONE_ALWAYS_INLINE vf vf_splat(float x)
{
    return (vf)_mm256_set1_ps(x);
}
static HONE_ALWAYS_INLINE vi vi_splat(int32_t x)
{
    return (vi)_mm256_set1_epi32(x);
}
static HONE_ALWAYS_INLINE vf vf_max(vf a, vf b)
{
    return (vf)_mm256_max_ps((__m256)a, (__m256)b);
}
static HONE_ALWAYS_INLINE vf vf_min(vf a, vf b)
{
    return (vf)_mm256_min_ps((__m256)a, (__m256)b);
}
static HONE_ALWAYS_INLINE vf vf_sqrt(vf a)
{
    return (vf)_mm256_sqrt_ps((__m256)a);
}
static HONE_ALWAYS_INLINE vi vf_to_int(vf a)
{
    return (vi)_mm256_cvtps_epi32((__m256)a);
}
#define VF_ROUND(name, mode)                                                                       \
    static HONE_ALWAYS_INLINE vf name(vf a)                                                        \
    {                                                                                              \
        return (vf)_mm256_round_ps((__m256)a, (mode) | _MM_FROUND_NO_EXC);                         \
    }
VF_ROUND(vf_round, _MM_FROUND_TO_NEAREST_INT)
VF_ROUND(vf_floor, _MM_FROUND_TO_NEG_INF)
VF_ROUND(vf_ceil, _MM_FROUND_TO_POS_INF)
VF_ROUND(vf_trunc, _MM_FROUND_TO_ZERO)
static HONE_ALWAYS_INLINE float vf_sum(vf a)
{
    const float x[4] = {a[0] + a[4], a[1] + a[5], a[2] + a[6], a[3] + a[7]};
    return (x[0] + x[2]) + (x[1] + x[3]);
}

#else /* 4 */

static HONE_ALWAYS_INLINE vf vf_splat(float x)
{
    return (vf){x, x, x, x};
}
static HONE_ALWAYS_INLINE vi vi_splat(int32_t x)
{
    return (vi){x, x, x, x};
}
static HONE_ALWAYS_INLINE float vf_sum(vf a)
{
    return (a[0] + a[2]) + (a[1] + a[3]);
}
#if defined(__aarch64__)
static HONE_ALWAYS_INLINE vf vf_max(vf a, vf b) /* NaN where either is NaN */
{
    return (vf)vmaxq_f32((float32x4_t)a, (float32x4_t)b);
}
static HONE_ALWAYS_INLINE vf vf_min(vf a, vf b)
{
    return (vf)vminq_f32((float32x4_t)a, (float32x4_t)b);
}
static HONE_ALWAYS_INLINE vf vf_sqrt(vf a)
{
    return (vf)vsqrtq_f32((float32x4_t)a);
}
static HONE_ALWAYS_INLINE vi vf_to_int(vf a)
{
    return (vi)vcvtnq_s32_f32((float32x4_t)a);
}
static HONE_ALWAYS_INLINE vf vf_round(vf a)
{
    return (vf)vrndnq_f32((float32x4_t)a);
}
static HONE_ALWAYS_INLINE vf vf_floor(vf a)
{
    return (vf)vrndmq_f32((float32x4_t)a);
}
static HONE_ALWAYS_INLINE vf vf_ceil(vf a)
{
    return (vf)vrndpq_f32((float32x4_t)a);
}
static HONE_ALWAYS_INLINE vf vf_trunc(vf a)
{
    return (vf)vrndq_f32((float32x4_t)a);
}
#else
static HONE_ALWAYS_INLINE vf vf_max(vf a, vf b)
{
    return vm_select(vf_lt(b, a), a, b);
}
static HONE_ALWAYS_INLINE vf vf_min(vf a, vf b)
{
    return vm_select(vf_lt(a, b), a, b);
}
#define VF_EACH(name, f)                                                                           \
    static HONE_ALWAYS_INLINE vf name(vf a)                                                        \
    {                                                                                              \
        return (vf){f(a[0]), f(a[1]), f(a[2]), f(a[3])};                                           \
    }
VF_EACH(vf_sqrt, sqrtf)
VF_EACH(vf_round, rintf)
VF_EACH(vf_floor, floorf)
VF_EACH(vf_ceil, ceilf)
VF_EACH(vf_trunc, truncf)
static HONE_ALWAYS_INLINE vi vf_to_int(vf a)
{
#if defined(__SSE2__)
    return (vi)_mm_cvtps_epi32((__m128)a);
#else
    return (vi){(int32_t)rintf(a[0]), (int32_t)rintf(a[1]), (int32_t)rintf(a[2]),
                (int32_t)rintf(a[3])};
#endif
}
#endif
#endif
#endif

static HONE_ALWAYS_INLINE vf vf_abs(vf a)
{
    return (vf)((vi)a & vi_splat(INT32_MAX));
}

static HONE_ALWAYS_INLINE vf vf_sign_of(vf a) /* the sign bits alone */
{
    return (vf)((vi)a & vi_splat(INT32_MIN));
}

static HONE_ALWAYS_INLINE vf vf_or(vf a, vf b)
{
    return (vf)((vi)a | (vi)b);
}

static HONE_ALWAYS_INLINE float vf_largest(vf a) /* of numbers */
{
    float m = a[0];
    for (int i = 1; i < HONE_W; i++)
        m = a[i] > m ? a[i] : m;
    return m;
}

#endif
