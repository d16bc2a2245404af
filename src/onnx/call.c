/* Attributes of the node that is being imported. Importers ask for what they handle themselves;
 * hone_call_map takes the rest by name, driven by attrs.def; what nobody asked for is then known to
 * be unknown. */
#include <stdarg.h>
#include <stdio.h>

#include "onnx/import.h"

hone_status hone_call_unsupported(hone_call *call, const char *format, ...)
{
    char text[512];
    va_list list;

    va_start(list, format);
    vsnprintf(text, sizeof text, format, list);
    va_end(list);
    call->named = false;
    return hone_error(HONE_ERR_UNSUPPORTED, "%s", text);
}

hone_status hone_call_malformed(hone_call *call, const char *format, ...)
{
    char text[512];
    va_list list;

    va_start(list, format);
    vsnprintf(text, sizeof text, format, list);
    va_end(list);
    call->named = true;
    return hone_error(HONE_ERR_FORMAT, "importing node \"%.200s\" (%.80s): %s", call->name,
                      call->proto->op_type, text);
}

static int find(const hone_call *call, const char *name)
{
    for (int i = 0; i < call->n_attributes; i++)
        if (strcmp(call->attributes[i]->name, name) == 0)
            return i;
    return -1;
}

bool hone_call_has(const hone_call *call, const char *name)
{
    return find(call, name) >= 0;
}

void hone_call_ignore(hone_call *call, const char *name)
{
    const int i = find(call, name);
    if (i >= 0)
        call->used[i] = true;
}

const hone_onnx_attribute *hone_call_attribute(hone_call *call, const char *name,
                                               hone_onnx_attribute_type type)
{
    const int i = find(call, name);

    if (i < 0)
        return NULL;
    call->used[i] = true;
    const hone_onnx_attribute *a = call->attributes[i];
    const hone_onnx_attribute_type has = hone_onnx_attribute_type_of(a);
    const bool is_empty_list =
        has == HONE_ONNX_UNDEFINED; /* an old writer's empty list leaves no trace */
    if (has == type || is_empty_list)
        return a;
    if (call->status == HONE_OK)
        call->status = hone_call_malformed(
            call, "attribute \"%.80s\" is of type %s; it must be of type %s", name,
            hone_onnx_attribute_type_text(has), hone_onnx_attribute_type_text(type));
    return NULL;
}

int64_t hone_call_int(hone_call *call, const char *name, int64_t otherwise)
{
    const hone_onnx_attribute *a = hone_call_attribute(call, name, HONE_ONNX_INT);
    return a ? a->i : otherwise;
}

float hone_call_float(hone_call *call, const char *name, float otherwise)
{
    const hone_onnx_attribute *a = hone_call_attribute(call, name, HONE_ONNX_FLOAT);
    return a ? a->f : otherwise;
}

bool hone_call_ints(hone_call *call, const char *name, hone_ints *out)
{
    const hone_onnx_attribute *a = hone_call_attribute(call, name, HONE_ONNX_INTS);
    *out = a ? (hone_ints){a->ints.n, a->ints.v} : (hone_ints){0, NULL};
    return a != NULL;
}

bool hone_call_floats(hone_call *call, const char *name, hone_floats *out)
{
    const hone_onnx_attribute *a = hone_call_attribute(call, name, HONE_ONNX_FLOATS);
    *out = a ? (hone_floats){a->floats.n, a->floats.v} : (hone_floats){0, NULL};
    return a != NULL;
}

static const char *text_of(hone_call *call, hone_bytes bytes)
{
    return hone_arena_text_n(call->import->arena, bytes.size ? (const char *)bytes.data : "",
                             bytes.size);
}

const char *hone_call_text(hone_call *call, const char *name, const char *otherwise)
{
    const hone_onnx_attribute *a = hone_call_attribute(call, name, HONE_ONNX_STRING);
    return a ? text_of(call, a->s) : otherwise;
}

/* ---- by attrs.def ---- */

static hone_status map_enum(hone_call *call, const hone_attr_row *row, hone_bytes text,
                            int64_t *out)
{
    const int index = hone_attr_enum_parse(row, text);

    if (index < 0)
        return hone_call_unsupported(call, "attribute \"%s\" is \"%.*s\"; known are %s", row->name,
                                     (int)HONE_MIN(text.size, 40),
                                     text.size ? (const char *)text.data : "", row->names);
    *out = index;
    return HONE_OK;
}

static hone_status map_type(hone_call *call, const hone_attr_row *row, int64_t number,
                            hone_dtype *out)
{
    if (number < 0 || number > 255 || !hone_dtype_is_valid((int)number))
        return hone_call_malformed(call, "attribute \"%s\" is %lld, which is no element type",
                                   row->name, (long long)number);
    *out = (hone_dtype)number;
    return HONE_OK;
}

static hone_texts map_texts(hone_call *call, hone_onnx_views views)
{
    const char **v = hone_arena_array(call->import->arena, (size_t)views.n, sizeof *v);
    for (int i = 0; i < views.n; i++)
        v[i] = text_of(call, views.v[i]);
    return (hone_texts){views.n, v};
}

static hone_onnx_attribute_type wanted(hone_attr_kind kind)
{
    switch (kind) {
    case HONE_ATTR_INT:
    case HONE_ATTR_TYPE: return HONE_ONNX_INT;
    case HONE_ATTR_FLOAT: return HONE_ONNX_FLOAT;
    case HONE_ATTR_ENUM:
    case HONE_ATTR_TEXT: return HONE_ONNX_STRING;
    case HONE_ATTR_INTS: return HONE_ONNX_INTS;
    case HONE_ATTR_FLOATS: return HONE_ONNX_FLOATS;
    case HONE_ATTR_TEXTS: return HONE_ONNX_STRINGS;
    case HONE_ATTR_PROGRAM: break;
    }
    return HONE_ONNX_UNDEFINED;
}

static hone_status map_one(hone_call *call, const hone_attr_row *row, hone_attrs *attrs)
{
    void *at = (char *)attrs + row->offset;
    const hone_onnx_attribute *a = hone_call_attribute(call, row->name, wanted(row->kind));

    HONE_TRY(call->status);
    if (!a)
        return HONE_OK;
    switch (row->kind) {
    case HONE_ATTR_INT: *(int64_t *)at = a->i; break;
    case HONE_ATTR_FLOAT: *(float *)at = a->f; break;
    case HONE_ATTR_ENUM: return map_enum(call, row, a->s, at);
    case HONE_ATTR_TYPE: return map_type(call, row, a->i, at);
    case HONE_ATTR_INTS: *(hone_ints *)at = (hone_ints){a->ints.n, a->ints.v}; break;
    case HONE_ATTR_FLOATS: *(hone_floats *)at = (hone_floats){a->floats.n, a->floats.v}; break;
    case HONE_ATTR_TEXT: *(const char **)at = text_of(call, a->s); break;
    case HONE_ATTR_TEXTS: *(hone_texts *)at = map_texts(call, a->strings); break;
    case HONE_ATTR_PROGRAM: break;
    }
    return HONE_OK;
}

/* What passes set and no model may: the layout of activations and fused programs. */
static bool is_internal(const hone_attr_row *row)
{
    return row->kind == HONE_ATTR_PROGRAM ||
           (row->kind == HONE_ATTR_ENUM && strcmp(row->name, "layout") == 0);
}

hone_status hone_call_map(hone_call *call, hone_op_id op, hone_attrs *attrs)
{
    for (int i = 0; i < call->n_attributes; i++) {
        if (call->used[i])
            continue;
        const hone_attr_row *row = hone_attrs_find(op, call->attributes[i]->name);
        if (row && !is_internal(row))
            HONE_TRY(map_one(call, row, attrs));
    }
    return HONE_OK;
}
