/* Attention: q, k, v as [batch, heads, length, size], or with heads folded into the last axis as
 * [batch, length, heads * size]; optional mask, past key, past value, lengths without padding.
 * Outputs y, present key, present value, and the product of q and k. ONNX Attention-24.
 *
 * With head_size, which only passes set, operands of rank 3 are columns of wider rows: q's are
 * those from q_at on, k's from k_at, v's from v_at. All three may be one value. */
#include "op/infer_tools.h"

typedef struct heads {
    hone_extent batch, heads, length, size;
} heads;

/* Heads that are columns of wider rows. */
static hone_status columns_of(const hone_infer *x, int i, int64_t n_heads, int64_t at, heads *out)
{
    const int64_t size = x->attrs->attention.head_size;
    const hone_extent width = hone_in_dim(x, i, 2);

    HONE_TRY(hone_infer_check_rank(x, i, 3, 3));
    HONE_TRY(hone_check_range("head_size", size, 1, HONE_ATTR_MOST));
    HONE_TRY(hone_check_range("the number of heads", n_heads, 1, HONE_ATTR_MOST));
    HONE_TRY(hone_check_range("the first column of an operand", at, 0, HONE_ATTR_MOST));
    if (hone_extent_is_number(width) && at + n_heads * size > width)
        return hone_error(HONE_ERR_BUILD,
                          "input %d has %lld columns; %lld heads of %lld from %lld on do not fit",
                          i, (long long)width, (long long)n_heads, (long long)size, (long long)at);
    *out = (heads){hone_in_dim(x, i, 0), n_heads, hone_in_dim(x, i, 1), size};
    return HONE_OK;
}

/* An operand's four extents, whichever rank it has. */
static hone_status split_heads(const hone_infer *x, int i, int64_t n_heads, int64_t at, heads *out)
{
    HONE_TRY(hone_infer_check_types(x, i, HONE_TYPES_FLOAT));
    HONE_TRY(hone_infer_check_rank(x, i, 3, 4));
    if (x->attrs->attention.head_size != 0)
        return columns_of(x, i, n_heads, at, out);
    if (hone_in_rank(x, i) == 4) {
        *out = (heads){hone_in_dim(x, i, 0), hone_in_dim(x, i, 1), hone_in_dim(x, i, 2),
                       hone_in_dim(x, i, 3)};
        return HONE_OK;
    }
    HONE_TRY(
        hone_check_range("the number of heads of an input of rank 3", n_heads, 1, HONE_ATTR_MOST));
    const hone_extent width = hone_in_dim(x, i, 2);
    if (hone_extent_is_number(width) && width % n_heads)
        return hone_error(HONE_ERR_BUILD,
                          "input %d has last extent %lld; it must divide by its %lld heads", i,
                          (long long)width, (long long)n_heads);
    *out = (heads){hone_in_dim(x, i, 0), n_heads, hone_in_dim(x, i, 1),
                   hone_extent_floor_div(x->extents, width, n_heads)};
    return HONE_OK;
}

static hone_status check_operands(const hone_infer *x, const heads *q, const heads *k,
                                  const heads *v)
{
    HONE_TRY(hone_infer_same_extent(x, q->batch, k->batch, "the batch of q", "that of k", NULL));
    HONE_TRY(hone_infer_same_extent(x, k->batch, v->batch, "the batch of k", "that of v", NULL));
    HONE_TRY(hone_infer_same_extent(x, k->heads, v->heads, "the heads of k", "those of v", NULL));
    HONE_TRY(hone_infer_same_extent(x, k->length, v->length, "the length of k", "that of v", NULL));
    HONE_TRY(hone_infer_same_extent(x, q->size, k->size, "the head size of q", "that of k", NULL));
    if (hone_extent_is_number(q->heads) && hone_extent_is_number(k->heads) &&
        (k->heads == 0 || q->heads % k->heads))
        return hone_error(HONE_ERR_BUILD, "q has %lld heads and k %lld; q's must divide by k's",
                          (long long)q->heads, (long long)k->heads);
    return HONE_OK;
}

/* The past of k or v: [batch, heads, past, size]; *total is its length and the new one's. */
static hone_status check_past(const hone_infer *x, int i, const heads *now, hone_extent *total)
{
    *total = now->length;
    if (!hone_infer_has(x, i))
        return HONE_OK;
    HONE_TRY(hone_infer_check_rank(x, i, 4, 4));
    HONE_TRY(hone_infer_check_types(x, i, HONE_TYPES_FLOAT));
    HONE_TRY(hone_infer_same_extent(x, hone_in_dim(x, i, 0), now->batch, "the past's batch",
                                    "the present's", NULL));
    HONE_TRY(hone_infer_same_extent(x, hone_in_dim(x, i, 1), now->heads, "the past's heads",
                                    "the present's", NULL));
    HONE_TRY(hone_infer_same_extent(x, hone_in_dim(x, i, 3), now->size, "the past's head size",
                                    "the present's", NULL));
    *total = hone_extent_add(x->extents, hone_in_dim(x, i, 2), now->length);
    return HONE_OK;
}

/* The mask broadcasts to [batch, heads, length, total]; its last axis may be shorter (the rest
 * counts as masked). */
static hone_status check_mask(const hone_infer *x, const heads *q, hone_extent total)
{
    const int rank = hone_in_rank(x, 3);
    const hone_shape whole = hone_shape_make(4, q->batch, q->heads, q->length, total);

    if (rank < 0)
        return HONE_OK;
    HONE_TRY(hone_infer_check_types(x, 3, HONE_TYPES_FLOAT | HONE_TYPES_BOOL));
    HONE_TRY(hone_infer_check_rank(x, 3, 1, 4));
    for (int i = 0; i < rank; i++) {
        const hone_extent mask = hone_in_dim(x, 3, i), all = whole.dim[4 - rank + i];
        const bool last = i == rank - 1;
        if (hone_extent_is_number(mask) && hone_extent_is_number(all) &&
            (last ? mask > all : mask != 1 && mask != all))
            return hone_error(HONE_ERR_BUILD, "the mask has extent %lld at axis %d; %lld is needed",
                              (long long)mask, i, (long long)all);
    }
    return HONE_OK;
}

hone_status hone_infer_attention(hone_infer *x)
{
    const hone_attrs_attention *a = &x->attrs->attention;
    heads q, k, v;
    hone_extent total, total_v, width;
    hone_shape y;

    if (hone_in_rank(x, 0) < 0 || hone_in_rank(x, 1) < 0 || hone_in_rank(x, 2) < 0) {
        for (int i = 0; i < x->n_out; i++)
            hone_out_set(x, i, hone_in_dtype(x, i == 1 || i == 2 ? i : 0), &HONE_SHAPE_UNKNOWN);
        return HONE_OK;
    }
    HONE_TRY(split_heads(x, 0, a->q_num_heads, a->q_at, &q));
    HONE_TRY(split_heads(x, 1, a->kv_num_heads, a->k_at, &k));
    HONE_TRY(split_heads(x, 2, a->kv_num_heads, a->v_at, &v));
    HONE_TRY(check_operands(x, &q, &k, &v));
    HONE_TRY(check_past(x, 4, &k, &total));
    HONE_TRY(check_past(x, 5, &v, &total_v));
    HONE_TRY(hone_infer_same_extent(x, total, total_v, "the length of k with its past", "that of v",
                                    NULL));
    HONE_TRY(check_mask(x, &q, total));
    HONE_TRY(hone_infer_check_types(x, 6, HONE_TYPES_I64));
    HONE_TRY(hone_infer_check_row(x, 6, q.batch));
    HONE_TRY(hone_check_range("qk_matmul_output_mode", a->qk_matmul_output_mode, 0, 3));
    HONE_TRY(hone_infer_mul(x, q.heads, v.size, "the last extent of the output", &width));
    if (hone_in_rank(x, 0) == 4)
        y = hone_shape_make(4, q.batch, q.heads, q.length, v.size);
    else
        y = hone_shape_make(3, q.batch, q.length, width);
    const hone_shape key = hone_shape_make(4, k.batch, k.heads, total, k.size);
    const hone_shape value = hone_shape_make(4, v.batch, v.heads, total, v.size);
    const hone_shape scores = hone_shape_make(4, q.batch, q.heads, q.length, total);
    hone_out_set(x, 0, hone_in_dtype(x, 0), &y);
    hone_out_set(x, 1, hone_in_dtype(x, 1), &key);
    hone_out_set(x, 2, hone_in_dtype(x, 2), &value);
    hone_out_set(x, 3, hone_in_dtype(x, 0), &scores);
    return HONE_OK;
}
