/* Models of some lines for tests/gpu/engine.c: dense layers, a small picture network, and one with
 * control flow, whose branch the host takes. */
#ifndef TESTS_GPU_ENGINE_MODELS_H
#define TESTS_GPU_ENGINE_MODELS_H

#include "support/onnx_bytes.h"

enum {
    ONNX_F32 = 1,
    ONNX_BOOL = 9
};

/* A constant of small numbers that depend on its name's first letters and their place. */
static inline void put_weights(bytes *g, const char *name, const int64_t *dims, int rank,
                               float scale)
{
    int64_t n = 1;
    uint32_t state = (uint32_t)name[0] * 131 + (uint32_t)name[1];

    for (int i = 0; i < rank; i++)
        n *= dims[i];
    float *v = malloc((size_t)n * sizeof *v);
    assert(v);
    for (int64_t i = 0; i < n; i++) {
        state = state * 1664525u + 1013904223u;
        v[i] = scale * ((float)(state >> 8) / (float)(1 << 23) - 1);
    }
    put_tensor(g, name, ONNX_F32, dims, rank, v, (size_t)n * sizeof *v);
    free(v);
}

/* Three layers of 256. */
static inline bytes dense_model(void)
{
    bytes g = {0};

    put_input(&g, "x", ONNX_F32, "8,256");
    put_weights(&g, "w1", (int64_t[]){256, 256}, 2, 0.1f);
    put_weights(&g, "w2", (int64_t[]){256, 256}, 2, 0.1f);
    put_weights(&g, "w3", (int64_t[]){256, 16}, 2, 0.1f);
    put_weights(&g, "b1", (int64_t[]){256}, 1, 0.5f);
    put_op(&g, "MatMul", "x,w1", "p1");
    put_op(&g, "Add", "p1,b1", "q1");
    put_op(&g, "Relu", "q1", "r1");
    put_op(&g, "MatMul", "r1,w2", "p2");
    put_op(&g, "Tanh", "p2", "r2");
    put_op(&g, "Add", "r2,r1", "s2");
    put_op(&g, "MatMul", "s2,w3", "p3");
    put_op(&g, "Softmax", "p3", "y");
    put_output(&g, "y", ONNX_F32, "8,16");
    return model_of(&g, 13);
}

static inline void put_conv(bytes *g, const char *in, const char *out, int pad, int stride)
{
    bytes n = node_begin("Conv", in, out);

    node_ints(&n, "pads", (int64_t[]){pad, pad, pad, pad}, 4);
    node_ints(&n, "strides", (int64_t[]){stride, stride}, 2);
    put_node(g, &n);
}

/* A residual block between a stem and a head. */
static inline bytes picture_model(void)
{
    bytes g = {0};

    put_input(&g, "x", ONNX_F32, "1,3,32,32");
    put_weights(&g, "k1", (int64_t[]){32, 3, 3, 3}, 4, 0.4f);
    put_weights(&g, "k2", (int64_t[]){32, 32, 3, 3}, 4, 0.1f);
    put_weights(&g, "k3", (int64_t[]){32, 32, 3, 3}, 4, 0.1f);
    put_weights(&g, "c1", (int64_t[]){32}, 1, 0.5f);
    put_weights(&g, "f1", (int64_t[]){32, 10}, 2, 0.5f);
    put_conv(&g, "x,k1,c1", "a", 1, 2);
    put_op(&g, "Relu", "a", "b");
    put_conv(&g, "b,k2", "c", 1, 1);
    put_op(&g, "Relu", "c", "d");
    put_conv(&g, "d,k3", "e", 1, 1);
    put_op(&g, "Add", "e,b", "f");
    put_op(&g, "Relu", "f", "h");
    put_op(&g, "GlobalAveragePool", "h", "i");
    put_op(&g, "Flatten", "i", "j");
    put_op(&g, "MatMul", "j,f1", "y");
    put_output(&g, "y", ONNX_F32, "1,10");
    return model_of(&g, 13);
}

/* y = c ? relu(x @ w1) : tanh(x @ w2) + x; z = det of y's squares, which the CPU computes. */
static inline bytes branch_model(void)
{
    bytes yes = {0}, no = {0}, g = {0};

    put_op(&yes, "MatMul", "x,w1", "p");
    put_op(&yes, "Relu", "p", "a");
    put_output(&yes, "a", ONNX_F32, "4,4");
    put_op(&no, "MatMul", "x,w2", "q");
    put_op(&no, "Tanh", "q", "r");
    put_op(&no, "Add", "r,x", "b");
    put_output(&no, "b", ONNX_F32, "4,4");
    put_weights(&g, "w1", (int64_t[]){4, 4}, 2, 1);
    put_weights(&g, "w2", (int64_t[]){4, 4}, 2, 1);
    bytes n = node_begin("If", "c", "y");
    node_graph(&n, "then_branch", &yes);
    node_graph(&n, "else_branch", &no);
    put_node(&g, &n);
    put_op(&g, "Mul", "y,y", "yy");
    put_op(&g, "Add", "yy,x", "sum");
    put_op(&g, "Det", "sum", "z");
    put_input(&g, "c", ONNX_BOOL, "");
    put_input(&g, "x", ONNX_F32, "4,4");
    put_output(&g, "y", ONNX_F32, "4,4");
    put_output(&g, "z", ONNX_F32, "");
    return model_of(&g, 16);
}

#endif
