/* The formulas of window.c on extents, for inference. */
#ifndef HONE_OP_WINDOW_H
#define HONE_OP_WINDOW_H

#include "op/infer.h"

/* Strides, dilations and pads of n spatial dimensions, with defaults and checks; pads are 0 unless
 * auto_pad is NOTSET. */
hone_status hone_window_read(const hone_infer *x, int n, hone_window *window);
/* The attribute kernel_shape. */
hone_status hone_window_kernel(const hone_infer *x, int n, int64_t kernel[HONE_MAX_RANK]);
/* The output's extent of dimension i where windows slide over the input, and where the input is
 * spread out (transposed). */
hone_status hone_window_slide(const hone_infer *x, const hone_window *w, int i, hone_extent in,
                              hone_extent kernel, hone_extent *out);
hone_status hone_window_spread(const hone_infer *x, const hone_window *w, int i, hone_extent in,
                               hone_extent kernel, hone_extent *out);

#endif
