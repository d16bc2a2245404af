/* What the kernels of attention share: where rows lie, which keys a query sees, what is added to a score, and how a
 * score becomes a weight.
 *
 * Knobs: T of queries, keys, values and answer; TM of the mask; D entries of a query, DV of a value; SQ queries; KEYS
 * keys that may be seen, the past's PAST first; HEADS; GROUP heads share their keys and values;
 * q_at, k_at, v_at, y_at(0 .. 3): elements before the first, to the next batch, head and row; mask_at(0 .. 2): to the
 * next batch, head and query; HAS_MASK; HAS_LENGTHS; SCALE; SOFTCAP, 0: none; LEFT, RIGHT: keys that a query sees
 * before and behind its own, -1: all; OFFSET: the key of query 0. */

__device__ inline float infinity()
{
    return __int_as_float(0x7f800000);
}

/* The kernels' parameters, in this order. */
struct arguments {
    const T *q, *k, *v;
    T *y;
    const TM *mask;
    const i64 *lengths; /* keys of each batch */
    const T *past_k, *past_v;
};

/* A block's part: some queries of one head of one batch. */
struct place {
    const T *q, *k, *v, *past_k, *past_v;
    T *y;
    const TM *mask;
    int first;  /* query */
    int limit;  /* keys */
    int offset; /* the key of query 0 */

    __device__ place(const arguments &x, int rows)
    {
        const i64 head = blockIdx.y, batch = blockIdx.z, kv = head / GROUP;
        q = x.q + q_at(0) + batch * q_at(1) + head * q_at(2);
        k = x.k + k_at(0) + batch * k_at(1) + kv * k_at(2);
        v = x.v + v_at(0) + batch * v_at(1) + kv * v_at(2);
        y = x.y + y_at(0) + batch * y_at(1) + head * y_at(2);
        past_k = x.past_k + (batch * (HEADS / GROUP) + kv) * PAST * D;
        past_v = x.past_v + (batch * (HEADS / GROUP) + kv) * PAST * DV;
        mask = x.mask + batch * mask_at(0) + head * mask_at(1);
        first = blockIdx.x * rows;
        limit = KEYS;
        offset = OFFSET;
    }

    /* What the predecessor may have written. */
    __device__ void read_length(const arguments &x)
    {
        if (!HAS_LENGTHS)
            return;
        const i64 length = x.lengths[blockIdx.z];
        limit = (int)max(min(length, (i64)KEYS), (i64)0);
        if (PAST == 0)
            offset = (int)length - SQ;
    }

    __device__ const T *key(int token) const
    {
        return token < PAST ? past_k + token * D : k + (token - PAST) * (int)k_at(3);
    }
    __device__ const T *value(int token) const
    {
        return token < PAST ? past_v + token * DV : v + (token - PAST) * (int)v_at(3);
    }
    __device__ bool sees(int query, int token) const
    {
        const int distance = query + offset - token;
        return token < limit && (LEFT < 0 || distance <= LEFT) && (RIGHT < 0 || -distance <= RIGHT);
    }
    /* The keys that some of `rows` queries see lie in begin() .. end(rows) - 1. */
    __device__ int begin() const
    {
        return LEFT < 0 ? 0 : max(first + offset - LEFT, 0);
    }
    __device__ int end(int rows) const
    {
        return RIGHT < 0 ? limit : min(limit, min(first + rows, SQ) + offset + RIGHT);
    }
};

__device__ inline float bias_of(float x)
{
    return x;
}
__device__ inline float bias_of(f16 x)
{
    return to_float(x);
}
__device__ inline float bias_of(bf16 x)
{
    return to_float(x);
}
__device__ inline float bias_of(flag x)
{
    return x.bits ? 0 : -infinity();
}

/* A sum of products to a score. */
__device__ inline float score_of(float x)
{
    x *= SCALE;
    return SOFTCAP > 0 ? SOFTCAP * tanhf(x / SOFTCAP) : x;
}

/* What is taken off a query's scores; weights are zeros where it sees nothing. */
__device__ inline float base_of(float most)
{
    return most == -infinity() ? 0 : most;
}
