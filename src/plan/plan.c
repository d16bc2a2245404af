/* Plans as objects: open, load, adopt, share, save, describe. Checking their bytes is in check.c.
 */
#include "plan/plan.h"

#include "op/extent.h"

static hone_status plan_create(const hone_allocator *allocator, hone_plan **out)
{
    if (!allocator)
        allocator = &hone_allocator_default;
    HONE_TRY(hone_alloc_zero(allocator, sizeof **out, (void **)out));
    (*out)->allocator = *allocator;
    atomic_init(&(*out)->references, 1);
    return HONE_OK;
}

static hone_plan_options read_options(const hone_plan_options *options)
{
    hone_plan_options o = {.size = sizeof o};
    if (options)
        memcpy(&o, options, HONE_MIN(options->size, sizeof o));
    return o;
}

hone_status hone_plan_open(const char *path, const hone_plan_options *options, hone_plan **out)
{
    hone_status st;
    const hone_plan_options o = read_options(options);
    hone_plan *plan = NULL;

    HONE_TRY_OUT(plan_create(o.allocator, &plan));
    HONE_TRY_OUT(hone_map_open(path, &plan->map));
    HONE_TRY_OUT(hone_plan_parse(plan->map.bytes, !o.skip_checksums, NULL, NULL, plan));
    *out = plan;
    return HONE_OK;
out:
    hone_plan_destroy(plan);
    return hone_while(st, "opening plan %s", path);
}

hone_status hone_plan_load(const void *data, size_t size, const hone_plan_options *options,
                           hone_plan **out)
{
    hone_status st;
    const hone_plan_options o = read_options(options);
    hone_plan *plan = NULL;

    HONE_TRY_OUT(plan_create(o.allocator, &plan));
    HONE_TRY_OUT(hone_plan_parse((hone_bytes){data, size}, !o.skip_checksums, NULL, NULL, plan));
    *out = plan;
    return HONE_OK;
out:
    hone_plan_destroy(plan);
    return hone_while(st, "loading a plan from memory");
}

hone_status hone_plan_adopt(const hone_allocator *allocator, void *data, size_t size,
                            hone_plan **out)
{
    hone_status st;
    hone_plan *plan = NULL;

    HONE_TRY_OUT(plan_create(allocator, &plan));
    HONE_TRY_OUT(hone_plan_parse((hone_bytes){data, size}, false, NULL, NULL, plan));
    plan->owned = data;
    plan->owned_size = size;
    *out = plan;
    return HONE_OK;
out:
    hone_plan_destroy(plan);
    return st;
}

const hone_plan *hone_plan_retain(const hone_plan *plan)
{
    atomic_fetch_add(&((hone_plan *)plan)->references, 1);
    return plan;
}

void hone_plan_destroy(hone_plan *plan)
{
    if (!plan || atomic_fetch_sub(&plan->references, 1) > 1)
        return;
    hone_map_close(&plan->map);
    const hone_allocator allocator = plan->allocator;
    hone_free(&allocator, plan->owned, plan->owned_size);
    hone_free(&allocator, plan, sizeof *plan);
}

const void *hone_plan_data(const hone_plan *plan, size_t *size)
{
    if (size)
        *size = plan->bytes.size;
    return plan->bytes.data;
}

hone_status hone_plan_save(const hone_plan *plan, const char *path)
{
    hone_file_writer *writer = NULL;

    HONE_TRY(hone_file_create(path, &writer));
    const hone_status st = hone_file_write(writer, plan->bytes.data, plan->bytes.size);
    if (st != HONE_OK) {
        hone_file_abandon(writer);
        return st;
    }
    return hone_file_commit(writer);
}

hone_plan_step hone_plan_step_at(const hone_plan *plan, uint32_t i)
{
    const hone_plan_step_record *r = &plan->steps[i];

    return (hone_plan_step){
        .op = hone_op_find(hone_plan_text(plan, r->op)),
        .record = r,
        .in = plan->refs + r->first_ref,
        .out = plan->refs + r->first_ref + r->n_in,
        .attrs = {plan->attrs + r->attrs, r->attrs_size},
    };
}

hone_dims hone_plan_value_dims(const hone_plan_value *value, const int64_t *extents)
{
    hone_dims dims = {.rank = value->rank};

    for (int i = 0; i < value->rank; i++) {
        const int64_t extent = hone_extent_value(value->dim[i], extents);
        dims.dim[i] = extent == HONE_EXTENT_UNKNOWN ? -1 : extent;
    }
    return dims;
}

void hone_plan_evaluate(const hone_plan *plan, int64_t *values)
{
    for (uint32_t i = 0; i < plan->n_extents; i++) {
        const hone_plan_extent *e = &plan->extents[i];
        const hone_extent_node node = {.kind = (hone_extent_kind)e->kind, .a = e->a, .b = e->b};
        if (e->kind != HONE_EXTENT_SYMBOL)
            values[i] = hone_extent_node_value(&node, values);
    }
}

/* ---- questions ------------------------------------------------------------------------------- */

/* Copies `from` over the caller's struct, whose first field tells how much of it the caller knows.
 */
hone_status hone_info_fill(void *info, const void *from, size_t size)
{
    size_t known;
    memcpy(&known, info, sizeof known);
    if (known < sizeof known || known > 4096)
        return hone_error(
            HONE_ERR_ARGUMENT,
            "describing a plan: the size field of the struct is %zu; set it to sizeof", known);
    memcpy((char *)info + sizeof known, (const char *)from + sizeof known,
           HONE_MIN(known, size) - sizeof known);
    return HONE_OK;
}

hone_status hone_plan_describe(const hone_plan *plan, hone_plan_info *info)
{
    const hone_plan_info_record *r = plan->info;
    const hone_plan_info all = {
        .model = hone_plan_text(plan, r->model),
        .device = plan->header->device,
        .precision = hone_plan_text(plan, r->precision),
        .producer = plan->header->producer,
        .n_inputs = (int)plan->n_inputs,
        .n_outputs = (int)(plan->n_bindings - plan->n_inputs),
        .n_steps = (int)plan->n_steps,
        .n_values = (int)plan->n_values,
        .plan_bytes = plan->bytes.size,
        .weight_bytes = r->weight_bytes,
        .activation_bytes = r->arena_bytes,
        .live_bytes = r->live_bytes,
        .scratch_bytes = r->scratch_bytes,
        .is_bounded = !(r->flags & HONE_PLAN_UNBOUNDED),
        .targets = plan->target_names,
        .device_weight_bytes = r->device_weight_bytes,
        .device_activation_bytes = r->device_arena_bytes + r->ticket_bytes,
        .n_launches = plan->n_targets ? (int)plan->targets[0].n_launches : 0,
    };
    return hone_info_fill(info, &all, sizeof all);
}

static const char *kind_text(int kind)
{
    static const char *const texts[] = {"tensor", "sequence", "optional", "map", "sparse"};
    return kind < HONE_COUNT(texts) ? texts[kind] : "?";
}

hone_status hone_plan_binding(const hone_plan *plan, int index, hone_binding_info *info)
{
    if (index < 0 || (uint32_t)index >= plan->n_bindings)
        return hone_error(HONE_ERR_ARGUMENT, "asking for binding %d: the plan has %u", index,
                          plan->n_bindings);
    const hone_plan_binding_record *b = &plan->bindings[index];
    const hone_plan_value *v = &plan->values[b->value];
    hone_binding_info all = {
        .name = hone_plan_text(plan, v->name),
        .dtype = (hone_dtype)v->dtype,
        .kind = kind_text(v->kind),
        .is_input = b->is_input,
        .shape.rank = v->rank,
        .min.rank = v->rank,
        .opt.rank = v->rank,
        .max.rank = v->rank,
    };
    for (int i = 0; i < v->rank; i++) {
        all.min.dim[i] = b->min[i];
        all.opt.dim[i] = b->opt[i];
        all.max.dim[i] = b->max[i];
        all.shape.dim[i] = hone_extent_is_number(v->dim[i]) ? v->dim[i] : -1;
    }
    return hone_info_fill(info, &all, sizeof all);
}

int hone_plan_binding_index(const hone_plan *plan, const char *name)
{
    for (uint32_t i = 0; i < plan->n_bindings; i++)
        if (strcmp(hone_plan_text(plan, plan->values[plan->bindings[i].value].name), name) == 0)
            return (int)i;
    return -1;
}

const char *hone_plan_property_at(const hone_plan *plan, int index, const char **value)
{
    if (index < 0 || (uint32_t)index >= plan->n_properties)
        return NULL;
    if (value)
        *value = hone_plan_text(plan, plan->properties[2 * index + 1]);
    return hone_plan_text(plan, plan->properties[2 * index]);
}

const char *hone_plan_property(const hone_plan *plan, const char *key)
{
    const char *value = NULL;
    const char *k;

    for (int i = 0; (k = hone_plan_property_at(plan, i, &value)); i++)
        if (strcmp(k, key) == 0)
            return value;
    return NULL;
}
