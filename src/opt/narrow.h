/* What the pass "narrow" knows of operators: how the types of their inputs and outputs hang
 * together, and which must stay float32. Used by narrow.c alone. */
#ifndef HONE_OPT_NARROW_H
#define HONE_OPT_NARROW_H

#include "opt/edit.h"

typedef enum hone_narrow_form {
    HONE_NARROW_FREE,    /* reads any types, computes in float32, writes any: regions, casts */
    HONE_NARROW_PRODUCT, /* factors of one type; sums in float32; writes any: contractions */
    HONE_NARROW_FOLLOW,  /* moves elements: the output has the input's type */
    HONE_NARROW_SAME,    /* inputs and outputs have one type */
    HONE_NARROW_NEVER,   /* float32 alone: control flow, sequences, what draws numbers */
} hone_narrow_form;

hone_narrow_form hone_narrow_form_of(const hone_node *node);

/* Whether input i has to be of the node's type; the others may be of any float type, or are fixed
 * as they are. */
bool hone_narrow_input_is_tied(const hone_node *node, int i);
/* Whether input i is float32 and stays so. */
bool hone_narrow_input_is_wide(const hone_node *node, int i);

/* Why the node is not safe in the type, or NULL; *is_beyond_range: what it writes may not fit. */
const char *hone_narrow_objection(const hone_node *node, hone_dtype to, bool *is_beyond_range);
/* Whether what does not fit comes out as it went in: what moves, pools and reduces. */
bool hone_narrow_passes_on(const hone_node *node);
/* Whether finite floats of the constant lie beyond the type's range, or all of them below it. */
bool hone_narrow_is_out_of_range(const hone_value *constant, hone_dtype to);

#endif
