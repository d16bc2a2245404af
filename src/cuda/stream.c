/* Streams and events: the flags that Hone wants, and nothing else over the driver's calls. */
#include "cuda/stream.h"

hone_status hone_cuda_stream_create(hone_cuda_device *device, int priority, CUstream *out)
{
    return HONE_CU(device, cuStreamCreateWithPriority, out, CU_STREAM_NON_BLOCKING, priority);
}

void hone_cuda_stream_destroy(hone_cuda_device *device, CUstream stream)
{
    if (stream)
        device->cu->cuStreamDestroy(stream);
}

hone_status hone_cuda_stream_wait(hone_cuda_device *device, CUstream stream)
{
    return HONE_CU(device, cuStreamSynchronize, stream);
}

hone_status hone_cuda_event_create(hone_cuda_device *device, bool has_time, CUevent *out)
{
    return HONE_CU(device, cuEventCreate, out,
                   has_time ? CU_EVENT_DEFAULT : CU_EVENT_DISABLE_TIMING);
}

void hone_cuda_event_destroy(hone_cuda_device *device, CUevent event)
{
    if (event)
        device->cu->cuEventDestroy(event);
}

hone_status hone_cuda_event_is_past(hone_cuda_device *device, CUevent event, bool *out)
{
    const CUresult result = device->cu->cuEventQuery(event);

    if (result != CUDA_ERROR_NOT_READY)
        HONE_TRY(hone_cuda_check(device, "cuEventQuery", result));
    *out = result == CUDA_SUCCESS;
    return HONE_OK;
}

hone_status hone_cuda_stream_order(hone_cuda_device *device, CUevent event, CUstream before,
                                   CUstream after)
{
    HONE_TRY(HONE_CU(device, cuEventRecord, event, before));
    return HONE_CU(device, cuStreamWaitEvent, after, event, 0);
}
