/* Machine code for the launches: every text is compiled once, by as many threads as there are
 * cores. */
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <unistd.h>

#include "build/gpu.h"

#define MAX_THREADS 32

static const char *const options[] = {"--diag-suppress=177"};

static int find_kernel(const hone_low_gpu *gpu, const hone_low_target *target, const char *text,
                       uint64_t hash)
{
    for (int i = 0; i < gpu->kernels.n; i++)
        if (gpu->kernels.v[i].hash == hash && gpu->kernels.v[i].target == target &&
            strcmp(gpu->kernels.v[i].text, text) == 0)
            return i;
    return -1;
}

static void collect(hone_low_gpu *gpu, hone_low_target *target)
{
    for (int i = 0; i < target->launches.n; i++) {
        hone_low_launch *l = &target->launches.v[i];
        const char *const text = hone_candidate_text(l->candidate);
        const uint64_t hash = hone_hash(text, strlen(text), 0);
        l->kernel = find_kernel(gpu, target, text, hash);
        if (l->kernel >= 0)
            continue;
        l->kernel = gpu->kernels.n;
        *hone_vec_push(gpu->arena, &gpu->kernels) = (hone_low_kernel){
            .candidate = l->candidate, .target = target, .text = text, .hash = hash};
    }
}

/* ---- threads --------------------------------------------------------------------------------- */

typedef struct job {
    const hone_nvrtc *nvrtc;
    hone_low_kernel *kernels;
    int n;
    atomic_int next, n_done;
    atomic_int status; /* the first failure's */
    pthread_mutex_t mutex;
    char message[2048];
} job;

static void compile_one(job *j, hone_low_kernel *k)
{
    const hone_nvrtc_job request = {.source = {k->candidate->kernel->name, k->text},
                                    .arch = k->target->compile,
                                    .options = options,
                                    .n_options = HONE_COUNT(options)};
    const hone_status st = hone_nvrtc_compile(j->nvrtc, NULL, &request, &k->result);

    if (st == HONE_OK)
        return;
    pthread_mutex_lock(&j->mutex);
    if (atomic_load(&j->status) == HONE_OK) {
        snprintf(j->message, sizeof j->message, "%s", hone_message());
        atomic_store(&j->status, st);
    }
    pthread_mutex_unlock(&j->mutex);
}

static void *work(void *user)
{
    job *j = user;

    for (int i; (i = atomic_fetch_add(&j->next, 1)) < j->n;) {
        if (atomic_load(&j->status) == HONE_OK)
            compile_one(j, &j->kernels[i]);
        atomic_fetch_add(&j->n_done, 1);
    }
    return NULL;
}

static hone_status watch(job *j, const hone_progress *progress)
{
    hone_status st = HONE_OK;

    for (int done = 0; done < j->n && st == HONE_OK;) {
        done = atomic_load(&j->n_done);
        st = hone_progress_report(progress, "compile", done, j->n);
        if (done < j->n)
            usleep(5000);
    }
    if (st != HONE_OK)
        atomic_store(&j->status, st);
    return st;
}

static hone_status run_jobs(job *j, const hone_progress *progress)
{
    pthread_t threads[MAX_THREADS];
    const long cores = sysconf(_SC_NPROCESSORS_ONLN);
    const int wanted = HONE_MIN(j->n, (int)HONE_MAX(1, HONE_MIN(cores, MAX_THREADS)));
    int n = 0;

    while (n < wanted && pthread_create(&threads[n], NULL, work, j) == 0)
        n++;
    if (n == 0)
        work(j);
    hone_status st = watch(j, progress);
    for (int i = 0; i < n; i++)
        pthread_join(threads[i], NULL);
    if (st == HONE_OK && atomic_load(&j->status) != HONE_OK)
        st = hone_error((hone_status)atomic_load(&j->status), "%s", j->message);
    return st;
}

static void fini(void *thing)
{
    hone_low_gpu *gpu = thing;

    for (int i = 0; i < gpu->kernels.n; i++)
        hone_nvrtc_result_fini(NULL, &gpu->kernels.v[i].result);
}

hone_status hone_gpu_compile(hone_lowered *low)
{
    hone_low_gpu *gpu = low->gpu;
    job j = {.mutex = PTHREAD_MUTEX_INITIALIZER};

    for (int t = 0; t < gpu->n_targets; t++)
        collect(gpu, &gpu->targets[t]);
    if (gpu->kernels.n == 0)
        return HONE_OK;
    HONE_TRY(hone_nvrtc_open(&j.nvrtc));
    hone_arena_defer(gpu->arena, fini, gpu);
    j.kernels = gpu->kernels.v;
    j.n = gpu->kernels.n;
    return run_jobs(&j, gpu->options->progress);
}
