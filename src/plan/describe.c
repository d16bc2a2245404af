/* One line about a step, for reports: its attributes and the shapes it works on. */
#include "plan/plan.h"

#include <stdio.h>

#define DETAIL_SIZE 512

static _Thread_local char detail[DETAIL_SIZE]; /* valid until the thread's next question */

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

hone_status hone_plan_step_info(const hone_plan *plan, int index, hone_step_info *info)
{
    if (index < 0 || (uint32_t)index >= plan->n_steps)
        return hone_error(HONE_ERR_ARGUMENT, "asking for step %d: the plan has %u", index,
                          plan->n_steps);
    static const char *const names[] = {"", "view", "jump", "branch", "clear", "append"};
    const hone_plan_step step = hone_plan_step_at(plan, (uint32_t)index);
    const hone_plan_step_record *r = step.record;
    hone_step_info all = {
        .op = r->kind == HONE_STEP_KERNEL ? hone_plan_text(plan, r->op) : names[r->kind],
        .name = hone_plan_text(plan, r->name),
        .detail = detail,
        .flop = r->flop,
        .bytes = r->bytes,
        .scratch_bytes = r->scratch,
    };
    for (int i = 0; i < r->n_in; i++)
        if (step.in[i] != HONE_REF_ABSENT && plan->values[step.in[i]].storage == HONE_STORAGE_CONST)
            all.weight_bytes += plan->values[step.in[i]].room;
    describe(plan, &step);
    return hone_info_fill(info, &all, sizeof all);
}
