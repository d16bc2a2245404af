/* The protobuf cursor: what it yields, and that every damage ends the walk with a fault rather than
 * a read past the end. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/protobuf.h"

#define BYTES(...)                                                                                 \
    (hone_bytes)                                                                                   \
    {                                                                                              \
        (const uint8_t[]){__VA_ARGS__}, sizeof((const uint8_t[]){__VA_ARGS__})                     \
    }

static void test_pb_next_yields_every_wire_type(void **state)
{
    (void)state;
    const hone_bytes bytes =
        BYTES(0x08, 0x96, 0x01,                    /* 1: varint 150 */
              0x12, 0x02, 'h', 'i',                /* 2: "hi" */
              0x1d, 0x00, 0x00, 0x80, 0x3f,        /* 3: float 1 */
              0x21, 0, 0, 0, 0, 0, 0, 0xf0, 0x3f,  /* 4: double 1 */
              0xfa, 0xff, 0xff, 0xff, 0x0f, 0x00); /* the last field number, empty */
    hone_pb pb = hone_pb_of(bytes);
    hone_pb_field f;

    assert_true(hone_pb_next(&pb, &f));
    assert_int_equal(f.number, 1);
    assert_int_equal(f.value, 150);
    assert_true(hone_pb_next(&pb, &f));
    assert_true(hone_bytes_is(f.bytes, "hi"));
    assert_true(hone_pb_next(&pb, &f));
    assert_true(hone_pb_float(f.value) == 1.0f);
    assert_true(hone_pb_next(&pb, &f));
    assert_true(hone_pb_double(f.value) == 1.0);
    assert_true(hone_pb_next(&pb, &f));
    assert_int_equal(f.number, (1 << 29) - 1);
    assert_false(hone_pb_next(&pb, &f));
    assert_int_equal(hone_pb_status(&pb), HONE_OK);
}

static void test_pb_damage_is_a_fault(void **state)
{
    (void)state;
    static const struct {
        const char *name;
        uint8_t data[16];
        size_t size;
    } cases[] = {
        {"varint cut", {0x08, 0x96}, 2},
        {"varint of eleven bytes", {0x08, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 1}, 12},
        {"value missing", {0x08}, 1},
        {"fixed32 cut", {0x1d, 0, 0, 0}, 4},
        {"fixed64 cut", {0x21, 0, 0, 0, 0, 0, 0, 0}, 8},
        {"fixed64 missing", {0x21}, 1},
        {"length missing", {0x12}, 1},
        {"length over the end", {0x12, 0x03, 'h', 'i'}, 4},
        {"length of 2^64 - 1", {0x12, 255, 255, 255, 255, 255, 255, 255, 255, 255, 1}, 11},
        {"field zero", {0x00, 0x00}, 2},
        {"field over the limit", {0x80, 0x80, 0x80, 0x80, 0x10, 0x00}, 6},
        {"group", {0x0b, 0x0c}, 2},
        {"wire type 7", {0x0f, 0x00}, 2},
    };

    for (int i = 0; i < HONE_COUNT(cases); i++) {
        hone_pb pb = hone_pb_of((hone_bytes){cases[i].data, cases[i].size});
        hone_pb_field f;
        while (hone_pb_next(&pb, &f))
            ;
        if (hone_pb_status(&pb) != HONE_ERR_FORMAT)
            fail_msg("%s: no fault", cases[i].name);
    }
}

static void test_pb_scalars_packed_and_single(void **state)
{
    (void)state;
    const hone_bytes bytes = BYTES(0x0a, 0x04, 0x01, 0x96, 0x01, 0x02, 0x08, 0x07);
    hone_pb pb = hone_pb_of(bytes);
    hone_pb_field f;
    uint64_t v[3];
    size_t n;

    assert_true(hone_pb_next(&pb, &f));
    assert_true(hone_pb_scalar_count(&f, HONE_PB_VARINT, &n));
    assert_int_equal(n, 3);
    assert_true(hone_pb_scalar_read(&f, HONE_PB_VARINT, v));
    assert_int_equal(v[0], 1);
    assert_int_equal(v[1], 150);
    assert_int_equal(v[2], 2);
    assert_false(hone_pb_scalar_count(&f, HONE_PB_FIXED64, &n));
    assert_true(hone_pb_next(&pb, &f));
    assert_true(hone_pb_scalar_read(&f, HONE_PB_VARINT, v));
    assert_int_equal(v[0], 7);
    assert_false(hone_pb_scalar_count(&f, HONE_PB_FIXED32, &n));
}

static void test_pb_empty_is_no_message(void **state)
{
    (void)state;
    hone_pb pb = hone_pb_of((hone_bytes){NULL, 0});
    hone_pb_field f;
    assert_false(hone_pb_next(&pb, &f));
    assert_int_equal(hone_pb_status(&pb), HONE_OK);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_pb_next_yields_every_wire_type),
        cmocka_unit_test(test_pb_damage_is_a_fault),
        cmocka_unit_test(test_pb_scalars_packed_and_single),
        cmocka_unit_test(test_pb_empty_is_no_message),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
