/* Softmax along one axis: exp(x - max) / sum(exp(x - max)), and layer normalisation over the
 * trailing axes. Lines are independent; contiguous float32 lines go to the vector code, others are
 * read element by element in double precision. */
#include <math.h>

#include "cpu/vector.h"

#define LINE_WORK 8192 /* elements of a task */

static bool takes_float(const hone_cpu_call *call)
{
    const hone_dtype t = call->in[0]->dtype;
    return (t == HONE_F32 || t == HONE_F64 || t == HONE_F16 || t == HONE_BF16) &&
           call->out[0]->dtype == t;
}

typedef struct softmax {
    hone_dtype dtype;
    const void *x;
    void *y;
    int64_t lines, n, inner, per_task;
} softmax;

static void plain_line(const softmax *s, int64_t line)
{
    const int64_t base = line / s->inner * s->n * s->inner + line % s->inner;
    double largest = -INFINITY, sum = 0.0;

    for (int64_t i = 0; i < s->n; i++) {
        const double x = hone_element_double(s->dtype, s->x, base + i * s->inner);
        largest = x > largest || isnan(x) ? x : largest;
    }
    for (int64_t i = 0; i < s->n; i++)
        sum += exp(hone_element_double(s->dtype, s->x, base + i * s->inner) - largest);
    for (int64_t i = 0; i < s->n; i++) {
        const int64_t at = base + i * s->inner;
        hone_element_set_double(s->dtype, s->y, at,
                                exp(hone_element_double(s->dtype, s->x, at) - largest) / sum);
    }
}

static void softmax_task(void *ctx, int64_t task, int thread)
{
    const softmax *s = ctx;
    const int64_t end = HONE_MIN((task + 1) * s->per_task, s->lines);

    (void)thread;
    for (int64_t line = task * s->per_task; line < end; line++) {
        if (s->dtype == HONE_F32 && s->inner == 1)
            hone_cpu_vector->softmax((const float *)s->x + line * s->n, (float *)s->y + line * s->n,
                                     s->n);
        else
            plain_line(s, line);
    }
}

static hone_status run_softmax(const hone_cpu_call *call)
{
    const hone_dims *d = &call->in[0]->shape;
    const int64_t count = hone_tensor_count(call->in[0]);
    softmax s = {.dtype = call->in[0]->dtype,
                 .x = call->in[0]->data,
                 .y = call->out[0]->data,
                 .n = 1,
                 .inner = 1};
    int axis = 0;

    if (count == 0)
        return HONE_OK;
    if (d->rank > 0) {
        HONE_TRY(hone_axis_normalize(call->attrs->softmax.axis, d->rank, &axis));
        s.n = d->dim[axis];
        for (int i = axis + 1; i < d->rank; i++)
            s.inner *= d->dim[i];
    }
    s.lines = count / s.n;
    s.per_task = HONE_MAX(LINE_WORK / s.n, 1);
    hone_pool_run(call->pool, softmax_task, &s, (s.lines + s.per_task - 1) / s.per_task);
    return HONE_OK;
}

const hone_cpu_kernel hone_cpu_softmax = {.takes = takes_float, .run = run_softmax};

/* ---- layer normalisation
 * --------------------------------------------------------------------------------------------- */

typedef struct layer_norm {
    hone_dtype dtype, stat_dtype;
    const void *x, *scale, *bias;
    void *y, *mean, *inverse; /* the last two may be NULL */
    float epsilon;
    int64_t lines, n, per_task;
    int64_t scale_n,
        bias_n; /* elements; repeated over a line where fewer (broadcast from the right) */
} layer_norm;

static void plain_norm(const layer_norm *l, int64_t line)
{
    const int64_t base = line * l->n;
    double mean = 0.0, variance = 0.0;

    for (int64_t i = 0; i < l->n; i++)
        mean += hone_element_double(l->dtype, l->x, base + i);
    mean /= (double)l->n;
    for (int64_t i = 0; i < l->n; i++) {
        const double d = hone_element_double(l->dtype, l->x, base + i) - mean;
        variance += d * d;
    }
    const double inverse = 1.0 / sqrt(variance / (double)l->n + (double)l->epsilon);
    for (int64_t i = 0; i < l->n; i++) {
        const double z = (hone_element_double(l->dtype, l->x, base + i) - mean) * inverse;
        const double scale = hone_element_double(l->dtype, l->scale, (base + i) % l->scale_n);
        const double bias =
            l->bias ? hone_element_double(l->dtype, l->bias, (base + i) % l->bias_n) : 0.0;
        hone_element_set_double(l->dtype, l->y, base + i, z * scale + bias);
    }
    if (l->mean)
        hone_element_set_double(l->stat_dtype, l->mean, line, mean);
    if (l->inverse)
        hone_element_set_double(l->stat_dtype, l->inverse, line, inverse);
}

static void norm_task(void *ctx, int64_t task, int thread)
{
    const layer_norm *l = ctx;
    const int64_t end = HONE_MIN((task + 1) * l->per_task, l->lines);
    const bool fast = l->dtype == HONE_F32 && l->scale_n == l->n && (!l->bias || l->bias_n == l->n);

    (void)thread;
    for (int64_t line = task * l->per_task; line < end; line++) {
        if (!fast) {
            plain_norm(l, line);
            continue;
        }
        hone_cpu_vector->layer_norm((const float *)l->x + line * l->n, l->scale, l->bias,
                                    l->epsilon, (float *)l->y + line * l->n, l->n,
                                    l->mean ? (float *)l->mean + line : NULL,
                                    l->inverse ? (float *)l->inverse + line : NULL);
    }
}

static void *optional_out(const hone_cpu_call *call, int i)
{
    return i < call->n_out && call->out[i] ? call->out[i]->data : NULL;
}

static hone_status run_layer_normalization(const hone_cpu_call *call)
{
    const hone_tensor *x = call->in[0], *bias = call->n_in > 2 ? call->in[2] : NULL;
    layer_norm l = {.dtype = x->dtype,
                    .stat_dtype = HONE_F32,
                    .x = x->data,
                    .scale = call->in[1]->data,
                    .bias = bias ? bias->data : NULL,
                    .y = call->out[0]->data,
                    .mean = optional_out(call, 1),
                    .inverse = optional_out(call, 2),
                    .epsilon = call->attrs->layer_normalization.epsilon,
                    .n = 1};
    const int64_t count = hone_tensor_count(x);
    int axis;

    if (count == 0)
        return HONE_OK;
    HONE_TRY(hone_axis_normalize(call->attrs->layer_normalization.axis, x->shape.rank, &axis));
    for (int i = axis; i < x->shape.rank; i++)
        l.n *= x->shape.dim[i];
    if (l.mean)
        l.stat_dtype = call->out[1]->dtype;
    l.scale_n = hone_tensor_count(call->in[1]);
    l.bias_n = bias ? hone_tensor_count(bias) : 1;
    l.lines = count / l.n;
    l.per_task = HONE_MAX(LINE_WORK / l.n, 1);
    hone_pool_run(call->pool, norm_task, &l, (l.lines + l.per_task - 1) / l.per_task);
    return HONE_OK;
}

const hone_cpu_kernel hone_cpu_layer_normalization = {.takes = takes_float,
                                                      .run = run_layer_normalization};
