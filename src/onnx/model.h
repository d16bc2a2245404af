/* An ONNX model as C structs: what the file says, decoded and bounded, nothing interpreted yet.
 * Texts are copies in the arena; bytes are views into the file; the numbers of tensors stay in the
 * file (hone_onnx_data). */
#ifndef HONE_ONNX_MODEL_H
#define HONE_ONNX_MODEL_H

#include "base/arena.h"
#include "base/protobuf.h"

typedef struct hone_onnx_ints {
    int n;
    const int64_t *v;
} hone_onnx_ints;

typedef struct hone_onnx_floats {
    int n;
    const float *v;
} hone_onnx_floats;

typedef struct hone_onnx_texts {
    int n;
    const char *const *v;
} hone_onnx_texts;

typedef struct hone_onnx_views {
    int n;
    const hone_bytes *v;
} hone_onnx_views;

#define BEGIN(message) typedef struct hone_onnx_##message hone_onnx_##message;
#define FIELD(message, number, kind, name, sub)
#define END(message)
#include "onnx/proto.def"
#undef BEGIN
#undef FIELD
#undef END

#define HONE_ONNX_C_INT(name, sub)     int64_t name;
#define HONE_ONNX_C_FLOAT(name, sub)   float name;
#define HONE_ONNX_C_TEXT(name, sub)    const char *name; /* never NULL */
#define HONE_ONNX_C_BYTES(name, sub)   hone_bytes name;
#define HONE_ONNX_C_MESSAGE(name, sub) const hone_onnx_##sub *name;
#define HONE_ONNX_C_INTS(name, sub)    hone_onnx_ints name;
#define HONE_ONNX_C_FLOATS(name, sub)  hone_onnx_floats name;
#define HONE_ONNX_C_TEXTS(name, sub)   hone_onnx_texts name;
#define HONE_ONNX_C_VIEWS(name, sub)   hone_onnx_views name;
#define HONE_ONNX_C_MESSAGES(name, sub)                                                            \
    struct {                                                                                       \
        int n;                                                                                     \
        const hone_onnx_##sub *v;                                                                  \
    } name;
#define HONE_ONNX_C_DATA(name, sub) bool name;

/* `present` has bit N set where field number N occurs; `bytes` is the whole message in the file. */
#define BEGIN(message)                                                                             \
    struct hone_onnx_##message {                                                                   \
        uint64_t present;                                                                          \
        hone_bytes bytes;
#define FIELD(message, number, kind, name, sub) HONE_ONNX_C_##kind(name, sub)
#define END(message)                                                                               \
    }                                                                                              \
    ;
#include "onnx/proto.def"
#undef BEGIN
#undef FIELD
#undef END

static inline bool hone_onnx_has(uint64_t present, int number)
{
    return (present >> number & 1) != 0;
}

/* AttributeProto.AttributeType */
typedef enum hone_onnx_attribute_type {
    HONE_ONNX_UNDEFINED,
    HONE_ONNX_FLOAT,
    HONE_ONNX_INT,
    HONE_ONNX_STRING,
    HONE_ONNX_TENSOR,
    HONE_ONNX_GRAPH,
    HONE_ONNX_FLOATS,
    HONE_ONNX_INTS,
    HONE_ONNX_STRINGS,
    HONE_ONNX_TENSORS,
    HONE_ONNX_GRAPHS,
    HONE_ONNX_SPARSE_TENSOR,
    HONE_ONNX_SPARSE_TENSORS,
    HONE_ONNX_TYPE_PROTO,
    HONE_ONNX_TYPE_PROTOS,
} hone_onnx_attribute_type;

/* Bounds of what a model may hold. Far above every model there is; they keep hostile files within
 * time and memory. */
enum {
    HONE_ONNX_MAX_DEPTH = 64,                /* subgraphs within subgraphs */
    HONE_ONNX_MAX_MESSAGES = 4 * 1024 * 1024 /* of all kinds together */
};

/* HONE_ERR_FORMAT where the bytes are no such message, HONE_ERR_LIMIT where they are over a bound.
 */
hone_status hone_onnx_model_decode(hone_arena *arena, hone_bytes bytes,
                                   const hone_onnx_model **out);

/* The name of an attribute's type, "INTS". */
const char *hone_onnx_attribute_type_text(int64_t type);
/* The attribute's type; where an old file leaves it out, the type of the field that is there. */
hone_onnx_attribute_type hone_onnx_attribute_type_of(const hone_onnx_attribute *attribute);

#endif
