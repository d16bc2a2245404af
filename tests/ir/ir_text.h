/* Graphs from text, for tests. */
#ifndef HONE_TESTS_IR_TEXT_H
#define HONE_TESTS_IR_TEXT_H

#include "ir/graph.h"

typedef struct ir_job {
    hone_arena *arena;
    hone_bytes text;
    hone_module *module;
} ir_job;

static inline hone_status ir_parse_body(void *ctx)
{
    ir_job *job = ctx;

    return hone_module_parse(job->arena, job->text, &job->module);
}

/* Parses in a trap, since the text may ask for more than the arena gives. */
static inline hone_status ir_parse_bytes(hone_arena *arena, hone_bytes text, hone_module **out)
{
    ir_job job = {arena, text, NULL};
    const hone_status st = hone_trap_run(ir_parse_body, &job);

    if (st == HONE_OK)
        *out = job.module;
    return st;
}

static inline hone_status ir_parse(hone_arena *arena, const char *text, hone_module **out)
{
    return ir_parse_bytes(arena, (hone_bytes){(const uint8_t *)text, strlen(text)}, out);
}

/* A module that must parse. */
static inline hone_module *ir_module(hone_arena *arena, const char *text)
{
    hone_module *module = NULL;

    if (ir_parse(arena, text, &module) != HONE_OK)
        print_error("%s\n%s\n", hone_message(), text);
    assert_non_null(module);
    return module;
}

static inline hone_value *ir_value(const hone_module *module, const char *name)
{
    hone_value *value = hone_module_find(module, name);

    assert_non_null(value);
    return value;
}

static inline void ir_add_type(const hone_module *module, const hone_type *type, hone_text *text)
{
    if (type->kind == HONE_KIND_SEQUENCE) {
        hone_text_add(text, "sequence(");
        if (type->element)
            ir_add_type(module, type->element, text);
        else
            hone_text_add(text, "%s", hone_dtype_text(type->dtype));
        hone_text_add(text, ")");
        return;
    }
    hone_text_add(text, "%s[", type->dtype ? hone_dtype_text(type->dtype) : "?");
    if (type->shape.rank < 0)
        hone_text_add(text, "*");
    for (int d = 0; d < type->shape.rank; d++) {
        hone_text_add(text, "%s", d ? "," : "");
        hone_extent_print(module->extents, type->shape.dim[d], text);
    }
    hone_text_add(text, "]");
}

/* The type of a value (a tensor or a sequence) as text, in a buffer that the next call overwrites.
 */
static inline const char *ir_type(const hone_module *module, const char *name)
{
    static char buffer[256];
    hone_text text;

    hone_text_init(&text, NULL);
    ir_add_type(module, &ir_value(module, name)->type, &text);
    snprintf(buffer, sizeof buffer, "%s", text.data);
    hone_text_fini(&text);
    return buffer;
}

static inline int ir_make_arena(void **state)
{
    return hone_arena_create(NULL, 64 << 20, (hone_arena **)state) != HONE_OK;
}

static inline int ir_free_arena(void **state)
{
    hone_arena_destroy(*state);
    return 0;
}

#define IR_TEST(name) cmocka_unit_test_setup_teardown(name, ir_make_arena, ir_free_arena)

#endif
