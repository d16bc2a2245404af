/* Inside of the extents table, for extent*.c alone. */
#ifndef HONE_OP_EXTENT_TABLE_H
#define HONE_OP_EXTENT_TABLE_H

#include "op/extent.h"

typedef struct hone_extent_record {
    hone_extent_node node;
    int size; /* symbols and numbers in it, as a tree */
} hone_extent_record;

struct hone_extents {
    hone_arena *arena;
    HONE_VEC(hone_extent_record) nodes;
    int *slots; /* open addressing; index + 1, 0 is empty */
    size_t n_slots;
    int n_from_data;
};

typedef struct hone_range {
    int64_t min, max;
} hone_range;

static inline const hone_extent_node *hone_extent_entry(const hone_extents *table, hone_extent e)
{
    return &table->nodes.v[hone_extent_index(e)].node;
}

static inline bool hone_extent_is(const hone_extents *table, hone_extent e, hone_extent_kind kind)
{
    return !hone_extent_is_number(e) && e != HONE_EXTENT_UNKNOWN &&
           hone_extent_entry(table, e)->kind == kind;
}

/* b is neither 0 nor -1. */
static inline int64_t hone_floor_div(int64_t a, int64_t b)
{
    const int64_t q = a / b;
    return q - (a % b != 0 && (a < 0) != (b < 0));
}

static inline int64_t hone_floor_mod(int64_t a, int64_t b)
{
    const int64_t r = a % b;
    return r != 0 && (r < 0) != (b < 0) ? r + b : r;
}

hone_range hone_range_add(hone_range a, hone_range b);
hone_range hone_range_mul(hone_range a, hone_range b);
hone_range hone_range_of(const hone_extents *table, hone_extent e);

/* Two numbers under an operation; UNKNOWN on overflow. */
int64_t hone_extent_fold(hone_extent_kind kind, int64_t a, int64_t b);
hone_extent hone_extent_checked(int64_t value);

/* The entry of exactly this expression, made if new; UNKNOWN over the limits. */
hone_extent hone_extent_intern(hone_extents *table, hone_extent_kind kind, hone_extent a,
                               hone_extent b);

#endif
