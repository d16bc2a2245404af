/* ONNX models: import, questions, IR text, and a build with its limits. External data is refused:
 * there is no folder. */
#include "fuzz.h"

#include <hone/build.h>

static void ignore(void *user, const char *text, size_t size)
{
    (void)text;
    *(size_t *)user += size;
}

static void ask(const hone_model *model)
{
    const int n = hone_model_inputs(model) + hone_model_outputs(model);
    size_t printed = 0;

    for (int i = -1; i <= n; i++) {
        hone_binding_info info = {.size = sizeof info};
        hone_model_binding(model, i, &info);
    }
    hone_model_property(model, "producer");
    hone_model_print(model, ignore, &printed);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    size_t taken = 0;
    const hone_allocator allocator = {1, &taken, fuzz_alloc, fuzz_free};
    hone_model *model = NULL;
    hone_plan *plan = NULL;

    if (hone_model_load(data, size,
                        HONE_MODEL_OPTIONS(.allocator = &allocator, .memory_limit = FUZZ_MEMORY),
                        &model) == HONE_OK) {
        ask(model);
        if (hone_build(model, HONE_BUILD_OPTIONS(.allocator = &allocator), &plan) == HONE_OK)
            hone_plan_destroy(plan);
        hone_model_destroy(model);
    }
    fuzz_check_freed(&taken);
    return 0;
}
