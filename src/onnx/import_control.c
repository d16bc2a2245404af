/* If, Loop, Scan and SequenceMap: the node first, then its bodies as subgraphs that see the names
 * around them, then inference of the whole. A body's inputs get the types of what is fed to them;
 * what the file declares for them only tells their rank. */
#include "onnx/import.h"

static const hone_type unknown_type = {.kind = HONE_KIND_TENSOR, .shape.rank = -1};

static hone_type tensor_type(hone_dtype dtype)
{
    return (hone_type){.kind = HONE_KIND_TENSOR, .dtype = dtype, .shape.rank = 0};
}

static const hone_onnx_graph *graph_attribute(hone_call *call, const char *name)
{
    const hone_onnx_attribute *a = hone_call_attribute(call, name, HONE_ONNX_GRAPH);
    if ((!a || !a->g) && call->status == HONE_OK)
        call->status = hone_call_malformed(call, "it has no attribute \"%s\"", name);
    return a ? a->g : NULL;
}

/* An input of rank 1 and one element where Loop feeds a scalar: writers differ. */
static hone_value *widened(hone_graph *body, hone_value *input, hone_status *st)
{
    const int64_t zero = 0;
    hone_value *in[2] = {input, hone_graph_ints(body, NULL, &zero, 1)};
    hone_node *node = hone_node_create(body, NULL, HONE_OP_unsqueeze, "unsqueeze", in, 2, 1);
    *st = hone_node_infer(node);
    return node->out[0];
}

static hone_status body_inputs(hone_call *call, const hone_frame *frame, hone_scope *scope,
                               hone_graph *body, const hone_onnx_graph *proto,
                               const hone_type *types)
{
    for (int i = 0; i < proto->input.n; i++) {
        const hone_onnx_value_info *info = &proto->input.v[i];
        hone_type declared, type = types[i];
        HONE_TRY(hone_import_type(call->import, info->type, info->name, false, &declared));
        if (type.kind == HONE_KIND_TENSOR && type.dtype == HONE_NONE)
            type.dtype = declared.dtype;
        hone_value *value =
            hone_graph_input(body, hone_frame_name(call->import, frame, info->name), &type);
        if (call->op == HONE_OP_loop && i < 2 && declared.shape.rank == 1) {
            hone_status st;
            value = widened(body, value, &st);
            HONE_TRY(st);
        }
        HONE_TRY(hone_scope_add(scope, info->name, value, "subgraph input"));
    }
    return HONE_OK;
}

static hone_status body_outputs(hone_call *call, const hone_scope *scope, hone_graph *body,
                                const hone_onnx_graph *proto)
{
    for (int i = 0; i < proto->output.n; i++) {
        bool found;
        hone_value *value = hone_scope_find(scope, proto->output.v[i].name, &found);
        if (!found || !value)
            return hone_call_malformed(
                call, "output \"%.200s\" of its subgraph \"%.200s\" is given by nothing",
                proto->output.v[i].name, proto->name);
        if (hone_list_find(call->import, value))
            return hone_call_unsupported(
                call, "output \"%.200s\" of its subgraph is a sequence or an empty optional",
                proto->output.v[i].name);
        if (value->graph != body) { /* handed through from outside */
            hone_node *node =
                hone_node_create(body, NULL, HONE_OP_identity, call->name, &value, 1, 1);
            HONE_TRY(hone_node_infer(node));
            value = node->out[0];
        }
        hone_graph_output(body, value);
    }
    return HONE_OK;
}

/* types: one for each of the body's inputs. Recursive with hone_import_nodes; depth is bounded. */
static hone_status import_body(hone_call *call, hone_node *node, const hone_onnx_graph *proto,
                               const hone_type *types)
{
    hone_import *im = call->import;
    hone_frame frame = *call->frame;
    hone_scope scope = {.outer = call->scope, .names = hone_lookup_in(im->arena)};

    if (++frame.depth > HONE_IMPORT_MAX_DEPTH)
        return hone_error(HONE_ERR_LIMIT, "functions and subgraphs are nested more than %d deep",
                          HONE_IMPORT_MAX_DEPTH);
    HONE_TRY(hone_import_spend(im, (size_t)proto->input.n + (size_t)proto->output.n));
    frame.prefix = hone_call_prefix(call);
    frame.in_body = true;
    hone_graph *body = hone_graph_create(im->module, node, *proto->name ? proto->name : call->name);
    HONE_TRY(body_inputs(call, &frame, &scope, body, proto, types));
    HONE_TRY(hone_import_initializers(im, &frame, &scope, body, proto));
    HONE_TRY(hone_import_nodes(im, &frame, &scope, body, proto->node.v, proto->node.n));
    return body_outputs(call, &scope, body, proto);
}

/* Inference of a node whose bodies hold what cannot be taken would only hide the report. */
static hone_status finish(hone_call *call, hone_node *node)
{
    for (int i = 0; i < call->n_out; i++)
        call->out[i] = node->out[i];
    if (call->import->n_unsupported > 0)
        return HONE_OK;
    call->status = hone_node_infer(node);
    if (call->status == HONE_ERR_BUILD && call->frame->in_body)
        call->status = HONE_OK;
    call->named = call->status != HONE_OK;
    return call->status;
}

hone_status hone_import_if(hone_call *call)
{
    const hone_onnx_graph *branch[2] = {graph_attribute(call, "then_branch"),
                                        graph_attribute(call, "else_branch")};

    HONE_TRY(call->status);
    if (call->n_in != 1)
        return hone_call_malformed(call, "it has %d inputs; it must have one", call->n_in);
    const int n_out = branch[0]->output.n;
    if (n_out != branch[1]->output.n || n_out < call->n_out || n_out == 0)
        return hone_call_malformed(
            call, "its branches have %d and %d outputs, it has %d; they must be as many", n_out,
            branch[1]->output.n, call->n_out);
    hone_node *node = hone_node_create(call->graph, NULL, call->op, call->name, call->in, 1, n_out);
    for (int i = 0; i < 2; i++) {
        if (branch[i]->input.n)
            return hone_call_malformed(call, "a branch has %d inputs; it must have none",
                                       branch[i]->input.n);
        HONE_TRY(import_body(call, node, branch[i], NULL));
    }
    return finish(call, node);
}

/* What is carried from round to round keeps its element type and rank as far as is known; its
 * extents may change. */
static hone_type carried_type(hone_call *call, const hone_value *initial,
                              const hone_onnx_value_info *info, hone_status *st)
{
    hone_type declared, type = initial ? initial->type : unknown_type;

    *st = hone_import_type(call->import, info->type, info->name, false, &declared);
    if (*st != HONE_OK || type.kind != HONE_KIND_TENSOR)
        return type;
    if (declared.shape.rank >= 0 && declared.shape.rank != type.shape.rank)
        type.shape.rank = -1;
    for (int i = 0; i < type.shape.rank; i++)
        type.shape.dim[i] =
            hone_extent_from_data(call->import->module->extents, 0, HONE_EXTENT_INF);
    return type;
}

hone_status hone_import_loop(hone_call *call)
{
    const hone_onnx_graph *proto = graph_attribute(call, "body");
    const int n_in = HONE_MAX(call->n_in, 2), n_carried = n_in - 2;

    HONE_TRY(call->status);
    if (proto->input.n != n_in || proto->output.n < 1 + n_carried ||
        proto->output.n - 1 < call->n_out)
        return hone_call_malformed(
            call, "with %d inputs and %d outputs it has a body of %d inputs and %d outputs", n_in,
            call->n_out, proto->input.n, proto->output.n);
    if (proto->output.n == 1)
        return hone_call_malformed(call, "its body carries nothing and has no outputs");
    hone_value **in = hone_arena_array(call->import->arena, (size_t)n_in, sizeof *in);
    hone_type *types = hone_arena_array(call->import->arena, (size_t)n_in, sizeof *types);
    for (int i = 0; i < n_in; i++)
        in[i] = hone_call_in(call, i);
    types[0] = tensor_type(HONE_I64);
    types[1] = tensor_type(HONE_BOOL);
    for (int i = 2; i < n_in; i++) {
        hone_status st;
        types[i] = carried_type(call, in[i], &proto->input.v[i], &st);
        HONE_TRY(st);
    }
    hone_node *node =
        hone_node_create(call->graph, NULL, call->op, call->name, in, n_in, proto->output.n - 1);
    HONE_TRY(import_body(call, node, proto, types));
    return finish(call, node);
}

/* One step's part of a scanned input: the type without its axis. */
static hone_type slice_type(const hone_value *x, int64_t axis)
{
    hone_type type = x ? x->type : unknown_type;
    const int rank = type.shape.rank;

    if (type.kind != HONE_KIND_TENSOR || rank < 0)
        return type;
    axis = axis < 0 ? axis + rank : axis;
    if (axis < 0 || axis >= rank)
        return unknown_type; /* inference says what is wrong */
    for (int64_t i = axis; i + 1 < rank; i++)
        type.shape.dim[i] = type.shape.dim[i + 1];
    type.shape.rank--;
    return type;
}

hone_status hone_import_scan_9(hone_call *call)
{
    const hone_onnx_graph *proto = graph_attribute(call, "body");
    hone_attrs attrs;

    hone_attrs_init(HONE_OP_scan, &attrs);
    HONE_TRY(call->status);
    HONE_TRY(hone_call_map(call, HONE_OP_scan, &attrs));
    const int64_t n_scan = attrs.scan.num_scan_inputs;
    if (n_scan < 1 || n_scan > call->n_in || proto->input.n != call->n_in)
        return hone_call_malformed(
            call, "it has %d inputs, %lld of them scanned, and a body of %d inputs", call->n_in,
            (long long)n_scan, proto->input.n);
    const int n_state = call->n_in - (int)n_scan;
    if (proto->output.n < n_state || proto->output.n < call->n_out || proto->output.n == 0)
        return hone_call_malformed(call,
                                   "it has %d states and %d outputs, and a body of %d outputs",
                                   n_state, call->n_out, proto->output.n);
    if (attrs.scan.scan_input_axes.n && attrs.scan.scan_input_axes.n != n_scan)
        return hone_call_malformed(call, "scan_input_axes has %d entries for %lld inputs",
                                   attrs.scan.scan_input_axes.n, (long long)n_scan);
    hone_type *types = hone_arena_array(call->import->arena, (size_t)call->n_in, sizeof *types);
    for (int i = 0; i < call->n_in; i++) {
        const bool has_axis = i >= n_state && attrs.scan.scan_input_axes.n;
        types[i] =
            i < n_state
                ? call->in[i] ? call->in[i]->type : unknown_type
                : slice_type(call->in[i], has_axis ? attrs.scan.scan_input_axes.v[i - n_state] : 0);
    }
    hone_node *node = hone_node_create(call->graph, NULL, call->op, call->name, call->in,
                                       call->n_in, proto->output.n);
    node->attrs = attrs;
    HONE_TRY(import_body(call, node, proto, types));
    return finish(call, node);
}

/* Scan of opset 8 has a batch in front of everything: it is a scan over the batch whose body is a
 * scan of today's form. `in` are the states and scanned inputs without the lengths. */
static hone_status scan_batches(hone_call *call, const hone_onnx_graph *proto, hone_value **in,
                                int n, const hone_attrs *inner_attrs)
{
    const int n_out = proto->output.n;
    hone_type *types = hone_arena_array(call->import->arena, (size_t)n, sizeof *types);
    hone_value **each = hone_arena_array(call->import->arena, (size_t)n, sizeof *each);
    hone_node *outer = hone_node_create(call->graph, NULL, HONE_OP_scan, call->name, in, n, n_out);
    hone_graph *batch = hone_graph_create(call->import->module, outer, call->name);

    outer->attrs.scan.num_scan_inputs = n;
    for (int i = 0; i < n; i++) {
        types[i] = slice_type(in[i], 0);
        each[i] = hone_graph_input(batch, NULL, &types[i]);
    }
    hone_node *inner = hone_node_create(batch, NULL, HONE_OP_scan, call->name, each, n, n_out);
    inner->attrs = *inner_attrs;
    for (int i = n - (int)inner_attrs->scan.num_scan_inputs; i < n; i++)
        types[i] = slice_type(each[i], 0);
    HONE_TRY(import_body(call, inner, proto, types));
    for (int i = 0; i < n_out; i++)
        hone_graph_output(batch, inner->out[i]);
    return finish(call, outer);
}

hone_status hone_import_scan_8(hone_call *call)
{
    const hone_onnx_graph *proto = graph_attribute(call, "body");
    const int64_t n_scan = hone_call_int(call, "num_scan_inputs", 0);
    const int n = call->n_in - 1;
    hone_attrs attrs;

    hone_attrs_init(HONE_OP_scan, &attrs);
    attrs.scan.num_scan_inputs = n_scan;
    hone_call_ints(call, "directions", &attrs.scan.scan_input_directions);
    HONE_TRY(call->status);
    if (n_scan < 1 || n_scan > n || proto->input.n != n)
        return hone_call_malformed(
            call, "it has %d inputs after the first, %lld of them scanned, and a body of %d inputs",
            n, (long long)n_scan, proto->input.n);
    if (proto->output.n < n - n_scan || proto->output.n < call->n_out || proto->output.n == 0)
        return hone_call_malformed(call, "it has %d outputs and a body of %d outputs", call->n_out,
                                   proto->output.n);
    if (call->in[0])
        return hone_call_unsupported(call, "sequences of different lengths in one batch");
    return scan_batches(call, proto, call->in + 1, n, &attrs);
}

hone_status hone_import_sequence_map(hone_call *call)
{
    const hone_onnx_graph *proto = graph_attribute(call, "body");

    HONE_TRY(call->status);
    if (call->n_in < 1 || proto->input.n != call->n_in || proto->output.n < call->n_out ||
        proto->output.n == 0)
        return hone_call_malformed(
            call, "with %d inputs and %d outputs it has a body of %d inputs and %d outputs",
            call->n_in, call->n_out, proto->input.n, proto->output.n);
    hone_type *types = hone_arena_array(call->import->arena, (size_t)call->n_in, sizeof *types);
    for (int i = 0; i < call->n_in; i++) {
        const hone_type *type = call->in[i] ? &call->in[i]->type : &unknown_type;
        types[i] = type->kind == HONE_KIND_SEQUENCE ? type->element ? *type->element : unknown_type
                                                    : *type;
    }
    hone_node *node = hone_node_create(call->graph, NULL, call->op, call->name, call->in,
                                       call->n_in, proto->output.n);
    HONE_TRY(import_body(call, node, proto, types));
    return finish(call, node);
}
