/* .npy and .npz as NumPy writes them, damaged ones, and files written by us and read again. */
#include "media_files.h"

#include <unistd.h>

#include "media/array.h"

typedef struct read_case {
    const char *file;
    hone_dtype dtype;
    const char *shape;
} read_case;

static const read_case read_cases[] = {
    {"b1.npy", HONE_BOOL, "2"},
    {"i1.npy", HONE_I8, "2x3"},
    {"i2.npy", HONE_I16, "2x3"},
    {"i4.npy", HONE_I32, "2x3"},
    {"i8.npy", HONE_I64, "2x3"},
    {"u1.npy", HONE_U8, "2x3"},
    {"u2.npy", HONE_U16, "2x3"},
    {"u4.npy", HONE_U32, "2x3"},
    {"u8.npy", HONE_U64, "2x3"},
    {"f2.npy", HONE_F16, "2x3"},
    {"f4.npy", HONE_F32, "2x3"},
    {"f8.npy", HONE_F64, "2x3"},
    {"c8.npy", HONE_C64, "2x3"},
    {"c16.npy", HONE_C128, "2x3"},
    {"big_endian.npy", HONE_I32, "2x3"},
    {"fortran.npy", HONE_F32, "2x3x4"},
    {"fortran_big_endian.npy", HONE_F64, "3x2"},
    {"scalar.npy", HONE_F32, "scalar"},
    {"empty.npy", HONE_F32, "0x3"},
    {"rank8.npy", HONE_I32, "1x2x1x2x1x1x1x1"},
    {"version2.npy", HONE_F32, "2x3"},
    {"version3.npy", HONE_F32, "2x3"},
    {"stored.npz", HONE_F32, "2x3"},
    {"deflated.npz", HONE_F32, "20x30"},
    {"single.npz", HONE_F32, "2x3"},
};

static void test_npy_reads(void **state)
{
    (void)state;
    for (int i = 0; i < HONE_COUNT(read_cases); i++) {
        char text[HONE_DIMS_TEXT];
        hone_array array;
        if (hone_npy_read(test_file(read_cases[i].file), &array) != HONE_OK)
            fail_msg("%s: %s", read_cases[i].file, hone_message());
        assert_int_equal(array.kind, HONE_ARRAY_TENSOR);
        assert_int_equal(array.tensor.dtype, read_cases[i].dtype);
        assert_string_equal(hone_dims_text(&array.tensor.shape, text), read_cases[i].shape);
        assert_counts(&array.tensor);
        hone_array_free(&array);
    }
}

static void test_npy_reads_strings(void **state)
{
    hone_array array;
    (void)state;
    assert_int_equal(hone_npy_read(test_file("strings.npy"), &array), HONE_OK);
    assert_strings(&array.tensor);
    hone_array_free(&array);

    assert_int_equal(hone_npy_read(test_file("strings_bytes.npy"), &array), HONE_OK);
    const hone_string *s = array.tensor.data;
    assert_int_equal(s[0].size, 0);
    assert_int_equal(s[2].size, 2);
    assert_memory_equal(s[2].data, "bc", 2);
    hone_array_free(&array);
}

static void test_npz_finds_members(void **state)
{
    static const char *const files[] = {"stored.npz", "deflated.npz"};
    hone_array array;
    (void)state;
    for (int i = 0; i < HONE_COUNT(files); i++) {
        assert_int_equal(hone_npz_read(test_file(files[i]), "second", &array), HONE_OK);
        assert_int_equal(array.tensor.dtype, HONE_I64);
        assert_counts(&array.tensor);
        hone_array_free(&array);
        assert_int_equal(hone_npz_read(test_file(files[i]), "third", &array), HONE_ERR_FORMAT);
        assert_non_null(strstr(hone_message(), "no array \"third\" among its 2"));
        assert_int_equal(hone_npz_read(test_file(files[i]), NULL, &array), HONE_ERR_FORMAT);
    }
    assert_int_equal(hone_npz_read(test_file("single.npz"), NULL, &array), HONE_OK);
    hone_array_free(&array);
    assert_int_equal(hone_npz_read(test_file("f4.npy"), NULL, &array), HONE_ERR_FORMAT);
    assert_int_equal(hone_npz_read(test_file("no_such_file"), NULL, &array), HONE_ERR_IO);
}

#define NPY_MAGIC "\x93NUMPY\1\0\x46\0"

typedef struct bad_case {
    const char *name;
    const char *header; /* behind the magic, 70 bytes */
    hone_status status;
    const char *says;
} bad_case;

/* Each header is 70 bytes, as NPY_MAGIC says, and no element follows. */
static const bad_case bad_cases[] = {
    {"terabytes", "{'descr': '<f4', 'fortran_order': False, 'shape': (999999999999,), }  ",
     HONE_ERR_FORMAT, "promises 3999999999996"},
    {"overflow", "{'descr': '<f4', 'fortran_order': False, 'shape': (9223372036854775807,",
     HONE_ERR_FORMAT, ""},
    {"too_many", "{'descr':'<f8','fortran_order':False,'shape':(4611686018427387904,2),}",
     HONE_ERR_LIMIT, "addressed"},
    {"negative", "{'descr': '<f4', 'fortran_order': False, 'shape': (-1, 3), }          ",
     HONE_ERR_FORMAT, "numbers"},
    {"no_shape", "{'descr': '<f4', 'fortran_order': False, }                            ",
     HONE_ERR_FORMAT, "lacks"},
    {"no_dict", "['descr', '<f4', 'fortran_order', False, 'shape', (1, 3), ]           ",
     HONE_ERR_FORMAT, "no dict"},
    {"extra_key", "{'descr': '<f4', 'fortran_order': False, 'shape': (), 'evil': 1, }    ",
     HONE_ERR_FORMAT, "evil"},
    {"string_0", "{'descr': '<U0', 'fortran_order': False, 'shape': (999999999999,), }  ",
     HONE_ERR_FORMAT, "width"},
    {"string_wide", "{'descr': '<U999999999999999', 'fortran_order': False, 'shape': (1,),}",
     HONE_ERR_UNSUPPORTED, ""},
    {"unknown", "{'descr': '|V2', 'fortran_order': False, 'shape': (0,), }             ",
     HONE_ERR_UNSUPPORTED, "V2"},
};

static void test_npy_refuses_headers(void **state)
{
    (void)state;
    for (int i = 0; i < HONE_COUNT(bad_cases); i++) {
        uint8_t file[80];
        hone_array array;
        assert_int_equal(strlen(bad_cases[i].header) >= 70, true);
        memcpy(file, NPY_MAGIC, 10);
        memcpy(file + 10, bad_cases[i].header, 70);
        const hone_status st = hone_npy_parse((hone_bytes){file, sizeof file}, &array);
        if (st != bad_cases[i].status || !strstr(hone_message(), bad_cases[i].says))
            fail_msg("%s: status %d, \"%s\"", bad_cases[i].name, st, hone_message());
    }
}

static void test_npy_refuses_files(void **state)
{
    static const struct {
        const char *file;
        hone_status status;
    } cases[] = {
        {"bad_rank9.npy", HONE_ERR_LIMIT},
        {"bad_record.npy", HONE_ERR_UNSUPPORTED},
        {"bad_object.npy", HONE_ERR_UNSUPPORTED},
        {"bad_date.npy", HONE_ERR_UNSUPPORTED},
        {"rgb.png", HONE_ERR_FORMAT},
        {"missing.npy", HONE_ERR_IO},
    };
    (void)state;
    for (int i = 0; i < HONE_COUNT(cases); i++) {
        hone_array array;
        assert_int_equal(hone_npy_read(test_file(cases[i].file), &array), cases[i].status);
        assert_non_null(strstr(hone_message(), cases[i].file));
    }
}

static hone_status parse_any(hone_bytes file, hone_array *out)
{
    return hone_npz_matches(file) ? hone_npz_parse(file, NULL, true, out)
                                  : hone_npy_parse(file, out);
}

/* Every truncation fails; no change of a byte does more than fail or give other numbers. */
static void test_npy_survives_damage(void **state)
{
    static const char *const files[] = {"fortran.npy", "strings.npy", "version2.npy", "stored.npz",
                                        "deflated.npz"};
    (void)state;
    for (int f = 0; f < HONE_COUNT(files); f++) {
        const hone_bytes whole = test_file_bytes(files[f]);
        uint8_t *copy = malloc(whole.size);
        hone_array array;
        assert_non_null(copy);
        for (size_t n = 0; n < whole.size; n++) {
            uint8_t *cut = malloc(n + 1);
            assert_non_null(cut);
            memcpy(cut + 1, whole.data, n);
            assert_int_not_equal(parse_any((hone_bytes){cut + 1, n}, &array), HONE_OK);
            free(cut);
        }
        for (size_t n = 0; n < whole.size * 4; n++) {
            static const uint8_t flips[] = {0x01, 0x80, 0xff, 0x10};
            memcpy(copy, whole.data, whole.size);
            copy[n / 4] ^= flips[n % 4];
            if (parse_any((hone_bytes){copy, whole.size}, &array) == HONE_OK)
                hone_array_free(&array);
        }
        free(copy);
        test_bytes_free(whole);
    }
}

// ---- writing

static const char *temporary(void)
{
    static char path[64];
    snprintf(path, sizeof path, "test_npy_%d.tmp", (int)getpid());
    return path;
}

static void test_npy_writes_what_it_reads(void **state)
{
    (void)state;
    for (int i = 0; i < HONE_COUNT(read_cases); i++) {
        hone_array a, b;
        assert_int_equal(hone_npy_read(test_file(read_cases[i].file), &a), HONE_OK);
        assert_int_equal(hone_npy_write(temporary(), &a.tensor), HONE_OK);
        assert_int_equal(hone_npy_read(temporary(), &b), HONE_OK);
        assert_int_equal(a.tensor.dtype, b.tensor.dtype);
        assert_true(hone_dims_equal(&a.tensor.shape, &b.tensor.shape));
        assert_memory_equal(a.tensor.data, b.tensor.data, a.tensor.size);
        hone_array_free(&a);
        hone_array_free(&b);
    }
    remove(temporary());
}

/* Byte for byte what NumPy writes. */
static void test_npy_writes_as_numpy(void **state)
{
    static const char *const files[] = {"i1.npy",    "f4.npy",    "c16.npy", "scalar.npy",
                                        "empty.npy", "rank8.npy", "b1.npy",  "strings.npy"};
    (void)state;
    for (int i = 0; i < HONE_COUNT(files); i++) {
        hone_array array;
        hone_map map;
        const hone_bytes whole = test_file_bytes(files[i]);
        assert_int_equal(hone_npy_read(test_file(files[i]), &array), HONE_OK);
        assert_int_equal(hone_npy_write(temporary(), &array.tensor), HONE_OK);
        assert_int_equal(hone_map_open(temporary(), &map), HONE_OK);
        if (!hone_bytes_equal(map.bytes, whole))
            fail_msg("%s is written otherwise than NumPy does", files[i]);
        hone_map_close(&map);
        hone_array_free(&array);
        test_bytes_free(whole);
    }
    remove(temporary());
}

static void test_npy_write_refuses(void **state)
{
    uint16_t bits = 0;
    hone_string broken = {"\xff\xfe", 2};
    hone_tensor bf16 = {.dtype = HONE_BF16, .data = &bits, .size = 2};
    hone_tensor letters = {.dtype = HONE_STRING, .data = &broken, .size = sizeof broken};
    hone_tensor small = {.dtype = HONE_F32, .shape = {1, {9}}, .data = &bits, .size = 2};
    (void)state;
    assert_int_equal(hone_npy_write(temporary(), &bf16), HONE_ERR_UNSUPPORTED);
    assert_int_equal(hone_npy_write(temporary(), &letters), HONE_ERR_UNSUPPORTED);
    assert_int_equal(hone_npy_write(temporary(), &small), HONE_ERR_ARGUMENT);
    assert_int_equal(access(temporary(), F_OK), -1);
    assert_int_equal(hone_npy_write("no_such_folder/x.npy", &bf16), HONE_ERR_IO);
}

static void test_raw_round_trip(void **state)
{
    float numbers[6] = {0, 1, 2, 3, 4, 5};
    const hone_dims shape = {2, {2, 3}}, other = {2, {2, 4}};
    hone_tensor t = {.dtype = HONE_F32, .shape = shape, .data = numbers, .size = sizeof numbers};
    hone_array array;
    (void)state;
    assert_int_equal(hone_raw_write(temporary(), &t), HONE_OK);
    assert_int_equal(hone_raw_read(temporary(), HONE_F32, &shape, &array), HONE_OK);
    assert_counts(&array.tensor);
    hone_array_free(&array);
    assert_int_equal(hone_raw_read(temporary(), HONE_F32, &other, &array), HONE_ERR_FORMAT);
    assert_int_equal(hone_raw_read(temporary(), HONE_STRING, &shape, &array), HONE_ERR_UNSUPPORTED);
    remove(temporary());
    assert_int_equal(hone_raw_read(temporary(), HONE_F32, &shape, &array), HONE_ERR_IO);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_npy_reads),
        cmocka_unit_test(test_npy_reads_strings),
        cmocka_unit_test(test_npz_finds_members),
        cmocka_unit_test(test_npy_refuses_headers),
        cmocka_unit_test(test_npy_refuses_files),
        cmocka_unit_test(test_npy_survives_damage),
        cmocka_unit_test(test_npy_writes_what_it_reads),
        cmocka_unit_test(test_npy_writes_as_numpy),
        cmocka_unit_test(test_npy_write_refuses),
        cmocka_unit_test(test_raw_round_trip),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
