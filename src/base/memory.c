/* The default allocator, and allocation that reports what it could not get. It pools and counts
 * nothing: arenas and plans take few and large pieces. */
#include "base/memory.h"

#include <stdlib.h>
#include <string.h>

static void *system_alloc(void *user, size_t size, size_t align)
{
    (void)user;
    if (size > PTRDIFF_MAX - align)
        return NULL;
    return aligned_alloc(align, hone_align_up(size, align));
}

static void system_free(void *user, void *memory, size_t size)
{
    (void)user;
    (void)size;
    free(memory);
}

const hone_allocator hone_allocator_default = {1, NULL, system_alloc, system_free};

hone_status hone_alloc_aligned(const hone_allocator *allocator, size_t size, size_t align,
                               void **out)
{
    const hone_allocator *a = allocator ? allocator : &hone_allocator_default;
    void *memory = a->alloc(a->user, size ? size : 1, align);

    if (!memory)
        return hone_error(HONE_ERR_MEMORY, "allocating %zu bytes: out of memory", size);
    *out = memory;
    return HONE_OK;
}

hone_status hone_alloc(const hone_allocator *allocator, size_t size, void **out)
{
    return hone_alloc_aligned(allocator, size, 16, out);
}

hone_status hone_alloc_zero(const hone_allocator *allocator, size_t size, void **out)
{
    HONE_TRY(hone_alloc(allocator, size, out));
    memset(*out, 0, size);
    return HONE_OK;
}

void hone_free(const hone_allocator *allocator, void *memory, size_t size)
{
    const hone_allocator *a = allocator ? allocator : &hone_allocator_default;

    if (memory)
        a->free(a->user, memory, size ? size : 1);
}
