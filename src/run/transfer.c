/* Bytes of the caller's to and from the memory of a binding, wherever that is. */
#include "run/gpu.h"

#include "cuda/stream.h"

static hone_status exchange(hone_context *c, int binding, void *data, size_t size, bool is_write)
{
    hone_gpu_context *g = c->gpu;
    const hone_gpu_place ours = {(uintptr_t)data, HONE_CUDA_PAGEABLE};
    const hone_gpu_place theirs = {(uintptr_t)g->bindings[binding].shown,
                                   g->bindings[binding].shown_place};

    HONE_TRY(hone_gpu_settle(c, g->stream));
    HONE_TRY(hone_gpu_move(c, g->stream, is_write ? theirs : ours, is_write ? ours : theirs, size));
    return hone_cuda_stream_wait(g->engine->device, g->stream);
}

/* The binding's memory, large enough for `size`. */
static hone_status find_memory(hone_context *c, int binding, size_t size, hone_tensor *out)
{
    HONE_TRY(hone_context_data(c, binding, out));
    const hone_plan *p = hone_context_plan(c);
    const char *name = hone_plan_text(p, p->values[p->bindings[binding].value].name);
    if (!out->data && size)
        return hone_error(HONE_ERR_STATE, "copying to or from \"%s\": it has no memory; bind some",
                          name);
    if (size > out->size)
        return hone_error(HONE_ERR_ARGUMENT,
                          "copying to or from \"%s\": %zu bytes are asked for and it has %zu", name,
                          size, out->size);
    return HONE_OK;
}

static hone_status transfer(hone_context *c, int binding, void *data, size_t size, bool is_write)
{
    hone_tensor memory;

    HONE_TRY(hone_gpu_check(c));
    HONE_TRY(find_memory(c, binding, size, &memory));
    if (!c->gpu) {
        memcpy(is_write ? memory.data : data, is_write ? data : memory.data, size);
        return HONE_OK;
    }
    HONE_TRY(hone_cuda_enter(c->gpu->engine->device));
    const hone_status st = exchange(c, binding, data, size, is_write);
    hone_cuda_leave(c->gpu->engine->device);
    return st;
}

hone_status hone_context_write(hone_context *c, int binding, const void *data, size_t size)
{
    return transfer(c, binding, (void *)data, size, true);
}

hone_status hone_context_read(hone_context *c, int binding, void *data, size_t size)
{
    return transfer(c, binding, data, size, false);
}
