/* quantize_linear, dequantize_linear, dynamic_quantize_linear. Scale and zero point are one for the
 * tensor, one for each entry of an axis, or one for each block of entries; all three are runs of
 * neighbouring elements that share them. */
#include <math.h>

#include "cpu/kernel.h"

#define PIECE 256

typedef struct quant_job {
    const hone_tensor *x, *y, *scale, *zero;
    bool saturate;
    hone_lines lines; /* along the axis */
    int64_t block;    /* entries to a scale; 0: one scale an entry; -1: one for all */
    int64_t run;      /* elements that share a scale */
    float low, high;  /* of an integer output */
} quant_job;

static int64_t scale_at(const quant_job *job, int64_t at)
{
    if (job->block < 0)
        return 0;
    const int64_t inner = job->lines.inner, k = at / inner % job->lines.n;
    if (job->block == 0)
        return k;
    const int64_t blocks = (job->lines.n + job->block - 1) / job->block;
    return (at / inner / job->lines.n * blocks + k / job->block) * inner + at % inner;
}

static void quant_range(hone_dtype dtype, float *low, float *high)
{
    const int bits = hone_dtype_bits(dtype);

    *low = hone_dtype_is_signed(dtype) ? -(float)(1ll << (bits - 1)) : 0;
    *high = (float)((1ll << (hone_dtype_is_signed(dtype) ? bits - 1 : bits)) - 1);
}

/* To nearest with ties to even, then the zero point, then the type's range, which is applied first:
 * the numbers are then small enough to be rounded by adding and taking away 1.5 * 2^23. low and
 * high are the range less the zero point. */
static inline float quantized(float x, float scale, float zero, float low, float high)
{
    const float q = x / scale, above = q > low ? q : low; /* NaN becomes low */
    return (above < high ? above : high) + 12582912.0f - 12582912.0f + zero;
}

static void quantize_run(const quant_job *job, int64_t at, int64_t n)
{
    const int64_t s = scale_at(job, at);
    const float scale = (float)hone_get(job->scale, s),
                zero = job->zero ? (float)hone_get(job->zero, s) : 0;
    const hone_dtype to = job->y->dtype;
    float x[PIECE];

    for (int64_t done = 0, m; done < n; done += m, at += m) {
        m = HONE_MIN(n - done, PIECE);
        hone_read_f32(job->x->dtype, job->x->data, at, m, x);
        if (hone_dtype_is_integer(to))
            for (int64_t i = 0; i < m; i++)
                x[i] = quantized(x[i], scale, zero, job->low - zero, job->high - zero);
        else
            for (int64_t i = 0; i < m; i++)
                x[i] = x[i] / scale +
                       zero; /* zero is 0: it makes -0 positive, as ONNX's own answers have it */
        for (int64_t i = 0; i < m && to == HONE_U8; i++)
            ((uint8_t *)job->y->data)[at + i] = (uint8_t)x[i];
        for (int64_t i = 0; i < m && to == HONE_I8; i++)
            ((int8_t *)job->y->data)[at + i] = (int8_t)x[i];
        for (int64_t i = 0; i < m && !hone_dtype_is_integer(to) && hone_dtype_bits(to) == 8; i++)
            ((uint8_t *)job->y->data)[at + i] = hone_f32_to_f8(to, x[i], job->saturate);
        for (int64_t i = 0; i < m && hone_dtype_bits(to) != 8; i++)
            hone_element_set_double(to, job->y->data, at + i, x[i]);
    }
}

static void dequantize_run(const quant_job *job, int64_t at, int64_t n)
{
    const int64_t s = scale_at(job, at);
    const float scale = (float)hone_get(job->scale, s);
    const double zero = job->zero ? hone_get(job->zero, s) : 0;
    float x[PIECE];

    for (int64_t done = 0, m; done < n; done += m, at += m) {
        m = HONE_MIN(n - done, PIECE);
        if (job->x->dtype == HONE_I32)
            for (int64_t i = 0; i < m; i++)
                x[i] = (float)((double)((const int32_t *)job->x->data)[at + i] - zero);
        else
            hone_read_f32(job->x->dtype, job->x->data, at, m, x);
        for (int64_t i = 0; i < m; i++)
            x[i] = (job->x->dtype == HONE_I32 ? x[i] : x[i] - (float)zero) * scale;
        hone_write_f32(job->y->dtype, job->y->data, at, m, x);
    }
}

static void quantize_range(void *ctx, int64_t begin, int64_t end)
{
    const quant_job *job = ctx;

    for (int64_t at = begin, n; at < end; at += n) {
        n = HONE_MIN(end, at - at % job->run + job->run) - at;
        quantize_run(job, at, n);
    }
}

static void dequantize_range(void *ctx, int64_t begin, int64_t end)
{
    const quant_job *job = ctx;

    for (int64_t at = begin, n; at < end; at += n) {
        n = HONE_MIN(end, at - at % job->run + job->run) - at;
        dequantize_run(job, at, n);
    }
}

static hone_status set_granularity(const hone_cpu_call *call, quant_job *job, int64_t axis,
                                   int64_t block)
{
    const int64_t n = hone_tensor_count(job->x), scales = hone_tensor_count(job->scale);
    int64_t expected = 1;

    job->block = -1;
    job->run = HONE_MAX(n, 1);
    if (scales != 1 || block > 0) {
        HONE_TRY(hone_call_lines(call, &job->x->shape, axis, &job->lines));
        job->block = block;
        job->run = block == 0 ? job->lines.inner : 1;
        if (block > 0 && job->lines.inner == 1 && job->lines.n % block == 0)
            job->run = block;
        const int64_t entries = block ? (job->lines.n + block - 1) / block : job->lines.n;
        const int64_t outer = job->lines.n ? n / job->lines.n / HONE_MAX(job->lines.inner, 1) : 0;
        expected = block ? outer * entries * job->lines.inner : entries;
    }
    if (n > 0 && (scales != expected || (job->zero && hone_tensor_count(job->zero) != scales)))
        return hone_error(HONE_ERR_DEVICE, "%s: %lld scales; %lld are needed",
                          hone_ops[call->op].name, (long long)scales, (long long)expected);
    return HONE_OK;
}

static quant_job quant_job_of(const hone_cpu_call *call)
{
    return (quant_job){.x = call->in[0],
                       .y = call->out[0],
                       .scale = call->in[1],
                       .zero = hone_call_has(call, 2) ? call->in[2] : NULL};
}

static hone_status run_quantize(const hone_cpu_call *call)
{
    const hone_attrs_quantize_linear *a = &call->attrs->quantize_linear;
    quant_job job = quant_job_of(call);

    HONE_TRY(set_granularity(call, &job, a->axis, a->block_size));
    job.saturate = a->saturate != 0;
    if (hone_dtype_is_integer(job.y->dtype))
        quant_range(job.y->dtype, &job.low, &job.high);
    hone_cpu_for(call, hone_tensor_count(job.x),
                 hone_element_size(job.y->dtype) ? HONE_WORK / 2 : INT64_MAX, quantize_range, &job);
    return HONE_OK;
}

static hone_status run_dequantize(const hone_cpu_call *call)
{
    const hone_attrs_dequantize_linear *a = &call->attrs->dequantize_linear;
    quant_job job = quant_job_of(call);

    HONE_TRY(set_granularity(call, &job, a->axis, a->block_size));
    hone_cpu_for(call, hone_tensor_count(job.x), HONE_WORK, dequantize_range, &job);
    return HONE_OK;
}

const hone_cpu_kernel hone_cpu_quantize_linear = {.run = run_quantize, .takes = hone_takes_real};
const hone_cpu_kernel hone_cpu_dequantize_linear = {.run = run_dequantize,
                                                    .takes = hone_takes_real};

/* uint8 with the range of this input, made to hold 0. */
static hone_status run_dynamic_quantize(const hone_cpu_call *call)
{
    const float *x = call->in[0]->data;
    const int64_t n = hone_tensor_count(call->in[0]);
    float low = 0, high = 0, scale;
    uint8_t zero = 0;

    for (int64_t i = 0; i < n; i++) {
        low = x[i] < low ? x[i] : low;
        high = x[i] > high ? x[i] : high;
    }
    scale = (high - low) / 255;
    if (scale > 0)
        zero = (uint8_t)rintf(HONE_MIN(HONE_MAX(0 - low / scale, 0), 255));
    hone_tensor scales = {HONE_F32, {0}, &scale, sizeof scale},
                zeros = {HONE_U8, {0}, &zero, sizeof zero};
    quant_job job = {.x = call->in[0],
                     .y = call->out[0],
                     .scale = &scales,
                     .zero = &zeros,
                     .block = -1,
                     .run = HONE_MAX(n, 1),
                     .high = 255};
    const float all_zero = scale > 0 ? scale : 1;
    if (call->out[1])
        *(float *)call->out[1]->data = scale;
    if (call->out[2])
        *(uint8_t *)call->out[2]->data = zero;
    scale = all_zero;
    if (call->out[0])
        hone_cpu_for(call, n, HONE_WORK / 2, quantize_range, &job);
    return HONE_OK;
}

static bool takes_dynamic(const hone_cpu_call *call)
{
    return call->in[0]->dtype == HONE_F32;
}

const hone_cpu_kernel hone_cpu_dynamic_quantize_linear = {.run = run_dynamic_quantize,
                                                          .takes = takes_dynamic};
