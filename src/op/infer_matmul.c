/* Matrix products. A row of one dimension counts as a matrix of one row (left) or one column
 * (right), and that dimension is dropped again; dimensions before the last two broadcast. */
#include "op/infer_tools.h"

/* Operands as matrices: [batch..., m, k] and [batch..., k, n]. */
typedef struct product {
    hone_shape a, b;
    bool row, column; /* a or b had one dimension */
} product;

static void swap_last(hone_shape *s)
{
    const hone_extent last = s->dim[s->rank - 1];

    s->dim[s->rank - 1] = s->dim[s->rank - 2];
    s->dim[s->rank - 2] = last;
}

static bool product_of(const hone_infer *x, int a, int b, product *out)
{
    product p = {.a = *hone_in_shape(x, a), .b = *hone_in_shape(x, b)};

    if (p.a.rank < 1 || p.b.rank < 1)
        return false;
    p.row = p.a.rank == 1;
    p.column = p.b.rank == 1;
    if (p.row)
        p.a = hone_shape_make(2, (hone_extent)1, p.a.dim[0]);
    if (p.column)
        p.b = hone_shape_make(2, p.b.dim[0], (hone_extent)1);
    *out = p;
    return true;
}

/* The shape of a @ b, with either transposed first. */
static hone_status product_shape(const hone_infer *x, int in_a, int in_b, bool trans_a,
                                 bool trans_b, hone_shape *out)
{
    product p;

    *out = HONE_SHAPE_UNKNOWN;
    HONE_TRY(hone_infer_check_rank(x, in_a, 1, HONE_MAX_RANK));
    HONE_TRY(hone_infer_check_rank(x, in_b, 1, HONE_MAX_RANK));
    if (!product_of(x, in_a, in_b, &p))
        return HONE_OK;
    if (trans_a && !p.row)
        swap_last(&p.a);
    if (trans_b && !p.column)
        swap_last(&p.b);
    const hone_extent m = p.a.dim[p.a.rank - 2], n = p.b.dim[p.b.rank - 1];
    HONE_TRY(hone_infer_same_extent(x, p.a.dim[p.a.rank - 1], p.b.dim[p.b.rank - 2],
                                    "the rows' length of the left matrix",
                                    "the columns' length of the right one", NULL));
    p.a.rank -= 2;
    p.b.rank -= 2;
    HONE_TRY(hone_shape_broadcast(x->extents, &p.a, &p.b, out));
    if (!p.row)
        out->dim[out->rank++] = m;
    if (!p.column)
        out->dim[out->rank++] = n;
    return HONE_OK;
}

/* Input i broadcasts to `out` without enlarging it. */
static hone_status check_addend(const hone_infer *x, int i, const hone_shape *out)
{
    hone_shape both;

    if (!hone_infer_has(x, i) || out->rank < 0 || hone_in_rank(x, i) < 0)
        return HONE_OK;
    HONE_TRY(hone_shape_broadcast(x->extents, out, hone_in_shape(x, i), &both));
    for (int k = 0; k < both.rank; k++)
        if (both.rank != out->rank ||
            (hone_extent_is_number(both.dim[k]) && hone_extent_is_number(out->dim[k]) &&
             both.dim[k] != out->dim[k]))
            return hone_error(HONE_ERR_BUILD,
                              "input %d is larger than the product; it must broadcast to it", i);
    return HONE_OK;
}

/* Inputs a, b, bias, then those of the epilogue program. */
hone_status hone_infer_matmul(hone_infer *x)
{
    const hone_attrs_matmul *attrs = &x->attrs->matmul;
    hone_shape shape;

    HONE_TRY(hone_infer_check_factors(x, HONE_TYPES_NUMBER));
    HONE_TRY(product_shape(x, 0, 1, attrs->trans_a != 0, attrs->trans_b != 0, &shape));
    HONE_TRY(check_addend(x, 2, &shape));
    HONE_TRY(hone_infer_check_epilogue(x, attrs->program, &shape));
    hone_out_set(x, 0, attrs->to != HONE_NONE ? attrs->to : hone_in_dtype(x, 0), &shape);
    return HONE_OK;
}

hone_status hone_infer_gemm(hone_infer *x)
{
    const hone_attrs_gemm *attrs = &x->attrs->gemm;
    hone_shape shape;

    for (int i = 0; i < x->n_in; i++) {
        HONE_TRY(hone_infer_check_types(x, i, HONE_TYPES_NUMBER));
        HONE_TRY(hone_infer_check_same_type(x, 0, i));
    }
    HONE_TRY(hone_infer_check_rank(x, 0, 2, 2));
    HONE_TRY(hone_infer_check_rank(x, 1, 2, 2));
    HONE_TRY(product_shape(x, 0, 1, attrs->trans_a != 0, attrs->trans_b != 0, &shape));
    HONE_TRY(check_addend(x, 2, &shape));
    hone_out_set(x, 0, hone_in_dtype(x, 0), &shape);
    return HONE_OK;
}

/* A zero point or scale of one side of a product: one element, one a row (or column), or shaped as
 * the matrices are with 1 in place of the summed axis. */
static hone_status check_quantizer(const hone_infer *x, int i, int matrix, bool is_left)
{
    const int rank = hone_in_rank(x, matrix);

    if (!hone_infer_has(x, i) || rank < 2 || hone_in_rank(x, i) < 0)
        return HONE_OK;
    if (hone_in_rank(x, i) <= 1)
        return hone_infer_check_per_channel(x, i,
                                            hone_in_dim(x, matrix, is_left ? rank - 2 : rank - 1));
    HONE_TRY(hone_infer_check_rank(x, i, rank, rank));
    for (int k = 0; k < rank; k++) {
        const hone_extent wanted =
            k == (is_left ? rank - 1 : rank - 2) ? 1 : hone_in_dim(x, matrix, k);
        HONE_TRY(hone_infer_same_extent(x, hone_in_dim(x, i, k), wanted, "the zero point or scale",
                                        "its matrix", NULL));
    }
    return HONE_OK;
}

/* Inputs a, b, a's zero point, b's zero point. */
hone_status hone_infer_matmul_integer(hone_infer *x)
{
    hone_shape shape;

    for (int i = 0; i < x->n_in; i++)
        HONE_TRY(hone_infer_check_types(x, i, HONE_TYPES_INTEGER));
    HONE_TRY(hone_infer_check_same_type(x, 0, 2));
    HONE_TRY(hone_infer_check_same_type(x, 1, 3));
    HONE_TRY(product_shape(x, 0, 1, false, false, &shape));
    HONE_TRY(check_quantizer(x, 2, 0, true));
    HONE_TRY(check_quantizer(x, 3, 1, false));
    hone_out_set(x, 0, HONE_I32, &shape);
    return HONE_OK;
}

hone_status hone_infer_check_quantized(const hone_infer *x)
{
    static const uint8_t scales[] = {1, 4, 6};

    for (int i = 0; i < 3; i++)
        HONE_TRY(hone_infer_check_types(x, scales[i], HONE_TYPES_FLOAT));
    HONE_TRY(hone_infer_check_same_type(x, 0, 2));
    HONE_TRY(hone_infer_check_same_type(x, 3, 5));
    if (x->op == HONE_OP_qlinear_conv) {
        HONE_TRY(hone_infer_check_scalar(x, 1));
        HONE_TRY(hone_infer_check_scalar(x, 2));
    }
    HONE_TRY(hone_infer_check_scalar(x, 6));
    return hone_infer_check_scalar(x, 7);
}

hone_status hone_infer_qlinear_matmul(hone_infer *x)
{
    hone_shape shape;

    HONE_TRY(hone_infer_check_quantized(x));
    HONE_TRY(product_shape(x, 0, 3, false, false, &shape));
    for (int i = 1; i <= 2; i++) {
        HONE_TRY(check_quantizer(x, i, 0, true));
        HONE_TRY(check_quantizer(x, 3 + i, 3, false));
    }
    hone_out_set(x, 0, hone_in_dtype(x, 7), &shape);
    return HONE_OK;
}

hone_status hone_infer_det(hone_infer *x)
{
    const int rank = hone_in_rank(x, 0);
    hone_shape shape = *hone_in_shape(x, 0);

    HONE_TRY(hone_infer_check_types(x, 0, HONE_TYPES_FLOAT));
    HONE_TRY(hone_infer_check_rank(x, 0, 2, HONE_MAX_RANK));
    if (rank > 0) {
        HONE_TRY(hone_infer_same_extent(x, shape.dim[rank - 1], shape.dim[rank - 2], "a row",
                                        "a column", NULL));
        shape.rank -= 2;
    }
    hone_out_set(x, 0, hone_in_dtype(x, 0), &shape);
    return HONE_OK;
}
