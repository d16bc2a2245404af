/* The fake driver with graphs that really run: nodes keep their parameters, a launch executes them
 * in order, kernels are C functions of the test, and memory knows whose it is. Streams do
 * everything at once; what matters is what is called, in which order, and with which addresses. */
#ifndef HONE_TESTS_CUDA_FAKE_GRAPH_H
#define HONE_TESTS_CUDA_FAKE_GRAPH_H

#include "cuda/fake_driver.h"

/* Kernels by name; n_params parameters of `bytes` each. */
typedef struct fake_kernel {
    const char *name;
    void (*run)(void **params);
    int n_params;
    size_t bytes[8];
} fake_kernel;

static const fake_kernel *fake_kernels; /* the test's; ends with a NULL name */

typedef struct fake_node {
    char kind; /* 'k', 'c', 'e' */
    const fake_kernel *kernel;
    uint64_t params[8][4];
    CUDA_MEMCPY3D copy;
} fake_node;

#define FAKE_NODES 32

struct CUgraph_st {
    int n;
    fake_node *nodes[FAKE_NODES];
};

struct CUgraphExec_st {
    int n;
    fake_node *of[FAKE_NODES]; /* the graph's */
    fake_node nodes[FAKE_NODES];
};

/* ---- memory ---- */

typedef struct fake_range {
    uintptr_t at;
    size_t size;
    unsigned type;
} fake_range;

static fake_range fake_ranges[64];

static void fake_note(uintptr_t at, size_t size, unsigned type)
{
    for (int i = 0; i < HONE_COUNT(fake_ranges); i++)
        if (!fake_ranges[i].at) {
            fake_ranges[i] = (fake_range){at, size, type};
            return;
        }
    fail_msg("the fake driver has no room for another range");
}

static void fake_forget(uintptr_t at)
{
    for (int i = 0; i < HONE_COUNT(fake_ranges); i++)
        if (fake_ranges[i].at == at)
            fake_ranges[i].at = 0;
}

static CUresult fake_range_alloc(CUdeviceptr *memory, size_t size, CUmemoryPool pool,
                                 CUstream stream)
{
    const CUresult result = fake_allocate("cuMemAllocFromPoolAsync", FAKE_MEMORY, memory, size);

    if (result == CUDA_SUCCESS) {
        memset((void *)(uintptr_t)*memory, 0xA5, size); /* not zero by luck */
        fake_note(*memory, size, CU_MEMORYTYPE_DEVICE);
    }
    return result;
}

static CUresult fake_range_free(CUdeviceptr memory, CUstream stream)
{
    fake_forget(memory);
    return fake_cuMemFreeAsync(memory, stream);
}

static CUresult fake_range_pin(void **memory, size_t size, unsigned flags)
{
    const CUresult result = fake_cuMemHostAlloc(memory, size, flags);

    if (result == CUDA_SUCCESS)
        fake_note((uintptr_t)*memory, size, CU_MEMORYTYPE_HOST);
    return result;
}

static CUresult fake_range_unpin(void *memory)
{
    fake_forget((uintptr_t)memory);
    return fake_cuMemFreeHost(memory);
}

static CUresult fake_range_type(unsigned n, int *attributes, void **data, CUdeviceptr pointer)
{
    *(unsigned *)data[0] = 0;
    for (int i = 0; i < HONE_COUNT(fake_ranges); i++)
        if (fake_ranges[i].at && pointer >= fake_ranges[i].at &&
            pointer < fake_ranges[i].at + fake_ranges[i].size) {
            *(unsigned *)data[0] = fake_ranges[i].type;
            return CUDA_SUCCESS;
        }
    return CUDA_SUCCESS;
}

/* ---- functions ---- */

static CUresult fake_function_find(CUfunction *function, CUmodule module, const char *name)
{
    const CUresult result = fake_enter("cuModuleGetFunction");

    if (result != CUDA_SUCCESS)
        return result;
    for (const fake_kernel *k = fake_kernels; k->name; k++)
        if (strcmp(k->name, name) == 0) {
            *function = (CUfunction)(uintptr_t)k;
            return CUDA_SUCCESS;
        }
    return 500; /* not found */
}

/* ---- graphs ---- */

static CUresult fake_graph_make(CUgraph *graph, unsigned flags)
{
    const CUresult result = fake_enter("cuGraphCreate");

    if (result != CUDA_SUCCESS)
        return result;
    *graph = calloc(1, sizeof **graph);
    fake.live[FAKE_GRAPH]++;
    return CUDA_SUCCESS;
}

static CUresult fake_graph_drop(CUgraph graph)
{
    for (int i = 0; i < graph->n; i++)
        free(graph->nodes[i]);
    free(graph);
    fake.live[FAKE_GRAPH]--;
    return fake_enter("cuGraphDestroy");
}

static fake_node *fake_node_add(CUgraph graph, char kind)
{
    fake_node *node = calloc(1, sizeof *node);

    node->kind = kind;
    assert_true(graph->n < FAKE_NODES);
    graph->nodes[graph->n++] = node;
    return node;
}

static void fake_node_params(fake_node *node, const CUDA_KERNEL_NODE_PARAMS *params)
{
    node->kernel = (const fake_kernel *)(void *)params->func;
    for (int i = 0; i < node->kernel->n_params; i++)
        memcpy(node->params[i], params->kernelParams[i], node->kernel->bytes[i]);
}

static CUresult fake_graph_kernel(CUgraphNode *node, CUgraph graph, const CUgraphNode *from,
                                  size_t n, const CUDA_KERNEL_NODE_PARAMS *params)
{
    const CUresult result = fake_enter("cuGraphAddKernelNode");

    if (result != CUDA_SUCCESS)
        return result;
    fake_node *k = fake_node_add(graph, 'k');
    fake_node_params(k, params);
    *node = (CUgraphNode)(void *)k;
    return CUDA_SUCCESS;
}

static CUresult fake_graph_copy(CUgraphNode *node, CUgraph graph, const CUgraphNode *from, size_t n,
                                const CUDA_MEMCPY3D *params, CUcontext context)
{
    const CUresult result = fake_enter("cuGraphAddMemcpyNode");

    if (result != CUDA_SUCCESS)
        return result;
    fake_node *c = fake_node_add(graph, 'c');
    c->copy = *params;
    *node = (CUgraphNode)(void *)c;
    return CUDA_SUCCESS;
}

static CUresult fake_graph_event(CUgraphNode *node, CUgraph graph, const CUgraphNode *from,
                                 size_t n, CUevent event)
{
    const CUresult result = fake_enter("cuGraphAddEventRecordNode");

    if (result == CUDA_SUCCESS)
        *node = (CUgraphNode)(void *)fake_node_add(graph, 'e');
    return result;
}

static CUresult fake_exec_make(CUgraphExec *exec, CUgraph graph, unsigned long long flags)
{
    const CUresult result = fake_enter("cuGraphInstantiateWithFlags");

    if (result != CUDA_SUCCESS)
        return result;
    *exec = calloc(1, sizeof **exec);
    (*exec)->n = graph->n;
    for (int i = 0; i < graph->n; i++) {
        (*exec)->of[i] = graph->nodes[i];
        (*exec)->nodes[i] = *graph->nodes[i];
    }
    fake.live[FAKE_EXEC]++;
    return CUDA_SUCCESS;
}

static CUresult fake_exec_drop(CUgraphExec exec)
{
    free(exec);
    fake.live[FAKE_EXEC]--;
    return fake_enter("cuGraphExecDestroy");
}

static fake_node *fake_exec_node(CUgraphExec exec, CUgraphNode node)
{
    for (int i = 0; i < exec->n; i++)
        if (exec->of[i] == (fake_node *)(void *)node)
            return &exec->nodes[i];
    fail_msg("the executable graph has no such node");
    return NULL;
}

static CUresult fake_exec_kernel(CUgraphExec exec, CUgraphNode node,
                                 const CUDA_KERNEL_NODE_PARAMS *params)
{
    const CUresult result = fake_enter("cuGraphExecKernelNodeSetParams");

    if (result == CUDA_SUCCESS)
        fake_node_params(fake_exec_node(exec, node), params);
    return result;
}

static CUresult fake_exec_copy(CUgraphExec exec, CUgraphNode node, const CUDA_MEMCPY3D *params,
                               CUcontext context)
{
    const CUresult result = fake_enter("cuGraphExecMemcpyNodeSetParams");

    if (result == CUDA_SUCCESS)
        fake_exec_node(exec, node)->copy = *params;
    return result;
}

static void fake_node_run(fake_node *node)
{
    const CUDA_MEMCPY3D *c = &node->copy;
    void *at[8];

    if (node->kind == 'c')
        memcpy(c->dst.memoryType == CU_MEMORYTYPE_HOST ? (void *)(uintptr_t)c->dst.host
                                                       : (void *)(uintptr_t)c->dst.device,
               c->src.memoryType == CU_MEMORYTYPE_HOST ? c->src.host
                                                       : (const void *)(uintptr_t)c->src.device,
               c->WidthInBytes);
    if (node->kind != 'k')
        return;
    for (int i = 0; i < node->kernel->n_params; i++)
        at[i] = node->params[i];
    node->kernel->run(at);
}

static int fake_launches; /* of graphs */

static CUresult fake_exec_run(CUgraphExec exec, CUstream stream)
{
    const CUresult result = fake_enter("cuGraphLaunch");

    if (result != CUDA_SUCCESS)
        return result;
    fake_launches++;
    for (int i = 0; i < exec->n; i++)
        fake_node_run(&exec->nodes[i]);
    return CUDA_SUCCESS;
}

/* Dependencies are chains here: the order of adding is the order of running. */
static CUresult fake_graph_edges(CUgraph graph, const CUgraphNode *from, const CUgraphNode *to,
                                 size_t n)
{
    return fake_cuGraphAddDependencies(graph, from, to, n);
}

static hone_cuda fake_graph_driver(const fake_kernel *kernels)
{
    hone_cuda cu = fake_driver;

    memset(fake_ranges, 0, sizeof fake_ranges);
    fake_kernels = kernels;
    fake_launches = 0;
    cu.cuMemAllocFromPoolAsync = fake_range_alloc;
    cu.cuMemFreeAsync = fake_range_free;
    cu.cuMemHostAlloc = fake_range_pin;
    cu.cuMemFreeHost = fake_range_unpin;
    cu.cuPointerGetAttributes = fake_range_type;
    cu.cuModuleGetFunction = fake_function_find;
    cu.cuGraphCreate = fake_graph_make;
    cu.cuGraphDestroy = fake_graph_drop;
    cu.cuGraphAddKernelNode = fake_graph_kernel;
    cu.cuGraphAddMemcpyNode = fake_graph_copy;
    cu.cuGraphAddEventRecordNode = fake_graph_event;
    cu.cuGraphAddDependencies = fake_graph_edges;
    cu.cuGraphInstantiateWithFlags = fake_exec_make;
    cu.cuGraphExecDestroy = fake_exec_drop;
    cu.cuGraphExecKernelNodeSetParams = fake_exec_kernel;
    cu.cuGraphExecMemcpyNodeSetParams = fake_exec_copy;
    cu.cuGraphLaunch = fake_exec_run;
    return cu;
}

#endif
