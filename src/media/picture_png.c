/* PNG by libpng, every colour type and depth to 8-bit RGB. libpng's errors arrive by longjmp, which
 * never leaves this file; its warnings are about metadata and ignored. Nothing is printed. */
#include <setjmp.h>
#include <stdio.h>

#include <png.h>

#include "media/picture.h"

#define CHUNK_MAX (64u << 20) /* bytes that one chunk other than pixels may unpack to */

typedef struct decoder {
    png_structp png;
    png_infop info;
    hone_bytes rest;
    png_bytepp rows;
    size_t rows_size;
    char why[128];
} decoder;

static bool is_png(hone_bytes file)
{
    return file.size >= 8 && png_sig_cmp(file.data, 0, 8) == 0;
}

static HONE_NORETURN void on_error(png_structp png, png_const_charp text)
{
    decoder *d = png_get_error_ptr(png);
    snprintf(d->why, sizeof d->why, "%s", text);
    png_longjmp(png, 1);
}

static void on_warning(png_structp png, png_const_charp text)
{
    (void)png;
    (void)text;
}

static void read_bytes(png_structp png, png_bytep out, size_t size)
{
    decoder *d = png_get_io_ptr(png);
    if (size > d->rest.size)
        png_error(png, "the file ends early");
    memcpy(out, d->rest.data, size);
    d->rest.data += size;
    d->rest.size -= size;
}

static void ask_for_rgb(decoder *d)
{
    png_set_expand(d->png); /* palettes to RGB, small greys to 8 bits */
    png_set_strip_16(d->png);
    png_set_strip_alpha(d->png);
    png_set_gray_to_rgb(d->png);
    png_set_interlace_handling(d->png);
    png_read_update_info(d->png, d->info);
}

/* Longjmps to read_guarded on errors of libpng: what must be freed stands in *d. */
static hone_status read_picture(decoder *d, hone_picture *picture)
{
    png_set_user_limits(d->png, PNG_UINT_31_MAX,
                        PNG_UINT_31_MAX); /* hone_picture_begin has the bound and the words */
    png_set_chunk_malloc_max(d->png, CHUNK_MAX);
    png_set_read_fn(d->png, d, read_bytes);
    png_read_info(d->png, d->info);
    HONE_TRY(hone_picture_begin(picture, "PNG", png_get_image_width(d->png, d->info),
                                png_get_image_height(d->png, d->info)));
    if (!picture->rgb)
        return HONE_OK;

    ask_for_rgb(d);
    const size_t stride = (size_t)picture->width * 3;
    if (png_get_rowbytes(d->png, d->info) != stride)
        return hone_error(HONE_ERR_FORMAT, "decoding a PNG picture: its rows do not become RGB");
    d->rows_size = (size_t)picture->height * sizeof *d->rows;
    HONE_TRY(hone_alloc(NULL, d->rows_size, (void **)&d->rows));
    for (int y = 0; y < picture->height; y++)
        d->rows[y] = picture->rgb + (size_t)y * stride;
    png_read_image(d->png, d->rows);
    png_read_end(d->png, NULL);
    return HONE_OK;
}

/* A function of its own: what changes between setjmp and longjmp must not be a local of the
 * function that calls setjmp. */
static hone_status read_guarded(decoder *d, hone_picture *picture)
{
    if (setjmp(png_jmpbuf(d->png)) != 0)
        return hone_error(HONE_ERR_FORMAT, "decoding a PNG picture: %s", d->why);
    return read_picture(d, picture);
}

static hone_status decode_png(hone_bytes file, hone_picture *picture)
{
    decoder d = {.rest = file};
    hone_status st;

    d.png = png_create_read_struct(PNG_LIBPNG_VER_STRING, &d, on_error, on_warning);
    d.info = d.png ? png_create_info_struct(d.png) : NULL;
    if (d.info)
        st = read_guarded(&d, picture);
    else
        st = hone_error(HONE_ERR_MEMORY, "decoding a PNG picture: no memory for libpng");
    hone_free(NULL, d.rows, d.rows_size);
    png_destroy_read_struct(&d.png, &d.info, NULL);
    return st;
}

const hone_picture_format hone_picture_png = {"PNG", is_png, decode_png};
