/* Attention in tiles against the definition in double precision: odd extents, shared key heads,
 * masks of every shape, causal rows, rows that see nothing, heads side by side in a token; and the
 * same with one query, which the tiles leave to the rows. */
#include "plain_test.h"

enum {
    MASK_NONE,
    MASK_KEYS,
    MASK_FULL,
    MASK_HIDES
};

typedef struct attend_case {
    const char *name;
    int batch, heads, kv_heads, queries, keys, size, v_size;
    int mask;
    bool is_causal, is_flat; /* flat: [batch, token, heads * size] */
    float scale;             /* 0: the default */
} attend_case;

static const attend_case cases[] = {
    /* name           b  h  kv q    k    d   dv  mask        causal flat   scale */
    {"whole_panels", 1, 2, 2, 48, 32, 16, 16, MASK_NONE, false, false, 0},
    {"odd", 2, 3, 3, 13, 29, 7, 5, MASK_NONE, false, false, 0.7f},
    {"many_blocks", 1, 1, 1, 113, 70, 33, 20, MASK_KEYS, false, false, 0},
    {"shared_heads", 2, 4, 2, 17, 19, 8, 9, MASK_FULL, false, false, 0.3f},
    {"causal", 1, 2, 1, 20, 20, 12, 16, MASK_NONE, true, false, 0},
    {"causal_longer", 1, 2, 2, 11, 30, 12, 3, MASK_KEYS, true, false, 0},
    {"hidden_rows", 2, 2, 2, 10, 18, 4, 4, MASK_HIDES, false, false, 0},
    {"flat", 2, 3, 3, 15, 21, 6, 10, MASK_FULL, false, true, 0},
    {"one_key", 1, 2, 2, 9, 1, 3, 2, MASK_NONE, false, false, 0},
    {"one_query", 2, 2, 2, 1, 21, 6, 10, MASK_KEYS, false, false, 0},
};

static hone_dims shape_of(const attend_case *c, int heads, int tokens, int size)
{
    return c->is_flat ? DIMS(c->batch, tokens, heads * size) : DIMS(c->batch, heads, tokens, size);
}

static int at(const attend_case *c, int heads, int tokens, int size, int b, int h, int t)
{
    return c->is_flat ? ((b * tokens + t) * heads + h) * size
                      : ((b * heads + h) * tokens + t) * size;
}

static t_tensor *add_mask(p_call *p, const attend_case *c)
{
    t_tensor *m;

    if (c->mask == MASK_NONE)
        return NULL;
    m = c->mask == MASK_KEYS ? p_in(p, HONE_F32, DIMS(c->batch, 1, 1, c->keys))
                             : p_in(p, HONE_F32, DIMS(c->heads, c->queries, c->keys));
    t_fill(m, 9, 1);
    float *x = m->t.data;
    for (int i = 0; c->mask == MASK_HIDES && i < c->keys; i++)
        x[c->keys + i] = -INFINITY;
    if (c->keys > 4)
        x[3] = -INFINITY;
    return m;
}

static double mask_at(const attend_case *c, const t_tensor *m, int b, int h, int q, int k)
{
    if (c->is_causal && k > q)
        return -INFINITY;
    if (m == NULL)
        return 0;
    return t_get(m, c->mask == MASK_KEYS ? b * c->keys + k : (h * c->queries + q) * c->keys + k);
}

/* One row of the answer by the definition. */
static void define(const attend_case *c, const t_tensor *in[3], const t_tensor *m, int b, int h,
                   int q, double *want)
{
    const int kv = h / (c->heads / c->kv_heads);
    const double scale = c->scale != 0 ? (double)c->scale : 1 / sqrt(c->size);
    const int row = at(c, c->heads, c->queries, c->size, b, h, q);
    double sum = 0;

    memset(want, 0, (size_t)c->v_size * sizeof *want);
    for (int k = 0; k < c->keys; k++) {
        const int key = at(c, c->kv_heads, c->keys, c->size, b, kv, k);
        const int value = at(c, c->kv_heads, c->keys, c->v_size, b, kv, k);
        double score = 0;
        for (int i = 0; i < c->size; i++)
            score += t_get(in[0], row + i) * t_get(in[1], key + i);
        const double p = exp(score * scale + mask_at(c, m, b, h, q, k));
        sum += p;
        for (int i = 0; i < c->v_size; i++)
            want[i] += p * t_get(in[2], value + i);
    }
    for (int i = 0; i < c->v_size && sum > 0; i++)
        want[i] /= sum;
}

static void check_case(const attend_case *c)
{
    double *want = calloc((size_t)(c->batch * c->heads * c->queries * c->v_size), sizeof *want);
    const t_tensor *in[3];
    p_call p;

    p_begin(&p, HONE_OP_attention);
    p.attrs.attention.scale = c->scale;
    p.attrs.attention.is_causal = c->is_causal;
    p.attrs.attention.q_num_heads = c->is_flat ? c->heads : 0;
    p.attrs.attention.kv_num_heads = c->is_flat ? c->kv_heads : 0;
    in[0] = p_in(&p, HONE_F32, shape_of(c, c->heads, c->queries, c->size));
    in[1] = p_in(&p, HONE_F32, shape_of(c, c->kv_heads, c->keys, c->size));
    in[2] = p_in(&p, HONE_F32, shape_of(c, c->kv_heads, c->keys, c->v_size));
    for (int i = 0; i < 3; i++)
        t_fill(&p.own[i], (uint64_t)i + 1, 1);
    const t_tensor *m = add_mask(&p, c);
    p_out(&p, HONE_F32, shape_of(c, c->heads, c->queries, c->v_size));
    for (int b = 0; b < c->batch; b++)
        for (int h = 0; h < c->heads; h++)
            for (int q = 0; q < c->queries; q++)
                define(c, in, m, b, h, q, want + at(c, c->heads, c->queries, c->v_size, b, h, q));
    p_run(&p);
    p_check(c->name, &p, 0, want, 2e-6);
    p_end(&p);
    free(want);
}

static void test_attend(void **state)
{
    (void)state;
    for (int i = 0; i < HONE_COUNT(cases); i++)
        check_case(&cases[i]);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_attend)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
