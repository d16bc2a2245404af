/* Progress on stderr, and the interruption by Ctrl-C. */
#ifndef HONE_CLI_PROGRESS_H
#define HONE_CLI_PROGRESS_H

#include "hone/types.h"

/* name: "auto", "bar", "plain" or "none"; NULL: auto. Nothing is shown during the first second. */
void hone_progress_start(const char *name);
void hone_progress_end(void);

/* The table to give to the library; its update returns false after Ctrl-C. */
const hone_progress *hone_progress_callbacks(void);
bool hone_progress_update(const char *phase, int64_t done, int64_t total);

/* Takes the bar off its line, so that something else can be printed there. */
void hone_progress_clear(void);

/* SIGINT and SIGTERM set a flag; a second one ends the process at once with 130. */
void hone_interrupt_install(void);
bool hone_interrupt_came(void);
/* Between these two nothing stands half-done: a signal ends the process at once. */
void hone_interrupt_allow(void);
void hone_interrupt_forbid(void);

/* Seconds by the monotonic clock. */
double hone_clock_s(void);

#endif
