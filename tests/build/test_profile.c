/* Shapes, profiles and preprocessing as the options spell them, and what is said where they do not
 * fit the model. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "hone/build.h"
#include "support/onnx_bytes.h"

enum {
    F32 = 1
};

/* Two inputs that share the dimension N; y = a + b. */
static bytes two_inputs(void)
{
    bytes g = {0};

    put_input(&g, "a", F32, "N,4");
    put_input(&g, "b:0", F32, "N,4");
    put_op(&g, "Add", "a,b:0", "y");
    put_output(&g, "y", F32, NULL);
    return model_of(&g, 13);
}

typedef struct shape_case {
    const char *shapes, *min, *opt, *max;
    hone_status status;
    int64_t low, best, high; /* of N in the plan */
    const char *says;        /* in the message */
} shape_case;

static const shape_case cases[] = {
    {.shapes = NULL, .low = 1, .best = 1, .high = 1},
    {.shapes = "a:7x4", .low = 7, .best = 7, .high = 7},
    {.shapes = "b:0:3x4", .low = 3, .best = 3, .high = 3}, /* a colon in the name */
    {.shapes = "a:5x4,b:0:5x4", .low = 5, .best = 5, .high = 5},
    {.min = "a:1x4", .opt = "a:2x4", .max = "a:8x4", .low = 1, .best = 2, .high = 8},
    {.opt = "a:2x4", .max = "a:8x4", .low = 2, .best = 2, .high = 8},
    {.shapes = "a:5x4,b:0:6x4", .status = HONE_ERR_ARGUMENT, .says = "dimension N"},
    {.shapes = "a:5x3", .status = HONE_ERR_ARGUMENT, .says = "Nx4"},
    {.shapes = "a:5", .status = HONE_ERR_ARGUMENT, .says = "\"a\" cannot be 5"},
    {.shapes = "c:5x4", .status = HONE_ERR_ARGUMENT, .says = "no input \"c\""},
    {.shapes = "a:5x", .status = HONE_ERR_ARGUMENT, .says = "is not NAME:"},
    {.shapes = "5x4", .status = HONE_ERR_ARGUMENT, .says = "is not NAME:"},
    {.shapes = "a:99999999999999999999x4", .status = HONE_ERR_ARGUMENT, .says = "is not NAME:"},
    {.shapes = "a:1x1x1x1x1x1x1x1x1", .status = HONE_ERR_ARGUMENT, .says = "at most 8"},
    {.min = "a:3x4",
     .opt = "a:2x4",
     .max = "a:8x4",
     .status = HONE_ERR_ARGUMENT,
     .says = "not in order"},
};

static hone_status build(bytes *m, const hone_build_options *options, hone_plan **plan)
{
    hone_model *model = NULL;

    assert_int_equal(hone_model_load(m->v, m->n, NULL, &model), HONE_OK);
    const hone_status st = hone_build(model, options, plan);
    hone_model_destroy(model);
    free(m->v);
    return st;
}

static void check_case(const shape_case *c)
{
    hone_plan *plan = NULL;
    hone_binding_info info = {.size = sizeof info};
    bytes m = two_inputs();

    const hone_status st = build(&m,
                                 HONE_BUILD_OPTIONS(.shapes = c->shapes, .min_shapes = c->min,
                                                    .opt_shapes = c->opt, .max_shapes = c->max),
                                 &plan);
    if (st != c->status)
        fail_msg("shapes \"%s\": %s", c->shapes ? c->shapes : "", hone_message());
    if (c->says && !strstr(hone_message(), c->says))
        fail_msg("the message has no \"%s\": %s", c->says, hone_message());
    if (st == HONE_OK) {
        assert_int_equal(hone_plan_binding(plan, 2, &info), HONE_OK);
        assert_int_equal(info.min.dim[0], c->low);
        assert_int_equal(info.opt.dim[0], c->best);
        assert_int_equal(info.max.dim[0], c->high);
    }
    hone_plan_destroy(plan);
}

static void test_shapes(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
        check_case(&cases[i]);
}

static void test_preprocess_specs(void **state)
{
    static const struct {
        const char *pre, *post, *says; /* says NULL: builds */
    } specs[] = {
        {"decode,resize=8,crop=6", NULL, NULL},
        {"frame,crop=6x6,fit=letterbox,bgr,mean=1/2/3,std=2", "softmax", NULL},
        {"decode,filter=cubic,fit=stretch", "softmax,topk=2", NULL},
        {"decode,filter=square", NULL, "filter=square"},
        {"decode,resize=0", NULL, "resize=0"},
        {"decode,mean=1/2/3/4", NULL, "mean=1/2/3/4"},
        {"decode,gray", NULL, "no axis of 1 channels"},
        {"decode", "topk", "topk"},
    };

    (void)state;
    for (size_t i = 0; i < sizeof specs / sizeof *specs; i++) {
        bytes g = {0};
        hone_plan *plan = NULL;
        put_input(&g, "x", F32, "1,3,6,6");
        put_op(&g, "Flatten", "x", "y");
        put_output(&g, "y", F32, "1,108");
        bytes m = model_of(&g, 13);
        const hone_status st =
            build(&m, HONE_BUILD_OPTIONS(.preprocess = specs[i].pre, .postprocess = specs[i].post),
                  &plan);
        if (!specs[i].says && st != HONE_OK)
            fail_msg("%s: %s", specs[i].pre, hone_message());
        if (specs[i].says) {
            assert_int_equal(st, HONE_ERR_ARGUMENT);
            if (!strstr(hone_message(), specs[i].says))
                fail_msg("the message has no \"%s\": %s", specs[i].says, hone_message());
        }
        hone_plan_destroy(plan);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_shapes),
        cmocka_unit_test(test_preprocess_specs),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
