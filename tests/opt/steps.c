/* Counts what the passes for a GPU leave of models: nodes that are steps, by operator, and which of
 * them the GPU has no kernel for. For looking at fusion without a GPU.
 *
 *     hone_opt_steps [--half|--bf16|--strong|--cpu] [--log] [--dump DIR] [--shapes TEXT] MODEL...
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "build/gpu.h"
#include "build/model.h"
#include "opt/opt.h"

typedef struct job {
    hone_pass_options passes;
    const char *shapes;
    hone_profile profile;
    hone_arena *arena;
} job;

static void narrow_symbols(void *user, hone_module *module)
{
    const job *j = user;

    for (int i = 0; i < j->profile.symbols.n; i++) {
        const hone_symbol_range *r = &j->profile.symbols.v[i];
        hone_extent_symbol(module->extents, r->name, r->min, r->max);
    }
}

static void fix_input(void *user, hone_module *module, const char *name, hone_type *type)
{
    const job *j = user;

    (void)module;
    for (int i = 0; i < j->profile.fixed.n; i++)
        if (type->kind == HONE_KIND_TENSOR && type->shape.rank < 0 &&
            strcmp(j->profile.fixed.v[i].name, name) == 0)
            type->shape = hone_shape_of_dims(&j->profile.fixed.v[i].dims);
}

static bool is_step(const hone_node *n)
{
    return !hone_op_has(n->op, HONE_TRAIT_VIEW | HONE_TRAIT_CONTROL);
}

static int count(const hone_graph *g, int *by_op)
{
    int n = 0;

    for (const hone_node *node = g->first; node != NULL; node = node->next) {
        for (int k = 0; k < node->n_sub; k++)
            n += count(node->sub[k], by_op);
        by_op[node->op] += is_step(node);
        n += is_step(node);
    }
    return n;
}

static void print(const hone_module *module, const char *path)
{
    int by_op[HONE_OP_COUNT] = {0};
    const int n = count(module->main, by_op);

    printf("%-48s %4d steps:", path, n);
    for (int op = 0; op < HONE_OP_COUNT; op++)
        if (by_op[op] > 0)
            printf(" %s %d", hone_ops[op].name, by_op[op]);
    printf("\n");
}

/* Steps that the CPU will run. */
static void print_left(const job *j, const hone_graph *g)
{
    for (const hone_node *n = g->first; n != NULL; n = n->next) {
        for (int k = 0; k < n->n_sub; k++)
            print_left(j, n->sub[k]);
        if (is_step(n) && !j->passes.takes(j->passes.user, n))
            printf("    CPU: %s \"%s\"\n", hone_ops[n->op].name, n->name);
    }
}

static hone_status run_passes(job *j, const hone_model *model, const char *path)
{
    const hone_build_options options = {
        .size = sizeof options, .shapes = j->shapes, .targets = "sm_90"};
    const hone_onnx_options o = {
        .folder = model->folder, .prepare = narrow_symbols, .input_type = fix_input, .user = j};
    hone_module *module;
    hone_low_gpu *gpu;

    HONE_TRY(hone_gpu_targets(j->arena, &options, &gpu));
    j->passes.takes = hone_gpu_takes;
    j->passes.user = gpu;
    HONE_TRY(hone_profile_make(j->arena, model->module, &options, &j->profile));
    HONE_TRY(hone_onnx_import(j->arena, model->bytes, &o, &module));
    HONE_TRY(hone_graph_infer(module->main));
    HONE_TRY(hone_opt_run(module, &j->passes));
    print(module, path);
    if (j->passes.gpu)
        print_left(j, module->main);
    return HONE_OK;
}

typedef struct one {
    job *job;
    const hone_model *model;
    const char *path;
} one;

static hone_status run(void *ctx)
{
    one *o = ctx;
    return run_passes(o->job, o->model, o->path);
}

static bool count_model(job j, const char *path)
{
    hone_model *model = NULL;
    one o = {&j, NULL, path};
    hone_status st = hone_model_open(path, NULL, &model);

    if (st == HONE_OK)
        st = hone_arena_create(NULL, 0, &j.arena);
    if (st == HONE_OK) {
        o.model = model;
        st = hone_trap_run(run, &o);
    }
    if (st != HONE_OK)
        fprintf(stderr, "%s: %s\n", path, hone_message());
    hone_arena_destroy(j.arena);
    hone_model_destroy(model);
    return st == HONE_OK;
}

static void write_log(void *user, hone_log_level level, const char *text)
{
    (void)user;
    (void)level;
    fprintf(stderr, "%s\n", text);
}

static bool is_flag(job *j, const char *arg)
{
    if (strcmp(arg, "--half") == 0)
        j->passes.narrow = HONE_F16;
    else if (strcmp(arg, "--bf16") == 0)
        j->passes.narrow = HONE_BF16;
    else if (strcmp(arg, "--strong") == 0)
        j->passes.strongly_typed = true;
    else if (strcmp(arg, "--cpu") == 0)
        j->passes.gpu = false;
    else
        return false;
    return true;
}

int main(int argc, char **argv)
{
    static const hone_logger logger = {.version = 1, .level = HONE_LOG_INFO, .log = write_log};
    job j = {.passes = {.gpu = true}};
    bool ok = true;

    hone_cpu_init();
    for (int i = 1; i < argc; i++) {
        if (is_flag(&j, argv[i]))
            continue;
        if (strcmp(argv[i], "--log") == 0)
            j.passes.logger = &logger;
        else if (strcmp(argv[i], "--dump") == 0 && i + 1 < argc)
            j.passes.dump_ir = argv[++i];
        else if (strcmp(argv[i], "--shapes") == 0 && i + 1 < argc)
            j.shapes = argv[++i];
        else
            ok &= count_model(j, argv[i]);
    }
    return ok ? EXIT_SUCCESS : EXIT_FAILURE;
}
