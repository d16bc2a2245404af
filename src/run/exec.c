/* One inference: the steps in order, with jumps for control flow. No recursion; nothing is
 * allocated unless the plan has values without a bound. */
#include "run/gpu.h"

#include <time.h>

hone_status hone_context_check_bindings(const hone_context *c)
{
    const hone_plan *p = hone_context_plan(c);

    for (uint32_t i = 0; i < p->n_bindings; i++) {
        const uint32_t value = p->bindings[i].value;
        const hone_tensor *t = &c->tensors[hone_plan_root(p, value)];
        const hone_tensor memory = hone_context_shown(c, i);
        const char *name = hone_plan_text(p, p->values[value].name);
        size_t size = 0;
        const bool known = hone_dims_size(t->dtype, &t->shape, &size);
        if (p->bindings[i].is_input && !memory.data && size > 0)
            return hone_error(HONE_ERR_STATE,
                              "running: input \"%s\" is not bound; call hone_context_bind", name);
        if (known && size > memory.size && (p->bindings[i].is_input || c->slots[i].bound))
            return hone_error(HONE_ERR_ARGUMENT,
                              "running: \"%s\" is bound to %zu bytes; its shape needs %zu", name,
                              memory.size, size);
    }
    return HONE_OK;
}

/* Outputs of known size for which neither the caller nor the layout gave memory. */
hone_status hone_context_lend_missing(hone_context *c)
{
    const hone_plan *p = hone_context_plan(c);

    for (uint32_t i = p->n_inputs; i < p->n_bindings; i++) {
        const uint32_t value = hone_plan_root(p, p->bindings[i].value);
        size_t size = 0;
        if (c->gpu && c->gpu->bindings[i].need != HONE_GPU_HOST)
            continue; /* of its own kind */
        if (!c->slots[i].bound &&
            hone_dims_size(c->tensors[value].dtype, &c->tensors[value].shape, &size) &&
            size > c->tensors[value].size)
            HONE_TRY(hone_context_make_room(c, value));
    }
    return HONE_OK;
}

/* What a plan leaves open until a step runs must be there by then. */
static hone_status check_inputs(const hone_context *c, uint32_t step)
{
    const hone_plan_step *s = &c->engine->steps[step].plan;

    for (int i = 0; i < s->record->n_in; i++) {
        size_t size;
        if (s->in[i] == HONE_REF_ABSENT || (i == 1 && c->calls[step].packed))
            continue;
        const hone_tensor *t = &c->tensors[s->in[i]];
        if (!hone_dims_size(t->dtype, &t->shape, &size) || size > t->size || (size > 0 && !t->data))
            return hone_error(
                HONE_ERR_DEVICE, "step %u \"%s\": its input \"%s\" has not been written", step,
                hone_plan_text(hone_context_plan(c), s->record->name),
                hone_plan_text(hone_context_plan(c), hone_context_plan(c)->values[s->in[i]].name));
    }
    return HONE_OK;
}

/* Extents that only now are known: inferred from the inputs' contents; what the kernel itself will
 * tell stays open. */
static hone_status infer_now(hone_context *c, uint32_t step)
{
    const hone_plan_step *s = &c->engine->steps[step].plan;
    bool is_complete = true;

    if (hone_op_has(s->op, HONE_TRAIT_DATA_SHAPED))
        return hone_context_step_scratch(c, step);
    HONE_TRY(hone_context_infer_step(c, step, HONE_INFER_SET, &is_complete));
    if (!is_complete)
        return hone_error(HONE_ERR_DEVICE,
                          "step %u \"%s\": the extents of its output cannot be told", step,
                          hone_plan_text(hone_context_plan(c), s->record->name));
    HONE_TRY(hone_context_check_packed(c, step));
    if (s->record->kind == HONE_STEP_VIEW)
        return HONE_OK;
    for (int i = 0; i < s->record->n_out; i++)
        if (s->out[i] != HONE_REF_ABSENT)
            HONE_TRY(hone_context_make_room(c, s->out[i]));
    return hone_context_step_scratch(c, step);
}

static hone_status run_kernel(hone_context *c, uint32_t step)
{
    const hone_engine_step *s = &c->engine->steps[step];
    bool is_complete = true;

    const bool is_dynamic = s->plan.record->flags & HONE_STEP_DYNAMIC;
    if (is_dynamic || c->late[step])
        HONE_TRY(check_inputs(c, step));
    if (is_dynamic)
        HONE_TRY(infer_now(c, step));
    else if (c->late[step])
        HONE_TRY(hone_context_infer_step(c, step, HONE_INFER_CHECK, &is_complete));
    if (!is_complete)
        return hone_error(HONE_ERR_DEVICE,
                          "step %u \"%s\": the extents of its output cannot be told", step,
                          hone_plan_text(hone_context_plan(c), s->plan.record->name));
    return s->kernel->run(&c->calls[step]);
}

static hone_status run_view(hone_context *c, uint32_t step)
{
    const hone_plan_step *s = &c->engine->steps[step].plan;
    const hone_tensor *from = &c->tensors[s->in[0]];
    hone_tensor *to = &c->tensors[s->out[0]];

    if (s->record->flags & HONE_STEP_DYNAMIC)
        HONE_TRY(infer_now(c, step));
    size_t size;
    if (!hone_dims_size(to->dtype, &to->shape, &size) || size > from->size)
        return hone_error(HONE_ERR_DEVICE, "step %u \"%s\": a view is larger than what it shows",
                          step, hone_plan_text(hone_context_plan(c), s->record->name));
    to->data = from->data;
    to->size = from->size;
    return HONE_OK;
}

/* An accumulator before its first entry: extent 0, the other extents as they are or 0. */
static void run_clear(hone_context *c, uint32_t value)
{
    hone_tensor *t = &c->tensors[value];

    t->shape = hone_plan_value_dims(&hone_context_plan(c)->values[value], c->extents);
    if (t->shape.rank < 1)
        t->shape = (hone_dims){.rank = 1};
    for (int i = 0; i < t->shape.rank; i++)
        if (i == 0 || t->shape.dim[i] < 0)
            t->shape.dim[i] = 0;
}

static hone_status run_append(hone_context *c, uint32_t step)
{
    const hone_plan_step *s = &c->engine->steps[step].plan;
    const hone_tensor *entry = &c->tensors[s->in[0]];
    hone_tensor *all = &c->tensors[s->out[0]];
    const int64_t n = all->shape.dim[0];
    size_t size, old, total;

    if (n == 0) {
        if (entry->shape.rank + 1 > HONE_MAX_RANK)
            return hone_error(HONE_ERR_LIMIT, "step %u: a scan output has more than %d dimensions",
                              step, HONE_MAX_RANK);
        all->shape.rank = entry->shape.rank + 1;
        memcpy(all->shape.dim + 1, entry->shape.dim, sizeof(int64_t) * (size_t)entry->shape.rank);
    }
    bool same = all->shape.rank == entry->shape.rank + 1;
    for (int i = 0; same && i < entry->shape.rank; i++)
        same = all->shape.dim[i + 1] == entry->shape.dim[i];
    if (!same)
        return hone_error(
            HONE_ERR_DEVICE,
            "step %u \"%s\": an entry of the scan output has another shape than those before", step,
            hone_plan_text(hone_context_plan(c), s->record->name));
    if (!hone_dims_size(entry->dtype, &entry->shape, &size) ||
        !hone_size_mul(size, (size_t)n, &old) || !hone_size_add(old, size, &total))
        return hone_error(HONE_ERR_LIMIT, "step %u: a scan output's size overflows", step);
    HONE_TRY(hone_context_grow(c, all, total));
    memcpy((uint8_t *)all->data + old, entry->data, size);
    all->shape.dim[0] = n + 1;
    return HONE_OK;
}

hone_status hone_context_run_step(hone_context *c, uint32_t *at)
{
    const uint32_t step = (*at)++;
    const hone_plan_step *s = &c->engine->steps[step].plan;

    switch (s->record->kind) {
    case HONE_STEP_KERNEL: return run_kernel(c, step);
    case HONE_STEP_VIEW: return run_view(c, step);
    case HONE_STEP_JUMP: *at = s->record->target; return HONE_OK;
    case HONE_STEP_BRANCH_FALSE:
        if (c->tensors[s->in[0]].size >= 1 && !*(const uint8_t *)c->tensors[s->in[0]].data)
            *at = s->record->target;
        return HONE_OK;
    case HONE_STEP_CLEAR: run_clear(c, s->out[0]); return HONE_OK;
    default: return run_append(c, step);
    }
}

double hone_clock_ms(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec * 1e3 + (double)t.tv_nsec * 1e-6;
}

static hone_status run_profiled(hone_context *c)
{
    const uint32_t n = hone_context_plan(c)->n_steps;

    memset(c->step_ms, 0, n * sizeof *c->step_ms);
    for (uint32_t at = 0; at < n;) {
        const uint32_t step = at;
        const double begin = hone_clock_ms();
        HONE_TRY(hone_context_run_step(c, &at));
        c->step_ms[step] += hone_clock_ms() - begin;
    }
    return HONE_OK;
}

static hone_status run_all(hone_context *c)
{
    const uint32_t n = hone_context_plan(c)->n_steps;

    if (c->profiles)
        return run_profiled(c);
    for (uint32_t at = 0; at < n;)
        HONE_TRY(hone_context_run_step(c, &at));
    return HONE_OK;
}

hone_status hone_context_run(hone_context *c)
{
    if (c->gpu)
        return hone_gpu_run(c);
    HONE_TRY(hone_context_prepare(c));
    const double begin = c->is_timed ? hone_clock_ms() : 0;
    HONE_TRY(run_all(c));
    if (c->is_timed)
        c->run_ms = hone_clock_ms() - begin;
    c->has_times = c->is_timed;
    return HONE_OK;
}

hone_status hone_context_profile(hone_context *c, bool on)
{
    c->profiles = on;
    return HONE_OK;
}

const double *hone_context_step_ms(const hone_context *c)
{
    return c->step_ms;
}
