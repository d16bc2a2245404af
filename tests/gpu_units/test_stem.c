/* First layers are offered for every case, within the kernels' limits; candidates compile for the
 * architectures that they were offered to. Without NVRTC the latter is skipped, with the reason. */
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "cuda/nvrtc.h"
#include "support/stems.h"

static const struct {
    const char *name;
    hone_gpu_facts facts;
} archs[] = {
    {"sm_90a", {90, 132, 232448, false, false}},   {"sm_75", {75, 40, 65536, false, false}},
    {"sm_80", {80, 108, 166912, false, false}},    {"sm_86", {86, 84, 101376, false, false}},
    {"sm_87", {87, 16, 166912, false, false}},     {"sm_89", {89, 128, 101376, false, false}},
    {"sm_100a", {100, 148, 232448, false, false}}, {"sm_103a", {103, 160, 232448, false, false}},
    {"sm_110a", {110, 20, 232448, false, false}},  {"sm_120a", {120, 170, 101376, false, false}},
    {"sm_121a", {121, 48, 101376, false, false}},
};
enum {
    ARCHS = sizeof archs / sizeof *archs,
    H100 = 0,
    THREADS = 2
};

static const hone_nvrtc *nvrtc;
static hone_arena *arena;

static int set_up(void **state)
{
    (void)state;
    if (hone_nvrtc_open(&nvrtc) != HONE_OK)
        printf("SKIP %s\n", hone_message());
    return hone_arena_create(NULL, 0, &arena);
}

static int tear_down(void **state)
{
    (void)state;
    hone_arena_destroy(arena);
    return 0;
}

static const hone_candidate *lowered(const product_case *p, int arch)
{
    hone_gpu_facts facts = archs[arch].facts;
    row_step s;

    facts.allows_tf32 = p->tf32;
    if (row_lower(arena, &p->c, facts, &s) != HONE_OK)
        fail_msg("%s(%s; %s): %s", p->c.op, p->c.attrs, p->c.in, hone_message());
    return s.lower.first;
}

static void test_every_case_has_candidates(void **state)
{
    (void)state;
    for (int i = 0; i < STEM_CASES; i++)
        for (int a = 0; a < ARCHS; a++) {
            const product_case *p = &stem_cases[i];
            const hone_candidate *c = lowered(p, a);
            double before = 0;
            if (!c)
                fail_msg("%s; %s: nothing is offered for %s", p->c.attrs, p->c.in, archs[a].name);
            for (; c; before = c->us, c = c->next) {
                assert_true(c->us >= before); /* best guess first */
                assert_true(c->grid[0] > 0 && c->grid[1] > 0 && c->grid[2] == 1);
                assert_true(c->block[0] % 32 == 0 && c->block[0] <= 1024);
                assert_true(c->shared_bytes + 1024 <= (uint32_t)archs[a].facts.shared_bytes);
            }
        }
}

static void test_declines(void **state)
{
    static const row_case none[] = {
        {"conv_stem", "", "f32 1x5x9x9; f16 8x5x3x3 const", 1},     /* channels */
        {"conv_stem", "", "f32 1x3x9x9; f16 9x3x3x3 const", 1},     /* columns */
        {"conv_stem", "", "f32 1x3x9x9; f16 8x3x3x3", 1},           /* weights that are computed */
        {"conv_stem", "", "i32 1x3x9x9; f16 8x3x3x3 const", 1},     /* integers */
        {"conv_stem", "", "f32 1x3x40x40; f16 8x3x13x13 const", 1}, /* a large window */
        {"conv_stem", "program=(x0, x1) { r2 = add x0 x1 }",
         "f32 1x3x9x9; f16 8x3x3x3 const; -; f16 1x7x7x8", 1}, /* a picture as operand */
        {"conv_stem", "program=(x0, x1) { r2 = add x0 x1 }",
         "f32 1x3x10x10; f16 8x3x3x3 const; -; f16 8x1x1", 1}, /* one of rows */
    };

    (void)state;
    for (int i = 0; i < HONE_COUNT(none); i++)
        if (lowered(&(product_case){none[i], 0, false}, H100))
            fail_msg("%s(%s; %s) is offered", none[i].op, none[i].attrs, none[i].in);
}

/* ---- compiling ---- */

typedef struct cell {
    const char *what, *text;
    int arch;
} cell;

/* The first case for every architecture, the others for two of them. */
static cell cells[STEM_CASES * 2 + ARCHS];
static int n_cells, next, n_done;
static char faults[THREADS][2048];

static void add_cells(void)
{
    for (int i = 0; i < STEM_CASES; i++)
        for (int k = 0; k < (i == 0 ? ARCHS : 2); k++) {
            const int arch = k == 1 ? (i + 1) % ARCHS : k;
            const hone_candidate *c = lowered(&stem_cases[i], arch);
            cells[n_cells++] = (cell){stem_cases[i].c.in, hone_candidate_text(c), arch};
        }
}

static void *compile_cells(void *user)
{
    static const char *const options[] = {"--diag-suppress=177"};
    char *fault = user;
    int i;

    while ((i = __atomic_fetch_add(&next, 1, __ATOMIC_RELAXED)) < n_cells) {
        const cell *c = &cells[i];
        const char *arch = archs[c->arch].name;
        const hone_nvrtc_job job = {
            .source = {c->what, c->text}, .arch = arch, .options = options, .n_options = 1};
        hone_nvrtc_result result;
        if (!hone_nvrtc_has_arch(nvrtc, arch))
            continue;
        if (hone_nvrtc_compile(nvrtc, NULL, &job, &result) != HONE_OK) {
            snprintf(fault, sizeof faults[0], "%s for %s: %s", c->what, arch, hone_message());
            continue;
        }
        if (result.log[0])
            snprintf(fault, sizeof faults[0], "%s for %s: %s", c->what, arch, result.log);
        hone_nvrtc_result_fini(NULL, &result);
        __atomic_add_fetch(&n_done, 1, __ATOMIC_RELAXED);
    }
    return NULL;
}

static void test_candidates_compile(void **state)
{
    pthread_t threads[THREADS];

    (void)state;
    if (!nvrtc)
        skip();
    add_cells();
    for (int t = 0; t < THREADS; t++)
        pthread_create(&threads[t], NULL, compile_cells, faults[t]);
    for (int t = 0; t < THREADS; t++)
        pthread_join(threads[t], NULL);
    printf("%d kernels compiled\n", n_done);
    for (int t = 0; t < THREADS; t++)
        if (faults[t][0])
            fail_msg("%s", faults[t]);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_every_case_has_candidates),
        cmocka_unit_test(test_declines),
        cmocka_unit_test(test_candidates_compile),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
