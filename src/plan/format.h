/* The plan file: little-endian, fixed-width structs, described for readers in docs/plan-format.md.
 * Change the two together, and HONE_PLAN_VERSION with them. */
#ifndef HONE_PLAN_FORMAT_H
#define HONE_PLAN_FORMAT_H

#include <stdint.h>

#include "hone/types.h"

#define HONE_PLAN_MAGIC   "HONEPLAN"
#define HONE_PLAN_VERSION 2
#define HONE_PLAN_ALIGN   64

typedef enum hone_section_kind {
    HONE_SECTION_TEXT,    /* terminated UTF-8 texts; a reference is a byte offset; offset 0 is "" */
    HONE_SECTION_INFO,    /* one hone_plan_info_record */
    HONE_SECTION_EXTENTS, /* hone_plan_extent: the shape program, operands before users */
    HONE_SECTION_VALUES,  /* hone_plan_value */
    HONE_SECTION_STEPS,   /* hone_plan_step_record, in the order of running */
    HONE_SECTION_REFS,    /* uint32 indices of values: the steps' inputs and outputs */
    HONE_SECTION_ATTRS,   /* encoded attributes of steps */
    HONE_SECTION_BINDINGS,   /* hone_plan_binding_record: inputs, then outputs */
    HONE_SECTION_PROPERTIES, /* pairs of text references: key, value */
    HONE_SECTION_TUNING,     /* text: how each step was chosen, a line each */
    HONE_SECTION_TARGETS,    /* hone_plan_target: GPU architectures that the plan has kernels for */
    HONE_SECTION_KERNELS,    /* hone_plan_kernel */
    HONE_SECTION_LAUNCHES,   /* hone_plan_launch: by target, then by step */
    HONE_SECTION_ARGS,       /* hone_plan_arg: the launches' arguments */
    HONE_SECTION_IMAGES,     /* machine code or PTX of kernels, each aligned to 64 */
    HONE_SECTION_WEIGHTS,    /* constants, each aligned to 64; those of the device first */
    HONE_SECTION_COUNT
} hone_section_kind;

typedef struct hone_plan_header {
    char magic[8];
    uint32_t version;
    uint32_t
        n_sections;    /* HONE_SECTION_COUNT: the table follows the header, in the order of kinds */
    uint64_t size;     /* of the whole plan */
    uint64_t checksum; /* XXH3-64 of the section table */
    char device[16];   /* "cpu" or "cuda", terminated */
    char producer[16]; /* "hone 0.1.0", terminated */
} hone_plan_header;

typedef struct hone_plan_section {
    uint32_t kind;
    uint32_t reserved;
    uint64_t offset; /* from the start of the plan, a multiple of 64 */
    uint64_t size;
    uint64_t checksum; /* XXH3-64 of the section's bytes */
} hone_plan_section;

typedef struct hone_plan_info_record {
    uint32_t model, precision; /* texts */
    uint64_t weight_bytes;
    uint64_t arena_bytes;   /* activations of the host, at the profile's largest shapes */
    uint64_t live_bytes;    /* on both sides */
    uint64_t scratch_bytes; /* of the host, on one thread */
    uint32_t flags;
    uint32_t reserved;
    uint64_t device_weight_bytes; /* the first so many of the weights */
    uint64_t device_arena_bytes;
    uint64_t ticket_bytes; /* device memory of a context that is zero before a run and after it */
    uint64_t reserved_2;
} hone_plan_info_record;

#define HONE_PLAN_UNBOUNDED                                                                        \
    1u /* some value has no upper bound: contexts allocate for it while running */

/* One expression of the shape program; op/extent.h has the kinds and the encoding of a and b: a
 * number, or INT64_MIN + 1 + i for expression i. */
typedef struct hone_plan_extent {
    uint32_t kind;
    uint32_t name; /* text, of a symbol */
    int64_t a, b;
    int64_t min, opt, max;
    uint32_t from_data;
    uint32_t reserved;
} hone_plan_extent;

typedef enum hone_storage {
    HONE_STORAGE_CONST,  /* offset in the weights */
    HONE_STORAGE_ARENA,  /* offset in the arena of the value's side */
    HONE_STORAGE_INPUT,  /* binding `offset` */
    HONE_STORAGE_OUTPUT, /* binding `offset` */
    HONE_STORAGE_ALIAS,  /* the bytes of value `offset`, which is no alias itself */
    HONE_STORAGE_HEAP,   /* no bound is known: grows while running */
    HONE_STORAGE_COUNT
} hone_storage;

typedef struct hone_plan_value {
    uint32_t name;
    uint8_t kind; /* hone_kind */
    uint8_t dtype;
    int8_t rank; /* -1: known only after a run */
    uint8_t storage;
    uint64_t offset;
    uint64_t room;              /* bytes */
    int64_t dim[HONE_MAX_RANK]; /* numbers or expressions */
    uint32_t flags;
    uint32_t reserved;
} hone_plan_value;

#define HONE_VALUE_PACKED 1u /* a constant in the form that its step's kernel packs */
#define HONE_VALUE_DEVICE 2u /* its bytes are in device memory; without: in the host's */

typedef enum hone_step_kind {
    HONE_STEP_KERNEL,       /* op on values */
    HONE_STEP_VIEW,         /* out[0] shows the bytes of in[0] */
    HONE_STEP_JUMP,         /* to step `target` */
    HONE_STEP_BRANCH_FALSE, /* to step `target` if the bool in[0] is false */
    HONE_STEP_CLEAR,        /* out[0] becomes empty: extent 0 along axis 0 */
    HONE_STEP_APPEND,       /* in[0] becomes one more entry of out[0] along axis 0 */
    HONE_STEP_LAUNCH,       /* op on values of the device, by its launches */
    HONE_STEP_TO_HOST,      /* out[0], of the host, becomes a copy of in[0], of the device */
    HONE_STEP_TO_DEVICE,    /* the other way round */
    HONE_STEP_COUNT
} hone_step_kind;

#define HONE_STEP_DYNAMIC 1u /* the extents of its outputs are inferred when it runs */

typedef struct hone_plan_step_record {
    uint16_t kind;
    uint16_t flags;
    uint16_t n_in, n_out;
    uint32_t op;   /* text: the operator's name, so that plans outlive a reordered table */
    uint32_t name; /* text: the model's nodes */
    uint32_t first_ref;
    uint32_t target;
    uint32_t attrs, attrs_size;
    uint64_t scratch;
    double flop, bytes;
} hone_plan_step_record;

#define HONE_REF_ABSENT UINT32_MAX /* in REFS: an optional input or output that is not there */

typedef struct hone_plan_binding_record {
    uint32_t value;
    uint32_t is_input;
    int64_t min[HONE_MAX_RANK], opt[HONE_MAX_RANK], max[HONE_MAX_RANK]; /* -1: not known */
} hone_plan_binding_record;

/* ---- the GPU's part ---------------------------------------------------------------------------
 */

/* Launches of one target stand behind one another, in the order of steps. */
typedef struct hone_plan_target {
    uint32_t name; /* text: "sm_90"; runs on devices of the same major and no older minor version */
    uint32_t arch; /* 90 */
    uint32_t is_exact; /* uses what only this very architecture has */
    uint32_t n_sms;    /* that the tactics were chosen for */
    uint32_t first_launch, n_launches;
} hone_plan_target;

typedef struct hone_plan_kernel {
    uint32_t function; /* text: its name in the image */
    uint32_t tactic;   /* text: kernel and knobs, "conv_implicit_gemm<f16,...>" */
    uint32_t is_ptx;   /* the image is PTX, which the driver compiles */
    uint32_t reserved;
    uint64_t image, image_size; /* in the images */
} hone_plan_kernel;

/* One launch. Each waits for the one before it by griddepcontrol, or by the end of it. */
typedef struct hone_plan_launch {
    uint32_t step, kernel;
    uint32_t grid[3], block[3], cluster[3]; /* cluster: blocks; 0: none */
    uint32_t shared_bytes;
    uint32_t first_arg, n_args;
    float us; /* as the tuner measured or guessed it; 0: not known */
    uint32_t flags;
} hone_plan_launch;

#define HONE_LAUNCH_WAITS 1u /* begins only when the one before it has ended */

typedef enum hone_arg_kind {
    HONE_ARG_VALUE,   /* the address of value `value`, plus `number` bytes */
    HONE_ARG_NUMBER,  /* `number` */
    HONE_ARG_TICKETS, /* the address of the context's tickets, plus `number` bytes */
    HONE_ARG_COUNT
} hone_arg_kind;

typedef struct hone_plan_arg {
    uint8_t kind;
    uint8_t bytes;     /* 8, or 4 for a number */
    uint8_t is_joined; /* continues the argument before it: both are fields of one struct */
    uint8_t reserved;
    uint32_t value;
    int64_t number;
} hone_plan_arg;

_Static_assert(sizeof(hone_plan_target) == 24, "a target has 24 bytes");
_Static_assert(sizeof(hone_plan_kernel) == 32, "a kernel has 32 bytes");
_Static_assert(sizeof(hone_plan_launch) == 64, "a launch has 64 bytes");
_Static_assert(sizeof(hone_plan_arg) == 16, "an argument has 16 bytes");
_Static_assert(sizeof(hone_plan_header) == 64, "a plan's header has 64 bytes");
_Static_assert(sizeof(hone_plan_section) == 32, "a section entry has 32 bytes");
_Static_assert(sizeof(hone_plan_info_record) == 80, "the info record has 80 bytes");
_Static_assert(sizeof(hone_plan_extent) == 56, "an expression has 56 bytes");
_Static_assert(sizeof(hone_plan_value) == 96, "a value has 96 bytes");
_Static_assert(sizeof(hone_plan_step_record) == 56, "a step has 56 bytes");
_Static_assert(sizeof(hone_plan_binding_record) == 200, "a binding has 200 bytes");

#endif
