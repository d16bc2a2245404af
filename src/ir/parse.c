/* IR text back to a graph (docs/ir.md). A plain recursive descent over a terminated copy of the
 * text; what it makes is verified at the end. Text may come from anyone: nesting and sizes are
 * bounded, and every count is bounded by the text that it takes. Types and contents of values are
 * in parse_value.c. */
#include "ir/parse.h"

#include <stdlib.h>

enum {
    MAX_NESTING = 32
};

typedef HONE_VEC(hone_value *) value_vec;
typedef HONE_VEC(hone_parsed_value) parsed_vec;
typedef HONE_VEC(hone_bytes) name_vec;

/* ---- characters and words ---- */

void hone_parse_space(hone_ir_parser *p)
{
    for (;;) {
        p->at += strspn(p->at, " \t\r\n");
        if (*p->at != '#')
            return;
        p->at += strcspn(p->at, "\n");
    }
}

hone_status hone_parse_fault(const hone_ir_parser *p, const char *expected)
{
    int line = 1;

    for (const char *c = p->begin; c < p->at; c++)
        line += *c == '\n';
    if (*p->at == 0)
        return hone_error(HONE_ERR_FORMAT, "line %d: expected %s, found the end of the text", line,
                          expected);
    const int length = (int)strcspn(p->at, "\n");
    return hone_error(HONE_ERR_FORMAT, "line %d: expected %s, found \"%.*s\"", line, expected,
                      HONE_MIN(length, 24), p->at);
}

bool hone_parse_take(hone_ir_parser *p, const char *token)
{
    hone_parse_space(p);
    if (strncmp(p->at, token, strlen(token)) != 0)
        return false;
    p->at += strlen(token);
    return true;
}

hone_status hone_parse_expect(hone_ir_parser *p, const char *token)
{
    return hone_parse_take(p, token) ? HONE_OK : hone_parse_fault(p, token);
}

size_t hone_parse_word_size(const char *at)
{
    return strspn(at, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_./$");
}

bool hone_parse_take_word(hone_ir_parser *p, const char *word)
{
    hone_parse_space(p);
    if (hone_parse_word_size(p->at) != strlen(word) || strncmp(p->at, word, strlen(word)) != 0)
        return false;
    p->at += strlen(word);
    return true;
}

static int hex_digit(char c)
{
    return c >= '0' && c <= '9' ? c - '0' : c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

/* The byte that stands at *at, perhaps escaped, as hone_text_add_quoted writes it. */
static bool unescape(const char **at, uint8_t *out)
{
    const char c = *(*at)++;

    if (c != '\\') {
        *out = (uint8_t)c;
        return true;
    }
    const char kind = *(*at)++;
    if (kind == 'x') {
        const int high = hex_digit((*at)[0]), low = high < 0 ? -1 : hex_digit((*at)[1]);
        *at += 2;
        *out = (uint8_t)(high * 16 + low);
        return low >= 0;
    }
    *out = kind == 'n' ? '\n' : kind == 't' ? '\t' : (uint8_t)kind;
    return kind == 'n' || kind == 't' || kind == '"' || kind == '\\';
}

hone_status hone_parse_quoted(hone_ir_parser *p, hone_bytes *out)
{
    size_t n = 0;

    HONE_TRY(hone_parse_expect(p, "\""));
    const char *end = p->at;
    while (*end && *end != '"')
        end += end[0] == '\\' && end[1] ? 2 : 1;
    if (*end == 0)
        return hone_parse_fault(p, "a closing quote");
    uint8_t *text = hone_arena_alloc_aligned(p->arena, (size_t)(end - p->at) + 1, 16);
    while (p->at < end)
        if (!unescape(&p->at, &text[n++]))
            return hone_parse_fault(p, "an escape that exists");
    text[n] = 0;
    p->at = end + 1;
    *out = (hone_bytes){text, n};
    return HONE_OK;
}

/* A quoted text without a zero byte. */
static hone_status parse_text(hone_ir_parser *p, const char **out)
{
    hone_bytes text;

    HONE_TRY(hone_parse_quoted(p, &text));
    if (memchr(text.data, 0, text.size))
        return hone_parse_fault(p, "a text without zero bytes in front");
    *out = (const char *)text.data;
    return HONE_OK;
}

static hone_status parse_name(hone_ir_parser *p, const char *what, const char **out)
{
    hone_parse_space(p);
    if (*p->at == '"')
        return parse_text(p, out);
    const size_t size = hone_parse_word_size(p->at);
    if (size == 0)
        return hone_parse_fault(p, what);
    *out = hone_arena_text_n(p->arena, p->at, size);
    p->at += size;
    return HONE_OK;
}

/* ---- values ---- */

/* "%name", or "_" for none: *out NULL. */
static hone_status parse_value_name(hone_ir_parser *p, const char **out)
{
    *out = NULL;
    if (hone_parse_take_word(p, "_"))
        return HONE_OK;
    HONE_TRY(hone_parse_expect(p, "%"));
    return parse_name(p, "the name of a value", out);
}

static hone_status parse_typed(hone_ir_parser *p, hone_parsed_value *out)
{
    *out = (hone_parsed_value){.n_elem = -1};
    HONE_TRY(parse_value_name(p, &out->name));
    if (!out->name)
        return HONE_OK;
    if (hone_module_find(p->module, out->name))
        return hone_parse_fault(p, "a new name before this: the value is already there;");
    HONE_TRY(hone_parse_expect(p, ":"));
    HONE_TRY(hone_parse_type(p, &out->type));
    return hone_parse_elems(p, out);
}

static void set_parsed(hone_value *value, const hone_parsed_value *parsed)
{
    value->type = parsed->type;
    value->n_elem = parsed->n_elem;
    value->elem = parsed->elem;
}

/* A list of uses in round brackets. */
static hone_status parse_uses(hone_ir_parser *p, value_vec *out)
{
    HONE_TRY(hone_parse_expect(p, "("));
    if (hone_parse_take(p, ")"))
        return HONE_OK;
    do {
        const char *name;
        HONE_TRY(parse_value_name(p, &name));
        hone_value *value = name ? hone_module_find(p->module, name) : NULL;
        if (name && !value)
            return hone_parse_fault(p, "a value that is defined before this place;");
        *hone_vec_push(p->arena, out) = value;
    } while (hone_parse_take(p, ","));
    return hone_parse_expect(p, ")");
}

/* ---- nodes ---- */

static hone_status parse_graph(hone_ir_parser *p, hone_node *owner);

static hone_status parse_op(hone_ir_parser *p, hone_op_id *out)
{
    const char *name;

    hone_parse_space(p);
    const char *at = p->at;
    HONE_TRY(parse_name(p, "an operator", &name));
    *out = hone_op_find(name);
    if (*out != HONE_OP_none)
        return HONE_OK;
    p->at = at;
    return hone_parse_fault(p, "an operator");
}

/* Gives the node's outputs the names and types that were read. */
static hone_status name_outputs(hone_ir_parser *p, hone_node *node, const parsed_vec *outs)
{
    for (int i = 0; i < outs->n; i++) {
        const hone_parsed_value *parsed = &outs->v[i];
        if (!parsed->name) {
            hone_node_drop_output(node, i);
            continue;
        }
        hone_value_rename(node->out[i], parsed->name);
        if (strcmp(node->out[i]->name, parsed->name) != 0)
            return hone_parse_fault(p, "outputs of different names before this;");
        set_parsed(node->out[i], parsed);
    }
    return HONE_OK;
}

static hone_status parse_node(hone_ir_parser *p, hone_graph *graph, const parsed_vec *outs)
{
    value_vec in = {0};
    hone_op_id op;
    const char *name = "";

    HONE_TRY(parse_op(p, &op));
    hone_parse_space(p);
    if (*p->at == '"')
        HONE_TRY(parse_text(p, &name));
    HONE_TRY(parse_uses(p, &in));
    hone_node *node = hone_node_create(graph, NULL, op, name, in.v, in.n, outs->n);
    HONE_TRY(name_outputs(p, node, outs));
    if (hone_parse_take(p, "{")) {
        if (!hone_attrs_parse(p->arena, (int)op, &p->at, &node->attrs))
            return hone_parse_fault(p, "an attribute of this operator");
        HONE_TRY(hone_parse_expect(p, "}"));
    }
    while (hone_parse_take_word(p, "graph"))
        HONE_TRY(parse_graph(p, node));
    return HONE_OK;
}

/* One line of a graph: what it defines, "=", and a node or the contents of a constant. */
static hone_status parse_statement(hone_ir_parser *p, hone_graph *graph)
{
    parsed_vec outs = {0};

    hone_parse_space(p);
    if (*p->at != '=')
        do
            HONE_TRY(parse_typed(p, hone_vec_push(p->arena, &outs)));
        while (hone_parse_take(p, ","));
    HONE_TRY(hone_parse_expect(p, "="));
    if (!hone_parse_is_constant(p))
        return parse_node(p, graph, &outs);
    if (outs.n != 1 || !outs.v[0].name)
        return hone_parse_fault(p, "one value before the \"=\" of a constant;");
    return hone_parse_constant(p, graph, &outs.v[0]);
}

/* ---- graphs ---- */

static hone_status parse_inputs(hone_ir_parser *p, hone_graph *graph)
{
    HONE_TRY(hone_parse_expect(p, "("));
    if (hone_parse_take(p, ")"))
        return HONE_OK;
    do {
        hone_parsed_value parsed;
        HONE_TRY(parse_typed(p, &parsed));
        if (!parsed.name)
            return hone_parse_fault(p, "the name of an input before this;");
        set_parsed(hone_graph_input(graph, parsed.name, &parsed.type), &parsed);
    } while (hone_parse_take(p, ","));
    return hone_parse_expect(p, ")");
}

/* The names of the outputs stand before what defines them: they are looked up when the graph is
 * complete. */
static hone_status parse_output_names(hone_ir_parser *p, name_vec *out)
{
    HONE_TRY(hone_parse_expect(p, "->"));
    HONE_TRY(hone_parse_expect(p, "("));
    if (hone_parse_take(p, ")"))
        return HONE_OK;
    do {
        const char *name;
        HONE_TRY(parse_value_name(p, &name));
        if (!name)
            return hone_parse_fault(p, "the name of an output before this;");
        *hone_vec_push(p->arena, out) = (hone_bytes){(const uint8_t *)name, strlen(name)};
    } while (hone_parse_take(p, ","));
    return hone_parse_expect(p, ")");
}

static hone_status set_outputs(hone_ir_parser *p, hone_graph *graph, const name_vec *names)
{
    for (int i = 0; i < names->n; i++) {
        hone_value *value = hone_module_find(p->module, (const char *)names->v[i].data);
        if (!value)
            return hone_error(HONE_ERR_FORMAT, "graph \"%s\" has no value \"%s\" for its output %d",
                              graph->name, (const char *)names->v[i].data, i);
        hone_graph_output(graph, value);
    }
    return HONE_OK;
}

/* Behind the word "graph". */
static hone_status parse_graph(hone_ir_parser *p, hone_node *owner)
{
    name_vec outputs = {0};
    const char *name = "";

    if (++p->depth > MAX_NESTING)
        return hone_error(HONE_ERR_LIMIT, "graphs are nested more than %d deep", MAX_NESTING);
    hone_parse_space(p);
    if (*p->at != '(')
        HONE_TRY(parse_name(p, "the name of a graph", &name));
    hone_graph *graph = owner ? hone_graph_create(p->module, owner, name) : p->module->main;
    graph->name = name;
    HONE_TRY(parse_inputs(p, graph));
    HONE_TRY(parse_output_names(p, &outputs));
    HONE_TRY(hone_parse_expect(p, "{"));
    while (!hone_parse_take(p, "}"))
        HONE_TRY(parse_statement(p, graph));
    p->depth--;
    return set_outputs(p, graph, &outputs);
}

/* ---- the module ---- */

static hone_status parse_bound(hone_ir_parser *p, int64_t *out)
{
    char *end;

    if (hone_parse_take_word(p, "inf")) {
        *out = HONE_EXTENT_INF;
        return HONE_OK;
    }
    hone_parse_space(p);
    *out = strtoll(p->at, &end, 10);
    if (end == p->at)
        return hone_parse_fault(p, "a number or inf");
    p->at = end;
    return HONE_OK;
}

/* Behind "symbol" or "data": a name and perhaps its range. */
static hone_status parse_symbol(hone_ir_parser *p, bool from_data)
{
    int64_t min = 0, max = HONE_EXTENT_INF;
    const char *name;

    HONE_TRY(parse_name(p, "the name of a symbol", &name));
    if (hone_parse_take(p, "[")) {
        HONE_TRY(parse_bound(p, &min));
        HONE_TRY(hone_parse_expect(p, ","));
        HONE_TRY(parse_bound(p, &max));
        HONE_TRY(hone_parse_expect(p, "]"));
    }
    if (min < 0 || max < min)
        return hone_parse_fault(p, "a range of extents before this;");
    if (from_data)
        hone_extent_data_symbol(p->module->extents, name, min, max);
    else
        hone_extent_symbol(p->module->extents, name, min, max);
    return HONE_OK;
}

static hone_status parse_property(hone_ir_parser *p)
{
    const char *key = NULL, *value = NULL;

    HONE_TRY(parse_text(p, &key));
    HONE_TRY(parse_text(p, &value));
    hone_module_property(p->module, key, value);
    return HONE_OK;
}

static hone_status parse_module(hone_ir_parser *p)
{
    HONE_TRY(hone_parse_expect(p, "hone-ir 1"));
    while (!hone_parse_take_word(p, "graph")) {
        if (hone_parse_take_word(p, "property"))
            HONE_TRY(parse_property(p));
        else if (hone_parse_take_word(p, "symbol"))
            HONE_TRY(parse_symbol(p, false));
        else if (hone_parse_take_word(p, "data"))
            HONE_TRY(parse_symbol(p, true));
        else
            return hone_parse_fault(p, "property, symbol, data or graph");
    }
    HONE_TRY(parse_graph(p, NULL));
    hone_parse_space(p);
    return *p->at ? hone_parse_fault(p, "the end of the text") : HONE_OK;
}

hone_status hone_module_parse(hone_arena *arena, hone_bytes text, hone_module **out)
{
    hone_ir_parser p = {.arena = arena};

    if (memchr(text.data ? (const void *)text.data : "", 0, text.size))
        return hone_error(HONE_ERR_FORMAT, "parsing IR: the text has zero bytes");
    p.begin = p.at = hone_arena_text_n(arena, (const char *)text.data, text.size);
    p.module = hone_module_create(arena);
    hone_status st = parse_module(&p);
    if (st == HONE_OK)
        st = hone_graph_verify(p.module->main);
    if (st == HONE_ERR_INTERNAL)
        st = HONE_ERR_FORMAT; /* a broken invariant is the text's fault here, not ours */
    if (st == HONE_OK)
        *out = p.module;
    return hone_while(st, "parsing IR");
}
