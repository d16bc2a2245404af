/* hone bench: latency of single inferences, then throughput of back-to-back ones, then times by
 * step. What is timed is hone_context_run alone, on inputs that are already in memory; nothing is
 * printed or allocated between its two clock readings. */
#include <stdio.h>
#include <stdlib.h>

#include "cli/bench.h"
#include "cli/commands.h"
#include "cli/inputs.h"
#include "cli/machine.h"
#include "cli/progress.h"
#include "cli/say.h"

enum {
    PROFILE_RUNS = 20,   /* averaged for the table of steps */
    PROGRESS_EVERY = 16, /* runs between two looks at the progress bar, once they are short */
};
#define THROUGHPUT_S 1.0 /* at most so long; half the duration of the latencies if that is less */

static int fail_run(hone_status st)
{
    return st == HONE_OK ? hone_fail(HONE_EXIT_INTERRUPTED, "interrupted") : hone_fail_status(st);
}

static int warm_up(hone_session *s)
{
    const double ms = hone_args_real(s->args, HONE_OPTION_warm_up, 200);
    const double start = hone_clock_s();
    do {
        const hone_status st = hone_context_run(s->context);
        const double spent_ms = (hone_clock_s() - start) * 1e3;
        if (st != HONE_OK || !hone_progress_update("warm-up", (int64_t)spent_ms, (int64_t)ms))
            return fail_run(st);
    } while ((hone_clock_s() - start) * 1e3 < ms);
    return HONE_EXIT_OK;
}

static int measure_latency(hone_session *s, double duration_s, hone_bench *out)
{
    const int64_t at_least = hone_args_int(s->args, HONE_OPTION_iterations, 10);
    const double start = hone_clock_s();
    double before = start, after = start;
    for (int64_t i = 0; i < at_least || after - start < duration_s; i++) {
        before = hone_clock_s();
        const hone_status st = hone_context_run(s->context);
        after = hone_clock_s();
        if (st != HONE_OK || hone_interrupt_came())
            return fail_run(st);
        if (!hone_times_add(&out->latency, (after - before) * 1e3))
            return hone_fail(HONE_EXIT_LIMIT, "measuring: no memory for %zu times",
                             out->latency.n + 1);
        if (after - before > 0.01 || i % PROGRESS_EVERY == 0)
            hone_progress_update("measure", (int64_t)((after - start) * 1e3),
                                 (int64_t)(duration_s * 1e3));
    }
    return HONE_EXIT_OK;
}

static int measure_throughput(hone_session *s, double duration_s, hone_bench *out)
{
    const double limit = duration_s / 2 < THROUGHPUT_S ? duration_s / 2 : THROUGHPUT_S;
    const double start = hone_clock_s();
    int64_t n = 0;
    double now;
    do {
        const hone_status st = hone_context_run(s->context);
        if (st != HONE_OK || hone_interrupt_came())
            return fail_run(st);
        n++;
        now = hone_clock_s();
    } while (now - start < limit);
    out->throughput_qps = (double)n / (now - start);
    return HONE_EXIT_OK;
}

static int measure_steps(hone_session *s, hone_bench *out)
{
    out->step_ms = calloc((size_t)out->plan.n_steps + 1, sizeof *out->step_ms);
    if (!out->step_ms)
        return hone_fail(HONE_EXIT_LIMIT, "profiling: no memory");
    hone_status st = hone_context_profile(s->context, true);
    for (int run = 0; run < PROFILE_RUNS && st == HONE_OK; run++) {
        st = hone_context_run(s->context);
        if (st != HONE_OK || hone_interrupt_came())
            return fail_run(st);
        const double *ms = hone_context_step_ms(s->context);
        for (int i = 0; i < out->plan.n_steps; i++)
            out->step_ms[i] += ms[i] / PROFILE_RUNS;
    }
    return st == HONE_OK ? HONE_EXIT_OK : fail_run(st);
}

static int measure(hone_session *s, hone_bench *out)
{
    const double duration_s = hone_args_real(s->args, HONE_OPTION_duration, 3);
    int code = warm_up(s);
    if (!code)
        code = measure_latency(s, duration_s, out);
    if (!code)
        code = measure_throughput(s, duration_s, out);
    if (!code && hone_args_count(s->args, HONE_OPTION_profile))
        code = measure_steps(s, out);
    return code;
}

static int bench(hone_session *s, hone_bench *out)
{
    int code = hone_inputs_find_and_build(s);
    if (code || hone_args_count(s->args, HONE_OPTION_build_only))
        return code;
    const hone_status st = hone_plan_describe(s->plan, &out->plan);
    if (st != HONE_OK)
        return hone_fail_status(st);
    code = hone_session_start(s);
    if (!code)
        code = hone_inputs_bind(s, NULL);
    if (!code)
        code = measure(s, out);
    hone_progress_clear();
    return code ? code : hone_bench_report(s, out);
}

int hone_command_bench(const hone_args *args)
{
    hone_session s;
    hone_bench result = {.plan = {.size = sizeof result.plan}};
    int code = hone_session_open(args, &s);
    if (!code)
        code = bench(&s, &result);
    hone_times_fini(&result.latency);
    free(result.step_ms);
    hone_session_fini(&s);
    return code;
}
