/* IR text: what is printed parses to what prints the same; what is no IR text is refused with the
 * place. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>
#include <string.h>

#include "ir/ir_text.h"
#include "support/faulty.h"

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

/* Each is in the form that printing gives, so parsing and printing must give it again. */
static const char *const round_trips[] = {
    /* nothing */
    "hone-ir 1\ngraph main() -> () {\n}\n",

    /* a layer, properties, symbols, a constant as bytes */
    "hone-ir 1\n"
    "property \"labels\" \"cat\\ndog\"\n"
    "property \"producer\" \"\"\n"
    "symbol N [1, 64]\n"
    "symbol h\n"
    "graph main(%input: float32[N,3,h,224]) -> (%y) {\n"
    "  %w: float32[3,3,1,1] = base64 \"AACAPwAAAEAAAEBAAACAQAAAoEAAAMBAAADgQAAAAEEAABBB\"\n"
    "  %b: float32[3] = {0.1, -0, 1e+30}\n"
    "  %c: float32[N,3,h,224] = conv \"conv_1\" (%input, %w, %b) {pads=[0, 0, 0, 0]}\n"
    "  %y: float32[N,3,h,224] = relu \"relu_1\" (%c)\n"
    "}\n",

    /* names that need quotes, an output as input, the same value twice */
    "hone-ir 1\n"
    "graph \"a graph\"(%\"input:0\": float32[2], %\"a \\\"b\\\"\": float32[2]) -> (%\"input:0\", "
    "%s, %s) {\n"
    "  %s: float32[2] = add \"\\x01\\\\\" (%\"input:0\", %\"a \\\"b\\\"\")\n"
    "}\n",

    /* extents that are expressions, unknown types, ranks and extents, partial values */
    "hone-ir 1\n"
    "symbol h [2, inf]\n"
    "symbol w [1, 100]\n"
    "data nz.0 [0, 12]\n"
    "graph main(%a: ?[*], %b: float16[*], %c: ?[w + h*nz.0,?], %d: int64[4]{1, h, ?, w}, %e: "
    "int64[0]{}, "
    "%f: int64[]{w}) -> () {\n"
    "}\n",

    /* kinds of values */
    "hone-ir 1\n"
    "graph main(%a: sequence(float32[2,2]), %b: sequence(float32), %c: "
    "optional(sequence(int64[*])), "
    "%d: map(int64, float32), %e: map(string, float32[]), %f: sparse(float32[3,4]), %g: "
    "optional(?)) -> () {\n"
    "}\n",

    /* constants of all forms */
    "hone-ir 1\n"
    "graph main() -> (%i8, %u64, %bool, %i4, %u4x, %f16, %bf16, %f8, %text, %none, %nan, %splat, "
    "%splat2, %c64, "
    "%inf, %f64, %scalar) {\n"
    "  %i8: int8[2] = {-128, 127}\n"
    "  %u64: uint64[1] = {18446744073709551615}\n"
    "  %bool: bool[3] = {1, 0, 1}\n"
    "  %i4: int4[3] = {-8, 7, 0}\n"
    "  %u4x: uint4[3] = base64 \"IfM=\"\n"
    "  %f16: float16[2] = {0.5, 65504}\n"
    "  %bf16: bfloat16[1] = {1.0078125}\n"
    "  %f8: float8e4m3fn[2] = {448, -0.001953125}\n"
    "  %text: string[2] = {\"\", \"a\\x00b\"}\n"
    "  %none: float32[0,3] = {}\n"
    "  %nan: float32[1] = base64 \"AQDAfw==\"\n"
    "  %splat: float32[1000,1000] = splat {0.25}\n"
    "  %splat2: string[4] = splat {\"x\"}\n"
    "  %c64: complex64[1] = base64 \"AACAPwAAAEA=\"\n"
    "  %inf: float32[2] = {inf, -inf}\n"
    "  %f64: float64[1] = {0.30000000000000004}\n"
    "  %scalar: int64[] = {-9223372036854775808}\n"
    "}\n",

    /* absent inputs, unused outputs, several outputs, a node without outputs */
    "hone-ir 1\n"
    "graph main(%x: float32[4,8]) -> (%v) {\n"
    "  %max: float32[] = {6}\n"
    "  %k: int64[1] = {2}\n"
    "  %c: float32[4,8] = clip \"c\" (%x, _, %max)\n"
    "  %v: float32[4,2], _ = topk \"best\" (%c, %k) {axis=1}\n"
    "  = lstm \"unused\" (%c, %c, %c)\n"
    "}\n",

    /* programs */
    "hone-ir 1\n"
    "graph main(%a: float32[4], %b: float32[4]) -> (%y) {\n"
    "  %y: float32[4] = pointwise \"p\" (%a, %b) {program=(x0, x1) { r2 = add x0 x1; r3 = relu r2 "
    "}}\n"
    "}\n",

    /* subgraphs that use values around them, three deep, each with constants of its own */
    "hone-ir 1\n"
    "graph main(%c: bool[], %x: float32[2], %m: int64[]) -> (%y, %last, %all) {\n"
    "  %one: float32[] = {1}\n"
    "  %y: float32[2] = if \"choose\" (%c) graph then() -> (%a) {\n"
    "    %two: float32[] = {2}\n"
    "    %t: float32[2] = mul \"m\" (%x, %two)\n"
    "    %a: float32[2] = add \"a\" (%t, %one)\n"
    "  } graph else() -> (%x) {\n"
    "  }\n"
    "  %last: float32[2], %all: float32[?,2] = loop \"l\" (%m, _, %x) graph body(%i: int64[], %go: "
    "bool[], "
    "%s: float32[2]) -> (%go, %n, %n) {\n"
    "    %n: float32[2] = if \"inner\" (%go) graph then() -> (%p) {\n"
    "      %p: float32[2] = add \"a\" (%s, %one)\n"
    "    } graph else() -> (%q) {\n"
    "      %q: float32[2] = sub \"s\" (%s, %x)\n"
    "    }\n"
    "  }\n"
    "}\n",
};

static void test_round_trips(void **state)
{
    for (size_t i = 0; i < COUNT(round_trips); i++) {
        hone_text text;
        hone_text_init(&text, NULL);
        hone_module_print(ir_module(*state, round_trips[i]), true, &text);
        assert_int_equal(hone_text_status(&text), HONE_OK);
        assert_string_equal(text.data, round_trips[i]);
        hone_text_fini(&text);
    }
}

static void test_comments_and_spaces(void **state)
{
    const hone_module *module =
        ir_module(*state, "hone-ir 1 # a comment\n"
                          "# graph nonsense\n"
                          "graph main ( %x : float32 [ 2 , n + 1 ] ) -> ( %y )\n"
                          "{ # here\n"
                          "%y:float32[2,n + 1]=relu(%x) }   # done");

    assert_string_equal(ir_type(module, "y"), "float32[2,n + 1]");
    assert_int_equal(module->main->first->op, HONE_OP_relu);
    assert_ptr_equal(ir_value(module, "y")->def, module->main->first);
}

static void test_hash_in_place_of_data(void **state)
{
    static const char text[] = "hone-ir 1\n"
                               "graph main() -> (%w) {\n"
                               "  %w: float32[4,4] = splat base64 \"AQDAfw==\"\n"
                               "}\n";
    hone_module *again = NULL;
    hone_text printed;

    hone_text_init(&printed, NULL);
    hone_module_print(ir_module(*state, text), false, &printed);
    assert_non_null(strstr(printed.data, "%w: float32[4,4] = splat hash "));
    assert_int_equal(ir_parse(*state, printed.data, &again), HONE_ERR_FORMAT);
    assert_non_null(strstr(hone_message(), "a hash is not enough"));
    hone_text_fini(&printed);
}

/* ---- what is refused ---- */

#define MAIN(body) "hone-ir 1\ngraph main(%x: float32[2]) -> () {\n" body "\n}\n"

static const struct {
    const char *name, *text, *message;
} faults[] = {
    {"nothing", "", "expected hone-ir 1, found the end"},
    {"another version", "hone-ir 2\n", "expected hone-ir 1"},
    {"no graph", "hone-ir 1\n", "expected property, symbol, data or graph"},
    {"not closed", "hone-ir 1\ngraph main() -> () {", "found the end of the text"},
    {"text behind", "hone-ir 1\ngraph main() -> () {\n}\nmore",
     "line 4: expected the end of the text, found \"more\""},
    {"no such operator", MAIN("%y: float32[2] = relux (%x)"),
     "line 3: expected an operator, found \"relux (%x)\""},
    {"no such value", MAIN("%y: float32[2] = relu (%z)"), "a value that is defined before"},
    {"used before", MAIN("%y: float32[2] = relu (%z)\n%z: float32[2] = relu (%x)"),
     "a value that is defined before"},
    {"twice", MAIN("%x: float32[2] = relu (%x)"), "a new name"},
    {"twice in a node", MAIN("%a: float32[2], %a: float32[2] = topk (%x, %x)"),
     "outputs of different names"},
    {"no type", MAIN("%y = relu (%x)"), "expected :"},
    {"no such type", MAIN("%y: float31[2] = relu (%x)"), "expected a type"},
    {"no shape", MAIN("%y: float32 = relu (%x)"), "expected ["},
    {"rank 9", MAIN("%y: float32[1,1,1,1,1,1,1,1,1] = relu (%x)"), "at most 8 extents"},
    {"negative extent", MAIN("%y: float32[-2] = relu (%x)"), "extent that is negative"},
    {"bad extent", MAIN("%y: float32[(n] = relu (%x)"), "expected an extent"},
    {"33 elements",
     MAIN("%y: int64[33]{0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0} = relu "
          "(%x)"),
     "at most 32 elements"},
    {"too many inputs", MAIN("%y: float32[2] = relu (%x, %x)"), "2 inputs; 1 to 1 are allowed"},
    {"input absent", MAIN("%y: float32[2] = add (%x, _)"), "input 1 is absent"},
    {"too few outputs", MAIN("= relu (%x)"), "0 outputs"},
    {"no such attribute", MAIN("%y: float32[2] = relu (%x) {axis=1}"),
     "an attribute of this operator"},
    {"no subgraph", MAIN("%y: float32[2] = if (%x)"), "0 subgraphs; 2 are needed"},
    {"subgraph of relu", MAIN("%y: float32[2] = relu (%x) graph b() -> () {}"),
     "1 subgraphs; 0 are needed"},
    {"inner value outside",
     MAIN("%y: float32[2] = if (%x) graph a() -> (%t) { %t: float32[2] = relu (%x) } graph b() -> "
          "(%x) { }\n"
          "%z: float32[2] = relu (%t)"),
     "outside of the graph"},
    {"own output inside",
     MAIN("%y: float32[2] = if (%x) graph a() -> (%y) { } graph b() -> (%x) { }"),
     "before it is defined"},
    {"no such output", "hone-ir 1\ngraph main() -> (%y) {\n}\n", "no value \"y\" for its output 0"},
    {"no such output here", "hone-ir 1\ngraph main() -> (_) {\n}\n", "the name of an output"},
    {"constant of two", MAIN("%a: int8[1], %b: int8[1] = {1}"), "one value before"},
    {"constant too short", MAIN("%a: int8[2] = {1}"), "expected ,"},
    {"constant too long", MAIN("%a: int8[1] = {1, 2}"), "expected }"},
    {"constant of unknown size", MAIN("%a: int8[n] = {1}"), "a type of numbers"},
    {"constant of no type", MAIN("%a: ?[1] = {1}"), "a type of numbers"},
    {"constant without end", MAIN("%a: int64[1] = {99999999999999999999}"),
     "a number of the constant's type"},
    {"constant of words", MAIN("%a: int64[1] = {one}"), "a number of the constant's type"},
    {"constant of too many bytes", MAIN("%a: float32[1] = base64 \"AAAAAAAA\""),
     "base64 of as many bytes"},
    {"constant of too few bytes", MAIN("%a: float32[4] = base64 \"AAAAAAAA\""),
     "base64 of as many bytes"},
    {"constant of other letters", MAIN("%a: uint8[3] = base64 \"A!AA\""),
     "base64 of as many bytes"},
    {"constant overflows", MAIN("%a: float32[4611686018427387904,4] = {}"), "a type of numbers"},
    {"strings as bytes", MAIN("%a: string[1] = base64 \"AAAA\""), "contents"},
    {"huge numbers", MAIN("%a: float32[1000000] = {1}"), "as many numbers as"},
    {"open quote", MAIN("%\"y: float32[2] = relu (%x)"), "a closing quote"},
    {"bad escape", MAIN("%\"\\q\": float32[2] = relu (%x)"), "an escape that exists"},
    {"zero in a name", MAIN("%\"\\x00\": float32[2] = relu (%x)"), "without zero bytes"},
    {"range upside down", "hone-ir 1\nsymbol N [5, 2]\ngraph main() -> () {\n}\n",
     "a range of extents"},
    {"range of words", "hone-ir 1\nsymbol N [a, 2]\ngraph main() -> () {\n}\n", "a number or inf"},
    {"program has other inputs",
     MAIN("%y: float32[2] = pointwise (%x) {program=(x0, x1) { r2 = add x0 x1 }}"),
     "its program has 2 inputs"},
    {"no program", MAIN("%y: float32[2] = pointwise (%x)"), "program is absent"},
};

static void test_faults(void **state)
{
    for (size_t i = 0; i < COUNT(faults); i++) {
        hone_module *module = NULL;
        const hone_status st = ir_parse(*state, faults[i].text, &module);
        if (st != HONE_ERR_FORMAT || !strstr(hone_message(), faults[i].message))
            fail_msg("%s: status %d, message %s", faults[i].name, st, hone_message());
        assert_null(module);
    }
}

static void test_every_prefix_is_refused(void **state)
{
    for (size_t i = 0; i < COUNT(round_trips); i++) {
        const size_t size = strlen(round_trips[i]);
        for (size_t n = 0; n + 2 < size; n++) {
            hone_arena *arena;
            hone_module *module = NULL;
            const hone_bytes prefix = {(const uint8_t *)round_trips[i], n};
            assert_int_equal(hone_arena_create(NULL, 0, &arena), HONE_OK);
            assert_int_equal(ir_parse_bytes(arena, prefix, &module), HONE_ERR_FORMAT);
            hone_arena_destroy(arena);
        }
    }
    (void)state;
}

static void test_zero_bytes_are_refused(void **state)
{
    hone_module *module = NULL;

    assert_int_equal(
        ir_parse_bytes(*state, (hone_bytes){(const uint8_t *)"hone-ir 1\0", 10}, &module),
        HONE_ERR_FORMAT);
    assert_int_equal(ir_parse_bytes(*state, (hone_bytes){NULL, 0}, &module), HONE_ERR_FORMAT);
}

/* A text that repeats `open` many times. */
static hone_status parse_nested(hone_arena *arena, const char *head, const char *open)
{
    hone_text text;
    hone_module *module = NULL;

    hone_text_init(&text, NULL);
    hone_text_add(&text, "%s", head);
    for (int i = 0; i < 100000; i++)
        hone_text_add(&text, "%s", open);
    const hone_status st = ir_parse(arena, text.data, &module);
    hone_text_fini(&text);
    return st;
}

static void test_nesting_is_bounded(void **state)
{
    static const char head[] = "hone-ir 1\ngraph main(%c: bool[]) -> () {\n";

    assert_int_equal(parse_nested(*state, head, "_ = if (%c) graph t() -> () {\n"), HONE_ERR_LIMIT);
    assert_int_equal(parse_nested(*state, "hone-ir 1\ngraph main(%c: ", "sequence("),
                     HONE_ERR_LIMIT);
    assert_int_equal(parse_nested(*state, "hone-ir 1\ngraph main(%c: float32[", "("),
                     HONE_ERR_FORMAT);
}

static void test_memory_runs_out_anywhere(void **state)
{
    (void)state;
    for (long n = 1;; n++) {
        faulty f = {.fail_at = n};
        const hone_allocator allocator = faulty_allocator(&f);
        hone_arena *arena = NULL;
        hone_module *module = NULL;
        hone_status st = hone_arena_create(&allocator, 0, &arena);
        for (size_t i = 0; i < COUNT(round_trips) && st == HONE_OK; i++)
            st = ir_parse(arena, round_trips[i], &module);
        hone_arena_destroy(arena);
        assert_int_equal(f.live, 0);
        if (st == HONE_OK)
            return;
        assert_int_equal(st, HONE_ERR_MEMORY);
    }
}

static void test_print_without_memory(void **state)
{
    hone_module *module = ir_module(*state, round_trips[1]);

    for (long n = 1;; n++) {
        faulty f = {.fail_at = n};
        const hone_allocator allocator = faulty_allocator(&f);
        hone_text text;
        hone_text_init(&text, &allocator);
        hone_module_print(module, true, &text);
        const hone_status st = hone_text_status(&text);
        hone_text_fini(&text);
        assert_int_equal(f.live, 0);
        if (st == HONE_OK)
            return;
        assert_int_equal(st, HONE_ERR_MEMORY);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        IR_TEST(test_round_trips),
        IR_TEST(test_comments_and_spaces),
        IR_TEST(test_hash_in_place_of_data),
        IR_TEST(test_faults),
        IR_TEST(test_every_prefix_is_refused),
        IR_TEST(test_zero_bytes_are_refused),
        IR_TEST(test_nesting_is_bounded),
        IR_TEST(test_memory_runs_out_anywhere),
        IR_TEST(test_print_without_memory),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
