/* Folding: nodes whose inputs are constants are run now, by the kernels that would run them later;
 * integers that shape inference knows become constants; an If whose condition is known is replaced
 * by its branch. The one idea: one walk in order, in which every node is inferred again once
 * something before it has changed, so that a chain of shape arithmetic falls in one go. A tensor of
 * equal elements (a splat) stays one through pointwise and movement operators, so that gigabytes of
 * constant weights cost nothing. Random operators and loops are left alone. */
#include "opt/branches.h"
#include "opt/edit.h"
#include "opt/rules.h"

#include "cpu/cpu.h"

#define GROWTH_LIMIT                                                                               \
    ((size_t)16                                                                                    \
     << 20) /* bytes that may be made of few: past it the model file is the better place */

typedef struct folding {
    hone_pass_context *pass;
    hone_graph *graph;
    bool changed; /* since the walk began */
} folding;

/* Operators that give out elements of in[0] alone, each as it is: of a splat they make a splat. */
static bool keeps_splat(hone_op_id op)
{
    switch (op) {
    case HONE_OP_reshape:
    case HONE_OP_flatten:
    case HONE_OP_squeeze:
    case HONE_OP_unsqueeze:
    case HONE_OP_identity:
    case HONE_OP_transpose:
    case HONE_OP_split:
    case HONE_OP_slice:
    case HONE_OP_expand:
    case HONE_OP_tile:
    case HONE_OP_gather:
    case HONE_OP_gather_elements:
    case HONE_OP_gather_nd:
    case HONE_OP_depth_to_space:
    case HONE_OP_space_to_depth: return true;
    default: return false;
    }
}

static bool is_one(const hone_value *v)
{
    return v->constant->is_splat || hone_constant_count(v) == 1;
}

static bool is_foldable(const hone_node *n)
{
    if (n->n_sub > 0 || hone_op_has(n->op, HONE_TRAIT_RANDOM | HONE_TRAIT_CONTROL |
                                               HONE_TRAIT_SEQUENCE | HONE_TRAIT_TEXT))
        return false;
    for (int i = 0; i < n->n_in; i++)
        if (n->in[i] != NULL && !hone_is_constant(n->in[i]))
            return false;
    return true;
}

static bool outputs_are_static(const hone_node *n)
{
    for (int k = 0; k < n->n_out; k++)
        if (n->out[k] != NULL && !hone_value_is_static(n->out[k]))
            return false;
    return true;
}

static void put_constant(folding *f, hone_value *old, hone_value *constant)
{
    hone_value_replace(old, constant);
    f->changed = true;
}

/* constant_of_shape, and what keeps a splat: no kernel runs. */
static bool fold_to_splat(folding *f, hone_node *n)
{
    static const char zero[16];
    const bool made = n->op == HONE_OP_constant_of_shape;
    const void *element = zero;

    if (!made && !(keeps_splat(n->op) && is_one(n->in[0])))
        return false;
    if (!outputs_are_static(n))
        return false;
    if (!made)
        element = n->in[0]->constant->data;
    else if (hone_input(n, 1) != NULL)
        element = n->in[1]->constant->data;
    for (int k = 0; k < n->n_out; k++) {
        hone_dims dims;
        if (n->out[k] == NULL || !hone_shape_dims(&n->out[k]->type.shape, &dims))
            continue;
        put_constant(f, n->out[k],
                     hone_graph_splat(f->graph, NULL, n->out[k]->type.dtype, &dims, element));
    }
    return true;
}

/* A view of a dense constant shares its bytes. */
static bool fold_view(folding *f, hone_node *n)
{
    if (!hone_op_has(n->op, HONE_TRAIT_VIEW) || n->op == HONE_OP_bit_cast || !outputs_are_static(n))
        return false;
    put_constant(f, n->out[0], hone_make_reshaped(f->graph, n->in[0], &n->out[0]->type.shape));
    return true;
}

static hone_status grow(void *user, hone_tensor *t, size_t size)
{
    t->data = hone_arena_alloc_aligned(user, size, HONE_ALIGNMENT);
    t->size = size;
    return HONE_OK;
}

/* A constant as a tensor; `one`: as a scalar. Kernels want elements aligned; the mapped model may
 * not have them so. */
static hone_tensor tensor_of(hone_module *module, const hone_value *v, bool one)
{
    hone_tensor t = {.dtype = v->type.dtype};
    const size_t align = (size_t)HONE_MAX(hone_dtype_bits(v->type.dtype) / 8, 1);

    if (!one)
        hone_shape_dims(&v->type.shape, &t.shape);
    hone_dims_size(t.dtype, &t.shape, &t.size);
    const void *data = one ? v->constant->data : hone_value_dense(module, v);
    if ((uintptr_t)data % HONE_MIN(align, (size_t)8) != 0)
        data = hone_arena_copy(module->arena, data, t.size);
    t.data = (void *)(uintptr_t)data; /* kernels only read their inputs */
    return t;
}

static bool room_for_outputs(folding *f, const hone_node *n, bool one, hone_tensor *out)
{
    size_t total = 0, given = 0;

    for (int i = 0; i < n->n_in; i++)
        given += n->in[i] != NULL ? n->in[i]->constant->size : 0;
    for (int k = 0; k < n->n_out; k++) {
        out[k] = (hone_tensor){.dtype = HONE_NONE};
        if (n->out[k] == NULL)
            continue;
        out[k].dtype = n->out[k]->type.dtype;
        if (hone_op_has(n->op, HONE_TRAIT_DATA_SHAPED))
            continue;
        if (!one && !hone_shape_dims(&n->out[k]->type.shape, &out[k].shape))
            return false;
        if (!hone_dims_size(out[k].dtype, &out[k].shape, &out[k].size) ||
            !hone_size_add(total, out[k].size, &total))
            return false;
    }
    if (total > f->pass->fold_limit || (total > GROWTH_LIMIT && total / 8 > given))
        return false;
    for (int k = 0; k < n->n_out; k++)
        if (out[k].dtype != HONE_NONE)
            out[k].data =
                hone_arena_alloc_aligned(f->graph->module->arena, out[k].size + 1, HONE_ALIGNMENT);
    return true;
}

static bool inputs_fit(const folding *f, const hone_node *n)
{
    size_t total = 0, size;
    for (int i = 0; i < n->n_in; i++) {
        hone_dims dims;
        if (n->in[i] == NULL)
            continue;
        if (!hone_shape_dims(&n->in[i]->type.shape, &dims) ||
            !hone_dims_size(n->in[i]->type.dtype, &dims, &size) ||
            !hone_size_add(total, size, &total))
            return false;
    }
    return total <= 4 * f->pass->fold_limit;
}

/* Runs the node's kernel on its constants; `one`: on one element that stands for all. */
static bool run_kernel(folding *f, hone_node *n, bool one, hone_tensor *out)
{
    hone_module *module = f->graph->module;
    hone_tensor in[HONE_ANY], *in_p[HONE_ANY], *out_p[HONE_ANY];
    const hone_cpu_env env = {
        .allocator = f->pass->options->allocator, .grow = grow, .grow_user = module->arena};
    hone_cpu_call call = {.op = n->op,
                          .attrs = &n->attrs,
                          .n_in = n->n_in,
                          .n_out = n->n_out,
                          .in = in_p,
                          .out = out_p,
                          .env = &env};

    for (int i = 0; i < n->n_in; i++) {
        in_p[i] = n->in[i] != NULL ? &in[i] : NULL;
        in[i].dtype = n->in[i] != NULL ? n->in[i]->type.dtype : HONE_NONE;
    }
    for (int k = 0; k < n->n_out; k++) {
        out_p[k] = n->out[k] != NULL ? &out[k] : NULL;
        out[k].dtype = n->out[k] != NULL ? n->out[k]->type.dtype : HONE_NONE;
    }
    if (!hone_cpu_supports(&call) || !room_for_outputs(f, n, one, out))
        return false;
    for (int i = 0; i < n->n_in; i++)
        if (n->in[i] != NULL)
            in[i] = tensor_of(module, n->in[i], one);
    return hone_cpu_run_once(&call) == HONE_OK;
}

static bool fold_by_kernel(folding *f, hone_node *n)
{
    hone_tensor out[HONE_ANY];
    bool one = hone_op_has(n->op, HONE_TRAIT_POINTWISE) && outputs_are_static(n);

    for (int i = 0; i < n->n_in; i++)
        one = one && (n->in[i] == NULL || is_one(n->in[i]));
    if (n->n_in > HONE_ANY || n->n_out > HONE_ANY || !inputs_fit(f, n) ||
        !run_kernel(f, n, one, out))
        return false;
    for (int k = 0; k < n->n_out; k++) {
        hone_dims dims;
        if (n->out[k] == NULL)
            continue;
        if (one && hone_shape_dims(&n->out[k]->type.shape, &dims) &&
            hone_dims_count_or_zero(&dims) != 1) {
            put_constant(f, n->out[k],
                         hone_graph_splat(f->graph, NULL, out[k].dtype, &dims, out[k].data));
            continue;
        }
        if (one)
            hone_shape_dims(&n->out[k]->type.shape, &out[k].shape);
        size_t size = 0;
        hone_dims_size(out[k].dtype, &out[k].shape, &size);
        put_constant(
            f, n->out[k],
            hone_graph_constant(f->graph, NULL, out[k].dtype, &out[k].shape, out[k].data, size));
    }
    return true;
}

/* Whether inference knows every element of an integer or bool tensor that somebody uses. */
static bool is_known(const hone_value *v, int64_t *numbers, hone_dims *dims)
{
    int count = 0;
    const hone_dtype t = v->type.dtype;

    return v->first_use != NULL && v->n_elem >= 0 && hone_value_is_static(v) &&
           hone_dtype_bits(t) >= 8 && (hone_dtype_is_integer(t) || t == HONE_BOOL) &&
           hone_value_ints(v, numbers, HONE_FACT_ELEMS, &count) &&
           hone_shape_dims(&v->type.shape, dims) && hone_dims_count_or_zero(dims) == count;
}

/* before: y = f(x), an integer tensor that inference knows      after: y = constant */
static bool fold_known(folding *f, hone_node *n)
{
    bool changed = false;
    for (int k = 0; k < n->n_out; k++) {
        hone_value *v = n->out[k];
        int64_t numbers[HONE_FACT_ELEMS];
        hone_dims dims;
        size_t size = 0;
        if (v == NULL || hone_op_has(n->op, HONE_TRAIT_RANDOM) || !is_known(v, numbers, &dims))
            continue;
        hone_dims_size(v->type.dtype, &dims, &size);
        void *data = hone_arena_alloc_aligned(f->graph->module->arena, size + 1, HONE_ALIGNMENT);
        for (int64_t i = 0; i < hone_dims_count_or_zero(&dims); i++)
            hone_element_set_int(v->type.dtype, data, i, numbers[i]);
        put_constant(f, v, hone_graph_constant(f->graph, NULL, v->type.dtype, &dims, data, size));
        changed = true;
    }
    return changed;
}

static bool known_condition(const hone_node *n, bool *taken)
{
    int64_t condition;
    int count = 0;
    if (n->op != HONE_OP_if || n->n_sub != 2 || !hone_value_ints(n->in[0], &condition, 1, &count) ||
        count != 1)
        return false;
    *taken = condition != 0;
    return true;
}

static hone_status fold_graph(folding *f)
{
    for (hone_node *n = f->graph->first, *next; n != NULL; n = next) {
        bool taken;
        next = n->next;
        if (known_condition(
                n, &taken)) { /* before inference: the other branch may contradict the shapes */
            hone_node *first = hone_branch_inline(n, taken);
            f->changed = true;
            hone_node_remove(n);
            next = first == n ? next : first;
            continue;
        }
        if (f->changed)
            HONE_TRY(hone_node_infer(n));
        if (!fold_known(f, n) && is_foldable(n))
            (void)(fold_to_splat(f, n) || fold_view(f, n) || fold_by_kernel(f, n));
    }
    return HONE_OK;
}

hone_status hone_pass_fold(hone_pass_context *c)
{
    int n = 0;
    hone_graph **graphs = hone_module_graphs(c->module, &n);
    hone_status *failed = hone_arena_array(c->module->arena, (size_t)n, sizeof *failed);
    bool changed = false;

    for (int i = 0; i < n; i++) {
        folding f = {.pass = c, .graph = graphs[i], .changed = changed};
        if (!hone_graph_is_alive(graphs[i]))
            continue; /* a branch that was not taken */
        failed[i] = fold_graph(&f);
        if (failed[i] != HONE_OK && graphs[i]->owner == NULL)
            return failed[i];
        changed = f.changed;
    }
    for (int i = n - 1; i >= 0; i--) {
        if (failed[i] == HONE_OK || !hone_graph_is_alive(graphs[i]))
            continue;
        if (!hone_branch_give_up(graphs[i], c->options->logger))
            return failed[i];
        changed = true;
    }
    c->changed |= changed;
    if (!changed)
        return HONE_OK;
    HONE_TRY(hone_graph_infer(c->module->main));
    return hone_pass_dead(c);
}
