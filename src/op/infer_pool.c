/* Pools: windows over each channel, and regions of interest. */
#include "op/infer_tools.h"
#include "op/window.h"

hone_status hone_infer_pool(hone_infer *x)
{
    const int rank = hone_in_rank(x, 0), first = hone_attr_is_last(x) ? 1 : 2;
    int64_t kernel[HONE_MAX_RANK];
    hone_window window;
    hone_shape shape = *hone_in_shape(x, 0);

    HONE_TRY(hone_infer_check_types(
        x, 0, x->op == HONE_OP_max_pool ? HONE_TYPES_NUMBER : HONE_TYPES_FLOAT));
    HONE_TRY(hone_infer_check_rank(x, 0, 3, HONE_MAX_RANK));
    if (x->op == HONE_OP_lp_pool)
        HONE_TRY(hone_check_range("p", x->attrs->lp_pool.p, 1, HONE_ATTR_MOST));
    if (rank > 0) {
        HONE_TRY(hone_window_read(x, rank - 2, &window));
        HONE_TRY(hone_window_kernel(x, rank - 2, kernel));
        for (int i = 0; i < rank - 2; i++)
            HONE_TRY(hone_window_slide(x, &window, i, hone_in_dim(x, 0, first + i), kernel[i],
                                       &shape.dim[first + i]));
    }
    hone_out_set(x, 0, hone_in_dtype(x, 0), &shape);
    hone_out_set(x, 1, HONE_I64, &shape); /* of MaxPool: where the greatest stood */
    return HONE_OK;
}

hone_status hone_infer_global_pool(hone_infer *x)
{
    hone_shape shape = *hone_in_shape(x, 0);
    const int first = hone_attr_is_last(x) ? 1 : 2;

    HONE_TRY(hone_infer_check_types(x, 0, HONE_TYPES_FLOAT));
    HONE_TRY(hone_infer_check_rank(x, 0, 2, HONE_MAX_RANK));
    for (int i = 0; i < shape.rank - 2; i++)
        shape.dim[first + i] = 1;
    hone_out_set(x, 0, hone_in_dtype(x, 0), &shape);
    return HONE_OK;
}

/* Inputs x, indices, output shape. */
hone_status hone_infer_max_unpool(hone_infer *x)
{
    const int rank = hone_in_rank(x, 0);
    int64_t kernel[HONE_MAX_RANK];
    hone_window window;
    hone_shape shape = *hone_in_shape(x, 0);

    HONE_TRY(hone_infer_check_types(x, 0, HONE_TYPES_FLOAT));
    HONE_TRY(hone_infer_check_types(x, 1, HONE_TYPES_I64));
    HONE_TRY(hone_infer_check_rank(x, 0, 3, HONE_MAX_RANK));
    for (int i = 0; rank > 0 && hone_in_rank(x, 1) >= 0 && i < rank; i++) {
        HONE_TRY(hone_infer_check_rank(x, 1, rank, rank));
        HONE_TRY(hone_infer_same_extent(x, hone_in_dim(x, 0, i), hone_in_dim(x, 1, i), "the input",
                                        "the indices", NULL));
    }
    if (rank > 0) {
        HONE_TRY(hone_window_read(x, rank - 2, &window));
        HONE_TRY(hone_window_kernel(x, rank - 2, kernel));
        for (int i = 0; i < rank - 2; i++)
            HONE_TRY(hone_window_spread(x, &window, i, hone_in_dim(x, 0, 2 + i), kernel[i],
                                        &shape.dim[2 + i]));
    }
    if (hone_infer_has(x, 2)) {
        HONE_TRY(hone_infer_shape_from(x, 2, &shape));
        if (rank > 0 && shape.rank >= 0 && shape.rank != rank)
            return hone_error(HONE_ERR_BUILD, "the output shape has %d extents; %d are needed",
                              shape.rank, rank);
    }
    hone_out_set(x, 0, hone_in_dtype(x, 0), &shape);
    return HONE_OK;
}

/* Regions are rows of input 1: [n, 5] (batch, x1, y1, x2, y2). */
hone_status hone_infer_max_roi_pool(hone_infer *x)
{
    const hone_ints pooled = x->attrs->max_roi_pool.pooled_shape;

    HONE_TRY(hone_infer_check_types(x, 0, HONE_TYPES_FLOAT));
    HONE_TRY(hone_infer_check_same_type(x, 0, 1));
    HONE_TRY(hone_infer_check_rank(x, 0, 4, 4));
    HONE_TRY(hone_infer_check_filled(x, 0, 2, 4));
    HONE_TRY(hone_infer_check_rank(x, 1, 2, 2));
    HONE_TRY(
        hone_infer_same_extent(x, hone_in_dim(x, 1, 1), 5, "a region", "its five numbers", NULL));
    if (pooled.n != 2)
        return hone_error(HONE_ERR_BUILD, "pooled_shape has %d entries; 2 are needed", pooled.n);
    for (int i = 0; i < 2; i++)
        HONE_TRY(hone_check_range("pooled_shape", pooled.v[i], 1, HONE_ATTR_MOST));
    const hone_shape shape = hone_shape_make(4, hone_in_dim(x, 1, 0), hone_in_dim(x, 0, 1),
                                             (hone_extent)pooled.v[0], (hone_extent)pooled.v[1]);
    hone_out_set(x, 0, hone_in_dtype(x, 0), &shape);
    return HONE_OK;
}

/* Inputs x, regions [n, 4], batch indices [n]. */
hone_status hone_infer_roi_align(hone_infer *x)
{
    const hone_attrs_roi_align *a = &x->attrs->roi_align;
    hone_extent regions;

    HONE_TRY(hone_infer_check_types(x, 0, HONE_TYPES_FLOAT));
    HONE_TRY(hone_infer_check_same_type(x, 0, 1));
    HONE_TRY(hone_infer_check_types(x, 2, HONE_TYPES_INDEX));
    HONE_TRY(hone_infer_check_rank(x, 0, 4, 4));
    HONE_TRY(hone_infer_check_filled(x, 0, 2, 4));
    HONE_TRY(hone_infer_check_rank(x, 1, 2, 2));
    HONE_TRY(hone_infer_check_rank(x, 2, 1, 1));
    HONE_TRY(
        hone_infer_same_extent(x, hone_in_dim(x, 1, 1), 4, "a region", "its four numbers", NULL));
    HONE_TRY(hone_infer_same_extent(x, hone_in_dim(x, 1, 0), hone_in_dim(x, 2, 0), "the regions",
                                    "the batch indices", &regions));
    HONE_TRY(hone_check_range("output_height", a->output_height, 1, HONE_ATTR_MOST));
    HONE_TRY(hone_check_range("output_width", a->output_width, 1, HONE_ATTR_MOST));
    HONE_TRY(hone_check_range("sampling_ratio", a->sampling_ratio, 0, HONE_ATTR_MOST));
    const hone_shape shape =
        hone_shape_make(4, regions, hone_in_dim(x, 0, 1), (hone_extent)a->output_height,
                        (hone_extent)a->output_width);
    hone_out_set(x, 0, hone_in_dtype(x, 0), &shape);
    return HONE_OK;
}
