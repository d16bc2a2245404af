/* The operator table: names found again, arities and traits that make sense. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "op/op.h"

static void test_op_names_are_found(void **state)
{
    (void)state;
    for (int i = 1; i < HONE_OP_COUNT; i++) {
        const char *onnx = hone_ops[i].onnx, *colon = strchr(onnx, ':');
        char domain[32] = "";
        assert_int_equal(hone_op_find(hone_ops[i].name), i);
        if (onnx[0] == '\0')
            continue;
        if (colon)
            memcpy(domain, onnx, (size_t)(colon - onnx));
        assert_int_equal(hone_op_find_onnx(domain, colon ? colon + 1 : onnx), i);
    }
}

static void test_op_other_names_are_not(void **state)
{
    static const char *const names[] = {"", "Conv", "conv ", "con", "zzz", "aaa"};

    (void)state;
    for (int i = 0; i < HONE_COUNT(names); i++)
        assert_int_equal(hone_op_find(names[i]), HONE_OP_none);
    assert_int_equal(hone_op_find_onnx("ai.onnx", "Conv"), HONE_OP_conv);
    assert_int_equal(hone_op_find_onnx(NULL, "Conv"), HONE_OP_conv);
    assert_int_equal(hone_op_find_onnx("", "conv"), HONE_OP_none);
    assert_int_equal(hone_op_find_onnx("", ""), HONE_OP_none);
    assert_int_equal(hone_op_find_onnx("", "hone:Frame"), HONE_OP_none);
    assert_int_equal(hone_op_find_onnx("ai.onnx.ml", "Conv"), HONE_OP_none);
    assert_int_equal(hone_op_find_onnx("", "Scaler"), HONE_OP_none);
    assert_int_equal(hone_op_find_onnx("com.example", "Conv"), HONE_OP_none);
}

static void test_op_rows_make_sense(void **state)
{
    (void)state;
    for (int i = 0; i < HONE_OP_COUNT; i++) {
        const hone_op *op = &hone_ops[i];
        assert_non_null(op->infer);
        assert_true(op->in_min <= op->in_max && op->out_min <= op->out_max);
        if (hone_op_has((hone_op_id)i, HONE_TRAIT_COMMUTATIVE))
            assert_int_equal(op->in_min, 2);
        if (hone_op_has((hone_op_id)i, HONE_TRAIT_POINTWISE))
            assert_int_equal(op->out_max, 1);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_op_names_are_found),
        cmocka_unit_test(test_op_other_names_are_not),
        cmocka_unit_test(test_op_rows_make_sense),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
