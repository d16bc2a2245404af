/* The verifier: each row breaks one invariant of a good graph, and the verifier must say which. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>
#include <string.h>

#include "ir/ir_text.h"

static const char good[] = "hone-ir 1\n"
                           "symbol N\n"
                           "graph main(%c: bool[], %x: float32[N,4]) -> (%y, %z) {\n"
                           "  %w: float32[4] = {1, 2, 3, 4}\n"
                           "  %s: float32[4] = splat {1}\n"
                           "  %a: float32[N,4] = add \"a\" (%x, %w)\n"
                           "  %b: float32[N,4] = add \"b\" (%a, %s)\n"
                           "  %y: float32[N,4] = if \"y\" (%c) graph then() -> (%t) {\n"
                           "    %t: float32[N,4] = neg \"t\" (%b)\n"
                           "  } graph else() -> (%b) {\n"
                           "  }\n"
                           "  %p: float32[N,4] = pad \"p\" (%b, %w)\n"
                           "  %z: float32[N,4] = softmax \"z\" (%p)\n"
                           "}\n";

/* Each takes the module of `good` and breaks it. */
static void no_operator(hone_module *m)
{
    m->main->first->op = HONE_OP_none;
}

static void other_graph(hone_module *m)
{
    m->main->first->graph = ir_value(m, "y")->def->sub[0];
}

static void bad_links(hone_module *m)
{
    m->main->first->next->prev = NULL;
}

static void too_many_inputs(hone_module *m)
{
    hone_node_resize_inputs(ir_value(m, "t")->def, 2);
}

static void absent_input(hone_module *m)
{
    hone_node_set_input(ir_value(m, "a")->def, 1, NULL);
}

static void too_few_subgraphs(hone_module *m)
{
    ir_value(m, "y")->def->n_sub = 1;
}

static void subgraph_of_another(hone_module *m)
{
    ir_value(m, "y")->def->sub[1]->owner = m->main->first;
}

static void wrong_order(hone_module *m)
{
    hone_node_move(ir_value(m, "b")->def, m->main->first);
}

static void inner_value_outside(hone_module *m)
{
    hone_node_set_input(ir_value(m, "p")->def, 0, ir_value(m, "t"));
}

static void use_not_in_list(hone_module *m)
{
    ir_value(m, "a")->def->in[0] = ir_value(m, "w"); /* past hone_node_set_input */
}

static void use_list_broken(hone_module *m)
{
    ir_value(m, "b")->first_use->next->prev = NULL;
}

static void use_list_end(hone_module *m)
{
    ir_value(m, "b")->last_use = ir_value(m, "b")->first_use;
}

static void use_of_removed_node(hone_module *m)
{
    ir_value(m, "p")->def->use[1].index = 7;
}

static void output_use(hone_module *m)
{
    m->main->out[0] = ir_value(m, "b");
}

static void wrong_definition(hone_module *m)
{
    ir_value(m, "b")->def = ir_value(m, "a")->def;
}

static void defined_twice(hone_module *m)
{
    m->main->in[0] = m->main->in[1];
}

static void input_is_constant(hone_module *m)
{
    ir_value(m, "x")->constant = ir_value(m, "w")->constant;
}

static void name_of_another(hone_module *m)
{
    ir_value(m, "b")->name = "a";
}

static void no_name(hone_module *m)
{
    ir_value(m, "b")->name = NULL;
}

static void other_id(hone_module *m)
{
    ir_value(m, "b")->id = 1000;
}

static void bad_rank(hone_module *m)
{
    ir_value(m, "b")->type.shape.rank = 9;
}

static void negative_extent(hone_module *m)
{
    ir_value(m, "b")->type.shape.dim[1] = -4;
}

static void extent_of_nothing(hone_module *m)
{
    ir_value(m, "b")->type.shape.dim[1] = HONE_EXTENT_FIRST + 1000;
}

static void bad_dtype(hone_module *m)
{
    ir_value(m, "b")->type.dtype = (hone_dtype)77;
}

static void bad_elems(hone_module *m)
{
    ir_value(m, "b")->n_elem = 3;
}

static void constant_size(hone_module *m)
{
    ((hone_constant *)ir_value(m, "w")->constant)->size = 12;
}

static void splat_size(hone_module *m)
{
    ((hone_constant *)ir_value(m, "s")->constant)->size = 16;
}

static void constant_type(hone_module *m)
{
    ir_value(m, "w")->type.shape.dim[0] = ir_value(m, "x")->type.shape.dim[0];
}

static void constant_of_node(hone_module *m)
{
    ir_value(m, "w")->def = m->main->first;
}

static void bad_enum(hone_module *m)
{
    ir_value(m, "p")->def->attrs.pad.mode = 99;
}

static void other_module(hone_module *m)
{
    ir_value(m, "y")->def->sub[0]->module = hone_module_create(m->arena);
}

static const struct {
    const char *name;
    void (*change)(hone_module *);
    const char *message;
} cases[] = {
    {"no operator", no_operator, "no operator"},
    {"other graph", other_graph, "use"},
    {"bad links", bad_links, "not linked into its graph"},
    {"too many inputs", too_many_inputs, "node \"t\" (neg): it has 2 inputs; 1 to 1 are allowed"},
    {"absent input", absent_input, "node \"a\" (add): input 1 is absent"},
    {"too few subgraphs", too_few_subgraphs, "1 subgraphs; 2 are needed"},
    {"subgraph of another", subgraph_of_another, "belongs to another node"},
    {"wrong order", wrong_order, "node \"b\" (add): value \"a\" is used before it is defined"},
    {"inner value outside", inner_value_outside, "value \"t\" is used outside of the graph"},
    {"use not in list", use_not_in_list, "use"},
    {"use list broken", use_list_broken, "use"},
    {"use list end", use_list_end, "use"},
    {"use of removed node", use_of_removed_node, "use"},
    {"output use", output_use, "use"},
    {"wrong definition", wrong_definition, "does not know the node"},
    {"defined twice", defined_twice, "defined twice"},
    {"input is constant", input_is_constant, "but also something else"},
    {"name of another", name_of_another, "a name that is not its own"},
    {"no name", no_name, "a name that is not its own"},
    {"other id", other_id, "id of another module"},
    {"bad rank", bad_rank, "a rank that is out of range"},
    {"negative extent", negative_extent, "extent that is negative"},
    {"extent of nothing", extent_of_nothing, "not in the table"},
    {"bad dtype", bad_dtype, "element type that does not exist"},
    {"bad elems", bad_elems, "partial value"},
    {"constant size", constant_size, "bytes do not fit its type"},
    {"splat size", splat_size, "bytes do not fit its type"},
    {"constant type", constant_type, "without a type of numbers"},
    {"constant of node", constant_of_node, "a constant and a node's output"},
    {"bad enum", bad_enum, "its attribute mode is none of constant|"},
    {"other module", other_module, "belongs to another module"},
};

static void test_good_graph(void **state)
{
    assert_int_equal(hone_graph_verify(ir_module(*state, good)->main), HONE_OK);
}

static void test_broken_graphs(void **state)
{
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        hone_module *module = ir_module(*state, good);
        cases[i].change(module);
        const hone_status st = hone_graph_verify(module->main);
        if (st != HONE_ERR_INTERNAL || !strstr(hone_message(), cases[i].message))
            fail_msg("%s: status %d, message %s", cases[i].name, st, hone_message());
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {IR_TEST(test_good_graph), IR_TEST(test_broken_graphs)};

    return cmocka_run_group_tests(tests, NULL, NULL);
}
