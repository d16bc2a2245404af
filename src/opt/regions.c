/* Pointwise regions: connected pointwise nodes become one `pointwise` node with a program. The one
 * idea: a region grows from its only output upwards, taking a producer when all of its uses are
 * inside already; so a region has one output, no path leaves it and comes back, and it may stand
 * where its output stood.
 *
 *     before:  a = add(x, y); b = sigmoid(a); c = mul(a, b)
 *     after:   c = pointwise(x, y) { r2 = add x0 x1; r3 = sigmoid r2; r4 = mul r2 r3 }
 *
 * Legal for float32 and bool values (a program computes in float32) of one shape: an operand that
 * is computed at a smaller shape stays outside, so that nothing is computed more often than before.
 * Gain: one read of each input and one write instead of one for each node. Values used outside the
 * region are not recomputed: they end it. */
#include "opt/edit.h"
#include "opt/rules.h"

#define INSTR_LIMIT (HONE_PROGRAM_INSTRS - 16) /* room for constants */

typedef struct region {
    hone_node *root;
    HONE_VEC(hone_node *) members;
    int n_instr;
} region;

typedef struct regions {
    hone_graph *graph;
    hone_arena *arena;
    int *order;  /* of nodes, by the id of out[0] */
    int *instrs; /* that a fusable node needs, by the id of out[0]; 0: not fusable */
    int n_values;
} regions;

static bool is_tensor_of(const hone_value *v, hone_dtype a, hone_dtype b)
{
    return v->type.kind == HONE_KIND_TENSOR && v->type.shape.rank >= 0 &&
           (v->type.dtype == a || v->type.dtype == b);
}

static bool is_program_type(const hone_value *v)
{
    return is_tensor_of(v, HONE_F32, HONE_BOOL);
}

/* What a region can load and store: casts may read integers and small floats, and write small
 * floats, as loading and storing converts them. */
static bool is_loadable(const hone_node *n, const hone_value *v)
{
    return is_program_type(v) || (n->op == HONE_OP_cast && (is_tensor_of(v, HONE_I32, HONE_I64) ||
                                                            is_tensor_of(v, HONE_U8, HONE_I8) ||
                                                            is_tensor_of(v, HONE_F16, HONE_BF16)));
}

static bool is_storable(const hone_node *n, const hone_value *v)
{
    return is_program_type(v) || (n->op == HONE_OP_cast && is_tensor_of(v, HONE_F16, HONE_BF16) &&
                                  is_program_type(n->in[0]));
}

/* The instructions that a node's body takes, or 0 where it has none in float32. */
static int body_size(const hone_node *n)
{
    hone_program_builder b;
    int args[HONE_PROGRAM_INPUTS];

    if (!hone_op_has(n->op, HONE_TRAIT_POINTWISE) || n->n_out != 1 || n->out[0] == NULL ||
        n->n_in < 1 || n->n_in > 3 || n->n_sub > 0 || !is_storable(n, n->out[0]))
        return 0;
    for (int i = 0; i < n->n_in; i++) {
        if (n->in[i] != NULL && !is_loadable(n, n->in[i]))
            return 0;
        args[i] = n->in[i] != NULL ? i : -1;
    }
    hone_program_begin(&b, n->n_in);
    return hone_program_add_op(&b, n->op, &n->attrs, args, n->n_in) >= 0 ? HONE_MAX(b.n_instr, 1)
                                                                         : 0;
}

static int *about(int *table, const hone_node *n)
{
    return &table[n->out[0]->id];
}

static bool is_member(const region *r, const hone_node *n)
{
    for (int i = r->members.n - 1; i >= 0; i--)
        if (r->members.v[i] == n)
            return true;
    return false;
}

static bool all_uses_inside(const region *r, const hone_value *v)
{
    for (const hone_use *u = v->first_use; u != NULL; u = u->next)
        if (u->node == NULL || u->node->graph != r->root->graph || !is_member(r, u->node))
            return false;
    return true;
}

/* A constant of one number, which becomes an instruction. */
static bool is_immediate(const hone_value *v)
{
    double x;
    return hone_is_constant(v) && hone_value_scalar(v, &x);
}

static int count_inputs(const region *r)
{
    const hone_value *seen[HONE_PROGRAM_INPUTS + 4];
    int n = 0;

    for (int m = 0; m < r->members.n; m++)
        for (int i = 0; i < r->members.v[m]->n_in; i++) {
            const hone_value *v = r->members.v[m]->in[i];
            bool known = v == NULL || is_immediate(v) || (v->def != NULL && is_member(r, v->def));
            for (int k = 0; k < n && !known; k++)
                known = seen[k] == v;
            if (known)
                continue;
            if (n == HONE_PROGRAM_INPUTS)
                return n + 1;
            seen[n++] = v;
        }
    return n;
}

static bool try_absorb(const regions *all, region *r, const hone_value *v)
{
    hone_node *n = v != NULL ? v->def : NULL;

    if (n == NULL || n->graph != all->graph || n->out[0] != v || v->id >= all->n_values ||
        is_member(r, n))
        return false;
    const int size = *about(all->instrs, n);
    if (size == 0 || r->n_instr + size > INSTR_LIMIT || !hone_shapes_same(v, r->root->out[0]) ||
        !all_uses_inside(r, v))
        return false;
    *hone_vec_push(all->arena, &r->members) = n;
    if (count_inputs(r) > HONE_PROGRAM_INPUTS) {
        r->members.n--;
        return false;
    }
    r->n_instr += size;
    return true;
}

static void grow(const regions *all, region *r)
{
    bool grew = true;
    while (grew) {
        grew = false;
        for (int m = 0; m < r->members.n; m++)
            for (int i = 0; i < r->members.v[m]->n_in; i++)
                grew |= try_absorb(all, r, r->members.v[m]->in[i]);
    }
}

static void sort_members(const regions *all, region *r)
{
    for (int i = 1; i < r->members.n; i++) {
        hone_node *n = r->members.v[i];
        int k = i;
        for (; k > 0 && *about(all->order, r->members.v[k - 1]) > *about(all->order, n); k--)
            r->members.v[k] = r->members.v[k - 1];
        r->members.v[k] = n;
    }
}

/* The program being written, and where each value stands in it. */
typedef struct writing {
    hone_program_builder b;
    hone_value *in[HONE_PROGRAM_INPUTS];
    int n_in;
    int reg[HONE_PROGRAM_INSTRS]; /* of members */
} writing;

static void list_inputs(const region *r, writing *w, bool immediates)
{
    for (int m = 0; m < r->members.n; m++)
        for (int i = 0; i < r->members.v[m]->n_in; i++) {
            hone_value *v = r->members.v[m]->in[i];
            bool known = v == NULL || (immediates && is_immediate(v)) ||
                         (v->def != NULL && is_member(r, v->def));
            for (int k = 0; k < w->n_in && !known; k++)
                known = w->in[k] == v;
            if (!known && w->n_in < HONE_PROGRAM_INPUTS)
                w->in[w->n_in++] = v;
        }
}

static int register_of(const region *r, writing *w, const hone_value *v)
{
    double x;

    if (v == NULL)
        return -1;
    for (int k = 0; k < w->n_in; k++)
        if (w->in[k] == v)
            return k;
    for (int m = 0; m < r->members.n; m++)
        if (r->members.v[m]->out[0] == v)
            return w->reg[m];
    return hone_value_scalar(v, &x) ? hone_program_constant(&w->b, (float)x) : -1;
}

/* Writes every member's body; false where the program is full. */
static bool write_bodies(const region *r, writing *w)
{
    hone_program_begin(&w->b, w->n_in);
    for (int m = 0; m < r->members.n; m++) {
        const hone_node *n = r->members.v[m];
        int args[3];
        for (int i = 0; i < n->n_in; i++) {
            args[i] = register_of(r, w, n->in[i]);
            if (args[i] < 0 && n->in[i] != NULL)
                return false;
        }
        w->reg[m] = hone_program_add_op(&w->b, n->op, &n->attrs, args, n->n_in);
        if (w->reg[m] < 0)
            return false;
    }
    return true;
}

/* Whether the inputs alone broadcast to the region's shape, so that constants may leave the list.
 */
static bool inputs_tell_shape(const region *r, const writing *w)
{
    hone_shape shape = {.rank = 0};
    for (int i = 0; i < w->n_in; i++)
        if (hone_shape_broadcast(r->root->graph->module->extents, &shape, &w->in[i]->type.shape,
                                 &shape) != HONE_OK)
            return false;
    return w->n_in > 0 && hone_shape_equal(&shape, &r->root->out[0]->type.shape);
}

static bool replace(const region *r)
{
    hone_node *root = r->root;
    writing w = {.n_in = 0};

    list_inputs(r, &w, true);
    if (!inputs_tell_shape(r, &w)) {
        w.n_in = 0;
        list_inputs(r, &w, false);
        if (!inputs_tell_shape(r, &w))
            return false;
    }
    if (!write_bodies(r, &w))
        return false;
    hone_node *made = hone_make_node(root, HONE_OP_pointwise, w.n_in, w.in);
    made->attrs.pointwise.program =
        hone_program_end(&w.b, root->graph->module->arena, w.reg[r->members.n - 1]);
    made->attrs.pointwise.to = root->out[0]->type.dtype;
    if (!hone_put_in_place(root->out[0], made))
        return false;
    for (int m = r->members.n - 1; m >= 0; m--)
        hone_node_remove(r->members.v[m]);
    return true;
}

static bool fuse_graph(hone_graph *g)
{
    regions all = {
        .graph = g, .arena = g->module->arena, .n_values = hone_module_value_count(g->module)};
    int position = 0;
    bool changed = false;

    all.order = hone_arena_array(all.arena, (size_t)all.n_values, sizeof *all.order);
    all.instrs = hone_arena_array(all.arena, (size_t)all.n_values, sizeof *all.instrs);
    for (hone_node *n = g->first; n != NULL; n = n->next)
        if (n->n_out > 0 && n->out[0] != NULL) {
            *about(all.order, n) = position++;
            *about(all.instrs, n) = body_size(n);
        }
    for (hone_node *n = g->last, *prev; n != NULL; n = prev) {
        prev = n->prev;
        if (n->n_out == 0 || n->out[0] == NULL || n->out[0]->id >= all.n_values ||
            *about(all.instrs, n) == 0)
            continue;
        region r = {.root = n, .n_instr = *about(all.instrs, n)};
        *hone_vec_push(all.arena, &r.members) = n;
        grow(&all, &r);
        sort_members(&all, &r);
        hone_node *after = n->next;
        if (replace(
                &r)) { /* members before n may be gone: walk on from what now stands in its place */
            prev = after != NULL ? after->prev->prev : g->last->prev;
            changed = true;
        }
    }
    return changed;
}

hone_status hone_pass_regions(hone_pass_context *c)
{
    int n = 0;
    hone_graph **graphs = hone_module_graphs(c->module, &n);

    for (int i = 0; i < n; i++)
        c->changed |= fuse_graph(graphs[i]);
    return HONE_OK;
}
