/* The driver of the tile functions: products of rows reached through pointers with packed panels,
 * used by matrix products, convolutions and recurrent layers. It cuts K into blocks that keep a
 * group of panels in the second cache level, chooses tile shapes, and runs epilogues on finished
 * blocks. */
#ifndef HONE_CPU_GEMM_CORE_H
#define HONE_CPU_GEMM_CORE_H

#include "cpu/region.h"

#define HONE_GEMM_TAPS  128  /* the most taps of one block of K */
#define HONE_GEMM_DEPTH 1536 /* the most k of one block: 4 panels of it are 384 KiB */

/* A part of K: taps [tap, tap + taps), of each the elements [begin, begin + seg). */
typedef struct hone_gemm_part {
    int64_t tap, taps, begin, seg;
} hone_gemm_part;

typedef struct hone_gemm hone_gemm;

/* Tells where `rows` rows from `row` on have their inputs: a[tap * stride + r] for the taps of the
 * part, each pointing to element `begin` of its segment. room: HONE_TILE_ROWS * HONE_GEMM_DEPTH
 * floats for rows that have to be copied. */
typedef void (*hone_gemm_point)(const hone_gemm *g, int64_t row, int rows,
                                const hone_gemm_part *part, const float **a, int stride,
                                float *room);

struct hone_gemm {
    int64_t rows, cols, taps, seg;
    hone_gemm_point point; /* NULL: row r is at a + r * lda */
    const void *ctx;
    const float *a;
    int64_t lda;
    const float *b; /* panel p at b + p * panel */
    ptrdiff_t ldb, panel;
    const float *b_last; /* a packed copy of the last panel where b is plain and it is not whole,
                            else NULL */
    const float *bias;
    float *c;
    int64_t ldc;
    int64_t (*c_row)(const hone_gemm *g, int64_t row); /* NULL: row r of C is r */
    const hone_epilogue *epilogue;                     /* NULL: none */
    int64_t epilogue_row, epilogue_col;                /* where C begins in the epilogue's output */
};

/* How rows and panels are cut into tasks; the same for any number of threads. */
typedef struct hone_gemm_cut {
    int64_t rows, panels; /* of a task */
    int64_t row_tasks, panel_tasks;
    bool panels_outer;
} hone_gemm_cut;

hone_gemm_cut hone_gemm_cut_of(int64_t rows, int64_t cols, int64_t depth);
/* Runs task `task` of row_tasks * panel_tasks. */
void hone_gemm_task(const hone_gemm *g, const hone_gemm_cut *cut, int64_t task);
/* All of it on the pool. */
void hone_gemm_run(const hone_gemm *g, hone_pool *pool);

static inline int64_t hone_panels(int64_t cols)
{
    return (cols + HONE_PANEL - 1) / HONE_PANEL;
}

/* Packs B [depth, cols] with element (k, j) at b[k * row + j * col], times alpha, into panels; the
 * last is filled up with zeros. panels [p0, p1). */
void hone_gemm_pack(const float *b, int64_t row, int64_t col, int64_t depth, int64_t cols,
                    float alpha, int64_t p0, int64_t p1, float *packed);

#endif
