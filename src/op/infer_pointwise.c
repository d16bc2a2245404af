/* Pointwise operators: the output has the shape of the one input, or of all inputs broadcast
 * together. */
#include "op/infer_tools.h"

/* The broadcast shape of all inputs present. */
static hone_status broadcast_all(const hone_infer *x, hone_shape *out)
{
    hone_shape shape = {.rank = 0};

    for (int i = 0; i < x->n_in; i++)
        if (hone_infer_has(x, i))
            HONE_TRY(hone_shape_broadcast(x->extents, &shape, hone_in_shape(x, i), &shape));
    *out = shape;
    return HONE_OK;
}

/* Which element types an operator takes; absent here: any. */
static unsigned types_of(int op)
{
    switch (op) {
    case HONE_OP_and:
    case HONE_OP_or:
    case HONE_OP_xor: return HONE_TYPES_BOOL;
    case HONE_OP_bitwise_and:
    case HONE_OP_bitwise_or:
    case HONE_OP_bitwise_xor:
    case HONE_OP_bit_shift: return HONE_TYPES_INTEGER;
    case HONE_OP_equal: return HONE_TYPES_NUMBER | HONE_TYPES_BOOL | HONE_TYPES_STRING;
    default: return HONE_TYPES_NUMBER;
    }
}

/* The type of the first input that has a known one; all must agree. */
static hone_status common_type(const hone_infer *x, hone_dtype *out)
{
    hone_dtype dtype = HONE_NONE;
    int first = 0;

    for (int i = 0; i < x->n_in; i++) {
        if (dtype != HONE_NONE)
            HONE_TRY(hone_infer_check_same_type(x, first, i));
        HONE_TRY(hone_infer_check_types(x, i, types_of(x->op)));
        if (dtype == HONE_NONE) {
            dtype = hone_in_dtype(x, i);
            first = i;
        }
    }
    *out = dtype;
    return HONE_OK;
}

hone_status hone_infer_broadcast(hone_infer *x)
{
    hone_shape shape;
    hone_dtype dtype = hone_in_dtype(x, 0);

    if (x->op == HONE_OP_pow) /* the exponent may be of another type */
        HONE_TRY(hone_infer_check_types(x, 1, HONE_TYPES_NUMBER));
    else
        HONE_TRY(common_type(x, &dtype));
    HONE_TRY(broadcast_all(x, &shape));
    hone_out_set(x, 0, dtype, &shape);
    hone_infer_values(x);
    return HONE_OK;
}

hone_status hone_infer_broadcast_bool(hone_infer *x)
{
    hone_shape shape;
    hone_dtype dtype;

    HONE_TRY(common_type(x, &dtype));
    HONE_TRY(broadcast_all(x, &shape));
    hone_out_set(x, 0, HONE_BOOL, &shape);
    hone_infer_values(x);
    return HONE_OK;
}

hone_status hone_infer_same_bool(hone_infer *x)
{
    HONE_TRY(
        hone_infer_check_types(x, 0, x->op == HONE_OP_not ? HONE_TYPES_BOOL : HONE_TYPES_FLOAT));
    hone_out_set(x, 0, HONE_BOOL, hone_in_shape(x, 0));
    hone_infer_values(x);
    return HONE_OK;
}

hone_status hone_infer_cast(hone_infer *x)
{
    const hone_dtype to = x->attrs->cast.to, from = hone_in_dtype(x, 0);

    if (to == HONE_NONE || !hone_dtype_is_valid((int)to))
        return hone_error(HONE_ERR_BUILD, "the attribute to is %d; it must be an element type",
                          (int)to);
    if (hone_dtype_is_complex(to) || hone_dtype_is_complex(from))
        return hone_error(HONE_ERR_BUILD,
                          "a cast from %s to %s is asked for; complex types cannot be cast",
                          hone_dtype_text(from), hone_dtype_text(to));
    hone_out_set(x, 0, to, hone_in_shape(x, 0));
    hone_infer_cast_values(x);
    return HONE_OK;
}

hone_status hone_infer_bit_cast(hone_infer *x)
{
    const hone_dtype to = x->attrs->bit_cast.to, from = hone_in_dtype(x, 0);

    if (to == HONE_NONE || !hone_dtype_is_valid((int)to) || to == HONE_STRING ||
        from == HONE_STRING || (from != HONE_NONE && hone_dtype_bits(to) != hone_dtype_bits(from)))
        return hone_error(HONE_ERR_BUILD,
                          "a cast of bits from %s to %s is asked for; both must be of one width",
                          hone_dtype_text(from), hone_dtype_text(to));
    hone_out_set(x, 0, to, hone_in_shape(x, 0));
    return HONE_OK;
}

hone_status hone_infer_where(hone_infer *x)
{
    hone_shape shape;

    HONE_TRY(hone_infer_check_types(x, 0, HONE_TYPES_BOOL));
    HONE_TRY(hone_infer_check_same_type(x, 1, 2));
    HONE_TRY(broadcast_all(x, &shape));
    hone_out_set(x, 0, hone_in_dtype(x, hone_in_dtype(x, 1) == HONE_NONE ? 2 : 1), &shape);
    hone_infer_where_values(x);
    return HONE_OK;
}

hone_status hone_infer_pointwise(hone_infer *x)
{
    const hone_program *program = x->attrs->pointwise.program;
    hone_shape shape;

    if (!program || program->n_in != x->n_in)
        return hone_error(HONE_ERR_BUILD,
                          "there are %d inputs but the program takes %d; they must be as many",
                          x->n_in, program ? program->n_in : 0);
    HONE_TRY(broadcast_all(x, &shape));
    hone_out_set(x, 0, x->attrs->pointwise.to, &shape);
    return HONE_OK;
}
