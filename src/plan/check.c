/* Checks the bytes of a plan before anything believes them: structure, checksums, indices, sizes.
 * What a plan claims about extents is checked again by inference when a context sets its shapes, so
 * that no kernel ever sees tensors that do not fit together. Every reason is told, not only the
 * first. */
#include "plan/plan.h"

#include <stdio.h>

typedef struct check {
    hone_plan *plan;
    hone_bytes bytes;
    hone_plan_reason reason;
    void *user;
    hone_status worst;
    int n_reasons;
} check;

#define MAX_REASONS 32
#define MOST_BYTES  ((uint64_t)1 << 48) /* bytes; keeps sums of sizes from overflowing */

/* Notes a reason; returns false so that a caller may write `return fail(...)`. */
static bool fail(check *c, hone_status status, const char *format, ...) HONE_PRINTF(3, 4);
static bool fail(check *c, hone_status status, const char *format, ...)
{
    char text[512];
    va_list args;

    va_start(args, format);
    vsnprintf(text, sizeof text, format, args);
    va_end(args);
    if (c->worst == HONE_OK) {
        c->worst = hone_error(status, "%s", text);
    } else if (status == HONE_ERR_FORMAT) {
        c->worst = status;
    }
    if (c->reason && c->n_reasons < MAX_REASONS)
        c->reason(c->user, text);
    c->n_reasons++;
    return false;
}

static const char *const section_names[HONE_SECTION_COUNT] = {
    "text",       "info",      "extents",    "values", "steps",   "references",
    "attributes", "bindings",  "properties", "tuning", "targets", "kernels",
    "launches",   "arguments", "images",     "weights"};

static bool check_header(check *c)
{
    const hone_plan_header *h = (const hone_plan_header *)c->bytes.data;

    if (c->bytes.size < sizeof *h || memcmp(h->magic, HONE_PLAN_MAGIC, sizeof h->magic) != 0)
        return fail(c, HONE_ERR_FORMAT,
                    "these bytes are no plan: they do not begin with " HONE_PLAN_MAGIC);
    if ((uintptr_t)c->bytes.data % HONE_PLAN_ALIGN)
        return fail(c, HONE_ERR_ARGUMENT,
                    "the plan's bytes lie at an address that is no multiple of %d",
                    HONE_PLAN_ALIGN);
    if (h->version != HONE_PLAN_VERSION)
        return fail(c, HONE_ERR_MISMATCH,
                    "the plan has format version %u; this library reads version %d: build it again",
                    h->version, HONE_PLAN_VERSION);
    if (h->n_sections != HONE_SECTION_COUNT)
        return fail(c, HONE_ERR_FORMAT, "the header counts %u sections; version %d has %d",
                    h->n_sections, HONE_PLAN_VERSION, HONE_SECTION_COUNT);
    if (h->size != c->bytes.size)
        return fail(
            c, HONE_ERR_FORMAT,
            "the plan has %zu bytes; its header says %llu: it is truncated or has been added to",
            c->bytes.size, (unsigned long long)h->size);
    if (memchr(h->device, 0, sizeof h->device) == NULL ||
        memchr(h->producer, 0, sizeof h->producer) == NULL)
        return fail(c, HONE_ERR_FORMAT, "a text of the header is not terminated");
    if (strcmp(h->device, "cpu") != 0 && strcmp(h->device, "cuda") != 0)
        return fail(c, HONE_ERR_MISMATCH,
                    "the plan is for the device \"%s\"; this library runs \"cpu\" and \"cuda\"",
                    h->device);
    c->plan->header = h;
    return true;
}

/* The section's bytes, checked to lie within the plan and to be whole records. */
static const void *section(check *c, hone_section_kind kind, size_t record, bool verify,
                           size_t *count)
{
    const hone_plan_section *s =
        (const hone_plan_section *)(c->bytes.data + sizeof(hone_plan_header)) + kind;

    *count = 0;
    if (s->kind != (uint32_t)kind || s->offset % HONE_PLAN_ALIGN || s->offset > c->bytes.size ||
        s->size > c->bytes.size - s->offset || s->size % record ||
        (kind != HONE_SECTION_WEIGHTS && kind != HONE_SECTION_IMAGES &&
         s->size / record > INT32_MAX)) {
        fail(c, HONE_ERR_FORMAT,
             "the entry of section \"%s\" points outside the plan or is malformed",
             section_names[kind]);
        return NULL;
    }
    if (verify && hone_hash(c->bytes.data + s->offset, s->size, 0) != s->checksum) {
        fail(c, HONE_ERR_CHECKSUM, "the checksum of section \"%s\" differs: the plan is damaged",
             section_names[kind]);
        return NULL;
    }
    *count = s->size / record;
    return c->bytes.data + s->offset;
}

static bool find_sections(check *c, bool verify)
{
    hone_plan *p = c->plan;
    const size_t table = HONE_SECTION_COUNT * sizeof(hone_plan_section);
    size_t n[HONE_SECTION_COUNT];

    if (c->bytes.size < sizeof(hone_plan_header) + table)
        return fail(c, HONE_ERR_FORMAT, "the plan ends within its section table");
    if (verify &&
        hone_hash(c->bytes.data + sizeof(hone_plan_header), table, 0) != p->header->checksum)
        return fail(c, HONE_ERR_CHECKSUM,
                    "the checksum of the section table differs: the plan is damaged");
    p->text = section(c, HONE_SECTION_TEXT, 1, verify, &n[HONE_SECTION_TEXT]);
    p->info = section(c, HONE_SECTION_INFO, sizeof *p->info, verify, &n[HONE_SECTION_INFO]);
    p->extents =
        section(c, HONE_SECTION_EXTENTS, sizeof *p->extents, verify, &n[HONE_SECTION_EXTENTS]);
    p->values = section(c, HONE_SECTION_VALUES, sizeof *p->values, verify, &n[HONE_SECTION_VALUES]);
    p->steps = section(c, HONE_SECTION_STEPS, sizeof *p->steps, verify, &n[HONE_SECTION_STEPS]);
    p->refs = section(c, HONE_SECTION_REFS, sizeof *p->refs, verify, &n[HONE_SECTION_REFS]);
    p->attrs = section(c, HONE_SECTION_ATTRS, 1, verify, &n[HONE_SECTION_ATTRS]);
    p->bindings =
        section(c, HONE_SECTION_BINDINGS, sizeof *p->bindings, verify, &n[HONE_SECTION_BINDINGS]);
    p->properties = section(c, HONE_SECTION_PROPERTIES, 2 * sizeof *p->properties, verify,
                            &n[HONE_SECTION_PROPERTIES]);
    p->tuning = section(c, HONE_SECTION_TUNING, 1, verify, &n[HONE_SECTION_TUNING]);
    p->targets =
        section(c, HONE_SECTION_TARGETS, sizeof *p->targets, verify, &n[HONE_SECTION_TARGETS]);
    p->kernels =
        section(c, HONE_SECTION_KERNELS, sizeof *p->kernels, verify, &n[HONE_SECTION_KERNELS]);
    p->launches =
        section(c, HONE_SECTION_LAUNCHES, sizeof *p->launches, verify, &n[HONE_SECTION_LAUNCHES]);
    p->args = section(c, HONE_SECTION_ARGS, sizeof *p->args, verify, &n[HONE_SECTION_ARGS]);
    p->images = section(c, HONE_SECTION_IMAGES, 1, verify, &n[HONE_SECTION_IMAGES]);
    p->weights = section(c, HONE_SECTION_WEIGHTS, 1, verify, &n[HONE_SECTION_WEIGHTS]);
    if (c->worst != HONE_OK)
        return false;
    p->text_size = n[HONE_SECTION_TEXT];
    p->n_extents = (uint32_t)n[HONE_SECTION_EXTENTS];
    p->n_values = (uint32_t)n[HONE_SECTION_VALUES];
    p->n_steps = (uint32_t)n[HONE_SECTION_STEPS];
    p->n_refs = (uint32_t)n[HONE_SECTION_REFS];
    p->attrs_size = n[HONE_SECTION_ATTRS];
    p->n_bindings = (uint32_t)n[HONE_SECTION_BINDINGS];
    p->n_properties = (uint32_t)n[HONE_SECTION_PROPERTIES];
    p->tuning_size = n[HONE_SECTION_TUNING];
    p->n_targets = (uint32_t)n[HONE_SECTION_TARGETS];
    p->n_kernels = (uint32_t)n[HONE_SECTION_KERNELS];
    p->n_launches = (uint32_t)n[HONE_SECTION_LAUNCHES];
    p->n_args = (uint32_t)n[HONE_SECTION_ARGS];
    p->images_size = n[HONE_SECTION_IMAGES];
    p->weights_size = n[HONE_SECTION_WEIGHTS];
    if (n[HONE_SECTION_INFO] != 1)
        return fail(c, HONE_ERR_FORMAT, "section \"info\" has %zu records; there is one",
                    n[HONE_SECTION_INFO]);
    if (p->text_size == 0 || p->text[0] != 0 || p->text[p->text_size - 1] != 0)
        return fail(c, HONE_ERR_FORMAT, "section \"text\" does not begin and end with a zero");
    return true;
}

static bool text_ok(const check *c, uint32_t offset)
{
    return offset < c->plan->text_size;
}

static bool extent_ok(const check *c, hone_extent e, uint32_t limit)
{
    return hone_extent_is_number(e)
               ? e >= 0 || limit != c->plan->n_extents
               : e == HONE_EXTENT_UNKNOWN || (uint64_t)hone_extent_index(e) < limit;
}

static void check_extents(check *c)
{
    for (uint32_t i = 0; i < c->plan->n_extents; i++) {
        const hone_plan_extent *e = &c->plan->extents[i];
        if (e->kind > HONE_EXTENT_MAX || !text_ok(c, e->name) || e->min > e->max)
            fail(c, HONE_ERR_FORMAT, "expression %u of the shape program is malformed", i);
        else if (e->kind != HONE_EXTENT_SYMBOL &&
                 ((!hone_extent_is_number(e->a) && !extent_ok(c, e->a, i)) ||
                  (!hone_extent_is_number(e->b) && !extent_ok(c, e->b, i))))
            fail(c, HONE_ERR_FORMAT,
                 "expression %u of the shape program uses one that does not precede it", i);
    }
}

static bool within(uint64_t offset, uint64_t room, uint64_t size)
{
    return offset <= size && room <= size - offset;
}

/* The table of a constant of strings must point into the constant. */
static bool strings_ok(const check *c, const hone_plan_value *v, size_t n)
{
    const uint8_t *table = c->plan->weights + v->offset;

    for (size_t i = 0; i < n; i++) {
        uint64_t entry[2];
        memcpy(entry, table + i * sizeof entry, sizeof entry);
        if (!within(entry[0], entry[1], v->room))
            return false;
    }
    return true;
}

/* Strings are pointers while a plan runs: their bytes must never be another value's, or a plan
 * could forge them. */
static bool strings_are_apart(const check *c, uint32_t index)
{
    const hone_plan *p = c->plan;
    const hone_plan_value *v = &p->values[index];

    if (v->storage == HONE_STORAGE_ALIAS)
        return (v->dtype == HONE_STRING) == (p->values[v->offset].dtype == HONE_STRING);
    if (v->dtype != HONE_STRING || v->storage != HONE_STORAGE_ARENA)
        return true;
    for (uint32_t i = 0; i < p->n_values; i++) {
        const hone_plan_value *o = &p->values[i];
        if (o->storage == HONE_STORAGE_ARENA && o->dtype != HONE_STRING &&
            o->offset < v->offset + v->room && v->offset < o->offset + o->room)
            return false;
    }
    return true;
}

/* A constant must hold what its dims say: kernels read it without another look. */
static bool constant_ok(const check *c, const hone_plan_value *v)
{
    hone_dims dims = {.rank = v->rank};
    size_t size;

    if (!within(v->offset, v->room, c->plan->weights_size) || v->offset % HONE_PLAN_ALIGN)
        return false;
    for (int i = 0; i < v->rank; i++) {
        if (!hone_extent_is_number(v->dim[i]))
            return false;
        dims.dim[i] = v->dim[i];
    }
    if (v->rank < 0 || !hone_dims_size((hone_dtype)v->dtype, &dims, &size))
        return false;
    if (v->flags & HONE_VALUE_PACKED)
        return v->dtype != HONE_STRING;
    return size <= v->room &&
           (v->dtype != HONE_STRING || strings_ok(c, v, size / sizeof(hone_string)));
}

/* The value whose bytes a binding's are; HONE_REF_ABSENT where that cannot be told. */
static uint32_t binding_root(const hone_plan *p, uint32_t binding)
{
    const uint32_t value = p->bindings[binding].value;

    return value < p->n_values ? hone_plan_root(p, value) : HONE_REF_ABSENT;
}

static bool storage_ok(const check *c, uint32_t index, const hone_plan_value *v)
{
    const hone_plan *p = c->plan;
    const bool on_device = v->flags & HONE_VALUE_DEVICE;

    if (on_device && (!p->n_targets || v->dtype == HONE_STRING))
        return false;
    switch (v->storage) {
    case HONE_STORAGE_CONST:
        return constant_ok(c, v) &&
               (!on_device || within(v->offset, v->room, p->info->device_weight_bytes));
    case HONE_STORAGE_ARENA:
        return within(v->offset, v->room,
                      on_device ? p->info->device_arena_bytes : p->info->arena_bytes) &&
               v->offset % HONE_PLAN_ALIGN == 0;
    case HONE_STORAGE_INPUT:
        return v->offset < p->n_inputs && p->bindings[v->offset].value == index;
    case HONE_STORAGE_OUTPUT:
        return v->offset >= p->n_inputs && v->offset < p->n_bindings &&
               binding_root(p, (uint32_t)v->offset) == index;
    case HONE_STORAGE_ALIAS:
        return v->offset < p->n_values && v->offset != index &&
               p->values[v->offset].storage != HONE_STORAGE_ALIAS &&
               !(p->values[v->offset].flags & HONE_VALUE_PACKED) &&
               (p->values[v->offset].flags & HONE_VALUE_DEVICE) == (v->flags & HONE_VALUE_DEVICE);
    case HONE_STORAGE_HEAP: return !on_device;
    default: return false;
    }
}

static void check_values(check *c)
{
    for (uint32_t i = 0; i < c->plan->n_values; i++) {
        const hone_plan_value *v = &c->plan->values[i];
        bool ok = text_ok(c, v->name) && v->kind <= HONE_KIND_SPARSE &&
                  hone_dtype_is_valid(v->dtype) && v->rank >= -1 && v->rank <= HONE_MAX_RANK &&
                  storage_ok(c, i, v);
        for (int k = 0; ok && k < v->rank; k++)
            ok = extent_ok(c, v->dim[k], c->plan->n_extents);
        ok = ok && strings_are_apart(c, i);
        if (!ok)
            fail(c, HONE_ERR_FORMAT,
                 "value %u is malformed: its type, extents or place contradict the plan", i);
    }
}

static void check_bindings(check *c)
{
    hone_plan *p = c->plan;

    p->n_inputs = 0;
    for (uint32_t i = 0; i < p->n_bindings; i++) {
        const hone_plan_binding_record *b = &p->bindings[i];
        if (b->value >= p->n_values || b->is_input > 1 || (b->is_input && p->n_inputs != i))
            fail(c, HONE_ERR_FORMAT, "binding %u names no value or stands out of order", i);
        p->n_inputs += b->is_input == 1;
    }
    for (uint32_t i = 0; i < 2 * p->n_properties; i++)
        if (!text_ok(c, p->properties[i]))
            fail(c, HONE_ERR_FORMAT, "property %u has no text", i / 2);
}

static bool refs_ok(const check *c, const hone_plan_step_record *s)
{
    const hone_plan *p = c->plan;

    if (s->n_in > 4096 || s->n_out > 4096 ||
        !within(s->first_ref, (uint64_t)s->n_in + s->n_out, p->n_refs))
        return false;
    for (uint32_t i = 0; i < (uint32_t)s->n_in + s->n_out; i++) {
        const uint32_t v = p->refs[s->first_ref + i];
        if (v != HONE_REF_ABSENT && v >= p->n_values)
            return false;
        if (i >= s->n_in && v != HONE_REF_ABSENT &&
            (p->values[v].storage == HONE_STORAGE_CONST ||
             p->values[v].storage == HONE_STORAGE_INPUT))
            return false;
    }
    return true;
}

static bool count_ok(int n, int least, int most)
{
    return n >= least && (most == HONE_ANY || n <= most);
}

/* Views and the steps of control flow take one tensor in or out each. */
static bool arity_ok(const check *c, const hone_plan_step_record *s)
{
    const uint32_t *refs = c->plan->refs + s->first_ref;
    const int in_out[HONE_STEP_COUNT][2] = {{-1, -1}, {-1, 1},  {0, 0}, {1, 0}, {0, 1},
                                            {1, 1},   {-1, -1}, {1, 1}, {1, 1}};

    if (s->kind == HONE_STEP_KERNEL || s->kind == HONE_STEP_VIEW || s->kind == HONE_STEP_LAUNCH) {
        const hone_op_id op = hone_op_find(hone_plan_text(c->plan, s->op));
        if (op == HONE_OP_none || !count_ok(s->n_in, hone_ops[op].in_min, hone_ops[op].in_max) ||
            !count_ok(s->n_out, 0, hone_ops[op].out_max))
            return false;
        for (int i = 0; i < hone_ops[op].in_min; i++)
            if (refs[i] == HONE_REF_ABSENT)
                return false;
        if (hone_ops[op].out_max == 1 && (s->n_out != 1 || refs[s->n_in] == HONE_REF_ABSENT))
            return false;
        if (s->kind == HONE_STEP_VIEW)
            return s->n_in >= 1 && s->n_out == 1 && refs[0] != HONE_REF_ABSENT &&
                   refs[s->n_in] != HONE_REF_ABSENT;
        return true;
    }
    if (s->n_in != in_out[s->kind][0] || s->n_out != in_out[s->kind][1])
        return false;
    for (int i = 0; i < s->n_in + s->n_out; i++)
        if (refs[i] == HONE_REF_ABSENT)
            return false;
    return true;
}

static uint8_t root_storage(const hone_plan *p, uint32_t value)
{
    return p->values[hone_plan_root(p, value)].storage;
}

/* Kernels of the host must never be shown an address of the device, nor the other way round. Views
 * that are steps and jumps are the host's. Constants are on both sides, as the plan's bytes are
 * there; but a copy to the host begins on the device. Of a view's further inputs no byte is read on
 * the device. */
static bool sides_ok(const check *c, const hone_plan_step_record *s)
{
    const hone_plan *p = c->plan;

    for (int i = 0; i < s->n_in + s->n_out; i++) {
        const uint32_t v = p->refs[s->first_ref + (uint32_t)i];
        const bool is_input = i < s->n_in;
        bool wanted = s->kind == HONE_STEP_LAUNCH;
        if (v == HONE_REF_ABSENT || (s->kind == HONE_STEP_VIEW && i > 0 && is_input))
            continue;
        if (s->kind != HONE_STEP_TO_HOST && root_storage(p, v) == HONE_STORAGE_CONST)
            continue;
        if (s->kind == HONE_STEP_TO_HOST || s->kind == HONE_STEP_TO_DEVICE)
            wanted = is_input == (s->kind == HONE_STEP_TO_HOST);
        if ((bool)(p->values[v].flags & HONE_VALUE_DEVICE) != wanted)
            return false;
    }
    return true;
}

/* An address within a value, or at its end. */
static bool address_ok(const hone_plan *p, const hone_plan_arg *a)
{
    if (a->value >= p->n_values || !(p->values[a->value].flags & HONE_VALUE_DEVICE) ||
        a->number < 0)
        return false;
    const hone_plan_value *v = &p->values[hone_plan_root(p, a->value)];
    return v->storage == HONE_STORAGE_INPUT || v->storage == HONE_STORAGE_OUTPUT ||
           (uint64_t)a->number <= v->room;
}

static void check_launch(check *c, uint32_t index, const hone_plan_target *t)
{
    const hone_plan *p = c->plan;
    const hone_plan_launch *l = &p->launches[index];
    bool ok = l->step < p->n_steps && p->steps[l->step].kind == HONE_STEP_LAUNCH &&
              (index == t->first_launch || l->step >= p->launches[index - 1].step) &&
              l->kernel < p->n_kernels && within(l->first_arg, l->n_args, p->n_args) &&
              l->n_args <= 256 && l->flags <= HONE_LAUNCH_WAITS;

    for (int k = 0; k < 3; k++)
        ok = ok && l->grid[k] > 0 && l->grid[k] <= INT32_MAX && l->block[k] > 0 &&
             l->block[k] <= 1024 && l->cluster[k] <= 16;
    for (uint32_t i = 0; ok && i < l->n_args; i++) {
        const hone_plan_arg *a = &p->args[l->first_arg + i];
        ok = a->kind < HONE_ARG_COUNT &&
             (a->bytes == 8 || (a->bytes == 4 && a->kind == HONE_ARG_NUMBER));
        if (a->kind == HONE_ARG_VALUE)
            ok = ok && address_ok(p, a);
        if (a->kind == HONE_ARG_TICKETS)
            ok = ok && a->number >= 0 && (uint64_t)a->number < p->info->ticket_bytes;
    }
    if (!ok)
        fail(c, HONE_ERR_FORMAT, "launch %u is malformed: it points outside the plan", index);
}

static void check_kernels(check *c)
{
    const hone_plan *p = c->plan;

    if (p->info->device_arena_bytes > MOST_BYTES || p->info->ticket_bytes > MOST_BYTES)
        fail(c, HONE_ERR_FORMAT, "the device's arena is larger than any device");
    if (hone_plan_is_cuda(p) && p->info->device_weight_bytes > p->weights_size)
        fail(c, HONE_ERR_FORMAT, "the device's weights are more than the plan has");
    if (!hone_plan_is_cuda(p) && p->n_targets)
        fail(c, HONE_ERR_FORMAT, "a plan for the CPU has kernels for a GPU");
    for (uint32_t i = 0; i < p->n_kernels; i++) {
        const hone_plan_kernel *k = &p->kernels[i];
        if (!text_ok(c, k->function) || !text_ok(c, k->tactic) || k->is_ptx > 1 ||
            !within(k->image, k->image_size, p->images_size) || k->image_size == 0 ||
            (k->is_ptx && p->images[k->image + k->image_size - 1] != 0))
            fail(c, HONE_ERR_FORMAT, "kernel %u is malformed: it points outside the plan", i);
    }
    for (uint32_t i = 0; i < p->n_targets; i++) {
        const hone_plan_target *t = &p->targets[i];
        if (!text_ok(c, t->name) || !within(t->first_launch, t->n_launches, p->n_launches)) {
            fail(c, HONE_ERR_FORMAT, "target %u is malformed: it points outside the plan", i);
            continue;
        }
        for (uint32_t k = 0; k < t->n_launches; k++)
            check_launch(c, t->first_launch + k, t);
    }
}

/* This and what follows only once values are known to be sound. */
static void check_binding_storage(check *c)
{
    const hone_plan *p = c->plan;

    for (uint32_t i = 0; i < p->n_bindings; i++) {
        const hone_plan_value *v = &p->values[binding_root(p, i)];
        if (v->storage != (p->bindings[i].is_input ? HONE_STORAGE_INPUT : HONE_STORAGE_OUTPUT) ||
            v->offset != i)
            fail(c, HONE_ERR_FORMAT, "binding %u is no memory of the caller's", i);
    }
}

static void check_steps(check *c)
{
    const hone_plan *p = c->plan;

    for (uint32_t i = 0; i < p->n_steps; i++) {
        const hone_plan_step_record *s = &p->steps[i];
        const bool jumps = s->kind == HONE_STEP_JUMP || s->kind == HONE_STEP_BRANCH_FALSE;
        if (s->kind >= HONE_STEP_COUNT || !text_ok(c, s->op) || !text_ok(c, s->name) ||
            !refs_ok(c, s) || !within(s->attrs, s->attrs_size, p->attrs_size) ||
            (jumps && s->target > p->n_steps) || (s->kind >= HONE_STEP_LAUNCH && !p->n_targets) ||
            (s->kind == HONE_STEP_LAUNCH && (s->flags & HONE_STEP_DYNAMIC)))
            fail(c, HONE_ERR_FORMAT, "step %u is malformed: it points outside the plan", i);
        else if (!sides_ok(c, s))
            fail(c, HONE_ERR_FORMAT, "step %u uses values of the wrong side of the bus", i);
        else if (!arity_ok(c, s))
            fail(c, HONE_ERR_MISMATCH,
                 "step %u is operator \"%s\" with %u inputs and %u outputs: this library has none "
                 "such",
                 i, hone_plan_text(p, s->op), s->n_in, s->n_out);
    }
}

/* One name behind the other, as options write them; cut off where there are very many. */
static void name_targets(hone_plan *p)
{
    size_t length = 0;

    for (uint32_t i = 0; i < p->n_targets && length < sizeof p->target_names; i++) {
        const hone_plan_target *t = &p->targets[i];
        const bool is_ptx = t->n_launches && p->kernels[p->launches[t->first_launch].kernel].is_ptx;
        length +=
            (size_t)snprintf(p->target_names + length, sizeof p->target_names - length, "%s%s",
                             i ? " " : "", is_ptx ? "ptx" : hone_plan_text(p, t->name));
    }
}

hone_status hone_plan_parse(hone_bytes bytes, bool verify, hone_plan_reason reason, void *user,
                            hone_plan *out)
{
    check c = {.plan = out, .bytes = bytes, .reason = reason, .user = user};

    if (!check_header(&c) || !find_sections(&c, verify))
        return c.worst;
    out->bytes = bytes;
    if (!text_ok(&c, out->info->model) || !text_ok(&c, out->info->precision))
        fail(&c, HONE_ERR_FORMAT, "the info record has no texts");
    check_bindings(&c);
    check_extents(&c);
    check_values(&c);
    if (c.worst == HONE_OK) {
        check_binding_storage(&c);
        check_steps(&c);
    }
    if (c.worst == HONE_OK)
        check_kernels(&c);
    if (c.worst == HONE_OK)
        name_targets(out);
    return c.worst;
}

hone_status hone_plan_check(const void *data, size_t size,
                            void (*reason)(void *user, const char *text), void *user)
{
    hone_plan scratch = {.references = 1};

    return hone_plan_parse((hone_bytes){data, size}, true, reason, user, &scratch);
}
