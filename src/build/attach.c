/* Frames in, classes out: reads the short texts of --preprocess and --postprocess and puts
 * operators of the domain hone around the graph.
 *
 *   preprocess   decode | frame          an encoded picture (uint8 [n]) or a uint8 frame [h, w, 3]
 * comes in resize=N                the shorter side becomes N (fit=crop); default: the larger of
 * the crop's sides crop=N or crop=HxW      default: what the model's input says
 *                fit=crop|letterbox|stretch, filter=linear|cubic|nearest, rgb | bgr | gray, fill=X
 *                mean=X or mean=X/Y/Z, std=... in 0..255 units
 *   postprocess  softmax, topk=K */
#include "build/build.h"

#include <stdlib.h>

typedef struct item {
    const char *key;
    const char *value; /* "" where there is none */
} item;

typedef struct spec {
    HONE_VEC(item) items;
} spec;

static void split(hone_arena *arena, const char *text, spec *out)
{
    *out = (spec){0};
    while (*text) {
        const size_t n = strcspn(text, ",");
        char *entry = hone_arena_text_n(arena, text, n);
        char *equals = strchr(entry, '=');
        if (equals)
            *equals = 0;
        *hone_vec_push(arena, &out->items) = (item){entry, equals ? equals + 1 : ""};
        text += n + (text[n] == ',');
    }
}

static hone_status bad_item(const char *what, const item *i, const char *allowed)
{
    return hone_error(HONE_ERR_ARGUMENT, "reading --%s: \"%s%s%s\" is not understood; %s", what,
                      i->key, *i->value ? "=" : "", i->value, allowed);
}

static bool read_int(const char *text, int64_t *out)
{
    char *end;
    const long long x = strtoll(text, &end, 10);

    if (end == text || *end || x < 1 || x > 16384)
        return false;
    *out = x;
    return true;
}

/* "224" or "224x320": height, width. */
static bool read_size(hone_arena *arena, const char *text, int64_t *height, int64_t *width)
{
    const size_t n = strcspn(text, "x");

    if (!text[n])
        return read_int(text, height) && read_int(text, width);
    return read_int(hone_arena_text_n(arena, text, n), height) && read_int(text + n + 1, width);
}

/* "127" or "123.675/116.28/103.53". */
static bool read_floats(hone_arena *arena, const char *text, hone_floats *out)
{
    float *v = hone_arena_array(arena, 3, sizeof *v);
    int n = 0;

    do {
        char *end;
        v[n] = strtof(text, &end);
        if (end == text || (*end && *end != '/'))
            return false;
        n++;
        text = *end ? end + 1 : end;
    } while (*text && n < 3);
    *out = (hone_floats){n, v};
    return !*text;
}

static bool read_enum(const char *name, const char *value, int64_t *out)
{
    const hone_attr_row *row = hone_attrs_find(HONE_OP_frame, name);
    const int index =
        hone_attr_enum_parse(row, (hone_bytes){(const uint8_t *)value, strlen(value)});

    *out = index;
    return index >= 0;
}

typedef struct preprocess {
    bool decode;
    hone_attrs_frame frame;
} preprocess;

static bool read_preprocess_item(hone_arena *arena, const item *i, preprocess *p)
{
    hone_attrs_frame *f = &p->frame;
    const bool bare = !*i->value;

    if (strcmp(i->key, "decode") == 0 || strcmp(i->key, "frame") == 0) {
        p->decode = i->key[0] == 'd';
        return bare;
    }
    if (strcmp(i->key, "resize") == 0)
        return read_int(i->value, &f->resize);
    if (strcmp(i->key, "crop") == 0)
        return read_size(arena, i->value, &f->height, &f->width);
    if (strcmp(i->key, "fit") == 0)
        return read_enum("fit", i->value, &f->fit);
    if (strcmp(i->key, "filter") == 0)
        return read_enum("filter", i->value, &f->filter);
    if (bare)
        return read_enum("order", i->key, &f->order);
    if (strcmp(i->key, "mean") == 0)
        return read_floats(arena, i->value, &f->mean);
    if (strcmp(i->key, "std") == 0)
        return read_floats(arena, i->value, &f->std);
    if (strcmp(i->key, "fill") == 0) {
        char *end;
        f->fill = strtof(i->value, &end);
        return !*end;
    }
    return false;
}

/* The picture's extents and layout as the model's input declares them. */
static hone_status fit_to_input(const hone_value *input, preprocess *p)
{
    const hone_shape *s = &input->type.shape;
    const int64_t channels = p->frame.order == HONE_ORDER_GRAY ? 1 : 3;

    if (s->rank != 4 || input->type.dtype != HONE_F32)
        return hone_error(HONE_ERR_ARGUMENT,
                          "attaching --preprocess: input \"%s\" is no float32 picture of rank 4",
                          input->name);
    const bool first = !hone_extent_is_number(s->dim[1]) || s->dim[1] == channels;
    if (!first && s->dim[3] != channels)
        return hone_error(HONE_ERR_ARGUMENT,
                          "attaching --preprocess: input \"%s\" has no axis of %lld channels",
                          input->name, (long long)channels);
    p->frame.layout = first ? HONE_LAYOUT_FIRST : HONE_LAYOUT_LAST;
    const int h = first ? 2 : 1;
    if (p->frame.height == 0 && hone_extent_is_number(s->dim[h]))
        p->frame.height = s->dim[h];
    if (p->frame.width == 0 && hone_extent_is_number(s->dim[h + 1]))
        p->frame.width = s->dim[h + 1];
    if (p->frame.height == 0 || p->frame.width == 0)
        return hone_error(
            HONE_ERR_ARGUMENT,
            "attaching --preprocess: the model leaves the size of \"%s\" open; add crop=HxW",
            input->name);
    if (p->frame.resize == 0)
        p->frame.resize = HONE_MAX(p->frame.height, p->frame.width);
    return HONE_OK;
}

static hone_type input_type(hone_module *module, bool decode)
{
    hone_type t = {.dtype = HONE_U8};

    if (decode) {
        t.shape.rank = 1;
        t.shape.dim[0] = hone_extent_symbol(module->extents, "picture.bytes", 1, (int64_t)64 << 20);
        return t;
    }
    t.shape.rank = 3;
    t.shape.dim[0] = hone_extent_symbol(module->extents, "frame.height", 1, 16384);
    t.shape.dim[1] = hone_extent_symbol(module->extents, "frame.width", 1, 16384);
    t.shape.dim[2] = 3;
    return t;
}

static hone_status add_node(hone_graph *g, hone_op_id op, const char *name, hone_value *in,
                            hone_node *before, hone_node **out)
{
    *out = hone_node_create(g, before, op, name, &in, 1, 1);
    return HONE_OK;
}

hone_status hone_attach_preprocess(hone_module *module, const char *text)
{
    hone_graph *g = module->main;
    hone_attrs defaults;
    hone_node *node = NULL;
    spec s;

    hone_attrs_init(HONE_OP_frame, &defaults);
    preprocess p = {.decode = true, .frame = defaults.frame};
    if (g->n_in != 1)
        return hone_error(HONE_ERR_ARGUMENT,
                          "attaching --preprocess: the model has %d inputs; one picture is taken",
                          g->n_in);
    split(module->arena, text, &s);
    for (int i = 0; i < s.items.n; i++)
        if (!read_preprocess_item(module->arena, &s.items.v[i], &p))
            return bad_item("preprocess", &s.items.v[i],
                            "items are decode, frame, resize=N, crop=N or HxW, fit=, filter=, rgb, "
                            "bgr, gray, fill=X, mean= "
                            "and std=X or X/Y/Z");
    hone_value *input = g->in[0];
    HONE_TRY(fit_to_input(input, &p));
    const hone_type type = input_type(module, p.decode);
    hone_value *picture = hone_graph_input(g, p.decode ? "picture" : "frame", &type);
    hone_value *frame = picture;
    if (p.decode) {
        HONE_TRY(add_node(g, HONE_OP_decode_image, "decode", picture, g->first, &node));
        HONE_TRY(hone_node_infer(node));
        frame = node->out[0];
    }
    HONE_TRY(add_node(g, HONE_OP_frame, "frame", frame, node ? node->next : g->first, &node));
    node->attrs.frame = p.frame;
    HONE_TRY(hone_node_infer(node));
    hone_value_replace(input, node->out[0]);
    g->in[0] = picture;
    g->n_in = 1;
    hone_module_property(module, "preprocess", text);
    return HONE_OK;
}

static hone_status add_softmax(hone_graph *g, const char *name)
{
    hone_node *node = NULL;

    HONE_TRY(add_node(g, HONE_OP_softmax, "softmax", g->out[0], NULL, &node));
    HONE_TRY(hone_node_infer(node));
    hone_graph_set_output(g, 0, node->out[0]);
    hone_value_rename(node->out[0], name);
    return HONE_OK;
}

static hone_status add_topk(hone_graph *g, int64_t k)
{
    hone_value *in[2] = {g->out[0], hone_graph_ints(g, "k", &k, 1)};
    hone_node *node = hone_node_create(g, NULL, HONE_OP_topk, "topk", in, 2, 2);

    HONE_TRY(hone_node_infer(node));
    hone_graph_set_output(g, 0, node->out[0]);
    hone_graph_output(g, node->out[1]);
    hone_value_rename(node->out[0], "scores");
    hone_value_rename(node->out[1], "classes");
    return HONE_OK;
}

hone_status hone_attach_postprocess(hone_module *module, const char *text)
{
    hone_graph *g = module->main;
    int64_t k;
    spec s;

    if (g->n_out < 1 || g->out[0]->type.kind != HONE_KIND_TENSOR)
        return hone_error(HONE_ERR_ARGUMENT,
                          "attaching --postprocess: the model's first output is no tensor");
    split(module->arena, text, &s);
    for (int i = 0; i < s.items.n; i++) {
        const item *it = &s.items.v[i];
        if (strcmp(it->key, "softmax") == 0 && !*it->value)
            HONE_TRY(add_softmax(g, "probabilities"));
        else if (strcmp(it->key, "topk") == 0 && read_int(it->value, &k))
            HONE_TRY(add_topk(g, k));
        else
            return bad_item("postprocess", it, "items are softmax and topk=K");
    }
    hone_module_property(module, "postprocess", text);
    return HONE_OK;
}
