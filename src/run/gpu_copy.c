/* Copies at the borders of a run, and between a binding and the caller: between any two of device,
 * page-locked and ordinary memory. */
#include "run/gpu.h"

static hone_status copy_async(hone_context *c, CUstream stream, hone_gpu_place to,
                              hone_gpu_place from, size_t size)
{
    hone_cuda_device *d = c->gpu->engine->device;

    if (to.place == HONE_CUDA_PINNED)
        return HONE_CU(d, cuMemcpyDtoHAsync, (void *)to.at, from.at, size, stream);
    if (from.place == HONE_CUDA_PINNED)
        return HONE_CU(d, cuMemcpyHtoDAsync, to.at, (const void *)from.at, size, stream);
    return HONE_CU(d, cuMemcpyDtoDAsync, to.at, from.at, size, stream);
}

static hone_status copy_staged(hone_context *c, CUstream stream, hone_gpu_place to,
                               hone_gpu_place from, size_t size)
{
    HONE_TRY(hone_gpu_staging(c));
    if (to.place == HONE_CUDA_PAGEABLE)
        return hone_cuda_download(c->gpu->staging, stream, (void *)to.at, from.at, size);
    return hone_cuda_upload(c->gpu->staging, stream, to.at, (const void *)from.at, size);
}

hone_status hone_gpu_move(hone_context *c, CUstream stream, hone_gpu_place to, hone_gpu_place from,
                          size_t size)
{
    const bool is_pageable = to.place == HONE_CUDA_PAGEABLE || from.place == HONE_CUDA_PAGEABLE;

    if (!size || to.at == from.at)
        return HONE_OK;
    if (to.place != HONE_CUDA_DEVICE && from.place != HONE_CUDA_DEVICE) {
        HONE_TRY(
            hone_gpu_settle(c, stream)); /* the device may still read the one or write the other */
        memcpy((void *)to.at, (const void *)from.at, size);
        return HONE_OK;
    }
    return is_pageable ? copy_staged(c, stream, to, from, size)
                       : copy_async(c, stream, to, from, size);
}

/* ---- borders --------------------------------------------------------------------------------- */

static hone_gpu_place place_shown(const hone_gpu_binding *b)
{
    return (hone_gpu_place){(uintptr_t)b->shown, b->shown_place};
}

static hone_gpu_place place_used(const hone_gpu_binding *b)
{
    static const hone_cuda_place places[] = {
        [HONE_GPU_HOST] = HONE_CUDA_PAGEABLE,
        [HONE_GPU_PINNED] = HONE_CUDA_PINNED,
        [HONE_GPU_DEVICE] = HONE_CUDA_DEVICE,
    };
    return (hone_gpu_place){b->used, places[b->need]};
}

/* Bytes of the binding's present shape. */
static size_t size_of(const hone_context *c, uint32_t binding)
{
    const hone_tensor *t = &c->tensors[hone_context_plan(c)->bindings[binding].value];
    size_t size = 0;

    return hone_dims_size(t->dtype, &t->shape, &size) ? size : 0;
}

hone_cuda_copy hone_gpu_border(const hone_context *c, uint32_t binding)
{
    const hone_gpu_binding *b = &c->gpu->bindings[binding];
    const bool is_input = hone_context_plan(c)->bindings[binding].is_input;
    const hone_gpu_place from = is_input ? place_shown(b) : place_used(b);
    const hone_gpu_place to = is_input ? place_used(b) : place_shown(b);

    return (hone_cuda_copy){.dst = to.at,
                            .src = from.at,
                            .size = size_of(c, binding),
                            .dst_is_host = to.place != HONE_CUDA_DEVICE,
                            .src_is_host = from.place != HONE_CUDA_DEVICE};
}

uintptr_t hone_gpu_shown(const hone_context *c, bool has_borders, uint32_t binding)
{
    const hone_gpu_binding *b = &c->gpu->bindings[binding];

    return has_borders && b->is_copied && hone_gpu_border(c, binding).size ? (uintptr_t)b->shown
                                                                           : 0;
}

hone_status hone_gpu_copy_inputs(hone_context *c, CUstream stream)
{
    for (uint32_t i = 0; i < hone_context_plan(c)->n_inputs; i++) {
        const hone_gpu_binding *b = &c->gpu->bindings[i];
        if (b->is_copied)
            HONE_TRY(hone_gpu_move(c, stream, place_used(b), place_shown(b), size_of(c, i)));
    }
    return HONE_OK;
}

static hone_status check_room(const hone_context *c, uint32_t binding)
{
    const hone_plan *p = hone_context_plan(c);
    const size_t size = size_of(c, binding), room = c->gpu->bindings[binding].shown_size;

    if (size <= room)
        return HONE_OK;
    return hone_error(HONE_ERR_LIMIT,
                      "writing \"%s\": its data needs %zu bytes and there is room for %zu",
                      hone_plan_text(p, p->values[p->bindings[binding].value].name), size, room);
}

hone_status hone_gpu_copy_outputs(hone_context *c, CUstream stream)
{
    const hone_plan *p = hone_context_plan(c);

    for (uint32_t i = p->n_inputs; i < p->n_bindings; i++) {
        const hone_gpu_binding *b = &c->gpu->bindings[i];
        if (!b->is_copied)
            continue;
        HONE_TRY(check_room(c, i));
        HONE_TRY(hone_gpu_move(c, stream, place_shown(b), place_used(b), size_of(c, i)));
    }
    return HONE_OK;
}

/* ---- copy steps outside of graphs ------------------------------------------------------------ */

hone_status hone_gpu_copy_step(hone_context *c, uint32_t step, CUstream stream)
{
    const hone_plan_step *s = &c->engine->steps[step].plan;
    const bool to_host = s->record->kind == HONE_STEP_TO_HOST;
    const hone_tensor *host = &c->tensors[to_host ? s->out[0] : s->in[0]];
    const hone_gpu_place on_host = {(uintptr_t)host->data, HONE_CUDA_PAGEABLE};
    const hone_gpu_place on_device = {hone_gpu_address(c, to_host ? s->in[0] : s->out[0]),
                                      HONE_CUDA_DEVICE};
    size_t size;

    if (!hone_dims_size(host->dtype, &host->shape, &size) || size > host->size)
        return hone_error(HONE_ERR_DEVICE, "step %u \"%s\": what it copies has not been written",
                          step, hone_plan_text(hone_context_plan(c), s->record->name));
    return to_host ? hone_gpu_move(c, stream, on_host, on_device, size)
                   : hone_gpu_move(c, stream, on_device, on_host, size);
}
