/* Attention in tiles, for what inference meets most: float32, every key in one tensor, a mask that
 * is added or none. attention.c keeps all of ONNX's cases and calls here where it can. */
#ifndef HONE_CPU_ATTEND_H
#define HONE_CPU_ATTEND_H

#include "cpu/cpu.h"

/* Elements from one batch, head and token to the next; the entries of a token are dense. */
typedef struct hone_attend_view {
    float *data;
    int64_t by_batch, by_head, by_token;
} hone_attend_view;

typedef struct hone_attend {
    int64_t batch, heads, kv_heads; /* kv_heads divides heads */
    int64_t queries, keys, size, v_size;
    hone_attend_view q, k, v, y;
    const float *mask;  /* [.., keys], or NULL */
    int64_t mask_by[3]; /* strides of batch, head, query */
    bool is_causal;     /* query i sees keys up to i */
    float scale;
} hone_attend;

/* With fewer queries, packing the keys costs more than it saves. */
#define HONE_ATTEND_QUERIES 8

size_t hone_attend_scratch(const hone_attend *job, int threads);
void hone_attend_run(const hone_attend *job, void *scratch, hone_pool *pool);

#endif
