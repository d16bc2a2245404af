/* A plan's facts, bindings, memory, properties and steps. */
#include <stdio.h>
#include <string.h>

#include "cli/inspect.h"
#include "cli/say.h"
#include "media/values.h"

/* The arena over the least that any arena could be: 1 where nothing is wasted. */
static double arena_ratio(const hone_plan_info *p)
{
    const size_t arenas = p->activation_bytes + p->device_activation_bytes;
    return p->live_bytes ? (double)arenas / (double)p->live_bytes : 1;
}

// ---- sides of the bus

enum {
    OPS_MAX = 64, /* kinds of operators that are told apart */
};

typedef struct op_count {
    char op[32];
    int n;
} op_count;

static void count_op(op_count ops[OPS_MAX], const char *op)
{
    for (int i = 0; i < OPS_MAX; i++) {
        if (!ops[i].n)
            snprintf(ops[i].op, sizeof ops[i].op, "%s", op);
        if (strcmp(ops[i].op, op) == 0) {
            ops[i].n++;
            return;
        }
    }
}

static bool is_word(const char *word, const char *const *words, int n)
{
    for (int i = 0; i < n; i++)
        if (strcmp(word, words[i]) == 0)
            return true;
    return false;
}

hone_inspect_sides hone_inspect_count_sides(const hone_plan *plan, int n_steps)
{
    static const char *const nothing[] = {"view", "jump", "branch"};
    hone_inspect_sides sides = {.n_cuda = 0};
    op_count ops[OPS_MAX] = {0};
    size_t length = 0;
    for (int i = 0; i < n_steps; i++) {
        hone_step_info step = {.size = sizeof step};
        if (hone_plan_step_info(plan, i, &step) != HONE_OK ||
            is_word(step.op, nothing, HONE_COUNT_OF(nothing)))
            continue;
        sides.n_cuda += strcmp(step.side, "cuda") == 0;
        sides.n_copies += strcmp(step.side, "copy") == 0;
        if (strcmp(step.side, "cpu") == 0) {
            sides.n_cpu++;
            count_op(ops, step.op);
        }
    }
    for (int i = 0; i < OPS_MAX && ops[i].n && length < sizeof sides.cpu_ops; i++)
        length += (size_t)snprintf(sides.cpu_ops + length, sizeof sides.cpu_ops - length, "%s%s %d",
                                   i ? ", " : "", ops[i].op, ops[i].n);
    return sides;
}

static bool is_cuda(const hone_plan_info *p)
{
    return strcmp(p->device, "cuda") == 0;
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
        if (hone_plan_step_info(plan, i, &step) != HONE_OK)
            continue;
        json_t *row = json_pack("{s:i, s:o, s:o, s:o, s:f, s:f, s:I, s:I, s:s}", "index", i, "op",
                                hone_report_text(step.op), "name", hone_report_text(step.name),
                                "detail", hone_report_text(step.detail), "flop", step.flop, "bytes",
                                step.bytes, "weights", (json_int_t)step.weight_bytes, "scratch",
                                (json_int_t)step.scratch_bytes, "side", step.side);
        if (*step.tactic)
            json_object_update_new(row, json_pack("{s:o, s:o, s:o, s:o, s:I, s:f}", "tactic",
                                                  hone_report_text(step.tactic), "grid",
                                                  hone_report_grid_json(step.grid), "block",
                                                  hone_report_grid_json(step.block), "cluster",
                                                  hone_report_grid_json(step.cluster), "shared",
                                                  (json_int_t)step.shared_bytes, "us", step.us));
        json_array_append_new(list, row);
    }
    return list;
}

static json_t *gpu_json(const hone_session *s, const hone_plan_info *p)
{
    const hone_inspect_sides sides = hone_inspect_count_sides(s->plan, p->n_steps);
    return json_pack("{s:o, s:i, s:i, s:i, s:i, s:I, s:I}", "targets", hone_report_text(p->targets),
                     "launches", p->n_launches, "steps_cuda", sides.n_cuda, "steps_cpu",
                     sides.n_cpu, "copies", sides.n_copies, "weights",
                     (json_int_t)p->device_weight_bytes, "activations",
                     (json_int_t)p->device_activation_bytes);
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
    if (is_cuda(p))
        json_object_set_new(document, "gpu", gpu_json(s, p));
    return hone_report_json(s->args, document);
}

// ---- text

static void print_facts(const hone_session *s, const hone_plan_info *p)
{
    char size[HONE_REPORT_SIZE];
    printf("plan         %s, %s, of \"%s\" by %s\n", s->path,
           hone_report_size((double)p->plan_bytes, size), p->model, p->producer);
    if (!is_cuda(p)) {
        printf("device       %s, %s\n", p->device, p->precision);
        return;
    }
    const hone_inspect_sides sides = hone_inspect_count_sides(s->plan, p->n_steps);
    printf("device       cuda (%s), %s\n", p->targets, p->precision);
    printf("steps        %d on the GPU in %d launches, %d on the CPU%s%s%s, %d copies between\n",
           sides.n_cuda, p->n_launches, sides.n_cpu, sides.n_cpu ? " (" : "", sides.cpu_ops,
           sides.n_cpu ? ")" : "", sides.n_copies);
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
        scratch[HONE_REPORT_SIZE], host[HONE_REPORT_SIZE];
    if (is_cuda(p))
        printf("memory       on the GPU weights %s, activations %s; on the host activations %s, "
               "scratch %s (%.2f times the %s alive at once)\n",
               hone_report_size((double)p->device_weight_bytes, weights),
               hone_report_size((double)p->device_activation_bytes, arena),
               hone_report_size((double)p->activation_bytes, host),
               hone_report_size((double)p->scratch_bytes, scratch), arena_ratio(p),
               hone_report_size((double)p->live_bytes, live));
    else
        printf("memory       weights %s, activations %s (%.2f times the %s alive at once), scratch "
               "%s\n",
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

static void print_cpu_step(int index, const hone_step_info *step)
{
    char weights[HONE_REPORT_SIZE];
    printf("%4d  %-16s %9.3f  %9s  %.70s\n", index, step->op, step->flop * 1e-6,
           step->weight_bytes ? hone_report_size((double)step->weight_bytes, weights) : "-",
           step->name);
}

/* Two lines: the step and its kernel, then the nodes of the model that it stands for. */
static void print_gpu_step(int index, const hone_step_info *step)
{
    char moved[HONE_REPORT_SIZE], grid[HONE_REPORT_GRID], us[24] = "-";
    if (step->us > 0)
        snprintf(us, sizeof us, "%.2f", step->us);
    printf("%4d  %-4s  %-16s %8s %10.3f  %9s  %-12s %s\n", index, step->side, step->op, us,
           step->flop * 1e-6, hone_report_size(step->bytes, moved),
           hone_report_grid(step->grid, grid), step->tactic);
    printf("            %s\n", step->name);
}

static void print_steps(const hone_plan *plan, const hone_plan_info *p)
{
    if (is_cuda(p))
        printf("\n   #  side  %-16s %8s %10s  %9s  %-12s kernel; nodes\n", "op", "us", "MFLOP",
               "moved", "grid");
    else
        printf("\n   #  %-16s %9s  %9s  name\n", "op", "MFLOP", "weights");
    for (int i = 0; i < p->n_steps; i++) {
        hone_step_info step = {.size = sizeof step};
        if (hone_plan_step_info(plan, i, &step) != HONE_OK)
            continue;
        (is_cuda(p) ? print_gpu_step : print_cpu_step)(i, &step);
        if (hone_say_level() > 1)
            printf("%*s%s\n", is_cuda(p) ? 12 : 6, "", step.detail);
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
        print_steps(s->plan, &info);
    }
    return hone_report_wants_json(s->args) ? print_json(s, &info) : HONE_EXIT_OK;
}
