/* Movement kernels against index arithmetic written out element by element, on elements of every
 * size. */
#include "plain_test.h"

static const hone_dtype dtypes[] = {HONE_U8, HONE_F16, HONE_F32, HONE_F64, HONE_C128, HONE_I4};

/* Every element gets its own number, as far as the type's bits go. */
static void number(t_tensor *x)
{
    const int bits = hone_dtype_bits(x->t.dtype);

    memset(x->t.data, 0, x->bytes);
    for (int64_t i = 0; i < hone_tensor_count(&x->t); i++) {
        const uint64_t v = (uint64_t)i * 2654435761u;
        if (bits == 4)
            hone_element_set_int(x->t.dtype, x->t.data, i, (int64_t)(v % 16) - 8);
        else
            memcpy((char *)x->t.data + i * (bits / 8), &v, (size_t)HONE_MIN(bits / 8, 8));
    }
}

static void check_same(const char *name, const hone_tensor *y, int64_t i, const hone_tensor *x,
                       int64_t j)
{
    const int bits = hone_dtype_bits(y->dtype);
    const bool same =
        bits == 4 ? hone_element_int(y->dtype, y->data, i) == hone_element_int(x->dtype, x->data, j)
                  : memcmp((char *)y->data + i * (bits / 8), (char *)x->data + j * (bits / 8),
                           (size_t)(bits / 8)) == 0;
    if (!same)
        fail_msg("%s (%s): element %lld is not input element %lld", name, hone_dtype_text(y->dtype),
                 (long long)i, (long long)j);
}

static void split_index(const hone_dims *dims, int64_t at, int64_t *index)
{
    for (int i = dims->rank - 1; i >= 0; i--) {
        index[i] = at % dims->dim[i];
        at /= dims->dim[i];
    }
}

static int64_t join_index(const hone_dims *dims, const int64_t *index)
{
    int64_t at = 0;
    for (int i = 0; i < dims->rank; i++)
        at = at * dims->dim[i] + index[i];
    return at;
}

typedef struct transpose_case {
    hone_dims x;
    int64_t perm[HONE_MAX_RANK];
} transpose_case;

static const transpose_case transposes[] = {
    {{2, {1, 1}}, {1, 0}},
    {{2, {5, 7}}, {1, 0}},
    {{2, {33, 50}}, {1, 0}},
    {{3, {3, 40, 40}}, {1, 2, 0}},
    {{3, {40, 40, 3}}, {2, 0, 1}},
    {{4, {2, 3, 4, 5}}, {0, 2, 3, 1}},
    {{4, {2, 17, 19, 23}}, {0, 3, 1, 2}},
    {{4, {2, 3, 4, 5}}, {3, 2, 1, 0}},
    {{4, {2, 3, 4, 5}}, {0, 1, 2, 3}},
    {{5, {2, 3, 2, 3, 2}}, {4, 1, 3, 0, 2}},
    {{3, {0, 4, 5}}, {2, 1, 0}},
    {{1, {9}}, {0}},
    {{4, {1, 64, 9, 8}}, {0, 2, 1, 3}},
    {{2, {300, 260}}, {1, 0}},
};

static void test_transpose(void **state)
{
    (void)state;
    for (int c = 0; c < HONE_COUNT(transposes); c++)
        for (int d = 0; d < HONE_COUNT(dtypes); d++) {
            const transpose_case *t = &transposes[c];
            hone_dims y = t->x;
            p_call p;
            p_begin(&p, HONE_OP_transpose);
            p.attrs.transpose.perm = (hone_ints){t->x.rank, t->perm};
            for (int i = 0; i < y.rank; i++)
                y.dim[i] = t->x.dim[t->perm[i]];
            number(p_in(&p, dtypes[d], t->x));
            p_out(&p, dtypes[d], y);
            p_run(&p);
            for (int64_t i = 0; i < hone_dims_count_or_zero(&y); i++) {
                int64_t at[HONE_MAX_RANK], from[HONE_MAX_RANK] = {0};
                split_index(&y, i, at);
                for (int k = 0; k < y.rank; k++)
                    from[t->perm[k]] = at[k];
                check_same("transpose", p.out[0], i, p.in[0], join_index(&t->x, from));
            }
            p_end(&p);
        }
}

typedef struct relayout_case {
    hone_dims x;
    int64_t perm[4], last;
    hone_dtype from, to;
} relayout_case;

static const relayout_case relayouts[] = {
    {{4, {2, 3, 4, 5}}, {0, 2, 3, 1}, 8, HONE_F32, HONE_F16},
    {{4, {1, 5, 3, 2}}, {0, 2, 3, 1}, 0, HONE_F16, HONE_F32},
    {{3, {2, 7, 3}}, {0, 2, 1}, 9, HONE_F32, HONE_BF16},
    {{2, {3, 3}}, {0, 1}, 4, HONE_F32, HONE_F32},
};

/* Small integers are the same in every float type. */
static void test_relayout(void **state)
{
    (void)state;
    for (int c = 0; c < HONE_COUNT(relayouts); c++) {
        const relayout_case *r = &relayouts[c];
        hone_dims y = r->x;
        p_call p;
        p_begin(&p, HONE_OP_relayout);
        p.attrs.relayout.perm = (hone_ints){r->x.rank, r->perm};
        p.attrs.relayout.last = r->last;
        for (int i = 0; i < y.rank; i++)
            y.dim[i] = r->x.dim[r->perm[i]];
        const int64_t real = y.dim[y.rank - 1];
        if (r->last != 0)
            y.dim[y.rank - 1] = r->last;
        t_tensor *x = p_in(&p, r->from, r->x);
        for (int64_t i = 0; i < hone_tensor_count(&x->t); i++)
            hone_element_set_double(r->from, x->t.data, i, (double)(i + 1));
        p_out(&p, r->to, y);
        p_run(&p);
        for (int64_t i = 0; i < hone_dims_count_or_zero(&y); i++) {
            int64_t at[HONE_MAX_RANK], from[HONE_MAX_RANK] = {0};
            split_index(&y, i, at);
            for (int k = 0; k < y.rank; k++)
                from[r->perm[k]] = at[k];
            const double want = at[y.rank - 1] < real ? (double)(join_index(&r->x, from) + 1) : 0;
            assert_true(hone_element_double(r->to, p.out[0]->data, i) == want);
        }
        p_end(&p);
    }
}

typedef struct slice_case {
    hone_dims x, y;
    int n;
    int64_t start[4], end[4], axis[4], step[4];
} slice_case;

static const slice_case slices[] = {
    {{1, {10}}, {1, {3}}, 1, {2}, {5}, {0}, {1}},
    {{1, {10}}, {1, {10}}, 1, {-1}, {INT64_MIN}, {0}, {-1}},
    {{1, {10}}, {1, {3}}, 1, {9}, {0}, {0}, {-3}},
    {{1, {10}}, {1, {0}}, 1, {5}, {5}, {0}, {1}},
    {{2, {6, 8}}, {2, {2, 4}}, 2, {1, 0}, {INT64_MAX, 7}, {0, 1}, {3, 2}},
    {{3, {4, 5, 6}}, {3, {4, 2, 6}}, 1, {-2}, {100}, {-2}, {1}},
    {{4, {2, 3, 8, 8}}, {4, {2, 3, 4, 4}}, 2, {0, 0}, {8, 8}, {2, 3}, {2, 2}},
};

static void test_slice(void **state)
{
    (void)state;
    for (int c = 0; c < HONE_COUNT(slices); c++)
        for (int d = 0; d < HONE_COUNT(dtypes); d++) {
            const slice_case *s = &slices[c];
            p_call p;
            p_begin(&p, HONE_OP_slice);
            number(p_in(&p, dtypes[d], s->x));
            p_ints(&p, s->start, s->n);
            p_ints(&p, s->end, s->n);
            p_ints(&p, s->axis, s->n);
            p_ints(&p, s->step, s->n);
            p_out(&p, dtypes[d], s->y);
            p_run(&p);
            for (int64_t i = 0; i < hone_dims_count_or_zero(&s->y); i++) {
                int64_t at[HONE_MAX_RANK];
                split_index(&s->y, i, at);
                for (int k = 0; k < s->n; k++) {
                    const int64_t axis = s->axis[k] < 0 ? s->axis[k] + s->x.rank : s->axis[k];
                    const int64_t start =
                        s->start[k] < 0 ? s->start[k] + s->x.dim[axis] : s->start[k];
                    at[axis] = start + at[axis] * s->step[k];
                }
                check_same("slice", p.out[0], i, p.in[0], join_index(&s->x, at));
            }
            p_end(&p);
        }
}

typedef struct pad_case {
    hone_dims x;
    int64_t pads[8]; /* begins, ends */
} pad_case;

static const pad_case pads[] = {
    {{1, {4}}, {2, 3}},
    {{2, {3, 4}}, {1, 0, 0, 2}},
    {{4, {1, 2, 5, 6}}, {0, 0, 1, 2, 0, 0, 2, 1}},
    {{4, {1, 5, 6, 3}}, {0, 1, 1, 0, 0, 1, 1, 0}},
    {{2, {4, 5}}, {-1, 1, 2, -2}},
};

/* From the definition of each mode, one axis; -1: the constant. */
static int64_t pad_from(int mode, int64_t i, int64_t n)
{
    while (i < 0 || i >= n) {
        if (mode == HONE_PAD_CONSTANT)
            return -1;
        if (mode == HONE_PAD_EDGE)
            i = i < 0 ? 0 : n - 1;
        else if (mode == HONE_PAD_WRAP)
            i += i < 0 ? n : -n;
        else
            i = i < 0 ? -i : 2 * (n - 1) - i;
    }
    return i;
}

static void test_pad(void **state)
{
    (void)state;
    for (int c = 0; c < HONE_COUNT(pads) * 4; c++)
        for (int d = 0; d < HONE_COUNT(dtypes); d++) {
            const pad_case *s = &pads[c / 4];
            hone_dims y = s->x;
            p_call p;
            p_begin(&p, HONE_OP_pad);
            p.attrs.pad.mode = c % 4;
            for (int i = 0; i < y.rank; i++)
                y.dim[i] += s->pads[i] + s->pads[i + y.rank];
            number(p_in(&p, dtypes[d], s->x));
            p_ints(&p, s->pads, 2 * y.rank);
            number(p_in(&p, dtypes[d], SCALAR_DIMS));
            p_out(&p, dtypes[d], y);
            p_run(&p);
            for (int64_t i = 0; i < hone_dims_count_or_zero(&y); i++) {
                int64_t at[HONE_MAX_RANK];
                bool inside = true;
                split_index(&y, i, at);
                for (int k = 0; k < y.rank; k++) {
                    at[k] = pad_from(c % 4, at[k] - s->pads[k], s->x.dim[k]);
                    inside = inside && at[k] >= 0;
                }
                check_same("pad", p.out[0], i, inside ? p.in[0] : p.in[2],
                           inside ? join_index(&s->x, at) : 0);
            }
            p_end(&p);
        }
}

static void test_concat_split(void **state)
{
    (void)state;
    for (int axis = 0; axis < 3; axis++)
        for (int d = 0; d < HONE_COUNT(dtypes); d++) {
            hone_dims a = DIMS(2, 4, 6), b = a, both = a;
            p_call p, q;
            b.dim[axis] = 3;
            both.dim[axis] += 3;
            p_begin(&p, HONE_OP_concat);
            p.attrs.concat.axis = axis;
            number(p_in(&p, dtypes[d], a));
            number(p_in(&p, dtypes[d], b));
            p_out(&p, dtypes[d], both);
            p_run(&p);
            p_begin(&q, HONE_OP_split);
            q.attrs.split.axis = axis - 3;
            q.in[0] = p.out[0];
            q.call.n_in = 1;
            p_ints(&q, (const int64_t[]){a.dim[axis], 3}, 2);
            p_out(&q, dtypes[d], a);
            p_out(&q, dtypes[d], b);
            p_run(&q);
            for (int k = 0; k < 2; k++)
                for (int64_t i = 0; i < hone_tensor_count(p.in[k]); i++)
                    check_same("split of concat", q.out[k], i, p.in[k], i);
            p_end(&p);
            p_end(&q);
        }
}

static void test_gather(void **state)
{
    static const int64_t indices[] = {2, -1, 0, 2};

    (void)state;
    for (int axis = 0; axis < 3; axis++)
        for (int d = 0; d < HONE_COUNT(dtypes); d++) {
            const hone_dims x = DIMS(3, 4, 5);
            hone_dims y = x;
            p_call p;
            y.dim[axis] = 4;
            p_begin(&p, HONE_OP_gather);
            p.attrs.gather.axis = axis;
            number(p_in(&p, dtypes[d], x));
            p_ints(&p, indices, 4);
            p_out(&p, dtypes[d], y);
            p_run(&p);
            for (int64_t i = 0; i < hone_dims_count_or_zero(&y); i++) {
                int64_t at[HONE_MAX_RANK];
                split_index(&y, i, at);
                at[axis] = indices[at[axis]] < 0 ? x.dim[axis] - 1 : indices[at[axis]];
                check_same("gather", p.out[0], i, p.in[0], join_index(&x, at));
            }
            p_end(&p);
        }
}

static void test_expand_tile(void **state)
{
    (void)state;
    for (int d = 0; d < HONE_COUNT(dtypes); d++) {
        const hone_dims x = DIMS(3, 1, 5), y = DIMS(2, 3, 4, 5), tiled = DIMS(6, 2, 15);
        p_call p;
        p_begin(&p, HONE_OP_expand);
        number(p_in(&p, dtypes[d], x));
        p_ints(&p, y.dim, 4);
        p_out(&p, dtypes[d], y);
        p_run(&p);
        for (int64_t i = 0; i < 120; i++)
            check_same("expand", p.out[0], i, p.in[0], i / 20 % 3 * 5 + i % 5);
        p_end(&p);
        p_begin(&p, HONE_OP_tile);
        number(p_in(&p, dtypes[d], x));
        p_ints(&p, (const int64_t[]){2, 2, 3}, 3);
        p_out(&p, dtypes[d], tiled);
        p_run(&p);
        for (int64_t i = 0; i < 180; i++)
            check_same("tile", p.out[0], i, p.in[0], i / 30 % 3 * 5 + i % 5);
        p_end(&p);
    }
}

/* Out and back in both layouts, and ONNX's own example of each mode. */
static void test_depth_space(void **state)
{
    static const double dcr[] = {0, 18, 1, 19, 36, 54, 37, 55},
                        crd[] = {0, 9, 1, 10, 18, 27, 19, 28};

    (void)state;
    for (int c = 0; c < 4; c++) {
        const bool last = c & 1, is_crd = c & 2;
        p_call p, q;
        p_begin(&p, HONE_OP_depth_to_space);
        p.attrs.depth_to_space.blocksize = 2;
        p.attrs.depth_to_space.mode = is_crd;
        p.attrs.depth_to_space.layout = last;
        t_tensor *x = p_in(&p, HONE_F32, last ? DIMS(1, 3, 3, 8) : DIMS(1, 8, 3, 3));
        for (int64_t i = 0; i < 72; i++)
            hone_element_set_double(HONE_F32, x->t.data, i, (double)i);
        p_out(&p, HONE_F32, last ? DIMS(1, 6, 6, 2) : DIMS(1, 2, 6, 6));
        p_run(&p);
        for (int i = 0; i < 4 && !last; i++)
            assert_true(((float *)p.out[0]->data)[i / 2 * 6 + i % 2] ==
                        (is_crd ? crd : dcr)[i / 2 * 4 + i % 2]);
        p_begin(&q, HONE_OP_space_to_depth);
        q.attrs.space_to_depth.blocksize = 2;
        q.attrs.space_to_depth.mode = is_crd;
        q.attrs.space_to_depth.layout = last;
        q.in[q.call.n_in++] = p.out[0];
        p_out(&q, HONE_F32, p.in[0]->shape);
        p_run(&q);
        assert_memory_equal(q.out[0]->data, x->t.data, x->bytes);
        p_end(&p);
        p_end(&q);
    }
}

static void test_scatter(void **state)
{
    static const double x[] = {1, 2, 3, 4, 5}, add[] = {1, 2 + 1.5 + 2, 3, 4, 5 + 3},
                        max[] = {1, 2, 3, 4, 5};
    static const double updates[] = {1.5, 2, 3};
    const hone_dims n = DIMS(5);

    (void)state;
    for (int how = HONE_REDUCTION_ADD; how <= HONE_REDUCTION_MAX;
         how += HONE_REDUCTION_MAX - HONE_REDUCTION_ADD) {
        p_call p;
        p_begin(&p, HONE_OP_scatter_elements);
        p.attrs.scatter_elements.reduction = how;
        p_values(&p, HONE_F32, n, x);
        p_ints(&p, (const int64_t[]){1, 1, -1}, 3);
        p_values(&p, HONE_F32, DIMS(3), updates);
        p_out(&p, HONE_F32, n);
        p_run(&p);
        p_check("scatter_elements", &p, 0, how == HONE_REDUCTION_ADD ? add : max, 0);
        p_end(&p);
    }
    p_call p;
    p_begin(&p, HONE_OP_scatter_nd);
    p_values(&p, HONE_F32, DIMS(2, 2), x);
    p_ints(&p, (const int64_t[]){1}, 1)->t.shape = DIMS(1, 1);
    p_values(&p, HONE_F32, DIMS(1, 2), updates);
    p_out(&p, HONE_F32, DIMS(2, 2));
    p_run(&p);
    p_check("scatter_nd", &p, 0, (const double[]){1, 2, 1.5, 2}, 0);
    p_end(&p);
}

static void test_append_grows(void **state)
{
    static const double x[] = {1, 2, 3, 4}, y[] = {5, 6};
    p_call p;

    (void)state;
    p_begin(&p, HONE_OP_append);
    p.attrs.append.axis = 1;
    p_values(&p, HONE_F32, DIMS(2, 2), x);
    p_values(&p, HONE_F32, DIMS(2), y);
    hone_tensor out = {.dtype = HONE_F32};
    p.out[p.call.n_out++] = &out;
    p_run(&p);
    assert_int_equal(out.shape.dim[1], 3);
    p_check("append", &p, 0, (const double[]){1, 2, 5, 3, 4, 6}, 0);
    free(out.data);
    p_end(&p);
}

static void test_bad_indices(void **state)
{
    p_call p;

    (void)state;
    p_begin(&p, HONE_OP_gather);
    number(p_in(&p, HONE_F32, DIMS(3, 2)));
    p_ints(&p, (const int64_t[]){3}, 1);
    p_out(&p, HONE_F32, DIMS(1, 2));
    p_fails(&p, HONE_ERR_DEVICE);
    p_begin(&p, HONE_OP_gather_nd);
    number(p_in(&p, HONE_F32, DIMS(3, 2)));
    p_ints(&p, (const int64_t[]){0, INT64_MIN}, 2);
    p_out(&p, HONE_F32, SCALAR_DIMS);
    p_fails(&p, HONE_ERR_DEVICE);
    p_begin(&p, HONE_OP_scatter_elements);
    number(p_in(&p, HONE_F32, DIMS(3)));
    p_ints(&p, (const int64_t[]){-4}, 1);
    number(p_in(&p, HONE_F32, DIMS(1)));
    p_out(&p, HONE_F32, DIMS(3));
    p_fails(&p, HONE_ERR_DEVICE);
    p_begin(&p, HONE_OP_slice);
    number(p_in(&p, HONE_F32, DIMS(3)));
    p_ints(&p, (const int64_t[]){0}, 1);
    p_ints(&p, (const int64_t[]){3}, 1);
    p_ints(&p, (const int64_t[]){0}, 1);
    p_ints(&p, (const int64_t[]){0}, 1);
    p_out(&p, HONE_F32, DIMS(3));
    p_fails(&p, HONE_ERR_DEVICE);
    p_begin(&p, HONE_OP_take);
    number(p_in(&p, HONE_F32, DIMS(3, 2)));
    p_ints(&p, (const int64_t[]){7}, 1)->t.shape = SCALAR_DIMS;
    p_out(&p, HONE_F32, DIMS(2));
    p_fails(&p, HONE_ERR_DEVICE);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_transpose),    cmocka_unit_test(test_relayout),
        cmocka_unit_test(test_slice),        cmocka_unit_test(test_pad),
        cmocka_unit_test(test_concat_split), cmocka_unit_test(test_gather),
        cmocka_unit_test(test_expand_tile),  cmocka_unit_test(test_depth_space),
        cmocka_unit_test(test_scatter),      cmocka_unit_test(test_append_grows),
        cmocka_unit_test(test_bad_indices),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
