/* cast: every pair of real types, by way of float, double or int64 in pieces that stay in the
 * cache; the pairs that models are full of (to and from float32) in one step. Integers wrap, floats
 * truncate toward zero and saturate at int64 first, and NaN becomes 0. Numbers to text are not
 * here: their bytes would have no owner. */
#include <math.h>
#include <stdlib.h>

#include "cpu/kernel.h"

#define PIECE 256 /* elements: even, so that no two pieces share a byte of a 4-bit type */

typedef struct cast_job {
    const hone_tensor *x, *y;
    bool saturate;
    int round_mode; /* of float8e8m0 */
} cast_job;

static int64_t int_of_double(double x)
{
    if (!(x >= -9223372036854775808.0))
        return isnan(x) ? 0 : INT64_MIN;
    return x >= 9223372036854775808.0 ? INT64_MAX : (int64_t)x;
}

static uint64_t unsigned_of_double(double x)
{
    if (!(x > 0))
        return (uint64_t)int_of_double(x);
    return x >= 18446744073709551616.0 ? UINT64_MAX : (uint64_t)x;
}

#define READ_INT(T)                                                                                \
    for (int64_t i = 0; i < n; i++)                                                                \
        out[i] = (int64_t)((const T *)data)[at + i];                                               \
    return

static void read_int(hone_dtype dtype, const void *data, int64_t at, int64_t n, int64_t *out)
{
    switch (dtype) {
    case HONE_U8: READ_INT(uint8_t);
    case HONE_I8: READ_INT(int8_t);
    case HONE_U16: READ_INT(uint16_t);
    case HONE_I16: READ_INT(int16_t);
    case HONE_I32: READ_INT(int32_t);
    case HONE_U32: READ_INT(uint32_t);
    case HONE_I64: READ_INT(int64_t);
    case HONE_U64: READ_INT(uint64_t);
    case HONE_BOOL:
        for (int64_t i = 0; i < n; i++)
            out[i] = ((const uint8_t *)data)[at + i] != 0;
        return;
    default:
        for (int64_t i = 0; i < n; i++)
            out[i] = hone_element_int(dtype, data, at + i);
    }
}

#define WRITE_INT(T)                                                                               \
    for (int64_t i = 0; i < n; i++)                                                                \
        ((T *)data)[at + i] = (T)x[i];                                                             \
    return

/* Keeps the low bits of a type under a byte, with their sign. */
static int64_t wrap_packed(hone_dtype dtype, int64_t x)
{
    const int bits = hone_dtype_bits(dtype);
    const int64_t low = x & ((1 << bits) - 1);
    return hone_dtype_is_signed(dtype) && low >> (bits - 1) ? low - (1 << bits) : low;
}

static void write_int(hone_dtype dtype, void *data, int64_t at, int64_t n, const int64_t *x)
{
    switch (dtype) {
    case HONE_U8: WRITE_INT(uint8_t);
    case HONE_I8: WRITE_INT(int8_t);
    case HONE_U16: WRITE_INT(uint16_t);
    case HONE_I16: WRITE_INT(int16_t);
    case HONE_I32: WRITE_INT(int32_t);
    case HONE_U32: WRITE_INT(uint32_t);
    case HONE_I64: WRITE_INT(int64_t);
    case HONE_U64: WRITE_INT(uint64_t);
    case HONE_BOOL:
        for (int64_t i = 0; i < n; i++)
            ((uint8_t *)data)[at + i] = x[i] != 0;
        return;
    default:
        for (int64_t i = 0; i < n; i++)
            hone_element_set_int(dtype, data, at + i, wrap_packed(dtype, x[i]));
    }
}

/* float8e8m0 is an exponent alone: what becomes of the fraction is the caller's choice. */
static uint8_t e8m0_of(float x, int round_mode, bool saturate)
{
    uint32_t bits;
    memcpy(&bits, &x, sizeof bits);
    const uint32_t exponent = bits >> 23 & 0xff, fraction = bits & 0x7fffff;
    const bool half_up = fraction > 0x400000 || (fraction == 0x400000 && exponent > 0);
    const bool up = round_mode == 0 ? fraction > 0 : round_mode == 2 && half_up;

    if (exponent == 0xff)
        return 0xff;
    return (uint8_t)(exponent + (up && !(saturate && exponent == 0xfe)));
}

static void write_float(const cast_job *job, int64_t at, int64_t n, const float *x)
{
    const hone_dtype dtype = job->y->dtype;

    if (dtype == HONE_F8E8M0)
        for (int64_t i = 0; i < n; i++)
            ((uint8_t *)job->y->data)[at + i] = e8m0_of(x[i], job->round_mode, job->saturate);
    else if (dtype == HONE_F4E2M1)
        for (int64_t i = 0; i < n; i++) /* has no NaN: ml_dtypes makes it -0 */
            hone_element_set_double(dtype, job->y->data, at + i, isnan(x[i]) ? -0.0 : x[i]);
    else if (hone_dtype_bits(dtype) == 8 && dtype != HONE_BOOL)
        for (int64_t i = 0; i < n; i++)
            ((uint8_t *)job->y->data)[at + i] = hone_f32_to_f8(dtype, x[i], job->saturate);
    else
        hone_write_f32(dtype, job->y->data, at, n, x);
}

static double parse_number(const hone_string *s)
{
    char text[64] = "";

    memcpy(text, s->data, HONE_MIN(s->size, sizeof text - 1));
    return strtod(text, NULL);
}

static double read_double(const hone_tensor *x, int64_t i)
{
    if (x->dtype == HONE_STRING)
        return parse_number((const hone_string *)x->data + i);
    return hone_element_double(x->dtype, x->data, i);
}

static void cast_from_int(const cast_job *job, int64_t at, int64_t n)
{
    const hone_dtype to = job->y->dtype;
    int64_t whole[PIECE];
    float real[PIECE];

    read_int(job->x->dtype, job->x->data, at, n, whole);
    if (!hone_dtype_is_float(to)) {
        write_int(to, job->y->data, at, n, whole);
        return;
    }
    const bool is_u64 = job->x->dtype == HONE_U64;
    for (int64_t i = 0; i < n && to == HONE_F64; i++)
        ((double *)job->y->data)[at + i] = is_u64 ? (double)(uint64_t)whole[i] : (double)whole[i];
    for (int64_t i = 0; i < n && to != HONE_F64; i++)
        real[i] = is_u64 ? (float)(uint64_t)whole[i] : (float)whole[i];
    if (to != HONE_F64)
        write_float(job, at, n, real);
}

static void cast_from_double(const cast_job *job, int64_t at, int64_t n)
{
    const hone_dtype to = job->y->dtype;
    int64_t whole[PIECE];
    float real[PIECE];

    for (int64_t i = 0; i < n; i++) {
        const double x = read_double(job->x, at + i);
        if (to == HONE_F64)
            ((double *)job->y->data)[at + i] = x;
        else if (hone_dtype_is_float(to))
            real[i] = (float)x;
        else if (to == HONE_BOOL)
            whole[i] = x != 0;
        else
            whole[i] = to == HONE_U64 ? (int64_t)unsigned_of_double(x) : int_of_double(x);
    }
    if (!hone_dtype_is_float(to))
        write_int(to, job->y->data, at, n, whole);
    else if (to != HONE_F64)
        write_float(job, at, n, real);
}

static void cast_from_float(const cast_job *job, int64_t at, int64_t n)
{
    const hone_dtype to = job->y->dtype;
    int64_t whole[PIECE];
    float real[PIECE];

    hone_read_f32(job->x->dtype, job->x->data, at, n, real);
    if (hone_dtype_is_float(to) || to == HONE_BOOL) {
        write_float(job, at, n, real);
        return;
    }
    for (int64_t i = 0; i < n; i++)
        whole[i] = to == HONE_U64 ? (int64_t)unsigned_of_double(real[i]) : int_of_double(real[i]);
    write_int(to, job->y->data, at, n, whole);
}

static void cast_pieces(void *ctx, int64_t begin, int64_t end)
{
    const cast_job *job = ctx;
    const hone_dtype from = job->x->dtype, to = job->y->dtype;

    for (int64_t at = begin * PIECE, n; at < end * PIECE; at += n) {
        n = HONE_MIN(hone_tensor_count(job->x) - at, PIECE);
        if (n <= 0)
            return;
        if (to == HONE_F32 && from != HONE_STRING)
            hone_read_f32(from, job->x->data, at, n, (float *)job->y->data + at);
        else if (from == HONE_F64 || from == HONE_STRING)
            cast_from_double(job, at, n);
        else if (hone_dtype_is_float(from))
            cast_from_float(job, at, n);
        else
            cast_from_int(job, at, n);
    }
}

static hone_status run_cast(const hone_cpu_call *call)
{
    const hone_attrs_cast *a = &call->attrs->cast;
    cast_job job = {call->in[0], call->out[0], a->saturate != 0, (int)a->round_mode};
    const int64_t pieces = (hone_tensor_count(job.x) + PIECE - 1) / PIECE;

    if (job.x->dtype == job.y->dtype)
        hone_move_dense(call, job.y, job.x);
    else
        hone_cpu_for(call, pieces, HONE_WORK / PIECE, cast_pieces, &job);
    return HONE_OK;
}

static bool takes_cast(const hone_cpu_call *call)
{
    const hone_dtype from = call->in[0]->dtype, to = call->out[0]->dtype;
    return from == to || ((hone_is_real(from) || from == HONE_STRING) && hone_is_real(to));
}

const hone_cpu_kernel hone_cpu_cast = {.run = run_cast, .takes = takes_cast};
