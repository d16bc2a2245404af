/* A table from names to pointers, in an arena. Keys are kept, not copied. */
#ifndef HONE_ONNX_NAMES_H
#define HONE_ONNX_NAMES_H

#include "base/arena.h"

typedef struct hone_name_slot {
    const char *key; /* NULL: free */
    const void *value;
} hone_name_slot;

typedef struct hone_names {
    hone_arena *arena;
    hone_name_slot *slots;
    int n, room; /* room is zero or a power of two */
} hone_names;

static inline hone_names hone_names_in(hone_arena *arena)
{
    return (hone_names){.arena = arena};
}

/* false where the name is there already; the old value then stays. */
bool hone_names_add(hone_names *names, const char *key, const void *value);
/* The slot of a name, or NULL. Its value may be changed. */
hone_name_slot *hone_names_find(const hone_names *names, const char *key);

#endif
