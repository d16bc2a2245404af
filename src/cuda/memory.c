/* Device memory from the device's pool, from the driver, or lent by the caller. Sizes come from
 * plans, so there are few allocations and each is large: nothing is subdivided here. */
#include "cuda/memory.h"

static hone_status explain(hone_status st, hone_cuda_device *device, size_t size)
{
    size_t left = 0;

    if (st != HONE_ERR_MEMORY)
        return hone_while(st, "allocating %zu bytes", size);
    device->cu->cuMemGetInfo(&left, &(size_t){0});
    return hone_error(st, "allocating %zu bytes on %s: out of memory; %zu bytes of %zu are free",
                      size, device->label, left, device->info.memory);
}

hone_status hone_cuda_memory_init(hone_cuda_device *device, size_t size, CUstream stream,
                                  hone_cuda_memory *out)
{
    hone_cuda_memory memory = {.size = size};
    hone_status st = HONE_OK;

    if (size && device->pool) {
        memory.owner = HONE_CUDA_POOL;
        st = HONE_CU(device, cuMemAllocFromPoolAsync, &memory.at, size, device->pool, stream);
    } else if (size) {
        memory.owner = HONE_CUDA_PLAIN;
        st = HONE_CU(device, cuMemAlloc, &memory.at, size);
    }
    if (st != HONE_OK)
        return explain(st, device, size);
    *out = memory;
    return HONE_OK;
}

hone_cuda_memory hone_cuda_memory_borrow(CUdeviceptr at, size_t size)
{
    return (hone_cuda_memory){at, size, HONE_CUDA_CALLER};
}

void hone_cuda_memory_fini(hone_cuda_device *device, CUstream stream, hone_cuda_memory *memory)
{
    if (memory->owner == HONE_CUDA_POOL)
        device->cu->cuMemFreeAsync(memory->at, stream);
    else if (memory->owner == HONE_CUDA_PLAIN)
        device->cu->cuMemFree(memory->at);
    *memory = (hone_cuda_memory){0};
}

hone_status hone_cuda_pinned_alloc(hone_cuda_device *device, size_t size, void **out)
{
    const hone_status st =
        HONE_CU(device, cuMemHostAlloc, out, size ? size : 1, CU_MEMHOSTALLOC_PORTABLE);

    return hone_while(st, "pinning %zu bytes of the host", size);
}

void hone_cuda_pinned_free(hone_cuda_device *device, void *memory)
{
    if (memory)
        device->cu->cuMemFreeHost(memory);
}

hone_cuda_place hone_cuda_place_of(const hone_cuda_device *device, const void *memory)
{
    unsigned type = 0;
    int attribute = CU_POINTER_ATTRIBUTE_MEMORY_TYPE;
    void *data = &type;

    /* Of memory that it has never seen the driver says 0. */
    if (device->cu->cuPointerGetAttributes(1, &attribute, &data, (CUdeviceptr)(uintptr_t)memory) !=
            CUDA_SUCCESS ||
        !type)
        return HONE_CUDA_PAGEABLE;
    return type == CU_MEMORYTYPE_HOST ? HONE_CUDA_PINNED : HONE_CUDA_DEVICE;
}
