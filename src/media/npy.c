/* Reads NumPy's .npy: a magic, a header that is a Python dict, the elements. The dict is read by a
 * parser for exactly the three keys that NumPy writes, in any order. Nothing is made before the
 * file is known to hold what the header claims. Not read: pickled objects, records, dates, and the
 * void types that other libraries put into .npy. */
#include "media/npy.h"

#include <ctype.h>

#include "base/file.h"
#include "media/array.h"

typedef struct header {
    char descr[16]; /* "<f4" */
    bool is_fortran;
    hone_dims shape;
    const hone_npy_type *type; /* NULL: strings */
    size_t item;               /* bytes of an element */
} header;

// ---- the dict

typedef struct cursor {
    const char *at, *end;
} cursor;

static void skip_space(cursor *c)
{
    while (c->at < c->end && isspace((unsigned char)*c->at))
        c->at++;
}

static bool take(cursor *c, const char *word)
{
    const size_t n = strlen(word);
    skip_space(c);
    if ((size_t)(c->end - c->at) < n || memcmp(c->at, word, n) != 0)
        return false;
    c->at += n;
    return true;
}

static bool take_quoted(cursor *c, char *out, size_t room)
{
    size_t n = 0;
    skip_space(c);
    if (c->at == c->end || (*c->at != '\'' && *c->at != '"'))
        return false;
    const char quote = *c->at++;
    while (c->at < c->end && *c->at != quote && n + 1 < room)
        out[n++] = *c->at++;
    out[n] = '\0';
    return c->at < c->end && *c->at++ == quote;
}

static bool take_extent(cursor *c, int64_t *out)
{
    int64_t n = 0;
    skip_space(c);
    if (c->at == c->end || !isdigit((unsigned char)*c->at))
        return false;
    while (c->at < c->end && isdigit((unsigned char)*c->at)) {
        if (!hone_int_mul(n, 10, &n) || !hone_int_add(n, *c->at - '0', &n))
            return false;
        c->at++;
    }
    take(c, "L"); /* Python 2 wrote long integers so */
    *out = n;
    return true;
}

static hone_status take_shape(cursor *c, hone_dims *out)
{
    out->rank = 0;
    if (!take(c, "("))
        return hone_error(HONE_ERR_FORMAT, "the shape in its header is no tuple");
    while (!take(c, ")")) {
        if (out->rank == HONE_MAX_RANK)
            return hone_error(HONE_ERR_LIMIT, "it has more than %d dimensions", HONE_MAX_RANK);
        if (!take_extent(c, &out->dim[out->rank++]))
            return hone_error(HONE_ERR_FORMAT, "the shape in its header is no tuple of numbers");
        take(c, ",");
    }
    return HONE_OK;
}

static hone_status take_entry(cursor *c, header *h, unsigned *seen)
{
    char key[24];
    if (!take_quoted(c, key, sizeof key) || !take(c, ":"))
        return hone_error(HONE_ERR_FORMAT, "its header is not the dict that NumPy writes");
    if (strcmp(key, "shape") == 0) {
        *seen |= 1;
        return take_shape(c, &h->shape);
    }
    if (strcmp(key, "fortran_order") == 0) {
        *seen |= 2;
        h->is_fortran = take(c, "True");
        return h->is_fortran || take(c, "False")
                   ? HONE_OK
                   : hone_error(HONE_ERR_FORMAT, "its order is no bool");
    }
    if (strcmp(key, "descr") != 0)
        return hone_error(HONE_ERR_FORMAT, "its header has an unknown key \"%s\"", key);
    *seen |= 4;
    if (!take_quoted(c, h->descr, sizeof h->descr))
        return hone_error(HONE_ERR_UNSUPPORTED,
                          "its elements are records; plain types are allowed");
    return HONE_OK;
}

static hone_status parse_dict(hone_bytes text, header *h)
{
    cursor c = {(const char *)text.data, (const char *)text.data + text.size};
    unsigned seen = 0;
    if (!take(&c, "{"))
        return hone_error(HONE_ERR_FORMAT, "its header is no dict");
    while (!take(&c, "}")) {
        HONE_TRY(take_entry(&c, h, &seen));
        take(&c, ",");
    }
    return seen == 7
               ? HONE_OK
               : hone_error(HONE_ERR_FORMAT, "its header lacks descr, fortran_order or shape");
}

// ---- types

static hone_status resolve_type(header *h)
{
    const char *d = h->descr;
    const bool has_order = *d && strchr("<>|=", *d);
    const char kind = d[has_order];
    long long bytes = 0;
    for (const char *p = d + has_order + (kind != '\0');
         isdigit((unsigned char)*p) && bytes < INT32_MAX; p++)
        bytes = bytes * 10 + (*p - '0');

    if (kind == 'U' || kind == 'S') {
        h->item = (size_t)bytes * (kind == 'U' ? 4 : 1);
        return HONE_OK;
    }
    for (int i = 0; i < HONE_COUNT(hone_npy_types); i++) {
        const hone_npy_type *type = &hone_npy_types[i];
        if (type->kind == kind && type->bytes == bytes) {
            h->type = type;
            h->item = (size_t)bytes;
            return HONE_OK;
        }
    }
    if (kind == 'O')
        return hone_error(HONE_ERR_UNSUPPORTED,
                          "its elements are pickled objects, which can hide code");
    return hone_error(HONE_ERR_UNSUPPORTED, "its element type \"%s\" is none that Hone has", d);
}

static void swap_bytes(uint8_t *data, size_t size, size_t unit)
{
    for (size_t i = 0; i + unit <= size; i += unit)
        for (size_t a = 0, b = unit - 1; a < b; a++, b--) {
            const uint8_t t = data[i + a];
            data[i + a] = data[i + b];
            data[i + b] = t;
        }
}

// ---- order

/* Walks the elements in row-major order and gives each one's place in column-major order. */
typedef struct walk {
    const hone_dims *shape;
    int64_t at[HONE_MAX_RANK];
} walk;

static size_t column_major(const walk *w)
{
    size_t place = 0, stride = 1;
    for (int d = 0; d < w->shape->rank; d++) {
        place += (size_t)w->at[d] * stride;
        stride *= (size_t)w->shape->dim[d];
    }
    return place;
}

static void step(walk *w)
{
    for (int d = w->shape->rank - 1; d >= 0; d--) {
        if (++w->at[d] < w->shape->dim[d])
            return;
        w->at[d] = 0;
    }
}

/* Copies n elements of a column-major file to row-major memory. */
static void copy_elements(const header *h, const uint8_t *file, size_t n, uint8_t *out)
{
    walk w = {.shape = &h->shape};
    if (!h->is_fortran || h->shape.rank < 2) {
        if (n)
            memcpy(out, file, n * h->item);
        return;
    }
    for (size_t i = 0; i < n; i++, step(&w))
        memcpy(out + i * h->item, file + column_major(&w) * h->item, h->item);
}

// ---- strings

static size_t put_utf8(char *out, uint32_t c)
{
    if (c < 0x80) {
        out[0] = (char)c;
        return 1;
    }
    if (c < 0x800) {
        out[0] = (char)(0xc0 | c >> 6);
        out[1] = (char)(0x80 | (c & 63));
        return 2;
    }
    if (c < 0x10000) {
        out[0] = (char)(0xe0 | c >> 12);
        out[1] = (char)(0x80 | (c >> 6 & 63));
        out[2] = (char)(0x80 | (c & 63));
        return 3;
    }
    out[0] = (char)(0xf0 | (c >> 18 & 7));
    out[1] = (char)(0x80 | (c >> 12 & 63));
    out[2] = (char)(0x80 | (c >> 6 & 63));
    out[3] = (char)(0x80 | (c & 63));
    return 4;
}

static uint32_t read_ucs4(const uint8_t *p, bool is_big)
{
    return is_big ? (uint32_t)p[0] << 24 | (uint32_t)p[1] << 16 | (uint32_t)p[2] << 8 | p[3]
                  : (uint32_t)p[3] << 24 | (uint32_t)p[2] << 16 | (uint32_t)p[1] << 8 | p[0];
}

/* One element to letters at out, at most h->item bytes; trailing zeros are padding. */
static size_t read_string(const header *h, const uint8_t *p, char *out)
{
    const bool is_ucs4 = strchr(h->descr, 'U') != NULL;
    const size_t unit = is_ucs4 ? 4 : 1;
    static const uint8_t zero[4];
    size_t n = h->item / unit, size = 0;

    while (n > 0 && memcmp(p + (n - 1) * unit, zero, unit) == 0)
        n--;
    if (!is_ucs4) {
        memcpy(out, p, n);
        return n;
    }
    for (size_t i = 0; i < n; i++)
        size += put_utf8(out + size, read_ucs4(p + 4 * i, h->descr[0] == '>'));
    return size;
}

static hone_status read_strings(const header *h, hone_bytes payload, size_t n, hone_array *out)
{
    walk w = {.shape = &h->shape};
    if (n && h->item == 0)
        return hone_error(HONE_ERR_FORMAT, "its strings have width 0");
    HONE_TRY(hone_array_make(HONE_STRING, &h->shape, payload.size, out));
    hone_string *strings = out->tensor.data;
    char *letters = hone_array_extra(out);
    for (size_t i = 0; i < n; i++, step(&w)) {
        const size_t place = h->is_fortran ? column_major(&w) : i;
        strings[i].data = letters;
        strings[i].size = read_string(h, payload.data + place * h->item, letters);
        letters += strings[i].size;
    }
    return HONE_OK;
}

// ---- the file

/* Splits the file after its magic into header text and payload. */
static hone_status split(hone_bytes file, hone_bytes *text, hone_bytes *payload)
{
    if (file.size < 10 || memcmp(file.data, "\x93NUMPY", 6) != 0)
        return hone_error(HONE_ERR_FORMAT, "it does not begin as .npy files do");
    const int version = file.data[6];
    if (version < 1 || version > 3)
        return hone_error(HONE_ERR_UNSUPPORTED, "its format version is %d; 1 to 3 are known",
                          version);
    const size_t start = version == 1 ? 10 : 12;
    size_t size = (size_t)file.data[8] | (size_t)file.data[9] << 8;
    if (version > 1 && file.size >= 12)
        size |= (size_t)file.data[10] << 16 | (size_t)file.data[11] << 24;
    if (file.size < start || file.size - start < size)
        return hone_error(HONE_ERR_FORMAT, "it ends inside its header");
    *text = (hone_bytes){file.data + start, size};
    *payload = (hone_bytes){file.data + start + size, file.size - start - size};
    return HONE_OK;
}

static hone_status read_numbers(const header *h, hone_bytes payload, size_t n, hone_array *out)
{
    HONE_TRY(hone_array_make(h->type->dtype, &h->shape, 0, out));
    copy_elements(h, payload.data, n, out->tensor.data);
    if (h->descr[0] == '>')
        swap_bytes(out->tensor.data, out->tensor.size, (size_t)h->type->unit);
    return HONE_OK;
}

hone_status hone_npy_parse(hone_bytes file, hone_array *out)
{
    header h = {.descr = ""};
    hone_bytes text = {0}, payload = {0};
    int64_t n;
    size_t needed;

    HONE_TRY(split(file, &text, &payload));
    HONE_TRY(parse_dict(text, &h));
    HONE_TRY(resolve_type(&h));
    if (!hone_dims_count(&h.shape, &n) || !hone_size_mul((size_t)n, h.item, &needed))
        return hone_error(HONE_ERR_LIMIT,
                          "the shape in its header has more elements than can be addressed");
    if (payload.size < needed)
        return hone_error(HONE_ERR_FORMAT, "it has %zu bytes of elements; its header promises %zu",
                          payload.size, needed);
    payload.size = needed;
    return h.type ? read_numbers(&h, payload, (size_t)n, out)
                  : read_strings(&h, payload, (size_t)n, out);
}

hone_status hone_npy_read(const char *path, hone_array *out)
{
    hone_map map;
    HONE_TRY(hone_map_open(path, &map));
    const hone_status st = hone_npz_matches(map.bytes) ? hone_npz_parse(map.bytes, NULL, true, out)
                                                       : hone_npy_parse(map.bytes, out);
    hone_map_close(&map);
    return hone_while(st, "reading \"%s\"", path);
}
