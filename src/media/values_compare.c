/* How far one tensor is from another. One walk gathers all figures; it goes through doubles, which
 * is exact for every type but 64-bit integers, and those are compared as integers. */
#include <math.h>

#include "base/bytes.h"
#include "base/tensor.h"
#include "media/values.h"

static bool strings_equal(const hone_string *a, const hone_string *b)
{
    return hone_bytes_equal((hone_bytes){(const uint8_t *)a->data, a->size},
                            (hone_bytes){(const uint8_t *)b->data, b->size});
}

static bool is_equal(const hone_tensor *a, const hone_tensor *b, int64_t i)
{
    if (a->dtype == HONE_STRING)
        return strings_equal((const hone_string *)a->data + i, (const hone_string *)b->data + i);
    if (a->dtype == HONE_I64 || a->dtype == HONE_U64)
        return ((const uint64_t *)a->data)[i] == ((const uint64_t *)b->data)[i];
    return hone_values_at(a, i) == hone_values_at(b, i);
}

typedef struct sums {
    double apart, got, want, product; /* of squares, and of products */
} sums;

static void add_numbers(hone_values_distance *d, sums *s, double got, double want)
{
    const double apart = fabs(got - want);
    d->max_abs = fmax(d->max_abs, apart);
    if (apart > 0)
        d->max_rel = fmax(d->max_rel, apart / fabs(want));
    s->apart += apart * apart;
    s->got += got * got;
    s->want += want * want;
    s->product += got * want;
}

/* The parts of complex numbers count as numbers of their own. */
static hone_tensor as_reals(const hone_tensor *t)
{
    hone_tensor r = *t;
    if (hone_dtype_is_complex(t->dtype)) {
        r.dtype = t->dtype == HONE_C64 ? HONE_F32 : HONE_F64;
        r.shape = (hone_dims){1, {2 * hone_tensor_count(t)}};
    }
    return r;
}

hone_values_distance hone_values_compare(const hone_tensor *got, const hone_tensor *want,
                                         double rtol, double atol)
{
    const hone_tensor a = as_reals(got), b = as_reals(want);
    hone_values_distance d = {.count = hone_tensor_count(&a), .cosine = 1};
    sums s = {0};
    const bool is_float = hone_dtype_is_float(a.dtype);

    for (int64_t i = 0; i < d.count; i++) {
        const double x = hone_values_at(&a, i), y = hone_values_at(&b, i);
        const bool finite = isfinite(x) && isfinite(y);
        bool is_right = is_equal(&a, &b, i) || (isnan(x) && isnan(y));
        if (finite)
            add_numbers(&d, &s, x, y);
        if (finite && is_float)
            is_right |= fabs(x - y) <= atol + rtol * fabs(y);
        d.n_wrong += !is_right;
    }
    if (s.apart > 0)
        d.rel_l2 = s.want > 0 ? sqrt(s.apart / s.want) : INFINITY;
    if (s.got > 0 && s.want > 0)
        d.cosine = s.product / sqrt(s.got) / sqrt(s.want);
    return d;
}
