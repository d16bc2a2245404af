/* What a plan for a GPU says of its steps: whose they are, and their launches on the first target.
 * The plan is written out here by hand. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "plan/plan.h"

/* Offsets of the texts below. */
enum {
    NONE = 0,
    RELU = 1,
    SM_86 = 6,
    SM_90 = 12,
    MAP = 18,
    SUM = 22,
};
static const char texts[] = "\0relu\0sm_86\0sm_90\0map\0sum";

static const hone_plan_value values[] = {
    {.dtype = 1, .rank = 1, .storage = HONE_STORAGE_INPUT, .dim = {8}},
    {.dtype = 1, .rank = 1, .flags = HONE_VALUE_DEVICE, .storage = HONE_STORAGE_ARENA, .dim = {8}},
    {.dtype = 1, .rank = 1, .flags = HONE_VALUE_DEVICE, .storage = HONE_STORAGE_ARENA, .dim = {8}},
    {.dtype = 1, .rank = 1, .storage = HONE_STORAGE_OUTPUT, .dim = {8}},
};
static const uint32_t refs[] = {0, 1, 1, 2, 2, 3, 2, 1, 0, 3};
static const hone_plan_step_record steps[] = {
    {.kind = HONE_STEP_TO_DEVICE, .n_in = 1, .n_out = 1, .first_ref = 0},
    {.kind = HONE_STEP_LAUNCH, .n_in = 1, .n_out = 1, .op = RELU, .first_ref = 2},
    {.kind = HONE_STEP_VIEW, .n_in = 1, .n_out = 1, .op = RELU, .first_ref = 6},
    {.kind = HONE_STEP_LAUNCH, .n_in = 1, .n_out = 1, .op = RELU, .first_ref = 2},
    {.kind = HONE_STEP_TO_HOST, .n_in = 1, .n_out = 1, .first_ref = 4},
    {.kind = HONE_STEP_KERNEL, .n_in = 1, .n_out = 1, .op = RELU, .first_ref = 8},
};
static const hone_plan_kernel kernels[] = {{.tactic = MAP}, {.tactic = SUM}};
static const hone_plan_launch launches[] = {
    {.step = 1, .kernel = 1, .grid = {9, 1, 1}, .block = {32, 1, 1}, .us = 9},
    {.step = 3, .kernel = 1, .grid = {9, 1, 1}, .block = {32, 1, 1}, .us = 9},
    {.step = 1, .kernel = 0, .grid = {2, 3, 1}, .block = {64, 1, 1}, .shared_bytes = 7, .us = 1},
    {.step = 1, .kernel = 1, .grid = {5, 1, 1}, .block = {32, 1, 1}, .us = 2},
    {.step = 3, .kernel = 0, .grid = {4, 1, 1}, .block = {96, 1, 1}, .cluster = {2, 1, 1}},
};
static const hone_plan_target targets[] = {
    {.name = SM_90, .arch = 90, .first_launch = 2, .n_launches = 3},
    {.name = SM_86, .arch = 86, .first_launch = 0, .n_launches = 2},
};

static hone_plan made(void)
{
    return (hone_plan){
        .text = texts,
        .text_size = sizeof texts,
        .values = values,
        .n_values = 4,
        .refs = refs,
        .n_refs = 10,
        .steps = steps,
        .n_steps = 6,
        .kernels = kernels,
        .n_kernels = 2,
        .launches = launches,
        .n_launches = 5,
        .targets = targets,
        .n_targets = 2,
    };
}

static const struct {
    const char *side, *op, *tactic;
    unsigned grid, block, cluster;
    double us;
} wanted[] = {
    {"copy", "to_device", "", 0, 0, 0, 0}, {"cuda", "relu", "map + sum", 2, 64, 0, 3},
    {"cuda", "view", "", 0, 0, 0, 0},      {"cuda", "relu", "map", 4, 96, 2, 0},
    {"copy", "to_host", "", 0, 0, 0, 0},   {"cpu", "relu", "", 0, 0, 0, 0},
};

static void test_describe_tells_sides_and_launches(void **state)
{
    const hone_plan plan = made();
    (void)state;

    for (int i = 0; i < 6; i++) {
        hone_step_info info = {.size = sizeof info};
        assert_int_equal(hone_plan_step_info(&plan, i, &info), HONE_OK);
        assert_string_equal(info.side, wanted[i].side);
        assert_string_equal(info.op, wanted[i].op);
        assert_string_equal(info.tactic, wanted[i].tactic);
        assert_int_equal(info.grid[0], wanted[i].grid);
        assert_int_equal(info.block[0], wanted[i].block);
        assert_int_equal(info.cluster[0], wanted[i].cluster);
        assert_true(info.us == wanted[i].us);
        assert_int_equal(info.shared_bytes, i == 1 ? 7 : 0);
    }
}

static void test_describe_without_targets(void **state)
{
    hone_plan plan = made();
    hone_step_info info = {.size = sizeof info};
    (void)state;

    plan.n_targets = 0;
    assert_int_equal(hone_plan_step_info(&plan, 1, &info), HONE_OK);
    assert_string_equal(info.tactic, "");
    assert_int_equal(info.grid[0], 0);
    assert_int_equal(hone_plan_step_info(&plan, 6, &info), HONE_ERR_ARGUMENT);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_describe_tells_sides_and_launches),
        cmocka_unit_test(test_describe_without_targets),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
