/* Inference over graphs: types and partial values along nodes, branches that differ, and loops
 * whose values change shape from round to round. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>
#include <string.h>

#include "ir/ir_text.h"

#define HEAD "hone-ir 1\nsymbol N [1, 64]\n"

/* A graph with unknown types, and the types that inference must find. */
typedef struct infer_case {
    const char *name, *text;
    struct {
        const char *value, *type;
    } types[6];
} infer_case;

static const infer_case cases[] = {
    {"plain nodes",
     HEAD "graph main(%x: float32[N,4]) -> (%y) {\n"
          "  %w: float32[4] = {1, 2, 3, 4}\n"
          "  %a: ?[*] = add \"a\" (%x, %w)\n"
          "  %y: ?[*] = relu \"y\" (%a)\n"
          "}\n",
     {{"y", "float32[N,4]"}}},

    {"a shape that is computed",
     HEAD "graph main(%x: float32[N,4,6]) -> (%y) {\n"
          "  %s: ?[*] = shape \"s\" (%x)\n"
          "  %zero: int64[1] = {0}\n"
          "  %n: ?[*] = gather \"g\" (%s, %zero)\n"
          "  %rest: int64[1] = {-1}\n"
          "  %to: ?[*] = concat \"c\" (%n, %rest) {axis=0}\n"
          "  %y: ?[*] = reshape \"r\" (%x, %to)\n"
          "}\n",
     {{"s", "int64[3]"}, {"to", "int64[2]"}, {"y", "float32[N,24]"}}},

    {"extents that depend on data",
     HEAD "graph main(%x: float32[N,4]) -> (%y) {\n"
          "  %nz: ?[*] = non_zero \"nz\" (%x)\n"
          "  %y: ?[*] = relu \"y\" (%nz)\n"
          "}\n",
     {{"y", "int64[2,\"nz.1.0-256\"]"}}},

    {"branches that agree",
     HEAD "graph main(%c: bool[], %x: float32[N,4]) -> (%y) {\n"
          "  %y: ?[*] = if \"i\" (%c) graph then() -> (%t) {\n"
          "    %t: ?[*] = relu \"t\" (%x)\n"
          "  } graph else() -> (%x) {\n"
          "  }\n"
          "}\n",
     {{"y", "float32[N,4]"}}},

    {"branches of two shapes",
     HEAD "graph main(%c: bool[], %x: float32[N,4], %z: float32[8,4]) -> (%y) {\n"
          "  %y: ?[*] = if \"i\" (%c) graph then() -> (%x) {\n"
          "  } graph else() -> (%z) {\n"
          "  }\n"
          "}\n",
     {{"y", "float32[\"y.0.1-64\",4]"}}},

    {"branches of two ranks",
     HEAD "graph main(%c: bool[], %x: float32[N,4], %z: float32[8]) -> (%y) {\n"
          "  %y: ?[*] = if \"i\" (%c) graph then() -> (%x) {\n"
          "  } graph else() -> (%z) {\n"
          "  }\n"
          "}\n",
     {{"y", "float32[*]"}}},

    {"a branch that is taken",
     HEAD "graph main(%x: float32[N,4], %z: float32[8]) -> (%y) {\n"
          "  %c: bool[] = {0}\n"
          "  %y: ?[*] = if \"i\" (%c) graph then() -> (%x) {\n"
          "  } graph else() -> (%z) {\n"
          "  }\n"
          "}\n",
     {{"y", "float32[8]"}}},

    {"a branch that cannot run",
     HEAD "graph main(%c: bool[], %x: float32[3,4]) -> (%y) {\n"
          "  %axis: int64[1] = {0}\n"
          "  %y: ?[*] = if \"i\" (%c) graph then() -> (%t) {\n"
          "    %t: ?[*] = squeeze \"t\" (%x, %axis)\n"
          "  } graph else() -> (%x) {\n"
          "  }\n"
          "}\n",
     {{"y", "float32[3,4]"}}},

    {"a counted loop that keeps its shape",
     HEAD "graph main(%x: float32[N,4]) -> (%y, %all) {\n"
          "  %m: int64[] = {7}\n"
          "  %go: bool[] = {1}\n"
          "  %y: ?[*], %all: ?[*] = loop \"l\" (%m, %go, %x) graph body(%i: ?[*], %c: ?[*], %s: "
          "?[*]) -> "
          "(%c, %t, %t) {\n"
          "    %t: ?[*] = relu \"t\" (%s)\n"
          "  }\n"
          "}\n",
     {{"i", "int64[]"},
      {"c", "bool[]"},
      {"s", "float32[N,4]"},
      {"y", "float32[N,4]"},
      {"all", "float32[7,N,4]"}}},

    {"a loop counted by an extent",
     HEAD
     "graph main(%x: float32[N,4], %m: int64[]{N}) -> (%y, %all) {\n"
     "  %y: ?[*], %all: ?[*] = loop \"l\" (%m, _, %x) graph body(%i: ?[*], %c: ?[*], %s: ?[*]) -> "
     "(%d, %s, %s) {\n"
     "    %d: ?[*] = identity \"d\" (%c)\n"
     "  }\n"
     "}\n",
     {{"all", "float32[N,N,4]"}}},

    {"a loop that data ends",
     HEAD
     "graph main(%x: float32[4]) -> (%y, %all) {\n"
     "  %m: int64[] = {7}\n"
     "  %y: ?[*], %all: ?[*] = loop \"l\" (%m, _, %x) graph body(%i: ?[*], %c: ?[*], %s: ?[*]) -> "
     "(%d, %s, %s) {\n"
     "    %d: ?[*] = not \"d\" (%c)\n"
     "  }\n"
     "}\n",
     {{"all", "float32[\"all.0.0-7\",4]"}, {"y", "float32[4]"}}},

    {"a value that grows in a loop",
     HEAD "graph main(%x: float32[1,4]) -> (%y, %z) {\n"
          "  %m: int64[] = {7}\n"
          "  %y: ?[*], %z: ?[*] = loop \"l\" (%m, _, %x, %x) graph body(%i: ?[*], %c: ?[*], %s: "
          "?[*], %u: ?[*]) -> "
          "(%c, %t, %v) {\n"
          "    %t: ?[*] = concat \"t\" (%s, %x) {axis=0}\n"
          "    %v: ?[*] = relu \"v\" (%s)\n"
          "  }\n"
          "}\n",
     {{"s", "float32[s.0,4]"},
      {"t", "float32[s.0 + 1,4]"},
      {"u", "float32[u.0,4]"},
      {"y", "float32[y.0,4]"},
      {"z", "float32[z.0,4]"}}},

    {"a value that changes its rank",
     HEAD
     "graph main(%x: float32[1,4]) -> (%y) {\n"
     "  %axis: int64[1] = {0}\n"
     "  %m: int64[] = {7}\n"
     "  %y: ?[*] = loop \"l\" (%m, _, %x) graph body(%i: ?[*], %c: ?[*], %s: ?[*]) -> (%c, %t) {\n"
     "    %t: ?[*] = unsqueeze \"t\" (%s, %axis)\n"
     "  }\n"
     "}\n",
     {{"s", "float32[*]"}, {"y", "float32[*]"}}},

    {"a scan output of what data shapes",
     HEAD "graph main(%x: float32[4]) -> (%all) {\n"
          "  %m: int64[] = {7}\n"
          "  %all: ?[*] = loop \"l\" (%m, _) graph body(%i: ?[*], %c: ?[*]) -> (%c, %nz) {\n"
          "    %nz: ?[*] = non_zero \"nz\" (%x)\n"
          "  }\n"
          "}\n",
     {{"nz", "int64[1,\"nz.1.0-4\"]"}, {"all", "int64[7,1,\"all.2.0-4\"]"}}},

    {"a loop in a loop",
     HEAD
     "graph main(%x: float32[1,4]) -> (%y) {\n"
     "  %m: int64[] = {7}\n"
     "  %y: ?[*] = loop \"l\" (%m, _, %x) graph body(%i: ?[*], %c: ?[*], %s: ?[*]) -> (%c, %t) {\n"
     "    %t: ?[*] = loop \"k\" (%m, _, %s) graph body(%j: ?[*], %d: ?[*], %u: ?[*]) -> (%d, %v) "
     "{\n"
     "      %v: ?[*] = concat \"v\" (%u, %x) {axis=0}\n"
     "    }\n"
     "  }\n"
     "}\n",
     {{"s", "float32[s.0,4]"}, {"u", "float32[u.0,4]"}, {"y", "float32[y.0,4]"}}},

    {"scan over the second axis",
     HEAD "graph main(%h: float32[N,8], %x: float32[N,5,8]) -> (%y, %all) {\n"
          "  %y: ?[*], %all: ?[*] = scan \"s\" (%h, %x) {num_scan_inputs=1, scan_input_axes=[1], "
          "scan_output_axes=[-1]} graph body(%g: ?[*], %e: ?[*]) -> (%t, %t) {\n"
          "    %t: ?[*] = add \"t\" (%g, %e)\n"
          "  }\n"
          "}\n",
     {{"e", "float32[N,8]"}, {"y", "float32[N,8]"}, {"all", "float32[N,8,5]"}}},

    {"branches of which one knows nothing",
     HEAD "graph main(%c: bool[], %x: float32[N,4], %z: ?[*], %u: ?[N,4]) -> (%y, %v) {\n"
          "  %y: ?[*], %v: ?[*], _ = if \"i\" (%c) graph then() -> (%z, %u, %x) {\n"
          "  } graph else() -> (%x, %x, %x) {\n"
          "  }\n"
          "}\n",
     {{"y", "float32[N,4]"}, {"v", "float32[N,4]"}}},

    {"branches of sequences",
     HEAD
     "graph main(%c: bool[], %x: sequence(float32[N]), %z: sequence(float32[4])) -> (%y, %v) {\n"
     "  %y: ?[*], %v: ?[*] = if \"i\" (%c) graph then() -> (%x, %x) {\n"
     "  } graph else() -> (%x, %z) {\n"
     "  }\n"
     "}\n",
     {{"y", "sequence(float32[N])"}, {"v", "sequence(float32)"}}},

    {"sequences in a loop",
     HEAD
     "graph main(%x: sequence(float32[N]), %z: sequence(float32[4]), %m: int64[]) -> (%y, %v) {\n"
     "  %y: ?[*], %v: ?[*] = loop \"l\" (%m, _, %x, %x) graph body(%i: ?[*], %c: ?[*], %s: ?[*], "
     "%t: ?[*]) -> "
     "(%c, %s, %z) {\n"
     "  }\n"
     "}\n",
     {{"s", "sequence(float32[N])"}, {"y", "sequence(float32[N])"}, {"v", "sequence(float32)"}}},

    {"a value that the loop itself types",
     HEAD "graph main(%x: ?[2], %z: float32[2], %m: int64[]) -> (%y) {\n"
          "  %y: ?[*], _ = loop \"l\" (%m, _, %x, %z) graph body(%i: ?[*], %c: ?[*], %s: ?[*], %t: "
          "?[*]) -> "
          "(%c, %z, %t) {\n"
          "  }\n"
          "}\n",
     {{"s", "float32[2]"}, {"y", "float32[2]"}}},

    {"map over a sequence",
     HEAD
     "graph main(%x: sequence(float32[N,4]), %w: float32[4], %q: sequence(int64)) -> (%y, %z) {\n"
     "  %y: ?[*], %z: ?[*] = sequence_map \"m\" (%x, %w, %q) graph body(%a: ?[*], %b: ?[*], %c: "
     "?[*]) -> "
     "(%s, %n) {\n"
     "    %s: ?[*] = add \"s\" (%a, %b)\n"
     "    %n: ?[*] = non_zero \"n\" (%w)\n"
     "  }\n"
     "}\n",
     {{"b", "float32[4]"},
      {"c", "int64[*]"},
      {"y", "sequence(float32[N,4])"},
      {"z", "sequence(int64[1,?])"}}},

    {"scan of an unknown rank",
     HEAD "graph main(%x: float32[*]) -> (%all) {\n"
          "  %all: ?[*] = scan \"s\" (%x) {num_scan_inputs=1} graph body(%e: ?[*]) -> (%t) {\n"
          "    %t: ?[*] = relu \"t\" (%e)\n"
          "  }\n"
          "}\n",
     {{"e", "float32[*]"}, {"all", "float32[*]"}}},
};

static void check_case(hone_arena *arena, const infer_case *c)
{
    hone_module *module = ir_module(arena, c->text);

    for (int round = 0; round < 3; round++) { /* inferring again gives the same */
        if (hone_graph_infer(module->main) != HONE_OK)
            fail_msg("%s: %s", c->name, hone_message());
        for (int i = 0; i < 6 && c->types[i].value; i++)
            if (strcmp(ir_type(module, c->types[i].value), c->types[i].type) != 0)
                fail_msg("%s: round %d: %s is %s, not %s", c->name, round, c->types[i].value,
                         ir_type(module, c->types[i].value), c->types[i].type);
        if (hone_graph_verify(module->main) != HONE_OK)
            fail_msg("%s: %s", c->name, hone_message());
    }
}

static void test_types(void **state)
{
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++)
        check_case(*state, &cases[i]);
}

static void test_widened_types_narrow_again(void **state)
{
    hone_module *module =
        ir_module(*state, HEAD
                  "graph main(%x: float32[1,4], %r: float32[3,4]) -> (%y) {\n"
                  "  %m: int64[] = {7}\n"
                  "  %y: ?[*] = loop \"l\" (%m, _, %x) graph body(%i: ?[*], %c: ?[*], %s: ?[*]) -> "
                  "(%c, %t) {\n"
                  "    %t: ?[*] = add \"t\" (%s, %r)\n"
                  "  }\n"
                  "}\n");

    assert_int_equal(hone_graph_infer(module->main), HONE_OK);
    assert_string_equal(ir_type(module, "y"), "float32[y.0,4]");
    hone_node_set_input(ir_value(module, "y")->def, 2, ir_value(module, "r"));
    assert_int_equal(hone_graph_infer(module->main), HONE_OK);
    assert_string_equal(ir_type(module, "y"), "float32[3,4]");
}

static const struct {
    const char *name, *text, *message;
} faults[] = {
    {"shapes that do not fit",
     HEAD
     "graph main(%x: float32[3], %y: float32[4]) -> (%z) {\n  %z: ?[*] = add \"sum\" (%x, %y)\n}\n",
     "node \"sum\" (add): "},
    {"a fault in a body",
     HEAD
     "graph main(%x: float32[3], %y: float32[4], %m: int64[]) -> () {\n"
     "  %z: ?[*] = loop \"l\" (%m, _, %x) graph b(%i: ?[*], %c: ?[*], %s: ?[*]) -> (%c, %t) {\n"
     "    %t: ?[*] = add \"sum\" (%s, %y)\n  }\n}\n",
     "node \"l\" (loop): node \"sum\" (add): "},
    {"branches of two types",
     HEAD "graph main(%c: bool[], %x: float32[3], %y: int64[3]) -> () {\n"
          "  %z: ?[*] = if \"i\" (%c) graph a() -> (%x) {\n  } graph b() -> (%y) {\n  }\n}\n",
     "node \"i\" (if): output 0 of the branches: "},
    {"a branch with too few outputs",
     HEAD "graph main(%c: bool[], %x: float32[3]) -> () {\n"
          "  %z: ?[*] = if \"i\" (%c) graph a() -> (%x) {\n  } graph b() -> () {\n  }\n}\n",
     "the subgraph \"b\" has 0 inputs and 0 outputs"},
    {"a body with too few inputs",
     HEAD "graph main(%x: float32[3], %m: int64[]) -> () {\n"
          "  %z: ?[*] = loop \"l\" (%m, _, %x) graph b(%i: ?[*], %c: ?[*]) -> (%c, %x) {\n  }\n}\n",
     "the subgraph \"b\" has 2 inputs"},
    {"scan outputs of too many dimensions",
     HEAD "graph main(%x: float32[1,1,1,1,1,1,1,1], %m: int64[]) -> () {\n"
          "  %z: ?[*] = loop \"l\" (%m, _) graph b(%i: ?[*], %c: ?[*]) -> (%c, %x) {\n  }\n}\n",
     "would have 9 dimensions"},
    {"a loop with too few outputs",
     HEAD
     "graph main(%x: float32[1], %m: int64[]) -> () {\n"
     "  %z: ?[*] = loop \"l\" (%m, _, %x, %x) graph b(%i: ?[*], %c: ?[*]) -> (%c, %x) {\n  }\n}\n",
     "4 inputs and 1 outputs are no loop's"},
    {"states of scan without outputs",
     HEAD "graph main(%x: float32[3]) -> () {\n"
          "  %z: ?[*] = scan \"s\" (%x, %x, %x) {num_scan_inputs=1} graph b(%i: ?[*]) -> (%i) {\n  "
          "}\n}\n",
     "2 states but 1 outputs"},
    {"a state that changes its type",
     HEAD "graph main(%x: float32[3], %i: int64[3]) -> () {\n"
          "  %z: ?[*] = scan \"s\" (%x, %i) {num_scan_inputs=1} graph b(%s: ?[*], %e: ?[*]) -> "
          "(%e) {\n  }\n}\n",
     "carried value 0"},
    {"scan of too many",
     HEAD "graph main(%x: float32[3]) -> () {\n"
          "  %z: ?[*] = scan \"s\" (%x) {num_scan_inputs=2} graph b(%i: ?[*]) -> (%i) {\n  }\n}\n",
     "num_scan_inputs is 2 of 1 inputs"},
};

static void test_faults(void **state)
{
    for (size_t i = 0; i < sizeof faults / sizeof faults[0]; i++) {
        hone_module *module = ir_module(*state, faults[i].text);
        const hone_status st = hone_graph_infer(module->main);
        if ((st != HONE_ERR_BUILD && st != HONE_ERR_LIMIT) ||
            !strstr(hone_message(), faults[i].message))
            fail_msg("%s: status %d, message %s", faults[i].name, st, hone_message());
    }
}

/* Loops in loops, 20 deep, each widening a value: the work must not double with every level. */
static void test_nested_loops_end(void **state)
{
    enum {
        DEPTH = 20
    };
    hone_text text;

    hone_text_init(&text, NULL);
    hone_text_add(&text, HEAD "graph main(%%x: float32[1,4], %%m: int64[]) -> () {\n");
    for (int i = 0; i < DEPTH; i++)
        hone_text_add(&text,
                      "%%y%d: ?[*] = loop \"l\" (%%m, _, %%%s%d) graph b(%%i%d: ?[*], %%c%d: ?[*], "
                      "%%s%d: ?[*]) -> "
                      "(%%c%d, %%%s%d) {\n",
                      i, i ? "s" : "x", i ? i - 1 : 0, i, i, i, i, "y", i + 1);
    hone_text_add(&text, "%%y%d: ?[*] = concat \"c\" (%%s%d, %%x) {axis=0}\n", DEPTH, DEPTH - 1);
    for (int i = 0; i <= DEPTH; i++)
        hone_text_add(&text, "}\n");
    for (char *at = text.data; (at = strstr(at, "%x0")); at++)
        memmove(at + 2, at + 3, strlen(at + 2));
    hone_module *module = ir_module(*state, text.data);
    assert_int_equal(hone_graph_infer(module->main), HONE_OK);
    assert_string_equal(ir_type(module, "y0"), "float32[y0.0,4]");
    hone_text_fini(&text);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        IR_TEST(test_types),
        IR_TEST(test_widened_types_narrow_again),
        IR_TEST(test_faults),
        IR_TEST(test_nested_loops_end),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
