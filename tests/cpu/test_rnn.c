/* Recurrent layers against ONNX's equations in double precision: each cell, both directions, both
 * layouts, sequences of different lengths, initial states, peepholes, clipping, other activations.
 */
#include "kernel_test.h"

typedef struct rnn_case {
    const char *name;
    int op;
    int64_t steps, batch, inputs, hidden, direction;
    bool layout, bias, lengths, initial, peephole, linear_before_reset, input_forget;
    float clip;
    const char *activations[6];
} rnn_case;

static const rnn_case cases[] = {
    {"rnn", HONE_OP_rnn, 5, 2, 3, 7, 0, .bias = true, .initial = true},
    {"rnn_relu", HONE_OP_rnn, 5, 2, 3, 16, 1, .bias = true, .activations = {"Relu"}},
    {"rnn_both", HONE_OP_rnn, 4, 3, 3, 5, 2, .lengths = true, .activations = {"tanh", "LeakyRelu"}},
    {"gru", HONE_OP_gru, 5, 1, 6, 9, 0, .bias = true, .initial = true},
    {"gru_linear", HONE_OP_gru, 20, 2, 6, 16, 2, .bias = true, .initial = true,
     .linear_before_reset = true},
    {"gru_lengths", HONE_OP_gru, 6, 5, 6, 16, 2, .bias = true, .lengths = true},
    {"gru_layout", HONE_OP_gru, 3, 4, 6, 10, 1, .layout = true, .bias = true, .initial = true,
     .clip = 0.5f},
    {"lstm", HONE_OP_lstm, 1, 1, 12, 32, 0, .bias = true, .initial = true},
    {"lstm_long", HONE_OP_lstm, 30, 1, 5, 20, 2, .bias = true},
    {"lstm_lengths", HONE_OP_lstm, 7, 6, 5, 9, 2, .bias = true, .lengths = true, .initial = true},
    {"lstm_layout", HONE_OP_lstm, 7, 3, 5, 9, 0, .layout = true, .bias = true, .initial = true},
    {"lstm_peephole", HONE_OP_lstm, 5, 2, 5, 9, 1, .bias = true, .peephole = true, .clip = 0.4f},
    {"lstm_coupled", HONE_OP_lstm, 5, 2, 5, 9, 0, .input_forget = true,
     .activations = {"HardSigmoid", "Softsign", "Elu"}},
};

static double act(const char *name, double x)
{
    if (!strcmp(name, "Sigmoid"))
        return 1 / (1 + exp(-x));
    if (!strcmp(name, "Relu"))
        return x > 0 ? x : 0;
    if (!strcmp(name, "LeakyRelu"))
        return x > 0 ? x : (double)0.01f * x;
    if (!strcmp(name, "HardSigmoid"))
        return fmax(0, fmin(1, (double)0.2f * x + 0.5));
    if (!strcmp(name, "Softsign"))
        return x / (1 + fabs(x));
    if (!strcmp(name, "Elu"))
        return x > 0 ? x : expm1(x);
    return tanh(x);
}

typedef struct layer {
    const rnn_case *c;
    int gates;
    int64_t directions;
    t_tensor x, w, r, b, lengths, h0, c0, p, y, y_h, y_c;
    double *y_want, *h_want, *c_want;
} layer;

static const char *name_of(const layer *l, int64_t d, int i)
{
    static const char *const defaults[3][3] = {
        {"Tanh", "", ""}, {"Sigmoid", "Tanh", ""}, {"Sigmoid", "Tanh", "Tanh"}};
    const int per = l->gates == 1 ? 1 : l->gates == 3 ? 2 : 3;
    const char *given = l->c->activations[d * per + i];
    return given ? given : defaults[per - 1][i];
}

static double clipped(const layer *l, double x)
{
    return l->c->clip > 0 ? fmax(-(double)l->c->clip, fmin((double)l->c->clip, x)) : x;
}

static double dot(const t_tensor *m, int64_t row, int64_t n, const double *v)
{
    double sum = 0;
    for (int64_t k = 0; k < n; k++)
        sum += t_get(m, row * n + k) * v[k];
    return sum;
}

static double bias_of(const layer *l, int64_t d, int64_t row)
{
    return l->c->bias ? t_get(&l->b, d * 2 * l->gates * l->c->hidden + row) : 0;
}

static void cell_step(const layer *l, int64_t d, const double *x, double *h, double *s)
{
    const rnn_case *c = l->c;
    const int64_t n = c->hidden, all = l->gates * n;
    double g[4][64], in[4][64], next[64];

    for (int64_t i = 0; i < all; i++) {
        in[i / n][i % n] = dot(&l->w, d * all + i, c->inputs, x) + bias_of(l, d, i);
        g[i / n][i % n] = dot(&l->r, d * all + i, n, h) + bias_of(l, d, all + i);
    }
    for (int64_t i = 0; i < n; i++) {
        if (l->gates == 1) {
            next[i] = act(name_of(l, d, 0), clipped(l, in[0][i] + g[0][i]));
        } else if (l->gates == 3) {
            g[0][i] = act(name_of(l, d, 0), clipped(l, in[0][i] + g[0][i]));
            g[1][i] = act(name_of(l, d, 0), clipped(l, in[1][i] + g[1][i]));
        } else {
            const double pi = c->peephole ? t_get(&l->p, d * 3 * n + i) : 0;
            const double po = c->peephole ? t_get(&l->p, d * 3 * n + n + i) : 0;
            const double pf = c->peephole ? t_get(&l->p, d * 3 * n + 2 * n + i) : 0;
            const double it = act(name_of(l, d, 0), clipped(l, in[0][i] + g[0][i] + pi * s[i]));
            const double ft =
                c->input_forget ? 1 - it
                                : act(name_of(l, d, 0), clipped(l, in[2][i] + g[2][i] + pf * s[i]));
            s[i] = ft * s[i] + it * act(name_of(l, d, 1), clipped(l, in[3][i] + g[3][i]));
            next[i] = act(name_of(l, d, 0), clipped(l, in[1][i] + g[1][i] + po * s[i])) *
                      act(name_of(l, d, 2), s[i]);
        }
    }
    for (int64_t i = 0; l->gates == 3 && i < n; i++) {
        double rh[64], inner;
        for (int64_t k = 0; k < n; k++)
            rh[k] = g[1][k] * h[k];
        inner = c->linear_before_reset
                    ? g[1][i] * g[2][i]
                    : dot(&l->r, d * all + 2 * n + i, n, rh) + bias_of(l, d, all + 2 * n + i);
        next[i] =
            (1 - g[0][i]) * act(name_of(l, d, 1), clipped(l, in[2][i] + inner)) + g[0][i] * h[i];
    }
    memcpy(h, next, (size_t)n * sizeof *h);
}

static void reference(const layer *l)
{
    const rnn_case *c = l->c;
    const int64_t n = c->hidden, dirs = l->directions;

    for (int64_t d = 0; d < dirs; d++) {
        for (int64_t b = 0; b < c->batch; b++) {
            const int64_t length = c->lengths ? ((int32_t *)l->lengths.t.data)[b] : c->steps;
            const int64_t at = (c->layout ? b * dirs + d : d * c->batch + b) * n;
            double h[64] = {0}, s[64] = {0}, x[64];
            for (int64_t i = 0; c->initial && i < n; i++) {
                h[i] = t_get(&l->h0, at + i);
                s[i] = l->gates == 4 ? t_get(&l->c0, at + i) : 0;
            }
            for (int64_t step = 0; step < length; step++) {
                const int64_t t = c->direction == 1 || d == 1 ? length - 1 - step : step;
                const int64_t row = c->layout ? b * c->steps + t : t * c->batch + b;
                const int64_t out = c->layout ? row * dirs + d : (t * dirs + d) * c->batch + b;
                for (int64_t i = 0; i < c->inputs; i++)
                    x[i] = t_get(&l->x, row * c->inputs + i);
                cell_step(l, d, x, h, s);
                memcpy(l->y_want + out * n, h, (size_t)n * sizeof *h);
            }
            memcpy(l->h_want + at, h, (size_t)n * sizeof *h);
            memcpy(l->c_want + at, s, (size_t)n * sizeof *s);
        }
    }
}

static void set_attrs(const rnn_case *c, hone_attrs *a)
{
    int n = 0;
    while (n < 6 && c->activations[n])
        n++;
    const hone_texts names = {n, c->activations};
    if (c->op == HONE_OP_lstm)
        a->lstm = (hone_attrs_lstm){.direction = c->direction,
                                    .layout = c->layout,
                                    .clip = c->clip,
                                    .activations = names,
                                    .input_forget = c->input_forget};
    else if (c->op == HONE_OP_gru)
        a->gru = (hone_attrs_gru){.direction = c->direction,
                                  .layout = c->layout,
                                  .clip = c->clip,
                                  .activations = names,
                                  .linear_before_reset = c->linear_before_reset};
    else
        a->rnn = (hone_attrs_rnn){
            .direction = c->direction, .layout = c->layout, .clip = c->clip, .activations = names};
}

static void run_case(const rnn_case *c)
{
    layer l = {.c = c,
               .gates = c->op == HONE_OP_lstm  ? 4
                        : c->op == HONE_OP_gru ? 3
                                               : 1,
               .directions = c->direction == 2 ? 2 : 1};
    const int64_t n = c->hidden, d = l.directions, all = l.gates * n;
    const hone_dims state = c->layout ? DIMS(c->batch, d, n) : DIMS(d, c->batch, n);
    hone_attrs attrs = {0};

    l.x = t_make(HONE_F32, c->layout ? DIMS(c->batch, c->steps, c->inputs)
                                     : DIMS(c->steps, c->batch, c->inputs));
    l.w = t_make(HONE_F32, DIMS(d, all, c->inputs)), l.r = t_make(HONE_F32, DIMS(d, all, n));
    l.b = t_make(HONE_F32, DIMS(d, 2 * all)), l.lengths = t_make(HONE_I32, DIMS(c->batch));
    l.h0 = t_make(HONE_F32, state), l.c0 = t_make(HONE_F32, state),
    l.p = t_make(HONE_F32, DIMS(d, 3 * n));
    l.y = t_make(HONE_F32,
                 c->layout ? DIMS(c->batch, c->steps, d, n) : DIMS(c->steps, d, c->batch, n));
    l.y_h = t_make(HONE_F32, state), l.y_c = t_make(HONE_F32, state);
    t_fill(&l.x, 1, 1), t_fill(&l.w, 2, 0.5), t_fill(&l.r, 3, 0.5), t_fill(&l.b, 4, 0.5),
        t_fill(&l.h0, 5, 1);
    t_fill(&l.c0, 6, 1), t_fill(&l.p, 7, 1);
    for (int64_t b = 0; b < c->batch; b++)
        ((int32_t *)l.lengths.t.data)[b] = (int32_t)(b == 1 ? 0 : c->steps - b % c->steps);
    l.y_want = calloc((size_t)hone_tensor_count(&l.y.t), sizeof(double));
    l.h_want = calloc((size_t)hone_tensor_count(&l.y_h.t), sizeof(double));
    l.c_want = calloc((size_t)hone_tensor_count(&l.y_h.t), sizeof(double));
    hone_tensor *in[] = {&l.x.t,
                         &l.w.t,
                         &l.r.t,
                         c->bias ? &l.b.t : NULL,
                         c->lengths ? &l.lengths.t : NULL,
                         c->initial ? &l.h0.t : NULL,
                         c->initial && l.gates == 4 ? &l.c0.t : NULL,
                         c->peephole ? &l.p.t : NULL};
    hone_tensor *out[] = {&l.y.t, &l.y_h.t, l.gates == 4 ? &l.y_c.t : NULL};
    hone_cpu_call call = {
        .op = c->op, .attrs = &attrs, .n_in = 8, .n_out = 3, .in = in, .out = out};
    set_attrs(c, &attrs);
    reference(&l);
    t_run_everywhere(c->name, &call, &l.y, l.y_want, 1e-5);
    t_check_close(c->name, &l.y_h, l.h_want, 1e-5);
    if (l.gates == 4)
        t_check_close(c->name, &l.y_c, l.c_want, 1e-5);
    t_check_guards(&l.y_h), t_check_guards(&l.y_c);
    free(l.y_want), free(l.h_want), free(l.c_want);
    t_free(&l.x), t_free(&l.w), t_free(&l.r), t_free(&l.b), t_free(&l.lengths), t_free(&l.h0),
        t_free(&l.c0);
    t_free(&l.p), t_free(&l.y), t_free(&l.y_h), t_free(&l.y_c);
}

static void test_rnn_cases(void **state)
{
    (void)state;
    for (int i = 0; i < HONE_COUNT(cases); i++)
        run_case(&cases[i]);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_rnn_cases)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
