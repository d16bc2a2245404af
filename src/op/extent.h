/* Symbolic extents. A hone_extent is a number, or a name for an expression over symbols (add, mul,
 * floor- and ceil-div, mod, min, max) in a hone_extents table, where equal expressions are one
 * (hash-consed) and every one has a range. With no table (NULL) only numbers and
 * HONE_EXTENT_UNKNOWN occur: so the same inference runs at build time on symbols and at run time on
 * numbers, where it allocates nothing. */
#ifndef HONE_OP_EXTENT_H
#define HONE_OP_EXTENT_H

#include "base/arena.h"
#include "base/text.h"

typedef int64_t hone_extent;

#define HONE_EXTENT_UNKNOWN INT64_MIN /* no table to put it in: known after the step has run */
#define HONE_EXTENT_FIRST   (INT64_MIN + 1)    /* expression i is HONE_EXTENT_FIRST + i */
#define HONE_EXTENT_LIMIT   ((int64_t)1 << 30) /* of expressions */
#define HONE_EXTENT_INF     ((int64_t)1 << 62) /* the max of a symbol without an upper bound */

static inline bool hone_extent_is_number(hone_extent e)
{
    return e > HONE_EXTENT_FIRST + HONE_EXTENT_LIMIT;
}

typedef enum hone_extent_kind {
    HONE_EXTENT_SYMBOL,
    HONE_EXTENT_ADD,
    HONE_EXTENT_MUL,
    HONE_EXTENT_FLOOR_DIV,
    HONE_EXTENT_CEIL_DIV,
    HONE_EXTENT_MOD, /* result has the sign of b, as floor division leaves it */
    HONE_EXTENT_MIN,
    HONE_EXTENT_MAX,
} hone_extent_kind;

typedef struct hone_extent_node {
    hone_extent_kind kind;
    hone_extent a, b;     /* operands; earlier expressions or numbers */
    int64_t min, max;     /* range, by interval arithmetic */
    const char *name;     /* of a symbol, unique in the table */
    bool from_data;       /* a symbol whose value only running tells */
    bool depends_on_data; /* such a symbol, or an expression with one in it */
} hone_extent_node;

typedef struct hone_extents hone_extents;

hone_extents *hone_extents_create(hone_arena *arena);
int hone_extents_count(const hone_extents *table);
const hone_extent_node *hone_extents_node(const hone_extents *table,
                                          int index); /* in order of creation: operands first */
static inline int hone_extent_index(hone_extent e)
{
    return (int)(e - HONE_EXTENT_FIRST);
}

/* The symbol of this name; created with this range if new, else narrowed to the common range (and
 * left as it is where the ranges have nothing in common). A range of one number gives that number:
 * later mentions of the name are it too. */
hone_extent hone_extent_symbol(hone_extents *table, const char *name, int64_t min, int64_t max);
/* The same for a symbol that only running tells: how IR text brings those of hone_extent_from_data
 * back. */
hone_extent hone_extent_data_symbol(hone_extents *table, const char *name, int64_t min,
                                    int64_t max);
/* A new symbol for an extent that depends on data; UNKNOWN where table is NULL. */
hone_extent hone_extent_from_data(hone_extents *table, int64_t min, int64_t max);

/* Arithmetic with simplification (constants fold, x*1, x+0, (x*k)/k, min/max by range, like terms
 * of sums collected and sorted so that a+b is b+a). Overflow, a zero divisor, UNKNOWN and
 * expressions of more than HONE_EXTENT_SIZE symbols and numbers give UNKNOWN. Cancelling takes
 * divisors to be other than 0. */
#define HONE_EXTENT_SIZE 500

hone_extent hone_extent_add(hone_extents *table, hone_extent a, hone_extent b);
hone_extent hone_extent_sub(hone_extents *table, hone_extent a, hone_extent b);
hone_extent hone_extent_mul(hone_extents *table, hone_extent a, hone_extent b);
hone_extent hone_extent_floor_div(hone_extents *table, hone_extent a, hone_extent b);
hone_extent hone_extent_ceil_div(hone_extents *table, hone_extent a, hone_extent b);
hone_extent hone_extent_mod(hone_extents *table, hone_extent a, hone_extent b);
hone_extent hone_extent_min(hone_extents *table, hone_extent a, hone_extent b);
hone_extent hone_extent_max(hone_extents *table, hone_extent a, hone_extent b);

/* The range of a number or expression; [0, INF] for UNKNOWN. */
int64_t hone_extent_lower(const hone_extents *table, hone_extent e);
int64_t hone_extent_upper(const hone_extents *table, hone_extent e);

/* Evaluates every expression of a table's flat form: values[i] must hold the symbols on entry. Used
 * by the runtime on the plan's copy of the nodes. UNKNOWN operands give UNKNOWN. */
void hone_extents_evaluate(const hone_extent_node *nodes, int count, int64_t *values);
/* One expression (no symbol) under the values of those before it; used one by one on the records of
 * a plan. */
int64_t hone_extent_node_value(const hone_extent_node *node, const int64_t *values);
/* One extent under the values of expressions. */
static inline int64_t hone_extent_value(hone_extent e, const int64_t *values)
{
    return hone_extent_is_number(e) || e == HONE_EXTENT_UNKNOWN ? e : values[hone_extent_index(e)];
}

/* "batch", "(h + 2)/2": as the IR text writes it; hone_extent_parse reads it back. Returns false on
 * a syntax error and leaves *text at the fault. Symbols must exist or are made with range [0, INF].
 */
void hone_extent_print(const hone_extents *table, hone_extent e, hone_text *text);
bool hone_extent_parse(hone_extents *table, const char **text, hone_extent *out);

#endif
