/* The two losses and the determinant: small things computed in double. */
#include <math.h>

#include "cpu/kernel.h"

enum {
    LOSS_MEAN,
    LOSS_SUM,
    LOSS_NONE
};

/* Sums -w[target] * p[target] over every position, where `value` gives the logarithm of the
 * probability. */
typedef struct loss {
    const hone_cpu_call *call;
    hone_lines lines;            /* along the classes */
    const hone_tensor *log_prob; /* NULL: the input holds scores that are not normalised */
    int64_t ignore;
    int64_t reduction;
} loss;

static double line_shift(const hone_tensor *x, const hone_lines *lines, int64_t at)
{
    double max = -INFINITY, sum = 0;

    for (int64_t k = 0; k < lines->n; k++)
        max = fmax(max, hone_get(x, at + k * lines->inner));
    for (int64_t k = 0; k < lines->n; k++)
        sum += exp(hone_get(x, at + k * lines->inner) - max);
    return max + log(sum);
}

static hone_status run_loss(const loss *job)
{
    const hone_cpu_call *call = job->call;
    const hone_tensor *x = call->in[0], *target = call->in[1],
                      *w = hone_call_has(call, 2) ? call->in[2] : NULL;
    const hone_tensor *y = hone_call_out(call, 0);
    double sum = 0, weight = 0;

    if (hone_tensor_count(target) != job->lines.count ||
        (w && hone_tensor_count(w) != job->lines.n))
        return hone_error(HONE_ERR_DEVICE, "%s: targets or weights do not fit the input",
                          hone_ops[call->op].name);
    for (int64_t i = 0; i < job->lines.count; i++) {
        const int64_t t = hone_get_int(target, i), at = hone_lines_at(&job->lines, i);
        const bool ignored = job->ignore != HONE_NO_AXIS && t == job->ignore;
        int64_t k = 0;
        if (!ignored)
            HONE_TRY(hone_call_index(call, t, job->lines.n, &k));
        const double v = hone_get(x, at + k * job->lines.inner);
        const double p = job->log_prob ? v : v - line_shift(x, &job->lines, at);
        const double own = ignored ? 0 : w ? hone_get(w, k) : 1, term = ignored ? 0 : -own * p;
        if (y && job->reduction == LOSS_NONE)
            hone_set(y, i, term);
        sum += term;
        weight += own;
    }
    if (y && job->reduction != LOSS_NONE)
        hone_set(y, 0, job->reduction == LOSS_SUM ? sum : sum / weight);
    return HONE_OK;
}

static hone_status run_nll(const hone_cpu_call *call)
{
    const hone_attrs_negative_log_likelihood_loss *a = &call->attrs->negative_log_likelihood_loss;
    loss job = {.call = call,
                .log_prob = call->in[0],
                .ignore = a->ignore_index,
                .reduction = a->reduction};

    HONE_TRY(hone_call_lines(call, &call->in[0]->shape, 1, &job.lines));
    return run_loss(&job);
}

static hone_status run_softmax_loss(const hone_cpu_call *call)
{
    const hone_attrs_softmax_cross_entropy_loss *a = &call->attrs->softmax_cross_entropy_loss;
    const hone_tensor *x = call->in[0], *logs = hone_call_out(call, 1);
    loss job = {.call = call, .ignore = a->ignore_index, .reduction = a->reduction};

    HONE_TRY(hone_call_lines(call, &x->shape, 1, &job.lines));
    for (int64_t i = 0; i < job.lines.count && logs; i++) {
        const int64_t at = hone_lines_at(&job.lines, i);
        const double shift = line_shift(x, &job.lines, at);
        for (int64_t k = 0; k < job.lines.n; k++)
            hone_set(logs, at + k * job.lines.inner, hone_get(x, at + k * job.lines.inner) - shift);
    }
    return run_loss(&job);
}

static bool takes_loss(const hone_cpu_call *call)
{
    return hone_dtype_is_plain_float(call->in[0]->dtype) &&
           hone_dtype_is_integer(call->in[1]->dtype) && hone_takes_real(call);
}

const hone_cpu_kernel hone_cpu_nll_loss = {.run = run_nll, .takes = takes_loss};
const hone_cpu_kernel hone_cpu_softmax_loss = {.run = run_softmax_loss, .takes = takes_loss};

/* ---- determinant
 * -----------------------------------------------------------------------------------------------------
 */

static size_t scratch_det(const hone_cpu_call *call)
{
    const hone_dims *x = &call->in[0]->shape;
    return x->rank < 2 ? 0 : (size_t)(x->dim[x->rank - 1] * x->dim[x->rank - 1]) * sizeof(double);
}

/* Gaussian elimination with the largest pivot of each column, in place. */
static double determinant(double *m, int64_t n)
{
    double det = 1;

    for (int64_t c = 0; c < n; c++) {
        int64_t pivot = c;
        for (int64_t r = c + 1; r < n; r++)
            if (fabs(m[r * n + c]) > fabs(m[pivot * n + c]))
                pivot = r;
        if (m[pivot * n + c] == 0)
            return 0;
        for (int64_t k = c; k < n && pivot != c; k++) {
            const double t = m[c * n + k];
            m[c * n + k] = m[pivot * n + k];
            m[pivot * n + k] = t;
        }
        det *= pivot != c ? -m[c * n + c] : m[c * n + c];
        for (int64_t r = c + 1; r < n; r++) {
            const double f = m[r * n + c] / m[c * n + c];
            for (int64_t k = c; k < n; k++)
                m[r * n + k] -= f * m[c * n + k];
        }
    }
    return det;
}

static hone_status run_det(const hone_cpu_call *call)
{
    const hone_dims *x = &call->in[0]->shape;
    const int64_t outputs = hone_tensor_count(call->out[0]);
    double *m = call->scratch;

    if (x->rank < 2 || x->dim[x->rank - 1] != x->dim[x->rank - 2])
        return hone_error(HONE_ERR_DEVICE, "det: the matrices are not square");
    const int64_t n = x->dim[x->rank - 1];
    for (int64_t i = 0; i < outputs; i++) {
        for (int64_t k = 0; k < n * n; k++)
            m[k] = hone_get(call->in[0], i * n * n + k);
        hone_set(call->out[0], i, determinant(m, n));
    }
    return HONE_OK;
}

const hone_cpu_kernel hone_cpu_det = {
    .run = run_det, .scratch = scratch_det, .takes = hone_takes_float};
