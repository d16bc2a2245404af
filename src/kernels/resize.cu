/* Pictures brought to another height and width: nearest or linear. The tensor is [.., H, W, INNER]; a thread has V
 * elements of PIXELS output pixels of a row, whose place between the input's rows it finds once. Where an output position lies in the input is SCALE * i + SHIFT, in double, so that nearest
 * neighbours are those of the definition.
 *
 * Knobs: T; V; PIXELS, a divisor of OW, one but where INNER is one; IS_PACKED: V is a pack; H, W, OH, OW, INNER; SCALE_H, SHIFT_H, SCALE_W, SHIFT_W; IS_LINEAR; ROUND as nearest_mode is numbered in
 * attrs.def; COUNT threads with work; THREADS. Limits: compute capability 7.0. */
#include "device.cuh"

__device__ inline int nearest(double x, int n)
{
    const double at = ROUND == 0 ? ceil(x - 0.5) : ROUND == 1 ? floor(x + 0.5) : ROUND == 2 ? floor(x) : ceil(x);
    return min(max((int)at, 0), n - 1);
}

/* The two neighbours of a position, and the weight of the second. */
struct between {
    int low, high;
    float part;

    __device__ between(double x, int n)
    {
        const double at = floor(x);
        low = min(max((int)at, 0), n - 1);
        high = min(max((int)at + 1, 0), n - 1);
        part = (float)(x - at);
    }
};

__device__ inline void load(float (&x)[V], const T *p)
{
    if constexpr (IS_PACKED)
        load_pack<V, 1>(x, p);
    else
        for (int i = 0; i < V; i++)
            x[i] = to_float(p[i]);
}

/* The V elements at position (h, w) of the picture that begins at `from`. */
__device__ inline void sample(float (&out)[V], const T *from, double h, double w)
{
    if constexpr (IS_LINEAR) {
        const between p(h, H), q(w, W);
        float a[V], b[V], e[V], f[V];
        load(a, from + ((i64)p.low * W + q.low) * INNER);
        load(b, from + ((i64)p.low * W + q.high) * INNER);
        load(e, from + ((i64)p.high * W + q.low) * INNER);
        load(f, from + ((i64)p.high * W + q.high) * INNER);
        for (int i = 0; i < V; i++) {
            const float top = a[i] + (b[i] - a[i]) * q.part, bottom = e[i] + (f[i] - e[i]) * q.part;
            out[i] = top + (bottom - top) * p.part;
        }
    } else {
        load(out, from + ((i64)nearest(h, H) * W + nearest(w, W)) * INNER);
    }
}

extern "C" __global__ void __launch_bounds__(THREADS) resize(T *y, const T *x)
{
    const index_t number = (index_t)blockIdx.x * THREADS + threadIdx.x;
    constexpr int PACKS = INNER / V, GROUPS = OW / PIXELS;

    static_assert(OW % PIXELS == 0 && (PIXELS == 1 || INNER == 1), "pixels of a thread are neighbours in memory");
    let_successor_begin();
    wait_for_predecessor();
    if (number >= COUNT)
        return;
    const int c = number % PACKS * V;
    index_t rest = number / PACKS;
    const int first = rest % GROUPS * PIXELS;
    rest /= GROUPS;
    const double h = (double)(rest % OH) * SCALE_H + SHIFT_H;
    const T *from = x + (i64)(rest / OH) * H * W * INNER + c;
    float out[PIXELS][V];

#pragma unroll
    for (int i = 0; i < PIXELS; i++)
        sample(out[i], from, h, (double)(first + i) * SCALE_W + SHIFT_W);
    T *to = y + (i64)number * (V * PIXELS);
    if constexpr (PIXELS > 1) {
        float row[PIXELS];
        for (int i = 0; i < PIXELS; i++)
            row[i] = out[i][0];
        store_pack<PIXELS>(to, row);
    } else if constexpr (IS_PACKED) {
        store_pack<V>(to, out[0]);
    } else {
        for (int i = 0; i < V; i++)
            from_float(out[0][i], to[i]);
    }
}
