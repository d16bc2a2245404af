/* Where bindings are. The caller sees one memory for each, his own or lent; the steps need it on
 * one side of the bus, and use the context's own buffer there where the caller's is on the other.
 */
#include "run/gpu.h"

#include "cuda/stream.h"

#define VECTOR                                                                                     \
    16 /* bytes: kernels move so many at once and want bindings to begin at a multiple             \
        */

hone_gpu_need hone_gpu_need_of(const hone_engine *e, uint32_t binding)
{
    const uint32_t root = hone_plan_root(e->plan, e->plan->bindings[binding].value);

    if (e->plan->values[root].flags & HONE_VALUE_DEVICE)
        return HONE_GPU_DEVICE;
    return e->gpu->is_pinned[root] ? HONE_GPU_PINNED : HONE_GPU_HOST;
}

/* ---- the context's own buffers --------------------------------------------------------------- */

static hone_status take_device(hone_context *c, uint32_t binding)
{
    hone_gpu_context *g = c->gpu;
    hone_gpu_binding *b = &g->bindings[binding];

    if (b->device.at)
        return HONE_OK;
    HONE_TRY(hone_cuda_memory_init(g->engine->device,
                                   hone_context_binding_bytes(c->engine->plan, binding), g->stream,
                                   &b->device));
    /* Other streams may use it from now on. */
    return hone_cuda_stream_wait(g->engine->device, g->stream);
}

static hone_status take_pinned(hone_context *c, uint32_t binding)
{
    hone_gpu_binding *b = &c->gpu->bindings[binding];

    if (b->pinned)
        return HONE_OK;
    b->pinned_size = hone_context_binding_bytes(c->engine->plan, binding);
    return hone_cuda_pinned_alloc(c->gpu->engine->device, b->pinned_size, &b->pinned);
}

/* Ordinary memory, for a binding of CPU steps that the caller has in the device's. */
static hone_status take_host(hone_context *c, uint32_t binding)
{
    hone_slot *slot = &c->slots[binding];

    if (slot->lent)
        return HONE_OK;
    slot->lent_size = hone_context_binding_bytes(c->engine->plan, binding);
    return hone_alloc_aligned(&c->engine->allocator, slot->lent_size, HONE_ALIGNMENT, &slot->lent);
}

hone_status hone_gpu_lend(hone_context *c, uint32_t binding)
{
    const hone_gpu_need need = c->gpu->bindings[binding].need;

    if (need == HONE_GPU_DEVICE)
        HONE_TRY(take_device(c, binding));
    if (need == HONE_GPU_PINNED || (need == HONE_GPU_DEVICE && !c->gpu->device_io))
        HONE_TRY(take_pinned(c, binding));
    return HONE_OK;
}

/* ---- what is shown and what is used ---------------------------------------------------------- */

static void show(hone_gpu_binding *b, void *at, size_t size, hone_cuda_place place)
{
    b->shown = at;
    b->shown_size = size;
    b->shown_place = place;
}

static void show_lent(const hone_context *c, uint32_t binding)
{
    hone_gpu_binding *b = &c->gpu->bindings[binding];
    const hone_slot *slot = &c->slots[binding];

    if (b->need == HONE_GPU_HOST)
        show(b, slot->lent, slot->lent_size, HONE_CUDA_PAGEABLE);
    else if (b->need == HONE_GPU_DEVICE && c->gpu->device_io)
        show(b, (void *)(uintptr_t)b->device.at, b->device.size, HONE_CUDA_DEVICE);
    else
        show(b, b->pinned, b->pinned_size, HONE_CUDA_PINNED);
}

static bool fits(const hone_gpu_binding *b)
{
    switch (b->need) {
    case HONE_GPU_DEVICE:
        return b->shown_place == HONE_CUDA_DEVICE && (uintptr_t)b->shown % VECTOR == 0;
    case HONE_GPU_PINNED: return b->shown_place == HONE_CUDA_PINNED;
    default: return b->shown_place != HONE_CUDA_DEVICE;
    }
}

static uintptr_t own_buffer(const hone_context *c, uint32_t binding)
{
    const hone_gpu_binding *b = &c->gpu->bindings[binding];

    switch (b->need) {
    case HONE_GPU_DEVICE: return (uintptr_t)b->device.at;
    case HONE_GPU_PINNED: return (uintptr_t)b->pinned;
    default: return (uintptr_t)c->slots[binding].lent;
    }
}

static void choose_used(hone_context *c, uint32_t binding)
{
    hone_gpu_binding *b = &c->gpu->bindings[binding];

    if (!c->slots[binding].bound)
        show_lent(c, binding);
    b->used = b->shown && fits(b) ? (uintptr_t)b->shown : own_buffer(c, binding);
    b->is_copied = b->shown && b->used != (uintptr_t)b->shown;
}

hone_status hone_gpu_place_binding(hone_context *c, uint32_t binding)
{
    hone_gpu_context *g = c->gpu;
    hone_gpu_binding *b = &g->bindings[binding];
    const hone_slot *slot = &c->slots[binding];

    if (slot->bound) {
        HONE_TRY(hone_cuda_enter(g->engine->device));
        show(b, slot->bound, slot->bound_size, hone_cuda_place_of(g->engine->device, slot->bound));
        hone_cuda_leave(g->engine->device);
    }
    choose_used(c, binding);
    g->replay = NULL;
    return HONE_OK;
}

/* Own buffers have the size of the profile's largest shape, which a damaged plan may lie about. */
static hone_status check_own(const hone_context *c, uint32_t binding)
{
    const hone_gpu_binding *b = &c->gpu->bindings[binding];
    const hone_plan *p = hone_context_plan(c);
    const uint32_t value = p->bindings[binding].value;
    const size_t room = b->need == HONE_GPU_DEVICE ? b->device.size : b->pinned_size;
    size_t size;

    if (b->need == HONE_GPU_HOST || !b->used || b->used != own_buffer(c, binding) ||
        (hone_dims_size(c->tensors[value].dtype, &c->tensors[value].shape, &size) && size <= room))
        return HONE_OK;
    return hone_error(HONE_ERR_LIMIT, "placing \"%s\": the plan's profile has room for %zu bytes",
                      hone_plan_text(p, p->values[value].name), room);
}

static hone_status complete(hone_context *c, uint32_t binding)
{
    hone_gpu_binding *b = &c->gpu->bindings[binding];
    const uintptr_t before = b->used;

    choose_used(c, binding); /* what is lent may have grown */
    if (!b->shown && b->need != HONE_GPU_HOST && !c->engine->plan->bindings[binding].is_input)
        HONE_TRY(hone_gpu_lend(c, binding)); /* an output that the caller has no use for */
    if (b->shown && !b->used) {
        if (b->need == HONE_GPU_DEVICE)
            HONE_TRY(take_device(c, binding));
        else if (b->need == HONE_GPU_PINNED)
            HONE_TRY(take_pinned(c, binding));
        else
            HONE_TRY(take_host(c, binding));
    }
    choose_used(c, binding);
    if (b->used != before)
        hone_context_point_binding(c, binding);
    if (b->is_copied && b->shown_place == HONE_CUDA_PAGEABLE)
        HONE_TRY(hone_gpu_staging(c));
    return check_own(c, binding);
}

hone_status hone_gpu_place_bindings(hone_context *c)
{
    for (uint32_t i = 0; i < hone_context_plan(c)->n_bindings; i++)
        HONE_TRY(complete(c, i));
    return HONE_OK;
}

/* ---- addresses ------------------------------------------------------------------------------- */

hone_tensor hone_gpu_host_side(const hone_context *c, uint32_t binding)
{
    const hone_gpu_binding *b = &c->gpu->bindings[binding];
    const hone_slot *slot = &c->slots[binding];

    if (b->need == HONE_GPU_DEVICE)
        return (hone_tensor){.size = b->shown_size};
    if (b->need == HONE_GPU_HOST && !(slot->bound && fits(b)))
        return (hone_tensor){.data = slot->lent, .size = slot->lent_size};
    return (hone_tensor){.data = (void *)b->used,
                         .size = b->is_copied ? b->pinned_size : b->shown_size};
}

CUdeviceptr hone_gpu_address(const hone_context *c, uint32_t value)
{
    const hone_plan_value *v = &c->engine->plan->values[hone_plan_root(c->engine->plan, value)];

    switch (v->storage) {
    case HONE_STORAGE_CONST: return c->gpu->engine->weights.at + v->offset;
    case HONE_STORAGE_ARENA: return c->gpu->memory.at + v->offset;
    default: return c->gpu->bindings[v->offset].used;
    }
}
