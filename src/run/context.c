/* Contexts: one block of memory, laid out before it is taken, holds everything but the threads. */
#include "run/gpu.h"

static hone_context_options read_options(const hone_context_options *options)
{
    hone_context_options o = {.size = sizeof o};
    if (options)
        memcpy(&o, options, HONE_MIN(options->size, sizeof o));
    return o;
}

size_t hone_context_binding_bytes(const hone_plan *plan, uint32_t index)
{
    const hone_plan_binding_record *b = &plan->bindings[index];
    const hone_plan_value *v = &plan->values[b->value];
    hone_dims dims = {.rank = v->rank};
    size_t size = 0;

    if (v->rank < 0)
        return 0;
    for (int i = 0; i < v->rank; i++)
        dims.dim[i] = b->max[i];
    return hone_dims_size((hone_dtype)v->dtype, &dims, &size) ? hone_align_up(size, HONE_ALIGNMENT)
                                                              : 0;
}

/* Reserves size bytes at `align` in a layout that grows; saturates instead of overflowing. */
static size_t reserve(size_t *total, size_t count, size_t size)
{
    const size_t at = hone_align_up(*total, HONE_ALIGNMENT);
    size_t bytes, end;

    if (!hone_size_mul(count, size, &bytes) || !hone_size_add(at, bytes, &end) ||
        end > SIZE_MAX / 2)
        end = SIZE_MAX / 2;
    *total = end;
    return at;
}

/* Whether the context's memory holds what it lends for a binding: what copies of a GPU touch is
 * page-locked and stands elsewhere. */
static bool lends_from_memory(const hone_engine *e, uint32_t binding)
{
    return !e->gpu || hone_gpu_need_of(e, binding) == HONE_GPU_HOST;
}

static hone_context_layout lay_out(const hone_engine *e, size_t scratch_size, bool caller_io)
{
    const hone_plan *p = e->plan;
    hone_context_layout l = {.scratch_size = scratch_size};
    size_t *t = &l.total;

    l.context = reserve(t, 1, sizeof(hone_context));
    l.tensors = reserve(t, p->n_values, sizeof(hone_tensor));
    l.calls = reserve(t, p->n_steps, sizeof(hone_cpu_call));
    l.pointers = reserve(t, p->n_refs, sizeof(hone_tensor *));
    l.extents = reserve(t, p->n_extents, sizeof(int64_t));
    l.shapes = reserve(t, p->n_bindings, sizeof(hone_dims));
    l.slots = reserve(t, p->n_bindings, sizeof(hone_slot));
    l.facts = reserve(t, (size_t)e->max_in + (size_t)e->max_out, sizeof(hone_fact));
    l.step_ms = reserve(t, p->n_steps, sizeof(double));
    l.late = reserve(t, p->n_steps, sizeof(bool));
    if (e->gpu) {
        l.gpu = reserve(t, 1, sizeof(hone_gpu_context));
        l.gpu_bindings = reserve(t, p->n_bindings, sizeof(hone_gpu_binding));
    }
    l.tables = *t;
    l.arena = reserve(t, e->gpu && e->gpu->pins_arena ? 0 : p->info->arena_bytes, 1);
    l.scratch = reserve(t, scratch_size, 1);
    l.io = reserve(t, 0, 1);
    for (uint32_t i = 0; i < p->n_bindings && !caller_io; i++)
        if (lends_from_memory(e, i))
            reserve(t, hone_context_binding_bytes(p, i), 1);
    l.total = hone_align_up(l.total, HONE_ALIGNMENT);
    return l;
}

static void init_calls(hone_context *c)
{
    const hone_plan *p = hone_context_plan(c);

    for (uint32_t i = 0; i < p->n_steps; i++) {
        const hone_engine_step *s = &c->engine->steps[i];
        const hone_plan_step_record *r = s->plan.record;
        hone_cpu_call *call = &c->calls[i];
        hone_tensor **pointers = c->pointers + r->first_ref;
        for (int k = 0; k < r->n_in + r->n_out; k++) {
            const uint32_t v = s->plan.in[k];
            pointers[k] = v == HONE_REF_ABSENT ? NULL : &c->tensors[v];
        }
        *call = (hone_cpu_call){.op = s->plan.op,
                                .attrs = &s->attrs,
                                .n_in = r->n_in,
                                .n_out = r->n_out,
                                .in = pointers,
                                .out = pointers + r->n_in,
                                .scratch = c->scratch,
                                .pool = c->pool,
                                .env = &c->env};
        if (r->n_in > 1 && s->plan.in[1] != HONE_REF_ABSENT &&
            (p->values[s->plan.in[1]].flags & HONE_VALUE_PACKED))
            call->packed = p->weights + p->values[s->plan.in[1]].offset;
    }
}

/* Lays a context's tables into zeroed memory. */
static hone_context *place(const hone_engine *e, void *memory, const hone_context_layout *l,
                           hone_pool *pool)
{
    uint8_t *at = memory;
    hone_context *c = (hone_context *)(at + l->context);

    memset(memory, 0, l->tables);
    *c = (hone_context){
        .engine = e,
        .memory = memory,
        .memory_size = l->total,
        .pool = pool,
        .tensors = (hone_tensor *)(at + l->tensors),
        .calls = (hone_cpu_call *)(at + l->calls),
        .pointers = (hone_tensor **)(at + l->pointers),
        .extents = (int64_t *)(at + l->extents),
        .shapes = (hone_dims *)(at + l->shapes),
        .slots = (hone_slot *)(at + l->slots),
        .facts = (hone_fact *)(at + l->facts),
        .step_ms = (double *)(at + l->step_ms),
        .late = (bool *)(at + l->late),
        .arena = at + l->arena,
        .scratch = at + l->scratch,
        .scratch_size = l->scratch_size,
        .env = {.allocator = &e->allocator,
                .grow = hone_context_grow,
                .grow_user = c,
                .decode_image = e->decode_image,
                .decode_user = e->decode_user},
    };
    for (uint32_t i = 0; i < e->plan->n_values; i++)
        c->tensors[i].dtype = (hone_dtype)e->plan->values[i].dtype;
    init_calls(c);
    return c;
}

static void free_grown(hone_context *c)
{
    const hone_plan *p = hone_context_plan(c);

    for (uint32_t i = 0; i < p->n_values; i++)
        if (p->values[i].storage == HONE_STORAGE_HEAP)
            hone_free(&c->engine->allocator, c->tensors[i].data, c->tensors[i].size);
    for (uint32_t i = 0; i < p->n_bindings; i++) {
        const uint8_t *lent = c->slots[i].lent;
        const uint8_t *own = c->memory;
        if (lent && (lent < own || lent >= own + c->memory_size))
            hone_free(&c->engine->allocator, c->slots[i].lent, c->slots[i].lent_size);
    }
    if (c->grown_scratch)
        hone_free(&c->engine->allocator, c->grown_scratch, c->scratch_size);
}

/* The scratch that any step may need at the profile's largest shapes, for this many threads. */
static hone_status measure_scratch(const hone_engine *e, int threads, size_t *out)
{
    hone_status st;
    hone_pool *pool = NULL;
    hone_context *c = NULL;
    void *memory = NULL;
    hone_context_layout l = lay_out(e, 0, true);
    const size_t size = l.tables + HONE_ALIGNMENT;

    if (l.total > SIZE_MAX / 4)
        return hone_error(HONE_ERR_LIMIT,
                          "laying out a context: its memory would take more than %zu bytes",
                          SIZE_MAX / 4);
    HONE_TRY_OUT(hone_pool_create(
        &e->allocator, &(hone_pool_options){.n_threads = threads, .count_only = true}, &pool));
    HONE_TRY_OUT(hone_alloc_aligned(&e->allocator, size, HONE_ALIGNMENT, &memory));
    c = place(e, memory, &l, pool);
    hone_context_extents_of_profile(c, true);
    HONE_TRY_OUT(hone_context_check_shapes(c));
    *out = hone_context_scratch_need(c);
out:
    if (c)
        free_grown(c);
    hone_free(&e->allocator, memory, size);
    hone_pool_destroy(pool);
    return st;
}

static hone_status plan_layout(const hone_engine *e, const hone_context_options *o,
                               hone_context_layout *out)
{
    const int threads = o->threads > 0 ? o->threads : hone_pool_default_threads();
    size_t scratch = 0;

    HONE_TRY(measure_scratch(e, threads, &scratch));
    *out = lay_out(e, scratch, o->caller_io);
    return HONE_OK;
}

size_t hone_context_memory(const hone_engine *engine, const hone_context_options *options)
{
    const hone_context_options o = read_options(options);
    hone_context_layout l = {0};

    return plan_layout(engine, &o, &l) == HONE_OK ? l.total : 0;
}

/* Strings that nobody has written are empty, not whatever the memory held. */
static void clear_strings(hone_context *c)
{
    const hone_plan *p = hone_context_plan(c);

    for (uint32_t i = 0; i < p->n_values; i++) {
        const hone_plan_value *v = &p->values[i];
        if (v->dtype == HONE_STRING && v->storage == HONE_STORAGE_ARENA)
            memset(c->arena + v->offset, 0, v->room);
        if (v->dtype == HONE_STRING &&
            (v->storage == HONE_STORAGE_INPUT || v->storage == HONE_STORAGE_OUTPUT) &&
            c->slots[v->offset].lent)
            memset(c->slots[v->offset].lent, 0, c->slots[v->offset].lent_size);
    }
}

static void lend_io(hone_context *c, const hone_context_layout *l)
{
    const hone_plan *p = hone_context_plan(c);
    size_t at = l->io;

    for (uint32_t i = 0; i < p->n_bindings; i++) {
        if (!lends_from_memory(c->engine, i))
            continue;
        c->slots[i].lent_size = hone_context_binding_bytes(p, i);
        if (c->slots[i].lent_size)
            c->slots[i].lent = (uint8_t *)c->memory + at;
        at = hone_align_up(at + c->slots[i].lent_size, HONE_ALIGNMENT);
    }
}

/* A plan without CPU steps has no work for threads. */
static int threads_of(const hone_engine *e, const hone_context_options *o)
{
    return e->gpu && !e->has_host_steps ? 1 : o->threads;
}

static hone_status create_gpu(hone_context *c, const hone_context_layout *l,
                              const hone_context_options *o)
{
    uint8_t *at = c->memory;

    c->gpu = (hone_gpu_context *)(void *)(at + l->gpu);
    c->gpu->bindings = (hone_gpu_binding *)(void *)(at + l->gpu_bindings);
    return hone_gpu_context_create(c, o);
}

hone_status hone_context_create(const hone_engine *engine, const hone_context_options *options,
                                hone_context **out)
{
    hone_status st;
    const hone_context_options o = read_options(options);
    hone_context_layout l = {0};
    hone_pool *pool = NULL;
    hone_context *c = NULL;
    void *memory = o.memory;

    HONE_TRY_OUT(plan_layout(engine, &o, &l));
    if (memory && (o.memory_size < l.total || (uintptr_t)memory % HONE_ALIGNMENT)) {
        st = hone_error(
            HONE_ERR_ARGUMENT,
            "the caller's memory has %zu bytes at %p; %zu at a multiple of %d are needed",
            o.memory_size, memory, l.total, HONE_ALIGNMENT);
        goto out;
    }
    HONE_TRY_OUT(hone_pool_create(
        &engine->allocator,
        &(hone_pool_options){.n_threads = threads_of(engine, &o), .pin = o.pin_threads}, &pool));
    if (!memory)
        HONE_TRY_OUT(hone_alloc_aligned(&engine->allocator, l.total, HONE_ALIGNMENT, &memory));
    c = place(engine, memory, &l, pool);
    pool = NULL; /* now the context's */
    c->owns_memory = !o.memory;
    if (!o.caller_io)
        lend_io(c, &l);
    if (engine->gpu)
        HONE_TRY_OUT(create_gpu(c, &l, &o));
    clear_strings(c);
    hone_context_extents_of_profile(c, false);
    *out = c;
    c = NULL; /* now the caller's */
out:
    hone_context_destroy(c);
    hone_pool_destroy(pool);
    return hone_while(st, "creating a context");
}

void hone_context_destroy(hone_context *c)
{
    if (!c)
        return;
    const hone_allocator *allocator = &c->engine->allocator;
    hone_pool_destroy(c->pool);
    hone_gpu_context_destroy(c);
    free_grown(c);
    if (c->owns_memory)
        hone_free(allocator, c->memory, c->memory_size);
}
