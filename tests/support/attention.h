/* Cases of attention, in the form of products.h: the layers of BERT-base and ViT-B/16, every form
 * of mask, window, past and row, lengths that fit no tile. */
#ifndef HONE_TESTS_ATTENTION_H
#define HONE_TESTS_ATTENTION_H

#include "support/products.h"

#define MERGED "q_num_heads=12, kv_num_heads=12, head_size=64, k_at=768, v_at=1536"

static const product_case attention_cases[] = {
    /* BERT-base and ViT-B/16 behind the product of a merged weight. */
    {{"attention", MERGED, "f16 1x128x2304; f16 1x128x2304; f16 1x128x2304; f32 1x1x1x128", 1},
     24,
     false},
    {{"attention", MERGED, "f16 1x197x2304; f16 1x197x2304; f16 1x197x2304", 1}, 24, false},
    {{"attention", MERGED, "f16 8x128x2304; f16 8x128x2304; f16 8x128x2304; f32 8x1x1x128", 1},
     24,
     false},
    {{"attention", MERGED, "f16 8x197x2304; f16 8x197x2304; f16 8x197x2304", 1}, 24, false},
    {{"attention", MERGED, "f16 32x128x2304; f16 32x128x2304; f16 32x128x2304; f32 32x1x1x128", 1},
     24,
     false},
    {{"attention", MERGED, "f16 32x197x2304; f16 32x197x2304; f16 32x197x2304", 1}, 24, false},
    /* Rows. */
    {{"attention", "", "f16 1x12x128x64; f16 1x12x128x64; f16 1x12x128x64; f32 1x1x1x128 ~", 1},
     24,
     false},
    {{"attention", "q_num_heads=12, kv_num_heads=12",
      "bf16 2x128x768; bf16 2x128x768; bf16 2x128x768; bool 2x1x1x128", 1},
     24,
     false},
    {{"attention", "q_num_heads=4, kv_num_heads=2, head_size=20, q_at=3, k_at=85, v_at=125",
      "f16 2x31x165; f16 2x31x165; f16 2x31x165", 1},
     8,
     false},
    {{"attention", "q_num_heads=3, kv_num_heads=3", "f16 1x50x63; f16 1x70x63; f16 1x70x63", 1},
     8,
     false},
    /* Masks. */
    {{"attention", "scale=0.2", "f16 2x3x17x40; f16 2x3x33x40; f16 2x3x33x80; bool 17x33", 1},
     24,
     false},
    {{"attention", "", "f16 1x2x1x80; f16 1x2x513x80; f16 1x2x513x80; f16 2x1x513", 1}, 24, false},
    {{"attention", "", "f16 4x2x9x64; f16 4x2x60x64; f16 4x2x60x64; bool 4x1x9x1", 1}, 24, false},
    {{"attention", "scale=-0.1", "f16 1x2x64x32; f16 1x2x512x32; f16 1x2x512x32; f32 64x512 ~", 1},
     24,
     false},
    {{"attention", "", "bf16 1x2x40x12; bf16 1x2x640x12; bf16 1x2x640x130; bool 2x40x640", 1},
     8,
     false},
    /* Windows. */
    {{"attention", "is_causal=1", "f16 1x4x384x128; f16 1x2x512x128; f16 1x2x512x128", 1},
     24,
     false},
    {{"attention", "is_causal=1", "bf16 1x2x513x64; bf16 1x2x197x64; bf16 1x2x197x64", 1},
     24,
     false},
    {{"attention", "is_causal=1, softcap=3.0", "f16 1x8x2048x64; f16 1x2x2048x64; f16 1x2x2048x64",
      1},
     24,
     false},
    {{"attention", "left_window_size=100, right_window_size=30",
      "f16 1x2x700x32; f16 1x2x700x32; f16 1x2x700x32; f32 1x2x700x650", 1},
     24,
     false},
    /* Past, present and lengths. */
    {{"attention", "is_causal=1",
      "f16 2x4x20x64; f16 2x2x20x64; f16 2x2x20x64; -; f16 2x2x77x64; f16 2x2x77x64", 3},
     24,
     false},
    {{"attention", "q_num_heads=4, kv_num_heads=2",
      "f32 2x5x80; f32 2x6x40; f32 2x6x40; bool 5x9; f32 2x2x4x20; f32 2x2x4x20", 3},
     8,
     false},
    {{"attention", "is_causal=1",
      "f16 2x2x3x64; f16 2x2x90x64; f16 2x2x90x64; -; -; -; i64 [90,41]", 1},
     24,
     false},
    /* Large heads, one query, float32. */
    {{"attention", "", "f16 1x1x100x256; f16 1x1x300x256; f16 1x1x300x256", 1}, 24, false},
    {{"attention", "", "f16 1x32x1x128; f16 1x8x1500x128; f16 1x8x1500x128", 1}, 24, false},
    {{"attention", "", "f32 1x12x128x64; f32 1x12x128x64; f32 1x12x128x64; f32 1x1x1x128 ~", 1},
     8,
     false},
    {{"attention", "", "f32 1x12x197x64; f32 1x12x197x64; f32 1x12x197x64", 1}, 24, true},
    {{"attention", "is_causal=1", "f32 1x2x300x80; f32 1x2x300x80; f32 1x2x300x40; f32 1x300x300",
      1},
     24,
     true},
    {{"attention", "is_causal=1, softcap=5.0", "f32 1x3x70x20; f32 1x1x90x20; f32 1x1x90x33", 1},
     8,
     false},
};
enum {
    ATTENTION_CASES = sizeof attention_cases / sizeof *attention_cases
};

#endif
