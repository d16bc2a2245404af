/* Attention in tiles. The one idea: keys and values of every head are packed once into panels; then
 * a task takes some queries of one head through both products and the softmax, so that their scores
 * never leave its second cache level, and nothing of size queries x keys is written to memory.
 * Attention with a past, with bool masks, windows or a softcap is attention.c's. */
#include "cpu/attend.h"

#include <math.h>

#include "cpu/gemm_core.h"

#define BLOCK                                                                                      \
    48 /* queries of a task: a multiple of every tile's rows; 512 keys are 96 KiB of scores */

typedef struct attend_rooms {
    const hone_attend *job;
    float *keys, *values; /* packed, of every batch and head */
    float *scores;        /* of every thread: BLOCK lines */
    int64_t key_room, value_room, line;
} attend_rooms;

static attend_rooms rooms_of(const hone_attend *job, float *scratch)
{
    attend_rooms r = {.job = job,
                      .key_room = hone_panels(job->keys) * HONE_PANEL * job->size,
                      .value_room = hone_panels(job->v_size) * HONE_PANEL * job->keys,
                      .line = hone_panels(job->keys) * HONE_PANEL};
    const int64_t n = job->batch * job->kv_heads;

    r.keys = scratch;
    r.values = scratch ? r.keys + n * r.key_room : NULL;
    r.scores = scratch ? r.values + n * r.value_room : NULL;
    return r;
}

size_t hone_attend_scratch(const hone_attend *job, int threads)
{
    const attend_rooms r = rooms_of(job, NULL);
    const int64_t n = job->batch * job->kv_heads;

    return (size_t)(n * (r.key_room + r.value_room) + threads * BLOCK * r.line) * sizeof(float);
}

static float *head_at(const hone_attend_view *view, int64_t batch, int64_t head)
{
    return view->data + batch * view->by_batch + head * view->by_head;
}

static void scale(float *x, int64_t n, float by)
{
    for (int64_t i = 0; i < n; i++)
        x[i] *= by;
}

/* One panel of one head, the scale in the keys: there are fewer of them than of scores. The panels
 * of its keys come first, then those of its values. */
static void pack_task(void *ctx, int64_t task, int thread)
{
    const attend_rooms *r = ctx;
    const hone_attend *job = r->job;
    const int64_t key_panels = hone_panels(job->keys),
                  panels = key_panels + hone_panels(job->v_size);
    const int64_t i = task / panels, panel = task % panels, value_panel = panel - key_panels;
    const int64_t batch = i / job->kv_heads, head = i % job->kv_heads;

    (void)thread;
    if (panel < key_panels) {
        float *to = r->keys + i * r->key_room;
        hone_gemm_pack(head_at(&job->k, batch, head), 1, job->k.by_token, job->size, job->keys,
                       1.0f, panel, panel + 1, to);
        scale(to + panel * HONE_PANEL * job->size, HONE_PANEL * job->size, job->scale);
    } else {
        hone_gemm_pack(head_at(&job->v, batch, head), job->v.by_token, 1, job->keys, job->v_size,
                       1.0f, value_panel, value_panel + 1, r->values + i * r->value_room);
    }
}

/* Whether the mask hides every key from a query. Most see the first, so this ends at once. */
static bool is_hidden(const hone_attend *job, int64_t query, const float *mask)
{
    const int64_t end = job->is_causal ? HONE_MIN(query + 1, job->keys) : job->keys;
    int64_t k = 0;

    while (k < end && mask[k] == -INFINITY)
        k++;
    return k == end;
}

/* Scores of one query to probabilities, where they stand. A query that sees no key gets zeros, as
 * in ONNX; the softmax alone would give NaN. */
static void soften(const hone_attend *job, int64_t query, const float *mask, float *p)
{
    for (int64_t k = 0; mask && job->mask_by[2] != 0 && k < job->keys; k++)
        p[k] += mask[k];
    for (int64_t k = query + 1; job->is_causal && k < job->keys; k++)
        p[k] = -INFINITY;
    if (mask && is_hidden(job, query, mask))
        memset(p, 0, (size_t)job->keys * sizeof *p);
    else
        hone_cpu_vector->softmax(p, p, job->keys);
}

static void multiply(int64_t rows, int64_t cols, int64_t depth, const float *a, int64_t lda,
                     const float *b, const float *bias, float *c, int64_t ldc)
{
    const hone_gemm g = {.rows = rows,
                         .cols = cols,
                         .taps = 1,
                         .seg = depth,
                         .a = a,
                         .lda = lda,
                         .b = b,
                         .ldb = HONE_PANEL,
                         .panel = depth * HONE_PANEL,
                         .bias = bias,
                         .c = c,
                         .ldc = ldc};
    const hone_gemm_cut whole = {
        .rows = rows, .panels = hone_panels(cols), .row_tasks = 1, .panel_tasks = 1};

    hone_gemm_task(&g, &whole, 0);
}

static void attend_task(void *ctx, int64_t task, int thread)
{
    const attend_rooms *r = ctx;
    const hone_attend *job = r->job;
    const int64_t blocks = (job->queries + BLOCK - 1) / BLOCK, from = task % blocks * BLOCK;
    const int64_t head = task / blocks % job->heads, batch = task / blocks / job->heads;
    const int64_t kv = batch * job->kv_heads + head / (job->heads / job->kv_heads);
    const int64_t n = HONE_MIN(BLOCK, job->queries - from);
    const float *mask = job->mask ? job->mask + batch * job->mask_by[0] + head * job->mask_by[1] +
                                        from * job->mask_by[2]
                                  : NULL;
    float *scores = r->scores + thread * BLOCK * r->line;

    multiply(n, job->keys, job->size, head_at(&job->q, batch, head) + from * job->q.by_token,
             job->q.by_token, r->keys + kv * r->key_room, job->mask_by[2] == 0 ? mask : NULL,
             scores, r->line);
    for (int64_t i = 0; i < n; i++)
        soften(job, from + i, mask ? mask + i * job->mask_by[2] : NULL, scores + i * r->line);
    multiply(n, job->v_size, job->keys, scores, r->line, r->values + kv * r->value_room, NULL,
             head_at(&job->y, batch, head) + from * job->y.by_token, job->y.by_token);
}

void hone_attend_run(const hone_attend *job, void *scratch, hone_pool *pool)
{
    attend_rooms r = rooms_of(job, scratch);
    const int64_t blocks = (job->queries + BLOCK - 1) / BLOCK;

    hone_pool_run(pool, pack_task, &r,
                  job->batch * job->kv_heads * (hone_panels(job->keys) + hone_panels(job->v_size)));
    hone_pool_run(pool, attend_task, &r, job->batch * job->heads * blocks);
}
