/* Shapes and profiles: the texts of the options, matched with the model's inputs. */
#include "build/build.h"

static bool parse_extent(const char **text, int64_t *out)
{
    int64_t n = 0;
    const char *p = *text;

    if (*p < '0' || *p > '9')
        return false;
    for (; *p >= '0' && *p <= '9'; p++)
        if (!hone_int_mul(n, 10, &n) || !hone_int_add(n, *p - '0', &n))
            return false;
    *text = p;
    *out = n;
    return true;
}

/* "1x3x224x224" of length n; an empty text is a scalar. */
static bool parse_dims(const char *text, size_t n, hone_dims *out)
{
    const char *end = text + n;

    *out = (hone_dims){0};
    if (n == 0)
        return true;
    while (out->rank < HONE_MAX_RANK) {
        if (!parse_extent(&text, &out->dim[out->rank++]) || text > end)
            return false;
        if (text == end)
            return true;
        if (*text++ != 'x')
            return false;
    }
    return false;
}

static hone_status parse_entry(hone_arena *arena, const char *entry, size_t n,
                               hone_named_shape *out)
{
    const char *colon = memrchr(entry, ':', n);
    const size_t name = colon ? (size_t)(colon - entry) : 0;

    if (!colon || name == 0 || !parse_dims(colon + 1, n - name - 1, &out->dims))
        return hone_error(
            HONE_ERR_ARGUMENT,
            "reading shapes: \"%.*s\" is not NAME:1x3x224x224 with at most %d extents",
            (int)HONE_MIN(n, (size_t)200), entry, HONE_MAX_RANK);
    out->name = hone_arena_text_n(arena, entry, name);
    return HONE_OK;
}

hone_status hone_shapes_parse(hone_arena *arena, const char *text, hone_named_shapes *out)
{
    HONE_VEC(hone_named_shape) list = {0};

    while (text && *text) {
        const size_t n = strcspn(text, ",");
        HONE_TRY(parse_entry(arena, text, n, hone_vec_push(arena, &list)));
        text += n + (text[n] == ',');
    }
    *out = (hone_named_shapes){list.n, list.v};
    return HONE_OK;
}

static const hone_dims *find_shape(const hone_named_shapes *shapes, const char *name)
{
    for (int i = 0; i < shapes->n; i++)
        if (strcmp(shapes->v[i].name, name) == 0)
            return &shapes->v[i].dims;
    return NULL;
}

static const hone_value *find_input(const hone_graph *graph, const char *name)
{
    for (int i = 0; i < graph->n_in; i++)
        if (strcmp(graph->in[i]->name, name) == 0)
            return graph->in[i];
    return NULL;
}

static hone_status check_shape(const hone_module *module, const hone_named_shape *s)
{
    const hone_value *input = find_input(module->main, s->name);
    char text[HONE_DIMS_TEXT];

    if (!input)
        return hone_error(HONE_ERR_ARGUMENT,
                          "reading shapes: the model has no input \"%s\"; its first is \"%s\"",
                          s->name, module->main->n_in ? module->main->in[0]->name : "");
    const hone_shape *declared = &input->type.shape;
    bool fits = declared->rank < 0 || declared->rank == s->dims.rank;
    for (int i = 0; fits && i < declared->rank; i++)
        fits = !hone_extent_is_number(declared->dim[i]) || declared->dim[i] == s->dims.dim[i];
    if (fits)
        return HONE_OK;
    hone_text t;
    hone_text_init(&t, NULL);
    for (int i = 0; i < declared->rank; i++) {
        hone_text_add(&t, "%s", i ? "x" : "");
        hone_extent_print(module->extents, declared->dim[i], &t);
    }
    const hone_status st = hone_error(
        HONE_ERR_ARGUMENT, "reading shapes: input \"%s\" cannot be %s: the model declares %s",
        s->name, hone_dims_text(&s->dims, text), t.data ? t.data : "a scalar");
    hone_text_fini(&t);
    return st;
}

/* Joins [min, max] of one more mention of the symbol into the profile. */
static hone_status add_range(hone_arena *arena, hone_profile *p, const char *symbol, int64_t min,
                             int64_t opt, int64_t max)
{
    if (min > opt || opt > max)
        return hone_error(
            HONE_ERR_ARGUMENT,
            "reading shapes: %s is at least %lld, best %lld, at most %lld: not in order", symbol,
            (long long)min, (long long)opt, (long long)max);
    for (int i = 0; i < p->symbols.n; i++) {
        hone_symbol_range *r = &p->symbols.v[i];
        if (strcmp(r->name, symbol) != 0)
            continue;
        if (r->min != min || r->opt != opt || r->max != max)
            return hone_error(HONE_ERR_ARGUMENT,
                              "reading shapes: the dimension %s of the model is given as %lld and "
                              "as %lld; it is the same "
                              "dimension wherever it stands",
                              symbol, (long long)r->opt, (long long)opt);
        return HONE_OK;
    }
    *hone_vec_push(arena, &p->symbols) = (hone_symbol_range){symbol, min, opt, max};
    return HONE_OK;
}

typedef struct profile_texts {
    hone_named_shapes fixed, min, opt, max;
} profile_texts;

/* The declared shape of one input, matched with what the options say of it. */
static hone_status add_input(hone_arena *arena, hone_profile *p, const hone_module *module,
                             const hone_value *input, const profile_texts *t,
                             const hone_logger *logger)
{
    const hone_shape *s = &input->type.shape;
    const hone_dims *fixed = find_shape(&t->fixed, input->name);
    const hone_dims *opt = find_shape(&t->opt, input->name),
                    *min = find_shape(&t->min, input->name);
    const hone_dims *max = find_shape(&t->max, input->name);

    opt = opt ? opt : fixed ? fixed : max ? max : min;
    min = min ? min : fixed ? fixed : opt;
    max = max ? max : fixed ? fixed : opt;
    for (int i = 0; i < s->rank; i++) {
        if (hone_extent_is_number(s->dim[i]))
            continue;
        const hone_extent_node *node =
            hone_extents_node(module->extents, hone_extent_index(s->dim[i]));
        if (node->kind != HONE_EXTENT_SYMBOL)
            continue;
        if (opt) {
            HONE_TRY(add_range(arena, p, node->name, min->dim[i], opt->dim[i], max->dim[i]));
            continue;
        }
        bool known = false;
        for (int k = 0; k < p->symbols.n; k++)
            known = known || strcmp(p->symbols.v[k].name, node->name) == 0;
        if (!known && node->max > HONE_EXTENT_LIMIT) {
            hone_log(logger, HONE_LOG_WARNING,
                     "input \"%s\": no shape is given for its dimension %s; it is taken as 1",
                     input->name, node->name);
            HONE_TRY(add_range(arena, p, node->name, 1, 1, 1));
        }
    }
    return HONE_OK;
}

hone_status hone_profile_make(hone_arena *arena, const hone_module *module,
                              const hone_build_options *o, hone_profile *out)
{
    profile_texts t = {0};
    const struct {
        const char *text;
        hone_named_shapes *to;
    } all[] = {{o->shapes, &t.fixed},
               {o->min_shapes, &t.min},
               {o->opt_shapes, &t.opt},
               {o->max_shapes, &t.max}};

    for (int i = 0; i < HONE_COUNT(all); i++) {
        HONE_TRY(hone_shapes_parse(arena, all[i].text, all[i].to));
        for (int k = 0; k < all[i].to->n; k++)
            HONE_TRY(check_shape(module, &all[i].to->v[k]));
    }
    *out = (hone_profile){.fixed = t.fixed.n ? t.fixed : t.opt};
    /* Inputs of which something is said come first: a symbol that they fix is then known for the
     * others. */
    for (int said = 1; said >= 0; said--)
        for (int i = 0; i < module->main->n_in; i++) {
            const hone_value *input = module->main->in[i];
            const bool is_said = find_shape(&t.fixed, input->name) ||
                                 find_shape(&t.opt, input->name) ||
                                 find_shape(&t.min, input->name) || find_shape(&t.max, input->name);
            if (is_said == said)
                HONE_TRY(add_input(arena, out, module, input, &t, o->logger));
        }
    return HONE_OK;
}

int64_t hone_profile_opt(const hone_profile *profile, const char *symbol, int64_t otherwise)
{
    for (int i = 0; i < profile->symbols.n; i++)
        if (strcmp(profile->symbols.v[i].name, symbol) == 0)
            return profile->symbols.v[i].opt;
    return otherwise;
}
