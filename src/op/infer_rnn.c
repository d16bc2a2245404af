/* RNN, GRU and LSTM. With layout 0: x [length, batch, input], y [length, directions, batch,
 * hidden], states [directions, batch, hidden]; layout 1 puts batch first. Weights: w [directions,
 * gates * hidden, input], r [directions, gates * hidden, hidden], b [directions, 2 * gates *
 * hidden]. ONNX RNN-22, GRU-22, LSTM-22. */
#include "op/infer_tools.h"

typedef struct cell {
    int64_t gates, directions;
    bool batch_first;
    hone_extent length, batch, input, hidden;
} cell;

static hone_status same(const hone_infer *x, int i, int axis, hone_extent wanted)
{
    static const char *const names[] = {"x",         "w",         "r", "b", "sequence_lens",
                                        "initial_h", "initial_c", "p"};

    if (hone_in_rank(x, i) < 0)
        return HONE_OK;
    return hone_infer_same_extent(x, hone_in_dim(x, i, axis), wanted, names[i],
                                  "what the other inputs ask for", NULL);
}

/* Input i, where present, is [first, second, third]. */
static hone_status check_cube(const hone_infer *x, int i, hone_extent first, hone_extent second,
                              hone_extent third)
{
    HONE_TRY(hone_infer_check_rank(x, i, 3, 3));
    HONE_TRY(same(x, i, 0, first));
    HONE_TRY(same(x, i, 1, second));
    return same(x, i, 2, third);
}

static hone_status check_state(const hone_infer *x, int i, const cell *c)
{
    if (c->batch_first)
        return check_cube(x, i, c->batch, c->directions, c->hidden);
    return check_cube(x, i, c->directions, c->batch, c->hidden);
}

static hone_status check_inputs(const hone_infer *x, const cell *c)
{
    hone_extent rows;

    for (int i = 0; i < x->n_in; i++) {
        if (i == 4)
            continue;
        HONE_TRY(hone_infer_check_types(x, i, HONE_TYPES_FLOAT));
        HONE_TRY(hone_infer_check_same_type(x, 0, i));
    }
    HONE_TRY(hone_infer_mul(x, c->hidden, c->gates, "gates times hidden_size", &rows));
    HONE_TRY(check_cube(x, 1, c->directions, rows, c->input));
    HONE_TRY(check_cube(x, 2, c->directions, rows, c->hidden));
    HONE_TRY(hone_infer_check_rank(x, 3, 2, 2));
    HONE_TRY(same(x, 3, 0, c->directions));
    HONE_TRY(same(x, 3, 1, hone_extent_mul(x->extents, rows, 2)));
    HONE_TRY(hone_infer_check_types(x, 4, HONE_TYPES_INDEX));
    HONE_TRY(hone_infer_check_row(x, 4, c->batch));
    HONE_TRY(check_state(x, 5, c));
    HONE_TRY(check_state(x, 6, c));
    HONE_TRY(hone_infer_check_rank(x, 7, 2, 2));
    HONE_TRY(same(x, 7, 0, c->directions));
    return same(x, 7, 1, hone_extent_mul(x->extents, c->hidden, 3));
}

/* hidden_size, or what the recurrence weights say where the attribute is missing. */
static hone_status cell_of(const hone_infer *x, cell *out)
{
    const int64_t hidden = hone_attr_int(x, "hidden_size", 0);
    cell c = {.gates = x->op == HONE_OP_lstm  ? 4
                       : x->op == HONE_OP_gru ? 3
                                              : 1,
              .directions =
                  hone_attr_int(x, "direction", 0) == HONE_DIRECTION_BIDIRECTIONAL ? 2 : 1,
              .batch_first = hone_attr_int(x, "layout", 0) != 0};

    HONE_TRY(hone_check_range("hidden_size", hidden, 0, HONE_ATTR_MOST));
    HONE_TRY(hone_infer_check_rank(x, 0, 3, 3));
    HONE_TRY(hone_infer_check_rank(x, 2, 3, 3));
    c.length = hone_in_dim(x, 0, c.batch_first ? 1 : 0);
    c.batch = hone_in_dim(x, 0, c.batch_first ? 0 : 1);
    c.input = hone_in_dim(x, 0, 2);
    c.hidden = hidden ? hidden : hone_in_dim(x, 2, 2);
    *out = c;
    return HONE_OK;
}

hone_status hone_infer_rnn(hone_infer *x)
{
    const hone_dtype dtype = hone_in_dtype(x, 0);
    hone_shape y, state;
    cell c;

    HONE_TRY(cell_of(x, &c));
    HONE_TRY(check_inputs(x, &c));
    if (c.batch_first) {
        y = hone_shape_make(4, c.batch, c.length, (hone_extent)c.directions, c.hidden);
        state = hone_shape_make(3, c.batch, (hone_extent)c.directions, c.hidden);
    } else {
        y = hone_shape_make(4, c.length, (hone_extent)c.directions, c.batch, c.hidden);
        state = hone_shape_make(3, (hone_extent)c.directions, c.batch, c.hidden);
    }
    hone_out_set(x, 0, dtype, &y);
    hone_out_set(x, 1, dtype, &state);
    hone_out_set(x, 2, dtype, &state);
    return HONE_OK;
}
