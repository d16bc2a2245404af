/* Programs as text: "(x0, x1) { r2 = add x0 x1; r3 = constant 0.5; r4 = mul r2 r3 }". Registers of
 * inputs are x, of instructions r, with one numbering. A program that parses is valid. */
#include "op/program.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>

static void print_register(const hone_program *p, int index, hone_text *text)
{
    hone_text_add(text, "%c%d", index < p->n_in ? 'x' : 'r', index);
}

/* As many digits as bring the same bits back; a NaN loses its payload. */
static void print_value(float x, hone_text *text)
{
    char digits[32];

    for (int precision = 6; precision <= 9; precision++) {
        snprintf(digits, sizeof digits, "%.*g", precision, (double)x);
        if (strtof(digits, NULL) == x)
            break;
    }
    hone_text_add(text, " %s", isnan(x) ? "nan" : digits);
}

void hone_program_print(const hone_program *p, hone_text *text)
{
    hone_text_add(text, "(");
    for (int i = 0; i < p->n_in; i++)
        hone_text_add(text, "%sx%d", i ? ", " : "", i);
    hone_text_add(text, ") {");
    for (int i = 0; i < p->n_instr; i++) {
        const hone_instr *instr = &p->instr[i];
        hone_text_add(text, "%s r%d = %s", i ? ";" : "", p->n_in + i, hone_scalar_names[instr->op]);
        for (int k = 0; k < hone_scalar_arity[instr->op]; k++) {
            hone_text_add(text, " ");
            print_register(p, instr->arg[k], text);
        }
        if (instr->op == HONE_SCALAR_constant)
            print_value(instr->value, text);
    }
    hone_text_add(text, " }");
}

static void skip_space(const char **at)
{
    *at += strspn(*at, " \t\n");
}

static bool take(const char **at, char c)
{
    skip_space(at);
    if (**at != c)
        return false;
    ++*at;
    return true;
}

/* "x3" or "r3", whichever stands for register `index` or, with index -1, any. */
static bool parse_register(const char **at, int n_in, int index, uint16_t *out)
{
    char *end;

    skip_space(at);
    if ((**at != 'x' && **at != 'r') || (*at)[1] < '0' || (*at)[1] > '9')
        return false;
    const long n = strtol(*at + 1, &end, 10);
    if (n < 0 || n >= HONE_PROGRAM_INPUTS + HONE_PROGRAM_INSTRS || (n < n_in) != (**at == 'x') ||
        (index >= 0 && n != index))
        return false;
    *at = end;
    *out = (uint16_t)n;
    return true;
}

static bool parse_scalar(const char **at, uint16_t *out)
{
    skip_space(at);
    const size_t size = strspn(*at, "abcdefghijklmnopqrstuvwxyz0123456789_");

    for (int i = 0; i < HONE_SCALAR_COUNT; i++) {
        if (strlen(hone_scalar_names[i]) != size || memcmp(hone_scalar_names[i], *at, size) != 0)
            continue;
        *at += size;
        *out = (uint16_t)i;
        return true;
    }
    return false;
}

static bool parse_instr(const char **at, int n_in, int index, hone_instr *out)
{
    uint16_t result;
    char *end;

    if (!parse_register(at, n_in, index, &result) || !take(at, '=') || !parse_scalar(at, &out->op))
        return false;
    for (int k = 0; k < hone_scalar_arity[out->op]; k++)
        if (!parse_register(at, n_in, -1, &out->arg[k]))
            return false;
    if (out->op != HONE_SCALAR_constant)
        return true;
    skip_space(at);
    out->value = strtof(*at, &end);
    const bool fine = end != *at;
    *at = end;
    return fine;
}

static bool parse_inputs(const char **at, int *n_in)
{
    uint16_t result;

    *n_in = 0;
    if (!take(at, '('))
        return false;
    while (!take(at, ')')) {
        if (*n_in == HONE_PROGRAM_INPUTS || (*n_in && !take(at, ',')) ||
            !parse_register(at, *n_in + 1, *n_in, &result))
            return false;
        ++*n_in;
    }
    return take(at, '{');
}

bool hone_program_parse(hone_arena *arena, const char **text, const hone_program **out)
{
    hone_instr instr[HONE_PROGRAM_INSTRS] = {{0}};
    hone_program p = {.instr = instr};

    if (!parse_inputs(text, &p.n_in))
        return false;
    do {
        if (p.n_instr == HONE_PROGRAM_INSTRS ||
            !parse_instr(text, p.n_in, p.n_in + p.n_instr, &instr[p.n_instr]))
            return false;
        p.n_instr++;
    } while (take(text, ';'));
    if (!take(text, '}') || !hone_program_is_valid(&p))
        return false;
    p.instr = hone_arena_copy(arena, instr, (size_t)p.n_instr * sizeof *instr);
    *out = hone_arena_copy(arena, &p, sizeof p);
    return true;
}
