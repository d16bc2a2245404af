/* Movement whose nest of loops is known from shapes and attributes: transpose, expand, tile, depth
 * and space, concat, split. Each kernel only says how the two sides are walked; hone_move does the
 * copying. */
#include "cpu/conv_geometry.h"
#include "cpu/kernel.h"

static int64_t extents_from(const hone_dims *d, int from, int to)
{
    int64_t n = 1;

    for (int i = from; i < to; i++)
        n *= d->dim[i];
    return n;
}

/* Whether the permutation leaves the first axes and swaps the block [first, middle) with the rest:
 * matrices transposed. */
static bool swaps_blocks(const hone_ints *perm, int rank, int *first, int *middle)
{
    int p = 0;

    if (perm->n != rank)
        return false;
    while (p < rank && perm->v[p] == p)
        p++;
    if (p == rank)
        return false;
    *first = p;
    *middle = (int)perm->v[p];
    for (int i = p; i < rank; i++)
        if (perm->v[i] != (i < p + rank - *middle ? *middle + i - p : i - (rank - *middle)))
            return false;
    return true;
}

static hone_status run_transpose(const hone_cpu_call *call)
{
    const hone_dims *x = &call->in[0]->shape, *y = &call->out[0]->shape;
    const hone_ints *perm = &call->attrs->transpose.perm;
    hone_loop loop = {.rank = x->rank, .n = 2};
    int64_t stride[HONE_MAX_RANK];
    int first, middle;

    if (call->in[0]->dtype == HONE_F32 && swaps_blocks(perm, x->rank, &first, &middle)) {
        hone_layout_turn(call->in[0]->data, call->out[0]->data, extents_from(x, 0, first),
                         extents_from(x, first, middle), extents_from(x, middle, x->rank),
                         call->pool);
        return HONE_OK;
    }
    hone_dims_strides(x, stride);
    hone_dims_strides(y, loop.stride[0]);
    for (int i = 0; i < x->rank; i++) {
        const int64_t from = perm->n ? perm->v[i] : x->rank - 1 - i;
        loop.dim[i] = x->dim[from];
        loop.stride[1][i] = stride[from];
    }
    hone_move(call, call->in[0]->dtype, &loop, call->out[0]->data, 0, call->in[0]->data, 0);
    return HONE_OK;
}

const hone_cpu_kernel hone_cpu_transpose = {.run = run_transpose};

/* A line of the output: elements of a stride, then zeros. */
static void relay_lines(void *ctx, int64_t begin, int64_t end)
{
    const hone_cpu_call *call = ctx;
    const hone_tensor *x = call->in[0], *y = call->out[0];
    const hone_ints *perm = &call->attrs->relayout.perm;
    const int last = y->shape.rank - 1;
    int64_t stride[HONE_MAX_RANK];

    hone_dims_strides(&x->shape, stride);
    const int64_t from_last = perm->n ? perm->v[last] : 0;
    for (int64_t line = begin; line < end; line++) {
        int64_t rest = line, at = 0;
        for (int i = last - 1; i >= 0; i--) {
            at += rest % y->shape.dim[i] * stride[perm->n ? perm->v[i] : last - i];
            rest /= y->shape.dim[i];
        }
        for (int64_t k = 0; k < y->shape.dim[last]; k++)
            hone_set(y, line * y->shape.dim[last] + k,
                     k < x->shape.dim[from_last] ? hone_get(x, at + k * stride[from_last]) : 0);
    }
}

static hone_status run_relayout(const hone_cpu_call *call)
{
    const hone_dims *y = &call->out[0]->shape;

    if (y->rank < 1 || y->rank != call->in[0]->shape.rank)
        return hone_error(HONE_ERR_DEVICE, "relayout: rank %d to rank %d", call->in[0]->shape.rank,
                          y->rank);
    hone_cpu_for(call, extents_from(y, 0, y->rank - 1), hone_grain(y->dim[y->rank - 1]),
                 relay_lines, (void *)(uintptr_t)call);
    return HONE_OK;
}

const hone_cpu_kernel hone_cpu_relayout = {.takes = hone_takes_float, .run = run_relayout};

static hone_status run_expand(const hone_cpu_call *call)
{
    const hone_dims *from[] = {&call->in[0]->shape};
    hone_dims same;
    hone_loop loop;

    if (!hone_dims_broadcast(from[0], &call->out[0]->shape, &same) ||
        !hone_dims_equal(&same, &call->out[0]->shape))
        return hone_error(HONE_ERR_DEVICE,
                          "expand: the input does not broadcast to the shape asked for");
    hone_loop_broadcast(&loop, &call->out[0]->shape, 1, from);
    hone_move(call, call->in[0]->dtype, &loop, call->out[0]->data, 0, call->in[0]->data, 0);
    return HONE_OK;
}

const hone_cpu_kernel hone_cpu_expand = {.run = run_expand};

/* Every axis is two loops: the repeats, which the source does not see, and the axis itself. */
static hone_status run_tile(const hone_cpu_call *call)
{
    const hone_dims *x = &call->in[0]->shape, *y = &call->out[0]->shape;
    int64_t sx[HONE_MAX_RANK], sy[HONE_MAX_RANK];
    hone_loop loop = {.n = 2};

    hone_dims_strides(x, sx);
    hone_dims_strides(y, sy);
    for (int i = 0; i < x->rank; i++) {
        const int64_t repeats = x->dim[i] ? y->dim[i] / x->dim[i] : 0;
        if (loop.rank + 2 > HONE_LOOP_RANK) /* only of 7 and 8 axes that are all repeated */
            return hone_error(HONE_ERR_UNSUPPORTED, "tile: %d axes", x->rank);
        if (repeats != 1)
            hone_loop_add(&loop, repeats, sy[i] * x->dim[i], 0);
        if (x->dim[i] != 1)
            hone_loop_add(&loop, x->dim[i], sy[i], sx[i]);
    }
    hone_move(call, call->in[0]->dtype, &loop, call->out[0]->data, 0, call->in[0]->data, 0);
    return HONE_OK;
}

const hone_cpu_kernel hone_cpu_tile = {.run = run_tile};

/* What depth_to_space and space_to_depth have in common: the small picture [n, h, w] of blocks b x
 * b over c channels. Strides of: n, h, w, block row, block column, channel. */
typedef struct blocks {
    int64_t n, c, h, w, b;
} blocks;

static void stride_of_space(const blocks *s, bool last, int64_t out[6])
{
    const int64_t x = last ? s->c : 1, row = s->w * s->b * x;

    out[0] = s->c * s->h * s->w * s->b * s->b;
    out[1] = row * s->b;
    out[2] = x * s->b;
    out[3] = row;
    out[4] = x;
    out[5] = last ? 1 : s->h * s->w * s->b * s->b;
}

static void stride_of_depth(const blocks *s, bool last, bool crd, int64_t out[6])
{
    const int64_t depth = last ? 1 : s->h * s->w; /* from a channel to the next */
    const int64_t pixel = last ? s->c * s->b * s->b : 1;

    out[0] = s->c * s->b * s->b * s->h * s->w;
    out[1] = s->w * pixel;
    out[2] = pixel;
    out[3] = depth * (crd ? s->b : s->b * s->c);
    out[4] = depth * (crd ? 1 : s->c);
    out[5] = depth * (crd ? s->b * s->b : 1);
}

/* The destination's loops outermost first, so that its elements are written in order. */
static hone_loop loops_of_blocks(const blocks *s, const int64_t dst[6], const int64_t src[6])
{
    const int64_t dim[6] = {s->n, s->h, s->w, s->b, s->b, s->c};
    int order[6] = {0, 1, 2, 3, 4, 5};
    hone_loop loop = {.n = 2};

    for (int i = 1; i < 6; i++)
        for (int j = i; j > 0 && dst[order[j]] > dst[order[j - 1]]; j--) {
            const int t = order[j];
            order[j] = order[j - 1];
            order[j - 1] = t;
        }
    for (int i = 0; i < 6; i++)
        hone_loop_add(&loop, dim[order[i]], dst[order[i]], src[order[i]]);
    return loop;
}

static hone_status run_blocks(const hone_cpu_call *call, bool to_space, int64_t b, bool crd,
                              bool last)
{
    const hone_dims *deep = to_space ? &call->in[0]->shape : &call->out[0]->shape;
    const int c_at = last ? 3 : 1, h_at = last ? 1 : 2;
    int64_t space[6], depth[6];

    if (deep->rank != 4 || b < 1 || deep->dim[c_at] % (b * b))
        return hone_error(HONE_ERR_DEVICE, "%s: block of %lld", hone_ops[call->op].name,
                          (long long)b);
    const blocks s = {deep->dim[0], deep->dim[c_at] / (b * b), deep->dim[h_at], deep->dim[h_at + 1],
                      b};
    stride_of_space(&s, last, space);
    stride_of_depth(&s, last, crd, depth);
    const hone_loop loop =
        to_space ? loops_of_blocks(&s, space, depth) : loops_of_blocks(&s, depth, space);
    hone_move(call, call->in[0]->dtype, &loop, call->out[0]->data, 0, call->in[0]->data, 0);
    return HONE_OK;
}

static hone_status run_depth_to_space(const hone_cpu_call *call)
{
    const hone_attrs_depth_to_space *a = &call->attrs->depth_to_space;
    return run_blocks(call, true, a->blocksize, a->mode != 0, a->layout == HONE_LAYOUT_LAST);
}

static hone_status run_space_to_depth(const hone_cpu_call *call)
{
    const hone_attrs_space_to_depth *a = &call->attrs->space_to_depth;
    return run_blocks(call, false, a->blocksize, a->mode != 0, a->layout == HONE_LAYOUT_LAST);
}

const hone_cpu_kernel hone_cpu_depth_to_space = {.run = run_depth_to_space};
const hone_cpu_kernel hone_cpu_space_to_depth = {.run = run_space_to_depth};

/* Copies between a whole tensor and the part of it that begins at `at` along an axis and has the
 * other tensor's extent. */
static void move_part(const hone_cpu_call *call, const hone_tensor *whole, const hone_tensor *part,
                      int axis, int64_t at, bool to_whole)
{
    const int64_t inner = hone_dims_product(&whole->shape, axis + 1, whole->shape.rank);
    const int64_t line = whole->shape.dim[axis] * inner, run = part->shape.dim[axis] * inner;
    hone_loop loop = {.n = 2};

    hone_loop_add(&loop, hone_dims_product(&whole->shape, 0, axis), to_whole ? line : run,
                  to_whole ? run : line);
    hone_loop_add(&loop, run, 1, 1);
    if (to_whole)
        hone_move(call, whole->dtype, &loop, whole->data, at * inner, part->data, 0);
    else
        hone_move(call, whole->dtype, &loop, part->data, 0, whole->data, at * inner);
}

static hone_status run_concat(const hone_cpu_call *call)
{
    const hone_tensor *y = call->out[0];
    int64_t at = 0;
    int axis;

    HONE_TRY(hone_call_axis(call, call->attrs->concat.axis, y->shape.rank, &axis));
    for (int i = 0; i < call->n_in; i++) {
        const hone_tensor *x = call->in[i];
        if (at + x->shape.dim[axis] > y->shape.dim[axis])
            return hone_error(HONE_ERR_DEVICE, "concat: input %d does not fit the output", i);
        move_part(call, y, x, axis, at, true);
        at += x->shape.dim[axis];
    }
    return HONE_OK;
}

const hone_cpu_kernel hone_cpu_concat = {.run = run_concat};

/* Where the k-th output begins: the sum of the extents before it, given by in[1] or all alike. */
static int64_t split_begin(const hone_cpu_call *call, int k, int axis)
{
    const int64_t n = call->in[0]->shape.dim[axis];
    int64_t at = 0;

    if (!hone_call_has(call, 1))
        return HONE_MIN(n, k * ((n + call->n_out - 1) / call->n_out));
    for (int i = 0; i < k && i < hone_tensor_count(call->in[1]); i++)
        at += hone_get_int(call->in[1], i);
    return at;
}

static hone_status run_split(const hone_cpu_call *call)
{
    int axis;

    HONE_TRY(hone_call_axis(call, call->attrs->split.axis, call->in[0]->shape.rank, &axis));
    for (int k = 0; k < call->n_out; k++) {
        const int64_t at = split_begin(call, k, axis);
        if (!call->out[k])
            continue;
        if (at < 0 || at + call->out[k]->shape.dim[axis] > call->in[0]->shape.dim[axis])
            return hone_error(HONE_ERR_DEVICE, "split: output %d lies outside the input", k);
        move_part(call, call->in[0], call->out[k], axis, at, false);
    }
    return HONE_OK;
}

const hone_cpu_kernel hone_cpu_split = {.run = run_split};
