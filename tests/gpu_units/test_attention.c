/* Attention is offered for every case, within the limits of the kernels, and candidates compile for
 * the architectures that they were offered to. Without NVRTC the latter is skipped, with the
 * reason. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "support/attention.h"
#include "support/lowered.h"

static void test_attention_is_offered(void **state)
{
    (void)state;
    for (int i = 0; i < ATTENTION_CASES; i++)
        for (int a = 0; a < COMPILE_ARCHS; a++) {
            const hone_candidate *c = lowered(&attention_cases[i], a);
            if (!c)
                fail_msg("%s for %s: nothing is offered", attention_cases[i].c.in,
                         compile_archs[a].name);
            for (; c; c = c->next) {
                assert_in_range(c->block[0] * c->block[1], 32, 1024);
                assert_true(c->shared_bytes <= (uint32_t)compile_archs[a].facts.shared_bytes);
                assert_true(c->grid[0] > 0);
            }
        }
}

/* Tensor cores where types, alignment and device have them. */
static void test_attention_chooses_a_kernel(void **state)
{
    static const struct {
        product_case p;
        int arch;
        const char *kernel;
    } rows[] = {
        {{{"attention", "", "f16 1x2x9x64; f16 1x2x9x64; f16 1x2x9x64", 1}, 0, false},
         COMPILE_H100,
         "attention"},
        {{{"attention", "", "f16 1x2x9x64; f16 1x2x9x64; f16 1x2x9x64", 1}, 0, false},
         0,
         "attention_simt"},
        {{{"attention", "", "f16 1x2x9x60; f16 1x2x9x60; f16 1x2x9x60", 1}, 0, false},
         COMPILE_H100,
         "attention_simt"},
        {{{"attention", "", "f32 1x2x9x60; f32 1x2x9x60; f32 1x2x9x60", 1}, 0, false},
         COMPILE_H100,
         "attention_simt"},
        {{{"attention", "", "f32 1x2x9x60; f32 1x2x9x60; f32 1x2x9x60", 1}, 0, true},
         COMPILE_H100,
         "attention"},
        {{{"attention", "q_num_heads=2, kv_num_heads=2, head_size=64, k_at=132, v_at=264",
           "f16 1x9x392; f16 1x9x392; f16 1x9x392", 1},
          0,
          false},
         COMPILE_H100,
         "attention_simt"},
    };

    (void)state;
    for (int i = 0; i < HONE_COUNT(rows); i++)
        assert_string_equal(lowered(&rows[i].p, rows[i].arch)->kernel->name, rows[i].kernel);
}

static void test_attention_declines(void **state)
{
    static const row_case none[] = {
        {"attention", "", "f32 1x2x9x64; f32 1x2x9x64; f32 1x2x9x64", 4},  /* the scores, too */
        {"attention", "", "f16 1x2x9x64; f32 1x2x9x64; f16 1x2x9x64", 1},  /* mixed types */
        {"attention", "", "f32 1x2x9x64; f32 1x2x0x64; f32 1x2x0x64", 1},  /* no keys */
        {"attention", "", "f32 1x1x9x64; f32 1x1x9x64; f32 1x1x9x640", 1}, /* large values */
    };

    (void)state;
    for (int i = 0; i < HONE_COUNT(none); i++)
        assert_null(lowered(&(product_case){none[i], 0, false}, COMPILE_H100));
}

/* Each case's first for an architecture in turn; all tiles of one case. */
static void test_attention_compiles(void **state)
{
    static compile_cell cells[ATTENTION_CASES + 64];
    int n = 0;

    (void)state;
    if (!nvrtc)
        skip();
    for (int i = 0; i < ATTENTION_CASES; i++) {
        const product_case *p = &attention_cases[i];
        const int arch = i % COMPILE_ARCHS;
        cells[n++] = (compile_cell){p->c.in, hone_candidate_text(lowered(p, arch)), arch};
    }
    for (const hone_candidate *c = lowered(&attention_cases[1], COMPILE_H100); c; c = c->next)
        cells[n++] = (compile_cell){hone_candidate_name(c), hone_candidate_text(c), COMPILE_H100};
    compile_all(nvrtc, cells, n);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_attention_is_offered),
        cmocka_unit_test(test_attention_chooses_a_kernel),
        cmocka_unit_test(test_attention_declines),
        cmocka_unit_test(test_attention_compiles),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
