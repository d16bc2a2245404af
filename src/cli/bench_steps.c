/* The profile of hone bench: where the time of one inference goes, step by step, with the rates
 * that the steps reach beside those that the device could. */
#include <stdio.h>
#include <string.h>

#include "cli/bench.h"
#include "cli/peak.h"

/* What the steps take, and what measuring them one by one has added on a GPU, where events between
 * steps keep a kernel from beginning while the one before it ends: the excess over a whole run, the
 * same for each step. */
typedef struct profile {
    double total_ms; /* as measured */
    double run_ms;   /* of a whole run; not 0 */
    double event_ms; /* that each step on the GPU takes less in a run */
} profile;

static bool is_on_gpu(const hone_session *s, int step)
{
    hone_step_info info = {.size = sizeof info};
    return hone_plan_step_info(s->plan, step, &info) == HONE_OK && strcmp(info.side, "cpu") != 0;
}

static double run_ms(const hone_bench *b, double otherwise)
{
    return b->device.n ? hone_samples_summarize(&b->device).median : otherwise;
}

static profile sum_up(const hone_session *s, const hone_bench *b)
{
    profile p = {.total_ms = 0};
    int n = 0;
    for (int i = 0; i < b->plan.n_steps; i++) {
        p.total_ms += b->step_ms[i];
        n += b->step_ms[i] > 0 && is_on_gpu(s, i);
    }
    p.run_ms = run_ms(b, p.total_ms);
    if (n && p.total_ms > p.run_ms)
        p.event_ms = (p.total_ms - p.run_ms) / n;
    if (!(p.run_ms > 0))
        p.run_ms = 1;
    return p;
}

/* Of a step in a run; not less than a tenth of what it took by itself. */
static double in_run_ms(const hone_session *s, const hone_bench *b, const profile *p, int i)
{
    const double ms = b->step_ms[i], less = is_on_gpu(s, i) ? p->event_ms : 0;
    return ms - less > ms / 10 ? ms - less : ms / 10;
}

/* Amounts a millisecond, in 1e9 a second. */
static double rate(double amount, double ms)
{
    return ms > 0 ? amount / ms * 1e-6 : 0;
}

static hone_peak peak_of(const hone_session *s)
{
    hone_device_info info = {.size = sizeof info};
    if (!s->device.is_cuda || hone_device_describe(s->device.index, &info) != HONE_OK)
        return (hone_peak){.gb_s = 0};
    return hone_peak_of(&info);
}

// ---- text

/* "12.3", right-aligned; "-" for nothing. */
static const char *rate_text(double amount, double ms, char text[24])
{
    snprintf(text, 24, "%.1f", rate(amount, ms));
    return amount > 0 && ms > 0 ? text : "-";
}

static void print_cpu_step(const hone_step_info *step, double ms)
{
    char gflops[24];
    printf("  %7s  %-14s  %.60s\n", rate_text(step->flop, ms, gflops), step->op, step->name);
}

static void print_gpu_step(const hone_step_info *step, double ms)
{
    char gbs[24], gflops[24], grid[HONE_REPORT_GRID];
    printf("  %7s  %9s  %-14.14s  %-11s  %-44.60s  %.60s\n", rate_text(step->bytes, ms, gbs),
           rate_text(step->flop, ms, gflops), step->op, hone_report_grid(step->grid, grid),
           *step->tactic ? step->tactic : step->side, step->name);
}

static void print_gpu_footer(const hone_session *s, const profile *p)
{
    const hone_peak peak = peak_of(s);
    printf("      at best           %9.0f  %9.0f  tensor cores on float16; %.0f without\n",
           peak.gb_s, peak.tensor_gflop_s, peak.fp32_gflop_s);
    printf("      %8.4f  all steps with an event between any two, %.4f for each of which is taken "
           "off above\n",
           p->total_ms, p->event_ms);
}

void hone_bench_print_steps(const hone_session *s, const hone_bench *b)
{
    const profile p = sum_up(s, b);
    const bool is_cuda = s->device.is_cuda;
    printf(is_cuda ? "\n   #        ms   share     GB/s    GFLOP/s  %-14s  %-11s  %-44s  nodes\n"
                   : "\n   #        ms   share  GFLOP/s  %-14s  name\n",
           "op", "grid", "kernel");
    for (int i = 0; i < b->plan.n_steps; i++) {
        const double ms = in_run_ms(s, b, &p, i);
        hone_step_info step = {.size = sizeof step};
        if (hone_plan_step_info(s->plan, i, &step) != HONE_OK)
            continue;
        printf("%4d  %8.4f  %5.1f%%", i, ms, 100 * ms / p.run_ms);
        (is_cuda ? print_gpu_step : print_cpu_step)(&step, ms);
    }
    if (is_cuda)
        print_gpu_footer(s, &p);
    else
        printf("      %8.4f  all steps, with a clock reading around each\n", p.total_ms);
}

// ---- JSON

json_t *hone_bench_peak_json(const hone_session *s)
{
    const hone_peak peak = peak_of(s);
    return json_pack("{s:f, s:f, s:f}", "gb_s", peak.gb_s, "fp32_gflop_s", peak.fp32_gflop_s,
                     "tensor_gflop_s", peak.tensor_gflop_s);
}

json_t *hone_bench_steps_json(const hone_session *s, const hone_bench *b)
{
    const profile p = sum_up(s, b);
    json_t *list = json_array();
    for (int i = 0; i < b->plan.n_steps; i++) {
        const double ms = in_run_ms(s, b, &p, i);
        hone_step_info step = {.size = sizeof step};
        if (hone_plan_step_info(s->plan, i, &step) != HONE_OK)
            continue;
        json_array_append_new(
            list,
            json_pack("{s:i, s:o, s:o, s:o, s:f, s:f, s:f, s:f, s:f, s:s, s:o, s:o, s:f, s:f}",
                      "index", i, "op", hone_report_text(step.op), "name",
                      hone_report_text(step.name), "detail", hone_report_text(step.detail), "ms",
                      b->step_ms[i], "in_run_ms", ms, "share", ms / p.run_ms, "flop", step.flop,
                      "bytes", step.bytes, "side", step.side, "tactic",
                      hone_report_text(step.tactic), "grid", hone_report_grid_json(step.grid),
                      "gb_s", rate(step.bytes, ms), "gflop_s", rate(step.flop, ms)));
    }
    return list;
}
