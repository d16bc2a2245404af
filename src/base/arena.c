/* Arenas and traps. The idea: blocks that only grow, freed together; and one setjmp at the entry of
 * a build, to which an arena unwinds when memory runs out, so that the code between has no error
 * paths for it. It frees nothing singly. */
#include "base/arena.h"

#include <assert.h>
#include <setjmp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum {
    BLOCK_FIRST = 16 << 10,
    BLOCK_LAST = 4 << 20,
    ARENA_ALIGN = 16
};

struct hone_trap {
    jmp_buf env;
    hone_status status;
    struct hone_trap *outer;
};

typedef struct block {
    struct block *next;
    size_t size; /* of the whole, this head included */
} block;

typedef struct deferred {
    void (*release)(void *);
    void *thing;
    struct deferred *next;
} deferred;

struct hone_arena {
    const hone_allocator *allocator;
    size_t limit, taken, next_size;
    block *blocks;
    deferred *deferred;
    uint8_t *at, *end; /* free room in the newest shared block */
};

static HONE_THREAD_LOCAL hone_trap *trap_running;

hone_status hone_trap_run(hone_status (*body)(void *ctx), void *ctx)
{
    hone_trap trap;

    trap.outer = trap_running;
    trap.status = HONE_OK;
    trap_running = &trap;
    if (setjmp(trap.env) == 0)
        trap.status = body(ctx);
    trap_running = trap.outer;
    return trap.status;
}

static HONE_NORETURN void unwind(hone_status status)
{
    assert(trap_running && "an arena ran out of memory outside of hone_trap_run");
    if (!trap_running)
        abort();
    trap_running->status = status;
    longjmp(trap_running->env, 1);
}

hone_status hone_arena_create(const hone_allocator *allocator, size_t limit, hone_arena **out)
{
    hone_arena *arena;

    HONE_TRY(hone_alloc_zero(allocator, sizeof *arena, (void **)&arena));
    arena->allocator = allocator;
    arena->limit = limit ? limit : SIZE_MAX;
    arena->next_size = BLOCK_FIRST;
    *out = arena;
    return HONE_OK;
}

void hone_arena_destroy(hone_arena *arena)
{
    if (!arena)
        return;
    for (deferred *d = arena->deferred; d; d = d->next)
        d->release(d->thing);
    for (block *b = arena->blocks, *next; b; b = next) {
        next = b->next;
        hone_free(arena->allocator, b, b->size);
    }
    hone_free(arena->allocator, arena, sizeof *arena);
}

/* A new block with room for `payload` bytes behind its head. */
static uint8_t *add_block(hone_arena *arena, size_t payload, size_t align)
{
    const size_t head = hone_align_up(sizeof(block), align);
    size_t size;
    block *b;

    if (!hone_size_add(head, payload, &size) || size > arena->limit - arena->taken)
        unwind(hone_error(HONE_ERR_LIMIT,
                          "taking %zu bytes beyond the %zu in use: the limit is %zu bytes", payload,
                          arena->taken, arena->limit));
    const hone_status st = hone_alloc_aligned(arena->allocator, size, align, (void **)&b);
    if (st != HONE_OK)
        unwind(st);
    b->next = arena->blocks;
    b->size = size;
    arena->blocks = b;
    arena->taken += size;
    return (uint8_t *)b + head;
}

/* Starts a shared block: as large as planned, smaller where the limit is near. */
static void start_block(hone_arena *arena, size_t size)
{
    const size_t left = arena->limit - arena->taken,
                 head = hone_align_up(sizeof(block), ARENA_ALIGN);
    size_t payload = HONE_MAX(arena->next_size, size);

    if (payload > size && (left < head || payload > left - head))
        payload = size;
    arena->at = add_block(arena, payload, ARENA_ALIGN);
    arena->end = arena->at + payload;
    if (arena->next_size < BLOCK_LAST)
        arena->next_size *= 2;
}

void *hone_arena_alloc_aligned(hone_arena *arena, size_t size, size_t align)
{
    if (align > ARENA_ALIGN || size >= arena->next_size / 2)
        return add_block(arena, size, HONE_MAX(align, ARENA_ALIGN));

    const size_t step = hone_align_up(size ? size : 1, ARENA_ALIGN);
    if (step > (size_t)(arena->end - arena->at))
        start_block(arena, step);
    uint8_t *memory = arena->at;
    arena->at += step;
    return memory;
}

void *hone_arena_alloc(hone_arena *arena, size_t size)
{
    return memset(hone_arena_alloc_aligned(arena, size, ARENA_ALIGN), 0, size);
}

void *hone_arena_array(hone_arena *arena, size_t count, size_t size)
{
    size_t total;

    if (!hone_size_mul(count, size, &total))
        unwind(hone_error(HONE_ERR_LIMIT,
                          "taking %zu items of %zu bytes: more than memory can address", count,
                          size));
    return hone_arena_alloc(arena, total);
}

void *hone_arena_copy(hone_arena *arena, const void *data, size_t size)
{
    void *copy = hone_arena_alloc_aligned(arena, size, ARENA_ALIGN);

    if (size > 0)
        memcpy(copy, data, size);
    return copy;
}

char *hone_arena_text_n(hone_arena *arena, const char *text, size_t length)
{
    char *copy = hone_arena_alloc_aligned(arena, length + 1, ARENA_ALIGN);

    if (length > 0)
        memcpy(copy, text, length);
    copy[length] = 0;
    return copy;
}

char *hone_arena_text(hone_arena *arena, const char *text)
{
    return hone_arena_text_n(arena, text, strlen(text));
}

char *hone_arena_format(hone_arena *arena, const char *format, ...)
{
    char line[256]; /* most texts fit, and are formatted once */
    va_list args, again;

    va_start(args, format);
    va_copy(again, args);
    const int length = vsnprintf(line, sizeof line, format, args);
    va_end(args);
    const size_t size = (length < 0 ? 0 : (size_t)length) + 1;
    char *text = hone_arena_alloc(arena, size);
    if (size <= sizeof line)
        memcpy(text, line, size - 1);
    else
        vsnprintf(text, size, format, again);
    va_end(again);
    return text;
}

void hone_arena_defer(hone_arena *arena, void (*release)(void *), void *thing)
{
    deferred *d = hone_arena_alloc(arena, sizeof *d);

    *d = (deferred){release, thing, arena->deferred};
    arena->deferred = d;
}

size_t hone_arena_size(const hone_arena *arena)
{
    return arena->taken;
}

void hone_vec_grow(hone_arena *arena, void **v, int n, int *room, size_t item)
{
    void *items;

    memcpy(&items, v, sizeof items); /* *v is a T *, whatever T is */
    if (n == *room) {
        if (n > INT32_MAX / 2)
            unwind(hone_error(HONE_ERR_LIMIT, "growing a list beyond %d items", n));
        const int grown = n < 8 ? 8 : 2 * n;
        void *copy = hone_arena_array(arena, (size_t)grown, item);
        if (n > 0)
            memcpy(copy, items, (size_t)n * item);
        items = copy;
        memcpy(v, &items, sizeof items);
        *room = grown;
    }
    memset((uint8_t *)items + (size_t)n * item, 0, item);
}
