/* Resize: inputs x, roi, scales, sizes; scales or sizes are given, for all axes or for those that
 * `axes` names. ONNX Resize-19. Scales of symbolic extents are followed where they are ratios of
 * small numbers: 2, 0.5, 1.5. */
#include "op/infer_tools.h"

#include <math.h>

typedef struct resize {
    int n; /* axes that are resized */
    int axis[HONE_MAX_RANK];
} resize;

static hone_status read_axes(const hone_infer *x, int rank, resize *out)
{
    const hone_ints axes = x->attrs->resize.axes;
    unsigned seen = 0;

    out->n = axes.n ? axes.n : rank;
    HONE_TRY(hone_check_range("the number of axes", out->n, 0, rank));
    for (int i = 0; i < out->n; i++) {
        HONE_TRY(hone_axis_normalize(axes.n ? axes.v[i] : i, rank, &out->axis[i]));
        if (seen & (1u << out->axis[i]))
            return hone_error(HONE_ERR_BUILD, "axes has %d twice; each is allowed once",
                              out->axis[i]);
        seen |= 1u << out->axis[i];
    }
    return HONE_OK;
}

/* The floats of input i: n of them, or an error; false in *known without data. */
static hone_status read_floats(const hone_infer *x, int i, int n, double out[2 * HONE_MAX_RANK],
                               bool *known)
{
    *known = false;
    HONE_TRY(hone_infer_check_types(x, i, HONE_TYPES_FLOAT));
    HONE_TRY(hone_infer_check_row(x, i, n));
    if (!x->in[i].data || hone_shape_count(NULL, hone_in_shape(x, i)) != n)
        return HONE_OK;
    for (int k = 0; k < n; k++)
        out[k] = hone_element_double(hone_in_dtype(x, i), x->in[i].data, k);
    *known = true;
    return HONE_OK;
}

/* floor(extent * scale), computed in float32 as ONNX does. */
static hone_status scale_extent(const hone_infer *x, hone_extent extent, double scale,
                                hone_extent *out)
{
    if (!(scale > 0))
        return hone_error(HONE_ERR_BUILD, "a scale is %g; it must be greater than 0", scale);
    if (hone_extent_is_number(extent)) {
        const float r = floorf((float)extent * (float)scale);
        if (!(r <= (float)HONE_EXTENT_MOST))
            return hone_error(HONE_ERR_BUILD, "%lld times the scale %g is over the limit of %lld",
                              (long long)extent, scale, (long long)HONE_EXTENT_MOST);
        *out = (hone_extent)r;
        return HONE_OK;
    }
    for (int64_t q = 1; q <= 64; q *= 2)
        if (scale * (double)q == floor(scale * (double)q) && scale < 65536) {
            *out = hone_extent_floor_div(
                x->extents, hone_extent_mul(x->extents, extent, (int64_t)(scale * (double)q)), q);
            return HONE_OK;
        }
    *out = HONE_EXTENT_UNKNOWN;
    return HONE_OK;
}

/* tf_crop_and_resize also scales by the part of the axis that the region takes. */
static hone_status by_scales(const hone_infer *x, const resize *r, hone_shape *shape)
{
    const bool crops =
        x->attrs->resize.coordinate_transformation_mode == HONE_COORD_TF_CROP_AND_RESIZE;
    double scales[2 * HONE_MAX_RANK], roi[2 * HONE_MAX_RANK];
    bool known, roi_known = !crops;

    HONE_TRY(read_floats(x, 2, r->n, scales, &known));
    if (crops && !hone_infer_has(x, 1))
        return hone_error(HONE_ERR_BUILD, "there is no roi; tf_crop_and_resize needs one");
    if (crops)
        HONE_TRY(read_floats(x, 1, 2 * r->n, roi, &roi_known));
    for (int i = 0; i < r->n; i++) {
        hone_extent *extent = &shape->dim[r->axis[i]];
        const double part = crops && roi_known ? roi[r->n + i] - roi[i] : 1;
        if (known && roi_known)
            HONE_TRY(scale_extent(x, *extent, scales[i] * part, extent));
        else
            *extent = HONE_EXTENT_UNKNOWN;
    }
    return HONE_OK;
}

/* not_larger and not_smaller: one scale for all axes, the least or the greatest of what the sizes
 * ask for. */
static hone_status keep_aspect(const hone_infer *x, const resize *r, const hone_extent *sizes,
                               hone_shape *shape)
{
    const bool is_least = x->attrs->resize.keep_aspect_ratio_policy == 1;
    double scale = is_least ? HUGE_VAL : 0;
    bool known = true;

    for (int i = 0; i < r->n; i++) {
        const hone_extent extent = shape->dim[r->axis[i]];
        known =
            known && hone_extent_is_number(extent) && extent > 0 && hone_extent_is_number(sizes[i]);
        if (known)
            scale = is_least ? fmin(scale, (double)sizes[i] / (double)extent)
                             : fmax(scale, (double)sizes[i] / (double)extent);
    }
    for (int i = 0; i < r->n; i++) {
        hone_extent *extent = &shape->dim[r->axis[i]];
        const double size = known ? floor(scale * (double)*extent + 0.5) : 0;
        if (size > (double)HONE_EXTENT_MOST)
            return hone_error(HONE_ERR_BUILD, "%lld times the scale %g is over the limit of %lld",
                              (long long)*extent, scale, (long long)HONE_EXTENT_MOST);
        *extent = known ? (hone_extent)size : HONE_EXTENT_UNKNOWN;
    }
    return HONE_OK;
}

static hone_status by_sizes(const hone_infer *x, const resize *r, hone_shape *shape)
{
    hone_extent sizes[HONE_MAX_RANK];
    int n;

    HONE_TRY(hone_infer_check_types(x, 3, HONE_TYPES_I64));
    HONE_TRY(hone_infer_check_row(x, 3, r->n));
    if (!hone_fact_ints(&x->in[3], sizes, HONE_MAX_RANK, &n))
        for (int i = 0; i < r->n; i++)
            sizes[i] = HONE_EXTENT_UNKNOWN;
    for (int i = 0; i < r->n; i++)
        if (hone_extent_is_number(sizes[i]))
            HONE_TRY(hone_check_range("an entry of sizes", sizes[i], 0, HONE_EXTENT_MOST));
    if (x->attrs->resize.keep_aspect_ratio_policy != 0)
        return keep_aspect(x, r, sizes, shape);
    for (int i = 0; i < r->n; i++)
        shape->dim[r->axis[i]] = sizes[i];
    return HONE_OK;
}

/* Whether input i is there and not the empty tensor that old exporters write for "absent". */
static bool is_given(const hone_infer *x, int i)
{
    return hone_infer_has(x, i) && hone_shape_count(NULL, hone_in_shape(x, i)) != 0;
}

hone_status hone_infer_resize(hone_infer *x)
{
    hone_shape shape = *hone_in_shape(x, 0);
    resize r = {.n = 0};

    HONE_TRY(hone_infer_check_types(x, 0, HONE_TYPES_NUMBER));
    HONE_TRY(hone_infer_check_rank(x, 0, 1, HONE_MAX_RANK));
    if (is_given(x, 2) == is_given(x, 3))
        return hone_error(HONE_ERR_BUILD, "%s scales and sizes are given; one of them is allowed",
                          is_given(x, 2) ? "both" : "neither");
    if (shape.rank > 0) {
        HONE_TRY(read_axes(x, shape.rank, &r));
        HONE_TRY(is_given(x, 2) ? by_scales(x, &r, &shape) : by_sizes(x, &r, &shape));
        for (int i = 0; i < shape.rank; i++)
            if (shape.dim[i] != 0)
                HONE_TRY(hone_infer_check_filled(x, 0, i, i + 1));
    }
    hone_out_set(x, 0, hone_in_dtype(x, 0), &shape);
    return HONE_OK;
}
