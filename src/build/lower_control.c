/* Control flow as jumps on values that are assigned more than once:
 *
 *   If     branch_false cond L1; <then>; out = then's; jump L2;  L1: <else>; out = else's;  L2:
 *   Loop   carried = initial; i = 0; c = cond
 *          L1: branch_false c L2; t = i < M; branch_false t L2; <body>; scan outputs append;
 * carried = body's; i = i + 1; jump L1;  L2: Scan   the same with M the length of the scanned axis
 * and slices taken at i
 *
 * The runtime needs no stack and no recursion for it. */
#include "build/build.h"

/* ---- small steps ----------------------------------------------------------------------------- */

static const hone_type *scalar_type(hone_lowered *low, hone_dtype dtype)
{
    hone_type *t = hone_arena_alloc(low->arena, sizeof *t);

    t->dtype = dtype;
    return t;
}

static int add_constant(hone_lowered *low, const char *name, const hone_type *type,
                        const void *data, size_t size)
{
    const int v = hone_low_add_value(low, name, type, HONE_STORAGE_CONST);
    hone_constant *c = hone_arena_alloc(low->arena, sizeof *c);

    c->data = hone_arena_copy(low->arena, data, size);
    c->size = size;
    low->values.v[v].constant = c;
    return v;
}

static int int_constant(hone_lowered *low, int64_t x)
{
    return add_constant(low, "constant", scalar_type(low, HONE_I64), &x, sizeof x);
}

/* An int64 tensor [1], as Slice takes its parameters. */
static int list_constant(hone_lowered *low, int64_t x)
{
    hone_type *type = hone_arena_alloc(low->arena, sizeof *type);

    *type = (hone_type){.dtype = HONE_I64, .shape = {.rank = 1, .dim = {1}}};
    return add_constant(low, "constant", type, &x, sizeof x);
}

static hone_attrs *new_attrs(hone_lowered *low, hone_op_id op)
{
    hone_attrs *attrs = hone_arena_alloc(low->arena, sizeof *attrs);

    hone_attrs_init(op, attrs);
    return attrs;
}

/* out = op(a, b); b may be -1. */
static hone_low_step *add_op(hone_lowered *low, const hone_node *node, hone_op_id op, int a, int b,
                             int out)
{
    hone_low_step *s = hone_low_add_step(low, HONE_STEP_KERNEL, op, node->name, b < 0 ? 1 : 2, 1);

    s->attrs = new_attrs(low, op);
    s->in[0] = a;
    if (b >= 0)
        s->in[1] = b;
    s->out[0] = out;
    s->is_dynamic = !hone_low_is_static(low, out);
    return s;
}

static void add_assign(hone_lowered *low, const hone_node *node, int from, int to)
{
    if (from != to && from >= 0 && to >= 0)
        add_op(low, node, HONE_OP_assign, from, -1, to);
}

static int add_branch(hone_lowered *low, const hone_node *node, int condition)
{
    hone_low_step *s =
        hone_low_add_step(low, HONE_STEP_BRANCH_FALSE, HONE_OP_none, node->name, 1, 0);

    s->in[0] = condition;
    return low->steps.n - 1;
}

static int add_jump(hone_lowered *low, const hone_node *node, int target)
{
    hone_low_add_step(low, HONE_STEP_JUMP, HONE_OP_none, node->name, 0, 0)->target = target;
    return low->steps.n - 1;
}

static void land_here(hone_lowered *low, int jump)
{
    if (jump >= 0)
        low->steps.v[jump].target = low->steps.n;
}

/* ---- If -------------------------------------------------------------------------------------- */

static hone_status lower_branch(hone_lowered *low, int *map, const hone_node *node,
                                const hone_graph *body)
{
    HONE_TRY(hone_lower_graph(low, map, body));
    for (int i = 0; i < node->n_out; i++)
        if (node->out[i])
            add_assign(low, node, hone_low_value_of(low, map, body->out[i]),
                       hone_low_value_of(low, map, node->out[i]));
    return HONE_OK;
}

static hone_status lower_if(hone_lowered *low, int *map, const hone_node *node)
{
    const int to_else = add_branch(low, node, hone_low_value_of(low, map, node->in[0]));

    HONE_TRY(lower_branch(low, map, node, node->sub[0]));
    const int to_end = add_jump(low, node, -1);
    land_here(low, to_else);
    HONE_TRY(lower_branch(low, map, node, node->sub[1]));
    land_here(low, to_end);
    return HONE_OK;
}

/* ---- Loop and Scan --------------------------------------------------------------------------- */

typedef struct loop_state {
    const hone_node *node;
    const hone_graph *body;
    int i, one; /* the counter, and the number 1 */
    int n_carried;
    const int *slots;  /* of the carried values */
    int first_carried; /* among the body's outputs */
    int first_scan;    /* among the body's outputs */
    int head;          /* the step that the loop jumps back to */
} loop_state;

static void begin_counter(hone_lowered *low, loop_state *l)
{
    l->one = int_constant(low, 1);
    add_assign(low, l->node, int_constant(low, 0), l->i);
}

/* The body's inputs for carried values are the slots themselves; so are the node's outputs. */
static int *carry(hone_lowered *low, int *map, const hone_node *node, int first_in, int body_first,
                  int n)
{
    int *slots = hone_arena_array(low->arena, (size_t)n + 1, sizeof *slots);

    for (int k = 0; k < n; k++) {
        slots[k] = hone_low_value_of(low, map, node->sub[0]->in[body_first + k]);
        add_assign(low, node, hone_low_value_of(low, map, node->in[first_in + k]), slots[k]);
        if (k < node->n_out && node->out[k])
            map[node->out[k]->id] = slots[k];
    }
    return slots;
}

static bool is_slot(const hone_lowered *low, const loop_state *l, int value)
{
    for (int k = 0; k < l->n_carried; k++)
        if (low->values.v[value].root == l->slots[k])
            return true;
    return false;
}

/* Body results become the next round's carried values; those that are slots themselves (a swap) go
 * by way of a copy. */
static void hand_over(hone_lowered *low, int *map, const loop_state *l)
{
    int *from = hone_arena_array(low->arena, (size_t)l->n_carried + 1, sizeof *from);

    for (int k = 0; k < l->n_carried; k++) {
        from[k] = hone_low_value_of(low, map, l->body->out[l->first_carried + k]);
        if (from[k] != l->slots[k] && is_slot(low, l, from[k])) {
            const int copy = hone_low_add_value(low, "carried", &low->values.v[from[k]].type,
                                                HONE_STORAGE_ARENA);
            add_assign(low, l->node, from[k], copy);
            from[k] = copy;
        }
    }
    for (int k = 0; k < l->n_carried; k++)
        add_assign(low, l->node, from[k], l->slots[k]);
}

static int n_scan_outputs(const loop_state *l)
{
    return l->body->n_out - l->first_scan;
}

static int64_t list_at(hone_ints list, int i, int64_t otherwise)
{
    return i < list.n ? list.v[i] : otherwise;
}

static int normal_axis(int64_t axis, int rank)
{
    return (int)(axis < 0 && rank >= 0 ? axis + rank : axis);
}

/* A value for the accumulated scan output k: the node's own output unless it must still be turned.
 */
static int accumulator(hone_lowered *low, int *map, const loop_state *l, int k, bool is_final)
{
    const hone_value *out =
        l->n_carried + k < l->node->n_out ? l->node->out[l->n_carried + k] : NULL;

    if (!out)
        return -1;
    if (is_final)
        return hone_low_value_of(low, map, out);
    hone_type *type = hone_arena_alloc(low->arena, sizeof *type);
    const hone_type *entry = &l->body->out[l->first_scan + k]->type;
    *type = *entry;
    type->shape.rank = entry->shape.rank < 0 ? -1 : entry->shape.rank + 1;
    for (int i = 0; i < entry->shape.rank && i + 1 < HONE_MAX_RANK; i++)
        type->shape.dim[i + 1] = entry->shape.dim[i];
    const int axis =
        normal_axis(list_at(l->node->attrs.scan.scan_output_axes, k, 0), type->shape.rank);
    type->shape.dim[0] =
        out->type.shape.rank > axis ? out->type.shape.dim[axis] : HONE_EXTENT_UNKNOWN;
    return hone_low_add_value(low, out->name, type, HONE_STORAGE_ARENA);
}

static void clear(hone_lowered *low, const hone_node *node, int value)
{
    if (value >= 0)
        hone_low_add_step(low, HONE_STEP_CLEAR, HONE_OP_none, node->name, 0, 1)->out[0] = value;
}

static void append(hone_lowered *low, const hone_node *node, int entry, int all)
{
    if (all < 0)
        return;
    hone_low_step *s = hone_low_add_step(low, HONE_STEP_APPEND, HONE_OP_none, node->name, 1, 1);
    s->in[0] = entry;
    s->out[0] = all;
}

static void end_round(hone_lowered *low, int *map, const loop_state *l, const int *scans)
{
    for (int k = 0; k < n_scan_outputs(l); k++)
        append(low, l->node, hone_low_value_of(low, map, l->body->out[l->first_scan + k]),
               scans[k]);
    hand_over(low, map, l);
    add_op(low, l->node, HONE_OP_add, l->i, l->one, l->i);
}

static hone_status lower_loop(hone_lowered *low, int *map, const hone_node *node)
{
    loop_state l = {
        .node = node, .body = node->sub[0], .n_carried = node->n_in - 2, .first_carried = 1};
    l.first_scan = 1 + l.n_carried;
    l.i = hone_low_value_of(low, map, l.body->in[0]);
    const int condition = hone_low_value_of(low, map, l.body->in[1]);
    const int limit = hone_low_value_of(low, map, node->in[0]);
    int *scans = hone_arena_array(low->arena, (size_t)l.body->n_out + 1, sizeof *scans);

    begin_counter(low, &l);
    l.slots = carry(low, map, node, 2, 2, l.n_carried);
    for (int k = 0; k < n_scan_outputs(&l); k++)
        clear(low, node, scans[k] = accumulator(low, map, &l, k, true));
    const bool yes = true;
    add_assign(low, node,
               node->in[1] ? hone_low_value_of(low, map, node->in[1])
                           : add_constant(low, "true", scalar_type(low, HONE_BOOL), &yes, 1),
               condition);
    l.head = low->steps.n;
    const int to_end = add_branch(low, node, condition);
    int past_limit = -1;
    if (limit >= 0) {
        const int below =
            hone_low_add_value(low, "below", scalar_type(low, HONE_BOOL), HONE_STORAGE_ARENA);
        low->values.v[below].type.shape = low->values.v[limit].type.shape;
        add_op(low, node, HONE_OP_less, l.i, limit, below);
        past_limit = add_branch(low, node, below);
    }
    HONE_TRY(hone_lower_graph(low, map, l.body));
    add_assign(low, node, hone_low_value_of(low, map, l.body->out[0]), condition);
    end_round(low, map, &l, scans);
    add_jump(low, node, l.head);
    land_here(low, to_end);
    land_here(low, past_limit);
    return HONE_OK;
}

/* The length of the first scanned axis, as an int64 scalar. */
static int scan_length(hone_lowered *low, int scanned, int axis, const hone_node *node)
{
    const hone_shape *s = &low->values.v[scanned].type.shape;

    if (s->rank > axis && hone_extent_is_number(s->dim[axis]))
        return int_constant(low, s->dim[axis]);
    hone_type *type = hone_arena_alloc(low->arena, sizeof *type);
    *type = (hone_type){.dtype = HONE_I64, .shape = {.rank = 1, .dim = {1}}};
    const int n = hone_low_add_value(low, "length", type, HONE_STORAGE_ARENA);
    hone_attrs *attrs = (hone_attrs *)add_op(low, node, HONE_OP_shape, scanned, -1, n)->attrs;
    attrs->shape.start = axis;
    attrs->shape.end = axis + 1;
    const int scalar =
        hone_low_add_value(low, "length", scalar_type(low, HONE_I64), HONE_STORAGE_ALIAS);
    low->values.v[scalar].root = n;
    return scalar;
}

/* The body's input for scan k becomes the slice at i, or at length - 1 - i. */
static void take_slice(hone_lowered *low, int *map, const loop_state *l, int k, int length)
{
    const hone_attrs_scan *a = &l->node->attrs.scan;
    const int scanned = hone_low_value_of(low, map, l->node->in[l->n_carried + k]);
    int at = l->i;

    if (list_at(a->scan_input_directions, k, 0) == 1) {
        const int last =
            hone_low_add_value(low, "last", scalar_type(low, HONE_I64), HONE_STORAGE_ARENA);
        at = hone_low_add_value(low, "at", scalar_type(low, HONE_I64), HONE_STORAGE_ARENA);
        add_op(low, l->node, HONE_OP_sub, length, l->one, last);
        add_op(low, l->node, HONE_OP_sub, last, l->i, at);
    }
    const int slice = hone_low_value_of(low, map, l->body->in[l->n_carried + k]);
    hone_attrs *attrs = (hone_attrs *)add_op(low, l->node, HONE_OP_take, scanned, at, slice)->attrs;
    attrs->take.axis =
        normal_axis(list_at(a->scan_input_axes, k, 0), low->values.v[scanned].type.shape.rank);
}

/* Turns an accumulated scan output to the direction and axis that the node asks for. */
static void finish_scan_output(hone_lowered *low, int *map, const loop_state *l, int k, int all)
{
    const hone_attrs_scan *a = &l->node->attrs.scan;
    const int rank = low->values.v[all].type.shape.rank;
    const int axis = normal_axis(list_at(a->scan_output_axes, k, 0), rank);
    const int out = hone_low_value_of(low, map, l->node->out[l->n_carried + k]);

    if (list_at(a->scan_output_directions, k, 0) == 1) {
        const int turned =
            axis ? hone_low_add_value(low, "turned", &low->values.v[all].type, HONE_STORAGE_ARENA)
                 : out;
        const int parameters[] = {all, list_constant(low, -1), list_constant(low, INT64_MIN + 1),
                                  list_constant(low, 0), list_constant(low, -1)};
        hone_low_step *s =
            hone_low_add_step(low, HONE_STEP_KERNEL, HONE_OP_slice, l->node->name, 5, 1);
        s->attrs = new_attrs(low, HONE_OP_slice);
        memcpy(s->in, parameters, sizeof parameters);
        s->out[0] = turned;
        s->is_dynamic = !hone_low_is_static(low, turned);
        all = turned;
    }
    if (axis) {
        int64_t *perm = hone_arena_array(low->arena, HONE_MAX_RANK, sizeof *perm);
        for (int i = 0; i < rank; i++)
            perm[i] = i < axis ? i + 1 : i == axis ? 0 : i;
        hone_attrs *attrs =
            (hone_attrs *)add_op(low, l->node, HONE_OP_transpose, all, -1, out)->attrs;
        attrs->transpose.perm = (hone_ints){rank, perm};
    }
}

static bool is_turned(const hone_attrs_scan *a, int k)
{
    return list_at(a->scan_output_directions, k, 0) == 1 || list_at(a->scan_output_axes, k, 0) != 0;
}

static hone_status lower_scan(hone_lowered *low, int *map, const hone_node *node)
{
    const hone_attrs_scan *a = &node->attrs.scan;
    const int n_scans = (int)a->num_scan_inputs;
    loop_state l = {.node = node, .body = node->sub[0], .n_carried = node->n_in - n_scans};
    l.first_scan = l.n_carried;
    l.i = hone_low_add_value(low, "i", scalar_type(low, HONE_I64), HONE_STORAGE_ARENA);
    int *scans = hone_arena_array(low->arena, (size_t)l.body->n_out + 1, sizeof *scans);
    const int first = hone_low_value_of(low, map, node->in[l.n_carried]);
    const int length = scan_length(
        low, first,
        normal_axis(list_at(a->scan_input_axes, 0, 0), low->values.v[first].type.shape.rank), node);

    begin_counter(low, &l);
    l.slots = carry(low, map, node, 0, 0, l.n_carried);
    for (int k = 0; k < n_scan_outputs(&l); k++)
        clear(low, node, scans[k] = accumulator(low, map, &l, k, !is_turned(a, k)));
    const int below =
        hone_low_add_value(low, "below", scalar_type(low, HONE_BOOL), HONE_STORAGE_ARENA);
    l.head = low->steps.n;
    add_op(low, node, HONE_OP_less, l.i, length, below);
    const int to_end = add_branch(low, node, below);
    for (int k = 0; k < n_scans; k++)
        take_slice(low, map, &l, k, length);
    HONE_TRY(hone_lower_graph(low, map, l.body));
    end_round(low, map, &l, scans);
    add_jump(low, node, l.head);
    land_here(low, to_end);
    for (int k = 0; k < n_scan_outputs(&l); k++)
        if (scans[k] >= 0 && is_turned(a, k))
            finish_scan_output(low, map, &l, k, scans[k]);
    return HONE_OK;
}

hone_status hone_lower_control(hone_lowered *low, int *map, const hone_node *node)
{
    switch (node->op) {
    case HONE_OP_if: return lower_if(low, map, node);
    case HONE_OP_loop: return lower_loop(low, map, node);
    case HONE_OP_scan: return lower_scan(low, map, node);
    default:
        return hone_error(HONE_ERR_UNSUPPORTED, "building node \"%s\": %s cannot be run",
                          node->name, hone_ops[node->op].onnx);
    }
}
