/* Making and changing graphs. The idea: everything is in the module's arena and nothing is freed,
 * so editing is linking and unlinking; each edge (an input of a node, an output of a graph) is a
 * hone_use in the list of its value. Questions about values are in value.c, names in names.c. */
#include "ir/graph.h"

#include <assert.h>

#include "ir/names.h"

hone_module *hone_module_create(hone_arena *arena)
{
    hone_module *module = hone_arena_alloc(arena, sizeof *module);

    module->arena = arena;
    module->extents = hone_extents_create(arena);
    module->names = hone_names_create(arena);
    module->main = hone_graph_create(module, NULL, "main");
    return module;
}

int hone_module_value_count(const hone_module *module)
{
    return module->n_values;
}

hone_value *hone_module_find(const hone_module *module, const char *name)
{
    return hone_names_find(module->names, (hone_bytes){(const uint8_t *)name, strlen(name)});
}

void hone_module_property(hone_module *module, const char *key, const char *value)
{
    const char *copy = hone_arena_text(module->arena, value);

    for (int i = 0; i < module->properties.n; i++)
        if (!strcmp(module->properties.v[i].key, key)) {
            module->properties.v[i].value = copy;
            return;
        }
    hone_property *property = hone_vec_push(module->arena, &module->properties);
    *property = (hone_property){hone_arena_text(module->arena, key), copy};
}

/* Room for one more item in an array whose room is n rounded up to a power of two: `v`, or a longer
 * copy. */
static void *with_room(hone_arena *arena, void *v, int n, size_t item)
{
    if (n & (n - 1))
        return v;
    void *copy = hone_arena_array(arena, n ? 2 * (size_t)n : 1, item);
    if (n > 0)
        memcpy(copy, v, (size_t)n * item);
    return copy;
}

hone_graph *hone_graph_create(hone_module *module, hone_node *owner, const char *name)
{
    hone_graph *graph = hone_arena_alloc(module->arena, sizeof *graph);

    graph->module = module;
    graph->owner = owner;
    graph->name = hone_arena_text(module->arena, name ? name : "");
    if (owner) {
        owner->sub = with_room(module->arena, owner->sub, owner->n_sub, sizeof *owner->sub);
        owner->sub[owner->n_sub++] = graph;
    }
    return graph;
}

hone_value *hone_value_create(hone_graph *graph, const char *name, const hone_type *type)
{
    hone_value *value = hone_arena_alloc(graph->module->arena, sizeof *value);

    value->id = graph->module->n_values++;
    value->graph = graph;
    value->n_elem = -1;
    value->type = type ? *type : (hone_type){.shape.rank = -1};
    hone_names_give(graph->module, value, name);
    return value;
}

hone_value *hone_graph_input(hone_graph *graph, const char *name, const hone_type *type)
{
    hone_value *value = hone_value_create(graph, name, type);

    graph->in = with_room(graph->module->arena, graph->in, graph->n_in, sizeof *graph->in);
    graph->in[graph->n_in++] = value;
    return value;
}

/* ---- edges ---- */

static void link_use(hone_value *value, hone_use *use)
{
    use->next = NULL;
    use->prev = value->last_use;
    if (value->last_use)
        value->last_use->next = use;
    else
        value->first_use = use;
    value->last_use = use;
}

static void unlink_use(hone_value *value, hone_use *use)
{
    *(use->prev ? &use->prev->next : &value->first_use) = use->next;
    *(use->next ? &use->next->prev : &value->last_use) = use->prev;
    use->prev = use->next = NULL;
}

/* The use has moved in memory: its neighbours learn where to. */
static void relink_use(hone_value *value, hone_use *use)
{
    *(use->prev ? &use->prev->next : &value->first_use) = use;
    *(use->next ? &use->next->prev : &value->last_use) = use;
}

/* Longer room for the uses of a graph's outputs. Each is copied only after those before it have
 * told it where they are now: neighbours in the array may be neighbours in a list. */
static void move_output_uses(hone_graph *graph, hone_use *uses)
{
    for (int i = 0; i < graph->n_out; i++) {
        uses[i] = graph->out_use[i];
        relink_use(graph->out[i], &uses[i]);
    }
    graph->out_use = uses;
}

void hone_graph_output(hone_graph *graph, hone_value *value)
{
    hone_arena *arena = graph->module->arena;
    hone_use *uses = with_room(arena, graph->out_use, graph->n_out, sizeof *uses);

    if (uses != graph->out_use)
        move_output_uses(graph, uses);
    graph->out = with_room(arena, graph->out, graph->n_out, sizeof(hone_value *));
    graph->out[graph->n_out] = value;
    uses[graph->n_out] = (hone_use){.graph = graph, .index = graph->n_out};
    link_use(value, &uses[graph->n_out]);
    graph->n_out++;
}

void hone_graph_set_output(hone_graph *graph, int index, hone_value *value)
{
    assert(index >= 0 && index < graph->n_out && value);
    unlink_use(graph->out[index], &graph->out_use[index]);
    graph->out[index] = value;
    link_use(value, &graph->out_use[index]);
}

void hone_node_set_input(hone_node *node, int index, hone_value *value)
{
    assert(index >= 0 && index < node->n_in);
    if (node->in[index])
        unlink_use(node->in[index], &node->use[index]);
    node->in[index] = value;
    if (value)
        link_use(value, &node->use[index]);
}

static void init_uses(hone_node *node, int from)
{
    for (int i = from; i < node->n_in; i++)
        node->use[i] = (hone_use){.node = node, .graph = node->graph, .index = i};
}

void hone_node_resize_inputs(hone_node *node, int n_in)
{
    hone_arena *arena = node->graph->module->arena;
    const int kept = HONE_MIN(node->n_in, n_in);

    for (int i = n_in; i < node->n_in; i++)
        hone_node_set_input(node, i, NULL);
    if (n_in > node->n_in) {
        hone_value **in = hone_arena_array(arena, (size_t)n_in, sizeof(hone_value *));
        hone_use *use = hone_arena_array(arena, (size_t)n_in, sizeof *use);
        for (int i = 0; i < kept; i++) {
            in[i] = node->in[i];
            use[i] = node->use[i];
            if (in[i])
                relink_use(in[i], &use[i]);
        }
        node->in = in;
        node->use = use;
    }
    node->n_in = n_in;
    init_uses(node, kept);
}

/* ---- nodes ---- */

static void link_node(hone_graph *graph, hone_node *node, hone_node *before)
{
    assert(!before || before->graph == graph);
    node->next = before;
    node->prev = before ? before->prev : graph->last;
    *(node->prev ? &node->prev->next : &graph->first) = node;
    *(node->next ? &node->next->prev : &graph->last) = node;
}

static void unlink_node(hone_node *node)
{
    *(node->prev ? &node->prev->next : &node->graph->first) = node->next;
    *(node->next ? &node->next->prev : &node->graph->last) = node->prev;
    node->prev = node->next = NULL;
}

static void make_outputs(hone_node *node, int n_out)
{
    node->n_out = n_out;
    node->out = hone_arena_array(node->graph->module->arena, (size_t)n_out, sizeof(hone_value *));
    for (int i = 0; i < n_out; i++) {
        node->out[i] = hone_value_create(node->graph, NULL, NULL);
        node->out[i]->def = node;
        node->out[i]->def_index = i;
    }
}

hone_node *hone_node_create(hone_graph *graph, hone_node *before, hone_op_id op, const char *name,
                            hone_value *const *in, int n_in, int n_out)
{
    hone_arena *arena = graph->module->arena;
    hone_node *node = hone_arena_alloc(arena, sizeof *node);

    node->op = op;
    node->graph = graph;
    hone_attrs_init(op, &node->attrs);
    node->n_in = n_in;
    node->in = hone_arena_array(arena, (size_t)n_in, sizeof(hone_value *));
    node->use = hone_arena_array(arena, (size_t)n_in, sizeof *node->use);
    init_uses(node, 0);
    for (int i = 0; i < n_in; i++)
        hone_node_set_input(node, i, in[i]);
    make_outputs(node, n_out);
    link_node(graph, node, before);
    if (name && *name)
        node->name = hone_arena_text(arena, name);
    else if (n_out > 0)
        node->name = hone_arena_format(arena, "%s_%d", hone_ops[op].name, node->out[0]->id);
    else
        node->name = hone_ops[op].name;
    return node;
}

static void drop_graph(hone_graph *graph);

/* Takes the node's edges and its outputs' names, and those of its subgraphs. */
static void drop_node(hone_node *node)
{
    for (int i = 0; i < node->n_sub; i++)
        drop_graph(node->sub[i]);
    for (int i = 0; i < node->n_in; i++)
        hone_node_set_input(node, i, NULL);
    for (int i = 0; i < node->n_out; i++)
        if (node->out[i])
            hone_names_release(node->graph->module, node->out[i]);
}

static void drop_graph(hone_graph *graph)
{
    for (int i = 0; i < graph->n_out; i++)
        unlink_use(graph->out[i], &graph->out_use[i]);
    graph->n_out = 0;
    for (hone_node *node = graph->last; node; node = node->prev)
        drop_node(node);
    for (int i = 0; i < graph->n_in; i++)
        hone_names_release(graph->module, graph->in[i]);
}

void hone_node_remove(hone_node *node)
{
    for (int i = 0; i < node->n_out; i++)
        assert(!node->out[i] || !node->out[i]->first_use);
    drop_node(node);
    unlink_node(node);
    node->graph = NULL;
}

void hone_node_drop_output(hone_node *node, int index)
{
    assert(!node->out[index] || !node->out[index]->first_use);
    if (node->out[index])
        hone_names_release(node->graph->module, node->out[index]);
    node->out[index] = NULL;
}

void hone_node_move(hone_node *node, hone_node *before)
{
    hone_graph *graph = node->graph;

    if (before == node)
        return;
    unlink_node(node);
    link_node(graph, node, before);
}

/* ---- replacing values ---- */

void hone_value_rename(hone_value *value, const char *name)
{
    if (!strcmp(value->name, name))
        return;
    hone_names_release(value->graph->module, value);
    hone_names_give(value->graph->module, value, name);
}

static bool is_main_output(const hone_value *value)
{
    for (const hone_use *use = value->first_use; use; use = use->next)
        if (!use->node && !use->graph->owner)
            return true;
    return false;
}

bool hone_value_can_rename(const hone_value *value)
{
    const bool is_input = !value->def && !value->constant;

    return !(is_input && !value->graph->owner) && !is_main_output(value);
}

/* A value equal to `to` that may take a name: `to` itself, or a copy of it made at the end of the
 * main graph. */
static hone_value *nameable(hone_value *to)
{
    hone_graph *main = to->graph->module->main;

    if (hone_value_can_rename(to))
        return to;
    hone_node *copy = hone_node_create(main, NULL, HONE_OP_identity, NULL, &to, 1, 1);
    copy->out[0]->type = to->type;
    copy->out[0]->n_elem = to->n_elem;
    copy->out[0]->elem = to->elem;
    return copy->out[0];
}

static void swap_names(hone_value *a, hone_value *b)
{
    hone_module *module = a->graph->module;
    const char *name_a = a->name, *name_b = b->name;

    hone_names_release(module, a);
    hone_names_release(module, b);
    hone_names_give(module, b, name_a);
    hone_names_give(module, a, name_b);
}

void hone_value_replace(hone_value *from, hone_value *to)
{
    if (from == to)
        return;
    const bool moves_name = is_main_output(from) && (from->def || from->constant);
    hone_value *output = moves_name ? nameable(to) : to;
    for (hone_use *use = from->first_use, *next; use; use = next) {
        next = use->next;
        if (!use->node)
            hone_graph_set_output(use->graph, use->index, use->graph->owner ? to : output);
        else if (use->node != to->def)
            hone_node_set_input(use->node, use->index, to);
    }
    if (moves_name)
        swap_names(from, output);
}
