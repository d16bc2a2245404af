/* What tests of lowerings without a device share: an arena for the test program, NVRTC where it is
 * there, and the candidates of a case for an architecture. */
#ifndef HONE_TESTS_LOWERED_H
#define HONE_TESTS_LOWERED_H

#include "support/compile.h"
#include "support/products.h"

static const hone_nvrtc *nvrtc; /* NULL: none, and what compiles is skipped */
static hone_arena *arena;

static int set_up(void **state)
{
    (void)state;
    if (hone_nvrtc_open(&nvrtc) != HONE_OK)
        printf("SKIP %s\n", hone_message());
    return hone_arena_create(NULL, 0, &arena);
}

static int tear_down(void **state)
{
    (void)state;
    hone_arena_destroy(arena);
    return 0;
}

static inline const hone_candidate *lowered_for(const product_case *p, hone_gpu_facts facts)
{
    row_step s;

    facts.allows_tf32 = p->tf32;
    if (row_lower(arena, &p->c, facts, &s) != HONE_OK)
        fail_msg("%s(%s; %s): %s", p->c.op, p->c.attrs, p->c.in, hone_message());
    return s.lower.first;
}

/* arch: an index of compile_archs. */
static inline const hone_candidate *lowered(const product_case *p, int arch)
{
    return lowered_for(p, compile_archs[arch].facts);
}

#endif
