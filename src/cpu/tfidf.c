/* Counting n-grams, ONNX TfIdfVectorizer-9: for each n-gram of the pool, how often a row has it,
 * its items next to each other or up to max_skip_count items apart, all by the same step. A row is
 * searched for one n-gram after the other: pools are small. Inference has checked the pool. */
#include "cpu/kernel.h"

enum {
    TF,
    IDF,
    TFIDF
}; /* mode */

typedef struct tfidf_job {
    const hone_attrs_tfidf_vectorizer *a;
    const hone_tensor *x;
    float *y;
    int64_t length, columns;
} tfidf_job;

static bool is_item(const tfidf_job *job, int64_t at, int64_t pool)
{
    if (job->x->dtype != HONE_STRING)
        return hone_get_int(job->x, at) == job->a->pool_int64s.v[pool];
    const hone_string *s = (const hone_string *)job->x->data + at;
    const char *text = job->a->pool_strings.v[pool];
    return s->size == strlen(text) && memcmp(s->data, text, s->size) == 0;
}

/* How often the n items of the pool from `pool` on stand `step` apart in the row that begins at
 * `row`. */
static int64_t count_at_step(const tfidf_job *job, int64_t row, int64_t pool, int n, int64_t step)
{
    int64_t count = 0;

    for (int64_t start = 0; start + step * (n - 1) < job->length; start++) {
        int k = 0;
        while (k < n && is_item(job, row + start + k * step, pool + k))
            k++;
        count += k == n;
    }
    return count;
}

static int64_t count_gram(const tfidf_job *job, int64_t row, int64_t pool, int n)
{
    /* Steps past the row's length find nothing. A single item has no step. */
    const int64_t steps = n == 1 ? 1 : HONE_MIN(job->a->max_skip_count + 1, job->length);
    int64_t count = 0;

    for (int64_t step = 1; step <= steps; step++)
        count += count_at_step(job, row, pool, n, step);
    return count;
}

static float weigh(const hone_attrs_tfidf_vectorizer *a, int gram, int64_t count)
{
    const float weight = a->weights.n ? a->weights.v[gram] : 1.0f;

    if (a->mode == TF)
        return (float)count;
    return a->mode == IDF ? (count > 0 ? weight : 0.0f) : (float)count * weight;
}

static void run_row(const tfidf_job *job, int64_t row)
{
    const hone_attrs_tfidf_vectorizer *a = job->a;
    const int pool = job->x->dtype == HONE_STRING ? a->pool_strings.n : a->pool_int64s.n;
    float *y = job->y + row * job->columns;
    int gram = 0;

    memset(y, 0, (size_t)job->columns * sizeof *y);
    for (int part = 0; part < a->ngram_counts.n; part++) {
        const int64_t end = part + 1 < a->ngram_counts.n ? a->ngram_counts.v[part + 1] : pool;
        const int n = part + 1;
        for (int64_t at = a->ngram_counts.v[part]; at < end; at += n, gram++)
            if (n >= a->min_gram_length && n <= a->max_gram_length)
                y[a->ngram_indexes.v[gram]] =
                    weigh(a, gram, count_gram(job, row * job->length, at, n));
    }
}

static void run_rows(void *ctx, int64_t begin, int64_t end)
{
    for (int64_t row = begin; row < end; row++)
        run_row(ctx, row);
}

static hone_status run(const hone_cpu_call *call)
{
    const hone_dims *x = &call->in[0]->shape, *y = &call->out[0]->shape;
    tfidf_job job = {
        .a = &call->attrs->tfidf_vectorizer, .x = call->in[0], .y = call->out[0]->data};

    job.length = x->rank == 0 ? 1 : x->dim[x->rank - 1];
    job.columns = y->dim[y->rank - 1];
    hone_cpu_for(call, x->rank == 2 ? x->dim[0] : 1, 1, run_rows, &job);
    return HONE_OK;
}

static bool takes(const hone_cpu_call *call)
{
    const hone_dtype dtype = call->in[0]->dtype;
    return dtype == HONE_I32 || dtype == HONE_I64 || dtype == HONE_STRING;
}

const hone_cpu_kernel hone_cpu_tfidf = {.run = run, .takes = takes};
