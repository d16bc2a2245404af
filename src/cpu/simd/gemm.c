/* The matrix product's inner part: tiles of C in registers. Which shapes a level has is the table
 * below: as many accumulators as its registers hold, fewer rows for the ends of matrices. */
#include "cpu/simd/level_table.h"

/* What the accumulators of row r, columns from j on, begin with. */
static HONE_ALWAYS_INLINE vf tile_begin(const hone_gemm_tile *t, int r, int j, bool whole)
{
    const int64_t n = HONE_MIN(t->cols - j, HONE_W);
    vf x = vf_splat(0.0f);

    if (!whole && n <= 0)
        return x;
    if (!whole && n < HONE_W) {
        if (t->accumulate)
            return vf_load_n(t->c[r] + j, n);
        if (t->bias)
            x = vf_load_n(t->bias + j, n);
        return t->add ? x + vf_load_n(t->add[r] + j, n) : x;
    }
    if (t->accumulate)
        return vf_load(t->c[r] + j);
    if (t->bias)
        x = vf_load(t->bias + j);
    return t->add ? x + vf_load(t->add[r] + j) : x;
}

static HONE_ALWAYS_INLINE void tile_end(const hone_gemm_tile *t, int r, int j, bool whole, vf x)
{
    const int64_t n = t->cols - j;

    if (whole || n >= HONE_W)
        vf_store(t->c[r] + j, x);
    else if (n > 0)
        vf_store_n(t->c[r] + j, x, n);
}

#if HONE_W == 16
#define TILE_NAME   tile_1x1
#define TILE_ROWS   1
#define TILE_PANELS 1
#include "cpu/simd/gemm_tile.h"
#define TILE_NAME   tile_2x1
#define TILE_ROWS   2
#define TILE_PANELS 1
#include "cpu/simd/gemm_tile.h"
#define TILE_NAME   tile_4x1
#define TILE_ROWS   4
#define TILE_PANELS 1
#include "cpu/simd/gemm_tile.h"
#define TILE_NAME   tile_8x1
#define TILE_ROWS   8
#define TILE_PANELS 1
#include "cpu/simd/gemm_tile.h"
#define TILE_NAME   tile_12x1
#define TILE_ROWS   12
#define TILE_PANELS 1
#include "cpu/simd/gemm_tile.h"
#define TILE_NAME   tile_1x2
#define TILE_ROWS   1
#define TILE_PANELS 2
#include "cpu/simd/gemm_tile.h"
#define TILE_NAME   tile_2x2
#define TILE_ROWS   2
#define TILE_PANELS 2
#include "cpu/simd/gemm_tile.h"
#define TILE_NAME   tile_4x2
#define TILE_ROWS   4
#define TILE_PANELS 2
#include "cpu/simd/gemm_tile.h"
#define TILE_NAME   tile_8x2
#define TILE_ROWS   8
#define TILE_PANELS 2
#include "cpu/simd/gemm_tile.h"
#define TILE_NAME   tile_12x2
#define TILE_ROWS   12
#define TILE_PANELS 2
#include "cpu/simd/gemm_tile.h"
#define TILE_NAME   tile_1x3
#define TILE_ROWS   1
#define TILE_PANELS 3
#include "cpu/simd/gemm_tile.h"
#define TILE_NAME   tile_2x3
#define TILE_ROWS   2
#define TILE_PANELS 3
#include "cpu/simd/gemm_tile.h"
#define TILE_NAME   tile_4x3
#define TILE_ROWS   4
#define TILE_PANELS 3
#include "cpu/simd/gemm_tile.h"
#define TILE_NAME   tile_8x3
#define TILE_ROWS   8
#define TILE_PANELS 3
#include "cpu/simd/gemm_tile.h"
#define TILE_NAME   tile_1x4
#define TILE_ROWS   1
#define TILE_PANELS 4
#include "cpu/simd/gemm_tile.h"
#define TILE_NAME   tile_2x4
#define TILE_ROWS   2
#define TILE_PANELS 4
#include "cpu/simd/gemm_tile.h"
#define TILE_NAME   tile_4x4
#define TILE_ROWS   4
#define TILE_PANELS 4
#include "cpu/simd/gemm_tile.h"
#define TILE_NAME   tile_6x4
#define TILE_ROWS   6
#define TILE_PANELS 4
#include "cpu/simd/gemm_tile.h"
const hone_gemm_variant LEVEL(hone_gemm_variants_1)[] = {
    {1, LEVEL(tile_1x1)}, {2, LEVEL(tile_2x1)},   {4, LEVEL(tile_4x1)},
    {8, LEVEL(tile_8x1)}, {12, LEVEL(tile_12x1)}, {0, NULL},
};
const hone_gemm_variant LEVEL(hone_gemm_variants_2)[] = {
    {1, LEVEL(tile_1x2)}, {2, LEVEL(tile_2x2)},   {4, LEVEL(tile_4x2)},
    {8, LEVEL(tile_8x2)}, {12, LEVEL(tile_12x2)}, {0, NULL},
};
const hone_gemm_variant LEVEL(hone_gemm_variants_3)[] = {
    {1, LEVEL(tile_1x3)},
    {2, LEVEL(tile_2x3)},
    {4, LEVEL(tile_4x3)},
    {8, LEVEL(tile_8x3)},
    {0, NULL},
};
const hone_gemm_variant LEVEL(hone_gemm_variants_4)[] = {
    {1, LEVEL(tile_1x4)},
    {2, LEVEL(tile_2x4)},
    {4, LEVEL(tile_4x4)},
    {6, LEVEL(tile_6x4)},
    {0, NULL},
};
#elif HONE_W == 8
#define TILE_NAME   tile_1x1
#define TILE_ROWS   1
#define TILE_PANELS 1
#include "cpu/simd/gemm_tile.h"
#define TILE_NAME   tile_2x1
#define TILE_ROWS   2
#define TILE_PANELS 1
#include "cpu/simd/gemm_tile.h"
#define TILE_NAME   tile_4x1
#define TILE_ROWS   4
#define TILE_PANELS 1
#include "cpu/simd/gemm_tile.h"
#define TILE_NAME   tile_6x1
#define TILE_ROWS   6
#define TILE_PANELS 1
#include "cpu/simd/gemm_tile.h"
const hone_gemm_variant LEVEL(hone_gemm_variants_1)[] = {
    {1, LEVEL(tile_1x1)},
    {2, LEVEL(tile_2x1)},
    {4, LEVEL(tile_4x1)},
    {6, LEVEL(tile_6x1)},
    {0, NULL},
};
#elif defined(__aarch64__)
#define TILE_NAME   tile_1x1
#define TILE_ROWS   1
#define TILE_PANELS 1
#include "cpu/simd/gemm_tile.h"
#define TILE_NAME   tile_2x1
#define TILE_ROWS   2
#define TILE_PANELS 1
#include "cpu/simd/gemm_tile.h"
#define TILE_NAME   tile_4x1
#define TILE_ROWS   4
#define TILE_PANELS 1
#include "cpu/simd/gemm_tile.h"
#define TILE_NAME   tile_6x1
#define TILE_ROWS   6
#define TILE_PANELS 1
#include "cpu/simd/gemm_tile.h"
const hone_gemm_variant LEVEL(hone_gemm_variants_1)[] = {
    {1, LEVEL(tile_1x1)},
    {2, LEVEL(tile_2x1)},
    {4, LEVEL(tile_4x1)},
    {6, LEVEL(tile_6x1)},
    {0, NULL},
};
#else
#define TILE_NAME   tile_1x1
#define TILE_ROWS   1
#define TILE_PANELS 1
#include "cpu/simd/gemm_tile.h"
#define TILE_NAME   tile_2x1
#define TILE_ROWS   2
#define TILE_PANELS 1
#include "cpu/simd/gemm_tile.h"
const hone_gemm_variant LEVEL(hone_gemm_variants_1)[] = {
    {1, LEVEL(tile_1x1)},
    {2, LEVEL(tile_2x1)},
    {0, NULL},
};
#endif
