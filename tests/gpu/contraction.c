/* The contraction kernels on a real GPU: contraction [DEVICE [quick | all [NAME]]]
 *
 * For each layer of contraction_cases.h: compiles the candidates in parallel, runs each on random
 * operands and a poisoned output, compares sampled elements with float64 sums of the host, every
 * element with the exact kernel's, and a second run bit by bit with the first; then times a graph
 * of programmatic launches and prints the table of the best. `quick`, for runs under a checking
 * tool, tries few candidates and times nothing; `all` prints every candidate. Exit status 77 where
 * there is no GPU. */
#include <math.h>
#include <pthread.h>
#include <unistd.h>

#include "base/dtype.h"
#include "cuda/graph.h"
#include "cuda/nvrtc.h"
#include "cuda/staging.h"
#include "cuda/stream.h"
#include "gpu/contraction_cases.h"

enum {
    MOST = 400,     /* candidates of a problem */
    SAMPLES = 1500, /* elements compared with float64 */
    CHAIN = 20,     /* launches in a timed graph */
    REPLAYS = 25,
    WORKERS = 16,
    SKIPPED = 77
};

/* Relative L2 error allowed to each output type, and to tf32 operands. */
static const double tolerance[] = {1e-3, 6e-3, 1e-5};
static const double tolerance_tf32 = 1e-3;

typedef struct candidate {
    tile tile;
    hone_nvrtc_result compiled;
    bool is_compiled;
    char fault[256];
    float us, us_serial; /* with programmatic edges, and without */
    double error;
} candidate;

typedef struct operand {
    size_t n; /* elements */
    element type;
    void *host;
    hone_cuda_memory at;
} operand;

typedef struct bench {
    hone_cuda_device *device;
    const hone_nvrtc *nvrtc;
    CUstream stream;
    hone_cuda_staging *staging;
    bool is_quick, prints_all;
    const char *only;

    problem p;
    candidate candidates[MOST];
    int n_candidates, next; /* next: atomic */
    operand a, w, bias, residual, y;
    hone_cuda_memory partial, tickets;
    void *exact, *again; /* y of the exact kernel, y of a second run */
    int checked, wrong;
} bench;

/* ---- elements ---- */

static double element_at(const operand *x, size_t i)
{
    switch (x->type) {
    case F16: return hone_f16_to_f32(((const uint16_t *)x->host)[i]);
    case BF16: return hone_bf16_to_f32(((const uint16_t *)x->host)[i]);
    case F32: break;
    }
    return ((const float *)x->host)[i];
}

static void set_element(operand *x, size_t i, float value)
{
    switch (x->type) {
    case F16: ((uint16_t *)x->host)[i] = hone_f32_to_f16(value); break;
    case BF16: ((uint16_t *)x->host)[i] = hone_f32_to_bf16(value); break;
    case F32: ((float *)x->host)[i] = value; break;
    }
}

static uint32_t random_bits(void)
{
    static uint64_t state = 0x9e3779b97f4a7c15u;

    state = state * 6364136223846793005u + 1442695040888963407u;
    return (uint32_t)(state >> 32);
}

static void fill_random(operand *x, float scale)
{
    for (size_t i = 0; i < x->n; i++)
        set_element(x, i, ((float)random_bits() / 2147483648.0f - 1.0f) * scale);
}

static hone_status make_operand(bench *b, operand *x, element type, size_t n, float scale)
{
    const size_t bytes = n * (size_t)element_bytes[type];

    x->type = type;
    x->n = n;
    HONE_TRY(hone_alloc(NULL, bytes, &x->host));
    HONE_TRY(hone_cuda_memory_init(b->device, bytes, b->stream, &x->at));
    fill_random(x, scale);
    return hone_cuda_upload(b->staging, b->stream, x->at.at, x->host, bytes);
}

static void drop_operand(bench *b, operand *x)
{
    hone_cuda_memory_fini(b->device, b->stream, &x->at);
    hone_free(NULL, x->host, x->n * (size_t)element_bytes[x->type]);
    *x = (operand){0};
}

/* ---- a problem's memory ---- */

static size_t reach(size_t rows, size_t pitch, size_t width, int z, int z_step)
{
    return (rows - 1) * pitch + width + (size_t)(z - 1) * (size_t)z_step;
}

static size_t y_bytes(const bench *b)
{
    return b->y.n * (size_t)element_bytes[b->y.type];
}

static hone_status make_operands(bench *b)
{
    const problem *p = &b->p;
    const size_t pixels = (size_t)p->batch * (size_t)p->h * (size_t)p->w;
    const size_t rows = (size_t)rows_of(p), k = (size_t)k_of(p), n = (size_t)p->n;
    const size_t lda = (size_t)p->lda, ldw = (size_t)p->ldw, ldy = (size_t)p->ldy;
    const size_t y_n = reach(rows, ldy, n, p->z, p->y_z);
    const float scale = 1.7f / sqrtf((float)k);

    HONE_TRY(make_operand(b, &b->a, p->type, reach(pixels, lda, (size_t)p->c, p->z, p->a_z), 1.0f));
    HONE_TRY(make_operand(
        b, &b->w, p->type,
        p->w_is_kn ? reach(k, ldw, n, p->z, p->w_z) : reach(n, ldw, k, p->z, p->w_z), scale));
    HONE_TRY(make_operand(b, &b->bias, F32, n * (size_t)p->z, 0.5f));
    HONE_TRY(make_operand(b, &b->residual, p->out, y_n, 1.0f));
    HONE_TRY(make_operand(b, &b->y, p->out, y_n, 1.0f));
    HONE_TRY(hone_alloc(NULL, y_bytes(b), &b->exact));
    HONE_TRY(hone_alloc(NULL, y_bytes(b), &b->again));
    HONE_TRY(hone_cuda_memory_init(b->device, 64 << 20, b->stream, &b->partial));
    HONE_TRY(hone_cuda_memory_init(b->device, 1 << 20, b->stream, &b->tickets));
    return HONE_CU(b->device, cuMemsetD8Async, b->tickets.at, 0, b->tickets.size, b->stream);
}

static void drop_operands(bench *b)
{
    hone_free(NULL, b->exact, y_bytes(b));
    hone_free(NULL, b->again, y_bytes(b));
    b->exact = b->again = NULL;
    drop_operand(b, &b->a);
    drop_operand(b, &b->w);
    drop_operand(b, &b->bias);
    drop_operand(b, &b->residual);
    drop_operand(b, &b->y);
    hone_cuda_memory_fini(b->device, b->stream, &b->partial);
    hone_cuda_memory_fini(b->device, b->stream, &b->tickets);
}

/* ---- the answer on the host ---- */

static double activate(activation kind, double x)
{
    switch (kind) {
    case RELU: return x < 0 ? 0 : x;
    case CLIP: return fmin(fmax(x, 0), 6);
    case SILU: return x / (1 + exp(-x));
    case GELU: return 0.5 * x * (1 + erf(x * 0.7071067811865476));
    case NONE:
    case ACTIVATIONS: break;
    }
    return x;
}

static double product_at(const bench *b, int z, int m, int n)
{
    const problem *p = &b->p;
    const bool is_product = p->h == 1 && p->kernel == 1;
    const int ow = is_product ? p->w : out_extent(p, p->w);
    const int oh = is_product ? 1 : out_extent(p, p->h);
    const int image = m / (oh * ow), oy = m / ow % oh, ox = m % ow;
    double sum = 0;

    for (int r = 0; r < p->kernel; r++)
        for (int s = 0; s < p->kernel; s++) {
            const int y = oy * p->stride - p->pad + r * p->dilation;
            const int x = ox * p->stride - p->pad + s * p->dilation;
            if (y < 0 || x < 0 || y >= p->h || x >= p->w)
                continue;
            const size_t at =
                ((size_t)(image * p->h + y) * (size_t)p->w + (size_t)x) * (size_t)p->lda +
                (size_t)(z * p->a_z);
            for (int c = 0; c < p->c; c++) {
                const int k = (r * p->kernel + s) * p->c + c;
                const size_t w_at = (size_t)z * (size_t)p->w_z +
                                    (p->w_is_kn ? (size_t)k * (size_t)p->ldw + (size_t)n
                                                : (size_t)n * (size_t)p->ldw + (size_t)k);
                sum += element_at(&b->a, at + (size_t)c) * element_at(&b->w, w_at);
            }
        }
    return sum;
}

static size_t y_index(const problem *p, int z, int m, int n)
{
    return (size_t)z * (size_t)p->y_z + (size_t)m * (size_t)p->ldy + (size_t)n;
}

static double answer_at(const bench *b, int z, int m, int n)
{
    const problem *p = &b->p;
    double x = product_at(b, z, m, n);

    if (p->has_bias)
        x += element_at(&b->bias, (size_t)(z * p->n + n));
    if (p->has_residual)
        x += element_at(&b->residual, y_index(p, z, m, n));
    return activate(p->activation, x);
}

/* The relative L2 error of sampled elements: the corners and random ones. */
static double sampled_error(const bench *b)
{
    const problem *p = &b->p;
    const int rows = rows_of(p);
    double difference = 0, norm = 0;

    for (int i = 0; i < SAMPLES; i++) {
        const int z = (int)(random_bits() % (uint32_t)p->z);
        const int m = i < 4 ? i % 2 * (rows - 1) : (int)(random_bits() % (uint32_t)rows);
        const int n = i < 4 ? i / 2 * (p->n - 1) : (int)(random_bits() % (uint32_t)p->n);
        const double wanted = answer_at(b, z, m, n);
        const double found = element_at(&b->y, y_index(p, z, m, n));
        difference += (found - wanted) * (found - wanted);
        norm += wanted * wanted;
    }
    return sqrt(difference / norm);
}

/* The relative L2 distance of all elements from the exact kernel's; NaN where one was not written.
 */
static double full_error(const bench *b)
{
    const problem *p = &b->p;
    const operand exact = {b->y.n, b->y.type, b->exact, {0}};
    const int rows = rows_of(p), step = b->y.n > 1 << 20 ? 7 : 1;
    double difference = 0, norm = 0;

    for (int z = 0; z < p->z; z++)
        for (int m = 0; m < rows; m++)
            for (int n = m % step; n < p->n; n += step) {
                const size_t i = y_index(p, z, m, n);
                const double wanted = element_at(&exact, i), d = element_at(&b->y, i) - wanted;
                difference += d * d;
                norm += wanted * wanted;
            }
    return sqrt(difference / norm);
}

/* ---- compiling ---- */

static void compile_one(bench *b, candidate *c)
{
    char *text = kernel_text_of(&b->p, &c->tile);
    const char *const options[] = {"--diag-suppress=177"};
    const hone_nvrtc_job job = {.source = {b->p.name, text},
                                .arch =
                                    b->device->info.major == 9 ? "sm_90a" : b->device->info.arch,
                                .options = options,
                                .n_options = 1};

    c->is_compiled = hone_nvrtc_compile(b->nvrtc, NULL, &job, &c->compiled) == HONE_OK;
    if (!c->is_compiled)
        snprintf(c->fault, sizeof c->fault, "%s", hone_message());
    free(text);
}

static void *compile_some(void *user)
{
    bench *b = user;
    int i;

    while ((i = __atomic_fetch_add(&b->next, 1, __ATOMIC_RELAXED)) < b->n_candidates)
        compile_one(b, &b->candidates[i]);
    return NULL;
}

static void compile_all(bench *b)
{
    pthread_t threads[WORKERS];
    int n = 0;

    b->next = 0;
    while (n < WORKERS && pthread_create(&threads[n], NULL, compile_some, b) == 0)
        n++;
    compile_some(b);
    for (int i = 0; i < n; i++)
        pthread_join(threads[i], NULL);
}

/* ---- running ---- */

typedef struct call {
    const void *args[15];
    CUdeviceptr null;
    int batch, h, w, oh, ow;
    hone_cuda_launch launch;
} call;

static void make_call(bench *b, const tile *t, CUfunction function, call *c)
{
    const problem *p = &b->p;
    const bool is_product = p->kernel == 1 && p->h == 1;

    *c = (call){.batch = p->batch,
                .h = is_product ? 1 : p->h,
                .w = p->w,
                .oh = is_product ? 1 : out_extent(p, p->h),
                .ow = is_product ? p->w : out_extent(p, p->w)};
    const void *const args[15] = {
        &b->a.at.at, &b->w.at.at, &b->bias.at.at, &b->y.at.at,    &b->residual.at.at,
        &c->null,    &c->null,    &c->null,       &b->partial.at, &b->tickets.at,
        &c->batch,   &c->h,       &c->w,          &c->oh,         &c->ow};
    memcpy(c->args, args, sizeof args);
    c->launch = (hone_cuda_launch){
        .function = function,
        .grid = {(uint32_t)(blocks_of(p, t) * t->split), 1, (uint32_t)p->z},
        .block = {(uint32_t)threads_of(t), 1, 1},
        .shared_bytes = (uint32_t)shared_bytes_of(p, t),
        .is_programmatic = true,
        .args = (void **)c->args,
    };
    if (t->is_cluster)
        memcpy(c->launch.cluster, (uint32_t[]){(uint32_t)t->split, 1, 1}, 3 * sizeof(uint32_t));
}

static hone_status run_once(bench *b, const call *c, void *out)
{
    HONE_TRY(HONE_CU(b->device, cuMemsetD8Async, b->y.at.at, 0xff, y_bytes(b), b->stream));
    HONE_TRY(hone_cuda_launch_on(b->device, b->stream, &c->launch));
    return hone_cuda_download(b->staging, b->stream, out, b->y.at.at, y_bytes(b));
}

static int compare_floats(const void *a, const void *b)
{
    const float x = *(const float *)a, y = *(const float *)b;

    return (x > y) - (x < y);
}

/* The median time of a launch within a graph of CHAIN of them. */
static hone_status time_graph(bench *b, const call *c, bool is_programmatic, float *us)
{
    hone_cuda_graph *graph = NULL;
    hone_cuda_exec *exec = NULL;
    CUevent start = NULL, end = NULL;
    CUgraphNode last = NULL;
    float ms[REPLAYS];
    hone_status st;

    HONE_TRY_OUT(hone_cuda_graph_create(b->device, &graph));
    for (int i = 0; i < CHAIN; i++) {
        const hone_cuda_edge edge = {last, is_programmatic};
        HONE_TRY_OUT(hone_cuda_graph_kernel(graph, &c->launch, &edge, i > 0, &last));
    }
    HONE_TRY_OUT(hone_cuda_exec_create(graph, b->stream, &exec));
    HONE_TRY_OUT(hone_cuda_event_create(b->device, true, &start));
    HONE_TRY_OUT(hone_cuda_event_create(b->device, true, &end));
    for (int i = -3; i < REPLAYS; i++) { /* the first warm up */
        HONE_TRY_OUT(HONE_CU(b->device, cuEventRecord, start, b->stream));
        HONE_TRY_OUT(hone_cuda_exec_launch(exec, b->stream));
        HONE_TRY_OUT(HONE_CU(b->device, cuEventRecord, end, b->stream));
        HONE_TRY_OUT(HONE_CU(b->device, cuEventSynchronize, end));
        HONE_TRY_OUT(HONE_CU(b->device, cuEventElapsedTime, &ms[i < 0 ? 0 : i], start, end));
    }
    qsort(ms, REPLAYS, sizeof ms[0], compare_floats);
    *us = ms[REPLAYS / 2] * 1000 / CHAIN;
out:
    hone_cuda_event_destroy(b->device, end);
    hone_cuda_event_destroy(b->device, start);
    hone_cuda_exec_destroy(exec);
    hone_cuda_graph_destroy(graph);
    return st;
}

/* Right, the same bits again, and not slow to tell. */
static hone_status check(bench *b, candidate *c, const call *once)
{
    const bool is_first = c == b->candidates;
    const double allowed = b->p.type == F32 && !c->tile.is_simt ? tolerance_tf32
                           : b->p.type == F32                   ? tolerance[F32]
                                                                : tolerance[b->p.type];

    HONE_TRY(run_once(b, once, b->y.host));
    HONE_TRY(run_once(b, once, b->again));
    if (is_first)
        memcpy(b->exact, b->y.host, y_bytes(b));
    c->error = fmax(sampled_error(b), is_first ? 0 : full_error(b));
    b->checked++;
    if (!(c->error <= allowed))
        return hone_error(HONE_ERR_DEVICE, "relative error %.2e, where %.0e is allowed", c->error,
                          allowed);
    if (memcmp(b->y.host, b->again, y_bytes(b)) != 0)
        return hone_error(HONE_ERR_DEVICE, "a second run gives other bits");
    return HONE_OK;
}

static hone_status try_loaded(bench *b, candidate *c, CUmodule module)
{
    const hone_cuda_kernel_options options = {
        .shared_bytes = (uint32_t)shared_bytes_of(&b->p, &c->tile), .carveout = 100};
    hone_cuda_kernel kernel;
    call once;

    HONE_TRY(hone_cuda_kernel_find(b->device, module,
                                   c->tile.is_simt ? "gemm_simt" : "conv_implicit_gemm", &options,
                                   &kernel));
    make_call(b, &c->tile, kernel.function, &once);
    HONE_TRY(check(b, c, &once));
    if (b->is_quick ||
        (c->tile.is_simt && b->p.type != F32)) /* there it is the measure of answers alone */
        return HONE_OK;
    HONE_TRY(time_graph(b, &once, true, &c->us));
    return time_graph(b, &once, false, &c->us_serial);
}

static hone_status try_one(bench *b, candidate *c)
{
    CUmodule module = NULL;

    if (!c->is_compiled)
        return hone_error(HONE_ERR_BUILD, "%s", c->fault);
    HONE_TRY(hone_cuda_module_load(b->device, c->compiled.image, b->p.name, &module));
    const hone_status st = try_loaded(b, c, module);
    hone_cuda_module_unload(b->device, module);
    return st;
}

/* ---- reporting ---- */

static double tera_of(const problem *p)
{
    return 2.0 * rows_of(p) * p->n * k_of(p) * p->z * 1e-12;
}

static void print_tile(const tile *t)
{
    printf("%s %3dx%-3d k%-3d w%d,%d,%d st%d sp%d%s", t->is_simt ? "simt" : "mma ", t->bm, t->bn,
           t->bk, t->wm, t->wn, t->wk, t->stages, t->split, t->is_cluster ? "c" : " ");
}

static void print_candidate(const bench *b, const candidate *c, const char *word)
{
    const int blocks = blocks_of(&b->p, &c->tile) * b->p.z * c->tile.split;

    printf("%-4s %-18s %5dx%-4dx%-5d ", word, b->p.name, rows_of(&b->p), b->p.n, k_of(&b->p));
    print_tile(&c->tile);
    printf(" %4d blocks %7.2f us (%7.2f serial) %6.1f TFLOP/s err %.1e\n", blocks, (double)c->us,
           (double)c->us_serial, c->us > 0 ? tera_of(&b->p) / c->us * 1e6 : 0.0, c->error);
}

static const candidate *fastest(const bench *b, bool (*fits)(const tile *t))
{
    const candidate *best = NULL;

    for (int i = 0; i < b->n_candidates; i++) {
        const candidate *c = &b->candidates[i];
        if (c->us > 0 && fits(&c->tile) && (!best || c->us < best->us))
            best = c;
    }
    return best;
}

static bool is_any(const tile *t)
{
    return t->bm > 0;
}
static bool is_exact(const tile *t)
{
    return t->is_simt;
}
static bool has_no_warp_split(const tile *t)
{
    return !t->is_simt && t->wk == 1;
}
static bool has_no_split(const tile *t)
{
    return !t->is_simt && t->split == 1;
}
static bool has_no_cluster(const tile *t)
{
    return !t->is_simt && !t->is_cluster;
}
static bool is_64x64(const tile *t)
{
    return !t->is_simt && t->bm == 64 && t->bn == 64;
}
static bool has_short_ring(const tile *t)
{
    return !t->is_simt && t->stages <= 4;
}

/* What each mechanism is worth: the best without it. */
static void print_restrictions(const bench *b)
{
    static const struct {
        const char *name;
        bool (*fits)(const tile *t);
    } restrictions[] = {{"simt", is_exact},         {"no wk", has_no_warp_split},
                        {"no split", has_no_split}, {"no cluster", has_no_cluster},
                        {"64x64", is_64x64},        {"4 stages", has_short_ring}};

    printf("     %-18s", "");
    for (int i = 0; i < HONE_COUNT(restrictions); i++) {
        const candidate *c = fastest(b, restrictions[i].fits);
        printf(" | %s %.2f", restrictions[i].name, c ? (double)c->us : NAN);
    }
    printf("\n");
}

static void run_candidates(bench *b)
{
    for (int i = 0; i < b->n_candidates; i++) {
        candidate *c = &b->candidates[i];
        if (try_one(b, c) != HONE_OK) {
            b->wrong++;
            c->us = 0;
            print_candidate(b, c, "FAIL");
            printf("     %s\n", hone_message());
        } else if (b->prints_all) {
            print_candidate(b, c, "");
        }
        hone_nvrtc_result_fini(NULL, &c->compiled);
    }
    const candidate *best = fastest(b, is_any);
    if (best) {
        print_candidate(b, best, "best");
        print_restrictions(b);
    }
    fflush(stdout);
}

static hone_status run_problem(bench *b, const problem *p)
{
    tile tiles[MOST];

    b->p = with_defaults(*p);
    b->n_candidates =
        candidates_of(&b->p, b->device->info.multiprocessors, b->device->info.shared_per_block,
                      tiles, b->is_quick ? 24 : MOST);
    memset(b->candidates, 0, sizeof b->candidates);
    for (int i = 0; i < b->n_candidates; i++)
        b->candidates[i].tile = tiles[i];
    compile_all(b);
    const hone_status st = make_operands(b);
    if (st == HONE_OK)
        run_candidates(b);
    drop_operands(b);
    return st;
}

static int run_problems(bench *b)
{
    for (int i = 0; i < PROBLEMS; i++) {
        const problem *p = &problems[i];
        if (b->only && !strstr(p->name, b->only))
            continue;
        if (b->is_quick && (double)tera_of(p) > 0.002)
            continue;
        if (run_problem(b, p) != HONE_OK) {
            printf("FAIL %s: %s\n", p->name, hone_message());
            b->wrong++;
        }
    }
    printf("%d of %d candidates are wrong on %s\n", b->wrong, b->checked, b->device->label);
    return b->wrong != 0;
}

static hone_status open_bench(bench *b, const char *device)
{
    const hone_cuda *cu;
    int ordinal;

    HONE_TRY(hone_cuda_ordinal_parse(device, &ordinal));
    HONE_TRY(hone_nvrtc_open(&b->nvrtc));
    HONE_TRY(hone_cuda_open(&cu));
    HONE_TRY(hone_cuda_device_open(cu, ordinal, NULL, &b->device));
    HONE_TRY(hone_cuda_enter(b->device));
    HONE_TRY(hone_cuda_stream_create(b->device, 0, &b->stream));
    return hone_cuda_staging_create(b->device, 4 << 20, &b->staging);
}

static void close_bench(bench *b)
{
    if (!b->device)
        return;
    hone_cuda_staging_destroy(b->staging);
    hone_cuda_stream_destroy(b->device, b->stream);
    hone_cuda_leave(b->device);
    hone_cuda_device_close(b->device);
}

int main(int argc, char **argv)
{
    static bench b;
    int code = SKIPPED;

    b.is_quick = argc > 2 && strcmp(argv[2], "quick") == 0;
    b.prints_all = argc > 2 && strcmp(argv[2], "all") == 0;
    b.only = argc > 3 ? argv[3] : NULL;
    if (open_bench(&b, argc > 1 ? argv[1] : "cuda") == HONE_OK)
        code = run_problems(&b);
    else
        printf("SKIP contraction: %s\n", hone_message());
    close_bench(&b);
    return code;
}
