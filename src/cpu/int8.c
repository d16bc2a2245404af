/* Integer products: MatMulInteger, ConvInteger, QLinearMatMul, QLinearConv. All are one product of
 * unsigned rows with signed columns, exact in int32, from which the zero points are taken by the
 * sums of rows and columns:
 *
 *     sum (a - za)(b - zb) = sum a b - za sum b - zb sum a + K za zb
 *
 * Signed rows and unsigned columns are shifted by 128 into that form, their zero points with them.
 * Rows are copied into scratch (for a convolution: gathered), filled up to groups of four with
 * zeros. */
#include <math.h>
#include <string.h>

#include "cpu/conv_geometry.h"
#include "cpu/vector.h"

#define GROUP       4
#define TILE_ROWS   8
#define TILE_PANELS 2
#define TASK_ROWS   64

/* One product of `rows` rows with `cols` columns; convolutions have one for each group, matrix
 * products one a batch. */
typedef struct product {
    int64_t rows, cols, depth;
    int64_t groups, panels; /* of K, of columns */
    /* the operands as tensors say them */
    const uint8_t *a, *b;
    bool a_signed, b_signed;
    const hone_tensor *a_zero, *b_zero; /* NULL: 0 */
    int64_t a_zero_at,
        b_zero_at; /* where per-row and per-column zero points of this product begin */
    /* in scratch, or packed in the plan */
    uint8_t *rows_packed;
    int32_t *row_sum;
    const int8_t *packed;
    const int32_t *col_sum;
    /* out */
    void *y;
    int64_t ldy;                        /* elements between rows */
    int64_t step;                       /* between columns: pixels where channels come first */
    int64_t picture_rows, picture_step; /* convolutions channels first: rows of one picture,
                                           elements between pictures */
    hone_dtype y_dtype;                 /* i32, u8, i8 */
    const float *factor;                /* requantising: one a column, or one */
    bool factor_per_col;
    const int32_t *bias;
    int32_t y_zero;
} product;

static int64_t groups_of(int64_t depth)
{
    return (depth + GROUP - 1) / GROUP;
}

static int64_t panels_of(int64_t cols)
{
    return (cols + HONE_PANEL - 1) / HONE_PANEL;
}

/* Bytes of packed columns with their sums. */
static int64_t packed_size(int64_t depth, int64_t cols)
{
    return panels_of(cols) * HONE_PANEL * (groups_of(depth) * GROUP + (int64_t)sizeof(int32_t));
}

#define ONES 1024 /* bytes of the row of ones that columns are summed with */

/* The sums of a packed panel's columns: its product with a row of ones. */
static void sum_columns(const int8_t *panel, int64_t groups, int32_t sum[HONE_PANEL])
{
    uint8_t ones[ONES];
    int32_t part[HONE_PANEL];
    const uint8_t *a[] = {ones};
    int32_t *c[] = {part};

    memset(ones, 1, sizeof ones);
    memset(sum, 0, HONE_PANEL * sizeof *sum);
    for (int64_t g = 0; g < groups; g += ONES / GROUP) {
        const hone_int8_tile t = {.a = a,
                                  .groups = HONE_MIN(groups - g, ONES / GROUP),
                                  .b = panel + g * HONE_PANEL * GROUP,
                                  .c = c,
                                  .rows = 1,
                                  .panels = 1};
        hone_cpu_vector->int8(&t);
        for (int j = 0; j < HONE_PANEL; j++)
            sum[j] += part[j];
    }
}

/* One panel of B [depth, cols] (lines `row` bytes apart), and the sums of its columns. */
static void pack_panel(const uint8_t *b, bool is_signed, int64_t row, int64_t depth, int64_t cols,
                       int64_t panel, void *packed)
{
    const int64_t groups = groups_of(depth), size = groups * HONE_PANEL * GROUP;
    int8_t *to = (int8_t *)packed + panel * size;

    hone_cpu_vector->int8_pack(b + panel * HONE_PANEL, row, depth,
                               (int)HONE_MIN(cols - panel * HONE_PANEL, HONE_PANEL),
                               is_signed ? 0 : 0x80, to);
    sum_columns(to, groups,
                (int32_t *)((int8_t *)packed + panels_of(cols) * size) + panel * HONE_PANEL);
}

static void use_packed(product *p, const void *packed)
{
    p->packed = packed;
    p->col_sum = (const int32_t *)(p->packed + p->panels * HONE_PANEL * p->groups * GROUP);
}

/* ---- zero points
 * -----------------------------------------------------------------------------------------------------
 */

static int32_t zero_of(const hone_tensor *zero, int64_t at, int64_t i, bool shift_up,
                       bool shift_down)
{
    const int64_t n = zero ? hone_tensor_count(zero) : 0;
    const int32_t z =
        n ? (int32_t)hone_element_int(zero->dtype, zero->data, n == 1 ? 0 : at + i) : 0;
    return z + (shift_up ? 128 : 0) - (shift_down ? 128 : 0);
}

static int32_t a_zero(const product *p, int64_t row)
{
    return zero_of(p->a_zero, p->a_zero_at, row, p->a_signed, false);
}

static int32_t b_zero(const product *p, int64_t col)
{
    return zero_of(p->b_zero, p->b_zero_at, col, false, !p->b_signed);
}

/* ---- tiles
 * -----------------------------------------------------------------------------------------------------------
 */

static void store(const product *p, int64_t row, int64_t col, int32_t x)
{
    const int64_t at =
        (p->picture_rows ? row / p->picture_rows * p->picture_step + row % p->picture_rows * p->ldy
                         : row * p->ldy) +
        col * p->step;

    if (p->y_dtype == HONE_I32) {
        ((int32_t *)p->y)[at] = x;
        return;
    }
    const double scaled =
        rint((double)(p->bias ? x + p->bias[col] : x) * p->factor[p->factor_per_col ? col : 0]);
    const double lo = p->y_dtype == HONE_I8 ? -128 : 0, hi = p->y_dtype == HONE_I8 ? 127 : 255;
    const double y = fmin(fmax(scaled + p->y_zero, lo), hi);
    if (p->y_dtype == HONE_I8)
        ((int8_t *)p->y)[at] = (int8_t)y;
    else
        ((uint8_t *)p->y)[at] = (uint8_t)y;
}

static void run_tile(const product *p, int64_t row, int rows, int64_t panel, int panels)
{
    int32_t c[TILE_ROWS][TILE_PANELS * HONE_PANEL], zb[TILE_PANELS * HONE_PANEL],
        *pointers[TILE_ROWS];
    const uint8_t *a[TILE_ROWS];
    const int64_t j0 = panel * HONE_PANEL, n = HONE_MIN((int64_t)panels * HONE_PANEL, p->cols - j0);
    const hone_int8_tile t = {.a = a,
                              .groups = p->groups,
                              .b = p->packed + panel * p->groups * HONE_PANEL * GROUP,
                              .panel = p->groups * HONE_PANEL * GROUP,
                              .c = pointers,
                              .rows = rows,
                              .panels = panels};

    for (int r = 0; r < rows; r++) {
        a[r] = p->rows_packed + (row + r) * p->groups * GROUP;
        pointers[r] = c[r];
    }
    hone_cpu_vector->int8(&t);
    for (int64_t j = 0; j < n; j++)
        zb[j] = b_zero(p, j0 + j);
    for (int r = 0; r < rows; r++) {
        const int64_t za = a_zero(p, row + r), sum = p->row_sum[row + r];
        for (int64_t j = 0; j < n; j++)
            store(p, row + r, j0 + j,
                  (int32_t)(uint32_t)(c[r][j] - za * p->col_sum[j0 + j] - zb[j] * sum +
                                      p->depth * za * zb[j]));
    }
}

/* Some rows of a task, all columns. */
static void run_rows(const product *p, int64_t r0, int64_t r1)
{
    for (int64_t panel = 0; panel < p->panels; panel += TILE_PANELS)
        for (int64_t r = r0; r < r1; r += TILE_ROWS)
            run_tile(p, r, (int)HONE_MIN(TILE_ROWS, r1 - r), panel,
                     (int)HONE_MIN(TILE_PANELS, p->panels - panel));
}

static void finish_row(const product *p, int64_t row)
{
    uint8_t *a = p->rows_packed + row * p->groups * GROUP;
    int32_t sum = 0;

    memset(a + p->depth, 0, (size_t)(p->groups * GROUP - p->depth));
    for (int64_t k = 0; k < p->depth; k++) {
        a[k] = (uint8_t)(a[k] ^ (p->a_signed ? 0x80 : 0));
        sum += a[k];
    }
    p->row_sum[row] = sum;
}

/* ---- matrix products
 * -------------------------------------------------------------------------------------------------
 */

typedef struct matmul {
    product p;
    int64_t m, n, k, batches, b_batches;
    int rank; /* of batches */
    int64_t dim[HONE_MAX_RANK], a_stride[HONE_MAX_RANK], b_stride[HONE_MAX_RANK];
    const uint8_t *a;
    int64_t tasks;
} matmul;

static hone_dims matrix_dims(const hone_dims *d, bool left)
{
    hone_dims m = *d;
    if (d->rank == 1) {
        m.rank = 2;
        m.dim[0] = left ? 1 : d->dim[0];
        m.dim[1] = left ? d->dim[0] : 1;
    }
    return m;
}

static hone_status matmul_init(matmul *j, const hone_tensor *a, const hone_tensor *b)
{
    const hone_dims da = matrix_dims(&a->shape, true), db = matrix_dims(&b->shape, false);
    int64_t sa = 1, sb = 1;

    memset(j, 0, sizeof *j);
    j->m = da.dim[da.rank - 2];
    j->k = da.dim[da.rank - 1];
    j->n = db.dim[db.rank - 1];
    j->rank = HONE_MAX(da.rank, db.rank) - 2;
    j->batches = 1;
    if (db.dim[db.rank - 2] != j->k)
        return hone_error(HONE_ERR_ARGUMENT,
                          "integer matmul: rows of A have %lld elements, columns of B %lld",
                          (long long)j->k, (long long)db.dim[db.rank - 2]);
    for (int i = j->rank - 1; i >= 0; i--) {
        const int ia = i - j->rank + da.rank - 2, ib = i - j->rank + db.rank - 2;
        const int64_t na = ia >= 0 ? da.dim[ia] : 1, nb = ib >= 0 ? db.dim[ib] : 1;
        j->dim[i] = na == 1 ? nb : na;
        j->a_stride[i] = na == 1 ? 0 : sa;
        j->b_stride[i] = nb == 1 ? 0 : sb;
        sa *= na;
        sb *= nb;
        j->batches *= j->dim[i];
    }
    j->b_batches = sb;
    j->p.rows = j->m;
    j->p.cols = j->n;
    j->p.depth = j->k;
    j->p.groups = groups_of(j->k);
    j->p.panels = panels_of(j->n);
    j->p.ldy = j->n;
    j->p.step = 1;
    return HONE_OK;
}

/* Scratch of a product: packed columns, rows, sums of rows. */
typedef struct rooms {
    size_t packed, rows, sums, factor, size;
} rooms;

static rooms rooms_of(int64_t packed, int64_t rows, int64_t depth, int64_t cols)
{
    rooms r = {0};
    r.rows = hone_align_up((size_t)packed, HONE_ALIGNMENT);
    r.sums = r.rows + hone_align_up((size_t)(rows * groups_of(depth) * GROUP), HONE_ALIGNMENT);
    r.factor = r.sums + hone_align_up((size_t)rows * sizeof(int32_t), HONE_ALIGNMENT);
    r.size = r.factor + hone_align_up((size_t)cols * sizeof(float), HONE_ALIGNMENT);
    return r;
}

static rooms matmul_rooms(const matmul *j, const hone_cpu_call *call)
{
    return rooms_of(call->packed ? 0
                                 : j->b_batches *
                                       (int64_t)hone_align_up((size_t)packed_size(j->k, j->n), 64),
                    j->batches * j->m, j->k, j->n);
}

static void matmul_task(void *ctx, int64_t task, int thread)
{
    const matmul *j = ctx;
    const int64_t batch = task / j->tasks, r0 = task % j->tasks * TASK_ROWS,
                  r1 = HONE_MIN(r0 + TASK_ROWS, j->m);
    const size_t one = hone_align_up((size_t)packed_size(j->k, j->n), 64);
    int64_t a = 0, b = 0;
    product p = j->p;

    (void)thread;
    for (int64_t i = j->rank - 1, at = batch; i >= 0; i--) {
        a += at % j->dim[i] * j->a_stride[i];
        b += at % j->dim[i] * j->b_stride[i];
        at /= j->dim[i];
    }
    use_packed(&p, j->p.packed + (size_t)b * one);
    p.rows_packed += batch * j->m * p.groups * GROUP;
    p.row_sum += batch * j->m;
    p.y = (char *)p.y + batch * j->m * j->n * (p.y_dtype == HONE_I32 ? 4 : 1);
    for (int64_t r = r0; r < r1; r++) {
        memcpy(p.rows_packed + r * p.groups * GROUP, j->a + (a * j->m + r) * j->k, (size_t)j->k);
        finish_row(&p, r);
    }
    run_rows(&p, r0, r1);
}

typedef struct packing {
    const matmul *j;
    const hone_tensor *b;
    char *packed;
} packing;

static void pack_task(void *ctx, int64_t task, int thread)
{
    const packing *p = ctx;
    const matmul *j = p->j;
    const int64_t panels = panels_of(j->n), i = task / panels;
    const size_t one = hone_align_up((size_t)packed_size(j->k, j->n), 64);

    (void)thread;
    pack_panel((const uint8_t *)p->b->data + i * j->k * j->n, p->b->dtype == HONE_I8, j->n, j->k,
               j->n, task % panels, p->packed + (size_t)i * one);
}

static void matmul_go(matmul *j, const hone_cpu_call *call, const hone_tensor *a,
                      const hone_tensor *b, rooms r)
{
    char *scratch = call->scratch;

    if (!call->packed) {
        packing p = {j, b, scratch};
        hone_pool_run(call->pool, pack_task, &p, j->b_batches * panels_of(j->n));
    }
    j->p.packed = call->packed ? call->packed : (const int8_t *)scratch;
    j->p.rows_packed = (uint8_t *)scratch + r.rows;
    j->p.row_sum = (int32_t *)(scratch + r.sums);
    j->a = a->data;
    j->p.a_signed = a->dtype == HONE_I8;
    j->p.b_signed = b->dtype == HONE_I8;
    j->p.y = call->out[0]->data;
    j->p.y_dtype = call->out[0]->dtype;
    j->tasks = (j->m + TASK_ROWS - 1) / TASK_ROWS;
    hone_pool_run(call->pool, matmul_task, j, j->batches * j->tasks);
}

static hone_tensor *optional_in(const hone_cpu_call *call, int i)
{
    return i < call->n_in ? call->in[i] : NULL;
}

static hone_status run_matmul_integer(const hone_cpu_call *call)
{
    matmul j;

    if (hone_tensor_count(call->out[0]) == 0)
        return HONE_OK;
    HONE_TRY(matmul_init(&j, call->in[0], call->in[1]));
    j.p.a_zero = optional_in(call, 2);
    j.p.b_zero = optional_in(call, 3);
    matmul_go(&j, call, call->in[0], call->in[1], matmul_rooms(&j, call));
    return HONE_OK;
}

static size_t scratch_matmul_integer(const hone_cpu_call *call)
{
    matmul j;
    return matmul_init(&j, call->in[0], call->in[1]) == HONE_OK ? matmul_rooms(&j, call).size : 0;
}

static bool is_byte(const hone_tensor *t)
{
    return !t || t->dtype == HONE_I8 || t->dtype == HONE_U8;
}

static bool takes_integer(const hone_cpu_call *call)
{
    for (int i = 0; i < call->n_in; i++)
        if (!is_byte(call->in[i]))
            return false;
    return call->out[0]->dtype == HONE_I32;
}

static size_t pack_size_matmul_integer(const hone_cpu_call *call)
{
    matmul j;
    const hone_tensor *b = call->in[1];
    hone_tensor a = {
        .shape = {2, {1, b->shape.rank == 1 ? b->shape.dim[0] : b->shape.dim[b->shape.rank - 2]}}};

    if (!is_byte(b) || matmul_init(&j, &a, b) != HONE_OK)
        return 0;
    return (size_t)j.b_batches * hone_align_up((size_t)packed_size(j.k, j.n), 64);
}

static void pack_matmul_integer(const hone_cpu_call *call, void *packed)
{
    matmul j;
    const hone_tensor *b = call->in[1];
    hone_tensor a = {
        .shape = {2, {1, b->shape.rank == 1 ? b->shape.dim[0] : b->shape.dim[b->shape.rank - 2]}}};

    if (matmul_init(&j, &a, b) != HONE_OK)
        return;
    packing p = {&j, b, packed};
    for (int64_t i = 0; i < j.b_batches * panels_of(j.n); i++)
        pack_task(&p, i, 0);
}

const hone_cpu_kernel hone_cpu_matmul_integer = {.takes = takes_integer,
                                                 .run = run_matmul_integer,
                                                 .scratch = scratch_matmul_integer,
                                                 .pack_size = pack_size_matmul_integer,
                                                 .pack = pack_matmul_integer};

/* ---- requantising
 * ----------------------------------------------------------------------------------------------------
 */

static double scale_at(const hone_tensor *t, int64_t i)
{
    return hone_element_double(t->dtype, t->data, hone_tensor_count(t) == 1 ? 0 : i);
}

/* a_scale * b_scale / y_scale for each column. */
static void set_factors(product *p, const hone_tensor *a, const hone_tensor *b,
                        const hone_tensor *y, float *factor, int64_t n)
{
    for (int64_t j = 0; j < n; j++)
        factor[j] = (float)(scale_at(a, 0) * scale_at(b, j) / scale_at(y, 0));
    p->factor = factor;
    p->factor_per_col = true;
}

static hone_status run_qlinear_matmul(const hone_cpu_call *call)
{
    const hone_tensor *y_zero = call->in[7];
    matmul j;
    rooms r;

    if (hone_tensor_count(call->out[0]) == 0)
        return HONE_OK;
    if (hone_tensor_count(call->in[1]) > 1)
        return hone_error(HONE_ERR_UNSUPPORTED, "QLinearMatMul with a scale for each row of A");
    HONE_TRY(matmul_init(&j, call->in[0], call->in[3]));
    r = matmul_rooms(&j, call);
    j.p.a_zero = call->in[2];
    j.p.b_zero = call->in[5];
    j.p.y_zero = (int32_t)hone_element_int(y_zero->dtype, y_zero->data, 0);
    set_factors(&j.p, call->in[1], call->in[4], call->in[6],
                (float *)((char *)call->scratch + r.factor), j.n);
    matmul_go(&j, call, call->in[0], call->in[3], r);
    return HONE_OK;
}

static size_t scratch_qlinear_matmul(const hone_cpu_call *call)
{
    matmul j;
    return matmul_init(&j, call->in[0], call->in[3]) == HONE_OK ? matmul_rooms(&j, call).size : 0;
}

static bool takes_qlinear(const hone_cpu_call *call)
{
    return is_byte(call->in[0]) && is_byte(call->in[3]) && is_byte(call->out[0]) &&
           call->in[2]->dtype == call->in[0]->dtype;
}

const hone_cpu_kernel hone_cpu_qlinear_matmul = {
    .takes = takes_qlinear, .run = run_qlinear_matmul, .scratch = scratch_qlinear_matmul};

/* ---- convolutions
 * ----------------------------------------------------------------------------------------------------
 */

typedef struct conv {
    hone_geometry g;
    int64_t group, in_group, out_group, outputs, layout;
    int64_t depth, rows;
    const hone_tensor *x, *w;
    product p;
    int64_t tasks;
    size_t one; /* packed bytes of a group */
} conv;

static hone_status conv_init(conv *c, const hone_cpu_call *call)
{
    const bool q = call->op == HONE_OP_qlinear_conv;
    hone_window window;

    memset(c, 0, sizeof *c);
    c->group = q ? call->attrs->qlinear_conv.group : call->attrs->conv_integer.group;
    c->layout = q ? call->attrs->qlinear_conv.layout : call->attrs->conv_integer.layout;
    c->x = call->in[0];
    c->w = call->in[q ? 3 : 1];
    HONE_TRY(hone_window_of(call->op, call->attrs, &c->x->shape, &c->w->shape, &window));
    HONE_TRY(hone_geometry_init(&c->g, &window, &c->x->shape, c->layout));
    c->outputs = c->w->shape.dim[0];
    c->in_group = c->w->shape.dim[1];
    if (c->group < 1 || c->outputs % c->group || c->in_group * c->group != c->g.channels)
        return hone_error(HONE_ERR_ARGUMENT, "integer convolution: channels and groups do not fit");
    c->out_group = c->outputs / c->group;
    c->depth = c->g.taps * c->in_group;
    c->rows = c->g.batch * c->g.out_pixels;
    c->one = hone_align_up((size_t)packed_size(c->depth, c->out_group), 64);
    c->p.rows = c->rows;
    c->p.cols = c->out_group;
    c->p.depth = c->depth;
    c->p.groups = groups_of(c->depth);
    c->p.panels = panels_of(c->out_group);
    return HONE_OK;
}

static rooms conv_rooms(const conv *c, const hone_cpu_call *call)
{
    return rooms_of(call->packed ? 0 : c->group * (int64_t)c->one, c->group * c->rows, c->depth,
                    c->outputs);
}

/* K runs over taps, then channels. */
static void conv_pack_groups(const hone_tensor *w, int64_t group, int64_t taps, char *packed)
{
    const int64_t outputs = w->shape.dim[0] / group, in_group = w->shape.dim[1],
                  depth = taps * in_group;
    const int64_t groups = groups_of(depth), panels = panels_of(outputs);
    const size_t one = hone_align_up((size_t)packed_size(depth, outputs), 64);
    const bool is_signed = w->dtype == HONE_I8;

    for (int64_t g = 0; g < group; g++) {
        int8_t *to = (int8_t *)packed + (size_t)g * one;
        int32_t *sum = (int32_t *)(to + panels * HONE_PANEL * groups * GROUP);
        memset(to, 0, one);
        for (int64_t j = 0; j < outputs; j++) {
            const uint8_t *from = (const uint8_t *)w->data + (g * outputs + j) * depth;
            int8_t *line = to + (j / HONE_PANEL * groups * HONE_PANEL + j % HONE_PANEL) * GROUP;
            for (int64_t k = 0; k < depth; k++) {
                const uint8_t x = from[k % in_group * taps + k / in_group];
                line[k / GROUP * HONE_PANEL * GROUP + k % GROUP] =
                    (int8_t)(x ^ (is_signed ? 0 : 0x80));
                sum[j] += line[k / GROUP * HONE_PANEL * GROUP + k % GROUP];
            }
        }
    }
}

/* Gathers the inputs of an output pixel; padding holds the zero point. */
static void gather_row(const conv *c, int64_t g, const hone_pixel *at, uint8_t *to)
{
    const hone_geometry *geo = &c->g;
    const bool last = c->layout == HONE_LAYOUT_LAST;
    const uint8_t *x = c->x->data;
    const uint8_t pad = c->p.a_zero ? ((const uint8_t *)c->p.a_zero->data)[0] : 0;

    for (int64_t t = 0; t < geo->taps; t++, to += c->in_group) {
        const int64_t pixel = hone_pixel_tap(geo, at, t);
        if (pixel < 0) {
            memset(to, pad, (size_t)c->in_group);
        } else if (last) {
            memcpy(to, x + pixel * geo->channels + g * c->in_group, (size_t)c->in_group);
        } else {
            const int64_t inside = pixel - at->picture * geo->in_pixels;
            for (int64_t i = 0; i < c->in_group; i++)
                to[i] = x[(at->picture * geo->channels + g * c->in_group + i) * geo->in_pixels +
                          inside];
        }
    }
}

static void conv_task(void *ctx, int64_t task, int thread)
{
    const conv *c = ctx;
    const int64_t g = task / c->tasks, r0 = task % c->tasks * TASK_ROWS,
                  r1 = HONE_MIN(r0 + TASK_ROWS, c->rows);
    const int64_t size = c->p.y_dtype == HONE_I32 ? 4 : 1;
    product p = c->p;

    (void)thread;
    use_packed(&p, p.packed + (size_t)g * c->one);
    p.rows_packed += g * c->rows * p.groups * GROUP;
    p.row_sum += g * c->rows;
    p.y = (char *)p.y +
          g * c->out_group * (c->layout == HONE_LAYOUT_LAST ? 1 : c->g.out_pixels) * size;
    p.b_zero_at = g * c->out_group;
    p.bias = p.bias ? p.bias + g * c->out_group : NULL;
    p.factor = p.factor ? p.factor + g * c->out_group : NULL;
    for (int64_t r = r0; r < r1; r++) {
        hone_pixel at;
        hone_pixel_at(&c->g, r, &at);
        gather_row(c, g, &at, p.rows_packed + r * p.groups * GROUP);
        finish_row(&p, r);
    }
    run_rows(&p, r0, r1);
}

static void conv_go(conv *c, const hone_cpu_call *call, rooms r)
{
    char *scratch = call->scratch;
    const bool last = c->layout == HONE_LAYOUT_LAST;

    if (!call->packed)
        conv_pack_groups(c->w, c->group, c->g.taps, scratch);
    c->p.packed = call->packed ? call->packed : (const int8_t *)scratch;
    c->p.rows_packed = (uint8_t *)scratch + r.rows;
    c->p.row_sum = (int32_t *)(scratch + r.sums);
    c->p.a_signed = c->x->dtype == HONE_I8;
    c->p.b_signed = c->w->dtype == HONE_I8;
    c->p.y = call->out[0]->data;
    c->p.y_dtype = call->out[0]->dtype;
    c->p.ldy = last ? c->outputs : 1;
    c->p.step = last ? 1 : c->g.out_pixels;
    c->p.picture_rows = last ? 0 : c->g.out_pixels;
    c->p.picture_step = c->outputs * c->g.out_pixels;
    c->tasks = (c->rows + TASK_ROWS - 1) / TASK_ROWS;
    hone_pool_run(call->pool, conv_task, c, c->group * c->tasks);
}

static hone_status run_conv_integer(const hone_cpu_call *call)
{
    conv c;

    if (hone_tensor_count(call->out[0]) == 0)
        return HONE_OK;
    HONE_TRY(conv_init(&c, call));
    c.p.a_zero = optional_in(call, 2);
    c.p.b_zero = optional_in(call, 3);
    conv_go(&c, call, conv_rooms(&c, call));
    return HONE_OK;
}

static hone_status run_qlinear_conv(const hone_cpu_call *call)
{
    const hone_tensor *y_zero = call->in[7], *bias = optional_in(call, 8);
    conv c;
    rooms r;

    if (hone_tensor_count(call->out[0]) == 0)
        return HONE_OK;
    HONE_TRY(conv_init(&c, call));
    r = conv_rooms(&c, call);
    c.p.a_zero = call->in[2];
    c.p.b_zero = call->in[5];
    c.p.y_zero = (int32_t)hone_element_int(y_zero->dtype, y_zero->data, 0);
    c.p.bias = bias ? bias->data : NULL;
    set_factors(&c.p, call->in[1], call->in[4], call->in[6],
                (float *)((char *)call->scratch + r.factor), c.outputs);
    conv_go(&c, call, r);
    return HONE_OK;
}

static size_t scratch_conv(const hone_cpu_call *call)
{
    conv c;
    return conv_init(&c, call) == HONE_OK ? conv_rooms(&c, call).size : 0;
}

static int64_t weight_taps(const hone_tensor *w)
{
    int64_t taps = 1;
    for (int i = 2; i < w->shape.rank; i++)
        taps *= w->shape.dim[i];
    return taps;
}

static size_t pack_size_conv_integer(const hone_cpu_call *call)
{
    const hone_tensor *w = call->in[1];
    const int64_t group = call->attrs->conv_integer.group;

    if (!is_byte(w) || group < 1)
        return 0;
    return (size_t)group *
           hone_align_up(
               (size_t)packed_size(weight_taps(w) * w->shape.dim[1], w->shape.dim[0] / group), 64);
}

static void pack_conv_integer(const hone_cpu_call *call, void *packed)
{
    conv_pack_groups(call->in[1], call->attrs->conv_integer.group, weight_taps(call->in[1]),
                     packed);
}

const hone_cpu_kernel hone_cpu_conv_integer = {.takes = takes_integer,
                                               .run = run_conv_integer,
                                               .scratch = scratch_conv,
                                               .pack_size = pack_size_conv_integer,
                                               .pack = pack_conv_integer};
const hone_cpu_kernel hone_cpu_qlinear_conv = {
    .takes = takes_qlinear, .run = run_qlinear_conv, .scratch = scratch_conv};
