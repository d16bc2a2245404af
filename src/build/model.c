/* Models as objects: mapped bytes and the module imported from them, for questions. A build imports
 * them once more with the shapes that it was given, so that one model may be built in many ways. */
#include "build/model.h"

#include <stdio.h>
#include <stdlib.h>

static hone_model_options read_options(const hone_model_options *options)
{
    hone_model_options o = {.size = sizeof o};
    if (options)
        memcpy(&o, options, HONE_MIN(options->size, sizeof o));
    if (o.memory_limit == 0)
        o.memory_limit = (size_t)64 << 30;
    return o;
}

typedef struct import_job {
    hone_model *model;
    const hone_model_options *options;
} import_job;

static hone_status import(void *ctx)
{
    import_job *job = ctx;
    const hone_onnx_options o = {.folder = job->model->folder, .logger = job->options->logger};

    return hone_onnx_import(job->model->arena, job->model->bytes, &o, &job->model->module);
}

static hone_status set_folder(hone_model *m, const char *folder, size_t length)
{
    HONE_TRY(hone_alloc(&m->allocator, length + 1, (void **)&m->folder));
    m->folder_size = length + 1;
    memcpy(m->folder, folder, length);
    m->folder[length] = 0;
    return HONE_OK;
}

static hone_status set_folder_of(hone_model *m, const char *path)
{
    const char *slash = strrchr(path, '/');

    if (!slash)
        return set_folder(m, ".", 1);
    return set_folder(m, path, slash == path ? 1 : (size_t)(slash - path));
}

static hone_status create(const hone_model_options *o, hone_model **out)
{
    const hone_allocator *allocator = o->allocator ? o->allocator : &hone_allocator_default;

    HONE_TRY(hone_alloc_zero(allocator, sizeof **out, (void **)out));
    (*out)->allocator = *allocator;
    (*out)->memory_limit = o->memory_limit;
    return hone_arena_create(allocator, o->memory_limit, &(*out)->arena);
}

hone_status hone_model_open(const char *path, const hone_model_options *options, hone_model **out)
{
    hone_status st;
    const hone_model_options o = read_options(options);
    hone_model *m = NULL;

    HONE_TRY_OUT(create(&o, &m));
    HONE_TRY_OUT(hone_map_open(path, &m->map));
    m->bytes = m->map.bytes;
    HONE_TRY_OUT(o.folder ? set_folder(m, o.folder, strlen(o.folder)) : set_folder_of(m, path));
    HONE_TRY_OUT(hone_trap_run(import, &(import_job){m, &o}));
    *out = m;
    m = NULL; /* now the caller's */
out:
    hone_model_destroy(m);
    return st == HONE_OK ? HONE_OK : hone_while(st, "reading model %s", path);
}

hone_status hone_model_load(const void *data, size_t size, const hone_model_options *options,
                            hone_model **out)
{
    hone_status st;
    const hone_model_options o = read_options(options);
    hone_model *m = NULL;

    HONE_TRY_OUT(create(&o, &m));
    m->bytes = (hone_bytes){data, size};
    if (o.folder)
        HONE_TRY_OUT(set_folder(m, o.folder, strlen(o.folder)));
    HONE_TRY_OUT(hone_trap_run(import, &(import_job){m, &o}));
    *out = m;
    m = NULL; /* now the caller's */
out:
    hone_model_destroy(m);
    return st == HONE_OK ? HONE_OK : hone_while(st, "reading a model from memory");
}

void hone_model_destroy(hone_model *m)
{
    if (!m)
        return;
    const hone_allocator allocator = m->allocator;
    hone_arena_destroy(m->arena);
    hone_map_close(&m->map);
    hone_free(&allocator, m->folder, m->folder_size);
    hone_free(&allocator, m, sizeof *m);
}

int hone_model_inputs(const hone_model *m)
{
    return m->module->main->n_in;
}

int hone_model_outputs(const hone_model *m)
{
    return m->module->main->n_out;
}

static void describe_dims(const hone_module *module, const hone_shape *s, hone_binding_info *info)
{
    info->shape.rank = info->min.rank = info->opt.rank = info->max.rank = s->rank;
    for (int i = 0; i < s->rank; i++) {
        const int64_t upper = hone_extent_upper(module->extents, s->dim[i]);
        info->shape.dim[i] = hone_extent_is_number(s->dim[i]) ? s->dim[i] : -1;
        info->min.dim[i] = hone_extent_lower(module->extents, s->dim[i]);
        info->max.dim[i] = upper >= HONE_EXTENT_INF ? -1 : upper;
        info->opt.dim[i] = info->shape.dim[i];
    }
}

hone_status hone_model_binding(const hone_model *m, int index, hone_binding_info *info)
{
    static const char *const kinds[] = {"tensor", "sequence", "optional", "map", "sparse"};
    const hone_graph *g = m->module->main;

    if (index < 0 || index >= g->n_in + g->n_out)
        return hone_error(HONE_ERR_ARGUMENT, "asking for binding %d: the model has %d", index,
                          g->n_in + g->n_out);
    const hone_value *v = index < g->n_in ? g->in[index] : g->out[index - g->n_in];
    hone_binding_info all = {.name = v->name,
                             .dtype = v->type.dtype,
                             .kind = kinds[v->type.kind],
                             .is_input = index < g->n_in};
    describe_dims(m->module, &v->type.shape, &all);
    return hone_info_fill(info, &all, sizeof all);
}

const char *hone_model_property(const hone_model *m, const char *key)
{
    for (int i = 0; i < m->module->properties.n; i++)
        if (strcmp(m->module->properties.v[i].key, key) == 0)
            return m->module->properties.v[i].value;
    return NULL;
}

hone_status hone_model_print(const hone_model *m,
                             void (*write)(void *user, const char *text, size_t size), void *user)
{
    hone_text text;

    hone_text_init(&text, &m->allocator);
    hone_module_print(m->module, false, &text);
    const hone_status st = hone_text_status(&text);
    if (st == HONE_OK)
        write(user, text.data, text.size);
    hone_text_fini(&text);
    return st;
}
