/* Names of values, unique in a module: an open-addressed table from name to value. The idea: making
 * a name unique must not depend on how many values wished for the same one, so after a few small
 * suffixes the value's id decides. */
#include "ir/names.h"

typedef struct slot {
    uint64_t hash;
    hone_value *value; /* NULL: never used */
    bool is_released;  /* was used: searches go on past it */
} slot;

struct hone_names {
    hone_arena *arena;
    slot *slots;
    size_t n_slots; /* a power of two */
    size_t n_used;  /* released ones included */
};

enum {
    SLOTS_FIRST = 64,
    SMALL_SUFFIXES = 4
};

struct hone_names *hone_names_create(hone_arena *arena)
{
    struct hone_names *names = hone_arena_alloc(arena, sizeof *names);

    names->arena = arena;
    names->n_slots = SLOTS_FIRST;
    names->slots = hone_arena_array(arena, SLOTS_FIRST, sizeof(slot));
    return names;
}

static slot *find_slot(const struct hone_names *names, hone_bytes name)
{
    const uint64_t hash = hone_hash(name.data, name.size, 0);

    for (size_t i = hash & (names->n_slots - 1); names->slots[i].value;
         i = (i + 1) & (names->n_slots - 1)) {
        slot *s = &names->slots[i];
        if (!s->is_released && s->hash == hash && hone_bytes_is(name, s->value->name))
            return s;
    }
    return NULL;
}

hone_value *hone_names_find(const struct hone_names *names, hone_bytes name)
{
    const slot *s = find_slot(names, name);

    return s ? s->value : NULL;
}

static void insert(struct hone_names *names, uint64_t hash, hone_value *value)
{
    size_t i = hash & (names->n_slots - 1);

    while (names->slots[i].value)
        i = (i + 1) & (names->n_slots - 1);
    names->slots[i] = (slot){hash, value, false};
    names->n_used++;
}

static void grow(struct hone_names *names)
{
    const slot *old = names->slots;
    const size_t n_old = names->n_slots;
    size_t n_live = 0;

    for (size_t i = 0; i < n_old; i++)
        n_live += old[i].value && !old[i].is_released;
    while (names->n_slots < 4 * n_live)
        names->n_slots *= 2;
    names->slots = hone_arena_array(names->arena, names->n_slots, sizeof(slot));
    names->n_used = 0;
    for (size_t i = 0; i < n_old; i++)
        if (old[i].value && !old[i].is_released)
            insert(names, old[i].hash, old[i].value);
}

static hone_bytes bytes_of(const char *text)
{
    return (hone_bytes){(const uint8_t *)text, strlen(text)};
}

static const char *unique_name(hone_module *module, const hone_value *value, const char *wish)
{
    struct hone_names *names = module->names;
    const char *name = wish ? hone_arena_text(module->arena, wish)
                            : hone_arena_format(module->arena, "v%d", value->id);

    if (*name == 0)
        name = hone_arena_format(module->arena, "v%d", value->id);
    const char *base = name;
    for (int i = 1; find_slot(names, bytes_of(name)); i++)
        name = hone_arena_format(module->arena, "%s_%d", base,
                                 i <= SMALL_SUFFIXES ? i : value->id + i);
    return name;
}

void hone_names_give(hone_module *module, hone_value *value, const char *wish)
{
    struct hone_names *names = module->names;

    value->name = unique_name(module, value, wish);
    if (2 * (names->n_used + 1) > names->n_slots)
        grow(names);
    const hone_bytes name = bytes_of(value->name);
    insert(names, hone_hash(name.data, name.size, 0), value);
}

void hone_names_release(hone_module *module, hone_value *value)
{
    slot *s = find_slot(module->names, bytes_of(value->name));

    if (s && s->value == value)
        s->is_released = true;
}
