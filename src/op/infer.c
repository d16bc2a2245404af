/* Running an operator's inference, with the checks that all share: arity before it, the limits of
 * extents after it. The helpers of infer_tools.h that check and read facts are in infer_tools.c,
 * those on shapes in shape.c. */
#include "op/infer_tools.h"

static hone_status check_count(const char *what, int n, int least, int most)
{
    if (n >= least && (n <= most || most == HONE_ANY))
        return HONE_OK;
    if (most == HONE_ANY)
        return hone_error(HONE_ERR_BUILD, "there are %d %s; %d or more are allowed", n, what,
                          least);
    if (least == most)
        return hone_error(HONE_ERR_BUILD, "there are %d %s; %d are allowed", n, what, least);
    return hone_error(HONE_ERR_BUILD, "there are %d %s; %d to %d are allowed", n, what, least,
                      most);
}

static hone_status check_arity(const hone_infer *x)
{
    const hone_op *op = &hone_ops[x->op];

    HONE_TRY(check_count("inputs", x->n_in, op->in_min, op->in_max));
    HONE_TRY(check_count("outputs", x->n_out, op->out_min, op->out_max));
    for (int i = 0; i < op->in_min; i++)
        if (!x->in[i].present)
            return hone_error(HONE_ERR_BUILD, "input %d is absent; it is required", i);
    return HONE_OK;
}

/* Most operators take tensors alone; those that pass anything on look for themselves. */
static hone_status check_kinds(const hone_infer *x)
{
    if (x->op == HONE_OP_identity || x->op == HONE_OP_assign ||
        hone_op_has((hone_op_id)x->op, HONE_TRAIT_SEQUENCE))
        return HONE_OK;
    for (int i = 0; i < x->n_in; i++)
        if (x->in[i].present && x->in[i].type.kind != HONE_KIND_TENSOR)
            return hone_error(HONE_ERR_BUILD, "input %d is not a tensor; only tensors are allowed",
                              i);
    return HONE_OK;
}

/* Extents are numbers in range or expressions; what inference could not tell becomes a symbol at
 * build time. */
static hone_status check_output(const hone_infer *x, int k)
{
    hone_shape *shape = &x->out[k].type.shape;
    int64_t count = 1;

    for (int i = 0; i < shape->rank; i++) {
        if (shape->dim[i] == HONE_EXTENT_UNKNOWN)
            shape->dim[i] = hone_extent_from_data(x->extents, 0, HONE_EXTENT_INF);
        const hone_extent extent = shape->dim[i];
        if (!hone_extent_is_number(extent))
            continue;
        if (extent < 0)
            return hone_error(HONE_ERR_BUILD,
                              "extent %d of output %d is %lld; it must not be negative", i, k,
                              (long long)extent);
        if (extent > HONE_EXTENT_MOST)
            return hone_error(HONE_ERR_BUILD,
                              "extent %d of output %d is %lld; that is over the limit of %lld", i,
                              k, (long long)extent, (long long)HONE_EXTENT_MOST);
        if (extent && (!hone_int_mul(count, extent, &count) || count > HONE_COUNT_MOST))
            return hone_error(HONE_ERR_BUILD,
                              "the number of elements of output %d is over the limit of %lld", k,
                              (long long)HONE_COUNT_MOST);
    }
    return HONE_OK;
}

static hone_status run(hone_infer *x)
{
    HONE_TRY(check_arity(x));
    HONE_TRY(check_kinds(x));
    HONE_TRY(hone_ops[x->op].infer(x));
    for (int k = 0; k < x->n_out; k++)
        if (x->out[k].present && x->out[k].type.kind == HONE_KIND_TENSOR)
            HONE_TRY(check_output(x, k));
    return HONE_OK;
}

hone_status hone_infer_run(hone_infer *x)
{
    const hone_op *op = &hone_ops[x->op];
    return hone_while(run(x), "inferring the shape of %s", op->onnx[0] ? op->onnx : op->name);
}

hone_status hone_infer_none(hone_infer *x)
{
    (void)x;
    return hone_error(HONE_ERR_UNSUPPORTED, "there is no inference for this operator");
}
