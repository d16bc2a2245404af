/* Extents as text, and back:
 *
 *     sum      = product { ("+" | "-") product }
 *     product  = ["-"] atom { ("*" | "/" | "%") atom }      "/" is floor division, "%" its
 * remainder atom     = number | symbol | "(" sum ")" | "?"         "?" is unknown | ("min" | "max"
 * | "ceildiv") "(" sum "," sum ")" symbol   = letter or "_", then letters, digits, "_", "."; any
 * other name stands in double quotes
 *
 * Parsing calls the arithmetic, so what it gives is in the table's own form. */
#include "op/extent_table.h"

#include <stdlib.h>

#define DEPTH 600 /* of brackets: more than an expression of HONE_EXTENT_SIZE can have */
#define NAME  512 /* bytes of a symbol's name */

static const char *const functions[] = {"min", "max", "ceildiv"};

static bool is_letter(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_';
}

static bool is_digit(char c)
{
    return c >= '0' && c <= '9';
}

static bool is_function(const char *name, size_t size)
{
    for (int i = 0; i < HONE_COUNT(functions); i++)
        if (strlen(functions[i]) == size && memcmp(functions[i], name, size) == 0)
            return true;
    return false;
}

static void print_symbol(const char *name, hone_text *text)
{
    size_t n = 0;

    if (is_letter(name[0]))
        while (is_letter(name[n]) || is_digit(name[n]) || name[n] == '.')
            n++;
    if (n > 0 && name[n] == '\0' && !is_function(name, n))
        hone_text_add(text, "%s", name);
    else
        hone_text_add_quoted(text, name, strlen(name));
}

/* How tightly the place where an expression stands binds. */
enum {
    IN_SUM,
    IN_PRODUCT,
    IN_ATOM
};

static void print(const hone_extents *table, hone_extent e, int place, hone_text *text);

static void print_call(const hone_extents *table, const char *name, const hone_extent_node *node,
                       hone_text *text)
{
    hone_text_add(text, "%s(", name);
    print(table, node->a, IN_SUM, text);
    hone_text_add(text, ", ");
    print(table, node->b, IN_SUM, text);
    hone_text_add(text, ")");
}

static void print_infix(const hone_extents *table, char sign, const hone_extent_node *node,
                        int place, hone_text *text)
{
    if (place > IN_PRODUCT)
        hone_text_add(text, "(");
    print(table, node->a, IN_PRODUCT, text);
    hone_text_add(text, "%c", sign);
    print(table, node->b, IN_ATOM, text);
    if (place > IN_PRODUCT)
        hone_text_add(text, ")");
}

/* The second operand of a sum with its sign. */
static void print_term(const hone_extents *table, hone_extent e, hone_text *text)
{
    hone_extent factor = 1, number = e;

    if (hone_extent_is(table, e, HONE_EXTENT_MUL)) {
        factor = hone_extent_entry(table, e)->a;
        number = hone_extent_entry(table, e)->b;
    }
    if (!hone_extent_is_number(number) || number >= 0) {
        hone_text_add(text, " + ");
        print(table, e, IN_PRODUCT, text);
        return;
    }
    hone_text_add(text, " - ");
    if (factor != 1)
        print(table, factor, IN_PRODUCT, text);
    if (factor == 1 || number != -1)
        hone_text_add(text, factor == 1 ? "%llu" : "*%llu", -(unsigned long long)number);
}

static void print_sum(const hone_extents *table, const hone_extent_node *node, int place,
                      hone_text *text)
{
    if (place > IN_SUM)
        hone_text_add(text, "(");
    print(table, node->a, IN_SUM, text);
    print_term(table, node->b, text);
    if (place > IN_SUM)
        hone_text_add(text, ")");
}

static void print(const hone_extents *table, hone_extent e, int place, hone_text *text)
{
    if (e == HONE_EXTENT_UNKNOWN) {
        hone_text_add(text, "?");
        return;
    }
    if (hone_extent_is_number(e)) {
        hone_text_add(text, e < 0 && place > IN_SUM ? "(%lld)" : "%lld", (long long)e);
        return;
    }
    const hone_extent_node *node = hone_extent_entry(table, e);
    switch (node->kind) {
    case HONE_EXTENT_SYMBOL: print_symbol(node->name, text); break;
    case HONE_EXTENT_ADD: print_sum(table, node, place, text); break;
    case HONE_EXTENT_MUL: print_infix(table, '*', node, place, text); break;
    case HONE_EXTENT_FLOOR_DIV: print_infix(table, '/', node, place, text); break;
    case HONE_EXTENT_MOD: print_infix(table, '%', node, place, text); break;
    case HONE_EXTENT_CEIL_DIV: print_call(table, "ceildiv", node, text); break;
    case HONE_EXTENT_MIN: print_call(table, "min", node, text); break;
    case HONE_EXTENT_MAX: print_call(table, "max", node, text); break;
    }
}

void hone_extent_print(const hone_extents *table, hone_extent e, hone_text *text)
{
    print(table, e, IN_SUM, text);
}

/* Parsing. */

typedef struct parser {
    hone_extents *table;
    const char *at;
    int depth;
} parser;

static bool parse_sum(parser *p, hone_extent *out);

static void skip_space(parser *p)
{
    while (*p->at == ' ')
        p->at++;
}

static bool take(parser *p, char c)
{
    skip_space(p);
    if (*p->at != c)
        return false;
    p->at++;
    return true;
}

static bool parse_number(parser *p, hone_extent *out)
{
    int64_t n = 0;

    for (; is_digit(*p->at); p->at++)
        if (!hone_int_mul(n, 10, &n) || !hone_int_add(n, *p->at - '0', &n))
            return false;
    *out = n;
    return true;
}

static int hex_digit(char c)
{
    if (is_digit(c))
        return c - '0';
    return c >= 'a' && c <= 'f' ? c - 'a' + 10 : c >= 'A' && c <= 'F' ? c - 'A' + 10 : -1;
}

/* The character after a backslash, as hone_text_add_quoted writes it. */
static bool parse_escape(parser *p, char *out)
{
    const char c = *p->at++;

    if (c == 'x') {
        const int high = hex_digit(p->at[0]), low = high < 0 ? -1 : hex_digit(p->at[1]);
        if (low < 0)
            return false;
        p->at += 2;
        *out = (char)(high * 16 + low);
        return true;
    }
    *out = c == 'n' ? '\n' : c == 't' ? '\t' : c == 'r' ? '\r' : c;
    return c == 'n' || c == 't' || c == 'r' || c == '"' || c == '\\';
}

static bool parse_quoted(parser *p, char name[NAME])
{
    size_t n = 0;

    for (p->at++; *p->at != '"'; n++) {
        if (*p->at == '\0' || n == NAME - 1)
            return false;
        name[n] = *p->at++;
        if (name[n] == '\\' && !parse_escape(p, &name[n]))
            return false;
        if (name[n] == '\0')
            return false;
    }
    p->at++;
    name[n] = '\0';
    return true;
}

static bool parse_word(parser *p, char name[NAME])
{
    size_t n = 0;

    while (n < NAME - 1 && (is_letter(*p->at) || is_digit(*p->at) || *p->at == '.'))
        name[n++] = *p->at++;
    name[n] = '\0';
    return n < NAME - 1;
}

static bool parse_call(parser *p, const char *name, hone_extent *out)
{
    hone_extent a, b;

    if (!take(p, '(') || !parse_sum(p, &a) || !take(p, ',') || !parse_sum(p, &b) || !take(p, ')'))
        return false;
    if (strcmp(name, "min") == 0)
        *out = hone_extent_min(p->table, a, b);
    else if (strcmp(name, "max") == 0)
        *out = hone_extent_max(p->table, a, b);
    else
        *out = hone_extent_ceil_div(p->table, a, b);
    return true;
}

static bool parse_symbol(parser *p, hone_extent *out)
{
    char name[NAME];
    const bool quoted = *p->at == '"';

    if (!(quoted ? parse_quoted(p, name) : parse_word(p, name)))
        return false;
    if (!quoted && is_function(name, strlen(name)))
        return parse_call(p, name, out);
    *out = p->table ? hone_extent_symbol(p->table, name, 0, HONE_EXTENT_INF) : HONE_EXTENT_UNKNOWN;
    return true;
}

static bool parse_atom(parser *p, hone_extent *out)
{
    skip_space(p);
    if (is_digit(*p->at))
        return parse_number(p, out);
    if (*p->at == '"' || is_letter(*p->at))
        return parse_symbol(p, out);
    if (take(p, '?')) {
        *out = HONE_EXTENT_UNKNOWN;
        return true;
    }
    return take(p, '(') && parse_sum(p, out) && take(p, ')');
}

static bool parse_product(parser *p, hone_extent *out)
{
    const bool negative = take(p, '-');
    hone_extent b;

    if (!parse_atom(p, out))
        return false;
    if (negative)
        *out = hone_extent_mul(p->table, *out, -1);
    for (;;) {
        hone_extent (*apply)(hone_extents *, hone_extent, hone_extent) = NULL;
        if (take(p, '*'))
            apply = hone_extent_mul;
        else if (take(p, '/'))
            apply = hone_extent_floor_div;
        else if (take(p, '%'))
            apply = hone_extent_mod;
        if (!apply)
            return true;
        if (!parse_atom(p, &b))
            return false;
        *out = apply(p->table, *out, b);
    }
}

static bool parse_sum(parser *p, hone_extent *out)
{
    hone_extent b;

    if (++p->depth > DEPTH || !parse_product(p, out))
        return false;
    for (;;) {
        skip_space(p);
        const char sign = *p->at;
        if (sign != '+' && sign != '-')
            break;
        p->at++;
        if (!parse_product(p, &b))
            return false;
        *out =
            sign == '+' ? hone_extent_add(p->table, *out, b) : hone_extent_sub(p->table, *out, b);
    }
    p->depth--;
    return true;
}

bool hone_extent_parse(hone_extents *table, const char **text, hone_extent *out)
{
    parser p = {.table = table, .at = *text};
    hone_extent e;
    const bool fine = parse_sum(&p, &e);

    *text = p.at;
    if (fine)
        *out = e;
    return fine;
}
