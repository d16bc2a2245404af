/* Machine code of kernels, made once for each text: by as many threads as there are cores. */
#ifndef HONE_TUNE_IMAGES_H
#define HONE_TUNE_IMAGES_H

#include "base/arena.h"
#include "base/log.h"
#include "cuda/nvrtc.h"

typedef struct hone_image {
    const char *name; /* of the kernel's function */
    const char *text;
    const char *arch; /* "sm_90a", "compute_86" */
    uint64_t hash;    /* of the text */
    hone_nvrtc_result result;
    bool is_made;
} hone_image;

typedef struct hone_images {
    hone_arena *arena;
    const char *folder; /* of images that were kept; NULL: none */
    HONE_VEC(hone_image) list;
} hone_images;

/* The images live in the arena and go with it. folder: where those of earlier builds are kept, made
 * when the first is; NULL: nowhere. */
hone_images *hone_images_create(hone_arena *arena, const char *folder);

/* The index of the image of this text; it is made by the next hone_images_make. The texts must live
 * as long as the images. */
int hone_images_want(hone_images *images, const char *name, const char *text, const char *arch);

/* Makes all that are wanted and not there yet. `phase` names it to the progress.
 *
 * Errors  HONE_ERR_UNSUPPORTED  there is no NVRTC
 *         HONE_ERR_BUILD        a text does not compile */
hone_status hone_images_make(hone_images *images, const hone_progress *progress, const char *phase);

/* Keeps an image for later builds: its file is named after what it is made of. A folder that cannot
 * be written is no error: the next build compiles again. */
void hone_images_keep(const hone_images *images, int index);

static inline const hone_image *hone_images_at(const hone_images *images, int index)
{
    return &images->list.v[index];
}

#endif
