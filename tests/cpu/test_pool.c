/* The thread pool: every task runs once, by a thread that exists, for any number of threads and
 * tasks, job after job, and after the threads have gone to sleep. */
#include "kernel_test.h"

#include <stdatomic.h>
#include <unistd.h>

#define MOST 5000

typedef struct job {
    _Atomic int runs[MOST];
    _Atomic int strangers;
    int threads;
} job;

static void count(void *ctx, int64_t task, int thread)
{
    job *j = ctx;
    atomic_fetch_add(&j->runs[task], 1);
    if (thread < 0 || thread >= j->threads)
        atomic_fetch_add(&j->strangers, 1);
}

static void test_pool_runs_every_task_once(void **state)
{
    static const int64_t tasks[] = {0, 1, 2, 3, 7, 64, MOST};
    static job j;

    (void)state;
    for (int threads = 1; threads <= 5; threads++) {
        hone_pool *pool;
        assert_int_equal(
            hone_pool_create(NULL, &(hone_pool_options){.n_threads = threads, .spin_us = 5}, &pool),
            HONE_OK);
        assert_int_equal(hone_pool_threads(pool), threads);
        for (int round = 0; round < 20; round++) {
            for (int k = 0; k < HONE_COUNT(tasks); k++) {
                memset(&j, 0, sizeof j);
                j.threads = threads;
                hone_pool_run(pool, count, &j, tasks[k]);
                for (int64_t i = 0; i < MOST; i++)
                    assert_int_equal(j.runs[i], i < tasks[k]);
                assert_int_equal(j.strangers, 0);
            }
            if (round % 10 == 0)
                usleep(2000); /* long enough for the threads to sleep */
        }
        hone_pool_destroy(pool);
    }
}

static void test_pool_many_short_jobs(void **state)
{
    static job j;
    hone_pool *pool;

    (void)state;
    assert_int_equal(
        hone_pool_create(NULL, &(hone_pool_options){.n_threads = 3, .spin_us = 1}, &pool), HONE_OK);
    memset(&j, 0, sizeof j);
    j.threads = 3;
    for (int i = 0; i < 2000; i++)
        hone_pool_run(pool, count, &j, 4);
    for (int i = 0; i < 4; i++)
        assert_int_equal(j.runs[i], 2000);
    hone_pool_destroy(pool);
}

static void test_pool_options(void **state)
{
    hone_pool *pool = NULL;

    (void)state;
    assert_true(hone_pool_default_threads() >= 1);
    assert_int_equal(hone_pool_create(NULL, &(hone_pool_options){.n_threads = -1}, &pool),
                     HONE_ERR_ARGUMENT);
    assert_int_equal(hone_pool_create(NULL, &(hone_pool_options){.n_threads = 1 << 20}, &pool),
                     HONE_ERR_ARGUMENT);
    assert_null(pool);
    assert_int_equal(
        hone_pool_create(NULL, &(hone_pool_options){.n_threads = 64, .count_only = true}, &pool),
        HONE_OK);
    assert_int_equal(hone_pool_threads(pool), 64);
    hone_pool_destroy(pool);
    assert_int_equal(
        hone_pool_create(NULL, &(hone_pool_options){.n_threads = 2, .pin = true}, &pool), HONE_OK);
    hone_pool_destroy(pool);
    hone_pool_destroy(NULL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_pool_runs_every_task_once),
        cmocka_unit_test(test_pool_many_short_jobs),
        cmocka_unit_test(test_pool_options),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
