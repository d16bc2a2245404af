/* The rule engine: sweeps over the nodes until no rule fires. The one idea: rules for an operator
 * stand together, so a node is offered only to the few that may match, and sweeps alternate in
 * direction, so that a rewrite that travels along a chain gets all the way in one of them. It knows
 * no rule, and nothing of the order of stages. */
#include "opt/rules.h"

/* Rules of each operator, in their given order; bucket 0 (HONE_OP_none) holds those for every
 * operator. */
typedef struct rule_index {
    const hone_rule **rule[HONE_OP_COUNT];
    int n[HONE_OP_COUNT];
} rule_index;

static rule_index *index_rules(hone_arena *arena, const hone_rule *const *rules, int n)
{
    rule_index *index = hone_arena_alloc(arena, sizeof *index);
    for (int i = 0; i < n; i++)
        index->n[rules[i]->root]++;
    for (int op = 0; op < HONE_OP_COUNT; op++)
        index->rule[op] =
            index->n[op] > 0 ? hone_arena_array(arena, (size_t)index->n[op], sizeof(void *)) : NULL;
    memset(index->n, 0, sizeof index->n);
    for (int i = 0; i < n; i++)
        index->rule[rules[i]->root][index->n[rules[i]->root]++] = rules[i];
    return index;
}

/* Offers the node to its rules until none of them fires or it is gone; returns how often one fired.
 */
static int offer(const rule_index *index, hone_graph *graph, hone_node *node,
                 const hone_rule **last)
{
    int fired = 0;
    const int buckets[2] = {(int)node->op, HONE_OP_none};

    for (int b = 0; b < 2; b++)
        for (int i = 0; i < index->n[buckets[b]]; i++) {
            const hone_rule *rule = index->rule[buckets[b]][i];
            if (node->graph != graph)
                return fired;
            if (rule->apply(graph, node)) {
                *last = rule;
                fired++;
            }
        }
    return fired;
}

typedef HONE_VEC(hone_node *) node_list;

static void list_nodes(hone_graph *graph, node_list *list)
{
    list->n = 0;
    for (hone_node *n = graph->first; n != NULL; n = n->next)
        *hone_vec_push(graph->module->arena, list) = n;
}

/* A node whose outputs nobody uses: what a rewrite leaves behind. Taken out at once, so that "has
 * one use" stays true. */
static bool is_dead(const hone_node *node)
{
    if (node->n_out == 0 || hone_op_has(node->op, HONE_TRAIT_CONTROL))
        return false;
    for (int i = 0; i < node->n_out; i++)
        if (node->out[i] != NULL && node->out[i]->first_use != NULL)
            return false;
    return true;
}

/* Removes dead nodes, the last first, so that one sweep takes whole chains. */
static void sweep_dead(const node_list *list)
{
    for (int i = list->n - 1; i >= 0; i--)
        if (list->v[i]->graph != NULL && is_dead(list->v[i]))
            hone_node_remove(list->v[i]);
}

hone_status hone_rules_apply(hone_graph *graph, const hone_rule *const *rules, int n, bool *changed)
{
    const rule_index *index = index_rules(graph->module->arena, rules, n);
    const hone_rule *last = NULL;
    node_list list = {0};
    int64_t fired = 0;
    int now = 1;

    for (int sweep = 0; now > 0; sweep++) {
        now = 0;
        list_nodes(graph, &list);
        for (int i = 0; i < list.n; i++) {
            hone_node *node = list.v[sweep % 2 == 0 ? i : list.n - 1 - i];
            if (node->graph == graph)
                now += offer(index, graph, node, &last);
        }
        list_nodes(graph, &list);
        sweep_dead(&list);
        fired += now;
        if (sweep > 1000 || fired > 1000 + 100 * (int64_t)list.n)
            return hone_error(HONE_ERR_INTERNAL,
                              "applying rules to graph \"%s\": rule %s does not end", graph->name,
                              last->name);
    }
    *changed = *changed || fired > 0;
    return HONE_OK;
}

hone_graph **hone_module_graphs(hone_module *module, int *n)
{
    HONE_VEC(hone_graph *) list = {0};

    *hone_vec_push(module->arena, &list) = module->main;
    for (int i = 0; i < list.n; i++)
        for (hone_node *node = list.v[i]->first; node != NULL; node = node->next)
            for (int k = 0; k < node->n_sub; k++)
                *hone_vec_push(module->arena, &list) = node->sub[k];
    *n = list.n;
    return list.v;
}

#define HONE_RULE(set, name) &hone_rule_##name,
static const hone_rule *const all_rules[] = {
#include "opt/rules.def"
};
#undef HONE_RULE

const hone_rule *hone_rule_find(const char *name)
{
    for (int i = 0; i < HONE_COUNT(all_rules); i++)
        if (strcmp(all_rules[i]->name, name) == 0)
            return all_rules[i];
    return NULL;
}
