/* The set "casts": what is left of conversions once every value has its type. A region or an
 * epilogue reads any float type, so a conversion in front of one is a load; two that undo each
 * other are nothing. */
#include "opt/edit.h"
#include "opt/rules.h"

static bool is_float(const hone_value *v)
{
    const hone_dtype t = v->type.dtype;

    return v->type.kind == HONE_KIND_TENSOR && (t == HONE_F32 || t == HONE_F16 || t == HONE_BF16);
}

/* Whether every number of the first type is one of the second. */
static bool is_within(hone_dtype from, hone_dtype to)
{
    return from == to || to == HONE_F32;
}

/* Whether n does nothing to its only input but write it in another float type, or the same. */
static bool is_conversion(const hone_node *n)
{
    if (n == NULL || (n->op != HONE_OP_cast && n->op != HONE_OP_pointwise) || n->n_in != 1 ||
        !is_float(n->in[0]) || !is_float(n->out[0]) || !hone_shapes_same(n->in[0], n->out[0]))
        return false;
    if (n->op == HONE_OP_cast)
        return true;
    const hone_program *p = n->attrs.pointwise.program;
    const hone_scalar op = p->n_instr == 1 ? (hone_scalar)p->instr[0].op : HONE_SCALAR_constant;
    const hone_dtype to = n->out[0]->type.dtype;
    return op == HONE_SCALAR_copy || (op == HONE_SCALAR_to_f16 && to == HONE_F16) ||
           (op == HONE_SCALAR_to_bf16 && to == HONE_BF16);
}

/* drop_conversion: a conversion to the type that is there already.
 *
 *     pointwise(x: f16) { copy } : f16   ->   x
 *
 * Always legal. */
static bool drop_conversion(hone_graph *g, hone_node *n)
{
    (void)g;
    return is_conversion(n) && n->in[0]->type.dtype == n->out[0]->type.dtype &&
           hone_put_value(n->out[0], n->in[0]);
}
const hone_rule hone_rule_drop_conversion = {"drop_conversion", HONE_OP_pointwise, drop_conversion};

/* join_conversions: of two conversions one is left, or none.
 *
 *     cast(cast(x: f16, f32), f16)   ->   x
 *
 * Legal when the type in between has all numbers of the first. */
static bool join_conversions(hone_graph *g, hone_node *n)
{
    (void)g;
    const hone_node *inner = is_conversion(n) ? n->in[0]->def : NULL;
    if (!is_conversion(inner) || inner->graph != n->graph ||
        !is_within(inner->in[0]->type.dtype, n->in[0]->type.dtype))
        return false;
    if (inner->in[0]->type.dtype == n->out[0]->type.dtype)
        return hone_put_value(n->out[0], inner->in[0]);
    hone_node_set_input(n, 0, inner->in[0]);
    return true;
}
const hone_rule hone_rule_join_conversions = {"join_conversions", HONE_OP_pointwise,
                                              join_conversions};
const hone_rule hone_rule_join_conversions_cast = {"join_conversions_cast", HONE_OP_cast,
                                                   join_conversions};

/* conversion_as_cast: a region that only converts is a cast.
 *
 *     pointwise(x: f32) { copy } : f16   ->   cast(x, f16)
 *
 * Always legal; what stands at the borders then knows it. */
static bool conversion_as_cast(hone_graph *g, hone_node *n)
{
    (void)g;
    if (!is_conversion(n) || n->in[0]->type.dtype == n->out[0]->type.dtype)
        return false;
    hone_node *made = hone_make_node(n, HONE_OP_cast, 1, n->in);
    made->attrs.cast.to = n->out[0]->type.dtype;
    return hone_put_in_place(n->out[0], made);
}
const hone_rule hone_rule_conversion_as_cast = {"conversion_as_cast", HONE_OP_pointwise,
                                                conversion_as_cast};

/* The first input that may be of any float type; beyond the last where there is none. */
static int first_free_input(const hone_node *n)
{
    switch (n->op) {
    case HONE_OP_pointwise: return 0;
    case HONE_OP_matmul:
    case HONE_OP_conv:
    case HONE_OP_conv_transpose: return 3;
    default: return n->n_in;
    }
}

/* load_conversion: a program reads what was converted for it.
 *
 *     pointwise(cast(x: f16, f32), y)   ->   pointwise(x, y)        and so for operands of
 * epilogues
 *
 * Legal when the conversion loses nothing. */
static bool load_conversion(hone_graph *g, hone_node *n)
{
    bool changed = false;

    (void)g;
    for (int i = first_free_input(n); i < n->n_in; i++) {
        const hone_node *def = n->in[i] != NULL ? n->in[i]->def : NULL;
        if (!is_conversion(def) || !is_within(def->in[0]->type.dtype, n->in[i]->type.dtype))
            continue;
        hone_node_set_input(n, i, def->in[0]);
        changed = true;
    }
    return changed;
}
const hone_rule hone_rule_load_conversion = {"load_conversion", HONE_OP_none, load_conversion};
