/// Pictures and arrays as files: what the tool and the examples read and write. In libhone_media,
/// which needs libjpeg, libpng and zlib; libhone does not need it.
#ifndef HONE_MEDIA_H
#define HONE_MEDIA_H

#include <hone/types.h>

#ifdef __cplusplus
extern "C" {
#endif

/// Decodes a JPEG, PNG, PPM or BMP picture to interleaved RGB; fits
/// hone_engine_options.decode_image.
///
/// user     not used
/// rgb      NULL asks for the size; else width * height * 3 bytes are written
/// Errors   HONE_ERR_FORMAT       not a picture of these kinds, or a damaged one
///          HONE_ERR_LIMIT        more than 16384 pixels on a side
/// Threads  any
HONE_API hone_status hone_media_decode(void *user, const void *encoded, size_t encoded_size,
                                       int *width, int *height, uint8_t *rgb, size_t room);

/// A value read from a file: a tensor, or a sequence of tensors, or nothing (an empty optional).
typedef enum hone_array_kind {
    HONE_ARRAY_TENSOR,
    HONE_ARRAY_SEQUENCE,
    HONE_ARRAY_EMPTY,
} hone_array_kind;

typedef struct hone_array {
    hone_array_kind kind;
    hone_tensor tensor; ///< of a tensor; the data belongs to the array
    size_t n_items;     ///< of a sequence
    struct hone_array *items;
    void *memory;
} hone_array;

HONE_API void hone_array_free(hone_array *array); ///< what the array owns, not the struct itself

/// Reads .npy (format 1 to 3, C or Fortran order, either byte order, strings), or the first array
/// of an .npz.
HONE_API hone_status hone_npy_read(const char *path, hone_array *out);
/// Reads the array `name` of an .npz (stored or deflated); NULL: the only one.
HONE_API hone_status hone_npz_read(const char *path, const char *name, hone_array *out);
/// Reads an ONNX TensorProto, SequenceProto or OptionalProto, told apart by `expect` ("tensor",
/// "sequence", "optional").
HONE_API hone_status hone_pb_read(const char *path, const char *expect, hone_array *out);
/// Reads raw little-endian elements; the file's size must be exactly that of the shape.
HONE_API hone_status hone_raw_read(const char *path, hone_dtype dtype, const hone_dims *shape,
                                   hone_array *out);

/// Write beside the place, then rename. npy refuses types that NumPy has not
/// (HONE_ERR_UNSUPPORTED).
HONE_API hone_status hone_npy_write(const char *path, const hone_tensor *tensor);
HONE_API hone_status hone_pb_write(const char *path, const hone_array *array);
HONE_API hone_status hone_raw_write(const char *path, const hone_tensor *tensor);

#ifdef __cplusplus
}
#endif
#endif
