/* Looking at tensors and making them up, for tools: one element as a number or text, a summary,
 * seeded values. Needs only the public types, so that the tool can include it. */
#ifndef HONE_MEDIA_VALUES_H
#define HONE_MEDIA_VALUES_H

#include "hone/types.h"

/* The number of elements; 0 where an extent is open. */
int64_t hone_values_count(const hone_tensor *tensor);

/* Bytes that a dense tensor takes; false on overflow or open extents. */
bool hone_values_size(hone_dtype dtype, const hone_dims *shape, size_t *out);

bool hone_values_same_shape(const hone_dims *a, const hone_dims *b);

/* "1x3x224x224", "1x?x8" for an open extent, "scalar", "any shape" for an open rank; returns text.
 */
#define HONE_VALUES_TEXT 192
const char *hone_values_shape_text(const hone_dims *shape, char text[HONE_VALUES_TEXT]);

/* Element i of a real tensor; the real part of a complex one; 0 for strings. */
double hone_values_at(const hone_tensor *tensor, int64_t i);

/* Element i as text, at most `room` - 1 letters: "0.125", "-3", "true", "\"word\"", "1+2i". */
void hone_values_print(const hone_tensor *tensor, int64_t i, char *text, size_t room);

typedef struct hone_values_summary {
    int64_t count, n_nan, n_infinite;
    double min, max, mean; /* of the finite elements; zero where there are none */
} hone_values_summary;
hone_values_summary hone_values_summarize(const hone_tensor *tensor);

/* How far `got` is from `want`, a tensor of the same type and shape. Floats may differ by atol +
 * rtol * |want|; NaN equals NaN and an infinity itself; all else must be equal. */
typedef struct hone_values_distance {
    int64_t count, n_wrong;
    double max_abs, max_rel; /* over what is finite in both */
    double rel_l2;           /* |got - want| / |want|; 0 where both are zero */
    double cosine;           /* 1 where one of them is zero */
} hone_values_distance;
hone_values_distance hone_values_compare(const hone_tensor *got, const hone_tensor *want,
                                         double rtol, double atol);

/* Fills a tensor with uniform values: floats in [0, 1), bool and integers 0 or 1 (right for masks
 * and as an index anywhere), but uint8 over its range, as in pictures; strings are empty. The same
 * seed gives the same values. */
void hone_values_fill(hone_tensor *tensor, uint64_t *seed);

/* True where NumPy has the type, so that .npy can hold it. */
bool hone_values_fit_npy(hone_dtype dtype);

/* A tensor with memory of its own, cleared; hone_array_free takes it back. */
struct hone_array;
hone_status hone_values_make(hone_dtype dtype, const hone_dims *shape, struct hone_array *out);

/* A file's bytes as a uint8 tensor of one dimension, and a picture file as uint8 [height, width,
 * 3]. */
hone_status hone_values_read_bytes(const char *path, struct hone_array *out);
hone_status hone_values_read_picture(const char *path, struct hone_array *out);

/* What the first bytes of a file say that it is. */
typedef enum hone_file_kind {
    HONE_FILE_UNKNOWN,
    HONE_FILE_NPY,
    HONE_FILE_NPZ,
    HONE_FILE_PICTURE,
} hone_file_kind;
hone_status hone_values_file_kind(const char *path, hone_file_kind *out);

#endif
