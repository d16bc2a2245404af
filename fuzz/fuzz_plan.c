/* Plans: the check, then everything up to a context, with checksums skipped so that damage reaches
 * the readers behind them. Nothing is run: a plan may well loop for ever. */
#include "fuzz.h"

#include <hone/hone.h>
#include <string.h>

static void ignore(void *user, const char *text)
{
    *(size_t *)user += strlen(text);
}

static hone_status no_picture(void *user, const void *encoded, size_t encoded_size, int *width,
                              int *height, uint8_t *rgb, size_t room)
{
    (void)user, (void)encoded, (void)encoded_size, (void)width, (void)height, (void)rgb, (void)room;
    return hone_message_set(HONE_ERR_FORMAT, "no picture");
}

static void ask(const hone_plan *plan)
{
    hone_plan_info info = {.size = sizeof info};
    const char *value;

    if (hone_plan_describe(plan, &info) != HONE_OK)
        return;
    for (int i = -1; i <= info.n_inputs + info.n_outputs; i++) {
        hone_binding_info binding = {.size = sizeof binding};
        if (hone_plan_binding(plan, i, &binding) == HONE_OK)
            hone_plan_binding_index(plan, binding.name);
    }
    for (int i = -1; i <= info.n_steps; i++) {
        hone_step_info step = {.size = sizeof step};
        hone_plan_step_info(plan, i, &step);
    }
    for (int i = 0; hone_plan_property_at(plan, i, &value); i++)
        continue;
}

static void prepare(const hone_plan *plan, const hone_allocator *allocator)
{
    hone_engine *engine = NULL;
    hone_context *context = NULL;

    if (hone_engine_create(plan,
                           HONE_ENGINE_OPTIONS(.allocator = allocator, .decode_image = no_picture),
                           &engine) != HONE_OK)
        return;
    if (hone_context_create(engine, HONE_CONTEXT_OPTIONS(.threads = 1), &context) == HONE_OK) {
        hone_dims dims;
        for (int i = 0; hone_context_shape(context, i, &dims) == HONE_OK; i++)
            hone_context_set_shape(context, i, &dims);
        hone_context_destroy(context);
    }
    hone_engine_destroy(engine);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    size_t taken = 0, told = 0;
    const hone_allocator allocator = {1, &taken, fuzz_alloc, fuzz_free};
    hone_plan *plan = NULL;
    void *aligned = NULL;

    if (posix_memalign(&aligned, 64, size ? size : 1))
        return 0;
    memcpy(aligned, data, size);
    hone_plan_check(aligned, size, ignore, &told);
    if (hone_plan_load(aligned, size,
                       HONE_PLAN_OPTIONS(.allocator = &allocator, .skip_checksums = true),
                       &plan) == HONE_OK) {
        ask(plan);
        prepare(plan, &allocator);
        hone_plan_destroy(plan);
    }
    free(aligned);
    fuzz_check_freed(&taken);
    return 0;
}
