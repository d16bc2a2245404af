/* Windows' BMP without compression, 24 or 32 bits a pixel: a header, then rows of blue, green, red,
 * the lowest row first, each padded to four bytes. Palettes and run lengths are not read. */
#include "media/picture.h"

enum {
    FILE_HEADER = 14,
    INFO_HEADER = 40, /* the shortest that has these fields; later ones are longer */
};

static bool is_bmp(hone_bytes file)
{
    return file.size >= FILE_HEADER + INFO_HEADER && file.data[0] == 'B' && file.data[1] == 'M';
}

static uint32_t read_u32(hone_bytes file, size_t at)
{
    const uint8_t *p = file.data + at;
    return (uint32_t)p[0] | (uint32_t)p[1] << 8 | (uint32_t)p[2] << 16 | (uint32_t)p[3] << 24;
}

typedef struct layout {
    size_t start, stride, pixel;
    uint32_t width, height;
    bool is_downward; /* the highest row first: a negative height */
} layout;

static hone_status read_layout(hone_bytes file, layout *l)
{
    const uint32_t height = read_u32(file, 22), bits = read_u32(file, 28) & 0xffff;
    const uint32_t compression = read_u32(file, 30);
    const bool is_plain = compression == 0 || (compression == 3 && bits == 32);
    if (read_u32(file, 14) < INFO_HEADER || !is_plain || (bits != 24 && bits != 32))
        return hone_error(HONE_ERR_UNSUPPORTED,
                          "decoding a BMP picture: %u bits a pixel, compression %u; 24 and 32 bits "
                          "without compression are known",
                          bits, compression);
    *l = (layout){
        .start = read_u32(file, 10),
        .pixel = bits / 8,
        .width = read_u32(file, 18),
        .height = height >> 31 ? 0u - height : height,
        .is_downward = height >> 31,
    };
    return HONE_OK;
}

static void read_row(const uint8_t *in, size_t pixel, int width, uint8_t *rgb)
{
    for (int x = 0; x < width; x++)
        for (int c = 0; c < 3; c++)
            rgb[3 * x + c] = in[(size_t)x * pixel + 2 - (size_t)c];
}

static hone_status decode_bmp(hone_bytes file, hone_picture *picture)
{
    layout l = {0};
    HONE_TRY(read_layout(file, &l));
    HONE_TRY(hone_picture_begin(picture, "BMP", l.width, l.height));
    l.stride = hone_align_up(l.width * l.pixel, 4);
    if (l.start > file.size || file.size - l.start < l.stride * l.height)
        return hone_error(HONE_ERR_FORMAT,
                          "decoding a BMP picture: the file ends early; %zu bytes "
                          "of pixels expected",
                          l.stride * l.height);
    for (size_t y = 0; picture->rgb && y < l.height; y++) {
        const size_t row = l.is_downward ? y : l.height - 1 - y;
        read_row(file.data + l.start + row * l.stride, l.pixel, picture->width,
                 picture->rgb + y * l.width * 3);
    }
    return HONE_OK;
}

const hone_picture_format hone_picture_bmp = {"BMP", is_bmp, decode_bmp};
