/* CUDA graphs: nodes and edges put together once, then launched as a whole.
 *
 *     hone_cuda_graph_create(device, &graph);
 *     hone_cuda_graph_kernel(graph, &first, NULL, 0, &a);
 *     hone_cuda_graph_kernel(graph, &second, &(hone_cuda_edge){a, true}, 1, &b);
 *     hone_cuda_exec_create(graph, stream, &exec);
 *     hone_cuda_exec_launch(exec, stream);
 *
 * Threads: a graph is one thread's; a launch of an exec needs no lock where each has its own. */
#ifndef HONE_CUDA_GRAPH_H
#define HONE_CUDA_GRAPH_H

#include "cuda/module.h"

typedef struct hone_cuda_graph hone_cuda_graph;
typedef struct hone_cuda_exec hone_cuda_exec;

/* What a node waits for. Programmatic: the node may begin before `from` has ended, and waits by
 * griddepcontrol itself; both must be kernels. Where the device (below compute capability 9.0) or
 * the driver (before CUDA 12.3) has no such edges, the node waits for the end of `from`, which is
 * always right. */
typedef struct hone_cuda_edge {
    CUgraphNode from;
    bool is_programmatic;
} hone_cuda_edge;

hone_status hone_cuda_graph_create(hone_cuda_device *device, hone_cuda_graph **out);
void hone_cuda_graph_destroy(hone_cuda_graph *graph); /* takes NULL */

/* Nodes. The arguments of a launch are copied. */
hone_status hone_cuda_graph_kernel(hone_cuda_graph *graph, const hone_cuda_launch *launch,
                                   const hone_cuda_edge *edges, int n_edges, CUgraphNode *out);

/* A copy of `size` bytes; each end is memory of the device or, with its flag, pinned memory. */
typedef struct hone_cuda_copy {
    uintptr_t dst, src;
    size_t size;
    bool dst_is_host, src_is_host;
} hone_cuda_copy;
hone_status hone_cuda_graph_copy(hone_cuda_graph *graph, const hone_cuda_copy *copy,
                                 const hone_cuda_edge *edges, int n_edges, CUgraphNode *out);

hone_status hone_cuda_graph_fill(hone_cuda_graph *graph, CUdeviceptr dst, uint8_t value,
                                 size_t size, const hone_cuda_edge *edges, int n_edges,
                                 CUgraphNode *out);

/* Records an event that has times, when the nodes before it have ended. */
hone_status hone_cuda_graph_event(hone_cuda_graph *graph, CUevent event,
                                  const hone_cuda_edge *edges, int n_edges, CUgraphNode *out);

/* Everything that `record` gives the stream becomes the graph instead of being run. Other threads'
 * calls do not disturb it. */
hone_status hone_cuda_graph_capture(hone_cuda_device *device, CUstream stream,
                                    hone_status (*record)(void *user, CUstream stream), void *user,
                                    hone_cuda_graph **out);

hone_status hone_cuda_graph_size(hone_cuda_graph *graph, size_t *n_nodes);

/* Makes the graph ready to run and uploads it, in the order of `stream`. The graph may go. */
hone_status hone_cuda_exec_create(hone_cuda_graph *graph, CUstream stream, hone_cuda_exec **out);
void hone_cuda_exec_destroy(hone_cuda_exec *exec); /* takes NULL */

/* Allocates nothing; the device need not be entered. */
hone_status hone_cuda_exec_launch(hone_cuda_exec *exec, CUstream stream);

/* Takes over the parameters of a graph of the same shape. HONE_ERR_STATE where the shape differs:
 * the exec is then as it was. */
hone_status hone_cuda_exec_update(hone_cuda_exec *exec, hone_cuda_graph *graph);

/* Changes one node, which the graph that the exec was made from returned: for inputs and outputs
 * that move. A kernel's attributes (cluster) stay. */
hone_status hone_cuda_exec_set_kernel(hone_cuda_exec *exec, CUgraphNode node,
                                      const hone_cuda_launch *launch);
hone_status hone_cuda_exec_set_copy(hone_cuda_exec *exec, CUgraphNode node,
                                    const hone_cuda_copy *copy);

#endif
