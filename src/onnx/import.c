/* The importer's way through a model: decode, inputs, initializers, nodes, outputs, names, report.
 */
#include "onnx/import.h"

#include <stdio.h>

enum {
    NEWEST_IR = 13
};

static const hone_onnx_options no_options = {0};

/* ---- what the file says of itself ---- */

static void set_properties(hone_import *im)
{
    const hone_onnx_model *model = im->model;
    const char *opsets = "";

    for (int i = 0; i < model->metadata_props.n; i++)
        hone_module_property(im->module, model->metadata_props.v[i].key,
                             model->metadata_props.v[i].value);
    if (*model->producer_name)
        hone_module_property(im->module, "producer",
                             hone_arena_format(im->arena, "%s%s%s", model->producer_name,
                                               *model->producer_version ? " " : "",
                                               model->producer_version));
    hone_module_property(im->module, "ir_version",
                         hone_arena_format(im->arena, "%lld", (long long)model->ir_version));
    for (int i = 0; i < model->opset_import.n; i++) {
        const hone_onnx_opset *opset = &model->opset_import.v[i];
        opsets = hone_arena_format(im->arena, "%s%s%.80s %lld", opsets, i ? ", " : "",
                                   *opset->domain ? opset->domain : "ai.onnx",
                                   (long long)opset->version);
    }
    hone_module_property(im->module, "opset", opsets);
    hone_module_property(im->module, "graph", model->graph->name);
}

static hone_status check_opsets(hone_import *im)
{
    const hone_onnx_model *model = im->model;

    if (model->ir_version > NEWEST_IR)
        hone_log(im->options->logger, HONE_LOG_WARNING,
                 "the model has IR version %lld; Hone knows those up to %d",
                 (long long)model->ir_version, NEWEST_IR);
    if (model->opset_import.n > HONE_IMPORT_MAX_OPSETS)
        return hone_error(HONE_ERR_LIMIT,
                          "importing the model: it imports %d opsets; %d are possible",
                          model->opset_import.n, HONE_IMPORT_MAX_OPSETS);
    for (int i = 0; i < model->opset_import.n; i++) {
        const hone_onnx_opset *opset = &model->opset_import.v[i];
        const int newest = hone_onnx_newest_opset(hone_onnx_domain(opset->domain));
        if (opset->version < 1)
            return hone_error(
                HONE_ERR_FORMAT,
                "importing the model: opset %lld of domain \"%.80s\"; they begin with 1",
                (long long)opset->version, opset->domain);
        if (newest && opset->version > newest)
            hone_log(im->options->logger, HONE_LOG_WARNING,
                     "the model has opset %lld of domain \"%.80s\"; Hone knows those up to %d and "
                     "reads it as that",
                     (long long)opset->version, opset->domain, newest);
    }
    return HONE_OK;
}

/* ---- inputs and outputs ---- */

/* An input that may hold a tensor or nothing is taken as one that holds it: a plan's inputs are all
 * bound. */
static void require_content(hone_type *type)
{
    if (type->kind == HONE_KIND_OPTIONAL && type->element &&
        type->element->kind == HONE_KIND_TENSOR)
        *type = *type->element;
}

/* Before IR version 4 every initializer was listed as an input, too: such inputs are constants. */
static hone_status add_inputs(hone_import *im, hone_scope *scope)
{
    const hone_onnx_graph *graph = im->model->graph;
    hone_lookup constants = hone_lookup_in(im->arena);

    for (int i = 0; i < graph->initializer.n; i++)
        hone_lookup_add(&constants, graph->initializer.v[i].name, graph);
    for (int i = 0; i < graph->sparse_initializer.n; i++)
        if (graph->sparse_initializer.v[i].values)
            hone_lookup_add(&constants, graph->sparse_initializer.v[i].values->name, graph);
    for (int i = 0; i < graph->input.n; i++) {
        const hone_onnx_value_info *info = &graph->input.v[i];
        hone_type type;
        if (!*info->name)
            return hone_error(HONE_ERR_FORMAT, "importing the graph's inputs: input %d has no name",
                              i);
        if (hone_lookup_find(&constants, info->name))
            continue;
        HONE_TRY(hone_import_type(im, info->type, info->name, true, &type));
        require_content(&type);
        if (im->options->input_type)
            im->options->input_type(im->options->user, im->module, info->name, &type);
        hone_value *value = hone_graph_input(im->module->main, info->name, &type);
        HONE_TRY(hone_scope_add(scope, info->name, value, "input"));
    }
    return HONE_OK;
}

/* Inference may leave a type open; then the file's word on the kind and element type stands. */
static hone_status complete_type(hone_import *im, hone_value *value,
                                 const hone_onnx_value_info *info)
{
    hone_type declared;

    HONE_TRY(hone_import_type(im, info->type, info->name, false, &declared));
    if (value->type.dtype != HONE_NONE || value->type.kind != HONE_KIND_TENSOR)
        return HONE_OK;
    const hone_shape shape = value->type.shape;
    value->type = declared;
    value->type.shape = shape;
    return HONE_OK;
}

static hone_status add_outputs(hone_import *im, const hone_scope *scope)
{
    const hone_onnx_graph *graph = im->model->graph;
    hone_lookup seen = hone_lookup_in(im->arena);

    if (graph->output.n == 0)
        return hone_error(HONE_ERR_FORMAT, "importing the graph's outputs: there are none");
    for (int i = 0; i < graph->output.n; i++) {
        const hone_onnx_value_info *info = &graph->output.v[i];
        bool found;
        hone_value *value = hone_scope_find(scope, info->name, &found);
        if (!found)
            return hone_error(HONE_ERR_FORMAT,
                              "importing output \"%.200s\": no input, initializer or node gives a "
                              "value of this name",
                              info->name);
        if (!hone_lookup_add(&seen, info->name, value))
            return hone_error(HONE_ERR_FORMAT, "importing output \"%.200s\": it is listed twice",
                              info->name);
        if (hone_list_find(im, value))
            return hone_error(HONE_ERR_UNSUPPORTED,
                              "importing output \"%.200s\": it is a sequence or an empty optional; "
                              "outputs must be tensors",
                              info->name);
        HONE_TRY(complete_type(im, value, info));
        hone_graph_output(im->module->main, value);
    }
    return HONE_OK;
}

/* ---- names of outputs ---- */

/* A model's outputs bear the model's names, whatever inner value or made-up name came first. */
static void claim_names(hone_import *im)
{
    const hone_onnx_graph *proto = im->model->graph;
    hone_graph *main = im->module->main;

    for (int i = 0; i < proto->output.n; i++) {
        hone_value *value = main->out[i];
        if (strcmp(value->name, proto->output.v[i].name) == 0)
            continue;
        hone_value *holder = hone_module_find(im->module, proto->output.v[i].name);
        if (holder)
            hone_value_rename(holder, hone_arena_format(im->arena, "%s.inner", holder->name));
        hone_value_rename(value, proto->output.v[i].name);
    }
}

/* ---- the whole ---- */

static hone_status report(const hone_import *im)
{
    if (im->n_unsupported == 0)
        return HONE_OK;
    hone_error(HONE_ERR_UNSUPPORTED, "importing the model: %d of its nodes cannot be taken",
               im->n_unsupported);
    for (int i = 0; i < im->unsupported.n; i++)
        hone_message_append("%s", im->unsupported.v[i]);
    if (im->n_unsupported > im->unsupported.n)
        hone_message_append("  and %d more", im->n_unsupported - im->unsupported.n);
    return HONE_ERR_UNSUPPORTED;
}

/* Models older than opsets have those of version 1. */
static const hone_onnx_opset first_opset = {.domain = "", .version = 1};

hone_status hone_onnx_import(hone_arena *arena, hone_bytes model, const hone_onnx_options *options,
                             hone_module **out)
{
    hone_import im = {.arena = arena,
                      .options = options ? options : &no_options,
                      .functions = hone_lookup_in(arena),
                      .files = hone_lookup_in(arena)};
    hone_scope scope = {.outer = NULL, .names = hone_lookup_in(arena)};
    hone_frame frame = {.opsets = &first_opset, .n_opsets = 1, .prefix = ""};

    HONE_TRY(hone_progress_report(im.options->progress, "import", 0, 0));
    HONE_TRY(hone_onnx_model_decode(arena, model, &im.model));
    im.module = hone_module_create(arena);
    if (im.options->prepare)
        im.options->prepare(im.options->user, im.module);
    im.n_total = im.model->graph->node.n;
    HONE_TRY(check_opsets(&im));
    set_properties(&im);
    if (im.model->opset_import.n) {
        frame.opsets = im.model->opset_import.v;
        frame.n_opsets = im.model->opset_import.n;
    }
    HONE_TRY(hone_import_functions(&im));
    HONE_TRY(add_inputs(&im, &scope));
    HONE_TRY(hone_import_initializers(&im, &frame, &scope, im.module->main, im.model->graph));
    HONE_TRY(hone_import_nodes(&im, &frame, &scope, im.module->main, im.model->graph->node.v,
                               im.model->graph->node.n));
    HONE_TRY(report(&im));
    HONE_TRY(add_outputs(&im, &scope));
    claim_names(&im);
    HONE_TRY(hone_while(hone_graph_verify(im.module->main), "importing the model"));
    *out = im.module;
    return HONE_OK;
}
