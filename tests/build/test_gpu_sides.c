/* Which side of a GPU's plan steps are on, and the copies between the sides. Skipped without NVRTC,
 * which every plan for a GPU is made by. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "gpu/engine_models.h"
#include "hone/build.h"

static hone_plan *build(bytes model)
{
    hone_compiler_info compiler = {.size = sizeof compiler};
    hone_model *m = NULL;
    hone_plan *plan = NULL;

    if (hone_compiler_describe(&compiler) != HONE_OK) {
        free(model.v);
        skip();
    }
    if (hone_model_load(model.v, model.n, NULL, &m) != HONE_OK ||
        hone_build(m, HONE_BUILD_OPTIONS(.device = "cuda", .targets = "sm_80"), &plan) != HONE_OK)
        fail_msg("%s", hone_message());
    hone_model_destroy(m);
    free(model.v);
    return plan;
}

static int count(const hone_plan *plan, const char *op, const char *side)
{
    int n = 0;

    for (int i = 0;; i++) {
        hone_step_info info = {.size = sizeof info};
        if (hone_plan_step_info(plan, i, &info) != HONE_OK)
            return n;
        n += strcmp(info.op, op) == 0 && strcmp(info.side, side) == 0;
    }
}

static void test_gpu_sides_one_for_all(void **state)
{
    hone_plan *plan = build(dense_model());
    hone_plan_info info = {.size = sizeof info};

    (void)state;
    assert_int_equal(hone_plan_describe(plan, &info), HONE_OK);
    assert_int_equal(count(plan, "to_host", "copy") + count(plan, "to_device", "copy"), 0);
    assert_int_equal(count(plan, "matmul", "cuda"), 3);
    assert_true(info.n_launches >= info.n_steps);
    hone_plan_destroy(plan);
}

/* Both branches write y, and what follows reads it on the device: one copy in each. */
static void test_gpu_sides_copy_behind_every_writer(void **state)
{
    hone_plan *plan = build(branch_model());

    (void)state;
    assert_int_equal(count(plan, "matmul", "cuda"), 2);
    assert_int_equal(count(plan, "det", "cpu"), 1);
    assert_int_equal(count(plan, "to_device", "copy"), 2);
    hone_plan_destroy(plan);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_gpu_sides_one_for_all),
        cmocka_unit_test(test_gpu_sides_copy_behind_every_writer),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
