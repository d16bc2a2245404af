/* Geometry of windows that slide over spatial dimensions: convolutions, transposed ones, pools. One
 * set of formulas, on extents, serves inference in symbols and kernels in numbers. ONNX Conv-22,
 * ConvTranspose-22, MaxPool-22. */
#include <stdio.h>

#include "op/infer_tools.h"
#include "op/window.h"

/* Entry i of an attribute with one entry a dimension, or its default. */
static hone_status read_entry(const hone_infer *x, const char *name, int count, int i,
                              int64_t otherwise, int64_t *out)
{
    const hone_ints ints = hone_attr_ints(x, name);

    *out = otherwise;
    if (ints.n == 0)
        return HONE_OK;
    if (ints.n != count)
        return hone_error(HONE_ERR_BUILD, "%s has %d entries; %d are needed", name, ints.n, count);
    *out = ints.v[i];
    return hone_check_range(name, *out, otherwise, HONE_ATTR_MOST);
}

hone_status hone_window_read(const hone_infer *x, int n, hone_window *window)
{
    const bool padded = hone_attr_int(x, "auto_pad", HONE_AUTO_PAD_NOTSET) == HONE_AUTO_PAD_NOTSET;

    window->n = n;
    for (int i = 0; i < n; i++) {
        HONE_TRY(read_entry(x, "strides", n, i, 1, &window->stride[i]));
        HONE_TRY(read_entry(x, "dilations", n, i, 1, &window->dilation[i]));
        HONE_TRY(read_entry(x, "pads", 2 * n, i, 0, &window->pad_begin[i]));
        HONE_TRY(read_entry(x, "pads", 2 * n, n + i, 0, &window->pad_end[i]));
        if (!padded)
            window->pad_begin[i] = window->pad_end[i] = 0;
    }
    return HONE_OK;
}

hone_status hone_window_kernel(const hone_infer *x, int n, int64_t kernel[HONE_MAX_RANK])
{
    const hone_ints ints = hone_attr_ints(x, "kernel_shape");

    if (ints.n != n)
        return hone_error(HONE_ERR_BUILD, "kernel_shape has %d entries; %d are needed", ints.n, n);
    for (int i = 0; i < n; i++) {
        HONE_TRY(hone_check_range("kernel_shape", ints.v[i], 1, HONE_ATTR_MOST));
        kernel[i] = ints.v[i];
    }
    return HONE_OK;
}

/* What a kernel covers: dilation * (kernel - 1) + 1. */
static hone_extent reach(hone_extents *t, hone_extent kernel, int64_t dilation)
{
    return hone_extent_add(t, hone_extent_mul(t, hone_extent_sub(t, kernel, 1), dilation), 1);
}

static bool is_same(int64_t auto_pad)
{
    return auto_pad == HONE_AUTO_PAD_SAME_UPPER || auto_pad == HONE_AUTO_PAD_SAME_LOWER;
}

/* NOTSET, VALID   (in + pads - reach)/stride + 1, rounded down, or up in ceil_mode: then the last
 * window must start in the input or the padding before it SAME_*          in/stride, rounded up */
hone_status hone_window_slide(const hone_infer *x, const hone_window *w, int i, hone_extent in,
                              hone_extent kernel, hone_extent *out)
{
    hone_extents *t = x->extents;
    const int64_t stride = w->stride[i];
    const hone_extent covered = reach(t, kernel, w->dilation[i]);
    const hone_extent padded = hone_extent_add(t, in, w->pad_begin[i] + w->pad_end[i]);
    const hone_extent room = hone_extent_sub(t, padded, covered);

    if (is_same(hone_attr_int(x, "auto_pad", HONE_AUTO_PAD_NOTSET))) {
        *out = hone_extent_ceil_div(t, in, stride);
        return HONE_OK;
    }
    if (room != HONE_EXTENT_UNKNOWN && hone_extent_upper(t, room) < 0)
        return hone_error(
            HONE_ERR_BUILD, "a window of extent %lld does not fit the %lld of the padded input",
            (long long)hone_extent_lower(t, covered), (long long)hone_extent_upper(t, padded));
    if (!hone_attr_int(x, "ceil_mode", 0)) {
        *out = hone_extent_add(t, hone_extent_floor_div(t, room, stride), 1);
        return HONE_OK;
    }
    const hone_extent starts =
        hone_extent_ceil_div(t, hone_extent_add(t, in, w->pad_begin[i]), stride);
    *out = hone_extent_min(t, hone_extent_add(t, hone_extent_ceil_div(t, room, stride), 1), starts);
    return HONE_OK;
}

/* Entry i of output_shape: one a spatial dimension, in old models with batch and channels before
 * them. 0: not given. */
static hone_status output_entry(const hone_infer *x, int n, int i, int64_t *out)
{
    const hone_ints ints = hone_attr_ints(x, "output_shape");

    *out = 0;
    if (ints.n == 0)
        return HONE_OK;
    if (ints.n != n && ints.n != n + 2)
        return hone_error(HONE_ERR_BUILD, "output_shape has %d entries; %d are needed", ints.n, n);
    *out = ints.v[ints.n - n + i];
    return hone_check_range("output_shape", *out, 1, HONE_ATTR_MOST);
}

/* stride*(in - 1) + output_padding + reach, before pads are taken off. */
static hone_status spread(const hone_infer *x, const hone_window *w, int i, hone_extent in,
                          hone_extent kernel, hone_extent *out)
{
    hone_extents *t = x->extents;
    int64_t extra;

    HONE_TRY(read_entry(x, "output_padding", w->n, i, 0, &extra));
    const hone_extent steps = hone_extent_mul(t, hone_extent_sub(t, in, 1), w->stride[i]);
    *out = hone_extent_add(t, hone_extent_add(t, steps, reach(t, kernel, w->dilation[i])), extra);
    return HONE_OK;
}

hone_status hone_window_spread(const hone_infer *x, const hone_window *w, int i, hone_extent in,
                               hone_extent kernel, hone_extent *out)
{
    hone_extents *t = x->extents;
    int64_t given;
    hone_extent whole;

    HONE_TRY(output_entry(x, w->n, i, &given));
    HONE_TRY(spread(x, w, i, in, kernel, &whole));
    if (given)
        *out = given;
    else if (is_same(hone_attr_int(x, "auto_pad", HONE_AUTO_PAD_NOTSET)))
        *out = hone_extent_mul(t, in, w->stride[i]);
    else
        *out = hone_extent_sub(t, whole, w->pad_begin[i] + w->pad_end[i]);
    if (hone_extent_is_number(*out) && *out < 0)
        return hone_error(HONE_ERR_BUILD,
                          "the pads of %lld leave nothing of an output of extent %lld",
                          (long long)(w->pad_begin[i] + w->pad_end[i]), (long long)whole);
    return HONE_OK;
}

/* Numbers, for kernels. */

/* Halves a total padding: the odd one goes to the end (`end_first`) or to the beginning. */
static void set_pads(hone_window *w, int i, int64_t total, bool end_first)
{
    total = HONE_MAX(total, 0);
    w->pad_begin[i] = end_first ? total / 2 : total - total / 2;
    w->pad_end[i] = total - w->pad_begin[i];
}

static hone_status finish_slide(const hone_infer *x, hone_window *w, int i)
{
    const int64_t auto_pad = hone_attr_int(x, "auto_pad", HONE_AUTO_PAD_NOTSET);

    HONE_TRY(hone_window_slide(x, w, i, w->in[i], w->kernel[i], &w->out[i]));
    if (is_same(auto_pad)) {
        const int64_t covered = w->dilation[i] * (w->kernel[i] - 1) + 1;
        set_pads(w, i, (w->out[i] - 1) * w->stride[i] + covered - w->in[i],
                 auto_pad == HONE_AUTO_PAD_SAME_UPPER);
    }
    return HONE_OK;
}

static hone_status finish_spread(const hone_infer *x, hone_window *w, int i)
{
    const int64_t auto_pad = hone_attr_int(x, "auto_pad", HONE_AUTO_PAD_NOTSET);
    hone_extent whole;

    HONE_TRY(hone_window_spread(x, w, i, w->in[i], w->kernel[i], &w->out[i]));
    if (hone_attr_ints(x, "output_shape").n || is_same(auto_pad)) {
        HONE_TRY(spread(x, w, i, w->in[i], w->kernel[i], &whole));
        set_pads(w, i, whole - w->out[i], auto_pad == HONE_AUTO_PAD_SAME_UPPER);
    }
    return HONE_OK;
}

hone_status hone_window_of(int op, const hone_attrs *attrs, const hone_dims *x, const hone_dims *w,
                           hone_window *window)
{
    const hone_infer reader = {.op = op, .attrs = attrs};
    const bool spreads = op == HONE_OP_conv_transpose || op == HONE_OP_max_unpool;
    const int first = hone_attr_is_last(&reader) ? 1 : 2, n = x->rank - 2;
    hone_window r = {.n = n};

    if (n < 1 || (w && w->rank != x->rank))
        return hone_error(HONE_ERR_BUILD,
                          "the input has rank %d and the weights %d; they must be equal, 3 or more",
                          x->rank, w ? w->rank : x->rank);
    HONE_TRY(hone_window_read(&reader, n, &r));
    if (!w)
        HONE_TRY(hone_window_kernel(&reader, n, r.kernel));
    for (int i = 0; i < n; i++) {
        r.in[i] = x->dim[first + i];
        if (w)
            r.kernel[i] = w->dim[2 + i];
        HONE_TRY(hone_check_range("a spatial extent of the input", r.in[i], 0, HONE_EXTENT_MOST));
        HONE_TRY(hone_check_range("an extent of the kernel", r.kernel[i], 1, HONE_ATTR_MOST));
        HONE_TRY(spreads ? finish_spread(&reader, &r, i) : finish_slide(&reader, &r, i));
    }
    *window = r;
    return HONE_OK;
}
