/* Integer products, bit for bit against sums in 64-bit integers: both signs of both operands,
 * extreme values (where 8-bit multiply-adds saturate), zero points, batches, groups, requantised
 * outputs. */
#include "kernel_test.h"

static void fill_bytes(t_tensor *x, uint64_t seed, bool extreme)
{
    uint64_t state = seed;
    uint8_t *p = x->t.data;
    for (size_t i = 0; i < x->bytes; i++) {
        const double r = t_random(&state);
        const uint8_t high = x->t.dtype == HONE_I8 ? 127 : 255,
                      low = x->t.dtype == HONE_I8 ? 0x80 : 0;
        p[i] = extreme ? (r < 0.4 ? high : low) : (uint8_t)(int)(r * 128 + 128);
    }
}

static int64_t byte_at(const t_tensor *x, int64_t i)
{
    return hone_element_int(x->t.dtype, x->t.data, i);
}

typedef struct matmul_case {
    const char *name;
    int64_t batch, b_batch, m, n, k;
    hone_dtype a, b;
    bool zeros, zeros_per_line, extreme;
} matmul_case;

static const matmul_case matmuls[] = {
    {"one", 1, 1, 1, 1, 1, HONE_U8, HONE_I8, 0, 0, 0},
    {"row", 1, 1, 1, 40, 37, HONE_U8, HONE_I8, 1, 0, 0},
    {"odd", 1, 1, 9, 19, 13, HONE_U8, HONE_U8, 1, 0, 0},
    {"signed", 1, 1, 20, 33, 64, HONE_I8, HONE_I8, 1, 0, 1},
    {"signed_unsigned", 1, 1, 20, 33, 66, HONE_I8, HONE_U8, 1, 1, 1},
    {"saturating", 1, 1, 70, 64, 128, HONE_U8, HONE_I8, 1, 1, 1},
    {"batches", 3, 3, 5, 18, 21, HONE_U8, HONE_I8, 1, 0, 0},
    {"batches_one_b", 3, 1, 5, 18, 21, HONE_U8, HONE_U8, 0, 0, 0},
};

static void run_matmul(const matmul_case *c)
{
    t_tensor a = t_make(c->a, DIMS(c->batch, c->m, c->k));
    t_tensor b = t_make(c->b, c->b_batch > 1 ? DIMS(c->b_batch, c->k, c->n) : DIMS(c->k, c->n));
    t_tensor az = t_make(c->a, c->zeros_per_line ? DIMS(c->m) : SCALAR_DIMS);
    t_tensor bz = t_make(c->b, c->zeros_per_line ? DIMS(c->n) : SCALAR_DIMS);
    t_tensor y = t_make(HONE_I32, DIMS(c->batch, c->m, c->n));
    hone_tensor *in[] = {&a.t, &b.t, c->zeros ? &az.t : NULL, c->zeros ? &bz.t : NULL},
                *out[] = {&y.t};
    hone_attrs attrs = {0};
    hone_cpu_call call = {
        .op = HONE_OP_matmul_integer, .attrs = &attrs, .n_in = 4, .n_out = 1, .in = in, .out = out};
    double *want = calloc((size_t)(c->batch * c->m * c->n), sizeof *want);

    fill_bytes(&a, 1, c->extreme), fill_bytes(&b, 2, c->extreme), fill_bytes(&az, 3, false),
        fill_bytes(&bz, 4, false);
    for (int64_t i = 0; i < c->batch * c->m * c->n; i++) {
        const int64_t n = i % c->n, m = i / c->n % c->m, batch = i / c->n / c->m;
        const int64_t za = c->zeros ? byte_at(&az, c->zeros_per_line ? m : 0) : 0;
        const int64_t zb = c->zeros ? byte_at(&bz, c->zeros_per_line ? n : 0) : 0;
        int64_t sum = 0;
        for (int64_t k = 0; k < c->k; k++)
            sum += (byte_at(&a, (batch * c->m + m) * c->k + k) - za) *
                   (byte_at(&b, ((c->b_batch > 1 ? batch : 0) * c->k + k) * c->n + n) - zb);
        want[i] = (double)sum;
    }
    t_run_everywhere(c->name, &call, &y, want, 0);
    free(want);
    t_free(&a), t_free(&b), t_free(&az), t_free(&bz), t_free(&y);
}

static void test_matmul_integer(void **state)
{
    (void)state;
    for (int i = 0; i < HONE_COUNT(matmuls); i++)
        run_matmul(&matmuls[i]);
}

static double requantised(int64_t sum, double factor, double zero, hone_dtype t)
{
    const double y = rint((double)sum * (double)(float)factor) + zero;
    return t == HONE_I8 ? fmin(fmax(y, -128), 127) : fmin(fmax(y, 0), 255);
}

static void test_qlinear_matmul(void **state)
{
    t_tensor a = t_make(HONE_U8, DIMS(7, 30)), b = t_make(HONE_I8, DIMS(30, 21)),
             y = t_make(HONE_I8, DIMS(7, 21));
    t_tensor as = t_make(HONE_F32, SCALAR_DIMS), bs = t_make(HONE_F32, DIMS(21)),
             ys = t_make(HONE_F32, SCALAR_DIMS);
    t_tensor az = t_make(HONE_U8, SCALAR_DIMS), bz = t_make(HONE_I8, DIMS(21)),
             yz = t_make(HONE_I8, SCALAR_DIMS);
    hone_tensor *in[] = {&a.t, &as.t, &az.t, &b.t, &bs.t, &bz.t, &ys.t, &yz.t}, *out[] = {&y.t};
    hone_attrs attrs = {0};
    hone_cpu_call call = {
        .op = HONE_OP_qlinear_matmul, .attrs = &attrs, .n_in = 8, .n_out = 1, .in = in, .out = out};
    double want[7 * 21];

    (void)state;
    fill_bytes(&a, 1, false), fill_bytes(&b, 2, false), fill_bytes(&az, 3, false),
        fill_bytes(&bz, 4, false);
    fill_bytes(&yz, 5, false), t_fill(&bs, 6, 0.01);
    *(float *)as.t.data = 0.02f, *(float *)ys.t.data = 0.05f;
    for (int i = 0; i < 7 * 21; i++) {
        int64_t sum = 0;
        for (int k = 0; k < 30; k++)
            sum += (byte_at(&a, i / 21 * 30 + k) - byte_at(&az, 0)) *
                   (byte_at(&b, k * 21 + i % 21) - byte_at(&bz, i % 21));
        want[i] = requantised(sum, (double)0.02f * t_get(&bs, i % 21) / (double)0.05f,
                              t_get(&yz, 0), HONE_I8);
    }
    t_run_everywhere("qlinear_matmul", &call, &y, want, 0);
    t_free(&a), t_free(&b), t_free(&y), t_free(&as), t_free(&bs), t_free(&ys), t_free(&az),
        t_free(&bz), t_free(&yz);
}

typedef struct conv_case {
    const char *name;
    int64_t channels, group, outputs, size, kernel, stride, pad;
    hone_dtype x, w;
    bool quantised;
} conv_case;

static const conv_case convs[] = {
    {"conv_3x3", 6, 1, 20, 7, 3, 1, 1, HONE_U8, HONE_I8, false},
    {"conv_signed", 5, 1, 3, 9, 3, 2, 1, HONE_I8, HONE_U8, false},
    {"conv_groups", 8, 2, 12, 6, 3, 1, 1, HONE_U8, HONE_U8, true},
    {"conv_depthwise", 9, 9, 9, 6, 3, 1, 1, HONE_U8, HONE_I8, true},
};

typedef struct conv_data {
    const conv_case *c;
    t_tensor x, w, xz, wz, xs, ws, ys, yz, bias, y;
    int64_t out;
    bool last;
} conv_data;

static double conv_at(const conv_data *d, int64_t n, int64_t o, int64_t h, int64_t v)
{
    const conv_case *c = d->c;
    const int64_t in_group = c->channels / c->group, c0 = o / (c->outputs / c->group) * in_group;
    int64_t sum = c->quantised ? byte_at(&d->bias, o) : 0;

    for (int64_t t = 0; t < c->kernel * c->kernel; t++) {
        const int64_t i = h * c->stride - c->pad + t / c->kernel,
                      j = v * c->stride - c->pad + t % c->kernel;
        for (int64_t k = 0; i >= 0 && j >= 0 && i < c->size && j < c->size && k < in_group; k++) {
            const int64_t at = d->last ? ((n * c->size + i) * c->size + j) * c->channels + c0 + k
                                       : ((n * c->channels + c0 + k) * c->size + i) * c->size + j;
            sum += (byte_at(&d->x, at) - byte_at(&d->xz, 0)) *
                   (byte_at(&d->w, (o * in_group + k) * c->kernel * c->kernel + t) -
                    byte_at(&d->wz, o));
        }
    }
    if (!c->quantised)
        return (double)sum;
    return requantised(sum, t_get(&d->xs, 0) * t_get(&d->ws, o) / t_get(&d->ys, 0),
                       t_get(&d->yz, 0), c->x);
}

static void run_conv(const conv_case *c, bool last)
{
    conv_data d = {.c = c, .last = last, .out = (c->size + 2 * c->pad - c->kernel) / c->stride + 1};
    const int64_t strides[] = {c->stride, c->stride}, pads[] = {c->pad, c->pad, c->pad, c->pad};
    hone_attrs attrs = {0};
    double *want;

    d.x = t_make(c->x, last ? DIMS(2, c->size, c->size, c->channels)
                            : DIMS(2, c->channels, c->size, c->size));
    d.w = t_make(c->w, DIMS(c->outputs, c->channels / c->group, c->kernel, c->kernel));
    d.y = t_make(c->quantised ? c->x : HONE_I32,
                 last ? DIMS(2, d.out, d.out, c->outputs) : DIMS(2, c->outputs, d.out, d.out));
    d.xz = t_make(c->x, SCALAR_DIMS), d.wz = t_make(c->w, DIMS(c->outputs)),
    d.yz = t_make(c->x, SCALAR_DIMS);
    d.xs = t_make(HONE_F32, SCALAR_DIMS), d.ws = t_make(HONE_F32, DIMS(c->outputs)),
    d.ys = t_make(HONE_F32, SCALAR_DIMS);
    d.bias = t_make(HONE_I32, DIMS(c->outputs));
    fill_bytes(&d.x, 1, false), fill_bytes(&d.w, 2, false), fill_bytes(&d.xz, 3, false),
        fill_bytes(&d.wz, 4, false);
    fill_bytes(&d.yz, 5, false), t_fill(&d.ws, 6, 0.01), t_fill(&d.bias, 7, 3000);
    *(float *)d.xs.t.data = 0.03f, *(float *)d.ys.t.data = 0.04f;
    hone_tensor *plain[] = {&d.x.t, &d.w.t, &d.xz.t, &d.wz.t}, *out[] = {&d.y.t};
    hone_tensor *quant[] = {&d.x.t,  &d.xs.t, &d.xz.t, &d.w.t,   &d.ws.t,
                            &d.wz.t, &d.ys.t, &d.yz.t, &d.bias.t};
    hone_cpu_call call = {.op = HONE_OP_conv_integer,
                          .attrs = &attrs,
                          .n_in = 4,
                          .n_out = 1,
                          .in = plain,
                          .out = out};
    if (c->quantised) {
        call = (hone_cpu_call){.op = HONE_OP_qlinear_conv,
                               .attrs = &attrs,
                               .n_in = 9,
                               .n_out = 1,
                               .in = quant,
                               .out = out};
        attrs.qlinear_conv = (hone_attrs_qlinear_conv){
            .group = c->group, .strides = {2, strides}, .pads = {4, pads}, .layout = last};
    } else {
        attrs.conv_integer = (hone_attrs_conv_integer){
            .group = c->group, .strides = {2, strides}, .pads = {4, pads}, .layout = last};
    }
    want = calloc((size_t)hone_tensor_count(&d.y.t), sizeof *want);
    for (int64_t n = 0; n < 2; n++)
        for (int64_t o = 0; o < c->outputs; o++)
            for (int64_t p = 0; p < d.out * d.out; p++)
                want[last ? (n * d.out * d.out + p) * c->outputs + o
                          : (n * c->outputs + o) * d.out * d.out + p] =
                    conv_at(&d, n, o, p / d.out, p % d.out);
    t_run_everywhere(c->name, &call, &d.y, want, 0);
    free(want);
    t_free(&d.x), t_free(&d.w), t_free(&d.y), t_free(&d.xz), t_free(&d.wz), t_free(&d.yz),
        t_free(&d.xs), t_free(&d.ws);
    t_free(&d.ys), t_free(&d.bias);
}

static void test_conv_integer_and_qlinear(void **state)
{
    (void)state;
    for (int i = 0; i < HONE_COUNT(convs); i++) {
        run_conv(&convs[i], true);
        run_conv(&convs[i], false);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_matmul_integer),
        cmocka_unit_test(test_qlinear_matmul),
        cmocka_unit_test(test_conv_integer_and_qlinear),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
