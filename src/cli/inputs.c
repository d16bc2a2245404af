/* Inputs of run and bench, first walk: which file is whose, and reading those that say their own
 * shape, because a model may leave extents open. inputs_fill.c does the rest after the build. */
#include "cli/inputs.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cli/say.h"
#include "cli/shapes.h"
#include "media/values.h"

hone_status hone_inputs_binding(const hone_session *s, int index, hone_binding_info *info)
{
    *info = (hone_binding_info){.size = sizeof *info};
    return s->plan ? hone_plan_binding(s->plan, index, info)
                   : hone_model_binding(s->model, index, info);
}

bool hone_inputs_ends_with(const char *path, const char *ending)
{
    const size_t n = strlen(path), m = strlen(ending);
    return n >= m && strcasecmp(path + n - m, ending) == 0;
}

bool hone_inputs_is_open(const hone_dims *shape)
{
    bool open = shape->rank < 0;
    for (int d = 0; d < shape->rank; d++)
        open |= shape->dim[d] < 0;
    return open;
}

static int count_inputs(const hone_session *s)
{
    hone_plan_info info = {.size = sizeof info};
    if (!s->plan)
        return hone_model_inputs(s->model);
    return hone_plan_describe(s->plan, &info) == HONE_OK ? info.n_inputs : 0;
}

static int make_list(hone_session *s)
{
    const int n = count_inputs(s);
    s->inputs = calloc((size_t)n + 1, sizeof *s->inputs);
    if (!s->inputs)
        return hone_fail(HONE_EXIT_LIMIT, "reading inputs: no memory");
    for (s->n_inputs = 0; s->n_inputs < n; s->n_inputs++) {
        hone_binding_info info;
        const hone_status st = hone_inputs_binding(s, s->n_inputs, &info);
        if (st != HONE_OK)
            return hone_fail_status(st);
        s->inputs[s->n_inputs].name = strdup(info.name);
    }
    return HONE_EXIT_OK;
}

void hone_inputs_fini(hone_session *s)
{
    for (int i = 0; i < s->n_inputs; i++) {
        if (s->inputs[i].is_loaded)
            hone_array_free(&s->inputs[i].array);
        free(s->inputs[i].name);
        free(s->inputs[i].owned_path);
    }
    free(s->inputs);
    s->inputs = NULL;
    s->n_inputs = 0;
}

// ---- which file is whose

static int fail_no_input(const hone_session *s, const char *given)
{
    char names[512] = "";
    size_t n = 0;
    for (int i = 0; i < s->n_inputs && n < sizeof names - 1; i++)
        n += (size_t)snprintf(names + n, sizeof names - n, "%s\"%s\"", i ? ", " : "",
                              s->inputs[i].name);
    return hone_fail(HONE_EXIT_USAGE, "reading --input \"%s\": it is NAME=FILE; the inputs are %s",
                     given, s->n_inputs ? names : "none");
}

/* NAME=FILE, where NAME may itself hold "="; FILE alone where there is one input. */
static int take_file(hone_session *s, const char *given)
{
    for (int i = 0; i < s->n_inputs; i++) {
        const size_t n = strlen(s->inputs[i].name);
        if (strncmp(given, s->inputs[i].name, n) == 0 && given[n] == '=') {
            s->inputs[i].path = given + n + 1;
            return HONE_EXIT_OK;
        }
    }
    if (s->n_inputs != 1 || strchr(given, '='))
        return fail_no_input(s, given);
    s->inputs[0].path = given;
    return HONE_EXIT_OK;
}

static int take_folder(hone_session *s, const char *folder)
{
    static const char *const endings[] = {"npy", "pb"};
    for (int i = 0; i < s->n_inputs; i++) {
        char *path = NULL;
        for (int e = 0; e < HONE_COUNT_OF(endings) && !path; e++) {
            if (asprintf(&path, "%s/input_%d.%s", folder, i, endings[e]) < 0)
                return hone_fail(HONE_EXIT_LIMIT, "reading inputs: no memory");
            if (access(path, F_OK) != 0) {
                free(path);
                path = NULL;
            }
        }
        if (!path)
            return hone_fail(
                HONE_EXIT_INPUT,
                "reading --inputs \"%s\": it has no input_%d.npy or input_%d.pb, for \"%s\"",
                folder, i, i, s->inputs[i].name);
        s->inputs[i].owned_path = path;
        s->inputs[i].path = path;
    }
    return HONE_EXIT_OK;
}

// ---- reading

/* An optional that holds a tensor is that tensor, also where the input became a plain tensor on the
 * way into the plan. */
static hone_status read_pb(const char *path, const char *kind, hone_array *out)
{
    hone_array inner;
    const hone_status st = hone_pb_read(path, kind, out);
    if (st == HONE_OK || strcmp(kind, "tensor") != 0)
        return st;
    if (hone_pb_read(path, "optional", &inner) == HONE_OK) {
        if (inner.kind == HONE_ARRAY_TENSOR) {
            *out = inner;
            return HONE_OK;
        }
        hone_array_free(&inner);
    }
    return hone_pb_read(path, kind, out); /* for its message */
}

/* Reads a file that says its own shape; *was_read is false for raw files and pictures, which must
 * wait for the plan's word. */
static hone_status read_typed(hone_session_input *input, const char *kind, bool *was_read)
{
    hone_file_kind file;
    hone_status st = hone_values_file_kind(input->path, &file);
    *was_read = file != HONE_FILE_PICTURE &&
                !(file == HONE_FILE_UNKNOWN && !hone_inputs_ends_with(input->path, ".pb"));
    if (st != HONE_OK || !*was_read)
        return st;
    if (file == HONE_FILE_NPZ) {
        st = hone_npz_read(input->path, input->name, &input->array);
        return st == HONE_ERR_FORMAT ? hone_npz_read(input->path, NULL, &input->array) : st;
    }
    return file == HONE_FILE_NPY ? hone_npy_read(input->path, &input->array)
                                 : read_pb(input->path, kind, &input->array);
}

/* A model's open extents come from the file where no option fixes them. */
static void fix_shape(hone_session *s, const hone_session_input *input,
                      const hone_binding_info *info)
{
    hone_dims unused;
    const bool is_given = hone_shapes_find(s->shapes, input->name, &unused) ||
                          hone_shapes_find(s->opt_shapes, input->name, &unused) ||
                          hone_shapes_find(s->max_shapes, input->name, &unused);
    if (!s->plan && !is_given && hone_inputs_is_open(&info->shape) &&
        input->array.kind == HONE_ARRAY_TENSOR)
        hone_shapes_add(&s->shapes, input->name, &input->array.tensor.shape);
}

static int read_early(hone_session *s)
{
    for (int i = 0; i < s->n_inputs; i++) {
        hone_session_input *input = &s->inputs[i];
        hone_binding_info info;
        if (!input->path || hone_inputs_binding(s, i, &info) != HONE_OK)
            continue;
        const hone_status st = read_typed(input, info.kind, &input->is_loaded);
        if (st != HONE_OK) {
            input->is_loaded = false;
            return hone_fail_file(st);
        }
        if (input->is_loaded)
            fix_shape(s, input, &info);
    }
    return HONE_EXIT_OK;
}

static int find(hone_session *s)
{
    const char *folder = hone_args_text(s->args, HONE_OPTION_inputs);
    const char *given;
    int code = make_list(s);
    if (!code && folder)
        code = take_folder(s, folder);
    for (int at = 0; !code && (given = hone_args_next(s->args, HONE_OPTION_input, &at));)
        code = take_file(s, given);
    return code ? code : read_early(s);
}

int hone_inputs_find_and_build(hone_session *s)
{
    /* --preprocess gives the plan another input than the model's, which is the one that files are
     * named for. */
    const bool build_first = hone_args_text(s->args, HONE_OPTION_preprocess) != NULL;
    int code = build_first ? hone_session_build(s) : HONE_EXIT_OK;
    if (!code)
        code = find(s);
    return code || build_first ? code : hone_session_build(s);
}
