/// Hone's builder: reads an ONNX model and compiles it into a plan. In libhone_build; deployed
/// programs do without.
///
///     hone_model_open("net.onnx", NULL, &model);
///     hone_build(model, HONE_BUILD_OPTIONS(.shapes = "input:1x3x224x224"), &plan);
///     hone_plan_save(plan, "net.plan");
#ifndef HONE_BUILD_H
#define HONE_BUILD_H

#include <hone/hone.h>

#ifdef __cplusplus
extern "C" {
#endif

/// An imported model. Threads: immutable, any number may build from it.
typedef struct hone_model hone_model;

typedef struct hone_model_options {
    size_t size;
    const hone_allocator *allocator; ///< NULL: malloc's
    const hone_logger *logger;
    const char *folder;  ///< of external data, for models from memory; NULL: such data is refused
    size_t memory_limit; ///< host bytes that import and build may take beyond the file; 0: 64 GiB
} hone_model_options;

#define HONE_MODEL_OPTIONS(...)                                                                    \
    (&(hone_model_options){.size = sizeof(hone_model_options), __VA_ARGS__})

/// Maps and imports an ONNX file; external data is opened beneath the file's folder only.
///
/// Errors   HONE_ERR_IO           the file or its external data cannot be read
///          HONE_ERR_FORMAT       it is no ONNX model, or one that contradicts itself
///          HONE_ERR_UNSUPPORTED  operators that Hone has not: the message has a line for every
///          node
HONE_API hone_status hone_model_open(const char *path, const hone_model_options *options,
                                     hone_model **out);
/// The same for a model in memory, which must stay there, unchanged, until hone_model_destroy.
HONE_API hone_status hone_model_load(const void *data, size_t size,
                                     const hone_model_options *options, hone_model **out);
HONE_API void hone_model_destroy(hone_model *model);

/// Facts about a model's inputs and outputs, as for plans; open extents are -1.
HONE_API int hone_model_inputs(const hone_model *model);
HONE_API int hone_model_outputs(const hone_model *model);
HONE_API hone_status hone_model_binding(const hone_model *model, int index,
                                        hone_binding_info *info);
/// "ir_version", "opset", "producer", "nodes", "parameters"; and the ONNX metadata. NULL where
/// absent.
HONE_API const char *hone_model_property(const hone_model *model, const char *key);

/// The model as IR text (docs/ir.md), given to `write` in pieces. Constants appear as their hash.
HONE_API hone_status hone_model_print(const hone_model *model,
                                      void (*write)(void *user, const char *text, size_t size),
                                      void *user);

/// The lowest precision that the builder may choose in a weakly typed model.
typedef enum hone_precision {
    HONE_PRECISION_DEFAULT = 0, ///< fp32; on GPUs tf32 too
    HONE_FP32 = 1,
    HONE_TF32 = 2,
    HONE_FP16 = 3,
    HONE_BFLOAT16 = 4,
    HONE_INT8 = 5,
    HONE_FP8 = 6,
} hone_precision;

/// How the kernels of a plan for a GPU are chosen.
typedef enum hone_tune {
    HONE_TUNE_DEFAULT = 0, ///< quick where the device is there, else none
    HONE_TUNE_NONE = 1,    ///< by the model of their costs
    HONE_TUNE_QUICK = 2,   ///< the most promising are timed
    HONE_TUNE_FULL = 3,    ///< many are timed
} hone_tune;

typedef struct hone_build_options {
    size_t size;
    const hone_allocator *allocator;
    const hone_logger *logger;
    const hone_progress *progress;
    const char *device; ///< "cpu", "cuda", "cuda:1"; NULL: cpu
    hone_precision allow;
    const char *shapes;     ///< "name:1x3x224x224,other:1x8": fixes inputs' extents; NULL: none
    const char *min_shapes; ///< with opt_shapes and max_shapes: the profile, in the same form
    const char *opt_shapes;
    const char *max_shapes;
    const char
        *preprocess; ///< "decode,resize=256,crop=224,mean=...": see docs/preprocess.md; NULL: none
    const char *postprocess; ///< "softmax,topk=5"; NULL: none
    const char *labels;      ///< one class name a line; stored in the plan; NULL: none
    const char
        *dump_ir;     ///< a folder to write the IR to after every row of the pipeline; NULL: none
    bool no_optimize; ///< run what lowering needs only: for finding a pass that breaks an answer
    bool no_tf32;     ///< on GPUs: products of float32 are exact
    bool strongly_typed;      ///< types follow the graph: `allow` changes none
    const char *targets;      ///< GPU architectures, "sm_86 sm_89 ptx"; NULL: the device's own
    hone_tune tune;           ///< how kernels are chosen; other than none needs the device
    double time_budget_s;     ///< for tuning; 0: no limit
    const char *timing_cache; ///< a file of measured times, read and added to; NULL: none
} hone_build_options;

#define HONE_BUILD_OPTIONS(...)                                                                    \
    (&(hone_build_options){.size = sizeof(hone_build_options), __VA_ARGS__})

/// Compiles a model. Extents that no option fixes are set to 1, with a warning, as trtexec does.
/// The same model, options and version give the same bytes.
///
/// options  may be NULL
/// Errors   HONE_ERR_ARGUMENT     an option is malformed, or names no input
///          HONE_ERR_BUILD        shapes or types contradict each other: the message names the node
///          HONE_ERR_UNSUPPORTED  nodes that this device has no code for: the message has a line
///          for each HONE_ERR_MEMORY, HONE_ERR_LIMIT, HONE_ERR_CANCELLED
HONE_API hone_status hone_build(const hone_model *model, const hone_build_options *options,
                                hone_plan **out);

/// NVRTC, which compiles GPU kernels. Building for a GPU needs it, running a plan does not.
typedef struct hone_compiler_info {
    size_t size;
    const char *file;    ///< the library that was found
    const char *include; ///< the folder of CUDA's headers near it; NULL: none
    const char *archs;   ///< "sm_75 sm_80 ...": what it makes machine code for
    int major, minor;    ///< its CUDA version
} hone_compiler_info;

/// Looks for NVRTC in the file or folder that the environment variable HONE_NVRTC names, or else on
/// the library path, in CUDA toolkits, and in the Python package nvidia-cuda-nvrtc; fills *info,
/// whose size field the caller sets. Texts last as long as the process. Threads: any.
///
/// Errors   HONE_ERR_UNSUPPORTED  it was not found: the message says how to get it
HONE_API hone_status hone_compiler_describe(hone_compiler_info *info);

#ifdef __cplusplus
}
#endif
#endif
