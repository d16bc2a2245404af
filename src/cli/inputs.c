/* Inputs of run and bench. Two walks: before a build the files that say their own shape are read,
 * because the model may leave extents open; after it pictures, raw files and made-up values fill
 * the rest by what the plan says. Nothing is converted: a file of another type than the input's is
 * an error. */
#include "cli/inputs.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cli/say.h"
#include "cli/shapes.h"
#include "media/values.h"

static hone_status binding_of(const hone_session *s, int index, hone_binding_info *info)
{
    *info = (hone_binding_info){.size = sizeof *info};
    return s->plan ? hone_plan_binding(s->plan, index, info)
                   : hone_model_binding(s->model, index, info);
}

static int count_inputs(const hone_session *s)
{
    hone_plan_info info = {.size = sizeof info};
    if (!s->plan)
        return hone_model_inputs(s->model);
    return hone_plan_describe(s->plan, &info) == HONE_OK ? info.n_inputs : 0;
}

static int make_list(hone_session *s)
{
    const int n = count_inputs(s);
    s->inputs = calloc((size_t)n + 1, sizeof *s->inputs);
    if (!s->inputs)
        return hone_fail(HONE_EXIT_LIMIT, "reading inputs: no memory");
    for (s->n_inputs = 0; s->n_inputs < n; s->n_inputs++) {
        hone_binding_info info;
        const hone_status st = binding_of(s, s->n_inputs, &info);
        if (st != HONE_OK)
            return hone_fail_status(st);
        s->inputs[s->n_inputs].name = strdup(info.name);
    }
    return HONE_EXIT_OK;
}

void hone_inputs_fini(hone_session *s)
{
    for (int i = 0; i < s->n_inputs; i++) {
        if (s->inputs[i].is_loaded)
            hone_array_free(&s->inputs[i].array);
        free(s->inputs[i].name);
        free(s->inputs[i].owned_path);
    }
    free(s->inputs);
    s->inputs = NULL;
    s->n_inputs = 0;
}

// ---- which file is whose

static int fail_no_input(const hone_session *s, const char *given)
{
    char names[512] = "";
    size_t n = 0;
    for (int i = 0; i < s->n_inputs && n < sizeof names - 1; i++)
        n += (size_t)snprintf(names + n, sizeof names - n, "%s\"%s\"", i ? ", " : "",
                              s->inputs[i].name);
    return hone_fail(HONE_EXIT_USAGE, "reading --input \"%s\": it is NAME=FILE; the inputs are %s",
                     given, s->n_inputs ? names : "none");
}

/* NAME=FILE, where NAME may itself hold "="; FILE alone where there is one input. */
static int take_file(hone_session *s, const char *given)
{
    for (int i = 0; i < s->n_inputs; i++) {
        const size_t n = strlen(s->inputs[i].name);
        if (strncmp(given, s->inputs[i].name, n) == 0 && given[n] == '=') {
            s->inputs[i].path = given + n + 1;
            return HONE_EXIT_OK;
        }
    }
    if (s->n_inputs != 1 || strchr(given, '='))
        return fail_no_input(s, given);
    s->inputs[0].path = given;
    return HONE_EXIT_OK;
}

static int take_folder(hone_session *s, const char *folder)
{
    static const char *const endings[] = {"npy", "pb"};
    for (int i = 0; i < s->n_inputs; i++) {
        char *path = NULL;
        for (int e = 0; e < HONE_COUNT_OF(endings) && !path; e++) {
            if (asprintf(&path, "%s/input_%d.%s", folder, i, endings[e]) < 0)
                return hone_fail(HONE_EXIT_LIMIT, "reading inputs: no memory");
            if (access(path, F_OK) != 0) {
                free(path);
                path = NULL;
            }
        }
        if (!path)
            return hone_fail(
                HONE_EXIT_INPUT,
                "reading --inputs \"%s\": it has no input_%d.npy or input_%d.pb, for \"%s\"",
                folder, i, i, s->inputs[i].name);
        s->inputs[i].owned_path = path;
        s->inputs[i].path = path;
    }
    return HONE_EXIT_OK;
}

// ---- reading

static bool ends_with(const char *path, const char *ending)
{
    const size_t n = strlen(path), m = strlen(ending);
    return n >= m && strcasecmp(path + n - m, ending) == 0;
}

/* Reads a file that says its own shape; *was_read is false for raw files and pictures, which must
 * wait for the plan's word. */
static hone_status read_typed(hone_session_input *input, const char *kind, bool *was_read)
{
    hone_file_kind file;
    hone_status st = hone_values_file_kind(input->path, &file);
    *was_read =
        file != HONE_FILE_PICTURE && !(file == HONE_FILE_UNKNOWN && !ends_with(input->path, ".pb"));
    if (st != HONE_OK || !*was_read)
        return st;
    if (file == HONE_FILE_NPZ) {
        st = hone_npz_read(input->path, input->name, &input->array);
        return st == HONE_ERR_FORMAT ? hone_npz_read(input->path, NULL, &input->array) : st;
    }
    return file == HONE_FILE_NPY ? hone_npy_read(input->path, &input->array)
                                 : hone_pb_read(input->path, kind, &input->array);
}

static bool is_open(const hone_dims *shape)
{
    bool open = shape->rank < 0;
    for (int d = 0; d < shape->rank; d++)
        open |= shape->dim[d] < 0;
    return open;
}

/* A model's open extents come from the file where no option fixes them. */
static void fix_shape(hone_session *s, const hone_session_input *input,
                      const hone_binding_info *info)
{
    hone_dims unused;
    const bool is_given = hone_shapes_find(s->shapes, input->name, &unused) ||
                          hone_shapes_find(s->opt_shapes, input->name, &unused) ||
                          hone_shapes_find(s->max_shapes, input->name, &unused);
    if (!s->plan && !is_given && is_open(&info->shape) && input->array.kind == HONE_ARRAY_TENSOR)
        hone_shapes_add(&s->shapes, input->name, &input->array.tensor.shape);
}

static int read_early(hone_session *s)
{
    for (int i = 0; i < s->n_inputs; i++) {
        hone_session_input *input = &s->inputs[i];
        hone_binding_info info;
        if (!input->path || binding_of(s, i, &info) != HONE_OK)
            continue;
        const hone_status st = read_typed(input, info.kind, &input->is_loaded);
        if (st != HONE_OK) {
            input->is_loaded = false;
            return hone_fail_file(st);
        }
        if (input->is_loaded)
            fix_shape(s, input, &info);
    }
    return HONE_EXIT_OK;
}

static int find(hone_session *s)
{
    const char *folder = hone_args_text(s->args, HONE_OPTION_inputs);
    const char *given;
    int code = make_list(s);
    if (!code && folder)
        code = take_folder(s, folder);
    for (int at = 0; !code && (given = hone_args_next(s->args, HONE_OPTION_input, &at));)
        code = take_file(s, given);
    return code ? code : read_early(s);
}

int hone_inputs_find_and_build(hone_session *s)
{
    /* --preprocess gives the plan another input than the model's, which is the one that files are
     * named for. */
    const bool build_first = hone_args_text(s->args, HONE_OPTION_preprocess) != NULL;
    int code = build_first ? hone_session_build(s) : HONE_EXIT_OK;
    if (!code)
        code = find(s);
    return code || build_first ? code : hone_session_build(s);
}

// ---- filling the rest

/* Pictures go in as encoded bytes, or as pixels [height, width, 3] or [1, height, width, 3]. */
static bool takes_encoded(const hone_binding_info *info)
{
    return info->dtype == HONE_U8 && info->shape.rank == 1;
}

static bool takes_pixels(const hone_binding_info *info)
{
    const hone_dims *d = &info->shape;
    return info->dtype == HONE_U8 && (d->rank == 3 || (d->rank == 4 && d->dim[0] <= 1)) &&
           d->dim[d->rank - 1] == 3;
}

static int read_picture(hone_session_input *input, const hone_binding_info *info)
{
    char text[HONE_VALUES_TEXT];
    if (!takes_encoded(info) && !takes_pixels(info))
        return hone_fail(HONE_EXIT_INPUT,
                         "reading \"%s\" for input \"%s\": it is a picture and the input takes %s "
                         "%s; a plan built with "
                         "--preprocess takes pictures",
                         input->path, input->name, hone_dtype_text(info->dtype),
                         hone_values_shape_text(&info->shape, text));
    const hone_status st = takes_encoded(info)
                               ? hone_values_read_bytes(input->path, &input->array)
                               : hone_values_read_picture(input->path, &input->array);
    if (st != HONE_OK)
        return hone_fail_file(st);
    hone_dims *shape = &input->array.tensor.shape;
    if (info->shape.rank == 4)
        *shape = (hone_dims){4, {1, shape->dim[0], shape->dim[1], 3}};
    input->is_loaded = true;
    return HONE_EXIT_OK;
}

static int read_raw(hone_session *s, hone_session_input *input, const hone_binding_info *info)
{
    hone_dims shape = info->shape;
    hone_shapes_find(s->shapes, input->name, &shape);
    if (is_open(&shape))
        return hone_fail(
            HONE_EXIT_USAGE,
            "reading \"%s\" for input \"%s\": raw bytes have no shape; --shapes %s:... gives it",
            input->path, input->name, input->name);
    const hone_status st = hone_raw_read(input->path, info->dtype, &shape, &input->array);
    if (st != HONE_OK)
        return hone_fail_file(st);
    input->is_loaded = true;
    return HONE_EXIT_OK;
}

static int read_late(hone_session *s, hone_session_input *input, const hone_binding_info *info)
{
    hone_file_kind kind;
    const hone_status st = hone_values_file_kind(input->path, &kind);
    if (st != HONE_OK)
        return hone_fail_file(st);
    if (kind == HONE_FILE_PICTURE)
        return read_picture(input, info);
    if (ends_with(input->path, ".bin") || ends_with(input->path, ".raw"))
        return read_raw(s, input, info);
    return hone_fail(HONE_EXIT_INPUT,
                     "reading \"%s\" for input \"%s\": neither content nor ending says what it is; "
                     ".npy, .npz, .pb, .bin "
                     "and pictures are known",
                     input->path, input->name);
}

/* A picture of noise, for plans that take encoded ones: a PPM of 640 x 480. */
static int make_picture(hone_session_input *input, uint64_t *seed)
{
    static const char header[] = "P6\n640 480\n255\n";
    const int64_t size = (int64_t)sizeof header - 1 + (int64_t)640 * 480 * 3;
    const hone_dims shape = {1, {size}};
    const hone_status st = hone_values_make(HONE_U8, &shape, &input->array);
    if (st != HONE_OK)
        return hone_fail_status(st);
    hone_values_fill(&input->array.tensor, seed);
    memcpy(input->array.tensor.data, header, sizeof header - 1);
    input->is_loaded = true;
    return HONE_EXIT_OK;
}

/* The shape that made-up values have: what options say, else what the context has by the profile.
 */
static int make_values(hone_session *s, int index, const hone_binding_info *info, uint64_t *seed)
{
    hone_session_input *input = &s->inputs[index];
    const char *preprocess = hone_plan_property(s->plan, "preprocess");
    hone_dims shape = {.rank = -1};
    if (takes_encoded(info) && is_open(&info->shape) && preprocess && !strstr(preprocess, "frame"))
        return make_picture(input, seed);
    hone_status st = hone_context_shape(s->context, index, &shape);
    if (is_open(&info->shape))
        hone_shapes_find(s->shapes, input->name, &shape);
    if (st == HONE_OK)
        st = hone_values_make(info->dtype, &shape, &input->array);
    if (st != HONE_OK)
        return hone_fail_status(st);
    hone_values_fill(&input->array.tensor, seed);
    input->is_loaded = true;
    return HONE_EXIT_OK;
}

static int check_tensor(const hone_session_input *input, const hone_binding_info *info)
{
    char found[HONE_VALUES_TEXT], wanted[HONE_VALUES_TEXT];
    const hone_tensor *t = &input->array.tensor;
    bool fits = input->array.kind == HONE_ARRAY_TENSOR && t->dtype == info->dtype;
    if (input->array.kind != HONE_ARRAY_TENSOR)
        return hone_fail(HONE_EXIT_UNSUPPORTED,
                         "binding input \"%s\": it is no tensor; sequences and empty optionals are "
                         "not in this version",
                         input->name);
    if (info->shape.rank >= 0)
        fits &= t->shape.rank == info->shape.rank;
    for (int d = 0; fits && d < info->shape.rank; d++)
        fits = info->shape.dim[d] < 0 || info->shape.dim[d] == t->shape.dim[d];
    if (fits)
        return HONE_EXIT_OK;
    return hone_fail(HONE_EXIT_INPUT,
                     "reading \"%s\" for input \"%s\": it is %s %s; the input takes %s %s",
                     input->path, input->name, hone_dtype_text(t->dtype),
                     hone_values_shape_text(&t->shape, found), hone_dtype_text(info->dtype),
                     hone_values_shape_text(&info->shape, wanted));
}

static int bind(hone_session *s, int index, const hone_binding_info *info)
{
    hone_session_input *input = &s->inputs[index];
    hone_tensor *t = &input->array.tensor;
    const int code = check_tensor(input, info);
    if (code)
        return code;
    hone_status st =
        is_open(&info->shape) ? hone_context_set_shape(s->context, index, &t->shape) : HONE_OK;
    if (st == HONE_OK)
        st = hone_context_bind(s->context, index, t->data, t->size);
    return st == HONE_OK ? HONE_EXIT_OK : hone_fail_file(st);
}

static void say_random(hone_session *s)
{
    if (!s->said_random)
        hone_say(1, "note: inputs without a file get uniform values (seed %lld)",
                 (long long)hone_args_int(s->args, HONE_OPTION_seed, 0));
    s->said_random = true;
}

static int fill(hone_session *s, int index, const char *picture, uint64_t *seed)
{
    hone_session_input *input = &s->inputs[index];
    hone_binding_info info;
    int code = HONE_EXIT_OK;
    const hone_status st = binding_of(s, index, &info);
    if (st != HONE_OK)
        return hone_fail_status(st);
    if (picture && !takes_encoded(&info) && !takes_pixels(&info))
        picture = NULL;
    if (picture) {
        if (input->is_loaded)
            hone_array_free(&input->array);
        input->is_loaded = false;
        input->path = picture;
    }
    if (!input->is_loaded && input->path) {
        code = read_late(s, input, &info);
    } else if (!input->is_loaded) {
        say_random(s);
        code = make_values(s, index, &info, seed);
    }
    return code ? code : bind(s, index, &info);
}

/* Fails where a picture was given and no input takes one. */
static int check_picture(const hone_session *s, const char *picture)
{
    hone_binding_info info;
    for (int i = 0; i < s->n_inputs; i++)
        if (binding_of(s, i, &info) == HONE_OK && (takes_encoded(&info) || takes_pixels(&info)))
            return HONE_EXIT_OK;
    return hone_fail(
        HONE_EXIT_INPUT,
        "reading \"%s\": no input takes a picture; a plan built with --preprocess does", picture);
}

int hone_inputs_bind(hone_session *s, const char *picture)
{
    uint64_t seed = (uint64_t)hone_args_int(s->args, HONE_OPTION_seed, 0);
    int code = picture ? check_picture(s, picture) : HONE_EXIT_OK;
    for (int i = 0; i < s->n_inputs && !code; i++)
        code = fill(s, i, picture, &seed);
    return code;
}
