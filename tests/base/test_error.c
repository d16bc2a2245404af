/* Messages: formatting, words put in front, further lines, and texts that do not fit. */
#include "base/error.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

static void test_error_formats_message(void **state)
{
    (void)state;
    assert_int_equal(hone_error(HONE_ERR_FORMAT, "group is %d", 3), HONE_ERR_FORMAT);
    assert_string_equal(hone_message(), "group is 3");
    hone_error(HONE_ERR_FORMAT, "again: %s", hone_message());
    assert_string_equal(hone_message(), "again: group is 3");
}

static void test_while_puts_words_in_front(void **state)
{
    (void)state;
    hone_error(HONE_ERR_IO, "no such file");
    assert_int_equal(hone_while(HONE_ERR_IO, "opening \"%s\"", "a.onnx"), HONE_ERR_IO);
    assert_string_equal(hone_message(), "opening \"a.onnx\": no such file");
    assert_int_equal(hone_while(HONE_OK, "anything"), HONE_OK);
    assert_string_equal(hone_message(), "opening \"a.onnx\": no such file");
}

static void test_append_adds_lines(void **state)
{
    (void)state;
    hone_error(HONE_ERR_UNSUPPORTED, "two nodes");
    hone_message_append("a (%s)", "Det");
    hone_message_append("b");
    assert_string_equal(hone_message(), "two nodes\na (Det)\nb");
}

static void test_long_messages_are_cut(void **state)
{
    char text[3 * HONE_MESSAGE_SIZE];

    (void)state;
    memset(text, 'x', sizeof text - 1);
    text[sizeof text - 1] = '\0';
    hone_message_set(HONE_ERR_IO, text);
    assert_int_equal(strlen(hone_message()), HONE_MESSAGE_SIZE - 1);
    hone_error(HONE_ERR_IO, "%s", text);
    assert_int_equal(strlen(hone_message()), HONE_MESSAGE_SIZE - 1);
    hone_while(HONE_ERR_IO, "front");
    assert_memory_equal(hone_message(), "front: xxx", 10);
    assert_true(strlen(hone_message()) < HONE_MESSAGE_SIZE);
    for (int i = 0; i < 10; i++)
        hone_message_append("%s", text);
    assert_true(strlen(hone_message()) < HONE_MESSAGE_SIZE);
}

static void test_every_status_has_text(void **state)
{
    (void)state;
    for (int status = HONE_OK; status <= HONE_ERR_STATE; status++)
        assert_string_not_equal(hone_status_text((hone_status)status), "unknown status");
    assert_string_equal(hone_status_text((hone_status)9999), "unknown status");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_error_formats_message),
        cmocka_unit_test(test_while_puts_words_in_front),
        cmocka_unit_test(test_append_adds_lines),
        cmocka_unit_test(test_long_messages_are_cut),
        cmocka_unit_test(test_every_status_has_text),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
