/* The driver's side of Hone against a fake driver: what works, and what is left behind when the
 * n-th call of a path fails, for every n and several results. */
#include "fake_driver.h"

#include "cuda/graph.h"
#include "cuda/staging.h"
#include "cuda/stream.h"
#include "cuda/tensor_map.h"

static int setup(void **state)
{
    (void)state;
    fake_reset();
    return 0;
}

static hone_cuda_device *open_device(int ordinal)
{
    hone_cuda_device *device;

    if (hone_cuda_device_open(&fake_driver, ordinal, NULL, &device) != HONE_OK)
        fail_msg("%s", hone_message());
    return device;
}

static const hone_cuda_launch a_launch = {.grid = {7, 1, 1}, .block = {128, 1, 1}};

/* ---- paths: each makes something and takes it away again ---- */

static hone_status path_device(hone_cuda_device *device)
{
    (void)device;
    hone_cuda_device *d = NULL;
    const hone_status st = hone_cuda_device_open(&fake_driver, 1, NULL, &d);

    hone_cuda_device_close(d);
    return st;
}

static hone_status path_enter(hone_cuda_device *device)
{
    HONE_TRY(hone_cuda_enter(device));
    hone_cuda_leave(device);
    return HONE_OK;
}

static hone_status path_streams(hone_cuda_device *device)
{
    CUstream a = NULL, b = NULL;
    CUevent event = NULL;
    bool is_past;
    hone_status st;

    HONE_TRY_OUT(hone_cuda_stream_create(device, 0, &a));
    HONE_TRY_OUT(hone_cuda_stream_create(device, -1, &b));
    HONE_TRY_OUT(hone_cuda_event_create(device, false, &event));
    HONE_TRY_OUT(hone_cuda_stream_order(device, event, a, b));
    HONE_TRY_OUT(hone_cuda_stream_wait(device, b));
    HONE_TRY_OUT(hone_cuda_event_is_past(device, event, &is_past));
    assert_true(is_past);
out:
    hone_cuda_event_destroy(device, event);
    hone_cuda_stream_destroy(device, b);
    hone_cuda_stream_destroy(device, a);
    return st;
}

static hone_status path_memory(hone_cuda_device *device)
{
    hone_cuda_memory memory = {0};
    void *pinned = NULL;
    hone_status st;

    HONE_TRY_OUT(hone_cuda_memory_init(device, 1000, NULL, &memory));
    HONE_TRY_OUT(hone_cuda_pinned_alloc(device, 0, &pinned));
out:
    hone_cuda_pinned_free(device, pinned);
    hone_cuda_memory_fini(device, NULL, &memory);
    return st;
}

static hone_status path_staging(hone_cuda_device *device)
{
    hone_cuda_staging *staging = NULL;
    hone_cuda_memory memory = {0};
    char data[100] = "abc";
    hone_status st;

    HONE_TRY_OUT(hone_cuda_staging_create(device, 16, &staging));
    HONE_TRY_OUT(hone_cuda_memory_init(device, sizeof data, NULL, &memory));
    HONE_TRY_OUT(hone_cuda_upload(staging, NULL, memory.at, data, sizeof data));
    HONE_TRY_OUT(hone_cuda_download(staging, NULL, data, memory.at, sizeof data));
out:
    hone_cuda_staging_destroy(staging);
    hone_cuda_memory_fini(device, NULL, &memory);
    return st;
}

static hone_status path_module(hone_cuda_device *device)
{
    const hone_cuda_kernel_options o = {
        .shared_bytes = 100000, .carveout = 100, .wide_clusters = true};
    CUmodule module = NULL;
    hone_cuda_kernel kernel;
    CUdeviceptr at;
    size_t size;
    int n;
    hone_status st;

    HONE_TRY_OUT(
        hone_cuda_module_load(device, (hone_bytes){(const uint8_t *)"x", 1}, "a plan", &module));
    HONE_TRY_OUT(hone_cuda_kernel_find(device, module, "k", &o, &kernel));
    HONE_TRY_OUT(hone_cuda_global_find(device, module, "g", &at, &size));
    HONE_TRY_OUT(hone_cuda_blocks_per_sm(device, &a_launch, &n));
    HONE_TRY_OUT(hone_cuda_clusters_at_once(device, &a_launch, &n));
    HONE_TRY_OUT(hone_cuda_launch_on(device, NULL, &a_launch));
out:
    hone_cuda_module_unload(device, module);
    return st;
}

static hone_status build_graph(hone_cuda_graph *graph, CUgraphNode *last)
{
    hone_cuda_launch launch = a_launch;
    const hone_cuda_copy copy = {.dst = 512, .src = 256, .size = 64, .src_is_host = true};
    CUgraphNode node;

    launch.cluster[0] = 2;
    HONE_TRY(hone_cuda_graph_copy(graph, &copy, NULL, 0, &node));
    HONE_TRY(hone_cuda_graph_fill(graph, 512, 7, 64, &(hone_cuda_edge){node, false}, 1, &node));
    HONE_TRY(hone_cuda_graph_kernel(graph, &launch, &(hone_cuda_edge){node, false}, 1, &node));
    return hone_cuda_graph_kernel(graph, &launch, &(hone_cuda_edge){node, true}, 1, last);
}

static hone_status path_graph(hone_cuda_device *device)
{
    hone_cuda_graph *graph = NULL;
    hone_cuda_exec *exec = NULL;
    CUgraphNode node;
    hone_status st;

    HONE_TRY_OUT(hone_cuda_graph_create(device, &graph));
    HONE_TRY_OUT(build_graph(graph, &node));
    HONE_TRY_OUT(hone_cuda_exec_create(graph, NULL, &exec));
    HONE_TRY_OUT(hone_cuda_exec_update(exec, graph));
    HONE_TRY_OUT(hone_cuda_exec_set_kernel(exec, node, &a_launch));
    HONE_TRY_OUT(hone_cuda_exec_launch(exec, NULL));
out:
    hone_cuda_exec_destroy(exec);
    hone_cuda_graph_destroy(graph);
    return st;
}

static hone_status record(void *user, CUstream stream)
{
    return hone_cuda_launch_on(user, stream, &a_launch);
}

static hone_status path_capture(hone_cuda_device *device)
{
    hone_cuda_graph *graph = NULL;
    CUstream stream = NULL;
    hone_status st;

    HONE_TRY_OUT(hone_cuda_stream_create(device, 0, &stream));
    HONE_TRY_OUT(hone_cuda_graph_capture(device, stream, record, device, &graph));
out:
    hone_cuda_graph_destroy(graph);
    hone_cuda_stream_destroy(device, stream);
    return st;
}

static hone_status path_reach(hone_cuda_device *device)
{
    hone_cuda_device *peer = NULL;
    hone_status st;

    fake.peer_enabled = 0;
    HONE_TRY_OUT(hone_cuda_device_open(&fake_driver, 1, NULL, &peer));
    HONE_TRY_OUT(hone_cuda_device_reach(device, peer));
    HONE_TRY_OUT(hone_cuda_device_reach(device, peer)); /* a second time does no harm */
    HONE_TRY_OUT(hone_cuda_device_reach(device, device));
out:
    hone_cuda_device_close(peer);
    return st;
}

typedef struct path {
    const char *name;
    hone_status (*run)(hone_cuda_device *device);
} path;

static const path paths[] = {
    {"device", path_device}, {"enter", path_enter},     {"streams", path_streams},
    {"memory", path_memory}, {"staging", path_staging}, {"module", path_module},
    {"graph", path_graph},   {"capture", path_capture}, {"reach", path_reach},
};

/* A call whose failure is not the path's: the attribute is then taken as absent, a second way
 * exists, or it destroys. */
static bool may_fail(const char *call)
{
    return strcmp(call, "cuDeviceGetAttribute") == 0 || strstr(call, "Destroy") ||
           strstr(call, "Free") || strstr(call, "Release") || strstr(call, "Unload") ||
           strcmp(call, "cuCtxPopCurrent") == 0;
}

static void fail_at_every_call(const path *p, CUresult with, int has_pools)
{
    for (int n = 0;; n++) {
        fake_reset();
        fake.has_pools = has_pools;
        hone_cuda_device *device = open_device(0);
        fake.calls = 0;
        fake.fail_at = n;
        fake.fail_with = with;
        const hone_status st = p->run(device);
        fake.fail_at = -1;
        const char *failed = fake.failed;
        const bool done = !failed;
        if (done && st != HONE_OK)
            fail_msg("%s: %s", p->name, hone_message());
        if (!done && st == HONE_OK && !may_fail(failed))
            fail_msg("%s: call %d (%s) failed and nobody noticed", p->name, n, failed);
        if (st != HONE_OK && !may_fail(failed) && !strstr(hone_message(), failed) &&
            st != HONE_ERR_MEMORY)
            fail_msg("%s: the message does not name %s: %s", p->name, failed, hone_message());
        hone_cuda_device_close(device);
        fake.fail_at = n;
        fake_assert_nothing_left();
        if (done)
            return;
    }
}

static void test_cuda_every_failure_leaves_nothing(void **state)
{
    static const CUresult with[] = {CUDA_ERROR_OUT_OF_MEMORY, 1, 700};

    (void)state;
    for (int i = 0; i < HONE_COUNT(paths); i++)
        for (int k = 0; k < HONE_COUNT(with); k++)
            for (int pools = 0; pools < 2; pools++)
                fail_at_every_call(&paths[i], with[k], pools);
}

/* ---- results ---- */

static void test_cuda_messages_have_four_parts(void **state)
{
    hone_cuda_device *device = open_device(0);

    (void)state;
    assert_int_equal(hone_cuda_check(device, "cuMemAlloc", CUDA_ERROR_OUT_OF_MEMORY),
                     HONE_ERR_MEMORY);
    assert_string_equal(hone_message(),
                        "calling cuMemAlloc on cuda:0 (Fake 0): CUDA_ERROR_OUT_OF_MEMORY (2); the "
                        "device has no room left; other processes may hold it");
    assert_int_equal(hone_cuda_check(device, "cuX", 12345), HONE_ERR_DEVICE);
    assert_non_null(strstr(hone_message(), "12345"));
    hone_cuda_device_close(device);
}

static void test_cuda_sticky_results_stick(void **state)
{
    hone_cuda_device *device = open_device(0);

    (void)state;
    assert_int_equal(hone_cuda_device_status(device), HONE_OK);
    hone_cuda_check(device, "cuLaunchKernelEx", 701); /* of one launch alone */
    assert_int_equal(hone_cuda_device_status(device), HONE_OK);
    hone_cuda_check(device, "cuStreamSynchronize", 700);
    assert_non_null(strstr(hone_message(), "cannot use the device any more"));
    hone_cuda_check(device, "cuMemAlloc", CUDA_ERROR_OUT_OF_MEMORY); /* does not heal it */
    assert_int_equal(hone_cuda_device_status(device), HONE_ERR_STATE);
    assert_non_null(strstr(hone_message(), "CUDA_ERROR_ILLEGAL_ADDRESS (700)"));
    hone_cuda_device_close(device);
}

static void test_cuda_memory_says_what_is_free(void **state)
{
    hone_cuda_device *device = open_device(0);
    hone_cuda_memory memory;

    (void)state;
    fake.memory_limit = 4096;
    assert_int_equal(hone_cuda_memory_init(device, 5000, NULL, &memory), HONE_ERR_MEMORY);
    assert_non_null(strstr(hone_message(), "allocating 5000 bytes on cuda:0"));
    assert_non_null(strstr(hone_message(), "4096 bytes"));
    assert_int_equal(hone_cuda_memory_init(device, 0, NULL, &memory), HONE_OK);
    assert_int_equal(memory.at, 0);
    memory = hone_cuda_memory_borrow(4096, 64);
    hone_cuda_memory_fini(device, NULL, &memory); /* the caller's: not freed */
    hone_cuda_device_close(device);
    fake_assert_nothing_left();
}

/* ---- devices ---- */

static void test_cuda_describes_a_device(void **state)
{
    hone_cuda_info info;

    (void)state;
    assert_int_equal(hone_cuda_describe(&fake_driver, 1, &info), HONE_OK);
    assert_string_equal(info.name, "Fake 1");
    assert_string_equal(info.arch, "sm_90");
    assert_string_equal(info.uuid, "GPU-00112233-4455-6677-8899-aabbccddeeff");
    assert_int_equal(info.multiprocessors, 16); /* the fake's values are the attributes' numbers */
    assert_int_equal(info.l2_bytes, 38);
    assert_int_equal(fake.live[FAKE_CONTEXT], 0);
}

static void test_cuda_no_such_device(void **state)
{
    hone_cuda_device *device;

    (void)state;
    assert_int_equal(hone_cuda_device_open(&fake_driver, 2, NULL, &device), HONE_ERR_ARGUMENT);
    assert_string_equal(hone_message(),
                        "opening cuda:2: there is no such device; the driver shows 2");
}

static void test_cuda_ordinals(void **state)
{
    static const struct {
        const char *text;
        int ordinal; /* -1: refused */
    } cases[] = {{"cuda", 0},     {"cuda:0", 0},  {"cuda:13", 13},
                 {"cuda:", -1},   {"cuda:x", -1}, {"cuda:1x", -1},
                 {"cuda:-1", -1}, {"cpu", -1},    {"cuda:99999999999999999999", -1},
                 {"", -1},        {"cuda: 1", -1}};

    (void)state;
    for (int i = 0; i < HONE_COUNT(cases); i++) {
        int ordinal = -1;
        hone_cuda_ordinal_parse(cases[i].text, &ordinal);
        assert_int_equal(ordinal, cases[i].ordinal);
    }
}

static void test_cuda_load_without_driver(void **state)
{
    hone_cuda cu;

    (void)state;
    assert_int_equal(hone_cuda_load("/nowhere/libcuda.so.1", &cu), HONE_ERR_DEVICE);
    assert_non_null(strstr(hone_message(), "NVIDIA's driver"));
    assert_int_equal(hone_cuda_load("libm.so.6", &cu), HONE_ERR_DEVICE);
    assert_non_null(strstr(hone_message(), "has no function"));
}

/* ---- copies, launches, graphs ---- */

static void test_cuda_staging_copies_any_size(void **state)
{
    static const size_t sizes[] = {0, 1, 15, 16, 17, 32, 33, 100};
    hone_cuda_device *device = open_device(0);
    hone_cuda_staging *staging;
    hone_cuda_memory memory;
    unsigned char in[100], out[100];

    (void)state;
    assert_int_equal(hone_cuda_staging_create(device, 16, &staging), HONE_OK);
    assert_int_equal(hone_cuda_memory_init(device, sizeof in, NULL, &memory), HONE_OK);
    for (int i = 0; i < HONE_COUNT(sizes); i++) {
        for (size_t k = 0; k < sizeof in; k++)
            in[k] = (unsigned char)(k * 37 + (size_t)i);
        memset(out, 0xA5, sizeof out);
        assert_int_equal(hone_cuda_upload(staging, NULL, memory.at, in, sizes[i]), HONE_OK);
        assert_int_equal(hone_cuda_download(staging, NULL, out, memory.at, sizes[i]), HONE_OK);
        assert_memory_equal(in, out, sizes[i]);
        for (size_t k = sizes[i]; k < sizeof out; k++)
            assert_int_equal(out[k], 0xA5);
    }
    hone_cuda_memory_fini(device, NULL, &memory);
    hone_cuda_staging_destroy(staging);
    hone_cuda_device_close(device);
}

static void test_cuda_launch_attributes(void **state)
{
    static const struct {
        int major;
        unsigned cluster;
        bool is_programmatic;
        unsigned n; /* attributes that the driver sees */
        int first;
    } cases[] = {{9, 0, false, 0, 0},
                 {9, 4, false, 1, CU_LAUNCH_ATTRIBUTE_CLUSTER_DIMENSION},
                 {9, 0, true, 1, CU_LAUNCH_ATTRIBUTE_PROGRAMMATIC_STREAM_SERIALIZATION},
                 {9, 4, true, 2, CU_LAUNCH_ATTRIBUTE_CLUSTER_DIMENSION},
                 {8, 0, true, 0, 0}};

    (void)state;
    for (int i = 0; i < HONE_COUNT(cases); i++) {
        fake_reset();
        fake.major = cases[i].major;
        hone_cuda_device *device = open_device(0);
        hone_cuda_launch launch = a_launch;
        launch.cluster[0] = cases[i].cluster;
        launch.is_programmatic = cases[i].is_programmatic;
        assert_int_equal(hone_cuda_launch_on(device, NULL, &launch), HONE_OK);
        assert_int_equal(fake.n_attributes, cases[i].n);
        if (cases[i].n)
            assert_int_equal(fake.attributes[0].id, cases[i].first);
        hone_cuda_device_close(device);
    }
}

static void test_cuda_edges_are_programmatic_where_they_can(void **state)
{
    static const struct {
        int major;
        bool has_ex;
        int n_edges, n_programmatic;
    } cases[] = {{9, true, 2, 1}, {9, false, 3, 0}, {8, true, 3, 0}};

    (void)state;
    for (int i = 0; i < HONE_COUNT(cases); i++) {
        hone_cuda driver = fake_driver;
        hone_cuda_device *device;
        hone_cuda_graph *graph;
        CUgraphNode node;
        fake_reset();
        fake.major = cases[i].major;
        if (!cases[i].has_ex)
            driver.cuGraphAddDependenciesEx = NULL;
        assert_int_equal(hone_cuda_device_open(&driver, 0, NULL, &device), HONE_OK);
        assert_int_equal(hone_cuda_graph_create(device, &graph), HONE_OK);
        assert_int_equal(build_graph(graph, &node), HONE_OK);
        assert_int_equal(fake.n_edges, cases[i].n_edges);
        assert_int_equal(fake.n_programmatic, cases[i].n_programmatic);
        assert_int_equal(fake.cluster, 2);
        hone_cuda_graph_destroy(graph);
        hone_cuda_device_close(device);
    }
}

static void test_cuda_tensor_maps(void **state)
{
    hone_cuda_tiled tiled = {.dtype = HONE_F16,
                             .rank = 2,
                             .at = 256,
                             .extent = {64, 128},
                             .stride = {2, 128},
                             .box = {64, 64},
                             .swizzle = HONE_CUDA_SWIZZLE_128};
    CUtensorMap map;

    (void)state;
    hone_cuda_device *device = open_device(0);
    assert_int_equal(hone_cuda_tensor_map(device, &tiled, &map), HONE_OK);
    assert_int_equal(map.opaque[0], 128); /* the first stride that the driver wants is the rows' */
    tiled.dtype = HONE_I4;
    assert_int_equal(hone_cuda_tensor_map(device, &tiled, &map), HONE_ERR_UNSUPPORTED);
    hone_cuda_device_close(device);
    fake.major = 8;
    device = open_device(0);
    assert_int_equal(hone_cuda_tensor_map(device, &tiled, &map), HONE_ERR_UNSUPPORTED);
    assert_non_null(strstr(hone_message(), "no bulk copy engine"));
    hone_cuda_device_close(device);
}

static void test_cuda_module_tells_the_compilers_words(void **state)
{
    hone_cuda_device *device = open_device(0);
    CUmodule module;

    (void)state;
    fake.fail_at = fake.calls;
    fake.fail_with = 218;
    assert_int_equal(
        hone_cuda_module_load(device, (hone_bytes){(const uint8_t *)"", 1}, "net.plan", &module),
        HONE_ERR_MISMATCH);
    assert_non_null(strstr(hone_message(), "loading the kernels of net.plan"));
    assert_non_null(strstr(hone_message(), "ptxas: fake fault"));
    hone_cuda_device_close(device);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(test_cuda_every_failure_leaves_nothing, setup),
        cmocka_unit_test_setup(test_cuda_messages_have_four_parts, setup),
        cmocka_unit_test_setup(test_cuda_sticky_results_stick, setup),
        cmocka_unit_test_setup(test_cuda_memory_says_what_is_free, setup),
        cmocka_unit_test_setup(test_cuda_describes_a_device, setup),
        cmocka_unit_test_setup(test_cuda_no_such_device, setup),
        cmocka_unit_test_setup(test_cuda_ordinals, setup),
        cmocka_unit_test_setup(test_cuda_load_without_driver, setup),
        cmocka_unit_test_setup(test_cuda_staging_copies_any_size, setup),
        cmocka_unit_test_setup(test_cuda_launch_attributes, setup),
        cmocka_unit_test_setup(test_cuda_edges_are_programmatic_where_they_can, setup),
        cmocka_unit_test_setup(test_cuda_tensor_maps, setup),
        cmocka_unit_test_setup(test_cuda_module_tells_the_compilers_words, setup),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
