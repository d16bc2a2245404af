/* The algebra of extents: forms that expressions take, ranges, evaluation, text. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "op/extent.h"

typedef struct fixture {
    hone_arena *arena;
    hone_extents *table;
} fixture;

static int set_up(void **state)
{
    static fixture f;

    assert_int_equal(hone_arena_create(NULL, 0, &f.arena), HONE_OK);
    f.table = hone_extents_create(f.arena);
    hone_extent_symbol(f.table, "n", 1, HONE_EXTENT_INF);
    hone_extent_symbol(f.table, "h", 1, HONE_EXTENT_INF);
    hone_extent_symbol(f.table, "w", 1, HONE_EXTENT_INF);
    hone_extent_symbol(f.table, "k", 8, 16);
    *state = &f;
    return 0;
}

static int tear_down(void **state)
{
    hone_arena_destroy(((fixture *)*state)->arena);
    return 0;
}

static hone_extent parse(hone_extents *table, const char *text)
{
    hone_extent e = HONE_EXTENT_UNKNOWN;
    const char *at = text;

    if (!hone_extent_parse(table, &at, &e) || *at)
        fail_msg("\"%s\" does not parse at \"%s\"", text, at);
    return e;
}

/* Each text parses to the extent that prints as the second. */
static const struct {
    const char *text, *form;
} forms[] = {
    {"7", "7"},
    {"n", "n"},
    {"n + 0", "n"},
    {"n * 1", "n"},
    {"n * 0", "0"},
    {"n - n", "0"},
    {"w + h + n", "h + n + w"},
    {"n + 2 + n + 3", "n*2 + 5"},
    {"h - w", "h - w"},
    {"-h", "h*(-1)"},
    {"3 - h*2", "h*(-2) + 3"},
    {"w*h*n*4", "h*n*w*4"},
    {"(h + 1)*2", "h*2 + 2"},
    {"(h + 1)*n", "n*(h + 1)"},
    {"n*(h*2 + 2)", "n*(h + 1)*2"},
    {"(n*4)/4", "n"},
    {"(n*h*w)/(h*w)", "n"},
    {"(n*12*h*w)/(n*3)", "h*w*4"},
    {"(n*6)/4", "n*3/2"},
    {"n*h/(n*w)", "h/w"},
    {"(h + 1)*n/(h + 1)", "n"},
    {"(h*4 + 4)/(h + 1)", "4"},
    {"(h*2 + 1)/2", "h"},
    {"(h*2 + w)/2", "h + w/2"},
    {"(h*4 + 2)/8", "h/2"},
    {"(h - 1)/2 + 1", "(h + 1)/2"},
    {"h/2/2", "h/4"},
    {"((h + 1)/2 + 1)/2", "(h + 3)/4"},
    {"ceildiv(h, 2)", "(h + 1)/2"},
    {"ceildiv(ceildiv(h, 2), 2)", "(h + 3)/4"},
    {"ceildiv(h, w)", "ceildiv(h, w)"},
    {"ceildiv(h*w, w)", "h"},
    {"ceildiv(7, 2)", "4"},
    {"ceildiv(-7, 2)", "-3"},
    {"-7/2", "-4"},
    {"7/(-2)", "-4"},
    {"-7 % 3", "2"},
    {"(h*4) % 4", "0"},
    {"(h*5 + 6) % 4", "(h + 2)%4"},
    {"k % 32", "k"},
    {"k / 32", "0"},
    {"h % h", "0"},
    {"min(h, h + 1)", "h"},
    {"max(h, h + 1)", "h + 1"},
    {"min(k, 20)", "k"},
    {"min(k, 4)", "4"},
    {"max(k, 4)", "k"},
    {"min(h, 0)", "0"},
    {"min(h, w)", "min(h, w)"},
    {"min(w, h)", "min(h, w)"},
    {"min(min(h, 9), 7)", "min(h, 7)"},
    {"min(7, min(h, 9))", "min(h, 7)"},
    {"max(max(h, 9), 7)", "max(h, 9)"},
    {"min(min(h, w), h)", "min(h, w)"},
    {"max(h - w, 0)", "max(h - w, 0)"},
    {"?", "?"},
    {"h + ?", "?"},
    {"h / 0", "?"},
    {"h % 0", "?"},
    {"9223372036854775807 + 1", "?"},
    {"9223372036854775807 * 2", "?"},
    {"h * 4611686018427387904 * 4",
     "h*4611686018427387904*4"}, /* not simplified: the coefficient would overflow */
    {"\"batch size\" + 1", "\"batch size\" + 1"},
    {"\"min\" + \"a\\\"b\\\\\"", "\"a\\\"b\\\\\" + \"min\""},
    {"unk__6.1 * 2", "unk__6.1*2"},
};

static void test_extent_forms(void **state)
{
    const fixture *f = *state;

    for (int i = 0; i < HONE_COUNT(forms); i++) {
        hone_text text;
        hone_text_init(&text, NULL);
        const hone_extent e = parse(f->table, forms[i].text);
        hone_extent_print(f->table, e, &text);
        if (strcmp(text.data, forms[i].form) != 0)
            fail_msg("\"%s\" gives \"%s\", not \"%s\"", forms[i].text, text.data, forms[i].form);
        assert_true(parse(f->table, text.data) == e); /* the form is its own form */
        hone_text_fini(&text);
    }
}

/* Text from one table, read into another where symbols were made in another order, prints the same.
 */
static void test_extent_text_does_not_depend_on_age(void **state)
{
    const fixture *f = *state;
    hone_extents *other = hone_extents_create(f->arena);

    for (int i = 0; i < HONE_COUNT(forms); i++) {
        hone_text a, b;
        hone_text_init(&a, NULL);
        hone_text_init(&b, NULL);
        hone_extent_symbol(other, "w", 1, HONE_EXTENT_INF);
        hone_extent_symbol(other, "n", 1, HONE_EXTENT_INF);
        hone_extent_symbol(other, "h", 1, HONE_EXTENT_INF);
        hone_extent_symbol(other, "k", 8, 16);
        hone_extent_print(f->table, parse(f->table, forms[i].text), &a);
        hone_extent_print(other, parse(other, a.data), &b);
        assert_string_equal(a.data, b.data);
        hone_text_fini(&a);
        hone_text_fini(&b);
    }
}

static void test_extent_syntax_errors(void **state)
{
    static const char *const texts[] = {"",       "+",        "(h",
                                        "h +",    "min(h)",   "min(h, w",
                                        "\"open", "\"a\\q\"", "99999999999999999999",
                                        "()",     "h * * w",  "*h"};
    const fixture *f = *state;

    for (int i = 0; i < HONE_COUNT(texts); i++) {
        const char *at = texts[i];
        hone_extent e;
        if (hone_extent_parse(f->table, &at, &e))
            fail_msg("\"%s\" parses", texts[i]);
    }
    char deep[2001];
    memset(deep, '(', 2000);
    deep[2000] = '\0';
    const char *at = deep;
    hone_extent e;
    assert_false(hone_extent_parse(f->table, &at, &e));
}

static const struct {
    const char *text;
    int64_t min, max;
} ranges[] = {
    {"k", 8, 16},
    {"k + 1", 9, 17},
    {"k*2 - 1", 15, 31},
    {"10 - k", -6, 2},
    {"k*k", 64, 256},
    {"k/3", 2, 5},
    {"k%5", 0, 4},
    {"max(10 - k, 0)", 0, 2},
    {"min(k, h)", 1, 16},
    {"ceildiv(k, h)", 0, 17},
    {"h", 1, HONE_EXTENT_INF},
    {"h*w", 1, HONE_EXTENT_INF},
    {"h/2", 0, HONE_EXTENT_INF},
    {"5", 5, 5},
};

static void test_extent_ranges(void **state)
{
    const fixture *f = *state;

    for (int i = 0; i < HONE_COUNT(ranges); i++) {
        const hone_extent e = parse(f->table, ranges[i].text);
        if (hone_extent_lower(f->table, e) != ranges[i].min ||
            hone_extent_upper(f->table, e) != ranges[i].max)
            fail_msg("\"%s\" has range %lld to %lld", ranges[i].text,
                     (long long)hone_extent_lower(f->table, e),
                     (long long)hone_extent_upper(f->table, e));
    }
    assert_int_equal(hone_extent_lower(f->table, HONE_EXTENT_UNKNOWN), 0);
    assert_true(hone_extent_upper(f->table, HONE_EXTENT_UNKNOWN) == HONE_EXTENT_INF);
}

static void test_extent_symbols_narrow(void **state)
{
    const fixture *f = *state;
    const hone_extent twice = parse(f->table, "h*2 + 1");

    hone_extent_symbol(f->table, "h", 4, 10);
    assert_int_equal(hone_extent_lower(f->table, twice), 9);
    assert_int_equal(hone_extent_upper(f->table, twice), 21);
    hone_extent_symbol(f->table, "h", 20, 30); /* nothing in common: as it was */
    assert_int_equal(hone_extent_upper(f->table, twice), 21);
    assert_int_equal(hone_extent_symbol(f->table, "h", 7, 7), 7);
    assert_int_equal(parse(f->table, "h + 1"), 8);
    assert_int_equal(hone_extent_symbol(f->table, "fixed", 3, 3), 3);
}

static void test_extent_from_data(void **state)
{
    const fixture *f = *state;
    hone_extent_symbol(f->table, "data0", 0, 5); /* a model may have that name */
    const hone_extent a = hone_extent_from_data(f->table, 0, 100),
                      b = hone_extent_from_data(f->table, 0, 100);

    assert_true(a != b && a != HONE_EXTENT_UNKNOWN);
    const hone_extent c = hone_extent_add(f->table, a, 1);
    assert_true(hone_extents_node(f->table, hone_extent_index(a))->from_data);
    assert_true(hone_extents_node(f->table, hone_extent_index(c))->depends_on_data);
    assert_false(hone_extents_node(f->table, hone_extent_index(c))->from_data);
    assert_true(hone_extent_from_data(NULL, 0, 100) == HONE_EXTENT_UNKNOWN);
    const hone_extent d = hone_extent_data_symbol(f->table, "found", 0, 9);
    assert_true(hone_extents_node(f->table, hone_extent_index(d))->from_data);
}

/* Every expression of the table, under values of its symbols, is what C computes. */
static void test_extent_evaluation(void **state)
{
    const fixture *f = *state;
    const int64_t n = 3, h = 17, w = 5, k = 9;
    const struct {
        const char *text;
        int64_t value;
    } cases[] = {
        {"n*h*w", n * h * w},
        {"(h - 1)/2 + 1", (h - 1) / 2 + 1},
        {"ceildiv(h, w)", (h + w - 1) / w},
        {"h % w", h % w},
        {"min(h, w)*2", 2 * w},
        {"max(w - h, 0)", 0},
        {"(h*6 + k)/4", (h * 6 + k) / 4},
        {"(w - h)/4", -3},
        {"h/(n - 3)", HONE_EXTENT_UNKNOWN},
    };
    hone_extent e[HONE_COUNT(cases)];
    int64_t values[256];
    hone_extent_node nodes[256];

    for (int i = 0; i < HONE_COUNT(cases); i++)
        e[i] = parse(f->table, cases[i].text);
    const int count = hone_extents_count(f->table);
    assert_true(count < 256);
    for (int i = 0; i < count; i++) {
        nodes[i] = *hone_extents_node(f->table, i);
        if (nodes[i].kind == HONE_EXTENT_SYMBOL)
            values[i] = nodes[i].name[0] == 'n'   ? n
                        : nodes[i].name[0] == 'h' ? h
                        : nodes[i].name[0] == 'w' ? w
                                                  : k;
    }
    hone_extents_evaluate(nodes, count, values);
    for (int i = 0; i < HONE_COUNT(cases); i++)
        if (hone_extent_value(e[i], values) != cases[i].value)
            fail_msg("\"%s\" is %lld", cases[i].text, (long long)hone_extent_value(e[i], values));
}

/* Random expressions: the form that the table gives has the value that plain evaluation gives. */
static uint32_t random_state = 1;

static int random_below(int n)
{
    random_state = random_state * 1664525u + 1013904223u;
    return (int)((random_state >> 8) % (uint32_t)n);
}

static int64_t floor_div(int64_t a, int64_t b)
{
    return a / b - (a % b != 0 && (a < 0) != (b < 0));
}

typedef struct pair {
    hone_extent e;
    int64_t value;
} pair;

static pair random_step(hone_extents *t, pair a, pair b)
{
    const int64_t x = a.value, y = b.value;

    switch (random_below(7)) {
    case 0: return (pair){hone_extent_add(t, a.e, b.e), x + y};
    case 1: return (pair){hone_extent_sub(t, a.e, b.e), x - y};
    case 2: return (pair){hone_extent_mul(t, a.e, b.e), x * y};
    case 3: return y == 0 ? a : (pair){hone_extent_floor_div(t, a.e, b.e), floor_div(x, y)};
    case 4: return y == 0 ? a : (pair){hone_extent_ceil_div(t, a.e, b.e), -floor_div(-x, y)};
    case 5: return y == 0 ? a : (pair){hone_extent_mod(t, a.e, b.e), x - y * floor_div(x, y)};
    default:
        return random_below(2) ? (pair){hone_extent_min(t, a.e, b.e), HONE_MIN(x, y)}
                               : (pair){hone_extent_max(t, a.e, b.e), HONE_MAX(x, y)};
    }
}

static void test_extent_random_expressions(void **state)
{
    const fixture *f = *state;

    for (int round = 0; round < 3000; round++) {
        static int64_t values[200000];
        hone_extents *t = hone_extents_create(f->arena);
        pair pool[14];
        for (int i = 0; i < 3; i++) {
            const char name[2] = {(char)('a' + i), 0};
            pool[i] = (pair){hone_extent_symbol(t, name, 1, 40), 1 + random_below(40)};
            values[hone_extent_index(pool[i].e)] = pool[i].value;
        }
        for (int i = 3; i < 6; i++) {
            pool[i].value = random_below(9) - 2;
            pool[i].e = pool[i].value;
        }
        for (int i = 6; i < 14; i++) {
            pool[i] = random_step(t, pool[random_below(i)], pool[random_below(i)]);
            if (pool[i].value > 1 << 20 || pool[i].value < -(1 << 20))
                pool[i] = pool[0];
        }
        for (int i = 0; i < hone_extents_count(t); i++)
            if (hone_extents_node(t, i)->kind != HONE_EXTENT_SYMBOL)
                values[i] = hone_extent_node_value(hone_extents_node(t, i), values);
        for (int i = 6; i < 14; i++) {
            if (pool[i].e == HONE_EXTENT_UNKNOWN)
                continue;
            const int64_t got = hone_extent_value(pool[i].e, values);
            if (got == HONE_EXTENT_UNKNOWN)
                continue; /* a divisor that was folded away is 0 here */
            hone_text text;
            hone_text_init(&text, NULL);
            hone_extent_print(t, pool[i].e, &text);
            if (got != pool[i].value)
                fail_msg("round %d: %s is %lld, not %lld", round, text.data, (long long)got,
                         (long long)pool[i].value);
            if (got < hone_extent_lower(t, pool[i].e) || got > hone_extent_upper(t, pool[i].e))
                fail_msg("round %d: %s is %lld, out of its range", round, text.data,
                         (long long)got);
            hone_text_fini(&text);
        }
    }
}

static void test_extent_numbers_need_no_table(void **state)
{
    (void)state;
    assert_int_equal(hone_extent_add(NULL, 2, 3), 5);
    assert_int_equal(hone_extent_mul(NULL, 2, 3), 6);
    assert_int_equal(hone_extent_floor_div(NULL, 7, 2), 3);
    assert_int_equal(hone_extent_ceil_div(NULL, 7, 2), 4);
    assert_int_equal(hone_extent_min(NULL, 7, 2), 2);
    assert_true(hone_extent_add(NULL, HONE_EXTENT_UNKNOWN, 3) == HONE_EXTENT_UNKNOWN);
    assert_true(hone_extent_sub(NULL, -INT64_MAX, INT64_MAX) == HONE_EXTENT_UNKNOWN);
}

/* Expressions stop growing before their text does harm. */
static void test_extent_size_is_bounded(void **state)
{
    const fixture *f = *state;
    hone_extent e = parse(f->table, "h"), w = parse(f->table, "w");
    int steps = 0;

    while (e != HONE_EXTENT_UNKNOWN && steps++ < 1000)
        e = hone_extent_max(f->table, hone_extent_mod(f->table, hone_extent_mul(f->table, e, e), w),
                            w);
    assert_true(e == HONE_EXTENT_UNKNOWN && steps < 20);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        TEST(test_extent_forms),
        TEST(test_extent_text_does_not_depend_on_age),
        TEST(test_extent_syntax_errors),
        TEST(test_extent_ranges),
        TEST(test_extent_symbols_narrow),
        TEST(test_extent_from_data),
        TEST(test_extent_evaluation),
        TEST(test_extent_random_expressions),
        TEST(test_extent_numbers_need_no_table),
        TEST(test_extent_size_is_bounded),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
