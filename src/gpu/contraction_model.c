/* What a tile costs: launch, first bytes, steps along K in waves of blocks, hand-over. */
#include "gpu/contraction.h"

double hone_gpu_tile_us(const hone_gpu_contraction *p, const hone_gpu_facts *device,
                        const hone_gpu_tile *t)
{
    const double blocks = (double)hone_gpu_tile_blocks(p, t);
    const int64_t steps_all = (hone_gpu_contraction_k(p) + t->bk - 1) / t->bk;
    const double steps = (double)((steps_all + t->split - 1) / t->split);
    const int bytes = hone_dtype_bits(p->dtype) / 8;
    const double shared = hone_gpu_tile_shared(p, t) + 1024.0 + t->bn * 4;
    const double warps = hone_gpu_tile_threads(t) / 32.0;
    double per_sm = (double)(int)((device->shared_bytes + 1024) / shared);
    per_sm = HONE_MIN(per_sm, 48 / warps < 1 ? 1 : (double)(int)(48 / warps));
    per_sm = HONE_MAX(per_sm, 1);
    const double slots = per_sm * device->n_sms;
    const double waves = blocks <= slots ? 1 : blocks / slots;
    const double here = HONE_MIN(per_sm, blocks / device->n_sms < 1 ? 1 : blocks / device->n_sms);
    const double step_bytes = (double)(t->bm + t->bn) * t->bk * bytes;
    const double flop = 2.0 * t->bm * t->bn * t->bk;
    const double rate = t->is_simt             ? 0.3e6
                        : p->dtype == HONE_F32 ? 1.8e6
                                               : 3.6e6; /* an SM's, per us */
    const double step = HONE_MAX(here * flop / rate, here * step_bytes / 40e3);
    const double latency = t->is_simt ? 0.5 : 0.10;
    const double ring = t->stages > 4 && waves > 1 ? 1.1 : 1;
    return 1.6 + 0.2 * (t->split > 1) * (t->is_cluster ? 1 : 4) + 0.02 * t->split +
           waves * (steps * HONE_MAX(step, latency / (t->stages > 4 ? 2 : 1)) * ring + 0.3);
}
