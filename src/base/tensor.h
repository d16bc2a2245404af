/* Helpers on public dims and tensors. */
#ifndef HONE_BASE_TENSOR_H
#define HONE_BASE_TENSOR_H

#include "base/dtype.h"

/* The number of elements; 1 for a scalar. false on overflow or a negative extent. */
bool hone_dims_count(const hone_dims *dims, int64_t *out);
static inline int64_t hone_dims_count_or_zero(const hone_dims *dims)
{
    int64_t n = 0;
    return hone_dims_count(dims, &n) ? n : 0;
}
bool hone_dims_equal(const hone_dims *a, const hone_dims *b);
bool hone_dims_size(hone_dtype dtype, const hone_dims *dims, size_t *out); /* bytes */

/* Row-major element strides. */
void hone_dims_strides(const hone_dims *dims, int64_t strides[HONE_MAX_RANK]);

/* Multidirectional broadcasting; false where the shapes do not fit. */
bool hone_dims_broadcast(const hone_dims *a, const hone_dims *b, hone_dims *out);

/* "1x3x224x224", "scalar"; returns text. */
#define HONE_DIMS_TEXT 176
const char *hone_dims_text(const hone_dims *dims, char text[HONE_DIMS_TEXT]);

static inline int64_t hone_tensor_count(const hone_tensor *t)
{
    return hone_dims_count_or_zero(&t->shape);
}

#endif
