/* Narrowing, its last walk: every value gets the type that its producer can write and its users
 * read, constants are converted once, and a cast stands behind a value that is wanted in both. */
#include "opt/narrow.h"

static uint16_t narrowed(hone_dtype to, float x)
{
    return to == HONE_F16 ? hone_f32_to_f16(x) : hone_f32_to_bf16(x);
}

static hone_value *narrow_constant(const hone_narrowing *a, hone_value *v)
{
    const hone_constant *c = v->constant;
    const size_t n = c->size / sizeof(float);
    uint16_t *data =
        hone_arena_alloc_aligned(a->module->arena, n * sizeof *data + 1, HONE_ALIGNMENT);
    hone_dims dims;

    if (!hone_shape_dims(&v->type.shape, &dims))
        return NULL;
    for (size_t i = 0; i < n; i++) {
        float x;
        memcpy(&x, (const char *)c->data + i * sizeof x, sizeof x);
        data[i] = narrowed(a->to, x);
    }
    if (c->is_splat)
        return hone_graph_splat(v->graph, v->name, a->to, &dims, data);
    return hone_graph_constant(v->graph, v->name, a->to, &dims, data, n * sizeof *data);
}

/* Where a cast of v stands: right behind what defines it, so that all users find it. */
static hone_node *after(const hone_value *v)
{
    return v->def != NULL ? v->def->next : v->graph->first;
}

static hone_value *cast(hone_value *v, hone_dtype to)
{
    hone_node *n = hone_node_create(v->graph, after(v), HONE_OP_cast,
                                    v->def != NULL ? v->def->name : v->name, &v, 1, 1);
    n->attrs.cast.to = to;
    n->out[0]->type = v->type;
    n->out[0]->type.dtype = to;
    n->mark = HONE_NODE_NARROW;
    return n->out[0];
}

/* The value in the type; v itself where it has it. */
static hone_value *in_type(hone_narrowing *a, hone_value *v, hone_dtype type)
{
    if (v->type.dtype == type || v->id >= a->n_values)
        return v;
    hone_value **twin = &a->twin[v->id];
    if (*twin == NULL && hone_is_constant(v) && type == a->to)
        *twin = narrow_constant(a, v);
    if (*twin == NULL)
        *twin = cast(v, type);
    return *twin;
}

static bool is_float_of(const hone_narrowing *a, const hone_value *v)
{
    return v != NULL && v->type.kind == HONE_KIND_TENSOR &&
           (v->type.dtype == HONE_F32 || v->type.dtype == a->to);
}

#define LARGE 4096 /* elements of a constant that is worth hone_narrowing where it need not be */

/* An operand of a program: constants of some size are halved, others are read as they are. */
static void settle_operand(hone_narrowing *a, hone_node *n, int i)
{
    hone_value *v = n->in[i];

    if (n->mark == HONE_NODE_NARROW && hone_is_constant(v) && hone_is_f32(v) &&
        !v->constant->is_splat && hone_constant_count(v) >= LARGE &&
        !hone_narrow_is_out_of_range(v, a->to))
        hone_node_set_input(n, i, in_type(a, v, a->to));
}

static void put_inputs(hone_narrowing *a, hone_node *n, hone_dtype type)
{
    for (int i = 0; i < n->n_in; i++) {
        if (!is_float_of(a, n->in[i]))
            continue;
        if (hone_narrow_input_is_tied(n, i) && n->mark != HONE_NODE_LEFT)
            hone_node_set_input(n, i, in_type(a, n->in[i], type));
        else if (hone_narrow_input_is_wide(n, i))
            hone_node_set_input(n, i, in_type(a, n->in[i], HONE_F32));
        else
            settle_operand(a, n, i);
    }
}

/* What moved elements become: what they are, but a constant is what its users want. */
static hone_dtype followed_type(const hone_narrowing *a, const hone_node *n)
{
    bool narrow = false;

    for (int i = 0; i < n->n_in; i++) {
        const hone_value *v = n->in[i];
        if (!is_float_of(a, v))
            continue;
        if (hone_is_constant(v))
            narrow |= n->mark == HONE_NODE_NARROW && (i == 0 || v->type.dtype == a->to) &&
                      !(hone_narrow_is_wanted(n, a->for_wide) &&
                        !hone_narrow_is_wanted(n, a->for_narrow)) &&
                      n->n_in <= 2;
        else
            narrow |= v->type.dtype == a->to;
    }
    return narrow ? a->to : HONE_F32;
}

/* What a region or a product writes. */
static hone_dtype written_type(const hone_narrowing *a, const hone_node *n)
{
    const hone_value *y = n->out[0];
    const bool wide_alone = a->for_wide[y->id] && !a->for_narrow[y->id];

    return n->mark == HONE_NODE_NARROW && !wide_alone ? a->to : HONE_F32;
}

static hone_dtype *type_attribute(hone_node *n)
{
    switch (n->op) {
    case HONE_OP_pointwise: return &n->attrs.pointwise.to;
    case HONE_OP_cast: return &n->attrs.cast.to;
    case HONE_OP_conv: return &n->attrs.conv.to;
    case HONE_OP_conv_transpose: return &n->attrs.conv_transpose.to;
    case HONE_OP_matmul: return &n->attrs.matmul.to;
    case HONE_OP_squeeze_excite: return &n->attrs.squeeze_excite.to;
    default: return NULL;
    }
}

static void settle_output(const hone_narrowing *a, hone_node *n, hone_dtype factors)
{
    const hone_dtype type = written_type(a, n);
    const bool is_product = hone_narrow_form_of(n) == HONE_NARROW_PRODUCT;

    *type_attribute(n) = is_product && type == factors ? HONE_NONE : type;
    n->out[0]->type.dtype = type;
}

static bool has_output_of(const hone_narrowing *a, const hone_node *n)
{
    return n->n_out > 0 && is_float_of(a, n->out[0]) && hone_is_f32(n->out[0]);
}

/* Gives the node its types; false where inference will not have them. */
static bool settle_as(hone_narrowing *a, hone_node *n, hone_narrow_form form)
{
    hone_dtype type = n->mark == HONE_NODE_NARROW ? a->to : HONE_F32;
    const bool is_written = has_output_of(a, n) && (n->out[0]->id < a->n_values);

    if (form == HONE_NARROW_FOLLOW && n->mark == HONE_NODE_NARROW)
        type = followed_type(a, n);
    put_inputs(a, n, type);
    if ((form == HONE_NARROW_FREE || form == HONE_NARROW_PRODUCT) && is_written)
        settle_output(a, n, type);
    if (form == HONE_NARROW_NEVER || n->mark == HONE_NODE_LEFT)
        return true;
    return hone_node_infer(n) == HONE_OK;
}

static hone_status settle(hone_narrowing *a, hone_node *n)
{
    const hone_narrow_form form = hone_narrow_form_of(n);

    if (hone_op_has(n->op, HONE_TRAIT_CONTROL)) {
        put_inputs(a, n, HONE_F32);
        return HONE_OK;
    }
    if (!settle_as(a, n, form)) {
        n->mark = HONE_NODE_WIDE;
        put_inputs(a, n, HONE_F32);
        if (type_attribute(n) != NULL && has_output_of(a, n))
            settle_output(a, n, HONE_F32);
        HONE_TRY(hone_node_infer(n));
    }
    if (form != HONE_NARROW_FREE && form != HONE_NARROW_FOLLOW && hone_narrow_has_wide_input(n))
        a->n_wide++;
    else if (n->mark == HONE_NODE_NARROW)
        a->n_narrow++;
    return HONE_OK;
}

/* A graph's outputs are float32: the cast takes the name. */
static void settle_outputs(hone_narrowing *a, hone_graph *g, const hone_dtype *declared)
{
    for (int i = 0; i < g->n_out; i++) {
        hone_value *y = g->out[i];
        if (!is_float_of(a, y) || y->type.dtype == declared[i] || declared[i] != HONE_F32)
            continue;
        hone_value *wide = in_type(a, y, HONE_F32);
        const char *name = y->name;
        hone_graph_set_output(g, i, wide);
        if (g->owner != NULL || wide->def == NULL || hone_value_is_output(y))
            continue;
        hone_value_rename(
            y, hone_arena_format(a->module->arena, "%s_%s", name, hone_dtype_text(a->to)));
        hone_value_rename(wide, name);
    }
}

hone_status hone_narrow_settle(hone_narrowing *a, hone_graph *g)
{
    hone_dtype *declared =
        hone_arena_array(a->module->arena, (size_t)g->n_out + 1, sizeof *declared);

    for (int i = 0; i < g->n_out; i++)
        declared[i] = g->out[i]->type.dtype;
    for (hone_node *n = g->first, *next; n != NULL; n = next) {
        next = n->next;
        if (n->n_out == 0 || n->out[0] == NULL || n->out[0]->id < a->n_values)
            HONE_TRY(settle(a, n));
    }
    settle_outputs(a, g, declared);
    return HONE_OK;
}
