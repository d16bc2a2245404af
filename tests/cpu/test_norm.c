/* Normalisations against their definitions in double precision, in every layout that the kernels
 * treat apart. */
#include "plain_test.h"

/* Mean and variance of the elements of x whose group is g. */
static void moments(const t_tensor *x, const int64_t *group, int64_t g, double *mean,
                    double *variance)
{
    double sum = 0, square = 0, n = 0;

    for (int64_t i = 0; i < hone_tensor_count(&x->t); i++)
        if (group[i] == g) {
            sum += t_get(x, i);
            n++;
        }
    *mean = sum / n;
    for (int64_t i = 0; i < hone_tensor_count(&x->t); i++)
        if (group[i] == g)
            square += (t_get(x, i) - *mean) * (t_get(x, i) - *mean);
    *variance = square / n;
}

/* Instance and group: groups of channels of a batch entry, scale and bias to a channel. */
static void test_groups(void **state)
{
    static const int64_t counts[] = {6, 3, 1};
    static const hone_dtype dtypes[] = {HONE_F32, HONE_F64, HONE_F16};
    enum {
        N = 2,
        C = 6,
        P = 35
    };

    (void)state;
    for (int c = 0; c < HONE_COUNT(counts); c++)
        for (int d = 0; d < HONE_COUNT(dtypes); d++) {
            int64_t group[N * C * P];
            double want[N * C * P], mean, variance;
            p_call p;
            p_begin(&p, c ? HONE_OP_group_normalization : HONE_OP_instance_normalization);
            if (c) {
                p.attrs.group_normalization.num_groups = counts[c];
                p.attrs.group_normalization.epsilon = 1e-3f;
            } else {
                p.attrs.instance_normalization.epsilon = 1e-3f;
            }
            t_tensor *x = p_in(&p, dtypes[d], DIMS(N, C, 5, 7)), *s = p_in(&p, dtypes[d], DIMS(C));
            t_tensor *b = p_in(&p, dtypes[d], DIMS(C));
            t_fill(x, 1, 3);
            t_fill(s, 2, 1);
            t_fill(b, 3, 1);
            p_out(&p, dtypes[d], x->t.shape);
            for (int64_t i = 0; i < N * C * P; i++)
                group[i] = i / (C / counts[c] * P);
            for (int64_t i = 0; i < N * C * P; i++) {
                moments(x, group, group[i], &mean, &variance);
                want[i] = (t_get(x, i) - mean) / sqrt(variance + 1e-3f) * t_get(s, i / P % C) +
                          t_get(b, i / P % C);
            }
            p_run(&p);
            p_check("groups", &p, 0, want, dtypes[d] == HONE_F16 ? 4e-3 : 3e-6);
            p_end(&p);
        }
}

static void test_batch(void **state)
{
    enum {
        N = 3,
        C = 4,
        P = 9
    };

    (void)state;
    for (int training = 0; training < 2; training++) {
        int64_t group[N * C * P];
        double want[N * C * P], running[2][C];
        p_call p;
        p_begin(&p, HONE_OP_batch_normalization);
        p.attrs.batch_normalization.training_mode = training;
        t_tensor *x = p_in(&p, HONE_F32, DIMS(N, C, P)), *v[4];
        t_fill(x, 1, 2);
        for (int k = 0; k < 4; k++) {
            v[k] = p_in(&p, HONE_F32, DIMS(C));
            t_fill(v[k], (uint64_t)k + 2, 1);
            for (int c = 0; c < C && k == 3; c++)
                ((float *)v[k]->t.data)[c] = fabsf(((float *)v[k]->t.data)[c]) + 0.5f;
        }
        p_out(&p, HONE_F32, x->t.shape);
        if (training)
            for (int k = 0; k < 2; k++)
                p_out(&p, HONE_F32, DIMS(C));
        for (int64_t i = 0; i < N * C * P; i++)
            group[i] = i / P % C;
        for (int64_t i = 0; i < N * C * P; i++) {
            const int64_t c = group[i];
            double mean = t_get(v[2], c), variance = t_get(v[3], c);
            if (training) {
                moments(x, group, c, &mean, &variance);
                running[0][c] = 0.9f * t_get(v[2], c) + (1 - 0.9f) * mean;
                running[1][c] = 0.9f * t_get(v[3], c) + (1 - 0.9f) * variance;
            }
            want[i] =
                (t_get(x, i) - mean) / sqrt(variance + 1e-5f) * t_get(v[0], c) + t_get(v[1], c);
        }
        p_run(&p);
        p_check("batch", &p, 0, want, 3e-6);
        for (int k = 0; k < 2 && training; k++)
            p_check("running", &p, k + 1, running[k], 1e-6);
        p_end(&p);
    }
}

/* Windows of even and odd sizes, wider than the channels too, channels first and last. */
static void test_lrn(void **state)
{
    static const int64_t sizes[] = {1, 2, 5, 40};
    enum {
        C = 13,
        P = 150
    };

    (void)state;
    for (int c = 0; c < 4 * HONE_COUNT(sizes); c++) {
        const bool last = c & 1;
        const int64_t size = sizes[c / 4], before = (size - 1) / 2;
        const float beta = c & 2 ? 0.75f : 0.6f;
        double want[C * P];
        p_call p;
        p_begin(&p, HONE_OP_lrn);
        p.attrs.lrn = (hone_attrs_lrn){
            .alpha = 0.5f, .beta = beta, .bias = 1.5f, .size = size, .layout = last};
        t_tensor *x = p_in(&p, HONE_F32, last ? DIMS(1, 10, 15, C) : DIMS(1, C, 10, 15));
        t_fill(x, 7, 3);
        p_out(&p, HONE_F32, x->t.shape);
        for (int64_t i = 0; i < C * P; i++) {
            const int64_t at = last ? i % C : i / P, step = last ? 1 : P;
            double square = 0;
            for (int64_t k = at - before; k <= at - before + size - 1; k++)
                if (k >= 0 && k < C)
                    square += pow(t_get(x, i + (k - at) * step), 2);
            want[i] = t_get(x, i) / pow(1.5 + 0.5 / (double)size * square, (double)beta);
        }
        p_run(&p);
        p_check("lrn", &p, 0, want, 2e-6);
        p_end(&p);
    }
}

static void test_rows(void **state)
{
    enum {
        R = 6,
        N = 19
    };

    (void)state;
    for (int op = 0; op < 4; op++) {
        static const int ops[] = {HONE_OP_log_softmax, HONE_OP_lp_normalization,
                                  HONE_OP_rms_normalization, HONE_OP_mean_variance_normalization};
        static const int64_t axes[] = {1};
        double want[R * N];
        p_call p;
        p_begin(&p, ops[op]);
        t_tensor *x = p_in(&p, HONE_F32, DIMS(R, N)),
                 *scale = op == 2 ? p_in(&p, HONE_F32, DIMS(N)) : NULL;
        t_fill(x, 4, 2);
        if (scale)
            t_fill(scale, 5, 1);
        if (op == 3)
            p.attrs.mean_variance_normalization.axes = (hone_ints){1, axes};
        p_out(&p, HONE_F32, x->t.shape);
        for (int64_t r = 0; r < R; r++) {
            double sum = 0, exps = 0, square = 0, variance = 0;
            for (int64_t i = 0; i < N; i++) {
                sum += t_get(x, r * N + i);
                exps += exp(t_get(x, r * N + i));
                square += pow(t_get(x, r * N + i), 2);
            }
            for (int64_t i = 0; i < N; i++)
                variance += pow(t_get(x, r * N + i) - sum / N, 2) / N;
            for (int64_t i = 0; i < N; i++) {
                const double v = t_get(x, r * N + i);
                want[r * N + i] = op == 0   ? v - log(exps)
                                  : op == 1 ? v / sqrt(square)
                                  : op == 2 ? v / sqrt(square / N + 1e-5f) * t_get(scale, i)
                                            : (v - sum / N) / (sqrt(variance) + 1e-9);
            }
        }
        p_run(&p);
        p_check(hone_ops[ops[op]].name, &p, 0, want, 2e-6);
        p_end(&p);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_groups),
        cmocka_unit_test(test_batch),
        cmocka_unit_test(test_lrn),
        cmocka_unit_test(test_rows),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
