/* A plan's facts, bindings, memory, properties and steps. */
#include <stdio.h>
#include <string.h>

#include "cli/inspect.h"
#include "cli/say.h"
#include "media/values.h"

/* The arena over the least that any arena could be: 1 where nothing is wasted. */
static double arena_ratio(const hone_plan_info *p)
{
    return p->live_bytes ? (double)p->activation_bytes / (double)p->live_bytes : 1;
}

// ---- JSON

static json_t *bindings_json(const hone_plan *plan, int first, int n)
{
    json_t *list = json_array();
    for (int i = 0; i < n; i++) {
        hone_binding_info info = {.size = sizeof info};
        if (hone_plan_binding(plan, first + i, &info) == HONE_OK)
            json_array_append_new(list, hone_inspect_binding_json(&info));
    }
    return list;
}

static json_t *properties_json(const hone_plan *plan)
{
    json_t *object = json_object();
    const char *key, *value;
    for (int i = 0; (key = hone_plan_property_at(plan, i, &value)); i++)
        json_object_set_new(object, key, hone_report_text(value));
    return object;
}

static json_t *steps_json(const hone_plan *plan, int n)
{
    json_t *list = json_array();
    for (int i = 0; i < n; i++) {
        hone_step_info step = {.size = sizeof step};
        if (hone_plan_step_info(plan, i, &step) == HONE_OK)
            json_array_append_new(
                list, json_pack("{s:i, s:o, s:o, s:o, s:f, s:f, s:I, s:I}", "index", i, "op",
                                hone_report_text(step.op), "name", hone_report_text(step.name),
                                "detail", hone_report_text(step.detail), "flop", step.flop, "bytes",
                                step.bytes, "weights", (json_int_t)step.weight_bytes, "scratch",
                                (json_int_t)step.scratch_bytes));
    }
    return list;
}

static int print_json(const hone_session *s, const hone_plan_info *p)
{
    json_t *document = json_pack(
        "{s:i, s:s, s:o, s:o, s:o, s:o, s:o, s:I, s:b, s:{s:I, s:I, s:I, s:I, s:f}, s:o, s:o, s:o, "
        "s:o}",
        "schema", 1, "kind", "plan", "file", hone_report_text(s->path), "model",
        hone_report_text(p->model), "device", hone_report_text(p->device), "precision",
        hone_report_text(p->precision), "producer", hone_report_text(p->producer), "plan_bytes",
        (json_int_t)p->plan_bytes, "is_bounded", (int)p->is_bounded, "memory", "weights",
        (json_int_t)p->weight_bytes, "activations", (json_int_t)p->activation_bytes, "live",
        (json_int_t)p->live_bytes, "scratch", (json_int_t)p->scratch_bytes, "activations_over_live",
        arena_ratio(p), "inputs", bindings_json(s->plan, 0, p->n_inputs), "outputs",
        bindings_json(s->plan, p->n_inputs, p->n_outputs), "properties", properties_json(s->plan),
        "steps", steps_json(s->plan, p->n_steps));
    return hone_report_json(s->args, document);
}

// ---- text

static void print_facts(const hone_session *s, const hone_plan_info *p)
{
    char size[HONE_REPORT_SIZE];
    printf("plan         %s, %s, of \"%s\" by %s\n", s->path,
           hone_report_size((double)p->plan_bytes, size), p->model, p->producer);
    printf("device       %s, %s\n", p->device, p->precision);
}

static int name_width(const hone_plan *plan, int n)
{
    int width = 4;
    for (int i = 0; i < n; i++) {
        hone_binding_info info = {.size = sizeof info};
        if (hone_plan_binding(plan, i, &info) == HONE_OK && (int)strlen(info.name) > width)
            width = (int)strlen(info.name);
    }
    return width < 40 ? width : 40;
}

static void print_bindings(const hone_plan *plan, int first, int n, const char *heading, int width)
{
    for (int i = 0; i < n; i++) {
        hone_binding_info info = {.size = sizeof info};
        char min[HONE_VALUES_TEXT], opt[HONE_VALUES_TEXT], max[HONE_VALUES_TEXT];
        if (hone_plan_binding(plan, first + i, &info) != HONE_OK)
            continue;
        hone_inspect_print_binding(&info, i ? "" : heading, width);
        if (hone_inspect_is_open(&info.shape) && info.is_input)
            printf("%-12s %-*s  from %s, best %s, to %s\n", "", width, "",
                   hone_values_shape_text(&info.min, min), hone_values_shape_text(&info.opt, opt),
                   hone_values_shape_text(&info.max, max));
    }
}

static void print_memory(const hone_plan_info *p)
{
    char weights[HONE_REPORT_SIZE], arena[HONE_REPORT_SIZE], live[HONE_REPORT_SIZE],
        scratch[HONE_REPORT_SIZE];
    printf(
        "memory       weights %s, activations %s (%.2f times the %s alive at once), scratch %s\n",
        hone_report_size((double)p->weight_bytes, weights),
        hone_report_size((double)p->activation_bytes, arena), arena_ratio(p),
        hone_report_size((double)p->live_bytes, live),
        hone_report_size((double)p->scratch_bytes, scratch));
    if (!p->is_bounded)
        printf("%-12s some value has no upper bound: a context allocates for it while running\n",
               "");
}

/* Properties of one line; of longer ones how many lines they have. */
static void print_properties(const hone_plan *plan)
{
    const char *key, *value;
    for (int i = 0; (key = hone_plan_property_at(plan, i, &value)); i++) {
        int lines = 0;
        for (const char *c = value; *c; c++)
            lines += *c == '\n';
        printf("%-12s %s: ", i ? "" : "properties", key);
        if (lines > 1)
            printf("%d lines\n", lines);
        else
            printf("%.*s\n", (int)strcspn(value, "\n"), value);
    }
}

static void print_steps(const hone_plan *plan, int n)
{
    char weights[HONE_REPORT_SIZE];
    printf("\n   #  %-16s %9s  %9s  name\n", "op", "MFLOP", "weights");
    for (int i = 0; i < n; i++) {
        hone_step_info step = {.size = sizeof step};
        if (hone_plan_step_info(plan, i, &step) != HONE_OK)
            continue;
        printf("%4d  %-16s %9.3f  %9s  %.70s\n", i, step.op, step.flop * 1e-6,
               step.weight_bytes ? hone_report_size((double)step.weight_bytes, weights) : "-",
               step.name);
        if (hone_say_level() > 1)
            printf("      %s\n", step.detail);
    }
}

int hone_inspect_plan(const hone_session *s)
{
    hone_plan_info info = {.size = sizeof info};
    const hone_status st = hone_plan_describe(s->plan, &info);
    if (st != HONE_OK)
        return hone_fail_status(st);
    if (hone_report_wants_text(s->args)) {
        const int width = name_width(s->plan, info.n_inputs + info.n_outputs);
        print_facts(s, &info);
        print_bindings(s->plan, 0, info.n_inputs, "inputs", width);
        print_bindings(s->plan, info.n_inputs, info.n_outputs, "outputs", width);
        print_memory(&info);
        print_properties(s->plan);
        print_steps(s->plan, info.n_steps);
    }
    return hone_report_wants_json(s->args) ? print_json(s, &info) : HONE_EXIT_OK;
}
