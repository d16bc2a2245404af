/* The set "attention": what exporters spell out as two products around a softmax becomes the one
 * operator. It starts from the softmax and looks both ways; everything between has one use. It
 * stands behind "canonical", which has turned scales into alpha and transposed keys into a flag. */
#include "opt/edit.h"
#include "opt/rules.h"

#define QUERIES 8 /* attention of fewer queries is quicker as rows of two products */

typedef struct parts {
    hone_node *scores; /* matmul(q, k, trans_b) */
    hone_value *mask;  /* or NULL */
    hone_node *answer; /* matmul(p, v) */
} parts;

/* A plain product of two activations of this rank, 3 or 4. */
static bool is_product(const hone_node *m, const hone_graph *g, int rank, int trans_b)
{
    const hone_attrs_matmul *a = &m->attrs.matmul;

    return m->graph == g && m->n_in == 2 && a->program == NULL && a->trans_a == 0 &&
           (a->trans_b != 0) == (trans_b != 0) && hone_is_f32(m->out[0]) &&
           hone_rank_of(m->in[0]) == rank && hone_rank_of(m->in[1]) == rank &&
           hone_dim_of(m->in[0], 0) == hone_dim_of(m->in[1], 0) &&
           (rank == 3 || hone_dim_of(m->in[0], 1) == hone_dim_of(m->in[1], 1));
}

/* The scores and what is added to them, where v is softmax's input. */
static bool find_scores(const hone_graph *g, const hone_value *v, parts *p)
{
    const int rank = hone_rank_of(v);
    const hone_node *add = hone_single_def_of(v, HONE_OP_add);

    p->scores = hone_single_def_of(v, HONE_OP_matmul);
    p->mask = NULL;
    for (int i = 0; add != NULL && add->graph == g && p->scores == NULL && i < 2; i++) {
        p->scores = hone_single_def_of(add->in[i], HONE_OP_matmul);
        p->mask = add->in[1 - i];
    }
    if (p->scores == NULL || !is_product(p->scores, g, rank, 1) ||
        p->scores->attrs.matmul.alpha == 0.0f)
        return false;
    const hone_value *s = p->scores->out[0];
    return p->mask == NULL ||
           (hone_is_f32(p->mask) && hone_rank_of(p->mask) >= 2 &&
            hone_shape_absorbs(&s->type.shape, &p->mask->type.shape) &&
            hone_dim_of(p->mask, hone_rank_of(p->mask) - 1) == hone_dim_of(s, rank - 1));
}

static bool find_answer(const hone_graph *g, const hone_value *softmax, parts *p)
{
    hone_node *m = hone_value_has_one_use(softmax) ? softmax->first_use->node : NULL;

    p->answer = m;
    return hone_is_op(m, HONE_OP_matmul) && m->in[0] == softmax &&
           is_product(m, g, hone_rank_of(softmax), 0) && m->attrs.matmul.alpha == 1.0f;
}

static bool find_parts(const hone_graph *g, const hone_node *softmax, parts *p)
{
    const int rank = hone_rank_of(softmax->out[0]);

    return (rank == 3 || rank == 4) &&
           (softmax->attrs.softmax.axis == -1 || softmax->attrs.softmax.axis == rank - 1) &&
           find_scores(g, softmax->in[0], p) && find_answer(g, softmax->out[0], p);
}

/* attention: two products around a softmax.
 *
 *     matmul(softmax(add(matmul(q, k, alpha, trans_b), mask), -1), v)
 *         ->   attention(q, k, v, mask) {scale=alpha}
 *
 * With or without the mask. Legal for float32 of rank 4 with as many heads in q, k and v (no
 * broadcast), a mask that broadcasts to the scores but not along the keys, and no other user of
 * what is between. A row that the mask hides with infinities altogether gives zeros where it gave
 * NaN. Scores stay in a task's cache: no read and write of queries x keys, and two barriers less.
 *
 * Measured with hone bench, 12 heads of 32 and 64 entries with a mask of keys (EPYC, AVX-512, one
 * thread), old time by new: 16 tokens 1.10 and 1.06, 64: 1.07 and 1.03, 128: 1.17 and 1.10,
 * 256: 1.19 and 1.13, 512: 1.47 for 64. Fewer than 8 queries stay as they are: the kernel does not
 * pack for them. */
static bool attention(hone_graph *g, hone_node *softmax)
{
    parts p;

    if (hone_rank_of(softmax->out[0]) != 4 || !find_parts(g, softmax, &p))
        return false;
    const hone_extent queries = hone_dim_of(softmax->out[0], 2);
    if (hone_extent_is_number(queries) && queries < QUERIES)
        return false;
    hone_value *in[4] = {p.scores->in[0], p.scores->in[1], p.answer->in[1], p.mask};
    hone_node *made = hone_make_node(p.answer, HONE_OP_attention, p.mask != NULL ? 4 : 3, in);
    made->attrs.attention.scale = p.scores->attrs.matmul.alpha;
    return hone_put_in_place(p.answer->out[0], made);
}
const hone_rule hone_rule_attention = {"attention", HONE_OP_softmax, attention};

/* The operand with heads in an axis of their own: rank 3 has one batch of them. */
static hone_value *with_heads(hone_node *before, hone_value *v)
{
    hone_shape shape = {4, {1}};

    if (hone_rank_of(v) == 4)
        return v;
    for (int i = 0; i < 3; i++)
        shape.dim[i + 1] = hone_dim_of(v, i);
    return hone_make_reshape(before, v, &shape);
}

/* attention_gpu: attention, on a GPU.
 *
 *     matmul(softmax(add(matmul(q, k, alpha, trans_b), mask), -1), v)
 *         ->   attention(q, k, v, mask) {scale=alpha}
 *
 * Legal as there, for rank 3 too, and for any number of queries: one kernel in place of three. */
static bool attention_gpu(hone_graph *g, hone_node *softmax)
{
    parts p;

    if (!find_parts(g, softmax, &p))
        return false;
    hone_value *in[4] = {with_heads(p.answer, p.scores->in[0]),
                         with_heads(p.answer, p.scores->in[1]),
                         with_heads(p.answer, p.answer->in[1]), p.mask};
    if (in[0] == NULL || in[1] == NULL || in[2] == NULL)
        return false;
    hone_node *made = hone_make_node(p.answer, HONE_OP_attention, p.mask != NULL ? 4 : 3, in);
    made->attrs.attention.scale = p.scores->attrs.matmul.alpha;
    if (hone_rank_of(softmax->out[0]) == 4)
        return hone_put_in_place(p.answer->out[0], made);
    if (hone_node_infer(made) != HONE_OK)
        return false;
    hone_value *y = hone_make_reshape(p.answer, made->out[0], &p.answer->out[0]->type.shape);
    return y != NULL && hone_put_value(p.answer->out[0], y);
}
const hone_rule hone_rule_attention_gpu = {"attention_gpu", HONE_OP_softmax, attention_gpu};
