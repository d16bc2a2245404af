/* libcuda for machines without a GPU: memory is the host's, streams do everything at once, kernels
 * are libraries that nvrtc.c made, run by kernel.hpp. Enough for whatever Hone calls; the row of a
 * function that is missing does not link. */
#include <dlfcn.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cuda/driver.h"

#pragma GCC diagnostic ignored "-Wunused-parameter"

#define DO(name, params, ...)                                                                      \
    static CUresult do_##name params                                                               \
    {                                                                                              \
        __VA_ARGS__;                                                                               \
        return CUDA_SUCCESS;                                                                       \
    }

enum {
    MOST_PARAMS = 64,
    PARAM_BYTES = 256,
    NOT_FOUND = 500,
    INVALID_IMAGE = 200,
};

/* ---- device ---- */

DO(cuInit, (unsigned flags), )
DO(cuDriverGetVersion, (int *version), *version = 12020)
DO(cuDeviceGetCount, (int *count), *count = 1)
DO(cuDeviceGet, (CUdevice * device, int ordinal), *device = ordinal)
DO(cuDeviceGetName, (char *name, int room, CUdevice device),
   snprintf(name, (size_t)room, "Emulator"))
DO(cuDeviceGetUuid, (CUuuid * uuid, CUdevice device), memset(uuid, 0, sizeof *uuid))
DO(cuDeviceGetPCIBusId, (char *id, int room, CUdevice device),
   snprintf(id, (size_t)room, "0000:00:00.0"))
DO(cuDeviceTotalMem, (size_t * bytes, CUdevice device), *bytes = (size_t)4 << 30)
DO(
    cuDeviceGetAttribute, (int *value, int attribute, CUdevice device), switch (attribute) {
case 16: *value = 8; break; /* multiprocessors */
case 75: *value = 8; break; /* compute capability */
case 76: *value = 0; break;
case 1: *value = 1024; break;    /* threads of a block */
case 97: *value = 166912; break; /* shared memory of a block */
default: *value = 0;
    })
DO(cuDevicePrimaryCtxRetain, (CUcontext * context, CUdevice device),
   *context = (CUcontext)(uintptr_t)1)
DO(cuDevicePrimaryCtxRelease, (CUdevice device), )
DO(cuCtxPushCurrent, (CUcontext context), )
DO(cuCtxPopCurrent, (CUcontext * context), *context = NULL)
DO(cuCtxGetCurrent, (CUcontext * context), *context = NULL)
DO(cuCtxSynchronize, (void), )
DO(cuDeviceCanAccessPeer, (int *can, CUdevice device, CUdevice peer), *can = 0)
DO(cuCtxEnablePeerAccess, (CUcontext peer, unsigned flags), )

/* ---- streams and events ---- */

DO(cuStreamCreateWithPriority, (CUstream * stream, unsigned flags, int priority),
   *stream = malloc(1))
DO(cuStreamDestroy, (CUstream stream), free(stream))
DO(cuStreamSynchronize, (CUstream stream), )
DO(cuStreamQuery, (CUstream stream), )
DO(cuStreamWaitEvent, (CUstream stream, CUevent event, unsigned flags), )
static CUresult do_cuStreamBeginCapture(CUstream stream, int mode)
{
    return 801; /* not supported */
}
static CUresult do_cuStreamEndCapture(CUstream stream, CUgraph *graph)
{
    return 801;
}
DO(cuEventCreate, (CUevent * event, unsigned flags), *event = malloc(1))
DO(cuEventDestroy, (CUevent event), free(event))
DO(cuEventRecord, (CUevent event, CUstream stream), )
DO(cuEventSynchronize, (CUevent event), )
DO(cuEventQuery, (CUevent event), )
DO(cuEventElapsedTime, (float *ms, CUevent start, CUevent end), *ms = 0.01f)

/* ---- memory ---- */

typedef struct range {
    uintptr_t at;
    size_t size;
    unsigned type;
    struct range *next;
} range;

static range *ranges;
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;

static void *take(size_t size, unsigned type)
{
    range *r = malloc(sizeof *r);
    void *memory = aligned_alloc(256, (size + 511) / 256 * 256);

    memset(memory, 0xA5, size);
    pthread_mutex_lock(&lock);
    *r = (range){(uintptr_t)memory, size, type, ranges};
    ranges = r;
    pthread_mutex_unlock(&lock);
    return memory;
}

static void give(uintptr_t at)
{
    pthread_mutex_lock(&lock);
    for (range **r = &ranges; *r; r = &(*r)->next)
        if ((*r)->at == at) {
            range *gone = *r;
            *r = gone->next;
            free(gone);
            break;
        }
    pthread_mutex_unlock(&lock);
    free((void *)at);
}

static unsigned type_of(uintptr_t at)
{
    unsigned type = 0;

    pthread_mutex_lock(&lock);
    for (const range *r = ranges; r; r = r->next)
        if (at >= r->at && at < r->at + r->size)
            type = r->type;
    pthread_mutex_unlock(&lock);
    return type;
}

DO(cuMemGetInfo, (size_t * free_bytes, size_t *total), *free_bytes = *total = (size_t)4 << 30)
DO(cuMemAlloc, (CUdeviceptr * memory, size_t size),
   *memory = (uintptr_t)take(size, CU_MEMORYTYPE_DEVICE))
DO(cuMemFree, (CUdeviceptr memory), give(memory))
static CUresult do_cuMemPoolCreate(CUmemoryPool *pool, const CUmemPoolProps *props)
{
    return 801;
}
DO(cuMemPoolDestroy, (CUmemoryPool pool), )
DO(cuMemPoolSetAttribute, (CUmemoryPool pool, int attribute, void *value), )
DO(cuMemPoolGetAttribute, (CUmemoryPool pool, int attribute, void *value), )
DO(cuMemPoolSetAccess, (CUmemoryPool pool, const CUmemAccessDesc *access, size_t n), )
DO(cuMemAllocFromPoolAsync, (CUdeviceptr * memory, size_t size, CUmemoryPool pool, CUstream stream),
   *memory = (uintptr_t)take(size, CU_MEMORYTYPE_DEVICE))
DO(cuMemFreeAsync, (CUdeviceptr memory, CUstream stream), give(memory))
DO(cuMemHostAlloc, (void **memory, size_t size, unsigned flags),
   *memory = take(size, CU_MEMORYTYPE_HOST))
DO(cuMemFreeHost, (void *memory), give((uintptr_t)memory))
DO(cuMemcpyHtoDAsync, (CUdeviceptr dst, const void *src, size_t size, CUstream stream),
   memcpy((void *)(uintptr_t)dst, src, size))
DO(cuMemcpyDtoHAsync, (void *dst, CUdeviceptr src, size_t size, CUstream stream),
   memcpy(dst, (const void *)(uintptr_t)src, size))
DO(cuMemcpyDtoDAsync, (CUdeviceptr dst, CUdeviceptr src, size_t size, CUstream stream),
   memcpy((void *)(uintptr_t)dst, (const void *)(uintptr_t)src, size))
DO(cuMemcpyPeerAsync,
   (CUdeviceptr dst, CUcontext dst_context, CUdeviceptr src, CUcontext src_context, size_t size,
    CUstream stream),
   memcpy((void *)(uintptr_t)dst, (const void *)(uintptr_t)src, size))
DO(cuPointerGetAttributes, (unsigned n, int *attributes, void **data, CUdeviceptr pointer),
   *(unsigned *)data[0] = type_of(pointer))
DO(cuMemsetD8Async, (CUdeviceptr dst, unsigned char value, size_t n, CUstream stream),
   memset((void *)(uintptr_t)dst, value, n))

/* ---- kernels ---- */

struct CUmod_st {
    void *library;
};

struct CUfunc_st {
    const int *sizes;
    void (*launch)(void **params, const unsigned *grid, const unsigned *block);
};

/* An image's size is in none of the driver's calls: it is an ELF file whose section headers come
 * last. */
static size_t size_of_image(const unsigned char *image)
{
    uint64_t at;
    uint16_t size, n;

    if (memcmp(image, "\177ELF", 4) != 0)
        return 0;
    memcpy(&at, image + 40, 8);
    memcpy(&size, image + 58, 2);
    memcpy(&n, image + 60, 2);
    return at + (size_t)size * n;
}

static CUresult do_cuModuleLoadDataEx(CUmodule *module, const void *image, unsigned n, int *options,
                                      void **values)
{
    char path[] = "/tmp/hone-emulated-XXXXXX";
    const size_t size = size_of_image(image);
    const int file = size ? mkstemp(path) : -1;
    CUmodule m = malloc(sizeof *m);

    const int written = file >= 0 && write(file, image, size) == (ssize_t)size;
    m->library = written ? dlopen(path, RTLD_NOW | RTLD_LOCAL) : NULL;
    if (written && !m->library)
        fprintf(stderr, "%s\n", dlerror());
    if (file >= 0) {
        close(file);
        unlink(path);
    }
    *module = m;
    return m->library ? CUDA_SUCCESS : INVALID_IMAGE;
}

DO(cuModuleUnload, (CUmodule module), dlclose(module->library); free(module))

static CUresult do_cuModuleGetFunction(CUfunction *function, CUmodule module, const char *name)
{
    const char *has = dlsym(module->library, "emulated_name");
    CUfunction f = malloc(sizeof *f); /* lasts as long as the process */

    if (!has || strcmp(has, name) != 0)
        return NOT_FOUND;
    f->sizes = dlsym(module->library, "emulated_sizes");
    *(void **)&f->launch = dlsym(module->library, "emulated_launch");
    *function = f;
    return CUDA_SUCCESS;
}

static CUresult do_cuModuleGetGlobal(CUdeviceptr *memory, size_t *size, CUmodule module,
                                     const char *name)
{
    return NOT_FOUND;
}
DO(cuFuncGetAttribute, (int *value, int attribute, CUfunction function),
   *value = attribute == CU_FUNC_ATTRIBUTE_MAX_THREADS_PER_BLOCK ? 1024 : 0)
DO(cuFuncSetAttribute, (CUfunction function, int attribute, int value), )
DO(cuOccupancyMaxActiveBlocksPerMultiprocessor,
   (int *n, CUfunction function, int threads, size_t shared), *n = 1)
DO(cuOccupancyMaxActiveClusters, (int *n, CUfunction function, const CUlaunchConfig *config),
   *n = 0)

/* Blocks of one library share its memory: one launch at a time. */
static void launch(CUfunction f, void **params, const unsigned *grid, const unsigned *block)
{
    static pthread_mutex_t one = PTHREAD_MUTEX_INITIALIZER;

    pthread_mutex_lock(&one);
    f->launch(params, grid, block);
    pthread_mutex_unlock(&one);
}

DO(cuLaunchKernelEx, (const CUlaunchConfig *config, CUfunction function, void **args, void **extra),
   launch(function, args, &config->gridDimX, &config->blockDimX))
static CUresult do_cuTensorMapEncodeTiled(CUtensorMap *map, int type, uint32_t rank, void *memory,
                                          const uint64_t *extents, const uint64_t *strides,
                                          const uint32_t *box, const uint32_t *steps,
                                          int interleave, int swizzle, int l2, int fill)
{
    return 801;
}

/* ---- graphs: nodes run in the order in which they were added ---- */

typedef struct node {
    char kind; /* 'k', 'c', 's', 'e' */
    CUDA_KERNEL_NODE_PARAMS kernel;
    unsigned char params[MOST_PARAMS][PARAM_BYTES];
    CUDA_MEMCPY3D copy;
    CUDA_MEMSET_NODE_PARAMS set;
} node;

struct CUgraph_st {
    int n, room;
    node **nodes;
};

struct CUgraphExec_st {
    int n;
    node **of; /* the graph's, perhaps gone: never looked into */
    node *nodes;
};

DO(cuGraphCreate, (CUgraph * graph, unsigned flags), *graph = calloc(1, sizeof **graph))
DO(cuGraphDestroy, (CUgraph graph), for (int i = 0; i < graph->n; i++) free(graph->nodes[i]);
   free(graph->nodes); free(graph))

static node *add(CUgraph g, char kind, CUgraphNode *out)
{
    node *n = calloc(1, sizeof *n);

    if (g->n == g->room) {
        g->room = g->room ? 2 * g->room : 64;
        g->nodes = realloc(g->nodes, sizeof *g->nodes * (size_t)g->room);
    }
    n->kind = kind;
    g->nodes[g->n++] = n;
    *out = (CUgraphNode)(void *)n;
    return n;
}

static void set_kernel(node *n, const CUDA_KERNEL_NODE_PARAMS *params)
{
    n->kernel = *params;
    for (int i = 0; i < MOST_PARAMS && params->func->sizes[i]; i++)
        memcpy(n->params[i], params->kernelParams[i], (size_t)params->func->sizes[i]);
}

DO(cuGraphAddKernelNode,
   (CUgraphNode * out, CUgraph graph, const CUgraphNode *from, size_t n,
    const CUDA_KERNEL_NODE_PARAMS *params),
   set_kernel(add(graph, 'k', out), params))
DO(cuGraphAddMemcpyNode,
   (CUgraphNode * out, CUgraph graph, const CUgraphNode *from, size_t n,
    const CUDA_MEMCPY3D *params, CUcontext context),
   add(graph, 'c', out)->copy = *params)
DO(cuGraphAddMemsetNode,
   (CUgraphNode * out, CUgraph graph, const CUgraphNode *from, size_t n,
    const CUDA_MEMSET_NODE_PARAMS *params, CUcontext context),
   add(graph, 's', out)->set = *params)
DO(cuGraphAddEventRecordNode,
   (CUgraphNode * out, CUgraph graph, const CUgraphNode *from, size_t n, CUevent event),
   add(graph, 'e', out))
DO(cuGraphKernelNodeSetAttribute,
   (CUgraphNode at, int attribute, const CUlaunchAttributeValue *value), )
DO(cuGraphAddDependencies,
   (CUgraph graph, const CUgraphNode *from, const CUgraphNode *to, size_t n), )
DO(cuGraphAddDependenciesEx,
   (CUgraph graph, const CUgraphNode *from, const CUgraphNode *to, const CUgraphEdgeData *edges,
    size_t n), )
DO(cuGraphGetNodes, (CUgraph graph, CUgraphNode *nodes, size_t *n), *n = (size_t)graph->n)

static CUresult do_cuGraphInstantiateWithFlags(CUgraphExec *exec, CUgraph graph,
                                               unsigned long long flags)
{
    CUgraphExec e = calloc(1, sizeof *e);

    e->n = graph->n;
    e->of = malloc(sizeof *e->of * (size_t)(e->n + 1));
    e->nodes = malloc(sizeof *e->nodes * (size_t)(e->n + 1));
    for (int i = 0; i < e->n; i++) {
        e->of[i] = graph->nodes[i];
        e->nodes[i] = *graph->nodes[i];
    }
    *exec = e;
    return CUDA_SUCCESS;
}
DO(cuGraphExecDestroy, (CUgraphExec exec), free(exec->of); free(exec->nodes); free(exec))
DO(cuGraphUpload, (CUgraphExec exec, CUstream stream), )
static CUresult do_cuGraphExecUpdate(CUgraphExec exec, CUgraph graph,
                                     CUgraphExecUpdateResultInfo *info)
{
    return 910; /* make another */
}

static node *of_exec(CUgraphExec exec, CUgraphNode wanted)
{
    for (int i = 0; i < exec->n; i++)
        if (exec->of[i] == (node *)(void *)wanted)
            return &exec->nodes[i];
    abort();
}

DO(cuGraphExecKernelNodeSetParams,
   (CUgraphExec exec, CUgraphNode at, const CUDA_KERNEL_NODE_PARAMS *params),
   set_kernel(of_exec(exec, at), params))
DO(cuGraphExecMemcpyNodeSetParams,
   (CUgraphExec exec, CUgraphNode at, const CUDA_MEMCPY3D *params, CUcontext context),
   of_exec(exec, at)->copy = *params)

static void *end_of(const CUDA_MEMCPY3D_SIDE *side)
{
    return side->memoryType == CU_MEMORYTYPE_HOST ? (void *)(uintptr_t)side->host
                                                  : (void *)(uintptr_t)side->device;
}

static void run(node *n)
{
    void *params[MOST_PARAMS];

    switch (n->kind) {
    case 'c': memcpy(end_of(&n->copy.dst), end_of(&n->copy.src), n->copy.WidthInBytes); break;
    case 's':
        memset((void *)(uintptr_t)n->set.dst, (int)n->set.value, n->set.width * n->set.elementSize);
        break;
    case 'k':
        for (int i = 0; i < MOST_PARAMS; i++)
            params[i] = n->params[i];
        launch(n->kernel.func, params, &n->kernel.gridDimX, &n->kernel.blockDimX);
        break;
    default: break;
    }
}

DO(cuGraphLaunch, (CUgraphExec exec, CUstream stream),
   for (int i = 0; i < exec->n; i++) run(&exec->nodes[i]))

/* ---- the library's symbols ---- */

#define CU(since, name, symbol, params)                                                            \
    CUresult exported_##name params __asm__(symbol)                                                \
        __attribute__((alias("do_" #name), visibility("default")));
#include "cuda/driver.def"
#undef CU
