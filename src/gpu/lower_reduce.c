/* Reductions over one run of axes: the tensor as [outer, n, inner]. Axes that are not neighbours,
 * once extents of 1 are left out, are the CPU's. */
#include "gpu/lower.h"

enum { /* as in row_reduce.cu */
    SUM,
    ABS,
    SQUARE,
    PROD,
    MAX,
    MIN,
    EXP
};
enum {
    NONE,
    MEAN,
    ROOT,
    LOG
};

static const struct {
    int kind, finish;
} kinds[HONE_OP_COUNT] = {
    [HONE_OP_reduce_sum] = {SUM, NONE},    [HONE_OP_reduce_mean] = {SUM, MEAN},
    [HONE_OP_reduce_l1] = {ABS, NONE},     [HONE_OP_reduce_l2] = {SQUARE, ROOT},
    [HONE_OP_reduce_prod] = {PROD, NONE},  [HONE_OP_reduce_sum_square] = {SQUARE, NONE},
    [HONE_OP_reduce_max] = {MAX, NONE},    [HONE_OP_reduce_min] = {MIN, NONE},
    [HONE_OP_reduce_log_sum] = {SUM, LOG}, [HONE_OP_reduce_log_sum_exp] = {EXP, LOG},
};

static void offer(hone_lower *lower, int op, const int64_t runs[3], int threads)
{
    const hone_tensor *x = lower->in[0];
    const int64_t outer = runs[0], n = runs[1], inner = runs[2];
    const int v = hone_gpu_pack(x->dtype, inner == 1 ? n : inner);
    hone_candidate *c = hone_lower_candidate(lower, "row_reduce");

    if (!c)
        return;
    hone_knob_type(c, "T", x->dtype);
    hone_knob_type(c, "TY", lower->out[0]->dtype);
    hone_knob_int(c, "N", n);
    hone_knob_int(c, "INNER", inner);
    hone_knob_int(c, "LINES", outer * inner);
    hone_knob_int(c, "V", v);
    hone_knob_int(c, "THREADS", threads);
    hone_knob_int(c, "KIND", kinds[op].kind);
    hone_knob_int(c, "FINISH", kinds[op].finish);
    hone_candidate_out(c, 0);
    hone_candidate_in(c, 0);
    if (inner == 1) {
        hone_gpu_launch_lines(c, outer, threads);
        return;
    }
    hone_launch(c, (inner / v + 31) / 32, 1);
    c->grid[1] = (uint32_t)outer;
    c->block[0] = 32;
    c->block[1] = (uint32_t)threads / 32;
}

hone_status hone_gpu_reduce_runs(hone_lower *lower, int op, int64_t outer, int64_t n, int64_t inner)
{
    const int64_t runs[3] = {outer, n, inner};

    if (!hone_gpu_is_float(lower->in[0]->dtype) || !hone_gpu_is_float(lower->out[0]->dtype) ||
        n > INT32_MAX / 2 || inner > INT32_MAX / 2 || (inner > 1 && outer > 65535))
        return HONE_OK;
    const int v = hone_gpu_pack(lower->in[0]->dtype, inner == 1 ? n : inner);
    if (inner == 1 && n <= 64 * v &&
        outer >= lower->device.n_sms) /* two packs a thread of a warp */
        offer(lower, op, runs, 32);
    const int best = inner == 1 ? hone_gpu_line_threads(n / v, n / v > 8192 ? 1024 : 256)
                                : hone_gpu_line_threads(32 * n / 4, 256);
    for (int threads = best; threads >= 32 && threads * 4 >= best; threads /= 2)
        offer(lower, op, runs, threads);
    return HONE_OK;
}

/* The axes that go, as bits. false where they are not known. */
static bool axes_of(const hone_lower *lower, bool noop_with_empty_axes, unsigned *out)
{
    const hone_tensor *axes = hone_lower_in(lower, 1);
    const int rank = lower->in[0]->shape.rank;
    const int64_t n = axes ? hone_tensor_count(axes) : 0;

    *out = 0;
    if (n == 0) {
        *out = noop_with_empty_axes ? 0 : (1u << rank) - 1;
        return true;
    }
    if (!axes->data)
        return false;
    for (int64_t i = 0; i < n; i++) {
        int axis;
        if (hone_axis_normalize(hone_element_int(axes->dtype, axes->data, i), rank, &axis) !=
            HONE_OK)
            return false;
        *out |= 1u << axis;
    }
    return true;
}

hone_status hone_gpu_row_reduce(hone_lower *lower)
{
    const hone_dims *dims = &lower->in[0]->shape;
    int64_t runs[3] = {1, 1, 1};
    int run = 0;
    unsigned axes;

    if (!axes_of(lower, lower->attrs->reduce_sum.noop_with_empty_axes != 0, &axes))
        return HONE_OK;
    for (int d = 0; d < dims->rank; d++) {
        const bool goes = axes >> d & 1;
        if (dims->dim[d] == 1)
            continue;
        if (goes != (run == 1))
            run++;
        if (run > 2)
            return HONE_OK;
        runs[run] *= dims->dim[d];
    }
    return hone_gpu_reduce_runs(lower, lower->op, runs[0], runs[1], runs[2]);
}
