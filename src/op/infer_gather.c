/* Operators that pick elements by indices. */
#include "op/infer_tools.h"

/* Picks partial values from a row; an index that is known must be inside. */
static void gather_elems(hone_infer *x)
{
    hone_extent data[HONE_FACT_ELEMS];
    hone_extent index[HONE_FACT_ELEMS];
    hone_fact *out = &x->out[0];
    int n, n_index;

    if (hone_in_rank(x, 0) != 1 || !hone_infer_tracks(x, 0) ||
        !hone_fact_ints(&x->in[0], data, HONE_FACT_ELEMS, &n) ||
        !hone_fact_ints(&x->in[1], index, HONE_FACT_ELEMS, &n_index))
        return;
    for (int i = 0; i < n_index; i++) {
        const int64_t at =
            hone_extent_is_number(index[i]) && index[i] < 0 ? index[i] + n : index[i];
        out->elem[i] = hone_extent_is_number(at) && at < n ? data[at] : HONE_EXTENT_UNKNOWN;
    }
    out->n_elem = n_index;
}

/* Indices that are known, and few, must be in [-extent, extent); kernels check the others. */
static hone_status check_indices(const hone_infer *x, int i, hone_extent extent)
{
    hone_extent index[HONE_FACT_ELEMS];
    int n;

    if (!hone_extent_is_number(extent) || !hone_fact_ints(&x->in[i], index, HONE_FACT_ELEMS, &n))
        return HONE_OK;
    for (int k = 0; k < n; k++)
        if (hone_extent_is_number(index[k]))
            HONE_TRY(hone_check_range("an index", index[k], -extent, extent - 1));
    return HONE_OK;
}

hone_status hone_infer_gather(hone_infer *x)
{
    const hone_shape *data = hone_in_shape(x, 0), *indices = hone_in_shape(x, 1);
    hone_shape shape = HONE_SHAPE_UNKNOWN;
    int axis;

    HONE_TRY(hone_infer_check_types(x, 1, HONE_TYPES_INDEX));
    HONE_TRY(hone_infer_check_rank(x, 0, 1, HONE_MAX_RANK));
    if (data->rank > 0 && indices->rank >= 0) {
        HONE_TRY(hone_axis_normalize(x->attrs->gather.axis, data->rank, &axis));
        HONE_TRY(hone_check_range("the rank of the output", data->rank + indices->rank - 1, 0,
                                  HONE_MAX_RANK));
        HONE_TRY(check_indices(x, 1, data->dim[axis]));
        shape.rank = 0;
        for (int i = 0; i < axis; i++)
            shape.dim[shape.rank++] = data->dim[i];
        for (int i = 0; i < indices->rank; i++)
            shape.dim[shape.rank++] = indices->dim[i];
        for (int i = axis + 1; i < data->rank; i++)
            shape.dim[shape.rank++] = data->dim[i];
    }
    hone_out_set(x, 0, hone_in_dtype(x, 0), &shape);
    gather_elems(x);
    return HONE_OK;
}

hone_status hone_infer_gather_elements(hone_infer *x)
{
    const int rank = hone_in_rank(x, 0);
    int axis;

    HONE_TRY(hone_infer_check_types(x, 1, HONE_TYPES_INDEX));
    HONE_TRY(hone_infer_check_rank(x, 0, 1, HONE_MAX_RANK));
    if (rank > 0) {
        HONE_TRY(hone_infer_check_rank(x, 1, rank, rank));
        HONE_TRY(hone_axis_normalize(x->attrs->gather_elements.axis, rank, &axis));
        for (int i = 0; hone_in_rank(x, 1) >= 0 && i < rank; i++) {
            const hone_extent data = hone_in_dim(x, 0, i), at = hone_in_dim(x, 1, i);
            if (i != axis && hone_extent_is_number(data) && hone_extent_is_number(at) && at > data)
                return hone_error(
                    HONE_ERR_BUILD,
                    "the indices have extent %lld at axis %d; the data's %lld is the most",
                    (long long)at, i, (long long)data);
        }
    }
    hone_out_set(x, 0, hone_in_dtype(x, 0), hone_in_shape(x, 1));
    return HONE_OK;
}

hone_status hone_infer_gather_nd(hone_infer *x)
{
    const hone_shape *data = hone_in_shape(x, 0), *indices = hone_in_shape(x, 1);
    const int64_t batch = x->attrs->gather_nd.batch_dims;
    hone_shape shape = HONE_SHAPE_UNKNOWN;

    HONE_TRY(hone_infer_check_types(x, 1, HONE_TYPES_I64));
    HONE_TRY(hone_infer_check_rank(x, 0, 1, HONE_MAX_RANK));
    HONE_TRY(hone_infer_check_rank(x, 1, 1, HONE_MAX_RANK));
    if (data->rank < 0 || indices->rank < 0 ||
        !hone_extent_is_number(indices->dim[indices->rank - 1])) {
        hone_out_set(x, 0, hone_in_dtype(x, 0), &shape);
        return HONE_OK;
    }
    const int64_t depth = indices->dim[indices->rank - 1];
    HONE_TRY(hone_check_range("batch_dims", batch, 0, HONE_MIN(data->rank, indices->rank) - 1));
    HONE_TRY(hone_check_range("the last extent of the indices", depth, 1, data->rank - batch));
    for (int i = 0; i < batch; i++)
        HONE_TRY(hone_infer_same_extent(x, data->dim[i], indices->dim[i], "the data's batch",
                                        "the indices'", NULL));
    HONE_TRY(hone_check_range("the rank of the output",
                              indices->rank - 1 + data->rank - batch - depth, 0, HONE_MAX_RANK));
    shape.rank = 0;
    for (int i = 0; i < indices->rank - 1; i++)
        shape.dim[shape.rank++] = indices->dim[i];
    for (int i = (int)(batch + depth); i < data->rank; i++)
        shape.dim[shape.rank++] = data->dim[i];
    hone_out_set(x, 0, hone_in_dtype(x, 0), &shape);
    return HONE_OK;
}

/* Picks from the last axis: [..., n] by k indices gives [..., k]; a row counts as a matrix of one
 * row. */
hone_status hone_infer_array_feature_extractor(hone_infer *x)
{
    hone_shape shape = *hone_in_shape(x, 0);

    HONE_TRY(hone_infer_check_types(x, 1, HONE_TYPES_I64));
    HONE_TRY(hone_infer_check_rank(x, 0, 1, HONE_MAX_RANK));
    const hone_extent picked = hone_shape_count(x->extents, hone_in_shape(x, 1));
    if (shape.rank == 1)
        shape = hone_shape_make(2, (hone_extent)1, picked);
    else if (shape.rank > 1)
        shape.dim[shape.rank - 1] = picked;
    hone_out_set(x, 0, hone_in_dtype(x, 0), &shape);
    return HONE_OK;
}
