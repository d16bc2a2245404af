/* What the kernel tests share: tensors with guard bytes around them, a run of one call at every
 * level of the machine with one, two and three threads, packed and plain, and comparison with a
 * reference in double precision. */
#ifndef HONE_TESTS_CPU_KERNEL_TEST_H
#define HONE_TESTS_CPU_KERNEL_TEST_H

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/tensor.h"
#include "cpu/vector.h"

#define GUARD       64
#define GUARD_BYTE  0xA5
#define DIMS(...)   ((hone_dims){sizeof((int64_t[]){__VA_ARGS__}) / sizeof(int64_t), {__VA_ARGS__}})
#define SCALAR_DIMS ((hone_dims){0, {0}})

typedef struct t_tensor {
    hone_tensor t;
    unsigned char *room;
    size_t bytes;
} t_tensor;

static inline t_tensor t_make(hone_dtype dtype, hone_dims dims)
{
    t_tensor x = {.t = {.dtype = dtype, .shape = dims}};
    assert_true(hone_dims_size(dtype, &dims, &x.bytes));
    x.room = aligned_alloc(64, (x.bytes + 2 * GUARD + 63) / 64 * 64);
    assert_non_null(x.room);
    memset(x.room, GUARD_BYTE, x.bytes + 2 * GUARD);
    x.t.data = x.room + GUARD;
    x.t.size = x.bytes;
    return x;
}

static inline void t_free(t_tensor *x)
{
    free(x->room);
}

static inline void t_check_guards(const t_tensor *x)
{
    for (int i = 0; i < GUARD; i++) {
        assert_int_equal(x->room[i], GUARD_BYTE);
        assert_int_equal(x->room[GUARD + x->bytes + i], GUARD_BYTE);
    }
}

/* Numbers in [-1, 1), the same for a seed. */
static inline double t_random(uint64_t *state)
{
    *state = *state * 6364136223846793005u + 1442695040888963407u;
    return (double)(int64_t)(*state >> 11) / (double)(1ll << 52) - 1.0;
}

static inline void t_fill(t_tensor *x, uint64_t seed, double scale)
{
    uint64_t state = seed * 77 + 1;
    for (int64_t i = 0, n = hone_tensor_count(&x->t); i < n; i++)
        hone_element_set_double(x->t.dtype, x->t.data, i, t_random(&state) * scale);
}

static inline double t_get(const t_tensor *x, int64_t i)
{
    return hone_element_double(x->t.dtype, x->t.data, i);
}

typedef struct t_run {
    bool packed;
    int threads;
} t_run;

static inline void t_run_call(hone_cpu_call *call, t_run how)
{
    const hone_cpu_kernel *kernel = hone_cpu_kernel_of(call->op);
    const hone_pool_options options = {.n_threads = how.threads};
    hone_tensor *w = call->n_in > 1 ? call->in[1] : NULL;
    void *plain = w ? w->data : NULL, *packed = NULL, *scratch = NULL;
    hone_pool *pool;
    size_t size;

    assert_non_null(kernel);
    assert_int_equal(hone_pool_create(NULL, &options, &pool), HONE_OK);
    call->pool = pool;
    if (how.packed && kernel->pack_size && (size = kernel->pack_size(call)) > 0) {
        packed = aligned_alloc(64, (size + 63) / 64 * 64);
        kernel->pack(call, packed);
        call->packed = packed;
        w->data = NULL;
    }
    size = kernel->scratch ? kernel->scratch(call) : 0;
    unsigned char *room = aligned_alloc(64, (size + 2 * GUARD + 63) / 64 * 64);
    memset(room, GUARD_BYTE, size + 2 * GUARD);
    call->scratch = room + GUARD;
    (void)scratch;
    if (kernel->takes)
        assert_true(kernel->takes(call));
    assert_int_equal(kernel->run(call), HONE_OK);
    for (int i = 0; i < GUARD; i++) {
        assert_int_equal(room[i], GUARD_BYTE);
        assert_int_equal(room[GUARD + size + i], GUARD_BYTE);
    }
    free(room);
    free(packed);
    if (w)
        w->data = plain;
    call->packed = NULL;
    call->scratch = NULL;
    hone_pool_destroy(pool);
}

static inline void t_check_close(const char *name, const t_tensor *y, const double *want,
                                 double tolerance)
{
    for (int64_t i = 0, n = hone_tensor_count(&y->t); i < n; i++) {
        const double got = t_get(y, i), scale = fabs(want[i]) > 1.0 ? fabs(want[i]) : 1.0;
        if (isnan(want[i]) ? isnan(got)
                           : got == want[i] || fabs(got - want[i]) <= tolerance * scale)
            continue;
        fail_msg("%s (%s): element %lld is %.9g, not %.9g", name,
                 hone_cpu_level_text(hone_cpu_level_now()), (long long)i, got, want[i]);
    }
}

/* Every level; plain and packed; the bits of two and three threads those of one. y is call->out[0].
 */
static inline void t_run_everywhere(const char *name, hone_cpu_call *call, t_tensor *y,
                                    const double *want, double tolerance)
{
    for (int level = HONE_CPU_SCALAR; level <= HONE_CPU_NEON; level++) {
        if (!hone_cpu_set_level((hone_cpu_level)level))
            continue;
        for (int packed = 0; packed < 2; packed++) {
            unsigned char *first = NULL;
            for (int threads = 1; threads <= 3; threads++) {
                memset(y->t.data, 0xEE, y->bytes);
                t_run_call(call, (t_run){packed, threads});
                t_check_guards(y);
                t_check_close(name, y, want, tolerance);
                if (!first) {
                    first = malloc(y->bytes + 1);
                    memcpy(first, y->t.data, y->bytes);
                }
                if (memcmp(first, y->t.data, y->bytes) != 0)
                    fail_msg("%s: %d threads give other bits than one", name, threads);
            }
            free(first);
        }
    }
}

#endif
