/* The pipeline: one table of rows, each a whole-graph pass or a set of local rules, run in order on
 * every graph of the module. This table is the architecture of the optimiser; docs/passes.md says
 * the same in words. The verifier runs after every row, and the IR can be written after every row.
 */
#include "opt/rules.h"

#include <stdio.h>

#include "base/file.h"

typedef enum target {
    CPU = 1,
    GPU = 2,
    BOTH = CPU | GPU,
} target;

typedef struct row {
    const char *name;
    target target;
    hone_pass_fn pass; /* NULL: the rules of the set `name` */
    bool needed;       /* by lowering: runs under no_optimize too */
    const char *what;
} row;

static const row rows[] = {
    {"widen", BOTH, hone_pass_widen, true, "float16 and bfloat16 become float32"},
    {"fold", BOTH, hone_pass_fold, false,
     "constants and known shapes are computed; constant branches inlined"},
    {"simplify", BOTH, NULL, false, "operators that do nothing go"},
    {"common", BOTH, hone_pass_common, false, "equal expressions and equal constants become one"},
    {"dead", BOTH, hone_pass_dead, false, "what nobody uses goes"},
    {"patterns", BOTH, NULL, false, "operators that exporters spell out become one"},
    {"canonical", BOTH, NULL, false,
     "one spelling for each thing; scales and shifts go into weights"},
    {"tables", BOTH, NULL, false, "what is computed of looked-up rows is computed of the table"},
    {"attention", CPU, NULL, false, "two products around a softmax become attention"},
    {"heads", GPU, NULL, false, "attention, which reads heads where a product left them"},
    {"fold_2", BOTH, hone_pass_fold, false, "constants that the rules made"},
    {"layout", BOTH, hone_pass_layout, false, "channels last where it pays: a minimum cut"},
    {"transposes", BOTH, NULL, false, "transposes meet, cancel and become reshapes or flags"},
    {"flatten", GPU, NULL, false, "weights of products are put in the pixels' order"},
    {"lanes", CPU, NULL, false, "convolutions with few channels get more of them"},
    {"phases", GPU, NULL, false, "transposed convolutions become convolutions"},
    {"fold_3", BOTH, hone_pass_fold, false, "constants that were re-laid"},
    {"common_2", BOTH, hone_pass_common, false, "transposes of one value become one"},
    {"dead_2", BOTH, hone_pass_dead, false, "what nobody uses goes"},
    {"regions", BOTH, hone_pass_regions, false, "pointwise neighbours become one program"},
    {"epilogue", CPU, NULL, false, "programs go into the contraction before them"},
    {"fusion", GPU, NULL, false, "programs and casts go into the contraction before them"},
    {"excite", GPU, hone_pass_excite, false,
     "squeeze-and-excite becomes one kernel; its gate goes into the convolution behind it"},
    {"siblings", CPU, NULL, false, "contractions of one input become a wider one"},
    {"columns", CPU, NULL, false, "short constant operands become lines"},
    {"narrow", GPU, hone_pass_narrow, true, "float32 becomes float16 or bfloat16 where it is safe"},
    {"casts", GPU, NULL, false, "conversions become loads, or meet and cancel"},
    {"stems", GPU, hone_pass_stems, false, "first layers read the picture as the model has it"},
    {"borders", GPU, NULL, false, "one copy where layouts meet; channels in whole pieces"},
    {"dead_3", BOTH, hone_pass_dead, false, "what nobody uses goes"},
};

/* Rules by set. */
typedef struct member {
    const char *set;
    const hone_rule *rule;
} member;

#define HONE_RULE(set, name) {#set, &hone_rule_##name},
static const member members[] = {
#include "opt/rules.def"
};
#undef HONE_RULE

static hone_status run_rules(hone_pass_context *c, const char *set)
{
    const hone_rule *rules[HONE_COUNT(members)];
    int n = 0, n_graphs = 0;

    for (int i = 0; i < HONE_COUNT(members); i++)
        if (strcmp(members[i].set, set) == 0)
            rules[n++] = members[i].rule;
    hone_graph **graphs = hone_module_graphs(c->module, &n_graphs);
    for (int i = 0; i < n_graphs; i++)
        HONE_TRY(hone_rules_apply(graphs[i], rules, n, &c->changed));
    return HONE_OK;
}

static hone_status verify(hone_module *module)
{
    int n = 0;
    hone_graph **graphs = hone_module_graphs(module, &n);

    for (int i = 0; i < n; i++)
        HONE_TRY(hone_graph_verify(graphs[i]));
    return HONE_OK;
}

static hone_status write_text(const char *folder, int number, const char *name,
                              const hone_text *text)
{
    char path[4096];
    hone_file_writer *file = NULL;

    HONE_TRY(hone_text_status(text));
    if (snprintf(path, sizeof path, "%s/%02d_%s.ir", folder, number, name) >= (int)sizeof path)
        return hone_error(HONE_ERR_ARGUMENT,
                          "dumping IR: the path of folder \"%.100s...\" is too long", folder);
    HONE_TRY(hone_file_create(path, &file));
    const hone_status st = hone_file_write(file, text->data, text->size);
    if (st != HONE_OK) {
        hone_file_abandon(file);
        return st;
    }
    return hone_file_commit(file);
}

static hone_status dump(const hone_module *module, const hone_pass_options *options, int number,
                        const char *name)
{
    hone_text text;

    if (options->dump_ir == NULL)
        return HONE_OK;
    hone_text_init(&text, options->allocator);
    hone_module_print(module, false, &text);
    const hone_status st = write_text(options->dump_ir, number, name, &text);
    hone_text_fini(&text);
    return st;
}

static hone_status run_row(hone_pass_context *c, const row *r)
{
    const hone_status st = r->pass != NULL ? r->pass(c) : run_rules(c, r->name);
    if (st != HONE_OK)
        return hone_while(st, "pass %s", r->name);
    return hone_while(verify(c->module), "after pass %s", r->name);
}

static hone_pass_context context_of(hone_module *module, const hone_pass_options *options)
{
    return (hone_pass_context){
        .module = module,
        .options = options,
        .fold_limit = options->fold_limit != 0 ? options->fold_limit : (size_t)256 << 20,
    };
}

hone_status hone_opt_run(hone_module *module, const hone_pass_options *options)
{
    hone_pass_context c = context_of(module, options);
    const target wanted = options->gpu ? GPU : CPU;

    HONE_TRY(dump(module, options, 0, "import"));
    for (int i = 0; i < HONE_COUNT(rows); i++) {
        HONE_TRY(hone_progress_report(options->progress, "passes", i, HONE_COUNT(rows)));
        if (!(rows[i].target & wanted) || (options->no_optimize && !rows[i].needed))
            continue;
        HONE_TRY(run_row(&c, &rows[i]));
        HONE_TRY(dump(module, options, i + 1, rows[i].name));
    }
    return hone_progress_report(options->progress, "passes", HONE_COUNT(rows), HONE_COUNT(rows));
}

hone_status hone_pass_run(hone_module *module, const char *name, const hone_pass_options *options)
{
    hone_pass_context c = context_of(module, options);

    for (int i = 0; i < HONE_COUNT(rows); i++)
        if (strcmp(rows[i].name, name) == 0)
            return run_row(&c, &rows[i]);
    return hone_error(HONE_ERR_ARGUMENT, "running a pass: there is no row \"%s\" in the pipeline",
                      name);
}
