/* Pointwise operators, casts and fused programs: pointwise.cu with a region before it. Integers go
 * through float32 only where the IR says so (programs) or where one side of a cast is a float or a
 * bool. */
#include "gpu/lower.h"
#include "gpu/region.h"

static void offer(hone_lower *lower, const hone_gpu_region *region)
{
    hone_gpu_map map;
    const int v = hone_gpu_region_pack(region, &map);
    /* More than the device holds at once: fewer blocks start, 2.9 us instead of 4.1 (H100). */
    const bool is_large = v && hone_gpu_map_count(&map) / v > 2048 * (int64_t)lower->device.n_sms;
    const int threads[] = {is_large ? 256 : 128, is_large ? 128 : 256, 64};

    for (int i = 0; v && i < HONE_COUNT(threads); i++) {
        hone_candidate *c = hone_lower_candidate(lower, "pointwise");
        if (!c)
            return;
        const int64_t packs = hone_gpu_map_count(&map) / v;
        hone_knob_type(c, "TY", region->out);
        hone_knob_int(c, "V", v);
        hone_knob_int(c, "COUNT", packs);
        hone_knob_int(c, "THREADS", threads[i]);
        hone_gpu_region_emit(c, region, &map, v);
        hone_candidate_out(c, 0);
        hone_gpu_region_args(c, region);
        hone_launch(c, packs, threads[i]);
    }
}

static hone_gpu_region region_of(const hone_lower *lower, const hone_program *program)
{
    hone_gpu_region region = {
        .program = program, .dims = &lower->out[0]->shape, .out = lower->out[0]->dtype};

    region.n_in = HONE_MIN(lower->n_in, program->n_in);
    for (int k = 0; k < region.n_in; k++) {
        region.in[k] = lower->in[k];
        region.arg[k] = k;
    }
    return region;
}

hone_status hone_gpu_fused(hone_lower *lower)
{
    const hone_gpu_region region = region_of(lower, lower->attrs->pointwise.program);

    offer(lower, &region);
    return HONE_OK;
}

hone_status hone_gpu_cast(hone_lower *lower)
{
    static const hone_instr copy = {.op = HONE_SCALAR_copy};
    static const hone_program program = {1, 1, &copy};
    const hone_gpu_region region = region_of(lower, &program);

    if (hone_gpu_is_float(region.out) || hone_gpu_is_float(lower->in[0]->dtype) ||
        lower->in[0]->dtype == HONE_BOOL || region.out == HONE_BOOL)
        offer(lower, &region);
    return HONE_OK;
}

/* Types with which the float32 body is the operator. */
static bool takes(const hone_lower *lower)
{
    for (int k = 0; k < lower->n_in; k++)
        if (lower->in[k] && !hone_gpu_is_float(lower->in[k]->dtype) &&
            lower->in[k]->dtype != HONE_BOOL)
            return false;
    return hone_gpu_is_float(lower->out[0]->dtype) || lower->out[0]->dtype == HONE_BOOL;
}

hone_status hone_gpu_pointwise(hone_lower *lower)
{
    hone_program_builder b;
    int args[4], n = 0, at[4];

    if (!takes(lower) || lower->n_in > 4)
        return HONE_OK;
    for (int k = 0; k < lower->n_in; k++) {
        args[k] = lower->in[k] ? n : -1;
        if (lower->in[k])
            at[n++] = k;
    }
    hone_program_begin(&b, n);
    const int result = hone_program_add_op(&b, lower->op, lower->attrs, args, lower->n_in);
    if (result < 0)
        return HONE_OK;
    hone_gpu_region region = region_of(lower, hone_program_end(&b, lower->arena, result));
    region.n_in = n;
    for (int k = 0; k < n; k++) {
        region.in[k] = lower->in[at[k]];
        region.arg[k] = at[k];
    }
    offer(lower, &region);
    return HONE_OK;
}
