/* Writes ONNX's TensorProto, and SequenceProto around it. The idea: a message's size is computed
 * before it is written, so that nothing is copied together first. An array that holds nothing
 * becomes an empty OptionalProto. */
#include "base/file.h"
#include "media/pb.h"

typedef struct writer {
    hone_file_writer *file; /* NULL: only count */
    size_t size;
    hone_status status;
} writer;

static void put(writer *w, const void *data, size_t size)
{
    w->size += size;
    if (w->file && w->status == HONE_OK && size)
        w->status = hone_file_write(w->file, data, size);
}

static void put_varint(writer *w, uint64_t n)
{
    uint8_t bytes[10];
    size_t size = 0;
    do {
        bytes[size] = (uint8_t)(n & 0x7f);
        n >>= 7;
        bytes[size++] |= n ? 0x80 : 0;
    } while (n);
    put(w, bytes, size);
}

static void put_number(writer *w, int field, uint64_t n)
{
    put_varint(w, (uint64_t)field << 3);
    put_varint(w, n);
}

static void begin_bytes(writer *w, int field, size_t size)
{
    put_varint(w, (uint64_t)field << 3 | 2);
    put_varint(w, size);
}

static void put_strings(writer *w, const hone_tensor *t)
{
    const hone_string *s = t->data;
    const int64_t n = hone_tensor_count(t);
    for (int64_t i = 0; i < n; i++) {
        begin_bytes(w, HONE_TENSOR_STRING_DATA, s[i].size);
        put(w, s[i].data, s[i].size);
    }
}

static void put_tensor(writer *w, const hone_tensor *t)
{
    size_t size = 0;
    for (int d = 0; d < t->shape.rank; d++)
        put_number(w, HONE_TENSOR_DIMS, (uint64_t)t->shape.dim[d]);
    put_number(w, HONE_TENSOR_DATA_TYPE, (uint64_t)t->dtype);
    if (t->dtype == HONE_STRING) {
        put_strings(w, t);
        return;
    }
    if (!hone_dims_size(t->dtype, &t->shape, &size) || size > t->size) {
        w->status = hone_error(HONE_ERR_ARGUMENT,
                               "a tensor has %zu bytes, fewer than its shape needs", t->size);
        return;
    }
    begin_bytes(w, HONE_TENSOR_RAW_DATA, size);
    put(w, t->data, size);
}

static void put_array(writer *w, const hone_array *array, int depth);

static size_t measure(const hone_array *array, int depth)
{
    writer count = {.status = HONE_OK};
    put_array(&count, array, depth);
    return count.size;
}

static void put_sequence(writer *w, const hone_array *array, int depth)
{
    const bool nested = array->n_items && array->items[0].kind == HONE_ARRAY_SEQUENCE;
    put_number(w, HONE_SEQUENCE_ELEM_TYPE, nested ? HONE_ELEM_SEQUENCE : HONE_ELEM_TENSOR);
    for (size_t i = 0; i < array->n_items; i++) {
        begin_bytes(w, nested ? HONE_SEQUENCE_SEQUENCES : HONE_SEQUENCE_TENSORS,
                    measure(&array->items[i], depth + 1));
        put_array(w, &array->items[i], depth + 1);
    }
}

static void put_array(writer *w, const hone_array *array, int depth)
{
    if (depth > HONE_PB_DEPTH)
        w->status = hone_error(HONE_ERR_LIMIT, "it nests deeper than %d", HONE_PB_DEPTH);
    else if (array->kind == HONE_ARRAY_TENSOR)
        put_tensor(w, &array->tensor);
    else if (array->kind == HONE_ARRAY_SEQUENCE)
        put_sequence(w, array, depth);
}

hone_status hone_pb_write(const char *path, const hone_array *array)
{
    writer w = {.status = HONE_OK};
    HONE_TRY(hone_file_create(path, &w.file));
    put_array(&w, array, 0);
    if (w.status == HONE_OK)
        w.status = hone_file_commit(w.file);
    else
        hone_file_abandon(w.file);
    return hone_while(w.status, "writing \"%s\"", path);
}
