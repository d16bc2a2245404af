/* Inference of nodes with subgraphs, and what it shares with that of plain nodes. Private to ir/.
 */
#ifndef HONE_IR_CONTROL_H
#define HONE_IR_CONTROL_H

#include "ir/graph.h"

/* Infers the subgraphs of a CONTROL node and writes its outputs' types. */
hone_status hone_control_infer(hone_node *node);

/* Takes over what a fact says; a fact that says nothing leaves the declared type as it is. */
void hone_value_learn(hone_value *value, const hone_fact *fact);

/* The symbol for dimension `dim` of a value that only running tells: the same each time for the
 * same value and range, so that inferring twice gives the same graph. */
hone_extent hone_value_symbol(const hone_value *value, int dim, int64_t min, int64_t max);

#endif
