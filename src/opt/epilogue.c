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

/* Whether input k of the region is a contraction that can take the region over. */
static bool can_take(const hone_node *region, int k)
{
    const hone_value *v = region->in[k];

    if (v->def == NULL || v->def->graph != region->graph || !hone_value_has_one_use(v) ||
        !hone_is_f32(v) || !hone_shapes_same(v, region->out[0]))
        return false;
    const hone_program **program = program_of(v->def);
    return program != NULL && *program == NULL && v->def->n_in <= 3;
}

static bool others_fit(const hone_node *region, int taken)
{
    for (int i = 0; i < region->n_in; i++)
        if (i != taken &&
            (!hone_is_f32(region->in[i]) ||
             !hone_shape_absorbs(&region->out[0]->type.shape, &region->in[i]->type.shape)))
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
 *     pointwise(conv(x, w, b), r) { p }   ->   conv(x, w, b, r) { p }        and so for matmul and
 * conv_transpose
 *
 * Legal when the product has no other use and the region's shape is the product's, everything is
 * float32, and the other operands broadcast to it. The contraction moves down to where the region
 * stood: its operands are ready by then, and so are the region's. Saves a write and a read of the
 * product, a step, and a barrier of all threads. */
static bool fuse_epilogue(hone_graph *g, hone_node *region)
{
    hone_value *in[HONE_PROGRAM_INPUTS + 3];
    int k = 0, n = 3;

    if (!hone_is_f32(region->out[0]))
        return false;
    while (k < region->n_in && !can_take(region, k))
        k++;
    if (k == region->n_in || !others_fit(region, k))
        return false;
    hone_node *old = region->in[k]->def;
    const hone_program *program = with_first(g->module->arena, region->attrs.pointwise.program, k);
    if (program == NULL)
        return false;
    in[0] = old->in[0];
    in[1] = old->in[1];
    in[2] = hone_input(old, 2);
    for (int i = 0; i < region->n_in; i++)
        if (i != k)
            in[n++] = region->in[i];
    hone_node *made = hone_make_node(region, old->op, n == 3 && in[2] == NULL ? 2 : n, in);
    made->attrs = old->attrs;
    made->name = old->name;
    *program_of(made) = program;
    return hone_put_in_place(region->out[0], made);
}
const hone_rule hone_rule_fuse_epilogue = {"fuse_epilogue", HONE_OP_pointwise, fuse_epilogue};
