/* Finds classes among outputs, two ways: the values and indices of a top-k that the plan ends with,
 * or scores of every class. Scores that are no probabilities yet become some by softmax. */
#include "cli/classes.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "media/values.h"

/* Class names, one a line of the plan's property; NULL past the last. */
static const char *find_label(const char *labels, int64_t index, int *length)
{
    while (labels && *labels) {
        const size_t n = strcspn(labels, "\r\n");
        if (index-- == 0) {
            *length = (int)n;
            return labels;
        }
        labels += n;
        labels += *labels == '\r';
        labels += *labels == '\n';
    }
    return NULL;
}

static int64_t count_labels(const char *labels)
{
    int length;
    int64_t n = 0;
    while (labels && find_label(labels, 0, &length)) {
        labels += length;
        labels += *labels == '\r';
        labels += *labels == '\n';
        n++;
    }
    return n;
}

static int64_t last_extent(const hone_tensor *t)
{
    return t->shape.rank > 0 ? t->shape.dim[t->shape.rank - 1] : 0;
}

static bool is_float(const hone_tensor *t)
{
    return t->dtype == HONE_F32 || t->dtype == HONE_F16 || t->dtype == HONE_F64 ||
           t->dtype == HONE_BF16;
}

static int by_share(const void *a, const void *b)
{
    const hone_ranked *x = a, *y = b;
    return x->share != y->share ? (x->share < y->share ? 1 : -1)
                                : (x->index > y->index) - (x->index < y->index);
}

/* Shares of one row: as they are where they are probabilities, else their softmax. */
static void rank_row(const hone_tensor *t, int64_t row, int64_t n, hone_ranked *out)
{
    double sum = 0, max = -INFINITY, min = INFINITY;
    for (int64_t i = 0; i < n; i++) {
        out[i] = (hone_ranked){i, hone_values_at(t, row * n + i)};
        sum += out[i].share;
        max = fmax(max, out[i].share);
        min = fmin(min, out[i].share);
    }
    const bool are_shares = min >= 0 && fabs(sum - 1) < 1e-2;
    double total = 0;
    for (int64_t i = 0; i < n && !are_shares; i++)
        total += out[i].share = exp(out[i].share - max);
    for (int64_t i = 0; i < n && !are_shares; i++)
        out[i].share /= total;
    qsort(out, (size_t)n, sizeof *out, by_share);
}

/* From scores of every class. */
static bool classes_of_scores(const hone_tensor *t, int64_t n, int64_t top, hone_classes *out)
{
    hone_ranked *row = malloc((size_t)n * sizeof *row);
    out->rows = hone_values_count(t) / n;
    out->top = top < n ? top : n;
    out->v = malloc((size_t)(out->rows * out->top + 1) * sizeof *out->v);
    for (int64_t r = 0; row && out->v && r < out->rows; r++) {
        rank_row(t, r, n, row);
        memcpy(out->v + r * out->top, row, (size_t)out->top * sizeof *row);
    }
    free(row);
    return row && out->v;
}

/* From the two outputs of a top-k: values and indices of one shape. */
static bool classes_of_topk(const hone_tensor *values, const hone_tensor *indices, int64_t top,
                            hone_classes *out)
{
    const int64_t k = last_extent(values);
    out->rows = k ? hone_values_count(values) / k : 0;
    out->top = top < k ? top : k;
    out->v = malloc((size_t)(out->rows * out->top + 1) * sizeof *out->v);
    for (int64_t r = 0; out->v && r < out->rows; r++)
        for (int64_t i = 0; i < out->top; i++)
            out->v[r * out->top + i] = (hone_ranked){(int64_t)hone_values_at(indices, r * k + i),
                                                     hone_values_at(values, r * k + i)};
    return out->v != NULL;
}

/* The classes that the outputs hold, where they do. */
bool hone_classes_find(const hone_session *s, const hone_output *outputs, int n, hone_classes *out)
{
    const char *labels = hone_plan_property(s->plan, "labels");
    const char *post = hone_plan_property(s->plan, "postprocess");
    const int64_t top = hone_args_int(s->args, HONE_OPTION_top, 5);
    const int64_t n_labels = count_labels(labels);
    *out = (hone_classes){.v = NULL};
    if (n == 2 && post && strstr(post, "topk") && is_float(&outputs[0].tensor) &&
        outputs[1].tensor.dtype == HONE_I64 &&
        hone_values_same_shape(&outputs[0].tensor.shape, &outputs[1].tensor.shape))
        return classes_of_topk(&outputs[0].tensor, &outputs[1].tensor, top, out);
    if (n != 1 || !is_float(&outputs[0].tensor) || last_extent(&outputs[0].tensor) < 2)
        return false;
    if (n_labels == last_extent(&outputs[0].tensor) || (post && strstr(post, "softmax")))
        return classes_of_scores(&outputs[0].tensor, last_extent(&outputs[0].tensor), top, out);
    return false;
}

static void label_text(const hone_session *s, int64_t index, char *text, size_t room)
{
    int length = 0;
    const char *label = find_label(hone_plan_property(s->plan, "labels"), index, &length);
    if (label)
        snprintf(text, room, "%.*s", length, label);
    else
        snprintf(text, room, "%lld", (long long)index);
}

void hone_classes_print(const hone_session *s, const hone_classes *c)
{
    char text[128];
    int width = 5;
    for (int64_t i = 0; i < c->rows * c->top; i++) {
        label_text(s, c->v[i].index, text, sizeof text);
        width = (int)strlen(text) > width ? (int)strlen(text) : width;
    }
    for (int64_t r = 0; r < c->rows; r++) {
        if (c->rows > 1)
            printf("row %lld\n", (long long)r);
        printf("  %-*s  probability\n", width, "class");
        for (int64_t i = 0; i < c->top; i++) {
            const hone_ranked *v = &c->v[r * c->top + i];
            label_text(s, v->index, text, sizeof text);
            printf("  %-*s  %9.2f %%\n", width, text, 100 * v->share);
        }
    }
}

json_t *hone_classes_json(const hone_session *s, const hone_classes *c)
{
    json_t *rows = json_array();
    for (int64_t r = 0; r < c->rows; r++) {
        json_t *row = json_array();
        for (int64_t i = 0; i < c->top; i++) {
            char text[128];
            const hone_ranked *v = &c->v[r * c->top + i];
            label_text(s, v->index, text, sizeof text);
            json_array_append_new(row, json_pack("{s:I, s:o, s:o}", "index", (json_int_t)v->index,
                                                 "class", hone_report_text(text), "probability",
                                                 hone_report_number(v->share)));
        }
        json_array_append_new(rows, row);
    }
    return rows;
}
