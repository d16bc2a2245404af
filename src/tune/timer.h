/* How long a candidate takes on the device: a chain of its launches in one graph, as it will run,
 * with its data in the L2 as far as that holds it. */
#ifndef HONE_TUNE_TIMER_H
#define HONE_TUNE_TIMER_H

#include "cuda/graph.h"
#include "cuda/memory.h"
#include "gpu/candidate.h"

#define HONE_TIMER_FILL 0x2c /* byte of a small number in every float type */
#define HONE_TIMER_RUNS 31   /* at most */

typedef struct hone_timer {
    hone_cuda_device *device;
    CUstream stream;
    CUevent begin, end;
    hone_cuda_memory memory; /* of the arguments of a candidate */
    char name[256];
} hone_timer;

/* Opens the device. */
hone_status hone_timer_create(int ordinal, hone_timer **out);
void hone_timer_destroy(hone_timer *timer); /* takes NULL */
/* "NVIDIA H100 80GB HBM3, sm_90, 132 SMs, CUDA 13.0": what times depend on. */
const char *hone_timer_device(const hone_timer *timer);

/* What a launch's arguments point at. */
typedef struct hone_timer_args {
    uint64_t slots[HONE_GPU_ARGS];
    void *args[HONE_GPU_ARGS];
} hone_timer_args;

/* The candidate's launch, with numbers in its slots; those of addresses are the caller's to fill.
 * *fits is false where the device cannot launch it. The device is entered. */
hone_status hone_timer_launch(hone_timer *timer, const hone_candidate *candidate, CUmodule module,
                              hone_timer_args *args, hone_cuda_launch *launch, bool *fits);
/* The median over `runs` of the exec's launches, in microseconds; one more goes before them. */
hone_status hone_timer_median(hone_timer *timer, hone_cuda_exec *exec, int runs, double *us);

/* One argument's memory. */
typedef struct hone_timer_buffer {
    size_t size;   /* 0: not an address of a tensor */
    bool is_float; /* filled with a small number; others with zeros */
} hone_timer_buffer;

/* Microseconds of one launch, the median of several runs. *us is negative where the device cannot
 * launch it (too many registers, say): the candidate is then out.
 *
 * buffers: by argument of the candidate
 * Errors   HONE_ERR_DEVICE, HONE_ERR_STATE: the kernel broke something; the device is lost */
hone_status hone_timer_measure(hone_timer *timer, const hone_candidate *candidate, hone_bytes image,
                               const hone_timer_buffer *buffers, double *us);

#endif
