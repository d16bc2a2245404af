/* Cases of contractions, in the form of rows.h: every kind of convolution and product that has a
 * lowering, each epilogue, each way to broadcast an operand. */
#ifndef HONE_TESTS_PRODUCTS_H
#define HONE_TESTS_PRODUCTS_H

#include "support/rows.h"

#define PAD1     "pads=[1,1,1,1], layout=last"
#define RELU     ", program=(x0) { r1 = relu x0 }"
#define ADD_RELU ", program=(x0, x1) { r2 = add x0 x1; r3 = relu r2 }"

/* Of each, so many candidates run on a GPU; tf32: factors may be rounded. */
typedef struct product_case {
    row_case c;
    int tries;
    bool tf32;
} product_case;

static const product_case product_cases[] = {
    /* Every tile that is kept. */
    {{"conv", PAD1 RELU, "f16 1x14x14x256; f16 256x256x3x3 const; f16 256 const", 1}, 24, false},
    {{"conv", "layout=last" ADD_RELU,
      "f16 1x56x56x64; f16 256x64x1x1 const; f16 256 const; f16 1x56x56x256", 1},
     24,
     false},
    {{"matmul", "", "f16 1x2048; f16 2048x1000 const; f16 1000 const", 1}, 24, false},
    {{"matmul",
      "program=(x0) { r1 = constant 0.70710678; r2 = mul x0 r1; r3 = erf r2; "
      "r4 = constant 1; r5 = add r3 r4; r6 = mul x0 r5; r7 = constant 0.5; r8 = mul r6 r7 }",
      "f16 1x197x768; f16 768x3072 const; f16 3072 const", 1},
     24,
     false},
    {{"conv", PAD1 RELU, "f32 1x14x14x256; f32 256x256x3x3 const; f32 256 const", 1}, 24, true},
    {{"conv", PAD1 RELU, "f32 1x14x14x256; f32 256x256x3x3 const; f32 256 const", 1}, 24, false},
    {{"matmul", "", "bf16 4x100x520; bf16 520x333 const; bf16 333 const", 1}, 24, false},
    {{"conv", "strides=[2,2], pads=[3,3,3,3], layout=last" RELU,
      "f16 1x224x224x3; f16 64x3x7x7 const; f16 64 const", 1},
     24,
     false},
    /* Windows. */
    {{"conv", "strides=[2,2], " PAD1, "f16 2x28x28x64; f16 96x64x3x3 const; f16 96 const", 1},
     3,
     false},
    {{"conv", "strides=[2,1], pads=[0,1,2,3], dilations=[1,2], layout=last",
      "f16 1x19x23x40; f16 21x40x3x3 const; f16 21 const", 1},
     3,
     false},
    {{"conv", "strides=[2,2], pads=[0,0,1,1], layout=last", "f16 1x32x32x32; f16 24x32x3x3 const",
      1},
     3,
     false},
    {{"conv", "auto_pad=SAME_UPPER, strides=[2,2], layout=last",
      "f32 1x15x16x3; f32 10x3x3x3 const; f32 10 const", 1},
     3,
     false},
    {{"conv", "strides=[2,2], layout=last",
      "f16 1x28x28x512; f16 1024x512x1x1 const; f16 1024 const", 1},
     3,
     false},
    {{"conv", "pads=[2,2], layout=last" RELU, "f16 3x77x48; f16 64x48x5 const; f16 64 const", 1},
     3,
     false},
    {{"conv", "pads=[1,1], strides=[3], layout=last", "f32 2x50x7; f32 9x7x4 const; f32 9 const",
      1},
     3,
     false},
    {{"conv", "strides=[16,16], layout=last",
      "f16 1x224x224x3; f16 768x3x16x16 const; f16 768 const", 1},
     3,
     false},
    /* Types, channels, columns. */
    {{"conv", PAD1, "bf16 1x14x14x64; bf16 64x64x3x3 const; bf16 64 const", 1}, 3, false},
    {{"conv", PAD1, "bf16 1x9x9x5; bf16 7x5x3x3 const; bf16 7 const", 1}, 3, false},
    {{"conv", PAD1, "f16 1x9x9x20; f16 7x20x3x3 const; f16 7 const", 1}, 3, false},
    {{"conv", "layout=last", "f16 1x33x17x24; f16 144x24x1x1 const; f16 144 const", 1}, 3, false},
    {{"conv", "layout=last", "f32 1x20x20x64; f32 21x64x1x1 const; f32 21 const", 1}, 3, false},
    {{"conv", "layout=last", "f32 2x20x20x64; f32 64x64x1x1 const", 1}, 3, true},
    {{"conv", "layout=last", "f16 1x8x8x64; f16 32x64x1x1", 1}, 3, false},
    /* Groups. */
    {{"conv", "group=4, " PAD1 ADD_RELU,
      "f16 2x13x11x64; f16 96x16x3x3 const; f16 96 const; f16 2x13x11x96", 1},
     6,
     false},
    {{"conv", "group=2, " PAD1, "f32 1x13x11x6; f32 10x3x3x3 const; f32 10 const", 1}, 3, false},
    {{"conv", "group=32, strides=[2,2], " PAD1,
      "f16 1x28x28x256; f16 256x8x3x3 const; f16 256 const", 1},
     3,
     false},
    {{"conv", "group=6, " PAD1, "f32 1x9x9x6; f32 12x1x3x3 const; f32 12 const", 1}, 3, false},
    /* Epilogues. */
    {{"conv",
      PAD1 ", program=(x0) { r1 = constant 0; r2 = constant 6; r3 = max x0 r1; r4 = min r3 r2 }",
      "f16 1x10x10x32; f16 32x32x3x3 const; f16 32 const", 1},
     3,
     false},
    {{"conv", "layout=last, program=(x0) { r1 = sigmoid x0; r2 = mul x0 r1 }",
      "f16 1x28x28x40; f16 240x40x1x1 const; f16 240 const", 1},
     3,
     false},
    {{"conv",
      "layout=last, program=(x0) { r1 = constant 3; r2 = add x0 r1; r3 = constant 0; r4 = max r2 "
      "r3; "
      "r5 = constant 6; r6 = min r4 r5; r7 = mul x0 r6; r8 = constant 0.16666667; r9 = mul r7 r8 }",
      "f32 1x14x14x16; f32 24x16x1x1 const; f32 24 const", 1},
     3,
     false},
    {{"conv", "layout=last, program=(x0, x1, x2) { r3 = mul x0 x1; r4 = add r3 x2 }",
      "f16 1x14x14x64; f16 64x64x1x1 const; f16 64 const; f16 1x1x1x64; f16 1x14x14x64", 1},
     3,
     false},
    {{"conv", "layout=last, program=(x0, x1, x2) { r3 = mul x0 x1; r4 = add r3 x2 }",
      "f16 4x14x14x64; f16 64x64x1x1 const; f16 64 const; f16 4x1x1x64; f16 4x14x14x64", 1},
     3,
     false},
    {{"conv", "group=2, layout=last, program=(x0, x1) { r2 = mul x0 x1 }",
      "f16 3x7x7x64; f16 48x32x1x1 const; f16 48 const; f32 3x1x1x48", 1},
     3,
     false},
    {{"conv", "layout=last, program=(x0, x1) { r2 = mul x0 x1 }",
      "f16 2x7x7x64; f16 48x64x1x1 const; -; f16 2x7x7x1", 1},
     3,
     false},
    {{"conv",
      "layout=last, program=(x0, x1, x2, x3, x4) { r5 = mul x0 x1; r6 = add r5 x2; r7 = sub "
      "r6 x3; r8 = max r7 x4 }",
      "f16 1x7x7x64; f16 48x64x1x1 const; f16 48 const; f16 1; f32 48; f16 1x7x7x48; f32 1x7x7x1",
      1},
     3,
     false},
    {{"conv", "layout=last, program=(x0, x1, x2) { r3 = select x1 x0 x2 }",
      "f16 1x7x7x64; f16 48x64x1x1 const; f16 48 const; bool 1x7x7x48; f32 1", 1},
     3,
     false},
    {{"conv", "layout=last", "f16 1x7x7x64; f16 48x64x1x1 const; f16 48", 1}, 3, false},
    /* Products. */
    {{"matmul", "", "f32 5x7; f32 7x9 const", 1}, 3, false},
    {{"matmul", "", "f32 128x768; f32 768x768 const; f32 768 const", 1}, 24, false},
    {{"matmul", "", "f32 128x768; f32 768x768 const; f32 768 const", 1}, 24, true},
    {{"matmul", "", "f16 8x2048; f16 2048x1000 const; f16 1000 const", 1}, 3, false},
    {{"matmul", "", "f32 1x1280; f32 1280x1000 const; f32 1000 const", 1}, 24, false},
    {{"matmul", "trans_b=1", "f16 12x128x64; f16 12x128x64", 1}, 24, false},
    {{"matmul", "", "f16 12x128x128; f16 12x128x64", 1}, 24, false},
    {{"matmul", "trans_b=1", "f16 12x197x64; f16 12x197x64", 1}, 3, false},
    {{"matmul", "", "f16 12x197x197; f16 12x197x64", 1}, 3, false},
    {{"matmul", "", "f32 12x197x197; f32 12x197x64", 1}, 3, true},
    {{"matmul", "", "f16 2x3x20x40; f16 3x40x24", 1}, 3, false},
    {{"matmul", "", "f16 2x3x20x40; f16 2x1x40x24", 1}, 3, false},
    {{"matmul", "", "f16 2x1x20x40; f16 2x3x40x24", 1}, 3, false},
    {{"matmul", "", "f16 3x1x8x40; f16 1x5x40x24 const", 1}, 3, false},
    {{"matmul", "", "f16 4x20x40; f16 1x40x24", 1}, 3, false},
    {{"matmul", "", "f16 40x24; f16 6x24x16", 1}, 3, false},
    {{"matmul", "", "f16 6x1x24; f16 6x24x16", 1}, 3, false},
    {{"matmul", "", "f16 6x1x24; f16 24x16 const; f16 16 const", 1}, 3, false},
    {{"matmul", "trans_a=1", "f16 3x40x20; f16 3x40x24", 1}, 3, false},
    {{"matmul", "trans_a=1, trans_b=1", "f32 40x21; f32 13x40 const; f32 13 const", 1}, 3, false},
    {{"matmul", "trans_b=1", "f16 33x64; f16 50x64 const; f16 50 const", 1}, 3, false},
    {{"matmul", "", "f16 64; f16 64x48 const; f16 48 const", 1}, 3, false},
    {{"matmul", "", "f16 5x20x64; f16 64 const", 1}, 3, false},
    {{"matmul", "", "f32 64; f32 64", 1}, 3, false},
    {{"matmul", "", "f32 64; f32 3x64x5", 1}, 3, false},
    {{"matmul", "", "f32 1; f32 1", 1}, 3, false},
    {{"matmul", "alpha=0.125, trans_b=1, program=(x0, x1) { r2 = add x0 x1 }",
      "f16 2x12x33x64; f16 2x12x33x64; -; f16 2x1x1x33", 1},
     3,
     false},
    {{"matmul", "program=(x0, x1) { r2 = add x0 x1 }",
      "f16 2x33x64; f16 64x64 const; f16 64 const; f16 2x33x64", 1},
     3,
     false},
    {{"matmul", "program=(x0, x1) { r2 = add x0 x1 }",
      "f16 2x33x64; f16 64x64 const; f16 64 const; f16 33x64", 1},
     3,
     false},
    {{"matmul", "program=(x0, x1) { r2 = mul x0 x1 }",
      "f16 2x33x64; f16 64x64 const; f16 64 const; f32 2x33x1", 1},
     3,
     false},
    {{"matmul", "", "f16 2x33x64; f16 64x40 const; f16 33x1 const", 1}, 3, false},
    {{"gemm", "alpha=0.5, beta=2, trans_b=1", "f32 9x32; f32 20x32 const; f32 20 const", 1},
     3,
     false},
    {{"gemm", "trans_a=1", "f32 32x9; f32 32x20; f32 9x20", 1}, 3, false},
    {{"gemm", "trans_b=1", "f16 8x512; f16 1000x512 const; f16 1000 const", 1}, 3, false},
};
enum {
    PRODUCT_CASES = sizeof product_cases / sizeof *product_cases
};

#undef PAD1
#undef RELU
#undef ADD_RELU

#endif
