/* hone inspect: what is in a plan or a model, as text, JSON or a page. It runs nothing. */
#include "cli/inspect.h"

#include <stdio.h>

#include "cli/commands.h"
#include "cli/say.h"

static int inspect(const hone_session *s)
{
    if (hone_args_count(s->args, HONE_OPTION_html))
        return hone_inspect_html(s);
    return s->model ? hone_inspect_model(s) : hone_inspect_plan(s);
}

int hone_command_inspect(const hone_args *args)
{
    hone_session s;
    int code = hone_session_open(args, &s);
    if (!code)
        code = inspect(&s);
    hone_session_fini(&s);
    return code;
}

json_t *hone_inspect_binding_json(const hone_binding_info *b)
{
    json_t *object =
        json_pack("{s:o, s:s, s:s, s:o}", "name", hone_report_text(b->name), "kind", b->kind,
                  "type", hone_dtype_text(b->dtype), "shape", hone_report_shape(&b->shape));
    if (hone_inspect_is_open(&b->shape)) {
        json_object_set_new(object, "min", hone_report_shape(&b->min));
        json_object_set_new(object, "opt", hone_report_shape(&b->opt));
        json_object_set_new(object, "max", hone_report_shape(&b->max));
    }
    return object;
}

bool hone_inspect_is_open(const hone_dims *shape)
{
    bool open = shape->rank < 0;
    for (int d = 0; d < shape->rank; d++)
        open |= shape->dim[d] < 0;
    return open;
}

void hone_inspect_print_binding(const hone_binding_info *b, const char *heading, int width)
{
    char type[HONE_REPORT_TYPE];
    printf("%-12s %-*s  %s", heading, width, b->name, hone_report_type(b->dtype, &b->shape, type));
    if (b->kind[0] != 't')
        printf("  (%s)", b->kind);
    printf("\n");
}
