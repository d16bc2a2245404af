/* The importer: ONNX bytes to a module. */
#ifndef HONE_ONNX_ONNX_H
#define HONE_ONNX_ONNX_H

#include "base/log.h"
#include "ir/graph.h"

typedef struct hone_onnx_options {
    const char *folder; /* of external data; NULL: such data is refused */
    const hone_logger *logger;
    const hone_progress *progress;
    /* Called once while the module is still empty: may narrow symbols by name, so that a dimension
     * "N" that the caller fixes is a number wherever the model says N. NULL: not called. */
    void (*prepare)(void *user, hone_module *module);
    /* Called for each input of the main graph with its declared type, before any node is read: may
     * change the type, where the caller knows more (an input without a shape). NULL: not called. */
    void (*input_type)(void *user, hone_module *module, const char *name, hone_type *type);
    void *user;
} hone_onnx_options;

/* Dimensions without a name become symbols "<input>.<axis>", named ones symbols of their name: the
 * same in every import of a model. */

/* Imports a model. The bytes stay mapped as long as the arena lives: constants are views into them;
 * external files are mapped and registered with the arena. The module is verified, but not inferred
 * beyond what importing needs. HONE_ERR_UNSUPPORTED lists every node that cannot be taken, a line
 * each: name, operator, domain, opset, why. */
hone_status hone_onnx_import(hone_arena *arena, hone_bytes model, const hone_onnx_options *options,
                             hone_module **out);

#endif
