/* Shape, type and partial-value inference, without a graph: each operator's function sees facts
 * about its inputs and writes facts about its outputs. At build time facts are symbolic; at run
 * time (extents == NULL) they are numbers and the inputs' data is there. Functions take what they
 * cannot know as unknown rather than fail; they fail, with a message, on what can never be right.
 */
#ifndef HONE_OP_INFER_H
#define HONE_OP_INFER_H

#include "base/tensor.h"
#include "op/attrs.h"
#include "op/extent.h"

typedef enum hone_kind {
    HONE_KIND_TENSOR,
    HONE_KIND_SEQUENCE, /* of tensors of `dtype` */
    HONE_KIND_OPTIONAL,
    HONE_KIND_MAP,
    HONE_KIND_SPARSE,
} hone_kind;

typedef struct hone_shape {
    int rank; /* -1: unknown */
    hone_extent dim[HONE_MAX_RANK];
} hone_shape;

/* A type of any kind. Containers name what they hold: element points to the element's type
 * (sequence, optional, map values), key is a map's key type. */
typedef struct hone_type {
    hone_kind kind;
    hone_dtype dtype; /* of a tensor, sparse tensor; HONE_NONE: unknown */
    hone_shape shape; /* of a tensor */
    hone_dtype key;
    const struct hone_type *element;
} hone_type;

#define HONE_FACT_ELEMS 32 /* elements whose values are tracked */

/* What is known of a value. */
typedef struct hone_fact {
    bool present; /* false: an optional input that is absent */
    hone_type type;
    const void *data; /* the contents, where they are known (constants; everything at run time);
                         else NULL */
    int n_elem;       /* -1, or the number of tracked elements of an integer tensor */
    hone_extent
        elem[HONE_FACT_ELEMS]; /* partial value; an unknown element is HONE_EXTENT_UNKNOWN */
} hone_fact;

typedef struct hone_infer {
    hone_extents *extents; /* NULL at run time */
    int op;                /* hone_op_id */
    const hone_attrs *attrs;
    int n_in, n_out;
    const hone_fact *in; /* n_in of them; those past the end count as absent, ask hone_infer_has */
    hone_fact
        *out; /* n_out, cleared, n_elem -1, present; the function fills in type and perhaps elem */
} hone_infer;

typedef hone_status (*hone_infer_fn)(hone_infer *x);

/* Runs the operator's function; checks arity first. Errors name the operator; the caller adds the
 * node's name. */
hone_status hone_infer_run(hone_infer *x);

/* Helpers for the functions, and for passes. */
static inline bool hone_infer_has(const hone_infer *x, int i)
{
    return i < x->n_in && x->in[i].present;
}
/* The integer contents of a fact (from data or elem); false where nothing is known. At most `room`;
 * *n is the count. Single elements may be HONE_EXTENT_UNKNOWN. */
bool hone_fact_ints(const hone_fact *fact, hone_extent *out, int room, int *n);
/* All of them numbers. */
bool hone_fact_numbers(const hone_fact *fact, int64_t *out, int room, int *n);
bool hone_fact_float(const hone_fact *fact, double *out); /* the contents of a one-element tensor */
hone_extent hone_shape_count(hone_extents *table, const hone_shape *shape); /* number of elements */
bool hone_shape_is_static(const hone_shape *shape);
bool hone_shape_equal(const hone_shape *a, const hone_shape *b);
bool hone_shape_dims(const hone_shape *shape, hone_dims *out); /* false unless static */
hone_shape hone_shape_of_dims(const hone_dims *dims);
/* The upper bounds of all extents; false where one has none or the rank is unknown. */
bool hone_shape_upper(const hone_extents *table, const hone_shape *shape, hone_dims *out);
hone_status hone_shape_broadcast(hone_extents *table, const hone_shape *a, const hone_shape *b,
                                 hone_shape *out);
/* axis + rank where negative; HONE_ERR_BUILD with a message where it is out of [-rank, rank). */
hone_status hone_axis_normalize(int64_t axis, int rank, int *out);

/* Geometry of windows, shared by inference and kernels (numbers only). Layout is taken care of:
 * extents are spatial. */
typedef struct hone_window {
    int n; /* spatial dimensions */
    int64_t in[HONE_MAX_RANK], out[HONE_MAX_RANK], kernel[HONE_MAX_RANK];
    int64_t stride[HONE_MAX_RANK], dilation[HONE_MAX_RANK], pad_begin[HONE_MAX_RANK],
        pad_end[HONE_MAX_RANK];
} hone_window;
/* Fills `window` for conv, conv_transpose, pools and their kin from numbers: x is the input's dims,
 * w the weights' dims (NULL for pools: kernel_shape is in attrs). For conv_transpose `out` is the
 * output's extents. */
hone_status hone_window_of(int op, const hone_attrs *attrs, const hone_dims *x, const hone_dims *w,
                           hone_window *window);

#define OP(id, onnx, in_min, in_max, out_min, out_max, traits, infer, cpu)                         \
    hone_status hone_infer_##infer(hone_infer *x);
#include "op/ops.def"
#undef OP

#endif
