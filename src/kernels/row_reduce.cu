/* Reductions of one run of axes, in float32 and a fixed order.
 *
 * Where the run is innermost, THREADS threads fold a line. Else a block has 32 packs of V neighbouring results, and its
 * warps take turns with the elements; their parts are folded in the order of the warps.
 *
 * Knobs: T in, TY out; N elements to a result; INNER results side by side; LINES results; V, THREADS; KIND, FINISH as
 * in gpu/lower_reduce.c. Limits: compute capability 7.0. */
#include "device.cuh"
#include "line.cuh"

enum { SUM, ABS, SQUARE, PROD, MAX, MIN, EXP };
enum { NONE, MEAN, ROOT, LOG };

__device__ constexpr float start()
{
    return KIND == PROD ? 1.0f : 0.0f;
}

/* a with one more element; shift: the maximum, of EXP. */
__device__ inline float take(float a, float x, float shift)
{
    switch (KIND) {
    case ABS: return a + fabsf(x);
    case SQUARE: return a + x * x;
    case PROD: return a * x;
    case MAX: return larger(a, x);
    case MIN: return smaller(a, x);
    case EXP: return a + expf(x - shift);
    default: return a + x;
    }
}

__device__ inline float join(float a, float b)
{
    return KIND == PROD || KIND == MAX || KIND == MIN ? take(a, b, 0) : a + b;
}

__device__ inline float finish(float x, float shift)
{
    const float y = FINISH == MEAN ? x / N : FINISH == ROOT ? sqrtf(x) : FINISH == LOG ? logf(x) : x;
    return KIND == EXP ? y + shift : y;
}

__device__ inline float first_of(float x)
{
    return KIND == MAX || KIND == MIN ? x : start();
}

/* ---- the run is innermost ---- */

__device__ inline void along(TY *y, const T *x)
{
    const i64 number = (i64)blockIdx.x * blockDim.y + threadIdx.y;
    if (number >= LINES)
        return;
    line l(x + number * N);
    float shift = 0, sum = first_of(to_float(x[number * N]));

    if (KIND == EXP) {
        shift = to_float(x[number * N]);
        l.each([&](int, float(&v)[V]) {
            for (int i = 0; i < V; i++)
                shift = larger(shift, v[i]);
        });
        shift = fold_threads(shift, larger);
        shift = fabsf(shift) <= 3e38f ? shift : 0;
    }
    l.each([&](int, float(&v)[V]) {
        for (int i = 0; i < V; i++)
            sum = take(sum, v[i], shift);
    });
    sum = fold_threads(sum, join);
    if (threadIdx.x == 0)
        from_float(finish(sum, shift), y[number]);
}

/* ---- results lie side by side ---- */

constexpr int TEAMS = THREADS / 32;

/* Folds f over this block's columns: own elements first, then the warps' parts. */
template <typename F, typename J>
__device__ inline void fold_columns(float (&a)[V], const T *x, bool is_there, F f, J j)
{
    __shared__ float part[TEAMS][32 * V];
    if (is_there)
        for (int k = threadIdx.y; k < N; k += TEAMS) {
            float v[V];
            load_pack<V, 1>(v, x + (i64)k * INNER);
            for (int i = 0; i < V; i++)
                a[i] = f(a[i], v[i], i);
        }
    __syncthreads();
    for (int i = 0; i < V; i++)
        part[threadIdx.y][i * 32 + threadIdx.x] = a[i];
    __syncthreads();
    for (int i = 0; i < V; i++) {
        a[i] = part[0][i * 32 + threadIdx.x];
        for (int t = 1; t < TEAMS; t++)
            a[i] = j(a[i], part[t][i * 32 + threadIdx.x]);
    }
}

__device__ inline void across(TY *y, const T *x)
{
    const int column = (blockIdx.x * 32 + threadIdx.x) * V;
    const bool is_there = column < INNER;
    const T *from = x + (i64)blockIdx.y * N * INNER + column;
    float shift[V], sum[V], first[V];

    for (int i = 0; i < V; i++)
        first[i] = shift[i] = 0;
    if (is_there && (KIND == MAX || KIND == MIN || KIND == EXP))
        load_pack<V, 1>(first, from);
    for (int i = 0; i < V; i++)
        sum[i] = first_of(first[i]);
    if constexpr (KIND == EXP) {
        for (int i = 0; i < V; i++)
            shift[i] = first[i];
        fold_columns(shift, from, is_there, [](float a, float b, int) { return larger(a, b); }, larger);
        for (int i = 0; i < V; i++)
            shift[i] = fabsf(shift[i]) <= 3e38f ? shift[i] : 0;
    }
    fold_columns(sum, from, is_there, [&](float a, float b, int i) { return take(a, b, shift[i]); }, join);
    if (!is_there || threadIdx.y)
        return;
    for (int i = 0; i < V; i++)
        sum[i] = finish(sum[i], shift[i]);
    store_pack<V>(y + (i64)blockIdx.y * INNER + column, sum);
}

extern "C" __global__ void row_reduce(TY *y, const T *x)
{
    let_successor_begin();
    wait_for_predecessor();
    if constexpr (INNER == 1)
        along(y, x);
    else
        across(y, x);
}
