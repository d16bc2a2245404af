/* The vector functions: one table for each level of the instruction set, all compiled from the same
 * sources in simd/. Kernels call through hone_cpu_vector, which start-up sets once. Functions work
 * on a tile that stays in the first cache levels; splitting, padding and addresses are the kernels'
 * business. */
#ifndef HONE_CPU_VECTOR_H
#define HONE_CPU_VECTOR_H

#include "cpu/cpu.h"

#define HONE_PANEL       16 /* columns of a packed panel, the same for every level */
#define HONE_TILE_ROWS   12 /* the most rows of a tile, over all levels */
#define HONE_TILE_PANELS 4  /* the most panels */

/* One tile of C = A * B: rows times up to four panels. A is reached through pointers, one for each
 * (tap, row), each the start of `seg` contiguous elements, so that a convolution needs no copy of
 * its input. B is packed (ldb 16) or plain. */
typedef struct hone_gemm_tile {
    const float *const *a; /* a[tap * rows + row] */
    ptrdiff_t a_at;        /* elements added to every pointer of a */
    int64_t taps, seg;
    const float *b;          /* the first panel, at this block of K */
    ptrdiff_t ldb, panel;    /* elements from one k to the next, from one panel to the next */
    float *const *c;         /* one pointer a row */
    int cols;                /* columns to be stored, at most 16 * panels */
    bool accumulate;         /* begin with what c holds, not with bias + add */
    const float *bias;       /* `cols` of them, or NULL */
    const float *const *add; /* one pointer a row: added too, or NULL */
    bool clamp;              /* to [lo, hi], NaN kept */
    float lo, hi;
} hone_gemm_tile;

typedef struct hone_gemm_variant {
    int rows; /* 0 ends the list, which ascends */
    void (*run)(const hone_gemm_tile *tile);
} hone_gemm_variant;

/* One tile of integer products, int32 exactly: a is unsigned, b signed, both in groups of four
 * along K. */
typedef struct hone_int8_tile {
    const uint8_t *const *a; /* one pointer a row: groups * 4 bytes */
    int64_t groups;
    const int8_t *b; /* panels of [groups][16][4] */
    ptrdiff_t panel; /* bytes from one panel to the next */
    int32_t *const *c;
    int rows, panels;
} hone_int8_tile;

/* Depthwise convolution over channels-last pictures, vectorised over channels: HONE_WINDOW_ROWS
 * output pixels at once whose taps are all inside, pixel r reading tap t at base + r * step +
 * offset[t]; or one pixel through a pointer for each tap. */
typedef struct hone_window_tile {
    const float *const *x; /* NULL: the first form */
    const float *base;
    int64_t step;
    const int64_t *offset;
    int taps;
    int64_t channels, w_step; /* to be done; elements from one tap's weights to the next */
    const float *w;
    const float *bias; /* or NULL */
    float *c;          /* pixel r at c + r * c_step */
    int64_t c_step;
    bool clamp;
    float lo, hi;
} hone_window_tile;
#define HONE_WINDOW_ROWS 4

/* A pointwise program made ready: constants known, slots given to registers. Slots are pieces of a
 * small buffer. */
typedef struct hone_region_instr {
    uint8_t op;
    uint8_t dst, arg[3]; /* slots */
} hone_region_instr;

#define HONE_REGION_SLOTS (HONE_PROGRAM_INPUTS + HONE_PROGRAM_INSTRS)

typedef struct hone_region_code {
    int n_in, n_instr, n_slots, n_const;
    int answer; /* the slot that the last instruction writes */
    hone_region_instr instr[HONE_PROGRAM_INSTRS];
    struct {
        uint8_t slot;
        float value;
    } constant[HONE_PROGRAM_INSTRS];
} hone_region_code;

typedef struct hone_region_input {
    const void *data;
    hone_dtype dtype; /* f32, f16, bf16, bool, i32, i64, u8, i8 */
    int64_t row, col; /* strides in elements; 0 where it is broadcast */
} hone_region_input;

typedef struct hone_region_block {
    const hone_region_code *code;
    const hone_region_input *in;
    void *out;
    hone_dtype out_dtype; /* f32, f16, bf16, bool */
    int64_t out_row;      /* stride of rows in elements; columns are dense */
    int64_t rows, cols;
} hone_region_block;

typedef struct hone_cpu_vector_table {
    int gemm_panels;                                 /* the most that the variants take */
    const hone_gemm_variant *gemm[HONE_TILE_PANELS]; /* [panels - 1] */
    void (*int8)(const hone_int8_tile *tile);        /* at most 8 rows and 2 panels */
    /* One panel [groups][16][4] of B [depth, cols], whose lines are `row` bytes apart, xor flip,
     * filled up with zeros. */
    void (*int8_pack)(const uint8_t *b, int64_t row, int64_t depth, int cols, uint8_t flip,
                      int8_t *to);
    void (*depthwise)(const hone_window_tile *tile);
    /* y[i] = the sum times scale, or the largest (NaN wins; scale is not used), of row[r][i] over n
     * >= 1 rows. */
    void (*sum_rows)(const float *const *row, int64_t n, float scale, float *y, int64_t length);
    void (*max_rows)(const float *const *row, int64_t n, float scale, float *y, int64_t length);
    void (*region)(const hone_region_block *block);
    void (*unary)(int scalar, const float *x, float *y,
                  int64_t n); /* one scalar function of one argument; y may be x */
    /* y[i] = (or +=) sum of w[i * ld + k] * x[k] for i < n: rows of a matrix against one vector. */
    void (*rows_dot)(const float *w, int64_t ld, const float *x, int64_t k, int64_t n, float *y,
                     bool accumulate);
    /* dst[j * ld_dst + i] = src[i * ld_src + j] for i < rows, j < cols */
    void (*transpose)(const float *src, int64_t ld_src, float *dst, int64_t ld_dst, int64_t rows,
                      int64_t cols);
    void (*softmax)(const float *x, float *y, int64_t n);
    /* mean and 1 / sqrt(variance + epsilon) are stored where wanted; scale, bias: n of them, bias
     * may be NULL */
    void (*layer_norm)(const float *x, const float *scale, const float *bias, float epsilon,
                       float *y, int64_t n, float *mean, float *inverse);
} hone_cpu_vector_table;

/* The table of the level in use. hone_cpu_init sets it; before that it is the scalar one. */
extern const hone_cpu_vector_table *hone_cpu_vector;

/* Takes another level than the machine's best; false where the machine has not got it. For tests,
 * while no kernel runs. */
bool hone_cpu_set_level(hone_cpu_level level);

#endif
