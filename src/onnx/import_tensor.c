/* Constants: TensorProto and SparseTensorProto to dense arrays. Raw data, packed floats and
 * external files are used where they lie; other fields are converted into the arena, but not before
 * it is known that the file holds as many numbers as the dims claim: what is allocated is bounded
 * by what was sent. */
#include "onnx/import.h"

#include "base/tensor.h"

enum {
    BYTES_OF_WORK = 4096 /* bytes converted cost as much as one node */
};

/* In which field the elements of a type stand when they are not raw. `unit` bytes are kept of each
 * number: a whole element, half a complex one, or a byte of packed elements. */
typedef struct typed_row {
    hone_dtype dtype;
    uint32_t field;
    hone_pb_wire wire;
    size_t unit;
} typed_row;

static const typed_row typed_rows[] = {
    {HONE_F32, 4, HONE_PB_FIXED32, 4},     {HONE_C64, 4, HONE_PB_FIXED32, 4},
    {HONE_I32, 5, HONE_PB_VARINT, 4},      {HONE_I16, 5, HONE_PB_VARINT, 2},
    {HONE_U16, 5, HONE_PB_VARINT, 2},      {HONE_F16, 5, HONE_PB_VARINT, 2},
    {HONE_BF16, 5, HONE_PB_VARINT, 2},     {HONE_I8, 5, HONE_PB_VARINT, 1},
    {HONE_U8, 5, HONE_PB_VARINT, 1},       {HONE_BOOL, 5, HONE_PB_VARINT, 1},
    {HONE_F8E4M3FN, 5, HONE_PB_VARINT, 1}, {HONE_F8E4M3FNUZ, 5, HONE_PB_VARINT, 1},
    {HONE_F8E5M2, 5, HONE_PB_VARINT, 1},   {HONE_F8E5M2FNUZ, 5, HONE_PB_VARINT, 1},
    {HONE_F8E8M0, 5, HONE_PB_VARINT, 1},   {HONE_F4E2M1, 5, HONE_PB_VARINT, 1},
    {HONE_U4, 5, HONE_PB_VARINT, 1},       {HONE_I4, 5, HONE_PB_VARINT, 1},
    {HONE_U2, 5, HONE_PB_VARINT, 1},       {HONE_I2, 5, HONE_PB_VARINT, 1},
    {HONE_I64, 7, HONE_PB_VARINT, 8},      {HONE_F64, 10, HONE_PB_FIXED64, 8},
    {HONE_C128, 10, HONE_PB_FIXED64, 8},   {HONE_U32, 11, HONE_PB_VARINT, 4},
    {HONE_U64, 11, HONE_PB_VARINT, 8},
};

static const typed_row *typed_find(hone_dtype dtype)
{
    for (int i = 0; i < HONE_COUNT(typed_rows); i++)
        if (typed_rows[i].dtype == dtype)
            return &typed_rows[i];
    return NULL;
}

static hone_status too_few(const hone_onnx_tensor *tensor, size_t has, size_t needs)
{
    return hone_error(
        HONE_ERR_FORMAT,
        "importing tensor \"%s\": it has %zu bytes of data; its type and dims need %zu",
        tensor->name, has, needs);
}

/* Counts the numbers of the field; *whole is the field's bytes where they are one packed run. */
static hone_status count_numbers(const hone_onnx_tensor *tensor, const typed_row *row, size_t *out,
                                 hone_bytes *whole)
{
    hone_pb pb = hone_pb_of(tensor->bytes);
    hone_pb_field field;
    size_t n = 0, part = 0;
    int runs = 0;

    while (hone_pb_next(&pb, &field)) {
        if (field.number != row->field)
            continue;
        if (!hone_pb_scalar_count(&field, row->wire, &part))
            return hone_error(HONE_ERR_FORMAT, "importing tensor \"%s\": its numbers are damaged",
                              tensor->name);
        n += part; /* no more than bytes in memory */
        *whole = runs++ == 0 && field.wire == HONE_PB_BYTES ? field.bytes : (hone_bytes){NULL, 0};
    }
    *out = n;
    return HONE_OK;
}

static hone_status convert_numbers(const hone_onnx_tensor *tensor, const typed_row *row,
                                   uint8_t *out, size_t n)
{
    hone_pb pb = hone_pb_of(tensor->bytes);
    hone_pb_field field;
    uint8_t *end = out + n * row->unit;

    while (hone_pb_next(&pb, &field)) {
        if (field.number != row->field)
            continue;
        hone_pb part = hone_pb_of(field.bytes);
        uint64_t value = field.value;
        while (field.wire != HONE_PB_BYTES || hone_pb_varint(&part, &value)) {
            memcpy(out, &value, row->unit);
            out += row->unit;
            if (field.wire != HONE_PB_BYTES)
                break;
        }
    }
    if (out != end)
        return hone_error(HONE_ERR_FORMAT, "importing tensor \"%s\": its numbers are damaged",
                          tensor->name);
    return HONE_OK;
}

/* Packed runs of fixed-width numbers that a writer has split are put together again. */
static void join_runs(const hone_onnx_tensor *tensor, const typed_row *row, uint8_t *out)
{
    hone_pb pb = hone_pb_of(tensor->bytes);
    hone_pb_field field;

    while (hone_pb_next(&pb, &field)) {
        if (field.number != row->field)
            continue;
        const size_t size = field.wire == HONE_PB_BYTES ? field.bytes.size : row->unit;
        if (size)
            memcpy(out, field.wire == HONE_PB_BYTES ? (const void *)field.bytes.data : &field.value,
                   size);
        out += size;
    }
}

static hone_status typed(hone_import *im, const hone_onnx_tensor *tensor, hone_onnx_array *out)
{
    const typed_row *row = typed_find(out->dtype);
    hone_bytes whole = {NULL, 0};
    size_t n = 0;

    HONE_TRY(count_numbers(tensor, row, &n, &whole));
    if (n != out->size / row->unit)
        return too_few(tensor, n * row->unit, out->size);
    if (row->wire != HONE_PB_VARINT && whole.data) {
        out->data = whole.data;
        return HONE_OK;
    }
    HONE_TRY(hone_import_spend(im, out->size / BYTES_OF_WORK));
    uint8_t *data = hone_arena_alloc(im->arena, out->size);
    out->data = data;
    if (row->wire == HONE_PB_VARINT)
        return convert_numbers(tensor, row, data, n);
    join_runs(tensor, row, data);
    return HONE_OK;
}

static hone_status strings(hone_import *im, const hone_onnx_tensor *tensor, int64_t n,
                           hone_onnx_array *out)
{
    if (n != tensor->string_data.n)
        return hone_error(HONE_ERR_FORMAT,
                          "importing tensor \"%s\": it has %d texts; its dims need %lld",
                          tensor->name, tensor->string_data.n, (long long)n);
    HONE_TRY(hone_import_spend(im, out->size / BYTES_OF_WORK));
    hone_string *v = hone_arena_array(im->arena, (size_t)n, sizeof *v);
    for (int64_t i = 0; i < n; i++) {
        const hone_bytes text = tensor->string_data.v[i];
        v[i] = (hone_string){text.size ? (const char *)text.data : "", text.size};
    }
    out->data = v;
    return HONE_OK;
}

static hone_status header(const hone_onnx_tensor *tensor, hone_onnx_array *out, int64_t *n)
{
    if (tensor->data_type <= 0 || tensor->data_type > 255 ||
        !hone_dtype_is_valid((int)tensor->data_type))
        return hone_error(HONE_ERR_FORMAT,
                          "importing tensor \"%s\": element type %lld is none of ONNX's",
                          tensor->name, (long long)tensor->data_type);
    *out = (hone_onnx_array){.dtype = (hone_dtype)tensor->data_type};
    HONE_TRY(hone_import_dims(tensor->dims, tensor->name, &out->dims));
    if (!hone_dims_count(&out->dims, n) || !hone_dims_size(out->dtype, &out->dims, &out->size))
        return hone_error(HONE_ERR_FORMAT,
                          "importing tensor \"%s\": its dims multiply to more than 2^63 bytes",
                          tensor->name);
    if (tensor->segment)
        return hone_error(HONE_ERR_UNSUPPORTED, "importing tensor \"%s\": it is stored in segments",
                          tensor->name);
    return HONE_OK;
}

hone_status hone_import_array(hone_import *im, const hone_onnx_tensor *tensor, hone_onnx_array *out)
{
    hone_onnx_array a;
    hone_bytes bytes = tensor->raw_data;
    int64_t n;

    HONE_TRY(header(tensor, &a, &n));
    if (a.dtype == HONE_STRING) {
        HONE_TRY(strings(im, tensor, n, &a));
    } else if (tensor->data_location == 1) {
        HONE_TRY(hone_import_external(im, tensor, a.size, &bytes));
        a.data = bytes.data;
    } else if (hone_onnx_has(tensor->present, 9) && (bytes.size || a.size == 0)) {
        if (bytes.size != a.size)
            return too_few(tensor, bytes.size, a.size);
        a.data = bytes.data;
    } else {
        HONE_TRY(typed(im, tensor, &a));
    }
    *out = a;
    return HONE_OK;
}

static int64_t index_at(const hone_onnx_array *indices, int64_t i)
{
    int64_t x;
    memcpy(&x, (const char *)indices->data + (size_t)i * sizeof x, sizeof x); /* may be unaligned */
    return x;
}

/* The position in the dense array that the k-th value of a sparse tensor has; -1 where it is
 * outside. */
static int64_t sparse_position(const hone_onnx_array *indices, const hone_dims *dims, int64_t k)
{
    int64_t position = 0;

    if (indices->dims.rank == 1)
        position = index_at(indices, k);
    else
        for (int d = 0; d < dims->rank; d++) {
            const int64_t i = index_at(indices, k * dims->rank + d);
            if (i < 0 || i >= dims->dim[d])
                return -1;
            position = position * dims->dim[d] + i;
        }
    return position;
}

static bool sparse_fits(const hone_onnx_array *values, const hone_onnx_array *indices,
                        const hone_dims *dims)
{
    const int64_t n = values->dims.rank == 1 ? values->dims.dim[0] : -1;

    if (indices->dtype != HONE_I64 || indices->dims.rank < 1 || indices->dims.dim[0] != n)
        return false;
    return indices->dims.rank == 1 ||
           (indices->dims.rank == 2 && indices->dims.dim[1] == dims->rank);
}

hone_status hone_import_sparse(hone_import *im, const hone_onnx_sparse_tensor *sparse,
                               hone_onnx_array *out)
{
    hone_onnx_array values, indices, dense;
    int64_t total;

    if (!sparse->values || !sparse->indices)
        return hone_error(HONE_ERR_FORMAT,
                          "importing a sparse tensor: it has no values or no indices");
    const char *name = sparse->values->name;
    HONE_TRY(hone_import_array(im, sparse->values, &values));
    HONE_TRY(hone_import_array(im, sparse->indices, &indices));
    HONE_TRY(hone_import_dims(sparse->dims, name, &dense.dims));
    dense.dtype = values.dtype;
    if (hone_dtype_bits(dense.dtype) < 8 || dense.dtype == HONE_STRING)
        return hone_error(HONE_ERR_UNSUPPORTED,
                          "importing sparse tensor \"%s\": elements of type %s", name,
                          hone_dtype_text(dense.dtype));
    if (!hone_dims_count(&dense.dims, &total) ||
        !hone_dims_size(dense.dtype, &dense.dims, &dense.size) ||
        dense.size > HONE_IMPORT_MAX_SPREAD)
        return hone_error(HONE_ERR_LIMIT,
                          "importing sparse tensor \"%s\": it spreads to more than %zu bytes", name,
                          HONE_IMPORT_MAX_SPREAD);
    if (!sparse_fits(&values, &indices, &dense.dims))
        return hone_error(HONE_ERR_FORMAT,
                          "importing sparse tensor \"%s\": values, indices and dims do not fit",
                          name);
    const size_t element = (size_t)hone_dtype_bits(dense.dtype) / 8;
    HONE_TRY(hone_import_spend(im, dense.size / BYTES_OF_WORK));
    char *data = hone_arena_alloc(im->arena, dense.size);
    for (int64_t k = 0; k < values.dims.dim[0]; k++) {
        const int64_t position = sparse_position(&indices, &dense.dims, k);
        if (position < 0 || position >= total)
            return hone_error(HONE_ERR_FORMAT,
                              "importing sparse tensor \"%s\": index %lld is outside its dims",
                              name, (long long)k);
        memcpy(data + (size_t)position * element, (const char *)values.data + (size_t)k * element,
               element);
    }
    dense.data = data;
    *out = dense;
    return HONE_OK;
}
