/* What the fuzz targets share: the entry that libFuzzer and replay.c call, and an allocator that
 * refuses more than a bound, so that a file cannot make a reader take memory out of proportion. */
#ifndef HONE_FUZZ_FUZZ_H
#define HONE_FUZZ_FUZZ_H

#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include "hone/types.h"

#define FUZZ_MEMORY ((size_t)256 << 20)

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static inline void *fuzz_alloc(void *user, size_t size, size_t align)
{
    size_t *taken = user;
    void *memory = NULL;

    if (size > FUZZ_MEMORY - *taken)
        return NULL;
    if (posix_memalign(&memory, align < sizeof(void *) ? sizeof(void *) : align, size ? size : 1))
        return NULL;
    *taken += size;
    return memory;
}

static inline void fuzz_free(void *user, void *memory, size_t size)
{
    size_t *taken = user;

    if (!memory)
        return;
    *taken -= size;
    free(memory);
}

/* Ends the program where memory was not given back. */
static inline void fuzz_check_freed(const size_t *taken)
{
    if (*taken != 0)
        abort();
}

#endif
