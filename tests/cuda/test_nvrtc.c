/* NVRTC: every architecture that Hone has kernels for compiles here, without a GPU; faults of the
 * source are told with the compiler's own words. Skipped, with the reason, where there is none. */
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "base/file.h"
#include "cuda/nvrtc.h"

static const char *const archs[] = {"sm_75",   "sm_80",   "sm_86",   "sm_87",   "sm_89",  "sm_90a",
                                    "sm_100a", "sm_103a", "sm_110a", "sm_120a", "sm_121a"};

static const hone_nvrtc_text header = {
    "scale.cuh", "template <typename T> struct scale { static constexpr T by = 3; };\n"};
static const hone_nvrtc_text source = {"probe.cu",
                                       "#include \"scale.cuh\"\n"
                                       "using T = float;\n"
                                       "constexpr int N = 64;\n"
                                       "extern \"C\" __global__ void probe(const T *x, T *y)\n"
                                       "{\n"
                                       "    const int i = blockIdx.x * blockDim.x + threadIdx.x;\n"
                                       "    if (i < N)\n"
                                       "        y[i] = x[i] * scale<T>::by;\n"
                                       "}\n"};

static const hone_nvrtc *nvrtc;

static int open_nvrtc(void **state)
{
    (void)state;
    if (hone_nvrtc_open(&nvrtc) != HONE_OK)
        printf("SKIP %s\n", hone_message());
    return 0;
}

static hone_nvrtc_job job_for(const char *arch)
{
    return (hone_nvrtc_job){.source = source, .headers = &header, .n_headers = 1, .arch = arch};
}

static void test_nvrtc_describes_itself(void **state)
{
    (void)state;
    if (!nvrtc)
        skip();
    const hone_nvrtc_info *info = hone_nvrtc_describe(nvrtc);
    printf("NVRTC %d.%d: %s; headers in %s\n", info->major, info->minor, info->file,
           info->include ? info->include : "no folder");
    assert_true(info->major >= 11);
    assert_true(info->n_archs > 0);
    for (int i = 1; i < info->n_archs; i++)
        assert_true(info->archs[i] > info->archs[i - 1]);
}

static void test_nvrtc_compiles_every_arch(void **state)
{
    (void)state;
    if (!nvrtc)
        skip();
    for (int i = 0; i < HONE_COUNT(archs); i++) {
        const hone_nvrtc_job job = job_for(archs[i]);
        hone_nvrtc_result result;
        if (!hone_nvrtc_has_arch(nvrtc, archs[i])) {
            printf("SKIP %s: this NVRTC does not know it\n", archs[i]);
            continue;
        }
        if (hone_nvrtc_compile(nvrtc, NULL, &job, &result) != HONE_OK)
            fail_msg("%s", hone_message());
        assert_true(result.image.size > 64);
        assert_memory_equal(result.image.data,
                            "\x7f"
                            "ELF",
                            4);
        hone_nvrtc_result_fini(NULL, &result);
    }
}

/* The kernels that the tests on a GPU run. */
static void test_nvrtc_compiles_the_smoke_test(void **state)
{
    hone_map map;
    char *text = NULL;

    (void)state;
    if (!nvrtc)
        skip();
    assert_int_equal(hone_map_open(HONE_TESTS_DIR "/gpu/smoke.cu", &map), HONE_OK);
    assert_int_equal(hone_alloc_zero(NULL, map.bytes.size + 1, (void **)&text), HONE_OK);
    memcpy(text, map.bytes.data, map.bytes.size);
    for (int i = 0; i < HONE_COUNT(archs); i++) {
        const hone_nvrtc_job job = {.source = {"smoke.cu", text}, .arch = archs[i]};
        hone_nvrtc_result result;
        if (!hone_nvrtc_has_arch(nvrtc, archs[i]))
            continue;
        if (hone_nvrtc_compile(nvrtc, NULL, &job, &result) != HONE_OK)
            fail_msg("%s", hone_message());
        assert_string_equal(result.log, "");
        hone_nvrtc_result_fini(NULL, &result);
    }
    hone_free(NULL, text, map.bytes.size + 1);
    hone_map_close(&map);
}

static void test_nvrtc_makes_ptx(void **state)
{
    const hone_nvrtc_job job = job_for("compute_80");
    hone_nvrtc_result result;

    (void)state;
    if (!nvrtc)
        skip();
    assert_int_equal(hone_nvrtc_compile(nvrtc, NULL, &job, &result), HONE_OK);
    assert_non_null(strstr((const char *)result.image.data, ".target sm_80"));
    assert_int_equal(result.image.data[result.image.size - 1], 0);
    hone_nvrtc_result_fini(NULL, &result);
}

/* The same source twice: plans have to come out the same, byte for byte. */
static void test_nvrtc_repeats_itself(void **state)
{
    const hone_nvrtc_job job = job_for("sm_80");
    hone_nvrtc_result a, b;

    (void)state;
    if (!nvrtc)
        skip();
    assert_int_equal(hone_nvrtc_compile(nvrtc, NULL, &job, &a), HONE_OK);
    assert_int_equal(hone_nvrtc_compile(nvrtc, NULL, &job, &b), HONE_OK);
    assert_true(hone_bytes_equal(a.image, b.image));
    hone_nvrtc_result_fini(NULL, &a);
    hone_nvrtc_result_fini(NULL, &b);
}

static void *compile_in_thread(void *out)
{
    const hone_nvrtc_job job = job_for("sm_80");

    if (hone_nvrtc_compile(nvrtc, NULL, &job, out) != HONE_OK)
        *(hone_nvrtc_result *)out = (hone_nvrtc_result){{NULL, 0}, NULL, 0};
    return NULL;
}

static void test_nvrtc_compiles_in_threads(void **state)
{
    enum {
        THREADS = 4
    };
    hone_nvrtc_result results[THREADS];
    pthread_t threads[THREADS];

    (void)state;
    if (!nvrtc)
        skip();
    for (int i = 0; i < THREADS; i++)
        assert_int_equal(pthread_create(&threads[i], NULL, compile_in_thread, &results[i]), 0);
    for (int i = 0; i < THREADS; i++)
        pthread_join(threads[i], NULL);
    for (int i = 0; i < THREADS; i++) {
        assert_true(results[i].image.size > 0);
        assert_true(hone_bytes_equal(results[i].image, results[0].image));
    }
    for (int i = 0; i < THREADS; i++)
        hone_nvrtc_result_fini(NULL, &results[i]);
}

static void test_nvrtc_sees_cuda_headers(void **state)
{
    hone_nvrtc_job job = job_for("sm_80");
    hone_nvrtc_result result;

    (void)state;
    if (!nvrtc || !hone_nvrtc_describe(nvrtc)->include)
        skip();
    job.source.text = "#include <cuda_fp16.h>\nextern \"C\" __global__ void f(__half *x) { *x = "
                      "__hadd(*x, *x); }\n";
    if (hone_nvrtc_compile(nvrtc, NULL, &job, &result) != HONE_OK)
        fail_msg("%s", hone_message());
    hone_nvrtc_result_fini(NULL, &result);
}

typedef struct fault {
    const char *text, *arch, *option;
    const char *says;
} fault;

static const fault faults[] = {
    {"extern \"C\" __global__ void f() { nonsense; }", "sm_80", NULL, "\"nonsense\" is undefined"},
    {"#include \"absent.cuh\"\n", "sm_80", NULL, "absent.cuh"},
    {"__global__ void f() {}", "sm_20", NULL, "does not know this architecture"},
    {"__global__ void f() {}", "sm_80", "--no-such-option", "probe.cu for sm_80"},
    {"#error first\n#error second\n", "sm_80", NULL, "first"},
};

static void test_nvrtc_explains_faults(void **state)
{
    (void)state;
    if (!nvrtc)
        skip();
    for (int i = 0; i < HONE_COUNT(faults); i++) {
        hone_nvrtc_job job = job_for(faults[i].arch);
        hone_nvrtc_result result;
        job.source.text = faults[i].text;
        job.options = &faults[i].option;
        job.n_options = faults[i].option != NULL;
        assert_int_equal(hone_nvrtc_compile(nvrtc, NULL, &job, &result), HONE_ERR_BUILD);
        if (!strstr(hone_message(), faults[i].says))
            fail_msg("case %d: \"%s\" is not in: %s", i, faults[i].says, hone_message());
    }
}

/* A log of any length fits the message, whole lines only. */
static void test_nvrtc_cuts_long_logs(void **state)
{
    hone_nvrtc_job job = job_for("sm_80");
    hone_nvrtc_result result;
    char text[8000] = "";

    (void)state;
    if (!nvrtc)
        skip();
    for (int i = 0; i < 80; i++)
        snprintf(text + strlen(text), sizeof text - strlen(text), "int v%d = unknown_%d;\n", i, i);
    job.source.text = text;
    assert_int_equal(hone_nvrtc_compile(nvrtc, NULL, &job, &result), HONE_ERR_BUILD);
    assert_non_null(strstr(hone_message(), "unknown_0"));
    assert_true(strlen(hone_message()) < 2000);
}

static void test_nvrtc_that_is_none(void **state)
{
    hone_nvrtc *none;

    (void)state;
    assert_int_equal(hone_nvrtc_load("/nowhere/libnvrtc.so", &none), HONE_ERR_UNSUPPORTED);
    assert_non_null(strstr(hone_message(), "opening NVRTC"));
    assert_int_equal(hone_nvrtc_load("libm.so.6", &none), HONE_ERR_UNSUPPORTED);
    assert_non_null(strstr(hone_message(), "nvrtcVersion"));
}

typedef struct tried {
    char first[256];
    int n;
} tried;

static bool note(void *user, const char *file)
{
    tried *t = user;

    if (t->n++ == 0)
        snprintf(t->first, sizeof t->first, "%s", file);
    return false;
}

/* What the variable names is tried and nothing else. */
static void test_nvrtc_named_by_the_user(void **state)
{
    tried t = {"", 0};

    (void)state;
    setenv("HONE_NVRTC", "/some/where/libnvrtc.so.12", 1);
    assert_false(hone_nvrtc_find(note, &t));
    assert_int_equal(t.n, 1);
    assert_string_equal(t.first, "/some/where/libnvrtc.so.12");
    unsetenv("HONE_NVRTC");
    t = (tried){"", 0};
    assert_false(hone_nvrtc_find(note, &t));
    assert_true(t.n >= 4);
    assert_string_equal(t.first, "libnvrtc.so.13");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_nvrtc_describes_itself),
        cmocka_unit_test(test_nvrtc_compiles_every_arch),
        cmocka_unit_test(test_nvrtc_compiles_the_smoke_test),
        cmocka_unit_test(test_nvrtc_makes_ptx),
        cmocka_unit_test(test_nvrtc_repeats_itself),
        cmocka_unit_test(test_nvrtc_compiles_in_threads),
        cmocka_unit_test(test_nvrtc_sees_cuda_headers),
        cmocka_unit_test(test_nvrtc_explains_faults),
        cmocka_unit_test(test_nvrtc_cuts_long_logs),
        cmocka_unit_test(test_nvrtc_that_is_none),
        cmocka_unit_test(test_nvrtc_named_by_the_user),
    };
    return cmocka_run_group_tests(tests, open_nvrtc, NULL);
}
