/* Pictures in memory to interleaved RGB: finds the format by its first bytes and hands over to that
 * decoder. The pixels are those that most training pipelines see: alpha is dropped, gamma and EXIF
 * orientation are not applied. */
#include "media/picture.h"

#include "hone/media.h"

const hone_picture_format *const hone_picture_formats[] = {
    &hone_picture_jpeg, &hone_picture_png, &hone_picture_ppm, &hone_picture_bmp, NULL,
};

hone_status hone_picture_begin(hone_picture *picture, const char *format, uint64_t width,
                               uint64_t height)
{
    if (width == 0 || height == 0)
        return hone_error(HONE_ERR_FORMAT, "decoding a %s picture: it has no pixels", format);
    if (width > HONE_PICTURE_SIDE || height > HONE_PICTURE_SIDE)
        return hone_error(
            HONE_ERR_LIMIT, "decoding a %s picture: it is %llu x %llu; at most %d pixels a side",
            format, (unsigned long long)width, (unsigned long long)height, HONE_PICTURE_SIDE);
    if (width * height / HONE_PICTURE_PIXELS_PER_BYTE > picture->file_size)
        return hone_error(
            HONE_ERR_FORMAT, "decoding a %s picture: %zu bytes cannot hold %llu x %llu pixels",
            format, picture->file_size, (unsigned long long)width, (unsigned long long)height);
    const size_t needed = (size_t)width * (size_t)height * 3;
    if (picture->rgb && picture->room < needed)
        return hone_error(HONE_ERR_ARGUMENT,
                          "decoding a %s picture: room for %zu bytes, %zu needed", format,
                          picture->room, needed);
    picture->width = (int)width;
    picture->height = (int)height;
    return HONE_OK;
}

hone_status hone_media_decode(void *user, const void *encoded, size_t encoded_size, int *width,
                              int *height, uint8_t *rgb, size_t room)
{
    const hone_bytes file = {encoded, encoded_size};
    hone_picture picture = {.file_size = encoded_size, .rgb = rgb, .room = room};
    (void)user;

    for (int i = 0; hone_picture_formats[i]; i++) {
        if (!hone_picture_formats[i]->matches(file))
            continue;
        HONE_TRY(hone_picture_formats[i]->decode(file, &picture));
        *width = picture.width;
        *height = picture.height;
        return HONE_OK;
    }
    return hone_error(HONE_ERR_FORMAT,
                      "decoding a picture: %zu bytes that are no JPEG, PNG, PPM or BMP",
                      encoded_size);
}
