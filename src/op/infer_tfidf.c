/* TfIdfVectorizer: counts n-grams of a pool in rows of numbers or texts; [rows, length] gives
 * [rows, columns], the columns being what ngram_indexes names. What the attributes say of the pool
 * is checked here, so that the kernel can walk it. ONNX TfIdfVectorizer-9. */
#include "op/infer_tools.h"

/* The pool in parts: from ngram_counts[k] on stand the (k + 1)-grams, one behind the other. */
static hone_status check_pool(const hone_attrs_tfidf_vectorizer *a, int pool)
{
    int64_t grams = 0;

    for (int k = 0; k < a->ngram_counts.n; k++) {
        const int64_t end = k + 1 < a->ngram_counts.n ? a->ngram_counts.v[k + 1] : pool;
        HONE_TRY(hone_check_range("an entry of ngram_counts", a->ngram_counts.v[k], 0, pool));
        HONE_TRY(hone_check_range("an entry of ngram_counts", end, a->ngram_counts.v[k], pool));
        if ((end - a->ngram_counts.v[k]) % (k + 1))
            return hone_error(HONE_ERR_BUILD,
                              "the pool has %lld entries for its %d-grams; they must divide by %d",
                              (long long)(end - a->ngram_counts.v[k]), k + 1, k + 1);
        grams += (end - a->ngram_counts.v[k]) / (k + 1);
    }
    if (grams != a->ngram_indexes.n)
        return hone_error(
            HONE_ERR_BUILD,
            "the pool has %lld n-grams but ngram_indexes %d entries; they must be as many",
            (long long)grams, a->ngram_indexes.n);
    if (a->weights.n != 0 && a->weights.n != a->ngram_indexes.n)
        return hone_error(HONE_ERR_BUILD, "there are %d weights; 0 or %d are allowed", a->weights.n,
                          a->ngram_indexes.n);
    return HONE_OK;
}

hone_status hone_infer_tfidf(hone_infer *x)
{
    const hone_attrs_tfidf_vectorizer *a = &x->attrs->tfidf_vectorizer;
    const bool texts = a->pool_strings.n > 0;
    hone_shape shape = *hone_in_shape(x, 0);
    int64_t columns = 0;

    HONE_TRY(hone_infer_check_types(x, 0, texts ? HONE_TYPES_STRING : HONE_TYPES_INDEX));
    HONE_TRY(hone_infer_check_rank(x, 0, 0, 2));
    HONE_TRY(hone_check_range("max_skip_count", a->max_skip_count, 0, HONE_ATTR_MOST));
    HONE_TRY(hone_check_range("min_gram_length", a->min_gram_length, 1, HONE_ATTR_MOST));
    HONE_TRY(hone_check_range("max_gram_length", a->max_gram_length, a->min_gram_length,
                              HONE_ATTR_MOST));
    HONE_TRY(check_pool(a, texts ? a->pool_strings.n : a->pool_int64s.n));
    for (int i = 0; i < a->ngram_indexes.n; i++) {
        HONE_TRY(hone_check_range("an entry of ngram_indexes", a->ngram_indexes.v[i], 0,
                                  HONE_ATTR_MOST));
        columns = HONE_MAX(columns, a->ngram_indexes.v[i] + 1);
    }
    if (shape.rank == 0)
        shape.rank = 1;
    if (shape.rank > 0)
        shape.dim[shape.rank - 1] = columns;
    hone_out_set(x, 0, HONE_F32, &shape);
    return HONE_OK;
}
