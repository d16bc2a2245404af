/* What the writers of a plan's sections share. */
#ifndef HONE_BUILD_WRITE_H
#define HONE_BUILD_WRITE_H

#include "build/gpu.h"

typedef struct hone_emitter {
    const hone_lowered *low;
    const hone_profile *profile;
    const hone_build_options *options;
    hone_text sections[HONE_SECTION_COUNT]; /* but for the weights */
    uint32_t *text_table; /* open addressing over the text section; offsets, 0: free */
    uint32_t text_room, n_texts;
    uint64_t *weight_at; /* by value: offset in the weights */
    uint64_t *weight_size;
    uint64_t weight_bytes;
    uint64_t device_weight_bytes; /* of them, at the front */
    int64_t *opt;                 /* by expression */
    uint8_t *data;                /* the plan's bytes, until they are handed over */
    size_t size;
} hone_emitter;

/* Appends to a section. */
void hone_put(hone_emitter *e, hone_section_kind kind, const void *data, size_t size);
/* The reference of a text; equal texts are one. */
uint32_t hone_put_text(hone_emitter *e, const char *text);
/* write_gpu.c: targets, kernels, launches, arguments, images. */
void hone_emit_gpu(hone_emitter *e);
/* How launch's tactic was chosen, for the section tuning. */
void hone_emit_tuning(hone_emitter *e, int step);

#endif
