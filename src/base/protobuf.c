/* The wire format of protocol buffers. The idea: one cursor, one sticky fault, so that no reader
 * above needs to check lengths again. It knows nothing of any schema and copies nothing; it does
 * not merge messages that a file splits. */
#include "base/protobuf.h"

enum {
    MAX_VARINT = 10,
    MAX_FIELD = (1 << 29) - 1
};

static bool fail(hone_pb *pb, const char *fault)
{
    if (!pb->fault)
        pb->fault = fault;
    return false;
}

hone_status hone_pb_status(const hone_pb *pb)
{
    if (!pb->fault)
        return HONE_OK;
    return hone_error(HONE_ERR_FORMAT, "reading protobuf: at byte %zu: %s",
                      (size_t)(pb->at - pb->origin), pb->fault);
}

bool hone_pb_varint(hone_pb *pb, uint64_t *out)
{
    uint64_t value = 0;

    if (pb->fault || pb->at == pb->end)
        return false;
    for (int i = 0; i < MAX_VARINT; i++) {
        if (pb->at + i == pb->end)
            return fail(pb, "a number runs past the end of its message");
        const uint8_t byte = pb->at[i];
        value |= (uint64_t)(byte & 0x7f) << (7 * i);
        if (!(byte & 0x80)) {
            pb->at += i + 1;
            *out = value;
            return true;
        }
    }
    return fail(pb, "a number has more than ten bytes");
}

static bool fixed(hone_pb *pb, size_t size, uint64_t *out)
{
    uint64_t value = 0;

    if (pb->fault || pb->at == pb->end)
        return false;
    if ((size_t)(pb->end - pb->at) < size)
        return fail(pb, "a fixed-width number runs past the end of its message");
    for (size_t i = 0; i < size; i++)
        value |= (uint64_t)pb->at[i] << (8 * i);
    pb->at += size;
    *out = value;
    return true;
}

bool hone_pb_fixed32(hone_pb *pb, uint32_t *out)
{
    uint64_t value;
    if (!fixed(pb, 4, &value))
        return false;
    *out = (uint32_t)value;
    return true;
}

bool hone_pb_fixed64(hone_pb *pb, uint64_t *out)
{
    return fixed(pb, 8, out);
}

static bool scalar(hone_pb *pb, hone_pb_wire wire, uint64_t *out)
{
    if (wire == HONE_PB_VARINT)
        return hone_pb_varint(pb, out);
    return fixed(pb, wire == HONE_PB_FIXED32 ? 4 : 8, out);
}

static bool delimited(hone_pb *pb, hone_bytes *out)
{
    uint64_t size;

    if (!hone_pb_varint(pb, &size))
        return fail(pb, "a length is missing");
    if (size > (size_t)(pb->end - pb->at))
        return fail(pb, "a length runs past the end of its message");
    *out = (hone_bytes){pb->at, (size_t)size};
    pb->at += size;
    return true;
}

bool hone_pb_next(hone_pb *pb, hone_pb_field *field)
{
    uint64_t tag;

    if (!hone_pb_varint(pb, &tag))
        return false;
    if (tag >> 3 == 0 || tag >> 3 > MAX_FIELD)
        return fail(pb, "a field has number zero or one over 2^29 - 1");
    *field = (hone_pb_field){.number = (uint32_t)(tag >> 3), .wire = (hone_pb_wire)(tag & 7)};
    switch (field->wire) {
    case HONE_PB_VARINT:
    case HONE_PB_FIXED32:
    case HONE_PB_FIXED64:
        return scalar(pb, field->wire, &field->value) || fail(pb, "a field has no value");
    case HONE_PB_BYTES: return delimited(pb, &field->bytes);
    }
    return fail(pb, "a field has a wire type that is not in use");
}

bool hone_pb_scalar_count(const hone_pb_field *field, hone_pb_wire wire, size_t *out)
{
    size_t n = 0;

    if (field->wire == wire) {
        *out = 1;
        return true;
    }
    if (field->wire != HONE_PB_BYTES)
        return false;
    if (wire != HONE_PB_VARINT) {
        const size_t size = wire == HONE_PB_FIXED32 ? 4 : 8;
        *out = field->bytes.size / size;
        return field->bytes.size % size == 0;
    }
    for (size_t i = 0; i < field->bytes.size; i++)
        n += !(field->bytes.data[i] & 0x80); /* the last byte of each number */
    *out = n;
    return field->bytes.size == 0 || !(field->bytes.data[field->bytes.size - 1] & 0x80);
}

bool hone_pb_scalar_read(const hone_pb_field *field, hone_pb_wire wire, uint64_t *out)
{
    if (field->wire == wire) {
        *out = field->value;
        return true;
    }
    if (field->wire != HONE_PB_BYTES)
        return false;
    hone_pb pb = hone_pb_of(field->bytes);
    while (scalar(&pb, wire, out))
        out++;
    return !pb.fault;
}
