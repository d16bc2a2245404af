/* Operators whose lines along one axis are independent: log_softmax, hardmax, lp_normalization,
 * argmax and argmin, cumsum and cumprod, topk. Lines are read in place, whatever their stride; sums
 * are kept in double. */
#include <math.h>

#include "cpu/kernel.h"

#define STRIP 256 /* neighbouring lines looked at together: 1 KiB of floats */

typedef struct rows_job {
    const hone_cpu_call *call;
    const hone_tensor *x, *y;
    hone_lines lines;
} rows_job;

static hone_status run_rows(const hone_cpu_call *call, int64_t axis, hone_range_fn fn)
{
    rows_job job = {.call = call, .x = call->in[0], .y = call->out[0]};

    HONE_TRY(hone_call_lines(call, &job.x->shape, axis, &job.lines));
    hone_cpu_for(call, job.lines.count, hone_grain(job.lines.n * 8), fn, &job);
    return HONE_OK;
}

static double line_max(const rows_job *job, int64_t at)
{
    double max = -INFINITY;

    for (int64_t k = 0; k < job->lines.n; k++) {
        const double x = hone_get(job->x, at + k * job->lines.inner);
        max = x > max || isnan(x) ? x : max;
    }
    return max;
}

static void log_softmax_lines(void *ctx, int64_t begin, int64_t end)
{
    const rows_job *job = ctx;
    const int64_t step = job->lines.inner;

    for (int64_t i = begin; i < end; i++) {
        const int64_t at = hone_lines_at(&job->lines, i);
        const double max = line_max(job, at);
        double sum = 0;
        for (int64_t k = 0; k < job->lines.n; k++)
            sum += exp(hone_get(job->x, at + k * step) - max);
        const double shift = max + log(sum);
        for (int64_t k = 0; k < job->lines.n; k++)
            hone_set(job->y, at + k * step, hone_get(job->x, at + k * step) - shift);
    }
}

static hone_status run_log_softmax(const hone_cpu_call *call)
{
    return run_rows(call, call->attrs->log_softmax.axis, log_softmax_lines);
}

static void hardmax_lines(void *ctx, int64_t begin, int64_t end)
{
    const rows_job *job = ctx;
    const int64_t step = job->lines.inner;

    for (int64_t i = begin; i < end; i++) {
        const int64_t at = hone_lines_at(&job->lines, i);
        int64_t best = 0;
        for (int64_t k = 1; k < job->lines.n; k++)
            if (hone_get(job->x, at + k * step) > hone_get(job->x, at + best * step))
                best = k;
        for (int64_t k = 0; k < job->lines.n; k++)
            hone_set(job->y, at + k * step, k == best);
    }
}

static hone_status run_hardmax(const hone_cpu_call *call)
{
    return run_rows(call, call->attrs->hardmax.axis, hardmax_lines);
}

/* A line of zeros stays one. */
static void lp_lines(void *ctx, int64_t begin, int64_t end)
{
    const rows_job *job = ctx;
    const bool p1 = job->call->attrs->lp_normalization.p == 1;
    const int64_t step = job->lines.inner;

    for (int64_t i = begin; i < end; i++) {
        const int64_t at = hone_lines_at(&job->lines, i);
        double sum = 0;
        for (int64_t k = 0; k < job->lines.n; k++) {
            const double x = hone_get(job->x, at + k * step);
            sum += p1 ? fabs(x) : x * x;
        }
        const double norm = p1 ? sum : sqrt(sum);
        for (int64_t k = 0; k < job->lines.n; k++)
            hone_set(job->y, at + k * step, norm != 0 ? hone_get(job->x, at + k * step) / norm : 0);
    }
}

static hone_status run_lp_normalization(const hone_cpu_call *call)
{
    return run_rows(call, call->attrs->lp_normalization.axis, lp_lines);
}

const hone_cpu_kernel hone_cpu_log_softmax = {.run = run_log_softmax, .takes = hone_takes_float};
const hone_cpu_kernel hone_cpu_hardmax = {.run = run_hardmax, .takes = hone_takes_float};
const hone_cpu_kernel hone_cpu_lp_normalization = {.run = run_lp_normalization,
                                                   .takes = hone_takes_float};

/* ---- argmax and argmin
 * -----------------------------------------------------------------------------------------------
 */

static int64_t best_of(const rows_job *job, int64_t at, bool max, bool last)
{
    int64_t best = 0, best_key = hone_order_key(job->x, at);

    for (int64_t k = 1; k < job->lines.n; k++) {
        const int64_t key = hone_order_key(job->x, at + k * job->lines.inner);
        if ((max ? key > best_key : key < best_key) || (last && key == best_key)) {
            best = k;
            best_key = key;
        }
    }
    return best;
}

/* The common case in float32, first of equals. Only what does not lose to the best so far takes a
 * second look: a NaN is the largest, and the first one is the answer of argmax. */
static int64_t best_of_f32(const float *x, int64_t n, bool max)
{
    int64_t best = 0;
    float value = x[0];

    if (max && value != value)
        return 0;
    for (int64_t k = 1; k < n && max; k++)
        if (!(x[k] <= value)) {
            if (x[k] != x[k])
                return k;
            value = x[k];
            best = k;
        }
    for (int64_t k = 1; k < n && !max; k++)
        if (!(x[k] >= value) && x[k] == x[k]) {
            value = x[k];
            best = k;
        }
    return best;
}

/* hone_order_key in 32 bits, for -x where sign is -1. Integers, since compilers may not turn
 * comparisons of floats, which can trap, into vectors. */
static inline int32_t order_key_f32(float x, float sign, int32_t nan)
{
    int32_t bits;

    x = sign * x + 0.0f; /* -0 becomes 0 */
    memcpy(&bits, &x, sizeof bits);
    const int32_t key = bits ^ (bits >> 31 & INT32_MAX);
    return (bits & INT32_MAX) > 0x7f800000 ? nan : key;
}

/* Neighbouring lines of float32, value by value: memory is read in order. n is at most STRIP, steps
 * fit 32 bits. */
static void best_of_strip(const float *x, int64_t steps, int64_t step, bool max, int64_t n,
                          int64_t *index)
{
    const float sign = max ? 1 : -1;
    const int32_t nan = max ? INT32_MAX : INT32_MIN;
    int32_t best[STRIP], at[STRIP] = {0};

    for (int64_t i = 0; i < n; i++)
        best[i] = order_key_f32(x[i], sign, nan);
    for (int32_t k = 1; k < (int32_t)steps; k++) {
        const float *line = x + k * step;
        for (int64_t i = 0; i < n; i++) {
            const int32_t key = order_key_f32(line[i], sign, nan), old = best[i];
            at[i] = key > old ? k : at[i];
            best[i] = key > old ? key : old;
        }
    }
    for (int64_t i = 0; i < n; i++)
        index[i] = at[i];
}

static void arg_strips(const rows_job *job, int64_t begin, int64_t end, bool max)
{
    const int64_t inner = job->lines.inner;

    for (int64_t i = begin, n; i < end; i += n) {
        n = HONE_MIN(HONE_MIN(end - i, inner - i % inner), STRIP);
        best_of_strip((const float *)job->x->data + hone_lines_at(&job->lines, i), job->lines.n,
                      inner, max, n, (int64_t *)job->y->data + i);
    }
}

static void arg_lines(void *ctx, int64_t begin, int64_t end)
{
    const rows_job *job = ctx;
    const hone_attrs *a = job->call->attrs;
    const bool max = job->call->op == HONE_OP_argmax;
    const bool last = max ? a->argmax.select_last_index : a->argmin.select_last_index;
    const bool fast = job->x->dtype == HONE_F32 && !last && job->lines.n <= INT32_MAX;

    if (fast && job->lines.inner > 1) {
        arg_strips(job, begin, end, max);
        return;
    }
    for (int64_t i = begin; i < end; i++) {
        const int64_t at = hone_lines_at(&job->lines, i);
        ((int64_t *)job->y->data)[i] =
            fast ? best_of_f32((const float *)job->x->data + at, job->lines.n, max)
                 : best_of(job, at, max, last);
    }
}

static hone_status run_arg_reduce(const hone_cpu_call *call)
{
    return run_rows(
        call, call->op == HONE_OP_argmax ? call->attrs->argmax.axis : call->attrs->argmin.axis,
        arg_lines);
}

const hone_cpu_kernel hone_cpu_arg_reduce = {.run = run_arg_reduce, .takes = hone_takes_real};

/* ---- cumsum and cumprod
 * ---------------------------------------------------------------------------------------------- */

static void cumulate_lines(void *ctx, int64_t begin, int64_t end)
{
    const rows_job *job = ctx;
    const bool product = job->call->op == HONE_OP_cumprod;
    const hone_attrs *a = job->call->attrs;
    const bool exclusive = product ? a->cumprod.exclusive : a->cumsum.exclusive;
    const bool reverse = product ? a->cumprod.reverse : a->cumsum.reverse;
    const bool is_float = hone_dtype_is_float(job->x->dtype);

    for (int64_t i = begin; i < end; i++) {
        const int64_t base = hone_lines_at(&job->lines, i);
        double real = product;
        uint64_t whole = product;
        for (int64_t k = 0; k < job->lines.n; k++) {
            const int64_t at = base + (reverse ? job->lines.n - 1 - k : k) * job->lines.inner;
            const double x = is_float ? hone_get(job->x, at) : 0;
            const uint64_t n = is_float ? 0 : (uint64_t)hone_get_int(job->x, at);
            if (exclusive && is_float)
                hone_set(job->y, at, real);
            else if (exclusive)
                hone_element_set_int(job->y->dtype, job->y->data, at, (int64_t)whole);
            real = product ? real * x : real + x;
            whole = product ? whole * n : whole + n;
            if (!exclusive && is_float)
                hone_set(job->y, at, real);
            else if (!exclusive)
                hone_element_set_int(job->y->dtype, job->y->data, at,
                                     job->y->dtype == HONE_I32 ? (int32_t)whole : (int64_t)whole);
        }
    }
}

static hone_status run_cumulate(const hone_cpu_call *call)
{
    return run_rows(call, hone_get_int(call->in[1], 0), cumulate_lines);
}

const hone_cpu_kernel hone_cpu_cumulate = {.run = run_cumulate, .takes = hone_takes_real};

/* ---- topk
 * ------------------------------------------------------------------------------------------------------------
 */

typedef struct ranked {
    int64_t key; /* larger is better */
    int64_t index;
} ranked;

typedef struct topk_job {
    const hone_tensor *x, *values, *indices;
    hone_lines lines;
    int64_t k;
    bool largest;
    ranked *heaps; /* k to a line */
} topk_job;

static bool is_worse(const ranked *a, const ranked *b)
{
    return a->key != b->key ? a->key < b->key : a->index > b->index;
}

/* The worst of the heap stands at its root. */
static void sift_down(ranked *heap, int64_t n, int64_t at)
{
    for (;;) {
        int64_t least = at;
        for (int64_t child = 2 * at + 1; child <= 2 * at + 2 && child < n; child++)
            if (is_worse(&heap[child], &heap[least]))
                least = child;
        if (least == at)
            return;
        const ranked t = heap[at];
        heap[at] = heap[least];
        heap[least] = t;
        at = least;
    }
}

static ranked rank_of(const topk_job *job, int64_t base, int64_t i)
{
    const int64_t key = hone_order_key(job->x, base + i * job->lines.inner);
    return (ranked){job->largest ? key : ~key, i};
}

static void topk_line(const topk_job *job, int64_t line)
{
    const int64_t base = hone_lines_at(&job->lines, line), k = job->k;
    const int64_t to = line / job->lines.inner * k * job->lines.inner + line % job->lines.inner;
    ranked *heap = job->heaps + line * k;

    for (int64_t i = 0; i < k; i++)
        heap[i] = rank_of(job, base, i);
    for (int64_t i = k / 2 - 1; i >= 0; i--)
        sift_down(heap, k, i);
    for (int64_t i = k; i < job->lines.n; i++) {
        const ranked r = rank_of(job, base, i);
        if (is_worse(&heap[0], &r)) {
            heap[0] = r;
            sift_down(heap, k, 0);
        }
    }
    for (int64_t n = k; n > 0; n--) { /* the worst goes to the last place left */
        const int64_t at = to + (n - 1) * job->lines.inner;
        if (job->values)
            hone_element_copy(job->x->dtype, job->values->data, at, job->x->data,
                              base + heap[0].index * job->lines.inner);
        if (job->indices)
            ((int64_t *)job->indices->data)[at] = heap[0].index;
        heap[0] = heap[n - 1];
        sift_down(heap, n - 1, 0);
    }
}

static void topk_lines(void *ctx, int64_t begin, int64_t end)
{
    for (int64_t i = begin; i < end; i++)
        topk_line(ctx, i);
}

static const hone_tensor *topk_shape(const hone_cpu_call *call)
{
    return call->out[0] ? call->out[0] : call->out[1];
}

static size_t scratch_topk(const hone_cpu_call *call)
{
    const hone_tensor *y = topk_shape(call);
    return y ? (size_t)hone_tensor_count(y) * sizeof(ranked) : 0;
}

static hone_status run_topk(const hone_cpu_call *call)
{
    const hone_tensor *y = topk_shape(call);
    topk_job job = {.x = call->in[0],
                    .values = call->out[0],
                    .indices = call->out[1],
                    .largest = call->attrs->topk.largest != 0,
                    .heaps = call->scratch};
    int axis;

    if (!y)
        return HONE_OK;
    HONE_TRY(hone_call_axis(call, call->attrs->topk.axis, job.x->shape.rank, &axis));
    HONE_TRY(hone_call_lines(call, &job.x->shape, axis, &job.lines));
    job.k = y->shape.dim[axis];
    if (job.k > job.lines.n || hone_get_int(call->in[1], 0) != job.k)
        return hone_error(HONE_ERR_DEVICE, "topk: k is %lld of %lld",
                          (long long)hone_get_int(call->in[1], 0), (long long)job.lines.n);
    if (job.k > 0)
        hone_cpu_for(call, job.lines.count, hone_grain(job.lines.n * 8), topk_lines, &job);
    return HONE_OK;
}

static bool takes_topk(const hone_cpu_call *call)
{
    return hone_is_real(call->in[0]->dtype);
}

const hone_cpu_kernel hone_cpu_topk = {
    .run = run_topk, .scratch = scratch_topk, .takes = takes_topk};
