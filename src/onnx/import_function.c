/* Functions of the model: a call is replaced by the function's nodes, imported into the caller's
 * graph with names under the call's own. A function sees its inputs and attributes alone, and has
 * its own opsets. Recursion is refused; how deep calls nest and how many nodes come of it is
 * bounded. */
#include "onnx/import.h"

static const char *key_of(hone_import *im, const char *domain, const char *name,
                          const char *overload)
{
    return hone_arena_format(im->arena, "%s:%s:%s", hone_onnx_domain(domain), name, overload);
}

hone_status hone_import_functions(hone_import *im)
{
    for (int i = 0; i < im->model->functions.n; i++) {
        const hone_onnx_function *f = &im->model->functions.v[i];
        if (f->attribute.n > HONE_IMPORT_MAX_ATTRIBUTES ||
            f->attribute_proto.n > HONE_IMPORT_MAX_ATTRIBUTES ||
            f->opset_import.n > HONE_IMPORT_MAX_OPSETS)
            return hone_error(HONE_ERR_LIMIT,
                              "importing function \"%.200s\": %d attributes, %d defaults and %d "
                              "opsets; %d, %d and %d are possible",
                              f->name, f->attribute.n, f->attribute_proto.n, f->opset_import.n,
                              HONE_IMPORT_MAX_ATTRIBUTES, HONE_IMPORT_MAX_ATTRIBUTES,
                              HONE_IMPORT_MAX_OPSETS);
        if (!*f->name)
            return hone_error(HONE_ERR_FORMAT, "importing function %d: it has no name", i);
        if (!hone_lookup_add(&im->functions, key_of(im, f->domain, f->name, f->overload), f))
            return hone_error(HONE_ERR_FORMAT,
                              "importing function \"%.200s\" (domain \"%.80s\"): it is there twice",
                              f->name, f->domain);
    }
    return HONE_OK;
}

const hone_onnx_function *hone_import_function_find(hone_import *im, const hone_onnx_node *node)
{
    if (im->functions.n == 0)
        return NULL;
    const hone_lookup_slot *slot =
        hone_lookup_find(&im->functions, key_of(im, node->domain, node->op_type, node->overload));
    return slot ? slot->value : NULL;
}

static hone_status check_recursion(hone_call *call, const hone_onnx_function *function)
{
    if (call->frame->depth >= HONE_IMPORT_MAX_DEPTH)
        return hone_error(HONE_ERR_LIMIT, "functions and subgraphs are nested more than %d deep",
                          HONE_IMPORT_MAX_DEPTH);
    for (const hone_frame *f = call->frame; f; f = f->caller)
        if (f->function == function)
            return hone_call_malformed(
                call, "function \"%.200s\" calls itself%s; recursion is not allowed",
                function->name,
                call->frame->function == function ? "" : " by way of another function");
    return HONE_OK;
}

static bool is_formal(const hone_onnx_function *function, const char *name)
{
    for (int i = 0; i < function->attribute.n; i++)
        if (strcmp(function->attribute.v[i], name) == 0)
            return true;
    for (int i = 0; i < function->attribute_proto.n; i++)
        if (strcmp(function->attribute_proto.v[i].name, name) == 0)
            return true;
    return false;
}

/* The values of the function's attributes: the call's, then the defaults of those that it leaves
 * out. */
static void bind_attributes(hone_call *call, const hone_onnx_function *function, hone_frame *frame)
{
    const hone_onnx_attribute **v = hone_arena_array(
        call->import->arena, (size_t)call->n_attributes + (size_t)function->attribute_proto.n,
        sizeof *v);
    int n = 0;

    for (int i = 0; i < call->n_attributes; i++) {
        call->used[i] = is_formal(function, call->attributes[i]->name);
        v[n++] = call->attributes[i];
    }
    for (int i = 0; i < function->attribute_proto.n; i++)
        if (!hone_call_has(call, function->attribute_proto.v[i].name))
            v[n++] = &function->attribute_proto.v[i];
    frame->attributes = v;
    frame->n_attributes = n;
}

static hone_status bind_inputs(hone_call *call, const hone_onnx_function *function,
                               hone_scope *scope)
{
    if (call->n_in > function->input.n)
        return hone_call_malformed(call, "it has %d inputs; function \"%.200s\" has %d", call->n_in,
                                   function->name, function->input.n);
    if (call->n_out > function->output.n)
        return hone_call_malformed(call, "it has %d outputs; function \"%.200s\" has %d",
                                   call->n_out, function->name, function->output.n);
    for (int i = 0; i < function->input.n; i++)
        HONE_TRY(
            hone_scope_add(scope, function->input.v[i], hone_call_in(call, i), "function input"));
    return HONE_OK;
}

/* The names of inner values grow with each level only while they are short. */
const char *hone_call_prefix(hone_call *call)
{
    if (strlen(call->name) > HONE_IMPORT_MAX_NAME)
        return hone_arena_format(call->import->arena, "%.*s/", HONE_IMPORT_MAX_NAME, call->name);
    return hone_arena_format(call->import->arena, "%s/", call->name);
}

hone_status hone_import_function(hone_call *call, const hone_onnx_function *function)
{
    hone_frame frame = {.caller = call->frame,
                        .function = function,
                        .opsets = function->opset_import.v,
                        .n_opsets = function->opset_import.n,
                        .prefix = hone_call_prefix(call),
                        .depth = call->frame->depth + 1,
                        .in_body = call->frame->in_body};
    hone_scope scope = {.outer = NULL, .names = hone_lookup_in(call->import->arena)};

    HONE_TRY(check_recursion(call, function));
    bind_attributes(call, function, &frame);
    HONE_TRY(bind_inputs(call, function, &scope));
    HONE_TRY(hone_import_nodes(call->import, &frame, &scope, call->graph, function->node.v,
                               function->node.n));
    for (int i = 0; i < call->n_out; i++) {
        bool found;
        call->out[i] = hone_scope_find(&scope, function->output.v[i], &found);
        if (!found)
            return hone_call_malformed(
                call, "output \"%.200s\" of function \"%.200s\" is given by none of its nodes",
                function->output.v[i], function->name);
    }
    return HONE_OK;
}
