/* Concatenation of any number of parts in one launch, or the split that undoes it. Rows of the whole are rows of the
 * parts, one after the other; words are not looked at.
 *
 * Every thread moves one word of the whole. Which part it belongs to is a chain of comparisons with constants: no table
 * is read.
 *
 * Knobs: word; IS_SPLIT; PARTS; BEGIN(0 .. PARTS): where each part begins in a row of the whole, in words, and where the
 * last ends; ROW words of the whole's row; COUNT words of all parts; THREADS. Limits: compute capability 7.0. */
#include "device.cuh"

struct parts {
    word *p[PARTS];
};

extern "C" __global__ void __launch_bounds__(THREADS) join(word *whole, const parts part)
{
    constexpr index_t FIRST = BEGIN(0), WIDTH = BEGIN(PARTS) - BEGIN(0);
    const index_t number = (index_t)blockIdx.x * THREADS + threadIdx.x;
    const index_t row = number / WIDTH, at = FIRST + number % WIDTH;

    let_successor_begin();
    wait_for_predecessor();
    if (number >= COUNT)
        return;
    word *const here = whole + row * (index_t)ROW + at;
#pragma unroll
    for (int k = 0; k < PARTS; k++) {
        const index_t from = BEGIN(k), to = BEGIN(k + 1);
        if (at < from || at >= to)
            continue;
        word *const there = part.p[k] + row * (to - from) + (at - from);
        if (IS_SPLIT)
            *there = *here;
        else
            *here = *there;
    }
}
