/* The CPU backend's face: a kernel for each operator, its scratch and its packed weights; the
 * thread pool; and the table of vector functions that start-up fills for this machine. Folding, the
 * oracle and plans all call kernels through here. */
#ifndef HONE_CPU_CPU_H
#define HONE_CPU_CPU_H

#include "base/tensor.h"
#include "cpu/pool.h"
#include "op/op.h"
#include "op/program.h"

/* What a call may need of the world around it. */
typedef struct hone_cpu_env {
    const hone_allocator *allocator; /* of hone_cpu_run_once's scratch */
    /* Gives an output more room (t->data and t->size change; contents need not survive). NULL:
     * rooms are fixed. */
    hone_status (*grow)(void *user, hone_tensor *t, size_t size);
    void *grow_user;
    /* Decodes an encoded picture: 0 and rgb == NULL asks for the size. NULL: no decoder was given.
     */
    hone_status (*decode_image)(void *user, const void *encoded, size_t encoded_size, int *width,
                                int *height, uint8_t *rgb, size_t room);
    void *decode_user;
    uint64_t seed; /* of random operators without one */
} hone_cpu_env;

/* One operator, ready to run. */
typedef struct hone_cpu_call {
    int op; /* hone_op_id */
    const hone_attrs *attrs;
    int n_in, n_out;
    hone_tensor **in;  /* NULL: absent. Data is aligned to HONE_ALIGNMENT unless it is the caller's
                          or the model's own,  which is aligned to its element at least */
    hone_tensor **out; /* NULL: not wanted. Shapes are set, data has room; never overlaps an input,
                          except that a POINTWISE operator's output may be exactly one of its inputs
                          of the same size */
    const void
        *packed; /* in[1] as `pack` left it (in[1]->data is then NULL), or NULL: in[1] is plain */
    void
        *scratch; /* of the size that `scratch` asked for, aligned to HONE_ALIGNMENT; not cleared */
    hone_pool *pool; /* never NULL; may have one thread */
    const hone_cpu_env *env;
} hone_cpu_call;

/* For DATA_SHAPED operators: the kernel tells the extents of output k and gets the room for them:
 * out[k]->size where that is enough, else by env->grow (the data pointer changes), else
 * HONE_ERR_LIMIT: the plan's bound is exceeded. */
hone_status hone_cpu_set_extents(const hone_cpu_call *call, int k, const hone_dims *dims);

typedef struct hone_cpu_kernel {
    /* Whether it takes these element types (and attributes); data and shapes are not looked at.
     * NULL: any types. */
    bool (*takes)(const hone_cpu_call *call);
    hone_status (*run)(const hone_cpu_call *call);
    /* Bytes of scratch; shapes are set, data pointers of non-constants are NULL. NULL: none. */
    size_t (*scratch)(const hone_cpu_call *call);
    /* Bytes of the packed form of the constant in[1] (data set), or 0: leave it plain. NULL: never
     * packs. The form is the same for every CPU, so that plans are. */
    size_t (*pack_size)(const hone_cpu_call *call);
    void (*pack)(const hone_cpu_call *call, void *packed);
} hone_cpu_kernel;

/* The kernel of an operator; NULL where there is none yet. */
const hone_cpu_kernel *hone_cpu_kernel_of(int op);

/* Whether the kernel takes these element types (for folding, for the build's error list). in[],
 * out[] need dtype only. */
bool hone_cpu_supports(const hone_cpu_call *call);

/* Runs one operator with its own scratch from env->allocator (and one thread where pool is NULL):
 * for folding and tests, not for plans. Outputs of DATA_SHAPED operators may have data NULL and
 * size 0 where env->grow is set. */
hone_status hone_cpu_run_once(hone_cpu_call *call);

typedef enum hone_cpu_level {
    HONE_CPU_SCALAR,
    HONE_CPU_AVX2,   /* with FMA and F16C */
    HONE_CPU_AVX512, /* F, BW, DQ, VL; VNNI where it has it */
    HONE_CPU_NEON,
} hone_cpu_level;

/* Chooses the vector functions, once; HONE_CPU=scalar|avx2|avx512|neon in the environment forces a
 * level that the machine has. Threads: any, any number of times. */
void hone_cpu_init(void);
hone_cpu_level hone_cpu_level_now(void);
const char *hone_cpu_level_text(hone_cpu_level level);
bool hone_cpu_has_vnni(void);

#define OP(id, onnx, in_min, in_max, out_min, out_max, traits, infer, cpu)                         \
    extern const hone_cpu_kernel hone_cpu_##cpu;
#include "op/ops.def"
#undef OP

#endif
