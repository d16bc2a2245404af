/* Writes .npy, format 1, row-major. Types that NumPy has not are refused, so that no file claims
 * another type than its elements have; strings become fixed-width UCS-4, as NumPy keeps them. */
#include <stdio.h>

#include "base/file.h"
#include "media/array.h"
#include "media/npy.h"

enum {
    HEADER_ALIGN = 64
}; /* NumPy pads headers so that elements can be mapped */

/* {'descr': '<f4', 'fortran_order': False, 'shape': (2, 3), }, padded, behind magic and length. */
static hone_status write_header(hone_file_writer *file, const char *descr, const hone_dims *shape)
{
    char text[512];
    int n = snprintf(text + 10, sizeof text - 10,
                     "{'descr': '%s', 'fortran_order': False, 'shape': (", descr);
    for (int i = 0; i < shape->rank; i++)
        n += snprintf(text + 10 + n, sizeof text - 10 - (size_t)n, i == 0 ? "%lld," : " %lld,",
                      (long long)shape->dim[i]);
    n -= shape->rank > 1; /* a comma stands behind a single extent alone */
    n += snprintf(text + 10 + n, sizeof text - 10 - (size_t)n, "), }");
    const size_t total = hone_align_up((size_t)n + 11, HEADER_ALIGN);
    memset(text + 10 + n, ' ', total - 11 - (size_t)n);
    text[total - 1] = '\n';
    memcpy(text, "\x93NUMPY\1", 8);
    text[8] = (char)((total - 10) & 0xff);
    text[9] = (char)((total - 10) >> 8);
    return hone_file_write(file, text, total);
}

// ---- strings

/* The code point at *p, which moves on; false where the bytes are no UTF-8. */
static bool take_utf8(const uint8_t **p, const uint8_t *end, uint32_t *out)
{
    const uint8_t lead = *(*p)++;
    const int more = lead < 0x80       ? 0
                     : lead >> 5 == 6  ? 1
                     : lead >> 4 == 14 ? 2
                     : lead >> 3 == 30 ? 3
                                       : -1;
    if (more < 0 || end - *p < more)
        return false;
    uint32_t c = more == 0 ? lead : lead & (0x3fu >> more);
    for (int i = 0; i < more; i++) {
        const uint8_t next = *(*p)++;
        if (next >> 6 != 2)
            return false;
        c = c << 6 | (next & 0x3fu);
    }
    *out = c;
    return true;
}

static hone_status measure_string(const hone_string *s, size_t *width)
{
    const uint8_t *p = (const uint8_t *)s->data, *end = p + s->size;
    uint32_t c;
    size_t n = 0;
    for (; p < end; n++)
        if (!take_utf8(&p, end, &c))
            return hone_error(HONE_ERR_UNSUPPORTED, "a string is no UTF-8; .pb can hold it");
    *width = HONE_MAX(*width, n);
    return HONE_OK;
}

static hone_status write_string(hone_file_writer *file, const hone_string *s, uint8_t *line,
                                size_t width)
{
    const uint8_t *p = (const uint8_t *)s->data, *end = p + s->size;
    uint32_t c = 0;
    memset(line, 0, width * 4);
    for (size_t i = 0; p < end && take_utf8(&p, end, &c); i++)
        for (int b = 0; b < 4; b++)
            line[4 * i + (size_t)b] = (uint8_t)(c >> (8 * b));
    return hone_file_write(file, line, width * 4);
}

static hone_status write_strings(hone_file_writer *file, const hone_tensor *t)
{
    const hone_string *strings = t->data;
    const int64_t n = hone_tensor_count(t);
    size_t width = 1, size;
    char descr[32];
    uint8_t *line;

    for (int64_t i = 0; i < n; i++)
        HONE_TRY(measure_string(&strings[i], &width));
    if (!hone_size_mul(width, 4, &size))
        return hone_error(HONE_ERR_LIMIT, "a string is too long");
    snprintf(descr, sizeof descr, "<U%zu", width);
    HONE_TRY(write_header(file, descr, &t->shape));
    HONE_TRY(hone_alloc(NULL, size, (void **)&line));
    hone_status st = HONE_OK;
    for (int64_t i = 0; i < n && st == HONE_OK; i++)
        st = write_string(file, &strings[i], line, width);
    hone_free(NULL, line, size);
    return st;
}

// ---- the file

static hone_status write_numbers(hone_file_writer *file, const hone_tensor *t,
                                 const hone_npy_type *type)
{
    char descr[16];
    size_t size;
    snprintf(descr, sizeof descr, "%c%c%d", type->bytes == 1 ? '|' : '<', type->kind, type->bytes);
    HONE_TRY(write_header(file, descr, &t->shape));
    if (!hone_dims_size(t->dtype, &t->shape, &size) || size > t->size)
        return hone_error(HONE_ERR_ARGUMENT, "the tensor has %zu bytes, fewer than its shape needs",
                          t->size);
    return size ? hone_file_write(file, t->data, size) : HONE_OK;
}

static hone_status write_tensor(hone_file_writer *file, const hone_tensor *t)
{
    if (t->dtype == HONE_STRING)
        return write_strings(file, t);
    for (int i = 0; i < HONE_COUNT(hone_npy_types); i++)
        if (hone_npy_types[i].dtype == t->dtype)
            return write_numbers(file, t, &hone_npy_types[i]);
    return hone_error(HONE_ERR_UNSUPPORTED, "NumPy has no %s; .pb can hold it",
                      hone_dtype_text(t->dtype));
}

hone_status hone_npy_write(const char *path, const hone_tensor *tensor)
{
    hone_file_writer *file;
    HONE_TRY(hone_file_create(path, &file));
    hone_status st = write_tensor(file, tensor);
    if (st == HONE_OK)
        st = hone_file_commit(file);
    else
        hone_file_abandon(file);
    return hone_while(st, "writing \"%s\"", path);
}
