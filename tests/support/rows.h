/* Cases of the kernels of rows, pictures and movement, as one line of text each, and what it takes
 * to lower one: shapes by inference, data by a seeded generator. Shared by the test that compiles
 * every candidate and by the program that runs them on a GPU. Contractions: products.h. */
#ifndef HONE_TESTS_ROWS_H
#define HONE_TESTS_ROWS_H

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "gpu/lower.h"
#include "op/infer.h"

/* Inputs, separated by ';': "f16 2x3" random data, "f16 2x3 const" random data that the lowering
 * sees, "i64 7x9 <1000" random below, "i64 [0,2]" a constant, "f32 4x8 ~" what masks hide with
 * (0, the lowest number, -inf), "-" absent. */
typedef struct row_case {
    const char *op, *attrs, *in;
    int n_out;
} row_case;

#define SILU_BEHIND ", program=(x0) { r1 = sigmoid x0; r2 = mul x0 r1 }"
#define RELU6_BEHIND                                                                               \
    ", program=(x0) { r1 = constant 0; r2 = constant 6; r3 = max x0 r1; r4 = min r3 r2 }"
#define SILU    "squeeze=(x0) { r1 = sigmoid x0; r2 = mul x0 r1 }"
#define SIGMOID "excite=(x0) { r1 = sigmoid x0 }"

static const row_case row_cases[] = {
    {"add", "", "f16 1x56x56x64; f16 1x56x56x64", 1},
    {"add", "", "f32 8x12x128x128; f32 8x1x1x128", 1},
    {"mul", "", "bf16 1x112x112x96; bf16 1x1x1x96", 1},
    {"mul", "", "f32 3x5x7; f32 5x1", 1},
    {"relu", "", "f32 1001", 1},
    {"gelu", "", "f16 1x197x3072", 1},
    {"hard_swish", "", "f16 1x7x7x97", 1},
    {"greater", "", "f32 31x33; f32 33", 1},
    {"where", "", "bool 4x1x16; f16 4x8x16; f16 1", 1},
    {"clip", "", "f32 64x64; f32 [-0.5]; f32 [0.75]", 1},
    {"cast", "to=float16", "f32 1x3x224x224", 1},
    {"cast", "to=int64", "f32 77", 1},
    {"cast", "to=float32", "bool 4x33", 1},
    {"pointwise",
     "program=(x0, x1, x2) { r3 = mul x0 x1; r4 = add r3 x2; r5 = sigmoid r4; r6 = mul r4 r5 }",
     "f16 1x28x28x240; f32 240; f32 240", 1},
    {"softmax", "axis=-1", "f16 12x197x197", 1},
    {"softmax", "axis=-1", "f32 32x1000", 1},
    {"softmax", "axis=-1", "bf16 1536x128", 1},
    {"softmax", "axis=1", "f32 2x21x64x64", 1},
    {"softmax", "axis=-1", "f32 3x40000", 1},
    {"log_softmax", "axis=-1", "f32 64x1003", 1},
    {"layer_normalization", "axis=-1", "f16 197x768; f16 768; f16 768", 1},
    {"layer_normalization", "axis=-1", "f16 197x768; f16 768 const; f16 768 const", 1},
    {"layer_normalization", "axis=-1", "f16 128x768; f32 768 const; f32 768 const", 1},
    {"layer_normalization", "axis=-1", "bf16 7x1000; bf16 1000 const", 1},
    {"layer_normalization", "axis=-1", "f32 128x1023; f32 1023; f32 1023", 1},
    {"layer_normalization", "axis=-2", "f32 8x16x40; f32 16x40", 1},
    {"rms_normalization", "axis=-1", "bf16 64x4096; bf16 4096", 1},
    {"instance_normalization", "", "f32 2x32x31x31; f32 32; f32 32", 1},
    {"group_normalization", "num_groups=8", "f16 2x64x16x16; f16 64; f16 64", 1},
    {"reduce_mean", "", "f16 1x7x7x2048; i64 [1,2]", 1},
    {"reduce_mean", "", "f32 1x2048x7x7; i64 [2,3]", 1},
    {"reduce_sum", "", "f32 300x1000; i64 [0]", 1},
    {"reduce_sum", "", "f32 100003", 1},
    {"reduce_max", "", "bf16 64x333; i64 [1]", 1},
    {"reduce_min", "", "f32 5x6x7x8; i64 [2]", 1},
    {"reduce_prod", "", "f32 50x9; i64 [-1]", 1},
    {"reduce_l1", "", "f32 50x90; i64 [-1]", 1},
    {"reduce_l2", "", "f32 20x50x90; i64 [1]", 1},
    {"reduce_sum_square", "", "f32 50x90; i64 [-1]", 1},
    {"reduce_log_sum_exp", "", "f32 50x90; i64 [-1]", 1},
    {"reduce_log_sum_exp", "", "f32 4x50x90; i64 [1]", 1},
    {"global_average_pool", "layout=last", "f16 8x14x14x672", 1},
    {"global_average_pool", "", "f32 2x320x7x7", 1},
    {"global_max_pool", "layout=last", "f32 1x8x8x10", 1},
    {"squeeze_excite", SILU ", " SIGMOID,
     "f16 1x112x112x32; f16 8x32x1x1 const; f32 8 const; f16 32x8x1x1 const; f32 32 const", 1},
    {"squeeze_excite", SILU ", " SIGMOID,
     "f16 1x14x14x672; f16 28x672x1x1 const; f32 28 const; f16 672x28x1x1 const; f32 672 const", 1},
    {"squeeze_excite", SILU ", " SIGMOID,
     "f16 1x7x7x1152; f16 48x1152x1x1 const; f32 48 const; f16 1152x48x1x1 const; f32 1152 const",
     1},
    {"squeeze_excite", "count=3136, to=float16, " SILU ", " SIGMOID,
     "f32 1x56x1x144; f16 6x144x1x1 const; f32 6 const; f16 144x6x1x1 const; f32 144 const", 1},
    {"squeeze_excite", "count=49, to=float16, " SILU ", " SIGMOID,
     "f32 1x7x1x1152; f16 48x1152x1x1 const; f32 48 const; f16 1152x48x1x1 const; f32 1152 const",
     1},
    {"squeeze_excite", "squeeze=(x0) { r1 = relu x0 }",
     "f32 3x9x11x70; f32 17x70x1x1 const; -; f32 70x17x1x1 const", 1},
    {"squeeze_excite", SIGMOID,
     "bf16 2x5x5x2048; bf16 128x2048 const; bf16 128 const; "
     "bf16 2048x128 const; bf16 2048 const",
     1},
    {"squeeze_excite", "", "f32 1x6x3; f32 5x3 const; -; f32 3x5 const; f32 3 const", 1},
    {"max_pool", "kernel_shape=[3,3], strides=[2,2], pads=[1,1,1,1], layout=last",
     "f16 1x112x112x64", 1},
    {"max_pool", "kernel_shape=[2,2], strides=[2,2], ceil_mode=1", "f32 2x5x33x31", 1},
    {"average_pool", "kernel_shape=[3,3], pads=[1,1,1,1], layout=last", "f32 2x17x19x24", 1},
    {"average_pool",
     "kernel_shape=[3,3], strides=[2,2], pads=[1,1,1,1], count_include_pad=1, ceil_mode=1, "
     "layout=last",
     "bf16 1x16x16x40", 1},
    {"average_pool", "kernel_shape=[2,3,2], strides=[1,2,2]", "f32 1x3x6x9x8", 1},
    {"conv", "group=96, pads=[1,1,1,1], layout=last", "f16 1x56x56x96; f16 96x1x3x3 const; f16 96",
     1},
    {"conv", "group=240, strides=[2,2], pads=[2,2,2,2], layout=last",
     "f16 1x28x28x240; f16 240x1x5x5 const; f16 240 const", 1},
    {"conv", "group=32, pads=[1,1,1,1], layout=last" SILU_BEHIND,
     "f16 1x112x112x32; f16 32x1x3x3 const; f32 32 const", 2},
    {"conv", "group=96, strides=[2,2], pads=[1,1,1,1], layout=last" SILU_BEHIND,
     "f16 1x112x112x96; f16 96x1x3x3 const; f32 96 const", 2},
    {"conv", "group=144, pads=[1,1,1,1], layout=last" SILU_BEHIND,
     "f16 1x56x56x144; f16 144x1x3x3 const; f32 144 const", 2},
    {"conv", "group=240, pads=[2,2,2,2], layout=last" SILU_BEHIND,
     "f16 1x28x28x240; f16 240x1x5x5 const; f32 240 const", 2},
    {"conv", "group=672, pads=[2,2,2,2], layout=last" SILU_BEHIND,
     "f16 1x14x14x672; f16 672x1x5x5 const; f32 672 const", 2},
    {"conv", "group=1152, pads=[2,2,2,2], layout=last" SILU_BEHIND,
     "f16 1x7x7x1152; f16 1152x1x5x5 const; f32 1152 const", 2},
    {"conv", "group=18, strides=[2,2], pads=[2,2,1,1], layout=last",
     "bf16 3x17x13x18; bf16 18x1x5x5 const; -", 2},
    {"conv", "group=5, pads=[1,1,1,1], layout=last" RELU6_BEHIND,
     "f32 2x9x10x5; f32 5x1x3x3 const; f32 5 const", 2},
    {"conv", "group=32, pads=[1,1,1,1], layout=last" RELU6_BEHIND,
     "f16 1x112x112x32; f16 32x1x3x3 const; f32 32 const", 1},
    {"conv", "group=96, strides=[2,2], pads=[1,1,1,1], layout=last" RELU6_BEHIND,
     "f16 1x112x112x96; f16 96x1x3x3 const; f32 96 const", 1},
    {"conv", "group=144, pads=[1,1,1,1], layout=last" RELU6_BEHIND,
     "f16 1x56x56x144; f16 144x1x3x3 const; f32 144 const", 1},
    {"conv", "group=384, pads=[1,1,1,1], layout=last" RELU6_BEHIND,
     "f16 1x14x14x384; f16 384x1x3x3 const; f32 384 const", 1},
    {"conv", "group=960, pads=[1,1,1,1], layout=last" RELU6_BEHIND,
     "f16 1x7x7x960; f16 960x1x3x3 const; f32 960 const", 1},
    {"conv",
     "group=24, pads=[1,1,1,1], layout=last, program=(x0, x1) { r2 = add x0 x1; r3 = relu r2 }",
     "f32 2x15x13x24; f32 24x1x3x3 const; f32 24 const; f32 2x15x13x24", 1},
    {"conv", "group=7, dilations=[2,2], pads=[2,2,2,2], layout=last",
     "f32 1x9x11x7; f32 7x1x3x3 const", 1},
    {"resize", "mode=linear", "f16 1x64x64x21; -; -; i64 [1,512,512,21]", 1},
    {"resize", "mode=linear, coordinate_transformation_mode=align_corners",
     "f32 1x5x17x13; -; -; i64 [1,5,40,29]", 1},
    {"resize", "mode=nearest, coordinate_transformation_mode=asymmetric, nearest_mode=floor",
     "f16 1x20x20x64; -; f32 [1,2,2,1]", 1},
    {"resize", "mode=linear", "f32 1x3x10x11; -; -; i64 [1,3,20,44]", 1},
    {"resize", "mode=nearest", "f16 2x3x9x13; -; -; i64 [2,3,5,24]", 1},
    {"resize", "mode=nearest", "f32 1x3x10x11; -; -; i64 [1,3,7,23]", 1},
    {"gather", "axis=0", "f16 30522x768; i64 1x128 <30522", 1},
    {"gather", "axis=1", "f32 3x50x7; i32 4x5 <50", 1},
    {"transpose", "perm=[0,2,3,1]", "f16 1x96x56x56", 1},
    {"transpose", "perm=[0,2,1,3]", "f16 1x197x12x64", 1},
    {"transpose", "perm=[0,3,1,2]", "f32 2x9x17x33", 1},
    {"transpose", "perm=[2,1,0]", "f32 5x6x70", 1},
    {"relayout", "perm=[0,2,3,1], to=float16, last=8", "f32 1x3x224x224", 1},
    {"relayout", "perm=[0,2,3,1], last=8", "f16 2x3x31x17", 1},
    {"relayout", "perm=[0,2,3,1], to=bfloat16", "f32 2x96x30x30", 1},
    {"relayout", "perm=[0,3,1,2], to=float32", "f16 1x65x33x21", 1},
    {"relayout", "perm=[0,2,3,1], last=4", "f32 1x1x28x28", 1},
    {"concat", "axis=1", "f16 1x1x768; f16 1x196x768", 1},
    {"concat", "axis=-1", "f32 7x3; f32 7x5; f32 7x8", 1},
    {"concat", "axis=1", "f16 2x3x5x8; f16 2x1x5x8; f16 2x2x5x8; f16 2x7x5x8", 1},
    {"split", "axis=-1", "f16 197x2304; i64 [768,768,768]", 3},
    {"split", "axis=1", "f32 3x7x5; i64 [2,1,4]", 3},
    {"slice", "", "f32 1x50x60x8; i64 [1,-40]; i64 [33,9999]; i64 [1,2]; i64 [1,3]", 1},
    {"pad", "", "f32 1x3x20x21; i64 [0,0,1,2,0,0,3,4]; f32 [0.5]", 1},
    {"pad", "", "f16 1x8x8x64; i64 [0,1,1,0,0,1,1,0]", 1},
    {"pad", "", "f32 6x9; i64 [-2,1,3,-4]", 1},
    {"cast", "to=int64", "bool 3x50", 1},
    {"expand", "", "f32 1x7x1; i64 [4,7,64]", 1},
};
#undef SILU
#undef SIGMOID
#undef SILU_BEHIND
#undef RELU6_BEHIND
enum {
    ROW_CASES = sizeof row_cases / sizeof *row_cases,
    ROW_TENSORS = 8
};

typedef struct row_step {
    const row_case *c;
    hone_attrs attrs;
    int n_in, n_out;
    hone_tensor in[ROW_TENSORS], out[ROW_TENSORS]; /* data of constants alone */
    const hone_tensor *ins[ROW_TENSORS], *outs[ROW_TENSORS];
    int64_t below[ROW_TENSORS];
    bool hides[ROW_TENSORS];
    hone_lower lower;
} row_step;

static hone_dtype row_type(const char *word, size_t n)
{
    static const struct {
        const char *name;
        hone_dtype dtype;
    } names[] = {{"f32", HONE_F32}, {"f16", HONE_F16},   {"bf16", HONE_BF16}, {"i64", HONE_I64},
                 {"i32", HONE_I32}, {"bool", HONE_BOOL}, {"u8", HONE_U8}};

    for (int i = 0; i < HONE_COUNT(names); i++)
        if (strlen(names[i].name) == n && strncmp(names[i].name, word, n) == 0)
            return names[i].dtype;
    return HONE_NONE;
}

/* "[1,2]" into t: a constant. */
static void row_constant(hone_arena *arena, char *at, hone_tensor *t)
{
    double values[32];
    int n = 0;

    for (char *word = strtok(at, "[,] "); word; word = strtok(NULL, "[,] "))
        values[n++] = strtod(word, NULL);
    t->shape = (hone_dims){.rank = 1, .dim = {n}};
    hone_dims_size(t->dtype, &t->shape, &t->size);
    t->data = hone_arena_alloc_aligned(arena, t->size, 64);
    for (int i = 0; i < n; i++)
        hone_element_set_double(t->dtype, t->data, i, values[i]);
}

static uint32_t row_random(void)
{
    static uint64_t state = 0x9e3779b97f4a7c15u;

    state = state * 6364136223846793005u + 1442695040888963407u;
    return (uint32_t)(state >> 32);
}

static void row_fill(hone_arena *arena, hone_tensor *t, double most)
{
    hone_dims_size(t->dtype, &t->shape, &t->size);
    t->data = hone_arena_alloc_aligned(arena, t->size + 64, 64);
    for (int64_t k = 0, n = hone_tensor_count(t); k < n; k++)
        hone_element_set_double(t->dtype, t->data, k, (row_random() / 4294967296.0 * 2 - 1) * most);
}

static void row_input(hone_arena *arena, const char *text, size_t n, row_step *s)
{
    hone_tensor *t = &s->in[s->n_in];
    char *at = hone_arena_text_n(arena, text, n);

    at += strspn(at, " ");
    if (*at != '-') {
        const size_t word = strcspn(at, " ");
        t->dtype = row_type(at, word);
        at += word + 1;
        if (*at == '[') {
            row_constant(arena, at, t);
        } else {
            char *below = strchr(at, '<');
            for (char *p = at; *p && *p != '<' && *p != ' '; p += *p == 'x')
                t->shape.dim[t->shape.rank++] = strtoll(p, &p, 10);
            s->below[s->n_in] = below ? strtoll(below + 1, NULL, 10) : 0;
            s->hides[s->n_in] = strchr(at, '~') != NULL;
            if (strstr(at, "const"))
                row_fill(arena, t, t->shape.rank > 1 ? 0.1 : 1);
        }
        /* The bounds of Clip are scalars. */
        if (strcmp(s->c->op, "clip") == 0 && s->n_in > 0)
            t->shape.rank = 0;
        s->ins[s->n_in] = t;
    }
    s->n_in++;
}

static hone_status row_shapes(row_step *s)
{
    hone_fact in[ROW_TENSORS] = {{0}}, out[ROW_TENSORS] = {{0}};
    hone_infer x = {.op = s->lower.op,
                    .attrs = &s->attrs,
                    .n_in = s->n_in,
                    .n_out = s->n_out,
                    .in = in,
                    .out = out};

    for (int i = 0; i < s->n_in; i++)
        in[i] = (hone_fact){
            .present = s->ins[i] != NULL,
            .type = {.dtype = s->in[i].dtype, .shape = hone_shape_of_dims(&s->in[i].shape)},
            .data = s->in[i].data,
            .n_elem = -1};
    for (int k = 0; k < s->n_out; k++)
        out[k] = (hone_fact){.present = true, .n_elem = -1};
    HONE_TRY(hone_infer_run(&x));
    for (int k = 0; k < s->n_out; k++) {
        s->out[k].dtype = out[k].type.dtype;
        hone_shape_dims(&out[k].type.shape, &s->out[k].shape);
        hone_dims_size(s->out[k].dtype, &s->out[k].shape, &s->out[k].size);
        s->outs[k] = &s->out[k];
    }
    return HONE_OK;
}

/* Reads the case and lowers it for the device. */
static hone_status row_lower(hone_arena *arena, const row_case *c, hone_gpu_facts device,
                             row_step *s)
{
    const char *attrs = c->attrs;

    *s = (row_step){.c = c, .n_out = c->n_out};
    const int op = hone_op_find(c->op);
    s->lower.op = op;
    hone_attrs_init(op, &s->attrs);
    if (*attrs && !hone_attrs_parse(arena, op, &attrs, &s->attrs))
        return hone_error(HONE_ERR_ARGUMENT, "%s: attributes \"%s\" do not parse", c->op, attrs);
    for (const char *p = c->in; *p; p += *p == ';') {
        const size_t n = strcspn(p, ";");
        row_input(arena, p, n, s);
        p += n;
    }
    HONE_TRY(row_shapes(s));
    s->lower = (hone_lower){.arena = arena,
                            .device = device,
                            .op = op,
                            .attrs = &s->attrs,
                            .n_in = s->n_in,
                            .n_out = s->n_out,
                            .in = s->ins,
                            .out = s->outs};
    return hone_gpu_lower(&s->lower);
}

#endif
