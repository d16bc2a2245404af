/* Pointwise regions. The output is seen as rows of columns, as few and as long as the operands'
 * broadcasting allows, and cut into tasks of some ten thousand elements; the vector code of the
 * machine's level interprets the program over each. Recognises the epilogues that tile functions do
 * in registers. Integer and text operators are not here: they are plain. */
#include "cpu/region.h"

#include <math.h>
#include <string.h>

#define TASK_ELEMENTS 16384 /* 64 KiB: some 5 us of one instruction */

/* ---- compilation
 * -----------------------------------------------------------------------------------------------------
 */

typedef struct slots {
    uint16_t last_use[HONE_REGION_SLOTS]; /* by register: the instruction that reads it last */
    uint8_t of[HONE_REGION_SLOTS];        /* by register */
    uint8_t free[HONE_REGION_SLOTS];
    int n_free, n;
} slots;

static void find_last_uses(const hone_program *p, slots *s)
{
    memset(s, 0, sizeof *s);
    for (int i = 0; i < p->n_instr; i++)
        for (int k = 0; k < hone_scalar_arity[p->instr[i].op]; k++)
            s->last_use[p->instr[i].arg[k]] = (uint16_t)i;
}

static uint8_t take_slot(slots *s)
{
    return s->n_free ? s->free[--s->n_free] : (uint8_t)s->n++;
}

static void add_instr(hone_region_code *code, slots *s, const hone_program *p, int i)
{
    const hone_instr *from = &p->instr[i];
    hone_region_instr *to = &code->instr[code->n_instr++];
    const int arity = hone_scalar_arity[from->op];
    bool freed[3] = {false};

    to->op = (uint8_t)from->op;
    for (int k = 0; k < 3; k++)
        to->arg[k] = s->of[from->arg[k < arity ? k : 0]];
    for (int k = 0; k < arity; k++) {
        const int reg = from->arg[k];
        const bool twice = (k > 0 && from->arg[0] == reg) || (k > 1 && from->arg[1] == reg);
        const bool own = reg >= p->n_in && p->instr[reg - p->n_in].op != HONE_SCALAR_constant;
        freed[k] = own && !twice && s->last_use[reg] == i;
    }
    for (int k = 0; k < arity; k++)
        if (freed[k])
            s->free[s->n_free++] = s->of[from->arg[k]];
    to->dst = s->of[p->n_in + i] = take_slot(s);
}

void hone_region_compile(const hone_program *p, hone_region_code *code)
{
    slots s;

    find_last_uses(p, &s);
    code->n_in = p->n_in;
    code->n_instr = code->n_const = 0;
    for (int k = 0; k < p->n_in; k++)
        s.of[k] = take_slot(&s);
    for (int i = 0; i < p->n_instr; i++) {
        if (p->instr[i].op == HONE_SCALAR_constant) {
            s.of[p->n_in + i] =
                (uint8_t)s.n++; /* filled before the first instruction: never one's own */
            code->constant[code->n_const].slot = s.of[p->n_in + i];
            code->constant[code->n_const++].value = p->instr[i].value;
        } else {
            add_instr(code, &s, p, i);
        }
    }
    if (p->instr[p->n_instr - 1].op == HONE_SCALAR_constant) {
        const uint8_t from = s.of[p->n_in + p->n_instr - 1];
        code->instr[code->n_instr++] = (hone_region_instr){
            .op = HONE_SCALAR_copy, .dst = take_slot(&s), .arg = {from, from, from}};
    }
    code->answer = code->instr[code->n_instr - 1].dst;
    code->n_slots = s.n;
}

/* ---- broadcasting
 * ----------------------------------------------------------------------------------------------------
 */

/* Strides of `in` over the output's dimensions: 0 where it is broadcast. */
static void broadcast_strides(const hone_dims *in, const hone_dims *out, int64_t *stride)
{
    int64_t step = 1;

    for (int i = out->rank - 1, j = in->rank - 1; i >= 0; i--, j--) {
        const int64_t d = j >= 0 ? in->dim[j] : 1;
        stride[i] = d == 1 ? 0 : step;
        step *= d;
    }
}

typedef struct nest {
    int rank;
    int64_t dim[HONE_MAX_RANK + 1];
    int64_t stride[HONE_PROGRAM_INPUTS][HONE_MAX_RANK + 1];
} nest;

static bool joins(const nest *t, int n_in,
                  int i) /* dimension i and i + 1 are walked as one by all operands */
{
    for (int k = 0; k < n_in; k++)
        if (t->stride[k][i] != t->stride[k][i + 1] * t->dim[i + 1])
            return false;
    return true;
}

static void remove_dim(nest *t, int n_in, int i)
{
    t->rank--;
    for (int d = i; d < t->rank; d++) {
        t->dim[d] = t->dim[d + 1];
        for (int k = 0; k < n_in; k++)
            t->stride[k][d] = t->stride[k][d + 1];
    }
}

/* Drops dimensions of one, joins neighbours; leaves the last one alone where it is kept. */
static void collapse(nest *t, int n_in, bool keep_last)
{
    for (int i = t->rank - (keep_last ? 2 : 1); i >= 0; i--)
        if (t->dim[i] == 1 && t->rank > 1)
            remove_dim(t, n_in, i);
    for (int i = t->rank - (keep_last ? 3 : 2); i >= 0; i--) {
        if (!joins(t, n_in, i))
            continue;
        t->dim[i + 1] *= t->dim[i];
        remove_dim(t, n_in, i);
    }
}

void hone_region_init(hone_region *region, const hone_program *program, const hone_dims *shape,
                      hone_tensor *const *in, const hone_tensor *out, bool keep_last)
{
    nest t = {.rank = shape->rank};

    hone_region_compile(program, &region->code);
    region->n_in = program->n_in;
    region->out = out->data;
    region->out_dtype = out->dtype;
    memcpy(t.dim, shape->dim, sizeof shape->dim);
    for (int k = 0; k < program->n_in; k++) {
        const hone_tensor *x = in[k] ? in[k] : out;
        region->in[k] = (hone_region_input){.data = x->data, .dtype = x->dtype};
        broadcast_strides(&x->shape, shape, t.stride[k]);
    }
    if (t.rank == 0) { /* a scalar: one dimension of one */
        t.rank = 1;
        t.dim[0] = 1;
    }
    collapse(&t, program->n_in, keep_last);
    region->cols = t.dim[t.rank - 1];
    region->rank = t.rank - 1;
    region->rows = 1;
    for (int i = 0; i < region->rank; i++) {
        region->dim[i] = t.dim[i];
        region->rows *= t.dim[i];
    }
    for (int k = 0; k < program->n_in; k++) {
        region->in[k].col = t.stride[k][t.rank - 1];
        region->in[k].row = region->rank ? t.stride[k][region->rank - 1] : 0;
        memcpy(region->stride[k], t.stride[k], sizeof t.stride[k]);
    }
}

/* The offset of operand k at row r. */
static int64_t offset_at(const hone_region *g, int k, int64_t r)
{
    int64_t at = 0;

    for (int i = g->rank - 1; i >= 0; i--) {
        at += r % g->dim[i] * g->stride[k][i];
        r /= g->dim[i];
    }
    return at;
}

static size_t input_size(hone_dtype dtype)
{
    return (size_t)hone_dtype_bits(dtype) / 8;
}

void hone_region_run(const hone_region *g, int64_t r0, int64_t r1, int64_t c0, int64_t c1)
{
    hone_region_input in[HONE_PROGRAM_INPUTS];
    hone_region_block block = {
        .code = &g->code, .in = in, .out_dtype = g->out_dtype, .out_row = g->cols};
    const int64_t inner = g->rank ? g->dim[g->rank - 1] : 1;

    block.cols = c1 - c0;
    while (r0 < r1) {
        /* Rows are evenly spaced for all operands up to the end of the innermost walked dimension.
         */
        const int64_t n = HONE_MIN(r1 - r0, inner - r0 % inner);
        for (int k = 0; k < g->n_in; k++) {
            const int64_t at = offset_at(g, k, r0) + c0 * g->in[k].col;
            in[k] = g->in[k];
            in[k].data = (const char *)g->in[k].data + at * (int64_t)input_size(g->in[k].dtype);
        }
        block.out = (char *)g->out + (r0 * g->cols + c0) * (int64_t)input_size(g->out_dtype);
        block.rows = n;
        hone_cpu_vector->region(&block);
        r0 += n;
    }
}

/* ---- tasks
 * -----------------------------------------------------------------------------------------------------------
 */

typedef struct job {
    const hone_region *region;
    int64_t rows, cols; /* of a task */
    int64_t tasks_across;
} job;

static void run_task(void *ctx, int64_t task, int thread)
{
    const job *j = ctx;
    const int64_t r = task / j->tasks_across * j->rows, c = task % j->tasks_across * j->cols;

    (void)thread;
    hone_region_run(j->region, r, HONE_MIN(r + j->rows, j->region->rows), c,
                    HONE_MIN(c + j->cols, j->region->cols));
}

void hone_region_run_all(const hone_region *region, hone_pool *pool)
{
    job j = {.region = region};

    if (region->rows == 0 || region->cols == 0)
        return;
    j.cols = HONE_MIN(region->cols, TASK_ELEMENTS);
    j.rows = HONE_MAX(TASK_ELEMENTS / j.cols, 1);
    j.tasks_across = (region->cols + j.cols - 1) / j.cols;
    hone_pool_run(pool, run_task, &j, (region->rows + j.rows - 1) / j.rows * j.tasks_across);
}

/* ---- epilogues
 * -------------------------------------------------------------------------------------------------------
 */

typedef struct chain {
    const hone_program *program;
    hone_epilogue *to;
    int at; /* the register that carries the accumulator */
} chain;

static bool constant_of(const hone_program *p, int reg, float *out)
{
    const hone_instr *i = reg >= p->n_in ? &p->instr[reg - p->n_in] : NULL;
    if (!i || i->op != HONE_SCALAR_constant)
        return false;
    *out = i->value;
    return true;
}

static bool chain_clamp(chain *c, float lo, float hi)
{
    c->to->clamp = true;
    c->to->lo = fmaxf(c->to->lo, lo);
    c->to->hi = fminf(c->to->hi, hi);
    return c->to->lo <= c->to->hi;
}

/* One instruction that the tile functions can do; false where they cannot. */
static bool chain_step(chain *c, const hone_instr *i, const hone_tensor *out,
                       hone_tensor *const *extra)
{
    const int n_in = c->program->n_in;
    const int other = i->arg[0] == c->at ? i->arg[1] : i->arg[0];
    float x;

    if (i->op == HONE_SCALAR_relu)
        return i->arg[0] == c->at && chain_clamp(c, 0.0f, INFINITY);
    if (hone_scalar_arity[i->op] != 2 || (i->arg[0] == c->at) == (i->arg[1] == c->at))
        return false;
    if (i->op == HONE_SCALAR_max)
        return constant_of(c->program, other, &x) && x <= c->to->hi && chain_clamp(c, x, INFINITY);
    if (i->op == HONE_SCALAR_min)
        return constant_of(c->program, other, &x) && x >= c->to->lo && chain_clamp(c, -INFINITY, x);
    if (i->op == HONE_SCALAR_add && other > 0 && other < n_in && !c->to->clamp && !c->to->add) {
        const hone_tensor *t = extra[other - 1];
        if (t->dtype != HONE_F32 || hone_tensor_count(t) != hone_tensor_count(out))
            return false;
        c->to->add = t->data;
        return true;
    }
    return false;
}

static bool fits_tile(hone_epilogue *to, const hone_program *p, const hone_tensor *out,
                      hone_tensor *const *extra)
{
    chain c = {p, to, 0};

    for (int i = 0; i < p->n_instr; i++) {
        if (p->instr[i].op == HONE_SCALAR_constant)
            continue;
        if (!chain_step(&c, &p->instr[i], out, extra))
            return false;
        c.at = p->n_in + i;
    }
    return c.at == p->n_in + p->n_instr - 1;
}

void hone_epilogue_init(hone_epilogue *epilogue, const hone_program *program,
                        const hone_tensor *out, hone_tensor *const *extra, int n_extra,
                        bool in_tile)
{
    hone_tensor *in[HONE_PROGRAM_INPUTS] = {NULL};

    epilogue->clamp = epilogue->has_region = false;
    epilogue->lo = -INFINITY;
    epilogue->hi = INFINITY;
    epilogue->add = NULL;
    epilogue->out = out->data;
    if (!program || (in_tile && fits_tile(epilogue, program, out, extra)))
        return;
    epilogue->clamp = false;
    epilogue->add = NULL;
    epilogue->has_region = true;
    for (int k = 0; k < n_extra && k + 1 < program->n_in; k++)
        in[k + 1] = extra[k];
    hone_region_init(&epilogue->region, program, &out->shape, in, out, true);
}

/* ---- the kernel
 * ------------------------------------------------------------------------------------------------------
 */

static bool is_loadable(hone_dtype t)
{
    return t == HONE_F32 || t == HONE_F16 || t == HONE_BF16 || t == HONE_BOOL || t == HONE_I32 ||
           t == HONE_I64 || t == HONE_U8 || t == HONE_I8;
}

static bool region_takes(const hone_cpu_call *call)
{
    const hone_dtype to = call->out[0]->dtype;

    for (int i = 0; i < call->n_in; i++)
        if (!call->in[i] || !is_loadable(call->in[i]->dtype))
            return false;
    return to == HONE_F32 || to == HONE_F16 || to == HONE_BF16 || to == HONE_BOOL;
}

static hone_status region_run(const hone_cpu_call *call)
{
    hone_region region;

    if (hone_tensor_count(call->out[0]) == 0)
        return HONE_OK;
    hone_region_init(&region, call->attrs->pointwise.program, &call->out[0]->shape, call->in,
                     call->out[0], false);
    hone_region_run_all(&region, call->pool);
    return HONE_OK;
}

const hone_cpu_kernel hone_cpu_region = {.takes = region_takes, .run = region_run};
