/* The pass "excite", for GPUs: squeeze-and-excite blocks, channels last, when regions and epilogues
 * are formed. A block is a mean over each picture, two small products, and a multiplication of the
 * picture by the result, in front of a convolution of 1 x 1:
 *
 *     m = global_average_pool(x); s = conv(m, w1, b1) {p}; g = conv(s, w2, b2) {q}
 *     y = conv(pointwise(x, g) {mul}, w, b)
 *  ->
 *     g = squeeze_excite(x, w1, b1, w2, b2) {p, q}
 *     y = conv(x, w, b, g) {gate}
 *
 * and where x comes from a depthwise convolution, that one leaves partial sums as well, which g is
 * then computed from. Of five kernels, three in a row of tiny ones, one is left, and the picture is
 * neither written nor read for the multiplication. Every step is taken only where the GPU says that
 * it has the kernel. */
#include "opt/edit.h"
#include "opt/rules.h"

static bool is_taken(const hone_pass_context *c, const hone_node *n)
{
    return c->options->takes == NULL || c->options->takes(c->options->user, n);
}

/* Puts what was made in the place of old's output, where inference and the GPU agree. */
static bool put_in_place(hone_pass_context *c, hone_value *old, hone_node *made)
{
    if (hone_node_infer(made) != HONE_OK || !is_taken(c, made)) {
        hone_node_remove(made);
        return false;
    }
    c->changed |= hone_put_in_place(old, made);
    return true;
}

static bool is_all(hone_ints v, int64_t x)
{
    for (int i = 0; i < v.n; i++)
        if (v.v[i] != x)
            return false;
    return true;
}

/* A convolution that takes pixels one by one, channels last. */
static bool is_point(const hone_node *n)
{
    if (!hone_is_op(n, HONE_OP_conv))
        return false;
    const hone_attrs_conv *a = &n->attrs.conv;
    const hone_value *w = n->in[1];
    if (a->layout != HONE_LAYOUT_LAST || a->group != 1 || !is_all(a->strides, 1) ||
        !is_all(a->pads, 0) || a->gate || n->n_out != 1 || hone_rank_of(w) < 3)
        return false;
    for (int i = 2; i < hone_rank_of(w); i++)
        if (hone_dim_of(w, i) != 1)
            return false;
    return true;
}

/* [N, 1..., C] */
static bool is_row_of_picture(const hone_value *v)
{
    for (int i = 1; i < hone_rank_of(v) - 1; i++)
        if (hone_dim_of(v, i) != 1)
            return false;
    return hone_rank_of(v) >= 3;
}

/* One of the two small products: constants, and a program of the sum alone. */
static bool is_small_product(const hone_node *n)
{
    return is_point(n) && n->n_in <= 3 && hone_is_constant(n->in[1]) &&
           (hone_input(n, 2) == NULL || hone_is_constant(n->in[2])) && is_row_of_picture(n->in[0]);
}

static bool is_mean(const hone_node *n)
{
    return hone_is_op(n, HONE_OP_global_average_pool) &&
           n->attrs.global_average_pool.layout == HONE_LAYOUT_LAST;
}

/* squeeze_excite(x, w1, b1, w2, b2) for the second of two products behind a mean. */
static void form_gate(hone_pass_context *c, hone_node *second)
{
    if (!is_small_product(second))
        return;
    const hone_node *first = hone_single_def_of(second->in[0], HONE_OP_conv);
    if (first == NULL || !is_small_product(first))
        return;
    const hone_node *mean = hone_single_def_of(first->in[0], HONE_OP_global_average_pool);
    if (!is_mean(mean))
        return;
    hone_value *in[] = {mean->in[0], first->in[1], hone_input(first, 2), second->in[1],
                        hone_input(second, 2)};
    hone_node *made = hone_make_node(second, HONE_OP_squeeze_excite, HONE_COUNT(in), in);
    made->attrs.squeeze_excite.squeeze = first->attrs.conv.program;
    made->attrs.squeeze_excite.excite = second->attrs.conv.program;
    put_in_place(c, second->out[0], made);
}

static bool is_product_of_two(const hone_node *region)
{
    const hone_program *p = region->attrs.pointwise.program;

    return region->n_in == 2 && p->n_instr == 1 && p->instr[0].op == HONE_SCALAR_mul &&
           p->instr[0].arg[0] != p->instr[0].arg[1];
}

/* The region's input that is a gate of its other one; -1 where there is none. */
static int gate_of(const hone_node *region)
{
    for (int i = 0; i < 2; i++) {
        const hone_value *gate = region->in[i], *x = region->in[1 - i];
        if (is_row_of_picture(gate) && hone_shapes_same(x, region->out[0]) &&
            hone_rank_of(gate) == hone_rank_of(x) && hone_dim_of(gate, 0) == hone_dim_of(x, 0) &&
            hone_dim_of(gate, hone_rank_of(x) - 1) == hone_dim_of(x, hone_rank_of(x) - 1))
            return i;
    }
    return -1;
}

/* conv(pointwise(x, g) {mul}, w, ...) -> conv(x, w, ..., g) {gate} */
static void take_gate(hone_pass_context *c, hone_node *conv)
{
    hone_value *in[HONE_PROGRAM_INPUTS + 4] = {NULL};
    int n = 3;

    if (!is_point(conv))
        return;
    const hone_node *region = hone_single_def_of(conv->in[0], HONE_OP_pointwise);
    if (region == NULL || region->graph != conv->graph || !is_product_of_two(region))
        return;
    const int gate = gate_of(region);
    if (gate < 0 || !hone_is_f32(region->in[0]) || !hone_is_f32(region->in[1]))
        return;
    in[0] = region->in[1 - gate];
    for (int i = 1; i < conv->n_in; i++)
        in[i] = conv->in[i];
    n = HONE_MAX(conv->n_in, n);
    in[n++] = region->in[gate];
    hone_node *made = hone_make_node(conv, HONE_OP_conv, n, in);
    made->attrs = conv->attrs;
    made->attrs.conv.gate = 1;
    put_in_place(c, conv->out[0], made);
}

static bool is_depthwise(const hone_node *n)
{
    return hone_is_op(n, HONE_OP_conv) && n->n_out == 1 &&
           n->attrs.conv.layout == HONE_LAYOUT_LAST && n->attrs.conv.group > 1 &&
           hone_dim_of(n->in[1], 1) == 1 && hone_rank_of(n->in[0]) == 4;
}

static int64_t pixels_of(const hone_value *v)
{
    int64_t n = 1;

    for (int i = 1; i < hone_rank_of(v) - 1; i++) {
        if (!hone_extent_is_number(hone_dim_of(v, i)))
            return 0;
        n *= hone_dim_of(v, i);
    }
    return n;
}

/* x = conv(...); g = squeeze_excite(x, ...)  ->  x, s = conv(...); g = squeeze_excite(s, ...) */
static void take_sums(hone_pass_context *c, hone_node *excite)
{
    if (!hone_is_op(excite, HONE_OP_squeeze_excite) || excite->attrs.squeeze_excite.count != 0 ||
        !is_depthwise(excite->in[0]->def) || excite->in[0]->def->graph != excite->graph)
        return;
    hone_node *conv = excite->in[0]->def;
    const int64_t count = pixels_of(conv->out[0]);
    if (count == 0)
        return;
    hone_node *made =
        hone_node_create(conv->graph, conv, HONE_OP_conv, conv->name, conv->in, conv->n_in, 2);
    made->attrs = conv->attrs;
    if (!put_in_place(c, conv->out[0], made))
        return;
    hone_node_set_input(excite, 0, made->out[1]);
    excite->attrs.squeeze_excite.count = count;
    if (hone_node_infer(excite) == HONE_OK && is_taken(c, excite))
        return;
    hone_node_set_input(excite, 0, made->out[0]);
    excite->attrs.squeeze_excite.count = 0;
}

hone_status hone_pass_excite(hone_pass_context *c)
{
    static void (*const steps[])(hone_pass_context *, hone_node *) = {form_gate, take_gate,
                                                                      take_sums};
    int n = 0;
    hone_graph **graphs = hone_module_graphs(c->module, &n);

    for (int i = 0; i < HONE_COUNT(steps); i++) {
        for (int g = 0; g < n; g++)
            HONE_EACH_NODE(node, graphs[g])
            {
                steps[i](c, node);
            }
        HONE_TRY(hone_pass_dead(c)); /* so that the next step sees who uses what */
    }
    return HONE_OK;
}
