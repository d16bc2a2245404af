/* JPEG by libjpeg. Its errors arrive by longjmp, which never leaves this file; its warnings about
 * damaged data are errors here, because half a picture gives a wrong answer rather than none.
 * Nothing is printed. */
#include <setjmp.h>
#include <stdio.h>

#include <jpeglib.h>

#include <jerror.h>

#include "media/picture.h"

#define SCANS_MAX                                                                                  \
    500 /* of a progressive file: real ones have about 10, and each costs a pass over the picture  \
         */

typedef struct decoder {
    struct jpeg_error_mgr errors; /* first: libjpeg hands back a pointer to it */
    struct jpeg_progress_mgr progress;
    struct jpeg_decompress_struct jpeg;
    jmp_buf failed;
    char why[JMSG_LENGTH_MAX];
    JSAMPLE *row; /* one line of a picture that is not RGB */
} decoder;

static bool is_jpeg(hone_bytes file)
{
    return file.size >= 3 && file.data[0] == 0xff && file.data[1] == 0xd8 && file.data[2] == 0xff;
}

static HONE_NORETURN void on_error(j_common_ptr jpeg)
{
    decoder *d = (decoder *)jpeg->err;
    jpeg->err->format_message(jpeg, d->why);
    longjmp(d->failed, 1);
}

static void on_message(j_common_ptr jpeg, int level)
{
    static const int harmless[] = {JWRN_EXTRANEOUS_DATA, JWRN_ADOBE_XFORM, JWRN_JFIF_MAJOR};
    if (level >= 0)
        return; /* a trace */
    for (int i = 0; i < HONE_COUNT(harmless); i++)
        if (jpeg->err->msg_code == harmless[i])
            return;
    on_error(jpeg);
}

static void on_progress(j_common_ptr jpeg)
{
    decoder *d = (decoder *)jpeg->err;
    if (d->jpeg.input_scan_number <= SCANS_MAX)
        return;
    snprintf(d->why, sizeof d->why, "more than %d scans", SCANS_MAX);
    longjmp(d->failed, 1);
}

/* Adobe writes CMYK inverted, and nobody else writes it. */
static void cmyk_to_rgb(const JSAMPLE *cmyk, uint8_t *rgb, int width)
{
    for (int x = 0; x < width; x++)
        for (int c = 0; c < 3; c++)
            rgb[3 * x + c] = (uint8_t)(cmyk[4 * x + c] * cmyk[4 * x + 3] / 255);
}

static void read_rows(decoder *d, hone_picture *picture)
{
    const size_t stride = (size_t)picture->width * 3;
    while (d->jpeg.output_scanline < d->jpeg.output_height) {
        uint8_t *out = picture->rgb + d->jpeg.output_scanline * stride;
        JSAMPROW row = d->row ? d->row : out;
        jpeg_read_scanlines(&d->jpeg, &row, 1);
        if (d->row)
            cmyk_to_rgb(d->row, out, picture->width);
    }
}

static hone_status read_picture(decoder *d, hone_bytes file, hone_picture *picture)
{
    jpeg_mem_src(&d->jpeg, file.data, (unsigned long)file.size);
    jpeg_read_header(&d->jpeg, TRUE);
    HONE_TRY(hone_picture_begin(picture, "JPEG", d->jpeg.image_width, d->jpeg.image_height));
    if (!picture->rgb)
        return HONE_OK;

    const bool is_cmyk =
        d->jpeg.jpeg_color_space == JCS_CMYK || d->jpeg.jpeg_color_space == JCS_YCCK;
    d->jpeg.out_color_space = is_cmyk ? JCS_CMYK : JCS_RGB;
    d->jpeg.dct_method = JDCT_ISLOW;
    jpeg_start_decompress(&d->jpeg);
    if (is_cmyk) /* from libjpeg's pool: freed with the decoder, also after a longjmp */
        d->row = d->jpeg.mem->alloc_large((j_common_ptr)&d->jpeg, JPOOL_IMAGE,
                                          (size_t)picture->width * 4);
    read_rows(d, picture);
    jpeg_finish_decompress(&d->jpeg);
    return HONE_OK;
}

/* A function of its own: what changes between setjmp and longjmp must not be a local of the
 * function that calls setjmp. */
static hone_status read_guarded(decoder *d, hone_bytes file, hone_picture *picture)
{
    if (setjmp(d->failed) != 0)
        return hone_error(HONE_ERR_FORMAT, "decoding a JPEG picture: %s", d->why);
    jpeg_create_decompress(&d->jpeg);
    d->jpeg.progress = &d->progress;
    return read_picture(d, file, picture);
}

static hone_status decode_jpeg(hone_bytes file, hone_picture *picture)
{
    decoder d = {.progress.progress_monitor = on_progress};
    d.jpeg.err = jpeg_std_error(&d.errors);
    d.errors.error_exit = on_error;
    d.errors.emit_message = on_message;
    const hone_status st = read_guarded(&d, file, picture);
    jpeg_destroy_decompress(&d.jpeg);
    return st;
}

const hone_picture_format hone_picture_jpeg = {"JPEG", is_jpeg, decode_jpeg};
