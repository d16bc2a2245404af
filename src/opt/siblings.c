/* The set "siblings": contractions that read one input with weights of their own become one that is
 * wider. The one idea: columns of a product are independent, so constant weights stand side by side
 * and a split hands every user its part. It runs behind "epilogue": what all of them do to their
 * columns is then a program, and stays one. Weights that are not constant, and programs with
 * further operands, are left alone. */
#include "opt/siblings.h"

#include "opt/rules.h"

#define PANEL 16 /* columns of a packed panel: cpu/vector.h */
#define MOST  16 /* siblings merged at once */

typedef struct family {
    hone_node *node[MOST]; /* in the graph's order */
    int64_t columns[MOST];
    int n;
    int64_t total; /* columns */
    bool is_lined; /* weights [N, ...]: siblings follow one another; else [K, N] */
    int axis;      /* of the outputs, along which the columns lie */
} family;

static bool is_lined(const hone_node *n)
{
    return n->op == HONE_OP_conv || n->attrs.matmul.trans_b != 0;
}

static const hone_program *program_of(const hone_node *n)
{
    return n->op == HONE_OP_conv ? n->attrs.conv.program : n->attrs.matmul.program;
}

static int64_t columns_of(const hone_node *n)
{
    return hone_dim_of(n->in[1], is_lined(n) ? 0 : 1);
}

/* Whether a contraction can be merged with others. */
static bool is_mergeable(const hone_node *n)
{
    const hone_value *w = n->in[1], *bias = hone_input(n, 2);
    const hone_program *program = program_of(n);

    if (n->n_in > 3 || (program != NULL && program->n_in > 1) || !hone_is_constant(w) ||
        !hone_is_f32(w) || !hone_is_f32(n->out[0]) || hone_rank_of(n->out[0]) < 2 ||
        hone_rank_of(w) < 2)
        return false;
    if (bias != NULL && (!hone_is_constant(bias) || !hone_is_f32(bias) || hone_rank_of(bias) != 1))
        return false;
    if (n->op == HONE_OP_conv)
        return n->attrs.conv.group == 1;
    const int rank = hone_rank_of(n->in[0]);
    return hone_rank_of(w) == 2 && rank >= 2 && hone_rank_of(n->out[0]) == rank &&
           (bias == NULL || hone_dim_of(bias, 0) == hone_dim_of(n->out[0], rank - 1));
}

/* Whether it gains by it: whole panels stay by themselves, and a product of one column is a dot
 * product, which fills its lanes along the depth. */
static bool has_open_panel(const hone_node *n)
{
    return is_mergeable(n) && columns_of(n) % PANEL != 0 &&
           (n->op == HONE_OP_conv || columns_of(n) > 1);
}

/* Equal in all but the number of columns. */
static bool is_sibling(const hone_node *a, const hone_node *b)
{
    const hone_value *v = a->in[1], *w = hone_input(b, 1);

    if (b->op != a->op || b->graph != a->graph || b->in[0] != a->in[0] || !is_mergeable(b) ||
        hone_rank_of(v) != hone_rank_of(w) || !hone_attrs_equal((int)a->op, &a->attrs, &b->attrs))
        return false;
    for (int i = 0; i < hone_rank_of(v); i++)
        if (i != (is_lined(a) ? 0 : 1) && hone_dim_of(v, i) != hone_dim_of(w, i))
            return false;
    return true;
}

static int channel_axis(const hone_node *n)
{
    const bool first = n->op == HONE_OP_conv && n->attrs.conv.layout == HONE_LAYOUT_FIRST;
    return first ? 1 : hone_rank_of(n->out[0]) - 1;
}

/* The siblings from `first` on. */
static void gather(hone_node *first, family *f)
{
    *f = (family){.is_lined = is_lined(first), .axis = channel_axis(first)};
    for (hone_node *n = first; n != NULL && f->n < MOST; n = n->next) {
        if (!is_sibling(first, n) || !has_open_panel(n))
            continue;
        f->columns[f->n] = columns_of(n);
        f->total += f->columns[f->n];
        f->node[f->n++] = n;
    }
}

static int64_t panels(int64_t columns)
{
    return (columns + PANEL - 1) / PANEL;
}

/* Elements of the weights of one column: the depth of the product. */
static int64_t depth_of(const hone_node *n)
{
    const hone_value *w = n->in[1];
    int64_t depth = 1;

    for (int i = 0; i < hone_rank_of(w); i++)
        depth *= i == (is_lined(n) ? 0 : 1) ? 1 : hone_dim_of(w, i);
    return depth;
}

/* Panels that are no longer computed, at so many steps each for a row, against a copy of the row.
 * In channels first the columns of the product are pixels, and there is nothing to fill. */
static bool pays(const family *f)
{
    int64_t saved = -panels(f->total);

    for (int i = 0; i < f->n; i++)
        saved += panels(f->columns[i]);
    const hone_node *first = f->node[0];
    return f->n > 1 && saved > 0 && saved * depth_of(first) >= f->total &&
           (first->op != HONE_OP_conv || first->attrs.conv.layout == HONE_LAYOUT_LAST);
}

/* The weights side by side. */
static hone_value *merged_weights(hone_graph *g, const family *f)
{
    const hone_value *w = f->node[0]->in[1];
    const int64_t depth = depth_of(f->node[0]);
    hone_dims to = {.rank = hone_rank_of(w)};
    int64_t at = 0;

    for (int i = 0; i < to.rank; i++)
        to.dim[i] = hone_dim_of(w, i);
    to.dim[f->is_lined ? 0 : 1] = f->total;
    float *data = hone_arena_array(g->module->arena, (size_t)(f->total * depth) + 1, sizeof *data);
    for (int i = 0; i < f->n; at += f->columns[i++]) {
        const float *from = hone_constant_floats(g->module, f->node[i]->in[1]);
        const int64_t line = f->columns[i] * (f->is_lined ? depth : 1);
        for (int64_t k = 0; k < (f->is_lined ? 1 : depth); k++)
            memcpy(data + (f->is_lined ? at * depth : k * f->total + at), from + k * line,
                   (size_t)line * sizeof *data);
    }
    return hone_make_floats(g, &to, data);
}

/* The biases side by side, zeros for those that have none; NULL if none has. */
static hone_value *merged_bias(hone_graph *g, const family *f)
{
    float *data = hone_arena_array(g->module->arena, (size_t)f->total + 1, sizeof *data);
    bool any = false;
    int64_t at = 0;

    memset(data, 0, (size_t)f->total * sizeof *data);
    for (int i = 0; i < f->n; at += f->columns[i++]) {
        const hone_value *bias = hone_input(f->node[i], 2);
        if (bias == NULL)
            continue;
        any = true;
        memcpy(data + at, hone_constant_floats(g->module, bias),
               (size_t)f->columns[i] * sizeof *data);
    }
    return any ? hone_make_vector(g, f->total, data) : NULL;
}

/* The contraction of all, in front of the first; NULL where it cannot be. */
static hone_node *make_wide(hone_graph *g, const family *f)
{
    hone_node *first = f->node[0];
    hone_value *bias = merged_bias(g, f);
    hone_value *in[3] = {first->in[0], merged_weights(g, f), bias};
    hone_node *wide = hone_make_node(first, first->op, bias != NULL ? 3 : 2, in);

    wide->attrs = first->attrs;
    if (hone_node_infer(wide) == HONE_OK)
        return wide;
    hone_node_remove(wide);
    return NULL;
}

hone_value *hone_merge_products(hone_node *const *nodes, int n)
{
    family f = {.is_lined = is_lined(nodes[0]), .axis = channel_axis(nodes[0])};

    for (int i = 0; i < n; i++) {
        if (n > MOST || !is_mergeable(nodes[i]) || !is_sibling(nodes[0], nodes[i]))
            return NULL;
        f.columns[i] = columns_of(nodes[i]);
        f.total += f.columns[i];
        f.node[f.n++] = nodes[i];
    }
    hone_node *wide = make_wide(nodes[0]->graph, &f);
    return wide != NULL ? wide->out[0] : NULL;
}

static bool merge(hone_graph *g, const family *f)
{
    hone_node *first = f->node[0];
    hone_node *wide = make_wide(g, f);

    if (wide == NULL)
        return false;
    hone_value *parts[2] = {wide->out[0], hone_graph_ints(g, NULL, f->columns, f->n)};
    hone_node *split = hone_node_create(g, first, HONE_OP_split, first->name, parts, 2, f->n);
    split->attrs.split.axis = f->axis;
    bool same = hone_node_infer(split) == HONE_OK;
    for (int i = 0; i < f->n && same; i++)
        same = hone_type_equal(&split->out[i]->type, &f->node[i]->out[0]->type);
    if (!same) {
        hone_node_remove(split);
        hone_node_remove(wide);
        return false;
    }
    for (int i = 0; i < f->n; i++)
        hone_put_value(f->node[i]->out[0], split->out[i]);
    return true;
}

/* siblings: contractions that read one input become one, and a split.
 *
 *     a = matmul(x, v); b = matmul(x, w)   ->   a, b = split(matmul(x, [v w]), -1)
 *     and so for conv, along its channels
 *
 * Legal for constant weights and biases and equal attributes (strides, dilations, pads, layout,
 * alpha, epilogue), one group, kernels of one extent. Every column is the sum that it was.
 *
 * Gain: panels of 16 columns are filled. Done among those whose last panel is not whole, where a
 * panel is saved, and saved panels times depth are at least the columns that the split copies.
 * Measured with hone bench on one thread (EPYC, AVX-512), old time by new, with panels to fill:
 *
 *     conv 1x1, 14x14x128 to 8 and 8     1.08     matmul 64 rows, 64 to 8 and 8      1.35
 *     conv 1x1, 14x14x64 to 24 and 24    1.09     matmul 1 row, 256 to 8 and 8       1.47
 *
 * and where all panels are whole, so that only the reading is shared, and the split costs more:
 *
 *     conv 1x1, 28x28x192 to 64, 96, 16  0.99     matmul 1 to 128 rows, 128 to 3x128 0.96
 *     conv 1x1, 14x14x64 to 16 and 16    0.96     matmul 1 row, 768 to 3x768         0.99
 */
static bool siblings(hone_graph *g, hone_node *node)
{
    family f;

    if (!has_open_panel(node))
        return false;
    gather(node, &f);
    return pays(&f) && merge(g, &f);
}
const hone_rule hone_rule_siblings_conv = {"siblings_conv", HONE_OP_conv, siblings};
const hone_rule hone_rule_siblings_matmul = {"siblings_matmul", HONE_OP_matmul, siblings};
