/* Movement by indices from data: gather, gather_elements, gather_nd, array_feature_extractor,
 * reverse_sequence. Indices are checked in a first pass over them, so that the copying tasks cannot
 * fail. */
#include "cpu/kernel.h"

/* Every index lies in [-n, n). */
static hone_status check_indices(const hone_cpu_call *call, const hone_tensor *indices, int64_t n)
{
    const int64_t count = hone_tensor_count(indices);
    int64_t index;

    for (int64_t i = 0; i < count; i++)
        HONE_TRY(hone_call_index(call, hone_get_int(indices, i), n, &index));
    return HONE_OK;
}

static inline int64_t wrapped(const hone_tensor *indices, int64_t i, int64_t n)
{
    const int64_t index = hone_get_int(indices, i);
    return index < 0 ? index + n : index;
}

/* n elements; the common small runs without a call. */
static inline void copy_elements(hone_dtype dtype, void *dst, int64_t to, const void *src,
                                 int64_t from, int64_t n)
{
    const size_t size = hone_element_size(dtype), bytes = size * (size_t)n;
    char *d = (char *)dst + to * (int64_t)size;
    const char *s = (const char *)src + from * (int64_t)size;

    if (bytes == 4)
        memcpy(d, s, 4);
    else if (bytes == 8)
        memcpy(d, s, 8);
    else if (size)
        memcpy(d, s, bytes);
    else
        for (int64_t i = 0; i < n; i++)
            hone_element_copy(dtype, dst, to + i, src, from + i);
}

/* Tasks of a type under a byte would share bytes. */
static int64_t grain_of(hone_dtype dtype, int64_t steps)
{
    return hone_element_size(dtype) ? hone_grain(steps) : INT64_MAX;
}

typedef struct gather_job {
    const hone_tensor *x, *indices, *y;
    int64_t n, n_indices, inner;
} gather_job;

static void gather_lines(void *ctx, int64_t begin, int64_t end)
{
    const gather_job *job = ctx;

    for (int64_t i = begin; i < end; i++) {
        const int64_t from =
            i / job->n_indices * job->n + wrapped(job->indices, i % job->n_indices, job->n);
        copy_elements(job->x->dtype, job->y->data, i * job->inner, job->x->data, from * job->inner,
                      job->inner);
    }
}

static hone_status gather_along(const hone_cpu_call *call, int axis)
{
    const hone_dims *x = &call->in[0]->shape;
    const gather_job job = {
        .x = call->in[0],
        .indices = call->in[1],
        .y = call->out[0],
        .n = x->dim[axis],
        .n_indices = hone_tensor_count(call->in[1]),
        .inner = hone_dims_product(x, axis + 1, x->rank),
    };

    HONE_TRY(check_indices(call, job.indices, job.n));
    if (job.inner > 0)
        hone_cpu_for(call, hone_dims_product(x, 0, axis) * job.n_indices,
                     grain_of(job.x->dtype, job.inner / 4 + 8), gather_lines, (void *)&job);
    return HONE_OK;
}

static hone_status run_gather(const hone_cpu_call *call)
{
    int axis;

    HONE_TRY(hone_call_axis(call, call->attrs->gather.axis, call->in[0]->shape.rank, &axis));
    return gather_along(call, axis);
}

static hone_status run_array_feature_extractor(const hone_cpu_call *call)
{
    int axis;

    HONE_TRY(hone_call_axis(call, -1, call->in[0]->shape.rank, &axis));
    return gather_along(call, axis);
}

static bool takes_indices(const hone_cpu_call *call)
{
    return hone_dtype_is_integer(call->in[1]->dtype);
}

const hone_cpu_kernel hone_cpu_gather = {.run = run_gather, .takes = takes_indices};
const hone_cpu_kernel hone_cpu_array_feature_extractor = {.run = run_array_feature_extractor,
                                                          .takes = takes_indices};

typedef struct elements_job {
    const hone_tensor *x, *indices, *y;
    hone_loop loop; /* operand 0: output and indices; operand 1: input without the axis */
    int64_t n, stride;
} elements_job;

static void gather_points(void *ctx, int64_t begin, int64_t end)
{
    const elements_job *job = ctx;
    hone_walk walk;

    hone_walk_begin(&walk, &job->loop, job->loop.rank, begin);
    for (int64_t i = begin; i < end; i++, hone_walk_next(&walk))
        copy_elements(job->x->dtype, job->y->data, i, job->x->data,
                      walk.offset[1] + wrapped(job->indices, i, job->n) * job->stride, 1);
}

static hone_status run_gather_elements(const hone_cpu_call *call)
{
    const hone_dims *x = &call->in[0]->shape, *y = &call->in[1]->shape;
    elements_job job = {.x = call->in[0], .indices = call->in[1], .y = call->out[0]};
    int axis;

    HONE_TRY(hone_call_axis(call, call->attrs->gather_elements.axis, x->rank, &axis));
    job.n = x->dim[axis];
    HONE_TRY(check_indices(call, job.indices, job.n));
    job.loop = (hone_loop){.rank = y->rank, .n = 2};
    hone_dims_strides(y, job.loop.stride[0]);
    hone_dims_strides(x, job.loop.stride[1]);
    job.stride = job.loop.stride[1][axis];
    job.loop.stride[1][axis] = 0;
    for (int i = 0; i < y->rank; i++) {
        job.loop.dim[i] = y->dim[i];
        if (i != axis && y->dim[i] > x->dim[i])
            return hone_error(HONE_ERR_DEVICE,
                              "gather_elements: axis %d of the indices is longer than the input's",
                              i);
    }
    hone_cpu_for(call, hone_tensor_count(job.indices), grain_of(job.x->dtype, 8), gather_points,
                 &job);
    return HONE_OK;
}

const hone_cpu_kernel hone_cpu_gather_elements = {.run = run_gather_elements,
                                                  .takes = takes_indices};

/* GatherND: the last axis of the indices names an element or a slice within each batch. */
typedef struct nd_job {
    const hone_tensor *x, *indices, *y;
    int n_index;       /* indices to a tuple */
    int64_t per_batch; /* tuples */
    int64_t batch;     /* elements of x */
    int64_t inner;
    int64_t dim[HONE_MAX_RANK], stride[HONE_MAX_RANK];
} nd_job;

static void gather_tuples(void *ctx, int64_t begin, int64_t end)
{
    const nd_job *job = ctx;

    for (int64_t i = begin; i < end; i++) {
        int64_t from = i / job->per_batch * job->batch;
        for (int k = 0; k < job->n_index; k++)
            from += wrapped(job->indices, i * job->n_index + k, job->dim[k]) * job->stride[k];
        copy_elements(job->x->dtype, job->y->data, i * job->inner, job->x->data, from, job->inner);
    }
}

static hone_status run_gather_nd(const hone_cpu_call *call)
{
    const hone_dims *x = &call->in[0]->shape, *t = &call->in[1]->shape;
    const int b = (int)call->attrs->gather_nd.batch_dims;
    nd_job job = {.x = call->in[0], .indices = call->in[1], .y = call->out[0]};
    int64_t stride[HONE_MAX_RANK], index;

    if (t->rank < 1 || b < 0 || b >= t->rank || t->dim[t->rank - 1] > x->rank - b)
        return hone_error(HONE_ERR_DEVICE,
                          "gather_nd: %d batch axes do not fit the ranks %d and %d", b, x->rank,
                          t->rank);
    job.n_index = (int)t->dim[t->rank - 1];
    job.per_batch = hone_dims_product(t, b, t->rank - 1);
    job.batch = hone_dims_product(x, b, x->rank);
    job.inner = hone_dims_product(x, b + job.n_index, x->rank);
    hone_dims_strides(x, stride);
    for (int k = 0; k < job.n_index; k++) {
        job.dim[k] = x->dim[b + k];
        job.stride[k] = stride[b + k];
    }
    const int64_t tuples = hone_dims_product(t, 0, t->rank - 1);
    for (int64_t i = 0; i < tuples * job.n_index; i++)
        HONE_TRY(
            hone_call_index(call, hone_get_int(job.indices, i), job.dim[i % job.n_index], &index));
    if (hone_dims_product(t, 0, b) > hone_dims_product(x, 0, b))
        return hone_error(HONE_ERR_DEVICE, "gather_nd: more batches of indices than of data");
    if (job.inner > 0)
        hone_cpu_for(call, tuples, grain_of(job.x->dtype, job.inner / 4 + 8), gather_tuples, &job);
    return HONE_OK;
}

const hone_cpu_kernel hone_cpu_gather_nd = {.run = run_gather_nd, .takes = takes_indices};

/* reverse_sequence: axes 0 and 1 are time and batch, in either order; the first lens[b] steps of
 * batch b turn round. */
static hone_status run_reverse_sequence(const hone_cpu_call *call)
{
    const hone_tensor *x = call->in[0], *lens = call->in[1];
    const bool time_first = call->attrs->reverse_sequence.time_axis == 0;
    const int64_t inner = x->shape.rank < 2 ? 0 : hone_dims_product(&x->shape, 2, x->shape.rank);
    const int64_t rows = x->shape.rank < 2 ? 0 : x->shape.dim[0],
                  columns = x->shape.rank < 2 ? 0 : x->shape.dim[1];
    const int64_t steps = time_first ? rows : columns, batches = time_first ? columns : rows;

    if (x->shape.rank < 2 || hone_tensor_count(lens) != batches)
        return hone_error(HONE_ERR_DEVICE, "reverse_sequence: %lld lengths for %lld sequences",
                          (long long)hone_tensor_count(lens), (long long)batches);
    for (int64_t b = 0; b < batches; b++) {
        const int64_t n = hone_get_int(lens, b);
        if (n < 0 || n > steps)
            return hone_error(HONE_ERR_DEVICE, "reverse_sequence: length %lld of %lld steps",
                              (long long)n, (long long)steps);
        for (int64_t t = 0; t < steps; t++) {
            const int64_t u = t < n ? n - 1 - t : t;
            const int64_t to = time_first ? t * columns + b : b * columns + t;
            const int64_t from = time_first ? u * columns + b : b * columns + u;
            copy_elements(x->dtype, call->out[0]->data, to * inner, x->data, from * inner, inner);
        }
    }
    return HONE_OK;
}

const hone_cpu_kernel hone_cpu_reverse_sequence = {.run = run_reverse_sequence,
                                                   .takes = takes_indices};
