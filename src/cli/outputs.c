/* Writes the answers of a run: single files by their endings, or a folder with a table of contents,
 * outputs.json. */
#include "cli/outputs.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "cli/report.h"
#include "cli/say.h"
#include "media/values.h"

bool hone_outputs_are_asked(const hone_args *args)
{
    return hone_args_count(args, HONE_OPTION_output) || hone_args_count(args, HONE_OPTION_outputs);
}

static hone_plan_info describe(const hone_session *s)
{
    hone_plan_info info = {.size = sizeof info};
    hone_plan_describe(s->plan, &info);
    return info;
}

/* The output that NAME=FILE means, and its file; -1 where there is none. FILE alone means the only
 * output. */
static int find_output(const hone_session *s, const char *given, const char **path)
{
    const hone_plan_info plan = describe(s);
    for (int k = 0; k < plan.n_outputs; k++) {
        hone_binding_info info = {.size = sizeof info};
        if (hone_plan_binding(s->plan, plan.n_inputs + k, &info) != HONE_OK)
            continue;
        const size_t n = strlen(info.name);
        if (strncmp(given, info.name, n) == 0 && given[n] == '=') {
            *path = given + n + 1;
            return k;
        }
    }
    *path = given;
    return plan.n_outputs == 1 && !strchr(given, '=') ? 0 : -1;
}

int hone_outputs_check(const hone_session *s)
{
    const char *given, *path;
    for (int at = 0; (given = hone_args_next(s->args, HONE_OPTION_output, &at));)
        if (find_output(s, given, &path) < 0) {
            hone_binding_info first = {.size = sizeof first};
            const bool known = hone_plan_binding(s->plan, describe(s).n_inputs, &first) == HONE_OK;
            return hone_fail(HONE_EXIT_USAGE,
                             "reading --output \"%s\": it is NAME=FILE; the first output is \"%s\"",
                             given, known ? first.name : "");
        }
    return HONE_EXIT_OK;
}

static bool ends_with(const char *path, const char *ending)
{
    const size_t n = strlen(path), m = strlen(ending);
    return n >= m && strcmp(path + n - m, ending) == 0;
}

static hone_status write_pb(const char *path, const hone_tensor *tensor)
{
    const hone_array array = {.kind = HONE_ARRAY_TENSOR, .tensor = *tensor};
    return hone_pb_write(path, &array);
}

static int write_file(const char *path, const hone_tensor *tensor)
{
    hone_status st;
    if (ends_with(path, ".pb"))
        st = write_pb(path, tensor);
    else if (ends_with(path, ".bin") || ends_with(path, ".raw"))
        st = hone_raw_write(path, tensor);
    else if (ends_with(path, ".npy"))
        st = hone_npy_write(path, tensor);
    else
        return hone_fail(HONE_EXIT_USAGE,
                         "writing \"%s\": its ending is none of .npy, .pb and .bin", path);
    return st == HONE_OK ? HONE_EXIT_OK : hone_fail_status(st);
}

static int write_single(const hone_session *s)
{
    const char *given, *path;
    for (int at = 0; (given = hone_args_next(s->args, HONE_OPTION_output, &at));) {
        hone_tensor tensor;
        const int k = find_output(s, given, &path);
        const hone_status st = hone_context_data(s->context, describe(s).n_inputs + k, &tensor);
        if (st != HONE_OK)
            return hone_fail_status(st);
        const int code = write_file(path, &tensor);
        if (code)
            return code;
    }
    return HONE_EXIT_OK;
}

/* Writes DIR/output_k and adds its row to the table of contents. */
static int write_member(const hone_session *s, const char *folder, int k, json_t *list)
{
    const char *format = hone_args_text(s->args, HONE_OPTION_format);
    const int index = describe(s).n_inputs + k;
    hone_binding_info info = {.size = sizeof info};
    hone_tensor tensor;
    char *path = NULL;
    hone_status st = hone_plan_binding(s->plan, index, &info);
    if (st == HONE_OK)
        st = hone_context_data(s->context, index, &tensor);
    if (st != HONE_OK)
        return hone_fail_status(st);
    const bool is_pb = (format && strcmp(format, "pb") == 0) || !hone_values_fit_npy(tensor.dtype);
    if (asprintf(&path, "%s/output_%d.%s", folder, k, is_pb ? "pb" : "npy") < 0)
        return hone_fail(HONE_EXIT_LIMIT, "writing outputs: no memory");
    st = is_pb ? write_pb(path, &tensor) : hone_npy_write(path, &tensor);
    json_array_append_new(
        list, json_pack("{s:o, s:s, s:s, s:o}", "name", hone_report_text(info.name), "file",
                        strrchr(path, '/') + 1, "type", hone_dtype_text(tensor.dtype), "shape",
                        hone_report_shape(&tensor.shape)));
    free(path);
    return st == HONE_OK ? HONE_EXIT_OK : hone_fail_status(st);
}

static int write_folder(const hone_session *s, const char *folder)
{
    if (mkdir(folder, 0777) != 0 && errno != EEXIST)
        return hone_fail(HONE_EXIT_INPUT, "making folder \"%s\": %s", folder, strerror(errno));
    json_t *list = json_array();
    int code = HONE_EXIT_OK;
    for (int k = 0; k < describe(s).n_outputs && !code; k++)
        code = write_member(s, folder, k, list);
    char *path = NULL;
    if (code || asprintf(&path, "%s/outputs.json", folder) < 0) {
        json_decref(list);
        return code ? code : hone_fail(HONE_EXIT_LIMIT, "writing outputs: no memory");
    }
    code = hone_report_json_file(path, json_pack("{s:i, s:o}", "schema", 1, "outputs", list));
    free(path);
    return code;
}

int hone_outputs_write(const hone_session *s)
{
    const char *folder = hone_args_text(s->args, HONE_OPTION_outputs);
    const int code = write_single(s);
    return code || !folder ? code : write_folder(s, folder);
}
