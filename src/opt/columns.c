/* The set "columns": what is left of pointwise regions is given operands that kernels run along
 * fast. */
#include "opt/edit.h"
#include "opt/rules.h"

#define COLUMNS_ENOUGH 256         /* elements of a line that is long enough */
#define COLUMNS_LIMIT  (16 * 1024) /* elements of an operand written out */

/* How many of the output's last axes make a line that is long enough, and its length; 0 where they
 * are not numbers. */
static int axes_of_line(const hone_shape *out, int64_t *length)
{
    int n = 0;

    *length = 1;
    while (n < out->rank && *length < COLUMNS_ENOUGH) {
        const hone_extent e = out->dim[out->rank - 1 - n];
        if (!hone_extent_is_number(e) || e < 1)
            return 0;
        *length *= e;
        n++;
    }
    return *length <= COLUMNS_LIMIT ? n : 0;
}

/* The constant [C] (or [1, ..., C]) as a line: repeated over the last n axes of `out`. */
static hone_value *repeated(hone_graph *g, const hone_value *c, const hone_shape *out, int n,
                            int64_t length)
{
    const int64_t columns = hone_constant_count(c);
    const float *from = hone_constant_floats(g->module, c);
    float *to = hone_arena_array(g->module->arena, (size_t)length, sizeof *to);
    hone_dims dims = {.rank = n};

    for (int i = 0; i < n; i++)
        dims.dim[i] = out->dim[out->rank - n + i];
    for (int64_t i = 0; i < length; i++)
        to[i] = from[i % columns];
    return hone_graph_constant(g, NULL, HONE_F32, &dims, to, (size_t)length * sizeof *to);
}

static bool is_columns(const hone_value *v, hone_extent columns)
{
    return hone_is_constant(v) && hone_is_f32(v) && !v->constant->is_splat && hone_rank_of(v) > 0 &&
           hone_dim_of(v, hone_rank_of(v) - 1) == columns && hone_constant_count(v) == columns;
}

/* lengthen_columns: constants of few columns are written out over several pixels.
 *
 *     pointwise(x: [1, 256, 128, 3], c: [3])   ->   pointwise(x, c': [128, 3])
 *
 * Legal always: broadcasting would repeat them so. Done when lines are short and all other operands
 * are whole or such constants, because the region then runs along lines of hundreds of elements
 * instead of 3. */
static bool lengthen_columns(hone_graph *g, hone_node *region)
{
    const hone_shape *out = &region->out[0]->type.shape;
    int64_t length;
    bool any = false;

    if (out->rank < 2 || !hone_extent_is_number(out->dim[out->rank - 1]) ||
        out->dim[out->rank - 1] >= COLUMNS_ENOUGH / 4)
        return false;
    const hone_extent columns = out->dim[out->rank - 1];
    const int n = axes_of_line(out, &length);
    for (int i = 0; i < region->n_in; i++) {
        if (is_columns(region->in[i], columns))
            any = true;
        else if (!hone_shapes_same(region->in[i], region->out[0]))
            return false;
    }
    if (!any || n < 2 || columns < 2 || length <= columns)
        return false;
    for (int i = 0; i < region->n_in; i++)
        if (is_columns(region->in[i], columns))
            hone_node_set_input(region, i, repeated(g, region->in[i], out, n, length));
    return true;
}
const hone_rule hone_rule_lengthen_columns = {"lengthen_columns", HONE_OP_pointwise,
                                              lengthen_columns};
