/* ONNX's tensor, sequence and optional files as the onnx package writes them, damaged ones, and
 * round trips. */
#include "media_files.h"

#include <unistd.h>

#include "media/pb.h"

typedef struct read_case {
    const char *file;
    hone_dtype dtype;
    const char *shape;
} read_case;

static const read_case read_cases[] = {
    {"raw.pb", HONE_F32, "2x3"},           {"typed_float.pb", HONE_F32, "2x3"},
    {"typed_double.pb", HONE_F64, "2x3"},  {"typed_int32.pb", HONE_I32, "2x3"},
    {"typed_int64.pb", HONE_I64, "2x3"},   {"typed_uint8.pb", HONE_U8, "2x3"},
    {"typed_uint32.pb", HONE_U32, "2x3"},  {"typed_uint64.pb", HONE_U64, "2x3"},
    {"typed_float16.pb", HONE_F16, "2x3"}, {"typed_bfloat16.pb", HONE_BF16, "2x3"},
    {"typed_bool.pb", HONE_BOOL, "2"},     {"typed_float8e4m3fn.pb", HONE_F8E4M3FN, "2x3"},
    {"typed_int4.pb", HONE_I4, "2x3"},     {"typed_complex64.pb", HONE_C64, "2x3"},
};

static const char *temporary(void)
{
    static char path[64];
    snprintf(path, sizeof path, "test_pb_%d.tmp", (int)getpid());
    return path;
}

static void test_pb_reads(void **state)
{
    (void)state;
    for (int i = 0; i < HONE_COUNT(read_cases); i++) {
        char text[HONE_DIMS_TEXT];
        hone_array array;
        if (hone_pb_read(test_file(read_cases[i].file), "tensor", &array) != HONE_OK)
            fail_msg("%s: %s", read_cases[i].file, hone_message());
        assert_int_equal(array.tensor.dtype, read_cases[i].dtype);
        assert_string_equal(hone_dims_text(&array.tensor.shape, text), read_cases[i].shape);
        assert_counts(&array.tensor);
        hone_array_free(&array);
    }
}

static void test_pb_reads_strings(void **state)
{
    hone_array array;
    (void)state;
    assert_int_equal(hone_pb_read(test_file("strings.pb"), "tensor", &array), HONE_OK);
    assert_strings(&array.tensor);
    hone_array_free(&array);
}

static void assert_sequence(const hone_array *array)
{
    assert_int_equal(array->kind, HONE_ARRAY_SEQUENCE);
    assert_int_equal(array->n_items, 3);
    for (size_t i = 0; i < 3; i++) {
        assert_int_equal(hone_tensor_count(&array->items[i].tensor), i + 1);
        assert_counts(&array->items[i].tensor);
    }
}

static void test_pb_reads_sequences_and_optionals(void **state)
{
    hone_array array;
    (void)state;
    assert_int_equal(hone_pb_read(test_file("sequence.pb"), "sequence", &array), HONE_OK);
    assert_sequence(&array);
    hone_array_free(&array);
    assert_int_equal(hone_pb_read(test_file("sequence_of_sequences.pb"), "sequence", &array),
                     HONE_OK);
    assert_int_equal(array.n_items, 2);
    assert_sequence(&array.items[1]);
    hone_array_free(&array);
    assert_int_equal(hone_pb_read(test_file("optional.pb"), "optional", &array), HONE_OK);
    assert_int_equal(hone_tensor_count(&array.tensor), 3);
    hone_array_free(&array);
    assert_int_equal(hone_pb_read(test_file("optional_sequence.pb"), "optional", &array), HONE_OK);
    assert_sequence(&array);
    hone_array_free(&array);
    assert_int_equal(hone_pb_read(test_file("optional_empty.pb"), "optional", &array), HONE_OK);
    assert_int_equal(array.kind, HONE_ARRAY_EMPTY);
    hone_array_free(&array);
    assert_int_equal(hone_pb_read(test_file("optional.pb"), "map", &array), HONE_ERR_UNSUPPORTED);
}

/* Messages written by hand: dims 1, data_type 2, float_data 4, raw_data 9, data_location 14. */
static const struct {
    const char *name;
    const char *bytes;
    size_t size;
    hone_status status;
} bad_cases[] = {
    {"nothing", "", 0, HONE_ERR_FORMAT},
    {"no_type", "\x08\x02", 2, HONE_ERR_FORMAT},
    {"type_0", "\x10\x00", 2, HONE_ERR_UNSUPPORTED},
    {"type_99", "\x10\x63", 2, HONE_ERR_UNSUPPORTED},
    {"terabytes", "\x08\xff\xff\xff\xff\xff\x1f\x10\x01\x4a\x04\x00\x00\x00\x00", 15,
     HONE_ERR_FORMAT},
    {"overflow", "\x08\xff\xff\xff\xff\xff\xff\xff\xff\x7f\x08\x02\x10\x01", 14, HONE_ERR_LIMIT},
    {"negative", "\x08\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01\x10\x01", 13, HONE_ERR_FORMAT},
    {"rank_9", "\x0a\x09\x01\x01\x01\x01\x01\x01\x01\x01\x01\x10\x01", 13, HONE_ERR_LIMIT},
    {"short_raw", "\x08\x02\x10\x01\x4a\x04\x00\x00\x00\x00", 10, HONE_ERR_FORMAT},
    {"raw_strings", "\x08\x01\x10\x08\x4a\x01\x00", 7, HONE_ERR_FORMAT},
    {"external", "\x08\x00\x10\x01\x70\x01", 6, HONE_ERR_UNSUPPORTED},
    {"odd_floats", "\x08\x01\x10\x01\x22\x03\x00\x00\x00", 9, HONE_ERR_FORMAT},
};

static void test_pb_refuses(void **state)
{
    (void)state;
    for (int i = 0; i < HONE_COUNT(bad_cases); i++) {
        hone_array array;
        const hone_bytes message = {(const uint8_t *)bad_cases[i].bytes, bad_cases[i].size};
        const hone_status st = hone_pb_tensor_parse(message, &array);
        if (st != bad_cases[i].status)
            fail_msg("%s: status %d, \"%s\"", bad_cases[i].name, st, hone_message());
    }
}

/* A sequence that holds a sequence that holds ...: refused at a depth, before the stack ends. */
static void test_pb_refuses_depth(void **state)
{
    uint8_t message[400];
    size_t size = 0;
    hone_array array;
    (void)state;
    for (int depth = 0; depth < 40; depth++) {
        memmove(message + 2, message, size);
        message[0] = HONE_SEQUENCE_SEQUENCES << 3 | 2;
        message[1] = (uint8_t)size;
        size += 2;
    }
    assert_int_equal(hone_pb_sequence_parse((hone_bytes){message, size}, 0, &array),
                     HONE_ERR_LIMIT);
}

static void test_pb_survives_damage(void **state)
{
    static const char *const files[] = {"raw.pb", "typed_int64.pb", "strings.pb",
                                        "sequence_of_sequences.pb"};
    (void)state;
    for (int f = 0; f < HONE_COUNT(files); f++) {
        const hone_bytes whole = test_file_bytes(files[f]);
        uint8_t *copy = malloc(whole.size);
        assert_non_null(copy);
        for (size_t n = 0; n < whole.size * 255; n++) {
            hone_array array;
            memcpy(copy, whole.data, whole.size);
            copy[n / 255] ^= (uint8_t)(n % 255 + 1);
            if (hone_pb_tensor_parse((hone_bytes){copy, whole.size}, &array) == HONE_OK)
                hone_array_free(&array);
            if (hone_pb_sequence_parse((hone_bytes){copy, whole.size - n % 3}, 0, &array) ==
                HONE_OK)
                hone_array_free(&array);
        }
        free(copy);
        test_bytes_free(whole);
    }
}

static void assert_equal_arrays(const hone_array *a, const hone_array *b)
{
    assert_int_equal(a->kind, b->kind);
    assert_int_equal(a->n_items, b->n_items);
    for (size_t i = 0; i < a->n_items; i++)
        assert_equal_arrays(&a->items[i], &b->items[i]);
    if (a->kind != HONE_ARRAY_TENSOR)
        return;
    assert_int_equal(a->tensor.dtype, b->tensor.dtype);
    assert_true(hone_dims_equal(&a->tensor.shape, &b->tensor.shape));
    if (a->tensor.dtype == HONE_STRING)
        assert_strings(&b->tensor);
    else
        assert_memory_equal(a->tensor.data, b->tensor.data, a->tensor.size);
}

static void test_pb_writes_what_it_reads(void **state)
{
    static const struct {
        const char *file, *expect;
    } cases[] = {
        {"typed_int4.pb", "tensor"},
        {"typed_bfloat16.pb", "tensor"},
        {"strings.pb", "tensor"},
        {"sequence.pb", "sequence"},
        {"sequence_of_sequences.pb", "sequence"},
        {"raw.pb", "tensor"},
        {"optional_empty.pb", "optional"},
    };
    (void)state;
    for (int i = 0; i < HONE_COUNT(cases); i++) {
        hone_array a, b;
        assert_int_equal(hone_pb_read(test_file(cases[i].file), cases[i].expect, &a), HONE_OK);
        assert_int_equal(hone_pb_write(temporary(), &a), HONE_OK);
        assert_int_equal(hone_pb_read(temporary(), cases[i].expect, &b), HONE_OK);
        assert_equal_arrays(&a, &b);
        hone_array_free(&a);
        hone_array_free(&b);
    }
    remove(temporary());
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_pb_reads),
        cmocka_unit_test(test_pb_reads_strings),
        cmocka_unit_test(test_pb_reads_sequences_and_optionals),
        cmocka_unit_test(test_pb_refuses),
        cmocka_unit_test(test_pb_refuses_depth),
        cmocka_unit_test(test_pb_survives_damage),
        cmocka_unit_test(test_pb_writes_what_it_reads),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
