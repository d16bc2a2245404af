/* Softmax and normalisations: lines along an axis. Every number of threads that leaves no warp idle
 * is offered, the one that keeps a line in registers first. */
#include "gpu/lower.h"

#define KEPT 32 /* line.cuh keeps so many elements of a line in a thread's registers */

typedef struct lines {
    int64_t count, n, inner;
} lines;

static lines lines_of(const hone_dims *dims, int from, int to)
{
    lines l = {1, 1, 1};

    for (int d = 0; d < dims->rank; d++)
        *(d < from ? &l.count : d < to ? &l.n : &l.inner) *= dims->dim[d];
    l.count *= l.inner;
    return l;
}

static int add_threads(int *threads, int n, int t)
{
    for (int i = 0; i < n; i++)
        if (threads[i] == t)
            return n;
    threads[n] = t;
    return n + 1;
}

/* Threads to try, best guess first. A warp to a line is best where lines fit into its registers and
 * there are enough of them to fill the device; else a pack or two to a thread. */
static int threads_to_try(const hone_lower *lower, const lines *l, int v, int out[6])
{
    const int best = hone_gpu_line_threads(l->n / v, 256);
    const int full = hone_gpu_line_threads(l->n / v, 1024);
    int n = 0;

    if (l->n <= 32 * KEPT && l->count >= 4 * (int64_t)lower->device.n_sms)
        n = add_threads(out, n, 32);
    if (l->n > (int64_t)KEPT * best)
        n = add_threads(out, n, full);
    else if (l->n / v <= 256) /* a pack to a thread */
        n = add_threads(out, n, (int)(l->n / v + 31) / 32 * 32);
    for (int t = best; t >= 32 && n < 5; t /= 2)
        n = add_threads(out, n, t);
    return n;
}

static bool are_floats(const hone_lower *lower)
{
    return hone_gpu_is_float(lower->in[0]->dtype) && hone_gpu_is_float(lower->out[0]->dtype);
}

static void offer_softmax(hone_lower *lower, const lines *l, int v, int threads)
{
    hone_candidate *c = hone_lower_candidate(lower, "row_softmax");

    if (!c)
        return;
    hone_knob_type(c, "T", lower->in[0]->dtype);
    hone_knob_type(c, "TY", lower->out[0]->dtype);
    hone_knob_int(c, "N", l->n);
    hone_knob_int(c, "INNER", l->inner);
    hone_knob_int(c, "LINES", l->count);
    hone_knob_int(c, "V", v);
    hone_knob_int(c, "THREADS", threads);
    hone_knob_bool(c, "IS_LOG", lower->op == HONE_OP_log_softmax);
    hone_candidate_out(c, 0);
    hone_candidate_in(c, 0);
    if (l->inner == 1)
        hone_gpu_launch_lines(c, l->count, threads);
    else
        hone_launch(c, l->count, threads);
}

hone_status hone_gpu_row_softmax(hone_lower *lower)
{
    const hone_dims *dims = &lower->in[0]->shape;
    int axis, threads[6];

    if (!are_floats(lower) || dims->rank == 0)
        return HONE_OK;
    HONE_TRY(hone_axis_normalize(lower->attrs->softmax.axis, dims->rank, &axis));
    const lines l = lines_of(dims, axis, axis + 1);
    if (l.n > INT32_MAX / 2)
        return HONE_OK;
    if (l.inner > 1) {
        offer_softmax(lower, &l, 1, 64);
        return HONE_OK;
    }
    const int v = hone_gpu_pack(lower->in[0]->dtype, l.n);
    const int n = threads_to_try(lower, &l, v, threads);
    for (int i = 0; i < n; i++)
        offer_softmax(lower, &l, v, threads[i]);
    return HONE_OK;
}

/* ---- normalisations ---- */

typedef struct norm {
    lines l;
    float epsilon;
    bool is_rms;
    int64_t span, groups; /* as row_norm.cu has them */
} norm;

static void offer_norm(hone_lower *lower, const norm *m)
{
    const hone_tensor *bias = hone_lower_in(lower, 2);
    int threads[6];
    const int v = hone_gpu_pack(lower->in[0]->dtype, m->l.n);
    const int n = threads_to_try(lower, &m->l, v, threads);

    for (int i = 0; i < n; i++) {
        hone_candidate *c = hone_lower_candidate(lower, "row_norm");
        if (!c)
            return;
        hone_knob_type(c, "T", lower->in[0]->dtype);
        hone_knob_type(c, "TS", lower->in[1]->dtype);
        hone_knob_type(c, "TY", lower->out[0]->dtype);
        hone_knob_int(c, "N", m->l.n);
        hone_knob_int(c, "LINES", m->l.count);
        hone_knob_int(c, "V", v);
        hone_knob_int(c, "THREADS", threads[i]);
        hone_knob_float(c, "EPSILON", m->epsilon);
        hone_knob_bool(c, "IS_RMS", m->is_rms);
        hone_knob_bool(c, "HAS_BIAS", bias != NULL);
        hone_knob_int(c, "SPAN", m->span);
        hone_knob_int(c, "GROUPS", m->groups);
        hone_knob_bool(c, "ARE_CONSTANT", lower->in[1]->data && (!bias || bias->data));
        hone_candidate_out(c, 0);
        hone_candidate_in(c, 0);
        hone_candidate_in(c, 1);
        hone_candidate_in(c, bias ? 2 : 1);
        hone_gpu_launch_lines(c, m->l.count, threads[i]);
    }
}

static bool takes_norm(const hone_lower *lower, int64_t n_scales)
{
    const hone_tensor *bias = hone_lower_in(lower, 2);

    return are_floats(lower) && hone_gpu_is_float(lower->in[1]->dtype) &&
           hone_tensor_count(lower->in[1]) == n_scales && !hone_lower_out(lower, 1) &&
           !hone_lower_out(lower, 2) &&
           (!bias || (bias->dtype == lower->in[1]->dtype && hone_tensor_count(bias) == n_scales));
}

hone_status hone_gpu_row_norm(hone_lower *lower)
{
    const bool is_rms = lower->op == HONE_OP_rms_normalization;
    const hone_dims *dims = &lower->in[0]->shape;
    const hone_attrs *a = lower->attrs;
    int axis;

    if (dims->rank == 0)
        return HONE_OK;
    HONE_TRY(hone_axis_normalize(is_rms ? a->rms_normalization.axis : a->layer_normalization.axis,
                                 dims->rank, &axis));
    const norm m = {.l = lines_of(dims, axis, dims->rank),
                    .epsilon =
                        is_rms ? a->rms_normalization.epsilon : a->layer_normalization.epsilon,
                    .is_rms = is_rms,
                    .span = 1,
                    .groups = 1};
    if (takes_norm(lower, m.l.n) && m.l.n < INT32_MAX / 2)
        offer_norm(lower, &m);
    return HONE_OK;
}

/* Instance and group normalisation, channels first: a line is a group of channels. */
hone_status hone_gpu_picture_norm(hone_lower *lower)
{
    const bool is_group = lower->op == HONE_OP_group_normalization;
    const hone_dims *dims = &lower->in[0]->shape;
    const hone_attrs *a = lower->attrs;

    if (dims->rank < 2)
        return HONE_OK;
    const int64_t channels = dims->dim[1];
    const int64_t groups = is_group ? a->group_normalization.num_groups : channels;
    if (groups < 1 || channels % groups || !takes_norm(lower, channels))
        return HONE_OK;
    const lines pixels = lines_of(dims, 2, dims->rank);
    const norm m = {.l = {dims->dim[0] * groups, channels / groups * pixels.n, 1},
                    .epsilon = is_group ? a->group_normalization.epsilon
                                        : a->instance_normalization.epsilon,
                    .span = pixels.n,
                    .groups = groups};
    if (m.l.n < INT32_MAX / 2)
        offer_norm(lower, &m);
    return HONE_OK;
}
