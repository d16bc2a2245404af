/* What a GPU could do at best, by its clocks and what its architecture does in one of them. */
#ifndef HONE_CLI_PEAK_H
#define HONE_CLI_PEAK_H

#include "hone/hone.h"

/* Each is 0 where it is not known. */
typedef struct hone_peak {
    double gb_s;           /* of its memory */
    double fp32_gflop_s;   /* without tensor cores */
    double tensor_gflop_s; /* of dense products of float16, summed in float32 */
} hone_peak;

hone_peak hone_peak_of(const hone_device_info *device);

#endif
