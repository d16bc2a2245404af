/* Pointwise programs: what operators compute against their definitions in double, building, text,
 * validity. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>
#include <math.h>

#include "op/op.h"
#include "op/program.h"

static hone_arena *arena;

static int set_up(void **state)
{
    (void)state;
    return hone_arena_create(NULL, 0, &arena);
}

static int tear_down(void **state)
{
    (void)state;
    hone_arena_destroy(arena);
    return 0;
}

static float run(const hone_program *p, const float *in)
{
    float r[HONE_PROGRAM_INPUTS + HONE_PROGRAM_INSTRS];

    memcpy(r, in, (size_t)p->n_in * sizeof *in);
    for (int i = 0; i < p->n_instr; i++) {
        const hone_instr *t = &p->instr[i];
        r[p->n_in + i] = hone_scalar_eval((hone_scalar)t->op, r[t->arg[0]], r[t->arg[1]],
                                          r[t->arg[2]], t->value);
    }
    return r[p->n_in + p->n_instr - 1];
}

/* Definitions in double. */
static double ref_elu(double x)
{
    return x < 0 ? 0.7 * (exp(x) - 1) : x;
}
static double ref_celu(double x)
{
    return fmax(x, 0) + fmin(0, 0.7 * (exp(x / 0.7) - 1));
}
static double ref_gelu(double x)
{
    return x * 0.5 * (1 + erf(x / sqrt(2)));
}
static double ref_gelu_tanh(double x)
{
    return x * 0.5 * (1 + tanh(sqrt(2 / M_PI) * (x + 0.044715 * x * x * x)));
}
static double ref_hard_sigmoid(double x)
{
    return fmin(fmax(0.25 * x + 0.4, 0), 1);
}
static double ref_hard_swish(double x)
{
    return x * fmin(fmax(x / 6 + 0.5, 0), 1);
}
static double ref_leaky(double x)
{
    return x < 0 ? 0.2 * x : x;
}
static double ref_mish(double x)
{
    return x * tanh(log1p(exp(x)));
}
static double ref_selu(double x)
{
    return 1.05070102214813 * (x > 0 ? x : 1.67326319217681 * (exp(x) - 1));
}
static double ref_shrink(double x)
{
    return x < -1.5 ? x + 0.5 : x > 1.5 ? x - 0.5 : 0;
}
static double ref_softplus(double x)
{
    return log1p(exp(-fabs(x))) + fmax(x, 0);
}
static double ref_softsign(double x)
{
    return x / (1 + fabs(x));
}
static double ref_swish(double x)
{
    return x / (1 + exp(-1.7 * x));
}
static double ref_thresholded(double x)
{
    return x > 0.7 ? x : 0;
}
static double ref_is_inf(double x)
{
    return isinf(x) && x < 0;
}
static double ref_sigmoid(double x)
{
    return 1 / (1 + exp(-x));
}
static double ref_sign(double x)
{
    return (x > 0) - (x < 0);
}
static double ref_round(double x)
{
    return rint(x);
}
static double ref_relu(double x)
{
    return x < 0 ? 0 : x;
}
static double ref_trunc(double x)
{
    return trunc(x);
}
static double ref_bool(double x)
{
    return x != 0;
}
static double ref_not(double x)
{
    return x == 0;
}
static double ref_neg(double x)
{
    return -x;
}
static double ref_clip(double x)
{
    return x;
}

static const struct {
    hone_op_id op;
    const char *attrs;
    double (*ref)(double x);
} unary[] = {
    {HONE_OP_abs, "", fabs},
    {HONE_OP_ceil, "", ceil},
    {HONE_OP_celu, "alpha=0.7", ref_celu},
    {HONE_OP_cos, "", cos},
    {HONE_OP_elu, "alpha=0.7", ref_elu},
    {HONE_OP_erf, "", erf},
    {HONE_OP_exp, "", exp},
    {HONE_OP_floor, "", floor},
    {HONE_OP_gelu, "", ref_gelu},
    {HONE_OP_gelu, "approximate=tanh", ref_gelu_tanh},
    {HONE_OP_hard_sigmoid, "alpha=0.25, beta=0.4", ref_hard_sigmoid},
    {HONE_OP_hard_swish, "", ref_hard_swish},
    {HONE_OP_leaky_relu, "alpha=0.2", ref_leaky},
    {HONE_OP_mish, "", ref_mish},
    {HONE_OP_neg, "", ref_neg},
    {HONE_OP_relu, "", ref_relu},
    {HONE_OP_round, "", ref_round},
    {HONE_OP_selu, "", ref_selu},
    {HONE_OP_shrink, "bias=0.5, lambd=1.5", ref_shrink},
    {HONE_OP_sigmoid, "", ref_sigmoid},
    {HONE_OP_sign, "", ref_sign},
    {HONE_OP_sin, "", sin},
    {HONE_OP_softplus, "", ref_softplus},
    {HONE_OP_softsign, "", ref_softsign},
    {HONE_OP_swish, "alpha=1.7", ref_swish},
    {HONE_OP_tanh, "", tanh},
    {HONE_OP_thresholded_relu, "alpha=0.7", ref_thresholded},
    {HONE_OP_is_inf, "detect_positive=0", ref_is_inf},
    {HONE_OP_cast, "to=int32", ref_trunc},
    {HONE_OP_cast, "to=bool", ref_bool},
    {HONE_OP_not, "", ref_not},
    {HONE_OP_clip, "", ref_clip},
    {HONE_OP_identity, "", ref_clip},
};

static const hone_program *program_of(hone_op_id op, const char *text, int n_in)
{
    hone_program_builder b;
    hone_attrs attrs;
    const int args[3] = {0, 1, 2};

    assert_true(hone_attrs_parse(arena, op, &text, &attrs));
    hone_program_begin(&b, n_in);
    const int result = hone_program_add_op(&b, op, &attrs, args, n_in);
    if (result < 0)
        return NULL;
    const hone_program *p = hone_program_end(&b, arena, result);
    assert_true(hone_program_is_valid(p));
    return p;
}

static void expect(const char *name, double x, double y, double got, double wanted)
{
    if (isnan(wanted) ? isnan(got)
                      : got == wanted || fabs(got - wanted) <= 2e-6 + 2e-6 * fabs(wanted))
        return;
    fail_msg("%s(%g, %g) is %.9g, not %.9g", name, x, y, got, wanted);
}

static const float xs[] = {-INFINITY, -7.5f, -3, -2.5f, -1, -0.5f, -1e-6f, 0,
                           1e-6f,     0.3f,  1,  1.5f,  2,  3.75f, 8};

static void test_program_unary_operators(void **state)
{
    (void)state;
    for (int i = 0; i < HONE_COUNT(unary); i++) {
        const hone_program *p = program_of(unary[i].op, unary[i].attrs, 1);
        assert_non_null(p);
        for (int k = 0; k < HONE_COUNT(xs); k++) {
            if (isinf(xs[k]) && unary[i].op != HONE_OP_is_inf)
                continue;
            expect(hone_ops[unary[i].op].name, xs[k], 0, run(p, &xs[k]), unary[i].ref(xs[k]));
        }
    }
}

static double ref_prelu(double x, double y)
{
    return x < 0 ? x * y : x;
}
static double ref_mod(double x, double y)
{
    return x - y * floor(x / y);
}
static double ref_greater(double x, double y)
{
    return x > y;
}
static double ref_greater_or_equal(double x, double y)
{
    return x >= y;
}
static double ref_less(double x, double y)
{
    return x < y;
}
static double ref_min(double x, double y)
{
    return isnan(x) || isnan(y) ? NAN : fmin(x, y);
}
static double ref_max(double x, double y)
{
    return isnan(x) || isnan(y) ? NAN : fmax(x, y);
}
static double ref_xor(double x, double y)
{
    return (x != 0) != (y != 0);
}
static double ref_sub(double x, double y)
{
    return x - y;
}
static double ref_div(double x, double y)
{
    return x / y;
}

static const struct {
    hone_op_id op;
    const char *attrs;
    double (*ref)(double x, double y);
} binary[] = {
    {HONE_OP_prelu, "", ref_prelu}, {HONE_OP_mod, "", ref_mod},
    {HONE_OP_mod, "fmod=1", fmod},  {HONE_OP_greater, "", ref_greater},
    {HONE_OP_less, "", ref_less},   {HONE_OP_greater_or_equal, "", ref_greater_or_equal},
    {HONE_OP_min, "", ref_min},     {HONE_OP_max, "", ref_max},
    {HONE_OP_xor, "", ref_xor},     {HONE_OP_sub, "", ref_sub},
    {HONE_OP_div, "", ref_div},     {HONE_OP_clip, "", ref_max},
};

static void test_program_binary_operators(void **state)
{
    (void)state;
    for (int i = 0; i < HONE_COUNT(binary); i++) {
        const hone_program *p = program_of(binary[i].op, binary[i].attrs, 2);
        assert_non_null(p);
        for (int k = 1; k < HONE_COUNT(xs); k++)
            for (int j = 1; j < HONE_COUNT(xs); j++) {
                const float in[2] = {xs[k], xs[j]};
                if (fabsf(in[1]) < 0.1f &&
                    (binary[i].op == HONE_OP_mod || binary[i].op == HONE_OP_div))
                    continue;
                expect(hone_ops[binary[i].op].name, in[0], in[1], run(p, in),
                       binary[i].ref(in[0], in[1]));
            }
    }
    const float nan_first[2] = {NAN, 1}, nan_last[2] = {1, NAN};
    assert_true(isnan(run(program_of(HONE_OP_min, "", 2), nan_first)));
    assert_true(isnan(run(program_of(HONE_OP_max, "", 2), nan_last)));
}

/* Every pointwise operator has a body, but for those on bits. */
static void test_program_covers_pointwise(void **state)
{
    (void)state;
    for (int op = 1; op < HONE_OP_COUNT; op++) {
        if (!hone_op_has((hone_op_id)op, HONE_TRAIT_POINTWISE) || op == HONE_OP_pointwise)
            continue;
        const bool on_bits = strncmp(hone_ops[op].name, "bit", 3) == 0;
        const char *attrs = op == HONE_OP_cast ? "to=float16" : "";
        if ((program_of((hone_op_id)op, attrs, hone_ops[op].in_max) == NULL) != on_bits)
            fail_msg("%s", hone_ops[op].name);
    }
    assert_null(program_of(HONE_OP_matmul, "", 2));
    assert_null(program_of(HONE_OP_cast, "to=string", 1));
}

static void test_program_rounds_to_small_floats(void **state)
{
    const float x = 1.0009765625f + 1e-5f, y = 1.00390625f;

    (void)state;
    assert_true(run(program_of(HONE_OP_cast, "to=float16", 1), &x) == 1.0009765625f);
    assert_true(run(program_of(HONE_OP_cast, "to=bfloat16", 1), &y) == 1.0f);
}

static void test_program_builder_shares_and_drops(void **state)
{
    hone_program_builder b;

    (void)state;
    hone_program_begin(&b, 2);
    const int sum = hone_program_add(&b, HONE_SCALAR_add, 0, 1, 0);
    hone_program_add(&b, HONE_SCALAR_exp, sum, 0, 0); /* not needed */
    assert_int_equal(hone_program_add(&b, HONE_SCALAR_add, 0, 1, 0), sum);
    assert_int_equal(hone_program_constant(&b, 0.0f) == hone_program_constant(&b, -0.0f), 0);
    const int result = hone_program_add(&b, HONE_SCALAR_tanh, sum, 0, 0);
    const hone_program *p = hone_program_end(&b, arena, result);
    assert_int_equal(p->n_instr, 2);
    assert_int_equal(hone_program_end(&b, arena, 1)->n_instr, 1); /* an input: one copy */
    const float in[2] = {3, 5};
    assert_true(run(hone_program_end(&b, arena, 1), in) == 5.0f);
    assert_int_equal(hone_program_add(&b, HONE_SCALAR_add, -1, 0, 0), -1);
}

static void test_program_builder_fills_up(void **state)
{
    hone_program_builder b;
    int last = 0;

    (void)state;
    hone_program_begin(&b, 1);
    for (int i = 0; i < HONE_PROGRAM_INSTRS; i++) {
        last = hone_program_add(&b, HONE_SCALAR_add, last, 0, 0);
        assert_int_equal(last, i + 1);
    }
    assert_int_equal(hone_program_add(&b, HONE_SCALAR_exp, last, 0, 0), -1);
    const hone_program *p = hone_program_end(&b, arena, last);
    assert_true(hone_program_is_valid(p));
    const int args[1] = {0};
    hone_program_begin(&b, 1);
    assert_int_equal(hone_program_inline(&b, p, args), HONE_PROGRAM_INSTRS);
    assert_int_equal(hone_program_inline(&b, p, (const int[]){HONE_PROGRAM_INSTRS}), -1);
}

static void test_program_text_round_trip(void **state)
{
    static const char *const texts[] = {
        "(x0, x1) { r2 = add x0 x1; r3 = relu r2 }",
        "(x0) { r1 = constant 0.5; r2 = select x0 r1 x0 }",
        "() { r0 = constant -inf }",
        "(x0) { r1 = constant nan; r2 = constant 1e-45; r3 = fma r1 r2 x0 }",
    };

    (void)state;
    for (int i = 0; i < HONE_COUNT(texts); i++) {
        const char *at = texts[i];
        const hone_program *p, *q;
        hone_text text;
        hone_text_init(&text, NULL);
        if (!hone_program_parse(arena, &at, &p))
            fail_msg("\"%s\" does not parse at \"%s\"", texts[i], at);
        hone_program_print(p, &text);
        at = text.data;
        assert_true(hone_program_parse(arena, &at, &q));
        assert_true(i == 3 || hone_program_equal(p, q));
        if (i != 3)
            assert_string_equal(text.data, texts[i]);
        hone_text_fini(&text);
    }
}

static void test_program_syntax_errors(void **state)
{
    static const char *const texts[] = {
        "",
        "(x0)",
        "(x0) { }",
        "(x0) { r1 = ad x0 x0 }",
        "(x0) { r1 = add x0 }",
        "(x0) { r2 = relu x0 }",
        "(x0) { r1 = relu r1 }",
        "(x0) { r1 = relu r2 }",
        "(x0) { r1 = relu x1 }",
        "(x1) { r1 = relu x1 }",
        "(x0) { r1 = constant }",
        "(x0) { r1 = relu x0",
        "(x0) { r1 = relu x99999999999999999999 }",
    };

    (void)state;
    for (int i = 0; i < HONE_COUNT(texts); i++) {
        const char *at = texts[i];
        const hone_program *p;
        if (hone_program_parse(arena, &at, &p))
            fail_msg("\"%s\" parses", texts[i]);
    }
}

static void test_program_validity(void **state)
{
    const hone_instr good = {.op = HONE_SCALAR_relu}, ahead = {.op = HONE_SCALAR_relu, .arg = {1}};
    const hone_instr unknown = {.op = HONE_SCALAR_COUNT},
                     unused = {.op = HONE_SCALAR_relu, .arg = {0, 1}};

    (void)state;
    assert_true(hone_program_is_valid(&(hone_program){1, 1, &good}));
    assert_false(hone_program_is_valid(&(hone_program){1, 1, &ahead}));
    assert_false(hone_program_is_valid(&(hone_program){1, 1, &unknown}));
    assert_false(hone_program_is_valid(&(hone_program){1, 1, &unused}));
    assert_false(hone_program_is_valid(&(hone_program){1, 0, &good}));
    assert_false(hone_program_is_valid(&(hone_program){HONE_PROGRAM_INPUTS + 1, 1, &good}));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_program_unary_operators),
        cmocka_unit_test(test_program_binary_operators),
        cmocka_unit_test(test_program_covers_pointwise),
        cmocka_unit_test(test_program_rounds_to_small_floats),
        cmocka_unit_test(test_program_builder_shares_and_drops),
        cmocka_unit_test(test_program_builder_fills_up),
        cmocka_unit_test(test_program_text_round_trip),
        cmocka_unit_test(test_program_syntax_errors),
        cmocka_unit_test(test_program_validity),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
