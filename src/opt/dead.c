/* Dead code: nodes none of whose outputs are used go, and outputs that nobody uses are no longer
 * computed where the operator lets them be absent. One walk from the last node to the first of each
 * graph is enough, because users stand after what they use; bodies are walked before their owners'
 * graph, because they use its values. Graph inputs stay: they are the model's interface. */
#include "opt/rules.h"

/* before: (y, mask) = dropout(x), mask unused      after: (y, -) = dropout(x)
 * Legal for outputs past out_min, or where all may be absent. Split writes every part: its count is
 * its meaning. */
static bool drop_unused_outputs(hone_node *node)
{
    bool changed = false;
    const int least = hone_ops[node->op].out_min;

    if (hone_op_has(node->op, HONE_TRAIT_CONTROL) || node->op == HONE_OP_split)
        return false;
    for (int i = least; i < node->n_out; i++)
        if (node->out[i] != NULL && node->out[i]->first_use == NULL) {
            node->out[i] = NULL;
            changed = true;
        }
    return changed;
}

static bool is_used(const hone_node *node)
{
    for (int i = 0; i < node->n_out; i++)
        if (node->out[i] != NULL && node->out[i]->first_use != NULL)
            return true;
    return false;
}

static bool sweep(hone_graph *g)
{
    bool changed = false;
    for (hone_node *node = g->last, *prev; node != NULL; node = prev) {
        prev = node->prev;
        if (is_used(node)) {
            changed |= drop_unused_outputs(node);
            continue;
        }
        hone_node_remove(node);
        changed = true;
    }
    return changed;
}

hone_status hone_pass_dead(hone_pass_context *c)
{
    int n = 0;
    hone_graph **graphs = hone_module_graphs(c->module, &n);

    for (int i = n - 1; i >= 0; i--)
        if (graphs[i]->owner == NULL || graphs[i]->owner->graph != NULL)
            c->changed |= sweep(graphs[i]);
    return HONE_OK;
}
