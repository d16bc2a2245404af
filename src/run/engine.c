/* The engine: a plan whose operators, attributes and kernels have been looked up once. Immutable
 * after creation. */
#include "run/gpu.h"

static hone_status decode_attrs(hone_engine *e)
{
    const hone_plan *plan = e->plan;
    size_t total = 0, used = 0;

    for (uint32_t i = 0; i < plan->n_steps; i++) {
        const hone_plan_step s = hone_plan_step_at(plan, i);
        size_t size = 0;
        if (s.op != HONE_OP_none)
            HONE_TRY(hone_attrs_decode_size(s.op, s.attrs, &size));
        if (!hone_size_add(total, hone_align_up(size, 16), &total))
            return hone_error(HONE_ERR_FORMAT,
                              "reading the attributes of step %u: their size overflows", i);
    }
    HONE_TRY(hone_alloc(&e->allocator, total, &e->attr_room));
    e->attr_room_size = total;
    for (uint32_t i = 0; i < plan->n_steps; i++) {
        hone_engine_step *s = &e->steps[i];
        size_t size = 0;
        s->plan = hone_plan_step_at(plan, i);
        if (s->plan.op == HONE_OP_none)
            continue;
        HONE_TRY(hone_attrs_decode_size(s->plan.op, s->plan.attrs, &size));
        HONE_TRY(hone_attrs_decode(s->plan.op, s->plan.attrs, (uint8_t *)e->attr_room + used,
                                   total - used, &s->attrs));
        used += hone_align_up(size, 16);
    }
    return HONE_OK;
}

/* Constants of strings are offsets in the plan and pointers in memory. */
static hone_status point_strings(hone_engine *e)
{
    const hone_plan *p = e->plan;
    size_t n = 0;

    for (uint32_t i = 0; i < p->n_values; i++)
        if (p->values[i].storage == HONE_STORAGE_CONST && p->values[i].dtype == HONE_STRING)
            n += hone_plan_string_count(&p->values[i]);
    HONE_TRY(hone_alloc_zero(&e->allocator, n * sizeof *e->strings, (void **)&e->strings));
    e->n_strings = n;
    n = 0;
    for (uint32_t i = 0; i < p->n_values; i++) {
        const hone_plan_value *v = &p->values[i];
        if (v->storage != HONE_STORAGE_CONST || v->dtype != HONE_STRING)
            continue;
        const uint8_t *at = p->weights + v->offset;
        for (size_t k = 0; k < hone_plan_string_count(v); k++) {
            uint64_t entry[2];
            memcpy(entry, at + k * sizeof entry, sizeof entry);
            e->strings[n++] = (hone_string){(const char *)at + entry[0], entry[1]};
        }
    }
    return HONE_OK;
}

hone_string *hone_engine_strings(const hone_engine *e, uint32_t value)
{
    size_t n = 0;

    for (uint32_t i = 0; i < value; i++)
        if (e->plan->values[i].storage == HONE_STORAGE_CONST &&
            e->plan->values[i].dtype == HONE_STRING)
            n += hone_plan_string_count(&e->plan->values[i]);
    return e->strings + n;
}

static hone_status find_kernels(hone_engine *e)
{
    for (uint32_t i = 0; i < e->plan->n_steps; i++) {
        hone_engine_step *s = &e->steps[i];
        const hone_plan_step_record *r = s->plan.record;
        e->max_in = HONE_MAX(e->max_in, r->n_in);
        e->max_out = HONE_MAX(e->max_out, r->n_out);
        if (r->kind != HONE_STEP_KERNEL)
            continue;
        e->has_host_steps = true;
        s->kernel = hone_cpu_kernel_of(s->plan.op);
        if (!s->kernel)
            return hone_error(
                HONE_ERR_MISMATCH,
                "preparing step %u \"%s\": this library has no CPU kernel for operator %s", i,
                hone_plan_text(e->plan, r->name), hone_plan_text(e->plan, r->op));
        if ((s->plan.op == HONE_OP_decode_image || s->plan.op == HONE_OP_image_decoder) &&
            !e->decode_image)
            return hone_error(HONE_ERR_ARGUMENT, "the plan decodes pictures; "
                                                 "set decode_image (hone_media_decode is one)");
    }
    return HONE_OK;
}

/* A plan for a GPU may have come out without anything for it. */
static bool needs_gpu(const hone_plan *p)
{
    for (uint32_t i = 0; i < p->n_values; i++)
        if (p->values[i].flags & HONE_VALUE_DEVICE)
            return true;
    return p->n_launches > 0;
}

hone_status hone_engine_create_on(const hone_cuda *cu, const hone_plan *plan,
                                  const hone_engine_options *options, hone_engine **out)
{
    hone_status st;
    hone_engine_options o = {.size = sizeof o};
    hone_engine *e = NULL;

    hone_cpu_init();
    if (options)
        memcpy(&o, options, HONE_MIN(options->size, sizeof o));
    const hone_allocator *allocator = o.allocator ? o.allocator : &hone_allocator_default;
    HONE_TRY_OUT(hone_alloc_zero(allocator, sizeof *e, (void **)&e));
    e->allocator = *allocator;
    e->decode_image = o.decode_image;
    e->decode_user = o.decode_user;
    e->plan = hone_plan_retain(plan);
    HONE_TRY_OUT(hone_alloc_zero(allocator, sizeof *e->steps * plan->n_steps, (void **)&e->steps));
    HONE_TRY_OUT(decode_attrs(e));
    HONE_TRY_OUT(find_kernels(e));
    HONE_TRY_OUT(point_strings(e));
    if (needs_gpu(plan))
        HONE_TRY_OUT(hone_gpu_engine_create(e, cu, o.device));
    *out = e;
    e = NULL; /* now the caller's */
out:
    hone_engine_destroy(e);
    return st == HONE_OK ? HONE_OK : hone_while(st, "creating an engine");
}

hone_status hone_engine_create(const hone_plan *plan, const hone_engine_options *options,
                               hone_engine **out)
{
    return hone_engine_create_on(NULL, plan, options, out);
}

void hone_engine_destroy(hone_engine *e)
{
    if (!e)
        return;
    const hone_allocator allocator = e->allocator;
    hone_gpu_engine_destroy(e);
    hone_free(&allocator, e->attr_room, e->attr_room_size);
    hone_free(&allocator, e->strings, e->n_strings * sizeof *e->strings);
    hone_free(&allocator, e->steps, sizeof *e->steps * e->plan->n_steps);
    hone_plan_destroy((hone_plan *)e->plan);
    hone_free(&allocator, e, sizeof *e);
}
