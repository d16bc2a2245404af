/* Choosing tactics by the clock. Equal layers are timed once; what the timing cache knows is not
 * timed again; where the time budget ends, the model's best guesses stand. */
#include <stdio.h>
#include <time.h>

#include "build/gpu_tuning.h"

/* Candidates of a layer that are timed, and those of one kernel among them: the model compares
 * tiles of one kernel well (docs/kernels/), kernels less so. */
static const struct {
    int all, of_kernel;
} tried[] = {
    [HONE_TUNE_DEFAULT] = {5, 3},
    [HONE_TUNE_NONE] = {1, 1},
    [HONE_TUNE_QUICK] = {5, 3},
    [HONE_TUNE_FULL] = {24, 14},
};

double hone_tuning_now(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + (double)t.tv_nsec * 1e-9;
}

/* ---- names ----------------------------------------------------------------------------------- */

static void add_type(hone_text *text, const hone_lowered *low, int value)
{
    char dims[HONE_DIMS_TEXT];
    hone_dims shape;

    if (value < 0) {
        hone_text_add(text, " -");
        return;
    }
    const hone_type *type = &low->values.v[value].type;
    hone_shape_dims(&type->shape, &shape);
    hone_text_add(text, " %s[%s]", hone_dtype_text(type->dtype), hone_dims_text(&shape, dims));
}

/* "conv f16[1x56x56x64] f16[64x64x3x3] -> f16[1x56x56x64]", with the part where there are several.
 * Attributes and programs are in the tactic's hash. */
static const char *layer_key(const hone_tuning *t, const hone_low_launch *l)
{
    const hone_low_step *s = &t->low->steps.v[l->step];
    hone_text text;

    hone_text_init(&text, NULL);
    hone_text_add(&text, "%s", hone_ops[s->op].name);
    for (int i = 0; i < s->n_in; i++)
        add_type(&text, t->low, s->in[i]);
    hone_text_add(&text, " ->");
    for (int i = 0; i < s->n_out; i++)
        add_type(&text, t->low, s->out[i]);
    if (l->part)
        hone_text_add(&text, " part %d", l->part);
    const char *key = hone_arena_text(t->low->arena, text.data ? text.data : "");
    hone_text_fini(&text);
    return key;
}

/* The kernel with its knobs and a hash of its whole text: another version of it is another tactic.
 */
static const char *tactic_of(const hone_candidate *c)
{
    const char *const text = hone_candidate_text(c);

    return hone_arena_format(c->arena, "%s#%016llx", hone_candidate_name(c),
                             (unsigned long long)hone_hash(text, strlen(text), 0));
}

/* ---- what there is to time ------------------------------------------------------------------- */

static int find_layer(const hone_tuning *t, const char *key, const char *first_tactic)
{
    for (int i = 0; i < t->layers.n; i++)
        if (strcmp(t->layers.v[i].key, key) == 0 &&
            strcmp(t->trials.v[t->layers.v[i].first].tactic, first_tactic) == 0)
            return i;
    return -1;
}

static void add_trial(hone_tuning *t, const hone_tuned_layer *layer, const hone_low_launch *l,
                      hone_candidate *c)
{
    const char *const tactic = tactic_of(c);
    const hone_time *known = hone_times_find(t->times, tactic, layer->key, t->device);
    hone_trial *trial = hone_vec_push(t->low->arena, &t->trials);

    trial->candidate = c;
    trial->tactic = tactic;
    trial->launch = l;
    trial->image = -1;
    trial->us = known ? known->us : -1;
    if (known)
        c->us = known->us;
}

/* How many of the layer's trials so far are of this kernel. */
static int count_kernel(const hone_tuning *t, const hone_tuned_layer *layer,
                        const hone_kernel_text *kernel)
{
    int n = 0;

    for (int k = 0; k < layer->n; k++)
        n += t->trials.v[layer->first + k].candidate->kernel == kernel;
    return n;
}

static void add_layer(hone_tuning *t, int launch)
{
    const hone_low_launch *l = &t->target->launches.v[launch];
    const int all = tried[t->gpu->options->tune].all, most = tried[t->gpu->options->tune].of_kernel;
    const char *const key = layer_key(t, l), *const tactic = tactic_of(l->candidate);

    t->layer_of[launch] = find_layer(t, key, tactic);
    if (t->layer_of[launch] >= 0)
        return;
    t->layer_of[launch] = t->layers.n;
    hone_tuned_layer *layer = hone_vec_push(t->low->arena, &t->layers);
    layer->key = key;
    layer->first = t->trials.n;
    for (hone_candidate *c = l->offers; c && layer->n < all; c = c->next)
        if (c->part == l->part && count_kernel(t, layer, c->kernel) < most) {
            add_trial(t, layer, l, c);
            layer->n++;
        }
}

/* ---- timing ---------------------------------------------------------------------------------- */

hone_timer_buffer hone_tuning_buffer(const hone_tuning *t, const hone_low_launch *l,
                                     const hone_candidate *c, int arg)
{
    const hone_gpu_arg *a = &c->args[arg];
    const hone_low_step *s = &t->low->steps.v[l->step];
    hone_timer_buffer buffer = {0};
    hone_dims dims;

    if (a->kind != HONE_GPU_IN && a->kind != HONE_GPU_OUT)
        return buffer;
    const int v = a->kind == HONE_GPU_IN ? s->in[a->index] : s->out[a->index];
    const hone_type *type = &t->low->values.v[v].type;
    const hone_gpu_packing *packing =
        a->kind == HONE_GPU_IN && a->index < HONE_GPU_PACKED ? &c->packing[a->index] : NULL;
    buffer.is_float = hone_dtype_is_float(type->dtype);
    if (packing && packing->dtype != HONE_NONE)
        buffer.size = hone_gpu_packed_size(packing);
    else if (hone_shape_dims(&type->shape, &dims))
        hone_dims_size(type->dtype, &dims, &buffer.size);
    return buffer;
}

static hone_status time_trial(hone_tuning *t, const hone_tuned_layer *layer, hone_trial *trial)
{
    const hone_image *image = hone_images_at(t->gpu->images, trial->image);
    hone_timer_buffer buffers[HONE_GPU_ARGS];

    for (int i = 0; i < trial->candidate->n_args; i++)
        buffers[i] = hone_tuning_buffer(t, trial->launch, trial->candidate, i);
    HONE_TRY(
        hone_timer_measure(t->timer, trial->candidate, image->result.image, buffers, &trial->us));
    if (trial->us > 0) {
        trial->candidate->us = trial->us;
        hone_times_note(t->times, &(hone_time){trial->tactic, layer->key, t->device, 0, trial->us});
    }
    return hone_progress_report(t->gpu->options->progress, "tune", ++t->n_timed, t->n_to_time);
}

/* All of them: the chain may want those too whose times the cache knows. */
static hone_status compile_all(hone_tuning *t)
{
    for (int i = 0; i < t->trials.n; i++) {
        hone_trial *trial = &t->trials.v[i];
        const hone_candidate *c = trial->candidate;
        trial->image = hone_images_want(t->gpu->images, c->kernel->name, hone_candidate_text(c),
                                        t->target->compile);
        t->n_to_time += trial->us < 0;
    }
    return hone_images_make(t->gpu->images, t->gpu->options->progress, "compile candidates");
}

static hone_status time_all(hone_tuning *t)
{
    for (int i = 0; i < t->layers.n; i++)
        for (int k = 0; k < t->layers.v[i].n; k++) {
            hone_trial *trial = &t->trials.v[t->layers.v[i].first + k];
            if (trial->us > 0)
                continue;
            if (hone_tuning_now() > t->deadline)
                return HONE_OK;
            HONE_TRY(time_trial(t, &t->layers.v[i], trial));
        }
    return HONE_OK;
}

/* The fastest of a layer's candidates; the model's first where none was timed. */
static int best_of(const hone_tuning *t, const hone_tuned_layer *layer)
{
    int best = 0;

    for (int k = 1; k < layer->n; k++) {
        const double us = t->trials.v[layer->first + k].us;
        const double least = t->trials.v[layer->first + best].us;
        if (us > 0 && (least <= 0 || us < least))
            best = k;
    }
    return best;
}

static void take_choices(hone_tuning *t)
{
    for (int i = 0; i < t->target->launches.n; i++) {
        const hone_tuned_layer *layer = &t->layers.v[t->layer_of[i]];
        const hone_trial *trial = &t->trials.v[layer->first + layer->chosen];
        t->target->launches.v[i].candidate = trial->candidate;
        if (trial->us > 0)
            trial->candidate->us = trial->us;
    }
}

static hone_status tune(hone_tuning *t)
{
    const hone_build_options *o = t->gpu->options;

    HONE_TRY(hone_timer_create(t->gpu->ordinal, &t->timer));
    t->device = hone_arena_text(t->low->arena, hone_timer_device(t->timer));
    t->times = hone_times_create(t->low->arena);
    if (o->timing_cache)
        HONE_TRY(hone_times_read(t->times, o->timing_cache));
    t->deadline = o->time_budget_s > 0 ? hone_tuning_now() + o->time_budget_s : 1e300;
    for (int i = 0; i < t->target->launches.n; i++)
        add_layer(t, i);
    if (!hone_chain_is_known(t)) {
        HONE_TRY(compile_all(t));
        HONE_TRY(time_all(t));
        for (int i = 0; i < t->layers.n; i++)
            t->layers.v[i].chosen = best_of(t, &t->layers.v[i]);
        HONE_TRY(hone_chain_descend(t));
        if (o->timing_cache)
            HONE_TRY(hone_times_write(t->times, o->timing_cache));
    }
    take_choices(t);
    return HONE_OK;
}

hone_status hone_gpu_tune(hone_lowered *low)
{
    hone_low_gpu *gpu = low->gpu;
    hone_tuning t = {.low = low, .gpu = gpu, .target = &gpu->targets[0]};

    if (gpu->ordinal < 0 || gpu->options->tune == HONE_TUNE_NONE || gpu->n_targets != 1 ||
        t.target->launches.n == 0)
        return HONE_OK;
    t.layer_of = hone_arena_array(low->arena, (size_t)t.target->launches.n, sizeof *t.layer_of);
    const hone_status st = tune(&t);
    hone_timer_destroy(t.timer);
    return st;
}
