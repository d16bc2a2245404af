/* Constants as kernels want them: dimensions in another order, padded, in another element type. One
 * description serves all kernels. */
#include <string.h>

#include "base/dtype.h"
#include "gpu/candidate.h"

hone_gpu_packing *hone_candidate_pack(hone_candidate *c, int input, const hone_tensor *constant,
                                      hone_dtype dtype)
{
    hone_gpu_packing *p = &c->packing[input];

    *p = (hone_gpu_packing){.dtype = dtype, .rank = constant->shape.rank};
    for (int i = 0; i < p->rank; i++) {
        p->dim[i] = p->padded[i] = constant->shape.dim[i];
        p->perm[i] = i;
    }
    return p;
}

static int64_t packed_count(const hone_gpu_packing *p)
{
    int64_t n = 1;

    for (int i = 0; i < p->rank; i++)
        n *= p->padded[i];
    return n;
}

size_t hone_gpu_packed_size(const hone_gpu_packing *p)
{
    return (size_t)packed_count(p) * (size_t)hone_dtype_bits(p->dtype) / 8;
}

bool hone_gpu_packing_equal(const hone_gpu_packing *a, const hone_gpu_packing *b)
{
    bool same = a->dtype == b->dtype && (a->dtype == HONE_NONE || a->rank == b->rank);

    for (int i = 0; same && a->dtype != HONE_NONE && i < a->rank; i++)
        same = a->dim[i] == b->dim[i] && a->perm[i] == b->perm[i] && a->padded[i] == b->padded[i];
    return same;
}

/* Where the element at `index` of the packed form comes from; -1 in the padding. */
static int64_t source_of(const hone_gpu_packing *p, const int64_t *stride, int64_t index)
{
    int64_t at = 0;

    for (int i = p->rank - 1; i >= 0; i--) {
        const int64_t k = index % p->padded[i];
        index /= p->padded[i];
        if (k >= p->dim[p->perm[i]])
            return -1;
        at += k * stride[p->perm[i]];
    }
    return at;
}

void hone_gpu_pack_into(const hone_gpu_packing *p, hone_dtype dtype, const void *from, void *to)
{
    const size_t bytes = (size_t)hone_dtype_bits(dtype) / 8;
    const int64_t n = packed_count(p);
    int64_t stride[HONE_MAX_RANK + 1] = {0};

    memset(to, 0, hone_gpu_packed_size(p));
    for (int64_t i = p->rank - 1, size = 1; i >= 0; i--) {
        stride[i] = size;
        size *= p->dim[i];
    }
    for (int64_t i = 0; i < n; i++) {
        const int64_t at = source_of(p, stride, i);
        if (at < 0)
            continue;
        if (p->dtype == dtype)
            memcpy((char *)to + (size_t)i * bytes, (const char *)from + (size_t)at * bytes, bytes);
        else
            hone_element_set_double(p->dtype, to, i, hone_element_double(dtype, from, at));
    }
}
