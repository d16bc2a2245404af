/* Graphs node by node or captured. A node is added without dependencies and its edges after it,
 * because only that way an edge can be programmatic. Conditional nodes are not here yet. */
#include "cuda/graph.h"

struct hone_cuda_graph {
    hone_cuda_device *device;
    CUgraph handle;
};

struct hone_cuda_exec {
    hone_cuda_device *device;
    CUgraphExec handle;
};

static hone_status wrap(hone_cuda_device *device, CUgraph handle, hone_cuda_graph **out)
{
    hone_cuda_graph *graph;

    HONE_TRY(hone_alloc_zero(&device->allocator, sizeof *graph, (void **)&graph));
    *graph = (hone_cuda_graph){device, handle};
    *out = graph;
    return HONE_OK;
}

hone_status hone_cuda_graph_create(hone_cuda_device *device, hone_cuda_graph **out)
{
    CUgraph handle;

    HONE_TRY(HONE_CU(device, cuGraphCreate, &handle, 0));
    const hone_status st = wrap(device, handle, out);
    if (st != HONE_OK)
        device->cu->cuGraphDestroy(handle);
    return st;
}

void hone_cuda_graph_destroy(hone_cuda_graph *graph)
{
    if (!graph)
        return;
    hone_cuda_device *device = graph->device;
    device->cu->cuGraphDestroy(graph->handle);
    hone_free(&device->allocator, graph, sizeof *graph);
}

static hone_status add_edge(hone_cuda_graph *graph, const hone_cuda_edge *edge, CUgraphNode to)
{
    hone_cuda_device *device = graph->device;
    const CUgraphEdgeData data = {.from_port = CU_GRAPH_KERNEL_NODE_PORT_PROGRAMMATIC,
                                  .type = CU_GRAPH_DEPENDENCY_TYPE_PROGRAMMATIC};

    if (edge->is_programmatic && hone_cuda_is_programmatic(device) &&
        device->cu->cuGraphAddDependenciesEx)
        return HONE_CU(device, cuGraphAddDependenciesEx, graph->handle, &edge->from, &to, &data, 1);
    return HONE_CU(device, cuGraphAddDependencies, graph->handle, &edge->from, &to, 1);
}

static hone_status add_edges(hone_cuda_graph *graph, const hone_cuda_edge *edges, int n,
                             CUgraphNode to)
{
    for (int i = 0; i < n; i++)
        HONE_TRY(add_edge(graph, &edges[i], to));
    return HONE_OK;
}

static CUDA_KERNEL_NODE_PARAMS params_of(const hone_cuda_launch *l)
{
    return (CUDA_KERNEL_NODE_PARAMS){
        .func = l->function,
        .gridDimX = l->grid[0],
        .gridDimY = l->grid[1],
        .gridDimZ = l->grid[2],
        .blockDimX = l->block[0],
        .blockDimY = l->block[1],
        .blockDimZ = l->block[2],
        .sharedMemBytes = l->shared_bytes,
        .kernelParams = l->args,
    };
}

static hone_status set_cluster(hone_cuda_device *device, CUgraphNode node,
                               const hone_cuda_launch *launch)
{
    CUlaunchAttributeValue value = {{0}};

    if (!launch->cluster[0])
        return HONE_OK;
    value.clusterDim.x = launch->cluster[0];
    value.clusterDim.y = launch->cluster[1];
    value.clusterDim.z = launch->cluster[2];
    return HONE_CU(device, cuGraphKernelNodeSetAttribute, node,
                   CU_LAUNCH_ATTRIBUTE_CLUSTER_DIMENSION, &value);
}

hone_status hone_cuda_graph_kernel(hone_cuda_graph *graph, const hone_cuda_launch *launch,
                                   const hone_cuda_edge *edges, int n_edges, CUgraphNode *out)
{
    const CUDA_KERNEL_NODE_PARAMS params = params_of(launch);
    CUgraphNode node;

    HONE_TRY(HONE_CU(graph->device, cuGraphAddKernelNode, &node, graph->handle, NULL, 0, &params));
    HONE_TRY(set_cluster(graph->device, node, launch));
    HONE_TRY(add_edges(graph, edges, n_edges, node));
    *out = node;
    return HONE_OK;
}

static CUDA_MEMCPY3D_SIDE side_of(uintptr_t at, bool is_host, size_t size)
{
    CUDA_MEMCPY3D_SIDE side = {.pitch = size, .height = 1};

    side.memoryType = is_host ? CU_MEMORYTYPE_HOST : CU_MEMORYTYPE_DEVICE;
    if (is_host)
        side.host = (const void *)at;
    else
        side.device = at;
    return side;
}

static CUDA_MEMCPY3D copy_params(const hone_cuda_copy *c)
{
    return (CUDA_MEMCPY3D){
        .src = side_of(c->src, c->src_is_host, c->size),
        .dst = side_of(c->dst, c->dst_is_host, c->size),
        .WidthInBytes = c->size,
        .Height = 1,
        .Depth = 1,
    };
}

hone_status hone_cuda_graph_copy(hone_cuda_graph *graph, const hone_cuda_copy *copy,
                                 const hone_cuda_edge *edges, int n_edges, CUgraphNode *out)
{
    const CUDA_MEMCPY3D params = copy_params(copy);
    CUgraphNode node;

    HONE_TRY(HONE_CU(graph->device, cuGraphAddMemcpyNode, &node, graph->handle, NULL, 0, &params,
                     graph->device->context));
    HONE_TRY(add_edges(graph, edges, n_edges, node));
    *out = node;
    return HONE_OK;
}

hone_status hone_cuda_graph_fill(hone_cuda_graph *graph, CUdeviceptr dst, uint8_t value,
                                 size_t size, const hone_cuda_edge *edges, int n_edges,
                                 CUgraphNode *out)
{
    const bool is_words = dst % 4 == 0 && size % 4 == 0;
    const CUDA_MEMSET_NODE_PARAMS params = {
        .dst = dst,
        .pitch = size,
        .value = is_words ? value * 0x01010101u : value,
        .elementSize = is_words ? 4 : 1,
        .width = is_words ? size / 4 : size,
        .height = 1,
    };
    CUgraphNode node;

    HONE_TRY(HONE_CU(graph->device, cuGraphAddMemsetNode, &node, graph->handle, NULL, 0, &params,
                     graph->device->context));
    HONE_TRY(add_edges(graph, edges, n_edges, node));
    *out = node;
    return HONE_OK;
}

hone_status hone_cuda_graph_event(hone_cuda_graph *graph, CUevent event,
                                  const hone_cuda_edge *edges, int n_edges, CUgraphNode *out)
{
    CUgraphNode node;

    HONE_TRY(
        HONE_CU(graph->device, cuGraphAddEventRecordNode, &node, graph->handle, NULL, 0, event));
    HONE_TRY(add_edges(graph, edges, n_edges, node));
    *out = node;
    return HONE_OK;
}

hone_status hone_cuda_graph_capture(hone_cuda_device *device, CUstream stream,
                                    hone_status (*record)(void *user, CUstream stream), void *user,
                                    hone_cuda_graph **out)
{
    CUgraph handle = NULL;

    HONE_TRY(HONE_CU(device, cuStreamBeginCapture, stream, CU_STREAM_CAPTURE_MODE_THREAD_LOCAL));
    hone_status st = record(user, stream);
    /* A capture has to end in any case; the first error stands. */
    const CUresult end = device->cu->cuStreamEndCapture(stream, &handle);
    if (st == HONE_OK)
        st = hone_cuda_check(device, "cuStreamEndCapture", end);
    if (st == HONE_OK)
        st = wrap(device, handle, out);
    if (st != HONE_OK && handle)
        device->cu->cuGraphDestroy(handle);
    return st;
}

hone_status hone_cuda_graph_size(hone_cuda_graph *graph, size_t *n_nodes)
{
    return HONE_CU(graph->device, cuGraphGetNodes, graph->handle, NULL, n_nodes);
}

hone_status hone_cuda_exec_create(hone_cuda_graph *graph, CUstream stream, hone_cuda_exec **out)
{
    hone_cuda_device *device = graph->device;
    hone_status st;
    hone_cuda_exec *exec = NULL;

    HONE_TRY_OUT(hone_alloc_zero(&device->allocator, sizeof *exec, (void **)&exec));
    exec->device = device;
    HONE_TRY_OUT(HONE_CU(device, cuGraphInstantiateWithFlags, &exec->handle, graph->handle, 0));
    HONE_TRY_OUT(HONE_CU(device, cuGraphUpload, exec->handle, stream));
    *out = exec;
    exec = NULL; /* now the caller's */
out:
    hone_cuda_exec_destroy(exec);
    return st;
}

void hone_cuda_exec_destroy(hone_cuda_exec *exec)
{
    if (!exec)
        return;
    hone_cuda_device *device = exec->device;
    if (exec->handle)
        device->cu->cuGraphExecDestroy(exec->handle);
    hone_free(&device->allocator, exec, sizeof *exec);
}

hone_status hone_cuda_exec_launch(hone_cuda_exec *exec, CUstream stream)
{
    return HONE_CU(exec->device, cuGraphLaunch, exec->handle, stream);
}

hone_status hone_cuda_exec_update(hone_cuda_exec *exec, hone_cuda_graph *graph)
{
    CUgraphExecUpdateResultInfo info = {0};

    return HONE_CU(exec->device, cuGraphExecUpdate, exec->handle, graph->handle, &info);
}

hone_status hone_cuda_exec_set_kernel(hone_cuda_exec *exec, CUgraphNode node,
                                      const hone_cuda_launch *launch)
{
    const CUDA_KERNEL_NODE_PARAMS params = params_of(launch);

    return HONE_CU(exec->device, cuGraphExecKernelNodeSetParams, exec->handle, node, &params);
}

hone_status hone_cuda_exec_set_copy(hone_cuda_exec *exec, CUgraphNode node,
                                    const hone_cuda_copy *copy)
{
    const CUDA_MEMCPY3D params = copy_params(copy);

    return HONE_CU(exec->device, cuGraphExecMemcpyNodeSetParams, exec->handle, node, &params,
                   exec->device->context);
}
