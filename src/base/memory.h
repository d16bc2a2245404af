/* Allocation through the caller's allocator, and size arithmetic that cannot overflow. */
#ifndef HONE_BASE_MEMORY_H
#define HONE_BASE_MEMORY_H

#include "base/error.h"

#define HONE_ALIGNMENT 64 /* of every buffer that kernels see: a cache line, a 512-bit vector */

/* The allocator to use where the caller gave NULL: aligned_alloc and free. */
extern const hone_allocator hone_allocator_default;

/* Allocates size bytes (at least 1) at `align`; HONE_ERR_MEMORY says how many were asked for.
 * `allocator` may be NULL. */
hone_status hone_alloc_aligned(const hone_allocator *allocator, size_t size, size_t align,
                               void **out);
hone_status hone_alloc(const hone_allocator *allocator, size_t size, void **out); /* at 16 */
hone_status hone_alloc_zero(const hone_allocator *allocator, size_t size,
                            void **out);                                    /* at 16, cleared */
void hone_free(const hone_allocator *allocator, void *memory, size_t size); /* takes NULL */

/* false on overflow, and *out untouched. For all numbers that come from a file. */
static inline bool hone_size_mul(size_t a, size_t b, size_t *out)
{
    size_t r;
    if (__builtin_mul_overflow(a, b, &r))
        return false;
    *out = r;
    return true;
}

static inline bool hone_size_add(size_t a, size_t b, size_t *out)
{
    size_t r;
    if (__builtin_add_overflow(a, b, &r))
        return false;
    *out = r;
    return true;
}

static inline bool hone_int_mul(int64_t a, int64_t b, int64_t *out)
{
    int64_t r;
    if (__builtin_mul_overflow(a, b, &r))
        return false;
    *out = r;
    return true;
}

static inline bool hone_int_add(int64_t a, int64_t b, int64_t *out)
{
    int64_t r;
    if (__builtin_add_overflow(a, b, &r))
        return false;
    *out = r;
    return true;
}

static inline size_t hone_align_up(size_t n, size_t align)
{
    return (n + align - 1) & ~(align - 1);
}

#endif
