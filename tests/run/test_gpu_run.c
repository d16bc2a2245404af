/* Engines and contexts of plans for GPUs against a driver without a GPU: answers, bindings on every
 * side, what a run calls, and what is left behind when the n-th call fails. The plans are
 * hand-written; the kernels are C. */
#include "cuda/fake_graph.h"

#include "run/gpu.h"
#include "support/faulty.h"
#include "support/plan_bytes.h"

#define N 8

#define OK(call)                                                                                   \
    do {                                                                                           \
        if ((call) != HONE_OK)                                                                     \
            fail_msg("%s: %s", #call, hone_message());                                             \
    } while (0)

/* ---- kernels: their parameters as the plans below lay them out ---- */

typedef struct add_head {
    const float *a;
    int32_t n;
} add_head;

static void run_add(void **params)
{
    const add_head *head = params[0];
    const float *b = *(const float **)params[1];
    float *out = *(float **)params[2];
    uint32_t *ticket = *(uint32_t **)params[3];

    assert_int_equal(*ticket, 0);
    for (int i = 0; i < head->n; i++)
        out[i] = head->a[i] + b[i];
}

static void run_relu(void **params)
{
    const float *in = *(const float **)params[0];
    float *out = *(float **)params[1];
    const int64_t n = *(int64_t *)params[2];

    for (int64_t i = 0; i < n; i++)
        out[i] = in[i] > 0 ? in[i] : 0;
}

static const fake_kernel kernels[] = {
    {"k_add", run_add, 4, {16, 8, 8, 8}}, {"k_relu", run_relu, 3, {8, 8, 8}}, {NULL, NULL, 0, {0}}};

static hone_cuda driver;

/* ---- plans ---- */

static hone_plan_arg value_arg(uint32_t value)
{
    return (hone_plan_arg){.kind = HONE_ARG_VALUE, .bytes = 8, .value = value};
}

static hone_plan_arg number_arg(int64_t number, uint8_t bytes, bool is_joined)
{
    return (hone_plan_arg){
        .kind = HONE_ARG_NUMBER, .bytes = bytes, .is_joined = is_joined, .number = number};
}

static void launch_add(plan_bytes *p, uint32_t step, uint32_t a, uint32_t b, uint32_t out)
{
    const hone_plan_arg args[] = {value_arg(a),
                                  number_arg(N, 4, true),
                                  value_arg(b),
                                  value_arg(out),
                                  {.kind = HONE_ARG_TICKETS, .bytes = 8, .number = 16}};
    plan_launch(p, step, 0, args, HONE_COUNT(args));
}

static void launch_relu(plan_bytes *p, uint32_t step, uint32_t in, uint32_t out)
{
    const hone_plan_arg args[] = {value_arg(in), value_arg(out), number_arg(N, 8, false)};
    plan_launch(p, step, 1, args, HONE_COUNT(args));
}

/* Constant w; arenas; kernels. */
static uint32_t begin_plan(plan_bytes *p)
{
    float w[N];

    for (int i = 0; i < N; i++)
        w[i] = (float)i;
    plan_put(p, HONE_SECTION_WEIGHTS, w, sizeof w);
    p->info.weight_bytes = p->info.device_weight_bytes = sizeof w;
    p->info.arena_bytes = 256;
    p->info.device_arena_bytes = 512;
    p->info.ticket_bytes = 64;
    plan_kernel(p, "k_add", "cubin of add", false);
    plan_kernel(p, "k_relu", "ptx of relu", true);
    return plan_value(p, "w", HONE_STORAGE_CONST, 0, HONE_VALUE_DEVICE, N);
}

static hone_plan *end_plan(plan_bytes *p, void **data)
{
    hone_plan *plan = NULL;
    size_t size;

    plan_target(p, "sm_90", 90, false, 0, p->n_launches);
    *data = plan_finish(p, &size);
    OK(hone_plan_load(*data, size, NULL, &plan));
    return plan;
}

/* y = relu(x + w), all on the device. */
static hone_plan *device_plan(void **data)
{
    plan_bytes p = {0};
    const uint32_t w = begin_plan(&p);
    const uint32_t x = plan_value(&p, "x", HONE_STORAGE_INPUT, 0, HONE_VALUE_DEVICE, N);
    const uint32_t t = plan_value(&p, "t", HONE_STORAGE_ARENA, 128, HONE_VALUE_DEVICE, N);
    const uint32_t y = plan_value(&p, "y", HONE_STORAGE_OUTPUT, 1, HONE_VALUE_DEVICE, N);

    plan_binding(&p, x, true, N);
    plan_binding(&p, y, false, N);
    launch_add(&p, plan_step(&p, HONE_STEP_LAUNCH, "add", x, w, t), x, w, t);
    launch_relu(&p, plan_step(&p, HONE_STEP_LAUNCH, "relu", t, HONE_REF_ABSENT, y), t, y);
    return end_plan(&p, data);
}

/* y = relu(-(x + w) + s), z = -(x + w): the negation on the CPU, s and z are the host's. */
static hone_plan *mixed_plan(void **data)
{
    const uint32_t none = HONE_REF_ABSENT, gpu = HONE_VALUE_DEVICE;
    plan_bytes p = {0};
    const uint32_t w = begin_plan(&p);
    const uint32_t x = plan_value(&p, "x", HONE_STORAGE_INPUT, 0, gpu, N);
    const uint32_t s = plan_value(&p, "s", HONE_STORAGE_INPUT, 1, 0, N);
    const uint32_t y = plan_value(&p, "y", HONE_STORAGE_OUTPUT, 2, gpu, N);
    const uint32_t z = plan_value(&p, "z", HONE_STORAGE_OUTPUT, 3, 0, N);
    const uint32_t t = plan_value(&p, "t", HONE_STORAGE_ARENA, 0, gpu, N);
    const uint32_t h = plan_value(&p, "h", HONE_STORAGE_ARENA, 64, 0, N);
    const uint32_t d = plan_value(&p, "d", HONE_STORAGE_ARENA, 64, gpu, N);
    const uint32_t sd = plan_value(&p, "sd", HONE_STORAGE_ARENA, 192, gpu, N);
    const uint32_t sum = plan_value(&p, "sum", HONE_STORAGE_ARENA, 256, gpu, N);

    plan_binding(&p, x, true, N);
    plan_binding(&p, s, true, N);
    plan_binding(&p, y, false, N);
    plan_binding(&p, z, false, N);
    launch_add(&p, plan_step(&p, HONE_STEP_LAUNCH, "add", x, w, t), x, w, t);
    plan_step(&p, HONE_STEP_TO_HOST, NULL, t, none, h);
    plan_step(&p, HONE_STEP_KERNEL, "neg", h, none, z);
    plan_step(&p, HONE_STEP_TO_DEVICE, NULL, z, none, d);
    plan_step(&p, HONE_STEP_TO_DEVICE, NULL, s, none, sd);
    launch_add(&p, plan_step(&p, HONE_STEP_LAUNCH, "add", d, sd, sum), d, sd, sum);
    launch_relu(&p, plan_step(&p, HONE_STEP_LAUNCH, "relu", sum, none, y), sum, y);
    return end_plan(&p, data);
}

/* y = c ? relu(x) + w : relu(relu(x)); c is a float32 whose first byte counts. */
static hone_plan *branch_plan(void **data)
{
    const uint32_t none = HONE_REF_ABSENT, gpu = HONE_VALUE_DEVICE;
    plan_bytes p = {0};
    const uint32_t w = begin_plan(&p);
    const uint32_t x = plan_value(&p, "x", HONE_STORAGE_INPUT, 0, gpu, N);
    const uint32_t c = plan_value(&p, "c", HONE_STORAGE_INPUT, 1, 0, 1);
    const uint32_t y = plan_value(&p, "y", HONE_STORAGE_OUTPUT, 2, gpu, N);
    const uint32_t t = plan_value(&p, "t", HONE_STORAGE_ARENA, 0, gpu, N);

    plan_binding(&p, x, true, N);
    plan_binding(&p, c, true, 1);
    plan_binding(&p, y, false, N);
    launch_relu(&p, plan_step(&p, HONE_STEP_LAUNCH, "relu", x, none, t), x, t);
    plan_jump(&p, c, 4);
    launch_add(&p, plan_step(&p, HONE_STEP_LAUNCH, "add", t, w, y), t, w, y);
    plan_jump(&p, none, 5);
    launch_relu(&p, plan_step(&p, HONE_STEP_LAUNCH, "relu", t, none, y), t, y);
    return end_plan(&p, data);
}

/* y = relu(x) on the device; v = -u on the CPU, of any length to 64. */
static hone_plan *open_plan(void **data)
{
    plan_bytes p = {0};
    begin_plan(&p);
    plan_symbol(&p, "n", 1, 64);
    const uint32_t x = plan_value(&p, "x", HONE_STORAGE_INPUT, 0, HONE_VALUE_DEVICE, N);
    const uint32_t u = plan_open_value(&p, "u", HONE_STORAGE_INPUT, 1, 0, 64);
    const uint32_t y = plan_value(&p, "y", HONE_STORAGE_OUTPUT, 2, HONE_VALUE_DEVICE, N);
    const uint32_t v = plan_open_value(&p, "v", HONE_STORAGE_OUTPUT, 3, 0, 64);

    plan_binding(&p, x, true, N);
    plan_open_binding(&p, u, true, 1, 64);
    plan_binding(&p, y, false, N);
    plan_open_binding(&p, v, false, 1, 64);
    launch_relu(&p, plan_step(&p, HONE_STEP_LAUNCH, "relu", x, HONE_REF_ABSENT, y), x, y);
    plan_step(&p, HONE_STEP_KERNEL, "neg", u, HONE_REF_ABSENT, v);
    return end_plan(&p, data);
}

/* ---- memory of the caller's, of every kind ---- */

typedef enum where {
    PAGEABLE,
    PINNED,
    DEVICE,
    ASKEW, /* on the device, but not where kernels want it */
    N_PLACES
} where;

typedef struct buffer {
    where place;
    uint8_t *block;
    float *at;
} buffer;

static buffer take(where place)
{
    buffer b = {.place = place};
    CUdeviceptr device = 0;

    if (place == PAGEABLE) {
        b.block = malloc(N * 4);
    } else if (place == PINNED) {
        void *pinned = NULL;
        assert_int_equal(driver.cuMemHostAlloc(&pinned, N * 4, 0), 0);
        b.block = pinned;
    } else {
        assert_int_equal(driver.cuMemAllocFromPoolAsync(&device, N * 4 + 16, NULL, NULL), 0);
        b.block = (uint8_t *)(uintptr_t)device;
    }
    b.at = (float *)(void *)(b.block + (place == ASKEW ? 4 : 0));
    return b;
}

static void drop(buffer *b)
{
    if (b->place == PAGEABLE)
        free(b->block);
    else if (b->place == PINNED)
        driver.cuMemFreeHost(b->block);
    else
        driver.cuMemFreeAsync((CUdeviceptr)(uintptr_t)b->block, NULL);
}

static void fill(float *x, int seed)
{
    for (int i = 0; i < N; i++)
        x[i] = (float)((i * 7 + seed * 3) % 11 - 5 - i);
}

static void check_device(const float *x, const float *y)
{
    for (int i = 0; i < N; i++)
        assert_true(y[i] == (x[i] + (float)i > 0 ? x[i] + (float)i : 0));
}

static void check_mixed(const float *x, const float *s, const float *y, const float *z)
{
    for (int i = 0; i < N; i++) {
        const float sum = -(x[i] + (float)i) + s[i];
        assert_true(z[i] == -(x[i] + (float)i));
        assert_true(y[i] == (sum > 0 ? sum : 0));
    }
}

/* ---- fixtures ---- */

typedef struct rig {
    void *data;
    hone_plan *plan;
    hone_engine *engine;
    hone_context *context;
} rig;

static rig open_rig(hone_plan *(*make)(void **), const hone_context_options *options)
{
    rig r = {0};

    fake_reset();
    driver = fake_graph_driver(kernels);
    r.plan = make(&r.data);
    OK(hone_engine_create_on(&driver, r.plan, HONE_ENGINE_OPTIONS(.device = "cuda:1"), &r.engine));
    OK(hone_context_create(r.engine, options, &r.context));
    return r;
}

static void close_rig(rig *r)
{
    hone_context_destroy(r->context);
    hone_engine_destroy(r->engine);
    hone_plan_destroy(r->plan);
    free(r->data);
    fake_assert_nothing_left();
}

/* ---- answers ---- */

static void test_gpu_run_lends_pinned_memory(void **state)
{
    rig r = open_rig(device_plan, NULL);
    hone_tensor x, y;

    (void)state;
    for (int seed = 0; seed < 3; seed++) {
        OK(hone_context_data(r.context, 0, &x));
        OK(hone_context_data(r.context, 1, &y));
        fill(x.data, seed);
        OK(hone_context_prepare(r.context));
        const int calls = fake.calls;
        OK(hone_context_enqueue(r.context, NULL)); /* the copies are nodes of the graph */
        assert_int_equal(fake.calls, calls + 1);
        OK(hone_context_wait(r.context));
        check_device(x.data, y.data);
    }
    assert_int_equal(y.size, hone_align_up(N * 4, HONE_ALIGNMENT));
    close_rig(&r);
}

static void test_gpu_run_lends_device_memory(void **state)
{
    rig r = open_rig(device_plan, HONE_CONTEXT_OPTIONS(.device_io = true));
    float x[N], y[N];

    (void)state;
    fill(x, 4);
    OK(hone_context_write(r.context, 0, x, sizeof x));
    OK(hone_context_prepare(r.context));
    const int launches = fake_launches, calls = fake.calls;
    OK(hone_context_enqueue(r.context, NULL));
    assert_int_equal(fake_launches, launches + 1);
    assert_int_equal(fake.calls, calls + 1); /* one graph launch, and nothing else */
    OK(hone_context_wait(r.context));
    OK(hone_context_read(r.context, 1, y, sizeof y));
    check_device(x, y);
    assert_int_equal(hone_context_read(r.context, 1, y, 65), HONE_ERR_ARGUMENT);
    close_rig(&r);
}

static void test_gpu_run_binds_memory_of_every_kind(void **state)
{
    rig r = open_rig(mixed_plan, HONE_CONTEXT_OPTIONS(.threads = 1, .caller_io = true));

    (void)state;
    for (int n = 0; n < N_PLACES * N_PLACES * 4; n++) {
        buffer b[4] = {take(n % N_PLACES), take(n / N_PLACES % N_PLACES),
                       take((n + n / N_PLACES) % N_PLACES), take(n / 3 % N_PLACES)};
        for (int i = 0; i < 4; i++)
            OK(hone_context_bind(r.context, i, b[i].at, N * 4));
        for (int seed = 0; seed < 2; seed++) {
            fill(b[0].at, n + seed);
            fill(b[1].at, n + seed + 1);
            memset(b[2].at, 0x7F, N * 4);
            memset(b[3].at, 0x7F, N * 4);
            OK(hone_context_run(r.context));
            check_mixed(b[0].at, b[1].at, b[2].at, b[3].at);
        }
        for (int i = 0; i < 4; i++)
            drop(&b[i]);
    }
    close_rig(&r);
}

static void test_gpu_run_mixed_lends(void **state)
{
    rig r = open_rig(mixed_plan, HONE_CONTEXT_OPTIONS(.threads = 1));
    hone_tensor t[4];

    (void)state;
    for (int i = 0; i < 4; i++)
        OK(hone_context_data(r.context, i, &t[i]));
    fill(t[0].data, 1);
    fill(t[1].data, 2);
    OK(hone_context_run(r.context));
    check_mixed(t[0].data, t[1].data, t[2].data, t[3].data);
    assert_int_equal(fake_launches, 2); /* what stands before the negation, and what after */
    close_rig(&r);
}

static void test_gpu_run_in_callers_memory(void **state)
{
    fake_reset();
    driver = fake_graph_driver(kernels);
    rig r = {0};
    float x[N], s[N], y[N], z[N];

    (void)state;
    r.plan = mixed_plan(&r.data);
    OK(hone_engine_create_on(&driver, r.plan, NULL, &r.engine));
    const size_t size = hone_context_memory(r.engine, HONE_CONTEXT_OPTIONS(.threads = 1));
    void *memory = aligned_alloc(64, size);
    OK(hone_context_create(
        r.engine, HONE_CONTEXT_OPTIONS(.threads = 1, .memory = memory, .memory_size = size),
        &r.context));
    fill(x, 1);
    fill(s, 2);
    OK(hone_context_write(r.context, 0, x, sizeof x));
    OK(hone_context_write(r.context, 1, s, sizeof s));
    OK(hone_context_run(r.context));
    OK(hone_context_read(r.context, 2, y, sizeof y));
    OK(hone_context_read(r.context, 3, z, sizeof z));
    check_mixed(x, s, y, z);
    close_rig(&r);
    free(memory);
}

static void test_gpu_run_unbound_output_has_a_place(void **state)
{
    rig r = open_rig(device_plan, HONE_CONTEXT_OPTIONS(.caller_io = true));
    float x[N], y[N];

    (void)state;
    assert_int_equal(hone_context_run(r.context), HONE_ERR_STATE);
    fill(x, 1);
    OK(hone_context_bind(r.context, 0, x, sizeof x));
    OK(hone_context_run(r.context));
    OK(hone_context_read(r.context, 1, y, sizeof y));
    check_device(x, y);
    OK(hone_context_bind(r.context, 0, x, sizeof x - 4));
    assert_int_equal(hone_context_run(r.context), HONE_ERR_ARGUMENT);
    close_rig(&r);
}

static void test_gpu_run_on_a_stream_that_goes(void **state)
{
    rig r = open_rig(device_plan, NULL);
    CUstream stream = NULL;
    float x[N], y[N];

    (void)state;
    fill(x, 3);
    OK(hone_context_write(r.context, 0, x, sizeof x));
    assert_int_equal(driver.cuStreamCreateWithPriority(&stream, 0, 0), 0);
    OK(hone_context_enqueue(r.context, stream));
    assert_int_equal(driver.cuStreamSynchronize(stream), 0);
    driver.cuStreamDestroy(stream);
    OK(hone_context_read(r.context, 1, y, sizeof y));
    check_device(x, y);
    close_rig(&r);
}

/* ---- what is not done twice ---- */

static void change_nodes_of(where place)
{
    rig r = open_rig(device_plan, HONE_CONTEXT_OPTIONS(.caller_io = true));
    buffer x[2] = {take(place), take(place)}, y = take(place);

    OK(hone_context_bind(r.context, 1, y.at, N * 4));
    for (int n = 0; n < 6; n++) {
        fill(x[n % 2].at, n);
        OK(hone_context_bind(r.context, 0, x[n % 2].at, N * 4));
        OK(hone_context_run(r.context));
        check_device(x[n % 2].at, y.at);
        assert_int_equal(fake.live[FAKE_EXEC], 1); /* changed, not made again */
    }
    drop(&x[0]);
    drop(&x[1]);
    drop(&y);
    close_rig(&r);
}

static void test_gpu_run_changes_nodes_of_moved_bindings(void **state)
{
    (void)state;
    for (int place = 0; place < N_PLACES; place++)
        change_nodes_of((where)place);
}

static void test_gpu_run_allocates_nothing(void **state)
{
    faulty f = {0};
    const hone_allocator allocator = faulty_allocator(&f);
    rig r = {0};

    (void)state;
    fake_reset();
    driver = fake_graph_driver(kernels);
    r.plan = mixed_plan(&r.data);
    OK(hone_engine_create_on(&driver, r.plan, HONE_ENGINE_OPTIONS(.allocator = &allocator),
                             &r.engine));
    OK(hone_context_create(r.engine, HONE_CONTEXT_OPTIONS(.threads = 1), &r.context));
    OK(hone_context_run(r.context));
    const long calls = f.calls;
    const int memory = fake.live[FAKE_MEMORY] + fake.live[FAKE_PINNED];
    for (int i = 0; i < 100; i++)
        OK(hone_context_run(r.context));
    assert_int_equal(f.calls, calls);
    assert_int_equal(fake.live[FAKE_MEMORY] + fake.live[FAKE_PINNED], memory);
    close_rig(&r);
    assert_int_equal(f.live, 0);
}

static void test_gpu_run_keeps_graphs_of_16_shapes(void **state)
{
    rig r = open_rig(open_plan, HONE_CONTEXT_OPTIONS(.threads = 1));
    hone_tensor x, y, u, v;

    (void)state;
    for (int round = 0; round < 3; round++)
        for (int n = 1; n <= 20; n++) {
            OK(hone_context_set_shape(r.context, 1, &(hone_dims){1, {n}}));
            OK(hone_context_data(r.context, 0, &x));
            OK(hone_context_data(r.context, 1, &u));
            fill(x.data, n);
            for (int i = 0; i < n; i++)
                ((float *)u.data)[i] = (float)(i - n);
            OK(hone_context_run(r.context));
            OK(hone_context_data(r.context, 2, &y));
            OK(hone_context_data(r.context, 3, &v));
            assert_int_equal(v.shape.dim[0], n);
            assert_true(((float *)v.data)[0] == (float)n);
            assert_true(((float *)y.data)[0] == HONE_MAX(((float *)x.data)[0], 0.0f));
            assert_int_equal(fake.live[FAKE_EXEC], round || n > 16 ? 16 : n);
        }
    const int graphs = fake.calls;
    OK(hone_context_set_shape(r.context, 1, &(hone_dims){1, {12}}));
    OK(hone_context_prepare(r.context));
    assert_true(fake.calls - graphs < 10); /* kept since its last run */
    close_rig(&r);
}

static void test_gpu_run_branches(void **state)
{
    rig r = open_rig(branch_plan, HONE_CONTEXT_OPTIONS(.threads = 1));
    float x[N], y[N], c[1];

    (void)state;
    for (int n = 0; n < 4; n++) {
        fill(x, n);
        memset(c, n % 2, sizeof c);
        OK(hone_context_write(r.context, 0, x, sizeof x));
        OK(hone_context_write(r.context, 1, c, sizeof c));
        fake_launches = 0;
        OK(hone_context_run(r.context));
        assert_int_equal(fake_launches, 2);
        OK(hone_context_read(r.context, 2, y, sizeof y));
        for (int i = 0; i < N; i++)
            assert_true(y[i] == (x[i] > 0 ? x[i] : 0) + (n % 2 ? (float)i : 0));
    }
    close_rig(&r);
}

/* ---- times, profile, energy ---- */

static void test_gpu_run_times(void **state)
{
    rig r = open_rig(mixed_plan, HONE_CONTEXT_OPTIONS(.threads = 1));
    hone_run_times times = {.size = sizeof times};

    (void)state;
    assert_int_equal(hone_context_times(r.context, &times), HONE_ERR_STATE);
    OK(hone_context_timing(r.context, true));
    assert_int_equal(hone_context_times(r.context, &times), HONE_ERR_STATE);
    OK(hone_context_run(r.context));
    OK(hone_context_times(r.context, &times));
    assert_true(times.h2d_ms == 1 && times.device_ms == 1 && times.d2h_ms == 1); /* the fake's */
    OK(hone_context_timing(r.context, false));
    assert_int_equal(hone_context_times(r.context, &times), HONE_ERR_STATE);
    close_rig(&r);
}

static void test_gpu_run_profile(void **state)
{
    rig r = open_rig(mixed_plan, HONE_CONTEXT_OPTIONS(.threads = 1));
    hone_tensor t[4];

    (void)state;
    for (int i = 0; i < 4; i++)
        OK(hone_context_data(r.context, i, &t[i]));
    OK(hone_context_profile(r.context, true));
    for (int seed = 0; seed < 3; seed++) {
        fill(t[0].data, seed);
        fill(t[1].data, seed + 5);
        OK(hone_context_run(r.context));
        check_mixed(t[0].data, t[1].data, t[2].data, t[3].data);
        const double *ms = hone_context_step_ms(r.context);
        assert_true(ms[0] == 1 && ms[1] == 1 && ms[6] == 1); /* events of the fake */
        assert_true(ms[2] >= 0 && ms[2] < 1);                /* a clock's */
    }
    close_rig(&r);
}

/* ---- targets ---- */

typedef struct target_case {
    const char *name;
    uint32_t arch;
    bool is_exact;
    uint32_t kernel; /* 0: machine code; 1: PTX */
    uint32_t shared_bytes;
} target_case;

static hone_plan *plan_of_targets(const target_case *targets, int n, void **data)
{
    plan_bytes p = {0};
    hone_plan *plan = NULL;
    size_t size;

    begin_plan(&p);
    const uint32_t x = plan_value(&p, "x", HONE_STORAGE_INPUT, 0, HONE_VALUE_DEVICE, N);
    const uint32_t y = plan_value(&p, "y", HONE_STORAGE_OUTPUT, 1, HONE_VALUE_DEVICE, N);
    plan_binding(&p, x, true, N);
    plan_binding(&p, y, false, N);
    const uint32_t step = plan_step(&p, HONE_STEP_LAUNCH, "relu", x, HONE_REF_ABSENT, y);
    for (int i = 0; i < n; i++) {
        const hone_plan_arg args[] = {value_arg(x), value_arg(y), number_arg(N, 8, false)};
        plan_launch(&p, step, targets[i].kernel, args, HONE_COUNT(args));
        hone_plan_launch *l = (hone_plan_launch *)(void *)p.sections[HONE_SECTION_LAUNCHES].data;
        l[i].shared_bytes = targets[i].shared_bytes;
        plan_target(&p, targets[i].name, targets[i].arch, targets[i].is_exact, (uint32_t)i, 1);
    }
    *data = plan_finish(&p, &size);
    OK(hone_plan_load(*data, size, NULL, &plan));
    return plan;
}

static void test_gpu_run_chooses_a_target(void **state)
{
    static const struct {
        int major; /* of the device; its minor is 0 */
        int n;
        target_case targets[3];
        int chosen; /* -1: none fits */
    } cases[] = {
        {9, 2, {{"sm_80", 80, false, 0, 0}, {"sm_90", 90, false, 0, 0}}, 1},
        {8, 2, {{"sm_80", 80, false, 0, 0}, {"sm_90", 90, false, 0, 0}}, 0},
        {8, 1, {{"sm_86", 86, false, 0, 0}}, -1},
        {9, 2, {{"sm_90", 90, false, 0, 0}, {"sm_90a", 90, true, 0, 0}}, 1},
        {10, 2, {{"sm_90", 90, false, 0, 0}, {"sm_90a", 90, true, 0, 0}}, -1},
        {10,
         3,
         {{"sm_90", 90, false, 0, 0}, {"sm_90a", 90, true, 0, 0}, {"ptx", 90, false, 1, 0}},
         2},
        {9, 2, {{"ptx", 90, false, 1, 0}, {"sm_90", 90, false, 0, 0}}, 1},
        {8, 1, {{"ptx", 90, false, 1, 0}}, -1},
        {9, 2, {{"ptx", 80, false, 1, 0}, {"sm_90", 90, false, 0, 256 << 10}}, 0},
        {9, 1, {{"sm_90", 90, false, 0, 256 << 10}}, -1},
    };

    (void)state;
    for (int i = 0; i < HONE_COUNT(cases); i++) {
        void *data;
        hone_engine *engine = NULL;
        fake_reset();
        driver = fake_graph_driver(kernels);
        fake.major = cases[i].major;
        hone_plan *plan = plan_of_targets(cases[i].targets, cases[i].n, &data);
        const hone_status st = hone_engine_create_on(&driver, plan, NULL, &engine);
        assert_int_equal(st, cases[i].chosen < 0 ? HONE_ERR_MISMATCH : HONE_OK);
        if (st == HONE_OK)
            assert_int_equal(engine->gpu->target - plan->targets, cases[i].chosen);
        else
            assert_non_null(strstr(hone_message(), "the plan has kernels for"));
        hone_engine_destroy(engine);
        hone_plan_destroy(plan);
        free(data);
        fake_assert_nothing_left();
    }
}

/* ---- faults ---- */

static int calls_of_a_life; /* what comes later takes away, and cannot fail */

/* The whole life; every step that can fail is in it. */
static hone_status live(hone_plan *plan, const hone_allocator *allocator)
{
    hone_engine *engine = NULL;
    hone_context *context = NULL;
    hone_run_times times = {.size = sizeof times};
    float x[N] = {1}, y[N];
    hone_status st;

    HONE_TRY_OUT(
        hone_engine_create_on(&driver, plan, HONE_ENGINE_OPTIONS(.allocator = allocator), &engine));
    HONE_TRY_OUT(hone_context_create(engine, HONE_CONTEXT_OPTIONS(.threads = 1), &context));
    HONE_TRY_OUT(hone_context_bind(context, 0, x, sizeof x));
    HONE_TRY_OUT(hone_context_prepare(context));
    HONE_TRY_OUT(hone_context_enqueue(context, NULL));
    HONE_TRY_OUT(hone_context_wait(context));
    HONE_TRY_OUT(hone_context_timing(context, true));
    HONE_TRY_OUT(hone_context_run(context));
    HONE_TRY_OUT(hone_context_times(context, &times));
    HONE_TRY_OUT(hone_context_profile(context, true));
    HONE_TRY_OUT(hone_context_run(context));
    HONE_TRY_OUT(hone_context_read(context, 2, y, sizeof y));
    calls_of_a_life = fake.calls;
out:
    hone_context_destroy(context);
    hone_engine_destroy(engine);
    return st;
}

/* Calls whose failure means something else than an error, or that destroy. */
static bool may_fail(const char *call)
{
    return strcmp(call, "cuDeviceGetAttribute") == 0 || strstr(call, "Destroy") ||
           strstr(call, "Free") || strstr(call, "Release") || strstr(call, "Unload") ||
           strcmp(call, "cuCtxPopCurrent") == 0 || strcmp(call, "cuPointerGetAttributes") == 0 ||
           strcmp(call, "cuEventSynchronize") == 0; /* of a ring that goes */
}

static void test_gpu_run_every_driver_failure_leaves_nothing(void **state)
{
    static const CUresult with[] = {CUDA_ERROR_OUT_OF_MEMORY, 1, 700};
    void *data;

    (void)state;
    fake_reset();
    hone_plan *plan = mixed_plan(&data);
    for (int k = 0; k < HONE_COUNT(with); k++) {
        const char *failed = "";
        for (int n = 0; failed; n++) {
            fake_reset();
            driver = fake_graph_driver(kernels);
            fake.fail_at = n;
            fake.fail_with = with[k];
            const hone_status st = live(plan, NULL);
            failed = fake.failed;
            if (!failed && st != HONE_OK)
                fail_msg("%s", hone_message());
            if (failed && st == HONE_OK && !may_fail(failed) && n < calls_of_a_life)
                fail_msg("call %d (%s) failed and nobody noticed", n, failed);
            fake_assert_nothing_left();
        }
    }
    hone_plan_destroy(plan);
    free(data);
}

static void test_gpu_run_every_allocation_failure_leaves_nothing(void **state)
{
    void *data;
    bool done = false;

    (void)state;
    fake_reset();
    hone_plan *plan = mixed_plan(&data);
    for (long n = 1; !done; n++) {
        faulty f = {.fail_at = n};
        const hone_allocator allocator = faulty_allocator(&f);
        fake_reset();
        driver = fake_graph_driver(kernels);
        const hone_status st = live(plan, &allocator);
        done = f.calls < n;
        assert_int_equal(st, done ? HONE_OK : HONE_ERR_MEMORY);
        assert_int_equal(f.live, 0);
        fake_assert_nothing_left();
    }
    hone_plan_destroy(plan);
    free(data);
}

/* ---- hostile plans ---- */

static void run_nothing(void **params)
{
    (void)params;
}

static const fake_kernel idle_kernels[] = {
    {"k_add", run_nothing, 0, {0}}, {"k_relu", run_nothing, 0, {0}}, {NULL, NULL, 0, {0}}};

static void sign(uint8_t *data)
{
    hone_plan_header *header = (hone_plan_header *)(void *)data;
    hone_plan_section *table = (hone_plan_section *)(void *)(data + sizeof *header);

    for (int i = 0; i < HONE_SECTION_COUNT; i++)
        table[i].checksum = hone_hash(data + table[i].offset, table[i].size, 0);
    header->checksum = hone_hash(table, HONE_SECTION_COUNT * sizeof *table, 0);
}

/* Whatever still loads may fail, but touches no memory that is not its own: device memory is the
 * host's here, and the asan preset watches. */
static void try_damaged(const uint8_t *data, size_t size)
{
    const hone_context_options *options = HONE_CONTEXT_OPTIONS(.threads = 1);
    hone_plan *plan = NULL;
    hone_engine *engine = NULL;
    hone_context *context = NULL;

    if (hone_plan_load(data, size, NULL, &plan) == HONE_OK &&
        plan->info->device_arena_bytes < 1 << 20 && plan->info->ticket_bytes < 1 << 20 &&
        hone_engine_create_on(&driver, plan, NULL, &engine) == HONE_OK &&
        hone_context_memory(engine, options) < 1 << 20 &&
        hone_context_create(engine, options, &context) == HONE_OK) {
        (void)hone_context_run(context);
        (void)hone_context_profile(context, true);
        (void)hone_context_run(context);
    }
    hone_context_destroy(context);
    hone_engine_destroy(engine);
    hone_plan_destroy(plan);
}

static void test_gpu_run_survives_damaged_plans(void **state)
{
    static const uint8_t patterns[] = {0x01, 0x40, 0xFF};
    void *data;

    (void)state;
    fake_reset();
    driver = fake_graph_driver(idle_kernels);
    fake.memory_limit = 1 << 20;
    hone_plan *plan = mixed_plan(&data);
    const size_t size = plan->bytes.size;
    hone_plan_destroy(plan);
    const hone_plan_section *table =
        (const hone_plan_section *)(void *)((hone_plan_header *)data + 1);
    for (int kind = HONE_SECTION_INFO; kind < HONE_SECTION_IMAGES; kind++)
        for (size_t i = 0; i < table[kind].size; i++)
            for (int k = 0; k < HONE_COUNT(patterns); k++) {
                uint8_t *byte = (uint8_t *)data + table[kind].offset + i;
                *byte ^= patterns[k];
                sign(data);
                try_damaged(data, size);
                *byte ^= patterns[k];
            }
    fake_assert_nothing_left();
    free(data);
}

static void test_gpu_run_sticky_errors_stick(void **state)
{
    rig r = open_rig(device_plan, NULL);
    float x[N];

    (void)state;
    OK(hone_context_run(r.context));
    fake.fail_at = fake.calls;
    fake.fail_with = 700;
    assert_int_not_equal(hone_context_run(r.context), HONE_OK);
    assert_int_equal(hone_context_run(r.context), HONE_ERR_STATE);
    assert_int_equal(hone_context_enqueue(r.context, NULL), HONE_ERR_STATE);
    assert_int_equal(hone_context_prepare(r.context), HONE_ERR_STATE);
    assert_int_equal(hone_context_wait(r.context), HONE_ERR_STATE);
    assert_int_equal(hone_context_write(r.context, 0, x, sizeof x), HONE_ERR_STATE);
    assert_int_equal(hone_context_read(r.context, 1, x, sizeof x), HONE_ERR_STATE);
    assert_int_equal(hone_context_bind(r.context, 0, x, sizeof x), HONE_ERR_STATE);
    assert_int_equal(hone_context_timing(r.context, true), HONE_ERR_STATE);
    assert_int_equal(hone_context_set_shape(r.context, 0, &(hone_dims){1, {N}}), HONE_ERR_STATE);
    assert_int_equal(hone_context_shape(r.context, 0, &(hone_dims){0}), HONE_ERR_STATE);
    assert_non_null(strstr(hone_message(), "CUDA_ERROR_ILLEGAL_ADDRESS"));
    close_rig(&r);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_gpu_run_lends_pinned_memory),
        cmocka_unit_test(test_gpu_run_lends_device_memory),
        cmocka_unit_test(test_gpu_run_binds_memory_of_every_kind),
        cmocka_unit_test(test_gpu_run_mixed_lends),
        cmocka_unit_test(test_gpu_run_in_callers_memory),
        cmocka_unit_test(test_gpu_run_unbound_output_has_a_place),
        cmocka_unit_test(test_gpu_run_on_a_stream_that_goes),
        cmocka_unit_test(test_gpu_run_changes_nodes_of_moved_bindings),
        cmocka_unit_test(test_gpu_run_allocates_nothing),
        cmocka_unit_test(test_gpu_run_keeps_graphs_of_16_shapes),
        cmocka_unit_test(test_gpu_run_branches),
        cmocka_unit_test(test_gpu_run_times),
        cmocka_unit_test(test_gpu_run_profile),
        cmocka_unit_test(test_gpu_run_chooses_a_target),
        cmocka_unit_test(test_gpu_run_every_driver_failure_leaves_nothing),
        cmocka_unit_test(test_gpu_run_every_allocation_failure_leaves_nothing),
        cmocka_unit_test(test_gpu_run_survives_damaged_plans),
        cmocka_unit_test(test_gpu_run_sticky_errors_stick),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
