/* The thread pool: a fixed number of threads, made at creation; between jobs they spin a little,
 * then sleep on a futex. Tasks of a job are independent and are handed out in order; which thread
 * takes which is not determined, so a kernel must split its work by output alone, into tasks that
 * do not depend on the number of threads: then answers are the same bit for bit for any number. */
#ifndef HONE_CPU_POOL_H
#define HONE_CPU_POOL_H

#include "base/memory.h"

typedef struct hone_pool hone_pool;

typedef struct hone_pool_options {
    int n_threads;   /* the caller's own included; 0: the physical cores allowed to the process */
    bool count_only; /* start no threads: hone_pool_threads alone works, for measuring scratch */
    bool pin;        /* thread i to the i-th allowed core */
    int64_t spin_us; /* before sleeping; 0: 50 */
} hone_pool_options;

hone_status hone_pool_create(const hone_allocator *allocator, const hone_pool_options *options,
                             hone_pool **out);
void hone_pool_destroy(hone_pool *pool); /* joins; takes NULL */
int hone_pool_threads(const hone_pool *pool);
int hone_pool_default_threads(void); /* physical cores allowed to the process */

/* Runs fn(ctx, task, thread) for task in [0, n_tasks), thread in [0, threads): the caller's thread
 * works too, and the call returns when all are done. No allocation, no system call but futex. Not
 * reentrant: a task must not start a job. */
typedef void (*hone_pool_fn)(void *ctx, int64_t task, int thread);
void hone_pool_run(hone_pool *pool, hone_pool_fn fn, void *ctx, int64_t n_tasks);

#endif
