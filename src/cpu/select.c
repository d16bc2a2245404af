/* Operators whose extents depend on data: non_zero, compress, unique, non_max_suppression. Each
 * counts first, asks for the room, then writes. */
#include "cpu/kernel.h"

static bool is_set(const hone_tensor *t, int64_t i)
{
    return hone_get(t, i) != 0;
}

/* non_zero: a column of coordinates for every element that is not 0. */
static hone_status run_non_zero(const hone_cpu_call *call)
{
    const hone_tensor *x = call->in[0];
    const int64_t n = hone_tensor_count(x);
    int64_t found = 0, stride[HONE_MAX_RANK];

    for (int64_t i = 0; i < n; i++)
        found += is_set(x, i);
    const hone_dims dims = {2, {x->shape.rank, found}};
    HONE_TRY(hone_cpu_set_extents(call, 0, &dims));
    hone_dims_strides(&x->shape, stride);
    int64_t *y = call->out[0]->data, at = 0;
    for (int64_t i = 0; i < n; i++) {
        if (!is_set(x, i))
            continue;
        for (int k = 0; k < x->shape.rank; k++)
            y[k * found + at] = i / stride[k] % x->shape.dim[k];
        at++;
    }
    return HONE_OK;
}

const hone_cpu_kernel hone_cpu_non_zero = {.run = run_non_zero, .takes = hone_takes_real};

/* compress: the entries along an axis (or of the flat tensor) whose condition holds; a short
 * condition ends there. */
static hone_status run_compress(const hone_cpu_call *call)
{
    const hone_tensor *x = call->in[0], *keep = call->in[1];
    const bool flat = call->attrs->compress.axis == HONE_NO_AXIS;
    hone_lines lines = {1, hone_tensor_count(x), 1};
    hone_dims dims = {1, {0}};
    int64_t found = 0, at = 0;
    int axis = 0;

    if (!flat) {
        dims = x->shape;
        HONE_TRY(hone_call_axis(call, call->attrs->compress.axis, dims.rank, &axis));
        lines.n = dims.dim[axis];
        lines.inner = hone_dims_product(&dims, axis + 1, dims.rank);
        lines.count = hone_dims_product(&dims, 0, axis);
    }
    const int64_t n = HONE_MIN(hone_tensor_count(keep), lines.n);
    for (int64_t k = 0; k < n; k++)
        found += is_set(keep, k);
    dims.dim[axis] = found;
    HONE_TRY(hone_cpu_set_extents(call, 0, &dims));
    for (int64_t k = 0; k < n; k++) {
        if (!is_set(keep, k))
            continue;
        hone_loop loop = {.n = 2};
        hone_loop_add(&loop, lines.count, found * lines.inner, lines.n * lines.inner);
        hone_loop_add(&loop, lines.inner, 1, 1);
        hone_move(call, x->dtype, &loop, call->out[0]->data, at++ * lines.inner, x->data,
                  k * lines.inner);
    }
    return HONE_OK;
}

const hone_cpu_kernel hone_cpu_compress = {.run = run_compress};

/* ---- unique
 * ----------------------------------------------------------------------------------------------------------
 */

/* The items are the entries along an axis, or the single elements. */
typedef struct unique_job {
    const hone_tensor *x;
    hone_lines lines;
    int64_t *order; /* items, sorted */
    int64_t *group; /* of each item */
    int64_t *first; /* item of each group */
    int64_t *count;
} unique_job;

static int compare_elements(const hone_tensor *x, int64_t a, int64_t b)
{
    if (x->dtype == HONE_STRING) {
        const hone_string *s = (const hone_string *)x->data + a,
                          *t = (const hone_string *)x->data + b;
        const size_t n = HONE_MIN(s->size, t->size);
        const int c = n ? memcmp(s->data, t->data, n) : 0;
        return c ? c : (s->size > t->size) - (s->size < t->size);
    }
    const int64_t j = hone_order_key(x, a), k = hone_order_key(x, b);
    return (j > k) - (j < k);
}

static int compare_items(const unique_job *job, int64_t a, int64_t b)
{
    const int64_t inner = job->lines.inner;

    for (int64_t o = 0; o < job->lines.count; o++)
        for (int64_t i = 0; i < inner; i++) {
            const int c = compare_elements(job->x, (o * job->lines.n + a) * inner + i,
                                           (o * job->lines.n + b) * inner + i);
            if (c)
                return c;
        }
    return 0;
}

static bool comes_after(const unique_job *job, int64_t a, int64_t b)
{
    const int c = compare_items(job, a, b);
    return c > 0 || (c == 0 && a > b);
}

static void sift_last(const unique_job *job, int64_t n, int64_t at)
{
    int64_t *heap = job->order;

    for (int64_t child; (child = 2 * at + 1) < n; at = child) {
        if (child + 1 < n && comes_after(job, heap[child + 1], heap[child]))
            child++;
        if (!comes_after(job, heap[child], heap[at]))
            return;
        const int64_t t = heap[at];
        heap[at] = heap[child];
        heap[child] = t;
    }
}

static void sort_items(const unique_job *job)
{
    const int64_t n = job->lines.n;

    for (int64_t i = 0; i < n; i++)
        job->order[i] = i;
    for (int64_t i = n / 2 - 1; i >= 0; i--)
        sift_last(job, n, i);
    for (int64_t end = n - 1; end > 0; end--) {
        const int64_t t = job->order[0];
        job->order[0] = job->order[end];
        job->order[end] = t;
        sift_last(job, end, 0);
    }
}

/* Groups in sorted order; the first item of a group is the first of its equals. Returns their
 * number. */
static int64_t group_items(const unique_job *job)
{
    int64_t groups = 0;

    for (int64_t i = 0; i < job->lines.n; i++) {
        const int64_t item = job->order[i];
        if (i == 0 || compare_items(job, job->order[i - 1], item) != 0) {
            job->first[groups] = item;
            job->count[groups++] = 0;
        }
        job->group[item] = groups - 1;
        job->count[groups - 1]++;
    }
    return groups;
}

/* Renumbers the groups in the order in which they first appear; `order` is free by now. */
static void order_by_appearance(const unique_job *job)
{
    int64_t *sizes = job->order, next = 0;

    for (int64_t i = 0; i < job->lines.n; i++)
        sizes[i] = job->count[job->group[i]];
    for (int64_t i = 0; i < job->lines.n; i++) {
        const int64_t first = job->first[job->group[i]];
        if (first == i) /* the sizes are kept by item: count is free for the new numbers */
            job->count[job->group[i]] = next++;
    }
    for (int64_t i = 0; i < job->lines.n; i++)
        job->group[i] = job->count[job->group[i]];
    for (int64_t i = job->lines.n - 1; i >= 0; i--) {
        job->first[job->group[i]] = i;
        job->count[job->group[i]] = sizes[i];
    }
}

static hone_status give_ints(const hone_cpu_call *call, int k, const int64_t *v, int64_t n)
{
    const hone_dims dims = {1, {n}};

    if (!hone_call_out(call, k))
        return HONE_OK;
    HONE_TRY(hone_cpu_set_extents(call, k, &dims));
    if (n)
        memcpy(call->out[k]->data, v, (size_t)n * sizeof *v);
    return HONE_OK;
}

static hone_status give_items(const hone_cpu_call *call, const unique_job *job, int64_t groups,
                              hone_dims *dims, int axis)
{
    const int64_t inner = job->lines.inner;

    dims->dim[axis] = groups;
    if (!hone_call_out(call, 0))
        return HONE_OK;
    HONE_TRY(hone_cpu_set_extents(call, 0, dims));
    for (int64_t o = 0; o < job->lines.count; o++)
        for (int64_t g = 0; g < groups; g++)
            for (int64_t i = 0; i < inner; i++)
                hone_element_copy(job->x->dtype, call->out[0]->data, (o * groups + g) * inner + i,
                                  job->x->data, (o * job->lines.n + job->first[g]) * inner + i);
    return HONE_OK;
}

static int64_t unique_count(const hone_cpu_call *call)
{
    const hone_dims *x = &call->in[0]->shape;
    const int64_t axis = call->attrs->unique.axis;

    if (axis == HONE_NO_AXIS)
        return hone_tensor_count(call->in[0]);
    return axis >= -x->rank && axis < x->rank ? x->dim[axis < 0 ? axis + x->rank : axis] : 0;
}

static size_t scratch_unique(const hone_cpu_call *call)
{
    return (size_t)unique_count(call) * 4 * sizeof(int64_t);
}

static hone_status run_unique(const hone_cpu_call *call)
{
    const hone_tensor *x = call->in[0];
    const int64_t n = unique_count(call);
    unique_job job = {.x = x, .lines = {1, n, 1}};
    hone_dims dims = {1, {0}};
    int axis = 0;

    if (call->attrs->unique.axis != HONE_NO_AXIS) {
        dims = x->shape;
        HONE_TRY(hone_call_axis(call, call->attrs->unique.axis, dims.rank, &axis));
        job.lines.inner = hone_dims_product(&dims, axis + 1, dims.rank);
        job.lines.count = hone_dims_product(&dims, 0, axis);
    }
    job.order = call->scratch;
    job.group = job.order + n;
    job.first = job.group + n;
    job.count = job.first + n;
    sort_items(&job);
    const int64_t groups = group_items(&job);
    if (!call->attrs->unique.sorted)
        order_by_appearance(&job);
    HONE_TRY(give_items(call, &job, groups, &dims, axis));
    HONE_TRY(give_ints(call, 1, job.first, groups));
    HONE_TRY(give_ints(call, 2, job.group, n));
    return give_ints(call, 3, job.count, groups);
}

static bool takes_unique(const hone_cpu_call *call)
{
    return hone_is_real(call->in[0]->dtype) || call->in[0]->dtype == HONE_STRING;
}

const hone_cpu_kernel hone_cpu_unique = {
    .run = run_unique, .scratch = scratch_unique, .takes = takes_unique};
