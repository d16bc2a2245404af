/* Squeeze-and-excite against its definition in double precision: with and without biases, programs,
 * partial sums in the place of the picture. */
#include "plain_test.h"

static const hone_instr relu[] = {{.op = HONE_SCALAR_relu}};
static const hone_instr sigmoid[] = {{.op = HONE_SCALAR_sigmoid}};
static const hone_program relu_program = {1, 1, relu}, sigmoid_program = {1, 1, sigmoid};

typedef struct excite_case {
    const char *name;
    int64_t pictures, pixels, channels, squeezed, count;
    bool has_b1, has_b2;
} excite_case;

static const excite_case cases[] = {
    {"plain", 1, 49, 24, 6, 0, true, true},
    {"no_biases", 2, 12, 5, 3, 0, false, false},
    {"sums", 3, 7, 16, 4, 49, true, false},
    {"one", 1, 1, 1, 1, 0, false, true},
};

static double get(const t_tensor *t, int64_t i)
{
    return t ? hone_element_double(t->t.dtype, t->t.data, i) : 0;
}

static void fill(t_tensor *t, uint64_t *state)
{
    for (int64_t i = 0; t && i < hone_tensor_count(&t->t); i++)
        hone_element_set_double(t->t.dtype, t->t.data, i, t_random(state));
}

static void want_of(const excite_case *c, t_tensor *const in[5], double *want)
{
    const double count = (double)(c->count ? c->count : c->pixels);
    double s[8];

    for (int64_t n = 0; n < c->pictures; n++) {
        for (int64_t k = 0; k < c->squeezed; k++) {
            s[k] = get(in[2], k);
            for (int64_t i = 0; i < c->pixels * c->channels; i++)
                s[k] += get(in[1], k * c->channels + i % c->channels) / count *
                        get(in[0], n * c->pixels * c->channels + i);
            s[k] = s[k] < 0 ? 0 : s[k];
        }
        for (int64_t i = 0; i < c->channels; i++) {
            double sum = get(in[4], i);
            for (int64_t k = 0; k < c->squeezed; k++)
                sum += get(in[3], i * c->squeezed + k) * s[k];
            want[n * c->channels + i] = 1 / (1 + exp(-sum));
        }
    }
}

static void check(const excite_case *c)
{
    uint64_t state = 7;
    double want[128];
    p_call p;

    p_begin(&p, HONE_OP_squeeze_excite);
    p.attrs.squeeze_excite = (hone_attrs_squeeze_excite){
        .count = c->count, .squeeze = &relu_program, .excite = &sigmoid_program};
    t_tensor *in[5] = {NULL};
    in[0] = p_in(&p, HONE_F32, DIMS(c->pictures, c->pixels, c->channels));
    in[1] = p_in(&p, HONE_F32, DIMS(c->squeezed, c->channels, 1, 1));
    c->has_b1 ? (void)(in[2] = p_in(&p, HONE_F32, DIMS(c->squeezed))) : p_absent(&p);
    in[3] = p_in(&p, HONE_F32, DIMS(c->channels, c->squeezed, 1, 1));
    c->has_b2 ? (void)(in[4] = p_in(&p, HONE_F32, DIMS(c->channels))) : p_absent(&p);
    p_out(&p, HONE_F32, DIMS(c->pictures, 1, c->channels));
    for (int i = 0; i < 5; i++)
        fill(in[i], &state);
    want_of(c, in, want);
    p_run(&p);
    p_check(c->name, &p, 0, want, 1e-5);
    p_end(&p);
}

static void test_squeeze_excite(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
        check(&cases[i]);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_squeeze_excite)};

    hone_cpu_init();
    return cmocka_run_group_tests(tests, NULL, NULL);
}
