/* What the sources of simd/ export to their level's table. */
#ifndef HONE_CPU_SIMD_LEVEL_TABLE_H
#define HONE_CPU_SIMD_LEVEL_TABLE_H

#include "cpu/simd/vec.h"

extern const hone_gemm_variant LEVEL(hone_gemm_variants_1)[];
#if HONE_W == 16
extern const hone_gemm_variant LEVEL(hone_gemm_variants_2)[];
extern const hone_gemm_variant LEVEL(hone_gemm_variants_3)[];
extern const hone_gemm_variant LEVEL(hone_gemm_variants_4)[];
#endif

void LEVEL(hone_vector_int8)(const hone_int8_tile *tile);
void LEVEL(hone_vector_int8_pack)(const uint8_t *b, int64_t row, int64_t depth, int cols,
                                  uint8_t flip, int8_t *to);
void LEVEL(hone_vector_depthwise)(const hone_window_tile *tile);
void LEVEL(hone_vector_sum_rows)(const float *const *row, int64_t n, float scale, float *y,
                                 int64_t length);
void LEVEL(hone_vector_max_rows)(const float *const *row, int64_t n, float scale, float *y,
                                 int64_t length);
void LEVEL(hone_vector_region)(const hone_region_block *block);
void LEVEL(hone_vector_unary)(int scalar, const float *x, float *y, int64_t n);
void LEVEL(hone_vector_rows_dot)(const float *w, int64_t ld, const float *x, int64_t k, int64_t n,
                                 float *y, bool accumulate);
void LEVEL(hone_vector_transpose)(const float *src, int64_t ld_src, float *dst, int64_t ld_dst,
                                  int64_t rows, int64_t cols);
void LEVEL(hone_vector_softmax)(const float *x, float *y, int64_t n);
void LEVEL(hone_vector_layer_norm)(const float *x, const float *scale, const float *bias,
                                   float epsilon, float *y, int64_t n, float *mean, float *inverse);

#endif
