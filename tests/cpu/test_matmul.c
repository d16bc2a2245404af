/* Matrix products against sums in double precision: shapes around the tile sizes, operands
 * transposed, batches that broadcast, bias, epilogues. */
#include "kernel_test.h"

#include "op/program.h"

typedef enum epilogue {
    NONE,
    RELU,       /* in the tile */
    ADD_RELU,   /* in the tile: a residual */
    SCALE_SILU, /* a region: x * s[n], then silu */
} epilogue;

typedef struct matmul_case {
    const char *name;
    hone_dims a, b;
    bool trans_a, trans_b;
    float alpha;
    int bias; /* 0 none, 1 [n], 2 [m, 1] */
    epilogue epilogue;
} matmul_case;

static const matmul_case cases[] = {
    {"one", {2, {1, 1}}, {2, {1, 1}}, 0, 0, 1, 0, NONE},
    {"odd", {2, {7, 13}}, {2, {13, 19}}, 0, 0, 1, 1, RELU},
    {"tile", {2, {12, 64}}, {2, {64, 64}}, 0, 0, 1, 1, ADD_RELU},
    {"wide", {2, {3, 33}}, {2, {33, 211}}, 0, 0, 1, 1, SCALE_SILU},
    {"tall", {2, {301, 17}}, {2, {17, 5}}, 0, 0, 1, 1, SCALE_SILU},
    {"deep", {2, {5, 4001}}, {2, {4001, 40}}, 0, 0, 1, 1, ADD_RELU},
    {"vector_row", {1, {70}}, {2, {70, 50}}, 0, 0, 1, 1, RELU},
    {"vector_column", {2, {50, 70}}, {1, {70}}, 0, 0, 1, 0, RELU},
    {"dot", {1, {70}}, {1, {70}}, 0, 0, 1, 0, NONE},
    {"row_trans_b", {2, {1, 100}}, {2, {77, 100}}, 0, 1, 1, 1, RELU},
    {"trans_b", {2, {9, 100}}, {2, {77, 100}}, 0, 1, 0.5f, 1, NONE},
    {"trans_b_many", {2, {40, 65}}, {2, {48, 65}}, 0, 1, 0.125f, 0, NONE},
    {"trans_a", {2, {31, 22}}, {2, {31, 18}}, 1, 0, 1, 1, RELU},
    {"trans_both", {2, {31, 22}}, {2, {18, 31}}, 1, 1, 2, 1, RELU},
    {"alpha_few", {2, {2, 31}}, {2, {31, 18}}, 0, 0, 3, 0, NONE},
    {"batch", {3, {4, 6, 9}}, {3, {4, 9, 20}}, 0, 0, 1, 1, ADD_RELU},
    {"batch_many", {3, {4, 26, 9}}, {3, {4, 9, 20}}, 0, 0, 1, 1, SCALE_SILU},
    {"batch_b_shared", {3, {4, 6, 9}}, {2, {9, 20}}, 0, 0, 1, 1, SCALE_SILU},
    {"batch_broadcast", {4, {2, 1, 6, 9}}, {4, {1, 3, 9, 7}}, 0, 0, 1, 0, NONE},
    {"batch_trans", {4, {2, 3, 16, 8}}, {4, {2, 3, 16, 8}}, 0, 1, 0.35f, 0, NONE},
    {"batch_a_shared", {2, {5, 9}}, {3, {3, 9, 17}}, 0, 0, 1, 0, RELU},
    {"bias_column", {2, {7, 13}}, {2, {13, 19}}, 0, 0, 1, 2, RELU},
    {"empty_k", {2, {3, 0}}, {2, {0, 5}}, 0, 0, 1, 1, NONE},
    {"empty_m", {2, {0, 4}}, {2, {4, 5}}, 0, 0, 1, 1, NONE},
};

static const hone_instr relu[] = {{.op = HONE_SCALAR_relu}};
static const hone_instr add_relu[] = {{.op = HONE_SCALAR_add, .arg = {0, 1}},
                                      {.op = HONE_SCALAR_relu, .arg = {2}}};
static const hone_instr scale_silu[] = {{.op = HONE_SCALAR_mul, .arg = {0, 1}},
                                        {.op = HONE_SCALAR_sigmoid, .arg = {2}},
                                        {.op = HONE_SCALAR_mul, .arg = {2, 3}}};
static const hone_program programs[] = {
    [RELU] = {1, 1, relu}, [ADD_RELU] = {2, 2, add_relu}, [SCALE_SILU] = {2, 3, scale_silu}};

typedef struct sizes {
    int64_t batch, m, n, k;
    hone_dims out;
    bool a_vector, b_vector;
} sizes;

static sizes sizes_of(const matmul_case *c)
{
    sizes s = {.batch = 1, .a_vector = c->a.rank == 1, .b_vector = c->b.rank == 1};
    const int rank = HONE_MAX(c->a.rank, c->b.rank) - 2;

    s.m = s.a_vector ? 1 : c->a.dim[c->a.rank - (c->trans_a ? 1 : 2)];
    s.k = s.a_vector ? c->a.dim[0] : c->a.dim[c->a.rank - (c->trans_a ? 2 : 1)];
    s.n = s.b_vector ? 1 : c->b.dim[c->b.rank - (c->trans_b ? 2 : 1)];
    for (int i = 0; i < rank; i++) {
        const int ia = i - rank + c->a.rank - 2, ib = i - rank + c->b.rank - 2;
        const int64_t d = HONE_MAX(ia >= 0 ? c->a.dim[ia] : 1, ib >= 0 ? c->b.dim[ib] : 1);
        s.out.dim[s.out.rank++] = d;
        s.batch *= d;
    }
    if (!s.a_vector)
        s.out.dim[s.out.rank++] = s.m;
    if (!s.b_vector)
        s.out.dim[s.out.rank++] = s.n;
    return s;
}

/* The number of the operand's matrix in an output batch. */
static int64_t matrix_of(const hone_dims *d, const hone_dims *out, int out_batch_rank,
                         int64_t batch)
{
    const int rank = d->rank - 2;
    int64_t at = 0, step = 1;

    for (int i = out_batch_rank - 1; i >= 0; i--) {
        const int k = i - out_batch_rank + rank;
        const int64_t index = batch % out->dim[i];
        batch /= out->dim[i];
        if (k < 0)
            continue;
        at += d->dim[k] == 1 ? 0 : index * step;
        step *= d->dim[k];
    }
    return at;
}

static double finish(const matmul_case *c, double x, double other)
{
    switch (c->epilogue) {
    case RELU: return x < 0 ? 0 : x;
    case ADD_RELU: return x + other < 0 ? 0 : x + other;
    case SCALE_SILU: return x * other / (1 + exp(-x * other));
    default: return x;
    }
}

static void reference(const matmul_case *c, const sizes *s, const t_tensor *a, const t_tensor *b,
                      const t_tensor *bias, const t_tensor *extra, double *y)
{
    const int batch_rank = HONE_MAX(HONE_MAX(c->a.rank, c->b.rank) - 2, 0);

    for (int64_t i = 0; i < s->batch * s->m * s->n; i++) {
        const int64_t n = i % s->n, m = i / s->n % s->m, batch = i / s->n / s->m;
        const int64_t ab = matrix_of(&c->a, &s->out, batch_rank, batch) * s->m * s->k;
        const int64_t bb = matrix_of(&c->b, &s->out, batch_rank, batch) * s->n * s->k;
        double sum = 0;
        for (int64_t k = 0; k < s->k; k++)
            sum += t_get(a, ab + (c->trans_a ? k * s->m + m : m * s->k + k)) *
                   t_get(b, bb + (c->trans_b ? n * s->k + k : k * s->n + n));
        sum *= c->alpha;
        if (c->bias)
            sum += t_get(bias, c->bias == 1 ? n : m);
        y[i] = finish(c, sum,
                      c->epilogue == ADD_RELU     ? t_get(extra, i)
                      : c->epilogue == SCALE_SILU ? t_get(extra, n)
                                                  : 0);
    }
}

static void run_case(const matmul_case *c, bool as_gemm)
{
    const sizes s = sizes_of(c);
    t_tensor a = t_make(HONE_F32, c->a), b = t_make(HONE_F32, c->b), y = t_make(HONE_F32, s.out);
    t_tensor bias = t_make(HONE_F32, c->bias == 2 ? DIMS(s.m, 1) : DIMS(s.n));
    t_tensor extra = t_make(HONE_F32, c->epilogue == ADD_RELU ? s.out : DIMS(s.n));
    hone_tensor *in[] = {&a.t, &b.t, c->bias ? &bias.t : NULL, &extra.t}, *out[] = {&y.t};
    double *want = calloc((size_t)hone_tensor_count(&y.t) + 1, sizeof *want);
    hone_attrs attrs = {0};
    hone_cpu_call call = {.op = HONE_OP_matmul,
                          .attrs = &attrs,
                          .n_in = c->epilogue > RELU ? 4 : 3,
                          .n_out = 1,
                          .in = in,
                          .out = out};

    t_fill(&a, 1, 1.0);
    t_fill(&b, 2, 1.0);
    t_fill(&bias, 3, 1.0);
    t_fill(&extra, 4, 1.0);
    attrs.matmul.trans_a = c->trans_a;
    attrs.matmul.trans_b = c->trans_b;
    attrs.matmul.alpha = c->alpha;
    attrs.matmul.program = c->epilogue ? &programs[c->epilogue] : NULL;
    if (as_gemm) {
        call.op = HONE_OP_gemm;
        call.n_in = 3;
        attrs = (hone_attrs){.gemm = {c->trans_a, c->trans_b, c->alpha, 0.5f}};
    }
    reference(c, &s, &a, &b, &bias, &extra, want);
    if (as_gemm && c->bias)
        for (int64_t i = 0; i < s.m * s.n; i++)
            want[i] -= 0.5 * t_get(&bias, c->bias == 1 ? i % s.n : i / s.n);
    t_run_everywhere(c->name, &call, &y, want, 2e-6 * sqrt((double)s.k + 1));
    free(want);
    t_free(&a), t_free(&b), t_free(&y), t_free(&bias), t_free(&extra);
}

static void test_matmul_cases(void **state)
{
    (void)state;
    for (int i = 0; i < HONE_COUNT(cases); i++)
        run_case(&cases[i], false);
}

static void test_gemm_cases(void **state)
{
    (void)state;
    for (int i = 0; i < HONE_COUNT(cases); i++)
        if (cases[i].a.rank == 2 && cases[i].b.rank == 2 && cases[i].epilogue == NONE)
            run_case(&cases[i], true);
}

/* Infinity and NaN in A reach exactly the rows that they are in. */
static void test_matmul_nan_rows(void **state)
{
    t_tensor a = t_make(HONE_F32, DIMS(20, 8)), b = t_make(HONE_F32, DIMS(8, 24)),
             y = t_make(HONE_F32, DIMS(20, 24));
    hone_tensor *in[] = {&a.t, &b.t}, *out[] = {&y.t};
    double *want = calloc(20 * 24, sizeof *want);
    hone_attrs attrs = {.matmul = {.alpha = 1, .program = &programs[RELU]}};
    hone_cpu_call call = {
        .op = HONE_OP_matmul, .attrs = &attrs, .n_in = 2, .n_out = 1, .in = in, .out = out};

    (void)state;
    for (int i = 0; i < 160; i++)
        ((float *)a.t.data)[i] = i / 8 == 3 ? NAN : i / 8 == 5 ? INFINITY : 1.0f;
    for (int i = 0; i < 192; i++)
        ((float *)b.t.data)[i] = 1.0f;
    for (int i = 0; i < 480; i++)
        want[i] = i / 24 == 3 ? NAN : i / 24 == 5 ? INFINITY : 8.0;
    t_run_everywhere("nan_rows", &call, &y, want, 0);
    free(want);
    t_free(&a), t_free(&b), t_free(&y);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_matmul_cases),
        cmocka_unit_test(test_gemm_cases),
        cmocka_unit_test(test_matmul_nan_rows),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
