/* The graph: SSA values with type, symbolic shape, name and optional constant; nodes in an order in
 * which every value is defined before its uses; subgraphs for If, Loop and Scan, whose nodes may
 * use values of the graphs around them.
 *
 * Everything lives in the module's arena and is freed with it; removing a node only unlinks it.
 * Use-lists are kept by the functions below, so edit through them alone. Single-threaded. */
#ifndef HONE_IR_GRAPH_H
#define HONE_IR_GRAPH_H

#include "op/op.h"
#include "op/program.h"

typedef struct hone_value hone_value;
typedef struct hone_node hone_node;
typedef struct hone_graph hone_graph;
typedef struct hone_module hone_module;

/* The contents of a constant: dense row-major bytes. `data` may be a view into the mapped model, so
 * it may be unaligned and must not be written. Strings: hone_string elements. */
typedef struct hone_constant {
    const void *data;
    size_t size;
    bool is_splat; /* every element is the one that data holds; size is then that of one element */
} hone_constant;

typedef struct hone_use {
    hone_node *node; /* NULL: an output of `graph` */
    hone_graph *graph;
    int index;
    struct hone_use *prev, *next;
} hone_use;

struct hone_value {
    int id; /* unique in the module, small: an index for side tables of hone_module_value_count() */
    const char *name; /* unique in the module, never NULL */
    hone_type type;
    int n_elem; /* partial value, as in hone_fact; -1: none */
    const hone_extent *elem;
    const hone_constant *constant; /* or NULL */
    hone_node *def;                /* or NULL: constant or graph input */
    int def_index;
    hone_graph *graph; /* where it is defined or an input */
    hone_use *first_use, *last_use;
};

struct hone_node {
    hone_op_id op;
    const char *name; /* from the model, or made up; never NULL; not necessarily unique */
    hone_attrs attrs;
    int n_in, n_out, n_sub;
    hone_value **in;   /* NULL: an absent optional input */
    hone_value **out;  /* NULL: an unused optional output */
    hone_use *use;     /* n_in of them, the edges of in[] */
    hone_graph **sub;  /* If: then, else; Loop, Scan, SequenceMap: body */
    hone_graph *graph; /* that it stands in; NULL once removed */
    hone_node *prev, *next;
    unsigned mark; /* free for passes */
};

struct hone_graph {
    hone_module *module;
    hone_node *owner; /* of a subgraph; NULL for the main graph */
    const char *name;
    hone_node *first, *last;
    int n_in, n_out;
    hone_value **in;
    hone_value **out;
    hone_use *out_use;
};

/* A key and a text that travel with the model into the plan: the ONNX metadata, labels. */
typedef struct hone_property {
    const char *key, *value;
} hone_property;

struct hone_module {
    hone_arena *arena;
    hone_extents *extents;
    hone_graph *main;
    int n_values; /* ids given so far */
    HONE_VEC(hone_property) properties;
    struct hone_names *names; /* values by name, see names.c */
    hone_fact *facts;         /* scratch of inference, n_facts of them */
    int n_facts;
    int infer_depth; /* control-flow nodes being inferred, and what they know of loops, see
                        control.c */
    uint16_t *carried;
    int n_carried;
};

hone_module *hone_module_create(hone_arena *arena); /* with an empty main graph */
int hone_module_value_count(const hone_module *module);
void hone_module_property(hone_module *module, const char *key,
                          const char *value); /* sets; copies */

/* A new graph; with an owner, appended to its subgraphs. */
hone_graph *hone_graph_create(hone_module *module, hone_node *owner, const char *name);
/* A new value: name is copied and made unique by a suffix if taken; NULL makes one up ("v12"). */
hone_value *hone_value_create(hone_graph *graph, const char *name, const hone_type *type);
hone_value *hone_graph_input(hone_graph *graph, const char *name,
                             const hone_type *type);          /* created and appended */
void hone_graph_output(hone_graph *graph, hone_value *value); /* appended */
void hone_graph_set_output(hone_graph *graph, int index, hone_value *value);
/* A constant value; data is not copied (hone_arena_copy first if it does not live as long as the
 * module). */
hone_value *hone_graph_constant(hone_graph *graph, const char *name, hone_dtype dtype,
                                const hone_dims *dims, const void *data, size_t size);
hone_value *hone_graph_splat(hone_graph *graph, const char *name, hone_dtype dtype,
                             const hone_dims *dims, const void *element);
hone_value *hone_graph_ints(hone_graph *graph, const char *name, const int64_t *v,
                            int n);                            /* int64 [n] */
hone_value *hone_graph_scalar_f32(hone_graph *graph, float x); /* float32 [] */

/* A new node before `before` (NULL: at the end), with default attributes. in is copied; entries may
 * be NULL. n_out outputs are created with unknown type (see hone_node_infer); their names are made
 * up unless set afterwards with hone_value_rename. */
hone_node *hone_node_create(hone_graph *graph, hone_node *before, hone_op_id op, const char *name,
                            hone_value *const *in, int n_in, int n_out);
void hone_value_rename(hone_value *value, const char *name);             /* made unique */
void hone_node_set_input(hone_node *node, int index, hone_value *value); /* keeps use-lists */
void hone_node_resize_inputs(hone_node *node, int n_in);                 /* new ones NULL */
void hone_node_remove(
    hone_node *node); /* its outputs must have no uses; its subgraphs go with it */
void hone_node_drop_output(hone_node *node,
                           int index); /* which has no uses: out[index] becomes NULL */
void hone_node_move(hone_node *node, hone_node *before); /* within its graph */
/* Every use of `from` (graph outputs too) becomes a use of `to`, but for those of the node that
 * defines `to`. The name of an output of the main graph moves with it; where `to` cannot take it
 * (hone_value_can_rename is false), a new identity node behind `to` does. A rule that removes
 * identities must ask first, lest it runs forever. */
void hone_value_replace(hone_value *from, hone_value *to);
/* false for inputs and outputs of the main graph: their names are the model's. */
bool hone_value_can_rename(const hone_value *value);
/* The value of this name that is in use in the module, or NULL. */
hone_value *hone_module_find(const hone_module *module, const char *name);
int hone_value_use_count(const hone_value *value);
bool hone_value_has_one_use(const hone_value *value); /* exactly one, and not as a graph output */
bool hone_value_is_output(const hone_value *value);   /* of any graph */
bool hone_graph_is_within(const hone_graph *graph, const hone_graph *outer);
bool hone_type_equal(const hone_type *a, const hone_type *b);

/* Runs the node's inference and writes its outputs' types and partial values. Errors name the node.
 * CONTROL nodes infer their subgraphs too (loop-carried shapes that change from round to round
 * become unknown extents). */
hone_status hone_node_infer(hone_node *node);
hone_status hone_graph_infer(hone_graph *graph); /* every node, in order */
void hone_fact_of(const hone_value *value, hone_fact *fact);

/* Constants as numbers. */
bool hone_value_is_static(
    const hone_value *value); /* a tensor with known type and numeric extents */
bool hone_value_ints(const hone_value *value, int64_t *out, int room,
                     int *n); /* constant or fully known partial value */
bool hone_value_scalar(const hone_value *value,
                       double *out); /* constant with one element, or a splat */
/* The dense bytes of a constant (a splat is spread out in the arena). */
const void *hone_value_dense(hone_module *module, const hone_value *value);

/* Invariants: order, use-lists, arity, types set, names unique, captures only from enclosing
 * graphs, constants' sizes. The message says which is broken. */
hone_status hone_graph_verify(const hone_graph *graph);

/* IR text: exact, print then parse gives the same graph. Large constants are printed as base64 of
 * their bytes where `with_data`, else as their hash (and then do not parse back). See docs/ir.md.
 */
void hone_module_print(const hone_module *module, bool with_data, hone_text *out);
hone_status hone_module_parse(hone_arena *arena, hone_bytes text, hone_module **out);

#define HONE_EACH_NODE(node, graph)                                                                \
    for (hone_node *node = (graph)->first, *node##_next_ = node ? node->next : NULL; node;         \
         node = node##_next_, node##_next_ = node ? node->next : NULL)

#endif
