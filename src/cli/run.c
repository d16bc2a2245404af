/* hone run: one inference, or one for each picture of the command line. */
#include <stdio.h>

#include "cli/commands.h"
#include "cli/inputs.h"
#include "cli/outputs.h"
#include "cli/progress.h"
#include "cli/say.h"
#include "cli/session.h"
#include "cli/summary.h"

static int report(const hone_session *s, const char *picture, double ms, json_t *runs)
{
    if (hone_report_wants_json(s->args)) {
        json_t *run = json_pack("{s:o, s:f}", "input", hone_report_text(picture), "ms", ms);
        json_array_append_new(runs, run);
        const int code = hone_summary_json(s, run);
        if (code)
            return code;
    }
    if (hone_outputs_are_asked(s->args) || !hone_report_wants_text(s->args)) {
        hone_say(2, "%s%s%.3f ms", picture ? picture : "", picture ? ": " : "", ms);
        return HONE_EXIT_OK;
    }
    printf("%s%s%.3f ms\n", picture ? picture : "", picture ? ": " : "", ms);
    return hone_summary_print(s);
}

static int run_once(hone_session *s, const char *picture, json_t *runs)
{
    int code = hone_inputs_bind(s, picture);
    if (code)
        return code;
    hone_interrupt_allow();
    /* A GPU's graphs are made before the clock starts: that happens once and not in every run. */
    hone_status st = s->device.is_cuda ? hone_context_prepare(s->context) : HONE_OK;
    const double start = hone_clock_s();
    if (st == HONE_OK)
        st = hone_context_run(s->context);
    const double ms = (hone_clock_s() - start) * 1e3;
    hone_interrupt_forbid();
    if (st != HONE_OK)
        return hone_fail_status(st);
    hone_progress_clear();
    code = hone_outputs_write(s);
    return code ? code : report(s, picture, ms, runs);
}

static int run_all(hone_session *s, json_t *runs)
{
    const int n = s->args->n_operands;
    int code = n > 1 ? HONE_EXIT_OK : run_once(s, NULL, runs);
    for (int i = 1; i < n && !code; i++)
        code = run_once(s, s->args->operands[i], runs);
    return code;
}

static int run(hone_session *s)
{
    if (s->args->n_operands > 2 && hone_outputs_are_asked(s->args))
        return hone_fail(HONE_EXIT_USAGE,
                         "running %d pictures: --output and --outputs have room for one answer",
                         s->args->n_operands - 1);
    int code = hone_inputs_find_and_build(s);
    if (!code)
        code = hone_outputs_check(s);
    if (!code)
        code = hone_session_start(s);
    if (code)
        return code;
    json_t *runs = json_array();
    code = run_all(s, runs);
    if (code || !hone_report_wants_json(s->args)) {
        json_decref(runs);
        return code;
    }
    return hone_report_json(s->args, json_pack("{s:i, s:o, s:o}", "schema", 1, "model",
                                               hone_report_text(s->path), "runs", runs));
}

int hone_command_run(const hone_args *args)
{
    hone_session s;
    int code = hone_session_open(args, &s);
    if (!code)
        code = run(&s);
    hone_session_fini(&s);
    return code;
}
