/* Finds the lowering of an operator, and what the lowerings of lines share. */
#include "gpu/lower.h"

typedef hone_status (*lower_fn)(hone_lower *lower);

static const lower_fn lowerings[HONE_OP_COUNT] = {
#define GPU(op, token) [HONE_OP_##op] = hone_gpu_##token,
#include "gpu/gpu.def"
#undef GPU
};

/* Kernels take it that there is something to do. */
static bool has_work(const hone_lower *lower)
{
    for (int i = 0; i < lower->n_in; i++)
        if (lower->in[i] && i == 0 && hone_tensor_count(lower->in[i]) == 0)
            return false;
    for (int k = 0; k < lower->n_out; k++)
        if (lower->out[k] && hone_tensor_count(lower->out[k]) == 0)
            return false;
    return hone_lower_in(lower, 0) && hone_lower_out(lower, 0);
}

hone_status hone_gpu_lower(hone_lower *lower)
{
    lower_fn fn = lowerings[lower->op];

    if (!fn && hone_op_has((hone_op_id)lower->op, HONE_TRAIT_POINTWISE))
        fn = hone_gpu_pointwise;
    return fn && has_work(lower) ? fn(lower) : HONE_OK;
}

int hone_gpu_line_threads(int64_t packs, int most)
{
    int threads = 32;

    while (threads < most && threads < packs)
        threads *= 2;
    return threads;
}

bool hone_gpu_launch_lines(hone_candidate *c, int64_t lines, int threads)
{
    const int together = threads == 32 ? 4 : 1;

    if (!hone_launch(c, lines, together))
        return false;
    c->block[0] = (uint32_t)threads;
    c->block[1] = (uint32_t)together;
    return true;
}
