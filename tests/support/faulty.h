/* An allocator for tests: counts what is out, and fails at the n-th call if asked to. */
#ifndef HONE_TESTS_FAULTY_H
#define HONE_TESTS_FAULTY_H

#include <stdlib.h>

#include "hone/types.h"

typedef struct faulty {
    long calls;   /* so far */
    long fail_at; /* this call gets NULL, and all after it; 0: none */
    long live;    /* allocations not yet freed */
    size_t bytes; /* of them */
} faulty;

static inline void *faulty_alloc(void *user, size_t size, size_t align)
{
    faulty *f = user;

    f->calls++;
    if (f->fail_at && f->calls >= f->fail_at)
        return NULL;
    f->live++;
    f->bytes += size;
    return aligned_alloc(align, (size + align - 1) / align * align);
}

static inline void faulty_free(void *user, void *memory, size_t size)
{
    faulty *f = user;

    f->live--;
    f->bytes -= size;
    free(memory);
}

static inline hone_allocator faulty_allocator(faulty *f)
{
    return (hone_allocator){1, f, faulty_alloc, faulty_free};
}

#endif
