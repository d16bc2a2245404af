/* Plans from hostile hands: truncated, flipped, with lying indices and right checksums. Nothing may
 * crash, and whatever still loads must run without touching memory that is not its own (the asan
 * preset watches). */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/bytes.h"
#include "hone/build.h"
#include "plan/format.h"
#include "support/onnx_bytes.h"

enum {
    F32 = 1
};

/* conv, pool, relu, reshape, matmul: some of everything. */
static bytes net(void)
{
    static float w[2 * 1 * 3 * 3], m[8 * 4];
    static const int64_t shape[] = {1, -1};
    bytes g = {0};

    for (int i = 0; i < 18; i++)
        w[i] = (float)i / 9 - 1;
    for (int i = 0; i < 32; i++)
        m[i] = (float)i / 16 - 1;
    put_input(&g, "x", F32, "1,1,6,6");
    put_tensor(&g, "w", F32, (int64_t[]){2, 1, 3, 3}, 4, w, sizeof w);
    put_tensor(&g, "m", F32, (int64_t[]){8, 4}, 2, m, sizeof m);
    put_tensor(&g, "shape", 7, (int64_t[]){2}, 1, shape, sizeof shape);
    put_op(&g, "Conv", "x,w", "c");
    put_op(&g, "Relu", "c", "r");
    bytes n = node_begin("MaxPool", "r", "p");
    node_ints(&n, "kernel_shape", (int64_t[]){2, 2}, 2);
    node_ints(&n, "strides", (int64_t[]){2, 2}, 2);
    put_node(&g, &n);
    put_op(&g, "Reshape", "p,shape", "f");
    put_op(&g, "MatMul", "f,m", "y");
    put_output(&g, "y", F32, "1,4");
    return model_of(&g, 13);
}

typedef struct fixture {
    uint8_t *plan; /* 64-aligned copy */
    size_t size;
} fixture;

static int setup(void **state)
{
    static fixture f;
    bytes m = net();
    hone_model *model = NULL;
    hone_plan *plan = NULL;

    assert_int_equal(hone_model_load(m.v, m.n, NULL, &model), HONE_OK);
    assert_int_equal(hone_build(model, NULL, &plan), HONE_OK);
    const void *data = hone_plan_data(plan, &f.size);
    assert_int_equal(posix_memalign((void **)&f.plan, 64, f.size), 0);
    memcpy(f.plan, data, f.size);
    hone_plan_destroy(plan);
    hone_model_destroy(model);
    free(m.v);
    *state = &f;
    return 0;
}

static int teardown(void **state)
{
    free(((fixture *)*state)->plan);
    return 0;
}

/* Loads, and if that succeeds makes a context and runs it once. Returns the load's status. */
static hone_status try_plan(const void *data, size_t size)
{
    hone_plan *plan = NULL;
    hone_engine *engine = NULL;
    hone_context *context = NULL;

    const hone_status st = hone_plan_load(data, size, NULL, &plan);
    if (st != HONE_OK) {
        assert_true(strlen(hone_message()) > 10);
        return st;
    }
    for (int i = 0; i < 64; i++) {
        hone_step_info info = {.size = sizeof info};
        if (hone_plan_step_info(plan, i, &info) != HONE_OK)
            break;
    }
    if (hone_engine_create(plan, NULL, &engine) == HONE_OK &&
        hone_context_memory(engine, HONE_CONTEXT_OPTIONS(.threads = 1)) < (size_t)1 << 28 &&
        hone_context_create(engine, HONE_CONTEXT_OPTIONS(.threads = 1), &context) == HONE_OK)
        (void)hone_context_run(context);
    hone_context_destroy(context);
    hone_engine_destroy(engine);
    hone_plan_destroy(plan);
    return st;
}

static void count_reason(void *user, const char *text)
{
    assert_true(strlen(text) > 5);
    ++*(int *)user;
}

static void test_check_says_ok(void **state)
{
    fixture *f = *state;
    int n = 0;

    assert_int_equal(hone_plan_check(f->plan, f->size, count_reason, &n), HONE_OK);
    assert_int_equal(n, 0);
    assert_int_equal(try_plan(f->plan, f->size), HONE_OK);
}

static void test_check_tells_every_reason(void **state)
{
    fixture *f = *state;
    const hone_plan_section *table =
        (const hone_plan_section *)(f->plan + sizeof(hone_plan_header));
    int n = 0;

    f->plan[table[HONE_SECTION_VALUES].offset] ^= 1;
    f->plan[table[HONE_SECTION_WEIGHTS].offset] ^= 1;
    assert_int_equal(hone_plan_check(f->plan, f->size, count_reason, &n), HONE_ERR_CHECKSUM);
    assert_int_equal(n, 2);
    f->plan[table[HONE_SECTION_VALUES].offset] ^= 1;
    f->plan[table[HONE_SECTION_WEIGHTS].offset] ^= 1;
}

static void test_truncated_plans_are_refused(void **state)
{
    fixture *f = *state;

    for (size_t n = 0; n < f->size; n += 1 + n / 16)
        assert_int_not_equal(try_plan(f->plan, n), HONE_OK);
}

static void test_flipped_bits_are_found(void **state)
{
    fixture *f = *state;
    uint32_t random = 7;

    for (int i = 0; i < 500; i++) {
        random = random * 1664525u + 1013904223u;
        const size_t at = (random >> 4) % f->size;
        f->plan[at] ^= (uint8_t)(1u << (random & 7));
        (void)try_plan(f->plan, f->size); /* padding between sections is under no checksum */
        f->plan[at] ^= (uint8_t)(1u << (random & 7));
    }
}

/* Writes right checksums over a damaged plan: only the checks of structure and inference are left
 * to find the fault. */
static void reseal(fixture *f)
{
    hone_plan_header *h = (hone_plan_header *)f->plan;
    hone_plan_section *table = (hone_plan_section *)(f->plan + sizeof *h);

    for (int i = 0; i < HONE_SECTION_COUNT; i++)
        if (table[i].offset <= f->size && table[i].size <= f->size - table[i].offset)
            table[i].checksum = hone_hash(f->plan + table[i].offset, table[i].size, 0);
    h->checksum = hone_hash(table, HONE_SECTION_COUNT * sizeof *table, 0);
}

static void test_resealed_damage_does_no_harm(void **state)
{
    static const uint32_t words[] = {0, 1, 2, 7, 64, 255, 0x7FFFFFFF, 0x80000000, 0xFFFFFFFF};
    fixture *f = *state;
    uint8_t *original = malloc(f->size);
    uint32_t random = 3;

    memcpy(original, f->plan, f->size);
    const hone_plan_section *table =
        (const hone_plan_section *)(original + sizeof(hone_plan_header));
    const size_t end = (size_t)table[HONE_SECTION_WEIGHTS].offset;
    for (int i = 0; i < 4000; i++) {
        random = random * 1664525u + 1013904223u;
        const size_t at = ((random >> 4) % end) & ~(size_t)3;
        const uint32_t word = words[(random >> 1) % (sizeof words / sizeof *words)];
        memcpy(f->plan + at, &word, 4);
        reseal(f);
        (void)try_plan(f->plan, f->size);
        memcpy(f->plan, original, f->size);
    }
    free(original);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_check_says_ok),
        cmocka_unit_test(test_check_tells_every_reason),
        cmocka_unit_test(test_truncated_plans_are_refused),
        cmocka_unit_test(test_flipped_bits_are_found),
        cmocka_unit_test(test_resealed_damage_does_no_harm),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}
