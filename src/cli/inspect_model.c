/* A model's facts, inputs, outputs and operators. The operators are counted from the IR's text,
 * which names one a line; -v prints that text itself. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cli/inspect.h"
#include "cli/say.h"

static const char *const facts[] = {"producer", "ir_version", "opset", "nodes", "parameters"};

// ---- operators

enum {
    OPERATORS_MAX = 256
};

typedef struct operator_count {
    char name[32];
    int count;
} operator_count;

typedef struct operators {
    operator_count v[OPERATORS_MAX];
    int n;
    char line[512]; /* the beginning of the present line */
    size_t length;
} operators;

static void count_operator(operators *o, const char *name, size_t length)
{
    if (length == 0 || length >= sizeof o->v[0].name)
        return;
    for (int i = 0; i < o->n; i++)
        if (strlen(o->v[i].name) == length && memcmp(o->v[i].name, name, length) == 0) {
            o->v[i].count++;
            return;
        }
    if (o->n == OPERATORS_MAX)
        return;
    memcpy(o->v[o->n].name, name, length);
    o->v[o->n++].count = 1;
}

/* "%y: float32[8] = conv "name" (%x, %w) ...": the word behind " = ", which a name or operands
 * follow. Constants have their contents there. */
static void take_line(operators *o)
{
    o->line[o->length] = '\0';
    const char *equals = strstr(o->line, " = ");
    if (equals) {
        const char *name = equals + 3;
        const size_t length = strspn(name, "abcdefghijklmnopqrstuvwxyz_0123456789");
        if (strncmp(name + length, " \"", 2) == 0 || strncmp(name + length, " (", 2) == 0 ||
            name[length] == '(')
            count_operator(o, name, length);
    }
    o->length = 0;
}

static void take_text(void *user, const char *text, size_t size)
{
    operators *o = user;
    for (size_t i = 0; i < size; i++) {
        if (text[i] == '\n')
            take_line(o);
        else if (o->length + 1 < sizeof o->line)
            o->line[o->length++] = text[i];
    }
}

static int by_count(const void *a, const void *b)
{
    const operator_count *x = a, *y = b;
    return x->count != y->count ? y->count - x->count : strcmp(x->name, y->name);
}

static hone_status count_operators(const hone_model *model, operators *o)
{
    const hone_status st = hone_model_print(model, take_text, o);
    qsort(o->v, (size_t)o->n, sizeof o->v[0], by_count);
    return st;
}

// ---- reports

static void write_text(void *user, const char *text, size_t size)
{
    fwrite(text, 1, size, user);
}

static json_t *bindings_json(const hone_model *model, int first, int n)
{
    json_t *list = json_array();
    for (int i = 0; i < n; i++) {
        hone_binding_info info = {.size = sizeof info};
        if (hone_model_binding(model, first + i, &info) == HONE_OK)
            json_array_append_new(list, json_pack("{s:o, s:s, s:s, s:o}", "name",
                                                  hone_report_text(info.name), "kind", info.kind,
                                                  "type", hone_dtype_text(info.dtype), "shape",
                                                  hone_report_shape(&info.shape)));
    }
    return list;
}

static int print_json(const hone_session *s, const operators *o)
{
    const int n_in = hone_model_inputs(s->model), n_out = hone_model_outputs(s->model);
    json_t *document = json_pack("{s:i, s:s, s:o}", "schema", 1, "kind", "model", "file",
                                 hone_report_text(s->path));
    json_t *counts = json_object();
    for (int i = 0; i < HONE_COUNT_OF(facts); i++)
        json_object_set_new(document, facts[i],
                            hone_report_text(hone_model_property(s->model, facts[i])));
    json_object_set_new(document, "inputs", bindings_json(s->model, 0, n_in));
    json_object_set_new(document, "outputs", bindings_json(s->model, n_in, n_out));
    for (int i = 0; i < o->n; i++)
        json_object_set_new(counts, o->v[i].name, json_integer(o->v[i].count));
    json_object_set_new(document, "operators", counts);
    return hone_report_json(s->args, document);
}

static void print_bindings(const hone_model *model, int first, int n, const char *heading)
{
    int width = 4;
    for (int i = 0; i < n; i++) {
        hone_binding_info info = {.size = sizeof info};
        if (hone_model_binding(model, first + i, &info) == HONE_OK &&
            (int)strlen(info.name) > width)
            width = (int)strlen(info.name);
    }
    for (int i = 0; i < n; i++) {
        hone_binding_info info = {.size = sizeof info};
        if (hone_model_binding(model, first + i, &info) == HONE_OK)
            hone_inspect_print_binding(&info, i ? "" : heading, width < 40 ? width : 40);
    }
}

static void print_operators(const operators *o)
{
    int column = printf("%-12s", "operators");
    for (int i = 0; i < o->n; i++) {
        if (column > 84) {
            printf("\n");
            column = printf("%-12s", "");
        }
        column += printf(" %s %d%s", o->v[i].name, o->v[i].count, i + 1 < o->n ? "," : "");
    }
    printf("\n");
}

int hone_inspect_model(const hone_session *s)
{
    operators *o = calloc(1, sizeof *o);
    if (!o)
        return hone_fail(HONE_EXIT_LIMIT, "inspecting: no memory");
    hone_status st = count_operators(s->model, o);
    if (hone_report_wants_text(s->args)) {
        printf("%-12s %s\n", "model", s->path);
        for (int i = 0; i < HONE_COUNT_OF(facts); i++)
            if (hone_model_property(s->model, facts[i]))
                printf("%-12s %s\n", facts[i], hone_model_property(s->model, facts[i]));
        print_bindings(s->model, 0, hone_model_inputs(s->model), "inputs");
        print_bindings(s->model, hone_model_inputs(s->model), hone_model_outputs(s->model),
                       "outputs");
        print_operators(o);
        if (hone_say_level() > 1 && st == HONE_OK) {
            printf("\n");
            st = hone_model_print(s->model, write_text, stdout);
        }
    }
    const int code = st != HONE_OK                     ? hone_fail_status(st)
                     : hone_report_wants_json(s->args) ? print_json(s, o)
                                                       : HONE_EXIT_OK;
    free(o);
    return code;
}
