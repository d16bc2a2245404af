/* Random tensors from a counter: element i of a node with seed s is a hash of (s, i), so that the
 * answer depends neither on threads nor on what ran before. The seed is the attribute's bits, or
 * the environment's where the attribute is 0 or absent. The hash is SplitMix64's finaliser (Steele,
 * Lea, Flood 2014) over s + i * golden ratio. Normal numbers are Box and Muller's, from two hashes.
 * Also what draws from given chances: bernoulli, multinomial, dropout. */
#include <math.h>

#include "cpu/kernel.h"

static uint64_t mix(uint64_t x)
{
    x ^= x >> 30;
    x *= 0xbf58476d1ce4e5b9u;
    x ^= x >> 27;
    x *= 0x94d049bb133111ebu;
    return x ^ x >> 31;
}

/* In [0, 1), 53 bits. */
static double uniform(uint64_t seed, uint64_t i)
{
    return (double)(mix(seed + (i + 1) * 0x9e3779b97f4a7c15u) >> 11) * 0x1p-53;
}

static double normal(uint64_t seed, uint64_t i)
{
    const double u = 1 - uniform(seed, 2 * i), v = uniform(seed, 2 * i + 1);
    return sqrt(-2 * log(u)) * cos(6.283185307179586 * v);
}

static uint64_t seed_of(const hone_cpu_call *call, float attribute)
{
    uint32_t bits;

    memcpy(&bits, &attribute, sizeof bits);
    return mix(attribute != 0 ? bits : (call->env ? call->env->seed : 0) + 0x5851f42d4c957f2du);
}

typedef struct random_job {
    const hone_tensor *x, *y;
    int op;
    uint64_t seed;
    double offset, scale;
} random_job;

static void random_range(void *ctx, int64_t begin, int64_t end)
{
    const random_job *job = ctx;
    const bool is_normal =
        job->op == HONE_OP_random_normal || job->op == HONE_OP_random_normal_like;

    for (int64_t i = begin; i < end; i++) {
        const uint64_t at = (uint64_t)i;
        if (job->op == HONE_OP_bernoulli)
            hone_set(job->y, i, uniform(job->seed, at) < hone_get(job->x, i));
        else
            hone_set(job->y, i,
                     job->offset +
                         job->scale * (is_normal ? normal(job->seed, at) : uniform(job->seed, at)));
    }
}

static hone_status run_random(const hone_cpu_call *call)
{
    const hone_attrs *a = call->attrs;
    random_job job = {.x = call->n_in ? call->in[0] : NULL, .y = call->out[0], .op = call->op};
    float seed = 0;

    switch (call->op) {
    case HONE_OP_random_normal:
        seed = a->random_normal.seed;
        job.offset = a->random_normal.mean;
        job.scale = a->random_normal.scale;
        break;
    case HONE_OP_random_normal_like:
        seed = a->random_normal_like.seed;
        job.offset = a->random_normal_like.mean;
        job.scale = a->random_normal_like.scale;
        break;
    case HONE_OP_random_uniform:
        seed = a->random_uniform.seed;
        job.offset = a->random_uniform.low;
        job.scale = (double)a->random_uniform.high - a->random_uniform.low;
        break;
    case HONE_OP_random_uniform_like:
        seed = a->random_uniform_like.seed;
        job.offset = a->random_uniform_like.low;
        job.scale = (double)a->random_uniform_like.high - a->random_uniform_like.low;
        break;
    default: seed = a->bernoulli.seed;
    }
    job.seed = seed_of(call, seed);
    hone_cpu_for(call, hone_tensor_count(job.y), HONE_WORK / 8, random_range, &job);
    return HONE_OK;
}

static bool takes_random(const hone_cpu_call *call)
{
    return hone_is_real(call->out[0]->dtype) &&
           (call->op != HONE_OP_bernoulli || hone_is_real(call->in[0]->dtype));
}

const hone_cpu_kernel hone_cpu_random = {.run = run_random, .takes = takes_random};

/* Rows hold logarithms of weights; the draw is where the running sum passes a uniform share of the
 * whole. */
static int64_t draw(const hone_tensor *x, int64_t at, int64_t n, double share)
{
    double max = -INFINITY, sum = 0, run = 0;

    for (int64_t k = 0; k < n; k++) {
        const double v = hone_get(x, at + k);
        max = v > max ? v : max;
    }
    for (int64_t k = 0; k < n; k++)
        sum += exp(hone_get(x, at + k) - max);
    for (int64_t k = 0; k < n; k++) {
        run += exp(hone_get(x, at + k) - max);
        if (share * sum < run)
            return k;
    }
    return n - 1;
}

static hone_status run_multinomial(const hone_cpu_call *call)
{
    const hone_tensor *x = call->in[0], *y = call->out[0];
    const uint64_t seed = seed_of(call, call->attrs->multinomial.seed);
    const int64_t n = hone_tensor_count(y);

    if (x->shape.rank != 2 || y->shape.rank != 2 || x->shape.dim[1] < 1)
        return hone_error(HONE_ERR_DEVICE, "multinomial: rows of at least one class are needed");
    for (int64_t i = 0; i < n; i++)
        hone_element_set_int(y->dtype, y->data, i,
                             draw(x, i / y->shape.dim[1] * x->shape.dim[1], x->shape.dim[1],
                                  uniform(seed, (uint64_t)i)));
    return HONE_OK;
}

const hone_cpu_kernel hone_cpu_multinomial = {.run = run_multinomial, .takes = hone_takes_real};

/* dropout: a copy, unless in[2] says that this is training. */
static hone_status run_dropout(const hone_cpu_call *call)
{
    const hone_tensor *x = call->in[0], *y = call->out[0], *mask = hone_call_out(call, 1);
    const int64_t n = hone_tensor_count(x), attribute = call->attrs->dropout.seed;
    const bool training = hone_call_has(call, 2) && hone_get(call->in[2], 0) != 0;
    const double ratio = hone_call_has(call, 1) ? hone_get(call->in[1], 0) : 0.5;
    const uint64_t seed = attribute ? mix((uint64_t)attribute) : seed_of(call, 0);

    if (!training || ratio == 0) {
        if (y)
            hone_move_dense(call, y, x);
        if (mask && n)
            memset(mask->data, 1, (size_t)n);
        return HONE_OK;
    }
    for (int64_t i = 0; i < n; i++) {
        const bool keep = uniform(seed, (uint64_t)i) >= ratio;
        if (y)
            hone_set(y, i, keep ? hone_get(x, i) / (1 - ratio) : 0);
        if (mask)
            ((uint8_t *)mask->data)[i] = keep;
    }
    return HONE_OK;
}

const hone_cpu_kernel hone_cpu_dropout = {.run = run_dropout, .takes = hone_takes_real};
