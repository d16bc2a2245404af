/* The set "epilogue": a pointwise program goes into the contraction that feeds it. */
#include "opt/edit.h"
#include "opt/rules.h"

/* The program attribute of a contraction that has one; NULL for others. */
static const hone_program **program_of(hone_node *n)
{
    switch (n->op) {
    case HONE_OP_matmul: return &n->attrs.matmul.program;
    case HONE_OP_conv: return &n->attrs.conv.program;
    case HONE_OP_conv_transpose: return &n->attrs.conv_transpose.program;
    default: return NULL;
    }
}

/* The type attribute of a contraction. */
static hone_dtype *type_of(hone_node *n)
{
    return n->op == HONE_OP_matmul ? &n->attrs.matmul.to
           : n->op == HONE_OP_conv ? &n->attrs.conv.to
                                   : &n->attrs.conv_transpose.to;
}

/* The value behind a view that only this region uses; v itself where there is none. */
static hone_value *behind_view(hone_value *v)
{
    const hone_node *view = v->def;
    const bool is_view =
        view != NULL && hone_op_has(view->op, HONE_TRAIT_VIEW) && view->op != HONE_OP_bit_cast;
    return is_view && hone_value_has_one_use(v) ? view->in[0] : v;
}

/* Whether input k of the region is a contraction, perhaps behind a view, that can take the region
 * over. */
static bool can_take(const hone_node *region, int k)
{
    const hone_value *v = behind_view(region->in[k]);

    if (v->def == NULL || v->def->graph != region->graph || !hone_value_has_one_use(v) ||
        !hone_is_f32(v) || !hone_value_has_one_use(region->in[k]) ||
        !hone_shapes_same(region->in[k], region->out[0]))
        return false;
    const hone_program **program = program_of(v->def);
    return program != NULL && *program == NULL && v->def->n_in <= 3;
}

/* Whether a region's operand can be seen under the product's shape: it has one element, or as many
 * as the product, or as many as each of its images, or one for each of its columns. 0: no; else
 * how. */
typedef enum operand_form {
    OPERAND_NONE,
    OPERAND_AS_IT_IS,
    OPERAND_WHOLE,
    OPERAND_IMAGE,
    OPERAND_COLUMNS,
} operand_form;

/* Whether x is the same for every image: all of the region but for its first axis, which the view
 * keeps. */
static bool is_image(const hone_value *x, const hone_value *region_out, const hone_value *product)
{
    const int rank = hone_rank_of(region_out);

    if (hone_rank_of(x) != rank || rank < 2 || hone_rank_of(product) < 2 ||
        hone_dim_of(x, 0) != 1 || hone_dim_of(region_out, 0) != hone_dim_of(product, 0))
        return false;
    for (int i = 1; i < rank; i++)
        if (hone_dim_of(x, i) != hone_dim_of(region_out, i))
            return false;
    return true;
}

static operand_form form_under(const hone_value *x, const hone_value *region_out,
                               const hone_value *product)
{
    const int rank = hone_rank_of(product), rank_x = hone_rank_of(x),
              rank_out = hone_rank_of(region_out);

    if (rank_x < 0)
        return OPERAND_NONE;
    if (hone_shapes_same(product, region_out))
        return hone_shape_absorbs(&product->type.shape, &x->type.shape) ? OPERAND_AS_IT_IS
                                                                        : OPERAND_NONE;
    if (hone_shapes_same(x, region_out))
        return OPERAND_WHOLE;
    if (is_image(x, region_out, product))
        return OPERAND_IMAGE;
    bool vector = rank_x > 0;
    for (int i = 0; i + 1 < rank_x; i++)
        vector = vector && hone_dim_of(x, i) == 1;
    if (rank_x == 0 || (vector && hone_dim_of(x, rank_x - 1) == 1 && rank_x <= rank))
        return OPERAND_AS_IT_IS;
    const hone_extent columns = hone_dim_of(product, rank - 1);
    return vector && columns == hone_dim_of(region_out, rank_out - 1) &&
                   columns == hone_dim_of(x, rank_x - 1)
               ? OPERAND_COLUMNS
               : OPERAND_NONE;
}

/* The operand as the product's node takes it; NULL where it cannot. */
static hone_value *operand_under(hone_node *region, hone_value *x, const hone_value *product)
{
    hone_shape columns = {1, {0}}, image = product->type.shape;

    switch (form_under(x, region->out[0], product)) {
    case OPERAND_AS_IT_IS: return x;
    case OPERAND_WHOLE: return hone_make_reshape(region, x, &product->type.shape);
    case OPERAND_IMAGE: image.dim[0] = 1; return hone_make_reshape(region, x, &image);
    case OPERAND_COLUMNS:
        columns.dim[0] = hone_dim_of(product, hone_rank_of(product) - 1);
        return hone_rank_of(x) == 1 ? x : hone_make_reshape(region, x, &columns);
    case OPERAND_NONE: break;
    }
    return NULL;
}

/* The region's program with input k first and the others after it. */
static const hone_program *with_first(hone_arena *arena, const hone_program *p, int k)
{
    hone_program_builder b;
    int args[HONE_PROGRAM_INPUTS];

    hone_program_begin(&b, p->n_in);
    for (int i = 0; i < p->n_in; i++)
        args[i] = i == k ? 0 : i < k ? i + 1 : i;
    const int result = hone_program_inline(&b, p, args);
    return result < 0 ? NULL : hone_program_end(&b, arena, result);
}

/* What the two backends can compute behind a product. */
typedef bool (*operand_fits)(const hone_value *x, const hone_node *product);

static bool fits_cpu(const hone_value *x, const hone_node *product)
{
    (void)product;
    return hone_is_f32(x);
}

/* Whether axes [from, to) of x, seen under `rank` axes, are all those of y, or all 1. */
static bool is_whole_or_one(const hone_value *x, const hone_value *y, int from, int to)
{
    const int rank = hone_rank_of(y), missing = rank - hone_rank_of(x);
    bool whole = true, one = true;

    for (int i = from; i < to; i++) {
        const hone_extent e = i < missing ? 1 : hone_dim_of(x, i - missing);
        whole = whole && e == hone_dim_of(y, i);
        one = one && e == 1;
    }
    return whole || one;
}

/* A GPU's kernels step through rows evenly: pixels of an image together, and at most two levels of
 * images or heads. */
static bool fits_gpu(const hone_value *x, const hone_node *product)
{
    const hone_value *y = product->out[0];
    const int rank = hone_rank_of(y);
    const hone_dtype t = x->type.dtype;

    if (x->type.kind != HONE_KIND_TENSOR || (t != HONE_F32 && t != HONE_F16 && t != HONE_BF16))
        return false;
    if (product->op == HONE_OP_matmul)
        return rank <= 4 || is_whole_or_one(x, y, 0, rank - 1);
    return is_whole_or_one(x, y, 1, rank - 1);
}

static bool others_fit(const hone_node *region, int taken, operand_fits fits)
{
    const hone_value *product = behind_view(region->in[taken]);

    for (int i = 0; i < region->n_in; i++) {
        if (i == taken)
            continue;
        const operand_form form = form_under(region->in[i], region->out[0], product);
        const hone_node *seen = form == OPERAND_AS_IT_IS ? product->def : region;
        if (form == OPERAND_NONE || (form == OPERAND_IMAGE && fits == fits_cpu) ||
            !fits(region->in[i], seen))
            return false;
    }
    return true;
}

/* Puts the program behind the product that is input k. */
static bool fuse(hone_node *region, int k, const hone_program *program)
{
    hone_value *in[HONE_PROGRAM_INPUTS + 3];
    const hone_value *product = behind_view(region->in[k]);
    hone_node *old = product->def;
    int n = 3;

    in[0] = old->in[0];
    in[1] = old->in[1];
    in[2] = hone_input(old, 2);
    for (int i = 0; i < region->n_in; i++)
        if (i != k && (in[n++] = operand_under(region, region->in[i], product)) == NULL)
            return false;
    hone_node *made = hone_make_node(region, old->op, n == 3 && in[2] == NULL ? 2 : n, in);
    made->attrs = old->attrs;
    made->name = old->name;
    *program_of(made) = program;
    if (!hone_is_f32(region->out[0]))
        *type_of(made) = region->out[0]->type.dtype;
    if (hone_shapes_same(product, region->out[0]))
        return hone_put_in_place(region->out[0], made);
    if (hone_node_infer(made) != HONE_OK)
        return false;
    hone_value *view = hone_make_reshape(region, made->out[0], &region->out[0]->type.shape);
    return view != NULL && hone_put_value(region->out[0], view);
}

/* fuse_epilogue: a region after a contraction is computed where the product is stored.
 *
 *     pointwise(conv(x, w, b), r) { p }            ->   conv(x, w, b, r) { p }      and so for
 * matmul and conv_transpose pointwise(reshape(matmul(x, w)), r) { p }    ->   reshape(matmul(x, w,
 * _, reshape(r)) { p })
 *
 * Legal when the product (and the view) has no other use and the region's shape is the product's,
 * everything is float32, and the other operands broadcast to it; behind a view they must be whole,
 * one element, or one for each column. The contraction moves down to where the region stood: its
 * operands are ready by then, and so are the region's. Saves a write and a read of the product, a
 * step, and a barrier of all threads. */
static bool fuse_epilogue(hone_graph *g, hone_node *region)
{
    int k = 0;

    if (!hone_is_f32(region->out[0]))
        return false;
    while (k < region->n_in && !(can_take(region, k) && others_fit(region, k, fits_cpu)))
        k++;
    if (k == region->n_in)
        return false;
    const hone_program *program = with_first(g->module->arena, region->attrs.pointwise.program, k);
    return program != NULL && fuse(region, k, program);
}
const hone_rule hone_rule_fuse_epilogue = {"fuse_epilogue", HONE_OP_pointwise, fuse_epilogue};

#define GPU_OPERANDS 4 /* further ones that a contraction's kernels take */

/* Which of two nodes of one graph stands later; either may be NULL. */
static bool is_later(const hone_node *n, const hone_node *than)
{
    while (than != NULL && than != n)
        than = than->next;
    return than != NULL;
}

/* The input whose product is computed last: the other one is then there already. -1: none. */
static int last_product(const hone_node *region)
{
    int best = -1;

    for (int k = 0; k < region->n_in; k++) {
        if (!can_take(region, k) || !others_fit(region, k, fits_gpu))
            continue;
        const hone_node *def = behind_view(region->in[k])->def;
        const int operands = region->n_in - 1 + (def->n_in > 2 && !hone_is_constant(def->in[2]));
        if (operands <= GPU_OPERANDS &&
            (best < 0 || is_later(def, behind_view(region->in[best])->def)))
            best = k;
    }
    return best;
}

/* Without the rounding at its end, which storing does. */
static const hone_program *without_rounding(hone_arena *arena, const hone_program *p)
{
    hone_program_builder b;
    int args[HONE_PROGRAM_INPUTS];
    const hone_instr *last = &p->instr[p->n_instr - 1];

    if (last->op != HONE_SCALAR_to_f16 && last->op != HONE_SCALAR_to_bf16)
        return p;
    hone_program_begin(&b, p->n_in);
    for (int i = 0; i < p->n_in; i++)
        args[i] = i;
    if (hone_program_inline(&b, p, args) < 0)
        return p;
    return hone_program_end(&b, arena, last->arg[0]);
}

/* Whether the program gives its only input as it is. */
static bool is_copy(const hone_program *p)
{
    return p->n_in == 1 && p->n_instr == 1 && p->instr[0].op == HONE_SCALAR_copy;
}

/* fuse_epilogue_gpu: fuse_epilogue as a GPU's kernels can have it.
 *
 *     pointwise(conv(x, w, b), conv(y, v)) { add, relu }   ->   conv(x, w, b, conv(y, v)) { add,
 * relu }
 *
 * Legal for at most four further operands, each whole or repeated over all pixels of an image; they
 * and the answer may be of any float type. Of two products that could take the region the later one
 * does. A cast alone becomes the product's own type. */
static bool fuse_epilogue_gpu(hone_graph *g, hone_node *region)
{
    const hone_dtype to = region->out[0]->type.dtype;
    const int k = to == HONE_F32 || to == HONE_F16 || to == HONE_BF16 ? last_product(region) : -1;

    if (k < 0)
        return false;
    const hone_program *program = with_first(g->module->arena, region->attrs.pointwise.program, k);
    if (program == NULL)
        return false;
    if (to != HONE_F32)
        program = without_rounding(g->module->arena, program);
    return fuse(region, k, is_copy(program) ? NULL : program);
}
const hone_rule hone_rule_fuse_epilogue_gpu = {"fuse_epilogue_gpu", HONE_OP_pointwise,
                                               fuse_epilogue_gpu};
