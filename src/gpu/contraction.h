/* Contractions in the words of their kernels (docs/kernels/contraction.md): what is computed, the
 * tiles it can be cut into, and what each of them costs. Lowerings of operators describe; the tiles
 * are enumerated, ranked and offered here. */
#ifndef HONE_GPU_CONTRACTION_H
#define HONE_GPU_CONTRACTION_H

#include "gpu/lower.h"
#include "gpu/map.h"

#define HONE_GPU_EXTRAS 4 /* further operands that an epilogue can have */

/* Elements from one problem to the next: those beside each other, and groups of them. */
typedef struct hone_gpu_steps {
    int64_t inner, outer;
} hone_gpu_steps;

/* A further operand of the epilogue: input `arg`, from row to row, column to column. */
typedef struct hone_gpu_extra {
    int arg;
    hone_dtype dtype;
    int64_t m, n;
    hone_gpu_steps z;
} hone_gpu_extra;

/* Two spatial dimensions, rows first. A product has one pixel a row of a, and a kernel of 1 x 1. */
typedef struct hone_gpu_contraction {
    hone_dtype dtype, out_dtype; /* of a and w, of y */
    int bias;                    /* the input; 0: none */
    bool is_product;
    bool a_is_km; /* a is [K, rows] */
    bool w_is_kn; /* w is [K, N] */
    bool w_is_constant;
    float alpha;
    int64_t n, c; /* columns and channels of one problem */
    int64_t batch, in[2], out[2], kernel[2], stride[2], dilation[2], pad[2];
    int64_t spread[2]; /* from one input pixel to the next: 1 but in transposed convolutions */
    int64_t lda, ldw, ldy;
    int64_t inner, outer; /* problems */
    hone_gpu_steps a_z, w_z, y_z, bias_z;
    const hone_program *program; /* of the accumulator and the extras; NULL: none */
    int n_extra;
    hone_gpu_extra extra[HONE_GPU_EXTRAS];
    hone_gpu_packing weights; /* of input 1; dtype HONE_NONE: it lies as it should */
    int gate;                 /* the input that a's columns are multiplied by; 0: none */
    hone_gpu_steps gate_z;
    bool has_windows; /* it is a convolution whose weights can be packed for STEM */
} hone_gpu_contraction;

static inline int64_t hone_gpu_contraction_rows(const hone_gpu_contraction *p)
{
    return p->batch * p->out[0] * p->out[1];
}

static inline int64_t hone_gpu_contraction_k(const hone_gpu_contraction *p)
{
    return p->kernel[0] * p->kernel[1] * p->c;
}

typedef enum hone_gpu_tile_kind {
    HONE_GPU_IMPLICIT_GEMM, /* on the tensor cores */
    HONE_GPU_SIMT,          /* exact, of any shape and type */
    HONE_GPU_STEM,          /* few channels, on the tensor cores */
    HONE_GPU_VECTOR,        /* few rows, exact */
    HONE_GPU_EXACT,         /* float32 in rows of whole 16 bytes */
    HONE_GPU_WARPGROUP,     /* few rows, on the products of compute capability 9.0 */
    HONE_GPU_TILE_KINDS
} hone_gpu_tile_kind;

/* A block's share of the result, and how its warps, a ring and other blocks divide the work. */
typedef struct hone_gpu_tile {
    hone_gpu_tile_kind kind;
    int bm, bn, bk;
    int wm, wn, wk; /* warps; of SIMT threads along rows and columns */
    int stages, split;
    bool is_cluster;
    int th, tw; /* of STEM: the output pixels of a tile */
    double us;  /* by the model */
} hone_gpu_tile;

static inline int hone_gpu_tile_threads(const hone_gpu_tile *t)
{
    return t->kind == HONE_GPU_SIMT ? t->wm * t->wn : 32 * t->wm * t->wn * t->wk;
}

/* How STEM lays out weights: channels of a pixel, and elements of a row. */
typedef struct hone_gpu_stem {
    int64_t channels, row;
} hone_gpu_stem;
hone_gpu_stem hone_gpu_stem_of(const hone_gpu_contraction *p);

/* Blocks of the whole launch, all parts of K among them. */
int64_t hone_gpu_tile_blocks(const hone_gpu_contraction *p, const hone_gpu_tile *t);
int64_t hone_gpu_tile_shared(const hone_gpu_contraction *p, const hone_gpu_tile *t);

/* The best tiles for the device, at most `room`, by the model of time; returns their number. */
int hone_gpu_tiles(const hone_gpu_contraction *p, const hone_gpu_facts *device, hone_gpu_tile *out,
                   int room);
/* What the model says of one tile. */
double hone_gpu_tile_us(const hone_gpu_contraction *p, const hone_gpu_facts *device,
                        const hone_gpu_tile *t);

/* The step's epilogue: its program, and the bias where the kernels cannot add it, over the inputs
 * from 3 on. `map` has the output's dimensions with those that the step's shape leaves out, and
 * operand 0; each further operand is added to it. row_is_missing, column_is_missing: the output has
 * no such dimension. beta is the bias's factor. false where there are too many operands or types
 * that kernels have not. */
typedef struct hone_gpu_epilogue {
    const hone_program *program; /* of the step; NULL: none */
    float beta;
    bool row_is_missing, column_is_missing;
} hone_gpu_epilogue;
bool hone_gpu_contraction_epilogue(const hone_lower *lower, const hone_gpu_epilogue *e,
                                   hone_gpu_map *map, hone_gpu_contraction *p);

/* A candidate with the problem's knobs and arguments, and those of one tile; NULL where the device
 * is older than the kernel. */
hone_candidate *hone_gpu_contraction_candidate(hone_lower *lower, const hone_gpu_contraction *p,
                                               const char *kernel, const hone_gpu_tile *t);

/* Candidates of contraction_wgmma; returns their number. */
int hone_gpu_wgmma_offer(hone_lower *lower, const hone_gpu_contraction *p);

/* Candidates of every tile, the best guess first. */
void hone_gpu_contraction_offer(hone_lower *lower, const hone_gpu_contraction *p);

#endif
