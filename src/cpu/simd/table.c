/* The table of one level. */
#include "cpu/simd/level_table.h"

extern const hone_cpu_vector_table LEVEL(hone_cpu_vector);

const hone_cpu_vector_table LEVEL(hone_cpu_vector) = {
#if HONE_W == 16
    .gemm_panels = 4,
    .gemm = {LEVEL(hone_gemm_variants_1), LEVEL(hone_gemm_variants_2), LEVEL(hone_gemm_variants_3),
             LEVEL(hone_gemm_variants_4)},
#else
    .gemm_panels = 1,
    .gemm = {LEVEL(hone_gemm_variants_1)},
#endif
    .int8 = LEVEL(hone_vector_int8),
    .int8_pack = LEVEL(hone_vector_int8_pack),
    .depthwise = LEVEL(hone_vector_depthwise),
    .sum_rows = LEVEL(hone_vector_sum_rows),
    .max_rows = LEVEL(hone_vector_max_rows),
    .region = LEVEL(hone_vector_region),
    .unary = LEVEL(hone_vector_unary),
    .rows_dot = LEVEL(hone_vector_rows_dot),
    .transpose = LEVEL(hone_vector_transpose),
    .softmax = LEVEL(hone_vector_softmax),
    .layer_norm = LEVEL(hone_vector_layer_norm),
};
