/* Blocks of K, rows and panels around the tile functions. A task is a block of C: for each part of
 * K, for each tile of rows, one call; the panels of the part (at most 384 KiB) are read from the
 * second cache level by all tiles of rows, the tile's own rows of A from the first. Nothing is
 * summed across tasks. */
#include "cpu/gemm_core.h"

#include <string.h>

typedef struct block {
    const hone_gemm *g;
    int64_t r0, r1, p0;
    int panels, cols;
    hone_gemm_part part;
    int64_t k; /* the part's first k */
    bool first, last;
} block;

static const hone_gemm_variant *variant_for(int panels, int64_t rows)
{
    const hone_gemm_variant *v = hone_cpu_vector->gemm[panels - 1];
    while (v->rows < rows && v[1].rows)
        v++;
    return v;
}

/* Rows beyond the matrix repeat the last one and are stored to `spare`. */
static void point_rows(const block *b, int64_t row, int rows, int stride, const float **a,
                       float *room)
{
    const hone_gemm *g = b->g;

    if (g->point) {
        g->point(g, row, rows, &b->part, a, stride, room);
    } else {
        for (int r = 0; r < rows; r++)
            a[r] = g->a + (row + r) * g->lda + b->part.begin;
    }
    for (int64_t t = 0; rows < stride && t < b->part.taps; t++)
        for (int r = rows; r < stride; r++)
            a[t * stride + r] = a[t * stride + rows - 1];
}

static int64_t c_row(const hone_gemm *g, int64_t row)
{
    return g->c_row ? g->c_row(g, row) : row;
}

static void set_ends(const block *b, hone_gemm_tile *t)
{
    const hone_gemm *g = b->g;
    const hone_epilogue *e = g->epilogue;

    t->accumulate = !b->first;
    t->bias = b->first && g->bias ? g->bias + b->p0 * HONE_PANEL : NULL;
    t->clamp = b->last && e && e->clamp;
    t->lo = e ? e->lo : 0.0f;
    t->hi = e ? e->hi : 0.0f;
}

static void run_rows(const block *b, const hone_gemm_tile *base, int64_t row, int64_t left,
                     float *room, const float **a, int *done)
{
    const hone_gemm *g = b->g;
    const hone_gemm_variant *v = variant_for(b->panels, left);
    const float *add[HONE_TILE_ROWS];
    float *c[HONE_TILE_ROWS];
    float spare[HONE_TILE_PANELS * HONE_PANEL];
    hone_gemm_tile t = *base;
    const int rows = (int)HONE_MIN(v->rows, left);
    const float *added = b->first && g->epilogue ? g->epilogue->add : NULL;

    point_rows(b, row, rows, v->rows, a, room);
    for (int r = 0; r < v->rows; r++) {
        const int64_t at = c_row(g, row + HONE_MIN(r, rows - 1)) * g->ldc + b->p0 * HONE_PANEL;
        c[r] = r < rows ? g->c + at : spare;
        if (added)
            add[r] = added + (g->c - g->epilogue->out) + at;
    }
    if (!b->first && rows < v->rows)
        memset(spare, 0, sizeof spare);
    t.a = a;
    t.c = c;
    t.add = added ? add : NULL;
    v->run(&t);
    *done = rows;
}

static void run_part(const block *b)
{
    const hone_gemm *g = b->g;
    const float *a[HONE_TILE_ROWS * HONE_GEMM_TAPS];
    _Alignas(64) float room[HONE_TILE_ROWS * HONE_GEMM_DEPTH];
    const bool copied =
        g->b_last && (b->p0 + b->panels) * HONE_PANEL > g->cols; /* then it is one panel */
    hone_gemm_tile t = {.taps = b->part.taps, .seg = b->part.seg, .cols = b->cols};

    t.b = copied ? g->b_last + b->k * HONE_PANEL : g->b + b->p0 * g->panel + b->k * g->ldb;
    t.ldb = copied ? HONE_PANEL : g->ldb;
    t.panel = g->panel;
    set_ends(b, &t);
    for (int64_t row = b->r0; row < b->r1;) {
        int done;
        run_rows(b, &t, row, b->r1 - row, room, a, &done);
        row += done;
    }
}

/* Parts in order: whole taps together while they fit, else pieces of one tap. */
static void run_depth(block *b)
{
    const hone_gemm *g = b->g;
    const int64_t depth = g->taps * g->seg;
    const int64_t parts = (depth + HONE_GEMM_DEPTH - 1) / HONE_GEMM_DEPTH;
    const int64_t want = parts ? (depth + parts - 1) / parts : 0; /* k of a part, evenly */
    const bool pieces = g->seg > HONE_GEMM_DEPTH;
    const int64_t fit = HONE_MIN(HONE_GEMM_DEPTH / HONE_MAX(g->seg, 1), HONE_GEMM_TAPS);
    const int64_t taps = HONE_MAX(HONE_MIN((want + g->seg - 1) / HONE_MAX(g->seg, 1), fit), 1);
    const int64_t cuts = pieces ? (g->seg + HONE_GEMM_DEPTH - 1) / HONE_GEMM_DEPTH : 1;
    const int64_t seg = (g->seg + cuts - 1) / cuts;

    b->k = 0;
    for (int64_t tap = 0; tap == 0 || tap < g->taps; tap += taps) {
        for (int64_t begin = 0; begin == 0 || begin < g->seg; begin += seg) {
            b->part = (hone_gemm_part){tap, HONE_MIN(taps, g->taps - tap), begin,
                                       HONE_MIN(seg, g->seg - begin)};
            b->first = b->k == 0;
            b->last = tap + taps >= g->taps && begin + seg >= g->seg;
            run_part(b);
            b->k += b->part.taps * b->part.seg;
            if (seg == 0)
                break;
        }
    }
}

static void finish(const block *b)
{
    const hone_gemm *g = b->g;
    const hone_epilogue *e = g->epilogue;
    const int64_t c0 = g->epilogue_col + b->p0 * HONE_PANEL;

    if (!e || !e->has_region)
        return;
    if (!g->c_row) {
        hone_region_run(&e->region, g->epilogue_row + b->r0, g->epilogue_row + b->r1, c0,
                        c0 + b->cols);
        return;
    }
    for (int64_t r = b->r0; r < b->r1; r++) {
        const int64_t at = g->epilogue_row + c_row(g, r);
        hone_region_run(&e->region, at, at + 1, c0, c0 + b->cols);
    }
}

static void run_block(const hone_gemm *g, int64_t r0, int64_t r1, int64_t p0, int64_t panels)
{
    const int64_t most = (g->b_last && g->cols % HONE_PANEL) ? g->cols / HONE_PANEL : INT64_MAX;
    block b = {.g = g, .r0 = r0, .r1 = r1};

    for (int64_t p = p0; p < p0 + panels; p += b.panels) {
        int64_t n = HONE_MIN(p0 + panels - p, hone_cpu_vector->gemm_panels);
        if (p < most)
            n = HONE_MIN(n, most - p);
        b.p0 = p;
        b.panels = (int)n;
        b.cols = (int)HONE_MIN(n * HONE_PANEL, g->cols - p * HONE_PANEL);
        run_depth(&b);
        finish(&b);
    }
}

/* Blocks of rows are a multiple of every variant's rows (6, 8, 12: 24 and 48); enough tasks for a
 * dozen threads where the matrix is large, few for small ones. Panels come in fours where that
 * divides well. */
hone_gemm_cut hone_gemm_cut_of(int64_t rows, int64_t cols, int64_t depth)
{
    const int64_t panels = hone_panels(cols);
    hone_gemm_cut cut = {.panels = HONE_MIN(panels, 4)};
    int64_t most = 240;

    if (panels == 5 || panels == 6 || panels == 9)
        cut.panels = 3;
    cut.panel_tasks = (panels + cut.panels - 1) / HONE_MAX(cut.panels, 1);
    while (most > 48 && (rows + most - 1) / most * cut.panel_tasks < 16)
        most -= 48;
    cut.rows = HONE_MIN(rows, most);
    cut.row_tasks = cut.rows ? (rows + cut.rows - 1) / cut.rows : 0;
    cut.panels_outer =
        depth * cols > 128 * 1024; /* more than half of a second-level cache: read B once */
    return cut;
}

void hone_gemm_task(const hone_gemm *g, const hone_gemm_cut *cut, int64_t task)
{
    const int64_t i = cut->panels_outer ? task % cut->row_tasks : task / cut->panel_tasks;
    const int64_t j = cut->panels_outer ? task / cut->row_tasks : task % cut->panel_tasks;
    const int64_t r0 = i * cut->rows, p0 = j * cut->panels;

    run_block(g, r0, HONE_MIN(r0 + cut->rows, g->rows), p0,
              HONE_MIN(cut->panels, hone_panels(g->cols) - p0));
}

typedef struct job {
    const hone_gemm *g;
    hone_gemm_cut cut;
} job;

static void run_task(void *ctx, int64_t task, int thread)
{
    const job *j = ctx;
    (void)thread;
    hone_gemm_task(j->g, &j->cut, task);
}

void hone_gemm_run(const hone_gemm *g, hone_pool *pool)
{
    job j = {g, hone_gemm_cut_of(g->rows, g->cols, g->taps * g->seg)};
    hone_pool_run(pool, run_task, &j, j.cut.row_tasks * j.cut.panel_tasks);
}

static void pack_panel(const float *b, int64_t row, int64_t col, int64_t depth, int cols,
                       float alpha, float *to)
{
    if (cols == HONE_PANEL && col == 1 && alpha == 1.0f) {
        for (int64_t k = 0; k < depth; k++)
            memcpy(to + k * HONE_PANEL, b + k * row, HONE_PANEL * sizeof *to);
        return;
    }
    if (cols == HONE_PANEL && row == 1 && alpha == 1.0f) {
        hone_cpu_vector->transpose(b, col, to, HONE_PANEL, HONE_PANEL, depth);
        return;
    }
    for (int64_t k = 0; k < depth; k++) {
        for (int j = 0; j < cols; j++)
            to[k * HONE_PANEL + j] = b[k * row + j * col] * alpha;
        for (int j = cols; j < HONE_PANEL; j++)
            to[k * HONE_PANEL + j] = 0.0f;
    }
}

void hone_gemm_pack(const float *b, int64_t row, int64_t col, int64_t depth, int64_t cols,
                    float alpha, int64_t p0, int64_t p1, float *packed)
{
    for (int64_t p = p0; p < p1; p++) {
        const int n = (int)HONE_MIN(HONE_PANEL, cols - p * HONE_PANEL);
        pack_panel(b + p * HONE_PANEL * col, row, col, depth, n, alpha,
                   packed + p * depth * HONE_PANEL);
    }
}
