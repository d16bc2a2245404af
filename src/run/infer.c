/* Inference on numbers: the extents of a step's outputs from its inputs' extents and, where they
 * are there, contents. The same functions ran on symbols when the plan was built; running them
 * again is what makes a damaged or hostile plan harmless: no kernel sees tensors that do not fit
 * together. */
#include "run/run.h"

static void fact_of_tensor(const hone_context *c, uint32_t value, bool with_data, hone_fact *fact)
{
    static const uint64_t nothing[1]; /* the contents of a tensor without elements are known */
    int64_t n;

    *fact = (hone_fact){.n_elem = -1};
    if (value == HONE_REF_ABSENT)
        return;
    const hone_plan_value *v = &hone_context_plan(c)->values[value];
    const hone_tensor *t = &c->tensors[value];
    fact->present = true;
    fact->type.kind = (hone_kind)v->kind;
    fact->type.dtype = t->dtype;
    fact->type.shape.rank = t->shape.rank;
    for (int i = 0; i < t->shape.rank; i++)
        fact->type.shape.dim[i] = t->shape.dim[i] < 0 ? HONE_EXTENT_UNKNOWN : t->shape.dim[i];
    if (with_data || v->storage == HONE_STORAGE_CONST)
        fact->data = t->data;
    if (hone_dims_count(&t->shape, &n) && n == 0)
        fact->data = nothing;
}

/* Takes the inferred shape over, or compares it with what the plan says. */
static hone_status apply_fact(hone_context *c, uint32_t step, uint32_t value, const hone_fact *fact,
                              bool set, bool *is_complete)
{
    const hone_shape *s = &fact->type.shape;
    hone_tensor *t = &c->tensors[value];
    const hone_plan *p = hone_context_plan(c);

    if (set && s->rank >= 0)
        t->shape.rank = s->rank;
    bool same = s->rank < 0 || s->rank == t->shape.rank;
    same = same && (fact->type.dtype == HONE_NONE || fact->type.dtype == t->dtype);
    *is_complete = *is_complete && s->rank >= 0;
    for (int i = 0; same && i < s->rank; i++) {
        if (s->dim[i] == HONE_EXTENT_UNKNOWN)
            *is_complete = false;
        else if (set)
            t->shape.dim[i] = s->dim[i];
        else
            same = s->dim[i] == t->shape.dim[i];
    }
    if (same)
        return HONE_OK;
    return hone_error(HONE_ERR_FORMAT,
                      "step %u \"%s\": the plan's extents for \"%s\" are not what its inputs give",
                      step, hone_plan_text(p, p->steps[step].name),
                      hone_plan_text(p, p->values[value].name));
}

hone_status hone_context_infer_step(hone_context *c, uint32_t step, hone_infer_mode mode,
                                    bool *is_complete)
{
    const hone_engine_step *s = &c->engine->steps[step];
    const hone_plan_step_record *r = s->plan.record;
    hone_fact *in = c->facts, *out = c->facts + r->n_in;
    const hone_plan *p = hone_context_plan(c);

    for (int i = 0; i < r->n_in; i++)
        fact_of_tensor(c, s->plan.in[i], mode != HONE_INFER_BEFORE, &in[i]);
    for (int i = 0; i < r->n_out; i++)
        out[i] = (hone_fact){.present = true, .n_elem = -1};
    hone_infer x = {.op = s->plan.op,
                    .attrs = &s->attrs,
                    .n_in = r->n_in,
                    .n_out = r->n_out,
                    .in = in,
                    .out = out};
    hone_status st = hone_infer_run(&x);
    if (st != HONE_OK)
        return hone_while(mode == HONE_INFER_BEFORE ? HONE_ERR_FORMAT : HONE_ERR_DEVICE,
                          "step %u \"%s\"", step, hone_plan_text(p, r->name));
    *is_complete = true;
    for (int i = 0; i < r->n_out; i++)
        if (s->plan.out[i] != HONE_REF_ABSENT)
            HONE_TRY(
                apply_fact(c, step, s->plan.out[i], &out[i], mode == HONE_INFER_SET, is_complete));
    return HONE_OK;
}
