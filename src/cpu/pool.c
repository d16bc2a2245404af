/* The thread pool. A job is published in one 64-bit word, its epoch above and the next task below,
 * and a task is taken by a compare-and-swap of that word: a thread that woke late can take nothing
 * of a job that has ended, so a job never waits for sleepers. Threads spin for a while between
 * jobs, then sleep on a futex. Nothing here balances or steals: tasks are small and handed out in
 * order. */
#include "cpu/pool.h"

#include <linux/futex.h>
#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#define CLOSED       UINT32_MAX /* as next task: the job's fields are being written */
#define MOST_THREADS 1024
#define STACK_SIZE   (2u << 20) /* kernels keep their tiles on the stack: under 512 KiB */

typedef struct worker {
    hone_pool *pool;
    pthread_t thread;
    int index;
} worker;

struct hone_pool {
    const hone_allocator *allocator;
    size_t size;
    int n_threads, n_started;
    int64_t spin_rounds;
    bool pin;
    _Alignas(64) _Atomic uint64_t word; /* epoch << 32 | next task */
    _Atomic hone_pool_fn fn;
    _Atomic(void *) ctx;
    _Atomic int64_t
        first; /* task 0 of the word is this one: jobs of more than 2^31 tasks come in pieces */
    _Atomic uint32_t n_tasks;
    _Alignas(64) _Atomic uint32_t left; /* tasks not finished; the caller sleeps on it */
    _Atomic uint32_t caller_sleeps;
    _Alignas(64) _Atomic uint32_t signal; /* counts jobs; workers sleep on it */
    _Atomic uint32_t sleepers;
    _Atomic bool stop;
    _Atomic int ready; /* workers that have begun: what starting a thread costs is over when
                          creation returns */
    worker workers[];
};

static void futex_wait(_Atomic uint32_t *word, uint32_t seen)
{
    syscall(SYS_futex, word, FUTEX_WAIT_PRIVATE, seen, NULL, NULL, 0);
}

static void futex_wake(_Atomic uint32_t *word, int n)
{
    syscall(SYS_futex, word, FUTEX_WAKE_PRIVATE, n, NULL, NULL, 0);
}

static int64_t now_ns(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (int64_t)t.tv_sec * 1000000000 + t.tv_nsec;
}

static void pause_cpu(void)
{
#if defined(__x86_64__)
    __builtin_ia32_pause();
#elif defined(__aarch64__)
    __asm__ volatile("yield");
#endif
}

/* Spins until *word differs from `seen` or the rounds are used up; true where it differs. Rounds
 * are counted, not timed: where the clock is a system call, waiting would make thousands. */
static bool spin(_Atomic uint32_t *word, uint32_t seen, int64_t rounds)
{
    for (int64_t i = 0; i < rounds; i++) {
        if (atomic_load_explicit(word, memory_order_acquire) != seen)
            return true;
        pause_cpu();
    }
    return false;
}

/* How many rounds of spinning take spin_us: measured once, when a pool is made. */
static int64_t spin_rounds(int64_t spin_us)
{
    const int64_t trial = 2000;
    _Atomic uint32_t word = 0;

    const int64_t begin = now_ns();
    spin(&word, 0, trial);
    const int64_t took = HONE_MAX(now_ns() - begin, 1);
    return HONE_MAX(spin_us * 1000 * trial / took, 1);
}

/* Takes and runs tasks of the job in the word until there are none. */
static void work(hone_pool *pool, int thread)
{
    for (;;) {
        uint64_t word = atomic_load_explicit(&pool->word, memory_order_acquire);
        const hone_pool_fn fn = atomic_load_explicit(&pool->fn, memory_order_relaxed);
        void *ctx = atomic_load_explicit(&pool->ctx, memory_order_relaxed);
        const int64_t first = atomic_load_explicit(&pool->first, memory_order_relaxed);
        const uint32_t n_tasks = atomic_load_explicit(&pool->n_tasks, memory_order_relaxed);
        const uint32_t task = (uint32_t)word;

        if (task >= n_tasks)
            return;
        if (!atomic_compare_exchange_weak_explicit(&pool->word, &word, word + 1,
                                                   memory_order_acq_rel, memory_order_relaxed))
            continue;
        fn(ctx, first + task, thread);
        if (atomic_fetch_sub_explicit(&pool->left, 1, memory_order_acq_rel) == 1 &&
            atomic_load_explicit(&pool->caller_sleeps, memory_order_seq_cst))
            futex_wake(&pool->left, 1);
    }
}

static void pin_to(const cpu_set_t *allowed, int index)
{
    const int n = CPU_COUNT(allowed);
    int at = 0;

    for (int cpu = 0; n > 0 && cpu < CPU_SETSIZE; cpu++) {
        if (CPU_ISSET(cpu, allowed) && at++ == index % n) {
            cpu_set_t one;
            CPU_ZERO(&one);
            CPU_SET(cpu, &one);
            pthread_setaffinity_np(pthread_self(), sizeof one, &one);
            return;
        }
    }
}

static void *worker_main(void *arg)
{
    worker *w = arg;
    hone_pool *pool = w->pool;
    uint32_t seen = 0;

    if (pool->pin) {
        cpu_set_t allowed;
        if (sched_getaffinity(0, sizeof allowed, &allowed) == 0)
            pin_to(&allowed, w->index);
    }
    atomic_fetch_add_explicit(&pool->ready, 1, memory_order_release);
    while (!atomic_load_explicit(&pool->stop, memory_order_acquire)) {
        if (!spin(&pool->signal, seen, pool->spin_rounds)) {
            atomic_fetch_add(&pool->sleepers, 1);
            while (atomic_load(&pool->signal) == seen)
                futex_wait(&pool->signal, seen);
            atomic_fetch_sub(&pool->sleepers, 1);
        }
        seen = atomic_load_explicit(&pool->signal, memory_order_acquire);
        work(pool, w->index);
    }
    return NULL;
}

static void ring(hone_pool *pool)
{
    atomic_fetch_add(&pool->signal, 1);
    if (atomic_load(&pool->sleepers))
        futex_wake(&pool->signal, pool->n_threads);
}

static hone_status start_workers(hone_pool *pool)
{
    pthread_attr_t attr;

    if (pthread_attr_init(&attr) != 0)
        return hone_error(HONE_ERR_MEMORY, "making threads: no memory for their attributes");
    pthread_attr_setstacksize(&attr, STACK_SIZE);
    for (int i = 1; i < pool->n_threads; i++) {
        worker *w = &pool->workers[i - 1];
        *w = (worker){.pool = pool, .index = i};
        if (pthread_create(&w->thread, &attr, worker_main, w) != 0)
            break;
        pool->n_started++;
    }
    pthread_attr_destroy(&attr);
    if (pool->n_started < pool->n_threads - 1)
        return hone_error(HONE_ERR_MEMORY, "making threads: the system gave %d of %d",
                          pool->n_started + 1, pool->n_threads);
    while (atomic_load_explicit(&pool->ready, memory_order_acquire) < pool->n_started)
        sched_yield();
    return HONE_OK;
}

hone_status hone_pool_create(const hone_allocator *allocator, const hone_pool_options *options,
                             hone_pool **out)
{
    const int n = options->n_threads ? options->n_threads : hone_pool_default_threads();
    const size_t size = sizeof(hone_pool) + (size_t)HONE_MAX(n - 1, 0) * sizeof(worker);
    hone_pool *pool = NULL;
    hone_status st = HONE_OK;

    if (n < 1 || n > MOST_THREADS)
        return hone_error(HONE_ERR_ARGUMENT, "making threads: %d wanted; 1 to %d may be", n,
                          MOST_THREADS);
    HONE_TRY(hone_alloc_aligned(allocator, size, HONE_ALIGNMENT, (void **)&pool));
    memset(pool, 0, size);
    pool->allocator = allocator;
    pool->size = size;
    pool->n_threads = n;
    pool->spin_rounds = spin_rounds(options->spin_us ? options->spin_us : 50);
    pool->pin = options->pin;
    atomic_store(&pool->word, CLOSED);
    if (!options->count_only)
        HONE_TRY_OUT(start_workers(pool));
    *out = pool;
    pool = NULL; /* now the caller's */
out:
    hone_pool_destroy(pool);
    return st;
}

void hone_pool_destroy(hone_pool *pool)
{
    if (!pool)
        return;
    atomic_store(&pool->stop, true);
    ring(pool);
    for (int i = 0; i < pool->n_started; i++)
        pthread_join(pool->workers[i].thread, NULL);
    hone_free(pool->allocator, pool, pool->size);
}

int hone_pool_threads(const hone_pool *pool)
{
    return pool->n_threads;
}

/* The first of the CPUs that share a core with this one. */
static int first_sibling(int cpu)
{
    char path[96];
    int first = cpu;
    FILE *f;

    snprintf(path, sizeof path, "/sys/devices/system/cpu/cpu%d/topology/thread_siblings_list", cpu);
    f = fopen(path, "re");
    if (!f)
        return cpu;
    if (fscanf(f, "%d", &first) != 1)
        first = cpu;
    fclose(f);
    return first;
}

int hone_pool_default_threads(void)
{
    cpu_set_t allowed, cores;
    int n = 0;

    if (sched_getaffinity(0, sizeof allowed, &allowed) != 0)
        return 1;
    CPU_ZERO(&cores);
    for (int cpu = 0; cpu < CPU_SETSIZE; cpu++) {
        if (CPU_ISSET(cpu, &allowed)) {
            const int core = first_sibling(cpu);
            if (core < 0 || core >= CPU_SETSIZE || CPU_ISSET(core, &cores))
                continue;
            CPU_SET(core, &cores);
            n++;
        }
    }
    return HONE_MIN(HONE_MAX(n, 1), MOST_THREADS);
}

/* Publishes tasks [first, first + n), works, and waits for the others. */
static void run_piece(hone_pool *pool, hone_pool_fn fn, void *ctx, int64_t first, uint32_t n)
{
    const uint64_t epoch = (atomic_load_explicit(&pool->word, memory_order_relaxed) >> 32) + 1;

    atomic_store(&pool->word, epoch << 32 | CLOSED);
    atomic_store_explicit(&pool->fn, fn, memory_order_relaxed);
    atomic_store_explicit(&pool->ctx, ctx, memory_order_relaxed);
    atomic_store_explicit(&pool->first, first, memory_order_relaxed);
    atomic_store_explicit(&pool->n_tasks, n, memory_order_relaxed);
    atomic_store_explicit(&pool->left, n, memory_order_relaxed);
    atomic_store(&pool->word, epoch << 32);
    ring(pool);
    work(pool, 0);
    for (;;) {
        const uint32_t left = atomic_load_explicit(&pool->left, memory_order_acquire);
        if (left == 0)
            break;
        if (spin(&pool->left, left, pool->spin_rounds))
            continue;
        atomic_store(&pool->caller_sleeps, 1);
        if (atomic_load(&pool->left) == left)
            futex_wait(&pool->left, left);
        atomic_store(&pool->caller_sleeps, 0);
    }
}

void hone_pool_run(hone_pool *pool, hone_pool_fn fn, void *ctx, int64_t n_tasks)
{
    const int64_t piece = INT32_MAX;

    if (pool->n_threads == 1 || n_tasks <= 1) {
        for (int64_t i = 0; i < n_tasks; i++)
            fn(ctx, i, 0);
        return;
    }
    for (int64_t at = 0; at < n_tasks; at += piece)
        run_piece(pool, fn, ctx, at, (uint32_t)HONE_MIN(piece, n_tasks - at));
}
