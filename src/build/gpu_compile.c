/* Machine code for the launches: every text is compiled once, and is a kernel of the plan. */
#include "build/gpu.h"

static int kernel_of(hone_low_gpu *gpu, const hone_low_target *target, const hone_low_launch *l,
                     int image)
{
    for (int i = 0; i < gpu->kernels.n; i++)
        if (gpu->kernels.v[i].image == image)
            return i;
    *hone_vec_push(gpu->arena, &gpu->kernels) =
        (hone_low_kernel){.candidate = l->candidate, .target = target, .image = image};
    return gpu->kernels.n - 1;
}

hone_status hone_gpu_compile(hone_lowered *low)
{
    hone_low_gpu *gpu = low->gpu;

    for (int t = 0; t < gpu->n_targets; t++) {
        hone_low_target *target = &gpu->targets[t];
        for (int i = 0; i < target->launches.n; i++) {
            hone_low_launch *l = &target->launches.v[i];
            const int image = hone_images_want(gpu->images, l->candidate->kernel->name,
                                               hone_candidate_text(l->candidate), target->compile);
            l->kernel = kernel_of(gpu, target, l, image);
        }
    }
    HONE_TRY(hone_images_make(gpu->images, gpu->options->progress, "compile"));
    for (int i = 0; i < gpu->kernels.n; i++)
        hone_images_keep(gpu->images, gpu->kernels.v[i].image);
    return HONE_OK;
}
