/* Emits pointwise programs: one expression an instruction, in the words of scalar.def, and an index
 * map of constants. Together with the index maps this is the only text that is made; loops, loads
 * and stores are in the kernels and the prelude. */
#include "gpu/region.h"

#include <math.h>
#include <string.h>

static const char *const expressions[HONE_SCALAR_COUNT] = {
#define SCALAR(id, arity, expression) #expression,
#include "op/scalar.def"
#undef SCALAR
};

/* In the prelude's words, where the result has 16 bits. */
static const struct {
    int op;
    const char *expression;
} coarse[] = {
    {HONE_SCALAR_reciprocal, "coarse_reciprocal(a)"},
    {HONE_SCALAR_exp, "coarse_exp(a)"},
    {HONE_SCALAR_erf, "coarse_erf(a)"},
    {HONE_SCALAR_tanh, "coarse_tanh(a)"},
    {HONE_SCALAR_sigmoid, "coarse_sigmoid(a)"},
};

static const char *expression_of(int op, bool is_coarse)
{
    for (int i = 0; is_coarse && i < HONE_COUNT(coarse); i++)
        if (coarse[i].op == op)
            return coarse[i].expression;
    return expressions[op];
}

/* ---- packs ---- */

static bool is_contiguous(const hone_gpu_map *map, int k)
{
    return map->stride[k][map->rank - 1] == 1;
}

/* Whether packs of v begin at multiples of v in every operand that is read in packs. */
static bool pack_fits(const hone_gpu_map *map, int v)
{
    if (map->dim[map->rank - 1] % v)
        return false;
    for (int k = 0; k < map->n; k++)
        for (int d = 0; d < map->rank - 1; d++)
            if (is_contiguous(map, k) && map->stride[k][d] % v)
                return false;
    return true;
}

int hone_gpu_region_pack(const hone_gpu_region *region, hone_gpu_map *map)
{
    int bits = hone_dtype_bits(region->out), v;

    if (!hone_gpu_type(region->out))
        return 0;
    hone_gpu_map_init(map, region->dims);
    for (int k = 0; k < region->n_in; k++) {
        if (!hone_gpu_type(region->in[k]->dtype) ||
            !hone_gpu_map_broadcast(map, &region->in[k]->shape))
            return 0;
        bits = HONE_MIN(bits, hone_dtype_bits(region->in[k]->dtype));
    }
    hone_gpu_map_collapse(map);
    for (v = HONE_MIN(128 / bits, 8); v > 1 && !pack_fits(map, v); v /= 2)
        ;
    return v;
}

/* ---- the program ---- */

static void emit_scalars(hone_text *t, const hone_program *p, bool is_coarse)
{
    static const char *const params[] = {"float v", "float a", "float a, float b",
                                         "float a, float b, float c"};
    bool is_used[HONE_SCALAR_COUNT] = {false};

    for (int i = 0; i < p->n_instr; i++)
        is_used[p->instr[i].op] = true;
    if (is_used[HONE_SCALAR_to_f16])
        hone_text_add(t, "__device__ inline float hone_scalar_round_f16(float a)\n"
                         "{\n    return rounded<f16>(a);\n}\n");
    if (is_used[HONE_SCALAR_to_bf16])
        hone_text_add(t, "__device__ inline float hone_scalar_round_bf16(float a)\n"
                         "{\n    return rounded<bf16>(a);\n}\n");
    for (int op = 0; op < HONE_SCALAR_COUNT; op++)
        if (is_used[op])
            hone_text_add(t, "__device__ inline float scalar_%s(%s)\n{\n    return %s;\n}\n",
                          hone_scalar_names[op], params[hone_scalar_arity[op]],
                          expression_of(op, is_coarse));
}

static void emit_register(hone_text *t, const hone_program *p, int r)
{
    hone_text_add(t, "%c%d", r < p->n_in ? 'x' : 'r', r);
}

static void emit_value(hone_text *t, float value)
{
    uint32_t bits;

    memcpy(&bits, &value, sizeof bits);
    if (isfinite(value))
        hone_text_add(t, "(float)%.9g", (double)value);
    else
        hone_text_add(t, "__int_as_float(0x%08x)", bits);
}

void hone_gpu_program_emit(hone_candidate *c, const hone_program *p, const char *name, int n_params)
{
    hone_text *t = &c->knobs;

    emit_scalars(t, p, c->is_coarse);
    hone_text_add(t, "__device__ inline float %s(", name);
    for (int k = 0; k < n_params; k++)
        hone_text_add(t, "%sfloat x%d", k ? ", " : "", k);
    hone_text_add(t, ")\n{\n");
    for (int i = 0; i < p->n_instr; i++) {
        const hone_instr *in = &p->instr[i];
        const int arity = hone_scalar_arity[in->op];
        hone_text_add(t, "    const float r%d = scalar_%s(", p->n_in + i,
                      hone_scalar_names[in->op]);
        if (arity == 0)
            emit_value(t, in->value);
        for (int k = 0; k < arity; k++) {
            hone_text_add(t, "%s", k ? ", " : "");
            emit_register(t, p, in->arg[k]);
        }
        hone_text_add(t, ");\n");
    }
    hone_text_add(t, "    return r%d;\n}\n", p->n_in + p->n_instr - 1);
}

/* ---- the index map ---- */

static void emit_inputs(hone_text *t, const hone_gpu_region *region)
{
    hone_text_add(t, "struct region_inputs {\n");
    for (int k = 0; k < region->n_in; k++)
        hone_text_add(t, "    const %s *p%d;\n", hone_gpu_type(region->in[k]->dtype), k);
    if (region->n_in == 0)
        hone_text_add(t, "    u64 none;\n");
    hone_text_add(t, "};\n");
}

/* i0, i1, ...: the indices of pack `at`; the innermost counts packs. */
static void emit_indices(hone_text *t, const hone_gpu_map *map, int v)
{
    for (int d = map->rank - 1; d > 0; d--) {
        const long long n = (long long)(d == map->rank - 1 ? map->dim[d] / v : map->dim[d]);
        hone_text_add(t, "    const index_t i%d = at %% %lld;\n    at /= %lld;\n", d, n, n);
    }
    hone_text_add(t, "    const index_t i0 = at;\n");
}

static void emit_load(hone_text *t, const hone_gpu_map *map, int k, int x, int v)
{
    const int last = map->rank - 1;

    hone_text_add(t, "    float x%d[V];\n    load_pack<V, %lld>(x%d, in.p%d", x,
                  (long long)map->stride[k + 1][last], x, k);
    for (int d = 0; d < map->rank; d++) {
        const long long s = (long long)map->stride[k + 1][d] * (d == last ? v : 1);
        if (s)
            hone_text_add(t, " + i%d * (index_t)%lld", d, s);
    }
    hone_text_add(t, ");\n");
}

static void emit_body(hone_text *t, const hone_gpu_region *region, const hone_gpu_map *map, int v)
{
    const int first = region->has_accumulator ? 1 : 0;

    hone_text_add(t, "__device__ inline void region_at(const region_inputs &in, index_t at, "
                     "float (&y)[V])\n{\n");
    emit_indices(t, map, v);
    for (int k = 0; k < region->n_in; k++)
        emit_load(t, map, k, k + first, v);
    hone_text_add(t, "#pragma unroll\n    for (int v = 0; v < V; v++)\n        y[v] = program(");
    for (int k = 0; k < region->program->n_in; k++)
        if (k == 0 && region->has_accumulator)
            hone_text_add(t, "y[v]");
        else
            hone_text_add(t, "%sx%d[v]", k ? ", " : "", k);
    hone_text_add(t, ");\n}\n");
}

void hone_gpu_region_emit(hone_candidate *c, const hone_gpu_region *region, const hone_gpu_map *map,
                          int v)
{
    c->is_coarse = hone_gpu_is_coarse(region->out);
    hone_knob_index(c, hone_gpu_map_count(map));
    emit_inputs(&c->knobs, region);
    hone_gpu_program_emit(c, region->program, "program", region->program->n_in);
    emit_body(&c->knobs, region, map, v);
}

void hone_gpu_region_args(hone_candidate *c, const hone_gpu_region *region)
{
    for (int k = 0; k < region->n_in; k++) {
        hone_candidate_in(c, region->arg[k]);
        c->args[c->n_args - 1].is_joined = k > 0;
    }
    if (region->n_in == 0)
        hone_candidate_number(c, 0);
}
