/* The message of the thread. It stands apart from error.c because libhone_build.so and
 * libhone_media.so have copies of base but must not have a buffer of their own: they take these two
 * functions from libhone.so, so that hone_message() tells what happened wherever it happened. */
#include "base/error.h"

#include <string.h>

static HONE_THREAD_LOCAL char message[HONE_MESSAGE_SIZE];

const char *hone_message(void)
{
    return message;
}

hone_status hone_message_set(hone_status status, const char *text)
{
    const size_t size = strnlen(text, sizeof message - 1);

    memmove(message, text, size); /* text may be a part of the message */
    message[size] = '\0';
    return status;
}
