/* Candidates as data: knobs become typed constants of C++ in one text and the candidate's name in
 * another. Which candidates there are is the lowerings' business, lower_*.c. */
#include "gpu/candidate.h"

#include <assert.h>
#include <stdio.h>
#include <string.h>

/* ---- types ---- */

static const struct {
    hone_dtype dtype;
    const char *name;
} types[] = {
    {HONE_F32, "float"}, {HONE_F16, "f16"}, {HONE_BF16, "bf16"}, {HONE_BOOL, "flag"},
    {HONE_I32, "int"},   {HONE_I64, "i64"}, {HONE_U8, "u8"},     {HONE_I8, "i8"},
};

const char *hone_gpu_type(hone_dtype dtype)
{
    for (int i = 0; i < HONE_COUNT(types); i++)
        if (types[i].dtype == dtype)
            return types[i].name;
    return NULL;
}

bool hone_gpu_is_float(hone_dtype dtype)
{
    return dtype == HONE_F32 || dtype == HONE_F16 || dtype == HONE_BF16;
}

bool hone_gpu_is_coarse(hone_dtype dtype)
{
    return dtype == HONE_F16 || dtype == HONE_BF16;
}

int hone_gpu_pack(hone_dtype dtype, int64_t n)
{
    int v = HONE_MIN(16 * 8 / hone_dtype_bits(dtype), 8);

    while (v > 1 && n % v)
        v /= 2;
    return v;
}

/* ---- candidates ---- */

void hone_lower_part(hone_lower *lower)
{
    lower->n_parts++;
}

static void free_text(void *text)
{
    hone_text_fini(text);
}

static bool runs_on(const hone_kernel_text *kernel, const hone_gpu_facts *device)
{
    return kernel->is_alone ? kernel->arch == device->arch && !device->is_portable
                            : kernel->arch <= device->arch;
}

hone_candidate *hone_lower_candidate(hone_lower *lower, const char *kernel)
{
    const hone_kernel_text *text = hone_kernel_source(kernel);

    if (!text || !runs_on(text, &lower->device))
        return NULL;
    if (lower->n_parts == 0)
        lower->n_parts = 1;
    hone_candidate *c = hone_arena_alloc(lower->arena, sizeof *c);
    c->part = lower->n_parts - 1;
    c->kernel = text;
    c->arena = lower->arena;
    hone_text_init(&c->knobs, NULL);
    hone_text_init(&c->name, NULL);
    hone_arena_defer(lower->arena, free_text, &c->knobs);
    hone_arena_defer(lower->arena, free_text, &c->name);
    hone_text_add(&c->knobs, "\n");
    hone_text_add(&c->name, "%s", kernel);
    if (lower->last)
        lower->last->next = c;
    else
        lower->first = c;
    lower->last = c;
    return c;
}

/* A list from smallest to largest: equal ones keep their order. */
static hone_candidate *insert(hone_candidate *list, hone_candidate *c)
{
    hone_candidate **at = &list;

    while (*at && (*at)->us <= c->us)
        at = &(*at)->next;
    c->next = *at;
    *at = c;
    return list;
}

void hone_lower_sort(hone_lower *lower)
{
    hone_candidate **part = &lower->first, *sorted = NULL;

    while (*part && (*part)->part < lower->n_parts - 1)
        part = &(*part)->next;
    for (hone_candidate *c = *part, *next; c; c = next) {
        next = c->next;
        sorted = insert(sorted, c);
    }
    *part = sorted;
    for (hone_candidate *c = sorted; c; c = c->next)
        lower->last = c;
}

static void add_to_name(hone_candidate *c, const char *text)
{
    const bool is_first = c->name.size == strlen(c->kernel->name);

    hone_text_add(&c->name, "%c%s", is_first ? '<' : ',', text);
}

void hone_knob_type(hone_candidate *c, const char *name, hone_dtype dtype)
{
    const char *const type = hone_gpu_type(dtype);

    assert(type);
    hone_text_add(&c->knobs, "using %s = %s;\n", name, type ? type : "void");
    add_to_name(c, dtype == HONE_F32 ? "f32" : type ? type : "void");
}

void hone_knob_word(hone_candidate *c, const char *name, int bytes)
{
    const char *const word = bytes == 16  ? "uint4"
                             : bytes == 8 ? "u64"
                             : bytes == 4 ? "u32"
                             : bytes == 2 ? "u16"
                                          : "u8";

    hone_text_add(&c->knobs, "using %s = %s;\n", name, word);
    add_to_name(c, word);
}

void hone_knob_int(hone_candidate *c, const char *name, int64_t value)
{
    char text[32];
    const char *const type = value == (int32_t)value ? "int" : "i64";

    snprintf(text, sizeof text, "%lld", (long long)value);
    hone_text_add(&c->knobs, "constexpr %s %s = %s;\n", type, name, text);
    add_to_name(c, text);
}

void hone_knob_bool(hone_candidate *c, const char *name, bool value)
{
    hone_text_add(&c->knobs, "constexpr bool %s = %s;\n", name, value ? "true" : "false");
    add_to_name(c, value ? "1" : "0");
}

void hone_knob_float(hone_candidate *c, const char *name, float value)
{
    char text[32];

    snprintf(text, sizeof text, "%.9g", (double)value);
    hone_text_add(&c->knobs, "constexpr float %s = (float)%s;\n", name, text);
    add_to_name(c, text);
}

void hone_knob_double(hone_candidate *c, const char *name, double value)
{
    char text[40];

    snprintf(text, sizeof text, "%.17g", value);
    hone_text_add(&c->knobs, "constexpr double %s = %s;\n", name, text);
    add_to_name(c, text);
}

void hone_knob_ints(hone_candidate *c, const char *name, const int64_t *values, int n)
{
    hone_text_add(&c->knobs, "__device__ constexpr i64 %s(int i)\n{\n    constexpr i64 v[] = {",
                  name);
    for (int i = 0; i < n; i++) {
        hone_text_add(&c->knobs, "%s%lld", i ? ", " : "", (long long)values[i]);
        if (i)
            hone_text_add(&c->name, "x%lld", (long long)values[i]);
        else {
            char text[32];
            snprintf(text, sizeof text, "%lld", (long long)values[i]);
            add_to_name(c, text);
        }
    }
    hone_text_add(&c->knobs, "};\n    return v[i];\n}\n");
}

void hone_knob_index(hone_candidate *c, int64_t most)
{
    hone_text_add(&c->knobs, "using index_t = %s;\n", most <= INT32_MAX ? "u32" : "u64");
}

static void add_arg(hone_candidate *c, hone_gpu_arg arg)
{
    if (c->n_args < HONE_GPU_ARGS)
        c->args[c->n_args++] = arg;
}

void hone_candidate_in(hone_candidate *c, int index)
{
    add_arg(c, (hone_gpu_arg){.kind = HONE_GPU_IN, .index = index});
}

void hone_candidate_out(hone_candidate *c, int index)
{
    add_arg(c, (hone_gpu_arg){.kind = HONE_GPU_OUT, .index = index});
}

void hone_candidate_number(hone_candidate *c, int64_t number)
{
    add_arg(c, (hone_gpu_arg){.kind = HONE_GPU_NUMBER, .bytes = 8, .number = number});
}

void hone_candidate_int(hone_candidate *c, int64_t number)
{
    add_arg(c, (hone_gpu_arg){.kind = HONE_GPU_NUMBER, .bytes = 4, .number = number});
}

void hone_candidate_nothing(hone_candidate *c)
{
    add_arg(c, (hone_gpu_arg){.kind = HONE_GPU_NOTHING});
}

void hone_candidate_scratch(hone_candidate *c, size_t bytes)
{
    c->scratch_bytes = bytes;
    add_arg(c, (hone_gpu_arg){.kind = HONE_GPU_SCRATCH});
}

void hone_candidate_tickets(hone_candidate *c, size_t words)
{
    c->n_tickets = words;
    add_arg(c, (hone_gpu_arg){.kind = HONE_GPU_TICKETS});
}

bool hone_launch(hone_candidate *c, int64_t work, int threads)
{
    const int64_t blocks = (work + threads - 1) / threads;

    c->grid[0] = (uint32_t)blocks;
    c->grid[1] = c->grid[2] = 1;
    c->block[0] = (uint32_t)threads;
    c->block[1] = c->block[2] = 1;
    return blocks <= INT32_MAX;
}

const char *hone_candidate_text(const hone_candidate *c)
{
    return hone_arena_format(c->arena, "%s%s%s", hone_kernel_prelude(), c->knobs.data,
                             c->kernel->text);
}

const char *hone_candidate_name(const hone_candidate *c)
{
    const bool has_knobs = c->name.size > strlen(c->kernel->name);

    return hone_arena_format(c->arena, "%s%s", c->name.data, has_knobs ? ">" : "");
}
