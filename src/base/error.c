/* Statuses and how messages are made. The idea: one fixed buffer per thread (message.c), so that
 * reporting that memory has run out needs no memory. It keeps no history: the first error stands,
 * and callers only put words in front of it. */
#include "base/error.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

const char *hone_status_text(hone_status status)
{
    switch (status) {
#define STATUS(name, value, text)                                                                  \
    case HONE_##name: return text;
        HONE_STATUS_LIST(STATUS)
#undef STATUS
    }
    return "unknown status";
}

hone_status hone_error(hone_status status, const char *format, ...)
{
    char text[HONE_MESSAGE_SIZE]; /* the arguments may point into the old message */
    va_list args;

    va_start(args, format);
    vsnprintf(text, sizeof text, format, args);
    va_end(args);
    return hone_message_set(status, text);
}

hone_status hone_while(hone_status status, const char *format, ...)
{
    char text[HONE_MESSAGE_SIZE];
    va_list args;

    if (status == HONE_OK)
        return HONE_OK;
    va_start(args, format);
    vsnprintf(text, sizeof text, format, args);
    va_end(args);

    const size_t front = strlen(text);
    if (front + 2 < sizeof text) {
        const size_t room = sizeof text - front - 3;
        snprintf(text + front, sizeof text - front, ": %.*s", (int)room, hone_message());
        hone_message_set(status, text);
    }
    return status;
}

void hone_message_append(const char *format, ...)
{
    char text[HONE_MESSAGE_SIZE];
    const char *old = hone_message();
    const size_t size = strlen(old);
    va_list args;

    if (size + 2 >= sizeof text)
        return;
    memcpy(text, old, size);
    if (size > 0)
        text[size] = '\n';
    const size_t at = size > 0 ? size + 1 : 0;
    va_start(args, format);
    vsnprintf(text + at, sizeof text - at, format, args);
    va_end(args);
    hone_message_set(HONE_OK, text);
}
