/* Passes over the graph. A rule is local: (name, root operator, apply); a pass works on a whole
 * graph. pipeline.c is one table of rows, the architecture document of the optimiser; the IR can be
 * dumped after any row. */
#ifndef HONE_OPT_OPT_H
#define HONE_OPT_OPT_H

#include "base/log.h"
#include "ir/graph.h"

typedef struct hone_rule {
    const char *name;
    hone_op_id root; /* HONE_OP_none: every node */
    /* Rewrites at `node` where its legality condition holds; true if anything changed. New nodes
     * need hone_node_infer. */
    bool (*apply)(hone_graph *graph, hone_node *node);
} hone_rule;

typedef struct hone_pass_options {
    const hone_allocator *allocator;
    const hone_logger *logger;
    const hone_progress *progress;
    const char *
        dump_ir; /* folder, or NULL: "NN_row.ir" after every row, "00_import.ir" before the first */
    bool no_optimize;    /* only the rows marked as needed by lowering */
    size_t fold_limit;   /* the most bytes that folding may make of one node; 0: 256 MiB */
    bool gpu;            /* the rows for a GPU; false: those for the CPU */
    hone_dtype narrow;   /* GPU: what float32 may become: HONE_F16, HONE_BF16; others: nothing */
    bool strongly_typed; /* GPU: types follow the graph, whatever `narrow` says */
    /* GPU: whether it has a kernel for this node with its present types; NULL: for every node. */
    bool (*takes)(void *user, const hone_node *node);
    void *user;
} hone_pass_options;

/* Runs the pipeline for the CPU or a GPU on a module whose inference has run. */
hone_status hone_opt_run(hone_module *module, const hone_pass_options *options);

/* Applies rules until none fires any more (bounded: HONE_ERR_INTERNAL names the rule that does not
 * end). */
hone_status hone_rules_apply(hone_graph *graph, const hone_rule *const *rules, int n,
                             bool *changed);
const hone_rule *hone_rule_find(const char *name); /* for golden tests; NULL */
hone_status hone_pass_run(hone_module *module, const char *name,
                          const hone_pass_options *options); /* one row by name */

#endif
