/* Sequences and optionals that can be taken apart while importing: where items and positions are
 * known, a sequence is a list of values, and the operators on it only pick, add and join. What is
 * left in the IR works on tensors alone. Sequences that only running tells (inputs of the model,
 * carried by loops) are not taken. */
#include "onnx/import.h"

const hone_list *hone_list_find(const hone_import *im, const hone_value *value)
{
    int low = 0, high = im->lists.n;

    while (value && low < high) {
        const int middle = low + (high - low) / 2;
        if (im->lists.v[middle].value == value)
            return &im->lists.v[middle];
        if (im->lists.v[middle].value->id < value->id)
            low = middle + 1;
        else
            high = middle;
    }
    return NULL;
}

/* A list of n items, to be filled in. */
static hone_list *new_list(hone_call *call, int n, hone_dtype dtype)
{
    hone_import *im = call->import;
    const hone_type type = {.kind = HONE_KIND_SEQUENCE, .dtype = dtype, .shape.rank = -1};
    hone_list *list = hone_vec_push(im->arena, &im->lists);

    list->value = hone_value_create(call->graph, NULL, &type);
    list->n = n;
    list->items = hone_arena_array(im->arena, (size_t)n, sizeof *list->items);
    return list;
}

static hone_value *value_of(const hone_list *list)
{
    return (hone_value *)list->value;
}

hone_value *hone_list_copy(hone_call *call, const hone_list *list)
{
    const hone_list from = *list; /* the vector of lists may move */
    hone_list *copy = new_list(call, from.n, from.value->type.dtype);

    copy->is_nothing = from.is_nothing;
    copy->items = from.items;
    return value_of(copy);
}

/* Input 0 as a list. */
static hone_status list_input(hone_call *call, hone_list *out)
{
    const hone_list *list = hone_list_find(call->import, hone_call_in(call, 0));

    if (!list || list->is_nothing)
        return hone_call_unsupported(
            call, "it needs a sequence whose items are known when the model is imported");
    *out = *list;
    return HONE_OK;
}

/* The position that input i holds, or `otherwise` where it is absent; negative ones count from
 * `size` down; 0 <= position < n. */
static hone_status position_input(hone_call *call, int i, int64_t otherwise, int size, int n,
                                  int *out)
{
    const hone_value *value = hone_call_in(call, i);
    int64_t position = otherwise;
    int count = 1;

    if (value && (!hone_value_ints(value, &position, 1, &count) || count != 1))
        return hone_call_unsupported(call, "its position must be known when the model is imported");
    position = value && position < 0 ? position + size : position;
    if (position < 0 || position >= n)
        return hone_call_malformed(call, "its position is %lld, outside of the sequence",
                                   (long long)position);
    *out = (int)position;
    return HONE_OK;
}

static bool is_tensor(const hone_call *call, const hone_value *value)
{
    return value && value->type.kind == HONE_KIND_TENSOR && !hone_list_find(call->import, value);
}

hone_status hone_import_sequence_construct(hone_call *call)
{
    if (call->n_in < 1 || call->n_in > HONE_IMPORT_MAX_LIST)
        return hone_call_malformed(call, "it has %d inputs; it must have 1 to %d", call->n_in,
                                   HONE_IMPORT_MAX_LIST);
    for (int i = 0; i < call->n_in; i++)
        if (!is_tensor(call, call->in[i]))
            return hone_call_unsupported(call, "input %d is not a tensor", i);
    hone_list *list = new_list(call, call->n_in, call->in[0]->type.dtype);
    for (int i = 0; i < call->n_in; i++)
        list->items[i] = call->in[i];
    call->out[0] = value_of(list);
    return HONE_OK;
}

hone_status hone_import_sequence_empty(hone_call *call)
{
    hone_attrs attrs;

    hone_attrs_init(HONE_OP_sequence_empty, &attrs);
    HONE_TRY(hone_call_map(call, HONE_OP_sequence_empty, &attrs));
    call->out[0] = value_of(new_list(call, 0, attrs.sequence_empty.dtype));
    return HONE_OK;
}

hone_status hone_import_sequence_insert(hone_call *call)
{
    hone_list from = {0};
    int at;

    HONE_TRY(list_input(call, &from));
    if (call->n_in > 3 || !is_tensor(call, hone_call_in(call, 1)))
        return hone_call_malformed(call,
                                   "it must have a sequence, a tensor and perhaps a position");
    if (from.n == HONE_IMPORT_MAX_LIST)
        return hone_error(HONE_ERR_LIMIT, "a sequence has more than %d items",
                          HONE_IMPORT_MAX_LIST);
    HONE_TRY(position_input(call, 2, from.n, from.n, from.n + 1, &at));
    hone_list *list = new_list(call, from.n + 1, from.value->type.dtype);
    for (int i = 0; i < list->n; i++)
        list->items[i] = i == at ? call->in[1] : from.items[i - (i > at)];
    call->out[0] = value_of(list);
    return HONE_OK;
}

hone_status hone_import_sequence_erase(hone_call *call)
{
    hone_list from = {0};
    int at;

    HONE_TRY(list_input(call, &from));
    HONE_TRY(position_input(call, 1, from.n - 1, from.n, from.n, &at));
    hone_list *list = new_list(call, from.n - 1, from.value->type.dtype);
    for (int i = 0; i < list->n; i++)
        list->items[i] = from.items[i + (i >= at)];
    call->out[0] = value_of(list);
    return HONE_OK;
}

hone_status hone_import_sequence_at(hone_call *call)
{
    hone_list from = {0};
    int at;

    HONE_TRY(list_input(call, &from));
    if (call->n_in != 2)
        return hone_call_malformed(call, "it has %d inputs; it must have two", call->n_in);
    HONE_TRY(position_input(call, 1, 0, from.n, from.n, &at));
    call->out[0] = from.items[at];
    return HONE_OK;
}

hone_status hone_import_sequence_length(hone_call *call)
{
    hone_list from = {0};

    HONE_TRY(list_input(call, &from));
    call->out[0] = hone_emit_int(call, from.n);
    return HONE_OK;
}

hone_status hone_import_concat_from_sequence(hone_call *call)
{
    const bool is_new = hone_call_int(call, "new_axis", 0) != 0;
    hone_attrs attrs;
    hone_list from = {0};

    HONE_TRY(list_input(call, &from));
    hone_attrs_init(HONE_OP_concat, &attrs);
    attrs.concat.axis = hone_call_int(call, "axis", 0);
    if (from.n == 0)
        return hone_call_malformed(call, "its sequence is empty");
    hone_value **in = hone_arena_array(call->import->arena, (size_t)from.n, sizeof *in);
    for (int i = 0; i < from.n; i++)
        in[i] = is_new
                    ? hone_emit(call, HONE_OP_unsqueeze, NULL,
                                HONE_IN(from.items[i], hone_emit_ints(call, &attrs.concat.axis, 1)))
                    : from.items[i];
    call->out[0] = hone_emit(call, HONE_OP_concat, &attrs, in, from.n);
    return call->status;
}

/* ---- SplitToSequence ---- */

/* The sizes of the parts that an extent is split into, written to out (room for MAX_LIST); false
 * where they cannot be known or are too many. */
static bool split_sizes(const hone_value *split, int64_t extent, int64_t *out, int *n)
{
    int64_t each = 1;

    if (split && hone_rank(split) == 1)
        return hone_value_ints(split, out, HONE_IMPORT_MAX_LIST, n);
    if (split && (!hone_value_ints(split, &each, 1, n) || *n != 1))
        return false;
    if (each < 1 || (extent - 1) / each >= HONE_IMPORT_MAX_LIST)
        return false;
    *n = 0;
    for (int64_t left = extent; left > 0; left -= each)
        out[(*n)++] = HONE_MIN(each, left);
    return true;
}

static hone_status known_extent(hone_call *call, const hone_value *x, int64_t axis, int64_t *out)
{
    const int rank = hone_rank(x);

    axis = axis < 0 ? axis + rank : axis;
    if (rank >= 0 && (axis < 0 || axis >= rank))
        return hone_call_malformed(call, "its axis is outside the %d dimensions of its input",
                                   rank);
    if (rank < 0 || !hone_extent_is_number(x->type.shape.dim[axis]))
        return hone_call_unsupported(
            call, "the extent that is split must be known when the model is imported");
    *out = x->type.shape.dim[axis];
    return HONE_OK;
}

hone_status hone_import_split_to_sequence(hone_call *call)
{
    const bool keep = hone_call_int(call, "keepdims", 1) != 0;
    hone_value *x = hone_call_in(call, 0), *split = hone_call_in(call, 1);
    int64_t *sizes = hone_arena_array(call->import->arena, HONE_IMPORT_MAX_LIST, sizeof *sizes);
    int64_t extent = 0;
    hone_attrs attrs;
    int n;

    hone_attrs_init(HONE_OP_split, &attrs);
    attrs.split.axis = hone_call_int(call, "axis", 0);
    HONE_TRY(call->status);
    if (call->n_in < 1 || call->n_in > 2 || !is_tensor(call, x))
        return hone_call_malformed(call, "it must have a tensor and perhaps sizes");
    HONE_TRY(known_extent(call, x, attrs.split.axis, &extent));
    if (!split_sizes(split, extent, sizes, &n) || n < 1)
        return hone_call_unsupported(
            call, "its sizes must be known when the model is imported, and at most %d",
            HONE_IMPORT_MAX_LIST);
    const hone_node *node =
        hone_emit_node(call, HONE_OP_split, &attrs, HONE_IN(x, hone_emit_ints(call, sizes, n)), n);
    hone_value **parts = hone_arena_copy(call->import->arena, node->out, (size_t)n * sizeof *parts);
    if (!split && !keep)
        for (int i = 0; i < n; i++)
            parts[i] = hone_emit(call, HONE_OP_squeeze, NULL,
                                 HONE_IN(parts[i], hone_emit_ints(call, &attrs.split.axis, 1)));
    hone_list *list = new_list(call, n, x->type.dtype);
    list->items = parts;
    call->out[0] = value_of(list);
    return call->status;
}

/* ---- optionals ---- */

/* An optional with something in it is that; one without is a list that is nothing. */
hone_status hone_import_optional(hone_call *call)
{
    hone_call_ignore(call, "type");
    if (call->n_in > 1)
        return hone_call_malformed(call, "it has %d inputs; it may have one", call->n_in);
    if (call->n_in == 1) {
        call->out[0] = call->in[0];
        return HONE_OK;
    }
    hone_list *list = new_list(call, 0, HONE_NONE);
    list->is_nothing = true;
    call->out[0] = value_of(list);
    return HONE_OK;
}

static hone_status check_optional(hone_call *call)
{
    const hone_value *x = hone_call_in(call, 0);

    if (call->n_in > 1)
        return hone_call_malformed(call, "it has %d inputs; it may have one", call->n_in);
    if (x && x->type.kind == HONE_KIND_OPTIONAL)
        return hone_call_unsupported(
            call, "whether its optional holds something must be known when the model is imported");
    return HONE_OK;
}

hone_status hone_import_optional_has_element(hone_call *call)
{
    const hone_value *x = hone_call_in(call, 0);
    const hone_value truth = {.type.dtype = HONE_BOOL};

    HONE_TRY(check_optional(call));
    const hone_list *list = hone_list_find(call->import, x);
    call->out[0] = hone_emit_scalar(call, &truth, x && !(list && list->is_nothing) ? 1.0 : 0.0);
    return HONE_OK;
}

hone_status hone_import_optional_get_element(hone_call *call)
{
    hone_value *x = hone_call_in(call, 0);

    HONE_TRY(check_optional(call));
    const hone_list *list = hone_list_find(call->import, x);
    if (!x || (list && list->is_nothing))
        return hone_call_malformed(call, "its optional holds nothing");
    call->out[0] = x;
    return HONE_OK;
}

/* Of a sequence the list is handed on, of anything else a node is made. */
hone_status hone_import_identity(hone_call *call)
{
    if (call->n_in != 1 || !hone_list_find(call->import, call->in[0]))
        return hone_import_plain(call);
    call->out[0] = call->in[0];
    return HONE_OK;
}
