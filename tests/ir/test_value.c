/* What is known of a value's contents. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>
#include <string.h>

#include "ir/ir_text.h"

static const char text[] =
    "hone-ir 1\n"
    "graph main(%p: int64[3]{4, n, 5}, %q: int64[2]{4, 5}, %f: float32[1]) -> (%a, %b, %c, %d, "
    "%e, %g, %h) {\n"
    "  %a: int64[3] = {7, -8, 9}\n"
    "  %b: int32[3] = splat {6}\n"
    "  %c: float32[1,1] = {0.5}\n"
    "  %d: float16[2,2] = splat {2}\n"
    "  %e: int4[5] = splat {-3}\n"
    "  %g: float32[2] = {1, 2}\n"
    "  %h: string[2] = splat {\"s\"}\n"
    "}\n";

static void test_ints(void **state)
{
    static const struct {
        const char *name;
        int room, n; /* n -1: not known */
        int64_t v[5];
    } cases[] = {
        {"a", 8, 3, {7, -8, 9}},
        {"b", 3, 3, {6, 6, 6}},
        {"b", 2, -1, {0}},
        {"c", 8, -1, {0}},
        {"e", 8, 5, {-3, -3, -3, -3, -3}},
        {"p", 8, -1, {0}},
        {"q", 8, 2, {4, 5}},
        {"f", 8, -1, {0}},
        {"h", 8, -1, {0}},
    };
    const hone_module *module = ir_module(*state, text);

    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        int64_t v[8];
        int n = -1;
        assert_int_equal(hone_value_ints(ir_value(module, cases[i].name), v, cases[i].room, &n),
                         cases[i].n >= 0);
        assert_int_equal(n, cases[i].n);
        for (int k = 0; k < n; k++)
            assert_int_equal(v[k], cases[i].v[k]);
    }
}

static void test_scalar(void **state)
{
    const hone_module *module = ir_module(*state, text);
    double x;

    assert_true(hone_value_scalar(ir_value(module, "c"), &x) && x == 0.5);
    assert_true(hone_value_scalar(ir_value(module, "d"), &x) && x == 2.0);
    assert_true(hone_value_scalar(ir_value(module, "e"), &x) && x == -3.0);
    assert_false(hone_value_scalar(ir_value(module, "g"), &x));
    assert_false(hone_value_scalar(ir_value(module, "f"), &x));
    assert_false(hone_value_scalar(ir_value(module, "h"), &x));
}

static void test_dense(void **state)
{
    hone_module *module = ir_module(*state, text);
    const int32_t *b = hone_value_dense(module, ir_value(module, "b"));
    const uint8_t *e = hone_value_dense(module, ir_value(module, "e"));
    const hone_value *a = ir_value(module, "a");

    assert_true(b[0] == 6 && b[1] == 6 && b[2] == 6);
    assert_true(e[0] == 0xdd && e[1] == 0xdd);
    assert_ptr_equal(hone_value_dense(module, a), a->constant->data);
}

static void test_facts(void **state)
{
    const hone_module *module = ir_module(*state, text);
    hone_fact fact;

    hone_fact_of(NULL, &fact);
    assert_false(fact.present);
    hone_fact_of(ir_value(module, "p"), &fact);
    assert_true(fact.present && !fact.data && fact.n_elem == 3);
    assert_int_equal(fact.elem[2], 5);
    hone_fact_of(ir_value(module, "b"), &fact);
    assert_int_equal(((const int32_t *)fact.data)[2], 6);
    assert_true(hone_value_is_static(ir_value(module, "f")));
}

static void test_made_constants(void **state)
{
    hone_module *module = hone_module_create(*state);
    const int64_t v[2] = {3, 4};
    const hone_value *ints = hone_graph_ints(module->main, "axes", v, 2);
    const hone_value *scalar = hone_graph_scalar_f32(module->main, 0.25f);
    int64_t out[2];
    double x;
    int n;

    assert_true(hone_value_ints(ints, out, 2, &n) && n == 2 && out[1] == 4);
    assert_int_equal(ints->type.shape.rank, 1);
    assert_true(hone_value_scalar(scalar, &x) && x == 0.25);
    assert_int_equal(scalar->type.shape.rank, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        IR_TEST(test_ints),  IR_TEST(test_scalar),         IR_TEST(test_dense),
        IR_TEST(test_facts), IR_TEST(test_made_constants),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
