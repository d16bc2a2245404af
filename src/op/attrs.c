/* Generic work on attributes: defaults, comparison, hashing, copying, all by walking the rows that
 * attrs.def expands to. Text is in attrs_text.c, the form in plans in attrs_code.c. */
#include "op/attrs.h"

#include "op/op.h"
#include "op/program.h"

/* Row numbers: FIRST_conv .. END_conv - 1 are the rows of conv. The enumerators that end in _ step
 * back by one, so that FIRST and END cost no row. */
enum {
#define BEGIN(op)                         FIRST_##op, FIRST_##op##_ = FIRST_##op - 1,
#define ATTR(op, name, kind, init, names) ROW_##op##_##name,
#define END(op)                           END_##op, END_##op##_ = END_##op - 1,
#include "op/attrs.def"
#undef BEGIN
#undef ATTR
#undef END
    N_ROWS
};

static const hone_attr_row rows[N_ROWS] = {
#define BEGIN(op)
#define ATTR(op, name, kind, init, names)                                                          \
    {HONE_OP_##op, #name, HONE_ATTR_##kind, offsetof(hone_attrs, op.name), names},
#define END(op)
#include "op/attrs.def"
#undef ATTR
};

/* Defaults, row by row. Arrays, texts and programs start absent. */
#define INIT_INT(x)     x, 0
#define INIT_ENUM(x)    x, 0
#define INIT_TYPE(x)    x, 0
#define INIT_FLOAT(x)   0, x
#define INIT_INTS(x)    0, 0
#define INIT_FLOATS(x)  0, 0
#define INIT_TEXT(x)    0, 0
#define INIT_TEXTS(x)   0, 0
#define INIT_PROGRAM(x) 0, 0

static const struct {
    int64_t number;
    float real;
} defaults[N_ROWS] = {
#define ATTR(op, name, kind, init, names) {INIT_##kind(init)},
#include "op/attrs.def"
#undef ATTR
};

static const struct {
    uint16_t first, end;
} spans[HONE_OP_COUNT] = {
#undef BEGIN
#define BEGIN(op) [HONE_OP_##op] = {FIRST_##op, END_##op},
#define ATTR(op, name, kind, init, names)
#include "op/attrs.def"
#undef BEGIN
#undef ATTR
#undef END
};

const hone_attr_row *hone_attrs_rows(int op, int *n)
{
    *n = spans[op].end - spans[op].first;
    return *n ? &rows[spans[op].first] : NULL;
}

const hone_attr_row *hone_attrs_find(int op, const char *name)
{
    for (int i = spans[op].first; i < spans[op].end; i++)
        if (strcmp(rows[i].name, name) == 0)
            return &rows[i];
    return NULL;
}

static void init_row(int i, hone_attrs *attrs)
{
    void *at = (char *)attrs + rows[i].offset;

    switch (rows[i].kind) {
    case HONE_ATTR_INT:
    case HONE_ATTR_ENUM: *(int64_t *)at = defaults[i].number; break;
    case HONE_ATTR_TYPE: *(hone_dtype *)at = (hone_dtype)defaults[i].number; break;
    case HONE_ATTR_FLOAT: *(float *)at = defaults[i].real; break;
    case HONE_ATTR_INTS:
    case HONE_ATTR_FLOATS:
    case HONE_ATTR_TEXT:
    case HONE_ATTR_TEXTS:
    case HONE_ATTR_PROGRAM: break; /* cleared already */
    }
}

void hone_attrs_init(int op, hone_attrs *attrs)
{
    memset(attrs, 0, sizeof *attrs);
    for (int i = spans[op].first; i < spans[op].end; i++)
        init_row(i, attrs);
}

static bool texts_equal(const char *a, const char *b)
{
    return a == b || (a && b && strcmp(a, b) == 0);
}

static bool text_lists_equal(const hone_texts *a, const hone_texts *b)
{
    if (a->n != b->n)
        return false;
    for (int i = 0; i < a->n; i++)
        if (strcmp(a->v[i], b->v[i]) != 0)
            return false;
    return true;
}

static bool arrays_equal(const void *a, int n_a, const void *b, int n_b, size_t item)
{
    return n_a == n_b && (n_a == 0 || memcmp(a, b, (size_t)n_a * item) == 0);
}

static bool row_equal(const hone_attr_row *row, const hone_attrs *x, const hone_attrs *y)
{
    const void *a = (const char *)x + row->offset, *b = (const char *)y + row->offset;

    switch (row->kind) {
    case HONE_ATTR_INT:
    case HONE_ATTR_ENUM: return *(const int64_t *)a == *(const int64_t *)b;
    case HONE_ATTR_TYPE: return *(const hone_dtype *)a == *(const hone_dtype *)b;
    case HONE_ATTR_FLOAT:
        return memcmp(a, b, sizeof(float)) == 0; /* by bits: a NaN equals itself */
    case HONE_ATTR_INTS: {
        const hone_ints *p = a, *q = b;
        return arrays_equal(p->v, p->n, q->v, q->n, sizeof *p->v);
    }
    case HONE_ATTR_FLOATS: {
        const hone_floats *p = a, *q = b;
        return arrays_equal(p->v, p->n, q->v, q->n, sizeof *p->v);
    }
    case HONE_ATTR_TEXT: return texts_equal(*(const char *const *)a, *(const char *const *)b);
    case HONE_ATTR_TEXTS: return text_lists_equal(a, b);
    case HONE_ATTR_PROGRAM: {
        const hone_program *p = *(const hone_program *const *)a,
                           *q = *(const hone_program *const *)b;
        return p == q || (p && q && hone_program_equal(p, q));
    }
    }
    return false;
}

bool hone_attrs_equal(int op, const hone_attrs *a, const hone_attrs *b)
{
    for (int i = spans[op].first; i < spans[op].end; i++)
        if (!row_equal(&rows[i], a, b))
            return false;
    return true;
}

bool hone_attr_is_default(const hone_attr_row *row, const hone_attrs *attrs)
{
    hone_attrs initial;

    memset(&initial, 0, sizeof initial);
    init_row((int)(row - rows), &initial);
    return row_equal(row, attrs, &initial);
}

static uint64_t program_hash(const hone_program *p, uint64_t seed)
{
    if (!p)
        return hone_hash("", 0, seed);
    const int32_t sizes[2] = {p->n_in, p->n_instr};
    seed = hone_hash(sizes, sizeof sizes, seed);
    return hone_hash(p->instr, (size_t)p->n_instr * sizeof *p->instr, seed);
}

static uint64_t row_hash(const hone_attr_row *row, const hone_attrs *attrs, uint64_t seed)
{
    const void *at = (const char *)attrs + row->offset;

    switch (row->kind) {
    case HONE_ATTR_INT:
    case HONE_ATTR_ENUM: return hone_hash(at, sizeof(int64_t), seed);
    case HONE_ATTR_TYPE: return hone_hash(at, sizeof(hone_dtype), seed);
    case HONE_ATTR_FLOAT: return hone_hash(at, sizeof(float), seed);
    case HONE_ATTR_INTS: {
        const hone_ints *p = at;
        return hone_hash(p->v, (size_t)p->n * sizeof *p->v, seed + 1);
    }
    case HONE_ATTR_FLOATS: {
        const hone_floats *p = at;
        return hone_hash(p->v, (size_t)p->n * sizeof *p->v, seed + 1);
    }
    case HONE_ATTR_TEXT: {
        const char *text = *(const char *const *)at;
        return text ? hone_hash(text, strlen(text), seed + 1) : hone_hash("", 0, seed);
    }
    case HONE_ATTR_TEXTS: {
        const hone_texts *p = at;
        for (int i = 0; i < p->n; i++)
            seed = hone_hash(p->v[i], strlen(p->v[i]), seed + 1);
        return hone_hash("", 0, seed);
    }
    case HONE_ATTR_PROGRAM: return program_hash(*(const hone_program *const *)at, seed);
    }
    return seed;
}

uint64_t hone_attrs_hash(int op, const hone_attrs *attrs)
{
    uint64_t hash = (uint64_t)op;

    for (int i = spans[op].first; i < spans[op].end; i++)
        hash = row_hash(&rows[i], attrs, hash);
    return hash;
}

static const hone_program *copy_program(hone_arena *arena, const hone_program *p)
{
    if (!p)
        return NULL;
    hone_program *copy = hone_arena_copy(arena, p, sizeof *p);
    copy->instr = hone_arena_copy(arena, p->instr, (size_t)p->n_instr * sizeof *p->instr);
    return copy;
}

static void copy_row(hone_arena *arena, const hone_attr_row *row, hone_attrs *attrs)
{
    void *at = (char *)attrs + row->offset;

    switch (row->kind) {
    case HONE_ATTR_INT:
    case HONE_ATTR_ENUM:
    case HONE_ATTR_TYPE:
    case HONE_ATTR_FLOAT: break;
    case HONE_ATTR_INTS: {
        hone_ints *p = at;
        p->v = p->n ? hone_arena_copy(arena, p->v, (size_t)p->n * sizeof *p->v) : NULL;
        break;
    }
    case HONE_ATTR_FLOATS: {
        hone_floats *p = at;
        p->v = p->n ? hone_arena_copy(arena, p->v, (size_t)p->n * sizeof *p->v) : NULL;
        break;
    }
    case HONE_ATTR_TEXT: {
        const char **text = at;
        *text = *text ? hone_arena_text(arena, *text) : NULL;
        break;
    }
    case HONE_ATTR_TEXTS: {
        hone_texts *p = at;
        const char **v = p->n ? hone_arena_array(arena, (size_t)p->n, sizeof *v) : NULL;
        for (int i = 0; i < p->n; i++)
            v[i] = hone_arena_text(arena, p->v[i]);
        p->v = v;
        break;
    }
    case HONE_ATTR_PROGRAM: {
        const hone_program **program = at;
        *program = copy_program(arena, *program);
        break;
    }
    }
}

void hone_attrs_copy(hone_arena *arena, int op, const hone_attrs *from, hone_attrs *to)
{
    *to = *from;
    for (int i = spans[op].first; i < spans[op].end; i++)
        copy_row(arena, &rows[i], to);
}

int hone_attr_enum_parse(const hone_attr_row *row, hone_bytes name)
{
    const char *at = row->names;

    for (int i = 0; at; i++) {
        const size_t size = strcspn(at, "|");
        if (size == name.size && memcmp(at, name.data, size) == 0)
            return i;
        at = at[size] ? at + size + 1 : NULL;
    }
    return -1;
}

hone_bytes hone_attr_enum_text(const hone_attr_row *row, int64_t value)
{
    const char *at = row->names;

    for (int64_t i = 0; at; i++) {
        const size_t size = strcspn(at, "|");
        if (i == value)
            return (hone_bytes){(const uint8_t *)at, size};
        at = at[size] ? at + size + 1 : NULL;
    }
    return (hone_bytes){NULL, 0};
}
