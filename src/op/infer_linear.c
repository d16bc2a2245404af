/* The layers with a state of their own: LinearAttention and CausalConvWithState, ONNX 27. */
#include <stdio.h>

#include "op/infer_tools.h"

/* Input i, where there is one, is [first, second, third]. */
static hone_status check_cube(const hone_infer *x, int i, const hone_extent wanted[3])
{
    char what[32];

    if (hone_in_rank(x, i) < 0)
        return HONE_OK;
    HONE_TRY(hone_infer_check_rank(x, i, 3, 3));
    snprintf(what, sizeof what, "input %d", i);
    for (int k = 0; k < 3; k++)
        HONE_TRY(hone_infer_same_extent(x, hone_in_dim(x, i, k), wanted[k], what,
                                        "what the others ask for", NULL));
    return HONE_OK;
}

/* Inputs x [batch, channels, length], w [channels, 1, k], bias, past [batch, channels, k - 1]. */
hone_status hone_infer_causal_conv(hone_infer *x)
{
    const hone_extent batch = hone_in_dim(x, 0, 0), channels = hone_in_dim(x, 0, 1),
                      kernel = hone_in_dim(x, 1, 2);
    const hone_extent weights[3] = {channels, 1, kernel};
    const hone_extent past[3] = {batch, channels, hone_extent_sub(x->extents, kernel, 1)};

    for (int i = 0; i < x->n_in; i++) {
        HONE_TRY(hone_infer_check_types(x, i, HONE_TYPES_FLOAT));
        HONE_TRY(hone_infer_check_same_type(x, 0, i));
    }
    HONE_TRY(hone_infer_check_rank(x, 0, 3, 3));
    HONE_TRY(check_cube(x, 1, weights));
    if (hone_extent_is_number(kernel))
        HONE_TRY(hone_check_range("the kernel's extent", kernel, 1, HONE_ATTR_MOST));
    HONE_TRY(hone_infer_check_row(x, 2, channels));
    HONE_TRY(check_cube(x, 3, past));
    const hone_shape state = hone_shape_make(3, past[0], past[1], past[2]);
    hone_out_set(x, 0, hone_in_dtype(x, 0), hone_in_shape(x, 0));
    hone_out_set(x, 1, hone_in_dtype(x, 0), &state);
    return HONE_OK;
}

enum {
    LINEAR,
    GATED,
    DELTA,
    GATED_DELTA
}; /* update_rule */

/* Decay and beta are there exactly where the rule uses them. */
static hone_status check_rule(const hone_infer *x)
{
    const int64_t rule = x->attrs->linear_attention.update_rule;
    const bool wanted[2] = {rule == GATED || rule == GATED_DELTA,
                            rule == DELTA || rule == GATED_DELTA};
    static const char *const names[2] = {"decay", "beta"};

    for (int i = 0; i < 2; i++)
        if (hone_infer_has(x, 4 + i) != wanted[i])
            return hone_error(HONE_ERR_BUILD, "%s is %s; the update rule %s it", names[i],
                              wanted[i] ? "absent" : "given",
                              wanted[i] ? "needs" : "has no use for");
    return HONE_OK;
}

/* The last extent of input i, where it is a number, by the number of heads. */
static hone_status head_size(const hone_infer *x, int i, int64_t heads, hone_extent *out)
{
    const hone_extent width = hone_in_dim(x, i, 2);

    if (hone_extent_is_number(width) && width % heads)
        return hone_error(HONE_ERR_BUILD,
                          "input %d has last extent %lld; it must divide by its %lld heads", i,
                          (long long)width, (long long)heads);
    *out = hone_extent_floor_div(x->extents, width, heads);
    return HONE_OK;
}

/* The last extent of decay or beta is one of two. */
static hone_status check_gate(const hone_infer *x, int i, hone_extent a, hone_extent b)
{
    const hone_extent width = hone_in_dim(x, i, 2);
    const hone_extent wanted[3] = {hone_in_dim(x, 0, 0), hone_in_dim(x, 0, 1), width == a ? a : b};

    return hone_infer_has(x, i) ? check_cube(x, i, wanted) : HONE_OK;
}

/* Inputs q [batch, tokens, q heads * key], k [batch, tokens, kv heads * key], v [batch, tokens, kv
 * heads * value], past [batch, kv heads, key, value], decay, beta. */
hone_status hone_infer_linear_attention(hone_infer *x)
{
    const hone_attrs_linear_attention *a = &x->attrs->linear_attention;
    hone_extents *t = x->extents;
    hone_extent key = HONE_EXTENT_UNKNOWN, value = HONE_EXTENT_UNKNOWN, width;

    HONE_TRY(hone_check_range("kv_num_heads", a->kv_num_heads, 1, HONE_ATTR_MOST));
    HONE_TRY(hone_check_range("q_num_heads", a->q_num_heads, 1, HONE_ATTR_MOST));
    if (a->q_num_heads % a->kv_num_heads)
        return hone_error(HONE_ERR_BUILD,
                          "q_num_heads is %lld; it must divide by kv_num_heads, %lld",
                          (long long)a->q_num_heads, (long long)a->kv_num_heads);
    for (int i = 0; i < x->n_in; i++) {
        HONE_TRY(hone_infer_check_types(x, i, HONE_TYPES_FLOAT));
        if (i != 3)
            HONE_TRY(hone_infer_check_same_type(x, 0, i));
    }
    HONE_TRY(check_rule(x));
    HONE_TRY(hone_infer_check_rank(x, 0, 3, 3));
    HONE_TRY(hone_infer_check_rank(x, 2, 3, 3));
    HONE_TRY(head_size(x, 0, a->q_num_heads, &key));
    HONE_TRY(head_size(x, 2, a->kv_num_heads, &value));
    const hone_extent batch = hone_in_dim(x, 0, 0), tokens = hone_in_dim(x, 0, 1);
    const hone_extent keys = hone_extent_mul(t, key, a->kv_num_heads);
    HONE_TRY(check_cube(x, 1, (hone_extent[3]){batch, tokens, keys}));
    HONE_TRY(check_cube(x, 2, (hone_extent[3]){batch, tokens, hone_in_dim(x, 2, 2)}));
    HONE_TRY(check_gate(x, 4, a->kv_num_heads, keys));
    HONE_TRY(check_gate(x, 5, a->kv_num_heads, 1));
    HONE_TRY(hone_infer_mul(x, value, a->q_num_heads, "the last extent of the output", &width));
    const hone_shape y = hone_shape_make(3, batch, tokens, width);
    const hone_shape state = hone_shape_make(4, batch, (hone_extent)a->kv_num_heads, key, value);
    HONE_TRY(hone_infer_check_rank(x, 3, 4, 4));
    for (int i = 0; hone_in_rank(x, 3) == 4 && i < 4; i++)
        HONE_TRY(hone_infer_same_extent(x, hone_in_dim(x, 3, i), state.dim[i], "the past",
                                        "the state", NULL));
    hone_out_set(x, 0, hone_in_dtype(x, 0), &y);
    hone_out_set(x, 1, hone_in_dtype(x, hone_infer_has(x, 3) ? 3 : 0), &state);
    return HONE_OK;
}
