/* The operator table: ids, names, arity, traits, inference. See ops.def; the CPU's column is read
 * in cpu/. */
#ifndef HONE_OP_OP_H
#define HONE_OP_OP_H

#include "op/attrs.h"
#include "op/infer.h"

typedef enum hone_op_id {
    HONE_OP_none,
#define OP(id, onnx, in_min, in_max, out_min, out_max, traits, infer, cpu) HONE_OP_##id,
#include "op/ops.def"
#undef OP
    HONE_OP_COUNT
} hone_op_id;

/* Traits: what the passes and the backends may assume. An operator without RANDOM and CONTROL is
 * pure: the same inputs give the same outputs, and nothing else changes. */
enum {
    HONE_TRAIT_POINTWISE = 1,   /* output element i from input elements i, inputs broadcast */
    HONE_TRAIT_COMMUTATIVE = 2, /* in[0] and in[1] may change places */
    HONE_TRAIT_CONTRACTION = 4, /* products summed: the anchors of regions */
    HONE_TRAIT_ROWWISE = 8,     /* lines along an axis are independent, same shape out */
    HONE_TRAIT_REDUCTION = 16,
    HONE_TRAIT_POOLING = 32,
    HONE_TRAIT_VIEW = 64, /* the output's bytes are in[0]'s bytes: only the shape or type differs */
    HONE_TRAIT_MOVEMENT = 128,    /* elements are moved, not computed with */
    HONE_TRAIT_DATA_SHAPED = 256, /* the kernel itself tells the output's extents */
    HONE_TRAIT_CONTROL = 512,     /* has subgraphs */
    HONE_TRAIT_RANDOM = 1024,     /* never folded, merged or dropped for being equal */
    HONE_TRAIT_SEQUENCE = 2048,
    HONE_TRAIT_TEXT = 4096,
};

#define HONE_ANY 255 /* as most inputs or outputs: any number */

typedef struct hone_op {
    const char *name; /* in the IR: "conv" */
    const char *
        onnx; /* "Conv", "ai.onnx.ml:Scaler", "hone:Frame"; "" for operators that only Hone makes */
    int in_min, in_max, out_min, out_max;
    unsigned traits;
    hone_infer_fn infer; /* NULL: not yet */
} hone_op;

extern const hone_op hone_ops[HONE_OP_COUNT];

hone_op_id hone_op_find(const char *name); /* by IR name; HONE_OP_none */
hone_op_id hone_op_find_onnx(const char *domain,
                             const char *type); /* domain "" or "ai.onnx" for ONNX's own */

static inline bool hone_op_has(hone_op_id op, unsigned traits)
{
    return (hone_ops[op].traits & traits) != 0;
}

#endif
