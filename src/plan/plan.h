/* A plan in memory: its bytes, and pointers to its sections once they have been checked. */
#ifndef HONE_PLAN_PLAN_H
#define HONE_PLAN_PLAN_H

#include <stdatomic.h>

#include "base/file.h"
#include "hone/hone.h"
#include "op/op.h"
#include "plan/format.h"

typedef struct hone_plan_step {
    hone_op_id op;
    const hone_plan_step_record *record;
    const uint32_t *in, *out; /* indices of values, HONE_REF_ABSENT */
    hone_bytes attrs;         /* encoded */
} hone_plan_step;

#define HONE_PLAN_TARGET_NAMES 128

struct hone_plan {
    hone_allocator allocator;
    hone_map map; /* of a plan opened from a file */
    void *owned;  /* of a plan that the builder made, or NULL */
    size_t owned_size;
    atomic_int references; /* the handle's and the engines' */
    hone_bytes bytes;
    const hone_plan_header *header;
    const char *text;
    const hone_plan_info_record *info;
    const hone_plan_extent *extents;
    const hone_plan_value *values;
    const hone_plan_step_record *steps;
    const uint32_t *refs;
    const uint8_t *attrs;
    const hone_plan_binding_record *bindings;
    const uint32_t *properties;
    const hone_plan_target *targets;
    const hone_plan_kernel *kernels;
    const hone_plan_launch *launches;
    const hone_plan_arg *args;
    const uint8_t *images;
    const uint8_t *weights;
    const char *tuning;
    size_t text_size, attrs_size, images_size, weights_size, tuning_size;
    uint32_t n_extents, n_values, n_steps, n_refs, n_bindings, n_inputs, n_properties;
    uint32_t n_targets, n_kernels, n_launches, n_args;
    char target_names[HONE_PLAN_TARGET_NAMES]; /* "sm_86 sm_89 ptx" */
};

typedef void (*hone_plan_reason)(void *user, const char *text);

/* Finds and checks the sections of bytes; fills in everything but the ownership fields. With
 * `verify`, checksums too. All reasons against the plan go to `reason` where it is not NULL; the
 * first is the message. */
hone_status hone_plan_parse(hone_bytes bytes, bool verify, hone_plan_reason reason, void *user,
                            hone_plan *out);

/* Makes a plan of a buffer of the builder's, which it takes over (on success only). */
hone_status hone_plan_adopt(const hone_allocator *allocator, void *data, size_t size,
                            hone_plan **out);

const hone_plan *hone_plan_retain(const hone_plan *plan);

static inline const char *hone_plan_text(const hone_plan *plan, uint32_t offset)
{
    return plan->text + offset;
}

/* The value whose bytes a value's are: an alias shows another's. */
static inline uint32_t hone_plan_root(const hone_plan *plan, uint32_t value)
{
    const hone_plan_value *v = &plan->values[value];

    return v->storage == HONE_STORAGE_ALIAS ? (uint32_t)v->offset : value;
}

/* The number of strings of a checked constant of strings. */
static inline size_t hone_plan_string_count(const hone_plan_value *value)
{
    size_t n = 1;
    for (int i = 0; i < value->rank; i++)
        n *= (size_t)value->dim[i];
    return n;
}

/* Step i with its operator looked up; HONE_OP_none for jumps and their kin. */
hone_plan_step hone_plan_step_at(const hone_plan *plan, uint32_t i);

static inline bool hone_plan_is_cuda(const hone_plan *plan)
{
    return plan->header->device[1] == 'u'; /* "cuda"; else "cpu" */
}

/* Copies `from` over the caller's info struct, whose first field tells how much of it the caller
 * knows. */
hone_status hone_info_fill(void *info, const void *from, size_t size);

/* The dims of a value with the shape program's values; an extent that only running tells is -1. */
hone_dims hone_plan_value_dims(const hone_plan_value *value, const int64_t *extents);

/* Evaluates the shape program: values[i] of symbols must be set (HONE_EXTENT_UNKNOWN for those from
 * data). */
void hone_plan_evaluate(const hone_plan *plan, int64_t *values);

#endif
