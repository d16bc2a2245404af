/* What launches use: constants packed as their kernels want them, each once, and device memory for
 * partial sums. */
#include "build/gpu.h"

/* The value that holds the constant packed this way: an earlier one or a new one. */
static int packed_value(hone_lowered *low, int value, const hone_gpu_packing *packing)
{
    const hone_low_value plain = low->values.v[value];

    for (int i = 0; i < low->values.n; i++) {
        const hone_low_value *v = &low->values.v[i];
        if (v->packing && v->constant == plain.constant &&
            hone_gpu_packing_equal(v->packing, packing))
            return i;
    }
    const int packed = hone_low_add_value(low, plain.name, &plain.type, HONE_STORAGE_CONST);
    hone_low_value *v = &low->values.v[packed];
    v->constant = plain.constant;
    v->packing = packing;
    v->room = hone_gpu_packed_size(packing);
    v->on_device = true;
    return packed;
}

/* The constant behind a value, through views; -1 where it is none. */
static int constant_of(const hone_lowered *low, int value)
{
    const int root = low->values.v[value].root;

    return low->values.v[root].storage == HONE_STORAGE_CONST ? root : -1;
}

static int value_of(hone_lowered *low, const hone_low_launch *l, const hone_gpu_arg *arg)
{
    const hone_low_step *step = &low->steps.v[l->step];

    switch (arg->kind) {
    case HONE_GPU_OUT: return step->out[arg->index];
    case HONE_GPU_SCRATCH: return step->device_scratch;
    case HONE_GPU_IN: break;
    default: return -1;
    }
    const int value = step->in[arg->index], constant = constant_of(low, value);
    if (constant < 0)
        return value;
    const hone_gpu_packing *packing =
        arg->index < HONE_GPU_PACKED ? &l->candidate->packing[arg->index] : NULL;
    if (packing && packing->dtype != HONE_NONE)
        return packed_value(low, constant, packing);
    low->values.v[constant].on_device = true;
    low->values.v[value].on_device = true; /* a view of it */
    return value;
}

/* Room for the most that one launch of the step needs, whatever the target. */
static void add_scratch(hone_lowered *low)
{
    for (int t = 0; t < low->gpu->n_targets; t++)
        for (int i = 0; i < low->gpu->targets[t].launches.n; i++) {
            const hone_low_launch *l = &low->gpu->targets[t].launches.v[i];
            const int64_t bytes = (int64_t)l->candidate->scratch_bytes;
            int v = low->steps.v[l->step].device_scratch;
            low->gpu->ticket_bytes = HONE_MAX(low->gpu->ticket_bytes, 4 * l->candidate->n_tickets);
            if (bytes == 0)
                continue;
            const hone_type type = {.dtype = HONE_U8, .shape = {.rank = 1, .dim = {bytes}}};
            if (v < 0)
                v = hone_low_add_value(low, "partial sums", &type, HONE_STORAGE_ARENA);
            low->values.v[v].type.shape.dim[0] =
                HONE_MAX(low->values.v[v].type.shape.dim[0], bytes);
            low->values.v[v].on_device = true;
            low->steps.v[l->step].device_scratch = v;
        }
}

/* Only the packed form of a constant is kept where no other is used. */
static void show_packed(hone_lowered *low)
{
    const hone_low_target *t = &low->gpu->targets[0];

    for (int i = 0; i < t->launches.n; i++) {
        const hone_low_launch *l = &t->launches.v[i];
        for (int k = 0; k < l->candidate->n_args; k++) {
            const hone_gpu_arg *arg = &l->candidate->args[k];
            if (arg->kind == HONE_GPU_IN && low->values.v[l->values[k]].packing)
                low->steps.v[l->step].in[arg->index] = l->values[k];
        }
    }
}

hone_status hone_gpu_bind(hone_lowered *low)
{
    add_scratch(low);
    for (int t = 0; t < low->gpu->n_targets; t++)
        for (int i = 0; i < low->gpu->targets[t].launches.n; i++) {
            hone_low_launch *l = &low->gpu->targets[t].launches.v[i];
            for (int k = 0; k < l->candidate->n_args; k++)
                l->values[k] = value_of(low, l, &l->candidate->args[k]);
        }
    show_packed(low);
    return HONE_OK;
}
