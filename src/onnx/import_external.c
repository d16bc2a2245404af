/* External data: tensors whose bytes are in files beside the model. The files are opened beneath
 * the model's folder only (no absolute name, no "..", no link that leads out); each is mapped once
 * and stays mapped as long as the arena lives. */
#include "onnx/import.h"

#include "base/file.h"

static void close_map(void *map)
{
    hone_map_close(map);
}

static hone_status map_of(hone_import *im, const char *tensor, const char *location,
                          const hone_map **out)
{
    const hone_lookup_slot *slot = hone_lookup_find(&im->files, location);

    if (slot) {
        *out = slot->value;
        return HONE_OK;
    }
    if (!im->options->folder)
        return hone_error(HONE_ERR_UNSUPPORTED,
                          "importing tensor \"%s\": its data is in the file \"%s\", but the model "
                          "comes from memory; "
                          "external data needs the model's folder",
                          tensor, location);
    hone_map *map = hone_arena_alloc(im->arena, sizeof *map);
    hone_arena_defer(im->arena, close_map, map);
    HONE_TRY(hone_while(hone_map_open_beneath(im->options->folder, location, map),
                        "importing the external data of tensor \"%s\"", tensor));
    hone_lookup_add(&im->files, location, map);
    *out = map;
    return HONE_OK;
}

/* Decimal digits alone, as the format has it. */
static bool parse_size(const char *text, size_t *out)
{
    size_t value = 0;

    if (!*text)
        return false;
    for (; *text; text++)
        if (*text < '0' || *text > '9' || !hone_size_mul(value, 10, &value) ||
            !hone_size_add(value, (size_t)(*text - '0'), &value))
            return false;
    *out = value;
    return true;
}

static hone_status number_entry(const hone_onnx_tensor *tensor, const hone_onnx_entry *entry,
                                size_t *out)
{
    if (!parse_size(entry->value, out))
        return hone_error(HONE_ERR_FORMAT,
                          "importing the external data of tensor \"%s\": its %s is \"%.40s\"; it "
                          "must be a number of "
                          "bytes",
                          tensor->name, entry->key, entry->value);
    return HONE_OK;
}

hone_status hone_import_external(hone_import *im, const hone_onnx_tensor *tensor, size_t size,
                                 hone_bytes *out)
{
    const char *location = NULL;
    size_t offset = 0, length = size;
    const hone_map *map = NULL;

    for (int i = 0; i < tensor->external_data.n; i++) {
        const hone_onnx_entry *entry = &tensor->external_data.v[i];
        if (strcmp(entry->key, "location") == 0)
            location = entry->value;
        else if (strcmp(entry->key, "offset") == 0)
            HONE_TRY(number_entry(tensor, entry, &offset));
        else if (strcmp(entry->key, "length") == 0)
            HONE_TRY(number_entry(tensor, entry, &length));
    }
    if (!location || !*location)
        return hone_error(HONE_ERR_FORMAT,
                          "importing the external data of tensor \"%s\": it has no location",
                          tensor->name);
    if (length != size)
        return hone_error(HONE_ERR_FORMAT,
                          "importing the external data of tensor \"%s\": it has %zu bytes; its "
                          "type and dims need %zu",
                          tensor->name, length, size);
    HONE_TRY(map_of(im, tensor->name, location, &map));
    if (offset > map->bytes.size || length > map->bytes.size - offset)
        return hone_error(HONE_ERR_FORMAT,
                          "importing the external data of tensor \"%s\": bytes %zu to %zu of "
                          "\"%s\" are wanted; the "
                          "file has %zu",
                          tensor->name, offset, offset + length, location, map->bytes.size);
    *out = (hone_bytes){map->bytes.data + offset, length};
    return HONE_OK;
}
