/* ONNX models written as text, for tests: a protobuf writer and a small language on top of it.
 *
 *     ir 8; opset 11; opset com.example 1
 *     in x f32[2,N]; init w i64[2] = 1 2; out y
 *     y, z = Split(x, w) axis=1 mode="a" alpha=0.5 axes=[0,1] body={ in a f32[]; b = Relu(a); out b
 * } function com.example:twice(a) -> (b) [alpha] { b = Mul(a, a) }
 *
 * An attribute `name=@other` refers to one of the function's. An input `_` is left out.
 * `value=f32[2](1 2)` is a tensor. It trusts its input: it is for tests that write their own. */
#ifndef HONE_TESTS_MODEL_TEXT_H
#define HONE_TESTS_MODEL_TEXT_H

#include <assert.h>
#include <ctype.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* ---- protobuf ---- */

typedef struct pb {
    uint8_t *data;
    size_t size, room;
} pb;

static void pb_put(pb *p, const void *data, size_t size)
{
    if (p->size + size > p->room) {
        p->room = 2 * (p->size + size) + 64;
        p->data = realloc(p->data, p->room);
    }
    if (size)
        memcpy(p->data + p->size, data, size);
    p->size += size;
}

static void pb_number(pb *p, uint64_t x)
{
    do {
        const uint8_t byte = (uint8_t)((x & 0x7f) | (x > 0x7f ? 0x80 : 0));
        pb_put(p, &byte, 1);
        x >>= 7;
    } while (x);
}

static void pb_int(pb *p, int field, int64_t x)
{
    pb_number(p, (uint64_t)field << 3);
    pb_number(p, (uint64_t)x);
}

static void pb_float(pb *p, int field, float x)
{
    pb_number(p, (uint64_t)field << 3 | 5);
    pb_put(p, &x, sizeof x);
}

static void pb_bytes(pb *p, int field, const void *data, size_t size)
{
    pb_number(p, (uint64_t)field << 3 | 2);
    pb_number(p, size);
    pb_put(p, data, size);
}

static void pb_text(pb *p, int field, const char *text)
{
    pb_bytes(p, field, text, strlen(text));
}

/* Adds the message and frees it. */
static void pb_message(pb *p, int field, pb *message)
{
    pb_bytes(p, field, message->data, message->size);
    free(message->data);
    *message = (pb){0};
}

/* ---- the language ---- */

typedef struct reader {
    const char *at;
} reader;

static void skip_spaces(reader *r)
{
    while (*r->at == ' ' || *r->at == '\n' || *r->at == ';')
        r->at++;
}

static bool accept(reader *r, char c)
{
    skip_spaces(r);
    if (*r->at != c)
        return false;
    r->at++;
    return true;
}

static void word(reader *r, char out[128])
{
    int n = 0;

    skip_spaces(r);
    while (isalnum((unsigned char)*r->at) || (*r->at && strchr("_.:/-+?", *r->at))) {
        if (r->at[0] == '-' && r->at[1] == '>')
            break;
        assert(n < 127);
        out[n++] = *r->at++;
    }
    out[n] = 0;
}

static int type_number(const char *text)
{
    static const char *const types[] = {"none", "f32", "u8",     "i8",   "u16", "i16",
                                        "i32",  "i64", "string", "bool", "f16", "f64",
                                        "u32",  "u64", "c64",    "c128", "bf16"};
    for (int i = 0; i < (int)(sizeof types / sizeof *types); i++)
        if (strcmp(types[i], text) == 0)
            return i;
    return atoi(text);
}

/* value_info: "x f32[2,N]", "x f32" without a shape, "x seq f32[2]" */
static void read_type(reader *r, pb *out)
{
    char text[128];
    pb tensor = {0}, shape = {0};

    word(r, text);
    if (strcmp(text, "seq") == 0 || strcmp(text, "opt") == 0) {
        pb inner = {0}, holder = {0};
        read_type(r, &inner);
        pb_message(&holder, 1, &inner);
        pb_message(out, text[0] == 's' ? 4 : 9, &holder);
        return;
    }
    pb_int(&tensor, 1, type_number(text));
    if (accept(r, '[')) {
        while (!accept(r, ']')) {
            pb dim = {0};
            word(r, text);
            if (isdigit((unsigned char)text[0]) || text[0] == '-')
                pb_int(&dim, 1, atoll(text));
            else
                pb_text(&dim, 2, text);
            pb_message(&shape, 1, &dim);
            accept(r, ',');
        }
        pb_message(&tensor, 2, &shape);
    }
    pb_message(out, 1, &tensor);
}

static void read_value_info(reader *r, pb *graph, int field)
{
    char name[128];
    pb info = {0}, type = {0};

    word(r, name);
    pb_text(&info, 1, name);
    skip_spaces(r);
    if (isalnum((unsigned char)*r->at)) {
        const reader before = *r;
        char next[128];
        word(r, next);
        *r = before;
        if (type_number(next) > 0 || strcmp(next, "seq") == 0 || strcmp(next, "opt") == 0) {
            read_type(r, &type);
            pb_message(&info, 2, &type);
        }
    }
    pb_message(graph, field, &info);
}

/* "i64[2] = 1 2" or "i64[2](1 2)": numbers as raw data of the common types */
static void read_tensor(reader *r, const char *name, pb *out)
{
    char text[128];
    pb raw = {0};

    word(r, text);
    const int type = type_number(text);
    accept(r, '[');
    while (!accept(r, ']')) {
        word(r, text);
        pb_int(out, 1, atoll(text));
        accept(r, ',');
    }
    pb_int(out, 2, type);
    pb_text(out, 8, name);
    const bool in_brackets = !accept(r, '=') && accept(r, '(');
    for (;;) {
        while (*r->at == ' ')
            r->at++;
        if (!isdigit((unsigned char)*r->at) && *r->at != '-' && *r->at != '+')
            break;
        word(r, text);
        const double x = atof(text);
        const float f = (float)x;
        const int64_t i = (int64_t)x;
        if (type == 1)
            pb_put(&raw, &f, sizeof f);
        else if (type == 11)
            pb_put(&raw, &x, sizeof x);
        else
            pb_put(&raw, &i, type == 7 ? 8 : type == 6 ? 4 : type == 10 ? 2 : 1);
    }
    if (in_brackets)
        accept(r, ')');
    pb_message(out, 9, &raw);
}

static void read_graph(reader *r, const char *name, pb *graph, pb *model, bool is_function);

static void read_text(reader *r, char out[128])
{
    int n = 0;
    while (*r->at && *r->at != '"')
        out[n++] = *r->at++;
    out[n] = 0;
    accept(r, '"');
}

static bool is_float(const char *text)
{
    return strpbrk(text, ".") != NULL;
}

static void read_list(reader *r, pb *a)
{
    char text[128];
    int type = 7;

    while (!accept(r, ']')) {
        if (accept(r, '"')) {
            read_text(r, text);
            pb_text(a, 9, text);
            type = 8;
        } else {
            word(r, text);
            if (is_float(text)) {
                pb_float(a, 7, (float)atof(text));
                type = 6;
            } else {
                pb_int(a, 8, atoll(text));
            }
        }
        accept(r, ',');
    }
    pb_int(a, 20, type);
}

static void read_attribute(reader *r, pb *node, const char *name)
{
    char text[128];
    pb a = {0}, inner = {0};

    pb_text(&a, 1, name);
    if (accept(r, '"')) {
        read_text(r, text);
        pb_text(&a, 4, text);
        pb_int(&a, 20, 3);
    } else if (accept(r, '[')) {
        read_list(r, &a);
    } else if (accept(r, '{')) {
        read_graph(r, name, &inner, NULL, false);
        pb_message(&a, 6, &inner);
        pb_int(&a, 20, 5);
    } else if (accept(r, '@')) {
        word(r, text);
        pb_text(&a, 21, text);
        pb_int(&a, 20, 2);
    } else {
        const reader before = *r;
        word(r, text);
        if (*r->at == '[') {
            *r = before;
            read_tensor(r, "", &inner);
            pb_message(&a, 5, &inner);
            pb_int(&a, 20, 4);
        } else if (is_float(text)) {
            pb_float(&a, 2, (float)atof(text));
            pb_int(&a, 20, 1);
        } else {
            pb_int(&a, 3, atoll(text));
            pb_int(&a, 20, 2);
        }
    }
    pb_message(node, 5, &a);
}

static void split_domain(const char *text, char domain[128], char type[128])
{
    const char *colon = strchr(text, ':');
    snprintf(domain, 128, "%.*s", colon ? (int)(colon - text) : 0, text);
    snprintf(type, 128, "%s", colon ? colon + 1 : text);
}

static void read_names(reader *r, char end, pb *out, int field)
{
    char name[128];

    while (!accept(r, end)) {
        word(r, name);
        assert(name[0]);
        pb_text(out, field, strcmp(name, "_") == 0 ? "" : name);
        accept(r, ',');
    }
}

/* The first output's name has been read. */
static void read_node(reader *r, const char *first, pb *graph, int field)
{
    char text[128], domain[128], type[128];
    pb node = {0};

    pb_text(&node, 2, strcmp(first, "_") == 0 ? "" : first);
    accept(r, ',');
    read_names(r, '=', &node, 2);
    word(r, text);
    split_domain(text, domain, type);
    pb_text(&node, 4, type);
    pb_text(&node, 7, domain);
    accept(r, '(');
    read_names(r, ')', &node, 1);
    for (;;) {
        reader before = *r;
        while (*r->at == ' ')
            r->at++;
        if (!isalpha((unsigned char)*r->at))
            break;
        word(r, text);
        if (*r->at != '=' ||
            r->at[1] == ' ') { /* "y = ..." is the next node, "axis=1" an attribute */
            *r = before;
            break;
        }
        r->at++;
        if (strcmp(text, "name") == 0) {
            word(r, text);
            pb_text(&node, 3, text);
        } else {
            read_attribute(r, &node, text);
        }
    }
    pb_message(graph, field, &node);
}

static void read_opset(reader *r, pb *model, int field)
{
    char text[128];
    pb opset = {0};

    word(r, text);
    if (!isdigit((unsigned char)text[0])) {
        pb_text(&opset, 1, text);
        word(r, text);
    }
    pb_int(&opset, 2, atoll(text));
    pb_message(model, field, &opset);
}

static void read_function(reader *r, pb *model)
{
    char text[128], domain[128], type[128];
    pb function = {0};

    word(r, text);
    split_domain(text, domain, type);
    pb_text(&function, 1, type);
    pb_text(&function, 10, domain);
    accept(r, '(');
    read_names(r, ')', &function, 4);
    accept(r, '-');
    accept(r, '>');
    accept(r, '(');
    read_names(r, ')', &function, 5);
    if (accept(r, '['))
        read_names(r, ']', &function, 6);
    accept(r, '{');
    read_graph(r, type, &function, &function, true);
    pb_message(model, 25, &function);
}

static void read_graph(reader *r, const char *name, pb *graph, pb *model, bool is_function)
{
    char text[128];

    if (!is_function)
        pb_text(graph, 2, name);
    for (skip_spaces(r); *r->at && *r->at != '}'; skip_spaces(r)) {
        word(r, text);
        if (strcmp(text, "ir") == 0) {
            word(r, text);
            pb_int(model, 1, atoll(text));
        } else if (strcmp(text, "opset") == 0) {
            read_opset(r, model, is_function ? 9 : 8);
        } else if (strcmp(text, "function") == 0) {
            read_function(r, model);
        } else if (strcmp(text, "in") == 0) {
            read_value_info(r, graph, 11);
        } else if (strcmp(text, "out") == 0) {
            read_value_info(r, graph, 12);
        } else if (strcmp(text, "init") == 0) {
            pb tensor = {0};
            word(r, text);
            read_tensor(r, text, &tensor);
            pb_message(graph, 5, &tensor);
        } else {
            assert(text[0]);
            read_node(r, text, graph, is_function ? 7 : 1);
        }
    }
    accept(r, '}');
}

/* The bytes of the model; free() them. */
static inline pb model_of_text(const char *text)
{
    pb model = {0}, graph = {0};
    reader r = {text};

    if (!strstr(text, "ir "))
        pb_int(&model, 1, 8);
    read_graph(&r, "g", &graph, &model, false);
    pb_message(&model, 7, &graph);
    return model;
}

#endif
