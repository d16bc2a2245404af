/* slice, pad and center_crop_pad: boxes out of tensors and boxes into larger ones. Slices are a
 * strided copy; a pad walks the output's lines and asks for every position where in the input it
 * comes from, if from anywhere. */
#include "cpu/kernel.h"

/* Slice-13: starts in[1], ends in[2], axes in[3], steps in[4]; both ends are brought into the
 * tensor first. */
typedef struct slice_axis {
    int64_t start, count, step;
} slice_axis;

static slice_axis slice_range(int64_t start, int64_t end, int64_t step, int64_t n)
{
    const int64_t low = step > 0 ? 0 : -1, high = step > 0 ? n : n - 1;
    slice_axis r = {start, 0, step};

    r.start = HONE_MIN(HONE_MAX(start < 0 ? start + n : start, step > 0 ? 0 : -1), high);
    end = HONE_MIN(HONE_MAX(end < 0 ? end + n : end, low), high);
    if (step > 0 && end > r.start)
        r.count = (end - r.start - 1) / step + 1;
    if (step < 0 && end < r.start)
        r.count = (r.start - end - 1) / (step == INT64_MIN ? INT64_MAX : -step) + 1;
    return r;
}

static hone_status read_slice(const hone_cpu_call *call, slice_axis *axes)
{
    const hone_dims *x = &call->in[0]->shape;
    const int64_t n = hone_tensor_count(call->in[1]);

    for (int i = 0; i < x->rank; i++)
        axes[i] = (slice_axis){0, x->dim[i], 1};
    for (int64_t i = 0; i < n; i++) {
        const int64_t step = hone_call_has(call, 4) ? hone_get_int(call->in[4], i) : 1;
        int axis;
        HONE_TRY(hone_call_axis(call, hone_call_has(call, 3) ? hone_get_int(call->in[3], i) : i,
                                x->rank, &axis));
        if (step == 0)
            return hone_error(HONE_ERR_DEVICE, "slice: the step of axis %d is 0", axis);
        axes[axis] = slice_range(hone_get_int(call->in[1], i), hone_get_int(call->in[2], i), step,
                                 x->dim[axis]);
    }
    for (int i = 0; i < x->rank; i++)
        if (axes[i].count != call->out[0]->shape.dim[i])
            return hone_error(HONE_ERR_DEVICE,
                              "slice: axis %d gives %lld entries; the output has %lld", i,
                              (long long)axes[i].count, (long long)call->out[0]->shape.dim[i]);
    return HONE_OK;
}

static hone_status run_slice(const hone_cpu_call *call)
{
    const hone_dims *x = &call->in[0]->shape;
    slice_axis axes[HONE_MAX_RANK];
    int64_t stride[HONE_MAX_RANK], at = 0;
    hone_loop loop = {.rank = x->rank, .n = 2};

    HONE_TRY(read_slice(call, axes));
    hone_dims_strides(x, stride);
    hone_dims_strides(&call->out[0]->shape, loop.stride[0]);
    for (int i = 0; i < x->rank; i++) {
        loop.dim[i] = axes[i].count;
        loop.stride[1][i] = axes[i].count > 1 ? axes[i].step * stride[i] : 0;
        at += axes[i].start * stride[i];
    }
    hone_move(call, call->in[0]->dtype, &loop, call->out[0]->data, 0, call->in[0]->data, at);
    return HONE_OK;
}

const hone_cpu_kernel hone_cpu_slice = {.run = run_slice};

/* A pad as lines: `rank` axes, the last of which is walked; what lies within the last padded axis
 * is one block. */
typedef struct pad_job {
    const hone_tensor *x, *y;
    int mode;
    int rank;
    int64_t block; /* elements */
    int64_t begin[HONE_MAX_RANK];
    int64_t stride[HONE_MAX_RANK]; /* of x, in blocks */
    char value[16];
} pad_job;

/* Where position i of an output axis comes from in an input axis of n, or -1: from nowhere. */
static int64_t pad_source(int mode, int64_t i, int64_t n)
{
    if (i >= 0 && i < n)
        return i;
    if (mode == HONE_PAD_CONSTANT || n == 0)
        return -1;
    if (mode == HONE_PAD_EDGE)
        return i < 0 ? 0 : n - 1;
    const int64_t period = mode == HONE_PAD_WRAP ? n : HONE_MAX(2 * (n - 1), 1);
    i %= period;
    i += i < 0 ? period : 0;
    return i < n ? i : period - i;
}

static void pad_blocks(const pad_job *job, int64_t to, int64_t from, int64_t n)
{
    const hone_dtype dtype = job->x->dtype;
    const size_t size = hone_element_size(dtype);

    n *= job->block;
    to *= job->block;
    if (size && from >= 0) {
        memcpy((char *)job->y->data + to * (int64_t)size,
               (const char *)job->x->data + from * job->block * (int64_t)size, (size_t)n * size);
    } else if (size) {
        hone_fill((char *)job->y->data + to * (int64_t)size, job->value, size, n);
    } else {
        for (int64_t i = 0; i < n; i++)
            hone_element_copy(dtype, job->y->data, to + i, from < 0 ? job->value : job->x->data,
                              from < 0 ? 0 : from * job->block + i);
    }
}

/* Line `line` of the output: the part before the input, the input's own, the part after it. */
static void pad_line(const pad_job *job, int64_t line)
{
    const int last = job->rank - 1;
    const int64_t n = job->y->shape.dim[last], n_x = job->x->shape.dim[last];
    const int64_t first = HONE_MIN(HONE_MAX(job->begin[last], 0), n);
    const int64_t own = HONE_MAX(HONE_MIN(n_x + job->begin[last], n), first);
    int64_t from = 0, rest = line;

    for (int i = last - 1; i >= 0; i--) {
        const int64_t dim = job->y->shape.dim[i];
        const int64_t at = pad_source(job->mode, rest % dim - job->begin[i], job->x->shape.dim[i]);
        from = at < 0 || from < 0 ? -1 : from + at * job->stride[i];
        rest /= dim;
    }
    if (from < 0) {
        pad_blocks(job, line * n, -1, n);
        return;
    }
    if (own > first)
        pad_blocks(job, line * n + first, from + first - job->begin[last], own - first);
    for (int64_t i = 0; i < n; i++) {
        if (i == first)
            i = own;
        if (i == n)
            break;
        const int64_t at = pad_source(job->mode, i - job->begin[last], n_x);
        pad_blocks(job, line * n + i, at < 0 ? -1 : from + at, 1);
    }
}

static void pad_lines(void *ctx, int64_t begin, int64_t end)
{
    for (int64_t i = begin; i < end; i++)
        pad_line(ctx, i);
}

/* `begin` says how far the input lies within the output, negative where it is cut. */
static void run_pad_job(const hone_cpu_call *call, pad_job *job)
{
    const hone_dims *x = &call->in[0]->shape, *y = &call->out[0]->shape;

    job->x = call->in[0];
    job->y = call->out[0];
    for (job->rank = x->rank; job->rank > 1; job->rank--)
        if (job->begin[job->rank - 1] || x->dim[job->rank - 1] != y->dim[job->rank - 1])
            break;
    job->block = hone_dims_product(x, job->rank, x->rank);
    for (int64_t i = job->rank - 1, stride = 1; i >= 0; i--) {
        job->stride[i] = stride;
        stride *= x->dim[i];
    }
    const int64_t line = hone_dims_product(y, job->rank - 1, y->rank);
    if (line > 0)
        hone_cpu_for(call, hone_dims_product(y, 0, job->rank - 1),
                     hone_element_size(job->x->dtype) ? hone_grain(line) : INT64_MAX, pad_lines,
                     job);
}

static hone_status run_pad(const hone_cpu_call *call)
{
    const hone_dims *x = &call->in[0]->shape, *y = &call->out[0]->shape;
    const int64_t n = hone_tensor_count(call->in[1]) / 2;
    pad_job job = {.mode = (int)call->attrs->pad.mode};

    if (x->rank == 0) {
        hone_move_dense(call, call->out[0], call->in[0]);
        return HONE_OK;
    }
    for (int64_t i = 0; i < n; i++) {
        int axis;
        HONE_TRY(hone_call_axis(call, hone_call_has(call, 3) ? hone_get_int(call->in[3], i) : i,
                                x->rank, &axis));
        job.begin[axis] = hone_get_int(call->in[1], i);
        if (y->dim[axis] != x->dim[axis] + job.begin[axis] + hone_get_int(call->in[1], n + i))
            return hone_error(HONE_ERR_DEVICE, "pad: axis %d does not come to the output's extent",
                              axis);
    }
    if (hone_call_has(call, 2) && hone_tensor_count(call->in[2]) > 0)
        hone_element_copy(call->in[0]->dtype, job.value, 0, call->in[2]->data, 0);
    run_pad_job(call, &job);
    return HONE_OK;
}

const hone_cpu_kernel hone_cpu_pad = {.run = run_pad};

static hone_status run_center_crop_pad(const hone_cpu_call *call)
{
    const hone_dims *x = &call->in[0]->shape, *y = &call->out[0]->shape;
    pad_job job = {.mode = HONE_PAD_CONSTANT};

    for (int i = 0; i < x->rank; i++)
        job.begin[i] = (y->dim[i] - x->dim[i]) / 2;
    if (x->rank == 0)
        hone_move_dense(call, call->out[0], call->in[0]);
    else
        run_pad_job(call, &job);
    return HONE_OK;
}

const hone_cpu_kernel hone_cpu_center_crop_pad = {.run = run_center_crop_pad};
