/* Leaves out the values that nothing reads or writes: constants that were packed, results that
 * nobody wants. */
#include "build/gpu.h"

static void mark(const hone_lowered *low, bool *used, int value)
{
    if (value < 0)
        return;
    used[value] = true;
    used[low->values.v[value].root] = true;
}

/* The launches of a GPU name values too. */
static void mark_launches(const hone_lowered *low, bool *used)
{
    for (int t = 0; low->gpu && t < low->gpu->n_targets; t++)
        for (int i = 0; i < low->gpu->targets[t].launches.n; i++) {
            const hone_low_launch *l = &low->gpu->targets[t].launches.v[i];
            for (int k = 0; k < l->candidate->n_args; k++)
                mark(low, used, l->values[k]);
        }
}

static void rename_all(const int *to, int *values, int n)
{
    for (int i = 0; i < n; i++)
        values[i] = values[i] < 0 ? -1 : to[values[i]];
}

void hone_low_compact(hone_lowered *low)
{
    bool *used = hone_arena_array(low->arena, (size_t)low->values.n + 1, sizeof *used);
    int *to = hone_arena_array(low->arena, (size_t)low->values.n + 1, sizeof *to);
    int n = 0;

    for (int s = 0; s < low->steps.n; s++) {
        for (int i = 0; i < low->steps.v[s].n_in; i++)
            mark(low, used, low->steps.v[s].in[i]);
        for (int i = 0; i < low->steps.v[s].n_out; i++)
            mark(low, used, low->steps.v[s].out[i]);
    }
    for (int i = 0; i < low->bindings.n; i++)
        mark(low, used, low->bindings.v[i]);
    mark_launches(low, used);
    for (int i = 0; i < low->values.n; i++)
        to[i] = used[i] ? n++ : -1;
    for (int i = 0; i < low->values.n; i++) {
        if (!used[i])
            continue;
        hone_low_value v = low->values.v[i];
        v.root = to[v.root];
        low->values.v[to[i]] = v;
    }
    low->values.n = n;
    for (int s = 0; s < low->steps.n; s++) {
        rename_all(to, low->steps.v[s].in, low->steps.v[s].n_in);
        rename_all(to, low->steps.v[s].out, low->steps.v[s].n_out);
        rename_all(to, &low->steps.v[s].device_scratch, 1);
    }
    for (int t = 0; low->gpu && t < low->gpu->n_targets; t++)
        for (int i = 0; i < low->gpu->targets[t].launches.n; i++)
            rename_all(to, low->gpu->targets[t].launches.v[i].values,
                       low->gpu->targets[t].launches.v[i].candidate->n_args);
    rename_all(to, low->bindings.v, low->bindings.n);
}
