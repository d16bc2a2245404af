/* Normalisations by mean and variance: batch, instance, group, RMS, mean-variance, and local
 * response. Means and variances are taken in double in two passes, then every value is one multiply
 * and one add. */
#include <math.h>

#include "cpu/kernel.h"

#define STRIP 128 /* neighbouring lines of a local response together */
#define LANES 8   /* independent sums of a float32 run */

/* n neighbouring values: their sum, and the sum of their squared distances from a centre. */
static double run_sum(const hone_tensor *x, int64_t at, int64_t n)
{
    double lane[LANES] = {0}, sum = 0;
    int64_t i = 0;

    if (x->dtype == HONE_F32) {
        const float *v = (const float *)x->data + at;
        for (; i + LANES <= n; i += LANES)
            for (int k = 0; k < LANES; k++)
                lane[k] += v[i + k];
    }
    for (; i < n; i++)
        sum += hone_get(x, at + i);
    for (int k = 0; k < LANES; k++)
        sum += lane[k];
    return sum;
}

static double run_square(const hone_tensor *x, int64_t at, int64_t n, double centre)
{
    double lane[LANES] = {0}, sum = 0;
    int64_t i = 0;

    if (x->dtype == HONE_F32) {
        const float *v = (const float *)x->data + at;
        for (; i + LANES <= n; i += LANES)
            for (int k = 0; k < LANES; k++)
                lane[k] += (v[i + k] - centre) * (v[i + k] - centre);
    }
    for (; i < n; i++)
        sum += (hone_get(x, at + i) - centre) * (hone_get(x, at + i) - centre);
    for (int k = 0; k < LANES; k++)
        sum += lane[k];
    return sum;
}

static void run_affine(const hone_tensor *x, const hone_tensor *y, int64_t at, int64_t n,
                       double scale, double shift)
{
    if (x->dtype == HONE_F32 && y->dtype == HONE_F32) {
        const float *from = (const float *)x->data + at;
        float *to = (float *)y->data + at;
        const float s = (float)scale, b = (float)shift;
        for (int64_t i = 0; i < n; i++)
            to[i] = from[i] * s + b;
        return;
    }
    for (int64_t i = 0; i < n; i++)
        hone_set(y, at + i, hone_get(x, at + i) * scale + shift);
}

/* ---- batch
 * -----------------------------------------------------------------------------------------------------------
 */

typedef struct norm_job {
    const hone_cpu_call *call;
    const hone_tensor *x, *y, *scale, *bias;
    int64_t channels, inner, groups;
    double epsilon;
} norm_job;

static norm_job norm_job_of(const hone_cpu_call *call, int bias, double epsilon)
{
    const hone_dims *x = &call->in[0]->shape;

    return (norm_job){.call = call,
                      .x = call->in[0],
                      .y = call->out[0],
                      .scale = call->in[1],
                      .bias = hone_call_has(call, bias) ? call->in[bias] : NULL,
                      .channels = x->rank > 1 ? x->dim[1] : 1,
                      .inner = hone_dims_product(x, 2, x->rank),
                      .groups = 1,
                      .epsilon = epsilon};
}

static void batch_lines(void *ctx, int64_t begin, int64_t end)
{
    const norm_job *job = ctx;

    for (int64_t i = begin; i < end; i++) {
        const int64_t c = i % job->channels;
        const double s =
            hone_get(job->scale, c) / sqrt(hone_get(job->call->in[4], c) + job->epsilon);
        run_affine(job->x, job->y, i * job->inner, job->inner, s,
                   hone_get(job->bias, c) - hone_get(job->call->in[3], c) * s);
    }
}

/* Training mode: this batch's own statistics, which also move the running ones. */
static void batch_channels(void *ctx, int64_t begin, int64_t end)
{
    const norm_job *job = ctx;
    const hone_cpu_call *call = job->call;
    const double keep = call->attrs->batch_normalization.momentum;
    const int64_t batch = call->in[0]->shape.dim[0];

    for (int64_t c = begin; c < end; c++) {
        const double n = (double)(batch * job->inner);
        double sum = 0, square = 0;
        for (int64_t b = 0; b < batch; b++)
            sum += run_sum(job->x, (b * job->channels + c) * job->inner, job->inner);
        for (int64_t b = 0; b < batch; b++)
            square += run_square(job->x, (b * job->channels + c) * job->inner, job->inner, sum / n);
        const double mean = sum / n, s = hone_get(job->scale, c) / sqrt(square / n + job->epsilon);
        for (int64_t b = 0; b < batch; b++)
            run_affine(job->x, job->y, (b * job->channels + c) * job->inner, job->inner, s,
                       hone_get(job->bias, c) - mean * s);
        if (hone_call_out(call, 1))
            hone_set(call->out[1], c, hone_get(call->in[3], c) * keep + mean * (1 - keep));
        if (hone_call_out(call, 2))
            hone_set(call->out[2], c, hone_get(call->in[4], c) * keep + square / n * (1 - keep));
    }
}

static hone_status run_batch_normalization(const hone_cpu_call *call)
{
    const hone_attrs_batch_normalization *a = &call->attrs->batch_normalization;
    norm_job job = norm_job_of(call, 2, a->epsilon);
    const int64_t lines = call->in[0]->shape.rank ? call->in[0]->shape.dim[0] * job.channels : 1;

    for (int i = 1; i < 5; i++)
        if (hone_tensor_count(call->in[i]) != job.channels)
            return hone_error(HONE_ERR_DEVICE,
                              "batch_normalization: input %d has not %lld elements", i,
                              (long long)job.channels);
    if (a->training_mode && call->in[0]->shape.rank > 0)
        hone_cpu_for(call, job.channels, hone_grain(lines * job.inner / HONE_MAX(job.channels, 1)),
                     batch_channels, &job);
    else
        hone_cpu_for(call, lines, hone_grain(job.inner), batch_lines, &job);
    return HONE_OK;
}

const hone_cpu_kernel hone_cpu_batch_normalization = {.run = run_batch_normalization,
                                                      .takes = hone_takes_float};

/* ---- instance and group
 * ---------------------------------------------------------------------------------------------- */

/* Items are groups of channels of one batch entry; an instance is a group of one channel. */
static void group_items(void *ctx, int64_t begin, int64_t end)
{
    const norm_job *job = ctx;
    const int64_t per = job->channels / job->groups;
    const int64_t n = per * job->inner;

    for (int64_t i = begin; i < end; i++) {
        const double mean = run_sum(job->x, i * n, n) / (double)n;
        const double inverse =
            1 / sqrt(run_square(job->x, i * n, n, mean) / (double)n + job->epsilon);
        for (int64_t k = 0; k < per; k++) {
            const int64_t c = i % job->groups * per + k;
            const double s = hone_get(job->scale, c) * inverse;
            run_affine(job->x, job->y, i * n + k * job->inner, job->inner, s,
                       hone_get(job->bias, c) - mean * s);
        }
    }
}

static hone_status run_groups(const hone_cpu_call *call, int64_t groups, double epsilon)
{
    norm_job job = norm_job_of(call, 2, epsilon);

    job.groups = groups ? groups : job.channels;
    if (call->in[0]->shape.rank < 2 || job.groups < 1 || job.channels % job.groups ||
        hone_tensor_count(job.scale) != job.channels || hone_tensor_count(job.bias) != job.channels)
        return hone_error(HONE_ERR_DEVICE, "%s: %lld channels in %lld groups",
                          hone_ops[call->op].name, (long long)job.channels, (long long)job.groups);
    hone_cpu_for(call, call->in[0]->shape.dim[0] * job.groups,
                 hone_grain(4 * job.channels / job.groups * job.inner), group_items, &job);
    return HONE_OK;
}

static hone_status run_instance_normalization(const hone_cpu_call *call)
{
    return call->in[0]->shape.rank > 1 && call->in[0]->shape.dim[1] == 0
               ? HONE_OK
               : run_groups(call, 0, call->attrs->instance_normalization.epsilon);
}

static hone_status run_group_normalization(const hone_cpu_call *call)
{
    return run_groups(call, call->attrs->group_normalization.num_groups,
                      call->attrs->group_normalization.epsilon);
}

const hone_cpu_kernel hone_cpu_instance_normalization = {.run = run_instance_normalization,
                                                         .takes = hone_takes_float};
const hone_cpu_kernel hone_cpu_group_normalization = {.run = run_group_normalization,
                                                      .takes = hone_takes_float};

/* ---- RMS
 * -------------------------------------------------------------------------------------------------------------
 */

typedef struct rms_job {
    const hone_tensor *x, *y, *scale;
    hone_loop loop; /* within a row: operand 0 the row, operand 1 the scale */
    int64_t n;
    int64_t scale_stride; /* from a row to the next, where the scale has the input's whole shape */
    double epsilon;
} rms_job;

static void rms_rows(void *ctx, int64_t begin, int64_t end)
{
    const rms_job *job = ctx;

    for (int64_t i = begin; i < end; i++) {
        const double mean = run_square(job->x, i * job->n, job->n, 0) / (double)job->n;
        const double inverse = 1 / sqrt(mean + job->epsilon);
        hone_walk walk;
        hone_walk_begin(&walk, &job->loop, job->loop.rank, 0);
        for (int64_t k = 0; k < job->n; k++, hone_walk_next(&walk))
            hone_set(job->y, i * job->n + k,
                     hone_get(job->x, i * job->n + k) * inverse *
                         hone_get(job->scale, i * job->scale_stride + walk.offset[1]));
    }
}

static hone_status run_rms_normalization(const hone_cpu_call *call)
{
    const hone_attrs_rms_normalization *a = &call->attrs->rms_normalization;
    const hone_dims *x = &call->in[0]->shape, *shape[] = {&call->in[1]->shape};
    rms_job job = {
        .x = call->in[0], .y = call->out[0], .scale = call->in[1], .epsilon = a->epsilon};
    hone_dims row = {0}, same;
    int axis;

    HONE_TRY(hone_call_axis(call, a->axis, x->rank, &axis));
    job.n = hone_dims_product(x, axis, x->rank);
    row.rank = x->rank - axis;
    for (int i = 0; i < row.rank; i++)
        row.dim[i] = x->dim[axis + i];
    if (hone_tensor_count(job.scale) == hone_tensor_count(job.x) && shape[0]->rank == x->rank) {
        job.scale_stride = job.n;
        shape[0] = &row;
    } else if (!hone_dims_broadcast(&row, shape[0], &same) || !hone_dims_equal(&row, &same)) {
        return hone_error(HONE_ERR_DEVICE,
                          "rms_normalization: the scale does not broadcast to a row");
    }
    hone_loop_broadcast(&job.loop, &row, 1, shape);
    hone_loop_collapse(&job.loop);
    if (job.n > 0)
        hone_cpu_for(call, hone_dims_product(x, 0, axis), hone_grain(job.n * 4), rms_rows, &job);
    return HONE_OK;
}

const hone_cpu_kernel hone_cpu_rms_normalization = {.run = run_rms_normalization,
                                                    .takes = hone_takes_float};

/* ---- mean and variance over any axes
 * --------------------------------------------------------------------------------- */

typedef struct mvn_job {
    const hone_tensor *x, *y;
    hone_loop kept, gone; /* operand 1: the input */
} mvn_job;

static void mvn_items(void *ctx, int64_t begin, int64_t end)
{
    const mvn_job *job = ctx;
    const int64_t n = hone_loop_steps(&job->gone, job->gone.rank);
    hone_walk outer, walk;

    hone_walk_begin(&outer, &job->kept, job->kept.rank, begin);
    for (int64_t i = begin; i < end; i++, hone_walk_next(&outer)) {
        const int64_t base = outer.offset[1];
        double sum = 0, square = 0;
        hone_walk_begin(&walk, &job->gone, job->gone.rank, 0);
        for (int64_t k = 0; k < n; k++, hone_walk_next(&walk))
            sum += hone_get(job->x, base + walk.offset[1]);
        const double mean = sum / (double)n;
        hone_walk_begin(&walk, &job->gone, job->gone.rank, 0);
        for (int64_t k = 0; k < n; k++, hone_walk_next(&walk)) {
            const double d = hone_get(job->x, base + walk.offset[1]) - mean;
            square += d * d;
        }
        const double s = 1 / (sqrt(square / (double)n) + 1e-9); /* ONNX's own guard */
        hone_walk_begin(&walk, &job->gone, job->gone.rank, 0);
        for (int64_t k = 0; k < n; k++, hone_walk_next(&walk))
            hone_set(job->y, base + walk.offset[1],
                     (hone_get(job->x, base + walk.offset[1]) - mean) * s);
    }
}

static hone_status run_mvn(const hone_cpu_call *call)
{
    static const int64_t usual[] = {0, 2, 3};
    const hone_dims *x = &call->in[0]->shape;
    hone_ints axes = call->attrs->mean_variance_normalization.axes;
    mvn_job job = {.x = call->in[0], .y = call->out[0]};
    int64_t stride[HONE_MAX_RANK];
    bool gone[HONE_MAX_RANK] = {false};

    if (axes.n == 0)
        axes = (hone_ints){HONE_COUNT(usual), usual};
    for (int i = 0; i < axes.n; i++) {
        int axis;
        HONE_TRY(hone_call_axis(call, axes.v[i], x->rank, &axis));
        gone[axis] = true;
    }
    hone_dims_strides(x, stride);
    for (int i = 0; i < x->rank; i++)
        hone_loop_add(gone[i] ? &job.gone : &job.kept, x->dim[i], 0, stride[i]);
    hone_cpu_for(call, hone_loop_steps(&job.kept, job.kept.rank),
                 hone_grain(8 * hone_loop_steps(&job.gone, job.gone.rank)), mvn_items, &job);
    return HONE_OK;
}

const hone_cpu_kernel hone_cpu_mean_variance_normalization = {.run = run_mvn,
                                                              .takes = hone_takes_float};

/* ---- local response
 * --------------------------------------------------------------------------------------------------
 */

typedef struct lrn_job {
    const hone_tensor *x, *y;
    const hone_attrs_lrn *a;
    hone_lines lines; /* along the channels */
} lrn_job;

static double lrn_scale(const hone_attrs_lrn *a, double square)
{
    const double base = a->bias + a->alpha / (double)a->size * square;
    return a->beta == 0.75f ? 1 / (sqrt(base) * sqrt(sqrt(base))) : pow(base, -(double)a->beta);
}

/* y = x / (bias + alpha / size * square) ^ beta; square is used up. */
static void lrn_finish(const hone_attrs_lrn *a, const float *x, float *y, float *square, int64_t n)
{
    const float alpha = a->alpha / (float)a->size, bias = a->bias, beta = a->beta;

    for (int64_t i = 0; i < n; i++)
        square[i] = bias + alpha * square[i];
    for (int64_t i = 0; i < n && beta != 0.75f; i++)
        square[i] = powf(square[i], beta);
    for (int64_t i = 0; i < n && beta == 0.75f; i++)
        square[i] = sqrtf(square[i]) * sqrtf(sqrtf(square[i]));
    for (int64_t i = 0; i < n; i++)
        y[i] = x[i] / square[i];
}

static void add_squares(float *square, const float *x, int64_t from, int64_t to)
{
    for (int64_t i = from; i < to; i++)
        square[i] += x[i] * x[i];
}

/* A strip of neighbouring lines in float32. */
static void lrn_strip(const lrn_job *job, int64_t at, int64_t n)
{
    const int64_t before = (job->a->size - 1) / 2, after = job->a->size - 1 - before,
                  step = job->lines.inner;
    const float *x = (const float *)job->x->data + at;
    float *y = (float *)job->y->data + at;

    for (int64_t c = 0; c < job->lines.n; c++) {
        const int64_t from = HONE_MAX(c - before, 0), to = HONE_MIN(c + after, job->lines.n - 1);
        float square[STRIP] = {0};
        for (int64_t k = from; k <= to; k++)
            add_squares(square, x + k * step, 0, n);
        lrn_finish(job->a, x + c * step, y + c * step, square, n);
    }
}

/* One line of neighbouring channels in float32: the window slides over a strip of them. */
static void lrn_row(const lrn_job *job, const float *x, float *y)
{
    const int64_t channels = job->lines.n, size = HONE_MIN(job->a->size, 2 * channels);
    const int64_t before = (size - 1) / 2;

    for (int64_t c = 0; c < channels; c += STRIP) {
        const int64_t n = HONE_MIN(channels - c, STRIP);
        float square[STRIP] = {0};
        for (int64_t d = -before; d < size - before; d++)
            add_squares(square, x + c + d, HONE_MAX(-(c + d), 0), HONE_MIN(n, channels - (c + d)));
        lrn_finish(job->a, x + c, y + c, square, n);
    }
}

static void lrn_strips(void *ctx, int64_t begin, int64_t end)
{
    const lrn_job *job = ctx;

    for (int64_t i = begin, n; i < end; i += n) {
        const int64_t at = hone_lines_at(&job->lines, i);
        n = HONE_MIN(HONE_MIN(end - i, job->lines.inner - i % job->lines.inner), STRIP);
        if (job->lines.inner == 1)
            lrn_row(job, (const float *)job->x->data + at, (float *)job->y->data + at);
        else
            lrn_strip(job, at, n);
    }
}

static void lrn_lines(void *ctx, int64_t begin, int64_t end)
{
    const lrn_job *job = ctx;
    const int64_t before = (job->a->size - 1) / 2, after = job->a->size - 1 - before;

    for (int64_t i = begin; i < end; i++) {
        const int64_t at = hone_lines_at(&job->lines, i), step = job->lines.inner;
        for (int64_t c = 0; c < job->lines.n; c++) {
            const int64_t to = HONE_MIN(c + after, job->lines.n - 1);
            double square = 0;
            for (int64_t k = HONE_MAX(c - before, 0); k <= to; k++) {
                const double x = hone_get(job->x, at + k * step);
                square += x * x;
            }
            hone_set(job->y, at + c * step,
                     hone_get(job->x, at + c * step) * lrn_scale(job->a, square));
        }
    }
}

static hone_status run_lrn(const hone_cpu_call *call)
{
    lrn_job job = {.x = call->in[0], .y = call->out[0], .a = &call->attrs->lrn};

    if (job.a->size < 1)
        return hone_error(HONE_ERR_DEVICE, "lrn: size is %lld", (long long)job.a->size);
    HONE_TRY(hone_call_lines(call, &job.x->shape, job.a->layout == HONE_LAYOUT_LAST ? -1 : 1,
                             &job.lines));
    const int64_t grain = hone_grain(job.lines.n * HONE_MIN(job.a->size, job.lines.n));
    const bool strips = job.x->dtype == HONE_F32 && job.y->dtype == HONE_F32;
    hone_cpu_for(call, job.lines.count, grain, strips ? lrn_strips : lrn_lines, &job);
    return HONE_OK;
}

const hone_cpu_kernel hone_cpu_lrn = {.run = run_lrn, .takes = hone_takes_float};
