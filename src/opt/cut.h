/* Minimum cut of a small graph. */
#ifndef HONE_OPT_CUT_H
#define HONE_OPT_CUT_H

#include "base/arena.h"

#define HONE_CUT_NEVER 1e30 /* the cost of what may not be */

typedef struct hone_cut hone_cut;

/* A problem with no variables yet; each variable will be put on one of two sides, true or false. */
hone_cut *hone_cut_create(hone_arena *arena);
int hone_cut_variable(hone_cut *cut);
/* What it costs if the variable is true, or false. Costs add up. */
void hone_cut_if_true(hone_cut *cut, int variable, double cost);
void hone_cut_if_false(hone_cut *cut, int variable, double cost);
/* What it costs if a is true and b is false. */
void hone_cut_if_apart(hone_cut *cut, int a, int b, double cost);
/* Puts every variable on its side so that the sum of costs is least; where both sides cost the
 * same, false. Returns the sum. */
double hone_cut_solve(hone_cut *cut);
bool hone_cut_is_true(const hone_cut *cut, int variable);

#endif
