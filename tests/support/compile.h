/* Compiles texts of kernels by several threads, for every architecture that the project names. */
#ifndef HONE_TESTS_COMPILE_H
#define HONE_TESTS_COMPILE_H

#include <pthread.h>
#include <stdio.h>

#include "cuda/nvrtc.h"
#include "gpu/candidate.h"

static const struct {
    const char *name;
    hone_gpu_facts facts;
} compile_archs[] = {
    {"sm_75", {75, 40, 65536, false, false}},      {"sm_80", {80, 108, 166912, false, false}},
    {"sm_86", {86, 84, 101376, false, false}},     {"sm_87", {87, 16, 166912, false, false}},
    {"sm_89", {89, 128, 101376, false, false}},    {"sm_90a", {90, 132, 232448, false, false}},
    {"sm_100a", {100, 148, 232448, false, false}}, {"sm_103a", {103, 160, 232448, false, false}},
    {"sm_110a", {110, 20, 232448, false, false}},  {"sm_120a", {120, 170, 101376, false, false}},
    {"sm_121a", {121, 48, 101376, false, false}},
};
enum {
    COMPILE_ARCHS = sizeof compile_archs / sizeof *compile_archs,
    COMPILE_H100 = 5,
    COMPILE_THREADS = 2,
    /* NVRTC takes a second for a text, and is no part of what sanitizers look at. */
#if defined __SANITIZE_ADDRESS__ || defined __SANITIZE_THREAD__
    COMPILE_EVERY = 16,
#else
    COMPILE_EVERY = 1,
#endif
};

typedef struct compile_cell {
    const char *what, *text;
    int arch;
} compile_cell;

typedef struct compile_work {
    const hone_nvrtc *nvrtc;
    const compile_cell *cells;
    int n, next, n_done; /* atomic: the latter two */
    char fault[2048];    /* one of those there were */
} compile_work;

static void compile_one(compile_work *w, const compile_cell *c)
{
    static const char *const options[] = {"--diag-suppress=177"};
    const char *const arch = compile_archs[c->arch].name;
    const hone_nvrtc_job job = {
        .source = {"kernel", c->text}, .arch = arch, .options = options, .n_options = 1};
    hone_nvrtc_result result;

    if (!hone_nvrtc_has_arch(w->nvrtc, arch))
        return;
    if (hone_nvrtc_compile(w->nvrtc, NULL, &job, &result) != HONE_OK) {
        snprintf(w->fault, sizeof w->fault, "%s for %s: %s", c->what, arch, hone_message());
        return;
    }
    if (result.log[0])
        snprintf(w->fault, sizeof w->fault, "%s for %s: %s", c->what, arch, result.log);
    hone_nvrtc_result_fini(NULL, &result);
    __atomic_add_fetch(&w->n_done, 1, __ATOMIC_RELAXED);
}

static void *compile_some(void *user)
{
    compile_work *w = user;
    int i;

    while ((i = __atomic_fetch_add(&w->next, COMPILE_EVERY, __ATOMIC_RELAXED)) < w->n)
        compile_one(w, &w->cells[i]);
    return NULL;
}

/* Fails the test where a text does not compile, or not without a word from the compiler. */
static void compile_all(const hone_nvrtc *nvrtc, const compile_cell *cells, int n)
{
    static compile_work w;
    pthread_t threads[COMPILE_THREADS];

    w = (compile_work){.nvrtc = nvrtc, .cells = cells, .n = n};
    for (int t = 0; t < COMPILE_THREADS; t++)
        assert_int_equal(pthread_create(&threads[t], NULL, compile_some, &w), 0);
    for (int t = 0; t < COMPILE_THREADS; t++)
        pthread_join(threads[t], NULL);
    printf("%d kernels compiled\n", w.n_done);
    if (w.fault[0])
        fail_msg("%s", w.fault);
}

#endif
