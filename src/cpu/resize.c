/* Resize-19. Every axis is a table: for each output position the input positions it reads and their
 * weights. Nearest reads one position an axis and moves elements of any type, all axes at once.
 * Linear and cubic are separable: one pass an axis, in float, lines of neighbouring elements at a
 * time; integers are truncated at the end. A float64 picture loses bits. */
#include <math.h>

#include "cpu/kernel.h"

#define MAX_PASSES HONE_MAX_RANK

typedef struct resize_axis {
    int axis;
    int64_t n_in, n_out;
    int taps;
    double scale, roi_begin, roi_end;
    int32_t *index; /* n_out x taps, within [0, n_in) */
    float *weight;
    uint8_t *outside; /* n_out: reads the extrapolation value (tf_crop_and_resize) */
} resize_axis;

typedef struct resize_job {
    const hone_attrs_resize *a;
    const hone_tensor *x, *y;
    int n_axes;
    resize_axis axes[MAX_PASSES];
    size_t table_bytes;
    size_t buffer_bytes; /* of one intermediate result */
    int n_buffers;
} resize_job;

/* ---- which axes, how far
 * --------------------------------------------------------------------------------------------- */

/* The number of an axis in roi, scales and sizes; -1: it is not resized. */
static int axis_place(const hone_attrs_resize *a, int axis, int rank)
{
    if (a->axes.n == 0)
        return axis;
    for (int i = 0; i < a->axes.n; i++)
        if (a->axes.v[i] == axis || a->axes.v[i] + rank == axis)
            return i;
    return -1;
}

static bool has_data(const hone_cpu_call *call, int i, int64_t least)
{
    return hone_call_has(call, i) && hone_tensor_count(call->in[i]) >= least && call->in[i]->data;
}

/* With sizes and an aspect ratio to keep, all axes share the smallest or the largest of the ratios.
 */
static double shared_scale(const hone_cpu_call *call)
{
    const hone_attrs_resize *a = &call->attrs->resize;
    const hone_dims *x = &call->in[0]->shape;
    double scale = 0;

    for (int i = 0; i < x->rank; i++) {
        const int place = axis_place(a, i, x->rank);
        if (place < 0 || place >= hone_tensor_count(call->in[3]) || x->dim[i] == 0)
            continue;
        const double s = (double)hone_get_int(call->in[3], place) / (double)x->dim[i];
        if (scale == 0 || (a->keep_aspect_ratio_policy == 1 ? s < scale : s > scale))
            scale = s;
    }
    return scale;
}

static double axis_scale(const hone_cpu_call *call, int axis, int place)
{
    const double n_in = (double)call->in[0]->shape.dim[axis],
                 n_out = (double)call->out[0]->shape.dim[axis];
    double scale = n_out / n_in;

    if (place >= 0 && has_data(call, 3, place + 1) &&
        call->attrs->resize.keep_aspect_ratio_policy != 0)
        scale = shared_scale(call);
    else if (place >= 0 && has_data(call, 2, place + 1))
        scale = hone_get(call->in[2], place);
    return scale > 0 && isfinite(scale) ? scale : 1;
}

/* The least scale with which n_in can have become n_out, which bounds the taps of a widened filter.
 */
static int filter_taps(const hone_attrs_resize *a, int64_t n_in, int64_t n_out)
{
    const double least = HONE_MIN(((double)n_out - 0.5) / (double)n_in, 1.0);
    const int radius = a->mode == HONE_RESIZE_CUBIC ? 2 : 1;

    if (a->mode == HONE_RESIZE_NEAREST)
        return 1;
    return a->antialias ? 2 * (int)ceil(radius / least) + 2 : 2 * radius;
}

/* Whether an axis has to be looked at: at run time exactly, before (no data yet) where it may have
 * to. */
static bool axis_changes(const hone_cpu_call *call, int axis, int place)
{
    const hone_attrs_resize *a = &call->attrs->resize;
    const bool unknown =
        hone_call_has(call, 2) && hone_tensor_count(call->in[2]) > 0 && !call->in[2]->data;

    if (place < 0)
        return false;
    if (call->in[0]->shape.dim[axis] != call->out[0]->shape.dim[axis])
        return true;
    return a->coordinate_transformation_mode == HONE_COORD_TF_CROP_AND_RESIZE || unknown ||
           axis_scale(call, axis, place) != 1;
}

static void plan_resize(const hone_cpu_call *call, resize_job *job)
{
    const hone_dims *x = &call->in[0]->shape, *y = &call->out[0]->shape;
    int64_t count = hone_tensor_count(call->in[0]), most = 0;

    *job = (resize_job){.a = &call->attrs->resize, .x = call->in[0], .y = call->out[0]};
    if (count == 0 || hone_tensor_count(job->y) == 0)
        return;
    for (int i = 0; i < x->rank; i++) {
        const int place = axis_place(job->a, i, x->rank);
        if (!axis_changes(call, i, place))
            continue;
        const int taps = filter_taps(job->a, x->dim[i], y->dim[i]);
        job->axes[job->n_axes++] = (resize_axis){.axis = i,
                                                 .n_in = x->dim[i],
                                                 .n_out = y->dim[i],
                                                 .taps = taps,
                                                 .scale = axis_scale(call, i, place),
                                                 .roi_end = 1};
        job->table_bytes += hone_align_up((size_t)(y->dim[i] * (taps * 8 + 1)), HONE_ALIGNMENT);
        count = count / x->dim[i] * y->dim[i];
        most = HONE_MAX(most, count);
        if (has_data(call, 1, 2 * (place + 1))) {
            const int64_t n = hone_tensor_count(call->in[1]) / 2;
            job->axes[job->n_axes - 1].roi_begin = hone_get(call->in[1], place);
            job->axes[job->n_axes - 1].roi_end = hone_get(call->in[1], n + place);
        }
    }
    if (job->a->mode == HONE_RESIZE_NEAREST)
        return;
    const bool converts = job->x->dtype != HONE_F32 || job->y->dtype != HONE_F32;
    job->n_buffers = converts ? 2 : HONE_MIN(HONE_MAX(job->n_axes - 1, 0), 2);
    job->buffer_bytes = hone_align_up(
        (size_t)HONE_MAX(most, hone_tensor_count(job->x)) * sizeof(float), HONE_ALIGNMENT);
}

static size_t scratch_resize(const hone_cpu_call *call)
{
    resize_job job;

    plan_resize(call, &job);
    return job.table_bytes + job.buffer_bytes * (size_t)job.n_buffers;
}

/* ---- tables
 * ----------------------------------------------------------------------------------------------------------
 */

/* The input coordinate of an output position. ONNX's own length of the output is scale * n_in, a
 * fraction. */
static double source_of(int64_t mode, const resize_axis *r, int64_t i)
{
    const double x = (double)i, n_in = (double)r->n_in, n_out = r->scale * n_in;

    switch (mode) {
    case HONE_COORD_ALIGN_CORNERS: return n_out == 1 ? 0 : x * (n_in - 1) / (n_out - 1);
    case HONE_COORD_ASYMMETRIC: return x / r->scale;
    case HONE_COORD_PYTORCH_HALF_PIXEL: return r->n_out == 1 ? -0.5 : (x + 0.5) / r->scale - 0.5;
    case HONE_COORD_TF_HALF_PIXEL_FOR_NN: return (x + 0.5) / r->scale;
    case HONE_COORD_HALF_PIXEL_SYMMETRIC:
        return n_in / 2 * (1 - (double)r->n_out / n_out) + (x + 0.5) / r->scale - 0.5;
    case HONE_COORD_TF_CROP_AND_RESIZE:
        return r->roi_begin * (n_in - 1) +
               (r->n_out == 1 ? (r->roi_end - r->roi_begin) * (n_in - 1) / 2
                              : x * (r->roi_end - r->roi_begin) * (n_in - 1) / (n_out - 1));
    default: return (x + 0.5) / r->scale - 0.5;
    }
}

static int64_t nearest_of(int64_t mode, double x)
{
    switch (mode) {
    case HONE_NEAREST_ROUND_PREFER_CEIL: return (int64_t)floor(x + 0.5);
    case HONE_NEAREST_FLOOR: return (int64_t)floor(x);
    case HONE_NEAREST_CEIL: return (int64_t)ceil(x);
    default: return (int64_t)ceil(x - 0.5);
    }
}

static double cubic_weight(double x, double a)
{
    x = fabs(x);
    if (x <= 1)
        return ((a + 2) * x - (a + 3)) * x * x + 1;
    return x < 2 ? ((a * x - 5 * a) * x + 8 * a) * x - 4 * a : 0;
}

static void filter_row(const hone_attrs_resize *a, const resize_axis *r, double x, int32_t *index,
                       float *weight)
{
    const bool linear = a->mode == HONE_RESIZE_LINEAR;
    const double squeeze = a->antialias ? HONE_MIN(r->scale, 1.0) : 1;
    const int64_t first = (int64_t)floor(x) - r->taps / 2 + 1;
    double sum = 0;

    for (int t = 0; t < r->taps; t++) {
        const int64_t at = first + t;
        const bool outside = at < 0 || at >= r->n_in;
        const double d = ((double)at - x) * squeeze;
        double w = linear ? fmax(1 - fabs(d), 0) : cubic_weight(d, a->cubic_coeff_a);
        if (outside && a->exclude_outside)
            w = 0;
        index[t] = (int32_t)HONE_MIN(HONE_MAX(at, 0), r->n_in - 1);
        weight[t] = (float)w;
        sum += w;
    }
    for (int t = 0; t < r->taps && (a->antialias || a->exclude_outside) && sum != 0; t++)
        weight[t] = (float)(weight[t] / sum);
}

static void *fill_tables(const hone_cpu_call *call, resize_job *job)
{
    const hone_attrs_resize *a = job->a;
    char *at = call->scratch;

    for (int i = 0; i < job->n_axes; i++) {
        resize_axis *r = &job->axes[i];
        r->index = (int32_t *)(void *)at;
        r->weight = (float *)(void *)(r->index + r->n_out * r->taps);
        r->outside = (uint8_t *)(r->weight + r->n_out * r->taps);
        at += hone_align_up((size_t)(r->n_out * (r->taps * 8 + 1)), HONE_ALIGNMENT);
        for (int64_t k = 0; k < r->n_out; k++) {
            double x = source_of(a->coordinate_transformation_mode, r, k);
            r->outside[k] = a->coordinate_transformation_mode == HONE_COORD_TF_CROP_AND_RESIZE &&
                            !(x >= 0 && x <= (double)(r->n_in - 1));
            x = x > -1e9 && x < 1e9 ? x : 0; /* roi and scales are anybody's */
            if (a->mode == HONE_RESIZE_NEAREST)
                r->index[k] =
                    (int32_t)HONE_MIN(HONE_MAX(nearest_of(a->nearest_mode, x), 0), r->n_in - 1);
            else
                filter_row(a, r, x, r->index + k * r->taps, r->weight + k * r->taps);
        }
    }
    return at;
}

/* ---- nearest
 * ---------------------------------------------------------------------------------------------------------
 */

typedef struct nearest_job {
    const resize_job *job;
    const resize_axis *last;       /* the innermost resized axis */
    int64_t block;                 /* bytes within it that move together */
    int64_t dim[HONE_MAX_RANK];    /* output's, of the axes before it */
    int64_t stride[HONE_MAX_RANK]; /* input's, in blocks */
    const int32_t *index[HONE_MAX_RANK];
} nearest_job;

#define SPREAD(bytes)                                                                              \
    for (int64_t i = 0; i < n; i++)                                                                \
        memcpy(dst + i * bytes, src + index[i] * (int64_t)(bytes), bytes);                         \
    return

static void spread(char *dst, const char *src, const int32_t *index, int64_t n, int64_t block)
{
    switch (block) {
    case 1: SPREAD(1);
    case 2: SPREAD(2);
    case 4: SPREAD(4);
    case 8: SPREAD(8);
    default:
        for (int64_t i = 0; i < n; i++)
            memcpy(dst + i * block, src + index[i] * block, (size_t)block);
    }
}

/* Lines of the output along the innermost resized axis. Equal neighbours (whole-number upscaling)
 * are copied once made. */
static void nearest_lines(void *ctx, int64_t begin, int64_t end)
{
    const nearest_job *job = ctx;
    const int64_t bytes = job->last->n_out * job->block;
    int64_t before = -1;

    for (int64_t i = begin; i < end; i++) {
        int64_t from = 0, rest = i;
        for (int k = job->last->axis - 1; k >= 0; k--) {
            const int64_t at = rest % job->dim[k];
            from += (job->index[k] ? job->index[k][at] : at) * job->stride[k];
            rest /= job->dim[k];
        }
        char *dst = (char *)job->job->y->data + i * bytes;
        if (from == before)
            memcpy(dst, dst - bytes, (size_t)bytes);
        else
            spread(dst, (const char *)job->job->x->data + from * job->block, job->last->index,
                   job->last->n_out, job->block);
        before = from;
    }
}

static void resize_nearest(const hone_cpu_call *call, const resize_job *job)
{
    const hone_dims *x = &job->x->shape, *y = &job->y->shape;
    nearest_job n = {.job = job, .last = &job->axes[job->n_axes - 1]};
    int64_t stride = n.last->n_in;

    n.block =
        hone_dims_product(x, n.last->axis + 1, x->rank) * (int64_t)hone_element_size(job->x->dtype);
    for (int k = n.last->axis - 1; k >= 0; k--) {
        n.dim[k] = y->dim[k];
        n.stride[k] = stride;
        stride *= x->dim[k];
    }
    for (int i = 0; i < job->n_axes; i++)
        n.index[job->axes[i].axis] = job->axes[i].index;
    hone_cpu_for(call, hone_dims_product(y, 0, n.last->axis),
                 hone_grain(n.last->n_out * HONE_MAX(n.block / 8, 1)), nearest_lines, &n);
}

/* ---- linear and cubic
 * ------------------------------------------------------------------------------------------------
 */

typedef struct pass_job {
    const resize_axis *r;
    const float *x;
    float *y;
    int64_t inner;
} pass_job;

static void weigh_lines(float *y, const float *x, const int32_t *index, const float *weight,
                        int taps, int64_t n)
{
    if (taps == 2) {
        const float *a = x + index[0] * n, *b = x + index[1] * n;
        const float wa = weight[0], wb = weight[1];
        for (int64_t i = 0; i < n; i++)
            y[i] = wa * a[i] + wb * b[i];
        return;
    }
    for (int64_t i = 0; i < n; i++)
        y[i] = 0;
    for (int t = 0; t < taps; t++) {
        const float *a = x + index[t] * n;
        const float w = weight[t];
        for (int64_t i = 0; i < n && w != 0; i++)
            y[i] += w * a[i];
    }
}

static void weigh_points(float *y, const float *x, const resize_axis *r)
{
    if (r->taps == 2) {
        for (int64_t i = 0; i < r->n_out; i++)
            y[i] = r->weight[2 * i] * x[r->index[2 * i]] +
                   r->weight[2 * i + 1] * x[r->index[2 * i + 1]];
        return;
    }
    for (int64_t i = 0; i < r->n_out; i++) {
        float sum = 0;
        for (int t = 0; t < r->taps; t++)
            sum += r->weight[i * r->taps + t] * x[r->index[i * r->taps + t]];
        y[i] = sum;
    }
}

/* Items are lines of `inner` elements of the output, or whole axes where inner is 1. */
static void pass_lines(void *ctx, int64_t begin, int64_t end)
{
    const pass_job *job = ctx;
    const resize_axis *r = job->r;

    for (int64_t i = begin; i < end; i++) {
        if (job->inner == 1) {
            weigh_points(job->y + i * r->n_out, job->x + i * r->n_in, r);
            continue;
        }
        const int64_t k = i % r->n_out;
        weigh_lines(job->y + i * job->inner, job->x + i / r->n_out * r->n_in * job->inner,
                    r->index + k * r->taps, r->weight + k * r->taps, r->taps, job->inner);
    }
}

typedef struct convert_job {
    const hone_tensor *t;
    float *f;
    bool to_tensor;
} convert_job;

static void convert_range(void *ctx, int64_t begin, int64_t end)
{
    const convert_job *job = ctx;

    if (job->to_tensor)
        hone_write_f32(job->t->dtype, job->t->data, begin, end - begin, job->f + begin);
    else
        hone_read_f32(job->t->dtype, job->t->data, begin, end - begin, job->f + begin);
}

static void resize_filtered(const hone_cpu_call *call, const resize_job *job, char *buffers)
{
    const hone_dims *x = &job->x->shape;
    hone_dims now = *x;
    float *buffer[2] = {(float *)(void *)buffers, (float *)(void *)(buffers + job->buffer_bytes)};
    const float *from = job->x->data;
    int free_buffer = 0;

    if (job->x->dtype != HONE_F32) {
        convert_job in = {job->x, buffer[0], false};
        hone_cpu_for(call, hone_tensor_count(job->x), HONE_WORK, convert_range, &in);
        from = buffer[0];
        free_buffer = 1;
    }
    for (int i = 0; i < job->n_axes; i++) {
        const resize_axis *r = &job->axes[i];
        const bool is_last = i == job->n_axes - 1 && job->y->dtype == HONE_F32;
        pass_job pass = {r, from, is_last ? job->y->data : buffer[free_buffer],
                         hone_dims_product(&now, r->axis + 1, now.rank)};
        const int64_t outer = hone_dims_product(&now, 0, r->axis);
        if (pass.inner == 1)
            hone_cpu_for(call, outer, hone_grain(r->n_out * r->taps), pass_lines, &pass);
        else
            hone_cpu_for(call, outer * r->n_out, hone_grain(pass.inner * r->taps / 2), pass_lines,
                         &pass);
        now.dim[r->axis] = r->n_out;
        from = pass.y;
        free_buffer ^= 1;
    }
    if (job->y->dtype != HONE_F32) {
        convert_job out = {job->y, (float *)(uintptr_t)from, true};
        hone_cpu_for(call, hone_tensor_count(job->y), HONE_WORK, convert_range, &out);
    }
}

/* tf_crop_and_resize: every output with any coordinate outside the input gets one value. */
static void extrapolate(const resize_job *job)
{
    const int64_t n = hone_tensor_count(job->y);

    for (int a = 0; a < job->n_axes; a++) {
        const resize_axis *r = &job->axes[a];
        const int64_t inner = hone_dims_product(&job->y->shape, r->axis + 1, job->y->shape.rank);
        for (int64_t i = 0; i < n; i++)
            if (r->outside[i / inner % r->n_out])
                hone_set(job->y, i, job->a->extrapolation_value);
    }
}

static hone_status run_resize(const hone_cpu_call *call)
{
    resize_job job;

    if (hone_tensor_count(call->out[0]) == 0)
        return HONE_OK;
    plan_resize(call, &job);
    if (job.n_axes == 0) {
        hone_move_dense(call, call->out[0], call->in[0]);
        return HONE_OK;
    }
    char *buffers = fill_tables(call, &job);
    if (job.a->mode == HONE_RESIZE_NEAREST)
        resize_nearest(call, &job);
    else
        resize_filtered(call, &job, buffers);
    if (job.a->coordinate_transformation_mode == HONE_COORD_TF_CROP_AND_RESIZE)
        extrapolate(&job);
    return HONE_OK;
}

static bool takes_resize(const hone_cpu_call *call)
{
    return hone_is_real(call->in[0]->dtype) && hone_element_size(call->in[0]->dtype) > 0;
}

const hone_cpu_kernel hone_cpu_resize = {
    .run = run_resize, .scratch = scratch_resize, .takes = takes_resize};
