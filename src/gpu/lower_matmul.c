/* Matrix products: rows of all batches are one matrix where b has no batches, else batches are
 * problems of at most two levels. */
#include "gpu/contraction.h"

typedef struct product {
    hone_dims a, b; /* as matrices: [batch..., rows, columns] as they lie */
    bool trans_a, trans_b, row, column;
    int64_t m, n, k;
    float alpha;
    hone_gpu_epilogue epilogue;
} product;

static hone_dims as_matrix(const hone_dims *d, bool is_left)
{
    if (d->rank != 1)
        return *d;
    return is_left ? (hone_dims){.rank = 2, .dim = {1, d->dim[0]}}
                   : (hone_dims){.rank = 2, .dim = {d->dim[0], 1}};
}

static product product_of(const hone_lower *lower)
{
    const hone_attrs *attrs = lower->attrs;
    const bool is_gemm = lower->op == HONE_OP_gemm;
    const hone_dims *a = &lower->in[0]->shape, *b = &lower->in[1]->shape;
    product p = {.a = as_matrix(a, true),
                 .b = as_matrix(b, false),
                 .row = a->rank == 1,
                 .column = b->rank == 1,
                 .alpha = is_gemm ? attrs->gemm.alpha : attrs->matmul.alpha,
                 .epilogue = {.program = is_gemm ? NULL : attrs->matmul.program,
                              .beta = is_gemm ? attrs->gemm.beta : 1,
                              .row_is_missing = a->rank == 1,
                              .column_is_missing = b->rank == 1}};
    const bool ta = !p.row && (is_gemm ? attrs->gemm.trans_a : attrs->matmul.trans_a);
    const bool tb = !p.column && (is_gemm ? attrs->gemm.trans_b : attrs->matmul.trans_b);

    p.m = p.a.dim[p.a.rank - (ta ? 1 : 2)];
    p.k = p.a.dim[p.a.rank - (ta ? 2 : 1)];
    p.n = p.b.dim[p.b.rank - (tb ? 2 : 1)];
    /* A row is a column in memory. */
    p.trans_a = ta && p.m > 1 && p.k > 1;
    p.trans_b = tb || p.n == 1 || p.k == 1;
    return p;
}

/* The strides of an operand's batches, as an operand of the map; `matrix` elements each. */
static void add_batches(hone_gpu_map *map, const hone_dims *dims, int64_t matrix, int64_t row)
{
    int64_t *stride = map->stride[map->n++], step = matrix;

    for (int d = 0; d < map->rank; d++)
        stride[d] = 0;
    stride[map->rank - 2] = row;
    for (int d = dims->rank - 3; d >= 0; d--) {
        stride[map->rank - dims->rank + d] = dims->dim[d] == 1 ? 0 : step;
        step *= dims->dim[d];
    }
}

/* [batch..., K, N] as [batch..., N, K], or as it is where it lies so. */
static bool set_weights(const hone_lower *lower, const product *x, hone_gpu_contraction *p)
{
    const hone_tensor *b = lower->in[1];
    hone_gpu_packing *k = &p->weights;

    p->w_is_constant = b->data != NULL;
    p->w_is_kn = !p->w_is_constant && !x->trans_b;
    p->ldw = p->w_is_kn ? x->n : x->k;
    if (!p->w_is_constant)
        return b->dtype == p->dtype;
    *k = (hone_gpu_packing){.dtype = p->dtype, .rank = x->b.rank};
    for (int i = 0; i < k->rank; i++) {
        k->dim[i] = x->b.dim[i];
        k->perm[i] = i;
    }
    if (!x->trans_b) {
        k->perm[k->rank - 1] = k->rank - 2;
        k->perm[k->rank - 2] = k->rank - 1;
    }
    for (int i = 0; i < k->rank; i++)
        k->padded[i] = k->dim[k->perm[i]];
    return hone_gpu_is_float(b->dtype);
}

/* Operands of the map: y, the extras, then these two. */
static hone_gpu_steps steps_of(const hone_gpu_map *map, int operand, int problems)
{
    const int64_t *s = map->stride[operand];

    return (hone_gpu_steps){problems > 0 ? s[problems - 1] : 0, problems > 1 ? s[problems - 2] : 0};
}

/* The innermost dimension of the map is the rows where w repeats along it; those before it are
 * problems. */
static bool set_rows(hone_gpu_map *map, hone_gpu_contraction *p)
{
    const int n = map->rank - 1, a = map->n - 2, w = map->n - 1;

    for (int k = 0; k < p->n_extra; k++)
        p->extra[k].n = map->stride[k + 1][n];
    map->rank = n;
    hone_gpu_map_collapse(map);
    const int last = map->rank - 1;
    const bool has_rows = map->dim[last] > 1 && map->stride[w][last] == 0;
    const int problems = has_rows ? last : map->dim[last] == 1 ? 0 : map->rank;
    if (problems > 2)
        return false;
    if (has_rows) {
        p->in[1] = p->out[1] = map->dim[last];
        if (!p->a_is_km)
            p->lda = map->stride[a][last];
        for (int k = 0; k < p->n_extra; k++)
            p->extra[k].m = map->stride[k + 1][last];
    }
    p->inner = problems > 0 ? map->dim[problems - 1] : 1;
    p->outer = problems > 1 ? map->dim[problems - 2] : 1;
    p->y_z = steps_of(map, 0, problems);
    p->a_z = steps_of(map, a, problems);
    p->w_z = steps_of(map, w, problems);
    for (int k = 0; k < p->n_extra; k++)
        p->extra[k].z = steps_of(map, k + 1, problems);
    return true;
}

/* The output's dimensions with the row and the column that vectors leave out. */
static hone_dims full_dims(const hone_lower *lower, const product *x)
{
    hone_dims d = lower->out[0]->shape;

    d.rank -= !x->row + !x->column;
    d.dim[d.rank++] = x->m;
    d.dim[d.rank++] = x->n;
    return d;
}

static bool contraction_of(const hone_lower *lower, hone_gpu_contraction *p)
{
    const product x = product_of(lower);
    const hone_dims dims = full_dims(lower, &x);
    hone_gpu_map map;

    *p = (hone_gpu_contraction){
        .dtype = lower->in[0]->dtype,
        .out_dtype = lower->out[0]->dtype,
        .is_product = true,
        .a_is_km = x.trans_a,
        .alpha = x.alpha,
        .n = x.n,
        .c = x.k,
        .batch = 1,
        .in = {1, 1},
        .out = {1, 1},
        .kernel = {1, 1},
        .stride = {1, 1},
        .dilation = {1, 1},
        .spread = {1, 1},
        .lda = x.trans_a ? x.m : x.k,
        .ldy = x.n,
    };
    if (dims.rank > HONE_MAX_RANK || x.k == 0 || !set_weights(lower, &x, p))
        return false;
    hone_gpu_map_init(&map, &dims);
    if (!hone_gpu_contraction_epilogue(lower, &x.epilogue, &map, p))
        return false;
    add_batches(&map, &x.a, x.m * x.k, x.trans_a ? 1 : x.k);
    add_batches(&map, &x.b, x.n * x.k, 0);
    return set_rows(&map, p);
}

hone_status hone_gpu_matmul(hone_lower *lower)
{
    hone_gpu_contraction p;

    if (hone_gpu_is_float(lower->in[0]->dtype) && hone_gpu_is_float(lower->out[0]->dtype) &&
        contraction_of(lower, &p))
        hone_gpu_contraction_offer(lower, &p);
    return HONE_OK;
}
