/* The layers that the contraction family is measured on, and the tiles that are tried on each. */
#ifndef HONE_TEST_CONTRACTION_CASES_H
#define HONE_TEST_CONTRACTION_CASES_H

#include "support/contraction.h"

/* An image layer: name, h = w, c, n, kernel, stride. */
#define LAYER(name_, hw, c_, n_, k_, s_, act, res)                                                 \
    {                                                                                              \
        .name = name_, .type = F16, .out = F16, .batch = 1, .h = hw, .w = hw, .c = c_, .n = n_,    \
        .kernel = k_, .stride = s_, .pad = k_ / 2, .dilation = 1, .activation = act,               \
        .has_bias = true, .has_residual = res                                                      \
    }
/* A product of m x k and k x n. */
#define PRODUCT(name_, type_, m, k_, n_, act, res, ...)                                            \
    {                                                                                              \
        .name = name_, .type = type_, .out = type_, .batch = 1, .h = 1, .w = m, .c = k_, .n = n_,  \
        .kernel = 1, .stride = 1, .dilation = 1, .activation = act, .has_bias = true,              \
        .has_residual = res, __VA_ARGS__                                                           \
    }

static const problem problems[] = {
    {.name = "exact stem",
     .type = F32,
     .out = F32,
     .batch = 1,
     .h = 224,
     .w = 224,
     .c = 3,
     .n = 64,
     .kernel = 7,
     .stride = 2,
     .pad = 3,
     .dilation = 1,
     .activation = RELU,
     .has_bias = true},
    LAYER("resnet s1c1", 56, 256, 64, 1, 1, RELU, false),
    LAYER("resnet s1c2", 56, 64, 64, 3, 1, RELU, false),
    LAYER("resnet s1c3", 56, 64, 256, 1, 1, RELU, true),
    LAYER("resnet s2b0c2", 56, 128, 128, 3, 2, RELU, false),
    LAYER("resnet s2c1", 28, 512, 128, 1, 1, RELU, false),
    LAYER("resnet s2c2", 28, 128, 128, 3, 1, RELU, false),
    LAYER("resnet s2c3", 28, 128, 512, 1, 1, RELU, true),
    LAYER("resnet s3b0ds", 28, 512, 1024, 1, 2, NONE, false),
    LAYER("resnet s3c1", 14, 1024, 256, 1, 1, RELU, false),
    LAYER("resnet s3c2", 14, 256, 256, 3, 1, RELU, false),
    LAYER("resnet s3c3", 14, 256, 1024, 1, 1, RELU, true),
    LAYER("resnet s4c1", 7, 2048, 512, 1, 1, RELU, false),
    LAYER("resnet s4c2", 7, 512, 512, 3, 1, RELU, false),
    LAYER("resnet s4c3", 7, 512, 2048, 1, 1, RELU, true),
    PRODUCT("resnet fc", F16, 1, 2048, 1000, NONE, false, .z = 1),
    LAYER("mobilenet expand", 56, 24, 144, 1, 1, CLIP, false),
    LAYER("mobilenet project", 14, 384, 96, 1, 1, NONE, true),
    LAYER("mobilenet last", 7, 320, 1280, 1, 1, CLIP, false),
    PRODUCT("bert qkv", F16, 128, 768, 2304, NONE, false, .z = 1),
    PRODUCT("bert out", F16, 128, 768, 768, NONE, true, .z = 1),
    PRODUCT("bert up", F16, 128, 768, 3072, GELU, false, .z = 1),
    PRODUCT("bert down", F16, 128, 3072, 768, NONE, true, .z = 1),
    {.name = "bert scores",
     .type = F16,
     .out = F16,
     .batch = 1,
     .h = 1,
     .w = 128,
     .c = 64,
     .n = 128,
     .kernel = 1,
     .stride = 1,
     .dilation = 1,
     .w_is_variable = true,
     .z = 12,
     .lda = 768,
     .ldw = 768,
     .a_z = 64,
     .w_z = 64,
     .y_z = 128 * 128},
    {.name = "bert values",
     .type = F16,
     .out = F16,
     .batch = 1,
     .h = 1,
     .w = 128,
     .c = 128,
     .n = 64,
     .kernel = 1,
     .stride = 1,
     .dilation = 1,
     .w_is_variable = true,
     .w_is_kn = true,
     .z = 12,
     .ldw = 768,
     .ldy = 768,
     .a_z = 128 * 128,
     .w_z = 64,
     .y_z = 64},
    PRODUCT("vit up", F16, 197, 768, 3072, GELU, false, .z = 1),
    PRODUCT("bert b32 up", F16, 4096, 768, 3072, GELU, false, .z = 1),
    PRODUCT("square 4096", F16, 4096, 4096, 4096, NONE, false, .z = 1),
    {.name = "resnet b32 s2c2",
     .type = F16,
     .out = F16,
     .batch = 32,
     .h = 28,
     .w = 28,
     .c = 128,
     .n = 128,
     .kernel = 3,
     .stride = 1,
     .pad = 1,
     .dilation = 1,
     .activation = RELU,
     .has_bias = true},
    {.name = "bf16 s3c2",
     .type = BF16,
     .out = BF16,
     .batch = 1,
     .h = 14,
     .w = 14,
     .c = 256,
     .n = 256,
     .kernel = 3,
     .stride = 1,
     .pad = 1,
     .dilation = 1,
     .activation = SILU,
     .has_bias = true,
     .has_residual = true},
    {.name = "tf32 s3c2",
     .type = F32,
     .out = F32,
     .batch = 1,
     .h = 14,
     .w = 14,
     .c = 256,
     .n = 256,
     .kernel = 3,
     .stride = 1,
     .pad = 1,
     .dilation = 1,
     .activation = RELU,
     .has_bias = true,
     .has_residual = true},
    PRODUCT("tf32 square 2048", F32, 2048, 2048, 2048, NONE, false, .z = 1),
    PRODUCT("tf32 bert up", F32, 128, 768, 3072, GELU, false, .z = 1),
    {.name = "tf32 kn",
     .type = F32,
     .out = F32,
     .batch = 1,
     .h = 1,
     .w = 128,
     .c = 128,
     .n = 64,
     .kernel = 1,
     .stride = 1,
     .dilation = 1,
     .w_is_variable = true,
     .w_is_kn = true,
     .z = 12,
     .ldw = 768,
     .ldy = 768,
     .a_z = 128 * 128,
     .w_z = 64,
     .y_z = 64},
    /* Groups, dilation, odd columns, rows that fill no tile. */
    {.name = "grouped",
     .type = F16,
     .out = F16,
     .batch = 2,
     .h = 13,
     .w = 11,
     .c = 16,
     .n = 24,
     .kernel = 3,
     .stride = 1,
     .pad = 2,
     .dilation = 2,
     .activation = RELU,
     .has_bias = true,
     .has_residual = true,
     .z = 4,
     .lda = 64,
     .ldy = 96,
     .a_z = 16,
     .w_z = 24 * 144,
     .y_z = 24},
    {.name = "odd columns",
     .type = F16,
     .out = F32,
     .batch = 3,
     .h = 9,
     .w = 10,
     .c = 40,
     .n = 21,
     .kernel = 3,
     .stride = 2,
     .pad = 1,
     .dilation = 1,
     .activation = GELU,
     .has_bias = true,
     .has_residual = true},
};
enum {
    PROBLEMS = sizeof problems / sizeof *problems
};

/* The exact kernel comes first: its answers are what the others are compared with, element by
 * element, once it has been checked against float64 itself. */
static const tile simt_tiles[] = {
    {true, 32, 32, 16, 8, 8, 1, 1, 1, false},     {true, 32, 32, 32, 8, 8, 1, 1, 1, false},
    {true, 32, 64, 16, 8, 16, 1, 1, 1, false},    {true, 64, 64, 16, 8, 16, 1, 1, 1, false},
    {true, 64, 64, 16, 16, 16, 1, 1, 1, false},   {true, 64, 64, 32, 8, 16, 1, 1, 1, false},
    {true, 128, 64, 16, 16, 8, 1, 1, 1, false},   {true, 128, 64, 16, 16, 16, 1, 1, 1, false},
    {true, 128, 128, 16, 16, 16, 1, 1, 1, false}, {true, 128, 128, 8, 16, 16, 1, 1, 1, false},
};

/* {bm, bn, bk (in 2-byte elements; half of it in 4-byte ones), wm, wn, wk} */
static const int mma_tiles[][6] = {
    {16, 64, 64, 1, 2, 4},   {16, 128, 64, 1, 4, 2},  {16, 128, 128, 1, 4, 2},
    {32, 32, 64, 2, 1, 4},   {32, 32, 128, 2, 1, 4},  {32, 32, 128, 2, 1, 8},
    {32, 64, 64, 1, 2, 4},   {32, 64, 64, 2, 2, 2},   {32, 64, 128, 1, 2, 4},
    {32, 128, 64, 1, 4, 2},  {64, 32, 64, 2, 1, 4},   {64, 64, 64, 2, 2, 2},
    {64, 64, 64, 2, 2, 1},   {64, 64, 32, 2, 2, 1},   {64, 128, 64, 2, 4, 1},
    {64, 128, 32, 2, 2, 1},  {128, 64, 64, 4, 2, 1},  {128, 128, 32, 2, 2, 1},
    {128, 128, 64, 2, 4, 1}, {128, 128, 64, 2, 2, 1}, {128, 256, 32, 2, 4, 1},
    {256, 128, 64, 4, 2, 1}, {256, 64, 32, 4, 1, 1},  {256, 128, 32, 4, 2, 1},
};

/* Whether a tile is worth a try: blocks enough to fill a part of the device, and no more rows than
 * there are. */
static inline bool is_sensible(const problem *p, const tile *t, int processors, int shared_most)
{
    const int blocks = blocks_of(p, t) * p->z * t->split;
    const int tiles = ceil_div(k_of(p), t->bk);

    if (!t->is_simt && p->c * element_bytes[p->type] % 16 != 0)
        return false;
    if (shared_bytes_of(p, t) > shared_most || (t->split > 1 && tiles / t->split < 2))
        return false;
    if (t->bm > 16 && t->bm / 2 >= rows_of(p))
        return false;
    if (t->bn / 2 >= p->n)
        return false;
    if (t->split > 1 && blocks > 2 * processors)
        return false;
    return blocks * 4 >= processors || t->bm * t->bn <= 32 * 64;
}

/* Fills out with the candidates of a problem; the first is exact. */
static inline int candidates_of(const problem *p, int processors, int shared_most, tile *out,
                                int room)
{
    static const struct {
        int parts;
        bool is_cluster;
    } splits[] = {{1, false}, {2, true}, {4, true}, {8, true}, {4, false}};
    int n = 0;

    out[n++] = simt_tiles[0];
    for (size_t i = 0; i < sizeof simt_tiles / sizeof *simt_tiles && p->type == F32; i++)
        for (int split = 1; split <= 8; split *= 2) {
            tile t = simt_tiles[i];
            t.split = split;
            if (n < room && is_sensible(p, &t, processors, shared_most))
                out[n++] = t;
        }
    for (size_t i = 0; i < sizeof mma_tiles / sizeof *mma_tiles; i++) {
        const int *m = mma_tiles[i];
        const int bk = m[2] * 2 / element_bytes[p->type], tiles = ceil_div(k_of(p), bk);
        for (int k = 0; k < 5; k++) {
            tile t = {
                false, m[0], m[1], bk, m[3], m[4], m[5], 4, splits[k].parts, splits[k].is_cluster};
            /* One slot more than tiles holds all of K: a longer ring is no use. */
            const int longest = ceil_div(tiles, t.split) + 1;
            for (int is_long = 0; is_long < 2; is_long++) {
                t.stages = is_long ? longest : longest < 4 ? longest : 4;
                while (is_long && t.stages > 4 && shared_bytes_of(p, &t) > shared_most)
                    t.stages--;
                if ((is_long && t.stages <= 4) || n == room ||
                    !is_sensible(p, &t, processors, shared_most))
                    continue;
                out[n++] = t;
            }
        }
    }
    return n;
}

#endif
