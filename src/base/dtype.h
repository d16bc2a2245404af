/* Facts about element types, and conversions of the small floats. */
#ifndef HONE_BASE_DTYPE_H
#define HONE_BASE_DTYPE_H

#include "base/memory.h"

bool hone_dtype_is_valid(int number);
int hone_dtype_bits(hone_dtype dtype);
bool hone_dtype_is_float(hone_dtype dtype);   /* f64 f32 f16 bf16, float8 and float4 */
bool hone_dtype_is_integer(hone_dtype dtype); /* signed or unsigned, also under a byte; not bool */
bool hone_dtype_is_signed(hone_dtype dtype);
bool hone_dtype_is_complex(hone_dtype dtype);
bool hone_dtype_parse(const char *text, hone_dtype *out); /* "float32" */

/* Bytes of n elements, sub-byte types rounded up; false on overflow or n < 0. */
bool hone_dtype_size(hone_dtype dtype, int64_t n, size_t *out);

float hone_f16_to_f32(uint16_t bits);
uint16_t hone_f32_to_f16(float x); /* to nearest, ties to even */
static inline float hone_bf16_to_f32(uint16_t bits)
{
    union {
        uint32_t u;
        float f;
    } x = {.u = (uint32_t)bits << 16};
    return x.f;
}
uint16_t hone_f32_to_bf16(float x); /* to nearest, ties to even; NaN stays NaN */

/* Any float8, float4 or float8e8m0 type. saturate: finite values over the range become the largest
 * (ONNX Cast). */
float hone_f8_to_f32(hone_dtype dtype, uint8_t bits);
uint8_t hone_f32_to_f8(hone_dtype dtype, float x, bool saturate);

/* Element i of any real type as a double, and back (rounded to nearest and saturated for integers);
 * not for strings and complex. Slow: for folding, printing and references. Large 64-bit integers
 * lose bits; use hone_element_int. */
double hone_element_double(hone_dtype dtype, const void *data, int64_t i);
void hone_element_set_double(hone_dtype dtype, void *data, int64_t i, double x);
int64_t hone_element_int(hone_dtype dtype, const void *data, int64_t i); /* floats truncate */
void hone_element_set_int(hone_dtype dtype, void *data, int64_t i, int64_t x);

#endif
