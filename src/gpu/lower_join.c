/* Concatenation and split: all parts by one launch, as many as a kernel's parameters hold. The one
 * idea: with what is outside the axis as rows, parts are runs of columns. */
#include "gpu/lower.h"

#define MOST_PARTS 24 /* addresses in one launch */

/* A whole and its parts as rows. */
typedef struct join {
    bool is_split;
    int n;
    const hone_tensor *whole;
    const hone_tensor *const *part;
    int64_t rows, inner; /* inner: elements of one step along the axis */
    int axis, bytes;     /* of an element, then of a word */
} join;

static int element_bytes(hone_dtype dtype)
{
    const int bits = dtype == HONE_STRING ? 0 : hone_dtype_bits(dtype);

    return bits >= 8 && bits <= 64 ? bits / 8 : 0;
}

/* The columns of a part, in bytes. */
static int64_t width_of(const join *j, int k)
{
    return j->part[k]->shape.dim[j->axis] * j->inner * element_bytes(j->whole->dtype);
}

/* The longest word of which all parts have whole numbers. */
static int word_of(const join *j)
{
    int bytes = 16;

    for (int k = 0; k < j->n; k++)
        while (width_of(j, k) % bytes)
            bytes /= 2;
    return bytes;
}

static void offer(hone_lower *lower, const join *j, int first, int end, int64_t at, int threads)
{
    hone_candidate *c = hone_lower_candidate(lower, "join");
    int64_t begin[MOST_PARTS + 1] = {at};
    int n = 0, part[MOST_PARTS];

    if (!c)
        return;
    for (int k = first; k < end; k++)
        if (width_of(j, k) > 0) {
            part[n] = k;
            begin[n + 1] = begin[n] + width_of(j, k) / j->bytes;
            n++;
        }
    const int64_t row =
        j->whole->shape.dim[j->axis] * j->inner * element_bytes(j->whole->dtype) / j->bytes;
    const int64_t count = j->rows * (begin[n] - begin[0]);
    hone_knob_word(c, "word", j->bytes);
    hone_knob_bool(c, "IS_SPLIT", j->is_split);
    hone_knob_int(c, "PARTS", n);
    hone_knob_ints(c, "BEGIN", begin, n + 1);
    hone_knob_int(c, "ROW", row);
    hone_knob_int(c, "COUNT", count);
    hone_knob_int(c, "THREADS", threads);
    hone_knob_index(c, j->rows * row);
    for (int i = -1; i < n; i++) {
        const bool is_out = j->is_split == (i >= 0);
        const int index = i < 0 ? 0 : part[i];
        if (is_out)
            hone_candidate_out(c, index);
        else
            hone_candidate_in(c, index);
        c->args[c->n_args - 1].is_joined = i > 0;
    }
    hone_launch(c, count, threads);
}

/* Launches of parts that have something, so many at a time. */
static void offer_all(hone_lower *lower, join *j)
{
    int64_t at = 0;

    j->bytes = word_of(j);
    for (int first = 0, end; first < j->n; first = end) {
        int n = 0;
        int64_t width = 0;
        for (end = first; end < j->n && n < MOST_PARTS; end++) {
            n += width_of(j, end) > 0;
            width += width_of(j, end) / j->bytes;
        }
        if (n == 0)
            continue;
        hone_lower_part(lower);
        offer(lower, j, first, end, at, 128);
        offer(lower, j, first, end, at, 256);
        at += width;
    }
}

/* Fills in what follows from the whole; false where kernels have not the type. */
static bool set_rows(join *j, int64_t axis)
{
    const hone_dims *d = &j->whole->shape;

    if (hone_axis_normalize(axis, d->rank, &j->axis) != HONE_OK || !element_bytes(j->whole->dtype))
        return false;
    j->rows = j->inner = 1;
    for (int i = 0; i < d->rank; i++) {
        if (i != j->axis)
            *(i < j->axis ? &j->rows : &j->inner) *= d->dim[i];
    }
    for (int k = 0; k < j->n; k++)
        if (!j->part[k] || j->part[k]->dtype != j->whole->dtype)
            return false; /* where the others begin is not known then */
    return true;
}

hone_status hone_gpu_concat(hone_lower *lower)
{
    join j = {.n = lower->n_in, .whole = lower->out[0], .part = lower->in};

    if (set_rows(&j, lower->attrs->concat.axis))
        offer_all(lower, &j);
    return HONE_OK;
}

hone_status hone_gpu_split(hone_lower *lower)
{
    join j = {.is_split = true, .n = lower->n_out, .whole = lower->in[0], .part = lower->out};

    if (set_rows(&j, lower->attrs->split.axis))
        offer_all(lower, &j);
    return HONE_OK;
}
