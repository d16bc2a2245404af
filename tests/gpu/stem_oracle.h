/* First layers by the CPU backend, which has a convolution and a maximum of their own. */
#ifndef HONE_TESTS_STEM_ORACLE_H
#define HONE_TESTS_STEM_ORACLE_H

#include "cpu/cpu.h"
#include "support/rows.h"

/* x in float32, channels last. */
static inline hone_tensor stem_picture(hone_arena *arena, const row_step *s)
{
    const hone_tensor *x = &s->in[0];
    const int64_t *d = x->shape.dim;
    const bool is_last = s->attrs.conv_stem.layout == HONE_LAYOUT_LAST;
    hone_tensor y = {.dtype = HONE_F32, .shape = {4, {d[0], d[2], d[3], d[1]}}};

    if (is_last)
        y.shape = x->shape;
    hone_dims_size(y.dtype, &y.shape, &y.size);
    float *to = y.data = hone_arena_alloc_aligned(arena, y.size, 64);
    const int64_t pixels = y.shape.dim[1] * y.shape.dim[2], c = y.shape.dim[3];
    for (int64_t i = 0; i < d[0] * pixels * c; i++) {
        const int64_t image = i / (pixels * c), pixel = i / c % pixels, channel = i % c;
        const int64_t from = is_last ? i : (image * c + channel) * pixels + pixel;
        to[i] = (float)hone_element_double(x->dtype, x->data, from);
    }
    return y;
}

/* The program in front: its operands stand behind those of the one after the convolution. */
static inline hone_status stem_prologue(hone_arena *arena, const row_step *s, hone_tensor **in,
                                        hone_tensor *x)
{
    const hone_attrs_conv_stem *a = &s->attrs.conv_stem;
    const hone_cpu_env env = {0};
    const int first = 3 + (a->program ? a->program->n_in - 1 : 0);
    hone_tensor y = *x, *ins[ROW_TENSORS] = {x}, *outs[] = {&y};
    hone_attrs attrs;

    hone_attrs_init(HONE_OP_pointwise, &attrs);
    attrs.pointwise.program = a->prologue;
    for (int i = first; i < s->n_in; i++)
        ins[1 + i - first] = in[i];
    y.data = hone_arena_alloc_aligned(arena, y.size, 64);
    hone_cpu_call call = {.op = HONE_OP_pointwise,
                          .attrs = &attrs,
                          .n_in = a->prologue->n_in,
                          .n_out = 1,
                          .in = ins,
                          .out = outs,
                          .env = &env};
    HONE_TRY(hone_cpu_run_once(&call));
    *x = y;
    return HONE_OK;
}

static inline hone_status stem_sums(hone_arena *arena, const row_step *s, hone_tensor **in,
                                    hone_tensor *sums)
{
    const hone_attrs_conv_stem *a = &s->attrs.conv_stem;
    const int n_in = 3 + (a->program ? a->program->n_in - 1 : 0);
    const hone_cpu_env env = {0};
    hone_tensor *out[] = {sums};
    hone_window w;
    hone_attrs attrs;

    hone_attrs_init(HONE_OP_conv, &attrs);
    attrs.conv.strides = a->strides;
    attrs.conv.dilations = a->dilations;
    attrs.conv.pads = a->pads;
    attrs.conv.layout = HONE_LAYOUT_LAST;
    attrs.conv.program = a->program;
    HONE_TRY(hone_window_of(HONE_OP_conv, &attrs, &in[0]->shape, &in[1]->shape, &w));
    *sums =
        (hone_tensor){.dtype = HONE_F32,
                      .shape = {4, {in[0]->shape.dim[0], w.out[0], w.out[1], in[1]->shape.dim[0]}}};
    hone_dims_size(sums->dtype, &sums->shape, &sums->size);
    sums->data = hone_arena_alloc_aligned(arena, sums->size, 64);
    hone_cpu_call call = {.op = HONE_OP_conv,
                          .attrs = &attrs,
                          .n_in = HONE_MIN(n_in, s->n_in),
                          .n_out = 1,
                          .in = in,
                          .out = out,
                          .env = &env};
    return hone_cpu_run_once(&call);
}

static inline hone_status stem_oracle(hone_arena *arena, const row_step *s, hone_tensor **in,
                                      hone_tensor **out)
{
    const hone_attrs_conv_stem *a = &s->attrs.conv_stem;
    const hone_cpu_env env = {0};
    hone_tensor x = stem_picture(arena, s), sums, *between[] = {&sums};
    hone_attrs attrs;

    if (a->prologue)
        HONE_TRY(stem_prologue(arena, s, in, &x));
    in[0] = &x;
    HONE_TRY(stem_sums(arena, s, in, &sums));
    if (a->pool_shape.n == 0) {
        out[0]->data = sums.data;
        return HONE_OK;
    }
    hone_attrs_init(HONE_OP_max_pool, &attrs);
    attrs.max_pool.kernel_shape = a->pool_shape;
    attrs.max_pool.strides = a->pool_strides;
    attrs.max_pool.pads = a->pool_pads;
    attrs.max_pool.layout = HONE_LAYOUT_LAST;
    hone_cpu_call call = {.op = HONE_OP_max_pool,
                          .attrs = &attrs,
                          .n_in = 1,
                          .n_out = 1,
                          .in = between,
                          .out = out,
                          .env = &env};
    return hone_cpu_run_once(&call);
}

#endif
