/* Windows in numbers: the pads that auto_pad and output_shape stand for, ceil_mode, and what is
 * refused. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "op/op.h"

/* One spatial dimension: extents of input and kernel (0: kernel_shape in the attributes), then what
 * comes out. */
static const struct {
    hone_op_id op;
    const char *attrs;
    int64_t in, kernel;
    int64_t out, begin, end;
} cases[] = {
    {HONE_OP_conv, "", 8, 3, 6, 0, 0},
    {HONE_OP_conv, "pads=[1, 2], strides=[2]", 8, 3, 5, 1, 2},
    {HONE_OP_conv, "dilations=[3]", 8, 3, 2, 0, 0},
    {HONE_OP_conv, "auto_pad=SAME_UPPER, strides=[2]", 8, 3, 4, 0, 1},
    {HONE_OP_conv, "auto_pad=SAME_LOWER, strides=[2]", 8, 3, 4, 1, 0},
    {HONE_OP_conv, "auto_pad=SAME_UPPER, strides=[3]", 7, 2, 3, 0, 1},
    {HONE_OP_conv, "auto_pad=SAME_UPPER, strides=[4]", 8, 2, 2, 0, 0},
    {HONE_OP_conv, "auto_pad=VALID, pads=[1, 1], strides=[2]", 8, 3, 3, 0, 0},
    {HONE_OP_conv, "layout=last", 8, 3, 6, 0, 0},
    {HONE_OP_conv_integer, "pads=[1, 1]", 4, 3, 4, 1, 1},
    {HONE_OP_qlinear_conv, "strides=[2]", 5, 1, 3, 0, 0},
    {HONE_OP_deform_conv, "pads=[1, 1]", 4, 2, 5, 1, 1},
    {HONE_OP_conv_transpose, "strides=[2]", 3, 3, 7, 0, 0},
    {HONE_OP_conv_transpose, "strides=[2], pads=[1, 1], output_padding=[1]", 3, 3, 6, 1, 1},
    {HONE_OP_conv_transpose, "strides=[2], dilations=[2]", 3, 2, 7, 0, 0},
    {HONE_OP_conv_transpose, "strides=[3], output_shape=[10]", 3, 3, 10, 0, 0},
    {HONE_OP_conv_transpose, "strides=[3], output_shape=[8]", 3, 3, 8, 1, 0},
    {HONE_OP_conv_transpose, "strides=[3], output_shape=[8], auto_pad=SAME_UPPER", 3, 3, 8, 0, 1},
    {HONE_OP_conv_transpose, "strides=[3], output_shape=[1, 2, 8]", 3, 3, 8, 1, 0},
    {HONE_OP_conv_transpose, "strides=[2], auto_pad=SAME_UPPER", 3, 3, 6, 0, 1},
    {HONE_OP_conv_transpose, "strides=[2], auto_pad=SAME_LOWER", 3, 3, 6, 1, 0},
    {HONE_OP_max_pool, "kernel_shape=[3], strides=[2]", 6, 0, 2, 0, 0},
    {HONE_OP_max_pool, "kernel_shape=[3], strides=[2], ceil_mode=1", 6, 0, 3, 0, 0},
    {HONE_OP_max_pool, "kernel_shape=[2], strides=[3], ceil_mode=1", 6, 0, 2, 0, 0},
    {HONE_OP_max_pool, "kernel_shape=[1], strides=[2], ceil_mode=1", 2, 0, 1, 0, 0},
    {HONE_OP_max_pool, "kernel_shape=[2], strides=[2], pads=[1, 1], ceil_mode=1", 3, 0, 2, 1, 1},
    {HONE_OP_average_pool, "kernel_shape=[2], auto_pad=SAME_LOWER", 4, 0, 4, 1, 0},
    {HONE_OP_lp_pool, "kernel_shape=[2], dilations=[2]", 4, 0, 2, 0, 0},
    {HONE_OP_max_unpool, "kernel_shape=[2], strides=[2]", 3, 0, 6, 0, 0},
};

static hone_arena *arena;

static int set_up(void **state)
{
    (void)state;
    return hone_arena_create(NULL, 0, &arena);
}

static int tear_down(void **state)
{
    (void)state;
    hone_arena_destroy(arena);
    return 0;
}

static hone_status window_of(hone_op_id op, const char *text, int64_t in, int64_t kernel,
                             hone_window *out)
{
    hone_attrs attrs;
    const bool last = strstr(text, "layout=last") != NULL;
    const hone_dims x = {3, {1, last ? in : 2, last ? 2 : in}}, w = {3, {4, 2, kernel}};

    assert_true(hone_attrs_parse(arena, op, &text, &attrs));
    return hone_window_of(op, &attrs, &x, kernel ? &w : NULL, out);
}

static void test_window_geometry(void **state)
{
    (void)state;
    for (int i = 0; i < HONE_COUNT(cases); i++) {
        hone_window w;
        const hone_status st =
            window_of(cases[i].op, cases[i].attrs, cases[i].in, cases[i].kernel, &w);
        if (st != HONE_OK)
            fail_msg("row %d: %s", i, hone_message());
        if (w.n != 1 || w.in[0] != cases[i].in || w.out[0] != cases[i].out ||
            w.pad_begin[0] != cases[i].begin || w.pad_end[0] != cases[i].end)
            fail_msg("row %d: %s(%s) gives %lld, pads %lld %lld", i, hone_ops[cases[i].op].name,
                     cases[i].attrs, (long long)w.out[0], (long long)w.pad_begin[0],
                     (long long)w.pad_end[0]);
    }
}

static void test_window_defaults(void **state)
{
    hone_window w;

    (void)state;
    assert_int_equal(window_of(HONE_OP_conv, "", 8, 3, &w), HONE_OK);
    assert_int_equal(w.stride[0], 1);
    assert_int_equal(w.dilation[0], 1);
    assert_int_equal(w.kernel[0], 3);
}

static void test_window_refuses(void **state)
{
    static const struct {
        hone_op_id op;
        const char *attrs;
        int64_t in, kernel;
        const char *message;
    } bad[] = {
        {HONE_OP_conv, "", 2, 3, "a window of extent 3 does not fit the 2"},
        {HONE_OP_conv, "strides=[0]", 8, 3, "strides is 0"},
        {HONE_OP_conv, "strides=[1, 1]", 8, 3, "strides has 2 entries"},
        {HONE_OP_conv, "dilations=[9223372036854775807]", 8, 3, "dilations is 9223372036854775807"},
        {HONE_OP_conv, "pads=[-1, 0]", 8, 3, "pads is -1"},
        {HONE_OP_conv, "", -1, 3, "a spatial extent of the input is -1"},
        {HONE_OP_conv, "", 8, -3, "an extent of the kernel is -3"},
        {HONE_OP_max_pool, "", 8, 0, "kernel_shape has 0 entries"},
        {HONE_OP_conv_transpose, "output_shape=[1, 2]", 8, 3, "output_shape has 2 entries"},
        {HONE_OP_conv_transpose, "output_shape=[-4]", 8, 3, "output_shape is -4"},
        {HONE_OP_conv_transpose, "output_padding=[-4]", 8, 3, "output_padding is -4"},
    };
    hone_window w;

    (void)state;
    for (int i = 0; i < HONE_COUNT(bad); i++) {
        assert_int_equal(window_of(bad[i].op, bad[i].attrs, bad[i].in, bad[i].kernel, &w),
                         HONE_ERR_BUILD);
        if (!strstr(hone_message(), bad[i].message))
            fail_msg("row %d: %s", i, hone_message());
    }
    hone_attrs attrs;
    const hone_dims x = {2, {1, 2}}, image = {4, {1, 2, 8, 8}}, kernel = {3, {4, 2, 3}};
    hone_attrs_init(HONE_OP_conv, &attrs);
    assert_int_equal(hone_window_of(HONE_OP_conv, &attrs, &x, NULL, &w), HONE_ERR_BUILD);
    assert_int_equal(hone_window_of(HONE_OP_conv, &attrs, &image, &kernel, &w), HONE_ERR_BUILD);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_window_geometry),
        cmocka_unit_test(test_window_defaults),
        cmocka_unit_test(test_window_refuses),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
