/* Convolutions against sums in double precision, in both layouts: channels around the panel's
 * width, few channels, groups, depthwise, one to three spatial dimensions, strides, dilations,
 * pads, epilogues. */
#include "kernel_test.h"

#include "op/program.h"

typedef enum epilogue {
    NONE,
    CLIP,       /* in the tile */
    ADD_RELU,   /* in the tile: a residual */
    SCALE_SILU, /* a region: x * s[channel], then silu */
} epilogue;

typedef struct conv_case {
    const char *name;
    int n; /* spatial dimensions */
    int64_t batch, channels, group, outputs;
    int64_t in[3], kernel[3], stride[3], dilation[3], pad[6];
    bool bias;
    epilogue epilogue;
} conv_case;

#define ONES                                                                                       \
    {                                                                                              \
        1, 1, 1                                                                                    \
    }
static const conv_case cases[] = {
    {"1x1", 2, 1, 16, 1, 32, {7, 7}, {1, 1}, ONES, ONES, {0}, 1, CLIP},
    {"1x1_odd", 2, 2, 19, 1, 35, {5, 9}, {1, 1}, ONES, ONES, {0}, 1, SCALE_SILU},
    {"1x1_stride", 2, 1, 24, 1, 20, {9, 8}, {1, 1}, {2, 2}, ONES, {0}, 0, NONE},
    {"3x3", 2, 1, 32, 1, 64, {14, 14}, {3, 3}, ONES, ONES, {1, 1, 1, 1}, 1, ADD_RELU},
    {"3x3_stride", 2, 2, 40, 1, 17, {13, 11}, {3, 3}, {2, 2}, ONES, {1, 1, 1, 1}, 1, SCALE_SILU},
    {"3x3_dilated", 2, 1, 25, 1, 16, {13, 15}, {3, 3}, ONES, {2, 3}, {2, 3, 2, 3}, 1, CLIP},
    {"stem_7x7", 2, 1, 3, 1, 64, {33, 31}, {7, 7}, {2, 2}, ONES, {3, 3, 3, 3}, 1, CLIP},
    {"stem_3x3", 2, 2, 3, 1, 24, {17, 19}, {3, 3}, {2, 2}, ONES, {0, 0, 1, 1}, 1, CLIP},
    {"one_channel", 2, 1, 1, 1, 8, {12, 12}, {5, 5}, ONES, ONES, {2, 2, 2, 2}, 1, CLIP},
    {"few_dilated", 2, 1, 4, 1, 9, {12, 12}, {3, 3}, ONES, {1, 2}, {1, 2, 1, 2}, 1, NONE},
    {"uneven_pads", 2, 1, 5, 1, 6, {6, 7}, {4, 3}, {1, 2}, ONES, {3, 0, 1, 2}, 1, ADD_RELU},
    {"all_padding", 2, 1, 3, 1, 4, {1, 1}, {3, 3}, ONES, ONES, {3, 3, 3, 3}, 1, NONE},
    {"deep", 2, 1, 700, 1, 33, {4, 4}, {3, 3}, ONES, ONES, {1, 1, 1, 1}, 1, ADD_RELU},
    {"very_deep", 2, 1, 3200, 1, 20, {2, 3}, {1, 1}, ONES, ONES, {0}, 1, CLIP},
    {"groups", 2, 2, 24, 3, 30, {7, 9}, {3, 3}, ONES, ONES, {1, 1, 1, 1}, 1, ADD_RELU},
    {"groups_wide", 2, 1, 64, 2, 80, {6, 6}, {1, 1}, ONES, ONES, {0}, 1, SCALE_SILU},
    {"depthwise", 2, 2, 40, 40, 40, {9, 11}, {3, 3}, ONES, ONES, {1, 1, 1, 1}, 1, CLIP},
    {"depthwise_stride",
     2,
     1,
     33,
     33,
     33,
     {9, 10},
     {3, 3},
     {2, 2},
     ONES,
     {1, 1, 1, 1},
     1,
     SCALE_SILU},
    {"depthwise_5x5", 2, 1, 16, 16, 16, {7, 7}, {5, 5}, ONES, ONES, {2, 2, 2, 2}, 0, ADD_RELU},
    {"depthwise_few", 2, 1, 3, 3, 3, {7, 7}, {3, 3}, ONES, {2, 2}, {2, 2, 2, 2}, 1, NONE},
    {"depthwise_times_2", 2, 1, 6, 6, 12, {7, 7}, {3, 3}, ONES, ONES, {1, 1, 1, 1}, 1, CLIP},
    {"1d", 1, 2, 20, 1, 18, {50}, {5}, {2}, ONES, {2, 2}, 1, CLIP},
    {"1d_long", 1, 1, 1, 1, 40, {2100}, {400}, {160}, ONES, {100, 100}, 0, NONE},
    {"1d_depthwise", 1, 1, 20, 20, 20, {30}, {7}, ONES, {2}, {6, 6}, 1, CLIP},
    {"2d_as_1d", 2, 1, 6, 1, 17, {40, 1}, {9, 1}, {3, 1}, ONES, {4, 0, 4, 0}, 1, CLIP},
    {"3d", 3, 1, 5, 1, 7, {4, 5, 6}, {3, 3, 3}, {1, 2, 1}, ONES, {1, 1, 1, 1, 1, 1}, 1, CLIP},
    {"3d_depthwise",
     3,
     1,
     17,
     17,
     17,
     {4, 5, 6},
     {3, 1, 3},
     ONES,
     ONES,
     {1, 0, 1, 1, 0, 1},
     1,
     CLIP},
    {"rows_many", 2, 1, 8, 1, 12, {40, 41}, {3, 3}, ONES, ONES, {1, 1, 1, 1}, 1, ADD_RELU},
    {"no_pictures", 2, 0, 8, 1, 12, {4, 4}, {3, 3}, ONES, ONES, {1, 1, 1, 1}, 1, NONE},
};

static const hone_instr clip[] = {{.op = HONE_SCALAR_constant, .value = -0.25f},
                                  {.op = HONE_SCALAR_max, .arg = {0, 1}},
                                  {.op = HONE_SCALAR_constant, .value = 0.75f},
                                  {.op = HONE_SCALAR_min, .arg = {3, 2}}};
static const hone_instr add_relu[] = {{.op = HONE_SCALAR_add, .arg = {1, 0}},
                                      {.op = HONE_SCALAR_relu, .arg = {2}}};
static const hone_instr scale_silu[] = {{.op = HONE_SCALAR_mul, .arg = {0, 1}},
                                        {.op = HONE_SCALAR_sigmoid, .arg = {2}},
                                        {.op = HONE_SCALAR_mul, .arg = {2, 3}}};
static const hone_program programs[] = {
    [CLIP] = {1, 4, clip}, [ADD_RELU] = {2, 2, add_relu}, [SCALE_SILU] = {2, 3, scale_silu}};

typedef struct shape {
    int64_t out[3], in_pixels, out_pixels, taps, in_group, out_group;
} shape;

static shape shape_of(const conv_case *c)
{
    shape s = {.in_pixels = 1, .out_pixels = 1, .taps = 1};

    for (int d = 0; d < c->n; d++) {
        s.out[d] =
            (c->in[d] + c->pad[d] + c->pad[c->n + d] - c->dilation[d] * (c->kernel[d] - 1) - 1) /
                c->stride[d] +
            1;
        s.in_pixels *= c->in[d];
        s.out_pixels *= s.out[d];
        s.taps *= c->kernel[d];
    }
    s.in_group = c->channels / c->group;
    s.out_group = c->outputs / c->group;
    return s;
}

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

/* The input pixel under a tap of an output pixel, or -1. */
static int64_t tap_pixel(const conv_case *c, const shape *s, int64_t out, int64_t tap)
{
    int64_t o[3], k[3], pixel = 0;

    for (int d = c->n - 1; d >= 0; d--) {
        o[d] = out % s->out[d], out /= s->out[d];
        k[d] = tap % c->kernel[d], tap /= c->kernel[d];
    }
    for (int d = 0; d < c->n; d++) {
        const int64_t i = o[d] * c->stride[d] - c->pad[d] + k[d] * c->dilation[d];
        if (i < 0 || i >= c->in[d])
            return -1;
        pixel = pixel * c->in[d] + i;
    }
    return pixel;
}

static double convolve(const conv_case *c, const shape *s, const t_tensor *x, const t_tensor *w,
                       bool last, int64_t n, int64_t o, int64_t pixel)
{
    const int64_t c0 = o / s->out_group * s->in_group;
    double sum = 0;

    for (int64_t t = 0; t < s->taps; t++) {
        const int64_t from = tap_pixel(c, s, pixel, t);
        for (int64_t i = 0; from >= 0 && i < s->in_group; i++)
            sum += t_get(x, at(n, c0 + i, from, c->channels, s->in_pixels, last)) *
                   t_get(w, (o * s->in_group + i) * s->taps + t);
    }
    return sum;
}

static double finish(const conv_case *c, double x, double other)
{
    switch (c->epilogue) {
    case CLIP: return x < -0.25 ? -0.25 : x > 0.75 ? 0.75 : x;
    case ADD_RELU: return x + other < 0 ? 0 : x + other;
    case SCALE_SILU: return x * other / (1 + exp(-x * other));
    default: return x;
    }
}

static void run_case(const conv_case *c, bool last)
{
    const shape s = shape_of(c);
    hone_dims wd = {.rank = c->n + 2, .dim = {c->outputs, s.in_group}}, sd;
    t_tensor x = t_make(HONE_F32, dims_of(c->n, c->batch, c->channels, c->in, last)), w, bias,
             extra;
    t_tensor y = t_make(HONE_F32, dims_of(c->n, c->batch, c->outputs, s.out, last));
    hone_attrs attrs = {0};
    hone_tensor *in[4], *out[] = {&y.t};
    hone_cpu_call call = {.op = HONE_OP_conv,
                          .attrs = &attrs,
                          .n_in = c->epilogue > CLIP ? 4 : 3,
                          .n_out = 1,
                          .in = in,
                          .out = out};
    double *want = calloc((size_t)hone_tensor_count(&y.t) + 1, sizeof *want);

    memcpy(wd.dim + 2, c->kernel, sizeof c->kernel);
    sd = dims_of(c->n, 1, c->outputs, (int64_t[])ONES, last);
    w = t_make(HONE_F32, wd);
    bias = t_make(HONE_F32, DIMS(c->outputs));
    extra = t_make(HONE_F32, c->epilogue == ADD_RELU ? y.t.shape : sd);
    t_fill(&x, 1, 1.0), t_fill(&w, 2, 1.0), t_fill(&bias, 3, 1.0), t_fill(&extra, 4, 1.0);
    in[0] = &x.t, in[1] = &w.t, in[2] = c->bias ? &bias.t : NULL, in[3] = &extra.t;
    attrs.conv = (hone_attrs_conv){.group = c->group,
                                   .strides = {c->n, c->stride},
                                   .dilations = {c->n, c->dilation},
                                   .pads = {2 * c->n, c->pad},
                                   .layout = last ? HONE_LAYOUT_LAST : HONE_LAYOUT_FIRST,
                                   .program = c->epilogue ? &programs[c->epilogue] : NULL};
    for (int64_t n = 0; n < c->batch; n++) {
        for (int64_t o = 0; o < c->outputs; o++) {
            for (int64_t p = 0; p < s.out_pixels; p++) {
                const int64_t to = at(n, o, p, c->outputs, s.out_pixels, last);
                const double sum =
                    convolve(c, &s, &x, &w, last, n, o, p) + (c->bias ? t_get(&bias, o) : 0);
                want[to] = finish(c, sum,
                                  c->epilogue == ADD_RELU     ? t_get(&extra, to)
                                  : c->epilogue == SCALE_SILU ? t_get(&extra, o)
                                                              : 0);
            }
        }
    }
    t_run_everywhere(c->name, &call, &y, want, 2e-6 * sqrt((double)(s.taps * s.in_group) + 1));
    free(want);
    t_free(&x), t_free(&w), t_free(&bias), t_free(&extra), t_free(&y);
}

static void test_conv_channels_last(void **state)
{
    (void)state;
    for (int i = 0; i < HONE_COUNT(cases); i++)
        run_case(&cases[i], true);
}

static void test_conv_channels_first(void **state)
{
    (void)state;
    for (int i = 0; i < HONE_COUNT(cases); i++)
        run_case(&cases[i], false);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_conv_channels_last),
        cmocka_unit_test(test_conv_channels_first),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
