/* The table of value names of a module. Private to ir/. */
#ifndef HONE_IR_NAMES_H
#define HONE_IR_NAMES_H

#include "ir/graph.h"

struct hone_names *hone_names_create(hone_arena *arena);
/* Gives a value its name: `wish`, or with a suffix where that is taken; NULL makes one up of its
 * id. */
void hone_names_give(hone_module *module, hone_value *value, const char *wish);
void hone_names_release(hone_module *module,
                        hone_value *value); /* the name is free again; the value keeps its text */
hone_value *hone_names_find(const struct hone_names *names, hone_bytes name);

#endif
