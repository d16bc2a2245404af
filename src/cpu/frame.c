/* A camera frame as a network wants it: resized, cropped or letterboxed, its channels ordered,
 * normalised, laid out. The filters are Pillow's: their support widens with the factor of
 * shrinking, so that every pixel of the picture counts, taps beyond the border are left out and the
 * rest weighed up; the resized value is rounded to 8 bits, as the training pipelines that networks
 * come from do. Each output row gathers its source rows first, then its columns. */
#include <math.h>

#include "cpu/kernel.h"

/* One axis: how an output position reads the source. */
typedef struct frame_axis {
    int64_t n_in, n_out; /* source extent; extent of the resized picture */
    int64_t shift;       /* output position 0 is resized position `shift` */
    double scale;        /* n_in / n_out */
    double support;
} frame_axis;

typedef struct frame_job {
    const hone_attrs_frame *a;
    const uint8_t *pixels;
    float *y;
    frame_axis rows, columns;
    int64_t width, height, channels;
    float mean[3], inverse[3]; /* of the channels: 1 / std */
    int taps;                  /* most of a column */
    int32_t *first, *n;  /* of each output column: source columns read; n 0: outside the picture */
    float *weight;       /* `taps` to a column */
    float *lines;        /* a source row of 3 floats a pixel, for every thread */
    int64_t left, right; /* source columns that are read at all */
} frame_job;

static double filter_support(int64_t filter)
{
    return filter == HONE_FILTER_CUBIC ? 2 : filter == HONE_FILTER_LINEAR ? 1 : 0;
}

static double filter_at(int64_t filter, double x)
{
    x = fabs(x);
    if (filter == HONE_FILTER_LINEAR)
        return x < 1 ? 1 - x : 0;
    if (x < 1) /* cubic with a = -0.5 */
        return (1.5 * x - 2.5) * x * x + 1;
    return x < 2 ? ((-0.5 * x + 2.5) * x - 4) * x + 2 : 0;
}

static int axis_taps(const frame_axis *axis)
{
    return axis->support == 0 ? 1 : (int)(2 * ceil(axis->support)) + 2;
}

/* The source range of an output position; false where the position lies outside the resized
 * picture. */
static bool axis_range(const frame_axis *axis, int64_t at, int64_t *first, int64_t *n)
{
    const double centre = ((double)(at + axis->shift) + 0.5) * axis->scale;

    if (at + axis->shift < 0 || at + axis->shift >= axis->n_out)
        return false;
    if (axis->support == 0) {
        *first = HONE_MIN((int64_t)centre, axis->n_in - 1);
        *n = 1;
        return true;
    }
    *first = HONE_MAX((int64_t)floor(centre - axis->support + 0.5), 0);
    *n = HONE_MIN((int64_t)floor(centre + axis->support + 0.5), axis->n_in) - *first;
    if (*n < 1) {
        *first = HONE_MIN(*first, axis->n_in - 1);
        *n = 1;
    }
    return true;
}

static double axis_weight(const frame_axis *axis, int64_t filter, int64_t at, int64_t source)
{
    const double centre = ((double)(at + axis->shift) + 0.5) * axis->scale;
    return axis->support == 0
               ? 1
               : filter_at(filter, ((double)source + 0.5 - centre) / HONE_MAX(axis->scale, 1));
}

static double axis_sum(const frame_axis *axis, int64_t filter, int64_t at, int64_t first, int64_t n)
{
    double sum = 0;

    for (int64_t i = 0; i < n; i++)
        sum += axis_weight(axis, filter, at, first + i);
    return sum != 0 ? sum : 1;
}

/* ---- geometry
 * --------------------------------------------------------------------------------------------------------
 */

/* crop: the shorter side becomes `resize` (the longer is cut to a whole pixel), the middle is kept,
 * its corner rounded to even halves as Python does. letterbox: the whole picture fits. stretch:
 * each side by itself. */
static void set_geometry(const hone_attrs_frame *a, int64_t w, int64_t h, frame_axis *x,
                         frame_axis *y)
{
    const int64_t target = a->resize > 0 ? a->resize : HONE_MIN(a->width, a->height);

    *x = (frame_axis){.n_in = w, .n_out = a->width};
    *y = (frame_axis){.n_in = h, .n_out = a->height};
    if (a->fit == HONE_FIT_CROP) {
        x->n_out = w <= h ? target : (int64_t)((double)target * (double)w / (double)h);
        y->n_out = h <= w ? target : (int64_t)((double)target * (double)h / (double)w);
        x->shift = (int64_t)rint((double)(x->n_out - a->width) / 2);
        y->shift = (int64_t)rint((double)(y->n_out - a->height) / 2);
    } else if (a->fit == HONE_FIT_LETTERBOX) {
        const double s = HONE_MIN((double)a->width / (double)w, (double)a->height / (double)h);
        x->n_out = HONE_MAX((int64_t)floor((double)w * s + 0.5), 1);
        y->n_out = HONE_MAX((int64_t)floor((double)h * s + 0.5), 1);
        x->shift = -((a->width - x->n_out) / 2);
        y->shift = -((a->height - y->n_out) / 2);
    }
    x->scale = (double)w / (double)HONE_MAX(x->n_out, 1);
    y->scale = (double)h / (double)HONE_MAX(y->n_out, 1);
    x->support = filter_support(a->filter) * HONE_MAX(x->scale, 1);
    y->support = filter_support(a->filter) * HONE_MAX(y->scale, 1);
}

static float entry_of(const hone_floats *v, int64_t c, float otherwise)
{
    return v->n == 0 ? otherwise : v->v[HONE_MIN(c, v->n - 1)];
}

static bool set_frame(const hone_cpu_call *call, frame_job *job)
{
    const hone_dims *x = &call->in[0]->shape, *y = &call->out[0]->shape;
    const hone_attrs_frame *a = &call->attrs->frame;
    const bool last = a->layout == HONE_LAYOUT_LAST;

    if (x->rank != 3 || x->dim[2] != 3 || y->rank != 4 || x->dim[0] < 1 || x->dim[1] < 1)
        return false;
    *job = (frame_job){.a = a,
                       .pixels = call->in[0]->data,
                       .y = call->out[0]->data,
                       .height = y->dim[last ? 1 : 2],
                       .width = y->dim[last ? 2 : 3],
                       .channels = y->dim[last ? 3 : 1]};
    if (job->width != a->width || job->height != a->height || job->width < 1 || job->height < 1 ||
        job->channels != (a->order == HONE_ORDER_GRAY ? 1 : 3))
        return false;
    set_geometry(a, x->dim[1], x->dim[0], &job->columns, &job->rows);
    job->taps = axis_taps(&job->columns);
    for (int c = 0; c < 3; c++) {
        job->mean[c] = entry_of(&a->mean, c, 0);
        job->inverse[c] = 1 / entry_of(&a->std, c, 1);
    }
    return true;
}

/* Tables, then the threads' lines. A frame that is not there yet counts with its largest extents.
 */
static size_t table_bytes(const frame_job *job)
{
    return hone_align_up((size_t)job->width * (size_t)(job->taps + 2) * 4, HONE_ALIGNMENT);
}

static size_t line_bytes(const frame_job *job)
{
    return hone_align_up((size_t)job->columns.n_in * 3 * sizeof(float), HONE_ALIGNMENT);
}

static size_t scratch_frame(const hone_cpu_call *call)
{
    frame_job job;

    if (!set_frame(call, &job))
        return 0;
    return table_bytes(&job) + line_bytes(&job) * (size_t)hone_call_threads(call);
}

static void fill_columns(frame_job *job)
{
    job->left = job->columns.n_in;
    job->right = 0;
    for (int64_t i = 0; i < job->width; i++) {
        int64_t first = 0, n = 0;
        job->n[i] = 0;
        if (!axis_range(&job->columns, i, &first, &n))
            continue;
        const double sum = axis_sum(&job->columns, job->a->filter, i, first, n);
        job->first[i] = (int32_t)first;
        job->n[i] = (int32_t)HONE_MIN(n, job->taps);
        for (int k = 0; k < job->n[i]; k++)
            job->weight[i * job->taps + k] =
                (float)(axis_weight(&job->columns, job->a->filter, i, first + k) / sum);
        job->left = HONE_MIN(job->left, first);
        job->right = HONE_MAX(job->right, first + n);
    }
}

/* ---- pixels
 * ----------------------------------------------------------------------------------------------------------
 */

/* A pixel in the order and the units of the network. */
static void put_pixel(const frame_job *job, int64_t row, int64_t column, const float rgb[3])
{
    const bool last = job->a->layout == HONE_LAYOUT_LAST;

    for (int64_t c = 0; c < job->channels; c++) {
        const float v = job->channels == 1 ? 0.299f * rgb[0] + 0.587f * rgb[1] + 0.114f * rgb[2]
                        : job->a->order == HONE_ORDER_BGR ? rgb[2 - c]
                                                          : rgb[c];
        const int64_t at = last ? (row * job->width + column) * job->channels + c
                                : (c * job->height + row) * job->width + column;
        job->y[at] = (v - job->mean[c]) * job->inverse[c];
    }
}

static float level(float x)
{
    x = floorf(x + 0.5f);
    return x < 0 ? 0 : x > 255 ? 255 : x;
}

static void gather_row(const frame_job *job, int64_t row, int64_t first, int64_t n, float *line)
{
    const double sum = axis_sum(&job->rows, job->a->filter, row, first, n);
    const int64_t from = 3 * job->left, to = 3 * job->right, stride = 3 * job->columns.n_in;

    for (int64_t i = from; i < to; i++)
        line[i] = 0;
    for (int64_t k = 0; k < n; k++) {
        const float w = (float)(axis_weight(&job->rows, job->a->filter, row, first + k) / sum);
        const uint8_t *pixels = job->pixels + (first + k) * stride;
        for (int64_t i = from; i < to; i++)
            line[i] += w * (float)pixels[i];
    }
}

static void frame_rows(void *ctx, int64_t begin, int64_t end, int thread)
{
    const frame_job *job = ctx;
    float *line = (float *)(void *)((char *)job->lines + (size_t)thread * line_bytes(job));
    const float fill[3] = {job->a->fill, job->a->fill, job->a->fill};

    for (int64_t row = begin; row < end; row++) {
        int64_t first, n;
        const bool inside = axis_range(&job->rows, row, &first, &n);
        if (inside)
            gather_row(job, row, first, n, line);
        for (int64_t i = 0; i < job->width; i++) {
            float rgb[3] = {0, 0, 0};
            const float *at = line + 3 * (int64_t)job->first[i], *w = job->weight + i * job->taps;
            for (int k = 0; k < job->n[i] && inside; k++, at += 3) {
                rgb[0] += w[k] * at[0];
                rgb[1] += w[k] * at[1];
                rgb[2] += w[k] * at[2];
            }
            for (int c = 0; c < 3; c++)
                rgb[c] = level(rgb[c]);
            put_pixel(job, row, i, inside && job->n[i] ? rgb : fill);
        }
    }
}

static hone_status run_frame(const hone_cpu_call *call)
{
    frame_job job;

    if (!set_frame(call, &job))
        return hone_error(HONE_ERR_DEVICE, "frame: the picture must be uint8 [height, width, 3]");
    job.first = call->scratch;
    job.n = job.first + job.width;
    job.weight = (float *)(void *)(job.n + job.width);
    job.lines = (float *)(void *)((char *)call->scratch + table_bytes(&job));
    fill_columns(&job);
    const int64_t shrink = HONE_MAX((int64_t)job.rows.scale, 1);
    hone_cpu_for_thread(call, job.height, hone_grain(job.columns.n_in * shrink), frame_rows, &job);
    return HONE_OK;
}

static bool takes_frame(const hone_cpu_call *call)
{
    return call->in[0]->dtype == HONE_U8 && call->out[0]->dtype == HONE_F32;
}

const hone_cpu_kernel hone_cpu_frame = {
    .run = run_frame, .scratch = scratch_frame, .takes = takes_frame};
