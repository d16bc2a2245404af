/* What the plain kernels share: splitting work over the pool, loops over several strided operands,
 * strided copies, and rows of any element type read as float or double. Nothing here allocates. */
#ifndef HONE_CPU_KERNEL_H
#define HONE_CPU_KERNEL_H

#include <string.h>

#include "cpu/cpu.h"

#define HONE_WORK 32768 /* inner steps worth a task of their own: some 20 us of plain code */

/* Runs fn over [0, n) in pieces of `grain` items. The pieces do not depend on the number of
 * threads. */
typedef void (*hone_range_fn)(void *ctx, int64_t begin, int64_t end);
void hone_cpu_for(const hone_cpu_call *call, int64_t n, int64_t grain, hone_range_fn fn, void *ctx);

/* The same, with the number of the thread in [0, hone_pool_threads) that runs the piece, for
 * scratch of its own. */
typedef void (*hone_thread_fn)(void *ctx, int64_t begin, int64_t end, int thread);
void hone_cpu_for_thread(const hone_cpu_call *call, int64_t n, int64_t grain, hone_thread_fn fn,
                         void *ctx);
static inline int hone_call_threads(const hone_cpu_call *call)
{
    return call->pool ? hone_pool_threads(call->pool) : 1;
}

/* Items to a task where each item costs `steps` inner steps. */
static inline int64_t hone_grain(int64_t steps)
{
    return steps >= HONE_WORK ? 1 : HONE_WORK / HONE_MAX(steps, 1);
}

static inline size_t hone_element_size(hone_dtype dtype) /* bytes; 0 for types under a byte */
{
    return (size_t)hone_dtype_bits(dtype) / 8;
}

static inline bool hone_call_has(const hone_cpu_call *call, int i)
{
    return i < call->n_in && call->in[i];
}

static inline hone_tensor *hone_call_out(const hone_cpu_call *call, int k)
{
    return k < call->n_out ? call->out[k] : NULL;
}

/* ---- loops over strided operands
 * ------------------------------------------------------------------------------------- */

#define HONE_LOOP_OPERANDS 4
#define HONE_LOOP_RANK     (HONE_MAX_RANK + 4)

/* A nest of loops, outermost first, in which every operand moves by its own stride (elements). */
typedef struct hone_loop {
    int rank;
    int n; /* operands */
    int64_t dim[HONE_LOOP_RANK];
    int64_t stride[HONE_LOOP_OPERANDS][HONE_LOOP_RANK];
} hone_loop;

/* Operand 0 is dense of shape `out`; operand k is dense of in[k-1]'s shape broadcast to it (stride
 * 0). */
void hone_loop_broadcast(hone_loop *loop, const hone_dims *out, int n_in,
                         const hone_dims *const *in);
void hone_loop_add(hone_loop *loop, int64_t dim, int64_t stride0,
                   int64_t stride1); /* one more inner loop */
/* Drops loops of one step and joins neighbours that every operand walks as one. */
void hone_loop_collapse(hone_loop *loop);
int64_t hone_loop_steps(const hone_loop *loop, int rank); /* of the outer `rank` loops */

/* A position in the outer `rank` loops of a nest. */
typedef struct hone_walk {
    const hone_loop *loop;
    int rank;
    int64_t index[HONE_LOOP_RANK];
    int64_t offset[HONE_LOOP_OPERANDS];
} hone_walk;

void hone_walk_begin(hone_walk *walk, const hone_loop *loop, int rank, int64_t at);
void hone_walk_next(hone_walk *walk);

/* ---- movement
 * --------------------------------------------------------------------------------------------------------
 */

/* Copies src (operand 1) to dst (operand 0) along the nest, whose steps start at the given
 * elements. Any element type. */
void hone_move(const hone_cpu_call *call, hone_dtype dtype, const hone_loop *loop, void *dst,
               int64_t dst_at, const void *src, int64_t src_at);
/* The whole of a tensor's bytes. */
void hone_move_dense(const hone_cpu_call *call, const hone_tensor *dst, const hone_tensor *src);
/* dst[i] = *value for n elements of a type of a byte or more. */
void hone_fill(void *dst, const void *value, size_t size, int64_t n);
/* One element of any type, types under a byte too. */
void hone_element_copy(hone_dtype dtype, void *dst, int64_t i, const void *src, int64_t j);

/* ---- numbers
 * ---------------------------------------------------------------------------------------------------------
 */

/* n elements from `at` on, as float or double, and back (float to integer types: rounded toward
 * zero, saturated). */
void hone_read_f32(hone_dtype dtype, const void *data, int64_t at, int64_t n, float *out);
void hone_write_f32(hone_dtype dtype, void *data, int64_t at, int64_t n, const float *x);

static inline double hone_get(const hone_tensor *t, int64_t i)
{
    if (t->dtype == HONE_F32)
        return ((const float *)t->data)[i];
    return hone_element_double(t->dtype, t->data, i);
}

static inline void hone_set(const hone_tensor *t, int64_t i, double x)
{
    if (t->dtype == HONE_F32)
        ((float *)t->data)[i] = (float)x;
    else
        hone_element_set_double(t->dtype, t->data, i, x);
}

static inline int64_t hone_get_int(const hone_tensor *t, int64_t i)
{
    return t->dtype == HONE_I64 ? ((const int64_t *)t->data)[i]
                                : hone_element_int(t->dtype, t->data, i);
}

/* A number that orders elements as their values do: NaN above all, -0 as 0. Of texts: not. */
int64_t hone_order_key(const hone_tensor *t, int64_t i);

bool hone_is_real(hone_dtype dtype);              /* numbers and bool: what hone_get reads */
bool hone_takes_real(const hone_cpu_call *call);  /* for `takes`: every input and output is */
bool hone_takes_float(const hone_cpu_call *call); /* in[0] and out[0] are f64, f32, f16 or bf16 */
bool hone_dtype_is_plain_float(hone_dtype dtype); /* f64, f32, f16, bf16 */

/* A tensor as lines along an axis: element k of line l is at (l / inner * n + k) * inner + l %
 * inner. */
typedef struct hone_lines {
    int64_t count, n, inner;
} hone_lines;

hone_status hone_call_lines(const hone_cpu_call *call, const hone_dims *dims, int64_t axis,
                            hone_lines *out);

static inline int64_t hone_lines_at(const hone_lines *lines, int64_t line)
{
    if (lines->inner == 1)
        return line * lines->n;
    return line / lines->inner * lines->n * lines->inner + line % lines->inner;
}

/* The axis, brought into [0, rank); HONE_ERR_DEVICE where it is none. */
hone_status hone_call_axis(const hone_cpu_call *call, int64_t axis, int rank, int *out);
/* Product of extents [from, to). */
int64_t hone_dims_product(const hone_dims *dims, int from, int to);
/* An index from data, negative ones counted from the end; HONE_ERR_DEVICE where it is out of [-n,
 * n). */
hone_status hone_call_index(const hone_cpu_call *call, int64_t index, int64_t n, int64_t *out);

#endif
