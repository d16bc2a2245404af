/* Pointwise programs: building, checking, comparing, and the scalar functions by their definitions.
 * Building keeps one instruction for equal ones, so that common subexpressions are computed once;
 * ending drops what the answer does not need. No algebra is done here: that is the passes' work. */
#include "op/program.h"

#include <math.h>

#include "op/scalar_round.h"

const char *const hone_scalar_names[HONE_SCALAR_COUNT] = {
#define SCALAR(id, arity, expression) #id,
#include "op/scalar.def"
#undef SCALAR
};

const uint8_t hone_scalar_arity[HONE_SCALAR_COUNT] = {
#define SCALAR(id, arity, expression) arity,
#include "op/scalar.def"
#undef SCALAR
};

float hone_scalar_eval(hone_scalar op, float a, float b, float c, float v)
{
    switch (op) {
#define SCALAR(id, arity, expression)                                                              \
    case HONE_SCALAR_##id:                                                                         \
        return expression;
#include "op/scalar.def"
#undef SCALAR
    case HONE_SCALAR_COUNT: break;
    }
    return NAN;
}

void hone_program_begin(hone_program_builder *b, int n_in)
{
    b->n_in = n_in;
    b->n_instr = 0;
}

static bool instr_equal(const hone_instr *a, const hone_instr *b)
{
    return a->op == b->op && memcmp(a->arg, b->arg, sizeof a->arg) == 0 &&
           memcmp(&a->value, &b->value, sizeof a->value) ==
               0; /* by bits: -0 is not 0, a NaN is itself */
}

static int add_instr(hone_program_builder *b, const hone_instr *instr)
{
    for (int i = 0; i < b->n_instr; i++)
        if (instr_equal(&b->instr[i], instr))
            return b->n_in + i;
    if (b->n_instr == HONE_PROGRAM_INSTRS)
        return -1;
    b->instr[b->n_instr] = *instr;
    return b->n_in + b->n_instr++;
}

int hone_program_add(hone_program_builder *b, hone_scalar op, int a, int c, int d)
{
    const int args[3] = {a, c, d};
    hone_instr instr = {.op = (uint16_t)op};

    for (int i = 0; i < hone_scalar_arity[op]; i++) {
        if (args[i] < 0)
            return -1; /* an earlier one did not fit */
        instr.arg[i] = (uint16_t)args[i];
    }
    return add_instr(b, &instr);
}

int hone_program_constant(hone_program_builder *b, float value)
{
    const hone_instr instr = {.op = HONE_SCALAR_constant, .value = value};
    return add_instr(b, &instr);
}

int hone_program_inline(hone_program_builder *b, const hone_program *p, const int *args)
{
    int registers[HONE_PROGRAM_INPUTS + HONE_PROGRAM_INSTRS];
    int result = -1;

    for (int i = 0; i < p->n_in; i++)
        registers[i] = args[i];
    for (int i = 0; i < p->n_instr; i++) {
        hone_instr instr = p->instr[i];
        for (int k = 0; k < hone_scalar_arity[instr.op]; k++) {
            const int from = registers[p->instr[i].arg[k]];
            if (from < 0)
                return -1;
            instr.arg[k] = (uint16_t)from;
        }
        if (instr.op == HONE_SCALAR_copy)
            result = instr.arg[0];
        else
            result = add_instr(b, &instr);
        registers[p->n_in + i] = result;
    }
    return result;
}

/* Marks what register `result` needs; instructions come after their operands, so one walk backwards
 * is enough. */
static void mark_live(const hone_program_builder *b, int result, bool live[HONE_PROGRAM_INSTRS])
{
    for (int i = 0; i < b->n_instr; i++)
        live[i] = b->n_in + i == result;
    for (int i = b->n_instr - 1; i >= 0; i--)
        for (int k = 0; live[i] && k < hone_scalar_arity[b->instr[i].op]; k++)
            if (b->instr[i].arg[k] >= b->n_in)
                live[b->instr[i].arg[k] - b->n_in] = true;
}

const hone_program *hone_program_end(const hone_program_builder *b, hone_arena *arena, int result)
{
    bool live[HONE_PROGRAM_INSTRS];
    uint16_t renamed[HONE_PROGRAM_INPUTS + HONE_PROGRAM_INSTRS];
    hone_program *p = hone_arena_alloc(arena, sizeof *p);
    hone_instr *instr = hone_arena_array(arena, (size_t)b->n_instr + 1, sizeof *instr);

    p->n_in = b->n_in;
    p->instr = instr;
    mark_live(b, result, live);
    for (int i = 0; i < b->n_in; i++)
        renamed[i] = (uint16_t)i;
    for (int i = 0; i < b->n_instr; i++) {
        if (!live[i])
            continue;
        hone_instr *to = &instr[p->n_instr];
        *to = b->instr[i];
        for (int k = 0; k < hone_scalar_arity[to->op]; k++)
            to->arg[k] = renamed[b->instr[i].arg[k]];
        renamed[b->n_in + i] = (uint16_t)(b->n_in + p->n_instr++);
    }
    if (result < b->n_in) {
        instr[0] = (hone_instr){.op = HONE_SCALAR_copy, .arg = {(uint16_t)result}};
        p->n_instr = 1;
    }
    return p;
}

bool hone_program_is_valid(const hone_program *p)
{
    if (p->n_in < 0 || p->n_in > HONE_PROGRAM_INPUTS || p->n_instr < 1 ||
        p->n_instr > HONE_PROGRAM_INSTRS)
        return false;
    for (int i = 0; i < p->n_instr; i++) {
        const hone_instr *instr = &p->instr[i];
        if (instr->op >= HONE_SCALAR_COUNT)
            return false;
        for (int k = 0; k < 3; k++)
            if (k < hone_scalar_arity[instr->op] ? instr->arg[k] >= p->n_in + i
                                                 : instr->arg[k] != 0)
                return false;
    }
    return true;
}

bool hone_program_equal(const hone_program *a, const hone_program *b)
{
    if (a->n_in != b->n_in || a->n_instr != b->n_instr)
        return false;
    for (int i = 0; i < a->n_instr; i++)
        if (!instr_equal(&a->instr[i], &b->instr[i]))
            return false;
    return true;
}
