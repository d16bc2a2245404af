/* What operator importers build with: nodes that are inferred as they are made, so that an importer
 * sees ranks and types, and constants. Errors are kept in the call, so that an importer reads as a
 * list of what it makes. */
#include "onnx/import.h"

#include "base/dtype.h"

/* Too few or too many inputs or outputs is the file's fault, whatever inference would say of it. */
static hone_status check_arity(hone_call *call, hone_op_id op, hone_value *const *in, int n_in,
                               int n_out)
{
    const hone_op *row = &hone_ops[op];

    if (n_in < row->in_min || (row->in_max != HONE_ANY && n_in > row->in_max))
        return hone_call_malformed(call, "it has %d inputs; it must have %d to %d", n_in,
                                   row->in_min, row->in_max);
    if (row->out_max != HONE_ANY && n_out > row->out_max)
        return hone_call_malformed(call, "it has %d outputs; it may have %d", n_out, row->out_max);
    for (int i = 0; i < row->in_min && i < n_in; i++)
        if (!in[i])
            return hone_call_malformed(call, "input %d is absent; it is not optional", i);
    return HONE_OK;
}

static hone_node *create(hone_call *call, hone_op_id op, const hone_attrs *attrs,
                         hone_value *const *in, int n_in, int n_out)
{
    const hone_status st = hone_import_spend(call->import, 1);

    if (call->status == HONE_OK)
        call->status = st;
    hone_node *node = hone_node_create(call->graph, NULL, op, call->name, in, n_in, n_out);
    if (attrs)
        node->attrs = *attrs;
    return node;
}

/* In a subgraph types may contradict without harm: a branch that is never taken, a first guess of
 * what a loop carries. The node with the subgraph is inferred as a whole once it is complete, and
 * that has the last word. */
static void infer(hone_call *call, hone_node *node)
{
    if (call->status != HONE_OK)
        return;
    call->status = hone_node_infer(node);
    if (call->status == HONE_ERR_BUILD && call->frame->in_body)
        call->status = HONE_OK;
    call->named = call->status != HONE_OK;
}

hone_node *hone_emit_node(hone_call *call, hone_op_id op, const hone_attrs *attrs,
                          hone_value *const *in, int n_in, int n_out)
{
    hone_node *node = create(call, op, attrs, in, n_in, n_out);
    infer(call, node);
    return node;
}

hone_value *hone_emit(hone_call *call, hone_op_id op, const hone_attrs *attrs,
                      hone_value *const *in, int n_in)
{
    return hone_emit_node(call, op, attrs, in, n_in, 1)->out[0];
}

hone_status hone_emit_whole(hone_call *call, hone_op_id op, const hone_attrs *attrs,
                            hone_value *const *in, int n_in)
{
    const int least = HONE_MAX(call->n_out, hone_ops[op].out_min);

    HONE_TRY(call->status);
    HONE_TRY(check_arity(call, op, in, n_in, least));
    hone_node *node = create(call, op, attrs, in, n_in, least);
    HONE_TRY(hone_call_map(call, op, &node->attrs));
    for (int i = hone_ops[op].out_min; i < call->n_out; i++)
        if (!*call->proto->output.v[i])
            node->out[i] = NULL;
    infer(call, node);
    for (int i = 0; i < call->n_out; i++)
        call->out[i] = node->out[i];
    return call->status;
}

hone_value *hone_emit_ints(hone_call *call, const int64_t *v, int n)
{
    return hone_graph_ints(call->graph, NULL, v, n);
}

hone_value *hone_emit_int(hone_call *call, int64_t x)
{
    const hone_dims scalar = {.rank = 0};
    return hone_graph_constant(call->graph, NULL, HONE_I64, &scalar,
                               hone_arena_copy(call->import->arena, &x, sizeof x), sizeof x);
}

hone_value *hone_emit_scalar(hone_call *call, const hone_value *like, double x)
{
    const hone_dims scalar = {.rank = 0};
    const hone_dtype dtype = like && like->type.dtype != HONE_NONE ? like->type.dtype : HONE_F32;
    const size_t size = (size_t)(hone_dtype_bits(dtype) + 7) / 8;
    void *data = hone_arena_alloc(call->import->arena, size);

    if (dtype != HONE_STRING && !hone_dtype_is_complex(dtype))
        hone_element_set_double(dtype, data, 0, x);
    return hone_graph_constant(call->graph, NULL, dtype, &scalar, data, size);
}

hone_value *hone_emit_array(hone_call *call, const hone_onnx_array *array)
{
    return hone_graph_constant(call->graph, NULL, array->dtype, &array->dims, array->data,
                               array->size);
}

hone_value *hone_emit_ones_after(hone_call *call, hone_value *x, int n)
{
    int64_t axes[HONE_MAX_RANK];

    if (n <= 0)
        return x;
    n = HONE_MIN(n, HONE_MAX_RANK);
    for (int i = 0; i < n; i++)
        axes[i] = i - n;
    return hone_emit(call, HONE_OP_unsqueeze, NULL, HONE_IN(x, hone_emit_ints(call, axes, n)));
}
