/* Pointwise programs on the CPU: made ready for the interpreter, with operands broadcast over an
 * output that is seen as rows of columns; and the epilogues of contractions, which are such
 * programs run on a block just finished. */
#ifndef HONE_CPU_REGION_H
#define HONE_CPU_REGION_H

#include "cpu/vector.h"

/* Gives slots to registers; instructions' slots are reused once their value is dead. */
void hone_region_compile(const hone_program *program, hone_region_code *out);

/* Operands broadcast over an output: its last (collapsed) dimension is the columns, those before it
 * are walked. */
typedef struct hone_region {
    hone_region_code code;
    int n_in;
    hone_region_input in[HONE_PROGRAM_INPUTS]; /* row: stride of the innermost walked dimension */
    int rank;                                  /* of walked dimensions; at least 1 */
    int64_t dim[HONE_MAX_RANK + 1];
    int64_t stride[HONE_PROGRAM_INPUTS][HONE_MAX_RANK + 1];
    int64_t rows, cols; /* rows: the product of dim */
    void *out;
    hone_dtype out_dtype;
} hone_region;

/* shape: of the output. in: n_in operands, in[0] may be NULL for the output itself (an epilogue's
 * accumulator). keep_last: the columns are the output's last dimension alone, so that blocks of
 * columns can be run. */
void hone_region_init(hone_region *region, const hone_program *program, const hone_dims *shape,
                      hone_tensor *const *in, const hone_tensor *out, bool keep_last);
/* Rows [r0, r1), columns [c0, c1). */
void hone_region_run(const hone_region *region, int64_t r0, int64_t r1, int64_t c0, int64_t c1);

/* All of it on the pool. */
void hone_region_run_all(const hone_region *region, hone_pool *pool);

/* The epilogue of a contraction: what the tile functions do themselves (add a tensor of the
 * output's shape, clamp), or a region over the finished block. */
typedef struct hone_epilogue {
    bool clamp;
    float lo, hi;
    const float *add; /* laid out as the output, or NULL */
    const float *out; /* the output's first element */
    bool has_region;
    hone_region region;
} hone_epilogue;

/* extra: the program's inputs 1 and on. program may be NULL. in_tile: the tile functions take add
 * and clamp. */
void hone_epilogue_init(hone_epilogue *epilogue, const hone_program *program,
                        const hone_tensor *out, hone_tensor *const *extra, int n_extra,
                        bool in_tile);

#endif
