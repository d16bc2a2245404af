/* What the tool says on stderr, and the exit codes it ends with. */
#ifndef HONE_CLI_SAY_H
#define HONE_CLI_SAY_H

#include "hone/types.h"

#define HONE_COUNT_OF(array) ((int)(sizeof(array) / sizeof((array)[0])))

/*  X(name, code, text) */
#define HONE_EXIT_LIST(X)                                                                          \
    X(OK, 0, "ok")                                                                                 \
    X(INTERNAL, 1, "internal error")                                                               \
    X(USAGE, 2, "usage")                                                                           \
    X(INPUT, 3, "input unreadable or malformed")                                                   \
    X(UNSUPPORTED, 4, "unsupported operator or feature")                                           \
    X(BUILD, 5, "build failed")                                                                    \
    X(DEVICE, 6, "device, driver or run failed")                                                   \
    X(LIMIT, 7, "out of memory or over a limit")                                                   \
    X(DIFFERS, 8, "comparison failed")                                                             \
    X(MISMATCH, 9, "plan does not fit this device or version")                                     \
    X(CHECKSUM, 10, "checksum or signature failed")                                                \
    X(INTERRUPTED, 130, "interrupted")

typedef enum hone_exit {
#define HONE_EXIT_ENUM(name, code, text) HONE_EXIT_##name = code,
    HONE_EXIT_LIST(HONE_EXIT_ENUM)
#undef HONE_EXIT_ENUM
} hone_exit;

/* 0: errors alone (-q); 1: warnings and notes; 2: -v; 3: -vv. */
void hone_say_init(int level);
int hone_say_level(void);

/* The library's log as lines on stderr, up to the level; NULL where nothing is wanted. */
const hone_logger *hone_say_logger(void);

/* A line on stderr from that level on. */
void hone_say(int level, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* "hone: " and the message on stderr; returns code. */
int hone_fail(hone_exit code, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* The same for a failed call of the library: hone_message(), and the code that stands for the
 * status. */
int hone_fail_status(hone_status status);
/* The same, where a bad argument is the fault of a file rather than of an option. */
int hone_fail_file(hone_status status);

hone_exit hone_exit_of(hone_status status);

#endif
