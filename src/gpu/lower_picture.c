/* Pooling and resizing. */
#include <math.h>

#include "gpu/lower.h"

/* ---- pooling ---- */

/* Brings n <= 3 spatial numbers into the last of three places. */
static void spread(const int64_t *from, int n, int64_t by, int64_t out[3])
{
    for (int d = 0; d < 3; d++)
        out[d] = d < 3 - n ? by : from[d - (3 - n)];
}

static void knob_window(hone_candidate *c, const hone_window *w)
{
    const struct {
        const char *name;
        const int64_t *values;
        int64_t by;
    } rows[] = {
        {"IN", w->in, 1},           {"OUT", w->out, 1},           {"KERNEL", w->kernel, 1},
        {"STRIDE", w->stride, 1},   {"DILATION", w->dilation, 1}, {"PAD", w->pad_begin, 0},
        {"PAD_END", w->pad_end, 0},
    };

    for (int i = 0; i < HONE_COUNT(rows); i++) {
        int64_t three[3];
        spread(rows[i].values, w->n, rows[i].by, three);
        hone_knob_ints(c, rows[i].name, three, 3);
    }
}

static int64_t layout_of(const hone_lower *lower)
{
    return lower->op == HONE_OP_max_pool ? lower->attrs->max_pool.layout
                                         : lower->attrs->average_pool.layout;
}

/* The widest pack with which there are two full rounds of warps for every SM; 1 where none is. */
static int filling_pack(const hone_lower *lower, int v)
{
    const int64_t n = hone_tensor_count(lower->out[0]);

    while (v > 1 && n / v < 256 * (int64_t)lower->device.n_sms)
        v /= 2;
    return v;
}

static void offer_pool(hone_lower *lower, const hone_window *w, int v)
{
    const hone_tensor *x = lower->in[0];
    const bool is_max = lower->op == HONE_OP_max_pool;
    const bool is_last = layout_of(lower) == HONE_LAYOUT_LAST;
    const int64_t count = hone_tensor_count(lower->out[0]) / v;
    hone_candidate *c = hone_lower_candidate(lower, "pool");

    if (!c)
        return;
    hone_knob_type(c, "T", x->dtype);
    hone_knob_int(c, "V", v);
    hone_knob_bool(c, "IS_MAX", is_max);
    hone_knob_bool(c, "IS_LAST", is_last);
    hone_knob_int(c, "CHANNELS", x->shape.dim[is_last ? x->shape.rank - 1 : 1]);
    hone_knob_int(c, "COUNT", count);
    knob_window(c, w);
    hone_knob_bool(c, "COUNT_PAD", !is_max && lower->attrs->average_pool.count_include_pad);
    hone_knob_int(c, "THREADS", 128);
    hone_knob_index(c, count);
    hone_candidate_out(c, 0);
    hone_candidate_in(c, 0);
    hone_launch(c, count, 128);
}

hone_status hone_gpu_pool(hone_lower *lower)
{
    const hone_tensor *x = lower->in[0];
    hone_window w;

    if (!hone_gpu_is_float(x->dtype) || hone_lower_out(lower, 1) || x->shape.rank > 5)
        return HONE_OK;
    HONE_TRY(hone_window_of(lower->op, lower->attrs, &x->shape, NULL, &w));
    const bool is_last = layout_of(lower) == HONE_LAYOUT_LAST;
    const int most = is_last ? hone_gpu_pack(x->dtype, x->shape.dim[x->shape.rank - 1]) : 1;
    const int best = filling_pack(lower, most);
    offer_pool(lower, &w, best);
    for (int v = most; v >= 1; v /= 2)
        if (v != best)
            offer_pool(lower, &w, v);
    return HONE_OK;
}

hone_status hone_gpu_global_pool(hone_lower *lower)
{
    const hone_dims *x = &lower->in[0]->shape;
    const bool is_max = lower->op == HONE_OP_global_max_pool;
    const bool is_last = lower->attrs->global_average_pool.layout == HONE_LAYOUT_LAST;
    const int op = is_max ? HONE_OP_reduce_max : HONE_OP_reduce_mean;

    if (x->rank < 2)
        return HONE_OK;
    const int64_t channels = x->dim[is_last ? x->rank - 1 : 1];
    const int64_t pixels = hone_tensor_count(lower->in[0]) / x->dim[0] / channels;
    return is_last ? hone_gpu_reduce_runs(lower, op, x->dim[0], pixels, channels)
                   : hone_gpu_reduce_runs(lower, op, x->dim[0] * channels, pixels, 1);
}

/* ---- resizing ---- */

typedef struct resizing {
    int64_t h, w, oh, ow, inner;
    double scale[2], shift[2]; /* input position = scale * i + shift */
} resizing;

/* The input position of output i is affine in i for every mode but crops. */
static bool affine_of(int64_t mode, int64_t n_in, int64_t n_out, double by, double *scale,
                      double *shift)
{
    const double n = (double)n_in, length = by * n;

    *scale = 1 / by;
    *shift = 0.5 / by - 0.5;
    switch (mode) {
    case HONE_COORD_ALIGN_CORNERS:
        *scale = length == 1 ? 0 : (n - 1) / (length - 1);
        *shift = 0;
        return true;
    case HONE_COORD_ASYMMETRIC: *shift = 0; return true;
    case HONE_COORD_TF_HALF_PIXEL_FOR_NN: *shift = 0.5 / by; return true;
    case HONE_COORD_HALF_PIXEL_SYMMETRIC:
        *shift += n / 2 * (1 - (double)n_out / length);
        return true;
    case HONE_COORD_PYTORCH_HALF_PIXEL:
        if (n_out == 1) {
            *scale = 0;
            *shift = -0.5;
        }
        return true;
    default: return mode == HONE_COORD_HALF_PIXEL;
    }
}

/* The place of an axis among the scales; -1 where it has none. */
static int place_of(const hone_attrs_resize *a, int axis, int rank)
{
    if (a->axes.n == 0)
        return axis;
    for (int i = 0; i < a->axes.n; i++)
        if (a->axes.v[i] == axis || a->axes.v[i] + rank == axis)
            return i;
    return -1;
}

static double scale_of(const hone_lower *lower, int axis)
{
    const hone_tensor *scales = hone_lower_in(lower, 2), *x = lower->in[0];
    const int place = place_of(&lower->attrs->resize, axis, x->shape.rank);

    if (place >= 0 && scales && scales->data && hone_tensor_count(scales) > place)
        return hone_element_double(scales->dtype, scales->data, place);
    return (double)lower->out[0]->shape.dim[axis] / (double)x->shape.dim[axis];
}

/* One axis or two neighbouring ones that change. */
static bool resizing_of(const hone_lower *lower, resizing *r)
{
    const hone_dims *x = &lower->in[0]->shape, *y = &lower->out[0]->shape;
    const hone_attrs_resize *a = &lower->attrs->resize;
    int first = -1, last = -1;

    for (int d = 0; d < x->rank; d++)
        if (x->dim[d] != y->dim[d]) {
            first = first < 0 ? d : first;
            last = d;
        }
    if (first < 0 || last > first + 1 || a->antialias || a->mode == HONE_RESIZE_CUBIC ||
        a->keep_aspect_ratio_policy != 0)
        return false;
    *r = (resizing){
        .h = 1, .w = x->dim[last], .oh = 1, .ow = y->dim[last], .inner = 1, .scale = {1}};
    for (int d = last + 1; d < x->rank; d++)
        r->inner *= x->dim[d];
    if (last > first) {
        r->h = x->dim[first];
        r->oh = y->dim[first];
        if (!affine_of(a->coordinate_transformation_mode, r->h, r->oh, scale_of(lower, first),
                       &r->scale[0], &r->shift[0]))
            return false;
    }
    return affine_of(a->coordinate_transformation_mode, r->w, r->ow, scale_of(lower, last),
                     &r->scale[1], &r->shift[1]);
}

static void offer_resize(hone_lower *lower, const resizing *r, int v, int pixels, bool is_packed)
{
    const int64_t count = hone_tensor_count(lower->out[0]) / (v * pixels);
    hone_candidate *c = hone_lower_candidate(lower, "resize");

    if (!c)
        return;
    hone_knob_type(c, "T", lower->in[0]->dtype);
    hone_knob_int(c, "V", v);
    hone_knob_int(c, "PIXELS", pixels);
    hone_knob_bool(c, "IS_PACKED", is_packed);
    hone_knob_int(c, "H", r->h);
    hone_knob_int(c, "W", r->w);
    hone_knob_int(c, "OH", r->oh);
    hone_knob_int(c, "OW", r->ow);
    hone_knob_int(c, "INNER", r->inner);
    hone_knob_double(c, "SCALE_H", r->scale[0]);
    hone_knob_double(c, "SHIFT_H", r->shift[0]);
    hone_knob_double(c, "SCALE_W", r->scale[1]);
    hone_knob_double(c, "SHIFT_W", r->shift[1]);
    hone_knob_bool(c, "IS_LINEAR", lower->attrs->resize.mode == HONE_RESIZE_LINEAR);
    hone_knob_int(c, "ROUND", lower->attrs->resize.nearest_mode);
    hone_knob_int(c, "COUNT", count);
    hone_knob_int(c, "THREADS", 128);
    hone_knob_index(c, count);
    hone_candidate_out(c, 0);
    hone_candidate_in(c, 0);
    hone_launch(c, count, 128);
}

hone_status hone_gpu_resize(hone_lower *lower)
{
    resizing r;

    if (!hone_gpu_is_float(lower->in[0]->dtype) || !resizing_of(lower, &r))
        return HONE_OK;
    const int best = hone_gpu_pack(lower->in[0]->dtype, r.inner);
    int loose = 8; /* elements one by one, but the position found once for all of them */
    while (r.inner % loose)
        loose--;
    if (best < 4 && loose > best)
        offer_resize(lower, &r, loose, 1, false);
    for (int pixels = hone_gpu_pack(lower->in[0]->dtype, r.ow); r.inner == 1 && pixels > 1;
         pixels /= 2)
        offer_resize(lower, &r, 1, pixels, false);
    for (int v = best; v >= 1 && v * 4 >= best; v /= 2)
        offer_resize(lower, &r, v, 1, v > 1);
    return HONE_OK;
}
