/* Deformable convolution: with offsets that are nothing it is a convolution; whole offsets shift
 * it, halves average; the mask scales taps; offsets from nowhere (NaN, far outside) see zeros. */
#include "kernel_test.h"

#define C 4
#define O 6
#define S 7 /* size of the picture and, with padding 1, of the output */

static double look(const t_tensor *x, int64_t c, double h, double w)
{
    double sum = 0;

    if (!(h > -1 && h < S && w > -1 && w < S))
        return 0;
    for (int i = 0; i < 4; i++) {
        const int64_t y = (int64_t)floor(h) + i / 2, v = (int64_t)floor(w) + i % 2;
        const double weight = (1 - fabs(h - (double)y)) * (1 - fabs(w - (double)v));
        if (y >= 0 && y < S && v >= 0 && v < S)
            sum += weight * t_get(x, (c * S + y) * S + v);
    }
    return sum;
}

static double output(t_tensor in[5], int64_t group, int64_t offset_group, int64_t o, int64_t oh,
                     int64_t ow)
{
    const int64_t in_group = C / group, c0 = o / (O / group) * in_group, at = oh * S + ow;
    double sum = t_get(&in[3], o);

    for (int64_t c = 0; c < in_group; c++) {
        const int64_t g = (c0 + c) / (C / offset_group);
        for (int64_t t = 0; t < 9; t++) {
            const int64_t place = (g * 9 + t) * 2 * S * S + at;
            const double x = look(&in[0], c0 + c, (double)(oh - 1 + t / 3) + t_get(&in[2], place),
                                  (double)(ow - 1 + t % 3) + t_get(&in[2], place + S * S));
            sum += x * t_get(&in[4], (g * 9 + t) * S * S + at) *
                   t_get(&in[1], (o * in_group + c) * 9 + t);
        }
    }
    return sum;
}

static void run_case(const char *name, int64_t group, int64_t offset_group, double amount,
                     float first)
{
    static const int64_t ones[] = {1, 1, 1, 1};
    t_tensor in[5] = {t_make(HONE_F32, DIMS(1, C, S, S)),
                      t_make(HONE_F32, DIMS(O, C / group, 3, 3)),
                      t_make(HONE_F32, DIMS(1, offset_group * 18, S, S)), t_make(HONE_F32, DIMS(O)),
                      t_make(HONE_F32, DIMS(1, offset_group * 9, S, S))};
    t_tensor y = t_make(HONE_F32, DIMS(1, O, S, S));
    hone_tensor *tensors[] = {&in[0].t, &in[1].t, &in[2].t, &in[3].t, &in[4].t}, *out[] = {&y.t};
    hone_attrs attrs = {.deform_conv = {.group = group,
                                        .offset_group = offset_group,
                                        .strides = {2, ones},
                                        .dilations = {2, ones},
                                        .pads = {4, ones}}};
    hone_cpu_call call = {.op = HONE_OP_deform_conv,
                          .attrs = &attrs,
                          .n_in = 5,
                          .n_out = 1,
                          .in = tensors,
                          .out = out};
    double want[O * S * S];

    for (int k = 0; k < 5; k++)
        t_fill(&in[k], (uint64_t)k + 1, k == 2 ? amount : 1);
    ((float *)in[2].t.data)[0] = first;
    for (int64_t i = 0; i < O * S * S; i++)
        want[i] = output(in, group, offset_group, i / S / S, i / S % S, i % S);
    t_run_everywhere(name, &call, &y, want, 1e-5);
    for (int k = 0; k < 5; k++)
        t_free(&in[k]);
    t_free(&y);
}

static void test_deform_conv_cases(void **state)
{
    (void)state;
    run_case("no_offset", 1, 1, 0, 0);
    run_case("whole_offset", 1, 1, 0, 2);
    run_case("offsets", 1, 2, 3, 0.5f);
    run_case("groups", 2, 1, 1.5, 0);
    run_case("nan", 1, 1, 1, NAN);
    run_case("far", 1, 1, 1, 1e30f);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_deform_conv_cases)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
