/* Signals: windows, the mel filter bank, and the discrete Fourier transform of any length, whole or
 * in frames. The transform is Stockham's with mixed factors: one pass a prime factor, ping-pong
 * between two buffers, no reordering at the end; a prime length falls back to the definition.
 * Everything is computed in double. */
#include <math.h>

#include "cpu/kernel.h"

#define PI 3.14159265358979323846

/* ---- windows
 * ---------------------------------------------------------------------------------------------------------
 */

static hone_status run_window(const hone_cpu_call *call)
{
    const hone_attrs *a = call->attrs;
    const hone_tensor *y = call->out[0];
    const int64_t n = hone_tensor_count(y);
    const bool periodic = call->op == HONE_OP_hann_window      ? a->hann_window.periodic
                          : call->op == HONE_OP_hamming_window ? a->hamming_window.periodic
                                                               : a->blackman_window.periodic;
    const double period = (double)HONE_MAX(periodic ? n : n - 1, 1);

    for (int64_t i = 0; i < n; i++) {
        const double t = 2 * PI * (double)i / period;
        if (call->op == HONE_OP_hann_window)
            hone_set(y, i, 0.5 - 0.5 * cos(t));
        else if (call->op == HONE_OP_hamming_window)
            hone_set(y, i, 25.0 / 46 - 21.0 / 46 * cos(t));
        else
            hone_set(y, i, 0.42 - 0.5 * cos(t) + 0.08 * cos(2 * t));
    }
    return HONE_OK;
}

const hone_cpu_kernel hone_cpu_window = {.run = run_window, .takes = hone_takes_real};

/* ---- mel filter bank
 * -------------------------------------------------------------------------------------------------
 */

/* The spectrogram bin of the k-th of the band edges, which lie evenly on the mel scale. */
static int64_t mel_edge(double low_mel, double step, int64_t k, int64_t dft_length, double rate)
{
    const double hertz = 700 * (pow(10, (low_mel + (double)k * step) / 2595) - 1);
    const double bin = floor((double)(dft_length + 1) * hertz / rate);
    return bin > -1e15 && bin < 1e15 ? (int64_t)bin : 0;
}

/* Rows are spectrogram bins, columns triangular bands. */
static hone_status run_mel(const hone_cpu_call *call)
{
    const hone_tensor *y = call->out[0];
    const int64_t bands = y->shape.dim[1], bins = y->shape.dim[0];
    const int64_t dft_length = hone_get_int(call->in[1], 0);
    const double rate = hone_get(call->in[2], 0);
    const double low = 2595 * log10(1 + hone_get(call->in[3], 0) / 700);
    const double high = 2595 * log10(1 + hone_get(call->in[4], 0) / 700);
    const double step = (high - low) / (double)(bands + 2);

    for (int64_t i = 0; i < bins * bands; i++)
        hone_set(y, i, 0);
    for (int64_t b = 0; b < bands; b++) {
        const int64_t left = mel_edge(low, step, b, dft_length, rate);
        const int64_t centre = mel_edge(low, step, b + 1, dft_length, rate);
        const int64_t right = mel_edge(low, step, b + 2, dft_length, rate);
        for (int64_t j = HONE_MAX(left, 0); j <= centre && j < bins; j++)
            hone_set(y, j * bands + b,
                     centre == left ? 1 : (double)(j - left) / (double)(centre - left));
        for (int64_t j = HONE_MAX(centre, 0); j < right && j < bins; j++)
            hone_set(y, j * bands + b, (double)(right - j) / (double)(right - centre));
    }
    return HONE_OK;
}

const hone_cpu_kernel hone_cpu_mel_weight_matrix = {.run = run_mel, .takes = hone_takes_real};

/* ---- the transform
 * ---------------------------------------------------------------------------------------------------
 */

typedef struct cell {
    double re, im;
} cell;

static inline cell cell_mul(cell a, cell b)
{
    return (cell){a.re * b.re - a.im * b.im, a.re * b.im + a.im * b.re};
}

static int64_t least_factor(int64_t n)
{
    for (int64_t p = 2; p * p <= n; p++)
        if (n % p == 0)
            return p;
    return n;
}

/* w[k] = exp(-+ 2 pi i k / n) */
static void fill_roots(cell *w, int64_t n, bool inverse)
{
    for (int64_t k = 0; k < n; k++) {
        const double t = 2 * PI * (double)k / (double)n;
        w[k] = (cell){cos(t), inverse ? sin(t) : -sin(t)};
    }
}

/* One pass of factor p: sub-transforms of length m, s of them side by side. */
static void pass(const cell *x, cell *y, const cell *w, int64_t n, int64_t m, int64_t s, int64_t p)
{
    const int64_t part = m / p;

    for (int64_t k = 0; k < part; k++)
        for (int64_t j = 0; j < p; j++) {
            const cell turn = w[n / m * ((j * k) % m)];
            for (int64_t q = 0; q < s; q++) {
                cell sum = x[q + s * k];
                for (int64_t t = 1; t < p; t++) {
                    const cell v = cell_mul(x[q + s * (k + part * t)], w[n / p * ((j * t) % p)]);
                    sum.re += v.re;
                    sum.im += v.im;
                }
                y[q + s * (p * k + j)] = cell_mul(sum, turn);
            }
        }
}

/* Transforms a[0..n); the answer is in the buffer returned, a or b. */
static cell *transform(cell *a, cell *b, const cell *w, int64_t n)
{
    for (int64_t m = n, s = 1; m > 1;) {
        const int64_t p = least_factor(m);
        cell *t = a;
        pass(a, b, w, n, m, s, p);
        a = b;
        b = t;
        m /= p;
        s *= p;
    }
    return a;
}

/* Roots first, then two buffers for every thread. */
static size_t transform_scratch(const hone_cpu_call *call, int64_t n)
{
    return (size_t)HONE_MAX(n, 0) * sizeof(cell) * (size_t)(1 + 2 * hone_call_threads(call));
}

static double pass_cost(int64_t n) /* inner steps of a transform, for the size of tasks */
{
    double cost = 0;

    for (int64_t m = n; m > 1; m /= least_factor(m))
        cost += (double)least_factor(m) * (double)n;
    return HONE_MIN(cost, 1e9);
}

/* ---- DFT-20
 * ----------------------------------------------------------------------------------------------------------
 */

typedef struct dft_job {
    const hone_tensor *x, *y;
    hone_lines lines; /* of x, without its last axis of parts */
    int64_t n, n_out; /* length of the transform, entries kept */
    int x_parts, y_parts;
    bool inverse, mirror; /* mirror: x is the first half of a spectrum with conjugate symmetry */
    cell *roots, *buffers;
} dft_job;

static cell dft_input(const dft_job *job, int64_t at, int64_t k)
{
    const bool beyond = k >= job->lines.n;
    const int64_t from = job->mirror && k > job->n / 2 ? job->n - k : k;
    cell c = {0, 0};

    if ((beyond && !job->mirror) || from >= job->lines.n)
        return c;
    const int64_t i = (at + from * job->lines.inner) * job->x_parts;
    c.re = hone_get(job->x, i);
    c.im = job->x_parts > 1 ? hone_get(job->x, i + 1) : 0;
    c.im = from != k ? -c.im : c.im;
    return c;
}

static void dft_lines(void *ctx, int64_t begin, int64_t end, int thread)
{
    const dft_job *job = ctx;
    cell *a = job->buffers + 2 * thread * job->n, *b = a + job->n;
    const double scale = job->inverse ? 1 / (double)job->n : 1;

    for (int64_t i = begin; i < end; i++) {
        const int64_t inner = job->lines.inner, at = hone_lines_at(&job->lines, i);
        const int64_t to = i / inner * job->n_out * inner + i % inner;
        for (int64_t k = 0; k < job->n; k++)
            a[k] = dft_input(job, at, k);
        const cell *r = transform(a, b, job->roots, job->n);
        for (int64_t k = 0; k < job->n_out; k++) {
            hone_set(job->y, (to + k * inner) * job->y_parts, r[k].re * scale);
            if (job->y_parts > 1)
                hone_set(job->y, (to + k * inner) * 2 + 1, r[k].im * scale);
        }
    }
}

/* The axis counts the axis of parts when negative, as in ONNX: -2 is the last of the signal. */
static hone_status plan_dft(const hone_cpu_call *call, dft_job *job)
{
    const hone_attrs_dft *a = &call->attrs->dft;
    hone_dims x = call->in[0]->shape;
    const hone_dims *y = &call->out[0]->shape;
    int axis;

    if (x.rank < 2)
        return hone_error(HONE_ERR_DEVICE, "dft: the rank is %d; signal and parts are needed",
                          x.rank);
    HONE_TRY(hone_call_axis(call, hone_call_has(call, 2) ? hone_get_int(call->in[2], 0) : -2,
                            x.rank, &axis));
    if (axis == x.rank - 1)
        return hone_error(HONE_ERR_DEVICE, "dft: the last axis holds the parts of numbers");
    *job = (dft_job){.x = call->in[0], .y = call->out[0], .inverse = a->inverse != 0};
    job->x_parts = (int)x.dim[x.rank - 1];
    job->y_parts = (int)y->dim[y->rank - 1];
    x.rank--;
    HONE_TRY(hone_call_lines(call, &x, axis, &job->lines));
    job->mirror = a->inverse && a->onesided && job->y_parts == 1;
    job->n_out = y->dim[axis];
    job->n = hone_call_has(call, 1) ? hone_get_int(call->in[1], 0)
             : job->mirror          ? 2 * (job->lines.n - 1)
                                    : job->lines.n;
    if (job->x_parts < 1 || job->x_parts > 2 || job->y_parts < 1 || job->y_parts > 2 ||
        job->n < job->n_out || y->rank != x.rank + 1 ||
        hone_tensor_count(job->y) != job->lines.count * job->n_out * job->y_parts)
        return hone_error(HONE_ERR_DEVICE, "dft: %lld entries of a transform of %lld",
                          (long long)job->n_out, (long long)job->n);
    return HONE_OK;
}

/* Before the length is known it is bounded by the output: a one-sided transform keeps more than
 * half. */
static size_t scratch_dft(const hone_cpu_call *call)
{
    int64_t most = 1;

    for (int i = 0; i + 1 < call->in[0]->shape.rank; i++)
        most = HONE_MAX(most, call->in[0]->shape.dim[i]);
    for (int i = 0; i + 1 < call->out[0]->shape.rank; i++)
        most = HONE_MAX(most, call->out[0]->shape.dim[i]);
    return transform_scratch(call, 2 * most);
}

static hone_status run_dft(const hone_cpu_call *call)
{
    dft_job job;

    HONE_TRY(plan_dft(call, &job));
    if (transform_scratch(call, job.n) > scratch_dft(call))
        return hone_error(HONE_ERR_DEVICE, "dft: a length of %lld does not go with the output",
                          (long long)job.n);
    job.roots = call->scratch;
    job.buffers = job.roots + job.n;
    fill_roots(job.roots, job.n, job.inverse);
    hone_cpu_for_thread(call, job.lines.count, hone_grain((int64_t)pass_cost(job.n)), dft_lines,
                        &job);
    return HONE_OK;
}

const hone_cpu_kernel hone_cpu_dft = {
    .run = run_dft, .scratch = scratch_dft, .takes = hone_takes_float};

/* ---- STFT-17
 * ---------------------------------------------------------------------------------------------------------
 */

typedef struct stft_job {
    const hone_tensor *x, *y, *window;
    int64_t n, step, length, frames,
        bins; /* transform, hop, signal, frames to a signal, entries kept */
    int parts;
    cell *roots, *buffers;
} stft_job;

static void stft_frames(void *ctx, int64_t begin, int64_t end, int thread)
{
    const stft_job *job = ctx;
    cell *a = job->buffers + 2 * thread * job->n, *b = a + job->n;

    for (int64_t i = begin; i < end; i++) {
        const int64_t at = i / job->frames * job->length + i % job->frames * job->step;
        for (int64_t k = 0; k < job->n; k++) {
            const double w = job->window ? hone_get(job->window, k) : 1;
            a[k].re = w * hone_get(job->x, (at + k) * job->parts);
            a[k].im = job->parts > 1 ? w * hone_get(job->x, (at + k) * 2 + 1) : 0;
        }
        const cell *r = transform(a, b, job->roots, job->n);
        for (int64_t k = 0; k < job->bins; k++) {
            hone_set(job->y, (i * job->bins + k) * 2, r[k].re);
            hone_set(job->y, (i * job->bins + k) * 2 + 1, r[k].im);
        }
    }
}

/* The output tells the number of bins, from which the length of a frame follows up to one; the
 * signal bounds it too. */
static int64_t stft_most(const hone_cpu_call *call)
{
    const hone_dims *x = &call->in[0]->shape;
    return x->rank > 1 ? x->dim[1] : 0;
}

static int64_t stft_length(const hone_cpu_call *call)
{
    if (hone_call_has(call, 3) && call->in[3]->data)
        return hone_get_int(call->in[3], 0);
    if (hone_call_has(call, 2))
        return hone_tensor_count(call->in[2]);
    return stft_most(call);
}

static size_t scratch_stft(const hone_cpu_call *call)
{
    return transform_scratch(call, HONE_MIN(stft_length(call), stft_most(call)));
}

static hone_status run_stft(const hone_cpu_call *call)
{
    const hone_dims *x = &call->in[0]->shape, *y = &call->out[0]->shape;
    stft_job job = {
        .x = call->in[0], .y = call->out[0], .window = hone_call_has(call, 2) ? call->in[2] : NULL};

    if (x->rank < 2 || x->rank > 3 || y->rank != 4)
        return hone_error(HONE_ERR_DEVICE,
                          "stft: the signal's rank is %d; 2 (real) and 3 are taken", x->rank);
    job.n = stft_length(call);
    job.step = hone_get_int(call->in[1], 0);
    job.length = x->dim[1];
    job.parts = x->rank == 3 ? (int)x->dim[2] : 1;
    job.frames = y->dim[1];
    job.bins = y->dim[2];
    if (job.n < 1 || job.step < 1 || job.bins > job.n || job.parts < 1 || job.parts > 2 ||
        job.n > job.length || (job.window && hone_tensor_count(job.window) < job.n) ||
        (job.frames > 0 && job.frames - 1 > (job.length - job.n) / job.step))
        return hone_error(HONE_ERR_DEVICE,
                          "stft: frames of %lld every %lld do not fit %lld samples",
                          (long long)job.n, (long long)job.step, (long long)job.length);
    job.roots = call->scratch;
    job.buffers = job.roots + job.n;
    fill_roots(job.roots, job.n, false);
    hone_cpu_for_thread(call, y->dim[0] * job.frames, hone_grain((int64_t)pass_cost(job.n)),
                        stft_frames, &job);
    return HONE_OK;
}

static bool takes_stft(const hone_cpu_call *call)
{
    return hone_takes_float(call) && (!hone_call_has(call, 2) || hone_is_real(call->in[2]->dtype));
}

const hone_cpu_kernel hone_cpu_stft = {
    .run = run_stft, .scratch = scratch_stft, .takes = takes_stft};
