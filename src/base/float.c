/* The floats smaller than float32: conversion one at a time, by their definition. float8 and float4
 * share one decoder and one encoder, driven by a row of facts for each format. Vector code has
 * conversions of its own. */
#include <math.h>

#include "base/dtype.h"

typedef union bits32 {
    float f;
    uint32_t u;
} bits32;

float hone_f16_to_f32(uint16_t bits)
{
    const uint32_t sign = (uint32_t)(bits & 0x8000) << 16, exponent = bits >> 10 & 31,
                   mantissa = bits & 0x3ff;

    if (exponent == 0) {
        const float magnitude = (float)mantissa * 0x1p-24f;
        return sign ? -magnitude : magnitude;
    }
    const uint32_t widened = exponent == 31 ? 255 : exponent + (127 - 15);
    return (bits32){.u = sign | widened << 23 | mantissa << 13}.f;
}

uint16_t hone_f32_to_f16(float x)
{
    const bits32 v = {.f = x};
    const uint16_t sign = (uint16_t)(v.u >> 16 & 0x8000);
    const uint32_t magnitude = v.u & 0x7fffffff;

    if (magnitude > 0x7f800000) /* NaN keeps its upper bits and stays quiet */
        return (uint16_t)(sign | 0x7e00 | (magnitude >> 13 & 0x3ff));
    if (magnitude >= 0x477ff000) /* 65520 and more round to infinity */
        return sign | 0x7c00;
    if (magnitude < 0x38800000) /* subnormal: the float adder rounds, in units of 2^-24 */
        return (uint16_t)(sign | (uint16_t)nearbyintf(fabsf(x) * 0x1p24f));
    const uint32_t rounded = magnitude + 0xfff + (magnitude >> 13 & 1);
    return (uint16_t)(sign | ((rounded >> 13) - ((127 - 15) << 10)));
}

uint16_t hone_f32_to_bf16(float x)
{
    const bits32 v = {.f = x};

    if ((v.u & 0x7fffffff) > 0x7f800000)
        return (uint16_t)(v.u >> 16 | 0x40);
    return (uint16_t)((v.u + 0x7fff + (v.u >> 16 & 1)) >> 16);
}

/* The formats of ONNX: "FN" has no infinity, "UZ" no negative zero, whose code is NaN instead. */
typedef struct small_float {
    int exponent_bits, mantissa_bits, bias;
    uint8_t largest;  /* the code of the largest finite value */
    uint8_t infinity; /* 0: none */
    uint8_t nan;      /* 0: none */
    bool is_uz;
} small_float;

static const small_float formats[] = {
    [HONE_F8E4M3FN] = {4, 3, 7, 0x7e, 0, 0x7f, false},
    [HONE_F8E4M3FNUZ] = {4, 3, 8, 0x7f, 0, 0x80, true},
    [HONE_F8E5M2] = {5, 2, 15, 0x7b, 0x7c, 0x7e, false},
    [HONE_F8E5M2FNUZ] = {5, 2, 16, 0x7f, 0, 0x80, true},
    [HONE_F4E2M1] = {2, 1, 1, 0x07, 0, 0, false},
};

static float decode(const small_float *f, uint8_t code)
{
    const int magnitude_bits = f->exponent_bits + f->mantissa_bits;
    const int magnitude = code & ((1 << magnitude_bits) - 1);
    const bool is_negative = code >> magnitude_bits & 1;
    const int exponent = magnitude >> f->mantissa_bits,
              mantissa = magnitude & ((1 << f->mantissa_bits) - 1);

    if (f->is_uz && code == f->nan)
        return NAN;
    if (magnitude > f->largest)
        return f->infinity && magnitude == f->infinity ? is_negative ? -INFINITY : INFINITY : NAN;
    const int whole = exponent ? mantissa | 1 << f->mantissa_bits : mantissa;
    const float x = ldexpf((float)whole, HONE_MAX(exponent, 1) - f->bias - f->mantissa_bits);
    return is_negative ? -x : x;
}

static uint8_t encode(const small_float *f, float x, bool saturate)
{
    const int magnitude_bits = f->exponent_bits + f->mantissa_bits;
    const uint8_t sign = (uint8_t)(signbit(x) ? 1 << magnitude_bits : 0);
    int exponent;

    if (x != x)
        return f->is_uz ? f->nan : (uint8_t)(f->nan | sign);
    const float largest = decode(f, f->largest), magnitude = fabsf(x);
    if (magnitude <= 2 * largest) {
        frexpf(magnitude, &exponent); /* magnitude in [2^(exponent-1), 2^exponent) */
        exponent = magnitude > 0 ? HONE_MAX(exponent - 1, 1 - f->bias) : 1 - f->bias;
        /* Units in the last place; rounding up to the next power carries into the exponent by
         * itself. */
        const int units = (int)nearbyintf(ldexpf(magnitude, f->mantissa_bits - exponent));
        const int code = units + ((exponent + f->bias - 1) << f->mantissa_bits);
        if (code == 0 && f->is_uz)
            return 0;
        if (code <= f->largest)
            return (uint8_t)(code | sign);
    }
    if (saturate || (!f->infinity && !f->nan))
        return (uint8_t)(f->largest | sign);
    if (f->is_uz)
        return f->nan;
    return (uint8_t)((f->infinity ? f->infinity : f->nan) | sign);
}

static float decode_e8m0(uint8_t code)
{
    return code == 0xff ? NAN : ldexpf(1.0f, code - 127);
}

/* A power of two, rounded up, as ONNX's Cast does by default; zero and negative numbers give the
 * least. */
static uint8_t encode_e8m0(float x, bool saturate)
{
    int exponent;

    if (x != x)
        return 0xff;
    if (x > 0x1p127f)
        return saturate ? 0xfe : 0xff;
    if (!(x > 0x1p-127f))
        return 0;
    const float fraction = frexpf(x, &exponent); /* in [0.5, 1) */
    return (uint8_t)(exponent + 127 - (fraction == 0.5f));
}

float hone_f8_to_f32(hone_dtype dtype, uint8_t bits)
{
    return dtype == HONE_F8E8M0 ? decode_e8m0(bits) : decode(&formats[dtype], bits);
}

uint8_t hone_f32_to_f8(hone_dtype dtype, float x, bool saturate)
{
    return dtype == HONE_F8E8M0 ? encode_e8m0(x, saturate) : encode(&formats[dtype], x, saturate);
}
