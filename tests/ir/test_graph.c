/* Making and changing graphs: edges, names, order, and what replacing a value does to the outputs
 * of the model. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>
#include <string.h>

#include "ir/ir_text.h"

static const char chain[] = "hone-ir 1\n"
                            "graph main(%x: float32[2]) -> (%y) {\n"
                            "  %a: float32[2] = relu \"a\" (%x)\n"
                            "  %b: float32[2] = neg \"b\" (%a)\n"
                            "  %y: float32[2] = add \"y\" (%a, %b)\n"
                            "}\n";

static void check(const hone_module *module, const char *text)
{
    const hone_status st = hone_graph_verify(module->main);
    hone_text printed;

    if (st != HONE_OK)
        fail_msg("%s", hone_message());
    hone_text_init(&printed, NULL);
    hone_module_print(module, true, &printed);
    assert_string_equal(printed.data, text);
    hone_text_fini(&printed);
}

static void test_names_are_unique(void **state)
{
    hone_module *module = hone_module_create(*state);
    hone_graph *graph = module->main;
    const hone_value *a = hone_value_create(graph, "x", NULL);
    hone_value *b = hone_value_create(graph, "x", NULL), *c = hone_value_create(graph, NULL, NULL);

    assert_string_equal(a->name, "x");
    assert_string_equal(b->name, "x_1");
    assert_string_equal(c->name, "v2");
    assert_string_equal(hone_value_create(graph, "", NULL)->name, "v3");
    assert_int_equal(hone_module_value_count(module), 4);
    hone_value_rename(b, "x_1");
    assert_string_equal(b->name, "x_1");
    hone_value_rename(b, "z");
    assert_null(hone_module_find(module, "x_1"));
    assert_ptr_equal(hone_module_find(module, "z"), b);
    hone_value_rename(c, "z");
    assert_string_equal(c->name, "z_1");
    for (int i = 0; i < 5000; i++) {
        assert_ptr_equal(hone_module_find(module, "x"), a);
        hone_value_create(graph, "x", NULL);
    }
    assert_int_equal(a->type.shape.rank, -1);
}

static void test_properties_are_set_once(void **state)
{
    hone_module *module = hone_module_create(*state);

    hone_module_property(module, "labels", "a");
    hone_module_property(module, "other", "b");
    hone_module_property(module, "labels", "c");
    assert_int_equal(module->properties.n, 2);
    assert_string_equal(module->properties.v[0].value, "c");
}

static void test_uses_follow_edits(void **state)
{
    hone_module *module = ir_module(*state, chain);
    hone_value *x = ir_value(module, "x"), *a = ir_value(module, "a"), *y = ir_value(module, "y");
    hone_node *add = y->def;

    assert_int_equal(hone_value_use_count(a), 2);
    assert_true(hone_value_has_one_use(x) && !hone_value_has_one_use(a));
    assert_false(hone_value_has_one_use(y));
    assert_true(hone_value_is_output(y) && !hone_value_is_output(a));

    hone_node_set_input(add, 0, x);
    hone_node_set_input(add, 0, x);
    assert_int_equal(hone_value_use_count(x), 2);
    hone_node_resize_inputs(add, 5);
    assert_null(add->in[4]);
    hone_node_set_input(add, 4, a);
    assert_int_equal(hone_value_use_count(a), 2);
    assert_int_equal(a->last_use->index, 4);
    hone_node_resize_inputs(add, 2);
    assert_int_equal(hone_value_use_count(a), 1);
    for (int i = 0; i < 9; i++)
        hone_graph_output(module->main, a);
    assert_int_equal(hone_value_use_count(a), 10);
    hone_graph_set_output(module->main, 3, x);
    assert_int_equal(hone_value_use_count(a), 9);
    assert_int_equal(hone_graph_verify(module->main), HONE_OK);
}

static void test_nodes_are_removed_and_moved(void **state)
{
    hone_module *module = ir_module(*state, chain);
    hone_graph *graph = module->main;
    hone_value *x = ir_value(module, "x"), *b = ir_value(module, "b"), *y = ir_value(module, "y");
    hone_node *neg = b->def;

    hone_node_set_input(y->def, 1, x);
    hone_node_move(neg, NULL);
    assert_ptr_equal(graph->last, neg);
    hone_node_move(neg, neg);
    assert_int_equal(hone_graph_verify(graph), HONE_OK);
    hone_node_move(neg, graph->first);
    assert_int_equal(hone_graph_verify(graph),
                     HONE_ERR_INTERNAL); /* uses %a before it is defined */
    hone_node_remove(neg);
    assert_null(neg->graph);
    assert_null(hone_module_find(module, "b"));
    check(module, "hone-ir 1\n"
                  "graph main(%x: float32[2]) -> (%y) {\n"
                  "  %a: float32[2] = relu \"a\" (%x)\n"
                  "  %y: float32[2] = add \"y\" (%a, %x)\n"
                  "}\n");
}

static void test_node_created_in_the_middle(void **state)
{
    hone_module *module = ir_module(*state, chain);
    hone_value *a = ir_value(module, "a"), *b = ir_value(module, "b");
    hone_node *node = hone_node_create(module->main, b->def, HONE_OP_tanh, NULL, &a, 1, 1);

    node->out[0]->type = a->type;
    hone_value_replace(a, node->out[0]); /* the new node goes on using %a */
    hone_value_rename(node->out[0], "t");
    assert_ptr_equal(node->in[0], a);
    assert_int_equal(hone_value_use_count(a), 1);
    assert_string_equal(node->name, "tanh_4");
    check(module, "hone-ir 1\n"
                  "graph main(%x: float32[2]) -> (%y) {\n"
                  "  %a: float32[2] = relu \"a\" (%x)\n"
                  "  %t: float32[2] = tanh \"tanh_4\" (%a)\n"
                  "  %b: float32[2] = neg \"b\" (%t)\n"
                  "  %y: float32[2] = add \"y\" (%t, %b)\n"
                  "}\n");
}

static void test_replaced_output_hands_on_its_name(void **state)
{
    hone_module *module = ir_module(*state, chain);
    hone_value *b = ir_value(module, "b"), *y = ir_value(module, "y");

    hone_value_replace(y, b);
    hone_node_remove(y->def);
    check(module, "hone-ir 1\n"
                  "graph main(%x: float32[2]) -> (%y) {\n"
                  "  %a: float32[2] = relu \"a\" (%x)\n"
                  "  %y: float32[2] = neg \"b\" (%a)\n"
                  "}\n");
}

/* The names of inputs are the model's: an output that is an input needs a copy. */
static void test_output_replaced_by_an_input(void **state)
{
    hone_module *module = ir_module(*state, chain);
    hone_value *x = ir_value(module, "x"), *y = ir_value(module, "y");

    assert_false(hone_value_can_rename(x));
    assert_true(hone_value_can_rename(ir_value(module, "a")));
    hone_value_replace(y, x);
    hone_node_remove(y->def);
    hone_node_remove(module->main->last->prev);
    check(module, "hone-ir 1\n"
                  "graph main(%x: float32[2]) -> (%y) {\n"
                  "  %a: float32[2] = relu \"a\" (%x)\n"
                  "  %y: float32[2] = identity \"identity_4\" (%x)\n"
                  "}\n");
}

static void test_output_replaced_by_a_constant(void **state)
{
    hone_module *module = ir_module(*state, chain);
    hone_value *y = ir_value(module, "y");
    hone_value *c =
        hone_graph_splat(module->main, NULL, HONE_F32, &(hone_dims){1, {2}}, &(float){3});

    hone_value_replace(y, c);
    assert_string_equal(c->name, "y");
    assert_int_equal(hone_graph_verify(module->main), HONE_OK);
}

static const char branches[] = "hone-ir 1\n"
                               "graph main(%c: bool[], %x: float32[2]) -> (%y) {\n"
                               "  %k: float32[2] = relu \"k\" (%x)\n"
                               "  %y: float32[2] = if \"i\" (%c) graph then() -> (%t) {\n"
                               "    %t: float32[2] = neg \"t\" (%k)\n"
                               "  } graph else() -> (%k) {\n"
                               "  }\n"
                               "}\n";

static void test_subgraphs_hold_uses_of_outer_values(void **state)
{
    hone_module *module = ir_module(*state, branches);
    hone_value *k = ir_value(module, "k"), *x = ir_value(module, "x"), *y = ir_value(module, "y");
    const hone_graph *then = y->def->sub[0];

    assert_int_equal(hone_value_use_count(k), 2);
    assert_true(hone_value_is_output(k));
    assert_true(hone_value_can_rename(k)); /* outputs of subgraphs have no names of their own */
    assert_true(hone_graph_is_within(then, module->main) &&
                !hone_graph_is_within(module->main, then));
    hone_value_replace(k, x);
    assert_int_equal(hone_value_use_count(x), 3);
    assert_int_equal(hone_graph_verify(module->main), HONE_OK);
    assert_int_equal(hone_graph_verify(then), HONE_OK);
    hone_node_remove(k->def);
    hone_value_replace(y, x);
    hone_node_remove(y->def);
    assert_int_equal(hone_value_use_count(x), 1); /* of the copy that is the output now */
    assert_null(hone_module_find(module, "t"));
    assert_int_equal(hone_graph_verify(module->main), HONE_OK);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        IR_TEST(test_names_are_unique),
        IR_TEST(test_properties_are_set_once),
        IR_TEST(test_uses_follow_edits),
        IR_TEST(test_nodes_are_removed_and_moved),
        IR_TEST(test_node_created_in_the_middle),
        IR_TEST(test_replaced_output_hands_on_its_name),
        IR_TEST(test_output_replaced_by_an_input),
        IR_TEST(test_output_replaced_by_a_constant),
        IR_TEST(test_subgraphs_hold_uses_of_outer_values),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
