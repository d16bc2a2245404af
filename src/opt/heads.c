/* The set "heads": a GPU's attention reads heads where a product left them. The one idea: queries,
 * keys and values are columns of rows, whatever reshapes, transposes and gathers stand between, and
 * attention takes columns; then products of one input are one product, and nothing is split. */
#include "opt/rules.h"
#include "opt/siblings.h"
#include "opt/strided.h"

/* An operand of attention as columns of rows [batch, length, width], from column `at` on. */
typedef struct columns {
    hone_strided view; /* of [batch, heads, length, size] */
    hone_dims dims;
    int64_t width;
} columns;

static bool columns_of(hone_value *v, columns *c)
{
    hone_strided s;
    hone_dims base;

    if (hone_rank_of(v) != 4 || !hone_strided_of(v, &s) ||
        !hone_shape_dims(&v->type.shape, &c->dims) || !hone_strided_as(&s, &c->dims, &c->view) ||
        !hone_shape_dims(&s.base->type.shape, &base))
        return false;
    const int64_t *d = c->dims.dim, *by = c->view.stride;
    const int64_t all = hone_dims_count_or_zero(&base), rows = d[0] * d[2];
    c->width = rows > 0 && all % rows == 0 ? all / rows : 0;
    return s.base != v && c->width > 0 && by[3] == (d[3] > 1) && (d[1] == 1 || by[1] == d[3]) &&
           (d[2] == 1 || by[2] == c->width) && (d[0] == 1 || by[0] == d[2] * c->width) &&
           s.offset + d[1] * d[3] <= c->width;
}

static hone_value *rows_of(hone_node *before, const columns *c)
{
    const hone_shape shape = {3, {c->dims.dim[0], c->dims.dim[2], c->width}};
    const hone_value *base = c->view.base;

    if (hone_shape_equal(&base->type.shape, &shape))
        return c->view.base;
    return hone_make_reshape(before, c->view.base, &shape);
}

static bool is_plain(const hone_node *n)
{
    return n->attrs.attention.head_size == 0 && n->n_in <= 4 && n->n_out == 1 &&
           n->attrs.attention.qk_matmul_output_mode == 0;
}

/* [batch, length, heads * size] as it was before, [batch, heads, length, size]. */
static hone_value *with_heads_first(hone_node *before, hone_value *y, const hone_value *old)
{
    static const int swap[4] = {0, 2, 1, 3};
    const hone_shape *o = &old->type.shape;
    const hone_shape split = {4, {o->dim[0], o->dim[2], o->dim[1], o->dim[3]}};
    hone_value *v = hone_make_reshape(before, y, &split);

    return v != NULL ? hone_make_transpose(before, v, swap) : NULL;
}

/* heads_as_columns: heads are read as columns of the rows that they were cut from.
 *
 *     attention(transpose(reshape(x), [0, 2, 1, 3]), k, v)
 *         ->   transpose(reshape(attention(x, y, z) {q_num_heads, head_size, q_at}), [0, 2, 1, 3])
 *
 * Legal when each of q, k and v is, through views, transposes, gathers of one entry, slices and
 * splits, a run of columns of dense rows, with heads of one size; extents are numbers. The
 * transpose behind meets the one that joins the heads again. Saves a copy of each operand and of
 * the answer. */
static bool heads_as_columns(hone_graph *g, hone_node *n)
{
    columns c[3];
    hone_value *in[4] = {NULL, NULL, NULL, hone_input(n, 3)};

    (void)g;
    if (!is_plain(n))
        return false;
    for (int i = 0; i < 3; i++)
        if (!columns_of(n->in[i], &c[i]))
            return false;
    if (c[0].dims.dim[3] != c[2].dims.dim[3])
        return false;
    for (int i = 0; i < 3; i++)
        if ((in[i] = rows_of(n, &c[i])) == NULL)
            return false;
    hone_node *made = hone_make_node(n, HONE_OP_attention, n->n_in, in);
    hone_attrs_attention *a = &made->attrs.attention;
    *a = n->attrs.attention;
    a->q_num_heads = c[0].dims.dim[1];
    a->kv_num_heads = c[1].dims.dim[1];
    a->head_size = c[0].dims.dim[3];
    a->q_at = c[0].view.offset;
    a->k_at = c[1].view.offset;
    a->v_at = c[2].view.offset;
    if (hone_node_infer(made) != HONE_OK) {
        hone_node_remove(made);
        return false;
    }
    hone_value *y = with_heads_first(n, made->out[0], n->out[0]);
    return y != NULL && hone_put_value(n->out[0], y);
}
const hone_rule hone_rule_heads_as_columns = {"heads_as_columns", HONE_OP_attention,
                                              heads_as_columns};

/* The product that computes the operand and nothing else: of all columns, used once. */
static hone_node *product_of(const hone_node *n, int i, int64_t at, int64_t heads)
{
    hone_node *m = hone_single_def_of(n->in[i], HONE_OP_matmul);

    return m != NULL && m->graph == n->graph && at == 0 &&
                   hone_dim_of(n->in[i], 2) == heads * n->attrs.attention.head_size
               ? m
               : NULL;
}

/* Of the products, those of one input, the first in the graph first; fewer than two: none. */
static int of_one_input(hone_node *const *products, hone_node **out, int *which)
{
    for (int first = 0; first < 2; first++) {
        int n = 0;
        for (int i = first; i < 3 && products[first] != NULL; i++)
            if (products[i] != NULL && products[i]->in[0] == products[first]->in[0]) {
                out[n] = products[i];
                which[n++] = i;
            }
        if (n > 1)
            return n;
    }
    return 0;
}

/* The first of the nodes in the graph goes to the front. */
static void put_first(hone_node **nodes, int *which, int n)
{
    for (int i = 1; i < n; i++) {
        const hone_node *later = nodes[i]->next;
        while (later != NULL && later != nodes[0])
            later = later->next;
        if (later == NULL)
            continue;
        hone_node *node = nodes[0];
        const int w = which[0];
        nodes[0] = nodes[i];
        nodes[i] = node;
        which[0] = which[i];
        which[i] = w;
    }
}

/* heads_of_one_product: queries, keys and values of one input come from one product.
 *
 *     attention(matmul(x, u), matmul(x, v), matmul(x, w))
 *         ->   y = matmul(x, [u v w]); attention(y, y, y) {k_at, v_at}
 *
 * Legal as for siblings, where the products serve nothing else; of keys and values alone too. A
 * wider product fills the device better, and x is read once; nothing is split. */
static bool heads_of_one_product(hone_graph *g, hone_node *n)
{
    hone_attrs_attention *a = &n->attrs.attention;
    int64_t *at[3] = {&a->q_at, &a->k_at, &a->v_at}, column = 0;
    hone_node *products[3], *nodes[3];
    int which[3];

    (void)g;
    if (a->head_size == 0 || n->in[0] == n->in[1] || n->in[1] == n->in[2])
        return false;
    for (int i = 0; i < 3; i++)
        products[i] = product_of(n, i, *at[i], i == 0 ? a->q_num_heads : a->kv_num_heads);
    const int count = of_one_input(products, nodes, which);
    if (count == 0)
        return false;
    put_first(nodes, which, count);
    hone_value *wide = hone_merge_products(nodes, count);
    if (wide == NULL)
        return false;
    for (int i = 0; i < count; i++) {
        *at[which[i]] = column;
        column += hone_dim_of(nodes[i]->out[0], 2);
        hone_node_set_input(n, which[i], wide);
    }
    return true;
}
const hone_rule hone_rule_heads_of_one_product = {"heads_of_one_product", HONE_OP_attention,
                                                  heads_of_one_product};
