/* The sets "canonical" and "tables", look-ups: products with one-hot rows are table look-ups, and
 * what is computed of a looked-up row is computed of the table once, when the plan is made. */
#include "opt/edit.h"
#include "opt/rules.h"

/* Whether v is a constant 0, 1, ..., n-1 along its last axis. */
static bool is_count(const hone_value *v, int64_t n)
{
    if (!hone_is_constant(v) || v->constant->is_splat || hone_constant_count(v) != n ||
        hone_rank_of(v) < 1 || hone_dim_of(v, hone_rank_of(v) - 1) != n ||
        !hone_dtype_is_integer(v->type.dtype))
        return false;
    for (int64_t i = 0; i < n; i++)
        if (hone_element_int(v->type.dtype, v->constant->data, i) != i)
            return false;
    return true;
}

/* The numbers that a one-hot value cast(equal(ids, 0..n-1)) is made of: ids, whose last extent is
 * 1; NULL for others. */
static hone_value *ids_of(const hone_value *one_hot, int64_t n)
{
    const hone_node *cast = hone_def_of(one_hot, HONE_OP_cast);
    const hone_node *equal = cast != NULL ? hone_def_of(cast->in[0], HONE_OP_equal) : NULL;

    for (int i = 0; equal != NULL && i < 2; i++) {
        hone_value *ids = equal->in[i];
        const int rank = hone_rank_of(ids);
        if (is_count(equal->in[1 - i], n) && rank > 0 && hone_dim_of(ids, rank - 1) == 1 &&
            (ids->type.dtype == HONE_I32 || ids->type.dtype == HONE_I64) &&
            rank == hone_rank_of(one_hot))
            return ids;
    }
    return NULL;
}

/* The rows of the product for ids -1 and below, 0, 1, ..., n-1, n and above. */
static hone_value *make_table(const hone_node *m, int64_t rows, int64_t columns)
{
    hone_graph *g = m->graph;
    const hone_dims dims = {2, {rows + 2, columns}};
    float *bias = hone_arena_array(g->module->arena, (size_t)columns + 1, sizeof *bias);
    float *table =
        hone_arena_array(g->module->arena, (size_t)((rows + 2) * columns) + 1, sizeof *table);
    const float *w = hone_constant_floats(g->module, m->in[1]);

    if (hone_input(m, 2) != NULL &&
        !hone_constant_channels(g->module, m->in[2], 1, 0, columns, bias))
        return NULL;
    for (int64_t r = 0; r < rows + 2; r++)
        for (int64_t c = 0; c < columns; c++) {
            const bool inside = r > 0 && r <= rows;
            table[r * columns + c] =
                bias[c] + (inside ? m->attrs.matmul.alpha * w[(r - 1) * columns + c] : 0.0f);
        }
    return hone_make_floats(g, &dims, table);
}

static hone_value *make_integer(hone_graph *g, hone_dtype dtype, int64_t x)
{
    const hone_dims scalar = {0, {0}};
    void *data = hone_arena_alloc(g->module->arena, sizeof x);
    hone_element_set_int(dtype, data, 0, x);
    return hone_graph_constant(g, NULL, dtype, &scalar, data, (size_t)hone_dtype_bits(dtype) / 8);
}

/* clip(ids, -1, rows) + 1, without ids' last axis: a row of the table. */
static hone_value *make_row_numbers(hone_node *m, hone_value *ids, int64_t rows)
{
    hone_graph *g = m->graph;
    hone_shape shape = ids->type.shape;
    const hone_dtype t = ids->type.dtype;

    shape.rank--;
    hone_value *in[3] = {hone_make_reshape(m, ids, &shape), make_integer(g, t, -1),
                         make_integer(g, t, rows)};
    if (in[0] == NULL)
        return NULL;
    hone_node *clip = hone_make_node(m, HONE_OP_clip, 3, in);
    if (hone_node_infer(clip) != HONE_OK)
        return NULL;
    hone_value *sum[2] = {clip->out[0], make_integer(g, t, 1)};
    hone_node *add = hone_make_node(m, HONE_OP_add, 2, sum);
    return hone_node_infer(add) == HONE_OK ? add->out[0] : NULL;
}

/* one_hot_matmul: a product with one-hot rows is a look-up.
 *
 *     matmul(cast(equal(ids, [0..n-1])), w, b)   ->   gather(table, clip(ids, -1, n) + 1)
 *
 * with table = [b, w + b, b]: an id that is none of 0..n-1 gives a row of zeros, as before. Legal
 * for constant w [n, N] and b [N]. Copies a row where n rows were multiplied and added. */
static bool one_hot_matmul(hone_graph *g, hone_node *m)
{
    hone_dims w;

    (void)g;
    if (m->attrs.matmul.program != NULL || m->attrs.matmul.trans_a || m->attrs.matmul.trans_b ||
        m->n_in > 3 || !hone_is_constant(m->in[1]) || !hone_is_f32(m->in[1]) ||
        !hone_shape_dims(&m->in[1]->type.shape, &w) || w.rank != 2)
        return false;
    hone_value *ids = ids_of(m->in[0], w.dim[0]);
    if (ids == NULL)
        return false;
    hone_value *in[2] = {make_table(m, w.dim[0], w.dim[1]), NULL};
    if (in[0] == NULL || (in[1] = make_row_numbers(m, ids, w.dim[0])) == NULL)
        return false;
    return hone_put_in_place(m->out[0], hone_make_node(m, HONE_OP_gather, 2, in));
}
const hone_rule hone_rule_one_hot_matmul = {"one_hot_matmul", HONE_OP_matmul, one_hot_matmul};

#define TABLE_LIMIT ((double)(4 << 20)) /* bytes of a table that is worth computing ahead */

#define ON_TABLE 0x7ab1eu /* the mark of nodes that compute on tables, in this file alone */

static bool is_table(const hone_value *v)
{
    return hone_is_constant(v) || (v->def != NULL && v->def->mark == ON_TABLE);
}

/* The constant table behind a look-up of rows by `ids` (NULL: any, and told); NULL if v is none. */
static hone_value *table_of(const hone_value *v, hone_value **ids)
{
    const hone_node *gather = hone_def_of(v, HONE_OP_gather);

    if (gather == NULL || gather->attrs.gather.axis != 0 || !is_table(gather->in[0]) ||
        !hone_is_f32(gather->in[0]) || hone_rank_of(gather->in[0]) != 2 ||
        (*ids != NULL && gather->in[1] != *ids) ||
        hone_value_bytes(v->graph->module, gather->in[0]) >
            HONE_MIN(TABLE_LIMIT, hone_value_bytes(v->graph->module, v)))
        return NULL;
    *ids = gather->in[1];
    return gather->in[0];
}

/* compute_on_table:   f(gather(table, ids))   ->   gather(f(table), ids)
 *
 * Legal for pointwise f whose operands are look-ups of the same rows in constant tables, and
 * constants of one number or one for each column; useful when the table is no larger than what is
 * looked up. f(table) is then folded. */
static bool compute_on_table(hone_graph *g, hone_node *n)
{
    hone_value *in[3], *ids = NULL;

    (void)g;
    if (!hone_op_has(n->op, HONE_TRAIT_POINTWISE) || n->op == HONE_OP_pointwise || n->n_in > 3 ||
        n->n_out != 1 || !hone_is_f32(n->out[0]))
        return false;
    for (int i = 0; i < n->n_in; i++) {
        hone_value *v = n->in[i];
        hone_value *table = v != NULL ? table_of(v, &ids) : NULL;
        if (table == NULL && v != NULL && (!hone_is_constant(v) || hone_rank_of(v) > 1))
            return false;
        if (table != NULL && !hone_shapes_same(v, n->out[0]))
            return false;
        in[i] = table != NULL ? table : v;
    }
    if (ids == NULL)
        return false;
    hone_node *made = hone_make_node(n, n->op, n->n_in, in);
    made->attrs = n->attrs;
    made->mark = ON_TABLE;
    if (hone_node_infer(made) != HONE_OK) {
        hone_node_remove(made);
        return false;
    }
    hone_value *lookup[2] = {made->out[0], ids};
    return hone_put_in_place(n->out[0], hone_make_node(n, HONE_OP_gather, 2, lookup));
}
const hone_rule hone_rule_compute_on_table = {"compute_on_table", HONE_OP_none, compute_on_table};
