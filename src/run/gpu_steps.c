/* The plan's steps as a device sees them: the launches of each, and the stretches that the host
 * does not have to look into. A stretch ends where a step runs on the CPU, where a jump may land,
 * and at a copy whose bytes on the host cannot be page-locked. */
#include "run/gpu.h"

/* Launches stand by step: each step's follow those of the step before. */
static void map_launches(hone_engine *e)
{
    const hone_plan *p = e->plan;
    hone_gpu_engine *g = e->gpu;
    uint32_t at = g->target->first_launch;
    const uint32_t end = at + g->target->n_launches;

    for (uint32_t i = 0; i < p->n_steps; i++) {
        g->first_launch[i] = at;
        while (at < end && p->launches[at].step == i)
            at++;
    }
    g->first_launch[p->n_steps] = at;
}

static hone_status check_launches(const hone_engine *e)
{
    const hone_plan *p = e->plan;
    const uint32_t *first = e->gpu->first_launch;

    for (uint32_t i = 0; i < p->n_steps; i++)
        if (p->steps[i].kind == HONE_STEP_LAUNCH && first[i] == first[i + 1])
            return hone_error(HONE_ERR_FORMAT, "step %u \"%s\" has no launch for target %s", i,
                              hone_plan_text(p, p->steps[i].name),
                              hone_plan_text(p, e->gpu->target->name));
    return HONE_OK;
}

static bool is_copy(const hone_plan_step_record *r)
{
    return r->kind == HONE_STEP_TO_HOST || r->kind == HONE_STEP_TO_DEVICE;
}

/* The value on the host that a copy step reads or writes, as a root. */
static uint32_t host_end(const hone_engine *e, uint32_t step)
{
    const hone_plan_step *s = &e->steps[step].plan;

    return hone_plan_root(e->plan, s->record->kind == HONE_STEP_TO_HOST ? s->out[0] : s->in[0]);
}

static bool can_be_pinned(const hone_plan_value *v)
{
    return v->storage == HONE_STORAGE_ARENA || v->storage == HONE_STORAGE_INPUT ||
           v->storage == HONE_STORAGE_OUTPUT;
}

static void mark_pinned(hone_engine *e)
{
    const hone_plan *p = e->plan;

    for (uint32_t i = 0; i < p->n_steps; i++) {
        if (!is_copy(&p->steps[i]))
            continue;
        const uint32_t v = host_end(e, i);
        e->gpu->is_pinned[v] = can_be_pinned(&p->values[v]);
        if (p->values[v].storage == HONE_STORAGE_ARENA)
            e->gpu->pins_arena = true;
    }
}

static bool stands_in_graph(const hone_engine *e, uint32_t step)
{
    const hone_plan_step_record *r = &e->plan->steps[step];

    return r->kind == HONE_STEP_LAUNCH || (is_copy(r) && e->gpu->is_pinned[host_end(e, step)]);
}

static bool is_target_of_jump(const hone_plan *p, uint32_t step)
{
    for (uint32_t i = 0; i < p->n_steps; i++)
        if ((p->steps[i].kind == HONE_STEP_JUMP || p->steps[i].kind == HONE_STEP_BRANCH_FALSE) &&
            p->steps[i].target == step)
            return true;
    return false;
}

static uint32_t nodes_of(const hone_engine *e, uint32_t step)
{
    const uint32_t *first = e->gpu->first_launch;

    return e->plan->steps[step].kind == HONE_STEP_LAUNCH ? first[step + 1] - first[step] : 1;
}

static void cut_stretches(hone_engine *e)
{
    hone_gpu_engine *g = e->gpu;
    bool is_open = false;

    for (uint32_t i = 0; i < e->plan->n_steps; i++) {
        const bool belongs = stands_in_graph(e, i);
        g->stretch_of[i] = HONE_GPU_NONE;
        if (belongs && (!is_open || is_target_of_jump(e->plan, i))) {
            g->stretch_of[i] = g->n_stretches;
            g->stretches[g->n_stretches++] =
                (hone_gpu_stretch){.first = i, .first_node = g->n_nodes};
        }
        is_open = belongs;
        if (!belongs)
            continue;
        hone_gpu_stretch *s = &g->stretches[g->n_stretches - 1];
        s->n++;
        s->n_nodes += nodes_of(e, i);
        g->n_nodes += nodes_of(e, i);
    }
}

hone_status hone_gpu_map_steps(hone_engine *e)
{
    const hone_allocator *a = &e->allocator;
    const hone_plan *p = e->plan;
    hone_gpu_engine *g = e->gpu;

    HONE_TRY(
        hone_alloc_zero(a, sizeof *g->first_launch * (p->n_steps + 1), (void **)&g->first_launch));
    HONE_TRY(hone_alloc_zero(a, sizeof *g->stretches * p->n_steps, (void **)&g->stretches));
    HONE_TRY(hone_alloc_zero(a, sizeof *g->stretch_of * p->n_steps, (void **)&g->stretch_of));
    HONE_TRY(hone_alloc_zero(a, sizeof *g->is_pinned * p->n_values, (void **)&g->is_pinned));
    map_launches(e);
    HONE_TRY(check_launches(e));
    mark_pinned(e);
    cut_stretches(e);
    return HONE_OK;
}
