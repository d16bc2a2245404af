/* Logging and progress through the caller's tables; both may be NULL. */
#ifndef HONE_BASE_LOG_H
#define HONE_BASE_LOG_H

#include "base/error.h"

void hone_log(const hone_logger *logger, hone_log_level level, const char *format, ...)
    HONE_PRINTF(3, 4);

/* HONE_ERR_CANCELLED where the caller wants to stop. */
hone_status hone_progress_report(const hone_progress *progress, const char *phase, int64_t done,
                                 int64_t total);

#endif
