/* Scaled dot-product attention (ONNX Attention-25) and rotary_embedding. What is plain enough goes
 * to attend.c, in tiles. The rest takes one row of queries at a time: scores against every key,
 * softmax, a weighted sum of the values; nothing of size queries x keys is kept. Keys and values
 * are read where they lie: the past's first, then the present's. Computed in float32; float64
 * inputs lose bits. */
#include <math.h>

#include "cpu/attend.h"
#include "cpu/kernel.h"

/* A tensor as [batch, head, token, entry]; 3-D ones hold the heads side by side in a token, from
 * column `first` on. */
typedef struct heads {
    const hone_tensor *t;
    int64_t batch, heads, tokens, size;
    int64_t by_batch, by_head, by_token;
    int64_t first;
} heads;

typedef struct attention_job {
    const hone_cpu_call *call;
    heads q, k, v, past_k, past_v, y;
    const hone_tensor *mask, *lengths, *qk;
    int64_t keys;       /* past and present */
    int64_t mask_by[3]; /* strides of batch, head, query */
    int64_t mask_keys;
    float scale;
    float *rows; /* of every thread: scores, a key or value, a query, the answer */
    int64_t row_size;
} attention_job;

static heads heads_of(const hone_tensor *t, int64_t n_heads)
{
    const int64_t *d = t->shape.dim;

    if (t->shape.rank == 4)
        return (heads){t, d[0], d[1], d[2], d[3], d[1] * d[2] * d[3], d[2] * d[3], d[3], 0};
    const int64_t size = n_heads > 0 ? d[2] / n_heads : 0;
    return (heads){t, d[0], n_heads, d[1], size, d[1] * d[2], size, d[2], 0};
}

/* The same where only the columns from `at` on are the operand. */
static heads columns_of(const hone_tensor *t, int64_t n_heads, int64_t size, int64_t at)
{
    heads h = heads_of(t, n_heads);

    if (size != 0) {
        h.size = h.by_head = size;
        h.first = at;
    }
    return h;
}

static int64_t heads_at(const heads *h, int64_t batch, int64_t head, int64_t token)
{
    return h->first + batch * h->by_batch + head * h->by_head + token * h->by_token;
}

/* The entries of one token, in place where they are float32. */
static const float *entries(const heads *h, int64_t batch, int64_t head, int64_t token, float *room)
{
    const int64_t at = heads_at(h, batch, head, token);

    if (h->t->dtype == HONE_F32)
        return (const float *)h->t->data + at;
    hone_read_f32(h->t->dtype, h->t->data, at, h->size, room);
    return room;
}

static const float *token_of(const heads *past, const heads *now, int64_t batch, int64_t head,
                             int64_t token, float *room)
{
    const int64_t before = past->t ? past->tokens : 0;
    return token < before ? entries(past, batch, head, token, room)
                          : entries(now, batch, head, token - before, room);
}

static float dot(const float *a, const float *b, int64_t n)
{
    float lane[8] = {0}, sum = 0;
    int64_t i = 0;

    for (; i + 8 <= n; i += 8)
        for (int k = 0; k < 8; k++)
            lane[k] += a[i + k] * b[i + k];
    for (; i < n; i++)
        sum += a[i] * b[i];
    return sum + ((lane[0] + lane[4]) + (lane[2] + lane[6])) +
           ((lane[1] + lane[5]) + (lane[3] + lane[7]));
}

/* What is added to a score: -inf where the key may not be seen. */
static float bias_of(const attention_job *job, int64_t batch, int64_t head, int64_t query,
                     int64_t key)
{
    const hone_attrs_attention *a = &job->call->attrs->attention;
    const int64_t length = job->lengths ? hone_get_int(job->lengths, batch) : job->keys;
    const int64_t offset = job->past_k.t  ? job->past_k.tokens
                           : job->lengths ? length - job->q.tokens
                                          : 0;
    const int64_t distance = query + offset - key;

    if (key >= length || (a->is_causal && distance < 0) ||
        (a->left_window_size >= 0 && distance > a->left_window_size) ||
        (a->right_window_size >= 0 && -distance > a->right_window_size))
        return -INFINITY;
    if (!job->mask)
        return 0;
    if (key >= job->mask_keys)
        return -INFINITY;
    const double m = hone_get(job->mask, batch * job->mask_by[0] + head * job->mask_by[1] +
                                             query * job->mask_by[2] + key);
    return job->mask->dtype == HONE_BOOL ? (m != 0 ? 0 : -INFINITY) : (float)m;
}

/* qk_matmul_output_mode: 0 the scores, 1 after the softcap, 2 after the bias, 3 after the softmax.
 */
static void give_qk(const attention_job *job, int64_t row, int64_t mode, const float *p)
{
    if (job->qk && job->call->attrs->attention.qk_matmul_output_mode == mode)
        hone_write_f32(job->qk->dtype, job->qk->data, row * job->keys, job->keys, p);
}

/* Scores to probabilities. A row that sees no key becomes zeros. */
static void soften(float *p, int64_t n)
{
    float max = -INFINITY;
    double sum = 0;

    for (int64_t k = 0; k < n; k++)
        max = p[k] > max || p[k] != p[k] ? p[k] : max;
    for (int64_t k = 0; k < n; k++) {
        p[k] = max == -INFINITY ? 0 : expf(p[k] - max);
        sum += p[k];
    }
    const float inverse = sum == 0 ? 0 : (float)(1 / sum);
    for (int64_t k = 0; k < n; k++)
        p[k] *= inverse;
}

static void scores_of(const attention_job *job, int64_t batch, int64_t head, int64_t query,
                      int64_t row, float *p, float *room)
{
    const float cap = job->call->attrs->attention.softcap;
    const int64_t kv_head = head / (job->q.heads / job->k.heads);
    const float *q = entries(&job->q, batch, head, query, room + job->row_size);
    bool sees = false;

    for (int64_t k = 0; k < job->keys; k++)
        p[k] = job->scale *
               dot(q, token_of(&job->past_k, &job->k, batch, kv_head, k, room), job->q.size);
    give_qk(job, row, 0, p);
    for (int64_t k = 0; k < job->keys && cap > 0; k++)
        p[k] = cap * tanhf(p[k] / cap);
    give_qk(job, row, 1, p);
    for (int64_t k = 0; k < job->keys; k++) {
        const float bias = bias_of(job, batch, head, query, k);
        sees = sees || bias != -INFINITY;
        p[k] = bias == -INFINITY ? -INFINITY : p[k] + bias;
    }
    give_qk(job, row, 2, p);
    soften(p, job->keys);
    for (int64_t k = 0; k < job->keys && !sees; k++)
        p[k] = 0;
    give_qk(job, row, 3, p);
}

static void attend(void *ctx, int64_t begin, int64_t end, int thread)
{
    const attention_job *job = ctx;
    float *room = job->rows + thread * (3 * job->row_size + job->keys),
          *sum = room + 2 * job->row_size;
    float *p = room + 3 * job->row_size;

    for (int64_t row = begin; row < end; row++) {
        const int64_t query = row % job->q.tokens, head = row / job->q.tokens % job->q.heads;
        const int64_t batch = row / job->q.tokens / job->q.heads;
        const int64_t kv_head = head / (job->q.heads / job->k.heads);
        scores_of(job, batch, head, query, row, p, room);
        for (int64_t i = 0; i < job->v.size; i++)
            sum[i] = 0;
        for (int64_t k = 0; k < job->keys; k++) {
            if (p[k] == 0)
                continue;
            const float *v = token_of(&job->past_v, &job->v, batch, kv_head, k, room);
            for (int64_t i = 0; i < job->v.size; i++)
                sum[i] += p[k] * v[i];
        }
        if (job->y.t)
            hone_write_f32(job->y.t->dtype, job->y.t->data, heads_at(&job->y, batch, head, query),
                           job->v.size, sum);
    }
}

/* The present: the past's tokens, then the new ones, as [batch, head, token, entry]. */
static void join_past(const hone_cpu_call *call, const hone_tensor *out, const heads *past,
                      const heads *now)
{
    if (!out)
        return;
    const int64_t before = past->t ? past->tokens : 0, tokens = before + now->tokens;
    hone_loop old = {.n = 2}, fresh = {.n = 2};
    hone_loop_add(&fresh, now->batch, now->heads * tokens * now->size, now->by_batch);
    hone_loop_add(&fresh, now->heads, tokens * now->size, now->by_head);
    hone_loop_add(&fresh, now->tokens, now->size, now->by_token);
    hone_loop_add(&fresh, now->size, 1, 1);
    hone_move(call, out->dtype, &fresh, out->data, before * now->size, now->t->data, now->first);
    if (!past->t)
        return;
    hone_loop_add(&old, now->batch * now->heads, tokens * now->size, before * now->size);
    hone_loop_add(&old, before * now->size, 1, 1);
    hone_move(call, out->dtype, &old, out->data, 0, past->t->data, 0);
}

static bool set_mask(attention_job *job)
{
    const int64_t want[3] = {job->q.batch, job->q.heads, job->q.tokens};

    if (!job->mask)
        return true;
    const hone_dims *m = &job->mask->shape;
    int64_t stride[HONE_MAX_RANK];
    if (m->rank < 1 || m->rank > 4)
        return false;
    hone_dims_strides(m, stride);
    job->mask_keys = m->dim[m->rank - 1];
    for (int i = 0; i < m->rank - 1; i++) {
        const int to = 3 - (m->rank - 1) + i;
        if (m->dim[i] != 1 && m->dim[i] != want[to])
            return false;
        job->mask_by[to] = m->dim[i] == 1 ? 0 : stride[i];
    }
    return true;
}

static bool set_attention(const hone_cpu_call *call, attention_job *job)
{
    const hone_attrs_attention *a = &call->attrs->attention;

    *job = (attention_job){.call = call};
    for (int i = 0; i < 3; i++)
        if (call->in[i]->shape.rank < 3 || call->in[i]->shape.rank > 4 ||
            call->in[i]->shape.rank != call->in[0]->shape.rank)
            return false;
    job->q = columns_of(call->in[0], a->q_num_heads, a->head_size, a->q_at);
    job->k = columns_of(call->in[1], a->kv_num_heads, a->head_size, a->k_at);
    job->v = columns_of(call->in[2], a->kv_num_heads, a->head_size, a->v_at);
    if (hone_call_out(call, 0))
        job->y = heads_of(call->out[0], job->q.heads);
    if (hone_call_has(call, 4) && hone_call_has(call, 5)) {
        job->past_k = heads_of(call->in[4], 0);
        job->past_v = heads_of(call->in[5], 0);
    }
    job->mask = hone_call_has(call, 3) ? call->in[3] : NULL;
    job->lengths = hone_call_has(call, 6) ? call->in[6] : NULL;
    job->qk = hone_call_out(call, 3);
    job->keys = job->k.tokens + (job->past_k.t ? job->past_k.tokens : 0);
    job->scale = a->scale != 0 ? a->scale : job->q.size > 0 ? 1 / sqrtf((float)job->q.size) : 1;
    job->row_size = HONE_MAX(job->q.size, job->v.size);
    return true;
}

/* Whether the columns lie within the rows. */
static bool is_within(const heads *h)
{
    return h->t->shape.rank == 4 ||
           (h->first >= 0 && h->size >= 0 && h->heads >= 0 &&
            (h->size == 0 || h->heads <= (h->by_token - h->first) / h->size));
}

static bool attention_fits(attention_job *job)
{
    const heads *pk = &job->past_k, *pv = &job->past_v;

    return is_within(&job->q) && is_within(&job->k) && is_within(&job->v) && job->k.heads > 0 &&
           job->q.heads % job->k.heads == 0 && job->v.heads == job->k.heads &&
           job->q.size == job->k.size && job->q.batch == job->k.batch &&
           job->k.batch == job->v.batch && job->k.tokens == job->v.tokens && set_mask(job) &&
           (!pk->t ||
            (pk->t->shape.rank == 4 && pv->t->shape.rank == 4 && pk->batch == job->k.batch &&
             pk->heads == job->k.heads && pk->size == job->k.size && pv->size == job->v.size &&
             pv->batch == job->k.batch && pv->heads == job->k.heads && pv->tokens == pk->tokens)) &&
           (!job->lengths || hone_tensor_count(job->lengths) == job->q.batch);
}

static hone_attend_view view_of(const heads *h)
{
    float *data = h->t->data;

    return (hone_attend_view){data ? data + h->first : NULL, h->by_batch, h->by_head, h->by_token};
}

/* Whether attend.c takes the whole of it; of shapes and types alone, for scratch asks too. */
static bool is_plain(const attention_job *job)
{
    const hone_attrs_attention *a = &job->call->attrs->attention;

    if (!job->y.t || job->past_k.t || job->lengths || job->qk || a->softcap > 0 ||
        a->left_window_size >= 0 || a->right_window_size >= 0 || job->keys == 0 ||
        job->q.tokens < HONE_ATTEND_QUERIES)
        return false;
    for (int i = 0; i < 3; i++)
        if (job->call->in[i]->dtype != HONE_F32)
            return false;
    return job->y.t->dtype == HONE_F32 &&
           (!job->mask || (job->mask->dtype == HONE_F32 && job->mask_keys == job->keys));
}

static hone_attend attend_of(const attention_job *job)
{
    return (hone_attend){
        .batch = job->q.batch,
        .heads = job->q.heads,
        .kv_heads = job->k.heads,
        .queries = job->q.tokens,
        .keys = job->keys,
        .size = job->q.size,
        .v_size = job->v.size,
        .q = view_of(&job->q),
        .k = view_of(&job->k),
        .v = view_of(&job->v),
        .y = view_of(&job->y),
        .mask = job->mask ? job->mask->data : NULL,
        .mask_by = {job->mask_by[0], job->mask_by[1], job->mask_by[2]},
        .is_causal = job->call->attrs->attention.is_causal != 0,
        .scale = job->scale,
    };
}

static size_t scratch_attention(const hone_cpu_call *call)
{
    attention_job job;

    if (!set_attention(call, &job) || !attention_fits(&job))
        return 0;
    if (is_plain(&job)) {
        const hone_attend plain = attend_of(&job);
        return hone_attend_scratch(&plain, hone_call_threads(call));
    }
    return (size_t)((3 * job.row_size + job.keys) * hone_call_threads(call)) * sizeof(float);
}

static hone_status run_attention(const hone_cpu_call *call)
{
    attention_job job;

    if (!set_attention(call, &job) || !attention_fits(&job))
        return hone_error(HONE_ERR_DEVICE,
                          "attention: queries, keys, values, past and mask do not fit each other");
    job.rows = call->scratch;
    join_past(call, hone_call_out(call, 1), &job.past_k, &job.k);
    join_past(call, hone_call_out(call, 2), &job.past_v, &job.v);
    if (is_plain(&job)) {
        const hone_attend plain = attend_of(&job);
        hone_attend_run(&plain, call->scratch, call->pool);
        return HONE_OK;
    }
    hone_cpu_for_thread(call, job.q.batch * job.q.heads * job.q.tokens,
                        hone_grain(job.keys * (job.q.size + job.v.size) / 4), attend, &job);
    return HONE_OK;
}

const hone_cpu_kernel hone_cpu_attention = {
    .run = run_attention, .scratch = scratch_attention, .takes = hone_takes_float};

/* ---- rotary embedding
 * ------------------------------------------------------------------------------------------------
 */

typedef struct rotary_job {
    heads x, y;
    const hone_tensor *cosine, *sine, *positions;
    bool interleaved;
    int64_t half; /* pairs that turn */
} rotary_job;

static void rotate(void *ctx, int64_t begin, int64_t end)
{
    const rotary_job *job = ctx;

    for (int64_t i = begin; i < end; i++) {
        const int64_t token = i % job->x.tokens, head = i / job->x.tokens % job->x.heads;
        const int64_t batch = i / job->x.tokens / job->x.heads;
        const int64_t line = batch * job->x.tokens + token;
        const int64_t cache =
            (job->positions ? hone_get_int(job->positions, line) : line) * job->half;
        const int64_t from = heads_at(&job->x, batch, head, token),
                      to = heads_at(&job->y, batch, head, token);
        for (int64_t k = 0; k < job->half; k++) {
            const int64_t a = job->interleaved ? 2 * k : k,
                          b = job->interleaved ? 2 * k + 1 : k + job->half;
            const double c = hone_get(job->cosine, cache + k), s = hone_get(job->sine, cache + k);
            const double x = hone_get(job->x.t, from + a), y = hone_get(job->x.t, from + b);
            hone_set(job->y.t, to + a, c * x - s * y);
            hone_set(job->y.t, to + b, s * x + c * y);
        }
        for (int64_t k = 2 * job->half; k < job->x.size; k++)
            hone_element_copy(job->x.t->dtype, job->y.t->data, to + k, job->x.t->data, from + k);
    }
}

static hone_status run_rotary(const hone_cpu_call *call)
{
    const hone_attrs_rotary_embedding *a = &call->attrs->rotary_embedding;
    const hone_dims *x = &call->in[0]->shape;
    rotary_job job = {.cosine = call->in[1],
                      .sine = call->in[2],
                      .interleaved = a->interleaved != 0,
                      .positions = hone_call_has(call, 3) ? call->in[3] : NULL};

    if ((x->rank != 3 || a->num_heads < 1) && x->rank != 4)
        return hone_error(HONE_ERR_DEVICE, "rotary_embedding: rank %d in %lld heads", x->rank,
                          (long long)a->num_heads);
    job.x = heads_of(call->in[0], a->num_heads);
    job.y = heads_of(call->out[0], a->num_heads);
    job.half = (a->rotary_embedding_dim ? a->rotary_embedding_dim : job.x.size) / 2;
    const int64_t lines = job.x.batch * job.x.tokens, n = hone_tensor_count(job.cosine);
    const int64_t cached = job.half > 0 ? n / job.half : 0;
    if (job.half < 0 || 2 * job.half > job.x.size || hone_tensor_count(job.sine) != n ||
        (!job.positions && cached < lines) ||
        (job.positions && hone_tensor_count(job.positions) != lines))
        return hone_error(HONE_ERR_DEVICE, "rotary_embedding: the tables do not fit the input");
    for (int64_t i = 0; i < lines && job.positions; i++) {
        const int64_t at = hone_get_int(job.positions, i);
        if (at < 0 || at >= cached)
            return hone_error(HONE_ERR_DEVICE, "rotary_embedding: position %lld of %lld",
                              (long long)at, (long long)cached);
    }
    hone_cpu_for(call, lines * job.x.heads, hone_grain(job.x.size * 4), rotate, &job);
    return HONE_OK;
}

static bool takes_rotary(const hone_cpu_call *call)
{
    return hone_takes_float(call) && call->in[0]->dtype == call->out[0]->dtype;
}

const hone_cpu_kernel hone_cpu_rotary_embedding = {.run = run_rotary, .takes = takes_rotary};
