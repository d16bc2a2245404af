/* Statuses and messages. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "base/log.h"

static void test_status_texts(void **state)
{
    (void)state;
#define CHECK(name, value, text)                                                                   \
    assert_string_equal(hone_status_text(HONE_##name), text);                                      \
    assert_int_equal(HONE_##name, value);
    HONE_STATUS_LIST(CHECK)
#undef CHECK
    assert_string_equal(hone_status_text((hone_status)999), "unknown status");
}

static void test_message_with_context(void **state)
{
    (void)state;
    assert_int_equal(hone_error(HONE_ERR_BUILD, "group is %d", 3), HONE_ERR_BUILD);
    assert_string_equal(hone_message(), "group is 3");
    assert_int_equal(hone_while(HONE_ERR_BUILD, "node \"%s\"", "c"), HONE_ERR_BUILD);
    assert_string_equal(hone_message(), "node \"c\": group is 3");
    assert_int_equal(hone_while(HONE_OK, "nothing"), HONE_OK);
    assert_string_equal(hone_message(), "node \"c\": group is 3");
    hone_message_append("second %d", 2);
    assert_string_equal(hone_message(), "node \"c\": group is 3\nsecond 2");
}

static void test_message_of_the_old_message(void **state)
{
    (void)state;
    hone_error(HONE_ERR_IO, "first");
    hone_error(HONE_ERR_IO, "again: %s", hone_message());
    assert_string_equal(hone_message(), "again: first");
}

static void test_message_is_cut_at_its_size(void **state)
{
    char *text = malloc(3 * HONE_MESSAGE_SIZE);

    (void)state;
    memset(text, 'x', 3 * HONE_MESSAGE_SIZE);
    text[3 * HONE_MESSAGE_SIZE - 1] = 0;
    hone_error(HONE_ERR_IO, "%s", text);
    assert_int_equal(strlen(hone_message()), HONE_MESSAGE_SIZE - 1);
    hone_while(HONE_ERR_IO, "reading");
    assert_int_equal(strlen(hone_message()), HONE_MESSAGE_SIZE - 1);
    assert_int_equal(strncmp(hone_message(), "reading: xxx", 12), 0);
    hone_while(HONE_ERR_IO, "%s", text);
    hone_message_append("%s", text);
    assert_true(strlen(hone_message()) < HONE_MESSAGE_SIZE);
    free(text);
}

static hone_status goes_out(hone_status given, int *cleaned)
{
    hone_status st;

    HONE_TRY_OUT(given);
    *cleaned = -1;
out:
    ++*cleaned;
    return st;
}

static void test_try_out_cleans(void **state)
{
    int cleaned = 0;

    (void)state;
    assert_int_equal(goes_out(HONE_ERR_IO, &cleaned), HONE_ERR_IO);
    assert_int_equal(cleaned, 1);
    assert_int_equal(goes_out(HONE_OK, &cleaned), HONE_OK);
    assert_int_equal(cleaned, 0);
}

static void keep_line(void *user, hone_log_level level, const char *line)
{
    (void)level;
    strcpy(user, line);
}

static void test_log_levels(void **state)
{
    char line[64] = "";
    const hone_logger logger = {1, line, HONE_LOG_INFO, keep_line};

    (void)state;
    hone_log(NULL, HONE_LOG_WARNING, "nobody");
    hone_log(&logger, HONE_LOG_DETAIL, "too much");
    assert_string_equal(line, "");
    hone_log(&logger, HONE_LOG_INFO, "%d layers", 7);
    assert_string_equal(line, "7 layers");
}

static bool until_three(void *user, const hone_progress_state *s)
{
    *(int64_t *)user = s->done;
    return s->done < 3;
}

static void test_progress_cancels(void **state)
{
    int64_t done = 0;
    const hone_progress progress = {1, &done, until_three};

    (void)state;
    assert_int_equal(hone_progress_report(NULL, "pack", 1, 9), HONE_OK);
    assert_int_equal(hone_progress_report(&progress, "pack", 2, 9), HONE_OK);
    assert_int_equal(hone_progress_report(&progress, "pack", 3, 9), HONE_ERR_CANCELLED);
    assert_int_equal(done, 3);
    assert_string_equal(hone_message(), "cancelled during pack");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_status_texts),
        cmocka_unit_test(test_message_with_context),
        cmocka_unit_test(test_message_of_the_old_message),
        cmocka_unit_test(test_message_is_cut_at_its_size),
        cmocka_unit_test(test_try_out_cleans),
        cmocka_unit_test(test_log_levels),
        cmocka_unit_test(test_progress_cancels),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
