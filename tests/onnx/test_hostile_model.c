/* Hostile models: truncated at every byte, with bits flipped, and made to be as deep, as large or
 * as wrong as the format allows. Whatever the bytes, the importer returns, soon and within its
 * memory; under the sanitizers nothing is read or written where it must not be. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <time.h>

#include <cmocka.h>

#include "importing.h"
#include "model_text.h"

#define MEMORY ((size_t)256 << 20)
#define SECONDS                                                                                    \
    20.0 /* of processor time for one case, sanitizers included; one takes milliseconds */

static double now(void)
{
    struct timespec t;
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
    return (double)t.tv_sec + (double)t.tv_nsec * 1e-9;
}

/* Imports from a copy that ends where the bytes end, so that the sanitizer sees a read past them.
 */
static hone_status import_copy(const void *data, size_t size)
{
    uint8_t *copy = malloc(size ? size : 1);
    const double start = now();
    imported x;

    if (size)
        memcpy(copy, data, size);
    import_bytes(&x, (hone_bytes){copy, size}, NULL, MEMORY);
    const hone_status st = x.status;
    import_free(&x);
    free(copy);
    assert_true(now() - start < SECONDS);
    return st;
}

/* Most of what the format has, in one small model. */
static pb rich_model(void)
{
    return model_of_text(
        "ir 8; opset 11; opset f 1; opset ai.onnx.ml 2; in x f32[2,N]; in q seq f32[2]; in o opt "
        "i64[1]; in c bool[]; "
        "init w f32[2,1] = 1 2; init k i64[1] = 1; init e f32[0] = ; "
        "a = Add(x, w) name=first; b = f:twice(a) k=0.5; s = Softmax(b) axis=1; t = Constant() "
        "value=f32[1](3); "
        "r = Reshape(s, sh); sh = Constant() value=i64[2](2 -1); "
        "i = If(c) then_branch={ z = Relu(r); out z } else_branch={ init u f32[1] = 2; z = Mul(r, "
        "u); out z }; "
        "l, m = Loop(k, c, i) body={ in n i64[]; in g bool[]; in v f32; h = Neg(v); out g; out h; "
        "out h }; "
        "p = Pad(l, pads) mode=\"constant\"; pads = Constant() value=i64[4](0 0 1 1); "
        "d, _ = Split(p) axis=0; y = ai.onnx.ml:ArrayFeatureExtractor(d, k); out y; out m; "
        "function f:twice(a) -> (b) [k] { opset 11; opset f 1; h = f:leak(a) alpha=@k; b = Add(h, "
        "a) }; "
        "function f:leak(a) -> (b) [alpha] { opset 11; b = LeakyRelu(a) alpha=@alpha }");
}

static void test_hostile_seed_is_valid(void **state)
{
    (void)state;
    pb model = rich_model();
    const hone_status st = import_copy(model.data, model.size);
    if (st != HONE_OK)
        fail_msg("%s", hone_message());
    free(model.data);
}

static void test_hostile_truncated_anywhere(void **state)
{
    (void)state;
    pb model = rich_model();
    for (size_t size = 0; size < model.size; size++)
        import_copy(model.data, size);
    free(model.data);
}

static void test_hostile_bits_flipped(void **state)
{
    (void)state;
    pb model = rich_model();
    for (size_t i = 0; i < model.size; i++)
        for (int bit = 0; bit < 8; bit += 1 + (int)(i % 3)) {
            model.data[i] ^= (uint8_t)(1 << bit);
            import_copy(model.data, model.size);
            model.data[i] ^= (uint8_t)(1 << bit);
        }
    free(model.data);
}

static uint32_t random_state = 1;
static uint32_t random_number(void)
{
    random_state ^= random_state << 13; /* Marsaglia's xorshift: the same cases on every run */
    random_state ^= random_state >> 17;
    random_state ^= random_state << 5;
    return random_state;
}

static void test_hostile_bytes_changed(void **state)
{
    (void)state;
    static const uint8_t nasty[] = {0x00, 0x01, 0x7f, 0x80, 0xff, 0xfe, 0x0a, 0x12};
    pb model = rich_model();
    uint8_t *copy = malloc(model.size);
    for (int round = 0; round < 2000; round++) {
        memcpy(copy, model.data, model.size);
        for (uint32_t n = random_number() % 6 + 1; n > 0; n--)
            copy[random_number() % model.size] = nasty[random_number() % sizeof nasty];
        import_copy(copy, model.size);
    }
    free(copy);
    free(model.data);
}

static void test_hostile_pieces_moved(void **state)
{
    (void)state;
    pb model = rich_model();
    uint8_t *copy = malloc(model.size);
    for (int round = 0; round < 1000; round++) {
        memcpy(copy, model.data, model.size);
        const size_t from = random_number() % model.size, to = random_number() % model.size;
        const size_t most = model.size - (from > to ? from : to);
        memmove(copy + to, copy + from, random_number() % (most + 1));
        import_copy(copy, model.size);
    }
    free(copy);
    free(model.data);
}

/* ---- nesting ---- */

/* n messages, each the only content of field `path[i % n_path]` of the one around it. */
static pb nested(const int *path, int n_path, int depth)
{
    pb inner = {0};
    for (int i = depth - 1; i >= 0; i--) {
        pb outer = {0};
        pb_message(&outer, path[i % n_path], &inner);
        inner = outer;
    }
    return inner;
}

static void expect(hone_status st, hone_status wanted, const char *what)
{
    if (st != wanted)
        fail_msg("%s: status %d, not %d: %s", what, st, wanted, hone_message());
}

static void test_hostile_deep_messages(void **state)
{
    (void)state;
    static const int subgraphs[] = {1, 5, 6}; /* graph: node: attribute: graph */
    static const int graph_lists[] = {1, 5, 11};
    static const int sequences[] = {4, 1}; /* type: sequence: type */
    static const int maps[] = {5, 2};
    static const struct {
        const char *name;
        const int *path;
        int n, depth;
        bool is_type;
    } cases[] = {
        {"subgraphs", subgraphs, 3, 3 * 63, false},
        {"subgraphs, too deep", subgraphs, 3, 3 * 70, false},
        {"20000 subgraphs", subgraphs, 3, 60000, false},
        {"20000 lists", graph_lists, 3, 60000, false},
        {"8 sequences", sequences, 2, 16, true},
        {"30 sequences", sequences, 2, 60, true},
        {"20000 sequences", sequences, 2, 40000, true},
        {"20000 maps", maps, 2, 40000, true},
    };

    for (int i = 0; i < HONE_COUNT(cases); i++) {
        pb model = {0}, graph = {0}, deep = nested(cases[i].path, cases[i].n, cases[i].depth);
        pb_int(&model, 1, 8);
        if (cases[i].is_type) {
            pb info = {0};
            pb_text(&info, 1, "x");
            pb_message(&info, 2, &deep);
            pb_message(&graph, 11, &info);
        } else {
            graph = deep;
        }
        pb_message(&model, 7, &graph);
        const hone_status st = import_copy(model.data, model.size);
        if (st != HONE_ERR_LIMIT && st != HONE_ERR_FORMAT && st != HONE_ERR_UNSUPPORTED)
            fail_msg("%s: status %d", cases[i].name, st);
        if (cases[i].depth > 1000)
            expect(st, HONE_ERR_LIMIT, cases[i].name);
        free(model.data);
    }
}

static void add_text(char **at, const char *format, int i, int k)
{
    *at += sprintf(*at, format, i, k);
}

/* If in If in If: the innermost uses a value of the outermost. */
static pb nested_ifs(int depth)
{
    char *text = malloc(200 + (size_t)depth * 100), *at = text;

    add_text(&at, "opset 13; in c bool[]; in x f32[2]; ", 0, 0);
    for (int i = 0; i < depth; i++)
        add_text(&at, "y%d = If(c) else_branch={ out x } then_branch={ ", i, 0);
    add_text(&at, "z = Relu(x); out z", 0, 0);
    for (int i = depth - 1; i >= 0; i--)
        add_text(&at, i ? " }; out y%d" : " }; out y%d", i, 0);
    pb model = model_of_text(text);
    free(text);
    return model;
}

static void test_hostile_nested_ifs(void **state)
{
    (void)state;
    static const int depths[] = {1, 8, 30, 31, 32, 33, 40, 62, 63, 64, 65, 66, 100};
    for (int i = 0; i < HONE_COUNT(depths); i++) {
        pb model = nested_ifs(depths[i]);
        const hone_status st = import_copy(model.data, model.size);
        if (depths[i] <= 30)
            expect(st, HONE_OK, "nested ifs");
        if (depths[i] > 64)
            expect(st, HONE_ERR_LIMIT, "nested ifs");
        free(model.data);
    }
}

/* Each function calls the next one twice: 2^n calls of the last one, which makes a node, a constant
 * or nothing. */
static void test_hostile_functions_that_double(void **state)
{
    (void)state;
    static const int depths[] = {4, 40, 70};
    static const char *const last[] = {"opset 13; b = Neg(a)",
                                       "opset 13; b = Constant() value_int=1", ""};
    for (int k = 0; k < HONE_COUNT(depths) * HONE_COUNT(last); k++) {
        const int depth = depths[k / HONE_COUNT(last)];
        const int kind = k % HONE_COUNT(last);
        char text[16384], *at = text;
        at += sprintf(at, "opset 13; opset f 1; in x f32[2]; y = f:f0(x); out y; ");
        for (int i = 0; i < depth; i++)
            at +=
                sprintf(at, "function f:f%d(a) -> (c) { opset f 1; b = f:f%d(a); c = f:f%d(b) }; ",
                        i, i + 1, i + 1);
        sprintf(at, "function f:f%d(a) -> (%s) { %s }", depth, kind == 2 ? "a" : "b", last[kind]);
        pb model = model_of_text(text);
        const hone_status st = import_copy(model.data, model.size);
        if (depth == 4)
            expect(st, HONE_OK, "functions that double");
        if (depth > 20 && st != HONE_ERR_LIMIT && st != HONE_ERR_MEMORY)
            fail_msg("functions that double, %d deep: status %d", depth, st);
        free(model.data);
    }
}

/* A node with very many attributes, inputs or outputs. */
static void test_hostile_wide_nodes(void **state)
{
    (void)state;
    enum {
        COUNT = 1000 * 1000
    };
    for (int field = 1; field <= 5; field += field == 2 ? 3 : 1) {
        pb model = {0}, graph = {0}, node = {0}, opset = {0}, info = {0};
        for (int i = 0; i < COUNT; i++) {
            char name[16];
            pb attribute = {0};
            snprintf(name, sizeof name, "%d", i);
            pb_text(&attribute, 1, name);
            if (field == 5)
                pb_message(&node, 5, &attribute);
            else
                pb_text(&node, field, field == 1 ? "" : name);
            free(attribute.data);
        }
        pb_text(&node, 4, "Concat");
        pb_message(&graph, 1, &node);
        pb_text(&info, 1, "y");
        pb_message(&graph, 12, &info);
        pb_int(&opset, 2, 13);
        pb_message(&model, 8, &opset);
        pb_message(&model, 7, &graph);
        assert_int_not_equal(import_copy(model.data, model.size), HONE_OK);
        free(model.data);
    }
}

/* A change of shape that is handed on from one carried value to the next, a round each. */
static void test_hostile_loop_that_settles_late(void **state)
{
    (void)state;
    enum {
        COUNT = 4000
    };
    char *text = malloc(COUNT * 160 + 1000), *at = text;

    at += sprintf(at, "opset 13; in n i64[]; in x f32[2]; y0");
    for (int i = 1; i < COUNT; i++)
        at += sprintf(at, ", y%d", i);
    at += sprintf(at, " = Loop(n, _");
    for (int i = 0; i < COUNT; i++)
        at += sprintf(at, ", x");
    at += sprintf(at, ") body={ in i i64[]; in c bool[]; ");
    for (int i = 0; i < COUNT; i++)
        at += sprintf(at, "in c%d f32; ", i);
    at += sprintf(at, "d0 = Concat(c0, c0) axis=0; ");
    for (int i = 1; i < COUNT; i++)
        at += sprintf(at, "d%d = Relu(c%d); ", i, i - 1);
    at += sprintf(at, "out c; ");
    for (int i = 0; i < COUNT; i++)
        at += sprintf(at, "out d%d; ", i);
    sprintf(at, "}; out y0");
    pb model = model_of_text(text);
    expect(import_copy(model.data, model.size), HONE_OK, "loop that settles late");
    free(model.data);
    free(text);
}

/* A chain of nodes in reverse order, and one cycle through all of them. */
static void test_hostile_long_chains(void **state)
{
    (void)state;
    enum {
        LENGTH = 20000
    };
    for (int is_cycle = 0; is_cycle < 2; is_cycle++) {
        pb model = {0}, graph = {0}, opset = {0}, info = {0};
        char name[32];
        for (int i = LENGTH; i > 0; i--) {
            pb node = {0};
            snprintf(name, sizeof name, "v%d", i == 1 && is_cycle ? LENGTH : i - 1);
            pb_text(&node, 1, name);
            snprintf(name, sizeof name, "v%d", i);
            pb_text(&node, 2, name);
            pb_text(&node, 4, "Neg");
            pb_message(&graph, 1, &node);
        }
        pb_text(&info, 1, "v0");
        pb_message(&graph, 11, &info);
        pb_text(&info, 1, name);
        pb_message(&graph, 12, &info);
        pb_int(&opset, 2, 13);
        pb_message(&model, 8, &opset);
        pb_message(&model, 7, &graph);
        expect(import_copy(model.data, model.size), is_cycle ? HONE_ERR_FORMAT : HONE_OK,
               "long chain");
        if (is_cycle)
            assert_non_null(strstr(hone_message(), "cycle of 20000"));
        free(model.data);
    }
}

/* ---- counts, sizes, types ---- */

/* A model of one graph that has the given initializer. */
static hone_status import_tensor(pb *tensor)
{
    pb model = {0}, graph = {0}, info = {0};

    pb_text(&info, 1, "w");
    pb_message(&graph, 5, tensor);
    pb_message(&graph, 12, &info);
    pb_int(&model, 1, 8);
    pb_message(&model, 7, &graph);
    const hone_status st = import_copy(model.data, model.size);
    free(model.data);
    return st;
}

static void test_hostile_tensors(void **state)
{
    (void)state;
    static const struct {
        const char *name;
        int64_t dims[9];
        int n_dims, type;
        int field; /* of data: one number, as raw bytes or as a varint or fixed number */
        hone_status status;
    } cases[] = {
        {"scalar", {0}, 0, 1, 4, HONE_OK},
        {"one in raw", {1}, 1, 6, 9, HONE_OK},
        {"one of too many in raw", {2}, 1, 6, 9, HONE_ERR_FORMAT},
        {"terabytes", {1000000, 1000000}, 2, 1, 4, HONE_ERR_FORMAT},
        {"2^62 bytes", {1LL << 60}, 1, 1, 4, HONE_ERR_FORMAT},
        {"2^63 bytes", {1LL << 61}, 1, 1, 4, HONE_ERR_FORMAT},
        {"overflow to zero", {1LL << 32, 1LL << 32}, 2, 1, 4, HONE_ERR_FORMAT},
        {"overflow to one", {INT64_MAX, INT64_MAX}, 2, 2, 5, HONE_ERR_FORMAT},
        {"zero times much", {0, INT64_MAX}, 2, 1, 9, HONE_ERR_FORMAT},
        {"negative", {-1}, 1, 1, 4, HONE_ERR_FORMAT},
        {"most negative", {INT64_MIN}, 1, 1, 4, HONE_ERR_FORMAT},
        {"nine dimensions", {1, 1, 1, 1, 1, 1, 1, 1, 1}, 9, 1, 4, HONE_ERR_LIMIT},
        {"type zero", {1}, 1, 0, 4, HONE_ERR_FORMAT},
        {"type 1000", {1}, 1, 1000, 4, HONE_ERR_FORMAT},
        {"type -1", {1}, 1, -1, 4, HONE_ERR_FORMAT},
        {"data in another type's field", {1}, 1, 1, 7, HONE_ERR_FORMAT},
        {"texts that are not there", {1 << 30}, 1, 8, 4, HONE_ERR_FORMAT},
        {"int8 of one number", {1}, 1, 3, 5, HONE_OK},
        {"uint4 of two", {2}, 1, 21, 5, HONE_OK},
        {"uint4 of three", {3}, 1, 21, 5, HONE_ERR_FORMAT},
        {"complex of half a number", {1}, 1, 14, 4, HONE_ERR_FORMAT},
        {"double", {1}, 1, 11, 10, HONE_OK},
        {"uint64", {1}, 1, 13, 11, HONE_OK},
    };

    for (int i = 0; i < HONE_COUNT(cases); i++) {
        static const uint8_t raw[4] = {1, 2, 3, 4};
        pb tensor = {0};
        for (int d = 0; d < cases[i].n_dims; d++)
            pb_int(&tensor, 1, cases[i].dims[d]);
        pb_int(&tensor, 2, cases[i].type);
        pb_text(&tensor, 8, "w");
        if (cases[i].field == 9) {
            pb_bytes(&tensor, 9, raw, sizeof raw);
        } else if (cases[i].field == 4) {
            pb_float(&tensor, 4, 1.0f);
        } else if (cases[i].field == 10) {
            pb_number(&tensor, 10 << 3 | 1);
            pb_put(&tensor, "\0\0\0\0\0\0\360\77", 8);
        } else {
            pb_int(&tensor, cases[i].field, 1);
        }
        expect(import_tensor(&tensor), cases[i].status, cases[i].name);
    }
}

static void test_hostile_sparse_tensors(void **state)
{
    (void)state;
    static const struct {
        const char *name;
        int64_t dims[2], index;
        hone_status status;
    } cases[] = {
        {"fits", {4, 4}, 15, HONE_OK},
        {"index past the end", {4, 4}, 16, HONE_ERR_FORMAT},
        {"index negative", {4, 4}, -1, HONE_ERR_FORMAT},
        {"spreads to terabytes", {1 << 20, 1 << 20}, 0, HONE_ERR_LIMIT},
        {"overflows", {INT64_MAX, INT64_MAX}, 0, HONE_ERR_LIMIT},
        {"negative", {-4, 4}, 0, HONE_ERR_FORMAT},
    };

    for (int i = 0; i < HONE_COUNT(cases); i++) {
        pb model = {0}, graph = {0}, sparse = {0}, values = {0}, indices = {0}, info = {0};
        pb_int(&values, 1, 1);
        pb_int(&values, 2, 1);
        pb_float(&values, 4, 1.0f);
        pb_text(&values, 8, "w");
        pb_int(&indices, 1, 1);
        pb_int(&indices, 2, 7);
        pb_int(&indices, 7, cases[i].index);
        pb_message(&sparse, 1, &values);
        pb_message(&sparse, 2, &indices);
        pb_int(&sparse, 3, cases[i].dims[0]);
        pb_int(&sparse, 3, cases[i].dims[1]);
        pb_text(&info, 1, "w");
        pb_message(&graph, 15, &sparse);
        pb_message(&graph, 12, &info);
        pb_int(&model, 1, 8);
        pb_message(&model, 7, &graph);
        expect(import_copy(model.data, model.size), cases[i].status, cases[i].name);
        free(model.data);
    }
}

/* Two bytes of file for each node: what is made of them is bounded. */
static void test_hostile_many_empty_messages(void **state)
{
    (void)state;
    enum {
        COUNT = 5 * 1000 * 1000
    };
    static const int fields[] = {1, 5, 11, 12, 15};
    uint8_t *graph = malloc(2 * (size_t)COUNT);

    for (int k = 0; k < HONE_COUNT(fields); k++) {
        pb model = {0};
        for (int i = 0; i < COUNT; i++) {
            graph[2 * i] = (uint8_t)(fields[k] << 3 | 2);
            graph[2 * i + 1] = 0;
        }
        pb_bytes(&model, 7, graph, 2 * (size_t)COUNT);
        const hone_status st = import_copy(model.data, model.size);
        assert_true(st == HONE_ERR_LIMIT || st == HONE_ERR_MEMORY);
        free(model.data);
    }
    free(graph);
}

static const struct {
    const char *name, *model;
} wrong[] = {
    {"constant of nothing", "opset 13; y = Constant(); out y"},
    {"constant of two", "opset 13; y = Constant() value_int=1 value_float=1.0; out y"},
    {"constant of shape with two values",
     "opset 13; in s i64[1]; y = ConstantOfShape(s) value=f32[2](1 2); out y"},
    {"constant of a huge shape",
     "opset 13; init s i64[2] = 4000000000000 4000000000000; y = ConstantOfShape(s); out y"},
    {"expand to a huge shape",
     "opset 13; in x f32[1]; init s i64[3] = 4000000000 4000000000 4000000000; y = Expand(x, "
     "s); out y"},
    {"reshape to negative",
     "opset 13; in x f32[4]; init s i64[2] = -1 -1; y = Reshape(x, s); out y"},
    {"reshape of zero", "opset 13; in x f32[0]; init s i64[2] = 0 -1; y = Reshape(x, s); out y"},
    {"axis far outside", "opset 11; in x f32[2,2]; y = Softmax(x) axis=9000000000000000000; out y"},
    {"negative axis far outside",
     "opset 11; in x f32[2,2]; y = Softmax(x) axis=-9223372036854775808; out y"},
    {"broadcast axis far outside", "opset 6; in a f32[2,2]; in b f32[2]; y = Add(a, b) broadcast=1 "
                                   "axis=9223372036854775807; out y"},
    {"tile of opset 1, axis far outside", "opset 1; in x f32[2]; init t i64[1] = 1; init a i64[1] "
                                          "= 9223372036854775807; y = Tile(x, t, a); out y"},
    {"squeeze of many axes",
     "opset 11; in x f32[1]; y = Squeeze(x) axes=[0,0,0,0,0,0,0,0,0,0,0,0]; out y"},
    {"unsqueeze of many axes",
     "opset 11; in x f32[1]; y = Unsqueeze(x) axes=[0,1,2,3,4,5,6,7,8,9,10]; out y"},
    {"transpose twice the same", "opset 13; in x f32[2,2]; y = Transpose(x) perm=[0,0]; out y"},
    {"negative pads", "opset 10; in x f32[2]; y = Pad(x) pads=[-9223372036854775808,-5]; out y"},
    {"pads of a wrong count", "opset 10; in x f32[2]; y = Pad(x) pads=[1]; out y"},
    {"stride zero",
     "opset 13; in x f32[1,1,4,4]; y = MaxPool(x) kernel_shape=[2,2] strides=[0,0]; out y"},
    {"kernel zero", "opset 13; in x f32[1,1,4,4]; y = MaxPool(x) kernel_shape=[0,0]; out y"},
    {"group zero", "opset 13; in x f32[1,1,4,4]; in w f32[1,1,1,1]; y = Conv(x, w) group=0; out y"},
    {"groups of group norm zero",
     "opset 18; in x f32[1,4]; in s f32[1]; y = GroupNormalization(x, s, s) num_groups=0; out y"},
    {"slice steps zero", "opset 13; in x f32[4]; init a i64[1] = 0; init b i64[1] = 4; init s "
                         "i64[1] = 0; y = Slice(x, a, b, a, s); out y"},
    {"crop without border", "opset 1; in x f32[1,1,4,4]; y = Crop(x); out y"},
    {"crop overflows",
     "opset 1; in x f32[1,1,4,4]; y = Crop(x) border=[9223372036854775807,9223372036854775807,0,0] "
     "scale=[9223372036854775807,9223372036854775807]; out y"},
    {"upsample by nothing", "opset 7; in x f32[1,1,4,4]; y = Upsample(x) scales=[0.0,-1.0]; out y"},
    {"resize by too many scales",
     "opset 10; in x f32[1]; init s f32[9] = 1 1 1 1 1 1 1 1 0.5; y = Resize(x, s); out y"},
    {"blocksize zero", "opset 13; in x f32[1,4,2,2]; y = DepthToSpace(x) blocksize=0; out y"},
    {"range without end", "opset 13; init a i64[] = 0; init b i64[] = 9223372036854775807; init c "
                          "i64[] = 1; y = Range(a, b, c); out y"},
    {"range of zero steps",
     "opset 13; init a i64[] = 0; init b i64[] = 9; init c i64[] = 0; y = Range(a, b, c); out y"},
    {"cast to nothing", "opset 13; in x f32[1]; y = Cast(x) to=0; out y"},
    {"cast to no type", "opset 13; in x f32[1]; y = Cast(x) to=-1; out y"},
    {"cast to no word", "opset 1; in x f32[1]; y = Cast(x) to=\"\"; out y"},
    {"einsum of nothing", "opset 13; in x f32[1]; y = Einsum(x) equation=\"\"; out y"},
    {"einsum of noise", "opset 13; in x f32[1]; y = Einsum(x) equation=\"...,->>ij,,\"; out y"},
    {"split in no parts", "opset 18; in x f32[4]; a, b = Split(x) num_outputs=0; out a"},
    {"topk of more than there is",
     "opset 9; in x f32[4]; a, b = TopK(x) k=9223372036854775807; out a"},
    {"loop of a sequence", "opset 13; in n i64[]; in q seq f32[2]; y = Loop(n, _, q) body={ in i "
                           "i64[]; in c bool[]; in a f32[2]; b = Add(a, "
                           "a); out c; out b }; out y"},
    {"scan along an axis outside", "opset 13; in x f32[2]; y = Scan(x) num_scan_inputs=1 "
                                   "scan_input_axes=[9223372036854775807] body={ in a f32; b = "
                                   "Neg(a); out b }; out y"},
    {"body output from nowhere", "opset 13; in c bool[]; in x f32[2]; y = If(c) then_branch={ out "
                                 "q } else_branch={ out x }; out y"},
    {"body input twice", "opset 13; in n i64[]; in x f32[2]; y = Loop(n, _, x) body={ in i i64[]; "
                         "in i bool[]; in i f32[2]; out i; out i }; "
                         "out y"},
    {"constants of wrong element types",
     "opset 13; in x f32[4]; init s f32[1] = 2; y = Reshape(x, s); out y"},
    {"text where numbers belong", "opset 13; in x string[4]; y = Relu(x); out y"},
    {"clip of texts", "opset 6; in x string[4]; y = Clip(x) min=0.0; out y"},
    {"dropout of texts, with mask", "opset 7; in x string[4]; y, m = Dropout(x); out y; out m"},
    {"clip of a sequence", "opset 6; in x seq f32[4]; y = Clip(x) min=0.0; out y"},
    {"softmax of a sequence", "opset 6; in x seq f32[4]; y = Softmax(x); out y"},
};

static void test_hostile_wrong_models(void **state)
{
    (void)state;
    for (int i = 0; i < HONE_COUNT(wrong); i++) {
        pb model = model_of_text(wrong[i].model);
        import_copy(model.data, model.size);
        free(model.data);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_hostile_seed_is_valid),
        cmocka_unit_test(test_hostile_truncated_anywhere),
        cmocka_unit_test(test_hostile_bits_flipped),
        cmocka_unit_test(test_hostile_bytes_changed),
        cmocka_unit_test(test_hostile_pieces_moved),
        cmocka_unit_test(test_hostile_deep_messages),
        cmocka_unit_test(test_hostile_nested_ifs),
        cmocka_unit_test(test_hostile_functions_that_double),
        cmocka_unit_test(test_hostile_wide_nodes),
        cmocka_unit_test(test_hostile_loop_that_settles_late),
        cmocka_unit_test(test_hostile_long_chains),
        cmocka_unit_test(test_hostile_tensors),
        cmocka_unit_test(test_hostile_sparse_tensors),
        cmocka_unit_test(test_hostile_many_empty_messages),
        cmocka_unit_test(test_hostile_wrong_models),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
