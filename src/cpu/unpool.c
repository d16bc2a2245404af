/* What writes values to places that windows or indices name: max_unpool and col2im. */
#include "cpu/kernel.h"

static int64_t ints_at(const hone_ints *v, int i, int64_t otherwise)
{
    return i < v->n ? v->v[i] : otherwise;
}

/* max_unpool: indices count in the picture that the attributes give; a larger output holds it in
 * its first corner. */
static hone_status run_max_unpool(const hone_cpu_call *call)
{
    const hone_attrs_max_unpool *a = &call->attrs->max_unpool;
    const hone_tensor *x = call->in[0], *indices = call->in[1], *y = call->out[0];
    const int64_t n = hone_tensor_count(x);
    hone_dims own = x->shape;
    int64_t stride[HONE_MAX_RANK], own_stride[HONE_MAX_RANK], count;
    size_t bytes;

    for (int i = 2; i < own.rank; i++)
        own.dim[i] = (own.dim[i] - 1) * ints_at(&a->strides, i - 2, 1) +
                     ints_at(&a->kernel_shape, i - 2, 1) - ints_at(&a->pads, i - 2, 0) -
                     ints_at(&a->pads, i - 2 + own.rank - 2, 0);
    if (own.rank != y->shape.rank || !hone_dims_count(&own, &count) ||
        hone_tensor_count(indices) != n || !hone_dims_size(y->dtype, &y->shape, &bytes))
        return hone_error(HONE_ERR_DEVICE, "max_unpool: the output does not fit the input");
    hone_dims_strides(&y->shape, stride);
    hone_dims_strides(&own, own_stride);
    if (bytes)
        memset(y->data, 0, bytes);
    for (int64_t i = 0; i < n; i++) {
        const int64_t index = hone_get_int(indices, i);
        int64_t to = 0;
        bool inside = index >= 0 && index < count;
        for (int k = 0; k < own.rank && inside; k++) {
            const int64_t at = index / own_stride[k] % own.dim[k];
            inside = at < y->shape.dim[k];
            to += at * stride[k];
        }
        if (!inside)
            return hone_error(HONE_ERR_DEVICE, "max_unpool: index %lld lies outside the output",
                              (long long)index);
        hone_element_copy(x->dtype, y->data, to, x->data, i);
    }
    return HONE_OK;
}

const hone_cpu_kernel hone_cpu_max_unpool = {.run = run_max_unpool, .takes = hone_takes_float};

/* col2im: columns of windows [N, C * window, places] added up to pictures [N, C, ...]. */
typedef struct col2im_job {
    const hone_tensor *x, *y;
    int axes;
    int64_t window, places, pixels;
    int64_t image[HONE_MAX_RANK], block[HONE_MAX_RANK],
        out[HONE_MAX_RANK]; /* out: places along an axis */
    int64_t stride[HONE_MAX_RANK], dilation[HONE_MAX_RANK], pad[HONE_MAX_RANK];
} col2im_job;

/* The pixel of window position w at place p, or -1: in the padding. */
static int64_t pixel_of(const col2im_job *job, int64_t w, int64_t p)
{
    int64_t at = 0, step = 1;

    for (int k = job->axes - 1; k >= 0; k--) {
        const int64_t x =
            p % job->out[k] * job->stride[k] + w % job->block[k] * job->dilation[k] - job->pad[k];
        if (x < 0 || x >= job->image[k])
            return -1;
        at += x * step;
        step *= job->image[k];
        w /= job->block[k];
        p /= job->out[k];
    }
    return at;
}

static void col2im_planes(void *ctx, int64_t begin, int64_t end)
{
    const col2im_job *job = ctx;

    for (int64_t i = begin; i < end; i++) {
        for (int64_t k = 0; k < job->pixels; k++)
            hone_set(job->y, i * job->pixels + k, 0);
        for (int64_t w = 0; w < job->window; w++)
            for (int64_t p = 0; p < job->places; p++) {
                const int64_t at = pixel_of(job, w, p);
                if (at >= 0)
                    hone_set(job->y, i * job->pixels + at,
                             hone_get(job->y, i * job->pixels + at) +
                                 hone_get(job->x, (i * job->window + w) * job->places + p));
            }
    }
}

static hone_status run_col2im(const hone_cpu_call *call)
{
    const hone_attrs_col2im *a = &call->attrs->col2im;
    const hone_dims *x = &call->in[0]->shape, *y = &call->out[0]->shape;
    col2im_job job = {.x = call->in[0],
                      .y = call->out[0],
                      .axes = y->rank - 2,
                      .window = 1,
                      .places = 1,
                      .pixels = 1};

    if (x->rank != 3 || job.axes < 1 || hone_tensor_count(call->in[2]) != job.axes)
        return hone_error(HONE_ERR_DEVICE, "col2im: the columns do not fit the picture");
    for (int k = 0; k < job.axes; k++) {
        job.image[k] = y->dim[2 + k];
        job.block[k] = hone_get_int(call->in[2], k);
        job.stride[k] = ints_at(&a->strides, k, 1);
        job.dilation[k] = ints_at(&a->dilations, k, 1);
        job.pad[k] = ints_at(&a->pads, k, 0);
        const int64_t padded = job.image[k] + job.pad[k] + ints_at(&a->pads, k + job.axes, 0);
        const int64_t reach = job.dilation[k] * (job.block[k] - 1) + 1;
        if (job.block[k] < 1 || job.stride[k] < 1 || padded < reach)
            return hone_error(HONE_ERR_DEVICE, "col2im: axis %d has no place for its window", k);
        job.out[k] = (padded - reach) / job.stride[k] + 1;
        job.window *= job.block[k];
        job.places *= job.out[k];
        job.pixels *= job.image[k];
    }
    if (x->dim[2] != job.places || x->dim[1] != y->dim[1] * job.window)
        return hone_error(HONE_ERR_DEVICE, "col2im: %lld columns; %lld are needed",
                          (long long)x->dim[2], (long long)job.places);
    hone_cpu_for(call, y->dim[0] * y->dim[1], hone_grain(job.window * job.places * 8),
                 col2im_planes, &job);
    return HONE_OK;
}

const hone_cpu_kernel hone_cpu_col2im = {.run = run_col2im, .takes = hone_takes_real};
