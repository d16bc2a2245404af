/* Tactics where they stand: the best candidate by itself is not always the best between its
 * neighbours. Starting from the former, each layer's runners-up are tried in the chain of all
 * launches, the dearest layers first, and kept where the whole becomes faster. */
#include <stdlib.h>

#include "build/gpu_tuning.h"
#include "tune/chain.h"

#define GAIN      0.998 /* of the chain's time: less is noise */
#define NEAR      1.5   /* of the best time: slower ones are not tried */
#define RUNS      15
#define MAX_MOVES 8

/* How hard to try. */
static const struct {
    int sweeps, moves;
} efforts[] = {
    [HONE_TUNE_DEFAULT] = {1, 2},
    [HONE_TUNE_NONE] = {0, 0},
    [HONE_TUNE_QUICK] = {1, 2},
    [HONE_TUNE_FULL] = {2, MAX_MOVES},
};

/* ---- the cache ------------------------------------------------------------------------------- */

/* Of all layers and their first candidates, in order, and the effort. */
static uint64_t hash_of_chain(const hone_tuning *t)
{
    uint64_t hash = (uint64_t)t->gpu->options->tune;

    for (int i = 0; i < t->target->launches.n; i++) {
        const hone_tuned_layer *layer = &t->layers.v[t->layer_of[i]];
        const char *const tactic = t->trials.v[layer->first].tactic;
        hash = hone_hash(layer->key, strlen(layer->key), hash);
        hash = hone_hash(tactic, strlen(tactic), hash);
    }
    return hash;
}

static const char *key_in_chain(const hone_tuning *t, const hone_tuned_layer *layer, uint64_t hash)
{
    return hone_arena_format(t->low->arena, "%s in chain #%016llx", layer->key,
                             (unsigned long long)hash);
}

static bool find_choice(hone_tuning *t, hone_tuned_layer *layer, uint64_t hash)
{
    const char *const key = key_in_chain(t, layer, hash);
    double least = -1;

    for (int k = 0; k < layer->n; k++) {
        const char *const tactic = t->trials.v[layer->first + k].tactic;
        const hone_time *known = hone_times_find(t->times, tactic, key, t->device);
        if (known && (least < 0 || known->us < least)) {
            least = known->us;
            layer->chosen = k;
        }
    }
    return least >= 0;
}

bool hone_chain_is_known(hone_tuning *t)
{
    const uint64_t hash = hash_of_chain(t);

    for (int i = 0; i < t->layers.n; i++)
        if (!find_choice(t, &t->layers.v[i], hash))
            return false;
    return true;
}

static void remember(hone_tuning *t, double us)
{
    const uint64_t hash = hash_of_chain(t);

    for (int i = 0; i < t->layers.n; i++) {
        const hone_tuned_layer *layer = &t->layers.v[i];
        const hone_trial *trial = &t->trials.v[layer->first + layer->chosen];
        hone_times_note(
            t->times, &(hone_time){trial->tactic, key_in_chain(t, layer, hash), t->device, 0, us});
    }
}

/* ---- memory ---------------------------------------------------------------------------------- */

/* A constant in one packed form. */
typedef struct packed_room {
    int constant;
    const hone_gpu_packing *packing;
    uint64_t address;
} packed_room;

typedef struct descent {
    hone_tuning *t;
    hone_chain *chain;
    uint64_t *address; /* by value: of its root; 0: none yet */
    HONE_VEC(packed_room) packed;
    uint64_t scratch, tickets;
    double us;
} descent;

static hone_status shared_rooms(descent *d)
{
    size_t scratch = 0, tickets = 0;

    for (int i = 0; i < d->t->trials.n; i++) {
        const hone_candidate *c = d->t->trials.v[i].candidate;
        scratch = HONE_MAX(scratch, c->scratch_bytes);
        tickets = HONE_MAX(tickets, 4 * c->n_tickets);
    }
    HONE_TRY(hone_chain_memory(d->chain, scratch + 1, false, &d->scratch));
    return hone_chain_memory(d->chain, tickets + 4, false, &d->tickets);
}

static hone_status packed_address(descent *d, int constant, const hone_gpu_packing *packing,
                                  uint64_t *out)
{
    for (int i = 0; i < d->packed.n; i++)
        if (d->packed.v[i].constant == constant &&
            hone_gpu_packing_equal(d->packed.v[i].packing, packing)) {
            *out = d->packed.v[i].address;
            return HONE_OK;
        }
    HONE_TRY(hone_chain_memory(d->chain, hone_gpu_packed_size(packing), true, out));
    *hone_vec_push(d->t->low->arena, &d->packed) = (packed_room){constant, packing, *out};
    return HONE_OK;
}

static hone_status tensor_address(descent *d, const hone_low_launch *l, const hone_candidate *c,
                                  int arg, uint64_t *out)
{
    const hone_low_step *s = &d->t->low->steps.v[l->step];
    const hone_gpu_arg *a = &c->args[arg];
    const int value = a->kind == HONE_GPU_IN ? s->in[a->index] : s->out[a->index];
    const int root = d->t->low->values.v[value].root;

    if (a->kind == HONE_GPU_IN && a->index < HONE_GPU_PACKED &&
        c->packing[a->index].dtype != HONE_NONE)
        return packed_address(d, root, &c->packing[a->index], out);
    if (!d->address[root]) {
        const hone_timer_buffer buffer = hone_tuning_buffer(d->t, l, c, arg);
        HONE_TRY(hone_chain_memory(d->chain, buffer.size, buffer.is_float, &d->address[root]));
    }
    *out = d->address[root];
    return HONE_OK;
}

static hone_status put_launch(descent *d, int launch, const hone_trial *trial, bool *fits)
{
    const hone_candidate *c = trial->candidate;
    uint64_t addresses[HONE_GPU_ARGS] = {0};

    for (int i = 0; i < c->n_args; i++)
        switch (c->args[i].kind) {
        case HONE_GPU_IN:
        case HONE_GPU_OUT:
            HONE_TRY(tensor_address(d, &d->t->target->launches.v[launch], c, i, &addresses[i]));
            break;
        case HONE_GPU_SCRATCH: addresses[i] = d->scratch; break;
        case HONE_GPU_TICKETS: addresses[i] = d->tickets; break;
        default: break;
        }
    return hone_chain_set(d->chain, launch, c,
                          hone_images_at(d->t->gpu->images, trial->image)->result.image, addresses,
                          fits);
}

/* All launches of a layer become its trial k. */
static hone_status put_layer(descent *d, int layer, int k, bool *fits)
{
    *fits = true;
    for (int i = 0; *fits && i < d->t->target->launches.n; i++)
        if (d->t->layer_of[i] == layer)
            HONE_TRY(put_launch(d, i, &d->t->trials.v[d->t->layers.v[layer].first + k], fits));
    return HONE_OK;
}

/* ---- the descent ----------------------------------------------------------------------------- */

typedef struct rank {
    int index;
    double us;
} rank;

static int by_us(const void *a, const void *b)
{
    const rank *x = a, *y = b;
    return x->us != y->us ? (x->us > y->us ? 1 : -1) : x->index - y->index;
}

/* The layer's candidates that come near the best, the best first. */
static int rivals_of(const descent *d, const hone_tuned_layer *layer, int most, rank *out)
{
    rank *all = hone_arena_array(d->t->low->arena, (size_t)layer->n + 1, sizeof *all);
    int n = 0, kept = 0;

    for (int k = 0; k < layer->n; k++)
        if (d->t->trials.v[layer->first + k].us > 0)
            all[n++] = (rank){k, d->t->trials.v[layer->first + k].us};
    qsort(all, (size_t)n, sizeof *all, by_us);
    for (int i = 0; i < n && kept < most && all[i].us <= NEAR * all[0].us; i++)
        out[kept++] = all[i];
    return kept;
}

static hone_status try_layer(descent *d, int index, int moves)
{
    hone_tuned_layer *layer = &d->t->layers.v[index];
    rank rivals[MAX_MOVES + 1];
    const int n = rivals_of(d, layer, moves + 1, rivals);
    bool fits;

    for (int i = 0; i < n; i++) {
        double us = 0;
        if (rivals[i].index == layer->chosen)
            continue;
        HONE_TRY(put_layer(d, index, rivals[i].index, &fits));
        if (fits)
            HONE_TRY(hone_chain_time(d->chain, RUNS, &us));
        if (fits && us < GAIN * d->us) {
            d->us = us;
            layer->chosen = rivals[i].index;
        } else {
            HONE_TRY(put_layer(d, index, layer->chosen, &fits));
        }
    }
    return HONE_OK;
}

/* The layers by what they cost in all. */
static rank *order_of(const descent *d)
{
    const hone_tuning *t = d->t;
    rank *order = hone_arena_array(t->low->arena, (size_t)t->layers.n + 1, sizeof *order);

    for (int i = 0; i < t->layers.n; i++)
        order[i].index = i;
    for (int i = 0; i < t->target->launches.n; i++) {
        const hone_tuned_layer *layer = &t->layers.v[t->layer_of[i]];
        order[t->layer_of[i]].us -= t->trials.v[layer->first + layer->chosen].us;
    }
    qsort(order, (size_t)t->layers.n, sizeof *order, by_us);
    return order;
}

static hone_status sweep(descent *d, int number, int moves)
{
    const hone_tuning *t = d->t;
    const rank *order = order_of(d);

    for (int i = 0; i < t->layers.n; i++) {
        const int done = number * t->layers.n + i;
        if (hone_tuning_now() > t->deadline)
            return HONE_OK;
        HONE_TRY(hone_progress_report(t->gpu->options->progress, "tune the whole", done,
                                      efforts[t->gpu->options->tune].sweeps * t->layers.n));
        HONE_TRY(try_layer(d, order[i].index, moves));
    }
    return HONE_OK;
}

static hone_status descend(descent *d)
{
    const hone_tune tune = d->t->gpu->options->tune;
    bool fits;

    HONE_TRY(shared_rooms(d));
    for (int i = 0; i < d->t->layers.n; i++)
        HONE_TRY(put_layer(d, i, d->t->layers.v[i].chosen, &fits));
    HONE_TRY(hone_chain_time(d->chain, RUNS, &d->us));
    for (int i = 0; i < efforts[tune].sweeps; i++)
        HONE_TRY(sweep(d, i, efforts[tune].moves));
    remember(d->t, d->us);
    return HONE_OK;
}

hone_status hone_chain_descend(hone_tuning *t)
{
    descent d = {.t = t};

    d.address = hone_arena_array(t->low->arena, (size_t)t->low->values.n + 1, sizeof *d.address);
    HONE_TRY(hone_chain_create(t->timer, t->target->launches.n, &d.chain));
    const hone_status st = descend(&d);
    hone_chain_destroy(d.chain);
    return st == HONE_ERR_MEMORY ? HONE_OK : st; /* then each layer's own best stands */
}
