/* Stands in for cmocka in cross-builds, where Debian has no cmocka to link with: the assertions,
 * fixtures and runner that our tests use, in one header. A failed assertion leaves its test by
 * longjmp, as cmocka's does. No mocks, no memory checks: the build for this machine runs the same
 * tests with cmocka itself. */
#ifndef HONE_TESTS_CROSS_CMOCKA_H
#define HONE_TESTS_CROSS_CMOCKA_H

#include <inttypes.h>
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct CMUnitTest {
    const char *name;
    void (*test_func)(void **state);
    int (*setup_func)(void **state);
    int (*teardown_func)(void **state);
    void *initial_state;
};

enum {
    CROSS_FAILED = 1,
    CROSS_SKIPPED = 2
};

static jmp_buf cross_leave;

__attribute__((noreturn, format(printf, 3, 4), unused)) static void
cross_fail(const char *file, int line, const char *format, ...)
{
    va_list args;

    va_start(args, format);
    fprintf(stderr, "%s:%d: error: ", file, line);
    vfprintf(stderr, format, args);
    fputc('\n', stderr);
    va_end(args);
    longjmp(cross_leave, CROSS_FAILED);
}

#define cross_check(ok, ...)                                                                       \
    do {                                                                                           \
        if (!(ok))                                                                                 \
            cross_fail(__FILE__, __LINE__, __VA_ARGS__);                                           \
    } while (0)

/* Each argument is evaluated once, as cmocka does it. */
#define cross_compare(type, text, a, op, b)                                                        \
    do {                                                                                           \
        const type cross_a = (type)(a), cross_b = (type)(b);                                       \
        cross_check(cross_a op cross_b, text " " #op " " text, cross_a, cross_b);                  \
    } while (0)

#define assert_true(c)             cross_check((c), "%s", #c)
#define assert_false(c)            cross_check(!(c), "not: %s", #c)
#define assert_null(p)             cross_check((p) == NULL, "%s is not NULL", #p)
#define assert_non_null(p)         cross_check((p) != NULL, "%s is NULL", #p)
#define assert_ptr_equal(a, b)     cross_compare(uintptr_t, "%" PRIxPTR, a, ==, b)
#define assert_ptr_not_equal(a, b) cross_compare(uintptr_t, "%" PRIxPTR, a, !=, b)
#define assert_int_equal(a, b)     cross_compare(intmax_t, "%" PRIdMAX, a, ==, b)
#define assert_int_not_equal(a, b) cross_compare(intmax_t, "%" PRIdMAX, a, !=, b)
#define assert_in_range(v, least, most)                                                            \
    cross_check((uintmax_t)(v) >= (uintmax_t)(least) && (uintmax_t)(v) <= (uintmax_t)(most),       \
                "%s is not in %s..%s", #v, #least, #most)
#define assert_float_equal(a, b, epsilon)                                                          \
    do {                                                                                           \
        const double cross_a = (a), cross_b = (b);                                                 \
        cross_check(fabs(cross_a - cross_b) <= (epsilon), "%g != %g", cross_a, cross_b);           \
    } while (0)
#define assert_double_equal(a, b, epsilon) assert_float_equal(a, b, epsilon)
#define assert_string_equal(a, b)                                                                  \
    do {                                                                                           \
        const char *cross_a = (a), *cross_b = (b);                                                 \
        cross_check(strcmp(cross_a, cross_b) == 0, "\"%s\" != \"%s\"", cross_a, cross_b);          \
    } while (0)
#define assert_string_not_equal(a, b) cross_check(strcmp((a), (b)) != 0, "%s == %s", #a, #b)
#define assert_memory_equal(a, b, size)                                                            \
    cross_check(memcmp((a), (b), (size)) == 0, "bytes of %s and %s differ", #a, #b)
#define assert_memory_not_equal(a, b, size)                                                        \
    cross_check(memcmp((a), (b), (size)) != 0, "bytes of %s and %s are equal", #a, #b)

#define fail()             cross_fail(__FILE__, __LINE__, "failed")
#define fail_msg(...)      cross_fail(__FILE__, __LINE__, __VA_ARGS__)
#define skip()             longjmp(cross_leave, CROSS_SKIPPED)
#define print_message(...) printf(__VA_ARGS__)
#define print_error(...)   fprintf(stderr, __VA_ARGS__)

#define cmocka_unit_test(f)                                                                        \
    {                                                                                              \
#f, f, NULL, NULL, NULL                                                                    \
    }
#define cmocka_unit_test_setup(f, setup)                                                           \
    {                                                                                              \
#f, f, setup, NULL, NULL                                                                   \
    }
#define cmocka_unit_test_teardown(f, teardown)                                                     \
    {                                                                                              \
#f, f, NULL, teardown, NULL                                                                \
    }
#define cmocka_unit_test_setup_teardown(f, setup, teardown)                                        \
    {                                                                                              \
#f, f, setup, teardown, NULL                                                               \
    }
#define cmocka_unit_test_prestate(f, state)                                                        \
    {                                                                                              \
#f, f, NULL, NULL, state                                                                   \
    }

/* 0, CROSS_FAILED or CROSS_SKIPPED. */
static int cross_run_test(const struct CMUnitTest *test, void *group_state)
{
    void *state = test->initial_state ? test->initial_state : group_state;
    int result;

    if (test->setup_func && test->setup_func(&state))
        return CROSS_FAILED;
    result = setjmp(cross_leave);
    if (result == 0)
        test->test_func(&state);
    if (test->teardown_func && test->teardown_func(&state))
        result = CROSS_FAILED;
    return result;
}

static int cross_run_tests(const char *group, const struct CMUnitTest *tests, size_t n_tests,
                           int (*setup)(void **), int (*teardown)(void **))
{
    static const char *const words[] = {"       OK", "  FAILED ", "  SKIPPED"};
    int n[3] = {0, 0, 0};
    void *state = NULL;

    printf("[==========] %s: Running %zu test(s).\n", group, n_tests);
    if (setup && setup(&state))
        return (int)n_tests;
    for (size_t i = 0; i < n_tests; i++) {
        printf("[ RUN      ] %s\n", tests[i].name);
        fflush(stdout);
        const int result = cross_run_test(&tests[i], state);
        printf("[ %s ] %s\n", words[result], tests[i].name);
        n[result]++;
    }
    if (teardown && teardown(&state))
        n[CROSS_FAILED]++;
    printf("[  PASSED  ] %d test(s).\n", n[0]);
    return n[CROSS_FAILED];
}

#define cmocka_run_group_tests(tests, setup, teardown)                                             \
    cross_run_tests(#tests, tests, sizeof(tests) / sizeof((tests)[0]), setup, teardown)
#define cmocka_run_group_tests_name(name, tests, setup, teardown)                                  \
    cross_run_tests(name, tests, sizeof(tests) / sizeof((tests)[0]), setup, teardown)

#endif
