/* Opens the driver and reads its results. One table, driver.def, says what is called; a function
 * that came after the oldest usable driver may be missing, and its slot is then NULL. */
#include "cuda/driver.h"

#include <pthread.h>

#include "cuda/library.h"

static const hone_library_symbol symbols[] = {
#define CU(since, name, symbol, params)                                                            \
    {symbol, offsetof(hone_cuda, name), (since) > HONE_CUDA_OLDEST},
#include "cuda/driver.def"
#undef CU
};

static const hone_cuda_result results[] = {
#define RESULT(value, name, sticks, status, advice)                                                \
    {value, "CUDA_ERROR_" #name, sticks, HONE_ERR_##status, advice},
#include "cuda/results.def"
#undef RESULT
};

static const hone_cuda_result other_result = {-1, "a result that Hone does not know", false,
                                              HONE_ERR_DEVICE, "see the driver's manual"};

const hone_cuda_result *hone_cuda_result_of(CUresult result)
{
    for (int i = 0; i < HONE_COUNT(results); i++)
        if (results[i].value == result)
            return &results[i];
    return &other_result;
}

hone_status hone_cuda_status(CUresult result, const char *call, const char *where)
{
    const hone_cuda_result *r = hone_cuda_result_of(result);

    if (result == CUDA_SUCCESS)
        return HONE_OK;
    return hone_error(r->status, "calling %s%s%s: %s (%d); %s%s", call, where ? " on " : "",
                      where ? where : "", r->name, result, r->advice,
                      r->sticks ? "; this process cannot use the device any more" : "");
}

static hone_status check_version(hone_cuda *cu)
{
    HONE_TRY(hone_cuda_status(cu->cuDriverGetVersion(&cu->version), "cuDriverGetVersion", NULL));
    if (cu->version < HONE_CUDA_OLDEST)
        return hone_error(HONE_ERR_DEVICE,
                          "opening the NVIDIA driver: it is for CUDA %d.%d; %d.%d or newer is "
                          "needed (driver 525)",
                          cu->version / 1000, cu->version % 1000 / 10, HONE_CUDA_OLDEST / 1000,
                          HONE_CUDA_OLDEST % 1000 / 10);
    return HONE_OK;
}

hone_status hone_cuda_load(const char *file, hone_cuda *out)
{
    hone_cuda cu = {0};
    const char *reason = NULL;
    void *library = hone_library_open(file, &reason);
    hone_status st = HONE_OK;

    if (!library)
        return hone_error(HONE_ERR_DEVICE,
                          "opening the NVIDIA driver: %s; a GPU needs NVIDIA's driver, 525 or "
                          "newer",
                          reason);
    const char *missing = hone_library_fill(library, symbols, HONE_COUNT(symbols), &cu);
    if (cu.cuDriverGetVersion)
        HONE_TRY_OUT(check_version(&cu)); /* too old says more than a function's name */
    if (missing)
        HONE_TRY_OUT(hone_error(HONE_ERR_DEVICE,
                                "opening the NVIDIA driver: %s has no function %s; driver 525 or "
                                "newer is needed",
                                file, missing));
    HONE_TRY_OUT(hone_cuda_status(cu.cuInit(0), "cuInit", NULL));
    *out = cu;
    library = NULL; /* stays open with the table */
out:
    hone_library_close(library);
    return st;
}

hone_status hone_cuda_open(const hone_cuda **out)
{
    static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
    static hone_cuda driver;
    static bool is_open;
    hone_status st = HONE_OK;

    pthread_mutex_lock(&lock);
    if (!is_open)
        st = hone_cuda_load("libcuda.so.1", &driver);
    is_open = st == HONE_OK;
    pthread_mutex_unlock(&lock);
    if (st == HONE_OK)
        *out = &driver;
    return st;
}
