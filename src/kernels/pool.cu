/* Maximum and average pooling of up to three dimensions, in float32. A thread has V channels of a pixel.
 *
 * Knobs: T; V; IS_MAX; IS_LAST: channels last; CHANNELS; COUNT threads with work; by dimension (depth, height, width):
 * IN, OUT, KERNEL, STRIDE, DILATION, PAD, PAD_END; COUNT_PAD: averages divide by the padding too, which ends with the pads;
 * THREADS. Limits: compute capability 7.0. */
#include "device.cuh"

/* Which of the dimension's taps are inside, from .. to, and how many an average counts. */
struct taps {
    int begin, count;

    __device__ taps(int d, int out) : begin(out * (int)STRIDE(d) - (int)PAD(d)), count(0)
    {
        const int low = COUNT_PAD ? -(int)PAD(d) : 0, high = (int)IN(d) + (COUNT_PAD ? (int)PAD_END(d) : 0);
        for (int k = 0; k < (int)KERNEL(d); k++) {
            const int at = begin + k * (int)DILATION(d);
            count += at >= low && at < high;
        }
    }
    __device__ bool has(int d, int k) const
    {
        return (u32)(begin + k * (int)DILATION(d)) < (u32)IN(d);
    }
};

__device__ inline void fold(float (&a)[V], const T *p)
{
    float v[V];

    load_pack<V, 1>(v, p);
    for (int i = 0; i < V; i++)
        if (IS_MAX)
            a[i] = v[i] > a[i] || v[i] != v[i] ? v[i] : a[i];
        else
            a[i] += v[i];
}

extern "C" __global__ void __launch_bounds__(THREADS) pool(T *y, const T *x)
{
    const index_t number = (index_t)blockIdx.x * THREADS + threadIdx.x;
    constexpr int C = IS_LAST ? CHANNELS / V : 1; /* packs to a pixel; channels first are pictures of their own */

    let_successor_begin();
    wait_for_predecessor();
    if (number >= COUNT)
        return;
    const int c = number % C * V;
    index_t pixel = number / C;
    const taps w(2, pixel % (index_t)OUT(2));
    pixel /= (index_t)OUT(2);
    const taps h(1, pixel % (index_t)OUT(1));
    pixel /= (index_t)OUT(1);
    const taps d(0, pixel % (index_t)OUT(0));
    const index_t picture = pixel / (index_t)OUT(0);
    float a[V];

    for (int i = 0; i < V; i++)
        a[i] = IS_MAX ? -__int_as_float(0x7f800000) : 0;
    for (int i = 0; i < (int)KERNEL(0); i++)
        for (int j = 0; j < (int)KERNEL(1); j++) {
            if (!d.has(0, i) || !h.has(1, j))
                continue;
            const i64 row = ((i64)picture * IN(0) + d.begin + i * DILATION(0)) * IN(1) + h.begin + j * DILATION(1);
#pragma unroll
            for (int k = 0; k < (int)KERNEL(2); k++)
                if (w.has(2, k))
                    fold(a, x + (row * IN(2) + w.begin + k * DILATION(2)) * (C * V) + c);
        }
    if (!IS_MAX) {
        const float n = (float)(d.count * h.count * w.count);
        for (int i = 0; i < V; i++)
            a[i] /= n;
    }
    store_pack<V>(y + (i64)number * V, a);
}
