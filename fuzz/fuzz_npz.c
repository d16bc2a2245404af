/* Archives of NumPy arrays, the first member. */
#include "fuzz.h"

#include "media/array.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    const hone_bytes file = {data, size};
    hone_array array;

    if (hone_npz_parse(file, NULL, true, &array) == HONE_OK)
        hone_array_free(&array);
    return 0;
}
