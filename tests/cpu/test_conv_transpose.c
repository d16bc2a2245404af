/* Transposed convolutions against their definition by scattering, in double precision and both
 * layouts. */
#include "kernel_test.h"

#include "op/program.h"

typedef struct transpose_case {
    const char *name;
    int n;
    int64_t batch, channels, group, out_group;
    int64_t in[3], kernel[3], stride[3], dilation[3], pad[6], output_padding[3];
    int epilogue; /* 0 none, 1 relu, 2 x * s[channel] + residual */
} transpose_case;

#define ONES                                                                                       \
    {                                                                                              \
        1, 1, 1                                                                                    \
    }
static const transpose_case cases[] = {
    {"2x2_stride_2", 2, 1, 16, 1, 24, {5, 7}, {2, 2}, {2, 2}, ONES, {0}, {0}, 1},
    {"2x3_to_one", 2, 2, 24, 1, 1, {5, 6}, {2, 3}, {2, 3}, ONES, {0}, {0}, 2},
    {"4x4_stride_2", 2, 2, 9, 1, 17, {5, 4}, {4, 4}, {2, 2}, ONES, {1, 1, 1, 1}, {0}, 2},
    {"3x3", 2, 1, 8, 1, 5, {6, 6}, {3, 3}, ONES, ONES, {1, 1, 1, 1}, {0}, 0},
    {"3x3_stride_2_padded", 2, 1, 8, 1, 5, {6, 5}, {3, 3}, {2, 2}, ONES, {1, 1, 1, 1}, {1, 1}, 2},
    {"gaps", 2, 1, 8, 1, 5, {3, 3}, {2, 1}, {3, 3}, ONES, {0}, {0}, 2},
    {"dilated", 2, 1, 7, 1, 6, {4, 5}, {3, 3}, {2, 3}, {2, 2}, {1, 2, 0, 1}, {0}, 0},
    {"dilated_by_stride", 2, 1, 7, 1, 6, {4, 5}, {3, 3}, {2, 2}, {2, 4}, {0}, {0}, 1},
    {"groups", 2, 2, 12, 3, 5, {4, 4}, {3, 3}, {2, 2}, ONES, {1, 1, 1, 1}, {0}, 2},
    {"1d", 1, 1, 6, 1, 9, {20}, {16}, {8}, ONES, {4, 4}, {0}, 0},
    {"3d", 3, 1, 3, 1, 4, {2, 3, 4}, {2, 3, 2}, {1, 2, 2}, ONES, {0}, {0}, 1},
};

static const hone_instr relu[] = {{.op = HONE_SCALAR_relu}};
static const hone_instr scale_add[] = {{.op = HONE_SCALAR_mul, .arg = {0, 1}},
                                       {.op = HONE_SCALAR_add, .arg = {3, 2}}};
static const hone_program programs[] = {[1] = {1, 1, relu}, [2] = {3, 2, scale_add}};

static hone_dims dims_of(int n, int64_t batch, int64_t channels, const int64_t *spatial, bool last)
{
    hone_dims d = {.rank = n + 2};
    d.dim[0] = batch;
    d.dim[last ? n + 1 : 1] = channels;
    for (int i = 0; i < n; i++)
        d.dim[last ? i + 1 : i + 2] = spatial[i];
    return d;
}

static int64_t at(int64_t n, int64_t c, int64_t pixel, int64_t channels, int64_t pixels, bool last)
{
    return last ? (n * pixels + pixel) * channels + c : (n * channels + c) * pixels + pixel;
}

typedef struct shape {
    int64_t out[3], in_pixels, out_pixels, taps, outputs, in_group;
} shape;

static shape shape_of(const transpose_case *c)
{
    shape s = {.in_pixels = 1,
               .out_pixels = 1,
               .taps = 1,
               .outputs = c->out_group * c->group,
               .in_group = c->channels / c->group};
    for (int d = 0; d < c->n; d++) {
        s.out[d] = (c->in[d] - 1) * c->stride[d] + (c->kernel[d] - 1) * c->dilation[d] + 1 -
                   c->pad[d] - c->pad[c->n + d] + c->output_padding[d];
        s.in_pixels *= c->in[d];
        s.out_pixels *= s.out[d];
        s.taps *= c->kernel[d];
    }
    return s;
}

/* The output pixel that a tap of an input pixel falls on, or -1. */
static int64_t target(const transpose_case *c, const shape *s, int64_t pixel, int64_t tap)
{
    int64_t i[3], k[3], out = 0;

    for (int d = c->n - 1; d >= 0; d--) {
        i[d] = pixel % c->in[d], pixel /= c->in[d];
        k[d] = tap % c->kernel[d], tap /= c->kernel[d];
    }
    for (int d = 0; d < c->n; d++) {
        const int64_t o = i[d] * c->stride[d] + k[d] * c->dilation[d] - c->pad[d];
        if (o < 0 || o >= s->out[d])
            return -1;
        out = out * s->out[d] + o;
    }
    return out;
}

static void scatter(const transpose_case *c, const shape *s, const t_tensor *x, const t_tensor *w,
                    bool last, double *y)
{
    for (int64_t b = 0; b < c->batch; b++)
        for (int64_t i = 0; i < c->channels; i++)
            for (int64_t p = 0; p < s->in_pixels; p++)
                for (int64_t t = 0; t < s->taps; t++) {
                    const int64_t to = target(c, s, p, t);
                    for (int64_t o = 0; to >= 0 && o < c->out_group; o++)
                        y[at(b, i / s->in_group * c->out_group + o, to, s->outputs, s->out_pixels,
                             last)] += t_get(x, at(b, i, p, c->channels, s->in_pixels, last)) *
                                       t_get(w, (i * c->out_group + o) * s->taps + t);
                }
}

static void run_case(const transpose_case *c, bool last)
{
    const shape s = shape_of(c);
    hone_dims wd = {.rank = c->n + 2, .dim = {c->channels, c->out_group}};
    memcpy(wd.dim + 2, c->kernel, sizeof c->kernel);
    t_tensor x = t_make(HONE_F32, dims_of(c->n, c->batch, c->channels, c->in, last)),
             w = t_make(HONE_F32, wd);
    t_tensor y = t_make(HONE_F32, dims_of(c->n, c->batch, s.outputs, s.out, last)),
             bias = t_make(HONE_F32, DIMS(s.outputs));
    t_tensor scale = t_make(HONE_F32, dims_of(c->n, 1, s.outputs, (int64_t[])ONES, last));
    t_tensor more = t_make(HONE_F32, y.t.shape);
    double *want = calloc((size_t)hone_tensor_count(&y.t), sizeof *want);
    hone_tensor *in[] = {&x.t, &w.t, &bias.t, &scale.t, &more.t}, *out[] = {&y.t};
    hone_attrs attrs = {.conv_transpose = {.group = c->group,
                                           .strides = {c->n, c->stride},
                                           .dilations = {c->n, c->dilation},
                                           .pads = {2 * c->n, c->pad},
                                           .output_padding = {c->n, c->output_padding},
                                           .layout = last ? HONE_LAYOUT_LAST : HONE_LAYOUT_FIRST,
                                           .program = c->epilogue ? &programs[c->epilogue] : NULL}};
    hone_cpu_call call = {.op = HONE_OP_conv_transpose,
                          .attrs = &attrs,
                          .n_in = c->epilogue == 2 ? 5 : 3,
                          .n_out = 1,
                          .in = in,
                          .out = out};

    t_fill(&x, 1, 1), t_fill(&w, 2, 1), t_fill(&bias, 3, 1), t_fill(&scale, 4, 1),
        t_fill(&more, 5, 1);
    scatter(c, &s, &x, &w, last, want);
    for (int64_t i = 0; i < c->batch * s.outputs * s.out_pixels; i++) {
        const int64_t o = last ? i % s.outputs : i / s.out_pixels % s.outputs;
        want[i] += t_get(&bias, o);
        if (c->epilogue == 1)
            want[i] = want[i] < 0 ? 0 : want[i];
        if (c->epilogue == 2)
            want[i] = want[i] * t_get(&scale, o) + t_get(&more, i);
    }
    t_run_everywhere(c->name, &call, &y, want, 1e-5);
    free(want);
    t_free(&x), t_free(&w), t_free(&bias), t_free(&scale), t_free(&more), t_free(&y);
}

static void test_conv_transpose_cases(void **state)
{
    (void)state;
    for (int i = 0; i < HONE_COUNT(cases); i++) {
        run_case(&cases[i], true);
        run_case(&cases[i], false);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_conv_transpose_cases)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
