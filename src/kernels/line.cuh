/* Lines of N neighbours, each the work of THREADS threads: reading them in packs of V, kept in registers where they fit,
 * and folds over the threads in an order that depends on the knobs alone. Lines of one warp share a block: threadIdx.y
 * tells them apart. */

constexpr int PACKS = N / V; /* 0 where packs lie across the lines */
constexpr int PER_THREAD = PACKS > THREADS ? (PACKS + THREADS - 1) / THREADS : 1;
constexpr bool IS_KEPT = PER_THREAD * V <= 32; /* registers for it */

template <typename F> __device__ inline float fold_warp(float x, F f)
{
#pragma unroll
    for (int lane = 16; lane > 0; lane /= 2)
        x = f(x, __shfl_xor_sync(0xffffffffu, x, lane));
    return x;
}

/* Every thread of the line gets the result. */
template <typename F> __device__ inline float fold_threads(float x, F f)
{
    x = fold_warp(x, f);
    if constexpr (THREADS > 32) {
        __shared__ float part[32];
        const int warp = threadIdx.x / 32;
        __syncthreads(); /* the last fold's parts have been read */
        if (threadIdx.x % 32 == 0)
            part[warp] = x;
        __syncthreads();
        x = part[0];
#pragma unroll
        for (int i = 1; i < THREADS / 32; i++)
            x = f(x, part[i]);
    }
    return x;
}

/* Two sums at once, for kernels that fold once. */
__device__ inline float2 fold_sums(float2 x)
{
#pragma unroll
    for (int lane = 16; lane > 0; lane /= 2) {
        x.x += __shfl_xor_sync(0xffffffffu, x.x, lane);
        x.y += __shfl_xor_sync(0xffffffffu, x.y, lane);
    }
    if constexpr (THREADS > 32) {
        __shared__ float2 part[32];
        if (threadIdx.x % 32 == 0)
            part[threadIdx.x / 32] = x;
        __syncthreads();
        x = part[0];
#pragma unroll
        for (int i = 1; i < THREADS / 32; i++) {
            x.x += part[i].x;
            x.y += part[i].y;
        }
    }
    return x;
}

struct line {
    const T *from;
    float kept[IS_KEPT ? PER_THREAD : 1][V];

    __device__ explicit line(const T *p) : from(p)
    {
        if constexpr (IS_KEPT) {
#pragma unroll
            for (int j = 0; j < PER_THREAD; j++)
                if (j * THREADS + (int)threadIdx.x < PACKS)
                    load_pack<V, 1>(kept[j], p + (i64)(j * THREADS + threadIdx.x) * V);
        }
    }

    /* f(round, index of the first, V values), for this thread's packs in their order. */
    template <typename F> __device__ void each_round(F f)
    {
#pragma unroll IS_KEPT ? PER_THREAD : 4
        for (int j = 0; j < PER_THREAD; j++) {
            const int at = (j * THREADS + threadIdx.x) * V;
            if (at >= N)
                continue;
            if constexpr (IS_KEPT) {
                f(j, at, kept[j]);
            } else {
                float x[V];
                load_pack<V, 1>(x, from + at);
                f(j, at, x);
            }
        }
    }

    template <typename F> __device__ void each(F f)
    {
        each_round([&](int, int at, float(&v)[V]) { f(at, v); });
    }
};

__device__ inline float add(float a, float b)
{
    return a + b;
}
/* NaN in either gives NaN. */
__device__ inline float larger(float a, float b)
{
    return a != a || a > b ? a : b;
}
__device__ inline float smaller(float a, float b)
{
    return a != a || a < b ? a : b;
}
