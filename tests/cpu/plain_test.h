/* What the tests of the plain kernels share: one call made of tensors, run with one and with three
 * threads that must give the same bits, and failing runs. */
#ifndef HONE_TESTS_CPU_PLAIN_TEST_H
#define HONE_TESTS_CPU_PLAIN_TEST_H

#include "kernel_test.h"

typedef struct p_call {
    hone_cpu_call call;
    hone_attrs attrs;
    hone_tensor *in[8], *out[4];
    t_tensor own[12];
    int n_own;
} p_call;

/* Grown outputs come from malloc. */
static inline hone_status p_grow(void *user, hone_tensor *t, size_t size)
{
    (void)user;
    free(t->data);
    t->data = malloc(size);
    t->size = size;
    return t->data ? HONE_OK : HONE_ERR_MEMORY;
}

static const hone_cpu_env p_env = {.grow = p_grow};

static inline void p_begin(p_call *p, int op)
{
    memset(p, 0, sizeof *p);
    hone_attrs_init(op, &p->attrs);
    p->call =
        (hone_cpu_call){.op = op, .attrs = &p->attrs, .in = p->in, .out = p->out, .env = &p_env};
}

static inline t_tensor *p_in(p_call *p, hone_dtype dtype, hone_dims dims)
{
    t_tensor *t = &p->own[p->n_own++];
    *t = t_make(dtype, dims);
    p->in[p->call.n_in++] = &t->t;
    return t;
}

static inline t_tensor *p_values(p_call *p, hone_dtype dtype, hone_dims dims, const double *v)
{
    t_tensor *t = p_in(p, dtype, dims);
    for (int64_t i = 0; i < hone_tensor_count(&t->t); i++)
        hone_element_set_double(dtype, t->t.data, i, v[i]);
    return t;
}

/* An int64 list of n elements, for axes, pads and shapes. */
static inline t_tensor *p_ints(p_call *p, const int64_t *v, int n)
{
    t_tensor *t = p_in(p, HONE_I64, DIMS(n));
    memcpy(t->t.data, v, (size_t)n * sizeof *v);
    return t;
}

static inline void p_absent(p_call *p)
{
    p->in[p->call.n_in++] = NULL;
}

static inline t_tensor *p_out(p_call *p, hone_dtype dtype, hone_dims dims)
{
    t_tensor *t = &p->own[p->n_own++];
    *t = t_make(dtype, dims);
    p->out[p->call.n_out++] = &t->t;
    return t;
}

static inline void p_end(p_call *p)
{
    for (int i = 0; i < p->n_own; i++)
        t_free(&p->own[i]);
}

/* Runs, checks guards, and that three threads give the bits of one. */
static inline void p_run(p_call *p)
{
    unsigned char *first[4] = {NULL};

    for (int threads = 1; threads <= 3; threads += 2) {
        t_run_call(&p->call, (t_run){.threads = threads});
        for (int k = 0; k < p->call.n_out; k++) {
            const hone_tensor *y = p->out[k];
            size_t size;
            assert_true(hone_dims_size(y->dtype, &y->shape, &size));
            if (threads == 1) {
                first[k] = malloc(size + 1);
                memcpy(first[k], y->data, size);
            } else {
                assert_memory_equal(first[k], y->data, size);
                free(first[k]);
            }
        }
        for (int i = 0; i < p->n_own; i++)
            t_check_guards(&p->own[i]);
    }
}

static inline void p_check(const char *name, p_call *p, int k, const double *want, double tolerance)
{
    t_tensor y = {.t = *p->out[k]};
    t_check_close(name, &y, want, tolerance);
}

/* Indices and shapes from data that cannot be are told, not followed. */
static inline void p_fails(p_call *p, hone_status status)
{
    p->call.pool = NULL;
    assert_int_equal(hone_cpu_run_once(&p->call), status);
    p_end(p);
}

#endif
