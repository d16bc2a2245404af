/* A driver without a device, for tests. It keeps books: what is made and not yet destroyed is
 * counted by kind, device memory is host memory and copies really copy, and the n-th call fails
 * with the result that a test has chosen. Calls that destroy do so even then, as the driver does.
 * Handles are allocated, so that the address sanitizer sees one used after its end. */
#ifndef HONE_TESTS_CUDA_FAKE_DRIVER_H
#define HONE_TESTS_CUDA_FAKE_DRIVER_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "cuda/driver.h"

#pragma GCC diagnostic ignored "-Wunused-parameter"

typedef enum fake_kind {
    FAKE_CONTEXT,
    FAKE_CURRENT, /* contexts pushed and not popped */
    FAKE_STREAM,
    FAKE_CAPTURE,
    FAKE_EVENT,
    FAKE_POOL,
    FAKE_MEMORY,
    FAKE_PINNED,
    FAKE_MODULE,
    FAKE_GRAPH,
    FAKE_EXEC,
    FAKE_KINDS
} fake_kind;

static const char *const fake_names[FAKE_KINDS] = {
    "context", "current context", "stream", "capture", "event", "pool",
    "memory",  "pinned memory",   "module", "graph",   "exec"};

typedef struct fake_state {
    int live[FAKE_KINDS];
    int calls;
    int fail_at; /* the call that fails, from 0; -1: none */
    CUresult fail_with;
    const char *failed; /* the name of the call that failed; NULL: none did */
    int n_devices, major, has_pools;
    int n_edges, n_programmatic;
    size_t memory_limit;
    CUlaunchAttribute attributes[4]; /* of the last launch */
    unsigned n_attributes;
    unsigned cluster; /* of the last node that got one */
    char peer_enabled;
} fake_state;

static fake_state fake;

static void fake_reset(void)
{
    fake = (fake_state){
        .fail_at = -1, .n_devices = 2, .major = 9, .has_pools = 1, .memory_limit = 1 << 30};
}

static CUresult fake_enter(const char *name)
{
    if (fake.calls++ != fake.fail_at)
        return CUDA_SUCCESS;
    fake.failed = name;
    return fake.fail_with;
}

static void *fake_make(fake_kind kind)
{
    fake.live[kind]++;
    return malloc(1);
}

static void fake_drop(fake_kind kind, void *handle)
{
    fake.live[kind]--;
    free(handle);
}

static void fake_assert_nothing_left(void)
{
    for (int k = 0; k < FAKE_KINDS; k++)
        if (fake.live[k] != 0)
            fail_msg("%d of kind %s left after call %d (%s) failed", fake.live[k], fake_names[k],
                     fake.fail_at, fake.failed ? fake.failed : "none");
}

/* FAKE: does its work where the call shall not fail. FAKE_END: does it in any case. */
#define FAKE(name, params, ...)                                                                    \
    static CUresult fake_##name params                                                             \
    {                                                                                              \
        const CUresult result_ = fake_enter(#name);                                                \
        if (result_ == CUDA_SUCCESS) {                                                             \
            __VA_ARGS__;                                                                           \
        }                                                                                          \
        return result_;                                                                            \
    }
#define FAKE_END(name, params, ...)                                                                \
    static CUresult fake_##name params                                                             \
    {                                                                                              \
        __VA_ARGS__;                                                                               \
        return fake_enter(#name);                                                                  \
    }

FAKE(cuInit, (unsigned flags), )
FAKE(cuDriverGetVersion, (int *version), *version = 13000)
FAKE(cuDeviceGetCount, (int *count), *count = fake.n_devices)
FAKE(cuDeviceGet, (CUdevice * device, int ordinal), *device = ordinal)
FAKE(cuDeviceGetName, (char *name, int room, CUdevice device),
     snprintf(name, (size_t)room, "Fake %d", device))
FAKE(cuDeviceGetUuid, (CUuuid * uuid, CUdevice device),
     for (int i = 0; i < 16; i++) uuid->bytes[i] = (unsigned char)(i * 17))
FAKE(cuDeviceGetPCIBusId, (char *id, int room, CUdevice device),
     snprintf(id, (size_t)room, "0000:0%d:00.0", device))
FAKE(cuDeviceTotalMem, (size_t * bytes, CUdevice device), *bytes = (size_t)80 << 30)

static CUresult fake_cuDeviceGetAttribute(int *value, int attribute, CUdevice device)
{
    const CUresult result = fake_enter("cuDeviceGetAttribute");

    switch (attribute) {
    case 75: *value = fake.major; break;
    case 76: *value = 0; break;
    case 97: *value = 227 << 10; break;
    case 115: *value = fake.has_pools; break;
    case 120:
    case 127: *value = fake.major >= 9; break;
    default: *value = attribute;
    }
    return result;
}

/* A primary context is one for the process: retaining counts. */
FAKE(cuDevicePrimaryCtxRetain, (CUcontext * context, CUdevice device),
     *context = (CUcontext)(void *)&fake;
     fake.live[FAKE_CONTEXT]++)
FAKE_END(cuDevicePrimaryCtxRelease, (CUdevice device), fake.live[FAKE_CONTEXT]--)
FAKE(cuCtxPushCurrent, (CUcontext context), fake.live[FAKE_CURRENT]++)
FAKE_END(cuCtxPopCurrent, (CUcontext * context), fake.live[FAKE_CURRENT]--)
FAKE(cuCtxGetCurrent, (CUcontext * context), *context = NULL)
FAKE(cuCtxSynchronize, (void), )
FAKE(cuDeviceCanAccessPeer, (int *can, CUdevice device, CUdevice peer), *can = peer < 2)
static CUresult fake_cuCtxEnablePeerAccess(CUcontext peer, unsigned flags)
{
    const CUresult result = fake_enter("cuCtxEnablePeerAccess");

    if (result != CUDA_SUCCESS)
        return result;
    return fake.peer_enabled++ ? CUDA_ERROR_PEER_ACCESS_ALREADY_ENABLED : CUDA_SUCCESS;
}

FAKE(cuStreamCreateWithPriority, (CUstream * stream, unsigned flags, int priority),
     *stream = fake_make(FAKE_STREAM))
FAKE_END(cuStreamDestroy, (CUstream stream), fake_drop(FAKE_STREAM, stream))
FAKE(cuStreamSynchronize, (CUstream stream), if (stream) * (volatile char *)(void *)stream = 1)
FAKE(cuStreamQuery, (CUstream stream), )
FAKE(cuStreamWaitEvent, (CUstream stream, CUevent event, unsigned flags), )
FAKE(cuStreamBeginCapture, (CUstream stream, int mode), fake.live[FAKE_CAPTURE]++)
static CUresult fake_cuStreamEndCapture(CUstream stream, CUgraph *graph)
{
    const CUresult result = fake_enter("cuStreamEndCapture");

    fake.live[FAKE_CAPTURE]--;
    *graph = result == CUDA_SUCCESS ? fake_make(FAKE_GRAPH) : NULL;
    return result;
}
FAKE(cuEventCreate, (CUevent * event, unsigned flags), *event = fake_make(FAKE_EVENT))
FAKE_END(cuEventDestroy, (CUevent event), fake_drop(FAKE_EVENT, event))
FAKE(cuEventRecord, (CUevent event, CUstream stream), *(volatile char *)(void *)event = 1)
FAKE(cuEventSynchronize, (CUevent event), )
FAKE(cuEventQuery, (CUevent event), )
FAKE(cuEventElapsedTime, (float *ms, CUevent start, CUevent end), *ms = 1)

FAKE(cuMemGetInfo, (size_t * free_bytes, size_t *total_bytes), *free_bytes = fake.memory_limit;
     *total_bytes = 1 << 30)
static CUresult fake_allocate(const char *name, fake_kind kind, CUdeviceptr *memory, size_t size)
{
    const CUresult result = fake_enter(name);

    if (result != CUDA_SUCCESS)
        return result;
    if (size > fake.memory_limit)
        return CUDA_ERROR_OUT_OF_MEMORY;
    fake.live[kind]++;
    *memory = (CUdeviceptr)(uintptr_t)malloc(size);
    return CUDA_SUCCESS;
}
static CUresult fake_cuMemAlloc(CUdeviceptr *memory, size_t size)
{
    return fake_allocate("cuMemAlloc", FAKE_MEMORY, memory, size);
}
static CUresult fake_cuMemAllocFromPoolAsync(CUdeviceptr *memory, size_t size, CUmemoryPool pool,
                                             CUstream stream)
{
    return fake_allocate("cuMemAllocFromPoolAsync", FAKE_MEMORY, memory, size);
}
FAKE_END(cuMemFree, (CUdeviceptr memory), fake_drop(FAKE_MEMORY, (void *)(uintptr_t)memory))
FAKE_END(cuMemFreeAsync, (CUdeviceptr memory, CUstream stream),
         fake_drop(FAKE_MEMORY, (void *)(uintptr_t)memory))
FAKE(cuMemPoolCreate, (CUmemoryPool * pool, const CUmemPoolProps *props),
     *pool = fake_make(FAKE_POOL))
FAKE_END(cuMemPoolDestroy, (CUmemoryPool pool), fake_drop(FAKE_POOL, pool))
FAKE(cuMemPoolSetAttribute, (CUmemoryPool pool, int attribute, void *value), )
FAKE(cuMemPoolGetAttribute, (CUmemoryPool pool, int attribute, void *value), )
FAKE(cuMemPoolSetAccess, (CUmemoryPool pool, const CUmemAccessDesc *access, size_t n), )
static CUresult fake_cuMemHostAlloc(void **memory, size_t size, unsigned flags)
{
    CUdeviceptr at = 0;
    const CUresult result = fake_allocate("cuMemHostAlloc", FAKE_PINNED, &at, size);

    *memory = result == CUDA_SUCCESS ? (void *)(uintptr_t)at : NULL;
    return result;
}
FAKE_END(cuMemFreeHost, (void *memory), fake_drop(FAKE_PINNED, memory))
FAKE(cuMemcpyHtoDAsync, (CUdeviceptr dst, const void *src, size_t size, CUstream stream),
     memcpy((void *)(uintptr_t)dst, src, size))
FAKE(cuMemcpyDtoHAsync, (void *dst, CUdeviceptr src, size_t size, CUstream stream),
     memcpy(dst, (const void *)(uintptr_t)src, size))
FAKE(cuMemcpyDtoDAsync, (CUdeviceptr dst, CUdeviceptr src, size_t size, CUstream stream),
     memcpy((void *)(uintptr_t)dst, (const void *)(uintptr_t)src, size))
FAKE(cuMemcpyPeerAsync,
     (CUdeviceptr dst, CUcontext dst_context, CUdeviceptr src, CUcontext src_context, size_t size,
      CUstream stream),
     memcpy((void *)(uintptr_t)dst, (const void *)(uintptr_t)src, size))
FAKE(cuPointerGetAttributes, (unsigned n, int *attributes, void **data, CUdeviceptr pointer),
     *(unsigned *)data[0] = CU_MEMORYTYPE_DEVICE)
FAKE(cuMemsetD8Async, (CUdeviceptr dst, unsigned char value, size_t n, CUstream stream),
     memset((void *)(uintptr_t)dst, value, n))

static CUresult fake_cuModuleLoadDataEx(CUmodule *module, const void *image, unsigned n_options,
                                        int *options, void **values)
{
    const CUresult result = fake_enter("cuModuleLoadDataEx");

    if (result == CUDA_SUCCESS)
        *module = fake_make(FAKE_MODULE);
    else
        snprintf(values[0], (size_t)(uintptr_t)values[1], "ptxas: fake fault");
    return result;
}
FAKE_END(cuModuleUnload, (CUmodule module), fake_drop(FAKE_MODULE, module))
FAKE(cuModuleGetFunction, (CUfunction * function, CUmodule module, const char *name),
     *function = (CUfunction)(void *)module)
FAKE(cuModuleGetGlobal, (CUdeviceptr * memory, size_t *size, CUmodule module, const char *name),
     *memory = 256;
     *size = 4)
FAKE(cuFuncGetAttribute, (int *value, int attribute, CUfunction function), *value = attribute + 100)
FAKE(cuFuncSetAttribute, (CUfunction function, int attribute, int value), )
FAKE(cuOccupancyMaxActiveBlocksPerMultiprocessor,
     (int *n, CUfunction function, int threads, size_t shared_bytes), *n = 2048 / threads)
FAKE(cuOccupancyMaxActiveClusters, (int *n, CUfunction function, const CUlaunchConfig *config),
     *n = 16)
FAKE(cuLaunchKernelEx,
     (const CUlaunchConfig *config, CUfunction function, void **args, void **extra),
     fake.n_attributes = config->numAttrs;
     memcpy(fake.attributes, config->attrs, sizeof fake.attributes[0] * config->numAttrs))
FAKE(cuTensorMapEncodeTiled,
     (CUtensorMap * map, int type, uint32_t rank, void *memory, const uint64_t *extents,
      const uint64_t *strides, const uint32_t *box, const uint32_t *steps, int interleave,
      int swizzle, int l2, int fill),
     map->opaque[0] = strides[0])

FAKE(cuGraphCreate, (CUgraph * graph, unsigned flags), *graph = fake_make(FAKE_GRAPH))
FAKE_END(cuGraphDestroy, (CUgraph graph), fake_drop(FAKE_GRAPH, graph))
FAKE(cuGraphAddKernelNode,
     (CUgraphNode * node, CUgraph graph, const CUgraphNode *from, size_t n,
      const CUDA_KERNEL_NODE_PARAMS *params),
     *node = (CUgraphNode)(void *)graph)
FAKE(cuGraphAddMemcpyNode,
     (CUgraphNode * node, CUgraph graph, const CUgraphNode *from, size_t n,
      const CUDA_MEMCPY3D *params, CUcontext context),
     *node = (CUgraphNode)(void *)graph)
FAKE(cuGraphAddMemsetNode,
     (CUgraphNode * node, CUgraph graph, const CUgraphNode *from, size_t n,
      const CUDA_MEMSET_NODE_PARAMS *params, CUcontext context),
     *node = (CUgraphNode)(void *)graph)
FAKE(cuGraphAddEventRecordNode,
     (CUgraphNode * node, CUgraph graph, const CUgraphNode *from, size_t n, CUevent event),
     *node = (CUgraphNode)(void *)graph)
FAKE(cuGraphKernelNodeSetAttribute,
     (CUgraphNode node, int attribute, const CUlaunchAttributeValue *value),
     fake.cluster = value->clusterDim.x)
FAKE(cuGraphAddDependencies,
     (CUgraph graph, const CUgraphNode *from, const CUgraphNode *to, size_t n),
     fake.n_edges += (int)n)
FAKE(cuGraphAddDependenciesEx,
     (CUgraph graph, const CUgraphNode *from, const CUgraphNode *to, const CUgraphEdgeData *edges,
      size_t n),
     fake.n_programmatic += edges->type == CU_GRAPH_DEPENDENCY_TYPE_PROGRAMMATIC &&
                            edges->from_port == CU_GRAPH_KERNEL_NODE_PORT_PROGRAMMATIC)
FAKE(cuGraphGetNodes, (CUgraph graph, CUgraphNode *nodes, size_t *n), *n = 3)
FAKE(cuGraphInstantiateWithFlags, (CUgraphExec * exec, CUgraph graph, unsigned long long flags),
     *exec = fake_make(FAKE_EXEC))
FAKE_END(cuGraphExecDestroy, (CUgraphExec exec), fake_drop(FAKE_EXEC, exec))
FAKE(cuGraphUpload, (CUgraphExec exec, CUstream stream), )
FAKE(cuGraphLaunch, (CUgraphExec exec, CUstream stream), )
FAKE(cuGraphExecUpdate, (CUgraphExec exec, CUgraph graph, CUgraphExecUpdateResultInfo *info), )
FAKE(cuGraphExecKernelNodeSetParams,
     (CUgraphExec exec, CUgraphNode node, const CUDA_KERNEL_NODE_PARAMS *params), )
FAKE(cuGraphExecMemcpyNodeSetParams,
     (CUgraphExec exec, CUgraphNode node, const CUDA_MEMCPY3D *params, CUcontext context), )

/* Of every function one: a row of driver.def that the fake lacks does not compile. */
static hone_cuda fake_driver = {
    .version = 13000,
#define CU(since, name, symbol, params) .name = fake_##name,
#include "cuda/driver.def"
#undef CU
};

#endif
