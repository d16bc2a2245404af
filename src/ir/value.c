/* Questions about values: how often and where they are used, and what their contents are, where
 * these are known. Nothing here changes a graph; see graph.c. */
#include <assert.h>

#include "ir/graph.h"

int hone_value_use_count(const hone_value *value)
{
    int n = 0;

    for (const hone_use *use = value->first_use; use; use = use->next)
        n++;
    return n;
}

bool hone_value_has_one_use(const hone_value *value)
{
    return value->first_use && value->first_use == value->last_use && value->first_use->node;
}

bool hone_value_is_output(const hone_value *value)
{
    for (const hone_use *use = value->first_use; use; use = use->next)
        if (!use->node)
            return true;
    return false;
}

bool hone_graph_is_within(const hone_graph *graph, const hone_graph *outer)
{
    while (graph && graph != outer)
        graph = graph->owner ? graph->owner->graph : NULL;
    return graph != NULL;
}

bool hone_type_equal(const hone_type *a, const hone_type *b)
{
    if (a->kind != b->kind || a->dtype != b->dtype || a->key != b->key ||
        !a->element != !b->element)
        return false;
    const bool has_shape = a->kind == HONE_KIND_TENSOR || a->kind == HONE_KIND_SPARSE;
    if (has_shape && !hone_shape_equal(&a->shape, &b->shape))
        return false;
    return !a->element || hone_type_equal(a->element, b->element);
}

bool hone_value_is_static(const hone_value *value)
{
    return value->type.kind == HONE_KIND_TENSOR && value->type.dtype != HONE_NONE &&
           hone_shape_is_static(&value->type.shape);
}

/* ---- constants ---- */

static hone_value *make_constant(hone_graph *graph, const char *name, hone_dtype dtype,
                                 const hone_dims *dims, const hone_constant *constant)
{
    const hone_type type = {HONE_KIND_TENSOR, dtype, hone_shape_of_dims(dims), HONE_NONE, NULL};
    hone_value *value = hone_value_create(graph, name, &type);

    value->constant = hone_arena_copy(graph->module->arena, constant, sizeof *constant);
    return value;
}

hone_value *hone_graph_constant(hone_graph *graph, const char *name, hone_dtype dtype,
                                const hone_dims *dims, const void *data, size_t size)
{
    return make_constant(graph, name, dtype, dims, &(hone_constant){data, size, false});
}

hone_value *hone_graph_splat(hone_graph *graph, const char *name, hone_dtype dtype,
                             const hone_dims *dims, const void *element)
{
    const size_t size = ((size_t)hone_dtype_bits(dtype) + 7) / 8;
    const void *copy = hone_arena_copy(graph->module->arena, element, size);

    return make_constant(graph, name, dtype, dims, &(hone_constant){copy, size, true});
}

hone_value *hone_graph_ints(hone_graph *graph, const char *name, const int64_t *v, int n)
{
    const size_t size = (size_t)n * sizeof *v;
    const void *copy = hone_arena_copy(graph->module->arena, v, size);

    return hone_graph_constant(graph, name, HONE_I64, &(hone_dims){1, {n}}, copy, size);
}

hone_value *hone_graph_scalar_f32(hone_graph *graph, float x)
{
    const void *copy = hone_arena_copy(graph->module->arena, &x, sizeof x);

    return hone_graph_constant(graph, NULL, HONE_F32, &(hone_dims){0, {0}}, copy, sizeof x);
}

/* The number of elements of a constant, whose extents are numbers. */
static int64_t constant_count(const hone_value *value)
{
    hone_dims dims;

    return hone_shape_dims(&value->type.shape, &dims) ? hone_dims_count_or_zero(&dims) : 0;
}

bool hone_value_ints(const hone_value *value, int64_t *out, int room, int *n)
{
    const hone_dtype dtype = value->type.dtype;

    if (value->type.kind != HONE_KIND_TENSOR ||
        !(hone_dtype_is_integer(dtype) || dtype == HONE_BOOL))
        return false;
    const int64_t count = value->constant ? constant_count(value) : value->n_elem;
    if (count < 0 || count > room)
        return false;
    for (int64_t i = 0; i < count; i++) {
        if (value->constant)
            out[i] =
                hone_element_int(dtype, value->constant->data, value->constant->is_splat ? 0 : i);
        else if (hone_extent_is_number(value->elem[i]))
            out[i] = value->elem[i];
        else
            return false;
    }
    *n = (int)count;
    return true;
}

bool hone_value_scalar(const hone_value *value, double *out)
{
    const hone_dtype dtype = value->type.dtype;
    const hone_constant *constant = value->constant;

    if (!constant ||
        !(hone_dtype_is_float(dtype) || hone_dtype_is_integer(dtype) || dtype == HONE_BOOL))
        return false;
    if (!constant->is_splat && constant_count(value) != 1)
        return false;
    *out = hone_element_double(dtype, constant->data, 0);
    return true;
}

/* Fills a byte that holds several elements of a packed type with copies of the first. */
static uint8_t spread_in_byte(uint8_t element, int bits)
{
    uint8_t byte = (uint8_t)(element & ((1u << bits) - 1));

    for (int shift = bits; shift < 8; shift *= 2)
        byte = (uint8_t)(byte | byte << shift);
    return byte;
}

const void *hone_value_dense(hone_module *module, const hone_value *value)
{
    const hone_constant *constant = value->constant;
    const int bits = hone_dtype_bits(value->type.dtype);
    hone_dims dims;
    size_t size;

    assert(constant);
    if (!constant->is_splat)
        return constant->data;
    if (!hone_shape_dims(&value->type.shape, &dims) ||
        !hone_dims_size(value->type.dtype, &dims, &size))
        size = SIZE_MAX; /* more than any arena has: unwinds */
    uint8_t *dense = hone_arena_alloc_aligned(module->arena, size, HONE_ALIGNMENT);
    if (bits < 8) {
        memset(dense, spread_in_byte(*(const uint8_t *)constant->data, bits), size);
        return dense;
    }
    for (size_t at = 0; at < size; at += constant->size)
        memcpy(dense + at, constant->data, constant->size);
    return dense;
}

/* ---- facts ---- */

enum {
    SPREAD_LIMIT = 4096
}; /* elements: larger splats are not spread out for inference, which reads small values */

void hone_fact_of(const hone_value *value, hone_fact *fact)
{
    *fact = (hone_fact){.present = value != NULL, .n_elem = -1};
    if (!value)
        return;
    fact->type = value->type;
    if (value->constant && (!value->constant->is_splat || constant_count(value) <= SPREAD_LIMIT))
        fact->data = hone_value_dense(value->graph->module, value);
    if (value->n_elem >= 0 && value->n_elem <= HONE_FACT_ELEMS) {
        fact->n_elem = value->n_elem;
        for (int i = 0; i < value->n_elem; i++)
            fact->elem[i] = value->elem[i];
    }
}
