/* The ring behind uploads and downloads. An event a slot tells when the device is done with it; a
 * slot is waited for only when it comes round again. */
#include "cuda/staging.h"

#include <string.h>

#include "cuda/stream.h"

typedef struct slot {
    void *memory;
    CUevent done;
    bool is_used; /* `done` has been recorded */
} slot;

struct hone_cuda_staging {
    hone_cuda_device *device;
    size_t slot_size;
    int next;
    slot slots[HONE_STAGING_SLOTS];
};

hone_status hone_cuda_staging_create(hone_cuda_device *device, size_t slot_size,
                                     hone_cuda_staging **out)
{
    hone_status st;
    hone_cuda_staging *s = NULL;

    HONE_TRY_OUT(hone_alloc_zero(&device->allocator, sizeof *s, (void **)&s));
    s->device = device;
    s->slot_size = slot_size;
    for (int i = 0; i < HONE_STAGING_SLOTS; i++) {
        HONE_TRY_OUT(hone_cuda_pinned_alloc(device, slot_size, &s->slots[i].memory));
        HONE_TRY_OUT(hone_cuda_event_create(device, false, &s->slots[i].done));
    }
    *out = s;
    s = NULL; /* now the caller's */
out:
    hone_cuda_staging_destroy(s);
    return st;
}

void hone_cuda_staging_destroy(hone_cuda_staging *staging)
{
    if (!staging)
        return;
    hone_cuda_device *device = staging->device;
    for (int i = 0; i < HONE_STAGING_SLOTS; i++) {
        slot *s = &staging->slots[i];
        if (s->is_used)
            device->cu->cuEventSynchronize(s->done);
        hone_cuda_event_destroy(device, s->done);
        hone_cuda_pinned_free(device, s->memory);
    }
    hone_free(&device->allocator, staging, sizeof *staging);
}

/* The next slot, once the device has done with it. */
static hone_status take_slot(hone_cuda_staging *staging, slot **out)
{
    slot *s = &staging->slots[staging->next];

    staging->next = (staging->next + 1) % HONE_STAGING_SLOTS;
    if (s->is_used)
        HONE_TRY(HONE_CU(staging->device, cuEventSynchronize, s->done));
    s->is_used = false;
    *out = s;
    return HONE_OK;
}

static hone_status mark_slot(hone_cuda_staging *staging, CUstream stream, slot *s)
{
    HONE_TRY(HONE_CU(staging->device, cuEventRecord, s->done, stream));
    s->is_used = true;
    return HONE_OK;
}

hone_status hone_cuda_upload(hone_cuda_staging *staging, CUstream stream, CUdeviceptr dst,
                             const void *src, size_t size)
{
    for (size_t at = 0; at < size; at += staging->slot_size) {
        const size_t n = HONE_MIN(staging->slot_size, size - at);
        slot *s;
        HONE_TRY(take_slot(staging, &s));
        memcpy(s->memory, (const char *)src + at, n);
        HONE_TRY(HONE_CU(staging->device, cuMemcpyHtoDAsync, dst + at, s->memory, n, stream));
        HONE_TRY(mark_slot(staging, stream, s));
    }
    return HONE_OK;
}

/* A piece of a download that is on its way. */
typedef struct piece {
    slot *slot;
    char *dst;
    size_t size;
} piece;

static hone_status begin_piece(hone_cuda_staging *staging, CUstream stream, CUdeviceptr src,
                               piece *p)
{
    HONE_TRY(take_slot(staging, &p->slot));
    HONE_TRY(HONE_CU(staging->device, cuMemcpyDtoHAsync, p->slot->memory, src, p->size, stream));
    return mark_slot(staging, stream, p->slot);
}

static hone_status end_piece(hone_cuda_staging *staging, const piece *p)
{
    if (!p->slot)
        return HONE_OK;
    HONE_TRY(HONE_CU(staging->device, cuEventSynchronize, p->slot->done));
    p->slot->is_used = false;
    memcpy(p->dst, p->slot->memory, p->size);
    return HONE_OK;
}

hone_status hone_cuda_download(hone_cuda_staging *staging, CUstream stream, void *dst,
                               CUdeviceptr src, size_t size)
{
    piece last = {NULL, NULL, 0};

    for (size_t at = 0; at < size; at += staging->slot_size) {
        piece p = {NULL, (char *)dst + at, HONE_MIN(staging->slot_size, size - at)};
        HONE_TRY(begin_piece(staging, stream, src + at, &p));
        HONE_TRY(end_piece(staging, &last));
        last = p;
    }
    return end_piece(staging, &last);
}
