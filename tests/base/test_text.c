/* Growing texts and the hash. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <string.h>

#include "base/text.h"
#include "support/faulty.h"

static void test_text_grows(void **state)
{
    faulty f = {0};
    const hone_allocator allocator = faulty_allocator(&f);
    hone_text text;

    (void)state;
    hone_text_init(&text, &allocator);
    for (int i = 0; i < 1000; i++)
        hone_text_add(&text, "%d,", i);
    hone_text_add(&text, "%0400d", 7); /* longer than the line on the stack */
    assert_int_equal(hone_text_status(&text), HONE_OK);
    assert_int_equal(text.size, 3890 + 400);
    assert_int_equal(strlen(text.data), text.size);
    assert_int_equal(strncmp(text.data, "0,1,2,", 6), 0);
    hone_text_fini(&text);
    assert_int_equal(f.live, 0);
}

static void test_quoted(void **state)
{
    static const char bytes[] = "a\"b\\c\n\t\x01\x7f\0\xc3\xa9";
    hone_text text;

    (void)state;
    hone_text_init(&text, NULL);
    hone_text_add_quoted(&text, bytes, sizeof bytes - 1);
    assert_string_equal(text.data, "\"a\\\"b\\\\c\\n\\t\\x01\\x7f\\x00\xc3\xa9\"");
    hone_text_fini(&text);
}

static void test_failure_is_remembered(void **state)
{
    (void)state;
    for (long n = 1; n < 4; n++) {
        faulty f = {.fail_at = n};
        const hone_allocator allocator = faulty_allocator(&f);
        hone_text text;
        hone_text_init(&text, &allocator);
        for (int i = 0; i < 2000; i++)
            hone_text_add(&text, "%d", i);
        assert_int_equal(hone_text_status(&text), HONE_ERR_MEMORY);
        hone_text_fini(&text);
        assert_int_equal(f.live, 0);
    }
}

static void test_hash(void **state)
{
    const hone_bytes a = {(const uint8_t *)"abc", 3};

    (void)state;
    assert_true(hone_hash("", 0, 0) == UINT64_C(0x2d06800538d394c2)); /* XXH3's value for nothing */
    assert_true(hone_hash("abc", 3, 0) == hone_hash("abcd", 3, 0));
    assert_true(hone_hash("abc", 3, 0) != hone_hash("abc", 3, 1));
    assert_true(hone_bytes_is(a, "abc") && !hone_bytes_is(a, "ab"));
    assert_true(hone_bytes_equal(a, a) && hone_bytes_equal((hone_bytes){0}, (hone_bytes){0}));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_text_grows),
        cmocka_unit_test(test_quoted),
        cmocka_unit_test(test_failure_is_remembered),
        cmocka_unit_test(test_hash),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
