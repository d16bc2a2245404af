/* Looking at tensors and making them up, for tools. Slow and general: every element goes through a
 * double, so nothing here belongs into what runs per inference. */
#include "media/values.h"

#include <math.h>
#include <stdio.h>

#include "media/array.h"
#include "media/npy.h"

int64_t hone_values_count(const hone_tensor *tensor)
{
    return hone_tensor_count(tensor);
}

bool hone_values_size(hone_dtype dtype, const hone_dims *shape, size_t *out)
{
    return hone_dims_size(dtype, shape, out);
}

bool hone_values_same_shape(const hone_dims *a, const hone_dims *b)
{
    return hone_dims_equal(a, b);
}

const char *hone_values_shape_text(const hone_dims *shape, char text[HONE_VALUES_TEXT])
{
    size_t n = 0;
    if (shape->rank <= 0) {
        snprintf(text, HONE_VALUES_TEXT, "%s", shape->rank == 0 ? "scalar" : "any shape");
        return text;
    }
    for (int i = 0; i < shape->rank; i++) {
        const char *by = i ? "x" : "";
        const int64_t extent = shape->dim[i];
        n += (size_t)(extent < 0 ? snprintf(text + n, HONE_VALUES_TEXT - n, "%s?", by)
                                 : snprintf(text + n, HONE_VALUES_TEXT - n, "%s%lld", by,
                                            (long long)extent));
    }
    return text;
}

double hone_values_at(const hone_tensor *tensor, int64_t i)
{
    switch (tensor->dtype) {
    case HONE_STRING: return 0;
    case HONE_C64: return ((const float *)tensor->data)[2 * i];
    case HONE_C128: return ((const double *)tensor->data)[2 * i];
    default: return hone_element_double(tensor->dtype, tensor->data, i);
    }
}

static void print_string(const hone_string *s, char *text, size_t room)
{
    size_t n = 0;
    text[n++] = '"';
    for (size_t i = 0; i < s->size && n + 2 < room; i++)
        text[n++] = (unsigned char)s->data[i] < ' ' ? '.' : s->data[i];
    text[n++] = '"';
    text[n] = '\0';
}

void hone_values_print(const hone_tensor *tensor, int64_t i, char *text, size_t room)
{
    const hone_dtype dtype = tensor->dtype;
    const double x = hone_values_at(tensor, i);
    if (dtype == HONE_STRING)
        print_string((const hone_string *)tensor->data + i, text, room);
    else if (dtype == HONE_BOOL)
        snprintf(text, room, "%s", x != 0 ? "true" : "false");
    else if (dtype == HONE_C64)
        snprintf(text, room, "%.4g%+.4gi", x, (double)((const float *)tensor->data)[2 * i + 1]);
    else if (dtype == HONE_C128)
        snprintf(text, room, "%.4g%+.4gi", x, ((const double *)tensor->data)[2 * i + 1]);
    else if (dtype == HONE_U64)
        snprintf(text, room, "%llu", (unsigned long long)((const uint64_t *)tensor->data)[i]);
    else if (hone_dtype_is_integer(dtype))
        snprintf(text, room, "%lld", (long long)hone_element_int(dtype, tensor->data, i));
    else
        snprintf(text, room, "%.5g", x);
}

hone_values_summary hone_values_summarize(const hone_tensor *tensor)
{
    hone_values_summary s = {.count = hone_tensor_count(tensor), .min = INFINITY, .max = -INFINITY};
    double sum = 0;
    for (int64_t i = 0; i < s.count; i++) {
        const double x = hone_values_at(tensor, i);
        if (!isfinite(x)) {
            *(isnan(x) ? &s.n_nan : &s.n_infinite) += 1;
            continue;
        }
        s.min = fmin(s.min, x);
        s.max = fmax(s.max, x);
        sum += x;
    }
    const int64_t n_finite = s.count - s.n_nan - s.n_infinite;
    s.mean = n_finite ? sum / (double)n_finite : 0;
    if (!n_finite)
        s.min = s.max = 0;
    return s;
}

/* SplitMix64 (Steele, Lea and Flood, 2014): small, and the same on every machine. */
static uint64_t next_random(uint64_t *seed)
{
    uint64_t z = *seed += 0x9e3779b97f4a7c15u;
    z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9u;
    z = (z ^ z >> 27) * 0x94d049bb133111ebu;
    return z ^ z >> 31;
}

static double uniform(uint64_t *seed)
{
    return (double)(next_random(seed) >> 11) * 0x1p-53;
}

static void fill_complex(hone_tensor *tensor, int64_t n, uint64_t *seed)
{
    for (int64_t i = 0; i < 2 * n; i++)
        if (tensor->dtype == HONE_C64)
            ((float *)tensor->data)[i] = (float)uniform(seed);
        else
            ((double *)tensor->data)[i] = uniform(seed);
}

void hone_values_fill(hone_tensor *tensor, uint64_t *seed)
{
    const int64_t n = hone_tensor_count(tensor);
    if (tensor->dtype == HONE_STRING) {
        for (int64_t i = 0; i < n; i++)
            ((hone_string *)tensor->data)[i] = (hone_string){"", 0};
        return;
    }
    if (hone_dtype_is_complex(tensor->dtype)) {
        fill_complex(tensor, n, seed);
        return;
    }
    for (int64_t i = 0; i < n; i++) {
        const uint64_t bits =
            tensor->dtype == HONE_U8 ? next_random(seed) >> 56 : next_random(seed) >> 63;
        if (hone_dtype_is_float(tensor->dtype))
            hone_element_set_double(tensor->dtype, tensor->data, i, uniform(seed));
        else
            hone_element_set_int(tensor->dtype, tensor->data, i, (int64_t)bits);
    }
}

bool hone_values_fit_npy(hone_dtype dtype)
{
    for (int i = 0; i < HONE_COUNT(hone_npy_types); i++)
        if (hone_npy_types[i].dtype == dtype)
            return true;
    return false;
}
