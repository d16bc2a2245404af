/* ONNX's TensorProto, as tables for reading and writing. */
#ifndef HONE_MEDIA_PB_H
#define HONE_MEDIA_PB_H

#include "media/array.h"

enum {
    /* TensorProto */
    HONE_TENSOR_DIMS = 1,
    HONE_TENSOR_DATA_TYPE = 2,
    HONE_TENSOR_FLOAT_DATA = 4,
    HONE_TENSOR_INT32_DATA = 5,
    HONE_TENSOR_STRING_DATA = 6,
    HONE_TENSOR_INT64_DATA = 7,
    HONE_TENSOR_RAW_DATA = 9,
    HONE_TENSOR_DOUBLE_DATA = 10,
    HONE_TENSOR_UINT64_DATA = 11,
    HONE_TENSOR_DATA_LOCATION = 14,
    /* SequenceProto and OptionalProto have the same numbers, but for tensors' and optionals' plural
     */
    HONE_SEQUENCE_ELEM_TYPE = 2,
    HONE_SEQUENCE_TENSORS = 3,
    HONE_SEQUENCE_SPARSE = 4,
    HONE_SEQUENCE_SEQUENCES = 5,
    HONE_SEQUENCE_MAPS = 6,
    HONE_SEQUENCE_OPTIONALS = 7,
    /* DataType of both */
    HONE_ELEM_UNDEFINED = 0,
    HONE_ELEM_TENSOR = 1,
    HONE_ELEM_SEQUENCE = 3,
};

enum {
    HONE_PB_DEPTH = 8
}; /* sequences within sequences */

hone_status hone_pb_tensor_parse(hone_bytes message, hone_array *out);
hone_status hone_pb_sequence_parse(hone_bytes message, int depth, hone_array *out);
hone_status hone_pb_optional_parse(hone_bytes message, int depth, hone_array *out);

#endif
