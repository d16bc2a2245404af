/* What the plain kernels share, see kernel.h: ranges over the pool, nests of loops with one stride
 * per operand, and rows of any element type as float. */
#include "cpu/kernel.h"

#include <math.h>

typedef struct range_job {
    hone_range_fn fn;
    void *ctx;
    int64_t n, grain;
} range_job;

static void run_range(void *ctx, int64_t task, int thread)
{
    const range_job *job = ctx;
    const int64_t begin = task * job->grain;

    (void)thread;
    job->fn(job->ctx, begin, HONE_MIN(begin + job->grain, job->n));
}

void hone_cpu_for(const hone_cpu_call *call, int64_t n, int64_t grain, hone_range_fn fn, void *ctx)
{
    range_job job = {fn, ctx, n, grain};

    if (n <= 0)
        return;
    if (n <= grain || !call->pool)
        fn(ctx, 0, n);
    else
        hone_pool_run(call->pool, run_range, &job, (n + grain - 1) / grain);
}

typedef struct thread_job {
    hone_thread_fn fn;
    void *ctx;
    int64_t n, grain;
} thread_job;

static void run_thread(void *ctx, int64_t task, int thread)
{
    const thread_job *job = ctx;
    const int64_t begin = task * job->grain;

    job->fn(job->ctx, begin, HONE_MIN(begin + job->grain, job->n), thread);
}

void hone_cpu_for_thread(const hone_cpu_call *call, int64_t n, int64_t grain, hone_thread_fn fn,
                         void *ctx)
{
    thread_job job = {fn, ctx, n, grain};

    if (n <= 0)
        return;
    if (n <= grain || !call->pool)
        fn(ctx, 0, n, 0);
    else
        hone_pool_run(call->pool, run_thread, &job, (n + grain - 1) / grain);
}

/* ---- loops
 * -----------------------------------------------------------------------------------------------------------
 */

void hone_loop_add(hone_loop *loop, int64_t dim, int64_t stride0, int64_t stride1)
{
    loop->n = HONE_MAX(loop->n, 2);
    loop->dim[loop->rank] = dim;
    loop->stride[0][loop->rank] = stride0;
    loop->stride[1][loop->rank] = stride1;
    loop->rank++;
}

void hone_loop_broadcast(hone_loop *loop, const hone_dims *out, int n_in,
                         const hone_dims *const *in)
{
    *loop = (hone_loop){.rank = out->rank, .n = n_in + 1};
    for (int i = 0; i < out->rank; i++)
        loop->dim[i] = out->dim[i];
    hone_dims_strides(out, loop->stride[0]);
    for (int k = 0; k < n_in; k++) {
        int64_t stride[HONE_MAX_RANK];
        const int lead = out->rank - in[k]->rank;

        hone_dims_strides(in[k], stride);
        for (int i = 0; i < out->rank; i++)
            loop->stride[k + 1][i] = i < lead || in[k]->dim[i - lead] == 1 ? 0 : stride[i - lead];
    }
}

static bool loops_join(const hone_loop *loop, int outer, int inner)
{
    for (int k = 0; k < loop->n; k++)
        if (loop->stride[k][outer] != loop->stride[k][inner] * loop->dim[inner])
            return false;
    return true;
}

void hone_loop_collapse(hone_loop *loop)
{
    int n = 0;

    for (int i = 0; i < loop->rank; i++) {
        if (loop->dim[i] == 1)
            continue;
        const bool join = n > 0 && loops_join(loop, n - 1, i);
        const int to = join ? n - 1 : n++;
        loop->dim[to] = join ? loop->dim[to] * loop->dim[i] : loop->dim[i];
        for (int k = 0; k < loop->n; k++)
            loop->stride[k][to] = loop->stride[k][i];
    }
    loop->rank = n;
}

int64_t hone_loop_steps(const hone_loop *loop, int rank)
{
    int64_t n = 1;

    for (int i = 0; i < rank; i++)
        n *= loop->dim[i];
    return n;
}

void hone_walk_begin(hone_walk *walk, const hone_loop *loop, int rank, int64_t at)
{
    walk->loop = loop;
    walk->rank = rank;
    memset(walk->offset, 0, sizeof walk->offset);
    for (int i = rank - 1; i >= 0; i--) {
        const int64_t dim = HONE_MAX(loop->dim[i], 1);
        walk->index[i] = at % dim;
        at /= dim;
        for (int k = 0; k < loop->n; k++)
            walk->offset[k] += walk->index[i] * loop->stride[k][i];
    }
}

void hone_walk_next(hone_walk *walk)
{
    const hone_loop *loop = walk->loop;

    for (int i = walk->rank - 1; i >= 0; i--) {
        const bool wraps = ++walk->index[i] == loop->dim[i];
        const int64_t step = wraps ? 1 - loop->dim[i] : 1;
        for (int k = 0; k < loop->n; k++)
            walk->offset[k] += step * loop->stride[k][i];
        if (!wraps)
            return;
        walk->index[i] = 0;
    }
}

/* ---- numbers
 * ---------------------------------------------------------------------------------------------------------
 */

bool hone_is_real(hone_dtype dtype)
{
    return dtype == HONE_BOOL || hone_dtype_is_float(dtype) || hone_dtype_is_integer(dtype);
}

bool hone_dtype_is_plain_float(hone_dtype dtype)
{
    return dtype == HONE_F32 || dtype == HONE_F64 || dtype == HONE_F16 || dtype == HONE_BF16;
}

bool hone_takes_real(const hone_cpu_call *call)
{
    for (int i = 0; i < call->n_in; i++)
        if (call->in[i] && !hone_is_real(call->in[i]->dtype))
            return false;
    for (int i = 0; i < call->n_out; i++)
        if (call->out[i] && !hone_is_real(call->out[i]->dtype))
            return false;
    return true;
}

bool hone_takes_float(const hone_cpu_call *call)
{
    return hone_dtype_is_plain_float(call->in[0]->dtype) &&
           (!hone_call_out(call, 0) || hone_dtype_is_plain_float(call->out[0]->dtype)) &&
           hone_takes_real(call);
}

#define READ(T)                                                                                    \
    for (int64_t i = 0; i < n; i++)                                                                \
        out[i] = (float)((const T *)data)[at + i];                                                 \
    return

void hone_read_f32(hone_dtype dtype, const void *data, int64_t at, int64_t n, float *out)
{
    switch (dtype) {
    case HONE_F32: memcpy(out, (const float *)data + at, (size_t)n * sizeof *out); return;
    case HONE_F64: READ(double);
    case HONE_U8: READ(uint8_t);
    case HONE_I8: READ(int8_t);
    case HONE_U16: READ(uint16_t);
    case HONE_I16: READ(int16_t);
    case HONE_I32: READ(int32_t);
    case HONE_U32: READ(uint32_t);
    case HONE_I64: READ(int64_t);
    case HONE_U64: READ(uint64_t);
    case HONE_BOOL:
        for (int64_t i = 0; i < n; i++)
            out[i] = ((const uint8_t *)data)[at + i] != 0;
        return;
    case HONE_F16:
        for (int64_t i = 0; i < n; i++)
            out[i] = hone_f16_to_f32(((const uint16_t *)data)[at + i]);
        return;
    case HONE_BF16:
        for (int64_t i = 0; i < n; i++)
            out[i] = hone_bf16_to_f32(((const uint16_t *)data)[at + i]);
        return;
    default:
        for (int64_t i = 0; i < n; i++)
            out[i] = (float)hone_element_double(dtype, data, at + i);
    }
}

void hone_write_f32(hone_dtype dtype, void *data, int64_t at, int64_t n, const float *x)
{
    switch (dtype) {
    case HONE_F32: memcpy((float *)data + at, x, (size_t)n * sizeof *x); return;
    case HONE_F64:
        for (int64_t i = 0; i < n; i++)
            ((double *)data)[at + i] = x[i];
        return;
    case HONE_BOOL:
        for (int64_t i = 0; i < n; i++)
            ((uint8_t *)data)[at + i] = x[i] != 0.0f;
        return;
    case HONE_F16:
        for (int64_t i = 0; i < n; i++)
            ((uint16_t *)data)[at + i] = hone_f32_to_f16(x[i]);
        return;
    case HONE_BF16:
        for (int64_t i = 0; i < n; i++)
            ((uint16_t *)data)[at + i] = hone_f32_to_bf16(x[i]);
        return;
    default:
        for (int64_t i = 0; i < n; i++)
            hone_element_set_double(dtype, data, at + i,
                                    hone_dtype_is_integer(dtype) ? trunc(x[i]) : x[i]);
    }
}

hone_status hone_call_axis(const hone_cpu_call *call, int64_t axis, int rank, int *out)
{
    if (axis < -rank || axis >= rank)
        return hone_error(HONE_ERR_DEVICE, "%s: axis is %lld; the rank is %d",
                          hone_ops[call->op].name, (long long)axis, rank);
    *out = (int)(axis < 0 ? axis + rank : axis);
    return HONE_OK;
}

hone_status hone_call_index(const hone_cpu_call *call, int64_t index, int64_t n, int64_t *out)
{
    if (index < -n || index >= n)
        return hone_error(HONE_ERR_DEVICE, "%s: index is %lld; the extent is %lld",
                          hone_ops[call->op].name, (long long)index, (long long)n);
    *out = index < 0 ? index + n : index;
    return HONE_OK;
}

int64_t hone_dims_product(const hone_dims *dims, int from, int to)
{
    int64_t n = 1;

    for (int i = from; i < to; i++)
        n *= dims->dim[i];
    return n;
}

hone_status hone_call_lines(const hone_cpu_call *call, const hone_dims *dims, int64_t axis,
                            hone_lines *out)
{
    int at = 0;

    if (dims->rank == 0 && (axis == 0 || axis == -1)) {
        *out = (hone_lines){1, 1, 1};
        return HONE_OK;
    }
    HONE_TRY(hone_call_axis(call, axis, dims->rank, &at));
    out->n = dims->dim[at];
    out->inner = hone_dims_product(dims, at + 1, dims->rank);
    out->count = out->n ? hone_dims_product(dims, 0, at) * out->inner : 0;
    return HONE_OK;
}

int64_t hone_order_key(const hone_tensor *t, int64_t i)
{
    int64_t bits;

    if (t->dtype == HONE_U64)
        return (int64_t)(((const uint64_t *)t->data)[i] ^ (uint64_t)INT64_MIN);
    if (!hone_dtype_is_float(t->dtype))
        return hone_get_int(t, i);
    const double x = hone_get(t, i) + 0.0;
    if (isnan(x))
        return INT64_MAX;
    memcpy(&bits, &x, sizeof bits);
    return bits ^ (bits >> 63 & INT64_MAX);
}
