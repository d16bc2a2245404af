/* One node: its inputs looked up, its row of onnx.def found, its importer run, its outputs named. A
 * node that cannot be taken is put on the report and replaced by values of unknown type, so that
 * the rest is looked at too. */
#include <stdio.h>

#include "onnx/import.h"

#include "base/log.h"

static const char *domain_text(const char *domain)
{
    return *domain ? domain : "ai.onnx";
}

static int64_t opset_of(const hone_frame *frame, const char *domain)
{
    for (int i = 0; i < frame->n_opsets; i++)
        if (strcmp(hone_onnx_domain(frame->opsets[i].domain), domain) == 0)
            return frame->opsets[i].version;
    return 0;
}

/* ---- inputs and attributes ---- */

static hone_status find_inputs(hone_call *c)
{
    const hone_onnx_texts names = c->proto->input;

    c->in = hone_arena_array(c->import->arena, (size_t)names.n, sizeof(hone_value *));
    for (int i = 0; i < names.n; i++) {
        bool found = true;
        if (*names.v[i])
            c->in[i] = hone_scope_find(c->scope, names.v[i], &found);
        if (!found)
            return hone_call_malformed(
                c, "input %d is \"%.200s\", which no input, initializer or node before it gives", i,
                names.v[i]);
        if (c->in[i])
            c->n_in = i + 1;
    }
    return HONE_OK;
}

static const hone_onnx_attribute *referred(const hone_frame *frame, const char *name)
{
    for (int i = 0; i < frame->n_attributes; i++)
        if (strcmp(frame->attributes[i]->name, name) == 0)
            return frame->attributes[i];
    return NULL;
}

/* An attribute that refers to one of the function's is that one under its own name; absent where
 * the caller leaves it out and the function has no default. */
static hone_status resolve(hone_call *c, const hone_onnx_attribute *attribute,
                           const hone_onnx_attribute **out)
{
    *out = attribute;
    if (!*attribute->ref_attr_name)
        return HONE_OK;
    if (!c->frame->function)
        return hone_call_malformed(
            c, "attribute \"%.80s\" refers to an attribute of a function outside of any",
            attribute->name);
    const hone_onnx_attribute *from = referred(c->frame, attribute->ref_attr_name);
    *out = NULL;
    if (from && (from->g || from->graphs.n))
        return hone_call_unsupported(
            c, "attribute \"%.80s\" refers to a subgraph of the function's caller",
            attribute->name);
    if (from) {
        hone_onnx_attribute *copy = hone_arena_copy(c->import->arena, from, sizeof *from);
        copy->name = attribute->name;
        *out = copy;
    }
    return HONE_OK;
}

hone_status hone_import_spend(hone_import *im, size_t work)
{
    if (work > HONE_IMPORT_MAX_WORK - HONE_MIN(im->work, (size_t)HONE_IMPORT_MAX_WORK))
        return hone_error(HONE_ERR_LIMIT,
                          "the model, with its functions in the place of their calls, is over the "
                          "limit of %d nodes",
                          HONE_IMPORT_MAX_WORK);
    im->work += work;
    return HONE_OK;
}

static hone_status find_attributes(hone_call *c)
{
    const int n = c->proto->attribute.n;

    if (n > HONE_IMPORT_MAX_ATTRIBUTES)
        return hone_error(HONE_ERR_LIMIT, "it has %d attributes; %d are possible", n,
                          HONE_IMPORT_MAX_ATTRIBUTES);

    c->attributes = hone_arena_array(c->import->arena, (size_t)n, sizeof *c->attributes);
    c->used = hone_arena_array(c->import->arena, (size_t)n, sizeof *c->used);
    for (int i = 0; i < n; i++) {
        const hone_onnx_attribute *attribute;
        HONE_TRY(resolve(c, &c->proto->attribute.v[i], &attribute));
        if (!attribute)
            continue;
        if (!*attribute->name)
            return hone_call_malformed(c, "attribute %d has no name", i);
        if (hone_call_has(c, attribute->name))
            return hone_call_malformed(c, "attribute \"%.80s\" is there twice", attribute->name);
        c->attributes[c->n_attributes++] = attribute;
    }
    return HONE_OK;
}

/* Attributes that say nothing to inference, or were notes to the framework that wrote the model. */
static bool is_note(const char *name)
{
    return strcmp(name, "consumed_inputs") == 0 || strncmp(name, "__", 2) == 0;
}

static hone_status check_attributes(hone_call *c)
{
    for (int i = 0; i < c->n_attributes; i++)
        if (!c->used[i] && !is_note(c->attributes[i]->name))
            return hone_call_unsupported(c, "attribute \"%.80s\" is unknown",
                                         c->attributes[i]->name);
    return HONE_OK;
}

/* ---- running the importer ---- */

/* Sequences that are taken apart while importing go to the operators on sequences alone. */
static hone_status check_lists(hone_call *c)
{
    if (c->op == HONE_OP_identity || hone_op_has(c->op, HONE_TRAIT_SEQUENCE))
        return HONE_OK;
    for (int i = 0; i < c->n_in; i++)
        if (hone_list_find(c->import, c->in[i]))
            return hone_call_unsupported(c, "input %d is a sequence or an empty optional", i);
    return HONE_OK;
}

static hone_status run_row(hone_call *c)
{
    int first = 0;

    c->opset = opset_of(c->frame, c->domain);
    const hone_onnx_row *row = hone_onnx_row_find(c->domain, c->proto->op_type, c->opset, &first);
    if (!row && first && c->opset)
        return hone_call_unsupported(c, "the operator is in opsets from %d on", first);
    if (!row && c->opset == 0 && hone_onnx_newest_opset(c->domain))
        return hone_call_malformed(c, "the model imports no opset of its domain \"%s\"",
                                   domain_text(c->domain));
    if (!row)
        return hone_call_unsupported(c, "the operator is unknown");
    c->op = row->op;
    if (c->op != HONE_OP_none && row->import == hone_import_plain &&
        hone_ops[c->op].infer == hone_infer_none && !hone_op_has(c->op, HONE_TRAIT_CONTROL))
        return hone_call_unsupported(c, "there is no code for this operator yet");
    HONE_TRY(check_lists(c));
    HONE_TRY(row->import(c));
    HONE_TRY(c->status);
    return check_attributes(c);
}

static hone_status run(hone_call *c)
{
    const hone_onnx_node *proto = c->proto;
    const hone_onnx_function *function = hone_import_function_find(c->import, proto);
    const size_t edges = (size_t)proto->input.n + (size_t)proto->output.n;

    HONE_TRY(hone_import_spend(c->import, 1 + (edges + (size_t)proto->attribute.n) / 8));

    c->n_out = c->proto->output.n;
    while (c->n_out > 0 && !*c->proto->output.v[c->n_out - 1])
        c->n_out--;
    c->out = hone_arena_array(c->import->arena, (size_t)c->proto->output.n, sizeof(hone_value *));
    HONE_TRY(find_inputs(c));
    HONE_TRY(find_attributes(c));
    if (!function)
        return run_row(c);
    HONE_TRY(hone_import_function(c, function));
    return check_attributes(c);
}

static void report(hone_call *c, const char *reason)
{
    hone_import *im = c->import;
    char line[512];

    snprintf(line, sizeof line, "  node \"%.100s\": %.60s, %.40s opset %lld: %.200s", c->name,
             c->proto->op_type, domain_text(c->domain), (long long)c->opset, reason);
    im->n_unsupported++;
    if (im->unsupported.n < HONE_IMPORT_MAX_REPORT)
        *hone_vec_push(im->arena, &im->unsupported) = hone_arena_text(im->arena, line);
    hone_log(im->options->logger, HONE_LOG_DETAIL, "not supported: %s", line);
}

static void make_placeholders(hone_call *c)
{
    const hone_type unknown = {.kind = HONE_KIND_TENSOR, .shape.rank = -1};

    for (int i = 0; i < c->n_out; i++)
        c->out[i] = hone_value_create(c->graph, NULL, &unknown);
}

/* An output is a value of its own: where the importer hands out one that was there before, or one
 * twice, it is copied. */
static hone_value *own_value(hone_call *c, hone_value *value, hone_lookup *seen)
{
    const hone_list *list = hone_list_find(c->import, value);

    if (value->id >= c->first_id && (c->n_out == 1 || hone_lookup_add(seen, value->name, value)))
        return value;
    if (list)
        return hone_list_copy(c, list);
    return hone_emit(c, HONE_OP_identity, NULL, HONE_IN(value));
}

static hone_status name_outputs(hone_call *c, hone_scope *scope)
{
    hone_lookup seen = hone_lookup_in(c->import->arena);

    for (int i = 0; i < c->n_out; i++) {
        const char *name = c->proto->output.v[i];
        if (!*name)
            continue;
        if (!c->out[i])
            return hone_call_malformed(c, "it has no output %d", i);
        c->out[i] = own_value(c, c->out[i], &seen);
        HONE_TRY(c->status);
        hone_value_rename(c->out[i], hone_frame_name(c->import, c->frame, name));
        HONE_TRY(hone_scope_add(scope, name, c->out[i], "the output"));
        if (c->n_out > 1)
            hone_lookup_add(&seen, c->out[i]->name, c->out[i]);
    }
    return HONE_OK;
}

static const char *node_name(hone_import *im, const hone_frame *frame, const hone_onnx_node *proto,
                             int index)
{
    if (*proto->name)
        return hone_frame_name(im, frame, proto->name);
    return hone_frame_name(im, frame,
                           hone_arena_format(im->arena, "%.100s_%d", proto->op_type, index));
}

hone_status hone_import_node(hone_import *im, const hone_frame *frame, hone_scope *scope,
                             hone_graph *graph, const hone_onnx_node *proto, int index)
{
    hone_call c = {.import = im, .frame = frame, .scope = scope, .graph = graph, .proto = proto};

    c.name = node_name(im, frame, proto, index);
    c.domain = hone_onnx_domain(proto->domain);
    c.first_id = hone_module_value_count(im->module);
    hone_status st = run(&c);
    if (st == HONE_OK)
        st = c.status;
    if (st == HONE_ERR_UNSUPPORTED) {
        report(&c, hone_message());
        make_placeholders(&c);
        c.status = HONE_OK;
    } else if (st != HONE_OK) {
        return c.named
                   ? st
                   : hone_while(st, "importing node \"%.200s\" (%.80s)", c.name, proto->op_type);
    }
    im->n_done++;
    if (im->n_done % 64 == 0)
        HONE_TRY(hone_progress_report(im->options->progress, "import", im->n_done, im->n_total));
    return name_outputs(&c, scope);
}
