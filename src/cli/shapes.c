/* "name:1x3x224x224,other:1x8". A name may hold colons (TensorFlow's do), so the last one of an
 * entry counts. The builder checks such texts; the tool reads them only to know the shapes of raw
 * files and of inputs of a plan. */
#include "cli/shapes.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "media/values.h"

char *hone_shapes_join(const hone_args *args, hone_option option)
{
    const char *value;
    size_t size = 0;
    for (int at = 0; (value = hone_args_next(args, option, &at));)
        size += strlen(value) + 1;
    char *text = size ? calloc(size, 1) : NULL;
    for (int at = 0; text && (value = hone_args_next(args, option, &at));) {
        if (*text)
            strcat(text, ",");
        strcat(text, value);
    }
    return text;
}

static bool parse_dims(const char *text, const char *end, hone_dims *out)
{
    out->rank = 0;
    while (text < end && out->rank < HONE_MAX_RANK) {
        char *after;
        out->dim[out->rank++] = strtoll(text, &after, 10);
        if (after == text || (after < end && *after != 'x'))
            return false;
        text = after + 1;
    }
    return text >= end;
}

bool hone_shapes_find(const char *texts, const char *name, hone_dims *out)
{
    const size_t length = strlen(name);
    while (texts && *texts) {
        const size_t n = strcspn(texts, ",");
        const char *colon = memrchr(texts, ':', n);
        if (colon && (size_t)(colon - texts) == length && memcmp(texts, name, length) == 0)
            return parse_dims(colon + 1, texts + n, out);
        texts += n + (texts[n] == ',');
    }
    return false;
}

void hone_shapes_add(char **texts, const char *name, const hone_dims *shape)
{
    char dims[HONE_VALUES_TEXT];
    char *joined = NULL;
    hone_values_shape_text(shape, dims);
    if (asprintf(&joined, "%s%s%s:%s", *texts ? *texts : "", *texts ? "," : "", name,
                 shape->rank ? dims : "") < 0)
        return;
    free(*texts);
    *texts = joined;
}
