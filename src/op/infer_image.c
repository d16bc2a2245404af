/* Pictures: sampling, moving pixels between space and channels, decoding, and the frames of the
 * domain hone. */
#include "op/infer_tools.h"

#define IMAGE_MOST                                                                                 \
    16384 /* pixels of a side of an encoded picture; the media library refuses larger ones */

/* Inputs x [N, C, in...], grid [N, out..., as many as in]: [N, C, out...]. */
hone_status hone_infer_grid_sample(hone_infer *x)
{
    const int rank = hone_in_rank(x, 0);
    hone_shape shape = *hone_in_shape(x, 0);

    HONE_TRY(hone_infer_check_types(x, 1, HONE_TYPES_FLOAT));
    HONE_TRY(hone_infer_check_rank(x, 0, 3, HONE_MAX_RANK));
    HONE_TRY(hone_infer_check_filled(x, 0, 2, HONE_MAX_RANK));
    if (rank < 0 || hone_in_rank(x, 1) < 0) {
        for (int i = 2; i < rank; i++)
            shape.dim[i] = HONE_EXTENT_UNKNOWN;
        hone_out_set(x, 0, hone_in_dtype(x, 0), &shape);
        return HONE_OK;
    }
    HONE_TRY(hone_infer_check_rank(x, 1, rank, rank));
    HONE_TRY(hone_infer_same_extent(x, shape.dim[0], hone_in_dim(x, 1, 0), "the input's batch",
                                    "the grid's", &shape.dim[0]));
    HONE_TRY(hone_infer_same_extent(x, hone_in_dim(x, 1, rank - 1), rank - 2, "a point of the grid",
                                    "the input's spatial axes", NULL));
    for (int i = 2; i < rank; i++)
        shape.dim[i] = hone_in_dim(x, 1, i - 1);
    hone_out_set(x, 0, hone_in_dtype(x, 0), &shape);
    return HONE_OK;
}

/* Inputs theta [N, 2, 3] or [N, 3, 4], size [N, C, (D,) H, W]: [N, (D,) H, W, 2 or 3]. */
hone_status hone_infer_affine_grid(hone_infer *x)
{
    hone_shape size, shape = HONE_SHAPE_UNKNOWN;

    HONE_TRY(hone_infer_check_types(x, 0, HONE_TYPES_FLOAT));
    HONE_TRY(hone_infer_check_rank(x, 0, 3, 3));
    HONE_TRY(hone_infer_shape_from(x, 1, &size));
    if (size.rank >= 0) {
        HONE_TRY(hone_check_range("the number of extents of size", size.rank, 4, 5));
        HONE_TRY(hone_infer_same_extent(x, hone_in_dim(x, 0, 0), size.dim[0], "theta's batch",
                                        "the size's", NULL));
        HONE_TRY(hone_infer_same_extent(x, hone_in_dim(x, 0, 1), size.rank - 2, "theta's rows",
                                        "the spatial axes", NULL));
        HONE_TRY(hone_infer_same_extent(x, hone_in_dim(x, 0, 2), size.rank - 1, "theta's columns",
                                        "the spatial axes and one", NULL));
        shape.rank = size.rank;
        shape.dim[0] = size.dim[0];
        for (int i = 2; i < size.rank; i++)
            shape.dim[i - 1] = size.dim[i];
        shape.dim[size.rank - 1] = size.rank - 2;
    }
    hone_out_set(x, 0, hone_in_dtype(x, 0), &shape);
    return HONE_OK;
}

/* Entry i of an attribute with one entry a dimension, or what stands for it. */
static hone_status entry(const hone_infer *x, const char *name, int n, int i, int64_t otherwise,
                         int64_t *out)
{
    const hone_ints ints = hone_attr_ints(x, name);

    if (ints.n != 0 && ints.n != n)
        return hone_error(HONE_ERR_BUILD, "%s has %d entries; %d are needed", name, ints.n, n);
    *out = ints.n ? ints.v[i] : otherwise;
    return hone_check_range(name, *out, otherwise, HONE_ATTR_MOST);
}

/* The number of blocks that fit the image, which the columns of Col2Im must be. */
static hone_status count_blocks(const hone_infer *x, const hone_shape *image,
                                const hone_shape *block, hone_extent *out)
{
    hone_extents *t = x->extents;
    int64_t stride = 1, dilation = 1, begin = 0, end = 0;

    *out = 1;
    for (int i = 0; i < image->rank; i++) {
        HONE_TRY(entry(x, "strides", image->rank, i, 1, &stride));
        HONE_TRY(entry(x, "dilations", image->rank, i, 1, &dilation));
        HONE_TRY(entry(x, "pads", 2 * image->rank, i, 0, &begin));
        HONE_TRY(entry(x, "pads", 2 * image->rank, image->rank + i, 0, &end));
        if (hone_extent_is_number(block->dim[i]))
            HONE_TRY(hone_check_range("an extent of the block", block->dim[i], 1, HONE_ATTR_MOST));
        const hone_extent reach = hone_extent_add(
            t, hone_extent_mul(t, hone_extent_sub(t, block->dim[i], 1), dilation), 1);
        const hone_extent room =
            hone_extent_sub(t, hone_extent_add(t, image->dim[i], begin + end), reach);
        const hone_extent n = hone_extent_add(t, hone_extent_floor_div(t, room, stride), 1);
        HONE_TRY(hone_infer_mul(x, *out, n, "the number of blocks", out));
    }
    return HONE_OK;
}

/* Inputs columns [N, C * block, blocks], image shape, block shape: [N, C, image...]. */
hone_status hone_infer_col2im(hone_infer *x)
{
    hone_shape image, block, shape = HONE_SHAPE_UNKNOWN;
    hone_extent blocks;

    HONE_TRY(hone_infer_check_types(x, 0, HONE_TYPES_NUMBER));
    HONE_TRY(hone_infer_check_rank(x, 0, 3, 3));
    HONE_TRY(hone_infer_shape_from(x, 1, &image));
    HONE_TRY(hone_infer_shape_from(x, 2, &block));
    if (image.rank < 0 || block.rank < 0) {
        hone_out_set(x, 0, hone_in_dtype(x, 0), &shape);
        return HONE_OK;
    }
    HONE_TRY(
        hone_check_range("the number of extents of the image", image.rank, 1, HONE_MAX_RANK - 2));
    HONE_TRY(
        hone_check_range("the number of extents of the block", block.rank, image.rank, image.rank));
    HONE_TRY(count_blocks(x, &image, &block, &blocks));
    HONE_TRY(hone_infer_same_extent(x, hone_in_dim(x, 0, 2), blocks, "the columns' last axis",
                                    "the blocks of the image", NULL));
    const hone_extent size = hone_shape_count(x->extents, &block), rows = hone_in_dim(x, 0, 1);
    if (hone_extent_is_number(size) && hone_extent_is_number(rows) && (size <= 0 || rows % size))
        return hone_error(
            HONE_ERR_BUILD,
            "the columns have %lld rows; they must divide by the block's %lld elements",
            (long long)rows, (long long)size);
    shape.rank = image.rank + 2;
    shape.dim[0] = hone_in_dim(x, 0, 0);
    shape.dim[1] = hone_extent_floor_div(x->extents, rows, size);
    for (int i = 0; i < image.rank; i++)
        shape.dim[2 + i] = image.dim[i];
    hone_out_set(x, 0, hone_in_dtype(x, 0), &shape);
    return HONE_OK;
}

static hone_status check_divides(const char *what, hone_extent a, int64_t by)
{
    if (!hone_extent_is_number(a) || a % by == 0)
        return HONE_OK;
    return hone_error(HONE_ERR_BUILD, "%s is %lld; it must divide by %lld", what, (long long)a,
                      (long long)by);
}

static hone_status block_of(const hone_infer *x, int64_t *block)
{
    *block = hone_attr_int(x, "blocksize", 1);
    HONE_TRY(hone_infer_check_rank(x, 0, 4, 4));
    return hone_check_range("blocksize", *block, 1, 1 << 15);
}

hone_status hone_infer_depth_to_space(hone_infer *x)
{
    const int channel = hone_attr_is_last(x) ? 3 : 1, first = hone_attr_is_last(x) ? 1 : 2;
    hone_shape shape = *hone_in_shape(x, 0);
    int64_t block;

    HONE_TRY(block_of(x, &block));
    if (shape.rank == 4) {
        HONE_TRY(check_divides("the number of channels", shape.dim[channel], block * block));
        shape.dim[channel] = hone_extent_floor_div(x->extents, shape.dim[channel], block * block);
        for (int i = first; i < first + 2; i++)
            HONE_TRY(
                hone_infer_mul(x, shape.dim[i], block, "an extent of the output", &shape.dim[i]));
    }
    hone_out_set(x, 0, hone_in_dtype(x, 0), &shape);
    return HONE_OK;
}

hone_status hone_infer_space_to_depth(hone_infer *x)
{
    const int channel = hone_attr_is_last(x) ? 3 : 1, first = hone_attr_is_last(x) ? 1 : 2;
    hone_shape shape = *hone_in_shape(x, 0);
    int64_t block;

    HONE_TRY(block_of(x, &block));
    if (shape.rank == 4) {
        HONE_TRY(hone_infer_mul(x, shape.dim[channel], block * block, "the channels of the output",
                                &shape.dim[channel]));
        for (int i = first; i < first + 2; i++) {
            HONE_TRY(check_divides("a spatial extent", shape.dim[i], block));
            shape.dim[i] = hone_extent_floor_div(x->extents, shape.dim[i], block);
        }
    }
    hone_out_set(x, 0, hone_in_dtype(x, 0), &shape);
    return HONE_OK;
}

/* An encoded picture: a row of bytes; its size is in them. */
static hone_status decoded(hone_infer *x, int64_t channels)
{
    const hone_extent height = hone_extent_from_data(x->extents, 1, IMAGE_MOST);
    const hone_extent width = hone_extent_from_data(x->extents, 1, IMAGE_MOST);
    const hone_shape shape = hone_shape_make(3, height, width, (hone_extent)channels);
    const hone_dtype dtype = hone_in_dtype(x, 0);

    HONE_TRY(hone_infer_check_rank(x, 0, 1, 1));
    if (dtype != HONE_NONE && dtype != HONE_U8)
        return hone_error(HONE_ERR_BUILD, "input 0 is %s; it must be uint8",
                          hone_dtype_text(dtype));
    hone_out_set(x, 0, HONE_U8, &shape);
    return HONE_OK;
}

hone_status hone_infer_decode_image(hone_infer *x)
{
    return decoded(x, 3);
}

hone_status hone_infer_image_decoder(hone_infer *x)
{
    const bool gray = x->attrs->image_decoder.pixel_format == 2;
    return decoded(x, gray ? 1 : 3);
}

/* mean and std: one entry for all channels, or one for each. */
static hone_status check_statistics(const char *name, hone_floats values, int channels)
{
    if (values.n == 0 || values.n == 1 || values.n == channels)
        return HONE_OK;
    return hone_error(HONE_ERR_BUILD, "%s has %d entries; 0, 1 or %d are allowed", name, values.n,
                      channels);
}

/* A frame, uint8 [h, w, 3], to float32 [1, C, height, width], or channels last. */
hone_status hone_infer_frame(hone_infer *x)
{
    const hone_attrs_frame *a = &x->attrs->frame;
    const int channels = a->order == HONE_ORDER_GRAY ? 1 : 3;
    const hone_dtype dtype = hone_in_dtype(x, 0);

    HONE_TRY(hone_infer_check_rank(x, 0, 3, 3));
    if (dtype != HONE_NONE && dtype != HONE_U8)
        return hone_error(HONE_ERR_BUILD, "input 0 is %s; a frame is uint8",
                          hone_dtype_text(dtype));
    HONE_TRY(hone_infer_same_extent(x, hone_in_dim(x, 0, 2), 3, "the frame's last axis",
                                    "red, green and blue", NULL));
    for (int i = 0; i < 2; i++)
        if (hone_extent_is_number(hone_in_dim(x, 0, i)))
            HONE_TRY(
                hone_check_range("a side of the frame", hone_in_dim(x, 0, i), 1, HONE_ATTR_MOST));
    HONE_TRY(hone_check_range("width", a->width, 1, IMAGE_MOST));
    HONE_TRY(hone_check_range("height", a->height, 1, IMAGE_MOST));
    HONE_TRY(hone_check_range("resize", a->resize, 0, IMAGE_MOST));
    HONE_TRY(check_statistics("mean", a->mean, channels));
    HONE_TRY(check_statistics("std", a->std, channels));
    for (int i = 0; i < a->std.n; i++)
        if (!(a->std.v[i] > 0))
            return hone_error(HONE_ERR_BUILD, "std is %g; it must be greater than 0",
                              (double)a->std.v[i]);
    const hone_shape shape = a->layout == HONE_LAYOUT_LAST
                                 ? hone_shape_make(4, (hone_extent)1, (hone_extent)a->height,
                                                   (hone_extent)a->width, (hone_extent)channels)
                                 : hone_shape_make(4, (hone_extent)1, (hone_extent)channels,
                                                   (hone_extent)a->height, (hone_extent)a->width);
    hone_out_set(x, 0, HONE_F32, &shape);
    return HONE_OK;
}
