/* Squeeze-and-excite by its definition: means of the channels, two small products with a program
 * behind each. Passes make it for GPUs alone; this is what their kernel is compared with, and what
 * folding needs. Sums are in double. */
#include "cpu/kernel.h"

static float evaluate(const hone_program *p, float x)
{
    float r[HONE_PROGRAM_INPUTS + HONE_PROGRAM_INSTRS] = {x};

    if (!p)
        return x;
    for (int i = 0; i < p->n_instr; i++) {
        const hone_instr *in = &p->instr[i];
        r[p->n_in + i] = hone_scalar_eval((hone_scalar)in->op, r[in->arg[0]], r[in->arg[1]],
                                          r[in->arg[2]], in->value);
    }
    return r[p->n_in + p->n_instr - 1];
}

/* program(bias[row] + w[row] . v) */
static float product(const hone_cpu_call *call, int w, int64_t row, const float *v, int64_t n,
                     const hone_program *program)
{
    double sum = hone_call_has(call, w + 1) ? hone_get(call->in[w + 1], row) : 0;

    for (int64_t k = 0; k < n; k++)
        sum += hone_get(call->in[w], row * n + k) * v[k];
    return evaluate(program, (float)sum);
}

static float mean(const hone_tensor *x, int64_t at, int64_t n, int64_t step, double count)
{
    double sum = 0;

    for (int64_t k = 0; k < n; k++)
        sum += hone_get(x, at + k * step);
    return (float)(sum / count);
}

static hone_status run(const hone_cpu_call *call)
{
    const hone_attrs_squeeze_excite *a = &call->attrs->squeeze_excite;
    const hone_dims *x = &call->in[0]->shape;
    const int64_t channels = x->dim[x->rank - 1], squeezed = call->in[1]->shape.dim[0];
    const int64_t pixels = hone_dims_product(x, 1, x->rank - 1);
    const double count = (double)(a->count ? a->count : pixels);
    float *means = call->scratch, *s = means + channels;

    for (int64_t n = 0; n < x->dim[0]; n++) {
        for (int64_t c = 0; c < channels; c++)
            means[c] = mean(call->in[0], n * pixels * channels + c, pixels, channels, count);
        for (int64_t k = 0; k < squeezed; k++)
            s[k] = product(call, 1, k, means, channels, a->squeeze);
        for (int64_t c = 0; c < channels; c++)
            hone_set(call->out[0], n * channels + c, product(call, 3, c, s, squeezed, a->excite));
    }
    return HONE_OK;
}

static size_t scratch(const hone_cpu_call *call)
{
    const hone_dims *w = &call->in[1]->shape;

    return (size_t)(w->dim[0] + w->dim[1]) * sizeof(float);
}

const hone_cpu_kernel hone_cpu_squeeze_excite = {.run = run, .scratch = scratch};
