/* The GPUs that a plan is for: the one that is there, or those that are named. */
#include "build/gpu.h"
#include "cuda/device.h"

/* What is known of an architecture without a device: its usual board. */
static const struct {
    int arch, n_sms, shared_bytes;
} boards[] = {
    {75, 40, 65536},    /* T4 */
    {80, 108, 166912},  /* A100 */
    {86, 72, 101376},   /* A10 */
    {87, 16, 166912},   /* Orin */
    {89, 58, 101376},   /* L4 */
    {90, 132, 232448},  /* H100, H200 */
    {100, 148, 232448}, /* B200 */
    {103, 160, 232448}, /* B300 */
    {110, 20, 232448},  /* Thor */
    {120, 84, 101376},  /* RTX PRO, GeForce 50 */
    {121, 48, 101376},  /* GB10 */
};

static void name_target(hone_arena *arena, hone_low_target *t)
{
    const int arch = t->facts.arch;

    t->is_exact = arch >= 90;
    t->name = hone_arena_format(arena, "sm_%d", arch);
    t->compile = hone_arena_format(arena, "sm_%d%s", arch, t->is_exact ? "a" : "");
}

static hone_status of_device(hone_arena *arena, hone_low_gpu *gpu, int ordinal)
{
    const hone_cuda *cu;
    hone_cuda_info info;

    HONE_TRY(hone_cuda_open(&cu));
    HONE_TRY(hone_cuda_describe(cu, ordinal, &info));
    hone_low_target *t = gpu->targets = hone_arena_alloc(arena, sizeof *t);
    gpu->n_targets = 1;
    gpu->ordinal = ordinal;
    t->facts = (hone_gpu_facts){.arch = info.major * 10 + info.minor,
                                .n_sms = info.multiprocessors,
                                .shared_bytes = info.shared_per_block};
    name_target(arena, t);
    return HONE_OK;
}

static hone_status named_target(hone_arena *arena, const char *word, size_t n, hone_low_target *t)
{
    const char *const text = hone_arena_text_n(arena, word, n);
    int arch = 0;

    for (const char *p = strncmp(text, "sm_", 3) == 0 ? text + 3 : ""; *p >= '0' && *p <= '9'; p++)
        arch = HONE_MIN(arch * 10 + (*p - '0'), 10000);
    for (int i = 0; i < HONE_COUNT(boards); i++) {
        if (boards[i].arch != arch)
            continue;
        t->facts = (hone_gpu_facts){
            .arch = arch, .n_sms = boards[i].n_sms, .shared_bytes = boards[i].shared_bytes};
        name_target(arena, t);
        return HONE_OK;
    }
    hone_text known;
    hone_text_init(&known, NULL);
    for (int i = 0; i < HONE_COUNT(boards); i++)
        hone_text_add(&known, "%ssm_%d", i ? ", " : "", boards[i].arch);
    const hone_status st =
        hone_error(HONE_ERR_ARGUMENT, "reading targets: \"%s\" is not known; there are %s, and ptx",
                   text, known.data ? known.data : "");
    hone_text_fini(&known);
    return st;
}

/* PTX for what is newer than the newest of the named. */
static void add_ptx(hone_arena *arena, hone_low_gpu *gpu)
{
    hone_low_target *newest = &gpu->targets[0], *t = &gpu->targets[gpu->n_targets];

    for (int i = 1; i < gpu->n_targets; i++)
        if (gpu->targets[i].facts.arch > newest->facts.arch)
            newest = &gpu->targets[i];
    t->facts = newest->facts;
    t->facts.is_portable = true;
    t->is_ptx = true;
    t->name = newest->name;
    t->compile = hone_arena_format(arena, "compute_%d", t->facts.arch);
    gpu->n_targets++;
}

/* "sm_86,sm_89,ptx", words apart by commas, spaces or plus signs. */
static hone_status parse_targets(hone_arena *arena, const char *text, hone_low_gpu *gpu)
{
    bool has_ptx = false;

    gpu->targets = hone_arena_array(arena, strlen(text) + 2, sizeof *gpu->targets);
    for (text += strspn(text, ", +"); *text; text += strspn(text, ", +")) {
        const size_t n = strcspn(text, ", +");
        if (n == 3 && strncmp(text, "ptx", n) == 0)
            has_ptx = true;
        else
            HONE_TRY(named_target(arena, text, n, &gpu->targets[gpu->n_targets++]));
        text += n;
    }
    if (gpu->n_targets == 0)
        return hone_error(HONE_ERR_ARGUMENT, "reading targets: no architecture is named; write "
                                             "sm_86, or sm_86,sm_89,ptx");
    if (has_ptx)
        add_ptx(arena, gpu);
    return HONE_OK;
}

static bool wants_tf32(const hone_build_options *o)
{
    return !o->no_tf32 && o->allow != HONE_FP32;
}

hone_status hone_gpu_targets(hone_arena *arena, const hone_build_options *o, hone_low_gpu **out)
{
    const bool names_device = o->device && strncmp(o->device, "cuda", 4) == 0;
    int ordinal = 0;

    *out = NULL;
    if (!names_device && !o->targets) {
        if (!o->device || strcmp(o->device, "cpu") == 0)
            return HONE_OK;
        return hone_error(HONE_ERR_ARGUMENT,
                          "building: device is \"%s\"; it can be cpu, cuda, or cuda:1", o->device);
    }
    if (names_device)
        HONE_TRY(hone_cuda_ordinal_parse(o->device, &ordinal));
    hone_low_gpu *gpu = hone_arena_alloc(arena, sizeof *gpu);
    gpu->arena = arena;
    gpu->options = o;
    gpu->ordinal = -1;
    gpu->images = hone_images_create(
        arena, o->timing_cache ? hone_arena_format(arena, "%s.kernels", o->timing_cache) : NULL);
    if (o->targets)
        HONE_TRY(parse_targets(arena, o->targets, gpu));
    else
        HONE_TRY(of_device(arena, gpu, ordinal));
    for (int i = 0; i < gpu->n_targets; i++)
        gpu->targets[i].facts.allows_tf32 = wants_tf32(o) && gpu->targets[i].facts.arch >= 80;
    *out = gpu;
    return HONE_OK;
}
