/* What the inference functions share: reading facts, checking them with one wording, writing
 * outputs. For infer*.c. */
#ifndef HONE_OP_INFER_TOOLS_H
#define HONE_OP_INFER_TOOLS_H

#include "op/op.h"
#include "op/program.h"

/* Bounds on numbers from models, so that sums and products of a few of them fit 64 bits. */
#define HONE_EXTENT_MOST ((int64_t)1 << 40) /* of one extent */
#define HONE_COUNT_MOST  ((int64_t)1 << 48) /* of the elements of a tensor */
#define HONE_ATTR_MOST   ((int64_t)1 << 31) /* of strides, pads, kernel sizes and their like */

#define HONE_SHAPE_UNKNOWN ((hone_shape){.rank = -1})

/* Sets of element types. */
enum {
    HONE_TYPES_FLOAT = 1,   /* f64 f32 f16 bf16, and smaller floats */
    HONE_TYPES_INTEGER = 2, /* signed and unsigned, of any width */
    HONE_TYPES_BOOL = 4,
    HONE_TYPES_STRING = 8,
    HONE_TYPES_COMPLEX = 16,
    HONE_TYPES_INDEX = 32, /* int32 and int64 alone */
    HONE_TYPES_I64 = 64,   /* int64 alone */
    HONE_TYPES_NUMBER = HONE_TYPES_FLOAT | HONE_TYPES_INTEGER,
};

static inline const hone_shape *hone_in_shape(const hone_infer *x, int i)
{
    return &x->in[i].type.shape;
}

static inline int hone_in_rank(const hone_infer *x, int i)
{
    return hone_infer_has(x, i) ? x->in[i].type.shape.rank : -1;
}

static inline hone_dtype hone_in_dtype(const hone_infer *x, int i)
{
    return hone_infer_has(x, i) ? x->in[i].type.dtype : HONE_NONE;
}

/* The extent of an axis; UNKNOWN where the rank is. */
static inline hone_extent hone_in_dim(const hone_infer *x, int i, int axis)
{
    const hone_shape *shape = hone_in_shape(x, i);
    return axis < shape->rank ? shape->dim[axis] : HONE_EXTENT_UNKNOWN;
}

/* Output k's type; nothing where there is no output k. */
static inline void hone_out_set(hone_infer *x, int k, hone_dtype dtype, const hone_shape *shape)
{
    if (k >= x->n_out)
        return;
    x->out[k].type.kind = HONE_KIND_TENSOR;
    x->out[k].type.dtype = dtype;
    x->out[k].type.shape = *shape;
}

/* Scalars and rows of extents. */
hone_shape hone_shape_make(int rank, ...); /* of hone_extent arguments */

/* Attributes by name, for functions that several operators share. */
int64_t hone_attr_int(const hone_infer *x, const char *name, int64_t otherwise);
hone_dtype hone_attr_type(const hone_infer *x, const char *name);
hone_ints hone_attr_ints(const hone_infer *x, const char *name);
/* The layout attribute; channels first where the operator has none. */
bool hone_attr_is_last(const hone_infer *x);

/* Checks. Each passes over what is unknown; messages say what was found and what is allowed. */
hone_status hone_infer_check_types(const hone_infer *x, int i, unsigned types);
hone_status hone_infer_check_same_type(const hone_infer *x, int i, int k);
hone_status hone_infer_check_rank(const hone_infer *x, int i, int least, int most);
/* Axes [first, end) of input i have elements to read. */
hone_status hone_infer_check_filled(const hone_infer *x, int i, int first, int end);
/* Input i, where there is one, has one element. */
hone_status hone_infer_check_scalar(const hone_infer *x, int i);
/* Input i, where there is one, is a row of `extent` elements. */
hone_status hone_infer_check_row(const hone_infer *x, int i, hone_extent extent);
/* Input i, where there is one, has one element or is a row of `extent`. */
hone_status hone_infer_check_per_channel(const hone_infer *x, int i, hone_extent extent);
/* The eight inputs that QLinearConv and QLinearMatMul share: a, scale, zero point, b, scale, zero
 * point, scale, zero point. */
hone_status hone_infer_check_quantized(const hone_infer *x);
/* Inputs 0 and 1 of a contraction are of one of these types, the same; so is the bias, input 2,
 * which may be float32 where they are float16 or bfloat16: sums are float32 anyway. */
hone_status hone_infer_check_factors(const hone_infer *x, unsigned types);
/* The inputs of an epilogue program, from in[3] on, broadcast to the output. */
hone_status hone_infer_check_epilogue(const hone_infer *x, const hone_program *program,
                                      const hone_shape *out);
/* Two extents are the same; *out (may be NULL) is the one that tells more. */
hone_status hone_infer_same_extent(const hone_infer *x, hone_extent a, hone_extent b,
                                   const char *what_a, const char *what_b, hone_extent *out);
/* The values of an integer attribute or of a fact: least <= v <= most, else an error naming `what`.
 */
hone_status hone_check_range(const char *what, int64_t v, int64_t least, int64_t most);

/* Arithmetic that is an error where numbers overflow; the result is UNKNOWN where an operand is. */
hone_status hone_infer_mul(const hone_infer *x, hone_extent a, hone_extent b, const char *what,
                           hone_extent *out);

/* A symbol for an extent that depends on data; UNKNOWN at run time. */
static inline hone_extent hone_extent_at_most(const hone_infer *x, hone_extent most)
{
    return hone_extent_from_data(x->extents, 0, hone_extent_upper(x->extents, most));
}

/* Axes in input i (int32 or int64), normalised for `rank`, each at most once: a bit each. false in
 * *known where they are not known. Absent: no bits, known. */
hone_status hone_infer_axes(const hone_infer *x, int i, int rank, unsigned *bits, bool *known);

/* The extents of an output as the values of input i say: the shape argument of Expand,
 * ConstantOfShape and others. The rank follows from input i's own extent; extents that are not
 * known become symbols. */
hone_status hone_infer_shape_from(const hone_infer *x, int i, hone_shape *out);

/* Partial values. Output k's elements are tracked where its type is an integer type or bool and
 * there are few; these say whether to, and count the elements (-1: unknown or too many). */
int hone_shape_elems(const hone_shape *shape);
bool hone_infer_tracks(const hone_infer *x, int k);
/* Copies the partial value of input i to output k: the same elements in another shape. */
void hone_infer_copy_elems(hone_infer *x, int i, int k);
/* Output 0's element at (i, j, ...) is input 0's at start + i * stride[0] + j * stride[1] + ... */
void hone_infer_map_elems(hone_infer *x, const hone_shape *out_shape, int start,
                          const int64_t stride[HONE_MAX_RANK]);
/* Row-major strides of a shape whose elements can be tracked; false for others. */
bool hone_shape_strides(const hone_shape *shape, int64_t stride[HONE_MAX_RANK]);
/* Of a pointwise operator, Where and Cast, once output 0's type is set. */
void hone_infer_values(hone_infer *x);
void hone_infer_where_values(hone_infer *x);
void hone_infer_cast_values(hone_infer *x);

#endif
