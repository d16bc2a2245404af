/* Many measured times and what they amount to. */
#ifndef HONE_CLI_TIMES_H
#define HONE_CLI_TIMES_H

#include <stdbool.h>
#include <stddef.h>

typedef struct hone_times {
    double *ms;
    size_t n, room;
} hone_times;

/* p999 is the 99.9th percentile; cv the standard deviation over the mean. */
typedef struct hone_times_summary {
    double min, mean, median, p90, p95, p99, p999, max, cv;
} hone_times_summary;

bool hone_times_add(hone_times *times, double ms); /* false: no memory */
void hone_times_fini(hone_times *times);

/* Of at least one time; sorts a copy. */
hone_times_summary hone_times_summarize(const hone_times *times);

#endif
