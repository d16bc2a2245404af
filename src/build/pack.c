/* Which constants are stored in the form that their kernel packs, and the dense bytes of those that
 * are not. */
#include "build/build.h"

hone_status hone_constant_dense(const hone_low_value *value, const void **data, void **copy,
                                size_t *copy_size)
{
    const hone_constant *c = value->constant;
    hone_dims dims;
    size_t size;

    *copy = NULL;
    *copy_size = 0;
    if (!hone_shape_dims(&value->type.shape, &dims) ||
        !hone_dims_size(value->type.dtype, &dims, &size))
        return hone_error(HONE_ERR_INTERNAL, "packing \"%s\": a constant has no static shape",
                          value->name);
    if (!c->is_splat && (uintptr_t)c->data % 16 == 0) {
        *data = c->data;
        return HONE_OK;
    }
    HONE_TRY(hone_alloc_aligned(NULL, size, HONE_ALIGNMENT, copy));
    *copy_size = size;
    for (size_t at = 0; at < size; at += c->size)
        memcpy((uint8_t *)*copy + at, c->data, HONE_MIN(c->size, size - at));
    *data = *copy;
    return HONE_OK;
}

/* The packed value that an earlier step made of the same constant in the same way, or -1. */
static int find_packed(const hone_lowered *low, const hone_low_step *s,
                       const hone_constant *constant)
{
    for (int i = 0; i < low->values.n; i++) {
        const hone_low_value *v = &low->values.v[i];
        if (v->pack_step < 0 || v->constant != constant)
            continue;
        const hone_low_step *other = &low->steps.v[v->pack_step];
        if (other->op == s->op && hone_attrs_equal(s->op, other->attrs, s->attrs))
            return i;
    }
    return -1;
}

/* Packed bytes of step s's in[1]; 0: it stays plain. Only the constant's shape and the attributes
 * matter. */
static size_t packed_size(const hone_lowered *low, const hone_low_step *s,
                          const hone_cpu_kernel *kernel)
{
    const size_t n = (size_t)(s->n_in + s->n_out) + 1;
    hone_tensor *tensors = hone_arena_array(low->arena, n, sizeof *tensors);
    hone_tensor **pointers = hone_arena_array(low->arena, n, sizeof *pointers);
    hone_cpu_call call;

    hone_low_call(low, s, &call, tensors, pointers, NULL);
    return kernel->pack_size(&call);
}

hone_status hone_pack_plan(hone_lowered *low)
{
    for (int i = 0; i < low->steps.n; i++) {
        hone_low_step *s = &low->steps.v[i];
        const hone_cpu_kernel *kernel =
            s->kind == HONE_STEP_KERNEL ? hone_cpu_kernel_of(s->op) : NULL;
        if (!kernel || !kernel->pack_size || s->n_in < 2 || s->in[1] < 0 ||
            low->values.v[s->in[1]].storage != HONE_STORAGE_CONST)
            continue;
        const hone_low_value plain = low->values.v[s->in[1]];
        int packed = find_packed(low, s, plain.constant);
        const size_t size = packed < 0 ? packed_size(low, s, kernel) : 1;
        if (size == 0)
            continue;
        if (packed < 0) {
            packed = hone_low_add_value(low, plain.name, &plain.type, HONE_STORAGE_CONST);
            low->values.v[packed].constant = plain.constant;
            low->values.v[packed].pack_step = i;
            low->values.v[packed].room = size;
        }
        low->steps.v[i].in[1] = packed;
    }
    return HONE_OK;
}
