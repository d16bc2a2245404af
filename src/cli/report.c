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

/* Writes beside the place and renames. */
static int write_file(const char *path, const char *bytes, size_t size)
{
    char *temporary = NULL;
    if (asprintf(&temporary, "%s.%d.tmp", path, (int)getpid()) < 0)
        return hone_fail(HONE_EXIT_LIMIT, "writing \"%s\": no memory", path);
    FILE *file = fopen(temporary, "w");
    bool ok = file && fwrite(bytes, 1, size, file) == size;
    if (file)
        ok = fclose(file) == 0 && ok;
    ok = ok && rename(temporary, path) == 0;
    const int why = errno;
    if (!ok && file)
        remove(temporary);
    free(temporary);
    return ok ? HONE_EXIT_OK
              : hone_fail(HONE_EXIT_INPUT, "writing \"%s\": %s", path, strerror(why));
}

int hone_report_bytes(const char *path, const char *bytes, size_t size)
{
    if (path)
        return write_file(path, bytes, size);
    if (fwrite(bytes, 1, size, stdout) == size && fflush(stdout) == 0)
        return HONE_EXIT_OK;
    return hone_fail(HONE_EXIT_INPUT, "writing the report: stdout cannot be written");
}

int hone_report_json_file(const char *path, json_t *document)
{
    char *bytes = json_dumps(document, DUMP_FLAGS);
    char *text = NULL;
    const int size = bytes ? asprintf(&text, "%s\n", bytes) : -1;
    json_decref(document);
    free(bytes);
    if (size < 0)
        return hone_fail(HONE_EXIT_LIMIT, "writing the report: no memory");
    const int code = hone_report_bytes(path, text, (size_t)size);
    free(text);
    return code;
}

int hone_report_json(const hone_args *args, json_t *document)
{
    return hone_report_json_file(hone_args_text(args, HONE_OPTION_json), document);
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

const char *hone_report_grid(const unsigned grid[3], char text[HONE_REPORT_GRID])
{
    snprintf(text, HONE_REPORT_GRID,
             grid[2] > 1   ? "%ux%ux%u"
             : grid[1] > 1 ? "%ux%u"
                           : "%u",
             grid[0], grid[1], grid[2]);
    return grid[0] ? text : "-";
}

json_t *hone_report_grid_json(const unsigned grid[3])
{
    return grid[0] ? json_pack("[i,i,i]", (int)grid[0], (int)grid[1], (int)grid[2]) : json_null();
}

const char *hone_report_type(hone_dtype dtype, const hone_dims *shape, char text[HONE_REPORT_TYPE])
{
    char dims[HONE_VALUES_TEXT];
    snprintf(text, HONE_REPORT_TYPE, "%s %s", hone_dtype_text(dtype),
             hone_values_shape_text(shape, dims));
    return text;
}
