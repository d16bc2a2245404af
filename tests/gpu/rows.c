/* Kernels as the lowerings offer them, on a real GPU:
 *
 *     hone_gpu_rows [DEVICE [quick | all | large [TEXT [KERNEL]]]]
 *
 * Each case of support/rows.h, products.h, attention.h and stems.h (whose line has TEXT in it)
 * runs on random inputs, every candidate of every part in turn, against the CPU backend in float32.
 * Outputs are poisoned before and followed by guard bytes. The fastest candidate is timed in a
 * graph of
 * LAUNCHES of it, data in the L2. `quick`: the first candidate alone, untimed. `all` prints every
 * candidate's time beside what its lowering expected; `large` does so for the layers of large.h,
 * which take long on the CPU. KERNEL: candidates of these kernels alone. Exit status 77 where there
 * is no GPU or no NVRTC. */
#include <math.h>
#include <pthread.h>

#include "cpu/cpu.h"
#include "cuda/graph.h"
#include "cuda/memory.h"
#include "cuda/nvrtc.h"
#include "cuda/staging.h"
#include "cuda/stream.h"
#include "gpu/stem_oracle.h"
#include "support/attention.h"
#include "support/large.h"
#include "support/stems.h"

enum {
    POISON = 0xA5,
    GUARD = 256, /* bytes behind an output */
    LAUNCHES = 20,
    REPLAYS = 15,
    TRIES = 24, /* candidates of a part that are tried where the case does not say */
    ROOM = 32,  /* ... at most */
    WORKERS = 16,
    SKIPPED = 77
};

typedef struct compiled {
    const hone_candidate *c; /* what `choose` gives for the part and the number */
    const char *text;
    hone_nvrtc_result result;
    bool is_there;
    char fault[512];
} compiled;

typedef struct bench {
    hone_cuda_device *device;
    const hone_nvrtc *nvrtc;
    CUstream stream;
    hone_cuda_staging *staging;
    hone_arena *arena;
    bool is_quick, prints_all, is_large;
    const char *only, *kernel;
    int tries;
    bool is_tf32;
    row_step s;
    compiled compiled[ROW_TENSORS][ROOM];
    int next; /* atomic: of the compiled */
    hone_cuda_memory in[ROW_TENSORS], out[ROW_TENSORS], scratch, tickets;
    hone_tensor want[ROW_TENSORS]; /* by the CPU */
    double worst;                  /* error over tolerance */
    int n_tried, n_run, n_failed;
} bench;

static void *room(bench *b, size_t size)
{
    return hone_arena_alloc_aligned(b->arena, size + GUARD, 64);
}

/* ---- inputs and answers ---- */

/* What masks are made of. */
static double hidden(hone_dtype dtype)
{
    const double lowest = dtype == HONE_F16 ? -65504 : -3.3895e38;
    const uint32_t dice = row_random() >> 16 & 3;

    return dice == 0 ? -INFINITY : dice == 1 ? lowest : 0;
}

static void fill(bench *b, int i)
{
    hone_tensor *t = &b->s.in[i];
    const int64_t n = hone_tensor_count(t);

    if (t->data)
        return;
    row_fill(b->arena, t, 2);
    for (int64_t k = 0; k < n; k++)
        if (b->s.below[i])
            hone_element_set_int(t->dtype, t->data, k, row_random() % b->s.below[i]);
        else if (b->s.hides[i])
            hone_element_set_double(t->dtype, t->data, k, hidden(t->dtype));
        else if (t->dtype == HONE_BOOL)
            ((uint8_t *)t->data)[k] = row_random() & 1;
}

/* Small floats as float32, which every CPU kernel takes. */
static hone_tensor widened(bench *b, const hone_tensor *t, bool has_data)
{
    hone_tensor w = *t;

    if (t->dtype == HONE_F16 || t->dtype == HONE_BF16)
        w.dtype = HONE_F32;
    hone_dims_size(w.dtype, &w.shape, &w.size);
    if (w.dtype == t->dtype && has_data)
        return w;
    w.data = room(b, w.size);
    for (int64_t k = 0; has_data && k < hone_tensor_count(t); k++)
        ((float *)w.data)[k] = (float)hone_element_double(t->dtype, t->data, k);
    return w;
}

/* What a convolution's gate does before: products rounded to the type. */
static void apply_gate(bench *b, hone_tensor *x, const hone_tensor *gate, hone_dtype dtype)
{
    const int64_t channels = gate->shape.dim[gate->shape.rank - 1], n = hone_tensor_count(x);
    const int64_t image = n / gate->shape.dim[0];
    const float *from = x->data, *by = gate->data;
    float *at = room(b, (size_t)n * sizeof *at);
    uint64_t rounded[2] = {0};

    for (int64_t i = 0; i < n; i++) {
        hone_element_set_double(dtype, rounded, 0,
                                (double)from[i] * by[i / image * channels + i % channels]);
        at[i] = (float)hone_element_double(dtype, rounded, 0);
    }
    x->data = at;
}

/* A convolution's sums: all pixels in the first of an image's rows. */
static void add_pixels(const hone_tensor *y, hone_tensor *sums)
{
    const int64_t images = y->shape.dim[0], channels = y->shape.dim[y->shape.rank - 1];
    const int64_t pixels = hone_tensor_count(y) / images / channels, rows = sums->shape.dim[1];
    const float *from = y->data;
    float *to = sums->data;

    memset(to, 0, sums->size);
    for (int64_t n = 0; n < images; n++)
        for (int64_t c = 0; c < channels; c++) {
            double sum = 0;
            for (int64_t i = 0; i < pixels; i++)
                sum += from[(n * pixels + i) * channels + c];
            to[n * rows * channels + c] = (float)sum;
        }
}

/* The same of what was found: which pixels are in which row is the kernel's business. */
static void add_rows(const hone_tensor *t, float *sums)
{
    const int64_t images = t->shape.dim[0], rows = t->shape.dim[1];
    const int64_t channels = t->shape.dim[t->shape.rank - 1];

    for (int64_t n = 0; n < images; n++)
        for (int64_t r = 1; r < rows; r++)
            for (int64_t c = 0; c < channels; c++) {
                float *from = sums + (n * rows + r) * channels + c;
                sums[n * rows * channels + c] += *from;
                *from = 0;
            }
}

static hone_status oracle(bench *b)
{
    hone_tensor in[ROW_TENSORS], *ins[ROW_TENSORS] = {NULL}, *outs[ROW_TENSORS];
    const hone_cpu_env env = {0};

    for (int i = 0; i < b->s.n_in; i++)
        if (b->s.ins[i]) {
            in[i] = widened(b, &b->s.in[i], true);
            ins[i] = &in[i];
        }
    for (int k = 0; k < b->s.n_out; k++) {
        b->want[k] = widened(b, &b->s.out[k], false);
        if (b->s.lower.op == HONE_OP_cast) { /* the type is the operator */
            b->want[k].dtype = b->s.out[k].dtype;
        }
        outs[k] = &b->want[k];
    }
    const bool has_gate = b->s.lower.op == HONE_OP_conv && b->s.attrs.conv.gate;
    const bool has_sums = b->s.lower.op == HONE_OP_conv && b->s.n_out > 1;
    hone_attrs attrs = b->s.attrs;
    if (b->s.lower.op == HONE_OP_conv_stem)
        return stem_oracle(b->arena, &b->s, ins, outs);
    hone_cpu_call call = {.op = b->s.lower.op,
                          .attrs = &attrs,
                          .n_in = b->s.n_in - has_gate,
                          .n_out = b->s.n_out - has_sums,
                          .in = ins,
                          .out = outs,
                          .env = &env};
    if (has_gate) {
        apply_gate(b, &in[0], &in[b->s.n_in - 1], b->s.in[0].dtype);
        attrs.conv.gate = 0;
    }
    HONE_TRY(hone_cpu_run_once(&call));
    if (has_sums)
        add_pixels(&b->want[0], &b->want[1]);
    return HONE_OK;
}

static bool is_wanted(const bench *b, const hone_candidate *c)
{
    return !b->kernel || strstr(c->kernel->name, b->kernel);
}

/* The candidate number `which` of every part (the last where there are fewer), or NULL. */
static const hone_candidate *choose(const bench *b, int part, int which)
{
    const hone_candidate *c = NULL;

    for (const hone_candidate *i = b->s.lower.first; i; i = i->next)
        if (i->part == part && is_wanted(b, i) && which-- >= 0)
            c = i;
    return c;
}

/* Input i as the candidate wants it. */
static const void *packed(bench *b, const hone_candidate *c, int i, size_t *size)
{
    const hone_tensor *t = &b->s.in[i];

    *size = t->size;
    if (i >= HONE_GPU_PACKED || c->packing[i].dtype == HONE_NONE)
        return t->data;
    *size = hone_gpu_packed_size(&c->packing[i]);
    void *to = room(b, *size);
    hone_gpu_pack_into(&c->packing[i], t->dtype, t->data, to);
    return to;
}

/* Input i as candidate c wants it; where it is packed, c may want it otherwise than the one before.
 */
static hone_status upload_input(bench *b, const hone_candidate *c, int i)
{
    size_t size;
    const void *data = packed(b, c, i, &size);

    if (b->in[i].size)
        hone_cuda_memory_fini(b->device, b->stream, &b->in[i]);
    HONE_TRY(hone_cuda_memory_init(b->device, size, b->stream, &b->in[i]));
    return hone_cuda_upload(b->staging, b->stream, b->in[i].at, data, size);
}

static hone_status repack(bench *b, const hone_candidate *before, const hone_candidate *c)
{
    for (int i = 0; i < HONE_MIN(b->s.n_in, HONE_GPU_PACKED); i++)
        if (b->s.ins[i] && !hone_gpu_packing_equal(&before->packing[i], &c->packing[i]))
            HONE_TRY(upload_input(b, c, i));
    return HONE_OK;
}

static hone_status upload(bench *b)
{
    for (int i = 0; i < b->s.n_in; i++)
        if (b->s.ins[i])
            HONE_TRY(upload_input(b, choose(b, 0, 0), i));
    for (int k = 0; k < b->s.n_out; k++)
        HONE_TRY(hone_cuda_memory_init(b->device, b->s.out[k].size + GUARD, b->stream, &b->out[k]));
    return HONE_OK;
}

static void drop(bench *b)
{
    for (int i = 0; i < ROW_TENSORS; i++) {
        if (b->in[i].size)
            hone_cuda_memory_fini(b->device, b->stream, &b->in[i]);
        if (b->out[i].size)
            hone_cuda_memory_fini(b->device, b->stream, &b->out[i]);
        b->in[i] = b->out[i] = (hone_cuda_memory){0};
    }
    for (int k = 0; k < ROW_TENSORS; k++)
        for (int i = 0; i < ROOM; i++)
            if (b->compiled[k][i].is_there)
                hone_nvrtc_result_fini(NULL, &b->compiled[k][i].result);
    memset(b->compiled, 0, sizeof b->compiled);
}

/* ---- launches ---- */

typedef struct loaded {
    const hone_candidate *c;
    CUmodule module;
    uint64_t slots[HONE_GPU_ARGS];
    void *args[HONE_GPU_ARGS];
    hone_cuda_launch launch;
} loaded;

static void bind(bench *b, loaded *l)
{
    int n = 0;

    for (int i = 0; i < l->c->n_args; i++) {
        const hone_gpu_arg *a = &l->c->args[i];
        switch (a->kind) {
        case HONE_GPU_IN: l->slots[i] = b->in[a->index].at; break;
        case HONE_GPU_OUT: l->slots[i] = b->out[a->index].at; break;
        case HONE_GPU_NUMBER: l->slots[i] = (uint64_t)a->number; break;
        case HONE_GPU_NOTHING: l->slots[i] = 0; break;
        case HONE_GPU_SCRATCH: l->slots[i] = b->scratch.at; break;
        case HONE_GPU_TICKETS: l->slots[i] = b->tickets.at; break;
        }
        if (!a->is_joined)
            l->args[n++] = &l->slots[i];
    }
    l->launch.args = l->args;
}

static hone_status load(bench *b, const compiled *from, loaded *l)
{
    const hone_candidate *c = from->c;
    const hone_cuda_kernel_options o = {.shared_bytes = c->shared_bytes, .carveout = 100};
    hone_cuda_kernel kernel;

    *l = (loaded){.c = c};
    if (!from->is_there)
        return hone_error(HONE_ERR_BUILD, "%s", from->fault);
    if (c->scratch_bytes > b->scratch.size || c->n_tickets * 4 > b->tickets.size)
        return hone_error(HONE_ERR_BUILD, "%zu bytes of scratch, %zu tickets", c->scratch_bytes,
                          c->n_tickets);
    HONE_TRY(hone_cuda_module_load(b->device, from->result.image, c->kernel->name, &l->module));
    HONE_TRY(hone_cuda_kernel_find(b->device, l->module, c->kernel->name, &o, &kernel));
    l->launch.function = kernel.function;
    l->launch.shared_bytes = c->shared_bytes;
    memcpy(l->launch.grid, c->grid, sizeof c->grid);
    memcpy(l->launch.block, c->block, sizeof c->block);
    memcpy(l->launch.cluster, c->cluster, sizeof c->cluster);
    bind(b, l);
    return HONE_OK;
}

static int compare_floats(const void *x, const void *y)
{
    const float a = *(const float *)x, b = *(const float *)y;

    return (a > b) - (a < b);
}

/* Microseconds of one launch among LAUNCHES, each waiting for the one before. */
static hone_status time_graph(bench *b, const loaded *l, float *us)
{
    hone_cuda_graph *graph = NULL;
    hone_cuda_exec *exec = NULL;
    CUevent start = NULL, end = NULL;
    CUgraphNode node = NULL;
    float times[REPLAYS];
    hone_status st;

    HONE_TRY_OUT(hone_cuda_event_create(b->device, true, &start));
    HONE_TRY_OUT(hone_cuda_event_create(b->device, true, &end));
    HONE_TRY_OUT(hone_cuda_graph_create(b->device, &graph));
    for (int k = 0; k < LAUNCHES; k++) {
        const hone_cuda_edge edge = {node, true};
        HONE_TRY_OUT(hone_cuda_graph_kernel(graph, &l->launch, &edge, k > 0, &node));
    }
    HONE_TRY_OUT(hone_cuda_exec_create(graph, b->stream, &exec));
    for (int i = -3; i < REPLAYS; i++) { /* the first three warm up */
        HONE_TRY_OUT(HONE_CU(b->device, cuEventRecord, start, b->stream));
        HONE_TRY_OUT(hone_cuda_exec_launch(exec, b->stream));
        HONE_TRY_OUT(HONE_CU(b->device, cuEventRecord, end, b->stream));
        HONE_TRY_OUT(HONE_CU(b->device, cuEventSynchronize, end));
        HONE_TRY_OUT(HONE_CU(b->device, cuEventElapsedTime, &times[i < 0 ? 0 : i], start, end));
    }
    qsort(times, REPLAYS, sizeof times[0], compare_floats);
    *us = times[REPLAYS / 2] * 1000 / LAUNCHES;
out:
    hone_cuda_exec_destroy(exec);
    hone_cuda_graph_destroy(graph);
    hone_cuda_event_destroy(b->device, end);
    hone_cuda_event_destroy(b->device, start);
    return st;
}

/* ---- one case ---- */

static double tolerance_of(const bench *b, hone_dtype dtype)
{
    if (b->is_tf32)
        return 4e-3;
    return dtype == HONE_F16 ? 2e-3 : dtype == HONE_BF16 ? 1.6e-2 : dtype == HONE_F32 ? 2e-5 : 0;
}

/* The root mean square of what is finite: errors are measured by it and by the element's own size.
 */
static double scale_of(const hone_tensor *t)
{
    double sum = 0;
    int64_t n = 0;

    for (int64_t i = 0; i < hone_tensor_count(t); i++) {
        const double x = hone_element_double(t->dtype, t->data, i);
        if (isfinite(x)) {
            sum += x * x;
            n++;
        }
    }
    return sqrt(sum / (double)HONE_MAX(n, 1)) + 1e-30;
}

static hone_status compare(bench *b, int k)
{
    const hone_tensor *t = &b->s.out[k];
    const double tolerance = tolerance_of(b, t->dtype);
    unsigned char *found = room(b, t->size);

    HONE_TRY(hone_cuda_download(b->staging, b->stream, found, b->out[k].at, t->size + GUARD));
    for (size_t i = t->size; i < t->size + GUARD; i++)
        if (found[i] != POISON)
            return hone_error(HONE_ERR_DEVICE, "output %d: byte %zu behind it is written", k,
                              i - t->size);
    if (b->s.lower.op == HONE_OP_conv && k == 1)
        add_rows(t, (float *)(void *)found);
    const double scale = scale_of(&b->want[k]);
    for (int64_t i = 0; i < hone_tensor_count(t); i++) {
        const double x = hone_element_double(t->dtype, found, i);
        const double want = hone_element_double(b->want[k].dtype, b->want[k].data, i);
        const double error = fabs(x - want) / (scale + fabs(want));
        if (!(error <= tolerance) && !(isnan(x) && isnan(want)) && x != want)
            return hone_error(HONE_ERR_DEVICE, "output %d: element %lld is %g; it has to be %g", k,
                              (long long)i, x, want);
        if (tolerance > 0)
            b->worst = fmax(b->worst, error / tolerance);
    }
    return HONE_OK;
}

static hone_status poison(bench *b)
{
    for (int k = 0; k < b->s.n_out; k++)
        HONE_TRY(
            HONE_CU(b->device, cuMemsetD8Async, b->out[k].at, POISON, b->out[k].size, b->stream));
    return HONE_OK;
}

static int most_of(const bench *b)
{
    int n[ROW_TENSORS] = {0}, most = 0;

    for (const hone_candidate *i = b->s.lower.first; i; i = i->next)
        n[i->part] += is_wanted(b, i);
    for (int p = 0; p < ROW_TENSORS; p++)
        most = HONE_MAX(most, n[p]);
    return b->is_quick ? 1 : HONE_MIN(most, b->tries);
}

/* ---- compiling, on all cores ---- */

static void compile_one(bench *b, compiled *to)
{
    const char *const options[] = {"--diag-suppress=177"};
    const hone_nvrtc_job job = {.source = {to->c->kernel->name, to->text},
                                .arch =
                                    b->device->info.major == 9 ? "sm_90a" : b->device->info.arch,
                                .options = options,
                                .n_options = 1};

    to->is_there = hone_nvrtc_compile(b->nvrtc, NULL, &job, &to->result) == HONE_OK;
    if (!to->is_there)
        snprintf(to->fault, sizeof to->fault, "%s", hone_message());
}

static void *compile_some(void *user)
{
    bench *b = user;
    const int most = most_of(b);
    int i;

    while ((i = __atomic_fetch_add(&b->next, 1, __ATOMIC_RELAXED)) < most * b->s.lower.n_parts)
        compile_one(b, &b->compiled[i / most][i % most]);
    return NULL;
}

static void compile_all(bench *b)
{
    pthread_t threads[WORKERS];
    const int most = most_of(b);
    int n = 0;

    for (int i = 0; i < most * b->s.lower.n_parts; i++) {
        compiled *to = &b->compiled[i / most][i % most];
        to->c = choose(b, i / most, i % most);
        to->text = hone_candidate_text(to->c);
    }
    b->next = 0;
    while (n < WORKERS && pthread_create(&threads[n], NULL, compile_some, b) == 0)
        n++;
    compile_some(b);
    for (int i = 0; i < n; i++)
        pthread_join(threads[i], NULL);
}

/* Runs the parts' candidates number `which`, checks the answers, and times them. */
static hone_status run_choice(bench *b, int which, float *us)
{
    loaded parts[ROW_TENSORS] = {{0}};
    hone_status st;
    int n = 0;

    *us = 0;
    HONE_TRY_OUT(poison(b));
    for (; n < b->s.lower.n_parts; n++) {
        if (b->s.lower.n_parts == 1)
            HONE_TRY_OUT(repack(b, choose(b, 0, HONE_MAX(which - 1, 0)), b->compiled[n][which].c));
        HONE_TRY_OUT(load(b, &b->compiled[n][which], &parts[n]));
        HONE_TRY_OUT(hone_cuda_launch_on(b->device, b->stream, &parts[n].launch));
    }
    HONE_TRY_OUT(hone_cuda_stream_wait(b->device, b->stream));
    for (int k = 0; k < b->s.n_out; k++)
        HONE_TRY_OUT(compare(b, k));
    for (int p = 0; p < n && !b->is_quick; p++) {
        float part_us = 0;
        HONE_TRY_OUT(time_graph(b, &parts[p], &part_us));
        *us += part_us;
    }
    b->n_tried++;
out:
    for (int p = 0; p < ROW_TENSORS; p++)
        hone_cuda_module_unload(b->device, parts[p].module);
    return st;
}

static double bytes_of(const bench *b)
{
    double bytes = 0;

    /* What a gather or a slice leaves out is not read. */
    for (int k = 0; k < b->s.n_out; k++)
        bytes += (double)b->s.out[k].size;
    const double out = bytes;
    for (int i = 0; i < b->s.n_in; i++)
        if (b->s.ins[i])
            bytes += b->s.lower.op == HONE_OP_gather || b->s.lower.op == HONE_OP_slice
                         ? (i == 0 ? out : 0)
                         : (double)b->s.in[i].size;
    return bytes;
}

static hone_status run_case(bench *b, const row_case *c, float *first, float *best,
                            const char **name)
{
    hone_gpu_facts facts = {.arch = b->device->info.major * 10 + b->device->info.minor,
                            .n_sms = b->device->info.multiprocessors,
                            .shared_bytes = b->device->info.shared_per_block};

    b->worst = 0;
    b->n_tried = 0;
    facts.allows_tf32 = b->is_tf32;
    HONE_TRY(row_lower(b->arena, c, facts, &b->s));
    if (!b->s.lower.first)
        return hone_error(HONE_ERR_DEVICE, "nothing is offered");
    for (int i = 0; i < b->s.n_in; i++)
        if (b->s.ins[i])
            fill(b, i);
    if (most_of(b) == 0)
        return HONE_OK;
    HONE_TRY(oracle(b));
    HONE_TRY(upload(b));
    compile_all(b);
    for (int which = 0; which < most_of(b); which++) {
        float us;
        const hone_status st = run_choice(b, which, &us);
        if (st != HONE_OK)
            return hone_while(st, "running %s", hone_candidate_name(choose(b, 0, which)));
        if (b->prints_all)
            printf("    %7.2f %7.2f  %s\n", us, choose(b, 0, which)->us,
                   hone_candidate_name(choose(b, 0, which)));
        if (which == 0)
            *first = us;
        if (which == 0 || us < *best) {
            *best = us;
            *name = hone_candidate_name(choose(b, 0, which));
        }
    }
    return HONE_OK;
}

static hone_status run_one(bench *b, const row_case *c)
{
    const char *name = "";
    float first = 0, best = 0;

    HONE_TRY(hone_arena_create(NULL, 0, &b->arena));
    const hone_status st = run_case(b, c, &first, &best, &name);
    if (st == HONE_OK)
        printf("%-28s %7.2f %7.2f %6.0f %6.2f %2d  %s; %s\n", c->op, best, first,
               best > 0 ? bytes_of(b) / best * 1e-3 : 0, b->worst, b->n_tried, name, c->in);
    else
        printf("%-28s FAIL  %s; %s: %s\n", c->op, c->in, c->attrs, hone_message());
    fflush(stdout);
    drop(b);
    hone_arena_destroy(b->arena);
    return st;
}

static void run_chosen(bench *b, const product_case *p)
{
    const row_case *c = &p->c;

    if (hone_cuda_device_status(b->device) != HONE_OK ||
        (b->only && !strstr(c->op, b->only) && !strstr(c->in, b->only)))
        return;
    b->tries = p->tries;
    b->is_tf32 = p->tf32;
    b->n_failed += run_one(b, c) != HONE_OK;
    b->n_run++;
}

static void run_cases(bench *b)
{
    for (int i = 0; i < LARGE_CASES && b->is_large; i++)
        run_chosen(b, &large_cases[i]);
    if (b->is_large)
        return;
    for (int i = 0; i < ROW_CASES; i++)
        run_chosen(b, &(product_case){row_cases[i], TRIES, false});
    for (int i = 0; i < PRODUCT_CASES; i++)
        run_chosen(b, &product_cases[i]);
    for (int i = 0; i < ATTENTION_CASES; i++)
        run_chosen(b, &attention_cases[i]);
    for (int i = 0; i < MANY_CASES; i++)
        run_chosen(b, &many_cases[i]);
    for (int i = 0; i < STEM_CASES; i++)
        run_chosen(b, &stem_cases[i]);
}

static hone_status open_all(bench *b, const char *label)
{
    const hone_cuda *cu;
    int ordinal;

    HONE_TRY(hone_cuda_ordinal_parse(label, &ordinal));
    HONE_TRY(hone_cuda_open(&cu));
    HONE_TRY(hone_nvrtc_open(&b->nvrtc));
    HONE_TRY(hone_cuda_device_open(cu, ordinal, NULL, &b->device));
    HONE_TRY(hone_cuda_enter(b->device));
    HONE_TRY(hone_cuda_stream_create(b->device, 0, &b->stream));
    HONE_TRY(hone_cuda_memory_init(b->device, 64 << 20, b->stream, &b->scratch));
    HONE_TRY(hone_cuda_memory_init(b->device, 1 << 20, b->stream, &b->tickets));
    HONE_TRY(HONE_CU(b->device, cuMemsetD8Async, b->tickets.at, 0, b->tickets.size, b->stream));
    return hone_cuda_staging_create(b->device, 4 << 20, &b->staging);
}

int main(int argc, char **argv)
{
    static bench b;

    b.is_quick = argc > 2 && strcmp(argv[2], "quick") == 0;
    b.is_large = argc > 2 && strcmp(argv[2], "large") == 0;
    b.prints_all = b.is_large || (argc > 2 && strcmp(argv[2], "all") == 0);
    b.only = argc > 3 ? argv[3] : NULL;
    b.kernel = argc > 4 ? argv[4] : NULL;
    hone_cpu_init();
    const hone_status st = open_all(&b, argc > 1 ? argv[1] : "cuda");
    if (st != HONE_OK) {
        printf("SKIP %s\n", hone_message());
        return st == HONE_ERR_UNSUPPORTED || !b.device ? SKIPPED : 1;
    }
    printf("%s\n%-28s %7s %7s %6s %6s %2s  %s\n", b.device->label, "operator", "us", "first",
           "GB/s", "error", "n", "fastest; inputs");
    run_cases(&b);
    printf("%d cases, %d failed; error is a part of the tolerance\n", b.n_run, b.n_failed);
    hone_cuda_memory_fini(b.device, b.stream, &b.scratch);
    hone_cuda_memory_fini(b.device, b.stream, &b.tickets);
    hone_cuda_staging_destroy(b.staging);
    hone_cuda_stream_destroy(b.device, b.stream);
    hone_cuda_leave(b.device);
    hone_cuda_device_close(b.device);
    return b.n_failed != 0;
}
