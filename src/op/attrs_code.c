/* Attributes as plans keep them. All numbers are little-endian; nothing is aligned.
 *
 *     u8  rows      how many attributes the operator has in attrs.def: a check that writer and
 * reader mean the same then, for each attribute that differs from its default, in the order of
 * attrs.def: u8  index     its place among the operator's attributes, from 0 payload   INT, ENUM
 * i64 (an ENUM's is its place in the list of names) FLOAT      f32 TYPE       u8, an ONNX
 * TensorProto.DataType INTS       u32 count, count x i64 FLOATS     u32 count, count x f32 TEXT u32
 * size, size bytes TEXTS      u32 count, count x TEXT PROGRAM    u8 inputs, u8 instructions, then
 * for each instruction: u8 place in scalar.def, 3 x u8 register, f32 constant u8  255       the end
 *
 * Decoding walks the bytes once and trusts none of them. It runs twice: without room, to tell how
 * much is needed, and with it. */
#include "base/dtype.h"
#include "op/attrs.h"
#include "op/op.h"
#include "op/program.h"

#define END_MARK 255

/* Writing. */

static void put(hone_text *out, uint64_t value, int bytes)
{
    uint8_t b[8];

    for (int i = 0; i < bytes; i++)
        b[i] = (uint8_t)(value >> (8 * i));
    hone_text_add_bytes(out, b, (size_t)bytes);
}

static void put_float(hone_text *out, float x)
{
    uint32_t bits;

    memcpy(&bits, &x, sizeof bits);
    put(out, bits, 4);
}

static void put_text(hone_text *out, const char *text)
{
    put(out, strlen(text), 4);
    hone_text_add_bytes(out, text, strlen(text));
}

static void put_program(hone_text *out, const hone_program *p)
{
    put(out, (uint64_t)p->n_in, 1);
    put(out, (uint64_t)p->n_instr, 1);
    for (int i = 0; i < p->n_instr; i++) {
        put(out, p->instr[i].op, 1);
        for (int k = 0; k < 3; k++)
            put(out, p->instr[i].arg[k], 1);
        put_float(out, p->instr[i].value);
    }
}

static void put_list(hone_text *out, const hone_attr_row *row, const void *at)
{
    const hone_ints *ints = at;
    const hone_floats *floats = at;
    const hone_texts *texts = at;
    const int n = row->kind == HONE_ATTR_INTS     ? ints->n
                  : row->kind == HONE_ATTR_FLOATS ? floats->n
                                                  : texts->n;

    put(out, (uint64_t)n, 4);
    for (int i = 0; i < n; i++) {
        if (row->kind == HONE_ATTR_INTS)
            put(out, (uint64_t)ints->v[i], 8);
        else if (row->kind == HONE_ATTR_FLOATS)
            put_float(out, floats->v[i]);
        else
            put_text(out, texts->v[i]);
    }
}

static void put_value(hone_text *out, const hone_attr_row *row, const void *at)
{
    switch (row->kind) {
    case HONE_ATTR_INT:
    case HONE_ATTR_ENUM: put(out, (uint64_t)(*(const int64_t *)at), 8); break;
    case HONE_ATTR_FLOAT: put_float(out, *(const float *)at); break;
    case HONE_ATTR_TYPE: put(out, (uint64_t)(*(const hone_dtype *)at), 1); break;
    case HONE_ATTR_TEXT: put_text(out, *(const char *const *)at); break;
    case HONE_ATTR_INTS:
    case HONE_ATTR_FLOATS:
    case HONE_ATTR_TEXTS: put_list(out, row, at); break;
    case HONE_ATTR_PROGRAM: put_program(out, *(const hone_program *const *)at); break;
    }
}

void hone_attrs_encode(int op, const hone_attrs *attrs, hone_text *out)
{
    int n;
    const hone_attr_row *row = hone_attrs_rows(op, &n);

    put(out, (uint64_t)n, 1);
    for (int i = 0; i < n; i++, row++) {
        if (hone_attr_is_default(row, attrs))
            continue;
        put(out, (uint64_t)i, 1);
        put_value(out, row, (const char *)attrs + row->offset);
    }
    put(out, END_MARK, 1);
}

/* Reading. */

typedef struct reader {
    const uint8_t *at, *end;
    char *room; /* NULL: only count */
    size_t room_size;
    size_t used;
    bool failed;
} reader;

static uint64_t get(reader *r, int bytes)
{
    uint64_t value = 0;

    if (r->end - r->at < bytes) {
        r->failed = true;
        return 0;
    }
    for (int i = 0; i < bytes; i++)
        value |= (uint64_t)r->at[i] << (8 * i);
    r->at += bytes;
    return value;
}

static float get_float(reader *r)
{
    const uint32_t bits = (uint32_t)get(r, 4);
    float x;

    memcpy(&x, &bits, sizeof x);
    return x;
}

/* A count of things that take at least `bytes` each: never more than the bytes that are left can
 * hold. */
static int get_count(reader *r, size_t bytes)
{
    const uint64_t n = get(r, 4);

    if (n > (size_t)(r->end - r->at) / bytes || n > INT32_MAX)
        r->failed = true;
    return r->failed ? 0 : (int)n;
}

/* Takes room for n items; NULL while only counting. */
static void *reserve(reader *r, size_t n, size_t item)
{
    const size_t at = hone_align_up(r->used, sizeof(void *));

    r->used = at + n * item; /* n is bounded by the encoded bytes */
    if (!r->room)
        return NULL;
    if (r->used > r->room_size) {
        r->failed = true;
        return NULL;
    }
    return r->room + at;
}

static hone_ints get_ints(reader *r)
{
    const int n = get_count(r, 8);
    int64_t *v = reserve(r, (size_t)n, sizeof *v);

    for (int i = 0; i < n; i++) {
        const int64_t x = (int64_t)get(r, 8);
        if (v)
            v[i] = x;
    }
    return (hone_ints){v ? n : 0, v};
}

static hone_floats get_floats(reader *r)
{
    const int n = get_count(r, 4);
    float *v = reserve(r, (size_t)n, sizeof *v);

    for (int i = 0; i < n; i++) {
        const float x = get_float(r);
        if (v)
            v[i] = x;
    }
    return (hone_floats){v ? n : 0, v};
}

static const char *get_text(reader *r)
{
    const int n = get_count(r, 1);
    char *text = reserve(r, (size_t)n + 1, 1);

    if (n && memchr(r->at, 0, (size_t)n))
        r->failed = true;
    if (text) {
        memcpy(text, r->at, (size_t)n);
        text[n] = '\0';
    }
    r->at += n;
    return text;
}

static hone_texts get_texts(reader *r)
{
    const int n = get_count(r, 4);
    const char **v = reserve(r, (size_t)n, sizeof *v);

    for (int i = 0; i < n; i++) {
        const char *text = get_text(r);
        if (v)
            v[i] = text;
    }
    return (hone_texts){v ? n : 0, v};
}

static const hone_program *get_program(reader *r)
{
    const int n_in = (int)get(r, 1), n_instr = (int)get(r, 1);
    hone_program *p = reserve(r, 1, sizeof *p);
    hone_instr *v = reserve(r, (size_t)n_instr, sizeof *v), one[HONE_PROGRAM_INSTRS];

    if (n_instr > HONE_PROGRAM_INSTRS) {
        r->failed = true;
        return NULL;
    }
    for (int i = 0; i < n_instr; i++) {
        one[i].op = (uint16_t)get(r, 1);
        for (int k = 0; k < 3; k++)
            one[i].arg[k] = (uint16_t)get(r, 1);
        one[i].value = get_float(r);
    }
    const hone_program program = {.n_in = n_in, .n_instr = n_instr, .instr = v ? v : one};
    if (v)
        memcpy(v, one, (size_t)n_instr * sizeof *v);
    if (r->failed || !hone_program_is_valid(&program))
        r->failed = true;
    if (p)
        *p = program;
    return p;
}

static void get_value(reader *r, const hone_attr_row *row, void *out)
{
    switch (row->kind) {
    case HONE_ATTR_INT: *(int64_t *)out = (int64_t)get(r, 8); break;
    case HONE_ATTR_ENUM:
        *(int64_t *)out = (int64_t)get(r, 8);
        r->failed |= hone_attr_enum_text(row, *(int64_t *)out).size == 0;
        break;
    case HONE_ATTR_FLOAT: *(float *)out = get_float(r); break;
    case HONE_ATTR_TYPE: {
        const int type = (int)get(r, 1);
        r->failed |= type != HONE_NONE && !hone_dtype_is_valid(type);
        *(hone_dtype *)out = (hone_dtype)type;
        break;
    }
    case HONE_ATTR_INTS: *(hone_ints *)out = get_ints(r); break;
    case HONE_ATTR_FLOATS: *(hone_floats *)out = get_floats(r); break;
    case HONE_ATTR_TEXT: *(const char **)out = get_text(r); break;
    case HONE_ATTR_TEXTS: *(hone_texts *)out = get_texts(r); break;
    case HONE_ATTR_PROGRAM: *(const hone_program **)out = get_program(r); break;
    }
}

static hone_status decode(int op, reader *r, hone_attrs *out)
{
    int n, next = 0;
    const hone_attr_row *rows = hone_attrs_rows(op, &n);
    const int found = (int)get(r, 1);

    hone_attrs_init(op, out);
    if (r->failed || found != n)
        return hone_error(HONE_ERR_FORMAT,
                          "reading the attributes of %s: %d attributes found; it has %d",
                          hone_ops[op].name, found, n);
    while (!r->failed) {
        const int index = (int)get(r, 1);
        if (index == END_MARK)
            break;
        r->failed |= index < next || index >= n;
        if (!r->failed)
            get_value(r, &rows[index], (char *)out + rows[index].offset);
        next = index + 1;
    }
    if (r->failed || r->at != r->end)
        return hone_error(HONE_ERR_FORMAT,
                          "reading the attributes of %s: the encoded bytes are damaged at %s",
                          hone_ops[op].name, r->failed ? "an attribute" : "their end");
    return HONE_OK;
}

hone_status hone_attrs_decode_size(int op, hone_bytes encoded, size_t *out)
{
    reader r = {.at = encoded.data, .end = encoded.data + encoded.size};
    hone_attrs attrs;

    HONE_TRY(decode(op, &r, &attrs));
    *out = hone_align_up(r.used, sizeof(void *));
    return HONE_OK;
}

hone_status hone_attrs_decode(int op, hone_bytes encoded, void *room, size_t room_size,
                              hone_attrs *out)
{
    static char nothing[1];
    reader r = {.at = encoded.data,
                .end = encoded.data + encoded.size,
                .room = room ? room : nothing,
                .room_size = room ? room_size : 0};
    hone_attrs attrs;

    HONE_TRY(decode(op, &r, &attrs));
    *out = attrs;
    return HONE_OK;
}
