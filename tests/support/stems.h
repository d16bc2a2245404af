/* Cases of first layers, in the form of rows.h: those of real networks, and every type, layout,
 * window and operand that has a lowering. */
#ifndef HONE_TESTS_STEMS_H
#define HONE_TESTS_STEMS_H

#include "support/products.h"

#define RELU   ", program=(x0) { r1 = relu x0 }"
#define POOL2  ", pool_shape=[3,3], pool_strides=[2,2], pool_pads=[1,1,1,1]"
#define CLIP6  ", program=(x0) { r1 = constant 0; r2 = constant 6; r3 = max x0 r1; r4 = min r3 r2 }"
#define SILU   ", program=(x0) { r1 = sigmoid x0; r2 = mul x0 r1 }"
#define RESNET "strides=[2,2], pads=[3,3,3,3]" RELU POOL2
#define EDGE2  "strides=[2,2], pads=[1,1,1,1]"

static const product_case stem_cases[] = {
    /* Real networks: these are timed. */
    {{"conv_stem", RESNET, "f32 1x3x224x224; f16 64x3x7x7 const; f32 64 const", 1}, 16, false},
    {{"conv_stem", RESNET, "f32 8x3x224x224; f16 64x3x7x7 const; f32 64 const", 1}, 16, false},
    {{"conv_stem", RESNET, "f32 32x3x224x224; f16 64x3x7x7 const; f32 64 const", 1}, 16, false},
    {{"conv_stem", EDGE2 CLIP6, "f32 1x3x224x224; f16 32x3x3x3 const; f32 32 const", 1}, 16, false},
    {{"conv_stem", EDGE2 CLIP6, "f32 8x3x224x224; f16 32x3x3x3 const; f32 32 const", 1}, 16, false},
    {{"conv_stem", EDGE2 CLIP6, "f32 32x3x224x224; f16 32x3x3x3 const; f32 32 const", 1},
     16,
     false},
    {{"conv_stem", EDGE2 SILU, "f32 1x3x224x224; f16 32x3x3x3 const; f32 32 const", 1}, 16, false},
    {{"conv_stem", EDGE2 SILU, "f32 32x3x224x224; f16 32x3x3x3 const; f32 32 const", 1}, 16, false},
    {{"conv_stem", RESNET ", to=float32", "f32 1x3x224x224; f32 64x3x7x7 const; f32 64 const", 1},
     16,
     true},
    {{"conv_stem", "strides=[2,2], pads=[3,3,3,3], layout=last" RELU POOL2,
      "u8 1x480x640x3 <256; f16 64x3x7x7 const; f32 64 const", 1},
     16,
     false},
    {{"conv_stem", "pads=[1,1,1,1]" RELU, "f32 1x3x224x224; f16 64x3x3x3 const; f32 64 const", 1},
     16,
     false},
    /* Types. */
    {{"conv_stem", RESNET, "f16 3x3x37x41; f16 64x3x7x7 const; f16 64 const", 1}, 6, false},
    {{"conv_stem", RESNET, "bf16 3x3x37x41; bf16 64x3x7x7 const; f32 64 const", 1}, 6, false},
    {{"conv_stem", RESNET ", to=float32", "bf16 1x3x37x41; bf16 64x3x7x7 const; bf16 64 const", 1},
     6,
     false},
    {{"conv_stem", EDGE2, "u8 3x3x31x29 <256; bf16 24x3x3x3 const", 1}, 6, false},
    {{"conv_stem", EDGE2 SILU, "f32 3x3x31x29; f32 24x3x3x3 const; f32 24 const", 1}, 6, true},
    {{"conv_stem", EDGE2 SILU ", to=float16", "f32 1x4x31x29; f32 16x4x3x3 const", 1}, 6, true},
    /* Windows. */
    {{"conv_stem", "", "f32 3x1x28x28; f16 32x1x5x5 const; f32 32 const", 1}, 6, false},
    {{"conv_stem", "pads=[1,1,1,1]", "f16 2x1x9x7; f16 8x1x3x3 const", 1}, 6, false},
    {{"conv_stem",
      "pads=[2,2,2,2]" RELU ", pool_shape=[2,2], pool_strides=[2,2], pool_pads=[0,0,0,0]",
      "f32 3x2x33x35; f16 40x2x5x5 const; f32 40 const", 1},
     6,
     false},
    {{"conv_stem",
      "strides=[4,4], pads=[2,2,2,2]" RELU
      ", pool_shape=[3,3], pool_strides=[2,2], pool_pads=[0,0,0,0]",
      "f32 1x3x227x227; f16 96x3x11x11 const; f32 96 const", 1},
     6,
     false},
    {{"conv_stem", "strides=[4,4], pads=[1,1,1,1]",
      "f32 2x3x65x65; f16 96x3x4x4 const; f32 96 const", 1},
     6,
     false},
    {{"conv_stem", "dilations=[2,3], pads=[2,0,3,1], strides=[1,2]",
      "f32 2x3x40x50; f16 16x3x3x5 const", 1},
     6,
     false},
    {{"conv_stem",
      "pads=[0,1,1,0]"
      ", pool_shape=[3,2], pool_strides=[1,3], pool_pads=[1,0,0,1]",
      "f32 2x3x20x21; f16 48x3x2x3 const; f32 48 const", 1},
     6,
     false},
    {{"conv_stem", "layout=last", "f16 2x20x21x4; f16 8x4x1x1 const", 1}, 6, false},
    {{"conv_stem", "strides=[2,2]", "f32 1x3x3x3; f16 8x3x3x3 const", 1}, 6, false},
    {{"conv_stem", EDGE2, "f32 1x3x64x64; f16 192x3x3x3 const; f32 192 const", 1}, 6, false},
    /* Exact float32. */
    {{"conv_stem", RESNET, "f32 1x3x224x224; f32 64x3x7x7 const; f32 64 const", 1}, 16, false},
    {{"conv_stem", EDGE2 CLIP6, "f32 1x3x224x224; f32 32x3x3x3 const; f32 32 const", 1}, 16, false},
    {{"conv_stem",
      "pads=[2,2,2,2]" RELU ", pool_shape=[2,2], pool_strides=[2,2], pool_pads=[0,0,0,0]",
      "f32 3x2x33x35; f32 40x2x5x5 const; f32 40 const", 1},
     6,
     false},
    {{"conv_stem", "layout=last, to=float16" POOL2, "u8 3x20x21x4 <256; f32 8x4x1x1 const", 1},
     6,
     false},
    {{"conv_stem", "dilations=[2,3], pads=[2,0,3,1], strides=[1,2]",
      "f32 2x1x40x50; f32 16x1x3x5 const", 1},
     6,
     false},
    /* Programs in front. */
    {{"conv_stem", EDGE2 SILU ", prologue=(x0, x1, x2) { r3 = sub x0 x1; r4 = mul r3 x2 }",
      "u8 3x3x31x29 <256; f16 24x3x3x3 const; f32 24 const; f32 [123,117,104]; f32 [0.017]", 1},
     6,
     false},
    {{"conv_stem", "pads=[1,1,1,1], layout=last, prologue=(x0) { r1 = relu x0 }" RELU,
      "f32 1x17x19x3; f32 8x3x3x3 const", 1},
     6,
     false},
    /* Operands. */
    {{"conv_stem", EDGE2 ", program=(x0, x1, x2) { r3 = mul x0 x1; r4 = add r3 x2 }",
      "f32 2x3x30x30; f16 32x3x3x3 const; f32 32 const; f32 32; f16 1", 1},
     6,
     false},
};
enum {
    STEM_CASES = sizeof stem_cases / sizeof *stem_cases
};

#undef RELU
#undef POOL2
#undef CLIP6
#undef SILU
#undef RESNET
#undef EDGE2

#endif
