/* Open addressing with linear probing, at most half full. There is no removal: a model's names only
 * grow. */
#include "onnx/lookup.h"

#include "base/bytes.h"

static hone_lookup_slot *probe(const hone_lookup *names, const char *key)
{
    const uint64_t mask = (uint64_t)names->room - 1;
    uint64_t i = hone_hash(key, strlen(key), 0) & mask;

    while (names->slots[i].key && strcmp(names->slots[i].key, key) != 0)
        i = (i + 1) & mask;
    return &names->slots[i];
}

static void grow(hone_lookup *names)
{
    hone_lookup larger = {.arena = names->arena, .room = names->room ? names->room * 2 : 16};

    larger.slots = hone_arena_array(names->arena, (size_t)larger.room, sizeof *larger.slots);
    for (int i = 0; i < names->room; i++)
        if (names->slots[i].key)
            *probe(&larger, names->slots[i].key) = names->slots[i];
    larger.n = names->n;
    *names = larger;
}

bool hone_lookup_add(hone_lookup *names, const char *key, const void *value)
{
    if (names->n * 2 >= names->room)
        grow(names);
    hone_lookup_slot *slot = probe(names, key);
    if (slot->key)
        return false;
    *slot = (hone_lookup_slot){key, value};
    names->n++;
    return true;
}

hone_lookup_slot *hone_lookup_find(const hone_lookup *names, const char *key)
{
    if (names->room == 0)
        return NULL;
    hone_lookup_slot *slot = probe(names, key);
    return slot->key ? slot : NULL;
}
