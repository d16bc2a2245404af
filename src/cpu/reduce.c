/* Reductions over any set of axes. The axes that stay and those that go become two nests of loops.
 * Where the innermost axis of the input goes, every output folds runs of neighbouring elements;
 * where it stays, a strip of outputs folds line after line. Sums of floats are kept in double and
 * in an order that depends on shapes alone. Integers are summed as int64 and wrap; what takes
 * logarithms or roots goes through double. */
#include <math.h>

#include "cpu/kernel.h"

#define STRIP 128 /* outputs folded side by side: 1 KiB of doubles */
#define LANES 8   /* independent sums of a run */

typedef enum fold {
    FOLD_SUM,
    FOLD_ABS,
    FOLD_SQUARE,
    FOLD_PROD,
    FOLD_MAX,
    FOLD_MIN,
    FOLD_EXP, /* of the distance from the maximum, which was folded before */
} fold;

typedef enum finish {
    FINISH_NONE,
    FINISH_MEAN,
    FINISH_SQRT,
    FINISH_LOG,
} finish;

typedef struct reduce_kind {
    fold fold;
    finish finish;
} reduce_kind;

static const reduce_kind kinds[HONE_OP_COUNT] = {
    [HONE_OP_reduce_sum] = {FOLD_SUM, FINISH_NONE},
    [HONE_OP_reduce_mean] = {FOLD_SUM, FINISH_MEAN},
    [HONE_OP_reduce_l1] = {FOLD_ABS, FINISH_NONE},
    [HONE_OP_reduce_l2] = {FOLD_SQUARE, FINISH_SQRT},
    [HONE_OP_reduce_prod] = {FOLD_PROD, FINISH_NONE},
    [HONE_OP_reduce_sum_square] = {FOLD_SQUARE, FINISH_NONE},
    [HONE_OP_reduce_max] = {FOLD_MAX, FINISH_NONE},
    [HONE_OP_reduce_min] = {FOLD_MIN, FINISH_NONE},
    [HONE_OP_reduce_log_sum] = {FOLD_SUM, FINISH_LOG},
    [HONE_OP_reduce_log_sum_exp] = {FOLD_EXP, FINISH_LOG},
};

typedef struct reduce_job {
    const hone_tensor *x, *y;
    reduce_kind kind;
    hone_loop kept; /* operand 0: the output, operand 1: the input */
    hone_loop gone; /* operand 1: the input */
    int64_t n;      /* elements to an output */
} reduce_job;

static double fold_start(fold f)
{
    return f == FOLD_PROD ? 1 : f == FOLD_MAX ? -INFINITY : f == FOLD_MIN ? INFINITY : 0;
}

static inline double fold_one(fold f, double acc, double x, double shift)
{
    switch (f) {
    case FOLD_SUM: return acc + x;
    case FOLD_ABS: return acc + fabs(x);
    case FOLD_SQUARE: return acc + x * x;
    case FOLD_PROD: return acc * x;
    case FOLD_MAX: return acc != acc || acc > x ? acc : x;
    case FOLD_MIN: return acc != acc || acc < x ? acc : x;
    default: return acc + exp(x - shift);
    }
}

static double fold_join(fold f, double a, double b)
{
    return f == FOLD_PROD || f == FOLD_MAX || f == FOLD_MIN ? fold_one(f, a, b, 0) : a + b;
}

/* With f a constant the compiler makes one loop of each kind. */
static HONE_ALWAYS_INLINE double run_of(fold f, const float *x, int64_t n, double shift)
{
    double lane[LANES], tail = fold_start(f);
    int64_t i = 0;

    for (int k = 0; k < LANES; k++)
        lane[k] = fold_start(f);
    for (; i + LANES <= n; i += LANES)
        for (int k = 0; k < LANES; k++)
            lane[k] = fold_one(f, lane[k], x[i + k], shift);
    for (; i < n; i++)
        tail = fold_one(f, tail, x[i], shift);
    for (int k = 0; k < LANES; k++)
        tail = fold_join(f, tail, lane[k]);
    return tail;
}

static double fold_run(fold f, const float *x, int64_t n, double shift)
{
    switch (f) {
    case FOLD_SUM: return run_of(FOLD_SUM, x, n, shift);
    case FOLD_ABS: return run_of(FOLD_ABS, x, n, shift);
    case FOLD_SQUARE: return run_of(FOLD_SQUARE, x, n, shift);
    case FOLD_PROD: return run_of(FOLD_PROD, x, n, shift);
    case FOLD_MAX: return run_of(FOLD_MAX, x, n, shift);
    case FOLD_MIN: return run_of(FOLD_MIN, x, n, shift);
    default: return run_of(FOLD_EXP, x, n, shift);
    }
}

static HONE_ALWAYS_INLINE void line_of(fold f, double *acc, const float *x, int64_t n,
                                       const double *shift)
{
    for (int64_t i = 0; i < n; i++)
        acc[i] = fold_one(f, acc[i], x[i], f == FOLD_EXP ? shift[i] : 0);
}

static void fold_line(fold f, double *acc, const float *x, int64_t n, const double *shift)
{
    switch (f) {
    case FOLD_SUM: line_of(FOLD_SUM, acc, x, n, shift); return;
    case FOLD_ABS: line_of(FOLD_ABS, acc, x, n, shift); return;
    case FOLD_SQUARE: line_of(FOLD_SQUARE, acc, x, n, shift); return;
    case FOLD_PROD: line_of(FOLD_PROD, acc, x, n, shift); return;
    case FOLD_MAX: line_of(FOLD_MAX, acc, x, n, shift); return;
    case FOLD_MIN: line_of(FOLD_MIN, acc, x, n, shift); return;
    default: line_of(FOLD_EXP, acc, x, n, shift);
    }
}

static double finished(const reduce_job *job, double acc, double shift)
{
    switch (job->kind.finish) {
    case FINISH_MEAN: return acc / (double)job->n;
    case FINISH_SQRT: return sqrt(acc);
    case FINISH_LOG: return log(acc) + shift;
    default: return acc;
    }
}

/* The maximum where exp() is taken relative to it; infinite ones would give NaN and need no shift.
 */
static double shift_of(double max)
{
    return isinf(max) ? 0 : max;
}

/* ---- float32, the innermost input axis goes
 * -------------------------------------------------------------------------- */

static double fold_runs(const reduce_job *job, fold f, const float *x, double shift)
{
    const int last = job->gone.rank - 1;
    const int64_t runs = hone_loop_steps(&job->gone, last);
    double acc = fold_start(f);
    hone_walk walk;

    hone_walk_begin(&walk, &job->gone, last, 0);
    for (int64_t i = 0; i < runs; i++, hone_walk_next(&walk))
        acc = fold_join(f, acc, fold_run(f, x + walk.offset[1], job->gone.dim[last], shift));
    return acc;
}

static void reduce_runs(void *ctx, int64_t begin, int64_t end)
{
    const reduce_job *job = ctx;
    hone_walk walk;

    hone_walk_begin(&walk, &job->kept, job->kept.rank, begin);
    for (int64_t i = begin; i < end; i++, hone_walk_next(&walk)) {
        const float *x = (const float *)job->x->data + walk.offset[1];
        const double shift =
            job->kind.fold == FOLD_EXP ? shift_of(fold_runs(job, FOLD_MAX, x, 0)) : 0;
        ((float *)job->y->data)[walk.offset[0]] =
            (float)finished(job, fold_runs(job, job->kind.fold, x, shift), shift);
    }
}

/* ---- float32, the innermost input axis stays
 * ------------------------------------------------------------------------- */

static void fold_strip(const reduce_job *job, fold f, const float *x, int64_t n, double *acc,
                       const double *shift)
{
    const int64_t lines = hone_loop_steps(&job->gone, job->gone.rank);
    hone_walk walk;

    for (int64_t i = 0; i < n; i++)
        acc[i] = fold_start(f);
    hone_walk_begin(&walk, &job->gone, job->gone.rank, 0);
    for (int64_t i = 0; i < lines; i++, hone_walk_next(&walk))
        fold_line(f, acc, x + walk.offset[1], n, shift);
}

static void reduce_strips(void *ctx, int64_t begin, int64_t end)
{
    const reduce_job *job = ctx;
    const int last = job->kept.rank - 1;
    const int64_t strips = (job->kept.dim[last] + STRIP - 1) / STRIP;
    double acc[STRIP], shift[STRIP] = {0};
    hone_walk walk;

    for (int64_t i = begin; i < end; i++) {
        const int64_t at = i % strips * STRIP, n = HONE_MIN(job->kept.dim[last] - at, STRIP);
        hone_walk_begin(&walk, &job->kept, last, i / strips);
        const float *x = (const float *)job->x->data + walk.offset[1] + at;
        float *y = (float *)job->y->data + walk.offset[0] + at;
        if (job->kind.fold == FOLD_EXP) {
            fold_strip(job, FOLD_MAX, x, n, shift, NULL);
            for (int64_t k = 0; k < n; k++)
                shift[k] = shift_of(shift[k]);
        }
        fold_strip(job, job->kind.fold, x, n, acc, shift);
        for (int64_t k = 0; k < n; k++)
            y[k] = (float)finished(job, acc[k], shift[k]);
    }
}

/* ---- every other type
 * ------------------------------------------------------------------------------------------------
 */

static double fold_any(const reduce_job *job, fold f, int64_t at, double shift)
{
    double acc = fold_start(f);
    hone_walk walk;

    hone_walk_begin(&walk, &job->gone, job->gone.rank, 0);
    for (int64_t i = 0; i < job->n; i++, hone_walk_next(&walk))
        acc = fold_one(f, acc, hone_get(job->x, at + walk.offset[1]), shift);
    return acc;
}

static int64_t fold_int(fold f, int64_t acc, int64_t x, bool is_u64)
{
    const bool less = is_u64 ? (uint64_t)acc < (uint64_t)x : acc < x;

    switch (f) {
    case FOLD_ABS:
        return (int64_t)((uint64_t)acc + (x < 0 && !is_u64 ? 0 - (uint64_t)x : (uint64_t)x));
    case FOLD_SQUARE: return (int64_t)((uint64_t)acc + (uint64_t)x * (uint64_t)x);
    case FOLD_PROD: return (int64_t)((uint64_t)acc * (uint64_t)x);
    case FOLD_MAX: return less ? x : acc;
    case FOLD_MIN: return less ? acc : x;
    default: return (int64_t)((uint64_t)acc + (uint64_t)x);
    }
}

/* What a maximum of nothing is: the lowest value of the type; of a minimum, the highest. */
static int64_t int_start(fold f, hone_dtype dtype)
{
    const int bits = dtype == HONE_BOOL ? 1 : hone_dtype_bits(dtype);
    const bool is_signed = hone_dtype_is_signed(dtype);
    const uint64_t high = UINT64_MAX >> (64 - bits + is_signed);

    if (f == FOLD_MAX)
        return is_signed ? -(int64_t)high - 1 : 0;
    return f == FOLD_MIN ? (int64_t)high : f == FOLD_PROD;
}

static int64_t reduce_int(const reduce_job *job, int64_t at)
{
    const bool is_u64 = job->x->dtype == HONE_U64;
    int64_t acc = int_start(job->kind.fold, job->x->dtype);
    hone_walk walk;

    hone_walk_begin(&walk, &job->gone, job->gone.rank, 0);
    for (int64_t i = 0; i < job->n; i++, hone_walk_next(&walk))
        acc = fold_int(job->kind.fold, acc, hone_get_int(job->x, at + walk.offset[1]), is_u64);
    return job->kind.finish == FINISH_MEAN && job->n ? acc / job->n : acc;
}

static void reduce_any(void *ctx, int64_t begin, int64_t end)
{
    const reduce_job *job = ctx;
    const bool whole = !hone_dtype_is_float(job->x->dtype) &&
                       (job->kind.finish == FINISH_NONE || job->kind.finish == FINISH_MEAN);
    hone_walk walk;

    hone_walk_begin(&walk, &job->kept, job->kept.rank, begin);
    for (int64_t i = begin; i < end; i++, hone_walk_next(&walk)) {
        const int64_t at = walk.offset[1];
        if (whole) {
            const int64_t x = reduce_int(job, at),
                          cut = hone_dtype_bits(job->y->dtype) == 32 ? (int64_t)(int32_t)x : x;
            hone_element_set_int(job->y->dtype, job->y->data, walk.offset[0],
                                 job->y->dtype == HONE_U32 ? (int64_t)(uint32_t)x : cut);
            continue;
        }
        const double shift =
            job->kind.fold == FOLD_EXP ? shift_of(fold_any(job, FOLD_MAX, at, 0)) : 0;
        const double r = finished(job, fold_any(job, job->kind.fold, at, shift), shift);
        hone_set(job->y, walk.offset[0], hone_dtype_is_integer(job->y->dtype) ? trunc(r) : r);
    }
}

/* ---- the kernel
 * ------------------------------------------------------------------------------------------------------
 */

/* Every reduction's attributes are these two, in this order. */
static bool noop_of(const hone_cpu_call *call)
{
    return call->attrs->reduce_sum.noop_with_empty_axes != 0;
}

static hone_status read_axes(const hone_cpu_call *call, bool gone[HONE_MAX_RANK])
{
    const int rank = call->in[0]->shape.rank;
    const int64_t n = hone_call_has(call, 1) ? hone_tensor_count(call->in[1]) : 0;

    for (int i = 0; i < rank; i++)
        gone[i] = n == 0 && !noop_of(call);
    for (int64_t i = 0; i < n; i++) {
        int axis;
        HONE_TRY(hone_call_axis(call, hone_get_int(call->in[1], i), rank, &axis));
        gone[axis] = true;
    }
    return HONE_OK;
}

static void set_loops(reduce_job *job, const bool gone[HONE_MAX_RANK])
{
    const hone_dims *x = &job->x->shape;
    int64_t stride[HONE_MAX_RANK], to = 1;

    hone_dims_strides(x, stride);
    for (int i = 0; i < x->rank; i++)
        if (gone[i])
            hone_loop_add(&job->gone, x->dim[i], 0, stride[i]);
        else
            hone_loop_add(&job->kept, x->dim[i], 0, stride[i]);
    for (int i = job->kept.rank - 1; i >= 0; i--) {
        job->kept.stride[0][i] = to;
        to *= job->kept.dim[i];
    }
    job->n = hone_loop_steps(&job->gone, job->gone.rank);
    job->kept.n = job->gone.n = 2;
    hone_loop_collapse(&job->kept);
    hone_loop_collapse(&job->gone);
}

static hone_status run_reduce(const hone_cpu_call *call)
{
    reduce_job job = {.x = call->in[0], .y = call->out[0], .kind = kinds[call->op]};
    bool gone[HONE_MAX_RANK];

    HONE_TRY(read_axes(call, gone));
    set_loops(&job, gone);
    const int64_t outputs = hone_loop_steps(&job.kept, job.kept.rank);
    if (outputs != hone_tensor_count(job.y))
        return hone_error(HONE_ERR_DEVICE, "%s: the axes do not give the output's shape",
                          hone_ops[call->op].name);
    if (hone_loop_steps(&job.gone, job.gone.rank) == 1 && job.gone.rank == 0)
        hone_loop_add(&job.gone, 1, 0, 1);
    const int kept = job.kept.rank - 1, last = job.gone.rank - 1;
    if (job.x->dtype != HONE_F32) {
        hone_cpu_for(call, outputs, hone_grain(job.n * 8), reduce_any, &job);
    } else if (job.kept.rank == 0 || job.gone.stride[1][last] < job.kept.stride[1][kept]) {
        hone_cpu_for(call, outputs, hone_grain(job.n), reduce_runs, &job);
    } else {
        const int64_t strips = (job.kept.dim[kept] + STRIP - 1) / STRIP;
        hone_cpu_for(call, hone_loop_steps(&job.kept, kept) * strips, hone_grain(job.n * STRIP),
                     reduce_strips, &job);
    }
    return HONE_OK;
}

const hone_cpu_kernel hone_cpu_reduce = {.run = run_reduce, .takes = hone_takes_real};
