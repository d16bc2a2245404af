/* Decoding of ONNX messages. The idea: one decoder driven by the rows of proto.def, in two walks
 * over a message: the first counts what repeats, the second fills arrays of exactly that size. It
 * checks structure and bounds; what the fields mean is the importer's business. Of a singular field
 * that occurs twice the last counts; messages are not merged. */
#include "onnx/model.h"

#include <limits.h>

/* A subgraph is three messages deep: graph, node, attribute. Types of types and the model itself
 * need a few more. */
enum {
    MAX_MESSAGE_DEPTH = 3 * HONE_ONNX_MAX_DEPTH + 8
};

typedef enum field_kind {
    KIND_INT,
    KIND_FLOAT,
    KIND_TEXT,
    KIND_BYTES,
    KIND_MESSAGE,
    KIND_INTS,
    KIND_FLOATS,
    KIND_TEXTS,
    KIND_VIEWS,
    KIND_MESSAGES,
    KIND_DATA,
} field_kind;

typedef enum message_id {
    MESSAGE_none,
#define BEGIN(message) MESSAGE_##message,
#define FIELD(message, number, kind, name, sub)
#define END(message)
#include "onnx/proto.def"
#undef BEGIN
#undef FIELD
#undef END
} message_id;

typedef struct field_row {
    message_id message;
    uint32_t number;
    field_kind kind;
    size_t offset;
    message_id sub;
} field_row;

static const field_row field_rows[] = {
#define BEGIN(message)
#define FIELD(message, number, kind, name, sub)                                                    \
    {MESSAGE_##message, number, KIND_##kind, offsetof(struct hone_onnx_##message, name),           \
     MESSAGE_##sub},
#define END(message)
#include "onnx/proto.def"
#undef BEGIN
#undef FIELD
#undef END
};

static const struct {
    const char *name;
    size_t size;
} message_rows[] = {
    {"", 0},
#define BEGIN(message) {#message, sizeof(struct hone_onnx_##message)},
#define FIELD(message, number, kind, name, sub)
#define END(message)
#include "onnx/proto.def"
#undef BEGIN
#undef FIELD
#undef END
};

/* What every message struct begins with, and what every counted array is. */
typedef struct header {
    uint64_t present;
    hone_bytes bytes;
} header;

typedef struct array {
    int n;
    void *v;
} array;

typedef struct decoder {
    hone_arena *arena;
    const uint8_t *origin;
    int n_messages;
    int depth;
} decoder;

static hone_status decode(decoder *d, message_id id, hone_bytes bytes, void *out);

/* The rows of a message stand together; `rows` are those. */
static const field_row *find(const field_row *rows, message_id id, uint32_t number)
{
    const field_row *end = field_rows + HONE_COUNT(field_rows);
    for (; rows < end && rows->message == id; rows++)
        if (rows->number == number)
            return rows;
    return NULL;
}

static const field_row *rows_of(message_id id)
{
    for (int i = 0; i < HONE_COUNT(field_rows); i++)
        if (field_rows[i].message == id)
            return &field_rows[i];
    return NULL;
}

static hone_pb_wire wire_of(field_kind kind)
{
    switch (kind) {
    case KIND_INT:
    case KIND_INTS: return HONE_PB_VARINT;
    case KIND_FLOAT:
    case KIND_FLOATS: return HONE_PB_FIXED32;
    default: return HONE_PB_BYTES;
    }
}

static size_t item_size(const field_row *row)
{
    switch (row->kind) {
    case KIND_INTS: return sizeof(int64_t);
    case KIND_FLOATS: return sizeof(float);
    case KIND_TEXTS: return sizeof(char *);
    case KIND_VIEWS: return sizeof(hone_bytes);
    case KIND_MESSAGES: return message_rows[row->sub].size;
    default: return 0;
    }
}

static hone_status wrong(const field_row *row, const char *what)
{
    return hone_error(HONE_ERR_FORMAT, "field %u of a %s message %s", (unsigned)row->number,
                      message_rows[row->message].name, what);
}

static hone_status text(decoder *d, const field_row *row, hone_bytes bytes, const char **out)
{
    if (bytes.size && memchr(bytes.data, 0, bytes.size))
        return wrong(row, "is a text with a zero byte in it");
    *out = hone_arena_text_n(d->arena, (const char *)bytes.data, bytes.size);
    return HONE_OK;
}

static hone_status count(decoder *d, const field_row *row, const hone_pb_field *field, array *out)
{
    size_t n = 1;

    if (row->kind == KIND_INTS || row->kind == KIND_FLOATS) {
        if (!hone_pb_scalar_count(field, wire_of(row->kind), &n))
            return wrong(row, "has another wire type than numbers have");
    } else if (field->wire != HONE_PB_BYTES) {
        return wrong(row, "has a number where texts or messages belong");
    }
    if (row->kind == KIND_MESSAGES && ++d->n_messages > HONE_ONNX_MAX_MESSAGES)
        return hone_error(HONE_ERR_LIMIT, "reading ONNX: more than %d messages",
                          HONE_ONNX_MAX_MESSAGES);
    if (n > (size_t)(INT_MAX - out->n))
        return wrong(row, "repeats more than 2^31 times");
    out->n += (int)n;
    return HONE_OK;
}

static hone_status walk_counts(decoder *d, message_id id, const field_row *rows, hone_pb pb,
                               void *out)
{
    hone_pb_field field;

    while (hone_pb_next(&pb, &field)) {
        const field_row *row = find(rows, id, field.number);
        if (!row)
            continue;
        ((header *)out)->present |= (uint64_t)1 << row->number;
        if (item_size(row))
            HONE_TRY(count(d, row, &field, (array *)((char *)out + row->offset)));
    }
    return hone_pb_status(&pb);
}

static void make_room(decoder *d, message_id id, const field_row *rows, void *out)
{
    const field_row *end = field_rows + HONE_COUNT(field_rows);
    for (const field_row *row = rows; row < end && row->message == id; row++) {
        array *a = (array *)((char *)out + row->offset);
        if (row->kind == KIND_TEXT)
            *(const char **)(void *)a = "";
        if (item_size(row) && a->n) {
            a->v = hone_arena_array(d->arena, (size_t)a->n, item_size(row));
            a->n = 0; /* filled again by the second walk */
        }
    }
}

static hone_status numbers(decoder *d, const field_row *row, const hone_pb_field *field, array *a)
{
    size_t n = 0;
    uint64_t single, *wide = &single;

    hone_pb_scalar_count(field, wire_of(row->kind), &n); /* the first walk has checked it */
    if (field->wire == HONE_PB_BYTES)
        wide = row->kind == KIND_INTS && a->v ? (uint64_t *)a->v + a->n
                                              : hone_arena_array(d->arena, n, sizeof *wide);
    if (!hone_pb_scalar_read(field, wire_of(row->kind), wide))
        return wrong(row, "holds a damaged number");
    for (size_t i = 0; i < n; i++, a->n++) {
        if (row->kind == KIND_INTS)
            ((int64_t *)a->v)[a->n] = (int64_t)wide[i];
        else
            ((float *)a->v)[a->n] = hone_pb_float(wide[i]);
    }
    return HONE_OK;
}

static hone_status store_item(decoder *d, const field_row *row, const hone_pb_field *field,
                              array *a)
{
    switch (row->kind) {
    case KIND_TEXTS: return text(d, row, field->bytes, &((const char **)a->v)[a->n++]);
    case KIND_VIEWS: ((hone_bytes *)a->v)[a->n++] = field->bytes; return HONE_OK;
    case KIND_MESSAGES:
        return decode(d, row->sub, field->bytes,
                      (char *)a->v + (size_t)a->n++ * message_rows[row->sub].size);
    default: return numbers(d, row, field, a);
    }
}

static hone_status store_single(decoder *d, const field_row *row, const hone_pb_field *field,
                                void *at)
{
    if (field->wire != wire_of(row->kind))
        return wrong(row, "has a wire type that does not fit it");
    switch (row->kind) {
    case KIND_INT: *(int64_t *)at = (int64_t)field->value; return HONE_OK;
    case KIND_FLOAT: *(float *)at = hone_pb_float(field->value); return HONE_OK;
    case KIND_TEXT: return text(d, row, field->bytes, at);
    case KIND_BYTES: *(hone_bytes *)at = field->bytes; return HONE_OK;
    default: break;
    }
    if (++d->n_messages > HONE_ONNX_MAX_MESSAGES)
        return hone_error(HONE_ERR_LIMIT, "reading ONNX: more than %d messages",
                          HONE_ONNX_MAX_MESSAGES);
    void *sub = hone_arena_alloc(d->arena, message_rows[row->sub].size);
    HONE_TRY(decode(d, row->sub, field->bytes, sub));
    *(void **)at = sub;
    return HONE_OK;
}

static hone_status walk_values(decoder *d, message_id id, const field_row *rows, hone_pb pb,
                               void *out)
{
    hone_pb_field field;

    while (hone_pb_next(&pb, &field)) {
        const field_row *row = find(rows, id, field.number);
        if (!row)
            continue;
        void *at = (char *)out + row->offset;
        if (row->kind == KIND_DATA)
            *(bool *)at = true;
        else if (item_size(row))
            HONE_TRY(store_item(d, row, &field, at));
        else
            HONE_TRY(store_single(d, row, &field, at));
    }
    return hone_pb_status(&pb);
}

/* Recursive, but no deeper than MAX_MESSAGE_DEPTH, whatever the file says. */
static hone_status decode(decoder *d, message_id id, hone_bytes bytes, void *out)
{
    const field_row *rows = rows_of(id);
    hone_pb pb = hone_pb_of(bytes);
    hone_status st;

    if (d->depth >= MAX_MESSAGE_DEPTH)
        return hone_error(HONE_ERR_LIMIT, "reading ONNX: messages are nested more than %d deep",
                          MAX_MESSAGE_DEPTH);
    d->depth++;
    pb.origin = d->origin;
    ((header *)out)->bytes = bytes;
    HONE_TRY_OUT(walk_counts(d, id, rows, pb, out));
    make_room(d, id, rows, out);
    HONE_TRY_OUT(walk_values(d, id, rows, pb, out));
out:
    d->depth--;
    return st;
}

hone_status hone_onnx_model_decode(hone_arena *arena, hone_bytes bytes, const hone_onnx_model **out)
{
    decoder d = {.arena = arena, .origin = bytes.data};
    hone_onnx_model *model = hone_arena_alloc(arena, sizeof *model);

    if (bytes.size == 0)
        return hone_error(HONE_ERR_FORMAT, "reading ONNX: the file is empty");
    HONE_TRY(hone_while(decode(&d, MESSAGE_model, bytes, model), "reading ONNX"));
    if (!model->graph)
        return hone_error(HONE_ERR_FORMAT,
                          "reading ONNX: there is no graph in %zu bytes; this is no ONNX model",
                          bytes.size);
    *out = model;
    return HONE_OK;
}

static const char *const attribute_type_texts[] = {
    "UNDEFINED",      "FLOAT",      "INT",         "STRING",  "TENSOR", "GRAPH",
    "FLOATS",         "INTS",       "STRINGS",     "TENSORS", "GRAPHS", "SPARSE_TENSOR",
    "SPARSE_TENSORS", "TYPE_PROTO", "TYPE_PROTOS",
};

const char *hone_onnx_attribute_type_text(int64_t type)
{
    return type >= 0 && type < HONE_COUNT(attribute_type_texts) ? attribute_type_texts[type] : "?";
}

hone_onnx_attribute_type hone_onnx_attribute_type_of(const hone_onnx_attribute *attribute)
{
    static const struct {
        int number;
        hone_onnx_attribute_type type;
    } fields[] = {
        {2, HONE_ONNX_FLOAT},   {3, HONE_ONNX_INT},         {4, HONE_ONNX_STRING},
        {5, HONE_ONNX_TENSOR},  {6, HONE_ONNX_GRAPH},       {7, HONE_ONNX_FLOATS},
        {8, HONE_ONNX_INTS},    {9, HONE_ONNX_STRINGS},     {10, HONE_ONNX_TENSORS},
        {11, HONE_ONNX_GRAPHS}, {14, HONE_ONNX_TYPE_PROTO}, {22, HONE_ONNX_SPARSE_TENSOR},
    };

    if (attribute->type != HONE_ONNX_UNDEFINED)
        return (hone_onnx_attribute_type)attribute->type;
    for (int i = 0; i < HONE_COUNT(fields); i++)
        if (hone_onnx_has(attribute->present, fields[i].number))
            return fields[i].type;
    return HONE_ONNX_UNDEFINED;
}
