/* NumPy arrays. */
#include "fuzz.h"

#include "media/array.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    const hone_bytes file = {data, size};
    hone_array array;

    if (hone_npy_parse(file, &array) == HONE_OK)
        hone_array_free(&array);
    return 0;
}
