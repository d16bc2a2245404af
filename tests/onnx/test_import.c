/* The importer on small models written as text: which nodes come of each form of an operator, and
 * which message of each fault. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "importing.h"
#include "model_text.h"

/* The operators of a graph in order, subgraphs in brackets: "flatten softmax if(relu|neg)". */
static void list_ops(const hone_graph *graph, char *out, size_t room)
{
    HONE_EACH_NODE(node, graph)
    {
        const size_t n = strlen(out);
        snprintf(out + n, room - n, "%s%s", n && out[n - 1] != '(' && out[n - 1] != '|' ? " " : "",
                 hone_ops[node->op].name);
        for (int i = 0; i < node->n_sub; i++) {
            snprintf(out + strlen(out), room - strlen(out), i ? "|" : "(");
            list_ops(node->sub[i], out, room);
        }
        if (node->n_sub)
            snprintf(out + strlen(out), room - strlen(out), ")");
    }
}

static const struct {
    const char *name, *model, *ops;
} forms[] = {
    {"plain", "opset 13; in x f32[2,3]; y = Relu(x); out y", "relu"},
    {"newest of several rows", "opset 28; in x f32[2,3,4]; y = Softmax(x) axis=1; out y",
     "softmax"},
    {"add with axis",
     "opset 6; in a f32[2,3,4]; in b f32[3]; y = Add(a, b) broadcast=1 axis=1; out y",
     "unsqueeze add"},
    {"add with last axis",
     "opset 6; in a f32[2,3,4]; in b f32[4]; y = Add(a, b) broadcast=1 axis=2; out y", "add"},
    {"add without axis", "opset 1; in a f32[2,3]; in b f32[3]; y = Add(a, b) broadcast=1; out y",
     "add"},
    {"sum of three", "opset 8; in a f32[2]; in b f32[2]; in c f32[2]; y = Sum(a, b, c); out y",
     "add add"},
    {"sum of one", "opset 8; in a f32[2]; y = Sum(a); out y", "identity"},
    {"max of three", "opset 12; in a f32[2]; in b f32[2]; y = Max(a, b, a); out y", "max max"},
    {"mean", "opset 13; in a f32[2]; in b f32[2]; y = Mean(a, b); out y", "add div"},
    {"softmax on the last axis", "opset 11; in x f32[2,3]; y = Softmax(x) axis=1; out y",
     "softmax"},
    {"softmax before ones", "opset 11; in x f32[2,3,1,1]; y = Softmax(x) axis=1; out y", "softmax"},
    {"softmax of a matrix", "opset 11; in x f32[2,3,4]; y = Softmax(x) axis=1; out y",
     "flatten softmax shape reshape"},
    {"softmax of unknown rank", "opset 11; in x f32; y = LogSoftmax(x) axis=1; out y",
     "flatten log_softmax shape reshape"},
    {"squeeze with attribute", "opset 11; in x f32[1,3]; y = Squeeze(x) axes=[0]; out y",
     "squeeze"},
    {"reduce with attribute",
     "opset 13; in x f32[2,3]; y = ReduceMean(x) axes=[1] keepdims=0; out y", "reduce_mean"},
    {"slice with attributes",
     "opset 9; in x f32[4]; y = Slice(x) starts=[1] ends=[3] axes=[0]; out y", "slice"},
    {"split in equal parts", "opset 11; in x f32[4]; a, b = Split(x) axis=0; out a; out b",
     "split"},
    {"split with attribute",
     "opset 2; in x f32[4]; a, b = Split(x) axis=0 split=[1,3]; out a; out b", "split"},
    {"pad with attributes",
     "opset 2; in x f32[4]; y = Pad(x) pads=[1,1] value=2.0 mode=\"constant\"; out y", "pad"},
    {"pad of opset 1", "opset 1; in x f32[4]; y = Pad(x) paddings=[1,1]; out y", "pad"},
    {"clip with attributes", "opset 6; in x f32[4]; y = Clip(x) min=0.0 max=6.0; out y", "clip"},
    {"topk with attribute", "opset 9; in x f32[4]; v, i = TopK(x) k=2 axis=0; out v; out i",
     "topk"},
    {"reshape with attribute", "opset 1; in x f32[4]; y = Reshape(x) shape=[2,2]; out y",
     "reshape"},
    {"tile of opset 1",
     "opset 1; in x f32[2,2]; init t f32[1] = 3; init a f32[1] = 1; y = Cast(x) to=\"FLOAT\"; out "
     "y",
     "cast"},
    {"cast like", "opset 15; in x f32[2]; in l i32[1]; y = CastLike(x, l); out y", "cast"},
    {"constant", "opset 13; in x f32[2]; c = Constant() value=f32[2](1 2); y = Add(x, c); out y",
     "add"},
    {"constant forms",
     "opset 13; in x f32[2]; a = Constant() value_float=1.5; b = Constant() "
     "value_floats=[1.0,2.0]; c = Add(x, a); y = "
     "Add(c, b); out y",
     "add add"},
    {"constant of shape", "opset 9; in s i64[2]; y = ConstantOfShape(s) value=f32[1](3); out y",
     "constant_of_shape"},
    {"dropout", "opset 10; in x f32[2]; y, m = Dropout(x) ratio=0.5; out y; out m",
     "shape constant_of_shape identity"},
    {"dropout without training",
     "opset 13; in x f32[2]; init r f32[] = 0.5; y = Dropout(x, r); out y", "identity"},
    {"dropout with training", "opset 13; in x f32[2]; in t bool[]; y = Dropout(x, _, t); out y",
     "dropout"},
    {"batch norm of inference",
     "opset 9; in x f32[1,2,3]; in s f32[2]; y, m = BatchNormalization(x, s, s, s, s) epsilon=0.1; "
     "z = Add(m, m); out y; "
     "out z",
     "batch_normalization identity add"},
    {"batch norm of every position",
     "opset 7; in x f32[1,2,3]; in s f32[2,3]; y = BatchNormalization(x, s, s, s, s) spatial=0; "
     "out y",
     "add sqrt sub div mul add"},
    {"group norm of opset 18",
     "opset 18; in x f32[1,4,3]; in s f32[2]; y = GroupNormalization(x, s, s) num_groups=2; out y",
     "unsqueeze expand reshape unsqueeze expand reshape group_normalization"},
    {"upsample",
     "opset 9; in x f32[1,1,2,2]; init s f32[4] = 1 1 2 2; y = Upsample(x, s) mode=\"nearest\"; "
     "out y",
     "resize"},
    {"resize of opset 10, both ways",
     "opset 10; in x f32[1,1,2,4]; init s f32[4] = 1 1 2 0.5; y = Resize(x, s); out y",
     "resize resize"},
    {"conv with kernel shape",
     "opset 11; in x f32[1,1,4,4]; init w f32[1,1,1,1] = 1; y = Conv(x, w) kernel_shape=[1,1]; out "
     "y",
     "conv"},
    {"gemm of opset 6",
     "opset 6; in a f32[2,2]; in c f32[2]; y = Gemm(a, a, c) broadcast=1 transB=1; out y", "gemm"},
    {"prelu of opset 6", "opset 6; in x f32[1,2,3]; in s f32[2]; y = PRelu(x, s); out y",
     "unsqueeze prelu"},
    {"image scaler",
     "opset 1; in x f32[1,3,2,2]; y = ImageScaler(x) scale=0.5 bias=[1.0,2.0,3.0]; out y",
     "mul add"},
    {"swiglu", "opset 28; in a f32[2]; in b f32[2]; y = SwiGLU(a, b) alpha=2.0; out y",
     "swish mul"},
    {"nodes out of order", "opset 13; in x f32[2]; y = Relu(t); t = Neg(x); out y", "neg relu"},
    {"output is an input", "opset 13; in x f32[2]; out x", ""},
    {"if",
     "opset 13; in c bool[]; in x f32[2]; y = If(c) then_branch={ a = Relu(x); out a } "
     "else_branch={ out x }; out y",
     "if(relu|identity)"},
    {"loop",
     "opset 13; in n i64[]; in x f32[2]; y, s = Loop(n, _, x) body={ in i i64[]; in c bool[]; in a "
     "f32[2]; c2 = "
     "Identity(c); b = Relu(a); t = Neg(a); out c2; out b; out t }; out y; out s",
     "loop(identity relu neg)"},
    {"loop with wide counter",
     "opset 13; in n i64[]; in x i64[1]; y = Loop(n, _, x) body={ in i i64[1]; in c bool[]; in a "
     "i64[1]; b = Add(a, i); "
     "out c; out b }; out y",
     "loop(unsqueeze add)"},
    {"scan",
     "opset 11; in z f32[2]; in x f32[5,2]; y, s = Scan(z, x) num_scan_inputs=1 body={ in a "
     "f32[2]; in b f32[2]; c = "
     "Add(a, b); d = Neg(c); out c; out d }; out y; out s",
     "scan(add neg)"},
    {"subgraph hides a name",
     "opset 13; in c bool[]; in x f32[2]; a = Neg(x); y = If(c) then_branch={ a = Relu(x); out a } "
     "else_branch={ a = "
     "Abs(x); out a }; z = Add(a, y); out z",
     "neg if(relu|abs) add"},
    {"captured value made later in the file",
     "opset 13; in c bool[]; in x f32[2]; y = If(c) then_branch={ a = Relu(t); out a } "
     "else_branch={ b = Abs(x); out b }; "
     "t = Neg(x); out y",
     "neg if(relu|abs)"},
    {"function",
     "opset 13; opset f 1; in x f32[2]; y = f:twice(x); out y; function f:twice(a) -> (b) { opset "
     "13; b = Mul(a, a) }",
     "mul"},
    {"function in function, with attributes",
     "opset 13; opset f 1; in x f32[2]; y = f:outer(x) k=0.5; out y; function f:outer(a) -> (b) "
     "[k] { opset f 1; b = "
     "f:inner(a) alpha=@k }; function f:inner(a) -> (b) [alpha] { opset 13; b = LeakyRelu(a) "
     "alpha=@alpha }",
     "leaky_relu"},
    {"function without one of its inputs",
     "opset 13; opset f 1; in x f32[2]; y = f:clip(x); out y; function f:clip(a, lo) -> (b) { "
     "opset 13; b = Clip(a, lo) }",
     "clip"},
    {"function hands its input through",
     "opset 13; opset f 1; in x f32[2]; y = f:id(x); out y; function f:id(a) -> (a) { opset 13 }",
     "identity"},
    {"function of an older opset",
     "opset 13; opset f 1; in x f32[2,3,4]; y = f:s(x); out y; function f:s(a) -> (b) { opset 11; "
     "b = Softmax(a) axis=1 }",
     "flatten softmax shape reshape"},
    {"initializer that is also an input",
     "ir 3; opset 7; in x f32[2]; in w f32[2]; init w f32[2] = 1 2; y = Add(x, w); out y", "add"},
    {"sequence of known items",
     "opset 13; in a f32[2]; in b f32[3]; init k i64[] = -1; s = SequenceConstruct(a, b); e = "
     "SequenceErase(s, k); t = SequenceInsert(e, b, k); y = SequenceAt(t, k); n = "
     "SequenceLength(t); out y; out n",
     "identity"},
    {"parts joined again",
     "opset 13; in x f32[5,2]; init two i64[] = 2; s = SplitToSequence(x, two); i = Identity(s); "
     "y = ConcatFromSequence(i) axis=0; out y",
     "split concat"},
    {"slices stacked",
     "opset 13; in x f32[3,2]; s = SplitToSequence(x) keepdims=0; y = ConcatFromSequence(s) "
     "axis=1 new_axis=1; out y",
     "split squeeze squeeze squeeze unsqueeze unsqueeze unsqueeze concat"},
    {"sequence seen from a subgraph",
     "opset 13; in c bool[]; in x f32[2]; init k i64[] = 0; s = SequenceConstruct(x, x); y = If(c) "
     "then_branch={ a = SequenceAt(s, k); out a } else_branch={ b = Neg(x); out b }; out y",
     "if(identity|neg)"},
    {"optional of a tensor",
     "opset 18; in x f32[2]; o = Optional(x); h = OptionalHasElement(o); y = "
     "OptionalGetElement(o); out h; out y",
     "identity identity"},
    {"optional of nothing", "opset 18; o = Optional(); h = OptionalHasElement(o); out h", ""},
    {"scores of classes",
     "opset 13; opset ai.onnx.ml 1; in x f32[1,2]; y = ai.onnx.ml:ZipMap(x) "
     "classlabels_strings=[\"cat\",\"dog\"]; out y",
     "identity"},
    {"signal without its last dimension",
     "opset 17; in x f32[1,64]; init s i64[] = 8; init w f32[4] = 1 1 1 1; y = STFT(x, s, w); out "
     "y",
     "unsqueeze stft"},
    {"scan of opset 8",
     "opset 8; in z f32[3,2]; in x f32[3,5,2]; y, s = Scan(_, z, x) num_scan_inputs=1 body={ in a "
     "f32[2]; in b f32[2]; c = Add(a, b); d = Neg(c); out c; out d }; out y; out s",
     "scan(scan(add neg))"},
    {"optional output left out",
     "opset 13; in x f32[4]; init k i64[1] = 1; _, i = TopK(x, k) axis=0; out i", "topk"},
};

static void test_import_forms(void **state)
{
    (void)state;
    int failed = 0;

    for (int i = 0; i < HONE_COUNT(forms); i++) {
        char ops[512] = "";
        pb model = model_of_text(forms[i].model);
        imported x;
        import_bytes(&x, (hone_bytes){model.data, model.size}, NULL, 1 << 28);
        if (x.status == HONE_OK)
            list_ops(x.module->main, ops, sizeof ops);
        if (x.status != HONE_OK || strcmp(ops, forms[i].ops) != 0) {
            print_error("%s: %s \"%s\", not \"%s\"\n", forms[i].name,
                        x.status ? hone_message() : "", ops, forms[i].ops);
            failed++;
        }
        import_free(&x);
        free(model.data);
    }
    assert_int_equal(failed, 0);
}

static const struct {
    const char *name, *model;
    hone_status status;
    const char *message; /* a part of it */
} faults[] = {
    {"cycle", "opset 13; in x f32[2]; a = Add(x, b); b = Neg(a); out b", HONE_ERR_FORMAT,
     "form a cycle of 2"},
    {"cycle of one", "opset 13; a = Neg(a); out a", HONE_ERR_FORMAT, "form a cycle of 1"},
    {"cycle through a subgraph",
     "opset 13; in c bool[]; y = If(c) then_branch={ a = Relu(z); out a } else_branch={ a = "
     "Relu(z); out a }; z = Neg(y); "
     "out y",
     HONE_ERR_FORMAT, "form a cycle of 2"},
    {"unknown input", "opset 13; in x f32[2]; y = Add(x, nowhere); out y", HONE_ERR_FORMAT,
     "\"nowhere\""},
    {"unknown output", "opset 13; in x f32[2]; y = Neg(x); out z", HONE_ERR_FORMAT,
     "importing output \"z\""},
    {"output twice", "opset 13; in x f32[2]; y = Neg(x); out y; out y", HONE_ERR_FORMAT,
     "listed twice"},
    {"two nodes, one name", "opset 13; in x f32[2]; y = Neg(x); y = Abs(x); out y", HONE_ERR_FORMAT,
     "of one only"},
    {"node and input, one name", "opset 13; in x f32[2]; x = Neg(x); out x", HONE_ERR_FORMAT,
     "cycle"},
    {"two inputs, one name", "opset 13; in x f32[2]; in x f32[2]; y = Neg(x); out y",
     HONE_ERR_FORMAT, "\"x\""},
    {"no outputs", "opset 13; in x f32[2]; y = Neg(x)", HONE_ERR_FORMAT, "there are none"},
    {"attribute of a wrong type", "opset 13; in x f32[2]; y = Softmax(x) axis=1.5; out y",
     HONE_ERR_FORMAT, "is of type FLOAT; it must be of type INT"},
    {"attribute twice", "opset 13; in x f32[2]; y = Softmax(x) axis=0 axis=0; out y",
     HONE_ERR_FORMAT, "there twice"},
    {"attribute unknown", "opset 13; in x f32[2]; y = Relu(x) slope=1; out y", HONE_ERR_UNSUPPORTED,
     "\"slope\" is unknown"},
    {"mode unknown", "opset 13; in x f32[2]; in p i64[2]; y = Pad(x, p) mode=\"mirror\"; out y",
     HONE_ERR_UNSUPPORTED, "\"mirror\""},
    {"operator unknown", "opset 13; in x f32[2]; y = Frobnicate(x); out y", HONE_ERR_UNSUPPORTED,
     "Frobnicate"},
    {"operator too new", "opset 13; in x f32[2]; y = Gelu(x); out y", HONE_ERR_UNSUPPORTED,
     "from 20 on"},
    {"domain not imported", "opset 13; in x f32[2]; y = com.microsoft:Gelu(x); out y",
     HONE_ERR_FORMAT, "no opset"},
    {"all are reported",
     "opset 13; in x f32[2]; a = Foo(x); b = Bar(a); c = Relu(b); d = my.domain:Baz(c); out d",
     HONE_ERR_UNSUPPORTED, "3 of its nodes"},
    {"too many inputs", "opset 13; in x f32[2]; y = Relu(x, x); out y", HONE_ERR_FORMAT,
     "has 2 inputs"},
    {"too few inputs", "opset 13; in x f32[2]; y = MatMul(x); out y", HONE_ERR_FORMAT,
     "has 1 inputs"},
    {"input left out", "opset 13; in x f32[2]; y = MatMul(_, x); out y", HONE_ERR_FORMAT,
     "input 0 is absent"},
    {"too many outputs", "opset 13; in x f32[2]; y, z = Relu(x); out y; out z", HONE_ERR_FORMAT,
     "has 2 outputs"},
    {"nine dimensions", "opset 13; in x f32[1,1,1,1,1,1,1,1,1]; y = Relu(x); out y", HONE_ERR_LIMIT,
     "9 dimensions"},
    {"negative extent", "opset 13; in x f32[-7]; y = Relu(x); out y", HONE_ERR_FORMAT, "-7"},
    {"element type unknown", "opset 13; in x 99[2]; y = Relu(x); out y", HONE_ERR_FORMAT, "99"},
    {"kernel shape contradicts",
     "opset 11; in x f32[1,1,4,4]; init w f32[1,1,1,1] = 1; y = Conv(x, w) kernel_shape=[3,3]; out "
     "y",
     HONE_ERR_FORMAT, "kernel_shape"},
    {"initializer too short", "opset 11; in x f32[2]; init w f32[4] = 1 2; y = Add(x, w); out y",
     HONE_ERR_FORMAT, "8 bytes of data; its type and dims need 16"},
    {"initializer too long", "opset 11; in x f32[2]; init w f32[1] = 1 2; y = Add(x, w); out y",
     HONE_ERR_FORMAT, "8 bytes"},
    {"initializer of a terabyte",
     "opset 11; in x f32[2]; init w f32[1000000,1000000] = 1; y = Add(x, w); out y",
     HONE_ERR_FORMAT, "its type and dims need"},
    {"initializer overflows",
     "opset 11; in x f32[2]; init w f32[4000000000,4000000000,4000000000] = 1; y = Add(x, w); out "
     "y",
     HONE_ERR_FORMAT, "2^63"},
    {"initializer negative", "opset 11; in x f32[2]; init w f32[-1] = 1; y = Add(x, w); out y",
     HONE_ERR_FORMAT, "must not be negative"},
    {"recursion",
     "opset 13; opset f 1; in x f32[2]; y = f:a(x); out y; function f:a(x) -> (y) { opset f 1; y = "
     "f:a(x) }",
     HONE_ERR_FORMAT, "calls itself"},
    {"recursion of two",
     "opset 13; opset f 1; in x f32[2]; y = f:a(x); out y; function f:a(x) -> (y) { opset f 1; y = "
     "f:b(x) }; function "
     "f:b(x) -> (y) { opset f 1; y = f:a(x) }",
     HONE_ERR_FORMAT, "by way of another"},
    {"function twice",
     "opset 13; in x f32[2]; y = Neg(x); out y; function f:a(x) -> (x) { opset 13 }; function "
     "f:a(x) -> (x) { opset 13 }",
     HONE_ERR_FORMAT, "there twice"},
    {"function output missing",
     "opset 13; opset f 1; in x f32[2]; y = f:a(x); out y; function f:a(x) -> (z) { opset 13; y = "
     "Neg(x) }",
     HONE_ERR_FORMAT, "given by none"},
    {"function does not see outside",
     "opset 13; opset f 1; in x f32[2]; y = f:a(x); out y; function f:a(a) -> (z) { opset 13; z = "
     "Neg(x) }",
     HONE_ERR_FORMAT, "\"x\""},
    {"function with too many inputs",
     "opset 13; opset f 1; in x f32[2]; y = f:a(x, x); out y; function f:a(a) -> (z) { opset 13; z "
     "= Neg(a) }",
     HONE_ERR_FORMAT, "has 2 inputs"},
    {"reference outside of a function", "opset 13; in x f32[2]; y = Softmax(x) axis=@k; out y",
     HONE_ERR_FORMAT, "outside of any"},
    {"branches differ",
     "opset 13; in c bool[]; in x f32[2]; y = If(c) then_branch={ out x } else_branch={ out x; out "
     "c }; out y",
     HONE_ERR_FORMAT, "as many"},
    {"branch missing", "opset 13; in c bool[]; in x f32[2]; y = If(c) then_branch={ out x }; out y",
     HONE_ERR_FORMAT, "else_branch"},
    {"loop body too small",
     "opset 13; in n i64[]; in x f32[2]; y = Loop(n, _, x) body={ in i i64[]; out i }; out y",
     HONE_ERR_FORMAT, "body"},
    {"scan of nothing",
     "opset 13; in x f32[2]; y = Scan(x) num_scan_inputs=2 body={ in a f32[]; out a }; out y",
     HONE_ERR_FORMAT, "scanned"},
    {"sequence as an output", "opset 13; in x f32[2]; s = SequenceConstruct(x); out s",
     HONE_ERR_UNSUPPORTED, "outputs must be tensors"},
    {"sequence of the model's input", "opset 13; in q seq f32[2]; n = SequenceLength(q); out n",
     HONE_ERR_UNSUPPORTED, "known"},
    {"sequence where a tensor belongs",
     "opset 13; in x f32[2]; s = SequenceConstruct(x); y = Neg(s); out y", HONE_ERR_UNSUPPORTED,
     "is a sequence"},
    {"sequence out of a branch",
     "opset 13; in c bool[]; in x f32[2]; s = SequenceConstruct(x); y = If(c) then_branch={ out s "
     "} "
     "else_branch={ out s }; out y",
     HONE_ERR_UNSUPPORTED, "is a sequence"},
    {"position outside of a sequence",
     "opset 13; in x f32[2]; init k i64[] = 1; s = SequenceConstruct(x); y = SequenceAt(s, k); out "
     "y",
     HONE_ERR_FORMAT, "outside of the sequence"},
    {"element of nothing", "opset 18; o = Optional(); y = OptionalGetElement(o); out y",
     HONE_ERR_FORMAT, "holds nothing"},
    {"scan of opset 8 with lengths",
     "opset 8; in l i64[3]; in z f32[3,2]; in x f32[3,5,2]; y = Scan(l, z, x) num_scan_inputs=1 "
     "body={ in a f32[2]; in b f32[2]; c = Add(a, b); out c }; out y",
     HONE_ERR_UNSUPPORTED, "different lengths"},
    {"opset zero", "opset 0; in x f32[2]; y = Relu(x); out y", HONE_ERR_FORMAT, "opset 0"},
};

static void test_import_faults(void **state)
{
    (void)state;
    int failed = 0;

    for (int i = 0; i < HONE_COUNT(faults); i++) {
        pb model = model_of_text(faults[i].model);
        imported x;
        import_bytes(&x, (hone_bytes){model.data, model.size}, NULL, 1 << 28);
        if (x.status != faults[i].status || !strstr(hone_message(), faults[i].message)) {
            print_error("%s: status %d, message \"%s\"; wanted %d, \"%s\"\n", faults[i].name,
                        x.status, x.status ? hone_message() : "", faults[i].status,
                        faults[i].message);
            failed++;
        }
        import_free(&x);
        free(model.data);
    }
    assert_int_equal(failed, 0);
}

static void test_import_keeps_names_and_symbols(void **state)
{
    (void)state;
    pb model = model_of_text(
        "opset 13; in x f32[N,?]; in w f32[2]; in z f32[N]; init w f32[2] = 1 2; n2 = Neg(x) "
        "name=first; y = Abs(n2); out y");
    imported x;
    import_bytes(&x, (hone_bytes){model.data, model.size}, NULL, 1 << 28);
    assert_int_equal(x.status, HONE_OK);
    const hone_graph *main = x.module->main;
    assert_int_equal(main->n_in, 2);
    assert_string_equal(main->in[0]->name, "x");
    assert_string_equal(main->in[1]->name, "z");
    assert_true(main->in[0]->type.shape.dim[0] == main->in[1]->type.shape.dim[0]);
    const hone_extent unnamed = main->in[0]->type.shape.dim[1];
    assert_false(hone_extent_is_number(unnamed));
    assert_string_equal(hone_extents_node(x.module->extents, hone_extent_index(unnamed))->name,
                        "x.1");
    assert_string_equal(main->out[0]->name, "y");
    assert_string_equal(main->first->name, "first");
    assert_string_equal(main->first->out[0]->name, "n2");
    assert_string_equal(main->last->name, "Abs_1");
    import_free(&x);
    free(model.data);
}

static void test_import_outputs_have_the_models_names(void **state)
{
    (void)state;
    /* "v1", a name that the IR makes up itself, and "If_0/a", that of an inner value, are outputs.
     */
    pb model = model_of_text(
        "opset 13; in c bool[]; in x f32[2]; p = If(c) then_branch={ a = Relu(x); out a } "
        "else_branch={ a = Neg(x); out a }; v4 = Neg(p); If_0/a = Abs(v4); out v4; out If_0/a");
    imported x;
    import_bytes(&x, (hone_bytes){model.data, model.size}, NULL, 1 << 28);
    assert_int_equal(x.status, HONE_OK);
    assert_string_equal(x.module->main->out[0]->name, "v4");
    assert_string_equal(x.module->main->out[1]->name, "If_0/a");
    import_free(&x);
    free(model.data);
}

static const char *property(const hone_module *module, const char *key)
{
    for (int i = 0; i < module->properties.n; i++)
        if (strcmp(module->properties.v[i].key, key) == 0)
            return module->properties.v[i].value;
    return "";
}

static void test_import_properties(void **state)
{
    (void)state;
    pb model = model_of_text("ir 7; opset 13; opset ai.onnx.ml 2; in x f32[2]; y = Neg(x); out y");
    pb entry = {0};
    pb_text(&model, 2, "writer");
    pb_text(&model, 3, "1.2");
    pb_text(&entry, 1, "labels");
    pb_text(&entry, 2, "cat,dog");
    pb_message(&model, 14, &entry);
    imported x;
    import_bytes(&x, (hone_bytes){model.data, model.size}, NULL, 1 << 28);
    assert_int_equal(x.status, HONE_OK);
    assert_string_equal(property(x.module, "producer"), "writer 1.2");
    assert_string_equal(property(x.module, "ir_version"), "7");
    assert_string_equal(property(x.module, "opset"), "ai.onnx 13, ai.onnx.ml 2");
    assert_string_equal(property(x.module, "graph"), "g");
    assert_string_equal(property(x.module, "labels"), "cat,dog");
    import_free(&x);
    free(model.data);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_import_forms),
        cmocka_unit_test(test_import_faults),
        cmocka_unit_test(test_import_keeps_names_and_symbols),
        cmocka_unit_test(test_import_outputs_have_the_models_names),
        cmocka_unit_test(test_import_properties),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
