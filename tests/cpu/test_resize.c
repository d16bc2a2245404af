/* resize against ONNX's definition, position by position in double precision and without separating
 * the axes; frame against Pillow 13, whose answers for a made-up picture are written here. */
#include "plain_test.h"

/* ---- the definition
 * --------------------------------------------------------------------------------------------------
 */

static double source_of(int64_t mode, double x, double scale, double n_in, double n_out)
{
    switch (mode) {
    case HONE_COORD_ALIGN_CORNERS: return n_out == 1 ? 0 : x * (n_in - 1) / (n_out - 1);
    case HONE_COORD_ASYMMETRIC: return x / scale;
    case HONE_COORD_PYTORCH_HALF_PIXEL: return n_out == 1 ? -0.5 : (x + 0.5) / scale - 0.5;
    default: return (x + 0.5) / scale - 0.5;
    }
}

static double filter_at(int64_t mode, double d)
{
    d = fabs(d);
    if (mode == HONE_RESIZE_LINEAR)
        return d < 1 ? 1 - d : 0;
    return d <= 1  ? (1.25 * d - 2.25) * d * d + 1
           : d < 2 ? ((-0.75 * d + 3.75) * d - 6) * d + 3
                   : 0;
}

/* The weight of input k for output i along one axis. */
static double weight_of(const hone_attrs_resize *a, int64_t i, int64_t k, int64_t n_in,
                        int64_t n_out)
{
    const double scale = (double)n_out / (double)n_in, squeeze = a->antialias ? fmin(scale, 1) : 1;
    const double x =
        source_of(a->coordinate_transformation_mode, (double)i, scale, (double)n_in, (double)n_out);
    const int64_t reach = 2 * n_in + 8;
    double sum = 0, own = 0;

    if (a->mode == HONE_RESIZE_NEAREST) {
        const int64_t at =
            (int64_t)(a->nearest_mode == HONE_NEAREST_FLOOR ? floor(x) : ceil(x - 0.5));
        return HONE_MIN(HONE_MAX(at, 0), n_in - 1) == k;
    }
    for (int64_t t = -reach; t < n_in + reach; t++) {
        const double w = filter_at(a->mode, ((double)t - x) * squeeze);
        if (a->exclude_outside && (t < 0 || t >= n_in))
            continue;
        sum += w;
        own += HONE_MIN(HONE_MAX(t, 0), n_in - 1) == k ? w : 0;
    }
    return own / sum;
}

typedef struct resize_case {
    const char *name;
    hone_dims x, y;
    hone_attrs_resize a;
} resize_case;

#define CUBIC .cubic_coeff_a = -0.75f
static const resize_case cases[] = {
    {"nearest_up",
     {4, {1, 2, 3, 4}},
     {4, {1, 2, 6, 8}},
     {.coordinate_transformation_mode = HONE_COORD_ASYMMETRIC, .nearest_mode = HONE_NEAREST_FLOOR}},
    {"to_nothing", {4, {1, 2, 30, 40}}, {4, {1, 2, 0, 40}}, {0}},
    {"nearest_nhwc", {4, {1, 5, 4, 3}}, {4, {1, 7, 9, 3}}, {0}},
    {"nearest_odd", {4, {2, 1, 9, 7}}, {4, {2, 1, 4, 3}}, {0}},
    {"linear_up", {4, {1, 2, 5, 7}}, {4, {1, 2, 10, 14}}, {.mode = HONE_RESIZE_LINEAR}},
    {"linear_nhwc", {4, {1, 5, 7, 3}}, {4, {1, 11, 13, 3}}, {.mode = HONE_RESIZE_LINEAR}},
    {"linear_down", {4, {1, 2, 9, 8}}, {4, {1, 2, 4, 3}}, {.mode = HONE_RESIZE_LINEAR}},
    {"linear_corners",
     {4, {1, 1, 4, 5}},
     {4, {1, 1, 7, 1}},
     {.mode = HONE_RESIZE_LINEAR, .coordinate_transformation_mode = HONE_COORD_ALIGN_CORNERS}},
    {"linear_torch",
     {3, {2, 6, 5}},
     {3, {2, 1, 9}},
     {.mode = HONE_RESIZE_LINEAR, .coordinate_transformation_mode = HONE_COORD_PYTORCH_HALF_PIXEL}},
    {"linear_antialias",
     {4, {1, 2, 17, 23}},
     {4, {1, 2, 5, 6}},
     {.mode = HONE_RESIZE_LINEAR, .antialias = 1}},
    {"linear_3d", {5, {1, 1, 4, 5, 6}}, {5, {1, 1, 8, 3, 9}}, {.mode = HONE_RESIZE_LINEAR}},
    {"cubic_up", {4, {1, 1, 5, 6}}, {4, {1, 1, 9, 11}}, {.mode = HONE_RESIZE_CUBIC, CUBIC}},
    {"cubic_exclude",
     {4, {1, 1, 5, 6}},
     {4, {1, 1, 3, 11}},
     {.mode = HONE_RESIZE_CUBIC, .exclude_outside = 1, CUBIC}},
    {"cubic_antialias",
     {4, {1, 1, 16, 15}},
     {4, {1, 1, 5, 4}},
     {.mode = HONE_RESIZE_CUBIC, .antialias = 1, CUBIC}},
};

static double *definition(const resize_case *c, const t_tensor *x)
{
    const int64_t n_x = hone_dims_count_or_zero(&c->x), n_y = hone_dims_count_or_zero(&c->y);
    double *y = calloc((size_t)n_y, sizeof *y);

    for (int64_t i = 0; i < n_y; i++)
        for (int64_t j = 0; j < n_x; j++) {
            double w = 1;
            for (int64_t k = c->x.rank - 1, p = i, q = j; k >= 0 && w != 0; k--) {
                const int64_t at = p % c->y.dim[k], from = q % c->x.dim[k];
                w *= c->x.dim[k] == c->y.dim[k]
                         ? at == from
                         : weight_of(&c->a, at, from, c->x.dim[k], c->y.dim[k]);
                p /= c->y.dim[k];
                q /= c->x.dim[k];
            }
            y[i] += w * t_get(x, j);
        }
    return y;
}

static void test_resize(void **state)
{
    static const hone_dtype dtypes[] = {HONE_F32, HONE_F16};

    (void)state;
    for (int i = 0; i < 2 * HONE_COUNT(cases); i++) {
        const resize_case *c = &cases[i / 2];
        p_call p;
        p_begin(&p, HONE_OP_resize);
        p.attrs.resize = c->a;
        t_tensor *x = p_in(&p, dtypes[i % 2], c->x);
        t_fill(x, 9, 1);
        p_absent(&p);
        p_absent(&p);
        p_ints(&p, c->y.dim, c->y.rank);
        p_out(&p, dtypes[i % 2], c->y);
        double *want = definition(c, x);
        p_run(&p);
        p_check(c->name, &p, 0, want, i % 2 ? 2e-3 : 2e-6);
        free(want);
        p_end(&p);
    }
}

static void test_large_resize_is_the_same_for_any_threads(void **state)
{
    static const hone_dims x[] = {{4, {1, 3, 200, 300}}, {4, {1, 200, 300, 3}}},
                           y[] = {{4, {1, 3, 333, 250}}, {4, {1, 333, 250, 3}}};
    (void)state;
    for (int c = 0; c < 6; c++) {
        p_call p;
        p_begin(&p, HONE_OP_resize);
        p.attrs.resize.mode = c % 3;
        t_fill(p_in(&p, HONE_F32, x[c / 3]), 4, 1);
        p_absent(&p);
        p_absent(&p);
        p_ints(&p, y[c / 3].dim, 4);
        p_out(&p, HONE_F32, y[c / 3]);
        p_run(&p);
        p_end(&p);
    }
}

/* ---- frames
 * ----------------------------------------------------------------------------------------------------------
 */

static void make_picture(p_call *p)
{
    t_tensor *t = p_in(p, HONE_U8, DIMS(13, 17, 3));
    for (int64_t i = 0; i < 13 * 17 * 3; i++)
        ((uint8_t *)t->t.data)[i] = (uint8_t)((i * i * 7 + i * 31) % 251);
}

typedef struct frame_case {
    const char *name;
    int64_t width, height, resize, fit, filter;
    int first[12]; /* of Pillow's answer, interleaved */
    int sum;
} frame_case;

static const frame_case frames[] = {
    {"linear_shrunk",
     5,
     4,
     0,
     HONE_FIT_STRETCH,
     HONE_FILTER_LINEAR,
     {166, 131, 122, 127, 98, 122, 107, 122, 125, 132, 142, 160},
     7845},
    {"linear_grown",
     23,
     19,
     0,
     HONE_FIT_STRETCH,
     HONE_FILTER_LINEAR,
     {0, 38, 90, 95, 159, 83, 167, 174, 119, 179, 53, 193},
     170721},
    {"cubic_shrunk",
     5,
     4,
     0,
     HONE_FIT_STRETCH,
     HONE_FILTER_CUBIC,
     {170, 134, 121, 124, 92, 123, 102, 121, 118, 133, 145, 167},
     7837},
    {"cubic_grown",
     23,
     19,
     0,
     HONE_FIT_STRETCH,
     HONE_FILTER_CUBIC,
     {0, 15, 82, 83, 175, 71, 178, 203, 117, 184, 36, 204},
     170419},
    {"crop",
     6,
     6,
     8,
     HONE_FIT_CROP,
     HONE_FILTER_LINEAR,
     {133, 98, 130, 111, 116, 109, 89, 98, 121, 79, 126, 145},
     14072},
};

/* Pillow rounds between its two passes, this kernel once: a level apart at most, and less than one
 * in ten on average. */
static void test_frame(void **state)
{
    (void)state;
    for (int i = 0; i < 2 * HONE_COUNT(frames); i++) {
        const frame_case *c = &frames[i / 2];
        const bool last = i % 2;
        const int64_t pixels = c->width * c->height;
        double sum = 0;
        p_call p;
        p_begin(&p, HONE_OP_frame);
        p.attrs.frame = (hone_attrs_frame){.width = c->width,
                                           .height = c->height,
                                           .resize = c->resize,
                                           .fit = c->fit,
                                           .filter = c->filter,
                                           .layout = last};
        make_picture(&p);
        p_out(&p, HONE_F32,
              last ? DIMS(1, c->height, c->width, 3) : DIMS(1, 3, c->height, c->width));
        p_run(&p);
        const float *y = p.out[0]->data;
        for (int64_t k = 0; k < 3 * pixels; k++)
            sum += y[k];
        for (int k = 0; k < 12; k++) {
            const float got = last ? y[k] : y[k % 3 * pixels + k / 3];
            if (fabsf(got - (float)c->first[k]) > 1)
                fail_msg("%s: value %d is %g, not %d", c->name, k, got, c->first[k]);
        }
        if (fabs(sum - c->sum) > 0.1 * 3 * (double)pixels)
            fail_msg("%s: the sum is %g, not %d", c->name, sum, c->sum);
        p_end(&p);
    }
}

static void test_frame_letterbox(void **state)
{
    static const float mean[] = {10, 20, 30}, std[] = {2};
    p_call p;

    (void)state;
    p_begin(&p, HONE_OP_frame);
    p.attrs.frame = (hone_attrs_frame){.width = 17,
                                       .height = 17,
                                       .fit = HONE_FIT_LETTERBOX,
                                       .order = HONE_ORDER_BGR,
                                       .mean = {3, mean},
                                       .std = {1, std},
                                       .fill = 114};
    make_picture(&p);
    p_out(&p, HONE_F32, DIMS(1, 3, 17, 17));
    p_run(&p);
    const float *y = p.out[0]->data;
    const uint8_t *x = p.in[0]->data;
    for (int64_t c = 0; c < 3; c++)
        for (int64_t i = 0; i < 17 * 17; i++) {
            const int64_t row = i / 17 - 2;
            const float v = row < 0 || row >= 13 ? 114 : x[(row * 17 + i % 17) * 3 + 2 - c];
            assert_true(fabsf(y[c * 289 + i] - (v - mean[c]) / 2) < 1e-5f);
        }
    p_end(&p);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_resize),
        cmocka_unit_test(test_large_resize_is_the_same_for_any_threads),
        cmocka_unit_test(test_frame),
        cmocka_unit_test(test_frame_letterbox),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
