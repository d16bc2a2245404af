/* Contractions of many rows, in the form of products.h: what contraction_wgmma can have (all but
 * float32), then layers of real networks at batch 8 and 32, which are for the clock. */
#ifndef HONE_TESTS_LARGE_H
#define HONE_TESTS_LARGE_H

#include "support/products.h"

#define PAD1     "pads=[1,1,1,1], layout=last"
#define LAST     "layout=last"
#define RELU     ", program=(x0) { r1 = relu x0 }"
#define ADD_RELU ", program=(x0, x1) { r2 = add x0 x1; r3 = relu r2 }"
#define ADD      "program=(x0, x1) { r2 = add x0 x1 }"
#define GELU                                                                                       \
    "program=(x0) { r1 = constant 0.70710678; r2 = mul x0 r1; r3 = erf r2; r4 = constant 1; r5 = " \
    "add r3 r4; r6 = mul x0 r5; r7 = constant 0.5; r8 = mul r6 r7 }"

static const product_case many_cases[] = {
    /* Ends of rows, columns and K; types. */
    {{"matmul", "", "f16 300x72; f16 72x100 const; f16 100 const", 1}, 32, false},
    {{"matmul", "", "bf16 1000x520; bf16 520x333 const; bf16 333 const", 1}, 32, false},
    {{"matmul", GELU, "f16 2x197x768; f16 768x768 const; f16 768 const", 1}, 32, false},
    {{"matmul", ADD ", trans_b=1", "f16 3x111x256; f16 96x256 const; f16 96 const; f16 3x111x96",
      1},
     32,
     false},
    {{"matmul", "", "f32 520x260; f32 260x196 const; f32 196 const", 1}, 32, true},
    {{"matmul", "", "f16 3x300x40; f16 3x40x48 const", 1}, 32, false},
    {{"matmul", "", "f16 520x8; f16 8x32 const; f16 32 const", 1}, 32, false},
    {{"matmul", "", "f16 40000x64; f16 64x64 const; f16 64 const", 1}, 32, false},
    /* Windows, groups, operands of the epilogue. */
    {{"conv", PAD1 RELU, "f16 4x28x28x128; f16 128x128x3x3 const; f16 128 const", 1}, 32, false},
    {{"conv", "strides=[2,1], pads=[0,1,2,3], dilations=[1,2], layout=last",
      "f16 3x19x23x40; f16 72x40x3x3 const; f16 72 const", 1},
     32,
     false},
    {{"conv", "strides=[2,2], layout=last",
      "bf16 2x56x56x256; bf16 512x256x1x1 const; bf16 512 const", 1},
     32,
     false},
    {{"conv", "group=4, " PAD1 ADD_RELU,
      "f16 2x26x22x64; f16 160x16x3x3 const; f16 160 const; f16 2x26x22x160", 1},
     32,
     false},
    {{"conv",
      "layout=last, program=(x0, x1, x2, x3, x4) { r5 = mul x0 x1; r6 = add r5 x2; r7 = sub "
      "r6 x3; r8 = max r7 x4 }",
      "f16 1x20x20x64; f16 200x64x1x1 const; f16 200 const; f16 1; f32 200; f16 1x20x20x200; f32 "
      "1x20x20x1",
      1},
     32,
     false},
    {{"conv", PAD1 ADD_RELU, "f32 2x20x20x32; f32 64x32x3x3 const; f32 64 const; f32 2x20x20x64",
      1},
     32,
     true},
};

static const product_case large_cases[] = {
    {{"matmul", "", "f16 4096x4096; f16 4096x4096 const; f16 4096 const", 1}, 32, false},
    {{"matmul", "", "f16 4096x768; f16 768x2304 const; f16 2304 const", 1}, 32, false},
    {{"matmul", ADD, "f16 4096x768; f16 768x768 const; f16 768 const; f16 4096x768", 1}, 32, false},
    {{"matmul", GELU, "f16 4096x768; f16 768x3072 const; f16 3072 const", 1}, 32, false},
    {{"matmul", ADD, "f16 4096x3072; f16 3072x768 const; f16 768 const; f16 4096x768", 1},
     32,
     false},
    {{"matmul", ADD, "f16 6304x768; f16 768x768 const; f16 768 const; f16 6304x768", 1}, 32, false},
    {{"matmul", GELU, "f16 6304x768; f16 768x3072 const; f16 3072 const", 1}, 32, false},
    {{"matmul", ADD, "f16 6304x3072; f16 3072x768 const; f16 768 const; f16 6304x768", 1},
     32,
     false},
    {{"matmul", GELU, "f16 1024x768; f16 768x3072 const; f16 3072 const", 1}, 32, false},
    {{"matmul", ADD, "f16 1024x3072; f16 3072x768 const; f16 768 const; f16 1024x768", 1},
     32,
     false},
    {{"conv", LAST RELU, "f16 32x56x56x256; f16 64x256x1x1 const; f16 64 const", 1}, 32, false},
    {{"conv", PAD1 RELU, "f16 32x56x56x64; f16 64x64x3x3 const; f16 64 const", 1}, 32, false},
    {{"conv", LAST ADD_RELU,
      "f16 32x56x56x64; f16 256x64x1x1 const; f16 256 const; f16 32x56x56x256", 1},
     32,
     false},
    {{"conv", "strides=[2,2], " PAD1 RELU, "f16 32x56x56x128; f16 128x128x3x3 const; f16 128 const",
      1},
     32,
     false},
    {{"conv", PAD1 RELU, "f16 32x28x28x128; f16 128x128x3x3 const; f16 128 const", 1}, 32, false},
    {{"conv", LAST ADD_RELU,
      "f16 32x28x28x128; f16 512x128x1x1 const; f16 512 const; f16 32x28x28x512", 1},
     32,
     false},
    {{"conv", "strides=[2,2], layout=last",
      "f16 32x28x28x512; f16 1024x512x1x1 const; f16 1024 const", 1},
     32,
     false},
    {{"conv", LAST RELU, "f16 32x14x14x1024; f16 256x1024x1x1 const; f16 256 const", 1}, 32, false},
    {{"conv", PAD1 RELU, "f16 32x14x14x256; f16 256x256x3x3 const; f16 256 const", 1}, 32, false},
    {{"conv", LAST ADD_RELU,
      "f16 32x14x14x256; f16 1024x256x1x1 const; f16 1024 const; f16 32x14x14x1024", 1},
     32,
     false},
    {{"conv", PAD1 RELU, "f16 32x7x7x512; f16 512x512x3x3 const; f16 512 const", 1}, 32, false},
    {{"conv", LAST ADD_RELU,
      "f16 32x7x7x512; f16 2048x512x1x1 const; f16 2048 const; f16 32x7x7x2048", 1},
     32,
     false},
    {{"conv", PAD1 RELU, "f16 8x28x28x128; f16 128x128x3x3 const; f16 128 const", 1}, 32, false},
    {{"conv", PAD1 RELU, "f16 8x14x14x256; f16 256x256x3x3 const; f16 256 const", 1}, 32, false},
    {{"conv", LAST ADD_RELU,
      "f16 8x14x14x256; f16 1024x256x1x1 const; f16 1024 const; f16 8x14x14x1024", 1},
     32,
     false},
};
enum {
    MANY_CASES = sizeof many_cases / sizeof *many_cases,
    LARGE_CASES = sizeof large_cases / sizeof *large_cases
};

#undef PAD1
#undef LAST
#undef RELU
#undef ADD_RELU
#undef ADD
#undef GELU

#endif
