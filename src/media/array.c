/* Memory of arrays that were read from files: one block a tensor, its strings' letters behind the
 * elements, so that freeing is one call. It reads no format itself. */
#include "media/array.h"

hone_status hone_array_make(hone_dtype dtype, const hone_dims *shape, size_t extra, hone_array *out)
{
    char text[HONE_DIMS_TEXT];
    size_t size, total;
    void *memory;

    if (!hone_dims_size(dtype, shape, &size) || !hone_size_add(size, extra, &total))
        return hone_error(HONE_ERR_LIMIT,
                          "reading an array: %s %s has more bytes than can be addressed",
                          hone_dtype_text(dtype), hone_dims_text(shape, text));
    HONE_TRY(hone_alloc_aligned(NULL, HONE_MAX(total, 1), HONE_ALIGNMENT, &memory));
    *out = (hone_array){
        .kind = HONE_ARRAY_TENSOR,
        .tensor = {.dtype = dtype, .shape = *shape, .data = memory, .size = size},
        .memory = memory,
    };
    return HONE_OK;
}

/* Recursive over sequences of sequences: no deeper than the reader's bound. */
void hone_array_free(hone_array *array)
{
    if (!array)
        return;
    for (size_t i = 0; i < array->n_items; i++)
        hone_array_free(&array->items[i]);
    hone_free(NULL, array->memory, 0); /* the default allocator does not need the size */
    *array = (hone_array){.kind = HONE_ARRAY_EMPTY};
}
