/* Movement to indices from data: scatter_elements, scatter_nd, tensor_scatter, trilu's cut. The
 * output starts as a copy of the input; updates are then applied one after the other in their
 * order, so that repeated indices have one answer. */
#include <math.h>

#include "cpu/kernel.h"

static double reduce_double(int64_t how, double old, double x)
{
    switch (how) {
    case HONE_REDUCTION_ADD: return old + x;
    case HONE_REDUCTION_MUL: return old * x;
    case HONE_REDUCTION_MAX: return isnan(old) || old > x ? old : x;
    default: return isnan(old) || old < x ? old : x;
    }
}

static int64_t reduce_int(int64_t how, int64_t old, int64_t x, bool is_unsigned)
{
    const bool less = is_unsigned ? (uint64_t)old < (uint64_t)x : old < x;

    switch (how) {
    case HONE_REDUCTION_ADD: return (int64_t)((uint64_t)old + (uint64_t)x);
    case HONE_REDUCTION_MUL: return (int64_t)((uint64_t)old * (uint64_t)x);
    case HONE_REDUCTION_MAX: return less ? x : old;
    default: return less ? old : x;
    }
}

static int64_t wrap_int(hone_dtype dtype, int64_t x)
{
    switch (dtype) {
    case HONE_I8: return (int8_t)x;
    case HONE_U8: return (uint8_t)x;
    case HONE_I16: return (int16_t)x;
    case HONE_U16: return (uint16_t)x;
    case HONE_I32: return (int32_t)x;
    case HONE_U32: return (uint32_t)x;
    default: return x;
    }
}

static void update(int64_t how, const hone_tensor *y, int64_t to, const hone_tensor *x,
                   int64_t from)
{
    if (how == HONE_REDUCTION_NONE)
        hone_element_copy(y->dtype, y->data, to, x->data, from);
    else if (hone_dtype_is_float(y->dtype))
        hone_set(y, to, reduce_double(how, hone_get(y, to), hone_get(x, from)));
    else
        hone_element_set_int(
            y->dtype, y->data, to,
            wrap_int(y->dtype, reduce_int(how, hone_get_int(y, to), hone_get_int(x, from),
                                          y->dtype == HONE_U64)));
}

static bool takes_scatter(const hone_cpu_call *call, int64_t how)
{
    const hone_dtype dtype = call->in[0]->dtype;
    return hone_dtype_is_integer(call->in[1]->dtype) &&
           (how == HONE_REDUCTION_NONE || hone_is_real(dtype));
}

static bool takes_scatter_elements(const hone_cpu_call *call)
{
    return takes_scatter(call, call->attrs->scatter_elements.reduction);
}

static bool takes_scatter_nd(const hone_cpu_call *call)
{
    return takes_scatter(call, call->attrs->scatter_nd.reduction);
}

static hone_status run_scatter_elements(const hone_cpu_call *call)
{
    const hone_tensor *indices = call->in[1], *updates = call->in[2], *y = call->out[0];
    const int64_t n = hone_tensor_count(indices);
    hone_loop loop = {.rank = indices->shape.rank, .n = 2};
    hone_walk walk;
    int axis;

    HONE_TRY(hone_call_axis(call, call->attrs->scatter_elements.axis, y->shape.rank, &axis));
    hone_dims_strides(&indices->shape, loop.stride[0]);
    hone_dims_strides(&y->shape, loop.stride[1]);
    const int64_t stride = loop.stride[1][axis];
    loop.stride[1][axis] = 0;
    for (int i = 0; i < loop.rank; i++) {
        loop.dim[i] = indices->shape.dim[i];
        if (i != axis && loop.dim[i] > y->shape.dim[i])
            return hone_error(HONE_ERR_DEVICE,
                              "scatter_elements: axis %d of the indices is longer than the data's",
                              i);
    }
    if (hone_tensor_count(updates) != n)
        return hone_error(HONE_ERR_DEVICE,
                          "scatter_elements: as many updates as indices are needed");
    hone_move_dense(call, y, call->in[0]);
    hone_walk_begin(&walk, &loop, loop.rank, 0);
    for (int64_t i = 0; i < n; i++, hone_walk_next(&walk)) {
        int64_t index;
        HONE_TRY(hone_call_index(call, hone_get_int(indices, i), y->shape.dim[axis], &index));
        update(call->attrs->scatter_elements.reduction, y, walk.offset[1] + index * stride, updates,
               i);
    }
    return HONE_OK;
}

const hone_cpu_kernel hone_cpu_scatter_elements = {.run = run_scatter_elements,
                                                   .takes = takes_scatter_elements};

static hone_status run_scatter_nd(const hone_cpu_call *call)
{
    const hone_tensor *indices = call->in[1], *updates = call->in[2], *y = call->out[0];
    const hone_dims *t = &indices->shape;
    const int64_t how = call->attrs->scatter_nd.reduction,
                  size = (int64_t)hone_element_size(y->dtype);
    int64_t stride[HONE_MAX_RANK];

    if (t->rank < 1 || t->dim[t->rank - 1] > y->shape.rank)
        return hone_error(HONE_ERR_DEVICE,
                          "scatter_nd: the tuples are longer than the data's rank");
    const int n_index = (int)t->dim[t->rank - 1];
    const int64_t tuples = hone_dims_product(t, 0, t->rank - 1);
    const int64_t inner = hone_dims_product(&y->shape, n_index, y->shape.rank);
    if (hone_tensor_count(updates) != tuples * inner)
        return hone_error(HONE_ERR_DEVICE, "scatter_nd: %lld updates for %lld elements",
                          (long long)hone_tensor_count(updates), (long long)(tuples * inner));
    hone_dims_strides(&y->shape, stride);
    hone_move_dense(call, y, call->in[0]);
    for (int64_t i = 0; i < tuples; i++) {
        int64_t to = 0, index;
        for (int k = 0; k < n_index; k++) {
            HONE_TRY(hone_call_index(call, hone_get_int(indices, i * n_index + k), y->shape.dim[k],
                                     &index));
            to += index * stride[k];
        }
        if (how == HONE_REDUCTION_NONE && size) {
            memcpy((char *)y->data + to * size, (const char *)updates->data + i * inner * size,
                   (size_t)(inner * size));
            continue;
        }
        for (int64_t j = 0; j < inner; j++)
            update(how, y, to + j, updates, i * inner + j);
    }
    return HONE_OK;
}

const hone_cpu_kernel hone_cpu_scatter_nd = {.run = run_scatter_nd, .takes = takes_scatter_nd};

/* tensor_scatter: a cache [batch, ..., length, ...] takes in[1] at the batch's own place, in[2], or
 * at 0. */
static hone_status run_tensor_scatter(const hone_cpu_call *call)
{
    const hone_tensor *x = call->in[1], *y = call->out[0];
    const bool circular = call->attrs->tensor_scatter.mode != 0;
    int axis;

    HONE_TRY(hone_call_axis(call, call->attrs->tensor_scatter.axis, y->shape.rank, &axis));
    const int64_t length = y->shape.dim[axis], n = x->shape.dim[axis];
    const int64_t inner = hone_dims_product(&y->shape, axis + 1, y->shape.rank);
    const int64_t outer = hone_dims_product(&y->shape, 0, axis);
    const int64_t per_batch = axis == 0 || y->shape.dim[0] == 0 ? 1 : outer / y->shape.dim[0];
    if (axis == 0 || x->shape.rank != y->shape.rank || hone_tensor_count(x) != outer * n * inner ||
        (hone_call_has(call, 2) && hone_tensor_count(call->in[2]) != y->shape.dim[0]))
        return hone_error(HONE_ERR_DEVICE, "tensor_scatter: the update does not fit the cache");
    hone_move_dense(call, y, call->in[0]);
    for (int64_t i = 0; i < outer * n; i++) {
        const int64_t line = i / n;
        int64_t at = (hone_call_has(call, 2) ? hone_get_int(call->in[2], line / per_batch) : 0);
        if (at < 0 || (!circular && at > length - n) || length == 0)
            return hone_error(HONE_ERR_DEVICE,
                              "tensor_scatter: writing %lld entries at %lld of %lld", (long long)n,
                              (long long)at, (long long)length);
        at = (at % length + i % n) % length;
        for (int64_t j = 0; j < inner; j++)
            hone_element_copy(y->dtype, y->data, (line * length + at) * inner + j, x->data,
                              i * inner + j);
    }
    return HONE_OK;
}

const hone_cpu_kernel hone_cpu_tensor_scatter = {.run = run_tensor_scatter};

/* trilu: of every line of a matrix, zeros and a part that stays. */
static hone_status run_trilu(const hone_cpu_call *call)
{
    const hone_tensor *x = call->in[0], *y = call->out[0];
    const int rank = x->shape.rank;
    const bool upper = call->attrs->trilu.upper != 0;
    const size_t size = hone_element_size(x->dtype);

    if (rank < 2)
        return hone_error(HONE_ERR_DEVICE, "trilu: the rank is %d; it must be at least 2", rank);
    const int64_t rows = x->shape.dim[rank - 2], columns = x->shape.dim[rank - 1];
    const int64_t lines = hone_dims_product(&x->shape, 0, rank - 1);
    int64_t k = hone_call_has(call, 1) ? hone_get_int(call->in[1], 0) : 0;
    k = HONE_MAX(HONE_MIN(k, columns + 1), -rows - 1);
    for (int64_t i = 0; i < lines; i++) {
        const int64_t cut =
            HONE_MAX(HONE_MIN(i % rows + k + (upper ? 0 : 1), columns), 0) * (int64_t)size;
        char *to = (char *)y->data + i * columns * (int64_t)size;
        const char *from = (const char *)x->data + i * columns * (int64_t)size;
        const int64_t line = columns * (int64_t)size;
        memset(to + (upper ? 0 : cut), 0, (size_t)(upper ? cut : line - cut));
        memcpy(to + (upper ? cut : 0), from + (upper ? cut : 0),
               (size_t)(upper ? line - cut : cut));
    }
    return HONE_OK;
}

static bool takes_trilu(const hone_cpu_call *call)
{
    return hone_element_size(call->in[0]->dtype) > 0 && call->in[0]->dtype != HONE_STRING;
}

const hone_cpu_kernel hone_cpu_trilu = {.run = run_trilu, .takes = takes_trilu};
