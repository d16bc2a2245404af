/* Inference cases as rows of text:
 *
 *     {"concat", "axis=1", "float32[2,n] float32[2,3]", "float32[2,n + 3]"}
 *
 * An operand is a type and extents, "float32[2,h*2]"; "float32?" where the rank is unknown; "-"
 * where it is absent. Contents follow as "={1,n,?}": numbers of an integer type become data where
 * all are numbers, partial values otherwise; floats become data. Results are written the same way,
 * tracked elements included. A result that begins with "error: " is a part of the message. Symbols
 * n, h, w, c are 1 or more; k is 8 to 16; data<i> are what inference makes. */
#ifndef HONE_TESTS_OP_INFER_CASE_H
#define HONE_TESTS_OP_INFER_CASE_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>

#include "op/op.h"

typedef struct infer_case {
    const char *op, *attrs, *in, *out;
} infer_case;

#define CASE_FACTS 12

static bool infer_covered[HONE_OP_COUNT];

static void case_contents(hone_arena *arena, hone_extents *table, const char **at, hone_fact *fact)
{
    const hone_dtype dtype = fact->type.dtype;
    int64_t *data = hone_arena_array(arena, HONE_FACT_ELEMS, sizeof *data);
    bool numbers = true;
    int n = 0;

    *at += 2;
    while (**at != '}') {
        *at += **at == ',';
        if (hone_dtype_is_float(dtype)) {
            char *end;
            hone_element_set_double(dtype, data, n++, strtod(*at, &end));
            *at = end;
            continue;
        }
        if (!hone_extent_parse(table, at, &fact->elem[n]))
            fail_msg("contents do not parse at \"%s\"", *at);
        numbers = numbers && hone_extent_is_number(fact->elem[n]);
        if (hone_extent_is_number(fact->elem[n]))
            hone_element_set_int(dtype, data, n, fact->elem[n]);
        n++;
    }
    ++*at;
    fact->data = numbers ? data : NULL;
    fact->n_elem = numbers ? -1 : n;
}

static void case_operand(hone_arena *arena, hone_extents *table, const char **at, hone_fact *fact)
{
    char name[32];
    const size_t size = strcspn(*at, "[?- ");

    fact->n_elem = -1;
    if (**at == '-') {
        ++*at;
        return;
    }
    fact->present = true;
    memcpy(name, *at, size);
    name[size] = '\0';
    if (!hone_dtype_parse(name, &fact->type.dtype))
        fail_msg("\"%s\" is no type", name);
    *at += size;
    fact->type.shape.rank = **at == '?' ? -1 : 0;
    for (++*at; fact->type.shape.rank >= 0 && **at != ']';) {
        *at += **at == ',';
        if (!hone_extent_parse(table, at, &fact->type.shape.dim[fact->type.shape.rank++]))
            fail_msg("extents do not parse at \"%s\"", *at);
    }
    *at += fact->type.shape.rank >= 0;
    if (**at == '=')
        case_contents(arena, table, at, fact);
}

static void case_print(const hone_extents *table, const hone_fact *fact, hone_text *text)
{
    hone_text_add(text, "%s%s", hone_dtype_text(fact->type.dtype),
                  fact->type.shape.rank < 0 ? "?" : "[");
    for (int i = 0; i < fact->type.shape.rank; i++) {
        hone_text_add(text, "%s", i ? "," : "");
        hone_extent_print(table, fact->type.shape.dim[i], text);
    }
    hone_text_add(text, "%s", fact->type.shape.rank < 0 ? "" : "]");
    for (int i = 0; i < fact->n_elem; i++) {
        hone_text_add(text, "%s", i ? "," : "={");
        hone_extent_print(table, fact->elem[i], text);
    }
    hone_text_add(text, "%s", fact->n_elem > 0 ? "}" : fact->n_elem == 0 ? "={}" : "");
}

static int case_count(const char *text)
{
    int n = text[0] != '\0';
    for (; *text; text++)
        n += *text == ';';
    return n;
}

static void run_case(const infer_case *c, int row)
{
    hone_arena *arena;
    hone_fact in[CASE_FACTS] = {{0}}, out[CASE_FACTS] = {{0}};
    hone_attrs attrs;
    hone_text text;
    const bool fails = strncmp(c->out, "error: ", 7) == 0;
    const hone_op_id op = hone_op_find(c->op);
    int n_in = 0;

    assert_int_equal(hone_arena_create(NULL, 0, &arena), HONE_OK);
    hone_extents *table = hone_extents_create(arena);
    for (const char *name = "nhwc"; *name; name++)
        hone_extent_symbol(table, (char[]){*name, 0}, 1, HONE_EXTENT_INF);
    hone_extent_symbol(table, "k", 8, 16);
    const char *at = c->attrs;
    if (op == HONE_OP_none || !hone_attrs_parse(arena, op, &at, &attrs) || *at)
        fail_msg("row %d: %s, \"%s\"", row, c->op, c->attrs);
    for (at = c->in; *at; n_in++) {
        at += *at == ' ';
        case_operand(arena, table, &at, &in[n_in]);
    }
    hone_infer x = {
        .extents = table, .op = op, .attrs = &attrs, .n_in = n_in, .in = in, .out = out};
    x.n_out = fails ? HONE_MAX(hone_ops[op].out_min, 1) : case_count(c->out);
    for (int i = 0; i < x.n_out; i++) {
        out[i].present = true;
        out[i].n_elem = -1;
    }
    const hone_status st = hone_infer_run(&x);
    hone_text_init(&text, NULL);
    if (st != HONE_OK)
        hone_text_add(&text, "error: %s", hone_message());
    for (int i = 0; st == HONE_OK && i < x.n_out; i++) {
        hone_text_add(&text, "%s", i ? "; " : "");
        case_print(table, &out[i], &text);
    }
    if (fails ? st == HONE_OK || !strstr(text.data, c->out + 7)
              : strcmp(x.n_out ? text.data : "", c->out) != 0)
        fail_msg("row %d: %s(%s | %s)\n     gives %s\n       not %s", row, c->op, c->in, c->attrs,
                 text.data, c->out);
    infer_covered[op] = true;
    hone_text_fini(&text);
    hone_arena_destroy(arena);
}

#define RUN_CASES(cases)                                                                           \
    do {                                                                                           \
        for (int i = 0; i < HONE_COUNT(cases); i++)                                                \
            run_case(&(cases)[i], i);                                                              \
    } while (0)

#endif
