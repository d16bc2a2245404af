/* Deformable convolution (DeformConv-22, two spatial dimensions, float32), plainly: every tap of
 * every output pixel looks bilinearly at a place that the offset input moves, outside counts as
 * zero, and the mask scales what it sees. */
#include <math.h>

#include "cpu/vector.h"

typedef struct deform {
    hone_window w;
    int64_t channels, outputs, in_group, out_group, offset_groups;
    const float *x, *weights, *offset, *bias, *mask; /* the last two may be NULL */
    float *y;
} deform;

static float pixel(const deform *d, const float *plane, int64_t h, int64_t w)
{
    return h < 0 || h >= d->w.in[0] || w < 0 || w >= d->w.in[1] ? 0.0f : plane[h * d->w.in[1] + w];
}

static float look(const deform *d, const float *plane, float h, float w)
{
    /* Also false for NaN: offsets come from data. */
    if (!(h > -1.0f && h < (float)d->w.in[0] && w > -1.0f && w < (float)d->w.in[1]))
        return 0.0f;
    const float h0 = floorf(h), w0 = floorf(w), fh = h - h0, fw = w - w0;
    const int64_t i = (int64_t)h0, j = (int64_t)w0;
    return (1 - fh) * ((1 - fw) * pixel(d, plane, i, j) + fw * pixel(d, plane, i, j + 1)) +
           fh * ((1 - fw) * pixel(d, plane, i + 1, j) + fw * pixel(d, plane, i + 1, j + 1));
}

/* What a tap of channel c sees at output (oh, ow) of picture n. */
static float sample(const deform *d, int64_t n, int64_t c, int64_t tap, int64_t oh, int64_t ow)
{
    const hone_window *w = &d->w;
    const int64_t taps = w->kernel[0] * w->kernel[1], pixels = w->out[0] * w->out[1];
    const int64_t at = oh * w->out[1] + ow, group = c / (d->channels / d->offset_groups);
    const float *offset =
        d->offset + ((n * d->offset_groups + group) * taps + tap) * 2 * pixels + at;
    const int64_t h = oh * w->stride[0] - w->pad_begin[0] + tap / w->kernel[1] * w->dilation[0];
    const int64_t v = ow * w->stride[1] - w->pad_begin[1] + tap % w->kernel[1] * w->dilation[1];
    const float x = look(d, d->x + (n * d->channels + c) * w->in[0] * w->in[1],
                         (float)h + offset[0], (float)v + offset[pixels]);

    return d->mask ? x * d->mask[((n * d->offset_groups + group) * taps + tap) * pixels + at] : x;
}

/* One output line of all channels. */
static void line_task(void *ctx, int64_t task, int thread)
{
    const deform *d = ctx;
    const hone_window *w = &d->w;
    const int64_t n = task / w->out[0], oh = task % w->out[0], taps = w->kernel[0] * w->kernel[1];

    (void)thread;
    for (int64_t o = 0; o < d->outputs; o++) {
        float *y = d->y + ((n * d->outputs + o) * w->out[0] + oh) * w->out[1];
        for (int64_t ow = 0; ow < w->out[1]; ow++)
            y[ow] = d->bias ? d->bias[o] : 0.0f;
    }
    for (int64_t c = 0; c < d->channels; c++) {
        const int64_t o0 = c / d->in_group * d->out_group;
        for (int64_t t = 0; t < taps; t++) {
            for (int64_t ow = 0; ow < w->out[1]; ow++) {
                const float x = sample(d, n, c, t, oh, ow);
                for (int64_t o = o0; o < o0 + d->out_group; o++)
                    d->y[((n * d->outputs + o) * w->out[0] + oh) * w->out[1] + ow] +=
                        x * d->weights[(o * d->in_group + c % d->in_group) * taps + t];
            }
        }
    }
}

static const float *data_of(const hone_cpu_call *call, int i)
{
    return i < call->n_in && call->in[i] ? call->in[i]->data : NULL;
}

static hone_status deform_run(const hone_cpu_call *call)
{
    const hone_attrs_deform_conv *a = &call->attrs->deform_conv;
    const hone_dims *x = &call->in[0]->shape, *w = &call->in[1]->shape;
    deform d = {.channels = x->dim[1],
                .outputs = w->dim[0],
                .in_group = w->dim[1],
                .offset_groups = a->offset_group,
                .x = call->in[0]->data,
                .weights = call->in[1]->data,
                .offset = call->in[2]->data,
                .bias = data_of(call, 3),
                .mask = data_of(call, 4),
                .y = call->out[0]->data};

    if (hone_tensor_count(call->out[0]) == 0)
        return HONE_OK;
    if (x->rank != 4)
        return hone_error(HONE_ERR_UNSUPPORTED, "deform_conv of %d spatial dimensions; only 2",
                          x->rank - 2);
    HONE_TRY(hone_window_of(call->op, call->attrs, x, w, &d.w));
    if (a->group < 1 || d.outputs % a->group || d.in_group * a->group != d.channels ||
        d.offset_groups < 1 || d.channels % d.offset_groups)
        return hone_error(HONE_ERR_ARGUMENT, "deform_conv: channels and groups do not fit");
    d.out_group = d.outputs / a->group;
    if (hone_tensor_count(call->in[2]) !=
        x->dim[0] * d.offset_groups * 2 * d.w.kernel[0] * d.w.kernel[1] * d.w.out[0] * d.w.out[1])
        return hone_error(HONE_ERR_ARGUMENT, "deform_conv: the offsets' shape does not fit");
    hone_pool_run(call->pool, line_task, &d, x->dim[0] * d.w.out[0]);
    return HONE_OK;
}

static bool deform_takes(const hone_cpu_call *call)
{
    for (int i = 0; i < call->n_in; i++)
        if (call->in[i] && call->in[i]->dtype != HONE_F32)
            return false;
    return true;
}

const hone_cpu_kernel hone_cpu_deform_conv = {.takes = deform_takes, .run = deform_run};
