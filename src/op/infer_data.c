/* Operators whose kernels tell the extents: new symbols, with the upper bounds that memory is
 * planned by. */
#include "op/infer_tools.h"

/* [rank, number of elements that are not 0]. */
hone_status hone_infer_non_zero(hone_infer *x)
{
    const int rank = hone_in_rank(x, 0);
    const hone_extent count = hone_shape_count(x->extents, hone_in_shape(x, 0));
    const hone_shape shape =
        hone_shape_make(2, rank < 0 ? HONE_EXTENT_UNKNOWN : (hone_extent)HONE_MAX(rank, 1),
                        hone_extent_at_most(x, count));

    HONE_TRY(hone_infer_check_types(x, 0, HONE_TYPES_NUMBER | HONE_TYPES_BOOL));
    hone_out_set(x, 0, HONE_I64, &shape);
    return HONE_OK;
}

/* Inputs data, condition (a row of bool, perhaps shorter than the axis). Without an axis the data
 * counts as a row. */
hone_status hone_infer_compress(hone_infer *x)
{
    const int64_t along = x->attrs->compress.axis;
    hone_shape shape = *hone_in_shape(x, 0);
    int axis;

    HONE_TRY(hone_infer_check_types(x, 1, HONE_TYPES_BOOL));
    HONE_TRY(hone_infer_check_rank(x, 1, 1, 1));
    const hone_extent picked = hone_in_dim(x, 1, 0);
    if (along == HONE_NO_AXIS) {
        const hone_extent count = hone_shape_count(x->extents, &shape);
        shape =
            hone_shape_make(1, hone_extent_at_most(x, hone_extent_min(x->extents, count, picked)));
    } else if (shape.rank >= 0) {
        HONE_TRY(hone_axis_normalize(along, shape.rank, &axis));
        shape.dim[axis] =
            hone_extent_at_most(x, hone_extent_min(x->extents, shape.dim[axis], picked));
    }
    hone_out_set(x, 0, hone_in_dtype(x, 0), &shape);
    return HONE_OK;
}

/* Outputs y, first indices, inverse indices, counts. */
hone_status hone_infer_unique(hone_infer *x)
{
    const int64_t along = x->attrs->unique.axis;
    hone_shape shape = *hone_in_shape(x, 0);
    hone_extent all = hone_shape_count(x->extents, &shape);
    int axis;

    if (along != HONE_NO_AXIS && shape.rank >= 0) {
        HONE_TRY(hone_axis_normalize(along, shape.rank, &axis));
        all = shape.dim[axis];
    } else if (along != HONE_NO_AXIS) {
        all = HONE_EXTENT_UNKNOWN;
    }
    const hone_extent found = hone_extent_at_most(x, all);
    const hone_shape row = hone_shape_make(1, found), whole = hone_shape_make(1, all);
    if (along == HONE_NO_AXIS)
        shape = row;
    else if (shape.rank >= 0)
        shape.dim[axis] = found;
    hone_out_set(x, 0, hone_in_dtype(x, 0), &shape);
    hone_out_set(x, 1, HONE_I64, &row);
    hone_out_set(x, 2, HONE_I64, &whole);
    hone_out_set(x, 3, HONE_I64, &row);
    return HONE_OK;
}

/* The most boxes that NonMaxSuppression selects: for each batch entry and class the boxes there
 * are, or fewer where max_output_boxes_per_class is known. Absent, it is 0: none are selected. */
static hone_extent most_selected(const hone_infer *x, hone_extent batch, hone_extent boxes,
                                 hone_extent classes)
{
    hone_extent most = 0;
    int n;

    if (hone_infer_has(x, 2) && (!hone_fact_ints(&x->in[2], &most, 1, &n) || n != 1))
        most = HONE_EXTENT_UNKNOWN;
    const hone_extent each =
        most == HONE_EXTENT_UNKNOWN
            ? boxes
            : hone_extent_max(x->extents, hone_extent_min(x->extents, most, boxes), 0);
    return hone_extent_mul(x->extents, hone_extent_mul(x->extents, batch, classes), each);
}

/* Inputs boxes [batch, boxes, 4], scores [batch, classes, boxes], most a class, IoU threshold,
 * score threshold; output [selected, 3]. */
hone_status hone_infer_non_max_suppression(hone_infer *x)
{
    hone_extent batch, boxes;

    HONE_TRY(hone_infer_check_types(x, 0, HONE_TYPES_FLOAT));
    HONE_TRY(hone_infer_check_types(x, 1, HONE_TYPES_FLOAT));
    HONE_TRY(hone_infer_check_types(x, 2, HONE_TYPES_I64));
    HONE_TRY(hone_infer_check_types(x, 3, HONE_TYPES_FLOAT));
    HONE_TRY(hone_infer_check_types(x, 4, HONE_TYPES_FLOAT));
    HONE_TRY(hone_infer_check_rank(x, 0, 3, 3));
    HONE_TRY(hone_infer_check_rank(x, 1, 3, 3));
    for (int i = 2; i < x->n_in; i++)
        HONE_TRY(hone_infer_check_scalar(x, i));
    HONE_TRY(hone_infer_same_extent(x, hone_in_dim(x, 0, 2), 4, "a box", "its four numbers", NULL));
    HONE_TRY(hone_infer_same_extent(x, hone_in_dim(x, 0, 0), hone_in_dim(x, 1, 0),
                                    "the boxes' batch", "the scores'", &batch));
    HONE_TRY(hone_infer_same_extent(x, hone_in_dim(x, 0, 1), hone_in_dim(x, 1, 2), "the boxes",
                                    "the scores", &boxes));
    const hone_extent most = most_selected(x, batch, boxes, hone_in_dim(x, 1, 1));
    const hone_shape shape = hone_shape_make(2, hone_extent_at_most(x, most), (hone_extent)3);
    hone_out_set(x, 0, HONE_I64, &shape);
    return HONE_OK;
}
