/* Layers that carry a state from call to call, and counting n-grams: against their definitions in
 * double, and cut in two calls against one. */
#include "plain_test.h"

enum {
    BATCH = 2,
    TOKENS = 5,
    Q_HEADS = 4,
    KV_HEADS = 2,
    KEY = 3,
    VALUE = 2
};

/* Something that is not regular, in [-1, 1). */
static double noise(int i)
{
    return (double)((unsigned)i * 2654435761u >> 8 & 0xffff) / 32768.0 - 1.0;
}

static t_tensor *noisy(p_call *p, hone_dims dims, int seed)
{
    t_tensor *t = p_in(p, HONE_F32, dims);
    for (int64_t i = 0; i < hone_tensor_count(&t->t); i++)
        hone_element_set_double(HONE_F32, t->t.data, i, noise(seed + (int)i));
    return t;
}

/* The definition of gated_delta, for one head. */
static void reference(const float *q, const float *k, const float *v, const float *g,
                      const float *beta, int batch, int head, double state[KEY][VALUE], double *y)
{
    for (int t = 0; t < TOKENS; t++) {
        const int line = batch * TOKENS + t;
        const float *key = k + (line * KV_HEADS + head) * KEY,
                    *value = v + (line * KV_HEADS + head) * VALUE;
        double add[VALUE];
        for (int i = 0; i < KEY; i++)
            for (int j = 0; j < VALUE; j++)
                state[i][j] *= exp(g[line * KV_HEADS + head]);
        for (int j = 0; j < VALUE; j++) {
            double known = 0;
            for (int i = 0; i < KEY; i++)
                known += state[i][j] * key[i];
            add[j] = beta[line] * (value[j] - known);
        }
        for (int i = 0; i < KEY; i++)
            for (int j = 0; j < VALUE; j++)
                state[i][j] += key[i] * add[j];
        for (int h = head * 2; h < head * 2 + 2; h++)
            for (int j = 0; j < VALUE; j++) {
                double sum = 0;
                for (int i = 0; i < KEY; i++)
                    sum += q[(line * Q_HEADS + h) * KEY + i] * state[i][j];
                y[(line * Q_HEADS + h) * VALUE + j] = sum / sqrt(KEY);
            }
    }
}

static void test_linear_attention(void **state)
{
    double y[BATCH * TOKENS * Q_HEADS * VALUE], s[BATCH * KV_HEADS][KEY][VALUE] = {{{0}}};
    p_call p;

    (void)state;
    p_begin(&p, HONE_OP_linear_attention);
    p.attrs.linear_attention.q_num_heads = Q_HEADS;
    p.attrs.linear_attention.kv_num_heads = KV_HEADS;
    t_tensor *q = noisy(&p, DIMS(BATCH, TOKENS, Q_HEADS * KEY), 1),
             *k = noisy(&p, DIMS(BATCH, TOKENS, KV_HEADS * KEY), 100);
    t_tensor *v = noisy(&p, DIMS(BATCH, TOKENS, KV_HEADS * VALUE), 200);
    p_absent(&p);
    t_tensor *g = noisy(&p, DIMS(BATCH, TOKENS, KV_HEADS), 300),
             *beta = noisy(&p, DIMS(BATCH, TOKENS, 1), 400);
    p_out(&p, HONE_F32, DIMS(BATCH, TOKENS, Q_HEADS * VALUE));
    p_out(&p, HONE_F32, DIMS(BATCH, KV_HEADS, KEY, VALUE));
    for (int i = 0; i < BATCH * KV_HEADS; i++)
        reference(q->t.data, k->t.data, v->t.data, g->t.data, beta->t.data, i / KV_HEADS,
                  i % KV_HEADS, s[i], y);
    p_run(&p);
    p_check("linear_attention", &p, 0, y, 1e-5);
    p_check("linear_attention", &p, 1, &s[0][0][0], 1e-5);
    p_end(&p);
}

/* A sequence in two parts, the state handed on, gives what the whole gives. */
static void test_causal_conv_continues(void **state)
{
    enum {
        LENGTH = 9,
        FIRST = 4,
        K = 3
    };
    static const double w[] = {0.5, -1, 2}, bias[] = {0.25};
    double x[LENGTH], y[LENGTH], kept[K - 1];
    p_call p;

    (void)state;
    for (int t = 0; t < LENGTH; t++)
        x[t] = noise(t);
    for (int t = 0; t < LENGTH; t++) {
        y[t] = bias[0];
        for (int k = 0; k < K; k++)
            y[t] += t - K + 1 + k < 0 ? 0 : w[k] * x[t - K + 1 + k];
        y[t] /= 1 + exp(-y[t]);
    }
    for (int part = 0; part < 2; part++) {
        const int from = part ? FIRST : 0, n = part ? LENGTH - FIRST : FIRST;
        p_begin(&p, HONE_OP_causal_conv_with_state);
        p.attrs.causal_conv_with_state.activation = 1;
        p_values(&p, HONE_F32, DIMS(1, 1, n), x + from);
        p_values(&p, HONE_F32, DIMS(1, 1, K), w);
        p_values(&p, HONE_F32, DIMS(1), bias);
        if (part)
            p_values(&p, HONE_F32, DIMS(1, 1, K - 1), kept);
        p_out(&p, HONE_F32, DIMS(1, 1, n));
        p_out(&p, HONE_F32, DIMS(1, 1, K - 1));
        p_run(&p);
        p_check("causal_conv", &p, 0, y + from, 1e-5);
        for (int k = 0; k < K - 1; k++)
            kept[k] = ((const float *)p.out[1]->data)[k];
        p_check("causal_conv", &p, 1, x + from + n - (K - 1), 1e-6);
        p_end(&p);
    }
}

/* The row 1 2 1 2 3 1: what stands next to each other, and with one item between. */
static void test_tfidf(void **state)
{
    static const int64_t counts[] = {0, 2}, indexes[] = {0, 1, 2, 3}, pool[] = {1, 3, 1, 2, 2, 1};
    static const float weights[] = {2, 3, 0.5f, 10};
    static const struct {
        int64_t mode, skips;
        double want[4];
    } cases[] = {
        {0, 0, {3, 1, 2, 1}},    {0, 1, {3, 1, 2, 2}},  {0, 2, {3, 1, 3, 2}},
        {1, 0, {2, 3, 0.5, 10}}, {2, 0, {6, 3, 1, 10}},
    };
    p_call p;

    (void)state;
    for (int i = 0; i < HONE_COUNT(cases); i++) {
        p_begin(&p, HONE_OP_tfidf_vectorizer);
        hone_attrs_tfidf_vectorizer *a = &p.attrs.tfidf_vectorizer;
        a->mode = cases[i].mode;
        a->max_skip_count = cases[i].skips;
        a->max_gram_length = 2;
        a->ngram_counts = (hone_ints){2, counts};
        a->ngram_indexes = (hone_ints){4, indexes};
        a->pool_int64s = (hone_ints){6, pool};
        a->weights = (hone_floats){4, weights};
        p_values(&p, HONE_I32, DIMS(6), (const double[]){1, 2, 1, 2, 3, 1});
        p_out(&p, HONE_F32, DIMS(4));
        p_run(&p);
        p_check("tfidf", &p, 0, cases[i].want, 0);
        p_end(&p);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_linear_attention),
        cmocka_unit_test(test_causal_conv_continues),
        cmocka_unit_test(test_tfidf),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
