/* Attention without softmax, ONNX LinearAttention-27: each head of keys and values has a state of
 * [key size, value size] that every token fades (gated), corrects (delta) and adds to, and that the
 * queries read. Heads run side by side; tokens run one after the other, so `chunk_size`, a hint, is
 * not looked at. Computed in float32. */
#include <math.h>

#include "cpu/kernel.h"

enum {
    LINEAR,
    GATED,
    DELTA,
    GATED_DELTA
}; /* update_rule */

typedef struct linear_job {
    const hone_tensor *q, *k, *v, *past, *decay, *beta;
    hone_tensor *y, *state;
    int64_t tokens, q_heads, kv_heads, key, value; /* key, value: sizes of a head */
    float scale;
    float *room; /* of each head: its state, then one value, one key */
} linear_job;

/* Floats of scratch that one head needs. */
static int64_t room_of_head(int64_t key, int64_t value)
{
    return key * value + value + key;
}

/* state *= exp(decay), one for the head or one for each entry of a key. */
static void fade(const linear_job *job, int64_t line, int64_t head, float *state)
{
    const int64_t width = job->decay->shape.dim[2], each = width / job->kv_heads;

    for (int64_t i = 0; i < job->key; i++) {
        const double g = hone_get(job->decay, line * width + head * each + (each > 1 ? i : 0));
        const float by = expf((float)g);
        for (int64_t k = 0; k < job->value; k++)
            state[i * job->value + k] *= by;
    }
}

/* value = beta * (value - state^T key) */
static void correct(const linear_job *job, int64_t line, int64_t head, const float *state,
                    const float *key, float *value)
{
    const int64_t width = job->beta->shape.dim[2];
    const float beta = (float)hone_get(job->beta, line * width + (width > 1 ? head : 0));

    for (int64_t k = 0; k < job->value; k++) {
        float sum = 0;
        for (int64_t i = 0; i < job->key; i++)
            sum += state[i * job->value + k] * key[i];
        value[k] = beta * (value[k] - sum);
    }
}

static void answer(const linear_job *job, int64_t line, int64_t head, const float *state)
{
    const int64_t at_q = (line * job->q_heads + head) * job->key,
                  at_y = (line * job->q_heads + head) * job->value;

    for (int64_t k = 0; k < job->value; k++) {
        float sum = 0;
        for (int64_t i = 0; i < job->key; i++)
            sum += (float)hone_get(job->q, at_q + i) * state[i * job->value + k];
        hone_set(job->y, at_y + k, job->scale * sum);
    }
}

static void run_token(const linear_job *job, int64_t line, int64_t head, float *state)
{
    float *value = state + job->key * job->value, *key = value + job->value;
    const int64_t at = line * job->kv_heads + head, group = job->q_heads / job->kv_heads;

    hone_read_f32(job->k->dtype, job->k->data, at * job->key, job->key, key);
    hone_read_f32(job->v->dtype, job->v->data, at * job->value, job->value, value);
    if (job->decay)
        fade(job, line, head, state);
    if (job->beta)
        correct(job, line, head, state, key, value);
    for (int64_t i = 0; i < job->key; i++)
        for (int64_t k = 0; k < job->value; k++)
            state[i * job->value + k] += key[i] * value[k];
    for (int64_t i = 0; i < group; i++)
        answer(job, line, head * group + i, state);
}

static void run_heads(void *ctx, int64_t begin, int64_t end)
{
    const linear_job *job = ctx;
    const int64_t size = job->key * job->value;

    for (int64_t i = begin; i < end; i++) {
        float *state = job->room + i * room_of_head(job->key, job->value);
        if (job->past)
            hone_read_f32(job->past->dtype, job->past->data, i * size, size, state);
        else
            memset(state, 0, (size_t)size * sizeof *state);
        for (int64_t t = 0; t < job->tokens; t++)
            run_token(job, i / job->kv_heads * job->tokens + t, i % job->kv_heads, state);
        if (job->state)
            hone_write_f32(job->state->dtype, job->state->data, i * size, size, state);
    }
}

static hone_status run(const hone_cpu_call *call)
{
    const hone_attrs_linear_attention *a = &call->attrs->linear_attention;
    const hone_dims *q = &call->in[0]->shape, *v = &call->in[2]->shape;
    const bool gated = a->update_rule == GATED || a->update_rule == GATED_DELTA;
    const bool corrected = a->update_rule == DELTA || a->update_rule == GATED_DELTA;
    linear_job job = {.q = call->in[0],
                      .k = call->in[1],
                      .v = call->in[2],
                      .y = call->out[0],
                      .room = call->scratch};

    job.past = hone_call_has(call, 3) ? call->in[3] : NULL;
    job.decay = gated ? call->in[4] : NULL; /* inference sees to it that both are there */
    job.beta = corrected ? call->in[5] : NULL;
    job.state = hone_call_out(call, 1);
    job.tokens = q->dim[1];
    job.q_heads = a->q_num_heads;
    job.kv_heads = a->kv_num_heads;
    job.key = q->dim[2] / job.q_heads;
    job.value = v->dim[2] / job.kv_heads;
    job.scale = a->scale != 0.0f ? a->scale : 1.0f / sqrtf((float)job.key);
    hone_cpu_for(call, q->dim[0] * job.kv_heads, 1, run_heads, &job);
    return HONE_OK;
}

static size_t scratch(const hone_cpu_call *call)
{
    const hone_attrs_linear_attention *a = &call->attrs->linear_attention;
    const int64_t *q = call->in[0]->shape.dim, *v = call->in[2]->shape.dim;
    const int64_t each = room_of_head(q[2] / a->q_num_heads, v[2] / a->kv_num_heads);
    size_t heads, floats;

    if (!hone_size_mul((size_t)q[0], (size_t)a->kv_num_heads, &heads) ||
        !hone_size_mul(heads, (size_t)each, &floats) ||
        !hone_size_mul(floats, sizeof(float), &floats))
        return SIZE_MAX; /* no allocator gives that */
    return floats;
}

static bool takes(const hone_cpu_call *call)
{
    return hone_takes_float(call) && hone_takes_real(call);
}

const hone_cpu_kernel hone_cpu_linear_attention = {.run = run, .scratch = scratch, .takes = takes};
