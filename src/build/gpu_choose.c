/* What the lowerings of kernels offer for a step or a node: its tensors as they know them, with the
 * bytes of constants. */
#include "build/gpu.h"
#include "gpu/lower.h"

#define SPLAT_LIMIT                                                                                \
    ((size_t)64 << 20) /* a repeated constant larger than this stays on the host                   \
                        */

static bool type_of(const hone_type *type, hone_tensor *out)
{
    *out = (hone_tensor){.dtype = type->dtype};
    return type->kind == HONE_KIND_TENSOR && type->dtype != HONE_STRING &&
           hone_shape_dims(&type->shape, &out->shape) &&
           hone_dims_size(out->dtype, &out->shape, &out->size);
}

/* The elements of a constant in a row; lowerings look at some, and see by them that it is one. */
static bool data_of(hone_arena *arena, const hone_constant *c, hone_tensor *out)
{
    out->data = (void *)c->data;
    if (!c->is_splat || c->size == out->size)
        return true;
    if (out->size > SPLAT_LIMIT || c->size == 0)
        return false;
    out->data = hone_arena_alloc_aligned(arena, out->size + 1, HONE_ALIGNMENT);
    for (size_t at = 0; at < out->size; at += c->size)
        memcpy((uint8_t *)out->data + at, c->data, HONE_MIN(c->size, out->size - at));
    return true;
}

/* One of the tensors of a step or a node. */
typedef struct operand {
    const hone_type *type; /* NULL: absent */
    const hone_constant *constant;
} operand;

static bool lower_operands(hone_arena *arena, const operand *operands,
                           const hone_low_target *target, hone_lower *out)
{
    const int n = out->n_in + out->n_out;
    hone_tensor *tensors = hone_arena_array(arena, (size_t)n + 1, sizeof *tensors);
    const hone_tensor **pointers = hone_arena_array(arena, (size_t)n + 1, sizeof *pointers);

    for (int i = 0; i < n; i++) {
        if (!operands[i].type)
            continue;
        if (!type_of(operands[i].type, &tensors[i]) ||
            (operands[i].constant && !data_of(arena, operands[i].constant, &tensors[i])))
            return false;
        pointers[i] = &tensors[i];
    }
    out->arena = arena;
    out->device = target->facts;
    out->in = pointers;
    out->out = pointers + out->n_in;
    return hone_gpu_lower(out) == HONE_OK;
}

/* Every part of the step has a candidate. */
static bool is_whole(const hone_lower *lower)
{
    int part = -1;

    for (const hone_candidate *c = lower->first; c; c = c->next) {
        if (c->part > part + 1)
            return false;
        part = HONE_MAX(part, c->part);
    }
    return part >= 0 && part + 1 == lower->n_parts;
}

bool hone_gpu_lower_step(const hone_lowered *low, const hone_low_step *s,
                         const hone_low_target *target, hone_lower *out)
{
    const int n = s->n_in + s->n_out;
    operand *operands = hone_arena_array(low->arena, (size_t)n + 1, sizeof *operands);

    for (int i = 0; i < n; i++) {
        const int v = i < s->n_in ? s->in[i] : s->out[i - s->n_in];
        if (v >= 0)
            operands[i] = (operand){&low->values.v[v].type, low->values.v[v].constant};
    }
    *out = (hone_lower){.op = s->op, .attrs = s->attrs, .n_in = s->n_in, .n_out = s->n_out};
    return lower_operands(low->arena, operands, target, out) && is_whole(out);
}

bool hone_gpu_takes(void *user, const hone_node *node)
{
    const hone_low_gpu *gpu = user;
    const int n = node->n_in + node->n_out;
    hone_arena *arena;
    bool takes = true;

    if (hone_arena_create(NULL, 0, &arena) != HONE_OK)
        return false;
    operand *operands = hone_arena_array(arena, (size_t)n + 1, sizeof *operands);
    for (int i = 0; i < n; i++) {
        const hone_value *v = i < node->n_in ? node->in[i] : node->out[i - node->n_in];
        if (v)
            operands[i] = (operand){&v->type, v->constant};
    }
    for (int t = 0; takes && t < gpu->n_targets; t++) {
        hone_lower lower = {
            .op = node->op, .attrs = &node->attrs, .n_in = node->n_in, .n_out = node->n_out};
        takes = lower_operands(arena, operands, &gpu->targets[t], &lower) && is_whole(&lower);
    }
    hone_arena_destroy(arena);
    return takes;
}
