/* A text that grows by doubling. The idea: a failed allocation is remembered and everything after
 * it ignored, so that printing code asks once, at the end. */
#include "base/text.h"

#include <stdarg.h>
#include <stdio.h>

void hone_text_init(hone_text *text, const hone_allocator *allocator)
{
    *text = (hone_text){.allocator = allocator};
}

void hone_text_fini(hone_text *text)
{
    hone_free(text->allocator, text->data, text->room);
    *text = (hone_text){.allocator = text->allocator};
}

/* Room for `size` more bytes and the terminator. */
static bool reserve(hone_text *text, size_t size)
{
    size_t need, room = text->room ? text->room : 256;
    void *data;

    if (text->status != HONE_OK)
        return false;
    if (!hone_size_add(text->size, size, &need) || !hone_size_add(need, 1, &need) ||
        need > SIZE_MAX / 2) {
        text->status =
            hone_error(HONE_ERR_MEMORY, "growing a text by %zu bytes: out of memory", size);
        return false;
    }
    if (need <= text->room)
        return true;
    while (room < need)
        room *= 2;
    text->status = hone_alloc(text->allocator, room, &data);
    if (text->status != HONE_OK)
        return false;
    if (text->size > 0)
        memcpy(data, text->data, text->size);
    hone_free(text->allocator, text->data, text->room);
    text->data = data;
    text->room = room;
    return true;
}

void hone_text_add_bytes(hone_text *text, const void *data, size_t size)
{
    if (!reserve(text, size))
        return;
    if (size > 0)
        memcpy(text->data + text->size, data, size);
    text->size += size;
    text->data[text->size] = 0;
}

void hone_text_add(hone_text *text, const char *format, ...)
{
    char line[256];
    va_list args, again;

    va_start(args, format);
    va_copy(again, args);
    const int size = vsnprintf(line, sizeof line, format, args);
    va_end(args);
    if (size >= 0 && (size_t)size < sizeof line) {
        hone_text_add_bytes(text, line, (size_t)size);
    } else if (size >= 0 && reserve(text, (size_t)size)) {
        vsnprintf(text->data + text->size, (size_t)size + 1, format, again);
        text->size += (size_t)size;
    }
    va_end(again);
}

void hone_text_add_quoted(hone_text *text, const char *s, size_t size)
{
    hone_text_add_bytes(text, "\"", 1);
    for (size_t i = 0; i < size; i++) {
        const unsigned char c = (unsigned char)s[i];
        if (c == '"' || c == '\\')
            hone_text_add(text, "\\%c", c);
        else if (c == '\n')
            hone_text_add_bytes(text, "\\n", 2);
        else if (c == '\t')
            hone_text_add_bytes(text, "\\t", 2);
        else if (c < 0x20 || c == 0x7f)
            hone_text_add(text, "\\x%02x", c);
        else
            hone_text_add_bytes(text, &s[i], 1);
    }
    hone_text_add_bytes(text, "\"", 1);
}

hone_status hone_text_status(const hone_text *text)
{
    return text->status;
}
