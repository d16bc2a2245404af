/* Every kernel compiles, without a word from the compiler, for every architecture that it says it
 * runs on, at knobs that reach each of its branches. Skipped, with the reason, where there is no
 * NVRTC. */
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "cuda/nvrtc.h"
#include "support/contraction.h"

static const char *const archs[] = {"sm_75",   "sm_80",   "sm_86",   "sm_87",   "sm_89",  "sm_90a",
                                    "sm_100a", "sm_103a", "sm_110a", "sm_120a", "sm_121a"};
enum {
    ARCHS = sizeof archs / sizeof *archs,
    THREADS = 2
};

typedef struct setting {
    problem problem;
    tile tile;
} setting;

static const setting settings[] = {
    /* A 3 x 3 convolution with everything behind it, K over the warps and a cluster. */
    {{"conv", F16, F16, 1, 14, 14, 256, 256, 3, 1, 1, 1, RELU, .has_bias = true,
      .has_residual = true},
     {false, 32, 64, 64, 2, 2, 2, 4, 4, true}},
    /* bfloat16, strided, K over the grid, few columns. */
    {{"strided", BF16, BF16, 2, 28, 28, 64, 21, 3, 2, 1, 2, SILU, .has_bias = true},
     {false, 64, 32, 32, 2, 2, 1, 3, 2, false}},
    /* A product of two activations, one of them [K, N]; float32 out. */
    {{"values", F16, F32, 1, 1, 128, 128, 64, 1, 1, 0, 1, .activation = NONE, .w_is_variable = true,
      .w_is_kn = true, .z = 12},
     {false, 128, 64, 64, 4, 2, 1, 3, 1, false}},
    /* tf32, both ways round. */
    {{"tf32", F32, F32, 1, 1, 128, 768, 768, 1, 1, 0, 1, GELU, .has_bias = true,
      .has_residual = true},
     {false, 16, 64, 32, 1, 2, 4, 4, 1, false}},
    {{"tf32 kn", F32, F32, 1, 1, 128, 128, 64, 1, 1, 0, 1, .activation = CLIP, .w_is_kn = true},
     {false, 32, 32, 32, 2, 1, 1, 3, 1, false}},
    {{"exact", F32, F32, 1, 7, 7, 3, 10, 3, 1, 1, 1, RELU, .has_bias = true, .has_residual = true},
     {true, 64, 64, 16, 16, 16, 1, 1, 2, false}},
    {{"exact f16", F16, F16, 1, 1, 50, 30, 10, 1, 1, 0, 1, .activation = NONE, .w_is_kn = true},
     {true, 32, 64, 16, 8, 16, 1, 1, 1, false}},
    {{"exact bf16", BF16, F32, 1, 1, 50, 30, 10, 1, 1, 0, 1, .activation = NONE},
     {true, 32, 32, 16, 8, 8, 1, 1, 1, false}},
};
enum {
    SETTINGS = sizeof settings / sizeof *settings
};

static const hone_nvrtc *nvrtc;

static int open_nvrtc(void **state)
{
    (void)state;
    if (hone_nvrtc_open(&nvrtc) != HONE_OK)
        printf("SKIP %s\n", hone_message());
    return 0;
}

/* A kernel's first setting is compiled for every architecture, the others for one in turn; cells
 * are taken by several threads. */
typedef struct work {
    int next; /* atomic */
    int done; /* atomic: compiled */
    char fault[THREADS][1024];
} work;
typedef struct worker {
    work *work;
    char *fault;
} worker;

static void compile_cell(worker *me, const setting *s, const char *arch)
{
    const problem p = with_defaults(s->problem);
    char *text = kernel_text_of(&p, &s->tile);
    const char *const options[] = {"--diag-suppress=177"};
    const hone_nvrtc_job job = {
        .source = {p.name, text}, .arch = arch, .options = options, .n_options = 1};
    hone_nvrtc_result result;

    if (hone_nvrtc_compile(nvrtc, NULL, &job, &result) != HONE_OK) {
        snprintf(me->fault, sizeof me->work->fault[0], "%s", hone_message());
    } else {
        if (result.log[0])
            snprintf(me->fault, sizeof me->work->fault[0], "%s for %s: %s", p.name, arch,
                     result.log);
        hone_nvrtc_result_fini(NULL, &result);
        __atomic_add_fetch(&me->work->done, 1, __ATOMIC_RELAXED);
    }
    free(text);
}

static void *compile_cells(void *user)
{
    worker *me = user;
    int i;

    while ((i = __atomic_fetch_add(&me->work->next, 1, __ATOMIC_RELAXED)) < ARCHS * SETTINGS) {
        const setting *s = &settings[i / ARCHS];
        const char *arch = archs[i % ARCHS];
        const hone_kernel_text *kernel =
            hone_kernel_source(s->tile.is_simt ? "gemm_simt" : "conv_implicit_gemm");
        setting cell = *s;
        const bool is_in_turn = s == settings || s->tile.is_simt != s[-1].tile.is_simt ||
                                i % ARCHS == i / ARCHS % ARCHS;
        if (!is_in_turn || atoi(arch + 3) < kernel->arch || !hone_nvrtc_has_arch(nvrtc, arch))
            continue;
        if (atoi(arch + 3) < 90) /* has no clusters: the parts meet in memory */
            cell.tile.is_cluster = false;
        compile_cell(me, &cell, arch);
    }
    return NULL;
}

static void test_kernels_compile_everywhere(void **state)
{
    static work all;
    worker workers[THREADS];
    pthread_t threads[THREADS];

    (void)state;
    if (!nvrtc)
        skip();
    for (int i = 0; i < THREADS; i++) {
        workers[i] = (worker){&all, all.fault[i]};
        assert_int_equal(pthread_create(&threads[i], NULL, compile_cells, &workers[i]), 0);
    }
    for (int i = 0; i < THREADS; i++)
        pthread_join(threads[i], NULL);
    for (int i = 0; i < THREADS; i++)
        if (all.fault[i][0])
            fail_msg("%s", all.fault[i]);
    printf("%d kernels compiled\n", all.done);
    assert_true(all.done > 0);
}

static int count(const char *text, const char *word)
{
    int n = 0;

    for (text = strstr(text, word); text; text = strstr(text + 1, word))
        n++;
    return n;
}

static void test_kernels_are_found_by_name(void **state)
{
    (void)state;
    assert_null(hone_kernel_source("no_such_kernel"));
    for (int i = 0; hone_kernel_at(i); i++) {
        const hone_kernel_text *kernel = hone_kernel_at(i);
        char entry[64];
        assert_ptr_equal(hone_kernel_source(kernel->name), kernel);
        snprintf(entry, sizeof entry, "%s(", kernel->name);
        assert_non_null(strstr(kernel->text, entry));
        assert_null(strstr(kernel->text, "#include"));
        assert_int_equal(count(kernel->text, "#define "), count(kernel->text, "#undef "));
        assert_true(kernel->arch >= 70);
    }
    assert_null(strstr(hone_kernel_prelude(), "#include"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_kernels_are_found_by_name),
        cmocka_unit_test(test_kernels_compile_everywhere),
    };

    return cmocka_run_group_tests(tests, open_nvrtc, NULL);
}
