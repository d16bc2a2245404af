/* Outputs in short: classes with probabilities where the plan knows their names or has a
 * post-processing that picks them, else type, shape, range and the first values. */
#include "cli/summary.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cli/classes.h"
#include "cli/say.h"
#include "media/values.h"

enum {
    FIRST_VALUES = 6
};

// ---- tensors

static void print_values(const hone_tensor *t)
{
    const int64_t n = hone_values_count(t);
    for (int64_t i = 0; i < n && i < FIRST_VALUES; i++) {
        char text[48];
        hone_values_print(t, i, text, sizeof text);
        printf("%s%s", i ? ", " : "", text);
    }
    printf("%s\n", n > FIRST_VALUES ? ", ..." : "");
}

static void print_tensor(const hone_output *o, int name_width)
{
    char type[HONE_REPORT_TYPE];
    const hone_values_summary v = hone_values_summarize(&o->tensor);
    printf("  %-*s  %s\n", name_width, o->name,
           hone_report_type(o->tensor.dtype, &o->tensor.shape, type));
    if (v.count == 0)
        return;
    if (o->tensor.dtype != HONE_STRING && v.count > 1)
        printf("  %-*s  min %.5g  max %.5g  mean %.5g\n", name_width, "", v.min, v.max, v.mean);
    if (v.n_nan || v.n_infinite)
        printf("  %-*s  %lld NaN, %lld infinite\n", name_width, "", (long long)v.n_nan,
               (long long)v.n_infinite);
    printf("  %-*s  ", name_width, "");
    print_values(&o->tensor);
}

static json_t *tensor_json(const hone_output *o)
{
    const hone_values_summary v = hone_values_summarize(&o->tensor);
    json_t *first = json_array();
    for (int64_t i = 0; i < v.count && i < FIRST_VALUES; i++) {
        char text[48];
        hone_values_print(&o->tensor, i, text, sizeof text);
        json_array_append_new(first, o->tensor.dtype == HONE_STRING
                                         ? hone_report_text(text)
                                         : hone_report_number(hone_values_at(&o->tensor, i)));
    }
    return json_pack("{s:o, s:s, s:o, s:o, s:o, s:o, s:I, s:I, s:o}", "name",
                     hone_report_text(o->name), "type", hone_dtype_text(o->tensor.dtype), "shape",
                     hone_report_shape(&o->tensor.shape), "min", hone_report_number(v.min), "max",
                     hone_report_number(v.max), "mean", hone_report_number(v.mean), "nan",
                     (json_int_t)v.n_nan, "infinite", (json_int_t)v.n_infinite, "first", first);
}

// ---- all outputs

static int gather(const hone_session *s, hone_output **out, int *n)
{
    hone_plan_info plan = {.size = sizeof plan};
    hone_status st = hone_plan_describe(s->plan, &plan);
    hone_output *list = calloc((size_t)plan.n_outputs + 1, sizeof *list);
    if (!list)
        return hone_fail(HONE_EXIT_LIMIT, "reading outputs: no memory");
    for (int k = 0; k < plan.n_outputs && st == HONE_OK; k++) {
        hone_binding_info info = {.size = sizeof info};
        st = hone_plan_binding(s->plan, plan.n_inputs + k, &info);
        list[k].name = info.name;
        if (st == HONE_OK)
            st = hone_context_data(s->context, plan.n_inputs + k, &list[k].tensor);
    }
    if (st != HONE_OK) {
        free(list);
        return hone_fail_status(st);
    }
    *out = list;
    *n = plan.n_outputs;
    return HONE_EXIT_OK;
}

int hone_summary_print(const hone_session *s)
{
    hone_output *outputs;
    hone_classes found;
    int n, width = 0;
    const int code = gather(s, &outputs, &n);
    if (code)
        return code;
    if (hone_classes_find(s, outputs, n, &found)) {
        hone_classes_print(s, &found);
        n = 0;
    }
    for (int k = 0; k < n; k++)
        width = (int)strlen(outputs[k].name) > width ? (int)strlen(outputs[k].name) : width;
    for (int k = 0; k < n; k++)
        print_tensor(&outputs[k], width < 40 ? width : 40);
    free(found.v);
    free(outputs);
    return HONE_EXIT_OK;
}

int hone_summary_json(const hone_session *s, json_t *run)
{
    hone_output *outputs;
    hone_classes found;
    int n;
    const int code = gather(s, &outputs, &n);
    if (code)
        return code;
    json_t *list = json_array();
    for (int k = 0; k < n; k++)
        json_array_append_new(list, tensor_json(&outputs[k]));
    json_object_set_new(run, "outputs", list);
    if (hone_classes_find(s, outputs, n, &found))
        json_object_set_new(run, "classes", hone_classes_json(s, &found));
    free(found.v);
    free(outputs);
    return HONE_EXIT_OK;
}
