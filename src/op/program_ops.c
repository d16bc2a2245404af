/* What each pointwise operator computes on float32, in scalar functions: one row of the table and
 * one expression each. Operators on bits and strings have none. The formulas are ONNX's
 * definitions. */
#include "op/program.h"

#include <math.h>

#include "op/op.h"

/* What an expression sees: the builder, the attributes, the registers of its inputs. */
typedef struct body {
    hone_program_builder *b;
    const hone_attrs *attrs;
    const int *in;
    int n_in;
} body;

#define UNARY(id)                                                                                  \
    static int op_##id(body *t, int x)                                                             \
    {                                                                                              \
        return hone_program_add(t->b, HONE_SCALAR_##id, x, 0, 0);                                  \
    }
#define BINARY(id)                                                                                 \
    static int op_##id(body *t, int x, int y)                                                      \
    {                                                                                              \
        return hone_program_add(t->b, HONE_SCALAR_##id, x, y, 0);                                  \
    }

UNARY(abs)
UNARY(exp)
UNARY(erf)
UNARY(tanh)
UNARY(sigmoid)
UNARY(softplus)
UNARY(not )
UNARY(trunc)
BINARY(add)
BINARY(sub)
BINARY(mul)
BINARY(div)
BINARY(min)
BINARY(max)
BINARY(less)
BINARY(equal)
BINARY(fmod)
BINARY(and)
BINARY(xor)

static int number(body *t, float x)
{
    return hone_program_constant(t->b, x);
}

static int choose(body *t, int condition, int yes, int no)
{
    return hone_program_add(t->b, HONE_SCALAR_select, condition, yes, no);
}

/* x * k + c */
static int line(body *t, int x, float k, float c)
{
    return op_add(t, op_mul(t, x, number(t, k)), number(t, c));
}

/* The operators with a body of more than one function. */

static int celu(body *t)
{
    const int x = t->in[0], zero = number(t, 0.0f), alpha = number(t, t->attrs->celu.alpha);
    const int curve = op_mul(t, alpha, op_sub(t, op_exp(t, op_div(t, x, alpha)), number(t, 1.0f)));
    return op_add(t, op_max(t, x, zero), op_min(t, curve, zero));
}

static int elu(body *t)
{
    const int x = t->in[0];
    const int curve =
        op_mul(t, op_sub(t, op_exp(t, x), number(t, 1.0f)), number(t, t->attrs->elu.alpha));
    return choose(t, op_less(t, x, number(t, 0.0f)), curve, x);
}

static int gelu(body *t)
{
    const int x = t->in[0];
    int inner;

    if (t->attrs->gelu.approximate) {
        const int square = op_mul(t, x, x);
        inner = op_tanh(
            t, op_mul(t, op_mul(t, x, line(t, square, 0.044715f, 1.0f)), number(t, 0.7978845608f)));
    } else {
        inner = op_erf(t, op_mul(t, x, number(t, 0.7071067812f)));
    }
    return op_mul(t, op_mul(t, x, number(t, 0.5f)), op_add(t, inner, number(t, 1.0f)));
}

/* min(max(k * x + c, 0), 1) */
static int ramp(body *t, float k, float c)
{
    return op_min(t, op_max(t, line(t, t->in[0], k, c), number(t, 0.0f)), number(t, 1.0f));
}

static int hard_sigmoid(body *t)
{
    return ramp(t, t->attrs->hard_sigmoid.alpha, t->attrs->hard_sigmoid.beta);
}

static int hard_swish(body *t)
{
    return op_mul(t, t->in[0], ramp(t, 1.0f / 6.0f, 0.5f));
}

static int leaky_relu(body *t)
{
    const int x = t->in[0];
    return choose(t, op_less(t, x, number(t, 0.0f)),
                  op_mul(t, x, number(t, t->attrs->leaky_relu.alpha)), x);
}

static int mish(body *t)
{
    return op_mul(t, t->in[0], op_tanh(t, op_softplus(t, t->in[0])));
}

static int selu(body *t)
{
    const int x = t->in[0], alpha = number(t, t->attrs->selu.alpha);
    const int curve = op_sub(t, op_mul(t, alpha, op_exp(t, x)), alpha);
    return op_mul(t, choose(t, op_less(t, number(t, 0.0f), x), x, curve),
                  number(t, t->attrs->selu.gamma));
}

static int shrink(body *t)
{
    const int x = t->in[0], bias = number(t, t->attrs->shrink.bias);
    const int below = op_less(t, x, number(t, -t->attrs->shrink.lambd));
    const int above = op_less(t, number(t, t->attrs->shrink.lambd), x);
    return choose(t, below, op_add(t, x, bias),
                  choose(t, above, op_sub(t, x, bias), number(t, 0.0f)));
}

static int softsign(body *t)
{
    return op_div(t, t->in[0], op_add(t, op_abs(t, t->in[0]), number(t, 1.0f)));
}

static int swish(body *t)
{
    const int x = t->in[0];
    const float alpha = t->attrs->swish.alpha;
    return op_mul(t, x, op_sigmoid(t, alpha == 1.0f ? x : op_mul(t, x, number(t, alpha))));
}

static int thresholded_relu(body *t)
{
    const int x = t->in[0];
    const int above = op_less(t, number(t, t->attrs->thresholded_relu.alpha), x);
    return choose(t, above, x, number(t, 0.0f));
}

static int is_inf(body *t)
{
    const bool negative = t->attrs->is_inf.detect_negative,
               positive = t->attrs->is_inf.detect_positive;

    if (!negative && !positive)
        return number(t, 0.0f);
    const int x = negative && positive ? op_abs(t, t->in[0]) : t->in[0];
    return op_equal(t, x, number(t, positive ? INFINITY : -INFINITY));
}

/* Rounds as the type does; what a value outside of the type's range becomes is undefined in ONNX,
 * but for bool. */
static int cast(body *t)
{
    const int x = t->in[0];

    switch (t->attrs->cast.to) {
    case HONE_F32: return hone_program_add(t->b, HONE_SCALAR_copy, x, 0, 0);
    case HONE_F16: return hone_program_add(t->b, HONE_SCALAR_to_f16, x, 0, 0);
    case HONE_BF16: return hone_program_add(t->b, HONE_SCALAR_to_bf16, x, 0, 0);
    case HONE_BOOL: return op_not(t, op_not(t, x));
    case HONE_I8:
    case HONE_I16:
    case HONE_I32:
    case HONE_I64:
    case HONE_U8:
    case HONE_U16:
    case HONE_U32:
    case HONE_U64: return op_trunc(t, x);
    default: return -1;
    }
}

/* The remainder with the sign of the dividend (fmod) or of the divisor. */
static int mod(body *t)
{
    const int b = t->in[1], rest = op_fmod(t, t->in[0], b);

    if (t->attrs->mod.fmod)
        return rest;
    const int zero = number(t, 0.0f);
    const int wrong = op_and(t, rest, op_xor(t, op_less(t, rest, zero), op_less(t, b, zero)));
    return choose(t, wrong, op_add(t, rest, b), rest);
}

static int prelu(body *t)
{
    const int x = t->in[0];
    return choose(t, op_less(t, x, number(t, 0.0f)), op_mul(t, x, t->in[1]), x);
}

static int greater(body *t)
{
    return op_less(t, t->in[1], t->in[0]);
}

static int greater_or_equal(body *t)
{
    return hone_program_add(t->b, HONE_SCALAR_less_equal, t->in[1], t->in[0], 0);
}

static int clip(body *t)
{
    int x = t->in[0];

    if (t->n_in > 1 && t->in[1] >= 0)
        x = op_max(t, x, t->in[1]);
    if (t->n_in > 2 && t->in[2] >= 0)
        x = op_min(t, x, t->in[2]);
    return x == t->in[0] ? hone_program_add(t->b, HONE_SCALAR_copy, x, 0, 0) : x;
}

static int pointwise(body *t)
{
    const hone_program *p = t->attrs->pointwise.program;
    return p && p->n_in == t->n_in ? hone_program_inline(t->b, p, t->in) : -1;
}

/* One row an operator: a scalar function of the same arguments, or a body. */
typedef struct row {
    bool has_scalar;
    hone_scalar scalar;
    int (*make)(body *t);
} row;

#define IS(op, id) [HONE_OP_##op] = {true, HONE_SCALAR_##id, NULL}
#define BY(op)     [HONE_OP_##op] = {false, HONE_SCALAR_copy, op}

static const row rows[HONE_OP_COUNT] = {
    IS(abs, abs),
    IS(acos, acos),
    IS(acosh, acosh),
    IS(asin, asin),
    IS(asinh, asinh),
    IS(atan, atan),
    IS(atanh, atanh),
    IS(ceil, ceil),
    IS(cos, cos),
    IS(cosh, cosh),
    IS(erf, erf),
    IS(exp, exp),
    IS(floor, floor),
    IS(log, log),
    IS(neg, neg),
    IS(reciprocal, reciprocal),
    IS(relu, relu),
    IS(round, round),
    IS(sigmoid, sigmoid),
    IS(sign, sign),
    IS(sin, sin),
    IS(sinh, sinh),
    IS(softplus, softplus),
    IS(sqrt, sqrt),
    IS(tan, tan),
    IS(tanh, tanh),
    IS(is_nan, is_nan),
    IS(not, not ),
    IS(add, add),
    IS(mul, mul),
    IS(max, max),
    IS(min, min),
    IS(sub, sub),
    IS(div, div),
    IS(pow, pow),
    IS(and, and),
    IS(or, or),
    IS(xor, xor),
    IS(equal, equal),
    IS(less, less),
    IS(less_or_equal, less_equal),
    IS(where, select),
    IS(identity, copy),
    IS(assign, copy),
    BY(celu),
    BY(elu),
    BY(gelu),
    BY(hard_sigmoid),
    BY(hard_swish),
    BY(leaky_relu),
    BY(mish),
    BY(selu),
    BY(shrink),
    BY(softsign),
    BY(swish),
    BY(thresholded_relu),
    BY(is_inf),
    BY(cast),
    BY(mod),
    BY(prelu),
    BY(greater),
    BY(greater_or_equal),
    BY(clip),
    BY(pointwise),
};

int hone_program_add_op(hone_program_builder *b, int op, const hone_attrs *attrs, const int *args,
                        int n_args)
{
    const row *r = &rows[op];
    body t = {.b = b, .attrs = attrs, .in = args, .n_in = n_args};
    int a[3] = {0, 0, 0};

    if (r->make)
        return r->make(&t);
    if (!r->has_scalar || n_args != hone_scalar_arity[r->scalar])
        return -1;
    for (int i = 0; i < n_args; i++)
        a[i] = args[i];
    return hone_program_add(b, r->scalar, a[0], a[1], a[2]);
}
