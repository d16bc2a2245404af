/* Steps that lowering makes for the slots of loops. */
#include "op/infer_tools.h"

/* Inputs x, index: x without its axis. */
hone_status hone_infer_take(hone_infer *x)
{
    hone_shape shape = *hone_in_shape(x, 0);
    int axis;

    HONE_TRY(hone_infer_check_types(x, 1, HONE_TYPES_I64));
    HONE_TRY(hone_infer_check_scalar(x, 1));
    HONE_TRY(hone_infer_check_rank(x, 0, 1, HONE_MAX_RANK));
    if (shape.rank > 0) {
        HONE_TRY(hone_axis_normalize(x->attrs->take.axis, shape.rank, &axis));
        shape.rank--;
        memmove(&shape.dim[axis], &shape.dim[axis + 1],
                (size_t)(shape.rank - axis) * sizeof shape.dim[0]);
    }
    hone_out_set(x, 0, hone_in_dtype(x, 0), &shape);
    return HONE_OK;
}

/* Inputs x, y: x with y as one more entry of its axis. How many entries there will be is not known
 * to a build. */
hone_status hone_infer_append(hone_infer *x)
{
    const hone_shape *y = hone_in_shape(x, 1);
    hone_shape shape = *hone_in_shape(x, 0);
    int axis;

    HONE_TRY(hone_infer_check_same_type(x, 0, 1));
    HONE_TRY(hone_infer_check_rank(x, 0, 1, HONE_MAX_RANK));
    if (shape.rank > 0) {
        HONE_TRY(hone_axis_normalize(x->attrs->append.axis, shape.rank, &axis));
        HONE_TRY(hone_infer_check_rank(x, 1, shape.rank - 1, shape.rank - 1));
        for (int i = 0; y->rank >= 0 && i < y->rank; i++) {
            const int to = i < axis ? i : i + 1;
            if (shape.dim[axis] == 0)
                shape.dim[to] = y->dim[i]; /* an empty slot takes the first entry's extents */
            else
                HONE_TRY(hone_infer_same_extent(x, shape.dim[to], y->dim[i], "the slot",
                                                "the entry", &shape.dim[to]));
        }
        shape.dim[axis] = hone_extent_add(x->extents, shape.dim[axis], 1);
    }
    hone_out_set(x, 0, hone_in_dtype(x, 0), &shape);
    return HONE_OK;
}
