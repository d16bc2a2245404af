/* A depthwise convolution along time that looks back only, and keeps the last k - 1 inputs for the
 * next call. ONNX CausalConvWithState-27. */
#include <math.h>

#include "cpu/kernel.h"

typedef struct causal_job {
    const hone_tensor *x, *w, *bias, *past;
    hone_tensor *y, *state;
    int64_t channels, length, back; /* back: k - 1 */
    bool silu;
} causal_job;

/* The input at time t of a line; before its begin the past, or zeros. */
static double input_at(const causal_job *job, int64_t line, int64_t t)
{
    if (t >= 0)
        return hone_get(job->x, line * job->length + t);
    return job->past ? hone_get(job->past, line * job->back + job->back + t) : 0;
}

static void run_lines(void *ctx, int64_t begin, int64_t end)
{
    const causal_job *job = ctx;

    for (int64_t line = begin; line < end; line++) {
        const int64_t channel = line % job->channels;
        for (int64_t t = 0; t < job->length; t++) {
            double sum = job->bias ? hone_get(job->bias, channel) : 0;
            for (int64_t k = 0; k <= job->back; k++)
                sum += input_at(job, line, t - job->back + k) *
                       hone_get(job->w, channel * (job->back + 1) + k);
            hone_set(job->y, line * job->length + t, job->silu ? sum / (1 + exp(-sum)) : sum);
        }
        for (int64_t k = 0; job->state && k < job->back; k++)
            hone_set(job->state, line * job->back + k,
                     input_at(job, line, job->length - job->back + k));
    }
}

static hone_status run(const hone_cpu_call *call)
{
    const hone_dims *x = &call->in[0]->shape;
    causal_job job = {
        .x = call->in[0], .w = call->in[1], .y = call->out[0], .state = hone_call_out(call, 1)};

    job.bias = hone_call_has(call, 2) ? call->in[2] : NULL;
    job.past = hone_call_has(call, 3) ? call->in[3] : NULL;
    job.channels = x->dim[1];
    job.length = x->dim[2];
    job.back = call->in[1]->shape.dim[2] - 1;
    job.silu = call->attrs->causal_conv_with_state.activation != 0; /* silu and swish are one */
    hone_cpu_for(call, x->dim[0] * x->dim[1], hone_grain(job.length * (job.back + 1)), run_lines,
                 &job);
    return HONE_OK;
}

static bool takes(const hone_cpu_call *call)
{
    return hone_takes_float(call) && hone_takes_real(call);
}

const hone_cpu_kernel hone_cpu_causal_conv = {.run = run, .takes = takes};
