/* JPEG, PNG and PPM pictures: the size, then the pixels, as an engine asks for them. */
#include "fuzz.h"

#include <hone/media.h>

#define PIXELS_LIMIT ((size_t)4 << 20) /* larger ones take too long for a fuzzer */

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    int width, height;
    uint8_t *rgb;

    if (hone_media_decode(NULL, data, size, &width, &height, NULL, 0) != HONE_OK)
        return 0;
    const size_t pixels = (size_t)width * (size_t)height;
    if (pixels > PIXELS_LIMIT)
        return 0;
    rgb = malloc(3 * pixels);
    if (rgb)
        hone_media_decode(NULL, data, size, &width, &height, rgb, 3 * pixels);
    free(rgb);
    return 0;
}
