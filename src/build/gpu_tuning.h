/* A tuning under way: the layers of a target, what there is to choose from, what is known. */
#ifndef HONE_BUILD_GPU_TUNING_H
#define HONE_BUILD_GPU_TUNING_H

#include "build/gpu.h"
#include "tune/timer.h"
#include "tune/times.h"

/* One thing to time: a candidate of a layer. */
typedef struct hone_trial {
    hone_candidate *candidate;
    const char *tactic;
    int image;
    double us;
    const hone_low_launch *launch; /* one of those that it would serve */
} hone_trial;

typedef struct hone_tuned_layer {
    const char *key;
    int first, n; /* of its trials */
    int chosen;   /* among them */
} hone_tuned_layer;

typedef struct hone_tuning {
    hone_lowered *low;
    hone_low_gpu *gpu;
    hone_low_target *target;
    hone_timer *timer;
    hone_times *times;
    const char *device;
    HONE_VEC(hone_trial) trials;
    HONE_VEC(hone_tuned_layer) layers;
    int *layer_of; /* by launch */
    double deadline;
    int n_to_time, n_timed;
} hone_tuning;

double hone_tuning_now(void); /* seconds */
/* What an argument of a candidate for this launch points at. */
hone_timer_buffer hone_tuning_buffer(const hone_tuning *t, const hone_low_launch *l,
                                     const hone_candidate *c, int arg);

/* gpu_descend.c: choices where they stand. */

/* Whether the cache has the choices of this very chain: then they are made. */
bool hone_chain_is_known(hone_tuning *t);
/* Tries the runners-up of each layer in the chain of all launches, and remembers the choices. */
hone_status hone_chain_descend(hone_tuning *t);

#endif
