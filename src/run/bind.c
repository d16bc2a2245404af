/* Where every value's bytes are: the caller's memory for bindings, the arena, the weights, or
 * blocks that grow. */
#include "run/gpu.h"

#include "op/op.h"

static hone_tensor slot_memory(const hone_context *c, uint32_t binding)
{
    const hone_slot *s = &c->slots[binding];

    if (c->gpu)
        return hone_gpu_host_side(c, binding);
    return (hone_tensor){.data = s->bound ? s->bound : s->lent,
                         .size = s->bound ? s->bound_size : s->lent_size};
}

static void point_value(hone_context *c, uint32_t index)
{
    const hone_plan *p = hone_context_plan(c);
    const hone_plan_value *v = &p->values[index];
    hone_tensor *t = &c->tensors[index];
    hone_tensor from = {.data = t->data, .size = t->size};

    switch (v->storage) {
    case HONE_STORAGE_CONST:
        from.data = v->flags & HONE_VALUE_PACKED ? NULL : (void *)(p->weights + v->offset);
        from.size = v->room;
        if (v->dtype == HONE_STRING)
            from = (hone_tensor){.data = hone_engine_strings(c->engine, index), .size = v->room};
        break;
    case HONE_STORAGE_ARENA:
        from = (hone_tensor){.data = v->flags & HONE_VALUE_DEVICE ? NULL : c->arena + v->offset,
                             .size = v->room};
        break;
    case HONE_STORAGE_INPUT:
    case HONE_STORAGE_OUTPUT: from = slot_memory(c, (uint32_t)v->offset); break;
    case HONE_STORAGE_ALIAS:
        from =
            (hone_tensor){.data = c->tensors[v->offset].data, .size = c->tensors[v->offset].size};
        break;
    default: break; /* what grew stays where it is */
    }
    t->data = from.data;
    t->size = from.size;
}

static bool known_size(const hone_tensor *t, size_t *size)
{
    return hone_dims_size(t->dtype, &t->shape, size);
}

/* Room is checked where it is fixed; bindings are checked when a run begins, and an alias shows no
 * more than there is. */
static hone_status check_room(hone_context *c, uint32_t index)
{
    const hone_plan *p = hone_context_plan(c);
    const hone_plan_value *v = &p->values[index];
    const hone_tensor *t = &c->tensors[index];
    size_t size, room = t->size;

    if (!known_size(t, &size) || (v->flags & HONE_VALUE_PACKED))
        return HONE_OK;
    switch (v->storage) {
    case HONE_STORAGE_INPUT:
    case HONE_STORAGE_OUTPUT: return HONE_OK;
    case HONE_STORAGE_HEAP: return hone_context_make_room(c, index);
    case HONE_STORAGE_ALIAS:
        if (p->values[v->offset].storage != HONE_STORAGE_ARENA &&
            !known_size(&c->tensors[v->offset], &room))
            return HONE_OK; /* a view, which is checked when it is taken */
        break;
    default: break;
    }
    if (size > room)
        return hone_error(HONE_ERR_LIMIT,
                          "placing \"%s\": it needs %zu bytes and the plan has room for %zu",
                          hone_plan_text(p, v->name), size, room);
    return HONE_OK;
}

hone_status hone_context_point(hone_context *c)
{
    const hone_plan *p = hone_context_plan(c);

    for (int aliases = 0; aliases <= 1; aliases++)
        for (uint32_t i = 0; i < p->n_values; i++)
            if ((p->values[i].storage == HONE_STORAGE_ALIAS) == aliases) {
                point_value(c, i);
                HONE_TRY(check_room(c, i));
            }
    return HONE_OK;
}

static hone_status check_index(const hone_context *c, int binding)
{
    const uint32_t n = hone_context_plan(c)->n_bindings;

    if (binding < 0 || (uint32_t)binding >= n)
        return hone_error(HONE_ERR_ARGUMENT,
                          "binding memory: there is no binding %d; the plan has %u", binding, n);
    return HONE_OK;
}

void hone_context_point_binding(hone_context *c, uint32_t binding)
{
    const hone_plan *p = hone_context_plan(c);
    const uint32_t owner = hone_plan_root(p, p->bindings[binding].value);

    point_value(c, owner);
    for (uint32_t i = 0; i < p->n_values; i++)
        if (p->values[i].storage == HONE_STORAGE_ALIAS && p->values[i].offset == owner)
            point_value(c, i);
}

hone_status hone_context_bind(hone_context *c, int binding, void *data, size_t size)
{
    HONE_TRY(check_index(c, binding));
    HONE_TRY(hone_gpu_check(c));
    hone_slot *slot = &c->slots[binding];
    slot->bound = data;
    slot->bound_size = data ? size : 0;
    if (c->gpu)
        HONE_TRY(hone_gpu_place_binding(c, (uint32_t)binding));
    if (c->is_ready)
        hone_context_point_binding(c, (uint32_t)binding);
    return HONE_OK;
}

hone_tensor hone_context_shown(const hone_context *c, uint32_t binding)
{
    const hone_plan *p = hone_context_plan(c);

    if (c->gpu && (c->gpu->bindings[binding].need != HONE_GPU_HOST || c->slots[binding].bound))
        return (hone_tensor){.data = c->gpu->bindings[binding].shown,
                             .size = c->gpu->bindings[binding].shown_size};
    return c->tensors[hone_plan_root(p, p->bindings[binding].value)];
}

hone_status hone_context_data(hone_context *c, int binding, hone_tensor *out)
{
    HONE_TRY(check_index(c, binding));
    HONE_TRY(hone_gpu_check(c));
    if (!c->is_ready)
        HONE_TRY(hone_context_resolve(c));
    const hone_tensor memory = hone_context_shown(c, (uint32_t)binding);
    *out = c->tensors[hone_context_plan(c)->bindings[binding].value];
    out->data = memory.data;
    out->size = memory.size;
    return HONE_OK;
}

/* The block behind a value that grows: its tensor's own, or the memory that the context lends for
 * an output. */
static hone_status replace_block(hone_context *c, void **data, size_t *size, size_t need)
{
    const hone_allocator *allocator = &c->engine->allocator;
    const uint8_t *own = c->memory, *old = *data;
    const size_t room = hone_align_up(need + need / 2, HONE_ALIGNMENT);
    void *grown = NULL;

    HONE_TRY(hone_alloc_aligned(allocator, room, HONE_ALIGNMENT, &grown));
    if (old)
        memcpy(grown, old, HONE_MIN(*size, need));
    if (old && (old < own || old >= own + c->memory_size))
        hone_free(allocator, *data, *size);
    *data = grown;
    *size = room;
    return HONE_OK;
}

static bool may_grow(const hone_context *c, uint32_t binding)
{
    return !c->slots[binding].bound && (!c->gpu || c->gpu->bindings[binding].need == HONE_GPU_HOST);
}

hone_status hone_context_grow(void *context, hone_tensor *tensor, size_t need)
{
    hone_context *c = context;
    const hone_plan *p = hone_context_plan(c);
    const uint32_t index = (uint32_t)(tensor - c->tensors);
    const hone_plan_value *v = &p->values[index];
    const uint32_t owner = v->storage == HONE_STORAGE_ALIAS ? (uint32_t)v->offset : index;
    const hone_plan_value *o = &p->values[owner];

    if (need <= tensor->size)
        return HONE_OK;
    if (o->storage == HONE_STORAGE_HEAP) {
        HONE_TRY(replace_block(c, &c->tensors[owner].data, &c->tensors[owner].size, need));
    } else if (o->storage == HONE_STORAGE_OUTPUT && may_grow(c, (uint32_t)o->offset)) {
        hone_slot *slot = &c->slots[o->offset];
        HONE_TRY(replace_block(c, &slot->lent, &slot->lent_size, need));
        point_value(c, owner);
    } else {
        return hone_error(HONE_ERR_LIMIT,
                          "writing \"%s\": its data needs %zu bytes and there is room for %zu",
                          hone_plan_text(p, v->name), need, tensor->size);
    }
    tensor->data = c->tensors[owner].data;
    tensor->size = c->tensors[owner].size;
    return HONE_OK;
}

hone_status hone_context_make_room(hone_context *c, uint32_t index)
{
    hone_tensor *t = &c->tensors[index];
    size_t size;

    if (!hone_dims_size(t->dtype, &t->shape, &size))
        return hone_error(
            HONE_ERR_LIMIT, "placing \"%s\": its size overflows",
            hone_plan_text(hone_context_plan(c), hone_context_plan(c)->values[index].name));
    return hone_context_grow(c, t, size);
}
