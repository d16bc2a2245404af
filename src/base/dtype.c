/* Facts about element types in one table, and elements as doubles and integers one at a time. Slow
 * and plain: for folding, printing and references; kernels have loops of their own. */
#include "base/dtype.h"

#include <math.h>
#include <string.h>

enum {
    FLOAT = 1,
    INTEGER = 2,
    SIGNED = 4,
    COMPLEX = 8
};

static const struct {
    const char *text;
    int bits;
} rows[] = {
#define ROW(name, value, text, bits) [value] = {text, bits},
    HONE_DTYPE_LIST(ROW)
#undef ROW
};

static const uint8_t traits[HONE_COUNT(rows)] = {
    [HONE_F64] = FLOAT | SIGNED,
    [HONE_F32] = FLOAT | SIGNED,
    [HONE_F16] = FLOAT | SIGNED,
    [HONE_BF16] = FLOAT | SIGNED,
    [HONE_F8E4M3FN] = FLOAT | SIGNED,
    [HONE_F8E4M3FNUZ] = FLOAT | SIGNED,
    [HONE_F8E5M2] = FLOAT | SIGNED,
    [HONE_F8E5M2FNUZ] = FLOAT | SIGNED,
    [HONE_F4E2M1] = FLOAT | SIGNED,
    [HONE_F8E8M0] = FLOAT,
    [HONE_I64] = INTEGER | SIGNED,
    [HONE_I32] = INTEGER | SIGNED,
    [HONE_I16] = INTEGER | SIGNED,
    [HONE_I8] = INTEGER | SIGNED,
    [HONE_I4] = INTEGER | SIGNED,
    [HONE_I2] = INTEGER | SIGNED,
    [HONE_U64] = INTEGER,
    [HONE_U32] = INTEGER,
    [HONE_U16] = INTEGER,
    [HONE_U8] = INTEGER,
    [HONE_U4] = INTEGER,
    [HONE_U2] = INTEGER,
    [HONE_C64] = COMPLEX | SIGNED,
    [HONE_C128] = COMPLEX | SIGNED,
};

static unsigned traits_of(hone_dtype dtype)
{
    return hone_dtype_is_valid(dtype) ? traits[dtype] : 0;
}

bool hone_dtype_is_valid(int number)
{
    return number > HONE_NONE && number < HONE_COUNT(rows);
}

int hone_dtype_bits(hone_dtype dtype)
{
    return hone_dtype_is_valid(dtype) ? rows[dtype].bits : 0;
}

const char *hone_dtype_text(hone_dtype dtype)
{
    return dtype == HONE_NONE || hone_dtype_is_valid(dtype) ? rows[dtype].text : "?";
}

bool hone_dtype_is_float(hone_dtype dtype)
{
    return traits_of(dtype) & FLOAT;
}

bool hone_dtype_is_integer(hone_dtype dtype)
{
    return traits_of(dtype) & INTEGER;
}

bool hone_dtype_is_signed(hone_dtype dtype)
{
    return traits_of(dtype) & SIGNED;
}

bool hone_dtype_is_complex(hone_dtype dtype)
{
    return traits_of(dtype) & COMPLEX;
}

bool hone_dtype_parse(const char *text, hone_dtype *out)
{
    for (int i = 1; i < HONE_COUNT(rows); i++)
        if (!strcmp(text, rows[i].text)) {
            *out = (hone_dtype)i;
            return true;
        }
    return false;
}

bool hone_dtype_size(hone_dtype dtype, int64_t n, size_t *out)
{
    const int bits = hone_dtype_bits(dtype);
    size_t size;

    if (n < 0 || (uint64_t)n > SIZE_MAX)
        return false;
    if (bits < 8)
        size = bits ? ((size_t)n + (size_t)(8 / bits) - 1) / (size_t)(8 / bits) : 0;
    else if (!hone_size_mul((size_t)n, (size_t)bits / 8, &size))
        return false;
    *out = size;
    return true;
}

/* Element i of a type under a byte: the first element in the low bits. */
static unsigned packed(const void *data, int64_t i, int bits)
{
    const int per_byte = 8 / bits;
    const uint8_t byte = ((const uint8_t *)data)[i / per_byte];

    return (unsigned)(byte >> (i % per_byte * bits)) & ((1u << bits) - 1);
}

static void set_packed(void *data, int64_t i, int bits, unsigned value)
{
    const int per_byte = 8 / bits, shift = (int)(i % per_byte) * bits;
    const unsigned mask = ((1u << bits) - 1) << shift;
    uint8_t *byte = (uint8_t *)data + i / per_byte;

    *byte = (uint8_t)((*byte & ~mask) | ((value << shift) & mask));
}

static int sign_extend(unsigned value, int bits)
{
    const int half = 1 << (bits - 1);

    return (int)(value ^ (unsigned)half) - half;
}

/* Element i of type T, which may stand at any address. */
#define LOAD(T) load_##T(data, i)
#define LOADER(T)                                                                                  \
    static T load_##T(const void *data, int64_t i)                                                 \
    {                                                                                              \
        T x;                                                                                       \
        memcpy(&x, (const uint8_t *)data + (size_t)i * sizeof x, sizeof x);                        \
        return x;                                                                                  \
    }                                                                                              \
    static void store_##T(void *data, int64_t i, T x)                                              \
    {                                                                                              \
        memcpy((uint8_t *)data + (size_t)i * sizeof x, &x, sizeof x);                              \
    }
LOADER(double)
LOADER(float)
LOADER(int8_t)
LOADER(int16_t)
LOADER(int32_t)
LOADER(int64_t)
LOADER(uint8_t)
LOADER(uint16_t)
LOADER(uint32_t)
LOADER(uint64_t)

double hone_element_double(hone_dtype dtype, const void *data, int64_t i)
{
    switch (dtype) {
    case HONE_F64: return LOAD(double);
    case HONE_F32: return (double)LOAD(float);
    case HONE_F16: return (double)hone_f16_to_f32(LOAD(uint16_t));
    case HONE_BF16: return (double)hone_bf16_to_f32(LOAD(uint16_t));
    case HONE_F8E4M3FN:
    case HONE_F8E4M3FNUZ:
    case HONE_F8E5M2:
    case HONE_F8E5M2FNUZ:
    case HONE_F8E8M0: return (double)hone_f8_to_f32(dtype, LOAD(uint8_t));
    case HONE_F4E2M1: return (double)hone_f8_to_f32(dtype, (uint8_t)packed(data, i, 4));
    case HONE_U64: return (double)LOAD(uint64_t);
    default: return (double)hone_element_int(dtype, data, i);
    }
}

/* Truncates towards zero; what int64 cannot hold becomes its nearest bound, NaN becomes 0. */
static int64_t double_to_int(double x)
{
    if (x != x)
        return 0;
    if (x >= 9223372036854775808.0)
        return INT64_MAX;
    return x < -9223372036854775808.0 ? INT64_MIN : (int64_t)x;
}

int64_t hone_element_int(hone_dtype dtype, const void *data, int64_t i)
{
    switch (dtype) {
    case HONE_I64: return LOAD(int64_t);
    case HONE_I32: return LOAD(int32_t);
    case HONE_I16: return LOAD(int16_t);
    case HONE_I8: return LOAD(int8_t);
    case HONE_U64: return (int64_t)LOAD(uint64_t);
    case HONE_U32: return LOAD(uint32_t);
    case HONE_U16: return LOAD(uint16_t);
    case HONE_U8: return LOAD(uint8_t);
    case HONE_BOOL: return LOAD(uint8_t) != 0;
    case HONE_U4: return packed(data, i, 4);
    case HONE_I4: return sign_extend(packed(data, i, 4), 4);
    case HONE_U2: return packed(data, i, 2);
    case HONE_I2: return sign_extend(packed(data, i, 2), 2);
    default:
        return hone_dtype_is_float(dtype) ? double_to_int(hone_element_double(dtype, data, i)) : 0;
    }
}

void hone_element_set_int(hone_dtype dtype, void *data, int64_t i, int64_t x)
{
    switch (dtype) {
    case HONE_I64: store_int64_t(data, i, x); break;
    case HONE_I32: store_int32_t(data, i, (int32_t)x); break;
    case HONE_I16: store_int16_t(data, i, (int16_t)x); break;
    case HONE_I8: store_int8_t(data, i, (int8_t)x); break;
    case HONE_U64: store_uint64_t(data, i, (uint64_t)x); break;
    case HONE_U32: store_uint32_t(data, i, (uint32_t)x); break;
    case HONE_U16: store_uint16_t(data, i, (uint16_t)x); break;
    case HONE_U8: store_uint8_t(data, i, (uint8_t)x); break;
    case HONE_BOOL: store_uint8_t(data, i, x != 0); break;
    case HONE_U4:
    case HONE_I4: set_packed(data, i, 4, (unsigned)x & 15); break;
    case HONE_U2:
    case HONE_I2: set_packed(data, i, 2, (unsigned)x & 3); break;
    default:
        if (hone_dtype_is_float(dtype))
            hone_element_set_double(dtype, data, i, (double)x);
    }
}

/* Rounds to nearest, ties to even, and saturates at the type's range; NaN gives 0. */
static void set_integer(hone_dtype dtype, void *data, int64_t i, double x)
{
    const int bits = hone_dtype_bits(dtype);
    const bool is_signed = hone_dtype_is_signed(dtype);
    const double low = is_signed ? -ldexp(1.0, bits - 1) : 0.0;
    const double high =
        ldexp(1.0, is_signed ? bits - 1 : bits); /* the first value past the range */

    x = nearbyint(x);
    if (x >= high) {
        const uint64_t most = UINT64_MAX >> (64 - bits);
        hone_element_set_int(dtype, data, i, (int64_t)(is_signed ? most >> 1 : most));
    } else if (dtype == HONE_U64 && x >= 9223372036854775808.0) {
        hone_element_set_int(dtype, data, i, (int64_t)(uint64_t)x);
    } else {
        hone_element_set_int(dtype, data, i, double_to_int(x < low ? low : x));
    }
}

/* A double to one of the 16-bit floats by way of float32. Rounding the first step to odd keeps the
 * second one right: the bits that the first drops still break ties. */
static float narrow_to_odd(double x)
{
    float f = (float)x;
    union {
        float f;
        uint32_t u;
    } v = {.f = f};

    if ((double)f == x || f != f || isinf(f))
        return f;
    if (v.u & 1)
        return f;
    if (fabs((double)f) > fabs(x))
        v.u--; /* towards zero, which makes the last bit odd */
    else
        v.u++;
    return v.f;
}

void hone_element_set_double(hone_dtype dtype, void *data, int64_t i, double x)
{
    switch (dtype) {
    case HONE_F64: store_double(data, i, x); break;
    case HONE_F32: store_float(data, i, (float)x); break;
    case HONE_F16: store_uint16_t(data, i, hone_f32_to_f16(narrow_to_odd(x))); break;
    case HONE_BF16: store_uint16_t(data, i, hone_f32_to_bf16(narrow_to_odd(x))); break;
    case HONE_F8E4M3FN:
    case HONE_F8E4M3FNUZ:
    case HONE_F8E5M2:
    case HONE_F8E5M2FNUZ:
    case HONE_F8E8M0: store_uint8_t(data, i, hone_f32_to_f8(dtype, narrow_to_odd(x), true)); break;
    case HONE_F4E2M1: set_packed(data, i, 4, hone_f32_to_f8(dtype, narrow_to_odd(x), true)); break;
    case HONE_BOOL: store_uint8_t(data, i, x != 0.0); break;
    default:
        if (hone_dtype_is_integer(dtype))
            set_integer(dtype, data, i, x);
    }
}
