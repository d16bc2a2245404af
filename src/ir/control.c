/* Inference of If, Loop, Scan and SequenceMap. The idea: a value carried from round to round has
 * one type that holds in every round. It starts as the type before the loop; where the body gives
 * back another extent, that extent is widened to an unknown one, and the body inferred again. An
 * extent is widened once at most, so this ends; and what is widened stays so while an outer loop
 * repeats, so nested loops do not multiply. */
#include "ir/control.h"

enum {
    ENTERED = 1 << 15,   /* the body input has a type of this inference */
    WIDE_RANK = 1 << 14, /* its rank is widened; bit d: extent d is */
    MAX_NESTING = 32,    /* of control flow: hostile models nest deeper than the stack is */
};

/* What a body input has been through in this inference, by value id. */
static uint16_t *state_of(const hone_value *value)
{
    return &value->graph->module->carried[value->id];
}

static hone_extents *table_of(const hone_node *node)
{
    return node->graph->module->extents;
}

static hone_type tensor_type(hone_dtype dtype, int rank)
{
    return (hone_type){.kind = HONE_KIND_TENSOR, .dtype = dtype, .shape.rank = rank};
}

static hone_type unknown_type(void)
{
    return tensor_type(HONE_NONE, -1);
}

static bool is_unknown(const hone_type *type)
{
    return type->kind == HONE_KIND_TENSOR && type->dtype == HONE_NONE && type->shape.rank < 0;
}

static void set_type(hone_value *value, const hone_type *type)
{
    const hone_fact fact = {.present = true, .type = *type, .n_elem = -1};

    if (value)
        hone_value_learn(value, &fact);
}

static hone_status check_arity(const hone_node *node, const hone_graph *body, int n_in, int n_out)
{
    if (body->n_in == n_in && body->n_out == n_out)
        return HONE_OK;
    return hone_error(
        HONE_ERR_BUILD,
        "the subgraph \"%s\" has %d inputs and %d outputs; the node's %d inputs and %d outputs "
        "need %d and %d",
        body->name, body->n_in, body->n_out, node->n_in, node->n_out, n_in, n_out);
}

/* ---- joining types ---- */

static hone_status check_same_dtype(const hone_type *a, const hone_type *b)
{
    if (a->kind == b->kind &&
        (a->dtype == b->dtype || a->dtype == HONE_NONE || b->dtype == HONE_NONE))
        return HONE_OK;
    return hone_error(HONE_ERR_BUILD, "the types %s and %s of one value do not agree",
                      a->kind == b->kind ? hone_dtype_text(a->dtype) : "of two kinds",
                      hone_dtype_text(b->dtype));
}

static hone_extent join_extents(const hone_value *owner, int dim, hone_extent a, hone_extent b)
{
    const hone_extents *table = owner->graph->module->extents;

    if (a == b && a != HONE_EXTENT_UNKNOWN)
        return a;
    return hone_value_symbol(owner, dim,
                             HONE_MIN(hone_extent_lower(table, a), hone_extent_lower(table, b)),
                             HONE_MAX(hone_extent_upper(table, a), hone_extent_upper(table, b)));
}

/* The type of a value that has type a or type b. Containers are joined only where they are equal at
 * the first level: else their elements are unknown. */
static hone_status join_types(const hone_value *owner, const hone_type *a, const hone_type *b,
                              hone_type *out)
{
    hone_type r = *a;

    if (is_unknown(a) || is_unknown(b)) {
        *out = is_unknown(a) ? *b : *a;
        return HONE_OK;
    }
    HONE_TRY(check_same_dtype(a, b));
    if (r.dtype == HONE_NONE)
        r.dtype = b->dtype;
    if (a->kind != HONE_KIND_TENSOR) {
        if (a->element != b->element &&
            !(a->element && b->element && hone_type_equal(a->element, b->element)))
            r.element = NULL;
    } else if (a->shape.rank != b->shape.rank) {
        r.shape.rank = -1;
    } else {
        for (int d = 0; d < r.shape.rank; d++)
            r.shape.dim[d] = join_extents(owner, d, a->shape.dim[d], b->shape.dim[d]);
    }
    *out = r;
    return HONE_OK;
}

/* ---- If ---- */

/* The branch that is always taken: 0 or 1, or -1 where only running tells. */
static int known_branch(const hone_value *condition)
{
    int64_t x;
    int n;

    if (!condition || !hone_value_ints(condition, &x, 1, &n) || n != 1)
        return -1;
    return x ? 0 : 1;
}

/* Exporters leave branches that could not run where they will not be taken (a Squeeze of an extent
 * that is not 1), so a contradiction in one branch only means that the other gives the types. */
static hone_status infer_branches(hone_node *node, int *only)
{
    const int known = known_branch(node->in[0]);

    *only = known;
    for (int i = 0; i < 2; i++) {
        HONE_TRY(check_arity(node, node->sub[i], 0, node->n_out));
        const hone_status st = hone_graph_infer(node->sub[i]);
        if (st != HONE_OK && (st != HONE_ERR_BUILD || *only == i || known == i))
            return st;
        if (st != HONE_OK)
            *only = 1 - i;
    }
    return HONE_OK;
}

static hone_status infer_if(hone_node *node)
{
    int only;

    HONE_TRY(infer_branches(node, &only));
    for (int i = 0; i < node->n_out; i++) {
        const hone_type *types[2] = {&node->sub[0]->out[i]->type, &node->sub[1]->out[i]->type};
        hone_type joined;
        if (!node->out[i])
            continue;
        if (only >= 0)
            joined = *types[only];
        else
            HONE_TRY(hone_while(join_types(node->out[i], types[0], types[1], &joined),
                                "output %d of the branches", i));
        set_type(node->out[i], &joined);
    }
    return HONE_OK;
}

/* ---- values carried by Loop and Scan ---- */

static void widen_extent(hone_value *in, int d)
{
    *state_of(in) |= (uint16_t)(1 << d);
    in->type.shape.dim[d] = hone_value_symbol(in, d, 0, HONE_EXTENT_INF);
}

static void widen_rank(hone_value *in)
{
    *state_of(in) |= WIDE_RANK;
    in->type.shape.rank = -1;
}

/* Makes the type of a body input hold for a further type that the value may have; *changed where it
 * did not yet. */
static hone_status widen_to(hone_value *in, const hone_type *type, bool *changed)
{
    const uint16_t state = *state_of(in);

    if (is_unknown(type))
        return HONE_OK;
    HONE_TRY(check_same_dtype(&in->type, type));
    if (in->type.kind != HONE_KIND_TENSOR) {
        const hone_type *a = in->type.element, *b = type->element;
        if (a && (!b || !hone_type_equal(a, b))) {
            in->type.element = NULL;
            *changed = true;
        }
        return HONE_OK;
    }
    if (in->type.dtype == HONE_NONE) {
        in->type.dtype = type->dtype;
        *changed |= type->dtype != HONE_NONE;
    }
    if (state & WIDE_RANK || in->type.shape.rank < 0)
        return HONE_OK;
    if (in->type.shape.rank != type->shape.rank) {
        widen_rank(in);
        *changed = true;
    }
    for (int d = 0; d < in->type.shape.rank; d++)
        if (!(state >> d & 1) && in->type.shape.dim[d] != type->shape.dim[d]) {
            widen_extent(in, d);
            *changed = true;
        }
    return HONE_OK;
}

/* The body input's type at the start: that of the value before the loop, or what an earlier round
 * made of it. */
static hone_status enter_carried(hone_value *in, const hone_value *before)
{
    const hone_type type = before ? before->type : unknown_type();
    bool changed = false;

    in->n_elem = -1;
    if (*state_of(in) & ENTERED)
        return widen_to(in, &type, &changed);
    *state_of(in) = ENTERED;
    if (!is_unknown(&type))
        in->type = type;
    return HONE_OK;
}

typedef struct carried {
    int n;               /* values carried from round to round */
    hone_value **before; /* on the node */
    hone_value **in;     /* into the body */
    hone_value **out;    /* out of the body */
} carried;

/* A change may take a round for each value that it is handed on to, so hostile loops would take the
 * square of their size: after a few rounds every rank is given up, and then little is left to
 * change. */
enum {
    ROUNDS_PATIENT = 32,
    ROUNDS_MOST = 40
};

static hone_status infer_body(hone_graph *body, const carried *c)
{
    bool changed = true;

    for (int i = 0; i < c->n; i++)
        HONE_TRY(hone_while(enter_carried(c->in[i], c->before[i]), "carried value %d", i));
    for (int round = 0; changed; round++) {
        changed = false;
        for (int i = 0; i < c->n && round == ROUNDS_PATIENT; i++)
            if (c->in[i]->type.kind == HONE_KIND_TENSOR)
                widen_rank(c->in[i]);
        if (round == ROUNDS_MOST)
            return hone_error(HONE_ERR_LIMIT,
                              "the types of carried values change in more than %d rounds",
                              ROUNDS_MOST);
        HONE_TRY(hone_graph_infer(body));
        for (int i = 0; i < c->n; i++)
            HONE_TRY(
                hone_while(widen_to(c->in[i], &c->out[i]->type, &changed), "carried value %d", i));
    }
    return HONE_OK;
}

/* After the loop a carried value has the type that held in every round; what was widened is the
 * output's own unknown. */
static void leave_carried(hone_value *out, const hone_value *in)
{
    hone_type type = in->type;

    for (int d = 0; d < type.shape.rank && type.kind == HONE_KIND_TENSOR; d++)
        if (out && *state_of(in) >> d & 1)
            type.shape.dim[d] = hone_value_symbol(out, d, 0, HONE_EXTENT_INF);
    set_type(out, &type);
}

static bool is_extent_of_input(const hone_node *node, hone_extent e)
{
    for (int i = 0; i < node->n_in; i++)
        for (int d = 0; node->in[i] && d < node->in[i]->type.shape.rank; d++)
            if (node->in[i]->type.shape.dim[d] == e)
                return true;
    return false;
}

/* Whether an extent found in a body means the same outside: it does not if it depends on data of
 * one round. */
static bool holds_outside(const hone_node *node, hone_extent e)
{
    if (e == HONE_EXTENT_UNKNOWN)
        return false;
    if (hone_extent_is_number(e))
        return true;
    const hone_extent_node *n = hone_extents_node(table_of(node), hone_extent_index(e));
    if (n->kind == HONE_EXTENT_SYMBOL)
        return !n->from_data || is_extent_of_input(node, e);
    return holds_outside(node, n->a) && holds_outside(node, n->b);
}

/* A scan output: the body's output of every round, stacked along a new axis. */
static hone_status stack_output(const hone_node *node, hone_value *out, const hone_value *each,
                                int64_t axis, hone_extent length)
{
    const hone_extents *table = table_of(node);
    const hone_shape *shape = &each->type.shape;
    hone_type type = tensor_type(each->type.dtype, -1);
    int at;

    if (!out)
        return HONE_OK;
    if (shape->rank >= HONE_MAX_RANK)
        return hone_error(HONE_ERR_LIMIT,
                          "the scan output \"%s\" would have %d dimensions; at most %d are allowed",
                          out->name, shape->rank + 1, HONE_MAX_RANK);
    if (shape->rank >= 0) {
        HONE_TRY(hone_axis_normalize(axis, shape->rank + 1, &at));
        type.shape.rank = shape->rank + 1;
        for (int d = 0, from = 0; d < type.shape.rank; d++) {
            const hone_extent e = d == at ? length : shape->dim[from++];
            type.shape.dim[d] = holds_outside(node, e)
                                    ? e
                                    : hone_value_symbol(out, d, hone_extent_lower(table, e),
                                                        hone_extent_upper(table, e));
        }
    }
    set_type(out, &type);
    return HONE_OK;
}

/* ---- Loop ---- */

static const hone_value *through_identities(const hone_value *value)
{
    while (value->def && value->def->op == HONE_OP_identity)
        value = value->def->in[0];
    return value;
}

static bool is_true(const hone_value *value)
{
    double x;

    return hone_value_scalar(value, &x) && x != 0.0;
}

/* The loop ends by its count alone: the condition is true before it and the body does not change
 * it. */
static bool is_counted(const hone_node *node)
{
    const hone_graph *body = node->sub[0];
    const hone_value *condition = through_identities(body->out[0]);

    if (node->in[1] && !is_true(node->in[1]))
        return false;
    return is_true(condition) || condition == body->in[1];
}

/* The number of rounds: exact, or UNKNOWN with *most as its bound. */
static hone_extent trip_count(const hone_node *node, int64_t *most)
{
    hone_extent count = HONE_EXTENT_UNKNOWN;
    hone_fact fact;
    int n;

    hone_fact_of(node->in[0], &fact);
    if (!fact.present || !hone_fact_ints(&fact, &count, 1, &n) || n != 1)
        count = HONE_EXTENT_UNKNOWN;
    if (count != HONE_EXTENT_UNKNOWN)
        count = hone_extent_max(table_of(node), count, 0);
    *most = hone_extent_upper(table_of(node), count);
    return is_counted(node) ? count : HONE_EXTENT_UNKNOWN;
}

/* The extent of scan outputs. All of a loop's share the first one's symbol where the count is
 * unknown. */
static hone_extent length_of_loop(const hone_node *node, int n_carried)
{
    int64_t most;
    const hone_extent count = trip_count(node, &most);

    if (count != HONE_EXTENT_UNKNOWN)
        return count;
    for (int i = n_carried; i < node->n_out; i++)
        if (node->out[i])
            return hone_value_symbol(node->out[i], 0, 0, most);
    return HONE_EXTENT_UNKNOWN;
}

static hone_status infer_loop(hone_node *node)
{
    hone_graph *body = node->sub[0];
    const int n_carried = node->n_in - 2;
    const hone_type iteration = tensor_type(HONE_I64, 0), condition = tensor_type(HONE_BOOL, 0);

    if (n_carried < 0 || node->n_out < n_carried)
        return hone_error(HONE_ERR_BUILD, "%d inputs and %d outputs are no loop's", node->n_in,
                          node->n_out);
    HONE_TRY(check_arity(node, body, node->n_in, 1 + node->n_out));
    set_type(body->in[0], &iteration);
    set_type(body->in[1], &condition);
    HONE_TRY(infer_body(body, &(carried){n_carried, node->in + 2, body->in + 2, body->out + 1}));

    const hone_extent length = length_of_loop(node, n_carried);
    for (int i = 0; i < n_carried; i++)
        leave_carried(node->out[i], body->in[2 + i]);
    for (int i = n_carried; i < node->n_out; i++)
        HONE_TRY(stack_output(node, node->out[i], body->out[1 + i], 0, length));
    return HONE_OK;
}

/* ---- Scan ---- */

static int64_t axis_of(hone_ints axes, int i)
{
    return i < axes.n ? axes.v[i] : 0;
}

/* A body input that sees one slice of a scanned input; *length becomes the scanned extent. */
static hone_status enter_slice(hone_value *in, const hone_value *scanned, int64_t axis,
                               hone_extent *length)
{
    hone_type type = scanned ? scanned->type : unknown_type();
    hone_shape *shape = &type.shape;
    int at;

    in->n_elem = -1;
    if (shape->rank >= 0) {
        HONE_TRY(hone_axis_normalize(axis, shape->rank, &at));
        if (*length == HONE_EXTENT_UNKNOWN)
            *length = shape->dim[at];
        memmove(&shape->dim[at], &shape->dim[at + 1],
                (size_t)(shape->rank - 1 - at) * sizeof shape->dim[0]);
        shape->rank--;
    }
    set_type(in, &type);
    return HONE_OK;
}

static hone_status infer_scan(hone_node *node)
{
    const hone_attrs_scan *attrs = &node->attrs.scan;
    hone_graph *body = node->sub[0];
    hone_extent length = HONE_EXTENT_UNKNOWN;

    if (attrs->num_scan_inputs < 1 || attrs->num_scan_inputs > node->n_in)
        return hone_error(HONE_ERR_BUILD, "num_scan_inputs is %lld of %d inputs",
                          (long long)attrs->num_scan_inputs, node->n_in);
    const int n_carried = node->n_in - (int)attrs->num_scan_inputs;
    if (node->n_out < n_carried)
        return hone_error(HONE_ERR_BUILD, "%d states but %d outputs", n_carried, node->n_out);
    HONE_TRY(check_arity(node, body, node->n_in, node->n_out));
    for (int i = n_carried; i < node->n_in; i++)
        HONE_TRY(enter_slice(body->in[i], node->in[i],
                             axis_of(attrs->scan_input_axes, i - n_carried), &length));
    HONE_TRY(infer_body(body, &(carried){n_carried, node->in, body->in, body->out}));

    for (int i = 0; i < n_carried; i++)
        leave_carried(node->out[i], body->in[i]);
    for (int i = n_carried; i < node->n_out; i++)
        HONE_TRY(stack_output(node, node->out[i], body->out[i],
                              axis_of(attrs->scan_output_axes, i - n_carried), length));
    return HONE_OK;
}

/* ---- SequenceMap ---- */

static hone_status infer_sequence_map(hone_node *node)
{
    hone_module *module = node->graph->module;
    hone_graph *body = node->sub[0];

    HONE_TRY(check_arity(node, body, node->n_in, node->n_out));
    for (int i = 0; i < node->n_in; i++) {
        const hone_type outer = node->in[i] ? node->in[i]->type : unknown_type();
        const bool is_sequence = outer.kind == HONE_KIND_SEQUENCE;
        const hone_type of_dtype = tensor_type(outer.dtype, -1);
        body->in[i]->n_elem = -1;
        set_type(body->in[i], !is_sequence ? &outer : outer.element ? outer.element : &of_dtype);
    }
    HONE_TRY(hone_graph_infer(body));
    for (int i = 0; i < node->n_out; i++) {
        hone_type each = body->out[i]->type;
        for (int d = 0; d < each.shape.rank && each.kind == HONE_KIND_TENSOR; d++)
            if (!holds_outside(node, each.shape.dim[d]))
                each.shape.dim[d] = HONE_EXTENT_UNKNOWN;
        const hone_type sequence = {.kind = HONE_KIND_SEQUENCE,
                                    .dtype = each.dtype,
                                    .shape.rank = -1,
                                    .element = hone_arena_copy(module->arena, &each, sizeof each)};
        set_type(node->out[i], &sequence);
    }
    return HONE_OK;
}

/* ---- all of them ---- */

static hone_status infer_by_op(hone_node *node)
{
    const int n_sub = node->op == HONE_OP_if ? 2 : 1;

    if (node->n_sub != n_sub)
        return hone_error(HONE_ERR_BUILD, "it has %d subgraphs and needs %d", node->n_sub, n_sub);
    switch (node->op) {
    case HONE_OP_if: return infer_if(node);
    case HONE_OP_loop: return infer_loop(node);
    case HONE_OP_scan: return infer_scan(node);
    default: return infer_sequence_map(node);
    }
}

hone_status hone_control_infer(hone_node *node)
{
    hone_module *module = node->graph->module;

    if (module->infer_depth == MAX_NESTING)
        return hone_error(HONE_ERR_LIMIT, "control flow is nested more than %d deep", MAX_NESTING);
    if (module->infer_depth == 0) {
        if (module->n_carried < module->n_values)
            module->carried =
                hone_arena_array(module->arena, (size_t)module->n_values, sizeof *module->carried);
        module->n_carried = module->n_values;
        memset(module->carried, 0, (size_t)module->n_values * sizeof *module->carried);
    }
    module->infer_depth++;
    const hone_status st = infer_by_op(node);
    module->infer_depth--;
    return st;
}
