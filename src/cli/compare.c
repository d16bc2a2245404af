/* hone compare: the same inputs through two plans, and how far the answers are apart. The second is
 * the same model built without optimising, or, of one on a GPU, in float32 on the CPU; or another
 * model or plan, or a folder with answers that somebody else gave. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "cli/commands.h"
#include "cli/inputs.h"
#include "cli/outputs.h"
#include "cli/progress.h"
#include "cli/report.h"
#include "cli/say.h"
#include "media/values.h"

/* How answers are judged. Element by element on the CPU; on a GPU, where products are rounded and
 * summed otherwise, each output as a whole, unless --atol or --rtol asks for elements. */
typedef struct tolerance {
    double rtol, atol;
    double l2;       /* relative, of an output as a whole */
    bool by_element; /* else l2 alone counts */
} tolerance;

typedef struct pair {
    const char *name;
    hone_tensor got, want;
    hone_array read; /* what `want` looks into, where it comes from a file */
    bool is_comparable, passed;
    hone_values_distance distance;
} pair;

static int run_session(hone_session *s)
{
    int code = hone_inputs_find_and_build(s);
    if (!code)
        code = hone_session_start(s);
    if (!code)
        code = hone_inputs_bind(s, NULL);
    if (code)
        return code;
    const hone_status st = hone_context_run(s->context);
    if (st == HONE_OK && hone_interrupt_came())
        return hone_fail(HONE_EXIT_INTERRUPTED, "interrupted");
    return st == HONE_OK ? HONE_EXIT_OK : hone_fail_status(st);
}

static int count_outputs(const hone_session *s, int *first)
{
    hone_plan_info info = {.size = sizeof info};
    const bool known = hone_plan_describe(s->plan, &info) == HONE_OK;
    *first = known ? info.n_inputs : 0;
    return known ? info.n_outputs : 0;
}

// ---- what to compare with

/* DIR/output_k.npy or .pb. */
static int read_answer(const char *folder, int k, pair *p)
{
    char *npy = NULL, *pb = NULL;
    if (asprintf(&npy, "%s/output_%d.npy", folder, k) < 0 ||
        asprintf(&pb, "%s/output_%d.pb", folder, k) < 0) {
        free(npy);
        return hone_fail(HONE_EXIT_LIMIT, "comparing: no memory");
    }
    const hone_status st = access(npy, F_OK) == 0 ? hone_npy_read(npy, &p->read)
                                                  : hone_pb_read(pb, "tensor", &p->read);
    free(npy);
    free(pb);
    if (st != HONE_OK)
        return hone_fail_file(st);
    p->want = p->read.tensor;
    return HONE_EXIT_OK;
}

static int find_answer(const hone_session *against, const char *folder, int k, pair *p)
{
    int first;
    if (folder)
        return read_answer(folder, k, p);
    if (k >= count_outputs(against, &first))
        return hone_fail(HONE_EXIT_DIFFERS, "comparing output \"%s\": \"%s\" has no output %d",
                         p->name, against->path, k);
    const hone_status st = hone_context_data(against->context, first + k, &p->want);
    return st == HONE_OK ? HONE_EXIT_OK : hone_fail_status(st);
}

/* What a precision loses in a network of some fifty layers. */
static double l2_of(const char *precision)
{
    static const struct {
        const char *precision;
        double l2;
    } rows[] = {{"tf32", 3e-3}, {"fp16", 1e-2}, {"bf16", 5e-2}};
    for (int i = 0; i < HONE_COUNT_OF(rows); i++)
        if (strcmp(precision, rows[i].precision) == 0)
            return rows[i].l2;
    return 1e-5;
}

static tolerance tolerance_of(const hone_session *s)
{
    const hone_args *args = s->args;
    hone_plan_info info = {.size = sizeof info};
    const bool known = hone_plan_describe(s->plan, &info) == HONE_OK;
    const bool names_elements =
        hone_args_text(args, HONE_OPTION_atol) || hone_args_text(args, HONE_OPTION_rtol);
    const bool names_l2 = hone_args_text(args, HONE_OPTION_l2) != NULL;
    return (tolerance){
        .rtol = hone_args_real(args, HONE_OPTION_rtol, 1e-3),
        .atol = hone_args_real(args, HONE_OPTION_atol, 1e-5),
        .l2 = hone_args_real(args, HONE_OPTION_l2, l2_of(known ? info.precision : "")),
        .by_element = names_elements || !(names_l2 || s->device.is_cuda),
    };
}

static hone_values_distance distance_of(const pair *p, const tolerance *t)
{
    /* Whatever is finite passes as an element where the whole is judged; NaN and integers do not.
     */
    return t->by_element ? hone_values_compare(&p->got, &p->want, t->rtol, t->atol)
                         : hone_values_compare(&p->got, &p->want, 0, INFINITY);
}

static int compare_output(const hone_session *s, const hone_session *against, const char *folder,
                          int k, const tolerance *t, pair *p)
{
    int first;
    hone_binding_info info = {.size = sizeof info};
    count_outputs(s, &first);
    hone_status st = hone_plan_binding(s->plan, first + k, &info);
    p->name = info.name;
    if (st == HONE_OK)
        st = hone_context_data(s->context, first + k, &p->got);
    if (st != HONE_OK)
        return hone_fail_status(st);
    const int code = find_answer(against, folder, k, p);
    if (code)
        return code;
    p->is_comparable =
        p->got.dtype == p->want.dtype && hone_values_same_shape(&p->got.shape, &p->want.shape);
    if (!p->is_comparable)
        return HONE_EXIT_OK;
    p->distance = distance_of(p, t);
    p->passed = p->distance.n_wrong == 0 && (t->by_element || p->distance.rel_l2 <= t->l2);
    return HONE_EXIT_OK;
}

// ---- the report

static void print_row(const pair *p, int width)
{
    char got[HONE_REPORT_TYPE], want[HONE_REPORT_TYPE];
    const hone_values_distance *d = &p->distance;
    if (!p->is_comparable) {
        printf("%-*s  differs  it is %s, expected %s\n", width, p->name,
               hone_report_type(p->got.dtype, &p->got.shape, got),
               hone_report_type(p->want.dtype, &p->want.shape, want));
        return;
    }
    printf("%-*s  %-7s  %9.2e  %9.2e  %9.2e  %10.2e  %lld of %lld\n", width, p->name,
           p->passed ? "same" : "differs", d->max_abs, d->max_rel, d->rel_l2, 1 - d->cosine,
           (long long)d->n_wrong, (long long)d->count);
}

static void print_table(const pair *pairs, int n)
{
    int width = 6;
    for (int k = 0; k < n; k++)
        width = (int)strlen(pairs[k].name) > width ? (int)strlen(pairs[k].name) : width;
    width = width < 40 ? width : 40;
    printf("%-*s  %-7s  %9s  %9s  %9s  %10s  outside of tolerance\n", width, "output", "",
           "max abs", "max rel", "rel L2", "1 - cosine");
    for (int k = 0; k < n; k++)
        print_row(&pairs[k], width);
}

static json_t *rows_json(const pair *pairs, int n)
{
    json_t *list = json_array();
    for (int k = 0; k < n; k++) {
        const hone_values_distance *d = &pairs[k].distance;
        json_t *row =
            json_pack("{s:o, s:b, s:s, s:o}", "name", hone_report_text(pairs[k].name), "passed",
                      (int)pairs[k].passed, "type", hone_dtype_text(pairs[k].got.dtype), "shape",
                      hone_report_shape(&pairs[k].got.shape));
        if (pairs[k].is_comparable)
            json_object_update_new(
                row, json_pack(
                         "{s:I, s:I, s:o, s:o, s:o, s:o}", "count", (json_int_t)d->count, "n_wrong",
                         (json_int_t)d->n_wrong, "max_abs", hone_report_number(d->max_abs),
                         "max_rel", hone_report_number(d->max_rel), "rel_l2",
                         hone_report_number(d->rel_l2), "cosine", hone_report_number(d->cosine)));
        json_array_append_new(list, row);
    }
    return list;
}

static int report(const hone_session *s, const char *against, const tolerance *t, const pair *pairs,
                  int n)
{
    char device[HONE_CHOICE_TEXT];
    int n_failed = 0;
    int code = HONE_EXIT_OK;
    for (int k = 0; k < n; k++)
        n_failed += !pairs[k].passed;
    hone_progress_clear();
    if (hone_report_wants_text(s->args))
        print_table(pairs, n);
    if (hone_report_wants_text(s->args) && !t->by_element)
        printf("%s against %s; rel L2 of at most %g is the same\n",
               hone_choice_text(&s->device, device), against, t->l2);
    if (hone_report_wants_json(s->args))
        code = hone_report_json(
            s->args, json_pack("{s:i, s:o, s:o, s:o, s:o, s:b, s:o}", "schema", 1, "model",
                               hone_report_text(s->path), "against", hone_report_text(against),
                               "device", hone_report_text(hone_choice_text(&s->device, device)),
                               "judged_by", hone_report_text(t->by_element ? "elements" : "l2"),
                               "passed", n_failed == 0, "outputs", rows_json(pairs, n)));
    if (code || !n_failed)
        return code;
    return hone_fail(HONE_EXIT_DIFFERS, "comparing \"%s\" with %s: %d of %d outputs differ",
                     s->path, against, n_failed, n);
}

// ---- both

static bool is_folder(const char *path)
{
    struct stat facts;
    return path && stat(path, &facts) == 0 && S_ISDIR(facts.st_mode);
}

static const char *describe_plain(const hone_session *s)
{
    return s->device.is_cuda ? "itself on the CPU" : "itself, not optimised";
}

static int compare(const hone_session *s, const hone_session *against, const char *path)
{
    int first, code = HONE_EXIT_OK;
    const int n = count_outputs(s, &first);
    const tolerance t = tolerance_of(s);
    pair *pairs = calloc((size_t)n + 1, sizeof *pairs);
    if (!pairs)
        return hone_fail(HONE_EXIT_LIMIT, "comparing: no memory");
    for (int k = 0; k < n && !code; k++)
        code = compare_output(s, against, is_folder(path) ? path : NULL, k, &t, &pairs[k]);
    if (!code)
        code = report(s, path ? path : describe_plain(s), &t, pairs, n);
    for (int k = 0; k < n; k++)
        hone_array_free(&pairs[k].read);
    free(pairs);
    return code;
}

/* Without anything to compare with, a model is compared with what it is before its makers' art:
 * not optimised, or not on a GPU. */
static void make_plain(hone_session *against, const hone_session *s)
{
    against->is_plain = !s->device.is_cuda;
    against->is_exact = s->device.is_cuda;
    against->device = hone_choice_cpu;
}

int hone_command_compare(const hone_args *args)
{
    const char *path = args->n_operands > 1 ? args->operands[1] : NULL;
    hone_session s, against = {.args = args};
    int code = hone_session_open(args, &s);
    if (!code && !path && !s.model)
        code = hone_fail(HONE_EXIT_USAGE,
                         "comparing \"%s\": a plan needs something to compare with", s.path);
    if (!code)
        code = run_session(&s);
    if (!code && !is_folder(path)) {
        code = hone_session_open_file(args, path ? path : s.path, &against);
        if (!code && !path)
            make_plain(&against, &s);
        against.said_random = true;
        if (!code)
            code = run_session(&against);
    }
    if (!code)
        code = compare(&s, &against, path);
    hone_session_fini(&s);
    hone_session_fini(&against);
    return code;
}
