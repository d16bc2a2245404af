/* Models made to hurt their reader (make_models.py): each must be refused with the status that its
 * row names, or be built, in bounded time and memory, and give all memory back. Damage at random is
 * fuzz/'s business. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <cmocka.h>

#include "hone/build.h"

#define MEMORY  ((size_t)512 << 20)
#define SECONDS 10 /* of processor time; sanitizers and qemu are slow */

typedef enum outcome {
    REFUSED, /* when it is opened or built */
    BUILDS,  /* what becomes of a run is not looked at */
    RUNS,    /* or refuses to, without harm */
} outcome;

typedef struct hostile_case {
    const char *name;
    outcome outcome;
} hostile_case;

static const hostile_case cases[] = {
#define CASE(name, outcome) {#name, outcome},
#include "hostile/cases.def"
#undef CASE
};

static void *limited_alloc(void *user, size_t size, size_t align)
{
    size_t *taken = user;
    void *memory = NULL;

    if (size > MEMORY - *taken ||
        posix_memalign(&memory, align < sizeof(void *) ? sizeof(void *) : align, size + !size))
        return NULL;
    *taken += size;
    return memory;
}

static void limited_free(void *user, void *memory, size_t size)
{
    if (memory)
        *(size_t *)user -= size;
    free(memory);
}

static void run(const hone_plan *plan, const hone_allocator *allocator)
{
    hone_engine *engine = NULL;
    hone_context *context = NULL;

    if (hone_engine_create(plan, HONE_ENGINE_OPTIONS(.allocator = allocator), &engine) != HONE_OK)
        return;
    if (hone_context_create(engine, HONE_CONTEXT_OPTIONS(.threads = 1), &context) == HONE_OK)
        hone_context_run(context);
    hone_context_destroy(context);
    hone_engine_destroy(engine);
}

static outcome outcome_of(const char *path, const hone_allocator *allocator, bool may_run)
{
    hone_model *model = NULL;
    hone_plan *plan = NULL;
    outcome result = REFUSED;

    if (hone_model_open(path, HONE_MODEL_OPTIONS(.allocator = allocator, .memory_limit = MEMORY),
                        &model) == HONE_OK) {
        if (hone_build(model, HONE_BUILD_OPTIONS(.allocator = allocator), &plan) == HONE_OK) {
            result = may_run ? RUNS : BUILDS;
            if (may_run)
                run(plan, allocator);
            hone_plan_destroy(plan);
        }
        hone_model_destroy(model);
    }
    return result;
}

static void test_hostile_model(void **state)
{
    static const char *const words[] = {"refused", "builds", "runs"};
    const hostile_case *c = *state;
    size_t taken = 0;
    const hone_allocator allocator = {1, &taken, limited_alloc, limited_free};
    char path[512];

    snprintf(path, sizeof path, "%s/hostile/models/%s.onnx", HONE_TESTS_DIR, c->name);
    hone_message_set(HONE_OK, "");
    const clock_t start = clock();
    const outcome found = outcome_of(path, &allocator, c->outcome == RUNS);
    const double seconds = (double)(clock() - start) / CLOCKS_PER_SEC;

    printf("%-24s %-8s %5.2f s  %.200s\n", c->name, words[found], seconds,
           found < BUILDS ? hone_message() : "");
    if (found < BUILDS)
        assert_string_not_equal(hone_message(), "");
    assert_int_equal(taken, 0);
    assert_true(seconds < SECONDS);
    if (found != c->outcome)
        fail_msg("%s: wanted: %s", c->name, words[c->outcome]);
}

int main(void)
{
    enum {
        N_CASES = sizeof cases / sizeof cases[0]
    };
    static struct CMUnitTest tests[N_CASES];

    for (int i = 0; i < N_CASES; i++) {
        tests[i].name = cases[i].name;
        tests[i].test_func = test_hostile_model;
        tests[i].initial_state = (void *)&cases[i];
    }
    return cmocka_run_group_tests(tests, NULL, NULL);
}
