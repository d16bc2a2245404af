/* The board's own counters by NVML, opened at run time: energy, power, clocks. Optional: where the
 * library or a counter is missing, answers are 0 and nothing fails. Reads only; changes no setting
 * of the board. */
#ifndef HONE_CUDA_NVML_H
#define HONE_CUDA_NVML_H

#include "base/error.h"

/* A board that NVML knows. Threads: any. */
typedef struct hone_nvml_board {
    void *handle; /* NULL: not known to NVML, and every answer is 0 */
} hone_nvml_board;

/* pci: hone_cuda_info.pci. */
hone_nvml_board hone_nvml_board_of(const char *pci);

/* What the board says now. Units: as named; 0 where it does not say. */
typedef struct hone_nvml_state {
    uint64_t
        energy_mj; /* since the driver was loaded; differences count. Updated every 20-100 ms */
    unsigned power_mw, power_limit_mw;
    unsigned clock_mhz, max_clock_mhz; /* of the SMs */
    unsigned memory_clock_mhz;
    unsigned temperature_c;
    bool is_slowed; /* by heat or power: times are not what they could be */
} hone_nvml_state;
hone_nvml_state hone_nvml_read(hone_nvml_board board);

/* "580.65.06"; "" where NVML is not there. */
const char *hone_nvml_driver(void);

#endif
