/* Shape and movement: the forms whose shapes, axes and counts were attributes before they became
 * inputs. */
#include "onnx/import.h"

static hone_value *ints_attribute(hone_call *call, const char *name)
{
    hone_ints v;
    return hone_call_ints(call, name, &v) ? hone_emit_ints(call, v.v, v.n) : NULL;
}

static hone_status one_input(hone_call *call)
{
    if (call->n_in != 1)
        return hone_call_malformed(call, "it has %d inputs; it must have one", call->n_in);
    return HONE_OK;
}

/* Before opset 5: `shape` is an attribute. */
hone_status hone_import_reshape_1(hone_call *call)
{
    HONE_TRY(one_input(call));
    hone_value *shape = ints_attribute(call, "shape");
    return hone_emit_whole(call, HONE_OP_reshape, NULL, HONE_IN(call->in[0], shape));
}

/* Squeeze and Unsqueeze before opset 13, reductions before 13 or 18: `axes` is an attribute; absent
 * or empty means all. */
hone_status hone_import_axes_1(hone_call *call)
{
    hone_ints axes;

    HONE_TRY(one_input(call));
    if (!hone_call_ints(call, "axes", &axes) || axes.n == 0)
        return hone_emit_whole(call, call->op, NULL, call->in, 1);
    return hone_emit_whole(call, call->op, NULL,
                           HONE_IN(call->in[0], hone_emit_ints(call, axes.v, axes.n)));
}

/* Before opset 10. */
hone_status hone_import_slice_1(hone_call *call)
{
    HONE_TRY(one_input(call));
    hone_value *starts = ints_attribute(call, "starts");
    hone_value *ends = ints_attribute(call, "ends");
    hone_value *axes = ints_attribute(call, "axes");
    return hone_emit_whole(call, HONE_OP_slice, NULL, HONE_IN(call->in[0], starts, ends, axes));
}

/* All forms: the sizes are an input or an attribute; where they are neither, the outputs are equal
 * parts. */
hone_status hone_import_split(hone_call *call)
{
    hone_attrs attrs;
    hone_value *sizes = hone_call_in(call, 1);

    if (call->n_in < 1 || call->n_in > 2 || !call->in[0])
        return hone_call_malformed(call, "it has %d inputs; it must have one or two", call->n_in);
    call->n_out = call->proto->output.n; /* parts without a name count, too */
    hone_attrs_init(HONE_OP_split, &attrs);
    if (!sizes)
        sizes = ints_attribute(call, "split");
    if (sizes)
        return hone_emit_whole(call, HONE_OP_split, &attrs, HONE_IN(call->in[0], sizes));
    attrs.split.num_outputs = call->n_out;
    return hone_emit_whole(call, HONE_OP_split, &attrs, call->in, 1);
}

/* Before opset 6: `tiles` copies along the one `axis`. */
hone_status hone_import_tile_1(hone_call *call)
{
    int64_t repeats[HONE_MAX_RANK], tiles, axis;
    int n_tiles, n_axis;

    if (call->n_in != 3 || !call->in[0] || !call->in[1] || !call->in[2])
        return hone_call_malformed(call, "it has %d inputs; it must have three", call->n_in);
    const int rank = hone_rank(call->in[0]);
    if (rank < 0 || !hone_value_ints(call->in[1], &tiles, 1, &n_tiles) ||
        !hone_value_ints(call->in[2], &axis, 1, &n_axis) || n_tiles != 1 || n_axis != 1)
        return hone_call_unsupported(
            call, "the old form of Tile needs a known rank, and constant tiles and axis");
    axis = axis < 0 ? axis + rank : axis;
    if (axis < 0 || axis >= rank)
        return hone_call_malformed(call, "its axis is outside the %d dimensions of its input",
                                   rank);
    for (int i = 0; i < rank; i++)
        repeats[i] = i == axis ? tiles : 1;
    return hone_emit_whole(call, HONE_OP_tile, NULL,
                           HONE_IN(call->in[0], hone_emit_ints(call, repeats, rank)));
}

/* Before opset 10. */
hone_status hone_import_topk_1(hone_call *call)
{
    const int64_t k = hone_call_int(call, "k", -1);

    HONE_TRY(one_input(call));
    return hone_emit_whole(call, HONE_OP_topk, NULL,
                           HONE_IN(call->in[0], hone_emit_ints(call, &k, 1)));
}

/* Before opset 4 the axis may be left out. */
hone_status hone_import_concat_1(hone_call *call)
{
    hone_attrs attrs;

    hone_attrs_init(HONE_OP_concat, &attrs);
    attrs.concat.axis = 1;
    return hone_emit_whole(call, HONE_OP_concat, &attrs, call->in, call->n_in);
}

/* Before opset 11: pads (in opset 1 `paddings`) and value are attributes. */
hone_status hone_import_pad_1(hone_call *call)
{
    HONE_TRY(one_input(call));
    hone_value *pads = ints_attribute(call, hone_call_has(call, "paddings") ? "paddings" : "pads");
    hone_value *value = NULL;
    if (hone_call_has(call, "value"))
        value = hone_emit_scalar(call, call->in[0], (double)hone_call_float(call, "value", 0.0f));
    return hone_emit_whole(call, HONE_OP_pad, NULL, HONE_IN(call->in[0], pads, value));
}

/* Before opset 20 the axis is an attribute, and by default 1. */
hone_status hone_import_dft_17(hone_call *call)
{
    hone_value *axis = hone_emit_int(call, hone_call_int(call, "axis", 1));

    if (call->n_in < 1 || call->n_in > 2 || !call->in[0])
        return hone_call_malformed(call, "it has %d inputs; it must have one or two", call->n_in);
    return hone_emit_whole(call, HONE_OP_dft, NULL,
                           HONE_IN(call->in[0], hone_call_in(call, 1), axis));
}

/* Writers leave out the last dimension of a real signal, which the operator's text wants to be one.
 */
hone_status hone_import_stft(hone_call *call)
{
    hone_value *signal = hone_call_in(call, 0);

    if (call->n_in < 2 || call->n_in > 4 || !signal)
        return hone_call_malformed(call, "it has %d inputs; it must have two to four", call->n_in);
    if (hone_rank(signal) == 2)
        call->in[0] = hone_emit_ones_after(call, signal, 1);
    return hone_emit_whole(call, HONE_OP_stft, NULL, call->in, call->n_in);
}
