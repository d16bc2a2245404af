/* The parser's insides, shared by parse.c (graphs) and parse_value.c (types and constants). Private
 * to ir/. */
#ifndef HONE_IR_PARSE_H
#define HONE_IR_PARSE_H

#include "ir/graph.h"

typedef struct hone_ir_parser {
    hone_arena *arena;
    hone_module *module;
    const char *begin, *at; /* the text, terminated */
    int depth;              /* of graphs */
} hone_ir_parser;

typedef struct hone_parsed_value {
    const char *name; /* NULL: "_" */
    hone_type type;
    int n_elem;
    const hone_extent *elem;
} hone_parsed_value;

void hone_parse_space(hone_ir_parser *p); /* blanks, and comments from "#" to the end of the line */
hone_status hone_parse_fault(const hone_ir_parser *p, const char *expected);
bool hone_parse_take(hone_ir_parser *p,
                     const char *token); /* blanks, then the token, if it is there */
hone_status hone_parse_expect(hone_ir_parser *p, const char *token);
size_t hone_parse_word_size(const char *at);
bool hone_parse_take_word(hone_ir_parser *p, const char *word); /* a whole word */
hone_status hone_parse_quoted(hone_ir_parser *p, hone_bytes *out);

hone_status hone_parse_type(hone_ir_parser *p, hone_type *out);
hone_status hone_parse_elems(hone_ir_parser *p,
                             hone_parsed_value *out); /* "{N, 3}", if it is there */
bool hone_parse_is_constant(hone_ir_parser *p);       /* rather than an operator */
hone_status hone_parse_constant(hone_ir_parser *p, hone_graph *graph,
                                const hone_parsed_value *value);

#endif
