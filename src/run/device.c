/* Questions about GPUs, answered without making a context. */
#include <string.h>

#include "cuda/device.h"
#include "cuda/nvml.h"
#include "hone/hone.h"

static _Thread_local hone_cuda_info last; /* what the texts of the thread's answer point into */

hone_status hone_device_count(int *out)
{
    const hone_cuda *cu;

    HONE_TRY(hone_cuda_open(&cu));
    return hone_cuda_count(cu, out);
}

static hone_status find(int index)
{
    const hone_cuda *cu;
    int n;

    HONE_TRY(hone_cuda_open(&cu));
    HONE_TRY(hone_cuda_count(cu, &n));
    if (index < 0 || index >= n)
        return hone_error(HONE_ERR_ARGUMENT,
                          "describing cuda:%d: there is no such device; the driver shows %d", index,
                          n);
    return hone_cuda_describe(cu, index, &last);
}

hone_status hone_device_describe(int index, hone_device_info *info)
{
    HONE_TRY(find(index));
    const hone_device_info full = {
        .size = info->size,
        .name = last.name,
        .arch = last.arch,
        .uuid = last.uuid,
        .pci = last.pci,
        .driver = hone_nvml_driver(),
        .cuda_version = last.driver,
        .multiprocessors = last.multiprocessors,
        .clock_mhz = last.clock_khz / 1000,
        .memory_clock_mhz = last.memory_clock_khz / 1000,
        .memory_bus_bits = last.memory_bus_bits,
        .memory_bytes = last.memory,
        .l2_bytes = (size_t)last.l2_bytes,
        .shared_bytes = (size_t)last.shared_per_block,
        .is_integrated = last.is_integrated,
    };
    memcpy(info, &full, HONE_MIN(info->size, sizeof full));
    return HONE_OK;
}
