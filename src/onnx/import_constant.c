/* Constants that nodes hold: Constant in all its forms becomes a constant value, ConstantOfShape
 * keeps its element as an input. Recurrent networks of opset 1 to 6 are here, too: they only have
 * one attribute more. */
#include <stdio.h>

#include "onnx/import.h"

typedef hone_status (*constant_fn)(hone_call *call, const hone_onnx_attribute *a,
                                   hone_onnx_array *out);

static hone_status from_tensor(hone_call *call, const hone_onnx_attribute *a, hone_onnx_array *out)
{
    if (!a->t)
        return hone_call_malformed(call, "attribute \"value\" holds no tensor");
    return hone_import_array(call->import, a->t, out);
}

static hone_status from_sparse(hone_call *call, const hone_onnx_attribute *a, hone_onnx_array *out)
{
    if (!a->sparse_tensor)
        return hone_call_malformed(call, "attribute \"sparse_value\" holds no tensor");
    return hone_import_sparse(call->import, a->sparse_tensor, out);
}

static hone_status from_int(hone_call *call, const hone_onnx_attribute *a, hone_onnx_array *out)
{
    (void)call;
    *out = (hone_onnx_array){HONE_I64, {0, {0}}, &a->i, sizeof a->i};
    return HONE_OK;
}

static hone_status from_ints(hone_call *call, const hone_onnx_attribute *a, hone_onnx_array *out)
{
    (void)call;
    *out = (hone_onnx_array){
        HONE_I64, {1, {a->ints.n}}, a->ints.v, (size_t)a->ints.n * sizeof *a->ints.v};
    return HONE_OK;
}

static hone_status from_float(hone_call *call, const hone_onnx_attribute *a, hone_onnx_array *out)
{
    (void)call;
    *out = (hone_onnx_array){HONE_F32, {0, {0}}, &a->f, sizeof a->f};
    return HONE_OK;
}

static hone_status from_floats(hone_call *call, const hone_onnx_attribute *a, hone_onnx_array *out)
{
    (void)call;
    *out = (hone_onnx_array){
        HONE_F32, {1, {a->floats.n}}, a->floats.v, (size_t)a->floats.n * sizeof *a->floats.v};
    return HONE_OK;
}

static hone_string *strings(hone_call *call, const hone_bytes *v, int n)
{
    hone_string *out = hone_arena_array(call->import->arena, (size_t)n, sizeof *out);
    for (int i = 0; i < n; i++)
        out[i] = (hone_string){v[i].size ? (const char *)v[i].data : "", v[i].size};
    return out;
}

static hone_status from_string(hone_call *call, const hone_onnx_attribute *a, hone_onnx_array *out)
{
    *out = (hone_onnx_array){HONE_STRING, {0, {0}}, strings(call, &a->s, 1), sizeof(hone_string)};
    return HONE_OK;
}

static hone_status from_strings(hone_call *call, const hone_onnx_attribute *a, hone_onnx_array *out)
{
    const int n = a->strings.n;
    *out = (hone_onnx_array){
        HONE_STRING, {1, {n}}, strings(call, a->strings.v, n), (size_t)n * sizeof(hone_string)};
    return HONE_OK;
}

hone_status hone_import_constant(hone_call *call)
{
    static const struct {
        const char *name;
        hone_onnx_attribute_type type;
        constant_fn read;
    } forms[] = {
        {"value", HONE_ONNX_TENSOR, from_tensor},
        {"sparse_value", HONE_ONNX_SPARSE_TENSOR, from_sparse},
        {"value_int", HONE_ONNX_INT, from_int},
        {"value_ints", HONE_ONNX_INTS, from_ints},
        {"value_float", HONE_ONNX_FLOAT, from_float},
        {"value_floats", HONE_ONNX_FLOATS, from_floats},
        {"value_string", HONE_ONNX_STRING, from_string},
        {"value_strings", HONE_ONNX_STRINGS, from_strings},
    };
    hone_onnx_array array;
    int n = 0;

    for (int i = 0; i < HONE_COUNT(forms); i++) {
        const hone_onnx_attribute *a = hone_call_attribute(call, forms[i].name, forms[i].type);
        HONE_TRY(call->status);
        if (!a)
            continue;
        HONE_TRY(forms[i].read(call, a, &array));
        n++;
    }
    if (n != 1 || call->n_in != 0 || call->n_out > 1)
        return hone_call_malformed(
            call, "it has %d values, %d inputs and %d outputs; it must have one, none and one", n,
            call->n_in, call->n_out);
    if (call->n_out)
        call->out[0] = hone_emit_array(call, &array);
    return HONE_OK;
}

hone_status hone_import_constant_of_shape(hone_call *call)
{
    const hone_onnx_attribute *a = hone_call_attribute(call, "value", HONE_ONNX_TENSOR);
    hone_onnx_array array;

    HONE_TRY(call->status);
    if (!a)
        return hone_emit_whole(call, HONE_OP_constant_of_shape, NULL, call->in, call->n_in);
    HONE_TRY(from_tensor(call, a, &array));
    if (call->n_in != 1 || array.dims.rank > 1 || (array.dims.rank == 1 && array.dims.dim[0] != 1))
        return hone_call_malformed(call,
                                   "its value must have one element, and it must have one input");
    array.dims = (hone_dims){1, {1}};
    return hone_emit_whole(call, HONE_OP_constant_of_shape, NULL,
                           HONE_IN(call->in[0], hone_emit_array(call, &array)));
}

/* An experimental operator of early opsets: the shape is an attribute, or the input's shape, or the
 * input itself. */
hone_status hone_import_constant_fill(hone_call *call)
{
    const int64_t dtype = hone_call_int(call, "dtype", HONE_F32);
    const bool is_shape = hone_call_int(call, "input_as_shape", 0) != 0;
    const float element = hone_call_float(call, "value", 0.0f);
    hone_ints shape;

    const bool has_shape = hone_call_ints(call, "shape", &shape);
    if (hone_call_has(call, "extra_shape"))
        return hone_call_unsupported(call, "attribute \"extra_shape\"");
    if (dtype < 1 || dtype > 255 || !hone_dtype_is_valid((int)dtype) || dtype == HONE_STRING)
        return hone_call_unsupported(call, "attribute \"dtype\" is %lld", (long long)dtype);
    const hone_value like = {.type.dtype = (hone_dtype)dtype};
    const hone_value *scalar = hone_emit_scalar(call, &like, (double)element);
    const hone_onnx_array array = {
        (hone_dtype)dtype, {1, {1}}, scalar->constant->data, scalar->constant->size};
    hone_value *x = hone_call_in(call, 0);
    if (!x && !has_shape)
        return hone_call_malformed(call, "it has neither an input nor a shape");
    if (!x)
        x = hone_emit_ints(call, shape.v, shape.n);
    else if (!is_shape)
        x = hone_emit(call, HONE_OP_shape, NULL, HONE_IN(x));
    return hone_emit_whole(call, HONE_OP_constant_of_shape, NULL,
                           HONE_IN(x, hone_emit_array(call, &array)));
}

/* Before opset 7: output_sequence says whether output 0 is wanted, as its name does. */
hone_status hone_import_rnn_1(hone_call *call)
{
    hone_call_ignore(call, "output_sequence");
    return hone_emit_whole(call, call->op, NULL, call->in, call->n_in);
}

/* Labels one a line, in the arena. */
static char *join_texts(hone_call *call, hone_onnx_views texts)
{
    size_t size = 1;

    for (int i = 0; i < texts.n; i++)
        size += texts.v[i].size + 1; /* no more than bytes in memory */
    char *out = hone_arena_alloc(call->import->arena, size), *at = out;
    for (int i = 0; i < texts.n; i++) {
        if (texts.v[i].size)
            memcpy(at, texts.v[i].data, texts.v[i].size);
        at += texts.v[i].size;
        *at++ = '\n';
    }
    return out;
}

static char *join_numbers(hone_call *call, hone_onnx_ints numbers)
{
    enum {
        DIGITS = 24
    };
    char *out = hone_arena_array(call->import->arena, (size_t)numbers.n + 1, DIGITS), *at = out;

    for (int i = 0; i < numbers.n; i++)
        at += snprintf(at, DIGITS, "%lld\n", (long long)numbers.v[i]);
    return out;
}

/* A sequence of maps from class to score says no more than the scores and the list of classes: the
 * scores are the output, the classes a property of the module, "labels of <output>", one a line. */
hone_status hone_import_zip_map(hone_call *call)
{
    const hone_onnx_attribute *texts =
        hone_call_attribute(call, "classlabels_strings", HONE_ONNX_STRINGS);
    const hone_onnx_attribute *numbers =
        hone_call_attribute(call, "classlabels_int64s", HONE_ONNX_INTS);

    HONE_TRY(call->status);
    if (call->n_in != 1 || call->n_out != 1 || !texts == !numbers)
        return hone_call_malformed(call,
                                   "it must have one input, one output and one list of labels");
    const char *labels =
        texts ? join_texts(call, texts->strings) : join_numbers(call, numbers->ints);
    const char *key =
        hone_arena_format(call->import->arena, "labels of %s", call->proto->output.v[0]);
    hone_module_property(call->import->module, key, labels);
    call->out[0] = call->in[0];
    return HONE_OK;
}
