/* Modules, functions and launches. A launch is data, so that the same one goes to a stream or into
 * a graph. */
#include "cuda/module.h"

#include <stdio.h>
#include <string.h>

enum {
    LOG_SIZE = 1024,
    MAX_ATTRIBUTES = 2
};

hone_status hone_cuda_module_load(hone_cuda_device *device, hone_bytes image, const char *name,
                                  CUmodule *out)
{
    char log[LOG_SIZE] = "";
    int options[] = {CU_JIT_ERROR_LOG_BUFFER, CU_JIT_ERROR_LOG_BUFFER_SIZE_BYTES};
    void *values[] = {log, (void *)(uintptr_t)sizeof log};
    const hone_status st =
        HONE_CU(device, cuModuleLoadDataEx, out, image.data, HONE_COUNT(options), options, values);

    if (st == HONE_OK)
        return HONE_OK;
    log[sizeof log - 1] = '\0';
    if (log[0])
        hone_message_append("%s", log);
    return hone_while(st, "loading the kernels of %s (%zu bytes)", name, image.size);
}

void hone_cuda_module_unload(hone_cuda_device *device, CUmodule module)
{
    if (module)
        device->cu->cuModuleUnload(module);
}

typedef struct function_fact {
    int attribute;
    size_t field;
} function_fact;

static const function_fact function_facts[] = {
    {CU_FUNC_ATTRIBUTE_NUM_REGS, offsetof(hone_cuda_kernel, registers)},
    {CU_FUNC_ATTRIBUTE_LOCAL_SIZE_BYTES, offsetof(hone_cuda_kernel, local_bytes)},
    {CU_FUNC_ATTRIBUTE_SHARED_SIZE_BYTES, offsetof(hone_cuda_kernel, shared_bytes)},
    {CU_FUNC_ATTRIBUTE_MAX_THREADS_PER_BLOCK, offsetof(hone_cuda_kernel, max_threads)},
};

static hone_status read_facts(hone_cuda_device *device, hone_cuda_kernel *kernel)
{
    for (int i = 0; i < HONE_COUNT(function_facts); i++) {
        int *field = (int *)(void *)((char *)kernel + function_facts[i].field);
        HONE_TRY(HONE_CU(device, cuFuncGetAttribute, field, function_facts[i].attribute,
                         kernel->function));
    }
    return HONE_OK;
}

static hone_status set_attribute(hone_cuda_device *device, CUfunction function, int attribute,
                                 int value)
{
    return value ? HONE_CU(device, cuFuncSetAttribute, function, attribute, value) : HONE_OK;
}

static hone_status set_options(hone_cuda_device *device, CUfunction function,
                               const hone_cuda_kernel_options *o)
{
    HONE_TRY(set_attribute(device, function, CU_FUNC_ATTRIBUTE_MAX_DYNAMIC_SHARED_SIZE_BYTES,
                           (int)o->shared_bytes));
    HONE_TRY(set_attribute(device, function, CU_FUNC_ATTRIBUTE_PREFERRED_SHARED_MEMORY_CARVEOUT,
                           o->carveout));
    return set_attribute(device, function, CU_FUNC_ATTRIBUTE_NON_PORTABLE_CLUSTER_SIZE_ALLOWED,
                         o->wide_clusters);
}

hone_status hone_cuda_kernel_find(hone_cuda_device *device, CUmodule module, const char *name,
                                  const hone_cuda_kernel_options *options, hone_cuda_kernel *out)
{
    hone_cuda_kernel kernel = {0};
    hone_status st;

    HONE_TRY_OUT(HONE_CU(device, cuModuleGetFunction, &kernel.function, module, name));
    if (options)
        HONE_TRY_OUT(set_options(device, kernel.function, options));
    HONE_TRY_OUT(read_facts(device, &kernel));
    *out = kernel;
out:
    return hone_while(st, "finding kernel %s", name);
}

hone_status hone_cuda_global_find(hone_cuda_device *device, CUmodule module, const char *name,
                                  CUdeviceptr *at, size_t *size)
{
    return hone_while(HONE_CU(device, cuModuleGetGlobal, at, size, module, name),
                      "finding variable %s", name);
}

static CUlaunchConfig config_of(const hone_cuda_device *device, const hone_cuda_launch *l,
                                CUstream stream, CUlaunchAttribute *attributes)
{
    CUlaunchConfig config = {
        .gridDimX = l->grid[0],
        .gridDimY = l->grid[1],
        .gridDimZ = l->grid[2],
        .blockDimX = l->block[0],
        .blockDimY = l->block[1],
        .blockDimZ = l->block[2],
        .sharedMemBytes = l->shared_bytes,
        .hStream = stream,
        .attrs = attributes,
    };

    if (l->cluster[0]) {
        CUlaunchAttribute *a = &attributes[config.numAttrs++];
        a->id = CU_LAUNCH_ATTRIBUTE_CLUSTER_DIMENSION;
        a->value.clusterDim.x = l->cluster[0];
        a->value.clusterDim.y = l->cluster[1];
        a->value.clusterDim.z = l->cluster[2];
    }
    if (l->is_programmatic && hone_cuda_is_programmatic(device)) {
        CUlaunchAttribute *a = &attributes[config.numAttrs++];
        a->id = CU_LAUNCH_ATTRIBUTE_PROGRAMMATIC_STREAM_SERIALIZATION;
        a->value.programmaticStreamSerializationAllowed = 1;
    }
    return config;
}

hone_status hone_cuda_launch_on(hone_cuda_device *device, CUstream stream,
                                const hone_cuda_launch *launch)
{
    CUlaunchAttribute attributes[MAX_ATTRIBUTES] = {{0}};
    const CUlaunchConfig config = config_of(device, launch, stream, attributes);

    return HONE_CU(device, cuLaunchKernelEx, &config, launch->function, launch->args, NULL);
}

hone_status hone_cuda_blocks_per_sm(hone_cuda_device *device, const hone_cuda_launch *launch,
                                    int *out)
{
    const uint32_t *b = launch->block;

    return HONE_CU(device, cuOccupancyMaxActiveBlocksPerMultiprocessor, out, launch->function,
                   (int)(b[0] * b[1] * b[2]), launch->shared_bytes);
}

hone_status hone_cuda_clusters_at_once(hone_cuda_device *device, const hone_cuda_launch *launch,
                                       int *out)
{
    CUlaunchAttribute attributes[MAX_ATTRIBUTES] = {{0}};
    const CUlaunchConfig config = config_of(device, launch, NULL, attributes);

    if (!device->info.has_clusters) {
        *out = 0;
        return HONE_OK;
    }
    return HONE_CU(device, cuOccupancyMaxActiveClusters, out, launch->function, &config);
}
