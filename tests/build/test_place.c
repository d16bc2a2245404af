/* Placing values in one arena: lives that meet never share bytes, and the arena stays close to the
 * largest live set. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "build/build.h"

typedef struct fixture {
    hone_arena *arena;
    hone_lowered low;
} fixture;

static int value(fixture *f, int64_t bytes)
{
    hone_type type = {.dtype = HONE_U8, .shape = {.rank = 1, .dim = {bytes}}};

    return hone_low_add_value(&f->low, "v", &type, HONE_STORAGE_ARENA);
}

static void step(fixture *f, hone_op_id op, int in, int out)
{
    hone_low_step *s = hone_low_add_step(&f->low, HONE_STEP_KERNEL, op, "s", in >= 0, out >= 0);

    if (in >= 0)
        s->in[0] = in;
    if (out >= 0)
        s->out[0] = out;
}

static fixture begin(void)
{
    fixture f = {0};

    assert_int_equal(hone_arena_create(NULL, 0, &f.arena), HONE_OK);
    f.low = (hone_lowered){.arena = f.arena, .module = hone_module_create(f.arena)};
    return f;
}

static void check(const fixture *f)
{
    for (int i = 0; i < f->low.values.n; i++)
        for (int k = 0; k < i; k++) {
            const hone_low_value *a = &f->low.values.v[i], *b = &f->low.values.v[k];
            if (a->storage != HONE_STORAGE_ARENA || b->storage != HONE_STORAGE_ARENA ||
                a->first < 0 || b->first < 0 || a->first > b->last || b->first > a->last)
                continue;
            assert_true(a->offset + a->room <= b->offset || b->offset + b->room <= a->offset);
        }
    assert_true((double)f->low.arena_bytes <= 1.1 * (double)f->low.live_bytes);
}

/* A chain with side branches of many sizes, as networks are. */
static void test_random_lives(void **state)
{
    uint32_t random = 11;

    (void)state;
    for (int round = 0; round < 30; round++) {
        fixture f = begin();
        int last = value(&f, 4096), side = -1;
        step(&f, HONE_OP_assign, -1, last);
        for (int i = 0; i < 120; i++) {
            random = random * 1664525u + 1013904223u;
            const int next = value(&f, (int64_t)(1 + (random >> 9) % 64) * 1024);
            step(&f, HONE_OP_assign, last, next);
            if (side >= 0 && (random >> 3) % 3 == 0) {
                step(&f, HONE_OP_assign, side, next);
                side = -1;
            } else if (side < 0) {
                side = last;
            }
            last = next;
        }
        assert_int_equal(hone_place(&f.low), HONE_OK);
        check(&f);
        hone_arena_destroy(f.arena);
    }
}

/* A pointwise step writes over its input when that dies with it, and not otherwise. */
static void test_pointwise_writes_over_its_input(void **state)
{
    fixture f = begin();

    (void)state;
    const int a = value(&f, 1000), b = value(&f, 1000), c = value(&f, 1000);
    step(&f, HONE_OP_assign, -1, a);
    step(&f, HONE_OP_relu, a, b); /* a is needed later: no */
    step(&f, HONE_OP_relu, b, c); /* yes */
    step(&f, HONE_OP_assign, a, -1);
    step(&f, HONE_OP_assign, c, -1);
    assert_int_equal(hone_place(&f.low), HONE_OK);
    assert_int_equal(f.low.values.v[b].storage, HONE_STORAGE_ARENA);
    assert_int_equal(f.low.values.v[c].storage, HONE_STORAGE_ALIAS);
    assert_int_equal(f.low.values.v[c].root, b);
    check(&f);
    hone_arena_destroy(f.arena);
}

/* What a loop reads must last until its last round. */
static void test_values_last_through_loops(void **state)
{
    fixture f = begin();

    (void)state;
    const int outside = value(&f, 640), inside = value(&f, 640);
    step(&f, HONE_OP_assign, -1, outside); /* 0 */
    step(&f, HONE_OP_assign, outside, -1); /* 1: the loop's head */
    step(&f, HONE_OP_assign, -1, inside);  /* 2 */
    step(&f, HONE_OP_assign, inside, -1);  /* 3 */
    hone_low_add_step(&f.low, HONE_STEP_JUMP, HONE_OP_none, "jump", 0, 0)->target = 1;
    assert_int_equal(hone_place(&f.low), HONE_OK);
    assert_int_equal(f.low.values.v[outside].last, 4);
    check(&f);
    hone_arena_destroy(f.arena);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_random_lives),
        cmocka_unit_test(test_pointwise_writes_over_its_input),
        cmocka_unit_test(test_values_last_through_loops),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
