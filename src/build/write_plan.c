/* The plan's bytes. Sizes are known before anything is written, so weights go straight to their
 * place: there is one copy of them in memory, packed where a kernel wants it. */
#include "build/write.h"

/* Registered with the arena: whatever way a build ends, its texts and its unfinished plan go. */
static void fini(void *thing)
{
    hone_emitter *e = thing;

    for (int i = 0; i < HONE_SECTION_COUNT; i++)
        hone_text_fini(&e->sections[i]);
    hone_free(e->options->allocator, e->data, e->size);
}

void hone_put(hone_emitter *e, hone_section_kind kind, const void *data, size_t size)
{
    hone_text_add_bytes(&e->sections[kind], data, size);
}

static uint32_t *find_text(hone_emitter *e, const char *text)
{
    uint32_t at = (uint32_t)hone_hash(text, strlen(text), 0) & (e->text_room - 1);

    while (e->text_table[at] &&
           strcmp(e->sections[HONE_SECTION_TEXT].data + e->text_table[at], text) != 0)
        at = (at + 1) & (e->text_room - 1);
    return &e->text_table[at];
}

/* The reference of a text; equal texts are one. */
uint32_t hone_put_text(hone_emitter *e, const char *text)
{
    hone_text *t = &e->sections[HONE_SECTION_TEXT];

    if (!text || !*text)
        return 0;
    uint32_t *slot = find_text(e, text);
    if (!*slot) {
        *slot = (uint32_t)t->size;
        hone_text_add_bytes(t, text, strlen(text) + 1);
    }
    return *slot;
}

static void begin_texts(hone_emitter *e)
{
    const int n_kernels = e->low->gpu ? e->low->gpu->kernels.n : 0;
    const uint32_t wanted = (uint32_t)(4 * (e->low->values.n + e->low->steps.n + HONE_OP_COUNT +
                                            2 * n_kernels + 64 + 2 * e->low->module->properties.n +
                                            hone_extents_count(e->low->module->extents)));

    for (e->text_room = 1024; e->text_room < wanted; e->text_room *= 2)
        ;
    e->text_table = hone_arena_array(e->low->arena, e->text_room, sizeof *e->text_table);
    hone_put(e, HONE_SECTION_TEXT, "", 1);
}

/* A symbol's best value where no profile names it: the attached picture's. */
static int64_t usual(const hone_extent_node *symbol)
{
    static const struct {
        const char *name;
        int64_t value;
    } known[] = {{"picture.bytes", 262144}, {"frame.height", 1080}, {"frame.width", 1920}};

    for (int i = 0; i < HONE_COUNT(known); i++)
        if (strcmp(symbol->name, known[i].name) == 0)
            return HONE_MAX(symbol->min, HONE_MIN(symbol->max, known[i].value));
    return symbol->min;
}

/* ---- the shape program ----------------------------------------------------------------------- */

static void emit_extents(hone_emitter *e)
{
    const hone_extents *table = e->low->module->extents;
    const int n = hone_extents_count(table);

    e->opt = hone_arena_array(e->low->arena, (size_t)n + 1, sizeof *e->opt);
    for (int i = 0; i < n; i++) {
        const hone_extent_node *node = hone_extents_node(table, i);
        if (node->kind == HONE_EXTENT_SYMBOL)
            e->opt[i] = node->from_data ? HONE_EXTENT_UNKNOWN
                                        : hone_profile_opt(e->profile, node->name, usual(node));
        else
            e->opt[i] = hone_extent_node_value(node, e->opt);
        const hone_plan_extent record = {
            .kind = node->kind,
            .name = hone_put_text(e, node->name),
            .a = node->a,
            .b = node->b,
            .min = node->min,
            .opt = e->opt[i],
            .max = node->max,
            .from_data = node->from_data,
        };
        hone_put(e, HONE_SECTION_EXTENTS, &record, sizeof record);
    }
}

/* ---- weights, first their places ------------------------------------------------------------- */

/* A constant of strings is a table of (offset from its start, size) and then the bytes. */
static size_t strings_size(const hone_constant *c)
{
    const hone_string *v = c->data;
    size_t size = c->size;

    for (size_t i = 0; i < c->size / sizeof *v; i++)
        size += v[i].size;
    return size;
}

static void write_strings(const hone_constant *c, uint8_t *to)
{
    const hone_string *v = c->data;
    uint64_t at = c->size;

    for (size_t i = 0; i < c->size / sizeof *v; i++) {
        const uint64_t entry[2] = {at, v[i].size};
        memcpy(to + i * sizeof entry, entry, sizeof entry);
        if (v[i].size)
            memcpy(to + at, v[i].data, v[i].size);
        at += v[i].size;
    }
}

static hone_status constant_bytes(const hone_low_value *v, size_t *out)
{
    hone_dims dims;

    if (v->pack_step >= 0 || v->packing) {
        *out = v->room;
        return HONE_OK;
    }
    if (v->type.dtype == HONE_STRING && v->constant->is_splat)
        return hone_error(HONE_ERR_UNSUPPORTED,
                          "storing \"%s\": repeated strings are not supported yet", v->name);
    if (v->type.dtype == HONE_STRING)
        *out = strings_size(v->constant);
    else if (!hone_shape_dims(&v->type.shape, &dims) || !hone_dims_size(v->type.dtype, &dims, out))
        return hone_error(HONE_ERR_LIMIT, "storing \"%s\": its size overflows", v->name);
    return HONE_OK;
}

/* The device's come first, so that one copy brings them there. */
static hone_status place_weights(hone_emitter *e)
{
    const size_t n = (size_t)e->low->values.n + 1;

    e->weight_at = hone_arena_array(e->low->arena, n, sizeof *e->weight_at);
    e->weight_size = hone_arena_array(e->low->arena, n, sizeof *e->weight_size);
    for (int on_device = 1; on_device >= 0; on_device--) {
        for (int i = 0; i < e->low->values.n; i++) {
            const hone_low_value *v = &e->low->values.v[i];
            if (v->storage != HONE_STORAGE_CONST || v->on_device != on_device)
                continue;
            size_t size;
            HONE_TRY(constant_bytes(v, &size));
            e->weight_at[i] = e->weight_bytes;
            e->weight_size[i] = size;
            e->weight_bytes += hone_align_up(size, HONE_ALIGNMENT);
        }
        if (on_device)
            e->device_weight_bytes = e->weight_bytes;
    }
    return HONE_OK;
}

/* ---- values, steps, bindings ----------------------------------------------------------------- */

static void emit_values(hone_emitter *e)
{
    for (int i = 0; i < e->low->values.n; i++) {
        const hone_low_value *v = &e->low->values.v[i];
        hone_plan_value record = {
            .name = hone_put_text(e, v->name),
            .kind = (uint8_t)v->type.kind,
            .dtype = (uint8_t)v->type.dtype,
            .rank = (int8_t)v->type.shape.rank,
            .storage = (uint8_t)v->storage,
            .room = v->room,
            .flags = (v->pack_step >= 0 || v->packing ? HONE_VALUE_PACKED : 0) |
                     (v->on_device ? HONE_VALUE_DEVICE : 0),
        };
        for (int k = 0; k < v->type.shape.rank; k++)
            record.dim[k] = v->type.shape.dim[k];
        switch (v->storage) {
        case HONE_STORAGE_CONST:
            record.offset = e->weight_at[i];
            record.room = e->weight_size[i];
            break;
        case HONE_STORAGE_INPUT:
        case HONE_STORAGE_OUTPUT: record.offset = (uint64_t)v->binding; break;
        case HONE_STORAGE_ALIAS: record.offset = (uint64_t)v->root; break;
        default: record.offset = v->offset; break;
        }
        hone_put(e, HONE_SECTION_VALUES, &record, sizeof record);
    }
}

static void emit_refs(hone_emitter *e, const int *values, int n)
{
    for (int i = 0; i < n; i++) {
        const uint32_t ref = values[i] < 0 ? HONE_REF_ABSENT : (uint32_t)values[i];
        hone_put(e, HONE_SECTION_REFS, &ref, sizeof ref);
    }
}

static void emit_steps(hone_emitter *e)
{
    for (int i = 0; i < e->low->steps.n; i++) {
        const hone_low_step *s = &e->low->steps.v[i];
        hone_plan_step_record record = {
            .kind = (uint16_t)s->kind,
            .flags = s->is_dynamic ? HONE_STEP_DYNAMIC : 0,
            .n_in = (uint16_t)s->n_in,
            .n_out = (uint16_t)s->n_out,
            .op = s->op == HONE_OP_none ? 0 : hone_put_text(e, hone_ops[s->op].name),
            .name = hone_put_text(e, s->name),
            .first_ref = (uint32_t)(e->sections[HONE_SECTION_REFS].size / sizeof(uint32_t)),
            .target = s->target < 0 ? 0 : (uint32_t)s->target,
            .attrs = (uint32_t)e->sections[HONE_SECTION_ATTRS].size,
            .scratch = s->scratch,
            .flop = s->flop,
            .bytes = s->bytes,
        };
        if (s->op != HONE_OP_none)
            hone_attrs_encode(s->op, s->attrs, &e->sections[HONE_SECTION_ATTRS]);
        record.attrs_size = (uint32_t)e->sections[HONE_SECTION_ATTRS].size - record.attrs;
        emit_refs(e, s->in, s->n_in);
        emit_refs(e, s->out, s->n_out);
        hone_put(e, HONE_SECTION_STEPS, &record, sizeof record);
        if (s->kind == HONE_STEP_LAUNCH)
            hone_emit_tuning(e, i);
        if (s->kind == HONE_STEP_KERNEL)
            hone_text_add(&e->sections[HONE_SECTION_TUNING], "step %d %s cpu%s\n", i,
                          hone_ops[s->op].name,
                          s->n_in > 1 && s->in[1] >= 0 && e->low->values.v[s->in[1]].pack_step >= 0
                              ? " packed"
                              : "");
    }
}

static void emit_bindings(hone_emitter *e)
{
    const hone_extents *table = e->low->module->extents;

    for (int i = 0; i < e->low->bindings.n; i++) {
        const hone_low_value *v = &e->low->values.v[e->low->bindings.v[i]];
        hone_plan_binding_record record = {.value = (uint32_t)e->low->bindings.v[i],
                                           .is_input = i < e->low->n_inputs};
        for (int k = 0; k < v->type.shape.rank; k++) {
            const hone_extent extent = v->type.shape.dim[k];
            const int64_t upper = hone_extent_upper(table, extent);
            const int64_t opt = hone_extent_value(extent, e->opt);
            record.min[k] = hone_extent_lower(table, extent);
            record.max[k] = upper >= HONE_EXTENT_INF ? -1 : upper;
            record.opt[k] = opt == HONE_EXTENT_UNKNOWN ? -1 : opt;
        }
        hone_put(e, HONE_SECTION_BINDINGS, &record, sizeof record);
    }
}

/* The lowest precision that the plan computes in, whether an option or the graph asked for it. */
static const char *precision_of(const hone_emitter *e)
{
    const hone_lowered *low = e->low;

    if (!low->gpu)
        return "fp32";
    for (int i = 0; i < low->values.n; i++) {
        const hone_low_value *v = &low->values.v[i];
        if (v->on_device && v->type.dtype == HONE_F16)
            return "fp16";
        if (v->on_device && v->type.dtype == HONE_BF16)
            return "bf16";
    }
    return low->gpu->targets[0].facts.allows_tf32 ? "tf32" : "fp32";
}

static void emit_info(hone_emitter *e)
{
    const hone_plan_info_record record = {
        .model = hone_put_text(e, e->low->module->main->name),
        .precision = hone_put_text(e, precision_of(e)),
        .weight_bytes = e->weight_bytes,
        .arena_bytes = e->low->arena_bytes,
        .live_bytes = e->low->live_bytes,
        .scratch_bytes = e->low->scratch_bytes,
        .flags = e->low->is_bounded ? 0 : HONE_PLAN_UNBOUNDED,
        .device_weight_bytes = e->device_weight_bytes,
        .device_arena_bytes = e->low->device_arena_bytes,
        .ticket_bytes = e->low->gpu ? e->low->gpu->ticket_bytes : 0,
    };

    hone_put(e, HONE_SECTION_INFO, &record, sizeof record);
    for (int i = 0; i < e->low->module->properties.n; i++) {
        const hone_property *p = &e->low->module->properties.v[i];
        const uint32_t refs[2] = {hone_put_text(e, p->key), hone_put_text(e, p->value)};
        hone_put(e, HONE_SECTION_PROPERTIES, refs, sizeof refs);
    }
}

/* ---- the whole ------------------------------------------------------------------------------- */

static hone_status write_constant(const hone_emitter *e, const hone_low_value *v, uint8_t *to)
{
    const void *dense = NULL;
    void *copy = NULL;
    size_t copy_size = 0, size;
    hone_dims dims;

    const bool is_packed = v->pack_step >= 0 || v->packing;

    if (!is_packed && v->constant->is_splat) {
        hone_shape_dims(&v->type.shape, &dims);
        hone_dims_size(v->type.dtype, &dims, &size);
        for (size_t at = 0; at < size; at += v->constant->size)
            memcpy(to + at, v->constant->data, HONE_MIN(v->constant->size, size - at));
        return HONE_OK;
    }
    if (v->type.dtype == HONE_STRING) {
        write_strings(v->constant, to);
        return HONE_OK;
    }
    if (!is_packed) {
        memcpy(to, v->constant->data, v->constant->size);
        return HONE_OK;
    }
    HONE_TRY(hone_constant_dense(v, &dense, &copy, &copy_size));
    if (v->packing) {
        hone_gpu_pack_into(v->packing, v->type.dtype, dense, to);
        hone_free(NULL, copy, copy_size);
        return HONE_OK;
    }
    const hone_low_step *s = &e->low->steps.v[v->pack_step];
    const size_t n = (size_t)(s->n_in + s->n_out) + 1;
    hone_tensor *tensors = hone_arena_array(e->low->arena, n, sizeof *tensors);
    hone_tensor **pointers = hone_arena_array(e->low->arena, n, sizeof *pointers);
    hone_cpu_call call;
    hone_low_call(e->low, s, &call, tensors, pointers, NULL);
    tensors[1].data = (void *)dense;
    hone_cpu_kernel_of(s->op)->pack(&call, to);
    hone_free(NULL, copy, copy_size);
    return HONE_OK;
}

/* Tails between constants and sections are zero: the same model gives the same bytes. */
static void clear_tail(uint8_t *data, uint64_t end)
{
    memset(data + end, 0, hone_align_up(end, HONE_PLAN_ALIGN) - end);
}

static hone_status write_weights(const hone_emitter *e, uint8_t *weights)
{
    for (int i = 0; i < e->low->values.n; i++) {
        const hone_low_value *v = &e->low->values.v[i];
        if (v->storage != HONE_STORAGE_CONST)
            continue;
        HONE_TRY(hone_progress_report(e->options->progress, "pack", i, e->low->values.n));
        HONE_TRY(write_constant(e, v, weights + e->weight_at[i]));
        clear_tail(weights, e->weight_at[i] + e->weight_size[i]);
    }
    return HONE_OK;
}

static hone_status lay_out(hone_emitter *e, hone_plan_section *table)
{
    size_t size = hone_align_up(sizeof(hone_plan_header) + HONE_SECTION_COUNT * sizeof *table,
                                HONE_PLAN_ALIGN);

    for (int i = 0; i < HONE_SECTION_COUNT; i++) {
        HONE_TRY(hone_text_status(&e->sections[i]));
        table[i].kind = (uint32_t)i;
        table[i].offset = size;
        table[i].size = i == HONE_SECTION_WEIGHTS ? e->weight_bytes : e->sections[i].size;
        if (!hone_size_add(size, hone_align_up(table[i].size, HONE_PLAN_ALIGN), &size))
            return hone_error(HONE_ERR_LIMIT, "writing the plan: its size overflows");
    }
    e->size = size;
    return hone_alloc_aligned(e->options->allocator, size, HONE_PLAN_ALIGN, (void **)&e->data);
}

static hone_status assemble(hone_emitter *e)
{
    hone_plan_section table[HONE_SECTION_COUNT] = {0};

    HONE_TRY(lay_out(e, table));
    clear_tail(e->data, sizeof(hone_plan_header) + sizeof table);
    for (int i = 0; i < HONE_SECTION_COUNT; i++) {
        if (i == HONE_SECTION_WEIGHTS)
            HONE_TRY(write_weights(e, e->data + table[i].offset));
        else if (e->sections[i].size)
            memcpy(e->data + table[i].offset, e->sections[i].data, e->sections[i].size);
        clear_tail(e->data, table[i].offset + table[i].size);
        table[i].checksum = hone_hash(e->data + table[i].offset, table[i].size, 0);
    }
    hone_plan_header header = {.version = HONE_PLAN_VERSION,
                               .n_sections = HONE_SECTION_COUNT,
                               .size = e->size,
                               .checksum = hone_hash(table, sizeof table, 0),

                               .producer = "hone " HONE_VERSION};
    memcpy(header.magic, HONE_PLAN_MAGIC, sizeof header.magic);
    memcpy(header.device, e->low->gpu ? "cuda" : "cpu", e->low->gpu ? 4 : 3);
    memcpy(e->data, &header, sizeof header);
    memcpy(e->data + sizeof header, table, sizeof table);
    return HONE_OK;
}

hone_status hone_write_plan(const hone_lowered *low, const hone_profile *profile,
                            const hone_build_options *options, void **data, size_t *size)
{
    hone_emitter *e = hone_arena_alloc(low->arena, sizeof *e);

    *e = (hone_emitter){.low = low, .profile = profile, .options = options};
    for (int i = 0; i < HONE_SECTION_COUNT; i++)
        hone_text_init(&e->sections[i], options->allocator);
    hone_arena_defer(low->arena, fini, e);
    begin_texts(e);
    HONE_TRY(place_weights(e));
    emit_extents(e);
    emit_values(e);
    emit_steps(e);
    emit_bindings(e);
    emit_info(e);
    if (low->gpu)
        hone_emit_gpu(e);
    HONE_TRY(assemble(e));
    *data = e->data;
    *size = e->size;
    e->data = NULL; /* now the caller's */
    return HONE_OK;
}
