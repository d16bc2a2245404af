/* Files as values: what a file is by its first bytes, its bytes as a tensor, its picture as a
 * tensor. */
#include "base/file.h"
#include "media/array.h"
#include "media/picture.h"
#include "media/values.h"

hone_status hone_values_make(hone_dtype dtype, const hone_dims *shape, hone_array *out)
{
    HONE_TRY(hone_array_make(dtype, shape, 0, out));
    if (out->tensor.size)
        memset(out->tensor.data, 0, out->tensor.size);
    return HONE_OK;
}

static hone_file_kind kind_of(hone_bytes file)
{
    if (file.size >= 6 && memcmp(file.data, "\x93NUMPY", 6) == 0)
        return HONE_FILE_NPY;
    if (hone_npz_matches(file))
        return HONE_FILE_NPZ;
    for (int i = 0; hone_picture_formats[i]; i++)
        if (hone_picture_formats[i]->matches(file))
            return HONE_FILE_PICTURE;
    return HONE_FILE_UNKNOWN;
}

hone_status hone_values_file_kind(const char *path, hone_file_kind *out)
{
    hone_map map;
    HONE_TRY(hone_map_open(path, &map));
    *out = kind_of(map.bytes);
    hone_map_close(&map);
    return HONE_OK;
}

static hone_status copy_bytes(hone_bytes file, hone_array *out)
{
    const hone_dims shape = {1, {(int64_t)file.size}};
    HONE_TRY(hone_array_make(HONE_U8, &shape, 0, out));
    if (file.size)
        memcpy(out->tensor.data, file.data, file.size);
    return HONE_OK;
}

static hone_status decode_picture(hone_bytes file, hone_array *out)
{
    int width = 0, height = 0;
    HONE_TRY(hone_media_decode(NULL, file.data, file.size, &width, &height, NULL, 0));
    const hone_dims shape = {3, {height, width, 3}};
    hone_array made = {.kind = HONE_ARRAY_EMPTY};
    HONE_TRY(hone_array_make(HONE_U8, &shape, 0, &made));
    const hone_status st = hone_media_decode(NULL, file.data, file.size, &width, &height,
                                             made.tensor.data, made.tensor.size);
    if (st == HONE_OK)
        *out = made;
    else
        hone_array_free(&made);
    return st;
}

static hone_status read_with(const char *path, hone_status (*read)(hone_bytes, hone_array *),
                             hone_array *out)
{
    hone_map map;
    HONE_TRY(hone_map_open(path, &map));
    const hone_status st = read(map.bytes, out);
    hone_map_close(&map);
    return hone_while(st, "reading \"%s\"", path);
}

hone_status hone_values_read_bytes(const char *path, hone_array *out)
{
    return read_with(path, copy_bytes, out);
}

hone_status hone_values_read_picture(const char *path, hone_array *out)
{
    return read_with(path, decode_picture, out);
}
