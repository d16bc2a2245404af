/* Squeeze-and-excite: the gate of each channel of a picture, channels last. Passes alone make it;
 * the multiplication by the gate is another operator's. */
#include "op/infer_tools.h"

/* The weights of a convolution of 1 x 1: [rows, columns, 1...]. */
static hone_status check_weights(const hone_infer *x, int i, hone_extent columns, hone_extent *rows)
{
    if (!hone_infer_has(x, i))
        return hone_error(HONE_ERR_BUILD, "input %d is absent; it is required", i);
    HONE_TRY(hone_infer_check_types(x, i, HONE_TYPES_FLOAT));
    HONE_TRY(hone_infer_check_rank(x, i, 2, HONE_MAX_RANK));
    for (int k = 2; k < hone_in_rank(x, i); k++)
        HONE_TRY(hone_infer_same_extent(x, hone_in_dim(x, i, k), 1, "an extent of the kernel",
                                        "that of 1 x 1", NULL));
    *rows = hone_in_dim(x, i, 0);
    return hone_infer_same_extent(x, columns, hone_in_dim(x, i, 1), "the channels",
                                  "those that the weights take", NULL);
}

static hone_status check_program(const hone_program *program, const char *name)
{
    if (program && program->n_in != 1)
        return hone_error(HONE_ERR_BUILD, "the program %s has %d inputs; it must have 1", name,
                          program->n_in);
    return HONE_OK;
}

/* Inputs x [N, ..., C], w1 [S, C, 1...], b1 [S], w2 [C, S, 1...], b2 [C]; the output is [N, 1...,
 * C] in the type of the weights. x may be partial sums of a picture of `count` pixels. */
hone_status hone_infer_squeeze_excite(hone_infer *x)
{
    const hone_attrs_squeeze_excite *a = &x->attrs->squeeze_excite;
    hone_shape shape = *hone_in_shape(x, 0);
    hone_extent squeezed, channels = HONE_EXTENT_UNKNOWN;

    HONE_TRY(hone_infer_check_types(x, 0, HONE_TYPES_FLOAT));
    HONE_TRY(hone_infer_check_rank(x, 0, 2, HONE_MAX_RANK));
    HONE_TRY(hone_check_range("count", a->count, 0, HONE_ATTR_MOST));
    HONE_TRY(check_program(a->squeeze, "squeeze"));
    HONE_TRY(check_program(a->excite, "excite"));
    if (shape.rank > 0)
        channels = shape.dim[shape.rank - 1];
    HONE_TRY(check_weights(x, 1, channels, &squeezed));
    HONE_TRY(hone_infer_check_row(x, 2, squeezed));
    HONE_TRY(check_weights(x, 3, squeezed, &channels));
    HONE_TRY(hone_infer_check_row(x, 4, channels));
    HONE_TRY(hone_infer_check_same_type(x, 1, 3));
    for (int i = 1; i < shape.rank - 1; i++)
        shape.dim[i] = 1;
    if (shape.rank > 0)
        shape.dim[shape.rank - 1] = channels;
    hone_out_set(x, 0, a->to != HONE_NONE ? a->to : hone_in_dtype(x, 1), &shape);
    return HONE_OK;
}
