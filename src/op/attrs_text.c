/* Attributes as the IR text writes them: "axis=1, mode=reflect, pads=[0, 1]". Only what differs
 * from the defaults is written; floats have as many digits as bring the same bits back. */
#include "base/dtype.h"
#include "op/attrs.h"
#include "op/program.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>

/* The shortest of %.6g .. %.9g that reads back as the same float. */
static void print_float(float x, hone_text *text)
{
    char digits[32];

    if (isnan(x)) {
        hone_text_add(text, "nan");
        return;
    }
    for (int precision = 6; precision <= 9; precision++) {
        snprintf(digits, sizeof digits, "%.*g", precision, (double)x);
        if (strtof(digits, NULL) == x)
            break;
    }
    hone_text_add(text, "%s", digits);
}

static void print_item(const hone_attr_row *row, const void *at, int i, hone_text *text)
{
    if (row->kind == HONE_ATTR_INTS)
        hone_text_add(text, "%lld", (long long)((const hone_ints *)at)->v[i]);
    else if (row->kind == HONE_ATTR_FLOATS)
        print_float(((const hone_floats *)at)->v[i], text);
    else
        hone_text_add_quoted(text, ((const hone_texts *)at)->v[i],
                             strlen(((const hone_texts *)at)->v[i]));
}

static void print_list(const hone_attr_row *row, const void *at, int n, hone_text *text)
{
    hone_text_add(text, "[");
    for (int i = 0; i < n; i++) {
        hone_text_add(text, "%s", i ? ", " : "");
        print_item(row, at, i, text);
    }
    hone_text_add(text, "]");
}

static void print_enum(const hone_attr_row *row, int64_t value, hone_text *text)
{
    const hone_bytes name = hone_attr_enum_text(row, value);

    if (name.size)
        hone_text_add_bytes(text, name.data, name.size);
    else
        hone_text_add(text, "%lld", (long long)value); /* out of its list: still shown */
}

static void print_value(const hone_attr_row *row, const void *at, hone_text *text)
{
    switch (row->kind) {
    case HONE_ATTR_INT: hone_text_add(text, "%lld", (long long)*(const int64_t *)at); break;
    case HONE_ATTR_FLOAT: print_float(*(const float *)at, text); break;
    case HONE_ATTR_ENUM: print_enum(row, *(const int64_t *)at, text); break;
    case HONE_ATTR_TYPE: hone_text_add(text, "%s", hone_dtype_text(*(const hone_dtype *)at)); break;
    case HONE_ATTR_INTS: print_list(row, at, ((const hone_ints *)at)->n, text); break;
    case HONE_ATTR_FLOATS: print_list(row, at, ((const hone_floats *)at)->n, text); break;
    case HONE_ATTR_TEXTS: print_list(row, at, ((const hone_texts *)at)->n, text); break;
    case HONE_ATTR_TEXT: {
        const char *s = *(const char *const *)at;
        hone_text_add_quoted(text, s, strlen(s)); /* NULL is the default, which is not printed */
        break;
    }
    case HONE_ATTR_PROGRAM: hone_program_print(*(const hone_program *const *)at, text); break;
    }
}

void hone_attrs_print(int op, const hone_attrs *attrs, hone_text *text)
{
    int n, printed = 0;
    const hone_attr_row *row = hone_attrs_rows(op, &n);

    for (int i = 0; i < n; i++, row++) {
        if (hone_attr_is_default(row, attrs))
            continue;
        hone_text_add(text, "%s%s=", printed++ ? ", " : "", row->name);
        print_value(row, (const char *)attrs + row->offset, text);
    }
}

/* Parsing. Each function leaves *at behind what it read, or at the fault. */

static void skip_space(const char **at)
{
    *at += strspn(*at, " \t\n");
}

static bool take(const char **at, char c)
{
    skip_space(at);
    if (**at != c)
        return false;
    ++*at;
    return true;
}

static size_t word_size(const char *at)
{
    return strspn(at, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_");
}

static bool parse_int(const char **at, int64_t *out)
{
    char *end;

    skip_space(at);
    *out = strtoll(*at, &end, 10);
    const bool fine = end != *at;
    *at = end;
    return fine;
}

static bool parse_float(const char **at, float *out)
{
    char *end;

    skip_space(at);
    *out = strtof(*at, &end);
    const bool fine = end != *at;
    *at = end;
    return fine;
}

static int hex_digit(char c)
{
    const char *digits = "0123456789abcdef", *found = c ? strchr(digits, c) : NULL;
    return found ? (int)(found - digits) : -1;
}

static bool parse_escape(const char **at, char *out)
{
    const char c = **at;

    if (c == '\0')
        return false;
    ++*at;
    if (c == 'x') {
        const int high = hex_digit((*at)[0]), low = high < 0 ? -1 : hex_digit((*at)[1]);
        if (low < 0)
            return false;
        *at += 2;
        *out = (char)(high * 16 + low);
        return true;
    }
    *out = c == 'n' ? '\n' : c == 't' ? '\t' : c == 'r' ? '\r' : c;
    return c == 'n' || c == 't' || c == 'r' || c == '"' || c == '\\';
}

static bool parse_text(hone_arena *arena, const char **at, const char **out)
{
    size_t n = 0;

    if (!take(at, '"'))
        return false;
    for (const char *end = *at; *end != '"'; n++) {
        if (*end == '\\' && end[1])
            end++;
        if (*end++ == '\0')
            return false;
    }
    char *text = hone_arena_alloc(arena, n + 1);
    for (n = 0; **at != '"'; n++) {
        text[n] = *(*at)++;
        if (text[n] == '\\' && !parse_escape(at, &text[n]))
            return false;
    }
    ++*at;
    *out = text;
    return true;
}

static bool parse_enum(const hone_attr_row *row, const char **at, int64_t *out)
{
    skip_space(at);
    const size_t size = word_size(*at);
    const int index = hone_attr_enum_parse(row, (hone_bytes){(const uint8_t *)*at, size});

    if (index < 0)
        return false;
    *at += size;
    *out = index;
    return true;
}

static bool parse_type(const char **at, hone_dtype *out)
{
    char name[32];

    skip_space(at);
    const size_t size = word_size(*at);
    if (size >= sizeof name)
        return false;
    memcpy(name, *at, size);
    name[size] = '\0';
    if (strcmp(name, "none") == 0)
        *out = HONE_NONE;
    else if (!hone_dtype_parse(name, out))
        return false;
    *at += size;
    return true;
}

typedef HONE_VEC(int64_t) int_vec;
typedef HONE_VEC(float) float_vec;
typedef HONE_VEC(const char *) text_vec;

static bool parse_list(hone_arena *arena, const hone_attr_row *row, const char **at, void *out)
{
    int_vec ints = {0};
    float_vec floats = {0};
    text_vec texts = {0};

    if (!take(at, '['))
        return false;
    while (!take(at, ']')) {
        bool fine = ints.n + floats.n + texts.n == 0 || take(at, ',');
        if (row->kind == HONE_ATTR_INTS)
            fine = fine && parse_int(at, hone_vec_push(arena, &ints));
        else if (row->kind == HONE_ATTR_FLOATS)
            fine = fine && parse_float(at, hone_vec_push(arena, &floats));
        else
            fine = fine && parse_text(arena, at, hone_vec_push(arena, &texts));
        if (!fine)
            return false;
    }
    if (row->kind == HONE_ATTR_INTS)
        *(hone_ints *)out = (hone_ints){ints.n, ints.v};
    else if (row->kind == HONE_ATTR_FLOATS)
        *(hone_floats *)out = (hone_floats){floats.n, floats.v};
    else
        *(hone_texts *)out = (hone_texts){texts.n, texts.v};
    return true;
}

static bool parse_value(hone_arena *arena, const hone_attr_row *row, const char **at, void *out)
{
    switch (row->kind) {
    case HONE_ATTR_INT: return parse_int(at, out);
    case HONE_ATTR_FLOAT: return parse_float(at, out);
    case HONE_ATTR_ENUM: return parse_enum(row, at, out);
    case HONE_ATTR_TYPE: return parse_type(at, out);
    case HONE_ATTR_TEXT: return parse_text(arena, at, out);
    case HONE_ATTR_INTS:
    case HONE_ATTR_FLOATS:
    case HONE_ATTR_TEXTS: return parse_list(arena, row, at, out);
    case HONE_ATTR_PROGRAM: skip_space(at); return hone_program_parse(arena, at, out);
    }
    return false;
}

static bool parse_row(hone_arena *arena, int op, const char **at, hone_attrs *out)
{
    char name[64];

    skip_space(at);
    const size_t size = word_size(*at);
    if (size == 0 || size >= sizeof name)
        return false;
    memcpy(name, *at, size);
    name[size] = '\0';
    const hone_attr_row *row = hone_attrs_find(op, name);
    if (!row)
        return false;
    *at += size;
    return take(at, '=') && parse_value(arena, row, at, (char *)out + row->offset);
}

bool hone_attrs_parse(hone_arena *arena, int op, const char **text, hone_attrs *out)
{
    hone_attrs_init(op, out);
    skip_space(text);
    if (word_size(*text) == 0)
        return true;
    do {
        if (!parse_row(arena, op, text, out))
            return false;
    } while (take(text, ','));
    return true;
}
