/* The report of hone bench, as text and as JSON. The JSON's fields are a promise: they are only
 * ever added to. */
#include <stdio.h>
#include <stdlib.h>

#include "cli/bench.h"
#include "cli/machine.h"
#include "cli/report.h"
#include "cli/say.h"
#include "media/values.h"

#define STATISTICS(X)                                                                              \
    X(min)                                                                                         \
    X(mean)                                                                                        \
    X(median)                                                                                      \
    X(p90)                                                                                         \
    X(p95)                                                                                         \
    X(p99)                                                                                         \
    X(max)                                                                                         \
    X(cv)

static json_t *times_json(const hone_times_summary *t)
{
    json_t *object = json_object();
#define FIELD(name) json_object_set_new(object, #name, hone_report_number(t->name));
    STATISTICS(FIELD)
#undef FIELD
    return object;
}

static hone_status actual_input(const hone_session *s, int index, hone_binding_info *info,
                                hone_dims *shape)
{
    *info = (hone_binding_info){.size = sizeof *info};
    const hone_status st = hone_plan_binding(s->plan, index, info);
    return st == HONE_OK ? hone_context_shape(s->context, index, shape) : st;
}

static json_t *inputs_json(const hone_session *s)
{
    json_t *list = json_array();
    for (int i = 0; i < s->n_inputs; i++) {
        hone_binding_info info;
        hone_dims shape;
        if (actual_input(s, i, &info, &shape) == HONE_OK)
            json_array_append_new(
                list, json_pack("{s:o, s:s, s:o}", "name", hone_report_text(info.name), "type",
                                hone_dtype_text(info.dtype), "shape", hone_report_shape(&shape)));
    }
    return list;
}

static json_t *memory_json(const hone_session *s, const hone_bench *b)
{
    const hone_context_options options = {
        .size = sizeof options, .threads = (int)hone_args_int(s->args, HONE_OPTION_threads, 0)};
    return json_pack("{s:I, s:I, s:I, s:I}", "weights", (json_int_t)b->plan.weight_bytes,
                     "activations", (json_int_t)b->plan.activation_bytes, "scratch",
                     (json_int_t)b->plan.scratch_bytes, "host",
                     (json_int_t)hone_context_memory(s->engine, &options));
}

static double total_ms(const hone_bench *b)
{
    double total = 0;
    for (int i = 0; i < b->plan.n_steps; i++)
        total += b->step_ms[i];
    return total > 0 ? total : 1;
}

static json_t *steps_json(const hone_session *s, const hone_bench *b)
{
    json_t *list = json_array();
    for (int i = 0; i < b->plan.n_steps; i++) {
        hone_step_info step = {.size = sizeof step};
        if (hone_plan_step_info(s->plan, i, &step) == HONE_OK)
            json_array_append_new(
                list,
                json_pack("{s:i, s:o, s:o, s:o, s:f, s:f, s:f, s:f}", "index", i, "op",
                          hone_report_text(step.op), "name", hone_report_text(step.name), "detail",
                          hone_report_text(step.detail), "ms", b->step_ms[i], "share",
                          b->step_ms[i] / total_ms(b), "flop", step.flop, "bytes", step.bytes));
    }
    return list;
}

static int print_json(const hone_session *s, const hone_bench *b)
{
    char device[192];
    const hone_times_summary latency = hone_times_summarize(&b->latency);
    snprintf(device, sizeof device, "%s %s", b->plan.device, hone_machine_cpu());
    json_t *document = json_pack(
        "{s:i, s:o, s:o, s:o, s:i, s:o, s:f, s:f, s:I, s:o, s:I, s:i, s:o, s:f}", "schema", 1,
        "model", hone_report_text(s->path), "device", hone_report_text(device), "precision",
        hone_report_text(b->plan.precision), "threads", hone_session_threads(s), "inputs",
        inputs_json(s), "build_s", s->build_s, "load_ms", s->load_ms, "plan_bytes",
        (json_int_t)b->plan.plan_bytes, "memory", memory_json(s, b), "iterations",
        (json_int_t)b->latency.n, "layers", b->plan.n_steps, "latency_ms", times_json(&latency),
        "throughput_qps", b->throughput_qps);
    if (b->step_ms)
        json_object_set_new(document, "profile", steps_json(s, b));
    return hone_report_json(s->args, document);
}

// ---- text

static void print_facts(const hone_session *s, const hone_bench *b)
{
    char plan[HONE_REPORT_SIZE], weights[HONE_REPORT_SIZE], arena[HONE_REPORT_SIZE],
        scratch[HONE_REPORT_SIZE];
    printf("model        %s\n", s->path);
    printf("device       %s  %s, %s, %d thread%s\n", b->plan.device, hone_machine_cpu(),
           hone_cpu_text(), hone_session_threads(s), hone_session_threads(s) == 1 ? "" : "s");
    printf("precision    %s\n", b->plan.precision);
    for (int i = 0; i < s->n_inputs; i++) {
        hone_binding_info info;
        hone_dims shape;
        char type[HONE_REPORT_TYPE];
        if (actual_input(s, i, &info, &shape) == HONE_OK)
            printf("%-11s  %s  %s\n", i ? "" : "inputs", info.name,
                   hone_report_type(info.dtype, &shape, type));
    }
    printf("plan         %s, %d steps, weights %s, activations %s, scratch %s\n",
           hone_report_size((double)b->plan.plan_bytes, plan), b->plan.n_steps,
           hone_report_size((double)b->plan.weight_bytes, weights),
           hone_report_size((double)b->plan.activation_bytes, arena),
           hone_report_size((double)b->plan.scratch_bytes, scratch));
    if (s->build_s > 0)
        printf("built in     %.2f s\n", s->build_s);
    printf("loaded in    %.2f ms\n", s->load_ms);
}

static void print_times(const hone_bench *b)
{
    const hone_times_summary t = hone_times_summarize(&b->latency);
    printf("\nlatency, ms  %9s %9s %9s %9s %9s %9s %9s\n", "min", "median", "mean", "p90", "p95",
           "p99", "max");
    printf("             %9.4g %9.4g %9.4g %9.4g %9.4g %9.4g %9.4g\n", t.min, t.median, t.mean,
           t.p90, t.p95, t.p99, t.max);
    printf("             %zu inferences, coefficient of variation %.1f %%\n", b->latency.n,
           100 * t.cv);
    printf("throughput   %.5g inferences a second, back to back\n", b->throughput_qps);
}

static void print_steps(const hone_session *s, const hone_bench *b)
{
    const double total = total_ms(b);
    printf("\n   #        ms   share  GFLOP/s  %-14s  name\n", "op");
    for (int i = 0; i < b->plan.n_steps; i++) {
        hone_step_info step = {.size = sizeof step};
        char rate[24] = "-";
        if (hone_plan_step_info(s->plan, i, &step) != HONE_OK)
            continue;
        if (step.flop > 0 && b->step_ms[i] > 0)
            snprintf(rate, sizeof rate, "%.1f", step.flop / b->step_ms[i] * 1e-6);
        printf("%4d  %8.4f  %5.1f%%  %7s  %-14s  %.60s\n", i, b->step_ms[i],
               100 * b->step_ms[i] / total, rate, step.op, step.name);
    }
    printf("      %8.4f  all steps, with a clock reading around each\n", total);
}

static int export_times(const hone_session *s, const hone_bench *b)
{
    json_t *list = json_array();
    for (size_t i = 0; i < b->latency.n; i++)
        json_array_append_new(list, json_real(b->latency.ms[i]));
    return hone_report_json_file(hone_args_text(s->args, HONE_OPTION_export_times),
                                 json_pack("{s:i, s:o}", "schema", 1, "latency_ms", list));
}

int hone_bench_report(const hone_session *s, const hone_bench *b)
{
    int code = HONE_EXIT_OK;
    if (hone_report_wants_text(s->args)) {
        print_facts(s, b);
        print_times(b);
        if (b->step_ms)
            print_steps(s, b);
    }
    if (hone_args_text(s->args, HONE_OPTION_export_times))
        code = export_times(s, b);
    return !code && hone_report_wants_json(s->args) ? print_json(s, b) : code;
}
