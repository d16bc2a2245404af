/* The geometry of windows as kernels walk it: three spatial dimensions (outer ones of extent 1
 * where there are fewer), channels last, output pixels numbered row-major. Shared by convolutions
 * and pooling. */
#ifndef HONE_CPU_CONV_GEOMETRY_H
#define HONE_CPU_CONV_GEOMETRY_H

#include "cpu/cpu.h"

typedef struct hone_geometry {
    int64_t batch, channels; /* of the input */
    int64_t in[3], out[3], kernel[3], stride[3], dilation[3], pad[3], pad_end[3];
    int64_t in_pixels, out_pixels, taps; /* products */
} hone_geometry;

/* x, y: input and output dims in the layout given. HONE_ERR_UNSUPPORTED over three spatial
 * dimensions. */
hone_status hone_geometry_init(hone_geometry *geometry, const hone_window *window,
                               const hone_dims *x, int64_t layout);

/* An output pixel: its picture, and where its window begins in the input (may be outside). */
typedef struct hone_pixel {
    int64_t picture, out[3], begin[3];
} hone_pixel;

void hone_pixel_at(const hone_geometry *g, int64_t row, hone_pixel *pixel);
void hone_pixel_next(const hone_geometry *g, hone_pixel *pixel);

static inline bool hone_pixel_inside_dim(const hone_geometry *g, const hone_pixel *p, int d)
{
    return p->begin[d] >= 0 && p->begin[d] + (g->kernel[d] - 1) * g->dilation[d] < g->in[d];
}

static inline bool hone_pixel_inside(const hone_geometry *g, const hone_pixel *p)
{
    return hone_pixel_inside_dim(g, p, 2) && hone_pixel_inside_dim(g, p, 1) &&
           hone_pixel_inside_dim(g, p, 0);
}

/* The input pixel's number at the window's first tap (outside: meaningless, but right once a tap is
 * added). */
static inline int64_t hone_pixel_base(const hone_geometry *g, const hone_pixel *p)
{
    return ((p->picture * g->in[0] + p->begin[0]) * g->in[1] + p->begin[1]) * g->in[2] +
           p->begin[2];
}

/* The number of the input pixel under a tap, or -1 outside: for plain loops, it divides. */
static inline int64_t hone_pixel_tap(const hone_geometry *g, const hone_pixel *p, int64_t tap)
{
    const int64_t kw = tap % g->kernel[2], kh = tap / g->kernel[2] % g->kernel[1],
                  kd = tap / g->kernel[2] / g->kernel[1];
    const int64_t d = p->begin[0] + kd * g->dilation[0], h = p->begin[1] + kh * g->dilation[1];
    const int64_t w = p->begin[2] + kw * g->dilation[2];

    if (d < 0 || d >= g->in[0] || h < 0 || h >= g->in[1] || w < 0 || w >= g->in[2])
        return -1;
    return ((p->picture * g->in[0] + d) * g->in[1] + h) * g->in[2] + w;
}

/* A tap of the window: how far it lies from the first, along each dimension and in input pixels.
 * Kernels keep a table of them, because finding them by division costs more than what is done with
 * them. */
typedef struct hone_tap {
    int32_t at[3];
    int32_t pixels;
} hone_tap;

void hone_geometry_taps(const hone_geometry *g, hone_tap *taps); /* room for g->taps */

/* Whether an input pixel lies under the tap: base + tap->pixels is its number then. */
static inline bool hone_tap_inside(const hone_geometry *g, const hone_pixel *p, const hone_tap *tap)
{
    const int64_t d = p->begin[0] + tap->at[0], h = p->begin[1] + tap->at[1],
                  w = p->begin[2] + tap->at[2];
    return (uint64_t)d < (uint64_t)g->in[0] && (uint64_t)h < (uint64_t)g->in[1] &&
           (uint64_t)w < (uint64_t)g->in[2];
}

/* Turns [outer, a, b] into [outer, b, a], float32, on the pool: between the two layouts. */
void hone_layout_turn(const float *src, float *dst, int64_t outer, int64_t a, int64_t b,
                      hone_pool *pool);

#endif
