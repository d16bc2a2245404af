/* Pointwise programs: every scalar function over ordinary and special arguments against libm in
 * double precision; broadcast operands of all kinds; element types in and out; whole programs
 * against evaluation one element at a time. */
#include "kernel_test.h"

#include "op/program.h"

/* ---- every scalar function
 * ------------------------------------------------------------------------------------------- */

static double exact(hone_scalar op, double a, double b, double c)
{
    switch (op) {
    case HONE_SCALAR_exp: return exp(a);
    case HONE_SCALAR_log: return log(a);
    case HONE_SCALAR_log1p: return log1p(a);
    case HONE_SCALAR_erf: return erf(a);
    case HONE_SCALAR_tanh: return tanh(a);
    case HONE_SCALAR_sigmoid: return 1 / (1 + exp(-a));
    case HONE_SCALAR_softplus: return fmax(a, 0) + log1p(exp(-fabs(a)));
    case HONE_SCALAR_sin: return sin(a);
    case HONE_SCALAR_cos: return cos(a);
    case HONE_SCALAR_pow: return pow(a, b);
    case HONE_SCALAR_sqrt: return sqrt(a);
    case HONE_SCALAR_div: return a / b;
    case HONE_SCALAR_fma: return a * b + c;
    default: return hone_scalar_eval(op, (float)a, (float)b, (float)c, 0);
    }
}

#define N 4099
static float special[] = {0.0f,     -0.0f,     1.0f,  -1.0f,  0.5f,  2.5f,    -2.5f,     1e-30f,
                          -1e-30f,  1e-40f,    88.0f, -88.0f, 90.0f, -105.0f, 1e30f,     -1e30f,
                          INFINITY, -INFINITY, NAN,   3.0f,   2.0f,  9000.0f, 0.999999f, 1.000001f};

static void fill_arguments(float *x, uint64_t seed)
{
    uint64_t state = seed;
    for (int i = 0; i < N; i++)
        x[i] = (float)(t_random(&state) * (i % 3 == 0 ? 90.0 : i % 3 == 1 ? 4.0 : 0.6));
}

static bool close_enough(double got, double want)
{
    if (isnan(want))
        return isnan(got);
    if (isinf((float)want) || got == want)
        return got == (double)(float)want;
    return fabs(got - want) <=
           1e-6 * fabs(want) + 2e-38; /* results under the normal range may be zero */
}

static void run_scalar(hone_scalar op, t_tensor in[3], t_tensor *y)
{
    const hone_instr instr = {.op = (uint16_t)op, .arg = {0, 1, 2}};
    const hone_program program = {.n_in = 3, .n_instr = 1, .instr = &instr};
    const hone_attrs attrs = {.pointwise = {.program = &program, .to = HONE_F32}};
    hone_tensor *tensors[] = {&in[0].t, &in[1].t, &in[2].t}, *out[] = {&y->t};
    hone_cpu_call call = {
        .op = HONE_OP_pointwise, .attrs = &attrs, .n_in = 3, .n_out = 1, .in = tensors, .out = out};

    t_run_call(&call, (t_run){false, 2});
    t_check_guards(y);
    for (int i = 0; i < N; i++) {
        const float a = ((float *)in[0].t.data)[i], b = ((float *)in[1].t.data)[i],
                    c = ((float *)in[2].t.data)[i];
        const double got = ((float *)y->t.data)[i], want = exact(op, a, b, c);
        /* Trigonometric functions near their zeros, and a * b + c where it cancels, are right to
         * the roundings of what they are made of. */
        const bool near =
            ((op == HONE_SCALAR_sin || op == HONE_SCALAR_cos) && fabs(got - want) < 2e-7) ||
            (op == HONE_SCALAR_fma &&
             fabs(got - want) <= 1e-7 * (fabs((double)a * b) + fabs((double)c)));
        if (!near && !close_enough(got, want))
            fail_msg("%s at %s(%.9g, %.9g, %.9g): %.9g, not %.9g",
                     hone_cpu_level_text(hone_cpu_level_now()), hone_scalar_names[op], (double)a,
                     (double)b, (double)c, got, want);
    }
}

static void test_region_scalars(void **state)
{
    t_tensor in[3], y = t_make(HONE_F32, DIMS(N));

    (void)state;
    for (int k = 0; k < 3; k++) {
        in[k] = t_make(HONE_F32, DIMS(N));
        fill_arguments(in[k].t.data, (uint64_t)k + 1);
        for (int i = 0; i < HONE_COUNT(special) * HONE_COUNT(special); i++)
            ((float *)in[k].t.data)[i] =
                special[k == 0 ? i % HONE_COUNT(special) : i / HONE_COUNT(special)];
    }
    for (int level = HONE_CPU_SCALAR; level <= HONE_CPU_NEON; level++) {
        if (!hone_cpu_set_level((hone_cpu_level)level))
            continue;
        for (int op = 1; op < HONE_SCALAR_COUNT; op++)
            run_scalar((hone_scalar)op, in, &y);
    }
    t_free(&in[0]), t_free(&in[1]), t_free(&in[2]), t_free(&y);
}

/* ---- broadcasting and types
 * ------------------------------------------------------------------------------------------ */

typedef struct region_case {
    const char *name;
    hone_dims in[3], out;
    hone_dtype types[3], to;
} region_case;

static const region_case cases[] = {
    {"same",
     {{2, {7, 33}}, {2, {7, 33}}, {2, {7, 33}}},
     {2, {7, 33}},
     {HONE_F32, HONE_F32, HONE_F32},
     HONE_F32},
    {"scalar",
     {{0, {0}}, {2, {7, 33}}, {1, {1}}},
     {2, {7, 33}},
     {HONE_F32, HONE_F32, HONE_F32},
     HONE_F32},
    {"all_scalar",
     {{0, {0}}, {0, {0}}, {0, {0}}},
     {0, {0}},
     {HONE_F32, HONE_F32, HONE_F32},
     HONE_F32},
    {"row",
     {{1, {33}}, {2, {7, 33}}, {2, {1, 33}}},
     {2, {7, 33}},
     {HONE_F32, HONE_F32, HONE_F32},
     HONE_F32},
    {"column",
     {{2, {70, 1}}, {2, {70, 33}}, {2, {70, 1}}},
     {2, {70, 33}},
     {HONE_F32, HONE_F32, HONE_F32},
     HONE_F32},
    {"long_rows",
     {{2, {3, 1}}, {1, {2500}}, {2, {3, 2500}}},
     {2, {3, 2500}},
     {HONE_F32, HONE_F32, HONE_F32},
     HONE_F32},
    {"outer",
     {{2, {9, 1}}, {2, {1, 40}}, {0, {0}}},
     {2, {9, 40}},
     {HONE_F32, HONE_F32, HONE_F32},
     HONE_F32},
    {"middle",
     {{3, {4, 1, 9}}, {3, {4, 5, 9}}, {3, {1, 5, 1}}},
     {3, {4, 5, 9}},
     {HONE_F32, HONE_F32, HONE_F32},
     HONE_F32},
    {"channels_first",
     {{4, {2, 3, 8, 8}}, {4, {1, 3, 1, 1}}, {4, {2, 1, 8, 8}}},
     {4, {2, 3, 8, 8}},
     {HONE_F32, HONE_F32, HONE_F32},
     HONE_F32},
    {"types",
     {{2, {7, 33}}, {2, {7, 33}}, {1, {33}}},
     {2, {7, 33}},
     {HONE_F16, HONE_I32, HONE_BF16},
     HONE_F16},
    {"bools",
     {{2, {7, 33}}, {2, {7, 1}}, {1, {33}}},
     {2, {7, 33}},
     {HONE_BOOL, HONE_U8, HONE_I64},
     HONE_BOOL},
    {"to_bf16",
     {{1, {70}}, {1, {70}}, {1, {70}}},
     {1, {70}},
     {HONE_I8, HONE_F32, HONE_F32},
     HONE_BF16},
    {"empty",
     {{2, {0, 33}}, {1, {33}}, {0, {0}}},
     {2, {0, 33}},
     {HONE_F32, HONE_F32, HONE_F32},
     HONE_F32},
    {"large",
     {{3, {3, 70, 400}}, {1, {400}}, {3, {3, 1, 1}}},
     {3, {3, 70, 400}},
     {HONE_F32, HONE_F32, HONE_F32},
     HONE_F32},
};

/* relu(a * b - 0.25) + c * c, with a dead-and-reused register and a constant. */
static const hone_instr body[] = {
    {.op = HONE_SCALAR_mul, .arg = {0, 1}}, {.op = HONE_SCALAR_constant, .value = 0.25f},
    {.op = HONE_SCALAR_sub, .arg = {3, 4}}, {.op = HONE_SCALAR_relu, .arg = {5}},
    {.op = HONE_SCALAR_mul, .arg = {2, 2}}, {.op = HONE_SCALAR_add, .arg = {6, 7}},
};
static const hone_program program = {.n_in = 3, .n_instr = HONE_COUNT(body), .instr = body};

static double operand(const t_tensor *x, const hone_dims *out, int64_t i)
{
    const hone_dims *d = &x->t.shape;
    int64_t at = 0, step = 1;

    for (int k = out->rank - 1, j = d->rank - 1; k >= 0; k--, j--) {
        const int64_t index = i % out->dim[k];
        i /= out->dim[k];
        if (j < 0)
            continue;
        at += d->dim[j] == 1 ? 0 : index * step;
        step *= d->dim[j];
    }
    return t_get(x, at);
}

static void run_case(const region_case *c)
{
    t_tensor in[3], y = t_make(c->to, c->out);
    hone_tensor *tensors[3], *out[] = {&y.t};
    const hone_attrs attrs = {.pointwise = {.program = &program, .to = c->to}};
    hone_cpu_call call = {
        .op = HONE_OP_pointwise, .attrs = &attrs, .n_in = 3, .n_out = 1, .in = tensors, .out = out};
    double *want = calloc((size_t)hone_tensor_count(&y.t) + 1, sizeof *want);

    for (int k = 0; k < 3; k++) {
        in[k] = t_make(c->types[k], c->in[k]);
        t_fill(&in[k], (uint64_t)k + 1, hone_dtype_is_float(c->types[k]) ? 1.0 : 3.0);
        tensors[k] = &in[k].t;
    }
    for (int64_t i = 0; i < hone_tensor_count(&y.t); i++) {
        const double a = operand(&in[0], &c->out, i), b = operand(&in[1], &c->out, i),
                     d = operand(&in[2], &c->out, i);
        want[i] = fmax(a * b - 0.25, 0) + d * d;
        if (c->to == HONE_BOOL)
            want[i] = want[i] != 0;
    }
    t_run_everywhere(c->name, &call, &y, want, c->to == HONE_F32 ? 1e-6 : 1e-2);
    free(want);
    t_free(&in[0]), t_free(&in[1]), t_free(&in[2]), t_free(&y);
}

static void test_region_operands(void **state)
{
    (void)state;
    for (int i = 0; i < HONE_COUNT(cases); i++)
        run_case(&cases[i]);
}

/* The output may be one of the inputs. */
static void test_region_in_place(void **state)
{
    static const hone_instr square_more[] = {{.op = HONE_SCALAR_mul, .arg = {0, 0}},
                                             {.op = HONE_SCALAR_add, .arg = {1, 0}}};
    static const hone_program p = {1, 2, square_more};
    const hone_attrs attrs = {.pointwise = {.program = &p, .to = HONE_F32}};

    (void)state;
    for (int level = HONE_CPU_SCALAR; level <= HONE_CPU_NEON; level++) {
        t_tensor x = t_make(HONE_F32, DIMS(1003));
        hone_tensor *tensors[] = {&x.t};
        hone_cpu_call call = {.op = HONE_OP_pointwise,
                              .attrs = &attrs,
                              .n_in = 1,
                              .n_out = 1,
                              .in = tensors,
                              .out = tensors};
        if (hone_cpu_set_level((hone_cpu_level)level)) {
            for (int i = 0; i < 1003; i++)
                ((float *)x.t.data)[i] = (float)i;
            t_run_call(&call, (t_run){false, 2});
            t_check_guards(&x);
            for (int i = 0; i < 1003; i++)
                assert_true(((float *)x.t.data)[i] == (float)(i * i + i));
        }
        t_free(&x);
    }
}

static void test_region_answer_is_constant(void **state)
{
    static const hone_instr constant[] = {{.op = HONE_SCALAR_constant, .value = 2.5f}};
    static const hone_program p = {1, 1, constant};
    const hone_attrs attrs = {.pointwise = {.program = &p, .to = HONE_F32}};
    t_tensor x = t_make(HONE_F32, DIMS(5, 9)), y = t_make(HONE_F32, DIMS(5, 9));
    hone_tensor *in[] = {&x.t}, *out[] = {&y.t};
    hone_cpu_call call = {
        .op = HONE_OP_pointwise, .attrs = &attrs, .n_in = 1, .n_out = 1, .in = in, .out = out};
    double want[45];

    (void)state;
    t_fill(&x, 1, 1);
    for (int i = 0; i < 45; i++)
        want[i] = 2.5;
    t_run_everywhere("constant", &call, &y, want, 0);
    t_free(&x), t_free(&y);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_region_scalars),
        cmocka_unit_test(test_region_operands),
        cmocka_unit_test(test_region_in_place),
        cmocka_unit_test(test_region_answer_is_constant),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
