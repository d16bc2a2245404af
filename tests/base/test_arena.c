/* Allocation, arenas and traps: with an allocator that fails at the n-th call, everything unwinds
 * and nothing is lost. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <string.h>

#include "base/arena.h"
#include "support/faulty.h"

static void test_alloc_is_aligned_and_reports(void **state)
{
    faulty f = {0};
    const hone_allocator allocator = faulty_allocator(&f);
    void *memory = NULL;

    (void)state;
    assert_int_equal(hone_alloc_aligned(&allocator, 100, 64, &memory), HONE_OK);
    assert_int_equal((uintptr_t)memory % 64, 0);
    hone_free(&allocator, memory, 100);
    assert_int_equal(hone_alloc_zero(NULL, 0, &memory), HONE_OK);
    hone_free(NULL, memory, 0);
    hone_free(NULL, NULL, 0);

    f.fail_at = 1;
    memory = &f;
    assert_int_equal(hone_alloc(&allocator, 77, &memory), HONE_ERR_MEMORY);
    assert_ptr_equal(memory, &f);
    assert_string_equal(hone_message(), "allocating 77 bytes: out of memory");
    assert_int_equal(hone_alloc(NULL, SIZE_MAX - 3, &memory), HONE_ERR_MEMORY);
    assert_int_equal(f.live, 0);
}

static void test_arena_memory_is_cleared_and_aligned(void **state)
{
    faulty f = {0};
    const hone_allocator allocator = faulty_allocator(&f);
    hone_arena *arena;

    (void)state;
    assert_int_equal(hone_arena_create(&allocator, 0, &arena), HONE_OK);
    for (size_t size = 0; size < 100000; size = size * 3 / 2 + 1) {
        uint8_t *memory = hone_arena_alloc(arena, size);
        assert_int_equal((uintptr_t)memory % 16, 0);
        for (size_t i = 0; i < size; i++)
            assert_int_equal(memory[i], 0);
        memset(memory, 0xff, size);
    }
    assert_int_equal((uintptr_t)hone_arena_alloc_aligned(arena, 10, 4096) % 4096, 0);
    assert_string_equal(hone_arena_format(arena, "%s-%d", "abc", 12), "abc-12");
    assert_int_equal(strlen(hone_arena_format(arena, "%0300d", 7)), 300);
    assert_string_equal(hone_arena_text_n(arena, "abcdef", 3), "abc");
    assert_string_equal(hone_arena_text(arena, ""), "");
    assert_memory_equal(hone_arena_copy(arena, "xy", 2), "xy", 2);
    assert_true(hone_arena_size(arena) > 100000);
    hone_arena_destroy(arena);
    hone_arena_destroy(NULL);
    assert_int_equal(f.live, 0);
    assert_int_equal(f.bytes, 0);
}

static void append_letter(void *thing)
{
    char **end = thing;

    *(*end)++ = 'a';
}

static void append_other(void *thing)
{
    char **end = thing;

    *(*end)++ = 'b';
}

static void test_deferred_run_newest_first(void **state)
{
    char order[8] = "", *end = order;
    hone_arena *arena;

    (void)state;
    assert_int_equal(hone_arena_create(NULL, 0, &arena), HONE_OK);
    hone_arena_defer(arena, append_letter, &end);
    hone_arena_defer(arena, append_other, &end);
    hone_arena_destroy(arena);
    assert_string_equal(order, "ba");
}

static void test_vec_grows_and_clears(void **state)
{
    HONE_VEC(int64_t) vec = {0};
    hone_arena *arena;

    (void)state;
    assert_int_equal(hone_arena_create(NULL, 0, &arena), HONE_OK);
    for (int i = 0; i < 1000; i++) {
        int64_t *item = hone_vec_push(arena, &vec);
        assert_int_equal(*item, 0);
        *item = i;
    }
    vec.n = 500;
    assert_int_equal(*hone_vec_push(arena, &vec), 0);
    for (int i = 0; i < 500; i++)
        assert_int_equal(vec.v[i], i);
    hone_arena_destroy(arena);
}

typedef struct work {
    hone_arena *arena;
    size_t each;
    int times;
    bool went_through;
} work;

static hone_status do_work(void *ctx)
{
    work *w = ctx;

    for (int i = 0; i < w->times; i++)
        hone_arena_alloc(w->arena, w->each);
    w->went_through = true;
    return HONE_OK;
}

static void test_failing_allocator_unwinds(void **state)
{
    (void)state;
    for (long n = 1;; n++) {
        faulty f = {.fail_at = n};
        const hone_allocator allocator = faulty_allocator(&f);
        work w = {.each = 5000, .times = 200};
        hone_status st = hone_arena_create(&allocator, 0, &w.arena);
        if (st == HONE_OK) {
            st = hone_trap_run(do_work, &w);
            hone_arena_destroy(w.arena);
        }
        assert_int_equal(f.live, 0);
        assert_int_equal(f.bytes, 0);
        if (st == HONE_OK) {
            assert_true(w.went_through && n > 3);
            return;
        }
        assert_int_equal(st, HONE_ERR_MEMORY);
        assert_false(w.went_through);
    }
}

static void test_limit_unwinds(void **state)
{
    static const struct {
        size_t limit, each;
        int times;
        hone_status status;
    } cases[] = {
        {1 << 20, 1000, 10, HONE_OK},           {1 << 20, 1000, 2000, HONE_ERR_LIMIT},
        {1 << 20, 2 << 20, 1, HONE_ERR_LIMIT},  {40000, 1000, 30, HONE_OK},
        {1 << 20, SIZE_MAX, 1, HONE_ERR_LIMIT}, {0, SIZE_MAX - 4096, 1, HONE_ERR_MEMORY},
    };

    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        work w = {.each = cases[i].each, .times = cases[i].times};
        assert_int_equal(hone_arena_create(NULL, cases[i].limit, &w.arena), HONE_OK);
        assert_int_equal(hone_trap_run(do_work, &w), cases[i].status);
        assert_true(!cases[i].limit || hone_arena_size(w.arena) <= cases[i].limit);
        hone_arena_destroy(w.arena);
    }
}

static hone_status overflowing_array(void *ctx)
{
    hone_arena_array(ctx, SIZE_MAX / 4, 8);
    return HONE_OK;
}

static void test_array_checks_its_product(void **state)
{
    hone_arena *arena;

    (void)state;
    assert_int_equal(hone_arena_create(NULL, 0, &arena), HONE_OK);
    assert_int_equal(hone_trap_run(overflowing_array, arena), HONE_ERR_LIMIT);
    hone_arena_destroy(arena);
}

typedef struct nested {
    hone_arena *arena;
    hone_status inner;
} nested;

static hone_status inner_trap(void *ctx)
{
    nested *n = ctx;

    n->inner = hone_trap_run(overflowing_array, n->arena);
    overflowing_array(n->arena);
    return HONE_OK;
}

static void test_traps_nest(void **state)
{
    nested n = {.inner = HONE_OK};

    (void)state;
    assert_int_equal(hone_arena_create(NULL, 0, &n.arena), HONE_OK);
    assert_int_equal(hone_trap_run(inner_trap, &n), HONE_ERR_LIMIT);
    assert_int_equal(n.inner, HONE_ERR_LIMIT);
    hone_arena_destroy(n.arena);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_alloc_is_aligned_and_reports),
        cmocka_unit_test(test_arena_memory_is_cleared_and_aligned),
        cmocka_unit_test(test_deferred_run_newest_first),
        cmocka_unit_test(test_vec_grows_and_clears),
        cmocka_unit_test(test_failing_allocator_unwinds),
        cmocka_unit_test(test_limit_unwinds),
        cmocka_unit_test(test_array_checks_its_product),
        cmocka_unit_test(test_traps_nest),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
