/* Constants in the order of kernels: the description against its definition, and the weights of
 * contraction_wgmma against what the kernel's page says of them. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "base/dtype.h"
#include "support/large.h"

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

/* [2, 3, 5] as [5 -> 8, 2, 3 -> 4]. */
static void check_transposed(hone_dtype from, hone_dtype to)
{
    const hone_gpu_packing p = {
        .dtype = to, .rank = 3, .dim = {2, 3, 5}, .perm = {2, 0, 1}, .padded = {8, 2, 4}};
    double in[30], out[64];
    const size_t size = hone_gpu_packed_size(&p);

    assert_int_equal(size, 64 * hone_dtype_bits(to) / 8);
    for (int i = 0; i < 30; i++)
        hone_element_set_double(from, in, i, i + 1);
    hone_gpu_pack_into(&p, from, in, out);
    for (int a = 0; a < 8; a++)
        for (int b = 0; b < 2; b++)
            for (int c = 0; c < 4; c++) {
                const double want = a < 5 && c < 3 ? b * 15 + c * 5 + a + 1 : 0;
                assert_true(hone_element_double(to, out, (a * 2 + b) * 4 + c) == want);
            }
}

static void test_order_padding_and_type(void **state)
{
    (void)state;
    check_transposed(HONE_F32, HONE_F32);
    check_transposed(HONE_F32, HONE_F16);
    check_transposed(HONE_F16, HONE_F16);
    check_transposed(HONE_BF16, HONE_F32);
    check_transposed(HONE_I64, HONE_I64);
}

static void test_single_element_and_none(void **state)
{
    const hone_gpu_packing none = {
        .dtype = HONE_F32, .rank = 2, .dim = {0, 4}, .perm = {1, 0}, .padded = {4, 0}};
    const hone_gpu_packing one = {.dtype = HONE_F32};
    float in = 3, out = 0;

    (void)state;
    assert_int_equal(hone_gpu_packed_size(&none), 0);
    hone_gpu_pack_into(&none, HONE_F32, &in, &out);
    assert_true(out == 0);
    hone_gpu_pack_into(&one, HONE_F32, &in, &out);
    assert_true(out == 3);
}

/* ---- weights of contraction_wgmma ---- */

typedef struct weights {
    const hone_tensor *t;
    bool is_conv, is_kn;
    int64_t problems, n, c, taps; /* of a problem */
} weights;

/* Weight (z, column, tap, channel) where the model has it. */
static double in_model(const weights *w, int64_t z, int64_t n, int64_t tap, int64_t c)
{
    const int64_t at = w->is_conv ? ((z * w->n + n) * w->c + c) * w->taps + tap
                       : w->is_kn ? (z * w->c + c) * w->n + n
                                  : (z * w->n + n) * w->c + c;

    return hone_element_double(w->t->dtype, w->t->data, at);
}

/* Where [problem][panel][K / 16 bytes][PANEL][16 bytes] has it. */
static int64_t in_panels(const weights *w, int64_t panel, int64_t lanes, const int64_t i[4])
{
    const int64_t k = i[2] * w->c + i[3], chunks = w->taps * w->c / lanes;
    const int64_t row = (i[0] * (w->n / panel) + i[1] / panel) * chunks + k / lanes;

    return (row * panel + i[1] % panel) * lanes + k % lanes;
}

static int64_t knob(const hone_candidate *c, const char *name)
{
    const char *at = strstr(c->knobs.data, name);

    assert_non_null(at);
    return strtoll(at + strlen(name), NULL, 10);
}

static weights weights_of(const row_step *s)
{
    const hone_tensor *t = &s->in[1];
    const int rank = t->shape.rank;
    const bool is_conv = s->lower.op == HONE_OP_conv;
    weights w = {.t = t, .is_conv = is_conv, .is_kn = !is_conv && !s->attrs.matmul.trans_b};

    w.taps = 1;
    if (is_conv) {
        w.problems = s->attrs.conv.group;
        w.n = t->shape.dim[0] / w.problems;
        w.c = t->shape.dim[1];
        w.taps = t->shape.dim[2] * t->shape.dim[3];
    } else {
        w.c = t->shape.dim[rank - (w.is_kn ? 2 : 1)];
        w.n = t->shape.dim[rank - (w.is_kn ? 1 : 2)];
        w.problems = rank == 3 ? t->shape.dim[0] : 1;
    }
    return w;
}

static void check_weights(const row_step *s, const hone_candidate *c)
{
    const weights w = weights_of(s);
    const int64_t panel = knob(c, "PANEL = "), bn = knob(c, "BN = ");
    const int64_t lanes = 128 / hone_dtype_bits(c->packing[1].dtype);
    void *to = hone_arena_alloc(arena, hone_gpu_packed_size(&c->packing[1]));

    assert_int_equal(panel, w.n % bn ? w.n : bn);
    hone_gpu_pack_into(&c->packing[1], w.t->dtype, w.t->data, to);
    for (int64_t z = 0; z < w.problems; z++)
        for (int64_t n = 0; n < w.n; n += 1 + n % 7)
            for (int64_t tap = 0; tap < w.taps; tap++)
                for (int64_t k = 0; k < w.c; k++) {
                    const int64_t i[4] = {z, n, tap, k};
                    const double found = hone_element_double(c->packing[1].dtype, to,
                                                             in_panels(&w, panel, lanes, i));
                    if (found != in_model(&w, z, n, tap, k))
                        fail_msg("%s; %s: weight %lld %lld %lld %lld is elsewhere", s->c->in,
                                 hone_candidate_name(c), (long long)z, (long long)n, (long long)tap,
                                 (long long)k);
                }
}

static void test_weights_of_warpgroups(void **state)
{
    const hone_gpu_facts h100 = {90, 132, 232448, true, false};

    (void)state;
    for (int i = 0; i < MANY_CASES; i++) {
        row_step s;
        assert_int_equal(row_lower(arena, &many_cases[i].c, h100, &s), HONE_OK);
        for (const hone_candidate *c = s.lower.first; c; c = c->next)
            if (strcmp(c->kernel->name, "contraction_wgmma") == 0)
                check_weights(&s, c);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_order_padding_and_type),
        cmocka_unit_test(test_single_element_and_none),
        cmocka_unit_test(test_weights_of_warpgroups),
    };

    return cmocka_run_group_tests(tests, set_up, tear_down);
}
