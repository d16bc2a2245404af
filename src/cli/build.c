/* hone build: a model into a plan file, with progress and a line about what came out. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cli/commands.h"
#include "cli/inputs.h"
#include "cli/progress.h"
#include "cli/report.h"
#include "cli/say.h"
#include "cli/session.h"

/* "net.onnx" becomes "net.plan"; any other name gets ".plan" at its end. malloc's memory. */
static char *default_path(const char *model)
{
    const char *dot = strrchr(model, '.');
    const bool has_ending = dot && strcmp(dot, ".onnx") == 0;
    char *path = NULL;
    const int length = has_ending ? (int)(dot - model) : (int)strlen(model);
    return asprintf(&path, "%.*s.plan", length, model) < 0 ? NULL : path;
}

static int report(const hone_session *s, const char *path)
{
    hone_plan_info info = {.size = sizeof info};
    char plan[HONE_REPORT_SIZE], weights[HONE_REPORT_SIZE], arena[HONE_REPORT_SIZE];
    const hone_status st = hone_plan_describe(s->plan, &info);
    if (st != HONE_OK)
        return hone_fail_status(st);
    const bool is_cuda = s->device.is_cuda;
    const size_t activations = is_cuda ? info.device_activation_bytes : info.activation_bytes;
    if (hone_report_wants_text(s->args)) {
        printf("%s: %s, %d steps", path, hone_report_size((double)info.plan_bytes, plan),
               info.n_steps);
        if (is_cuda)
            printf(", %d launches on %s", info.n_launches, info.targets);
        printf(", weights %s, activations %s; built in %.2f s\n",
               hone_report_size((double)info.weight_bytes, weights),
               hone_report_size((double)activations, arena), s->build_s);
    }
    if (!hone_report_wants_json(s->args))
        return HONE_EXIT_OK;
    return hone_report_json(
        s->args, json_pack("{s:i, s:o, s:o, s:o, s:o, s:f, s:I, s:i, s:i, s:o, s:{s:I, s:I, s:I}}",
                           "schema", 1, "model", hone_report_text(s->path), "plan",
                           hone_report_text(path), "device", hone_report_text(info.device),
                           "precision", hone_report_text(info.precision), "build_s", s->build_s,
                           "plan_bytes", (json_int_t)info.plan_bytes, "layers", info.n_steps,
                           "launches", info.n_launches, "targets", hone_report_text(info.targets),
                           "memory", "weights", (json_int_t)info.weight_bytes, "activations",
                           (json_int_t)activations, "scratch", (json_int_t)info.scratch_bytes));
}

static int build(hone_session *s)
{
    if (!s->model)
        return hone_fail(HONE_EXIT_USAGE, "building \"%s\": it is a plan already", s->path);
    int code = hone_session_build(s);
    if (code || hone_args_text(s->args, HONE_OPTION_save_plan)) {
        hone_progress_clear();
        return code ? code : report(s, hone_args_text(s->args, HONE_OPTION_save_plan));
    }
    char *path = default_path(s->path);
    if (!path)
        return hone_fail(HONE_EXIT_LIMIT, "building: no memory");
    const hone_status st = hone_plan_save(s->plan, path);
    hone_progress_clear();
    code = st == HONE_OK ? report(s, path) : hone_fail_status(st);
    free(path);
    return code;
}

int hone_command_build(const hone_args *args)
{
    hone_session s;
    int code = hone_session_open(args, &s);
    if (!code)
        code = build(&s);
    hone_session_fini(&s);
    return code;
}
