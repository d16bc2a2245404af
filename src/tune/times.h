/* The timing cache: what kernels took, by device, layer and tactic. As a file it is text, a line a
 * time, fields apart by tabs (docs/timing-cache.md):
 *
 *     3.210	conv_implicit_gemm<f16,...>#9f3a11c2	conv f16[1x56x56x64] ... -> f16[...]
 * NVIDIA H200, ...
 *
 * Files are merged by reading one after the other; a tactic is forced by writing a smaller time. */
#ifndef HONE_TUNE_TIMES_H
#define HONE_TUNE_TIMES_H

#include "base/arena.h"

typedef struct hone_time {
    const char *tactic, *layer, *device;
    uint64_t hash; /* of the three */
    double us;
} hone_time;

typedef struct hone_times {
    hone_arena *arena;
    HONE_VEC(hone_time) list;
    int *table; /* open addressing: index + 1, 0: free */
    int room;
} hone_times;

hone_times *hone_times_create(hone_arena *arena);
/* Adds what the file has; a file that is not there has nothing. HONE_ERR_FORMAT names the line. */
hone_status hone_times_read(hone_times *times, const char *path);
/* Replaces the file by all that is known, in the order of the fields. */
hone_status hone_times_write(const hone_times *times, const char *path);

/* NULL where it is not known. */
const hone_time *hone_times_find(const hone_times *times, const char *tactic, const char *layer,
                                 const char *device);
/* Adds or replaces. The texts are copied. */
void hone_times_note(hone_times *times, const hone_time *time);

#endif
