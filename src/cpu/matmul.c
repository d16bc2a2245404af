/* Matrix products over float32: MatMul with transposed operands, batches that broadcast, bias and
 * epilogue; Gemm is the same with beta. A constant B comes packed. Otherwise B is packed into
 * scratch at run time where enough rows use it; few rows read it where it lies. One column, and one
 * row against a transposed B, are dot products along contiguous memory. */
#include <string.h>

#include "cpu/gemm_core.h"

#define PACK_ROWS 12 /* of A: with fewer, packing B costs more than it saves */

typedef struct product {
    bool trans_a, trans_b;
    float alpha, beta;
    const hone_tensor *bias;
    const hone_program *program;
    hone_tensor *const *extra;
    int n_extra;
    int64_t m, n, k;
    int64_t batches, b_batches; /* of the output (1 where A's are rows of one product), of B */
    int batch_rank;
    int64_t batch_dim[HONE_MAX_RANK], a_stride[HONE_MAX_RANK],
        b_stride[HONE_MAX_RANK]; /* strides in matrices */
    bool column_out;             /* b is a vector: the output has no last dimension */
} product;

/* The dims of an operand as a matrix with batches: a vector is one row (A) or one column (B). */
static hone_dims as_matrix(const hone_dims *d, bool left)
{
    hone_dims m = *d;

    if (d->rank == 1) {
        m.rank = 2;
        m.dim[0] = left ? 1 : d->dim[0];
        m.dim[1] = left ? d->dim[0] : 1;
    }
    return m;
}

static void set_batches(product *p, const hone_dims *a, const hone_dims *b)
{
    const int rank = HONE_MAX(a->rank, b->rank) - 2;
    int64_t sa = 1, sb = 1;

    p->batch_rank = rank;
    p->batches = p->b_batches = 1;
    for (int i = rank - 1; i >= 0; i--) {
        const int ia = i - rank + a->rank - 2, ib = i - rank + b->rank - 2;
        const int64_t da = ia >= 0 ? a->dim[ia] : 1, db = ib >= 0 ? b->dim[ib] : 1;
        p->batch_dim[i] = HONE_MAX(da, db);
        if (da == 0 || db == 0)
            p->batch_dim[i] = 0;
        p->a_stride[i] = da == 1 ? 0 : sa;
        p->b_stride[i] = db == 1 ? 0 : sb;
        sa *= da;
        sb *= db;
        p->batches *= p->batch_dim[i];
    }
    p->b_batches = sb;
    if (sb == 1 && !p->trans_a &&
        sa == p->batches) { /* one B: all of A is one matrix of many rows */
        p->m *= p->batches;
        p->batches = 1;
        p->batch_rank = 0;
    }
}

static hone_status product_init(product *p, const hone_cpu_call *call)
{
    const hone_dims a = as_matrix(&call->in[0]->shape, true),
                    b = as_matrix(&call->in[1]->shape, false);
    const bool is_gemm = call->op == HONE_OP_gemm;

    memset(p, 0, sizeof *p);
    p->trans_a = is_gemm ? call->attrs->gemm.trans_a : call->attrs->matmul.trans_a;
    p->trans_b = is_gemm ? call->attrs->gemm.trans_b : call->attrs->matmul.trans_b;
    p->alpha = is_gemm ? call->attrs->gemm.alpha : call->attrs->matmul.alpha;
    p->beta = is_gemm ? call->attrs->gemm.beta : 1.0f;
    p->program = is_gemm ? NULL : call->attrs->matmul.program;
    p->bias = call->n_in > 2 ? call->in[2] : NULL;
    p->extra = call->in + 3;
    p->n_extra = HONE_MAX(call->n_in - 3, 0);
    p->trans_a = p->trans_a && call->in[0]->shape.rank > 1;
    p->trans_b = p->trans_b && call->in[1]->shape.rank > 1;
    p->m = a.dim[a.rank - (p->trans_a ? 1 : 2)];
    p->k = a.dim[a.rank - (p->trans_a ? 2 : 1)];
    p->n = b.dim[b.rank - (p->trans_b ? 2 : 1)];
    p->column_out = call->in[1]->shape.rank == 1;
    if (b.dim[b.rank - (p->trans_b ? 1 : 2)] != p->k)
        return hone_error(HONE_ERR_ARGUMENT,
                          "matmul: rows of A have %lld elements, columns of B %lld",
                          (long long)p->k, (long long)b.dim[b.rank - (p->trans_b ? 1 : 2)]);
    set_batches(p, &a, &b);
    return HONE_OK;
}

static void batch_offsets(const product *p, int64_t batch, int64_t *a, int64_t *b)
{
    *a = *b = 0;
    for (int i = p->batch_rank - 1; i >= 0; i--) {
        *a += batch % p->batch_dim[i] * p->a_stride[i];
        *b += batch % p->batch_dim[i] * p->b_stride[i];
        batch /= p->batch_dim[i];
    }
}

/* ---- which way
 * -------------------------------------------------------------------------------------------------------
 */

typedef enum way {
    WAY_PACKED, /* in the plan */
    WAY_PACK,   /* into scratch */
    WAY_PLAIN,  /* B [k, n] is read where it lies, but for a last panel that is not whole */
    WAY_DOT,    /* one row of A against rows of a transposed B */
    WAY_COLUMN, /* B is one column */
} way;

static bool is_column(const product *p)
{
    return p->n == 1 && p->alpha == 1.0f && !p->trans_a;
}

static way way_of(const product *p, const hone_cpu_call *call)
{
    if (call->packed)
        return WAY_PACKED;
    if (is_column(p))
        return WAY_COLUMN;
    if (p->m < 3 && p->trans_b)
        return WAY_DOT;
    if (p->m < PACK_ROWS && !p->trans_b && p->alpha == 1.0f)
        return WAY_PLAIN;
    return WAY_PACK;
}

static size_t floats(int64_t n)
{
    return hone_align_up((size_t)n * sizeof(float), HONE_ALIGNMENT);
}

static int64_t packed_matrix(const product *p) /* floats of one packed B */
{
    return hone_panels(p->n) * HONE_PANEL * p->k;
}

static size_t b_room(const product *p, way w)
{
    switch (w) {
    case WAY_PACK: return floats(p->b_batches * packed_matrix(p));
    case WAY_PLAIN: return p->n % HONE_PANEL ? floats(p->b_batches * p->k * HONE_PANEL) : 0;
    default: return 0;
    }
}

static size_t a_room(const product *p, const hone_cpu_call *call)
{
    return p->trans_a ? floats(hone_tensor_count(call->in[0])) : 0;
}

/* ---- packing
 * ---------------------------------------------------------------------------------------------------------
 */

/* The constant's shape and the attributes alone. */
static void constant_init(product *p, const hone_cpu_call *call)
{
    const hone_dims b = as_matrix(&call->in[1]->shape, false);
    const bool is_gemm = call->op == HONE_OP_gemm;

    memset(p, 0, sizeof *p);
    p->trans_b = (is_gemm ? call->attrs->gemm.trans_b : call->attrs->matmul.trans_b) &&
                 call->in[1]->shape.rank > 1;
    p->trans_a = is_gemm ? call->attrs->gemm.trans_a : call->attrs->matmul.trans_a;
    p->alpha = is_gemm ? call->attrs->gemm.alpha : call->attrs->matmul.alpha;
    p->k = b.dim[b.rank - (p->trans_b ? 1 : 2)];
    p->n = b.dim[b.rank - (p->trans_b ? 2 : 1)];
    p->b_batches = 1;
    for (int i = 0; i < b.rank - 2; i++)
        p->b_batches *= b.dim[i];
}

static size_t matmul_pack_size(const hone_cpu_call *call)
{
    product p;

    if (call->in[1]->dtype != HONE_F32)
        return 0;
    constant_init(&p, call);
    return is_column(&p) ? 0 : (size_t)(p.b_batches * packed_matrix(&p)) * sizeof(float);
}

static void pack_panels(const product *p, const float *b, int64_t p0, int64_t p1, float *packed)
{
    hone_gemm_pack(b, p->trans_b ? 1 : p->n, p->trans_b ? p->k : 1, p->k, p->n, p->alpha, p0, p1,
                   packed);
}

static void matmul_pack(const hone_cpu_call *call, void *packed)
{
    product p;

    constant_init(&p, call);
    for (int64_t i = 0; i < p.b_batches; i++)
        pack_panels(&p, (const float *)call->in[1]->data + i * p.k * p.n, 0, hone_panels(p.n),
                    (float *)packed + i * packed_matrix(&p));
}

typedef struct packing {
    const product *p;
    const float *b;
    float *packed;
} packing;

static void pack_task(void *ctx, int64_t task, int thread)
{
    const packing *j = ctx;
    const int64_t panels = hone_panels(j->p->n), i = task / panels, panel = task % panels;

    (void)thread;
    pack_panels(j->p, j->b + i * j->p->k * j->p->n, panel, panel + 1,
                j->packed + i * packed_matrix(j->p));
}

/* The last panel of each plain B, filled up with zeros. */
static void copy_last_panels(const product *p, const float *b, float *to)
{
    const int64_t from = p->n / HONE_PANEL * HONE_PANEL, n = p->n - from;

    for (int64_t i = 0; i < p->b_batches * p->k; i++, to += HONE_PANEL) {
        memcpy(to, b + i * p->n + from, (size_t)n * sizeof *to);
        memset(to + n, 0, (size_t)(HONE_PANEL - n) * sizeof *to);
    }
}

/* ---- running
 * ---------------------------------------------------------------------------------------------------------
 */

typedef struct job {
    product p;
    way way;
    const float *a, *b;
    hone_gemm gemm;
    hone_gemm_cut cut;
    hone_epilogue epilogue;
} job;

static void gemm_task(void *ctx, int64_t task, int thread)
{
    const job *j = ctx;
    const product *p = &j->p;
    const int64_t per_batch = j->cut.row_tasks * j->cut.panel_tasks, batch = task / per_batch;
    hone_gemm g = j->gemm;
    int64_t a, b;

    (void)thread;
    if (p->batches == 1) {
        hone_gemm_task(&j->gemm, &j->cut, task);
        return;
    }
    batch_offsets(p, batch, &a, &b);
    g.a += a * p->m * p->k;
    g.b += b * (j->way == WAY_PLAIN ? p->k * p->n : packed_matrix(p));
    g.b_last = g.b_last ? g.b_last + b * p->k * HONE_PANEL : NULL;
    g.c += batch * p->m * p->n;
    g.epilogue_row = batch * p->m;
    hone_gemm_task(&g, &j->cut, task % per_batch);
}

#define DOT_ROWS 64 /* rows of a task; a multiple of four */

/* Rows of B against a row of A, or rows of A against the column. */
static void dot_task(void *ctx, int64_t task, int thread)
{
    const job *j = ctx;
    const product *p = &j->p;
    const bool column = j->way == WAY_COLUMN;
    const int64_t outputs = column ? p->m : p->n, vectors = column ? 1 : p->m;
    const int64_t tasks = (outputs + DOT_ROWS - 1) / DOT_ROWS, batch = task / tasks / vectors;
    const int64_t row = task / tasks % vectors, i = task % tasks * DOT_ROWS;
    const int64_t n = HONE_MIN(DOT_ROWS, outputs - i);
    int64_t a, b;

    (void)thread;
    batch_offsets(p, batch, &a, &b);
    const float *matrix = column ? j->a + a * p->m * p->k : j->b + b * p->k * p->n;
    const float *vector = column ? j->b + b * p->k : j->a + (a * p->m + row) * p->k;
    float *y = j->gemm.c + batch * p->m * p->n + row * p->n + i;
    hone_cpu_vector->rows_dot(matrix + i * p->k, p->k, vector, p->k, n, y, false);
    for (int64_t r = 0; p->alpha != 1.0f && r < n; r++)
        y[r] *= p->alpha;
}

static bool is_row_bias(const product *p)
{
    const hone_tensor *b = p->bias;
    return b && p->beta == 1.0f && b->shape.rank > 0 && b->shape.dim[b->shape.rank - 1] == p->n &&
           hone_tensor_count(b) == p->n;
}

/* out = program(out, in...) over the whole output, after the product. */
static void run_after(const hone_program *program, const hone_cpu_call *call,
                      hone_tensor *const *extra, int n_extra)
{
    hone_tensor *in[HONE_PROGRAM_INPUTS] = {NULL};
    hone_region region;

    for (int k = 1; k < program->n_in && k - 1 < n_extra; k++)
        in[k] = extra[k - 1];
    hone_region_init(&region, program, &call->out[0]->shape, in, call->out[0], false);
    hone_region_run_all(&region, call->pool);
}

static void add_bias_after(const product *p, const hone_cpu_call *call)
{
    const hone_instr instr[] = {
        {.op = HONE_SCALAR_constant, .value = p->beta},
        {.op = HONE_SCALAR_mul, .arg = {1, 2}},
        {.op = HONE_SCALAR_add, .arg = {0, 3}},
    };
    const hone_program program = {.n_in = 2, .n_instr = HONE_COUNT(instr), .instr = instr};
    hone_tensor *bias[] = {call->in[2]};

    run_after(&program, call, bias, 1);
}

static void prepare_operands(job *j, const hone_cpu_call *call)
{
    product *p = &j->p;
    char *scratch = call->scratch;
    hone_gemm *g = &j->gemm;

    j->a = call->in[0]->data;
    j->b = call->in[1]->data;
    if (p->trans_a) {
        float *turned = (float *)scratch;
        for (int64_t i = 0, n = hone_tensor_count(call->in[0]); i < n; i += p->m * p->k)
            hone_cpu_vector->transpose(j->a + i, p->m, turned + i, p->k, p->k, p->m);
        j->a = turned;
        scratch += a_room(p, call);
    }
    *g = (hone_gemm){.rows = p->m,
                     .cols = p->n,
                     .taps = 1,
                     .seg = p->k,
                     .a = j->a,
                     .lda = p->k,
                     .c = call->out[0]->data,
                     .ldc = p->n,
                     .b = call->packed,
                     .ldb = HONE_PANEL,
                     .panel = p->k * HONE_PANEL};
    if (j->way == WAY_PACK) {
        packing packs = {p, j->b, (float *)scratch};
        hone_pool_run(call->pool, pack_task, &packs, p->b_batches * hone_panels(p->n));
        g->b = packs.packed;
    } else if (j->way == WAY_PLAIN) {
        g->b = j->b;
        g->ldb = p->n;
        g->panel = HONE_PANEL;
        if (p->n % HONE_PANEL) {
            copy_last_panels(p, j->b, (float *)scratch);
            g->b_last = (const float *)scratch;
        }
    }
}

static void run_tiles(job *j, const hone_cpu_call *call, bool all_in_tile)
{
    const product *p = &j->p;

    j->gemm.bias = all_in_tile && p->bias ? p->bias->data : NULL;
    hone_epilogue_init(&j->epilogue, all_in_tile ? p->program : NULL, call->out[0], p->extra,
                       p->n_extra, true);
    j->gemm.epilogue = &j->epilogue;
    j->cut = hone_gemm_cut_of(p->m, p->n, p->k);
    hone_pool_run(call->pool, gemm_task, j, p->batches * j->cut.row_tasks * j->cut.panel_tasks);
}

static hone_status matmul_run(const hone_cpu_call *call)
{
    job j;
    product *p = &j.p;

    if (hone_tensor_count(call->out[0]) == 0)
        return HONE_OK;
    HONE_TRY(product_init(p, call));
    j.way = way_of(p, call);
    prepare_operands(&j, call);
    const bool dots = j.way == WAY_DOT || j.way == WAY_COLUMN;
    const bool all_in_tile = !dots && !p->column_out && (!p->bias || is_row_bias(p));
    if (dots) {
        const int64_t outputs = j.way == WAY_COLUMN ? p->m : p->n,
                      vectors = j.way == WAY_COLUMN ? 1 : p->m;
        hone_pool_run(call->pool, dot_task, &j,
                      p->batches * vectors * ((outputs + DOT_ROWS - 1) / DOT_ROWS));
    } else {
        run_tiles(&j, call, all_in_tile);
    }
    if (all_in_tile)
        return HONE_OK;
    if (p->bias)
        add_bias_after(p, call);
    if (p->program)
        run_after(p->program, call, p->extra, p->n_extra);
    return HONE_OK;
}

static size_t matmul_scratch(const hone_cpu_call *call)
{
    product p;

    if (product_init(&p, call) != HONE_OK)
        return 0;
    return a_room(&p, call) + b_room(&p, way_of(&p, call));
}

static bool matmul_takes(const hone_cpu_call *call)
{
    for (int i = 0; i < HONE_MIN(call->n_in, 3); i++)
        if (call->in[i] && call->in[i]->dtype != HONE_F32)
            return false;
    return call->out[0]->dtype == HONE_F32;
}

const hone_cpu_kernel hone_cpu_matmul = {.takes = matmul_takes,
                                         .run = matmul_run,
                                         .scratch = matmul_scratch,
                                         .pack_size = matmul_pack_size,
                                         .pack = matmul_pack};
const hone_cpu_kernel hone_cpu_gemm = {.takes = matmul_takes,
                                       .run = matmul_run,
                                       .scratch = matmul_scratch,
                                       .pack_size = matmul_pack_size,
                                       .pack = matmul_pack};
