#include "cli/peak.h"

#include <stdlib.h>
#include <string.h>

#include "cli/say.h"

/* Operations that a multiprocessor ends in a clock, a multiply-add counted as two. From NVIDIA's
 * tables of arithmetic throughput and data sheets of the boards; GeForce boards do half as much in
 * tensor cores. */
static const struct {
    int arch, fp32, tensor;
} rates[] = {
    {75, 128, 1024},  {80, 128, 2048},  {86, 256, 1024},  {87, 256, 2048},
    {89, 256, 1024},  {90, 256, 4096},  {100, 256, 8192}, {103, 256, 8192},
    {110, 256, 8192}, {120, 256, 1024}, {121, 256, 1024},
};

hone_peak hone_peak_of(const hone_device_info *device)
{
    const int arch = strncmp(device->arch, "sm_", 3) == 0 ? atoi(device->arch + 3) : 0;
    const double clocks = 1e-3 * device->clock_mhz * device->multiprocessors; /* 1e9 a second */
    /* Two transfers in a clock of the memory. */
    hone_peak peak = {.gb_s = 2e-3 * device->memory_clock_mhz * device->memory_bus_bits / 8};
    for (int i = 0; i < HONE_COUNT_OF(rates); i++)
        if (rates[i].arch == arch) {
            peak.fp32_gflop_s = clocks * rates[i].fp32;
            peak.tensor_gflop_s = clocks * rates[i].tensor;
        }
    return peak;
}
