/// Hone's runtime: loads a plan and runs it. This header and libhone are all that a deployed
/// program needs; build.h makes plans.
///
/// Conventions. Objects are opaque handles: create makes one, destroy takes NULL too and returns
/// nothing. Every call that can fail returns a hone_status; on failure its out-parameters are
/// untouched, nothing needs cleaning up, and hone_message() says what happened. Inputs are const;
/// results leave through the last parameter. Option structs begin with `size`, which their macro
/// sets; a zero field means its documented default:
///
///     hone_engine_create(plan, HONE_ENGINE_OPTIONS(.threads = 2), &engine);
///
/// The common path:
///
///     hone_plan_open("net.plan", NULL, &plan);             // mapped, checked
///     hone_engine_create(plan, NULL, &engine);             // immutable, shared by threads
///     hone_context_create(engine, NULL, &context);         // one inference at a time; owns
///     activations hone_context_bind(context, 0, image, image_size);    // inputs first, then
///     outputs, in the plan's order hone_context_bind(context, 1, scores, scores_size);
///     hone_context_run(context);
///
/// After hone_context_create nothing is allocated, unless the plan says that some value has no
/// bound (hone_plan_info.is_bounded).
#ifndef HONE_HONE_H
#define HONE_HONE_H

#include <hone/types.h>

#ifdef __cplusplus
extern "C" {
#endif

/// The library's version, "0.1.0". Threads: any.
HONE_API const char *hone_version(void);

/// The vector instructions in use on this CPU: "scalar", "avx2", "avx512", "neon". The environment
/// variable HONE_CPU forces one that the machine has.
HONE_API const char *hone_cpu_text(void);

// ---- devices ------------------------------------------------------------------------------------

/// How many NVIDIA GPUs the driver shows; it is opened by the first call. Threads: any.
///
/// Errors   HONE_ERR_DEVICE  there is no driver, it is too old, or it has no GPU: the message says
/// what to do
HONE_API hone_status hone_device_count(int *out);

/// A GPU, as its driver describes it. Numbers that the driver does not say are 0.
typedef struct hone_device_info {
    size_t size;
    const char *name;   ///< "NVIDIA H200"
    const char *arch;   ///< "sm_90"
    const char *uuid;   ///< "GPU-01234567-..."
    const char *pci;    ///< "0000:17:00.0"
    const char *driver; ///< "580.65.06"; "" where the system does not say
    int cuda_version;   ///< the newest that the driver runs: 13000 is 13.0
    int multiprocessors;
    int clock_mhz, memory_clock_mhz; ///< the highest
    int memory_bus_bits;
    size_t memory_bytes;
    size_t l2_bytes;
    size_t shared_bytes; ///< the most shared memory that one block can have
    bool is_integrated;  ///< shares the host's memory (Jetson)
} hone_device_info;

/// Fills *info, whose size field the caller sets. Makes no context: cheap, and takes no device
/// memory.
///
/// index    of "cuda:N"
/// Errors   HONE_ERR_ARGUMENT  there is no such device
///          HONE_ERR_DEVICE    as above
/// Threads: texts are valid until the thread's next question about a device
HONE_API hone_status hone_device_describe(int index, hone_device_info *info);

// ---- plans --------------------------------------------------------------------------------------

/// A compiled model: data, never code. Threads: immutable, any number may use it.
typedef struct hone_plan hone_plan;

typedef struct hone_plan_options {
    size_t size;
    const hone_allocator *allocator; ///< NULL: malloc's
    bool skip_checksums; ///< trust the bytes: for plans that something else has verified
} hone_plan_options;

#define HONE_PLAN_OPTIONS(...)                                                                     \
    (&(hone_plan_options){.size = sizeof(hone_plan_options), __VA_ARGS__})

/// Maps a plan file, checks its structure and its checksums.
///
/// options  may be NULL
/// Errors   HONE_ERR_IO        the file cannot be read
///          HONE_ERR_FORMAT    it is no plan, or a damaged one
///          HONE_ERR_CHECKSUM  a section's checksum differs
///          HONE_ERR_MISMATCH  made by a version or for a device that this library does not run
HONE_API hone_status hone_plan_open(const char *path, const hone_plan_options *options,
                                    hone_plan **out);

/// The same for a plan in memory, which must stay there, unchanged, until hone_plan_destroy;
/// aligned to 64 bytes.
HONE_API hone_status hone_plan_load(const void *data, size_t size, const hone_plan_options *options,
                                    hone_plan **out);

/// Engines keep what they need: a plan may be destroyed before its engines.
HONE_API void hone_plan_destroy(hone_plan *plan);

/// The plan's bytes: aligned to 64, valid as long as the plan.
HONE_API const void *hone_plan_data(const hone_plan *plan, size_t *size);

/// Writes the plan to a file, beside its place and then renamed: there is never half of one.
HONE_API hone_status hone_plan_save(const hone_plan *plan, const char *path);

/// Why the bytes cannot be run here: calls `reason` once for each cause (too new a format, another
/// device, a damaged section), before anything is loaded. HONE_OK means that no reason was found.
///
/// reason   may be NULL; text is valid during the call
/// Errors   HONE_ERR_FORMAT, HONE_ERR_CHECKSUM, HONE_ERR_MISMATCH: the gravest of the reasons
HONE_API hone_status hone_plan_check(const void *data, size_t size,
                                     void (*reason)(void *user, const char *text), void *user);

/// Facts about a plan. Texts belong to the plan.
typedef struct hone_plan_info {
    size_t size;
    const char *model;     ///< the graph's name
    const char *device;    ///< "cpu", "cuda"
    const char *precision; ///< "fp32"
    const char *producer;  ///< "hone 0.1.0"
    int n_inputs, n_outputs;
    int n_steps, n_values;
    size_t plan_bytes;
    size_t weight_bytes;
    size_t activation_bytes; ///< the arena of one context, at the largest shapes of the profile
    size_t live_bytes;    ///< the largest set of activations alive at once: no arena can be smaller
    size_t scratch_bytes; ///< per context
    bool is_bounded; ///< false: some value has no upper bound, and a context allocates for it while
                     ///< running
    const char *targets;            ///< of a plan for GPUs: "sm_90a", "sm_86 sm_89 ptx"; else ""
    size_t device_weight_bytes;     ///< GPU memory that an engine takes
    size_t device_activation_bytes; ///< GPU memory that a context takes
    int n_launches;                 ///< kernels of one inference on the first target
} hone_plan_info;

/// Fills *info, whose size field the caller sets: `hone_plan_info info = {.size = sizeof info};`
HONE_API hone_status hone_plan_describe(const hone_plan *plan, hone_plan_info *info);

/// An input or output. Extents that a profile leaves open are -1 in `shape`, between `min` and
/// `max`.
typedef struct hone_binding_info {
    size_t size;
    const char *name;
    hone_dtype dtype;
    const char *kind; ///< "tensor"; "sequence", "optional", "map" for values that are no tensors
    bool is_input;
    hone_dims shape, min, opt, max;
} hone_binding_info;

/// index: inputs first, then outputs, in the model's order.
HONE_API hone_status hone_plan_binding(const hone_plan *plan, int index, hone_binding_info *info);
/// The index of a binding by name; -1 where there is none.
HONE_API int hone_plan_binding_index(const hone_plan *plan, const char *name);

/// One step, for reports.
typedef struct hone_step_info {
    size_t size;
    const char *op;     ///< "conv"
    const char *name;   ///< the model's nodes that it stands for, joined with " + "
    const char *detail; ///< attributes and shapes, one line
    double flop;        ///< at the profile's opt shapes
    double bytes;       ///< read and written, weights included
    size_t weight_bytes;
    size_t scratch_bytes;
    const char *side;                       ///< "cpu", "cuda", "copy"
    const char *tactic;                     ///< kernels and knobs, joined with " + "; "" on the CPU
    unsigned grid[3], block[3], cluster[3]; ///< of its first launch; 0 on the CPU
    size_t shared_bytes;
    double us; ///< as measured when the plan was built; 0: not measured
} hone_step_info;
/// Threads: `detail` and `tactic` are valid until the thread's next question about a step.
HONE_API hone_status hone_plan_step_info(const hone_plan *plan, int index, hone_step_info *info);

/// Properties that travel with the model: "labels", "preprocess", ONNX metadata. NULL past the
/// last, or where absent.
HONE_API const char *hone_plan_property(const hone_plan *plan, const char *key);
HONE_API const char *hone_plan_property_at(const hone_plan *plan, int index, const char **value);

// ---- engines ------------------------------------------------------------------------------------

/// A plan made ready for a device. Threads: immutable, any number may use it.
typedef struct hone_engine hone_engine;

/// Decodes an encoded picture for plans that take one (operator hone:DecodeImage);
/// hone_media_decode of media.h is one. Called with rgb NULL to ask for the size, then with room
/// for width * height * 3 bytes.
typedef hone_status (*hone_decode_image)(void *user, const void *encoded, size_t encoded_size,
                                         int *width, int *height, uint8_t *rgb, size_t room);

typedef struct hone_engine_options {
    size_t size;
    const hone_allocator *allocator; ///< NULL: malloc's
    const hone_logger *logger;       ///< NULL: silence
    hone_decode_image decode_image;  ///< NULL: plans with DecodeImage are refused
    void *decode_user;
    const char *device; ///< of a plan for GPUs: "cuda", "cuda:1"; NULL: cuda:0
} hone_engine_options;

#define HONE_ENGINE_OPTIONS(...)                                                                   \
    (&(hone_engine_options){.size = sizeof(hone_engine_options), __VA_ARGS__})

/// Loads the plan: for a GPU its weights and kernels go into the device's memory.
///
/// Errors   HONE_ERR_MISMATCH  the plan has no kernels for this device, or this library lacks an
/// operator HONE_ERR_DEVICE    there is no such device, or the driver refuses HONE_ERR_MEMORY
HONE_API hone_status hone_engine_create(const hone_plan *plan, const hone_engine_options *options,
                                        hone_engine **out);
HONE_API void hone_engine_destroy(hone_engine *engine); ///< after its contexts

// ---- contexts -----------------------------------------------------------------------------------

/// One inference at a time: shapes, bindings, activations, threads. Threads: one at a time; several
/// contexts of one engine run side by side without a lock between them.
typedef struct hone_context hone_context;

typedef struct hone_context_options {
    size_t size;
    int threads;      ///< CPU threads, the caller's included; 0: the physical cores allowed to the
                      ///< process
    bool pin_threads; ///< thread i to the i-th allowed core
    bool caller_io;   ///< the caller binds every input and output: no memory is kept for them
    void *memory;     ///< for everything but threads: hone_context_memory() bytes at 64; NULL: the
                      ///< engine's allocator
    size_t memory_size;
    bool device_io; ///< of a plan for GPUs: the memory that the context lends for bindings is the
                    ///< device's, and a run copies nothing between host and device
} hone_context_options;

#define HONE_CONTEXT_OPTIONS(...)                                                                  \
    (&(hone_context_options){.size = sizeof(hone_context_options), __VA_ARGS__})

/// The bytes that a context takes, known before it is made.
HONE_API size_t hone_context_memory(const hone_engine *engine, const hone_context_options *options);

HONE_API hone_status hone_context_create(const hone_engine *engine,
                                         const hone_context_options *options, hone_context **out);
HONE_API void hone_context_destroy(hone_context *context);

/// Sets the extents of an input; needed where the plan leaves some open (until then the profile's
/// opt shape holds).
///
/// Errors   HONE_ERR_ARGUMENT  no such input, or outside the profile: the message has the allowed
/// ranges
HONE_API hone_status hone_context_set_shape(hone_context *context, int binding,
                                            const hone_dims *shape);

/// The extents of a binding under the present input shapes; of an output that depends on data, -1
/// before a run and the true extent after it.
HONE_API hone_status hone_context_shape(const hone_context *context, int binding, hone_dims *out);

/// Gives a binding the caller's memory, which is read or written in place: row-major, at least as
/// large as the shape needs, aligned to the element, alive until the run ends or another call
/// replaces it. NULL takes it back: the context then lends memory of its own (hone_context_data).
HONE_API hone_status hone_context_bind(hone_context *context, int binding, void *data, size_t size);

/// The memory of a binding: the caller's, or the context's own (valid until the next run or shape
/// change; outputs whose extents depend on data are always in the context's own memory unless bound
/// to enough room).
HONE_API hone_status hone_context_data(hone_context *context, int binding, hone_tensor *out);

/// One inference: returns when the outputs are there. The calling thread works too and needs 512
/// KiB of stack.
///
/// Errors   HONE_ERR_STATE   an input is not bound
///          HONE_ERR_DEVICE  a step failed: an index out of range in the data, a shape that does
///          not fit HONE_ERR_LIMIT   an extent that depends on data is over its bound
HONE_API hone_status hone_context_run(hone_context *context);

// ---- GPUs
// ----------------------------------------------------------------------------------------
//
// A binding's memory may be the device's, page-locked or ordinary host memory: hone_context_bind
// finds out which. Host memory is copied by the run, device memory is used as it is.

/// Makes everything ready for the present shapes and bindings, so that the next enqueue or run with
/// them allocates nothing: the shape program is evaluated and the graph instantiated. Graphs of the
/// last 16 combinations of shapes are kept. A run does this itself where it was not done.
HONE_API hone_status hone_context_prepare(hone_context *context);

/// Gives one inference to `stream` (a CUstream or cudaStream_t; NULL: the context's own) and
/// returns without waiting for it. The inference may use its bindings until the stream has got past
/// it. Where the plan has steps on the CPU, or a binding is ordinary host memory, it waits for
/// those. On a plan for the CPU it is hone_context_run. All runs of a context use the same
/// activations: where they are given to several streams, the caller orders these.
///
/// Errors   as hone_context_run. HONE_ERR_STATE: an error of the device that cannot be recovered
///          from came before; every call of the context says so
HONE_API hone_status hone_context_enqueue(hone_context *context, void *stream);

/// Waits for what has been enqueued on the context's own stream; returns the error it met.
HONE_API hone_status hone_context_wait(hone_context *context);

/// Copies the caller's bytes into the memory of a binding, or out of it, wherever that is, and
/// waits. size: at most the binding's memory.
HONE_API hone_status hone_context_write(hone_context *context, int binding, const void *data,
                                        size_t size);
HONE_API hone_status hone_context_read(hone_context *context, int binding, void *data, size_t size);

/// Times of one run between events of the device, in milliseconds.
typedef struct hone_run_times {
    size_t size;
    double h2d_ms;    ///< inputs to the device
    double device_ms; ///< the steps
    double d2h_ms;    ///< outputs to the host
} hone_run_times;
/// Events are recorded around the parts of each run and enqueue; off by default.
HONE_API hone_status hone_context_timing(hone_context *context, bool on);
/// Of the last run; waits for it. HONE_ERR_STATE where timing is off or nothing has run.
HONE_API hone_status hone_context_times(hone_context *context, hone_run_times *times);

/// What the board's counter of energy says, in millijoules since some moment; 0 where it has none.
HONE_API uint64_t hone_engine_energy_mj(const hone_engine *engine);

// ---- profiles
// ------------------------------------------------------------------------------------

/// Times of the last run by step, in milliseconds, where profiling is on; n_steps of the plan. Off
/// by default.
HONE_API hone_status hone_context_profile(hone_context *context, bool on);
HONE_API const double *hone_context_step_ms(const hone_context *context);

#ifdef __cplusplus
}
#endif
#endif
