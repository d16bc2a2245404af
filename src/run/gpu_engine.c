/* The engine on a device: the plan's target that fits it, kernel images loaded once, weights
 * uploaded once. Immutable after creation, as the rest of an engine is. */
#include "run/gpu.h"

#include <stdio.h>

#include "cuda/module.h"
#include "cuda/nvml.h"
#include "cuda/stream.h"

#define UPLOAD_SLOT ((size_t)4 << 20) /* bytes; hides the start of each copy */

/* ---- the target ------------------------------------------------------------------------------ */

/* A target of PTX alone runs on everything that is newer: the driver compiles it. */
static bool is_ptx(const hone_plan *p, const hone_plan_target *t)
{
    for (uint32_t i = 0; i < t->n_launches; i++)
        if (!p->kernels[p->launches[t->first_launch + i].kernel].is_ptx)
            return false;
    return true;
}

/* Devices of one major version differ in the shared memory that a block can have. */
static bool has_room(const hone_plan *p, const hone_plan_target *t, const hone_cuda_info *info)
{
    for (uint32_t i = 0; i < t->n_launches; i++)
        if (p->launches[t->first_launch + i].shared_bytes > (uint32_t)info->shared_per_block)
            return false;
    return true;
}

static bool fits(const hone_plan *p, const hone_plan_target *t, const hone_cuda_info *info)
{
    const uint32_t arch = (uint32_t)(info->major * 10 + info->minor);

    if (!has_room(p, t, info))
        return false;
    if (t->is_exact)
        return t->arch == arch;
    return t->arch <= arch && (t->arch / 10 == arch / 10 || is_ptx(p, t));
}

/* Of two targets that fit: the newer, then the one that uses what only this architecture has, then
 * the one that is machine code. */
static int rank_of(const hone_plan *p, const hone_plan_target *t)
{
    return (int)t->arch * 4 + (t->is_exact ? 2 : 0) + !is_ptx(p, t);
}

static hone_status choose_target(hone_engine *e)
{
    const hone_plan *p = e->plan;
    hone_gpu_engine *g = e->gpu;
    const hone_cuda_info *info = &g->device->info;

    for (uint32_t i = 0; i < p->n_targets; i++) {
        const hone_plan_target *t = &p->targets[i];
        if (fits(p, t, info) && (!g->target || rank_of(p, t) > rank_of(p, g->target)))
            g->target = t;
    }
    if (g->target)
        return HONE_OK;
    return hone_error(HONE_ERR_MISMATCH,
                      "the plan has kernels for %s, and %s is %s: build it with --target %s, or "
                      "with +ptx for devices that are newer than the plan",
                      p->target_names, g->device->label, info->arch, info->arch);
}

/* ---- kernels --------------------------------------------------------------------------------- */

/* What the launches of the target ask of a kernel; false where none uses it. */
static bool options_of(const hone_engine *e, uint32_t kernel, hone_cuda_kernel_options *out)
{
    const hone_plan_target *t = e->gpu->target;
    bool is_used = false;

    /* One carve-out for all: changing it between two kernels would cost the second its early start.
     */
    *out = (hone_cuda_kernel_options){.carveout = 100};
    for (uint32_t i = 0; i < t->n_launches; i++) {
        const hone_plan_launch *l = &e->plan->launches[t->first_launch + i];
        if (l->kernel != kernel)
            continue;
        is_used = true;
        out->shared_bytes = HONE_MAX(out->shared_bytes, l->shared_bytes);
        if (l->cluster[0] * l->cluster[1] * l->cluster[2] > 8)
            out->wide_clusters = true;
    }
    return is_used;
}

static hone_status load_image(hone_engine *e, uint32_t kernel, CUmodule *out)
{
    const hone_plan *p = e->plan;
    const hone_plan_kernel *k = &p->kernels[kernel];

    for (uint32_t i = 0; i < kernel; i++)
        if (e->gpu->modules[i] && p->kernels[i].image == k->image) {
            *out = e->gpu->modules[i];
            return HONE_OK;
        }
    HONE_TRY(hone_cuda_module_load(e->gpu->device,
                                   (hone_bytes){p->images + k->image, k->image_size},
                                   hone_plan_text(p, k->tactic), &e->gpu->modules[kernel]));
    *out = e->gpu->modules[kernel];
    return HONE_OK;
}

static hone_status load_kernels(hone_engine *e)
{
    const hone_plan *p = e->plan;
    hone_gpu_engine *g = e->gpu;

    for (uint32_t i = 0; i < p->n_kernels; i++) {
        hone_cuda_kernel_options options;
        hone_cuda_kernel kernel;
        CUmodule module;
        if (!options_of(e, i, &options))
            continue;
        HONE_TRY(load_image(e, i, &module));
        HONE_TRY(hone_cuda_kernel_find(g->device, module, hone_plan_text(p, p->kernels[i].function),
                                       &options, &kernel));
        g->functions[i] = kernel.function;
    }
    return HONE_OK;
}

/* ---- weights --------------------------------------------------------------------------------- */

static hone_status upload_weights(hone_engine *e)
{
    hone_gpu_engine *g = e->gpu;
    const size_t size = e->plan->info->device_weight_bytes;
    hone_cuda_staging *staging = NULL;
    hone_status st;

    if (!size)
        return HONE_OK;
    HONE_TRY_OUT(hone_cuda_memory_init(g->device, size, g->stream, &g->weights));
    HONE_TRY_OUT(hone_cuda_staging_create(g->device, HONE_MIN(size, UPLOAD_SLOT), &staging));
    HONE_TRY_OUT(hone_cuda_upload(staging, g->stream, g->weights.at, e->plan->weights, size));
    HONE_TRY_OUT(hone_cuda_stream_wait(g->device, g->stream));
out:
    hone_cuda_staging_destroy(staging);
    return hone_while(st, "uploading %zu bytes of weights", size);
}

/* ---- life ------------------------------------------------------------------------------------ */

static hone_status open_device(hone_engine *e, const hone_cuda *cu, const char *device)
{
    int ordinal = 0;

    if (device)
        HONE_TRY(hone_cuda_ordinal_parse(device, &ordinal));
    if (!cu)
        HONE_TRY(hone_cuda_open(&cu));
    return hone_cuda_device_open(cu, ordinal, &e->allocator, &e->gpu->device);
}

static hone_status load(hone_engine *e)
{
    hone_gpu_engine *g = e->gpu;

    HONE_TRY(hone_cuda_stream_create(g->device, 0, &g->stream));
    HONE_TRY(load_kernels(e));
    return upload_weights(e);
}

hone_status hone_gpu_engine_create(hone_engine *e, const hone_cuda *cu, const char *device)
{
    const hone_allocator *a = &e->allocator;
    const hone_plan *p = e->plan;

    HONE_TRY(hone_alloc_zero(a, sizeof *e->gpu, (void **)&e->gpu));
    hone_gpu_engine *g = e->gpu;
    HONE_TRY(open_device(e, cu, device));
    HONE_TRY(choose_target(e));
    HONE_TRY(hone_alloc_zero(a, sizeof *g->modules * p->n_kernels, (void **)&g->modules));
    HONE_TRY(hone_alloc_zero(a, sizeof *g->functions * p->n_kernels, (void **)&g->functions));
    HONE_TRY(hone_gpu_map_steps(e));
    HONE_TRY(hone_cuda_enter(g->device));
    const hone_status st = load(e);
    hone_cuda_leave(g->device);
    return st;
}

static void unload(hone_gpu_engine *g, uint32_t n_kernels)
{
    /* What goes is let go of even where the device cannot be entered; the first error stands. */
    const bool is_in = g->device->cu->cuCtxPushCurrent(g->device->context) == CUDA_SUCCESS;
    for (uint32_t i = 0; g->modules && i < n_kernels; i++)
        hone_cuda_module_unload(g->device, g->modules[i]);
    hone_cuda_memory_fini(g->device, g->stream, &g->weights);
    hone_cuda_stream_destroy(g->device, g->stream);
    if (is_in)
        hone_cuda_leave(g->device);
}

void hone_gpu_engine_destroy(hone_engine *e)
{
    const hone_allocator *a = &e->allocator;
    const hone_plan *p = e->plan;
    hone_gpu_engine *g = e->gpu;

    if (!g)
        return;
    if (g->device)
        unload(g, p->n_kernels);
    hone_cuda_device_close(g->device);
    hone_free(a, g->modules, sizeof *g->modules * p->n_kernels);
    hone_free(a, g->functions, sizeof *g->functions * p->n_kernels);
    hone_free(a, g->first_launch, sizeof *g->first_launch * (p->n_steps + 1));
    hone_free(a, g->stretches, sizeof *g->stretches * p->n_steps);
    hone_free(a, g->stretch_of, sizeof *g->stretch_of * p->n_steps);
    hone_free(a, g->is_pinned, sizeof *g->is_pinned * p->n_values);
    hone_free(a, g, sizeof *g);
    e->gpu = NULL;
}

uint64_t hone_engine_energy_mj(const hone_engine *e)
{
    return e->gpu ? hone_nvml_read(hone_nvml_board_of(e->gpu->device->info.pci)).energy_mj : 0;
}
