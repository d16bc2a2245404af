/* The model object. */
#ifndef HONE_BUILD_MODEL_H
#define HONE_BUILD_MODEL_H

#include "build/build.h"
#include "onnx/onnx.h"

struct hone_model {
    hone_allocator allocator;
    hone_map map; /* of a model opened from a file */
    hone_bytes bytes;
    hone_arena *arena;
    hone_module *module; /* as imported, shapes open: for questions */
    char *folder;        /* of external data; NULL: refused */
    size_t folder_size;
    size_t memory_limit;
};

#endif
