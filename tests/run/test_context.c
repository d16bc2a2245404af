/* Engines and contexts: answers, the caller's memory, nothing allocated and no system call while
 * running, contexts side by side, shapes within a profile, control flow. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <math.h>
#include <pthread.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "hone/build.h"
#include "support/onnx_bytes.h"

enum {
    F32 = 1,
    I64 = 7,
    BOOL = 9
};

/* Sanitizers make system calls of their own. */
#if !defined(__SANITIZE_ADDRESS__) && !defined(__SANITIZE_THREAD__)
#define FILTER_SYSTEM_CALLS
#endif

#define OK(call)                                                                                   \
    do {                                                                                           \
        if ((call) != HONE_OK)                                                                     \
            fail_msg("%s: %s", #call, hone_message());                                             \
    } while (0)

/* ---- an allocator that counts ---------------------------------------------------------------- */

typedef struct counts {
    size_t calls;
    size_t bytes; /* now */
} counts;

static void *count_alloc(void *user, size_t size, size_t align)
{
    counts *c = user;
    void *memory = NULL;

    c->calls++;
    c->bytes += size;
    return posix_memalign(&memory, align < sizeof(void *) ? sizeof(void *) : align, size ? size : 1)
               ? NULL
               : memory;
}

static void count_free(void *user, void *memory, size_t size)
{
    counts *c = user;

    if (memory)
        c->bytes -= size;
    free(memory);
}

/* ---- models ---------------------------------------------------------------------------------- */

/* y[N,3] = relu(x[N,4] @ w + b) */
static bytes dense_model(void)
{
    static const float w[12] = {1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12}, b[3] = {-50, 0, 50};
    bytes g = {0};

    put_input(&g, "x", F32, "N,4");
    put_tensor(&g, "w", F32, (int64_t[]){4, 3}, 2, w, sizeof w);
    put_tensor(&g, "b", F32, (int64_t[]){3}, 1, b, sizeof b);
    put_op(&g, "MatMul", "x,w", "p");
    put_op(&g, "Add", "p,b", "q");
    put_op(&g, "Relu", "q", "y");
    put_output(&g, "y", F32, NULL);
    return model_of(&g, 13);
}

static void dense_reference(const float *x, int n, float *y)
{
    for (int i = 0; i < n; i++)
        for (int j = 0; j < 3; j++) {
            double sum = 50.0 * (j - 1);
            for (int k = 0; k < 4; k++)
                sum += (double)x[i * 4 + k] * (3 * k + j + 1);
            y[i * 3 + j] = sum > 0 ? (float)sum : 0.0f;
        }
}

static hone_plan *build(bytes model, const hone_build_options *options)
{
    hone_model *m = NULL;
    hone_plan *plan = NULL;

    OK(hone_model_load(model.v, model.n, NULL, &m));
    OK(hone_build(m, options, &plan));
    hone_model_destroy(m);
    free(model.v);
    return plan;
}

/* ---- tests ----------------------------------------------------------------------------------- */

static void test_run_answers(void **state)
{
    hone_plan *plan = build(dense_model(), HONE_BUILD_OPTIONS(.shapes = "x:2x4"));
    hone_engine *engine = NULL;
    hone_context *context = NULL;
    float x[8] = {1, 2, 3, 4, -1, 0, 1, 0}, y[6], expected[6];

    (void)state;
    OK(hone_engine_create(plan, NULL, &engine));
    hone_plan_destroy(plan); /* the engine keeps what it needs */
    OK(hone_context_create(engine, HONE_CONTEXT_OPTIONS(.threads = 1), &context));
    OK(hone_context_bind(context, 0, x, sizeof x));
    OK(hone_context_bind(context, 1, y, sizeof y));
    OK(hone_context_run(context));
    dense_reference(x, 2, expected);
    for (int i = 0; i < 6; i++)
        assert_true(fabsf(y[i] - expected[i]) < 1e-4f);
    hone_context_destroy(context);
    hone_engine_destroy(engine);
}

static void test_context_lends_memory(void **state)
{
    hone_plan *plan = build(dense_model(), HONE_BUILD_OPTIONS(.shapes = "x:1x4"));
    hone_engine *engine = NULL;
    hone_context *context = NULL;
    hone_tensor x, y;
    float expected[3];

    (void)state;
    OK(hone_engine_create(plan, NULL, &engine));
    OK(hone_context_create(engine, HONE_CONTEXT_OPTIONS(.threads = 1), &context));
    OK(hone_context_data(context, 0, &x));
    assert_non_null(x.data);
    memcpy(x.data, (float[]){9, 8, 7, 6}, 16);
    OK(hone_context_run(context));
    OK(hone_context_data(context, 1, &y));
    assert_int_equal(y.shape.rank, 2);
    dense_reference(x.data, 1, expected);
    assert_true(fabsf(((float *)y.data)[2] - expected[2]) < 1e-3f);
    hone_context_destroy(context);
    hone_engine_destroy(engine);
    hone_plan_destroy(plan);
}

static void test_context_in_callers_memory(void **state)
{
    hone_plan *plan = build(dense_model(), HONE_BUILD_OPTIONS(.shapes = "x:1x4"));
    hone_engine *engine = NULL;
    hone_context *context = NULL;
    void *memory = NULL;

    (void)state;
    OK(hone_engine_create(plan, NULL, &engine));
    const size_t size = hone_context_memory(engine, HONE_CONTEXT_OPTIONS(.threads = 1));
    assert_int_equal(posix_memalign(&memory, 64, size), 0);
    assert_int_equal(hone_context_create(engine,
                                         HONE_CONTEXT_OPTIONS(.threads = 1, .memory = memory,
                                                              .memory_size = size - 1),
                                         &context),
                     HONE_ERR_ARGUMENT);
    OK(hone_context_create(
        engine, HONE_CONTEXT_OPTIONS(.threads = 1, .memory = memory, .memory_size = size),
        &context));
    hone_context_destroy(context);
    free(memory);
    hone_engine_destroy(engine);
    hone_plan_destroy(plan);
}

static void test_profile_shapes(void **state)
{
    hone_plan *plan =
        build(dense_model(), HONE_BUILD_OPTIONS(.min_shapes = "x:1x4", .opt_shapes = "x:2x4",
                                                .max_shapes = "x:5x4"));
    hone_engine *engine = NULL;
    hone_context *context = NULL;
    float x[20], y[15], expected[15];

    (void)state;
    for (int i = 0; i < 20; i++)
        x[i] = (float)(i % 7) - 2;
    OK(hone_engine_create(plan, NULL, &engine));
    OK(hone_context_create(engine, HONE_CONTEXT_OPTIONS(.threads = 1, .caller_io = true),
                           &context));
    for (int n = 1; n <= 5; n++) {
        OK(hone_context_set_shape(context, 0, &(hone_dims){2, {n, 4}}));
        OK(hone_context_bind(context, 0, x, sizeof(float) * 4 * (size_t)n));
        OK(hone_context_bind(context, 1, y, sizeof(float) * 3 * (size_t)n));
        OK(hone_context_run(context));
        dense_reference(x, n, expected);
        for (int i = 0; i < 3 * n; i++)
            assert_true(fabsf(y[i] - expected[i]) < 1e-4f);
    }
    assert_int_equal(hone_context_set_shape(context, 0, &(hone_dims){2, {6, 4}}),
                     HONE_ERR_ARGUMENT);
    assert_non_null(strstr(hone_message(), "allows 1 to 5"));
    assert_int_equal(hone_context_set_shape(context, 0, &(hone_dims){1, {4}}), HONE_ERR_ARGUMENT);
    hone_context_destroy(context);
    hone_engine_destroy(engine);
    hone_plan_destroy(plan);
}

/* The calls that GPUs need work on the CPU as well: a program need not ask what its plan is for. */
static void test_calls_for_gpus_work_on_the_cpu(void **state)
{
    hone_plan *plan = build(dense_model(), HONE_BUILD_OPTIONS(.shapes = "x:2x4"));
    hone_engine *engine = NULL;
    hone_context *context = NULL;
    hone_run_times times = {.size = sizeof times};
    const float x[8] = {1, 2, 3, 4, -1, 0, 1, 0};
    float y[6], expected[6];

    (void)state;
    OK(hone_engine_create(plan, NULL, &engine));
    assert_int_equal(hone_engine_energy_mj(engine), 0);
    OK(hone_context_create(engine, HONE_CONTEXT_OPTIONS(.threads = 1), &context));
    OK(hone_context_write(context, 0, x, sizeof x));
    assert_int_equal(hone_context_write(context, 0, x, 1 << 20), HONE_ERR_ARGUMENT);
    assert_int_equal(hone_context_read(context, 2, y, 4), HONE_ERR_ARGUMENT);
    OK(hone_context_prepare(context));
    assert_int_equal(hone_context_times(context, &times), HONE_ERR_STATE);
    OK(hone_context_timing(context, true));
    assert_int_equal(hone_context_times(context, &times), HONE_ERR_STATE);
    OK(hone_context_enqueue(context, NULL));
    OK(hone_context_wait(context));
    OK(hone_context_times(context, &times));
    assert_true(times.device_ms > 0 && times.h2d_ms == 0 && times.d2h_ms == 0);
    OK(hone_context_read(context, 1, y, sizeof y));
    dense_reference(x, 2, expected);
    for (int i = 0; i < 6; i++)
        assert_true(fabsf(y[i] - expected[i]) < 1e-4f);
    hone_context_destroy(context);
    hone_engine_destroy(engine);
    hone_plan_destroy(plan);
}

static void test_unbound_input_is_told(void **state)
{
    hone_plan *plan = build(dense_model(), HONE_BUILD_OPTIONS(.shapes = "x:1x4"));
    hone_engine *engine = NULL;
    hone_context *context = NULL;
    float small[2];

    (void)state;
    OK(hone_engine_create(plan, NULL, &engine));
    OK(hone_context_create(engine, HONE_CONTEXT_OPTIONS(.threads = 1, .caller_io = true),
                           &context));
    assert_int_equal(hone_context_run(context), HONE_ERR_STATE);
    assert_int_equal(hone_context_write(context, 0, small, sizeof small), HONE_ERR_STATE);
    OK(hone_context_bind(context, 0, small, sizeof small));
    assert_int_equal(hone_context_run(context), HONE_ERR_ARGUMENT);
    assert_int_equal(hone_context_bind(context, 7, small, sizeof small), HONE_ERR_ARGUMENT);
    hone_context_destroy(context);
    hone_engine_destroy(engine);
    hone_plan_destroy(plan);
}

/* After creation and a first run: no call of the allocator, and under a filter that kills at any
 * system call but futex. */
static void test_running_allocates_nothing(void **state)
{
    counts c = {0};
    const hone_allocator allocator = {
        .version = 1, .user = &c, .alloc = count_alloc, .free = count_free};
    hone_plan *plan = build(dense_model(), HONE_BUILD_OPTIONS(.shapes = "x:64x4"));
    hone_engine *engine = NULL;
    hone_context *context = NULL;

    (void)state;
    OK(hone_engine_create(plan, HONE_ENGINE_OPTIONS(.allocator = &allocator), &engine));
    OK(hone_context_create(engine, HONE_CONTEXT_OPTIONS(.threads = 2), &context));
    const size_t calls = c.calls;
    for (int i = 0; i < 100; i++)
        OK(hone_context_run(context));
    assert_int_equal(c.calls, calls);
    hone_context_destroy(context);
    hone_engine_destroy(engine);
    assert_int_equal(c.bytes, 0);
    hone_plan_destroy(plan);
}

#ifdef FILTER_SYSTEM_CALLS
static void forbid_system_calls(void)
{
    struct sock_filter filter[] = {
        BPF_STMT(BPF_LD | BPF_W | BPF_ABS, 0),
        BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_futex, 1, 0),
        BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_exit_group, 0, 1),
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_KILL_PROCESS),
    };
    const struct sock_fprog program = {sizeof filter / sizeof *filter, filter};

    prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
    syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, SECCOMP_FILTER_FLAG_TSYNC, &program);
}

static void test_running_makes_no_system_call(void **state)
{
    hone_plan *plan = build(dense_model(), HONE_BUILD_OPTIONS(.shapes = "x:64x4"));

    (void)state;
    const pid_t child = fork();
    if (child == 0) {
        hone_engine *engine = NULL;
        hone_context *context = NULL;
        if (hone_engine_create(plan, NULL, &engine) != HONE_OK ||
            hone_context_create(engine, HONE_CONTEXT_OPTIONS(.threads = 2), &context) != HONE_OK ||
            hone_context_run(context) != HONE_OK)
            _exit(1);
        forbid_system_calls();
        for (int i = 0; i < 1000; i++)
            if (hone_context_run(context) != HONE_OK)
                _exit(2);
        _exit(0);
    }
    int status = -1;
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_true(WIFEXITED(status));
    assert_int_equal(WEXITSTATUS(status), 0);
    hone_plan_destroy(plan);
}
#endif

typedef struct side {
    const hone_engine *engine;
    float seed;
    bool right;
} side;

static void *run_side(void *arg)
{
    side *s = arg;
    hone_context *context = NULL;
    float x[256], y[192], expected[192];

    if (hone_context_create(s->engine, HONE_CONTEXT_OPTIONS(.threads = 1), &context) != HONE_OK)
        return NULL;
    s->right = true;
    for (int round = 0; round < 200 && s->right; round++) {
        for (int i = 0; i < 256; i++)
            x[i] = s->seed + (float)((i * 31 + round) % 17);
        hone_context_bind(context, 0, x, sizeof x);
        hone_context_bind(context, 1, y, sizeof y);
        s->right = hone_context_run(context) == HONE_OK;
        dense_reference(x, 64, expected);
        for (int i = 0; i < 192; i++)
            s->right = s->right && fabsf(y[i] - expected[i]) < 1e-2f;
    }
    hone_context_destroy(context);
    return NULL;
}

static void test_contexts_run_side_by_side(void **state)
{
    hone_plan *plan = build(dense_model(), HONE_BUILD_OPTIONS(.shapes = "x:64x4"));
    hone_engine *engine = NULL;
    pthread_t threads[4];
    side sides[4];

    (void)state;
    OK(hone_engine_create(plan, NULL, &engine));
    for (int i = 0; i < 4; i++) {
        sides[i] = (side){engine, (float)i, false};
        assert_int_equal(pthread_create(&threads[i], NULL, run_side, &sides[i]), 0);
    }
    for (int i = 0; i < 4; i++) {
        pthread_join(threads[i], NULL);
        assert_true(sides[i].right);
    }
    hone_engine_destroy(engine);
    hone_plan_destroy(plan);
}

/* y = c ? x + x : x * x */
static void test_if_takes_a_branch(void **state)
{
    bytes yes = {0}, no = {0}, g = {0};
    hone_engine *engine = NULL;
    hone_context *context = NULL;
    float x[2] = {3, 5}, y[2];
    bool c;

    (void)state;
    put_op(&yes, "Add", "x,x", "a");
    put_output(&yes, "a", F32, "2");
    put_op(&no, "Mul", "x,x", "b");
    put_output(&no, "b", F32, "2");
    bytes n = node_begin("If", "c", "y");
    node_graph(&n, "then_branch", &yes);
    node_graph(&n, "else_branch", &no);
    put_node(&g, &n);
    put_input(&g, "c", BOOL, "");
    put_input(&g, "x", F32, "2");
    put_output(&g, "y", F32, "2");
    hone_plan *plan = build(model_of(&g, 16), NULL);
    OK(hone_engine_create(plan, NULL, &engine));
    OK(hone_context_create(engine, HONE_CONTEXT_OPTIONS(.threads = 1), &context));
    OK(hone_context_bind(context, 0, &c, 1));
    OK(hone_context_bind(context, 1, x, sizeof x));
    OK(hone_context_bind(context, 2, y, sizeof y));
    for (int i = 0; i < 4; i++) {
        c = i % 2;
        OK(hone_context_run(context));
        assert_true(y[0] == (c ? 6.0f : 9.0f) && y[1] == (c ? 10.0f : 25.0f));
    }
    hone_context_destroy(context);
    hone_engine_destroy(engine);
    hone_plan_destroy(plan);
}

/* Fibonacci: a, b = b, a + b for n rounds; the a's are collected. */
static void test_loop_carries_and_collects(void **state)
{
    bytes body = {0}, g = {0};
    hone_engine *engine = NULL;
    hone_context *context = NULL;
    const float zero = 0, one = 1;

    (void)state;
    put_op(&body, "Add", "a,b", "sum");
    put_op(&body, "Identity", "go", "go_on");
    put_op(&body, "Identity", "a", "seen");
    put_input(&body, "i", I64, "");
    put_input(&body, "go", BOOL, "");
    put_input(&body, "a", F32, "");
    put_input(&body, "b", F32, "");
    put_output(&body, "go_on", BOOL, "");
    put_output(&body, "b", F32, "");
    put_output(&body, "sum", F32, "");
    put_output(&body, "seen", F32, "");
    put_tensor(&g, "zero", F32, NULL, 0, &zero, 4);
    put_tensor(&g, "one", F32, NULL, 0, &one, 4);
    bytes n = node_begin("Loop", "n,,zero,one", "last,next,all");
    node_graph(&n, "body", &body);
    put_node(&g, &n);
    put_input(&g, "n", I64, "");
    put_output(&g, "last", F32, "");
    put_output(&g, "all", F32, "K");
    hone_plan *plan = build(model_of(&g, 16), NULL);
    OK(hone_engine_create(plan, NULL, &engine));
    OK(hone_context_create(engine, HONE_CONTEXT_OPTIONS(.threads = 1), &context));
    for (int64_t rounds = 12; rounds >= 0; rounds -= 6) {
        hone_tensor last, all;
        OK(hone_context_bind(context, 0, &rounds, 8));
        OK(hone_context_run(context));
        OK(hone_context_data(context, 1, &last));
        OK(hone_context_data(context, 2, &all));
        const float fibonacci[] = {0, 1, 1, 2, 3, 5, 8, 13, 21, 34, 55, 89, 144};
        assert_true(*(float *)last.data == fibonacci[rounds]);
        assert_int_equal(all.shape.rank, 1);
        assert_int_equal(all.shape.dim[0], rounds);
        for (int i = 0; i < rounds; i++)
            assert_true(((float *)all.data)[i] == fibonacci[i]);
    }
    hone_context_destroy(context);
    hone_engine_destroy(engine);
    hone_plan_destroy(plan);
}

static void test_same_model_same_bytes(void **state)
{
    size_t n[2];
    hone_plan *plans[2];

    (void)state;
    for (int i = 0; i < 2; i++)
        plans[i] = build(dense_model(), HONE_BUILD_OPTIONS(.shapes = "x:2x4"));
    const void *a = hone_plan_data(plans[0], &n[0]), *b = hone_plan_data(plans[1], &n[1]);
    assert_int_equal(n[0], n[1]);
    assert_memory_equal(a, b, n[0]);
    for (int i = 0; i < 2; i++)
        hone_plan_destroy(plans[i]);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_run_answers),
        cmocka_unit_test(test_context_lends_memory),
        cmocka_unit_test(test_context_in_callers_memory),
        cmocka_unit_test(test_profile_shapes),
        cmocka_unit_test(test_calls_for_gpus_work_on_the_cpu),
        cmocka_unit_test(test_unbound_input_is_told),
        cmocka_unit_test(test_running_allocates_nothing),
#ifdef FILTER_SYSTEM_CALLS
        cmocka_unit_test(test_running_makes_no_system_call),
#endif
        cmocka_unit_test(test_contexts_run_side_by_side),
        cmocka_unit_test(test_if_takes_a_branch),
        cmocka_unit_test(test_loop_carries_and_collects),
        cmocka_unit_test(test_same_model_same_bytes),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
