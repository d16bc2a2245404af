/* Plans for GPUs, built without one: sides and copies, packed constants, several targets, the same
 * bytes from the same model. Without NVRTC all of it is skipped. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "cuda/nvrtc.h"
#include "hone/build.h"
#include "support/onnx_bytes.h"

enum {
    F32 = 1,
    I64 = 7
};

static void need_compiler(void)
{
    const hone_nvrtc *nvrtc;

    if (hone_nvrtc_open(&nvrtc) == HONE_OK)
        return;
    print_message("skipped: %s\n", hone_message());
    skip();
}

#define BUILD(...) HONE_BUILD_OPTIONS(.targets = "sm_90", __VA_ARGS__)

static hone_plan *build(const bytes *model, const hone_build_options *options)
{
    hone_model *m;
    hone_plan *plan;

    if (hone_model_load(model->v, model->n, NULL, &m) != HONE_OK ||
        hone_build(m, options, &plan) != HONE_OK)
        fail_msg("%s", hone_message());
    hone_model_destroy(m);
    return plan;
}

static hone_step_info step_at(const hone_plan *plan, int i)
{
    hone_step_info info = {.size = sizeof info};

    assert_int_equal(hone_plan_step_info(plan, i, &info), HONE_OK);
    return info;
}

/* "cuda:matmul copy:to_host cpu:nonzero": the steps by side and operator. */
static char *steps_of(const hone_plan *plan)
{
    static char text[1024];
    hone_plan_info info = {.size = sizeof info};
    size_t n = 0;

    assert_int_equal(hone_plan_describe(plan, &info), HONE_OK);
    for (int i = 0; i < info.n_steps; i++) {
        const hone_step_info s = step_at(plan, i);
        n += (size_t)snprintf(text + n, sizeof text - n, "%s%s:%s", i ? " " : "", s.side, s.op);
    }
    return text;
}

/* x [4, 64] times w [64, 32], relu. */
static bytes dense_model(void)
{
    static float w[64 * 32];
    const int64_t dims[] = {64, 32};
    bytes graph = {0};

    need_compiler();
    for (int i = 0; i < 64 * 32; i++)
        w[i] = (float)(i % 7 - 3) / 8;
    put_text(&graph, 2, "dense");
    put_input(&graph, "x", F32, "4,64");
    put_tensor(&graph, "w", F32, dims, 2, w, sizeof w);
    put_op(&graph, "MatMul", "x,w", "t");
    put_op(&graph, "Relu", "t", "y");
    put_output(&graph, "y", F32, "4,32");
    return model_of(&graph, 17);
}

/* NonZero's extents depend on data: it runs on the CPU, between steps on the device. */
static bytes mixed_model(void)
{
    bytes graph = {0};

    need_compiler();
    put_text(&graph, 2, "mixed");
    put_input(&graph, "x", F32, "64,64");
    put_op(&graph, "Relu", "x", "t");
    put_op(&graph, "NonZero", "t", "where");
    put_op(&graph, "Softmax", "t", "y");
    put_output(&graph, "where", I64, "2,n");
    put_output(&graph, "y", F32, "64,64");
    return model_of(&graph, 17);
}

static void test_dense(void **state)
{
    bytes model = dense_model();
    hone_plan *plan = build(&model, BUILD());
    hone_plan_info info = {.size = sizeof info};

    (void)state;
    assert_string_equal(steps_of(plan), "cuda:matmul");
    hone_plan_describe(plan, &info);
    assert_string_equal(info.device, "cuda");
    assert_string_equal(info.precision, "tf32");
    assert_string_equal(info.targets, "sm_90");
    assert_int_equal(info.n_launches, 1);
    assert_true(info.device_weight_bytes >= 64 * 32 * 4);
    assert_true(step_at(plan, 0).grid[0] > 0);
    hone_plan_destroy(plan);
    free(model.v);
}

static void test_copies(void **state)
{
    bytes model = mixed_model();
    hone_plan *plan = build(&model, BUILD());
    const char *const steps = steps_of(plan);

    (void)state;
    assert_non_null(strstr(steps, "cuda:pointwise copy:"));
    assert_non_null(strstr(steps, "cpu:non_zero"));
    assert_non_null(strstr(steps, "cuda:softmax"));
    hone_plan_destroy(plan);
    free(model.v);
}

static void test_same_bytes(void **state)
{
    bytes model = dense_model();
    hone_plan *a = build(&model, BUILD(.allow = HONE_FP16)),
              *b = build(&model, BUILD(.allow = HONE_FP16));
    size_t n, m;
    const void *x = hone_plan_data(a, &n), *y = hone_plan_data(b, &m);

    (void)state;
    assert_int_equal(n, m);
    assert_memory_equal(x, y, n);
    hone_plan_destroy(a);
    hone_plan_destroy(b);
    free(model.v);
}

static void test_targets(void **state)
{
    bytes model = dense_model();
    hone_plan *plan = build(&model, HONE_BUILD_OPTIONS(.targets = "sm_75, sm_86 sm_90+ptx"));
    hone_plan_info info = {.size = sizeof info};

    (void)state;
    hone_plan_describe(plan, &info);
    assert_string_equal(info.targets, "sm_75 sm_86 sm_90 ptx");
    hone_plan_destroy(plan);
    free(model.v);
}

static void test_bad_targets(void **state)
{
    static const struct {
        const char *device, *targets, *message;
    } cases[] = {
        {NULL, "sm_42", "\"sm_42\" is not known"},
        {NULL, "sm_", "is not known"},
        {NULL, "sm_99999999999999", "is not known"},
        {NULL, " , ", "no architecture"},
        {NULL, "ptx", "no architecture"},
        {"tpu", NULL, "device is \"tpu\""},
        {"cuda:x", "sm_90", "cuda:x"},
    };
    bytes model = dense_model();
    hone_model *m;
    hone_plan *plan;

    (void)state;
    assert_int_equal(hone_model_load(model.v, model.n, NULL, &m), HONE_OK);
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        assert_int_equal(
            hone_build(m,
                       HONE_BUILD_OPTIONS(.device = cases[i].device, .targets = cases[i].targets),
                       &plan),
            HONE_ERR_ARGUMENT);
        assert_non_null(strstr(hone_message(), cases[i].message));
    }
    hone_model_destroy(m);
    free(model.v);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_dense),       cmocka_unit_test(test_copies),
        cmocka_unit_test(test_same_bytes),  cmocka_unit_test(test_targets),
        cmocka_unit_test(test_bad_targets),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
