/* The minimum cut against all 2^n choices, on small random problems. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "opt/cut.h"

enum {
    N_MAX = 10,
    N_PAIRS = 30
};

typedef struct problem {
    int n, n_pairs;
    double if_true[N_MAX], if_false[N_MAX];
    int a[N_PAIRS], b[N_PAIRS];
    double apart[N_PAIRS];
} problem;

static uint32_t next(uint32_t *seed)
{
    *seed = *seed * 1664525u + 1013904223u;
    return *seed >> 8;
}

static void make_problem(problem *p, uint32_t *seed)
{
    p->n = 1 + (int)(next(seed) % N_MAX);
    p->n_pairs = (int)(next(seed) % N_PAIRS);
    for (int i = 0; i < p->n; i++) {
        p->if_true[i] = next(seed) % 20;
        p->if_false[i] = next(seed) % 20;
    }
    for (int i = 0; i < p->n_pairs; i++) {
        p->a[i] = (int)(next(seed) % (uint32_t)p->n);
        p->b[i] = (int)(next(seed) % (uint32_t)p->n);
        p->apart[i] = next(seed) % 15;
    }
}

static double cost_of(const problem *p, unsigned sides)
{
    double cost = 0;
    for (int i = 0; i < p->n; i++)
        cost += sides >> i & 1 ? p->if_true[i] : p->if_false[i];
    for (int i = 0; i < p->n_pairs; i++)
        if ((sides >> p->a[i] & 1) && !(sides >> p->b[i] & 1))
            cost += p->apart[i];
    return cost;
}

static double least_cost(const problem *p)
{
    double least = cost_of(p, 0);
    for (unsigned sides = 1; sides < 1u << p->n; sides++)
        least = HONE_MIN(least, cost_of(p, sides));
    return least;
}

static void check_problem(hone_arena *arena, const problem *p)
{
    hone_cut *cut = hone_cut_create(arena);
    int v[N_MAX];
    unsigned sides = 0;

    for (int i = 0; i < p->n; i++) {
        v[i] = hone_cut_variable(cut);
        hone_cut_if_true(cut, v[i], p->if_true[i]);
        hone_cut_if_false(cut, v[i], p->if_false[i]);
    }
    for (int i = 0; i < p->n_pairs; i++)
        hone_cut_if_apart(cut, v[p->a[i]], v[p->b[i]], p->apart[i]);
    const double sum = hone_cut_solve(cut);
    for (int i = 0; i < p->n; i++)
        sides |= (unsigned)hone_cut_is_true(cut, v[i]) << i;
    assert_true(sum == least_cost(p));
    assert_true(sum == cost_of(p, sides));
}

static void test_cut_is_least(void **state)
{
    uint32_t seed = 1;
    problem p;

    (void)state;
    for (int i = 0; i < 500; i++) {
        hone_arena *arena;
        assert_int_equal(hone_arena_create(NULL, 0, &arena), HONE_OK);
        make_problem(&p, &seed);
        check_problem(arena, &p);
        hone_arena_destroy(arena);
    }
}

static void test_cut_of_nothing(void **state)
{
    hone_arena *arena;

    (void)state;
    assert_int_equal(hone_arena_create(NULL, 0, &arena), HONE_OK);
    assert_true(hone_cut_solve(hone_cut_create(arena)) == 0);
    hone_arena_destroy(arena);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_cut_is_least),
        cmocka_unit_test(test_cut_of_nothing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
