/* Pointwise operators and cast: rows of inputs and answers for every class of element type, the
 * corners of integer arithmetic, and broadcasting against index arithmetic. */
#include "plain_test.h"

typedef struct row {
    int op;
    hone_dtype dtype, out;
    double a, b, want;
} row;

#define F HONE_F32
#define B HONE_BOOL
static const row rows[] = {
    {HONE_OP_add, F, F, 1.5, 2, 3.5},
    {HONE_OP_add, HONE_I8, HONE_I8, 127, 1, -128},
    {HONE_OP_add, HONE_U8, HONE_U8, 255, 1, 0},
    {HONE_OP_add, HONE_U16, HONE_U16, 65535, 2, 1},
    {HONE_OP_add, HONE_I32, HONE_I32, 2147483647, 1, -2147483648.0},
    {HONE_OP_sub, HONE_U32, HONE_U32, 0, 1, 4294967295.0},
    {HONE_OP_mul, HONE_I16, HONE_I16, 300, 300, 24464},
    {HONE_OP_mul, HONE_F16, HONE_F16, 3, 0.5, 1.5},
    {HONE_OP_mul, HONE_BF16, HONE_BF16, 3, 0.5, 1.5},
    {HONE_OP_div, HONE_I32, HONE_I32, -7, 2, -3},
    {HONE_OP_div, HONE_I32, HONE_I32, 7, 0, 0},
    {HONE_OP_div, HONE_I32, HONE_I32, -2147483648.0, -1, -2147483648.0},
    {HONE_OP_div, HONE_I64, HONE_I64, -9, 3, -3},
    {HONE_OP_div, HONE_U8, HONE_U8, 200, 255, 0},
    {HONE_OP_div, F, F, 1, 0, INFINITY},
    {HONE_OP_mod, HONE_I32, HONE_I32, -7, 3, 2},
    {HONE_OP_mod, HONE_I32, HONE_I32, 7, -3, -2},
    {HONE_OP_mod, HONE_I8, HONE_I8, -128, -1, 0},
    {HONE_OP_mod, HONE_I64, HONE_I64, 5, 0, 0},
    {HONE_OP_pow, F, F, 2, 10, 1024},
    {HONE_OP_pow, HONE_I32, HONE_I32, -3, 3, -27},
    {HONE_OP_pow, HONE_I64, HONE_I64, 2, -1, 0},
    {HONE_OP_max, F, F, NAN, 1, NAN},
    {HONE_OP_min, F, F, 1, NAN, NAN},
    {HONE_OP_max, HONE_U64, HONE_U64, 3, 9, 9},
    {HONE_OP_min, HONE_I8, HONE_I8, -3, 9, -3},
    {HONE_OP_prelu, F, F, -2, 0.25, -0.5},
    {HONE_OP_bitwise_and, HONE_U8, HONE_U8, 12, 10, 8},
    {HONE_OP_bitwise_or, HONE_I16, HONE_I16, 12, 10, 14},
    {HONE_OP_bitwise_xor, HONE_U64, HONE_U64, 12, 10, 6},
    {HONE_OP_bit_shift, HONE_U8, HONE_U8, 129, 1, 2},
    {HONE_OP_bit_shift, HONE_U8, HONE_U8, 129, 8, 0},
    {HONE_OP_bit_shift, HONE_U32, HONE_U32, 1, 200, 0},
    {HONE_OP_equal, F, B, NAN, NAN, 0},
    {HONE_OP_equal, HONE_I64, B, 4, 4, 1},
    {HONE_OP_equal, B, B, 1, 1, 1},
    {HONE_OP_greater, HONE_U8, B, 200, 100, 1},
    {HONE_OP_greater_or_equal, HONE_F16, B, 1, 1, 1},
    {HONE_OP_less, HONE_I8, B, -1, 1, 1},
    {HONE_OP_less_or_equal, HONE_F64, B, 2, 1, 0},
    {HONE_OP_and, B, B, 1, 0, 0},
    {HONE_OP_or, B, B, 1, 0, 1},
    {HONE_OP_xor, B, B, 1, 1, 0},
    /* one input: b is not used */
    {HONE_OP_abs, HONE_I8, HONE_I8, -128, 0, -128},
    {HONE_OP_neg, HONE_I32, HONE_I32, -2147483648.0, 0, -2147483648.0},
    {HONE_OP_sign, HONE_U8, HONE_U8, 7, 0, 1},
    {HONE_OP_relu, HONE_I8, HONE_I8, -7, 0, 0},
    {HONE_OP_bitwise_not, HONE_U8, HONE_U8, 5, 0, 250},
    {HONE_OP_not, B, B, 0, 0, 1},
    {HONE_OP_is_nan, F, B, NAN, 0, 1},
    {HONE_OP_is_inf, HONE_F64, B, -INFINITY, 0, 1},
    {HONE_OP_relu, F, F, NAN, 0, NAN},
    {HONE_OP_round, F, F, 2.5, 0, 2},
    {HONE_OP_round, HONE_F64, HONE_F64, -1.5, 0, -2},
    {HONE_OP_exp, F, F, 1, 0, 2.718281828459045},
    {HONE_OP_sigmoid, F, F, -200, 0, 0},
    {HONE_OP_softplus, F, F, 200, 0, 200},
    {HONE_OP_mish, F, F, 1, 0, 0.8650983882673103},
    {HONE_OP_erf, HONE_F64, HONE_F64, 0.5, 0, 0.5204998778130465},
    {HONE_OP_gelu, F, F, 1, 0, 0.8413447460685429},
    {HONE_OP_hard_swish, F, F, 1, 0, 0.6666666666666667},
    {HONE_OP_selu, F, F, -1, 0, -1.1113307378125625},
    {HONE_OP_celu, F, F, -1, 0, -0.6321205588285577},
    {HONE_OP_elu, F, F, -1, 0, -0.6321205588285577},
    {HONE_OP_shrink, F, F, -1, 0, -1},
    {HONE_OP_leaky_relu, HONE_F16, HONE_F16, -100, 0, -1},
    {HONE_OP_thresholded_relu, F, F, 1, 0, 0},
};

static void test_rows(void **state)
{
    (void)state;
    for (int c = 0; c < HONE_COUNT(rows); c++) {
        const row *r = &rows[c];
        double a[20], b[20], want[20];
        p_call p;
        for (int i = 0; i < 20; i++) {
            a[i] = r->a;
            b[i] = r->b;
            want[i] = r->want;
        }
        p_begin(&p, r->op);
        p_values(&p, r->dtype, DIMS(20), a);
        if (hone_ops[r->op].in_min == 2)
            p_values(&p, r->dtype, DIMS(20), b);
        p_out(&p, r->out, DIMS(20));
        p_run(&p);
        p_check(hone_ops[r->op].name, &p, 0, want, r->dtype == HONE_F16 ? 1e-3 : 1e-6);
        p_end(&p);
    }
}

typedef struct shapes {
    hone_dims a, b, y;
} shapes;

static const shapes broadcasts[] = {
    {{0, {0}}, {0, {0}}, {0, {0}}},
    {{1, {5}}, {0, {0}}, {1, {5}}},
    {{2, {3, 1}}, {2, {1, 4}}, {2, {3, 4}}},
    {{3, {2, 3, 4}}, {1, {4}}, {3, {2, 3, 4}}},
    {{3, {2, 3, 4}}, {3, {2, 1, 1}}, {3, {2, 3, 4}}},
    {{4, {2, 3, 5, 7}}, {3, {3, 1, 1}}, {4, {2, 3, 5, 7}}},
    {{2, {1, 40000}}, {2, {3, 1}}, {2, {3, 40000}}},
    {{2, {0, 4}}, {1, {4}}, {2, {0, 4}}},
};

static int64_t place_of(const hone_dims *x, const hone_dims *y, int64_t at)
{
    int64_t place = 0, step = 1;

    for (int k = x->rank - 1, m = y->rank - 1; m >= 0; m--) {
        const int64_t i = at % y->dim[m];
        at /= y->dim[m];
        if (k < 0)
            continue;
        place += x->dim[k] == 1 ? 0 : i * step;
        step *= x->dim[k--];
    }
    return place;
}

static void test_broadcast(void **state)
{
    static const hone_dtype dtypes[] = {HONE_F32, HONE_F64, HONE_F16, HONE_I64};

    (void)state;
    for (int c = 0; c < 2 * HONE_COUNT(broadcasts); c++)
        for (int d = 0; d < HONE_COUNT(dtypes); d++) {
            const shapes *s = &broadcasts[c / 2];
            const int64_t n = hone_dims_count_or_zero(&s->y);
            double *want = malloc((size_t)(n + 1) * sizeof *want);
            p_call p;
            p_begin(&p, HONE_OP_sub);
            t_tensor *a = p_in(&p, dtypes[d], c % 2 ? s->b : s->a),
                     *b = p_in(&p, dtypes[d], c % 2 ? s->a : s->b);
            t_fill(a, 1, 100);
            t_fill(b, 2, 100);
            p_out(&p, dtypes[d], s->y);
            for (int64_t i = 0; i < n; i++)
                want[i] = t_get(a, place_of(&a->t.shape, &s->y, i)) -
                          t_get(b, place_of(&b->t.shape, &s->y, i));
            p_run(&p);
            p_check("sub", &p, 0, want, dtypes[d] == HONE_F16 ? 1e-3 : 1e-6);
            free(want);
            p_end(&p);
        }
}

static void test_where_clip(void **state)
{
    static const double choice[] = {1, 0, 1}, a[] = {1, 2, 3}, b[] = {-1}, low[] = {2},
                        high[] = {2.5};
    p_call p;

    (void)state;
    p_begin(&p, HONE_OP_where);
    p_values(&p, HONE_BOOL, DIMS(3), choice);
    p_values(&p, HONE_F32, DIMS(3), a);
    p_values(&p, HONE_F32, SCALAR_DIMS, b);
    p_out(&p, HONE_F32, DIMS(3));
    p_run(&p);
    p_check("where", &p, 0, (const double[]){1, -1, 3}, 0);
    p_end(&p);
    for (int have = 0; have < 4; have++) {
        p_begin(&p, HONE_OP_clip);
        p_values(&p, HONE_F32, DIMS(3), a);
        if (have & 1)
            p_values(&p, HONE_F32, SCALAR_DIMS, low);
        else
            p_absent(&p);
        if (have & 2)
            p_values(&p, HONE_F32, SCALAR_DIMS, high);
        p_out(&p, HONE_F32, DIMS(3));
        p_run(&p);
        p_check("clip", &p, 0, (const double[]){have & 1 ? 2 : 1, 2, have & 2 ? 2.5 : 3}, 0);
        p_end(&p);
    }
}

typedef struct cast_case {
    hone_dtype from, to;
    double x, want;
} cast_case;

static const cast_case casts[] = {
    {HONE_F32, HONE_I32, -1.9, -1},
    {HONE_F32, HONE_U8, 200.7, 200},
    {HONE_F64, HONE_I64, 1e300, 9.2233720368547758e18},
    {HONE_F32, HONE_I64, NAN, 0},
    {HONE_F32, HONE_BOOL, 0.5, 1},
    {HONE_BOOL, HONE_F32, 1, 1},
    {HONE_I32, HONE_I8, 300, 44},
    {HONE_I64, HONE_U16, -1, 65535},
    {HONE_U64, HONE_F32, 0x1p63, 0x1p63},
    {HONE_F32, HONE_F16, 1e6, INFINITY},
    {HONE_F16, HONE_F64, 0.5, 0.5},
    {HONE_BF16, HONE_F32, 3, 3},
    {HONE_F32, HONE_F8E4M3FN, 1000, 448},
    {HONE_F8E5M2, HONE_F32, 1.5, 1.5},
    {HONE_I8, HONE_I4, 9, -7},
    {HONE_U4, HONE_F32, 13, 13},
    {HONE_F32, HONE_F8E8M0, 3, 4},
    {HONE_I4, HONE_BF16, -8, -8},
};

static void test_cast(void **state)
{
    (void)state;
    for (int c = 0; c < HONE_COUNT(casts); c++) {
        double x[700], want[700];
        p_call p;
        for (int i = 0; i < 700; i++) {
            x[i] = casts[c].x;
            want[i] = casts[c].want;
        }
        p_begin(&p, HONE_OP_cast);
        p.attrs.cast.to = casts[c].to;
        p_values(&p, casts[c].from, DIMS(700), x);
        p_out(&p, casts[c].to, DIMS(700));
        memset(p.own[1].t.data, 0, p.own[1].bytes);
        p_run(&p);
        p_check(hone_dtype_text(casts[c].to), &p, 0, want, 0);
        p_end(&p);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_rows),
        cmocka_unit_test(test_broadcast),
        cmocka_unit_test(test_where_clip),
        cmocka_unit_test(test_cast),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
