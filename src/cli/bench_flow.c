/* Back-to-back throughput: contexts side by side, each kept busy by a thread of its own, while this
 * thread reads the board's counter of energy. A lane waits for its device once in a while and not
 * after each inference, so that the device always has the next one at hand. */
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "cli/bench.h"
#include "cli/inputs.h"
#include "cli/progress.h"
#include "cli/say.h"

enum {
    CHUNK_MOST = 1000, /* inferences that a lane gives to its device at once */
    POLL_NS = 2000000, /* between two looks at the energy counter, which moves every 20-100 ms */
    LANE_FAULT = 512,
};
#define CHUNK_MS 10.0 /* of work in a chunk: what waiting for it costs is then nothing */

typedef struct flow flow;

typedef struct lane {
    flow *flow;
    hone_context *context;
    pthread_t thread;
    bool is_started;
    hone_status status;
    char fault[LANE_FAULT]; /* messages belong to the thread that met them */
} lane;

struct flow {
    atomic_bool stop;
    atomic_llong done;
    int chunk;
};

static hone_status run_chunk(const lane *l)
{
    for (int i = 0; i < l->flow->chunk; i++) {
        const hone_status st = hone_context_enqueue(l->context, NULL);
        if (st != HONE_OK)
            return st;
    }
    return hone_context_wait(l->context);
}

static void *keep_busy(void *user)
{
    lane *l = user;
    while (!atomic_load(&l->flow->stop)) {
        l->status = run_chunk(l);
        if (l->status != HONE_OK) {
            snprintf(l->fault, sizeof l->fault, "%s", hone_message());
            atomic_store(&l->flow->stop, true);
            break;
        }
        atomic_fetch_add(&l->flow->done, l->flow->chunk);
    }
    return NULL;
}

// ---- energy

/* What the counter and the number of inferences were when the counter moved first and last. */
typedef struct meter {
    uint64_t seen_mj, first_mj, last_mj;
    long long first_done, last_done;
    int moves;
} meter;

static void read_meter(meter *m, const hone_session *s, flow *f)
{
    const uint64_t now = hone_engine_energy_mj(s->engine);
    if (now == m->seen_mj)
        return;
    m->seen_mj = m->last_mj = now;
    m->last_done = atomic_load(&f->done);
    if (m->moves++ == 0) {
        m->first_mj = m->last_mj;
        m->first_done = m->last_done;
    }
}

/* Millijoules an inference; 0 where the board does not say. */
static double metered(const meter *m)
{
    const long long n = m->last_done - m->first_done;
    return n > 0 ? (double)(m->last_mj - m->first_mj) / (double)n : 0;
}

// ---- lanes

static int open_lanes(hone_session *s, lane *lanes, int n, flow *f)
{
    for (int i = 0; i < n; i++) {
        lanes[i].flow = f;
        if (i == 0) {
            lanes[i].context = s->context;
            continue;
        }
        const hone_status st = hone_session_context(s, &lanes[i].context);
        if (st != HONE_OK)
            return hone_fail_status(st);
        const int code = hone_inputs_give(s, lanes[i].context);
        if (code)
            return code;
    }
    return HONE_EXIT_OK;
}

/* The first inference of a context makes it ready and is not counted. */
static int warm_lanes(const lane *lanes, int n)
{
    for (int i = 0; i < n; i++) {
        const hone_status st = hone_context_run(lanes[i].context);
        if (st != HONE_OK)
            return hone_fail_status(st);
    }
    return HONE_EXIT_OK;
}

static bool start_lanes(lane *lanes, int n)
{
    for (int i = 0; i < n; i++)
        if (!(lanes[i].is_started =
                  pthread_create(&lanes[i].thread, NULL, keep_busy, &lanes[i]) == 0))
            return false;
    return true;
}

static int join_lanes(lane *lanes, int n)
{
    int code = HONE_EXIT_OK;
    for (int i = 0; i < n; i++)
        if (lanes[i].is_started)
            pthread_join(lanes[i].thread, NULL);
    for (int i = 0; i < n && !code; i++)
        if (lanes[i].status != HONE_OK)
            code = hone_fail(hone_exit_of(lanes[i].status), "%s", lanes[i].fault);
    return code;
}

static int run_lanes(hone_session *s, lane *lanes, double limit_s, flow *f, hone_bench *out)
{
    const struct timespec pause = {.tv_nsec = POLL_NS};
    meter m = {.seen_mj = hone_engine_energy_mj(s->engine)};
    const double start = hone_clock_s();
    const bool ok = start_lanes(lanes, out->streams);
    while (ok && !atomic_load(&f->stop) && hone_clock_s() - start < limit_s &&
           !hone_interrupt_came()) {
        nanosleep(&pause, NULL);
        read_meter(&m, s, f);
    }
    atomic_store(&f->stop, true);
    const int code = join_lanes(lanes, out->streams);
    out->throughput_qps = (double)atomic_load(&f->done) / (hone_clock_s() - start);
    out->energy_mj = metered(&m);
    if (!ok)
        return hone_fail(HONE_EXIT_LIMIT, "measuring: %d threads cannot be made", out->streams);
    return !code && hone_interrupt_came() ? hone_fail(HONE_EXIT_INTERRUPTED, "interrupted") : code;
}

int hone_bench_flow(hone_session *s, double limit_s, hone_bench *out)
{
    const double ms = hone_samples_summarize(&out->latency).median;
    const double chunk = s->device.is_cuda ? CHUNK_MS / ms : 1;
    flow f = {.chunk = chunk > CHUNK_MOST ? CHUNK_MOST : chunk < 1 ? 1 : (int)chunk};
    lane *lanes = calloc((size_t)out->streams, sizeof *lanes);
    if (!lanes)
        return hone_fail(HONE_EXIT_LIMIT, "measuring: no memory for %d streams", out->streams);
    int code = open_lanes(s, lanes, out->streams, &f);
    if (!code)
        code = warm_lanes(lanes, out->streams);
    if (!code)
        code = run_lanes(s, lanes, limit_s, &f, out);
    for (int i = 1; i < out->streams; i++)
        hone_context_destroy(lanes[i].context);
    free(lanes);
    return code;
}
