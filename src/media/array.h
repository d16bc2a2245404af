/* What the readers of arrays share: owned memory for a tensor. */
#ifndef HONE_MEDIA_ARRAY_H
#define HONE_MEDIA_ARRAY_H

#include "base/bytes.h"
#include "base/tensor.h"
#include "hone/media.h"

/* Makes *out a tensor with room for its elements and `extra` bytes after them (where strings keep
 * their letters), not cleared. On error *out is untouched. */
hone_status hone_array_make(hone_dtype dtype, const hone_dims *shape, size_t extra,
                            hone_array *out);

/* The `extra` bytes of a tensor made so. */
static inline char *hone_array_extra(const hone_array *array)
{
    return (char *)array->tensor.data + array->tensor.size;
}

/* An .npy file in memory. */
hone_status hone_npy_parse(hone_bytes file, hone_array *out);

/* Member `name` (also as name.npy) of an .npz in memory; NULL: the first where take_first, else the
 * only one. */
hone_status hone_npz_parse(hone_bytes file, const char *name, bool take_first, hone_array *out);
bool hone_npz_matches(hone_bytes file);

#endif
