/* Where the elements of a value lie in the value that they were moved from. */
#ifndef HONE_OPT_STRIDED_H
#define HONE_OPT_STRIDED_H

#include "opt/edit.h"

#define HONE_STRIDED_RANK (2 * HONE_MAX_RANK)

/* Element (i0, i1, ...) of the value is element offset + i0 * stride[0] + ... of `base`. */
typedef struct hone_strided {
    hone_value *base;
    int rank;
    int64_t dim[HONE_STRIDED_RANK], stride[HONE_STRIDED_RANK];
    int64_t offset;
} hone_strided;

/* Follows v through views, transposes, gathers of one entry, slices and splits as far back as one
 * set of strides can say it. The dimensions are v's own, some of them split in two; those of 1 are
 * left out. false where an extent is no number. */
bool hone_strided_of(hone_value *v, hone_strided *out);

/* The same with v's dimensions as they are, where those that were split go together again; those of
 * 1 have stride 0. */
bool hone_strided_as(const hone_strided *s, const hone_dims *dims, hone_strided *out);

#endif
