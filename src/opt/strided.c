/* Strided views: a value that is only moved elements of another, seen in that other's memory. The
 * one idea: a view keeps the flat index, so only movements need work; each changes the flat index
 * digit by digit, and a dimension of ours that runs over two of its digits is split in two. Nothing
 * is changed here. */
#include "opt/strided.h"

/* A movement as the digits of its output see its input: digit j of extent dim[j] steps by step[j],
 * from `from` on. */
typedef struct digits {
    int rank;
    int64_t dim[HONE_MAX_RANK], step[HONE_MAX_RANK];
    int64_t from;
} digits;

static bool is_static(const hone_value *v, hone_dims *dims)
{
    return v->type.kind == HONE_KIND_TENSOR && hone_shape_dims(&v->type.shape, dims) &&
           hone_dims_count_or_zero(dims) > 0;
}

/* ---- movements as digits ---- */

/* The output has the input's digits, so far. */
static void same_digits(const hone_dims *x, digits *d)
{
    d->rank = x->rank;
    d->from = 0;
    hone_dims_strides(x, d->step);
    for (int i = 0; i < x->rank; i++)
        d->dim[i] = x->dim[i];
}

static void drop_digit(digits *d, int axis)
{
    d->rank--;
    for (int i = axis; i < d->rank; i++) {
        d->dim[i] = d->dim[i + 1];
        d->step[i] = d->step[i + 1];
    }
}

static bool of_transpose(const hone_node *n, const hone_dims *x, digits *d)
{
    int64_t step[HONE_MAX_RANK];
    const hone_ints perm = n->attrs.transpose.perm;

    hone_dims_strides(x, step);
    for (int i = 0; i < x->rank; i++) {
        const int64_t from = perm.n == x->rank ? perm.v[i] : x->rank - 1 - i;
        d->dim[i] = x->dim[from];
        d->step[i] = step[from];
    }
    return true;
}

static bool of_gather(const hone_node *n, const hone_dims *x, digits *d)
{
    int64_t index;
    int count = 0, axis;
    const int rank = hone_rank_of(n->in[1]);

    if (rank < 0 || rank > 1 || !hone_value_ints(n->in[1], &index, 1, &count) || count != 1 ||
        hone_axis_normalize(n->attrs.gather.axis, x->rank, &axis) != HONE_OK)
        return false;
    index += index < 0 ? x->dim[axis] : 0;
    if (index < 0 || index >= x->dim[axis])
        return false;
    d->from = index * d->step[axis];
    if (rank == 1)
        d->dim[axis] = 1;
    else
        drop_digit(d, axis);
    return true;
}

static bool of_slice(const hone_node *n, const hone_dims *x, digits *d)
{
    int64_t starts[HONE_MAX_RANK], axes[HONE_MAX_RANK], steps[HONE_MAX_RANK];
    int count = 0, n_axes = 0, n_steps = 0;
    hone_dims y;

    if (!is_static(n->out[0], &y) || !hone_value_ints(n->in[1], starts, HONE_MAX_RANK, &count) ||
        (hone_input(n, 3) != NULL && !hone_value_ints(n->in[3], axes, HONE_MAX_RANK, &n_axes)) ||
        (hone_input(n, 4) != NULL && !hone_value_ints(n->in[4], steps, HONE_MAX_RANK, &n_steps)))
        return false;
    for (int k = 0; k < count; k++) {
        int axis;
        const int64_t step = n_steps > 0 ? steps[k] : 1;
        if (step < 1 || hone_axis_normalize(n_axes > 0 ? axes[k] : k, x->rank, &axis) != HONE_OK)
            return false;
        const int64_t start = starts[k] + (starts[k] < 0 ? x->dim[axis] : 0);
        d->from += HONE_MIN(HONE_MAX(start, 0), x->dim[axis]) * d->step[axis];
        d->step[axis] *= step;
    }
    for (int i = 0; i < y.rank; i++)
        d->dim[i] = y.dim[i];
    return true;
}

static bool of_split(const hone_node *n, int part, const hone_dims *x, digits *d)
{
    int axis;
    hone_dims y;

    if (hone_axis_normalize(n->attrs.split.axis, x->rank, &axis) != HONE_OK)
        return false;
    for (int k = 0; k <= part; k++) {
        if (n->out[k] == NULL || !is_static(n->out[k], &y))
            return false;
        d->dim[axis] = y.dim[axis];
        d->from += k < part ? y.dim[axis] * d->step[axis] : 0;
    }
    return true;
}

static bool digits_of(const hone_value *v, const hone_dims *x, digits *d)
{
    const hone_node *n = v->def;

    same_digits(x, d);
    switch (n->op) {
    case HONE_OP_transpose: return of_transpose(n, x, d);
    case HONE_OP_gather: return of_gather(n, x, d);
    case HONE_OP_slice: return of_slice(n, x, d);
    case HONE_OP_split: return of_split(n, v->def_index, x, d);
    default: return false;
    }
}

/* ---- our dimensions through them ---- */

static void push(hone_strided *s, int64_t dim, int64_t stride)
{
    if (dim == 1)
        return;
    s->dim[s->rank] = dim;
    s->stride[s->rank++] = stride;
}

/* The digit that a stride steps, given the flat strides of the digits. -1: none evenly. */
static int digit_at(const digits *d, const int64_t *flat, int64_t stride)
{
    for (int j = 0; j < d->rank; j++)
        if (d->dim[j] > 1 && flat[j] <= stride)
            return stride % flat[j] == 0 ? j : -1;
    return -1;
}

/* Puts one of our dimensions, of flat steps `stride`, into `out` as steps of the input; the outer
 * part first. `left`: how far each digit may still go. */
static bool carry(const digits *d, const int64_t *flat, int64_t *left, int64_t dim, int64_t stride,
                  hone_strided *out)
{
    int64_t inner[HONE_STRIDED_RANK], step[HONE_STRIDED_RANK];
    int n = 0;

    while (dim > 1) {
        const int j = digit_at(d, flat, stride);
        if (j < 0 || n == HONE_STRIDED_RANK)
            return false;
        const int64_t m = stride / flat[j], room = left[j] / m + 1;
        const int64_t here = HONE_MIN(dim, room);
        /* What goes on to the next digit has to fill this one from its beginning. */
        if (here < dim && (m != 1 || left[j] != d->dim[j] - 1 || dim % here != 0))
            return false;
        left[j] -= (here - 1) * m;
        inner[n] = here;
        step[n++] = m * d->step[j];
        dim /= here;
        stride *= here;
    }
    while (n > 0) {
        n--;
        if (out->rank == HONE_STRIDED_RANK)
            return false;
        push(out, inner[n], step[n]);
    }
    return true;
}

static bool through(hone_strided *s, const digits *d)
{
    hone_strided out = {.base = s->base};
    int64_t flat[HONE_MAX_RANK], left[HONE_MAX_RANK], offset = s->offset, step = 1;

    for (int j = d->rank - 1; j >= 0; j--) {
        flat[j] = step;
        step *= d->dim[j];
    }
    out.offset = d->from;
    for (int j = 0; j < d->rank; j++) {
        const int64_t at = offset / flat[j];
        offset %= flat[j];
        out.offset += at * d->step[j];
        left[j] = d->dim[j] - 1 - at;
    }
    for (int i = 0; i < s->rank; i++)
        if (!carry(d, flat, left, s->dim[i], s->stride[i], &out))
            return false;
    *s = out;
    return true;
}

static bool step_back(hone_strided *s)
{
    const hone_node *n = s->base->def;
    hone_strided next = *s;
    hone_dims x;
    digits d;

    if (n == NULL || n->n_in == 0 || n->in[0] == NULL || !is_static(n->in[0], &x) ||
        n->in[0]->type.dtype != s->base->type.dtype)
        return false;
    if (!hone_op_has(n->op, HONE_TRAIT_VIEW) && !(digits_of(s->base, &x, &d) && through(&next, &d)))
        return false;
    next.base = n->in[0];
    *s = next;
    return true;
}

bool hone_strided_of(hone_value *v, hone_strided *out)
{
    int64_t strides[HONE_MAX_RANK];
    hone_dims dims;

    if (!is_static(v, &dims))
        return false;
    *out = (hone_strided){.base = v};
    hone_dims_strides(&dims, strides);
    for (int i = 0; i < dims.rank; i++)
        push(out, dims.dim[i], strides[i]);
    while (step_back(out))
        ;
    return true;
}

bool hone_strided_as(const hone_strided *s, const hone_dims *dims, hone_strided *out)
{
    int k = s->rank;

    *out = (hone_strided){.base = s->base, .offset = s->offset, .rank = dims->rank};
    for (int i = dims->rank - 1; i >= 0; i--) {
        int64_t dim = 1, stride = 0;
        while (dim < dims->dim[i]) {
            if (k == 0 || (dim > 1 && s->stride[k - 1] != stride * dim))
                return false;
            k--;
            stride = dim == 1 ? s->stride[k] : stride;
            dim *= s->dim[k];
        }
        if (dim != dims->dim[i])
            return false;
        out->dim[i] = dim;
        out->stride[i] = stride;
    }
    return k == 0;
}
