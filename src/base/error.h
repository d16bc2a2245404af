/* Errors: a status is returned, its message stands in a buffer of the thread. The first error
 * stands; callers on its way up may say what they were doing (hone_while). Cleanup code never sets
 * a message. */
#ifndef HONE_BASE_ERROR_H
#define HONE_BASE_ERROR_H

#include "base/compiler.h"
#include "hone/types.h"

#define HONE_MESSAGE_SIZE 4096

/* Formats the thread's message and returns status:
 * "importing node \"conv_3\" (Conv): group is 3 but input has 32 channels; channels must divide by
 * group". */
hone_status hone_error(hone_status status, const char *format, ...) HONE_PRINTF(2, 3);

/* Puts "doing this: " in front of the thread's message; returns status. Does nothing for HONE_OK.
 */
hone_status hone_while(hone_status status, const char *format, ...) HONE_PRINTF(2, 3);

/* Adds a further line to the thread's message (for lists: every unsupported node). */
void hone_message_append(const char *format, ...) HONE_PRINTF(1, 2);

/* Returns from the function on an error: where nothing is owned. */
#define HONE_TRY(call)                                                                             \
    do {                                                                                           \
        const hone_status try_status_ = (call);                                                    \
        if (HONE_UNLIKELY(try_status_ != HONE_OK))                                                 \
            return try_status_;                                                                    \
    } while (0)

/* Goes to the label `out` with the status in `st`: where something is owned. */
#define HONE_TRY_OUT(call)                                                                         \
    do {                                                                                           \
        st = (call);                                                                               \
        if (HONE_UNLIKELY(st != HONE_OK))                                                          \
            goto out;                                                                              \
    } while (0)

#endif
