/* Reductions, arg reductions, running sums and topk against their definitions, in double precision,
 * over every choice of axes of several shapes. */
#include "plain_test.h"

static const int reductions[] = {
    HONE_OP_reduce_sum,        HONE_OP_reduce_mean,    HONE_OP_reduce_max,
    HONE_OP_reduce_min,        HONE_OP_reduce_prod,    HONE_OP_reduce_l1,
    HONE_OP_reduce_l2,         HONE_OP_reduce_log_sum, HONE_OP_reduce_log_sum_exp,
    HONE_OP_reduce_sum_square,
};

static const hone_dims shapes[] = {
    {1, {7}},       {2, {5, 300}},  {2, {300, 5}}, {3, {4, 3, 6}}, {4, {2, 3, 33, 35}},
    {3, {1, 9, 1}}, {3, {3, 0, 2}}, {0, {0}},
};

static double start_of(int op)
{
    return op == HONE_OP_reduce_max    ? -INFINITY
           : op == HONE_OP_reduce_min  ? INFINITY
           : op == HONE_OP_reduce_prod ? 1
                                       : 0;
}

static double step_of(int op, double acc, double x)
{
    switch (op) {
    case HONE_OP_reduce_max: return fmax(acc, x);
    case HONE_OP_reduce_min: return fmin(acc, x);
    case HONE_OP_reduce_prod: return acc * x;
    case HONE_OP_reduce_l1: return acc + fabs(x);
    case HONE_OP_reduce_l2:
    case HONE_OP_reduce_sum_square: return acc + x * x;
    case HONE_OP_reduce_log_sum_exp: return acc + exp(x);
    default: return acc + x;
    }
}

static double end_of(int op, double acc, int64_t n)
{
    switch (op) {
    case HONE_OP_reduce_mean: return acc / (double)n;
    case HONE_OP_reduce_l2: return sqrt(acc);
    case HONE_OP_reduce_log_sum:
    case HONE_OP_reduce_log_sum_exp: return log(acc);
    default: return acc;
    }
}

static double *reference(int op, const t_tensor *x, unsigned axes, int64_t outputs)
{
    const hone_dims *d = &x->t.shape;
    double *y = malloc((size_t)(outputs + 1) * sizeof *y);
    const int64_t n = hone_tensor_count(&x->t);

    for (int64_t i = 0; i < outputs; i++)
        y[i] = start_of(op);
    for (int64_t i = 0; i < n; i++) {
        int64_t rest = i, to = 0, step = 1;
        for (int k = d->rank - 1; k >= 0; k--) {
            if (!(axes >> k & 1)) {
                to += rest % d->dim[k] * step;
                step *= d->dim[k];
            }
            rest /= d->dim[k];
        }
        y[to] = step_of(op, y[to], t_get(x, i));
    }
    for (int64_t i = 0; i < outputs; i++)
        y[i] = end_of(op, y[i], outputs ? n / outputs : 0);
    return y;
}

static void run_reduction(int op, hone_dtype dtype, const hone_dims *shape, unsigned axes,
                          double tolerance)
{
    hone_dims y = {0};
    int64_t list[HONE_MAX_RANK], outputs = 1;
    int n = 0;
    p_call p;

    p_begin(&p, op);
    p.attrs.reduce_sum.keepdims = 0;
    for (int k = 0; k < shape->rank; k++)
        if (axes >> k & 1)
            list[n++] = k % 2 ? k - shape->rank : k;
        else
            y.dim[y.rank++] = shape->dim[k];
    t_tensor *x = p_in(&p, dtype, *shape);
    t_fill(x, 3, dtype == HONE_F32 || dtype == HONE_F64 ? 2 : 9);
    for (int64_t i = 0; i < hone_tensor_count(&x->t) && op == HONE_OP_reduce_log_sum; i++)
        hone_element_set_double(dtype, x->t.data, i, fabs(t_get(x, i)) + 0.1);
    if (n)
        p_ints(&p, list, n);
    else
        p.attrs.reduce_sum.noop_with_empty_axes = 1;
    p_out(&p, dtype, y);
    for (int k = 0; k < y.rank; k++)
        outputs *= y.dim[k];
    double *want = reference(op, x, axes, outputs);
    p_run(&p);
    p_check(hone_ops[op].name, &p, 0, want, tolerance);
    free(want);
    p_end(&p);
}

static void test_every_axis(void **state)
{
    (void)state;
    for (int r = 0; r < HONE_COUNT(reductions); r++)
        for (int s = 0; s < HONE_COUNT(shapes); s++)
            for (unsigned axes = 0; axes < 1u << shapes[s].rank; axes++) {
                const bool empty = hone_dims_count_or_zero(&shapes[s]) == 0;
                run_reduction(reductions[r], HONE_F32, &shapes[s], axes, 2e-6);
                if (!empty && s != 4)
                    run_reduction(reductions[r], HONE_F64, &shapes[s], axes, 1e-12);
            }
}

/* Sums and products wrap, means truncate: small numbers, exact answers. */
static void test_integers(void **state)
{
    static const int ops[] = {HONE_OP_reduce_sum, HONE_OP_reduce_max, HONE_OP_reduce_min,
                              HONE_OP_reduce_l1};

    (void)state;
    for (int r = 0; r < HONE_COUNT(ops); r++)
        for (unsigned axes = 1; axes < 8; axes++) {
            run_reduction(ops[r], HONE_I32, &shapes[3], axes, 0);
            run_reduction(ops[r], HONE_I64, &shapes[3], axes, 0);
        }
}

static void test_long_sum_is_exact_enough(void **state)
{
    p_call p;

    (void)state;
    p_begin(&p, HONE_OP_reduce_mean);
    t_tensor *x = p_in(&p, HONE_F32, DIMS(1000003));
    for (int64_t i = 0; i < 1000003; i++)
        ((float *)x->t.data)[i] = 0.1f;
    p_out(&p, HONE_F32, DIMS(1));
    p_run(&p);
    p_check("mean", &p, 0, (const double[]){0.1f}, 1e-9);
    p_end(&p);
}

static void test_arg(void **state)
{
    static const double x[] = {1, 5, 5, -2, NAN, 3, 0, 0, 0};
    static const struct {
        int op, axis, last;
        int64_t want[3];
    } cases[] = {
        {HONE_OP_argmax, 1, 0, {1, 1, 0}}, {HONE_OP_argmax, 1, 1, {2, 1, 2}},
        {HONE_OP_argmax, 0, 0, {0, 1, 0}}, {HONE_OP_argmin, 1, 0, {0, 0, 0}},
        {HONE_OP_argmin, 1, 1, {0, 0, 2}}, {HONE_OP_argmin, -2, 0, {1, 2, 2}},
    };

    (void)state;
    for (int c = 0; c < HONE_COUNT(cases); c++) {
        p_call p;
        p_begin(&p, cases[c].op);
        p.attrs.argmax.axis = cases[c].axis;
        p.attrs.argmax.select_last_index = cases[c].last;
        p_values(&p, HONE_F32, DIMS(3, 3), x);
        p_out(&p, HONE_I64, DIMS(3, 1));
        p_run(&p);
        for (int i = 0; i < 3; i++)
            if (((int64_t *)p.out[0]->data)[i] != cases[c].want[i])
                fail_msg("case %d, line %d: %lld", c, i, (long long)((int64_t *)p.out[0]->data)[i]);
        p_end(&p);
    }
}

static void test_cumulate(void **state)
{
    static const double x[] = {1, 2, 3, 4, 5, 6};
    static const struct {
        int op, axis, exclusive, reverse;
        double want[6];
    } cases[] = {
        {HONE_OP_cumsum, 1, 0, 0, {1, 3, 6, 4, 9, 15}},
        {HONE_OP_cumsum, 1, 1, 0, {0, 1, 3, 0, 4, 9}},
        {HONE_OP_cumsum, 1, 0, 1, {6, 5, 3, 15, 11, 6}},
        {HONE_OP_cumsum, -2, 1, 1, {4, 5, 6, 0, 0, 0}},
        {HONE_OP_cumprod, 1, 0, 0, {1, 2, 6, 4, 20, 120}},
        {HONE_OP_cumprod, 1, 1, 1, {6, 3, 1, 30, 6, 1}},
    };
    static const hone_dtype dtypes[] = {HONE_F32, HONE_F64, HONE_I32, HONE_I64, HONE_F16};

    (void)state;
    for (int c = 0; c < HONE_COUNT(cases); c++)
        for (int d = 0; d < HONE_COUNT(dtypes); d++) {
            const int64_t axis = cases[c].axis;
            p_call p;
            p_begin(&p, cases[c].op);
            p.attrs.cumsum.exclusive = cases[c].exclusive;
            p.attrs.cumsum.reverse = cases[c].reverse;
            p_values(&p, dtypes[d], DIMS(2, 3), x);
            p_ints(&p, &axis, 1)->t.shape = SCALAR_DIMS;
            p_out(&p, dtypes[d], DIMS(2, 3));
            p_run(&p);
            p_check("cumulate", &p, 0, cases[c].want, 0);
            p_end(&p);
        }
}

/* Against a selection sort: larger first, equals by index, along any axis. */
static void test_topk(void **state)
{
    const hone_dims x = DIMS(3, 50, 4);

    (void)state;
    for (int largest = 0; largest < 2; largest++)
        for (int64_t k = 1; k <= 50; k += 7) {
            const hone_dims y = DIMS(3, k, 4);
            p_call p;
            p_begin(&p, HONE_OP_topk);
            p.attrs.topk.axis = 1;
            p.attrs.topk.largest = largest;
            t_tensor *t = p_in(&p, HONE_F32, x);
            t_fill(t, 5, 20);
            for (int64_t i = 0; i < 600; i++) /* many equals */
                ((float *)t->t.data)[i] = rintf(((float *)t->t.data)[i]);
            p_ints(&p, &k, 1);
            p_out(&p, HONE_F32, y);
            p_out(&p, HONE_I64, y);
            p_run(&p);
            for (int64_t l = 0; l < 12; l++) {
                bool used[50] = {false};
                const float *line = (const float *)t->t.data + l / 4 * 200 + l % 4;
                for (int64_t r = 0; r < k; r++) {
                    int64_t best = -1;
                    for (int64_t i = 0; i < 50; i++)
                        if (!used[i] && (best < 0 || (largest ? line[i * 4] > line[best * 4]
                                                              : line[i * 4] < line[best * 4])))
                            best = i;
                    used[best] = true;
                    assert_int_equal(((int64_t *)p.out[1]->data)[(l / 4 * k + r) * 4 + l % 4],
                                     best);
                    assert_true(((float *)p.out[0]->data)[(l / 4 * k + r) * 4 + l % 4] ==
                                line[best * 4]);
                }
            }
            p_end(&p);
        }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_every_axis),
        cmocka_unit_test(test_integers),
        cmocka_unit_test(test_long_sum_is_exact_enough),
        cmocka_unit_test(test_arg),
        cmocka_unit_test(test_cumulate),
        cmocka_unit_test(test_topk),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
