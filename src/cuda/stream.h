/* Streams and events of our own. A stream of the caller's is used as it is: everywhere in this
 * folder a stream is a CUstream, and NULL the device's legacy default stream. */
#ifndef HONE_CUDA_STREAM_H
#define HONE_CUDA_STREAM_H

#include "cuda/device.h"

/* A stream that does not wait for the default stream. priority: 0, or lower numbers for work that
 * goes first. */
hone_status hone_cuda_stream_create(hone_cuda_device *device, int priority, CUstream *out);
void hone_cuda_stream_destroy(hone_cuda_device *device, CUstream stream); /* takes NULL */

/* Returns when all work of the stream has ended, with the error that it met. */
hone_status hone_cuda_stream_wait(hone_cuda_device *device, CUstream stream);

hone_status hone_cuda_event_create(hone_cuda_device *device, bool has_time, CUevent *out);
void hone_cuda_event_destroy(hone_cuda_device *device, CUevent event); /* takes NULL */

/* Whether what was recorded has been reached; an error of the work before it is returned. */
hone_status hone_cuda_event_is_past(hone_cuda_device *device, CUevent event, bool *out);

/* Work that `after` is given from now on begins when all that `before` has now is done. */
hone_status hone_cuda_stream_order(hone_cuda_device *device, CUevent event, CUstream before,
                                   CUstream after);

#endif
