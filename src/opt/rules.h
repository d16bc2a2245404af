/* The rules and passes that pipeline.c puts in order, and the engine's inner face. Every rule's
 * comment stands with its code; docs/passes.md lists them in the order of the pipeline. */
#ifndef HONE_OPT_RULES_H
#define HONE_OPT_RULES_H

#include "opt/opt.h"

typedef struct hone_pass_context {
    hone_module *module;
    const hone_pass_options *options;
    size_t fold_limit;
    bool changed;
    /* What "widen" found: the float type that the model computes in, other than float32, or
     * HONE_NONE; and the names of nodes that are in float32 nevertheless, sorted. */
    hone_dtype small;
    const char **wide;
    int n_wide;
} hone_pass_context;

typedef hone_status (*hone_pass_fn)(hone_pass_context *context);

/* Every graph of the module, owners before what they own; in the module's arena. */
hone_graph **hone_module_graphs(hone_module *module, int *n);

/* Whether the node of this name is one that the model has in float32 among smaller types. */
bool hone_was_wide(const hone_pass_context *c, const char *name);

/* Whole-graph passes. */
hone_status hone_pass_widen(hone_pass_context *c);
hone_status hone_pass_fold(hone_pass_context *c);
hone_status hone_pass_common(hone_pass_context *c);
hone_status hone_pass_dead(hone_pass_context *c);
hone_status hone_pass_layout(hone_pass_context *c);
hone_status hone_pass_regions(hone_pass_context *c);
hone_status hone_pass_narrow(hone_pass_context *c);
hone_status hone_pass_excite(hone_pass_context *c);
hone_status hone_pass_stems(hone_pass_context *c);

/* Rules, by file. */
#define HONE_RULE(set, name) extern const hone_rule hone_rule_##name;
#include "opt/rules.def"
#undef HONE_RULE

#endif
