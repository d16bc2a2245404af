/* Looking at tensors, making them up, comparing them. */
#include "media_files.h"

#include <math.h>

#include "media/values.h"

#define TENSOR(type, array, ...)                                                                   \
    {                                                                                              \
        .dtype = type, .shape = __VA_ARGS__, .data = array, .size = sizeof(array)                  \
    }

static void test_values_shape_text(void **state)
{
    static const struct {
        hone_dims shape;
        const char *text;
    } cases[] = {
        {{4, {1, 3, 224, 224}}, "1x3x224x224"},
        {{2, {-1, 8}}, "?x8"},
        {{0, {0}}, "scalar"},
        {{-1, {0}}, "any shape"},
        {{8, {INT64_MAX, INT64_MAX, INT64_MAX, INT64_MAX, INT64_MAX, INT64_MAX, INT64_MAX, 1}},
         "9223372036854775807x9223372036854775807x9223372036854775807x9223372036854775807x"
         "9223372036854775807x9223372036854775807x9223372036854775807x1"},
    };
    char text[HONE_VALUES_TEXT];
    (void)state;
    for (int i = 0; i < HONE_COUNT(cases); i++)
        assert_string_equal(hone_values_shape_text(&cases[i].shape, text), cases[i].text);
}

static void assert_prints(hone_tensor t, const char *want)
{
    char text[12];
    hone_values_print(&t, 0, text, sizeof text);
    assert_string_equal(text, want);
}

static void test_values_print(void **state)
{
    float f[] = {0.125f}, c[] = {1, -2};
    int64_t i[] = {INT64_MIN / 1000000000000};
    uint8_t b[] = {1};
    hone_string s[] = {{"a\nb and more that is cut", 23}};
    (void)state;
    assert_prints((hone_tensor)TENSOR(HONE_F32, f, {0}), "0.125");
    assert_prints((hone_tensor)TENSOR(HONE_C64, c, {0}), "1-2i");
    assert_prints((hone_tensor)TENSOR(HONE_I64, i, {0}), "-9223372");
    assert_prints((hone_tensor)TENSOR(HONE_BOOL, b, {0}), "true");
    assert_prints((hone_tensor)TENSOR(HONE_STRING, s, {0}), "\"a.b and m\"");
}

static void test_values_summarize(void **state)
{
    float f[] = {NAN, 1, -INFINITY, 3, -1};
    const hone_tensor t = TENSOR(HONE_F32, f, {1, {5}});
    const hone_tensor none = {.dtype = HONE_F32, .shape = {1, {0}}};
    const hone_values_summary s = hone_values_summarize(&t);
    (void)state;
    assert_int_equal(s.count, 5);
    assert_int_equal(s.n_nan, 1);
    assert_int_equal(s.n_infinite, 1);
    assert_true(s.min == -1 && s.max == 3 && s.mean == 1);
    assert_true(hone_values_summarize(&none).max == 0);
}

static void test_values_fill(void **state)
{
    static const hone_dtype types[] = {HONE_F32, HONE_F16, HONE_BF16, HONE_F64, HONE_I64, HONE_I32,
                                       HONE_U8,  HONE_I8,  HONE_BOOL, HONE_C64, HONE_I4};
    const hone_dims shape = {1, {1000}};
    (void)state;
    for (int i = 0; i < HONE_COUNT(types); i++) {
        uint64_t seed_a = 7, seed_b = 7;
        hone_array a, b;
        assert_int_equal(hone_values_make(types[i], &shape, &a), HONE_OK);
        assert_int_equal(hone_values_make(types[i], &shape, &b), HONE_OK);
        hone_values_fill(&a.tensor, &seed_a);
        hone_values_fill(&b.tensor, &seed_b);
        assert_memory_equal(a.tensor.data, b.tensor.data, a.tensor.size);
        const hone_values_summary s = hone_values_summarize(&a.tensor);
        const double most = types[i] == HONE_U8 ? 255 : 1;
        assert_true(s.min >= 0 && s.max <= most && s.mean > 0.4 * most && s.mean < 0.6 * most);
        hone_array_free(&a);
        hone_array_free(&b);
    }
}

static void test_values_compare(void **state)
{
    float want[] = {1, 2, NAN, INFINITY, 0}, got[] = {1, 2.001f, NAN, INFINITY, 1e-6f};
    int64_t large[] = {INT64_MAX}, near[] = {INT64_MAX - 1};
    hone_string a[] = {{"ab", 2}}, b[] = {{"ac", 2}};
    const hone_tensor w = TENSOR(HONE_F32, want, {1, {5}}), g = TENSOR(HONE_F32, got, {1, {5}});
    const hone_tensor l = TENSOR(HONE_I64, large, {0}), n = TENSOR(HONE_I64, near, {0});
    const hone_tensor s = TENSOR(HONE_STRING, a, {0}), t = TENSOR(HONE_STRING, b, {0});
    (void)state;
    assert_int_equal(hone_values_compare(&g, &w, 1e-3, 1e-5).n_wrong, 0);
    assert_int_equal(hone_values_compare(&g, &w, 1e-4, 1e-5).n_wrong, 1);
    assert_int_equal(hone_values_compare(&g, &w, 1e-4, 0).n_wrong, 2);
    assert_true(fabs(hone_values_compare(&g, &w, 0, 0).max_abs - 1e-3) < 1e-6);
    assert_true(hone_values_compare(&g, &g, 0, 0).rel_l2 == 0);
    got[3] = -INFINITY;
    assert_int_equal(hone_values_compare(&g, &w, 1, 1).n_wrong, 1);
    assert_int_equal(hone_values_compare(&n, &l, 1, 1).n_wrong, 1);
    assert_int_equal(hone_values_compare(&l, &l, 0, 0).n_wrong, 0);
    assert_int_equal(hone_values_compare(&s, &t, 0, 0).n_wrong, 1);
    assert_int_equal(hone_values_compare(&s, &s, 0, 0).n_wrong, 0);
}

static void test_values_know_files(void **state)
{
    static const struct {
        const char *file;
        hone_file_kind kind;
    } cases[] = {
        {"f4.npy", HONE_FILE_NPY},      {"stored.npz", HONE_FILE_NPZ},
        {"rgb.jpg", HONE_FILE_PICTURE}, {"rgb.png", HONE_FILE_PICTURE},
        {"rgb.ppm", HONE_FILE_PICTURE}, {"raw.pb", HONE_FILE_UNKNOWN},
    };
    hone_file_kind kind;
    hone_array array;
    (void)state;
    for (int i = 0; i < HONE_COUNT(cases); i++) {
        assert_int_equal(hone_values_file_kind(test_file(cases[i].file), &kind), HONE_OK);
        assert_int_equal(kind, cases[i].kind);
    }
    assert_int_equal(hone_values_file_kind(test_file("none"), &kind), HONE_ERR_IO);
    assert_int_equal(hone_values_read_picture(test_file("rgb.png"), &array), HONE_OK);
    assert_true(hone_values_same_shape(&array.tensor.shape, &(hone_dims){3, {10, 16, 3}}));
    hone_array_free(&array);
    assert_int_equal(hone_values_read_picture(test_file("f4.npy"), &array), HONE_ERR_FORMAT);
    assert_int_equal(hone_values_read_bytes(test_file("rgb.ppm"), &array), HONE_OK);
    assert_int_equal(array.tensor.shape.dim[0], array.tensor.size);
    hone_array_free(&array);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_values_shape_text), cmocka_unit_test(test_values_print),
        cmocka_unit_test(test_values_summarize),  cmocka_unit_test(test_values_fill),
        cmocka_unit_test(test_values_compare),    cmocka_unit_test(test_values_know_files),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
