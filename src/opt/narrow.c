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
 * from the front, types and casts (narrow_types.c). */
#include "opt/narrow.h"

bool hone_narrow_has_wide_input(const hone_node *n)
{
    for (int i = 0; i < n->n_in; i++)
        if (hone_is_wide_float(n->in[i]) && hone_narrow_input_is_tied(n, i))
            return true;
    return false;
}

bool hone_narrow_is_wanted(const hone_node *n, const bool *table)
{
    for (int k = 0; k < n->n_out; k++)
        if (hone_is_wide_float(n->out[k]) && table[n->out[k]->id])
            return true;
    return false;
}

/* ---- which nodes ---- */

/* Asks the GPU about the node as it would be. */
static bool is_taken(const hone_narrowing *a, hone_node *n, hone_dtype type)
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
        if (!hone_is_wide_float(v) || (i < n->n_in && !hone_narrow_input_is_tied(n, i)))
            continue;
        v->type.dtype = type;
        turned[count++] = v;
    }
    const bool taken = o->takes(o->user, n);
    while (count > 0)
        turned[--count]->type.dtype = HONE_F32;
    return taken;
}

static bool was_wide(const hone_narrowing *a, const hone_node *n)
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

static bool reads_forced(const hone_narrowing *a, const hone_node *n)
{
    for (int i = 0; i < n->n_in; i++)
        if (hone_is_wide_float(n->in[i]) && hone_narrow_input_is_tied(n, i) &&
            a->is_forced[n->in[i]->id])
            return true;
    return false;
}

/* Why the node keeps float32; NULL: it need not. "": nothing that the user should hear of.
 * *is_unsafe: because its result may not fit. */
static const char *why_wide(const hone_narrowing *a, hone_node *n, hone_narrow_form form,
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

static void judge(hone_narrowing *a, hone_node *n)
{
    const hone_narrow_form form = hone_narrow_form_of(n);
    bool is_unsafe;
    const char *why = why_wide(a, n, form, &is_unsafe);

    n->mark = why == NULL ? HONE_NODE_NARROW : HONE_NODE_WIDE;
    if (form != HONE_NARROW_FREE && !hone_narrow_has_wide_input(n))
        n->mark = HONE_NODE_LEFT;
    for (int k = 0; k < n->n_out; k++)
        if (hone_is_wide_float(n->out[k]))
            a->is_forced[n->out[k]->id] = is_unsafe;
    if (why != NULL && why[0] != '\0')
        hone_log(a->c->options->logger, HONE_LOG_INFO, "%s: node \"%s\" (%s) stays float32: %s",
                 hone_dtype_text(a->to), n->name, hone_ops[n->op].name, why);
}

/* ---- what users want ---- */

static void want(hone_narrowing *a, const hone_value *v, bool narrow, bool wide)
{
    a->for_narrow[v->id] |= narrow;
    a->for_wide[v->id] |= wide;
}

/* A node at the end, whose answer nobody wants narrow, stays wide where the GPU has it so: the cast
 * is then its producer's, who writes either and has no other users. Attention has tensor cores in
 * the narrow type alone.
 */
static bool is_better_wide(const hone_narrowing *a, hone_node *n)
{
    for (int i = 0; i < n->n_in; i++)
        if (hone_is_wide_float(n->in[i]) && hone_narrow_input_is_tied(n, i) &&
            !hone_is_constant(n->in[i]) && !hone_value_has_one_use(n->in[i]))
            return false;
    return n->op != HONE_OP_attention && hone_narrow_is_wanted(n, a->for_wide) &&
           !hone_narrow_is_wanted(n, a->for_narrow) && is_taken(a, n, HONE_F32);
}

static void spread_wants(hone_narrowing *a, hone_node *n)
{
    const hone_narrow_form form = hone_narrow_form_of(n);

    if (form == HONE_NARROW_SAME && n->mark == HONE_NODE_NARROW && is_better_wide(a, n))
        n->mark = HONE_NODE_WIDE;
    bool narrow = n->mark == HONE_NODE_NARROW, wide = n->mark == HONE_NODE_WIDE;
    if (form == HONE_NARROW_FOLLOW && narrow) {
        narrow = hone_narrow_is_wanted(n, a->for_narrow);
        wide = hone_narrow_is_wanted(n, a->for_wide);
    }
    for (int i = 0; i < n->n_in; i++)
        if (hone_is_wide_float(n->in[i]) && hone_narrow_input_is_tied(n, i))
            want(a, n->in[i], narrow, wide);
}

static void walk(hone_narrowing *a, hone_graph *const *graphs, int n)
{
    for (int i = 0; i < n; i++)
        for (hone_node *node = graphs[i]->first; node != NULL; node = node->next)
            judge(a, node);
    for (int i = n - 1; i >= 0; i--) {
        for (int k = 0; k < graphs[i]->n_out; k++)
            if (hone_is_wide_float(graphs[i]->out[k]))
                want(a, graphs[i]->out[k], false, true);
        for (hone_node *node = graphs[i]->last; node != NULL; node = node->prev)
            spread_wants(a, node);
    }
}

hone_status hone_pass_narrow(hone_pass_context *c)
{
    const hone_pass_options *o = c->options;
    const bool chooses = !o->strongly_typed && (o->narrow == HONE_F16 || o->narrow == HONE_BF16);
    hone_narrowing a = {
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
        HONE_TRY(hone_narrow_settle(&a, graphs[i]));
    hone_log(o->logger, HONE_LOG_INFO, "%s: %d nodes; %d stay float32", hone_dtype_text(a.to),
             a.n_narrow, a.n_wide);
    c->changed = true;
    return HONE_OK;
}
