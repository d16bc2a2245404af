/* A span of bytes that somebody else owns, and little-endian reads and writes. */
#ifndef HONE_BASE_BYTES_H
#define HONE_BASE_BYTES_H

#include <string.h>

#include "base/memory.h"

typedef struct hone_bytes {
    const uint8_t *data;
    size_t size;
} hone_bytes;

static inline bool hone_bytes_equal(hone_bytes a, hone_bytes b)
{
    return a.size == b.size && (a.size == 0 || memcmp(a.data, b.data, a.size) == 0);
}

static inline bool hone_bytes_is(hone_bytes a, const char *text)
{
    return a.size == strlen(text) && (a.size == 0 || memcmp(a.data, text, a.size) == 0);
}

/* XXH3 of 64 bits; also the hash behind every table of the builder. */
uint64_t hone_hash(const void *data, size_t size, uint64_t seed);

#endif
