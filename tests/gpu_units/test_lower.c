/* Lowerings offer what they should, as text that does not change unseen; and every candidate of the
 * cases compiles for every architecture. Without NVRTC the latter is skipped, with the reason. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "support/compile.h"
#include "support/rows.h"

static const hone_nvrtc *nvrtc;
static const hone_gpu_facts facts = {.arch = 75, .n_sms = 132, .shared_bytes = 65536};
static hone_arena *arena;

static int set_up(void **state)
{
    (void)state;
    if (hone_nvrtc_open(&nvrtc) != HONE_OK)
        printf("SKIP %s\n", hone_message());
    return hone_arena_create(NULL, 0, &arena);
}

static int tear_down(void **state)
{
    (void)state;
    hone_arena_destroy(arena);
    return 0;
}

static row_step lowered_for(const row_case *c, int arch)
{
    hone_gpu_facts device = facts;
    row_step s;

    device.arch = arch;
    if (row_lower(arena, c, device, &s) != HONE_OK)
        fail_msg("%s(%s): %s", c->op, c->in, hone_message());
    return s;
}

static row_step lowered(const row_case *c)
{
    return lowered_for(c, facts.arch);
}

static void test_lower_offers_every_case(void **state)
{
    (void)state;
    for (int i = 0; i < ROW_CASES; i++) {
        const row_step s = lowered(&row_cases[i]);
        if (!s.lower.first)
            fail_msg("%s(%s): nothing is offered", row_cases[i].op, row_cases[i].in);
        for (const hone_candidate *c = s.lower.first; c; c = c->next) {
            assert_true(c->part < s.lower.n_parts);
            assert_true(c->grid[0] > 0 && c->block[0] * c->block[1] <= 1024);
        }
    }
}

static void test_lower_names_candidates(void **state)
{
    static const struct {
        row_case c;
        const char *name;
    } golden[] = {
        {{"softmax", "axis=-1", "f16 12x1000", 1}, "row_softmax<f16,f16,1000,1,12,8,128,0>"},
        {{"relu", "", "f32 1000", 1}, "pointwise<f32,4,250,128>"},
        {{"gather", "axis=0", "f16 30522x768; i64 1x128", 1},
         "gather<uint4,i64,96,30522,128,12288,128>"},
        {{"reduce_mean", "", "f16 1x7x7x2048; i64 [1,2]", 1},
         "row_reduce<f16,f16,49,2048,2048,8,256,0,1>"},
        {{"transpose", "perm=[0,2,3,1]", "f16 1x96x56x56", 1},
         "copy_tile<u16,2,3136x96,1x3136,0,96>"},
        {{"relayout", "perm=[0,2,3,1], to=float16, last=8", "f32 1x3x224x224", 1},
         "relayout<f32,f16,2,50176x8,1x50176,3,8,50176,128>"},
    };

    (void)state;
    for (int i = 0; i < HONE_COUNT(golden); i++) {
        const row_step s = lowered(&golden[i].c);
        assert_non_null(s.lower.first);
        assert_string_equal(hone_candidate_name(s.lower.first), golden[i].name);
    }
}

static void test_lower_declines(void **state)
{
    static const row_case none[] = {
        {"add", "", "i64 3; i64 3", 1},                /* float32 would lose bits */
        {"reduce_sum", "", "f32 2x3x4; i64 [0,2]", 1}, /* two runs of axes */
        {"resize", "mode=cubic", "f32 1x1x4x4; -; -; i64 [1,1,8,8]", 1},
        {"relu", "", "f32 0x3", 1},
        {"conv", "group=1, layout=last", "f32 1x9x9x4; f32 4x4x3x3", 1},       /* a contraction */
        {"conv", "group=1, layout=last", "f32 1x9x9x4; f32 4x4x1x1 const", 2}, /* sums */
        {"conv", "gate=1, layout=last", "f32 1x9x9x4; f32 4x4x3x3 const; -; f32 1x1x1x4", 1},
        {"conv", "gate=1, layout=last", "f16 2x1x1x8; f16 8x8x1x1 const; -; f16 2x1x1x8", 1},
        {"squeeze_excite", "", "f32 1x6x6x3; f32 5x3; -; f32 3x5; f32 3", 1}, /* not constant */
    };

    (void)state;
    for (int i = 0; i < HONE_COUNT(none); i++)
        assert_null(lowered(&none[i]).lower.first);
}

static void test_region_text(void **state)
{
    static const row_case c = {"pointwise", "program=(x0, x1) { r2 = add x0 x1; r3 = relu r2 }",
                               "f16 4x6x16; f32 6x1", 1};

    (void)state;
    const row_step s = lowered(&c);
    assert_non_null(s.lower.first);
    assert_string_equal(
        s.lower.first->knobs.data,
        "\nusing TY = float;\nconstexpr int V = 8;\nconstexpr int COUNT = 48;\n"
        "constexpr int THREADS = 128;\nusing index_t = u32;\n"
        "struct region_inputs {\n    const f16 *p0;\n    const float *p1;\n};\n"
        "__device__ inline float scalar_relu(float a)\n"
        "{\n    return a < 0.0f ? 0.0f : a;\n}\n"
        "__device__ inline float scalar_add(float a, float b)\n{\n    return a + b;\n}\n"
        "__device__ inline float program(float x0, float x1)\n{\n"
        "    const float r2 = scalar_add(x0, x1);\n"
        "    const float r3 = scalar_relu(r2);\n    return r3;\n}\n"
        "__device__ inline void region_at(const region_inputs &in, index_t at, "
        "float (&y)[V])\n{\n"
        "    const index_t i2 = at % 2;\n    at /= 2;\n"
        "    const index_t i1 = at % 6;\n    at /= 6;\n"
        "    const index_t i0 = at;\n"
        "    float x0[V];\n    load_pack<V, 1>(x0, in.p0 + i0 * (index_t)96 + i1 * "
        "(index_t)16 + i2 * (index_t)8);\n"
        "    float x1[V];\n    load_pack<V, 0>(x1, in.p1 + i1 * (index_t)1);\n"
        "#pragma unroll\n    for (int v = 0; v < V; v++)\n"
        "        y[v] = program(x0[v], x1[v]);\n}\n");
}

/* ---- compiling ---- */

/* A kernel's first case is compiled for every architecture, the others for one each in turn. */
static void test_kernels_compile(void **state)
{
    static compile_cell cells[ROW_CASES * COMPILE_ARCHS];
    const char *seen[ROW_CASES];
    int n = 0, n_seen = 0;

    (void)state;
    if (!nvrtc)
        skip();
    for (int i = 0; i < ROW_CASES; i++) {
        const char *name = lowered(&row_cases[i]).lower.first->kernel->name;
        int at = 0;
        while (at < n_seen && strcmp(seen[at], name) != 0)
            at++;
        const bool is_first = at == n_seen;
        if (is_first)
            seen[n_seen++] = name;
        for (int a = 0; a < (is_first ? COMPILE_ARCHS : 1); a++) {
            const int arch = (i + a) % COMPILE_ARCHS;
            const row_step s = lowered_for(&row_cases[i], compile_archs[arch].facts.arch);
            cells[n++] = (compile_cell){row_cases[i].in, hone_candidate_text(s.lower.first), arch};
        }
    }
    compile_all(nvrtc, cells, n);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_lower_offers_every_case),
        cmocka_unit_test(test_lower_names_candidates),
        cmocka_unit_test(test_lower_declines),
        cmocka_unit_test(test_region_text),
        cmocka_unit_test(test_kernels_compile),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
