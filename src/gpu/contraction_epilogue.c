/* The epilogue of a contraction: a program over the accumulator and at most four further operands,
 * each with its strides. A bias that is constant, and one row, is the kernels' own; another one is
 * an operand and an addition in front of the program. */
#include "gpu/contraction.h"

/* The operand's dimensions where the output's are completed to [batch..., rows, columns]. */
static hone_dims completed(const hone_dims *dims, const hone_gpu_epilogue *e)
{
    hone_dims d = *dims;

    if (d.rank == 0)
        return d;
    if (e->column_is_missing)
        d.dim[d.rank++] = 1;
    if (e->row_is_missing && d.rank >= 2) {
        d.dim[d.rank] = d.dim[d.rank - 1];
        d.dim[d.rank - 1] = 1;
        d.rank++;
    }
    return d;
}

static bool add_operand(const hone_lower *lower, const hone_gpu_epilogue *e, int arg,
                        hone_gpu_map *map, hone_gpu_contraction *p)
{
    const hone_tensor *t = hone_lower_in(lower, arg);

    if (p->n_extra == HONE_GPU_EXTRAS || !t || !hone_gpu_type(t->dtype))
        return false;
    const hone_dims dims = completed(&t->shape, e);
    p->extra[p->n_extra++] = (hone_gpu_extra){.arg = arg, .dtype = t->dtype};
    return dims.rank < HONE_MAX_RANK && hone_gpu_map_broadcast(map, &dims);
}

/* One constant row, which the kernels add themselves. */
static bool is_row(const hone_tensor *bias, int64_t columns)
{
    const hone_dims *d = &bias->shape;

    return bias->data && hone_gpu_is_float(bias->dtype) && d->rank > 0 &&
           d->dim[d->rank - 1] == columns && hone_tensor_count(bias) == columns;
}

/* program(x0 + beta * x1, x2, ...) */
static const hone_program *with_bias(const hone_lower *lower, const hone_program *program,
                                     float beta)
{
    const int n_in = program ? program->n_in : 1;
    int args[HONE_PROGRAM_INPUTS];
    hone_program_builder b;

    hone_program_begin(&b, n_in + 1);
    for (int i = 1; i < n_in; i++)
        args[i] = i + 1;
    args[0] = hone_program_add(
        &b, HONE_SCALAR_add, 0,
        beta == 1 ? 1
                  : hone_program_add(&b, HONE_SCALAR_mul, 1, hone_program_constant(&b, beta), 0),
        0);
    const int result = program ? hone_program_inline(&b, program, args) : args[0];
    return result < 0 ? NULL : hone_program_end(&b, lower->arena, result);
}

bool hone_gpu_contraction_epilogue(const hone_lower *lower, const hone_gpu_epilogue *e,
                                   hone_gpu_map *map, hone_gpu_contraction *p)
{
    const hone_tensor *bias = hone_lower_in(lower, 2);
    const int n = e->program ? e->program->n_in - 1 : 0;

    p->program = e->program;
    if (bias && e->beta == 1 && !e->column_is_missing && is_row(bias, map->dim[map->rank - 1])) {
        p->bias = 2;
    } else if (bias) {
        if (n >= HONE_GPU_EXTRAS || !add_operand(lower, e, 2, map, p))
            return false;
        p->program = with_bias(lower, e->program, e->beta);
        if (!p->program)
            return false;
    }
    for (int k = 0; k < n; k++)
        if (!add_operand(lower, e, 3 + k, map, p))
            return false;
    return true;
}
