/* Reads ONNX's TensorProto. Elements stand in raw_data or in a field for their kind; both become
 * plain row-major memory. The shape is checked against the elements that are really there before
 * memory is taken. External data is not read: a test file or an input has none. */
#include "base/protobuf.h"
#include "media/pb.h"

typedef struct tensor {
    hone_dtype dtype;
    hone_dims shape;
    hone_bytes message;
    hone_bytes raw;
    bool has_raw;
    size_t n_scalars; /* in the typed fields */
    size_t n_letters; /* of strings */
    uint32_t field;   /* the typed field in use, 0: none */
} tensor;

/* Which field holds the elements of a type, and their wire type. */
static uint32_t field_of(hone_dtype dtype, hone_pb_wire *wire)
{
    *wire = HONE_PB_VARINT;
    switch (dtype) {
    case HONE_F32:
    case HONE_C64: *wire = HONE_PB_FIXED32; return HONE_TENSOR_FLOAT_DATA;
    case HONE_F64:
    case HONE_C128: *wire = HONE_PB_FIXED64; return HONE_TENSOR_DOUBLE_DATA;
    case HONE_I64: return HONE_TENSOR_INT64_DATA;
    case HONE_U32:
    case HONE_U64: return HONE_TENSOR_UINT64_DATA;
    case HONE_STRING: *wire = HONE_PB_BYTES; return HONE_TENSOR_STRING_DATA;
    default: return HONE_TENSOR_INT32_DATA;
    }
}

static hone_status read_dims(const hone_pb_field *field, hone_dims *shape)
{
    uint64_t dims[HONE_MAX_RANK];
    size_t n;
    if (!hone_pb_scalar_count(field, HONE_PB_VARINT, &n))
        return hone_error(HONE_ERR_FORMAT, "its dims are damaged");
    if (n > (size_t)(HONE_MAX_RANK - shape->rank))
        return hone_error(HONE_ERR_LIMIT, "it has more than %d dimensions", HONE_MAX_RANK);
    if (!hone_pb_scalar_read(field, HONE_PB_VARINT, dims))
        return hone_error(HONE_ERR_FORMAT, "its dims are damaged");
    for (size_t i = 0; i < n; i++) {
        if ((int64_t)dims[i] < 0)
            return hone_error(HONE_ERR_FORMAT, "one of its dims is negative");
        shape->dim[shape->rank++] = (int64_t)dims[i];
    }
    return HONE_OK;
}

static hone_status read_type(uint64_t number, hone_dtype *out)
{
    if (number > INT32_MAX || !hone_dtype_is_valid((int)number) || number == HONE_NONE)
        return hone_error(HONE_ERR_UNSUPPORTED, "its element type %llu is none that Hone has",
                          (unsigned long long)number);
    *out = (hone_dtype)number;
    return HONE_OK;
}

/* First walk: everything but the elements. */
static hone_status read_facts(tensor *t)
{
    hone_pb pb = hone_pb_of(t->message);
    hone_pb_field field;
    while (hone_pb_next(&pb, &field)) {
        if (field.number == HONE_TENSOR_DIMS)
            HONE_TRY(read_dims(&field, &t->shape));
        else if (field.number == HONE_TENSOR_DATA_TYPE)
            HONE_TRY(read_type(field.value, &t->dtype));
        else if (field.number == HONE_TENSOR_DATA_LOCATION && field.value != 0)
            return hone_error(HONE_ERR_UNSUPPORTED, "its elements stand in another file");
        else if (field.number == HONE_TENSOR_RAW_DATA && field.wire == HONE_PB_BYTES) {
            t->raw = field.bytes;
            t->has_raw = true;
        }
    }
    HONE_TRY(hone_pb_status(&pb));
    if (t->dtype == HONE_NONE)
        return hone_error(HONE_ERR_FORMAT, "it is no TensorProto: it has no element type");
    return HONE_OK;
}

/* Second walk: how many elements the typed field has. */
static hone_status count_scalars(tensor *t)
{
    hone_pb_wire wire;
    hone_pb pb = hone_pb_of(t->message);
    hone_pb_field field;
    t->field = field_of(t->dtype, &wire);
    while (hone_pb_next(&pb, &field)) {
        size_t n = 1;
        if (field.number != t->field)
            continue;
        if (wire != HONE_PB_BYTES ? !hone_pb_scalar_count(&field, wire, &n)
                                  : field.wire != HONE_PB_BYTES)
            return hone_error(HONE_ERR_FORMAT, "its elements are damaged");
        t->n_scalars += n;
        t->n_letters += t->dtype == HONE_STRING ? field.bytes.size : 0;
    }
    return hone_pb_status(&pb);
}

/* Scalars that a tensor of n elements has: complex numbers have two, types under a byte share one.
 */
static bool scalars_needed(hone_dtype dtype, int64_t n, size_t *out)
{
    if (dtype == HONE_C64 || dtype == HONE_C128)
        return hone_size_mul((size_t)n, 2, out);
    *out = (size_t)n;
    return hone_dtype_bits(dtype) >= 8 || hone_dtype_size(dtype, n, out);
}

static hone_status check_size(const tensor *t, int64_t n)
{
    char text[HONE_DIMS_TEXT];
    size_t bytes, scalars;
    if (!hone_dtype_size(t->dtype, n, &bytes) || !scalars_needed(t->dtype, n, &scalars))
        return hone_error(HONE_ERR_LIMIT, "its %s elements are more than can be addressed",
                          hone_dims_text(&t->shape, text));
    const size_t found = t->has_raw ? t->raw.size : t->n_scalars;
    const size_t wanted = t->has_raw ? bytes : scalars;
    if (found != wanted)
        return hone_error(HONE_ERR_FORMAT, "its %s elements of %s need %zu %s; it has %zu",
                          hone_dims_text(&t->shape, text), hone_dtype_text(t->dtype), wanted,
                          t->has_raw ? "bytes" : "values", found);
    return HONE_OK;
}

/* Little-endian scalars of `size` bytes; larger ones of the wire are cut, as protobuf prescribes
 * for narrow types. */
static uint8_t *put_scalars(uint8_t *out, const uint64_t *scalars, size_t n, size_t size)
{
    for (size_t i = 0; i < n; i++)
        for (size_t b = 0; b < size; b++)
            *out++ = (uint8_t)(scalars[i] >> (8 * b));
    return out;
}

static hone_status read_scalars(const tensor *t, uint8_t *out)
{
    hone_pb_wire wire;
    uint64_t *scalars;
    hone_pb pb = hone_pb_of(t->message);
    hone_pb_field field;
    const int bits = hone_dtype_bits(t->dtype) / (hone_dtype_is_complex(t->dtype) ? 2 : 1);
    field_of(t->dtype, &wire);

    HONE_TRY(hone_alloc(NULL, (t->n_scalars + 1) * sizeof *scalars, (void **)&scalars));
    while (hone_pb_next(&pb, &field)) {
        size_t n;
        if (field.number == t->field && hone_pb_scalar_count(&field, wire, &n) &&
            hone_pb_scalar_read(&field, wire, scalars))
            out = put_scalars(out, scalars, n, HONE_MAX((size_t)bits / 8, 1));
    }
    hone_free(NULL, scalars, (t->n_scalars + 1) * sizeof *scalars);
    return HONE_OK;
}

static void read_strings(const tensor *t, hone_array *out)
{
    hone_pb pb = hone_pb_of(t->message);
    hone_pb_field field;
    hone_string *s = out->tensor.data;
    char *letters = hone_array_extra(out);
    while (hone_pb_next(&pb, &field)) {
        if (field.number != HONE_TENSOR_STRING_DATA)
            continue;
        *s++ = (hone_string){letters, field.bytes.size};
        if (field.bytes.size)
            memcpy(letters, field.bytes.data, field.bytes.size);
        letters += field.bytes.size;
    }
}

hone_status hone_pb_tensor_parse(hone_bytes message, hone_array *out)
{
    tensor t = {.message = message};
    hone_array made = {.kind = HONE_ARRAY_EMPTY};
    int64_t n;

    HONE_TRY(read_facts(&t));
    if (t.has_raw && t.dtype == HONE_STRING)
        return hone_error(HONE_ERR_FORMAT, "it has strings as raw_data");
    HONE_TRY(count_scalars(&t));
    if (!hone_dims_count(&t.shape, &n))
        return hone_error(HONE_ERR_LIMIT, "its dims have more elements than can be addressed");
    HONE_TRY(check_size(&t, n));
    HONE_TRY(hone_array_make(t.dtype, &t.shape, t.n_letters, &made));
    if (t.dtype == HONE_STRING)
        read_strings(&t, &made);
    else if (t.has_raw && t.raw.size)
        memcpy(made.tensor.data, t.raw.data, t.raw.size);
    const bool is_typed = !t.has_raw && t.dtype != HONE_STRING;
    const hone_status st = is_typed ? read_scalars(&t, made.tensor.data) : HONE_OK;
    if (st == HONE_OK)
        *out = made;
    else
        hone_array_free(&made);
    return st;
}
