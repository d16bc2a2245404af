/* Types, partial values and the contents of constants in IR text. Sizes follow from types, so they
 * are checked before anything is allocated for them, and a constant takes no more memory than its
 * text. */
#include "ir/base64.h"
#include "ir/literal.h"
#include "ir/parse.h"

enum {
    MAX_TYPE_DEPTH = 16
};

/* ---- types ---- */

static hone_status parse_dtype(hone_ir_parser *p, hone_dtype *out)
{
    char word[32];

    *out = HONE_NONE;
    if (hone_parse_take(p, "?"))
        return HONE_OK;
    const size_t size = hone_parse_word_size(p->at);
    if (size < sizeof word) {
        memcpy(word, p->at, size);
        word[size] = 0;
        if (hone_dtype_parse(word, out)) {
            p->at += size;
            return HONE_OK;
        }
    }
    return hone_parse_fault(p, "a type");
}

static hone_status parse_extent(hone_ir_parser *p, hone_extent *out)
{
    hone_parse_space(p);
    return hone_extent_parse(p->module->extents, &p->at, out) ? HONE_OK
                                                              : hone_parse_fault(p, "an extent");
}

/* Behind the opening bracket. */
static hone_status parse_shape(hone_ir_parser *p, hone_shape *out)
{
    *out = (hone_shape){.rank = -1};
    if (hone_parse_take(p, "*"))
        return hone_parse_expect(p, "]");
    out->rank = 0;
    if (hone_parse_take(p, "]"))
        return HONE_OK;
    do {
        if (out->rank == HONE_MAX_RANK)
            return hone_parse_fault(p, "at most 8 extents before this;");
        HONE_TRY(parse_extent(p, &out->dim[out->rank++]));
    } while (hone_parse_take(p, ","));
    return hone_parse_expect(p, "]");
}

static hone_status parse_type(hone_ir_parser *p, int depth, hone_type *out);

/* What a container holds: an element type, or only its dtype. */
static hone_status parse_element(hone_ir_parser *p, int depth, hone_type *container)
{
    hone_type element;

    HONE_TRY(parse_type(p, depth + 1, &element));
    container->dtype = element.dtype;
    if (element.shape.rank >= -1)
        container->element = hone_arena_copy(p->arena, &element, sizeof element);
    return hone_parse_expect(p, ")");
}

static hone_status parse_container(hone_ir_parser *p, int depth, hone_kind kind, hone_type *out)
{
    *out = (hone_type){.kind = kind, .shape.rank = -1};
    if (kind == HONE_KIND_MAP) {
        HONE_TRY(parse_dtype(p, &out->key));
        HONE_TRY(hone_parse_expect(p, ","));
    }
    if (kind != HONE_KIND_SPARSE)
        return parse_element(p, depth, out);
    HONE_TRY(parse_dtype(p, &out->dtype));
    HONE_TRY(hone_parse_expect(p, "["));
    HONE_TRY(parse_shape(p, &out->shape));
    return hone_parse_expect(p, ")");
}

/* A dtype without brackets, which only containers may hold, gives rank -2. */
static hone_status parse_type(hone_ir_parser *p, int depth, hone_type *out)
{
    static const struct {
        const char *word;
        hone_kind kind;
    } kinds[] = {{"sequence", HONE_KIND_SEQUENCE},
                 {"optional", HONE_KIND_OPTIONAL},
                 {"map", HONE_KIND_MAP},
                 {"sparse", HONE_KIND_SPARSE}};

    if (depth > MAX_TYPE_DEPTH)
        return hone_error(HONE_ERR_LIMIT, "types are nested more than %d deep", MAX_TYPE_DEPTH);
    for (int i = 0; i < HONE_COUNT(kinds); i++)
        if (hone_parse_take_word(p, kinds[i].word)) {
            HONE_TRY(hone_parse_expect(p, "("));
            return parse_container(p, depth, kinds[i].kind, out);
        }
    *out = (hone_type){.kind = HONE_KIND_TENSOR, .shape.rank = -2};
    HONE_TRY(parse_dtype(p, &out->dtype));
    return hone_parse_take(p, "[") ? parse_shape(p, &out->shape) : HONE_OK;
}

hone_status hone_parse_type(hone_ir_parser *p, hone_type *out)
{
    HONE_TRY(parse_type(p, 0, out));
    return out->shape.rank < -1 ? hone_parse_fault(p, "[") : HONE_OK;
}

hone_status hone_parse_elems(hone_ir_parser *p, hone_parsed_value *out)
{
    hone_extent elem[HONE_FACT_ELEMS];
    int n = 0;

    if (!hone_parse_take(p, "{"))
        return HONE_OK;
    if (!hone_parse_take(p, "}")) {
        do {
            if (n == HONE_FACT_ELEMS)
                return hone_parse_fault(p, "at most 32 elements before this;");
            HONE_TRY(parse_extent(p, &elem[n++]));
        } while (hone_parse_take(p, ","));
        HONE_TRY(hone_parse_expect(p, "}"));
    }
    out->n_elem = n;
    out->elem = hone_arena_copy(p->arena, elem, (size_t)n * sizeof elem[0]);
    return HONE_OK;
}

/* ---- constants ---- */

bool hone_parse_is_constant(hone_ir_parser *p)
{
    static const char *const words[] = {"splat", "base64", "hash"};

    hone_parse_space(p);
    const size_t size = hone_parse_word_size(p->at);
    for (int i = 0; i < HONE_COUNT(words); i++)
        if (size == strlen(words[i]) && !strncmp(p->at, words[i], size))
            return true;
    return *p->at == '{';
}

/* Behind the opening bracket: n strings. */
static hone_status parse_strings(hone_ir_parser *p, int64_t n, hone_constant *out)
{
    HONE_VEC(hone_string) strings = {0};

    for (int64_t i = 0; i < n; i++) {
        hone_bytes s;
        if (i > 0)
            HONE_TRY(hone_parse_expect(p, ","));
        HONE_TRY(hone_parse_quoted(p, &s));
        *hone_vec_push(p->arena, &strings) = (hone_string){(const char *)s.data, s.size};
    }
    out->data = strings.v;
    out->size = (size_t)n * sizeof(hone_string);
    return hone_parse_expect(p, "}");
}

/* Behind the opening bracket: n numbers. */
static hone_status parse_numbers(hone_ir_parser *p, hone_dtype dtype, int64_t n, hone_constant *out)
{
    if (strnlen(p->at, (size_t)n) < (size_t)n || !hone_dtype_size(dtype, n, &out->size))
        return hone_parse_fault(p, "as many numbers as the type has elements");
    uint8_t *data = hone_arena_alloc(p->arena, out->size);
    for (int64_t i = 0; i < n; i++) {
        if (i > 0)
            HONE_TRY(hone_parse_expect(p, ","));
        hone_parse_space(p);
        if (!hone_literal_parse(dtype, &p->at, data, i))
            return hone_parse_fault(p, "a number of the constant's type");
    }
    out->data = data;
    return hone_parse_expect(p, "}");
}

static hone_status parse_base64(hone_ir_parser *p, size_t size, hone_constant *out)
{
    HONE_TRY(hone_parse_expect(p, "\""));
    const size_t length = strcspn(p->at, "\"");
    if (length / 4 < (size + 2) / 3 || length / 4 > (size + 2) / 3)
        return hone_parse_fault(p, "base64 of as many bytes as the type has");
    uint8_t *data = hone_arena_alloc_aligned(p->arena, length / 4 * 3, HONE_ALIGNMENT);
    if (!hone_base64_parse(p->at, length, data, &out->size) || out->size != size)
        return hone_parse_fault(p, "base64 of as many bytes as the type has");
    p->at += length;
    out->data = data;
    return hone_parse_expect(p, "\"");
}

hone_status hone_parse_constant(hone_ir_parser *p, hone_graph *graph,
                                const hone_parsed_value *value)
{
    const hone_dtype dtype = value->type.dtype;
    hone_constant constant = {.is_splat = hone_parse_take_word(p, "splat")};
    hone_dims dims;
    int64_t n;
    size_t size;

    if (value->type.kind != HONE_KIND_TENSOR || dtype == HONE_NONE ||
        !hone_shape_dims(&value->type.shape, &dims) || !hone_dims_count(&dims, &n))
        return hone_parse_fault(p, "a type of numbers before the \"=\" of a constant;");
    if (constant.is_splat)
        n = 1;
    if (!hone_dtype_size(dtype, n, &size))
        return hone_parse_fault(p, "a smaller type before the \"=\" of a constant;");

    if (hone_parse_take(p, "{"))
        HONE_TRY(dtype == HONE_STRING ? parse_strings(p, n, &constant)
                                      : parse_numbers(p, dtype, n, &constant));
    else if (hone_parse_take_word(p, "base64") && dtype != HONE_STRING)
        HONE_TRY(parse_base64(p, size, &constant));
    else
        return hone_parse_fault(p, "contents, of which a hash is not enough;");
    hone_value *v = hone_value_create(graph, value->name, &value->type);
    v->n_elem = value->n_elem;
    v->elem = value->elem;
    v->constant = hone_arena_copy(p->arena, &constant, sizeof constant);
    return HONE_OK;
}
