/* Rounding to the small floats and back, as the definitions in scalar.def call it. */
#ifndef HONE_OP_SCALAR_ROUND_H
#define HONE_OP_SCALAR_ROUND_H

#include "base/dtype.h"

static inline float hone_scalar_round_f16(float x)
{
    return hone_f16_to_f32(hone_f32_to_f16(x));
}

static inline float hone_scalar_round_bf16(float x)
{
    return hone_bf16_to_f32(hone_f32_to_bf16(x));
}

#endif
