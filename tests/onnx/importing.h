/* Importing in tests: an arena and a trap around it. */
#ifndef HONE_TESTS_IMPORTING_H
#define HONE_TESTS_IMPORTING_H

#include "onnx/onnx.h"

typedef struct imported {
    hone_arena *arena;
    hone_bytes bytes;
    hone_onnx_options options;
    hone_module *module; /* NULL: failed */
    hone_status status;
} imported;

static hone_status import_body(void *user)
{
    imported *x = user;
    return hone_onnx_import(x->arena, x->bytes, &x->options, &x->module);
}

/* limit: of memory, in bytes. */
static void import_bytes(imported *x, hone_bytes bytes, const char *folder, size_t limit)
{
    *x = (imported){.bytes = bytes, .options.folder = folder};
    x->status = hone_arena_create(NULL, limit, &x->arena);
    if (x->status == HONE_OK)
        x->status = hone_trap_run(import_body, x);
}

static void import_free(imported *x)
{
    hone_arena_destroy(x->arena);
}

#endif
