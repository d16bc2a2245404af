/* Reads one array of an .npz, which is a zip archive of .npy files, stored or deflated, zip64 too.
 * The central directory at the end is what counts; a member's claimed size is believed only as far
 * as deflate could unpack to it. Archives of several disks and encrypted members are refused. */
#include <zlib.h>

#include "base/file.h"
#include "media/array.h"

enum {
    END_SIZE = 22, /* of the end record, without its comment */
    END64_LOCATOR_SIZE = 20,
    ENTRY_SIZE = 46, /* of an entry in the central directory, without names */
    LOCAL_SIZE = 30, /* of the header before a member */
    STORED = 0,
    DEFLATED = 8,
    DEFLATE_RATIO = 1032, /* the most that deflate packs: 258 bytes in two bits */
};

typedef struct member {
    const char *name; /* not terminated */
    size_t name_size;
    unsigned flags, method;
    uint32_t crc;
    uint64_t packed, size, offset;
} member;

typedef struct archive {
    hone_bytes file;
    uint64_t at, end; /* of the central directory */
} archive;

static uint64_t read_le(hone_bytes file, uint64_t at, int bytes)
{
    uint64_t n = 0;
    for (int i = bytes - 1; i >= 0; i--)
        n = n << 8 | file.data[at + (uint64_t)i];
    return n;
}

static bool has_room(hone_bytes file, uint64_t at, uint64_t size)
{
    return at <= file.size && size <= file.size - at;
}

bool hone_npz_matches(hone_bytes file)
{
    return file.size >= END_SIZE &&
           (memcmp(file.data, "PK\3\4", 4) == 0 || memcmp(file.data, "PK\5\6", 4) == 0);
}

/* Where the end record begins; 0 where there is none. A comment of up to 64 KiB may follow it. */
static uint64_t find_end(hone_bytes file)
{
    const uint64_t last = file.size - END_SIZE;
    const uint64_t first = last > UINT16_MAX ? last - UINT16_MAX : 0;
    for (uint64_t at = last; at > first; at--)
        if (memcmp(file.data + at, "PK\5\6", 4) == 0)
            return at;
    return 0;
}

static hone_status open_archive(hone_bytes file, archive *out)
{
    const uint64_t end = find_end(file);
    if (!end)
        return hone_error(HONE_ERR_FORMAT,
                          "it is a zip archive without its directory, or an empty one");
    uint64_t size = read_le(file, end + 12, 4);
    uint64_t at = read_le(file, end + 16, 4);
    if (at == UINT32_MAX && end >= END64_LOCATOR_SIZE &&
        memcmp(file.data + end - END64_LOCATOR_SIZE, "PK\6\7", 4) == 0) {
        const uint64_t end64 = read_le(file, end - END64_LOCATOR_SIZE + 8, 8);
        if (!has_room(file, end64, 56) || memcmp(file.data + end64, "PK\6\6", 4) != 0)
            return hone_error(HONE_ERR_FORMAT, "its zip64 directory is damaged");
        size = read_le(file, end64 + 40, 8);
        at = read_le(file, end64 + 48, 8);
    }
    if (!has_room(file, at, size))
        return hone_error(HONE_ERR_FORMAT, "its directory lies outside of the file");
    *out = (archive){file, at, at + size};
    return HONE_OK;
}

/* Sizes of 2^32 - 1 stand in the zip64 field (id 1), in the order size, packed, offset, those alone
 * that need it. */
static hone_status read_zip64(hone_bytes file, uint64_t at, uint64_t end, member *m)
{
    uint64_t *const wide[] = {&m->size, &m->packed, &m->offset};
    while (at + 4 <= end) {
        const uint64_t id = read_le(file, at, 2);
        const uint64_t stop = at + 4 + read_le(file, at + 2, 2);
        at += 4;
        for (int i = 0; id == 1 && i < HONE_COUNT(wide); i++)
            if (*wide[i] == UINT32_MAX && at + 8 <= stop && stop <= end) {
                *wide[i] = read_le(file, at, 8);
                at += 8;
            }
        at = stop;
    }
    return HONE_OK;
}

static hone_status next_member(archive *a, member *m)
{
    const hone_bytes f = a->file;
    const uint64_t at = a->at;
    if (a->end - at < ENTRY_SIZE || memcmp(f.data + at, "PK\1\2", 4) != 0)
        return hone_error(HONE_ERR_FORMAT, "an entry of its directory is damaged");
    *m = (member){
        .name = (const char *)f.data + at + ENTRY_SIZE,
        .name_size = read_le(f, at + 28, 2),
        .flags = (unsigned)read_le(f, at + 8, 2),
        .method = (unsigned)read_le(f, at + 10, 2),
        .crc = (uint32_t)read_le(f, at + 16, 4),
        .packed = read_le(f, at + 20, 4),
        .size = read_le(f, at + 24, 4),
        .offset = read_le(f, at + 42, 4),
    };
    const uint64_t extra = at + ENTRY_SIZE + m->name_size;
    const uint64_t comment = extra + read_le(f, at + 30, 2);
    const uint64_t next = comment + read_le(f, at + 32, 2);
    if (next > a->end)
        return hone_error(HONE_ERR_FORMAT, "an entry of its directory is damaged");
    a->at = next;
    return read_zip64(f, extra, comment, m);
}

static bool is_named(const member *m, const char *name)
{
    const size_t n = strlen(name);
    return m->name_size >= n && memcmp(m->name, name, n) == 0 &&
           (m->name_size == n || (m->name_size == n + 4 && memcmp(m->name + n, ".npy", 4) == 0));
}

static hone_status find_member(archive *a, const char *name, bool take_first, member *out)
{
    member m;
    int n = 0;
    while (a->at < a->end) {
        HONE_TRY(next_member(a, &m));
        if (name ? is_named(&m, name) : n == 0)
            *out = m;
        if (name ? is_named(&m, name) : take_first)
            return HONE_OK;
        n++;
    }
    if (name)
        return hone_error(HONE_ERR_FORMAT, "it has no array \"%s\" among its %d", name, n);
    if (n != 1)
        return hone_error(HONE_ERR_FORMAT, "it has %d arrays; one was expected", n);
    return HONE_OK;
}

static hone_status locate(hone_bytes file, const member *m, hone_bytes *out)
{
    if (!has_room(file, m->offset, LOCAL_SIZE) || memcmp(file.data + m->offset, "PK\3\4", 4) != 0)
        return hone_error(HONE_ERR_FORMAT, "its directory points to no member");
    const uint64_t start = m->offset + LOCAL_SIZE + read_le(file, m->offset + 26, 2) +
                           read_le(file, m->offset + 28, 2);
    if (!has_room(file, start, m->packed))
        return hone_error(HONE_ERR_FORMAT, "a member runs past its end");
    *out = (hone_bytes){file.data + start, m->packed};
    return HONE_OK;
}

/* Unpacks in pieces, because zlib counts in 32 bits. */
static hone_status inflate_all(hone_bytes packed, uint8_t *out, size_t size)
{
    z_stream z = {.next_in = (Bytef *)(uintptr_t)packed.data, .next_out = out};
    size_t in_left = packed.size, out_left = size;
    int code = Z_OK;

    if (inflateInit2(&z, -MAX_WBITS) != Z_OK)
        return hone_error(HONE_ERR_MEMORY, "no memory for zlib");
    while (code == Z_OK) {
        const size_t in_now = HONE_MIN(in_left, 1u << 30), out_now = HONE_MIN(out_left, 1u << 30);
        z.avail_in = (uInt)in_now;
        z.avail_out = (uInt)out_now;
        code = inflate(&z, Z_NO_FLUSH);
        in_left -= in_now - z.avail_in;
        out_left -= out_now - z.avail_out;
    }
    inflateEnd(&z);
    if (code != Z_STREAM_END || out_left != 0)
        return hone_error(HONE_ERR_FORMAT, "a member does not unpack to its %zu bytes", size);
    return HONE_OK;
}

static uint32_t checksum(hone_bytes data)
{
    uLong crc = crc32(0, NULL, 0);
    for (size_t at = 0; at < data.size;) {
        const size_t now = HONE_MIN(data.size - at, 1u << 30);
        crc = crc32(crc, data.data + at, (uInt)now);
        at += now;
    }
    return (uint32_t)crc;
}

static hone_status parse_checked(hone_bytes npy, const member *m, hone_array *out)
{
    if (checksum(npy) != m->crc)
        return hone_error(HONE_ERR_FORMAT, "the checksum of \"%.*s\" differs", (int)m->name_size,
                          m->name);
    return hone_npy_parse(npy, out);
}

static hone_status parse_member(hone_bytes packed, const member *m, hone_array *out)
{
    void *memory;
    if (m->flags & 1)
        return hone_error(HONE_ERR_UNSUPPORTED, "its members are encrypted");
    if (m->method == STORED && m->packed == m->size)
        return parse_checked(packed, m, out);
    if (m->method != DEFLATED)
        return hone_error(HONE_ERR_UNSUPPORTED,
                          "its compression is method %u; stored and deflated are known", m->method);
    if (m->size / DEFLATE_RATIO > m->packed + 1)
        return hone_error(HONE_ERR_FORMAT, "a member of %llu bytes cannot unpack to %llu",
                          (unsigned long long)m->packed, (unsigned long long)m->size);
    HONE_TRY(hone_alloc(NULL, HONE_MAX(m->size, 1), &memory));
    hone_status st = inflate_all(packed, memory, m->size);
    if (st == HONE_OK)
        st = parse_checked((hone_bytes){memory, m->size}, m, out);
    hone_free(NULL, memory, m->size);
    return st;
}

hone_status hone_npz_parse(hone_bytes file, const char *name, bool take_first, hone_array *out)
{
    archive a = {0};
    member m = {.name = ""};
    hone_bytes packed = {0};

    if (!hone_npz_matches(file))
        return hone_error(HONE_ERR_FORMAT, "it is no zip archive");
    HONE_TRY(open_archive(file, &a));
    HONE_TRY(find_member(&a, name, take_first, &m));
    HONE_TRY(locate(file, &m, &packed));
    return parse_member(packed, &m, out);
}

hone_status hone_npz_read(const char *path, const char *name, hone_array *out)
{
    hone_map map;
    HONE_TRY(hone_map_open(path, &map));
    const hone_status st = hone_npz_parse(map.bytes, name, false, out);
    hone_map_close(&map);
    return hone_while(st, "reading \"%s\"", path);
}
