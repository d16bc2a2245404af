/* What a lowering offers: a kernel of src/kernels with its knobs and its launch, as data. Nothing
 * is compiled here and no device is needed; the builder compiles text (hone_candidate_text) and the
 * tuner times it.
 *
 * A step may need several kernels (a concatenation copies its inputs one by one): its parts. Of
 * every part one candidate is chosen; the first offered is the best guess. Parts run in their order
 * and do not depend on one another. */
#ifndef HONE_GPU_CANDIDATE_H
#define HONE_GPU_CANDIDATE_H

#include "base/tensor.h"
#include "base/text.h"
#include "kernels/kernels.h"
#include "op/op.h"
#include "op/program.h"

/* The device that a plan is for. */
typedef struct hone_gpu_facts {
    int arch; /* 90 for compute capability 9.0 */
    int n_sms;
    int shared_bytes; /* the most that a block can have */
    bool allows_tf32; /* float32 products may round their factors to tf32 */
    bool is_portable; /* PTX that newer devices shall take too */
} hone_gpu_facts;

typedef enum hone_gpu_arg_kind {
    HONE_GPU_IN,      /* the address of input `index` */
    HONE_GPU_OUT,     /* the address of output `index` */
    HONE_GPU_NUMBER,  /* `number`, in `bytes` */
    HONE_GPU_NOTHING, /* a null address */
    HONE_GPU_SCRATCH, /* the address of the launch's scratch: scratch_bytes */
    HONE_GPU_TICKETS, /* the address of words that are zero before the launch and after it */
} hone_gpu_arg_kind;

typedef struct hone_gpu_arg {
    hone_gpu_arg_kind kind;
    bool is_joined; /* continues the parameter before it: fields of a struct */
    int bytes;      /* of a number: 8 or 4 */
    int index;
    int64_t number;
} hone_gpu_arg;

/* How a constant input has to lie in memory: its elements, read as an array of extents dim[], with
 * the dimensions in another order, padded with zeros, in another element type. */
typedef struct hone_gpu_packing {
    hone_dtype dtype; /* HONE_NONE: the constant as it is */
    int rank;
    int64_t dim[HONE_MAX_RANK];
    int perm[HONE_MAX_RANK];       /* packed dimension i is dimension perm[i] of dim[] */
    int64_t padded[HONE_MAX_RANK]; /* extents of the packed form, at least dim[perm[i]] */
} hone_gpu_packing;

#define HONE_GPU_PACKED 4 /* inputs that can be packed: the first ones */

#define HONE_GPU_ARGS (HONE_PROGRAM_INPUTS + 16)

typedef struct hone_candidate {
    struct hone_candidate *next;
    int part;
    bool is_coarse; /* programs need no more than 16 bits of result have */
    const hone_kernel_text *kernel;
    hone_arena *arena;
    hone_text knobs; /* C++: what stands between the prelude and the kernel's text */
    hone_text name;  /* "row_softmax<f16,1000,256" until it is closed */
    uint32_t grid[3], block[3], cluster[3];
    uint32_t shared_bytes;
    size_t scratch_bytes; /* of device memory, while it runs */
    size_t n_tickets;
    double us; /* what a model or a clock says; 0: not known */
    int n_args;
    hone_gpu_arg args[HONE_GPU_ARGS];
    hone_gpu_packing packing[HONE_GPU_PACKED];
} hone_candidate;

/* Where a kernel takes this long, its blocks had better be spread over idle processors than begin
 * early on the few that are free by then: ResNet-50 in exact float32 takes 1.07 ms so and 1.66 ms
 * with early starts, in float16 0.28 and 0.23 ms (one H100). */
static inline bool hone_gpu_waits(double us)
{
    return us > 10;
}

/* One step being lowered: as a call of the CPU backend, without data. Constants have theirs. */
typedef struct hone_lower {
    hone_arena *arena; /* owns the candidates */
    hone_gpu_facts device;
    int op; /* hone_op_id */
    const hone_attrs *attrs;
    int n_in, n_out;
    const hone_tensor *const *in;
    const hone_tensor *const *out;
    int n_parts; /* begun so far */
    hone_candidate *first, *last;
} hone_lower;

static inline const hone_tensor *hone_lower_in(const hone_lower *lower, int i)
{
    return i < lower->n_in ? lower->in[i] : NULL;
}

static inline const hone_tensor *hone_lower_out(const hone_lower *lower, int i)
{
    return i < lower->n_out ? lower->out[i] : NULL;
}

/* The next candidates are for another part of the step. */
void hone_lower_part(hone_lower *lower);

/* A candidate of the present part (the first call begins part 0). NULL where the device is older
 * than the kernel's limit: the lowering then offers others, or none. */
hone_candidate *hone_lower_candidate(hone_lower *lower, const char *kernel);

/* The candidates of the present part by what they are thought to take, the least first. */
void hone_lower_sort(hone_lower *lower);

/* Knobs, in the order in which the name shows them. */
void hone_knob_type(hone_candidate *c, const char *name, hone_dtype dtype);
void hone_knob_word(hone_candidate *c, const char *name,
                    int bytes); /* an unsigned word of so many */
void hone_knob_int(hone_candidate *c, const char *name, int64_t value);
void hone_knob_bool(hone_candidate *c, const char *name, bool value);
void hone_knob_float(hone_candidate *c, const char *name, float value);
void hone_knob_double(hone_candidate *c, const char *name, double value);
/* name(i) is values[i]. */
void hone_knob_ints(hone_candidate *c, const char *name, const int64_t *values, int n);
/* index_t: 32 bits where every count and offset of the step fits. */
void hone_knob_index(hone_candidate *c, int64_t most);

void hone_candidate_in(hone_candidate *c, int index);
void hone_candidate_out(hone_candidate *c, int index);
void hone_candidate_number(hone_candidate *c, int64_t number); /* eight bytes */
void hone_candidate_int(hone_candidate *c, int64_t number);    /* four */
void hone_candidate_nothing(hone_candidate *c);
void hone_candidate_scratch(hone_candidate *c, size_t bytes);
void hone_candidate_tickets(hone_candidate *c, size_t words);

/* Input `input`, a constant, shall be packed: begins with its own extents in their order, to be
 * changed. */
hone_gpu_packing *hone_candidate_pack(hone_candidate *c, int input, const hone_tensor *constant,
                                      hone_dtype dtype);
size_t hone_gpu_packed_size(const hone_gpu_packing *packing);
bool hone_gpu_packing_equal(const hone_gpu_packing *a, const hone_gpu_packing *b);
/* from: the constant's dense elements of type `dtype`; to: hone_gpu_packed_size bytes. */
void hone_gpu_pack_into(const hone_gpu_packing *packing, hone_dtype dtype, const void *from,
                        void *to);

/* A grid of one dimension: `work` threads' worth of blocks. false where it is too large. */
bool hone_launch(hone_candidate *c, int64_t work, int threads);

/* What to compile: prelude, knobs, kernel. In the arena. */
const char *hone_candidate_text(const hone_candidate *c);
/* "row_softmax<f16,1000,256>", in the arena. */
const char *hone_candidate_name(const hone_candidate *c);

/* "f16", "float": the type's name in kernels; NULL where kernels have none. */
const char *hone_gpu_type(hone_dtype dtype);
bool hone_gpu_is_float(hone_dtype dtype);  /* f32, f16, bf16 */
bool hone_gpu_is_coarse(hone_dtype dtype); /* f16, bf16 */

/* The most elements that a thread can move at once: a divisor of n, and 16 bytes of the smallest
 * type at most. */
int hone_gpu_pack(hone_dtype dtype, int64_t n);

#endif
