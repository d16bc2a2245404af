/* The sections of a plan that only GPUs need. */
#include "build/write.h"

static void emit_kernels(hone_emitter *e)
{
    static const uint8_t zeros[HONE_PLAN_ALIGN];
    const hone_low_gpu *gpu = e->low->gpu;
    hone_text *images = &e->sections[HONE_SECTION_IMAGES];

    for (int i = 0; i < gpu->kernels.n; i++) {
        const hone_low_kernel *k = &gpu->kernels.v[i];
        const hone_bytes image = hone_images_at(gpu->images, k->image)->result.image;
        const hone_plan_kernel record = {
            .function = hone_put_text(e, k->candidate->kernel->name),
            .tactic = hone_put_text(e, hone_candidate_name(k->candidate)),
            .is_ptx = k->target->is_ptx,
            .image = images->size,
            .image_size = image.size,
        };
        hone_put(e, HONE_SECTION_KERNELS, &record, sizeof record);
        hone_put(e, HONE_SECTION_IMAGES, image.data, image.size);
        hone_put(e, HONE_SECTION_IMAGES, zeros,
                 hone_align_up(images->size, HONE_PLAN_ALIGN) - images->size);
    }
}

static hone_plan_arg arg_record(const hone_low_launch *l, int index)
{
    const hone_gpu_arg *a = &l->candidate->args[index];
    hone_plan_arg record = {.kind = HONE_ARG_NUMBER, .bytes = 8, .is_joined = a->is_joined};

    switch (a->kind) {
    case HONE_GPU_IN:
    case HONE_GPU_OUT:
    case HONE_GPU_SCRATCH:
        record.kind = HONE_ARG_VALUE;
        record.value = (uint32_t)l->values[index];
        break;
    case HONE_GPU_NUMBER:
        record.number = a->number;
        record.bytes = (uint8_t)a->bytes;
        break;
    case HONE_GPU_TICKETS: record.kind = HONE_ARG_TICKETS; break;
    case HONE_GPU_NOTHING: break;
    }
    return record;
}

static void emit_launch(hone_emitter *e, const hone_low_launch *l)
{
    const hone_candidate *c = l->candidate;
    hone_plan_launch record = {
        .step = (uint32_t)l->step,
        .kernel = (uint32_t)l->kernel,
        .shared_bytes = c->shared_bytes,
        .first_arg = (uint32_t)(e->sections[HONE_SECTION_ARGS].size / sizeof(hone_plan_arg)),
        .n_args = (uint32_t)c->n_args,
        .us = (float)c->us,
        .flags = hone_gpu_waits(c->us) ? HONE_LAUNCH_WAITS : 0,
    };

    for (int k = 0; k < 3; k++) {
        record.grid[k] = c->grid[k];
        record.block[k] = c->block[k];
        record.cluster[k] = c->cluster[k];
    }
    for (int i = 0; i < c->n_args; i++) {
        const hone_plan_arg arg = arg_record(l, i);
        hone_put(e, HONE_SECTION_ARGS, &arg, sizeof arg);
    }
    hone_put(e, HONE_SECTION_LAUNCHES, &record, sizeof record);
}

void hone_emit_gpu(hone_emitter *e)
{
    const hone_low_gpu *gpu = e->low->gpu;

    for (int i = 0; i < gpu->n_targets; i++) {
        const hone_low_target *t = &gpu->targets[i];
        const hone_plan_target record = {
            .name = hone_put_text(e, t->name),
            .arch = (uint32_t)t->facts.arch,
            .is_exact = t->is_exact && !t->is_ptx,
            .n_sms = (uint32_t)t->facts.n_sms,
            .first_launch =
                (uint32_t)(e->sections[HONE_SECTION_LAUNCHES].size / sizeof(hone_plan_launch)),
            .n_launches = (uint32_t)t->launches.n,
        };
        for (int k = 0; k < t->launches.n; k++)
            emit_launch(e, &t->launches.v[k]);
        hone_put(e, HONE_SECTION_TARGETS, &record, sizeof record);
    }
    emit_kernels(e);
}

void hone_emit_tuning(hone_emitter *e, int step)
{
    const hone_low_gpu *gpu = e->low->gpu;
    hone_text *text = &e->sections[HONE_SECTION_TUNING];

    for (int i = 0; i < gpu->n_targets; i++) {
        const hone_low_target *t = &gpu->targets[i];
        for (int k = 0; k < t->launches.n; k++)
            if (t->launches.v[k].step == step)
                hone_text_add(text, "step %d %s %s %s\n", step,
                              hone_ops[e->low->steps.v[step].op].name, t->name,
                              hone_candidate_name(t->launches.v[k].candidate));
    }
}
