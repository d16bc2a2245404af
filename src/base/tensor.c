/* Arithmetic on extents that are numbers. Nothing here knows of symbols: see op/extent.h. */
#include "base/tensor.h"

#include <inttypes.h>
#include <stdio.h>

bool hone_dims_count(const hone_dims *dims, int64_t *out)
{
    int64_t n = 1;
    bool is_empty = false;

    if (dims->rank < 0)
        return false;
    for (int i = 0; i < dims->rank; i++) {
        if (dims->dim[i] < 0)
            return false;
        is_empty |= dims->dim[i] == 0;
    }
    for (int i = 0; i < dims->rank && !is_empty; i++)
        if (!hone_int_mul(n, dims->dim[i], &n))
            return false;
    *out = is_empty ? 0 : n;
    return true;
}

bool hone_dims_equal(const hone_dims *a, const hone_dims *b)
{
    if (a->rank != b->rank)
        return false;
    for (int i = 0; i < a->rank; i++)
        if (a->dim[i] != b->dim[i])
            return false;
    return true;
}

bool hone_dims_size(hone_dtype dtype, const hone_dims *dims, size_t *out)
{
    int64_t n;

    return hone_dims_count(dims, &n) && hone_dtype_size(dtype, n, out);
}

void hone_dims_strides(const hone_dims *dims, int64_t strides[HONE_MAX_RANK])
{
    int64_t stride = 1;

    for (int i = dims->rank - 1; i >= 0; i--) {
        strides[i] = stride;
        stride *= HONE_MAX(dims->dim[i], 1);
    }
}

bool hone_dims_broadcast(const hone_dims *a, const hone_dims *b, hone_dims *out)
{
    const int rank = HONE_MAX(a->rank, b->rank);
    hone_dims dims = {.rank = rank};

    for (int i = 0; i < rank; i++) {
        const int ia = i - (rank - a->rank), ib = i - (rank - b->rank);
        const int64_t da = ia < 0 ? 1 : a->dim[ia], db = ib < 0 ? 1 : b->dim[ib];
        if (da != db && da != 1 && db != 1)
            return false;
        dims.dim[i] = da == 1 ? db : da;
    }
    *out = dims;
    return true;
}

const char *hone_dims_text(const hone_dims *dims, char text[HONE_DIMS_TEXT])
{
    size_t at = 0;

    if (dims->rank <= 0)
        return dims->rank == 0 ? "scalar" : "of unknown rank";
    for (int i = 0; i < dims->rank; i++)
        at += (size_t)snprintf(text + at, HONE_DIMS_TEXT - at, "%s%" PRId64, i ? "x" : "",
                               dims->dim[i]);
    return text;
}
