/* Element types: facts, sizes, elements, and the small floats against their definitions. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <math.h>
#include <string.h>

#include "base/tensor.h"

#define N(array) (sizeof(array) / sizeof((array)[0]))

static void test_facts(void **state)
{
    hone_dtype dtype;

    (void)state;
#define CHECK(name, value, text, bits)                                                             \
    assert_int_equal(HONE_##name, value);                                                          \
    assert_string_equal(hone_dtype_text(HONE_##name), text);                                       \
    assert_int_equal(hone_dtype_bits(HONE_##name), bits);                                          \
    assert_int_equal(hone_dtype_parse(text, &dtype), value != 0);                                  \
    assert_true(value == 0 || dtype == HONE_##name);
    HONE_DTYPE_LIST(CHECK)
#undef CHECK
    assert_string_equal(hone_dtype_text((hone_dtype)99), "?");
    assert_false(hone_dtype_is_valid(0));
    assert_false(hone_dtype_is_valid(27));
    assert_false(hone_dtype_is_valid(-1));
    assert_true(hone_dtype_is_float(HONE_F4E2M1) && !hone_dtype_is_float(HONE_C64));
    assert_true(hone_dtype_is_integer(HONE_U2) && !hone_dtype_is_integer(HONE_BOOL));
    assert_true(hone_dtype_is_signed(HONE_I4) && !hone_dtype_is_signed(HONE_U64));
    assert_true(hone_dtype_is_complex(HONE_C128) && !hone_dtype_is_complex(HONE_F64));
}

static void test_sizes(void **state)
{
    static const struct {
        hone_dtype dtype;
        int64_t n;
        bool fits;
        size_t size;
    } cases[] = {
        {HONE_F32, 3, true, 12}, {HONE_I4, 3, true, 2},           {HONE_U2, 5, true, 2},
        {HONE_I2, 4, true, 1},   {HONE_C128, 2, true, 32},        {HONE_F64, 0, true, 0},
        {HONE_U8, -1, false, 0}, {HONE_F64, INT64_MAX, false, 0}, {HONE_NONE, 4, true, 0},
    };

    (void)state;
    for (size_t i = 0; i < N(cases); i++) {
        size_t size = 77;
        assert_int_equal(hone_dtype_size(cases[i].dtype, cases[i].n, &size), cases[i].fits);
        assert_int_equal(size, cases[i].fits ? cases[i].size : 77);
    }
}

static uint32_t bits_of(float x)
{
    uint32_t u;

    memcpy(&u, &x, sizeof u);
    return u;
}

/* Every float16 goes to float32 and back; every midpoint between two goes to the even one. */
static void test_f16_every_value(void **state)
{
    (void)state;
    for (uint32_t i = 0; i < 0x10000; i++) {
        const float x = hone_f16_to_f32((uint16_t)i);
        if ((i & 0x7fff) > 0x7c00) {
            assert_true(isnan(x));
            assert_true((hone_f32_to_f16(x) & 0x7fff) > 0x7c00);
            continue;
        }
        assert_int_equal(hone_f32_to_f16(x), i);
        if ((i & 0x7fff) >= 0x7bff)
            continue;
        const float next = hone_f16_to_f32((uint16_t)(i + 1)), middle = (x + next) / 2;
        assert_int_equal(hone_f32_to_f16(middle), i + (i & 1));
        assert_int_equal(hone_f32_to_f16(nextafterf(middle, x)), i);
        assert_int_equal(hone_f32_to_f16(nextafterf(middle, next)), i + 1);
    }
    assert_int_equal(hone_f32_to_f16(65519.996f), 0x7bff);
    assert_int_equal(hone_f32_to_f16(65520.0f), 0x7c00);
    assert_int_equal(hone_f32_to_f16(-INFINITY), 0xfc00);
    assert_int_equal(hone_f32_to_f16(1e-30f), 0);
}

static void test_bf16_rounds_to_even(void **state)
{
    (void)state;
    assert_int_equal(hone_f32_to_bf16(1.0f), 0x3f80);
    assert_int_equal(hone_f32_to_bf16(1.00390625f), 0x3f80); /* halfway, to even */
    assert_int_equal(hone_f32_to_bf16(1.01171875f), 0x3f82); /* halfway, to even */
    assert_int_equal(hone_f32_to_bf16(3.4e38f), 0x7f80);
    assert_true(isnan(hone_bf16_to_f32(hone_f32_to_bf16(NAN))));
    for (uint32_t i = 0; i < 0x7f80; i++)
        assert_int_equal(hone_f32_to_bf16(hone_bf16_to_f32((uint16_t)i)), i);
}

static void test_f8_values(void **state)
{
    static const struct {
        hone_dtype dtype;
        uint8_t code;
        float value;
    } cases[] = {
        {HONE_F8E4M3FN, 0x7e, 448.0f},     {HONE_F8E4M3FN, 0x01, 0x1p-9f},
        {HONE_F8E4M3FN, 0x38, 1.0f},       {HONE_F8E4M3FNUZ, 0x7f, 240.0f},
        {HONE_F8E4M3FNUZ, 0x01, 0x1p-10f}, {HONE_F8E5M2, 0x7b, 57344.0f},
        {HONE_F8E5M2, 0x7c, INFINITY},     {HONE_F8E5M2, 0xfc, -INFINITY},
        {HONE_F8E5M2, 0x01, 0x1p-16f},     {HONE_F8E5M2FNUZ, 0x7f, 57344.0f},
        {HONE_F8E5M2FNUZ, 0x01, 0x1p-17f}, {HONE_F4E2M1, 0x07, 6.0f},
        {HONE_F4E2M1, 0x09, -0.5f},        {HONE_F8E8M0, 127, 1.0f},
        {HONE_F8E8M0, 0, 0x1p-127f},       {HONE_F8E8M0, 254, 0x1p127f},
    };

    (void)state;
    for (size_t i = 0; i < N(cases); i++) {
        assert_true(hone_f8_to_f32(cases[i].dtype, cases[i].code) == cases[i].value);
        assert_int_equal(hone_f32_to_f8(cases[i].dtype, cases[i].value, false), cases[i].code);
    }
}

/* Every code goes to float32 and back; what lies between two neighbours goes to the nearer, or to
 * the even one. */
static void test_f8_every_value(void **state)
{
    static const hone_dtype types[] = {HONE_F8E4M3FN,   HONE_F8E4M3FNUZ, HONE_F8E5M2,
                                       HONE_F8E5M2FNUZ, HONE_F4E2M1,     HONE_F8E8M0};

    (void)state;
    for (size_t t = 0; t < N(types); t++) {
        const bool has_ties = types[t] != HONE_F8E8M0; /* which rounds up */
        const int n = types[t] == HONE_F4E2M1 ? 16 : 256, half = n / 2;
        for (int i = 0; i < n; i++) {
            const float x = hone_f8_to_f32(types[t], (uint8_t)i);
            const uint8_t back = hone_f32_to_f8(types[t], x, false);
            if (isnan(x)) {
                assert_true(isnan(hone_f8_to_f32(types[t], back)));
                continue;
            }
            assert_int_equal(back, i);
            if (!has_ties || i % half == half - 1)
                continue;
            const float next = hone_f8_to_f32(types[t], (uint8_t)(i + 1)), middle = (x + next) / 2;
            if (!isfinite(next) || !isfinite(x))
                continue;
            const int even = i + (i & 1);
            const float rounded = hone_f8_to_f32(types[t], hone_f32_to_f8(types[t], middle, false));
            assert_true(rounded == hone_f8_to_f32(types[t], (uint8_t)even));
            assert_int_equal(hone_f32_to_f8(types[t], nextafterf(middle, next), false), i + 1);
        }
    }
}

static void test_f8_out_of_range(void **state)
{
    static const struct {
        hone_dtype dtype;
        float value;
        uint8_t saturated, plain;
    } cases[] = {
        {HONE_F8E4M3FN, 1e6f, 0x7e, 0x7f},   {HONE_F8E4M3FN, -INFINITY, 0xfe, 0xff},
        {HONE_F8E4M3FN, 464.0f, 0x7e, 0x7e}, {HONE_F8E4M3FN, 465.0f, 0x7e, 0x7f},
        {HONE_F8E4M3FNUZ, 1e6f, 0x7f, 0x80}, {HONE_F8E4M3FNUZ, -0.0f, 0x00, 0x00},
        {HONE_F8E5M2, 1e6f, 0x7b, 0x7c},     {HONE_F8E5M2, -INFINITY, 0xfb, 0xfc},
        {HONE_F8E5M2, -0.0f, 0x80, 0x80},    {HONE_F8E5M2FNUZ, -1e6f, 0xff, 0x80},
        {HONE_F4E2M1, 100.0f, 0x07, 0x07},   {HONE_F4E2M1, -INFINITY, 0x0f, 0x0f},
        {HONE_F8E8M0, 3.0e38f, 0xfe, 0xff},  {HONE_F8E8M0, 0.0f, 0, 0},
        {HONE_F8E8M0, 1.5f, 128, 128},       {HONE_F8E8M0, NAN, 0xff, 0xff},
        {HONE_F8E4M3FN, 1e-9f, 0, 0},
    };

    (void)state;
    for (size_t i = 0; i < N(cases); i++) {
        assert_int_equal(hone_f32_to_f8(cases[i].dtype, cases[i].value, true), cases[i].saturated);
        assert_int_equal(hone_f32_to_f8(cases[i].dtype, cases[i].value, false), cases[i].plain);
    }
}

static void test_elements(void **state)
{
    static const struct {
        hone_dtype dtype;
        double set, read;
    } cases[] = {
        {HONE_F64, 0.1, 0.1},
        {HONE_F32, 0.5, 0.5},
        {HONE_F16, 0.5, 0.5},
        {HONE_BF16, -2.0, -2.0},
        {HONE_I8, 300.0, 127.0},
        {HONE_I8, -300.0, -128.0},
        {HONE_U8, 2.5, 2.0},
        {HONE_U8, 3.5, 4.0},
        {HONE_U8, -1.0, 0.0},
        {HONE_I4, 9.0, 7.0},
        {HONE_I4, -9.0, -8.0},
        {HONE_U4, 99.0, 15.0},
        {HONE_I2, -2.0, -2.0},
        {HONE_U2, 3.0, 3.0},
        {HONE_BOOL, 0.5, 1.0},
        {HONE_I64, 1e30, 0x1p63},
        {HONE_I64, -1e30, -0x1p63},
        {HONE_U64, 1e30, 0x1p64},
        {HONE_U64, 0x1p63, 0x1p63},
        {HONE_I32, NAN, 0.0},
        {HONE_U32, 4294967295.0, 4294967295.0},
        {HONE_U16, 65536.0, 65535.0},
        {HONE_I16, -40000.0, -32768.0},
        {HONE_F4E2M1, 2.9, 3.0},
        {HONE_F8E5M2, 1e9, 57344.0},
    };

    (void)state;
    for (size_t i = 0; i < N(cases); i++) {
        uint8_t data[64];
        memset(data, 0xaa, sizeof data);
        hone_element_set_double(cases[i].dtype, data, 3, cases[i].set);
        assert_true(hone_element_double(cases[i].dtype, data, 3) == cases[i].read);
    }
}

static void test_packed_elements_leave_their_neighbours(void **state)
{
    uint8_t data[2] = {0, 0};

    (void)state;
    hone_element_set_int(HONE_I4, data, 0, -3);
    hone_element_set_int(HONE_I4, data, 1, 5);
    hone_element_set_int(HONE_U2, data, 5, 2);
    assert_int_equal(data[0], 0x5d); /* the first element in the low bits */
    assert_int_equal(data[1], 0x08);
    assert_int_equal(hone_element_int(HONE_I4, data, 0), -3);
    assert_int_equal(hone_element_int(HONE_I4, data, 1), 5);
}

static void test_elements_of_64_bits_are_exact(void **state)
{
    uint8_t data[17];

    (void)state;
    hone_element_set_int(HONE_I64, data + 1, 1, INT64_MAX - 1); /* unaligned */
    assert_true(hone_element_int(HONE_I64, data + 1, 1) == INT64_MAX - 1);
    hone_element_set_int(HONE_U64, data + 1, 0, -1);
    assert_true(hone_element_double(HONE_U64, data + 1, 0) == 0x1p64);
    hone_element_set_int(HONE_F32, data, 0, -7);
    assert_true(hone_element_int(HONE_F32, data, 0) == -7);
}

/* From double, rounding happens once: 1 + 2^-11 + 2^-40 is over the midpoint, though float32 has
 * not the last bit. */
static void test_double_to_f16_rounds_once(void **state)
{
    uint16_t bits;

    (void)state;
    hone_element_set_double(HONE_F16, &bits, 0, 1.0 + 0x1p-11 + 0x1p-40);
    assert_int_equal(bits, 0x3c01);
    hone_element_set_double(HONE_F16, &bits, 0, 1.0 + 0x1p-11);
    assert_int_equal(bits, 0x3c00);
    assert_int_equal(bits_of(hone_f16_to_f32(0x3c00)), 0x3f800000);
}

static void test_dims(void **state)
{
    const hone_dims a = {4, {1, 3, 224, 224}}, b = {2, {224, 1}}, scalar = {0, {0}};
    const hone_dims huge = {3, {INT64_MAX, 2, 2}}, empty = {3, {INT64_MAX, INT64_MAX, 0}},
                    open = {1, {-1}};
    char text[HONE_DIMS_TEXT];
    int64_t n = 0, strides[HONE_MAX_RANK];
    hone_dims out;
    size_t size;

    (void)state;
    assert_true(hone_dims_count(&a, &n) && n == 150528);
    assert_true(hone_dims_count(&scalar, &n) && n == 1);
    assert_true(hone_dims_count(&empty, &n) && n == 0);
    assert_false(hone_dims_count(&huge, &n));
    assert_false(hone_dims_count(&open, &n));
    assert_true(hone_dims_size(HONE_F16, &a, &size) && size == 301056);
    hone_dims_strides(&a, strides);
    assert_int_equal(strides[1], 50176);
    assert_true(hone_dims_broadcast(&a, &b, &out) && hone_dims_equal(&out, &a));
    assert_true(hone_dims_broadcast(&scalar, &b, &out) && hone_dims_equal(&out, &b));
    assert_false(hone_dims_broadcast(&a, &(hone_dims){1, {7}}, &out));
    assert_true(hone_dims_broadcast(&(hone_dims){1, {1}}, &(hone_dims){1, {0}}, &out) &&
                out.dim[0] == 0);
    assert_string_equal(hone_dims_text(&a, text), "1x3x224x224");
    assert_string_equal(hone_dims_text(&scalar, text), "scalar");
    assert_false(hone_dims_equal(&a, &b));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_facts),
        cmocka_unit_test(test_sizes),
        cmocka_unit_test(test_f16_every_value),
        cmocka_unit_test(test_bf16_rounds_to_even),
        cmocka_unit_test(test_f8_values),
        cmocka_unit_test(test_f8_every_value),
        cmocka_unit_test(test_f8_out_of_range),
        cmocka_unit_test(test_elements),
        cmocka_unit_test(test_packed_elements_leave_their_neighbours),
        cmocka_unit_test(test_elements_of_64_bits_are_exact),
        cmocka_unit_test(test_double_to_f16_rounds_once),
        cmocka_unit_test(test_dims),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
