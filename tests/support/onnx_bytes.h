/* Writes small ONNX models for tests: a protobuf writer of some lines, so that tests do not need
 * files or Python.
 *
 *     bytes m = {0};
 *     model_begin(&m); graph_input(&m, "x", 1, "N,4"); node(&m, "Relu", "x", "y"); graph_output(&m,
 * "y", 1, ""); model_end(&m);
 */
#ifndef TESTS_SUPPORT_ONNX_BYTES_H
#define TESTS_SUPPORT_ONNX_BYTES_H

#include <assert.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

typedef struct bytes {
    uint8_t *v;
    size_t n;
} bytes;

static inline void put(bytes *b, const void *data, size_t n)
{
    b->v = realloc(b->v, b->n + n + 1);
    assert(b->v);
    if (n)
        memcpy(b->v + b->n, data, n);
    b->n += n;
}

static inline void put_varint(bytes *b, uint64_t x)
{
    do {
        const uint8_t byte = (uint8_t)((x & 127) | (x > 127 ? 128 : 0));
        put(b, &byte, 1);
        x >>= 7;
    } while (x);
}

static inline void put_int(bytes *b, int field, int64_t x)
{
    put_varint(b, (uint64_t)field << 3);
    put_varint(b, (uint64_t)x);
}

static inline void put_bytes(bytes *b, int field, const void *data, size_t n)
{
    put_varint(b, (uint64_t)field << 3 | 2);
    put_varint(b, n);
    put(b, data, n);
}

static inline void put_text(bytes *b, int field, const char *text)
{
    put_bytes(b, field, text, strlen(text));
}

/* Appends a finished message and frees it. */
static inline void put_message(bytes *b, int field, bytes *message)
{
    put_bytes(b, field, message->v, message->n);
    free(message->v);
    *message = (bytes){0};
}

/* TypeProto of a tensor: dims "N,4" (a word is a dim_param); NULL: no shape. */
static inline bytes tensor_type(int dtype, const char *dims)
{
    bytes shape = {0}, tensor = {0}, type = {0};

    put_int(&tensor, 1, dtype);
    for (const char *p = dims; p && *p;) {
        bytes dim = {0};
        char word[64];
        const size_t n = strcspn(p, ",");
        snprintf(word, sizeof word, "%.*s", (int)n, p);
        if (word[0] >= '0' && word[0] <= '9')
            put_int(&dim, 1, strtoll(word, NULL, 10));
        else
            put_text(&dim, 2, word);
        put_message(&shape, 1, &dim);
        p += n + (p[n] == ',');
    }
    if (dims)
        put_message(&tensor, 2, &shape);
    put_message(&type, 1, &tensor);
    return type;
}

/* A ValueInfoProto in the given field of a graph: 11 input, 12 output. */
static inline void put_value(bytes *graph, int field, const char *name, int dtype, const char *dims)
{
    bytes value = {0}, type = tensor_type(dtype, dims);

    put_text(&value, 1, name);
    put_message(&value, 2, &type);
    put_message(graph, field, &value);
}

static inline void put_input(bytes *graph, const char *name, int dtype, const char *dims)
{
    put_value(graph, 11, name, dtype, dims);
}

static inline void put_output(bytes *graph, const char *name, int dtype, const char *dims)
{
    put_value(graph, 12, name, dtype, dims);
}

/* An initializer with raw data. */
static inline void put_tensor(bytes *graph, const char *name, int dtype, const int64_t *dims,
                              int rank, const void *data, size_t n)
{
    bytes t = {0};

    for (int i = 0; i < rank; i++)
        put_int(&t, 1, dims[i]);
    put_int(&t, 2, dtype);
    put_text(&t, 8, name);
    put_bytes(&t, 9, data, n);
    put_message(graph, 5, &t);
}

static inline void put_names(bytes *node, int field, const char *names)
{
    for (const char *p = names; *p;) {
        const size_t n = strcspn(p, ",");
        put_bytes(node, field, p, n);
        p += n + (p[n] == ',');
    }
}

static inline bytes node_begin(const char *op, const char *in, const char *out)
{
    bytes n = {0};

    put_names(&n, 1, in);
    put_names(&n, 2, out);
    put_text(&n, 4, op);
    return n;
}

static inline void node_int(bytes *node, const char *name, int64_t x)
{
    bytes a = {0};

    put_text(&a, 1, name);
    put_int(&a, 3, x);
    put_int(&a, 20, 2);
    put_message(node, 5, &a);
}

static inline void node_ints(bytes *node, const char *name, const int64_t *v, int n)
{
    bytes a = {0};

    put_text(&a, 1, name);
    for (int i = 0; i < n; i++)
        put_int(&a, 8, v[i]);
    put_int(&a, 20, 7);
    put_message(node, 5, &a);
}

static inline void node_graph(bytes *node, const char *name, bytes *graph)
{
    bytes a = {0};

    put_text(&a, 1, name);
    put_message(&a, 6, graph);
    put_int(&a, 20, 5);
    put_message(node, 5, &a);
}

static inline void put_node(bytes *graph, bytes *node)
{
    put_message(graph, 1, node);
}

static inline void put_op(bytes *graph, const char *op, const char *in, const char *out)
{
    bytes n = node_begin(op, in, out);
    put_node(graph, &n);
}

/* The model of a graph at an opset; the graph is freed. */
static inline bytes model_of(bytes *graph, int opset)
{
    bytes model = {0}, import = {0};

    put_text(graph, 2, "test");
    put_int(&model, 1, 8);
    put_int(&import, 2, opset);
    put_message(&model, 8, &import);
    put_message(&model, 7, graph);
    return model;
}

#endif
