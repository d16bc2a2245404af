/* hone bench: latency of single inferences, then throughput of back-to-back ones, then times by
 * step. On the CPU what is timed is hone_context_run alone, on inputs that are already in memory;
 * on a GPU an enqueue and the wait for it, between whose clock readings nothing else is done, with
 * the device's own times from events. Nothing is printed between two clock readings. */
#include <stdio.h>
#include <stdlib.h>

#include "cli/bench.h"
#include "cli/commands.h"
#include "cli/inputs.h"
#include "cli/machine.h"
#include "cli/progress.h"
#include "cli/say.h"

enum {
    STREAMS_MOST = 256,  /* more contexts than any device is shared by */
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

// ---- latency

/* Where nothing is copied, what lies between the events of a copy is nothing but the events. */
static bool add_device_times(const hone_session *s, hone_bench *out, double enqueue_ms,
                             const hone_run_times *t)
{
    const bool copies = !s->io_is_on_device;
    return hone_samples_add(&out->enqueue, enqueue_ms) &&
           hone_samples_add(&out->device, t->device_ms) &&
           hone_samples_add(&out->h2d, copies ? t->h2d_ms : 0) &&
           hone_samples_add(&out->d2h, copies ? t->d2h_ms : 0);
}

static int fail_times(const hone_bench *out)
{
    return hone_fail(HONE_EXIT_LIMIT, "measuring: no memory for %zu times", out->latency.n + 1);
}

/* One inference by the clocks of both sides. *spent_s: by the host's. */
static int time_on_gpu(hone_session *s, hone_bench *out, double *spent_s)
{
    hone_run_times t = {.size = sizeof t};
    const double start = hone_clock_s();
    hone_status st = hone_context_enqueue(s->context, NULL);
    const double enqueued = hone_clock_s();
    if (st == HONE_OK)
        st = hone_context_wait(s->context);
    *spent_s = hone_clock_s() - start;
    if (st == HONE_OK)
        st = hone_context_times(s->context, &t);
    if (st != HONE_OK)
        return hone_fail_status(st);
    return add_device_times(s, out, (enqueued - start) * 1e3, &t) ? HONE_EXIT_OK : fail_times(out);
}

static int time_on_cpu(hone_session *s, double *spent_s)
{
    const double start = hone_clock_s();
    const hone_status st = hone_context_run(s->context);
    *spent_s = hone_clock_s() - start;
    return st == HONE_OK ? HONE_EXIT_OK : hone_fail_status(st);
}

static int measure_latency(hone_session *s, double duration_s, hone_bench *out)
{
    const int64_t at_least = hone_args_int(s->args, HONE_OPTION_iterations, 10);
    const double start = hone_clock_s();
    double spent_s = 0, now = start;
    for (int64_t i = 0; i < at_least || now - start < duration_s; i++) {
        const int code =
            s->device.is_cuda ? time_on_gpu(s, out, &spent_s) : time_on_cpu(s, &spent_s);
        now = hone_clock_s();
        if (code || hone_interrupt_came())
            return code ? code : fail_run(HONE_OK);
        if (!hone_samples_add(&out->latency, spent_s * 1e3))
            return fail_times(out);
        if (spent_s > 0.01 || i % PROGRESS_EVERY == 0)
            hone_progress_update("measure", (int64_t)((now - start) * 1e3),
                                 (int64_t)(duration_s * 1e3));
    }
    return HONE_EXIT_OK;
}

/* Events stand around the parts of a run while latencies are measured, and at no other time. */
static int set_timing(hone_session *s, bool on)
{
    const hone_status st = s->device.is_cuda ? hone_context_timing(s->context, on) : HONE_OK;
    return st == HONE_OK ? HONE_EXIT_OK : hone_fail_status(st);
}

// ---- throughput and steps

/* One context of the CPU in this thread, whose cores it has been given. */
static int measure_single(hone_session *s, double limit_s, hone_bench *out)
{
    const double start = hone_clock_s();
    int64_t n = 0;
    double now;
    do {
        const hone_status st = hone_context_run(s->context);
        if (st != HONE_OK || hone_interrupt_came())
            return fail_run(st);
        n++;
        now = hone_clock_s();
    } while (now - start < limit_s);
    out->throughput_qps = (double)n / (now - start);
    return HONE_EXIT_OK;
}

static int measure_throughput(hone_session *s, double duration_s, hone_bench *out)
{
    const double limit_s = duration_s / 2 < THROUGHPUT_S ? duration_s / 2 : THROUGHPUT_S;
    return s->device.is_cuda || out->streams > 1 ? hone_bench_flow(s, limit_s, out)
                                                 : measure_single(s, limit_s, out);
}

static int measure_steps(hone_session *s, hone_bench *out)
{
    out->step_ms = calloc((size_t)out->plan.n_steps + 1, sizeof *out->step_ms);
    if (!out->step_ms)
        return hone_fail(HONE_EXIT_LIMIT, "profiling: no memory");
    hone_status st = hone_context_profile(s->context, true);
    if (st == HONE_OK)
        st = hone_context_run(s->context); /* makes ready, and is not counted */
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
    int code = set_timing(s, true);
    if (!code)
        code = warm_up(s);
    if (!code)
        code = measure_latency(s, duration_s, out);
    if (!code)
        code = set_timing(s, false);
    if (!code)
        code = measure_throughput(s, duration_s, out);
    if (!code && hone_args_count(s->args, HONE_OPTION_profile))
        code = measure_steps(s, out);
    return code;
}

// ---- the command

static int bench(hone_session *s, hone_bench *out)
{
    int code = hone_inputs_find_and_build(s);
    if (code || hone_args_count(s->args, HONE_OPTION_build_only))
        return code;
    const hone_status st = hone_plan_describe(s->plan, &out->plan);
    if (st != HONE_OK)
        return hone_fail_status(st);
    s->io_is_on_device = hone_args_count(s->args, HONE_OPTION_no_data_transfers) > 0;
    if (s->io_is_on_device && !s->device.is_cuda)
        hone_say(1, "note: --no-data-transfers has no effect on the CPU");
    code = hone_session_start(s);
    if (!code)
        code = hone_inputs_bind(s, NULL);
    if (!code)
        code = measure(s, out);
    hone_progress_clear();
    return code ? code : hone_bench_report(s, out);
}

static void bench_fini(hone_bench *b)
{
#define FINI(name, label) hone_samples_fini(&b->name);
    HONE_BENCH_TIMES(FINI)
#undef FINI
    free(b->step_ms);
}

int hone_command_bench(const hone_args *args)
{
    hone_session s = {.args = args};
    hone_bench result = {.plan = {.size = sizeof result.plan},
                         .streams = (int)hone_args_int(args, HONE_OPTION_streams, 1)};
    int code = HONE_EXIT_OK;
    if (result.streams < 1 || result.streams > STREAMS_MOST)
        code = hone_fail(HONE_EXIT_USAGE,
                         "reading the command line: --streams is \"%s\"; 1 to %d is allowed",
                         hone_args_text(args, HONE_OPTION_streams), STREAMS_MOST);
    if (!code)
        code = hone_session_open(args, &s);
    if (!code)
        code = bench(&s, &result);
    bench_fini(&result);
    hone_session_fini(&s);
    return code;
}
