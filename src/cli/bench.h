/* What a measurement found, and its report. */
#ifndef HONE_CLI_BENCH_H
#define HONE_CLI_BENCH_H

#include "cli/report.h"
#include "cli/samples.h"
#include "cli/session.h"

/* The kinds of times, in the order of the report. Those of a device are measured on a GPU alone.
 *
 *  X(name, label)    JSON has name_ms */
#define HONE_BENCH_TIMES(X)                                                                        \
    X(latency, "host clock")                                                                       \
    X(device, "device")                                                                            \
    X(enqueue, "enqueue")                                                                          \
    X(h2d, "copies in")                                                                            \
    X(d2h, "copies out")

typedef struct hone_bench {
    hone_plan_info plan;
#define HONE_BENCH_FIELD(name, label) hone_samples name;
    HONE_BENCH_TIMES(HONE_BENCH_FIELD)
#undef HONE_BENCH_FIELD
    int streams; /* contexts side by side of the throughput */
    double throughput_qps;
    double energy_mj; /* of an inference, back to back; 0: not known */
    double *step_ms;  /* NULL: not profiled */
} hone_bench;

/* bench_flow.c: throughput of contexts side by side for so many seconds, and the energy. */
int hone_bench_flow(hone_session *s, double limit_s, hone_bench *out);

/* bench_report.c */
int hone_bench_report(const hone_session *s, const hone_bench *b);

/* bench_steps.c: the table of the profile. */
void hone_bench_print_steps(const hone_session *s, const hone_bench *b);
json_t *hone_bench_steps_json(const hone_session *s, const hone_bench *b);
/* What the device could do at best: bytes and operations a second. */
json_t *hone_bench_peak_json(const hone_session *s);

#endif
