/* What stays float32 when a model is narrowed: the pass's opinions, as TensorRT and the converters
 * of ONNX have them. float16 ends at 65504 and has 11 bits; bfloat16 has float32's range and 8
 * bits. Kernels compute and sum in float32 whatever they read, so it is about what is written
 * between them. */
#include "opt/narrow.h"

#include <math.h>

#define F16_MOST      65504.0f   /* the largest float16 */
#define F16_LEAST     6.1035e-5f /* the smallest normal one */
#define MANY          4096       /* elements of a sum that is large */
#define SCANNED_BYTES (1 << 28)  /* larger constants are taken for weights like all others */

/* Operators that lose accuracy or range, why, and whether what they write may be beyond it. */
static const struct {
    hone_op_id op;
    bool is_beyond;
    const char *why;
} kept[] = {
    {HONE_OP_cumsum, true, "a running sum"},
    {HONE_OP_cumprod, true, "a running product"},
    {HONE_OP_reduce_prod, true, "a product of many"},
    {HONE_OP_reduce_sum_square, true, "a sum of squares"},
    {HONE_OP_exp, true, "an exponential"},
    {HONE_OP_pow, true, "a power"},
    {HONE_OP_sinh, true, "an exponential"},
    {HONE_OP_cosh, true, "an exponential"},
    {HONE_OP_grid_sample, false, "coordinates"},
    {HONE_OP_affine_grid, false, "coordinates"},
    {HONE_OP_roi_align, false, "coordinates"},
    {HONE_OP_max_roi_pool, false, "coordinates"},
    {HONE_OP_non_max_suppression, false, "coordinates"},
    {HONE_OP_range, true, "positions"},
    {HONE_OP_dft, true, "a spectrum"},
    {HONE_OP_stft, true, "a spectrum"},
    {HONE_OP_lrn, false, "a sum of squares"},
    {HONE_OP_negative_log_likelihood_loss, false, "a loss"},
    {HONE_OP_softmax_cross_entropy_loss, false, "a loss"},
    {HONE_OP_quantize_linear, false, "a scale"},
    {HONE_OP_dequantize_linear, false, "a scale"},
    {HONE_OP_dynamic_quantize_linear, false, "a scale"},
};

static bool is_never(hone_op_id op)
{
    return hone_op_has(op, HONE_TRAIT_CONTROL | HONE_TRAIT_SEQUENCE | HONE_TRAIT_TEXT |
                               HONE_TRAIT_RANDOM | HONE_TRAIT_DATA_SHAPED) ||
           strncmp(hone_ops[op].onnx, "ai.onnx.ml:", 11) == 0 || op == HONE_OP_bit_cast ||
           op == HONE_OP_assign || op == HONE_OP_take || op == HONE_OP_constant_of_shape ||
           op == HONE_OP_eye_like || op == HONE_OP_one_hot || op == HONE_OP_frame;
}

hone_narrow_form hone_narrow_form_of(const hone_node *node)
{
    switch (node->op) {
    case HONE_OP_pointwise:
    case HONE_OP_cast: return HONE_NARROW_FREE;
    case HONE_OP_conv:
    case HONE_OP_conv_transpose:
    case HONE_OP_matmul:
    case HONE_OP_squeeze_excite: return HONE_NARROW_PRODUCT;
    default: break;
    }
    if (is_never(node->op))
        return HONE_NARROW_NEVER;
    return hone_op_has(node->op, HONE_TRAIT_VIEW | HONE_TRAIT_MOVEMENT) ? HONE_NARROW_FOLLOW
                                                                        : HONE_NARROW_SAME;
}

bool hone_narrow_input_is_tied(const hone_node *node, int i)
{
    switch (node->op) {
    case HONE_OP_conv: return i < 2 || (node->attrs.conv.gate && i == node->n_in - 1);
    case HONE_OP_conv_transpose:
    case HONE_OP_matmul: return i < 2;
    case HONE_OP_squeeze_excite: return i == 1 || i == 3;
    case HONE_OP_pointwise:
    case HONE_OP_cast: return false;
    case HONE_OP_attention: return i != 3;
    case HONE_OP_resize: return i == 0;
    default: return true;
    }
}

bool hone_narrow_input_is_wide(const hone_node *node, int i)
{
    switch (node->op) {
    case HONE_OP_conv:
    case HONE_OP_conv_transpose:
    case HONE_OP_matmul: return i == 2;
    case HONE_OP_squeeze_excite: return i == 2 || i == 4;
    case HONE_OP_resize: return i > 0;
    default: return false;
    }
}

/* ---- programs ---- */

static bool is_beyond(float x)
{
    return isfinite(x) && fabsf(x) > F16_MOST;
}

/* Whether an instruction's result may be beyond float16 where its operands are not marked: marks
 * are by register. Functions that bring everything back into a range take the mark away. */
static bool may_overflow(const hone_program *p, const hone_instr *in, const bool *marked)
{
    const bool a = marked[in->arg[0]], b = hone_scalar_arity[in->op] > 1 && marked[in->arg[1]];

    switch ((hone_scalar)in->op) {
    case HONE_SCALAR_constant: return is_beyond(in->value);
    case HONE_SCALAR_exp:
    case HONE_SCALAR_pow:
    case HONE_SCALAR_sinh:
    case HONE_SCALAR_cosh: return true;
    case HONE_SCALAR_mul: return a || b || in->arg[0] == in->arg[1];
    case HONE_SCALAR_div: return a && in->arg[1] < p->n_in;
    case HONE_SCALAR_min:
    case HONE_SCALAR_max: return a && b;
    case HONE_SCALAR_copy:
    case HONE_SCALAR_neg:
    case HONE_SCALAR_abs:
    case HONE_SCALAR_ceil:
    case HONE_SCALAR_floor:
    case HONE_SCALAR_round:
    case HONE_SCALAR_trunc:
    case HONE_SCALAR_relu: return a;
    case HONE_SCALAR_add:
    case HONE_SCALAR_sub: return a || b;
    case HONE_SCALAR_fma: return a || b || marked[in->arg[2]];
    case HONE_SCALAR_select: { /* elu and its kin: the exponential of what is negative */
        const int c = in->arg[0] - p->n_in;
        const bool is_side = c >= 0 && p->instr[c].op == HONE_SCALAR_less;
        return (b && !is_side) || marked[in->arg[2]];
    }
    default: return false;
    }
}

/* Whether what the program writes may be beyond float16 though what it reads is not. */
static bool program_may_overflow(const hone_program *p)
{
    bool marked[HONE_PROGRAM_INPUTS + HONE_PROGRAM_INSTRS] = {false};

    for (int i = 0; i < p->n_instr; i++)
        marked[p->n_in + i] = may_overflow(p, &p->instr[i], marked);
    return p->n_instr > 0 && marked[p->n_in + p->n_instr - 1];
}

/* ---- reductions and constants ---- */

static bool is_sum(hone_op_id op)
{
    return op == HONE_OP_reduce_sum || op == HONE_OP_reduce_mean || op == HONE_OP_reduce_l1 ||
           op == HONE_OP_reduce_l2 || op == HONE_OP_reduce_log_sum;
}

static bool is_large(const hone_node *n)
{
    int axes[HONE_MAX_RANK], n_axes = 0;
    int64_t count = 1;

    if (!hone_reduce_axes(n, axes, &n_axes))
        return true;
    for (int i = 0; i < n_axes; i++)
        count *= hone_extent_is_number(hone_dim_of(n->in[0], axes[i]))
                     ? HONE_MIN(hone_dim_of(n->in[0], axes[i]), MANY + 1)
                     : 1;
    return count > MANY;
}

typedef enum span {
    SPAN_FITS,
    SPAN_TINY, /* all of it is below the smallest normal number */
    SPAN_HUGE, /* some of it is beyond the largest */
} span;

static span span_of(const hone_value *constant, hone_dtype to)
{
    const hone_constant *c = constant->constant;
    float most = 0, x;

    if (to != HONE_F16 || constant->type.dtype != HONE_F32 || c->size > SCANNED_BYTES)
        return SPAN_FITS;
    for (size_t i = 0; i + sizeof x <= c->size; i += sizeof x) {
        memcpy(&x, (const char *)c->data + i, sizeof x);
        if (is_beyond(x))
            return SPAN_HUGE;
        most = fabsf(x) > most ? fabsf(x) : most;
    }
    return most > 0 && most < F16_LEAST ? SPAN_TINY : SPAN_FITS;
}

bool hone_narrow_is_out_of_range(const hone_value *constant, hone_dtype to)
{
    return span_of(constant, to) != SPAN_FITS;
}

const char *hone_narrow_objection(const hone_node *node, hone_dtype to, bool *is_beyond_range)
{
    *is_beyond_range = false;
    if (node->op == HONE_OP_pointwise) {
        *is_beyond_range = to == HONE_F16 && program_may_overflow(node->attrs.pointwise.program);
        return *is_beyond_range ? "its result may overflow" : NULL;
    }
    for (int i = 0; i < HONE_COUNT(kept); i++)
        if (kept[i].op == node->op) {
            *is_beyond_range = kept[i].is_beyond;
            return kept[i].why;
        }
    if (is_sum(node->op) && is_large(node)) {
        *is_beyond_range = node->op != HONE_OP_reduce_mean;
        return "a large sum";
    }
    for (int i = 0; i < node->n_in; i++) {
        const span s = hone_is_constant(node->in[i]) && hone_narrow_input_is_tied(node, i)
                           ? span_of(node->in[i], to)
                           : SPAN_FITS;
        *is_beyond_range |= s == SPAN_HUGE;
        if (s != SPAN_FITS)
            return "a constant is out of range";
    }
    return NULL;
}

bool hone_narrow_passes_on(const hone_node *node)
{
    return hone_op_has(node->op, HONE_TRAIT_VIEW | HONE_TRAIT_MOVEMENT | HONE_TRAIT_POOLING |
                                     HONE_TRAIT_REDUCTION);
}
