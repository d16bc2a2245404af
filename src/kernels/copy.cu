/* One strided map from a tensor to another: transpose, slice, concat, split, expand, tile, pad. Elements are words that
 * are not looked at.
 *
 * Every thread moves one word: its number over DIM gives the indices, the indices times STEP and OUT_STEP the places.
 * Where an index lies outside [LOW, HIGH) the word is FILL, and nothing is read.
 *
 * Knobs: word; RANK; DIM, STEP, OUT_STEP, LOW, HIGH by dimension, in words; AT, OUT_AT where the maps begin; HAS_FILL;
 * element, FILL: what the words of the padding consist of; COUNT words; THREADS. Limits: compute capability 7.0. */
#include "device.cuh"

__device__ inline word filled()
{
    union {
        word w;
        element e[sizeof(word) / sizeof(element)];
    } all;
    for (int i = 0; i < (int)(sizeof(word) / sizeof(element)); i++)
        all.e[i] = (element)FILL;
    return all.w;
}

extern "C" __global__ void __launch_bounds__(THREADS) copy(word *y, const word *x)
{
    const index_t number = (index_t)blockIdx.x * THREADS + threadIdx.x;
    index_t rest = number, from = (index_t)AT, to = (index_t)OUT_AT;
    bool is_there = true;

    let_successor_begin();
    wait_for_predecessor();
    if (number >= COUNT)
        return;
#pragma unroll
    for (int d = RANK - 1; d >= 0; d--) {
        const index_t n = DIM(d), i = d ? rest % n : rest;
        rest /= n;
        from += i * (index_t)STEP(d);
        to += i * (index_t)OUT_STEP(d);
        if (HAS_FILL)
            is_there = is_there && i >= (index_t)LOW(d) && i < (index_t)HIGH(d);
    }
    if (!HAS_FILL || is_there)
        y[to] = x[from];
    else
        y[to] = filled();
}
