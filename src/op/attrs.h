/* Typed attributes: struct hone_attrs_<op> for every operator of attrs.def, and one union of all.
 * Arrays and texts belong to the arena (or the plan) that the attributes were made in. */
#ifndef HONE_OP_ATTRS_H
#define HONE_OP_ATTRS_H

#include "base/arena.h"
#include "base/bytes.h"
#include "base/text.h"

#define HONE_NO_AXIS INT64_MIN /* the default of an axis or index that may be absent */

typedef struct hone_ints {
    int n;
    const int64_t *v;
} hone_ints;

typedef struct hone_floats {
    int n;
    const float *v;
} hone_floats;

typedef struct hone_texts {
    int n;
    const char *const *v;
} hone_texts;

struct hone_program; /* program.h */

typedef enum hone_attr_kind {
    HONE_ATTR_INT,
    HONE_ATTR_FLOAT,
    HONE_ATTR_ENUM,
    HONE_ATTR_TYPE,
    HONE_ATTR_INTS,
    HONE_ATTR_FLOATS,
    HONE_ATTR_TEXT,
    HONE_ATTR_TEXTS,
    HONE_ATTR_PROGRAM,
} hone_attr_kind;

#define HONE_ATTR_C_INT     int64_t
#define HONE_ATTR_C_FLOAT   float
#define HONE_ATTR_C_ENUM    int64_t
#define HONE_ATTR_C_TYPE    hone_dtype
#define HONE_ATTR_C_INTS    hone_ints
#define HONE_ATTR_C_FLOATS  hone_floats
#define HONE_ATTR_C_TEXT    const char *
#define HONE_ATTR_C_TEXTS   hone_texts
#define HONE_ATTR_C_PROGRAM const struct hone_program *

#define BEGIN(op)                         typedef struct hone_attrs_##op {
#define ATTR(op, name, kind, init, names) HONE_ATTR_C_##kind name;
#define END(op)                                                                                    \
    }                                                                                              \
    hone_attrs_##op;
#include "op/attrs.def"
#undef BEGIN
#undef ATTR
#undef END

typedef union hone_attrs {
    int64_t none; /* operators without attributes */
#define BEGIN(op) hone_attrs_##op op;
#define ATTR(op, name, kind, init, names)
#define END(op)
#include "op/attrs.def"
#undef BEGIN
#undef ATTR
#undef END
} hone_attrs;

/* The enumerators of ENUM rows, in the order of their lists. */
enum {
    HONE_LAYOUT_FIRST,
    HONE_LAYOUT_LAST
}; /* channels first (NCHW) or last (NHWC); conv weights stay [O, I/g, ...] */
enum {
    HONE_AUTO_PAD_NOTSET,
    HONE_AUTO_PAD_SAME_UPPER,
    HONE_AUTO_PAD_SAME_LOWER,
    HONE_AUTO_PAD_VALID
};
enum {
    HONE_PAD_CONSTANT,
    HONE_PAD_REFLECT,
    HONE_PAD_EDGE,
    HONE_PAD_WRAP
};
enum {
    HONE_RESIZE_NEAREST,
    HONE_RESIZE_LINEAR,
    HONE_RESIZE_CUBIC
};
enum {
    HONE_COORD_HALF_PIXEL,
    HONE_COORD_HALF_PIXEL_SYMMETRIC,
    HONE_COORD_PYTORCH_HALF_PIXEL,
    HONE_COORD_ALIGN_CORNERS,
    HONE_COORD_ASYMMETRIC,
    HONE_COORD_TF_CROP_AND_RESIZE,
    HONE_COORD_TF_HALF_PIXEL_FOR_NN,
};
enum {
    HONE_NEAREST_ROUND_PREFER_FLOOR,
    HONE_NEAREST_ROUND_PREFER_CEIL,
    HONE_NEAREST_FLOOR,
    HONE_NEAREST_CEIL
};
enum {
    HONE_DIRECTION_FORWARD,
    HONE_DIRECTION_REVERSE,
    HONE_DIRECTION_BIDIRECTIONAL
};
enum {
    HONE_REDUCTION_NONE,
    HONE_REDUCTION_ADD,
    HONE_REDUCTION_MUL,
    HONE_REDUCTION_MAX,
    HONE_REDUCTION_MIN
};
enum {
    HONE_FIT_CROP,
    HONE_FIT_LETTERBOX,
    HONE_FIT_STRETCH
};
enum {
    HONE_FILTER_LINEAR,
    HONE_FILTER_CUBIC,
    HONE_FILTER_NEAREST
};
enum {
    HONE_ORDER_RGB,
    HONE_ORDER_BGR,
    HONE_ORDER_GRAY
};

/* One row of attrs.def, for generic code. `op` is a hone_op_id. */
typedef struct hone_attr_row {
    int op;
    const char *name;
    hone_attr_kind kind;
    size_t offset;     /* in hone_attrs */
    const char *names; /* of an ENUM: "constant|reflect|edge|wrap" */
} hone_attr_row;

const hone_attr_row *
hone_attrs_rows(int op,
                int *n); /* the rows of an operator, in order; NULL and 0 where it has none */
const hone_attr_row *hone_attrs_find(int op, const char *name);

void hone_attrs_init(int op, hone_attrs *attrs); /* every attribute its default */
bool hone_attr_is_default(const hone_attr_row *row, const hone_attrs *attrs);
bool hone_attrs_equal(int op, const hone_attrs *a, const hone_attrs *b);
uint64_t hone_attrs_hash(int op, const hone_attrs *attrs);
void hone_attrs_copy(hone_arena *arena, int op, const hone_attrs *from, hone_attrs *to); /* deep */
/* The index of name in an ENUM row's list, or -1; and the name of an index. */
int hone_attr_enum_parse(const hone_attr_row *row, hone_bytes name);
hone_bytes hone_attr_enum_text(const hone_attr_row *row, int64_t value);
/* "axis=1, mode=reflect": the attributes that differ from their defaults. */
void hone_attrs_print(int op, const hone_attrs *attrs, hone_text *text);
/* Reads what print wrote up to (not including) the closing bracket; false on a syntax error, *text
 * at the fault. */
bool hone_attrs_parse(hone_arena *arena, int op, const char **text, hone_attrs *out);

/* The compact form in plans (docs/plan-format.md). Decoding checks everything: the bytes come from
 * a file. Arrays are copied to `room` (a bump buffer of the caller's: hone_attrs_decode_size tells
 * how much is needed). */
void hone_attrs_encode(int op, const hone_attrs *attrs, hone_text *out);
hone_status hone_attrs_decode_size(int op, hone_bytes encoded, size_t *out);
hone_status hone_attrs_decode(int op, hone_bytes encoded, void *room, size_t room_size,
                              hone_attrs *out);

#endif
