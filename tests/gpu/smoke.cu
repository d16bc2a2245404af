/* Kernels of the smoke test: small, each for one thing that the driver's side of Hone has to do right. */
using u32 = unsigned int;

/* Before the predecessor's writes are read; nothing where kernels cannot overlap. */
__device__ inline void wait_for_predecessor()
{
#if __CUDA_ARCH__ >= 900
    asm volatile("griddepcontrol.wait;" ::: "memory");
#endif
}

__device__ inline void let_successor_begin()
{
#if __CUDA_ARCH__ >= 900
    asm volatile("griddepcontrol.launch_dependents;" ::: "memory");
#endif
}

/* x[i] = 3 * x[i] + by: a link of a chain, where any overlap that goes too far gives other numbers. */
extern "C" __global__ void link(u32 *x, u32 by, int n)
{
    let_successor_begin();
    wait_for_predecessor();
    const int i = blockIdx.x * blockDim.x + threadIdx.x;
    if (i < n)
        x[i] = 3 * x[i] + by;
}

/* Each block writes its rank in its cluster, and how many blocks that has. */
extern "C" __global__ void cluster(u32 *y)
{
    u32 rank = 0, size = 1;
#if __CUDA_ARCH__ >= 900
    asm volatile("mov.u32 %0, %%cluster_ctarank;" : "=r"(rank));
    asm volatile("mov.u32 %0, %%cluster_nctarank;" : "=r"(size));
#endif
    if (threadIdx.x == 0) {
        y[2 * blockIdx.x] = rank;
        y[2 * blockIdx.x + 1] = size;
    }
}

/* Reverses the block's part by way of all the dynamic shared memory there is. */
extern "C" __global__ void reverse(u32 *y, const u32 *x, int n)
{
    extern __shared__ u32 room[];
    for (int i = threadIdx.x; i < n; i += blockDim.x)
        room[i] = x[i];
    __syncthreads();
    for (int i = threadIdx.x; i < n; i += blockDim.x)
        y[i] = room[n - 1 - i];
}

struct alignas(64) tensor_map {
    char bytes[128];
};

/* One box of a tensor by the bulk copy engine: 32 rows of 32 elements from (column, row). What lies
 * outside the tensor arrives as zero. */
extern "C" __global__ void box(u32 *y, const __grid_constant__ tensor_map map, int column, int row)
{
#if __CUDA_ARCH__ >= 900
    __shared__ alignas(128) u32 tile[32 * 32];
    __shared__ alignas(8) unsigned long long arrived;
    const u32 at = (u32)__cvta_generic_to_shared(tile);
    const u32 barrier = (u32)__cvta_generic_to_shared(&arrived);

    if (threadIdx.x == 0) {
        asm volatile("mbarrier.init.shared.b64 [%0], 1;" ::"r"(barrier));
        asm volatile("fence.mbarrier_init.release.cluster;" ::: "memory");
        asm volatile("mbarrier.arrive.expect_tx.shared.b64 _, [%0], %1;" ::"r"(barrier), "r"((u32)sizeof tile));
        asm volatile("cp.async.bulk.tensor.2d.shared::cluster.global.tile.mbarrier::complete_tx::bytes"
                     " [%0], [%1, {%2, %3}], [%4];" ::"r"(at),
                     "l"(&map), "r"(column), "r"(row), "r"(barrier)
                     : "memory");
    }
    __syncthreads();
    u32 done = 0;
    while (!done)
        asm volatile("{ .reg .pred p; mbarrier.try_wait.parity.shared.b64 p, [%1], 0; selp.u32 %0, 1, 0, p; }"
                     : "=r"(done)
                     : "r"(barrier)
                     : "memory");
    for (int i = threadIdx.x; i < 32 * 32; i += blockDim.x)
        y[i] = tile[i];
#endif
}

/* Writes where nothing is. */
extern "C" __global__ void trespass(u32 *y)
{
    *(u32 *)((unsigned long long)y | 1ull << 60) = 1;
}
