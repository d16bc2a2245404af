/* Contractions as the tests state them: a problem, a tile, and the text that is compiled for both.
 */
#ifndef HONE_TEST_CONTRACTION_H
#define HONE_TEST_CONTRACTION_H

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "kernels/kernels.h"

typedef enum element {
    F16,
    BF16,
    F32
} element;
static const char *const element_names[] = {"f16", "bf16", "float"};
static const int element_bytes[] = {2, 2, 4};

typedef enum activation {
    NONE,
    RELU,
    CLIP,
    SILU,
    GELU,
    ACTIVATIONS
} activation;
/* Of x, the accumulator with its bias and the residual. */
static const char *const activation_texts[ACTIVATIONS] = {
    "x", "x < 0.0f ? 0.0f : x", "fminf(fmaxf(x, 0.0f), 6.0f)", "x * (1.0f / (1.0f + expf(-x)))",
    "0.5f * x * (1.0f + erff(x * 0.70710678f))"};

typedef struct problem {
    const char *name;
    element type, out;
    int batch, h, w, c; /* of one group or head; a product has h = 1 and w rows */
    int n, kernel, stride, pad, dilation;
    activation activation;
    bool has_bias, has_residual;
    /* The other operand is an activation too, and then perhaps [K, N]. */
    bool w_is_variable, w_is_kn;
    int z; /* problems beside each other: groups, heads; 0 stands for 1 */
    /* Elements from one row, and one problem, to the next; 0: dense. */
    int lda, ldw, ldy, a_z, w_z, y_z;
} problem;

typedef struct tile {
    bool is_simt;
    int bm, bn, bk, wm, wn, wk, stages, split;
    bool is_cluster;
} tile;

static inline problem with_defaults(problem p)
{
    const int k = p.kernel * p.kernel * p.c;

    p.z = p.z ? p.z : 1;
    p.lda = p.lda ? p.lda : p.c;
    p.ldw = p.ldw ? p.ldw : p.w_is_kn ? p.n : k;
    p.ldy = p.ldy ? p.ldy : p.n;
    return p;
}

static inline int out_extent(const problem *p, int in)
{
    return (in + 2 * p->pad - p->dilation * (p->kernel - 1) - 1) / p->stride + 1;
}

static inline int rows_of(const problem *p)
{
    return p->kernel == 1 && p->h == 1 ? p->batch * p->w
                                       : p->batch * out_extent(p, p->h) * out_extent(p, p->w);
}

static inline int k_of(const problem *p)
{
    return p->kernel * p->kernel * p->c;
}

static inline int ceil_div(int a, int b)
{
    return (a + b - 1) / b;
}

static inline int blocks_of(const problem *p, const tile *t)
{
    return ceil_div(rows_of(p), t->bm) * ceil_div(p->n, t->bn);
}

/* Dynamic shared memory, by the formula of docs/kernels/contraction.md. */
static inline int shared_bytes_of(const problem *p, const tile *t)
{
    const int part = (t->is_simt ? 1 : t->wk) * t->bm * (t->bn + 8) * 4;
    const int ring = t->is_simt ? 2 * t->bk * (t->bm + t->bn + 8) * 4
                                : t->stages * (t->bm + t->bn) * t->bk * element_bytes[p->type];

    if (t->is_cluster)
        return ring + part;
    return ring > part ? ring : part;
}

static inline int threads_of(const tile *t)
{
    return t->is_simt ? t->wm * t->wn : 32 * t->wm * t->wn * t->wk;
}

static inline void write_knobs(char *text, size_t room, const problem *p, const tile *t)
{
    const bool is_product = p->kernel == 1 && p->h == 1;
    char residual[64] = "no_extra";

    if (p->has_residual)
        snprintf(residual, sizeof residual, "extra<%s, %d, 1, %d>", element_names[p->out], p->ldy,
                 p->y_z);
    snprintf(text, room,
             "using T = %s; using TY = %s;\n"
             "constexpr int N = %d, C = %d, KH = %d, KW = %d, SH = %d, SW = %d, DH = %d, DW = %d, "
             "PH = %d, PW = %d, UH = 1, UW = 1;\n"
             "constexpr int H = %d, W = %d, OH = %d, OW = %d, LDA = %d, LDW = %d, LDY = %d;\n"
             "constexpr bool A_IS_KM = false, W_IS_KN = %d, W_IS_CONSTANT = %d, HAS_BIAS = %d;\n"
             "constexpr float ALPHA = 1;\n"
             "constexpr int Z_INNER = %d;\n"
             "constexpr i64 A_ZI = %d, A_ZO = 0, W_ZI = %d, W_ZO = 0, Y_ZI = %d, Y_ZO = 0, BIAS_ZI "
             "= %d, BIAS_ZO = 0;\n"
             "using E0 = %s; using E1 = no_extra; using E2 = no_extra; using E3 = no_extra;\n"
             "constexpr int BM = %d, BN = %d, BK = %d, WM = %d, WN = %d, WK = %d, STAGES = %d, "
             "SPLIT = %d, GROUP = 8;\n"
             "constexpr bool CLUSTER = %d;\n"
             "__device__ inline float epilogue(float x0, float x1, float, float, float)\n"
             "{\n    const float x = x0%s;\n    return %s;\n}\n",
             element_names[p->type], element_names[p->out], p->n, p->c, p->kernel, p->kernel,
             p->stride, p->stride, p->dilation, p->dilation, p->pad, p->pad, is_product ? 1 : p->h,
             is_product ? 0 : p->w, is_product ? 1 : out_extent(p, p->h),
             is_product ? 0 : out_extent(p, p->w), p->lda, p->ldw, p->ldy, p->w_is_kn,
             !p->w_is_variable, p->has_bias, p->z, p->a_z, p->w_z, p->y_z, p->n, residual, t->bm,
             t->bn, t->bk, t->wm, t->wn, t->wk, t->stages, t->split, t->is_cluster,
             p->has_residual ? " + x1" : "", activation_texts[p->activation]);
}

/* What is compiled: the caller frees it. NULL where there is no memory. */
static inline char *kernel_text_of(const problem *p, const tile *t)
{
    const hone_kernel_text *kernel =
        hone_kernel_source(t->is_simt ? "gemm_simt" : "conv_implicit_gemm");
    const size_t room = strlen(hone_kernel_prelude()) + strlen(kernel->text) + 4096;
    char *text = malloc(room), knobs[3072];

    if (text) {
        write_knobs(knobs, sizeof knobs, p, t);
        snprintf(text, room, "%s%s%s", hone_kernel_prelude(), knobs, kernel->text);
    }
    return text;
}

#endif
