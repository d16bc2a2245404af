/// The words that every Hone header shares: status values, element types, shapes, tensors, and the
/// callback tables by which a program gives Hone its memory, its log and its progress bar. Included
/// by hone.h and build.h.
#ifndef HONE_TYPES_H
#define HONE_TYPES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#if defined(_WIN32)
#define HONE_API
#else
#define HONE_API __attribute__((visibility("default")))
#endif

#ifdef __cplusplus
extern "C" {
#endif

/// What a call says of itself. Values are pinned and only ever added to. The message that goes with
/// one is in hone_message(), one per thread.
///
///   X(name, value, text)
#define HONE_STATUS_LIST(X)                                                                        \
    X(OK, 0, "ok")                                                                                 \
    X(ERR_INTERNAL, 1, "internal error")   /* a fault of Hone's own; please report it */           \
    X(ERR_ARGUMENT, 2, "bad argument")     /* the caller broke a rule of the header */             \
    X(ERR_IO, 3, "input or output failed") /* the system refused a file or a mapping */            \
    X(ERR_FORMAT, 4, "malformed data")     /* bytes that are not what they claim to be */          \
    X(ERR_UNSUPPORTED, 5, "not supported") /* well-formed, but there is no code for it */          \
    X(ERR_BUILD, 6, "build failed")        /* shapes, types or limits contradict */                \
    X(ERR_DEVICE, 7, "device failed")      /* it or its driver refused, or a run failed */         \
    X(ERR_MEMORY, 8, "out of memory")      /* an allocator returned NULL */                        \
    X(ERR_LIMIT, 9, "over a limit")        /* of size, depth or count, as documented */            \
    X(ERR_MISMATCH, 10, "does not fit this device") /* a plan for another, or another version */   \
    X(ERR_CHECKSUM, 11, "checksum failed")          /* a plan's section is damaged */              \
    X(ERR_CANCELLED, 12, "cancelled")               /* the progress callback asked to stop */      \
    X(ERR_STATE, 13, "wrong state")                 /* right call, wrong time: see the message */

typedef enum hone_status {
#define HONE_STATUS_ENUM(name, value, text) HONE_##name = value,
    HONE_STATUS_LIST(HONE_STATUS_ENUM)
#undef HONE_STATUS_ENUM
} hone_status;

/// The short text of a status, "out of memory". Never NULL. Threads: any.
HONE_API const char *hone_status_text(hone_status status);

/// What went wrong in the last call of this thread that did not return HONE_OK: what was being
/// done, to which named thing, what was found, what was allowed. Valid until the thread's next
/// failing call. Threads: each has its own.
HONE_API const char *hone_message(void);

/// Sets that message, cut where it is too long, and returns status: for callbacks that fail.
/// Threads: any.
HONE_API hone_status hone_message_set(hone_status status, const char *text);

/// Element types. The values are ONNX's TensorProto.DataType. Types under a byte are packed, the
/// first element in the low bits.
///
///   X(name, value, text, bits)
#define HONE_DTYPE_LIST(X)                                                                         \
    X(NONE, 0, "none", 0)                                                                          \
    X(F32, 1, "float32", 32)                                                                       \
    X(U8, 2, "uint8", 8)                                                                           \
    X(I8, 3, "int8", 8)                                                                            \
    X(U16, 4, "uint16", 16)                                                                        \
    X(I16, 5, "int16", 16)                                                                         \
    X(I32, 6, "int32", 32)                                                                         \
    X(I64, 7, "int64", 64)                                                                         \
    X(STRING, 8, "string", 128)                                                                    \
    X(BOOL, 9, "bool", 8)                                                                          \
    X(F16, 10, "float16", 16)                                                                      \
    X(F64, 11, "float64", 64)                                                                      \
    X(U32, 12, "uint32", 32)                                                                       \
    X(U64, 13, "uint64", 64)                                                                       \
    X(C64, 14, "complex64", 64)                                                                    \
    X(C128, 15, "complex128", 128)                                                                 \
    X(BF16, 16, "bfloat16", 16)                                                                    \
    X(F8E4M3FN, 17, "float8e4m3fn", 8)                                                             \
    X(F8E4M3FNUZ, 18, "float8e4m3fnuz", 8)                                                         \
    X(F8E5M2, 19, "float8e5m2", 8)                                                                 \
    X(F8E5M2FNUZ, 20, "float8e5m2fnuz", 8)                                                         \
    X(U4, 21, "uint4", 4)                                                                          \
    X(I4, 22, "int4", 4)                                                                           \
    X(F4E2M1, 23, "float4e2m1", 4)                                                                 \
    X(F8E8M0, 24, "float8e8m0", 8)                                                                 \
    X(U2, 25, "uint2", 2)                                                                          \
    X(I2, 26, "int2", 2)

typedef enum hone_dtype {
#define HONE_DTYPE_ENUM(name, value, text, bits) HONE_##name = value,
    HONE_DTYPE_LIST(HONE_DTYPE_ENUM)
#undef HONE_DTYPE_ENUM
} hone_dtype;

/// "float32"; "?" for a number that is no type.
HONE_API const char *hone_dtype_text(hone_dtype dtype);

/// The most dimensions a tensor may have.
#define HONE_MAX_RANK 8

/// One element of a string tensor: bytes, not terminated.
typedef struct hone_string {
    const char *data;
    size_t size;
} hone_string;

/// The extents of a tensor, outermost first. rank 0 is a scalar. In questions about plans an extent
/// of -1 is one that the plan leaves open, and rank -1 a rank that is known only after a run.
typedef struct hone_dims {
    int rank;
    int64_t dim[HONE_MAX_RANK];
} hone_dims;

/// A dense tensor in row-major order: a view, never an owner.
typedef struct hone_tensor {
    hone_dtype dtype;
    hone_dims shape;
    void *data;  ///< aligned to the element's size; may be NULL where there are no elements
    size_t size; ///< bytes that data has room for
} hone_tensor;

/// Where Hone's memory comes from. align is a power of two, at most 4096; alloc returns NULL when
/// it cannot. Threads: both functions are called from any thread that calls Hone.
typedef struct hone_allocator {
    int version; ///< 1
    void *user;
    void *(*alloc)(void *user, size_t size, size_t align);
    void (*free)(void *user, void *memory, size_t size);
} hone_allocator;

/// How much a log line matters: errors are returned, never logged.
typedef enum hone_log_level {
    HONE_LOG_WARNING = 1,
    HONE_LOG_INFO = 2,
    HONE_LOG_DETAIL = 3,
} hone_log_level;

/// Takes one line of log, without its newline. Threads: may be called from any thread that calls
/// Hone.
typedef struct hone_logger {
    int version; ///< 1
    void *user;
    hone_log_level level; ///< lines above it are not formatted at all
    void (*log)(void *user, hone_log_level level, const char *line);
} hone_logger;

/// Where a long call has got to. total is 0 where it is not known.
typedef struct hone_progress_state {
    const char *phase; ///< "import", "passes", "pack", ...
    int64_t done;
    int64_t total;
} hone_progress_state;

/// Told of progress; returns false to cancel, and the call ends soon with HONE_ERR_CANCELLED,
/// leaving nothing behind.
typedef struct hone_progress {
    int version; ///< 1
    void *user;
    bool (*update)(void *user, const hone_progress_state *state);
} hone_progress;

#ifdef __cplusplus
}
#endif
#endif
