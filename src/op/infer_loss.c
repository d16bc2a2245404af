/* Losses: scores [batch, classes, d...], labels [batch, d...], weights [classes]. ONNX
 * NegativeLogLikelihoodLoss-22, SoftmaxCrossEntropyLoss-13. */
#include "op/infer_tools.h"

enum {
    MEAN,
    SUM,
    NONE
}; /* the reduction attribute */

static hone_status loss_shape(const hone_infer *x, hone_shape *out)
{
    const int rank = hone_in_rank(x, 0);

    HONE_TRY(hone_infer_check_types(x, 0, HONE_TYPES_FLOAT));
    HONE_TRY(hone_infer_check_types(x, 1, HONE_TYPES_INDEX));
    HONE_TRY(hone_infer_check_same_type(x, 0, 2));
    HONE_TRY(hone_infer_check_rank(x, 0, 2, HONE_MAX_RANK));
    if (rank > 0) {
        HONE_TRY(hone_infer_check_rank(x, 1, rank - 1, rank - 1));
        HONE_TRY(hone_infer_check_row(x, 2, hone_in_dim(x, 0, 1)));
        for (int i = 0; hone_in_rank(x, 1) >= 0 && i < rank - 1; i++)
            HONE_TRY(hone_infer_same_extent(x, hone_in_dim(x, 1, i),
                                            hone_in_dim(x, 0, i ? i + 1 : 0), "the labels",
                                            "the scores", NULL));
    }
    *out = hone_attr_int(x, "reduction", MEAN) == NONE ? *hone_in_shape(x, 1)
                                                       : (hone_shape){.rank = 0};
    return HONE_OK;
}

hone_status hone_infer_nll_loss(hone_infer *x)
{
    hone_shape shape;

    HONE_TRY(loss_shape(x, &shape));
    hone_out_set(x, 0, hone_in_dtype(x, 0), &shape);
    return HONE_OK;
}

/* The second output is the log of the softmax. */
hone_status hone_infer_softmax_loss(hone_infer *x)
{
    hone_shape shape;

    HONE_TRY(loss_shape(x, &shape));
    hone_out_set(x, 0, hone_in_dtype(x, 0), &shape);
    hone_out_set(x, 1, hone_in_dtype(x, 0), hone_in_shape(x, 0));
    return HONE_OK;
}
