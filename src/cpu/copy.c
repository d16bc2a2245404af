/* Kernels that copy whole blocks: the views (an output's bytes are in[0]'s bytes), assign, and the
 * two that control flow uses to read and write one entry along an axis. A plan mostly aliases
 * views; they run where it cannot. */
#include "cpu/kernel.h"

static hone_status run_copy(const hone_cpu_call *call)
{
    hone_move_dense(call, call->out[0], call->in[0]);
    return HONE_OK;
}

const hone_cpu_kernel hone_cpu_copy = {.run = run_copy};
const hone_cpu_kernel hone_cpu_assign = {.run = run_copy};

/* Entry in[1] of in[0] along an axis, without the axis. */
static hone_status run_take(const hone_cpu_call *call)
{
    const hone_tensor *x = call->in[0];
    hone_loop loop = {.n = 2};
    int64_t index;
    int axis;

    HONE_TRY(hone_call_axis(call, call->attrs->take.axis, x->shape.rank, &axis));
    HONE_TRY(hone_call_index(call, hone_get_int(call->in[1], 0), x->shape.dim[axis], &index));
    const int64_t inner = hone_dims_product(&x->shape, axis + 1, x->shape.rank);
    hone_loop_add(&loop, hone_dims_product(&x->shape, 0, axis), inner, inner * x->shape.dim[axis]);
    hone_loop_add(&loop, inner, 1, 1);
    hone_move(call, x->dtype, &loop, call->out[0]->data, 0, x->data, index * inner);
    return HONE_OK;
}

const hone_cpu_kernel hone_cpu_take = {.run = run_take};

/* in[0] with in[1] as one more entry along an axis. */
static hone_status run_append(const hone_cpu_call *call)
{
    const hone_tensor *x = call->in[0], *y = call->in[1];
    hone_dims dims = x->shape;
    hone_loop old = {.n = 2}, added = {.n = 2};
    int axis;

    HONE_TRY(hone_call_axis(call, call->attrs->append.axis, x->shape.rank, &axis));
    const int64_t n = x->shape.dim[axis];
    const int64_t outer = hone_dims_product(&x->shape, 0, axis);
    const int64_t inner = hone_dims_product(&x->shape, axis + 1, x->shape.rank);
    if (hone_tensor_count(y) != outer * inner)
        return hone_error(HONE_ERR_DEVICE, "append: the entry has %lld elements, not %lld",
                          (long long)hone_tensor_count(y), (long long)(outer * inner));
    dims.dim[axis] = n + 1;
    HONE_TRY(hone_cpu_set_extents(call, 0, &dims));
    hone_loop_add(&old, outer, (n + 1) * inner, n * inner);
    hone_loop_add(&old, n * inner, 1, 1);
    hone_move(call, x->dtype, &old, call->out[0]->data, 0, x->data, 0);
    hone_loop_add(&added, outer, (n + 1) * inner, inner);
    hone_loop_add(&added, inner, 1, 1);
    hone_move(call, x->dtype, &added, call->out[0]->data, n * inner, y->data, 0);
    return HONE_OK;
}

const hone_cpu_kernel hone_cpu_append = {.run = run_append};
