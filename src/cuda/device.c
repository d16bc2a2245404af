/* Devices. The one idea: an object that every handle of this folder hangs on, so that an error
 * knows its device and a device that has failed says so at once. It makes no stream and allocates
 * no device memory. */
#include "cuda/device.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define ASK(cu, function, ...)                                                                     \
    HONE_TRY(hone_cuda_status((cu)->function(__VA_ARGS__), #function, where))

typedef struct fact {
    int attribute;
    size_t field;
} fact;

static const fact facts[] = {
#define FACT(field, attribute) {attribute, offsetof(hone_cuda_info, field)},
#include "cuda/attributes.def"
#undef FACT
};

hone_status hone_cuda_count(const hone_cuda *cu, int *out)
{
    return hone_cuda_status(cu->cuDeviceGetCount(out), "cuDeviceGetCount", NULL);
}

static void format_uuid(const CUuuid *uuid, char *text, size_t room)
{
    int at = snprintf(text, room, "GPU");

    for (int i = 0; i < 16; i++)
        at += snprintf(text + at, room - (size_t)at, "%s%02x",
                       i == 0 || (i >= 4 && i <= 10 && i % 2 == 0) ? "-" : "", uuid->bytes[i]);
}

hone_status hone_cuda_describe(const hone_cuda *cu, int ordinal, hone_cuda_info *out)
{
    hone_cuda_info info = {.ordinal = ordinal, .driver = cu->version};
    char where[32];
    CUdevice device;
    CUuuid uuid = {{0}};

    snprintf(where, sizeof where, "cuda:%d", ordinal);
    ASK(cu, cuDeviceGet, &device, ordinal);
    ASK(cu, cuDeviceGetName, info.name, sizeof info.name, device);
    ASK(cu, cuDeviceGetUuid, &uuid, device);
    ASK(cu, cuDeviceGetPCIBusId, info.pci, sizeof info.pci, device);
    ASK(cu, cuDeviceTotalMem, &info.memory, device);
    for (int i = 0; i < HONE_COUNT(facts); i++) {
        int value = 0;
        /* A driver that does not know an attribute has not got the thing either. */
        if (cu->cuDeviceGetAttribute(&value, facts[i].attribute, device) != CUDA_SUCCESS)
            value = 0;
        memcpy((char *)&info + facts[i].field, &value, sizeof value);
    }
    format_uuid(&uuid, info.uuid, sizeof info.uuid);
    snprintf(info.arch, sizeof info.arch, "sm_%d%d", info.major, info.minor);
    *out = info;
    return HONE_OK;
}

hone_status hone_cuda_ordinal_parse(const char *text, int *out)
{
    char *end;

    if (strcmp(text, "cuda") == 0) {
        *out = 0;
        return HONE_OK;
    }
    if (strncmp(text, "cuda:", 5) == 0 && text[5] >= '0' && text[5] <= '9') {
        const long n = strtol(text + 5, &end, 10);
        if (!*end && n < 1024) {
            *out = (int)n;
            return HONE_OK;
        }
    }
    return hone_error(HONE_ERR_ARGUMENT,
                      "reading a device: \"%s\" is none; allowed are cuda and cuda:N", text);
}

/* A pool that keeps what is freed: making a context again costs no allocation by the driver. */
static hone_status make_pool(hone_cuda_device *device)
{
    const CUmemPoolProps props = {
        .allocType = CU_MEM_ALLOCATION_TYPE_PINNED,
        .location = {CU_MEM_LOCATION_TYPE_DEVICE, device->handle},
    };
    uint64_t threshold = UINT64_MAX;

    if (!device->info.has_pools)
        return HONE_OK;
    HONE_TRY(HONE_CU(device, cuMemPoolCreate, &device->pool, &props));
    return HONE_CU(device, cuMemPoolSetAttribute, device->pool, CU_MEMPOOL_ATTR_RELEASE_THRESHOLD,
                   &threshold);
}

static hone_status check_ordinal(const hone_cuda *cu, int ordinal)
{
    int n;

    HONE_TRY(hone_cuda_count(cu, &n));
    if (ordinal < 0 || ordinal >= n)
        return hone_error(HONE_ERR_ARGUMENT,
                          "opening cuda:%d: there is no such device; the driver shows %d", ordinal,
                          n);
    return HONE_OK;
}

hone_status hone_cuda_device_open(const hone_cuda *cu, int ordinal, const hone_allocator *allocator,
                                  hone_cuda_device **out)
{
    const hone_allocator *a = allocator ? allocator : &hone_allocator_default;
    hone_status st;
    hone_cuda_device *d = NULL;

    HONE_TRY_OUT(check_ordinal(cu, ordinal));
    HONE_TRY_OUT(hone_alloc_zero(a, sizeof *d, (void **)&d));
    d->cu = cu;
    d->allocator = *a;
    HONE_TRY_OUT(hone_cuda_describe(cu, ordinal, &d->info));
    snprintf(d->label, sizeof d->label, "cuda:%d (%s)", ordinal, d->info.name);
    HONE_TRY_OUT(HONE_CU(d, cuDeviceGet, &d->handle, ordinal));
    HONE_TRY_OUT(HONE_CU(d, cuDevicePrimaryCtxRetain, &d->context, d->handle));
    HONE_TRY_OUT(make_pool(d));
    *out = d;
    d = NULL; /* now the caller's */
out:
    hone_cuda_device_close(d);
    return st;
}

void hone_cuda_device_close(hone_cuda_device *device)
{
    if (!device)
        return;
    if (device->pool)
        device->cu->cuMemPoolDestroy(device->pool);
    if (device->context)
        device->cu->cuDevicePrimaryCtxRelease(device->handle);
    const hone_allocator allocator = device->allocator;
    hone_free(&allocator, device, sizeof *device);
}

hone_status hone_cuda_enter(hone_cuda_device *device)
{
    return HONE_CU(device, cuCtxPushCurrent, device->context);
}

void hone_cuda_leave(hone_cuda_device *device)
{
    CUcontext context;

    device->cu->cuCtxPopCurrent(&context);
}

hone_status hone_cuda_device_reach(hone_cuda_device *device, hone_cuda_device *peer)
{
    const CUmemAccessDesc access = {{CU_MEM_LOCATION_TYPE_DEVICE, device->handle},
                                    CU_MEM_ACCESS_FLAGS_PROT_READWRITE};
    int can = 0;

    if (device->handle == peer->handle)
        return HONE_OK;
    HONE_TRY(HONE_CU(device, cuDeviceCanAccessPeer, &can, device->handle, peer->handle));
    if (!can)
        return hone_error(HONE_ERR_DEVICE,
                          "connecting %s with %s: the system has no direct way between them; their "
                          "copies have to go through the host",
                          device->label, peer->label);
    const CUresult result = device->cu->cuCtxEnablePeerAccess(peer->context, 0);
    if (result != CUDA_ERROR_PEER_ACCESS_ALREADY_ENABLED)
        HONE_TRY(hone_cuda_check(device, "cuCtxEnablePeerAccess", result));
    return peer->pool ? HONE_CU(device, cuMemPoolSetAccess, peer->pool, &access, 1) : HONE_OK;
}

hone_status hone_cuda_check(hone_cuda_device *device, const char *call, CUresult result)
{
    if (HONE_LIKELY(result == CUDA_SUCCESS))
        return HONE_OK;
    if (hone_cuda_result_of(result)->sticks)
        __atomic_store_n(&device->failed, result, __ATOMIC_RELAXED);
    return hone_cuda_status(result, call, device->label);
}

hone_status hone_cuda_device_status(const hone_cuda_device *device)
{
    const int failed = __atomic_load_n(&device->failed, __ATOMIC_RELAXED);

    if (HONE_LIKELY(!failed))
        return HONE_OK;
    return hone_error(HONE_ERR_STATE,
                      "using %s: an earlier call ended with %s (%d), which sticks; only a new "
                      "process can use the device again",
                      device->label, hone_cuda_result_of(failed)->name, failed);
}

hone_status hone_cuda_free_memory(hone_cuda_device *device, size_t *out)
{
    size_t total;

    return HONE_CU(device, cuMemGetInfo, out, &total);
}

bool hone_cuda_is_programmatic(const hone_cuda_device *device)
{
    return device->info.major >= 9;
}
