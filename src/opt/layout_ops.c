/* Operators under channels last: one row for each that can work so. The one idea: an operator is
 * known by a `fits`, which tells its form, and a `turn`, which moves its axes; both are shared by
 * families, so a row is one line. Nothing here decides which layout is better. */
#include "opt/layout.h"

void hone_perm_to_last(int rank, int *perm)
{
    for (int i = 0; i < rank; i++)
        perm[hone_axis_in_last(i, rank)] = i;
}

void hone_perm_to_first(int rank, int *perm)
{
    for (int i = 0; i < rank; i++)
        perm[i] = hone_axis_in_last(i, rank);
}

hone_shape hone_shape_permuted(const hone_shape *shape, const int *perm)
{
    hone_shape s = {.rank = shape->rank};
    for (int i = 0; i < s.rank; i++)
        s.dim[i] = shape->dim[perm[i]];
    return s;
}

bool hone_moves_only_ones(const hone_shape *shape, const int *perm)
{
    int last = -1;
    for (int i = 0; i < shape->rank; i++) {
        if (shape->dim[perm[i]] == 1)
            continue;
        if (perm[i] < last)
            return false;
        last = perm[i];
    }
    return true;
}

/* ---- attributes and operands by name ---- */

static int64_t *int_attr(hone_node *n, const char *name)
{
    const hone_attr_row *row = hone_attrs_find(n->op, name);
    return row != NULL ? (int64_t *)((char *)&n->attrs + row->offset) : NULL;
}

static bool axis_of(const hone_node *n, int rank, int *axis)
{
    const hone_attr_row *row = hone_attrs_find(n->op, "axis");
    if (row == NULL)
        return false;
    int64_t a = *(const int64_t *)((const char *)&n->attrs + row->offset);
    a += a < 0 ? rank : 0;
    if (a < 0 || a >= rank)
        return false;
    *axis = (int)a;
    return true;
}

static int rank_in(const hone_node *n)
{
    return hone_rank_of(n->in[0]);
}

/* Replaces operand `index` by the axes it names (or all axes, where it is absent), each in its new
 * place. */
static void turn_axes_operand(hone_node *n, int index, int n_default)
{
    int64_t axes[HONE_MAX_RANK];
    int count = n_default;
    const int rank = rank_in(n);

    for (int i = 0; i < n_default; i++)
        axes[i] = i;
    if (hone_input(n, index) != NULL)
        hone_value_ints(n->in[index], axes, HONE_MAX_RANK, &count);
    for (int i = 0; i < count; i++)
        axes[i] = hone_axis_in_last((int)(axes[i] < 0 ? axes[i] + rank : axes[i]), rank);
    if (n->n_in <= index)
        hone_node_resize_inputs(n, index + 1);
    hone_node_set_input(n, index, hone_graph_ints(n->graph, NULL, axes, count));
}

/* Permutes operand `index`, one number for each axis. */
static void turn_vector_operand(hone_node *n, int index)
{
    int perm[HONE_MAX_RANK] = {0};
    hone_value *v = hone_input(n, index);

    if (v == NULL)
        return;
    const int rank = rank_in(n);
    hone_perm_to_last(rank, perm);
    if (hone_is_f32(v)) {
        const float *from = hone_constant_floats(n->graph->module, v);
        float to[HONE_MAX_RANK];
        for (int i = 0; i < rank; i++)
            to[i] = from[perm[i]];
        hone_node_set_input(
            n, index,
            hone_make_vector(n->graph, rank,
                             hone_arena_copy(n->graph->module->arena, to, sizeof to)));
        return;
    }
    int64_t from[HONE_MAX_RANK], to[HONE_MAX_RANK];
    int count = 0;
    hone_value_ints(v, from, HONE_MAX_RANK, &count);
    for (int i = 0; i < rank; i++)
        to[i] = from[perm[i]];
    hone_node_set_input(n, index, hone_graph_ints(n->graph, NULL, to, rank));
}

static bool known_ints(const hone_value *v, int *n)
{
    int64_t numbers[HONE_MAX_RANK];
    return v != NULL && hone_value_ints(v, numbers, HONE_MAX_RANK, n);
}

/* A vector operand that turn_vector_operand can permute: absent, or a constant of one number for
 * each axis. */
static bool is_vector(const hone_value *v, int rank)
{
    int n = 0;
    if (v == NULL)
        return true;
    if (hone_is_f32(v))
        return hone_is_constant(v) && hone_constant_count(v) == rank;
    return known_ints(v, &n) && n == rank;
}

/* The form of an operator that loses axes: what is left may be in the same order either way. */
static hone_layout_form form_without(const bool *dropped, int rank)
{
    bool spatial = false;
    for (int i = 2; i < rank; i++)
        spatial |= !dropped[i];
    if (dropped[1] || !spatial)
        return HONE_FORM_ENDS;
    return dropped[0] ? HONE_FORM_FIXED : HONE_FORM_FREE;
}

/* ---- fits and turns ---- */

static hone_layout_form fits_layout_attr(const hone_node *n)
{
    const int64_t *layout = int_attr((hone_node *)(uintptr_t)n, "layout");
    const bool pair = n->op == HONE_OP_max_pool && n->n_out > 1 && n->out[1] != NULL;
    return layout != NULL && *layout == HONE_LAYOUT_FIRST && !pair ? HONE_FORM_FREE
                                                                   : HONE_FORM_FIXED;
}

static hone_layout_form fits_conv(const hone_node *n)
{
    return n->n_in <= 3 && fits_layout_attr(n) == HONE_FORM_FREE ? HONE_FORM_WANTS
                                                                 : HONE_FORM_FIXED;
}

static hone_layout_form fits_frame(const hone_node *n)
{
    return fits_layout_attr(n) == HONE_FORM_FREE ? HONE_FORM_MAKES : HONE_FORM_FIXED;
}

static void turn_layout_attr(hone_node *n)
{
    *int_attr(n, "layout") = HONE_LAYOUT_LAST;
}

static hone_layout_form fits_axis(const hone_node *n)
{
    int axis;
    return axis_of(n, rank_in(n), &axis) ? HONE_FORM_FREE : HONE_FORM_FIXED;
}

static void turn_axis(hone_node *n)
{
    int axis;
    if (axis_of(n, rank_in(n), &axis))
        *int_attr(n, "axis") = hone_axis_in_last(axis, rank_in(n));
}

static hone_layout_form fits_concat(const hone_node *n)
{
    for (int i = 0; i < n->n_in; i++)
        if (hone_rank_of(n->in[i]) != rank_in(n))
            return HONE_FORM_FIXED;
    return fits_axis(n);
}

static hone_layout_form fits_arg(const hone_node *n)
{
    int axis;
    bool dropped[HONE_MAX_RANK] = {false};

    if (!axis_of(n, rank_in(n), &axis))
        return HONE_FORM_FIXED;
    if (n->attrs.argmax.keepdims != 0)
        return HONE_FORM_FREE;
    dropped[axis] = true;
    return form_without(dropped, rank_in(n));
}

static hone_layout_form fits_gather(const hone_node *n)
{
    int axis;
    bool dropped[HONE_MAX_RANK] = {false};
    const int indices = hone_rank_of(n->in[1]);

    if (!axis_of(n, rank_in(n), &axis) || indices < 0 || indices > 1)
        return HONE_FORM_FIXED;
    if (indices == 1)
        return HONE_FORM_FREE;
    dropped[axis] = true;
    return form_without(dropped, rank_in(n));
}

static hone_layout_form fits_reduce(const hone_node *n)
{
    int axes[HONE_MAX_RANK], n_axes = 0;
    bool dropped[HONE_MAX_RANK] = {false};

    if (!hone_reduce_axes(n, axes, &n_axes))
        return HONE_FORM_FIXED;
    if (n->attrs.reduce_mean.keepdims != 0)
        return HONE_FORM_FREE;
    for (int i = 0; i < n_axes; i++)
        dropped[axes[i]] = true;
    return form_without(dropped, rank_in(n));
}

static void turn_reduce(hone_node *n)
{
    if (hone_input(n, 1) != NULL)
        turn_axes_operand(n, 1, 0);
}

static hone_layout_form fits_slice(const hone_node *n)
{
    int count = 0;
    return hone_input(n, 3) == NULL || known_ints(n->in[3], &count) ? HONE_FORM_FREE
                                                                    : HONE_FORM_FIXED;
}

static void turn_slice(hone_node *n)
{
    const hone_shape *starts = &n->in[1]->type.shape;
    const bool counted = starts->rank == 1 && hone_extent_is_number(starts->dim[0]);
    turn_axes_operand(n, 3, counted ? (int)starts->dim[0] : rank_in(n));
}

static void turn_pad(hone_node *n)
{
    turn_axes_operand(n, 3, rank_in(n));
}

static hone_layout_form fits_vector(const hone_node *n)
{
    return n->in[1] != NULL && is_vector(n->in[1], rank_in(n)) &&
                   hone_rank_of(n->out[0]) == rank_in(n)
               ? HONE_FORM_FREE
               : HONE_FORM_FIXED;
}

static void turn_vector(hone_node *n)
{
    turn_vector_operand(n, 1);
}

static hone_layout_form fits_resize(const hone_node *n)
{
    const int rank = rank_in(n);
    const hone_value *x = n->in[0], *y = n->out[0];

    if (hone_input(n, 1) != NULL &&
        n->attrs.resize.coordinate_transformation_mode == HONE_COORD_TF_CROP_AND_RESIZE)
        return HONE_FORM_FIXED;
    if (rank != 4 || hone_rank_of(y) != 4 || hone_dim_of(x, 0) != hone_dim_of(y, 0) ||
        hone_dim_of(x, 1) != hone_dim_of(y, 1))
        return HONE_FORM_FIXED;
    if (n->attrs.resize.axes.n == 0 &&
        (!is_vector(hone_input(n, 2), rank) || !is_vector(hone_input(n, 3), rank)))
        return HONE_FORM_FIXED;
    return HONE_FORM_FREE;
}

static void turn_resize(hone_node *n)
{
    const hone_ints axes = n->attrs.resize.axes;
    int64_t moved[HONE_MAX_RANK];
    const int rank = rank_in(n);

    if (n->n_in > 1 && n->in[1] != NULL) /* a region of interest that the mode does not look at */
        hone_node_set_input(n, 1, NULL);
    if (axes.n == 0) {
        turn_vector_operand(n, 2);
        turn_vector_operand(n, 3);
        return;
    }
    for (int i = 0; i < axes.n; i++)
        moved[i] = hone_axis_in_last((int)(axes.v[i] < 0 ? axes.v[i] + rank : axes.v[i]), rank);
    n->attrs.resize.axes = hone_make_ints(n->graph->module, moved, axes.n);
}

static hone_layout_form fits_cumulate(const hone_node *n)
{
    int count = 0;
    return known_ints(n->in[1], &count) && count == 1 ? HONE_FORM_FREE : HONE_FORM_FIXED;
}

static void turn_cumulate(hone_node *n)
{
    int64_t axis = 0;
    int count = 0;
    const hone_dims scalar = {0, {0}};
    const int rank = rank_in(n);

    hone_value_ints(n->in[1], &axis, 1, &count);
    axis = hone_axis_in_last((int)(axis < 0 ? axis + rank : axis), rank);
    const int64_t *data = hone_arena_copy(n->graph->module->arena, &axis, sizeof axis);
    hone_node_set_input(n, 1,
                        hone_graph_constant(n->graph, NULL, HONE_I64, &scalar, data, sizeof *data));
}

/* A view that keeps axes 0 and 1 and splits or merges the spatial ones does the same to them in
 * channels last. */
static hone_layout_form fits_view(const hone_node *n)
{
    const hone_shape *x = &n->in[0]->type.shape, *y = &n->out[0]->type.shape;
    int open = 0;

    if (!hone_rank_has_layout(y->rank) || x->dim[0] != y->dim[0] || x->dim[1] != y->dim[1] ||
        x->dim[0] == HONE_EXTENT_UNKNOWN || x->dim[1] == HONE_EXTENT_UNKNOWN)
        return HONE_FORM_FIXED;
    for (int i = 0; i < y->rank; i++) {
        if (y->dim[i] == 0)
            return HONE_FORM_FIXED;
        open += i > 0 && !hone_extent_is_number(y->dim[i]);
    }
    return open <= 1 ? HONE_FORM_FREE : HONE_FORM_FIXED;
}

/* The node becomes a reshape to its output's shape in channels last; axis 0 stays in its place (0
 * in the operand). */
static void turn_view(hone_node *n)
{
    int perm[HONE_MAX_RANK] = {0};
    int64_t operand[HONE_MAX_RANK];
    const int rank = hone_rank_of(n->out[0]);

    hone_perm_to_last(rank, perm);
    const hone_shape shape = hone_shape_permuted(&n->out[0]->type.shape, perm);
    for (int i = 0; i < rank; i++)
        operand[i] = hone_extent_is_number(shape.dim[i]) ? shape.dim[i] : i == 0 ? 0 : -1;
    n->op = HONE_OP_reshape;
    hone_attrs_init(n->op, &n->attrs);
    hone_node_resize_inputs(n, 2);
    hone_node_set_input(n, 1, hone_graph_ints(n->graph, NULL, operand, rank));
}

static hone_layout_form fits_quantize(const hone_node *n)
{
    const hone_attr_row *row = hone_attrs_find(n->op, "block_size");
    const bool blocks = *(const int64_t *)((const char *)&n->attrs + row->offset) != 0;
    return !blocks && hone_rank_of(n->in[1]) <= 1 && hone_rank_of(n->in[1]) >= 0 ? fits_axis(n)
                                                                                 : HONE_FORM_FIXED;
}

static bool is_perm(const hone_node *n, void (*make)(int rank, int *perm))
{
    int perm[HONE_MAX_RANK] = {0};
    const hone_ints given = n->attrs.transpose.perm;

    make(given.n, perm);
    for (int i = 0; i < given.n; i++)
        if (given.v[i] != perm[i])
            return false;
    return given.n > 0;
}

/* Whether a few steps back from v, along first inputs, stands a convolution. */
static bool comes_from_conv(const hone_value *v)
{
    for (int i = 0; i < 8 && v != NULL && v->def != NULL; i++) {
        if (v->def->op == HONE_OP_conv || v->def->op == HONE_OP_conv_transpose)
            return true;
        v = hone_input(v->def, 0);
    }
    return false;
}

/* In rank 3 the two permutations are one: it is read as the one that meets the convolution. */
static hone_layout_form fits_transpose(const hone_node *n)
{
    const bool to_last = is_perm(n, hone_perm_to_last), to_first = is_perm(n, hone_perm_to_first);
    if (to_last && to_first)
        return comes_from_conv(n->in[0]) ? HONE_FORM_TO_LAST : HONE_FORM_TO_FIRST;
    return to_last ? HONE_FORM_TO_LAST : to_first ? HONE_FORM_TO_FIRST : HONE_FORM_FIXED;
}

static void turn_transpose(hone_node *n)
{
    n->op = HONE_OP_identity;
    hone_attrs_init(n->op, &n->attrs);
}

/* Pointwise: at least one operand of the output's rank; the others can be fitted. */
static hone_layout_form fits_pointwise(const hone_node *n)
{
    const int rank = hone_rank_of(n->out[0]);
    for (int i = 0; i < n->n_in; i++)
        if (n->in[i] != NULL && (hone_rank_of(n->in[i]) < 0 || hone_rank_of(n->in[i]) > rank))
            return HONE_FORM_FIXED;
    for (int i = 0; i < n->n_in; i++)
        if (n->in[i] != NULL && !hone_is_constant(n->in[i]) && hone_rank_of(n->in[i]) == rank)
            return hone_rank_has_layout(rank) ? HONE_FORM_FREE : HONE_FORM_FIXED;
    return HONE_FORM_FIXED;
}

/* ---- channel shuffle ---- */

/* Whether n is the first node of a channel shuffle, which is one choice of layout:
 *
 *     first:  reshape [N,G,K,H,W], transpose [0,2,1,3,4], reshape [N,C,H,W]
 *     last:   reshape [N,H,W,G,K], transpose [0,1,2,4,3], reshape [N,H,W,C] */
static bool splits_shuffle(const hone_node *n)
{
    static const int64_t swap[5] = {0, 2, 1, 3, 4};

    if (n == NULL || n->op != HONE_OP_reshape || rank_in(n) != 4 || hone_rank_of(n->out[0]) != 5 ||
        !hone_value_has_one_use(n->out[0]))
        return false;
    const hone_shape *x = &n->in[0]->type.shape, *y = &n->out[0]->type.shape;
    const hone_node *t = n->out[0]->first_use->node;
    if (t->op != HONE_OP_transpose || t->attrs.transpose.perm.n != 5 || t->graph != n->graph ||
        memcmp(t->attrs.transpose.perm.v, swap, sizeof swap) != 0 ||
        !hone_value_has_one_use(t->out[0]))
        return false;
    const hone_node *merge = t->out[0]->first_use->node;
    if (merge->op != HONE_OP_reshape || merge->graph != n->graph ||
        !hone_shapes_same(merge->out[0], n->in[0]))
        return false;
    for (int i = 1; i < 5; i++)
        if (!hone_extent_is_number(y->dim[i]) || y->dim[i] == 0)
            return false;
    return x->dim[0] == y->dim[0] && x->dim[2] == y->dim[3] && x->dim[3] == y->dim[4];
}

static bool swaps_shuffle(const hone_node *n)
{
    return n != NULL && n->op == HONE_OP_transpose && splits_shuffle(n->in[0]->def);
}

static void turn_shuffle_split(hone_node *n)
{
    const hone_shape *y = &n->out[0]->type.shape;
    const int64_t operand[5] = {0, y->dim[3], y->dim[4], y->dim[1], y->dim[2]};
    hone_node_set_input(n, 1, hone_graph_ints(n->graph, NULL, operand, 5));
}

static void turn_shuffle_swap(hone_node *n)
{
    static const int64_t swap[5] = {0, 1, 2, 4, 3};
    n->attrs.transpose.perm = hone_make_ints(n->graph->module, swap, 5);
}

static bool shuffle_choice(const hone_node *n, hone_layout_choice *choice)
{
    *choice = (hone_layout_choice){
        .form = HONE_FORM_FREE, .inputs = HONE_INPUTS_FIRST_ONE, .joins = true};
    if (splits_shuffle(n)) {
        choice->joins = false;
        choice->turn = turn_shuffle_split;
    } else if (swaps_shuffle(n)) {
        choice->turn = turn_shuffle_swap;
    } else if (n->op == HONE_OP_reshape && swaps_shuffle(n->in[0]->def)) {
        choice->turn = turn_view;
    } else {
        return false;
    }
    return true;
}

typedef struct layout_row {
    hone_op_id op;
    hone_layout_form (*fits)(const hone_node *n);
    void (*turn)(hone_node *n);
    hone_layout_inputs inputs;
} layout_row;

static const layout_row layout_rows[] = {
    {HONE_OP_conv, fits_conv, turn_layout_attr, HONE_INPUTS_FIRST_ONE},
    {HONE_OP_conv_transpose, fits_conv, turn_layout_attr, HONE_INPUTS_FIRST_ONE},
    {HONE_OP_max_pool, fits_layout_attr, turn_layout_attr, HONE_INPUTS_FIRST_ONE},
    {HONE_OP_average_pool, fits_layout_attr, turn_layout_attr, HONE_INPUTS_FIRST_ONE},
    {HONE_OP_lp_pool, fits_layout_attr, turn_layout_attr, HONE_INPUTS_FIRST_ONE},
    {HONE_OP_global_average_pool, fits_layout_attr, turn_layout_attr, HONE_INPUTS_FIRST_ONE},
    {HONE_OP_global_max_pool, fits_layout_attr, turn_layout_attr, HONE_INPUTS_FIRST_ONE},
    {HONE_OP_global_lp_pool, fits_layout_attr, turn_layout_attr, HONE_INPUTS_FIRST_ONE},
    {HONE_OP_lrn, fits_layout_attr, turn_layout_attr, HONE_INPUTS_FIRST_ONE},
    {HONE_OP_depth_to_space, fits_layout_attr, turn_layout_attr, HONE_INPUTS_FIRST_ONE},
    {HONE_OP_space_to_depth, fits_layout_attr, turn_layout_attr, HONE_INPUTS_FIRST_ONE},
    {HONE_OP_frame, fits_frame, turn_layout_attr, HONE_INPUTS_FIRST_ONE},
    {HONE_OP_resize, fits_resize, turn_resize, HONE_INPUTS_FIRST_ONE},
    {HONE_OP_softmax, fits_axis, turn_axis, HONE_INPUTS_FIRST_ONE},
    {HONE_OP_log_softmax, fits_axis, turn_axis, HONE_INPUTS_FIRST_ONE},
    {HONE_OP_hardmax, fits_axis, turn_axis, HONE_INPUTS_FIRST_ONE},
    {HONE_OP_lp_normalization, fits_axis, turn_axis, HONE_INPUTS_FIRST_ONE},
    {HONE_OP_topk, fits_axis, turn_axis, HONE_INPUTS_FIRST_ONE},
    {HONE_OP_split, fits_axis, turn_axis, HONE_INPUTS_FIRST_ONE},
    {HONE_OP_concat, fits_concat, turn_axis, HONE_INPUTS_ALL},
    {HONE_OP_argmax, fits_arg, turn_axis, HONE_INPUTS_FIRST_ONE},
    {HONE_OP_argmin, fits_arg, turn_axis, HONE_INPUTS_FIRST_ONE},
    {HONE_OP_gather, fits_gather, turn_axis, HONE_INPUTS_FIRST_ONE},
    {HONE_OP_slice, fits_slice, turn_slice, HONE_INPUTS_FIRST_ONE},
    {HONE_OP_pad, fits_slice, turn_pad, HONE_INPUTS_FIRST_ONE},
    {HONE_OP_tile, fits_vector, turn_vector, HONE_INPUTS_FIRST_ONE},
    {HONE_OP_expand, fits_vector, turn_vector, HONE_INPUTS_FIRST_ONE},
    {HONE_OP_cumsum, fits_cumulate, turn_cumulate, HONE_INPUTS_FIRST_ONE},
    {HONE_OP_cumprod, fits_cumulate, turn_cumulate, HONE_INPUTS_FIRST_ONE},
    {HONE_OP_quantize_linear, fits_quantize, turn_axis, HONE_INPUTS_FIRST_ONE},
    {HONE_OP_dequantize_linear, fits_quantize, turn_axis, HONE_INPUTS_FIRST_ONE},
    {HONE_OP_reshape, fits_view, turn_view, HONE_INPUTS_FIRST_ONE},
    {HONE_OP_flatten, fits_view, turn_view, HONE_INPUTS_FIRST_ONE},
    {HONE_OP_squeeze, fits_view, turn_view, HONE_INPUTS_FIRST_ONE},
    {HONE_OP_unsqueeze, fits_view, turn_view, HONE_INPUTS_FIRST_ONE},
    {HONE_OP_transpose, fits_transpose, turn_transpose, HONE_INPUTS_FIRST_ONE},
};

static hone_layout_choice choice_by_row(const hone_node *n)
{
    for (int i = 0; i < HONE_COUNT(layout_rows); i++) {
        const layout_row *row = &layout_rows[i];
        if (row->op == n->op)
            return (hone_layout_choice){
                .form = row->fits(n), .inputs = row->inputs, .turn = row->turn};
    }
    if (hone_op_has(n->op, HONE_TRAIT_REDUCTION))
        return (hone_layout_choice){.form = fits_reduce(n), .turn = turn_reduce};
    return (hone_layout_choice){.form = HONE_FORM_FIXED};
}

hone_layout_choice hone_layout_choice_of(const hone_node *n)
{
    const hone_layout_choice fixed = {.form = HONE_FORM_FIXED};
    hone_layout_choice shuffle;

    if (n->n_out == 0 || n->out[0] == NULL || n->n_in == 0 || n->in[0] == NULL)
        return fixed;
    if (n->op == HONE_OP_frame)
        return choice_by_row(n);
    if (hone_op_has(n->op, HONE_TRAIT_POINTWISE))
        return (hone_layout_choice){.form = fits_pointwise(n), .inputs = HONE_INPUTS_BROADCAST};
    if (!hone_rank_has_layout(rank_in(n)))
        return fixed;
    return shuffle_choice(n, &shuffle) ? shuffle : choice_by_row(n);
}
