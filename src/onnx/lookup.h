/* A table from names to pointers, in an arena. Keys are kept, not copied. */
#ifndef HONE_ONNX_LOOKUP_H
#define HONE_ONNX_LOOKUP_H

#include "base/arena.h"

typedef struct hone_lookup_slot {
    const char *key; /* NULL: free */
    const void *value;
} hone_lookup_slot;

typedef struct hone_lookup {
    hone_arena *arena;
    hone_lookup_slot *slots;
    int n, room; /* room is zero or a power of two */
} hone_lookup;

static inline hone_lookup hone_lookup_in(hone_arena *arena)
{
    return (hone_lookup){.arena = arena};
}

/* false where the name is there already; the old value then stays. */
bool hone_lookup_add(hone_lookup *names, const char *key, const void *value);
/* The slot of a name, or NULL. Its value may be changed. */
hone_lookup_slot *hone_lookup_find(const hone_lookup *names, const char *key);

#endif
