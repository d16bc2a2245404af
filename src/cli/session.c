/* Opens a model or a plan, chooses the device, builds, starts. Options that the library has no
 * field for are refused here, so that none is taken and then forgotten. */
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

static int check_options(const hone_args *args)
{
    static const hone_option profiles[] = {HONE_OPTION_min_shapes, HONE_OPTION_opt_shapes,
                                           HONE_OPTION_max_shapes};
    for (int i = 0; i < HONE_COUNT_OF(profiles); i++)
        if (hone_args_count(args, profiles[i]) > 1)
            return hone_fail(HONE_EXIT_UNSUPPORTED,
                             "reading --%s: it was given %d times; a plan has one profile in this "
                             "version",
                             hone_options[profiles[i]].name, hone_args_count(args, profiles[i]));
    return HONE_EXIT_OK;
}

/* Options of building that change nothing here. */
static void note_unused(const hone_session *s)
{
    static const hone_option of_gpus[] = {HONE_OPTION_tune, HONE_OPTION_time_budget,
                                          HONE_OPTION_timing_cache};
    static const hone_option of_weak_types[] = {
        HONE_OPTION_fp16, HONE_OPTION_bf16, HONE_OPTION_int8, HONE_OPTION_fp8, HONE_OPTION_best};
    for (int i = 0; i < HONE_COUNT_OF(of_gpus) && !s->device.is_cuda; i++)
        if (hone_args_count(s->args, of_gpus[i]))
            hone_say(1, "note: --%s has no effect on the CPU", hone_options[of_gpus[i]].name);
    if (!hone_args_count(s->args, HONE_OPTION_strongly_typed))
        return;
    for (int i = 0; i < HONE_COUNT_OF(of_weak_types); i++)
        if (hone_args_count(s->args, of_weak_types[i]))
            hone_say(1, "note: --%s has no effect where types follow the graph",
                     hone_options[of_weak_types[i]].name);
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
        {HONE_OPTION_fp16, HONE_FP16}, /* before bfloat16, whose answers are worse */
        {HONE_OPTION_bf16, HONE_BFLOAT16},
        {HONE_OPTION_no_tf32, HONE_FP32},
        {HONE_OPTION_tf32, HONE_TF32},
        {HONE_OPTION_fp32, HONE_PRECISION_DEFAULT},
    };
    for (int i = 0; i < HONE_COUNT_OF(lowest_first); i++)
        if (hone_args_count(args, lowest_first[i].option))
            return lowest_first[i].precision;
    return HONE_PRECISION_DEFAULT;
}

static hone_tune tune_of(const hone_args *args)
{
    static const struct {
        const char *word;
        hone_tune tune;
    } words[] = {
        {"none", HONE_TUNE_NONE},
        {"quick", HONE_TUNE_QUICK},
        {"full", HONE_TUNE_FULL},
    };
    const char *given = hone_args_text(args, HONE_OPTION_tune);
    for (int i = 0; i < HONE_COUNT_OF(words) && given; i++)
        if (strcmp(given, words[i].word) == 0)
            return words[i].tune;
    return HONE_TUNE_DEFAULT;
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

/* A plan goes to the device that it was made for, a model to the one that was asked for or the best
 * that is there. */
static void choose_device(hone_session *s, const hone_choice *wanted, bool is_wanted)
{
    if (s->plan)
        s->device = hone_choice_of_plan(s->plan, wanted);
    else
        s->device = is_wanted ? *wanted : hone_choice_for_model(s->args);
    note_unused(s);
}

int hone_session_open_file(const hone_args *args, const char *path, hone_session *out)
{
    hone_choice wanted;
    bool is_plan = false, is_wanted;
    *out = (hone_session){.args = args, .path = path};
    int code = check_options(args);
    if (!code)
        code = hone_choice_read(args, &wanted, &is_wanted);
    if (!code)
        code = is_plan_file(path, &is_plan);
    if (code)
        return code;
    out->shapes = hone_shapes_join(args, HONE_OPTION_shapes);
    out->min_shapes = hone_shapes_join(args, HONE_OPTION_min_shapes);
    out->opt_shapes = hone_shapes_join(args, HONE_OPTION_opt_shapes);
    out->max_shapes = hone_shapes_join(args, HONE_OPTION_max_shapes);
    out->targets = hone_shapes_join(args, HONE_OPTION_target);
    code = is_plan ? open_plan(out) : open_model(out);
    if (!code && args->command != HONE_COMMAND_INSPECT)
        choose_device(out, &wanted, is_wanted);
    return code;
}

/* The operand is a plan for another kind of device than the one that was asked for. */
static int check_plan_fits(const hone_session *s)
{
    const char *asked = hone_args_text(s->args, HONE_OPTION_device);
    if (!s->plan || !asked || s->device.is_cuda == (strcmp(asked, "cpu") != 0))
        return HONE_EXIT_OK;
    return hone_fail(HONE_EXIT_MISMATCH,
                     "running \"%s\" on \"%s\": the plan is for %s; build one with --device %s",
                     s->path, asked, s->device.is_cuda ? "cuda" : "the cpu",
                     s->device.is_cuda ? "cpu" : "cuda");
}

int hone_session_open(const hone_args *args, hone_session *out)
{
    const hone_command_row *command = &hone_commands[args->command];
    *out = (hone_session){.args = args};
    if (args->n_operands == 0)
        return hone_fail(HONE_EXIT_USAGE, "%s: no file was given: hone %s %s", command->name,
                         command->name, command->operands);
    const int code = hone_session_open_file(args, args->operands[0], out);
    return code ? code : check_plan_fits(out);
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
                           .device = s->device.name,
                           .allow = s->is_exact ? HONE_FP32 : precision_of(args),
                           .no_tf32 = s->is_exact || hone_args_count(args, HONE_OPTION_no_tf32),
                           .strongly_typed = hone_args_count(args, HONE_OPTION_strongly_typed),
                           .targets = s->targets, .tune = tune_of(args),
                           .time_budget_s = hone_args_real(args, HONE_OPTION_time_budget, 0),
                           .timing_cache = hone_args_text(args, HONE_OPTION_timing_cache),
                           .shapes = s->shapes, .min_shapes = s->min_shapes,
                           .opt_shapes = s->opt_shapes, .max_shapes = s->max_shapes,
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

hone_status hone_session_context(const hone_session *s, hone_context **out)
{
    return hone_context_create(
        s->engine,
        HONE_CONTEXT_OPTIONS(.threads = (int)hone_args_int(s->args, HONE_OPTION_threads, 0),
                             .pin_threads = hone_args_count(s->args, HONE_OPTION_pin_threads),
                             .device_io = s->io_is_on_device),
        out);
}

int hone_session_start(hone_session *s)
{
    const int code = hone_choice_check(&s->device);
    if (code)
        return code;
    const double start = hone_clock_s();
    hone_status st = hone_engine_create(
        s->plan,
        HONE_ENGINE_OPTIONS(.logger = hone_say_logger(), .decode_image = hone_media_decode,
                            .device = s->device.is_cuda ? s->device.name : NULL),
        &s->engine);
    if (st == HONE_OK)
        st = hone_session_context(s, &s->context);
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
    free(s->targets);
    free(s->labels);
}
