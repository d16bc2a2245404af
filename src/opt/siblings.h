/* Merging contractions of one input, for rules that can do without the split. */
#ifndef HONE_OPT_SIBLINGS_H
#define HONE_OPT_SIBLINGS_H

#include "opt/edit.h"

/* The product of all columns side by side, in front of nodes[0], which stands first; NULL where
 * they are not equal in all but the number of columns. The nodes themselves stay. */
hone_value *hone_merge_products(hone_node *const *nodes, int n);

#endif
