/* The set "canonical", pools: large maximum windows are made of small ones. A maximum may be
 * taken in any order and as often as one likes, so a window is the window of windows. Averages are
 * not: they round. */
#include "opt/edit.h"
#include "opt/rules.h"

#define SPLIT_FROM                                                                                 \
    20 /* cells of a window: below it a second pass over the picture costs more than it saves */

/* A two-dimensional maximum without dilation, indices or automatic padding, channels first. */
static bool is_plain_pool(const hone_node *n)
{
    const hone_attrs_max_pool *a = &n->attrs.max_pool;

    if (n->op != HONE_OP_max_pool || hone_rank_of(n->in[0]) != 4 || a->kernel_shape.n != 2 ||
        a->auto_pad != HONE_AUTO_PAD_NOTSET || a->ceil_mode != 0 ||
        a->layout != HONE_LAYOUT_FIRST || (n->n_out > 1 && n->out[1] != NULL))
        return false;
    for (int i = 0; i < a->dilations.n; i++)
        if (a->dilations.v[i] != 1)
            return false;
    return true;
}

static int64_t at(hone_ints v, int i, int64_t absent)
{
    return i < v.n ? v.v[i] : absent;
}

/* The size of an odd square window that moves by 1 and is padded to keep the extents; 0 for others.
 */
static int64_t centred_size(const hone_node *n)
{
    const hone_attrs_max_pool *a = &n->attrs.max_pool;
    const int64_t k = a->kernel_shape.n == 2 ? a->kernel_shape.v[0] : 0;

    if (!is_plain_pool(n) || k % 2 == 0 || a->kernel_shape.v[1] != k || at(a->strides, 0, 1) != 1 ||
        at(a->strides, 1, 1) != 1)
        return 0;
    for (int i = 0; i < 4; i++)
        if (at(a->pads, i, 0) != k / 2)
            return 0;
    return k;
}

static hone_node *make_pool(hone_node *before, hone_value *x, const int64_t *kernel,
                            const int64_t *strides, const int64_t *pads)
{
    hone_module *module = before->graph->module;
    hone_node *pool = hone_make_node(before, HONE_OP_max_pool, 1, &x);
    pool->attrs.max_pool.kernel_shape = hone_make_ints(module, kernel, 2);
    pool->attrs.max_pool.strides = hone_make_ints(module, strides, 2);
    pool->attrs.max_pool.pads = hone_make_ints(module, pads, 4);
    return pool;
}

/* Whether a stands before b in their graph; few steps are tried, as such pools stand side by side.
 */
static bool stands_before(const hone_node *a, const hone_node *b)
{
    for (int i = 0; i < 16 && b != NULL; i++, b = b->prev)
        if (b == a)
            return true;
    return false;
}

/* chain_pools: a larger window over the same picture starts from the smaller one.
 *
 *     a = max_pool(x, 5x5); b = max_pool(x, 9x9)   ->   a = max_pool(x, 5x5); b = max_pool(a, 5x5)
 *
 * Legal for odd square windows that move by 1 and keep the extents: the pixels within 4 are those
 * within 2 of one within 2, at the border too, where padding counts for nothing. Spatial pyramids
 * (5, 9, 13) shrink from 275 cells to 75. */
static bool chain_pools(hone_graph *g, hone_node *n)
{
    const int64_t k = centred_size(n);
    hone_node *best = NULL;
    int64_t best_k = 1;

    (void)g;
    if (k == 0)
        return false;
    for (hone_use *u = n->in[0]->first_use; u != NULL; u = u->next) {
        const int64_t other = u->node != NULL && u->node != n && u->node->graph == n->graph
                                  ? centred_size(u->node)
                                  : 0;
        if (other > best_k && other < k && stands_before(u->node, n)) {
            best = u->node;
            best_k = other;
        }
    }
    if (best == NULL)
        return false;
    const int64_t rest = k - best_k + 1, half = rest / 2;
    const int64_t kernel[2] = {rest, rest}, strides[2] = {1, 1}, pads[4] = {half, half, half, half};
    return hone_put_in_place(n->out[0], make_pool(n, best->out[0], kernel, strides, pads));
}
const hone_rule hone_rule_chain_pools = {"chain_pools", HONE_OP_max_pool, chain_pools};

/* split_pool: a large window is a row of columns.
 *
 *     max_pool(x, 5x7)   ->   max_pool(max_pool(x, 1x7), 5x1)
 *
 * Legal always for maxima without indices; done from some 20 cells on, where 35 comparisons
 * become 12. */
static bool split_pool(hone_graph *g, hone_node *n)
{
    const hone_attrs_max_pool a = n->attrs.max_pool;

    (void)g;
    if (!is_plain_pool(n) || a.kernel_shape.v[0] < 2 || a.kernel_shape.v[1] < 2 ||
        a.kernel_shape.v[0] * a.kernel_shape.v[1] < SPLIT_FROM)
        return false;
    const int64_t row[2] = {1, a.kernel_shape.v[1]}, row_step[2] = {1, at(a.strides, 1, 1)};
    const int64_t row_pads[4] = {0, at(a.pads, 1, 0), 0, at(a.pads, 3, 0)};
    const int64_t column[2] = {a.kernel_shape.v[0], 1}, column_step[2] = {at(a.strides, 0, 1), 1};
    const int64_t column_pads[4] = {at(a.pads, 0, 0), 0, at(a.pads, 2, 0), 0};
    hone_node *rows = make_pool(n, n->in[0], row, row_step, row_pads);
    if (hone_node_infer(rows) != HONE_OK) {
        hone_node_remove(rows);
        return false;
    }
    return hone_put_in_place(n->out[0],
                             make_pool(n, rows->out[0], column, column_step, column_pads));
}
const hone_rule hone_rule_split_pool = {"split_pool", HONE_OP_max_pool, split_pool};
