/* Every pointwise operator on every element type, by table: map.def says what is computed, the
 * macros here make one loop of it per type, and one engine walks the broadcast. float16 and
 * bfloat16 pass through float in small pieces. These kernels fold constants and run what is not a
 * float32 region; chains in float32 are fused into `pointwise` regions instead. */
#include <math.h>

#include "cpu/kernel.h"

#define PIECE 16384 /* elements of a row to a task */
#define SMALL 256   /* elements converted at once */

typedef struct map_params {
    double alpha, beta;
} map_params;

/* n results; operand k moves by step[k], 0 or 1 elements. y may be exactly one of x. */
typedef void (*map_fn)(void *y, const void *const x[3], const int64_t step[3], int64_t n,
                       const map_params *p);

#define M_float(function)    function##f
#define M_double(function)   function
#define M_PASTE(T, function) M_##T(function)
#define M(T, function)       M_PASTE(T, function)

#define CLAMP01(T, x)  M(T, fmin)(M(T, fmax)(x, 0), 1)
#define SOFTPLUS(T, x) (M(T, fmax)(x, 0) + M(T, log1p)(M(T, exp)(-M(T, fabs)(x))))
#define GELU_ERF(T, x) ((T)0.5 * x * (1 + M(T, erf)(x * (T)0.70710678118654752)))
#define GELU_TANH(T, x)                                                                            \
    ((T)0.5 * x * (1 + M(T, tanh)((T)0.79788456080286536 * (x + (T)0.044715 * x * x * x))))
#define MOD_FLOOR(T, a, b) ((a) - (b)*M(T, floor)((a) / (b)))
#define MOD_INT(T, a, b)                                                                           \
    ((T)(a % b + (alpha == 0 && a % b != 0 && NEGATIVE(a % b) != NEGATIVE(b) ? b : 0)))
#define NEGATIVE(x)         ((x) < 1 && (x) != 0) /* of unsigned types too, without a warning */
#define IS_SIGNED(T)        NEGATIVE((T)-1)
#define BITS(T)             ((int64_t)sizeof(T) * 8)
#define SHIFT_LEFT(T, a, b) ((T)((uint64_t)b < (uint64_t)BITS(T) ? (uint64_t)a << b : 0))
#define SHIFT_RIGHT(T, a, b)                                                                       \
    ((T)(a >> ((uint64_t)b < (uint64_t)BITS(T) ? (int64_t)b : BITS(T) - 1) >>                      \
         ((uint64_t)b < (uint64_t)BITS(T) ? 0                                                      \
          : IS_SIGNED(T)                  ? 0                                                      \
                                          : 1)))

/* Wraps; a negative exponent leaves what 1 / a^-b truncates to. */
static int64_t power_int(int64_t a, int64_t b)
{
    uint64_t r = 1, base = (uint64_t)a;

    if (b < 0)
        return a == 1 ? 1 : a == -1 ? (b % 2 ? -1 : 1) : 0;
    for (; b; b >>= 1, base *= base)
        if (b & 1)
            r *= base;
    return (int64_t)r;
}

#define LOOP1(name, T, S, R, expression)                                                           \
    static void name##_##S(void *y_, const void *const x[3], const int64_t step[3], int64_t n,     \
                           const map_params *p)                                                    \
    {                                                                                              \
        R *y = y_;                                                                                 \
        const T *pa = x[0];                                                                        \
        HONE_UNUSED const MAP_PARAM alpha = (MAP_PARAM)p->alpha, beta = (MAP_PARAM)p->beta;        \
        (void)step;                                                                                \
        for (int64_t i = 0; i < n; i++) {                                                          \
            const T a = pa[i];                                                                     \
            y[i] = (R)(expression);                                                                \
        }                                                                                          \
    }

#define LOOP2(name, T, S, R, expression)                                                           \
    static void name##_##S(void *y_, const void *const x[3], const int64_t step[3], int64_t n,     \
                           const map_params *p)                                                    \
    {                                                                                              \
        R *y = y_;                                                                                 \
        const T *pa = x[0], *pb = x[1];                                                            \
        HONE_UNUSED const MAP_PARAM alpha = (MAP_PARAM)p->alpha;                                   \
        if (step[0] && step[1]) {                                                                  \
            for (int64_t i = 0; i < n; i++) {                                                      \
                const T a = pa[i], b = pb[i];                                                      \
                y[i] = (R)(expression);                                                            \
            }                                                                                      \
        } else if (step[0]) {                                                                      \
            const T b = pb[0];                                                                     \
            for (int64_t i = 0; i < n; i++) {                                                      \
                const T a = pa[i];                                                                 \
                y[i] = (R)(expression);                                                            \
            }                                                                                      \
        } else {                                                                                   \
            const T a = pa[0];                                                                     \
            for (int64_t i = 0; i < n; i++) {                                                      \
                const T b = pb[i * step[1]];                                                       \
                y[i] = (R)(expression);                                                            \
            }                                                                                      \
        }                                                                                          \
    }

#define CLIP(T, S, LOW, HIGH)                                                                      \
    static void clip_##S(void *y_, const void *const x[3], const int64_t step[3], int64_t n,       \
                         const map_params *p)                                                      \
    {                                                                                              \
        T *y = y_;                                                                                 \
        const T *pa = x[0];                                                                        \
        const T low = x[1] ? *(const T *)x[1] : (LOW), high = x[2] ? *(const T *)x[2] : (HIGH);    \
        (void)step;                                                                                \
        (void)p;                                                                                   \
        for (int64_t i = 0; i < n; i++) {                                                          \
            const T a = pa[i] < low ? low : pa[i];                                                 \
            y[i] = a > high ? high : a;                                                            \
        }                                                                                          \
    }

/* ---- the loops, one set a type
 * --------------------------------------------------------------------------------------- */

#define T                        float
#define MAP_PARAM                float
#define MAP_FLOAT1(name, e)      LOOP1(name, float, f32, float, e)
#define MAP_FLOAT_BOOL1(name, e) LOOP1(name, float, f32, uint8_t, e)
#define MAP_FLOAT2(name, e)      LOOP2(name, float, f32, float, e)
#define MAP_COMPARE(name, e)     LOOP2(name, float, f32, uint8_t, e)
#include "cpu/map.def"
#undef T
#undef MAP_PARAM
#undef MAP_FLOAT1
#undef MAP_FLOAT_BOOL1
#undef MAP_FLOAT2
#undef MAP_COMPARE
CLIP(float, f32, -INFINITY, INFINITY)

#define T                        double
#define MAP_PARAM                double
#define MAP_FLOAT1(name, e)      LOOP1(name, double, f64, double, e)
#define MAP_FLOAT_BOOL1(name, e) LOOP1(name, double, f64, uint8_t, e)
#define MAP_FLOAT2(name, e)      LOOP2(name, double, f64, double, e)
#define MAP_COMPARE(name, e)     LOOP2(name, double, f64, uint8_t, e)
#include "cpu/map.def"
#undef T
#undef MAP_FLOAT1
#undef MAP_FLOAT_BOOL1
#undef MAP_FLOAT2
#undef MAP_COMPARE
CLIP(double, f64, -INFINITY, INFINITY)

#define INT_LOOPS "cpu/map_int.inc"
#define T         int8_t
#define S         i8
#include INT_LOOPS
#define T uint8_t
#define S u8
#include INT_LOOPS
#define T int16_t
#define S i16
#include INT_LOOPS
#define T uint16_t
#define S u16
#include INT_LOOPS
#define T int32_t
#define S i32
#include INT_LOOPS
#define T uint32_t
#define S u32
#include INT_LOOPS
#define T int64_t
#define S i64
#include INT_LOOPS
#define T uint64_t
#define S u64
#include INT_LOOPS

CLIP(int8_t, i8, INT8_MIN, INT8_MAX)
CLIP(uint8_t, u8, 0, UINT8_MAX)
CLIP(int16_t, i16, INT16_MIN, INT16_MAX)
CLIP(uint16_t, u16, 0, UINT16_MAX)
CLIP(int32_t, i32, INT32_MIN, INT32_MAX)
CLIP(uint32_t, u32, 0, UINT32_MAX)
CLIP(int64_t, i64, INT64_MIN, INT64_MAX)
CLIP(uint64_t, u64, 0, UINT64_MAX)

#define MAP_BOOL2(name, e) LOOP2(name, uint8_t, bool, uint8_t, e)
#include "cpu/map.def"
#undef MAP_BOOL2
LOOP1(not, uint8_t, bool, uint8_t, !a)

static void equal_text(void *y_, const void *const x[3], const int64_t step[3], int64_t n,
                       const map_params *p)
{
    uint8_t *y = y_;

    (void)p;
    for (int64_t i = 0; i < n; i++) {
        const hone_string *a = (const hone_string *)x[0] + i * step[0],
                          *b = (const hone_string *)x[1] + i * step[1];
        y[i] = a->size == b->size && (a->size == 0 || memcmp(a->data, b->data, a->size) == 0);
    }
}

/* where moves elements of a size, whatever they are. */
typedef struct wide {
    uint64_t word[2];
} wide;

#define WHERE(T, S)                                                                                \
    static void where_##S(void *y_, const void *const x[3], const int64_t step[3], int64_t n,      \
                          const map_params *p)                                                     \
    {                                                                                              \
        T *y = y_;                                                                                 \
        const uint8_t *choice = x[0];                                                              \
        const T *a = x[1], *b = x[2];                                                              \
        (void)p;                                                                                   \
        for (int64_t i = 0; i < n; i++)                                                            \
            y[i] = choice[i * step[0]] ? a[i * step[1]] : b[i * step[2]];                          \
    }
WHERE(uint8_t, 1)
WHERE(uint16_t, 2)
WHERE(uint32_t, 4)
WHERE(uint64_t, 8)
WHERE(wide, 16)

/* ---- the table
 * -------------------------------------------------------------------------------------------------------
 */

enum {
    COLUMN_f32,
    COLUMN_f64,
    COLUMN_i8,
    COLUMN_u8,
    COLUMN_i16,
    COLUMN_u16,
    COLUMN_i32,
    COLUMN_u32,
    COLUMN_i64,
    COLUMN_u64,
    COLUMN_bool,
    COLUMN_text,
    N_COLUMNS
};

#define ON_FLOATS(name)                                                                            \
    [HONE_OP_##name][COLUMN_f32] = name##_f32, [HONE_OP_##name][COLUMN_f64] = name##_f64,
#define ON_INTS(name)                                                                              \
    [HONE_OP_##name][COLUMN_i8] = name##_i8, [HONE_OP_##name][COLUMN_u8] = name##_u8,              \
    [HONE_OP_##name][COLUMN_i16] = name##_i16, [HONE_OP_##name][COLUMN_u16] = name##_u16,          \
    [HONE_OP_##name][COLUMN_i32] = name##_i32, [HONE_OP_##name][COLUMN_u32] = name##_u32,          \
    [HONE_OP_##name][COLUMN_i64] = name##_i64, [HONE_OP_##name][COLUMN_u64] = name##_u64,

static const map_fn maps[HONE_OP_COUNT][N_COLUMNS] = {
#define MAP_FLOAT1(name, e)      ON_FLOATS(name)
#define MAP_FLOAT_BOOL1(name, e) ON_FLOATS(name)
#define MAP_FLOAT2(name, e)      ON_FLOATS(name)
#define MAP_INT1(name, e)        ON_INTS(name)
#define MAP_INT2(name, e)        ON_INTS(name)
#define MAP_COMPARE(name, e)     ON_FLOATS(name) ON_INTS(name)
#define MAP_BOOL2(name, e)       [HONE_OP_##name][COLUMN_bool] = name##_bool,
#include "cpu/map.def"
#undef MAP_FLOAT1
#undef MAP_FLOAT_BOOL1
#undef MAP_FLOAT2
#undef MAP_INT1
#undef MAP_INT2
#undef MAP_COMPARE
#undef MAP_BOOL2
    ON_FLOATS(clip) ON_INTS(clip)[HONE_OP_not][COLUMN_bool] = not_bool,
    [HONE_OP_equal][COLUMN_text] = equal_text,
};

static int column_of(hone_dtype dtype)
{
    switch (dtype) {
    case HONE_F64: return COLUMN_f64;
    case HONE_I8: return COLUMN_i8;
    case HONE_U8: return COLUMN_u8;
    case HONE_I16: return COLUMN_i16;
    case HONE_U16: return COLUMN_u16;
    case HONE_I32: return COLUMN_i32;
    case HONE_U32: return COLUMN_u32;
    case HONE_I64: return COLUMN_i64;
    case HONE_U64: return COLUMN_u64;
    case HONE_BOOL: return COLUMN_bool;
    case HONE_STRING: return COLUMN_text;
    default: return hone_dtype_is_float(dtype) ? COLUMN_f32 : -1;
    }
}

static map_fn where_of(hone_dtype dtype)
{
    switch (hone_element_size(dtype)) {
    case 1: return where_1;
    case 2: return where_2;
    case 4: return where_4;
    case 8: return where_8;
    case 16: return where_16;
    default: return NULL;
    }
}

static map_fn map_of(const hone_cpu_call *call)
{
    const int column = column_of(call->in[0]->dtype);

    if (call->op == HONE_OP_where)
        return where_of(call->in[1]->dtype);
    return column < 0 ? NULL : maps[call->op][column];
}

static map_params params_of(const hone_cpu_call *call)
{
    const hone_attrs *a = call->attrs;

    switch (call->op) {
    case HONE_OP_celu: return (map_params){a->celu.alpha, 0};
    case HONE_OP_elu: return (map_params){a->elu.alpha, 0};
    case HONE_OP_leaky_relu: return (map_params){a->leaky_relu.alpha, 0};
    case HONE_OP_swish: return (map_params){a->swish.alpha, 0};
    case HONE_OP_thresholded_relu: return (map_params){a->thresholded_relu.alpha, 0};
    case HONE_OP_gelu: return (map_params){(double)a->gelu.approximate, 0};
    case HONE_OP_hard_sigmoid: return (map_params){a->hard_sigmoid.alpha, a->hard_sigmoid.beta};
    case HONE_OP_selu: return (map_params){a->selu.alpha, a->selu.gamma};
    case HONE_OP_shrink: return (map_params){a->shrink.bias, a->shrink.lambd};
    case HONE_OP_is_inf:
        return (map_params){(double)a->is_inf.detect_negative, (double)a->is_inf.detect_positive};
    case HONE_OP_mod: return (map_params){(double)a->mod.fmod, 0};
    case HONE_OP_bit_shift: return (map_params){(double)a->bit_shift.direction, 0};
    default: return (map_params){0, 0};
    }
}

/* ---- the engine
 * ------------------------------------------------------------------------------------------------------
 */

typedef struct map_job {
    map_fn fn;
    map_params params;
    hone_loop loop;
    int64_t pieces; /* to a row */
    int n_in;
    bool through_f32; /* the inputs are small floats */
    hone_dtype in, out;
    size_t size[3], out_size;
    const char *x[3];
    char *y;
} map_job;

static void map_run(const map_job *job, char *y, const void *const x[3], const int64_t step[3],
                    int64_t n)
{
    float fx[3][SMALL], fy[SMALL];
    const void *px[3] = {x[0] ? fx[0] : NULL, x[1] ? fx[1] : NULL, x[2] ? fx[2] : NULL};

    if (!job->through_f32) {
        job->fn(y, x, step, n, &job->params);
        return;
    }
    for (int64_t at = 0; at < n; at += SMALL) {
        const int64_t m = HONE_MIN(n - at, SMALL);
        for (int k = 0; k < 3; k++)
            if (x[k])
                hone_read_f32(job->in, x[k], step[k] * at, step[k] ? m : 1, fx[k]);
        if (job->out == HONE_BOOL) {
            job->fn(y + at, px, step, m, &job->params);
        } else {
            job->fn(fy, px, step, m, &job->params);
            hone_write_f32(job->out, y, at, m, fy);
        }
    }
}

static void map_rows(void *ctx, int64_t begin, int64_t end)
{
    const map_job *job = ctx;
    const int outer = job->loop.rank - 1;
    const int64_t length = job->loop.dim[outer];
    hone_walk walk;

    if (job->pieces == 1)
        hone_walk_begin(&walk, &job->loop, outer, begin);
    for (int64_t i = begin; i < end; i++) {
        const int64_t at = i % job->pieces * PIECE;
        const void *x[3] = {NULL, NULL, NULL};
        int64_t step[3] = {0, 0, 0};
        if (job->pieces > 1)
            hone_walk_begin(&walk, &job->loop, outer, i / job->pieces);
        for (int k = 0; k < job->n_in; k++) {
            step[k] = job->loop.stride[k + 1][outer];
            if (job->x[k])
                x[k] = job->x[k] + (walk.offset[k + 1] + step[k] * at) * (int64_t)job->size[k];
        }
        map_run(job, job->y + (walk.offset[0] + at) * (int64_t)job->out_size, x, step,
                HONE_MIN(length - at, PIECE));
        if (job->pieces == 1)
            hone_walk_next(&walk);
    }
}

/* pow whose exponent has another type than its base: element by element, in double or, for
 * integers, exactly. */
static void pow_mixed(const hone_cpu_call *call, const hone_loop *loop)
{
    const hone_tensor *a = call->in[0], *b = call->in[1], *y = call->out[0];
    const bool whole = !hone_dtype_is_float(a->dtype) && !hone_dtype_is_float(b->dtype);
    const int64_t n = hone_tensor_count(y);
    hone_walk walk;

    hone_walk_begin(&walk, loop, loop->rank, 0);
    for (int64_t i = 0; i < n; i++, hone_walk_next(&walk)) {
        if (whole)
            hone_element_set_int(
                y->dtype, y->data, i,
                power_int(hone_get_int(a, walk.offset[1]), hone_get_int(b, walk.offset[2])));
        else {
            const double x = pow(hone_get(a, walk.offset[1]), hone_get(b, walk.offset[2]));
            hone_set(y, i, hone_dtype_is_integer(y->dtype) ? trunc(x) : x);
        }
    }
}

static hone_status run_pointwise(const hone_cpu_call *call)
{
    const hone_tensor *y = call->out[0];
    map_job job = {
        .fn = map_of(call), .params = params_of(call), .in = call->in[0]->dtype, .out = y->dtype};
    static const hone_dims scalar;
    const hone_dims *shape[3];

    job.n_in = HONE_MIN(call->n_in, 3);
    for (int k = 0; k < job.n_in; k++) {
        const hone_tensor *x = call->in[k];
        shape[k] = x && !(call->op == HONE_OP_clip && k > 0) ? &x->shape : &scalar;
        job.x[k] = x ? x->data : NULL;
        job.size[k] = x ? hone_element_size(x->dtype) : 0;
    }
    job.y = y->data;
    job.out_size = hone_element_size(y->dtype);
    hone_loop_broadcast(&job.loop, &y->shape, job.n_in, shape);
    if (hone_tensor_count(y) == 0)
        return HONE_OK;
    if (call->op == HONE_OP_pow && call->in[1]->dtype != job.in) {
        pow_mixed(call, &job.loop);
        return HONE_OK;
    }
    job.through_f32 =
        column_of(job.in) == COLUMN_f32 && job.in != HONE_F32 && call->op != HONE_OP_where;
    hone_loop_collapse(&job.loop);
    if (job.loop.rank == 0) {
        job.loop.dim[0] = 1;
        for (int k = 0; k <= job.n_in; k++)
            job.loop.stride[k][0] = 1;
        job.loop.rank = 1;
    }
    const int64_t length = job.loop.dim[job.loop.rank - 1];
    job.pieces = (length + PIECE - 1) / PIECE;
    hone_cpu_for(call, hone_loop_steps(&job.loop, job.loop.rank - 1) * job.pieces,
                 hone_grain(HONE_MIN(length, PIECE) + 8), map_rows, &job);
    return HONE_OK;
}

static bool takes_pointwise(const hone_cpu_call *call)
{
    const bool pow_any = call->op == HONE_OP_pow && hone_takes_real(call);
    return (map_of(call) || pow_any) && hone_element_size(call->in[0]->dtype) > 0;
}

const hone_cpu_kernel hone_cpu_pointwise = {.run = run_pointwise, .takes = takes_pointwise};
