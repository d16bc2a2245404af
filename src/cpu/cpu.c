/* The operator table's cpu column as a table of kernels, and what surrounds a call: its scratch,
 * one-off runs for folding and tests, the growth of outputs whose extents only running tells. Plans
 * do not come through hone_cpu_run_once: their scratch and rooms are placed when the plan is made.
 */
#include "cpu/cpu.h"

const hone_cpu_kernel hone_cpu_none = {.run = NULL};

static const hone_cpu_kernel *const kernels[HONE_OP_COUNT] = {
#define OP(id, onnx, in_min, in_max, out_min, out_max, traits, infer, cpu)                         \
    [HONE_OP_##id] = &hone_cpu_##cpu,
#include "op/ops.def"
#undef OP
};

const hone_cpu_kernel *hone_cpu_kernel_of(int op)
{
    if (op <= HONE_OP_none || op >= HONE_OP_COUNT || !kernels[op]->run)
        return NULL;
    return kernels[op];
}

bool hone_cpu_supports(const hone_cpu_call *call)
{
    const hone_cpu_kernel *kernel = hone_cpu_kernel_of(call->op);
    return kernel && (!kernel->takes || kernel->takes(call));
}

hone_status hone_cpu_set_extents(const hone_cpu_call *call, int k, const hone_dims *dims)
{
    hone_tensor *t = call->out[k];
    size_t need;

    if (!hone_dims_size(t->dtype, dims, &need))
        return hone_error(HONE_ERR_LIMIT, "output %d of %s is too large to count", k,
                          hone_ops[call->op].name);
    if (need > t->size) {
        if (!call->env || !call->env->grow)
            return hone_error(HONE_ERR_LIMIT, "output %d of %s needs %zu bytes; its bound is %zu",
                              k, hone_ops[call->op].name, need, t->size);
        HONE_TRY(call->env->grow(call->env->grow_user, t, need));
    }
    t->shape = *dims;
    return HONE_OK;
}

/* The unused bits after an odd number of small elements are 0, so that folded constants and plans
 * are the same bytes. */
static void clear_tails(const hone_cpu_call *call)
{
    for (int k = 0; k < call->n_out; k++) {
        const hone_tensor *t = call->out[k];
        size_t size;
        if (t && t->data && hone_dtype_bits(t->dtype) < 8 &&
            hone_dims_size(t->dtype, &t->shape, &size) && size > 0)
            ((uint8_t *)t->data)[size - 1] = 0;
    }
}

hone_status hone_cpu_run_once(hone_cpu_call *call)
{
    const hone_cpu_kernel *kernel = hone_cpu_kernel_of(call->op);
    const hone_allocator *allocator = call->env ? call->env->allocator : NULL;
    hone_cpu_call own = *call;
    hone_pool *pool = NULL;
    size_t size = 0;
    hone_status st = HONE_OK;

    if (!hone_cpu_supports(call))
        return hone_error(HONE_ERR_UNSUPPORTED, "no kernel for %s on these element types",
                          hone_ops[call->op].name);
    if (!call->pool) {
        const hone_pool_options one = {.n_threads = 1};
        HONE_TRY_OUT(hone_pool_create(allocator, &one, &pool));
        own.pool = pool;
    }
    own.scratch = NULL;
    size = kernel->scratch ? kernel->scratch(&own) : 0;
    if (size)
        HONE_TRY_OUT(hone_alloc_aligned(allocator, size, HONE_ALIGNMENT, &own.scratch));
    clear_tails(call);
    st = kernel->run(&own);
out:
    if (size)
        hone_free(allocator, own.scratch, size);
    hone_pool_destroy(pool);
    return st == HONE_OK ? HONE_OK : hone_while(st, "running %s", hone_ops[call->op].name);
}
