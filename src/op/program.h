/* A pointwise program: the body of a region, in SSA form over float32 registers. Registers 0 ..
 * n_in-1 are the inputs (converted to float32 when loaded: bool gives 0 or 1), register n_in + i is
 * the result of instruction i, and the last register is the answer (converted to the output's type
 * when stored; a bool output is x != 0). One list of scalar functions, scalar.def, is read by the
 * CPU's tile interpreter, by GPU emitters and by the tests.
 *
 * As an epilogue of a contraction, input 0 is the accumulator (bias already added) and the others
 * are further inputs of the node, each broadcast to the output. */
#ifndef HONE_OP_PROGRAM_H
#define HONE_OP_PROGRAM_H

#include "op/attrs.h"

typedef enum hone_scalar {
#define SCALAR(id, arity, expression) HONE_SCALAR_##id,
#include "op/scalar.def"
#undef SCALAR
    HONE_SCALAR_COUNT
} hone_scalar;

typedef struct hone_instr {
    uint16_t op;     /* hone_scalar */
    uint16_t arg[3]; /* registers; unused ones 0 */
    float value;     /* of constant */
} hone_instr;

#define HONE_PROGRAM_INPUTS 24 /* at most */
#define HONE_PROGRAM_INSTRS 96

typedef struct hone_program {
    int n_in;
    int n_instr; /* at least 1; `copy` where nothing is computed */
    const hone_instr *instr;
} hone_program;

extern const char *const hone_scalar_names[HONE_SCALAR_COUNT];
extern const uint8_t hone_scalar_arity[HONE_SCALAR_COUNT];

/* One scalar function in float32, by its definition (the reference for every vector version). */
float hone_scalar_eval(hone_scalar op, float a, float b, float c, float value);

/* Builds programs. Registers are numbered as above; adding an equal instruction twice gives the
 * first's register. */
typedef struct hone_program_builder {
    int n_in;
    int n_instr;
    hone_instr instr[HONE_PROGRAM_INSTRS];
} hone_program_builder;
void hone_program_begin(hone_program_builder *b, int n_in);
int hone_program_add(hone_program_builder *b, hone_scalar op, int a, int c,
                     int d); /* the register, or -1: full */
int hone_program_constant(hone_program_builder *b, float value);
/* Adds what a pointwise operator computes on float32, given the registers of its inputs (-1 for an
 * absent optional): the one place that knows that hard_swish is x * clip(x/6 + 0.5). Returns the
 * register, or -1 where the operator has no float32 body (bit operations) or the program is full.
 */
int hone_program_add_op(hone_program_builder *b, int op, const hone_attrs *attrs, const int *args,
                        int n_args);
/* Inlines a program: args[i] is the register for its input i. */
int hone_program_inline(hone_program_builder *b, const hone_program *p, const int *args);
/* A copy in the arena whose answer is register `result` (dead instructions dropped). */
const hone_program *hone_program_end(const hone_program_builder *b, hone_arena *arena, int result);

bool hone_program_is_valid(const hone_program *p);
bool hone_program_equal(const hone_program *a, const hone_program *b);
/* "(x0, x1) { r2 = add x0 x1; r3 = relu r2 }" and back. */
void hone_program_print(const hone_program *p, hone_text *text);
bool hone_program_parse(hone_arena *arena, const char **text, const hone_program **out);

#endif
