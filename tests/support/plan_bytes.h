/* Writes small plans for GPUs for tests, record by record, so that the runtime can be tested
 * without the builder.
 *
 *     plan_bytes p = {0};
 *     const uint32_t x = plan_value(&p, "x", HONE_STORAGE_INPUT, 0, HONE_VALUE_DEVICE, 8);
 *     ...
 *     void *data = plan_finish(&p, &size);     // aligned; free() it
 */
#ifndef TESTS_SUPPORT_PLAN_BYTES_H
#define TESTS_SUPPORT_PLAN_BYTES_H

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "base/bytes.h"
#include "op/attrs.h"
#include "plan/format.h"

typedef struct plan_bytes {
    hone_text sections[HONE_SECTION_COUNT];
    hone_plan_info_record info;
    uint32_t n_values, n_steps, n_launches, n_args, n_kernels;
} plan_bytes;

static inline void plan_put(plan_bytes *p, hone_section_kind kind, const void *data, size_t size)
{
    hone_text_add_bytes(&p->sections[kind], data, size);
}

static inline uint32_t plan_text(plan_bytes *p, const char *text)
{
    if (!p->sections[HONE_SECTION_TEXT].size)
        plan_put(p, HONE_SECTION_TEXT, "", 1);
    const uint32_t at = (uint32_t)p->sections[HONE_SECTION_TEXT].size;
    plan_put(p, HONE_SECTION_TEXT, text, strlen(text) + 1);
    return at;
}

/* A vector of n float32. */
static inline uint32_t plan_value(plan_bytes *p, const char *name, hone_storage storage,
                                  uint64_t offset, uint32_t flags, int64_t n)
{
    const hone_plan_value v = {.name = plan_text(p, name),
                               .dtype = HONE_F32,
                               .rank = 1,
                               .storage = (uint8_t)storage,
                               .offset = offset,
                               .room = (uint64_t)n * 4,
                               .dim = {n},
                               .flags = flags};
    plan_put(p, HONE_SECTION_VALUES, &v, sizeof v);
    return p->n_values++;
}

/* The same with an open extent: symbol `symbol` between min and max. */
static inline uint32_t plan_open_value(plan_bytes *p, const char *name, hone_storage storage,
                                       uint64_t offset, uint32_t symbol, int64_t max)
{
    const uint32_t v = plan_value(p, name, storage, offset, 0, max);
    hone_text *values = &p->sections[HONE_SECTION_VALUES];
    const int64_t extent = INT64_MIN + 1 + symbol;

    memcpy(values->data + v * sizeof(hone_plan_value) + offsetof(hone_plan_value, dim), &extent,
           sizeof extent);
    return v;
}

static inline void plan_symbol(plan_bytes *p, const char *name, int64_t min, int64_t max)
{
    const hone_plan_extent e = {
        .kind = HONE_EXTENT_SYMBOL, .name = plan_text(p, name), .min = min, .opt = min, .max = max};
    plan_put(p, HONE_SECTION_EXTENTS, &e, sizeof e);
}

static inline void plan_binding(plan_bytes *p, uint32_t value, bool is_input, int64_t n)
{
    const hone_plan_binding_record b = {
        .value = value, .is_input = is_input, .min = {n}, .opt = {n}, .max = {n}};
    plan_put(p, HONE_SECTION_BINDINGS, &b, sizeof b);
}

static inline void plan_open_binding(plan_bytes *p, uint32_t value, bool is_input, int64_t min,
                                     int64_t max)
{
    const hone_plan_binding_record b = {
        .value = value, .is_input = is_input, .min = {min}, .opt = {min}, .max = {max}};
    plan_put(p, HONE_SECTION_BINDINGS, &b, sizeof b);
}

/* A step with up to two inputs (HONE_REF_ABSENT: one alone) and one output; op: NULL for copies. */
static inline uint32_t plan_step(plan_bytes *p, hone_step_kind kind, const char *op, uint32_t a,
                                 uint32_t b, uint32_t out)
{
    const bool has_b = b != HONE_REF_ABSENT;
    const uint32_t refs[] = {a, has_b ? b : out, out};
    hone_plan_step_record s = {
        .kind = (uint16_t)kind,
        .n_in = has_b ? 2 : 1,
        .n_out = 1,
        .op = op ? plan_text(p, op) : 0,
        .name = plan_text(p, op ? op : "copy"),
        .first_ref = (uint32_t)(p->sections[HONE_SECTION_REFS].size / 4),
        .attrs = (uint32_t)p->sections[HONE_SECTION_ATTRS].size,
    };
    if (op) {
        hone_attrs attrs;
        const int id = hone_op_find(op);
        hone_attrs_init(id, &attrs);
        hone_attrs_encode(id, &attrs, &p->sections[HONE_SECTION_ATTRS]);
        s.attrs_size = (uint32_t)p->sections[HONE_SECTION_ATTRS].size - s.attrs;
    }
    plan_put(p, HONE_SECTION_REFS, refs, has_b ? 12 : 8);
    plan_put(p, HONE_SECTION_STEPS, &s, sizeof s);
    return p->n_steps++;
}

/* BRANCH_FALSE on `condition`, or JUMP where that is HONE_REF_ABSENT. */
static inline void plan_jump(plan_bytes *p, uint32_t condition, uint32_t target)
{
    const bool is_branch = condition != HONE_REF_ABSENT;
    const hone_plan_step_record s = {
        .kind = is_branch ? HONE_STEP_BRANCH_FALSE : HONE_STEP_JUMP,
        .n_in = is_branch,
        .first_ref = (uint32_t)(p->sections[HONE_SECTION_REFS].size / 4),
        .target = target,
    };
    if (is_branch)
        plan_put(p, HONE_SECTION_REFS, &condition, sizeof condition);
    plan_put(p, HONE_SECTION_STEPS, &s, sizeof s);
    p->n_steps++;
}

/* A kernel whose image is `text`; is_ptx: with its final zero. */
static inline uint32_t plan_kernel(plan_bytes *p, const char *function, const char *text,
                                   bool is_ptx)
{
    hone_text *images = &p->sections[HONE_SECTION_IMAGES];
    while (images->size % 64)
        plan_put(p, HONE_SECTION_IMAGES, "", 1);
    const hone_plan_kernel k = {.function = plan_text(p, function),
                                .tactic = plan_text(p, function),
                                .is_ptx = is_ptx,
                                .image = images->size,
                                .image_size = strlen(text) + 1};
    plan_put(p, HONE_SECTION_IMAGES, text, strlen(text) + 1);
    plan_put(p, HONE_SECTION_KERNELS, &k, sizeof k);
    return p->n_kernels++;
}

static inline void plan_launch(plan_bytes *p, uint32_t step, uint32_t kernel,
                               const hone_plan_arg *args, uint32_t n_args)
{
    const hone_plan_launch l = {.step = step,
                                .kernel = kernel,
                                .grid = {1, 1, 1},
                                .block = {32, 1, 1},
                                .shared_bytes = 1024,
                                .first_arg = p->n_args,
                                .n_args = n_args,
                                .us = 1.5f};
    plan_put(p, HONE_SECTION_LAUNCHES, &l, sizeof l);
    plan_put(p, HONE_SECTION_ARGS, args, n_args * sizeof *args);
    p->n_launches++;
    p->n_args += n_args;
}

static inline void plan_target(plan_bytes *p, const char *name, uint32_t arch, bool is_exact,
                               uint32_t first, uint32_t n)
{
    const hone_plan_target t = {.name = plan_text(p, name),
                                .arch = arch,
                                .is_exact = is_exact,
                                .n_sms = 132,
                                .first_launch = first,
                                .n_launches = n};
    plan_put(p, HONE_SECTION_TARGETS, &t, sizeof t);
}

static inline void *plan_finish(plan_bytes *p, size_t *size)
{
    hone_plan_section table[HONE_SECTION_COUNT];
    size_t at = hone_align_up(sizeof(hone_plan_header) + sizeof table, HONE_PLAN_ALIGN);

    p->info.model = plan_text(p, "hand-written");
    p->info.precision = plan_text(p, "fp32");
    plan_put(p, HONE_SECTION_INFO, &p->info, sizeof p->info);
    for (int i = 0; i < HONE_SECTION_COUNT; i++) {
        const hone_text *s = &p->sections[i];
        table[i] = (hone_plan_section){.kind = (uint32_t)i, .offset = at, .size = s->size};
        table[i].checksum = hone_hash(s->data, s->size, 0);
        at = hone_align_up(at + s->size, HONE_PLAN_ALIGN);
    }
    uint8_t *data = aligned_alloc(HONE_PLAN_ALIGN, at);
    assert(data);
    memset(data, 0, at);
    hone_plan_header header = {.version = HONE_PLAN_VERSION,
                               .n_sections = HONE_SECTION_COUNT,
                               .size = at,
                               .checksum = hone_hash(table, sizeof table, 0),
                               .device = "cuda",
                               .producer = "a test"};
    memcpy(header.magic, HONE_PLAN_MAGIC, sizeof header.magic);
    memcpy(data, &header, sizeof header);
    memcpy(data + sizeof header, table, sizeof table);
    for (int i = 0; i < HONE_SECTION_COUNT; i++) {
        if (p->sections[i].size)
            memcpy(data + table[i].offset, p->sections[i].data, p->sections[i].size);
        hone_text_fini(&p->sections[i]);
    }
    *size = at;
    return data;
}

#endif
