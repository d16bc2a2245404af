/* Reads ONNX's SequenceProto and OptionalProto, which hold tensors or each other, and the files
 * that hold one of the three. An optional that holds something is that thing itself. Maps and
 * sparse tensors are refused. */
#include "media/pb.h"
#include "base/file.h"
#include "base/protobuf.h"

static hone_status parse_item(const hone_pb_field *field, int depth, hone_array *out)
{
    switch (field->number) {
    case HONE_SEQUENCE_TENSORS: return hone_pb_tensor_parse(field->bytes, out);
    case HONE_SEQUENCE_SEQUENCES: return hone_pb_sequence_parse(field->bytes, depth + 1, out);
    case HONE_SEQUENCE_OPTIONALS: return hone_pb_optional_parse(field->bytes, depth + 1, out);
    case HONE_SEQUENCE_MAPS: return hone_error(HONE_ERR_UNSUPPORTED, "it holds a map");
    default: return hone_error(HONE_ERR_UNSUPPORTED, "it holds a sparse tensor");
    }
}

static bool is_item(const hone_pb_field *field)
{
    return field->wire == HONE_PB_BYTES && field->number >= HONE_SEQUENCE_TENSORS &&
           field->number <= HONE_SEQUENCE_OPTIONALS;
}

static hone_status count_items(hone_bytes message, size_t *out)
{
    hone_pb pb = hone_pb_of(message);
    hone_pb_field field;
    size_t n = 0;
    while (hone_pb_next(&pb, &field))
        n += is_item(&field);
    *out = n;
    return hone_pb_status(&pb);
}

static hone_status parse_items(hone_bytes message, int depth, hone_array *sequence)
{
    hone_pb pb = hone_pb_of(message);
    hone_pb_field field;
    while (hone_pb_next(&pb, &field))
        if (is_item(&field)) {
            HONE_TRY(parse_item(&field, depth, &sequence->items[sequence->n_items]));
            sequence->n_items++;
        }
    return HONE_OK;
}

static hone_status check_depth(int depth)
{
    if (depth > HONE_PB_DEPTH)
        return hone_error(HONE_ERR_LIMIT, "it nests deeper than %d", HONE_PB_DEPTH);
    return HONE_OK;
}

hone_status hone_pb_sequence_parse(hone_bytes message, int depth, hone_array *out)
{
    hone_array made = {.kind = HONE_ARRAY_SEQUENCE};
    size_t n = 0;

    HONE_TRY(check_depth(depth));
    HONE_TRY(
        count_items(message, &n)); /* an item takes 2 bytes of the file at least, so n is honest */
    HONE_TRY(hone_alloc_zero(NULL, (n + 1) * sizeof *made.items, &made.memory));
    made.items = made.memory;
    const hone_status st = parse_items(message, depth, &made);
    if (st != HONE_OK)
        hone_array_free(&made);
    else
        *out = made;
    return st;
}

hone_status hone_pb_optional_parse(hone_bytes message, int depth, hone_array *out)
{
    hone_pb pb = hone_pb_of(message);
    hone_pb_field field;

    HONE_TRY(check_depth(depth));
    while (hone_pb_next(&pb, &field))
        if (is_item(&field))
            return parse_item(&field, depth, out);
    HONE_TRY(hone_pb_status(&pb));
    *out = (hone_array){.kind = HONE_ARRAY_EMPTY};
    return HONE_OK;
}

static hone_status parse_file(hone_bytes file, const char *expect, hone_array *out)
{
    if (strcmp(expect, "sequence") == 0)
        return hone_pb_sequence_parse(file, 0, out);
    if (strcmp(expect, "optional") == 0)
        return hone_pb_optional_parse(file, 0, out);
    if (strcmp(expect, "tensor") == 0)
        return hone_pb_tensor_parse(file, out);
    return hone_error(HONE_ERR_UNSUPPORTED, "values of kind \"%s\" cannot be read from a file",
                      expect);
}

hone_status hone_pb_read(const char *path, const char *expect, hone_array *out)
{
    hone_map map;
    HONE_TRY(hone_map_open(path, &map));
    const hone_status st = parse_file(map.bytes, expect, out);
    hone_map_close(&map);
    return hone_while(st, "reading \"%s\"", path);
}
