/* Words that rules are written in. The one idea: a rule reads as its head comment does, so reading
 * constants, comparing shapes and putting a node in another's place are one call each. Nothing here
 * decides anything. */
#include "opt/edit.h"

#include <math.h>

bool hone_shapes_same(const hone_value *a, const hone_value *b)
{
    return hone_rank_of(a) >= 0 && hone_rank_of(b) >= 0 &&
           hone_shape_equal(&a->type.shape, &b->type.shape);
}

bool hone_shape_absorbs(const hone_shape *a, const hone_shape *b)
{
    if (a->rank < 0 || b->rank < 0 || b->rank > a->rank)
        return false;
    for (int i = 0; i < b->rank; i++) {
        const hone_extent from = b->dim[b->rank - 1 - i];
        if (from != 1 && (from == HONE_EXTENT_UNKNOWN || from != a->dim[a->rank - 1 - i]))
            return false;
    }
    return true;
}

double hone_value_bytes(const hone_module *module, const hone_value *v)
{
    if (hone_rank_of(v) < 0)
        return 0;
    double n = hone_dtype_bits(v->type.dtype) / 8.0;
    for (int i = 0; i < hone_rank_of(v); i++) {
        const int64_t upper = hone_extent_upper(module->extents, hone_dim_of(v, i));
        n *= upper < (1 << 20) ? (double)upper : 1.0;
    }
    return n;
}

int64_t hone_constant_count(const hone_value *v)
{
    hone_dims dims;
    return hone_shape_dims(&v->type.shape, &dims) ? hone_dims_count_or_zero(&dims) : 0;
}

bool hone_is_scalar_of(const hone_value *v, double x)
{
    double y;
    return hone_is_constant(v) && hone_value_scalar(v, &y) && y == x;
}

bool hone_is_near(const hone_value *v, double x)
{
    double y;
    return hone_is_constant(v) && hone_value_scalar(v, &y) && fabs(y - x) <= 1e-4 * fabs(x);
}

const float *hone_constant_floats(hone_module *module, const hone_value *v)
{
    const void *dense = hone_value_dense(module, v);
    if ((uintptr_t)dense % sizeof(float) == 0)
        return dense;
    return hone_arena_copy(module->arena, dense, (size_t)hone_constant_count(v) * sizeof(float));
}

bool hone_constant_channels(hone_module *module, const hone_value *v, int rank, int axis, int64_t n,
                            float *out)
{
    if (!hone_is_constant(v) || !hone_is_f32(v) || hone_rank_of(v) > rank)
        return false;
    const int offset = rank - hone_rank_of(v);
    int64_t count = 1;
    for (int i = 0; i < hone_rank_of(v); i++) {
        if (hone_dim_of(v, i) != 1 && (i + offset != axis || hone_dim_of(v, i) != n))
            return false;
        count *= hone_dim_of(v, i);
    }
    const bool one = v->constant->is_splat || count == 1;
    for (int64_t i = 0; i < n; i++)
        memcpy(&out[i], (const char *)v->constant->data + (one ? 0 : (size_t)i * sizeof(float)),
               sizeof(float));
    (void)module;
    return true;
}

hone_value *hone_make_splat(hone_graph *g, const hone_dims *dims, float x)
{
    const float *element = hone_arena_copy(g->module->arena, &x, sizeof x);
    return hone_graph_splat(g, NULL, HONE_F32, dims, element);
}

hone_value *hone_make_floats(hone_graph *g, const hone_dims *dims, const float *data)
{
    const int64_t n = hone_dims_count_or_zero(dims);
    bool same = n > 0;
    for (int64_t i = 1; same && i < n; i++)
        same = memcmp(&data[i], &data[0], sizeof(float)) == 0;
    if (same)
        return hone_make_splat(g, dims, data[0]);
    return hone_graph_constant(g, NULL, HONE_F32, dims, data, (size_t)n * sizeof(float));
}

hone_value *hone_make_vector(hone_graph *g, int64_t n, const float *data)
{
    const hone_dims dims = {1, {n}};
    return hone_make_floats(g, &dims, data);
}

hone_value *hone_make_reshaped(hone_graph *g, const hone_value *v, const hone_shape *shape)
{
    hone_dims dims;
    if (!hone_shape_dims(shape, &dims))
        return NULL;
    if (v->constant->is_splat)
        return hone_graph_splat(g, NULL, v->type.dtype, &dims, v->constant->data);
    return hone_graph_constant(g, NULL, v->type.dtype, &dims, v->constant->data, v->constant->size);
}

/* Copies elements of `size` bytes from src, whose strides (in elements, in the order of dst's axes)
 * are given. */
static void copy_strided(char *dst, const char *src, const hone_dims *dims, const int64_t *stride,
                         size_t size)
{
    int64_t at[HONE_MAX_RANK] = {0};
    const int64_t n = hone_dims_count_or_zero(dims);
    int64_t from = 0;

    for (int64_t i = 0; i < n; i++) {
        memcpy(dst + (size_t)i * size, src + (size_t)from * size, size);
        for (int axis = dims->rank - 1; axis >= 0; axis--) {
            from += stride[axis];
            if (++at[axis] < dims->dim[axis])
                break;
            from -= stride[axis] * dims->dim[axis];
            at[axis] = 0;
        }
    }
}

hone_value *hone_make_transposed(hone_graph *g, const hone_value *v, const int *perm)
{
    hone_dims from, to;
    int64_t strides[HONE_MAX_RANK], moved[HONE_MAX_RANK];
    const int bits = hone_dtype_bits(v->type.dtype);

    if (!hone_shape_dims(&v->type.shape, &from) || (bits % 8 != 0 && !v->constant->is_splat))
        return NULL;
    hone_dims_strides(&from, strides);
    to.rank = from.rank;
    for (int i = 0; i < from.rank; i++) {
        to.dim[i] = from.dim[perm[i]];
        moved[i] = strides[perm[i]];
    }
    if (v->constant->is_splat)
        return hone_graph_splat(g, NULL, v->type.dtype, &to, v->constant->data);
    char *data = hone_arena_alloc_aligned(g->module->arena, v->constant->size + 1, HONE_ALIGNMENT);
    copy_strided(data, v->constant->data, &to, moved, (size_t)bits / 8);
    return hone_graph_constant(g, NULL, v->type.dtype, &to, data, v->constant->size);
}

hone_ints hone_make_ints(hone_module *module, const int64_t *v, int n)
{
    return (hone_ints){n, hone_arena_copy(module->arena, v, (size_t)n * sizeof *v)};
}

hone_node *hone_def_of(const hone_value *v, hone_op_id op)
{
    return v != NULL && v->def != NULL && v->def->op == op && v->def_index == 0 ? v->def : NULL;
}

hone_node *hone_single_def_of(const hone_value *v, hone_op_id op)
{
    hone_node *def = hone_def_of(v, op);
    return def != NULL && hone_value_has_one_use(v) ? def : NULL;
}

hone_value *hone_other_input(const hone_node *n, const hone_value *v)
{
    if (n->n_in != 2)
        return NULL;
    return n->in[0] == v ? n->in[1] : n->in[1] == v ? n->in[0] : NULL;
}

hone_value *hone_constant_input(const hone_node *n, int *index)
{
    for (int i = 1; i >= 0; i--)
        if (hone_is_constant(hone_input(n, i))) {
            *index = i;
            return n->in[i];
        }
    return NULL;
}

hone_node *hone_make_node(hone_node *before, hone_op_id op, int n_in, hone_value *const *in)
{
    return hone_node_create(before->graph, before, op, before->name, in, n_in, 1);
}

bool hone_put_value(hone_value *old, hone_value *v)
{
    if (old->type.kind != v->type.kind || old->type.dtype != v->type.dtype)
        return false;
    if (hone_value_is_output(old) &&
        !hone_value_can_rename(v)) /* an input, or an output of its own: both stay */
        return false;
    hone_value_replace(old, v);
    return true;
}

bool hone_put_in_place(hone_value *old, hone_node *made)
{
    hone_value *v = made->out[0];
    const bool fits = hone_node_infer(made) == HONE_OK && v->type.dtype == old->type.dtype &&
                      (old->type.shape.rank < 0 || v->type.shape.rank == old->type.shape.rank);
    if (!fits) {
        hone_node_remove(made);
        return false;
    }
    return hone_put_value(old, v);
}

hone_value *hone_make_transpose(hone_node *before, hone_value *v, const int *perm)
{
    int64_t p[HONE_MAX_RANK];
    const int rank = hone_rank_of(v);

    if (hone_is_constant(v)) {
        hone_value *c = hone_make_transposed(before->graph, v, perm);
        if (c != NULL)
            return c;
    }
    for (int i = 0; i < rank; i++)
        p[i] = perm[i];
    hone_node *n = hone_make_node(before, HONE_OP_transpose, 1, &v);
    n->attrs.transpose.perm = hone_make_ints(before->graph->module, p, rank);
    if (hone_node_infer(n) != HONE_OK) {
        hone_node_remove(n);
        return NULL;
    }
    return n->out[0];
}

/* The shape operand of a Reshape: numbers, 0 for an extent that stays in its place, one -1. */
static bool reshape_operand(const hone_value *v, const hone_shape *shape, int64_t *out)
{
    bool open = false;
    for (int i = 0; i < shape->rank; i++) {
        if (hone_extent_is_number(shape->dim[i])) {
            out[i] = shape->dim[i];
        } else if (i < hone_rank_of(v) && shape->dim[i] == hone_dim_of(v, i) &&
                   shape->dim[i] != HONE_EXTENT_UNKNOWN) {
            out[i] = 0;
        } else if (!open) {
            out[i] = -1;
            open = true;
        } else {
            return false;
        }
    }
    return true;
}

hone_value *hone_make_reshape(hone_node *before, hone_value *v, const hone_shape *shape)
{
    int64_t operand[HONE_MAX_RANK];

    if (hone_is_constant(v))
        return hone_make_reshaped(before->graph, v, shape);
    if (!reshape_operand(v, shape, operand))
        return NULL;
    for (int i = 0; i < shape->rank; i++)
        if (shape->dim[i] == 0) /* an empty tensor: 0 would mean "as it was" */
            return NULL;
    hone_value *in[2] = {v, hone_graph_ints(before->graph, NULL, operand, shape->rank)};
    hone_node *n = hone_make_node(before, HONE_OP_reshape, 2, in);
    if (hone_node_infer(n) != HONE_OK) {
        hone_node_remove(n);
        return NULL;
    }
    return n->out[0];
}

bool hone_reduce_axes(const hone_node *n, int *axes, int *n_axes)
{
    int64_t v[HONE_MAX_RANK];
    bool taken[HONE_MAX_RANK] = {false};
    const int rank = hone_rank_of(n->in[0]);
    int count = 0;

    if (rank < 0)
        return false;
    if (hone_input(n, 1) == NULL) {
        /* Every reduction has the two attributes in the same places: see attrs.def. */
        if (n->attrs.reduce_mean.noop_with_empty_axes != 0)
            return false;
        count = rank;
        for (int i = 0; i < rank; i++)
            taken[i] = true;
    } else {
        if (!hone_value_ints(n->in[1], v, HONE_MAX_RANK, &count) || count == 0)
            return false;
        for (int i = 0; i < count; i++) {
            const int64_t axis = v[i] < 0 ? v[i] + rank : v[i];
            if (axis < 0 || axis >= rank)
                return false;
            taken[axis] = true;
        }
    }
    *n_axes = 0;
    for (int i = 0; i < rank; i++)
        if (taken[i])
            axes[(*n_axes)++] = i;
    return true;
}
