/* Attributes: every operator's, with random values, through text, through the plan's form, and
 * copied. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>
#include <math.h>

#include "base/dtype.h"
#include "op/op.h"
#include "op/program.h"

static uint32_t random_state = 7;

static uint32_t random_bits(void)
{
    random_state = random_state * 1664525u + 1013904223u;
    return random_state >> 8;
}

static int random_below(int n)
{
    return (int)(random_bits() % (uint32_t)n);
}

static float random_float(void)
{
    static const float special[] = {0.0f, -0.0f,  1.0f,          INFINITY, -INFINITY,
                                    NAN,  1e-45f, 3.4028235e38f, 0.1f};
    return random_below(3) == 0 ? special[random_below(HONE_COUNT(special))]
                                : (float)random_bits() / 3e4f - 200.0f;
}

static int64_t random_int(void)
{
    static const int64_t special[] = {0, -1, INT64_MAX, INT64_MIN, 1 << 20};
    return random_below(3) == 0 ? special[random_below(HONE_COUNT(special))]
                                : random_below(100) - 50;
}

static const char *random_text(hone_arena *arena)
{
    static const char *const texts[] = {"", "plain", "with \"quotes\" and \\", "new\nline\t\x01",
                                        "\xc3\xa9t\xc3\xa9, ]"};
    return hone_arena_text(arena, texts[random_below(HONE_COUNT(texts))]);
}

static const hone_program *random_program(hone_arena *arena)
{
    hone_program_builder b;

    hone_program_begin(&b, 1 + random_below(3));
    int last = hone_program_constant(&b, random_float());
    for (int i = random_below(5); i >= 0; i--) {
        const int op = 1 + random_below(HONE_SCALAR_COUNT - 1);
        last = hone_program_add(&b, (hone_scalar)op, random_below(last + 1), random_below(last + 1),
                                last);
    }
    return hone_program_end(&b, arena, last);
}

static int count_names(const char *names)
{
    int n = 1;
    for (; *names; names++)
        n += *names == '|';
    return n;
}

static void fill_row(hone_arena *arena, const hone_attr_row *row, void *at)
{
    const int n = random_below(5);

    switch (row->kind) {
    case HONE_ATTR_INT: *(int64_t *)at = random_int(); break;
    case HONE_ATTR_FLOAT: *(float *)at = random_float(); break;
    case HONE_ATTR_ENUM: *(int64_t *)at = random_below(count_names(row->names)); break;
    case HONE_ATTR_TYPE: *(hone_dtype *)at = (hone_dtype)random_below(HONE_I2 + 1); break;
    case HONE_ATTR_INTS: {
        int64_t *v = hone_arena_array(arena, (size_t)n, sizeof *v);
        for (int i = 0; i < n; i++)
            v[i] = random_int();
        *(hone_ints *)at = (hone_ints){n, v};
        break;
    }
    case HONE_ATTR_FLOATS: {
        float *v = hone_arena_array(arena, (size_t)n, sizeof *v);
        for (int i = 0; i < n; i++)
            v[i] = random_float();
        *(hone_floats *)at = (hone_floats){n, v};
        break;
    }
    case HONE_ATTR_TEXT: *(const char **)at = random_text(arena); break;
    case HONE_ATTR_TEXTS: {
        const char **v = hone_arena_array(arena, (size_t)n, sizeof *v);
        for (int i = 0; i < n; i++)
            v[i] = random_text(arena);
        *(hone_texts *)at = (hone_texts){n, v};
        break;
    }
    case HONE_ATTR_PROGRAM: *(const hone_program **)at = random_program(arena); break;
    }
}

/* About half of the rows differ from their defaults. */
static void fill(hone_arena *arena, int op, hone_attrs *attrs)
{
    int n;
    const hone_attr_row *row = hone_attrs_rows(op, &n);

    hone_attrs_init(op, attrs);
    for (int i = 0; i < n; i++, row++)
        if (random_below(2))
            fill_row(arena, row, (char *)attrs + row->offset);
}

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

#define ROUNDS 20

static void test_attrs_text_round_trip(void **state)
{
    (void)state;
    for (int i = 0; i < HONE_OP_COUNT * ROUNDS; i++) {
        const int op = i % HONE_OP_COUNT;
        hone_attrs a, b;
        hone_text text, again;
        hone_text_init(&text, NULL);
        hone_text_init(&again, NULL);
        fill(arena, op, &a);
        hone_attrs_print(op, &a, &text);
        hone_text_add(&text, ") rest");
        const char *at = text.data;
        if (!hone_attrs_parse(arena, op, &at, &b))
            fail_msg("%s: \"%s\" does not parse at \"%s\"", hone_ops[op].name, text.data, at);
        assert_string_equal(at, ") rest");
        hone_attrs_print(op, &b, &again);
        hone_text_add(&again, ") rest");
        assert_string_equal(text.data,
                            again.data); /* not hone_attrs_equal: NaNs lose their payload */
        hone_text_fini(&text);
        hone_text_fini(&again);
    }
}

static void test_attrs_plan_round_trip(void **state)
{
    (void)state;
    for (int i = 0; i < HONE_OP_COUNT * ROUNDS; i++) {
        const int op = i % HONE_OP_COUNT;
        hone_attrs a, b;
        hone_text text;
        size_t size;
        hone_text_init(&text, NULL);
        fill(arena, op, &a);
        hone_attrs_encode(op, &a, &text);
        const hone_bytes bytes = {(const uint8_t *)text.data, text.size};
        assert_int_equal(hone_attrs_decode_size(op, bytes, &size), HONE_OK);
        void *room = hone_arena_alloc(arena, size + 1);
        assert_int_equal(hone_attrs_decode(op, bytes, room, size, &b), HONE_OK);
        assert_true(hone_attrs_equal(op, &a, &b));
        assert_true(hone_attrs_hash(op, &a) == hone_attrs_hash(op, &b));
        if (size)
            assert_int_equal(hone_attrs_decode(op, bytes, room, size - sizeof(void *), &b),
                             HONE_ERR_FORMAT);
        hone_text_fini(&text);
    }
}

/* Cut short or with a byte changed, the bytes are refused or read as something valid; nothing is
 * read out of bounds. */
static void test_attrs_damaged_plan(void **state)
{
    (void)state;
    for (int i = 0; i < HONE_OP_COUNT * ROUNDS; i++) {
        const int op = i % HONE_OP_COUNT;
        hone_attrs a, b;
        hone_text text;
        size_t size;
        hone_text_init(&text, NULL);
        fill(arena, op, &a);
        hone_attrs_encode(op, &a, &text);
        for (size_t cut = 0; cut < text.size; cut++) {
            uint8_t *part = hone_arena_copy(arena, text.data, cut + 1);
            assert_int_equal(hone_attrs_decode_size(op, (hone_bytes){part, cut}, &size),
                             HONE_ERR_FORMAT);
            part[random_below((int)cut + 1)] = (uint8_t)random_bits();
            if (hone_attrs_decode_size(op, (hone_bytes){part, cut + 1}, &size) == HONE_OK)
                assert_int_equal(hone_attrs_decode(op, (hone_bytes){part, cut + 1},
                                                   hone_arena_alloc(arena, size + 1), size, &b),
                                 HONE_OK);
        }
        hone_text_fini(&text);
    }
}

static void test_attrs_copy_and_differ(void **state)
{
    (void)state;
    for (int i = 0; i < HONE_OP_COUNT * ROUNDS; i++) {
        const int op = i % HONE_OP_COUNT;
        hone_attrs a, b;
        int n;
        const hone_attr_row *row = hone_attrs_rows(op, &n);
        fill(arena, op, &a);
        hone_attrs_copy(arena, op, &a, &b);
        assert_true(hone_attrs_equal(op, &a, &b));
        for (int k = 0; k < n; k++) {
            hone_attrs c = b;
            fill_row(arena, &row[k], (char *)&c + row[k].offset);
            if (!hone_attrs_equal(op, &a, &c))
                assert_true(hone_attrs_hash(op, &a) != hone_attrs_hash(op, &c));
        }
    }
}

static void test_attrs_defaults(void **state)
{
    hone_attrs a;
    hone_text text;

    (void)state;
    hone_attrs_init(HONE_OP_leaky_relu, &a);
    assert_true(a.leaky_relu.alpha == 0.01f);
    hone_attrs_init(HONE_OP_layer_normalization, &a);
    assert_int_equal(a.layer_normalization.axis, -1);
    assert_int_equal(a.layer_normalization.stash_type, HONE_F32);
    hone_attrs_init(HONE_OP_compress, &a);
    assert_true(a.compress.axis == HONE_NO_AXIS);
    hone_attrs_init(HONE_OP_linear_attention, &a);
    assert_int_equal(a.linear_attention.update_rule, 3);
    for (int op = 0; op < HONE_OP_COUNT; op++) {
        hone_text_init(&text, NULL);
        hone_attrs_init(op, &a);
        hone_attrs_print(op, &a, &text);
        assert_int_equal(text.size, 0);
        hone_text_fini(&text);
    }
}

static void test_attrs_rows(void **state)
{
    int n;
    const hone_attr_row *rows = hone_attrs_rows(HONE_OP_pad, &n);

    (void)state;
    assert_int_equal(n, 1);
    assert_int_equal(hone_attr_enum_parse(rows, (hone_bytes){(const uint8_t *)"reflect", 7}),
                     HONE_PAD_REFLECT);
    assert_int_equal(hone_attr_enum_parse(rows, (hone_bytes){(const uint8_t *)"refl", 4}), -1);
    assert_int_equal(hone_attr_enum_parse(rows, (hone_bytes){(const uint8_t *)"", 0}), -1);
    assert_true(hone_bytes_is(hone_attr_enum_text(rows, HONE_PAD_WRAP), "wrap"));
    assert_int_equal(hone_attr_enum_text(rows, 4).size, 0);
    assert_int_equal(hone_attr_enum_text(rows, -1).size, 0);
    assert_null(hone_attrs_rows(HONE_OP_relu, &n));
    assert_int_equal(n, 0);
    assert_null(hone_attrs_find(HONE_OP_pad, "axis"));
    assert_ptr_equal(hone_attrs_find(HONE_OP_pad, "mode"), rows);
}

static void test_attrs_syntax_errors(void **state)
{
    static const struct {
        hone_op_id op;
        const char *text;
    } cases[] = {
        {HONE_OP_pad, "mode=mirror"},
        {HONE_OP_pad, "axis=1"},
        {HONE_OP_pad, "mode"},
        {HONE_OP_pad, "mode=edge,"},
        {HONE_OP_softmax, "axis=x"},
        {HONE_OP_transpose, "perm=[1 2]"},
        {HONE_OP_transpose, "perm=[1, 2"},
        {HONE_OP_einsum, "equation=\"ij"},
        {HONE_OP_einsum, "equation=ij"},
        {HONE_OP_cast, "to=float33"},
        {HONE_OP_elu, "alpha="},
        {HONE_OP_pointwise, "program=(x0) {"},
        {HONE_OP_einsum, "equation=\"\\q\""},
        {HONE_OP_relu, "x=1"},
    };

    (void)state;
    for (int i = 0; i < HONE_COUNT(cases); i++) {
        const char *at = cases[i].text;
        hone_attrs a;
        if (hone_attrs_parse(arena, cases[i].op, &at, &a))
            fail_msg("\"%s\" parses", cases[i].text);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_attrs_text_round_trip), cmocka_unit_test(test_attrs_plan_round_trip),
        cmocka_unit_test(test_attrs_damaged_plan),    cmocka_unit_test(test_attrs_copy_and_differ),
        cmocka_unit_test(test_attrs_defaults),        cmocka_unit_test(test_attrs_rows),
        cmocka_unit_test(test_attrs_syntax_errors),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
