/* How long a candidate takes on the device: a chain of its launches in one graph, as it will run,
 * with its data in the L2 as far as that holds it. */
#ifndef HONE_TUNE_TIMER_H
#define HONE_TUNE_TIMER_H

#include "gpu/candidate.h"

typedef struct hone_timer hone_timer;

/* Opens the device. */
hone_status hone_timer_create(int ordinal, hone_timer **out);
void hone_timer_destroy(hone_timer *timer); /* takes NULL */
/* "NVIDIA H100 80GB HBM3, sm_90, 132 SMs, CUDA 13.0": what times depend on. */
const char *hone_timer_device(const hone_timer *timer);

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
