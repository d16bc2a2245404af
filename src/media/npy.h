/* NumPy's type codes, for reading and writing. */
#ifndef HONE_MEDIA_NPY_H
#define HONE_MEDIA_NPY_H

#include "hone/types.h"

/*  X(kind letter, bytes, dtype, bytes that change place with the byte order) */
#define HONE_NPY_TYPES(X)                                                                          \
    X('b', 1, HONE_BOOL, 1)                                                                        \
    X('i', 1, HONE_I8, 1)                                                                          \
    X('i', 2, HONE_I16, 2)                                                                         \
    X('i', 4, HONE_I32, 4)                                                                         \
    X('i', 8, HONE_I64, 8)                                                                         \
    X('u', 1, HONE_U8, 1)                                                                          \
    X('u', 2, HONE_U16, 2)                                                                         \
    X('u', 4, HONE_U32, 4)                                                                         \
    X('u', 8, HONE_U64, 8)                                                                         \
    X('f', 2, HONE_F16, 2)                                                                         \
    X('f', 4, HONE_F32, 4)                                                                         \
    X('f', 8, HONE_F64, 8)                                                                         \
    X('c', 8, HONE_C64, 4)                                                                         \
    X('c', 16, HONE_C128, 8)

typedef struct hone_npy_type {
    char kind;
    int bytes;
    hone_dtype dtype;
    int unit;
} hone_npy_type;

static const hone_npy_type hone_npy_types[] = {
#define HONE_NPY_ROW(kind, bytes, dtype, unit) {kind, bytes, dtype, unit},
    HONE_NPY_TYPES(HONE_NPY_ROW)
#undef HONE_NPY_ROW
};

#endif
