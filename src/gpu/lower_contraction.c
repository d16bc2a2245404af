/* Offers a described contraction as candidates: its knobs, one tile each, and the arguments. What
 * each knob means is in docs/kernels/contraction.md. */
#include "gpu/contraction.h"
#include "gpu/region.h"

#define OFFERED 32 /* tiles; more than a tuner has time for */

typedef struct knob {
    const char *name;
    int64_t value;
} knob;

/* The problem is the same for all candidates: its knobs are not in their names. */
static void knobs_of(hone_candidate *c, const char *type, const knob *rows, int n)
{
    for (int i = 0; i < n; i++)
        hone_text_add(&c->knobs, "constexpr %s %s = %lld;\n", type, rows[i].name,
                      (long long)rows[i].value);
}

static void knob_extents(hone_candidate *c, const hone_gpu_contraction *p, const hone_gpu_tile *t)
{
    const int64_t ldw = t->kind == HONE_GPU_STEM ? hone_gpu_stem_of(p).row : p->ldw;
    const bool fixed = !p->is_product; /* a product's rows are an argument */
    const knob rows[] = {
        {"N", p->n},
        {"C", p->c},
        {"KH", p->kernel[0]},
        {"KW", p->kernel[1]},
        {"SH", p->stride[0]},
        {"SW", p->stride[1]},
        {"DH", p->dilation[0]},
        {"DW", p->dilation[1]},
        {"PH", p->pad[0]},
        {"PW", p->pad[1]},
        {"UH", p->spread[0]},
        {"UW", p->spread[1]},
        {"H", p->in[0]},
        {"W", fixed ? p->in[1] : 0},
        {"OH", p->out[0]},
        {"OW", fixed ? p->out[1] : 0},
        {"LDA", p->lda},
        {"LDW", ldw},
        {"LDY", p->ldy},
        {"Z_INNER", p->inner},
        {"GROUP", 8},
    };

    knobs_of(c, "int", rows, HONE_COUNT(rows));
}

static void knob_steps(hone_candidate *c, const hone_gpu_contraction *p, const hone_gpu_tile *t)
{
    const int64_t w_inner =
        t->kind == HONE_GPU_STEM ? p->n * hone_gpu_stem_of(p).row : p->w_z.inner;
    const knob rows[] = {
        {"A_ZI", p->a_z.inner},       {"A_ZO", p->a_z.outer},       {"W_ZI", w_inner},
        {"W_ZO", p->w_z.outer},       {"Y_ZI", p->y_z.inner},       {"Y_ZO", p->y_z.outer},
        {"BIAS_ZI", p->bias_z.inner}, {"BIAS_ZO", p->bias_z.outer},
    };

    knobs_of(c, "i64", rows, HONE_COUNT(rows));
}

static void knob_flags(hone_candidate *c, const hone_gpu_contraction *p, const hone_gpu_tile *t)
{
    const knob rows[] = {
        {"A_IS_KM", p->a_is_km},   {"W_IS_KN", p->w_is_kn},    {"W_IS_CONSTANT", p->w_is_constant},
        {"HAS_BIAS", p->bias > 0}, {"CLUSTER", t->is_cluster},
    };

    knobs_of(c, "bool", rows, HONE_COUNT(rows));
    hone_text_add(&c->knobs, "constexpr float ALPHA = (float)%.9g;\n", (double)p->alpha);
}

/* What only one kernel has. */
static void knob_kind(hone_candidate *c, const hone_gpu_tile *t)
{
    const knob stem[] = {{"TH", t->th}, {"TW", t->tw}}, vector[] = {{"VEC", t->bk / (32 * t->wk)}};

    if (t->kind == HONE_GPU_STEM)
        knobs_of(c, "int", stem, HONE_COUNT(stem));
    if (t->kind == HONE_GPU_VECTOR)
        knobs_of(c, "int", vector, HONE_COUNT(vector));
}

static void knob_tile(hone_candidate *c, const hone_gpu_tile *t)
{
    const knob rows[] = {
        {"BM", t->bm}, {"BN", t->bn}, {"BK", t->bk},         {"WM", t->wm},
        {"WN", t->wn}, {"WK", t->wk}, {"STAGES", t->stages}, {"SPLIT", t->split},
    };

    knobs_of(c, "int", rows, HONE_COUNT(rows));
}

static void knob_extras(hone_candidate *c, const hone_gpu_contraction *p)
{
    for (int k = 0; k < HONE_GPU_EXTRAS; k++) {
        const hone_gpu_extra *e = &p->extra[k];
        if (k < p->n_extra)
            hone_text_add(&c->knobs, "using E%d = extra<%s, %lld, %lld, %lld, %lld>;\n", k,
                          hone_gpu_type(e->dtype), (long long)e->m, (long long)e->n,
                          (long long)e->z.inner, (long long)e->z.outer);
        else if (p->gate && k == HONE_GPU_EXTRAS - 1)
            hone_text_add(&c->knobs, "using E%d = gate<%lld, %lld>;\n", k,
                          (long long)p->gate_z.inner, (long long)p->gate_z.outer);
        else
            hone_text_add(&c->knobs, "using E%d = no_extra;\n", k);
    }
}

static void name_candidate(hone_candidate *c, const hone_gpu_contraction *p, const hone_gpu_tile *t)
{
    const char *const type = p->dtype == HONE_F32 ? "f32" : hone_gpu_type(p->dtype);

    if (t->kind == HONE_GPU_STEM)
        hone_text_add(&c->name, "<%s,%dx%dx%d,%dx%d", type, t->th, t->tw, t->bn, t->wm, t->wn);
    else
        hone_text_add(&c->name, "<%s,%dx%dx%d,%dx%dx%d,%ds", type, t->bm, t->bn, t->bk, t->wm,
                      t->wn, t->wk, t->stages);
    if (t->split > 1)
        hone_text_add(&c->name, ",%d%s", t->split, t->is_cluster ? "c" : "p");
}

/* [O, I / group, taps] as [O, taps, channels], padded for conv_stem. */
static hone_gpu_packing stem_weights(const hone_gpu_contraction *p)
{
    const hone_gpu_stem s = hone_gpu_stem_of(p);
    const int64_t rows = p->n * p->inner, taps = p->kernel[0] * p->kernel[1];

    return (hone_gpu_packing){.dtype = p->dtype,
                              .rank = 3,
                              .dim = {rows, p->c, taps},
                              .perm = {0, 2, 1},
                              .padded = {rows, s.row / s.channels, s.channels}};
}

/* In the order of the kernels' parameters. */
static void add_args(hone_candidate *c, const hone_gpu_contraction *p, const hone_gpu_tile *t)
{
    const size_t tiles = (size_t)(hone_gpu_tile_blocks(p, t) / t->split);
    const bool meets_in_memory = t->split > 1 && !t->is_cluster;
    const int64_t numbers[] = {p->batch, p->in[0], p->in[1], p->out[0], p->out[1]};

    hone_candidate_in(c, 0);
    hone_candidate_in(c, 1);
    p->bias ? hone_candidate_in(c, p->bias) : hone_candidate_nothing(c);
    hone_candidate_out(c, 0);
    for (int k = 0; k < HONE_GPU_EXTRAS; k++)
        if (k < p->n_extra)
            hone_candidate_in(c, p->extra[k].arg);
        else if (p->gate && k == HONE_GPU_EXTRAS - 1)
            hone_candidate_in(c, p->gate);
        else
            hone_candidate_nothing(c);
    if (meets_in_memory) {
        const size_t floats = tiles * (size_t)(t->split * t->bm * t->bn);
        hone_candidate_scratch(c, floats * sizeof(float));
        hone_candidate_tickets(c, tiles);
    } else {
        hone_candidate_nothing(c);
        hone_candidate_nothing(c);
    }
    for (int i = 0; i < HONE_COUNT(numbers); i++)
        hone_candidate_int(c, numbers[i]);
}

static void set_launch(hone_candidate *c, const hone_gpu_contraction *p, const hone_gpu_tile *t)
{
    const int64_t problems = p->inner * p->outer;

    c->grid[0] = (uint32_t)(hone_gpu_tile_blocks(p, t) / problems);
    c->grid[1] = 1;
    c->grid[2] = (uint32_t)problems;
    c->block[0] = (uint32_t)hone_gpu_tile_threads(t);
    c->block[1] = c->block[2] = 1;
    if (t->is_cluster) {
        c->cluster[0] = (uint32_t)t->split;
        c->cluster[1] = c->cluster[2] = 1;
    }
    c->shared_bytes = (uint32_t)hone_gpu_tile_shared(p, t);
    c->us = t->us;
}

hone_candidate *hone_gpu_contraction_candidate(hone_lower *lower, const hone_gpu_contraction *p,
                                               const char *kernel, const hone_gpu_tile *t)
{
    static const hone_instr copy = {.op = HONE_SCALAR_copy};
    static const hone_program plain = {1, 1, &copy};
    hone_candidate *c = hone_lower_candidate(lower, kernel);

    if (!c)
        return NULL;
    hone_text_add(&c->knobs, "using T = %s;\nusing TY = %s;\n", hone_gpu_type(p->dtype),
                  hone_gpu_type(p->out_dtype));
    knob_extents(c, p, t);
    knob_steps(c, p, t);
    knob_flags(c, p, t);
    knob_tile(c, t);
    knob_kind(c, t);
    knob_extras(c, p);
    c->is_coarse = hone_gpu_is_coarse(p->out_dtype);
    hone_gpu_program_emit(c, p->program ? p->program : &plain, "epilogue", 1 + HONE_GPU_EXTRAS);
    name_candidate(c, p, t);
    add_args(c, p, t);
    set_launch(c, p, t);
    c->packing[1] = t->kind == HONE_GPU_STEM ? stem_weights(p) : p->weights;
    if (p->bias)
        hone_candidate_pack(c, p->bias, lower->in[p->bias], HONE_F32);
    return c;
}

/* What the kernels count in 32 bits. */
static bool fits(const hone_gpu_contraction *p)
{
    const int64_t pixels = p->batch * p->in[0] * p->in[1];

    return hone_gpu_contraction_rows(p) < INT32_MAX - 256 && pixels < INT32_MAX &&
           p->n < INT32_MAX - 256 && hone_gpu_contraction_k(p) < INT32_MAX - 256 &&
           p->lda < INT32_MAX && p->inner * p->outer <= UINT16_MAX;
}

void hone_gpu_contraction_offer(hone_lower *lower, const hone_gpu_contraction *p)
{
    static const char *const kernels[HONE_GPU_TILE_KINDS] = {
        "conv_implicit_gemm", "gemm_simt",  "conv_stem",
        "gemm_vector",        "conv_exact", "conv_warpgroup"};
    hone_gpu_tile tiles[OFFERED];
    const int n = fits(p) ? hone_gpu_tiles(p, &lower->device, tiles, OFFERED) : 0;

    for (int i = 0; i < n; i++)
        hone_gpu_contraction_candidate(lower, p, kernels[tiles[i].kind], &tiles[i]);
    if (n > 0 && hone_gpu_wgmma_offer(lower, p) > 0)
        hone_lower_sort(lower);
}
