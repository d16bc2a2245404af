/* JSON by jansson, whose objects keep the order in which they were filled, and numbers for people.
 */
#include "cli/report.h"

#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cli/say.h"
#include "media/values.h"

#define DUMP_FLAGS (JSON_INDENT(1) | JSON_REAL_PRECISION(9) | JSON_ENSURE_ASCII)

int hone_report_json(const hone_args *args, json_t *document)
{
    const char *path = hone_args_text(args, HONE_OPTION_json);
    if (path)
        return hone_report_json_file(path, document);
    const bool ok = json_dumpf(document, stdout, DUMP_FLAGS) == 0 && putchar('\n') != EOF &&
                    fflush(stdout) == 0;
    json_decref(document);
    return ok ? HONE_EXIT_OK
              : hone_fail(HONE_EXIT_INPUT, "writing the report: stdout cannot be written");
}

int hone_report_json_file(const char *path, json_t *document)
{
    char *temporary = NULL;
    if (asprintf(&temporary, "%s.%d.tmp", path, (int)getpid()) < 0) {
        json_decref(document);
        return hone_fail(HONE_EXIT_LIMIT, "writing \"%s\": no memory", path);
    }
    FILE *file = fopen(temporary, "w");
    bool ok = file && json_dumpf(document, file, DUMP_FLAGS) == 0 && fputc('\n', file) != EOF;
    if (file)
        ok = fclose(file) == 0 && ok;
    ok = ok && rename(temporary, path) == 0;
    const int why = errno;
    if (!ok && file)
        remove(temporary);
    json_decref(document);
    free(temporary);
    return ok ? HONE_EXIT_OK
              : hone_fail(HONE_EXIT_INPUT, "writing \"%s\": %s", path, strerror(why));
}

json_t *hone_report_shape(const hone_dims *shape)
{
    if (shape->rank < 0)
        return json_null();
    json_t *list = json_array();
    for (int i = 0; i < shape->rank; i++)
        json_array_append_new(list, shape->dim[i] < 0 ? json_null() : json_integer(shape->dim[i]));
    return list;
}

json_t *hone_report_number(double x)
{
    return isfinite(x) ? json_real(x) : json_null();
}

json_t *hone_report_text(const char *text)
{
    json_t *value = text ? json_string(text) : NULL;
    return value ? value : json_null();
}

const char *hone_report_size(double bytes, char text[HONE_REPORT_SIZE])
{
    static const char *const units[] = {"B", "kB", "MB", "GB", "TB"};
    int unit = 0;
    while (bytes >= 999.5 && unit + 1 < HONE_COUNT_OF(units)) {
        bytes /= 1000;
        unit++;
    }
    snprintf(text, HONE_REPORT_SIZE, unit && bytes < 99.95 ? "%.1f %s" : "%.0f %s", bytes,
             units[unit]);
    return text;
}

const char *hone_report_type(hone_dtype dtype, const hone_dims *shape, char text[HONE_REPORT_TYPE])
{
    char dims[HONE_VALUES_TEXT];
    snprintf(text, HONE_REPORT_TYPE, "%s %s", hone_dtype_text(dtype),
             hone_values_shape_text(shape, dims));
    return text;
}
