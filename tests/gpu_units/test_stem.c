/* First layers are offered for every case, within the kernels' limits; candidates compile for the
 * architectures that they were offered to. Without NVRTC the latter is skipped, with the reason. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "support/lowered.h"
#include "support/stems.h"

static void test_every_case_has_candidates(void **state)
{
    (void)state;
    for (int i = 0; i < STEM_CASES; i++)
        for (int a = 0; a < COMPILE_ARCHS; a++) {
            const product_case *p = &stem_cases[i];
            const hone_candidate *c = lowered(p, a);
            double before = 0;
            if (!c)
                fail_msg("%s; %s: nothing is offered for %s", p->c.attrs, p->c.in,
                         compile_archs[a].name);
            for (; c; before = c->us, c = c->next) {
                assert_true(c->us >= before); /* best guess first */
                assert_true(c->grid[0] > 0 && c->grid[1] > 0 && c->grid[2] == 1);
                assert_true(c->block[0] % 32 == 0 && c->block[0] <= 1024);
                assert_true(c->shared_bytes + 1024 <=
                            (uint32_t)compile_archs[a].facts.shared_bytes);
            }
        }
}

static void test_declines(void **state)
{
    static const row_case none[] = {
        {"conv_stem", "", "f32 1x5x9x9; f16 8x5x3x3 const", 1},     /* channels */
        {"conv_stem", "", "f32 1x3x9x9; f16 9x3x3x3 const", 1},     /* columns */
        {"conv_stem", "", "f32 1x3x9x9; f16 8x3x3x3", 1},           /* weights that are computed */
        {"conv_stem", "", "i32 1x3x9x9; f16 8x3x3x3 const", 1},     /* integers */
        {"conv_stem", "", "f32 1x3x40x40; f16 8x3x13x13 const", 1}, /* a large window */
        {"conv_stem", "program=(x0, x1) { r2 = add x0 x1 }",
         "f32 1x3x9x9; f16 8x3x3x3 const; -; f16 1x7x7x8", 1}, /* a picture as operand */
        {"conv_stem", "program=(x0, x1) { r2 = add x0 x1 }",
         "f32 1x3x10x10; f16 8x3x3x3 const; -; f16 8x1x1", 1}, /* one of rows */
    };

    (void)state;
    for (int i = 0; i < HONE_COUNT(none); i++)
        if (lowered(&(product_case){none[i], 0, false}, COMPILE_H100))
            fail_msg("%s(%s; %s) is offered", none[i].op, none[i].attrs, none[i].in);
}

/* ---- compiling ---- */

/* The first case for every architecture, the others for the H100 and one more in turn. */
static void test_candidates_compile(void **state)
{
    static compile_cell cells[STEM_CASES * 2 + COMPILE_ARCHS];
    int n = 0;

    (void)state;
    if (!nvrtc)
        skip();
    for (int i = 0; i < STEM_CASES; i++)
        for (int k = 0; k < (i == 0 ? COMPILE_ARCHS : 2); k++) {
            const int arch = i == 0 ? k : k == 0 ? COMPILE_H100 : i % COMPILE_ARCHS;
            const hone_candidate *c = lowered(&stem_cases[i], arch);
            cells[n++] = (compile_cell){stem_cases[i].c.in, hone_candidate_text(c), arch};
        }
    compile_all(nvrtc, cells, n);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_every_case_has_candidates),
        cmocka_unit_test(test_declines),
        cmocka_unit_test(test_candidates_compile),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
