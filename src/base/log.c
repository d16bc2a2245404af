/* Log lines and progress, handed to the caller's tables. Lines above the wished level are not
 * formatted. */
#include "base/log.h"

#include <stdarg.h>
#include <stdio.h>

enum {
    LINE_SIZE = 2048
};

void hone_log(const hone_logger *logger, hone_log_level level, const char *format, ...)
{
    char line[LINE_SIZE];
    va_list args;

    if (!logger || !logger->log || level > logger->level)
        return;
    va_start(args, format);
    vsnprintf(line, sizeof line, format, args);
    va_end(args);
    logger->log(logger->user, level, line);
}

hone_status hone_progress_report(const hone_progress *progress, const char *phase, int64_t done,
                                 int64_t total)
{
    const hone_progress_state state = {phase, done, total};

    if (!progress || !progress->update || progress->update(progress->user, &state))
        return HONE_OK;
    return hone_error(HONE_ERR_CANCELLED, "cancelled during %s", phase);
}
