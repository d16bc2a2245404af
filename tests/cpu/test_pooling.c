/* Pooling against its definition in double precision: both layouts, padding of both kinds,
 * dilation, windows larger than the picture, indices, p-norms, whole pictures; NaN wins a maximum.
 */
#include "kernel_test.h"

typedef struct pool_case {
    const char *name;
    int op;
    int64_t batch, channels, in[2], kernel[2], stride[2], dilation[2], pad[4];
    bool count_pad;
    int64_t p;
} pool_case;

#define ONES                                                                                       \
    {                                                                                              \
        1, 1                                                                                       \
    }
static const pool_case cases[] = {
    {"max_2x2", HONE_OP_max_pool, 1, 16, {8, 8}, {2, 2}, {2, 2}, ONES, {0}, 0, 0},
    {"max_3x3", HONE_OP_max_pool, 2, 21, {9, 11}, {3, 3}, {2, 2}, ONES, {1, 1, 1, 1}, 0, 0},
    {"max_13x13", HONE_OP_max_pool, 1, 70, {13, 13}, {13, 13}, ONES, ONES, {6, 6, 6, 6}, 0, 0},
    {"max_dilated", HONE_OP_max_pool, 1, 5, {12, 12}, {3, 2}, ONES, {2, 3}, {2, 0, 1, 2}, 0, 0},
    {"max_wide", HONE_OP_max_pool, 1, 900, {4, 40}, {3, 3}, ONES, ONES, {1, 1, 1, 1}, 0, 0},
    {"average_2x2", HONE_OP_average_pool, 1, 16, {8, 8}, {2, 2}, {2, 2}, ONES, {0}, 0, 0},
    {"average_padded", HONE_OP_average_pool, 2, 19, {7, 9}, {3, 3}, ONES, ONES, {1, 1, 1, 1}, 0, 0},
    {"average_counted",
     HONE_OP_average_pool,
     2,
     19,
     {7, 9},
     {3, 3},
     {2, 2},
     ONES,
     {1, 1, 1, 1},
     1,
     0},
    {"average_whole", HONE_OP_average_pool, 1, 33, {7, 7}, {7, 7}, ONES, ONES, {0}, 0, 0},
    {"lp", HONE_OP_lp_pool, 1, 9, {7, 8}, {3, 2}, {2, 1}, ONES, {1, 0, 1, 1}, 0, 2},
    {"lp_3", HONE_OP_lp_pool, 1, 9, {7, 8}, {3, 2}, {2, 1}, ONES, {0}, 0, 3},
    {"no_pictures", HONE_OP_max_pool, 0, 9, {7, 8}, {3, 2}, {2, 1}, ONES, {0}, 0, 0},
};

static int64_t at(int64_t n, int64_t c, int64_t pixel, int64_t channels, int64_t pixels, bool last)
{
    return last ? (n * pixels + pixel) * channels + c : (n * channels + c) * pixels + pixel;
}

static double window(const pool_case *c, const t_tensor *x, bool last, int64_t n, int64_t ch,
                     int64_t oh, int64_t ow, int64_t *best)
{
    double sum = c->op == HONE_OP_max_pool ? -INFINITY : 0;
    int64_t inside = 0, counted = 0;

    *best = -1;
    for (int64_t t = 0; t < c->kernel[0] * c->kernel[1]; t++) {
        const int64_t h = oh * c->stride[0] - c->pad[0] + t / c->kernel[1] * c->dilation[0];
        const int64_t w = ow * c->stride[1] - c->pad[1] + t % c->kernel[1] * c->dilation[1];
        counted += h < c->in[0] + c->pad[2] && w < c->in[1] + c->pad[3];
        if (h < 0 || w < 0 || h >= c->in[0] || w >= c->in[1])
            continue;
        const double v =
            t_get(x, at(n, ch, h * c->in[1] + w, c->channels, c->in[0] * c->in[1], last));
        inside++;
        if (c->op == HONE_OP_average_pool)
            sum += v;
        else if (c->op == HONE_OP_lp_pool)
            sum += pow(fabs(v), (double)c->p);
        else if (!isnan(sum) && (v > sum || isnan(v) || *best < 0)) {
            sum = v;
            *best = (n * c->channels + ch) * c->in[0] * c->in[1] + h * c->in[1] + w;
        }
    }
    if (c->op == HONE_OP_average_pool)
        return sum / (double)(c->count_pad ? counted : inside);
    return c->op == HONE_OP_lp_pool ? pow(sum, 1.0 / (double)c->p) : sum;
}

static void set_attrs(const pool_case *c, bool last, hone_attrs *a)
{
    const hone_ints kernel = {2, c->kernel}, strides = {2, c->stride}, dilations = {2, c->dilation},
                    pads = {4, c->pad};

    if (c->op == HONE_OP_max_pool)
        a->max_pool = (hone_attrs_max_pool){.kernel_shape = kernel,
                                            .strides = strides,
                                            .dilations = dilations,
                                            .pads = pads,
                                            .layout = last};
    else if (c->op == HONE_OP_lp_pool)
        a->lp_pool = (hone_attrs_lp_pool){.kernel_shape = kernel,
                                          .strides = strides,
                                          .dilations = dilations,
                                          .pads = pads,
                                          .p = c->p,
                                          .layout = last};
    else
        a->average_pool = (hone_attrs_average_pool){.kernel_shape = kernel,
                                                    .strides = strides,
                                                    .dilations = dilations,
                                                    .pads = pads,
                                                    .count_include_pad = c->count_pad,
                                                    .layout = last};
}

static void run_case(const pool_case *c, bool last, bool with_indices)
{
    int64_t out[2], best;
    for (int d = 0; d < 2; d++)
        out[d] = (c->in[d] + c->pad[d] + c->pad[2 + d] - c->dilation[d] * (c->kernel[d] - 1) - 1) /
                     c->stride[d] +
                 1;
    const hone_dims yd = last ? DIMS(c->batch, out[0], out[1], c->channels)
                              : DIMS(c->batch, c->channels, out[0], out[1]);
    t_tensor x = t_make(HONE_F32, last ? DIMS(c->batch, c->in[0], c->in[1], c->channels)
                                       : DIMS(c->batch, c->channels, c->in[0], c->in[1]));
    t_tensor y = t_make(HONE_F32, yd), indices = t_make(HONE_I64, yd);
    hone_tensor *in[] = {&x.t}, *outs[] = {&y.t, with_indices ? &indices.t : NULL};
    hone_attrs attrs = {0};
    hone_cpu_call call = {
        .op = c->op, .attrs = &attrs, .n_in = 1, .n_out = 2, .in = in, .out = outs};
    const int64_t count = hone_tensor_count(&y.t);
    double *want = calloc((size_t)count + 1, sizeof *want);
    int64_t *want_index = calloc((size_t)count + 1, sizeof *want_index);

    t_fill(&x, 1, 1);
    if (c->op == HONE_OP_max_pool && c->batch)
        ((float *)x.t.data)[3] = NAN;
    set_attrs(c, last, &attrs);
    for (int64_t n = 0; n < c->batch; n++)
        for (int64_t ch = 0; ch < c->channels; ch++)
            for (int64_t p = 0; p < out[0] * out[1]; p++) {
                const int64_t to = at(n, ch, p, c->channels, out[0] * out[1], last);
                want[to] = window(c, &x, last, n, ch, p / out[1], p % out[1], &best);
                want_index[to] = best;
            }
    t_run_everywhere(c->name, &call, &y, want, 1e-5);
    for (int64_t i = 0; with_indices && i < count; i++)
        if (!isnan(want[i]))
            assert_int_equal(((int64_t *)indices.t.data)[i], want_index[i]);
    t_check_guards(&indices);
    free(want), free(want_index);
    t_free(&x), t_free(&y), t_free(&indices);
}

static void test_pool_cases(void **state)
{
    (void)state;
    for (int i = 0; i < HONE_COUNT(cases); i++) {
        run_case(&cases[i], true, false);
        run_case(&cases[i], false, false);
    }
}

static void test_max_pool_indices(void **state)
{
    (void)state;
    for (int i = 0; cases[i].op == HONE_OP_max_pool; i++)
        run_case(&cases[i], false, true);
}

static void test_global_pools(void **state)
{
    static const int ops[] = {HONE_OP_global_average_pool, HONE_OP_global_max_pool,
                              HONE_OP_global_lp_pool};
    const int64_t channels = 75, pixels = 35;

    (void)state;
    for (int k = 0; k < 6; k++) {
        const bool last = k % 2;
        const int op = ops[k / 2];
        t_tensor x = t_make(HONE_F32, last ? DIMS(2, 5, 7, channels) : DIMS(2, channels, 5, 7));
        t_tensor y = t_make(HONE_F32, last ? DIMS(2, 1, 1, channels) : DIMS(2, channels, 1, 1));
        hone_tensor *in[] = {&x.t}, *out[] = {&y.t};
        hone_attrs attrs = {0};
        hone_cpu_call call = {
            .op = op, .attrs = &attrs, .n_in = 1, .n_out = 1, .in = in, .out = out};
        double want[2 * 75];
        if (op == HONE_OP_global_lp_pool)
            attrs.global_lp_pool = (hone_attrs_global_lp_pool){.p = 2, .layout = last};
        else
            attrs.global_max_pool.layout = attrs.global_average_pool.layout = last;
        t_fill(&x, 1, 1);
        for (int64_t i = 0; i < 2 * channels; i++) {
            double sum = op == HONE_OP_global_max_pool ? -INFINITY : 0;
            for (int64_t p = 0; p < pixels; p++) {
                const double v =
                    t_get(&x, at(i / channels, i % channels, p, channels, pixels, last));
                sum = op == HONE_OP_global_max_pool
                          ? fmax(sum, v)
                          : sum + (op == HONE_OP_global_lp_pool ? v * v : v);
            }
            want[i] = op == HONE_OP_global_average_pool ? sum / (double)pixels
                      : op == HONE_OP_global_lp_pool    ? sqrt(sum)
                                                        : sum;
        }
        t_run_everywhere(hone_ops[op].name, &call, &y, want, 1e-5);
        t_free(&x), t_free(&y);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_pool_cases),
        cmocka_unit_test(test_max_pool_indices),
        cmocka_unit_test(test_global_pools),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
