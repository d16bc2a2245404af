/* The set "epilogue": a pointwise program goes into the contraction that feeds it. */
#include "opt/edit.h"
#include "opt/rules.h"

/* The program attribute of a contraction that has one; NULL for others. */
static const hone_program **program_of(hone_node *n)
{
    switch (n->op) {
    case HONE_OP_matmul: return &n->attrs.matmul.program;
    case HONE_OP_conv: return &n->attrs.conv.program;
    case HONE_OP_conv_transpose: return &n->attrs.conv_transpose.program;
    default: return NULL;
    }
}

/* The value behind a view that only this region uses; v itself where there is none. */
static hone_value *behind_view(hone_value *v)
{
    const hone_node *view = v->def;
    const bool is_view =
        view != NULL && hone_op_has(view->op, HONE_TRAIT_VIEW) && view->op != HONE_OP_bit_cast;
    return is_view && hone_value_has_one_use(v) ? view->in[0] : v;
}

/* Whether input k of the region is a contraction, perhaps behind a view, that can take the region
 * over. */
static bool can_take(const hone_node *region, int k)
{
    const hone_value *v = behind_view(region->in[k]);

    if (v->def == NULL || v->def->graph != region->graph || !hone_value_has_one_use(v) ||
        !hone_is_f32(v) || !hone_value_has_one_use(region->in[k]) ||
        !hone_shapes_same(region->in[k], region->out[0]))
        return false;
    const hone_program **program = program_of(v->def);
    return program != NULL && *program == NULL && v->def->n_in <= 3;
}

/* Whether a region's operand can be seen under the product's shape: it has one element, or as many
 * as the product, or one for each of the product's columns. 0: no; else how. */
typedef enum operand_form {
    OPERAND_NONE,
    OPERAND_AS_IT_IS,
    OPERAND_WHOLE,
    OPERAND_COLUMNS,
} operand_form;

static operand_form form_under(const hone_value *x, const hone_value *region_out,
                               const hone_value *product)
{
    const int rank = hone_rank_of(product), rank_x = hone_rank_of(x),
              rank_out = hone_rank_of(region_out);

    if (!hone_is_f32(x) || rank_x < 0)
        return OPERAND_NONE;
    if (hone_shapes_same(product, region_out))
        return hone_shape_absorbs(&product->type.shape, &x->type.shape) ? OPERAND_AS_IT_IS
                                                                        : OPERAND_NONE;
    if (hone_shapes_same(x, region_out))
        return OPERAND_WHOLE;
    bool vector = rank_x > 0;
    for (int i = 0; i + 1 < rank_x; i++)
        vector = vector && hone_dim_of(x, i) == 1;
    if (rank_x == 0 || (vector && hone_dim_of(x, rank_x - 1) == 1 && rank_x <= rank))
        return OPERAND_AS_IT_IS;
    const hone_extent columns = hone_dim_of(product, rank - 1);
    return vector && columns == hone_dim_of(region_out, rank_out - 1) &&
                   columns == hone_dim_of(x, rank_x - 1)
               ? OPERAND_COLUMNS
               : OPERAND_NONE;
}

/* The operand as the product's node takes it; NULL where it cannot. */
static hone_value *operand_under(hone_node *region, hone_value *x, const hone_value *product)
{
    hone_shape columns = {1, {0}};

    switch (form_under(x, region->out[0], product)) {
    case OPERAND_AS_IT_IS: return x;
    case OPERAND_WHOLE: return hone_make_reshape(region, x, &product->type.shape);
    case OPERAND_COLUMNS:
        columns.dim[0] = hone_dim_of(product, hone_rank_of(product) - 1);
        return hone_rank_of(x) == 1 ? x : hone_make_reshape(region, x, &columns);
    case OPERAND_NONE: break;
    }
    return NULL;
}

static bool others_fit(const hone_node *region, int taken, const hone_value *product)
{
    for (int i = 0; i < region->n_in; i++)
        if (i != taken && form_under(region->in[i], region->out[0], product) == OPERAND_NONE)
            return false;
    return true;
}

/* The region's program with input k first and the others after it. */
static const hone_program *with_first(hone_arena *arena, const hone_program *p, int k)
{
    hone_program_builder b;
    int args[HONE_PROGRAM_INPUTS];

    hone_program_begin(&b, p->n_in);
    for (int i = 0; i < p->n_in; i++)
        args[i] = i == k ? 0 : i < k ? i + 1 : i;
    const int result = hone_program_inline(&b, p, args);
    return result < 0 ? NULL : hone_program_end(&b, arena, result);
}

/* fuse_epilogue: a region after a contraction is computed where the product is stored.
 *
 *     pointwise(conv(x, w, b), r) { p }            ->   conv(x, w, b, r) { p }      and so for
 * matmul and conv_transpose pointwise(reshape(matmul(x, w)), r) { p }    ->   reshape(matmul(x, w,
 * _, reshape(r)) { p })
 *
 * Legal when the product (and the view) has no other use and the region's shape is the product's,
 * everything is float32, and the other operands broadcast to it; behind a view they must be whole,
 * one element, or one for each column. The contraction moves down to where the region stood: its
 * operands are ready by then, and so are the region's. Saves a write and a read of the product, a
 * step, and a barrier of all threads. */
static bool fuse_epilogue(hone_graph *g, hone_node *region)
{
    hone_value *in[HONE_PROGRAM_INPUTS + 3];
    int k = 0, n = 3;

    if (!hone_is_f32(region->out[0]))
        return false;
    while (k < region->n_in &&
           !(can_take(region, k) && others_fit(region, k, behind_view(region->in[k]))))
        k++;
    if (k == region->n_in)
        return false;
    const hone_value *product = behind_view(region->in[k]);
    hone_node *old = product->def;
    const hone_program *program = with_first(g->module->arena, region->attrs.pointwise.program, k);
    if (program == NULL)
        return false;
    in[0] = old->in[0];
    in[1] = old->in[1];
    in[2] = hone_input(old, 2);
    for (int i = 0; i < region->n_in; i++)
        if (i != k && (in[n++] = operand_under(region, region->in[i], product)) == NULL)
            return false;
    hone_node *made = hone_make_node(region, old->op, n == 3 && in[2] == NULL ? 2 : n, in);
    made->attrs = old->attrs;
    made->name = old->name;
    *program_of(made) = program;
    if (hone_shapes_same(product, region->out[0]))
        return hone_put_in_place(region->out[0], made);
    if (hone_node_infer(made) != HONE_OK)
        return false;
    hone_value *view = hone_make_reshape(region, made->out[0], &region->out[0]->type.shape);
    return view != NULL && hone_put_value(region->out[0], view);
}
const hone_rule hone_rule_fuse_epilogue = {"fuse_epilogue", HONE_OP_pointwise, fuse_epilogue};
