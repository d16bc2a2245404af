/* Types: TypeProto to hone_type, and the dims of tensors with their checks. A named extent is one
 * symbol in the whole model; an extent without a name becomes a symbol named after its input. Types
 * of inner graphs are hints only: what they leave open is an extent that running tells. */
#include "onnx/import.h"

enum {
    MAX_TYPE_DEPTH = 8
};

static hone_status element_type(int64_t number, const char *name, hone_dtype *out)
{
    if (number < 0 || number > 255 || (number != 0 && !hone_dtype_is_valid((int)number)))
        return hone_error(HONE_ERR_FORMAT,
                          "importing the type of \"%s\": element type %lld is none of ONNX's", name,
                          (long long)number);
    *out = (hone_dtype)number;
    return HONE_OK;
}

static bool is_anonymous(const hone_onnx_dim *dim)
{
    return dim->dim_param[0] == 0 || strcmp(dim->dim_param, "?") == 0 ||
           strcmp(dim->dim_param, "-1") == 0;
}

static hone_status extent(hone_import *im, const hone_onnx_dim *dim, const char *name, int index,
                          bool outer, hone_extent *out)
{
    hone_extents *table = im->module->extents;

    if (hone_onnx_has(dim->present, 1) && dim->dim_value >= 0) {
        *out = dim->dim_value;
        if (!hone_extent_is_number(*out) || *out >= HONE_EXTENT_INF)
            return hone_error(HONE_ERR_FORMAT, "importing the type of \"%s\": extent %d is %lld",
                              name, index, (long long)dim->dim_value);
        return HONE_OK;
    }
    if (dim->dim_value < -1)
        return hone_error(
            HONE_ERR_FORMAT,
            "importing the type of \"%s\": extent %d is %lld; it must not be negative", name, index,
            (long long)dim->dim_value);
    if (!outer)
        *out = hone_extent_from_data(table, 0, HONE_EXTENT_INF);
    else if (is_anonymous(dim))
        *out = hone_extent_symbol(table, hone_arena_format(im->arena, "%s.%d", name, index), 0,
                                  HONE_EXTENT_INF);
    else
        *out = hone_extent_symbol(table, dim->dim_param, 0, HONE_EXTENT_INF);
    return HONE_OK;
}

static hone_status tensor(hone_import *im, const hone_onnx_tensor_type *type, const char *name,
                          bool outer, hone_type *out)
{
    HONE_TRY(element_type(type->elem_type, name, &out->dtype));
    out->shape.rank = -1;
    if (!type->shape)
        return HONE_OK;
    if (type->shape->dim.n > HONE_MAX_RANK)
        return hone_error(HONE_ERR_LIMIT,
                          "importing the type of \"%s\": %d dimensions; at most %d are possible",
                          name, type->shape->dim.n, HONE_MAX_RANK);
    out->shape.rank = type->shape->dim.n;
    for (int i = 0; i < out->shape.rank; i++)
        HONE_TRY(extent(im, &type->shape->dim.v[i], name, i, outer, &out->shape.dim[i]));
    return HONE_OK;
}

static hone_status convert(hone_import *im, const hone_onnx_type *type, const char *name,
                           bool outer, int depth, hone_type *out)
{
    const hone_onnx_type *inner = NULL;

    *out = (hone_type){.kind = HONE_KIND_TENSOR, .shape.rank = -1};
    if (!type || type->tensor_type)
        return type ? tensor(im, type->tensor_type, name, outer, out) : HONE_OK;
    if (type->sparse_tensor_type) {
        out->kind = HONE_KIND_SPARSE;
        return tensor(im, type->sparse_tensor_type, name, outer, out);
    }
    if (type->sequence_type) {
        out->kind = HONE_KIND_SEQUENCE;
        inner = type->sequence_type->elem_type;
    } else if (type->optional_type) {
        out->kind = HONE_KIND_OPTIONAL;
        inner = type->optional_type->elem_type;
    } else if (type->map_type) {
        out->kind = HONE_KIND_MAP;
        HONE_TRY(element_type(type->map_type->key_type, name, &out->key));
        inner = type->map_type->value_type;
    } else {
        return HONE_OK;
    }
    if (depth == MAX_TYPE_DEPTH)
        return hone_error(HONE_ERR_LIMIT,
                          "importing the type of \"%s\": types are nested more than %d deep", name,
                          MAX_TYPE_DEPTH);
    hone_type *element = hone_arena_alloc(im->arena, sizeof *element);
    HONE_TRY(convert(im, inner, name, outer, depth + 1, element));
    out->element = element;
    out->dtype = element->kind == HONE_KIND_TENSOR ? element->dtype : HONE_NONE;
    return HONE_OK;
}

hone_status hone_import_type(hone_import *im, const hone_onnx_type *type, const char *name,
                             bool outer, hone_type *out)
{
    return convert(im, type, name, outer, 0, out);
}

hone_status hone_import_dims(hone_onnx_ints dims, const char *name, hone_dims *out)
{
    if (dims.n > HONE_MAX_RANK)
        return hone_error(HONE_ERR_LIMIT,
                          "importing tensor \"%s\": %d dimensions; at most %d are possible", name,
                          dims.n, HONE_MAX_RANK);
    *out = (hone_dims){.rank = dims.n};
    for (int i = 0; i < dims.n; i++) {
        if (dims.v[i] < 0)
            return hone_error(HONE_ERR_FORMAT,
                              "importing tensor \"%s\": extent %d is %lld; it must not be negative",
                              name, i, (long long)dims.v[i]);
        out->dim[i] = dims.v[i];
    }
    return HONE_OK;
}
