/* The table of symbolic extents: storage, ranges, evaluation. The one idea: equal expressions are
 * one entry, found by hashing, so that comparing extents is comparing integers. Which form an
 * expression takes is decided in extent_algebra.c; text is in extent_text.c. */
#include "op/extent_table.h"

#include <stdio.h>

#define SLOTS_FIRST 64 /* slots of an empty table, a power of two */

hone_extents *hone_extents_create(hone_arena *arena)
{
    hone_extents *table = hone_arena_alloc(arena, sizeof *table);

    table->arena = arena;
    table->n_slots = SLOTS_FIRST;
    table->slots = hone_arena_array(arena, SLOTS_FIRST, sizeof *table->slots);
    return table;
}

int hone_extents_count(const hone_extents *table)
{
    return table ? table->nodes.n : 0;
}

const hone_extent_node *hone_extents_node(const hone_extents *table, int index)
{
    return &table->nodes.v[index].node;
}

static uint64_t hash_of(hone_extent_kind kind, hone_extent a, hone_extent b, const char *name)
{
    if (kind == HONE_EXTENT_SYMBOL)
        return hone_hash(name, strlen(name), 1);
    const int64_t key[3] = {kind, a, b};
    return hone_hash(key, sizeof key, 0);
}

static bool is_node(const hone_extent_node *node, hone_extent_kind kind, hone_extent a,
                    hone_extent b, const char *name)
{
    if (node->kind != kind)
        return false;
    return kind == HONE_EXTENT_SYMBOL ? strcmp(node->name, name) == 0
                                      : node->a == a && node->b == b;
}

/* The slot that holds this node, or the empty one where it belongs. Slots hold index + 1; 0 is
 * empty. */
static int *find_slot(hone_extents *table, hone_extent_kind kind, hone_extent a, hone_extent b,
                      const char *name)
{
    size_t i = (size_t)hash_of(kind, a, b, name) & (table->n_slots - 1);

    while (table->slots[i] && !is_node(&table->nodes.v[table->slots[i] - 1].node, kind, a, b, name))
        i = (i + 1) & (table->n_slots - 1);
    return &table->slots[i];
}

static void grow_slots(hone_extents *table)
{
    table->n_slots *= 2;
    table->slots = hone_arena_array(table->arena, table->n_slots, sizeof *table->slots);
    for (int i = 0; i < table->nodes.n; i++) {
        const hone_extent_node *node = &table->nodes.v[i].node;
        *find_slot(table, node->kind, node->a, node->b, node->name) = i + 1;
    }
}

/* Ranges: intervals whose ends stop at +-INF. */

static int64_t clamp(int64_t x)
{
    return HONE_MAX(-HONE_EXTENT_INF, HONE_MIN(x, HONE_EXTENT_INF));
}

static int64_t add_bound(int64_t a, int64_t b)
{
    if (a <= -HONE_EXTENT_INF || b <= -HONE_EXTENT_INF)
        return -HONE_EXTENT_INF;
    if (a >= HONE_EXTENT_INF || b >= HONE_EXTENT_INF)
        return HONE_EXTENT_INF;
    return clamp(a + b); /* both under 2^62 */
}

static int64_t mul_bound(int64_t a, int64_t b)
{
    int64_t product;

    if (hone_int_mul(a, b, &product))
        return clamp(product);
    return (a < 0) == (b < 0) ? HONE_EXTENT_INF : -HONE_EXTENT_INF;
}

static int64_t div_bound(int64_t a, int64_t b)
{
    if (a >= HONE_EXTENT_INF || a <= -HONE_EXTENT_INF)
        return a;
    return b >= HONE_EXTENT_INF ? (a < 0 ? -1 : 0) : hone_floor_div(a, b);
}

hone_range hone_range_add(hone_range a, hone_range b)
{
    return (hone_range){add_bound(a.min, b.min), add_bound(a.max, b.max)};
}

hone_range hone_range_mul(hone_range a, hone_range b)
{
    const int64_t ends[4] = {mul_bound(a.min, b.min), mul_bound(a.min, b.max),
                             mul_bound(a.max, b.min), mul_bound(a.max, b.max)};
    hone_range r = {ends[0], ends[0]};

    for (int i = 1; i < 4; i++) {
        r.min = HONE_MIN(r.min, ends[i]);
        r.max = HONE_MAX(r.max, ends[i]);
    }
    return r;
}

/* Of floor division; ceil division is at most one more. A divisor of 0 has no value, so it does not
 * count. */
static hone_range range_div(hone_range a, hone_range b)
{
    const int64_t least = HONE_MAX(b.min, 1);

    if (b.min < 0 || b.max < 1)
        return (hone_range){-HONE_EXTENT_INF, HONE_EXTENT_INF};
    return (hone_range){HONE_MIN(div_bound(a.min, least), div_bound(a.min, b.max)),
                        HONE_MAX(div_bound(a.max, least), div_bound(a.max, b.max))};
}

static hone_range range_mod(hone_range a, hone_range b)
{
    if (b.min < 0 || b.max < 1)
        return (hone_range){-HONE_EXTENT_INF, HONE_EXTENT_INF};
    const int64_t most = b.max >= HONE_EXTENT_INF ? HONE_EXTENT_INF : b.max - 1;
    return (hone_range){0, a.min >= 0 ? HONE_MIN(a.max, most) : most};
}

hone_range hone_range_of(const hone_extents *table, hone_extent e)
{
    if (e == HONE_EXTENT_UNKNOWN)
        return (hone_range){0, HONE_EXTENT_INF};
    if (hone_extent_is_number(e))
        return (hone_range){clamp(e), clamp(e)};
    const hone_extent_node *node = hone_extent_entry(table, e);
    return (hone_range){node->min, node->max};
}

static hone_range range_of_node(const hone_extents *table, const hone_extent_node *node)
{
    const hone_range a = hone_range_of(table, node->a), b = hone_range_of(table, node->b);
    hone_range r = {node->min, node->max};

    switch (node->kind) {
    case HONE_EXTENT_SYMBOL: return r;
    case HONE_EXTENT_ADD: return hone_range_add(a, b);
    case HONE_EXTENT_MUL: return hone_range_mul(a, b);
    case HONE_EXTENT_FLOOR_DIV: return range_div(a, b);
    case HONE_EXTENT_CEIL_DIV:
        r = range_div(a, b);
        r.max = add_bound(r.max, 1);
        return r;
    case HONE_EXTENT_MOD: return range_mod(a, b);
    case HONE_EXTENT_MIN: return (hone_range){HONE_MIN(a.min, b.min), HONE_MIN(a.max, b.max)};
    case HONE_EXTENT_MAX: return (hone_range){HONE_MAX(a.min, b.min), HONE_MAX(a.max, b.max)};
    }
    return r;
}

static void set_range(const hone_extents *table, hone_extent_node *node)
{
    const hone_range r = range_of_node(table, node);

    node->min = r.min;
    node->max = r.max;
}

static int size_of(const hone_extents *table, hone_extent e)
{
    return hone_extent_is_number(e) ? 1 : table->nodes.v[hone_extent_index(e)].size;
}

static bool depends_on_data(const hone_extents *table, hone_extent e)
{
    return !hone_extent_is_number(e) && hone_extent_entry(table, e)->depends_on_data;
}

/* Appends a node that belongs in *slot. */
static hone_extent append(hone_extents *table, int *slot, const hone_extent_node *node, int size)
{
    hone_extent_record *record = hone_vec_push(table->arena, &table->nodes);

    record->node = *node;
    record->size = size;
    *slot = table->nodes.n;
    if ((size_t)table->nodes.n * 2 > table->n_slots)
        grow_slots(table);
    return HONE_EXTENT_FIRST + table->nodes.n - 1;
}

hone_extent hone_extent_intern(hone_extents *table, hone_extent_kind kind, hone_extent a,
                               hone_extent b)
{
    int *slot = find_slot(table, kind, a, b, NULL);

    if (*slot)
        return HONE_EXTENT_FIRST + *slot - 1;
    const int size = size_of(table, a) + size_of(table, b);
    if (size > HONE_EXTENT_SIZE || table->nodes.n >= HONE_EXTENT_LIMIT - 1)
        return HONE_EXTENT_UNKNOWN;
    hone_extent_node node = {.kind = kind, .a = a, .b = b};
    node.depends_on_data = depends_on_data(table, a) || depends_on_data(table, b);
    set_range(table, &node);
    return append(table, slot, &node, size);
}

/* Narrows a symbol; what was made of it follows. */
static void narrow(hone_extents *table, int index, int64_t min, int64_t max)
{
    hone_extent_node *node = &table->nodes.v[index].node;
    const int64_t low = HONE_MAX(node->min, min), high = HONE_MIN(node->max, max);

    if (low > high || (low == node->min && high == node->max))
        return;
    node->min = low;
    node->max = high;
    for (int i = index + 1; i < table->nodes.n; i++)
        set_range(table, &table->nodes.v[i].node);
}

/* A symbol that can only be one number is that number. */
static hone_extent symbol_or_number(const hone_extents *table, int index)
{
    const hone_extent_node *node = &table->nodes.v[index].node;
    return node->min == node->max ? node->min : HONE_EXTENT_FIRST + index;
}

static hone_extent make_symbol(hone_extents *table, const char *name, int64_t min, int64_t max,
                               bool from_data)
{
    int *slot = find_slot(table, HONE_EXTENT_SYMBOL, 0, 0, name);

    if (*slot) {
        const int index = *slot - 1;
        narrow(table, index, clamp(min), clamp(max));
        return symbol_or_number(table, index);
    }
    if (table->nodes.n >= HONE_EXTENT_LIMIT - 1)
        return HONE_EXTENT_UNKNOWN;
    const hone_extent_node node = {.kind = HONE_EXTENT_SYMBOL,
                                   .min = clamp(min),
                                   .max = clamp(max),
                                   .name = hone_arena_text(table->arena, name),
                                   .from_data = from_data,
                                   .depends_on_data = from_data};
    append(table, slot, &node, 1);
    return symbol_or_number(table, table->nodes.n - 1);
}

hone_extent hone_extent_symbol(hone_extents *table, const char *name, int64_t min, int64_t max)
{
    return make_symbol(table, name, min, max, false);
}

hone_extent hone_extent_data_symbol(hone_extents *table, const char *name, int64_t min, int64_t max)
{
    return make_symbol(table, name, min, max, true);
}

hone_extent hone_extent_from_data(hone_extents *table, int64_t min, int64_t max)
{
    char name[32];

    if (!table)
        return HONE_EXTENT_UNKNOWN;
    do
        snprintf(name, sizeof name, "data%d", table->n_from_data++);
    while (*find_slot(table, HONE_EXTENT_SYMBOL, 0, 0, name));
    return make_symbol(table, name, min, max, true);
}

int64_t hone_extent_lower(const hone_extents *table, hone_extent e)
{
    return hone_range_of(table, e).min;
}

int64_t hone_extent_upper(const hone_extents *table, hone_extent e)
{
    return hone_range_of(table, e).max;
}

/* Evaluation. */

int64_t hone_extent_fold(hone_extent_kind kind, int64_t a, int64_t b)
{
    int64_t r;

    if (a == HONE_EXTENT_UNKNOWN || b == HONE_EXTENT_UNKNOWN)
        return HONE_EXTENT_UNKNOWN;
    switch (kind) {
    case HONE_EXTENT_SYMBOL: return HONE_EXTENT_UNKNOWN;
    case HONE_EXTENT_ADD: return hone_int_add(a, b, &r) ? r : HONE_EXTENT_UNKNOWN;
    case HONE_EXTENT_MUL: return hone_int_mul(a, b, &r) ? r : HONE_EXTENT_UNKNOWN;
    case HONE_EXTENT_FLOOR_DIV:
        return b == 0 || b == -1 ? (b ? -a : HONE_EXTENT_UNKNOWN) : hone_floor_div(a, b);
    case HONE_EXTENT_CEIL_DIV:
        if (b == 0 || b == -1)
            return b ? -a : HONE_EXTENT_UNKNOWN;
        return hone_floor_div(a, b) + (a % b != 0);
    case HONE_EXTENT_MOD: return b == 0 ? HONE_EXTENT_UNKNOWN : b == -1 ? 0 : hone_floor_mod(a, b);
    case HONE_EXTENT_MIN: return HONE_MIN(a, b);
    case HONE_EXTENT_MAX: return HONE_MAX(a, b);
    }
    return HONE_EXTENT_UNKNOWN;
}

/* A result that would be taken for an expression is none. */
hone_extent hone_extent_checked(int64_t value)
{
    return hone_extent_is_number(value) ? value : HONE_EXTENT_UNKNOWN;
}

int64_t hone_extent_node_value(const hone_extent_node *node, const int64_t *values)
{
    return hone_extent_fold(node->kind, hone_extent_value(node->a, values),
                            hone_extent_value(node->b, values));
}

void hone_extents_evaluate(const hone_extent_node *nodes, int count, int64_t *values)
{
    for (int i = 0; i < count; i++)
        if (nodes[i].kind != HONE_EXTENT_SYMBOL)
            values[i] = hone_extent_node_value(&nodes[i], values);
}
