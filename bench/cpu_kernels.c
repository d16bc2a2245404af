/* Times the CPU's contraction kernels on shapes of well-known networks, one thread, and prints
 * GFLOP/s beside the share of this machine's peak, which is measured first by a product that stays
 * in the first cache level. docs/kernels/cpu_gemm.md keeps the figures. Best of some runs in about
 * 50 ms a shape; inputs are warm, as they are inside a network. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "cpu/vector.h"
#include "op/program.h"

typedef struct shape {
    const char *name;
    int op;
    int64_t m, n, k; /* matmul; trans_b where batch < 0 */
    int64_t batch;
    int64_t in, channels, outputs, kernel, stride, group; /* conv: square pictures, channels last */
    bool dynamic;                                         /* B is no constant */
    int epilogue;                                         /* 0 none, 1 relu, 2 silu */
} shape;

#define CONV(name, in, channels, outputs, kernel, stride, group, epilogue)                         \
    {                                                                                              \
        name, HONE_OP_conv, 0, 0, 0, 0, in, channels, outputs, kernel, stride, group, false,       \
            epilogue                                                                               \
    }
#define MATMUL(name, batch, m, n, k, dynamic)                                                      \
    {                                                                                              \
        name, HONE_OP_matmul, m, n, k, batch, 0, 0, 0, 0, 0, 0, dynamic, 0                         \
    }

#define POINTWISE(name, n, epilogue)                                                               \
    {                                                                                              \
        name, HONE_OP_pointwise, 0, n, 0, 0, 0, 0, 0, 0, 0, 0, true, epilogue                      \
    }

static const shape shapes[] = {
    MATMUL("peak 48x64x256", 1, 48, 64, 256, false),
    CONV("resnet50 stem 7x7", 224, 3, 64, 7, 2, 1, 1),
    CONV("one channel 3x3", 224, 1, 32, 3, 1, 1, 1),
    CONV("yunet stem 3x3/2", 480, 3, 16, 3, 2, 1, 1),
    CONV("yunet 80 dw 3x3 64", 80, 64, 64, 3, 1, 64, 1),
    CONV("yunet 160 1x1 16-32", 160, 16, 32, 1, 1, 1, 0),
    CONV("resnet50 56 1x1 64-64", 56, 64, 64, 1, 1, 1, 1),
    CONV("resnet50 56 3x3 64", 56, 64, 64, 3, 1, 1, 1),
    CONV("resnet50 56 1x1 64-256", 56, 64, 256, 1, 1, 1, 1),
    CONV("resnet50 56 1x1 256-64", 56, 256, 64, 1, 1, 1, 1),
    CONV("resnet50 28 3x3 128", 28, 128, 128, 3, 1, 1, 1),
    CONV("resnet50 28 1x1 512-128", 28, 512, 128, 1, 1, 1, 1),
    CONV("resnet50 14 3x3 256", 14, 256, 256, 3, 1, 1, 1),
    CONV("resnet50 14 1x1 256-1024", 14, 256, 1024, 1, 1, 1, 1),
    CONV("resnet50 7 3x3 512", 7, 512, 512, 3, 1, 1, 1),
    CONV("resnet50 7 1x1 2048-512", 7, 2048, 512, 1, 1, 1, 1),
    CONV("vgg 224 3x3 64", 224, 64, 64, 3, 1, 1, 1),
    CONV("vgg 28 3x3 512", 28, 512, 512, 3, 1, 1, 1),
    CONV("mobilenet 112 1x1 32-16", 112, 32, 16, 1, 1, 1, 0),
    CONV("mobilenet 56 1x1 24-144", 56, 24, 144, 1, 1, 1, 1),
    CONV("mobilenet 14 1x1 96-576", 14, 96, 576, 1, 1, 1, 1),
    CONV("mobilenet 112 dw 3x3 32", 112, 32, 32, 3, 1, 32, 1),
    CONV("mobilenet 56 dw 3x3/2 144", 56, 144, 144, 3, 2, 144, 1),
    CONV("mobilenet 14 dw 3x3 576", 14, 576, 576, 3, 1, 576, 1),
    CONV("efficientnet 14 dw 5x5 672", 14, 672, 672, 5, 1, 672, 2),
    CONV("efficientnet 14 dw 5x5 672 relu", 14, 672, 672, 5, 1, 672, 1),
    CONV("efficientnet 28 1x1 40-240 silu", 28, 40, 240, 1, 1, 1, 2),
    CONV("shufflenet 28 1x1 g3 240", 28, 240, 240, 1, 1, 3, 1),
    MATMUL("bert 128x768x768", 1, 128, 768, 768, false),
    MATMUL("bert 128x3072x768", 1, 128, 3072, 768, false),
    MATMUL("bert qk 12x128x128x64", -12, 128, 128, 64, true),
    MATMUL("bert av 12x128x64x128", 12, 128, 64, 128, true),
    MATMUL("gemv 1000x2048", 1, 1, 1000, 2048, false),
    MATMUL("gemv 512x128", 1, 1, 512, 128, false),
    MATMUL("gemv dynamic 512x128 trans_b", -1, 1, 512, 128, true),
    MATMUL("tiny 1x16x16", 1, 1, 16, 16, false),
    POINTWISE("pointwise relu 128k", 131072, 1),
    POINTWISE("pointwise silu 128k", 131072, 2),
    POINTWISE("pointwise tanh 128k", 131072, 3),
    POINTWISE("pointwise relu 100", 100, 1),
};

static const hone_instr relu[] = {{.op = HONE_SCALAR_relu}};
static const hone_instr silu[] = {{.op = HONE_SCALAR_sigmoid},
                                  {.op = HONE_SCALAR_mul, .arg = {0, 1}}};
static const hone_instr tanh_1[] = {{.op = HONE_SCALAR_tanh}};
static const hone_program programs[] = {
    [1] = {1, 1, relu}, [2] = {1, 2, silu}, [3] = {1, 1, tanh_1}};

static clockid_t time_of = CLOCK_THREAD_CPUTIME_ID; /* of one thread: other programs do not count */

static double now(void)
{
    struct timespec t;
    clock_gettime(time_of, &t);
    return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

static void *room(size_t size)
{
    void *p = aligned_alloc(64, (size + 127) / 64 * 64);
    for (size_t i = 0; i < size / 4; i++)
        ((float *)p)[i] = (float)(i % 17) * 0.01f - 0.08f;
    return p;
}

typedef struct run {
    hone_cpu_call call;
    hone_attrs attrs;
    hone_tensor in[3], out[1];
    hone_tensor *in_p[3], *out_p[1];
    int64_t ints[8];
    double flop;
} run;

static void tensor(hone_tensor *t, hone_dims dims)
{
    size_t size = 0;
    *t = (hone_tensor){.dtype = HONE_F32, .shape = dims};
    if (!hone_dims_size(HONE_F32, &dims, &size))
        exit(1);
    t->data = room(size);
    t->size = size;
}

static void make_conv(run *r, const shape *s)
{
    const int64_t pad = s->kernel / 2, out = (s->in + 2 * pad - s->kernel) / s->stride + 1;

    r->ints[0] = r->ints[1] = s->stride;
    r->ints[2] = r->ints[3] = r->ints[4] = r->ints[5] = pad;
    r->attrs.conv = (hone_attrs_conv){.group = s->group,
                                      .strides = {2, r->ints},
                                      .pads = {4, r->ints + 2},
                                      .layout = HONE_LAYOUT_LAST,
                                      .program = s->epilogue ? &programs[s->epilogue] : NULL};
    tensor(&r->in[0], (hone_dims){4, {1, s->in, s->in, s->channels}});
    tensor(&r->in[1], (hone_dims){4, {s->outputs, s->channels / s->group, s->kernel, s->kernel}});
    tensor(&r->in[2], (hone_dims){1, {s->outputs}});
    tensor(&r->out[0], (hone_dims){4, {1, out, out, s->outputs}});
    r->call.n_in = 3;
    r->flop =
        2.0 * (double)(out * out * s->outputs * s->kernel * s->kernel * (s->channels / s->group));
}

static void make_matmul(run *r, const shape *s)
{
    const bool trans = s->batch < 0;
    const int64_t batch = trans ? -s->batch : s->batch;

    r->attrs.matmul = (hone_attrs_matmul){.trans_b = trans, .alpha = 1.0f};
    tensor(&r->in[0], (hone_dims){3, {batch, s->m, s->k}});
    tensor(&r->in[1], (hone_dims){3, {batch, trans ? s->n : s->k, trans ? s->k : s->n}});
    tensor(&r->out[0], (hone_dims){3, {batch, s->m, s->n}});
    r->call.n_in = 2;
    r->flop = 2.0 * (double)(batch * s->m * s->n * s->k);
}

/* Its "flop" are its elements. */
static void make_pointwise(run *r, const shape *s)
{
    r->attrs.pointwise = (hone_attrs_pointwise){.program = &programs[s->epilogue], .to = HONE_F32};
    tensor(&r->in[0], (hone_dims){1, {s->n}});
    tensor(&r->out[0], (hone_dims){1, {s->n}});
    r->call.n_in = 1;
    r->flop = (double)s->n;
}

static double time_shape(const shape *s, hone_pool *pool, double *flop)
{
    run r = {0};
    const hone_cpu_kernel *kernel = hone_cpu_kernel_of(s->op);
    void *packed = NULL;
    double best = 1e9;

    for (int i = 0; i < 3; i++)
        r.in_p[i] = &r.in[i];
    r.out_p[0] = &r.out[0];
    r.call = (hone_cpu_call){
        .op = s->op, .attrs = &r.attrs, .n_out = 1, .in = r.in_p, .out = r.out_p, .pool = pool};
    if (s->op == HONE_OP_conv)
        make_conv(&r, s);
    else if (s->op == HONE_OP_matmul)
        make_matmul(&r, s);
    else
        make_pointwise(&r, s);
    if (!s->dynamic) {
        packed = room(kernel->pack_size(&r.call));
        kernel->pack(&r.call, packed);
        r.call.packed = packed;
    }
    r.call.scratch = room((kernel->scratch ? kernel->scratch(&r.call) : 0) + 64);
    const double end = now() + 0.05;
    const int inner = r.flop < 1e6 ? 200 : r.flop < 1e8 ? 5 : 1;
    do {
        const double t = now();
        for (int i = 0; i < inner; i++)
            if (kernel->run(&r.call) != HONE_OK)
                exit(1);
        const double took = (now() - t) / inner;
        best = took < best ? took : best;
    } while (now() < end);
    for (int i = 0; i < 3; i++)
        free(r.in[i].data);
    free(r.out[0].data);
    free(packed);
    free(r.call.scratch);
    *flop = r.flop;
    return best;
}

int main(int argc, char **argv)
{
    const char *only = argc > 1 ? argv[1] : "";
    const hone_pool_options options = {.n_threads = argc > 2 ? atoi(argv[2]) : 1};
    hone_pool *pool;
    double peak = 0;

    hone_cpu_init();
    if (options.n_threads > 1)
        time_of = CLOCK_MONOTONIC;
    if (hone_pool_create(NULL, &options, &pool) != HONE_OK)
        return 1;
    printf("%s, %d threads\n%-34s %10s %9s %6s\n", hone_cpu_level_text(hone_cpu_level_now()),
           options.n_threads, "shape", "us", "GFLOP/s", "peak");
    for (size_t i = 0; i < sizeof shapes / sizeof shapes[0]; i++) {
        double flop, t;
        if (i > 0 && !strstr(shapes[i].name, only))
            continue;
        t = time_shape(&shapes[i], pool, &flop);
        if (i == 0)
            peak = flop / t;
        printf("%-34s %10.2f %9.1f %5.0f%%\n", shapes[i].name, t * 1e6, flop / t / 1e9,
               100 * flop / t / peak);
    }
    hone_pool_destroy(pool);
    return 0;
}
