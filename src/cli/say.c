/* stderr in one place: errors, notes and the library's log. Everything first takes a progress bar
 * off its line. */
#include "cli/say.h"

#include <stdarg.h>
#include <stdio.h>

#include "cli/progress.h"

static int say_level = 1;

void hone_say_init(int level)
{
    say_level = level;
}

int hone_say_level(void)
{
    return say_level;
}

static void log_line(void *user, hone_log_level level, const char *line)
{
    (void)user;
    hone_say((int)level, "%s%s", level == HONE_LOG_WARNING ? "warning: " : "", line);
}

const hone_logger *hone_say_logger(void)
{
    static hone_logger logger = {.version = 1, .log = log_line};
    logger.level = (hone_log_level)say_level;
    return say_level > 0 ? &logger : NULL;
}

static void print(const char *before, const char *format, va_list args)
{
    hone_progress_clear();
    fputs(before, stderr);
    vfprintf(stderr, format, args);
    fputc('\n', stderr);
}

void hone_say(int level, const char *format, ...)
{
    va_list args;
    if (level > say_level)
        return;
    va_start(args, format);
    print("", format, args);
    va_end(args);
}

int hone_fail(hone_exit code, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    print("hone: ", format, args);
    va_end(args);
    return code;
}

hone_exit hone_exit_of(hone_status status)
{
    switch (status) {
    case HONE_OK: return HONE_EXIT_OK;
    case HONE_ERR_ARGUMENT: return HONE_EXIT_USAGE;
    case HONE_ERR_IO:
    case HONE_ERR_FORMAT: return HONE_EXIT_INPUT;
    case HONE_ERR_UNSUPPORTED: return HONE_EXIT_UNSUPPORTED;
    case HONE_ERR_BUILD: return HONE_EXIT_BUILD;
    case HONE_ERR_DEVICE: return HONE_EXIT_DEVICE;
    case HONE_ERR_MEMORY:
    case HONE_ERR_LIMIT: return HONE_EXIT_LIMIT;
    case HONE_ERR_MISMATCH: return HONE_EXIT_MISMATCH;
    case HONE_ERR_CHECKSUM: return HONE_EXIT_CHECKSUM;
    case HONE_ERR_CANCELLED: return HONE_EXIT_INTERRUPTED;
    case HONE_ERR_INTERNAL:
    case HONE_ERR_STATE: return HONE_EXIT_INTERNAL;
    }
    return HONE_EXIT_INTERNAL;
}

int hone_fail_status(hone_status status)
{
    if (status == HONE_ERR_CANCELLED)
        return hone_fail(HONE_EXIT_INTERRUPTED, "interrupted");
    return hone_fail(hone_exit_of(status), "%s", hone_message());
}

int hone_fail_file(hone_status status)
{
    const hone_exit code = status == HONE_ERR_ARGUMENT ? HONE_EXIT_INPUT : hone_exit_of(status);
    return hone_fail(code, "%s", hone_message());
}
