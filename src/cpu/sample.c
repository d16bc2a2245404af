/* grid_sample and affine_grid: pictures (and volumes) read at positions from data. Every axis of a
 * position gives a few taps, the value is the sum over their product; padding is decided tap by
 * tap. */
#include <math.h>

#include "cpu/kernel.h"

enum {
    SAMPLE_LINEAR,
    SAMPLE_NEAREST,
    SAMPLE_CUBIC
};
enum {
    PADDING_ZEROS,
    PADDING_BORDER,
    PADDING_REFLECTION
};

#define MAX_AXES 3

typedef struct taps {
    int n;
    int64_t at[4]; /* -1: nothing there */
    double weight[4];
} taps;

typedef struct sample_job {
    const hone_tensor *x, *grid, *y;
    int axes;
    int64_t mode, padding;
    bool align;
    int64_t points, channels, pixels; /* points and pixels: to a picture */
    int64_t dim[MAX_AXES], stride[MAX_AXES];
} sample_job;

/* Into [low, high] as by mirrors at both ends. */
static double reflected(double x, double low, double high)
{
    const double range = high - low;

    if (range <= 0)
        return low;
    if (x >= low && x <= high)
        return x;
    const double d = x < low ? low - x : x - high, turns = floor(d / range), r = d - turns * range;
    const bool even = fmod(turns, 2) == 0;
    return (x < low) == even ? low + r : high - r;
}

static int64_t padded(const sample_job *job, double at, int64_t n)
{
    const double low = job->align ? 0 : -0.5, high = (double)n - (job->align ? 1 : 0.5);

    if (at >= 0 && at <= (double)(n - 1))
        return (int64_t)at;
    if (job->padding == PADDING_ZEROS)
        return -1;
    if (job->padding == PADDING_REFLECTION)
        at = reflected(at, low, high);
    return (int64_t)HONE_MIN(HONE_MAX(at, 0), (double)(n - 1));
}

static double cubic_at(double x)
{
    x = fabs(x);
    if (x <= 1)
        return (1.25 * x - 2.25) * x * x + 1;
    return x < 2 ? ((-0.75 * x + 3.75) * x - 6) * x + 3 : 0;
}

/* The taps of one coordinate in [-1, 1] of an axis of n. */
static void taps_of(const sample_job *job, double g, int64_t n, taps *out)
{
    const double low = job->align ? 0 : -0.5, high = (double)n - (job->align ? 1 : 0.5);
    double x = job->align ? (g + 1) / 2 * (double)(n - 1) : ((g + 1) * (double)n - 1) / 2;

    if (!(fabs(x) < 1e15)) /* NaN and what no picture has */
        x = -1e15;
    if (job->mode == SAMPLE_NEAREST)
        x = rint(x);
    if (x < low || x > high) {
        if (job->padding == PADDING_BORDER)
            x = HONE_MIN(HONE_MAX(x, 0), (double)(n - 1));
        else if (job->padding == PADDING_REFLECTION)
            x = reflected(x, low, high);
    }
    if (job->mode == SAMPLE_NEAREST) {
        *out = (taps){1, {padded(job, rint(x), n)}, {1}};
        return;
    }
    const double base = floor(x);
    out->n = job->mode == SAMPLE_CUBIC ? 4 : 2;
    for (int t = 0; t < out->n; t++) {
        const double at = base + t - (out->n == 4);
        out->at[t] = padded(job, at, n);
        out->weight[t] = out->n == 4 ? cubic_at(x - at) : 1 - fabs(x - at);
    }
}

static double sample_value(const sample_job *job, int64_t picture, const taps *t)
{
    int choice[MAX_AXES] = {0};
    double sum = 0;

    for (;;) {
        double weight = 1;
        int64_t at = picture;
        bool inside = true;
        for (int a = 0; a < job->axes; a++) {
            const int64_t k = t[a].at[choice[a]];
            inside = inside && k >= 0;
            at += k * job->stride[a];
            weight *= t[a].weight[choice[a]];
        }
        if (inside)
            sum += weight * hone_get(job->x, at);
        int a = job->axes - 1;
        while (a >= 0 && ++choice[a] == t[a].n)
            choice[a--] = 0;
        if (a < 0)
            return sum;
    }
}

static void sample_points(void *ctx, int64_t begin, int64_t end)
{
    const sample_job *job = ctx;
    taps t[MAX_AXES];

    for (int64_t i = begin; i < end; i++) {
        const int64_t batch = i / job->points, point = i % job->points;
        for (int a = 0; a < job->axes;
             a++) /* the grid's last axis begins with the innermost of the picture */
            taps_of(job, hone_get(job->grid, i * job->axes + job->axes - 1 - a), job->dim[a],
                    &t[a]);
        for (int64_t c = 0; c < job->channels; c++)
            hone_set(job->y, (batch * job->channels + c) * job->points + point,
                     sample_value(job, (batch * job->channels + c) * job->pixels, t));
    }
}

static hone_status run_grid_sample(const hone_cpu_call *call)
{
    const hone_attrs_grid_sample *a = &call->attrs->grid_sample;
    const hone_dims *x = &call->in[0]->shape, *grid = &call->in[1]->shape;
    sample_job job = {.x = call->in[0],
                      .grid = call->in[1],
                      .y = call->out[0],
                      .mode = a->mode,
                      .padding = a->padding_mode,
                      .align = a->align_corners != 0,
                      .axes = x->rank - 2};
    int64_t stride[HONE_MAX_RANK];

    if (job.axes < 1 || job.axes > MAX_AXES || grid->rank != x->rank ||
        grid->dim[grid->rank - 1] != job.axes || grid->dim[0] != x->dim[0])
        return hone_error(HONE_ERR_DEVICE, "grid_sample: the grid does not fit an input of rank %d",
                          x->rank);
    hone_dims_strides(x, stride);
    job.channels = x->dim[1];
    job.points = hone_dims_product(grid, 1, grid->rank - 1);
    job.pixels = hone_dims_product(x, 2, x->rank);
    for (int i = 0; i < job.axes; i++) {
        job.dim[i] = x->dim[2 + i];
        job.stride[i] = stride[2 + i];
    }
    if (job.pixels == 0 && hone_tensor_count(job.y) > 0)
        return hone_error(HONE_ERR_DEVICE, "grid_sample: an empty picture");
    hone_cpu_for(call, grid->dim[0] * job.points, hone_grain(job.channels * 40), sample_points,
                 &job);
    return HONE_OK;
}

const hone_cpu_kernel hone_cpu_grid_sample = {.run = run_grid_sample, .takes = hone_takes_float};

/* affine_grid: theta (2x3 or 3x4) times every point of a regular grid over [-1, 1]. */
static hone_status run_affine_grid(const hone_cpu_call *call)
{
    const hone_tensor *theta = call->in[0], *y = call->out[0];
    const int axes = y->shape.rank - 2;
    const bool align = call->attrs->affine_grid.align_corners != 0;
    const int64_t n = hone_tensor_count(y) / HONE_MAX(axes, 1);
    const int64_t points = hone_dims_product(&y->shape, 1, y->shape.rank - 1);

    if (axes < 2 || axes > 3 || hone_tensor_count(theta) != y->shape.dim[0] * axes * (axes + 1))
        return hone_error(HONE_ERR_DEVICE, "affine_grid: theta does not fit %d axes", axes);
    for (int64_t i = 0; i < n; i++) {
        double p[MAX_AXES + 1] = {0};
        int64_t rest = i % points;
        for (int k = 0; k < axes; k++) { /* innermost first, as the answer's coordinates */
            const int64_t extent = y->shape.dim[axes - k], at = rest % extent;
            p[k] = align ? (extent > 1 ? 2 * (double)at / (double)(extent - 1) - 1 : -1)
                         : (2 * (double)at + 1) / (double)extent - 1;
            rest /= extent;
        }
        p[axes] = 1;
        for (int r = 0; r < axes; r++) {
            double sum = 0;
            for (int k = 0; k <= axes; k++)
                sum += p[k] * hone_get(theta, (i / points * axes + r) * (axes + 1) + k);
            hone_set(y, i * axes + r, sum);
        }
    }
    return HONE_OK;
}

const hone_cpu_kernel hone_cpu_affine_grid = {.run = run_affine_grid, .takes = hone_takes_real};
