/* Arenas for the builder: memory with one lifetime, freed at once. An allocation does not return
 * NULL: where the system refuses, it unwinds to the trap that the arena was made with (the
 * library's only setjmp), and the entry point returns HONE_ERR_MEMORY. Anything else that a build
 * acquires (files, mappings) is registered with hone_arena_defer, so that unwinding releases it.
 * The runtime does not use arenas. */
#ifndef HONE_BASE_ARENA_H
#define HONE_BASE_ARENA_H

#include <stdarg.h>

#include "base/memory.h"

typedef struct hone_trap hone_trap;
typedef struct hone_arena hone_arena;

/* Runs body(ctx). When an arena of this trap runs out of memory or over its limit meanwhile, body
 * is abandoned and HONE_ERR_MEMORY or HONE_ERR_LIMIT returned. Arenas outlive the trap's run; their
 * owner frees them. Traps nest: an arena unwinds to the innermost running trap of its thread.
 * Without one running, failure to allocate aborts (assert). */
hone_status hone_trap_run(hone_status (*body)(void *ctx), void *ctx);

/* limit: the most bytes the arena may take, 0 for none. Returns HONE_ERR_MEMORY rather than
 * unwinding. */
hone_status hone_arena_create(const hone_allocator *allocator, size_t limit, hone_arena **out);
void hone_arena_destroy(hone_arena *arena); /* runs the deferred calls, newest first; takes NULL */

void *hone_arena_alloc(hone_arena *arena,
                       size_t size); /* at 16 bytes, cleared to zero; never NULL */
void *hone_arena_alloc_aligned(hone_arena *arena, size_t size,
                               size_t align); /* not cleared; never NULL */
void *hone_arena_array(hone_arena *arena, size_t count,
                       size_t size); /* cleared; count * size is checked */
void *hone_arena_copy(hone_arena *arena, const void *data, size_t size);
char *hone_arena_text(hone_arena *arena, const char *text); /* a copy */
char *hone_arena_text_n(hone_arena *arena, const char *text,
                        size_t length); /* of length bytes, terminated */
char *hone_arena_format(hone_arena *arena, const char *format, ...) HONE_PRINTF(2, 3);
void hone_arena_defer(hone_arena *arena, void (*release)(void *), void *thing);
size_t hone_arena_size(const hone_arena *arena); /* bytes taken from the allocator */

/* A growable array in an arena: struct { T *v; int n, room; } and hone_vec_push(arena, &vec) -> T
 * *, cleared. Old storage is left to the arena. */
#define HONE_VEC(T)                                                                                \
    struct {                                                                                       \
        T *v;                                                                                      \
        int n;                                                                                     \
        int room;                                                                                  \
    }
void hone_vec_grow(hone_arena *arena, void **v, int n, int *room, size_t item);
#define hone_vec_push(arena, vec)                                                                  \
    (hone_vec_grow(arena, (void **)&(vec)->v, (vec)->n, &(vec)->room, sizeof *(vec)->v),           \
     &(vec)->v[(vec)->n++])

#endif
