/* Every operator's inference under random facts and attributes, mostly absurd: it must answer or
 * refuse, and an answer must be a valid type. The same at run time, without a table, where nothing
 * may be allocated and an answer that build time gave in numbers comes out again. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>
#include <math.h>

#include "op/op.h"
#include "op/program.h"

#define ROUNDS 400 /* of each operator */
#define FACTS  10

static uint32_t random_state = 3;

static uint32_t random_bits(void)
{
    random_state = random_state * 1664525u + 1013904223u;
    return random_state >> 8;
}

static int random_below(int n)
{
    return (int)(random_bits() % (uint32_t)n);
}

/* Small numbers, and at times the worst there are. */
static int64_t random_number(bool wild)
{
    static const int64_t worst[] = {
        -1,    INT64_MAX, -INT64_MAX, (int64_t)1 << 40, (int64_t)1 << 31, -((int64_t)1 << 62),
        65536, 1000};
    return wild && random_below(6) == 0 ? worst[random_below(HONE_COUNT(worst))] : random_below(5);
}

static hone_dtype random_dtype(bool wild)
{
    static const hone_dtype usual[] = {HONE_F32, HONE_F32,  HONE_F32, HONE_I64,
                                       HONE_I64, HONE_BOOL, HONE_U8,  HONE_I32};
    return wild && random_below(8) == 0 ? (hone_dtype)random_below(HONE_I2 + 1)
                                        : usual[random_below(HONE_COUNT(usual))];
}

static void fill_row(hone_arena *arena, const hone_attr_row *row, void *at, bool wild)
{
    static const char *const texts[] = {"",    "ij,jk->ik", "...ij,...jk", "ii->i",
                                        "i.j", "->",        "ij->ji",      "abcdefghi"};
    const int n = random_below(5);

    switch (row->kind) {
    case HONE_ATTR_INT: *(int64_t *)at = random_number(wild) * (random_below(3) ? 1 : -1); break;
    case HONE_ATTR_FLOAT: *(float *)at = random_below(2) ? NAN : 0.5f; break;
    case HONE_ATTR_ENUM: *(int64_t *)at = random_below(2); break;
    case HONE_ATTR_TYPE: *(hone_dtype *)at = random_dtype(wild); break;
    case HONE_ATTR_INTS: {
        int64_t *v = hone_arena_array(arena, (size_t)n + 1, sizeof *v);
        for (int i = 0; i < n; i++)
            v[i] = random_number(wild);
        *(hone_ints *)at = (hone_ints){n, v};
        break;
    }
    case HONE_ATTR_FLOATS: *(hone_floats *)at = (hone_floats){0, NULL}; break;
    case HONE_ATTR_TEXT: *(const char **)at = texts[random_below(HONE_COUNT(texts))]; break;
    case HONE_ATTR_TEXTS: break;
    case HONE_ATTR_PROGRAM: break;
    }
}

static void random_attrs(hone_arena *arena, int op, hone_attrs *attrs, bool wild)
{
    int n;
    const hone_attr_row *row = hone_attrs_rows(op, &n);

    hone_attrs_init(op, attrs);
    for (int i = 0; i < n; i++, row++)
        if (random_below(3) == 0)
            fill_row(arena, row, (char *)attrs + row->offset, wild);
}

static hone_extent random_extent(hone_extents *table)
{
    static const char *const names[] = {"a", "b", "c"};

    if (table && random_below(6) == 0)
        return hone_extent_add(table, hone_extent_symbol(table, names[random_below(3)], 0, 100),
                               random_below(3));
    if (random_below(60) == 0)
        return (hone_extent)1 << 39;
    return random_below(5);
}

/* Contents, where there are few elements: data, or a partial value. */
static void random_contents(hone_arena *arena, hone_extents *table, hone_fact *fact)
{
    const hone_extent count = hone_shape_count(NULL, &fact->type.shape);
    const hone_dtype dtype = fact->type.dtype;
    const bool integers = dtype == HONE_BOOL || hone_dtype_is_integer(dtype);

    if (!hone_extent_is_number(count) || count < 0 || count > HONE_FACT_ELEMS)
        return;
    if (table && integers && random_below(3) == 0) {
        fact->n_elem = (int)count;
        for (int i = 0; i < fact->n_elem; i++)
            fact->elem[i] = random_below(4)   ? random_extent(table)
                            : random_below(3) ? -1
                                              : HONE_EXTENT_UNKNOWN;
        return;
    }
    char *data = hone_arena_array(arena, HONE_FACT_ELEMS, 16);
    if (dtype == HONE_NONE || dtype == HONE_STRING || hone_dtype_is_complex(dtype) ||
        random_below(3) == 0)
        return;
    for (int i = 0; i < (int)count; i++) {
        if (integers)
            hone_element_set_int(dtype, data, i,
                                 random_below(40) ? random_number(true) : INT64_MIN);
        else
            hone_element_set_double(dtype, data, i,
                                    random_below(4)   ? random_below(4) * 0.5
                                    : random_below(2) ? NAN
                                                      : 1e30);
    }
    fact->data = data;
}

static void random_fact(hone_arena *arena, hone_extents *table, hone_fact *fact, bool wild)
{
    *fact = (hone_fact){.present = random_below(12) != 0, .n_elem = -1};
    fact->type.dtype = random_dtype(wild);
    fact->type.shape.rank =
        wild && random_below(10) == 0 ? -1 : random_below(wild && random_below(4) == 0 ? 9 : 5);
    for (int i = 0; i < fact->type.shape.rank; i++)
        fact->type.shape.dim[i] = random_extent(table);
    random_contents(arena, table, fact);
}

static void expect_valid(const hone_infer *x, const char *when)
{
    for (int k = 0; k < x->n_out; k++) {
        const hone_fact *out = &x->out[k];
        if (out->type.kind != HONE_KIND_TENSOR)
            continue;
        if (out->type.shape.rank < -1 || out->type.shape.rank > HONE_MAX_RANK)
            fail_msg("%s %s: rank %d", hone_ops[x->op].name, when, out->type.shape.rank);
        for (int i = 0; i < out->type.shape.rank; i++) {
            const hone_extent e = out->type.shape.dim[i];
            const bool known = hone_extent_is_number(e);
            if (known        ? e < 0
                : x->extents ? e == HONE_EXTENT_UNKNOWN ||
                                   hone_extent_index(e) >= hone_extents_count(x->extents)
                             : e != HONE_EXTENT_UNKNOWN)
                fail_msg("%s %s: extent %d is %lld", hone_ops[x->op].name, when, i, (long long)e);
        }
        if (out->n_elem > HONE_FACT_ELEMS ||
            (out->n_elem >= 0 && out->n_elem != hone_shape_count(NULL, &out->type.shape)))
            fail_msg("%s %s: %d elements", hone_ops[x->op].name, when, out->n_elem);
    }
}

static hone_status infer(hone_infer *x, hone_extents *table, hone_fact *out)
{
    x->extents = table;
    x->out = out;
    for (int k = 0; k < x->n_out; k++)
        out[k] = (hone_fact){.present = true, .n_elem = -1};
    return hone_infer_run(x);
}

static void run_round(hone_arena *arena, int op, bool wild)
{
    hone_fact in[FACTS], out[FACTS], now[FACTS];
    hone_attrs attrs;
    const hone_op *row = &hone_ops[op];
    hone_extents *table = hone_extents_create(arena);

    random_attrs(arena, op, &attrs, wild);
    hone_infer x = {.op = op, .attrs = &attrs, .in = in};
    x.n_in = HONE_MIN(row->in_min + random_below(3), HONE_MIN(row->in_max, FACTS));
    x.n_out = HONE_MIN(row->out_min + random_below(2), HONE_MIN(row->out_max, FACTS));
    for (int i = 0; i < x.n_in; i++)
        random_fact(arena, table, &in[i], wild);
    if (infer(&x, table, out) == HONE_OK)
        expect_valid(&x, "at build time");
    for (int i = 0; i < x.n_in; i++)
        random_fact(arena, NULL, &in[i], wild);
    const hone_status st = infer(&x, NULL, now);
    if (st == HONE_OK)
        expect_valid(&x, "at run time");
    if (infer(&x, table, out) != st)
        fail_msg("%s: build time and run time differ", row->name);
    for (int k = 0; st == HONE_OK && k < x.n_out; k++)
        for (int i = 0; i < now[k].type.shape.rank; i++)
            if (hone_extent_is_number(now[k].type.shape.dim[i]) &&
                now[k].type.shape.dim[i] != out[k].type.shape.dim[i])
                fail_msg("%s: run time has another extent than build time", row->name);
}

static void test_infer_survives_anything(void **state)
{
    (void)state;
    for (int op = 1; op < HONE_OP_COUNT; op++) {
        hone_arena *arena;
        assert_int_equal(hone_arena_create(NULL, 0, &arena), HONE_OK);
        for (int i = 0; i < ROUNDS; i++)
            run_round(arena, op, i % 2 == 0);
        hone_arena_destroy(arena);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_infer_survives_anything)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
