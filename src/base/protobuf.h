/* Reading the wire format of protocol buffers in place: a cursor over bytes that yields one field
 * after the other. Views, no copies; every length is checked against the bytes there are; a fault
 * is remembered by the cursor and ends the walk, so that loops need no checks of their own:
 *
 *     hone_pb pb = hone_pb_of(bytes);
 *     hone_pb_field field;
 *     while (hone_pb_next(&pb, &field))
 *         if (field.number == 2)
 *             use(field.bytes);
 *     return hone_pb_status(&pb);
 *
 * Fields that the caller does not know are skipped by not looking at them. Groups (wire types 3 and
 * 4) are refused: no format that Hone reads has them. */
#ifndef HONE_BASE_PROTOBUF_H
#define HONE_BASE_PROTOBUF_H

#include "base/bytes.h"

typedef enum hone_pb_wire {
    HONE_PB_VARINT = 0,
    HONE_PB_FIXED64 = 1,
    HONE_PB_BYTES = 2, /* texts, messages, packed scalars */
    HONE_PB_FIXED32 = 5,
} hone_pb_wire;

typedef struct hone_pb {
    const uint8_t *at, *end;
    const uint8_t *origin; /* where byte offsets in messages count from */
    const char *fault;     /* NULL: none so far */
} hone_pb;

typedef struct hone_pb_field {
    uint32_t number;
    hone_pb_wire wire;
    uint64_t value;   /* of VARINT, FIXED64 and FIXED32 */
    hone_bytes bytes; /* of BYTES: a view */
} hone_pb_field;

static inline hone_pb hone_pb_of(hone_bytes bytes)
{
    const uint8_t *end = bytes.size ? bytes.data + bytes.size : bytes.data;
    return (hone_pb){.at = bytes.data, .end = end, .origin = bytes.data};
}

/* A cursor over a part of what `outer` walks: offsets in its messages count from outer's origin. */
static inline hone_pb hone_pb_within(const hone_pb *outer, hone_bytes part)
{
    hone_pb pb = hone_pb_of(part);
    pb.origin = outer->origin;
    return pb;
}

/* The next field; false at the end and on a fault. */
bool hone_pb_next(hone_pb *pb, hone_pb_field *field);

/* HONE_ERR_FORMAT with the fault and its offset, or HONE_OK. */
hone_status hone_pb_status(const hone_pb *pb);

/* Scalars without a tag, as in packed fields; false at the end and on a fault. */
bool hone_pb_varint(hone_pb *pb, uint64_t *out);
bool hone_pb_fixed32(hone_pb *pb, uint32_t *out);
bool hone_pb_fixed64(hone_pb *pb, uint64_t *out);

/* The scalars of one occurrence of a repeated field, packed or single, in order. `wire` is the
 * scalars' own wire type. hone_pb_scalars counts them; false where the occurrence is of another
 * wire type or damaged. hone_pb_scalar_read writes them to out (room for the count), false
 * likewise. */
bool hone_pb_scalar_count(const hone_pb_field *field, hone_pb_wire wire, size_t *out);
bool hone_pb_scalar_read(const hone_pb_field *field, hone_pb_wire wire, uint64_t *out);

static inline float hone_pb_float(uint64_t value)
{
    const uint32_t bits = (uint32_t)value;
    float x;
    memcpy(&x, &bits, sizeof x);
    return x;
}

static inline double hone_pb_double(uint64_t value)
{
    double x;
    memcpy(&x, &value, sizeof x);
    return x;
}

#endif
