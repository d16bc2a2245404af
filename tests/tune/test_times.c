/* The timing cache: found again, replaced, written in one order, merged, and refused where it is
 * malformed. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "tune/times.h"

typedef struct fixture {
    hone_arena *arena;
    hone_times *times;
    char path[64];
} fixture;

static int setup(void **state)
{
    fixture *f = calloc(1, sizeof *f);

    assert_int_equal(hone_arena_create(NULL, 0, &f->arena), HONE_OK);
    f->times = hone_times_create(f->arena);
    snprintf(f->path, sizeof f->path, "times.%d.txt", (int)getpid());
    *state = f;
    return 0;
}

static int teardown(void **state)
{
    fixture *f = *state;

    unlink(f->path);
    hone_arena_destroy(f->arena);
    free(f);
    return 0;
}

static void note(hone_times *times, const char *tactic, const char *layer, const char *device,
                 double us)
{
    hone_times_note(times, &(hone_time){tactic, layer, device, 0, us});
}

static double find(const hone_times *times, const char *tactic, const char *layer,
                   const char *device)
{
    const hone_time *t = hone_times_find(times, tactic, layer, device);

    return t ? t->us : -1;
}

static void write_text(const char *path, const char *text)
{
    FILE *file = fopen(path, "w");

    assert_non_null(file);
    fputs(text, file);
    fclose(file);
}

static char *read_text(const char *path)
{
    static char text[4096];
    FILE *file = fopen(path, "r");

    assert_non_null(file);
    text[fread(text, 1, sizeof text - 1, file)] = 0;
    fclose(file);
    return text;
}

static void test_find(void **state)
{
    fixture *f = *state;

    assert_null(hone_times_find(f->times, "a", "l", "d"));
    note(f->times, "a", "l", "d", 1.5);
    note(f->times, "b", "l", "d", 2.5);
    note(f->times, "a", "l", "e", 3.5);
    assert_true(find(f->times, "a", "l", "d") == 1.5);
    assert_true(find(f->times, "b", "l", "d") == 2.5);
    assert_true(find(f->times, "a", "l", "e") == 3.5);
    assert_true(find(f->times, "b", "l", "e") == -1);
    note(f->times, "a", "l", "d", 0.5);
    assert_true(find(f->times, "a", "l", "d") == 0.5);
    assert_int_equal(f->times->list.n, 3);
}

static void test_many(void **state)
{
    fixture *f = *state;
    char tactic[32];

    for (int i = 0; i < 5000; i++) {
        snprintf(tactic, sizeof tactic, "t%d", i);
        note(f->times, tactic, "l", "d", i + 1);
    }
    for (int i = 0; i < 5000; i++) {
        snprintf(tactic, sizeof tactic, "t%d", i);
        assert_true(find(f->times, tactic, "l", "d") == i + 1);
    }
}

static void test_file(void **state)
{
    fixture *f = *state;
    hone_times *again = hone_times_create(f->arena);

    note(f->times, "b", "l", "d", 2.5);
    note(f->times, "a", "l", "d", 1.25);
    note(f->times, "a", "k", "e", 3);
    assert_int_equal(hone_times_write(f->times, f->path), HONE_OK);
    assert_string_equal(strchr(read_text(f->path), '\n') + 1,
                        "1.250\ta\tl\td\n2.500\tb\tl\td\n3.000\ta\tk\te\n");
    assert_int_equal(hone_times_read(again, f->path), HONE_OK);
    assert_int_equal(again->list.n, 3);
    assert_true(find(again, "a", "l", "d") == 1.25);
}

static void test_merge(void **state)
{
    fixture *f = *state;

    note(f->times, "a", "l", "d", 9);
    write_text(f->path, "# a remark\n\n1.5\ta\tl\td\n2e0\tb\tl\td");
    assert_int_equal(hone_times_read(f->times, f->path), HONE_OK);
    assert_int_equal(f->times->list.n, 2);
    assert_true(find(f->times, "a", "l", "d") == 1.5);
    assert_true(find(f->times, "b", "l", "d") == 2);
}

static void test_missing(void **state)
{
    fixture *f = *state;

    assert_int_equal(hone_times_read(f->times, "no such folder/no such file"), HONE_OK);
    assert_int_equal(f->times->list.n, 0);
    assert_int_equal(hone_times_write(f->times, "no such folder/no such file"), HONE_ERR_IO);
}

static void test_malformed(void **state)
{
    static const char *const lines[] = {"1.5\ta\tl",    "1.5\ta\tl\td\tmore", "\ta\tl\td",
                                        "-1\ta\tl\td",  "0\ta\tl\td",         "1.5x\ta\tl\td",
                                        "inf\ta\tl\td", "nan\ta\tl\td",       "text"};
    fixture *f = *state;
    char text[128];

    for (size_t i = 0; i < sizeof lines / sizeof *lines; i++) {
        snprintf(text, sizeof text, "1\tgood\tl\td\n%s\n", lines[i]);
        write_text(f->path, text);
        assert_int_equal(hone_times_read(f->times, f->path), HONE_ERR_FORMAT);
        assert_non_null(strstr(hone_message(), "line 2"));
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_find, setup, teardown),
        cmocka_unit_test_setup_teardown(test_many, setup, teardown),
        cmocka_unit_test_setup_teardown(test_file, setup, teardown),
        cmocka_unit_test_setup_teardown(test_merge, setup, teardown),
        cmocka_unit_test_setup_teardown(test_missing, setup, teardown),
        cmocka_unit_test_setup_teardown(test_malformed, setup, teardown),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
