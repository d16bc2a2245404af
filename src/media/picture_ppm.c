/* Binary PPM (P6) and PGM (P5), 8 or 16 bits, without a library: a header of words, then rows. The
 * text forms P2 and P3 are not read. */
#include "media/picture.h"

#include <ctype.h>

typedef struct reader {
    hone_bytes file;
    size_t at;
} reader;

static bool is_ppm(hone_bytes file)
{
    return file.size >= 3 && file.data[0] == 'P' && (file.data[1] == '5' || file.data[1] == '6') &&
           (isspace(file.data[2]) || file.data[2] == '#');
}

static void skip_space(reader *r)
{
    while (r->at < r->file.size && (isspace(r->file.data[r->at]) || r->file.data[r->at] == '#')) {
        if (r->file.data[r->at] == '#')
            while (r->at < r->file.size && r->file.data[r->at] != '\n')
                r->at++;
        else
            r->at++;
    }
}

/* A decimal number of at most 9 digits; 0 where there is none, which no header allows. */
static uint64_t read_number(reader *r)
{
    uint64_t n = 0;
    skip_space(r);
    for (int digits = 0; digits < 9 && r->at < r->file.size && isdigit(r->file.data[r->at]);
         digits++)
        n = n * 10 + (uint64_t)(r->file.data[r->at++] - '0');
    return n;
}

static uint8_t read_sample(const uint8_t *p, size_t width, unsigned max)
{
    const unsigned v = width == 2 ? (unsigned)p[0] << 8 | p[1] : p[0];
    return max == 255 ? (uint8_t)v : (uint8_t)((HONE_MIN(v, max) * 255 + max / 2) / max);
}

static void read_pixels(const uint8_t *in, size_t width, unsigned max, int channels,
                        hone_picture *picture)
{
    const size_t pixels = (size_t)picture->width * (size_t)picture->height;
    for (size_t i = 0; i < pixels; i++)
        for (size_t c = 0; c < 3; c++)
            picture->rgb[3 * i + c] =
                read_sample(in + (channels == 3 ? 3 * i + c : i) * width, width, max);
}

static hone_status decode_ppm(hone_bytes file, hone_picture *picture)
{
    reader r = {.file = file, .at = 2};
    const int channels = file.data[1] == '6' ? 3 : 1;
    const uint64_t width = read_number(&r);
    const uint64_t height = read_number(&r);
    const uint64_t max = read_number(&r);
    HONE_TRY(hone_picture_begin(picture, "PPM", width, height));
    if (max == 0 || max > 65535)
        return hone_error(
            HONE_ERR_FORMAT,
            "decoding a PPM picture: its largest value is %llu; 1 to 65535 are allowed",
            (unsigned long long)max);
    const size_t sample = max > 255 ? 2 : 1;
    const size_t needed = (size_t)width * (size_t)height * (size_t)channels * sample;
    if (r.at >= file.size || file.size - r.at - 1 < needed)
        return hone_error(
            HONE_ERR_FORMAT,
            "decoding a PPM picture: the file ends early; %zu bytes of pixels expected", needed);
    if (picture->rgb)
        read_pixels(file.data + r.at + 1, sample, (unsigned)max, channels, picture);
    return HONE_OK;
}

const hone_picture_format hone_picture_ppm = {"PPM", is_ppm, decode_ppm};
