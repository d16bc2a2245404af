/* The interpreter of pointwise programs. A block is cut into tiles of some hundred elements; every
 * instruction is one loop over a tile, so that its cost of dispatch vanishes and all intermediate
 * values stay in the first cache level. Inputs that lie densely are read in place; others are
 * loaded (converted, broadcast) into slots first. */
#include "cpu/simd/level_table.h"
#include "cpu/simd/vec_math.h"

#define TILE 512 /* elements */

/* n is a multiple of HONE_W, operands have room for it; d may be one of them. */
typedef void (*op_fn)(float *d, const float *a, const float *b, const float *c, int64_t n);

#define OP_BEGIN(id)                                                                               \
    static void op_##id(float *d, const float *pa, const float *pb, const float *pc, int64_t n)    \
    {                                                                                              \
        (void)pb, (void)pc;                                                                        \
        for (int64_t i = 0; i < n; i += HONE_W) {                                                  \
            const vf a = vf_load(pa + i);
#define OP_END(expression)                                                                         \
    vf_store(d + i, expression);                                                                   \
    }                                                                                              \
    }
#define UNARY(id, expression)                                                                      \
    OP_BEGIN(id)                                                                                   \
    OP_END(expression)
#define BINARY(id, expression)                                                                     \
    OP_BEGIN(id)                                                                                   \
    const vf b = vf_load(pb + i);                                                                  \
    OP_END(expression)
#define TERNARY(id, expression)                                                                    \
    OP_BEGIN(id)                                                                                   \
    const vf b = vf_load(pb + i), c = vf_load(pc + i);                                             \
    OP_END(expression)
#define ZERO vf_splat(0.0f)
#define ONE  vf_splat(1.0f)

UNARY(copy, a)
UNARY(neg, -a)
UNARY(abs, vf_abs(a))
UNARY(sign, vm_select(vf_lt(ZERO, a), ONE, vm_select(vf_lt(a, ZERO), -ONE, ZERO)))
UNARY(ceil, vf_ceil(a))
UNARY(floor, vf_floor(a))
UNARY(round, vf_round(a))
UNARY(trunc, vf_trunc(a))
UNARY(sqrt, vf_sqrt(a))
UNARY(reciprocal, 1.0f / a)
UNARY(exp, vf_exp(a))
UNARY(log, vf_log(a))
UNARY(log1p, vf_log1p(a))
UNARY(erf, vf_erf(a))
UNARY(tanh, vf_tanh(a))
UNARY(sigmoid, vf_sigmoid(a))
UNARY(softplus, vf_softplus(a))
UNARY(relu, vf_max(ZERO, a))
UNARY(is_nan, vm_select(vf_ne(a, a), ONE, ZERO))
UNARY(not, vm_select(vf_eq(a, ZERO), ONE, ZERO))
BINARY(add, a + b)
BINARY(sub, a - b)
BINARY(mul, a *b)
BINARY(div, a / b)
BINARY(min, vm_select(vf_ne(a, a), a, vf_min(a, b)))
BINARY(max, vm_select(vf_ne(a, a), a, vf_max(a, b)))
BINARY(equal, vm_select(vf_eq(a, b), ONE, ZERO))
BINARY(less, vm_select(vf_lt(a, b), ONE, ZERO))
BINARY(less_equal, vm_select(vf_le(a, b), ONE, ZERO))
BINARY(and, vm_select(vf_ne(a, ZERO), vm_select(vf_ne(b, ZERO), ONE, ZERO), ZERO))
BINARY(or, vm_select(vf_ne(a, ZERO), ONE, vm_select(vf_ne(b, ZERO), ONE, ZERO)))
BINARY(xor, vm_select(vf_ne(a, ZERO), vm_select(vf_ne(b, ZERO), ZERO, ONE),
                      vm_select(vf_ne(b, ZERO), ONE, ZERO)))
TERNARY(select, vm_select(vf_ne(a, ZERO), b, c))
TERNARY(fma, a *b + c)

/* What has no vector form, and arguments that the vector form does not reach. */
static void eval_each(hone_scalar op, float *d, const float *a, const float *b, const float *c,
                      int64_t n)
{
    for (int64_t i = 0; i < n; i++)
        d[i] = hone_scalar_eval(op, a[i], b[i], c[i], 0.0f);
}

static void trigonometric(hone_scalar op, int odd, float *d, const float *a, int64_t n)
{
    for (int64_t i = 0; i < n; i += HONE_W) {
        const vf x = vf_load(a + i);
        if (HONE_UNLIKELY(vm_any(vf_lt(vf_splat(VF_TRIG_LIMIT), vf_abs(x)))))
            eval_each(op, d + i, a + i, a + i, a + i, HONE_W);
        else
            vf_store(d + i, vf_sincos(x, odd));
    }
}

static void op_sin(float *d, const float *a, const float *b, const float *c, int64_t n)
{
    (void)b, (void)c;
    trigonometric(HONE_SCALAR_sin, 0, d, a, n);
}

static void op_cos(float *d, const float *a, const float *b, const float *c, int64_t n)
{
    (void)b, (void)c;
    trigonometric(HONE_SCALAR_cos, 1, d, a, n);
}

/* Squares, cubes, roots and inverses are what models raise to; other exponents go to libm. */
static void op_pow(float *d, const float *a, const float *b, const float *c, int64_t n)
{
    (void)c;
    for (int64_t i = 0; i < n; i += HONE_W) {
        const vf x = vf_load(a + i), e = vf_load(b + i);
        if (!vm_any(vf_ne(e, vf_splat(2.0f))))
            vf_store(d + i, x * x);
        else if (!vm_any(vf_ne(e, vf_splat(3.0f))))
            vf_store(d + i, x * x * x);
        else
            eval_each(HONE_SCALAR_pow, d + i, a + i, b + i, b + i, HONE_W);
    }
}

#define LIBM(id)                                                                                   \
    static void op_##id(float *d, const float *a, const float *b, const float *c, int64_t n)       \
    {                                                                                              \
        eval_each(HONE_SCALAR_##id, d, a, b, c, n);                                                \
    }
LIBM(tan)
LIBM(asin)
LIBM(acos)
LIBM(atan)
LIBM(sinh)
LIBM(cosh)
LIBM(asinh)
LIBM(acosh)
LIBM(atanh)
LIBM(fmod)
LIBM(to_f16)
LIBM(to_bf16)
#define op_constant NULL /* constants are slots, not instructions */

static const op_fn ops[HONE_SCALAR_COUNT] = {
#define SCALAR(id, arity, expression) [HONE_SCALAR_##id] = op_##id,
#include "op/scalar.def"
#undef SCALAR
};

void LEVEL(hone_vector_unary)(int scalar, const float *x, float *y, int64_t n)
{
    const int64_t whole = n & ~(int64_t)(HONE_W - 1);

    ops[scalar](y, x, x, x, whole);
    if (whole < n) {
        float rest[HONE_W];
        vf_store(rest, vf_load_n(x + whole, n - whole));
        ops[scalar](rest, rest, rest, rest, HONE_W);
        memcpy(y + whole, rest, (size_t)(n - whole) * sizeof *y);
    }
}

/* ---- loads and stores
 * ------------------------------------------------------------------------------------------------
 */

#define LOAD(name, type, expression)                                                               \
    static void name(float *d, const void *src, int64_t at, int64_t step, int64_t n)               \
    {                                                                                              \
        const type *p = (const type *)src + at;                                                    \
        if (step == 1) {                                                                           \
            for (int64_t i = 0; i < n; i++) {                                                      \
                const type x = p[i];                                                               \
                d[i] = expression;                                                                 \
            }                                                                                      \
            return;                                                                                \
        }                                                                                          \
        for (int64_t i = 0; i < n; i++) {                                                          \
            const type x = p[i * step];                                                            \
            d[i] = expression;                                                                     \
        }                                                                                          \
    }
LOAD(load_f32, float, x)
LOAD(load_f16, uint16_t, hone_f16_to_f32(x))
LOAD(load_bf16, uint16_t, hone_bf16_to_f32(x))
LOAD(load_bool, uint8_t, (float)(x != 0))
LOAD(load_u8, uint8_t, (float)x)
LOAD(load_i8, int8_t, (float)x)
LOAD(load_i32, int32_t, (float)x)
LOAD(load_i64, int64_t, (float)x)

static void load_row(float *d, const hone_region_input *in, int64_t at, int64_t n)
{
    switch (in->dtype) {
    case HONE_F16: load_f16(d, in->data, at, in->col, n); break;
    case HONE_BF16: load_bf16(d, in->data, at, in->col, n); break;
    case HONE_BOOL: load_bool(d, in->data, at, in->col, n); break;
    case HONE_U8: load_u8(d, in->data, at, in->col, n); break;
    case HONE_I8: load_i8(d, in->data, at, in->col, n); break;
    case HONE_I32: load_i32(d, in->data, at, in->col, n); break;
    case HONE_I64: load_i64(d, in->data, at, in->col, n); break;
    default: load_f32(d, in->data, at, in->col, n); break;
    }
}

static void store_row(void *out, hone_dtype dtype, int64_t at, const float *x, int64_t n)
{
    if (dtype == HONE_F32) {
        memcpy((float *)out + at, x, (size_t)n * sizeof *x);
    } else if (dtype == HONE_BOOL) {
        uint8_t *d = (uint8_t *)out + at;
        for (int64_t i = 0; i < n; i++)
            d[i] = x[i] != 0.0f;
    } else {
        uint16_t *d = (uint16_t *)out + at;
        for (int64_t i = 0; i < n; i++)
            d[i] = dtype == HONE_F16 ? hone_f32_to_f16(x[i]) : hone_f32_to_bf16(x[i]);
    }
}

/* ---- tiles
 * -----------------------------------------------------------------------------------------------------------
 */

typedef struct frame {
    const hone_region_block *block;
    const float *slot[HONE_REGION_SLOTS]; /* where each slot's contents are now */
    bool fixed[HONE_PROGRAM_INPUTS];      /* loaded once: the same for every tile */
    _Alignas(64) float room[HONE_REGION_SLOTS][TILE];
} frame;

static void fill(float *d, float x, int64_t n)
{
    for (int64_t i = 0; i < n; i += HONE_W)
        vf_store(d + i, vf_splat(x));
}

static float scalar_of(const hone_region_input *in)
{
    float x;
    load_row(&x, in, 0, 1);
    return x;
}

/* Slots that no tile changes: constants, and inputs that are one element. n: the widest tile,
 * rounded up. */
static void fill_fixed(frame *f, int64_t n)
{
    const hone_region_code *code = f->block->code;

    for (int s = 0; s < code->n_slots; s++)
        f->slot[s] = f->room[s];
    for (int i = 0; i < code->n_const; i++)
        fill(f->room[code->constant[i].slot], code->constant[i].value, n);
    for (int k = 0; k < code->n_in; k++) {
        const hone_region_input *in = &f->block->in[k];
        f->fixed[k] = in->row == 0 && in->col == 0;
        if (f->fixed[k])
            fill(f->room[k], scalar_of(in), n);
    }
}

/* Rows [r, r + rows), columns [c, c + cols) of the block; rows > 1 only where the tile holds whole
 * rows. */
static void load_inputs(frame *f, int64_t r, int64_t rows, int64_t c, int64_t cols,
                        bool whole_vectors)
{
    for (int k = 0; k < f->block->code->n_in; k++) {
        const hone_region_input *in = &f->block->in[k];
        const int64_t at = r * in->row + c * in->col;
        const bool dense = in->dtype == HONE_F32 && in->col == 1 && (rows == 1 || in->row == cols);
        if (f->fixed[k])
            continue;
        if (dense && whole_vectors) {
            f->slot[k] = (const float *)in->data + at;
            continue;
        }
        f->slot[k] = f->room[k];
        for (int64_t i = 0; i < rows; i++)
            load_row(f->room[k] + i * cols, in, at + i * in->row, cols);
    }
}

static void run_tile(frame *f, int64_t r, int64_t rows, int64_t c, int64_t cols)
{
    const hone_region_block *b = f->block;
    const hone_region_code *code = b->code;
    const int64_t n = rows * cols, at = r * b->out_row + c;
    const bool whole_vectors = n % HONE_W == 0;
    const int64_t room = (n + HONE_W - 1) & ~(int64_t)(HONE_W - 1);
    const bool direct =
        whole_vectors && b->out_dtype == HONE_F32 && (rows == 1 || b->out_row == cols);

    load_inputs(f, r, rows, c, cols, whole_vectors);
    for (int i = 0; i < code->n_instr; i++) {
        const hone_region_instr *in = &code->instr[i];
        const bool last = i == code->n_instr - 1;
        float *d = direct && last ? (float *)b->out + at : f->room[in->dst];
        f->slot[in->dst] = f->room[in->dst];
        ops[in->op](d, f->slot[in->arg[0]], f->slot[in->arg[1]], f->slot[in->arg[2]], room);
    }
    if (direct)
        return;
    for (int64_t i = 0; i < rows; i++)
        store_row(b->out, b->out_dtype, at + i * b->out_row, f->room[code->answer] + i * cols,
                  cols);
}

/* Rows that are repeated by every tile are loaded by the first one alone. */
static void fix_repeated(frame *f)
{
    for (int k = 0; k < f->block->code->n_in; k++)
        if (f->block->in[k].row == 0 && f->slot[k] == f->room[k])
            f->fixed[k] = true;
}

void LEVEL(hone_vector_region)(const hone_region_block *block)
{
    frame f;
    const int64_t cols = block->cols;
    const int64_t rows_fit = cols <= TILE ? HONE_MIN(TILE / HONE_MAX(cols, 1), block->rows) : 1;
    const int64_t widest = HONE_MIN(TILE, (rows_fit * cols + HONE_W - 1) & ~(int64_t)(HONE_W - 1));

    f.block = block;
    if (cols <= 0 || block->rows <= 0)
        return;
    fill_fixed(&f, widest);
    if (cols > TILE) {
        for (int64_t r = 0; r < block->rows; r++)
            for (int64_t c = 0; c < cols; c += TILE)
                run_tile(&f, r, 1, c, HONE_MIN(TILE, cols - c));
        return;
    }
    for (int64_t r = 0; r < block->rows; r += rows_fit) {
        run_tile(&f, r, HONE_MIN(rows_fit, block->rows - r), 0, cols);
        if (r == 0)
            fix_repeated(&f);
    }
}
