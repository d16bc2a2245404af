/* What a step is, for reports: a line with its attributes and the shapes it works on, and for a
 * step of the GPU its launches on the plan's first target. */
#include "plan/plan.h"

#include <stdio.h>

#define DETAIL_SIZE 512

/* Valid until the thread's next question. */
static _Thread_local char detail[DETAIL_SIZE], tactics[DETAIL_SIZE];

static void add_shape(const hone_plan *plan, uint32_t value, hone_text *text)
{
    if (value == HONE_REF_ABSENT) {
        hone_text_add(text, "-");
        return;
    }
    const hone_plan_value *v = &plan->values[value];
    hone_text_add(text, "%s[", hone_dtype_text((hone_dtype)v->dtype));
    for (int i = 0; i < v->rank; i++)
        if (hone_extent_is_number(v->dim[i]))
            hone_text_add(text, "%s%lld", i ? "x" : "", (long long)v->dim[i]);
        else
            hone_text_add(text, "%s?", i ? "x" : "");
    hone_text_add(text, v->rank < 0 ? "?]" : "]");
}

static void add_attrs(const hone_plan_step *step, hone_text *text)
{
    hone_attrs attrs;
    size_t size;
    void *room = NULL;

    if (step->op == HONE_OP_none ||
        hone_attrs_decode_size(step->op, step->attrs, &size) != HONE_OK ||
        hone_alloc(NULL, size, &room) != HONE_OK)
        return;
    if (hone_attrs_decode(step->op, step->attrs, room, size, &attrs) == HONE_OK)
        hone_attrs_print(step->op, &attrs, text);
    hone_free(NULL, room, size);
}

static void describe(const hone_plan *plan, const hone_plan_step *step)
{
    const hone_plan_step_record *r = step->record;
    hone_text text;

    hone_text_init(&text, NULL);
    for (int i = 0; i < r->n_in; i++) {
        hone_text_add(&text, "%s", i ? " " : "");
        add_shape(plan, step->in[i], &text);
    }
    hone_text_add(&text, " -> ");
    for (int i = 0; i < r->n_out; i++) {
        hone_text_add(&text, "%s", i ? " " : "");
        add_shape(plan, step->out[i], &text);
    }
    hone_text_add(&text, "  ");
    add_attrs(step, &text);
    snprintf(detail, sizeof detail, "%s", text.data ? text.data : "");
    hone_text_fini(&text);
}

// ---- the side of the GPU

/* The index of the step's first launch on the plan's first target, and how many there are. */
static uint32_t find_launches(const hone_plan *plan, uint32_t step, uint32_t *n)
{
    const hone_plan_target *t = plan->targets;
    uint32_t low = 0, high = plan->n_targets ? t->n_launches : 0;
    const uint32_t end = high;
    const hone_plan_launch *launches = plan->launches + (end ? t->first_launch : 0);

    while (low < high) {
        const uint32_t middle = low + (high - low) / 2;
        if (launches[middle].step < step)
            low = middle + 1;
        else
            high = middle;
    }
    for (*n = 0; low + *n < end && launches[low + *n].step == step;)
        ++*n;
    return low + (end ? t->first_launch : 0);
}

static void describe_launches(const hone_plan *plan, uint32_t step, hone_step_info *info)
{
    uint32_t n;
    const hone_plan_launch *l = plan->launches + find_launches(plan, step, &n);
    size_t length = 0;

    tactics[0] = '\0';
    info->tactic = tactics;
    for (uint32_t i = 0; i < n; i++) {
        const char *tactic = hone_plan_text(plan, plan->kernels[l[i].kernel].tactic);
        info->us += l[i].us;
        if (length < sizeof tactics)
            length += (size_t)snprintf(tactics + length, sizeof tactics - length, "%s%s",
                                       i ? " + " : "", tactic);
    }
    if (n == 0)
        return;
    memcpy(info->grid, l->grid, sizeof info->grid);
    memcpy(info->block, l->block, sizeof info->block);
    memcpy(info->cluster, l->cluster, sizeof info->cluster);
    info->shared_bytes = l->shared_bytes;
}

static const char *side_of(const hone_plan *plan, const hone_plan_step *step)
{
    switch (step->record->kind) {
    case HONE_STEP_LAUNCH: return "cuda";
    case HONE_STEP_TO_HOST:
    case HONE_STEP_TO_DEVICE: return "copy";
    case HONE_STEP_VIEW:
        return plan->values[step->in[0]].flags & HONE_VALUE_DEVICE ? "cuda" : "cpu";
    default: return "cpu";
    }
}

hone_status hone_plan_step_info(const hone_plan *plan, int index, hone_step_info *info)
{
    if (index < 0 || (uint32_t)index >= plan->n_steps)
        return hone_error(HONE_ERR_ARGUMENT, "asking for step %d: the plan has %u", index,
                          plan->n_steps);
    static const char *const names[HONE_STEP_COUNT] = {
        [HONE_STEP_VIEW] = "view",           [HONE_STEP_JUMP] = "jump",
        [HONE_STEP_BRANCH_FALSE] = "branch", [HONE_STEP_CLEAR] = "clear",
        [HONE_STEP_APPEND] = "append",       [HONE_STEP_TO_HOST] = "to_host",
        [HONE_STEP_TO_DEVICE] = "to_device",
    };
    const hone_plan_step step = hone_plan_step_at(plan, (uint32_t)index);
    const hone_plan_step_record *r = step.record;
    hone_step_info all = {
        .op = names[r->kind] ? names[r->kind] : hone_plan_text(plan, r->op),
        .name = hone_plan_text(plan, r->name),
        .detail = detail,
        .flop = r->flop,
        .bytes = r->bytes,
        .scratch_bytes = r->scratch,
        .side = side_of(plan, &step),
        .tactic = "",
    };
    for (int i = 0; i < r->n_in; i++)
        if (step.in[i] != HONE_REF_ABSENT && plan->values[step.in[i]].storage == HONE_STORAGE_CONST)
            all.weight_bytes += plan->values[step.in[i]].room;
    describe(plan, &step);
    if (r->kind == HONE_STEP_LAUNCH)
        describe_launches(plan, (uint32_t)index, &all);
    return hone_info_fill(info, &all, sizeof all);
}
