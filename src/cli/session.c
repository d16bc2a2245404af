/* Opens a model or a plan, builds, starts. The options that the library has no field for yet are
 * refused here, in one table, so that none is taken and then forgotten. */
#include "cli/session.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cli/inputs.h"
#include "cli/machine.h"
#include "cli/progress.h"
#include "cli/say.h"
#include "cli/shapes.h"

#define PLAN_MAGIC "HONEPLAN"

// ---- options

static int check_device(const hone_args *args)
{
    const char *device = hone_args_text(args, HONE_OPTION_device);
    if (!device || strcmp(device, "cpu") == 0)
        return HONE_EXIT_OK;
    const size_t digits = strspn(device, "0123456789"); /* trtexec's --device=0 */
    if (strncmp(device, "cuda", 4) == 0 || (digits && !device[digits]))
        return hone_fail(HONE_EXIT_DEVICE,
                         "choosing device \"%s\": this version of Hone runs on the CPU alone",
                         device);
    return hone_fail(
        HONE_EXIT_USAGE,
        "choosing device \"%s\": there is no such device; cpu, cuda and cuda:N are known", device);
}

static int check_options(const hone_args *args)
{
    static const hone_option profiles[] = {HONE_OPTION_min_shapes, HONE_OPTION_opt_shapes,
                                           HONE_OPTION_max_shapes};
    static const hone_option without_effect[] = {HONE_OPTION_tune, HONE_OPTION_time_budget,
                                                 HONE_OPTION_timing_cache};
    for (int i = 0; i < HONE_COUNT_OF(profiles); i++)
        if (hone_args_count(args, profiles[i]) > 1)
            return hone_fail(HONE_EXIT_UNSUPPORTED,
                             "reading --%s: it was given %d times; a plan has one profile in this "
                             "version",
                             hone_options[profiles[i]].name, hone_args_count(args, profiles[i]));
    for (int i = 0; i < HONE_COUNT_OF(without_effect); i++)
        if (hone_args_count(args, without_effect[i]))
            hone_say(1, "note: --%s has no effect on the CPU",
                     hone_options[without_effect[i]].name);
    return check_device(args);
}

static hone_precision precision_of(const hone_args *args)
{
    static const struct {
        hone_option option;
        hone_precision precision;
    } lowest_first[] = {
        {HONE_OPTION_best, HONE_FP8},
        {HONE_OPTION_fp8, HONE_FP8},
        {HONE_OPTION_int8, HONE_INT8},
        {HONE_OPTION_bf16, HONE_BFLOAT16},
        {HONE_OPTION_fp16, HONE_FP16},
        {HONE_OPTION_no_tf32, HONE_FP32},
        {HONE_OPTION_strongly_typed, HONE_FP32},
        {HONE_OPTION_tf32, HONE_TF32},
        {HONE_OPTION_fp32, HONE_PRECISION_DEFAULT},
    };
    for (int i = 0; i < HONE_COUNT_OF(lowest_first); i++)
        if (hone_args_count(args, lowest_first[i].option))
            return lowest_first[i].precision;
    return HONE_PRECISION_DEFAULT;
}

/* A text file as a string, at most 16 MiB: labels are names. */
static int read_text(const char *path, char **out)
{
    enum {
        TEXT_MAX = 16 << 20
    };
    FILE *file = fopen(path, "rb");
    if (!file)
        return hone_fail(HONE_EXIT_INPUT, "opening \"%s\": %s", path, strerror(errno));
    char *text = malloc(TEXT_MAX + 1);
    const size_t size = text ? fread(text, 1, TEXT_MAX + 1, file) : 0;
    const bool failed = ferror(file) != 0;
    fclose(file);
    if (!text || failed || size > TEXT_MAX) {
        free(text);
        return hone_fail(HONE_EXIT_INPUT, "reading \"%s\": %s", path,
                         failed ? "it cannot be read" : "it is over 16 MiB");
    }
    text[size] = '\0';
    *out = text;
    return HONE_EXIT_OK;
}

// ---- opening

static int is_plan_file(const char *path, bool *out)
{
    char magic[8];
    FILE *file = fopen(path, "rb");
    if (!file)
        return hone_fail(HONE_EXIT_INPUT, "opening \"%s\": %s", path, strerror(errno));
    const size_t n = fread(magic, 1, sizeof magic, file);
    const bool failed = ferror(file) != 0;
    fclose(file);
    if (failed)
        return hone_fail(HONE_EXIT_INPUT, "reading \"%s\": %s", path, strerror(EISDIR));
    *out = n == sizeof magic && memcmp(magic, PLAN_MAGIC, sizeof magic) == 0;
    return HONE_EXIT_OK;
}

static int open_plan(hone_session *s)
{
    const double start = hone_clock_s();
    const hone_status st = hone_plan_open(s->path, NULL, &s->plan);
    s->load_ms = (hone_clock_s() - start) * 1e3;
    return st == HONE_OK ? HONE_EXIT_OK : hone_fail_file(st);
}

static int open_model(hone_session *s)
{
    const hone_status st =
        hone_model_open(s->path, HONE_MODEL_OPTIONS(.logger = hone_say_logger()), &s->model);
    return st == HONE_OK ? HONE_EXIT_OK : hone_fail_file(st);
}

int hone_session_open_file(const hone_args *args, const char *path, hone_session *out)
{
    bool is_plan = false;
    *out = (hone_session){.args = args, .path = path};
    int code = check_options(args);
    if (!code)
        code = is_plan_file(path, &is_plan);
    if (code)
        return code;
    out->shapes = hone_shapes_join(args, HONE_OPTION_shapes);
    out->min_shapes = hone_shapes_join(args, HONE_OPTION_min_shapes);
    out->opt_shapes = hone_shapes_join(args, HONE_OPTION_opt_shapes);
    out->max_shapes = hone_shapes_join(args, HONE_OPTION_max_shapes);
    return is_plan ? open_plan(out) : open_model(out);
}

int hone_session_open(const hone_args *args, hone_session *out)
{
    const hone_command_row *command = &hone_commands[args->command];
    *out = (hone_session){.args = args};
    if (args->n_operands == 0)
        return hone_fail(HONE_EXIT_USAGE, "%s: no file was given: hone %s %s", command->name,
                         command->name, command->operands);
    return hone_session_open_file(args, args->operands[0], out);
}

// ---- building

static int save_plan(const hone_session *s, const char *path)
{
    const hone_status st = hone_plan_save(s->plan, path);
    return st == HONE_OK ? HONE_EXIT_OK : hone_fail_status(st);
}

int hone_session_build(hone_session *s)
{
    const hone_args *args = s->args;
    const char *labels = hone_args_text(args, HONE_OPTION_labels);
    const char *save = hone_args_text(args, HONE_OPTION_save_plan);
    int code = HONE_EXIT_OK;
    if (!s->model)
        return save ? save_plan(s, save) : HONE_EXIT_OK;
    if (labels)
        code = read_text(labels, &s->labels);
    if (code)
        return code;

    const double start = hone_clock_s();
    const hone_status st = hone_build(
        s->model,
        HONE_BUILD_OPTIONS(.logger = hone_say_logger(), .progress = hone_progress_callbacks(),
                           .device = "cpu", .allow = precision_of(args), .shapes = s->shapes,
                           .min_shapes = s->min_shapes, .opt_shapes = s->opt_shapes,
                           .max_shapes = s->max_shapes,
                           .preprocess = hone_args_text(args, HONE_OPTION_preprocess),
                           .postprocess = hone_args_text(args, HONE_OPTION_postprocess),
                           .labels = s->labels,
                           .dump_ir = hone_args_text(args, HONE_OPTION_dump_ir),
                           .no_optimize =
                               s->is_plain || hone_args_count(args, HONE_OPTION_no_optimize)),
        &s->plan);
    s->build_s = hone_clock_s() - start;
    if (st != HONE_OK)
        return hone_fail_status(st);
    if (hone_interrupt_came())
        return hone_fail(HONE_EXIT_INTERRUPTED, "interrupted");
    return save ? save_plan(s, save) : HONE_EXIT_OK;
}

// ---- running

int hone_session_threads(const hone_session *s)
{
    const int given = (int)hone_args_int(s->args, HONE_OPTION_threads, 0);
    return given ? given : hone_machine_cores();
}

int hone_session_start(hone_session *s)
{
    const double start = hone_clock_s();
    hone_status st = hone_engine_create(
        s->plan,
        HONE_ENGINE_OPTIONS(.logger = hone_say_logger(), .decode_image = hone_media_decode),
        &s->engine);
    if (st == HONE_OK)
        st = hone_context_create(
            s->engine,
            HONE_CONTEXT_OPTIONS(.threads = (int)hone_args_int(s->args, HONE_OPTION_threads, 0),
                                 .pin_threads = hone_args_count(s->args, HONE_OPTION_pin_threads)),
            &s->context);
    s->load_ms += (hone_clock_s() - start) * 1e3;
    return st == HONE_OK ? HONE_EXIT_OK : hone_fail_status(st);
}

void hone_session_fini(hone_session *s)
{
    hone_context_destroy(s->context);
    hone_engine_destroy(s->engine);
    hone_plan_destroy(s->plan);
    hone_model_destroy(s->model);
    hone_inputs_fini(s);
    free(s->shapes);
    free(s->min_shapes);
    free(s->opt_shapes);
    free(s->max_shapes);
    free(s->labels);
}
