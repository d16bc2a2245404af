/* ONNX's TensorProto, SequenceProto and OptionalProto: the same bytes as each. */
#include "fuzz.h"

#include "media/pb.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    const hone_bytes file = {data, size};
    hone_array array;

    if (hone_pb_tensor_parse(file, &array) == HONE_OK)
        hone_array_free(&array);
    if (hone_pb_sequence_parse(file, 0, &array) == HONE_OK)
        hone_array_free(&array);
    if (hone_pb_optional_parse(file, 0, &array) == HONE_OK)
        hone_array_free(&array);
    return 0;
}
