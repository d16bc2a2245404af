/* Operators whose extents depend on data, quantisation, signals and attention: small answers worked
 * out by hand or by the definition. */
#include "plain_test.h"

static hone_tensor *grown(p_call *p, hone_tensor *t, hone_dtype dtype)
{
    *t = (hone_tensor){.dtype = dtype};
    p->out[p->call.n_out++] = t;
    return t;
}

static void check_ints(const hone_tensor *t, const int64_t *want, int64_t n)
{
    assert_int_equal(hone_tensor_count(t), n);
    assert_memory_equal(t->data, want, (size_t)n * sizeof *want);
}

static void test_non_zero_compress(void **state)
{
    static const double x[] = {0, 3, 0, NAN, 0, -1}, keep[] = {0, 1, 1};
    static const int64_t where[] = {0, 1, 1, 1, 0, 2};
    hone_tensor y;
    p_call p;

    (void)state;
    p_begin(&p, HONE_OP_non_zero);
    p_values(&p, HONE_F32, DIMS(2, 3), x);
    grown(&p, &y, HONE_I64);
    p_run(&p);
    check_ints(&y, where, 6);
    free(y.data);
    p_end(&p);
    p_begin(&p, HONE_OP_compress);
    p.attrs.compress.axis = 1;
    p_values(&p, HONE_I32, DIMS(2, 3), (const double[]){1, 2, 3, 4, 5, 6});
    p_values(&p, HONE_BOOL, DIMS(3), keep);
    grown(&p, &y, HONE_I32);
    p_run(&p);
    p_check("compress", &p, 0, (const double[]){2, 3, 5, 6}, 0);
    free(y.data);
    p_end(&p);
}

static void test_room_that_does_not_grow(void **state)
{
    static const hone_cpu_env fixed = {0};
    p_call p;

    (void)state;
    p_begin(&p, HONE_OP_non_zero);
    p.call.env = &fixed;
    p_values(&p, HONE_F32, DIMS(3), (const double[]){1, 1, 1});
    p_out(&p, HONE_I64, DIMS(1, 2));
    p_fails(&p, HONE_ERR_LIMIT);
}

static void test_unique(void **state)
{
    static const double x[] = {2, 1, 1, 3, 4, 3};
    static const struct {
        int sorted;
        double y[4];
        int64_t first[4], inverse[6], counts[4];
    } cases[] = {
        {1, {1, 2, 3, 4}, {1, 0, 3, 4}, {1, 0, 0, 2, 3, 2}, {2, 1, 2, 1}},
        {0, {2, 1, 3, 4}, {0, 1, 3, 4}, {0, 1, 1, 2, 3, 2}, {1, 2, 2, 1}},
    };

    (void)state;
    for (int c = 0; c < HONE_COUNT(cases); c++) {
        hone_tensor out[4];
        p_call p;
        p_begin(&p, HONE_OP_unique);
        p.attrs.unique.sorted = cases[c].sorted;
        p_values(&p, HONE_F32, DIMS(6), x);
        for (int k = 0; k < 4; k++)
            grown(&p, &out[k], k ? HONE_I64 : HONE_F32);
        p_run(&p);
        p_check("unique", &p, 0, cases[c].y, 0);
        check_ints(&out[1], cases[c].first, 4);
        check_ints(&out[2], cases[c].inverse, 6);
        check_ints(&out[3], cases[c].counts, 4);
        for (int k = 0; k < 4; k++)
            free(out[k].data);
        p_end(&p);
    }
}

static void test_nms(void **state)
{
    static const double boxes[] = {0, 0,  1, 1,  0, 0.1,  1, 1.1,  0, -0.1, 1, 0.9,
                                   0, 10, 1, 11, 0, 10.1, 1, 11.1, 0, 100,  1, 101};
    static const double scores[] = {0.9, 0.75, 0.6, 0.95, 0.5, 0.3};
    static const int64_t want[] = {0, 0, 3, 0, 0, 0, 0, 0, 5}, most = 3;
    hone_tensor y;
    p_call p;

    (void)state;
    p_begin(&p, HONE_OP_non_max_suppression);
    p_values(&p, HONE_F32, DIMS(1, 6, 4), boxes);
    p_values(&p, HONE_F32, DIMS(1, 1, 6), scores);
    p_ints(&p, &most, 1);
    p_values(&p, HONE_F32, DIMS(1), (const double[]){0.5});
    p_values(&p, HONE_F32, DIMS(1), (const double[]){0});
    grown(&p, &y, HONE_I64);
    p_run(&p);
    check_ints(&y, want, 9);
    free(y.data);
    p_end(&p);
}

/* ---- quantisation
 * ----------------------------------------------------------------------------------------------------
 */

static void test_quantize(void **state)
{
    static const double x[] = {0, 2, 3, 1000, -254, -1000}, y[] = {128, 129, 130, 255, 1, 0};
    static const double axis_scale[] = {1, 2}, axis_y[] = {0, 2, 3, 127, -127, -128};
    static const double block_scale[] = {1, 10, 2, 100};
    p_call p;

    (void)state;
    p_begin(&p, HONE_OP_quantize_linear);
    p_values(&p, HONE_F32, DIMS(6), x);
    p_values(&p, HONE_F32, SCALAR_DIMS, (const double[]){2});
    p_values(&p, HONE_U8, SCALAR_DIMS, (const double[]){128});
    p_out(&p, HONE_U8, DIMS(6));
    p_run(&p);
    p_check("tensor", &p, 0, y, 0);
    p_end(&p);
    p_begin(&p, HONE_OP_quantize_linear);
    p.attrs.quantize_linear.axis = 0;
    p_values(&p, HONE_F32, DIMS(2, 3), x);
    p_values(&p, HONE_F32, DIMS(2), axis_scale);
    p_out(&p, HONE_I8, DIMS(2, 3));
    p_run(&p);
    p_check("axis", &p, 0, (const double[]){axis_y[0], axis_y[1], axis_y[2], 127, -127, -128}, 0);
    p_end(&p);
    p_begin(&p, HONE_OP_dequantize_linear);
    p.attrs.dequantize_linear.axis = 1;
    p.attrs.dequantize_linear.block_size = 2;
    p_values(&p, HONE_I8, DIMS(2, 4), (const double[]){1, 2, 3, 4, 5, 6, 7, 8});
    p_values(&p, HONE_F32, DIMS(2, 2), block_scale);
    p_out(&p, HONE_F32, DIMS(2, 4));
    p_run(&p);
    p_check("block", &p, 0, (const double[]){1, 2, 30, 40, 10, 12, 700, 800}, 0);
    p_end(&p);
    p_begin(&p, HONE_OP_quantize_linear);
    p_values(&p, HONE_F32, DIMS(1, 6), x);
    p_values(&p, HONE_F32, DIMS(5), (const double[]){1, 1, 1, 1, 1});
    p_out(&p, HONE_U8, DIMS(1, 6));
    p_fails(&p, HONE_ERR_DEVICE);
}

/* ---- signals
 * ---------------------------------------------------------------------------------------------------------
 */

/* Every length has its own factors: powers of two, primes, products. */
static void test_dft(void **state)
{
    static const int64_t lengths[] = {1, 2, 3, 8, 12, 13, 30, 49, 64, 100};

    (void)state;
    for (int c = 0; c < 2 * HONE_COUNT(lengths); c++) {
        const int64_t n = lengths[c / 2];
        double *want = malloc((size_t)n * 4 * sizeof *want);
        p_call p;
        p_begin(&p, HONE_OP_dft);
        p.attrs.dft.inverse = c % 2;
        t_tensor *x = p_in(&p, HONE_F32, DIMS(2, n, 2));
        t_fill(x, 6, 1);
        p_out(&p, HONE_F32, DIMS(2, n, 2));
        for (int64_t l = 0; l < 2; l++)
            for (int64_t k = 0; k < n; k++) {
                double re = 0, im = 0;
                for (int64_t t = 0; t < n; t++) {
                    const double w =
                        (c % 2 ? 1 : -1) * 2 * 3.14159265358979324 * (double)(k * t) / (double)n;
                    const double a = t_get(x, (l * n + t) * 2), b = t_get(x, (l * n + t) * 2 + 1);
                    re += a * cos(w) - b * sin(w);
                    im += a * sin(w) + b * cos(w);
                }
                want[(l * n + k) * 2] = c % 2 ? re / (double)n : re;
                want[(l * n + k) * 2 + 1] = c % 2 ? im / (double)n : im;
            }
        p_run(&p);
        p_check("dft", &p, 0, want, 2e-6);
        free(want);
        p_end(&p);
    }
}

/* ---- attention
 * -------------------------------------------------------------------------------------------------------
 */

/* Two query heads share a key head; causal after a past of two tokens. */
static void test_attention(void **state)
{
    enum {
        HQ = 4,
        HKV = 2,
        S = 3,
        P = 2,
        T = S + P,
        D = 10
    };
    double want[HQ * S * D];
    p_call p;

    (void)state;
    p_begin(&p, HONE_OP_attention);
    p.attrs.attention.is_causal = 1;
    t_tensor *q = p_in(&p, HONE_F32, DIMS(1, HQ, S, D)),
             *k = p_in(&p, HONE_F32, DIMS(1, HKV, S, D));
    t_tensor *v = p_in(&p, HONE_F32, DIMS(1, HKV, S, D));
    p_absent(&p);
    t_tensor *pk = p_in(&p, HONE_F32, DIMS(1, HKV, P, D)),
             *pv = p_in(&p, HONE_F32, DIMS(1, HKV, P, D));
    for (int i = 0; i < p.n_own; i++)
        t_fill(&p.own[i], (uint64_t)i + 1, 1);
    p_out(&p, HONE_F32, DIMS(1, HQ, S, D));
    p_out(&p, HONE_F32, DIMS(1, HKV, T, D));
    for (int h = 0; h < HQ; h++)
        for (int i = 0; i < S; i++) {
            double score[T], sum = 0;
            for (int t = 0; t < T; t++) {
                double dot = 0;
                for (int d = 0; d < D; d++)
                    dot += t_get(q, (h * S + i) * D + d) *
                           (t < P ? t_get(pk, (h / 2 * P + t) * D + d)
                                  : t_get(k, (h / 2 * S + t - P) * D + d));
                score[t] = t <= i + P ? exp(dot / sqrt(D)) : 0;
                sum += score[t];
            }
            for (int d = 0; d < D; d++) {
                double y = 0;
                for (int t = 0; t < T; t++)
                    y += score[t] / sum *
                         (t < P ? t_get(pv, (h / 2 * P + t) * D + d)
                                : t_get(v, (h / 2 * S + t - P) * D + d));
                want[(h * S + i) * D + d] = y;
            }
        }
    p_run(&p);
    p_check("attention", &p, 0, want, 2e-6);
    for (int h = 0; h < HKV; h++) {
        const float *present = (const float *)p.out[1]->data + h * T * D;
        assert_memory_equal(present, (const float *)pk->t.data + h * P * D, P * D * sizeof(float));
        assert_memory_equal(present + P * D, (const float *)k->t.data + h * S * D,
                            S * D * sizeof(float));
    }
    p_end(&p);
}

/* Random numbers are the counter's: the same for a seed, spread over the range, another for another
 * seed. */
static void test_random(void **state)
{
    double mean[2];

    (void)state;
    for (int c = 0; c < 2; c++) {
        p_call p;
        p_begin(&p, HONE_OP_random_uniform);
        p.attrs.random_uniform.seed = 1.0f + (float)c;
        p_out(&p, HONE_F32, DIMS(20000));
        p_run(&p);
        mean[c] = 0;
        for (int i = 0; i < 20000; i++) {
            const float x = ((float *)p.out[0]->data)[i];
            assert_true(x >= 0 && x <= 1);
            mean[c] += x / 20000;
        }
        assert_true(fabs(mean[c] - 0.5) < 0.01);
        p_end(&p);
    }
    assert_true(mean[0] != mean[1]);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_non_zero_compress),
        cmocka_unit_test(test_room_that_does_not_grow),
        cmocka_unit_test(test_unique),
        cmocka_unit_test(test_nms),
        cmocka_unit_test(test_quantize),
        cmocka_unit_test(test_dft),
        cmocka_unit_test(test_attention),
        cmocka_unit_test(test_random),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
