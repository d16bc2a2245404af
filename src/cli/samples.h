/* Many measured times and what they amount to. */
#ifndef HONE_CLI_SAMPLES_H
#define HONE_CLI_SAMPLES_H

#include <stdbool.h>
#include <stddef.h>

typedef struct hone_samples {
    double *ms;
    size_t n, room;
} hone_samples;

/* p999 is the 99.9th percentile; cv the standard deviation over the mean. */
typedef struct hone_samples_summary {
    double min, mean, median, p90, p95, p99, p999, max, cv;
} hone_samples_summary;

bool hone_samples_add(hone_samples *times, double ms); /* false: no memory */
void hone_samples_fini(hone_samples *times);

/* Of at least one time; sorts a copy. */
hone_samples_summary hone_samples_summarize(const hone_samples *times);

#endif
