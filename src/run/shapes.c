/* Shapes: from the extents of the inputs to those of every value, by the plan's shape program; then
 * each step's outputs are checked by inference, and the scratch that the shapes need. Nothing is
 * allocated unless the plan has no bounds. */
#include "run/gpu.h"

static void set_tensor_shapes(hone_context *c)
{
    const hone_plan *p = hone_context_plan(c);

    hone_plan_evaluate(p, c->extents);
    for (uint32_t i = 0; i < p->n_values; i++)
        c->tensors[i].shape = hone_plan_value_dims(&p->values[i], c->extents);
}

void hone_context_extents_of_profile(hone_context *c, bool max)
{
    const hone_plan *p = hone_context_plan(c);

    for (uint32_t i = 0; i < p->n_extents; i++) {
        const hone_plan_extent *e = &p->extents[i];
        c->extents[i] = e->from_data ? HONE_EXTENT_UNKNOWN : max ? e->max : e->opt;
    }
    set_tensor_shapes(c);
    for (uint32_t i = 0; i < p->n_bindings; i++)
        c->shapes[i] = c->tensors[p->bindings[i].value].shape;
}

/* The symbols that an input's shape fixes. */
static hone_status take_input_shape(hone_context *c, uint32_t binding)
{
    const hone_plan *p = hone_context_plan(c);
    const hone_plan_value *v = &p->values[p->bindings[binding].value];
    const hone_dims *shape = &c->shapes[binding];

    for (int i = 0; i < v->rank; i++)
        if (!hone_extent_is_number(v->dim[i]) &&
            p->extents[hone_extent_index(v->dim[i])].kind == HONE_EXTENT_SYMBOL)
            c->extents[hone_extent_index(v->dim[i])] = shape->dim[i];
    return HONE_OK;
}

static hone_status check_input_shape(const hone_context *c, uint32_t binding)
{
    const hone_plan *p = hone_context_plan(c);
    const hone_plan_value *v = &p->values[p->bindings[binding].value];
    char found[HONE_DIMS_TEXT], allowed[HONE_DIMS_TEXT];

    if (v->rank < 0 ||
        hone_dims_equal(&c->shapes[binding], &c->tensors[p->bindings[binding].value].shape))
        return HONE_OK;
    return hone_error(
        HONE_ERR_ARGUMENT,
        "setting shapes: input \"%s\" is %s, but the shapes of the other inputs make it %s",
        hone_plan_text(p, v->name), hone_dims_text(&c->shapes[binding], found),
        hone_dims_text(&c->tensors[p->bindings[binding].value].shape, allowed));
}

size_t hone_context_scratch_need(const hone_context *c)
{
    const hone_plan *p = hone_context_plan(c);
    size_t most = 0;

    for (uint32_t i = 0; i < p->n_steps; i++) {
        const hone_engine_step *s = &c->engine->steps[i];
        const hone_plan_step_record *r = s->plan.record;
        /* Of a dynamic step nothing has been inferred yet: its extents may be anything. */
        bool known = s->kernel && s->kernel->scratch && !(r->flags & HONE_STEP_DYNAMIC);
        for (int k = 0; known && k < r->n_in + r->n_out; k++)
            known = !c->calls[i].in[k] || hone_dims_count(&c->calls[i].in[k]->shape, &(int64_t){0});
        if (known)
            most = HONE_MAX(most, s->kernel->scratch(&c->calls[i]));
    }
    return hone_align_up(most, HONE_ALIGNMENT);
}

static hone_status grow_scratch(hone_context *c, size_t need)
{
    const hone_allocator *allocator = &c->engine->allocator;
    void *grown = NULL;

    if (need <= c->scratch_size)
        return HONE_OK;
    HONE_TRY(hone_alloc_aligned(allocator, need, HONE_ALIGNMENT, &grown));
    if (c->grown_scratch)
        hone_free(allocator, c->grown_scratch, c->scratch_size);
    c->grown_scratch = grown;
    c->scratch = grown;
    c->scratch_size = need;
    for (uint32_t i = 0; i < hone_context_plan(c)->n_steps; i++)
        c->calls[i].scratch = grown;
    return HONE_OK;
}

hone_status hone_context_step_scratch(hone_context *c, uint32_t step)
{
    const hone_cpu_kernel *kernel = c->engine->steps[step].kernel;

    return kernel->scratch
               ? grow_scratch(c, hone_align_up(kernel->scratch(&c->calls[step]), HONE_ALIGNMENT))
               : HONE_OK;
}

/* A packed constant must be as large as its kernel packs it for these shapes, and stand where
 * packed ones do. */
hone_status hone_context_check_packed(const hone_context *c, uint32_t step)
{
    const hone_plan *p = hone_context_plan(c);
    const hone_engine_step *s = &c->engine->steps[step];
    const hone_cpu_call *call = &c->calls[step];

    for (int i = 0; i < s->plan.record->n_in; i++) {
        const uint32_t v = s->plan.in[i];
        if (v == HONE_REF_ABSENT || !(p->values[v].flags & HONE_VALUE_PACKED))
            continue;
        if (i != 1 || !s->kernel || !s->kernel->pack_size ||
            s->kernel->pack_size(call) != p->values[v].room)
            return hone_error(HONE_ERR_FORMAT,
                              "step %u \"%s\": its packed weights are not what its kernel packs",
                              step, hone_plan_text(p, s->plan.record->name));
    }
    return HONE_OK;
}

static bool is_inferred(const hone_plan_step_record *r)
{
    return (r->kind == HONE_STEP_KERNEL || r->kind == HONE_STEP_VIEW ||
            r->kind == HONE_STEP_LAUNCH) &&
           !(r->flags & HONE_STEP_DYNAMIC);
}

/* Kernels of a GPU were made for extents that are known before a run, and copies move as much. */
static hone_status check_gpu_step(const hone_context *c, uint32_t step)
{
    const hone_cpu_call *call = &c->calls[step];
    const hone_plan *p = hone_context_plan(c);
    const int kind = p->steps[step].kind;
    const bool is_copy = kind == HONE_STEP_TO_HOST || kind == HONE_STEP_TO_DEVICE;
    bool is_known = true;

    for (int i = 0; i < call->n_in + call->n_out; i++)
        is_known =
            is_known && (!call->in[i] || hone_dims_count(&call->in[i]->shape, &(int64_t){0}));
    if (is_copy)
        is_known = is_known && call->in[0]->dtype == call->out[0]->dtype &&
                   hone_dims_equal(&call->in[0]->shape, &call->out[0]->shape);
    if (is_known)
        return HONE_OK;
    return hone_error(HONE_ERR_FORMAT, "step %u \"%s\" on the GPU: its extents do not fit", step,
                      hone_plan_text(p, p->steps[step].name));
}

static bool inputs_are_known(const hone_context *c, uint32_t step)
{
    const hone_cpu_call *call = &c->calls[step];

    for (int i = 0; i < call->n_in; i++)
        if (call->in[i] && !hone_dims_count(&call->in[i]->shape, &(int64_t){0}))
            return false;
    return true;
}

hone_status hone_context_check_shapes(hone_context *c)
{
    const hone_plan *p = hone_context_plan(c);

    HONE_TRY(hone_context_point(c));
    for (uint32_t i = 0; i < p->n_steps; i++) {
        const hone_plan_step_record *r = &p->steps[i];
        bool is_complete = true;
        c->late[i] = false;
        if (r->kind >= HONE_STEP_LAUNCH)
            HONE_TRY(check_gpu_step(c, i));
        if (!is_inferred(r))
            continue;
        HONE_TRY(hone_context_infer_step(c, i, HONE_INFER_BEFORE, &is_complete));
        if (r->kind == HONE_STEP_LAUNCH)
            continue;
        HONE_TRY(hone_context_check_packed(c, i));
        c->late[i] = !is_complete || !inputs_are_known(c, i);
    }
    return HONE_OK;
}

hone_status hone_context_resolve(hone_context *c)
{
    const hone_plan *p = hone_context_plan(c);

    for (uint32_t i = 0; i < p->n_inputs; i++)
        HONE_TRY(take_input_shape(c, i));
    set_tensor_shapes(c);
    for (uint32_t i = 0; i < p->n_inputs; i++) {
        HONE_TRY(check_input_shape(c, i));
        if (p->values[p->bindings[i].value].rank < 0)
            c->tensors[p->bindings[i].value].shape = c->shapes[i];
    }
    HONE_TRY(hone_context_check_shapes(c));
    HONE_TRY(grow_scratch(c, hone_context_scratch_need(c)));
    c->is_ready = true;
    if (c->gpu)
        c->gpu->replay = NULL; /* to be chosen for these shapes */
    return HONE_OK;
}

hone_status hone_context_set_shape(hone_context *c, int binding, const hone_dims *shape)
{
    const hone_plan *p = hone_context_plan(c);

    if (binding < 0 || (uint32_t)binding >= p->n_inputs)
        return hone_error(HONE_ERR_ARGUMENT,
                          "setting a shape: binding %d is no input; the plan has %u", binding,
                          p->n_inputs);
    HONE_TRY(hone_gpu_check(c));
    const hone_plan_binding_record *b = &p->bindings[binding];
    const hone_plan_value *v = &p->values[b->value];
    const char *name = hone_plan_text(p, v->name);
    char text[HONE_DIMS_TEXT];
    if (shape->rank < 0 || shape->rank > HONE_MAX_RANK || (v->rank >= 0 && shape->rank != v->rank))
        return hone_error(
            HONE_ERR_ARGUMENT,
            "setting the shape of input \"%s\": it has %d dimensions; the plan takes %d", name,
            shape->rank, v->rank);
    for (int i = 0; i < v->rank; i++)
        if (shape->dim[i] < b->min[i] || shape->dim[i] > b->max[i])
            return hone_error(
                HONE_ERR_ARGUMENT,
                "setting the shape of input \"%s\" to %s: extent %d is %lld; the plan's profile "
                "allows %lld to "
                "%lld (build with --min-shapes, --opt-shapes and --max-shapes for more)",
                name, hone_dims_text(shape, text), i, (long long)shape->dim[i],
                (long long)b->min[i], (long long)b->max[i]);
    if (!hone_dims_equal(&c->shapes[binding], shape)) {
        c->shapes[binding] = *shape;
        c->is_ready = false;
    }
    return HONE_OK;
}

hone_status hone_context_shape(const hone_context *c, int binding, hone_dims *out)
{
    const hone_plan *p = hone_context_plan(c);

    if (binding < 0 || (uint32_t)binding >= p->n_bindings)
        return hone_error(HONE_ERR_ARGUMENT, "asking for the shape of binding %d: the plan has %u",
                          binding, p->n_bindings);
    HONE_TRY(hone_gpu_check(c));
    if (!c->is_ready)
        HONE_TRY(hone_context_resolve((hone_context *)c));
    *out = c->tensors[p->bindings[binding].value].shape;
    return HONE_OK;
}
