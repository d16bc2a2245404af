/* Branches of If nodes that folding decides about. */
#ifndef HONE_OPT_BRANCHES_H
#define HONE_OPT_BRANCHES_H

#include "base/log.h"
#include "ir/graph.h"

/* Whether neither the graph's owner nor one around it has been taken out of the module. */
bool hone_graph_is_alive(const hone_graph *g);
/* Puts the nodes of the branch that is taken in front of the If node n and its outputs in the place
 * of n's; n is left without users. Returns the first node that is new, or n. */
hone_node *hone_branch_inline(hone_node *n, bool taken);
/* Replaces the body of a branch whose shapes contradict each other by one that fails when it runs;
 * false where the types of its outputs cannot be told. */
bool hone_branch_give_up(hone_graph *g, const hone_logger *logger);

#endif
