/* The importer's inside: its state, the node that is being imported, and what operator importers
 * (import_*.c of onnx.def) build with. */
#ifndef HONE_ONNX_IMPORT_H
#define HONE_ONNX_IMPORT_H

#include "ir/graph.h"
#include "onnx/lookup.h"
#include "onnx/model.h"
#include "onnx/onnx.h"

typedef struct hone_call hone_call;

/* Makes the nodes for one ONNX node and sets call->out. Besides its own errors those of the emit
 * functions count, which are kept in call->status. HONE_ERR_UNSUPPORTED puts the node on the list
 * of those that cannot be taken. */
typedef hone_status (*hone_import_fn)(hone_call *call);

/* A row of onnx.def: how nodes of (domain, type) are imported from opset `since` on. */
typedef struct hone_onnx_row {
    const char *domain, *type;
    int since;
    hone_import_fn import;
    hone_op_id op;
} hone_onnx_row;

const hone_onnx_row *hone_onnx_rows(int *n);
/* The row with the greatest since <= version. *known: there is a row of another version. */
const hone_onnx_row *hone_onnx_row_find(const char *domain, const char *type, int64_t version,
                                        int *first);
/* The newest opset of a domain that the rows were checked against; 0 where Hone does not know the
 * domain. */
int hone_onnx_newest_opset(const char *domain);
const char *hone_onnx_domain(const char *domain); /* "ai.onnx" becomes "" */

/* Names of values: a graph's, and through `outer` those of the graphs around it. A NULL value is a
 * function's input that the caller left out. */
typedef struct hone_scope {
    const struct hone_scope *outer;
    hone_lookup names;
} hone_scope;

/* Where nodes stand: in the model's own graphs, or in a function that is being inlined. */
typedef struct hone_frame {
    const struct hone_frame *caller; /* NULL: the model's own graphs */
    const hone_onnx_function *function;
    const hone_onnx_opset *opsets;
    int n_opsets;
    const hone_onnx_attribute *const *attributes; /* what references by name stand for */
    int n_attributes;
    const char *prefix; /* of the names of values and nodes: "" or "call/" */
    int depth;          /* of functions and subgraphs together */
    bool in_body; /* in a subgraph: whether its types contradict is for inference of the whole to
                     say */
} hone_frame;

/* A sequence whose items are known values: it is taken apart while importing and never reaches the
 * IR. An optional that holds nothing is one, too. */
typedef struct hone_list {
    const hone_value *value; /* stands for the list in scopes; used by no node */
    bool is_nothing;
    int n;
    hone_value **items;
} hone_list;

typedef struct hone_import {
    hone_arena *arena;
    hone_module *module;
    const hone_onnx_options *options;
    const hone_onnx_model *model;
    hone_lookup functions;              /* "domain:name:overload" -> hone_onnx_function */
    hone_lookup files;                  /* location -> hone_map */
    HONE_VEC(hone_list) lists;          /* in the order of their values' ids */
    HONE_VEC(const char *) unsupported; /* lines of the report */
    int n_unsupported;
    size_t work;
    int64_t n_done, n_total;
} hone_import;

struct hone_call {
    hone_import *import;
    const hone_frame *frame;
    const hone_scope *scope;
    hone_graph *graph;
    const hone_onnx_node *proto;
    const char *name, *domain;
    int64_t opset;
    hone_op_id op; /* of the row; none where the row's importer does not say */
    int n_in, n_out;
    hone_value **in;  /* NULL: absent; trailing absent ones are cut */
    hone_value **out; /* to be set by the importer */
    int n_attributes;
    const hone_onnx_attribute **attributes; /* references resolved */
    bool *used;                             /* attributes that were asked for */
    int first_id;                           /* values made by this call have it or greater ones */
    hone_status status;
    bool named; /* the message names the node already */
};

enum {
    HONE_IMPORT_MAX_DEPTH = 64, /* subgraphs and functions within one another */
    HONE_IMPORT_MAX_WORK =
        1024 * 1024,                  /* nodes after inlining, and what else costs time or memory */
    HONE_IMPORT_MAX_ATTRIBUTES = 128, /* of a node or function */
    HONE_IMPORT_MAX_OPSETS = 256,
    HONE_IMPORT_MAX_NAME = 512,  /* longer names of inner values are cut */
    HONE_IMPORT_MAX_LIST = 4096, /* items of a sequence */
    HONE_IMPORT_MAX_REPORT = 24  /* lines; further nodes are counted */
};
#define HONE_IMPORT_MAX_SPREAD                                                                     \
    ((size_t)1 << 30) /* bytes of one tensor that is not stored densely */

/* Counts what the file makes the importer do against HONE_IMPORT_MAX_WORK: one for each node, and
 * as much as a node's time and memory for other things. A function's contents count at every call.
 */
hone_status hone_import_spend(hone_import *im, size_t work);

/* import_sequence.c */
const hone_list *hone_list_find(const hone_import *im, const hone_value *value); /* or NULL */
hone_value *hone_list_copy(hone_call *call, const hone_list *list);

/* import_type.c: types; `name` gives the names of extents that have none. outer: a type of the
 * model's inputs, whose extents are the user's to choose. */
hone_status hone_import_type(hone_import *im, const hone_onnx_type *type, const char *name,
                             bool outer, hone_type *out);
hone_status hone_import_dims(hone_onnx_ints dims, const char *name, hone_dims *out);

/* import_tensor.c: constants. */
typedef struct hone_onnx_array {
    hone_dtype dtype;
    hone_dims dims;
    const void *data;
    size_t size;
} hone_onnx_array;
hone_status hone_import_array(hone_import *im, const hone_onnx_tensor *tensor,
                              hone_onnx_array *out);
hone_status hone_import_sparse(hone_import *im, const hone_onnx_sparse_tensor *sparse,
                               hone_onnx_array *out);

/* import_external.c: the bytes of a tensor that are in a file beside the model. */
hone_status hone_import_external(hone_import *im, const hone_onnx_tensor *tensor, size_t size,
                                 hone_bytes *out);

/* import_graph.c: the nodes of a graph or function. */
hone_status hone_import_initializers(hone_import *im, const hone_frame *frame, hone_scope *scope,
                                     hone_graph *graph, const hone_onnx_graph *proto);
hone_status hone_import_nodes(hone_import *im, const hone_frame *frame, hone_scope *scope,
                              hone_graph *graph, const hone_onnx_node *nodes, int n);
hone_value *hone_scope_find(const hone_scope *scope, const char *name, bool *found);
hone_status hone_scope_add(hone_scope *scope, const char *name, hone_value *value,
                           const char *what);
const char *hone_frame_name(hone_import *im, const hone_frame *frame, const char *name);

/* import_sort.c: order[] such that every node comes after those whose outputs it uses. */
hone_status hone_import_sort(hone_import *im, const hone_onnx_node *nodes, int n, const char *graph,
                             int **order);

/* import_node.c */
hone_status hone_import_node(hone_import *im, const hone_frame *frame, hone_scope *scope,
                             hone_graph *graph, const hone_onnx_node *proto, int index);

/* import_function.c */
hone_status hone_import_functions(hone_import *im);
const hone_onnx_function *hone_import_function_find(hone_import *im, const hone_onnx_node *node);
hone_status hone_import_function(hone_call *call, const hone_onnx_function *function);
const char *
hone_call_prefix(hone_call *call); /* of the names of what stands inside the node: "call/" */

/* call.c: attributes of the node that is being imported. Those that ask for one return the default
 * where it is absent, and keep HONE_ERR_FORMAT in call->status where it has another type. */
const hone_onnx_attribute *hone_call_attribute(hone_call *call, const char *name,
                                               hone_onnx_attribute_type type);
bool hone_call_has(const hone_call *call, const char *name);
int64_t hone_call_int(hone_call *call, const char *name, int64_t otherwise);
float hone_call_float(hone_call *call, const char *name, float otherwise);
bool hone_call_ints(hone_call *call, const char *name, hone_ints *out); /* false where absent */
bool hone_call_floats(hone_call *call, const char *name, hone_floats *out);
const char *hone_call_text(hone_call *call, const char *name, const char *otherwise);
void hone_call_ignore(hone_call *call, const char *name);
/* Maps every attribute not yet asked for onto those of `op` by name. */
hone_status hone_call_map(hone_call *call, hone_op_id op, hone_attrs *attrs);
hone_status hone_call_unsupported(hone_call *call, const char *format, ...) HONE_PRINTF(2, 3);
hone_status hone_call_malformed(hone_call *call, const char *format, ...) HONE_PRINTF(2, 3);
static inline hone_value *hone_call_in(const hone_call *call, int i)
{
    return i < call->n_in ? call->in[i] : NULL;
}

/* emit.c: new nodes and constants. Nodes are inferred at once; an error is kept in call->status. */
#define HONE_IN(...)                                                                               \
    (hone_value *const[]){__VA_ARGS__},                                                            \
        (int)(sizeof((hone_value *const[]){__VA_ARGS__}) / sizeof(hone_value *))
/* attrs: NULL for the defaults. */
hone_node *hone_emit_node(hone_call *call, hone_op_id op, const hone_attrs *attrs,
                          hone_value *const *in, int n_in, int n_out);
hone_value *hone_emit(hone_call *call, hone_op_id op, const hone_attrs *attrs,
                      hone_value *const *in, int n_in);
/* The node that stands for the whole call: its inputs, attributes by hone_call_map on top of attrs,
 * its outputs. */
hone_status hone_emit_whole(hone_call *call, hone_op_id op, const hone_attrs *attrs,
                            hone_value *const *in, int n_in);
hone_value *hone_emit_ints(hone_call *call, const int64_t *v, int n);
hone_value *hone_emit_int(hone_call *call, int64_t x); /* int64 [] */
/* One element [] of x's type, float32 where that is not known. */
hone_value *hone_emit_scalar(hone_call *call, const hone_value *like, double x);
hone_value *hone_emit_array(hone_call *call, const hone_onnx_array *array);
/* x with ones appended as last dimensions, or put in front. */
hone_value *hone_emit_ones_after(hone_call *call, hone_value *x, int n);
/* The rank of x, or -1. */
static inline int hone_rank(const hone_value *x)
{
    return x->type.kind == HONE_KIND_TENSOR ? x->type.shape.rank : -1;
}

#define ROW(domain, type, since, importer, op) hone_status hone_import_##importer(hone_call *call);
#include "onnx/onnx.def"
#undef ROW

#endif
