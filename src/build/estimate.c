/* What a step costs by its shapes: floating-point operations, bytes moved, scratch. And the call of
 * a step at its largest extents, which packing and scratch are asked with. */
#include "build/build.h"

bool hone_low_call(const hone_lowered *low, const hone_low_step *s, hone_cpu_call *call,
                   hone_tensor *tensors, hone_tensor **pointers, hone_pool *pool)
{
    bool known = true;

    for (int i = 0; i < s->n_in + s->n_out; i++) {
        const int v = i < s->n_in ? s->in[i] : s->out[i - s->n_in];
        pointers[i] = v < 0 ? NULL : &tensors[i];
        if (v < 0)
            continue;
        tensors[i] = (hone_tensor){.dtype = low->values.v[v].type.dtype};
        known = hone_shape_upper(low->module->extents, &low->values.v[v].type.shape,
                                 &tensors[i].shape) &&
                known;
    }
    *call = (hone_cpu_call){.op = s->op,
                            .attrs = s->attrs,
                            .n_in = s->n_in,
                            .n_out = s->n_out,
                            .in = pointers,
                            .out = pointers + s->n_in,
                            .pool = pool};
    return known;
}

static double count(const hone_tensor *t)
{
    int64_t n = 0;
    return t && hone_dims_count(&t->shape, &n) ? (double)n : 0;
}

static double bytes_of(const hone_tensor *t)
{
    return t ? count(t) * hone_dtype_bits(t->dtype) / 8 : 0;
}

/* Pixels of a first layer's sums: more than are left by the maximum behind them. */
static double stem_pixels(const hone_cpu_call *c)
{
    hone_window w;

    if (hone_window_of(c->op, c->attrs, &c->in[0]->shape, &c->in[1]->shape, &w) != HONE_OK)
        return 0;
    return (double)c->in[0]->shape.dim[0] * (double)w.out[0] * (double)w.out[1];
}

/* Multiply-adds count two; transcendental functions count one, as in the field's usual figures. */
static double flop_of(const hone_cpu_call *c)
{
    const double out = c->n_out > 0 ? count(c->out[0]) : 0;
    const hone_tensor *x = c->n_in > 0 ? c->in[0] : NULL, *w = c->n_in > 1 ? c->in[1] : NULL;

    if (!x || !w || !hone_op_has((hone_op_id)c->op, HONE_TRAIT_CONTRACTION))
        return hone_op_has((hone_op_id)c->op,
                           HONE_TRAIT_MOVEMENT | HONE_TRAIT_VIEW | HONE_TRAIT_DATA_SHAPED)
                   ? 0
                   : out;
    switch (c->op) {
    case HONE_OP_conv:
    case HONE_OP_conv_integer:
    case HONE_OP_qlinear_conv:
        return w->shape.rank && w->shape.dim[0] ? 2 * out * count(w) / (double)w->shape.dim[0] : 0;
    case HONE_OP_conv_stem: return 2 * stem_pixels(c) * count(w);
    case HONE_OP_conv_transpose:
        return w->shape.rank && w->shape.dim[0] ? 2 * count(x) * count(w) / (double)w->shape.dim[0]
                                                : 0;
    default: {
        const bool trans = c->op == HONE_OP_matmul && c->attrs->matmul.trans_a && x->shape.rank > 1;
        return x->shape.rank ? 2 * out * (double)x->shape.dim[x->shape.rank - (trans ? 2 : 1)] : 0;
    }
    }
}

hone_status hone_low_estimate(hone_lowered *low)
{
    hone_pool *pool = NULL;

    HONE_TRY(
        hone_pool_create(NULL, &(hone_pool_options){.n_threads = 1, .count_only = true}, &pool));
    for (int i = 0; i < low->steps.n; i++) {
        hone_low_step *s = &low->steps.v[i];
        const size_t n = (size_t)(s->n_in + s->n_out) + 1;
        hone_tensor *tensors = hone_arena_array(low->arena, n, sizeof *tensors);
        hone_tensor **pointers = hone_arena_array(low->arena, n, sizeof *pointers);
        hone_cpu_call call;
        if (s->kind != HONE_STEP_KERNEL && s->kind != HONE_STEP_LAUNCH)
            continue;
        const bool known = hone_low_call(low, s, &call, tensors, pointers, pool);
        s->flop = flop_of(&call);
        for (int k = 0; k < s->n_in + s->n_out; k++)
            s->bytes += bytes_of(pointers[k]);
        const hone_cpu_kernel *kernel = hone_cpu_kernel_of(s->op);
        if (s->kind == HONE_STEP_KERNEL)
            s->scratch = known && kernel->scratch ? kernel->scratch(&call) : 0;
        low->scratch_bytes =
            HONE_MAX(low->scratch_bytes, hone_align_up(s->scratch, HONE_ALIGNMENT));
    }
    hone_pool_destroy(pool);
    return HONE_OK;
}
