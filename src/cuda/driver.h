/* The CUDA driver, libcuda.so.1, opened at run time: one slot per function of driver.def, and what
 * its results mean. Nothing of NVIDIA's is needed to compile Hone. */
#ifndef HONE_CUDA_DRIVER_H
#define HONE_CUDA_DRIVER_H

#include "base/error.h"
#include "cuda/types.h"

/* The oldest driver that can be used: CUDA 12.0, driver 525. */
#define HONE_CUDA_OLDEST 12000

/* The driver's functions. Threads: immutable once open. */
typedef struct hone_cuda {
    int version; /* of CUDA that the driver is for: 13000 is 13.0 */
#define CU(since, name, symbol, params) CUresult(*name) params;
#include "cuda/driver.def"
#undef CU
} hone_cuda;

/* Opens and initialises the driver, once for the process; it stays open until the process ends, as
 * the driver wants it.
 *
 * Errors  HONE_ERR_DEVICE  there is no driver, or one that is too old, or no GPU that it can use:
 *                          the message says which and what to do */
hone_status hone_cuda_open(const hone_cuda **out);

/* The same from a given file and into the caller's table: for tests of what is missing. */
hone_status hone_cuda_load(const char *file, hone_cuda *out);

/* A row of results.def. */
typedef struct hone_cuda_result {
    int value;
    const char *name;
    bool sticks; /* no call on this device succeeds any more in this process */
    hone_status status;
    const char *advice;
} hone_cuda_result;

/* Never NULL: results that the table lacks have a row of their own. */
const hone_cuda_result *hone_cuda_result_of(CUresult result);

/* Turns a result into a status with a message: "calling cuMemAlloc on cuda:0 (NVIDIA L4):
 * CUDA_ERROR_OUT_OF_MEMORY (2); the device has no room left". `where` may be NULL. */
hone_status hone_cuda_status(CUresult result, const char *call, const char *where);

#endif
