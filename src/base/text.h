/* A growing text, for printing IR, reports and plans. Errors (memory) are remembered and returned
 * once, at the end. */
#ifndef HONE_BASE_TEXT_H
#define HONE_BASE_TEXT_H

#include "base/bytes.h"

typedef struct hone_text {
    const hone_allocator *allocator;
    char *data; /* terminated once anything was added */
    size_t size;
    size_t room;
    hone_status status;
} hone_text;

void hone_text_init(hone_text *text, const hone_allocator *allocator);
void hone_text_fini(hone_text *text);
void hone_text_add(hone_text *text, const char *format, ...) HONE_PRINTF(2, 3);
void hone_text_add_bytes(hone_text *text, const void *data, size_t size);
void hone_text_add_quoted(hone_text *text, const char *s,
                          size_t size); /* "with \"escapes\" and \x00" */
hone_status hone_text_status(const hone_text *text);

#endif
