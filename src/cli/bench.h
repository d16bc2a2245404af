/* What a measurement found, and its report. */
#ifndef HONE_CLI_BENCH_H
#define HONE_CLI_BENCH_H

#include "cli/session.h"
#include "cli/times.h"

typedef struct hone_bench {
    hone_plan_info plan;
    hone_times latency;
    double throughput_qps;
    double *step_ms; /* NULL: not profiled */
} hone_bench;

int hone_bench_report(const hone_session *s, const hone_bench *b);

#endif
