/* Elementary functions on vectors: reduce the argument, evaluate a polynomial, put the pieces
 * together. The coefficients are minimax fits made for these intervals (largest relative error of
 * the fit beside each); results are within about two units in the last place, NaN goes through,
 * infinities and overflow behave as in libm. */
#ifndef HONE_CPU_SIMD_VEC_MATH_H
#define HONE_CPU_SIMD_VEC_MATH_H

#include "cpu/simd/vec.h"

/* x * 2^n for whole n in [-252, 256]; the result may be a denormal or infinite. */
static HONE_ALWAYS_INLINE vf vf_scale(vf x, vf n)
{
#if HONE_W == 16
    return (vf)_mm512_scalef_ps((__m512)x, (__m512)n);
#else
    const vi whole = vf_to_int(n),
             half = whole >> 1; /* in two factors: one alone would overflow first */
    const vf a = vf_of_bits((half + 127) << 23), b = vf_of_bits((whole - half + 127) << 23);
    return x * a * b;
#endif
}

/* 1 / x for x in [1, 2^126]: where division is slow, an estimate and one step of Newton's (two
 * roundings off at most). */
static HONE_ALWAYS_INLINE vf vf_inverse(vf x)
{
#if HONE_W == 16
    const vf y = (vf)_mm512_rcp14_ps((__m512)x);
    return y * (2.0f - x * y);
#else
    return 1.0f / x;
#endif
}

static HONE_ALWAYS_INLINE vf vf_exp(vf x)
{
    /* Outside, exp is 0 or infinite in float32; the order of operands lets NaN through. */
    const vf in = vf_min(vf_splat(89.0f), vf_max(vf_splat(-104.0f), x));
    const vf n = vf_round(in * 1.44269504f);
    vf r =
        in - n * 0.693359375f; /* ln 2 in two parts: the first has few bits, n times it is exact */
    r = r + n * 2.12194440e-4f;
    vf p = vf_splat(0.00139517151f); /* [-ln2/2, ln2/2], 3e-9 */
    p = p * r + 0.00836959854f;
    p = p * r + 0.0416661873f;
    p = p * r + 0.166665122f;
    p = p * r + 0.5f;
    p = p * (r * r) + r;
    return vf_scale(p + 1.0f, n);
}

/* 1 / (1 + exp(-x)); below -87 the answer is under the normal range. */
static HONE_ALWAYS_INLINE vf vf_sigmoid(vf x)
{
    return vf_inverse(1.0f + vf_exp(vf_min(vf_splat(87.0f), -x)));
}

static HONE_ALWAYS_INLINE vf vf_log(vf x)
{
    const vm tiny = vf_lt(x, vf_splat(1.17549435e-38f));
    const vf big =
        vm_select(tiny, x * 8388608.0f, x);    /* denormals are brought into the normal range */
    const vi bits = vf_bits(big) & 0x7fffffff; /* what is negative is answered below */
    /* The exponent of x / sqrt(1/2), so that the mantissa lies in [sqrt(1/2), sqrt(2)). */
    const vi e = (bits - 0x3f3504f3) >> 23;
    const vf m = vf_of_bits(bits - e * (1 << 23));
    const vf n = vf_of_int(e) - vm_select(tiny, vf_splat(23.0f), vf_splat(0.0f));
    const vf f = m - 1.0f;
    vf p = vf_splat(-0.0785947219f); /* 6e-9 */
    p = p * f + 0.128815949f;
    p = p * f - 0.131287813f;
    p = p * f + 0.141812012f;
    p = p * f - 0.16624552f;
    p = p * f + 0.200022861f;
    p = p * f - 0.250008106f;
    p = p * f + 0.333333164f;
    const vf f2 = f * f;
    vf y = p * (f2 * f) - n * 2.12194440e-4f;
    y = y - 0.5f * f2;
    y = y + f;
    y = y + n * 0.693359375f;
    y = vm_select(vf_eq(x, vf_splat(INFINITY)), x, y);
    y = vm_select(vf_eq(x, vf_splat(0.0f)), vf_splat(-INFINITY), y);
    y = vm_select(vf_lt(x, vf_splat(0.0f)), vf_splat(NAN), y);
    return vm_select(vf_ne(x, x), x, y);
}

/* log(1 + x): the rounding of 1 + x is taken back by the factor x / ((1 + x) - 1). */
static HONE_ALWAYS_INLINE vf vf_log1p(vf x)
{
    const vf u = 1.0f + x;
    const vf d = u - 1.0f;
    const vf y = vf_log(u) * (x / d);
    const vm same = vf_eq(d, vf_splat(0.0f));
    return vm_select(same, x,
                     vm_select(vf_eq(u, vf_splat(INFINITY)), x,
                               vm_select(vf_eq(u, vf_splat(0.0f)), vf_log(u), y)));
}

static HONE_ALWAYS_INLINE vf vf_softplus(vf x)
{
    return vf_max(vf_splat(0.0f), x) + vf_log1p(vf_exp(-vf_abs(x)));
}

static HONE_ALWAYS_INLINE vf vf_tanh(vf x)
{
    const vf a = vf_abs(x), s = x * x;
    vf p = vf_splat(-0.00571702747f); /* |x| < 0.625, 4e-9 */
    p = p * s + 0.0206505712f;
    p = p * s - 0.0537434928f;
    p = p * s + 0.133314908f;
    p = p * s - 0.333332837f;
    p = p * (s * x) + x;
    const vf big = 1.0f - 2.0f * vf_inverse(vf_exp(vf_min(vf_splat(20.0f), a + a)) + 1.0f);
    return vm_select(vf_lt(a, vf_splat(0.625f)), p, vf_or(big, vf_sign_of(x)));
}

static HONE_ALWAYS_INLINE vf vf_erf(vf x)
{
    const vf a = vf_abs(x), s = x * x;
    vf p = vf_splat(-9.64151241e-06f); /* |x| < 1, 4e-11 */
    p = p * s + 0.000112569469f;
    p = p * s - 0.000848282885f;
    p = p * s + 0.00522094546f;
    p = p * s - 0.0268654004f;
    p = p * s + 0.112837821f;
    p = p * s - 0.376126379f;
    p = p * s + 1.12837923f;
    p = p * x;
    const vf t = vf_min(vf_splat(4.0f), a); /* erf(4) rounds to 1 */
    vf q = vf_splat(-2.24131085e-07f);      /* log erfc on [0.95, 4], 3e-11 of erf */
    q = q * t - 1.85031786e-05f;
    q = q * t + 0.00042196826f;
    q = q * t - 0.00413863221f;
    q = q * t + 0.0250708573f;
    q = q * t - 0.108238988f;
    q = q * t - 0.633363724f;
    q = q * t - 1.12951386f;
    q = q * t + 0.000175580688f;
    const vf big = 1.0f - vf_exp(q);
    return vm_select(vf_lt(a, vf_splat(1.0f)), p, vf_or(big, vf_sign_of(x)));
}

#define VF_TRIG_LIMIT 8192.0f /* above it the reduction below loses bits: the caller takes libm */

/* sin where odd is 0, cos where it is 1. */
static HONE_ALWAYS_INLINE vf vf_sincos(vf x, int odd)
{
    const vf n = vf_round(x * 0.636619772f);
    vf r = x - n * 1.5703125f; /* pi/2 in three parts; n times the first two is exact */
    r = r - n * 4.83751297e-4f;
    r = r - n * 7.54978942e-8f;
    const vi quadrant = vf_to_int(n) + odd;
    const vf s = r * r;
    vf a = vf_splat(-0.000195108369f); /* |r| < pi/4, 4e-9 */
    a = a * s + 0.00833213143f;
    a = a * s - 0.166666538f;
    a = a * (s * r) + r;
    vf b = vf_splat(2.44312014e-05f); /* 1e-10 */
    b = b * s - 0.0013887306f;
    b = b * s + 0.0416666456f;
    b = b * (s * s) + (1.0f - 0.5f * s);
    const vm cosine = vf_ne(vf_of_int(quadrant & 1), vf_splat(0.0f));
    const vf y = vm_select(cosine, b, a);
    return vf_of_bits(vf_bits(y) ^ ((quadrant & 2) << 30));
}

#endif
