/* The hash of Hone: XXH3, from its header alone, so that there is no library to link. */
#include "base/bytes.h"

#define XXH_INLINE_ALL
#include <xxhash.h>

uint64_t hone_hash(const void *data, size_t size, uint64_t seed)
{
    return XXH3_64bits_withSeed(data, size, seed);
}
