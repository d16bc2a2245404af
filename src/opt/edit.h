/* Words that rules are written in: constants as numbers, shapes, new nodes and constants. Nothing
 * here knows a rule. */
#ifndef HONE_OPT_EDIT_H
#define HONE_OPT_EDIT_H

#include "ir/graph.h"

/* Shapes. */
static inline int hone_rank_of(const hone_value *v)
{
    return v->type.kind == HONE_KIND_TENSOR ? v->type.shape.rank : -1;
}
static inline hone_extent hone_dim_of(const hone_value *v, int axis)
{
    return v->type.shape.dim[axis];
}
static inline bool hone_is_f32(const hone_value *v)
{
    return v->type.kind == HONE_KIND_TENSOR && v->type.dtype == HONE_F32;
}
bool hone_shapes_same(const hone_value *a, const hone_value *b); /* known, same rank and extents */
/* Whether a value of b's shape broadcasts to a's shape and leaves it as it is. */
bool hone_shape_absorbs(const hone_shape *a, const hone_shape *b);
/* Bytes of a tensor, symbols at their upper bound where that is small, else at 1; for cost, not for
 * allocation. */
double hone_value_bytes(const hone_module *module, const hone_value *v);

/* Constants. */
static inline bool hone_is_constant(const hone_value *v)
{
    return v != NULL && v->constant != NULL;
}
int64_t hone_constant_count(const hone_value *v);      /* elements of a constant */
bool hone_is_scalar_of(const hone_value *v, double x); /* one element or a splat, equal to x */
bool hone_is_near(const hone_value *v,
                  double x); /* the same to 1e-4 relative, as exporters round */
/* The float32 elements of a constant, aligned; a splat is spread out in the arena. */
const float *hone_constant_floats(hone_module *module, const hone_value *v);
/* A float32 constant that broadcasts along nothing but axis `axis` of a rank-`rank` tensor with
 * extent n there: fills out[n] and returns true. Scalars and splats qualify. */
bool hone_constant_channels(hone_module *module, const hone_value *v, int rank, int axis, int64_t n,
                            float *out);
/* A constant of all-equal floats becomes a splat. */
hone_value *hone_make_floats(hone_graph *g, const hone_dims *dims, const float *data);
hone_value *hone_make_splat(hone_graph *g, const hone_dims *dims, float x);
hone_value *hone_make_vector(hone_graph *g, int64_t n, const float *data); /* [n] */
/* The constant under another shape with the same elements; shares the bytes. */
hone_value *hone_make_reshaped(hone_graph *g, const hone_value *v, const hone_shape *shape);
/* The constant with its axes permuted (perm as in Transpose); a splat stays one. */
hone_value *hone_make_transposed(hone_graph *g, const hone_value *v, const int *perm);
hone_ints hone_make_ints(hone_module *module, const int64_t *v, int n); /* for attributes */

/* Nodes. */
static inline hone_value *hone_input(const hone_node *n, int i)
{
    return i < n->n_in ? n->in[i] : NULL;
}
static inline bool hone_is_op(const hone_node *n, hone_op_id op)
{
    return n != NULL && n->op == op;
}
/* The node that computes v if its operator is op, else NULL; `single` asks that v has one use. */
hone_node *hone_def_of(const hone_value *v, hone_op_id op);
hone_node *hone_single_def_of(const hone_value *v, hone_op_id op);
/* The node's other input than `v` (of two); NULL if v is neither. */
hone_value *hone_other_input(const hone_node *n, const hone_value *v);
/* The input that is a constant, of a commutative pair; NULL if none, *index its place. */
hone_value *hone_constant_input(const hone_node *n, int *index);
/* A node with one output, before `before`, in its graph and with its name. */
hone_node *hone_make_node(hone_node *before, hone_op_id op, int n_in, hone_value *const *in);
/* Infers `made` and puts its output in the place of old's. false, and `made` removed, where
 * inference refuses it or the type would change. */
bool hone_put_in_place(hone_value *old, hone_node *made);
/* Replaces `old` by `v` everywhere if the types agree. */
bool hone_put_value(hone_value *old, hone_value *v);
hone_value *hone_make_transpose(hone_node *before, hone_value *v, const int *perm);
/* A reshape to a shape of numbers; NULL where an extent is not one and cannot be written as 0
 * (kept) or -1. */
hone_value *hone_make_reshape(hone_node *before, hone_value *v, const hone_shape *shape);

/* Axes of a reduction (in[1], or all); false where they are not known. Sorted, in [0, rank). */
bool hone_reduce_axes(const hone_node *n, int *axes, int *n_axes);

#endif
