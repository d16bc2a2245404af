/* Template of one tile function; the includer defines TILE_NAME, TILE_ROWS and TILE_PANELS.
 * Everything is unrolled into registers: the accumulators, the vectors of one k of B, and a
 * broadcast element of A.
 */
#define TILE_VECTORS (TILE_PANELS * HONE_PANEL_VECTORS)

static void LEVEL(TILE_NAME)(const hone_gemm_tile *t)
{
    vf acc[TILE_ROWS][TILE_VECTORS];
    const float *b = t->b;
    const ptrdiff_t ldb = t->ldb, panel = t->panel;
    const bool whole = t->cols == TILE_PANELS * HONE_PANEL;
    UNROLL for (int r = 0; r < TILE_ROWS; r++) UNROLL for (int v = 0; v < TILE_VECTORS; v++)
        acc[r][v] = tile_begin(t, r, v * HONE_W, whole);
    for (int64_t tap = 0; tap < t->taps; tap++) {
        const float *a[TILE_ROWS];
        UNROLL for (int r = 0; r < TILE_ROWS; r++) a[r] = t->a[tap * TILE_ROWS + r] + t->a_at;
        for (int64_t k = 0; k < t->seg; k++) {
            vf bk[TILE_VECTORS];
            UNROLL for (int v = 0; v < TILE_VECTORS; v++) bk[v] =
                vf_load(b + (v / HONE_PANEL_VECTORS) * panel + (v % HONE_PANEL_VECTORS) * HONE_W);
            UNROLL for (int r = 0; r < TILE_ROWS; r++)
            {
                const vf ak = vf_splat(a[r][k]);
                UNROLL for (int v = 0; v < TILE_VECTORS; v++) acc[r][v] += ak * bk[v];
            }
            b += ldb;
        }
    }
    if (t->clamp) {
        const vf lo = vf_splat(t->lo), hi = vf_splat(t->hi);
        UNROLL for (int r = 0; r < TILE_ROWS; r++) UNROLL for (int v = 0; v < TILE_VECTORS; v++)
            acc[r][v] = vf_min(hi, vf_max(lo, acc[r][v]));
    }
    UNROLL for (int r = 0; r < TILE_ROWS; r++) UNROLL for (int v = 0; v < TILE_VECTORS; v++)
        tile_end(t, r, v * HONE_W, whole, acc[r][v]);
}

#undef TILE_VECTORS
#undef TILE_NAME
#undef TILE_ROWS
#undef TILE_PANELS
