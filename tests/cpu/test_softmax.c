/* Softmax and layer normalisation against their definitions in double precision: every axis, odd
 * rows, one element, rows with infinities and NaN, missing bias, statistics. */
#include "kernel_test.h"

typedef struct softmax_case {
    const char *name;
    hone_dims dims;
    int64_t axis;
    hone_dtype dtype;
    float scale, first; /* of the values; the first element */
} softmax_case;

static const softmax_case cases[] = {
    {"last", {2, {3, 128}}, -1, HONE_F32, 5, 0},
    {"odd", {2, {7, 1025}}, 1, HONE_F32, 50, 0},
    {"one", {2, {4, 1}}, 1, HONE_F32, 1, 0},
    {"short", {3, {2, 3, 5}}, 2, HONE_F32, 1, 0},
    {"middle", {3, {2, 9, 5}}, 1, HONE_F32, 4, 0},
    {"first", {3, {6, 3, 5}}, 0, HONE_F32, 4, 0},
    {"half", {2, {5, 19}}, -1, HONE_F16, 4, 0},
    {"infinite", {2, {3, 20}}, -1, HONE_F32, 1, -INFINITY},
    {"nan", {2, {3, 20}}, -1, HONE_F32, 1, NAN},
    {"empty", {2, {0, 20}}, -1, HONE_F32, 1, 0},
    {"large", {2, {3, 33}}, -1, HONE_F32, 1000, 3e38f},
};

static void run_softmax(const softmax_case *c)
{
    t_tensor x = t_make(c->dtype, c->dims), y = t_make(c->dtype, c->dims);
    hone_tensor *in[] = {&x.t}, *out[] = {&y.t};
    hone_attrs attrs = {.softmax = {.axis = c->axis}};
    hone_cpu_call call = {
        .op = HONE_OP_softmax, .attrs = &attrs, .n_in = 1, .n_out = 1, .in = in, .out = out};
    const int64_t count = hone_tensor_count(&x.t);
    const int axis = (int)(c->axis < 0 ? c->axis + c->dims.rank : c->axis);
    double *want = calloc((size_t)count + 1, sizeof *want);
    int64_t inner = 1, n = c->dims.dim[axis];

    for (int i = axis + 1; i < c->dims.rank; i++)
        inner *= c->dims.dim[i];
    t_fill(&x, 1, (double)c->scale);
    if (count && c->first != 0)
        ((float *)x.t.data)[0] = c->first;
    for (int64_t i = 0; i < count; i++) {
        const int64_t base = i / inner / n * n * inner + i % inner;
        double largest = -INFINITY, sum = 0;
        for (int64_t k = 0; k < n; k++)
            largest = fmax(largest, t_get(&x, base + k * inner));
        for (int64_t k = 0; k < n; k++)
            sum += exp(t_get(&x, base + k * inner) - largest);
        want[i] = exp(t_get(&x, i) - largest) / sum;
    }
    t_run_everywhere(c->name, &call, &y, want, c->dtype == HONE_F16 ? 1e-3 : 2e-6);
    free(want);
    t_free(&x), t_free(&y);
}

static void test_softmax_cases(void **state)
{
    (void)state;
    for (int i = 0; i < HONE_COUNT(cases); i++)
        run_softmax(&cases[i]);
}

/* A row of nothing but -inf has no softmax. */
static void test_softmax_all_minus_infinity(void **state)
{
    t_tensor x = t_make(HONE_F32, DIMS(2, 37)), y = t_make(HONE_F32, DIMS(2, 37));
    hone_tensor *in[] = {&x.t}, *out[] = {&y.t};
    hone_attrs attrs = {.softmax = {.axis = -1}};
    hone_cpu_call call = {
        .op = HONE_OP_softmax, .attrs = &attrs, .n_in = 1, .n_out = 1, .in = in, .out = out};
    double want[74];

    (void)state;
    for (int i = 0; i < 74; i++) {
        ((float *)x.t.data)[i] = i < 37 ? -INFINITY : 1.0f;
        want[i] = i < 37 ? NAN : 1.0 / 37;
    }
    t_run_everywhere("all_-inf", &call, &y, want, 1e-6);
    t_free(&x), t_free(&y);
}

typedef struct norm_case {
    const char *name;
    hone_dims dims;
    int64_t axis;
    bool bias, statistics;
    double offset;
} norm_case;

static const norm_case norms[] = {
    {"last", {2, {3, 128}}, -1, true, false, 0},
    {"odd", {3, {2, 3, 77}}, -1, false, true, 0},
    {"two_axes", {3, {4, 5, 9}}, 1, true, true, 0},
    {"one", {2, {4, 1}}, -1, true, false, 0},
    {"far_from_zero", {2, {3, 300}}, -1, true, false, 100},
    {"empty", {2, {0, 8}}, -1, true, false, 0},
};

static void run_norm(const norm_case *c)
{
    const int axis = (int)(c->axis < 0 ? c->axis + c->dims.rank : c->axis);
    hone_dims line = {.rank = c->dims.rank - axis}, stat = c->dims;
    int64_t n = 1;
    for (int i = axis; i < c->dims.rank; i++) {
        line.dim[i - axis] = c->dims.dim[i];
        stat.dim[i] = 1;
        n *= c->dims.dim[i];
    }
    t_tensor x = t_make(HONE_F32, c->dims), y = t_make(HONE_F32, c->dims),
             scale = t_make(HONE_F32, line);
    t_tensor bias = t_make(HONE_F32, line), mean = t_make(HONE_F32, stat),
             inverse = t_make(HONE_F32, stat);
    hone_tensor *in[] = {&x.t, &scale.t, c->bias ? &bias.t : NULL};
    hone_tensor *out[] = {&y.t, c->statistics ? &mean.t : NULL, c->statistics ? &inverse.t : NULL};
    hone_attrs attrs = {
        .layer_normalization = {.axis = c->axis, .epsilon = 1e-5f, .stash_type = HONE_F32}};
    hone_cpu_call call = {.op = HONE_OP_layer_normalization,
                          .attrs = &attrs,
                          .n_in = 3,
                          .n_out = 3,
                          .in = in,
                          .out = out};
    const int64_t lines = hone_tensor_count(&x.t) / n;
    double *want = calloc((size_t)(lines * n) + 1, sizeof *want),
           *m = calloc((size_t)lines + 1, sizeof *m);
    double *inv = calloc((size_t)lines + 1, sizeof *inv);

    t_fill(&x, 1, 1), t_fill(&scale, 2, 1), t_fill(&bias, 3, 1);
    for (int64_t i = 0; i < lines * n; i++)
        ((float *)x.t.data)[i] += (float)c->offset;
    for (int64_t l = 0; l < lines; l++) {
        double variance = 0;
        for (int64_t i = 0; i < n; i++)
            m[l] += t_get(&x, l * n + i) / (double)n;
        for (int64_t i = 0; i < n; i++)
            variance += (t_get(&x, l * n + i) - m[l]) * (t_get(&x, l * n + i) - m[l]) / (double)n;
        inv[l] = 1 / sqrt(variance + (double)1e-5f);
        for (int64_t i = 0; i < n; i++)
            want[l * n + i] = (t_get(&x, l * n + i) - m[l]) * inv[l] * t_get(&scale, i) +
                              (c->bias ? t_get(&bias, i) : 0);
    }
    t_run_everywhere(c->name, &call, &y, want, c->offset != 0 ? 1e-4 : 1e-5);
    if (c->statistics) {
        t_check_close(c->name, &mean, m, 1e-6);
        t_check_close(c->name, &inverse, inv, 1e-5);
    }
    free(want), free(m), free(inv);
    t_free(&x), t_free(&y), t_free(&scale), t_free(&bias), t_free(&mean), t_free(&inverse);
}

static void test_layer_normalization_cases(void **state)
{
    (void)state;
    for (int i = 0; i < HONE_COUNT(norms); i++)
        run_norm(&norms[i]);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_softmax_cases),
        cmocka_unit_test(test_softmax_all_minus_infinity),
        cmocka_unit_test(test_layer_normalization_cases),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
