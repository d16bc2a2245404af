/* Narrowing for GPUs: float32 becomes float16 or bfloat16 where that is safe. The one idea: it runs
 * when kernels are known (regions and epilogues are formed), and decides about what is written
 * between kernels alone, because within them everything is float32 anyway. So there is no type for
 * each operator to choose: regions and products read and write what suits their neighbours, and a
 * cast is left only where two operators that are tied to one type disagree.
 *
 *     before:  y: f32 = conv(x: f32, w: f32, b: f32); z: f32 = pointwise(y, r)
 *     after:   y: f16 = conv(x: f16, w: f16, b: f32); z: f16 = pointwise(y, r)
 *
 * A model that is in float16 or bfloat16 was widened at the beginning so that rules know one type;
 * here it becomes again what it was, and what it had in float32 stays so. The model's inputs and
 * outputs keep their types. Bodies of loops stay float32: what they carry would be rounded in every
 * round. Three walks: which tied nodes can be narrow; from the back, what users want of values;
 * from the front, types and casts. */
#include "opt/narrow.h"

#include "opt/rules.h"

typedef struct narrowing {
    hone_pass_context *c;
    hone_module *module;
    hone_dtype to;
    bool is_strong;              /* types follow the graph: nothing is kept for safety */
    int n_values;                /* those that the tables know */
    bool *is_forced;             /* by value: may not fit the narrow type */
    bool *for_narrow, *for_wide; /* by value: users that want it so */
    hone_value **twin;           /* by value: in the other type; NULL: not made */
    int n_narrow, n_wide;        /* nodes */
} narrowing;

enum {           /* marks of nodes */
    NODE_WIDE,   /* tied inputs are float32 */
    NODE_NARROW, /* they are narrow */
    NODE_LEFT,   /* there are none: the node is as it was */
};

static bool is_wide_float(const hone_value *v)
{
    return v != NULL && hone_is_f32(v);
}

/* ---- which nodes ---- */

/* Asks the GPU about the node as it would be. */
static bool is_taken(const narrowing *a, hone_node *n, hone_dtype type)
{
    const hone_pass_options *o = a->c->options;
    hone_value *turned[64];
    int count = 0;

    if (o->takes == NULL)
        return true;
    if (n->n_in + n->n_out > HONE_COUNT(turned))
        return false;
    for (int i = 0; i < n->n_in + n->n_out; i++) {
        hone_value *v = i < n->n_in ? n->in[i] : n->out[i - n->n_in];
        if (!is_wide_float(v) || (i < n->n_in && !hone_narrow_input_is_tied(n, i)))
            continue;
        v->type.dtype = type;
        turned[count++] = v;
    }
    const bool taken = o->takes(o->user, n);
    while (count > 0)
        turned[--count]->type.dtype = HONE_F32;
    return taken;
}

static bool has_wide_input(const hone_node *n)
{
    for (int i = 0; i < n->n_in; i++)
        if (is_wide_float(n->in[i]) && hone_narrow_input_is_tied(n, i))
            return true;
    return false;
}

static bool was_wide(const narrowing *a, const hone_node *n)
{
    return a->is_strong && hone_was_wide(a->c, n->name);
}

static bool is_in_loop(const hone_graph *g)
{
    for (; g->owner != NULL; g = g->owner->graph)
        if (g->owner->op != HONE_OP_if)
            return true;
    return false;
}

static bool reads_forced(const narrowing *a, const hone_node *n)
{
    for (int i = 0; i < n->n_in; i++)
        if (is_wide_float(n->in[i]) && hone_narrow_input_is_tied(n, i) &&
            a->is_forced[n->in[i]->id])
            return true;
    return false;
}

/* Why the node keeps float32; NULL: it need not. "": nothing that the user should hear of.
 * *is_unsafe: because its result may not fit. */
static const char *why_wide(const narrowing *a, hone_node *n, hone_narrow_form form,
                            bool *is_unsafe)
{
    *is_unsafe = false;
    if (form == HONE_NARROW_NEVER || is_in_loop(n->graph))
        return "";
    if (was_wide(a, n))
        return "the model has it so";
    const char *objection = a->is_strong ? NULL : hone_narrow_objection(n, a->to, is_unsafe);
    const bool is_fed_so = reads_forced(a, n);
    *is_unsafe |= is_fed_so && hone_narrow_passes_on(n);
    if (objection != NULL)
        return objection;
    if (is_fed_so)
        return form == HONE_NARROW_FOLLOW ? "" : "what it reads may overflow";
    if (form == HONE_NARROW_FREE)
        return NULL;
    if (form != HONE_NARROW_FOLLOW && !is_taken(a, n, a->to))
        return "the GPU has no kernel for it in the narrow type";
    return NULL;
}

static void judge(narrowing *a, hone_node *n)
{
    const hone_narrow_form form = hone_narrow_form_of(n);
    bool is_unsafe;
    const char *why = why_wide(a, n, form, &is_unsafe);

    n->mark = why == NULL ? NODE_NARROW : NODE_WIDE;
    if (form != HONE_NARROW_FREE && !has_wide_input(n))
        n->mark = NODE_LEFT;
    for (int k = 0; k < n->n_out; k++)
        if (is_wide_float(n->out[k]))
            a->is_forced[n->out[k]->id] = is_unsafe;
    if (why != NULL && why[0] != '\0')
        hone_log(a->c->options->logger, HONE_LOG_INFO, "%s: node \"%s\" (%s) stays float32: %s",
                 hone_dtype_text(a->to), n->name, hone_ops[n->op].name, why);
}

/* ---- what users want ---- */

static void want(narrowing *a, const hone_value *v, bool narrow, bool wide)
{
    a->for_narrow[v->id] |= narrow;
    a->for_wide[v->id] |= wide;
}

static bool is_wanted(const hone_node *n, const bool *table)
{
    for (int k = 0; k < n->n_out; k++)
        if (is_wide_float(n->out[k]) && table[n->out[k]->id])
            return true;
    return false;
}

/* A node at the end, whose answer nobody wants narrow, stays wide where the GPU has it so: the cast
 * is then its producer's, who writes either and has no other users. Attention has tensor cores in
 * the narrow type alone.
 */
static bool is_better_wide(const narrowing *a, hone_node *n)
{
    for (int i = 0; i < n->n_in; i++)
        if (is_wide_float(n->in[i]) && hone_narrow_input_is_tied(n, i) &&
            !hone_is_constant(n->in[i]) && !hone_value_has_one_use(n->in[i]))
            return false;
    return n->op != HONE_OP_attention && is_wanted(n, a->for_wide) &&
           !is_wanted(n, a->for_narrow) && is_taken(a, n, HONE_F32);
}

static void spread_wants(narrowing *a, hone_node *n)
{
    const hone_narrow_form form = hone_narrow_form_of(n);

    if (form == HONE_NARROW_SAME && n->mark == NODE_NARROW && is_better_wide(a, n))
        n->mark = NODE_WIDE;
    bool narrow = n->mark == NODE_NARROW, wide = n->mark == NODE_WIDE;
    if (form == HONE_NARROW_FOLLOW && narrow) {
        narrow = is_wanted(n, a->for_narrow);
        wide = is_wanted(n, a->for_wide);
    }
    for (int i = 0; i < n->n_in; i++)
        if (is_wide_float(n->in[i]) && hone_narrow_input_is_tied(n, i))
            want(a, n->in[i], narrow, wide);
}

/* ---- types and casts ---- */

static uint16_t narrowed(hone_dtype to, float x)
{
    return to == HONE_F16 ? hone_f32_to_f16(x) : hone_f32_to_bf16(x);
}

static hone_value *narrow_constant(const narrowing *a, hone_value *v)
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
    n->mark = NODE_NARROW;
    return n->out[0];
}

/* The value in the type; v itself where it has it. */
static hone_value *in_type(narrowing *a, hone_value *v, hone_dtype type)
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

static bool is_float_of(const narrowing *a, const hone_value *v)
{
    return v != NULL && v->type.kind == HONE_KIND_TENSOR &&
           (v->type.dtype == HONE_F32 || v->type.dtype == a->to);
}

#define LARGE 4096 /* elements of a constant that is worth narrowing where it need not be */

/* An operand of a program: constants of some size are halved, others are read as they are. */
static void settle_operand(narrowing *a, hone_node *n, int i)
{
    hone_value *v = n->in[i];

    if (n->mark == NODE_NARROW && hone_is_constant(v) && hone_is_f32(v) && !v->constant->is_splat &&
        hone_constant_count(v) >= LARGE && !hone_narrow_is_out_of_range(v, a->to))
        hone_node_set_input(n, i, in_type(a, v, a->to));
}

static void put_inputs(narrowing *a, hone_node *n, hone_dtype type)
{
    for (int i = 0; i < n->n_in; i++) {
        if (!is_float_of(a, n->in[i]))
            continue;
        if (hone_narrow_input_is_tied(n, i) && n->mark != NODE_LEFT)
            hone_node_set_input(n, i, in_type(a, n->in[i], type));
        else if (hone_narrow_input_is_wide(n, i))
            hone_node_set_input(n, i, in_type(a, n->in[i], HONE_F32));
        else
            settle_operand(a, n, i);
    }
}

/* What moved elements become: what they are, but a constant is what its users want. */
static hone_dtype followed_type(const narrowing *a, const hone_node *n)
{
    bool narrow = false;

    for (int i = 0; i < n->n_in; i++) {
        const hone_value *v = n->in[i];
        if (!is_float_of(a, v))
            continue;
        if (hone_is_constant(v))
            narrow |= n->mark == NODE_NARROW && (i == 0 || v->type.dtype == a->to) &&
                      !(is_wanted(n, a->for_wide) && !is_wanted(n, a->for_narrow)) && n->n_in <= 2;
        else
            narrow |= v->type.dtype == a->to;
    }
    return narrow ? a->to : HONE_F32;
}

/* What a region or a product writes. */
static hone_dtype written_type(const narrowing *a, const hone_node *n)
{
    const hone_value *y = n->out[0];
    const bool wide_alone = a->for_wide[y->id] && !a->for_narrow[y->id];

    return n->mark == NODE_NARROW && !wide_alone ? a->to : HONE_F32;
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

static void settle_output(const narrowing *a, hone_node *n, hone_dtype factors)
{
    const hone_dtype type = written_type(a, n);
    const bool is_product = hone_narrow_form_of(n) == HONE_NARROW_PRODUCT;

    *type_attribute(n) = is_product && type == factors ? HONE_NONE : type;
    n->out[0]->type.dtype = type;
}

static bool has_output_of(const narrowing *a, const hone_node *n)
{
    return n->n_out > 0 && is_float_of(a, n->out[0]) && hone_is_f32(n->out[0]);
}

/* Gives the node its types; false where inference will not have them. */
static bool settle_as(narrowing *a, hone_node *n, hone_narrow_form form)
{
    hone_dtype type = n->mark == NODE_NARROW ? a->to : HONE_F32;
    const bool is_written = has_output_of(a, n) && (n->out[0]->id < a->n_values);

    if (form == HONE_NARROW_FOLLOW && n->mark == NODE_NARROW)
        type = followed_type(a, n);
    put_inputs(a, n, type);
    if ((form == HONE_NARROW_FREE || form == HONE_NARROW_PRODUCT) && is_written)
        settle_output(a, n, type);
    if (form == HONE_NARROW_NEVER || n->mark == NODE_LEFT)
        return true;
    return hone_node_infer(n) == HONE_OK;
}

static hone_status settle(narrowing *a, hone_node *n)
{
    const hone_narrow_form form = hone_narrow_form_of(n);

    if (hone_op_has(n->op, HONE_TRAIT_CONTROL)) {
        put_inputs(a, n, HONE_F32);
        return HONE_OK;
    }
    if (!settle_as(a, n, form)) {
        n->mark = NODE_WIDE;
        put_inputs(a, n, HONE_F32);
        if (type_attribute(n) != NULL && has_output_of(a, n))
            settle_output(a, n, HONE_F32);
        HONE_TRY(hone_node_infer(n));
    }
    if (form != HONE_NARROW_FREE && form != HONE_NARROW_FOLLOW && has_wide_input(n))
        a->n_wide++;
    else if (n->mark == NODE_NARROW)
        a->n_narrow++;
    return HONE_OK;
}

/* A graph's outputs are float32: the cast takes the name. */
static void settle_outputs(narrowing *a, hone_graph *g, const hone_dtype *declared)
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

static hone_status settle_graph(narrowing *a, hone_graph *g)
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

static void walk(narrowing *a, hone_graph *const *graphs, int n)
{
    for (int i = 0; i < n; i++)
        for (hone_node *node = graphs[i]->first; node != NULL; node = node->next)
            judge(a, node);
    for (int i = n - 1; i >= 0; i--) {
        for (int k = 0; k < graphs[i]->n_out; k++)
            if (is_wide_float(graphs[i]->out[k]))
                want(a, graphs[i]->out[k], false, true);
        for (hone_node *node = graphs[i]->last; node != NULL; node = node->prev)
            spread_wants(a, node);
    }
}

hone_status hone_pass_narrow(hone_pass_context *c)
{
    const hone_pass_options *o = c->options;
    const bool chooses = !o->strongly_typed && (o->narrow == HONE_F16 || o->narrow == HONE_BF16);
    narrowing a = {
        .c = c, .module = c->module, .to = chooses ? o->narrow : c->small, .is_strong = !chooses};
    int n = 0;

    if (a.to == HONE_NONE)
        return HONE_OK;
    hone_graph **graphs = hone_module_graphs(c->module, &n);
    a.n_values = hone_module_value_count(c->module);
    a.is_forced = hone_arena_array(c->module->arena, (size_t)a.n_values, sizeof *a.is_forced);
    a.for_narrow = hone_arena_array(c->module->arena, (size_t)a.n_values, sizeof *a.for_narrow);
    a.for_wide = hone_arena_array(c->module->arena, (size_t)a.n_values, sizeof *a.for_wide);
    a.twin = hone_arena_array(c->module->arena, (size_t)a.n_values, sizeof(hone_value *));
    walk(&a, graphs, n);
    for (int i = 0; i < n; i++)
        HONE_TRY(settle_graph(&a, graphs[i]));
    hone_log(o->logger, HONE_LOG_INFO, "%s: %d nodes; %d stay float32", hone_dtype_text(a.to),
             a.n_narrow, a.n_wide);
    c->changed = true;
    return HONE_OK;
}
