/* Arrays as bare little-endian elements: the shape comes from elsewhere, so the file's size must
 * fit it exactly. */
#include "base/file.h"
#include "media/array.h"

static hone_status read_elements(hone_bytes file, hone_dtype dtype, const hone_dims *shape,
                                 hone_array *out)
{
    char text[HONE_DIMS_TEXT];
    size_t size;
    if (dtype == HONE_STRING)
        return hone_error(HONE_ERR_UNSUPPORTED, "strings have no raw form");
    if (!hone_dims_size(dtype, shape, &size) || size != file.size)
        return hone_error(HONE_ERR_FORMAT, "it has %zu bytes; %s %s is not of that size", file.size,
                          hone_dtype_text(dtype), hone_dims_text(shape, text));
    HONE_TRY(hone_array_make(dtype, shape, 0, out));
    if (size)
        memcpy(out->tensor.data, file.data, size);
    return HONE_OK;
}

hone_status hone_raw_read(const char *path, hone_dtype dtype, const hone_dims *shape,
                          hone_array *out)
{
    hone_map map;
    HONE_TRY(hone_map_open(path, &map));
    const hone_status st = read_elements(map.bytes, dtype, shape, out);
    hone_map_close(&map);
    return hone_while(st, "reading \"%s\"", path);
}

hone_status hone_raw_write(const char *path, const hone_tensor *tensor)
{
    hone_file_writer *file;
    size_t size;
    if (tensor->dtype == HONE_STRING)
        return hone_error(HONE_ERR_UNSUPPORTED,
                          "writing \"%s\": strings have no raw form; .pb can hold them", path);
    if (!hone_dims_size(tensor->dtype, &tensor->shape, &size) || size > tensor->size)
        return hone_error(HONE_ERR_ARGUMENT,
                          "writing \"%s\": the tensor has %zu bytes, fewer than its shape needs",
                          path, tensor->size);
    HONE_TRY(hone_file_create(path, &file));
    const hone_status st = size ? hone_file_write(file, tensor->data, size) : HONE_OK;
    if (st != HONE_OK) {
        hone_file_abandon(file);
        return hone_while(st, "writing \"%s\"", path);
    }
    return hone_while(hone_file_commit(file), "writing \"%s\"", path);
}
