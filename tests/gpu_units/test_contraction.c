/* Contractions are offered for every case, within the limits of the kernels; their first candidates
 * compile for the architectures that they were offered to. Without NVRTC the latter is skipped,
 * with the reason. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "support/large.h"
#include "support/lowered.h"

static void check_launch(const product_case *p, const hone_candidate *c,
                         const hone_gpu_facts *facts)
{
    const uint32_t threads = c->block[0] * c->block[1] * c->block[2];

    if (threads == 0 || threads > 1024 || threads % 32 || c->grid[0] == 0 || c->grid[2] > 65535 ||
        c->shared_bytes > (uint32_t)facts->shared_bytes ||
        c->grid[0] % HONE_MAX(c->cluster[0], 1) || c->n_args != 15 || !(c->us > 0))
        fail_msg("%s(%s): %s has a launch that cannot be", p->c.op, p->c.in,
                 hone_candidate_name(c));
}

static void test_every_case_has_candidates(void **state)
{
    (void)state;
    for (int i = 0; i < PRODUCT_CASES; i++)
        for (int a = 0; a < COMPILE_ARCHS; a++) {
            const product_case *p = &product_cases[i];
            const hone_candidate *c = lowered(p, a);
            double before = 0;
            if (!c)
                fail_msg("%s(%s; %s): nothing is offered", p->c.op, p->c.attrs, p->c.in);
            for (; c; before = c->us, c = c->next) {
                check_launch(p, c, &compile_archs[a].facts);
                assert_true(c->us >= before); /* best guess first */
                assert_true(c->cluster[0] == 0 || compile_archs[a].facts.arch >= 90);
            }
        }
}

/* The warpgroups' candidate number `which` of a list, counted round and round; NULL: none. */
static const hone_candidate *of_warpgroups(const hone_candidate *list, int which)
{
    int n = 0;

    for (const hone_candidate *c = list; c; c = c->next)
        n += strcmp(c->kernel->name, "contraction_wgmma") == 0;
    which = n ? which % n : -1;
    for (const hone_candidate *c = list; c && n; c = c->next)
        if (strcmp(c->kernel->name, "contraction_wgmma") == 0 && which-- == 0)
            return c;
    return NULL;
}

static void test_many_rows_have_warpgroups(void **state)
{
    (void)state;
    for (int i = 0; i < MANY_CASES; i++) {
        hone_gpu_facts portable = compile_archs[COMPILE_H100].facts;
        portable.is_portable = true;
        assert_null(of_warpgroups(lowered_for(&many_cases[i], portable), 0));
        for (int a = 0; a < COMPILE_ARCHS; a++) {
            const hone_candidate *list = lowered(&many_cases[i], a);
            assert_int_equal(of_warpgroups(list, 0) != NULL,
                             a == COMPILE_H100 && !many_cases[i].tf32);
            double before = 0;
            for (const hone_candidate *c = list; c; before = c->us, c = c->next) {
                check_launch(&many_cases[i], c, &compile_archs[a].facts);
                assert_true(c->us >= before);
            }
        }
    }
}

static void test_exact_products_are_exact(void **state)
{
    const row_case c = {"matmul", "", "f32 128x768; f32 768x768 const", 1};

    (void)state;
    for (const hone_candidate *i = lowered(&(product_case){c, 0, false}, COMPILE_H100); i;
         i = i->next)
        assert_true(strcmp(i->kernel->name, "conv_exact") == 0 ||
                    strcmp(i->kernel->name, "gemm_simt") == 0);
    assert_string_equal(lowered(&(product_case){c, 0, true}, COMPILE_H100)->kernel->name,
                        "conv_implicit_gemm");
    assert_string_equal(lowered(&(product_case){c, 0, true}, 0)->kernel->name, "gemm_simt");
}

static void test_declines(void **state)
{
    static const row_case none[] = {
        {"conv", "", "f32 1x3x9x9; f32 4x3x3x3 const", 1}, /* channels first */
        {"conv", "layout=last", "f32 1x9x9x9x3; f32 4x3x3x3x3 const", 1},
        {"conv", "layout=last", "f16 1x9x9x8; f16 4x8x3x3", 1}, /* weights in ONNX's order */
        {"conv", "layout=last, program=(x0, x1) { r2 = add x0 x1 }",
         "f16 1x7x9x8; f16 4x8x1x1 const; -; f16 1x7x1x1", 1},
        {"matmul", "", "i32 3x4; i32 4x5", 1},
        {"matmul", "", "f32 2x1x3x1x4x5; f32 1x6x1x7x5x4", 1}, /* four levels of batches */
    };

    (void)state;
    for (int i = 0; i < HONE_COUNT(none); i++)
        if (lowered(&(product_case){none[i], 0, false}, COMPILE_H100))
            fail_msg("%s(%s; %s) is offered", none[i].op, none[i].attrs, none[i].in);
}

static void test_epilogue_text(void **state)
{
    const row_case c = {"conv", "layout=last, program=(x0, x1) { r2 = mul x0 x1 }",
                        "f16 2x7x7x64; f16 48x64x1x1 const; -; f32 2x1x1x48", 1};

    (void)state;
    const hone_candidate *first = lowered(&(product_case){c, 0, false}, COMPILE_H100);
    assert_non_null(first);
    assert_non_null(strstr(first->knobs.data, "using E0 = extra<float, 0, 1, 0, 48>;\n"
                                              "using E1 = no_extra;\n"));
    assert_non_null(strstr(first->knobs.data,
                           "__device__ inline float scalar_mul(float a, float b)\n{\n"
                           "    return a * b;\n}\n"
                           "__device__ inline float epilogue(float x0, float x1, float x2, "
                           "float x3, float x4)\n{\n"
                           "    const float r2 = scalar_mul(x0, x1);\n    return r2;\n}\n"));
    assert_int_equal(first->grid[2], 2); /* images are problems */
}

/* ---- compiling ---- */

/* The best of a case for one architecture in its turn and for the COMPILE_H100; a case of many rows
 * for the latter alone. */
static void test_candidates_compile(void **state)
{
    static compile_cell cells[PRODUCT_CASES * 2 + MANY_CASES];
    int n = 0;

    (void)state;
    if (!nvrtc)
        skip();
    for (int i = 0; i < PRODUCT_CASES; i++)
        for (int k = 0; k < 2; k++) {
            const int arch = k ? COMPILE_H100 : i % COMPILE_ARCHS;
            const hone_candidate *c = lowered(&product_cases[i], arch);
            if (c && (k == 0 || i % 4 == 0))
                cells[n++] = (compile_cell){product_cases[i].c.in, hone_candidate_text(c), arch};
        }
    for (int i = 0; i < MANY_CASES; i++) {
        const hone_candidate *c = of_warpgroups(lowered(&many_cases[i], COMPILE_H100), i * 5);
        if (c)
            cells[n++] = (compile_cell){many_cases[i].c.in, hone_candidate_text(c), COMPILE_H100};
    }
    compile_all(nvrtc, cells, n);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_every_case_has_candidates),
        cmocka_unit_test(test_many_rows_have_warpgroups),
        cmocka_unit_test(test_exact_products_are_exact),
        cmocka_unit_test(test_declines),
        cmocka_unit_test(test_epilogue_text),
        cmocka_unit_test(test_candidates_compile),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
