/* Inputs of run and bench, second walk: pictures, raw files and made-up values by what the plan
 * says; then all are bound. Nothing is converted: a file of another type than the input's is an
 * error. */
#include "cli/inputs.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cli/say.h"
#include "cli/shapes.h"
#include "media/values.h"

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
    if (hone_inputs_is_open(&shape))
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
    if (hone_inputs_ends_with(input->path, ".bin") || hone_inputs_ends_with(input->path, ".raw"))
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
    if (takes_encoded(info) && hone_inputs_is_open(&info->shape) && preprocess &&
        !strstr(preprocess, "frame"))
        return make_picture(input, seed);
    hone_status st = hone_context_shape(s->context, index, &shape);
    if (hone_inputs_is_open(&info->shape))
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

/* On the CPU the array is read in place. For a GPU it is copied into the memory that the context
 * lends, which its device reaches without a detour. */
static int give(const hone_session *s, hone_context *context, int index,
                const hone_binding_info *info)
{
    const hone_tensor *t = &s->inputs[index].array.tensor;
    hone_status st = hone_inputs_is_open(&info->shape)
                         ? hone_context_set_shape(context, index, &t->shape)
                         : HONE_OK;
    if (st == HONE_OK)
        st = s->device.is_cuda ? hone_context_write(context, index, t->data, t->size)
                               : hone_context_bind(context, index, t->data, t->size);
    return st == HONE_OK ? HONE_EXIT_OK : hone_fail_file(st);
}

int hone_inputs_give(const hone_session *s, hone_context *context)
{
    int code = HONE_EXIT_OK;
    for (int i = 0; i < s->n_inputs && !code; i++) {
        hone_binding_info info;
        const hone_status st = hone_inputs_binding(s, i, &info);
        code = st == HONE_OK ? give(s, context, i, &info) : hone_fail_status(st);
    }
    return code;
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
    const hone_status st = hone_inputs_binding(s, index, &info);
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
    if (!code)
        code = check_tensor(input, &info);
    return code ? code : give(s, s->context, index, &info);
}

/* Fails where a picture was given and no input takes one. */
static int check_picture(const hone_session *s, const char *picture)
{
    hone_binding_info info;
    for (int i = 0; i < s->n_inputs; i++)
        if (hone_inputs_binding(s, i, &info) == HONE_OK &&
            (takes_encoded(&info) || takes_pixels(&info)))
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
