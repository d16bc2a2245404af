/* Widening: everything in float16 and bfloat16 is computed in float32, on the CPU because it has
 * no other arithmetic, and for GPUs because rules then know one type; narrow.c brings the small
 * type back there, and is told here what it was. The one idea: types are changed where they stand
 * (values, constants, TYPE attributes), and casts are put only at the borders: the model's own
 * inputs and outputs, and operators that are about the bits themselves. Rounding in between is
 * dropped: answers get closer to the exact ones, not equal to those of a machine that rounds at
 * every step. */
#include "opt/edit.h"
#include "opt/rules.h"

#include <stdlib.h>

static bool is_small(hone_dtype t)
{
    return t == HONE_F16 || t == HONE_BF16;
}

static bool is_small_value(const hone_value *v)
{
    return v != NULL && v->type.kind == HONE_KIND_TENSOR && is_small(v->type.dtype);
}

/* Operators that look at the bits, or hold tensors whose type a sequence fixes: they keep the small
 * type. */
static bool keeps_type(const hone_node *n)
{
    return n->op == HONE_OP_bit_cast || hone_op_has(n->op, HONE_TRAIT_SEQUENCE);
}

static void widen_element(hone_dtype from, const void *data, int64_t i, float *out)
{
    uint16_t bits;
    memcpy(&bits, (const char *)data + 2 * (size_t)i, sizeof bits);
    *out = from == HONE_F16 ? hone_f16_to_f32(bits) : hone_bf16_to_f32(bits);
}

static void widen_constant(hone_module *module, hone_value *v)
{
    const int64_t n = v->constant->is_splat ? 1 : hone_constant_count(v);
    float *data =
        hone_arena_alloc_aligned(module->arena, (size_t)n * sizeof(float) + 1, HONE_ALIGNMENT);
    hone_constant *c = hone_arena_alloc(module->arena, sizeof *c);

    for (int64_t i = 0; i < n; i++)
        widen_element(v->type.dtype, v->constant->data, i, &data[i]);
    *c = (hone_constant){data, (size_t)n * sizeof(float), v->constant->is_splat};
    v->constant = c;
    v->type.dtype = HONE_F32;
}

/* The casts are made between equal types: widening what is not kept then gives each its direction.
 */
static hone_value *make_cast(hone_graph *g, hone_node *before, hone_value *v, hone_dtype to)
{
    hone_node *cast = hone_node_create(g, before, HONE_OP_cast, v->name, &v, 1, 1);
    cast->attrs.cast.to = to;
    cast->out[0]->type = v->type;
    cast->out[0]->type.dtype = to;
    return cast->out[0];
}

/* Replaces the uses that v has now, but not that of `keep`. */
static void replace_uses_but(hone_value *v, hone_value *to, const hone_node *keep)
{
    for (hone_use *u = v->first_use, *next; u != NULL; u = next) {
        next = u->next;
        if (u->node == NULL)
            hone_graph_set_output(u->graph, u->index, to);
        else if (u->node != keep)
            hone_node_set_input(u->node, u->index, to);
    }
}

/* input x: f16   ->   input x: f16; x' = cast(x, f32), and x' in all places of x */
static void widen_inputs(hone_graph *main)
{
    for (int i = 0; i < main->n_in; i++) {
        hone_value *x = main->in[i];
        if (!is_small_value(x) || x->first_use == NULL)
            continue;
        hone_value *wide = make_cast(main, main->first, x, x->type.dtype);
        replace_uses_but(x, wide, wide->def);
    }
}

/* output y: f16   ->   y' : f32; y = cast(y', f16). The cast's value takes the name. */
static void widen_outputs(hone_graph *main)
{
    for (int i = 0; i < main->n_out; i++) {
        hone_value *y = main->out[i];
        if (!is_small_value(y))
            continue;
        hone_value *narrow = make_cast(main, NULL, y, y->type.dtype);
        const char *name = y->name;
        hone_graph_set_output(main, i, narrow);
        hone_value_rename(y, hone_arena_format(main->module->arena, "%s_f32", name));
        hone_value_rename(narrow, name);
    }
}

static void widen_attributes(hone_node *n)
{
    int n_rows = 0;
    const hone_attr_row *rows = hone_attrs_rows(n->op, &n_rows);

    for (int i = 0; i < n_rows; i++) {
        hone_dtype *type = (hone_dtype *)((char *)&n->attrs + rows[i].offset);
        if (rows[i].kind == HONE_ATTR_TYPE && is_small(*type))
            *type = HONE_F32;
    }
}

/* A node that keeps the small type: casts around it, so that all others see float32. */
static void guard(hone_node *n)
{
    for (int i = 0; i < n->n_in; i++)
        if (is_small_value(n->in[i]))
            hone_node_set_input(n, i, make_cast(n->graph, n, n->in[i], n->in[i]->type.dtype));
    for (int i = 0; i < n->n_out; i++)
        if (is_small_value(n->out[i])) {
            hone_value *wide = make_cast(n->graph, n->next, n->out[i], n->out[i]->type.dtype);
            replace_uses_but(n->out[i], wide, wide->def);
        }
}

/* Values that stay small: what guarded nodes read and write, the model's inputs and outputs. */
static void mark_kept(hone_module *module, hone_graph *const *graphs, int n_graphs, bool *kept)
{
    for (int i = 0; i < module->main->n_in; i++)
        kept[module->main->in[i]->id] = true;
    for (int i = 0; i < module->main->n_out; i++)
        kept[module->main->out[i]->id] = true;
    for (int g = 0; g < n_graphs; g++)
        for (hone_node *n = graphs[g]->first; n != NULL; n = n->next) {
            for (int i = 0; keeps_type(n) && i < n->n_in; i++)
                if (n->in[i] != NULL)
                    kept[n->in[i]->id] = true;
            for (int i = 0; keeps_type(n) && i < n->n_out; i++)
                if (n->out[i] != NULL)
                    kept[n->out[i]->id] = true;
        }
}

static void widen_value(hone_module *module, const bool *kept, hone_value *v)
{
    if (!is_small_value(v) || kept[v->id])
        return;
    if (v->constant != NULL)
        widen_constant(module, v);
    else
        v->type.dtype = HONE_F32;
}

static void widen_node(hone_module *module, const bool *kept, hone_node *n)
{
    for (int i = 0; i < n->n_in; i++)
        widen_value(module, kept, n->in[i]);
    for (int i = 0; i < n->n_out; i++)
        widen_value(module, kept, n->out[i]);
    if (!keeps_type(n) && !(n->op == HONE_OP_cast && kept[n->out[0]->id]))
        widen_attributes(n);
}

static void widen_graph(hone_module *module, const bool *kept, hone_graph *g)
{
    for (int i = 0; i < g->n_in; i++)
        widen_value(module, kept, g->in[i]);
    for (hone_node *n = g->first; n != NULL; n = n->next)
        widen_node(module, kept, n);
    for (int i = 0; i < g->n_out; i++)
        widen_value(module, kept, g->out[i]);
}

static bool has_small(hone_graph *const *graphs, int n_graphs)
{
    for (int g = 0; g < n_graphs; g++) {
        for (int i = 0; i < graphs[g]->n_in; i++)
            if (is_small_value(graphs[g]->in[i]))
                return true;
        for (hone_node *n = graphs[g]->first; n != NULL; n = n->next) {
            for (int i = 0; i < n->n_in; i++)
                if (is_small_value(n->in[i]))
                    return true;
            for (int i = 0; i < n->n_out; i++)
                if (is_small_value(n->out[i]))
                    return true;
        }
    }
    return false;
}

/* ---- what narrow.c is told ---- */

static int compare_names(const void *a, const void *b)
{
    return strcmp(*(const char *const *)a, *(const char *const *)b);
}

bool hone_was_wide(const hone_pass_context *c, const char *name)
{
    return c->n_wide > 0 &&
           bsearch(&name, c->wide, (size_t)c->n_wide, sizeof *c->wide, compare_names) != NULL;
}

/* Casts and views compute nothing, and say nothing of the type that a model computes in. */
static bool computes(const hone_node *n)
{
    return n->n_out > 0 && n->out[0] != NULL && n->out[0]->type.kind == HONE_KIND_TENSOR &&
           n->op != HONE_OP_cast && !hone_op_has(n->op, HONE_TRAIT_VIEW | HONE_TRAIT_MOVEMENT);
}

static void note_types(hone_pass_context *c, hone_graph *const *graphs, int n_graphs)
{
    HONE_VEC(const char *) wide = {0};
    int n_f16 = 0, n_bf16 = 0;

    for (int g = 0; g < n_graphs; g++)
        for (const hone_node *n = graphs[g]->first; n != NULL; n = n->next) {
            if (!computes(n))
                continue;
            n_f16 += n->out[0]->type.dtype == HONE_F16;
            n_bf16 += n->out[0]->type.dtype == HONE_BF16;
            if (n->out[0]->type.dtype == HONE_F32)
                *hone_vec_push(c->module->arena, &wide) = n->name;
        }
    if (n_f16 + n_bf16 == 0)
        return;
    c->small = n_f16 >= n_bf16 ? HONE_F16 : HONE_BF16;
    c->wide = wide.v;
    c->n_wide = wide.n;
    if (wide.n > 0)
        qsort(wide.v, (size_t)wide.n, sizeof *wide.v, compare_names);
}

/* Casts that were between small and wide types now change nothing, or hide one: drop_cast sees to
 * the rest. */
hone_status hone_pass_widen(hone_pass_context *c)
{
    int n = 0;
    hone_graph **graphs = hone_module_graphs(c->module, &n);

    if (!has_small(graphs, n))
        return HONE_OK;
    if (c->options->gpu)
        note_types(c, graphs, n);
    for (int g = 0; g < n; g++)
        for (hone_node *node = graphs[g]->first, *next; node != NULL; node = next) {
            next = node->next;
            if (keeps_type(node))
                guard(node);
        }
    widen_inputs(c->module->main);
    widen_outputs(c->module->main);
    bool *kept = hone_arena_array(c->module->arena, (size_t)hone_module_value_count(c->module),
                                  sizeof *kept);
    mark_kept(c->module, graphs, n, kept);
    for (int g = 0; g < n; g++)
        widen_graph(c->module, kept, graphs[g]);
    c->changed = true;
    return hone_graph_infer(c->module->main);
}
