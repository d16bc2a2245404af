/* The decoders behind hone_media_decode, one a format. */
#ifndef HONE_MEDIA_PICTURE_H
#define HONE_MEDIA_PICTURE_H

#include "base/bytes.h"

#define HONE_PICTURE_SIDE 16384 /* the most pixels on a side, as hone/media.h promises */

/* The most pixels that a byte of a file can stand for: deflate packs 1032 : 1, a grey pixel may
 * take one bit; a JPEG's block of 8 x 8 takes a bit at least, and the coarsest sampling covers 32 x
 * 32 with it. A header that promises more is refused before anyone makes room for it. */
#define HONE_PICTURE_PIXELS_PER_BYTE 8256

typedef struct hone_picture {
    size_t file_size;
    int width, height;
    uint8_t *rgb; /* NULL: only the size is wanted */
    size_t room;
} hone_picture;

typedef struct hone_picture_format {
    const char *name;
    bool (*matches)(hone_bytes file);
    hone_status (*decode)(hone_bytes file, hone_picture *picture);
} hone_picture_format;

extern const hone_picture_format hone_picture_jpeg, hone_picture_png, hone_picture_ppm,
    hone_picture_bmp;

/* All of them, ended by NULL. */
extern const hone_picture_format *const hone_picture_formats[];

/* Checks the size read from a header and, where pixels are wanted, that they fit the room; sets
 * width and height. */
hone_status hone_picture_begin(hone_picture *picture, const char *format, uint64_t width,
                               uint64_t height);

#endif
