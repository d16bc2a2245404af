/* Sides: each step runs on the device where kernels for it exist, else on the CPU; what one side
 * writes and the other reads is copied behind the step that writes it. Control flow, values whose
 * extents data decides and values that several steps write stay on the host. Constants are on both
 * sides: the host has the plan's own bytes. */
#include "build/gpu.h"

/* Steps that only shuffle a few integers about stay with the host's, next to their readers. */
#define SMALL_BYTES 4096

typedef struct sides {
    hone_lowered *low;
    bool *on_host;       /* by value: nature forbids the device */
    int *writers;        /* by value: steps that write its root */
    bool *is_known;      /* by value: its root's side is decided */
    bool *on_device;     /* by value: the side of its root */
    hone_lower **offers; /* by step, then target; first NULL: none */
} sides;

static int root_of(const sides *s, int value)
{
    return s->low->values.v[value].root;
}

static bool is_constant(const sides *s, int value)
{
    return s->low->values.v[root_of(s, value)].storage == HONE_STORAGE_CONST;
}

static bool is_static(const sides *s, int value)
{
    const hone_type *type = &s->low->values.v[value].type;
    hone_dims dims;

    return type->kind == HONE_KIND_TENSOR && type->dtype != HONE_STRING &&
           hone_shape_dims(&type->shape, &dims);
}

static void find_host_values(sides *s)
{
    const hone_lowered *low = s->low;

    for (int i = 0; i < low->steps.n; i++) {
        const hone_low_step *step = &low->steps.v[i];
        const bool is_control = step->kind != HONE_STEP_KERNEL;
        for (int k = 0; k < step->n_in + step->n_out; k++) {
            const int v = k < step->n_in ? step->in[k] : step->out[k - step->n_in];
            if (v < 0)
                continue;
            s->writers[root_of(s, v)] += k >= step->n_in;
            if (is_control || !is_static(s, v))
                s->on_host[root_of(s, v)] = true;
        }
    }
    for (int v = 0; v < low->values.n; v++)
        if (s->writers[v] > 1)
            s->on_host[v] = true;
}

/* ---- the side of each step ------------------------------------------------------------------- */

static bool has_offers(sides *s, int step)
{
    const hone_low_gpu *gpu = s->low->gpu;
    hone_lower *offers = hone_arena_array(s->low->arena, (size_t)gpu->n_targets, sizeof *offers);

    for (int t = 0; t < gpu->n_targets; t++)
        if (!hone_gpu_lower_step(s->low, &s->low->steps.v[step], &gpu->targets[t], &offers[t]))
            return false;
    s->offers[step] = offers;
    return true;
}

static size_t bytes_of(const sides *s, int value)
{
    hone_dims dims;
    size_t size = SIZE_MAX;

    if (hone_shape_dims(&s->low->values.v[value].type.shape, &dims))
        hone_dims_size(s->low->values.v[value].type.dtype, &dims, &size);
    return size;
}

/* A few integers computed of others that the host has, or could have, without a copy. */
static bool is_bookkeeping(const sides *s, const hone_low_step *step)
{
    for (int k = 0; k < step->n_in + step->n_out; k++) {
        const bool is_input = k < step->n_in;
        const int v = is_input ? step->in[k] : step->out[k - step->n_in];
        if (v < 0)
            continue;
        if (hone_dtype_is_float(s->low->values.v[v].type.dtype) || bytes_of(s, v) > SMALL_BYTES)
            return false;
        if (is_input && !is_constant(s, v) && s->is_known[root_of(s, v)] &&
            s->on_device[root_of(s, v)])
            return false;
    }
    return true;
}

static bool may_be_on_device(const sides *s, const hone_low_step *step)
{
    for (int k = 0; k < step->n_out; k++)
        if (step->out[k] >= 0 && s->on_host[root_of(s, step->out[k])])
            return false;
    return step->kind == HONE_STEP_KERNEL && !step->is_dynamic;
}

static void decide(sides *s, int value, bool on_device)
{
    s->is_known[root_of(s, value)] = true;
    s->on_device[root_of(s, value)] = on_device;
}

static void choose_sides(sides *s)
{
    hone_lowered *low = s->low;

    for (int i = 0; i < low->steps.n; i++) {
        hone_low_step *step = &low->steps.v[i];
        const bool on_device =
            may_be_on_device(s, step) && !is_bookkeeping(s, step) && has_offers(s, i);
        if (on_device)
            step->kind = HONE_STEP_LAUNCH;
        for (int k = 0; k < step->n_out; k++)
            if (step->out[k] >= 0)
                decide(s, step->out[k], on_device);
        for (int k = 0; k < step->n_in; k++) /* an input of the plan lies where it is used first */
            if (step->in[k] >= 0 && !is_constant(s, step->in[k]) &&
                !s->is_known[root_of(s, step->in[k])])
                decide(s, step->in[k], on_device && !s->on_host[root_of(s, step->in[k])]);
    }
    for (int v = 0; v < low->values.n; v++)
        low->values.v[v].on_device = !is_constant(s, v) && s->on_device[root_of(s, v)];
}

static void log_host_steps(const sides *s)
{
    const hone_logger *logger = s->low->gpu->options->logger;

    for (int i = 0; i < s->low->steps.n; i++) {
        const hone_low_step *step = &s->low->steps.v[i];
        if (step->kind != HONE_STEP_KERNEL)
            continue;
        const char *why = step->is_dynamic             ? "its extents depend on data"
                          : !may_be_on_device(s, step) ? "control flow or open extents"
                          : is_bookkeeping(s, step)    ? "a few integers"
                                                       : "no kernel for these types or attributes";
        hone_log(logger, HONE_LOG_INFO, "step \"%s\" (%s) runs on the CPU: %s", step->name,
                 hone_ops[step->op].name, why);
    }
}

/* ---- copies between the sides ---------------------------------------------------------------- */

/* A copy, in the list of those behind the same step. */
typedef struct copy {
    int from, to;
    int next;
} copy;

typedef struct copies {
    sides *s;
    int *twin;      /* by value: the same on the other side, or -1 */
    int *next_copy; /* by step + 1: the first copy behind it */
    HONE_VEC(copy) list;
} copies;

static void copy_behind(copies *c, int step, int value, int twin)
{
    const int at = step + 1;

    *hone_vec_push(c->s->low->arena, &c->list) =
        (copy){.from = value, .to = twin, .next = c->next_copy[at]};
    c->next_copy[at] = c->list.n - 1;
}

static bool writes(const sides *s, const hone_low_step *step, int root)
{
    for (int k = 0; k < step->n_out; k++)
        if (step->out[k] >= 0 && root_of(s, step->out[k]) == root)
            return true;
    return false;
}

/* Behind every step that writes the value: those of a branch and those before and in a loop are
 * several. An input of the plan is copied before all steps. */
static void copy_where_written(copies *c, int value, int twin)
{
    const hone_lowered *low = c->s->low;

    if (c->s->writers[value] == 0)
        copy_behind(c, -1, value, twin);
    for (int i = 0; i < low->steps.n && c->s->writers[value] > 0; i++)
        if (writes(c->s, &low->steps.v[i], value))
            copy_behind(c, i, value, twin);
}

static int twin_of(copies *c, int value)
{
    hone_lowered *low = c->s->low;
    const int root = low->values.v[value].root;

    if (c->twin[value] >= 0)
        return c->twin[value];
    const hone_low_value v = low->values.v[value];
    const int twin = hone_low_add_value(low, v.name, &v.type,
                                        value == root ? HONE_STORAGE_ARENA : HONE_STORAGE_ALIAS);
    low->values.v[twin].value = v.value;
    low->values.v[twin].on_device = !v.on_device;
    c->twin[value] = twin;
    if (value != root) {
        const int other = twin_of(c, root);
        low->values.v[twin].root = other;
        return twin;
    }
    copy_where_written(c, value, twin);
    return twin;
}

static void use_twins(copies *c)
{
    const hone_lowered *low = c->s->low;

    for (int i = 0; i < low->steps.n; i++) {
        hone_low_step *step = &low->steps.v[i];
        const bool on_device = step->kind == HONE_STEP_LAUNCH;
        for (int k = 0; k < step->n_in; k++)
            if (step->in[k] >= 0 && !is_constant(c->s, step->in[k]) &&
                low->values.v[step->in[k]].on_device != on_device)
                step->in[k] = twin_of(c, step->in[k]);
    }
}

static void add_copies(copies *c, int behind)
{
    hone_lowered *low = c->s->low;

    for (int i = c->next_copy[behind + 1]; i >= 0; i = c->list.v[i].next) {
        const bool to_device = low->values.v[c->list.v[i].to].on_device;
        hone_low_step *step =
            hone_low_add_step(low, to_device ? HONE_STEP_TO_DEVICE : HONE_STEP_TO_HOST,
                              HONE_OP_none, low->values.v[c->list.v[i].from].name, 1, 1);
        step->in[0] = c->list.v[i].from;
        step->out[0] = c->list.v[i].to;
        step->bytes = (double)bytes_of(c->s, c->list.v[i].from);
    }
}

/* The steps anew, with the copies behind what they copy, and jumps to where their targets are now.
 */
static void insert_copies(copies *c, int *moved)
{
    hone_lowered *low = c->s->low;
    const int n = low->steps.n;
    const hone_low_step *old = low->steps.v;

    low->steps.v = NULL;
    low->steps.n = low->steps.room = 0;
    add_copies(c, -1);
    for (int i = 0; i < n; i++) {
        moved[i] = low->steps.n;
        *hone_vec_push(low->arena, &low->steps) = old[i];
        add_copies(c, i);
    }
    moved[n] = low->steps.n;
    for (int i = 0; i < low->steps.n; i++)
        if (low->steps.v[i].target >= 0)
            low->steps.v[i].target = moved[low->steps.v[i].target];
}

static void copy_between(sides *s, int *moved)
{
    hone_lowered *low = s->low;
    const size_t n = 2 * (size_t)low->values.n + 1;
    copies c = {.s = s};

    c.twin = hone_arena_array(low->arena, n, sizeof *c.twin);
    c.next_copy = hone_arena_array(low->arena, (size_t)low->steps.n + 2, sizeof *c.next_copy);
    for (size_t i = 0; i < n; i++)
        c.twin[i] = -1;
    for (int i = 0; i < low->steps.n + 2; i++)
        c.next_copy[i] = -1;
    use_twins(&c);
    insert_copies(&c, moved);
}

/* ---- launches -------------------------------------------------------------------------------- */

static void add_launches(sides *s, const int *moved, int n_steps)
{
    hone_low_gpu *gpu = s->low->gpu;

    for (int t = 0; t < gpu->n_targets; t++)
        for (int i = 0; i < n_steps; i++) {
            int part = 0;
            if (s->low->steps.v[moved[i]].kind != HONE_STEP_LAUNCH)
                continue;
            for (hone_candidate *c = s->offers[i][t].first; c; c = c->next)
                if (c->part == part) {
                    hone_low_launch *l = hone_vec_push(s->low->arena, &gpu->targets[t].launches);
                    *l = (hone_low_launch){.step = moved[i],
                                           .part = part++,
                                           .offers = s->offers[i][t].first,
                                           .candidate = c,
                                           .kernel = -1};
                }
        }
}

hone_status hone_gpu_assign(hone_lowered *low)
{
    const size_t n = (size_t)low->values.n + 1;
    const int n_steps = low->steps.n;
    sides s = {.low = low};
    int *moved = hone_arena_array(low->arena, (size_t)n_steps + 1, sizeof *moved);

    s.on_host = hone_arena_array(low->arena, n, sizeof *s.on_host);
    s.writers = hone_arena_array(low->arena, n, sizeof *s.writers);
    s.is_known = hone_arena_array(low->arena, n, sizeof *s.is_known);
    s.on_device = hone_arena_array(low->arena, n, sizeof *s.on_device);
    s.offers = hone_arena_array(low->arena, (size_t)n_steps + 1, sizeof *s.offers);
    find_host_values(&s);
    choose_sides(&s);
    log_host_steps(&s);
    copy_between(&s, moved);
    add_launches(&s, moved, n_steps);
    return HONE_OK;
}
