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
    X(p999)                                                                                        \
    X(max)                                                                                         \
    X(cv)

static json_t *times_json(const hone_samples *times)
{
    const hone_samples_summary t = hone_samples_summarize(times);
    json_t *object = json_object();
#define FIELD(name) json_object_set_new(object, #name, hone_report_number(t.name));
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

/* On a GPU weights and activations are what lies in its memory, scratch among the activations. */
static json_t *memory_json(const hone_session *s, const hone_bench *b)
{
    const hone_context_options options = {
        .size = sizeof options,
        .threads = (int)hone_args_int(s->args, HONE_OPTION_threads, 0),
        .device_io = s->io_is_on_device,
    };
    const hone_plan_info *p = &b->plan;
    const bool is_cuda = s->device.is_cuda;
    return json_pack("{s:I, s:I, s:I, s:I}", "weights",
                     (json_int_t)(is_cuda ? p->device_weight_bytes : p->weight_bytes),
                     "activations",
                     (json_int_t)(is_cuda ? p->device_activation_bytes : p->activation_bytes),
                     "scratch", (json_int_t)(is_cuda ? 0 : p->scratch_bytes), "host",
                     (json_int_t)hone_context_memory(s->engine, &options));
}

// ---- warnings

/* Where a figure says something else than a reader would take it to say; trtexec's warnings. */
typedef struct warnings {
    char text[3][192];
    int n;
} warnings;

#define UNSTABLE_CV 0.02 /* clocks that change, or somebody else on the device */

static double median_of(const hone_samples *times)
{
    return times->n ? hone_samples_summarize(times).median : 0;
}

static warnings find_warnings(const hone_bench *b)
{
    warnings w = {.n = 0};
    if (!b->device.n)
        return w;
    const hone_samples_summary device = hone_samples_summarize(&b->device);
    const double enqueue = median_of(&b->enqueue);
    const double copies = median_of(&b->h2d) + median_of(&b->d2h);
    if (enqueue > device.median)
        snprintf(w.text[w.n++], sizeof w.text[0],
                 "enqueue-bound: an enqueue takes %.4g ms of the host and %.4g ms of the device, "
                 "which waits for it",
                 enqueue, device.median);
    if (copies > device.median)
        snprintf(w.text[w.n++], sizeof w.text[0],
                 "copies dominate: they take %.4g ms and the inference %.4g ms; "
                 "--no-data-transfers leaves them out",
                 copies, device.median);
    if (device.cv > UNSTABLE_CV)
        snprintf(w.text[w.n++], sizeof w.text[0],
                 "unstable: the device's times have a coefficient of variation of %.1f %%; look at "
                 "its clocks and at what else it does",
                 100 * device.cv);
    return w;
}

static void say_warnings(const hone_bench *b)
{
    const warnings w = find_warnings(b);
    for (int i = 0; i < w.n; i++)
        hone_say(1, "warning: %s", w.text[i]);
}

static json_t *warnings_json(const hone_bench *b)
{
    const warnings w = find_warnings(b);
    json_t *list = json_array();
    for (int i = 0; i < w.n; i++)
        json_array_append_new(list, hone_report_text(w.text[i]));
    return list;
}

/* Kernels that one inference launches, or steps of the CPU. */
static int count_layers(const hone_session *s, const hone_bench *b)
{
    return s->device.is_cuda ? b->plan.n_launches : b->plan.n_steps;
}

static void add_gpu_json(const hone_session *s, const hone_bench *b, json_t *document)
{
    json_object_set_new(document, "energy_mj", hone_report_number(b->energy_mj));
    json_object_set_new(document, "data_transfers", json_boolean(!s->io_is_on_device));
    json_object_set_new(document, "targets", hone_report_text(b->plan.targets));
    json_object_set_new(document, "device_peak", hone_bench_peak_json(s));
}

static int print_json(const hone_session *s, const hone_bench *b)
{
    char device[HONE_CHOICE_TEXT];
    json_t *document = json_pack(
        "{s:i, s:o, s:o, s:o, s:i, s:o, s:f, s:f, s:I, s:o, s:I, s:i, s:i}", "schema", 1, "model",
        hone_report_text(s->path), "device", hone_report_text(hone_choice_text(&s->device, device)),
        "precision", hone_report_text(b->plan.precision), "threads", hone_session_threads(s),
        "inputs", inputs_json(s), "build_s", s->build_s, "load_ms", s->load_ms, "plan_bytes",
        (json_int_t)b->plan.plan_bytes, "memory", memory_json(s, b), "iterations",
        (json_int_t)b->latency.n, "layers", count_layers(s, b), "streams", b->streams);
#define TIMES(name, label)                                                                         \
    if (b->name.n)                                                                                 \
        json_object_set_new(document, #name "_ms", times_json(&b->name));
    HONE_BENCH_TIMES(TIMES)
#undef TIMES
    json_object_set_new(document, "throughput_qps", hone_report_number(b->throughput_qps));
    if (s->device.is_cuda)
        add_gpu_json(s, b, document);
    json_object_set_new(document, "warnings", warnings_json(b));
    if (b->step_ms)
        json_object_set_new(document, "profile", hone_bench_steps_json(s, b));
    return hone_report_json(s->args, document);
}

// ---- text

static void print_device(const hone_session *s, const hone_bench *b)
{
    char device[HONE_CHOICE_TEXT];
    if (s->device.is_cuda)
        printf("device       %s, kernels for %s\n", hone_choice_text(&s->device, device),
               b->plan.targets);
    else
        printf("device       %s  %s, %s, %d thread%s\n", b->plan.device, hone_machine_cpu(),
               hone_cpu_text(), hone_session_threads(s), hone_session_threads(s) == 1 ? "" : "s");
}

static void print_plan(const hone_session *s, const hone_bench *b)
{
    char plan[HONE_REPORT_SIZE], weights[HONE_REPORT_SIZE], arena[HONE_REPORT_SIZE],
        scratch[HONE_REPORT_SIZE];
    const hone_plan_info *p = &b->plan;
    printf("plan         %s, %d steps", hone_report_size((double)p->plan_bytes, plan), p->n_steps);
    if (s->device.is_cuda)
        printf(", %d launches; on the device weights %s, activations %s\n", p->n_launches,
               hone_report_size((double)p->device_weight_bytes, weights),
               hone_report_size((double)p->device_activation_bytes, arena));
    else
        printf(", weights %s, activations %s, scratch %s\n",
               hone_report_size((double)p->weight_bytes, weights),
               hone_report_size((double)p->activation_bytes, arena),
               hone_report_size((double)p->scratch_bytes, scratch));
}

static void print_facts(const hone_session *s, const hone_bench *b)
{
    printf("model        %s\n", s->path);
    print_device(s, b);
    printf("precision    %s\n", b->plan.precision);
    for (int i = 0; i < s->n_inputs; i++) {
        hone_binding_info info;
        hone_dims shape;
        char type[HONE_REPORT_TYPE];
        if (actual_input(s, i, &info, &shape) == HONE_OK)
            printf("%-11s  %s  %s\n", i ? "" : "inputs", info.name,
                   hone_report_type(info.dtype, &shape, type));
    }
    print_plan(s, b);
    if (s->build_s > 0)
        printf("built in     %.2f s\n", s->build_s);
    printf("loaded in    %.2f ms\n", s->load_ms);
}

static void print_times_row(const char *label, const hone_samples *times)
{
    const hone_samples_summary t = hone_samples_summarize(times);
    if (t.max > 0)
        printf("%-12s %9.4g %9.4g %9.4g %9.4g %9.4g %9.4g %9.4g %9.4g %6.1f %%\n", label, t.min,
               t.median, t.mean, t.p90, t.p95, t.p99, t.p999, t.max, 100 * t.cv);
}

static void print_times(const hone_session *s, const hone_bench *b)
{
    printf("\nlatency, ms  %9s %9s %9s %9s %9s %9s %9s %9s %8s\n", "min", "median", "mean", "p90",
           "p95", "p99", "p99.9", "max", "cv");
#define ROW(name, label)                                                                           \
    if (b->name.n)                                                                                 \
        print_times_row(label, &b->name);
    HONE_BENCH_TIMES(ROW)
#undef ROW
    printf("             %zu inferences%s\n", b->latency.n,
           s->io_is_on_device && s->device.is_cuda ? "; inputs and outputs stay on the device"
                                                   : "");
    printf("throughput   %.5g inferences a second, back to back", b->throughput_qps);
    printf(b->streams > 1 ? " in %d contexts\n" : "\n", b->streams);
    if (b->energy_mj > 0)
        printf("energy       %.4g mJ an inference, of the whole board\n", b->energy_mj);
}

static json_t *list_json(const hone_samples *times)
{
    json_t *list = json_array();
    for (size_t i = 0; i < times->n; i++)
        json_array_append_new(list, json_real(times->ms[i]));
    return list;
}

static int export_times(const hone_session *s, const hone_bench *b)
{
    json_t *document = json_pack("{s:i}", "schema", 1);
#define LIST(name, label)                                                                          \
    if (b->name.n)                                                                                 \
        json_object_set_new(document, #name "_ms", list_json(&b->name));
    HONE_BENCH_TIMES(LIST)
#undef LIST
    return hone_report_json_file(hone_args_text(s->args, HONE_OPTION_export_times), document);
}

int hone_bench_report(const hone_session *s, const hone_bench *b)
{
    int code = HONE_EXIT_OK;
    if (hone_report_wants_text(s->args)) {
        print_facts(s, b);
        print_times(s, b);
        if (b->step_ms)
            hone_bench_print_steps(s, b);
    }
    say_warnings(b);
    if (hone_args_text(s->args, HONE_OPTION_export_times))
        code = export_times(s, b);
    return !code && hone_report_wants_json(s->args) ? print_json(s, b) : code;
}
