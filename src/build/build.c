/* hone_build: import with the given shapes, attach what comes before and after, infer, run the
 * passes, lower, place, emit. One arena holds all of it and goes at the end; whatever way a build
 * ends, nothing is left behind. */
#include "build/gpu.h"
#include "build/model.h"
#include "opt/opt.h"

typedef struct build_job {
    const hone_model *model;
    const hone_build_options *options;
    hone_arena *arena;
    hone_profile profile;
    hone_module *module;
    hone_low_gpu *gpu; /* NULL: for the CPU */
    void *data;
    size_t size;
} build_job;

/* Symbols of which the profile says something are narrowed before the model is read: one with a
 * single value is that number wherever the model mentions it. */
static void narrow_symbols(void *user, hone_module *module)
{
    const build_job *job = user;

    for (int i = 0; i < job->profile.symbols.n; i++) {
        const hone_symbol_range *r = &job->profile.symbols.v[i];
        hone_extent_symbol(module->extents, r->name, r->min, r->max);
    }
}

/* An input without a declared rank takes the shape that the options give. */
static void fix_input(void *user, hone_module *module, const char *name, hone_type *type)
{
    const build_job *job = user;

    (void)module;
    if (type->kind != HONE_KIND_TENSOR || type->shape.rank >= 0)
        return;
    for (int i = 0; i < job->profile.fixed.n; i++)
        if (strcmp(job->profile.fixed.v[i].name, name) == 0)
            type->shape = hone_shape_of_dims(&job->profile.fixed.v[i].dims);
}

static hone_status import(build_job *job)
{
    const hone_onnx_options o = {
        .folder = job->model->folder,
        .progress = job->options->progress,
        .prepare = narrow_symbols,
        .input_type = fix_input,
        .user = job,
    };

    HONE_TRY(hone_profile_make(job->arena, job->model->module, job->options, &job->profile));
    return hone_onnx_import(job->arena, job->model->bytes, &o, &job->module);
}

static hone_status attach(build_job *job)
{
    const hone_build_options *o = job->options;

    if (o->preprocess)
        HONE_TRY(hone_attach_preprocess(job->module, o->preprocess));
    if (o->postprocess)
        HONE_TRY(hone_attach_postprocess(job->module, o->postprocess));
    if (o->labels)
        hone_module_property(job->module, "labels", o->labels);
    return HONE_OK;
}

/* What float32 may become on a GPU. */
static hone_dtype narrow_type(const hone_build_options *o)
{
    return o->allow == HONE_BFLOAT16 ? HONE_BF16 : o->allow >= HONE_FP16 ? HONE_F16 : HONE_F32;
}

static hone_status optimize(build_job *job)
{
    const hone_build_options *o = job->options;
    const hone_pass_options p = {.allocator = o->allocator,
                                 .logger = o->logger,
                                 .progress = o->progress,
                                 .dump_ir = o->dump_ir,
                                 .no_optimize = o->no_optimize,
                                 .gpu = job->gpu != NULL,
                                 .narrow = narrow_type(o),
                                 .strongly_typed = o->strongly_typed,
                                 .takes = job->gpu ? hone_gpu_takes : NULL,
                                 .user = job->gpu};

    HONE_TRY(hone_graph_infer(job->module->main));
    return hone_opt_run(job->module, &p);
}

static hone_status build(void *ctx)
{
    build_job *job = ctx;
    hone_lowered low;

    HONE_TRY(hone_gpu_targets(job->arena, job->options, &job->gpu));
    HONE_TRY(hone_progress_report(job->options->progress, "import", 0, 0));
    HONE_TRY(import(job));
    HONE_TRY(attach(job));
    HONE_TRY(optimize(job));
    HONE_TRY(hone_progress_report(job->options->progress, "lower", 0, 0));
    HONE_TRY(hone_low_make(job->arena, job->module, job->gpu, &low));
    if (job->gpu) {
        HONE_TRY(hone_gpu_assign(&low));
        HONE_TRY(hone_gpu_tune(&low));
        HONE_TRY(hone_gpu_bind(&low));
    }
    HONE_TRY(hone_pack_plan(&low));
    hone_low_compact(&low);
    HONE_TRY(hone_low_estimate(&low));
    HONE_TRY(hone_progress_report(job->options->progress, "place", 0, 0));
    HONE_TRY(hone_place(&low));
    if (job->gpu)
        HONE_TRY(hone_gpu_compile(&low));
    return hone_write_plan(&low, &job->profile, job->options, &job->data, &job->size);
}

hone_status hone_build(const hone_model *model, const hone_build_options *options, hone_plan **out)
{
    hone_status st;
    hone_build_options o = {.size = sizeof o};
    build_job job = {.model = model, .options = &o};

    hone_cpu_init();
    if (options)
        memcpy(&o, options, HONE_MIN(options->size, sizeof o));
    if (!o.allocator)
        o.allocator = &model->allocator;
    HONE_TRY_OUT(hone_arena_create(o.allocator, model->memory_limit, &job.arena));
    HONE_TRY_OUT(hone_trap_run(build, &job));
    HONE_TRY_OUT(hone_plan_adopt(o.allocator, job.data, job.size, out));
    job.data = NULL; /* now the plan's */
out:
    hone_free(o.allocator, job.data, job.size);
    hone_arena_destroy(job.arena);
    return st == HONE_OK ? HONE_OK : hone_while(st, "building a plan");
}
