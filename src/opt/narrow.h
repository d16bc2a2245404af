/* What the pass "narrow" knows of operators: how the types of their inputs and outputs hang
 * together, and which must stay float32; and what its halves share: narrow.c decides about nodes,
 * narrow_types.c gives values their types. */
#ifndef HONE_OPT_NARROW_H
#define HONE_OPT_NARROW_H

#include "opt/edit.h"
#include "opt/rules.h"

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

/* ---- the pass ---- */

/* The pass at work. */
typedef struct hone_narrowing {
    hone_pass_context *c;
    hone_module *module;
    hone_dtype to;
    bool is_strong;              /* types follow the graph: nothing is kept for safety */
    int n_values;                /* those that the tables know */
    bool *is_forced;             /* by value: may not fit the narrow type */
    bool *for_narrow, *for_wide; /* by value: users that want it so */
    hone_value **twin;           /* by value: in the other type; NULL: not made */
    int n_narrow, n_wide;        /* nodes */
} hone_narrowing;

enum {                /* marks of nodes */
    HONE_NODE_WIDE,   /* tied inputs are float32 */
    HONE_NODE_NARROW, /* they are narrow */
    HONE_NODE_LEFT,   /* there are none: the node is as it was */
};

static inline bool hone_is_wide_float(const hone_value *v)
{
    return v != NULL && hone_is_f32(v);
}
/* Whether some tied input is float32. */
bool hone_narrow_has_wide_input(const hone_node *node);
/* Whether the table is true for one of the node's float32 outputs. */
bool hone_narrow_is_wanted(const hone_node *node, const bool *table);
/* Gives every value of the graph its type, and puts casts where two types meet. */
hone_status hone_narrow_settle(hone_narrowing *a, hone_graph *g);

#endif
