/* Boxes of pictures brought to one size: roi_align (bilinear samples, averaged or their maximum)
 * and max_roi_pool. Boxes are data: sample counts that no picture needs are refused, coordinates
 * far outside read nothing. */
#include <math.h>

#include "cpu/kernel.h"

#define MOST_SAMPLES 4096 /* to a side of a bin */

typedef struct roi_job {
    const hone_cpu_call *call;
    const hone_tensor *x, *y, *rois;
    int64_t channels, height, width, out_h, out_w;
    double scale;
} roi_job;

typedef struct bilinear {
    int64_t at[4]; /* within the plane; meaningless where weight is 0 */
    double weight[4];
} bilinear;

/* Beyond a pixel outside the picture nothing is read; in the first pixel outside, the edge is. */
static bilinear bilinear_at(const roi_job *job, double y, double x)
{
    const int64_t h = job->height, w = job->width;
    bilinear b = {{0}, {0}};

    if (!(y >= -1 && y <= (double)h && x >= -1 && x <= (double)w))
        return b;
    y = HONE_MAX(y, 0);
    x = HONE_MAX(x, 0);
    const int64_t y0 = HONE_MIN((int64_t)y, h - 1), x0 = HONE_MIN((int64_t)x, w - 1);
    const int64_t y1 = HONE_MIN(y0 + 1, h - 1), x1 = HONE_MIN(x0 + 1, w - 1);
    const double fy = y0 == h - 1 ? 0 : y - (double)y0, fx = x0 == w - 1 ? 0 : x - (double)x0;
    return (bilinear){{y0 * w + x0, y0 * w + x1, y1 * w + x0, y1 * w + x1},
                      {(1 - fy) * (1 - fx), (1 - fy) * fx, fy * (1 - fx), fy * fx}};
}

typedef struct roi_box {
    double y, x, bin_h, bin_w;
    int64_t rows, columns; /* samples to a bin */
} roi_box;

static roi_box box_of(const roi_job *job, int64_t roi)
{
    const hone_attrs_roi_align *a = &job->call->attrs->roi_align;
    const double offset = a->coordinate_transformation_mode == 0 ? 0.5 : 0;
    const double x0 = hone_get(job->rois, roi * 4) * job->scale - offset;
    const double y0 = hone_get(job->rois, roi * 4 + 1) * job->scale - offset;
    double w = hone_get(job->rois, roi * 4 + 2) * job->scale - offset - x0;
    double h = hone_get(job->rois, roi * 4 + 3) * job->scale - offset - y0;

    if (a->coordinate_transformation_mode != 0) {
        w = HONE_MAX(w, 1);
        h = HONE_MAX(h, 1);
    }
    roi_box b = {y0,
                 x0,
                 h / (double)job->out_h,
                 w / (double)job->out_w,
                 a->sampling_ratio,
                 a->sampling_ratio};
    if (a->sampling_ratio <= 0) {
        b.rows = b.bin_h > 0 && b.bin_h <= MOST_SAMPLES ? (int64_t)ceil(b.bin_h)
                 : b.bin_h > 0                          ? -1
                                                        : 0;
        b.columns = b.bin_w > 0 && b.bin_w <= MOST_SAMPLES ? (int64_t)ceil(b.bin_w)
                    : b.bin_w > 0                          ? -1
                                                           : 0;
    }
    return b;
}

static double bin_value(const roi_job *job, const roi_box *b, int64_t plane, int64_t row,
                        int64_t column)
{
    const bool max = job->call->attrs->roi_align.mode != 0;
    double sum = 0, most = -INFINITY;

    for (int64_t i = 0; i < b->rows; i++)
        for (int64_t j = 0; j < b->columns; j++) {
            const double y = b->y + b->bin_h * ((double)row + ((double)i + 0.5) / (double)b->rows);
            const double x =
                b->x + b->bin_w * ((double)column + ((double)j + 0.5) / (double)b->columns);
            const bilinear t = bilinear_at(job, y, x);
            for (int k = 0; k < 4; k++) {
                const double v = t.weight[k] * hone_get(job->x, plane + t.at[k]);
                sum += v;
                most = fmax(most, v); /* ONNX's maximum is over the weighted corners */
            }
        }
    if (max)
        return b->rows * b->columns > 0 ? most : 0;
    return sum / (double)HONE_MAX(b->rows * b->columns, 1);
}

/* Items are planes: a channel of a box. */
static void align_planes(void *ctx, int64_t begin, int64_t end)
{
    const roi_job *job = ctx;

    for (int64_t i = begin; i < end; i++) {
        const int64_t roi = i / job->channels, batch = hone_get_int(job->call->in[2], roi);
        const roi_box b = box_of(job, roi);
        const int64_t plane =
            (batch * job->channels + i % job->channels) * job->height * job->width;
        for (int64_t k = 0; k < job->out_h * job->out_w; k++)
            hone_set(job->y, i * job->out_h * job->out_w + k,
                     bin_value(job, &b, plane, k / job->out_w, k % job->out_w));
    }
}

static hone_status set_roi_job(const hone_cpu_call *call, int columns, roi_job *job)
{
    const hone_dims *x = &call->in[0]->shape, *y = &call->out[0]->shape,
                    *rois = &call->in[1]->shape;

    if (x->rank != 4 || y->rank != 4 || rois->rank != 2 || rois->dim[1] != columns ||
        y->dim[0] != rois->dim[0] || x->dim[2] == 0 || x->dim[3] == 0)
        return hone_error(HONE_ERR_DEVICE, "%s: the boxes do not fit the picture",
                          hone_ops[call->op].name);
    *job = (roi_job){.call = call,
                     .x = call->in[0],
                     .y = call->out[0],
                     .rois = call->in[1],
                     .channels = x->dim[1],
                     .height = x->dim[2],
                     .width = x->dim[3],
                     .out_h = y->dim[2],
                     .out_w = y->dim[3]};
    return HONE_OK;
}

static hone_status run_roi_align(const hone_cpu_call *call)
{
    roi_job job;

    HONE_TRY(set_roi_job(call, 4, &job));
    job.scale = call->attrs->roi_align.spatial_scale;
    const int64_t n = job.rois->shape.dim[0];
    if (hone_tensor_count(call->in[2]) != n || call->attrs->roi_align.sampling_ratio > MOST_SAMPLES)
        return hone_error(HONE_ERR_DEVICE, "roi_align: as many batch indices as boxes are needed");
    for (int64_t i = 0; i < n; i++) {
        const int64_t batch = hone_get_int(call->in[2], i);
        const roi_box b = box_of(&job, i);
        if (batch < 0 || batch >= job.x->shape.dim[0] || b.rows < 0 || b.columns < 0)
            return hone_error(HONE_ERR_DEVICE, "roi_align: box %lld of picture %lld lies outside",
                              (long long)i, (long long)batch);
    }
    hone_cpu_for(call, n * job.channels, hone_grain(job.out_h * job.out_w * 32), align_planes,
                 &job);
    return HONE_OK;
}

static bool takes_roi_align(const hone_cpu_call *call)
{
    return hone_takes_float(call) && hone_dtype_is_integer(call->in[2]->dtype);
}

const hone_cpu_kernel hone_cpu_roi_align = {.run = run_roi_align, .takes = takes_roi_align};

/* max_roi_pool: boxes (batch, x0, y0, x1, y1) are rounded to pixels, both ends included. */
static double pixel_of(double x)
{
    return HONE_MIN(HONE_MAX(floor(x + 0.5), -1e9), 1e9);
}

static void pool_planes(void *ctx, int64_t begin, int64_t end)
{
    const roi_job *job = ctx;

    for (int64_t i = begin; i < end; i++) {
        const int64_t roi = i / job->channels, batch = (int64_t)hone_get(job->rois, roi * 5);
        const int64_t plane =
            (batch * job->channels + i % job->channels) * job->height * job->width;
        const double x0 = pixel_of(hone_get(job->rois, roi * 5 + 1) * job->scale);
        const double y0 = pixel_of(hone_get(job->rois, roi * 5 + 2) * job->scale);
        const double x1 = pixel_of(hone_get(job->rois, roi * 5 + 3) * job->scale);
        const double y1 = pixel_of(hone_get(job->rois, roi * 5 + 4) * job->scale);
        const double h = HONE_MAX(y1 - y0 + 1, 1) / (double)job->out_h,
                     w = HONE_MAX(x1 - x0 + 1, 1) / (double)job->out_w;
        for (int64_t k = 0; k < job->out_h * job->out_w; k++) {
            const double row = (double)(k / job->out_w), column = (double)(k % job->out_w);
            const int64_t top = (int64_t)HONE_MAX(floor(row * h) + y0, 0),
                          left = (int64_t)HONE_MAX(floor(column * w) + x0, 0);
            const int64_t bottom = (int64_t)HONE_MIN(ceil((row + 1) * h) + y0, (double)job->height);
            const int64_t right =
                (int64_t)HONE_MIN(ceil((column + 1) * w) + x0, (double)job->width);
            double most = top < bottom && left < right ? -INFINITY : 0;
            for (int64_t y = top; y < bottom; y++)
                for (int64_t x = left; x < right; x++)
                    most = fmax(most, hone_get(job->x, plane + y * job->width + x));
            hone_set(job->y, i * job->out_h * job->out_w + k, most);
        }
    }
}

static hone_status run_max_roi_pool(const hone_cpu_call *call)
{
    roi_job job;

    HONE_TRY(set_roi_job(call, 5, &job));
    job.scale = call->attrs->max_roi_pool.spatial_scale;
    for (int64_t i = 0; i < job.rois->shape.dim[0]; i++) {
        const double batch = hone_get(job.rois, i * 5);
        if (!(batch >= 0 && batch < (double)job.x->shape.dim[0]))
            return hone_error(HONE_ERR_DEVICE, "max_roi_pool: box %lld is of picture %g",
                              (long long)i, batch);
    }
    hone_cpu_for(call, job.rois->shape.dim[0] * job.channels, hone_grain(job.height * job.width),
                 pool_planes, &job);
    return HONE_OK;
}

const hone_cpu_kernel hone_cpu_max_roi_pool = {.run = run_max_roi_pool, .takes = hone_takes_float};
