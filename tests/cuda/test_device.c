/* The public questions about GPUs and their compiler, on machines with and without them. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "cuda/nvml.h"
#include "hone/build.h"

static void test_device_count_says_what_is_missing(void **state)
{
    int n = -1;
    const hone_status st = hone_device_count(&n);

    (void)state;
    if (st == HONE_OK) {
        assert_true(n >= 0);
        return;
    }
    assert_int_equal(st, HONE_ERR_DEVICE);
    assert_int_equal(n, -1);
    assert_true(strlen(hone_message()) > 20);
}

static void test_device_describe_refuses_what_is_not_there(void **state)
{
    hone_device_info info = {.size = sizeof info};
    int n = 0;
    const bool has_driver = hone_device_count(&n) == HONE_OK;

    (void)state;
    assert_int_equal(hone_device_describe(-1, &info),
                     has_driver ? HONE_ERR_ARGUMENT : HONE_ERR_DEVICE);
    assert_int_equal(hone_device_describe(n, &info),
                     has_driver ? HONE_ERR_ARGUMENT : HONE_ERR_DEVICE);
    assert_null(info.name);
}

static void test_device_describe_fills_what_is_asked_for(void **state)
{
    hone_device_info info = {.size = offsetof(hone_device_info, arch), .l2_bytes = 1};
    int n = 0;

    (void)state;
    if (hone_device_count(&n) != HONE_OK || n == 0)
        skip();
    assert_int_equal(hone_device_describe(0, &info), HONE_OK);
    assert_true(strlen(info.name) > 0);
    assert_null(info.arch); /* an older caller's struct ends before it */
    assert_int_equal(info.l2_bytes, 1);
    info.size = sizeof info;
    assert_int_equal(hone_device_describe(0, &info), HONE_OK);
    assert_memory_equal(info.arch, "sm_", 3);
    assert_true(info.multiprocessors > 0 && info.memory_bytes > 0);
}

/* First of all: once opened, a compiler stays open. */
static void test_compiler_that_is_not_there(void **state)
{
    hone_compiler_info info = {.size = sizeof info};

    (void)state;
    setenv("HONE_NVRTC", "/nowhere", 1);
    assert_int_equal(hone_compiler_describe(&info), HONE_ERR_UNSUPPORTED);
    assert_non_null(strstr(hone_message(), "\"/nowhere\""));
    assert_non_null(strstr(hone_message(), "pip install nvidia-cuda-nvrtc"));
    assert_null(info.file);
    unsetenv("HONE_NVRTC");
}

static void test_compiler_describes_itself(void **state)
{
    hone_compiler_info info = {.size = sizeof info};

    (void)state;
    if (hone_compiler_describe(&info) != HONE_OK) {
        assert_non_null(strstr(hone_message(), "pip install nvidia-cuda-nvrtc"));
        skip();
    }
    assert_non_null(strstr(info.file, "libnvrtc"));
    assert_non_null(strstr(info.archs, "sm_"));
    assert_true(info.major >= 11);
}

static void test_nvml_does_without(void **state)
{
    const hone_nvml_board board = hone_nvml_board_of("0000:ff:1f.7");
    const hone_nvml_state s = hone_nvml_read(board);

    (void)state;
    assert_null(board.handle);
    assert_true(s.energy_mj == 0 && s.power_mw == 0 && s.clock_mhz == 0 && !s.is_slowed);
    assert_non_null(hone_nvml_driver());
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_compiler_that_is_not_there),
        cmocka_unit_test(test_compiler_describes_itself),
        cmocka_unit_test(test_device_count_says_what_is_missing),
        cmocka_unit_test(test_device_describe_refuses_what_is_not_there),
        cmocka_unit_test(test_device_describe_fills_what_is_asked_for),
        cmocka_unit_test(test_nvml_does_without),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
