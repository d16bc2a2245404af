/* Statistics, suggestions and shape texts of the tool, which no other program links: their sources
 * are taken in. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "cli/samples.c"
#include "cli/suggest.c"

static void assert_near(double got, double want)
{
    assert_true(fabs(got - want) < 1e-12);
}

static void test_samples_percentiles(void **state)
{
    hone_samples times = {.n = 0};
    (void)state;
    for (int i = 100; i >= 0; i--)
        assert_true(hone_samples_add(&times, i));
    const hone_samples_summary s = hone_samples_summarize(&times);
    assert_near(s.min, 0);
    assert_near(s.mean, 50);
    assert_near(s.median, 50);
    assert_near(s.p90, 90);
    assert_near(s.p95, 95);
    assert_near(s.p99, 99);
    assert_near(s.p999, 99.9);
    assert_near(s.max, 100);
    assert_near(s.cv, sqrt(850.0) / 50);
    assert_near(times.ms[0], 100); /* the order of measuring is kept */
    hone_samples_fini(&times);
}

static void test_samples_of_one_and_two(void **state)
{
    hone_samples times = {.n = 0};
    (void)state;
    assert_true(hone_samples_add(&times, 3));
    assert_near(hone_samples_summarize(&times).p99, 3);
    assert_near(hone_samples_summarize(&times).cv, 0);
    assert_true(hone_samples_add(&times, 5));
    assert_near(hone_samples_summarize(&times).median, 4);
    hone_samples_fini(&times);
}

static void test_samples_grow(void **state)
{
    hone_samples times = {.n = 0};
    (void)state;
    for (int i = 0; i < 10000; i++)
        assert_true(hone_samples_add(&times, 1));
    assert_int_equal(times.n, 10000);
    assert_near(hone_samples_summarize(&times).mean, 1);
    hone_samples_fini(&times);
}

static const struct {
    const char *typed, *suggested; /* NULL: none */
} suggestions[] = {
    {"bnech", "bench"},
    {"Bench", "bench"},
    {"inspcet", "inspect"},
    {"warm_up", "warm-up"},
    {"xyzzy", NULL},
    {"-", NULL},
    {"", NULL},
    {"ru", "run"},
    {"thread", "threads"},
    {"this is a word of more letters than any option will ever have", NULL},
};

static void test_suggest_nearest(void **state)
{
    static const char *const words[] = {"build", "run", "bench", "inspect", "warm-up", "threads"};
    (void)state;
    for (size_t i = 0; i < sizeof suggestions / sizeof *suggestions; i++) {
        hone_suggest s;
        hone_suggest_init(&s, suggestions[i].typed, strlen(suggestions[i].typed));
        for (size_t w = 0; w < sizeof words / sizeof *words; w++)
            hone_suggest_offer(&s, words[w], strlen(words[w]));
        const char *best = hone_suggest_result(&s);
        if (suggestions[i].suggested)
            assert_string_equal(best, suggestions[i].suggested);
        else
            assert_null(best);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_samples_percentiles),
        cmocka_unit_test(test_samples_of_one_and_two),
        cmocka_unit_test(test_samples_grow),
        cmocka_unit_test(test_suggest_nearest),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
