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

/* Where the run number `index` of the packed form, along its last dimension, comes from; -1 in the
 * padding. */
static int64_t source_of(const hone_gpu_packing *p, const int64_t *stride, int64_t index)
{
    int64_t at = 0;

    for (int i = p->rank - 2; i >= 0; i--) {
        const int64_t k = index % p->padded[i];
        index /= p->padded[i];
        if (k >= p->dim[p->perm[i]])
            return -1;
        at += k * stride[p->perm[i]];
    }
    return at;
}

/* n elements, `step` apart where they come from, beside each other where they go. */
typedef struct run {
    const void *from;
    int64_t at, step, n;
    void *to;
    int64_t to_at;
} run;

static void copy_run(const run *r, size_t bytes)
{
    const char *from = (const char *)r->from + (size_t)r->at * bytes;
    char *to = (char *)r->to + (size_t)r->to_at * bytes;

    for (int64_t i = 0; i < r->n; i++)
        memcpy(to + (size_t)i * bytes, from + (size_t)(i * r->step) * bytes, bytes);
}

static void convert_run(const run *r, hone_dtype from, hone_dtype to)
{
    for (int64_t i = 0; i < r->n; i++)
        hone_element_set_double(to, r->to, r->to_at + i,
                                hone_element_double(from, r->from, r->at + i * r->step));
}

void hone_gpu_pack_into(const hone_gpu_packing *p, hone_dtype dtype, const void *from, void *to)
{
    const size_t bytes = (size_t)hone_dtype_bits(dtype) / 8;
    const int last = p->rank - 1;
    const int64_t length = p->rank ? p->padded[last] : 1, n = packed_count(p) / HONE_MAX(length, 1);
    int64_t stride[HONE_MAX_RANK + 1] = {0};

    memset(to, 0, hone_gpu_packed_size(p));
    for (int64_t i = p->rank - 1, size = 1; i >= 0; i--) {
        stride[i] = size;
        size *= p->dim[i];
    }
    run r = {.from = from, .n = 1, .to = to};
    if (p->rank) {
        r.step = stride[p->perm[last]];
        r.n = HONE_MIN(p->dim[p->perm[last]], length);
    }
    for (int64_t i = 0; i < n; i++) {
        r.at = source_of(p, stride, i);
        r.to_at = i * length;
        if (r.at >= 0 && p->dtype == dtype)
            copy_run(&r, bytes);
        else if (r.at >= 0)
            convert_run(&r, dtype, p->dtype);
    }
}
