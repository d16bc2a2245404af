/* Tensors made from shapes and a few numbers: constant_of_shape, eye_like, one_hot, range, shape,
 * size. */
#include "cpu/kernel.h"

static hone_status run_constant_of_shape(const hone_cpu_call *call)
{
    const hone_tensor *y = call->out[0];
    const int64_t n = hone_tensor_count(y);
    const size_t size = hone_element_size(y->dtype);
    static const char zero[16];
    const void *value = hone_call_has(call, 1) ? call->in[1]->data : zero;

    if (size)
        hone_fill(y->data, value, size, n);
    for (int64_t i = 0; i < n && !size; i++)
        hone_element_copy(y->dtype, y->data, i, value, 0);
    return HONE_OK;
}

const hone_cpu_kernel hone_cpu_constant_of_shape = {.run = run_constant_of_shape};

static hone_status run_eye_like(const hone_cpu_call *call)
{
    const hone_tensor *y = call->out[0];
    int64_t k = call->attrs->eye_like.k;
    size_t size;

    if (y->shape.rank != 2 || !hone_dims_size(y->dtype, &y->shape, &size))
        return hone_error(HONE_ERR_DEVICE, "eye_like: the rank is %d, not 2", y->shape.rank);
    if (size)
        memset(y->data, 0, size);
    k = HONE_MAX(HONE_MIN(k, y->shape.dim[1]), -y->shape.dim[0]);
    for (int64_t i = HONE_MAX(0, -k); i < y->shape.dim[0] && k < y->shape.dim[1] - i; i++)
        hone_element_set_int(y->dtype, y->data, i * y->shape.dim[1] + i + k, 1);
    return HONE_OK;
}

static bool takes_eye_like(const hone_cpu_call *call)
{
    return hone_is_real(call->out[0]->dtype);
}

const hone_cpu_kernel hone_cpu_eye_like = {.run = run_eye_like, .takes = takes_eye_like};

/* one_hot: in[2] holds the two values, off and on. Indices outside [-depth, depth) leave their line
 * off. */
static hone_status run_one_hot(const hone_cpu_call *call)
{
    const hone_tensor *indices = call->in[0], *values = call->in[2], *y = call->out[0];
    const int64_t n = hone_tensor_count(indices);
    int axis;

    HONE_TRY(hone_call_axis(call, call->attrs->one_hot.axis, y->shape.rank, &axis));
    const int64_t depth = y->shape.dim[axis],
                  inner = hone_dims_product(&y->shape, axis + 1, y->shape.rank);
    if (hone_tensor_count(values) < 2)
        return hone_error(HONE_ERR_DEVICE, "one_hot: two values are needed");
    hone_fill(y->data, values->data, hone_element_size(y->dtype), hone_tensor_count(y));
    for (int64_t i = 0; i < n; i++) {
        int64_t index = hone_get_int(indices, i);
        index += index < 0 ? depth : 0;
        if (index >= 0 && index < depth)
            hone_element_copy(y->dtype, y->data, (i / inner * depth + index) * inner + i % inner,
                              values->data, 1);
    }
    return HONE_OK;
}

static bool takes_one_hot(const hone_cpu_call *call)
{
    return hone_is_real(call->in[0]->dtype) && hone_element_size(call->in[2]->dtype) > 0;
}

const hone_cpu_kernel hone_cpu_one_hot = {.run = run_one_hot, .takes = takes_one_hot};

static hone_status run_range(const hone_cpu_call *call)
{
    const hone_tensor *y = call->out[0];
    const int64_t n = hone_tensor_count(y);

    if (hone_dtype_is_float(y->dtype)) {
        const double start = hone_get(call->in[0], 0), delta = hone_get(call->in[2], 0);
        for (int64_t i = 0; i < n; i++)
            hone_set(y, i, start + (double)i * delta);
        return HONE_OK;
    }
    const uint64_t start = (uint64_t)hone_get_int(call->in[0], 0),
                   delta = (uint64_t)hone_get_int(call->in[2], 0);
    for (int64_t i = 0; i < n; i++)
        hone_element_set_int(y->dtype, y->data, i, (int64_t)(start + (uint64_t)i * delta));
    return HONE_OK;
}

const hone_cpu_kernel hone_cpu_range = {.run = run_range, .takes = hone_takes_real};

/* Bounds of Shape-15: brought into [0, rank], the default end past it. */
static int64_t shape_bound(int64_t at, int rank)
{
    at += at < 0 ? rank : 0;
    return HONE_MIN(HONE_MAX(at, 0), rank);
}

static hone_status run_shape(const hone_cpu_call *call)
{
    const hone_dims *x = &call->in[0]->shape;
    const int64_t start = shape_bound(call->attrs->shape.start, x->rank);
    const int64_t end = shape_bound(call->attrs->shape.end, x->rank);

    for (int64_t i = start; i < end; i++)
        ((int64_t *)call->out[0]->data)[i - start] = x->dim[i];
    return HONE_OK;
}

const hone_cpu_kernel hone_cpu_shape = {.run = run_shape};

static hone_status run_size(const hone_cpu_call *call)
{
    *(int64_t *)call->out[0]->data = hone_tensor_count(call->in[0]);
    return HONE_OK;
}

const hone_cpu_kernel hone_cpu_size = {.run = run_size};
